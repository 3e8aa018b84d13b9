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
#include "sio_sim.h"

/* Whole sessions with every allocation failing in turn: they end in some orderly way. */

/* What must be even in the end. */
struct counts {
    int connections, disconnections, asked, answered, fetched, fetches;
};

static void on_connection(yodel_sio_socket *socket, void *user)
{
    struct sio_sim *sim = user;

    sim->socket = socket;
    ((struct counts *)(void *)(sim + 1))->connections++;
    (void)yodel_sio_socket_join(socket, "room");
    (void)yodel_sio_socket_once(socket, "once", NULL, NULL);
    (void)yodel_sio_socket_json(socket);
    (void)yodel_sio_emit(yodel_sio_to(socket), "welcome", "s", "you");
}

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    struct sio_sim *sim = user;

    (void)reason;
    if (sim->socket == socket)
        sim->socket = NULL;
    ((struct counts *)(void *)(sim + 1))->disconnections++;
}

static struct counts *counts_of(struct sio_sim *sim)
{
    return (struct counts *)(void *)(sim + 1);
}

static int go_on(yodel_sio_socket *socket, void *user)
{
    (void)socket;
    (void)user;
    return 0;
}

static int refuse(yodel_sio_socket *socket, void *user)
{
    (void)user;
    return yodel_sio_socket_refuse(socket, "no", "{\"a\":1}");
}

static void watch(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args, void *user)
{
    (void)socket;
    (void)user;
    assert_true(event.len > 0);
    assert_int_equal(args->json.ptr[args->json.len - 1], ']');
}

static void answered(const yodel_sio_answers *answers, void *user)
{
    assert_int_equal(answers->json.ptr[0], '[');
    assert_int_equal(answers->json.ptr[answers->json.len - 1], ']');
    counts_of(user)->answered++;
}

static void fetched(const yodel_sio_sockets *sockets, void *user)
{
    assert_true(sockets->json == NULL || json_is_array(sockets->json));
    counts_of(user)->fetched++;
}

static void on_event(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct sio_sim *sim = user;
    struct counts *counts = counts_of(sim);
    yodel_bytes bytes = {(const uint8_t *)"xy", 2};
    yodel_sio_args args = {sizeof args, YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"), &bytes,
                           1};
    int number;

    (void)yodel_sio_event_unpack(event, "i", &number);
    (void)yodel_sio_event_answer(event, "s", "answer");
    (void)yodel_sio_emit_args(yodel_sio_to_room(sim->ns, "room"), "b", &args);
    (void)yodel_sio_emit(yodel_sio_target_except(yodel_sio_to_others(socket), YODEL_ROOMS("x")),
                         "o", "");
    counts->asked += yodel_sio_emit_ack(yodel_sio_to(socket), "q", NULL, answered, sim) == 0;
    counts->asked += yodel_sio_emit_ack(yodel_sio_to_all(sim->ns), "q", NULL, answered, sim) == 0;
    (void)yodel_sio_target_join(yodel_sio_to_all(sim->ns), YODEL_ROOMS("r1", "r2"));
    (void)yodel_sio_target_leave(yodel_sio_to_all(sim->ns), YODEL_ROOMS("r2"));
    counts->fetches += yodel_sio_target_fetch(yodel_sio_to_all(sim->ns), fetched, sim) == 0;
    counts->fetches += yodel_sio_namespace_fetch_rooms(sim->ns, fetched, sim) == 0;
    counts->fetches += yodel_sio_namespace_fetch_room_counts(sim->ns, fetched, sim) == 0;
}

static int set_up_children(struct sio_sim *sim)
{
    yodel_sio_namespace *parent = sio_sim_of_pattern(sim->sio, "/child-.*");
    yodel_sio_namespace *closed = sio_sim_of(sim->sio, "/closed");

    if (parent == NULL || closed == NULL || sio_sim_handle(sim, parent) < 0)
        return -1;
    return yodel_sio_namespace_use(closed, refuse, sim);
}

