/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eio_ask.h"

/* A client that is not read from. */

static void test_eio_pause_of_a_websocket(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);

    yd_eio_pause(sim->session);
    ws_sim_text(ws, "4a");
    ws_sim_text(ws, "4b");
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "");
    eio_sim_advance(sim, 10000); /* of which pings were sent, and no pong could be heard */
    eio_sim_expect_told(sim, "");
    yd_eio_resume(sim->session);
    eio_sim_expect_told(sim, "");
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:a;text:b;");
    eio_sim_advance(sim, 1600); /* from now on silence counts again */
    eio_sim_expect_told(sim, "close:ping timeout;");
}

static void test_eio_pause_within_what_was_read(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws = eio_sim_ws_open(sim, 0);

    sim->pause_after = "a";
    ws_sim_text(ws, "4a");
    ws_sim_text(ws, "4b");
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:a;");
    yd_eio_resume(sim->session);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:b;");
}

static const char three[] = "4a\x1e"
                            "4b\x1e"
                            "4c";

static void test_eio_pause_of_a_post(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *post;

    eio_sim_open(sim, 0);
    sim->pause_after = "a";
    post = eio_sim_say(sim, three);
    eio_sim_expect_told(sim, "text:a;");
    assert_int_equal(sim_received_len(post), 0);
    eio_sim_advance(sim, 1000);
    eio_sim_expect(eio_sim_poll(sim), 200, "2"); /* which it cannot answer */
    eio_sim_advance(sim, 10000);
    eio_sim_expect_told(sim, "");
    sim->pause_after = "b"; /* once more on the way */
    yd_eio_resume(sim->session);
    eio_sim_expect_told(sim, "");
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:b;");
    assert_int_equal(sim_received_len(post), 0);
    sim->pause_after = "c";
    yd_eio_resume(sim->session);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:c;");
    assert_int_equal(sim_received_len(post), 0);
    yd_eio_resume(sim->session);
    eio_sim_run(sim);
    eio_sim_expect(post, 200, "ok");
    eio_sim_expect(eio_sim_say(sim, "4on"), 200, "ok");
    eio_sim_expect_told(sim, "text:on;");
}

static void test_eio_pause_ends_with_its_session(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *post;

    eio_sim_open(sim, 0);
    sim->pause_after = "a";
    post = eio_sim_say(sim, three);
    yd_eio_close(sim->session, YD_EIO_FORCED_CLOSE);
    eio_sim_run(sim);
    eio_sim_expect(post, 200, "ok");
    eio_sim_expect_told(sim, "text:a;close:forced close;");

    eio_sim_open(sim, 0);
    post = eio_sim_say(sim, three);
    sim_break(post, -ECONNRESET);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:a;close:transport error;");
}

static void test_eio_pause_and_a_bad_packet_after_it(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *post;

    eio_sim_open(sim, 0);
    sim->pause_after = "a";
    post = eio_sim_say(sim, "4a\x1e");
    eio_sim_expect_told(sim, "text:a;");
    yd_eio_resume(sim->session);
    eio_sim_run(sim);
    eio_sim_expect(post, 200, "ok");
    eio_sim_expect_told(sim, "close:parse error;");
}

static void test_eio_pause_goes_with_an_upgrade(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws;

    eio_sim_open(sim, 0);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    yd_eio_pause(sim->session);
    ws_sim_text(ws, "5");
    ws_sim_text(ws, "4a");
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "");
    yd_eio_resume(sim->session);
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:a;");
}

/* Its packets come ahead of what is sent on the WebSocket. */
static void test_eio_pause_refuses_an_upgrade_past_a_post(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws, *post;

    eio_sim_open(sim, 0);
    sim->pause_after = "a";
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    post = eio_sim_say(sim, three);
    ws_sim_text(ws, "5");
    ws_sim_text(ws, "4late");
    eio_sim_run(sim);
    ws_sim_expect_close(ws, 0);
    yd_eio_resume(sim->session);
    eio_sim_run(sim);
    eio_sim_expect(post, 200, "ok");
    eio_sim_expect_told(sim, "text:a;text:b;text:c;");
}

static void pause_and_resume(struct eio_sim *sim)
{
    char query[100];

    sim->pause_after = "a";
    (void)eio_sim_get(sim, 0, "");
    if (count_told(sim, "open;") == 0)
        return;
    (void)snprintf(query, sizeof query, "%s", eio_sim_sid(sim));
    (void)eio_sim_post(sim, 0, query, three);
    if (count_told(sim, "close:") > 0)
        return;
    yd_eio_resume(sim->session);
    eio_sim_run(sim);
}

static void test_eio_pause_without_memory(void **state)
{
    live_without_memory(1, NULL, pause_and_resume, "open;text:a;text:b;text:c;close:ping timeout;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_eio_pause_of_a_websocket),
        FIXTURE_TEST(test_eio_pause_within_what_was_read),
        FIXTURE_TEST(test_eio_pause_of_a_post),
        FIXTURE_TEST(test_eio_pause_ends_with_its_session),
        FIXTURE_TEST(test_eio_pause_and_a_bad_packet_after_it),
        FIXTURE_TEST(test_eio_pause_goes_with_an_upgrade),
        FIXTURE_TEST(test_eio_pause_refuses_an_upgrade_past_a_post),
        cmocka_unit_test(test_eio_pause_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
