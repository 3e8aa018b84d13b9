/* SPDX-License-Identifier: MIT */
#include "token/jwks.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "token/base64url.h"
#include "token/jws.h"

#define ED25519_LEN 32
#define MOST_BYTES YG_HMAC_SECRET_MAX /* of a member; an RSA modulus has fewer */

/* ---- members ---- */

/* The bytes of a member, in room for MOST_BYTES.  Returns the number, 0: it is missing or no
 * base64url. */
static size_t take_bytes(const json_t *jwk, const char *name, uint8_t *ret_bytes)
{
    const json_t *value = json_object_get(jwk, name);
    size_t len;

    if (!json_is_string(value) || YG_BASE64URL_BYTES(json_string_length(value)) > MOST_BYTES ||
        yg_base64url_decode(json_string_value(value), json_string_length(value), ret_bytes, &len) !=
            YG_BASE64URL_OK)
        return 0;
    return len;
}

static const char *take_text(const json_t *jwk, const char *name)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text != NULL ? text : "";
}

/* RFC 7517, section 4.2 and 4.3. */
static bool is_for_signatures(const json_t *jwk)
{
    const json_t *ops = json_object_get(jwk, "key_ops");

    if (json_object_get(jwk, "use") != NULL && strcmp(take_text(jwk, "use"), "sig") != 0)
        return false;
    if (ops == NULL)
        return true;
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const char *op = json_string_value(json_array_get(ops, i));

        if (op != NULL && strcmp(op, "verify") == 0)
            return true;
    }
    return false;
}

/* What of algorithms the key's own alg leaves. */
static unsigned algorithms_left(const json_t *jwk, unsigned algorithms)
{
    int own;

    if (json_object_get(jwk, "alg") == NULL)
        return algorithms;
    own = yg_algorithm_find(take_text(jwk, "alg"));
    return own < 0 ? 0 : algorithms & YG_ALGORITHM_BIT(own);
}

/* ---- keys ---- */

static EVP_PKEY *pkey_of(const char *type, OSSL_PARAM_BLD *builder)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *pkey = NULL;

    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

