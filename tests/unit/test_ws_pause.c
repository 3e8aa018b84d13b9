/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "failmem.h"
#include "fixture.h"
#include "ws_sim.h"

/* WebSockets that the program does not read from for a while. */

static struct failmem fm;
static struct ws_sim sim;

static struct {
    yodel_ws *ws;
    char texts[200]; /* of the messages, one after another */
    bool pause_in_connect, pause_in_open, pause_in_message, flood;
    int connect_result, drains, closes, inside;
    yodel_ws_closer by;
} seen;

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    seen.ws = ws;
    if (seen.pause_in_connect)
        assert_int_equal(yodel_ws_pause(ws), 0);
    return seen.connect_result;
}

static int on_open(yodel_ws *ws, void *user)
{
    if (seen.pause_in_open)
        assert_int_equal(yodel_ws_pause(ws), 0);
    return 0;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    size_t len = strlen(seen.texts);

    assert_int_equal(seen.inside, 0);
    snprintf(seen.texts + len, sizeof seen.texts - len, "%.*s", (int)message->data.len,
             (const char *)message->data.ptr);
    if (seen.pause_in_message)
        assert_int_equal(yodel_ws_pause(ws), 0);
    while (seen.flood && yodel_ws_send_text(ws, YODEL_STR("flood")) == 0)
        ;
    return 0;
}

static void on_drain(yodel_ws *ws, void *user)
{
    seen.drains++;
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    seen.closes++;
    seen.by = closing->by;
    assert_int_equal(yodel_ws_pause(ws), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_ws_resume(ws), YODEL_ERR_CLOSED);
}

static int setup(void **state)
{
    int rc;

    failmem_init(&fm, 0);
    memset(&seen, 0, sizeof seen);
    if ((rc = ws_sim_start(&sim, &fm.mem)) < 0)
        return rc;
    return yd_ws_route(&sim.service, &sim.hs.http, "/ws",
                       YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect,
                                     .on_open = on_open, .on_message = on_message,
                                     .on_drain = on_drain, .on_close = on_close),
                       &seen);
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

static void resume(void)
{
    seen.inside++;
    assert_int_equal(yodel_ws_resume(seen.ws), 0);
    seen.inside--;
    run();
}

static struct sim_peer *open_paused(void)
{
    struct sim_peer *peer = ws_sim_open(&sim, "/ws");

    assert_int_equal(yodel_ws_pause(seen.ws), 0);
    assert_int_equal(yodel_ws_pause(seen.ws), 0); /* once more is no more */
    return peer;
}

static void test_ws_pause_stops_after_the_message(void **state)
{
    for (size_t chop = 0; chop < 12; chop++) {
        struct sim_peer *peer;

        seen.pause_in_message = true;
        memset(seen.texts, 0, sizeof seen.texts);
        peer = ws_sim_open(&sim, "/ws");
        peer->chop = chop;
        ws_sim_text(peer, "a");
        ws_sim_text(peer, "b");
        ws_sim_frame(peer, 0x01, "c", 1);
        ws_sim_frame(peer, 0x80, "d", 1);
        ws_sim_text(peer, "e");
        run();
        assert_string_equal(seen.texts, "a");
        resume();
        assert_string_equal(seen.texts, "ab");
        resume();
        assert_string_equal(seen.texts, "abcd");
        seen.pause_in_message = false;
        resume();
        assert_string_equal(seen.texts, "abcde");
        resume(); /* it is not paused: nothing */
        ws_sim_text(peer, "f");
        run();
        assert_string_equal(seen.texts, "abcdef");
    }
}

static void test_ws_pause_reads_no_more_than_one_buffer(void **state)
{
    struct sim_peer *peer = open_paused();
    size_t before;

    for (int i = 0; i < 200; i++) {
        char data[1000] = {0};

        ws_sim_frame(peer, 0x82, data, sizeof data);
    }
    before = peer->input.len - peer->input_at;
    run();
    assert_int_equal(peer->input.len - peer->input_at, before);
    seen.pause_in_message = true;
    resume();
    assert_true(before - (peer->input.len - peer->input_at) <= YD_READ_SIZE);
    before = peer->input.len - peer->input_at;
    resume(); /* of what is kept */
    assert_int_equal(peer->input.len - peer->input_at, before);
}

static void test_ws_pause_from_the_beginning(void **state)
{
    for (int i = 0; i < 3; i++) {
        struct sim_peer *peer;

        memset(seen.texts, 0, sizeof seen.texts);
        seen.pause_in_connect = i != 1;
        seen.pause_in_open = i == 1;
        seen.connect_result = i == 2 ? YODEL_DEFER : YODEL_ACCEPT;
        peer = ws_sim_connect(&sim, "/ws", "");
        ws_sim_text(peer, "a");
        run();
        if (i == 2)
            assert_int_equal(yodel_ws_accept(seen.ws, NULL), 0);
        run();
        http_sim_assert_status(peer, 101);
        assert_string_equal(seen.texts, "");
        resume();
        assert_string_equal(seen.texts, "a");
    }
    seen.connect_result = YODEL_DEFER; /* paused and resumed before it is decided */
    (void)ws_sim_connect(&sim, "/ws", "");
    resume();
    assert_int_equal(yodel_ws_accept(seen.ws, NULL), 0);
    run();
}

