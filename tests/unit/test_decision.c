/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yodel/json.h>

#include "base/container.h"
#include "failmem.h"
#include "fixture.h"
#include "ws_sim.h"

/* Decisions on requests and handshakes: each ends once, whoever ends it. */

static struct failmem fm;
static struct ws_sim sim;

static struct {
    yodel_decision *decision; /* a reference; NULL: none was taken */
    yodel_request *req;
    yodel_ws *ws;
    int result; /* of on_connect */
    int gone, opens, closes;
    int (*inside)(yodel_decision *d); /* called in the handler */
    int (*in_gone)(yodel_decision *d);
    bool drop_inside, answer_inside, handle_nothing;
    int inside_result, in_gone_result;
    unsigned kept, released; /* references of the keeper */
} seen;

static void on_gone(yodel_decision *d, void *user)
{
    assert_ptr_equal(user, &seen);
    assert_ptr_equal(d, seen.decision);
    assert_int_equal(yodel_decision_is_open(d), 0);
    seen.gone++;
    if (seen.in_gone != NULL)
        seen.in_gone_result = seen.in_gone(d);
}

static void take(yodel_decision *d)
{
    seen.decision = d;
    if (d == NULL)
        return;
    assert_int_equal(yodel_decision_is_open(d), 1);
    assert_int_equal(yodel_decision_on_gone(d, on_gone, &seen), 0);
    if (seen.inside != NULL)
        seen.inside_result = seen.inside(d);
    if (seen.drop_inside)
        seen.decision = yodel_decision_unref(d);
}

static void on_request(yodel_request *req, void *user)
{
    seen.req = req;
    take(yodel_request_defer(req));
    if (seen.answer_inside)
        seen.inside_result = yodel_request_reply_text(req, 202, NULL, YODEL_STR("inside"));
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    seen.ws = ws;
    seen.req = req;
    if (!seen.handle_nothing)
        take(yodel_ws_defer(ws));
    return seen.result;
}

static int on_open(yodel_ws *ws, void *user)
{
    seen.opens++;
    assert_null(yodel_ws_defer(ws));
    return 0;
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    seen.closes++;
    assert_null(yodel_ws_defer(ws));
}

static void keep(void *owner)
{
    seen.kept++;
}

static void let_go(void *owner)
{
    seen.released++;
}

static int set_up_routes(void)
{
    int rc = yd_http_route(&sim.hs.http, "/later", on_request, NULL);

    if (rc < 0)
        return rc;
    return yd_ws_route(&sim.service, &sim.hs.http, "/ws",
                       YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect,
                                     .on_open = on_open, .on_close = on_close),
                       NULL);
}

static int setup(void **state)
{
    memset(&seen, 0, sizeof seen);
    seen.result = YODEL_DEFER;
    failmem_init(&fm, 0);
    if (ws_sim_start(&sim, &fm.mem) < 0)
        return -1;
    sim.hs.loop->keeper = (struct yd_keeper){NULL, keep, let_go};
    return set_up_routes();
}

/* Whatever a test leaves is freed: no decision keeps what it was about. */
static int teardown(void **state)
{
    ws_sim_stop(&sim);
    assert_int_equal(seen.kept, seen.released);
    failmem_assert_empty(&fm);
    return 0;
}

static void give_back(void)
{
    seen.decision = yodel_decision_unref(seen.decision);
    sim_run(sim.hs.loop);
}

/* Between these two the test is a callback of the loop. */
static void enter(void)
{
    sim.hs.loop->thread = pthread_self();
    atomic_store(&sim.hs.loop->running, true);
}

static void leave(void)
{
    atomic_store(&sim.hs.loop->running, false);
}

static struct sim_peer *ask(const char *path)
{
    char text[200];

