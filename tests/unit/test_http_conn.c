/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "http_sim.h"

#include <cmocka.h>

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

/* ---- handlers ---- */

static void on_hello(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("hello\n"));
}

/* Answers with the body. */
static void on_echo(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply(req, 0, "application/octet-stream", yodel_request_body(req));
}

static void on_nothing(yodel_request *req, void *user)
{
    (void)req;
    (void)user;
}

static void on_big(yodel_request *req, void *user)
{
    const size_t *size = user;
    uint8_t *body = malloc(*size);

    assert_non_null(body);
    memset(body, 'x', *size);
    (void)yodel_request_reply(req, 200, "text/plain", (yodel_bytes){body, *size});
    free(body);
}

/* ---- fixture ---- */

static struct failmem fm;
static struct http_sim hs;
static size_t big_size;

static int set_up_routes(void)
{
    static const struct {
        const char *pattern;
        yodel_http_fn *fn;
        void *user;
    } routes[] = {
        {"GET /hello", on_hello, NULL},
        {"POST /echo", on_echo, NULL},
        {"GET /nothing", on_nothing, NULL},
        {"GET /big", on_big, &big_size},
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof routes / sizeof *routes && rc == 0; i++)
        rc = yd_http_route(&hs.http, routes[i].pattern, routes[i].fn, routes[i].user);
    return rc;
}

static int setup(void **state)
{
    int rc;

    failmem_init(&fm, 0);
    rc = http_sim_start(&hs, &fm.mem, 0);
    return rc < 0 ? rc : set_up_routes();
}

static int teardown(void **state)
{
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

/* ---- answers ---- */

static void test_http_conn_answers(void **state)
{
    struct sim_peer *peer;

    peer = http_sim_ask(&hs, GET_HELLO);
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_header(peer, "Content-Length"), "6");
    assert_string_equal(http_sim_header(peer, "Content-Type"), "text/plain; charset=utf-8");
    assert_int_equal(strlen(http_sim_header(peer, "Date")), 29);
    assert_string_equal(http_sim_header(peer, "Connection"), "");
    assert_string_equal(http_sim_header(peer, "Server"), "");
    assert_string_equal(http_sim_body(peer), "hello\n");
    http_sim_assert_open(peer);
    sim_forget(peer);
    sim_send_text(peer, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_run(hs.loop);
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_header(peer, "Content-Length"), "6");
    assert_string_equal(http_sim_body(peer), "");
    assert_int_equal(atomic_load(&hs.loop->counters.requests), 2);
}

