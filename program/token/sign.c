/* SPDX-License-Identifier: MIT */
#include "token/sign.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "token/base64url.h"
#include "token/jws.h"

enum yg_algorithm yg_key_algorithm(const struct yg_key *key)
{
    enum yg_algorithm algorithm = YG_HS256;

    while ((key->algorithms & YG_ALGORITHM_BIT(algorithm)) == 0)
        algorithm++;
    return algorithm;
}

/* ---- tokens ---- */

/* The text of a value; NULL: no memory.  jansson's own buffer may lose what it has no memory for.
 */
static char *text_of(const json_t *value)
{
    size_t len = json_dumpb(value, NULL, 0, JSON_COMPACT);
    char *text = len > 0 ? malloc(len + 1) : NULL;

    if (text == NULL)
        return NULL;
    if (json_dumpb(value, text, len, JSON_COMPACT) != len) {
        free(text);
        return NULL;
    }
    text[len] = '\0';
    return text;
}

static char *header_text(enum yg_algorithm algorithm, const char *kid)
{
    json_t *header =
        json_pack("{s:s, s:s}", "alg", yg_algorithm_info(algorithm)->name, "typ", "JWT");
    char *text = NULL;

    if (header != NULL && (kid == NULL || kid[0] == '\0' ||
                           json_object_set_new(header, "kid", json_string(kid)) == 0))
        text = text_of(header);
    json_decref(header);
    return text;
}

/* "header.payload", and room for a signature. */
static char *begin_token(const char *header, const char *payload, size_t *ret_len)
{
    size_t header_len = strlen(header), payload_len = strlen(payload), len;
    char *token = malloc(YG_BASE64URL_CHARS(header_len) + YG_BASE64URL_CHARS(payload_len) +
                         YG_BASE64URL_CHARS(YG_SIGNATURE_MAX) + sizeof "..");

    if (token == NULL)
        return NULL;
    len = yg_base64url_encode((const uint8_t *)header, header_len, token);
    token[len++] = '.';
    *ret_len = len + yg_base64url_encode((const uint8_t *)payload, payload_len, token + len);
    return token;
}

int yg_token_sign(const struct yg_key *key, enum yg_algorithm algorithm, const char *kid,
                  const json_t *claims, char **ret_text)
{
    char *header = header_text(algorithm, kid), *payload = text_of(claims);
    char *token = NULL;
    uint8_t signature[YG_SIGNATURE_MAX];
    size_t len, signature_len;
    int rc = -ENOMEM;

    if (header == NULL || payload == NULL || (token = begin_token(header, payload, &len)) == NULL)
        goto done;
    if ((rc = yg_key_sign(key, algorithm, token, len, signature, &signature_len)) < 0)
        goto done;
    token[len++] = '.';
    len += yg_base64url_encode(signature, signature_len, token + len);
    token[len] = '\0';
    if (len > YG_TOKEN_MAX) {
        rc = -E2BIG;
        goto done;
    }
    *ret_text = token;
    token = NULL;

done:
    free(token);
    free(payload);
    free(header);
    return rc;
}

/* ---- keys ---- */

static int random_secret(size_t len, char **ret)
{
    uint8_t bytes[EVP_MAX_MD_SIZE];
    char *text = malloc(YG_BASE64URL_CHARS(len) + 1);

    if (text == NULL)
        return -ENOMEM;
    if (RAND_bytes(bytes, (int)len) != 1) {
        free(text);
        return -EIO;
    }
    text[yg_base64url_encode(bytes, len, text)] = '\0';
    OPENSSL_cleanse(bytes, sizeof bytes);
    *ret = text;
    return 0;
}

static char *text_of_bio(BIO *bio)
{
    char *bytes, *text;
    long len = BIO_get_mem_data(bio, &bytes);

    if (len <= 0 || (text = malloc((size_t)len + 1)) == NULL)
        return NULL;
    memcpy(text, bytes, (size_t)len);
    text[len] = '\0';
    return text;
}

static char *pem_of(EVP_PKEY *pkey, bool is_private)
{
    BIO *bio = BIO_new(is_private ? BIO_s_secmem() : BIO_s_mem());
    char *text = NULL;

    if (bio != NULL &&
        (is_private ? PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
                    : PEM_write_bio_PUBKEY(bio, pkey)) == 1)
        text = text_of_bio(bio);
    BIO_free(bio);
    return text;
}

static int random_pair(const struct yg_algorithm_info *info, struct yg_key_texts *texts)
{
    EVP_PKEY *pkey = info->type == YG_KEY_EC ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", info->curve)
                                             : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    if (pkey == NULL)
        return -EIO;
    texts->secret_part = pem_of(pkey, true);
    texts->public_part = pem_of(pkey, false);
    EVP_PKEY_free(pkey);
    if (texts->secret_part != NULL && texts->public_part != NULL)
        return 0;
    yg_key_texts_free(texts);
    return -ENOMEM;
}

int yg_key_generate(enum yg_algorithm algorithm, struct yg_key_texts *ret)
{
    const struct yg_algorithm_info *info = yg_algorithm_info(algorithm);
    struct yg_key_texts made = {0};
    int rc;

    if (info->type == YG_KEY_RSA)
        return -EINVAL;
    rc = info->type == YG_KEY_SECRET ? random_secret(info->hash_len, &made.secret_part)
                                     : random_pair(info, &made);
    ERR_clear_error();
    if (rc == 0)
        *ret = made;
    return rc;
}

void yg_key_texts_free(struct yg_key_texts *texts)
{
    if (texts->secret_part != NULL)
        OPENSSL_cleanse(texts->secret_part, strlen(texts->secret_part));
    free(texts->secret_part);
    free(texts->public_part);
    *texts = (struct yg_key_texts){0};
}