static EVP_PKEY *rsa_of(const json_t *jwk)
{
    uint8_t n_bytes[MOST_BYTES], e_bytes[MOST_BYTES];
    size_t n_len = take_bytes(jwk, "n", n_bytes), e_len = take_bytes(jwk, "e", e_bytes);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;
    BIGNUM *n = NULL, *e = NULL;

    /* The exponent: odd, more than 1, and small: a large one makes each check slow. */
    if (builder != NULL && n_len > 0 && e_len > 0 && e_len <= 8 && (n_bytes[n_len - 1] & 1) &&
        (e_bytes[e_len - 1] & 1) && (n = BN_bin2bn(n_bytes, (int)n_len, NULL)) != NULL &&
        (e = BN_bin2bn(e_bytes, (int)e_len, NULL)) != NULL && !BN_is_one(e) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        pkey = pkey_of("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return pkey;
}

static size_t half_len(const char *curve)
{
    unsigned found = yg_algorithms_of_type(YG_KEY_EC, curve);

    for (int i = 0; i < YG_NUM_ALGORITHMS; i++)
        if (found & YG_ALGORITHM_BIT(i))
            return yg_algorithm_info((enum yg_algorithm)i)->half_len;
    return 0;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *ec_of(const json_t *jwk)
{
    const char *curve = take_text(jwk, "crv");
    uint8_t x[MOST_BYTES], y[MOST_BYTES], point[1 + 2 * 66];
    size_t half = half_len(curve);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey = NULL;

    if (builder != NULL && half > 0 && take_bytes(jwk, "x", x) == half &&
        take_bytes(jwk, "y", y) == half) {
        point[0] = 4; /* not compressed */
        memcpy(point + 1, x, half);
        memcpy(point + 1 + half, y, half);
        if (OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
            OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
                                             1 + 2 * half) == 1)
            pkey = pkey_of("EC", builder);
    }
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

static EVP_PKEY *ed25519_of(const json_t *jwk)
{
    uint8_t x[MOST_BYTES];

    if (take_bytes(jwk, "x", x) != ED25519_LEN)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, ED25519_LEN);
}

static int read_secret(const json_t *jwk, const struct yg_key_use *use,
                       struct yg_token_problem *problem, struct yg_key **ret)
{
    uint8_t secret[MOST_BYTES];
    size_t len = take_bytes(jwk, "k", secret);
    int rc;

    if (len == 0)
        return yg_token_problem_set(problem, -EINVAL, "k is missing, too long or no base64url");
    rc = yg_key_from_secret(use, secret, len, problem, ret);
    OPENSSL_cleanse(secret, len);
    return rc;
}

/* The kind as OpenSSL makes it; NULL: another kind. */
static EVP_PKEY *(*maker_of(const json_t *jwk, unsigned *ret_can))(const json_t *)
{
    const char *kty = take_text(jwk, "kty"), *crv = take_text(jwk, "crv");

    if (strcmp(kty, "RSA") == 0) {
        *ret_can = yg_algorithms_of_type(YG_KEY_RSA, NULL);
        return rsa_of;
    }
    if (strcmp(kty, "EC") == 0 && half_len(crv) > 0) {
        *ret_can = yg_algorithms_of_type(YG_KEY_EC, crv);
        return ec_of;
    }
    if (strcmp(kty, "OKP") == 0 && strcmp(crv, "Ed25519") == 0) {
        *ret_can = yg_algorithms_of_type(YG_KEY_ED25519, NULL);
        return ed25519_of;
    }
    return NULL;
}

int yg_jwk_read(const json_t *jwk, unsigned algorithms, struct yg_token_problem *problem,
                struct yg_key **ret)
{
    struct yg_key_use use = {.kid = take_text(jwk, "kid")};
    EVP_PKEY *(*make)(const json_t *), *pkey;
    unsigned can = yg_algorithms_of_type(YG_KEY_SECRET, NULL);
    bool is_secret = strcmp(take_text(jwk, "kty"), "oct") == 0;
    int rc;

    make = is_secret ? NULL : maker_of(jwk, &can);
    use.algorithms = algorithms_left(jwk, algorithms) & can;
    if ((!is_secret && make == NULL) || use.algorithms == 0 || !is_for_signatures(jwk))
        return 1;
    if (json_object_get(jwk, "kid") != NULL && !json_is_string(json_object_get(jwk, "kid")))
        return yg_token_problem_set(problem, -EINVAL, "kid is not a string");
    if (is_secret)
        return read_secret(jwk, &use, problem, ret);
    pkey = make(jwk);
    ERR_clear_error();
    if (pkey == NULL)
        return yg_token_problem_set(problem, -EINVAL, "the numbers are missing or no such key");
    rc = yg_key_from_pkey(&use, pkey, false, problem, ret);
    EVP_PKEY_free(pkey);
    return rc;
}

/* ---- sets ---- */

static int add_key(struct yg_keyset *set, const json_t *jwk, unsigned algorithms,
                   bool may_have_secrets, struct yg_token_problem *problem)
{
    struct yg_key *key;
    int rc;

    if (!may_have_secrets && strcmp(take_text(jwk, "kty"), "oct") == 0) {
        set->skipped_secret++;
        return 0;
    }
    if (set->num == YG_KEYSET_MAX) {
        set->skipped_many++;
        return 0;
    }
    rc = yg_jwk_read(jwk, algorithms, problem, &key);
    if (rc == 0)
        return yg_keyset_add(set, key);
    if (rc == 1)
        set->skipped_kind++;
    if (rc == -EINVAL)
        set->skipped_bad++;
    return rc == -ENOMEM ? rc : 0;
}

static int fill(struct yg_keyset *set, const json_t *keys, unsigned algorithms,
                bool may_have_secrets, struct yg_token_problem *problem)
{
    struct yg_token_problem last = {""};

    for (size_t i = 0; i < json_array_size(keys); i++) {
        int rc = add_key(set, json_array_get(keys, i), algorithms, may_have_secrets, &last);

        if (rc < 0)
            return rc;
    }
    if (set->num > 0)
        return 0;
    return yg_token_problem_set(problem, -EINVAL,
                                "the key set has no key that can be used, of %zu (%zu of another "
                                "kind or use, %zu damaged, %zu secrets)%s%s",
                                json_array_size(keys), set->skipped_kind, set->skipped_bad,
                                set->skipped_secret, last.text[0] != '\0' ? "; the last: " : "",
                                last.text);
}

int yg_jwks_parse(const char *text, size_t len, unsigned algorithms, bool may_have_secrets,
                  struct yg_token_problem *problem, struct yg_keyset **ret)
{
    struct yg_keyset *set;
    struct yg_json_where where;
    json_t *object, *keys;
    int rc;

    if (len > YG_JWKS_MAX_BYTES)
        return yg_token_problem_set(problem, -EINVAL, "the key set is larger than %zu KiB",
                                    YG_JWKS_MAX_BYTES >> 10);
    if ((rc = yg_json_read(text, len, YG_JWS_DEPTH, &where, &object)) == -ENOMEM)
        return rc;
    if (rc < 0)
        return yg_token_problem_set(problem, rc, "the key set %s, at byte %zu",
                                    yg_json_fault_words(where.fault), where.offset);
    keys = json_object_get(object, "keys");
    if (!json_is_array(keys)) {
        json_decref(object);
        return yg_token_problem_set(problem, -EINVAL, "the key set has no list \"keys\"");
    }
    set = yg_keyset_new();
    rc = set == NULL ? -ENOMEM : fill(set, keys, algorithms, may_have_secrets, problem);
    json_decref(object);
    if (rc < 0)
        yg_keyset_unref(set);
    else
        *ret = set;
    return rc;
}
