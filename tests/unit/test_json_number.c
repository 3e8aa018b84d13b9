/* SPDX-License-Identifier: MIT */
#include "proto/json_number.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "exact.h"

#include <cmocka.h>

static double read_number(const char *text)
{
    size_t len = strlen(text);
    char *copy = exact_copy(text, len);
    double number = yd_json_to_double((yodel_str){copy, len});

    free(copy);
    return number;
}

static void assert_printed(double number, const char *text)
{
    char out[YD_JSON_DOUBLE_LEN + 1];

    out[yd_json_print_double(out, number)] = '\0';
    assert_string_equal(out, text);
}

static const struct {
    double number;
    const char *text;
} numbers[] = {
    {0, "0"},
    {1, "1"},
    {-1, "-1"},
    {0.1, "0.1"},
    {0.5, "0.5"},
    {-2.5, "-2.5"},
    {100, "100"},
    {123456789, "123456789"},
    {1e20, "100000000000000000000"},
    {1e21, "1e+21"},
    {1.5e300, "1.5e+300"},
    {1e-6, "0.000001"},
    {1e-7, "1e-7"},
    {1.25e-9, "1.25e-9"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1.0 / 3, "0.3333333333333333"},
    {9007199254740993.0, "9007199254740992"},
    {DBL_MAX, "1.7976931348623157e+308"},
    {DBL_MIN, "2.2250738585072014e-308"},
    {5e-324, "5e-324"},
    {1.2345e-310, "1.2345e-310"},
    {(double)0.1f, "0.10000000149011612"},
    {123.456, "123.456"},
};

static void check_all(void)
{
    for (size_t i = 0; i < YD_LEN(numbers); i++) {
        double back = read_number(numbers[i].text);

        assert_printed(numbers[i].number, numbers[i].text);
        assert_true(back == numbers[i].number && !signbit(back) == !signbit(numbers[i].number));
    }
}

static void test_json_number_prints_and_reads(void **state)
{
    check_all();
    assert_printed(-0.0, "0");
    assert_true(signbit(read_number("-0")) && signbit(read_number("-0.0e5")));
}

/* A decimal comma changes nothing. */
static void test_json_number_knows_no_locale(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8"};

    for (size_t i = 0; i < YD_LEN(names); i++) {
        if (setlocale(LC_ALL, names[i]))
            check_all();
    }
    setlocale(LC_ALL, "C");
}

static void test_json_number_reads_any_form(void **state)
{
    char zeros[2000];

    assert_true(read_number("1E5") == 1e5);
    assert_true(read_number("1e+5") == 1e5);
    assert_true(read_number("-1.50e-1") == -0.15);
    assert_true(read_number("0.000000000000000000000000000001e30") == 1);
    assert_true(read_number("1e400") == (double)INFINITY);
    assert_true(read_number("-1e400") == -(double)INFINITY);
    assert_true(read_number("1e-400") == 0);
    assert_true(read_number("0e999999999999999999999999") == 0);
    assert_true(read_number("1e999999999999999999999999") == (double)INFINITY);
    assert_true(read_number("1e-999999999999999999999999") == 0);
    assert_true(read_number("") == 0);
    assert_true(read_number("12345678901234567890") == 12345678901234567890.0);
    assert_true(read_number("123456789012345678901234567890") == 123456789012345678901234567890.0);
    memset(zeros, '0', sizeof(zeros));
    zeros[0] = '1';
    memcpy(zeros + 1990, "e-1989", 7);
    assert_true(read_number(zeros) == 1);
    zeros[0] = '0';
    zeros[1] = '.';
    zeros[1500] = '1';
    memcpy(zeros + 1990, "e1499", 6);
    assert_true(read_number(zeros) == 1);
}

/* Half way between two doubles, but for a digit far after. */
static void test_json_number_rounds_ties(void **state)
{
    char text[1200];
    size_t len = (size_t)sprintf(text, "9007199254740993.");

    assert_true(read_number("9007199254740993") == 9007199254740992.0);
    memset(text + len, '0', 1000);
    text[len + 1000] = '\0';
    assert_true(read_number(text) == 9007199254740992.0);
    text[len + 999] = '1';
    assert_true(read_number(text) == 9007199254740994.0);
}

static void test_json_number_round_trips(void **state)
{
    uint64_t seed = 42;

    for (int i = 0; i < 20000; i++) {
        char out[YD_JSON_DOUBLE_LEN + 1];
        double number;

        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&number, &seed, sizeof(number));
        if (!isfinite(number))
            continue;
        out[yd_json_print_double(out, number)] = '\0';
        assert_true(read_number(out) == number);
        assert_true(strtod(out, NULL) == number);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_number_prints_and_reads),
        cmocka_unit_test(test_json_number_knows_no_locale),
        cmocka_unit_test(test_json_number_reads_any_form),
        cmocka_unit_test(test_json_number_rounds_ties),
        cmocka_unit_test(test_json_number_round_trips),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
