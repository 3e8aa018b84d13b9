/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "decision/decision.h"
#include "failmem.h"
#include "fixture.h"
#include "http/answer_stream.h"
#include "http_sim.h"
#include "ws/ws.h"

#include <cmocka.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define HELLO_BODY "\r\n\r\nhello\n"

/* ---- what a test has the handler do, and what it was told ---- */

struct plan {
    yodel_stream_options options;
    int rc;               /* of beginning */
    const char *text;     /* written by the handler; NULL: nothing */
    bool ends, aborts;    /* in the handler, */
    bool ends_at_stop;    /* in on_stop, after a last word */
    bool ends_at_drain;   /* in on_drain */
    bool writes_at_close; /* in on_close, in vain */
    yodel_stream *stream; /* NULL: over */
    int drained, stopped, closed;
    yodel_stream_reason reason;
    bool inside; /* a call of the test's: no on_close may come */
};

static struct failmem fm;
static struct http_sim hs;
static struct plan plan;

static yodel_bytes bytes_of(const char *text)
{
    return (yodel_bytes){(const uint8_t *)text, strlen(text)};
}

static void on_drain(yodel_stream *stream, void *user)
{
    assert_ptr_equal(user, &plan);
    plan.drained++;
    if (plan.ends_at_drain)
        assert_int_equal(yodel_stream_end(stream), 0);
}

static void on_stop(yodel_stream *stream, void *user)
{
    assert_ptr_equal(user, &plan);
    plan.stopped++;
    if (!plan.ends_at_stop)
        return;
    assert_int_equal(yodel_stream_write_text(stream, YODEL_STR("bye")), 0);
    assert_int_equal(yodel_stream_end(stream), 0);
}

static void on_close(yodel_stream *stream, yodel_stream_reason reason, void *user)
{
    assert_false(plan.inside);
    assert_ptr_equal(user, &plan);
    assert_ptr_equal(yodel_stream_user(stream), &plan);
    plan.closed++;
    plan.reason = reason;
    plan.stream = NULL;
    if (!plan.writes_at_close)
        return;
    assert_int_equal(yodel_stream_write_text(stream, YODEL_STR("x")), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_stream_end(stream), YODEL_ERR_CLOSED);
    yodel_stream_abort(stream);
    assert_int_equal(yodel_stream_buffered(stream), 0);
}

static void on_stream(yodel_request *req, void *user)
{
    (void)user;
    plan.inside = true;
    plan.rc = yodel_request_stream_begin(req, &plan.options, &plan.stream);
    if (plan.rc == 0 && plan.text != NULL)
        plan.rc = yodel_stream_write(plan.stream, bytes_of(plan.text));
    if (plan.stream != NULL && plan.ends)
        plan.rc = yodel_stream_end(plan.stream);
    if (plan.stream != NULL && plan.aborts)
        yodel_stream_abort(plan.stream);
    plan.inside = false;
}

static void on_hello(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("hello\n"));
}

static int start(void)
{
    int rc = http_sim_start(&hs, &fm.mem, 0);

    plan = (struct plan){.options = {.size = sizeof plan.options,
                                     .on_drain = on_drain,
                                     .on_stop = on_stop,
                                     .on_close = on_close,
                                     .user = &plan}};
    if (rc == 0 && (rc = yd_http_route(&hs.http, "GET /s", on_stream, NULL)) == 0)
        rc = yd_http_route(&hs.http, "GET /hello", on_hello, NULL);
    if (rc < 0)
        http_sim_stop(&hs);
    return rc;
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    return start();
}

static int teardown(void **state)
{
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

static void write_text(const char *text)
{
    plan.inside = true;
    assert_int_equal(yodel_stream_write(plan.stream, bytes_of(text)), 0);
    plan.inside = false;
    sim_run(hs.loop);
}

static void end(void)
{
    plan.inside = true;
    assert_int_equal(yodel_stream_end(plan.stream), 0);
    plan.inside = false;
    sim_run(hs.loop);
}

static void assert_closed(yodel_stream_reason reason)
{
    assert_int_equal(plan.closed, 1);
    assert_int_equal(plan.reason, reason);
}

/* ---- framing ---- */

static void test_http_stream_head_goes_out_at_once(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));

    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_header(peer, "Transfer-Encoding"), "chunked");
    assert_string_equal(http_sim_header(peer, "Content-Length"), "");
    assert_string_equal(http_sim_body(peer), "");
    assert_int_equal(plan.closed, 0);
    http_sim_assert_open(peer);
}

