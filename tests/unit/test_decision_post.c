/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#include <yodel/http_stream.h>

#include "failmem.h"
#include "fixture.h"
#include "ws_sim.h"

/* Calls on the loop of a request that is not decided: the argument is freed once, whatever happens.
 */

static struct failmem fm;
static struct ws_sim sim;

static struct {
    yodel_decision *decision;
    yodel_request *req;
    int calls, frees, result;
    yodel_stream *stream;
    void (*inside)(yodel_request *req);
} seen;

static void on_request(yodel_request *req, void *user)
{
    seen.req = req;
    seen.decision = yodel_request_defer(req);
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    seen.decision = yodel_ws_defer(ws);
    return YODEL_DEFER;
}

static int setup(void **state)
{
    memset(&seen, 0, sizeof seen);
    failmem_init(&fm, 0);
    if (ws_sim_start(&sim, &fm.mem) < 0 ||
        yd_http_route(&sim.hs.http, "/later", on_request, NULL) < 0)
        return -1;
    return yd_ws_route(&sim.service, &sim.hs.http, "/ws",
                       YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect), NULL);
}

static int teardown(void **state)
{
    ws_sim_stop(&sim);
    failmem_assert_empty(&fm);
    return 0;
}

static struct sim_peer *ask(void)
{
    return http_sim_ask(&sim.hs, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
}

/* As the loop's thread. */
static void run(void)
{
    sim.hs.loop->thread = pthread_self();
    atomic_store(&sim.hs.loop->running, true);
    sim_run(sim.hs.loop);
    atomic_store(&sim.hs.loop->running, false);
}

static void give_back(void)
{
    seen.decision = yodel_decision_unref(seen.decision);
    run();
}

static void begin_stream(yodel_request *req)
{
    seen.result = yodel_request_stream_begin(
        req, YODEL_OPTIONS(yodel_stream_options, .content_type = "text/plain"), &seen.stream);
    if (seen.result == 0)
        (void)yodel_stream_write_text(seen.stream, YODEL_STR("part"));
}

static void reply(yodel_request *req)
{
    seen.result = yodel_request_reply_pack(req, 200, "{s:i}", "n", 7);
}

/* The request stays until the call has returned, whoever answers it. */
static void answer_twice(yodel_request *req)
{
    assert_int_equal(yodel_decision_respond_text(seen.decision, 200, NULL, YODEL_STR("x")), 0);
    reply(req);
    assert_int_equal(seen.result, YODEL_ERR_STATE);
    begin_stream(req);
    assert_int_equal(seen.result, YODEL_ERR_STATE);
    assert_true(yodel_str_eq(yodel_request_path(req), YODEL_STR("/later")));
    assert_null(yodel_request_defer(req));
}

static void drop_it(yodel_request *req)
{
    seen.decision = yodel_decision_unref(seen.decision);
}

static void call(yodel_request *req, void *arg)
{
    assert_ptr_equal(req, seen.req);
    assert_ptr_equal(arg, &seen);
    assert_int_equal(seen.frees, seen.calls);
    seen.calls++;
    if (seen.inside != NULL)
        seen.inside(req);
}

static void free_arg(void *arg)
{
    assert_ptr_equal(arg, &seen);
    seen.frees++;
}

static int post(void)
{
    return yodel_decision_post(seen.decision, call, &seen, free_arg);
}

static void expect(int calls, int frees)
{
    assert_int_equal(seen.calls, calls);
    assert_int_equal(seen.frees, frees);
    seen.calls = seen.frees = 0;
}

/* The poster gives its reference back at once. */
static void test_decision_post_begins_a_stream(void **state)
{
    struct sim_peer *peer = ask();

    seen.inside = begin_stream;
    assert_int_equal(post(), 0);
    give_back();
    expect(1, 1);
    assert_int_equal(seen.result, 0);
    http_sim_assert_status(peer, 200);
    assert_non_null(strstr(http_sim_body(peer), "part"));
    assert_int_equal(yodel_stream_end(seen.stream), 0);
    run();
}

static void test_decision_post_answers_and_another_comes_too_late(void **state)
{
    struct sim_peer *peer = ask();

    seen.inside = reply;
    assert_int_equal(post(), 0);
    assert_int_equal(post(), 0);
    run();
    expect(1, 2);
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_body(peer), "{\"n\":7}");
    assert_int_equal(post(), YODEL_ERR_STATE);
    expect(0, 1);
    give_back();
}

