/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "eio_sim.h"
#include "sio_sim.h"

/*
 * Every time limit of the tree, begun by input that ends a wait of some seconds: the loop's last
 * turn is long past then, and the limit counts from the input and not from that turn.  To the
 * millisecond: nothing has happened one before, all has after it.
 */
#define WAIT 3500

/* ---- HTTP ---- */

struct web {
    struct http_sim hs;
    yodel_decision *decision;
    struct sim_peer *peer;
};

static void answer(yodel_request *req, void *user)
{
    (void)yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = 200));
}

static void defer(yodel_request *req, void *user)
{
    ((struct web *)user)->decision = yodel_request_defer(req);
}

static int web_set_up(void **state)
{
    struct web *web = calloc(1, sizeof *web);

    *state = web;
    assert_int_equal(http_sim_start(&web->hs, &yd_mem_default, 0), 0);
    assert_int_equal(yd_http_route(&web->hs.http, "GET /", answer, web), 0);
    assert_int_equal(yd_http_route(&web->hs.http, "POST /", answer, web), 0);
    assert_int_equal(yd_http_route(&web->hs.http, "GET /later", defer, web), 0);
    return 0;
}

static int web_tear_down(void **state)
{
    struct web *web = *state;

    yodel_decision_unref(web->decision);
    http_sim_stop(&web->hs);
    free(web);
    return 0;
}

/* After ms an answer of that status comes, if it is not 0. */
static void expect_answer(struct web *web, uint64_t ms, int status)
{
    sim_forget(web->peer);
    sim_advance(web->hs.loop, ms - 1);
    assert_int_equal(sim_received_len(web->peer), 0);
    http_sim_assert_open(web->peer);
    sim_advance(web->hs.loop, 1);
    if (status != 0)
        http_sim_assert_status(web->peer, status);
}

/* The same, and the connection ends. */
static void expect_end(struct web *web, uint64_t ms, int status)
{
    expect_answer(web, ms, status);
    assert_true(sim_is_shut(web->peer) || sim_is_closed(web->peer));
}

static void say(struct web *web, const char *text)
{
    sim_sleep(web->hs.loop, WAIT);
    web->peer = http_sim_ask(&web->hs, text);
}

static void test_deadlines_of_a_connection_without_a_request(void **state)
{
    say(*state, "");
    expect_end(*state, 1000, 0);
}

static void test_deadlines_of_a_head(void **state)
{
    say(*state, "GET / HTTP/1.1\r\nHo");
    expect_end(*state, 1000, 408);
}

