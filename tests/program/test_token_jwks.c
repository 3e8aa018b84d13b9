/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token/jwks.h"
#include "token/jwks_times.h"
#include "token_failing.h"

#define N                                                                                          \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4" \
    "d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5r"  \
    "exMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhy"  \
    "xXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define RSA(more) "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQAB\"" more "}"
#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC(more) "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"" more "}"
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED(more) "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" ED_X "\"" more "}"
#define K64 "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
#define OCT(more) "{\"kty\":\"oct\",\"k\":\"" K64 "\"" more "}"

/* ---- one key ---- */

static int read_jwk(const char *text, unsigned *ret_algorithms)
{
    json_t *jwk = json_loads(text, JSON_DECODE_ANY, NULL);
    struct yg_token_problem problem = {""};
    struct yg_key *key = NULL;
    int rc;

    assert_non_null(jwk);
    rc = yg_jwk_read(jwk, YG_ALL_ALGORITHMS, &problem, &key);
    json_decref(jwk);
    assert_true((rc == -EINVAL) == (problem.text[0] != '\0'));
    if (rc == 0)
        *ret_algorithms = key->algorithms;
    yg_key_free(key);
    return rc;
}

#define BIT(name) YG_ALGORITHM_BIT(YG_##name)

static void test_token_jwks_good_keys(void **state)
{
    static const struct {
        const char *text;
        unsigned algorithms;
    } keys[] = {
        {RSA(""), BIT(RS256) | BIT(RS384) | BIT(RS512) | BIT(PS256) | BIT(PS384) | BIT(PS512)},
        {RSA(",\"alg\":\"RS256\""), BIT(RS256)},
        {RSA(",\"alg\":\"PS512\",\"use\":\"sig\",\"kid\":\"k\",\"x5c\":[\"AAAA\"]"), BIT(PS512)},
        {RSA(",\"key_ops\":[\"sign\",\"verify\"],\"d\":1"), 0x1f8},
        {EC(""), BIT(ES256)},
        {EC(",\"alg\":\"ES256\",\"d\":\"AAAA\""), BIT(ES256)},
        {ED(""), BIT(EDDSA)},
        {ED(",\"alg\":\"EdDSA\""), BIT(EDDSA)},
        {OCT(""), BIT(HS256) | BIT(HS384) | BIT(HS512)},
        {OCT(",\"alg\":\"HS384\""), BIT(HS384)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        unsigned algorithms = 0;

        assert_int_equal(read_jwk(keys[i].text, &algorithms), 0);
        assert_int_equal(algorithms, keys[i].algorithms);
    }
}

static void test_token_jwks_other_keys(void **state)
{
    static const char *const others[] = {
        "{}",
        "1",
        "null",
        "[]",
        "{\"kty\":1}",
        "{\"kty\":\"rsa\"}",
        "{\"kty\":\"AKP\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" ED_X "\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"" ED_X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        "{\"kty\":\"EC\"}",
        RSA(",\"use\":\"enc\""),
        RSA(",\"use\":1"),
        RSA(",\"key_ops\":[]"),
        RSA(",\"key_ops\":[\"sign\"]"),
        RSA(",\"key_ops\":\"verify\""),
        RSA(",\"key_ops\":[1,null]"),
        RSA(",\"alg\":\"RSA-OAEP\""),
        RSA(",\"alg\":\"ES256\""),
        RSA(",\"alg\":\"HS256\""),
        RSA(",\"alg\":1"),
        EC(",\"alg\":\"ES384\""),
        EC(",\"alg\":\"ECDH-ES\""),
        ED(",\"alg\":\"none\""),
        OCT(",\"alg\":\"RS256\""),
        OCT(",\"alg\":\"A128KW\""),
    };
    unsigned algorithms;

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (read_jwk(others[i], &algorithms) != 1)
            fail_msg("%s", others[i]);
}

static void test_token_jwks_bad_keys(void **state)
{
    static const char *const bad[] = {
        "{\"kty\":\"RSA\"}",
        "{\"kty\":\"RSA\",\"n\":\"" N "\"}",
        "{\"kty\":\"RSA\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":1,\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":\"" N "=\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQ\"}", /* 1 */
        "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"Ag\"}", /* 2 */
        "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"\"}",
        "{\"kty\":\"RSA\",\"n\":\"" N "\",\"e\":\"AQAAAAAAAAAB\"}", /* of 9 bytes */
        "{\"kty\":\"RSA\",\"n\":\"" K64 "\",\"e\":\"AQAB\"}",       /* of 512 bits */
        "{\"kty\":\"EC\",\"crv\":\"P-256\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" Y "\",\"y\":\"" X "\"}", /* not on it */
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\",\"y\":\"\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
        "{\"kty\":\"oct\"}",
        "{\"kty\":\"oct\",\"k\":\"\"}",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"oct\",\"k\":\"" ED_X "\"}", /* 32 bytes, and HS512 may be asked of it */
        RSA(",\"kid\":1"),
    };
    unsigned algorithms;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (read_jwk(bad[i], &algorithms) != -EINVAL)
            fail_msg("%s", bad[i]);
}

/* ---- sets ---- */

#define SET                                                                                        \
    "{\"keys\":[" RSA(",\"kid\":\"r\"") "," EC(                                                    \
        ",\"kid\":\"e\"") ",{\"kty\":\"new\"},"                                                    \
                          "{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}," OCT(                  \
                              "") "],\"more\":1}"

static void test_token_jwks_set(void **state)
{
    struct yg_keyset *set;

    (void)state;
    assert_int_equal(yg_jwks_parse(SET, strlen(SET), YG_ALL_ALGORITHMS, false, NULL, &set), 0);
    assert_int_equal(set->num, 2);
    assert_string_equal(set->keys[0]->kid, "r");
    assert_string_equal(set->keys[1]->kid, "e");
    assert_int_equal(set->skipped_kind, 1);
    assert_int_equal(set->skipped_bad, 1);
    assert_int_equal(set->skipped_secret, 1);
    yg_keyset_unref(set);
    assert_int_equal(yg_jwks_parse(SET, strlen(SET), BIT(HS256), true, NULL, &set), 0);
    assert_int_equal(set->num, 1);
    assert_int_equal(set->keys[0]->type, YG_KEY_SECRET);
    yg_keyset_unref(set);
}

static void test_token_jwks_bad_sets(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[{}]}",
        "{\"keys\":[",
        "{\"keys\":[],\"keys\":[]}",
        "<html>",
        "{\"keys\":[" OCT("") "]}",
    };
    struct yg_keyset *set;
    char *large = malloc(YG_JWKS_MAX_BYTES + 1);

    (void)state;
    assert_non_null(large);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct yg_token_problem problem = {""};

        if (yg_jwks_parse(bad[i], strlen(bad[i]), YG_ALL_ALGORITHMS, false, &problem, &set) !=
                -EINVAL ||
            problem.text[0] == '\0')
            fail_msg("%s", bad[i]);
    }
    memset(large, ' ', YG_JWKS_MAX_BYTES + 1);
    memcpy(large, SET, strlen(SET));
    assert_int_equal(
        yg_jwks_parse(large, YG_JWKS_MAX_BYTES + 1, YG_ALL_ALGORITHMS, false, NULL, &set), -EINVAL);
    assert_int_equal(yg_jwks_parse(large, YG_JWKS_MAX_BYTES, YG_ALL_ALGORITHMS, false, NULL, &set),
                     0);
    yg_keyset_unref(set);
    free(large);
}

