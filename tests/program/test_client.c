/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/address.h"
#include "client/frames.h"
#include "client/handshake.h"
#include "client/packets.h"
#include "client/poll_payload.h"
#include "client/quantiles.h"
#include "client/sse_text.h"
#include "client/ws_deflate.h"
#include "failing.h"

/* ---- frames ---- */

/* What a stream of bytes gives, as "1:hello 9: " and the result that it ends with; in pieces of
 * step bytes. */
static int read_pieces(const char *ptr, size_t len, size_t step, size_t max, struct yg_text *into)
{
    struct yg_frames frames = {.max = max};
    struct yg_frame frame;
    int rc = 0;

    for (size_t at = 0; at < len && rc == 0; at += step) {
        yodel_bytes input = {(const uint8_t *)ptr + at, len - at < step ? len - at : step};

        while ((rc = yg_frames_next(&frames, &input, &frame)) == 1) {
            yg_text_printf(into, "%d:", frame.opcode);
            yg_text_add(into, (const char *)frame.payload.ptr, frame.payload.len);
            yg_text_putc(into, ' ');
        }
        assert_true(rc != 0 || input.len == 0);
        assert_int_equal(frames.problem != NULL, rc < 0);
    }
    yg_frames_done(&frames);
    return rc;
}

static void reads(const char *ptr, size_t len, size_t max, int result, const char *expected)
{
    for (size_t step = 1; step <= len; step++) {
        struct yg_text text = {0};

        assert_int_equal(read_pieces(ptr, len, step, max, &text), result);
        if (expected != NULL)
            assert_string_equal(yg_text_string(&text), expected);
        yg_text_done(&text);
    }
}

#define READS(bytes, result, expected) reads(bytes, sizeof(bytes) - 1, 100, result, expected)

static void test_client_frames(void **state)
{
    READS("\x81\x05hello", 0, "1:hello ");
    READS("\x81\x00\x82\x01z", 0, "1: 2:z ");
    READS("\x01\x02hi\x80\x01!", 0, "1:hi! ");
    READS("\x01\x02hi\x89\x01p\x00\x00\x80\x01!\x88\x00", 0, "9:p 1:hi! 8: ");
    READS("\x81\x7e\x00\x05hello", 0, "1:hello ");
    READS("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x02hi\x8a\x00", 0, "1:hi 10: ");
    READS("\x01\x01\xc3\x80\x01\xbc", 0, "1:\xc3\xbc ");
    READS("\x88\x02\x03\xe8", 0, "8:\x03\xe8 ");
}

static void test_client_frames_that_are_wrong(void **state)
{
    READS("\xc1\x00", -EPROTO, "");
    READS("\x81\x80\x01\x02\x03\x04", -EPROTO, "");
    READS("\x83\x00", -EPROTO, "");
    READS("\x8b\x00", -EPROTO, "");
    READS("\x80\x00", -EPROTO, "");
    READS("\x01\x00\x81\x00", -EPROTO, "");
    READS("\x09\x00", -EPROTO, "");
    READS("\x89\x7e\x00\x7e", -EPROTO, "");
    READS("\x81\x01\xff", -EBADMSG, "");
    READS("\x81\x7e\x00\x65", -EMSGSIZE, "");
    READS("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", -EMSGSIZE, "");
    READS("\x81\x01x\x82\x7f\x00\x00\x00\x01\x00\x00\x00\x00", -EMSGSIZE, "1:x ");
}

/* Pieces are counted together. */
static void test_client_frames_are_bounded(void **state)
{
    reads("\x02\x03"
          "abc"
          "\x00\x03"
          "def",
          10, 5, -EMSGSIZE, "");
    reads("\x02\x03"
          "abc"
          "\x80\x03"
          "def",
          10, 6, 0, "2:abcdef ");
}

