/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "carry/dialer.h"

#include <cmocka.h>

/* Addresses of nodes. */

static void test_dialer_takes(void **state)
{
    static const char *const good[] = {
        "192.0.2.1:7000",    "[2001:db8::1]:7000", "[::1]:1",         "localhost:65535",
        "node-1.internal:7", "a_name:7000",        "9.node.zone:7",   "node1.zone.:7000",
        "unix:/run/a.sock",  "unix:/a:7000",       "xn--nxasmq6b:80",
    };
    static const char *const bad[] = {
        "",           ":7000",      "192.0.2.1",        "192.0.2.1:0",    "192.0.2.1:65536",
        "a:+1",       "a: 1",       "192.0.2.256:7000", "1.2:7000",       "2001:db8::1:7000",
        "[::1]",      "[::1]7000",  "[::1:7000",        "[192.0.2.1]:70", "[]:7000",
        "[a]:7000",   "unix:",      "unix:run/a.sock",  "a.name",         "a name:7000",
        "a/b:7000",   "-a:7000",    "https://a/",       "https://a:7000", ".a:7000",
        "a%eth0:700", "[::1%lo]:7", "a:7000\n",         "7000",           "[[::1]]:7000",
    };
    char text[400];

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!yd_dialer_takes(good[i]))
            fail_msg("%s is not taken", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (yd_dialer_takes(bad[i]))
            fail_msg("%s is taken", bad[i]);
    assert_false(yd_dialer_takes(NULL));
    memset(text, 'a', sizeof text);
    memcpy(text + 254, ":7", 3);
    assert_false(yd_dialer_takes(text)); /* fits nowhere */
    memcpy(text + 250, ":7", 3);
    assert_true(yd_dialer_takes(text));
    memcpy(text, "unix:/", 6);
    text[5 + 107] = '\0';
    assert_true(yd_dialer_takes(text));
    text[5 + 107] = 'a';
    text[5 + 108] = '\0';
    assert_false(yd_dialer_takes(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dialer_takes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