static int start(struct sio_sim *sim, const struct yodel_allocator *mem, yodel_sio_parser parser)
{
    yodel_sio_handlers handlers = {
        .size = sizeof handlers, .on_connection = on_connection, .on_disconnect = on_disconnect};
    yodel_sio_options options;

    sio_sim_options(&options);
    options.recovery_ms = 1000;
    options.parser = parser;
    if (sio_sim_start(sim, mem, 2, &options) < 0)
        return -1;
    if (yodel_sio_namespace_handle(sim->ns, &handlers, sim) == 0 &&
        yodel_sio_namespace_on(sim->ns, "e", on_event, sim) == 0 &&
        yodel_sio_namespace_use(sim->ns, go_on, sim) == 0 &&
        yodel_sio_namespace_on_outgoing(sim->ns, watch, sim) == 0 && set_up_children(sim) == 0)
        return 0;
    sio_sim_stop(sim);
    return -1;
}

static void stop(struct sio_sim *sim)
{
    struct counts *counts = counts_of(sim);

    sio_sim_advance(sim, 20000);
    sio_sim_stop(sim);
    assert_int_equal(counts->connections, counts->disconnections);
    assert_int_equal(counts->asked, counts->answered);
    assert_int_equal(counts->fetches, counts->fetched);
}

/* Answers what may have been asked, whatever it was. */
static void answer_all(struct sio_client *client)
{
    sio_sim_put(client, "30[1]");
    sio_sim_put(client, "61-1[{\"_placeholder\":true,\"num\":0}]");
    sio_sim_say_binary(client, "z", 1);
}

static void come_back(struct sio_sim *sim, struct sio_client *client, unsigned loop)
{
    char text[200], pid[YD_ID_LEN + 1] = "-";
    const char *answer;

    while ((answer = sio_sim_next(client)) != NULL)
        if (answer[0] == '0')
            (void)sscanf(answer, "0{\"sid\":\"%*20[^\"]\",\"pid\":\"%20[^\"]", pid);
    sio_sim_leave(client);
    (void)yodel_sio_emit(yodel_sio_to_all(sim->ns), "missed", "");
    sio_sim_open(sim, loop, client);
    (void)snprintf(text, sizeof text, "0{\"pid\":\"%s\"}", pid);
    sio_sim_put(client, text);
    sio_sim_run_loop(sim, loop);
    (void)yodel_sio_emit(yodel_sio_to_all(sim->ns), "meanwhile", "");
    sio_sim_run(sim);
}

static void run_session(struct sio_sim *sim)
{
    struct sio_client a, b;

    sio_sim_open(sim, 0, &a);
    sio_sim_open(sim, 1, &b);
    sio_sim_say(&b, "0");
    sio_sim_say(&a, "0/child-1,{\"x\":1}");
    sio_sim_say(&a, "0/closed,");
    sio_sim_say(&a, "0/unknown,");
    sio_sim_put(&a, "0{\"x\":1}"); /* and an event that comes early */
    sio_sim_say(&a, "25[\"e\",1]");
    sio_sim_say(&a, "1/child-1,");
    sio_sim_put(&a, "51-6[\"e\",{\"_placeholder\":true,\"num\":0}]");
    sio_sim_say_binary(&a, "abc", 3);
    answer_all(&a);
    answer_all(&b);
    come_back(sim, &a, 0);
    come_back(sim, &a, 1);
    sio_sim_say(&a, "1");
}

/* What follows the simulation, for handlers. */
struct world {
    struct sio_sim sim;
    struct counts counts;
};

static void test_sio_memory_of_a_session(void **state)
{
    struct failmem each;

    FAILMEM_LOOP(&each)
    {
        struct world world = {.counts = {0}};

        if (start(&world.sim, &each.mem, YODEL_SIO_JSON) < 0)
            continue;
        run_session(&world.sim);
        stop(&world.sim);
        if (!failmem_has_failed(&each)) {
            assert_int_equal(world.counts.connections, 4);
            assert_int_equal(world.counts.asked, 4);
        }
    }
}

#define SAY(client, bytes) sio_sim_say_binary(client, bytes, sizeof(bytes) - 1)

static void test_sio_memory_of_a_msgpack_session(void **state)
{
    struct failmem each;

    FAILMEM_LOOP(&each)
    {
        struct world world = {.counts = {0}};
        struct sio_client client;

        if (start(&world.sim, &each.mem, YODEL_SIO_MSGPACK) < 0)
            continue;
        sio_sim_open(&world.sim, 0, &client);
        SAY(&client, "\x82\xa4type\x00\xa3nsp\xa1/");
        SAY(&client, "\x84\xa4type\x02\xa4"
                     "data\x92\xa1"
                     "e\xc4\x01z\xa2id\x05\xa3nsp\xa1/");
        sio_sim_leave(&client);
        stop(&world.sim);
        if (!failmem_has_failed(&each))
            assert_int_equal(world.counts.asked, 2);
    }
}

