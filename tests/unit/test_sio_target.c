/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fixture.h"
#include "sio_sim.h"

/* Whom targets mean, and those that cannot be. */

#define NUM 4

static struct world {
    struct sio_sim sim;
    struct sio_client clients[NUM];
    yodel_sio_socket *sockets[NUM]; /* all on loop 0 but the last */
} world;

static const char *const rooms[NUM] = {"a", "b", "a", "c"};

static int setup(void **state)
{
    memset(&world, 0, sizeof world);
    if (sio_sim_start(&world.sim, &yd_mem_default, 2, NULL) < 0)
        return -1;
    for (unsigned i = 0; i < NUM; i++) {
        sio_sim_connect(&world.sim, i == NUM - 1, &world.clients[i]);
        world.sockets[i] = world.sim.socket;
    }
    return 0;
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    return 0;
}

static void join_on(struct sio_sim *sim, void *loop)
{
    (void)sim;
    for (unsigned i = 0; i < NUM; i++)
        if ((i == NUM - 1) == (*(unsigned *)loop == 1))
            assert_int_equal(yodel_sio_socket_join(world.sockets[i], rooms[i]), 0);
}

static void join_rooms(void)
{
    for (unsigned loop = 0; loop < 2; loop++)
        sio_sim_on_loop(&world.sim, loop, join_on, &loop);
}

/* Which clients got "2["e"]", one time each. */
static void expect_reached(const char *which)
{
    sio_sim_run(&world.sim);
    for (unsigned i = 0; i < NUM; i++) {
        if (strchr(which, (int)('0' + i)) != NULL)
            sio_sim_expect(&world.clients[i], "2[\"e\"]");
        sio_sim_expect_nothing(&world.clients[i]);
    }
}

static void emit_on_loop(struct sio_sim *sim, void *make)
{
    yodel_sio_target (*const *target)(void) = make;

    (void)sim;
    assert_int_equal(yodel_sio_emit((*target)(), "e", ""), 0);
}

static void expect_target(yodel_sio_target (*make)(void), const char *which)
{
    sio_sim_on_loop(&world.sim, 0, emit_on_loop, &make);
    expect_reached(which);
}

static yodel_sio_target two_sockets(void)
{
    return yodel_sio_target_and(yodel_sio_to(world.sockets[0]), yodel_sio_to(world.sockets[1]));
}

static yodel_sio_target a_socket_and_a_room(void)
{
    return yodel_sio_target_and(yodel_sio_to(world.sockets[1]),
                                yodel_sio_to_room(world.sim.ns, "c"));
}

static yodel_sio_target the_same_twice(void)
{
    return yodel_sio_target_and(
        yodel_sio_to(world.sockets[0]),
        yodel_sio_target_and(yodel_sio_to_room(world.sim.ns, "a"), yodel_sio_to(world.sockets[0])));
}

static yodel_sio_target exceptions_that_add_up(void)
{
    static const char *const no_a[] = {"a", NULL}, *const no_c[] = {"c", NULL};

    return yodel_sio_target_except(yodel_sio_target_except(yodel_sio_to_all(world.sim.ns), no_a),
                                   no_c);
}

static yodel_sio_target all_but_two(void)
{
    return yodel_sio_target_but(yodel_sio_to_others(world.sockets[0]), world.sockets[2]);
}

static yodel_sio_target others_and_a_room(void)
{
    return yodel_sio_target_and(yodel_sio_to_others(world.sockets[0]),
                                yodel_sio_to_room(world.sim.ns, "a"));
}

static yodel_sio_target no_one(void)
{
    return yodel_sio_target_and(yodel_sio_to_room(world.sim.ns, NULL),
                                yodel_sio_to_rooms(world.sim.ns, NULL));
}

static yodel_sio_target one_less_its_room(void)
{
    static const char *const no_a[] = {"a", NULL};

    return yodel_sio_target_except(yodel_sio_to(world.sockets[0]), no_a);
}

static yodel_sio_target one_with_nothing_left_out(void)
{
    return yodel_sio_target_except(yodel_sio_to(world.sockets[0]), NULL);
}

