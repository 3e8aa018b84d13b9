/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/http_stream.h>

#include <cmocka.h>

#include "failmem.h"
#include "fixture.h"
#include "ws_sim.h"

/* What the handlers of a test saw and do. */
struct seen {
    yodel_ws *ws; /* the last one that connected */
    int connects, opens, messages, sent, drains, closes;
    yodel_ws_closing closing;
    char reason[128];
    char text[1024];
    int connect_result; /* what on_connect returns */
    int message_result;
    const char *echo_prefix; /* NULL: no answer */
    bool close_on_message;
};

static struct failmem fm;
static struct ws_sim sim;
static struct seen seen;

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    seen.connects++;
    seen.ws = ws;
    return seen.connect_result;
}

static int on_open(yodel_ws *ws, void *user)
{
    seen.opens++;
    return 0;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    char answer[2048];

    assert_int_equal(message->size, sizeof *message);
    seen.messages++;
    snprintf(seen.text, sizeof seen.text, "%.*s", (int)message->data.len,
             (const char *)message->data.ptr);
    if (seen.close_on_message)
        yodel_ws_close(ws, 4001, "enough");
    if (seen.echo_prefix != NULL) {
        snprintf(answer, sizeof answer, "%s%s", seen.echo_prefix, seen.text);
        seen.sent += yodel_ws_send_text(ws, yodel_str_of(answer)) == 0;
    }
    return seen.message_result;
}

static void on_drain(yodel_ws *ws, void *user)
{
    seen.drains++;
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    seen.closes++;
    seen.closing = *closing;
    snprintf(seen.reason, sizeof seen.reason, "%.*s", (int)closing->reason.len,
             closing->reason.len > 0 ? closing->reason.ptr : "");
}

static int start_with(const struct yodel_allocator *mem, const yodel_ws_options *options)
{
    int rc;

    memset(&seen, 0, sizeof seen);
    seen.echo_prefix = "";
    if ((rc = ws_sim_start(&sim, mem)) < 0)
        return rc;
    rc = yd_ws_route(&sim.service, &sim.hs.http, "/ws",
                     YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect, .on_open = on_open,
                                   .on_message = on_message, .on_drain = on_drain,
                                   .on_close = on_close, .options = options),
                     &seen);
    if (rc < 0)
        ws_sim_stop(&sim);
    return rc;
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    return start_with(&fm.mem, NULL);
}

static int teardown(void **state)
{
    ws_sim_stop(&sim);
    failmem_assert_empty(&fm);
    return 0;
}

static void run(void)
{
    sim_run(sim.hs.loop);
}

/* ---- messages ---- */

static void test_ws_conn_echoes(void **state)
{
    struct sim_peer *peer;

    seen.echo_prefix = "Echo: ";
    peer = ws_sim_open(&sim, "/ws");
    ws_sim_text(peer, "hello");
    ws_sim_text(peer, "");
    run();
    ws_sim_expect_text(peer, "Echo: hello");
    ws_sim_expect_text(peer, "Echo: ");
    ws_sim_frame(peer, 0x01, "ab", 2); /* a ping between two fragments */
    ws_sim_frame(peer, 0x89, "pp", 2);
    ws_sim_frame(peer, 0x80, "cd", 2);
    run();
    ws_sim_expect(peer, 0x8a, "pp", 2);
    ws_sim_expect_text(peer, "Echo: abcd");
    assert_int_equal(seen.opens, 1);
    assert_int_equal(seen.messages, 3);
}

static void test_ws_conn_reads_byte_by_byte(void **state)
{
    struct sim_peer *peer;
    char large[900];

    memset(large, 'x', sizeof large);
    peer = ws_sim_open(&sim, "/ws");
    peer->chop = 1;
    ws_sim_text(peer, "hello");
    ws_sim_frame(peer, 0x01, "a", 1);
    ws_sim_frame(peer, 0x89, "pppp", 4);
    ws_sim_frame(peer, 0x80, "\xd0\xbf", 2);
    ws_sim_frame(peer, 0x81, large, sizeof large);
    ws_sim_close(peer, 4000, "bye");
    run();
    ws_sim_expect_text(peer, "hello");
    ws_sim_expect(peer, 0x8a, "pppp", 4);
    ws_sim_expect_text(peer, "a\xd0\xbf");
    ws_sim_expect(peer, 0x81, large, sizeof large);
    ws_sim_expect_close(peer, 4000);
}