static void test_client_frames_out_of_memory(void **state)
{
    static const char bytes[] = "\x01\x02hi\x89\x01p\x80\x01!";

    for (unsigned n = 1;; n++) {
        struct yg_text text = {0};
        bool again;
        int rc;

        yg_text_add(&text, "............................", 28);
        yg_text_reset(&text);
        failing_start(n);
        rc = read_pieces(bytes, sizeof(bytes) - 1, 3, 100, &text);
        again = failing_stop();
        assert_int_equal(rc, again ? -ENOMEM : 0);
        yg_text_done(&text);
        if (!again)
            break;
    }
}

/* What was put, unmasked. */
static void puts_frame(size_t len, size_t head)
{
    struct yg_text out = {0};
    char *payload = malloc(len + 1);
    const uint8_t *bytes;

    for (size_t i = 0; i < len; i++)
        payload[i] = (char)(i * 7);
    yg_frame_put(&out, YG_FRAME_BINARY, false, payload, len, 0x11223344);
    assert_int_equal(out.len, head + 4 + len);
    bytes = (const uint8_t *)out.ptr;
    assert_int_equal(bytes[0], 0x82);
    assert_int_equal(bytes[1], 0x80 | (head == 2 ? len : head == 4 ? 126 : 127));
    for (size_t i = 2, size = 0; i < head; i++) {
        size = size << 8 | bytes[i];
        if (i == head - 1)
            assert_int_equal(size, len);
    }
    for (size_t i = 0; i < len; i++)
        assert_int_equal((char)(bytes[head + 4 + i] ^ bytes[head + i % 4]), payload[i]);
    free(payload);
    yg_text_done(&out);
}

static void test_client_frames_are_put(void **state)
{
    static const size_t lengths[] = {0, 1, 3, 125, 126, 65535, 65536, 70001};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        puts_frame(lengths[i], lengths[i] > 65535 ? 10 : lengths[i] > 125 ? 4 : 2);
}

/* ---- permessage-deflate ---- */

static void terms(const char *value, int result, int resets, int bits_out, int bits_in)
{
    struct yg_deflate_terms terms = {0};

    assert_int_equal(yg_deflate_read(yodel_str_of(value), &terms), result);
    assert_int_equal(terms.resets_out + 2 * terms.resets_in, resets);
    assert_int_equal(terms.bits_out, bits_out);
    assert_int_equal(terms.bits_in, bits_in);
}

static void test_client_deflate_terms(void **state)
{
    static const char *const wrong[] = {
        "",
        "deflate",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate; ;",
        "permessage-deflate; unknown",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; client_max_window_bits=010",
        "permessage-deflate; server_max_window_bits=\"8",
        "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
    };

    terms("permessage-deflate", 0, 0, 15, 15);
    terms(" permessage-deflate ; client_no_context_takeover", 0, 1, 15, 15);
    terms("permessage-deflate;server_no_context_takeover", 0, 2, 15, 15);
    terms("permessage-deflate; client_max_window_bits=8; server_max_window_bits=\"10\"", 0, 0, 8,
          10);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        terms(wrong[i], -EPROTO, 0, 0, 0);
}

/* What one end deflates the other inflates; the windows are the other way round. */
static void there_and_back(struct yg_deflate_terms terms)
{
    const struct yg_deflate_terms other = {terms.resets_in, terms.resets_out, terms.bits_in,
                                           terms.bits_out};
    struct yg_deflate out = {.terms = terms}, in = {.terms = other};
    char *text = malloc(100000);

    assert_non_null(text);
    for (size_t i = 0; i < 100000; i++)
        text[i] = (char)(i * i / 7 % 64 + ' ');
    for (size_t len = 1; len <= 100000; len = len * 3 + 1) {
        const int rc = yg_deflate_put(&out, text, len);
        const yodel_bytes bytes = {(const uint8_t *)out.deflated.ptr, out.deflated.len};

        assert_int_equal(rc, terms.bits_out > 8);
        if (rc == 0)
            break;
        assert_int_equal(yg_deflate_take(&in, bytes, len), 0);
        assert_int_equal(in.inflated.len, len);
        assert_memory_equal(in.inflated.ptr, text, len);
        yg_deflate_forget_out(&out);
        yg_deflate_forget_in(&in);
    }
    free(text);
    yg_deflate_done(&out);
    yg_deflate_done(&in);
}

