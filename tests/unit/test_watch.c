/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failmem.h"
#include "fixture.h"
#include "loop_sim.h"
#include "open/open.h"

/* Watches of a program's on one simulated loop, whose descriptors are numbers alone. */

static struct failmem fm;
static yodel_loop open_loop;
static struct yd_loop *loop;
static yodel_watch watch;
static unsigned calls, events;

static void note(yodel_watch *which, unsigned come, void *user)
{
    calls++;
    events = come;
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    memset(&open_loop, 0, sizeof open_loop);
    assert_int_equal(yd_loop_new(&yd_loop_sim, &fm.mem, NULL, 0, &loop), 0);
    yd_open_init(&open_loop, loop, NULL);
    loop->thread = pthread_self();
    atomic_store(&loop->running, true);
    calls = events = 0;
    yodel_watch_init(&watch, &open_loop, note, NULL);
    return 0;
}

static int teardown(void **state)
{
    yd_open_close(&open_loop);
    yd_loop_close(loop);
    yd_loop_free(loop);
    failmem_assert_empty(&fm);
    return 0;
}

static void test_watch_tells_what_is_asked_for(void **state)
{
    assert_int_equal(yodel_watch_start(&watch, 3, YODEL_WATCH_READABLE), 0);
    assert_int_equal(yodel_watch_is_running(&watch), 1);
    sim_turn(loop);
    assert_int_equal(calls, 0);
    sim_set_ready(loop, 3, YODEL_WATCH_READABLE | YODEL_WATCH_WRITABLE);
    sim_turn(loop);
    sim_turn(loop);
    assert_int_equal(calls, 2); /* as long as it is so */
    assert_int_equal(events, YODEL_WATCH_READABLE);
    assert_int_equal(yodel_watch_set_events(&watch, YODEL_WATCH_WRITABLE | YODEL_WATCH_HANGUP), 0);
    sim_turn(loop);
    assert_int_equal(events, YODEL_WATCH_WRITABLE);
    assert_int_equal(yodel_watch_set_events(&watch, 0), 0);
    sim_turn(loop);
    assert_int_equal(calls, 3);
    assert_int_equal(yodel_watch_is_running(&watch), 1);
    assert_int_equal(yodel_watch_stop(&watch), 0);
    assert_int_equal(yodel_watch_stop(&watch), 0);
    sim_turn(loop);
    assert_int_equal(calls, 3);
    assert_int_equal(yodel_watch_is_running(&watch), 0);
}

static void test_watch_is_stopped_by_an_error(void **state)
{
    assert_int_equal(yodel_watch_start(&watch, 3, YODEL_WATCH_READABLE), 0);
    sim_set_ready(loop, 3, YODEL_WATCH_ERROR);
    sim_turn(loop);
    assert_int_equal(events, YODEL_WATCH_ERROR | YODEL_WATCH_READABLE);
    assert_int_equal(yodel_watch_is_running(&watch), 0);
    sim_turn(loop);
    assert_int_equal(calls, 1);
    assert_int_equal(sim_num_watches(loop), 0);
}

static void test_watch_refuses_what_is_none(void **state)
{
    yodel_watch zero = {0};

    assert_int_equal(yodel_watch_start(&zero, 3, YODEL_WATCH_READABLE), -EINVAL);
    assert_int_equal(yodel_watch_set_events(&zero, YODEL_WATCH_READABLE), -EINVAL);
    assert_int_equal(yodel_watch_stop(&zero), 0);
    assert_int_equal(yodel_watch_is_running(&zero), 0);
    assert_int_equal(yodel_watch_set_events(&watch, YODEL_WATCH_READABLE), -EINVAL);
    assert_int_equal(yodel_watch_start(&watch, -1, YODEL_WATCH_READABLE), -EINVAL);
    assert_int_equal(yodel_watch_start(&watch, 3, YODEL_WATCH_ERROR), -EINVAL);
    assert_int_equal(yodel_watch_start(&watch, 3, 16), -EINVAL);
    yodel_watch_init(&watch, &open_loop, NULL, NULL);
    assert_int_equal(yodel_watch_start(&watch, 3, YODEL_WATCH_READABLE), -EINVAL);
    assert_int_equal(sim_num_watches(loop), 0);
}

static void free_both(yodel_watch *which, unsigned come, void *user)
{
    calls++;
    yodel_watch_stop(which);
    yodel_watch_stop(user);
    free(which);
    free(user);
}