static void test_sio_target_is_a_union_less_exceptions(void **state)
{
    join_rooms();
    expect_target(two_sockets, "01");
    expect_target(a_socket_and_a_room, "13");
    expect_target(the_same_twice, "02");
    expect_target(exceptions_that_add_up, "1");
    expect_target(all_but_two, "13");
    expect_target(others_and_a_room, "123");
    expect_target(no_one, "");
    expect_target(one_less_its_room, "");
    expect_target(one_with_nothing_left_out, "0");
}

/* ---- those that cannot be ---- */

static int calls;

static void on_sockets(const yodel_sio_sockets *sockets, void *user)
{
    (void)sockets;
    (void)user;
    calls++;
}

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    (void)answers;
    (void)user;
    calls++;
}

/* Every call that takes a target refuses it, does nothing, and takes what "o" gives. */
static void expect_refused(yodel_sio_target target, int result)
{
    static const char *const list[] = {"r", NULL};
    json_t *value = json_object();

    assert_int_equal(
        yodel_sio_emit(target, "e", "{s:o, s:s+}", "a", json_incref(value), "b", "c", "d"), result);
    assert_int_equal(value->refcount, 1);
    json_decref(value);
    assert_int_equal(yodel_sio_emit_args(target, "e", NULL), result);
    assert_int_equal(yodel_sio_emit_ack(target, "e", NULL, on_answers, NULL), result);
    assert_int_equal(yodel_sio_target_join(target, list), result);
    assert_int_equal(yodel_sio_target_leave(target, list), result);
    assert_int_equal(yodel_sio_target_disconnect(target, 1), result);
    assert_int_equal(yodel_sio_target_fetch(target, on_sockets, NULL), result);
    expect_reached("");
    assert_int_equal(calls, 0);
}

static void test_sio_target_that_is_wrong_does_nothing(void **state)
{
    static const char *const list[] = {"r", NULL};
    yodel_sio_target target = yodel_sio_to_all(world.sim.ns);
    yodel_sio_namespace *other = sio_sim_of(world.sim.sio, "/other");

    calls = 0;
    expect_refused((yodel_sio_target){0}, -EINVAL);
    expect_refused(yodel_sio_to_all(NULL), -EINVAL);
    target.reserved[1] = 1;
    expect_refused(target, -EINVAL);
    expect_refused(yodel_sio_target_and(yodel_sio_to_all(world.sim.ns), target), -EINVAL);
    target = yodel_sio_to_all(world.sim.ns);
    target.reserved_byte = 1;
    expect_refused(target, -EINVAL);
    target = yodel_sio_to_all(world.sim.ns);
    target.num_terms = 200;
    expect_refused(target, -EINVAL);
    target.num_terms = 1;
    expect_refused(target, -EINVAL); /* a term of no kind */
    target = yodel_sio_to_others(world.sockets[0]);
    target.num_terms = 2;
    expect_refused(target, -EINVAL); /* half an id */
    expect_refused(yodel_sio_target_and(yodel_sio_to_all(world.sim.ns), yodel_sio_to_all(other)),
                   -EINVAL);
    target = yodel_sio_to_all(world.sim.ns);
    for (int i = 0; i < YODEL_SIO_MAX_TERMS; i++)
        target = yodel_sio_target_except(target, list);
    assert_int_equal(yodel_sio_emit(target, "e", ""), 0);
    expect_reached("0123");
    target = yodel_sio_target_except(target, list);
    expect_refused(target, YODEL_ERR_TOO_BIG);
    expect_refused(yodel_sio_target_and(yodel_sio_to_all(world.sim.ns), target), YODEL_ERR_TOO_BIG);
}

static void test_sio_target_keeps_flags_and_time_of_both(void **state)
{
    yodel_sio_target a = yodel_sio_to_all(world.sim.ns), b = a;

    a = yodel_sio_target_with(a, YODEL_SIO_VOLATILE);
    b = yodel_sio_target_timeout(yodel_sio_target_with(b, YODEL_SIO_LOCAL), 7);
    b = yodel_sio_target_and(a, b);
    assert_int_equal(b.flags, YODEL_SIO_VOLATILE | YODEL_SIO_LOCAL);
    assert_int_equal(b.timeout_ms, 7);
    a = yodel_sio_target_and(yodel_sio_target_timeout(a, 3), b);
    assert_int_equal(a.timeout_ms, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_target_is_a_union_less_exceptions),
        FIXTURE_TEST(test_sio_target_that_is_wrong_does_nothing),
        FIXTURE_TEST(test_sio_target_keeps_flags_and_time_of_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
