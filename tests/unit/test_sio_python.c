/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <yodel/redis.h>
#include <yodel/sio_python.h>
#include <yodel/yodel.h>

#include "failmem.h"

#include <cmocka.h>

/* The adapter as a program sees it, before its server runs; what it does then is in
 * tests/integration/test_python.py. */

struct parts {
    yodel_server *server;
    yodel_redis *redis;
    yodel_sio *sio;
};

/* Nothing is left of it when it fails. */
static int make(struct parts *parts, const yodel_allocator *mem)
{
    int rc;

    *parts = (struct parts){NULL, NULL, NULL};
    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .allocator = mem), &parts->server);
    if (rc == 0)
        rc = yodel_sio_new(parts->server, NULL, &parts->sio);
    if (rc == 0)
        rc = yodel_redis_new(parts->server, NULL, &parts->redis);
    return rc;
}

static void unref(struct parts *parts)
{
    yodel_redis_unref(parts->redis);
    yodel_sio_unref(parts->sio);
    yodel_server_unref(parts->server);
}

static int use(const struct parts *parts, const char *channel, int data)
{
    return yodel_sio_use_python(parts->sio, parts->redis,
                                YODEL_OPTIONS(yodel_sio_python_options, .channel = channel,
                                              .data = (yodel_sio_python_data)data));
}

static void test_sio_python_options(void **state)
{
    yodel_sio_python_options newer[2] = {{.size = sizeof newer}};
    char long_name[300];
    struct parts parts;

    assert_int_equal(make(&parts, NULL), 0);
    memset(long_name, 'x', sizeof long_name);
    long_name[201] = '\0';
    memset(&newer[1], 1, sizeof newer[1]);
    assert_int_equal(yodel_sio_use_python(NULL, parts.redis, NULL), -EINVAL);
    assert_int_equal(yodel_sio_use_python(parts.sio, NULL, NULL), -EINVAL);
    assert_int_equal(yodel_sio_use_python(parts.sio, parts.redis, newer), YODEL_ERR_OPTIONS);
    assert_int_equal(use(&parts, "", 0), YODEL_ERR_NAME);
    assert_int_equal(use(&parts, long_name, 0), YODEL_ERR_NAME);
    assert_int_equal(use(&parts, NULL, 4), -EINVAL);
    assert_int_equal(use(&parts, NULL, -1), -EINVAL);
    long_name[200] = '\0';
    assert_int_equal(use(&parts, long_name, YODEL_SIO_PYTHON_PICKLE), 0);
    assert_int_equal(yodel_sio_use_python(parts.sio, parts.redis, NULL), YODEL_ERR_CONFLICT);
    unref(&parts);
}

static void test_sio_python_stats(void **state)
{
    yodel_sio_python_stats stats = {.size = sizeof stats};
    yodel_sio_namespace *ns;
    struct parts parts;

    assert_int_equal(make(&parts, NULL), 0);
    assert_int_equal(yodel_sio_get_python_stats(parts.sio, &stats), YODEL_ERR_NOT_FOUND);
    assert_int_equal(yodel_sio_use_python(parts.sio, parts.redis, NULL), 0);
    assert_int_equal(yodel_sio_get_python_stats(NULL, &stats), -EINVAL);
    assert_int_equal(yodel_sio_get_python_stats(parts.sio, NULL), -EINVAL);
    stats.size = 1;
    assert_int_equal(yodel_sio_get_python_stats(parts.sio, &stats), -EINVAL);
    /* before the server runs what is emitted waits in the client of Redis */
    assert_int_equal(yodel_sio_of(parts.sio, "/", &ns), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(ns), "a", "i", 1), 0);
    stats.size = sizeof stats;
    assert_int_equal(yodel_sio_get_python_stats(parts.sio, &stats), 0);
    assert_int_equal(stats.size, sizeof stats);
    assert_int_equal(stats.published + stats.failed, 1);
    unref(&parts);
}

static void test_sio_python_out_of_memory(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        yodel_sio_python_stats stats = {.size = sizeof stats};
        struct parts parts;
        int rc, there;

        failmem_pause(&fm);
        assert_int_equal(make(&parts, &fm.mem), 0);
        failmem_resume(&fm);
        rc = use(&parts, "c", 0);
        failmem_pause(&fm);
        there = yodel_sio_get_python_stats(parts.sio, &stats);
        failmem_assert_whole(&fm, rc, there == 0, there == YODEL_ERR_NOT_FOUND);
        unref(&parts);
        failmem_assert_empty(&fm);
        failmem_resume(&fm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sio_python_options),
        cmocka_unit_test(test_sio_python_stats),
        cmocka_unit_test(test_sio_python_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
