/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_read.h"
#include "token_failing.h"

#define DEPTH 32

static const char *const good[] = {
    "0",
    "-0",
    "1.5",
    "-1e5",
    "1E+2",
    "9223372036854775807",
    "-9223372036854775808",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u00e9\\u20ac\\ud83d\\ude00\"",
    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
    "[]",
    "{}",
    " [ 1 , [ ] , { } ] ",
    "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"b\":\"\\\\\"}",
    "\t\n\r 1 ",
    "{\"\":1}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    "1e-400",
};

/* What is read is what jansson reads, which has memory enough here. */
static void test_token_json_is_janssons(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        json_t *expected = json_loads(good[i], JSON_DECODE_ANY, NULL), *value = NULL;
        struct yg_json_where where;

        assert_non_null(expected);
        assert_int_equal(yg_json_read(good[i], strlen(good[i]), DEPTH, &where, &value), 0);
        if (!json_equal(value, expected))
            fail_msg("%s", good[i]);
        json_decref(value);
        json_decref(expected);
    }
}

static void test_token_json_faults(void **state)
{
    static const struct {
        const char *text;
        enum yg_json_fault fault;
    } bad[] = {
        {"", YG_JSON_SYNTAX},
        {" ", YG_JSON_SYNTAX},
        {"1 2", YG_JSON_SYNTAX},
        {"01", YG_JSON_SYNTAX},
        {"+1", YG_JSON_SYNTAX},
        {"1.", YG_JSON_SYNTAX},
        {".5", YG_JSON_SYNTAX},
        {"1e", YG_JSON_SYNTAX},
        {"-", YG_JSON_SYNTAX},
        {"0x1", YG_JSON_SYNTAX},
        {"NaN", YG_JSON_SYNTAX},
        {"tru", YG_JSON_SYNTAX},
        {"truex", YG_JSON_SYNTAX},
        {"[", YG_JSON_SYNTAX},
        {"[1,]", YG_JSON_SYNTAX},
        {"[1 2]", YG_JSON_SYNTAX},
        {"[}", YG_JSON_SYNTAX},
        {"{", YG_JSON_SYNTAX},
        {"{1:2}", YG_JSON_SYNTAX},
        {"{\"a\"}", YG_JSON_SYNTAX},
        {"{\"a\":}", YG_JSON_SYNTAX},
        {"{\"a\":1,}", YG_JSON_SYNTAX},
        {"{\"a\":1", YG_JSON_SYNTAX},
        {"\"", YG_JSON_SYNTAX},
        {"\"\n\"", YG_JSON_SYNTAX},
        {"\"\\x\"", YG_JSON_SYNTAX},
        {"\"\\", YG_JSON_SYNTAX},
        {"\"\\u12\"", YG_JSON_SYNTAX},
        {"\"\\ud800\"", YG_JSON_SYNTAX},
        {"\"\\udc00\"", YG_JSON_SYNTAX},
        {"\"\\ud800\\u0041\"", YG_JSON_SYNTAX},
        {"\"\xc0\x80\"", YG_JSON_SYNTAX},
        {"\"\xe0\x80\x80\"", YG_JSON_SYNTAX},
        {"\"\xed\xa0\x80\"", YG_JSON_SYNTAX},
        {"\"\xf4\x90\x80\x80\"", YG_JSON_SYNTAX},
        {"\"\xf0\x80\x80\x80\"", YG_JSON_SYNTAX},
        {"\"\x80\"", YG_JSON_SYNTAX},
        {"\"\xc3\"", YG_JSON_SYNTAX},
        {"\"\xff\"", YG_JSON_SYNTAX},
        {"\"\\u0000\"", YG_JSON_NUL},
        {"{\"\\u0000\":1}", YG_JSON_NUL},
        {"{\"a\":1,\"a\":1}", YG_JSON_DUPLICATE},
        {"{\"a\":1,\"\\u0061\":1}", YG_JSON_DUPLICATE},
        {"9223372036854775808", YG_JSON_NUMBER},
        {"1e400", YG_JSON_NUMBER},
        {"-1e999", YG_JSON_NUMBER},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", YG_JSON_DEEP},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct yg_json_where where;
        json_t *value;

        if (yg_json_read(bad[i].text, strlen(bad[i].text), DEPTH, &where, &value) != -EINVAL ||
            where.fault != bad[i].fault)
            fail_msg("%s", bad[i].text);
        assert_true(where.offset <= strlen(bad[i].text));
        assert_non_null(yg_json_fault_words(where.fault));
    }
}

/* Every beginning of a good text, in memory of just that size. */
static void test_token_json_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        for (size_t len = 0; len <= strlen(good[i]); len++) {
            char *text = malloc(len > 0 ? len : 1);
            struct yg_json_where where;
            json_t *value = NULL;

            assert_non_null(text);
            memcpy(text, good[i], len);
            (void)yg_json_read(text, len, DEPTH, &where, &value);
            json_decref(value);
            free(text);
        }
}

static void test_token_json_failing(void **state)
{
    static const char text[] = "{\"a\":[1,2.5,\"a text that is longer than most buffers are\","
                               "{\"b\":null}],\"c\":{},\"d\":[1,2,3,4,5,6,7,8,9,10]}";
    json_t *expected = json_loads(text, 0, NULL);

    (void)state;
    FAILING_LOOP(n)
    {
        struct yg_json_where where;
        json_t *value = NULL;
        int rc = yg_json_read(text, strlen(text), DEPTH, &where, &value);

        failing_stop();
        assert_int_equal(rc, failing_has_failed() ? -ENOMEM : 0);
        assert_true(rc < 0 ? value == NULL : json_equal(value, expected));
        json_decref(value);
    }
    json_decref(expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_json_is_janssons),
        cmocka_unit_test(test_token_json_faults),
        cmocka_unit_test(test_token_json_cut),
        cmocka_unit_test(test_token_json_failing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
