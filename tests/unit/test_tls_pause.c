/* SPDX-License-Identifier: MIT */
#include "tls_sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failmem.h"
#include "fixture.h"
#include "ws_sim.h"

#include <cmocka.h>
#include <yodel/http_body.h>

/* Input over TLS that is not read for a while, or not at all any more: what OpenSSL has opened
 * already is kept, in its order, and nothing is lost or given twice. */

static struct failmem fm;
static struct ws_sim sim;
static struct tls_sim tls;

static struct {
    yodel_request *req;
    yodel_ws *ws;
    char text[8000];
    size_t len;
    int calls, ends, result;
    bool is_paused;
} t;

static void take(yodel_bytes data)
{
    assert_false(t.is_paused);
    assert_true(t.len + data.len < sizeof t.text);
    memcpy(t.text + t.len, data.ptr, data.len);
    t.len += data.len;
    t.calls++;
    t.is_paused = true;
}

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    take(data);
    return yodel_request_body_pause(req);
}

static void on_end(yodel_request *req, int result, void *user)
{
    t.ends++;
    t.result = result;
    if (result == 0)
        (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("done\n"));
}

static void on_upload(yodel_request *req, void *user)
{
    t.req = req;
    assert_int_equal(yodel_request_body_read(req,
                                             YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data,
                                                           .on_end = on_end, .max_body = 100000),
                                             NULL),
                     0);
}

static int on_open(yodel_ws *ws, void *user)
{
    t.ws = ws;
    return 0;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    take(message->data);
    return yodel_ws_pause(ws);
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    memset(&t, 0, sizeof t);
    assert_int_equal(ws_sim_start(&sim, &fm.mem), 0);
    assert_int_equal(yd_http_route_with(&sim.hs.http, "/up",
                                        YODEL_OPTIONS(yodel_route_options, .on_request = on_upload,
                                                      .stream_body = 1),
                                        NULL),
                     0);
    assert_int_equal(
        yd_ws_route(&sim.service, &sim.hs.http, "/ws",
                    YODEL_OPTIONS(yodel_ws_handlers, .on_open = on_open, .on_message = on_message),
                    NULL),
        0);
    sim.hs.front.tls = tls_sim_server(&fm.mem, &sim.hs.sink);
    tls_sim_start(&tls, sim_connect(sim.hs.loop));
    return 0;
}

static int teardown(void **state)
{
    struct yd_tls *server = sim.hs.front.tls;

    ws_sim_stop(&sim);
    tls_sim_stop(&tls);
    yd_tls_free(server);
    failmem_assert_empty(&fm);
    return 0;
}

static void again(void)
{
    assert_int_equal(teardown(NULL), 0);
    assert_int_equal(setup(NULL), 0);
}

static void run(void)
{
    tls_sim_run(&tls, sim.hs.loop);
}

static void send_records(char first, int num, size_t len)
{
    char record[1000];

    for (int i = 0; i < num; i++) {
        memset(record, first + i, len);
        sim_send(&tls.plain, record, len);
        run();
    }
}

static void assert_runs(char first, int num, size_t len)
{
    assert_int_equal(t.len, (size_t)num * len);
    for (size_t i = 0; i < t.len; i++)
        assert_int_equal(t.text[i], first + (int)(i / len));
}

static void test_tls_pause_of_a_body(void **state)
{
    static const size_t chops[] = {0, 1, 7, 500, 1029};

    for (size_t c = 0; c < sizeof chops / sizeof chops[0]; c++) {
        tls.peer->chop = chops[c];
        sim_send_text(&tls.plain, "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3500\r\n\r\n");
        run();
        send_records('a', 7, 500);
        assert_int_equal(t.calls, 1);
        for (int i = 0; i < 20 && t.ends == 0; i++) {
            t.is_paused = false;
            assert_int_equal(yodel_request_body_resume(t.req), 0);
            run();
        }
        assert_int_equal(t.ends, 1);
        assert_int_equal(t.result, 0);
        assert_runs('a', 7, 500);
        http_sim_assert_status(&tls.plain, 200);
        again();
    }
}

static void test_tls_pause_of_a_body_whose_client_leaves(void **state)
{
    sim_send_text(&tls.plain, "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 3500\r\n\r\n");
    run();
    send_records('a', 3, 500);
    assert_int_equal(t.calls, 1);
    sim_break(tls.peer, -ECONNRESET);
    sim_run(sim.hs.loop);
    t.is_paused = false;
    if (t.ends == 0)
        assert_int_equal(yodel_request_body_resume(t.req), 0);
    for (int i = 0; i < 10 && t.ends == 0; i++) {
        sim_run(sim.hs.loop);
        t.is_paused = false;
        if (t.ends == 0)
            (void)yodel_request_body_resume(t.req);
    }
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.result, YODEL_ERR_CLOSED);
}

static void open_ws(void)
{
    sim_send_text(&tls.plain, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                              "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    run();
    http_sim_assert_status(&tls.plain, 101);
    sim_forget(&tls.plain);
}

static void test_tls_pause_of_a_websocket(void **state)
{
    for (size_t chop = 0; chop < 3; chop++) {
        tls.peer->chop = chop;
        open_ws();
        for (int i = 0; i < 5; i++) { /* two frames of three in one record */
            ws_sim_text(&tls.plain, i == 0 ? "aa" : i == 1 ? "bb" : i == 2 ? "cc" : "dd");
            if (i % 3 != 0)
                run();
        }
        run();
        assert_int_equal(t.calls, 1);
        for (int i = 1; i < 5; i++) {
            t.is_paused = false;
            assert_int_equal(yodel_ws_resume(t.ws), 0);
            run();
            assert_int_equal(t.calls, i + 1);
        }
        assert_int_equal(t.len, 10);
        assert_memory_equal(t.text, "aabbccdddd", 10);
        again();
    }
}

/* L6: the client reads only when it has sent all of what is refused. */
static void test_tls_early_answer_is_read_whole(void **state)
{
    sim_send_text(&tls.plain, "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n");
    run();
    for (int i = 0; i < 9; i++) {
        send_records('a', 1, 1000);
        assert_false(sim_is_closed(tls.peer));
        sim_advance(sim.hs.loop, 90);
    }
    http_sim_assert_status(&tls.plain, 404);
    assert_string_equal(http_sim_header(&tls.plain, "Connection"), "close");
    sim_end(tls.peer);
    sim_run(sim.hs.loop);
    assert_true(sim_is_closed(tls.peer));
    assert_int_equal(atomic_load(&sim.hs.loop->counters.cut_short), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_tls_pause_of_a_body),
        FIXTURE_TEST(test_tls_pause_of_a_body_whose_client_leaves),
        FIXTURE_TEST(test_tls_pause_of_a_websocket),
        FIXTURE_TEST(test_tls_early_answer_is_read_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
