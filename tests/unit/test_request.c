/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "http_sim.h"

#include <cmocka.h>
#include <jansson.h>
#include <yodel/json.h>

/* Runs check inside a handler of every path and method. */
typedef void(check_fn)(yodel_request *req);

static int runs;

static void on_request(yodel_request *req, void *user)
{
    check_fn *const *check = user;

    runs++;
    (*check)(req);
}

static struct failmem fm;
static struct http_sim hs;

static int teardown(void **state)
{
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

/* Answers a request with check; the peer it leaves shows what was sent. */
static struct sim_peer *ask(check_fn **check, const char *request)
{
    struct sim_peer *peer;

    runs = 0;
    failmem_init(&fm, 0);
    assert_int_equal(http_sim_start(&hs, &fm.mem, 0), 0);
    assert_int_equal(yd_http_route(&hs.http, "/", on_request, (void *)check), 0);
    assert_int_equal(yd_http_route(&hs.http, "/u/{name}/{rest...}", on_request, (void *)check), 0);
    peer = http_sim_ask(&hs, request);
    assert_int_equal(runs, 1);
    return peer;
}

static void run(check_fn *check, const char *request)
{
    (void)ask(&check, request);
    http_sim_stop(&hs);
}

static void assert_str(yodel_str text, const char *expected)
{
    if (expected == NULL) {
        assert_null(text.ptr);
        return;
    }
    assert_non_null(text.ptr);
    if (!yodel_str_eq(text, yodel_str_of(expected)))
        fail_msg("\"%" YODEL_PRI "\" is not \"%s\"", YODEL_ARG(text), expected);
}

static void note_header(yodel_str name, yodel_str value, void *user)
{
    char *list = user;

    sprintf(list + strlen(list), "%" YODEL_PRI "=%" YODEL_PRI ";", YODEL_ARG(name),
            YODEL_ARG(value));
}

static void check_parts(yodel_request *req)
{
    yodel_peer_credentials peer = {.size = sizeof peer};
    char list[200] = "";

    assert_str(yodel_request_method(req), "PUT");
    assert_str(yodel_request_path(req), "/u/b%20b/c/d%2f");
    assert_str(yodel_request_query(req), "q=1&a+b=%41+%zz&q=2&e=&f");
    assert_str(yodel_request_param(req, "name"), "b b");
    assert_str(yodel_request_param(req, "rest"), "c/d/");
    assert_str(yodel_request_param(req, "none"), NULL);
    assert_str(yodel_request_query_param(req, "q"), "2");
    assert_str(yodel_request_query_param(req, "a b"), "A %zz");
    assert_str(yodel_request_query_param(req, "e"), "");
    assert_str(yodel_request_query_param(req, "f"), "");
    assert_str(yodel_request_query_param(req, "none"), NULL);
    /* what is asked for again is there already */
    assert_ptr_equal(yodel_request_query_param(req, "a b").ptr,
                     yodel_request_query_param(req, "a b").ptr);
    assert_ptr_equal(yodel_request_query_param(req, "q").ptr,
                     yodel_request_query_param(req, "q").ptr);
    assert_str(yodel_request_header(req, "x-one"), "1");
    assert_str(yodel_request_header(req, "X-Empty"), "");
    assert_str(yodel_request_header(req, "X-None"), NULL);
    assert_str(yodel_request_header_at(req, "x-one", 0), "1");
    assert_str(yodel_request_header_at(req, "X-One", 1), "2");
    assert_str(yodel_request_header_at(req, "X-One", 2), NULL);
    assert_str(yodel_request_header_at(req, "X-One", SIZE_MAX), NULL);
    yodel_request_each_header(req, note_header, list);
    assert_string_equal(list, "Host=h:80;X-One=1;X-One=2;X-Empty=;Content-Length=4;");
    assert_str(yodel_request_host(req), "h:80");
    assert_str(yodel_request_peer(req), "unix");
    assert_int_equal(yodel_request_peer_credentials(req, &peer), 0);
    assert_int_equal(peer.uid, getuid());
    assert_int_equal(peer.gid, getgid());
    assert_int_equal(peer.pid, getpid());
    peer.size = 1;
    assert_int_equal(yodel_request_peer_credentials(req, &peer), -EINVAL);
    assert_int_equal(yodel_request_peer_credentials(NULL, &peer), -EINVAL);
    assert_int_equal(yodel_request_peer_credentials(req, NULL), -EINVAL);
    assert_int_equal(yodel_request_is_tls(req), 0);
    assert_int_equal(yodel_request_http_minor(req), 1);
    assert_int_equal(yodel_request_body(req).len, 4);
    assert_memory_equal(yodel_request_body(req).ptr, "body", 4);
    assert_ptr_equal(yd_request_http(req)->server, yd_http_server(yd_request_http(req)));
    assert_ptr_equal(yd_request_head(req)->path.ptr, yodel_request_path(req).ptr);
    assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("")), 0);
}