static void test_ws_conn_answers_good_messages_before_a_bad_frame(void **state)
{
    struct sim_peer *peer;

    peer = ws_sim_open(&sim, "/ws");
    ws_sim_text(peer, "good");
    ws_sim_frame(peer, 0xb1, "bad", 3);
    ws_sim_text(peer, "lost");
    run();
    ws_sim_expect_text(peer, "good");
    ws_sim_expect_close(peer, 1002);
    ws_sim_expect_nothing(peer);
    assert_true(sim_is_shut(peer));
    sim_end(peer);
    run();
    assert_true(sim_is_closed(peer));
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.closing.code, 1002);
    assert_int_equal(seen.closing.by, YODEL_WS_BY_ERROR);
}

struct bad {
    uint8_t first_byte;
    const char *data;
    size_t len;
    uint16_t code;
};

static void test_ws_conn_closes_with_the_right_code(void **state)
{
    static const char large[1001];
    static const struct bad cases[] = {
        {0x83, "", 0, 1002},           {0x80, "", 0, 1002},         {0xc1, "a", 1, 1002},
        {0x09, "a", 1, 1002},          {0x81, "\xff", 1, 1007},     {0x81, "\xed\xa0\x80", 3, 1007},
        {0x81, "\xc3", 1, 1007},       {0x01, "\xf4\x90", 2, 1007}, {0x82, large, 1001, 1009},
        {0x88, "\x03", 1, 1002},       {0x88, "\x03\xec", 2, 1002}, {0x88, "\x03\xe8\xff", 3, 1007},
        {0x88, "\x03\xe8ok", 4, 1000}, {0x88, "\x0f\xa1", 2, 4001},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sim_peer *peer;

        assert_int_equal(setup(NULL), 0);
        peer = ws_sim_open(&sim, "/ws");
        ws_sim_frame(peer, cases[i].first_byte, cases[i].data, cases[i].len);
        run();
        ws_sim_expect_close(peer, cases[i].code);
        assert_int_equal(atomic_load(&sim.hs.loop->counters.messages_too_big),
                         cases[i].code == 1009 ? 1 : 0);
        assert_int_equal(seen.messages, 0);
        sim_advance(sim.hs.loop, 200);
        assert_int_equal(seen.closes, 1);
        assert_int_equal(seen.closing.code, cases[i].code);
        teardown(NULL);
    }
}

static void test_ws_conn_fails_with_its_handler(void **state)
{
    struct sim_peer *peer;

    seen.message_result = -EIO;
    peer = ws_sim_open(&sim, "/ws");
    ws_sim_text(peer, "a");
    ws_sim_text(peer, "b");
    run();
    ws_sim_expect_text(peer, "a");
    ws_sim_expect_close(peer, 1011);
    assert_int_equal(seen.messages, 1);
    assert_non_null(strstr(sim.hs.log, "on_message failed"));
}

/* ---- deciding ---- */

static void test_ws_conn_rejects(void **state)
{
    static const int results[][2] = {{302, 302}, {401, 401}, {404, 404}, {599, 599}, {-EIO, 500},
                                     {101, 500}, {200, 500}, {299, 500}, {600, 500}};

    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        struct sim_peer *peer;

        assert_int_equal(setup(NULL), 0);
        seen.connect_result = results[i][0];
        peer = ws_sim_connect(&sim, "/ws", "");
        http_sim_assert_status(peer, results[i][1]);
        assert_true(sim_is_shut(peer));
        assert_int_equal(seen.connects, 1);
        assert_int_equal(seen.opens + seen.closes, 0);
        teardown(NULL);
    }
}

