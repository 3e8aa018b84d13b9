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
#include "sio/restore.h"
#include "sio_sim.h"

/* A service whose emits are ordered, and whose lost sockets are kept, elsewhere: by a list in this
 * test. */

#define RECOVERY_MS 5000
#define RECOVERY_BYTES 3000
#define MAX_EVENTS 100

struct event {
    struct yd_op *op; /* until it is carried out */
    char name[20], offset[10];
    bool shared;
};

static struct world {
    struct sio_sim sim;
    struct sio_client client;
    struct yd_sio_order order;
    struct event events[MAX_EVENTS];
    unsigned num, applied, num_placed;
    char sid[YD_ID_LEN], pid[YD_ID_LEN], rooms[300], data[100];
    bool has_state;
    unsigned saves;
    struct yd_sio_restore *waiting; /* for what was missed */
    bool holds_missed;
    int fails; /* with what */
    char told[1000];
    int room_events[5];
} world;

static struct failmem fm;

/* ---- the order ---- */

static int take(struct yd_sio_order *order, struct yd_op *op)
{
    struct event *event = &world.events[world.num];

    assert_true(world.num < MAX_EVENTS);
    event->op = op;
    event->shared = yd_sio_order_is_shared(op);
    world.num++;
    if (event->shared)
        (void)snprintf(event->offset, sizeof event->offset, "1-%u", ++world.num_placed);
    else /* that of the one before */
        (void)snprintf(event->offset, sizeof event->offset, "1-%u", world.num_placed);
    return 0;
}

/* On a loop. */
static void apply_all(struct sio_sim *sim, void *arg)
{
    for (; world.applied < world.num; world.applied++)
        (void)yd_sio_order_apply(world.events[world.applied].op, world.events[world.applied].offset,
                                 world.events[world.applied].shared);
}

static void flush(void)
{
    sio_sim_on_loop(&world.sim, 0, apply_all, NULL);
}

static void copy(char *out, size_t size, yodel_str text)
{
    assert_true(text.len < size);
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
}

static void save(struct yd_sio_order *order, const struct yd_sio_state *state)
{
    assert_true(yodel_str_eq(state->ns, YODEL_STR("/")));
    memcpy(world.sid, state->sid.ptr, YD_ID_LEN);
    memcpy(world.pid, state->pid.ptr, YD_ID_LEN);
    copy(world.rooms, sizeof world.rooms, state->rooms);
    copy(world.data, sizeof world.data, state->data);
    world.has_state = true;
    world.saves++;
}

static void restore_state(struct yd_sio_order *order, struct yd_sio_restore *restore)
{
    struct yd_sio_state state = {
        .ns = YODEL_STR("/"),
        .sid = {world.sid, YD_ID_LEN},
        .pid = {world.pid, YD_ID_LEN},
        .rooms = yodel_str_of(world.rooms),
        .data = yodel_str_of(world.data),
    };
    bool found = world.has_state && memcmp(world.pid, restore->pid, YD_ID_LEN) == 0;

    if (found)
        world.has_state = false;
    yd_sio_restore_found(restore, found ? &state : NULL);
}

static void give_missed(struct yd_sio_restore *restore)
{
    unsigned first = 0;
    int rc = world.fails;

    while (first < world.num && strcmp(world.events[first].offset, restore->offset) != 0)
        first++;
    for (unsigned i = first + 1; rc == 0 && i < world.num; i++) {
        struct yd_sio_words words = {.name = yodel_str_of(world.events[i].name)};

        if (!world.events[i].shared)
            continue;
        rc = yd_sio_restore_add(restore, world.events[i].offset, &words);
        (void)snprintf(restore->offset, sizeof restore->offset, "%s", world.events[i].offset);
    }
    yd_sio_restore_end(restore, rc);
}

static void missed(struct yd_sio_order *order, struct yd_sio_restore *restore)
{
    if (world.holds_missed)
        world.waiting = restore;
    else
        give_missed(restore);
}

static bool is_after(const char *offset, const char *than)
{
    return atoi(offset + 2) > atoi(than + 2);
}