static void test_client_deflate(void **state)
{
    for (int bits = 8; bits <= 15; bits++) {
        there_and_back((struct yg_deflate_terms){false, false, bits, bits});
        there_and_back((struct yg_deflate_terms){true, true, bits, bits});
    }
}

static int take(struct yg_deflate *codec, const char *bytes, size_t len, size_t max)
{
    return yg_deflate_take(codec, (yodel_bytes){(const uint8_t *)bytes, len}, max);
}

static void test_client_deflate_that_is_wrong(void **state)
{
    struct yg_deflate codec = {.terms = {.bits_out = 15, .bits_in = 15}};

    /* Section 7.2.3: "Hello", from the window, not deflated, with a last block, of nothing. */
    assert_int_equal(take(&codec, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 5), 0);
    assert_string_equal(codec.inflated.ptr, "Hello");
    assert_int_equal(take(&codec, "\xf2\x00\x11\x00\x00", 5, 5), 0);
    assert_string_equal(codec.inflated.ptr, "Hello");
    assert_int_equal(take(&codec, "\x00\x05\x00\xfa\xffHello\x00", 11, 5), 0);
    assert_string_equal(codec.inflated.ptr, "Hello");
    assert_int_equal(take(&codec, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, 5), 0);
    assert_string_equal(codec.inflated.ptr, "Hello");
    assert_int_equal(take(&codec, "\xf2\x00\x11\x00\x00", 5, 5), 0);
    assert_string_equal(codec.inflated.ptr, "Hello");
    assert_int_equal(take(&codec, "\xf3\x48\xcd\xc9\xc9\x07\x00", 7, 5), 0);
    assert_string_equal(codec.inflated.ptr, "Hello");
    assert_int_equal(take(&codec, "\xf2\x00\x11\x00\x00", 5, 5), 0);
    assert_string_equal(codec.inflated.ptr, "Hello");
    assert_int_equal(take(&codec, "\x00", 1, 5), 0);
    assert_int_equal(codec.inflated.len, 0);
    assert_int_equal(take(&codec, "\x00\x05\x00\xfa\xffHello\x00", 11, 4), -EMSGSIZE);
    yg_deflate_done(&codec);
    codec = (struct yg_deflate){.terms = {.bits_out = 15, .bits_in = 15}};
    assert_int_equal(take(&codec, "Hello", 5, 5), -EBADMSG);
    yg_deflate_done(&codec);
    codec = (struct yg_deflate){.terms = {.bits_out = 15, .bits_in = 15}};
    assert_int_equal(take(&codec, "\xf2\x48\xcd", 3, 5), -EBADMSG); /* half of it */
    yg_deflate_done(&codec);
}

static void test_client_frames_that_are_deflated(void **state)
{
    static const char bytes[] = "\x41\x01x\x89\x00\x80\x01\xff\x82\x00\xc2\x00\xc9\x00";
    struct yg_frames frames = {.max = 100, .allows_deflated = true};
    yodel_bytes input = {(const uint8_t *)bytes, sizeof(bytes) - 1};
    static const struct {
        enum yg_opcode opcode;
        bool is_deflated;
    } expected[] = {{YG_FRAME_PING, false},
                    {YG_FRAME_TEXT, true},
                    {YG_FRAME_BINARY, false},
                    {YG_FRAME_BINARY, true}};
    struct yg_frame frame;

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(yg_frames_next(&frames, &input, &frame), 1);
        assert_int_equal(frame.opcode, expected[i].opcode);
        assert_int_equal(frame.is_deflated, expected[i].is_deflated);
    }
    assert_int_equal(yg_frames_next(&frames, &input, &frame), -EPROTO);
    yg_frames_done(&frames);
    frames = (struct yg_frames){.max = 100, .allows_deflated = true};
    input = (yodel_bytes){(const uint8_t *)"\x01\x00\xc0\x00", 4};
    assert_int_equal(yg_frames_next(&frames, &input, &frame), -EPROTO);
    yg_frames_done(&frames);
}

