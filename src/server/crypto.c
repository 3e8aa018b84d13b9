/* SPDX-License-Identifier: MIT */
#include "server/crypto.h"

#include <errno.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

/* Each fetch makes all of its kind; what it returns is not needed. */
static int make_kinds(void)
{
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA1", NULL);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    int rc = md != NULL && mac != NULL && cipher != NULL && kdf != NULL ? 0 : -ENOMEM;

    EVP_MD_free(md);
    EVP_MAC_free(mac);
    EVP_CIPHER_free(cipher);
    EVP_KDF_free(kdf);
    return rc;
}

/* The same of keys. */
static int make_kinds_of_keys(void)
{
    EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(NULL, "RSA", NULL);
    EVP_KEYEXCH *exchange = EVP_KEYEXCH_fetch(NULL, "ECDH", NULL);
    EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(NULL, "RSA", NULL);
    EVP_ASYM_CIPHER *cipher = EVP_ASYM_CIPHER_fetch(NULL, "RSA", NULL);
    OSSL_DECODER *decoder = OSSL_DECODER_fetch(NULL, "RSA", NULL);
    int rc =
        keys != NULL && exchange != NULL && signature != NULL && cipher != NULL && decoder != NULL
            ? 0
            : -ENOMEM;

    EVP_KEYMGMT_free(keys);
    EVP_KEYEXCH_free(exchange);
    EVP_SIGNATURE_free(signature);
    EVP_ASYM_CIPHER_free(cipher);
    OSSL_DECODER_free(decoder);
    return rc;
}

int yd_server_begin_crypto(void)
{
    int rc = make_kinds();

    if (rc == 0)
        rc = make_kinds_of_keys();
    if (rc < 0)
        ERR_clear_error();
    return rc;
}