static const struct yd_sio_order_ops ops = {take, save, restore_state, missed, is_after};

/* ---- a world ---- */

/* Its own room is "*"; other ids are not of the client that is restored. */
static void on_room(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    static const char *const marks[] = {"", "+", ":", "/", "-"};
    yodel_str sid = yodel_str_of(world.client.sid);
    size_t at = strlen(world.told);

    world.room_events[event->change]++;
    if (event->socket_id.len > 0 && !yodel_str_eq(event->socket_id, sid))
        return;
    (void)snprintf(world.told + at, sizeof world.told - at, "%s%.*s ", marks[event->change],
                   yodel_str_eq(event->room, sid) ? 1 : (int)event->room.len,
                   yodel_str_eq(event->room, sid) ? "*" : event->room.ptr);
}

static int begin(unsigned loops)
{
    yodel_sio_options options;
    int rc;

    memset(&world, 0, sizeof world);
    sio_sim_options(&options);
    options.recovery_ms = RECOVERY_MS;
    options.recovery_bytes = RECOVERY_BYTES;
    rc = sio_sim_start(&world.sim, &fm.mem, loops, &options);
    if (rc < 0)
        return rc;
    world.order.ops = &ops;
    yd_sio_set_order(world.sim.sio, &world.order);
    if ((rc = yodel_sio_namespace_on_room(world.sim.ns, on_room, NULL, NULL)) < 0)
        return rc;
    sio_sim_connect(&world.sim, 0, &world.client);
    world.told[0] = '\0';
    return 0;
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    return begin(3);
}

static int teardown(void **state)
{
    if (world.sim.sio != NULL)
        flush();
    sio_sim_stop(&world.sim);
    failmem_assert_empty(&fm);
    return 0;
}

/* The name is noted beside what was taken. */
static void emit_to(yodel_sio_target target, const char *name)
{
    unsigned before = world.num;

    assert_int_equal(yodel_sio_emit(target, name, ""), 0);
    assert_int_equal(world.num, before + 1);
    (void)snprintf(world.events[before].name, sizeof world.events[before].name, "%s", name);
}

static void emit(const char *name)
{
    emit_to(yodel_sio_to_all(world.sim.ns), name);
}

static void put_back(unsigned loop, const char *offset, struct sio_client *ret_client)
{
    char text[200];

    sio_sim_open(&world.sim, loop, ret_client);
    (void)snprintf(text, sizeof text, "0{\"pid\":\"%s\",\"offset\":\"%s\"}", world.client.pid,
                   offset);
    sio_sim_put(ret_client, text);
    sio_sim_run(&world.sim);
}

static void expect_recovered(struct sio_client *client)
{
    char text[200];

    (void)snprintf(text, sizeof text, "0{\"sid\":\"%s\",\"pid\":\"%s\"}", world.client.sid,
                   world.client.pid);
    sio_sim_expect(client, text);
    assert_int_equal(yodel_sio_socket_recovered(world.sim.socket), 1);
}

static void expect_fresh(struct sio_client *client)
{
    const char *text = sio_sim_next(client);

    assert_non_null(text);
    assert_memory_equal(text, "0{\"sid\":\"", 9);
    assert_null(strstr(text, world.client.pid));
    assert_null(strstr(text, world.client.sid));
    assert_int_equal(yodel_sio_socket_recovered(world.sim.socket), 0);
}

/* ---- emits ---- */

static void test_sio_order_gives_place_and_offset(void **state)
{
    emit("a");
    emit_to(yodel_sio_to(world.sim.socket), "b");
    emit_to(yodel_sio_target_with(yodel_sio_to_all(world.sim.ns), YODEL_SIO_LOCAL), "c");
    sio_sim_run(&world.sim);
    sio_sim_expect_nothing(&world.client);
    assert_true(world.events[0].shared && world.events[1].shared && !world.events[2].shared);
    flush();
    sio_sim_expect(&world.client, "2[\"a\",\"1-1\"]");
    sio_sim_expect(&world.client, "2[\"b\",\"1-2\"]");
    sio_sim_expect(&world.client, "2[\"c\",\"1-2\"]");
}

