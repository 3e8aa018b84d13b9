/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "failing.h"
#include "http_world.h"

/* The client when memory fails: the program's own, and libcurl's. */

#define LONG_MS 30000

static const struct yg_http_client_options two = {.in_flight = 2, .max_body = 10000};
static const char *const paths[] = {"/large/5000", "/echo", "/large/3000"};

static unsigned failing_at;

static int forget(void **state)
{
    memset(&world, 0, sizeof(world));
    return 0;
}

/* ---- the program's ---- */

/* Three in a row, so that transfers are used again. */
static void post_failing(void)
{
    world.expected = 3;
    failing_start(failing_at);
    for (unsigned n = 0; n < 3; n++) {
        const int rc = world_post(n, world_url(paths[n]), YODEL_STR("{}"), LONG_MS);

        CHECK(rc == 0 || rc == -ENOMEM);
        if (rc < 0)
            world.expected--;
    }
    if (world.expected == 0)
        yodel_server_stop(world.server, 0);
}

static void test_http_client_out_of_memory(void **state)
{
    bool has_failed;

    failing_at = 0;
    do {
        unsigned num_failed = 0;

        forget(state);
        failing_at++;
        world_run(&two, post_failing);
        has_failed = failing_stop();
        for (unsigned n = 0; n < 3; n++) {
            if (world.got[n].result != 1 && world.got[n].result != 0) {
                assert_int_equal(world.got[n].result, -ENOMEM);
                num_failed++;
            }
        }
        num_failed += 3 - world.expected;
        assert_int_equal(num_failed, has_failed ? 1 : 0);
    } while (has_failed);
    assert_true(failing_at > 5);
}

/* ---- libcurl's ---- */

/* Of libcurl's allocations, also those on its threads, the one that fails; 0: none. */
static atomic_uint curl_at, curl_num;
static atomic_bool curl_has_failed;
static atomic_long curl_live; /* allocations that were not freed yet */

static bool curl_fails(void)
{
    if (atomic_fetch_add(&curl_num, 1) + 1 != curl_at)
        return false;
    curl_has_failed = true;
    return true;
}

/* Those of failing.h are the program's alone. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t num, size_t size);
void *__real_realloc(void *ptr, size_t size);

static void *count(void *ptr)
{
    curl_live += ptr != NULL;
    return ptr;
}

static void start_failing_of_curl(unsigned at)
{
    curl_num = 0;
    curl_at = at;
    curl_has_failed = false;
}

static void *curl_malloc(size_t size)
{
    return curl_fails() ? NULL : count(__real_malloc(size));
}

static void *curl_calloc(size_t num, size_t size)
{
    return curl_fails() ? NULL : count(__real_calloc(num, size));
}

static void *curl_realloc(void *ptr, size_t size)
{
    if (curl_fails())
        return NULL;
    return ptr == NULL ? count(__real_malloc(size)) : __real_realloc(ptr, size);
}

static void curl_free_one(void *ptr)
{
    curl_live -= ptr != NULL;
    free(ptr);
}

static char *curl_strdup(const char *string)
{
    return curl_fails() ? NULL : count(strdup(string));
}

/* What libcurl says of its failed allocation may be anything: it is an error, or goes on without.
 * Afterwards the client must serve as before. */
static void post_another(unsigned n)
{
    if (n < 2)
        return;
    curl_at = 0;
    if (n < 5)
        CHECK(world_post(n + 1, world_url(n == 4 ? "/echo" : "/large/5000"), YODEL_STR("{}"),
                         LONG_MS) == 0);
}

static void post_failing_of_curl(void)
{
    unsigned num_posted = 0;

    start_failing_of_curl(failing_at);
    for (unsigned n = 0; n < 3; n++) {
        const int rc = world_post(n, world_url(paths[n]), YODEL_STR("{}"), 10000);

        CHECK(rc == 0 || (rc == -ENOMEM && curl_has_failed));
        num_posted += rc == 0;
    }
    world.expected = num_posted + 3;
    if (world.got[2].call == NULL)
        post_another(2);
}

static void run_failing_of_curl(void)
{
    forget(NULL);
    world.on_reply = post_another;
    world_run(&two, post_failing_of_curl);
    curl_at = 0;
    for (unsigned n = 0; n < 3; n++)
        if (!curl_has_failed)
            assert_int_equal(world.got[n].result, 0);
    for (unsigned n = 3; n < 6; n++)
        assert_int_equal(world.got[n].result, 0);
    assert_int_equal(world.got[5].status, 200);
}

static void test_http_client_with_libcurl_out_of_memory(void **state)
{
    long live;

    failing_at = 0;
    run_failing_of_curl();
    live = curl_live;
    do {
        failing_at++;
        run_failing_of_curl();
        for (unsigned i = 0; curl_live != live && i < 3000; i++)
            usleep(10000); /* its threads end */
        assert_int_equal(curl_live, live);
    } while (curl_has_failed);
    assert_true(failing_at > 50);
}

static void test_http_client_new_with_libcurl_out_of_memory(void **state)
{
    const long live = curl_live;
    struct yg_http_client *client;
    int rc;

    failing_at = 0;
    do {
        start_failing_of_curl(++failing_at);
        rc = yg_http_client_new(NULL, &two, &client);
        curl_at = 0;
        if (rc == 0)
            yg_http_client_free(client);
        else
            assert_int_equal(rc, -ENOMEM);
        assert_int_equal(curl_live, live);
    } while (curl_has_failed);
    assert_int_equal(rc, 0);
}

#define RUN(test) cmocka_unit_test_setup(test, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(test_http_client_out_of_memory),
        RUN(test_http_client_with_libcurl_out_of_memory),
        RUN(test_http_client_new_with_libcurl_out_of_memory),
    };

    if (!world_can_run())
        return 77;
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, curl_free_one, curl_realloc,
                             curl_strdup, curl_calloc) != CURLE_OK)
        return 1;
    return cmocka_run_group_tests(tests, world_open, world_close);
}
