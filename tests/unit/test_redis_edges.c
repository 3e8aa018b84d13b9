/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failmem.h"
#include "fixture.h"
#include "net/net.h"
#include "redis/redis.h"
#include "redis_sim.h"

#include <cmocka.h>

/* The client of Redis where others meet it at a bad moment. */

static struct {
    struct failmem fm;
    struct yd_loop *loop;
    struct yd_net net;
    struct redis_sim sim;
    yodel_redis *redis;
    bool held; /* the lock of who calls */
    bool ended;
    unsigned told;
} w;

static int setup(void **state)
{
    const struct yd_net_options options = {
        .send_ms = 30000, .linger_ms = 1000, .close_ms = 1000, .discard_ms = 3000};

    memset(&w, 0, sizeof w);
    failmem_init(&w.fm, 0);
    assert_int_equal(yd_loop_new(&yd_loop_sim, &w.fm.mem, NULL, 0, &w.loop), 0);
    assert_int_equal(yd_net_init(&w.net, w.loop, &options), 0);
    redis_sim_start(&w.sim, w.loop);
    return 0;
}

static int teardown(void **state)
{
    yd_redis_abandon(w.redis);
    redis_sim_stop(&w.sim);
    yd_loop_close(w.loop);
    return 0;
}

static void free_all(void)
{
    w.redis = yodel_redis_unref(w.redis);
    yd_loop_free(w.loop);
    yd_net_done(&w.net);
    failmem_assert_empty(&w.fm);
}

static void on_ended(void *owner)
{
    w.ended = true;
}

static void begin(const yodel_redis_options *options)
{
    const struct yd_redis_env env = {
        .loop = w.loop, .mem = w.loop->mem, .secret = {1, 2}, .on_ended = on_ended};

    assert_int_equal(yd_redis_new(&env, options, &w.redis), 0);
    yd_redis_begin(w.redis);
    redis_sim_advance(&w.sim, 100);
}

static void on_message(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
}

/* Parts of the server give their subscriptions back after the loop: while Redis is away, too. */
static void test_redis_unsubscribed_after_the_loop(void **state)
{
    struct yd_redis_sub sub = {
        .kind = YD_REDIS_CHANNEL, .name = YODEL_STR("a"), .on_message = on_message};

    begin(NULL);
    assert_int_equal(yd_redis_subscribe(w.redis, &sub), 0);
    redis_sim_advance(&w.sim, 100);
    redis_sim_kill(&w.sim);
    redis_sim_advance(&w.sim, 100);
    (void)teardown(state);
    yd_redis_unsubscribe(w.redis, &sub);
    free_all();
}

static void count_lost(const struct yd_redis_reply *reply, void *arg)
{
    w.told += reply == NULL;
}

/* The loop stops while Redis is away, and there is something to say. */
static void finish_while_away(void)
{
    const yodel_bytes argv[] = {{(const uint8_t *)"GET", 3}, {(const uint8_t *)"k", 1}};
    const struct yd_redis_command command = {.argc = 2, .argv = argv, .fn = count_lost};

    w.sim.down = true;
    begin(NULL);
    assert_int_equal(yd_redis_command(w.redis, &command), 0);
    redis_sim_run(&w.sim);
    yd_redis_finish(w.redis);
}

/* Not for all of the time that a stop may take. */
static void test_redis_finish_waits_a_little(void **state)
{
    finish_while_away();
    redis_sim_advance(&w.sim, 1999);
    assert_false(w.ended);
    redis_sim_advance(&w.sim, 1);
    assert_true(w.ended);
    assert_int_equal(w.told, 1);
    (void)teardown(state);
    free_all();
}

static void test_redis_finish_while_redis_comes_back(void **state)
{
    finish_while_away();
    redis_sim_advance(&w.sim, 500);
    w.sim.down = false;
    redis_sim_advance(&w.sim, 1400);
    assert_true(w.ended);
    assert_int_equal(w.told, 0);
    assert_int_equal(redis_sim_num_seen(&w.sim, "GET k"), 1);
    (void)teardown(state);
    free_all();
}

/* Who is told holds the lock with which he calls: a peer of the bus does. */
static void take_lock(const struct yd_redis_reply *reply, void *arg)
{
    assert_null(reply);
    assert_false(w.held);
    w.told++;
}

static void send_with_lock(void)
{
    const yodel_bytes argv[] = {{(const uint8_t *)"GET", 3}, {(const uint8_t *)"k", 1}};
    const struct yd_redis_command command = {.argc = 2, .argv = argv, .fn = take_lock};

    w.held = true;
    for (int i = 0; i < 50; i++)
        assert_int_equal(yd_redis_command(w.redis, &command), 0);
    w.held = false;
}

