/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/container.h"
#include "failmem.h"
#include "ws_sim.h"

/* The ends of WebSockets: what a handler may call when its WebSocket is over. */

struct fixture {
    struct ws_sim sim;
    struct failmem fm;
    yodel_ws *ws; /* the last one that connected */
    yodel_id id;
    char name[YODEL_CHANNEL_NAME_SIZE];
    int opens, closes, frees;
    int connect_result;
    bool answers;       /* on_connect answers the request itself */
    bool quiet;         /* on_close calls nothing */
    bool close_at_once; /* in on_connect */
    yodel_ws_closing closing;
};

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct fixture *f = user;

    f->ws = ws;
    f->id = yodel_ws_id(ws);
    yodel_ws_channel_name(ws, f->name);
    if (f->answers) {
        assert_int_equal(yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = 302)),
                         0);
        assert_int_equal(yodel_ws_accept(ws, NULL), YODEL_ERR_STATE);
        assert_int_equal(yodel_ws_reject(ws, NULL), YODEL_ERR_STATE);
    }
    if (f->close_at_once)
        yodel_ws_close(ws, 1000, "no");
    return f->connect_result;
}

static int on_open(yodel_ws *ws, void *user)
{
    struct fixture *f = user;

    f->opens++;
    return 0;
}

static void free_data(void *data)
{
    ((struct fixture *)data)->frees++;
}

/* All that the header allows on a WebSocket, one after the other. */
static void call_everything(struct fixture *f, yodel_ws *ws)
{
    char name[YODEL_CHANNEL_NAME_SIZE];

    assert_ptr_equal(ws, f->ws);
    assert_int_equal(yodel_ws_id(ws).value, f->id.value);
    yodel_ws_channel_name(ws, name);
    assert_string_equal(name, f->name);
    assert_int_equal(yodel_ws_send_text(ws, YODEL_STR("late")), YODEL_ERR_CLOSED);
    assert_true(yodel_ws_send_pack(ws, "{s:i}", "a", 1) < 0); /* or out of memory */
    assert_int_equal(yodel_ws_accept(ws, NULL), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_ws_reject(ws, NULL), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_group_add(f->sim.channels, "g", ws), YODEL_ERR_CLOSED);
    yodel_group_discard(f->sim.channels, "g", ws);
    yodel_ws_close(ws, 1000, "again");
    (void)yodel_ws_buffered(ws);
    (void)yd_ws_is_idle(ws);
    yodel_ws_set_data(ws, f, free_data);
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    struct fixture *f = user;

    f->closes++;
    f->closing = *closing;
    if (!f->quiet)
        call_everything(f, ws);
}

static int start_with(struct fixture *f, const struct yodel_allocator *mem)
{
    int rc;

    if ((rc = ws_sim_start(&f->sim, mem)) < 0)
        return rc;
    rc = yd_ws_route(&f->sim.service, &f->sim.hs.http, "/ws",
                     YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect, .on_open = on_open,
                                   .on_close = on_close),
                     f);
    if (rc < 0)
        ws_sim_stop(&f->sim);
    return rc;
}

/* The channel layer goes first: no more calls on it. */
static void stop_sim(struct fixture *f)
{
    f->quiet = true;
    ws_sim_stop(&f->sim);
    f->quiet = false;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    failmem_init(&f->fm, 0);
    *state = f;
    return start_with(f, &f->fm.mem);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    stop_sim(f);
    failmem_assert_empty(&f->fm);
    free(f);
    return 0;
}

static void run(struct fixture *f)
{
    sim_run(f->sim.hs.loop);
}

static void advance(struct fixture *f, uint64_t ms)
{
    sim_advance(f->sim.hs.loop, ms);
}

/* on_close has come once, and nothing that was called in it has had an effect. */
static void expect_over(struct fixture *f)
{
    assert_int_equal(f->closes, 1);
    assert_int_equal(f->frees, 1);
    assert_int_equal(yodel_group_count(f->sim.channels, "g"), 0);
    assert_int_equal(yodel_group_send(f->sim.channels, "g", YODEL_WS_TEXT,
                                      (yodel_bytes){(const uint8_t *)"x", 1}),
                     0);
    advance(f, 60000);
    assert_int_equal(f->closes, 1);
    assert_int_equal(f->frees, 1);
    assert_int_equal(f->sim.hs.num_connections, 0);
}

/* ---- open ones ---- */

static void end_by_loss(struct fixture *f, struct sim_peer *peer)
{
    sim_break(peer, -ECONNRESET);
}

static void end_by_eof(struct fixture *f, struct sim_peer *peer)
{
    sim_end(peer);
}

static void end_by_peer(struct fixture *f, struct sim_peer *peer)
{
    ws_sim_close(peer, 1000, "bye");
}