static void emit_when_gone(struct sio_sim *sim, void *arg)
{
    yodel_sio_socket *socket = sim->socket;

    yodel_sio_socket_disconnect(socket, 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to(socket), "x", ""), YODEL_ERR_CLOSED);
    assert_int_equal(world.num, 0);
}

static void test_sio_order_has_no_place_for_who_has_left(void **state)
{
    sio_sim_on_loop(&world.sim, 0, emit_when_gone, NULL);
}

static void test_sio_order_rooms_keep_their_place(void **state)
{
    static const char *const rooms[] = {"r", NULL};

    assert_int_equal(yodel_sio_target_join(yodel_sio_to_all(world.sim.ns), rooms), 0);
    world.events[0].name[0] = '\0';
    emit_to(yodel_sio_to_room(world.sim.ns, "r"), "a");
    flush();
    sio_sim_expect(&world.client, "2[\"a\",\"1-2\"]");
}

/* ---- states ---- */

static void set_state(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_sio_socket_join(sim->socket, "a\""), 0);
    json_object_set_new(yodel_sio_socket_json(sim->socket), "n", json_integer(5));
}

static void check_state(struct sio_sim *sim, void *arg)
{
    assert_int_equal(json_integer_value(json_object_get(yodel_sio_socket_json(sim->socket), "n")),
                     5);
    emit_to(yodel_sio_to_room(sim->ns, "a\""), "room");
    emit_to(yodel_sio_to_room(sim->ns, world.client.sid), "own");
}

static void test_sio_order_keeps_a_lost_socket(void **state)
{
    char rooms[100];

    sio_sim_on_loop(&world.sim, 0, set_state, NULL);
    sio_sim_leave(&world.client);
    assert_true(world.has_state);
    (void)snprintf(rooms, sizeof rooms, "[\"%s\",\"a\\\"\"]", world.client.sid);
    assert_string_equal(world.rooms, rooms);
    assert_string_equal(world.data, "{\"n\":5}");
    assert_memory_equal(world.pid, world.client.pid, YD_ID_LEN);
}

static void test_sio_order_restores_on_another_loop(void **state)
{
    struct sio_client client;

    sio_sim_on_loop(&world.sim, 0, set_state, NULL);
    emit("seen");
    flush();
    sio_sim_leave(&world.client);
    emit("missed");
    flush();
    put_back(2, "1-1", &client);
    sio_sim_expect(&client, "2[\"missed\",\"1-2\"]");
    expect_recovered(&client);
    sio_sim_on_loop(&world.sim, 2, check_state, NULL);
    flush();
    sio_sim_expect(&client, "2[\"room\",\"1-3\"]");
    sio_sim_expect(&client, "2[\"own\",\"1-4\"]");
    assert_false(world.has_state);
}

/* A lost one leaves; who comes back joins, with the id that it had. */
static void test_sio_order_tells_rooms_what_is_restored(void **state)
{
    struct sio_client client;

    sio_sim_on_loop(&world.sim, 0, set_state, NULL);
    assert_string_equal(world.told, "+a\" :a\" ");
    emit("seen");
    flush();
    sio_sim_leave(&world.client);
    assert_string_equal(world.told, "+a\" :a\" /* -* /a\" -a\" ");
    world.told[0] = '\0';
    put_back(2, "1-1", &client);
    expect_recovered(&client);
    assert_string_equal(world.told, "+* :* +a\" :a\" ");
}

static void test_sio_order_sends_what_overlaps_once(void **state)
{
    struct sio_client client;

    emit("seen");
    flush();
    sio_sim_leave(&world.client);
    emit("before");
    flush();
    world.holds_missed = true;
    put_back(1, "1-1", &client);
    emit("between"); /* the socket notes it, and it is among what was missed */
    flush();
    sio_sim_expect_nothing(&client);
    give_missed(world.waiting);
    sio_sim_run(&world.sim);
    sio_sim_expect(&client, "2[\"before\",\"1-2\"]");
    sio_sim_expect(&client, "2[\"between\",\"1-3\"]");
    expect_recovered(&client);
    emit("after");
    flush();
    sio_sim_expect(&client, "2[\"after\",\"1-4\"]");
    sio_sim_expect_nothing(&client);
}