static void test_token_jwks_many(void **state)
{
    size_t size = 200 * (sizeof ED("") + 1) + 32, len = 0;
    char *text = malloc(size);
    struct yg_keyset *set;

    (void)state;
    assert_non_null(text);
    len += (size_t)snprintf(text, size, "{\"keys\":[");
    for (int i = 0; i < 100; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%s", i > 0 ? "," : "", ED(""));
    len += (size_t)snprintf(text + len, size - len, "]}");
    assert_int_equal(yg_jwks_parse(text, len, YG_ALL_ALGORITHMS, false, NULL, &set), 0);
    assert_int_equal(set->num, YG_KEYSET_MAX);
    assert_int_equal(set->skipped_many, 100 - YG_KEYSET_MAX);
    yg_keyset_unref(set);
    free(text);
}

static void test_token_jwks_failing(void **state)
{
    (void)state;
    FAILING_LOOP(n)
    {
        struct yg_keyset *set = NULL;
        int rc = yg_jwks_parse(SET, strlen(SET), YG_ALL_ALGORITHMS, true, NULL, &set);

        failing_stop();
        assert_int_equal(rc, failing_has_failed() ? -ENOMEM : 0);
        assert_true((set != NULL) == (rc == 0));
        yg_keyset_unref(set);
    }
}

/* ---- when to fetch ---- */

static void test_token_jwks_lifetime(void **state)
{
    struct yg_jwks_times times = {0};

    (void)state;
    assert_int_equal(yg_jwks_next(&times, 5), 5);
    yg_jwks_begin(&times, 5);
    assert_true(yg_jwks_next(&times, 6) == INT64_MAX);
    yg_jwks_end(&times, 7, true);
    assert_int_equal(yg_jwks_next(&times, 8), 7 + YG_JWKS_LIFETIME_MS);
    assert_int_equal(yg_jwks_next(&times, 7 + YG_JWKS_LIFETIME_MS + 3),
                     7 + YG_JWKS_LIFETIME_MS + 3);
}

static void test_token_jwks_unknown_kid(void **state)
{
    struct yg_jwks_times times = {0};

    (void)state;
    assert_int_equal(yg_jwks_ask(&times, 0), YG_JWKS_FETCH);
    yg_jwks_begin(&times, 0);
    assert_int_equal(yg_jwks_ask(&times, 1), YG_JWKS_WAIT);
    assert_int_equal(yg_jwks_ask(&times, 50000), YG_JWKS_WAIT);
    yg_jwks_end(&times, 2, true);
    assert_int_equal(yg_jwks_ask(&times, 3), YG_JWKS_REFUSE);
    assert_int_equal(yg_jwks_ask(&times, 9999), YG_JWKS_REFUSE);
    assert_int_equal(yg_jwks_ask(&times, 10000), YG_JWKS_FETCH);
}

static void test_token_jwks_failures(void **state)
{
    struct yg_jwks_times times = {0};

    (void)state;
    yg_jwks_begin(&times, 0);
    yg_jwks_end(&times, 2000, false);
    assert_int_equal(times.num_failed, 1);
    assert_int_equal(yg_jwks_next(&times, 2000), YG_JWKS_APART_MS);
    yg_jwks_begin(&times, 10000);
    yg_jwks_end(&times, 10001, true);
    yg_jwks_begin(&times, 30000);
    yg_jwks_end(&times, 32000, false);
    assert_int_equal(yg_jwks_next(&times, 32000), 40000);
    yg_jwks_begin(&times, 40000);
    yg_jwks_end(&times, 40001, true);
    assert_int_equal(times.num_failed, 0);
    assert_int_equal(yg_jwks_next(&times, 40001), 40001 + YG_JWKS_LIFETIME_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_jwks_good_keys),   cmocka_unit_test(test_token_jwks_other_keys),
        cmocka_unit_test(test_token_jwks_bad_keys),    cmocka_unit_test(test_token_jwks_set),
        cmocka_unit_test(test_token_jwks_bad_sets),    cmocka_unit_test(test_token_jwks_many),
        cmocka_unit_test(test_token_jwks_failing),     cmocka_unit_test(test_token_jwks_lifetime),
        cmocka_unit_test(test_token_jwks_unknown_kid), cmocka_unit_test(test_token_jwks_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
