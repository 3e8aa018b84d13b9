/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_CLAIMS_H
#define YG_TOKEN_CLAIMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "token/refusal.h"

/* The steps time, issuer, audience and user of a token whose signature holds. */

#define YG_USER_MAX 255 /* bytes */

struct yg_claims_rules {
    const char *issuer;     /* NULL: any */
    const char *audience;   /* NULL: any */
    const char *user_claim; /* the name of the claim */
    int64_t leeway_ms;
    bool require_exp;
    bool anonymous;
};

struct yg_claims {
    const char *user, *jti; /* views; NULL: none */
    int64_t expires_ms;     /* exp, 0: none */
};

/* 0, or -EACCES with the refusal filled. */
int yg_claims_check(const json_t *claims, const struct yg_claims_rules *rules, int64_t now_ms,
                    struct yg_refusal *refusal, struct yg_claims *ret);

#endif
