/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "failmem.h"
#include "sio_sim.h"

/* Parents of namespaces, and their children. */

static int passed, refused;

static int refuse(yodel_sio_socket *socket, void *user)
{
    (void)user;
    refused++;
    return yodel_sio_socket_refuse(socket, "no", NULL);
}

static int pass(yodel_sio_socket *socket, void *user)
{
    (void)socket;
    (void)user;
    passed++;
    return 0;
}

static void on_hello(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)event;
    sio_sim_tell(user, "hello %" YODEL_PRI ";",
                 YODEL_ARG(yodel_sio_namespace_name(yodel_sio_socket_namespace(socket))));
}

/* The program's own name for what a pattern matches does not get round the pattern's middleware. */
static void test_sio_children_have_their_parents_middleware(void **state)
{
    yodel_sio_namespace *parent, *child;
    struct sio_client client;
    struct sio_sim sim;

    passed = refused = 0;
    assert_int_equal(sio_sim_start(&sim, &yd_mem_default, 1, NULL), 0);
    assert_non_null(parent = sio_sim_of_pattern(sim.sio, "/room-\\d+"));
    assert_int_equal(yodel_sio_namespace_use(parent, refuse, NULL), 0);
    assert_non_null(child = sio_sim_of(sim.sio, "/room-1"));
    assert_int_equal(yodel_sio_namespace_use(child, pass, NULL), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_say(&client, "0/room-1,");
    sio_sim_expect(&client, "4/room-1,{\"message\":\"no\"}");
    sio_sim_say(&client, "0/room-2,");
    sio_sim_expect(&client, "4/room-2,{\"message\":\"no\"}");
    assert_int_equal(refused, 2);
    assert_int_equal(passed, 0);
    sio_sim_stop(&sim);
}

/* It has its parent's handlers and more of its own, is reached by what its parent is sent, and
 * stays. */
static void test_sio_children_may_be_made_by_the_program(void **state)
{
    yodel_sio_namespace *parent, *child;
    struct sio_client client;
    struct sio_sim sim;

    passed = 0;
    assert_int_equal(sio_sim_start(&sim, &yd_mem_default, 1, NULL), 0);
    assert_non_null(parent = sio_sim_of_pattern(sim.sio, "/room-\\d+"));
    assert_int_equal(sio_sim_handle(&sim, parent), 0);
    assert_int_equal(yodel_sio_namespace_on(parent, "hello", on_hello, &sim), 0);
    assert_non_null(child = sio_sim_of(sim.sio, "/room-1"));
    assert_ptr_equal(sio_sim_of(sim.sio, "/room-1"), child);
    assert_int_equal(yodel_sio_namespace_use(child, pass, NULL), 0);
    assert_int_equal(yodel_sio_namespace_on(child, "hello", on_hello, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_join(&client, "/room-1", "");
    sio_sim_join(&client, "/room-2", "");
    assert_int_equal(passed, 1);
    sio_sim_say(&client, "2/room-1,[\"hello\"]");
    sio_sim_say(&client, "2/room-2,[\"hello\"]");
    sio_sim_expect_told(&sim, "connection /room-1;connection /room-2;"
                              "hello /room-1;hello /room-1;hello /room-2;");
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(parent), "all", ""), 0);
    sio_sim_run(&sim);
    sio_sim_leave(&client);
    sio_sim_open(&sim, 0, &client);
    sio_sim_join(&client, "/room-1", "");
    assert_ptr_equal(yodel_sio_socket_namespace(sim.socket), child);
    sio_sim_stop(&sim);
}

/* ---- operations on a parent ---- */

static unsigned num_fetched;
static char fetched_rooms[300];

static void count_fetched(const yodel_sio_sockets *sockets, void *user)
{
    (void)user;
    num_fetched = (unsigned)json_array_size(sockets->json);
}

static void note_fetched(const yodel_sio_sockets *sockets, void *user)
{
    size_t i;
    json_t *room;

    (void)user;
    fetched_rooms[0] = '\0';
    json_array_foreach(sockets->json, i, room)
    {
        if (json_string_length(room) != YD_ID_LEN)
            strcat(fetched_rooms, json_string_value(room));
    }
}

static unsigned count_sockets(struct sio_sim *sim, yodel_sio_target target)
{
    num_fetched = 99;
    assert_int_equal(yodel_sio_target_fetch(target, count_fetched, NULL), 0);
    sio_sim_run(sim);
    return num_fetched;
}

static void test_sio_children_are_meant_by_what_their_parent_is_told(void **state)
{
    struct sio_client clients[4];
    yodel_sio_namespace *parent;
    struct sio_sim sim;

    assert_int_equal(sio_sim_start(&sim, &yd_mem_default, 2, NULL), 0);
    assert_non_null(parent = sio_sim_of_pattern(sim.sio, "/room-\\d+"));
    assert_int_equal(sio_sim_handle(&sim, parent), 0);
    for (unsigned i = 0; i < 4; i++) {
        sio_sim_open(&sim, i % 2, &clients[i]);
        sio_sim_join(&clients[i], i < 2 ? "/room-1" : "/room-2", "");
    }
    sio_sim_connect(&sim, 0, &(struct sio_client){0}); /* of no parent */
    assert_int_equal(count_sockets(&sim, yodel_sio_to_all(parent)), 4);
    assert_int_equal(
        yodel_sio_target_join(yodel_sio_to_room(parent, clients[0].sid), YODEL_ROOMS("a", "b")), 0);
    assert_int_equal(
        yodel_sio_target_join(yodel_sio_to_room(parent, clients[3].sid), YODEL_ROOMS("a")), 0);
    assert_int_equal(yodel_sio_target_leave(yodel_sio_to_room(parent, "b"), YODEL_ROOMS("b")), 0);
    assert_int_equal(count_sockets(&sim, yodel_sio_to_room(parent, "a")), 2);
    assert_int_equal(count_sockets(&sim, yodel_sio_to_room(parent, "b")), 0);
    assert_int_equal(
        count_sockets(&sim, yodel_sio_target_except(yodel_sio_to_all(parent), YODEL_ROOMS("a"))),
        2);
    assert_int_equal(yodel_sio_namespace_fetch_rooms(parent, note_fetched, NULL), 0);
    sio_sim_run(&sim);
    assert_string_equal(fetched_rooms, "a");
    assert_int_equal(yodel_sio_target_disconnect(yodel_sio_to_room(parent, "a"), 0), 0);
    sio_sim_run(&sim);
    sio_sim_expect(&clients[0], "1/room-1,");
    sio_sim_expect(&clients[3], "1/room-2,");
    sio_sim_expect_nothing(&clients[1]);
    sio_sim_expect_nothing(&clients[2]);
    assert_int_equal(count_sockets(&sim, yodel_sio_to_all(parent)), 2);
    sio_sim_stop(&sim);
}

#define CHILDREN 12 /* more than a list of them has room for at first */

static void test_sio_children_all_get_an_emit_or_none_without_memory(void **state)
{
    yodel_sio_namespace *parent;
    struct sio_client client;
    struct sio_sim sim;
    struct failmem fm;
    bool failed = true;

    failmem_init(&fm, 0);
    assert_int_equal(sio_sim_start(&sim, &fm.mem, 1, NULL), 0);
    assert_non_null(parent = sio_sim_of_pattern(sim.sio, "/room-\\d+"));
    sio_sim_open(&sim, 0, &client);
    for (unsigned i = 0; i < CHILDREN; i++) {
        char name[20];

        (void)snprintf(name, sizeof name, "/room-%u", i);
        sio_sim_join(&client, name, "");
    }
    for (size_t n = 1; failed; n++) {
        unsigned num = 0;
        int rc;

        fm.fail_at = atomic_load(&fm.calls) + n;
        rc = yodel_sio_emit(yodel_sio_to_all(parent), "e", "");
        failed = failmem_has_failed(&fm);
        fm.fail_at = 0;
        sio_sim_run(&sim);
        while (sio_sim_next(&client) != NULL)
            num++;
        assert_int_equal(num, rc == 0 ? CHILDREN : 0);
    }
    sio_sim_stop(&sim);
    failmem_assert_empty(&fm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sio_children_have_their_parents_middleware),
        cmocka_unit_test(test_sio_children_may_be_made_by_the_program),
        cmocka_unit_test(test_sio_children_are_meant_by_what_their_parent_is_told),
        cmocka_unit_test(test_sio_children_all_get_an_emit_or_none_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
