/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/redis.h>
#include <yodel/sio_redis.h>
#include <yodel/yodel.h>

#include <cmocka.h>

/* Counters of adapters as a program reads them, before its server runs.  What they count is in
 * test_classic_peer.c and test_cluster_peer.c. */

struct parts {
    yodel_server *server;
    yodel_redis *redis;
    yodel_sio *sio;
};

static void make(struct parts *parts)
{
    assert_int_equal(yodel_server_new(NULL, &parts->server), 0);
    assert_int_equal(yodel_sio_new(parts->server, NULL, &parts->sio), 0);
    assert_int_equal(yodel_redis_new(parts->server, NULL, &parts->redis), 0);
}

/* The server first: it gives up, and a service is to live until then. */
static void unref(struct parts *parts)
{
    yodel_server_unref(parts->server);
    yodel_redis_unref(parts->redis);
    yodel_sio_unref(parts->sio);
}

static int use(const struct parts *parts, yodel_sio_redis_form form)
{
    return yodel_sio_use_redis(parts->sio, parts->redis,
                               YODEL_OPTIONS(yodel_sio_redis_options, .form = form));
}

static void test_sio_redis_stats_of_none(void **state)
{
    yodel_sio_redis_stats stats = {.size = sizeof stats};
    struct parts parts;

    make(&parts);
    assert_int_equal(yodel_sio_get_redis_stats(parts.sio, &stats), YODEL_ERR_NOT_FOUND);
    assert_int_equal(yodel_sio_get_redis_stats(NULL, &stats), -EINVAL);
    assert_int_equal(use(&parts, YODEL_SIO_REDIS_CLASSIC), 0);
    assert_int_equal(yodel_sio_get_redis_stats(parts.sio, NULL), -EINVAL);
    stats.size = 1;
    assert_int_equal(yodel_sio_get_redis_stats(parts.sio, &stats), -EINVAL);
    unref(&parts);
}

/* Those of both together; of another service not. */
static void test_sio_redis_stats_are_summed(void **state)
{
    yodel_sio_redis_stats stats = {.size = sizeof stats};
    yodel_sio_namespace *ns;
    struct parts parts;
    yodel_sio *other;

    make(&parts);
    assert_int_equal(
        yodel_sio_new(parts.server, YODEL_OPTIONS(yodel_sio_options, .path = "/b/"), &other), 0);
    assert_int_equal(use(&parts, YODEL_SIO_REDIS_CLASSIC), 0);
    assert_int_equal(use(&parts, YODEL_SIO_REDIS_SHARDED), 0);
    assert_int_equal(yodel_sio_of(parts.sio, "/", &ns), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(ns), "a", "i", 1), 0);
    assert_int_equal(yodel_sio_get_redis_stats(parts.sio, &stats), 0);
    assert_int_equal(stats.size, sizeof stats);
    assert_int_equal(stats.published, 2);
    assert_int_equal(stats.failed, 0);
    assert_int_equal(yodel_sio_get_redis_stats(other, &stats), YODEL_ERR_NOT_FOUND);
    unref(&parts);
    yodel_sio_unref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sio_redis_stats_of_none),
        cmocka_unit_test(test_sio_redis_stats_are_summed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