static void test_http_stream_sends_chunks(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));

    write_text("abc");
    assert_string_equal(http_sim_body(peer), "3\r\nabc\r\n");
    write_text("0123456789abcdefX");
    end();
    assert_string_equal(http_sim_body(peer), "3\r\nabc\r\n11\r\n0123456789abcdefX\r\n0\r\n\r\n");
    assert_closed(YODEL_STREAM_COMPLETE);
    http_sim_assert_open(peer);
    sim_forget(peer);
    sim_send_text(peer, GET("/hello"));
    sim_run(hs.loop);
    http_sim_assert_status(peer, 200);
}

/* L5: a chunk of length 0 would be the end. */
static void test_http_stream_zero_bytes_are_nothing(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));

    write_text("a");
    write_text("");
    write_text("b");
    end();
    assert_string_equal(http_sim_body(peer), "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
}

static void test_http_stream_ends_inside_its_handler(void **state)
{
    struct sim_peer *peer;

    plan.text = "all";
    plan.ends = true;
    peer = http_sim_ask(&hs, GET("/s") GET("/hello"));
    assert_int_equal(plan.rc, 0);
    assert_closed(YODEL_STREAM_COMPLETE);
    assert_non_null(strstr(sim_received(peer), "3\r\nall\r\n0\r\n\r\nHTTP/1.1 200 OK"));
    assert_non_null(strstr(sim_received(peer), HELLO_BODY));
}

static void test_http_stream_known_length(void **state)
{
    struct sim_peer *peer;

    plan.options.has_length = 1;
    plan.options.length = 5;
    peer = http_sim_ask(&hs, GET("/s"));
    assert_string_equal(http_sim_header(peer, "Content-Length"), "5");
    assert_string_equal(http_sim_header(peer, "Transfer-Encoding"), "");
    write_text("abc");
    assert_int_equal(yodel_stream_write(plan.stream, bytes_of("def")), YODEL_ERR_TOO_BIG);
    write_text("de");
    assert_int_equal(yodel_stream_write(plan.stream, bytes_of("f")), YODEL_ERR_TOO_BIG);
    end();
    assert_string_equal(http_sim_body(peer), "abcde");
    assert_closed(YODEL_STREAM_COMPLETE);
    http_sim_assert_open(peer);
}

static void test_http_stream_known_length_not_met(void **state)
{
    struct sim_peer *peer;

    plan.options.has_length = 1;
    plan.options.length = 5;
    peer = http_sim_ask(&hs, GET("/s"));
    write_text("abc");
    assert_int_equal(yodel_stream_end(plan.stream), YODEL_ERR_STATE);
    assert_int_equal(yodel_stream_end(plan.stream), YODEL_ERR_CLOSED);
    assert_int_equal(plan.closed, 0);
    sim_run(hs.loop);
    assert_closed(YODEL_STREAM_ABORTED);
    assert_true(sim_is_closed(peer));
}

static void test_http_stream_old_client_gets_it_to_the_end(void **state)
{
    struct sim_peer *peer =
        http_sim_ask(&hs, "GET /s HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\n\r\n");

    assert_string_equal(http_sim_header(peer, "Transfer-Encoding"), "");
    assert_string_equal(http_sim_header(peer, "Connection"), "close");
    write_text("abc");
    write_text("def");
    end();
    assert_string_equal(http_sim_body(peer), "abcdef");
    assert_true(sim_is_shut(peer));
    assert_closed(YODEL_STREAM_COMPLETE);
}

/* L4: no bytes of chunks, and nothing said of them, where there is no content. */
static void expect_no_content(const char *request, int status, const char *length)
{
    struct sim_peer *peer;

    plan.closed = 0;
    plan.options.status = status;
    plan.text = "dropped";
    peer = http_sim_ask(&hs, request);
    assert_int_equal(plan.rc, 0);
    assert_closed(YODEL_STREAM_COMPLETE);
    http_sim_assert_status(peer, status);
    assert_string_equal(http_sim_header(peer, "Transfer-Encoding"), "");
    assert_string_equal(http_sim_header(peer, "Content-Length"), length);
    assert_string_equal(http_sim_body(peer), "");
    http_sim_assert_open(peer);
    sim_forget(peer);
    sim_send_text(peer, GET("/hello"));
    sim_run(hs.loop);
    http_sim_assert_status(peer, 200);
}

