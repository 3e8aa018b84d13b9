/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "bus/heard.h"
#include "failmem.h"
#include "ws_sim.h"

/* A WebSocket whose group is not heard of from other processes yet: its output waits, the 101
 * first of all. */

struct fixture {
    struct ws_sim sim;
    struct failmem fm;
    struct yd_peer peer;
    bool all;           /* the peer hears every group */
    const char *heard;  /* or one of them, or none */
    unsigned questions; /* to the peer */
    yodel_ws *ws;
    yodel_decision *decision;
    int outcome, opens, closes;
    bool joins_two, joins_open, says;
};

static bool hears(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    struct fixture *f = yd_container_of(peer, struct fixture, peer);

    assert_true(yodel_str_eq(layer, YODEL_STR("groups")));
    f->questions++;
    return f->all || (f->heard != NULL && yodel_str_eq(group, yodel_str_of(f->heard)));
}

static bool takes(struct yd_peer *peer, const struct yd_op *op)
{
    (void)peer;
    (void)op;
    return false;
}

static const struct yd_peer_ops peer_ops = {.takes = takes, .hears = hears};

static int join(struct fixture *f, yodel_ws *ws, const char *group)
{
    return yodel_group_add(f->sim.channels, group, ws);
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct fixture *f = user;

    (void)req;
    f->ws = ws;
    if (join(f, ws, "a") < 0 || (f->joins_two && join(f, ws, "b") < 0))
        return 503;
    if (f->outcome == YODEL_DEFER)
        f->decision = yodel_ws_defer(ws);
    return f->outcome;
}

static int on_open(yodel_ws *ws, void *user)
{
    struct fixture *f = user;

    f->opens++;
    if (f->says)
        (void)yodel_ws_send_text(ws, YODEL_STR("hello"));
    return f->joins_open ? join(f, ws, "b") : 0;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    (void)message;
    if (join(user, ws, "c") == 0)
        (void)yodel_ws_send_text(ws, YODEL_STR("joined"));
    return 0;
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    struct fixture *f = user;

    (void)ws;
    (void)closing;
    f->closes++;
}

static int start(struct fixture *f)
{
    int rc;

    if ((rc = ws_sim_start(&f->sim, &f->fm.mem)) < 0)
        return rc;
    f->peer = (struct yd_peer){.ops = &peer_ops};
    assert_int_equal(yd_bus_add_peer(&f->sim.bus, &f->peer), 0);
    rc = yd_ws_route(&f->sim.service, &f->sim.hs.http, "/ws",
                     YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect, .on_open = on_open,
                                   .on_message = on_message, .on_close = on_close),
                     f);
    if (rc < 0)
        ws_sim_stop(&f->sim);
    return rc;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    failmem_init(&f->fm, 0);
    f->outcome = YODEL_ACCEPT;
    *state = f;
    return start(f);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    f->decision = yodel_decision_unref(f->decision);
    ws_sim_stop(&f->sim);
    failmem_assert_empty(&f->fm);
    free(f);
    return 0;
}

static void run(struct fixture *f)
{
    sim_run(f->sim.hs.loop);
}

static void hear(struct fixture *f, const char *group)
{
    f->heard = group;
    yd_bus_hears_more(&f->sim.bus);
    run(f);
}

static void expect_silence(const struct sim_peer *peer)
{
    assert_int_equal(sim_received_len(peer), 0);
}

static void expect_open(struct sim_peer *peer)
{
    assert_memory_equal(sim_received(peer), "HTTP/1.1 101 ", 13);
    sim_forget(peer);
}

static void expect_open_and(struct sim_peer *peer, const char *text)
{
    const char *received = sim_received(peer), *end = strstr(received, "\r\n\r\n");
    size_t len = strlen(text);

    assert_memory_equal(received, "HTTP/1.1 101 ", 13);
    assert_non_null(end);
    assert_int_equal(sim_received_len(peer), (size_t)(end + 4 - received) + 2 + len);
    assert_memory_equal(end + 6, text, len);
    sim_forget(peer);
}