/* ---- packets ---- */

static void packet(const char *text, enum yg_packet_kind kind, const char *ns, int64_t id,
                   unsigned attachments, const char *json)
{
    struct yg_packet packet;
    struct yg_text again = {0};

    assert_int_equal(yg_packet_read(yodel_str_of(text), &packet), 0);
    assert_int_equal(packet.kind, kind);
    assert_true(yodel_str_eq(packet.ns, yodel_str_of(ns)));
    assert_int_equal(packet.has_id, id >= 0);
    assert_true(id < 0 || packet.id == (uint64_t)id);
    assert_int_equal(packet.num_attachments, attachments);
    assert_true(yodel_str_eq(packet.json, yodel_str_of(json)));
    yg_packet_put(&again, &packet);
    assert_int_equal(again.ptr[0], '4');
    if (strchr(text, '?') == NULL && strcmp(text, "1/a") != 0)
        assert_string_equal(again.ptr + 1, text);
    yg_text_done(&again);
}

static void test_client_packets(void **state)
{
    struct yg_packet none;

    packet("0", YG_PACKET_CONNECT, "/", -1, 0, "");
    packet("0{\"sid\":\"x\"}", YG_PACKET_CONNECT, "/", -1, 0, "{\"sid\":\"x\"}");
    packet("0/a?b=c,{}", YG_PACKET_CONNECT, "/a", -1, 0, "{}");
    packet("1/a", YG_PACKET_DISCONNECT, "/a", -1, 0, "");
    packet("2[\"e\"]", YG_PACKET_EVENT, "/", -1, 0, "[\"e\"]");
    packet("2/a,12[\"e\"]", YG_PACKET_EVENT, "/a", 12, 0, "[\"e\"]");
    packet("30[]", YG_PACKET_ACK, "/", 0, 0, "[]");
    packet("4{\"message\":\"no\"}", YG_PACKET_CONNECT_ERROR, "/", -1, 0, "{\"message\":\"no\"}");
    packet("52-/a,7[\"e\"]", YG_PACKET_BINARY_EVENT, "/a", 7, 2, "[\"e\"]");
    packet("61-7[]", YG_PACKET_BINARY_ACK, "/", 7, 1, "[]");
    for (size_t i = 0; i < 9; i++) {
        static const char *const wrong[] = {
            "", "7", "x", "5[\"e\"]", "5-[]", "3", "3[]", "59999-[]", "299999999999999999999[]"};

        assert_int_equal(yg_packet_read(yodel_str_of(wrong[i]), &none), -EPROTO);
    }
}

/* ---- payloads of long polling ---- */

static void payload(const char *text, const char *expected)
{
    yodel_str rest = yodel_str_of(text), packet;
    struct yg_text seen = {0};

    while (yg_payload_next(&rest, &packet))
        yg_text_printf(&seen, "%" YODEL_PRI ";", YODEL_ARG(packet));
    assert_string_equal(yg_text_string(&seen), expected);
    yg_text_done(&seen);
}

static void test_client_payloads(void **state)
{
    static const uint8_t bytes[5000] = {1};
    struct yg_text text = {0};

    payload("", ";");
    payload("2", "2;");
    payload("2\x1e"
            "4a\x1e"
            "bAA==",
            "2;4a;bAA==;");
    payload("\x1e"
            "2\x1e",
            ";2;;");
    yg_payload_put(&text, YODEL_STR("4a"));
    yg_payload_put_binary(&text, (yodel_bytes){(const uint8_t *)"\0\1", 2});
    yg_payload_put_binary(&text, (yodel_bytes){NULL, 0});
    assert_string_equal(text.ptr, "4a\x1e"
                                  "bAAE=\x1e"
                                  "b");
    yg_text_reset(&text);
    yg_payload_put_binary(&text, (yodel_bytes){bytes, sizeof(bytes)});
    assert_int_equal(text.len, 1 + (sizeof(bytes) + 2) / 3 * 4);
    assert_memory_equal(text.ptr, "bAQAA", 5);
    yg_text_done(&text);
}