static void test_ws_conn_is_accepted_later(void **state)
{
    struct sim_peer *peer;

    seen.connect_result = YODEL_DEFER;
    peer = ws_sim_connect(&sim, "/ws", "Sec-WebSocket-Protocol: a, b\r\n");
    ws_sim_text(peer, "early"); /* kept until it is decided */
    sim_advance(sim.hs.loop, 300);
    ws_sim_expect_nothing(peer);
    assert_int_equal(yodel_ws_send_text(seen.ws, YODEL_STR("x")), YODEL_ERR_STATE);
    assert_int_equal(
        yodel_ws_accept(seen.ws, YODEL_OPTIONS(yodel_ws_accept_options, .subprotocol = "c")),
        -EINVAL);
    assert_int_equal(
        yodel_ws_accept(seen.ws, YODEL_OPTIONS(yodel_ws_accept_options, .subprotocol = "b")), 0);
    assert_int_equal(yodel_ws_accept(seen.ws, NULL), YODEL_ERR_STATE);
    run();
    http_sim_assert_status(peer, 101);
    assert_string_equal(http_sim_header(peer, "Sec-WebSocket-Protocol"), "b");
    assert_string_equal(http_sim_header(peer, "Sec-WebSocket-Accept"),
                        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_int_equal(seen.opens, 1);
    assert_string_equal(seen.text, "early");
}

static void test_ws_conn_is_rejected_later(void **state)
{
    struct sim_peer *peer;

    seen.connect_result = YODEL_DEFER;
    peer = ws_sim_connect(&sim, "/ws", "");
    assert_int_equal(yodel_ws_reject(seen.ws, YODEL_OPTIONS(yodel_response, .status = 402)), 0);
    assert_int_equal(seen.closes, 0); /* not inside the call */
    assert_int_equal(yodel_ws_accept(seen.ws, NULL), YODEL_ERR_STATE);
    run();
    http_sim_assert_status(peer, 402);
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.opens, 0);
    assert_int_equal(seen.closing.by, YODEL_WS_BY_SERVER);
}

static void reject_in_parts(int status, int rc, yodel_stream **ret_stream)
{
    seen.connect_result = YODEL_DEFER;
    assert_int_equal(yodel_ws_reject_stream(seen.ws,
                                            YODEL_OPTIONS(yodel_stream_options, .status = status),
                                            ret_stream),
                     rc);
}

