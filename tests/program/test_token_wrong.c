/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token_failing.h"
#include "token_maker.h"

/* Tokens of every wrong kind: each is refused with its own code, and the step is that of the code.
 */

#define GOOD "{\"sub\":\"ann\",\"exp\":1700003600}"
#define WITH(claims) "{\"sub\":\"ann\",\"exp\":1700003600," claims "}"
#define YODEL(members) WITH("\"yodel\":{" members "}")
#define H(members) "{\"alg\":\"HS256\"," members "}"

/* Under plain rules: HS256, one secret, exp and a user wanted, issuer "iss" and audience "aud"
 * where the entry says so. */
struct wrong {
    enum yg_token_code code;
    const char *header, *payload; /* NULL: good ones */
    bool strict;                  /* with issuer and audience */
};

static const struct wrong wrongs[] = {
    /* header */
    {YG_TOKEN_HEADER_JSON, "", NULL, false},
    {YG_TOKEN_HEADER_JSON, "{", NULL, false},
    {YG_TOKEN_HEADER_JSON, "{'alg':'HS256'}", NULL, false},
    {YG_TOKEN_HEADER_JSON, "{\"alg\":\"HS256\"}x", NULL, false},
    {YG_TOKEN_HEADER_JSON, "{\"alg\":\"HS256\\u0000\"}", NULL, false},
    {YG_TOKEN_HEADER_JSON, "{\"alg\":\"\xff\"}", NULL, false},
    {YG_TOKEN_HEADER_OBJECT, "[]", NULL, false},
    {YG_TOKEN_HEADER_OBJECT, "\"HS256\"", NULL, false},
    {YG_TOKEN_HEADER_OBJECT, "null", NULL, false},
    {YG_TOKEN_HEADER_DUPLICATE, "{\"alg\":\"none\",\"alg\":\"HS256\"}", NULL, false},
    {YG_TOKEN_HEADER_DUPLICATE, H("\"x\":{\"a\":1,\"a\":2}"), NULL, false},
    {YG_TOKEN_ALG_MISSING, "{}", NULL, false},
    {YG_TOKEN_ALG_MISSING, "{\"ALG\":\"HS256\"}", NULL, false},
    {YG_TOKEN_ALG_TYPE, "{\"alg\":256}", NULL, false},
    {YG_TOKEN_ALG_TYPE, "{\"alg\":null}", NULL, false},
    {YG_TOKEN_ALG_TYPE, "{\"alg\":[\"HS256\"]}", NULL, false},
    {YG_TOKEN_KID_TYPE, H("\"kid\":1"), NULL, false},
    {YG_TOKEN_KID_TYPE, H("\"kid\":null"), NULL, false},
    {YG_TOKEN_TYP, H("\"typ\":1"), NULL, false},
    {YG_TOKEN_TYP, H("\"typ\":\"logout+jwt\""), NULL, false},
    {YG_TOKEN_TYP, H("\"typ\":\"JOSE\""), NULL, false},
    {YG_TOKEN_NESTED, H("\"cty\":\"JWT\""), NULL, false},
    {YG_TOKEN_NESTED, H("\"cty\":1"), NULL, false},
    {YG_TOKEN_CRIT, H("\"crit\":[\"exp\"]"), NULL, false},
    {YG_TOKEN_CRIT, H("\"crit\":[]"), NULL, false},
    {YG_TOKEN_B64, H("\"b64\":false"), NULL, false},
    {YG_TOKEN_B64, H("\"b64\":true"), NULL, false},
    {YG_TOKEN_CRIT, H("\"b64\":false,\"crit\":[\"b64\"]"), NULL, false},
    {YG_TOKEN_ENC, H("\"enc\":\"A128GCM\""), NULL, false},
    {YG_TOKEN_ENC, H("\"zip\":\"DEF\""), NULL, false},
    /* algorithm */
    {YG_TOKEN_ALG_NONE, "{\"alg\":\"none\"}", NULL, false},
    {YG_TOKEN_ALG_NONE, "{\"alg\":\"nOnE\"}", NULL, false},
    {YG_TOKEN_ALG_UNKNOWN, "{\"alg\":\"\"}", NULL, false},
    {YG_TOKEN_ALG_UNKNOWN, "{\"alg\":\"hs256\"}", NULL, false},
    {YG_TOKEN_ALG_UNKNOWN, "{\"alg\":\"HS256 \"}", NULL, false},
    {YG_TOKEN_ALG_UNKNOWN, "{\"alg\":\"HS1\"}", NULL, false},
    {YG_TOKEN_ALG_UNKNOWN, "{\"alg\":\"ES256K\"}", NULL, false},
    {YG_TOKEN_ALG_UNKNOWN, "{\"alg\":\"RSA-OAEP\"}", NULL, false},
    {YG_TOKEN_ALG_UNKNOWN, "{\"alg\":\"dir\"}", NULL, false},
    {YG_TOKEN_ALG_NOT_ALLOWED, "{\"alg\":\"HS512\"}", NULL, false},
    {YG_TOKEN_ALG_NOT_ALLOWED, "{\"alg\":\"RS256\"}", NULL, false},
    {YG_TOKEN_ALG_NOT_ALLOWED, "{\"alg\":\"EdDSA\"}", NULL, false},
    /* claims */
    {YG_TOKEN_PAYLOAD_JSON, NULL, "", false},
    {YG_TOKEN_PAYLOAD_JSON, NULL, "{", false},
    {YG_TOKEN_PAYLOAD_JSON, NULL, "{\"exp\":NaN}", false},
    {YG_TOKEN_PAYLOAD_JSON, NULL, "{\"exp\":Infinity}", false},
    {YG_TOKEN_PAYLOAD_JSON, NULL, "{\"exp\":017}", false},
    {YG_TOKEN_PAYLOAD_JSON, NULL, "{\"sub\":\"\xc0\xaf\",\"exp\":1700003600}", false},
    {YG_TOKEN_PAYLOAD_JSON, NULL, "{\"sub\":\"a\\u0000b\",\"exp\":1700003600}", false},
    {YG_TOKEN_PAYLOAD_JSON, NULL, "{\"sub\\u0000\":\"ann\",\"exp\":1700003600}", false},
    {YG_TOKEN_PAYLOAD_JSON, NULL, "eyJhbGciOiJIUzI1NiJ9.e30.AAAA", false},
    {YG_TOKEN_PAYLOAD_OBJECT, NULL, "[]", false},
    {YG_TOKEN_PAYLOAD_OBJECT, NULL, "\"ann\"", false},
    {YG_TOKEN_PAYLOAD_OBJECT, NULL, "1", false},
    {YG_TOKEN_PAYLOAD_DUPLICATE, NULL, WITH("\"sub\":\"root\""), false},
    {YG_TOKEN_PAYLOAD_DUPLICATE, NULL, WITH("\"exp\":1"), false},
    {YG_TOKEN_PAYLOAD_DUPLICATE, NULL, WITH("\"s\\u0075b\":\"root\""), false},
    {YG_TOKEN_PAYLOAD_DUPLICATE, NULL, YODEL("\"join\":[],\"join\":[\"x\"]"), false},
    {YG_TOKEN_PAYLOAD_NUMBER, NULL, "{\"sub\":\"ann\",\"exp\":1e400}", false},
    {YG_TOKEN_PAYLOAD_NUMBER, NULL, "{\"sub\":\"ann\",\"exp\":99999999999999999999}", false},
    /* time */
    {YG_TOKEN_EXP_MISSING, NULL, "{\"sub\":\"ann\"}", false},
    {YG_TOKEN_EXP_MISSING, NULL, "{}", false},
    {YG_TOKEN_TIME_TYPE, NULL, "{\"sub\":\"ann\",\"exp\":\"1700003600\"}", false},
    {YG_TOKEN_TIME_TYPE, NULL, "{\"sub\":\"ann\",\"exp\":null}", false},
    {YG_TOKEN_TIME_TYPE, NULL, "{\"sub\":\"ann\",\"exp\":true}", false},
    {YG_TOKEN_TIME_TYPE, NULL, WITH("\"nbf\":\"0\""), false},
    {YG_TOKEN_TIME_TYPE, NULL, WITH("\"iat\":[]"), false},
    {YG_TOKEN_TIME_RANGE, NULL, "{\"sub\":\"ann\",\"exp\":1700003600000}", false},
    {YG_TOKEN_TIME_RANGE, NULL, "{\"sub\":\"ann\",\"exp\":1e300}", false},
    {YG_TOKEN_TIME_RANGE, NULL, "{\"sub\":\"ann\",\"exp\":9223372036854775807}", false},
    {YG_TOKEN_TIME_RANGE, NULL, "{\"sub\":\"ann\",\"exp\":-1}", false},
    {YG_TOKEN_TIME_RANGE, NULL, WITH("\"nbf\":-0.5"), false},
    {YG_TOKEN_TIME_RANGE, NULL, WITH("\"iat\":253402300800"), false},
    {YG_TOKEN_EXPIRED, NULL, "{\"sub\":\"ann\",\"exp\":0}", false},
    {YG_TOKEN_EXPIRED, NULL, "{\"sub\":\"ann\",\"exp\":1699999970}", false},
    {YG_TOKEN_EXPIRED, NULL, "{\"sub\":\"ann\",\"exp\":1699999969.9}", false},
    {YG_TOKEN_NOT_YET, NULL, WITH("\"nbf\":1700000031"), false},
    {YG_TOKEN_NOT_YET, NULL, WITH("\"nbf\":1700000030.001"), false},
    {YG_TOKEN_ISSUED_LATER, NULL, WITH("\"iat\":1700000031"), false},
    /* issuer */
    {YG_TOKEN_ISS_TYPE, NULL, WITH("\"iss\":1"), false},
    {YG_TOKEN_ISS_MISSING, NULL, WITH("\"aud\":\"aud\""), true},
    {YG_TOKEN_ISS_OTHER, NULL, WITH("\"iss\":\"other\",\"aud\":\"aud\""), true},
    {YG_TOKEN_ISS_OTHER, NULL, WITH("\"iss\":\"iss/\",\"aud\":\"aud\""), true},
    {YG_TOKEN_ISS_TYPE, NULL, WITH("\"iss\":[\"iss\"],\"aud\":\"aud\""), true},
    /* audience */
    {YG_TOKEN_AUD_TYPE, NULL, WITH("\"aud\":1"), false},
    {YG_TOKEN_AUD_TYPE, NULL, WITH("\"aud\":[\"a\",1]"), false},
    {YG_TOKEN_AUD_MISSING, NULL, WITH("\"iss\":\"iss\""), true},
    {YG_TOKEN_AUD_OTHER, NULL, WITH("\"iss\":\"iss\",\"aud\":\"other\""), true},
    {YG_TOKEN_AUD_OTHER, NULL, WITH("\"iss\":\"iss\",\"aud\":[]"), true},
    {YG_TOKEN_AUD_OTHER, NULL, WITH("\"iss\":\"iss\",\"aud\":[\"x\",\"AUD\"]"), true},
    {YG_TOKEN_AUD_TYPE, NULL, WITH("\"iss\":\"iss\",\"aud\":[\"aud\",null]"), true},
    {YG_TOKEN_AUD_TYPE, NULL, WITH("\"iss\":\"iss\",\"aud\":{\"aud\":1}"), true},
    /* user */
    {YG_TOKEN_USER_MISSING, NULL, "{\"exp\":1700003600}", false},
    {YG_TOKEN_USER_MISSING, NULL, "{\"sub\":\"\",\"exp\":1700003600}", false},
    {YG_TOKEN_USER_TYPE, NULL, "{\"sub\":7,\"exp\":1700003600}", false},
    {YG_TOKEN_USER_TYPE, NULL, "{\"sub\":null,\"exp\":1700003600}", false},
    {YG_TOKEN_USER_TYPE, NULL, "{\"sub\":[\"ann\"],\"exp\":1700003600}", false},
    {YG_TOKEN_USER_CHARACTERS, NULL, "{\"sub\":\"a\\nb\",\"exp\":1700003600}", false},
    {YG_TOKEN_USER_CHARACTERS, NULL, "{\"sub\":\"\\u007f\",\"exp\":1700003600}", false},
    {YG_TOKEN_JTI_TYPE, NULL, WITH("\"jti\":1"), false},
    /* grants */
    {YG_TOKEN_GRANTS_TYPE, NULL, WITH("\"yodel\":[]"), false},
    {YG_TOKEN_GRANTS_TYPE, NULL, WITH("\"yodel\":null"), false},
    {YG_TOKEN_GRANTS_MEMBER, NULL, YODEL("\"rooms\":[\"a\"]"), false},
    {YG_TOKEN_GRANTS_MEMBER, NULL, YODEL("\"Join\":[\"a\"]"), false},
    {YG_TOKEN_GRANTS_NAMESPACES, NULL, YODEL("\"namespaces\":\"/\""), false},
    {YG_TOKEN_GRANTS_NAMESPACES, NULL, YODEL("\"namespaces\":[\"chat\"]"), false},
    {YG_TOKEN_GRANTS_NAMESPACES, NULL, YODEL("\"namespaces\":[\"\"]"), false},
    {YG_TOKEN_GRANTS_NAMESPACES, NULL, YODEL("\"namespaces\":[1]"), false},
    {YG_TOKEN_GRANTS_JOIN, NULL, YODEL("\"join\":\"a\""), false},
    {YG_TOKEN_GRANTS_JOIN, NULL, YODEL("\"join\":[\"\"]"), false},
    {YG_TOKEN_GRANTS_JOIN, NULL, YODEL("\"join\":[\"chat:*\"]"), false},
    {YG_TOKEN_GRANTS_JOIN, NULL, YODEL("\"join\":[\"u:{user}\"]"), false},
    {YG_TOKEN_GRANTS_JOIN, NULL, YODEL("\"join\":[null]"), false},
    {YG_TOKEN_GRANTS_CAN, NULL, YODEL("\"can\":[]"), false},
    {YG_TOKEN_GRANTS_CAN, NULL, YODEL("\"can\":{\"leave\":[]}"), false},
    {YG_TOKEN_GRANTS_CAN_JOIN, NULL, YODEL("\"can\":{\"join\":\"*\"}"), false},
    {YG_TOKEN_GRANTS_CAN_JOIN, NULL, YODEL("\"can\":{\"join\":[\"{room}\"]}"), false},
    {YG_TOKEN_GRANTS_CAN_JOIN, NULL, YODEL("\"can\":{\"join\":[\"*********\"]}"), false},
    {YG_TOKEN_GRANTS_CAN_JOIN, NULL, YODEL("\"can\":{\"join\":[\"\"]}"), false},
    {YG_TOKEN_GRANTS_CAN_EMIT, NULL, YODEL("\"can\":{\"emit\":true}"), false},
    {YG_TOKEN_GRANTS_CAN_EMIT, NULL, YODEL("\"can\":{\"emit\":[\"a}\"]}"), false},
    {YG_TOKEN_GRANTS_EXPIRES, NULL, YODEL("\"expires_at\":\"never\""), false},
    {YG_TOKEN_GRANTS_EXPIRES, NULL, YODEL("\"expires_at\":-1"), false},
};

