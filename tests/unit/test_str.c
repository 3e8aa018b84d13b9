/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

#include <cmocka.h>

static void test_str_of_measures(void **state)
{
    const char *text = "yodel";
    yodel_str str = yodel_str_of(text);

    assert_ptr_equal(str.ptr, text);
    assert_int_equal(str.len, 5);
    assert_int_equal(yodel_str_of("").len, 0);
}

static void test_str_of_null_is_empty(void **state)
{
    yodel_str str = yodel_str_of(NULL);

    assert_null(str.ptr);
    assert_int_equal(str.len, 0);
}

static void test_str_eq_compares_bytes(void **state)
{
    assert_int_equal(yodel_str_eq(YODEL_STR("abc"), YODEL_STR("abc")), 1);
    assert_int_equal(yodel_str_eq(YODEL_STR("abc"), YODEL_STR("abd")), 0);
    assert_int_equal(yodel_str_eq(YODEL_STR("abc"), YODEL_STR("ab")), 0);
    assert_int_equal(yodel_str_eq(YODEL_STR("a\0b"), YODEL_STR("a\0b")), 1);
    assert_int_equal(yodel_str_eq(YODEL_STR("a\0b"), YODEL_STR("a\0c")), 0);
}

static void test_str_eq_empty(void **state)
{
    assert_int_equal(yodel_str_eq(yodel_str_of(NULL), YODEL_STR("")), 1);
    assert_int_equal(yodel_str_eq(yodel_str_of(NULL), yodel_str_of(NULL)), 1);
    assert_int_equal(yodel_str_eq(yodel_str_of(NULL), YODEL_STR("a")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str_of_measures),
        cmocka_unit_test(test_str_of_null_is_empty),
        cmocka_unit_test(test_str_eq_compares_bytes),
        cmocka_unit_test(test_str_eq_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