static void test_request_parts(void **state)
{
    run(check_parts, "PUT /u/b%20b/c/d%2f?q=1&a+b=%41+%zz&q=2&e=&f HTTP/1.1\r\nHost: h:80\r\n"
                     "X-One:  1 \r\nX-One: 2\r\nX-Empty:\r\nContent-Length: 4\r\n\r\nbody");
}

static void check_nothing_there(yodel_request *req)
{
    assert_str(yodel_request_query(req), NULL);
    assert_str(yodel_request_query_param(req, "a"), NULL);
    assert_str(yodel_request_cookie(req, "a"), NULL);
    assert_str(yodel_request_host(req), "other.example:81");
    assert_int_equal(yodel_request_body(req).len, 0);
    assert_int_equal(yodel_request_unpack(req, "{}"), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("")), 0);
}

static void test_request_without_parts(void **state)
{
    run(check_nothing_there, "GET http://other.example:81 HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void check_cookies(yodel_request *req)
{
    assert_str(yodel_request_cookie(req, "a"), "1");
    assert_str(yodel_request_cookie(req, "b"), "\"x=y\"");
    assert_str(yodel_request_cookie(req, "c"), "");
    assert_str(yodel_request_cookie(req, "d"), NULL);
    assert_str(yodel_request_cookie(req, "e"), "5");
    assert_str(yodel_request_cookie(req, "A"), NULL);
    assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("")), 0);
}

static void test_request_cookies(void **state)
{
    run(check_cookies, "GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1; b=\"x=y\" ;c=;d; ;=7; a=2\r\n"
                       "Cookie: e=5\r\n\r\n");
}

/* ---- answers ---- */

static void check_bad_answers(yodel_request *req)
{
    static const yodel_header bad[] = {
        {"X", "a\r\nSet-Cookie: b"},
        {"X", "a\nb"},
        {"X\r\n", "a"},
        {"X:", "a"},
        {"", "a"},
        {"X", NULL},
        {NULL, "a"},
        {"Content-Length", "5"},
        {"transfer-encoding", "x"},
        {"X", "a\x7f"},
        {"Connection", "upgrade"},
    };
    static const int statuses[] = {1, 99, 100, 101, 199, 600, -1};

    for (size_t i = 0; i < YD_LEN(bad); i++) {
        assert_int_equal(
            yodel_request_respond(
                req, YODEL_OPTIONS(yodel_response, .headers = &bad[i], .num_headers = 1)),
            -EINVAL);
        assert_int_equal(yd_request_fail(req, 404, NULL, &bad[i], 1), -EINVAL);
    }
    for (size_t i = 0; i < YD_LEN(statuses); i++)
        assert_int_equal(
            yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = statuses[i])),
            -EINVAL);
    assert_int_equal(yodel_request_reply_text(req, 200, "text/html\r\n", YODEL_STR("")), -EINVAL);
    assert_int_equal(yodel_request_reply(req, 200, NULL, (yodel_bytes){NULL, 1}), -EINVAL);
    assert_int_equal(yodel_request_respond(req, NULL), -EINVAL);
    assert_int_equal(yodel_request_respond(req, &(yodel_response){.size = 3}), -EINVAL);
    assert_int_equal(yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .num_headers = 1)),
                     -EINVAL);
    assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("")), 0);
    assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("")), YODEL_ERR_STATE);
    assert_null(yodel_request_defer(req));
}

