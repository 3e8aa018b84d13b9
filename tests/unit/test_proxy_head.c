/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "proto/proxy_head.h"

#include <cmocka.h>

/* The PROXY protocol: each input whole, byte by byte, and cut short. */

#define REST "GET / HTTP/1.1\r\n"

static int take(struct yd_proxy_head *head, const void *data, size_t len, size_t step,
                size_t *ret_used)
{
    size_t at = 0, used;
    int rc = 0;

    memset(head, 0, sizeof *head);
    while (at < len && rc == 0) {
        size_t more = YD_MIN(step, len - at);
        uint8_t *exact = malloc(more); /* a sanitizer sees a step aside */

        memcpy(exact, (const uint8_t *)data + at, more);
        rc = yd_proxy_head_take(head, exact, more, &used);
        free(exact);
        if (rc >= 0)
            at += used;
    }
    *ret_used = at;
    return rc;
}

/* from NULL: the connection's own address. */
static void assert_head(const void *data, size_t len, const char *from, bool is_tls)
{
    static const size_t steps[] = {10000, 1, 3, 16};
    char *all = malloc(len + sizeof REST);
    char text[YD_IP_TEXT_SIZE];
    struct yd_proxy_head head;
    size_t used;

    memcpy(all, data, len);
    memcpy(all + len, REST, sizeof REST);
    for (size_t i = 0; i < YD_LEN(steps); i++) {
        assert_int_equal(take(&head, all, len + sizeof REST, steps[i], &used), 1);
        assert_int_equal(used, len);
        assert_int_equal(head.has_from, from != NULL);
        assert_int_equal(head.is_tls, is_tls);
        yd_ip_write(&head.from, text);
        if (from != NULL)
            assert_string_equal(text, from);
    }
    for (size_t i = 0; i < YD_MIN(len, 400); i++)
        assert_int_equal(take(&head, all, i, 10000, &used), 0);
    free(all);
}

static void assert_wrong(const void *data, size_t len)
{
    struct yd_proxy_head head;
    size_t used;

    assert_int_equal(take(&head, data, len, 10000, &used), -EPROTO);
    assert_int_equal(take(&head, data, len, 1, &used), -EPROTO);
}

/* ---- version 1 ---- */

