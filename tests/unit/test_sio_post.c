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

/* Sockets by their ids, how many there are, and what all children of a parent answer. */

#define NUM 3

static struct world {
    struct sio_sim sim;
    yodel_sio_namespace *parent;
    struct sio_client clients[NUM]; /* on loops 0, 1, 0 */
    struct failmem fm;              /* of the service, in some tests */
    int called, freed;
    const yodel_sio_socket *seen;
} world;

static int setup(void **state)
{
    memset(&world, 0, sizeof world);
    if (sio_sim_start(&world.sim, &yd_mem_default, 2, NULL) < 0 ||
        (world.parent = sio_sim_of_pattern(world.sim.sio, "/r-\\d+")) == NULL)
        return -1;
    for (unsigned i = 0; i < NUM; i++)
        sio_sim_connect(&world.sim, i % 2, &world.clients[i]);
    return 0;
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    if (world.fm.mem.alloc != NULL)
        failmem_assert_empty(&world.fm);
    return 0;
}

/* ---- posts ---- */

static void called(yodel_sio_socket *socket, void *arg)
{
    assert_ptr_equal(arg, &world);
    world.called++;
    world.seen = socket;
}

static void freed(void *arg)
{
    assert_ptr_equal(arg, &world);
    world.freed++;
}

static int post(yodel_sio_namespace *ns, const char *id)
{
    return yodel_sio_namespace_post(ns, id, called, &world, freed);
}

static void expect_calls(int num_called, int num_freed)
{
    sio_sim_run(&world.sim);
    assert_int_equal(world.called, num_called);
    assert_int_equal(world.freed, num_freed);
    world.called = world.freed = 0;
}

static void post_on_loop(struct sio_sim *sim, void *id)
{
    assert_int_equal(post(sim->ns, id), 0);
    assert_int_equal(world.called + world.freed, 0); /* after the present callback */
}

static void test_sio_post_runs_on_the_loop_of_a_socket(void **state)
{
    yodel_sio_namespace *other = sio_sim_of(world.sim.sio, "/other");

    assert_int_equal(post(world.sim.ns, world.clients[1].sid), 0);
    assert_int_equal(world.called, 0);
    expect_calls(1, 1);
    assert_true(yodel_str_eq(yodel_sio_socket_id(world.seen), yodel_str_of(world.clients[1].sid)));
    sio_sim_on_loop(&world.sim, 0, post_on_loop, world.clients[0].sid);
    expect_calls(1, 1);
    assert_int_equal(post(other, world.clients[1].sid), 0);
    expect_calls(0, 1);
    assert_int_equal(post(world.sim.ns, "AAAAAAAAAAAAAAAAAAAA"), 0);
    expect_calls(0, 1);
    assert_int_equal(post(world.sim.ns, "short"), YODEL_ERR_NAME);
    expect_calls(0, 1);
    assert_int_equal(post(world.sim.ns, NULL), YODEL_ERR_NAME);
    expect_calls(0, 1);
    sio_sim_leave(&world.clients[1]);
    assert_int_equal(post(world.sim.ns, world.clients[1].sid), 0);
    expect_calls(0, 1);
}

static void test_sio_post_reaches_a_socket_of_a_child(void **state)
{
    struct sio_client client;

    sio_sim_open(&world.sim, 1, &client);
    sio_sim_join(&client, "/r-1", "");
    assert_int_equal(post(world.parent, client.sid), 0);
    expect_calls(1, 1);
    assert_int_equal(post(world.parent, world.clients[0].sid), 0);
    expect_calls(0, 1);
}

static void test_sio_post_frees_what_it_takes_without_memory(void **state)
{
    bool failed = true;

    sio_sim_stop(&world.sim);
    failmem_init(&world.fm, 0);
    assert_int_equal(sio_sim_start(&world.sim, &world.fm.mem, 2, NULL), 0);
    sio_sim_connect(&world.sim, 0, &world.clients[0]);
    for (size_t n = 1; failed; n++) {
        int rc;

        world.fm.fail_at = atomic_load(&world.fm.calls) + n;
        rc = post(world.sim.ns, world.clients[0].sid);
        failed = failmem_has_failed(&world.fm);
        world.fm.fail_at = 0;
        assert_true(rc == 0 || rc == -ENOMEM);
        expect_calls(rc == 0, 1);
    }
}

/* What is under way when the service ends is freed, and not called. */
static void test_sio_post_ends_with_the_service(void **state)
{
    assert_int_equal(post(world.sim.ns, world.clients[0].sid), 0);
    sio_sim_stop(&world.sim);
    assert_int_equal(world.freed, 1);
}

/* ---- looking ---- */

static void look(struct sio_sim *sim, void *arg)
{
    yodel_sio_socket *socket;

    assert_non_null(socket = yodel_sio_namespace_find_socket(sim->ns, world.clients[0].sid));
    assert_true(yodel_str_eq(yodel_sio_socket_id(socket), yodel_str_of(world.clients[0].sid)));
    assert_null(yodel_sio_namespace_find_socket(sim->ns, world.clients[1].sid)); /* of loop 1 */
    assert_null(yodel_sio_namespace_find_socket(sim->ns, "x"));
    assert_null(yodel_sio_namespace_find_socket(sim->ns, NULL));
    assert_int_equal(yodel_sio_socket_join(socket, "room"), 0);
}

static void test_sio_post_finds_sockets_of_the_present_loop(void **state)
{
    sio_sim_on_loop(&world.sim, 0, look, NULL);
    assert_null(yodel_sio_namespace_find_socket(world.sim.ns, world.clients[0].sid));
}

