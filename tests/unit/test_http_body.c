/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "failmem.h"
#include "fixture.h"
#include "http_sim.h"

#include <cmocka.h>
#include <yodel/http_body.h>
#include <yodel/http_stream.h>

/* Request bodies in parts.  The service's max_body is 1000 bytes, body_ms 2000, decide_ms 4000. */

static struct failmem fm;
static struct http_sim hs;

/* What the handlers do, and what they saw. */
static struct {
    /* to do */
    uint64_t max_body;
    uint32_t body_ms;
    int data_result;
    bool waits, pauses, answers_in_data, answers_at_once, defers, streams, silent, pauses_at_once;
    /* seen */
    yodel_request *req;
    yodel_decision *decision;
    yodel_stream *stream;
    char text[3000];
    size_t len, largest;
    int calls, starts, ends, result, read_result, inside;
} t;

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    assert_ptr_equal(user, &t);
    assert_ptr_equal(req, t.req);
    assert_int_equal(t.ends, 0);
    assert_int_equal(t.inside, 0);
    assert_true(data.len > 0);
    t.calls++;
    if (t.len + data.len < sizeof t.text)
        memcpy(t.text + t.len, data.ptr, data.len);
    t.len += data.len;
    t.largest = YD_MAX(t.largest, data.len);
    if (t.pauses)
        assert_int_equal(yodel_request_body_pause(req), 0);
    if (t.answers_in_data)
        (void)yodel_request_reply_text(req, 401, NULL, YODEL_STR("early\n"));
    return t.data_result;
}

static void on_end(yodel_request *req, int result, void *user)
{
    assert_int_equal(t.inside, 0);
    t.ends++;
    t.result = result;
    assert_int_equal(yodel_request_body_pause(req), YODEL_ERR_STATE);
    assert_int_equal(yodel_request_body_resume(req), YODEL_ERR_STATE);
    if (result == YODEL_ERR_CLOSED)
        assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("x")),
                         YODEL_ERR_CLOSED);
    else if (result == -ECANCELED)
        assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("x")), YODEL_ERR_STATE);
    else if (result == 0 && !t.silent && !t.defers && !t.streams)
        (void)yodel_request_reply(
            req, 200, "text/plain",
            (yodel_bytes){(const uint8_t *)t.text, YD_MIN(t.len, sizeof t.text)});
}

static int read_body(void)
{
    int rc;

    t.inside++;
    rc = yodel_request_body_read(t.req,
                                 YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data,
                                               .on_end = on_end, .max_body = t.max_body,
                                               .body_ms = t.body_ms),
                                 &t);
    t.inside--;
    return rc;
}

static void on_request(yodel_request *req, void *user)
{
    t.starts++;
    t.req = req;
    if (t.waits || t.defers)
        t.decision = yodel_request_defer(req);
    if (t.waits)
        return;
    t.read_result = read_body();
    if (t.read_result == 0)
        assert_int_equal(read_body(), YODEL_ERR_STATE);
    if (t.pauses_at_once)
        assert_int_equal(yodel_request_body_pause(req), 0);
    if (t.answers_at_once)
        (void)yodel_request_reply_text(req, 403, NULL, YODEL_STR("no\n"));
    if (t.streams)
        assert_int_equal(yodel_request_stream_begin(
                             req, YODEL_OPTIONS(yodel_stream_options, .status = 200), &t.stream),
                         0);
}

static int start(const struct yodel_allocator *mem)
{
    int rc;

    memset(&t, 0, sizeof t);
    if ((rc = http_sim_start(&hs, mem, 0)) < 0)
        return rc;
    if ((rc = yd_http_route_with(
             &hs.http, "/up",
             YODEL_OPTIONS(yodel_route_options, .on_request = on_request, .stream_body = 1), &t)) <
            0 ||
        (rc = yd_http_route(&hs.http, "/whole", on_request, &t)) < 0)
        http_sim_stop(&hs);
    return rc;
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    return start(&fm.mem);
}