static void test_http_stream_without_content(void **state)
{
    expect_no_content("HEAD /s HTTP/1.1\r\nHost: a\r\n\r\n", 200, "");
    expect_no_content(GET("/s"), 204, "");
    expect_no_content(GET("/s"), 304, "");
    expect_no_content(GET("/s"), 205, "0");
    plan.ends = true;
    expect_no_content("HEAD /s HTTP/1.1\r\nHost: a\r\n\r\n", 200, "");
    plan.options.has_length = 1;
    plan.options.length = 700;
    expect_no_content("HEAD /s HTTP/1.1\r\nHost: a\r\n\r\n", 200, "700");
}

/* L4: the request after a preflight begins where it begins. */
static void test_http_stream_pipelined_requests(void **state)
{
    struct sim_peer *peer;

    plan.text = "x";
    plan.ends = true;
    peer = http_sim_ask(&hs, "HEAD /s HTTP/1.1\r\nHost: a\r\n\r\n" GET("/hello") GET("/s"));
    assert_int_equal(http_sim_count(peer, "HTTP/1.1 200 OK"), 3);
    assert_int_equal(http_sim_count(peer, "1\r\nx\r\n0\r\n\r\n"), 1);
    assert_int_equal(plan.closed, 2);
}

static void test_http_stream_next_request_waits(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s") GET("/hello"));

    write_text("a");
    assert_int_equal(http_sim_count(peer, "hello"), 0);
    end();
    assert_int_equal(http_sim_count(peer, HELLO_BODY), 1);
}

/* What a client sends behind a stream is not read without bound. */
static void test_http_stream_bounds_what_waits(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));
    static char garbage[100 * 1024];

    memset(garbage, 'x', sizeof garbage);
    for (int i = 0; i < 10; i++) {
        sim_send(peer, garbage, sizeof garbage);
        sim_run(hs.loop);
    }
    assert_true(peer->input.len - peer->input_at > 700 * 1024);
    write_text("a");
    end();
    assert_closed(YODEL_STREAM_COMPLETE);
}

/* ---- errors ---- */

static void expect_refused(int rc)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));

    assert_int_equal(plan.rc, rc);
    assert_null(plan.stream);
    assert_int_equal(plan.closed, 0);
    http_sim_assert_status(peer, 500);
}

static void test_http_stream_refuses_bad_options(void **state)
{
    const yodel_header length = {"Content-Length", "5"}, chunked = {"transfer-encoding", "chunked"},
                       split = {"X-A", "b\r\nc"};

    plan.options.status = 101;
    expect_refused(-EINVAL);
    plan.options.status = 600;
    expect_refused(-EINVAL);
    plan.options.status = 0;
    plan.options.content_type = "text/plain\n";
    expect_refused(-EINVAL);
    plan.options.content_type = NULL;
    plan.options.num_headers = 1;
    expect_refused(-EINVAL);
    plan.options.headers = &length;
    expect_refused(-EINVAL);
    plan.options.headers = &chunked;
    expect_refused(-EINVAL);
    plan.options.headers = &split;
    expect_refused(-EINVAL);
    plan.options.num_headers = 0;
    plan.options.size = 1;
    expect_refused(-EINVAL);
}

static void on_both(yodel_request *req, void *user)
{
    plan.rc = yodel_request_stream_begin(req, &plan.options, &plan.stream);
    assert_int_equal(plan.rc, 0);
    assert_int_equal(yodel_request_stream_begin(req, &plan.options, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("no")), YODEL_ERR_STATE);
    (void)user;
}

static void on_late_stream(yodel_request *req, void *user)
{
    assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("yes")), 0);
    plan.rc = yodel_request_stream_begin(req, &plan.options, &plan.stream);
    (void)user;
}

static void test_http_stream_is_one_answer(void **state)
{
    struct sim_peer *peer;

    assert_int_equal(yd_http_route(&hs.http, "GET /both", on_both, NULL), 0);
    assert_int_equal(yd_http_route(&hs.http, "GET /late", on_late_stream, NULL), 0);
    peer = http_sim_ask(&hs, GET("/both"));
    write_text("abc");
    end();
    assert_string_equal(http_sim_body(peer), "3\r\nabc\r\n0\r\n\r\n");
    peer = http_sim_ask(&hs, GET("/late"));
    assert_int_equal(plan.rc, YODEL_ERR_STATE);
    assert_string_equal(http_sim_body(peer), "yes");
}