    (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    return http_sim_ask(&sim.hs, text);
}

static struct sim_peer *ask_ws(void)
{
    return ws_sim_connect(&sim, "/ws", "Sec-WebSocket-Protocol: a, b\r\n");
}

/* ---- verbs, in the shape of one function each ---- */

static int accept_it(yodel_decision *d)
{
    return yodel_decision_accept(d, NULL);
}

static int accept_b(yodel_decision *d)
{
    static const yodel_header header = {"X-Who", "me"};

    return yodel_decision_accept(d, YODEL_OPTIONS(yodel_ws_accept_options, .subprotocol = "b",
                                                  .headers = &header, .num_headers = 1));
}

static int accept_unoffered(yodel_decision *d)
{
    return yodel_decision_accept(d, YODEL_OPTIONS(yodel_ws_accept_options, .subprotocol = "c"));
}

static int reject_it(yodel_decision *d)
{
    static const yodel_header header = {"Location", "/elsewhere"};

    return yodel_decision_reject(
        d, YODEL_OPTIONS(yodel_response, .status = 307, .headers = &header, .num_headers = 1));
}

static int reject_plainly(yodel_decision *d)
{
    return yodel_decision_reject(d, NULL);
}

static int refuse_it(yodel_decision *d)
{
    return yodel_decision_refuse(d, "not you", NULL);
}

static int refuse_silently(yodel_decision *d)
{
    return yodel_decision_refuse(d, NULL, NULL);
}

static int refuse_with_data(yodel_decision *d)
{
    return yodel_decision_refuse(d, "not you", "{\"a\":1}");
}

static int respond_it(yodel_decision *d)
{
    return yodel_decision_respond(d, YODEL_OPTIONS(yodel_response, .status = 201,
                                                   .content_type = "text/x",
                                                   .body = {(const uint8_t *)"made", 4}));
}

static int respond_text(yodel_decision *d)
{
    return yodel_decision_respond_text(d, 0, NULL, YODEL_STR("text"));
}

static int respond_pack(yodel_decision *d)
{
    return yodel_decision_respond_pack(d, 202, "{s:i}", "n", 7);
}

static int respond_json(yodel_decision *d)
{
    json_t *json = json_pack("{s:i}", "n", 8);
    int rc = yodel_decision_respond_json(d, 203, json);

    json_decref(json);
    return rc;
}

static const struct verb {
    int (*call)(yodel_decision *d);
    int request, ws; /* the status that the client sees; 0: -EINVAL */
    const char *request_body, *ws_body;
    bool fails_later; /* on the loop it cannot be: 503 */
} verbs[] = {
    {accept_it, 0, 101, "", "", false},
    {accept_b, 0, 101, "", "", false},
    {accept_unoffered, 0, 503, "", "503 Service Unavailable\n", true},
    {reject_it, 307, 307, "", "307 Temporary Redirect\n", false},
    {reject_plainly, 403, 403, "", "403 Forbidden\n", false},
    {refuse_it, 403, 403, "not you", "not you", false},
    {refuse_silently, 403, 403, "403 Forbidden\n", "403 Forbidden\n", false},
    {refuse_with_data, 403, 403, "{\"a\":1}", "{\"a\":1}", false},
    {respond_it, 201, 0, "made", "", false},
    {respond_text, 200, 0, "text", "", false},
    {respond_pack, 202, 0, "{\"n\":7}", "", false},
    {respond_json, 203, 0, "{\"n\":8}", "", false},
};

/* ---- each verb, from another thread, on the loop, and in the handler ---- */

enum from { FROM_ABROAD, FROM_LOOP, FROM_HANDLER };

static int decide_from(enum from from, const struct verb *verb)
{
    int rc;

    if (from == FROM_HANDLER)
        return seen.inside_result;
    if (from == FROM_LOOP)
        enter();
    rc = verb->call(seen.decision);
    leave();
    return rc;
}

static void expect_answer(struct sim_peer *peer, int status, const char *body)
{
    if (status == 101)
        assert_int_equal(http_sim_count(peer, "HTTP/1.1 101"), 1);
    else
        http_sim_assert_status(peer, status);
    assert_string_equal(http_sim_body(peer), body);
    assert_int_equal(http_sim_count(peer, "HTTP/1.1"), 1);
}

/* Nothing decides it again. */
static void expect_decided(void)
{
    assert_int_equal(yodel_decision_is_open(seen.decision), 0);
    for (size_t i = 0; i < YD_LEN(verbs); i++) {
        int rc = verbs[i].call(seen.decision);

        assert_true(rc == YODEL_ERR_STATE || rc == -EINVAL);
    }
    assert_int_equal(yodel_decision_on_gone(NULL, on_gone, &seen), -EINVAL);
    assert_int_equal(yodel_decision_on_gone(seen.decision, on_gone, &seen), YODEL_ERR_STATE);
    assert_int_equal(seen.gone, 0);
}

static void try_verb(bool ws, enum from from, const struct verb *verb)
{
    int status = ws ? verb->ws : verb->request, rc;
    struct sim_peer *peer;

    if (from == FROM_HANDLER)
        seen.inside = verb->call;
    enter();
    peer = ws ? ask_ws() : ask("/later");
    leave();
    rc = decide_from(from, verb);
    if (status == 0 || (verb->fails_later && from != FROM_ABROAD)) {
        assert_int_equal(rc, -EINVAL);
        assert_int_equal(yodel_decision_is_open(seen.decision), 1);
        give_back();
        http_sim_assert_status(peer, 503);
    } else {
        assert_int_equal(rc, 0);
        expect_decided();
        sim_run(sim.hs.loop);
        expect_answer(peer, status, ws ? verb->ws_body : verb->request_body);
        expect_decided();
        if (ws && status == 101)
            assert_int_equal(seen.opens, 1);
    }
    if (verb->call == accept_b && status == 101)
        assert_string_equal(http_sim_header(peer, "Sec-WebSocket-Protocol"), "b");
    sim_end(peer);
    sim_run(sim.hs.loop);
    assert_int_equal(seen.gone, 0);
    assert_int_equal(seen.closes,
                     ws ? (from == FROM_HANDLER && status != 101 && rc == 0 ? 0 : 1) : 0);
}

static void test_decision_every_verb(void **state)
{
    for (size_t i = 0; i < YD_LEN(verbs); i++)
        for (unsigned from = FROM_ABROAD; from <= FROM_HANDLER; from++)
            for (unsigned ws = 0; ws < 2; ws++) {
                try_verb(ws == 1, (enum from)from, &verbs[i]);
                yodel_decision_unref(seen.decision);
                memset(&seen, 0, offsetof(__typeof__(seen), kept));
                seen.result = YODEL_DEFER;
            }
}

/* ---- arguments ---- */

static void test_decision_arguments(void **state)
{
    static const yodel_header nameless[] = {{"A", "b"}, {NULL, "b"}};
    static const yodel_header valueless[] = {{"A", NULL}};
    static const yodel_header bad[] = {{"A b", "c"}};
    static const int statuses[] = {100, 101, 200, 299, 600, -1};
    yodel_decision *d;

    (void)ask_ws();
    d = seen.decision;
#define ACCEPT(...) yodel_decision_accept(d, YODEL_OPTIONS(yodel_ws_accept_options, __VA_ARGS__))
#define REJECT(...) yodel_decision_reject(d, YODEL_OPTIONS(yodel_response, __VA_ARGS__))
    assert_int_equal(ACCEPT(.headers = nameless, .num_headers = 2), -EINVAL);
    assert_int_equal(ACCEPT(.headers = valueless, .num_headers = 1), -EINVAL);
    assert_int_equal(ACCEPT(.num_headers = 1), -EINVAL);
    assert_int_equal(yodel_decision_accept(d, &(yodel_ws_accept_options){.size = 3}), -EINVAL);
    assert_int_equal(REJECT(.headers = nameless, .num_headers = 2), -EINVAL);
    assert_int_equal(REJECT(.headers = bad, .num_headers = 1), -EINVAL);
    assert_int_equal(REJECT(.body = {NULL, 1}), -EINVAL);
    assert_int_equal(yodel_decision_reject(d, &(yodel_response){.size = 3}), -EINVAL);
    for (size_t i = 0; i < YD_LEN(statuses); i++)
        assert_int_equal(REJECT(.status = statuses[i]), -EINVAL);
    assert_int_equal(yodel_decision_refuse(d, "\xff", NULL), YODEL_ERR_ENCODING);
    assert_int_equal(yodel_decision_refuse(d, NULL, "{"), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_decision_refuse(d, NULL, "\"\xff\""), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_decision_respond(d, NULL), -EINVAL);
    assert_int_equal(yodel_decision_respond_pack(d, 200, "{"), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_decision_respond_json(d, 200, NULL), -EINVAL);
    assert_int_equal(yodel_decision_respond_json(NULL, 200, NULL), -EINVAL);
    assert_int_equal(yodel_decision_accept(NULL, NULL), -EINVAL);
    assert_int_equal(yodel_decision_respond_pack(NULL, 200, "i", 1), -EINVAL);
    assert_null(yodel_decision_unref(NULL));
    assert_int_equal(yodel_decision_is_open(d), 1);
    assert_int_equal(accept_it(d), 0);
    give_back();
}

/* ---- ends without a verb ---- */

static void expect_over(void)
{
    assert_int_equal(seen.gone, 1);
    assert_int_equal(yodel_decision_is_open(seen.decision), 0);
    assert_int_equal(refuse_it(seen.decision), YODEL_ERR_CLOSED);
    assert_int_equal(reject_it(seen.decision), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_decision_on_gone(seen.decision, NULL, NULL), YODEL_ERR_CLOSED);
    give_back();
    assert_int_equal(seen.gone, 1);
    seen.gone = 0;
}

static void test_decision_is_over_when_the_client_goes(void **state)
{
    for (unsigned ws = 0; ws < 2; ws++)
        for (unsigned way = 0; way < 2; way++) {
            struct sim_peer *peer = ws ? ask_ws() : ask("/later");

            if (way == 0)
                sim_end(peer);
            else
                sim_break(peer, -ECONNRESET);
            sim_run(sim.hs.loop);
            assert_true(sim_is_closed(peer));
            expect_over();
        }
    assert_int_equal(seen.closes, 2);
}

static void test_decision_is_over_in_time(void **state)
{
    struct sim_peer *peer = ask("/later");

    sim_advance(sim.hs.loop, 3999);
    assert_int_equal(seen.gone, 0);
    sim_advance(sim.hs.loop, 1);
    http_sim_assert_status(peer, 503);
    expect_over();
    peer = ask_ws();
    sim_advance(sim.hs.loop, 399);
    assert_int_equal(seen.gone, 0);
    sim_advance(sim.hs.loop, 1);
    http_sim_assert_status(peer, 503);
    assert_string_equal(http_sim_body(peer), "503 not decided in time\n");
    assert_int_equal(seen.closes, 1);
    expect_over();
}

/* ---- what on_gone may do ---- */

static int unref_in_gone(yodel_decision *d)
{
    seen.decision = yodel_decision_unref(d);
    return 0;
}

static int answer_in_gone(yodel_decision *d)
{
    return yodel_request_reply_text(seen.req, 504, NULL, YODEL_STR("gone"));
}

static int accept_in_gone(yodel_decision *d)
{
    return yodel_ws_accept(seen.ws, NULL);
}

static int close_in_gone(yodel_decision *d)
{
    yodel_ws_close(seen.ws, 1000, NULL);
    return 0;
}

static int defer_in_gone(yodel_decision *d)
{
    assert_null(yodel_decision_unref(yodel_request_defer(seen.req)));
    return 0;
}

static void test_decision_is_over_with_the_server(void **state)
{
    seen.in_gone = unref_in_gone; /* nothing keeps the simulated loop */
    (void)ask("/later");
    ws_sim_stop(&sim);
    assert_int_equal(seen.gone, 1);
    assert_null(seen.decision);
}

static void test_decision_gone_may_do_anything(void **state)
{
    static const struct {
        int (*call)(yodel_decision *d);
        bool ws;
        int late; /* the status then, where the client is still there */
    } cases[] = {
        {unref_in_gone, false, 503}, {unref_in_gone, true, 503}, {answer_in_gone, false, 504},
        {accept_in_gone, true, 101}, {close_in_gone, true, 403}, {defer_in_gone, false, 503},
        {defer_in_gone, true, 503},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++)
        for (unsigned late = 0; late < 2; late++) {
            struct sim_peer *peer = cases[i].ws ? ask_ws() : ask("/later");

            seen.in_gone = cases[i].call;
            if (late)
                sim_advance(sim.hs.loop, 4000);
            else
                sim_end(peer);
            sim_run(sim.hs.loop);
            assert_int_equal(seen.gone, 1);
            if (late && cases[i].late == 101)
                assert_int_equal(http_sim_count(peer, "HTTP/1.1 101"), 1);
            else if (late)
                http_sim_assert_status(peer, cases[i].late);
            else if (cases[i].call == answer_in_gone || cases[i].call == accept_in_gone)
                assert_int_equal(seen.in_gone_result, YODEL_ERR_CLOSED);
            sim_end(peer);
            sim_run(sim.hs.loop);
            assert_int_equal(seen.closes, cases[i].ws ? 1 : 0);
            yodel_decision_unref(seen.decision);
            memset(&seen, 0, offsetof(__typeof__(seen), kept));
            seen.result = YODEL_DEFER;
        }
}

/* ---- dropped ---- */

static void test_decision_dropped_is_answered_503(void **state)
{
    struct sim_peer *peer;

    for (unsigned ws = 0; ws < 2; ws++) {
        peer = ws ? ask_ws() : ask("/later");
        (void)yodel_decision_ref(seen.decision);
        yodel_decision_unref(seen.decision);
        sim_run(sim.hs.loop);
        assert_int_equal(sim_received_len(peer), 0);
        give_back();
        http_sim_assert_status(peer, 503);
        peer = ws ? ask_ws() : ask("/later");
        enter();
        give_back();
        leave();
        http_sim_assert_status(peer, 503);
        seen.drop_inside = true;
        peer = ws ? ask_ws() : ask("/later");
        http_sim_assert_status(peer, 503);
        seen.drop_inside = false;
    }
    assert_int_equal(seen.gone, 0);
    assert_int_equal(seen.closes, 3);
}

/* A thread gives the last reference back while the loop tries to answer, in vain. */
static void test_decision_dropped_during_a_claim_is_answered_503(void **state)
{
    struct sim_peer *peer = ask("/later");
    yodel_decision *d = seen.decision;

    enter();
    assert_int_equal(yd_decision_claim(d), 0);
    assert_int_equal(yodel_decision_accept(d, NULL), -EINVAL);
    assert_int_equal(yodel_decision_is_open(d), 0);
    seen.decision = yodel_decision_unref(d);
    yd_decision_unclaim(d);
    leave();
    sim_run(sim.hs.loop);
    http_sim_assert_status(peer, 503);
    assert_int_equal(seen.gone, 0);
}

/* What the handler returns, or answers, counts if nothing was decided: also when it has given the
 * decision back. */
static void test_decision_the_result_of_the_handler_counts(void **state)
{
    static const int results[] = {0, 404, -EIO, 307};
    static const int statuses[] = {101, 404, 500, 307};
    struct sim_peer *peer;

    for (unsigned drop = 0; drop < 2; drop++) {
        seen.drop_inside = drop == 1;
        for (size_t i = 0; i < YD_LEN(results); i++) {
            seen.result = results[i];
            peer = ask_ws();
            assert_int_equal(atoi(sim_received(peer) + 9), statuses[i]);
            if (!drop)
                expect_decided();
            give_back();
        }
        seen.answer_inside = true;
        peer = ask("/later");
        http_sim_assert_status(peer, 202);
        assert_int_equal(seen.inside_result, 0);
        if (!drop)
            expect_decided();
        give_back();
    }
    seen.drop_inside = false;
    seen.inside = respond_text; /* the verb was first */
    peer = ask("/later");
    assert_int_equal(seen.inside_result, YODEL_ERR_STATE);
    http_sim_assert_status(peer, 200);
    give_back();
}

/* A verb of another thread is under way, and the loop does something else: the first one wins, but
 * what ends the WebSocket does. */
static void test_decision_the_first_one_wins(void **state)
{
    struct sim_peer *peer = ask_ws();

    assert_int_equal(refuse_it(seen.decision), 0);
    assert_int_equal(yodel_ws_accept(seen.ws, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_ws_reject(seen.ws, NULL), YODEL_ERR_STATE);
    assert_null(yodel_ws_defer(seen.ws));
    sim_run(sim.hs.loop);
    http_sim_assert_status(peer, 403);
    give_back();

    peer = ask_ws();
    assert_int_equal(accept_it(seen.decision), 0);
    yodel_ws_close(seen.ws, 1000, NULL);
    sim_run(sim.hs.loop);
    http_sim_assert_status(peer, 403);
    give_back();

    peer = ask_ws();
    assert_int_equal(accept_it(seen.decision), 0);
    sim_break(peer, -ECONNRESET);
    sim_run(sim.hs.loop);
    assert_int_equal(seen.gone, 0);
    give_back();

    peer = ask("/later");
    assert_int_equal(respond_text(seen.decision), 0);
    assert_int_equal(yodel_request_reply_text(seen.req, 200, NULL, YODEL_STR("")), YODEL_ERR_STATE);
    sim_sleep(sim.hs.loop, 10000); /* it was in time, however late the loop is */
    sim_run(sim.hs.loop);
    http_sim_assert_status(peer, 200);
    assert_int_equal(seen.gone, 0);
    give_back();
}

/* Who defers without taking a decision decides on the loop, as ever. */
static void test_decision_may_be_taken_after_on_connect(void **state)
{
    struct sim_peer *peer;

    seen.handle_nothing = true;
    peer = ask_ws();
    seen.decision = yodel_ws_defer(seen.ws);
    assert_non_null(seen.decision);
    assert_ptr_equal(yodel_request_defer(seen.req), seen.decision);
    yodel_decision_unref(seen.decision);
    assert_int_equal(accept_it(seen.decision), 0);
    sim_run(sim.hs.loop);
    assert_int_equal(http_sim_count(peer, "HTTP/1.1 101"), 1);
    give_back();
}

/* ---- memory ---- */

/* The n-th allocation fails from here on; false after the first run in which none did. */
static bool fail_next(size_t *n)
{
    if (*n > 0 && !failmem_has_failed(&fm)) {
        fm.fail_at = 0;
        return false;
    }
    fm.fail_at = ++*n;
    atomic_store(&fm.calls, 0);
    return true;
}

/* From abroad with everything there: the verb works or can be called again. */
static void decide_without_memory(bool ws, enum from from, const struct verb *verb)
{
    struct sim_peer *peer;
    size_t n = 0;
    int rc;

    while (fail_next(&n)) {
        failmem_pause(&fm);
        peer = ws ? ask_ws() : ask("/later");
        failmem_resume(&fm);
        rc = decide_from(from, verb);
        failmem_assert_whole(&fm, rc, !yodel_decision_is_open(seen.decision),
                             yodel_decision_is_open(seen.decision));
        if (rc < 0)
            assert_int_equal(decide_from(from, verb), 0);
        sim_run(sim.hs.loop);
        if (!sim_is_closed(peer) && !failmem_has_failed(&fm))
            assert_int_equal(atoi(sim_received(peer) + 9), ws ? verb->ws : verb->request);
        assert_int_equal(seen.gone, 0);
        sim_break(peer, -ECONNRESET);
        give_back();
        assert_int_equal(sim.hs.num_connections, 0);
    }
    assert_int_equal(seen.closes > 0, ws);
}

static void test_decision_without_memory(void **state)
{
    for (size_t i = 0; i < YD_LEN(verbs); i++)
        for (unsigned from = FROM_ABROAD; from <= FROM_LOOP; from++) {
            seen.closes = 0;
            if (verbs[i].request != 0)
                decide_without_memory(false, (enum from)from, &verbs[i]);
            if (verbs[i].ws != 0 && !verbs[i].fails_later)
                decide_without_memory(true, (enum from)from, &verbs[i]);
        }
}

/* From another thread these two need none. */
static void test_decision_bare_verbs_need_no_memory(void **state)
{
    static int (*const calls[])(yodel_decision * d) = {accept_it, refuse_silently};
    static const int statuses[] = {101, 403};

    for (size_t i = 0; i < YD_LEN(calls); i++) {
        struct sim_peer *peer = ask_ws();

        fm.fail_at = 1;
        atomic_store(&fm.calls, 0);
        assert_int_equal(calls[i](seen.decision), 0);
        assert_int_equal(atomic_load(&fm.calls), 0);
        fm.fail_at = 0;
        give_back();
        assert_int_equal(atoi(sim_received(peer) + 9), statuses[i]);
    }
}

/* No memory to take one, or to answer for one that is dropped: the connection ends, nothing stays.
 */
static void test_decision_taken_and_dropped_without_memory(void **state)
{
    for (unsigned ws = 0; ws < 2; ws++)
        for (size_t n = 0; fail_next(&n);) {
            struct sim_peer *peer = ws ? ask_ws() : ask("/later");

            give_back();
            sim_break(peer, -ECONNRESET);
            sim_run(sim.hs.loop);
            assert_int_equal(sim.hs.num_connections, 0);
            seen.ws = NULL;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_decision_every_verb),
        FIXTURE_TEST(test_decision_arguments),
        FIXTURE_TEST(test_decision_is_over_when_the_client_goes),
        FIXTURE_TEST(test_decision_is_over_in_time),
        FIXTURE_TEST(test_decision_is_over_with_the_server),
        FIXTURE_TEST(test_decision_gone_may_do_anything),
        FIXTURE_TEST(test_decision_dropped_is_answered_503),
        FIXTURE_TEST(test_decision_dropped_during_a_claim_is_answered_503),
        FIXTURE_TEST(test_decision_the_result_of_the_handler_counts),
        FIXTURE_TEST(test_decision_the_first_one_wins),
        FIXTURE_TEST(test_decision_may_be_taken_after_on_connect),
        FIXTURE_TEST(test_decision_without_memory),
        FIXTURE_TEST(test_decision_bare_verbs_need_no_memory),
        FIXTURE_TEST(test_decision_taken_and_dropped_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
