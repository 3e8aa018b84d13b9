/* SPDX-License-Identifier: MIT */
#include "token/key.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static struct yg_key *key_new(const struct yg_key_use *use, enum yg_key_type type)
{
    struct yg_key *key = calloc(1, sizeof *key);

    if (key == NULL)
        return NULL;
    key->type = type;
    if (use->kid != NULL && use->kid[0] != '\0') {
        size_t size = strlen(use->kid) + 1;

        if ((key->kid = malloc(size)) == NULL) {
            free(key);
            return NULL;
        }
        memcpy(key->kid, use->kid, size);
    }
    return key;
}

void yg_key_free(struct yg_key *key)
{
    if (key == NULL)
        return;
    if (key->secret != NULL)
        OPENSSL_cleanse(key->secret, key->secret_len);
    free(key->secret);
    EVP_PKEY_free(key->pkey);
    free(key->kid);
    free(key);
}

/* What of use is for keys that can do these. */
static int bind_algorithms(const struct yg_key_use *use, unsigned can, const char *what,
                           struct yg_token_problem *problem, unsigned *ret)
{
    char ours[128], asked[128];

    if (use->kid != NULL && strlen(use->kid) > YG_KID_MAX)
        return yg_token_problem_set(problem, -EINVAL, "the kid has more than %d bytes", YG_KID_MAX);
    if ((use->algorithms & can) == 0) {
        yg_algorithms_list(can, ours, sizeof ours);
        yg_algorithms_list(use->algorithms, asked, sizeof asked);
        return yg_token_problem_set(problem, -EINVAL, "it is %s, for %s, and is to serve %s", what,
                                    ours, asked);
    }
    *ret = use->algorithms & can;
    return 0;
}

/* ---- secrets ---- */

static int check_secret(const void *secret, size_t len, unsigned algorithms,
                        struct yg_token_problem *problem)
{
    if (yg_key_is_pem(secret, len))
        return yg_token_problem_set(problem, -EINVAL,
                                    "the secret is a PEM text: whoever has a public key could sign "
                                    "with it; give it as a PEM key");
    if (len > YG_HMAC_SECRET_MAX)
        return yg_token_problem_set(problem, -EINVAL, "the secret has more than %d bytes",
                                    YG_HMAC_SECRET_MAX);
    for (int i = 0; i < YG_NUM_ALGORITHMS; i++) {
        const struct yg_algorithm_info *info = yg_algorithm_info((enum yg_algorithm)i);

        if ((algorithms & YG_ALGORITHM_BIT(i)) && len < info->hash_len)
            return yg_token_problem_set(problem, -EINVAL,
                                        "the secret has %zu bytes, and %s wants at least %zu", len,
                                        info->name, info->hash_len);
    }
    return 0;
}

int yg_key_from_secret(const struct yg_key_use *use, const void *secret, size_t len,
                       struct yg_token_problem *problem, struct yg_key **ret)
{
    struct yg_key *key;
    unsigned algorithms;
    int rc = bind_algorithms(use, yg_algorithms_of_type(YG_KEY_SECRET, NULL),
                             yg_key_type_name(YG_KEY_SECRET), problem, &algorithms);

    if (rc < 0 || (rc = check_secret(secret, len, algorithms, problem)) < 0)
        return rc;
    if ((key = key_new(use, YG_KEY_SECRET)) == NULL)
        return -ENOMEM;
    if ((key->secret = malloc(len)) == NULL) {
        yg_key_free(key);
        return -ENOMEM;
    }
    memcpy(key->secret, secret, len);
    key->secret_len = len;
    key->algorithms = algorithms;
    key->is_private = true;
    *ret = key;
    return 0;
}

/* ---- public and private keys ---- */

static const char *curve_of(EVP_PKEY *pkey)
{
    static const char *const names[][2] = {{"prime256v1", "P-256"}, {"P-256", "P-256"},
                                           {"secp384r1", "P-384"},  {"P-384", "P-384"},
                                           {"secp521r1", "P-521"},  {"P-521", "P-521"}};
    char name[64];

    if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, NULL) ==
        1)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (strcmp(name, names[i][0]) == 0)
                return names[i][1];
    ERR_clear_error();
    return NULL;
}

