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

/* Handlers of one socket, and handlers and namespaces that change while the server runs. */

static struct world {
    struct sio_sim sim;
    struct sio_client client;
    struct failmem fm; /* of the service, in some tests */
    yodel_decision *decision;
} world;

static int setup(void **state)
{
    memset(&world, 0, sizeof world);
    if (sio_sim_start(&world.sim, &yd_mem_default, 2, NULL) < 0)
        return -1;
    sio_sim_connect(&world.sim, 0, &world.client);
    return 0;
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    if (world.fm.mem.alloc != NULL)
        failmem_assert_empty(&world.fm);
    return 0;
}

static void tell(yodel_sio_socket *socket, yodel_sio_event *event, void *letter)
{
    sio_sim_tell(&world.sim, "%s", (const char *)letter);
}

/* Another one, so that handlers differ by more than their letters. */
static void tell_too(yodel_sio_socket *socket, yodel_sio_event *event, void *letter)
{
    sio_sim_tell(&world.sim, "%s", (const char *)letter);
}

static void expect_event(const char *event, const char *told)
{
    char packet[40];

    (void)snprintf(packet, sizeof packet, "2[\"%s\"]", event);
    sio_sim_say(&world.client, packet);
    sio_sim_expect_told(&world.sim, told);
}

/* ---- of one socket ---- */

static void add_own(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_sio_socket_on(sim->socket, "e", tell, "a"), 0);
    assert_int_equal(yodel_sio_socket_once(sim->socket, "e", tell, "o"), 0);
    assert_int_equal(yodel_sio_socket_on(sim->socket, "e", tell_too, "b"), 0);
    assert_int_equal(yodel_sio_socket_on(sim->socket, "f", tell, "f"), 0);
    assert_int_equal(yodel_sio_socket_on_any(sim->socket, tell, "*"), 0);
    assert_int_equal(yodel_sio_socket_on(sim->socket, "connect", tell, "x"), YODEL_ERR_NAME);
    assert_int_equal(yodel_sio_socket_on(sim->socket, NULL, tell, "x"), YODEL_ERR_NAME);
    assert_int_equal(yodel_sio_socket_once(sim->socket, NULL, tell, "x"), YODEL_ERR_NAME);
}

static void remove_own(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_sio_socket_off(sim->socket, "e", tell, "b"), 0); /* it is another's */
    assert_int_equal(yodel_sio_socket_off(sim->socket, "e", tell, "a"), 1);
    assert_int_equal(yodel_sio_socket_off(sim->socket, "e", tell, "a"), 0);
    assert_int_equal(yodel_sio_socket_off_any(sim->socket, NULL, NULL), 1);
}

static void remove_all(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_sio_socket_off(sim->socket, NULL, NULL, NULL), 2);
    assert_int_equal(yodel_sio_socket_off(sim->socket, "none", NULL, NULL), 0);
}

static void test_sio_handlers_of_a_socket_come_after_those_of_its_namespace(void **state)
{
    assert_int_equal(yodel_sio_namespace_on(world.sim.ns, "e", tell, "N"), 0);
    assert_int_equal(yodel_sio_namespace_handle(world.sim.ns,
                                                YODEL_OPTIONS(yodel_sio_handlers, .on_any = tell,
                                                              .on_unhandled = tell_too),
                                                "?"),
                     0);
    sio_sim_on_loop(&world.sim, 0, add_own, NULL);
    expect_event("e", "?*Naob");
    expect_event("e", "?*Nab");
    expect_event("f", "?*f");
    expect_event("g", "?*?");
    sio_sim_on_loop(&world.sim, 0, remove_own, NULL);
    expect_event("e", "?Nb");
    sio_sim_on_loop(&world.sim, 0, remove_all, NULL);
    expect_event("e", "?N");
    expect_event("f", "??");
}

static void change_in_call(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    sio_sim_tell(&world.sim, "c");
    assert_int_equal(yodel_sio_socket_off(socket, "e", tell, "later"), 1); /* before its turn */
    assert_int_equal(yodel_sio_socket_off(socket, "e", change_in_call, user), 1); /* itself */
    assert_int_equal(yodel_sio_socket_on(socket, "e", tell, "new"), 0);
}

static void add_changing(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_sio_socket_on(sim->socket, "e", change_in_call, NULL), 0);
    assert_int_equal(yodel_sio_socket_on(sim->socket, "e", tell, "later"), 0);
}

static void test_sio_handlers_may_change_in_a_call(void **state)
{
    sio_sim_on_loop(&world.sim, 0, add_changing, NULL);
    expect_event("e", "c");
    expect_event("e", "new");
}

static void leave_in_call(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_sio_socket_disconnect(socket, 1);
    assert_int_equal(yodel_sio_socket_off(socket, NULL, NULL, NULL), 2);
    assert_int_equal(yodel_sio_socket_on(socket, "e", tell, "x"), 0);
}

static void add_leaving(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_sio_socket_on(sim->socket, "e", leave_in_call, NULL), 0);
    assert_int_equal(yodel_sio_socket_on(sim->socket, "e", tell, "x"), 0);
}