/* Emits to the parent of two clients' namespaces with the nth allocation from now failing; true
 * when it was reached. */
static bool emit_to_parent(struct sio_sim *sim, struct failmem *fm, size_t nth)
{
    yodel_sio_namespace *parent = sio_sim_of_pattern(sim->sio, "/child-.*");
    struct sio_client a, b;
    bool has_failed;
    int rc;

    assert_non_null(parent);
    sio_sim_open(sim, 0, &a);
    sio_sim_join(&a, "/child-1", "");
    sio_sim_open(sim, 0, &b);
    sio_sim_join(&b, "/child-2", "");
    fm->fail_at = atomic_load(&fm->calls) + nth;
    rc = yodel_sio_emit(yodel_sio_to_all(parent), "all", "");
    has_failed = failmem_has_failed(fm);
    fm->fail_at = 0;
    sio_sim_run(sim);
    assert_int_equal(rc, has_failed ? -ENOMEM : 0);
    if (has_failed) {
        sio_sim_expect_nothing(&a);
        sio_sim_expect_nothing(&b);
    } else {
        sio_sim_expect(&a, "2/child-1,[\"all\"]");
        sio_sim_expect(&b, "2/child-2,[\"all\"]");
    }
    return has_failed;
}

static void test_sio_memory_of_an_emit_to_a_parent_is_for_all_children_or_none(void **state)
{
    bool has_failed = true;

    for (size_t nth = 1; has_failed; nth++) {
        struct failmem fm;
        struct sio_sim sim;

        failmem_init(&fm, 0);
        assert_int_equal(sio_sim_start(&sim, &fm.mem, 1, NULL), 0);
        has_failed = emit_to_parent(&sim, &fm, nth);
        sio_sim_stop(&sim);
        failmem_assert_empty(&fm);
    }
}

/* ---- one step of a session ---- */

static void join_both(struct sio_sim *sim, void *arg)
{
    (void)arg;
    assert_int_equal(yodel_sio_socket_join(sim->socket, "a"), 0);
    assert_int_equal(yodel_sio_socket_join(sim->socket, "b"), 0);
    (void)json_object_set_new(yodel_sio_socket_json(sim->socket), "n", json_integer(5));
}

static void leave_one(struct sio_sim *sim, void *arg)
{
    failmem_resume(arg);
    yodel_sio_socket_leave(sim->socket, "a");
    failmem_pause(arg);
}

static void append_room(yodel_str room, void *user)
{
    if (room.len != YD_ID_LEN)
        strncat(user, room.ptr, room.len);
}

static void tell_rooms(struct sio_sim *sim, void *arg)
{
    ((char *)arg)[0] = '\0';
    if (sim->socket != NULL)
        yodel_sio_socket_each_room(sim->socket, append_room, arg);
}

/* Once started, with nothing that fails; recovery is on. */
static void start_paused(struct sio_sim *sim, struct failmem *fm)
{
    yodel_sio_options options;

    failmem_pause(fm);
    sio_sim_options(&options);
    options.recovery_ms = 5000;
    assert_int_equal(sio_sim_start(sim, &fm->mem, 2, &options), 0);
}

/* A removal needs no memory. */
static void test_sio_memory_of_leaving_a_room(void **state)
{
    struct failmem each;

    FAILMEM_LOOP(&each)
    {
        struct sio_client client;
        struct sio_sim sim;
        char rooms[20];

        start_paused(&sim, &each);
        sio_sim_connect(&sim, 0, &client);
        sio_sim_on_loop(&sim, 0, join_both, NULL);
        sio_sim_on_loop(&sim, 0, leave_one, &each);
        sio_sim_on_loop(&sim, 0, tell_rooms, rooms);
        assert_string_equal(rooms, "b");
        assert_false(failmem_has_failed(&each));
        sio_sim_stop(&sim);
    }
}