/* The WebSocket is over at once, the answer when it is whole; the connection closes then. */
static void test_ws_conn_is_rejected_in_parts(void **state)
{
    yodel_stream *stream = NULL;
    struct sim_peer *peer;

    seen.connect_result = YODEL_DEFER;
    peer = ws_sim_connect(&sim, "/ws", "");
    reject_in_parts(200, -EINVAL, &stream);
    reject_in_parts(0, 0, &stream);
    assert_int_equal(seen.closes, 0); /* not inside the call */
    assert_int_equal(yodel_ws_accept(seen.ws, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_ws_reject_stream(seen.ws, NULL, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_stream_write_text(stream, YODEL_STR("one ")), 0);
    run();
    assert_int_equal(seen.closes, 1);
    assert_false(sim_is_shut(peer));
    assert_int_equal(yodel_stream_write_text(stream, YODEL_STR("two")), 0);
    assert_int_equal(yodel_stream_end(stream), 0);
    run();
    http_sim_assert_status(peer, 403);
    assert_non_null(strstr(http_sim_body(peer), "one "));
    assert_non_null(strstr(http_sim_body(peer), "two"));
    assert_true(sim_is_shut(peer));
}

static void on_stream_close(yodel_stream *stream, yodel_stream_reason reason, void *user)
{
    assert_int_equal(reason, YODEL_STREAM_GONE);
    ++*(int *)user;
}

/* The client leaves in the middle: the stream hears of it, and the WebSocket is not asked again. */
static void test_ws_conn_rejected_in_parts_is_left(void **state)
{
    struct sim_peer *peer;
    int ends = 0;

    seen.connect_result = YODEL_DEFER;
    peer = ws_sim_connect(&sim, "/ws", "");
    assert_int_equal(
        yodel_ws_reject_stream(seen.ws,
                               YODEL_OPTIONS(yodel_stream_options, .status = 401,
                                             .on_close = on_stream_close, .user = &ends),
                               NULL),
        0);
    run();
    assert_int_equal(seen.closes, 1);
    assert_int_equal(ends, 0);
    sim_break(peer, -ECONNRESET);
    run();
    assert_int_equal(ends, 1);
    assert_int_equal(seen.closes, 1);
}

/* Where to go, or how to come in, stands in headers; what would accept is no rejection. */
static void test_ws_conn_is_rejected_with_any_final_status(void **state)
{
    static const yodel_header location = {"Location", "wss://b.example/ws"},
                              challenge = {"WWW-Authenticate", "Bearer"};
    static const struct {
        int status, rc;
        const yodel_header *header;
    } cases[] = {{302, 0, &location},  {304, 0, NULL},       {401, 0, &challenge},
                 {426, 0, NULL},       {0, 0, NULL},         {100, -EINVAL, NULL},
                 {101, -EINVAL, NULL}, {200, -EINVAL, NULL}, {204, -EINVAL, NULL},
                 {299, -EINVAL, NULL}, {600, -EINVAL, NULL}, {-1, -EINVAL, NULL}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sim_peer *peer;

        assert_int_equal(setup(NULL), 0);
        seen.connect_result = YODEL_DEFER;
        peer = ws_sim_connect(&sim, "/ws", "");
        assert_int_equal(
            yodel_ws_reject(seen.ws, YODEL_OPTIONS(yodel_response, .status = cases[i].status,
                                                   .headers = cases[i].header,
                                                   .num_headers = cases[i].header != NULL)),
            cases[i].rc);
        run();
        if (cases[i].rc < 0) {
            ws_sim_expect_nothing(peer);
            assert_int_equal(yodel_ws_accept(seen.ws, NULL), 0); /* as undecided as before */
            run();
            http_sim_assert_status(peer, 101);
        } else {
            http_sim_assert_status(peer, cases[i].status != 0 ? cases[i].status : 403);
            if (cases[i].header != NULL)
                assert_string_equal(http_sim_header(peer, cases[i].header->name),
                                    cases[i].header->value);
            assert_int_equal(strlen(http_sim_body(peer)) == 0, cases[i].status == 304);
            assert_true(sim_is_shut(peer));
            assert_int_equal(seen.closes, 1);
        }
        teardown(NULL);
    }
}

static void test_ws_conn_must_be_decided_in_time(void **state)
{
    struct sim_peer *peer;

    seen.connect_result = YODEL_DEFER;
    peer = ws_sim_connect(&sim, "/ws", "");
    sim_advance(sim.hs.loop, 399);
    ws_sim_expect_nothing(peer);
    sim_advance(sim.hs.loop, 2);
    http_sim_assert_status(peer, 503);
    assert_int_equal(seen.closes, 1);
}

static void test_ws_conn_may_leave_before_it_is_decided(void **state)
{
    struct sim_peer *peer;

    seen.connect_result = YODEL_DEFER;
    peer = ws_sim_connect(&sim, "/ws", "");
    assert_int_equal(yodel_group_add(sim.channels, "g", seen.ws), 0);
    sim_break(peer, -ECONNRESET);
    run();
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.closing.code, 1006);
    assert_int_equal(yodel_group_count(sim.channels, "g"), 0);
}

static void test_ws_conn_checks_the_handshake(void **state)
{
    static const char *const origins[] = {"https://app.example", NULL};
    static const char *const subprotocols[] = {"v2", "v1", NULL};
    struct sim_peer *peer;

    failmem_init(&fm, 0);
    assert_int_equal(start_with(&fm.mem, YODEL_OPTIONS(yodel_ws_options, .origins = origins,
                                                       .subprotocols = subprotocols)),
                     0);
    http_sim_assert_status(ws_sim_connect(&sim, "/ws", ""), 403);
    http_sim_assert_status(ws_sim_connect(&sim, "/ws", "Origin: https://evil.example\r\n"), 403);
    peer = ws_sim_connect(&sim, "/ws",
                          "Origin: https://app.example\r\nSec-WebSocket-Protocol: v1, v2\r\n");
    http_sim_assert_status(peer, 101);
    assert_string_equal(http_sim_header(peer, "Sec-WebSocket-Protocol"), "v2");
    http_sim_assert_status(ws_sim_connect(&sim, "/none", ""), 404);
    peer = http_sim_ask(&sim.hs, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n");
    http_sim_assert_status(peer, 426);
    assert_string_equal(http_sim_header(peer, "Sec-WebSocket-Version"), "13");
    peer = http_sim_ask(&sim.hs, "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(peer, 426);
    assert_int_equal(seen.connects, 1);
}

/* ---- ends ---- */

static void test_ws_conn_tells_who_closed(void **state)
{
    struct sim_peer *peer;

    peer = ws_sim_open(&sim, "/ws");
    ws_sim_close(peer, 4000, "bye");
    run();
    ws_sim_expect(peer, 0x88,
                  "\x0f\xa0"
                  "bye",
                  5);
    sim_end(peer);
    run();
    assert_int_equal(seen.closing.code, 4000);
    assert_string_equal(seen.reason, "bye");
    assert_int_equal(seen.closing.by, YODEL_WS_BY_PEER);

    peer = ws_sim_open(&sim, "/ws");
    ws_sim_frame(peer, 0x88, "", 0);
    run();
    ws_sim_expect(peer, 0x88, "", 0);
    sim_end(peer);
    run();
    assert_int_equal(seen.closing.code, 1005);

    peer = ws_sim_open(&sim, "/ws");
    sim_end(peer);
    run();
    assert_int_equal(seen.closing.code, 1006);
    assert_int_equal(seen.closing.by, YODEL_WS_BY_LOSS);
    assert_int_equal(seen.closes, 3);
}

static void test_ws_conn_waits_for_the_peers_close(void **state)
{
    struct sim_peer *peer;

    seen.close_on_message = true;
    peer = ws_sim_open(&sim, "/ws");
    ws_sim_text(peer, "a");
    ws_sim_text(peer, "b"); /* after our close: ignored */
    run();
    ws_sim_expect_close(peer, 4001);
    ws_sim_expect_nothing(peer);
    assert_int_equal(seen.messages, 1);
    assert_int_equal(seen.closes, 0);
    ws_sim_close(peer, 4001, "");
    sim_end(peer);
    run();
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.closing.by, YODEL_WS_BY_SERVER);
    assert_int_equal(seen.closing.code, 4001);
    assert_string_equal(seen.reason, "enough");

    peer = ws_sim_open(&sim, "/ws"); /* one that never answers */
    ws_sim_text(peer, "a");
    run();
    sim_advance(sim.hs.loop, 299);
    assert_int_equal(seen.closes, 1);
    sim_advance(sim.hs.loop, 2);
    assert_int_equal(seen.closes, 2);
    assert_true(sim_is_closed(peer));
}

static void test_ws_conn_pings(void **state)
{
    struct sim_peer *peer;

    peer = ws_sim_open(&sim, "/ws");
    sim_advance(sim.hs.loop, 600);
    ws_sim_text(peer, "a");
    run();
    ws_sim_expect_text(peer, "a");
    sim_advance(sim.hs.loop, 999);
    ws_sim_expect_nothing(peer);
    sim_advance(sim.hs.loop, 2);
    ws_sim_expect(peer, 0x89, "", 0);
    sim_advance(sim.hs.loop, 400);
    ws_sim_frame(peer, 0x8a, "", 0);
    run();
    sim_advance(sim.hs.loop, 999);
    ws_sim_expect_nothing(peer);
    sim_advance(sim.hs.loop, 102); /* looked at again 500 after the ping */
    ws_sim_expect(peer, 0x89, "", 0);
    sim_advance(sim.hs.loop, 501);
    ws_sim_expect_close(peer, 1011);
    assert_int_equal(atomic_load(&sim.hs.loop->counters.pings_unanswered), 1);
    sim_advance(sim.hs.loop, 200);
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.closing.by, YODEL_WS_BY_TIMEOUT);
}

static void test_ws_conn_stops(void **state)
{
    struct sim_peer *peer;

    peer = ws_sim_open(&sim, "/ws");
    yd_net_stop(&sim.hs.net);
    run();
    ws_sim_expect_close(peer, 1001);
    ws_sim_close(peer, 1001, "");
    sim_end(peer);
    run();
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.closing.by, YODEL_WS_BY_SERVER);
    assert_int_equal(sim.hs.net.num_conns, 0);
}

