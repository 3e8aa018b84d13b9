/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "failmem.h"
#include "sio/sio_base.h"
#include "sio_sim.h"
#include "ws/ws.h"

/* Rooms, and groups of a channel layer that share them, from the public interface. */

static struct {
    struct failmem fm;
    struct sio_sim sim;
    struct sio_client clients[4];
    yodel_sio_socket *sockets[4];
    yodel_ws *ws[4];
    unsigned num_ws, events;
} world;

static void start_on(unsigned num_loops, uint32_t recovery_ms, unsigned max_rooms)
{
    yodel_sio_options options;

    sio_sim_options(&options);
    options.recovery_ms = recovery_ms;
    options.max_rooms = max_rooms;
    memset(&world, 0, sizeof world);
    failmem_init(&world.fm, 0);
    assert_int_equal(sio_sim_start(&world.sim, &world.fm.mem, num_loops, &options), 0);
}

static void start(uint32_t recovery_ms, unsigned max_rooms)
{
    start_on(1, recovery_ms, max_rooms);
}

static void connect_clients(unsigned num)
{
    for (unsigned i = 0; i < num; i++) {
        sio_sim_connect(&world.sim, 0, &world.clients[i]);
        world.sockets[i] = world.sim.socket;
    }
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    failmem_assert_empty(&world.fm);
    return 0;
}

static void join_room(struct sio_sim *sim, void *client)
{
    assert_int_equal(yodel_sio_socket_join(world.sockets[*(unsigned *)client], "room"), 0);
}

static void join(unsigned client)
{
    sio_sim_on_loop(&world.sim, 0, join_room, &client);
}

/* ---- out of memory ---- */

struct emission {
    size_t fail_at;
    int rc;
};

static void emit_failing(struct sio_sim *sim, void *arg)
{
    struct emission *emission = arg;

    world.fm.fail_at = atomic_load(&world.fm.calls) + emission->fail_at;
    emission->rc = yodel_sio_emit(
        yodel_sio_target_except(yodel_sio_to_all(sim->ns), YODEL_ROOMS("room")), "e", "i", 1);
    world.fm.fail_at = 0;
}

/* All of those it is meant for, or an error and none; never one who is left out.  A client that
 * cannot be sent what it is owed is not kept. */
static void test_sio_rooms_exceptions_hold_without_memory(void **state)
{
    bool failed = true;

    for (size_t n = 1; failed; n++) {
        struct emission emission = {.fail_at = n};
        struct ws_sim_frame frame;
        bool got;

        start(0, 0);
        connect_clients(2);
        join(1);
        sio_sim_on_loop(&world.sim, 0, emit_failing, &emission);
        failed = emission.rc < 0 || n < 8;
        got = ws_sim_next(world.clients[0].peer, &frame);
        assert_true(emission.rc == 0 || emission.rc == -ENOMEM);
        assert_true(emission.rc == 0 ? got || sim_is_closed(world.clients[0].peer) : !got);
        if (got && frame.first_byte == 0x81 && frame.len == 9)
            assert_memory_equal(frame.data, "42[\"e\",1]", 9);
        else if (got) /* the end of the session, or of its connection */
            assert_true(frame.first_byte == 0x88 || frame.len == 1);
        sio_sim_expect_nothing(&world.clients[1]);
        (void)teardown(NULL);
    }
    start(0, 0);
}

static void count_room(yodel_str room, void *num)
{
    ++*(int *)num;
}

static void leave_failing(struct sio_sim *sim, void *arg)
{
    int num = 0;

    world.fm.fail_at = atomic_load(&world.fm.calls) + 1;
    yodel_sio_socket_leave(world.sockets[0], "room");
    world.fm.fail_at = 0;
    yodel_sio_socket_each_room(world.sockets[0], count_room, &num);
    assert_int_equal(num, 1); /* its own */
}

static void test_sio_rooms_are_left_without_memory(void **state)
{
    start(0, 0);
    connect_clients(1);
    join(0);
    sio_sim_on_loop(&world.sim, 0, leave_failing, NULL);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(world.sim.ns, "room"), "e", ""), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_nothing(&world.clients[0]);
}

