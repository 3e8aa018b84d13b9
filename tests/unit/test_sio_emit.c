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
#include "sio/sio_base.h"
#include "sio_sim.h"

/* Emits to targets, rooms, operations on many, over three loops. */

#define LOOPS 3

struct world {
    struct sio_sim sim;
    struct sio_client clients[LOOPS + 1]; /* the last one is on loop 0 again */
    yodel_sio_socket *sockets[LOOPS + 1];
};

static struct failmem fm;
static struct world world;

static void start_with(const yodel_sio_options *options)
{
    failmem_init(&fm, 0);
    assert_int_equal(sio_sim_start(&world.sim, &fm.mem, LOOPS, options), 0);
}

static void connect_all(void)
{
    for (unsigned i = 0; i <= LOOPS; i++) {
        sio_sim_connect(&world.sim, i % LOOPS, &world.clients[i]);
        world.sockets[i] = world.sim.socket;
    }
}

static void start(void)
{
    start_with(NULL);
    connect_all();
}

static int setup(void **state)
{
    start();
    return 0;
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    failmem_assert_empty(&fm);
    return 0;
}

/* Which clients have got just this packet: "0123". */
static void expect_reached(const char *packet, const char *expected)
{
    char reached[LOOPS + 2] = "";

    sio_sim_run(&world.sim);
    for (unsigned i = 0; i <= LOOPS; i++) {
        const char *text = sio_sim_next(&world.clients[i]);

        if (text == NULL)
            continue;
        assert_string_equal(text, packet);
        reached[strlen(reached)] = (char)('0' + i);
        sio_sim_expect_nothing(&world.clients[i]);
    }
    assert_string_equal(reached, expected);
}

static void run_join(struct sio_sim *sim, void *arg)
{
    const char *text = arg;
    yodel_sio_socket *socket = world.sockets[text[0] - '0'];

    assert_int_equal(yodel_sio_socket_join(socket, text + 1), 0);
    assert_int_equal(yodel_sio_socket_join(socket, text + 1), 0); /* twice is once */
}

static void join(const char *text)
{
    sio_sim_on_loop(&world.sim, (unsigned)(text[0] - '0') % LOOPS, run_join, (char *)text);
}

static void emit(yodel_sio_target target)
{
    assert_int_equal(yodel_sio_emit(target, "e", "i", 1), 0);
}

#define PACKET "2[\"e\",1]"

static void expect_target(yodel_sio_target target, const char *reached)
{
    emit(target);
    expect_reached(PACKET, reached);
}

static void test_sio_emit_reaches_its_target(void **state)
{
    const char *none[] = {NULL};
    char id1[YD_ID_LEN + 1], id2[YD_ID_LEN + 1];
    yodel_sio_namespace *ns;

    ns = world.sim.ns;
    join("0a");
    join("1a");
    join("1b");
    join("3b");
    memcpy(id1, world.clients[1].sid, sizeof id1);
    memcpy(id2, world.clients[2].sid, sizeof id2);
    expect_target(yodel_sio_to_all(ns), "0123");
    expect_target(yodel_sio_to_room(ns, "a"), "01");
    expect_target(yodel_sio_to_room(ns, "nowhere"), "");
    expect_target(yodel_sio_to_rooms(ns, YODEL_ROOMS("a", "b", "a")), "013");
    expect_target(yodel_sio_to_rooms(ns, none), "");
    expect_target(yodel_sio_to_rooms(ns, NULL), "");
    expect_target(yodel_sio_to_room(ns, id2), "2");
    expect_target(yodel_sio_to_rooms(ns, YODEL_ROOMS(id2, "b", id1)), "123");
    expect_target(yodel_sio_target_except(yodel_sio_to_all(ns), YODEL_ROOMS("b")), "02");
    expect_target(yodel_sio_target_except(yodel_sio_to_all(ns), YODEL_ROOMS(id2, "a")), "3");
    expect_target(yodel_sio_target_except(yodel_sio_to_room(ns, "a"), YODEL_ROOMS("b")), "0");
    expect_target(yodel_sio_target_except(yodel_sio_to_all(ns), none), "0123");
    expect_target(yodel_sio_target_with(yodel_sio_to_all(ns), YODEL_SIO_LOCAL), "0123");
}

