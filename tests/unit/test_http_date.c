/* SPDX-License-Identifier: MIT */
#include "http/date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define NOW INT64_C(1780000000) /* 2026 */

static void test_http_date_write(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } dates[] = {{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
                 {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
                 {-5, "Thu, 01 Jan 1970 00:00:00 GMT"},
                 {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
                 {1709251199, "Thu, 29 Feb 2024 23:59:59 GMT"},
                 {INT64_C(4107542400), "Mon, 01 Mar 2100 00:00:00 GMT"},
                 {INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT"},
                 {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"}};
    char text[YD_HTTP_DATE_LEN + 1];

    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        yd_http_date_write(dates[i].seconds, text);
        assert_string_equal(text, dates[i].text);
    }
}

/* Against the C library, over every length of year and month. */
static void test_http_date_round_trip(void **state)
{
    char text[YD_HTTP_DATE_LEN + 1], expected[40];

    for (int64_t seconds = 0; seconds < INT64_C(14000000000); seconds += 86400 * 5 + 12345) {
        time_t t = (time_t)seconds;
        struct tm tm;
        int64_t again = -1;

        assert_non_null(gmtime_r(&t, &tm));
        strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        yd_http_date_write(seconds, text);
        assert_string_equal(text, expected);
        assert_true(yd_http_date_parse(yodel_str_of(text), NOW, &again));
        assert_true(again == seconds);
    }
}

static void test_http_date_obsolete_forms(void **state)
{
    int64_t seconds;

    assert_true(yd_http_date_parse(YODEL_STR("Sunday, 06-Nov-94 08:49:37 GMT"), NOW, &seconds));
    assert_int_equal(seconds, 784111777);
    assert_true(yd_http_date_parse(YODEL_STR("Sun Nov  6 08:49:37 1994"), NOW, &seconds));
    assert_int_equal(seconds, 784111777);
    assert_true(yd_http_date_parse(YODEL_STR("Sun Nov 16 08:49:37 1994"), NOW, &seconds));
    assert_int_equal(seconds, 784111777 + 864000);
    assert_true(yd_http_date_parse(YODEL_STR("Thursday, 01-Jan-70 00:00:00 GMT"), NOW, &seconds));
    assert_true(seconds == INT64_C(3155760000)); /* 2070, not over 50 years ahead */
    assert_true(yd_http_date_parse(YODEL_STR("Thursday, 01-Jan-77 00:00:00 GMT"), NOW, &seconds));
    assert_int_equal(seconds, 220924800); /* 1977 */
}

static void test_http_date_errors(void **state)
{
    static const char *const bad[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nop 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:3x GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "784111777",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t seconds;

        if (yd_http_date_parse(yodel_str_of(bad[i]), NOW, &seconds))
            fail_msg("\"%s\" passed", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_date_write),
        cmocka_unit_test(test_http_date_round_trip),
        cmocka_unit_test(test_http_date_obsolete_forms),
        cmocka_unit_test(test_http_date_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
