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
#include "sio/sio_base.h"
#include "sio_sim.h"
#include "ws/ws.h"

/* Readers of server-sent events in rooms of Socket.IO. */

static struct {
    struct failmem fm;
    struct sio_sim sim;
    struct sio_client client;
    yodel_sio_namespace *parent;
    yodel_sse *sse; /* that came last */
    int rc;
} world;

/* GET /e?room=x&other=y, in no room, or all of the namespace with ?all=1. */
static void on_events(yodel_request *req, void *user)
{
    static const char *const fields[] = {"room", "other"};
    char name[100];

    assert_int_equal(yodel_request_sse_begin(req, NULL, &world.sse), 0);
    for (int i = 0; i < 2; i++) {
        yodel_str room = yodel_request_query_param(req, fields[i]);

        (void)snprintf(name, sizeof name, "%" YODEL_PRI, YODEL_ARG(room));
        if (room.ptr != NULL)
            assert_int_equal(yodel_sio_namespace_reader_add(world.sim.ns, name, world.sse), 0);
    }
    if (yodel_request_query_param(req, "all").ptr != NULL)
        assert_int_equal(yodel_sio_namespace_reader_add(world.sim.ns, NULL, world.sse), 0);
}

static void join_r(struct sio_sim *sim, void *user)
{
    assert_int_equal(yodel_sio_socket_join(sim->socket, "r"), 0);
}

static void start(void)
{
    memset(&world, 0, sizeof world);
    failmem_init(&world.fm, 0);
    assert_int_equal(sio_sim_start(&world.sim, &world.fm.mem, 2, NULL), 0);
    assert_int_equal(yd_http_route(&world.sim.base.http, "GET /e", on_events, NULL), 0);
    world.parent = sio_sim_of_pattern(world.sim.sio, "^/p\\d$");
    assert_non_null(world.parent);
    sio_sim_connect(&world.sim, 0, &world.client);
    sio_sim_on_loop(&world.sim, 0, join_r, NULL);
}

static int setup(void **state)
{
    start();
    return 0;
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    failmem_assert_empty(&world.fm);
    return 0;
}

static struct sim_peer *open_reader(unsigned loop, const char *query)
{
    struct sim_peer *peer = sim_connect(world.sim.base.loops[loop]);
    char text[200];

    (void)snprintf(text, sizeof text, "GET /e?%s HTTP/1.1\r\nHost: a\r\n\r\n", query);
    sim_send_text(peer, text);
    sio_sim_run(&world.sim);
    http_sim_assert_status(peer, 200);
    sim_forget(peer);
    return peer;
}

/* One event in its chunk, and nothing else. */
static void expect_event(struct sim_peer *peer, const char *event)
{
    char chunk[300];

    (void)snprintf(chunk, sizeof chunk, "%zx\r\n%s\r\n", strlen(event), event);
    assert_string_equal(sim_received(peer), chunk);
    sim_forget(peer);
}

static void expect_nothing(struct sim_peer *peer)
{
    assert_string_equal(sim_received(peer), "");
}

static void emit_text(yodel_sio_target target, const char *name)
{
    assert_int_equal(yodel_sio_emit(target, name, "s, i", "a\nb", 2), 0);
    sio_sim_run(&world.sim);
}

static void test_sio_readers_get_what_a_room_gets(void **state)
{
    struct sim_peer *near = open_reader(0, "room=r"), *far = open_reader(1, "room=r");
    struct sim_peer *other = open_reader(1, "room=x");

    emit_text(yodel_sio_to_room(world.sim.ns, "r"), "news");
    sio_sim_expect(&world.client, "2[\"news\",\"a\\nb\",2]");
    expect_event(near, "event: news\ndata: [\"a\\nb\",2]\n\n");
    expect_event(far, "event: news\ndata: [\"a\\nb\",2]\n\n");
    expect_nothing(other);
    emit_text(yodel_sio_to_all(world.sim.ns), "news");
    sio_sim_expect(&world.client, "2[\"news\",\"a\\nb\",2]");
    expect_nothing(near);
}

static void test_sio_readers_of_all_of_a_namespace(void **state)
{
    struct sim_peer *near = open_reader(0, "all=1"), *far = open_reader(1, "all=1");

    emit_text(yodel_sio_to_all(world.sim.ns), "news");
    expect_event(near, "event: news\ndata: [\"a\\nb\",2]\n\n");
    expect_event(far, "event: news\ndata: [\"a\\nb\",2]\n\n");
    emit_text(yodel_sio_to_room(world.sim.ns, "r"), "news");
    expect_nothing(near);
}

/* Whatever rooms it shares with what is meant, and never when it is left out. */
static void test_sio_readers_get_it_once(void **state)
{
    struct sim_peer *both = open_reader(1, "room=r&other=s&all=1"), *one = open_reader(1, "room=s");
    yodel_sio_target rooms = yodel_sio_to_rooms(world.sim.ns, YODEL_ROOMS("r", "s"));
    yodel_sio_target all = yodel_sio_to_all(world.sim.ns);

    emit_text(rooms, "e");
    expect_event(both, "event: e\ndata: [\"a\\nb\",2]\n\n");
    expect_event(one, "event: e\ndata: [\"a\\nb\",2]\n\n");
    emit_text(yodel_sio_target_and(all, rooms), "e");
    expect_event(both, "event: e\ndata: [\"a\\nb\",2]\n\n");
    expect_event(one, "event: e\ndata: [\"a\\nb\",2]\n\n");
    emit_text(yodel_sio_target_except(rooms, YODEL_ROOMS("r")), "e");
    expect_nothing(both);
    expect_event(one, "event: e\ndata: [\"a\\nb\",2]\n\n");
    emit_text(yodel_sio_target_except(all, YODEL_ROOMS("s")), "e");
    expect_nothing(both);
}

