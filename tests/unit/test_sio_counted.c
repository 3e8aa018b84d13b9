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

/* How many an emit has reached, over three loops. */

#define LOOPS 3

static struct world {
    struct failmem fm;
    struct sio_sim sim;
    struct sio_client clients[LOOPS + 1]; /* the last one is on loop 0 again */
    yodel_sio_socket *sockets[LOOPS + 1];
    bool is_outside; /* a call is made on no loop: nothing is told inside it */
} world;

static int setup(void **state)
{
    memset(&world, 0, sizeof world);
    failmem_init(&world.fm, 0);
    if (sio_sim_start(&world.sim, &world.fm.mem, LOOPS, NULL) < 0)
        return -1;
    for (unsigned i = 0; i <= LOOPS; i++) {
        sio_sim_connect(&world.sim, i % LOOPS, &world.clients[i]);
        world.sockets[i] = world.sim.socket;
    }
    return 0;
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    failmem_assert_empty(&world.fm);
    return 0;
}

static void on_count(size_t num, void *user)
{
    assert_false(world.is_outside);
    sio_sim_tell(user, "%zu;", num);
}

static int emit(yodel_sio_target target)
{
    return yodel_sio_emit_counted(target, "e", NULL, on_count, &world.sim);
}

static void expect_count(yodel_sio_target target, const char *expected)
{
    world.is_outside = true;
    assert_int_equal(emit(target), 0);
    world.is_outside = false;
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, expected);
}

static void join_rooms(void)
{
    yodel_sio_namespace *ns = world.sim.ns;
    yodel_sio_target two =
        yodel_sio_to_rooms(ns, YODEL_ROOMS(world.clients[0].sid, world.clients[1].sid));

    assert_int_equal(yodel_sio_target_join(two, YODEL_ROOMS("a", "b")), 0);
    assert_int_equal(
        yodel_sio_target_join(yodel_sio_to_room(ns, world.clients[3].sid), YODEL_ROOMS("b")), 0);
    sio_sim_run(&world.sim);
}

static void test_sio_counted_whoever_is_meant(void **state)
{
    yodel_sio_namespace *ns = world.sim.ns;

    join_rooms();
    expect_count(yodel_sio_to_all(ns), "4;");
    expect_count(yodel_sio_to_room(ns, "a"), "2;");
    expect_count(yodel_sio_to_room(ns, "none"), "0;");
    expect_count(yodel_sio_to_rooms(ns, YODEL_ROOMS("a", "b")), "3;");
    expect_count(yodel_sio_to_room(ns, world.clients[2].sid), "1;");
    expect_count(yodel_sio_target_except(yodel_sio_to_all(ns), YODEL_ROOMS("a")), "2;");
    expect_count(yodel_sio_target_except(yodel_sio_to_room(ns, "b"), YODEL_ROOMS("a")), "1;");
    expect_count(yodel_sio_target_with(yodel_sio_to_all(ns), YODEL_SIO_VOLATILE), "4;");
    assert_int_equal(yodel_sio_emit_counted(yodel_sio_to_all(ns), "e", NULL, NULL, NULL), -EINVAL);
    assert_int_equal(
        yodel_sio_emit_counted(yodel_sio_to_all(ns), "connect", NULL, on_count, &world.sim),
        YODEL_ERR_NAME);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "");
}

static void emit_to_self(struct sio_sim *sim, void *arg)
{
    (void)sim;
    assert_int_equal(emit(yodel_sio_to(world.sockets[0])), *(int *)arg);
    sio_sim_expect_told(&world.sim, *(int *)arg == 0 ? "1;" : "");
}

static void test_sio_counted_one_at_once(void **state)
{
    int expected = 0;

    sio_sim_on_loop(&world.sim, 0, emit_to_self, &expected);
    yodel_sio_socket_disconnect(world.sockets[0], 0);
    expected = YODEL_ERR_CLOSED;
    sio_sim_on_loop(&world.sim, 0, emit_to_self, &expected);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "disconnecting server namespace disconnect;"
                                    "disconnect server namespace disconnect;");
}

/* Who can take no more is not counted. */
static void test_sio_counted_without_slow_clients(void **state)
{
    char large[4000];

    memset(large, 'x', sizeof large);
    world.clients[1].peer->window = 0;
    for (int i = 0; i < 20; i++)
        assert_int_equal(yodel_sio_emit_text(yodel_sio_to_all(world.sim.ns), "e",
                                             (yodel_str){large, sizeof large}),
                         0);
    sio_sim_run(&world.sim);
    expect_count(yodel_sio_to_all(world.sim.ns), "3;");
}

static void test_sio_counted_in_all_children(void **state)
{
    yodel_sio_namespace *parent = sio_sim_of_pattern(world.sim.sio, "/room-\\d+");
    struct sio_client client;

    assert_non_null(parent);
    expect_count(yodel_sio_to_all(parent), "0;");
    for (unsigned i = 0; i < LOOPS; i++) {
        sio_sim_open(&world.sim, i, &client);
        sio_sim_join(&client, i == 0 ? "/room-1" : "/room-2", "");
    }
    sio_sim_run(&world.sim);
    expect_count(yodel_sio_to_all(parent), "3;");
    expect_count(yodel_sio_to_room(parent, client.sid), "1;");
}

static void on_last_count(size_t num, void *user)
{
    (void)num;
    ++*(unsigned *)user;
}

/* It is told as the loops end, too. */
static void test_sio_counted_as_loops_end(void **state)
{
    unsigned num_told = 0;

    assert_int_equal(
        yodel_sio_emit_counted(yodel_sio_to_all(world.sim.ns), "e", NULL, on_last_count, &num_told),
        0);
    sio_sim_stop(&world.sim);
    assert_int_equal(num_told, 1);
    failmem_assert_empty(&world.fm);
    assert_int_equal(setup(state), 0);
}

/* All of it, or an error and nothing. */
static void test_sio_counted_without_memory(void **state)
{
    unsigned num_failed = 0;
    int rc = -ENOMEM;

    for (size_t i = 1; rc < 0; i++) {
        atomic_store(&world.fm.calls, 0);
        world.fm.fail_at = i;
        rc = emit(yodel_sio_to_all(world.sim.ns));
        world.fm.fail_at = 0;
        sio_sim_run(&world.sim);
        sio_sim_expect_told(&world.sim, rc < 0 ? "" : "4;");
        for (unsigned k = 0; k <= LOOPS && rc < 0; k++)
            sio_sim_expect_nothing(&world.clients[k]);
        num_failed += rc < 0;
    }
    assert_in_range(num_failed, 2, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_counted_whoever_is_meant),
        FIXTURE_TEST(test_sio_counted_one_at_once),
        FIXTURE_TEST(test_sio_counted_without_slow_clients),
        FIXTURE_TEST(test_sio_counted_in_all_children),
        FIXTURE_TEST(test_sio_counted_as_loops_end),
        FIXTURE_TEST(test_sio_counted_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