static void test_request_bad_answers(void **state)
{
    run(check_bad_answers, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

static void check_headers(yodel_request *req)
{
    static const yodel_header headers[] = {{"X-A", "1"},          {"Date", "today"},
                                           {"Server", "me"},      {"Set-Cookie", "a=b"},
                                           {"Set-Cookie", "c=d"}, {"Connection", "close"}};

    assert_int_equal(
        yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = 201, .headers = headers,
                                                 .num_headers = YD_LEN(headers))),
        0);
}

static void test_request_headers(void **state)
{
    check_fn *check = check_headers;
    struct sim_peer *peer = ask(&check, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");

    assert_string_equal(sim_received(peer), "HTTP/1.1 201 Created\r\nX-A: 1\r\nDate: today\r\n"
                                            "Server: me\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"
                                            "Content-Length: 0\r\nConnection: close\r\n\r\n");
    assert_true(sim_is_shut(peer));
}

static const yodel_header links[] = {{"Link", "</a.css>; rel=preload"}, {"link", "</b>"}};

static void check_hints(yodel_request *req)
{
    static const yodel_header bad[] = {{"Content-Length", "1"}};

    assert_int_equal(yodel_request_early_hints(req, bad, 1), -EINVAL);
    assert_int_equal(yodel_request_early_hints(req, NULL, 1), -EINVAL);
    assert_int_equal(yodel_request_early_hints(req, links, YD_LEN(links)), 0);
    assert_int_equal(yodel_request_early_hints(req, links + 1, 1), 0);
    assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("")), 0);
    assert_int_equal(yodel_request_early_hints(req, links, 1), YODEL_ERR_STATE);
}