static void test_sio_handlers_may_end_the_socket(void **state)
{
    sio_sim_on_loop(&world.sim, 0, add_leaving, NULL);
    expect_event("e", "disconnecting server namespace disconnect;disconnect server namespace "
                      "disconnect;");
}

static void fill(struct sio_sim *sim, void *arg)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(yodel_sio_socket_once(sim->socket, "e", tell, "e"), 0);
    assert_int_equal(yodel_sio_socket_on(sim->socket, "e", tell, "e"), YODEL_ERR_TOO_BIG);
    assert_int_equal(yodel_sio_socket_on_any(sim->socket, tell, "e"), YODEL_ERR_TOO_BIG);
}

static void test_sio_handlers_of_a_socket_have_a_limit(void **state)
{
    yodel_sio_options options;

    sio_sim_stop(&world.sim);
    sio_sim_options(&options);
    options.max_handlers = 3;
    assert_int_equal(sio_sim_start(&world.sim, &yd_mem_default, 1, &options), 0);
    sio_sim_connect(&world.sim, 0, &world.client);
    sio_sim_on_loop(&world.sim, 0, fill, NULL);
    expect_event("e", "eee");
    sio_sim_on_loop(&world.sim, 0, fill, NULL); /* there is room again */
}

/* ---- of a namespace, while it runs ---- */

static void change_ns(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    sio_sim_tell(&world.sim, "c");
    assert_int_equal(yodel_sio_namespace_off(world.sim.ns, "e", tell, "old"), 1);
    assert_int_equal(yodel_sio_namespace_on(world.sim.ns, "e", tell, "new"), 0);
}

static void test_sio_handlers_of_a_namespace_change_while_it_runs(void **state)
{
    expect_event("e", "");
    assert_int_equal(yodel_sio_namespace_on(world.sim.ns, "e", change_ns, NULL), 0);
    assert_int_equal(yodel_sio_namespace_on(world.sim.ns, "e", tell, "old"), 0);
    assert_int_equal(yodel_sio_namespace_on(world.sim.ns, "f", tell, "f"), 0);
    assert_int_equal(yodel_sio_namespace_on(world.sim.ns, "connect", tell, "f"), YODEL_ERR_NAME);
    expect_event("e", "cold"); /* an event ends with the handlers it began with */
    assert_int_equal(yodel_sio_namespace_off(world.sim.ns, "e", change_ns, NULL), 1);
    expect_event("e", "new");
    expect_event("f", "f");
    assert_int_equal(yodel_sio_namespace_off(world.sim.ns, NULL, NULL, NULL), 2);
    assert_int_equal(yodel_sio_namespace_off(world.sim.ns, NULL, NULL, NULL), 0);
    assert_int_equal(
        yodel_sio_namespace_handle(world.sim.ns,
                                   YODEL_OPTIONS(yodel_sio_handlers, .on_unhandled = tell), "u"),
        0);
    expect_event("e", "u"); /* as if it never had one */
}

static void watch(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args, void *user)
{
    sio_sim_tell(&world.sim, "%" YODEL_PRI "%" YODEL_PRI ";", YODEL_ARG(event),
                 YODEL_ARG(args->json));
}

static void test_sio_handlers_may_begin_to_watch(void **state)
{
    yodel_sio_target all = yodel_sio_to_all(world.sim.ns);

    assert_int_equal(yodel_sio_emit(all, "e", "i", 1), 0); /* under way when the watcher comes */
    assert_int_equal(yodel_sio_namespace_on_outgoing(world.sim.ns, watch, NULL), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "");
    sio_sim_expect(&world.client, "2[\"e\",1]");
    assert_int_equal(yodel_sio_emit(all, "e", "i", 2), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "e[2];");
    sio_sim_expect(&world.client, "2[\"e\",2]");
}

static int wait_for_it(yodel_sio_socket *socket, void *user)
{
    sio_sim_tell(&world.sim, "wait;");
    world.decision = yodel_sio_socket_defer(socket);
    return YODEL_DEFER;
}

static int pass(yodel_sio_socket *socket, void *letter)
{
    sio_sim_tell(&world.sim, "%s;", (const char *)letter);
    return 0;
}

/* A CONNECT keeps the middleware that it began with, whatever comes meanwhile. */
static void test_sio_handlers_keep_middleware_that_waits(void **state)
{
    yodel_sio_namespace *ns = sio_sim_of(world.sim.sio, "/late");
    struct sio_client client;

    assert_int_equal(yodel_sio_namespace_use(ns, wait_for_it, NULL), 0);
    assert_int_equal(yodel_sio_namespace_use(ns, pass, "one"), 0);
    sio_sim_open(&world.sim, 1, &client);
    sio_sim_say(&client, "0/late,");
    assert_int_equal(yodel_sio_namespace_use(ns, pass, "two"), 0);
    assert_int_equal(yodel_decision_accept(world.decision, NULL), 0);
    yodel_decision_unref(world.decision);
    sio_sim_run(&world.sim);
    sio_sim_expect_told(&world.sim, "wait;one;");
}