static void test_decision_post_keeps_the_request(void **state)
{
    struct sim_peer *peer = ask();

    seen.inside = answer_twice;
    assert_int_equal(post(), 0);
    run();
    expect(1, 1);
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_body(peer), "x");
    give_back();
}

/* Left open it may be decided after; without another reference it is dropped. */
static void test_decision_post_may_leave_it_open(void **state)
{
    struct sim_peer *peer = ask();

    assert_int_equal(post(), 0);
    run();
    expect(1, 1);
    assert_int_equal(yodel_decision_is_open(seen.decision), 1);
    assert_int_equal(yodel_decision_respond_text(seen.decision, 202, NULL, YODEL_STR("")), 0);
    give_back();
    http_sim_assert_status(peer, 202);

    peer = ask();
    assert_int_equal(post(), 0);
    give_back();
    expect(1, 1);
    http_sim_assert_status(peer, 503);

    peer = ask();
    seen.inside = drop_it;
    assert_int_equal(post(), 0);
    run();
    expect(1, 1);
    http_sim_assert_status(peer, 503);
}

static void test_decision_post_finds_it_decided_or_gone(void **state)
{
    struct sim_peer *peer = ask();

    assert_int_equal(post(), 0);
    assert_int_equal(yodel_decision_respond_text(seen.decision, 201, NULL, YODEL_STR("")), 0);
    give_back();
    expect(0, 1);
    http_sim_assert_status(peer, 201);

    peer = ask();
    sim_break(peer, -ECONNRESET);
    run();
    assert_int_equal(post(), YODEL_ERR_CLOSED);
    expect(0, 1);
    give_back();

    (void)ask();
    assert_int_equal(post(), 0);
    seen.decision = yodel_decision_unref(seen.decision);
    ws_sim_stop(&sim); /* whose last turn may run it */
    assert_int_equal(seen.frees, 1);
}

static void test_decision_post_arguments(void **state)
{
    (void)ask();
    assert_int_equal(yodel_decision_post(NULL, call, &seen, free_arg), -EINVAL);
    assert_int_equal(yodel_decision_post(seen.decision, NULL, &seen, free_arg), -EINVAL);
    expect(0, 2);
    assert_int_equal(yodel_decision_post(seen.decision, call, &seen, NULL), 0);
    run();
    assert_int_equal(seen.calls, 1);
    seen.calls = 0;
    give_back();
    (void)ws_sim_connect(&sim, "/ws", "");
    assert_int_equal(post(), -EINVAL);
    expect(0, 1);
    assert_int_equal(yodel_decision_is_open(seen.decision), 1);
    give_back();
}

static void test_decision_post_has_a_bound(void **state)
{
    int posted = 0, rc;

    (void)ask();
    sim.hs.loop->max_mail = 1000;
    while ((rc = post()) == 0)
        posted++;
    assert_int_equal(rc, YODEL_ERR_CONGESTED);
    expect(0, 1);
    assert_true(posted >= 1 && posted <= 11);
    run();
    expect(posted, posted);
    give_back();
}

static void test_decision_post_without_memory(void **state)
{
    seen.inside = begin_stream;
    for (size_t n = 1; n == 1 || failmem_has_failed(&fm); n++) {
        struct sim_peer *peer = ask();
        int rc;

        fm.fail_at = n;
        atomic_store(&fm.calls, 0);
        rc = post();
        assert_int_equal(seen.calls, 0);
        failmem_assert_whole(&fm, rc, seen.frees == 0, seen.frees == 1);
        give_back();
        expect(rc == 0, 1);
        failmem_pause(&fm);
        sim_break(peer, -ECONNRESET);
        run();
        assert_int_equal(sim.hs.num_connections, 0);
        failmem_resume(&fm);
    }
    fm.fail_at = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_decision_post_begins_a_stream),
        FIXTURE_TEST(test_decision_post_answers_and_another_comes_too_late),
        FIXTURE_TEST(test_decision_post_keeps_the_request),
        FIXTURE_TEST(test_decision_post_may_leave_it_open),
        FIXTURE_TEST(test_decision_post_finds_it_decided_or_gone),
        FIXTURE_TEST(test_decision_post_arguments),
        FIXTURE_TEST(test_decision_post_has_a_bound),
        FIXTURE_TEST(test_decision_post_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
