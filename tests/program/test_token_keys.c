/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "token/base64url.h"
#include "token/jwks.h"
#include "token/key.h"
#include "token/sign.h"
#include "token_failing.h"

/* ---- base64url ---- */

static void test_token_base64url(void **state)
{
    static const struct {
        const char *text;
        enum yg_base64url result;
    } texts[] = {
        {"", YG_BASE64URL_OK},
        {"AA", YG_BASE64URL_OK},
        {"AB", YG_BASE64URL_BITS},
        {"AAA", YG_BASE64URL_OK},
        {"AAB", YG_BASE64URL_BITS},
        {"AAE", YG_BASE64URL_OK},
        {"-_-_", YG_BASE64URL_OK},
        {"+/+/", YG_BASE64URL_CHARACTER},
        {"A", YG_BASE64URL_LENGTH},
        {"AAAAA", YG_BASE64URL_LENGTH},
        {"AA==", YG_BASE64URL_PADDING},
        {"AA A", YG_BASE64URL_CHARACTER},
        {"AAAA\n", YG_BASE64URL_CHARACTER},
    };
    uint8_t bytes[256], back[256 + 8];
    char text[YG_BASE64URL_CHARS(256)];
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(yg_base64url_decode(texts[i].text, strlen(texts[i].text), back, &len),
                         texts[i].result);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 167 + 13);
    for (size_t i = 0; i <= sizeof bytes; i++) {
        size_t chars = yg_base64url_encode(bytes, i, text);

        assert_int_equal(chars, YG_BASE64URL_CHARS(i));
        assert_true(YG_BASE64URL_BYTES(chars) >= i);
        assert_int_equal(yg_base64url_decode(text, chars, back, &len), YG_BASE64URL_OK);
        assert_int_equal(len, i);
        assert_memory_equal(back, bytes, i);
    }
}

/* ---- the examples of the RFCs ---- */

struct vector {
    const char *what, *jwk;
    enum yg_algorithm algorithm;
    const char *data, *signature;
};