/* The loop hears of the event first, but both between the same two turns. */
static void apply_and_give_missed(void *arg)
{
    apply_all(&world.sim, NULL);
    give_missed(world.waiting);
}

static void test_sio_order_sends_what_is_a_task_once(void **state)
{
    struct sio_client client;

    emit("seen");
    flush();
    sio_sim_leave(&world.client);
    world.holds_missed = true;
    put_back(0, "1-1", &client);
    emit("between");
    loops_sim_between(&world.sim.base, 0, apply_and_give_missed, NULL);
    sio_sim_run(&world.sim);
    sio_sim_expect(&client, "2[\"between\",\"1-2\"]");
    expect_recovered(&client);
    sio_sim_expect_nothing(&client);
}

static void emit_here(const char *name)
{
    emit_to(yodel_sio_target_with(yodel_sio_to_all(world.sim.ns), YODEL_SIO_LOCAL), name);
}

/* It has the offset of another one, which was missed, and is none of what was missed itself. */
static void test_sio_order_notes_what_has_no_place(void **state)
{
    struct sio_client client;

    emit("seen");
    flush();
    sio_sim_leave(&world.client);
    emit("missed");
    flush();
    world.holds_missed = true;
    put_back(1, "1-1", &client);
    emit_here("local");
    emit_here("another");
    flush();
    give_missed(world.waiting);
    sio_sim_run(&world.sim);
    sio_sim_expect(&client, "2[\"missed\",\"1-2\"]");
    sio_sim_expect(&client, "2[\"local\",\"1-2\"]");
    sio_sim_expect(&client, "2[\"another\",\"1-2\"]");
    expect_recovered(&client);
    sio_sim_expect_nothing(&client);
}

/* This server carries out late what the client has had from another one. */
static void test_sio_order_does_not_repeat_what_was_had(void **state)
{
    struct sio_client client;

    emit("had");
    emit("had, too");
    emit("the same");
    sio_sim_leave(&world.client);
    world.holds_missed = true;
    put_back(1, "1-3", &client);
    flush();
    give_missed(world.waiting);
    sio_sim_run(&world.sim);
    expect_recovered(&client);
    sio_sim_expect_nothing(&client);
}

/* More than is remembered of a client: what was noted is not all. */
static void test_sio_order_noting_too_much_begins_afresh(void **state)
{
    struct sio_client client;

    emit("seen");
    flush();
    sio_sim_leave(&world.client);
    world.holds_missed = true;
    put_back(1, "1-1", &client);
    for (unsigned i = 0; i < 80; i++)
        emit_here("what is too much");
    flush();
    give_missed(world.waiting);
    sio_sim_run(&world.sim);
    expect_fresh(&client);
}

static void test_sio_order_ends_the_old_connection(void **state)
{
    struct sio_client client;

    emit("seen");
    flush();
    put_back(1, "1-1", &client); /* no end of the first one was seen */
    expect_recovered(&client);
    put_back(1, "1-1", &client); /* and on the same loop */
    expect_recovered(&client);
    assert_int_equal(world.saves, 2);
}

static void test_sio_order_without_a_state_begins_afresh(void **state)
{
    struct sio_client client;

    sio_sim_leave(&world.client);
    world.has_state = false;
    put_back(1, "1-1", &client);
    expect_fresh(&client);
}

static void test_sio_order_failing_begins_afresh(void **state)
{
    struct sio_client client;

    sio_sim_on_loop(&world.sim, 0, set_state, NULL);
    sio_sim_leave(&world.client);
    world.fails = YODEL_ERR_CLOSED;
    put_back(1, "1-1", &client);
    expect_fresh(&client);
    emit_to(yodel_sio_to_room(world.sim.ns, "a\""), "room");
    flush();
    sio_sim_expect_nothing(&client);
}

