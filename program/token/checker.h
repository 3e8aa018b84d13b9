/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_CHECKER_H
#define YG_TOKEN_CHECKER_H

#include <pthread.h>

#include "token/claims.h"
#include "token/token.h"

/* What the two files of the checker share. */
struct yg_token_checker {
    unsigned algorithms; /* bits */
    struct yg_keyset *keys;
    bool fetches; /* there is a jwks_url */
    struct yg_claims_rules claims;
    char *issuer, *audience, *user_claim; /* behind claims */
    pthread_mutex_t lock;
    struct yg_keyset *fetched; /* lock; NULL: none yet */
};

#endif
