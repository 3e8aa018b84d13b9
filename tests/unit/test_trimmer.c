/* SPDX-License-Identifier: MIT */
#include "base/trimmer.h"

#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fixture.h"
#include "http_sim.h"

#define INTERVAL 10000
#define CROWD 600

/* What stands for malloc_trim(): it takes as long as the test wants. */
static struct yd_trimmer trimmer;
static sem_t allowed;
static atomic_int begun, done;

static void slow_trim(void)
{
    atomic_fetch_add(&begun, 1);
    while (sem_wait(&allowed) < 0) {
    }
    atomic_fetch_add(&done, 1);
}

static void allow(int times)
{
    while (times-- > 0)
        sem_post(&allowed);
}

static void await(const atomic_int *number, int expected)
{
    while (atomic_load(number) < expected)
        sched_yield();
    assert_int_equal(atomic_load(number), expected);
}

static void await_idle(void)
{
    while (atomic_load(&trimmer.working))
        sched_yield();
}

static int setup(void **state)
{
    atomic_store(&begun, 0);
    atomic_store(&done, 0);
    sem_init(&allowed, 0, 0);
    yd_trimmer_init(&trimmer, INTERVAL);
    trimmer.trim = slow_trim;
    return 0;
}

static int teardown(void **state)
{
    allow(10);
    yd_trimmer_end(&trimmer);
    yd_trimmer_done(&trimmer);
    sem_destroy(&allowed);
    return 0;
}

static void test_trimmer_runs_on_a_thread_of_its_own(void **state)
{
    assert_int_equal(yd_trimmer_ask(&trimmer, 50), 0);
    await(&begun, 1); /* and we are here */
    assert_int_equal(atomic_load(&done), 0);
    assert_int_equal(yd_trimmer_num(&trimmer), 1);
    allow(1);
    await(&done, 1);
}

static void test_trimmer_serves_all_who_ask_in_one_second(void **state)
{
    allow(2);
    assert_int_equal(yd_trimmer_ask(&trimmer, 5000), 0);
    assert_int_equal(yd_trimmer_ask(&trimmer, 4998), 0);
    assert_int_equal(yd_trimmer_ask(&trimmer, 5999), 0);
    await(&done, 1);
    assert_int_equal(yd_trimmer_num(&trimmer), 1);
}

static void test_trimmer_waits_for_the_interval(void **state)
{
    allow(2);
    assert_int_equal(yd_trimmer_ask(&trimmer, 5000), 0);
    await(&done, 1);
    await_idle();
    assert_int_equal(yd_trimmer_ask(&trimmer, 6000), INTERVAL - 1000);
    assert_int_equal(yd_trimmer_ask(&trimmer, 4999 + INTERVAL), 1);
    assert_int_equal(yd_trimmer_ask(&trimmer, 5000 + INTERVAL), 0);
    await(&done, 2);
}

static void test_trimmer_never_runs_twice_at_once(void **state)
{
    assert_int_equal(yd_trimmer_ask(&trimmer, 1), 0);
    await(&begun, 1);
    assert_int_equal(yd_trimmer_ask(&trimmer, 1 + 5 * INTERVAL), INTERVAL);
    allow(1);
    await_idle();
    allow(1);
    assert_int_equal(yd_trimmer_ask(&trimmer, 1 + 6 * INTERVAL), 0);
    await(&begun, 2);
}

static void test_trimmer_is_awaited_at_the_end(void **state)
{
    assert_int_equal(yd_trimmer_ask(&trimmer, 1), 0);
    await(&begun, 1);
    allow(1);
    yd_trimmer_end(&trimmer);
    assert_int_equal(atomic_load(&done), 1);
    assert_int_equal(yd_trimmer_ask(&trimmer, 1 + 2 * INTERVAL), 0);
    yd_trimmer_end(&trimmer);
    assert_int_equal(atomic_load(&begun), 1);
}

/* ---- crowds ---- */

static struct sim_peer *peers[CROWD];

static void come(struct http_sim *hs, unsigned num)
{
    for (unsigned i = 0; i < num; i++)
        peers[i] = sim_connect(hs->loop);
    sim_run(hs->loop);
}

static void leave(struct http_sim *hs, unsigned num)
{
    for (unsigned i = 0; i < num; i++)
        sim_end(peers[i]);
    sim_advance(hs->loop, 500); /* the end of a connection takes some time */
}

static void start(struct http_sim *hs, struct yd_trimmer *used)
{
    assert_int_equal(http_sim_start(hs, &yd_mem_default, 0), 0);
    hs->net.options.trimmer = used;
    allow(10);
}

