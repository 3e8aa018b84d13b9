/* SPDX-License-Identifier: MIT */
#include "proto/json_scan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "exact.h"
#include "failmem.h"

#include <cmocka.h>

static bool check(const char *text, size_t len, unsigned depth)
{
    char *copy = exact_copy(text, len);
    yodel_str value;
    bool good = yd_json_check((yodel_str){copy, len}, depth, &value);

    if (good) {
        assert_true(value.len > 0 && value.ptr >= copy && value.ptr + value.len <= copy + len);
        assert_int_not_equal(yd_json_type_of(value), YD_JSON_NONE);
    }
    free(copy);
    return good;
}

static void test_json_scan_accepts(void **state)
{
    static const char *const good[] = {
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "-12",
        "120",
        "0.5",
        "-0.0",
        "1e5",
        "1E+5",
        "1.25e-10",
        "0e0",
        "123456789012345678901234567890",
        "\"\"",
        "\"a\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uaBcD\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"0123456789abcdef0123456789abcdef\"",
        "\"0123456789abcde\\\"0123456789abcdef\"",
        "\"\xc3\xa9\xf0\x9f\x98\x80\"",
        "\"\x7f\"",
        "[]",
        "{}",
        "[ ]",
        "{\n}",
        " [1] ",
        "\t\r\n 1 \t\r\n",
        "[1,2]",
        "[1 , \"a\" , null , [ ] , { } ]",
        "{\"a\":1}",
        "{\"a\" : 1 , \"a\" : 2}",
        "{\"\":{\"\":[{}]}}",
        "[[],[[]],[[[]]]]",
        "{\"__proto__\":{\"x\":[1,{\"y\":[]}]}}",
    };

    for (size_t i = 0; i < YD_LEN(good); i++) {
        if (!check(good[i], strlen(good[i]), YD_JSON_DEPTH))
            fail_msg("%s is refused", good[i]);
    }
}

static void test_json_scan_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "-.5",
        "1e",
        "1e+",
        "0x1",
        "1_0",
        "--1",
        "1 2",
        "\"",
        "\"a",
        "a\"",
        "'a'",
        "\"\n\"",
        "\"\x01\"",
        "\"\x1e\"",
        "\"0123456789abcde\x1f\"",
        "\"0123456789abcdef0\t\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u123g\"",
        "\"\\u\"",
        "\"\\U0041\"",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[,]",
        "[1 2]",
        "[1}",
        "{]",
        "{1:2}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\",1}",
        "{,}",
        "{\"a\":1]",
        "[\"a\":1]",
        "[]]",
        "[][]",
        "{}{}",
        "[]x",
        "// x\n1",
        "[1]\f",
        "\xef\xbb\xbf[]",
        "\xc2\xa0[]",
    };

    for (size_t i = 0; i < YD_LEN(bad); i++) {
        if (check(bad[i], strlen(bad[i]), YD_JSON_DEPTH))
            fail_msg("%s is accepted", bad[i]);
    }
    assert_false(check("1\0", 2, YD_JSON_DEPTH));
    assert_false(check("\"a\0\"", 4, YD_JSON_DEPTH));
    assert_false(yd_json_check((yodel_str){NULL, 0}, 1, &(yodel_str){NULL, 0}));
}

static void test_json_scan_gives_the_value_without_blanks(void **state)
{
    yodel_str value;

    assert_true(yd_json_check(YODEL_STR(" \n[1, 2] \t"), 1, &value));
    assert_int_equal(value.len, 6);
    assert_memory_equal(value.ptr, "[1, 2]", 6);
}

/* depth arrays, or objects, or both by turns, one in the other. */
static char *nested(unsigned depth, unsigned kind)
{
    char *text = malloc(depth * 6 + 2), *p = text;

    assert_non_null(text);
    for (unsigned i = 0; i < depth; i++)
        p += sprintf(p, "%s", kind == 0 || (kind == 2 && i % 2) ? "[" : "{\"\":");
    *p++ = '1';
    for (unsigned i = depth; i-- > 0;)
        *p++ = kind == 0 || (kind == 2 && i % 2) ? ']' : '}';
    *p = '\0';
    return text;
}