static void test_redis_tells_of_what_is_dropped_after_the_call(void **state)
{
    w.sim.down = true;
    begin(YODEL_OPTIONS(yodel_redis_options, .max_queue = 300, .policy = YODEL_REDIS_DROP_OLDEST));
    w.loop->thread = pthread_self();
    atomic_store(&w.loop->running, true);
    send_with_lock();
    atomic_store(&w.loop->running, false);
    assert_int_equal(w.told, 0);
    redis_sim_run(&w.sim);
    assert_in_range(w.told, 35, 49);
    (void)teardown(state);
    assert_int_equal(w.told, 50);
    free_all();
}

/* ---- what Redis refuses ---- */

static void on_refused(yodel_redis *redis, yodel_str command, yodel_str error, void *user)
{
    char *said = user;
    size_t len = strlen(said), word = 0;

    assert_ptr_equal(redis, w.redis);
    while (word < error.len && error.ptr[word] != ' ')
        word++;
    (void)snprintf(said + len, 200 - len, "%.*s %.*s,", (int)command.len, command.ptr, (int)word,
                   error.ptr);
}

static void ask(const char *word)
{
    const yodel_bytes argv[] = {{(const uint8_t *)word, strlen(word)}, {(const uint8_t *)"k", 1}};
    const struct yd_redis_command command = {.argc = 2, .argv = argv};

    assert_int_equal(yd_redis_command(w.redis, &command), 0);
    assert_int_equal(
        yodel_redis_command(w.redis, 1, &(const yodel_str){word, strlen(word)}, NULL, NULL, NULL),
        0);
}

static void test_redis_tells_of_what_is_refused(void **state)
{
    const struct yd_redis_env env = {.loop = w.loop, .mem = w.loop->mem, .secret = {1, 2}};
    struct yd_redis_sub sub = {
        .kind = YD_REDIS_CHANNEL, .name = YODEL_STR("secret"), .on_message = on_message};
    yodel_redis_stats stats = {.size = sizeof stats};
    char said[200] = "";

    (void)snprintf(w.sim.refuse, sizeof w.sim.refuse, "secret");
    assert_int_equal(yd_redis_new(&env, NULL, &w.redis), 0);
    assert_int_equal(yodel_redis_set_refused_handler(NULL, on_refused, said), -EINVAL);
    assert_int_equal(yodel_redis_set_refused_handler(w.redis, on_refused, said), 0);
    yd_redis_begin(w.redis);
    redis_sim_advance(&w.sim, 100);
    assert_int_equal(yodel_redis_set_refused_handler(w.redis, NULL, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_redis_publish(w.redis, "open", (yodel_bytes){NULL, 0}), 0);
    assert_int_equal(yodel_redis_publish(w.redis, "secret", (yodel_bytes){NULL, 0}), 0);
    ask("NOSUCH");
    redis_sim_advance(&w.sim, 100);
    assert_string_equal(said, "PUBLISH NOPERM,NOSUCH ERR,NOSUCH ERR,");
    said[0] = '\0';
    assert_int_equal(yd_redis_subscribe(w.redis, &sub), 0);
    redis_sim_advance(&w.sim, 100);
    assert_string_equal(said, "SUBSCRIBE NOPERM,");
    assert_int_equal(yodel_redis_get_stats(w.redis, &stats), 0);
    assert_int_equal(stats.refused, 4);
    (void)teardown(state);
    yd_redis_unsubscribe(w.redis, &sub);
    free_all();
}

/* One that has become a replica is not up in between, each time until something is written. */
static void test_redis_is_down_while_it_is_a_replica(void **state)
{
    const yodel_str set[] = {YODEL_STR("SET"), YODEL_STR("k"), YODEL_STR("v")};
    unsigned ups = 0;

    begin(NULL);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
    w.sim.is_replica = true;
    for (int i = 0; i < 200; i++) {
        if (i % 10 == 0)
            assert_int_equal(yodel_redis_command(w.redis, 3, set, NULL, NULL, NULL), 0);
        redis_sim_advance(&w.sim, 100);
        ups += yodel_redis_state(w.redis) == YODEL_REDIS_UP;
    }
    assert_int_equal(ups, 0);
    assert_true(w.sim.num_conns > 5);
    w.sim.is_replica = false;
    redis_sim_advance(&w.sim, 2000);
    assert_int_equal(yodel_redis_state(w.redis), YODEL_REDIS_UP);
    (void)teardown(state);
    free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_redis_unsubscribed_after_the_loop, setup),
        cmocka_unit_test_setup(test_redis_finish_waits_a_little, setup),
        cmocka_unit_test_setup(test_redis_finish_while_redis_comes_back, setup),
        cmocka_unit_test_setup(test_redis_tells_of_what_is_dropped_after_the_call, setup),
        cmocka_unit_test_setup(test_redis_tells_of_what_is_refused, setup),
        cmocka_unit_test_setup(test_redis_is_down_while_it_is_a_replica, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
