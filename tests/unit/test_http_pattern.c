/* SPDX-License-Identifier: MIT */
#include "http/path_pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct yd_pattern *pattern, size_t *offset)
{
    const char *error = NULL;
    int rc = yd_pattern_parse(yodel_str_of(text), pattern, &error, offset);

    assert_true((rc < 0) == (error != NULL));
    return rc;
}

static void assert_str(yodel_str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void test_http_pattern_method(void **state)
{
    struct yd_pattern pattern;
    size_t offset;

    assert_int_equal(parse("GET /a", &pattern, &offset), 0);
    assert_str(pattern.method, "GET");
    assert_str(pattern.path, "/a");
    assert_int_equal(parse("/a", &pattern, &offset), 0);
    assert_int_equal(pattern.method.len, 0);
    assert_int_equal(parse("PROPFIND ^/x{2}$", &pattern, &offset), 0);
    assert_true(pattern.is_regex);
    assert_str(pattern.path, "^/x{2}$");
    assert_int_equal(pattern.num_segments, 0);
}

static void test_http_pattern_segments(void **state)
{
    static const struct {
        enum yd_segment_kind kind;
        const char *text;
    } expected[] = {{YD_SEGMENT_LITERAL, "a"},
                    {YD_SEGMENT_ANY, "name"},
                    {YD_SEGMENT_INT, "id"},
                    {YD_SEGMENT_REST, "rest_9"}};
    struct yd_pattern pattern;
    size_t offset;

    assert_int_equal(parse("/a/{name}/{id:int}/{rest_9...}", &pattern, &offset), 0);
    assert_int_equal(pattern.num_segments, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pattern.segments[i].kind, expected[i].kind);
        assert_str(pattern.segments[i].text, expected[i].text);
    }
    assert_int_equal(parse("/", &pattern, &offset), 0);
    assert_int_equal(pattern.num_segments, 1);
    assert_int_equal(pattern.segments[0].text.len, 0);
    assert_int_equal(parse("/a/", &pattern, &offset), 0);
    assert_int_equal(pattern.num_segments, 2);
}

static void test_http_pattern_errors(void **state)
{
    static const struct {
        const char *text;
        size_t offset;
    } bad[] = {
        {"", 0},       {"GET", 0},      {"GET ", 4},      {"GET x", 4},    {"G@T /", 0},
        {"GET  /", 4}, {"a", 0},        {"/a//b", 3},     {"//", 1},       {"/{}", 2},
        {"/{1a}", 2},  {"/{a b}", 2},   {"/{a", 1},       {"/x{a}", 2},    {"/{a}x", 1},
        {"/}", 1},     {"/{a}/{a}", 6}, {"/{a...}/b", 1}, {"/{a:hex}", 2}, {"/{a:int...}", 2},
        {"/a b", 2},   {"/a?b", 2},     {"/a#b", 2},      {"/a\nb", 2},    {"/{a}/{a...}", 6},
    };
    struct yd_pattern pattern;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        size_t offset = 99;

        if (parse(bad[i].text, &pattern, &offset) != YODEL_ERR_PATTERN || offset != bad[i].offset)
            fail_msg("\"%s\": offset %zu", bad[i].text, offset);
    }
}

static void test_http_pattern_depth(void **state)
{
    char text[2 * YD_PATTERN_SEGMENTS + 3] = "";
    struct yd_pattern pattern;
    size_t offset;

    for (int i = 0; i < YD_PATTERN_SEGMENTS; i++)
        strcat(text, "/a");
    assert_int_equal(parse(text, &pattern, &offset), 0);
    strcat(text, "/a");
    assert_int_equal(parse(text, &pattern, &offset), YODEL_ERR_PATTERN);
    assert_int_equal(offset, 2 * YD_PATTERN_SEGMENTS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_pattern_method),
        cmocka_unit_test(test_http_pattern_segments),
        cmocka_unit_test(test_http_pattern_errors),
        cmocka_unit_test(test_http_pattern_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