static void run_sender(struct sio_sim *sim, void *arg)
{
    const char *what = arg;
    yodel_sio_target self = yodel_sio_to(world.sockets[0]);

    if (strcmp(what, "others") == 0)
        emit(yodel_sio_to_others(world.sockets[0]));
    else if (strcmp(what, "but") == 0)
        emit(yodel_sio_target_but(yodel_sio_to_room(sim->ns, "a"), world.sockets[0]));
    else if (strcmp(what, "self") == 0)
        emit(self);
    else if (strcmp(what, "self except") == 0)
        emit(yodel_sio_target_except(self, YODEL_ROOMS("a")));
    else
        emit(yodel_sio_target_except(self, YODEL_ROOMS("b")));
}

static void test_sio_emit_leaves_out_its_sender(void **state)
{
    join("0a");
    join("1a");
    sio_sim_on_loop(&world.sim, 0, run_sender, "others");
    expect_reached(PACKET, "123");
    sio_sim_on_loop(&world.sim, 0, run_sender, "but");
    expect_reached(PACKET, "1");
    sio_sim_on_loop(&world.sim, 0, run_sender, "self");
    expect_reached(PACKET, "0");
    sio_sim_on_loop(&world.sim, 0, run_sender, "self except");
    expect_reached(PACKET, "");
    sio_sim_on_loop(&world.sim, 0, run_sender, "self except another");
    expect_reached(PACKET, "0");
}

static void test_sio_emit_checks_what_is_sent(void **state)
{
    yodel_sio_target all;
    yodel_bytes bytes = {(const uint8_t *)"x", 1};
    yodel_sio_args args = {sizeof args, YODEL_STR("[1, 2 ]"), NULL, 0};

    all = yodel_sio_to_all(world.sim.ns);
    assert_int_equal(yodel_sio_emit(all, "connect", ""), YODEL_ERR_NAME);
    assert_int_equal(yodel_sio_emit(all, "\xff", ""), YODEL_ERR_ENCODING);
    assert_int_equal(yodel_sio_emit(all, "e", "q"), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_sio_emit(all, "e", "s", "\xff"), YODEL_ERR_FORMAT);
    args.num_attachments = 11;
    assert_int_equal(yodel_sio_emit_args(all, "e", &args), YODEL_ERR_TOO_BIG);
    args = (yodel_sio_args){sizeof(yodel_sio_args),
                            YODEL_STR("[{\"_placeholder\":true,\"num\":1}]"), &bytes, 1};
    assert_int_equal(yodel_sio_emit_args(all, "e", &args), YODEL_ERR_FORMAT);
    args = (yodel_sio_args){sizeof(yodel_sio_args), YODEL_STR("{}"), NULL, 0};
    assert_int_equal(yodel_sio_emit_args(all, "e", &args), YODEL_ERR_FORMAT);
    args = (yodel_sio_args){sizeof(yodel_sio_args), YODEL_STR("[1"), NULL, 0};
    assert_int_equal(yodel_sio_emit_args(all, "e", &args), YODEL_ERR_FORMAT);
    expect_reached("", "");
    args = (yodel_sio_args){sizeof(yodel_sio_args), YODEL_STR("[1, 2]"), NULL, 0};
    assert_int_equal(yodel_sio_emit_args(all, "e", &args), 0);
    expect_reached("2[\"e\",1, 2]", "0123");
    assert_int_equal(yodel_sio_emit_args(all, "q\"", NULL), 0);
    expect_reached("2[\"q\\\"\"]", "0123");
    args = (yodel_sio_args){sizeof(yodel_sio_args),
                            YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"), &bytes, 1};
    assert_int_equal(yodel_sio_emit_args(all, "b", &args), 0);
    sio_sim_run(&world.sim);
    for (unsigned i = 0; i <= LOOPS; i++) {
        sio_sim_expect(&world.clients[i], "51-[\"b\",{\"_placeholder\":true,\"num\":0}]");
        sio_sim_expect_binary(&world.clients[i], "x", 1);
    }
}

/* ---- order ---- */

static void on_order(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct sio_sim *sim = user;

    assert_int_equal(yodel_sio_emit(yodel_sio_to(socket), "1", ""), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(sim->ns, "a"), "2", ""), 0);
    assert_int_equal(yodel_sio_event_answer(event, "i", 3), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(sim->ns), "4", ""), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to(socket), "5", ""), 0);
}