static void test_request_early_hints(void **state)
{
    static const char hints[] = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n"
                                "link: </b>\r\n\r\n"
                                "HTTP/1.1 103 Early Hints\r\nlink: </b>\r\n\r\nHTTP/1.1 200 OK";
    check_fn *check = check_hints;
    struct sim_peer *peer = ask(&check, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");

    assert_memory_equal(sim_received(peer), hints, sizeof hints - 1);
    http_sim_assert_open(peer);
}

static void check_old(yodel_request *req)
{
    assert_int_equal(yodel_request_http_minor(req), 0);
    check_hints(req);
}

/* RFC 9110 15.2: no 1xx for HTTP/1.0. */
static void test_request_early_hints_of_http_1_0(void **state)
{
    check_fn *check = check_old;

    http_sim_assert_status(ask(&check, "GET / HTTP/1.0\r\n\r\n"), 200);
}

static void check_long_head(yodel_request *req)
{
    static char value[3000];
    const yodel_header header = {"X-Long", value};

    memset(value, 'v', sizeof value - 1);
    (void)yodel_request_respond(
        req, YODEL_OPTIONS(yodel_response, .headers = &header, .num_headers = 1));
}

static void test_request_long_head(void **state)
{
    check_fn *check = check_long_head;
    struct sim_peer *peer = ask(&check, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");

    assert_int_equal(strcspn(strstr(sim_received(peer), "vvv"), "\r"), 2999);
}

static int empty_status;

static void check_empty(yodel_request *req)
{
    assert_int_equal(yodel_request_reply_text(req, empty_status, NULL, YODEL_STR("body")), 0);
}

static void test_request_statuses_without_body(void **state)
{
    static const struct {
        int status;
        const char *length;
    } cases[] = {{204, ""}, {205, "0"}, {304, ""}};
    check_fn *check = check_empty;

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        struct sim_peer *peer;

        empty_status = cases[i].status;
        peer = ask(&check, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        http_sim_assert_status(peer, cases[i].status);
        assert_string_equal(http_sim_header(peer, "Content-Length"), cases[i].length);
        assert_string_equal(http_sim_body(peer), "");
        http_sim_stop(&hs);
    }
}

/* ---- JSON ---- */

static void check_json(yodel_request *req)
{
    const char *text = NULL;
    int number = 0;

    assert_int_equal(yodel_request_unpack(req, "{s:i}", "text", &number), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_request_unpack(req, "{s:s}", "text", &text), 0);
    assert_int_equal(yodel_request_unpack(req, "{s:i}", "n", &number), 0);
    assert_string_equal(text, "caf\xc3\xa9");
    assert_int_equal(number, 5);
    assert_int_equal(yodel_request_reply_pack(req, 200, "{s:", "a"), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_request_reply_pack(req, 700, "{}"), -EINVAL);
    assert_int_equal(yodel_request_reply_pack(req, 201, "{s:s,s:[i,n]}", "text", text, "l", 7), 0);
}

static void test_request_json(void **state)
{
    check_fn *check = check_json;
    struct sim_peer *peer = ask(&check, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30"
                                        "\r\n\r\n{\"text\":\"caf\\u00e9\", \"n\":  5 }");

    http_sim_assert_status(peer, 201);
    assert_string_equal(http_sim_header(peer, "Content-Type"), "application/json");
    assert_string_equal(http_sim_body(peer), "{\"text\":\"caf\xc3\xa9\",\"l\":[7,null]}");
}

static void check_bad_json(yodel_request *req)
{
    const char *text;

    assert_int_equal(yodel_request_unpack(req, "s", &text), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_request_reply_pack(req, 400, "s", "no"), 0);
}

static void test_request_bad_json(void **state)
{
    static const char *const bodies[] = {"{\"a\":1", "\"\xff\"", "nul", "{} x", "[[[[["};

    for (size_t i = 0; i < YD_LEN(bodies); i++) {
        char request[200];

        (void)snprintf(request, sizeof request,
                       "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
                       strlen(bodies[i]), bodies[i]);
        run(check_bad_json, request);
    }
}

static void check_nul(yodel_request *req)
{
    const char *text;
    double number;
    size_t len;

    assert_int_equal(yodel_request_unpack(req, "{s:s%}", "s", &text, &len), 0);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 3);
    assert_int_equal(yodel_request_unpack(req, "{s:f}", "n", &number), 0);
    assert_true(number == 12345678901234567890.0);
    assert_int_equal(yodel_request_reply(req, 200, NULL, (yodel_bytes){NULL, 0}), 0);
}

static void test_request_json_with_nul_and_big_numbers(void **state)
{
    run(check_nul, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 41\r\n\r\n"
                   "{\"s\":\"a\\u0000b\",\"n\":12345678901234567890}");
}

/* ---- memory ---- */

static int unpacked, replied;

static void unpack_and_reply(yodel_request *req, void *user)
{
    const char *text = NULL;
    int number = 0;

    unpacked = yodel_request_unpack(req, "{s:s, s:i}", "a", &text, "n", &number);
    if (unpacked == 0) {
        assert_string_equal(text, "x\ny");
        assert_int_equal(number, 7);
    }
    replied = yodel_request_reply_pack(req, 200, "{s:i, s:[s, n]}", "number", 7, "list",
                                       "some text that is long enough for a second block");
}

static int read_rc, echo_rc;

/* The body back, read and written as a document. */
static void echo_json(yodel_request *req, void *user)
{
    const json_t *json = NULL, *same = NULL;
    json_t *bad = json_stringn_nocheck("\xff", 1);

    read_rc = yodel_request_json(req, &json);
    echo_rc = 1;
    if (read_rc == 0) {
        assert_int_equal(yodel_request_json(req, &same), 0);
        assert_ptr_equal(json, same);
        assert_int_equal(yodel_request_reply_json(req, 200, NULL), -EINVAL);
        if (!failmem_has_failed(&fm) && fm.fail_at == 0)
            assert_int_equal(yodel_request_reply_json(req, 200, bad), YODEL_ERR_FORMAT);
        echo_rc = yodel_request_reply_json(req, 201, json);
    } else {
        assert_null(json);
    }
    json_decref(bad);
}

static void test_request_json_documents(void **state)
{
    static const struct {
        const char *body, *answer; /* NULL: it is not JSON */
    } cases[] = {
        {"[1,{\"a\":null}]", "[1,{\"a\":null}]"},
        {" \"x\" ", "\"x\""},
        {"12345678901234567890", "12345678901234567000.0"},
        {"{", NULL},
        {"", NULL},
    };

    failmem_init(&fm, 0);
    assert_int_equal(http_sim_start(&hs, &fm.mem, 0), 0);
    assert_int_equal(yd_http_route(&hs.http, "/json", echo_json, NULL), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char request[200];
        struct sim_peer *peer;

        (void)snprintf(request, sizeof request,
                       "POST /json HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n%s",
                       strlen(cases[i].body), cases[i].body);
        peer = http_sim_ask(&hs, request);
        assert_int_equal(read_rc, cases[i].answer != NULL ? 0 : YODEL_ERR_FORMAT);
        http_sim_assert_status(peer, cases[i].answer != NULL ? 201 : 500);
        if (cases[i].answer != NULL) {
            assert_string_equal(http_sim_header(peer, "Content-Type"), "application/json");
            assert_string_equal(http_sim_body(peer), cases[i].answer);
        }
    }
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
}

static void test_request_json_documents_without_memory(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        struct sim_peer *peer;

        read_rc = echo_rc = 1;
        if (http_sim_start(&hs, &fm.mem, 0) < 0)
            continue;
        if (yd_http_route(&hs.http, "/", echo_json, NULL) == 0) {
            failmem_serve_jansson(&fm);
            peer = http_sim_ask(&hs, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"
                                     "[\"x\", 12]");
            failmem_serve_jansson(NULL);
            assert_true(read_rc >= 0 || read_rc == -ENOMEM);
            if (echo_rc == 0)
                assert_string_equal(http_sim_body(peer), "[\"x\",12]");
            assert_true(failmem_has_failed(&fm) || echo_rc == 0);
        }
        http_sim_stop(&hs);
    }
}