static void test_sio_post_counts_sockets(void **state)
{
    struct sio_client child;

    sio_sim_on_loop(&world.sim, 0, look, NULL);
    assert_int_equal(yodel_sio_namespace_count(world.sim.ns), NUM);
    assert_int_equal(yodel_sio_namespace_room_count(world.sim.ns, "room"), 1);
    assert_int_equal(yodel_sio_namespace_room_count(world.sim.ns, "none"), 0);
    assert_int_equal(yodel_sio_namespace_room_count(world.sim.ns, "\xff"), 0);
    assert_int_equal(yodel_sio_namespace_count(world.parent), 0);
    sio_sim_open(&world.sim, 1, &child);
    sio_sim_join(&child, "/r-1", "");
    sio_sim_join(&child, "/r-2", "");
    assert_int_equal(yodel_sio_namespace_count(world.parent), 2);
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_all(world.parent), YODEL_ROOMS("all")), 0);
    sio_sim_run(&world.sim);
    assert_int_equal(yodel_sio_namespace_room_count(world.parent, "all"), 2);
    sio_sim_leave(&child);
    assert_int_equal(yodel_sio_namespace_count(world.parent), 0);
    assert_int_equal(yodel_sio_namespace_room_count(world.parent, "all"), 0);
    sio_sim_leave(&world.clients[0]);
    assert_int_equal(yodel_sio_namespace_count(world.sim.ns), NUM - 1);
    assert_int_equal(yodel_sio_namespace_room_count(world.sim.ns, "room"), 0);
}

/* ---- all children are asked ---- */

static struct {
    int calls, result;
    unsigned missing;
    size_t num_attachments;
    char json[200];
} told;

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    told.calls++;
    told.result = answers->result;
    told.missing = answers->missing;
    told.num_attachments = answers->num_attachments;
    (void)snprintf(told.json, sizeof told.json, "%" YODEL_PRI, YODEL_ARG(answers->json));
}

static int ask(struct sio_sim *sim, yodel_sio_namespace *ns)
{
    memset(&told, 0, sizeof told);
    return yodel_sio_emit_ack_pack(yodel_sio_target_timeout(yodel_sio_to_all(ns), 500), "q",
                                   on_answers, NULL, "");
}

static void test_sio_post_asks_all_children(void **state)
{
    struct sio_client a, b;

    assert_int_equal(ask(&world.sim, world.parent), 0);
    assert_int_equal(told.calls, 0); /* never inside the call */
    sio_sim_run(&world.sim);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.result, 0);
    assert_string_equal(told.json, "[]");
    sio_sim_open(&world.sim, 0, &a);
    sio_sim_open(&world.sim, 1, &b);
    sio_sim_join(&a, "/r-1", "");
    sio_sim_join(&b, "/r-2", "");
    assert_int_equal(ask(&world.sim, world.parent), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect(&a, "2/r-1,0[\"q\"]");
    sio_sim_expect(&b, "2/r-2,0[\"q\"]");
    sio_sim_say(&b, "61-/r-2,0[{\"_placeholder\":true,\"num\":0}]");
    sio_sim_say_binary(&b, "x", 1);
    assert_int_equal(told.calls, 0);
    sio_sim_say(&a, "3/r-1,0[1,2]");
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.result, 0);
    assert_int_equal(told.missing, 0);
    assert_int_equal(told.num_attachments, 1);
    assert_string_equal(told.json, "[{\"_placeholder\":true,\"num\":0},1]");
    assert_int_equal(ask(&world.sim, world.parent), 0);
    sio_sim_run(&world.sim);
    sio_sim_say(&b, "3/r-2,1[\"b\"]");
    sio_sim_advance(&world.sim, 600);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.result, -ETIMEDOUT);
    assert_int_equal(told.missing, 1);
    assert_string_equal(told.json, "[\"b\"]");
}

/* All are asked and it is told once, or there is an error and nobody is. */
static void test_sio_post_asks_children_without_memory(void **state)
{
    struct sio_client client;
    bool failed = true;

    sio_sim_stop(&world.sim);
    failmem_init(&world.fm, 0);
    assert_int_equal(sio_sim_start(&world.sim, &world.fm.mem, 1, NULL), 0);
    assert_non_null(world.parent = sio_sim_of_pattern(world.sim.sio, "/r-\\d+"));
    sio_sim_open(&world.sim, 0, &client);
    sio_sim_join(&client, "/r-1", "");
    sio_sim_join(&client, "/r-2", "");
    for (size_t n = 1; failed; n++) {
        unsigned num = 0;
        int rc;

        world.fm.fail_at = atomic_load(&world.fm.calls) + n;
        rc = ask(&world.sim, world.parent);
        failed = failmem_has_failed(&world.fm);
        world.fm.fail_at = 0;
        sio_sim_run(&world.sim);
        while (sio_sim_next(&client) != NULL)
            num++;
        sio_sim_advance(&world.sim, 600);
        assert_int_equal(told.calls, rc == 0);
        if (rc < 0)
            assert_int_equal(num, 0);
        else
            assert_true(told.result == -ETIMEDOUT || told.result == -ENOMEM);
    }
    assert_int_equal(told.missing, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_post_runs_on_the_loop_of_a_socket),
        FIXTURE_TEST(test_sio_post_reaches_a_socket_of_a_child),
        FIXTURE_TEST(test_sio_post_frees_what_it_takes_without_memory),
        FIXTURE_TEST(test_sio_post_ends_with_the_service),
        FIXTURE_TEST(test_sio_post_finds_sockets_of_the_present_loop),
        FIXTURE_TEST(test_sio_post_counts_sockets),
        FIXTURE_TEST(test_sio_post_asks_all_children),
        FIXTURE_TEST(test_sio_post_asks_children_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
