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

/* Timers and posts of a program's, on one simulated loop whose thread this is. */

static struct failmem fm;
static yodel_loop open_loop;
static struct yd_loop *loop;
static unsigned fired, freed;
static uint64_t began, times[64]; /* ms */

static int setup(void **state)
{
    failmem_init(&fm, 0);
    memset(&open_loop, 0, sizeof open_loop);
    assert_int_equal(yd_loop_new(&yd_loop_sim, &fm.mem, NULL, 0, &loop), 0);
    yd_open_init(&open_loop, loop, NULL);
    loop->thread = pthread_self();
    atomic_store(&loop->running, true);
    fired = freed = 0;
    began = yodel_loop_now(&open_loop);
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

static void note(yodel_timer *timer, void *user)
{
    times[fired++ % 64] = yodel_loop_now(&open_loop) - began;
}

static void count_free(void *arg)
{
    freed++;
}

/* ---- once ---- */

static void test_timer_fires_once_at_its_time(void **state)
{
    yodel_timer timer;

    yodel_timer_init(&timer, &open_loop, note, NULL);
    assert_int_equal(yodel_timer_is_running(&timer), 0);
    assert_int_equal(yodel_timer_start(&timer, 20), 0);
    assert_int_equal(yodel_timer_is_running(&timer), 1);
    sim_advance(loop, 19);
    assert_int_equal(fired, 0);
    sim_advance(loop, 1);
    assert_int_equal(fired, 1);
    assert_int_equal(yodel_timer_is_running(&timer), 0);
    sim_advance(loop, 1000);
    assert_int_equal(fired, 1);
}

/* What a handler starts after it has slept counts from then. */
static void test_timer_counts_from_the_call(void **state)
{
    yodel_timer timer;

    yodel_timer_init(&timer, &open_loop, note, NULL);
    sim_sleep(loop, 500);
    assert_int_equal(yodel_timer_start(&timer, 20), 0);
    sim_advance(loop, 19);
    assert_int_equal(fired, 0);
    sim_advance(loop, 1);
    assert_int_equal(fired, 1);
    assert_int_equal(times[0], 520);
}

static void test_timer_starts_anew(void **state)
{
    yodel_timer timer;

    yodel_timer_init(&timer, &open_loop, note, NULL);
    assert_int_equal(yodel_timer_start_periodic(&timer, 10), 0);
    assert_int_equal(yodel_timer_start(&timer, 50), 0);
    sim_advance(loop, 100);
    assert_int_equal(fired, 1);
    assert_int_equal(times[0], 50);
    assert_int_equal(yodel_timer_start(&timer, 10), 0);
    assert_int_equal(yodel_timer_start(&timer, UINT32_MAX), 0);
    assert_int_equal(yodel_timer_is_running(&timer), 0);
    sim_advance(loop, 100);
    assert_int_equal(fired, 1);
}

static void test_timer_zeroed_does_nothing(void **state)
{
    yodel_timer timer = {0};

    assert_int_equal(yodel_timer_is_running(&timer), 0);
    assert_int_equal(yodel_timer_stop(&timer), 0);
    assert_int_equal(yodel_timer_start(&timer, 1), -EINVAL);
    assert_int_equal(yodel_timer_start_periodic(&timer, 1), -EINVAL);
    yodel_timer_init(&timer, &open_loop, NULL, NULL);
    assert_int_equal(yodel_timer_start(&timer, 1), -EINVAL);
    yodel_timer_init(&timer, NULL, note, NULL);
    assert_int_equal(yodel_timer_start(&timer, 1), -EINVAL);
    yodel_timer_init(&timer, &open_loop, note, NULL);
    assert_int_equal(yodel_timer_start_periodic(&timer, 0), -EINVAL);
    assert_int_equal(yodel_timer_is_running(&timer), 0);
}

static void start_at_once(yodel_timer *timer, void *user)
{
    fired++;
    assert_int_equal(yodel_timer_start(timer, 0), 0);
}

/* The rest of the loop has its turn between two firings. */
static void test_timer_of_0_ms_fires_in_a_later_turn(void **state)
{
    yodel_timer timer;

    yodel_timer_init(&timer, &open_loop, start_at_once, NULL);
    assert_int_equal(yodel_timer_start(&timer, 0), 0);
    assert_int_equal(fired, 0);
    for (unsigned turn = 1; turn <= 10; turn++) {
        sim_turn(loop);
        assert_int_equal(fired, turn);
    }
    assert_int_equal(yodel_timer_stop(&timer), 0);
    sim_turn(loop);
    assert_int_equal(fired, 10);
}

/* ---- periodic ---- */

static void test_timer_periodic_does_not_drift(void **state)
{
    yodel_timer timer;

    yodel_timer_init(&timer, &open_loop, note, NULL);
    assert_int_equal(yodel_timer_start_periodic(&timer, 100), 0);
    for (unsigned i = 0; i < 10; i++) {
        sim_sleep(loop, 7); /* the loop is late, each time somewhere else */
        sim_advance(loop, 93);
    }
    assert_int_equal(fired, 10);
    assert_int_equal(times[9], 1000);
    sim_sleep(loop, 130);
    sim_run(loop);
    assert_int_equal(times[10], 1130);
    sim_advance(loop, 70);
    assert_int_equal(fired, 12);
    assert_int_equal(times[11], 1200);
    assert_int_equal(yodel_timer_stop(&timer), 0);
}

/* A suspended machine, or a handler that took an hour. */
static void test_timer_periodic_does_not_catch_up(void **state)
{
    yodel_timer timer;

    yodel_timer_init(&timer, &open_loop, note, NULL);
    assert_int_equal(yodel_timer_start_periodic(&timer, 10), 0);
    sim_sleep(loop, 3600 * 1000 + 5);
    sim_run(loop);
    assert_int_equal(fired, 1);
    sim_advance(loop, 5);
    assert_int_equal(fired, 2);
    assert_int_equal(times[1], 3600 * 1000 + 10);
    assert_int_equal(yodel_timer_stop(&timer), 0);
}

static void sleep_long(yodel_timer *timer, void *user)
{
    note(timer, user);
    if (fired <= 2)
        sim_sleep(loop, 35);
}

static void test_timer_periodic_leaves_out_what_its_handler_overslept(void **state)
{
    yodel_timer timer;

    yodel_timer_init(&timer, &open_loop, sleep_long, NULL);
    assert_int_equal(yodel_timer_start_periodic(&timer, 10), 0);
    sim_advance(loop, 100);
    assert_int_equal(times[0], 10);
    assert_int_equal(times[1], 45); /* for 20, 30 and 40 */
    assert_int_equal(times[2], 80); /* for 50 to 80 */
    assert_int_equal(times[3], 90);
    assert_int_equal(times[4], 100);
    assert_int_equal(yodel_timer_stop(&timer), 0);
}

/* ---- handlers do anything ---- */

static void free_timer(yodel_timer *timer, void *user)
{
    fired++;
    yodel_timer_stop(timer);
    free(timer);
}

static void test_timer_may_be_freed_in_its_callback(void **state)
{
    for (int periodic = 0; periodic < 2; periodic++) {
        yodel_timer *timer = malloc(sizeof *timer);

        yodel_timer_init(timer, &open_loop, free_timer, NULL);
        assert_int_equal(
            periodic ? yodel_timer_start_periodic(timer, 3) : yodel_timer_start(timer, 3), 0);
        sim_advance(loop, 10);
    }
    assert_int_equal(fired, 2);
}

static void free_other(yodel_timer *timer, void *user)
{
    fired++;
    yodel_timer_stop(user);
    free(user);
}

/* Both are due: the first takes the other away. */
static void test_timer_that_is_due_may_be_freed_by_another(void **state)
{
    yodel_timer first, *other = malloc(sizeof *other);

    yodel_timer_init(&first, &open_loop, free_other, other);
    yodel_timer_init(other, &open_loop, free_timer, NULL);
    assert_int_equal(yodel_timer_start(&first, 5), 0);
    assert_int_equal(yodel_timer_start(other, 5), 0);
    sim_advance(loop, 10);
    assert_int_equal(fired, 1);
}

/* ---- threads and ends ---- */

static void *misuse(void *arg)
{
    int *results = arg;
    static yodel_timer other;

    yodel_timer_init(&other, &open_loop, note, NULL);
    results[0] = yodel_timer_start(&other, 1);
    results[1] = yodel_timer_start_periodic(&other, 1);
    results[2] = yodel_timer_stop(&other);
    results[3] = yodel_loop_post_after(&open_loop, 1, NULL, NULL, count_free);
    return NULL;
}

static void test_timer_is_for_the_loop_s_thread(void **state)
{
    int results[4] = {1, 1, 1, 1};
    pthread_t thread;
    yodel_timer timer;

    assert_int_equal(pthread_create(&thread, NULL, misuse, results), 0);
    pthread_join(thread, NULL);
    assert_int_equal(results[0], YODEL_ERR_STATE);
    assert_int_equal(results[1], YODEL_ERR_STATE);
    assert_int_equal(results[2], 0);
    assert_int_equal(results[3], YODEL_ERR_STATE);
    assert_int_equal(freed, 1);
    yodel_timer_init(&timer, &open_loop, note, NULL);
    assert_int_equal(yodel_timer_start(&timer, 5), 0);
    atomic_store(&loop->running, false);
    assert_int_equal(yodel_timer_stop(&timer), YODEL_ERR_STATE);
    assert_int_equal(yodel_timer_is_running(&timer), 1);
    atomic_store(&loop->running, true);
    sim_advance(loop, 5);
    assert_int_equal(fired, 1);
}

static void never_called(yodel_loop *open, void *arg)
{
    fired++;
}

static void test_timers_are_stopped_when_the_loop_ends(void **state)
{
    yodel_timer once, periodic;

    yodel_timer_init(&once, &open_loop, note, NULL);
    yodel_timer_init(&periodic, &open_loop, note, NULL);
    assert_int_equal(yodel_timer_start(&once, 5), 0);
    assert_int_equal(yodel_timer_start_periodic(&periodic, 5), 0);
    assert_int_equal(yodel_loop_post_after(&open_loop, 5, never_called, NULL, count_free), 0);
    assert_int_equal(yodel_loop_post_after(&open_loop, UINT32_MAX, never_called, NULL, count_free),
                     0);
    assert_int_equal(yodel_loop_post(&open_loop, never_called, NULL, count_free), 0);
    yd_open_close(&open_loop);
    assert_int_equal(yodel_timer_is_running(&once), 0);
    assert_int_equal(yodel_timer_is_running(&periodic), 0);
    assert_int_equal(yodel_timer_stop(&once), 0);
    assert_int_equal(yodel_timer_start(&once, 5), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_loop_post_after(&open_loop, 5, never_called, NULL, count_free),
                     YODEL_ERR_CLOSED);
    assert_int_equal(freed, 3);
    sim_advance(loop, 100);
    assert_int_equal(fired, 0);
    assert_int_equal(freed, 4);
    yd_loop_close(loop);
    assert_int_equal(yodel_loop_post(&open_loop, never_called, NULL, count_free), YODEL_ERR_CLOSED);
    assert_int_equal(freed, 5);
}

/* ---- posts ---- */

static void note_arg(yodel_loop *open, void *arg)
{
    assert_ptr_equal(open, &open_loop);
    times[fired++] = (uintptr_t)arg;
}

static void test_post_runs_in_order_in_a_later_turn(void **state)
{
    for (uintptr_t i = 0; i < 10; i++)
        assert_int_equal(yodel_loop_post(&open_loop, note_arg, (void *)i, count_free), 0);
    assert_int_equal(fired, 0);
    sim_turn(loop);
    assert_int_equal(fired, 10);
    assert_int_equal(freed, 10);
    for (uintptr_t i = 0; i < 10; i++)
        assert_int_equal(times[i], i);
}

static void test_post_after_runs_at_its_time(void **state)
{
    assert_int_equal(yodel_loop_post_after(&open_loop, 30, note_arg, (void *)3, count_free), 0);
    assert_int_equal(yodel_loop_post_after(&open_loop, 10, note_arg, (void *)1, NULL), 0);
    sim_advance(loop, 9);
    assert_int_equal(fired, 0);
    sim_advance(loop, 20);
    assert_int_equal(fired, 1);
    sim_advance(loop, 1);
    assert_int_equal(fired, 2);
    assert_int_equal(freed, 1);
    assert_int_equal(times[1], 3);
}

static void test_post_refuses_what_is_no_call(void **state)
{
    assert_int_equal(yodel_loop_post(&open_loop, NULL, NULL, count_free), -EINVAL);
    assert_int_equal(yodel_loop_post(NULL, note_arg, NULL, count_free), -EINVAL);
    assert_int_equal(yodel_loop_post_after(&open_loop, 1, NULL, NULL, count_free), -EINVAL);
    assert_int_equal(yodel_loop_post_after(NULL, 1, note_arg, NULL, count_free), -EINVAL);
    assert_int_equal(freed, 4);
}

static void test_post_is_refused_above_max_mailbox(void **state)
{
    unsigned posted = 0;

    yd_loop_limit_mail(loop, 1000);
    while (yodel_loop_post(&open_loop, note_arg, NULL, count_free) == 0)
        posted++;
    assert_int_equal(posted, 10);
    assert_int_equal(freed, 1);
    assert_int_equal(yd_loop_mail_refused(loop), 1);
    sim_turn(loop);
    assert_int_equal(fired, 10);
    assert_int_equal(yodel_loop_post(&open_loop, note_arg, NULL, NULL), 0);
}

static void test_post_out_of_memory(void **state)
{
    fm.fail_at = fm.calls + 1;
    assert_int_equal(yodel_loop_post(&open_loop, note_arg, NULL, count_free), -ENOMEM);
    fm.fail_at = fm.calls + 1;
    assert_int_equal(yodel_loop_post_after(&open_loop, 1, note_arg, NULL, count_free), -ENOMEM);
    assert_int_equal(freed, 2);
    sim_advance(loop, 10);
    assert_int_equal(fired, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_timer_fires_once_at_its_time),
        FIXTURE_TEST(test_timer_counts_from_the_call),
        FIXTURE_TEST(test_timer_starts_anew),
        FIXTURE_TEST(test_timer_zeroed_does_nothing),
        FIXTURE_TEST(test_timer_of_0_ms_fires_in_a_later_turn),
        FIXTURE_TEST(test_timer_periodic_does_not_drift),
        FIXTURE_TEST(test_timer_periodic_does_not_catch_up),
        FIXTURE_TEST(test_timer_periodic_leaves_out_what_its_handler_overslept),
        FIXTURE_TEST(test_timer_may_be_freed_in_its_callback),
        FIXTURE_TEST(test_timer_that_is_due_may_be_freed_by_another),
        FIXTURE_TEST(test_timer_is_for_the_loop_s_thread),
        FIXTURE_TEST(test_timers_are_stopped_when_the_loop_ends),
        FIXTURE_TEST(test_post_runs_in_order_in_a_later_turn),
        FIXTURE_TEST(test_post_after_runs_at_its_time),
        FIXTURE_TEST(test_post_refuses_what_is_no_call),
        FIXTURE_TEST(test_post_is_refused_above_max_mailbox),
        FIXTURE_TEST(test_post_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