/* Two that know each other, both ready: whichever is called takes both away. */
static void test_watches_may_be_freed_in_a_callback(void **state)
{
    yodel_watch *one = malloc(sizeof *one), *other = malloc(sizeof *other);

    yodel_watch_init(one, &open_loop, free_both, other);
    yodel_watch_init(other, &open_loop, free_both, one);
    assert_int_equal(yodel_watch_start(one, 3, YODEL_WATCH_READABLE), 0);
    assert_int_equal(yodel_watch_start(other, 4, YODEL_WATCH_READABLE), 0);
    sim_set_ready(loop, 3, YODEL_WATCH_READABLE);
    sim_set_ready(loop, 4, YODEL_WATCH_READABLE);
    sim_turn(loop);
    assert_int_equal(calls, 1);
}

static void *misuse(void *arg)
{
    int *results = arg;

    results[0] = yodel_watch_start(&watch, 4, YODEL_WATCH_READABLE);
    results[1] = yodel_watch_set_events(&watch, 0);
    results[2] = yodel_watch_stop(&watch);
    return NULL;
}

static void test_watch_is_for_the_loop_s_thread(void **state)
{
    int results[3];
    pthread_t thread;

    assert_int_equal(yodel_watch_start(&watch, 3, YODEL_WATCH_READABLE), 0);
    assert_int_equal(pthread_create(&thread, NULL, misuse, results), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(results[i], YODEL_ERR_STATE);
    sim_set_ready(loop, 3, YODEL_WATCH_READABLE);
    sim_turn(loop);
    assert_int_equal(calls, 1);
}

static void test_watches_are_stopped_when_the_loop_ends(void **state)
{
    assert_int_equal(yodel_watch_start(&watch, 3, YODEL_WATCH_READABLE), 0);
    sim_set_ready(loop, 3, YODEL_WATCH_READABLE);
    yd_open_close(&open_loop);
    assert_int_equal(yodel_watch_is_running(&watch), 0);
    assert_int_equal(yodel_watch_start(&watch, 3, YODEL_WATCH_READABLE), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_watch_set_events(&watch, 0), YODEL_ERR_CLOSED);
    sim_turn(loop);
    assert_int_equal(calls, 0);
}

static void test_watch_out_of_memory(void **state)
{
    fm.fail_at = fm.calls + 1;
    assert_int_equal(yodel_watch_start(&watch, 3, YODEL_WATCH_READABLE), -ENOMEM);
    assert_int_equal(yodel_watch_is_running(&watch), 0);
    assert_int_equal(yodel_watch_start(&watch, 3, YODEL_WATCH_READABLE), 0);
    assert_int_equal(yodel_watch_start(&watch, 4, YODEL_WATCH_READABLE), 0); /* another one */
    assert_int_equal(sim_num_watches(loop), 1);
}

/* ---- data of a loop ---- */

static void count_free(void *arg)
{
    (*(unsigned *)arg)++;
}

static void test_loop_data_is_freed_once(void **state)
{
    unsigned first = 0, second = 0, refused = 0;

    assert_null(yodel_loop_data(&open_loop));
    assert_int_equal(yodel_loop_set_data(&open_loop, &first, count_free), 0);
    assert_ptr_equal(yodel_loop_data(&open_loop), &first);
    assert_int_equal(yodel_loop_set_data(&open_loop, &first, count_free), 0);
    assert_int_equal(first, 0);
    assert_int_equal(yodel_loop_set_data(&open_loop, &second, count_free), 0);
    assert_int_equal(first, 1);
    assert_int_equal(yodel_loop_set_data(NULL, &refused, count_free), -EINVAL);
    atomic_store(&loop->running, false);
    assert_int_equal(yodel_loop_set_data(&open_loop, &refused, count_free), YODEL_ERR_STATE);
    atomic_store(&loop->running, true);
    assert_int_equal(refused, 2);
    yd_open_close(&open_loop);
    assert_int_equal(first, 1);
    assert_int_equal(second, 1);
    assert_int_equal(yodel_loop_set_data(&open_loop, &refused, count_free), YODEL_ERR_CLOSED);
    assert_int_equal(refused, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_watch_tells_what_is_asked_for),
        FIXTURE_TEST(test_watch_is_stopped_by_an_error),
        FIXTURE_TEST(test_watch_refuses_what_is_none),
        FIXTURE_TEST(test_watches_may_be_freed_in_a_callback),
        FIXTURE_TEST(test_watch_is_for_the_loop_s_thread),
        FIXTURE_TEST(test_watches_are_stopped_when_the_loop_ends),
        FIXTURE_TEST(test_watch_out_of_memory),
        FIXTURE_TEST(test_loop_data_is_freed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