/* All of the state, or a fresh session with none of it, or the connection is closed. */
static void check_recovered(struct sio_sim *sim, struct sio_client *client, unsigned loop,
                            struct failmem *fm)
{
    char sid[YD_ID_LEN + 1] = "", rooms[20];
    const char *text;
    int missed = 0;

    while ((text = sio_sim_next(client)) != NULL)
        if (sscanf(text, "0{\"sid\":\"%20[^\"]", sid) != 1)
            missed += strncmp(text, "2[\"missed\"", 10) == 0;
    sio_sim_on_loop(sim, loop, tell_rooms, rooms);
    if (strcmp(sid, client->sid) == 0) {
        assert_int_equal(missed, 1);
        assert_string_equal(rooms, "ab");
        assert_int_equal(yodel_sio_socket_recovered(sim->socket), 1);
        return;
    }
    assert_true(failmem_has_failed(fm));
    assert_string_equal(rooms, "");
    if (sid[0] == '\0') {
        sio_sim_advance(sim, 1000);
        assert_true(sim_is_closed(client->peer));
        assert_null(sim->socket);
    } else {
        assert_int_equal(missed, 0);
        assert_int_equal(yodel_sio_socket_recovered(sim->socket), 0);
    }
}

static void run_recovery(unsigned loop)
{
    struct failmem each;

    FAILMEM_LOOP(&each)
    {
        struct sio_client client, again;
        struct sio_sim sim;
        char text[100];

        start_paused(&sim, &each);
        sio_sim_connect(&sim, 0, &client);
        sio_sim_on_loop(&sim, 0, join_both, NULL);
        sio_sim_leave(&client);
        assert_int_equal(yodel_sio_emit(yodel_sio_to_all(sim.ns), "missed", ""), 0);
        sio_sim_open(&sim, loop, &again);
        (void)snprintf(text, sizeof text, "0{\"pid\":\"%s\"}", client.pid);
        memcpy(again.sid, client.sid, sizeof again.sid);
        failmem_resume(&each);
        sio_sim_say(&again, text);
        failmem_pause(&each);
        check_recovered(&sim, &again, loop, &each);
        sio_sim_stop(&sim);
    }
}

static void test_sio_memory_of_a_recovery(void **state)
{
    run_recovery(0);
    run_recovery(1);
}

/* ---- answers ---- */

struct told {
    int calls, result;
    char json[100];
    size_t num_attachments;
};

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    struct told *told = user;

    told->calls++;
    told->result = answers->result;
    told->num_attachments = answers->num_attachments;
    (void)snprintf(told->json, sizeof told->json, "%" YODEL_PRI, YODEL_ARG(answers->json));
}

static void ask(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_sio_emit_ack(yodel_sio_to(sim->socket), "q", NULL, on_answers, arg), 0);
}

/* An answer is there with its attachment, or the result says that there is none: for want of
 * memory, or because that has ended the connection. */
static void test_sio_memory_of_an_answer(void **state)
{
    struct failmem each;

    FAILMEM_LOOP(&each)
    {
        struct told told = {0};
        struct sio_client client;
        struct sio_sim sim;
        bool is_whole;

        start_paused(&sim, &each);
        sio_sim_connect(&sim, 0, &client);
        sio_sim_on_loop(&sim, 0, ask, &told);
        failmem_resume(&each);
        sio_sim_put(&client, "61-0[{\"_placeholder\":true,\"num\":0}]");
        sio_sim_say_binary(&client, "xy", 2);
        failmem_pause(&each);
        sio_sim_leave(&client);
        sio_sim_advance(&sim, 20000);
        assert_int_equal(told.calls, 1);
        is_whole = strcmp(told.json, "[{\"_placeholder\":true,\"num\":0}]") == 0 &&
                   told.num_attachments == 1;
        failmem_assert_whole(&each, told.result == YODEL_ERR_CLOSED ? -ENOMEM : told.result,
                             is_whole, strcmp(told.json, "[]") == 0 && told.num_attachments == 0);
        sio_sim_stop(&sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sio_memory_of_a_session),
        cmocka_unit_test(test_sio_memory_of_a_msgpack_session),
        cmocka_unit_test(test_sio_memory_of_an_emit_to_a_parent_is_for_all_children_or_none),
        cmocka_unit_test(test_sio_memory_of_leaving_a_room),
        cmocka_unit_test(test_sio_memory_of_a_recovery),
        cmocka_unit_test(test_sio_memory_of_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