static void test_sio_emit_keeps_the_order_of_calls(void **state)
{
    start_with(NULL);
    assert_int_equal(yodel_sio_namespace_on(world.sim.ns, "order", on_order, &world.sim), 0);
    connect_all();
    join("0a");
    join("1a");
    sio_sim_say(&world.clients[0], "29[\"order\"]");
    sio_sim_expect(&world.clients[0], "2[\"1\"]");
    sio_sim_expect(&world.clients[0], "2[\"2\"]");
    sio_sim_expect(&world.clients[0], "39[3]");
    sio_sim_expect(&world.clients[0], "2[\"4\"]");
    sio_sim_expect(&world.clients[0], "2[\"5\"]");
    sio_sim_expect(&world.clients[1], "2[\"2\"]");
    sio_sim_expect(&world.clients[1], "2[\"4\"]");
}

/* Emits inside a broadcast that is being given out. */
static void watch(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args, void *user)
{
    struct sio_sim *sim = user;

    sio_sim_tell(sim, "%" YODEL_PRI "%" YODEL_PRI ";", YODEL_ARG(event), YODEL_ARG(args->json));
    if (!yodel_str_eq(event, YODEL_STR("e")))
        return;
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(sim->ns, "a"), "room", ""), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to(socket), "self", ""), 0);
}

static void run_watched(struct sio_sim *sim, void *arg)
{
    (void)arg;
    emit(yodel_sio_to_room(sim->ns, "a"));
    assert_int_equal(yodel_sio_emit(yodel_sio_to(world.sockets[0]), "last", ""), 0);
}

static void test_sio_emit_is_watched(void **state)
{
    start_with(NULL);
    assert_int_equal(yodel_sio_namespace_on_outgoing(world.sim.ns, watch, &world.sim), 0);
    connect_all();
    join("0a");
    join("3a");
    sio_sim_on_loop(&world.sim, 0, run_watched, NULL);
    for (unsigned i = 0; i <= LOOPS; i += LOOPS) {
        sio_sim_expect(&world.clients[i], PACKET);
        sio_sim_expect(&world.clients[i], "2[\"room\"]");
        if (i == 0)
            sio_sim_expect(&world.clients[i], "2[\"self\"]");
        sio_sim_expect(&world.clients[i], "2[\"room\"]");
        if (i == LOOPS)
            sio_sim_expect(&world.clients[i], "2[\"self\"]");
        else
            sio_sim_expect(&world.clients[i], "2[\"last\"]");
        sio_sim_expect_nothing(&world.clients[i]);
    }
    sio_sim_expect_told(&world.sim, "e[1];e[1];room[];room[];self[];room[];room[];self[];last[];");
}

/* ---- acknowledgements of many ---- */

static void answered(const yodel_sio_answers *answers, void *user)
{
    sio_sim_tell(user, "%s %" YODEL_PRI,
                 answers->result == 0 ? "ok" : yodel_error_name(answers->result),
                 YODEL_ARG(answers->json));
    for (size_t i = 0; i < answers->num_attachments; i++)
        sio_sim_tell(user, "+%.*s", (int)answers->attachments[i].len,
                     (const char *)answers->attachments[i].ptr);
    sio_sim_tell(user, ";");
}