static void test_client_payloads_fit(void **state)
{
    const yodel_str text = YODEL_STR("4a\x1e"
                                     "4bcd\x1e"
                                     "4");

    assert_int_equal(yg_payload_fit(text, 100), 9);
    assert_int_equal(yg_payload_fit(text, 9), 9);
    assert_int_equal(yg_payload_fit(text, 8), 7);
    assert_int_equal(yg_payload_fit(text, 7), 7);
    assert_int_equal(yg_payload_fit(text, 6), 2);
    assert_int_equal(yg_payload_fit(text, 2), 2);
    assert_int_equal(yg_payload_fit(text, 1), 2); /* at least one */
    assert_int_equal(yg_payload_fit(YODEL_STR("4abcd"), 1), 5);
}

static void test_client_cookies(void **state)
{
    static const char *const taken[][2] = {
        {"a=1; Path=/; HttpOnly", "a=1"},
        {"b=2", "a=1; b=2"},
        {"a=3 ;Secure", "b=2; a=3"},
        {"a=", "b=2; a="},
        {"c=x=y", "b=2; a=; c=x=y"},
        {"none", "b=2; a=; c=x=y"},
        {"=x", "b=2; a=; c=x=y"},
        {"d=\r\nX: y", "b=2; a=; c=x=y"},
        {"e=\t", "b=2; a=; c=x=y; e="},
        {"e=\x7f", "b=2; a=; c=x=y; e="},
        {"b=4; Max-Age=5", "a=; c=x=y; e=; b=4"},
    };
    char large[YG_COOKIES_MAX + 10] = "large=";
    struct yg_text cookies = {0};

    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        yg_cookies_take(&cookies, taken[i][0]);
        assert_string_equal(yg_text_string(&cookies), taken[i][1]);
    }
    memset(large + 6, 'x', sizeof(large) - 7);
    yg_cookies_take(&cookies, large);
    assert_string_equal(cookies.ptr, "a=; c=x=y; e=; b=4");
    yg_text_done(&cookies);
    yg_cookies_take(&cookies, "a=1");
    yg_cookies_take(&cookies, "a=2");
    assert_string_equal(cookies.ptr, "a=2");
    yg_text_done(&cookies);
}

static void test_client_cookie_lines(void **state)
{
    struct yg_text cookies = {0}, line = {0};

    assert_int_equal(yg_cookies_put(&line, &cookies), 0);
    assert_int_equal(line.len, 0);
    assert_false(yg_cookies_take_line(&cookies, "Cookies: a=1"));
    assert_true(yg_cookies_take_line(&cookies, "cookie:"));
    assert_int_equal(cookies.len, 0);
    assert_true(yg_cookies_take_line(&cookies, "COOKIE:a=1;; b=2 ;c; d= ;"));
    assert_int_equal(yg_cookies_put(&line, &cookies), 0);
    assert_string_equal(line.ptr, "Cookie: a=1; b=2; d=");
    cookies.failed = true;
    assert_int_equal(yg_cookies_put(&line, &cookies), -ENOMEM);
    yg_text_done(&cookies);
    yg_text_done(&line);
}

/* ---- the handshake ---- */

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static int handshake(const char *answer, int *ret_status)
{
    return yg_handshake_check(yodel_str_of(answer), KEY, ret_status);
}