static void test_sio_order_too_much_begins_afresh(void **state)
{
    struct sio_client client;

    emit("seen");
    flush();
    sio_sim_leave(&world.client);
    for (unsigned i = 0; i < 80; i++)
        emit("what was missed");
    flush();
    put_back(1, "1-1", &client);
    expect_fresh(&client);
}

static void test_sio_order_client_lost_again_on_the_way(void **state)
{
    struct sio_client client;

    sio_sim_on_loop(&world.sim, 0, set_state, NULL);
    emit("seen");
    flush();
    sio_sim_leave(&world.client);
    world.holds_missed = true;
    put_back(1, "1-1", &client);
    assert_false(world.has_state);
    sio_sim_leave(&client);
    assert_true(world.has_state);
    assert_non_null(strstr(world.rooms, "a\\\""));
    assert_string_equal(world.data, "{\"n\":5}");
    give_missed(world.waiting); /* for a socket that is no more */
    world.holds_missed = false;
    put_back(2, "1-1", &client);
    expect_recovered(&client);
}

/* Stopping is no reason to lose what is kept elsewhere. */
static void test_sio_order_keeps_sockets_of_a_stop(void **state)
{
    sio_sim_stop(&world.sim);
    world.sim.sio = NULL;
    assert_true(world.has_state);
}

/* Whatever fails: all that was missed and the state, or a new socket, or no connection. */
static void test_sio_order_restoring_out_of_memory(void **state)
{
    failmem_serve_jansson(&fm);
    FAILMEM_LOOP(&fm)
    {
        struct sio_client client;
        const char *text;
        bool recovered;

        failmem_pause(&fm);
        assert_int_equal(begin(2), 0);
        sio_sim_on_loop(&world.sim, 0, set_state, NULL);
        emit("seen");
        flush();
        sio_sim_leave(&world.client);
        emit("missed");
        flush();
        sio_sim_open(&world.sim, 1, &client);
        failmem_resume(&fm);
        {
            char say[200];

            (void)snprintf(say, sizeof say, "0{\"pid\":\"%s\",\"offset\":\"1-1\"}",
                           world.client.pid);
            sio_sim_put(&client, say);
            sio_sim_run(&world.sim);
        }
        failmem_pause(&fm);
        text = sio_sim_next(&client);
        recovered = text != NULL && strcmp(text, "2[\"missed\",\"1-2\"]") == 0;
        text = recovered ? sio_sim_next(&client) : text;
        assert_true(text == NULL || (strstr(text, world.client.pid) != NULL) == recovered);
        assert_true(failmem_has_failed(&fm) || (text != NULL && recovered));
        sio_sim_stop(&world.sim);
        assert_int_equal(world.room_events[YODEL_SIO_ROOM_JOINED],
                         world.room_events[YODEL_SIO_ROOM_LEFT]);
        assert_int_equal(world.room_events[YODEL_SIO_ROOM_CREATED],
                         world.room_events[YODEL_SIO_ROOM_DELETED]);
        failmem_resume(&fm);
    }
    failmem_serve_jansson(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_sio_order_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_place_and_offset),
        TEST(has_no_place_for_who_has_left),
        TEST(rooms_keep_their_place),
        TEST(keeps_a_lost_socket),
        TEST(restores_on_another_loop),
        TEST(tells_rooms_what_is_restored),
        TEST(sends_what_overlaps_once),
        TEST(sends_what_is_a_task_once),
        TEST(notes_what_has_no_place),
        TEST(does_not_repeat_what_was_had),
        TEST(noting_too_much_begins_afresh),
        TEST(ends_the_old_connection),
        TEST(without_a_state_begins_afresh),
        TEST(failing_begins_afresh),
        TEST(too_much_begins_afresh),
        TEST(client_lost_again_on_the_way),
        TEST(keeps_sockets_of_a_stop),
        cmocka_unit_test(test_sio_order_restoring_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