static void ask_all(void)
{
    yodel_sio_target target = yodel_sio_target_timeout(yodel_sio_to_all(world.sim.ns), 100);

    assert_int_equal(yodel_sio_emit_ack(target, "q", NULL, answered, &world.sim), 0);
    sio_sim_run(&world.sim);
}

static void test_sio_emit_gathers_answers(void **state)
{
    ask_all();
    expect_reached("20[\"q\"]", "0123");
    sio_sim_say(&world.clients[3], "30[\"x\",\"not this\"]");
    sio_sim_say(&world.clients[0], "61-0[{\"_placeholder\":true,\"num\":0}]");
    sio_sim_say_binary(&world.clients[0], "A", 1);
    sio_sim_say(&world.clients[2], "30[]");
    sio_sim_expect_told(&world.sim, "");
    sio_sim_say(&world.clients[1], "62-0[[{\"num\":1,\"_placeholder\":true},5]]");
    sio_sim_say_binary(&world.clients[1], "B", 1);
    sio_sim_say_binary(&world.clients[1], "C", 1);
    sio_sim_expect_told(&world.sim, "ok [\"x\",{\"_placeholder\":true,\"num\":0},null,"
                                    "[{\"_placeholder\":true,\"num\":2},5]]+A+B+C;");
    ask_all();
    sio_sim_say(&world.clients[1], "31[1]");
    sio_sim_say(&world.clients[2], "31[2]");
    sio_sim_leave(&world.clients[3]);
    sio_sim_advance(&world.sim, 99);
    world.sim.base.told.len = 0;
    sio_sim_advance(&world.sim, 1);
    sio_sim_expect_told(&world.sim, "YODEL_ERR_CLOSED [1,2];");
    ask_all();
    sio_sim_say(&world.clients[0], "32[1]");
    sio_sim_advance(&world.sim, 100);
    sio_sim_expect_told(&world.sim, "ETIMEDOUT [1];");
    assert_int_equal(yodel_sio_emit_ack(yodel_sio_to_room(world.sim.ns, "none"), "q", NULL,
                                        answered, &world.sim),
                     0);
    sio_sim_expect_told(&world.sim, "");
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "ok [];");
}

static void ask_all_arguments(struct sio_sim *sim, void *arg)
{
    yodel_sio_target target =
        arg != NULL ? yodel_sio_to(world.sockets[0]) : yodel_sio_to_all(sim->ns);

    target = yodel_sio_target_with(target, YODEL_SIO_ALL_ARGUMENTS);
    target = yodel_sio_target_timeout(target, 100);
    assert_int_equal(yodel_sio_emit_ack(target, "q", NULL, answered, sim), 0);
}

/* An array for each answer, also of one that has no arguments. */
static void test_sio_emit_gathers_all_arguments(void **state)
{
    sio_sim_on_loop(&world.sim, 0, ask_all_arguments, NULL);
    sio_sim_run(&world.sim);
    expect_reached("20[\"q\"]", "0123");
    sio_sim_say(&world.clients[3], "30[\"x\",\"and this\"]");
    sio_sim_say(&world.clients[0], "62-0[7,{\"_placeholder\":true,\"num\":1},"
                                   "{\"_placeholder\":true,\"num\":0}]");
    sio_sim_say_binary(&world.clients[0], "A", 1);
    sio_sim_say_binary(&world.clients[0], "B", 1);
    sio_sim_say(&world.clients[2], "30[]");
    sio_sim_say(&world.clients[1], "61-0[{\"_placeholder\":true,\"num\":0}]");
    sio_sim_say_binary(&world.clients[1], "C", 1);
    sio_sim_expect_told(&world.sim, "ok [[\"x\",\"and this\"],[7,{\"_placeholder\":true,\"num\":1},"
                                    "{\"_placeholder\":true,\"num\":0}],[],"
                                    "[{\"_placeholder\":true,\"num\":2}]]+A+B+C;");
    sio_sim_on_loop(&world.sim, 0, ask_all_arguments, "one");
    sio_sim_run(&world.sim);
    sio_sim_say(&world.clients[0], "31[1,[2]]");
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "ok [[1,[2]]];");
    sio_sim_on_loop(&world.sim, 0, ask_all_arguments, "one");
    sio_sim_run(&world.sim);
    sio_sim_advance(&world.sim, 100);
    sio_sim_expect_told(&world.sim, "ETIMEDOUT [];");
}

