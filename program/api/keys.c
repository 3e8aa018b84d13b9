/* SPDX-License-Identifier: MIT */
#include "api/keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#define MAX_KEY 1024

int yg_api_key_find(const struct yg_api_options *options, yodel_str value)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    int found = -1;

    if (value.len <= 7 || value.len > MAX_KEY || strncasecmp(value.ptr, "Bearer ", 7) != 0 ||
        EVP_Digest(value.ptr + 7, value.len - 7, digest, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    for (size_t i = 0; i < options->num_keys; i++) {
        if (CRYPTO_memcmp(options->keys[i].sha256, digest, 32) == 0)
            found = (int)i;
    }
    return found;
}

bool yg_api_key_take(const struct yg_api_key *key, struct yg_api_usage *usage, uint64_t now_ms)
{
    const uint64_t second = now_ms / 1000;
    uint_fast64_t old = atomic_load(&usage->word), fresh;

    if (key->rate == 0)
        return true;
    do {
        const uint64_t count = (old >> 32) == (second & UINT32_MAX) ? (old & UINT32_MAX) : 0;

        if (count >= key->rate)
            return false;
        fresh = second << 32 | (count + 1);
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
