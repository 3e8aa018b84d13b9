/* SPDX-License-Identifier: MIT */
#include "http/cors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "http_sim.h"

#include <cmocka.h>

static const char *const one_origin[] = {"https://a.example", ".b.example", NULL};
static const char *const any_origin[] = {"*", NULL};

static void on_hello(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("hello"));
}

static struct failmem fm;
static struct http_sim hs;

static void start(const char *prefix, const yodel_cors_options *options)
{
    failmem_init(&fm, 0);
    assert_int_equal(http_sim_start(&hs, &fm.mem, 0), 0);
    assert_int_equal(yd_http_route(&hs.http, "GET /api/{x...}", on_hello, NULL), 0);
    assert_int_equal(yd_http_cors(&hs.http, prefix, options), 0);
}

static int teardown(void **state)
{
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

/* method and path, and more header lines. */
static struct sim_peer *ask(const char *line, const char *origin, const char *more)
{
    char request[500];

    (void)snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: h\r\n%s%s%s%s\r\n", line,
                   origin != NULL ? "Origin: " : "", origin != NULL ? origin : "",
                   origin != NULL ? "\r\n" : "", more);
    return http_sim_ask(&hs, request);
}

static void assert_header(struct sim_peer *peer, const char *name, const char *value)
{
    char full[100];

    (void)snprintf(full, sizeof full, "Access-Control-%s", name);
    assert_string_equal(http_sim_header(peer, full), value);
}

static void test_cors_listed_origins(void **state)
{
    static const struct {
        const char *origin;
        bool allowed;
    } cases[] = {{"https://a.example", true},
                 {"https://x.b.example", true},
                 {"http://b.example:81", true},
                 {"https://a.example.evil", false},
                 {"https://a.example:444", false},
                 {"http://a.example", false},
                 {"null", false},
                 {"https://a.example, https://a.example", false},
                 {"https://a.example\r\nOrigin: https://a.example", false}};

    start("/api", YODEL_OPTIONS(yodel_cors_options, .origins = one_origin));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim_peer *peer = ask("GET /api/x", cases[i].origin, "");

        http_sim_assert_status(peer, 200);
        assert_string_equal(http_sim_body(peer), "hello");
        assert_header(peer, "Allow-Origin", cases[i].allowed ? cases[i].origin : "");
        assert_string_equal(http_sim_header(peer, "Vary"), "Origin");
        assert_header(peer, "Allow-Credentials", "");
    }
}

static void test_cors_any_origin(void **state)
{
    struct sim_peer *peer;

    start("/",
          YODEL_OPTIONS(yodel_cors_options, .origins = any_origin, .expose_headers = "X-A,X-B"));
    peer = ask("GET /api/x", "https://any.example", "");
    assert_header(peer, "Allow-Origin", "*");
    assert_header(peer, "Expose-Headers", "X-A,X-B");
    assert_string_equal(http_sim_header(peer, "Vary"), "");
    peer = ask("GET /api/x", NULL, "");
    assert_header(peer, "Allow-Origin", "*");
}

static void test_cors_credentials(void **state)
{
    struct sim_peer *peer;

    start("/", YODEL_OPTIONS(yodel_cors_options, .origins = any_origin, .credentials = 1));
    peer = ask("GET /api/x", "https://any.example", "");
    assert_header(peer, "Allow-Origin", "https://any.example");
    assert_header(peer, "Allow-Credentials", "true");
    assert_string_equal(http_sim_header(peer, "Vary"), "Origin");
    peer = ask("GET /api/x", NULL, "");
    assert_header(peer, "Allow-Origin", "");
    assert_header(peer, "Allow-Credentials", "");
}

static void test_cors_preflight(void **state)
{
    static const char asked[] = "Access-Control-Request-Method: PUT\r\n"
                                "Access-Control-Request-Headers: X-One, X-Two\r\n";
    struct sim_peer *peer;

    start("/api/", YODEL_OPTIONS(yodel_cors_options, .origins = one_origin, .credentials = 1,
                                 .max_age_s = 600, .expose_headers = "X"));
    peer = ask("OPTIONS /api/none", "https://a.example", asked);
    http_sim_assert_status(peer, 204);
    assert_string_equal(http_sim_header(peer, "Content-Length"), "0");
    assert_header(peer, "Allow-Origin", "https://a.example");
    assert_header(peer, "Allow-Credentials", "true");
    assert_header(peer, "Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE");
    assert_header(peer, "Allow-Headers", "X-One, X-Two");
    assert_header(peer, "Max-Age", "600");
    assert_header(peer, "Expose-Headers", "");
    assert_non_null(strstr(sim_received(peer), "Vary: Origin\r\n"));
    assert_non_null(strstr(sim_received(peer), "Vary: Access-Control-Request-Headers\r\n"));
    peer = ask("OPTIONS /api/none", "https://evil.example", asked);
    http_sim_assert_status(peer, 204);
    assert_header(peer, "Allow-Origin", "");
    assert_header(peer, "Allow-Methods", "");
    /* Not below the prefix; no preflight at all. */
    peer = ask("OPTIONS /apix", "https://a.example", asked);
    http_sim_assert_status(peer, 404);
    assert_header(peer, "Allow-Origin", "");
    peer = ask("OPTIONS /api/x", "https://a.example", "");
    http_sim_assert_status(peer, 405);
}