/* ---- rooms ---- */

static void note_room(yodel_str room, void *user)
{
    sio_sim_tell(user, "%s ", room.len == YD_ID_LEN ? "ID" : "");
    if (room.len != YD_ID_LEN)
        sio_sim_tell(user, "%" YODEL_PRI " ", YODEL_ARG(room));
}

static void run_rooms(struct sio_sim *sim, void *arg)
{
    yodel_sio_socket *socket = world.sockets[0];

    (void)arg;
    assert_int_equal(yodel_sio_socket_join(socket, "b"), 0);
    assert_int_equal(yodel_sio_socket_join(socket, "a"), 0);
    assert_int_equal(yodel_sio_socket_join(socket, world.clients[0].sid), 0); /* it is its own */
    assert_int_equal(yodel_sio_socket_join(socket, "c"), YODEL_ERR_TOO_BIG);
    yodel_sio_socket_leave(socket, "b");
    yodel_sio_socket_leave(socket, "b");
    yodel_sio_socket_leave(socket, "nowhere");
    assert_int_equal(yodel_sio_socket_join(socket, "c"), 0);
    yodel_sio_socket_each_room(socket, note_room, sim);
}

static void test_sio_emit_limits_rooms(void **state)
{
    yodel_sio_options options;
    yodel_sio_stats stats = {.size = sizeof stats};

    sio_sim_options(&options);
    options.max_rooms = 2;
    start_with(&options);
    connect_all();
    sio_sim_on_loop(&world.sim, 0, run_rooms, NULL);
    assert_int_equal(yodel_sio_get_stats(world.sim.sio, &stats), 0);
    assert_int_equal(stats.joins_refused, 1);
    sio_sim_expect_told(&world.sim, "ID  a  c ");
}

static void test_sio_emit_keeps_namespaces_apart(void **state)
{
    yodel_sio_namespace *other;
    struct sio_client client;

    start_with(NULL);
    other = sio_sim_of(world.sim.sio, "/#x"); /* room b of this one is room x#b of that */
    assert_int_equal(sio_sim_handle(&world.sim, other), 0);
    connect_all();
    join("0x#b");
    sio_sim_open(&world.sim, 0, &client);
    sio_sim_join(&client, "/#x", "");
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_all(other), YODEL_ROOMS("b")), 0);
    sio_sim_run(&world.sim);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(other, "b"), "e", ""), 0);
    expect_reached("", "");
    sio_sim_expect(&client, "2/#x,[\"e\"]");
    emit(yodel_sio_to_room(world.sim.ns, "x#b"));
    expect_reached(PACKET, "0");
    sio_sim_expect_nothing(&client);
}