static void test_json_scan_depth(void **state)
{
    assert_true(check("1", 1, 1));
    assert_true(check("[]", 2, 1));
    assert_false(check("[[]]", 4, 1));
    assert_true(check("[[],[],{}]", 10, 2));
    for (unsigned kind = 0; kind < 3; kind++) {
        for (unsigned depth = 1; depth <= YD_JSON_MAX_DEPTH + 1; depth++) {
            char *text = nested(depth, kind);
            size_t len = strlen(text);

            assert_int_equal(check(text, len, YD_JSON_DEPTH), depth <= YD_JSON_DEPTH);
            assert_int_equal(check(text, len, 9999), depth <= YD_JSON_MAX_DEPTH);
            text[len - 1] = text[len - 1] == ']' ? '}' : ']';
            assert_false(check(text, len, YD_JSON_MAX_DEPTH));
            free(text);
        }
    }
}

static void test_json_scan_deep_attack_ends_early(void **state)
{
    char *text = malloc(1000000);
    yodel_str value;

    assert_non_null(text);
    memset(text, '[', 1000000);
    assert_false(yd_json_check((yodel_str){text, 1000000}, YD_JSON_DEPTH, &value));
    free(text);
}

static const char sample[] =
    " {\"a\": [1, -2.5e3, \"x\\n\\u00e9\\ud83d\\ude00\", null], \"long name of a member\" :"
    "{\"\":\"0123456789abcdef0123\\\\456789\"},\"t\":true , \"f\":false} ";

static void walk(yodel_str text)
{
    struct yd_json_iter iter = yd_json_elements(text);
    struct yd_json_token token;
    yodel_str name, value;
    size_t steps = 0;
    char out[512];

    while (yd_json_next_token(&iter, &token)) {
        assert_true(token.text.ptr >= text.ptr);
        assert_true(token.text.ptr + token.text.len <= text.ptr + text.len);
        assert_true((size_t)(yd_json_unescape(out, token.text) - out) ==
                    yd_json_unescaped_len(token.text));
        steps++;
    }
    for (iter = yd_json_elements(text); yd_json_next(&iter, &value);)
        steps++;
    for (iter = yd_json_array(text); yd_json_next(&iter, &value);)
        steps++;
    for (iter = yd_json_object(text); yd_json_next_member(&iter, &name, &value);)
        steps++;
    assert_true(steps <= 4 * text.len);
    yd_json_get(text, YODEL_STR("a"), &value);
}

/* Nothing but the whole is JSON, and what is none can be walked without harm. */
static void test_json_scan_cut_and_flipped(void **state)
{
    const char *begin = strchr(sample, '{');
    size_t len = strlen(begin);

    assert_true(check(sample, sizeof(sample) - 1, YD_JSON_DEPTH));
    for (size_t n = 0; n < len - 1; n++) {
        char *copy = exact_copy(begin, n);

        assert_false(check(begin, n, YD_JSON_DEPTH));
        walk((yodel_str){copy, n});
        free(copy);
    }
    for (size_t at = 0; at < len; at++) {
        for (unsigned c = 1; c < 256; c++) {
            char *copy = exact_copy(begin, len);

            copy[at] = (char)c;
            check(copy, len, YD_JSON_DEPTH);
            walk((yodel_str){copy, len});
            free(copy);
        }
    }
}

/* Every byte at every place of strings of many lengths: all ways of skipping agree. */
static void test_json_scan_specials_anywhere(void **state)
{
    for (size_t len = 0; len <= 50; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned c = 0; c < 256; c++) {
                char text[60];
                bool good = c >= 0x20 && c != '"' && c != '\\';

                memset(text, 'a', sizeof(text));
                text[0] = text[len + 1] = '"';
                text[1 + at] = (char)c;
                if (check(text, len + 2, 1) != good)
                    fail_msg("byte %u at %zu of %zu", c, at, len);
            }
        }
    }
}