static void test_deadlines_of_a_body(void **state)
{
    say(*state, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    expect_end(*state, 2000, 408);
}

static void test_deadlines_of_a_connection_between_requests(void **state)
{
    struct web *web = *state;

    say(web, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    http_sim_assert_status(web->peer, 200);
    sim_sleep(web->hs.loop, 2999); /* its next request has come by the end */
    sim_send_text(web->peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_run(web->hs.loop);
    expect_end(web, 3000, 0);
}

static void test_deadlines_of_a_later_head(void **state)
{
    struct web *web = *state;

    say(web, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_sleep(web->hs.loop, 2500);
    sim_send_text(web->peer, "GET");
    sim_run(web->hs.loop);
    expect_end(web, 1000, 408);
}

static void test_deadlines_of_an_answer_that_is_owed(void **state)
{
    say(*state, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(*state, 4000, 503);
}

static void test_deadlines_of_output_that_is_not_read(void **state)
{
    struct web *web = *state;

    sim_sleep(web->hs.loop, WAIT);
    web->peer = sim_connect(web->hs.loop);
    web->peer->window = 0;
    sim_send_text(web->peer, "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    sim_run(web->hs.loop);
    expect_end(web, 5000, 0);
}

static void test_deadlines_of_the_peers_end(void **state)
{
    struct web *web = *state;

    say(web, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_true(sim_is_shut(web->peer));
    sim_advance(web->hs.loop, 99);
    assert_false(sim_is_closed(web->peer));
    sim_advance(web->hs.loop, 1);
    assert_true(sim_is_closed(web->peer));
}

/* What is never is not 2^32 ms, nor at once. */
static void test_deadlines_never_come(void **state)
{
    struct web *web = *state;

    web->hs.net.options.send_ms = UINT32_MAX;
    web->peer = sim_connect(web->hs.loop);
    web->peer->window = 0;
    sim_send_text(web->peer, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_run(web->hs.loop);
    sim_sleep(web->hs.loop, UINT64_C(100) * 24 * 3600 * 1000);
    sim_run(web->hs.loop);
    assert_false(sim_is_closed(web->peer));
    web->peer->window = SIZE_MAX;
    sim_run(web->hs.loop);
    http_sim_assert_status(web->peer, 404);
}

/* ---- WebSockets ---- */

struct chat {
    struct ws_sim sim;
    struct sim_peer *peer;
    yodel_ws *ws;
    int connect_result, closes;
    unsigned slow_ms; /* of on_message */
};

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    ((struct chat *)user)->ws = ws;
    return ((struct chat *)user)->connect_result;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct chat *chat = user;

    sim_sleep(chat->sim.hs.loop, chat->slow_ms);
    if (yodel_str_eq((yodel_str){(const char *)message->data.ptr, message->data.len},
                     YODEL_STR("close")))
        yodel_ws_close(ws, 1000, NULL);
    return 0;
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    ((struct chat *)user)->closes++;
}

static int chat_set_up(void **state)
{
    struct chat *chat = calloc(1, sizeof *chat);

    *state = chat;
    assert_int_equal(ws_sim_start(&chat->sim, &yd_mem_default), 0);
    return yd_ws_route(&chat->sim.service, &chat->sim.hs.http, "/ws",
                       YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect,
                                     .on_message = on_message, .on_close = on_close),
                       chat);
}

static int chat_tear_down(void **state)
{
    struct chat *chat = *state;

    ws_sim_stop(&chat->sim);
    free(chat);
    return 0;
}

static void chat_advance(struct chat *chat, uint64_t ms)
{
    sim_advance(chat->sim.hs.loop, ms);
}

/* A wait, that ends with what was sent. */
static void chat_wait(struct chat *chat, uint64_t ms)
{
    sim_sleep(chat->sim.hs.loop, ms);
    sim_run(chat->sim.hs.loop);
}

static void expect_ping_after(struct chat *chat, uint64_t ms)
{
    chat_advance(chat, ms - 1);
    ws_sim_expect_nothing(chat->peer);
    chat_advance(chat, 1);
    ws_sim_expect(chat->peer, 0x89, "", 0);
}

static void expect_lost_after(struct chat *chat, uint64_t ms)
{
    chat_advance(chat, ms - 1);
    assert_int_equal(chat->closes, 0);
    chat_advance(chat, 1);
    assert_int_equal(chat->closes, 1);
}

static void test_deadlines_of_a_ping_and_its_pong(void **state)
{
    struct chat *chat = *state;

    sim_sleep(chat->sim.hs.loop, WAIT);
    chat->peer = ws_sim_open(&chat->sim, "/ws");
    expect_ping_after(chat, 1000);
    expect_lost_after(chat, 500);
}

/* The ping goes late, and its answer has all of its time. */
static void test_deadlines_of_a_pong_count_from_the_ping(void **state)
{
    struct chat *chat = *state;

    chat->peer = ws_sim_open(&chat->sim, "/ws");
    chat_wait(chat, 1000 + WAIT);
    ws_sim_expect(chat->peer, 0x89, "", 0);
    expect_lost_after(chat, 500);
}

/* A pong that came while the loop was busy elsewhere came in time. */
static void test_deadlines_are_met_by_what_has_come(void **state)
{
    struct chat *chat = *state;

    chat->peer = ws_sim_open(&chat->sim, "/ws");
    expect_ping_after(chat, 1000);
    ws_sim_frame(chat->peer, 0x8a, "", 0);
    chat_wait(chat, WAIT);
    assert_int_equal(chat->closes, 0);
    ws_sim_expect_nothing(chat->peer);
    expect_ping_after(chat, 1000);
}

static void test_deadlines_of_a_close(void **state)
{
    struct chat *chat = *state;

    chat->peer = ws_sim_open(&chat->sim, "/ws");
    ws_sim_text(chat->peer, "close");
    chat_wait(chat, 900);
    ws_sim_expect_close(chat->peer, 1000);
    expect_lost_after(chat, 300);
}

/* A handler that is slow itself does not use up the time it gives its client. */
static void test_deadlines_set_by_a_slow_handler(void **state)
{
    struct chat *chat = *state;

    chat->peer = ws_sim_open(&chat->sim, "/ws");
    chat->slow_ms = WAIT;
    ws_sim_text(chat->peer, "close");
    sim_run(chat->sim.hs.loop);
    ws_sim_expect_close(chat->peer, 1000);
    expect_lost_after(chat, 300);
}

static void test_deadlines_of_a_decision(void **state)
{
    struct chat *chat = *state;

    chat->connect_result = YODEL_DEFER;
    sim_sleep(chat->sim.hs.loop, WAIT);
    chat->peer = ws_sim_connect(&chat->sim, "/ws", "");
    expect_lost_after(chat, 400);
    http_sim_assert_status(chat->peer, 503);
}

/* ---- Engine.IO ---- */

static int eio_set_up(void **state)
{
    struct eio_sim *sim = calloc(1, sizeof *sim);

    *state = sim;
    return eio_sim_start(sim, &yd_mem_default, 1, NULL);
}

static int eio_tear_down(void **state)
{
    eio_sim_stop(*state);
    free(*state);
    return 0;
}

static void test_deadlines_of_a_session(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *poll;

    sim_sleep(sim->base.loops[0], WAIT);
    eio_sim_open(sim, 0);
    poll = eio_sim_poll(sim);
    eio_sim_advance(sim, 999);
    assert_int_equal(sim_received_len(poll), 0);
    eio_sim_advance(sim, 1);
    eio_sim_expect(poll, 200, "2");
    eio_sim_advance(sim, 499);
    eio_sim_expect_told(sim, "");
    eio_sim_advance(sim, 1);
    eio_sim_expect_told(sim, "close:ping timeout;");
}

static void test_deadlines_of_a_session_after_a_pong(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *peer = eio_sim_ws_open(sim, 0);

    eio_sim_advance(sim, 1000);
    ws_sim_expect_text(peer, "2");
    ws_sim_text(peer, "3");
    sim_sleep(sim->base.loops[0], 499);
    eio_sim_run(sim);
    eio_sim_advance(sim, 999);
    ws_sim_expect_nothing(peer);
    eio_sim_advance(sim, 1);
    ws_sim_expect_text(peer, "2");
}

static void test_deadlines_of_an_upgrade(void **state)
{
    struct eio_sim *sim = *state;
    struct sim_peer *ws;

    eio_sim_open(sim, 0);
    sim_sleep(sim->base.loops[0], 600);
    ws = eio_sim_ws(sim, 0, eio_sim_sid(sim));
    eio_sim_advance(sim, 299);
    ws_sim_expect_nothing(ws);
    eio_sim_advance(sim, 1);
    ws_sim_expect(ws, 0x88, "", 0);
}

/* ---- Socket.IO ---- */

#define RECOVERY_MS 5000

static int sio_set_up(void **state)
{
    struct sio_sim *sim = calloc(1, sizeof *sim);
    yodel_sio_options options;

    *state = sim;
    sio_sim_options(&options);
    options.recovery_ms = RECOVERY_MS;
    return sio_sim_start(sim, &yd_mem_default, 1, &options);
}

static int sio_tear_down(void **state)
{
    sio_sim_stop(*state);
    free(*state);
    return 0;
}

static void test_deadlines_of_joining_a_namespace(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;

    sim_sleep(sim->base.loops[0], WAIT);
    sio_sim_open(sim, 0, &client);
    sio_sim_advance(sim, 1999);
    sio_sim_expect_nothing(&client);
    sio_sim_advance(sim, 1);
    sio_sim_expect_closed(&client);
}

static void note_answer(const yodel_sio_answers *answers, void *user)
{
    sio_sim_tell(user, "%s;", yodel_error_name(answers->result));
}

static void ask(struct sio_sim *sim, void *arg)
{
    yodel_sio_target target = yodel_sio_target_timeout(yodel_sio_to_all(sim->ns), 1000);

    assert_int_equal(yodel_sio_emit_ack(target, "q", NULL, note_answer, sim), 0);
}

static void test_deadlines_of_an_acknowledgement(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;

    sio_sim_connect(sim, 0, &client);
    sim_sleep(sim->base.loops[0], WAIT);
    sio_sim_on_loop(sim, 0, ask, NULL);
    sio_sim_advance(sim, 999);
    sio_sim_expect_told(sim, "");
    sio_sim_advance(sim, 1);
    sio_sim_expect_told(sim, "ETIMEDOUT;");
}

/* Whether a client that comes back after ms is still known. */
static bool is_known_after(struct sio_sim *sim, uint64_t ms)
{
    struct sio_client client, again;
    char text[100];

    sio_sim_connect(sim, 0, &client);
    sim_sleep(sim->base.loops[0], WAIT);
    sio_sim_leave(&client);
    sio_sim_advance(sim, ms);
    sio_sim_open(sim, 0, &again);
    (void)snprintf(text, sizeof text, "0{\"pid\":\"%s\"}", client.pid);
    sio_sim_say(&again, text);
    assert_non_null(sim->socket);
    return yodel_sio_socket_recovered(sim->socket) == 1;
}

static void test_deadlines_of_coming_back(void **state)
{
    assert_true(is_known_after(*state, RECOVERY_MS - 1));
    assert_false(is_known_after(*state, RECOVERY_MS));
}

#define WEB_TEST(test) cmocka_unit_test_setup_teardown(test, web_set_up, web_tear_down)
#define CHAT_TEST(test) cmocka_unit_test_setup_teardown(test, chat_set_up, chat_tear_down)
#define EIO_TEST(test) cmocka_unit_test_setup_teardown(test, eio_set_up, eio_tear_down)
#define SIO_TEST(test) cmocka_unit_test_setup_teardown(test, sio_set_up, sio_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WEB_TEST(test_deadlines_of_a_connection_without_a_request),
        WEB_TEST(test_deadlines_of_a_head),
        WEB_TEST(test_deadlines_of_a_body),
        WEB_TEST(test_deadlines_of_a_connection_between_requests),
        WEB_TEST(test_deadlines_of_a_later_head),
        WEB_TEST(test_deadlines_of_an_answer_that_is_owed),
        WEB_TEST(test_deadlines_of_output_that_is_not_read),
        WEB_TEST(test_deadlines_of_the_peers_end),
        WEB_TEST(test_deadlines_never_come),
        CHAT_TEST(test_deadlines_of_a_ping_and_its_pong),
        CHAT_TEST(test_deadlines_of_a_pong_count_from_the_ping),
        CHAT_TEST(test_deadlines_are_met_by_what_has_come),
        CHAT_TEST(test_deadlines_of_a_close),
        CHAT_TEST(test_deadlines_set_by_a_slow_handler),
        CHAT_TEST(test_deadlines_of_a_decision),
        EIO_TEST(test_deadlines_of_a_session),
        EIO_TEST(test_deadlines_of_a_session_after_a_pong),
        EIO_TEST(test_deadlines_of_an_upgrade),
        SIO_TEST(test_deadlines_of_joining_a_namespace),
        SIO_TEST(test_deadlines_of_an_acknowledgement),
        SIO_TEST(test_deadlines_of_coming_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
