/* SPDX-License-Identifier: MIT */
#include "proto/eio_payload.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "exact.h"
#include "failmem.h"

#include <cmocka.h>

/* What a body is read as: packets with '|' after them, "b:" ahead of bytes, '!' for an error. */
static void read_body(const char *body, size_t len, char *out)
{
    uint8_t *copy = exact_copy(body, len);
    struct yd_eio_payload payload;
    struct yd_eio_packet packet;
    int result;

    yd_eio_payload_init(&payload, copy, len);
    while ((result = yd_eio_payload_next(&payload, &packet)) == 1) {
        assert_true(packet.data > copy && packet.data + packet.len <= copy + len);
        if (packet.binary)
            out += sprintf(out, "b:%.*s|", (int)packet.len, (char *)packet.data);
        else
            out += sprintf(out, "%u%.*s|", packet.type, (int)packet.len, (char *)packet.data);
    }
    assert_int_equal(yd_eio_payload_next(&payload, &packet), result);
    strcpy(out, result == 0 ? "" : result == YODEL_ERR_PROTOCOL ? "!" : "?");
    free(copy);
}

static void test_eio_payload_reads(void **state)
{
    static const char *const cases[][2] = {
        {"4hello", "4hello|"},
        {"40", "40|"},
        {"3\x1e"
         "42[1]\x1e"
         "1",
         "3|42[1]|1|"},
        {"4hello\x1e"
         "bZm9v\x1e"
         "b\x1e"
         "2probe",
         "4hello|b:foo|b:|2probe|"},
        {"6\x1e"
         "1",
         "6|1|"},
        {"", "!"},
        {"\x1e", "!"},
        {"4a\x1e", "4a|!"},
        {"\x1e"
         "4a",
         "!"},
        {"4a\x1e\x1e"
         "4b",
         "4a|!"},
        {"4a\x1e"
         "9\x1e"
         "4b",
         "4a|!"},
        {"4a\x1e"
         "b!!!!\x1e"
         "4b",
         "4a|!"},
        {"4a\x1e"
         "4\xff\x1e"
         "4b",
         "4a|!"},
        {"4\xed\xa0\x80", "!"},
        {"4\xc3\x1e"
         "4\xa9",
         "!"},
        {"4\xf0\x9f\x98\x80\x1e"
         "4\xc3\xa9",
         "4\xf0\x9f\x98\x80|4\xc3\xa9|"},
    };
    char out[256];

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        read_body(cases[i][0], strlen(cases[i][0]), out);
        assert_string_equal(out, cases[i][1]);
    }
}

static void test_eio_payload_nul_is_text(void **state)
{
    uint8_t body[] = {'4', 0, 'x', 0x1e, '3'};
    struct yd_eio_payload payload;
    struct yd_eio_packet packet;

    yd_eio_payload_init(&payload, body, sizeof(body));
    assert_int_equal(yd_eio_payload_next(&payload, &packet), 1);
    assert_int_equal(packet.len, 2);
    assert_int_equal(yd_eio_payload_next(&payload, &packet), 1);
    assert_int_equal(packet.type, YD_EIO_PONG);
    assert_int_equal(yd_eio_payload_next(&payload, &packet), 0);
}

static void test_eio_payload_no_body_at_all(void **state)
{
    struct yd_eio_payload payload;
    struct yd_eio_packet packet;

    yd_eio_payload_init(&payload, NULL, 0);
    assert_int_equal(yd_eio_payload_next(&payload, &packet), YODEL_ERR_PROTOCOL);
}

/* Cut at every length, and with every byte changed: no step outside, and what comes ahead of the
 * change is read the same. */
static void test_eio_payload_cut_and_flipped(void **state)
{
    static const char body[] = "40\x1e"
                               "42[\"m\",\"\xc3\xa9\"]\x1e"
                               "bAAEC/w==\x1e"
                               "3";
    char out[256];

    for (size_t len = 0; len < sizeof(body) - 1; len++) {
        read_body(body, len, out);
        if (len > 2)
            assert_memory_equal(out, "40|", 3);
    }
    for (size_t at = 0; at < sizeof(body) - 1; at++) {
        for (unsigned c = 0; c < 256; c++) {
            char copy[sizeof(body)];

            memcpy(copy, body, sizeof(body));
            copy[at] = (char)c;
            read_body(copy, sizeof(body) - 1, out);
        }
    }
}

static void test_eio_payload_many_small_packets(void **state)
{
    enum { NUM = 300000 };
    uint8_t *body = malloc(NUM * 2 - 1);
    struct yd_eio_payload payload;
    struct yd_eio_packet packet;
    size_t count = 0;

    assert_non_null(body);
    for (size_t i = 0; i < NUM * 2 - 1; i++)
        body[i] = i % 2 ? YD_EIO_SEPARATOR : '3';
    yd_eio_payload_init(&payload, body, NUM * 2 - 1);
    while (yd_eio_payload_next(&payload, &packet) == 1)
        count++;
    assert_int_equal(count, NUM);
    memset(body, YD_EIO_SEPARATOR, NUM);
    yd_eio_payload_init(&payload, body, NUM);
    assert_int_equal(yd_eio_payload_next(&payload, &packet), YODEL_ERR_PROTOCOL);
    free(body);
}

static int put_three(const struct yodel_allocator *mem, struct yd_buf *buf)
{
    static const uint8_t bytes[] = {0, 1, 2, 0xff};
    int result = yd_eio_payload_put_text(mem, buf, YODEL_STR("42[\"a\"]"));

    if (result == 0)
        result = yd_eio_payload_put_binary(mem, buf, (yodel_bytes){bytes, sizeof(bytes)});
    if (result == 0)
        result = yd_eio_payload_put_binary(mem, buf, (yodel_bytes){NULL, 0});
    return result == 0 ? yd_eio_payload_put_text(mem, buf, YODEL_STR("1")) : result;
}

static void test_eio_payload_writes(void **state)
{
    static const char text[] = "42[\"a\"]\x1e"
                               "bAAEC/w==\x1e"
                               "b\x1e"
                               "1";
    struct failmem fm;

    assert_int_equal(yd_eio_text_size(7) + yd_eio_binary_size(4) + yd_eio_binary_size(0) +
                         yd_eio_text_size(1) + 3,
                     strlen(text));
    FAILMEM_LOOP(&fm)
    {
        struct yd_buf buf = {0};
        int result = put_three(&fm.mem, &buf);

        assert_int_equal(result, failmem_has_failed(&fm) ? -ENOMEM : 0);
        if (result == 0) {
            assert_int_equal(buf.len, strlen(text));
            assert_memory_equal(buf.ptr, text, buf.len);
        }
        yd_buf_free(&fm.mem, &buf);
    }
}

static void test_eio_payload_write_too_much(void **state)
{
    struct yd_buf buf = {0};

    assert_int_equal(
        yd_eio_payload_put_binary(&yd_mem_default, &buf, (yodel_bytes){NULL, SIZE_MAX}), -ENOMEM);
    assert_int_equal(buf.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eio_payload_reads),
        cmocka_unit_test(test_eio_payload_nul_is_text),
        cmocka_unit_test(test_eio_payload_no_body_at_all),
        cmocka_unit_test(test_eio_payload_cut_and_flipped),
        cmocka_unit_test(test_eio_payload_many_small_packets),
        cmocka_unit_test(test_eio_payload_writes),
        cmocka_unit_test(test_eio_payload_write_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