/* ---- many rooms ---- */

#define LEFT 1000
#define MANY (30 * LEFT)

struct timing {
    int num; /* rooms */
    double seconds;
};

static void join_and_leave(struct sio_sim *sim, void *arg)
{
    struct timing *timing = arg;
    struct timespec from, to;
    char room[16];

    for (int i = 0; i < timing->num; i++) {
        (void)snprintf(room, sizeof room, "r%d", i);
        assert_int_equal(yodel_sio_socket_join(world.sockets[0], room), 0);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (int i = 0; i < LEFT; i++) {
        (void)snprintf(room, sizeof room, "r%d", i);
        yodel_sio_socket_leave(world.sockets[0], room);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    timing->seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    for (int i = LEFT; i < timing->num; i++) {
        (void)snprintf(room, sizeof room, "r%d", i);
        yodel_sio_socket_leave(world.sockets[0], room);
    }
}

static double measure(int num)
{
    double best = 1e9;

    for (int i = 0; i < 3; i++) {
        struct timing timing = {num, 0};

        sio_sim_on_loop(&world.sim, 0, join_and_leave, &timing);
        best = timing.seconds < best ? timing.seconds : best;
    }
    return best;
}

/* Leaving one room costs the same however many others there are. */
static void test_sio_rooms_are_left_in_constant_time(void **state)
{
    double few, many;

    start(0, MANY);
    connect_clients(1);
    few = measure(LEFT);
    many = measure(MANY);
    if (many > 12 * few)
        fail_msg("%d rooms left in %g s of %d, in %g s of %d", LEFT, few, LEFT, many, MANY);
}

/* ---- rooms that are groups too ---- */

/* With recovery every event carries a number of its own: who has got the same has got the same
 * message, encoded once. */
static void test_sio_rooms_get_a_group_message_encoded_once(void **state)
{
    char first[200];
    const char *packet;

    start(1000, 0);
    connect_clients(3);
    for (unsigned i = 0; i < 3; i++)
        join(i);
    assert_int_equal(yodel_group_send(world.sim.sio->channels, "/#room", YODEL_WS_TEXT,
                                      (yodel_bytes){(const uint8_t *)"hi", 2}),
                     0);
    sio_sim_run(&world.sim);
    packet = sio_sim_next(&world.clients[0]);
    assert_non_null(packet);
    (void)snprintf(first, sizeof first, "%s", packet);
    assert_memory_equal(first, "2[\"message\",\"hi\",", 17);
    for (unsigned i = 1; i < 3; i++)
        sio_sim_expect(&world.clients[i], first);
}

/* Who is lost notes what it misses, but is not there. */
static void test_sio_rooms_do_not_count_lost_clients(void **state)
{
    yodel_channels *channels;
    struct sio_client back;
    char auth[60];

    start(10000, 0);
    channels = world.sim.sio->channels;
    connect_clients(1);
    join(0);
    assert_int_equal(yodel_group_count(channels, "/#room"), 1);
    sio_sim_leave(&world.clients[0]);
    assert_int_equal(yodel_group_count(channels, "/#room"), 0);
    sio_sim_open(&world.sim, 0, &back);
    (void)snprintf(auth, sizeof auth, "{\"pid\":\"%s\"}", world.clients[0].pid);
    sio_sim_join(&back, "/", auth);
    assert_int_equal(yodel_group_count(channels, "/#room"), 1);
}

/* ---- a client that moves while somebody sends ---- */

static struct sio_client mover;

/* The thread that emits rests between two loops, in which the lost client comes back to the third
 * one. */
static void come_back(struct yd_loop *woken, void *arg)
{
    char packet[80];

    (void)arg;
    if (woken != world.sim.base.loops[0])
        return;
    sim_on_wake(woken, NULL, NULL);
    sio_sim_open(&world.sim, 2, &mover);
    (void)snprintf(packet, sizeof packet, "0{\"pid\":\"%s\"}", world.clients[1].pid);
    sio_sim_put(&mover, packet);
    sio_sim_run(&world.sim);
    sio_sim_run(&world.sim);
}

/* The emit was meant for the client, wherever it is when it is carried out: once. */
static void test_sio_rooms_emit_reaches_a_client_that_moves(void **state)
{
    const char *packet;
    bool is_back = false;
    int events = 0;

    start_on(3, 10000, 0);
    sio_sim_connect(&world.sim, 0, &world.clients[0]);
    sio_sim_connect(&world.sim, 1, &world.clients[1]);
    sio_sim_leave(&world.clients[1]);
    sim_on_wake(world.sim.base.loops[0], come_back, NULL);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(world.sim.ns), "e", ""), 0);
    sio_sim_run(&world.sim);
    sio_sim_run(&world.sim);
    while ((packet = sio_sim_next(&mover)) != NULL) {
        events += strncmp(packet, "2[\"e\"", 5) == 0;
        is_back = is_back || strstr(packet, world.clients[1].sid) != NULL;
    }
    assert_true(is_back);
    assert_int_equal(events, 1);
}

