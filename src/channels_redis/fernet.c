/* SPDX-License-Identifier: MIT */
#include "channels_redis/fernet.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "proto/base64.h"

#define VERSION 0x80
#define HEAD_LEN (1 + 8 + YD_FERNET_IV_LEN)
#define MAC_LEN 32
#define BLOCK_LEN 16

int yd_fernet_make_key(yodel_bytes secret, struct yd_fernet_key *ret_key)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    if (EVP_Digest(secret.ptr, secret.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    memcpy(ret_key->sign, digest, sizeof ret_key->sign);
    memcpy(ret_key->crypt, digest + sizeof ret_key->sign, sizeof ret_key->crypt);
    OPENSSL_cleanse(digest, sizeof digest);
    return 0;
}

static bool sign(const struct yd_fernet_key *key, const uint8_t *data, size_t len,
                 uint8_t ret_mac[MAC_LEN])
{
    return HMAC(EVP_sha256(), key->sign, sizeof key->sign, data, len, ret_mac, NULL) != NULL;
}

/* ---- base64url, in place: the standard one with two other characters ---- */

static void swap_characters(uint8_t *text, size_t len, const char *from, const char *to)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == (uint8_t)from[0])
            text[i] = (uint8_t)to[0];
        else if (text[i] == (uint8_t)from[1])
            text[i] = (uint8_t)to[1];
    }
}

/* ---- encrypting ---- */

static bool encrypt(const struct yd_fernet_key *key, const uint8_t *iv, yodel_bytes message,
                    uint8_t *out, size_t *ret_len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0, rest = 0;
    bool done;

    done = ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, key->crypt, iv) == 1 &&
           EVP_EncryptUpdate(ctx, out, &len, message.ptr, (int)message.len) == 1 &&
           EVP_EncryptFinal_ex(ctx, out + len, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    *ret_len = (size_t)(len + rest);
    return done;
}

/* The bytes of a token, in room for them.  Returns their number, or 0: OpenSSL has failed. */
static size_t seal(const struct yd_fernet_key *key, const uint8_t *iv, uint64_t now_s,
                   yodel_bytes message, uint8_t *raw)
{
    size_t len;

    raw[0] = VERSION;
    for (unsigned i = 0; i < 8; i++)
        raw[1 + i] = (uint8_t)(now_s >> (56 - 8 * i));
    if (iv != NULL)
        memcpy(raw + 9, iv, YD_FERNET_IV_LEN);
    else if (RAND_bytes(raw + 9, YD_FERNET_IV_LEN) != 1)
        return 0;
    if (!encrypt(key, raw + 9, message, raw + HEAD_LEN, &len) ||
        !sign(key, raw, HEAD_LEN + len, raw + HEAD_LEN + len))
        return 0;
    return HEAD_LEN + len + MAC_LEN;
}

int yd_fernet_put(const struct yodel_allocator *mem, struct yd_buf *buf,
                  const struct yd_fernet_key *key, const uint8_t *iv, uint64_t now_s,
                  yodel_bytes message)
{
    size_t room = HEAD_LEN + message.len + BLOCK_LEN + MAC_LEN, len, text;
    uint8_t *raw;
    int rc = -ENOMEM;

    if (message.len > INT_MAX / 2)
        return -ENOMEM;
    if ((raw = yd_alloc(mem, room)) == NULL)
        return -ENOMEM;
    if ((len = seal(key, iv, now_s, message, raw)) == 0)
        goto done;
    text = yd_base64_len(len);
    if ((rc = yd_buf_reserve(mem, buf, text)) < 0)
        goto done;
    (void)yd_base64_encode((char *)buf->ptr + buf->len, raw, len);
    swap_characters(buf->ptr + buf->len, text, "+/", "-_");
    buf->len += text;

done:
    yd_free(mem, raw);
    return rc;
}

/* ---- decrypting ---- */

static bool decrypt(const struct yd_fernet_key *key, const uint8_t *iv, yodel_bytes sealed,
                    uint8_t *out, size_t *ret_len)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0, rest = 0;
    bool done;

    done = ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_128_cbc(), NULL, key->crypt, iv) == 1 &&
           EVP_DecryptUpdate(ctx, out, &len, sealed.ptr, (int)sealed.len) == 1 &&
           EVP_DecryptFinal_ex(ctx, out + len, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    *ret_len = (size_t)(len + rest);
    return done;
}

static const struct yd_fernet_key *find_key(const struct yd_fernet_key *keys, size_t num_keys,
                                            const uint8_t *raw, size_t len)
{
    const struct yd_fernet_key *found = NULL;
    uint8_t mac[MAC_LEN];

    for (size_t i = 0; i < num_keys && found == NULL; i++)
        if (sign(&keys[i], raw, len - MAC_LEN, mac) &&
            CRYPTO_memcmp(mac, raw + len - MAC_LEN, MAC_LEN) == 0)
            found = &keys[i];
    return found;
}

static int check_age(const uint8_t *raw, uint64_t now_s, uint64_t max_age_s)
{
    uint64_t made = 0;

    for (unsigned i = 0; i < 8; i++)
        made = made << 8 | raw[1 + i];
    if (max_age_s == 0)
        return 0;
    if (made > now_s)
        return made - now_s > YD_FERNET_SKEW_S ? YODEL_ERR_PROTOCOL : 0;
    return now_s - made > max_age_s ? -ETIMEDOUT : 0;
}

struct opening {
    const struct yd_fernet_key *keys;
    size_t num_keys;
    uint64_t now_s, max_age_s;
};

static int open_raw(const struct yodel_allocator *mem, struct yd_buf *buf,
                    const struct opening *opening, const uint8_t *raw, size_t len)
{
    const struct yd_fernet_key *key;
    yodel_bytes sealed;
    size_t opened;
    int rc;

    if (len < HEAD_LEN + BLOCK_LEN + MAC_LEN || raw[0] != VERSION || len > INT_MAX)
        return YODEL_ERR_PROTOCOL;
    sealed = (yodel_bytes){raw + HEAD_LEN, len - HEAD_LEN - MAC_LEN};
    if (sealed.len % BLOCK_LEN != 0 ||
        (key = find_key(opening->keys, opening->num_keys, raw, len)) == NULL)
        return YODEL_ERR_PROTOCOL;
    if ((rc = check_age(raw, opening->now_s, opening->max_age_s)) < 0 ||
        (rc = yd_buf_reserve(mem, buf, sealed.len + BLOCK_LEN)) < 0)
        return rc;
    if (!decrypt(key, raw + 9, sealed, buf->ptr + buf->len, &opened))
        return YODEL_ERR_PROTOCOL;
    buf->len += opened;
    return 0;
}

int yd_fernet_read(const struct yodel_allocator *mem, struct yd_buf *buf,
                   const struct yd_fernet_key *keys, size_t num_keys, uint64_t now_s,
                   uint64_t max_age_s, yodel_bytes token)
{
    const struct opening opening = {keys, num_keys, now_s, max_age_s};
    uint8_t *raw;
    size_t len;
    int rc = YODEL_ERR_PROTOCOL;

    if (token.len == 0 || memchr(token.ptr, '+', token.len) != NULL ||
        memchr(token.ptr, '/', token.len) != NULL)
        return YODEL_ERR_PROTOCOL;
    if ((raw = yd_alloc(mem, token.len)) == NULL)
        return -ENOMEM;
    memcpy(raw, token.ptr, token.len);
    swap_characters(raw, token.len, "-_", "+/");
    if (yd_base64_decode(raw, raw, token.len, &len))
        rc = open_raw(mem, buf, &opening, raw, len);
    yd_free(mem, raw);
    return rc;
}