static void test_http_conn_byte_by_byte(void **state)
{
    struct sim_peer *peer;

    for (size_t chop = 1; chop < 20; chop++) {
        peer = sim_connect(hs.loop);
        peer->chop = chop;
        peer->max_taken = chop;
        sim_send_text(peer, "\r\n" GET_HELLO
                            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n01234"
                            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n" GET_HELLO);
        sim_run(hs.loop);
        assert_int_equal(http_sim_count(peer, "HTTP/1.1 200 OK\r\n"), 4);
        assert_int_equal(http_sim_count(peer, "\r\n\r\nhello\n"), 2);
        assert_int_equal(http_sim_count(peer, "\r\n\r\n01234HTTP"), 1);
        assert_int_equal(http_sim_count(peer, "\r\n\r\nabcdeHTTP"), 1);
        http_sim_assert_open(peer);
    }
}

static void test_http_conn_keep_alive(void **state)
{
    static const struct {
        const char *request, *connection;
        bool closes;
    } cases[] = {
        {"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", "", false},
        {"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close", true},
        {"GET /hello HTTP/1.0\r\n\r\n", "close", true},
        {"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "keep-alive", false},
        {"GET /none HTTP/1.1\r\nHost: a\r\n\r\n", "", false},
        {"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim_peer *peer = http_sim_ask(&hs, cases[i].request);

        assert_string_equal(http_sim_header(peer, "Connection"), cases[i].connection);
        assert_int_equal(sim_is_shut(peer), cases[i].closes);
    }
}

static void test_http_conn_errors(void **state)
{
    static const struct {
        const char *request;
        int status;
        const char *body;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400, "400 Bad Request: no Host header\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400,
         "400 Bad Request: two Host headers\n"},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, NULL},
        {"GET / HTTP/1.1\nHost: a\n\n", 400, NULL},
        {"\x16\x03\x01", 400, NULL},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, NULL},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501, NULL},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         400, NULL},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400,
         "400 Bad Request: malformed chunk\n"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413,
         "413 Content Too Large\n"},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n", 0, NULL},
        {"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 405, NULL},
        {"GET /hello HTTP/1.1\r\nHost: a\r\nExpect: the-worst\r\n\r\n", 417, NULL},
        {"GET / HTTP/1.1\r\nHost: a\r\n1: 1\r\n2: 2\r\n3: 3\r\n4: 4\r\n5: 5\r\n6: 6\r\n7: 7\r\n"
         "8: 8\r\n9: 9\r\n10: 10\r\n\r\n",
         431, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sim_peer *peer = http_sim_ask(&hs, cases[i].request);

        if (cases[i].status == 0) {
            assert_string_equal(sim_received(peer), "");
            continue;
        }
        http_sim_assert_status(peer, cases[i].status);
        if (cases[i].body != NULL)
            assert_string_equal(http_sim_body(peer), cases[i].body);
        if (cases[i].status != 417) {
            assert_string_equal(http_sim_header(peer, "Connection"), "close");
            assert_true(sim_is_shut(peer));
        }
    }
}

