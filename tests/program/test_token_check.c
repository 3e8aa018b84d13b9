/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "token/base64url.h"
#include "token/sign.h"
#include "token_failing.h"
#include "token_maker.h"

static int check(struct yg_token_checker *checker, const char *text, int64_t now_ms,
                 struct yg_refusal *refusal)
{
    struct yg_token token;
    int rc = yg_token_check(checker, text, strlen(text), now_ms, refusal, &token);

    if (rc == 0)
        yg_token_free(&token);
    return rc;
}

/* The code of the refusal; YG_TOKEN_OK: it is good. */
static enum yg_token_code code_of(struct yg_token_checker *checker, const char *text)
{
    struct yg_refusal refusal = {0};

    (void)check(checker, text, NOW_MS, &refusal);
    return refusal.code;
}

/* ---- good ones ---- */

static void test_token_check_good(void **state)
{
    struct yg_token_rules rules = token_rules();
    struct yg_token_checker *checker = token_checker(&rules);
    char *text = token_of("{\"typ\":\"at+jwt\",\"cty\":\"application/json\",\"alg\":\"HS256\","
                          "\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"},\"jku\":\"http://x\"}",
                          "{\"sub\":\"ann\",\"exp\":1700003600,\"iat\":1700000000.25,\"nbf\":1,"
                          "\"jti\":\"id\",\"aud\":[\"x\"],\"iss\":\"y\","
                          "\"yodel\":{\"join\":[\"lobby\"]}}");
    struct yg_token token;
    struct yg_refusal refusal;

    (void)state;
    assert_int_equal(yg_token_check(checker, text, strlen(text), NOW_MS, &refusal, &token), 0);
    assert_int_equal(refusal.code, YG_TOKEN_OK);
    assert_string_equal(token.user, "ann");
    assert_string_equal(token.jti, "id");
    assert_int_equal(token.algorithm, YG_HS256);
    assert_true(token.expires_ms == INT64_C(1700003600000));
    assert_string_equal(token.grants.rooms[0], "lobby");
    yg_token_free(&token);
    free(text);
    yg_token_checker_free(checker);
}

static void test_token_check_own_end(void **state)
{
    static const struct {
        const char *payload;
        int64_t expires_ms;
    } cases[] = {
        {"{\"sub\":\"a\",\"exp\":1700003600,\"yodel\":{\"expires_at\":1700009999}}",
         INT64_C(1700009999000)},
        {"{\"sub\":\"a\",\"exp\":1700003600,\"yodel\":{\"expires_at\":0}}", 0},
        {"{\"sub\":\"a\",\"exp\":1700003600,\"yodel\":{\"expires_at\":null}}",
         INT64_C(1700003600000)},
        {"{\"sub\":\"a\",\"exp\":253402300799}", YG_TIME_MAX_MS},
    };
    struct yg_token_rules rules = token_rules();
    struct yg_token_checker *checker = token_checker(&rules);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = token_of(HEADER, cases[i].payload);
        struct yg_token token;

        assert_int_equal(yg_token_check(checker, text, strlen(text), NOW_MS, NULL, &token), 0);
        assert_true(token.expires_ms == cases[i].expires_ms);
        yg_token_free(&token);
        free(text);
    }
    yg_token_checker_free(checker);
}

static void test_token_check_leeway(void **state)
{
    struct yg_token_rules rules = token_rules();
    struct yg_token_checker *checker = token_checker(&rules);
    char *text = token_of(HEADER, "{\"sub\":\"a\",\"nbf\":1700000000,\"iat\":1700000000,"
                                  "\"exp\":1700000100}");

    (void)state;
    assert_int_equal(check(checker, text, NOW_MS - 30001, NULL), -EACCES);
    assert_int_equal(check(checker, text, NOW_MS - 30000, NULL), 0);
    assert_int_equal(check(checker, text, NOW_MS + 129999, NULL), 0);
    assert_int_equal(check(checker, text, NOW_MS + 130000, NULL), -EACCES);
    yg_token_checker_free(checker);
    rules.leeway_ms = 0;
    checker = token_checker(&rules);
    assert_int_equal(check(checker, text, NOW_MS - 1, NULL), -EACCES);
    assert_int_equal(check(checker, text, NOW_MS, NULL), 0);
    assert_int_equal(check(checker, text, NOW_MS + 99999, NULL), 0);
    assert_int_equal(check(checker, text, NOW_MS + 100000, NULL), -EACCES);
    yg_token_checker_free(checker);
    free(text);
}