static void test_sio_emit_operates_on_many(void **state)
{
    yodel_sio_namespace *ns;

    ns = world.sim.ns;
    join("0a");
    join("2a");
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_room(ns, "a"), YODEL_ROOMS("b", "c")), 0);
    expect_target(yodel_sio_to_room(ns, "c"), "02");
    assert_int_equal(
        yodel_sio_target_leave(yodel_sio_to_room(ns, world.clients[2].sid), YODEL_ROOMS("c", "a")),
        0);
    expect_target(yodel_sio_to_room(ns, "c"), "0");
    expect_target(yodel_sio_to_room(ns, "b"), "02");
    /* who leaves the room that is walked over */
    assert_int_equal(yodel_sio_target_leave(yodel_sio_to_room(ns, "b"), YODEL_ROOMS("b")), 0);
    expect_target(yodel_sio_to_room(ns, "b"), "");
    assert_int_equal(yodel_sio_target_disconnect(yodel_sio_to_room(ns, "c"), 0), 0);
    expect_reached("1", "0");
    sio_sim_expect_told(&world.sim, "disconnecting server namespace disconnect a c;"
                                    "disconnect server namespace disconnect;");
    assert_int_equal(yodel_sio_target_disconnect(yodel_sio_to_all(ns), 1), 0);
    sio_sim_run(&world.sim);
    for (unsigned i = 1; i <= LOOPS; i++)
        sio_sim_expect_closed(&world.clients[i]);
}

static void tell_sockets(const yodel_sio_sockets *sockets, void *user)
{
    sio_sim_tell(user, "%zu", json_array_size(sockets->json));
    for (size_t i = 0; i < json_array_size(sockets->json); i++) {
        json_t *socket = json_array_get(sockets->json, i);
        json_t *rooms = json_object_get(socket, "rooms");

        if (!json_is_object(socket)) {
            if (json_string_length(socket) != YD_ID_LEN)
                sio_sim_tell(user, " %s", json_string_value(socket));
            continue;
        }
        assert_string_equal(json_string_value(json_object_get(socket, "id")),
                            json_string_value(json_array_get(rooms, 0)));
        assert_true(json_is_object(json_object_get(socket, "handshake")));
        sio_sim_tell(user, " %zu%s", json_array_size(rooms),
                     json_object_get(json_object_get(socket, "data"), "x") != NULL ? "x" : "");
    }
    sio_sim_tell(user, ";");
}

static void set_data(struct sio_sim *sim, void *arg)
{
    (void)arg;
    json_object_set_new(yodel_sio_socket_json(world.sockets[0]), "x", json_true());
}

static void tell_counts(const yodel_sio_sockets *sockets, void *user)
{
    for (size_t i = 0; i < json_array_size(sockets->json); i++) {
        json_t *room = json_array_get(sockets->json, i);

        sio_sim_tell(user, "%s%s=%d", i > 0 ? " " : "",
                     json_string_value(json_object_get(room, "name")),
                     (int)json_integer_value(json_object_get(room, "count")));
    }
    sio_sim_tell(user, ";");
}

static void test_sio_emit_fetches(void **state)
{
    yodel_sio_namespace *ns;

    ns = world.sim.ns;
    join("0a");
    join("1b");
    join("2b");
    sio_sim_on_loop(&world.sim, 0, set_data, NULL);
    assert_int_equal(yodel_sio_target_fetch(yodel_sio_to_all(ns), tell_sockets, &world.sim), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "4 2x 1 2 2;");
    assert_int_equal(
        yodel_sio_target_fetch(yodel_sio_target_except(yodel_sio_to_all(ns), YODEL_ROOMS("b")),
                               tell_sockets, &world.sim),
        0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "2 2x 1;");
    assert_int_equal(
        yodel_sio_target_fetch(yodel_sio_to_room(ns, "none"), tell_sockets, &world.sim), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "0;");
    assert_int_equal(yodel_sio_namespace_fetch_rooms(ns, tell_sockets, &world.sim), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "6 a b;");
    assert_int_equal(yodel_sio_namespace_fetch_room_counts(ns, tell_counts, &world.sim), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "a=1 b=2;");
    assert_int_equal(yodel_sio_namespace_fetch_room_counts(NULL, tell_counts, NULL), -EINVAL);
    assert_int_equal(yodel_sio_namespace_fetch_room_counts(ns, NULL, NULL), -EINVAL);
}

