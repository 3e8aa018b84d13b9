/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "eio_ask.h"
#include "failmem.h"

/* Sessions of loop 0 that are asked for at loop 1. */

static int setup_two(void **state)
{
    *state = start_loops(2, NULL);
    return 0;
}

static const char *get_text(struct eio_sim *sim)
{
    static char text[200];

    (void)snprintf(text, sizeof text,
                   "GET /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n\r\n", sim->id);
    return text;
}

static const char *post_text(struct eio_sim *sim, const char *body)
{
    static char text[1000];

    (void)snprintf(text, sizeof text,
                   "POST /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   sim->id, strlen(body), body);
    return text;
}

static void test_eio_moves_a_poll(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer;

    eio_sim_open(sim, 0);
    peer = eio_sim_get(sim, 1, eio_sim_sid(sim));
    assert_int_equal(sim->base.nets[1].num_conns, 0);
    assert_ptr_equal(peer->stream->loop, sim->base.loops[0]);
    assert_int_equal(eio_sim_send(sim, "4a", 0), 0);
    eio_sim_expect(peer, 200, "4a");
    sim_send_text(peer, get_text(sim)); /* it stays there */
    eio_sim_run(sim);
    assert_int_equal(eio_sim_send(sim, "4b", 0), 0);
    eio_sim_expect(peer, 200, "4b");
}

/* What is on its way when the server stops is handled where it arrives, be it the only one there.
 */
static void test_eio_moves_to_a_loop_that_stops(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer;

    sim_end(eio_sim_get(sim, 0, "")); /* opens it, and no connection is left there */
    eio_sim_run(sim);
    assert_int_equal(sim->base.nets[0].num_conns, 0);
    assert_int_equal(eio_sim_send(sim, "4a", 0), 0);
    yd_net_stop(&sim->base.nets[0]);
    peer = eio_sim_get(sim, 1, eio_sim_sid(sim));
    eio_sim_expect(peer, 200, "4a");
    eio_sim_run(sim);
    assert_true(sim_is_shut(peer) || sim_is_closed(peer)); /* and told of the stop after that */
}

static void test_eio_moves_a_post(void **state)
{
    struct eio_sim *sim = *state;

    eio_sim_open(sim, 0);
    for (size_t chop = 0; chop < 3; chop++) {
        struct sim_peer *peer = sim_connect(sim->base.loops[1]);

        peer->chop = chop;
        sim_send_text(peer, post_text(sim, "4one\x1e"
                                           "4two"));
        eio_sim_run(sim);
        eio_sim_expect(peer, 200, "ok");
        eio_sim_expect_told(sim, "text:one;text:two;");
    }
}

static void test_eio_keeps_order_over_a_move(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = sim_connect(sim->base.loops[1]);

    eio_sim_open(sim, 0);
    sim->echo = true;
    sim_send_text(peer, post_text(sim, "4a"));
    sim_send_text(peer, post_text(sim, "4b"));
    sim_send_text(peer, get_text(sim));
    sim_send_text(peer, post_text(sim, "4c"));
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:a;text:b;text:c;");
    assert_non_null(strstr(sim_received(peer), "4a\x1e"
                                               "4b"));
}

static void test_eio_moves_a_half_read_post(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = sim_connect(sim->base.loops[1]);
    const char *text;

    eio_sim_open(sim, 0);
    text = post_text(sim, "4abc");
    sim_send(peer, text, strlen(text) - 2);
    eio_sim_run(sim);
    assert_ptr_equal(peer->stream->loop, sim->base.loops[0]); /* ahead of the body's end */
    eio_sim_expect(eio_sim_post(sim, 1, eio_sim_sid(sim), "4x"), 400, "");
    eio_sim_expect_told(sim, "close:transport error;");
}

static void test_eio_moves_an_upgrade(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll, *ws = sim_connect(sim->base.loops[1]);
    char text[500];

    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    (void)snprintf(text, sizeof text,
                   "GET /e/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: a\r\n"
                   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Version: 13\r\n\r\n",
                   sim->id);
    sim_send_text(ws, text);
    ws_sim_text(ws, "2probe"); /* in the same segment */
    eio_sim_run(sim);
    http_sim_assert_status(ws, 101);
    eio_sim_expect(poll, 200, "6");
    ws_sim_text(ws, "5");
    ws_sim_text(ws, "4a");
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:a;");
    assert_int_equal(yd_eio_transport(sim->session), YD_EIO_WEBSOCKET);
}

static void test_eio_moves_after_earlier_answers(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = sim_connect(sim->base.loops[1]);

    eio_sim_open(sim, 0);
    peer->window = 10; /* the first answer gets stuck */
    sim_send_text(peer, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_send_text(peer, post_text(sim, "4a"));
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "");
    assert_ptr_equal(peer->stream->loop, sim->base.loops[1]);
    peer->window = SIZE_MAX;
    eio_sim_run(sim);
    assert_ptr_equal(peer->stream->loop, sim->base.loops[0]);
    eio_sim_expect_told(sim, "text:a;");
    http_sim_assert_status(peer, 404);
    assert_non_null(strstr(sim_received(peer), "\r\n\r\nok"));
}

static void test_eio_moves_who_has_ended_its_side(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = sim_connect(sim->base.loops[1]);

    eio_sim_open(sim, 0);
    sim_send_text(peer, post_text(sim, "4a"));
    sim_end(peer);
    eio_sim_run(sim);
    eio_sim_expect(peer, 200, "ok");
    eio_sim_expect_told(sim, "text:a;");
    assert_true(sim_is_closed(peer));
}

static void test_eio_drops_who_breaks_on_the_way(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = sim_connect(sim->base.loops[1]);

    eio_sim_open(sim, 0);
    peer->window = 10;
    sim_send_text(peer, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_send_text(peer, post_text(sim, "4a"));
    eio_sim_run(sim);
    sim_break(peer, -ECONNRESET);
    eio_sim_run(sim);
    assert_true(sim_is_closed(peer));
    assert_int_equal(sim->base.nets[1].num_conns, 0);
    eio_sim_expect_told(sim, "");
}

static void test_eio_moves_to_no_loop_that_stops(void **state)
{
    struct eio_sim *sim = *state;

    eio_sim_open(sim, 0);
    yd_eio_stop(sim->eio, sim->base.loops[0]);
    http_sim_assert_status(eio_sim_get(sim, 1, eio_sim_sid(sim)), 503);
    http_sim_assert_status(eio_sim_post(sim, 1, eio_sim_sid(sim), "4a"), 503);
    http_sim_assert_status(eio_sim_upgrade(sim, 1, eio_sim_sid(sim)), 503);
    http_sim_assert_status(eio_sim_get(sim, 1, ""), 200); /* loop 1 goes on */
}

/* The other loop ends between the request and its arrival. */
static void test_eio_survives_an_end_on_the_way(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = sim_connect(sim->base.loops[1]);

    eio_sim_open(sim, 0);
    yd_net_abort(&sim->base.nets[0]);
    sim_run(sim->base.loops[0]);
    yd_net_stop(&sim->base.nets[0]);
    sim_send_text(peer, get_text(sim));
    eio_sim_run(sim);
    assert_int_equal(sim->base.nets[0].num_conns, 0);
    assert_int_equal(sim->base.nets[1].num_conns, 0);
    assert_true(sim_is_closed(peer));
    teardown(state);

    assert_int_equal(setup_two(state), 0);
    sim = *state;
    eio_sim_open(sim, 0);
    yd_loop_close(sim->base.loops[0]);
    http_sim_assert_status(eio_sim_get(sim, 1, eio_sim_sid(sim)), 503);
}

static void live_a_life(struct eio_sim *sim)
{
    struct sim_peer *peer;

    sim->echo = true;
    (void)eio_sim_get(sim, 0, "");
    if (sim->session == NULL)
        return;
    peer = sim_connect(sim->base.loops[1]);
    sim_send_text(peer, post_text(sim, "4a"));
    sim_send_text(peer, get_text(sim));
    eio_sim_run(sim);
    peer = eio_sim_upgrade(sim, 1, eio_sim_sid(sim));
    ws_sim_text(peer, "5");
    eio_sim_run(sim);
}

static void test_eio_moves_with_failing_allocations(void **state)
{
    live_without_memory(2, NULL, live_a_life, "open;text:a;close:ping timeout;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_eio_moves_a_poll, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_eio_moves_to_a_loop_that_stops, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_eio_moves_a_post, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_eio_keeps_order_over_a_move, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_eio_moves_a_half_read_post, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_eio_moves_an_upgrade, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_eio_moves_after_earlier_answers, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_eio_moves_who_has_ended_its_side, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_eio_drops_who_breaks_on_the_way, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_eio_moves_to_no_loop_that_stops, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_eio_survives_an_end_on_the_way, setup_two, teardown),
        cmocka_unit_test(test_eio_moves_with_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
