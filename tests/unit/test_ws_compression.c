/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failmem.h"
#include "fixture.h"
#include "proto/deflate.h"
#include "ws_sim.h"

/* permessage-deflate: what the options of a route come to, what contexts may take, and messages
 * that are compressed once for many. */

#define OFFER "permessage-deflate; client_max_window_bits"

static struct failmem fm;
static struct ws_sim sim;
static yodel_ws *opened[4];
static size_t num_opened;

static int on_open(yodel_ws *ws, void *user)
{
    if (num_opened < 4)
        opened[num_opened++] = ws;
    return 0;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    return yodel_ws_send(ws, message->type, message->data);
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    num_opened = 0;
    return ws_sim_start(&sim, &fm.mem);
}

static int teardown(void **state)
{
    ws_sim_stop(&sim);
    failmem_assert_empty(&fm);
    return 0;
}

static int route(const char *path, const yodel_ws_options *options)
{
    return yd_ws_route(&sim.service, &sim.hs.http, path,
                       YODEL_OPTIONS(yodel_ws_handlers, .on_open = on_open,
                                     .on_message = on_message, .options = options),
                       NULL);
}

/* Connects with an offer; the answer's extension, "" for none. */
static struct sim_peer *connect_with(const char *path, const char *offer, char ret_answer[200])
{
    static const char name[] = "\r\nSec-WebSocket-Extensions: ";
    struct sim_peer *peer;
    char header[200];
    const char *head, *at, *end;

    snprintf(header, sizeof header, "Sec-WebSocket-Extensions: %s\r\n", offer);
    peer = ws_sim_connect(&sim, path, header);
    http_sim_assert_status(peer, 101);
    head = sim_received(peer);
    ret_answer[0] = '\0';
    if ((at = strstr(head, name)) != NULL)
        sscanf(at + sizeof name - 1, "%199[^\r]", ret_answer);
    end = strstr(head, "\r\n\r\n");
    yd_buf_consume(&peer->output, (size_t)(end + 4 - head));
    return peer;
}

static void expect_answer(const char *path, const char *offer, const char *expected)
{
    char answer[200];

    connect_with(path, offer, answer);
    assert_string_equal(answer, expected);
}

static uint64_t limited(void)
{
    return atomic_load(&sim.hs.loop->counters.deflate_limited);
}

static uint64_t promised(void)
{
    return atomic_load(&sim.hs.loop->counters.deflate_memory);
}

/* ---- options ---- */