static struct yg_token_checker *checker_for(bool strict)
{
    struct yg_token_rules rules = token_rules();

    if (strict) {
        rules.issuer = "iss";
        rules.audience = "aud";
    }
    return token_checker(&rules);
}

static void expect_refused(struct yg_token_checker *checker, const char *text, size_t len,
                           enum yg_token_code code, const char *what)
{
    struct yg_token token;
    struct yg_refusal refusal;
    int rc = yg_token_check(checker, text, len, NOW_MS, &refusal, &token);

    if (rc != -EACCES || refusal.code != code)
        fail_msg("%s: %d, %s (%s), not %s", what, rc, yg_token_code_word(refusal.code),
                 refusal.text, yg_token_code_word(code));
    assert_true(strlen(refusal.text) > 10);
    assert_null(strpbrk(refusal.text, "\r\n"));
    assert_int_equal(yg_token_check(checker, text, len, NOW_MS, NULL, &token), -EACCES);
}

static void test_token_wrong_table(void **state)
{
    struct yg_token_checker *checkers[] = {checker_for(false), checker_for(true)};

    (void)state;
    assert_true(sizeof wrongs / sizeof wrongs[0] >= 100);
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        const struct wrong *wrong = &wrongs[i];
        const char *header = wrong->header != NULL ? wrong->header : HEADER;
        const char *payload = wrong->payload != NULL ? wrong->payload : GOOD;
        char *token = token_of(header, payload);

        expect_refused(checkers[wrong->strict], token, strlen(token), wrong->code,
                       wrong->header != NULL ? header : payload);
        free(token);
    }
    yg_token_checker_free(checkers[0]);
    yg_token_checker_free(checkers[1]);
}

