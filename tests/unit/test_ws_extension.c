/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "proto/ws_handshake.h"

#include <cmocka.h>

#define PMD "permessage-deflate"
#define SERVER_NO "; server_no_context_takeover"
#define CLIENT_NO "; client_no_context_takeover"
#define SERVER_BITS "; server_max_window_bits"
#define CLIENT_BITS "; client_max_window_bits"

static const struct yd_ws_deflate_policy generous = {true, true, 15, 15};

/* The answer to these fields, "" when there is none. */
static void answer(const struct yd_ws_deflate_policy *policy, yodel_str first, yodel_str second,
                   struct yd_ws_deflate_params *ret, char text[YD_WS_EXTENSION_MAX])
{
    struct yd_http_field fields[] = {
        {YODEL_STR("sec-websocket-extensions"), first},
        {YODEL_STR("Sec-WebSocket-Protocol"), YODEL_STR(PMD)},
        {YODEL_STR("Sec-WebSocket-Extensions"), second},
    };
    const struct yd_http_head head = {.fields = fields, .num_fields = YD_LEN(fields)};

    memset(text, 0, YD_WS_EXTENSION_MAX);
    yd_ws_choose_deflate(&head, policy, ret);
    if (ret->on)
        yd_ws_write_extension(ret, text);
    assert_true(strlen(text) < YD_WS_EXTENSION_MAX - 1);
}

static void expect(const struct yd_ws_deflate_policy *policy, const char *offer,
                   const char *expected)
{
    struct yd_ws_deflate_params params;
    char text[YD_WS_EXTENSION_MAX];

    answer(policy, yodel_str_of(offer), (yodel_str){NULL, 0}, &params, text);
    if (strcmp(text, expected) != 0)
        print_message("offer: %s\n", offer);
    assert_string_equal(text, expected);
}

static void test_ws_extension_answers_offers(void **state)
{
    static const struct {
        const char *offer, *expected;
    } cases[] = {
        {PMD, PMD},
        {"  " PMD "\t", PMD},
        {PMD SERVER_NO, PMD SERVER_NO},
        {PMD CLIENT_NO, PMD CLIENT_NO},
        {PMD CLIENT_NO SERVER_NO, PMD SERVER_NO CLIENT_NO},
        {PMD CLIENT_BITS, PMD CLIENT_BITS "=15"},
        {PMD CLIENT_BITS "=15", PMD CLIENT_BITS "=15"},
        {PMD CLIENT_BITS "=9", PMD CLIENT_BITS "=9"},
        {PMD CLIENT_BITS "=8", PMD},
        {PMD SERVER_BITS "=15", PMD SERVER_BITS "=15"},
        {PMD SERVER_BITS "=9", PMD SERVER_BITS "=9"},
        {PMD SERVER_BITS "=10" CLIENT_BITS "=11" SERVER_NO CLIENT_NO,
         PMD SERVER_NO CLIENT_NO SERVER_BITS "=10" CLIENT_BITS "=11"},
        /* forms of writing it */
        {PMD SERVER_BITS "=\"10\"", PMD SERVER_BITS "=10"},
        {PMD SERVER_BITS "=\"\\1\\0\"", PMD SERVER_BITS "=10"},
        {PMD ";server_max_window_bits=12;client_max_window_bits",
         PMD SERVER_BITS "=12" CLIENT_BITS "=15"},
        {PMD " ; server_max_window_bits = 12 ;\tclient_max_window_bits = \"9\" ",
         PMD SERVER_BITS "=12" CLIENT_BITS "=9"},
        {", ,," PMD " ,,", PMD},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++)
        expect(&generous, cases[i].offer, cases[i].expected);
}

