/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/ip.h"

#include <cmocka.h>

static void test_ip_reads_and_writes(void **state)
{
    static const struct {
        const char *text, *written;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:80", "192.0.2.1:80"},
        {"2001:DB8::1", "[2001:db8::1]"},
        {"[2001:db8::1]", "[2001:db8::1]"},
        {"[2001:db8::1]:65535", "[2001:db8::1]:65535"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"[::ffff:c000:201]:7", "192.0.2.1:7"},
        {"::", "[::]"},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        char text[YD_IP_TEXT_SIZE];
        struct yd_ip ip;

        assert_true(yd_ip_parse(yodel_str_of(cases[i].text), &ip));
        yd_ip_write(&ip, text);
        assert_string_equal(text, cases[i].written);
    }
}

static void test_ip_refuses_what_is_none(void **state)
{
    static const char *const cases[] = {
        "",
        "unknown",
        "_hidden",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4:",
        "1.2.3.4:65536",
        "1.2.3.4:+1",
        "1.2.3.4 ",
        " 1.2.3.4",
        "[1.2.3.4]",
        "[::1",
        "::1]",
        "[::1]x",
        "[::1]:",
        "[]",
        "[::1]:x",
        "fe80::1%lo",
        "1.2.3.4:80:90",
        "localhost",
        "::g",
        "[::1]]",
        ":80",
        "1.2.3.4/8",
        "0x1.2.3.4",
        "\xff",
        ":",
        "[",
        "1.2.3.4:000080",
        "2001:db8:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:1",
    };
    struct yd_ip ip = {.port = 4711};

    for (size_t i = 0; i < YD_LEN(cases); i++)
        if (yd_ip_parse(yodel_str_of(cases[i]), &ip))
            fail_msg("%s", cases[i]);
    assert_false(yd_ip_parse((yodel_str){"1.2.3.4\0", 8}, &ip));
    assert_int_equal(ip.port, 4711);
}

/* ---- ranges ---- */

static bool covers(const char *range, const char *address)
{
    struct yd_trust *trust = malloc(sizeof *trust + sizeof trust->ranges[0]);
    struct yd_ip ip = {.kind = YD_IP_UNIX};
    bool is;

    trust->num = 1;
    assert_true(yd_ip_range_parse(yodel_str_of(range), &trust->ranges[0]));
    assert_true(strcmp(address, "unix") == 0 || yd_ip_parse(yodel_str_of(address), &ip));
    is = yd_is_trusted(trust, &ip);
    free(trust);
    return is;
}

static void test_ip_ranges(void **state)
{
    assert_true(covers("10.0.0.0/8", "10.255.1.2:80"));
    assert_false(covers("10.0.0.0/8", "11.0.0.0"));
    assert_true(covers("10.0.0.1", "10.0.0.1"));
    assert_false(covers("10.0.0.1", "10.0.0.2"));
    assert_true(covers("10.0.0.129/25", "10.0.0.200"));
    assert_false(covers("10.0.0.129/25", "10.0.0.100"));
    assert_true(covers("0.0.0.0/0", "1.2.3.4"));
    assert_false(covers("0.0.0.0/0", "::1"));
    assert_false(covers("0.0.0.0/0", "unix"));
    assert_true(covers("::/0", "::1"));
    assert_false(covers("::/0", "1.2.3.4"));
    assert_true(covers("2001:db8::/33", "2001:db8:7fff::"));
    assert_false(covers("2001:db8::/33", "2001:db8:8000::"));
    assert_true(covers("127.0.0.1", "::ffff:127.0.0.1"));
    assert_true(covers("unix", "unix"));
    assert_false(covers("unix", "127.0.0.1"));
}

static void test_ip_ranges_that_are_none(void **state)
{
    static const char *const cases[] = {
        "",     "10.0.0.0/33", "::/129",       "10/8", "10.0.0.0/",   "1.2.3.4:80", "[::1]",
        "UNIX", "all",         "10.0.0.0/8/8", "/8",   "10.0.0.0/-1", "::1/64x",    "unix/8"};
    struct yd_ip_range range = {.bits = 99};

    for (size_t i = 0; i < YD_LEN(cases); i++)
        if (yd_ip_range_parse(yodel_str_of(cases[i]), &range))
            fail_msg("%s", cases[i]);
    assert_int_equal(range.bits, 99);
}

static void test_ip_unknown_is_trusted_by_nobody(void **state)
{
    struct yd_ip ip = {.kind = YD_IP_UNKNOWN};

    assert_false(yd_is_trusted(NULL, &ip));
    ip.kind = YD_IP_V4;
    assert_false(yd_is_trusted(NULL, &ip));
}

/* ---- keys ---- */

static void assert_same_key(const char *a, const char *b, bool same)
{
    uint8_t one[YD_IP_KEY_SIZE], two[YD_IP_KEY_SIZE];
    struct yd_ip ip;
    size_t len;

    assert_true(yd_ip_parse(yodel_str_of(a), &ip));
    len = yd_ip_key(&ip, one);
    assert_true(yd_ip_parse(yodel_str_of(b), &ip));
    assert_int_equal(len == yd_ip_key(&ip, two) && memcmp(one, two, len) == 0, same);
}

/* L14 */
static void test_ip_keys_of_clients(void **state)
{
    struct yd_ip ip = {.kind = YD_IP_UNIX};
    uint8_t key[YD_IP_KEY_SIZE];

    assert_same_key("1.2.3.4:1", "1.2.3.4:2", true);
    assert_same_key("1.2.3.4", "1.2.3.5", false);
    assert_same_key("::ffff:1.2.3.4", "1.2.3.4", true);
    assert_same_key("2001:db8:0:1::1", "2001:db8:0:1:ffff::9", true);
    assert_same_key("2001:db8:0:1::1", "2001:db8:0:2::1", false);
    assert_int_equal(yd_ip_key(&ip, key), 0);
}

static void test_ip_decimals(void **state)
{
    static const char *const wrong[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "4294967296", "65536", "000001", "99999999999999999999"};
    unsigned value = 7;

    for (size_t i = 0; i < YD_LEN(wrong); i++)
        assert_false(yd_decimal_parse(yodel_str_of(wrong[i]), 65535, &value));
    assert_false(yd_decimal_parse(YODEL_STR("4294967296"), UINT32_MAX, &value));
    assert_false(yd_decimal_parse(YODEL_STR("00"), 9, &value));
    assert_int_equal(value, 7);
    assert_true(yd_decimal_parse(YODEL_STR("00080"), 65535, &value));
    assert_int_equal(value, 80);
    assert_true(yd_decimal_parse(YODEL_STR("65535"), 65535, &value));
    assert_int_equal(value, 65535);
    assert_true(yd_decimal_parse(YODEL_STR("4294967295"), UINT32_MAX, &value));
    assert_int_equal(value, UINT32_MAX);
    assert_true(yd_decimal_parse(YODEL_STR("0"), 0, &value));
    assert_int_equal(value, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ip_decimals),
        cmocka_unit_test(test_ip_reads_and_writes),
        cmocka_unit_test(test_ip_refuses_what_is_none),
        cmocka_unit_test(test_ip_ranges),
        cmocka_unit_test(test_ip_ranges_that_are_none),
        cmocka_unit_test(test_ip_unknown_is_trusted_by_nobody),
        cmocka_unit_test(test_ip_keys_of_clients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
