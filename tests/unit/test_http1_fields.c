/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "proto/http1.h"
#include "proto/http1_chars.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

static struct yd_http_field fields[] = {
    {TEXT("Accept"), TEXT("a, b")},
    {TEXT("Empty"), TEXT("")},
    {TEXT("ACCEPT"), TEXT("c")},
};

static const struct yd_http_head head = {.fields = fields, .num_fields = YD_LEN(fields)};

static void test_http1_fields_finds_the_first(void **state)
{
    assert_ptr_equal(yd_http_field(&head, YODEL_STR("accept")).ptr, fields[0].value.ptr);
    assert_non_null(yd_http_field(&head, YODEL_STR("EMPTY")).ptr);
    assert_null(yd_http_field(&head, YODEL_STR("Accep")).ptr);
    assert_int_equal(yd_http_count_fields(&head, YODEL_STR("aCCEPT")), 2);
    assert_int_equal(yd_http_count_fields(&head, YODEL_STR("Accept-")), 0);
}

static void test_http1_fields_looks_into_all(void **state)
{
    assert_true(yd_http_fields_have(&head, YODEL_STR("accept"), YODEL_STR("B")));
    assert_true(yd_http_fields_have(&head, YODEL_STR("accept"), YODEL_STR("c")));
    assert_false(yd_http_fields_have(&head, YODEL_STR("accept"), YODEL_STR("d")));
    assert_false(yd_http_fields_have(&head, YODEL_STR("empty"), YODEL_STR("a")));
}

/* The elements joined with '|', so that one can see them. */
static void assert_elements(yodel_str list, const char *want)
{
    char joined[256] = "";
    yodel_str element;

    while (yd_http_list_next(&list, &element)) {
        strncat(joined, element.ptr, element.len);
        strcat(joined, "|");
    }
    assert_string_equal(joined, want);
    assert_int_equal(list.len, 0);
}

static void test_http1_fields_takes_lists_apart(void **state)
{
    assert_elements(YODEL_STR(""), "");
    assert_elements((yodel_str){NULL, 0}, "");
    assert_elements(YODEL_STR(" ,\t,, "), "");
    assert_elements(YODEL_STR("a"), "a|");
    assert_elements(YODEL_STR(" a b ,,c\t, "), "a b|c|");
    assert_elements(YODEL_STR("a;x=\"1,2\", b"), "a;x=\"1,2\"|b|");
    assert_elements(YODEL_STR("a;x=\"\\\",\", b"), "a;x=\"\\\",\"|b|");
    assert_elements(YODEL_STR("a;x=\"1, b"), "a;x=\"1, b|");
    assert_elements(YODEL_STR("a;x=\"1, b\\"), "a;x=\"1, b\\|");
    assert_elements(YODEL_STR("a\\,b"), "a\\|b|");
}

static void test_http1_fields_has_list_elements(void **state)
{
    assert_true(yd_http_list_has(YODEL_STR("x, Upgrade"), YODEL_STR("upgrade")));
    assert_false(yd_http_list_has(YODEL_STR("x, Upgrades"), YODEL_STR("upgrade")));
    assert_false(yd_http_list_has(YODEL_STR(""), YODEL_STR("upgrade")));
}

static void test_http1_fields_knows_tokens(void **state)
{
    for (unsigned i = 0; i < 256; i++) {
        char c = (char)i;
        bool is_alnum = (i >= '0' && i <= '9') || ((i | 32) >= 'a' && (i | 32) <= 'z');
        bool want = is_alnum || (i > 0 && i < 128 && strchr("!#$%&'*+-.^_`|~", c) != NULL);

        assert_int_equal(yd_http_is_token((yodel_str){&c, 1}), want);
    }
    assert_true(yd_http_is_token(YODEL_STR("permessage-deflate")));
    assert_false(yd_http_is_token(YODEL_STR("a b")));
    assert_false(yd_http_is_token(YODEL_STR("")));
    assert_false(yd_http_is_token((yodel_str){NULL, 0}));
}

static void test_http1_fields_knows_values(void **state)
{
    for (unsigned i = 0; i < 256; i++) {
        char text[] = "0123456789abcdef0123456789abcdef";
        bool want = i == '\t' || (i >= ' ' && i != 0x7f);

        for (size_t at = 1; at < sizeof(text) - 2; at++) {
            memset(text, 'x', sizeof(text) - 1);
            text[at] = (char)i;
            assert_int_equal(yd_http_is_field_value((yodel_str){text, sizeof(text) - 1}), want);
            assert_int_equal(yd_http_is_field_value((yodel_str){text, at + 2}), want);
        }
    }
    assert_true(yd_http_is_field_value(YODEL_STR("")));
    assert_true(yd_http_is_field_value((yodel_str){NULL, 0}));
    assert_false(yd_http_is_field_value(YODEL_STR(" a")));
    assert_false(yd_http_is_field_value(YODEL_STR("a\t")));
    assert_false(yd_http_is_field_value(YODEL_STR("a\r\nB: c")));
}

static void test_http1_fields_skips_as_the_table_says(void **state)
{
    uint8_t text[40];

    for (unsigned i = 0; i < 256; i++) {
        for (size_t at = 0; at < sizeof(text); at++) {
            const uint8_t *end = text + sizeof(text);

            memset(text, 'x', sizeof(text));
            text[at] = (uint8_t)i;
            assert_ptr_equal(yd_http_skip_text(text, end),
                             yd_http_skip_class(text, end, YD_CHAR_TEXT));
            assert_ptr_equal(yd_http_skip_target(text, end),
                             yd_http_skip_class(text, end, YD_CHAR_TARGET));
        }
    }
}

static void test_http1_fields_ignores_case_of_letters_only(void **state)
{
    assert_true(yd_str_eq_nocase(YODEL_STR("aZ-9_"), YODEL_STR("Az-9_")));
    assert_true(yd_str_eq_nocase((yodel_str){NULL, 0}, YODEL_STR("")));
    assert_false(yd_str_eq_nocase(YODEL_STR("a"), YODEL_STR("ab")));
    assert_false(yd_str_eq_nocase(YODEL_STR("@[{"), YODEL_STR("`{[")));
    assert_false(yd_str_eq_nocase(YODEL_STR("\xc1"), YODEL_STR("\xe1")));
}

static void test_http1_fields_has_status_texts(void **state)
{
    assert_string_equal(yd_http_status_text(101), "Switching Protocols");
    assert_string_equal(yd_http_status_text(200), "OK");
    assert_string_equal(yd_http_status_text(431), "Request Header Fields Too Large");
    assert_string_equal(yd_http_status_text(505), "HTTP Version Not Supported");
    assert_string_equal(yd_http_status_text(299), "");
    assert_string_equal(yd_http_status_text(-1), "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http1_fields_finds_the_first),
        cmocka_unit_test(test_http1_fields_looks_into_all),
        cmocka_unit_test(test_http1_fields_takes_lists_apart),
        cmocka_unit_test(test_http1_fields_has_list_elements),
        cmocka_unit_test(test_http1_fields_knows_tokens),
        cmocka_unit_test(test_http1_fields_knows_values),
        cmocka_unit_test(test_http1_fields_skips_as_the_table_says),
        cmocka_unit_test(test_http1_fields_ignores_case_of_letters_only),
        cmocka_unit_test(test_http1_fields_has_status_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
