/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "http_sim.h"

#include <cmocka.h>

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
#define UPGRADE "Connection: Upgrade\r\nUpgrade: websocket\r\n"

/* ---- handlers ---- */

/* What a held request's holder has seen. */
struct holder {
    yodel_request *req;
    yodel_decision *decision;
    int held, gone, late;
    bool answers_late, takes_late;
};

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

static const struct yd_conn_events taken_events;

static void on_gone(yodel_request *req, void *user)
{
    struct holder *holder = user;

    holder->gone++;
    assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("")), YODEL_ERR_CLOSED);
}

static void on_late(yodel_request *req, void *user)
{
    struct holder *holder = user;

    holder->late++;
    if (holder->answers_late)
        assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("late")), 0);
    if (holder->takes_late)
        yd_conn_set_events(yd_request_take(req), &taken_events, NULL);
}

static const struct yd_hold hold = {.gone = on_gone, .late = on_late};

static void on_hold(yodel_request *req, void *user)
{
    struct holder *holder = user;

    holder->req = req;
    holder->held++;
    assert_int_equal(yd_request_hold(req, &hold, holder, 700), 0);
}

static void on_defer(yodel_request *req, void *user)
{
    struct holder *holder = user;

    yodel_decision_unref(holder->decision); /* of the request before, which is over */
    holder->req = req;
    holder->decision = yodel_request_defer(req);
}

/* ---- a protocol that takes a connection over ---- */

static size_t on_taken_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    (void)yd_conn_write(conn, "<", 1, data, len);
    return len;
}

static void on_taken_end(struct yd_conn *conn)
{
    yd_conn_close(conn);
}

static void on_taken_closed(struct yd_conn *conn, int error)
{
    (void)conn;
    (void)error;
}

static const struct yd_conn_events taken_events = {.on_data = on_taken_data,
                                                   .on_eof = on_taken_end,
                                                   .on_timeout = on_taken_end,
                                                   .on_drain = on_taken_end,
                                                   .on_stop = on_taken_end,
                                                   .on_closed = on_taken_closed};

static void on_take(yodel_request *req, void *user)
{
    struct yd_conn *conn = yd_request_take(req);

    (void)user;
    yd_conn_set_events(conn, &taken_events, NULL);
    assert_int_equal(yd_conn_write(conn, "HTTP/1.1 101 x\r\n\r\n", 18, NULL, 0), 0);
    assert_int_equal(yodel_request_reply_text(req, 200, NULL, YODEL_STR("")), YODEL_ERR_STATE);
}

static void on_reject(yodel_request *req, void *user)
{
    (void)user;
    (void)yd_request_fail(req, 403, "not you", NULL, 0);
}

/* ---- fixture ---- */

static struct failmem fm;
static struct http_sim hs;
static struct holder holder;

static int set_up_routes(void)
{
    static const struct {
        const char *pattern;
        yodel_http_fn *fn;
        void *user;
        bool upgrade;
    } routes[] = {
        {"GET /hello", on_hello, NULL, false},     {"POST /echo", on_echo, NULL, false},
        {"GET /nothing", on_nothing, NULL, false}, {"GET /hold", on_hold, &holder, false},
        {"GET /defer", on_defer, &holder, false},  {"/ws", on_take, NULL, true},
        {"/reject", on_reject, NULL, true},        {"/late", on_hold, &holder, true},
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof routes / sizeof *routes && rc == 0; i++)
        rc = routes[i].upgrade
                 ? yd_http_route_upgrade(&hs.http, routes[i].pattern, routes[i].fn, routes[i].user)
                 : yd_http_route(&hs.http, routes[i].pattern, routes[i].fn, routes[i].user);
    return rc;
}

static int setup(void **state)
{
    int rc;

    holder = (struct holder){.req = NULL};
    failmem_init(&fm, 0);
    rc = http_sim_start(&hs, &fm.mem, 0);
    return rc < 0 ? rc : set_up_routes();
}