/* ---- limits ---- */

static void test_ws_conn_is_congested_and_drains(void **state)
{
    struct sim_peer *peer;
    char large[900];
    int sent = 0;

    memset(large, 'x', sizeof large);
    peer = ws_sim_open(&sim, "/ws");
    peer->window = 0;
    while (yodel_ws_send(seen.ws, YODEL_WS_BINARY, (yodel_bytes){(uint8_t *)large, 900}) == 0)
        sent++;
    assert_int_equal(sent, 3); /* 2000 bytes are passed with the third */
    assert_int_equal(yodel_ws_send_text(seen.ws, YODEL_STR("x")), YODEL_ERR_CONGESTED);
    run();
    assert_int_equal(seen.drains, 0);
    peer->window = SIZE_MAX;
    run();
    assert_int_equal(seen.drains, 1);
    assert_int_equal(yodel_ws_buffered(seen.ws), 0);
    for (int i = 0; i < sent; i++)
        ws_sim_expect(peer, 0x82, large, sizeof large);
}

static void test_ws_conn_stops_listening_to_a_slow_reader(void **state)
{
    struct sim_peer *peer;
    char large[900];

    memset(large, 'x', sizeof large);
    peer = ws_sim_open(&sim, "/ws");
    peer->window = 0;
    for (int i = 0; i < 10; i++)
        ws_sim_frame(peer, 0x81, large, sizeof large);
    run();
    assert_int_equal(seen.messages, 3);
    sim_advance(sim.hs.loop, 4900); /* it is we who do not listen: no ping times out */
    assert_int_equal(seen.closes, 0);
    peer->window = SIZE_MAX;
    run();
    assert_int_equal(seen.messages, 10);
    for (int i = 0; i < 10; i++)
        ws_sim_expect(peer, 0x81, large, sizeof large);
}

