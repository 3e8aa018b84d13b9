/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "proto/http1.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

/* What came of a body that was handed over in pieces. */
struct outcome {
    int result;
    size_t used, len;
    char content[65536];
};

static int decode_piece(struct yd_http_chunked *chunked, yodel_str piece, struct outcome *outcome)
{
    size_t used = 0, len = 0;
    uint8_t *copy = malloc(piece.len + 1);
    int result;

    assert_non_null(copy);
    memcpy(copy + 1, piece.ptr, piece.len);
    result = yd_http_chunked_decode(chunked, copy + 1, piece.len, &used, &len);
    assert_true(len <= used && used <= piece.len);
    assert_true(outcome->len + len <= sizeof(outcome->content));
    memcpy(outcome->content + outcome->len, copy + 1, len);
    outcome->len += len;
    outcome->used += used;
    if (result == 0)
        assert_int_equal(used, piece.len);
    free(copy);
    return result;
}

static void decode(yodel_str body, size_t step, struct outcome *ret)
{
    struct yd_http_chunked chunked = {0};

    ret->result = 0;
    ret->used = ret->len = 0;
    for (size_t i = 0; i < body.len && ret->result == 0; i += step) {
        yodel_str piece = {body.ptr + i, YD_MIN(step, body.len - i)};

        ret->result = decode_piece(&chunked, piece, ret);
    }
}

static void assert_decodes(yodel_str body, const char *content, size_t rest)
{
    struct outcome outcome;

    for (size_t step = body.len; step > 0; step--) {
        decode(body, step, &outcome);
        assert_int_equal(outcome.result, 1);
        assert_int_equal(outcome.used, body.len - rest);
        assert_int_equal(outcome.len, strlen(content));
        assert_memory_equal(outcome.content, content, outcome.len);
    }
}

static void test_http1_chunked_decodes(void **state)
{
    static const struct {
        yodel_str body;
        const char *content;
        size_t rest;
    } bodies[] = {
        {TEXT("0\r\n\r\n"), "", 0},
        {TEXT("000000000000000\r\n\r\n"), "", 0},
        {TEXT("5\r\nhello\r\n0\r\n\r\n"), "hello", 0},
        {TEXT("5\r\nhello\r\n1\r\n,\r\n00B\r\n wide world\r\n0\r\n\r\nGET"), "hello, wide world",
         3},
        {TEXT("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n", 0},
        {TEXT("a;x=y\r\n0123456789\r\n0;last\r\n\r\n"), "0123456789", 0},
        {TEXT("A \t; x = \"y;z\"\r\n0123456789\r\n0\r\n\r\n"), "0123456789", 0},
        {TEXT("1\r\na\r\n0\r\nDigest: x y\r\nB:\r\n\r\n\r\n"), "a", 2},
    };

    for (size_t i = 0; i < YD_LEN(bodies); i++)
        assert_decodes(bodies[i].body, bodies[i].content, bodies[i].rest);
}

static void assert_refused(yodel_str body)
{
    struct outcome outcome;

    for (size_t step = body.len; step > 0; step--) {
        decode(body, step, &outcome);
        assert_int_equal(outcome.result, -400);
    }
}

static void test_http1_chunked_refuses(void **state)
{
    static const yodel_str bodies[] = {
        TEXT("\r\n"),
        TEXT(";x\r\n"),
        TEXT(" 5\r\nhello\r\n"),
        TEXT("+5\r\n"),
        TEXT("-1\r\n"),
        TEXT("0x5\r\n"),
        TEXT("5\nhello"),
        TEXT("5\r5"),
        TEXT("5 \r\n"),
        TEXT("5 5\r\n"),
        TEXT("5;a\nb\r\n"),
        TEXT("5;a\rb"),
        TEXT("5;a\0"),
        TEXT("5\r\nhello0\r\n"),
        TEXT("5\r\nhello\n"),
        TEXT("5\r\nhello\r0"),
        TEXT("0000000000000000\r\n"),
        TEXT("ffffffffffffffff\r\n"),
        TEXT("10000000000000005\r\n"),
        TEXT("0\r\nx\r\n"),
        TEXT("0\r\n: x\r\n"),
        TEXT("0\r\n x\r\n"),
        TEXT("0\r\nA : x\r\n"),
        TEXT("0\r\nA: x\n"),
        TEXT("0\r\nA: x\rB"),
        TEXT("0\r\nA: \x7f"),
        TEXT("0\r\n\rx"),
        TEXT("0\r\n\n"),
    };

    for (size_t i = 0; i < YD_LEN(bodies); i++)
        assert_refused(bodies[i]);
}

/* The size stands in left before any of the chunk has come, so that a caller can refuse it. */
static void test_http1_chunked_shows_the_size_at_once(void **state)
{
    struct yd_http_chunked chunked = {0};
    uint8_t body[] = "fffffffffffffff\r\n";
    size_t used, len;

    assert_int_equal(yd_http_chunked_decode(&chunked, body, sizeof(body) - 1, &used, &len), 0);
    assert_int_equal(used, sizeof(body) - 1);
    assert_int_equal(len, 0);
    assert_true(chunked.left == 0xfffffffffffffff);
}

/* Feeds text, then fill again and again; returns after how many it was refused. */
static size_t count_until_refused(const char *text, const char *fill)
{
    struct yd_http_chunked chunked = {0};
    struct outcome outcome = {0};
    size_t count = 0;

    assert_int_equal(decode_piece(&chunked, yodel_str_of(text), &outcome), 0);
    while (decode_piece(&chunked, yodel_str_of(fill), &outcome) == 0 && count < 10000)
        count++;
    return count;
}

static void test_http1_chunked_bounds_what_it_drops(void **state)
{
    assert_int_equal(count_until_refused("5", ";"), 4096);
    assert_int_equal(count_until_refused("5;", " "), 4095);
    assert_int_equal(count_until_refused("0\r\n", "A"), 4096);
    assert_int_equal(count_until_refused("0\r\nA:", " "), 4094);
    assert_int_equal(count_until_refused("0\r\n", "A:\r\n"), 2048);
    assert_int_equal(count_until_refused("", "1;a\r\nx\r\n"), 2048);
    assert_int_equal(count_until_refused("", "1\r\nx\r\n"), 10000);
}

static void test_http1_chunked_ends_last(void **state)
{
    struct yd_http_chunked chunked = {0};
    struct outcome outcome = {0};

    assert_int_equal(decode_piece(&chunked, YODEL_STR("0\r\n\r\n"), &outcome), 1);
    assert_int_equal(decode_piece(&chunked, YODEL_STR("5\r\n"), &outcome), 1);
    assert_int_equal(outcome.used, 5);

    chunked = (struct yd_http_chunked){0};
    assert_int_equal(decode_piece(&chunked, YODEL_STR("x"), &outcome), -400);
    assert_int_equal(decode_piece(&chunked, YODEL_STR("0\r\n\r\n"), &outcome), -400);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http1_chunked_decodes),
        cmocka_unit_test(test_http1_chunked_refuses),
        cmocka_unit_test(test_http1_chunked_shows_the_size_at_once),
        cmocka_unit_test(test_http1_chunked_bounds_what_it_drops),
        cmocka_unit_test(test_http1_chunked_ends_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