static void test_cors_preflight_options(void **state)
{
    struct sim_peer *peer;

    start("/", YODEL_OPTIONS(yodel_cors_options, .origins = any_origin, .methods = "GET",
                             .allow_headers = "X-Only"));
    peer = ask("OPTIONS /x", "https://a.example",
               "Access-Control-Request-Method: PUT\r\n"
               "Access-Control-Request-Headers: X-One\r\n");
    assert_header(peer, "Allow-Origin", "*");
    assert_header(peer, "Allow-Methods", "GET");
    assert_header(peer, "Allow-Headers", "X-Only");
    assert_header(peer, "Max-Age", "");
    assert_string_equal(http_sim_header(peer, "Vary"), "");
}

static void test_cors_errors_have_it(void **state)
{
    struct sim_peer *peer;

    start("/api", YODEL_OPTIONS(yodel_cors_options, .origins = one_origin));
    peer = ask("DELETE /api/x", "https://a.example", "");
    http_sim_assert_status(peer, 405);
    assert_header(peer, "Allow-Origin", "https://a.example");
    peer = ask("GET /other", "https://a.example", "");
    http_sim_assert_status(peer, 404);
    assert_header(peer, "Allow-Origin", "");
}

static void test_cors_longest_prefix(void **state)
{
    struct yd_cors *list = NULL;
    const yodel_cors_options *options = YODEL_OPTIONS(yodel_cors_options, .origins = any_origin);

    assert_int_equal(yd_cors_add(&list, &yd_mem_default, "/a", options), 0);
    assert_int_equal(yd_cors_add(&list, &yd_mem_default, "/a/b/", options), 0);
    assert_int_equal(yd_cors_add(&list, &yd_mem_default, "/c", options), 0);
    assert_int_equal(yd_cors_add(&list, &yd_mem_default, "/a/", options), YODEL_ERR_CONFLICT);
    assert_true(yd_cors_find(list, YODEL_STR("/a/b")) != yd_cors_find(list, YODEL_STR("/a/bb")));
    assert_ptr_equal(yd_cors_find(list, YODEL_STR("/a")), yd_cors_find(list, YODEL_STR("/a/x")));
    assert_null(yd_cors_find(list, YODEL_STR("/")));
    assert_null(yd_cors_find(list, YODEL_STR("/aa")));
    assert_null(yd_cors_find(list, YODEL_STR("*")));
    yd_cors_free(list, &yd_mem_default);
}

static void test_cors_bad_options(void **state)
{
    struct yd_cors *list = NULL;
    const yodel_cors_options *bad[] = {
        YODEL_OPTIONS(yodel_cors_options, .credentials = 1),
        YODEL_OPTIONS(yodel_cors_options, .origins = any_origin, .methods = "GET\r\nX: y"),
        YODEL_OPTIONS(yodel_cors_options, .origins = any_origin, .allow_headers = "\n"),
        YODEL_OPTIONS(yodel_cors_options, .origins = any_origin, .expose_headers = "\r"),
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(yd_cors_add(&list, &yd_mem_default, "/", bad[i]), -EINVAL);
    assert_int_equal(yd_cors_add(&list, &yd_mem_default, "api",
                                 YODEL_OPTIONS(yodel_cors_options, .origins = any_origin)),
                     -EINVAL);
    assert_null(list);
}

static void test_cors_without_memory(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        struct yd_cors *list = NULL;
        int rc =
            yd_cors_add(&list, &fm.mem, "/api",
                        YODEL_OPTIONS(yodel_cors_options, .origins = one_origin, .methods = "GET",
                                      .allow_headers = "X", .expose_headers = "Y"));

        failmem_assert_whole(&fm, rc, list != NULL, list == NULL);
        yd_cors_free(list, &fm.mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEARDOWN_TEST(test_cors_listed_origins),    TEARDOWN_TEST(test_cors_any_origin),
        TEARDOWN_TEST(test_cors_credentials),       TEARDOWN_TEST(test_cors_preflight),
        TEARDOWN_TEST(test_cors_preflight_options), TEARDOWN_TEST(test_cors_errors_have_it),
        cmocka_unit_test(test_cors_longest_prefix), cmocka_unit_test(test_cors_bad_options),
        cmocka_unit_test(test_cors_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