/* Ping after 1000 ms, 500 for the pong. */
static void test_ws_pause_is_not_a_silent_peer(void **state)
{
    struct sim_peer *peer = open_paused();

    ws_sim_text(peer, "a");
    sim_advance(sim.hs.loop, 5000);
    ws_sim_expect_nothing(peer);
    assert_int_equal(seen.closes, 0);
    resume();
    assert_string_equal(seen.texts, "a");
    sim_advance(sim.hs.loop, 1002);
    ws_sim_expect(peer, 0x89, "", 0);
    assert_int_equal(yodel_ws_pause(seen.ws), 0); /* the pong cannot be heard */
    ws_sim_frame(peer, 0x8a, "", 0);
    sim_advance(sim.hs.loop, 700);
    assert_int_equal(seen.closes, 0);
    resume();
    sim_advance(sim.hs.loop, 3000); /* now it counts again */
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.by, YODEL_WS_BY_TIMEOUT);
}

static void test_ws_pause_ends_with_a_close(void **state)
{
    struct sim_peer *peer = open_paused();

    ws_sim_text(peer, "a");
    run();
    yodel_ws_close(seen.ws, 4001, NULL);
    assert_int_equal(yodel_ws_pause(seen.ws), YODEL_ERR_CLOSED);
    run();
    ws_sim_expect_close(peer, 4001);
    ws_sim_close(peer, 4001, "");
    sim_end(peer);
    run();
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.by, YODEL_WS_BY_SERVER);
    assert_string_equal(seen.texts, "");
}

static void test_ws_pause_ends_with_a_stop(void **state)
{
    struct sim_peer *peer = open_paused();

    yd_net_stop(&sim.hs.net);
    run();
    ws_sim_expect_close(peer, 1001);
    ws_sim_close(peer, 1001, "");
    sim_end(peer);
    run();
    assert_int_equal(seen.closes, 1);
}

static void test_ws_pause_notices_a_broken_connection(void **state)
{
    struct sim_peer *peer = open_paused();

    ws_sim_text(peer, "a");
    sim_break(peer, -ECONNRESET);
    run();
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.by, YODEL_WS_BY_LOSS);
    assert_string_equal(seen.texts, "");
}

static void test_ws_pause_loses_nothing_before_the_peers_end(void **state)
{
    struct sim_peer *peer = open_paused();

    ws_sim_text(peer, "a");
    ws_sim_text(peer, "b");
    sim_end(peer);
    sim_advance(sim.hs.loop, 5000);
    assert_int_equal(seen.closes, 0);
    resume();
    assert_string_equal(seen.texts, "ab");
    assert_int_equal(seen.closes, 1);
    assert_int_equal(seen.by, YODEL_WS_BY_LOSS);
}

/* Output above 2000 bytes: the peer is not listened to for that reason either. */
static void test_ws_pause_goes_with_congestion(void **state)
{
    for (int i = 0; i < 2; i++) {
        struct sim_peer *peer;

        memset(&seen, 0, sizeof seen);
        peer = ws_sim_open(&sim, "/ws");
        peer->window = 0;
        seen.flood = seen.pause_in_message = true;
        ws_sim_text(peer, "a");
        ws_sim_text(peer, "b");
        run();
        assert_string_equal(seen.texts, "a");
        seen.flood = seen.pause_in_message = false;
        if (i == 0) { /* first the one goes, then the other */
            peer->window = SIZE_MAX;
            sim_turn(sim.hs.loop);
            run();
            assert_int_equal(seen.drains, 1);
            assert_string_equal(seen.texts, "a");
            resume();
        } else {
            resume();
            assert_string_equal(seen.texts, "a");
            peer->window = SIZE_MAX;
            sim_turn(sim.hs.loop);
            run();
        }
        assert_string_equal(seen.texts, "ab");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_ws_pause_stops_after_the_message),
        FIXTURE_TEST(test_ws_pause_reads_no_more_than_one_buffer),
        FIXTURE_TEST(test_ws_pause_from_the_beginning),
        FIXTURE_TEST(test_ws_pause_is_not_a_silent_peer),
        FIXTURE_TEST(test_ws_pause_ends_with_a_close),
        FIXTURE_TEST(test_ws_pause_ends_with_a_stop),
        FIXTURE_TEST(test_ws_pause_notices_a_broken_connection),
        FIXTURE_TEST(test_ws_pause_loses_nothing_before_the_peers_end),
        FIXTURE_TEST(test_ws_pause_goes_with_congestion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
