/* SPDX-License-Identifier: MIT */
#include "config/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_authority_hosts(void **state)
{
    static const char *const right[] = {"a",
                                        "localhost",
                                        "a-b_c.example.com",
                                        "example.com.",
                                        "127.0.0.1",
                                        "[::1]",
                                        "[fe80::1%eth0]",
                                        "1a",
                                        "[::]",
                                        "xn--bcher-kva.example",
                                        "1.2.3.a"};
    static const char *const wrong[] = {"",          ".",        "a..b",       ".a",    "a b",
                                        "1.2.3.400", "1.2.3",    "12",         "[::g]", "[1.2.3.4]",
                                        "[::1",      "::1",      "[fe80::1%]", "[]",    "a/b",
                                        "a:b",       "\xc3\xbc", "01.2.3.4"};
    char label[65], name[300];

    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
        if (!yg_is_host(right[i], strlen(right[i])))
            fail_msg("%s is a host", right[i]);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (yg_is_host(wrong[i], strlen(wrong[i])))
            fail_msg("%s is no host", wrong[i]);
    }
    memset(label, 'x', 64);
    assert_true(yg_is_host(label, 63));
    assert_false(yg_is_host(label, 64));
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 2 == 0 ? 'a' : '.';
    assert_true(yg_is_host(name, 253));
    assert_false(yg_is_host(name, 255));
    assert_false(yg_is_host("a\0b", 3));
}

static void test_authority_ports(void **state)
{
    unsigned port = 1;

    (void)state;
    assert_true(yg_is_port("0", 1, &port) && port == 0);
    assert_true(yg_is_port("65535", 5, &port) && port == 65535);
    for (const char *const *at =
             (const char *const[]){"", "65536", "080", "00", "+1", "1 ", "a", NULL};
         *at != NULL; at++)
        assert_false(yg_is_port(*at, strlen(*at), &port));
}

static void test_authority_authorities(void **state)
{
    unsigned port;

    (void)state;
    assert_true(yg_is_authority("a", 1, &port) && port == 0);
    assert_true(yg_is_authority("a:80", 4, &port) && port == 80);
    assert_true(yg_is_authority("[::1]", 5, &port) && port == 0);
    assert_true(yg_is_authority("[::1]:443", 9, &port) && port == 443);
    for (const char *const *at = (const char *const[]){"", ":80", "a:", "a:0", "a:1:2", "[::1]80",
                                                       "[::1]:", "::1:80", "[::1", NULL};
         *at != NULL; at++) {
        if (yg_is_authority(*at, strlen(*at), &port))
            fail_msg("%s is no authority", *at);
    }
}

static void test_authority_ranges(void **state)
{
    (void)state;
    for (const char *const *at = (const char *const[]){"10.0.0.0/8", "10.0.0.1", "0.0.0.0/0",
                                                       "2001:db8::/32", "::1", "::/128", NULL};
         *at != NULL; at++) {
        if (!yg_is_range(*at))
            fail_msg("%s is a range", *at);
    }
    for (const char *const *at =
             (const char *const[]){"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0/8",
                                   "fe80::1%lo", "a", "10.0.0.0/08", NULL};
         *at != NULL; at++) {
        if (yg_is_range(*at))
            fail_msg("%s is no range", *at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authority_hosts),
        cmocka_unit_test(test_authority_ports),
        cmocka_unit_test(test_authority_authorities),
        cmocka_unit_test(test_authority_ranges),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