static const struct vector vectors[] = {
    {"RFC 7515, A.1",
     "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-"
     "1qS0gZH75aKtMN3Yj0iPS4hcg"
     "UuTwjAzZr1Z9CAow\",\"alg\":\"HS256\"}",
     YG_HS256,
     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0"
     "dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
     "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
    {"RFC 7515, A.2",
     "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-"
     "Vaw-4"
     "qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_"
     "7OMg0LOL-"
     "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
     "UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4"
     "LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\","
     "\"e\":\"AQAB\"}",
     YG_RS256,
     "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
     "bS9pc19yb290Ijp0cnVlfQ",
     "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
     "O8W2Fp5ju"
     "jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
     "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07"
     "Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
     "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipU"
     "TI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
    {"RFC 7515, A.3",
     "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
     "\"y\":"
     "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
     YG_ES256,
     "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv"
     "bS9pc19yb290Ijp0cnVlfQ",
     "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
    {"RFC 7515, A.4",
     "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":"
     "\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOn"
     "YG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-"
     "x3"
     "S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
     YG_ES512, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
     "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_"
     "7XdtAG8GaS"
     "wFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"},
    {"RFC 8037, A.4",
     "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
     YG_EDDSA, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

static struct yg_key *jwk_key(const char *text)
{
    struct yg_token_problem problem = {""};
    json_t *jwk = json_loads(text, 0, NULL);
    struct yg_key *key = NULL;
    int rc;

    assert_non_null(jwk);
    rc = yg_jwk_read(jwk, YG_ALL_ALGORITHMS, &problem, &key);
    json_decref(jwk);
    if (rc != 0)
        fail_msg("%s: %d, %s", text, rc, problem.text);
    return key;
}

static void test_token_keys_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const struct vector *vector = &vectors[i];
        struct yg_key *key = jwk_key(vector->jwk);
        uint8_t signature[YG_SIGNATURE_MAX + 4];
        size_t len, data_len = strlen(vector->data);

        assert_int_equal(
            yg_base64url_decode(vector->signature, strlen(vector->signature), signature, &len),
            YG_BASE64URL_OK);
        if (yg_key_verify(key, vector->algorithm, vector->data, data_len, signature, len) != 1)
            fail_msg("%s", vector->what);
        for (int other = 0; other < YG_NUM_ALGORITHMS; other++)
            if (other != (int)vector->algorithm)
                assert_int_equal(yg_key_verify(key, (enum yg_algorithm)other, vector->data,
                                               data_len, signature, len),
                                 0);
        assert_int_equal(
            yg_key_verify(key, vector->algorithm, vector->data, data_len - 1, signature, len), 0);
        for (size_t k = 0; k <= len; k++) /* shorter by so many */
            assert_int_equal(yg_key_verify(key, vector->algorithm, vector->data,
                                           data_len - (k == len), signature, len - k - (k < len)),
                             0);
        for (size_t k = 0; k < len; k++) {
            signature[k] ^= 1;
            assert_int_equal(
                yg_key_verify(key, vector->algorithm, vector->data, data_len, signature, len), 0);
            signature[k] ^= 1;
        }
        yg_key_free(key);
    }
}

/* ---- keys made here ---- */

static struct yg_key *pem_key(const char *pem, enum yg_algorithm algorithm)
{
    struct yg_key_use use = {.kid = "k", .algorithms = YG_ALGORITHM_BIT(algorithm)};
    struct yg_token_problem problem;
    struct yg_key *key = NULL;
    int rc = yg_key_from_pem(&use, pem, strlen(pem), true, &problem, &key);

    if (rc < 0)
        fail_msg("%d, %s", rc, problem.text);
    return key;
}

static void expect_pair(enum yg_algorithm algorithm, struct yg_key *signer, struct yg_key *reader)
{
    uint8_t signature[YG_SIGNATURE_MAX];
    size_t len;

    assert_int_equal(yg_key_sign(signer, algorithm, "text", 4, signature, &len), 0);
    assert_int_equal(yg_key_verify(reader, algorithm, "text", 4, signature, len), 1);
    assert_int_equal(yg_key_verify(reader, algorithm, "texT", 4, signature, len), 0);
    signature[len / 2] ^= 4;
    assert_int_equal(yg_key_verify(reader, algorithm, "text", 4, signature, len), 0);
}

static void test_token_keys_generated(void **state)
{
    (void)state;
    for (int i = 0; i < YG_NUM_ALGORITHMS; i++) {
        enum yg_algorithm algorithm = (enum yg_algorithm)i;
        struct yg_key_texts texts;
        struct yg_key *signer, *reader;
        uint8_t signature[YG_SIGNATURE_MAX];
        size_t len;

        if (yg_algorithm_info(algorithm)->type == YG_KEY_SECRET)
            continue;
        if (yg_algorithm_info(algorithm)->type == YG_KEY_RSA) {
            assert_int_equal(yg_key_generate(algorithm, &texts), -EINVAL);
            continue;
        }
        assert_int_equal(yg_key_generate(algorithm, &texts), 0);
        signer = pem_key(texts.secret_part, algorithm);
        reader = pem_key(texts.public_part, algorithm);
        assert_true(signer->is_private && !reader->is_private);
        assert_int_equal(yg_key_algorithm(signer), algorithm);
        expect_pair(algorithm, signer, reader);
        assert_int_equal(yg_key_sign(reader, algorithm, "text", 4, signature, &len), -EINVAL);
        yg_key_free(signer);
        yg_key_free(reader);
        yg_key_texts_free(&texts);
    }
}

static void test_token_keys_secrets(void **state)
{
    (void)state;
    for (int i = YG_HS256; i <= YG_HS512; i++) {
        enum yg_algorithm algorithm = (enum yg_algorithm)i;
        struct yg_key_use use = {.algorithms = YG_ALGORITHM_BIT(i)};
        size_t least = yg_algorithm_info(algorithm)->hash_len;
        struct yg_token_problem problem;
        struct yg_key_texts texts;
        struct yg_key *key;

        assert_int_equal(yg_key_generate(algorithm, &texts), 0);
        assert_null(texts.public_part);
        assert_int_equal(
            yg_key_from_secret(&use, texts.secret_part, strlen(texts.secret_part), &problem, &key),
            0);
        expect_pair(algorithm, key, key);
        yg_key_free(key);
        assert_int_equal(yg_key_from_secret(&use, texts.secret_part, least, &problem, &key), 0);
        yg_key_free(key);
        assert_int_equal(yg_key_from_secret(&use, texts.secret_part, least - 1, &problem, &key),
                         -EINVAL);
        assert_non_null(strstr(problem.text, yg_algorithm_info(algorithm)->name));
        yg_key_texts_free(&texts);
    }
}

static char *rsa_pem(unsigned bits, bool is_private)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes, *text;
    long len;

    assert_non_null(pkey);
    assert_int_equal(is_private
                         ? PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
                         : PEM_write_bio_PUBKEY(bio, pkey),
                     1);
    len = BIO_get_mem_data(bio, &bytes);
    text = malloc((size_t)len + 1);
    assert_non_null(text);
    memcpy(text, bytes, (size_t)len);
    text[len] = '\0';
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return text;
}

static void test_token_keys_rsa(void **state)
{
    char *pem = rsa_pem(2048, true);

    (void)state;
    for (int i = YG_RS256; i <= YG_PS512; i++) {
        struct yg_key *key = pem_key(pem, (enum yg_algorithm)i);

        expect_pair((enum yg_algorithm)i, key, key);
        yg_key_free(key);
    }
    free(pem);
}

static void expect_no_key(const char *pem, unsigned algorithms, bool may_be_private,
                          const char *words)
{
    struct yg_key_use use = {.algorithms = algorithms};
    struct yg_token_problem problem = {""};
    struct yg_key *key;

    assert_int_equal(yg_key_from_pem(&use, pem, strlen(pem), may_be_private, &problem, &key),
                     -EINVAL);
    if (strstr(problem.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", problem.text, words);
}

static void test_token_keys_refused(void **state)
{
    char *weak = rsa_pem(1024, false), *good = rsa_pem(2048, false), *secret = rsa_pem(2048, true);
    struct yg_key_use use = {.algorithms = YG_ALL_ALGORITHMS};
    struct yg_token_problem problem;
    struct yg_key *key;

    (void)state;
    expect_no_key(weak, YG_ALL_ALGORITHMS, false, "1024 bits");
    expect_no_key(secret, YG_ALL_ALGORITHMS, false, "private key");
    expect_no_key("", YG_ALL_ALGORITHMS, false, "no PEM");
    expect_no_key("ssh-rsa AAAA", YG_ALL_ALGORITHMS, false, "no PEM");
    expect_no_key("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", YG_ALL_ALGORITHMS,
                  false, "cannot be read");
    expect_no_key("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                  YG_ALL_ALGORITHMS, false, "cannot be read");
    expect_no_key("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
                  YG_ALL_ALGORITHMS, true, "cannot be read");
    expect_no_key(good, YG_ALGORITHM_BIT(YG_HS256), false, "an RSA key");
    expect_no_key(good, YG_ALGORITHM_BIT(YG_ES256) | YG_ALGORITHM_BIT(YG_EDDSA), false,
                  "an RSA key");
    assert_int_equal(yg_key_from_secret(&use, good, strlen(good), &problem, &key), -EINVAL);
    assert_non_null(strstr(problem.text, "PEM"));
    assert_int_equal(yg_key_from_secret(&use, "", 0, &problem, &key), -EINVAL);
    use.algorithms = YG_ALGORITHM_BIT(YG_RS256);
    assert_int_equal(yg_key_from_secret(&use, good + 40, 64, &problem, &key), -EINVAL);
    free(weak);
    free(good);
    free(secret);
}

/* A curve that is none of ours. */
static void test_token_keys_curves(void **state)
{
    static const char *const others[] = {"secp256k1", "P-224"};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", others[i]);
        struct yg_key_use use = {.algorithms = YG_ALL_ALGORITHMS};
        struct yg_token_problem problem;
        struct yg_key *key;

        assert_non_null(pkey);
        assert_int_equal(yg_key_from_pkey(&use, pkey, true, &problem, &key), -EINVAL);
        assert_non_null(strstr(problem.text, "P-256"));
        EVP_PKEY_free(pkey);
    }
}

static char *expected_token(const char *secret, const json_t *claims)
{
    struct yg_key_use use = {.algorithms = YG_ALL_ALGORITHMS};
    struct yg_key *key;
    char *token;

    assert_int_equal(yg_key_from_secret(&use, secret, 64, NULL, &key), 0);
    assert_int_equal(yg_token_sign(key, YG_HS256, "k", claims, &token), 0);
    yg_key_free(key);
    return token;
}

static void test_token_keys_failing(void **state)
{
    json_t *claims = json_pack("{s:s}", "sub", "ann");
    struct yg_key_texts texts;
    char *expected = NULL;

    (void)state;
    assert_int_equal(yg_key_generate(YG_ES256, &texts), 0);
    expected = expected_token(texts.secret_part + 30, claims);
    FAILING_LOOP(n)
    {
        struct yg_key_use use = {.kid = "k", .algorithms = YG_ALL_ALGORITHMS};
        struct yg_key *key = NULL, *secret = NULL;
        char *token = NULL;
        int rc =
            yg_key_from_pem(&use, texts.secret_part, strlen(texts.secret_part), true, NULL, &key);

        if (rc == 0)
            rc = yg_key_from_secret(&use, texts.secret_part + 30, 64, NULL, &secret);
        if (rc == 0)
            rc = yg_token_sign(secret, YG_HS256, "k", claims, &token);
        failing_stop();
        assert_true(rc == 0 || (rc == -ENOMEM && failing_has_failed()));
        assert_true((token != NULL) == (rc == 0));
        if (rc == 0)
            assert_string_equal(token, expected);
        yg_key_free(key);
        yg_key_free(secret);
        free(token);
    }
    free(expected);
    yg_key_texts_free(&texts);
    json_decref(claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_base64url),      cmocka_unit_test(test_token_keys_vectors),
        cmocka_unit_test(test_token_keys_generated), cmocka_unit_test(test_token_keys_secrets),
        cmocka_unit_test(test_token_keys_rsa),       cmocka_unit_test(test_token_keys_refused),
        cmocka_unit_test(test_token_keys_curves),    cmocka_unit_test(test_token_keys_failing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
