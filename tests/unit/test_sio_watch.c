/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "sio_sim.h"

/* What a watcher of a loop is told, and walks through its sockets; over two loops. */

#define LOOPS 2

static struct world {
    struct failmem fm;
    struct sio_sim sim;
    int walk_result;
    bool disconnects; /* in on_connect */
} world;

static int setup(void **state)
{
    memset(&world, 0, sizeof world);
    failmem_init(&world.fm, 0);
    return sio_sim_start(&world.sim, &world.fm.mem, LOOPS, NULL);
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    failmem_assert_empty(&world.fm);
    return 0;
}

/* ---- the watcher ---- */

static const char *room_name(yodel_sio_socket *socket, yodel_str room)
{
    static char name[40];

    if (yodel_str_eq(room, yodel_sio_socket_id(socket)))
        return "own";
    snprintf(name, sizeof name, "%.*s", (int)room.len, room.ptr);
    return name;
}

struct rooms {
    yodel_sio_socket *socket;
    char text[200];
};

static void add_room(yodel_str room, void *user)
{
    struct rooms *rooms = user;
    size_t len = strlen(rooms->text);

    snprintf(rooms->text + len, sizeof rooms->text - len, "%s%s", len > 0 ? "," : "",
             room_name(rooms->socket, room));
}

static const char *rooms_of(yodel_sio_socket *socket)
{
    static struct rooms rooms;

    rooms = (struct rooms){.socket = socket};
    yodel_sio_socket_each_room(socket, add_room, &rooms);
    return rooms.text;
}

static void on_connect(yodel_sio_socket *socket, void *user)
{
    sio_sim_tell(user, "+%s;", rooms_of(socket));
    if (world.disconnects)
        yodel_sio_socket_disconnect(socket, 0);
}

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    sio_sim_tell(user, "-%s %s;", reason, rooms_of(socket));
}

static void on_join(yodel_sio_socket *socket, yodel_str room, void *user)
{
    sio_sim_tell(user, "in %s;", room_name(socket, room));
}

static void on_leave(yodel_sio_socket *socket, yodel_str room, void *user)
{
    sio_sim_tell(user, "out %s;", room_name(socket, room));
}

static void on_event(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const yodel_str name = yodel_sio_event_name(event), args = yodel_sio_event_args(event);

    (void)socket;
    sio_sim_tell(user, "got %.*s %.*s;", (int)name.len, name.ptr, (int)args.len, args.ptr);
}

static void on_sent(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args,
                    void *user)
{
    (void)socket;
    sio_sim_tell(user, "sent %.*s %.*s;", (int)event.len, event.ptr, (int)args->json.len,
                 args->json.ptr);
}

static const yodel_sio_watcher watcher = {.size = sizeof watcher,
                                          .on_connect = on_connect,
                                          .on_disconnect = on_disconnect,
                                          .on_join = on_join,
                                          .on_leave = on_leave,
                                          .on_event = on_event,
                                          .on_sent = on_sent};

static void watch(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_sio_watch(sim->sio, arg, sim), 0);
}

static void begin(unsigned loop)
{
    sio_sim_on_loop(&world.sim, loop, watch, (void *)&watcher);
}

/* ---- tests ---- */

static void test_sio_watch_a_socket(void **state)
{
    struct sio_client client;

    begin(0);
    sio_sim_open(&world.sim, 0, &client);
    sio_sim_join(&client, "/", "");
    sio_sim_expect_told(&world.sim, "+own;connection /;");
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_all(world.sim.ns), YODEL_ROOMS("a", "b")),
                     0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "in a;in b;");
    /* Where it is already, and where it is not. */
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_all(world.sim.ns), YODEL_ROOMS("a")), 0);
    assert_int_equal(yodel_sio_target_leave(yodel_sio_to_all(world.sim.ns), YODEL_ROOMS("c", "b")),
                     0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "out b;");
    sio_sim_say(&client, "2[\"hello\",1,\"x\"]");
    sio_sim_expect_told(&world.sim, "got hello [1,\"x\"];");
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(world.sim.ns), "news", "i", 3), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "sent news [3];");
    sio_sim_leave(&client);
    sio_sim_expect_told(&world.sim, "-transport close own,a;disconnecting transport close a;"
                                    "disconnect transport close;");
}

/* The room of its id is a room like others. */
static void leave_own(struct sio_sim *sim, void *arg)
{
    struct sio_client *client = arg;

    yodel_sio_socket_leave(sim->socket, client->sid);
    yodel_sio_socket_leave(sim->socket, client->sid);
    assert_int_equal(yodel_sio_socket_join(sim->socket, client->sid), 0);
    assert_int_equal(yodel_sio_socket_join(sim->socket, client->sid), 0);
}