/* ---- WebSockets in the group of a room ---- */

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    (void)req;
    (void)user;
    world.ws[world.num_ws++] = ws;
    assert_int_equal(yodel_group_add(world.sim.sio->channels, "/#room", ws), 0);
    return YODEL_ACCEPT;
}

/* Walks over the room while the group is walked over, and leaves it. */
static int on_event(yodel_ws *ws, const yodel_event *event, void *user)
{
    (void)event;
    (void)user;
    world.events++;
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(world.sim.ns, "room"), "e", ""), 0);
    yodel_ws_close(ws, 1000, NULL);
    return 0;
}

static void send_event(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_group_send_event(sim->sio->channels, "/#room", "typed", NULL), 0);
}

static void open_websockets(void)
{
    static const char request[] =
        "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    yodel_ws_handlers handlers = {
        .size = sizeof handlers, .on_connect = on_connect, .on_event = on_event};

    assert_int_equal(yd_ws_route(&world.sim.base.ws, &world.sim.base.http, "/ws", &handlers, NULL),
                     0);
    for (unsigned i = 0; i < 4; i++) {
        sim_send_text(sim_connect(world.sim.base.loops[0]), request);
        sio_sim_run(&world.sim);
    }
    assert_int_equal(world.num_ws, 4);
}

static void test_sio_rooms_are_walked_over_inside_a_group_message(void **state)
{
    start(0, 0);
    connect_clients(1);
    join(0);
    open_websockets();
    sio_sim_on_loop(&world.sim, 0, send_event, NULL);
    assert_int_equal(world.events, 4);
    for (unsigned i = 0; i < 5; i++)
        sio_sim_expect(&world.clients[0], i == 0 ? "2[\"typed\",{}]" : "2[\"e\"]");
    sio_sim_expect_nothing(&world.clients[0]);
}

/* The group empties under both walks. */
static void test_sio_rooms_empty_inside_a_group_message(void **state)
{
    start(0, 0);
    connect_clients(1);
    open_websockets();
    sio_sim_on_loop(&world.sim, 0, send_event, NULL);
    assert_int_equal(world.events, 4);
    assert_int_equal(yodel_group_count(world.sim.sio->channels, "/#room"), 0);
    sio_sim_expect_nothing(&world.clients[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_sio_rooms_exceptions_hold_without_memory, teardown),
        cmocka_unit_test_teardown(test_sio_rooms_are_left_without_memory, teardown),
        cmocka_unit_test_teardown(test_sio_rooms_are_left_in_constant_time, teardown),
        cmocka_unit_test_teardown(test_sio_rooms_get_a_group_message_encoded_once, teardown),
        cmocka_unit_test_teardown(test_sio_rooms_do_not_count_lost_clients, teardown),
        cmocka_unit_test_teardown(test_sio_rooms_are_walked_over_inside_a_group_message, teardown),
        cmocka_unit_test_teardown(test_sio_rooms_empty_inside_a_group_message, teardown),
        cmocka_unit_test_teardown(test_sio_rooms_emit_reaches_a_client_that_moves, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
