/* SPDX-License-Identifier: MIT */
#ifndef YG_API_KEYS_H
#define YG_API_KEYS_H

#include <stdatomic.h>

#include "api/api.h"

/* How much of its rate a key has used.  The period and the count in it in one word. */
struct yg_api_usage {
    atomic_uint_fast64_t word;
};

/* Terms, counted: a reference keeps their keys. */
struct yg_api_held {
    atomic_uint refs;
    struct yg_api_terms terms;
    struct yg_api_usage usage[]; /* of each key */
};

/* Returns NULL when out of memory; with one reference. */
struct yg_api_held *yg_api_held_new(const struct yg_api_terms *terms);
struct yg_api_held *yg_api_held_ref(struct yg_api_held *held);
/* The last one releases the terms.  NULL does nothing.  Returns NULL. */
struct yg_api_held *yg_api_held_unref(struct yg_api_held *held);

/*
 * The key that an Authorization header has: "Bearer KEY".  The time it takes does not tell which
 * keys there are.
 *
 * value   of the header; {NULL, 0}: none
 *
 * Returns it, of the terms, or NULL.
 */
const struct yg_api_key *yg_api_key_find(const struct yg_api_terms *terms, yodel_str value);

/* The key of that hash; NULL: there is none. */
const struct yg_api_key *yg_api_key_of_hash(const struct yg_api_terms *terms,
                                            const uint8_t sha256[32]);

/* Counts a command; returns whether they are within the rate. */
bool yg_api_key_take(const struct yg_api_key *key, struct yg_api_usage *usage, uint64_t now_ms);

/* SHA-256 of several parts, each with its length ahead of it.  Returns false when out of memory. */
bool yg_api_digest(const yodel_bytes *parts, size_t num, uint8_t ret_digest[32]);

#endif
