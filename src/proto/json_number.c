/* SPDX-License-Identifier: MIT */
#include "proto/json_number.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits after these move a double only by not being all zero. */
#define MAX_DIGITS 770
#define MAX_EXPONENT 100000 /* far beyond what any number of digits brings back into range */
#define MAX_EXACT (UINT64_C(1) << 53)

/* A number as digits * 10^exponent. */
struct decimal {
    char digits[MAX_DIGITS + 1]; /* the first is not 0; room for one that stands for the rest */
    size_t num;
    int64_t exponent;
    bool is_negative, has_more; /* has_more: a digit that is not 0 was left out */
};

static void add_digit(struct decimal *decimal, char c, bool is_fraction)
{
    if (decimal->num == MAX_DIGITS) {
        decimal->has_more |= c != '0';
        decimal->exponent += !is_fraction;
        return;
    }
    if (decimal->num > 0 || c != '0')
        decimal->digits[decimal->num++] = c;
    decimal->exponent -= is_fraction;
}

static int64_t exponent_of(const char *p, const char *end)
{
    bool is_negative = p < end && *p == '-';
    int64_t exponent = 0;

    if (p < end && (*p == '-' || *p == '+'))
        p++;
    for (; p < end && exponent < INT64_MAX / 100; p++)
        exponent = exponent * 10 + (*p - '0');
    return is_negative ? -exponent : exponent;
}

static void split(yodel_str number, struct decimal *decimal)
{
    const char *p = number.ptr, *end = p + number.len;
    bool is_fraction = false;

    decimal->num = 0;
    decimal->exponent = 0;
    decimal->has_more = false;
    decimal->is_negative = *p == '-';
    for (p += decimal->is_negative; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.')
            is_fraction = true;
        else
            add_digit(decimal, *p, is_fraction);
    }
    if (p < end)
        decimal->exponent += exponent_of(p + 1, end);
    if (decimal->has_more) {
        decimal->digits[decimal->num++] = '1';
        decimal->exponent--;
    }
}

/* Both factors are exact and so is the product rounded once; false when they are not. */
static bool multiply(const struct decimal *decimal, double *ret_number)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t digits = 0;

    if (FLT_EVAL_METHOD != 0 || decimal->num > 18 || decimal->exponent < -22 ||
        decimal->exponent > 22)
        return false;
    for (size_t i = 0; i < decimal->num; i++)
        digits = digits * 10 + (uint64_t)(decimal->digits[i] - '0');
    if (digits > MAX_EXACT)
        return false;
    if (decimal->exponent < 0)
        *ret_number = (double)digits / powers[-decimal->exponent];
    else
        *ret_number = (double)digits * powers[decimal->exponent];
    return true;
}

/* strtod() is exact, and what it is given has no decimal point, the one thing that a locale moves.
 */
static double convert(const struct decimal *decimal)
{
    char text[MAX_DIGITS + 16];
    int64_t exponent = decimal->exponent;

    if (exponent > MAX_EXPONENT)
        exponent = MAX_EXPONENT;
    if (exponent < -MAX_EXPONENT)
        exponent = -MAX_EXPONENT;
    memcpy(text, decimal->digits, decimal->num);
    snprintf(text + decimal->num, sizeof(text) - decimal->num, "e%d", (int)exponent);
    return strtod(text, NULL);
}

double yd_json_to_double(yodel_str number)
{
    struct decimal decimal;
    double result = 0;

    if (number.len == 0)
        return 0;
    split(number, &decimal);
    if (decimal.num > 0 && !multiply(&decimal, &result))
        result = convert(&decimal);
    return decimal.is_negative ? -result : result;
}

/* Prints with that many digits: sets digits without zeros at their end, and exponent so that the
 * number is d.ddd * 10^exponent. */
static void print_digits(struct decimal *decimal, double number, int precision)
{
    char text[64], *p = text;

    snprintf(text, sizeof(text), "%.*e", precision - 1, number);
    decimal->num = 0;
    decimal->is_negative = *p == '-';
    for (; *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9') /* the decimal point is the locale's */
            decimal->digits[decimal->num++] = *p;
    }
    decimal->exponent = strtol(p + 1, NULL, 10);
    while (decimal->num > 1 && decimal->digits[decimal->num - 1] == '0')
        decimal->num--;
}

static bool reads_back(const struct decimal *decimal, double number)
{
    struct decimal copy = *decimal;
    double result;

    copy.exponent -= (int64_t)copy.num - 1;
    if (!multiply(&copy, &result))
        result = convert(&copy);
    return (copy.is_negative ? -result : result) == number;
}

/* 15 digits are enough for a number that was written with no more; below DBL_MIN fewer may be. */
static void find_digits(struct decimal *decimal, double number)
{
    int precision = fabs(number) < DBL_MIN ? 1 : 15;

    print_digits(decimal, number, precision);
    while (precision < 17 && !reads_back(decimal, number))
        print_digits(decimal, number, ++precision);
}

static char *put_zeros(char *out, int64_t num)
{
    for (; num > 0; num--)
        *out++ = '0';
    return out;
}

static char *put_digits(char *out, const struct decimal *decimal, size_t begin, size_t end)
{
    if (end > decimal->num)
        end = decimal->num;
    if (begin >= end)
        return out;
    memcpy(out, decimal->digits + begin, end - begin);
    return out + (end - begin);
}

/* As ECMA-262 says in Number::toString: no exponent from 1e-6 up to 1e21. */
static char *put_plain(char *out, const struct decimal *decimal)
{
    int64_t point = decimal->exponent + 1; /* digits ahead of the decimal point */

    if (point <= 0) {
        *out++ = '0';
        *out++ = '.';
        out = put_zeros(out, -point);
        return put_digits(out, decimal, 0, decimal->num);
    }
    out = put_digits(out, decimal, 0, (size_t)point);
    out = put_zeros(out, point - (int64_t)decimal->num);
    if ((int64_t)decimal->num > point) {
        *out++ = '.';
        out = put_digits(out, decimal, (size_t)point, decimal->num);
    }
    return out;
}

static char *put_scientific(char *out, const struct decimal *decimal)
{
    out = put_digits(out, decimal, 0, 1);
    if (decimal->num > 1) {
        *out++ = '.';
        out = put_digits(out, decimal, 1, decimal->num);
    }
    return out + snprintf(out, 8, "e%+d", (int)decimal->exponent);
}

size_t yd_json_print_double(char out[YD_JSON_DOUBLE_LEN], double number)
{
    struct decimal decimal;
    char *p = out;

    if (number == 0) {
        *p = '0';
        return 1;
    }
    find_digits(&decimal, number);
    if (decimal.is_negative)
        *p++ = '-';
    if (decimal.exponent >= -6 && decimal.exponent < 21)
        p = put_plain(p, &decimal);
    else
        p = put_scientific(p, &decimal);
    return (size_t)(p - out);
}
