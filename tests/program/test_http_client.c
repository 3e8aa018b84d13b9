/* SPDX-License-Identifier: MIT */
#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/reply_headers.h"
#include "http_world.h"

#define LONG_MS 30000

static const struct yg_http_client_options plain = {.in_flight = 64, .max_body = 100000};

static int forget(void **state)
{
    memset(&world, 0, sizeof(world));
    return 0;
}

static void is_in(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("%s is not in %s", part, text);
}

static void is_not_in(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("%s is in %s", part, text);
}

/* A number of the answer of /echo. */
static long number_of(unsigned n, const char *name)
{
    char quoted[32];
    const char *at;

    snprintf(quoted, sizeof(quoted), "\"%s\": ", name);
    at = strstr(world.got[n].body, quoted);
    return at == NULL ? -1 : strtol(at + strlen(quoted), NULL, 10);
}

/* ---- one request ---- */

static void post_echoes(void)
{
    CHECK(world_post(0, world_url("/echo?a=b"), YODEL_STR("{\"events\":[]}"), LONG_MS) == 0);
    CHECK(world_post(1, world_unix_url("/echo?c=d"), YODEL_STR(""), LONG_MS) == 0);
    CHECK(yg_http_client_num_active(world.client) == 2);
}

static void test_http_client_posts(void **state)
{
    world.expected = 2;
    world_run(&plain, post_echoes);
    for (unsigned n = 0; n < 2; n++) {
        const char *body = world.got[n].body;

        assert_int_equal(world.got[n].result, 0);
        assert_int_equal(world.got[n].status, 200);
        assert_true(world.got[n].is_json);
        is_in(body, "\"method\": \"POST\"");
        is_in(body, "\"path\": \"/echo\"");
        is_in(body, "\"webhook-id\": \"msg_1\"");
        is_in(body, "\"x-empty\": \"\"");
        is_in(body, "\"x-set\": \"two words\"");
        is_in(body, "\"content-type\": \"application/json\"");
        is_in(body, "\"user-agent\": \"yodel/");
        is_not_in(body, "expect");
        is_not_in(body, "encoding");
    }
    is_in(world.got[0].body, "\"a\": \"b\"");
    is_in(world.got[0].body, "\"body\": \"{\\\"events\\\":[]}\"");
    is_in(world.got[1].body, "\"c\": \"d\"");
    is_in(world.got[1].body, "\"length\": 0");
    is_in(world.got[1].body, "\"host\": \"localhost\"");
}