static void test_ws_compression_options_are_checked(void **state)
{
    static const yodel_ws_options bad[] = {
        {.size = sizeof bad[0], .deflate = (yodel_ws_deflate)5},
        {.size = sizeof bad[0], .deflate_level = 10},
        {.size = sizeof bad[0], .deflate_bits = 8},
        {.size = sizeof bad[0], .deflate_bits = 16},
        {.size = sizeof bad[0], .deflate_client_bits = 1},
        {.size = sizeof bad[0], .deflate_client_bits = 16},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(route("/a", &bad[i]), -EINVAL);
    assert_int_equal(route("/a", YODEL_OPTIONS(yodel_ws_options, .deflate_level = 9,
                                               .deflate_bits = 9, .deflate_client_bits = 15)),
                     0);
}

static void test_ws_compression_answers_as_the_options_say(void **state)
{
    static const struct {
        yodel_ws_deflate deflate;
        unsigned bits, client_bits;
        const char *offer, *answer;
    } cases[] = {
        {YODEL_WS_DEFLATE_OFF, 0, 0, OFFER, ""},
        {YODEL_WS_DEFLATE_SHARED, 0, 0, OFFER,
         "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
         "client_max_window_bits=15"},
        {YODEL_WS_DEFLATE_CONTEXT, 0, 0, "permessage-deflate", "permessage-deflate"},
        {YODEL_WS_DEFLATE_CONTEXT_OUT, 0, 0, "permessage-deflate",
         "permessage-deflate; client_no_context_takeover"},
        {YODEL_WS_DEFLATE_CONTEXT_IN, 0, 0, "permessage-deflate",
         "permessage-deflate; server_no_context_takeover"},
        {YODEL_WS_DEFLATE_CONTEXT, 12, 11, OFFER,
         "permessage-deflate; server_max_window_bits=12; client_max_window_bits=11"},
        /* not offered: may not be asked for */
        {YODEL_WS_DEFLATE_CONTEXT, 0, 11, "permessage-deflate", "permessage-deflate"},
        /* the client wants less */
        {YODEL_WS_DEFLATE_CONTEXT, 12, 0, "permessage-deflate; server_max_window_bits=10",
         "permessage-deflate; server_max_window_bits=10"},
        {YODEL_WS_DEFLATE_CONTEXT, 10, 0, "permessage-deflate; server_max_window_bits=12",
         "permessage-deflate; server_max_window_bits=10"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[16];

        snprintf(path, sizeof path, "/%zu", i);
        assert_int_equal(route(path, YODEL_OPTIONS(yodel_ws_options, .deflate = cases[i].deflate,
                                                   .deflate_bits = cases[i].bits,
                                                   .deflate_client_bits = cases[i].client_bits)),
                         0);
        expect_answer(path, cases[i].offer, cases[i].answer);
    }
}

/* ---- what contexts may take ---- */

static void test_ws_compression_contexts_take_what_is_said(void **state)
{
    for (int bits = 9; bits <= 15; bits++) {
        size_t before = atomic_load(&fm.bytes), size = yd_deflater_size(bits, bits - 7), taken;
        struct yd_deflater *deflater = yd_deflater_new(&fm.mem, bits, 6, bits - 7);
        struct yd_inflater *inflater;
        struct yd_buf out = {0}, back = {0};

        assert_int_equal(yd_deflate_message(deflater, (const uint8_t *)"hello", 5, true, &out), 0);
        taken = atomic_load(&fm.bytes) - before - out.cap;
        assert_in_range(taken, size - size / 3, size);
        yd_deflater_free(deflater);
        before = atomic_load(&fm.bytes);
        inflater = yd_inflater_new(&fm.mem, bits);
        assert_int_equal(yd_inflate_message(inflater, out.ptr, out.len, true, 100, &back), 0);
        taken = atomic_load(&fm.bytes) - before - back.cap;
        assert_in_range(taken, (size_t)1 << bits, yd_inflater_size(bits));
        yd_inflater_free(inflater);
        yd_buf_free(&fm.mem, &out);
        yd_buf_free(&fm.mem, &back);
    }
}

/* Room for one connection's contexts, and for the smaller of another's. */
static void test_ws_compression_contexts_are_bounded(void **state)
{
    size_t out = yd_deflater_size(13, 6), in = yd_inflater_size(15);
    struct sim_peer *first;
    char answer[200];

    sim.service.defaults.max_deflate_memory = out + 2 * in;
    assert_int_equal(route("/ws", YODEL_OPTIONS(yodel_ws_options, .deflate_bits = 13,
                                                .deflate = YODEL_WS_DEFLATE_CONTEXT)),
                     0);
    first = connect_with("/ws", "permessage-deflate", answer);
    assert_string_equal(answer, "permessage-deflate; server_max_window_bits=13");
    assert_int_equal(promised(), out + in);
    assert_int_equal(limited(), 0);
    expect_answer("/ws", "permessage-deflate",
                  "permessage-deflate; server_no_context_takeover; server_max_window_bits=13");
    assert_int_equal(promised(), out + 2 * in);
    assert_int_equal(limited(), 1);
    expect_answer("/ws", "permessage-deflate",
                  "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                  "server_max_window_bits=13");
    assert_int_equal(limited(), 2);
    /* who wants no context, or no compression, is not refused one */
    expect_answer("/ws",
                  "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
                  "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                  "server_max_window_bits=13");
    expect_answer("/ws", "x-other", "");
    assert_int_equal(limited(), 2);
    sim_end(first);
    sim_run(sim.hs.loop);
    sim_advance(sim.hs.loop, 10000);
    assert_int_equal(promised(), 0); /* all have gone by now, for want of pongs */
    expect_answer("/ws", "permessage-deflate", "permessage-deflate; server_max_window_bits=13");
}

/* ---- once for many ---- */

static void fill(uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] = (uint8_t)("abcdefgh"[i * i % 7] + i % 3);
}

static struct yd_msg *message_of(const uint8_t *text, size_t len)
{
    return yd_ws_make_msg(&fm.mem, YODEL_WS_TEXT, (yodel_bytes){text, len});
}

static void send_to_all(struct yd_msg *msg)
{
    for (size_t i = 0; i < num_opened; i++)
        assert_int_equal(yd_ws_send_msg(opened[i], msg), 0);
}

static void expect_text(struct sim_peer *peer, const uint8_t *text, size_t len)
{
    struct yd_inflater *inflater = yd_inflater_new(&fm.mem, 15);
    struct ws_sim_frame frame;
    struct yd_buf back = {0};

    assert_true(ws_sim_next(peer, &frame));
    assert_int_equal(frame.first_byte, 0xc1);
    assert_true(frame.len < len);
    assert_int_equal(yd_inflate_message(inflater, frame.data, frame.len, false, len, &back), 0);
    assert_int_equal(back.len, len);
    assert_memory_equal(back.ptr, text, len);
    yd_buf_free(&fm.mem, &back);
    yd_inflater_free(inflater);
}

/* Two of one setting, one with a smaller window, one of another level. */
static void test_ws_compression_is_done_once_a_setting(void **state)
{
    struct sim_peer *peers[4];
    struct yd_msg *msg, *twin;
    uint8_t text[600];
    char answer[200];

    assert_int_equal(route("/1", YODEL_OPTIONS(yodel_ws_options, .deflate = 1)), 0);
    assert_int_equal(route("/9", YODEL_OPTIONS(yodel_ws_options, .deflate = 1, .deflate_level = 9)),
                     0);
    peers[0] = connect_with("/1", "permessage-deflate", answer);
    peers[1] = connect_with("/1", "permessage-deflate", answer);
    peers[2] = connect_with("/1", "permessage-deflate; server_max_window_bits=9", answer);
    peers[3] = connect_with("/9", "permessage-deflate", answer);
    fill(text, sizeof text);
    msg = message_of(text, sizeof text);
    send_to_all(msg); /* makes the compressors, too */
    yd_msg_unref(msg);
    sim_run(sim.hs.loop);
    for (int i = 0; i < 4; i++)
        expect_text(peers[i], text, sizeof text);
    text[0] = '!';
    msg = message_of(text, sizeof text);
    assert_int_equal(yd_ws_send_msg(opened[0], msg), 0);
    twin = yd_msg_twin(msg, yd_ws_deflate_setting(opened[0]));
    assert_non_null(twin);
    assert_null(twin->next);
    assert_int_equal(yd_ws_send_msg(opened[1], msg), 0);
    assert_ptr_equal(atomic_load(&msg->twins), twin); /* it is the only one still */
    assert_int_equal(yd_ws_send_msg(opened[2], msg), 0);
    assert_int_equal(yd_ws_send_msg(opened[3], msg), 0);
    assert_ptr_equal(twin->next, NULL);
    assert_ptr_equal(atomic_load(&msg->twins)->next->next, twin);
    yd_msg_unref(msg);
    sim_run(sim.hs.loop);
    for (int i = 0; i < 4; i++)
        expect_text(peers[i], text, sizeof text);
}

/* Sent as it is to everyone, and tried once only. */
static void test_ws_compression_leaves_what_gets_no_shorter(void **state)
{
    struct sim_peer *peers[2];
    struct yd_msg *msg;
    char text[301] = "", answer[200];
    uint32_t seed = 1;

    assert_int_equal(route("/ws", YODEL_OPTIONS(yodel_ws_options, .deflate = 1)), 0);
    for (int i = 0; i < 2; i++)
        peers[i] = connect_with("/ws", "permessage-deflate", answer);
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = (char)(1 + ((seed = seed * 1103515245 + 12345) >> 16) % 255);
    msg =
        yd_ws_make_msg(&fm.mem, YODEL_WS_BINARY, (yodel_bytes){(const uint8_t *)text, sizeof text});
    send_to_all(msg);
    assert_int_equal(yd_msg_twin(msg, yd_ws_deflate_setting(opened[0]))->len, 0);
    yd_msg_unref(msg);
    sim_run(sim.hs.loop);
    for (int i = 0; i < 2; i++)
        ws_sim_expect(peers[i], 0x82, text, sizeof text);
}

/* A group's message with every allocation failing in turn: all of it, or nothing. */
static void test_ws_compression_without_memory(void **state)
{
    bool failed = true;
    char answer[200];
    uint8_t text[600];

    fill(text, sizeof text);
    for (size_t n = 1; failed; n++) {
        struct sim_peer *peer;
        struct yd_msg *msg;
        int rc;

        assert_int_equal(setup(NULL), 0);
        assert_int_equal(route("/ws", YODEL_OPTIONS(yodel_ws_options, .deflate = 1)), 0);
        peer = connect_with("/ws", "permessage-deflate", answer);
        msg = message_of(text, sizeof text);
        fm.fail_at = fm.calls + n;
        rc = yd_ws_send_msg(opened[0], msg);
        failed = failmem_has_failed(&fm);
        failmem_pause(&fm);
        assert_int_equal(rc, failed ? -ENOMEM : 0);
        sim_run(sim.hs.loop);
        if (!failed)
            expect_text(peer, text, sizeof text);
        assert_int_equal(yd_ws_send_msg(opened[0], msg), 0);
        sim_run(sim.hs.loop);
        expect_text(peer, text, sizeof text);
        yd_msg_unref(msg);
        teardown(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_ws_compression_options_are_checked),
        FIXTURE_TEST(test_ws_compression_answers_as_the_options_say),
        FIXTURE_TEST(test_ws_compression_contexts_take_what_is_said),
        FIXTURE_TEST(test_ws_compression_contexts_are_bounded),
        FIXTURE_TEST(test_ws_compression_is_done_once_a_setting),
        FIXTURE_TEST(test_ws_compression_leaves_what_gets_no_shorter),
        cmocka_unit_test(test_ws_compression_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