static void test_proxy_v1(void **state)
{
    static const struct {
        const char *text, *from;
    } cases[] = {
        {"PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\r\n", "192.0.2.1:4711"},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"},
        {"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", "[2001:db8::1]:1"},
        {"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "192.0.2.1:1"},
        {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
        {"PROXY UNKNOWN\r\n", NULL},
        {"PROXY UNKNOWN anything at all\r\n", NULL},
        {"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", NULL},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++)
        assert_head(cases[i].text, strlen(cases[i].text), cases[i].from, false);
}

static void test_proxy_v1_wrong(void **state)
{
    static const char *const cases[] = {
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 x\r\n",
        "PROXY TCP4 1.2.3.4:1 1.2.3.4 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP6 [::1] ::1 1 2\r\n",
        "PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n",
        "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY \r\n",
        "PROXY\r\n",
        "\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\t\r\n",
        "PROXY UNKNOWN "
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxx\r\n",
    };

    for (size_t i = 0; i < YD_LEN(cases); i++)
        assert_wrong(cases[i], strlen(cases[i]));
    assert_wrong("PROXY UNKNOWN \0\r\n", 17);
}

/* ---- version 2 ---- */

static const uint8_t signature[12] = {13, 10, 13, 10, 0, 13, 10, 'Q', 'U', 'I', 'T', 10};
static const uint8_t v4[12] = {192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x67, 0, 80};

static size_t make(uint8_t *ret, uint8_t command, uint8_t family, const void *data, size_t len)
{
    memcpy(ret, signature, sizeof signature);
    ret[12] = command;
    ret[13] = family;
    ret[14] = (uint8_t)(len >> 8);
    ret[15] = (uint8_t)len;
    if (len > 0)
        memcpy(ret + 16, data, len);
    return 16 + len;
}

static void assert_v2(uint8_t command, uint8_t family, const void *data, size_t len,
                      const char *from, bool is_tls)
{
    uint8_t *bytes = malloc(16 + len);

    assert_head(bytes, make(bytes, command, family, data, len), from, is_tls);
    free(bytes);
}

static void assert_v2_wrong(uint8_t command, uint8_t family, const void *data, size_t len)
{
    uint8_t *bytes = malloc(16 + len);

    assert_wrong(bytes, make(bytes, command, family, data, len));
    free(bytes);
}

static void test_proxy_v2(void **state)
{
    uint8_t v6[36] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1, [31] = 2, [32] = 0, 7, 0, 80};
    uint8_t mapped[36] = {[10] = 0xff, 0xff, 192, 0, 2, 9, [32] = 0, 8, 0, 80};
    uint8_t local[300] = {0};

    assert_v2(0x21, 0x11, v4, sizeof v4, "192.0.2.1:4711", false);
    assert_v2(0x21, 0x21, v6, sizeof v6, "[2001:db8::1]:7", false);
    assert_v2(0x21, 0x21, mapped, sizeof mapped, "192.0.2.9:8", false);
    assert_v2(0x21, 0x31, local, 216, NULL, false); /* Unix */
    assert_v2(0x21, 0x00, NULL, 0, NULL, false);    /* not told */
    assert_v2(0x21, 0x00, local, 20, NULL, false);
    assert_v2(0x21, 0x12, v4, sizeof v4, NULL, false); /* UDP */
}

/* L11 */
static void test_proxy_v2_local(void **state)
{
    uint8_t rest[300] = {0xff, 0xff, 0xff, 0x20};

    memcpy(rest + 4, v4, sizeof v4);
    assert_v2(0x20, 0x00, NULL, 0, NULL, false);
    assert_v2(0x20, 0x11, v4, sizeof v4, NULL, false);
    assert_v2(0x20, 0x11, rest, sizeof rest, NULL, false);
    assert_v2(0x20, 0x21, rest, 3, NULL, false);
}

static void test_proxy_v2_tlvs(void **state)
{
    uint8_t data[400];
    size_t len = sizeof v4;

    memcpy(data, v4, sizeof v4);
    memcpy(data + len, "\x04\x00\x00", 3); /* PP2_TYPE_NOOP, empty */
    assert_v2(0x21, 0x11, data, len + 3, "192.0.2.1:4711", false);
    memcpy(data + len + 3, "\x20\x00\x05\x01\x00\x00\x00\x00", 8); /* PP2_TYPE_SSL */
    assert_v2(0x21, 0x11, data, len + 11, "192.0.2.1:4711", true);
    data[len + 6] = 0x02; /* a certificate at some time, but no TLS now */
    assert_v2(0x21, 0x11, data, len + 11, "192.0.2.1:4711", false);
    memset(data + len, 0, sizeof data - len);
    memcpy(data + len, "\x05\x01\x00", 3); /* a long one */
    assert_v2(0x21, 0x11, data, len + 3 + 256, "192.0.2.1:4711", false);
    assert_v2_wrong(0x21, 0x11, data, len + 3 + 255);
    assert_v2_wrong(0x21, 0x11, data, len + 2);
    assert_v2_wrong(0x21, 0x11, data, len + 3);
}

static void test_proxy_v2_wrong(void **state)
{
    uint8_t bytes[64];

    assert_v2_wrong(0x11, 0x11, v4, sizeof v4); /* version */
    assert_v2_wrong(0x31, 0x11, v4, sizeof v4);
    assert_v2_wrong(0x22, 0x11, v4, sizeof v4); /* command */
    assert_v2_wrong(0x21, 0x41, v4, sizeof v4); /* family */
    assert_v2_wrong(0x21, 0x13, v4, sizeof v4); /* transport */
    assert_v2_wrong(0x21, 0x11, v4, sizeof v4 - 1);
    assert_v2_wrong(0x21, 0x21, v4, sizeof v4);
    assert_v2_wrong(0x21, 0x11, NULL, 0);
    for (size_t i = 0; i < sizeof signature; i++) {
        size_t len = make(bytes, 0x21, 0x11, v4, sizeof v4);

        bytes[i] ^= 0x20;
        assert_wrong(bytes, len);
    }
    assert_wrong("\r\n\r\n\r\n", 6);
    assert_wrong("\x16\x03\x01", 3); /* TLS */
}

/* The largest there can be takes no more memory. */
static void test_proxy_v2_longest(void **state)
{
    uint8_t *data = calloc(1, 65535);

    assert_v2(0x20, 0x11, data, 65535, NULL, false);
    memcpy(data, v4, sizeof v4);
    data[12] = 0x05;
    data[13] = (65535 - 15) >> 8;
    data[14] = (65535 - 15) & 255;
    assert_v2(0x21, 0x11, data, 65535, "192.0.2.1:4711", false);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proxy_v1),         cmocka_unit_test(test_proxy_v1_wrong),
        cmocka_unit_test(test_proxy_v2),         cmocka_unit_test(test_proxy_v2_local),
        cmocka_unit_test(test_proxy_v2_tlvs),    cmocka_unit_test(test_proxy_v2_wrong),
        cmocka_unit_test(test_proxy_v2_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
