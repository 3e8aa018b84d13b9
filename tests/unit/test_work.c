/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yodel/yodel.h>

#include <cmocka.h>

#include "failmem.h"
#include "fixture.h"
#include "loop_sim.h"
#include "open/work.h"

/* Jobs: on a simulated loop, with a pool whose jobs the test runs; and on a server with threads. */

static struct failmem fm;
static yodel_loop open_loop;
static struct yd_loop *loop;
static struct yd_work_pool *pool;
static char told[200];
static unsigned freed, idle;

static void on_idle(yodel_loop *open)
{
    idle++;
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    memset(&open_loop, 0, sizeof open_loop);
    assert_int_equal(yd_loop_new(&yd_loop_sim, &fm.mem, NULL, 0, &loop), 0);
    yd_open_init(&open_loop, loop, NULL);
    assert_int_equal(yd_work_pool_new(&fm.mem, 0, 5, &pool), 0);
    open_loop.pool = pool;
    open_loop.on_idle = on_idle;
    loop->thread = pthread_self();
    atomic_store(&loop->running, true);
    told[0] = '\0';
    freed = idle = 0;
    return 0;
}

static int teardown(void **state)
{
    yd_open_close(&open_loop);
    yd_loop_close(loop);
    yd_loop_free(loop);
    yd_work_pool_free(pool);
    failmem_assert_empty(&fm);
    return 0;
}

static int run_job(void *arg)
{
    strcat(told, "run ");
    strcat(told, arg);
    strcat(told, " ");
    return (int)strlen(told);
}

static void on_done(yodel_loop *open, int result, void *arg)
{
    assert_ptr_equal(open, &open_loop);
    strcat(told, result == -ECANCELED ? "cancel " : "done ");
    strcat(told, arg);
    strcat(told, " ");
}

static void count_free(void *arg)
{
    freed++;
}

static int ask(const void *order, const char *name)
{
    return yodel_loop_work(&open_loop, order, run_job, on_done, (void *)name, count_free);
}

static struct yd_job *take(void)
{
    return yd_work_take(pool);
}

static void test_work_is_told_on_the_loop_in_a_later_turn(void **state)
{
    struct yd_job *job;

    assert_int_equal(ask(NULL, "a"), 0);
    sim_turn(loop);
    assert_string_equal(told, "");
    assert_true(yd_work_is_busy(pool));
    assert_int_equal(yd_work_waiting(pool), 1);
    job = take();
    assert_int_equal(yd_work_waiting(pool), 0);
    yd_work_run(pool, job);
    assert_string_equal(told, "run a ");
    assert_int_equal(freed, 0);
    sim_turn(loop);
    assert_string_equal(told, "run a done a ");
    assert_int_equal(freed, 1);
    assert_int_equal(idle, 1);
    assert_false(yd_work_is_busy(pool));
    assert_null(take());
}

/* Without an order the second does not wait for the first. */
static void test_work_without_an_order_is_told_as_it_is_done(void **state)
{
    struct yd_job *a, *b;

    assert_int_equal(ask(NULL, "a"), 0);
    assert_int_equal(ask(NULL, "b"), 0);
    a = take();
    b = take();
    yd_work_run(pool, b);
    sim_turn(loop);
    assert_string_equal(told, "run b done b ");
    yd_work_run(pool, a);
    sim_turn(loop);
    assert_int_equal(freed, 2);
}

static void test_work_of_one_order_runs_one_at_a_time(void **state)
{
    int order = 0, other = 0;
    struct yd_job *first, *beside;

    assert_int_equal(ask(&order, "a"), 0);
    assert_int_equal(ask(&order, "b"), 0);
    assert_int_equal(ask(&other, "x"), 0);
    assert_int_equal(ask(&order, "c"), 0);
    first = take();
    beside = take();
    assert_null(take());
    yd_work_run(pool, beside);
    yd_work_run(pool, first);
    yd_work_run(pool, take());
    assert_int_equal(ask(&order, "d"), 0);
    yd_work_run(pool, take());
    yd_work_run(pool, take());
    assert_null(take());
    sim_turn(loop);
    assert_string_equal(told, "run x run a run b run c run d done x done a done b done c done d ");
    assert_int_equal(freed, 5);
}