/* ---- */

static void test_the_101_waits(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer = ws_sim_connect(&f->sim, "/ws", "");

    expect_silence(peer);
    hear(f, NULL); /* another group */
    expect_silence(peer);
    sim_advance(f->sim.hs.loop, YD_HEARD_LIMIT_MS - 10);
    expect_silence(peer);
    hear(f, "a");
    expect_open(peer);
    assert_int_equal(f->opens, 1);
}

static void test_what_is_said_meanwhile_follows_the_101(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer;

    f->says = true;
    peer = ws_sim_connect(&f->sim, "/ws", "");
    expect_silence(peer);
    hear(f, "a");
    expect_open_and(peer, "hello");
    assert_int_equal(yodel_group_send_pack(f->sim.channels, "a", "i", 7), 0);
    run(f);
    ws_sim_expect_text(peer, "7");
}

static void test_not_for_ever(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer = ws_sim_connect(&f->sim, "/ws", "");

    sim_advance(f->sim.hs.loop, YD_HEARD_LIMIT_MS + 1);
    expect_open(peer);
    assert_int_equal(atomic_load(&f->sim.bus.per_loop[0].num_heard), 0);
    hear(f, "a");
    expect_silence(peer);
}

static void test_for_all_groups(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer;

    f->joins_two = true;
    peer = ws_sim_connect(&f->sim, "/ws", "");
    hear(f, "a");
    expect_silence(peer);
    assert_int_equal(atomic_load(&f->sim.bus.per_loop[0].num_heard), 1);
    hear(f, "b");
    expect_open(peer);
}

/* Also for those that on_open joins, as the 101 is not out then. */
static void test_on_open_too(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer;

    f->joins_open = true;
    f->heard = "a";
    peer = ws_sim_connect(&f->sim, "/ws", "");
    expect_silence(peer);
    hear(f, "b");
    expect_open(peer);
}

/* An answer that comes after a join is as good a sign. */
static void test_of_an_open_one(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer;

    f->heard = "a";
    peer = ws_sim_open(&f->sim, "/ws");
    ws_sim_text(peer, "join");
    run(f);
    ws_sim_expect_nothing(peer);
    hear(f, "c");
    ws_sim_expect_text(peer, "joined");
    ws_sim_text(peer, "again");
    run(f);
    ws_sim_expect_text(peer, "joined");
}

static void test_heard_already(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer, *second;
    size_t calls;

    f->all = true;
    peer = ws_sim_connect(&f->sim, "/ws", "");
    expect_open(peer);
    f->all = false;
    f->heard = "a";
    calls = atomic_load(&f->fm.calls);
    assert_int_equal(join(f, f->ws, "a"), 0);
    assert_int_equal(atomic_load(&f->fm.calls), calls); /* it needs nothing */
    second = ws_sim_connect(&f->sim, "/ws", "");
    expect_open(second);
}

static void test_decided_later(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer;

    f->outcome = YODEL_DEFER;
    peer = ws_sim_connect(&f->sim, "/ws", "");
    assert_int_equal(yodel_decision_accept(f->decision, NULL), 0);
    run(f);
    expect_silence(peer);
    assert_int_equal(f->opens, 1);
    hear(f, "a");
    expect_open(peer);
}

static void test_refused_at_once(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer;

    f->outcome = 403;
    peer = ws_sim_connect(&f->sim, "/ws", "");
    assert_memory_equal(sim_received(peer), "HTTP/1.1 403 ", 13);
    assert_int_equal(atomic_load(&f->sim.bus.per_loop[0].num_heard), 0);
}