static void test_sio_emit_gets_raw_group_messages(void **state)
{
    yodel_channels *channels;

    channels = world.sim.sio->channels;
    join("0a");
    join("1a");
    assert_int_equal(
        yodel_group_send(channels, "/#a", YODEL_WS_TEXT, (yodel_bytes){(const uint8_t *)"x\"", 2}),
        0);
    expect_reached("2[\"message\",\"x\\\"\"]", "01");
    assert_int_equal(yodel_group_send_event(channels, "/#a", "typed", "{s:i}", "n", 1), 0);
    expect_reached("2[\"typed\",{\"n\":1}]", "01");
}

/* ---- slow clients ---- */

/* Returns how many events of num were refused, or missed. */
static void fill(unsigned flags, int num)
{
    char large[400];
    yodel_sio_target target = yodel_sio_target_with(yodel_sio_to_all(world.sim.ns), flags);

    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    for (int i = 0; i < num; i++) {
        assert_int_equal(yodel_sio_emit(target, "e", "s", large), 0);
        sio_sim_run(&world.sim);
    }
}

static int count_packets(struct sio_client *client)
{
    int num = 0;

    while (sio_sim_next(client) != NULL)
        num++;
    return num;
}

static void run_slow(int close_congested)
{
    yodel_sio_options options;

    sio_sim_options(&options);
    options.close_congested = close_congested;
    start_with(&options);
    connect_all();
    world.clients[1].peer->window = 0;
    fill(0, 20);
    for (unsigned i = 0; i <= LOOPS; i++)
        if (i != 1)
            assert_int_equal(count_packets(&world.clients[i]), 20);
    assert_true(atomic_load(&world.sim.base.loops[1]->counters.congested) > 0);
    sio_sim_expect_told(&world.sim, close_congested ? "disconnecting forced close;"
                                                      "disconnect forced close;"
                                                    : "");
    world.clients[1].peer->window = SIZE_MAX;
    sio_sim_run(&world.sim);
    assert_in_range(count_packets(&world.clients[1]), 7, 10); /* of about 3000 bytes */
    fill(0, 1);
    assert_int_equal(count_packets(&world.clients[1]), close_congested ? 0 : 1);
    sio_sim_stop(&world.sim);
}

static void test_sio_emit_meets_slow_clients(void **state)
{
    run_slow(0);
    run_slow(1);
}

static void test_sio_emit_drops_volatile_events(void **state)
{
    fill(YODEL_SIO_VOLATILE, 1);
    assert_int_equal(count_packets(&world.clients[1]), 1);
    world.clients[1].peer->window = 0;
    fill(0, 1);
    fill(YODEL_SIO_VOLATILE, 5);
    world.clients[1].peer->window = SIZE_MAX;
    sio_sim_run(&world.sim);
    assert_int_equal(count_packets(&world.clients[1]), 1);
    assert_int_equal(count_packets(&world.clients[0]), 7);
    fill(YODEL_SIO_VOLATILE, 1);
    assert_int_equal(count_packets(&world.clients[1]), 1);
}

static void watch_binary(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args,
                         void *user)
{
    (void)socket;
    sio_sim_tell(user, "%" YODEL_PRI " %" YODEL_PRI, YODEL_ARG(event), YODEL_ARG(args->json));
    for (size_t i = 0; i < args->num_attachments; i++)
        sio_sim_tell(user, " %.*s", (int)args->attachments[i].len,
                     (const char *)args->attachments[i].ptr);
    sio_sim_tell(user, ";");
}