static void test_client_handshake(void **state)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "sec-websocket-accept:  " ACCEPT " \r\n\r\n\x81";
    char *large = calloc(1, YG_HANDSHAKE_MAX + 2);
    int status = 0;

    for (size_t len = 0; len < sizeof(answer) - 2; len++)
        assert_int_equal(yg_handshake_check((yodel_str){answer, len}, KEY, &status), 0);
    assert_int_equal(handshake(answer, &status), sizeof(answer) - 2);
    assert_int_equal(status, 101);
    assert_int_equal(handshake("HTTP/1.1 403 Forbidden\r\n\r\nno", &status), -ECONNREFUSED);
    assert_int_equal(status, 403);
    assert_int_equal(handshake("HTTP/1.1 101 Yes\r\n\r\n", &status), -EPROTO);
    assert_int_equal(handshake("HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: x\r\n\r\n", &status),
                     -EPROTO);
    assert_int_equal(handshake("SSH-2.0-OpenSSH\r\n\r\n", &status), -EPROTO);
    assert_int_equal(handshake("HTTP/1.1 1x1 Yes\r\n\r\n", &status), -EPROTO);
    memset(large, 'x', YG_HANDSHAKE_MAX + 1);
    assert_int_equal(handshake(large, &status), -EMSGSIZE);
    free(large);
}

/* ---- server-sent events ---- */

static void sse(const char *stream, const char *expected)
{
    for (size_t step = 1; step <= strlen(stream); step++) {
        struct yg_sse reader = {.max = 100};
        struct yg_text seen = {0};
        int rc = 0;

        for (size_t at = 0; at < strlen(stream) && rc == 0; at += step) {
            yodel_str input = {stream + at, strnlen(stream + at, step)};
            struct yg_sse_event event;

            while ((rc = yg_sse_next(&reader, &input, &event)) == 1)
                yg_text_printf(&seen, "%" YODEL_PRI "|%" YODEL_PRI "|%" YODEL_PRI ";",
                               YODEL_ARG(event.name), YODEL_ARG(event.data), YODEL_ARG(event.id));
        }
        if (expected != NULL) {
            assert_int_equal(rc, 0);
            assert_string_equal(yg_text_string(&seen), expected);
        } else {
            assert_int_equal(rc, -EMSGSIZE);
        }
        yg_sse_done(&reader);
        yg_text_done(&seen);
    }
}

static void test_client_sse(void **state)
{
    char line[128] = "data: ";

    sse("data: a\n\n", "|a|;");
    sse("\xef\xbb\xbf"
        "data: a\r\n\r\n",
        "|a|;");
    sse("event: e\rdata:a\rdata: b\r\r", "e|a\nb|;");
    sse(": comment\n\nid: 7\nevent: none\n\ndata\n\ndata: x\nretry: 3\n\n", "||7;|x|7;");
    sse("data: half\n", "");
    sse("data: a\r\n\ndata: b\r\n\r\n", "|a|;|b|;");
    memset(line + 6, 'x', 110);
    sse(line, NULL);
    sse("data: 012345678901234567890123456789012345678901234567890123456789\n"
        "data: 012345678901234567890123456789012345678901234567890123456789\n\n",
        NULL);
}

/* ---- addresses ---- */

static void address(const char *url, enum yg_protocol protocol, bool is_tls, const char *host,
                    const char *port, const char *authority, const char *target)
{
    struct yg_address address;
    const char *problem;

    assert_int_equal(yg_address_read(url, &problem, &address), 0);
    assert_int_equal(address.protocol, protocol);
    assert_int_equal(address.is_tls, is_tls);
    assert_string_equal(address.host, host);
    assert_string_equal(address.port, port);
    assert_string_equal(address.authority, authority);
    if (protocol == YG_PROTOCOL_SOCKETIO)
        assert_int_equal(yg_address_for_socketio(&address), 0);
    assert_string_equal(address.target, target);
    yg_address_done(&address);
}