static yodel_decision *decision;
static yodel_request *deferred;

static void on_defer(yodel_request *req, void *user)
{
    deferred = req;
    decision = yodel_request_defer(req);
    assert_non_null(decision);
}

/* A request that was deferred becomes a stream on its loop, which decides it; no time limit of the
 * decision is left. */
static void test_http_stream_of_a_deferred_request(void **state)
{
    struct sim_peer *peer;

    assert_int_equal(yd_http_route(&hs.http, "GET /later", on_defer, NULL), 0);
    peer = http_sim_ask(&hs, GET("/later"));
    assert_int_equal(sim_received_len(peer), 0);
    assert_int_equal(yodel_request_stream_begin(deferred, &plan.options, &plan.stream), 0);
    assert_false(yodel_decision_is_open(decision));
    (void)yodel_decision_unref(decision);
    sim_advance(hs.loop, 100000);
    assert_int_equal(plan.closed, 0);
    write_text("late");
    end();
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_body(peer), "4\r\nlate\r\n0\r\n\r\n");
    assert_closed(YODEL_STREAM_COMPLETE);
}

/* ---- back-pressure ---- */

static char block[600];

static void test_http_stream_back_pressure(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));
    size_t waiting;

    memset(block, 'x', sizeof block - 1);
    peer->window = 0;
    write_text(block);
    write_text(block);
    waiting = yodel_stream_buffered(plan.stream);
    assert_true(waiting > 1000);
    assert_int_equal(yodel_stream_write(plan.stream, bytes_of(block)), YODEL_ERR_CONGESTED);
    assert_int_equal(yodel_stream_buffered(plan.stream), waiting);
    assert_int_equal(atomic_load(&hs.loop->counters.congested), 1);
    sim_run(hs.loop);
    assert_int_equal(plan.drained, 0);
    peer->window = SIZE_MAX;
    sim_run(hs.loop);
    assert_int_equal(plan.drained, 1);
    assert_int_equal(yodel_stream_buffered(plan.stream), 0);
    write_text("z");
    end();
    assert_int_equal(plan.drained, 1);
    assert_int_equal(http_sim_count(peer, block), 2);
}

static void test_http_stream_ends_while_congested(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));

    memset(block, 'x', sizeof block - 1);
    peer->window = 0;
    write_text(block);
    write_text(block);
    assert_int_equal(yodel_stream_write(plan.stream, bytes_of(block)), YODEL_ERR_CONGESTED);
    end();
    assert_closed(YODEL_STREAM_COMPLETE);
    peer->window = SIZE_MAX;
    sim_run(hs.loop);
    assert_int_equal(plan.drained, 0);
    assert_non_null(strstr(sim_received(peer), "x\r\n0\r\n\r\n"));
}

static void test_http_stream_ends_in_on_drain(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s") GET("/hello"));

    memset(block, 'x', sizeof block - 1);
    plan.ends_at_drain = true;
    peer->window = 0;
    write_text(block);
    write_text(block);
    assert_int_equal(yodel_stream_write(plan.stream, bytes_of(block)), YODEL_ERR_CONGESTED);
    peer->window = SIZE_MAX;
    sim_run(hs.loop);
    assert_closed(YODEL_STREAM_COMPLETE);
    assert_int_equal(http_sim_count(peer, HELLO_BODY), 1);
}

static void test_http_stream_shares_prepared_messages(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));
    static char large[10000];
    struct yd_msg *msg;

    memset(large, 'y', sizeof large - 1);
    msg = yd_ws_make_msg(&fm.mem, YODEL_WS_BINARY, bytes_of(large));
    assert_non_null(msg);
    assert_int_equal(yodel_stream_write_prepared(plan.stream, (yodel_prepared *)msg), 0);
    assert_int_equal(atomic_load(&msg->refs), 2);
    sim_run(hs.loop);
    assert_int_equal(atomic_load(&msg->refs), 1);
    yd_msg_unref(msg);
    msg = yd_ws_make_msg(&fm.mem, YODEL_WS_TEXT, bytes_of("short"));
    assert_int_equal(yodel_stream_write_prepared(plan.stream, (yodel_prepared *)msg), 0);
    yd_msg_unref(msg);
    end();
    assert_non_null(strstr(sim_received(peer), "\r\n\r\n270f\r\nyyyyy"));
    assert_non_null(strstr(sim_received(peer), "yyy\r\n5\r\nshort\r\n0\r\n\r\n"));
}

