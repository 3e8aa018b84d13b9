/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failmem.h"
#include "sio/sio_base.h"
#include "sio_sim.h"

/* What a program is told of clients, and what is counted of them: sessions, messages, rooms and
 * bytes that wait. */

#define LOOPS 2

static struct {
    struct failmem fm;
    struct sio_sim sim;
    struct sio_client clients[3];
    uint64_t numbers[3];
    unsigned opened, closed;
} world;

static void on_client_open(const yodel_sio_client *client, void *user)
{
    assert_ptr_equal(user, &world);
    assert_int_equal(client->size, sizeof *client);
    assert_null(client->reason);
    assert_int_not_equal(client->peer.len, 0);
    assert_string_equal(client->transport, "websocket");
    world.numbers[world.opened++] = client->number;
}

static void on_client_close(const yodel_sio_client *client, void *user)
{
    assert_int_equal(client->number, world.numbers[world.closed++]);
    assert_int_not_equal(client->peer.len, 0);
    sio_sim_tell(&world.sim, "closed %s;", client->reason);
}

static void start(const yodel_sio_options *given)
{
    yodel_sio_options options;

    if (given != NULL)
        options = *given;
    else
        sio_sim_options(&options);
    options.on_client_open = on_client_open;
    options.on_client_close = on_client_close;
    options.hooks_user = &world;
    memset(&world, 0, sizeof world);
    failmem_init(&world.fm, 0);
    assert_int_equal(sio_sim_start(&world.sim, &world.fm.mem, LOOPS, &options), 0);
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    failmem_assert_empty(&world.fm);
    return 0;
}

static void look_at_number(struct sio_sim *sim, void *expected)
{
    assert_int_equal(yodel_sio_socket_client_number(sim->socket), *(uint64_t *)expected);
}

/* ---- coming and going ---- */

static void test_sio_clients_are_told_of_once(void **state)
{
    start(NULL);
    sio_sim_connect(&world.sim, 1, &world.clients[0]);
    assert_int_equal(world.opened, 1);
    assert_int_not_equal(world.numbers[0], 0);
    sio_sim_on_loop(&world.sim, 1, look_at_number, &world.numbers[0]);
    sio_sim_leave(&world.clients[0]);
    sio_sim_expect_told(&world.sim, "disconnecting transport close;disconnect transport close;"
                                    "closed transport close;");
    assert_int_equal(world.closed, 1);
    assert_int_equal(yodel_sio_socket_client_number(NULL), 0);
}

/* One that joins nothing, one that does not answer, and those that a stop ends. */
static void test_sio_clients_end_for_a_reason(void **state)
{
    start(NULL);
    sio_sim_open(&world.sim, 0, &world.clients[0]);
    sio_sim_advance(&world.sim, 3000);
    sio_sim_expect_told(&world.sim, "closed no namespace;");
    sio_sim_connect(&world.sim, 0, &world.clients[1]);
    sio_sim_advance(&world.sim, 160000);
    sio_sim_expect_told(&world.sim,
                        "disconnecting ping timeout;disconnect ping timeout;closed ping timeout;");
    sio_sim_connect(&world.sim, 0, &world.clients[2]);
    yd_sio_stop(world.sim.sio, world.sim.base.loops[0]);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "disconnecting server shutting down;"
                                    "disconnect server shutting down;closed server shutting down;");
    assert_int_equal(world.closed, 3);
}

/* Bytes that wait are counted until they are gone, and with who does not take them. */
static void test_sio_clients_that_are_slow(void **state)
{
    struct yd_counters *counters;
    yodel_sio_options options;
    char large[400];

    sio_sim_options(&options);
    options.close_congested = 1;
    start(&options);
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    sio_sim_connect(&world.sim, 1, &world.clients[0]);
    counters = &world.sim.base.loops[1]->counters;
    assert_int_equal(atomic_load(&counters->send_queue), 0);
    world.clients[0].peer->window = 0;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(yodel_sio_emit(yodel_sio_to_all(world.sim.ns), "e", "s", large), 0);
        sio_sim_run(&world.sim);
        assert_true(i > 3 || atomic_load(&counters->send_queue) > 400u * (unsigned)i);
    }
    assert_int_equal(atomic_load(&counters->slow_closed), 1);
    sio_sim_expect_told(&world.sim,
                        "disconnecting forced close;disconnect forced close;closed too slow;");
    world.clients[0].peer->window = SIZE_MAX;
    sio_sim_run(&world.sim);
    assert_int_equal(atomic_load(&counters->send_queue), 0);
}

/* ---- counts ---- */

static void test_sio_clients_messages_are_counted(void **state)
{
    yodel_sio_stats before = {.size = sizeof before}, after = {.size = sizeof after};

    start(NULL);
    sio_sim_connect(&world.sim, 0, &world.clients[0]);
    sio_sim_connect(&world.sim, 1, &world.clients[1]);
    assert_int_equal(yodel_sio_get_stats(world.sim.sio, &before), 0);
    assert_int_equal(before.messages_in, 2);
    assert_int_equal(before.messages_out, 4);
    sio_sim_say(&world.clients[0], "2[\"nothing\"]");
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(world.sim.ns), "e", ""), 0);
    sio_sim_run(&world.sim);
    assert_int_equal(yodel_sio_get_stats(world.sim.sio, &after), 0);
    assert_int_equal(after.messages_in, 3);
    assert_int_equal(after.messages_out, 6);
}

static void expect_rooms(size_t num)
{
    sio_sim_run(&world.sim);
    assert_int_equal(yodel_sio_namespace_num_rooms(world.sim.ns), num);
}

static void test_sio_clients_rooms_are_counted(void **state)
{
    yodel_sio_namespace *parent, *child;
    yodel_sio_target all;

    start(NULL);
    all = yodel_sio_to_all(world.sim.ns);
    parent = sio_sim_of_pattern(world.sim.sio, "/c.*");
    assert_int_equal(yodel_sio_namespace_num_rooms(NULL), 0);
    for (unsigned i = 0; i < 2; i++)
        sio_sim_connect(&world.sim, i, &world.clients[i]);
    expect_rooms(0); /* those of their ids are none */
    assert_int_equal(yodel_sio_target_join(all, YODEL_ROOMS("a", "b")), 0);
    expect_rooms(2); /* though they are on both loops */
    assert_int_equal(yodel_sio_target_leave(all, YODEL_ROOMS("b")), 0);
    expect_rooms(1);
    sio_sim_leave(&world.clients[0]);
    expect_rooms(1);
    sio_sim_leave(&world.clients[1]);
    expect_rooms(0);
    sio_sim_connect(&world.sim, 0, &world.clients[2]);
    sio_sim_join(&world.clients[2], "/child", "");
    child = yodel_sio_find_namespace(world.sim.sio, "/child");
    assert_non_null(child);
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_all(child), YODEL_ROOMS("x")), 0);
    sio_sim_run(&world.sim);
    assert_int_equal(yodel_sio_namespace_num_rooms(child), 1);
    assert_int_equal(yodel_sio_namespace_num_rooms(parent), 1);
    yodel_sio_namespace_unref(child);
    expect_rooms(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_sio_clients_are_told_of_once, teardown),
        cmocka_unit_test_teardown(test_sio_clients_end_for_a_reason, teardown),
        cmocka_unit_test_teardown(test_sio_clients_that_are_slow, teardown),
        cmocka_unit_test_teardown(test_sio_clients_messages_are_counted, teardown),
        cmocka_unit_test_teardown(test_sio_clients_rooms_are_counted, teardown),
    };

    return cmocka_run_group_tests_name("sio_clients", tests, NULL, NULL);
}
