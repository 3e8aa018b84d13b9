/* SPDX-License-Identifier: MIT */
#include "proto/iso_date.h"

#include <stdio.h>

#define DAY_S 86400
#define MILLION 1000000

/* Days from 1970 to 0000-03-01: years begin in March here, so that the leap day is the last one,
 * and 400 of them, an era, are 146097 days. */
#define ORIGIN 719468
#define ERA_DAYS 146097

struct civil {
    int64_t year;
    int month, day;
};

/* Rounds down. */
static int64_t divide(int64_t number, int64_t by)
{
    return (number >= 0 ? number : number - (by - 1)) / by;
}

/* A date of the proleptic Gregorian calendar, from days since 1970. */
static struct civil civil_of(int64_t days)
{
    int64_t since = days + ORIGIN, era = divide(since, ERA_DAYS), of_era = since - era * ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = (int)(of_era - (365 * year + year / 4 - year / 100));
    int month = (5 * of_year + 2) / 153;

    return (struct civil){.year = year + era * 400 + (month >= 10),
                          .month = month < 10 ? month + 3 : month - 9,
                          .day = of_year - (153 * month + 2) / 5 + 1};
}

static int64_t days_of(struct civil date)
{
    int64_t year = date.year - (date.month <= 2), era = divide(year, 400),
            of_era = year - era * 400;
    int month = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t of_year = (153 * month + 2) / 5 + date.day - 1;

    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - ORIGIN;
}

size_t yd_iso_date_print(char out[YD_ISO_DATE_LEN], int64_t seconds, uint32_t nanoseconds)
{
    int64_t days = divide(seconds, DAY_S);
    struct civil date = civil_of(days);
    bool is_short = date.year >= 0 && date.year <= 9999;
    bool is_whole = nanoseconds % MILLION == 0;
    int of_day = (int)(seconds - days * DAY_S), len;

    len = snprintf(out, YD_ISO_DATE_LEN, is_short ? "%04d" : "%+07d", (int)date.year);
    len += snprintf(out + len, YD_ISO_DATE_LEN - (size_t)len, "-%02d-%02dT%02d:%02d:%02d.%0*uZ",
                    date.month, date.day, of_day / 3600, of_day / 60 % 60, of_day % 60,
                    is_whole ? 3 : 9, is_whole ? nanoseconds / MILLION : nanoseconds);
    return (size_t)len;
}

/* ---- reading ---- */

/* Takes num digits and the character after them; false when something else comes. */
static bool take(yodel_str *text, size_t num, char after, int *ret_number)
{
    int number = 0;

    if (text->len <= num || text->ptr[num] != after)
        return false;
    for (size_t i = 0; i < num; i++) {
        unsigned digit = (unsigned)((uint8_t)text->ptr[i] - '0');

        if (digit > 9)
            return false;
        number = number * 10 + (int)digit;
    }
    text->ptr += num + 1;
    text->len -= num + 1;
    *ret_number = number;
    return true;
}

static bool take_year(yodel_str *text, int64_t *ret_year)
{
    char sign = text->len > 0 ? text->ptr[0] : '\0';
    bool is_long = sign == '-' || sign == '+';
    int year;

    text->ptr += is_long;
    text->len -= is_long;
    if (!take(text, is_long ? 6 : 4, '-', &year))
        return false;
    *ret_year = sign == '-' ? -year : year;
    return true;
}

static bool take_fraction(yodel_str text, uint32_t *ret_nanoseconds)
{
    int number;

    if (text.len == 4 && take(&text, 3, 'Z', &number))
        *ret_nanoseconds = (uint32_t)number * MILLION;
    else if (text.len == 10 && take(&text, 9, 'Z', &number))
        *ret_nanoseconds = (uint32_t)number;
    else
        return false;
    return true;
}

bool yd_iso_date_parse(yodel_str text, int64_t *ret_seconds, uint32_t *ret_nanoseconds)
{
    int hour, minute, second;
    uint32_t nanoseconds;
    struct civil date;

    if (!take_year(&text, &date.year) || !take(&text, 2, '-', &date.month) ||
        !take(&text, 2, 'T', &date.day) || !take(&text, 2, ':', &hour) ||
        !take(&text, 2, ':', &minute) || !take(&text, 2, '.', &second) ||
        !take_fraction(text, &nanoseconds))
        return false;
    if (date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31 || hour > 23 ||
        minute > 59 || second > 59)
        return false;
    *ret_seconds = days_of(date) * DAY_S + hour * 3600 + minute * 60 + second;
    *ret_nanoseconds = nanoseconds;
    return true;
}