/* ---- ends ---- */

static void test_http_stream_notices_that_the_client_is_gone(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));

    plan.writes_at_close = true;
    write_text("a");
    sim_end(peer);
    sim_run(hs.loop);
    assert_closed(YODEL_STREAM_GONE);
    plan.closed = 0;
    peer = http_sim_ask(&hs, GET("/s"));
    sim_break(peer, -ECONNRESET);
    sim_run(hs.loop);
    assert_closed(YODEL_STREAM_GONE);
}

static void test_http_stream_times_out_when_nothing_is_taken(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));

    sim_advance(hs.loop, 1000000);
    assert_int_equal(plan.closed, 0);
    peer->window = 0;
    write_text("a");
    sim_advance(hs.loop, 4999);
    assert_int_equal(plan.closed, 0);
    sim_advance(hs.loop, 2);
    assert_closed(YODEL_STREAM_TIMEOUT);
}

static void test_http_stream_abort(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));

    plan.writes_at_close = true;
    write_text("a");
    plan.inside = true;
    yodel_stream_abort(plan.stream);
    yodel_stream_abort(plan.stream);
    assert_int_equal(yodel_stream_write(plan.stream, bytes_of("x")), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_stream_end(plan.stream), YODEL_ERR_CLOSED);
    plan.inside = false;
    sim_run(hs.loop);
    assert_closed(YODEL_STREAM_ABORTED);
    assert_true(sim_is_closed(peer));
    assert_null(strstr(sim_received(peer), "0\r\n\r\n"));
}

static void test_http_stream_abort_inside_its_handler(void **state)
{
    struct sim_peer *peer;

    plan.aborts = true;
    peer = http_sim_ask(&hs, GET("/s") GET("/hello"));
    assert_closed(YODEL_STREAM_ABORTED);
    assert_true(sim_is_closed(peer));
}

static void test_http_stream_outlives_its_request(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));
    yodel_stream *stream = plan.stream;

    yd_http_stream_ref(stream);
    sim_end(peer);
    sim_run(hs.loop);
    assert_closed(YODEL_STREAM_GONE);
    assert_int_equal(yodel_stream_write(stream, bytes_of("x")), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_stream_end(stream), YODEL_ERR_CLOSED);
    yodel_stream_abort(stream);
    yd_http_stream_unref(stream);
}

/* ---- stop ---- */

static void test_http_stream_stop_is_told(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));

    plan.ends_at_stop = true;
    yd_net_stop(&hs.net);
    sim_run(hs.loop);
    assert_int_equal(plan.stopped, 1);
    assert_closed(YODEL_STREAM_COMPLETE);
    assert_string_equal(http_sim_body(peer), "3\r\nbye\r\n0\r\n\r\n");
    assert_true(sim_is_shut(peer));
}

static void test_http_stream_goes_on_while_the_server_stops(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, GET("/s"));

    yd_net_stop(&hs.net);
    sim_run(hs.loop);
    assert_int_equal(plan.stopped, 1);
    write_text("more");
    assert_int_equal(plan.closed, 0);
    yd_net_abort(&hs.net);
    sim_run(hs.loop);
    assert_closed(YODEL_STREAM_STOPPED);
    assert_true(sim_is_closed(peer));
}

static void test_http_stream_that_begins_while_the_server_stops(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, "GET /s HTTP/1.1\r\n");

    plan.ends_at_stop = true;
    yd_net_stop(&hs.net);
    sim_run(hs.loop);
    sim_send_text(peer, "Host: a\r\n\r\n");
    sim_run(hs.loop);
    assert_int_equal(plan.stopped, 1);
    assert_closed(YODEL_STREAM_COMPLETE);
    assert_string_equal(http_sim_body(peer), "3\r\nbye\r\n0\r\n\r\n");
}

/* ---- memory ---- */