/* On one handle. */
static void get_next(unsigned n)
{
    world.is_get = n % 2 == 0;
    if (n < 4)
        CHECK(world_post(n + 1, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void post_first_of_five(void)
{
    CHECK(world_post(0, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_gets(void **state)
{
    struct yg_http_client_options options = plain;

    options.in_flight = 1;
    world.expected = 5;
    world.on_reply = get_next;
    world_run(&options, post_first_of_five);
    for (unsigned n = 0; n < 5; n++) {
        const char *body = world.got[n].body;

        assert_int_equal(world.got[n].status, 200);
        assert_string_equal(world.got[n].type, "application/json");
        is_in(body, n % 2 == 1 ? "\"method\": \"GET\"" : "\"method\": \"POST\"");
        is_in(body, n % 2 == 1 ? "\"body\": \"\"" : "\"body\": \"{}\"");
        if (n % 2 == 1) {
            is_not_in(body, "content-type");
            is_not_in(body, "content-length");
        }
    }
    assert_int_equal(number_of(4, "served"), 5);
}

static void post_wrong(void)
{
    static const char *const urls[] = {
        "",           "ftp://127.0.0.1/", "file:///etc/passwd", "http://",   "http:///a",
        "https:///a", "http://a b/",      "http://a/\r\nX: y",  "unix:a:/b", "unix:/a"};
    static const char *const headers[] = {"no colon", ": no name", "a: b\r\nc: d", "a b: c"};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        CHECK(world_post(0, urls[i], YODEL_STR("{}"), LONG_MS) == -EINVAL);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        const char *const list[] = {headers[i], NULL};
        const struct yg_http_request request = {.url = world_url("/echo"), .headers = list};

        CHECK(yg_http_client_send(world.client, &request, NULL, NULL, NULL) == -EINVAL);
    }
    CHECK(yg_http_client_num_active(world.client) == 0);
    yg_http_call_cancel(NULL);
    yodel_server_stop(world.server, 0);
}

static void test_http_client_refuses_wrong_requests(void **state)
{
    world_run(&plain, post_wrong);
    yg_http_client_free(NULL);
}

/* ---- what comes back ---- */

static const struct asked {
    const char *path;
    uint32_t timeout_ms; /* 0: long */
    int result;
    unsigned status;
    const char *body; /* NULL: any */
} asked[] = {
    {"/status/204", 0, 0, 204, ""},
    {"/status/500?body=oops", 0, 0, 500, "oops"},
    {"/status/302?location=/echo", 0, 0, 302, ""},
    {"/status/307?location=http://127.0.0.1:1/", 0, 0, 307, ""},
    {"/status/401", 0, 0, 401, ""},
    {"/chunked", 0, 0, 200, "in pieces"},
    {"/informs", 0, 0, 200, "{\"informed\": true}"},
    {"/until_close", 0, 0, 200, "to the end"},
    {"/early", 0, 0, 200, "{}"},
    {"/large/100000", 0, 0, 200, NULL},
    {"/wait/0.05", 0, 0, 200, "{}"},
    {"/large/100001", 0, -E2BIG, 200, ""},
    {"/large/100001?chunked=1", 0, -E2BIG, 200, ""},
    {"/status/503?fill=100001", 0, -E2BIG, 503, ""},
    {"/endless", 0, -E2BIG, 200, ""},
    {"/continues", 0, -E2BIG, 0, ""},
    {"/long_head", 0, -E2BIG, 0, ""},
    {"/half", 0, -EIO, 0, ""},
    {"/half_head", 0, -EIO, 0, ""},
    {"/half_chunked", 0, -EIO, 0, ""},
    {"/informs_only", 0, -EIO, 0, ""},
    {"/drop", 0, -EIO, 0, ""},
    {"/reset", 0, -EIO, 0, ""},
    {"/garbage", 0, -EIO, 0, ""},
    {"/hang", 300, -ETIMEDOUT, 0, ""},
    {"/trickle", 300, -ETIMEDOUT, 0, ""},
    {"/trickle_head", 300, -ETIMEDOUT, 0, ""},
};

#define NUM_ASKED (sizeof(asked) / sizeof(asked[0]))

static void post_asked(void)
{
    for (unsigned n = 0; n < NUM_ASKED; n++) {
        const uint32_t timeout_ms = asked[n].timeout_ms > 0 ? asked[n].timeout_ms : LONG_MS;

        CHECK(world_post(2 * n, world_url(asked[n].path), YODEL_STR("{}"), timeout_ms) == 0);
        CHECK(world_post(2 * n + 1, world_unix_url(asked[n].path), YODEL_STR("{}"), timeout_ms) ==
              0);
    }
}

static void test_http_client_takes_what_comes(void **state)
{
    world.expected = 2 * NUM_ASKED;
    world_run(&plain, post_asked);
    for (unsigned n = 0; n < 2 * NUM_ASKED; n++) {
        const struct asked *expected = &asked[n / 2];
        const struct world_got *got = &world.got[n];

        if (got->result != expected->result || got->status != expected->status ||
            (expected->body != NULL && strcmp(got->body, expected->body) != 0))
            fail_msg("%s: %d (%s), %u, %s", expected->path, got->result, got->error, got->status,
                     got->body);
    }
}

static void post_headers(void)
{
    static const char *const paths[] = {
        "/status/429?retry_after=2",
        "/status/503?retry_after=100000",
        "/status/503?retry_after=Fri,%2031%20Dec%202100%2023:59:59%20GMT",
        "/status/200?cache_control=max-age=60",
        "/status/200?cache_control=max-age=60,%20no-store",
        "/status/200?type=application/problem%2Bjson;%20charset=utf-8",
        "/status/200?type=text/html",
        "/informs",
        "/status/503?fill=100001&type=text/html&retry_after=3",
    };

    for (unsigned n = 0; n < 9; n++)
        CHECK(world_post(n, world_url(paths[n]), YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_reads_headers(void **state)
{
    world.expected = 9;
    world_run(&plain, post_headers);
    assert_int_equal(world.got[0].retry_after_ms, 2000);
    assert_int_equal(world.got[1].retry_after_ms, 3600000);
    assert_int_equal(world.got[2].retry_after_ms, 3600000);
    assert_int_equal(world.got[3].max_age_s, 60);
    assert_int_equal(world.got[4].max_age_s, 0);
    assert_true(world.got[5].is_json);
    assert_false(world.got[6].is_json);
    assert_true(world.got[7].is_json);
    assert_int_equal(world.got[7].retry_after_ms, 0);    /* that of the 103 was another's */
    assert_int_equal(world.got[8].retry_after_ms, 3000); /* its body alone is too large */
    assert_string_equal(world.got[8].type, "text/html");
}

static void post_to_nobody(void)
{
    CHECK(world_post(0, world_refused_url("/"), YODEL_STR("{}"), LONG_MS) == 0);
    CHECK(world_post(1, "unix:/nowhere/at/all.sock:/", YODEL_STR("{}"), LONG_MS) == 0);
    CHECK(world_post(2, "http://name.invalid/", YODEL_STR("{}"), 200) == 0);
    CHECK(world_post(3, "http://[::1", YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_tells_that_nobody_is_there(void **state)
{
    world.expected = 4;
    world_run(&plain, post_to_nobody);
    assert_int_equal(world.got[0].result, -ECONNREFUSED);
    assert_int_equal(world.got[1].result, -ECONNREFUSED);
    if (world.got[2].result != -ETIMEDOUT) /* the resolver may be slow */
        assert_int_equal(world.got[2].result, -EIO);
    assert_int_equal(world.got[3].result, -EIO);
}

/* Sockets that never connect are closed in the middle of it: their numbers are taken again. */
static void post_after_connecting(unsigned n)
{
    if (n == 0)
        for (unsigned i = 20; i < 30; i++)
            yg_http_call_cancel(world.got[i].call);
    if (n < 10)
        CHECK(world_post(n + 10, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void post_connecting(void)
{
    for (unsigned n = 0; n < 10; n++)
        CHECK(world_post(n, world_full_url("/"), YODEL_STR("{}"), 100) == 0);
    for (unsigned n = 20; n < 30; n++)
        CHECK(world_post(n, world_full_url("/"), YODEL_STR("{}"), LONG_MS) == 0);
    for (unsigned n = 30; n < 40; n++)
        CHECK(world_post(n, world_named_url("localhost", "/wait/0.1"), YODEL_STR("{}"), LONG_MS) ==
              0);
}

static void test_http_client_gives_up_connecting(void **state)
{
    world.expected = 30;
    world.on_reply = post_after_connecting;
    world_run(&plain, post_connecting);
    for (unsigned n = 0; n < 40; n++)
        assert_int_equal(world.got[n].result, n < 10 ? -ETIMEDOUT : n < 20 || n >= 30 ? 0 : 1);
}

/* ---- TLS ---- */

static void post_by_tls(void)
{
    CHECK(world_post(0, world_tls_url("127.0.0.1", "/echo"), YODEL_STR("{}"), LONG_MS) == 0);
    CHECK(world_post(1, world_tls_url("localhost", "/echo"), YODEL_STR("{}"), LONG_MS) == 0);
    CHECK(world_post(2, world_tls_url("127.0.0.1", "/half"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_checks_certificates(void **state)
{
    struct yg_http_client_options options = plain;

    world.expected = 3;
    world_run(&options, post_by_tls); /* by the system's */
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(world.got[n].result, -EIO);
        is_in(world.got[n].error, "certificate");
    }
    forget(state);
    world.expected = 3;
    options.ca = world_cert();
    world_run(&options, post_by_tls);
    assert_int_equal(world.got[0].result, 0);
    for (unsigned n = 1; n < 3; n++)
        assert_int_equal(world.got[n].result, -EIO);
}

static void test_http_client_shares_authorities(void **state)
{
    struct yg_http_client_options options = plain;

    options.tls = SSL_CTX_new(TLS_client_method());
    assert_non_null(options.tls);
    assert_int_equal(SSL_CTX_load_verify_file(options.tls, world_cert()), 1);
    world.expected = 3;
    world_run(&options, post_by_tls);
    assert_int_equal(world.got[0].result, 0);
    for (unsigned n = 1; n < 3; n++)
        assert_int_equal(world.got[n].result, -EIO);
    forget(state);
    world.expected = 3;
    options.is_insecure = true;
    world_run(&options, post_by_tls);
    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(world.got[n].result, n < 2 ? 0 : -EIO);
    SSL_CTX_free(options.tls);
}

/* ---- names that are known ---- */

static void post_to_a_name(void)
{
    CHECK(world_post(0, world_named_url("nowhere.invalid", "/echo"), YODEL_STR("{}"), LONG_MS) ==
          0);
}

static void test_http_client_is_told_addresses(void **state)
{
    struct yg_http_client_options options = plain;
    struct curl_slist *list;
    char text[64];

    snprintf(text, sizeof(text), "nowhere.invalid:%s:127.0.0.1",
             strrchr(world_named_url("", ""), ':') + 1);
    options.addresses = list = curl_slist_append(NULL, text);
    world.expected = 1;
    world_run(&options, post_to_a_name);
    assert_int_equal(world.got[0].status, 200);
    is_in(world.got[0].body, "\"host\": \"nowhere.invalid:");
    curl_slist_free_all(list);
}

/* ---- connections that are kept ---- */

/* A script: each is posted when the one before it was answered. */
static const char *const *script;
static yodel_str script_body;
static bool script_has_tls;

static void post_script(unsigned n)
{
    const char *url = script_has_tls ? world_tls_url("127.0.0.1", script[n]) : world_url(script[n]);

    CHECK(world_post(n, url, script_body, LONG_MS) == 0);
}

static void post_next(unsigned n)
{
    if (script[n + 1] != NULL)
        post_script(n + 1);
}

static void post_first(void)
{
    post_script(0);
}

static void run_script(const char *const *paths, yodel_str body)
{
    struct yg_http_client_options options = plain;

    options.ca = world_cert();
    forget(NULL);
    script = paths;
    script_body = body;
    world.on_reply = post_next;
    for (world.expected = 0; paths[world.expected] != NULL;)
        world.expected++;
    world_run(&options, post_first);
    for (unsigned n = 0; n < world.expected; n++)
        assert_int_equal(world.got[n].result, 0);
}

static void test_http_client_keeps_connections(void **state)
{
    static const char *const paths[] = {"/echo",        "/status/500", "/echo",
                                        "/large/90000", "/echo",       NULL};

    for (unsigned i = 0; i < 2; i++) {
        script_has_tls = i == 1;
        run_script(paths, YODEL_STR("{}"));
        assert_int_equal(number_of(4, "connection"), number_of(0, "connection"));
        assert_int_equal(number_of(4, "served"), 5);
    }
}

/* To two servers in turn: the one's connection makes room for the other's. */
static void post_in_turn(unsigned n)
{
    if (n < 3)
        CHECK(world_post(n + 1, n % 2 == 0 ? world_unix_url("/echo") : world_url("/echo"),
                         YODEL_STR("{}"), LONG_MS) == 0);
}

static void post_first_in_turn(void)
{
    CHECK(world_post(0, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_bounds_connections(void **state)
{
    struct yg_http_client_options options = plain;

    for (options.in_flight = 1; options.in_flight <= 2; options.in_flight++) {
        forget(state);
        world.expected = 4;
        world.on_reply = post_in_turn;
        world_run(&options, post_first_in_turn);
        for (unsigned n = 0; n < 4; n++)
            assert_int_equal(number_of(n, "served"), options.in_flight == 1 ? 1 : 1 + n / 2);
    }
}

static void test_http_client_sends_anew_on_another_connection(void **state)
{
    static const char *const paths[] = {"/echo", "/stale",  "/echo", "/stale?reset=1",
                                        "/echo", "/closes", "/echo", NULL};
    const size_t large = 3000000;
    char *body = malloc(large);

    memset(body, 'b', large);
    for (unsigned i = 0; i < 4; i++) {
        const yodel_str sent = i % 2 == 0 ? YODEL_STR("{}") : (yodel_str){body, large};

        script_has_tls = i >= 2;
        run_script(paths, sent);
        for (unsigned n = 2; n <= 6; n += 2) {
            assert_int_equal(number_of(n, "served"), 1);
            assert_int_equal(number_of(n, "length"), sent.len);
        }
    }
    free(body);
}

/* ---- many ---- */

static void post_many(void)
{
    for (unsigned n = 0; n < 100; n++)
        CHECK(world_post(n, world_url("/gate/4"), YODEL_STR("{}"), LONG_MS) == 0);
    CHECK(world_post(100, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
    CHECK(yg_http_client_num_active(world.client) == 101);
}

static void test_http_client_waits_for_connections(void **state)
{
    static const struct yg_http_client_options four = {.in_flight = 4, .max_body = 1000};

    world.expected = 101;
    world_run(&four, post_many);
    for (unsigned n = 0; n <= 100; n++)
        assert_int_equal(world.got[n].result, 0);
    assert_true(number_of(100, "served") >= 25);
}

static void post_behind_one_that_hangs(void)
{
    CHECK(world_post(0, world_url("/hang"), YODEL_STR("{}"), 400) == 0);
    CHECK(world_post(1, world_url("/echo"), YODEL_STR("{}"), 100) == 0);
    CHECK(world_post(2, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_times_out_those_that_wait(void **state)
{
    static const struct yg_http_client_options one = {.in_flight = 0, .max_body = 1000};

    world.expected = 3;
    world_run(&one, post_behind_one_that_hangs);
    assert_int_equal(world.got[0].result, -ETIMEDOUT);
    assert_int_equal(world.got[1].result, -ETIMEDOUT);
    assert_int_equal(world.got[2].result, 0);
}

/* ---- cancels ---- */

static void cancel(unsigned n)
{
    yg_http_call_cancel(world.got[n].call);
    world.got[n].call = NULL;
}

/* At the first reply all others go: some wait, some run, some have their answer. */
static void cancel_others(unsigned n)
{
    for (unsigned i = 0; i < 20; i++)
        cancel(i);
    CHECK(yg_http_client_num_active(world.client) == 0);
    world.on_reply = NULL;
    CHECK(world_post(20, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void post_twenty(void)
{
    for (unsigned n = 0; n < 20; n++)
        CHECK(world_post(n, world_url(n % 3 == 2 ? "/hang" : "/echo"), YODEL_STR("{}"), LONG_MS) ==
              0);
}

static void test_http_client_cancels_in_a_reply(void **state)
{
    static const struct yg_http_client_options ten = {.in_flight = 10, .max_body = 1000};

    world.expected = 2;
    world.on_reply = cancel_others;
    world_run(&ten, post_twenty);
    assert_int_equal(world.num_replies, 2);
    assert_int_equal(world.got[20].result, 0);
}

static void post_and_cancel(void)
{
    post_twenty();
    for (unsigned n = 0; n < 20; n++)
        cancel(n);
    CHECK(yg_http_client_num_active(world.client) == 0);
    CHECK(world_post(20, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_cancels_at_once(void **state)
{
    static const struct yg_http_client_options ten = {.in_flight = 10, .max_body = 1000};

    world.expected = 1;
    world_run(&ten, post_and_cancel);
    assert_int_equal(world.got[20].result, 0);
}

static void free_client(unsigned n)
{
    yg_http_client_free(world.client);
    world.client = NULL;
    yodel_server_stop(world.server, 0);
}

static void test_http_client_is_freed_in_a_reply(void **state)
{
    static const struct yg_http_client_options ten = {.in_flight = 10, .max_body = 1000};

    world.on_reply = free_client;
    world_run(&ten, post_twenty);
    assert_int_equal(world.num_replies, 1);
}

static void post_hang(void)
{
    CHECK(world_post(0, world_url("/hang"), YODEL_STR("{}"), 50) == 0);
}

static void test_http_client_is_freed_in_a_time_out(void **state)
{
    world.on_reply = free_client;
    world_run(&plain, post_hang);
    assert_int_equal(world.got[0].result, -ETIMEDOUT);
}

static void post_and_stop(void)
{
    post_twenty();
    yodel_server_stop(world.server, 0);
}

static void test_http_client_ends_with_its_loop(void **state)
{
    world_run(&plain, post_and_stop);
    assert_int_equal(world.num_replies, 0);
}

/* ---- all at once ---- */

#define CHURN_CALLS 1500
#define CHURN_SLOTS 40

static const char *const churn_paths[] = {"/echo",         "/stale",   "/stale?reset=1", "/closes",
                                          "/drop",         "/reset",   "/half",          "/hang",
                                          "/large/200000", "/chunked", "/early",         "/endless",
                                          "/early_close",  "/garbage", "/status/302",    "/trickle",
                                          "/wait/0.01",    "/echo",    "/long_head"};

static unsigned churn_seed, churn_posted, churn_cancelled;

static unsigned chance(unsigned num)
{
    churn_seed = churn_seed * 1103515245 + 12345;
    return (churn_seed >> 16) % num;
}

static const char *churn_url(void)
{
    const char *path = churn_paths[chance(sizeof(churn_paths) / sizeof(churn_paths[0]))];

    switch (chance(12)) {
    case 0:
        return world_refused_url(path);
    case 1:
        return world_full_url(path);
    case 2:
        return world_named_url("localhost", path);
    case 3:
        return world_tls_url("127.0.0.1", path);
    case 4:
    case 5:
        return world_unix_url(path);
    default:
        return world_url(path);
    }
}

static void churn(unsigned n)
{
    static const char body[300000];

    if (chance(3) == 0) {
        const unsigned i = chance(CHURN_SLOTS);

        churn_cancelled += world.got[i].call != NULL;
        yg_http_call_cancel(world.got[i].call);
        world.got[i].call = NULL;
    }
    for (unsigned i = 0; i < CHURN_SLOTS && churn_posted < CHURN_CALLS; i++) {
        const yodel_str sent = {body, chance(4) == 0 ? sizeof(body) : chance(1000)};

        if (world.got[i].call != NULL)
            continue;
        churn_posted++;
        CHECK(world_post(i, churn_url(), sent, 1 + chance(100)) == 0);
    }
    if (yg_http_client_num_active(world.client) == 0)
        yodel_server_stop(world.server, 0);
}

static void begin_churn(void)
{
    churn(0);
}

static void test_http_client_survives_all_at_once(void **state)
{
    struct yg_http_client_options options = {.in_flight = 8, .max_body = 100000};

    options.ca = world_cert();
    churn_seed = 1;
    churn_posted = churn_cancelled = 0;
    world.on_reply = churn;
    world_run(&options, begin_churn);
    assert_int_equal(churn_posted, CHURN_CALLS);
    assert_int_equal(world.num_replies + churn_cancelled, CHURN_CALLS);
}

/* ---- headers of answers ---- */

static void test_http_client_json_types(void **state)
{
    static const char *const json[] = {"application/json", "Application/JSON; charset=utf-8",
                                       "application/problem+json", "a/b+Json;x",
                                       "application/json,"};
    static const char *const others[] = {"",
                                         "text/json",
                                         "application/jsonp",
                                         "+json",
                                         "/x+json",
                                         "a/+json",
                                         "application/json2",
                                         "x",
                                         "text/plain; a=application/json"};

    for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++)
        assert_true(yg_is_json_type(json[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(yg_is_json_type(others[i]));
}

static void test_http_client_retry_after(void **state)
{
    const int64_t now = 1700000000; /* Tue, 14 Nov 2023 22:13:20 GMT */

    assert_int_equal(yg_retry_after_ms("0", now), 0);
    assert_int_equal(yg_retry_after_ms("120", now), 120000);
    assert_int_equal(yg_retry_after_ms("3601", now), 3600000);
    assert_int_equal(yg_retry_after_ms("99999999999999999999", now), 3600000);
    assert_int_equal(yg_retry_after_ms("Tue, 14 Nov 2023 22:13:30 GMT", now), 10000);
    assert_int_equal(yg_retry_after_ms("Tuesday, 14-Nov-23 22:13:30 GMT", now), 10000);
    assert_int_equal(yg_retry_after_ms("Tue Nov 14 22:13:30 2023", now), 10000);
    assert_int_equal(yg_retry_after_ms("Tue, 14 Nov 2023 22:13:10 GMT", now), 0);
    assert_int_equal(yg_retry_after_ms("Tue, 14 Nov 2025 22:13:10 GMT", now), 3600000);
    assert_int_equal(yg_retry_after_ms("-5", now), 0);
    assert_int_equal(yg_retry_after_ms("1.5", now), 0);
    assert_int_equal(yg_retry_after_ms("20301231", now), 3600000); /* seconds, not a date */
    assert_int_equal(yg_retry_after_ms("soon", now), 0);
    assert_int_equal(yg_retry_after_ms("", now), 0);
}

static uint32_t age_of(const char *first, const char *second)
{
    struct yg_cache_control control = {0};

    yg_cache_control_add(&control, first);
    yg_cache_control_add(&control, second);
    return yg_cache_control_age_s(&control);
}

static void test_http_client_cache_control(void **state)
{
    assert_int_equal(age_of("max-age=60", ""), 60);
    assert_int_equal(age_of("public , Max-Age=\"60\" ,x=y", ""), 60);
    assert_int_equal(age_of("max-age=60", "max-age=30"), 30);
    assert_int_equal(age_of("max-age=60", "no-store"), 0);
    assert_int_equal(age_of("max-age=60, private", ""), 0);
    assert_int_equal(age_of("max-age=60, no-cache=\"a, b\"", ""), 0);
    assert_int_equal(age_of("max-age=60, x=\"private, \\\" no-store\"", ""), 60);
    assert_int_equal(age_of("max-age=-1", ""), 0);
    assert_int_equal(age_of("max-age=", ""), 0);
    assert_int_equal(age_of("max-age", "max-age=60"), 0);
    assert_int_equal(age_of("s-maxage=60", ""), 0);
    assert_int_equal(age_of("max-age=99999999999", ""), INT32_MAX);
    assert_int_equal(age_of("\"", "\"\\"), 0);
    assert_int_equal(age_of(",,,", "="), 0);
}

#define RUN(test) cmocka_unit_test_setup(test, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(test_http_client_posts),
        RUN(test_http_client_gets),
        RUN(test_http_client_refuses_wrong_requests),
        RUN(test_http_client_takes_what_comes),
        RUN(test_http_client_reads_headers),
        RUN(test_http_client_tells_that_nobody_is_there),
        RUN(test_http_client_gives_up_connecting),
        RUN(test_http_client_checks_certificates),
        RUN(test_http_client_shares_authorities),
        RUN(test_http_client_is_told_addresses),
        RUN(test_http_client_keeps_connections),
        RUN(test_http_client_bounds_connections),
        RUN(test_http_client_sends_anew_on_another_connection),
        RUN(test_http_client_waits_for_connections),
        RUN(test_http_client_times_out_those_that_wait),
        RUN(test_http_client_cancels_in_a_reply),
        RUN(test_http_client_cancels_at_once),
        RUN(test_http_client_is_freed_in_a_reply),
        RUN(test_http_client_is_freed_in_a_time_out),
        RUN(test_http_client_ends_with_its_loop),
        RUN(test_http_client_survives_all_at_once),
        RUN(test_http_client_json_types),
        RUN(test_http_client_retry_after),
        RUN(test_http_client_cache_control),
    };

    if (!world_can_run())
        return 77;
    return cmocka_run_group_tests(tests, world_open, world_close);
}
