/* SPDX-License-Identifier: MIT */
#include "proto/eio_packet.h"

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

static void test_eio_packet_decodes_text(void **state)
{
    static const struct {
        const char *text;
        int type;
        bool binary;
        const char *data;
    } cases[] = {
        {"0{}", YD_EIO_OPEN, false, "{}"},
        {"1", YD_EIO_CLOSE, false, ""},
        {"2probe", YD_EIO_PING, false, "probe"},
        {"3", YD_EIO_PONG, false, ""},
        {"4hello", YD_EIO_MESSAGE, false, "hello"},
        {"4\xc3\xa9", YD_EIO_MESSAGE, false, "\xc3\xa9"},
        {"4", YD_EIO_MESSAGE, false, ""},
        {"5", YD_EIO_UPGRADE, false, ""},
        {"6", YD_EIO_NOOP, false, ""},
        {"bAQIDBA==", YD_EIO_MESSAGE, true, "\x01\x02\x03\x04"},
        {"b", YD_EIO_MESSAGE, true, ""},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        size_t len = strlen(cases[i].text);
        uint8_t *text = exact_copy(cases[i].text, len);
        struct yd_eio_packet packet;

        assert_int_equal(yd_eio_decode_text(text, len, &packet), 0);
        assert_int_equal(packet.type, cases[i].type);
        assert_int_equal(packet.binary, cases[i].binary);
        assert_ptr_equal(packet.data, text + 1);
        assert_int_equal(packet.len, strlen(cases[i].data));
        assert_memory_equal(packet.data, cases[i].data, packet.len);
        free(text);
    }
}

static void test_eio_packet_refuses_text(void **state)
{
    static const char *const bad[] = {
        "", "7", "8", "9", ":", "/", "a", "B", " 4", "b!!!!", "bAQI", "bAQ", "bA===", "\x1e", "-1",
    };

    for (size_t i = 0; i < YD_LEN(bad); i++) {
        struct yd_eio_packet packet = {.type = 77};
        uint8_t *text = exact_copy(bad[i], strlen(bad[i]));

        if (yd_eio_decode_text(text, strlen(bad[i]), &packet) != YODEL_ERR_PROTOCOL)
            fail_msg("\"%s\" is decoded", bad[i]);
        assert_int_equal(packet.type, 77);
        free(text);
    }
    assert_int_equal(yd_eio_decode_text(NULL, 0, &(struct yd_eio_packet){0}), YODEL_ERR_PROTOCOL);
}

static void test_eio_packet_every_first_byte(void **state)
{
    unsigned good = 0;

    for (unsigned c = 0; c < 256; c++) {
        uint8_t text = (uint8_t)c;
        struct yd_eio_packet packet;

        good += yd_eio_decode_text(&text, 1, &packet) == 0;
    }
    assert_int_equal(good, 8);
}

static void test_eio_packet_binary_is_as_it_is(void **state)
{
    uint8_t data[] = {0, 'b', 0xff};
    struct yd_eio_packet packet = yd_eio_decode_binary(data, sizeof(data));

    assert_int_equal(packet.type, YD_EIO_MESSAGE);
    assert_true(packet.binary);
    assert_ptr_equal(packet.data, data);
    assert_int_equal(packet.len, 3);
}

static void test_eio_packet_open(void **state)
{
    static const struct yd_eio_open open = {
        .sid = {"lv_VI97HAXpY6yYWAAAC", 20},
        .can_upgrade = true,
        .ping_interval_ms = 25000,
        .ping_timeout_ms = 20000,
        .max_payload = 1000000,
    };
    static const char text[] =
        "0{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,"
        "\"pingTimeout\":20000,\"maxPayload\":1000000}";
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_buf buf = {0};
        int result = yd_eio_put_open(&fm.mem, &buf, &open);

        if (failmem_has_failed(&fm)) {
            assert_int_equal(result, -ENOMEM);
            assert_int_equal(buf.len, 0);
        } else {
            assert_int_equal(result, 0);
            assert_int_equal(buf.len, strlen(text));
            assert_memory_equal(buf.ptr, text, buf.len);
        }
        yd_buf_free(&fm.mem, &buf);
    }
}

static void test_eio_packet_open_without_upgrade(void **state)
{
    struct yd_eio_open open = {{"x", 1}, false, UINT32_MAX, 0, UINT64_MAX};
    static const char text[] = "0{\"sid\":\"x\",\"upgrades\":[],\"pingInterval\":4294967295,"
                               "\"pingTimeout\":0,\"maxPayload\":18446744073709551615}";
    struct yd_buf buf = {0};

    assert_int_equal(yd_eio_put_open(&yd_mem_default, &buf, &open), 0);
    assert_int_equal(buf.len, strlen(text));
    assert_memory_equal(buf.ptr, text, buf.len);
    yd_buf_free(&yd_mem_default, &buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eio_packet_decodes_text),
        cmocka_unit_test(test_eio_packet_refuses_text),
        cmocka_unit_test(test_eio_packet_every_first_byte),
        cmocka_unit_test(test_eio_packet_binary_is_as_it_is),
        cmocka_unit_test(test_eio_packet_open),
        cmocka_unit_test(test_eio_packet_open_without_upgrade),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