/* ---- namespaces that are made while it runs ---- */

static void test_sio_handlers_of_a_child_may_become_its_own(void **state)
{
    yodel_sio_namespace *parent = sio_sim_of_pattern(world.sim.sio, "/r-\\d+"), *child;

    assert_int_equal(yodel_sio_namespace_on(parent, "e", tell, "P"), 0);
    sio_sim_join(&world.client, "/r-1", "");
    sio_sim_say(&world.client, "2/r-1,[\"e\"]");
    sio_sim_expect_told(&world.sim, "P");
    assert_non_null(child = yodel_sio_find_namespace(world.sim.sio, "/r-1"));
    assert_int_equal(yodel_sio_namespace_on(child, "e", tell, "C"), YODEL_ERR_STATE);
    assert_int_equal(yodel_sio_namespace_off(child, NULL, NULL, NULL), YODEL_ERR_STATE);
    assert_ptr_equal(sio_sim_of(world.sim.sio, "/r-1"), child);
    assert_int_equal(yodel_sio_namespace_on(child, "e", tell, "C"), 0);
    assert_int_equal(yodel_sio_namespace_on(parent, "e", tell, "Q"), 0);
    sio_sim_say(&world.client, "2/r-1,[\"e\"]");
    sio_sim_expect_told(&world.sim, "PC");
    sio_sim_say(&world.client, "1/r-1,");
    assert_ptr_equal(sio_sim_of(world.sim.sio, "/r-1"), child); /* it stays without sockets */
    (void)yodel_sio_namespace_unref(child);
    sio_sim_join(&world.client, "/r-2", "");
    sio_sim_say(&world.client, "2/r-2,[\"e\"]");
    sio_sim_expect_told(&world.sim, "PQ");
}

/* ---- without memory ---- */

static int change(size_t i)
{
    switch (i) {
    case 0:
        return yodel_sio_namespace_on(world.sim.ns, "more", tell, "m");
    case 1:
        return yodel_sio_namespace_off(world.sim.ns, "e", tell, "e");
    case 2:
        return yodel_sio_namespace_use(world.sim.ns, pass, "p");
    default:
        return yodel_sio_namespace_handle(
            world.sim.ns, YODEL_OPTIONS(yodel_sio_handlers, .on_unhandled = tell), "u");
    }
}

/* Each change has all of its effect, or an error and none. */
static void test_sio_handlers_change_whole(void **state)
{
    static const char *const before[] = {"", "e", "", ""}, *const after[] = {"m", "", "", "u"};
    static const char *const events[] = {"more", "e", "none", "none"};

    for (size_t i = 0; i < 4; i++) {
        bool failed = true;

        sio_sim_stop(&world.sim);
        failmem_init(&world.fm, 0);
        assert_int_equal(sio_sim_start(&world.sim, &world.fm.mem, 1, NULL), 0);
        assert_int_equal(yodel_sio_namespace_on(world.sim.ns, "e", tell, "e"), 0);
        sio_sim_connect(&world.sim, 0, &world.client);
        expect_event(events[i], before[i]);
        for (size_t n = 1; failed; n++) {
            int rc;

            world.fm.fail_at = atomic_load(&world.fm.calls) + n;
            rc = change(i);
            failed = failmem_has_failed(&world.fm);
            world.fm.fail_at = 0;
            assert_true(rc >= 0 || rc == -ENOMEM);
            expect_event(events[i], rc < 0 ? before[i] : after[i]);
        }
    }
}

static void add_failing(struct sio_sim *sim, void *rc)
{
    world.fm.fail_at = atomic_load(&world.fm.calls) + 1;
    *(int *)rc = yodel_sio_socket_on(sim->socket, "e", tell, "e");
    world.fm.fail_at = 0;
}

static void test_sio_handlers_of_a_socket_need_memory(void **state)
{
    int rc = 0;

    sio_sim_stop(&world.sim);
    failmem_init(&world.fm, 0);
    assert_int_equal(sio_sim_start(&world.sim, &world.fm.mem, 1, NULL), 0);
    sio_sim_connect(&world.sim, 0, &world.client);
    sio_sim_on_loop(&world.sim, 0, add_failing, &rc);
    assert_int_equal(rc, -ENOMEM);
    expect_event("e", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_handlers_of_a_socket_come_after_those_of_its_namespace),
        FIXTURE_TEST(test_sio_handlers_may_change_in_a_call),
        FIXTURE_TEST(test_sio_handlers_may_end_the_socket),
        FIXTURE_TEST(test_sio_handlers_of_a_socket_have_a_limit),
        FIXTURE_TEST(test_sio_handlers_of_a_namespace_change_while_it_runs),
        FIXTURE_TEST(test_sio_handlers_may_begin_to_watch),
        FIXTURE_TEST(test_sio_handlers_keep_middleware_that_waits),
        FIXTURE_TEST(test_sio_handlers_of_a_child_may_become_its_own),
        FIXTURE_TEST(test_sio_handlers_change_whole),
        FIXTURE_TEST(test_sio_handlers_of_a_socket_need_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