static const char *const bad_offers[] = {
    PMD "; unknown",
    PMD "; unknown=1",
    PMD "; constructor",
    PMD "; Server_No_Context_Takeover",
    PMD SERVER_NO SERVER_NO,
    PMD CLIENT_NO CLIENT_NO,
    PMD SERVER_BITS "=10" SERVER_BITS "=10",
    PMD CLIENT_BITS CLIENT_BITS,
    PMD CLIENT_BITS "=10" CLIENT_BITS "=11",
    PMD SERVER_NO "=1",
    PMD SERVER_NO "=\"\"",
    PMD CLIENT_NO "=true",
    PMD SERVER_BITS,
    PMD SERVER_BITS "=7",
    PMD SERVER_BITS "=8", /* legal, and more than zlib can do */
    PMD SERVER_BITS "=16",
    PMD SERVER_BITS "=0",
    PMD SERVER_BITS "=010",
    PMD SERVER_BITS "=09",
    PMD SERVER_BITS "=-9",
    PMD SERVER_BITS "=+9",
    PMD SERVER_BITS "=100",
    PMD SERVER_BITS "=4294967306",
    PMD SERVER_BITS "=1a",
    PMD SERVER_BITS "=a1",
    PMD SERVER_BITS "=\"10 \"",
    PMD SERVER_BITS "=\"\"",
    PMD CLIENT_BITS "=7",
    PMD CLIENT_BITS "=16",
    PMD CLIENT_BITS "=\"\"",
    PMD CLIENT_BITS "=08",
    PMD CLIENT_BITS "=\"1,5\"",
    /* malformed */
    PMD ";",
    PMD "; ;",
    PMD ";;client_max_window_bits",
    PMD SERVER_BITS "=",
    PMD SERVER_BITS "=, x",
    PMD SERVER_BITS "= ;",
    PMD SERVER_BITS "==10",
    PMD SERVER_BITS "=10=10",
    PMD SERVER_BITS "=\"10\"1",
    PMD SERVER_BITS "=10\"10\"",
    PMD "=1",
    PMD " server_no_context_takeover",
    PMD " x",
    PMD " \"x\"",
    PMD "\"\"",
    PMD "; \"x\"=1",
    PMD "; x=(1)",
    PMD "; \xc3\xa9=1",
    "; server_no_context_takeover",
    "=",
    "\"permessage-deflate\"",
    "permessage-deflate/1",
    "Permessage-Deflate",
    "permessage-deflat",
    "permessage-deflatee",
    "x-webkit-deflate-frame",
    "permessage-bzip2; a=1; b",
    "constructor",
    "__proto__; toString=hasOwnProperty",
    "",
};

static void test_ws_extension_declines_bad_offers(void **state)
{
    for (size_t i = 0; i < YD_LEN(bad_offers); i++)
        expect(&generous, bad_offers[i], "");
}

/* In the same field, in the next one, and ahead of it. */
static void test_ws_extension_takes_the_good_one_after_bad_ones(void **state)
{
    struct yd_ws_deflate_params params;
    char text[YD_WS_EXTENSION_MAX], offer[512];

    for (size_t i = 0; i < YD_LEN(bad_offers); i++) {
        snprintf(offer, sizeof(offer), "%s, " PMD SERVER_NO, bad_offers[i]);
        expect(&generous, offer, PMD SERVER_NO);
        snprintf(offer, sizeof(offer), PMD ", %s", bad_offers[i]);
        expect(&generous, offer, PMD);
        answer(&generous, yodel_str_of(bad_offers[i]), YODEL_STR(PMD CLIENT_NO), &params, text);
        assert_string_equal(text, PMD CLIENT_NO);
    }
}

/* A comma inside quotes ends nothing, closed or not. */
static void test_ws_extension_minds_quotes(void **state)
{
    expect(&generous, "x; a=\", " PMD ", \"", "");
    expect(&generous, "x; a=\", " PMD ", \", " PMD CLIENT_NO, PMD CLIENT_NO);
    expect(&generous, "x; a=\"\\\", " PMD ", \"", "");
    expect(&generous, "x; a=\"b, " PMD, "");
    expect(&generous, "x; a=\"b\\", "");
    expect(&generous, "x; a=b\"c, " PMD "\", " PMD SERVER_NO, PMD SERVER_NO);
    expect(&generous, PMD SERVER_BITS "=\"10", "");
    expect(&generous, PMD SERVER_BITS "=\"10\\", "");
}

