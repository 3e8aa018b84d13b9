/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_KEYSET_H
#define YG_TOKEN_KEYSET_H

#include <stddef.h>

#include "token/key.h"

/* Keys that do not change any more: counted, used by any thread, exchanged whole. */

#define YG_KEYSET_MAX 64

struct yg_keyset {
    int refs; /* atomic */
    size_t num;
    struct yg_key *keys[YG_KEYSET_MAX];
    /* What a JWK set had besides, for the log. */
    size_t skipped_kind;   /* of another kty, curve, use, operation or algorithm */
    size_t skipped_bad;    /* damaged, too short, without what its kind must have */
    size_t skipped_secret; /* secrets where none may be */
    size_t skipped_many;   /* beyond YG_KEYSET_MAX */
};

/* Empty, with one reference; NULL: no memory. */
struct yg_keyset *yg_keyset_new(void);
struct yg_keyset *yg_keyset_ref(struct yg_keyset *set);
void yg_keyset_unref(struct yg_keyset *set); /* NULL is allowed */

/* Owns the key from then on, success or not.  0; -ENOSPC. */
int yg_keyset_add(struct yg_keyset *set, struct yg_key *key);

#endif