static void test_token_check_without_exp(void **state)
{
    struct yg_token_rules rules = token_rules();
    struct yg_token_checker *checker;
    char *text = token_of(HEADER, "{\"sub\":\"a\"}"),
         *old = token_of(HEADER, "{\"sub\":\"a\",\"exp\":1}");

    (void)state;
    rules.require_exp = false;
    checker = token_checker(&rules);
    assert_int_equal(code_of(checker, text), YG_TOKEN_OK);
    assert_int_equal(code_of(checker, old), YG_TOKEN_EXPIRED);
    yg_token_checker_free(checker);
    free(text);
    free(old);
}

static void expect_user(const struct yg_token_rules *rules, const char *payload, const char *user)
{
    struct yg_token_checker *checker = token_checker(rules);
    char *text = token_of(HEADER, payload);
    struct yg_token token;

    assert_int_equal(yg_token_check(checker, text, strlen(text), NOW_MS, NULL, &token), 0);
    if (user == NULL)
        assert_null(token.user);
    else
        assert_string_equal(token.user, user);
    yg_token_free(&token);
    free(text);
    yg_token_checker_free(checker);
}

static void test_token_check_users(void **state)
{
    struct yg_token_rules rules = token_rules();

    (void)state;
    rules.anonymous = true;
    expect_user(&rules, "{\"exp\":1700003600}", NULL);
    expect_user(&rules, "{\"exp\":1700003600,\"sub\":\"\"}", NULL);
    expect_user(&rules, "{\"exp\":1700003600,\"sub\":\"\xc3\xa9\"}", "\xc3\xa9");
    rules.anonymous = false;
    rules.user_claim = "email";
    expect_user(&rules, "{\"exp\":1700003600,\"sub\":7,\"email\":\"a@b\"}", "a@b");
}

static void test_token_check_audiences(void **state)
{
    static const char *const good[] = {"\"aud\"", "[\"aud\"]", "[\"x\",\"aud\",\"y\"]"};
    struct yg_token_rules rules = token_rules();
    struct yg_token_checker *checker;

    (void)state;
    rules.audience = "aud";
    rules.issuer = "iss";
    checker = token_checker(&rules);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char payload[128], *text;

        snprintf(payload, sizeof payload,
                 "{\"sub\":\"a\",\"exp\":1700003600,\"iss\":\"iss\",\"aud\":%s}", good[i]);
        text = token_of(HEADER, payload);
        assert_int_equal(code_of(checker, text), YG_TOKEN_OK);
        free(text);
    }
    yg_token_checker_free(checker);
}

/* ---- keys ---- */

#define GOOD "{\"sub\":\"ann\",\"exp\":1700003600}"
#define OTHER "another secret that is long enough"

static char *kid_token(const char *kid)
{
    char header[400];

    snprintf(header, sizeof header, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kid);
    return token_of(header, GOOD);
}

static void expect_kid(struct yg_token_checker *checker, const char *kid, enum yg_token_code code)
{
    char *text = kid != NULL ? kid_token(kid) : token_of(HEADER, GOOD);

    assert_int_equal(code_of(checker, text), code);
    free(text);
}

#define SECRET_KEY(name, text)                                                                     \
    {                                                                                              \
        .kid = name, .secret = text, .secret_len = sizeof text - 1                                 \
    }