static void test_sio_watch_own_room(void **state)
{
    struct sio_client client;

    sio_sim_connect(&world.sim, 0, &client);
    begin(0);
    sio_sim_on_loop(&world.sim, 0, leave_own, &client);
    sio_sim_expect_told(&world.sim, "out own;in own;");
}

/* Loops are watched one by one, and what is not watched is not told. */
static void test_sio_watch_one_loop(void **state)
{
    struct sio_client here, there;

    begin(0);
    sio_sim_connect(&world.sim, 1, &there);
    sio_sim_connect(&world.sim, 0, &here);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(world.sim.ns), "news", ""), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "sent news [];");
    sio_sim_on_loop(&world.sim, 0, watch, NULL);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(world.sim.ns), "news", ""), 0);
    sio_sim_say(&here, "2[\"hello\"]");
    sio_sim_expect_told(&world.sim, "");
    assert_int_equal(yodel_sio_watch(world.sim.sio, &watcher, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_sio_watch(NULL, &watcher, NULL), -EINVAL);
}

static void test_sio_watch_that_disconnects(void **state)
{
    struct sio_client client;

    begin(0);
    world.disconnects = true;
    sio_sim_open(&world.sim, 0, &client);
    sio_sim_say(&client, "0");
    sio_sim_expect_told(&world.sim, "+own;connection /;"
                                    "-server namespace disconnect own;"
                                    "disconnecting server namespace disconnect;"
                                    "disconnect server namespace disconnect;");
}

/* Of events of one that watched when they were made. */
static void end_in_call(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args,
                        void *user)
{
    on_sent(socket, event, args, user);
    assert_int_equal(yodel_sio_watch(world.sim.sio, NULL, NULL), 0);
}

static void test_sio_watch_that_ends_itself(void **state)
{
    const yodel_sio_watcher once = {.size = sizeof once, .on_sent = end_in_call};
    struct sio_client first, second;

    sio_sim_connect(&world.sim, 0, &first);
    sio_sim_connect(&world.sim, 0, &second);
    sio_sim_on_loop(&world.sim, 0, watch, (void *)&once);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(world.sim.ns), "news", ""), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "sent news [];");
    sio_sim_expect(&first, "2[\"news\"]");
    sio_sim_expect(&second, "2[\"news\"]");
}

/* ---- walks ---- */

static int each(yodel_sio_socket *socket, void *user)
{
    const yodel_str ns = yodel_sio_namespace_name(yodel_sio_socket_namespace(socket));

    sio_sim_tell(user, "%.*s;", (int)ns.len, ns.ptr);
    yodel_sio_socket_disconnect(socket, 1);
    return world.walk_result;
}

static void walk(struct sio_sim *sim, void *arg)
{
    (void)arg;
    assert_int_equal(yodel_sio_each_socket(sim->sio, each, sim), world.walk_result);
}

static void test_sio_walk_through_a_loop(void **state)
{
    struct sio_client client, other, there;

    sio_sim_connect(&world.sim, 0, &client);
    sio_sim_connect(&world.sim, 0, &other);
    sio_sim_connect(&world.sim, 1, &there);
    world.walk_result = 7;
    sio_sim_on_loop(&world.sim, 0, walk, NULL);
    sio_sim_expect_told(&world.sim, "/;disconnecting server namespace disconnect;"
                                    "disconnect server namespace disconnect;");
    world.walk_result = 0;
    sio_sim_on_loop(&world.sim, 0, walk, NULL);
    sio_sim_expect_told(&world.sim, "/;disconnecting server namespace disconnect;"
                                    "disconnect server namespace disconnect;");
    sio_sim_on_loop(&world.sim, 0, walk, NULL);
    sio_sim_expect_told(&world.sim, "");
    assert_int_equal(yodel_sio_each_socket(world.sim.sio, each, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_sio_each_socket(world.sim.sio, NULL, NULL), -EINVAL);
}

static void walk_without_memory(struct sio_sim *sim, void *arg)
{
    (void)arg;
    world.fm.fail_at = world.fm.calls + 1;
    assert_int_equal(yodel_sio_each_socket(sim->sio, each, sim), -ENOMEM);
}

static void test_sio_walk_without_memory(void **state)
{
    struct sio_client client;

    sio_sim_connect(&world.sim, 0, &client);
    sio_sim_on_loop(&world.sim, 0, walk_without_memory, NULL);
    sio_sim_expect_told(&world.sim, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_watch_a_socket),
        FIXTURE_TEST(test_sio_watch_own_room),
        FIXTURE_TEST(test_sio_watch_one_loop),
        FIXTURE_TEST(test_sio_watch_that_disconnects),
        FIXTURE_TEST(test_sio_watch_that_ends_itself),
        FIXTURE_TEST(test_sio_walk_through_a_loop),
        FIXTURE_TEST(test_sio_walk_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