static void test_trimmer_is_asked_after_a_crowd_has_left(void **state)
{
    struct http_sim hs;

    start(&hs, &trimmer);
    come(&hs, CROWD);
    leave(&hs, CROWD);
    assert_int_equal(yd_trimmer_num(&trimmer), 0);
    sim_advance(hs.loop, 2000);
    assert_int_equal(yd_trimmer_num(&trimmer), 1);
    sim_advance(hs.loop, 10 * INTERVAL);
    assert_int_equal(yd_trimmer_num(&trimmer), 1);
    http_sim_stop(&hs);
}

static void test_trimmer_is_asked_again_when_it_was_too_soon(void **state)
{
    struct http_sim hs;

    start(&hs, &trimmer);
    for (int i = 0; i < 2; i++) {
        come(&hs, CROWD);
        leave(&hs, CROWD);
        sim_advance(hs.loop, 2000);
        assert_int_equal(yd_trimmer_num(&trimmer), 1);
        await_idle();
    }
    sim_advance(hs.loop, INTERVAL);
    assert_int_equal(yd_trimmer_num(&trimmer), 2);
    http_sim_stop(&hs);
}

static void test_trimmer_is_not_asked_for_few_nor_when_others_have_come(void **state)
{
    struct http_sim hs;

    start(&hs, &trimmer);
    come(&hs, CROWD / 2);
    leave(&hs, CROWD / 2);
    sim_advance(hs.loop, 3000);
    come(&hs, CROWD);
    leave(&hs, CROWD);
    sim_advance(hs.loop, 1000);
    come(&hs, CROWD);
    sim_advance(hs.loop, 900); /* they wait for a head not much longer */
    assert_int_equal(yd_trimmer_num(&trimmer), 0);
    http_sim_stop(&hs);
}

static void test_trimmer_may_be_switched_off(void **state)
{
    struct http_sim hs;

    start(&hs, NULL);
    come(&hs, CROWD);
    leave(&hs, CROWD);
    sim_advance(hs.loop, 2 * INTERVAL);
    assert_int_equal(yd_trimmer_num(&trimmer), 0);
    http_sim_stop(&hs);
}

/* Memory of the loop, which is kept when it is given back, to see who still writes there. */
static void *kept, *of_loop;

static void *keep_alloc(size_t size, void *user)
{
    return malloc(size);
}

static void *keep_resize(void *ptr, size_t size, void *user)
{
    return realloc(ptr, size);
}

static void keep_release(void *ptr, void *user)
{
    if (ptr != of_loop || ptr == NULL) {
        free(ptr);
        return;
    }
    memset(ptr, 0x5a, sizeof(struct yd_loop));
    kept = ptr;
}

/* A server frees its loops ahead of what they had. */
static void test_trimmer_is_not_awaited_by_a_loop_that_has_gone(void **state)
{
    const struct yodel_allocator mem = {keep_alloc, keep_resize, keep_release, NULL};
    struct http_sim hs;
    const uint8_t *bytes;

    assert_int_equal(http_sim_start(&hs, &mem, 0), 0);
    hs.net.options.trimmer = &trimmer;
    come(&hs, CROWD);
    leave(&hs, CROWD);
    of_loop = hs.loop;
    yd_listener_stop(&hs.listener.base);
    yd_loop_close(hs.loop);
    yd_loop_free(hs.loop);
    yd_net_done(&hs.net);
    yd_http_done(&hs.http);
    bytes = kept;
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof(struct yd_loop); i++)
        assert_int_equal(bytes[i], 0x5a);
    free(kept);
    of_loop = kept = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_trimmer_runs_on_a_thread_of_its_own),
        FIXTURE_TEST(test_trimmer_serves_all_who_ask_in_one_second),
        FIXTURE_TEST(test_trimmer_waits_for_the_interval),
        FIXTURE_TEST(test_trimmer_never_runs_twice_at_once),
        FIXTURE_TEST(test_trimmer_is_awaited_at_the_end),
        FIXTURE_TEST(test_trimmer_is_asked_after_a_crowd_has_left),
        FIXTURE_TEST(test_trimmer_is_asked_again_when_it_was_too_soon),
        FIXTURE_TEST(test_trimmer_is_not_asked_for_few_nor_when_others_have_come),
        FIXTURE_TEST(test_trimmer_is_not_awaited_by_a_loop_that_has_gone),
        FIXTURE_TEST(test_trimmer_may_be_switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