static void test_token_check_kids(void **state)
{
    const struct yg_token_key named[] = {SECRET_KEY("old", OTHER), SECRET_KEY("new", SECRET)};
    const struct yg_token_key unnamed[] = {SECRET_KEY("old", OTHER), SECRET_KEY(NULL, SECRET)};
    struct yg_token_rules rules = token_rules();
    struct yg_token_checker *checker;

    (void)state;
    rules.keys = named;
    rules.num_keys = 2;
    checker = token_checker(&rules);
    expect_kid(checker, "new", YG_TOKEN_OK);
    expect_kid(checker, "old", YG_TOKEN_SIGNATURE_WRONG);
    expect_kid(checker, "none", YG_TOKEN_KID_UNKNOWN);
    expect_kid(checker, "NEW", YG_TOKEN_KID_UNKNOWN);
    expect_kid(checker, "", YG_TOKEN_OK); /* no name */
    expect_kid(checker, NULL, YG_TOKEN_OK);
    yg_token_checker_free(checker);
    rules.keys = unnamed;
    checker = token_checker(&rules);
    expect_kid(checker, "any", YG_TOKEN_OK);
    expect_kid(checker, "old", YG_TOKEN_SIGNATURE_WRONG);
    yg_token_checker_free(checker);
}

static char *pem_of(enum yg_algorithm algorithm, char **ret_private)
{
    struct yg_key_texts texts;
    char *pem;

    assert_int_equal(yg_key_generate(algorithm, &texts), 0);
    pem = texts.public_part;
    *ret_private = texts.secret_part;
    return pem;
}

/* A token that takes the text of a public key for the secret of an HMAC. */
static void test_token_check_confusion(void **state)
{
    static const char *const algorithms[] = {"EdDSA", "HS256"};
    char *secret_pem, *pem = pem_of(YG_EDDSA, &secret_pem);
    const struct yg_token_key keys[] = {{.kid = "e", .pem = pem}, SECRET_KEY("h", OTHER)};
    struct yg_token_rules rules = token_rules();
    struct yg_token_checker *checker;

    (void)state;
    rules.algorithms = algorithms;
    rules.num_algorithms = 2;
    rules.keys = keys;
    rules.num_keys = 2;
    checker = token_checker(&rules);
    expect_kid(checker, "e", YG_TOKEN_KEY_ALG);
    expect_kid(checker, "h", YG_TOKEN_SIGNATURE_WRONG);
    yg_token_checker_free(checker);
    rules.num_keys = 1;
    checker = token_checker(&rules);
    expect_kid(checker, NULL, YG_TOKEN_NO_KEY);
    expect_kid(checker, "x", YG_TOKEN_KID_UNKNOWN);
    yg_token_checker_free(checker);
    free(pem);
    free(secret_pem);
}

/* Each kind of key through the whole check. */
static void test_token_check_signed(void **state)
{
    static const enum yg_algorithm kinds[] = {YG_ES256, YG_ES384, YG_ES512, YG_EDDSA};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *name = yg_algorithm_info(kinds[i])->name;
        char *secret_pem, *pem = pem_of(kinds[i], &secret_pem), *text;
        const struct yg_token_key keys[] = {{.kid = "k", .alg = name, .pem = pem}};
        struct yg_token_rules rules = token_rules();
        struct yg_key_use use = {.algorithms = YG_ALL_ALGORITHMS};
        struct yg_token_checker *checker;
        struct yg_key *key;
        json_t *claims = json_loads(GOOD, 0, NULL);

        rules.algorithms = &name;
        rules.keys = keys;
        checker = token_checker(&rules);
        assert_int_equal(yg_key_from_pem(&use, secret_pem, strlen(secret_pem), true, NULL, &key),
                         0);
        assert_int_equal(yg_token_sign(key, kinds[i], "k", claims, &text), 0);
        assert_int_equal(code_of(checker, text), YG_TOKEN_OK);
        json_decref(claims);
        free(text);
        yg_key_free(key);
        yg_token_checker_free(checker);
        free(pem);
        free(secret_pem);
    }
}

/* ---- rules that do not start ---- */