static void test_sio_readers_leave(void **state)
{
    struct sim_peer *peer = open_reader(0, "room=r&all=1");

    yodel_sio_namespace_reader_discard(world.sim.ns, "r", world.sse);
    yodel_sio_namespace_reader_discard(world.sim.ns, "nowhere", world.sse);
    emit_text(yodel_sio_to_room(world.sim.ns, "r"), "e");
    expect_nothing(peer);
    yodel_sio_namespace_reader_discard(world.sim.ns, NULL, world.sse);
    emit_text(yodel_sio_to_all(world.sim.ns), "e");
    expect_nothing(peer);
    peer = open_reader(0, "room=r&all=1");
    sim_end(peer);
    sio_sim_run(&world.sim);
    emit_text(yodel_sio_to_room(world.sim.ns, "r"), "e");
}

static void test_sio_readers_cannot_have_all_events(void **state)
{
    struct sim_peer *peer = open_reader(1, "room=r");
    const yodel_bytes data = {(const uint8_t *)"x", 1};
    const yodel_sio_args args = {.size = sizeof args,
                                 .json = YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"),
                                 .attachments = &data,
                                 .num_attachments = 1};

    assert_int_equal(yodel_sio_emit_args(yodel_sio_to_room(world.sim.ns, "r"), "bin", &args), 0);
    emit_text(yodel_sio_to_room(world.sim.ns, "r"), "two\nlines");
    expect_nothing(peer);
    assert_int_equal(atomic_load(&world.sim.base.loops[1]->counters.events_dropped), 2);
}

static void note_answers(const yodel_sio_answers *answers, void *user)
{
    world.rc = answers->result;
}

static void test_sio_readers_owe_no_answer(void **state)
{
    struct sim_peer *peer = open_reader(1, "room=r");
    yodel_sio_target target = yodel_sio_target_timeout(yodel_sio_to_room(world.sim.ns, "r"), 100);

    world.rc = -1;
    assert_int_equal(yodel_sio_emit_ack(target, "q", NULL, note_answers, NULL), 0);
    sio_sim_run(&world.sim);
    expect_event(peer, "event: q\ndata: []\n\n");
    sio_sim_say(&world.client, "30[]");
    assert_int_equal(world.rc, 0);
}

static void test_sio_readers_names(void **state)
{
    static char name[YODEL_GROUP_NAME_MAX + 2];

    memset(name, 'x', sizeof name - 1);
    (void)open_reader(0, "");
    assert_int_equal(yodel_sio_namespace_reader_add(world.sim.ns, name, world.sse), YODEL_ERR_NAME);
    assert_int_equal(yodel_sio_namespace_reader_add(world.sim.ns, "\xff", world.sse),
                     YODEL_ERR_NAME);
    assert_int_equal(yodel_sio_namespace_reader_add(world.parent, "r", world.sse),
                     YODEL_ERR_UNSUPPORTED);
    assert_int_equal(yodel_sse_end(world.sse), 0);
    assert_int_equal(yodel_sio_namespace_reader_add(world.sim.ns, "r", world.sse),
                     YODEL_ERR_CLOSED);
    sio_sim_run(&world.sim);
}

/* What is done to the sockets of a room passes readers over. */
static void test_sio_readers_are_no_sockets(void **state)
{
    struct sim_peer *peer = open_reader(0, "room=r&all=1");
    yodel_sio_target room = yodel_sio_to_room(world.sim.ns, "r");

    assert_int_equal(yodel_sio_target_join(room, YODEL_ROOMS("t")), 0);
    assert_int_equal(yodel_sio_target_leave(room, YODEL_ROOMS("r")), 0);
    assert_int_equal(yodel_sio_target_disconnect(room, 0), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_nothing(&world.client);
    expect_nothing(peer);
    emit_text(room, "e");
    expect_event(peer, "event: e\ndata: [\"a\\nb\",2]\n\n");
}

/* All of those it is meant for, or an error and none; or the reader is cut off. */
static void test_sio_readers_without_memory(void **state)
{
    teardown(NULL);
    for (bool failed = true; failed;) {
        static size_t n = 0;
        struct sim_peer *peer;
        int rc;

        start();
        peer = open_reader(1, "room=r");
        world.fm.fail_at = atomic_load(&world.fm.calls) + ++n;
        rc = yodel_sio_emit(yodel_sio_to_room(world.sim.ns, "r"), "e", "i", 1);
        sio_sim_run(&world.sim);
        failed = failmem_has_failed(&world.fm);
        world.fm.fail_at = 0;
        if (rc < 0)
            expect_nothing(peer);
        else if (!sim_is_closed(peer))
            expect_event(peer, "event: e\ndata: [1]\n\n");
        teardown(NULL);
    }
    start();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_readers_get_what_a_room_gets),
        FIXTURE_TEST(test_sio_readers_of_all_of_a_namespace),
        FIXTURE_TEST(test_sio_readers_get_it_once),
        FIXTURE_TEST(test_sio_readers_leave),
        FIXTURE_TEST(test_sio_readers_cannot_have_all_events),
        FIXTURE_TEST(test_sio_readers_owe_no_answer),
        FIXTURE_TEST(test_sio_readers_names),
        FIXTURE_TEST(test_sio_readers_are_no_sockets),
        FIXTURE_TEST(test_sio_readers_without_memory),
    };

    return cmocka_run_group_tests_name("sio_readers", tests, NULL, NULL);
}
