/* SPDX-License-Identifier: MIT */
#include "http/date.h"

#include <string.h>

#define DAY 86400
#define MAX_SECONDS INT64_C(253402300799) /* 9999-12-31 23:59:59 */

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct civil {
    unsigned year, month, day; /* month 1..12 */
    unsigned hour, minute, second;
};

/* Days since 1970-01-01 of a date of the Gregorian calendar.  Years are counted from March, so
 * that the leap day is the last one. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month > 2 ? year : year - 1;
    unsigned m = month > 2 ? month - 3 : month + 9;

    return (int64_t)y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* The year that day is in, by a guess that is one too high at most. */
static unsigned year_of(int64_t day)
{
    unsigned year = (unsigned)(1970 + day / 365);

    while (days_of(year, 1, 1) > day)
        year--;
    return year;
}

static struct civil civil_of(int64_t seconds)
{
    int64_t day = seconds / DAY;
    unsigned left = (unsigned)(seconds % DAY);
    struct civil civil = {.year = year_of(day), .month = 12};

    while (days_of(civil.year, civil.month, 1) > day)
        civil.month--;
    civil.day = (unsigned)(day - days_of(civil.year, civil.month, 1)) + 1;
    civil.hour = left / 3600;
    civil.minute = left / 60 % 60;
    civil.second = left % 60;
    return civil;
}

static void put_digits(char *to, unsigned value, int num)
{
    for (int i = num - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void yd_http_date_write(int64_t seconds, char ret_text[YD_HTTP_DATE_LEN + 1])
{
    struct civil civil;

    if (seconds < 0)
        seconds = 0;
    if (seconds > MAX_SECONDS)
        seconds = MAX_SECONDS;
    civil = civil_of(seconds);
    memcpy(ret_text, "Thu, 01 Jan 1970 00:00:00 GMT", YD_HTTP_DATE_LEN + 1);
    memcpy(ret_text, days[(seconds / DAY + 4) % 7], 3);
    memcpy(ret_text + 8, months[civil.month - 1], 3);
    put_digits(ret_text + 5, civil.day, 2);
    put_digits(ret_text + 12, civil.year, 4);
    put_digits(ret_text + 17, civil.hour, 2);
    put_digits(ret_text + 20, civil.minute, 2);
    put_digits(ret_text + 23, civil.second, 2);
}

/* ---- reading ---- */

static bool take_digit(unsigned *value, char c)
{
    if (c < '0' || c > '9')
        return false;
    *value = *value * 10 + (unsigned)(c - '0');
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool take_char(struct civil *civil, char form, char c)
{
    switch (form) {
    case '_':
        return c == ' ' || take_digit(&civil->day, c);
    case 'D':
        return take_digit(&civil->day, c);
    case 'Y':
        return take_digit(&civil->year, c);
    case 'h':
        return take_digit(&civil->hour, c);
    case 'm':
        return take_digit(&civil->minute, c);
    case 's':
        return take_digit(&civil->second, c);
    case 'w':
        return is_letter(c);
    default:
        return c == form;
    }
}

static bool take_month(struct civil *civil, const char *text)
{
    for (unsigned i = 0; i < 12; i++)
        if (memcmp(text, months[i], 3) == 0)
            civil->month = i + 1;
    return civil->month != 0;
}

/* Matches text against a form: 'D' a digit of the day, '_' one or a blank, "MMM" the month, 'Y' a
 * digit of the year, 'h' 'm' 's' of the time, 'w' a letter of the weekday; the rest is literal. */
static bool match_form(yodel_str text, const char *form, struct civil *ret_civil)
{
    struct civil civil = {0};

    if (text.len != strlen(form))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (form[i] == 'M') {
            if (!take_month(&civil, text.ptr + i))
                return false;
            i += 2;
        } else if (!take_char(&civil, form[i], text.ptr[i])) {
            return false;
        }
    }
    *ret_civil = civil;
    return true;
}

/* A second of 60 is a leap second, written as the one before it. */
static bool to_seconds(const struct civil *civil, int64_t *ret_seconds)
{
    unsigned next_year = civil->month == 12 ? civil->year + 1 : civil->year;
    unsigned next_month = civil->month == 12 ? 1 : civil->month + 1;
    unsigned second = civil->second == 60 ? 59 : civil->second;
    int64_t day;

    if (civil->year < 1 || civil->day < 1 || civil->hour > 23 || civil->minute > 59 || second > 59)
        return false;
    day = days_of(civil->year, civil->month, civil->day);
    if (day >= days_of(next_year, next_month, 1))
        return false;
    *ret_seconds = day * DAY + civil->hour * 3600 + civil->minute * 60 + second;
    return true;
}

static void set_century(struct civil *civil, int64_t now)
{
    unsigned this_year = year_of(now / DAY);

    civil->year += this_year - this_year % 100;
    if (civil->year > this_year + 50)
        civil->year -= 100;
}

static bool match_rfc850(yodel_str text, struct civil *ret_civil)
{
    static const char *const forms[] = {
        "wwwwww, DD-MMM-YY hh:mm:ss GMT",
        "wwwwwww, DD-MMM-YY hh:mm:ss GMT",
        "wwwwwwww, DD-MMM-YY hh:mm:ss GMT",
        "wwwwwwwww, DD-MMM-YY hh:mm:ss GMT",
    };

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (match_form(text, forms[i], ret_civil))
            return true;
    return false;
}

bool yd_http_date_parse(yodel_str text, int64_t now, int64_t *ret_seconds)
{
    struct civil civil;

    if (match_rfc850(text, &civil))
        set_century(&civil, now);
    else if (!match_form(text, "www, DD MMM YYYY hh:mm:ss GMT", &civil) &&
             !match_form(text, "www MMM _D hh:mm:ss YYYY", &civil))
        return false;
    return to_seconds(&civil, ret_seconds);
}