static int teardown(void **state)
{
    yodel_decision_unref(t.decision);
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

static void again(void)
{
    assert_int_equal(teardown(NULL), 0);
    assert_int_equal(setup(NULL), 0);
}

static struct sim_peer *ask(const char *text)
{
    return http_sim_ask(&hs, text);
}

static void more(struct sim_peer *peer, const char *text)
{
    sim_send_text(peer, text);
    sim_run(hs.loop);
}

static void resume(void)
{
    t.inside++;
    assert_int_equal(yodel_request_body_resume(t.req), 0);
    t.inside--;
    sim_run(hs.loop);
}

static void assert_ended(int result)
{
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.result, result);
}

#define HEAD(lines) "POST /up HTTP/1.1\r\nHost: a\r\n" lines "\r\n"
#define LENGTH(n) HEAD("Content-Length: " #n "\r\n")
#define CHUNKED HEAD("Transfer-Encoding: chunked\r\n")

/* ---- whole bodies ---- */

static const char *const forms[] = {
    LENGTH(10) "0123456789",
    CHUNKED "3\r\n012\r\n5;x=y\r\n34567\r\n2\r\n89\r\n0\r\nTrailer: v\r\n\r\n",
    "POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789",
};

static void test_http_body_comes_in_parts(void **state)
{
    for (size_t i = 0; i < YD_LEN(forms); i++)
        for (size_t chop = 0; chop < 20; chop++)
            for (int pauses = 0; pauses < 2; pauses++) {
                struct sim_peer *peer = sim_connect(hs.loop);

                t.pauses = pauses != 0;
                peer->chop = chop;
                sim_send_text(peer, forms[i]);
                sim_send_text(peer, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
                sim_run(hs.loop);
                for (int j = 0; pauses != 0 && t.ends == 0; j++) {
                    assert_true(j < 20);
                    assert_int_equal(t.calls, j + 1); /* one part for each resume */
                    resume();
                }
                assert_ended(0);
                assert_string_equal(t.text, "0123456789");
                http_sim_assert_status(peer, 200);
                assert_int_equal(http_sim_count(peer, "\r\n\r\n0123456789HTTP/1.1 404"), 1);
                http_sim_assert_open(peer);
                again();
            }
}

static void test_http_body_that_is_none(void **state)
{
    static const char *const requests[] = {
        "GET /up HTTP/1.1\r\nHost: a\r\n\r\n", LENGTH(0), "GET /whole HTTP/1.1\r\nHost: a\r\n\r\n",
        CHUNKED "0\r\n\r\n", HEAD("Expect: 100-continue\r\nContent-Length: 0\r\n")};

    for (size_t i = 0; i < YD_LEN(requests); i++) {
        struct sim_peer *peer = ask(requests[i]);

        assert_ended(0);
        assert_int_equal(t.calls, 0);
        http_sim_assert_status(peer, 200);
        http_sim_assert_open(peer);
        again();
    }
}

static void test_http_body_beyond_max_body(void **state)
{
    struct sim_peer *peer;
    char *part = calloc(1, 50000);

    assert_non_null(part);
    t.max_body = UINT64_MAX;
    t.defers = true;
    peer = ask(LENGTH(5000000));
    for (int i = 0; i < 100; i++) {
        sim_send(peer, part, 50000);
        sim_run(hs.loop);
        assert_true(atomic_load(&fm.bytes) < 400000);
    }
    free(part);
    assert_ended(0);
    assert_int_equal(t.len, 5000000);
    assert_true(t.largest <= YD_READ_SIZE);
    assert_int_equal(yodel_decision_respond_text(t.decision, 201, NULL, YODEL_STR("kept\n")), 0);
    sim_run(hs.loop);
    http_sim_assert_status(peer, 201);
    http_sim_assert_open(peer);
}

/* ---- 100-continue ---- */

static void test_http_body_is_invited_when_it_is_asked_for(void **state)
{
    struct sim_peer *peer;

    t.waits = true;
    peer = ask(HEAD("Expect: 100-continue\r\nContent-Length: 5\r\n"));
    assert_string_equal(sim_received(peer), "");
    assert_int_equal(read_body(), 0);
    sim_run(hs.loop);
    assert_string_equal(sim_received(peer), "HTTP/1.1 100 Continue\r\n\r\n");
    sim_forget(peer);
    more(peer, "12345");
    assert_ended(0);
    http_sim_assert_status(peer, 200);
    again();

    t.waits = true; /* it did not wait */
    peer = ask(HEAD("Expect: 100-continue\r\nContent-Length: 5\r\n") "123");
    assert_int_equal(read_body(), 0);
    more(peer, "45");
    assert_ended(0);
    http_sim_assert_status(peer, 200);
    again();

    t.answers_at_once = true; /* nobody asks for it */
    t.max_body = 4;
    peer = ask(HEAD("Expect: 100-continue\r\nContent-Length: 5\r\n"));
    http_sim_assert_status(peer, 403);
    assert_true(sim_is_shut(peer));
}

/* ---- pauses ---- */

static void test_http_body_pause_keeps_one_buffer(void **state)
{
    struct sim_peer *peer = sim_connect(hs.loop);
    char *body = calloc(1, 400000);
    size_t before, rest;

    assert_non_null(body);
    t.pauses = true;
    t.max_body = UINT64_MAX;
    sim_send_text(peer, LENGTH(400000));
    sim_send(peer, body, 400000);
    free(body);
    sim_run(hs.loop);
    for (int i = 0; t.ends == 0; i++) {
        assert_true(i < 100);
        before = peer->input.len - peer->input_at;
        sim_advance(hs.loop, 10000); /* no limit of time */
        assert_int_equal(peer->input.len - peer->input_at, before);
        resume();
        rest = peer->input.len - peer->input_at;
        assert_true(before - rest <= YD_READ_SIZE);
    }
    assert_ended(0);
    assert_int_equal(t.len, 400000);
}

/* Not even that it is whole is told while it is paused. */
static void test_http_body_pause_holds_the_end_back(void **state)
{
    struct sim_peer *peer;

    t.pauses = true;
    peer = ask(LENGTH(3) "123");
    assert_int_equal(t.calls, 1);
    sim_advance(hs.loop, 60000);
    assert_int_equal(t.ends, 0);
    resume();
    assert_ended(0);
    http_sim_assert_status(peer, 200);
}

static void test_http_body_pause_from_the_beginning(void **state)
{
    struct sim_peer *peer;

    t.pauses_at_once = true;
    peer = ask(LENGTH(3) "123");
    assert_int_equal(t.calls + t.ends, 0);
    resume();
    assert_ended(0);
    http_sim_assert_status(peer, 200);
    more(peer, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(http_sim_count(peer, "HTTP/1.1 404"), 1);
}

/* ---- clients that leave ---- */

static void leave_by_fin(struct sim_peer *peer)
{
    sim_end(peer);
}

static void leave_by_rst(struct sim_peer *peer)
{
    sim_break(peer, -ECONNRESET);
}

/* Field case L7. */
static void test_http_body_ends_once_when_the_client_leaves(void **state)
{
    static void (*const ways[])(struct sim_peer * peer) = {leave_by_fin, leave_by_rst};
    static const char *const requests[] = {LENGTH(100) "part", CHUNKED "4\r\npart\r\n",
                                           CHUNKED "4\r\npart\r\n4\r\nmo"};

    for (size_t i = 0; i < YD_LEN(ways); i++)
        for (size_t j = 0; j < YD_LEN(requests); j++)
            for (int pauses = 0; pauses < 2; pauses++)
                for (int defers = 0; defers < 2; defers++) {
                    struct sim_peer *peer;

                    t.pauses = pauses != 0;
                    t.defers = defers != 0;
                    peer = ask(requests[j]);
                    assert_int_equal(t.ends, 0);
                    if (pauses != 0) /* what was not read is not given any more */
                        sim_send_text(peer, "unread");
                    ways[i](peer);
                    sim_run(hs.loop);
                    assert_ended(YODEL_ERR_CLOSED);
                    if (pauses != 0)
                        assert_int_equal(t.calls, 1);
                    sim_advance(hs.loop, 1000);
                    assert_true(sim_is_closed(peer));
                    assert_int_equal(t.ends, 1);
                    if (defers != 0)
                        assert_int_equal(
                            yodel_decision_respond_text(t.decision, 200, NULL, YODEL_STR("x")),
                            YODEL_ERR_CLOSED);
                    again();
                }
}

static void test_http_body_that_waits_to_be_whole(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct sim_peer *peer;

        t.pauses = true; /* all has come, but its end is not told */
        peer = ask(LENGTH(3) "123");
        if (i == 0)
            sim_end(peer);
        else
            sim_break(peer, -ECONNRESET);
        sim_run(hs.loop);
        assert_ended(YODEL_ERR_CLOSED);
        again();
    }
}

/* ---- bodies that are refused ---- */

static void test_http_body_failures(void **state)
{
    static const struct {
        const char *request;
        int result, status, data_result;
    } cases[] = {
        {LENGTH(1001), YODEL_ERR_TOO_BIG, 413, 0},
        {LENGTH(1001) "1234", YODEL_ERR_TOO_BIG, 413, 0},
        {CHUNKED "3e9\r\n", 1, 0, 0}, /* it may still end */
        {CHUNKED "x\r\n", YODEL_ERR_PROTOCOL, 400, 0},
        {CHUNKED "3\r\n1234\r\n", YODEL_ERR_PROTOCOL, 400, 0},
        {LENGTH(4) "12", -EIO, 500, -EIO},
        {CHUNKED "2\r\n12\r\n", -EIO, 500, -EIO},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++)
        for (int defers = 0; defers < 2; defers++) {
            struct sim_peer *peer;

            t.data_result = cases[i].data_result;
            t.defers = defers != 0;
            peer = ask(cases[i].request);
            if (cases[i].result <= 0) {
                assert_ended(cases[i].result);
                if (defers != 0) { /* whoever decides answers */
                    assert_string_equal(sim_received(peer), "");
                    more(peer, "what nobody reads");
                    assert_int_equal(
                        yodel_decision_respond_text(t.decision, 409, NULL, YODEL_STR("x")), 0);
                    sim_run(hs.loop);
                }
                http_sim_assert_status(peer, defers != 0 ? 409 : cases[i].status);
                assert_string_equal(http_sim_header(peer, "Connection"), "close");
                assert_true(sim_is_shut(peer));
                more(peer, "more of it");
                assert_int_equal(t.ends, 1);
            } else {
                assert_int_equal(t.ends, 0);
            }
            again();
        }
}

static void test_http_body_of_chunks_grows_too_big(void **state)
{
    struct sim_peer *peer;
    char body[1100];

    memset(body, 'x', sizeof body);
    peer = ask(CHUNKED "3e8\r\n");
    sim_send(peer, body, 1000);
    more(peer, "\r\n");
    assert_int_equal(t.len, 1000);
    more(peer, "1\r\nx\r\n0\r\n\r\n");
    assert_ended(YODEL_ERR_TOO_BIG);
    assert_int_equal(t.len, 1000);
    http_sim_assert_status(peer, 413);
}

static void test_http_body_must_go_on(void **state)
{
    struct sim_peer *peer;

    for (int i = 0; i < 2; i++) {
        t.body_ms = i == 0 ? 0 : 500;
        peer = ask(LENGTH(1000) "1");
        for (int j = 0; j < 20; j++) { /* longer than a whole body may take */
            sim_advance(hs.loop, i == 0 ? 1900 : 490);
            more(peer, "1");
        }
        assert_int_equal(t.ends, 0);
        sim_advance(hs.loop, i == 0 ? 1999 : 499);
        assert_int_equal(t.ends, 0);
        sim_advance(hs.loop, 2);
        assert_ended(-ETIMEDOUT);
        http_sim_assert_status(peer, 408);
        assert_int_equal(atomic_load(&hs.loop->counters.requests_late), 1);
        again();
    }
    t.body_ms = UINT32_MAX;
    (void)ask(LENGTH(1000) "1");
    sim_advance(hs.loop, 1000000);
    assert_int_equal(t.ends, 0);
}

/* ---- answers ---- */

static void test_http_body_is_answered_early(void **state)
{
    for (int i = 0; i < 5; i++) {
        struct sim_peer *peer;

        t.answers_at_once = i < 2;
        t.pauses_at_once = i == 1;
        t.answers_in_data = i == 2 || i == 3;
        t.pauses = i == 3;
        t.defers = i == 4;
        peer = ask(LENGTH(900) "part");
        if (i == 4) {
            assert_int_equal(yodel_decision_respond_text(t.decision, 402, NULL, YODEL_STR("x")), 0);
            sim_run(hs.loop);
        }
        assert_ended(-ECANCELED);
        http_sim_assert_status(peer, i < 2 ? 403 : i < 4 ? 401 : 402);
        assert_string_equal(http_sim_header(peer, "Connection"), "close");
        for (int j = 0; j < 8; j++) { /* field case L6 */
            sim_advance(hs.loop, 110);
            assert_false(sim_is_closed(peer));
            more(peer, "0123456789012345678901234567890123456789");
            assert_int_equal(peer->input.len - peer->input_at, 0);
        }
        sim_end(peer);
        sim_run(hs.loop);
        assert_true(sim_is_closed(peer));
        assert_int_equal(t.ends, 1);
        again();
    }
}

/* On the loop, from a callback that is not one of the request's: on_end does not come inside. */
static void test_http_body_is_answered_from_elsewhere(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct sim_peer *peer = ask(LENGTH(900) "part");

        t.inside++;
        assert_int_equal(yodel_request_reply_text(t.req, 401, NULL, YODEL_STR("x")), 0);
        t.inside--;
        if (i == 1) /* the connection breaks before it is told */
            sim_break(peer, -ECONNRESET);
        sim_send_text(peer, "more");
        sim_run(hs.loop);
        assert_ended(-ECANCELED);
        assert_string_equal(t.text, "part");
        again();
    }
}

