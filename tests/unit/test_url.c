/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "proto/url.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

/* Memory of just that size, so that a sanitizer sees a byte too many. */
static char *new_room(size_t size)
{
    char *room = malloc(size > 0 ? size : 1);

    assert_non_null(room);
    return room;
}

static void test_url_decode_forms(void **state)
{
    static const struct {
        yodel_str in;
        int form;
        yodel_str want;
    } cases[] = {
        {TEXT(""), 0, TEXT("")},
        {TEXT("abc"), 0, TEXT("abc")},
        {TEXT("%41%62%2f%2F"), 0, TEXT("Ab//")},
        {TEXT("%00%ff"), 0, TEXT("\0\xff")},
        {TEXT("a+b"), 0, TEXT("a+b")},
        {TEXT("a+b%2b"), 1, TEXT("a b+")},
        {TEXT("%2541"), 0, TEXT("%41")},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        char *out = new_room(cases[i].in.len);
        ptrdiff_t len = yd_url_decode(cases[i].in, out, cases[i].form);

        assert_int_equal(len, cases[i].want.len);
        assert_memory_equal(out, cases[i].want.ptr, cases[i].want.len);
        free(out);
    }
}

static void test_url_decode_refuses_malformed(void **state)
{
    static const yodel_str cases[] = {TEXT("%"),   TEXT("a%4"), TEXT("%g0"), TEXT("%0g"),
                                      TEXT("%%1"), TEXT("%-1"), TEXT("% 1"), TEXT("%u0041")};

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        char *out = new_room(cases[i].len);
        char *exact = new_room(cases[i].len);

        memcpy(exact, cases[i].ptr, cases[i].len);
        assert_int_equal(yd_url_decode((yodel_str){exact, cases[i].len}, out, 0), -EINVAL);
        free(exact);
        free(out);
    }
}

static void test_url_decode_in_place(void **state)
{
    char text[] = "%61b%63+";

    assert_int_equal(yd_url_decode((yodel_str){text, 8}, text, 1), 4);
    assert_memory_equal(text, "abc ", 4);
}

static void test_url_query_param_finds(void **state)
{
    static const struct {
        const char *query, *name;
        const char *want; /* NULL: absent */
    } cases[] = {
        {"", "a", NULL},         {"a", "a", ""},
        {"a=", "a", ""},         {"a=1", "a", "1"},
        {"a=1&a=2", "a", "2"},   {"a=1&b=2&ab=3", "b", "2"},
        {"a=1&b=2", "ab", NULL}, {"ab=1", "a", NULL},
        {"&&a=1&&", "a", "1"},   {"&&", "", NULL},
        {"=1", "", "1"},         {"a=b=c", "a", "b=c"},
        {"a=1?2", "a", "1?2"},   {"%61%62=x%20y+z", "ab", "x y z"},
        {"a+b=1", "a b", "1"},   {"a=%", "a", "%"},
        {"a=%4&b", "a", "%4"},   {"a=%zz%41", "a", "%zzA"},
        {"%=1", "%", "1"},       {"token=%C3%A9", "token", "\xc3\xa9"},
        {"A=1", "a", NULL},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        yodel_str query = yodel_str_of(cases[i].query);
        char *out = new_room(query.len);
        yodel_str got = yd_url_query_param(query, yodel_str_of(cases[i].name), out);

        assert_int_equal(got.ptr != NULL, cases[i].want != NULL);
        if (cases[i].want != NULL) {
            assert_ptr_equal(got.ptr, out);
            assert_int_equal(got.len, strlen(cases[i].want));
            assert_memory_equal(got.ptr, cases[i].want, got.len);
        }
        free(out);
    }
    assert_null(yd_url_query_param((yodel_str){NULL, 0}, YODEL_STR("a"), NULL).ptr);
}

static void test_url_query_next_gives_each_field(void **state)
{
    yodel_str query = YODEL_STR("&a=1&&b&=2&c%20d=e=f&"), name, value;
    const char *const fields[] = {"a", "1", "b", "", "", "2", "c%20d", "e=f"};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i += 2) {
        assert_true(yd_url_query_next(&query, &name, &value));
        assert_true(yodel_str_eq(name, yodel_str_of(fields[i])));
        assert_true(yodel_str_eq(value, yodel_str_of(fields[i + 1])));
    }
    assert_false(yd_url_query_next(&query, &name, &value));
    assert_true(yd_url_form_equals(YODEL_STR("c%20d"), YODEL_STR("c d")));
    assert_true(yd_url_form_equals(YODEL_STR("c+d"), YODEL_STR("c d")));
    assert_false(yd_url_form_equals(YODEL_STR("c+d"), YODEL_STR("c+d")));
    assert_false(yd_url_form_equals(YODEL_STR("c"), YODEL_STR("c d")));
}

static void assert_file_path(const char *path, const char *want)
{
    yodel_str in = yodel_str_of(path);
    char *out = new_room(in.len + 1);

    assert_int_equal(yd_url_file_path(in, out), strlen(want));
    assert_string_equal(out, want);
    free(out);
}

static void test_url_file_path_resolves(void **state)
{
    static const char *const cases[][2] = {
        {"/", ""},
        {"//", ""},
        {"/.", ""},
        {"/./", ""},
        {"/a", "a"},
        {"/a/", "a"},
        {"//a///b//", "a/b"},
        {"/a/./b", "a/b"},
        {"/a/../b", "b"},
        {"/a/..", ""},
        {"/a/b/../../c", "c"},
        {"/a/b/..", "a"},
        {"/a/%2e%2E/b", "b"},
        {"/%2e/b", "b"},
        {"/a.b/..c/d../...", "a.b/..c/d../..."},
        {"/%252e%252e/x", "%2e%2e/x"},
        {"/a%20b%c3%a9", "a b\xc3\xa9"},
        {"/a+b", "a+b"},
        {"/%61%3f%23", "a?#"},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++)
        assert_file_path(cases[i][0], cases[i][1]);
}

static void test_url_file_path_refuses(void **state)
{
    static const yodel_str cases[] = {
        TEXT(""),
        TEXT("*"),
        TEXT("a"),
        TEXT("../a"),
        TEXT("/.."),
        TEXT("/../a"),
        TEXT("/a/../.."),
        TEXT("/a/../../a"),
        TEXT("/./.."),
        TEXT("/%2e%2e/etc/passwd"),
        TEXT("/%2e./etc/passwd"),
        TEXT("/..%2fetc"),
        TEXT("/a%2Fb"),
        TEXT("/a%5cb"),
        TEXT("/a\\b"),
        TEXT("/..\\a"),
        TEXT("/a%00"),
        TEXT("/a\0b"),
        TEXT("/a%0a"),
        TEXT("/a\x1f"),
        TEXT("/a%7f"),
        TEXT("/%"),
        TEXT("/a%2"),
        TEXT("/%zz"),
        TEXT("/%c0%ae%"),
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        char *out = new_room(cases[i].len + 1);

        assert_int_equal(yd_url_file_path(cases[i], out), -EINVAL);
        free(out);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url_decode_forms),
        cmocka_unit_test(test_url_decode_refuses_malformed),
        cmocka_unit_test(test_url_decode_in_place),
        cmocka_unit_test(test_url_query_param_finds),
        cmocka_unit_test(test_url_query_next_gives_each_field),
        cmocka_unit_test(test_url_file_path_resolves),
        cmocka_unit_test(test_url_file_path_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