static void test_json_scan_types(void **state)
{
    static const struct {
        const char *text;
        enum yd_json_type type;
    } cases[] = {
        {"", YD_JSON_NONE},      {"null", YD_JSON_NULL}, {"false", YD_JSON_FALSE},
        {"true", YD_JSON_TRUE},  {"0", YD_JSON_NUMBER},  {"-1", YD_JSON_NUMBER},
        {"9e9", YD_JSON_NUMBER}, {"\"", YD_JSON_STRING}, {"[]", YD_JSON_ARRAY},
        {"{}", YD_JSON_OBJECT},  {",", YD_JSON_NONE},    {"]", YD_JSON_NONE},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++)
        assert_int_equal(yd_json_type_of(yodel_str_of(cases[i].text)), cases[i].type);
}

static void assert_next(struct yd_json_iter *iter, const char *text)
{
    yodel_str value;

    if (!text) {
        assert_false(yd_json_next(iter, &value));
        return;
    }
    assert_true(yd_json_next(iter, &value));
    assert_int_equal(value.len, strlen(text));
    assert_memory_equal(value.ptr, text, value.len);
}

static void test_json_scan_elements(void **state)
{
    struct yd_json_iter iter =
        yd_json_array(YODEL_STR("[1 , \"a,]\\\"\" ,[2,[3]], {\"b\":[\"}\"]} ,null]"));

    assert_int_equal(yd_json_count(iter), 5);
    assert_next(&iter, "1");
    assert_next(&iter, "\"a,]\\\"\"");
    assert_next(&iter, "[2,[3]]");
    assert_next(&iter, "{\"b\":[\"}\"]}");
    assert_next(&iter, "null");
    assert_next(&iter, NULL);
    assert_next(&iter, NULL);
    iter = yd_json_array(YODEL_STR("[ ]"));
    assert_next(&iter, NULL);
    iter = yd_json_array(YODEL_STR("{}"));
    assert_next(&iter, NULL);
    iter = yd_json_array((yodel_str){NULL, 0});
    assert_next(&iter, NULL);
    iter = yd_json_elements((yodel_str){NULL, 0});
    assert_next(&iter, NULL);
    iter = yd_json_elements(YODEL_STR("7, [8]"));
    assert_next(&iter, "7");
    assert_next(&iter, "[8]");
    assert_next(&iter, NULL);
}

static void test_json_scan_members(void **state)
{
    struct yd_json_iter iter = yd_json_object(YODEL_STR("{\"a\" : 1,\"\":{\"x\":2}}"));
    yodel_str name, value;

    assert_true(yd_json_next_member(&iter, &name, &value));
    assert_true(yodel_str_eq(name, YODEL_STR("a")) && yodel_str_eq(value, YODEL_STR("1")));
    assert_true(yd_json_next_member(&iter, &name, &value));
    assert_true(name.len == 0 && yodel_str_eq(value, YODEL_STR("{\"x\":2}")));
    assert_false(yd_json_next_member(&iter, &name, &value));
    iter = yd_json_object(YODEL_STR("[1]"));
    assert_false(yd_json_next_member(&iter, &name, &value));
}

static void test_json_scan_get(void **state)
{
    yodel_str object =
        YODEL_STR("{\"a\":1,\"b\":{\"a\":2,\"c\":3},\"\\u0061\":[4],\"\":5,\"d\\n\":6}");
    yodel_str value = YODEL_STR("untouched");

    assert_false(yd_json_get(object, YODEL_STR("c"), &value));
    assert_true(yodel_str_eq(value, YODEL_STR("untouched")));
    assert_true(yd_json_get(object, YODEL_STR("a"), &value));
    assert_true(yodel_str_eq(value, YODEL_STR("[4]")));
    assert_true(yd_json_get(object, YODEL_STR(""), &value));
    assert_true(yodel_str_eq(value, YODEL_STR("5")));
    assert_true(yd_json_get(object, YODEL_STR("d\n"), &value));
    assert_true(yodel_str_eq(value, YODEL_STR("6")));
    assert_false(yd_json_get(YODEL_STR("[\"a\",1]"), YODEL_STR("a"), &value));
    assert_false(yd_json_get((yodel_str){NULL, 0}, YODEL_STR("a"), &value));
}