static void test_http_body_without_an_answer(void **state)
{
    struct sim_peer *peer;

    t.silent = true;
    peer = ask(LENGTH(4) "part");
    assert_ended(0);
    http_sim_assert_status(peer, 500);
    assert_non_null(strstr(hs.log, "no answer"));
}

/* The limit of the decision begins with the end of the body. */
static void test_http_body_is_decided_late(void **state)
{
    struct sim_peer *peer;

    t.defers = true;
    peer = ask(LENGTH(8) "1");
    for (int i = 0; i < 6; i++) {
        sim_advance(hs.loop, 1500);
        more(peer, "1");
    }
    more(peer, "1");
    assert_ended(0);
    sim_advance(hs.loop, 3999);
    assert_string_equal(sim_received(peer), "");
    sim_advance(hs.loop, 2);
    http_sim_assert_status(peer, 503);
}

/* In both directions at once. */
static void test_http_body_with_an_answer_in_parts(void **state)
{
    for (int body_first = 0; body_first < 2; body_first++) {
        struct sim_peer *peer;

        t.streams = true;
        peer = ask(LENGTH(8) "1234");
        http_sim_assert_status(peer, 200);
        assert_int_equal(yodel_stream_write_text(t.stream, YODEL_STR("one")), 0);
        sim_run(hs.loop);
        assert_int_equal(http_sim_count(peer, "one\r\n"), 1);
        assert_int_equal(t.calls, 1);
        if (body_first != 0) {
            more(peer, "5678");
            assert_ended(0);
            assert_int_equal(yodel_stream_end(t.stream), 0);
            sim_run(hs.loop);
        } else {
            assert_int_equal(yodel_stream_end(t.stream), 0);
            assert_int_equal(t.ends, 0);
            sim_run(hs.loop);
            assert_ended(-ECANCELED);
        }
        assert_int_equal(http_sim_count(peer, "0\r\n\r\n"), 1);
        assert_true(sim_is_shut(peer));
        again();
    }
}