static void end_by_server(struct fixture *f, struct sim_peer *peer)
{
    yodel_ws_close(f->ws, 1000, "bye");
    ws_sim_close(peer, 1000, "bye");
}

static void end_by_server_alone(struct fixture *f, struct sim_peer *peer)
{
    yodel_ws_close(f->ws, 1000, "bye");
    advance(f, 300);
}

static void end_by_silence(struct fixture *f, struct sim_peer *peer)
{
    advance(f, 2000);
}

static void end_by_protocol(struct fixture *f, struct sim_peer *peer)
{
    ws_sim_frame(peer, 0xf1, "x", 1);
}

static void end_by_no_progress(struct fixture *f, struct sim_peer *peer)
{
    peer->window = 0;
    (void)yodel_ws_send_text(f->ws, YODEL_STR("stuck"));
    run(f);
    for (int i = 0; i < 11; i++) { /* it speaks, but does not read */
        ws_sim_text(peer, "x");
        advance(f, 500);
    }
}

static void end_by_abort(struct fixture *f, struct sim_peer *peer)
{
    yd_net_abort(&f->sim.hs.net);
}

static void end_by_stop(struct fixture *f, struct sim_peer *peer)
{
    yd_net_stop(&f->sim.hs.net);
    run(f);
    advance(f, 300);
}

static void test_ws_end_takes_any_call_in_on_close(void **state)
{
    static void (*const ends[])(struct fixture * f, struct sim_peer * peer) = {
        end_by_loss,    end_by_eof,      end_by_peer,        end_by_server, end_by_server_alone,
        end_by_silence, end_by_protocol, end_by_no_progress, end_by_abort,  end_by_stop};

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        void *fresh;
        struct fixture *f;
        struct sim_peer *peer;

        assert_int_equal(set_up(&fresh), 0);
        f = fresh;
        peer = ws_sim_open(&f->sim, "/ws");
        assert_int_equal(yodel_group_add(f->sim.channels, "g", f->ws), 0);
        ends[i](f, peer);
        run(f);
        expect_over(f);
        tear_down(&fresh);
    }
}

struct busy {
    struct yd_mail task;
    struct sim_peer *peer;
    unsigned left;
};

static void keep_busy(struct yd_mail *task, void *receiver)
{
    struct busy *busy = yd_container_of(task, struct busy, task);

    busy->peer->error = -EPIPE;
    if (--busy->left > 0)
        yd_loop_task(receiver, task);
}

/* Its connection breaks in the last round of a turn: what is due after that comes in the next one,
 * when the stream is closed already. */
static void test_ws_end_in_the_last_round_of_a_turn(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer = ws_sim_open(&f->sim, "/ws");
    struct busy busy = {{NULL, keep_busy}, peer, 100};

    assert_int_equal(yodel_group_add(f->sim.channels, "g", f->ws), 0);
    yd_loop_task(f->sim.hs.loop, &busy.task);
    assert_int_equal(yodel_ws_send_text(f->ws, YODEL_STR("late")), 0);
    run(f);
    expect_over(f);
}

/* An id names one WebSocket, also when the next one takes its place at once. */
static void test_ws_end_keeps_its_id_to_the_last(void **state)
{
    struct fixture *f = *state;
    uint64_t first;

    sim_break(ws_sim_open(&f->sim, "/ws"), -ECONNRESET);
    first = f->id.value;
    run(f); /* on_close compares */
    assert_int_equal(f->closes, 1);
    (void)ws_sim_open(&f->sim, "/ws");
    assert_int_not_equal(f->id.value, first);
}

/* ---- deferred ones ---- */