static void test_json_scan_tokens(void **state)
{
    static const char *const marks[] = {"[", "]", "{", "}", ":", "="};
    struct yd_json_iter iter =
        yd_json_elements(YODEL_STR("{\"a\" : [1,\"b\"], \"c\":{}} , -2 , \"d\""));
    struct yd_json_token token;
    char out[200] = "";

    while (yd_json_next_token(&iter, &token)) {
        strcat(out, marks[token.mark]);
        strncat(out, token.text.ptr, token.text.len);
        strcat(out, " ");
    }
    assert_string_equal(out, "{{ :a [[ =1 =\"b\" ]] :c {{ }} }} =-2 =\"d\" ");
}

static const struct {
    const char *body, *text;
} strings[] = {
    {"", ""},
    {"plain", "plain"},
    {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
    {"a\\u0041b", "aAb"},
    {"\\u00e9", "\xc3\xa9"},
    {"\\u20AC\\u20ac", "\xe2\x82\xac\xe2\x82\xac"},
    {"\\ud83d\\ude00!", "\xf0\x9f\x98\x80!"},
    {"\\uDBFF\\uDFFF", "\xf4\x8f\xbf\xbf"},
    {"\\ud800", "\xef\xbf\xbd"},
    {"\\ud800x", "\xef\xbf\xbdx"},
    {"\\udc00\\ud800", "\xef\xbf\xbd\xef\xbf\xbd"},
    {"\\ud800\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80"},
    {"\\ud800\\n", "\xef\xbf\xbd\n"},
    {"\\ud800\\u0041", "\xef\xbf\xbd"
                       "A"},
    {"\\uffff", "\xef\xbf\xbf"},
    {"\\\\u0041", "\\u0041"},
    {"\xc3\xa9\\n\xc3\xa9", "\xc3\xa9\n\xc3\xa9"},
};

static void test_json_scan_unescapes(void **state)
{
    for (size_t i = 0; i < YD_LEN(strings); i++) {
        yodel_str body = yodel_str_of(strings[i].body), text = yodel_str_of(strings[i].text);
        char *copy = exact_copy(body.ptr, body.len), *end;

        assert_int_equal(yd_json_unescaped_len(body), text.len);
        assert_int_equal(yd_json_is_escaped(body), strchr(strings[i].body, '\\') != NULL);
        assert_true(yd_json_body_eq(body, text));
        assert_false(yd_json_body_eq(body, YODEL_STR("plain\n")));
        end = yd_json_unescape(copy, (yodel_str){copy, body.len});
        assert_int_equal(end - copy, text.len);
        assert_memory_equal(copy, text.ptr, text.len);
        free(copy);
    }
    assert_false(yd_json_body_eq(YODEL_STR("ab"), YODEL_STR("a")));
    assert_false(yd_json_body_eq(YODEL_STR("a"), YODEL_STR("ab")));
    assert_false(yd_json_body_eq(YODEL_STR("a"), YODEL_STR("")));
    assert_false(yd_json_body_eq(YODEL_STR(""), YODEL_STR("a")));
    assert_true(yd_json_body_eq((yodel_str){NULL, 0}, YODEL_STR("")));
}

static void test_json_scan_bodies(void **state)
{
    yodel_str body = YODEL_STR("untouched");

    assert_false(yd_json_body(YODEL_STR("1"), &body));
    assert_false(yd_json_body(YODEL_STR("\""), &body));
    assert_false(yd_json_body((yodel_str){NULL, 0}, &body));
    assert_true(yodel_str_eq(body, YODEL_STR("untouched")));
    assert_true(yd_json_body(YODEL_STR("\"\""), &body));
    assert_int_equal(body.len, 0);
    assert_true(yd_json_body(YODEL_STR("\"ab\""), &body));
    assert_true(yodel_str_eq(body, YODEL_STR("ab")));
}

static void assert_quoted(yodel_str text, const char *quoted)
{
    size_t len = yd_json_quoted_len(text);
    char *out = exact_copy(quoted, len);

    assert_int_equal(len, strlen(quoted));
    memset(out, 'x', len);
    assert_ptr_equal(yd_json_quote(out, text), out + len);
    assert_memory_equal(out, quoted, len);
    free(out);
}

static void test_json_scan_quotes(void **state)
{
    assert_quoted(YODEL_STR(""), "\"\"");
    assert_quoted((yodel_str){NULL, 0}, "\"\"");
    assert_quoted(YODEL_STR("plain/\x7f\xc3\xa9"), "\"plain/\x7f\xc3\xa9\"");
    assert_quoted(YODEL_STR("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
    assert_quoted(YODEL_STR("\x1e"), "\"\\u001e\"");
    assert_quoted((yodel_str){"a\0b", 3}, "\"a\\u0000b\"");
    assert_quoted(YODEL_STR("0123456789abcdef\n0123456789abcdef"),
                  "\"0123456789abcdef\\n0123456789abcdef\"");
}

/* Any character, quoted, is JSON, and is itself when unescaped. */
static void test_json_scan_quotes_and_back(void **state)
{
    for (unsigned c = 0; c < 128; c++) {
        char text[20], quoted[200], back[200], *end;

        memset(text, (int)c, sizeof(text));
        for (size_t len = 0; len <= sizeof(text); len++) {
            yodel_str value;

            end = yd_json_quote(quoted, (yodel_str){text, len});
            value = (yodel_str){quoted, (size_t)(end - quoted)};
            assert_true(check(quoted, value.len, 1));
            assert_null(memchr(quoted, 0x1e, value.len));
            assert_true(yd_json_body(value, &value));
            end = yd_json_unescape(back, value);
            assert_int_equal(end - back, len);
            assert_memory_equal(back, text, len);
        }
    }
}

static void test_json_scan_put_string(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_buf buf = {0};
        int result = yd_json_put_string(&fm.mem, &buf, YODEL_STR("a\n"));

        assert_int_equal(result, failmem_has_failed(&fm) ? -ENOMEM : 0);
        assert_int_equal(buf.len, failmem_has_failed(&fm) ? 0 : 5);
        yd_buf_free(&fm.mem, &buf);
    }
}

static void test_json_scan_integers(void **state)
{
    static const char *const none[] = {
        "",      "-",
        "1.0",   "1e3",
        "a",     "--1",
        "+1",    " 1",
        "1 ",    "18446744073709551616",
        "null",  "99999999999999999999999999",
        "\"1\"",
    };
    static const struct {
        const char *text;
        int64_t number;
    } some[] = {
        {"0", 0},
        {"-0", 0},
        {"007", 7},
        {"-5", -5},
        {"9007199254740991", 9007199254740991},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
    };
    uint64_t positive;
    int64_t number;

    for (size_t i = 0; i < YD_LEN(none); i++) {
        assert_false(yd_json_get_int(yodel_str_of(none[i]), &number));
        assert_false(yd_json_get_uint(yodel_str_of(none[i]), &positive));
    }
    for (size_t i = 0; i < YD_LEN(some); i++) {
        assert_true(yd_json_get_int(yodel_str_of(some[i].text), &number));
        assert_true(number == some[i].number);
        assert_int_equal(yd_json_get_uint(yodel_str_of(some[i].text), &positive), number >= 0);
    }
    assert_false(yd_json_get_int(YODEL_STR("9223372036854775808"), &number));
    assert_false(yd_json_get_int(YODEL_STR("-9223372036854775809"), &number));
    assert_true(yd_json_get_uint(YODEL_STR("18446744073709551615"), &positive));
    assert_true(positive == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_scan_accepts),
        cmocka_unit_test(test_json_scan_refuses),
        cmocka_unit_test(test_json_scan_gives_the_value_without_blanks),
        cmocka_unit_test(test_json_scan_depth),
        cmocka_unit_test(test_json_scan_deep_attack_ends_early),
        cmocka_unit_test(test_json_scan_cut_and_flipped),
        cmocka_unit_test(test_json_scan_specials_anywhere),
        cmocka_unit_test(test_json_scan_types),
        cmocka_unit_test(test_json_scan_elements),
        cmocka_unit_test(test_json_scan_members),
        cmocka_unit_test(test_json_scan_get),
        cmocka_unit_test(test_json_scan_tokens),
        cmocka_unit_test(test_json_scan_unescapes),
        cmocka_unit_test(test_json_scan_bodies),
        cmocka_unit_test(test_json_scan_quotes),
        cmocka_unit_test(test_json_scan_quotes_and_back),
        cmocka_unit_test(test_json_scan_put_string),
        cmocka_unit_test(test_json_scan_integers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