/* On the loop it is called on, and on others when the caller's bytes have gone. */
static void test_sio_emit_shows_binary_to_watchers(void **state)
{
    char data[] = "abc", more[] = "de";
    yodel_bytes attachments[] = {{(uint8_t *)data, 3}, {(uint8_t *)more, 2}};
    yodel_sio_args args = {sizeof args,
                           YODEL_STR("[{\"_placeholder\":true,\"num\":0},"
                                     "{\"_placeholder\":true,\"num\":1}]"),
                           attachments, 2};
    yodel_sio_options options;
    struct sio_client client;
    struct sio_sim sim;

    for (unsigned parser = 0; parser < 2; parser++) {
        sio_sim_options(&options);
        options.parser = parser == 0 ? YODEL_SIO_JSON : YODEL_SIO_MSGPACK;
        assert_int_equal(sio_sim_start(&sim, &yd_mem_default, 1, &options), 0);
        assert_int_equal(yodel_sio_namespace_on_outgoing(sim.ns, watch_binary, &sim), 0);
        sio_sim_open(&sim, 0, &client);
        if (parser == 0)
            sio_sim_say(&client, "0");
        else
            sio_sim_say_binary(&client, "\x82\xa4type\x00\xa3nsp\xa1/", 13);
        sim.base.told.len = 0;
        memcpy(data, "abc", 3);
        assert_int_equal(yodel_sio_emit_args(yodel_sio_to_all(sim.ns), "e", &args), 0);
        memset(data, 'x', 3);
        sio_sim_run(&sim);
        sio_sim_expect_told(&sim, "e [{\"_placeholder\":true,\"num\":0},"
                                  "{\"_placeholder\":true,\"num\":1}] abc de;");
        sio_sim_stop(&sim);
    }
}

static void emit_in_one_turn(struct sio_sim *sim, void *arg)
{
    unsigned first = *(unsigned *)arg, volatile_one = YODEL_SIO_VOLATILE;
    yodel_sio_target one = yodel_sio_to(sim->socket);

    assert_int_equal(yodel_sio_emit(yodel_sio_target_with(one, first), "1", ""), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_target_with(one, volatile_one), "2", ""), 0);
    assert_int_equal(
        yodel_sio_emit(yodel_sio_target_with(yodel_sio_to_all(sim->ns), volatile_one), "3", ""), 0);
    assert_int_equal(yodel_sio_emit(one, "4", ""), 0);
}

/* What was sent in a turn makes the transport busy, as with the JavaScript server: only the first
 * volatile event finds it idle. */
static void test_sio_emit_drops_volatile_events_while_busy(void **state)
{
    unsigned first[] = {0, YODEL_SIO_VOLATILE};

    for (unsigned i = 0; i < 2; i++) {
        struct sio_client client;
        struct sio_sim sim;

        assert_int_equal(sio_sim_start(&sim, &yd_mem_default, 1, NULL), 0);
        sio_sim_connect(&sim, 0, &client);
        sio_sim_on_loop(&sim, 0, emit_in_one_turn, &first[i]);
        sio_sim_expect(&client, "2[\"1\"]");
        sio_sim_expect(&client, "2[\"4\"]");
        sio_sim_expect_nothing(&client);
        sio_sim_stop(&sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_emit_reaches_its_target),
        FIXTURE_TEST(test_sio_emit_leaves_out_its_sender),
        FIXTURE_TEST(test_sio_emit_checks_what_is_sent),
        TEARDOWN_TEST(test_sio_emit_keeps_the_order_of_calls),
        TEARDOWN_TEST(test_sio_emit_is_watched),
        FIXTURE_TEST(test_sio_emit_gathers_answers),
        FIXTURE_TEST(test_sio_emit_gathers_all_arguments),
        TEARDOWN_TEST(test_sio_emit_limits_rooms),
        TEARDOWN_TEST(test_sio_emit_keeps_namespaces_apart),
        FIXTURE_TEST(test_sio_emit_operates_on_many),
        FIXTURE_TEST(test_sio_emit_fetches),
        FIXTURE_TEST(test_sio_emit_gets_raw_group_messages),
        TEARDOWN_TEST(test_sio_emit_meets_slow_clients),
        FIXTURE_TEST(test_sio_emit_drops_volatile_events),
        cmocka_unit_test(test_sio_emit_drops_volatile_events_while_busy),
        cmocka_unit_test(test_sio_emit_shows_binary_to_watchers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