static void test_http_body_that_fails_leaves_an_answer_in_parts(void **state)
{
    struct sim_peer *peer;

    t.streams = true;
    peer = ask(CHUNKED "2\r\n12\r\nx");
    assert_ended(YODEL_ERR_PROTOCOL);
    more(peer, "rubbish");
    assert_int_equal(peer->input.len - peer->input_at, 0);
    assert_int_equal(yodel_stream_write_text(t.stream, YODEL_STR("sorry")), 0);
    assert_int_equal(yodel_stream_end(t.stream), 0);
    sim_run(hs.loop);
    assert_int_equal(http_sim_count(peer, "sorry\r\n0\r\n\r\n"), 1);
    assert_true(sim_is_shut(peer));
}

/* ---- the handler of a streaming route that does not read ---- */

static void on_answer(yodel_request *req, void *user)
{
    t.starts++;
    if (user != NULL)
        (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("ok\n"));
}

static void test_http_body_that_nobody_wants(void **state)
{
    static const yodel_route_options ahead = {
        .size = sizeof ahead, .on_request = on_answer, .stream_body = 1};
    struct sim_peer *peer;

    assert_int_equal(yd_http_route_with(&hs.http, "/ok", &ahead, &t), 0);
    assert_int_equal(yd_http_route_with(&hs.http, "/silent", &ahead, NULL), 0);
    peer = ask("POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123");
    http_sim_assert_status(peer, 200);
    assert_true(sim_is_shut(peer));
    peer = ask("POST /silent HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123");
    http_sim_assert_status(peer, 500);
    assert_int_equal(t.starts, 2);
}