static void test_http_stream_out_of_memory(void **state)
{
    teardown(NULL);
    FAILMEM_LOOP(&fm)
    {
        struct sim_peer *peer;
        int rc, wrote, ended;

        failmem_pause(&fm);
        assert_int_equal(start(), 0);
        peer = http_sim_ask(&hs, GET("/s"));
        assert_int_equal(plan.rc, 0);
        write_text("1");
        sim_forget(peer);
        memset(block, 'x', sizeof block - 1);
        failmem_resume(&fm);
        wrote = yodel_stream_write(plan.stream, bytes_of(block));
        rc = yodel_stream_write(plan.stream, bytes_of("2"));
        ended = yodel_stream_end(plan.stream);
        failmem_pause(&fm);
        sim_run(hs.loop);
        assert_int_equal(plan.closed, ended == 0);
        failmem_assert_whole(&fm, wrote, http_sim_count(peer, "257\r\nxxx") == 1,
                             http_sim_count(peer, "xxx") == 0);
        failmem_assert_whole(&fm, rc, http_sim_count(peer, "\r\n2\r\n") == 1,
                             http_sim_count(peer, "\r\n2\r\n") == 0);
        if (wrote == 0 && rc == 0 && ended == 0)
            assert_non_null(strstr(sim_received(peer), "xxx\r\n1\r\n2\r\n0\r\n\r\n"));
        failmem_resume(&fm);
        http_sim_stop(&hs);
        failmem_assert_empty(&fm);
    }
}

static void test_http_stream_begins_or_not(void **state)
{
    teardown(NULL);
    FAILMEM_LOOP(&fm)
    {
        struct sim_peer *peer;

        failmem_pause(&fm);
        assert_int_equal(start(), 0);
        peer = sim_connect(hs.loop);
        sim_run(hs.loop);
        plan.rc = -EAGAIN;
        sim_send_text(peer, GET("/s"));
        failmem_resume(&fm);
        sim_run(hs.loop);
        failmem_pause(&fm);
        if (plan.rc != -EAGAIN)
            failmem_assert_whole(&fm, plan.rc, plan.stream != NULL, plan.stream == NULL);
        assert_int_equal(plan.closed, 0);
        if (plan.stream != NULL)
            end();
        failmem_resume(&fm);
        http_sim_stop(&hs);
        failmem_assert_empty(&fm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_http_stream_head_goes_out_at_once),
        FIXTURE_TEST(test_http_stream_sends_chunks),
        FIXTURE_TEST(test_http_stream_zero_bytes_are_nothing),
        FIXTURE_TEST(test_http_stream_ends_inside_its_handler),
        FIXTURE_TEST(test_http_stream_known_length),
        FIXTURE_TEST(test_http_stream_known_length_not_met),
        FIXTURE_TEST(test_http_stream_old_client_gets_it_to_the_end),
        FIXTURE_TEST(test_http_stream_without_content),
        FIXTURE_TEST(test_http_stream_pipelined_requests),
        FIXTURE_TEST(test_http_stream_next_request_waits),
        FIXTURE_TEST(test_http_stream_bounds_what_waits),
        FIXTURE_TEST(test_http_stream_refuses_bad_options),
        FIXTURE_TEST(test_http_stream_is_one_answer),
        FIXTURE_TEST(test_http_stream_of_a_deferred_request),
        FIXTURE_TEST(test_http_stream_back_pressure),
        FIXTURE_TEST(test_http_stream_ends_while_congested),
        FIXTURE_TEST(test_http_stream_ends_in_on_drain),
        FIXTURE_TEST(test_http_stream_shares_prepared_messages),
        FIXTURE_TEST(test_http_stream_notices_that_the_client_is_gone),
        FIXTURE_TEST(test_http_stream_times_out_when_nothing_is_taken),
        FIXTURE_TEST(test_http_stream_abort),
        FIXTURE_TEST(test_http_stream_abort_inside_its_handler),
        FIXTURE_TEST(test_http_stream_outlives_its_request),
        FIXTURE_TEST(test_http_stream_stop_is_told),
        FIXTURE_TEST(test_http_stream_goes_on_while_the_server_stops),
        FIXTURE_TEST(test_http_stream_that_begins_while_the_server_stops),
        FIXTURE_TEST(test_http_stream_out_of_memory),
        FIXTURE_TEST(test_http_stream_begins_or_not),
    };

    return cmocka_run_group_tests_name("http_stream", tests, NULL, NULL);
}