static int check_rsa(EVP_PKEY *pkey, struct yg_token_problem *problem)
{
    int bits = EVP_PKEY_get_bits(pkey);

    if (bits < YG_RSA_MIN_BITS)
        return yg_token_problem_set(problem, -EINVAL, "the RSA key has %d bits, fewer than %d",
                                    bits, YG_RSA_MIN_BITS);
    if (bits > YG_RSA_MAX_BITS)
        return yg_token_problem_set(problem, -EINVAL, "the RSA key has %d bits, more than %d", bits,
                                    YG_RSA_MAX_BITS);
    return 0;
}

/* The type, and what keys of it are good for. */
static int look_at(EVP_PKEY *pkey, struct yg_token_problem *problem, enum yg_key_type *ret_type,
                   unsigned *ret_can)
{
    const char *curve = NULL;
    int rc = 0;

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        *ret_type = YG_KEY_RSA;
        rc = check_rsa(pkey, problem);
    } else if (EVP_PKEY_is_a(pkey, "EC")) {
        *ret_type = YG_KEY_EC;
        if ((curve = curve_of(pkey)) == NULL)
            return yg_token_problem_set(problem, -EINVAL,
                                        "the curve of the EC key is none of P-256, P-384, P-521");
    } else if (EVP_PKEY_is_a(pkey, "ED25519")) {
        *ret_type = YG_KEY_ED25519;
    } else {
        return yg_token_problem_set(problem, -EINVAL, "the key is neither RSA nor EC nor Ed25519");
    }
    *ret_can = yg_algorithms_of_type(*ret_type, curve);
    return rc;
}

int yg_key_from_pkey(const struct yg_key_use *use, EVP_PKEY *pkey, bool is_private,
                     struct yg_token_problem *problem, struct yg_key **ret)
{
    enum yg_key_type type;
    unsigned can, algorithms;
    struct yg_key *key;
    int rc = look_at(pkey, problem, &type, &can);

    if (rc < 0 ||
        (rc = bind_algorithms(use, can, yg_key_type_name(type), problem, &algorithms)) < 0)
        return rc;
    if ((key = key_new(use, type)) == NULL)
        return -ENOMEM;
    (void)EVP_PKEY_up_ref(pkey);
    key->pkey = pkey;
    key->algorithms = algorithms;
    key->is_private = is_private;
    *ret = key;
    return 0;
}

bool yg_key_is_pem(const char *text, size_t len)
{
    static const char begin[] = "-----BEGIN ";

    while (len > 0 && (*text == ' ' || (*text >= '\t' && *text <= '\r')))
        text++, len--;
    return len >= sizeof begin - 1 && memcmp(text, begin, sizeof begin - 1) == 0;
}

/* Nobody is asked for a password. */
static int no_password(char *buf, int size, int is_writing, void *user)
{
    (void)buf, (void)size, (void)is_writing, (void)user;
    return -1;
}

static EVP_PKEY *read_certificate(BIO *bio)
{
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    EVP_PKEY *pkey = certificate != NULL ? X509_get_pubkey(certificate) : NULL;

    X509_free(certificate);
    return pkey;
}

static bool has_label(const char *pem, size_t len, const char *label)
{
    return memmem(pem, len, label, strlen(label)) != NULL;
}

int yg_key_from_pem(const struct yg_key_use *use, const char *pem, size_t len, bool may_be_private,
                    struct yg_token_problem *problem, struct yg_key **ret)
{
    bool is_private = has_label(pem, len, "PRIVATE KEY-----");
    EVP_PKEY *pkey;
    BIO *bio;
    int rc;

    if (!yg_key_is_pem(pem, len) || len > YG_PEM_MAX)
        return yg_token_problem_set(problem, -EINVAL,
                                    "it is no PEM text (-----BEGIN PUBLIC KEY---)");
    if (is_private && !may_be_private)
        return yg_token_problem_set(problem, -EINVAL,
                                    "it is a private key: to check tokens takes the public one");
    if ((bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
        return -ENOMEM;
    if (is_private)
        pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    else if (has_label(pem, len, "-----BEGIN CERTIFICATE-----"))
        pkey = read_certificate(bio);
    else
        pkey = PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (pkey == NULL)
        return yg_token_problem_set(problem, -EINVAL, "the PEM text cannot be read: %s",
                                    is_private ? "it is damaged, or wants a password"
                                               : "it is damaged, or no PUBLIC KEY or CERTIFICATE");
    rc = yg_key_from_pkey(use, pkey, is_private, problem, ret);
    EVP_PKEY_free(pkey);
    return rc;
}
