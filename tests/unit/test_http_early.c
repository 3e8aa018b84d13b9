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

/* Answers to requests that are still coming: the connection ends, but not so that a client which
 * reads only when it has sent all loses the answer (RFC 9112 9.6). */

static struct failmem fm;
static struct http_sim hs;

static void on_echo(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply(req, 0, "application/octet-stream", yodel_request_body(req));
}

static int setup(void **state)
{
    int rc;

    failmem_init(&fm, 0);
    if ((rc = http_sim_start(&hs, &fm.mem, 0)) < 0)
        return rc;
    return yd_http_route(&hs.http, "POST /echo", on_echo, NULL);
}

static int teardown(void **state)
{
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

static uint64_t cut_short(void)
{
    return atomic_load(&hs.loop->counters.cut_short);
}

/* More of what the server does not want. */
static void send_more(struct sim_peer *peer, size_t len)
{
    void *data = calloc(1, len);

    assert_non_null(data);
    sim_send(peer, data, len);
    free(data);
    sim_run(hs.loop);
}

#define LONG_LINE                                                                                  \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"     \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"

static const struct {
    const char *request;
    int status;
} kinds[] = {
    {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n", 413},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n" LONG_LINE
         LONG_LINE LONG_LINE LONG_LINE LONG_LINE LONG_LINE,
     413},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400},
    {"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n", 404},
    {"GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n", 405},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 20000000\r\n\r\n", 417},
    {"POST /echo HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n", 400},
    {"POST /echo HTTP/1.1\r\nHost: a\r\nX: " LONG_LINE LONG_LINE LONG_LINE, 431},
};

static void test_http_early_answer_is_read_whole(void **state)
{
    for (size_t i = 0; i < YD_LEN(kinds); i++) {
        struct sim_peer *peer = http_sim_ask(&hs, kinds[i].request);

        http_sim_assert_status(peer, kinds[i].status);
        assert_string_equal(http_sim_header(peer, "Connection"), "close");
        assert_true(sim_is_shut(peer)); /* all is sent: the client can tell that it is over */
        for (int j = 0; j < 8; j++) {
            sim_advance(hs.loop, 110); /* longer than an idle peer is waited for */
            assert_false(sim_is_closed(peer));
            send_more(peer, 1000);
            assert_int_equal(peer->input.len - peer->input_at, 0);
        }
        sim_end(peer);
        sim_run(hs.loop);
        assert_true(sim_is_closed(peer));
    }
    assert_int_equal(cut_short(), 0);
}

static void test_http_early_answer_waits_for_a_limited_time(void **state)
{
    struct sim_peer *quiet = http_sim_ask(&hs, kinds[0].request), *busy;

    sim_advance(hs.loop, 199);
    assert_false(sim_is_closed(quiet));
    sim_advance(hs.loop, 2);
    assert_true(sim_is_closed(quiet));
    assert_int_equal(cut_short(), 0);
    busy = http_sim_ask(&hs, kinds[0].request);
    for (int i = 0; i < 99; i++) {
        sim_advance(hs.loop, 10);
        send_more(busy, 10);
    }
    assert_false(sim_is_closed(busy));
    sim_advance(hs.loop, 11);
    assert_true(sim_is_closed(busy));
    assert_int_equal(cut_short(), 1);
}

static void test_http_early_answer_drops_limited_bytes(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, kinds[0].request);

    send_more(peer, 100000);
    assert_false(sim_is_closed(peer));
    send_more(peer, 1);
    assert_true(sim_is_closed(peer));
    assert_int_equal(cut_short(), 1);
}

/* The answer does not fit into what the client's kernel takes: it is not read from more than the
 * limit meanwhile, and gets all of it all the same. */
static void test_http_early_answer_is_flushed_while_input_is_dropped(void **state)
{
    struct sim_peer *peer = sim_connect(hs.loop);

    peer->window = 10;
    sim_send_text(peer, kinds[0].request);
    sim_run(hs.loop);
    send_more(peer, 100001);
    send_more(peer, 5000);
    assert_int_equal(peer->input.len - peer->input_at, 5000);
    assert_false(sim_is_closed(peer));
    peer->window = SIZE_MAX;
    sim_turn(hs.loop);
    sim_run(hs.loop);
    http_sim_assert_status(peer, 413);
    assert_true(sim_is_closed(peer));
    assert_int_equal(cut_short(), 1);
}

/* An idle connection is not waited for as long as one that is in the middle of something. */
static void test_http_early_is_not_an_idle_close(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, "GET /none HTTP/1.0\r\n\r\n");

    sim_advance(hs.loop, 99);
    assert_false(sim_is_closed(peer));
    sim_advance(hs.loop, 2);
    assert_true(sim_is_closed(peer));
}

/* A stop is in more of a hurry, but what comes is read. */
static void test_http_early_answer_in_a_stop(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, kinds[0].request);

    hs.net.options.stop_ms = 50;
    yd_net_stop(&hs.net);
    for (int i = 0; i < 5; i++) {
        sim_advance(hs.loop, 40);
        assert_false(sim_is_closed(peer));
        send_more(peer, 100);
    }
    sim_advance(hs.loop, 51);
    assert_true(sim_is_closed(peer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_http_early_answer_is_read_whole),
        FIXTURE_TEST(test_http_early_answer_waits_for_a_limited_time),
        FIXTURE_TEST(test_http_early_answer_drops_limited_bytes),
        FIXTURE_TEST(test_http_early_answer_is_flushed_while_input_is_dropped),
        FIXTURE_TEST(test_http_early_is_not_an_idle_close),
        FIXTURE_TEST(test_http_early_answer_in_a_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