static void test_client_addresses(void **state)
{
    static const char *const wrong[] = {"", "ftp://a/", "http://", "http://u:p@a/", "ws://a:x/"};
    struct yg_address none;
    const char *problem;

    address("http://a", YG_PROTOCOL_SOCKETIO, false, "a", "80", "a",
            "/socket.io/?EIO=4&transport=websocket");
    address("https://a:8443/x/?y=1", YG_PROTOCOL_SOCKETIO, true, "a", "8443", "a:8443",
            "/x/?y=1&EIO=4&transport=websocket");
    address("ws://[::1]:8000/ws", YG_PROTOCOL_WEBSOCKET, false, "::1", "8000", "[::1]:8000", "/ws");
    address("wss://a/p?q", YG_PROTOCOL_WEBSOCKET, true, "a", "443", "a", "/p?q");
    address("ws://a/socket.io/", YG_PROTOCOL_SOCKETIO, false, "a", "80", "a",
            "/socket.io/?EIO=4&transport=websocket");
    address("http://a/b/events?rooms=x", YG_PROTOCOL_SSE, false, "a", "80", "a",
            "/b/events?rooms=x");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(yg_address_read(wrong[i], &problem, &none), -EINVAL);
}

/* ---- quantiles ---- */

static void test_client_quantiles(void **state)
{
    struct yg_quantiles *all = calloc(1, sizeof(*all));

    assert_int_equal(yg_quantiles_at(all, 0.5), 0);
    for (uint64_t us = 1; us <= 100000; us++)
        yg_quantiles_add(all, us);
    for (int i = 1; i <= 1000; i++) {
        const uint64_t exact = (uint64_t)i * 100, seen = yg_quantiles_at(all, i / 1000.0);

        assert_in_range(seen, exact, exact + exact / 64 + 1);
    }
    assert_int_equal(yg_quantiles_at(all, 1), 100000);
    assert_int_equal(all->num, 100000);
    assert_int_equal(all->max_us, 100000);
    assert_int_equal(all->min_us, 1);
    yg_quantiles_add(all, UINT64_MAX / 2);
    assert_int_equal(yg_quantiles_at(all, 0.5), yg_quantiles_at(all, 0.5));
    assert_true(yg_quantiles_at(all, 1) >= UINT64_C(1) << 35);
    free(all);
}

/* One bucket holds few values, so the smallest are told exactly. */
static void test_client_quantiles_of_few(void **state)
{
    struct yg_quantiles *few = calloc(1, sizeof(*few));

    yg_quantiles_add(few, 0);
    yg_quantiles_add(few, 5);
    yg_quantiles_add(few, 63);
    assert_int_equal(yg_quantiles_at(few, 0), 0);
    assert_int_equal(yg_quantiles_at(few, 0.5), 5);
    assert_int_equal(yg_quantiles_at(few, 0.99), 63);
    yg_quantiles_add(few, 64);
    yg_quantiles_add(few, 128);
    assert_int_equal(yg_quantiles_at(few, 0.7), 64);
    assert_int_equal(yg_quantiles_at(few, 0.99), 128);
    free(few);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_frames),
        cmocka_unit_test(test_client_frames_that_are_wrong),
        cmocka_unit_test(test_client_frames_are_bounded),
        cmocka_unit_test(test_client_frames_out_of_memory),
        cmocka_unit_test(test_client_frames_are_put),
        cmocka_unit_test(test_client_deflate_terms),
        cmocka_unit_test(test_client_deflate),
        cmocka_unit_test(test_client_deflate_that_is_wrong),
        cmocka_unit_test(test_client_frames_that_are_deflated),
        cmocka_unit_test(test_client_packets),
        cmocka_unit_test(test_client_payloads),
        cmocka_unit_test(test_client_payloads_fit),
        cmocka_unit_test(test_client_cookies),
        cmocka_unit_test(test_client_cookie_lines),
        cmocka_unit_test(test_client_handshake),
        cmocka_unit_test(test_client_sse),
        cmocka_unit_test(test_client_addresses),
        cmocka_unit_test(test_client_quantiles),
        cmocka_unit_test(test_client_quantiles_of_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