static void test_work_is_refused_above_its_limit(void **state)
{
    int order = 0;

    for (int i = 0; i < 5; i++)
        assert_int_equal(ask(&order, "a"), 0);
    assert_int_equal(ask(&order, "b"), YODEL_ERR_CONGESTED);
    assert_int_equal(ask(NULL, "b"), YODEL_ERR_CONGESTED);
    assert_int_equal(yd_work_refused(pool), 2);
    assert_int_equal(freed, 2);
    yd_work_run(pool, take());
    assert_int_equal(ask(NULL, "b"), 0);
}

/* What waits is cancelled in order, what has run is told, what runs is left alone. */
static void test_work_is_given_up_whole(void **state)
{
    int order = 0;
    struct yd_job *running, *last;

    assert_int_equal(ask(&order, "a"), 0);
    assert_int_equal(ask(NULL, "b"), 0);
    assert_int_equal(ask(&order, "c"), 0);
    assert_int_equal(ask(NULL, "d"), 0);
    running = take();
    yd_work_run(pool, take());
    assert_int_equal(ask(&order, "e"), 0);
    last = take();
    told[0] = '\0';
    yd_open_give_up_jobs(&open_loop);
    assert_string_equal(told, "done b cancel c cancel e ");
    assert_int_equal(freed, 3);
    assert_int_equal(idle, 1);
    assert_false(yd_work_is_busy(pool));
    assert_int_equal(ask(NULL, "f"), YODEL_ERR_CLOSED);
    assert_int_equal(freed, 4);
    told[0] = '\0';
    yd_work_run(pool, last);
    assert_int_equal(freed, 5);
    sim_turn(loop);
    assert_null(take());
    yd_work_run(pool, running);
    assert_int_equal(freed, 6);
    sim_turn(loop);
    assert_string_equal(told, "run d run a ");
}

static void ask_again(yodel_loop *open, int result, void *arg)
{
    assert_int_equal(ask(NULL, "again"), result == -ECANCELED ? YODEL_ERR_CLOSED : 0);
}

static void test_work_may_be_asked_for_when_it_is_told(void **state)
{
    assert_int_equal(yodel_loop_work(&open_loop, NULL, run_job, ask_again, "a", count_free), 0);
    yd_work_run(pool, take());
    sim_turn(loop);
    assert_int_equal(yodel_loop_work(&open_loop, NULL, run_job, ask_again, "b", NULL), 0);
    yd_open_close(&open_loop);
    assert_string_equal(told, "run a cancel again ");
    assert_int_equal(freed, 3);
}

static void test_work_refuses_what_is_none(void **state)
{
    assert_int_equal(yodel_loop_work(&open_loop, NULL, NULL, on_done, "a", count_free), -EINVAL);
    assert_int_equal(yodel_loop_work(NULL, NULL, run_job, on_done, "a", count_free), -EINVAL);
    atomic_store(&loop->running, false);
    assert_int_equal(ask(NULL, "a"), YODEL_ERR_STATE);
    atomic_store(&loop->running, true);
    fm.fail_at = fm.calls + 1;
    assert_int_equal(ask(NULL, "a"), -ENOMEM);
    assert_int_equal(freed, 4);
    assert_int_equal(yodel_loop_work(&open_loop, NULL, run_job, NULL, "a", NULL), 0);
    yd_work_run(pool, take());
    sim_turn(loop);
    assert_string_equal(told, "run a ");
}

/* ---- threads ---- */

static sem_t hold, begun;
static atomic_uint num_done, num_cancelled, num_freed;

static int block(void *arg)
{
    sem_post(&begun);
    while (sem_wait(&hold) < 0)
        ;
    return 7;
}

static void count_done(yodel_loop *open, int result, void *arg)
{
    atomic_fetch_add(result == -ECANCELED ? &num_cancelled : &num_done, 1);
}

static void count_freed(void *arg)
{
    atomic_fetch_add(&num_freed, 1);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void stop(yodel_loop *open, void *arg)
{
    yodel_server_stop(yodel_loop_server(open), 200);
}

static int fill_pool(yodel_loop *open, void *user)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(yodel_loop_work(open, NULL, block, count_done, NULL, count_freed), 0);
    return yodel_loop_post_after(open, 20, stop, NULL, NULL);
}

static unsigned cancelled_at_end;

static void look_at_end(yodel_loop *open, void *user)
{
    cancelled_at_end = num_cancelled;
}

/* A pool full of jobs that block does not keep a stop beyond drain_ms: those that wait are told
 * once that they were cancelled, and the others end after their server (L3). */