static void test_ws_extension_follows_the_policy(void **state)
{
    static const struct {
        struct yd_ws_deflate_policy policy;
        const char *offer, *expected;
    } cases[] = {
        {{false, true, 15, 15}, PMD, PMD SERVER_NO},
        {{false, true, 15, 15}, PMD SERVER_NO, PMD SERVER_NO},
        {{true, false, 15, 15}, PMD, PMD CLIENT_NO},
        {{false, false, 15, 15}, PMD CLIENT_BITS, PMD SERVER_NO CLIENT_NO CLIENT_BITS "=15"},
        {{true, true, 12, 15}, PMD, PMD SERVER_BITS "=12"},
        {{true, true, 12, 15}, PMD SERVER_BITS "=15", PMD SERVER_BITS "=12"},
        {{true, true, 12, 15}, PMD SERVER_BITS "=10", PMD SERVER_BITS "=10"},
        {{true, true, 15, 12}, PMD, PMD},
        {{true, true, 15, 12}, PMD CLIENT_BITS, PMD CLIENT_BITS "=12"},
        {{true, true, 15, 12}, PMD CLIENT_BITS "=15", PMD CLIENT_BITS "=12"},
        {{true, true, 15, 12}, PMD CLIENT_BITS "=10", PMD CLIENT_BITS "=10"},
        {{true, true, 15, 12}, PMD CLIENT_BITS "=8", PMD},
        {{false, false, 9, 9},
         PMD CLIENT_BITS,
         PMD SERVER_NO CLIENT_NO SERVER_BITS "=9" CLIENT_BITS "=9"},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++)
        expect(&cases[i].policy, cases[i].offer, cases[i].expected);
}

/* What is not stated holds the largest window. */
static void test_ws_extension_gives_the_parameters(void **state)
{
    const struct yd_ws_deflate_policy policy = {false, true, 12, 11};
    struct yd_ws_deflate_params params;
    char text[YD_WS_EXTENSION_MAX];

    answer(&policy, YODEL_STR(PMD CLIENT_BITS "=8"), (yodel_str){NULL, 0}, &params, text);
    assert_true(params.on);
    assert_true(params.server_no_context);
    assert_false(params.client_no_context);
    assert_int_equal(params.server_bits, 12);
    assert_int_equal(params.client_bits, 15);
    answer(&policy, YODEL_STR(PMD SERVER_BITS "=9" CLIENT_BITS "=13"), (yodel_str){NULL, 0},
           &params, text);
    assert_int_equal(params.server_bits, 9);
    assert_int_equal(params.client_bits, 11);
    answer(&policy, YODEL_STR("x"), (yodel_str){NULL, 0}, &params, text);
    assert_memory_equal(&params, &(struct yd_ws_deflate_params){0}, sizeof(params));
}

/* Repeated text that makes a backtracking or restarting parser quadratic or worse. */
static void test_ws_extension_is_linear(void **state)
{
    static const struct {
        const char *begin, *again;
    } cases[] = {
        {"a;b=\"", "\\c"},  {"a;b=\"", "\\\""}, {"a", " "},  {"a;", " "},
        {"", ","},          {"", "\""},         {"", "=\""}, {"", PMD "; x,"},
        {"", "a;b=\"c\","}, {"", "a b\","},     {PMD, ";a"}, {PMD SERVER_BITS "=", "1"},
    };
    size_t len = 2000000;
    char *text = malloc(len);

    assert_non_null(text);
    for (size_t i = 0; i < YD_LEN(cases); i++) {
        struct yd_ws_deflate_params params;
        char value[YD_WS_EXTENSION_MAX];
        size_t at = strlen(cases[i].begin), step = strlen(cases[i].again);

        memcpy(text, cases[i].begin, at);
        for (; at + step <= len; at += step)
            memcpy(text + at, cases[i].again, step);
        answer(&generous, (yodel_str){text, at}, YODEL_STR("x"), &params, value);
        assert_false(params.on);
    }
    free(text);
}

/* Every beginning of an offer, in memory that ends there. */
static void test_ws_extension_stays_inside_its_text(void **state)
{
    for (size_t i = 0; i < YD_LEN(bad_offers); i++) {
        for (size_t len = 1; len <= strlen(bad_offers[i]); len++) {
            struct yd_ws_deflate_params params;
            char value[YD_WS_EXTENSION_MAX], *text = malloc(len);

            assert_non_null(text);
            memcpy(text, bad_offers[i], len);
            answer(&generous, (yodel_str){text, len}, (yodel_str){NULL, 0}, &params, value);
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_extension_answers_offers),
        cmocka_unit_test(test_ws_extension_declines_bad_offers),
        cmocka_unit_test(test_ws_extension_takes_the_good_one_after_bad_ones),
        cmocka_unit_test(test_ws_extension_minds_quotes),
        cmocka_unit_test(test_ws_extension_follows_the_policy),
        cmocka_unit_test(test_ws_extension_gives_the_parameters),
        cmocka_unit_test(test_ws_extension_is_linear),
        cmocka_unit_test(test_ws_extension_stays_inside_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
