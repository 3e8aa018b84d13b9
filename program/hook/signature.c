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

struct yg_signer {
    unsigned num;
    EVP_MAC_CTX *keyed[];
};

static EVP_MAC_CTX *new_keyed(const uint8_t *key, size_t len)
{
    EVP_MAC *kind = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = kind != NULL ? EVP_MAC_CTX_new(kind) : NULL; /* which takes no NULL */
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                                 OSSL_PARAM_construct_end()};

    if (ctx != NULL && EVP_MAC_init(ctx, key, len, params) != 1) {
        EVP_MAC_CTX_free(ctx);
        ctx = NULL;
    }
    EVP_MAC_free(kind);
    return ctx;
}

static int add_secret(struct yg_signer *signer, const char *secret)
{
    size_t len = 0;
    uint8_t *key = bytes_of(secret, &len);
    EVP_MAC_CTX *ctx = NULL;
    int rc = -ENOMEM;

    if (key == NULL)
        return -ENOMEM;
    if (len == SIZE_MAX)
        rc = -EINVAL;
    else if ((ctx = new_keyed(key, len)) != NULL)
        rc = 0;
    OPENSSL_cleanse(key, strlen(secret));
    free(key);
    if (rc == 0)
        signer->keyed[signer->num++] = ctx;
    return rc;
}

int yg_signer_new(const char *const *secrets, unsigned num, struct yg_signer **ret_signer)
{
    struct yg_signer *signer = calloc(1, sizeof(*signer) + num * sizeof(signer->keyed[0]));
    int rc = signer != NULL ? 0 : -ENOMEM;

    for (unsigned i = 0; i < num && rc == 0; i++) {
        if (*secrets[i] != '\0')
            rc = add_secret(signer, secrets[i]);
    }
    if (rc < 0)
        yg_signer_free(signer);
    else
        *ret_signer = signer;
    return rc;
}

void yg_signer_free(struct yg_signer *signer)
{
    if (signer == NULL)
        return;
    for (unsigned i = 0; i < signer->num; i++)
        EVP_MAC_CTX_free(signer->keyed[i]);
    free(signer);
}

static bool update(EVP_MAC_CTX *ctx, yodel_str part)
{
    return EVP_MAC_update(ctx, (const uint8_t *)part.ptr, part.len) == 1;
}

/* Adds one signature; the body may be large and is not copied. */
static int sign_with(EVP_MAC_CTX *ctx, yodel_str id, yodel_str time, yodel_str body,
                     struct yg_text *text)
{
    const yodel_str dot = YODEL_STR(".");
    uint8_t code[32], encoded[48];
    size_t num = 0;

    /* Without a key: that which it has. */
    if (EVP_MAC_init(ctx, NULL, 0, NULL) != 1 || !update(ctx, id) || !update(ctx, dot) ||
        !update(ctx, time) || !update(ctx, dot) || !update(ctx, body) ||
        EVP_MAC_final(ctx, code, &num, sizeof(code)) != 1)
        return -ENOMEM;
    EVP_EncodeBlock(encoded, code, sizeof(code));
    yg_text_puts(text, "v1,");
    yg_text_puts(text, (const char *)encoded);
    return 0;
}

int yg_signer_sign(struct yg_signer *signer, const char *id, int64_t time_s, yodel_str body,
                   struct yg_text *text)
{
    char digits[24];
    const int len = snprintf(digits, sizeof(digits), "%" PRId64, time_s);
    int rc = 0;

    for (unsigned i = 0; i < signer->num && rc == 0; i++) {
        if (i > 0)
            yg_text_putc(text, ' ');
        rc = sign_with(signer->keyed[i], yodel_str_of(id), (yodel_str){digits, (size_t)len}, body,
                       text);
    }
    return rc == 0 && yg_text_failed(text) ? -ENOMEM : rc;
}

int yg_sign(const char *const *secrets, unsigned num, const char *id, int64_t time_s,
            yodel_str body, struct yg_text *text)
{
    struct yg_signer *signer;
    int rc = yg_signer_new(secrets, num, &signer);

    if (rc < 0)
        return rc;
    rc = yg_signer_sign(signer, id, time_s, body, text);
    yg_signer_free(signer);
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
    struct yg_signer *signer;
    struct yg_text own = {0};
    int rc;

    if (id.len == 0 || time_s < 0 || signatures.len == 0) {
        *ret_signed = YG_SIGNED_NOT;
        return 0;
    }
    if ((rc = yg_signer_new(secrets, num, &signer)) < 0)
        return rc;
    for (unsigned i = 0; i < signer->num && rc == 0; i++) {
        yg_text_reset(&own);
        rc = sign_with(signer->keyed[i], id, time, body, &own);
        if (rc == 0 && yg_text_failed(&own))
            rc = -ENOMEM;
        if (rc == 0 && has(signatures, own.ptr, own.len))
            found = YG_SIGNED_WELL;
    }
    yg_signer_free(signer);
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