static void test_work_that_blocks_does_not_keep_a_stop(void **state)
{
    yodel_server *server;
    uint64_t began = now_ms();

    sem_init(&hold, 0, 0);
    sem_init(&begun, 0, 0);
    num_done = num_cancelled = num_freed = 0;
    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .work_threads = 3),
                         &server),
        0);
    assert_int_equal(
        yodel_server_add_loop_handlers(
            server,
            YODEL_OPTIONS(yodel_loop_handlers, .on_start = fill_pool, .on_end = look_at_end), NULL),
        0);
    assert_int_equal(yodel_server_run(server), 0);
    assert_in_range(now_ms() - began, 200, 3000);
    assert_int_equal(num_done, 0);
    assert_int_equal(num_cancelled, 7);
    assert_int_equal(cancelled_at_end, 7); /* nothing is told after on_end */
    assert_int_equal(num_freed, 7);
    yodel_server_unref(server);
    for (int i = 0; i < 3; i++)
        sem_post(&hold);
    while (num_freed < 10)
        sched_yield();
}

#define JOBS 300

static int sum;
static unsigned last_told;

static int add_one(void *arg)
{
    sum++; /* of one order, so no lock */
    return 0;
}

static void check_order(yodel_loop *open, int result, void *arg)
{
    assert_int_equal(result, 0);
    assert_int_equal((uintptr_t)arg, last_told + 1);
    last_told++;
    if (last_told == JOBS)
        yodel_server_stop(yodel_loop_server(open), 1000);
}

static int start_ordered(yodel_loop *open, void *user)
{
    for (uintptr_t i = 1; i <= JOBS; i++)
        assert_int_equal(yodel_loop_work(open, &sum, add_one, check_order, (void *)i, NULL), 0);
    return 0;
}

static void test_work_of_one_order_on_many_threads(void **state)
{
    yodel_server_stats stats = {.size = sizeof stats};
    yodel_server *server;

    sum = 0;
    last_told = 0;
    assert_int_equal(yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1), &server), 0);
    assert_int_equal(
        yodel_server_add_loop_handlers(
            server, YODEL_OPTIONS(yodel_loop_handlers, .on_start = start_ordered), NULL),
        0);
    assert_int_equal(yodel_server_run(server), 0);
    assert_int_equal(sum, JOBS);
    assert_int_equal(last_told, JOBS);
    assert_int_equal(yodel_server_get_stats(server, &stats), 0);
    assert_int_equal(stats.work_waiting, 0);
    assert_int_equal(stats.work_refused, 0);
    yodel_server_unref(server);
}

/* A stop lets a job that runs come to its end, and tells it. */
static int sleep_some(void *arg)
{
    struct timespec pause = {.tv_nsec = 100 * 1000000};

    nanosleep(&pause, NULL);
    return 5;
}

static void note_result(yodel_loop *open, int result, void *arg)
{
    *(int *)arg = result;
}

static int start_sleeping(yodel_loop *open, void *user)
{
    assert_int_equal(yodel_loop_work(open, NULL, sleep_some, note_result, user, NULL), 0);
    yodel_server_stop(yodel_loop_server(open), 5000);
    return 0;
}

static void test_work_is_awaited_by_a_stop(void **state)
{
    yodel_server *server;
    uint64_t began = now_ms();
    int result = 0;

    assert_int_equal(yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1), &server), 0);
    assert_int_equal(
        yodel_server_add_loop_handlers(
            server, YODEL_OPTIONS(yodel_loop_handlers, .on_start = start_sleeping), &result),
        0);
    assert_int_equal(yodel_server_run(server), 0);
    assert_int_equal(result, 5);
    assert_true(now_ms() - began < 3000);
    yodel_server_unref(server);
    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .work_threads = 1025), &server),
        -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_work_is_told_on_the_loop_in_a_later_turn),
        FIXTURE_TEST(test_work_without_an_order_is_told_as_it_is_done),
        FIXTURE_TEST(test_work_of_one_order_runs_one_at_a_time),
        FIXTURE_TEST(test_work_is_refused_above_its_limit),
        FIXTURE_TEST(test_work_is_given_up_whole),
        FIXTURE_TEST(test_work_may_be_asked_for_when_it_is_told),
        FIXTURE_TEST(test_work_refuses_what_is_none),
        cmocka_unit_test(test_work_that_blocks_does_not_keep_a_stop),
        cmocka_unit_test(test_work_of_one_order_on_many_threads),
        cmocka_unit_test(test_work_is_awaited_by_a_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