/* What goes behind output that waits for the kernel needs no turn of its own. */
static void test_ws_conn_output_that_waits_makes_no_work(void **state)
{
    struct sim_peer *peer;

    peer = ws_sim_open(&sim, "/ws");
    peer->window = 0;
    assert_int_equal(yodel_ws_send_text(seen.ws, YODEL_STR("a")), 0);
    assert_true(seen.ws->conn->task_queued);
    run();
    assert_int_equal(yodel_ws_send_text(seen.ws, YODEL_STR("b")), 0);
    assert_false(seen.ws->conn->task_queued);
    peer->window = SIZE_MAX;
    run();
    ws_sim_expect_text(peer, "a");
    ws_sim_expect_text(peer, "b");
}

static void test_ws_conn_gives_up_a_reader_that_stands_still(void **state)
{
    struct sim_peer *peer;

    peer = ws_sim_open(&sim, "/ws");
    peer->window = 0;
    ws_sim_text(peer, "a");
    run();
    for (int i = 0; i < 6; i++) {
        ws_sim_frame(peer, 0x8a, "", 0); /* it lives, but does not read */
        sim_advance(sim.hs.loop, 900);
    }
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.closing.by, YODEL_WS_BY_TIMEOUT);
    assert_true(sim_is_closed(peer));
}

static void test_ws_conn_survives_short_writes(void **state)
{
    struct sim_peer *peer;
    char large[900];

    memset(large, 'x', sizeof large);
    peer = ws_sim_open(&sim, "/ws");
    peer->max_taken = 7;
    for (int i = 0; i < 20; i++)
        ws_sim_frame(peer, 0x81, large, sizeof large);
    ws_sim_close(peer, 1000, "");
    run();
    for (int i = 0; i < 20; i++)
        ws_sim_expect(peer, 0x81, large, sizeof large);
    ws_sim_expect_close(peer, 1000);
}

/* ---- data ---- */

static int freed;

static void note_free(void *data)
{
    freed += *(int *)data;
}

static void test_ws_conn_frees_its_data(void **state)
{
    struct sim_peer *peer;
    int one = 1, ten = 10;

    freed = 0;
    peer = ws_sim_open(&sim, "/ws");
    yodel_ws_set_data(seen.ws, &one, note_free);
    assert_ptr_equal(yodel_ws_data(seen.ws), &one);
    yodel_ws_set_data(seen.ws, &ten, note_free);
    assert_int_equal(freed, 1);
    sim_end(peer);
    run();
    assert_int_equal(freed, 11);
}

/* The session was what it is with memory for all, or it failed: then the client was told so, or
 * lost the connection.  Either way who has been opened has been closed. */
