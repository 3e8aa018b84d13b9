/* SPDX-License-Identifier: MIT */
#include "api/keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_KEY 1024
#define MAX_COMMANDS 1000

struct yg_api_held *yg_api_held_new(const struct yg_api_terms *terms)
{
    struct yg_api_held *held = calloc(1, sizeof(*held) + terms->num_keys * sizeof(held->usage[0]));

    if (held == NULL)
        return NULL;
    atomic_init(&held->refs, 1);
    held->terms = *terms;
    if (held->terms.max_commands == 0)
        held->terms.max_commands = MAX_COMMANDS;
    return held;
}

struct yg_api_held *yg_api_held_ref(struct yg_api_held *held)
{
    atomic_fetch_add_explicit(&held->refs, 1, memory_order_relaxed);
    return held;
}

struct yg_api_held *yg_api_held_unref(struct yg_api_held *held)
{
    if (held == NULL || atomic_fetch_sub_explicit(&held->refs, 1, memory_order_acq_rel) > 1)
        return NULL;
    if (held->terms.release != NULL)
        held->terms.release(held->terms.owner);
    free(held);
    return NULL;
}

const struct yg_api_key *yg_api_key_of_hash(const struct yg_api_terms *terms,
                                            const uint8_t sha256[32])
{
    const struct yg_api_key *found = NULL;

    for (size_t i = 0; i < terms->num_keys; i++) {
        if (CRYPTO_memcmp(terms->keys[i].sha256, sha256, 32) == 0)
            found = &terms->keys[i];
    }
    return found;
}

const struct yg_api_key *yg_api_key_find(const struct yg_api_terms *terms, yodel_str value)
{
    uint8_t digest[EVP_MAX_MD_SIZE];

    if (value.len <= 7 || value.len > MAX_KEY || strncasecmp(value.ptr, "Bearer ", 7) != 0 ||
        EVP_Digest(value.ptr + 7, value.len - 7, digest, NULL, EVP_sha256(), NULL) != 1)
        return NULL;
    return yg_api_key_of_hash(terms, digest);
}

bool yg_api_key_take(const struct yg_api_key *key, struct yg_api_usage *usage, uint64_t now_ms)
{
    const uint64_t period = now_ms / (key->rate_ms != 0 ? key->rate_ms : 1000);
    uint_fast64_t old = atomic_load(&usage->word), fresh;

    if (key->rate == 0)
        return true;
    do {
        const uint64_t count = (old >> 32) == (period & UINT32_MAX) ? (old & UINT32_MAX) : 0;

        if (count >= key->rate)
            return false;
        fresh = period << 32 | (count + 1);
    } while (!atomic_compare_exchange_weak(&usage->word, &old, fresh));
    return true;
}

bool yg_api_digest(const yodel_bytes *parts, size_t num, uint8_t ret_digest[32])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; good && i < num; i++) {
        const uint64_t len = parts[i].len;

        good = EVP_DigestUpdate(context, &len, sizeof(len)) == 1 &&
               EVP_DigestUpdate(context, parts[i].ptr, parts[i].len) == 1;
    }
    good = good && EVP_DigestFinal_ex(context, ret_digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    return good;
}