static void test_the_client_leaves(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer = ws_sim_connect(&f->sim, "/ws", "");

    sim_break(peer, -ECONNRESET);
    run(f);
    assert_int_equal(f->closes, 1);
    assert_int_equal(atomic_load(&f->sim.bus.per_loop[0].num_heard), 0);
    hear(f, "a");
    peer = ws_sim_connect(&f->sim, "/ws", "");
    expect_open(peer);
}

static void test_leaving_the_group(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer = ws_sim_connect(&f->sim, "/ws", "");

    yodel_group_discard(f->sim.channels, "a", f->ws);
    run(f);
    expect_open(peer);
}

/* The 101, then the close frame. */
static void test_closing_does_not_wait(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer = ws_sim_connect(&f->sim, "/ws", "");

    yodel_ws_close(f->ws, 4000, NULL);
    run(f);
    assert_memory_equal(sim_received(peer), "HTTP/1.1 101 ", 13);
    assert_memory_equal(sim_received(peer) + sim_received_len(peer) - 4, "\x88\x02\x0f\xa0", 4);
}

static void test_the_server_stops(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer = ws_sim_connect(&f->sim, "/ws", "");

    yd_net_stop(f->sim.hs.loop->net);
    run(f);
    assert_memory_equal(sim_received(peer), "HTTP/1.1 101 ", 13);
    assert_non_null(memmem(sim_received(peer), sim_received_len(peer), "\x03\xe9", 2));
    assert_int_equal(atomic_load(&f->sim.bus.per_loop[0].num_heard), 0);
}

/* Far peers that have ended hear nothing, and nobody waits for that. */
static void test_a_closed_bus(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer;

    atomic_store(&f->sim.bus.closed, true);
    peer = ws_sim_connect(&f->sim, "/ws", "");
    expect_open(peer);
    assert_int_equal(f->questions, 0);
    atomic_store(&f->sim.bus.closed, false);
}

static void test_long_messages_wait_too(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer = ws_sim_connect(&f->sim, "/ws", "");
    static char text[1500];

    memset(text, 'x', sizeof text);
    assert_int_equal(yodel_ws_send_text(f->ws, (yodel_str){text, sizeof text}), 0);
    run(f);
    expect_silence(peer);
    hear(f, "a");
    assert_memory_equal(sim_received(peer), "HTTP/1.1 101 ", 13);
    assert_true(sim_received_len(peer) > sizeof text + 100);
}

/* Without memory to wait with it is accepted at once, if it is. */
static void test_without_memory(void **state)
{
    struct failmem *fm;
    struct fixture *f = calloc(1, sizeof *f);

    (void)state;
    fm = &f->fm;
    failmem_init(fm, 0);
    f->outcome = YODEL_ACCEPT;
    FAILMEM_LOOP(fm)
    {
        struct sim_peer *peer;

        failmem_pause(fm);
        assert_int_equal(start(f), 0);
        failmem_resume(fm);
        peer = ws_sim_connect(&f->sim, "/ws", "");
        failmem_pause(fm);
        if (!failmem_has_failed(fm))
            expect_silence(peer);
        hear(f, "a");
        assert_true(sim_received_len(peer) > 0 || sim_is_closed(peer));
        assert_int_equal(atomic_load(&f->sim.bus.per_loop[0].num_heard), 0);
        f->heard = NULL;
        ws_sim_stop(&f->sim);
        failmem_resume(fm);
    }
    free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_the_101_waits),
        TEST(test_what_is_said_meanwhile_follows_the_101),
        TEST(test_not_for_ever),
        TEST(test_for_all_groups),
        TEST(test_on_open_too),
        TEST(test_of_an_open_one),
        TEST(test_heard_already),
        TEST(test_decided_later),
        TEST(test_refused_at_once),
        TEST(test_the_client_leaves),
        TEST(test_leaving_the_group),
        TEST(test_closing_does_not_wait),
        TEST(test_the_server_stops),
        TEST(test_a_closed_bus),
        TEST(test_long_messages_wait_too),
        cmocka_unit_test(test_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