static int teardown(void **state)
{
    holder.decision = yodel_decision_unref(holder.decision);
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

/* ---- held requests ---- */

static void test_http_hold_and_answer(void **state)
{
    struct sim_peer *peer;

    peer = http_sim_ask(&hs, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n" GET_HELLO);
    sim_send_text(peer, GET_HELLO);
    sim_run(hs.loop);
    assert_string_equal(sim_received(peer), "");
    assert_true(yodel_str_eq(yodel_request_path(holder.req), YODEL_STR("/hold")));
    assert_int_equal(yodel_request_reply_text(holder.req, 200, NULL, YODEL_STR("held")), 0);
    sim_run(hs.loop);
    assert_int_equal(http_sim_count(peer, "\r\n\r\nheldHTTP/1.1"), 1);
    assert_int_equal(http_sim_count(peer, "\r\n\r\nhello\n"), 2);
    sim_advance(hs.loop, 1000);
    http_sim_assert_open(peer);
    assert_int_equal(holder.gone + holder.late, 0);
}

static void test_http_hold_held_input_is_bounded(void **state)
{
    char filler[1000];
    struct sim_peer *peer;

    memset(filler, 'a', sizeof filler);
    peer = http_sim_ask(&hs, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 1000; i++)
        sim_send(peer, filler, sizeof filler);
    sim_run(hs.loop);
    assert_true(peer->input.len > 800000);
    assert_int_equal(yodel_request_reply_text(holder.req, 200, NULL, YODEL_STR("held")), 0);
    sim_run(hs.loop);
    assert_int_equal(http_sim_count(peer, "HTTP/1.1 501"), 1); /* of a method of many letters */
    assert_true(sim_is_shut(peer));
}

static void test_http_hold_gone(void **state)
{
    struct sim_peer *peer;

    peer = http_sim_ask(&hs, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_end(peer);
    sim_run(hs.loop);
    assert_int_equal(holder.gone, 1);
    assert_true(sim_is_closed(peer));
    peer = http_sim_ask(&hs, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_break(peer, -ECONNRESET);
    sim_run(hs.loop);
    assert_int_equal(holder.gone, 2);
    assert_true(sim_is_closed(peer));
    http_sim_ask(&hs, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_stop(&hs);
    assert_int_equal(holder.gone, 3);
    assert_int_equal(holder.late, 0);
}

static void test_http_hold_late(void **state)
{
    struct sim_peer *peer;

    peer = http_sim_ask(&hs, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_advance(hs.loop, 690);
    assert_int_equal(holder.late, 0);
    sim_advance(hs.loop, 20);
    assert_int_equal(holder.late, 1);
    http_sim_assert_status(peer, 503);
    http_sim_assert_open(peer);
    sim_forget(peer);
    holder.answers_late = true;
    sim_send_text(peer, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_advance(hs.loop, 710);
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_body(peer), "late");
    sim_forget(peer);
    holder.answers_late = false;
    holder.takes_late = true;
    sim_send_text(peer, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nmore");
    sim_advance(hs.loop, 710);
    assert_string_equal(sim_received(peer), "<more");
    assert_int_equal(holder.gone, 0);
}

/* ---- WebSocket routes ---- */

static void test_http_hold_take(void **state)
{
    struct sim_peer *peer;

    for (size_t chop = 0; chop < 3; chop++) {
        peer = sim_connect(hs.loop);
        peer->chop = chop;
        sim_send_text(peer, "GET /ws HTTP/1.1\r\nHost: a\r\n" UPGRADE "\r\nframes");
        sim_run(hs.loop);
        if (chop == 0)
            assert_string_equal(sim_received(peer), "HTTP/1.1 101 x\r\n\r\n<frames");
        else
            assert_int_equal(http_sim_count(peer, "<"), chop == 1 ? 6 : 3);
        sim_advance(hs.loop, 10000); /* no time limit of HTTP is left */
        http_sim_assert_open(peer);
    }
}

static void test_http_hold_upgrade_refused(void **state)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /reject HTTP/1.1\r\nHost: a\r\n" UPGRADE "\r\n", 403},
        {"GET /none HTTP/1.1\r\nHost: a\r\n" UPGRADE "\r\n", 404},
        {"GET /hello HTTP/1.1\r\nHost: a\r\n" UPGRADE "\r\n", 200},
        {"GET /nothing HTTP/1.1\r\nHost: a\r\n" UPGRADE "\r\n", 500},
    };
    struct sim_peer *peer;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        peer = sim_connect(hs.loop);
        sim_send_text(peer, cases[i].request);
        sim_send_text(peer, GET_HELLO);
        sim_run(hs.loop);
        http_sim_assert_status(peer, cases[i].status);
        assert_int_equal(http_sim_count(peer, "HTTP/1.1"), 1);
        assert_string_equal(http_sim_header(peer, "Connection"), "close");
        assert_true(sim_is_shut(peer));
    }
    /* Plain requests. */
    peer = http_sim_ask(&hs, "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(peer, 426);
    assert_string_equal(http_sim_header(peer, "Upgrade"), "websocket");
    assert_string_equal(http_sim_header(peer, "Connection"), "Upgrade");
    assert_string_equal(http_sim_header(peer, "Sec-WebSocket-Version"), "13");
    peer = http_sim_ask(&hs, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n");
    http_sim_assert_status(peer, 426);
    peer = http_sim_ask(&hs, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                             "Upgrade: h2c\r\n\r\n");
    http_sim_assert_status(peer, 426);
    peer = http_sim_ask(&hs, "GET /ws HTTP/1.0\r\n" UPGRADE "\r\n");
    http_sim_assert_status(peer, 426);
}

static void test_http_hold_upgrade_decided_later(void **state)
{
    static const char ask[] = "GET /late HTTP/1.1\r\nHost: a\r\n" UPGRADE "\r\nframes";
    struct sim_peer *peer;
    struct yd_conn *conn;

    peer = http_sim_ask(&hs, ask);
    conn = yd_request_take(holder.req);
    yd_conn_set_events(conn, &taken_events, NULL);
    sim_run(hs.loop);
    assert_string_equal(sim_received(peer), "<frames");
    sim_advance(hs.loop, 10000);
    http_sim_assert_open(peer);
    peer = http_sim_ask(&hs, ask);
    assert_int_equal(yd_request_fail(holder.req, 403, NULL, NULL, 0), 0);
    sim_run(hs.loop);
    http_sim_assert_status(peer, 403);
    assert_true(sim_is_shut(peer));
}

/* ---- ends ---- */

static void test_http_hold_stop(void **state)
{
    struct sim_peer *idle, *held, *begun, *fresh;

    idle = http_sim_ask(&hs, GET_HELLO);
    held = http_sim_ask(&hs, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n" GET_HELLO);
    begun = http_sim_ask(&hs, "GET /hel");
    fresh = sim_connect(hs.loop);
    yd_net_stop(&hs.net);
    sim_run(hs.loop);
    assert_true(sim_is_shut(idle));
    assert_true(sim_is_shut(fresh));
    http_sim_assert_open(held);
    http_sim_assert_open(begun);
    sim_send_text(begun, "lo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(yodel_request_reply_text(holder.req, 200, NULL, YODEL_STR("held")), 0);
    sim_run(hs.loop);
    assert_string_equal(http_sim_header(begun, "Connection"), "close");
    assert_string_equal(http_sim_body(begun), "hello\n");
    assert_string_equal(http_sim_header(held, "Connection"), "close");
    assert_string_equal(http_sim_body(held), "held");
    sim_advance(hs.loop, 200);
    assert_int_equal(hs.net.num_conns, 0);
}

/* A peer that is reset after each byte of what it sends. */
static void test_http_hold_resets(void **state)
{
    static const char input[] =
        GET_HELLO "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n01234"
                  "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET";

    for (size_t len = 0; len < sizeof input; len++) {
        struct sim_peer *peer = sim_connect(hs.loop);

        sim_send(peer, input, len);
        sim_turn(hs.loop);
        sim_break(peer, -ECONNRESET);
        sim_run(hs.loop);
        assert_true(sim_is_closed(peer));
    }
    assert_int_equal(hs.net.num_conns, 0);
    assert_int_equal(atomic_load(&hs.num_connections), 0);
}

/* Each request has its answer, or an apology, in order; or the connection ends there. */
static void expect_answers(struct sim_peer *peer)
{
    static const int expected[] = {200, 200, 405, 201};
    struct http_sim_answer answer;

    for (size_t i = 0; i < YD_LEN(expected) && http_sim_next(peer, &answer); i++)
        failmem_assert_whole(&fm, answer.status >= 500 ? -ENOMEM : 0, answer.status == expected[i],
                             true);
    assert_int_equal(holder.gone + holder.late, holder.held);
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
                            "GET /defer HTTP/1.1\r\nHost: a\r\n\r\n"
                            "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n" GET_HELLO);
    sim_run(hs.loop);
    (void)yodel_decision_respond(holder.decision, YODEL_OPTIONS(yodel_response, .status = 201));
    sim_advance(hs.loop, 20000);
    holder.decision = yodel_decision_unref(holder.decision);
    assert_true(sim_is_closed(peer));
    expect_answers(peer);
}

static void test_http_hold_without_memory(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        int rc;

        holder = (struct holder){.req = NULL};
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
        FIXTURE_TEST(test_http_hold_and_answer),
        FIXTURE_TEST(test_http_hold_held_input_is_bounded),
        FIXTURE_TEST(test_http_hold_gone),
        FIXTURE_TEST(test_http_hold_late),
        FIXTURE_TEST(test_http_hold_take),
        FIXTURE_TEST(test_http_hold_upgrade_refused),
        FIXTURE_TEST(test_http_hold_upgrade_decided_later),
        FIXTURE_TEST(test_http_hold_stop),
        FIXTURE_TEST(test_http_hold_resets),
        cmocka_unit_test(test_http_hold_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
