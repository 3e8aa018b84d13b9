/* SPDX-License-Identifier: MIT */
#include "hook/signature.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "whsec_"

/* The bytes of a secret, for free() with its length.  Returns NULL when out of memory; *ret_len is
 * SIZE_MAX for what is no base64. */
static uint8_t *bytes_of(const char *secret, size_t *ret_len)
{
    const size_t prefix = sizeof(PREFIX) - 1, len = strlen(secret);
    uint8_t *bytes = malloc(len + 1);
    int num;

    if (bytes == NULL)
        return NULL;
    if (strncmp(secret, PREFIX, prefix) != 0) {
        memcpy(bytes, secret, len);
        *ret_len = len;
        return bytes;
    }
    num = EVP_DecodeBlock(bytes, (const uint8_t *)secret + prefix, (int)(len - prefix));
    for (size_t i = len; num > 0 && i > prefix && secret[i - 1] == '='; i--)
        num--;
    *ret_len = num > 0 ? (size_t)num : SIZE_MAX;
    return bytes;
}

/* MAC of the three parts; the body may be large and is not copied. */
static int mac(const uint8_t *key, size_t len, const char *head, yodel_str body, uint8_t out[32])
{
    EVP_MAC *kind = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = kind != NULL ? EVP_MAC_CTX_new(kind) : NULL; /* which takes no NULL */
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                 OSSL_PARAM_construct_end()};
    size_t num = 0;
    const int good = ctx != NULL && EVP_MAC_init(ctx, key, len, params) == 1 &&
                     EVP_MAC_update(ctx, (const uint8_t *)head, strlen(head)) == 1 &&
                     EVP_MAC_update(ctx, (const uint8_t *)body.ptr, body.len) == 1 &&
                     EVP_MAC_final(ctx, out, &num, 32) == 1;

    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(kind);
    return good ? 0 : -ENOMEM;
}

static int sign_one(const char *secret, const char *head, yodel_str body, struct yg_text *text)
{
    size_t len = 0;
    uint8_t *key = bytes_of(secret, &len), code[32];
    char encoded[48];
    int rc;

    if (key == NULL)
        return -ENOMEM;
    if (len == SIZE_MAX) {
        OPENSSL_cleanse(key, strlen(secret));
        free(key);
        return -EINVAL;
    }
    rc = mac(key, len, head, body, code);
    OPENSSL_cleanse(key, len);
    free(key);
    if (rc < 0)
        return rc;
    EVP_EncodeBlock((uint8_t *)encoded, code, sizeof(code));
    yg_text_printf(text, "%sv1,%s", text->len > 0 ? " " : "", encoded);
    return 0;
}

int yg_sign(const char *const *secrets, unsigned num, const char *id, int64_t time_s,
            yodel_str body, struct yg_text *ret_text)
{
    struct yg_text head = {0};
    int rc = 0;

    yg_text_printf(&head, "%s.%" PRId64 ".", id, time_s);
    for (unsigned i = 0; i < num && rc == 0 && !yg_text_failed(&head); i++) {
        if (*secrets[i] != '\0')
            rc = sign_one(secrets[i], yg_text_string(&head), body, ret_text);
    }
    if (yg_text_failed(&head) || yg_text_failed(ret_text))
        rc = -ENOMEM;
    yg_text_done(&head);
    return rc;
}

/* ---- the side of a back end ---- */

/* Seconds since 1970; -1: it cannot be read. */
static int64_t read_time(yodel_str text)
{
    int64_t time = 0;

    if (text.len == 0 || text.len > 18)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -1;
        time = time * 10 + (text.ptr[i] - '0');
    }
    return time;
}

/* Whether a list of signatures, with blanks between them, has this one; the time that takes does
 * not tell how much of it is right. */
static bool has(yodel_str list, const char *signature, size_t len)
{
    bool found = false;

    for (size_t at = 0, end; at < list.len; at = end + 1) {
        for (end = at; end < list.len && list.ptr[end] != ' ';)
            end++;
        if (end - at == len && CRYPTO_memcmp(list.ptr + at, signature, len) == 0)
            found = true;
    }
    return found;
}

int yg_sign_check(const char *const *secrets, unsigned num, yodel_str id, yodel_str time,
                  yodel_str signatures, yodel_str body, int64_t now_s, enum yg_signed *ret_signed)
{
    const int64_t time_s = read_time(time);
    enum yg_signed found = YG_SIGNED_WRONG;
    struct yg_text head = {0}, own = {0};
    int rc = 0;

    if (id.len == 0 || time_s < 0 || signatures.len == 0) {
        *ret_signed = YG_SIGNED_NOT;
        return 0;
    }
    yg_text_printf(&head, "%" YODEL_PRI ".%" YODEL_PRI ".", YODEL_ARG(id), YODEL_ARG(time));
    for (unsigned i = 0; i < num && rc == 0; i++) {
        yg_text_reset(&own);
        if (*secrets[i] != '\0')
            rc = sign_one(secrets[i], yg_text_string(&head), body, &own);
        if (rc == 0 && (yg_text_failed(&head) || yg_text_failed(&own)))
            rc = -ENOMEM;
        if (rc == 0 && own.len > 0 && has(signatures, own.ptr, own.len))
            found = YG_SIGNED_WELL;
    }
    yg_text_done(&head);
    yg_text_done(&own);
    if (rc == 0 && found == YG_SIGNED_WELL &&
        (time_s < now_s - YG_SIGN_TOLERANCE_S || time_s > now_s + YG_SIGN_TOLERANCE_S))
        found = YG_SIGNED_STALE;
    if (rc == 0)
        *ret_signed = found;
    return rc;
}

const char *yg_signed_words(enum yg_signed found)
{
    static const char *const words[] = {
        [YG_SIGNED_WELL] = "the signature is right",
        [YG_SIGNED_NOT] = "it is not signed",
        [YG_SIGNED_STALE] = "its timestamp is more than five minutes off",
        [YG_SIGNED_WRONG] = "no signature is of this secret",
    };

    return words[found];
}