static void reject_it(struct fixture *f, struct sim_peer *peer)
{
    assert_int_equal(yodel_ws_reject(f->ws, NULL), 0);
    assert_int_equal(yodel_ws_reject(f->ws, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_ws_accept(f->ws, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_ws_send_text(f->ws, YODEL_STR("x")), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_group_add(f->sim.channels, "g", f->ws), YODEL_ERR_CLOSED);
}

static void close_it(struct fixture *f, struct sim_peer *peer)
{
    yodel_ws_close(f->ws, 1000, "no");
}

static void be_late(struct fixture *f, struct sim_peer *peer)
{
    advance(f, 400);
}

/* The connection is dead, but nobody has been told yet. */
static void reject_when_lost(struct fixture *f, struct sim_peer *peer)
{
    yd_conn_abort(f->ws->conn, 0);
    assert_int_equal(yodel_ws_reject(f->ws, NULL), YODEL_ERR_CLOSED);
    assert_int_equal(f->closes, 0);
}

static void close_when_lost(struct fixture *f, struct sim_peer *peer)
{
    yd_conn_abort(f->ws->conn, 0);
    yodel_ws_close(f->ws, 1000, "no");
}

static void test_ws_end_of_a_deferred_one_takes_any_call_in_on_close(void **state)
{
    static void (*const ends[])(struct fixture * f, struct sim_peer * peer) = {
        end_by_loss, end_by_eof,   reject_it,        close_it,
        be_late,     end_by_abort, reject_when_lost, close_when_lost};

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        void *fresh;
        struct fixture *f;
        struct sim_peer *peer;

        assert_int_equal(set_up(&fresh), 0);
        f = fresh;
        f->connect_result = YODEL_DEFER;
        peer = ws_sim_connect(&f->sim, "/ws", "");
        assert_int_equal(yodel_group_add(f->sim.channels, "g", f->ws), 0);
        ends[i](f, peer);
        run(f);
        assert_int_equal(f->opens, 0);
        expect_over(f);
        tear_down(&fresh);
    }
}

static int defer_fails(struct fixture *f)
{
    struct sim_peer *peer;
    int rc;

    f->closes = f->frees = f->opens = 0;
    f->ws = NULL;
    f->connect_result = YODEL_DEFER;
    if ((rc = start_with(f, &f->fm.mem)) < 0)
        return rc;
    peer = ws_sim_connect(&f->sim, "/ws", "");
    rc = f->ws != NULL && !sim_is_shut(peer) && !sim_is_closed(peer) ? 0 : -ENOMEM;
    advance(f, 400);
    advance(f, 2000);
    if (rc == 0) /* deferred: its end is told whether there is memory for an answer or not */
        assert_int_equal(f->closes, 1);
    assert_true(sim_is_shut(peer) || sim_is_closed(peer));
    stop_sim(f);
    return rc;
}

static void test_ws_end_of_a_late_one_is_told_without_memory(void **state)
{
    struct fixture *f = *state;

    stop_sim(f);
    failmem_assert_empty(&f->fm);
    FAILMEM_LOOP(&f->fm)
    {
        (void)defer_fails(f);
    }
    failmem_init(&f->fm, 0);
    assert_int_equal(start_with(f, &f->fm.mem), 0);
}

/* Whatever on_connect returns, and whether there is memory for an answer or not. */
static void test_ws_end_asked_for_in_on_connect_needs_no_memory(void **state)
{
    struct fixture *f = *state;

    stop_sim(f);
    f->close_at_once = true;
    FAILMEM_LOOP(&f->fm)
    {
        f->opens = 0;
        f->connect_result = f->fm.fail_at % 2 == 0 ? YODEL_ACCEPT : YODEL_DEFER;
        if (start_with(f, &f->fm.mem) < 0)
            continue;
        (void)ws_sim_connect(&f->sim, "/ws", "");
        run(f);
        assert_int_equal(f->opens, 0);
        stop_sim(f);
    }
    f->close_at_once = false;
    failmem_init(&f->fm, 0);
    assert_int_equal(start_with(f, &f->fm.mem), 0);
}

static int accept_fails(struct fixture *f)
{
    struct sim_peer *peer;
    int rc;

    f->closes = f->frees = f->opens = 0;
    f->ws = NULL;
    f->connect_result = YODEL_DEFER;
    if ((rc = start_with(f, &f->fm.mem)) < 0)
        return rc;
    peer = ws_sim_connect(&f->sim, "/ws", "");
    rc = f->ws != NULL && !sim_is_shut(peer) && !sim_is_closed(peer) ? 0 : -ENOMEM;
    if (rc == 0) {
        int accepted = yodel_ws_accept(f->ws, NULL);

        if (accepted == -ENOMEM) { /* none of its effect: it can be tried again */
            assert_int_equal(f->opens, 0);
            accepted = yodel_ws_accept(f->ws, NULL);
        }
        assert_int_equal(accepted, 0);
        assert_int_equal(f->opens, 1);
        run(f);
        http_sim_assert_status(peer, 101);
    }
    stop_sim(f);
    if (rc == 0)
        assert_int_equal(f->closes, 1);
    return rc;
}

static void test_ws_end_is_not_begun_by_a_failed_accept(void **state)
{
    struct fixture *f = *state;

    stop_sim(f);
    FAILMEM_LOOP(&f->fm)
    {
        (void)accept_fails(f);
    }
    failmem_init(&f->fm, 0);
    assert_int_equal(start_with(f, &f->fm.mem), 0);
}

/* ---- a server that stops ---- */

static void expect_1001(struct fixture *f, struct sim_peer *peer)
{
    const char *head, *end;

    http_sim_assert_status(peer, 101);
    head = sim_received(peer);
    end = strstr(head, "\r\n\r\n");
    assert_non_null(end);
    yd_buf_consume(&peer->output, (size_t)(end + 4 - head));
    ws_sim_expect_close(peer, 1001);
    ws_sim_close(peer, 1001, "");
    sim_end(peer);
    run(f);
    assert_int_equal(f->opens, 1);
    assert_int_equal(f->closes, 1);
    assert_int_equal(f->closing.code, 1001);
    assert_int_equal(f->sim.hs.num_connections, 0);
}

static void test_ws_end_comes_at_once_for_one_accepted_while_stopping(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer;

    f->connect_result = YODEL_DEFER;
    peer = ws_sim_connect(&f->sim, "/ws", "");
    yd_net_stop(&f->sim.hs.net);
    run(f);
    assert_int_equal(sim_received_len(peer), 0);
    assert_int_equal(yodel_ws_accept(f->ws, NULL), 0);
    run(f);
    expect_1001(f, peer);
}

static void test_ws_end_comes_at_once_for_a_request_half_read_at_the_stop(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer = http_sim_ask(&f->sim.hs, "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: web");

    yd_net_stop(&f->sim.hs.net);
    run(f);
    sim_send_text(peer, "socket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    run(f);
    expect_1001(f, peer);
}

/* What has come by the time of the stop is read. */
static void test_ws_end_comes_after_a_request_not_read_before_the_stop(void **state)
{
    struct fixture *f = *state;
    struct sim_peer *peer = sim_connect(f->sim.hs.loop);

    sim_send_text(peer, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
    yd_net_stop(&f->sim.hs.net);
    run(f);
    http_sim_assert_status(peer, 404);
}

/* ---- look-ups ---- */

#define MANY 400
#define POSTS 400

static void nothing(yodel_ws *ws, void *arg)
{
    ++*(int *)arg;
}

/* Steps of the clock of this thread that posts to all of ids take. */
static double cost_of_posts(struct fixture *f, const yodel_id *ids)
{
    struct timespec from, to;
    int ran = 0;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    for (int i = 0; i < POSTS; i++) {
        for (int j = 0; j < MANY; j++)
            assert_int_equal(
                yd_ws_post(&f->sim.service, f->sim.hs.loop, ids[j].value, 1, nothing, &ran, NULL),
                0);
        (void)yd_loop_turn(f->sim.hs.loop);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    assert_int_equal(ran, MANY * POSTS);
    return (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
}

static void connect_many(struct fixture *f, yodel_id *ids)
{
    for (int i = 0; i < MANY; i++) {
        (void)ws_sim_connect(&f->sim, "/ws", "");
        ids[i] = f->id;
    }
}

static void test_ws_end_or_not_a_deferred_one_is_found_as_fast_as_an_open_one(void **state)
{
    struct fixture *f = *state;
    yodel_id ids[MANY], open[MANY];
    double deferred;

    f->quiet = true;
    f->connect_result = YODEL_DEFER;
    connect_many(f, ids);
    deferred = cost_of_posts(f, ids);
    yd_net_abort(&f->sim.hs.net);
    run(f);
    f->sim.hs.net.aborted = false; /* or it would take nobody in */
    f->connect_result = YODEL_ACCEPT;
    connect_many(f, open);
    assert_true(deferred < 2 * cost_of_posts(f, open));
}

#define END_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* It was refused by the program's own answer, whatever on_connect returns. */
static void test_ws_end_comes_with_an_answer_of_on_connect(void **state)
{
    const int results[] = {YODEL_ACCEPT, YODEL_DEFER, 403};
    struct fixture *f = *state;

    f->answers = true;
    for (size_t i = 0; i < YD_LEN(results); i++) {
        struct sim_peer *peer;

        f->connect_result = results[i];
        peer = ws_sim_connect(&f->sim, "/ws", "");
        run(f);
        assert_non_null(strstr(sim_received(peer), "HTTP/1.1 302 "));
        assert_null(strstr(sim_received(peer) + 5, "HTTP/1.1"));
        assert_int_equal(f->opens, 0);
        assert_int_equal(f->closes, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_end_takes_any_call_in_on_close),
        END_TEST(test_ws_end_in_the_last_round_of_a_turn),
        END_TEST(test_ws_end_keeps_its_id_to_the_last),
        cmocka_unit_test(test_ws_end_of_a_deferred_one_takes_any_call_in_on_close),
        END_TEST(test_ws_end_of_a_late_one_is_told_without_memory),
        END_TEST(test_ws_end_asked_for_in_on_connect_needs_no_memory),
        END_TEST(test_ws_end_is_not_begun_by_a_failed_accept),
        END_TEST(test_ws_end_comes_with_an_answer_of_on_connect),
        END_TEST(test_ws_end_comes_at_once_for_one_accepted_while_stopping),
        END_TEST(test_ws_end_comes_at_once_for_a_request_half_read_at_the_stop),
        END_TEST(test_ws_end_comes_after_a_request_not_read_before_the_stop),
        END_TEST(test_ws_end_or_not_a_deferred_one_is_found_as_fast_as_an_open_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