static void test_http_conn_soft_errors(void **state)
{
    struct sim_peer *peer;

    peer = http_sim_ask(&hs, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(peer, 404);
    assert_string_equal(http_sim_body(peer), "404 Not Found\n");
    peer = http_sim_ask(&hs, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(peer, 400);
    peer = http_sim_ask(&hs, "DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(peer, 405);
    assert_string_equal(http_sim_header(peer, "Allow"), "GET, HEAD");
    peer = http_sim_ask(&hs, "TRACE /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(peer, 405);
    peer = http_sim_ask(&hs, "CONNECT /hello HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(peer, 501);
    peer = http_sim_ask(&hs, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(peer, 204);
    assert_string_equal(http_sim_header(peer, "Content-Length"), "");
    http_sim_assert_open(peer);
    peer = http_sim_ask(&hs, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(peer, 500);
    assert_string_equal(hs.log, "warn: GET /nothing: the handler gave no answer");
    peer = http_sim_ask(&hs, "HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(peer, 404);
    assert_string_equal(http_sim_body(peer), "");
    assert_string_equal(http_sim_header(peer, "Content-Length"), "14");
}

static void test_http_conn_warns_once_a_second(void **state)
{
    unsigned before;

    before = hs.num_lines;
    for (int i = 0; i < 5; i++)
        http_sim_ask(&hs, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hs.num_lines, before + 1);
    sim_advance(hs.loop, 1000);
    http_sim_ask(&hs, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hs.num_lines, before + 2);
}

static void test_http_conn_oversized_heads(void **state)
{
    static const struct {
        const char *begin;
        int status;
    } cases[] = {{"GET /", 414}, {"GET / HTTP/1.1\r\nHost: a\r\nX: ", 431}, {"GETTT", 501}};
    char filler[1000];

    memset(filler, 'a', sizeof filler);
    for (size_t chop = 0; chop < 2; chop++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct sim_peer *peer = sim_connect(hs.loop);

            peer->chop = chop;
            sim_send_text(peer, cases[i].begin);
            sim_send(peer, filler, sizeof filler);
            sim_run(hs.loop);
            http_sim_assert_status(peer, cases[i].status);
            assert_true(sim_is_shut(peer));
        }
    }
    assert_int_equal(atomic_load(&hs.loop->counters.requests_too_big), 4);
}

/* ---- bodies ---- */

static void test_http_conn_expect_continue(void **state)
{
    static const char head[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n";
    struct sim_peer *peer;

    peer = http_sim_ask(&hs, head);
    assert_string_equal(sim_received(peer), "HTTP/1.1 100 Continue\r\n\r\n");
    sim_forget(peer);
    sim_send_text(peer, "abc");
    sim_run(hs.loop);
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_body(peer), "abc");
    /* The body is there already. */
    peer = sim_connect(hs.loop);
    sim_send_text(peer, head);
    sim_send_text(peer, "abc");
    sim_run(hs.loop);
    http_sim_assert_status(peer, 200);
    /* It will not be taken. */
    peer = http_sim_ask(&hs, "POST /none HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                             "Content-Length: 3\r\n\r\n");
    http_sim_assert_status(peer, 404);
    assert_true(sim_is_shut(peer));
    peer = http_sim_ask(&hs, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                             "Content-Length: 3000\r\n\r\n");
    http_sim_assert_status(peer, 413);
    assert_int_equal(atomic_load(&hs.loop->counters.requests_too_big), 1);
}

static void test_http_conn_body_limits(void **state)
{
    char body[1002], head[100];
    struct sim_peer *peer;

    memset(body, 'b', sizeof body);
    for (size_t len = 999; len <= 1001; len++) {
        int status = len <= 1000 ? 200 : 413;

        peer = sim_connect(hs.loop);
        peer->chop = 7;
        (void)snprintf(head, sizeof head,
                       "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", len);
        sim_send_text(peer, head);
        sim_send(peer, body, len);
        sim_run(hs.loop);
        http_sim_assert_status(peer, status);
        peer = sim_connect(hs.loop);
        (void)snprintf(
            head, sizeof head,
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1F4\r\n");
        sim_send_text(peer, head);
        sim_send(peer, body, 500);
        (void)snprintf(head, sizeof head, "\r\n%zx\r\n", len - 500);
        sim_send_text(peer, head);
        sim_send(peer, body, len - 500);
        sim_send_text(peer, "\r\n0\r\n\r\n");
        sim_run(hs.loop);
        http_sim_assert_status(peer, status);
    }
}

/* ---- time limits ---- */

static void test_http_conn_header_limit(void **state)
{
    struct sim_peer *silent, *slow;

    silent = sim_connect(hs.loop);
    slow = http_sim_ask(&hs, "GET /hello HT");
    sim_advance(hs.loop, 990);
    sim_send_text(slow, "TP");
    sim_run(hs.loop);
    http_sim_assert_open(silent);
    http_sim_assert_open(slow);
    sim_advance(hs.loop, 20);
    assert_true(sim_is_shut(silent));
    assert_string_equal(sim_received(silent), "");
    http_sim_assert_status(slow, 408);
    assert_true(sim_is_shut(slow));
    assert_int_equal(atomic_load(&hs.loop->counters.requests_late), 1);
    sim_advance(hs.loop, 200);
    assert_true(sim_is_closed(silent));
    assert_true(sim_is_closed(slow));
}

static void test_http_conn_keep_limit(void **state)
{
    struct sim_peer *idle, *slow;

    idle = http_sim_ask(&hs, GET_HELLO);
    slow = http_sim_ask(&hs, GET_HELLO);
    sim_forget(idle);
    sim_forget(slow);
    sim_advance(hs.loop, 2900);
    http_sim_assert_open(idle);
    sim_send_text(slow, "G"); /* from here on a head's time runs */
    sim_advance(hs.loop, 200);
    assert_true(sim_is_shut(idle));
    assert_string_equal(sim_received(idle), "");
    http_sim_assert_open(slow);
    sim_advance(hs.loop, 900);
    http_sim_assert_status(slow, 408);
}

static void test_http_conn_body_limit(void **state)
{
    struct sim_peer *peer;

    peer = http_sim_ask(&hs, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n");
    for (int i = 0; i < 4; i++) {
        sim_advance(hs.loop, 480);
        sim_send_text(peer, "x");
        sim_run(hs.loop);
        assert_string_equal(sim_received(peer), "");
    }
    sim_advance(hs.loop, 200);
    http_sim_assert_status(peer, 408);
    assert_true(sim_is_shut(peer));
    assert_int_equal(atomic_load(&hs.loop->counters.requests_late), 1);
}

static void test_http_conn_send_limit(void **state)
{
    struct sim_peer *peer;

    peer = sim_connect(hs.loop);
    peer->window = 10;
    sim_send_text(peer, GET_HELLO);
    sim_advance(hs.loop, 4900);
    assert_int_equal(sim_received_len(peer), 10);
    sim_advance(hs.loop, 200);
    assert_true(sim_is_closed(peer));
}

/* The time limit of a body ends with the body. */
static void test_http_conn_answer_outlives_the_body_limit(void **state)
{
    struct sim_peer *peer;

    peer = sim_connect(hs.loop);
    peer->window = 10;
    sim_send_text(peer, "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                        "Content-Length: 3\r\n\r\n");
    sim_run(hs.loop);
    sim_send_text(peer, "abc");
    sim_advance(hs.loop, 4000);
    assert_int_equal(sim_received_len(peer), 10);
    peer->window = SIZE_MAX;
    sim_run(hs.loop);
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_body(peer), "abc");
}

/* ---- pipelines ---- */

static void test_http_conn_pipeline(void **state)
{
    struct sim_peer *peer = NULL;

    peer = http_sim_ask(&hs, GET_HELLO "GET /none HTTP/1.1\r\nHost: a\r\n\r\n" GET_HELLO);
    assert_int_equal(http_sim_count(peer, "HTTP/1.1 "), 3);
    assert_true(strstr(sim_received(peer), "404") > strstr(sim_received(peer), "200"));
    /* Nothing after one that closes is answered. */
    peer =
        http_sim_ask(&hs, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET_HELLO);
    assert_int_equal(http_sim_count(peer, "HTTP/1.1 "), 1);
}

static void test_http_conn_server_name(void **state)
{
    struct yd_http_options options = {.server_name = "yodel/1"};
    struct failmem each;
    struct yd_http http;

    options.limits = hs.http.options.limits;
    hs.http.options.server_name = "yodel/1";
    assert_string_equal(http_sim_header(http_sim_ask(&hs, GET_HELLO), "Server"), "yodel/1");
    hs.http.options.server_name = NULL;
    FAILMEM_LOOP(&each)
    {
        int rc = yd_http_init(&http, &each.mem, NULL, &options, &hs);

        assert_int_equal(rc, failmem_has_failed(&each) ? -ENOMEM : 0);
        if (rc == 0)
            assert_ptr_equal(yd_http_server(&http), &hs);
        yd_http_done(&http);
    }
    options.server_name = "a\r\nb";
    assert_int_equal(yd_http_init(&http, &yd_mem_default, NULL, &options, NULL), -EINVAL);
}

/* A client that asks on and on but reads nothing. */
static void test_http_conn_pipeline_is_bounded(void **state)
{
    enum { NUM = 300 };
    struct sim_peer *peer;

    big_size = 10000;
    peer = sim_connect(hs.loop);
    peer->window = 0;
    for (int i = 0; i < NUM; i++)
        sim_send_text(peer, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_run(hs.loop);
    assert_true(yd_conn_buffered((struct yd_conn *)peer->stream) < 64 * 1024 + 20000);
    peer->window = SIZE_MAX;
    sim_run(hs.loop);
    assert_int_equal(http_sim_count(peer, "HTTP/1.1 200 OK"), NUM);
    http_sim_assert_open(peer);
}

static void test_http_conn_half_close(void **state)
{
    struct sim_peer *peer;

    peer = sim_connect(hs.loop);
    sim_send_text(peer, GET_HELLO GET_HELLO);
    sim_end(peer);
    sim_run(hs.loop);
    assert_int_equal(http_sim_count(peer, "\r\n\r\nhello\n"), 2);
    assert_true(sim_is_closed(peer));
    peer = sim_connect(hs.loop);
    sim_send_text(peer, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n012");
    sim_end(peer);
    sim_run(hs.loop);
    assert_string_equal(sim_received(peer), "");
    assert_true(sim_is_closed(peer));
}

/* ---- the server's side ---- */

static void test_http_conn_over_limit(void **state)
{
    struct sim_peer *first, *second, *third;

    failmem_init(&fm, 0);
    assert_int_equal(http_sim_start(&hs, &fm.mem, 1), 0);
    assert_int_equal(set_up_routes(), 0);
    first = http_sim_ask(&hs, GET_HELLO);
    http_sim_assert_status(first, 200);
    second = http_sim_ask(&hs, GET_HELLO);
    http_sim_assert_status(second, 503);
    assert_non_null(strstr(hs.log, "most allowed"));
    assert_string_equal(http_sim_header(second, "Retry-After"), "1");
    assert_string_equal(http_sim_header(second, "Connection"), "close");
    assert_true(sim_is_shut(second));
    sim_advance(hs.loop, 200);
    assert_true(sim_is_closed(second));
    sim_end(first);
    sim_run(hs.loop);
    third = http_sim_ask(&hs, GET_HELLO);
    http_sim_assert_status(third, 200);
}

/* Each request has its answer, or an apology, in order; or the connection ends there. */
static void expect_answers(struct sim_peer *peer)
{
    static const struct {
        int status;
        const char *body;
    } expected[] = {{200, "hello\n"}, {200, "abc"}, {405, NULL}, {500, NULL}, {200, "hello\n"}};
    struct http_sim_answer answer;

    for (size_t i = 0; i < YD_LEN(expected) && http_sim_next(peer, &answer); i++) {
        bool is_right = answer.status == expected[i].status &&
                        (expected[i].body == NULL || strcmp(answer.body, expected[i].body) == 0);

        failmem_assert_whole(&fm, answer.status >= 500 && !is_right ? -ENOMEM : 0, is_right, true);
    }
    assert_int_equal(sim_received_len(peer), 0);
}

static void use_without_memory(void)
{
    struct sim_peer *peer;
    int rc = set_up_routes();

    failmem_assert_whole(&fm, rc, true, true);
    if (rc < 0)
        return;
    peer = sim_connect(hs.loop);
    peer->chop = 9;
    sim_send_text(peer,
                  GET_HELLO "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n0\r\n\r\n"
                            "DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n"
                            "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" GET_HELLO);
    sim_run(hs.loop);
    sim_advance(hs.loop, 20000);
    assert_true(sim_is_closed(peer));
    expect_answers(peer);
}

static void test_http_conn_without_memory(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        int rc;

        rc = http_sim_start(&hs, &fm.mem, 0);
        if (rc < 0) {
            assert_int_equal(rc, -ENOMEM);
            continue;
        }
        use_without_memory();
        http_sim_stop(&hs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_http_conn_answers),
        FIXTURE_TEST(test_http_conn_byte_by_byte),
        FIXTURE_TEST(test_http_conn_keep_alive),
        FIXTURE_TEST(test_http_conn_errors),
        FIXTURE_TEST(test_http_conn_soft_errors),
        FIXTURE_TEST(test_http_conn_warns_once_a_second),
        FIXTURE_TEST(test_http_conn_oversized_heads),
        FIXTURE_TEST(test_http_conn_expect_continue),
        FIXTURE_TEST(test_http_conn_body_limits),
        FIXTURE_TEST(test_http_conn_header_limit),
        FIXTURE_TEST(test_http_conn_keep_limit),
        FIXTURE_TEST(test_http_conn_body_limit),
        FIXTURE_TEST(test_http_conn_send_limit),
        FIXTURE_TEST(test_http_conn_answer_outlives_the_body_limit),
        FIXTURE_TEST(test_http_conn_pipeline),
        FIXTURE_TEST(test_http_conn_server_name),
        FIXTURE_TEST(test_http_conn_pipeline_is_bounded),
        FIXTURE_TEST(test_http_conn_half_close),
        TEARDOWN_TEST(test_http_conn_over_limit),
        cmocka_unit_test(test_http_conn_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
