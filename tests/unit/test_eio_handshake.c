/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "eio_ask.h"
#include "failmem.h"

/* ---- handshake ---- */

static void test_eio_opens_a_session(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = eio_sim_get(sim, 0, "&t=abc");
    char expected[200];
    size_t all, polling;

    eio_sim_expect_told(sim, "open;");
    (void)snprintf(expected, sizeof expected,
                   "0{\"sid\":\"%s\",\"upgrades\":[\"websocket\"],\"pingInterval\":1000,"
                   "\"pingTimeout\":500,\"maxPayload\":2000}",
                   sim->id);
    assert_string_equal(http_sim_header(peer, "Content-Type"), "text/plain; charset=UTF-8");
    assert_string_equal(http_sim_header(peer, "Cache-Control"), "no-store");
    assert_string_equal(http_sim_header(peer, "Set-Cookie"), "");
    assert_string_equal(http_sim_header(peer, "X-XSS-Protection"), "");
    eio_sim_expect(peer, 200, expected);
    assert_int_equal(strspn(sim->id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-_"),
                     20);
    yd_eio_count(sim->eio, &all, &polling);
    assert_int_equal(all, 1);
    assert_int_equal(polling, 1);
    assert_int_equal(yd_eio_transport(sim->session), YD_EIO_POLLING);
    assert_ptr_equal(yd_eio_loop(sim->session), sim->base.loops[0]);
}

static void test_eio_takes_the_path_for_a_prefix(void **state)
{
    struct eio_sim *sim = *state;

    http_sim_assert_status(ask_for(sim, "GET", "what/ever?EIO=4&transport=polling", ""), 200);
    http_sim_assert_status(send_request(sim, "GET /e?EIO=4&transport=polling HTTP/1.1\r\n"
                                             "Host: a\r\n\r\n"),
                           404);
}

static void test_eio_keeps_the_handshake(void **state)
{
    struct eio_sim *sim = *state;
    const struct yd_eio_handshake *handshake;
    struct yd_http_field field;
    const char *next = NULL;

    (void)ask_for(sim, "GET", "?EIO=4&transport=polling&x=1", "X-One: two\r\norigin:\r\n");
    handshake = yd_eio_handshake(sim->session);
    assert_true(yodel_str_eq(yd_eio_handshake_url(handshake),
                             YODEL_STR("/e/?EIO=4&transport=polling&x=1")));
    assert_true(
        yodel_str_eq(yd_eio_handshake_query(handshake), YODEL_STR("EIO=4&transport=polling&x=1")));
    assert_true(yd_eio_handshake_next(handshake, &next, &field));
    assert_true(yodel_str_eq(field.name, YODEL_STR("Host")));
    assert_true(yodel_str_eq(field.value, YODEL_STR("a")));
    assert_true(yd_eio_handshake_next(handshake, &next, &field));
    assert_true(yodel_str_eq(field.name, YODEL_STR("X-One")));
    assert_true(yodel_str_eq(field.value, YODEL_STR("two")));
    assert_true(yd_eio_handshake_next(handshake, &next, &field));
    assert_true(yodel_str_eq(field.name, YODEL_STR("origin")));
    assert_true(yodel_str_eq(field.value, YODEL_STR("")));
    assert_false(yd_eio_handshake_next(handshake, &next, &field));
    assert_true(handshake->xdomain);
    assert_false(handshake->secure);
    assert_true(yd_eio_handshake_address(handshake).len > 0);
    assert_true(handshake->issued_ms > 0);
    yd_eio_forget_handshake(sim->session);
    handshake = yd_eio_handshake(sim->session);
    next = NULL;
    assert_false(yd_eio_handshake_next(handshake, &next, &field));
    assert_int_equal(yd_eio_handshake_url(handshake).len, 0);
    assert_int_equal(yd_eio_handshake_query(handshake).len, 0);
    assert_int_equal(yd_eio_handshake_address(handshake).len, 0);
}

static void test_eio_answers_errors_in_order(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer;

    eio_sim_expect_error(ask_for(sim, "GET", "", ""), 0);
    eio_sim_expect_error(ask_for(sim, "GET", "?EIO=4&transport=tobi", ""), 0);
    eio_sim_expect_error(ask_for(sim, "GET", "?EIO=4&transport=__proto__", ""), 0);
    eio_sim_expect_error(ask_for(sim, "GET", "?EIO=4&transport=constructor", ""), 0);
    eio_sim_expect_error(ask_for(sim, "GET", "?EIO=4&transport=webtransport", ""), 0);
    eio_sim_expect_error(eio_sim_get(sim, 0, "&sid=nope"), 1);
    eio_sim_expect_error(eio_sim_get(sim, 0, "&sid=AAAAAAAAAAAAAAAAAAAA"), 1);
    eio_sim_expect_error(eio_sim_get(sim, 0, "&sid=AAAAAAAAAAAAAAAA____"), 1);
    eio_sim_expect_error(eio_sim_get(sim, 0, "&sid=%00%01%02%03%04%05%06%07AAAAAAAA%20*=="), 1);
    eio_sim_expect_error(eio_sim_post(sim, 0, "", "4x"), 2);
    eio_sim_expect_error(ask_for(sim, "OPTIONS", "?EIO=4&transport=polling", ""), 2);
    peer = ask_for(sim, "HEAD", "?EIO=4&transport=polling", "");
    eio_sim_expect(peer, 400, "");
    eio_sim_expect_error(ask_for(sim, "GET", "?EIO=4&transport=websocket", ""), 3);
    eio_sim_expect_error(ask_for(sim, "GET", "?transport=polling", ""), 5);
    eio_sim_expect_error(ask_for(sim, "GET", "?EIO=3&transport=polling", ""), 5);
    eio_sim_expect_error(ask_for(sim, "GET", "?EIO=44&transport=polling", ""), 5);
    eio_sim_expect_error(ask_for(sim, "GET", "?EIO=4&transport=polling&EIO=3", ""), 5);
    eio_sim_expect_told(sim, "");
    http_sim_assert_status(eio_sim_get(sim, 0, "&sid="), 200); /* none */
    eio_sim_expect_told(sim, "open;");
    eio_sim_expect_error(ask_for(sim, "GET", "?transport=polling", ""), 5);
}

static void test_eio_checks_requests_of_a_session(void **state)
{
    struct eio_sim *sim = *state;
    char query[100];

    eio_sim_open(sim, 0);
    (void)snprintf(query, sizeof query, "?EIO=3&transport=polling&sid=%s", sim->id);
    eio_sim_expect_error(ask_for(sim, "GET", query, ""), 3);
    (void)snprintf(query, sizeof query, "?EIO=4&transport=websocket&sid=%s", sim->id);
    eio_sim_expect_error(ask_for(sim, "GET", query, ""), 3);
    (void)snprintf(query, sizeof query, "?EIO=4&transport=polling&sid=%s", sim->id);
    eio_sim_expect(ask_for(sim, "PUT", query, ""), 500, "");
    eio_sim_expect(ask_for(sim, "PUT", query, "Content-Length: 2\r\n\r\nab"), 500, "");
    eio_sim_expect(ask_for(sim, "DELETE", query, ""), 500, "");
    eio_sim_expect_told(sim, "");
}

static void test_eio_turns_transports_off(void **state)
{
    struct yd_eio_options options;
    struct eio_sim *sim;

    eio_sim_options(&options);
    options.no_polling = true;
    sim = *state = start_with(&options);
    eio_sim_expect_error(eio_sim_get(sim, 0, ""), 0);
    teardown(state);
    eio_sim_options(&options);
    options.no_upgrades = true;
    sim = *state = start_with(&options);
    assert_non_null(strstr(http_sim_body(eio_sim_get(sim, 0, "")), "\"upgrades\":[],"));
}

static void test_eio_limits_sessions(void **state)
{
    struct yd_eio_options options;
    struct eio_sim *sim;

    eio_sim_options(&options);
    options.max_sessions = 1;
    sim = *state = start_with(&options);
    eio_sim_open(sim, 0);
    http_sim_assert_status(eio_sim_get(sim, 0, ""), 503);
    http_sim_assert_status(eio_sim_upgrade(sim, 0, ""), 503);
    assert_int_equal(yd_eio_num_refused(sim->eio), 2);
    eio_sim_advance(sim, 1500);
    eio_sim_expect_told(sim, "close:ping timeout;");
    assert_int_equal(atomic_load(&sim->base.loops[0]->counters.pings_unanswered), 1);
    eio_sim_open(sim, 0);
}

static void test_eio_lets_the_layer_above_refuse(void **state)
{
    struct eio_sim *sim = *state;
    size_t all, polling;

    sim->refuse_open = true;
    http_sim_assert_status(eio_sim_get(sim, 0, ""), 503);
    sim->close_at_open = true;
    http_sim_assert_status(eio_sim_get(sim, 0, ""), 503);
    yd_eio_count(sim->eio, &all, &polling);
    assert_int_equal(all, 0);
    assert_int_equal(polling, 0);
    sim->refuse_open = false;
    http_sim_assert_status(eio_sim_get(sim, 0, ""), 200);
    eio_sim_expect_told(sim, "open;close:forced close;");
    eio_sim_expect(eio_sim_poll(sim), 200,
                   "6\x1e"
                   "1");
    expect_gone(sim);
}

/* ---- cookies, origins, headers, hooks ---- */

static void test_eio_sets_a_cookie(void **state)
{
    yodel_sio_cookie_options plain = {.size = sizeof plain};
    yodel_sio_cookie_options full = {.size = sizeof full,
                                     .name = "sess",
                                     .path = "/custom",
                                     .domain = "a.example",
                                     .same_site = "Strict",
                                     .max_age_s = 86400,
                                     .secure = 1,
                                     .script_may_read = 1};
    yodel_sio_cookie_options bad = {.size = sizeof bad, .path = "/\r\nX: y"};
    struct yd_eio_options options;
    char expected[200];
    struct eio_sim *sim, broken;
    struct sim_peer *peer;

    eio_sim_options(&options);
    options.cookie = &plain;
    sim = start_with(&options);
    peer = eio_sim_get(sim, 0, "");
    (void)snprintf(expected, sizeof expected, "io=%s; Path=/; HttpOnly; SameSite=Lax", sim->id);
    assert_string_equal(http_sim_header(peer, "Set-Cookie"), expected);
    assert_string_equal(http_sim_header(eio_sim_say(sim, "4a"), "Set-Cookie"), "");
    assert_string_equal(http_sim_header(eio_sim_upgrade(sim, 0, ""), "Set-Cookie"), "");
    stop(sim);
    options.cookie = &full;
    sim = start_with(&options);
    peer = eio_sim_get(sim, 0, "");
    (void)snprintf(expected, sizeof expected,
                   "sess=%s; Max-Age=86400; Domain=a.example; Path=/custom; Secure; "
                   "SameSite=Strict",
                   sim->id);
    assert_string_equal(http_sim_header(peer, "Set-Cookie"), expected);
    stop(sim);
    options.cookie = &bad;
    assert_int_equal(eio_sim_start(&broken, &yd_mem_default, 1, &options), -EINVAL);
}

static void test_eio_checks_origins(void **state)
{
    static const char *const origins[] = {"https://good.example", NULL};
    static const char *const bad[] = {"Origin: https://evil.example\r\n",
                                      "Origin: null\r\n",
                                      "",
                                      "Origin: https://good.example\r\nOrigin: https://x\r\n",
                                      "Origin: https://good.example.evil\r\n",
                                      "Referer: https://evil.example/\r\n",
                                      "Sec-Fetch-Site: cross-site\r\n"};
    static const char *const good[] = {"Origin: https://good.example\r\n",
                                       "Sec-Fetch-Site: same-origin\r\n",
                                       "Referer: https://good.example/page\r\n"};
    struct yd_eio_options options;
    struct eio_sim *sim;

    eio_sim_options(&options);
    options.origins = origins;
    sim = *state = start_with(&options);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        eio_sim_expect_error(ask_for(sim, "GET", "?EIO=4&transport=polling", bad[i]), 4);
    eio_sim_expect(eio_sim_upgrade(sim, 0, ""), 403, "Forbidden");
    eio_sim_expect_told(sim, "");
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        http_sim_assert_status(ask_for(sim, "GET", "?EIO=4&transport=polling", good[i]), 200);
}

static void test_eio_says_cors(void **state)
{
    static const char *const origins[] = {"http://app.example", NULL};
    static const char origin[] = "Origin: http://app.example\r\n";
    yodel_cors_options cors = {
        .size = sizeof cors, .origins = origins, .credentials = 1, .max_age_s = 4000000000};
    struct yd_eio_options options;
    struct sim_peer *peer;
    struct eio_sim *sim;

    eio_sim_options(&options);
    options.cors = &cors;
    sim = *state = start_with(&options);
    peer = ask_for(sim, "GET", "?EIO=4&transport=polling", origin);
    assert_string_equal(http_sim_header(peer, "Access-Control-Allow-Origin"), "http://app.example");
    assert_string_equal(http_sim_header(peer, "Access-Control-Allow-Credentials"), "true");
    peer = ask_for(sim, "GET", "?EIO=4&transport=tobi", origin);
    assert_string_equal(http_sim_header(peer, "Access-Control-Allow-Origin"), "http://app.example");
    eio_sim_expect_error(peer, 0);
    peer = ask_for(sim, "OPTIONS", "?EIO=4&transport=polling",
                   "Origin: http://app.example\r\nAccess-Control-Request-Method: POST\r\n");
    assert_int_equal(http_sim_count(peer, "Access-Control-Max-Age: 4000000000\r\n"), 1);
    eio_sim_expect(peer, 204, "");
    peer = ask_for(sim, "OPTIONS", "?EIO=4&transport=polling", origin);
    assert_string_equal(http_sim_header(peer, "Access-Control-Allow-Methods"),
                        "GET,HEAD,PUT,PATCH,POST,DELETE");
    assert_string_equal(http_sim_header(peer, "Access-Control-Allow-Credentials"), "true");
    assert_int_equal(http_sim_count(peer, "Access-Control-Max-Age: 4000000000\r\n"), 1);
    eio_sim_expect(peer, 204, "");
}

static void add_first(const yodel_request *req, yodel_sio_add_header_fn *add, void *arg, void *user)
{
    (void)req;
    (void)user;
    add("X-First", "1", arg);
}

static void add_every(const yodel_request *req, yodel_sio_add_header_fn *add, void *arg, void *user)
{
    char value[] = "2";

    (void)req;
    (void)user;
    add("X-Every", value, arg);
    value[0] = 'x';
    add("X-Bad", "a\r\nb", arg);
    add("Content-Length", "7", arg);
    add("Connection", "close", arg);
}

static void test_eio_adds_headers(void **state)
{
    struct yd_eio_options options;
    struct sim_peer *peer;
    struct eio_sim *sim;

    eio_sim_options(&options);
    options.initial_headers = add_first;
    options.headers = add_every;
    sim = *state = start_with(&options);
    peer = eio_sim_get(sim, 0, "");
    assert_string_equal(http_sim_header(peer, "X-First"), "1");
    assert_string_equal(http_sim_header(peer, "X-Every"), "2");
    assert_string_equal(http_sim_header(peer, "X-Bad"), "");
    assert_string_equal(http_sim_header(peer, "Connection"), "");
    peer = eio_sim_say(sim, "4a");
    assert_string_equal(http_sim_header(peer, "X-First"), "");
    assert_string_equal(http_sim_header(peer, "X-Every"), "2");
    eio_sim_expect(peer, 200, "ok");
    peer = eio_sim_upgrade(sim, 0, "");
    assert_string_equal(http_sim_header(peer, "X-First"), "1");
    assert_string_equal(http_sim_header(peer, "X-Every"), "2");
}

struct hook {
    int result;
    yodel_decision *decision; /* of the last call */
    unsigned calls;
};

static int allow(yodel_request *req, void *user)
{
    struct hook *hook = user;

    hook->calls++;
    yodel_decision_unref(hook->decision);
    hook->decision = hook->result == YODEL_DEFER ? yodel_request_defer(req) : NULL;
    return hook->result;
}

static struct eio_sim *start_with_hook(struct hook *hook)
{
    struct yd_eio_options options;

    eio_sim_options(&options);
    options.allow_request = allow;
    options.hooks_user = hook;
    return start_with(&options);
}

static void test_eio_asks_the_hook(void **state)
{
    struct hook hook = {.result = 0};
    struct eio_sim *sim = *state = start_with_hook(&hook);

    http_sim_assert_status(eio_sim_get(sim, 0, ""), 200);
    eio_sim_expect_told(sim, "open;");
    http_sim_assert_status(eio_sim_say(sim, "4a"), 200); /* is not asked */
    eio_sim_expect_told(sim, "text:a;");
    assert_int_equal(hook.calls, 1);
    eio_sim_expect_error(ask_for(sim, "GET", "?EIO=4&transport=no", ""), 0);
    assert_int_equal(hook.calls, 1);
    eio_sim_expect_error(ask_for(sim, "GET", "?transport=polling", ""), 5);
    assert_int_equal(hook.calls, 2);
    hook.result = YODEL_ERR_CLOSED;
    eio_sim_expect_error(eio_sim_get(sim, 0, ""), 4);
    eio_sim_expect(eio_sim_upgrade(sim, 0, ""), 400, "Forbidden");
    hook.result = 401;
    eio_sim_expect(eio_sim_get(sim, 0, ""), 401, "{\"code\":4,\"message\":\"Forbidden\"}");
    eio_sim_expect(eio_sim_upgrade(sim, 0, ""), 401, "Forbidden");
    eio_sim_expect_told(sim, "");
}

static void test_eio_waits_for_a_decision(void **state)
{
    struct hook hook = {.result = YODEL_DEFER};
    struct eio_sim *sim = *state = start_with_hook(&hook);
    struct sim_peer *peer = eio_sim_get(sim, 0, "");
    yodel_decision *first = yodel_decision_ref(hook.decision);

    assert_int_equal(sim_received_len(peer), 0);
    assert_int_equal(yodel_decision_accept(first, YODEL_OPTIONS(yodel_ws_accept_options)), -EINVAL);
    assert_int_equal(yodel_decision_respond_text(first, 200, NULL, YODEL_STR("")), -EINVAL);
    assert_int_equal(yodel_decision_accept(first, NULL), 0);
    assert_int_equal(yodel_decision_accept(first, NULL), YODEL_ERR_STATE);
    eio_sim_run(sim);
    http_sim_assert_status(peer, 200);
    eio_sim_expect_told(sim, "open;");

    sim_forget(peer);
    sim_send_text(peer, "GET /e/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n");
    eio_sim_run(sim);
    assert_int_equal(yodel_decision_accept(first, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_decision_refuse(hook.decision, "not \"you\"", NULL), 0);
    eio_sim_run(sim);
    eio_sim_expect(peer, 403, "{\"code\":4,\"message\":\"not \\\"you\\\"\"}");

    peer = eio_sim_get(sim, 0, "");
    assert_int_equal(
        yodel_decision_reject(hook.decision, YODEL_OPTIONS(yodel_response, .status = 302)), 0);
    eio_sim_run(sim);
    http_sim_assert_status(peer, 302);
    peer = eio_sim_get(sim, 0, "");
    hook.decision = yodel_decision_unref(hook.decision);
    eio_sim_run(sim);
    eio_sim_expect_error(peer, 4);
    peer = eio_sim_get(sim, 0, "");
    eio_sim_advance(sim, 10000);
    eio_sim_expect_error(peer, 4);
    assert_int_equal(yodel_decision_accept(hook.decision, NULL), YODEL_ERR_CLOSED);
    peer = eio_sim_get(sim, 0, "");
    sim_end(peer); /* the client has no patience */
    eio_sim_run(sim);
    assert_int_equal(yodel_decision_accept(hook.decision, NULL), YODEL_ERR_CLOSED);
    yodel_decision_unref(hook.decision);
    yodel_decision_unref(first);
}

static void test_eio_decides_on_websockets(void **state)
{
    struct hook hook = {.result = YODEL_DEFER};
    struct eio_sim *sim = *state = start_with_hook(&hook);
    struct sim_peer *peer = eio_sim_upgrade(sim, 0, "");

    assert_int_equal(sim_received_len(peer), 0);
    assert_int_equal(yodel_decision_accept(hook.decision, NULL), 0);
    eio_sim_run(sim);
    http_sim_assert_status(peer, 101);
    eio_sim_expect_told(sim, "open;");
    ws_sim_text(peer, "4hi");
    eio_sim_run(sim);
    eio_sim_expect_told(sim, "text:hi;");
    peer = eio_sim_upgrade(sim, 0, "");
    assert_int_equal(yodel_decision_refuse(hook.decision, "no", NULL), 0);
    eio_sim_run(sim);
    eio_sim_expect(peer, 403, "no");
    peer = eio_sim_upgrade(sim, 0, "");
    eio_sim_advance(sim, 10000);
    eio_sim_expect(peer, 400, "Forbidden");
    yodel_decision_unref(hook.decision);
}

static bool serve(yodel_request *req, yodel_str rest, void *user)
{
    (void)user;
    if (!yodel_str_eq(rest, YODEL_STR("socket.io.js")))
        return false;
    return yodel_request_reply_text(req, 200, NULL, YODEL_STR("js")) == 0;
}

static void test_eio_offers_files(void **state)
{
    struct yd_eio_options options;
    struct eio_sim *sim;

    eio_sim_options(&options);
    options.serve = serve;
    sim = *state = start_with(&options);
    eio_sim_expect(ask_for(sim, "GET", "socket.io.js", ""), 200, "js");
    eio_sim_expect_error(ask_for(sim, "GET", "other.js", ""), 0);
    eio_sim_expect_error(ask_for(sim, "POST", "socket.io.js", ""), 0);
}

/* ---- failing memory ---- */

static void live_a_life(struct eio_sim *sim)
{
    struct sim_peer *poll;
    char body[500];

    sim->echo = true;
    (void)eio_sim_get(sim, 0, "");
    if (sim->session == NULL)
        return;
    poll = eio_sim_poll(sim);
    (void)eio_sim_say(sim, "4a\x1e"
                           "bYWJj");
    memset(body, 'b', sizeof body);
    body[0] = '4';
    body[450] = '\0';
    (void)eio_sim_say(sim, body);
    (void)eio_sim_get(sim, 0, eio_sim_sid(sim));
    (void)poll;
    eio_sim_advance(sim, 1000);
    (void)eio_sim_say(sim, "3");
    if (sim->session != NULL)
        yd_eio_close(sim->session, YD_EIO_FORCED_CLOSE);
    (void)eio_sim_poll(sim);
}

static void test_eio_survives_failing_allocations(void **state)
{
    yodel_sio_cookie_options cookie = {.size = sizeof cookie};
    static const char *const origins[] = {"*", NULL};
    yodel_cors_options cors = {.size = sizeof cors, .origins = origins, .methods = "GET"};
    struct yd_eio_options options;
    char whole[600], body[450] = "";

    eio_sim_options(&options);
    options.cookie = &cookie;
    options.cors = &cors;
    options.headers = add_every;
    memset(body, 'b', sizeof body - 1);
    (void)snprintf(whole, sizeof whole, "open;text:a;binary:616263;text:%s;close:forced close;",
                   body);
    live_without_memory(1, &options, live_a_life, whole);
}

static void test_eio_refuses_a_path_twice(void **state)
{
    struct eio_sim *sim = *state;
    struct yd_eio_options options;
    struct yd_eio *second;

    eio_sim_options(&options);
    assert_int_equal(yd_eio_new(&sim->base.http, &sim->base.ws, sim->base.loops, 1, &options, NULL,
                                NULL, &second),
                     YODEL_ERR_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_eio_opens_a_session),
        FIXTURE_TEST(test_eio_takes_the_path_for_a_prefix),
        FIXTURE_TEST(test_eio_keeps_the_handshake),
        FIXTURE_TEST(test_eio_answers_errors_in_order),
        FIXTURE_TEST(test_eio_checks_requests_of_a_session),
        TEARDOWN_TEST(test_eio_turns_transports_off),
        TEARDOWN_TEST(test_eio_limits_sessions),
        FIXTURE_TEST(test_eio_lets_the_layer_above_refuse),
        cmocka_unit_test(test_eio_sets_a_cookie),
        TEARDOWN_TEST(test_eio_checks_origins),
        TEARDOWN_TEST(test_eio_says_cors),
        TEARDOWN_TEST(test_eio_adds_headers),
        TEARDOWN_TEST(test_eio_asks_the_hook),
        TEARDOWN_TEST(test_eio_waits_for_a_decision),
        TEARDOWN_TEST(test_eio_decides_on_websockets),
        TEARDOWN_TEST(test_eio_offers_files),
        cmocka_unit_test(test_eio_survives_failing_allocations),
        FIXTURE_TEST(test_eio_refuses_a_path_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
