/* SPDX-License-Identifier: MIT */
#ifndef YG_API_KEYS_H
#define YG_API_KEYS_H

#include <stdatomic.h>

#include "api/api.h"

/* How much of its rate a key has used.  The second and the count of it in one word. */
struct yg_api_usage {
    atomic_uint_fast64_t word;
};

/*
 * The key that an Authorization header has: "Bearer KEY".  The time it takes does not tell which
 * keys there are.
 *
 * value   of the header; {NULL, 0}: none
 *
 * Returns its index, or -1.
 */
int yg_api_key_find(const struct yg_api_options *options, yodel_str value);

/* Counts a command; returns whether they are within the rate. */
bool yg_api_key_take(const struct yg_api_key *key, struct yg_api_usage *usage, uint64_t now_ms);

/* SHA-256 of several parts, each with its length ahead of it.  Returns false when out of memory. */
bool yg_api_digest(const yodel_bytes *parts, size_t num, uint8_t ret_digest[32]);

#endif