static void expect_whole_session(struct failmem *each, struct sim_peer *peer)
{
    bool is_open = http_sim_count(peer, "HTTP/1.1 101 ") == 1;
    struct ws_sim_frame frame = {0};
    const char *head_end = strstr(sim_received(peer), "\r\n\r\n");
    int echoes = 0;

    assert_int_equal(seen.opens, is_open);
    assert_true(seen.closes == seen.opens || (seen.opens == 0 && seen.closes <= seen.connects));
    if (is_open) {
        yd_buf_consume(&peer->output, (size_t)(head_end + 4 - sim_received(peer)));
        while (ws_sim_next(peer, &frame) && frame.first_byte != 0x88)
            echoes++;
    }
    failmem_assert_whole(each, seen.sent == 1 ? 0 : -ENOMEM, echoes == 1, echoes == 0);
    failmem_assert_whole(each, seen.closing.code == 1002 ? 0 : -ENOMEM, frame.first_byte == 0x88,
                         sim_is_closed(peer));
}

/* RFC 6455 7.4.1: the server could not fulfil the request. */
static void test_ws_conn_closes_with_1011_without_memory(void **state)
{
    struct sim_peer *peer;

    peer = ws_sim_open(&sim, "/ws");
    fm.fail_at = atomic_load(&fm.calls) + 1;
    ws_sim_frame(peer, 0x01, "a", 1);
    run();
    assert_true(failmem_has_failed(&fm));
    ws_sim_expect_close(peer, 1011);
    assert_int_equal(seen.messages, 0);
}

/* A session with every allocation failing in turn. */
static void test_ws_conn_without_memory(void **state)
{
    struct failmem each;

    FAILMEM_LOOP(&each)
    {
        struct sim_peer *peer;

        if (start_with(&each.mem,
                       YODEL_OPTIONS(yodel_ws_options, .deflate = YODEL_WS_DEFLATE_SHARED,
                                     .deflate_min = 1)) < 0)
            continue;
        peer = ws_sim_connect(&sim, "/ws", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
        ws_sim_text(peer, "hello");
        ws_sim_frame(peer, 0x01, "a", 1);
        ws_sim_frame(peer, 0xc1, "\x4b\x04\x00", 3); /* never reached when the above is refused */
        run();
        ws_sim_close(peer, 1000, "bye");
        sim_end(peer);
        run();
        sim_advance(sim.hs.loop, 10000);
        expect_whole_session(&each, peer);
        ws_sim_stop(&sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_ws_conn_echoes),
        FIXTURE_TEST(test_ws_conn_reads_byte_by_byte),
        FIXTURE_TEST(test_ws_conn_answers_good_messages_before_a_bad_frame),
        TEARDOWN_TEST(test_ws_conn_closes_with_the_right_code),
        FIXTURE_TEST(test_ws_conn_fails_with_its_handler),
        TEARDOWN_TEST(test_ws_conn_rejects),
        FIXTURE_TEST(test_ws_conn_is_accepted_later),
        FIXTURE_TEST(test_ws_conn_is_rejected_later),
        FIXTURE_TEST(test_ws_conn_is_rejected_in_parts),
        FIXTURE_TEST(test_ws_conn_rejected_in_parts_is_left),
        TEARDOWN_TEST(test_ws_conn_is_rejected_with_any_final_status),
        FIXTURE_TEST(test_ws_conn_must_be_decided_in_time),
        FIXTURE_TEST(test_ws_conn_may_leave_before_it_is_decided),
        TEARDOWN_TEST(test_ws_conn_checks_the_handshake),
        FIXTURE_TEST(test_ws_conn_tells_who_closed),
        FIXTURE_TEST(test_ws_conn_waits_for_the_peers_close),
        FIXTURE_TEST(test_ws_conn_pings),
        FIXTURE_TEST(test_ws_conn_stops),
        FIXTURE_TEST(test_ws_conn_is_congested_and_drains),
        FIXTURE_TEST(test_ws_conn_stops_listening_to_a_slow_reader),
        FIXTURE_TEST(test_ws_conn_output_that_waits_makes_no_work),
        FIXTURE_TEST(test_ws_conn_gives_up_a_reader_that_stands_still),
        FIXTURE_TEST(test_ws_conn_survives_short_writes),
        FIXTURE_TEST(test_ws_conn_frees_its_data),
        FIXTURE_TEST(test_ws_conn_closes_with_1011_without_memory),
        cmocka_unit_test(test_ws_conn_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