/* What is no token at all, and good ones that somebody has touched. */
static void test_token_wrong_texts(void **state)
{
    static const struct {
        const char *text;
        enum yg_token_code code;
    } texts[] = {
        {"", YG_TOKEN_EMPTY},
        {"a", YG_TOKEN_PARTS},
        {"a.b", YG_TOKEN_PARTS},
        {"a.b.c.d", YG_TOKEN_PARTS},
        {"a.b.c.d.e", YG_TOKEN_ENCRYPTED},
        {"a.b.c.d.e.f", YG_TOKEN_PARTS},
        {"..", YG_TOKEN_HEADER_JSON},
        {"a.b.c", YG_TOKEN_HEADER_BASE64},
        {"eyJhbGciOiJIUzI1NiJ9=.e30.AAAA", YG_TOKEN_HEADER_BASE64},
        {" eyJhbGciOiJIUzI1NiJ9.e30.AAAA", YG_TOKEN_HEADER_BASE64},
        {"eyJhbGciOiJIUzI1NiJ+.e30.AAAA", YG_TOKEN_HEADER_BASE64},
        {"eyJhbGciOiJIUzI1NiJ9\n.e30.AAAA", YG_TOKEN_HEADER_BASE64},
        {"Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA", YG_TOKEN_HEADER_BASE64},
        {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.", YG_TOKEN_ALG_NONE},
        {"eyJhbGciOiJIUzI1NiJ9.e30.", YG_TOKEN_SIGNATURE_EMPTY},
        {"eyJhbGciOiJIUzI1NiJ9.e30.AAAA", YG_TOKEN_SIGNATURE_WRONG},
        {"eyJhbGciOiJIUzI1NiJ9.e30.AAAA=", YG_TOKEN_SIGNATURE_BASE64},
        {"eyJhbGciOiJIUzI1NiJ9.e30.A", YG_TOKEN_SIGNATURE_BASE64},
        {"eyJhbGciOiJIUzI1NiJ9.e30.AAA\xff", YG_TOKEN_SIGNATURE_BASE64},
        /* A damaged payload is not read ahead of the signature. */
        {"eyJhbGciOiJIUzI1NiJ9.!!!.AAAA", YG_TOKEN_SIGNATURE_WRONG},
    };
    struct yg_token_checker *checker = checker_for(false);

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect_refused(checker, texts[i].text, strlen(texts[i].text), texts[i].code, texts[i].text);
    yg_token_checker_free(checker);
}

/* A good token of which one character is another: refused, whichever it is. */
static void test_token_wrong_everywhere(void **state)
{
    struct yg_token_checker *checker = checker_for(false);
    char *good = token_of(HEADER, GOOD);
    struct yg_token token;

    (void)state;
    assert_int_equal(yg_token_check(checker, good, strlen(good), NOW_MS, NULL, &token), 0);
    yg_token_free(&token);
    for (size_t i = 0; good[i] != '\0'; i++) {
        char old = good[i];

        for (int flip = 1; flip < 256; flip <<= 1) {
            good[i] = (char)(old ^ flip);
            if (yg_token_check(checker, good, strlen(good), NOW_MS, NULL, &token) != -EACCES)
                fail_msg("character %zu may be changed by %d", i, flip);
        }
        good[i] = old;
        assert_int_equal(yg_token_check(checker, good, i, NOW_MS, NULL, &token), -EACCES);
    }
    free(good);
    yg_token_checker_free(checker);
}

static char *repeated(const char *before, char c, size_t num, const char *after)
{
    char *text = malloc(strlen(before) + num + strlen(after) + 1);

    assert_non_null(text);
    strcpy(text, before);
    memset(text + strlen(before), c, num);
    strcpy(text + strlen(before) + num, after);
    return text;
}

static void expect_long(const char *header, const char *payload, enum yg_token_code code)
{
    struct yg_token_checker *checker = checker_for(false);
    char *token = token_of(header, payload);

    expect_refused(checker, token, strlen(token), code, "a long one");
    free(token);
    yg_token_checker_free(checker);
}

static void expect_long_payload(const char *before, size_t num, const char *after,
                                enum yg_token_code code)
{
    char *payload = repeated(before, 'x', num, after);

    expect_long(HEADER, payload, code);
    free(payload);
}

static void test_token_wrong_sizes(void **state)
{
    char *kid = repeated("{\"alg\":\"HS256\",\"kid\":\"", 'k', 256, "\"}");
    char *header = repeated("{\"alg\":\"HS256\",\"x\":\"", 'x', 4096, "\"}");
    char *deep = repeated("", '[', 8192, "");

    (void)state;
    expect_long(kid, GOOD, YG_TOKEN_KID_LONG);
    expect_long(header, GOOD, YG_TOKEN_HEADER_LARGE);
    expect_long(HEADER, deep, YG_TOKEN_PAYLOAD_JSON);
    expect_long_payload("{\"x\":\"", 16384, "\"}", YG_TOKEN_TOO_LARGE);
    expect_long_payload("{\"exp\":1700003600,\"sub\":\"", 256, "\"}", YG_TOKEN_USER_LONG);
    expect_long_payload("{\"exp\":1700003600,\"sub\":\"a\",\"jti\":\"", 256, "\"}",
                        YG_TOKEN_JTI_TYPE);
    expect_long_payload("{\"exp\":1700003600,\"sub\":\"a\",\"yodel\":{\"info\":\"", 4095, "\"}}",
                        YG_TOKEN_GRANTS_INFO);
    expect_long_payload("{\"exp\":1700003600,\"sub\":\"a\",\"yodel\":{\"meta\":\"", 8191, "\"}}",
                        YG_TOKEN_GRANTS_META);
    expect_long_payload("{\"exp\":1700003600,\"sub\":\"a\",\"yodel\":{\"join\":[\"", 256, "\"]}}",
                        YG_TOKEN_GRANTS_JOIN);
    expect_long_payload("{\"exp\":1700003600,\"sub\":\"a\",\"yodel\":{\"can\":{\"emit\":[\"", 256,
                        "\"]}}}", YG_TOKEN_GRANTS_CAN_EMIT);
    free(kid);
    free(header);
    free(deep);
}

/* Every code has its word and sentence, and no two the same. */
static void test_token_wrong_codes(void **state)
{
    (void)state;
    for (int i = YG_TOKEN_OK + 1; i < YG_NUM_TOKEN_CODES; i++) {
        assert_true(yg_token_code_step((enum yg_token_code)i) < YG_NUM_TOKEN_STEPS);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(yg_token_code_word((enum yg_token_code)i),
                                    yg_token_code_word((enum yg_token_code)k));
    }
    for (int i = 0; i < YG_NUM_TOKEN_STEPS; i++) {
        assert_non_null(yg_token_step_word((enum yg_token_step)i));
        assert_non_null(yg_token_step_words((enum yg_token_step)i));
    }
}

/* Text of a token in a sentence. */
static void test_token_wrong_quotes(void **state)
{
    char quoted[YG_QUOTED_SIZE], text[200];

    (void)state;
    assert_string_equal(yg_quoted("a\nb\x7f", quoted), "\"a?b?\"");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(strlen(yg_quoted(text, quoted)), YG_QUOTED_SIZE - 1);
    /* Characters stay whole. */
    for (size_t i = 0; i < 66; i++) {
        for (size_t at = i; at + 3 < sizeof text; at += 3)
            memcpy(text + at, "\xe2\x82\xac", 3);
        text[198] = '\0';
        yg_quoted(text, quoted);
        assert_int_equal((strlen(quoted) - 5 - i) % 3, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_wrong_table),      cmocka_unit_test(test_token_wrong_texts),
        cmocka_unit_test(test_token_wrong_everywhere), cmocka_unit_test(test_token_wrong_sizes),
        cmocka_unit_test(test_token_wrong_codes),      cmocka_unit_test(test_token_wrong_quotes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
