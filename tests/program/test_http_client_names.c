/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "http_world.h"

/* The client and names, which libcurl looks up on threads of its own: getaddrinfo() is here. */

#define LONG_MS 30000

static const struct yg_http_client_options plain = {.in_flight = 64, .max_body = 100000};

static sem_t answer;           /* the slow name's */
static atomic_bool has_waited; /* in vain */
static atomic_uint num_slow, num_slow_over;

typedef int lookup_fn(const char *node, const char *service, const struct addrinfo *hints,
                      struct addrinfo **ret_found);

/* Waits until it is told, and then it knows nothing. */
static int slow(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    atomic_fetch_add(&num_slow, 1);
    if (sem_timedwait(&answer, &until) < 0)
        has_waited = true;
    atomic_fetch_add(&num_slow_over, 1);
    return EAI_AGAIN;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_found)
{
    lookup_fn *real = (lookup_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
    int rc;

    if (node == NULL || strstr(node, ".test") == NULL)
        return real(node, service, hints, ret_found);
    if (strcmp(node, "slow.test") == 0)
        return slow();
    if (strcmp(node, "unknown.test") == 0)
        return EAI_NONAME;
    /* Two addresses, and nobody listens at the first. */
    rc = real("127.0.0.2", service, hints, ret_found);
    return rc != 0 ? rc : real("127.0.0.1", service, hints, &(*ret_found)->ai_next);
}

static int forget(void **state)
{
    memset(&world, 0, sizeof(world));
    return 0;
}

/* ---- names that are known, and not ---- */

static void post_names(void)
{
    CHECK(world_post(0, world_named_url("two.test", "/echo"), YODEL_STR("{}"), LONG_MS) == 0);
    CHECK(world_post(1, world_named_url("unknown.test", "/"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_tries_all_addresses(void **state)
{
    world.expected = 2;
    world_run(&plain, post_names);
    assert_int_equal(world.got[0].result, 0);
    assert_int_equal(world.got[1].result, -EIO);
    assert_non_null(strstr(world.got[1].error, "unknown.test"));
}

/* ---- a name server that is slow ---- */

static void post_slow(void)
{
    for (unsigned n = 0; n < 3; n++)
        CHECK(world_post(n, world_named_url("slow.test", "/"), YODEL_STR("{}"),
                         n < 2 ? 100 : LONG_MS) == 0);
}

/* Two are over in time, the third is given up, and others go on: all while the name is looked up.
 */
static void go_on(unsigned n)
{
    CHECK(num_slow_over == 0);
    if (n == 1) {
        yg_http_call_cancel(world.got[2].call);
        CHECK(world_post(3, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
    }
}

static void test_http_client_does_not_wait_for_names(void **state)
{
    world.expected = 3;
    world.on_reply = go_on;
    world_run_only(&plain, post_slow);
    assert_int_equal(world.got[0].result, -ETIMEDOUT);
    assert_int_equal(world.got[1].result, -ETIMEDOUT);
    assert_int_equal(world.got[2].result, 1);
    assert_int_equal(world.got[3].result, 0);
    assert_int_equal(num_slow_over, 0); /* nor at the end of the loop */
    for (unsigned n = 0; n < num_slow; n++)
        sem_post(&answer);
    world_check_closed();
    assert_false(has_waited);
}

#define RUN(test) cmocka_unit_test_setup(test, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(test_http_client_tries_all_addresses),
        RUN(test_http_client_does_not_wait_for_names),
    };

    sem_init(&answer, 0, 0);
    if (!world_can_run())
        return 77;
    return cmocka_run_group_tests(tests, world_open, world_close);
}