/* ---- options ---- */

static void test_http_body_options(void **state)
{
    const yodel_body_handlers without_end = {.size = sizeof without_end, .on_data = on_data},
                              without_data = {.size = sizeof without_data, .on_end = on_end},
                              without_size = {.size = 1};

    assert_int_equal(yd_http_route_with(&hs.http, "/x", NULL, NULL), -EINVAL);
    assert_int_equal(yd_http_route_with(&hs.http, "/x",
                                        YODEL_OPTIONS(yodel_route_options, .stream_body = 1), NULL),
                     -EINVAL);
    assert_int_equal(yd_http_route_with(&hs.http, "/up",
                                        YODEL_OPTIONS(yodel_route_options, .on_request = on_answer),
                                        NULL),
                     YODEL_ERR_CONFLICT);
    t.waits = true;
    (void)ask(LENGTH(4) "1234");
    assert_int_equal(yodel_request_body_pause(t.req), YODEL_ERR_STATE);
    assert_int_equal(yodel_request_body_resume(t.req), YODEL_ERR_STATE);
    assert_int_equal(yodel_request_body_read(t.req, NULL, NULL), -EINVAL);
    assert_int_equal(yodel_request_body_read(t.req, &without_end, NULL), -EINVAL);
    assert_int_equal(yodel_request_body_read(t.req, &without_data, NULL), -EINVAL);
    assert_int_equal(yodel_request_body_read(t.req, &without_size, NULL), -EINVAL);
    assert_int_equal(read_body(), 0);
    sim_run(hs.loop);
    assert_ended(0);
}