static void test_request_json_without_memory(void **state)
{

    FAILMEM_LOOP(&fm)
    {
        struct sim_peer *peer;

        unpacked = replied = 1;
        if (http_sim_start(&hs, &fm.mem, 0) < 0)
            continue;
        if (yd_http_route(&hs.http, "/", unpack_and_reply, NULL) == 0) {
            failmem_serve_jansson(&fm);
            peer = http_sim_ask(&hs, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 18\r\n\r\n"
                                     "{\"a\":\"x\\ny\",\"n\":7}");
            failmem_serve_jansson(NULL);
            assert_true(unpacked >= 0 || unpacked == -ENOMEM);
            assert_true(replied >= 0 || replied == -ENOMEM);
            if (replied == 0)
                assert_string_equal(http_sim_body(peer),
                                    "{\"number\":7,\"list\":[\"some text that is "
                                    "long enough for a second block\",null]}");
            assert_true(failmem_has_failed(&fm) || (unpacked == 0 && replied == 0));
        }
        http_sim_stop(&hs);
    }
}

static void reply_json(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_pack(req, 200, "{s:s}", "a", "b");
}

static int hinted;

static void use_all(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_param(req, "name");
    (void)yodel_request_query_param(req, "q");
    (void)yodel_request_unpack(req, "{}");
    hinted = yodel_request_early_hints(req, links, YD_LEN(links));
    check_long_head(req);
}

static void test_request_without_memory(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        struct sim_peer *peer;

        if (http_sim_start(&hs, &fm.mem, 0) < 0)
            continue;
        if (yd_http_route(&hs.http, "/{name}", use_all, NULL) == 0 &&
            yd_http_route(&hs.http, "/json", reply_json, NULL) == 0) {
            (void)http_sim_ask(&hs, "GET /json HTTP/1.1\r\nHost: h\r\n\r\n");
            peer = http_sim_ask(&hs, "POST /a%41?q=%41 HTTP/1.1\r\nHost: h\r\nContent-Length: 2"
                                     "\r\n\r\n{}");
            assert_true(hinted == 0 || hinted == -ENOMEM);
            if (!failmem_has_failed(&fm))
                http_sim_assert_status(peer, 103);
        }
        http_sim_stop(&hs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_parts),
        cmocka_unit_test(test_request_without_parts),
        cmocka_unit_test(test_request_cookies),
        cmocka_unit_test(test_request_bad_answers),
        TEARDOWN_TEST(test_request_headers),
        TEARDOWN_TEST(test_request_early_hints),
        TEARDOWN_TEST(test_request_early_hints_of_http_1_0),
        TEARDOWN_TEST(test_request_long_head),
        cmocka_unit_test(test_request_statuses_without_body),
        TEARDOWN_TEST(test_request_json),
        cmocka_unit_test(test_request_bad_json),
        cmocka_unit_test(test_request_json_with_nul_and_big_numbers),
        cmocka_unit_test(test_request_json_documents),
        cmocka_unit_test(test_request_json_documents_without_memory),
        cmocka_unit_test(test_request_json_without_memory),
        cmocka_unit_test(test_request_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