static void expect_bad_rules(const struct yg_token_rules *rules, int result, const char *words)
{
    struct yg_token_problem problem = {""};
    struct yg_token_checker *checker;

    assert_int_equal(yg_token_checker_new(rules, &problem, &checker), result);
    if (strstr(problem.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", problem.text, words);
    assert_int_equal(yg_token_checker_new(rules, NULL, &checker), result);
}

static void test_token_rules_algorithms(void **state)
{
    static const char *const none[] = {"HS256", "None"}, *const unknown[] = {"hs256"};
    struct yg_token_rules rules = token_rules();

    (void)state;
    rules.num_algorithms = 0;
    expect_bad_rules(&rules, -EINVAL, "algorithms");
    rules.algorithms = none;
    rules.num_algorithms = 2;
    expect_bad_rules(&rules, -EINVAL, "none");
    rules.algorithms = unknown;
    rules.num_algorithms = 1;
    expect_bad_rules(&rules, -EINVAL, "\"hs256\"");
}

static void test_token_rules_keys(void **state)
{
    const struct yg_token_key twice[] = {SECRET_KEY("a", SECRET), SECRET_KEY("a", OTHER)};
    const struct yg_token_key bad[] = {
        SECRET_KEY("b", "short"),
        {.kid = "b"},
        {.kid = "b", .secret = SECRET, .secret_len = 33, .pem = SECRET},
        {.kid = "b", .alg = "HS512", .secret = SECRET, .secret_len = 33},
        {.kid = "b", .alg = "xyz", .secret = SECRET, .secret_len = 33},
        SECRET_KEY("b", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA"),
        {.kid = "b", .pem = "no pem"},
    };
    static const char *const words[] = {"5 bytes",        "neither", "not both", "none of algor",
                                        "none of algori", "PEM",     "no PEM"};
    struct yg_token_rules rules = token_rules();

    (void)state;
    rules.num_keys = 0;
    expect_bad_rules(&rules, -EINVAL, "no key");
    rules.num_keys = YG_TOKEN_MAX_KEYS + 1;
    expect_bad_rules(&rules, -EINVAL, "more than");
    rules.keys = twice;
    rules.num_keys = 2;
    expect_bad_rules(&rules, -EINVAL, "twice");
    rules.num_keys = 1;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rules.keys = &bad[i];
        expect_bad_rules(&rules, -EINVAL, words[i]);
        expect_bad_rules(&rules, -EINVAL, "key 1 (kid \"b\")");
    }
}

static void test_token_rules_address(void **state)
{
    static const struct {
        const char *url;
        bool is_good;
    } urls[] = {{"https://id.example/keys", true},
                {"HTTPS://id.example", true},
                {"https://", false},
                {"http://id.example/keys", false},
                {"http://127.0.0.1:80/k", true},
                {"http://localhost/k", true},
                {"http://localhost.evil/k", false},
                {"http://127.0.0.1.evil/", false},
                {"http://[::1]:1/", true},
                {"file:///etc/passwd", false},
                {"id.example", false}};
    struct yg_token_rules rules = token_rules();

    (void)state;
    rules.jwks_url = "https://id.example/keys";
    expect_bad_rules(&rules, -EINVAL, "audience");
    rules.audience = "";
    expect_bad_rules(&rules, -EINVAL, "audience");
    rules.audience = "me";
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        rules.jwks_url = urls[i].url;
        if (urls[i].is_good)
            yg_token_checker_free(token_checker(&rules));
        else
            expect_bad_rules(&rules, -EINVAL, "https");
    }
    rules.jwks_url = NULL;
    rules.leeway_ms = -1;
    expect_bad_rules(&rules, -EINVAL, "leeway");
    rules.leeway_ms = YG_TOKEN_MAX_LEEWAY_MS + 1;
    expect_bad_rules(&rules, -EINVAL, "leeway");
}

/* ---- sets of keys ---- */

/* {"keys": [...]} with the secret under this name. */
static char *set_of(const char *kid, const char *more)
{
    char encoded[YG_BASE64URL_CHARS(sizeof SECRET)], *text = malloc(1024);
    size_t len = yg_base64url_encode((const uint8_t *)SECRET, sizeof SECRET - 1, encoded);

    assert_non_null(text);
    snprintf(text, 1024, "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"%s\",\"k\":\"%.*s\"}%s]}", kid,
             (int)len, encoded, more);
    return text;
}

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void test_token_rules_file(void **state)
{
    char good[] = "/tmp/yodel-jwks-XXXXXX", bad[] = "/tmp/yodel-jwks-XXXXXX";
    char *text = set_of("f", ",{\"kty\":\"new\"}");
    struct yg_token_rules rules = token_rules();
    struct yg_token_checker *checker;

    (void)state;
    write_file(good, text);
    write_file(bad, "{\"keys\":[]}");
    rules.num_keys = 0;
    rules.jwks_file = good;
    checker = token_checker(&rules);
    expect_kid(checker, "f", YG_TOKEN_OK);
    expect_kid(checker, "g", YG_TOKEN_KID_UNKNOWN);
    yg_token_checker_free(checker);
    rules.jwks_file = bad;
    expect_bad_rules(&rules, -EINVAL, "no key that can be used");
    rules.jwks_file = "/nowhere/keys";
    expect_bad_rules(&rules, -EIO, "No such file");
    rules.jwks_file = "/tmp";
    expect_bad_rules(&rules, -EIO, "jwks_file");
    unlink(good);
    unlink(bad);
    free(text);
}

static char *public_set(const char *kid, const char *x)
{
    char *text = malloc(512);

    assert_non_null(text);
    snprintf(text, 512,
             "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\",\"x\":\"%s\"}]}", kid,
             x);
    return text;
}

/* RFC 8037, A.4: the payload is no JSON, which is seen only once the signature holds. */
#define ED_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define ED_TOKEN                                                                                   \
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"        \
    "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
#define ED_KID_TOKEN /* with a header that names the key "b" */                                    \
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImIifQ.e30.AAAA"

static struct yg_token_checker *fetching_checker(void)
{
    static const char *const algorithms[] = {"EdDSA", "HS256"};
    struct yg_token_rules rules = token_rules();

    rules.algorithms = algorithms;
    rules.num_algorithms = 2;
    rules.num_keys = 0;
    rules.jwks_url = "https://id.example/keys";
    rules.audience = "me";
    return token_checker(&rules);
}

static void set_keys(struct yg_token_checker *checker, char *text, int result)
{
    struct yg_token_problem problem;

    assert_int_equal(yg_token_checker_set_jwks(checker, text, strlen(text), &problem), result);
    free(text);
}

static void test_token_rules_fetched(void **state)
{
    struct yg_token_checker *checker = fetching_checker(), *next;
    struct yg_refusal refusal;

    (void)state;
    assert_int_equal(code_of(checker, ED_TOKEN), YG_TOKEN_KEYS_ABSENT);
    assert_true(yg_token_code_is_temporary(YG_TOKEN_KEYS_ABSENT));
    assert_false(yg_token_code_is_temporary(YG_TOKEN_EXPIRED));
    assert_null(yg_token_checker_jwks(checker));
    set_keys(checker, public_set("a", ED_X), 0);
    assert_int_equal(code_of(checker, ED_TOKEN), YG_TOKEN_PAYLOAD_JSON);
    assert_int_equal(check(checker, ED_KID_TOKEN, NOW_MS, &refusal), -EACCES);
    assert_int_equal(refusal.code, YG_TOKEN_KID_UNKNOWN);
    assert_true(refusal.unknown_kid);
    /* A set that cannot be used changes nothing; a secret in one does not count. */
    set_keys(checker, strdup("<html>"), -EINVAL);
    set_keys(checker, strdup("{\"keys\":[]}"), -EINVAL);
    set_keys(checker, set_of("s", ""), -EINVAL);
    assert_int_equal(code_of(checker, ED_TOKEN), YG_TOKEN_PAYLOAD_JSON);
    /* Another one exchanges it whole. */
    set_keys(checker, public_set("b", "-rFAi3aXAgiT6qOPHpyjQ5xnbrnFMZAVDFwpmhpZwZY"), 0);
    assert_int_equal(code_of(checker, ED_TOKEN), YG_TOKEN_SIGNATURE_WRONG);
    assert_int_equal(check(checker, ED_KID_TOKEN, NOW_MS, &refusal), -EACCES);
    assert_int_equal(refusal.code, YG_TOKEN_SIGNATURE_WRONG);
    assert_false(refusal.unknown_kid);
    next = fetching_checker();
    yg_token_checker_inherit(next, checker);
    yg_token_checker_free(checker);
    assert_int_equal(code_of(next, ED_TOKEN), YG_TOKEN_SIGNATURE_WRONG);
    yg_token_checker_free(next);
}

/* A configured key goes before a fetched one of the same name. */
static void test_token_rules_own_keys_first(void **state)
{
    static const char *const algorithms[] = {"EdDSA", "HS256"};
    const struct yg_token_key keys[] = {SECRET_KEY("b", SECRET), SECRET_KEY(NULL, OTHER)};
    struct yg_token_rules rules = token_rules();
    struct yg_token_checker *checker;
    struct yg_refusal refusal;
    char *text = kid_token("elsewhere");

    (void)state;
    rules.algorithms = algorithms;
    rules.num_algorithms = 2;
    rules.keys = keys;
    rules.num_keys = 2;
    rules.jwks_url = "https://id.example/keys";
    rules.audience = "me";
    checker = token_checker(&rules);
    set_keys(checker, public_set("b", ED_X), 0);
    assert_int_equal(code_of(checker, ED_KID_TOKEN), YG_TOKEN_KEY_ALG);
    /* Tried with the key without a name, and worth a fetch. */
    assert_int_equal(check(checker, text, NOW_MS, &refusal), -EACCES);
    assert_int_equal(refusal.code, YG_TOKEN_SIGNATURE_WRONG);
    assert_true(refusal.unknown_kid);
    yg_token_checker_free(checker);
    free(text);
}

/* ---- memory ---- */

static void test_token_check_failing(void **state)
{
    char *text = token_of("{\"alg\":\"HS256\",\"kid\":\"k\"}",
                          "{\"sub\":\"ann\",\"exp\":1700003600,\"aud\":\"me\","
                          "\"yodel\":{\"join\":[\"a\"],\"can\":{\"join\":[\"*\"],\"emit\":[\"b\"]},"
                          "\"namespaces\":[\"/\"],\"info\":{},\"meta\":[]}}");
    char *set = public_set("a", ED_X);

    (void)state;
    FAILING_LOOP(n)
    {
        const struct yg_token_key keys[] = {SECRET_KEY("k", SECRET)};
        struct yg_token_rules rules = token_rules();
        struct yg_token_checker *checker = NULL;
        struct yg_token token = {.jti = "untouched"};
        int rc;

        rules.keys = keys;
        rules.issuer = "";
        rules.audience = "me";
        rules.jwks_url = "https://id.example";
        rc = yg_token_checker_new(&rules, NULL, &checker);
        if (rc == 0)
            rc = yg_token_check(checker, text, strlen(text), NOW_MS, NULL, &token);
        if (rc == 0) {
            yg_token_free(&token);
            rc = yg_token_checker_set_jwks(checker, set, strlen(set), NULL);
            rc = rc == -EINVAL && !failing_has_failed() ? 0 : rc; /* no EdDSA here */
        } else {
            assert_string_equal(token.jti, "untouched");
        }
        failing_stop();
        assert_int_equal(rc, failing_has_failed() ? -ENOMEM : 0);
        yg_token_checker_free(checker);
    }
    free(text);
    free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_check_good),
        cmocka_unit_test(test_token_check_own_end),
        cmocka_unit_test(test_token_check_leeway),
        cmocka_unit_test(test_token_check_without_exp),
        cmocka_unit_test(test_token_check_users),
        cmocka_unit_test(test_token_check_audiences),
        cmocka_unit_test(test_token_check_kids),
        cmocka_unit_test(test_token_check_confusion),
        cmocka_unit_test(test_token_check_signed),
        cmocka_unit_test(test_token_rules_algorithms),
        cmocka_unit_test(test_token_rules_keys),
        cmocka_unit_test(test_token_rules_address),
        cmocka_unit_test(test_token_rules_file),
        cmocka_unit_test(test_token_rules_fetched),
        cmocka_unit_test(test_token_rules_own_keys_first),
        cmocka_unit_test(test_token_check_failing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