static void test_http_body_limits_of_a_route(void **state)
{
    static const yodel_route_options small = {.size = sizeof small,
                                              .on_request = on_request,
                                              .max_body = 4,
                                              .body_ms = 100},
                                     large = {.size = sizeof large,
                                              .on_request = on_request,
                                              .max_body = 2000};
    struct sim_peer *peer;
    char body[1500];

    assert_int_equal(yd_http_route_with(&hs.http, "/small", &small, NULL), 0);
    assert_int_equal(yd_http_route_with(&hs.http, "/large", &large, NULL), 0);
    peer = ask("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    http_sim_assert_status(peer, 413);
    peer = ask("POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
    sim_advance(hs.loop, 99);
    assert_string_equal(sim_received(peer), "");
    sim_advance(hs.loop, 2);
    http_sim_assert_status(peer, 408);
    assert_int_equal(t.starts, 0);
    memset(body, 'x', sizeof body);
    peer = ask("POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 1500\r\n\r\n");
    sim_send(peer, body, sizeof body);
    sim_run(hs.loop);
    assert_ended(0); /* all that is there, in one part */
    assert_int_equal(t.largest, 1500);
    http_sim_assert_status(peer, 200);
}

/* ---- stops, and memory ---- */

static void test_http_body_in_a_stop(void **state)
{
    struct sim_peer *peer = ask(LENGTH(8) "1234");

    yd_net_stop(&hs.net);
    sim_run(hs.loop);
    assert_int_equal(t.ends, 0); /* a request that has begun may finish */
    more(peer, "5678");
    assert_ended(0);
    http_sim_assert_status(peer, 200);
    again();
    t.pauses = true;
    (void)ask(LENGTH(8) "1234");
    yd_net_stop(&hs.net);
    yd_net_abort(&hs.net);
    sim_run(hs.loop);
    assert_ended(YODEL_ERR_CLOSED);
}

static void test_http_body_without_memory(void **state)
{
    bool done = false;

    for (unsigned n = 1; !done; n++) {
        struct sim_peer *peer;

        failmem_init(&fm, n);
        if (start(&fm.mem) == 0) {
            peer = ask(CHUNKED "4\r\nabcd\r\n");
            sim_send_text(peer, "2\r\nef\r\n0\r\n\r\n");
            sim_run(hs.loop);
            if (t.starts > 0 && t.read_result == 0) /* it is told its end, whatever happens */
                assert_int_equal(t.ends, 1);
            else
                assert_int_equal(t.ends + t.calls, 0);
            if (t.ends == 1 && t.result == 0)
                assert_string_equal(t.text, "abcdef");
            done = !failmem_has_failed(&fm);
            http_sim_stop(&hs);
        }
        failmem_assert_empty(&fm);
        assert_true(n < 1000);
    }
    memset(&t, 0, sizeof t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_http_body_comes_in_parts),
        FIXTURE_TEST(test_http_body_that_is_none),
        FIXTURE_TEST(test_http_body_beyond_max_body),
        FIXTURE_TEST(test_http_body_is_invited_when_it_is_asked_for),
        FIXTURE_TEST(test_http_body_pause_keeps_one_buffer),
        FIXTURE_TEST(test_http_body_pause_holds_the_end_back),
        FIXTURE_TEST(test_http_body_pause_from_the_beginning),
        FIXTURE_TEST(test_http_body_ends_once_when_the_client_leaves),
        FIXTURE_TEST(test_http_body_that_waits_to_be_whole),
        FIXTURE_TEST(test_http_body_failures),
        FIXTURE_TEST(test_http_body_of_chunks_grows_too_big),
        FIXTURE_TEST(test_http_body_must_go_on),
        FIXTURE_TEST(test_http_body_is_answered_early),
        FIXTURE_TEST(test_http_body_is_answered_from_elsewhere),
        FIXTURE_TEST(test_http_body_without_an_answer),
        FIXTURE_TEST(test_http_body_is_decided_late),
        FIXTURE_TEST(test_http_body_with_an_answer_in_parts),
        FIXTURE_TEST(test_http_body_that_fails_leaves_an_answer_in_parts),
        FIXTURE_TEST(test_http_body_that_nobody_wants),
        FIXTURE_TEST(test_http_body_options),
        FIXTURE_TEST(test_http_body_limits_of_a_route),
        FIXTURE_TEST(test_http_body_in_a_stop),
        cmocka_unit_test(test_http_body_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
