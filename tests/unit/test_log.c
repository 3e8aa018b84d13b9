/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

#include <cmocka.h>

struct lines {
    unsigned num;
    yodel_log_level level; /* of the last one */
    char text[2000];
    size_t len;
};

static void keep_line(yodel_log_level level, yodel_str text, void *user)
{
    struct lines *lines = user;

    assert_in_range(text.len, 0, 1000);
    lines->num++;
    lines->level = level;
    lines->len = text.len;
    memcpy(lines->text, text.ptr, text.len);
    lines->text[text.len] = '\0';
}

static void test_log_level_names(void **state)
{
    assert_string_equal(yodel_log_level_name(YODEL_LOG_DEBUG), "debug");
    assert_string_equal(yodel_log_level_name(YODEL_LOG_INFO), "info");
    assert_string_equal(yodel_log_level_name(YODEL_LOG_WARN), "warn");
    assert_string_equal(yodel_log_level_name(YODEL_LOG_ERROR), "error");
    assert_string_equal(yodel_log_level_name((yodel_log_level)99), "unknown");
    assert_string_equal(yodel_log_level_name((yodel_log_level)-1), "unknown");
}

static void test_log_formats(void **state)
{
    struct lines lines = {0};
    const struct yodel_log_sink sink = {keep_line, YODEL_LOG_DEBUG, &lines};

    yd_log(&sink, YODEL_LOG_INFO, "listening on %s:%d", "::1", 80);
    assert_int_equal(lines.num, 1);
    assert_int_equal(lines.level, YODEL_LOG_INFO);
    assert_string_equal(lines.text, "listening on ::1:80");
    yd_log(&sink, YODEL_LOG_INFO, "%s", "");
    assert_int_equal(lines.num, 2);
    assert_string_equal(lines.text, "");
}

static void test_log_keeps_below_level_quiet(void **state)
{
    struct lines lines = {0};
    const struct yodel_log_sink sink = {keep_line, YODEL_LOG_WARN, &lines}, none = {0};

    yd_log(&sink, YODEL_LOG_DEBUG, "a");
    yd_log(&sink, YODEL_LOG_INFO, "b");
    assert_int_equal(lines.num, 0);
    yd_log(&sink, YODEL_LOG_WARN, "c");
    yd_log(&sink, YODEL_LOG_ERROR, "d");
    assert_int_equal(lines.num, 2);
    yd_log(NULL, YODEL_LOG_ERROR, "e");
    yd_log(&none, YODEL_LOG_ERROR, "f");
    assert_int_equal(lines.num, 2);
}

static void test_log_escapes(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"a\r\nb", "a\\x0d\\x0ab"},
        {"\x1b[31m", "\\x1b[31m"},
        {"\t\x01\x1f ~\x7f", "\\x09\\x01\\x1f ~\\x7f"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac "
                                                             "\xf0\x9f\x98\x80"},
        {"\x80x\xff\xc3", "\\x80x\\xff\\xc3"},
        {"\xed\xa0\x80\xc0\xaf", "\\xed\\xa0\\x80\\xc0\\xaf"},
        {"\xc2\x9b"
         "2J\xc2\xa0",
         "\\xc2\\x9b2J\xc2\xa0"}, /* CSI in one character */
    };
    struct lines lines = {0};
    const struct yodel_log_sink sink = {keep_line, YODEL_LOG_DEBUG, &lines};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        yd_log(&sink, YODEL_LOG_WARN, "%s", cases[i].text);
        assert_string_equal(lines.text, cases[i].expected);
    }
    yd_log(&sink, YODEL_LOG_WARN, "a%cb", 0);
    assert_string_equal(lines.text, "a\\x00b");
}

/* Lines of every length around the limit, made of characters of each width and of escapes. */
static void test_log_cuts_between_characters(void **state)
{
    static const char *const units[] = {"x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\n"};
    static const size_t widths[] = {1, 2, 3, 4, 4};
    struct lines lines = {0};
    const struct yodel_log_sink sink = {keep_line, YODEL_LOG_DEBUG, &lines};

    for (size_t unit = 0; unit < 5; unit++)
        for (size_t ahead = 0; ahead < 4; ahead++) {
            char text[5000] = "";

            memcpy(text, "aaaa", ahead);
            for (size_t i = 0, at = ahead; i < 1100; i++)
                at += (size_t)sprintf(text + at, "%s", units[unit]);
            yd_log(&sink, YODEL_LOG_WARN, "%s", text);
            assert_int_equal(lines.len, ahead + (1000 - ahead) / widths[unit] * widths[unit]);
            assert_true(yd_utf8_is_valid(lines.text, lines.len));
        }
}

/* One message a write: standard error is a datagram socket for the time of a call. */
static size_t catch_stderr(yodel_log_level level, yodel_str text, char *line, size_t size)
{
    int pair[2], saved = dup(STDERR_FILENO);
    ssize_t len, more;

    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
    dup2(pair[1], STDERR_FILENO);
    yodel_log_stderr(level, text, NULL);
    dup2(saved, STDERR_FILENO);
    len = recv(pair[0], line, size - 1, 0);
    more = recv(pair[0], line, 0, 0);
    close(pair[0]);
    close(pair[1]);
    close(saved);
    assert_true(len > 0);
    assert_true(more < 0);
    line[len] = '\0';
    return (size_t)len;
}

/* time() reads a coarser clock, which lags behind the one of a stamp. */
static time_t seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

static void test_log_stderr_writes_one_stamped_line(void **state)
{
    time_t before = seconds_now(), after, stamp;
    char line[2000], rest[100];
    struct tm utc = {0};
    int ms;

    catch_stderr(YODEL_LOG_WARN, YODEL_STR("no descriptors left"), line, sizeof(line));
    after = seconds_now();
    assert_int_equal(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %99[^\n]", &utc.tm_year,
                            &utc.tm_mon, &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec, &ms,
                            rest),
                     8);
    assert_string_equal(rest, "warn no descriptors left");
    assert_string_equal(line + 24, " warn no descriptors left\n");
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    stamp = timegm(&utc);
    assert_true(stamp >= before && stamp <= after);
}

static void test_log_stderr_cuts_long_text(void **state)
{
    char text[3000], line[2000];
    size_t len;

    for (size_t ahead = 0; ahead < 3; ahead++) {
        memset(text, 'x', ahead);
        for (size_t i = ahead; i + 3 <= sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        len = catch_stderr(YODEL_LOG_ERROR, (yodel_str){text, ahead + 900 * 3}, line, sizeof(line));
        assert_in_range(len, 1000, 1100);
        assert_int_equal(line[len - 1], '\n');
        assert_true(yd_utf8_is_valid(line, len));
    }
    len = catch_stderr(YODEL_LOG_INFO, (yodel_str){NULL, 0}, line, sizeof(line));
    assert_string_equal(line + 24, " info \n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_level_names),
        cmocka_unit_test(test_log_formats),
        cmocka_unit_test(test_log_keeps_below_level_quiet),
        cmocka_unit_test(test_log_escapes),
        cmocka_unit_test(test_log_cuts_between_characters),
        cmocka_unit_test(test_log_stderr_writes_one_stamped_line),
        cmocka_unit_test(test_log_stderr_cuts_long_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
