/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <string.h>

#include "token/key.h"

/* The DER form of an ECDSA signature on P-521: two integers of at most 67 bytes, and their heads.
 */
#define DER_MAX 160

static bool serves(const struct yg_key *key, enum yg_algorithm algorithm)
{
    return (key->algorithms & YG_ALGORITHM_BIT(algorithm)) != 0 &&
           yg_algorithm_info(algorithm)->type == key->type;
}

/* ---- HMAC ---- */

static int hmac(const struct yg_key *key, const struct yg_algorithm_info *info, const void *data,
                size_t len, uint8_t ret_mac[EVP_MAX_MD_SIZE])
{
    const EVP_MD *md = EVP_get_digestbyname(info->digest);
    unsigned mac_len;

    if (md == NULL ||
        HMAC(md, key->secret, (int)key->secret_len, data, len, ret_mac, &mac_len) == NULL)
        return -ENOMEM;
    return 0;
}

static int verify_hmac(const struct yg_key *key, const struct yg_algorithm_info *info,
                       const void *data, size_t len, const uint8_t *signature, size_t signature_len)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    int rc = hmac(key, info, data, len, mac);

    if (rc == 0)
        rc = signature_len == info->hash_len && CRYPTO_memcmp(mac, signature, signature_len) == 0;
    OPENSSL_cleanse(mac, sizeof mac);
    return rc;
}

/* ---- r and s of ECDSA, and DER ---- */

/* Returns the length, 0: the signature cannot be one; -ENOMEM. */
static int raw_to_der(const struct yg_algorithm_info *info, const uint8_t *raw, size_t len,
                      uint8_t ret_der[DER_MAX])
{
    ECDSA_SIG *sig;
    BIGNUM *r = NULL, *s = NULL;
    int rc = -ENOMEM;

    if (len != 2 * info->half_len)
        return 0;
    if ((sig = ECDSA_SIG_new()) == NULL)
        return -ENOMEM;
    r = BN_bin2bn(raw, (int)info->half_len, NULL);
    s = BN_bin2bn(raw + info->half_len, (int)info->half_len, NULL);
    if (r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        goto done;
    }
    rc = i2d_ECDSA_SIG(sig, NULL);
    rc = rc > 0 && rc <= DER_MAX ? i2d_ECDSA_SIG(sig, &ret_der) : -ENOMEM;

done:
    ECDSA_SIG_free(sig);
    return rc;
}

static int der_to_raw(const struct yg_algorithm_info *info, const uint8_t *der, size_t len,
                      uint8_t *ret_raw)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    int half = (int)info->half_len;
    bool is_done = sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret_raw, half) == half &&
                   BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret_raw + half, half) == half;

    ECDSA_SIG_free(sig);
    return is_done ? 0 : -ENOMEM;
}

/* ---- RSA, EC, Ed25519 ---- */

static bool set_padding(EVP_PKEY_CTX *ctx, const struct yg_algorithm_info *info)
{
    if (info->type != YG_KEY_RSA)
        return true;
    if (!info->is_pss)
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1;
    /* RFC 7518, section 3.5: the salt is as long as the hash. */
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static EVP_MD_CTX *begin(const struct yg_key *key, const struct yg_algorithm_info *info,
                         bool is_signing)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner;
    int (*init)(EVP_MD_CTX *, EVP_PKEY_CTX **, const char *, OSSL_LIB_CTX *, const char *,
                EVP_PKEY *, const OSSL_PARAM *) =
        is_signing ? EVP_DigestSignInit_ex : EVP_DigestVerifyInit_ex;

    if (ctx != NULL && init(ctx, &inner, info->digest, NULL, NULL, key->pkey, NULL) == 1 &&
        set_padding(inner, info))
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

static int verify_pkey(const struct yg_key *key, const struct yg_algorithm_info *info,
                       const void *data, size_t len, const uint8_t *signature, size_t signature_len)
{
    uint8_t der[DER_MAX];
    EVP_MD_CTX *ctx;
    int rc;

    if (info->type == YG_KEY_EC) {
        if ((rc = raw_to_der(info, signature, signature_len, der)) <= 0)
            return rc;
        signature = der;
        signature_len = (size_t)rc;
    }
    if ((ctx = begin(key, info, false)) == NULL)
        return -ENOMEM;
    rc = EVP_DigestVerify(ctx, signature, signature_len, data, len) == 1;
    EVP_MD_CTX_free(ctx);
    return rc;
}

int yg_key_verify(const struct yg_key *key, enum yg_algorithm algorithm, const void *data,
                  size_t data_len, const uint8_t *signature, size_t signature_len)
{
    const struct yg_algorithm_info *info = yg_algorithm_info(algorithm);
    int rc;

    if (!serves(key, algorithm) || signature_len > YG_SIGNATURE_MAX)
        return 0;
    rc = key->type == YG_KEY_SECRET
             ? verify_hmac(key, info, data, data_len, signature, signature_len)
             : verify_pkey(key, info, data, data_len, signature, signature_len);
    ERR_clear_error();
    return rc;
}

static int sign_pkey(const struct yg_key *key, const struct yg_algorithm_info *info,
                     const void *data, size_t len, uint8_t *ret_signature, size_t *ret_len)
{
    uint8_t made[YG_SIGNATURE_MAX];
    size_t made_len = sizeof made;
    EVP_MD_CTX *ctx = begin(key, info, true);
    int rc = -ENOMEM;

    if (ctx != NULL && EVP_DigestSign(ctx, made, &made_len, data, len) == 1) {
        if (info->type == YG_KEY_EC) {
            rc = der_to_raw(info, made, made_len, ret_signature);
            made_len = 2 * info->half_len;
        } else {
            memcpy(ret_signature, made, made_len);
            rc = 0;
        }
    }
    EVP_MD_CTX_free(ctx);
    if (rc == 0)
        *ret_len = made_len;
    return rc;
}

int yg_key_sign(const struct yg_key *key, enum yg_algorithm algorithm, const void *data,
                size_t data_len, uint8_t ret_signature[YG_SIGNATURE_MAX], size_t *ret_len)
{
    const struct yg_algorithm_info *info = yg_algorithm_info(algorithm);
    uint8_t mac[EVP_MAX_MD_SIZE];
    int rc;

    if (!serves(key, algorithm) || !key->is_private)
        return -EINVAL;
    if (key->type == YG_KEY_SECRET) {
        if ((rc = hmac(key, info, data, data_len, mac)) == 0) {
            memcpy(ret_signature, mac, info->hash_len);
            *ret_len = info->hash_len;
        }
    } else {
        rc = sign_pkey(key, info, data, data_len, ret_signature, ret_len);
    }
    ERR_clear_error();
    return rc;
}
