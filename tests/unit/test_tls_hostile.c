/* SPDX-License-Identifier: MIT */
#include "tls_sim.h"

#include <openssl/err.h>
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

/* What a peer may do with TLS itself, and what may come of large records and small windows. */

#define ANSWER ((size_t)10 * 1024 * 1024)
#define PIECE ((size_t)1100 * 1000)

static struct failmem fm;
static struct ws_sim sim;
static struct tls_sim tls;
static yodel_ws *opened;
static size_t num_messages;
static uint64_t body_bytes;
static uint8_t *answer;

static void on_download(yodel_request *req, void *user)
{
    assert_int_equal(
        yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .body = {answer, ANSWER})), 0);
}

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    body_bytes += data.len;
    return 0;
}

static void on_end(yodel_request *req, int result, void *user)
{
    assert_int_equal(result, 0);
    (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("done\n"));
}

static void on_upload(yodel_request *req, void *user)
{
    const yodel_body_handlers *handlers = YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data,
                                                        .on_end = on_end, .max_body = SIZE_MAX);

    assert_int_equal(yodel_request_body_read(req, handlers, NULL), 0);
}

static int on_open(yodel_ws *ws, void *user)
{
    opened = ws;
    return 0;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    assert_int_equal(message->data.len, 900);
    assert_int_equal(message->data.ptr[899], 'a' + (int)num_messages);
    num_messages++;
    return yodel_ws_pause(ws);
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    num_messages = 0;
    body_bytes = 0;
    opened = NULL;
    assert_int_equal(ws_sim_start(&sim, &fm.mem), 0);
    assert_int_equal(yd_http_route(&sim.hs.http, "/down", on_download, NULL), 0);
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
    tls_sim_run(&tls, sim.hs.loop);
    return 0;
}

static int teardown(void **state)
{
    struct yd_tls *server = sim.hs.front.tls;

    ws_sim_stop(&sim);
    tls_sim_stop(&tls);
    yd_tls_free(server);
    failmem_assert_empty(&fm);
    ERR_clear_error();
    free(answer);
    answer = NULL;
    return 0;
}

static void run(void)
{
    tls_sim_run(&tls, sim.hs.loop);
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

/* ---- E10 ---- */

/* One record of 16 KB: what OpenSSL has opened comes when it is asked for, without another byte of
 * the client, and nothing turns in circles meanwhile. */
static void test_tls_hostile_pause_within_a_record(void **state)
{
    char text[900];

    open_ws();
    for (int i = 0; i < 17; i++) {
        memset(text, 'a' + i, sizeof text);
        ws_sim_frame(&tls.plain, 0x81, text, sizeof text);
    }
    assert_in_range(tls.plain.input.len, 15000, 16384);
    run();
    for (size_t i = 1; i <= 17; i++) {
        assert_int_equal(num_messages, i);
        assert_int_equal(yodel_ws_resume(opened), 0);
        sim_run(sim.hs.loop);
    }
    assert_int_equal(num_messages, 17);
}

/* ---- E11 ---- */

static void test_tls_hostile_small_window(void **state)
{
    const char *body;

    answer = malloc(ANSWER);
    for (size_t i = 0; i < ANSWER; i++)
        answer[i] = (uint8_t)(i * 2654435761u >> 24);
    tls.peer->max_taken = 1000;
    tls.peer->window = 0;
    sim_send_text(&tls.plain, "GET /down HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t i = 0; i < 2 * ANSWER / 4096 && sim_received_len(&tls.plain) < ANSWER; i++) {
        tls.peer->window = 4096;
        run();
    }
    tls.peer->window = 4096;
    run();
    http_sim_assert_status(&tls.plain, 200);
    body = strstr(sim_received(&tls.plain), "\r\n\r\n") + 4;
    assert_int_equal(sim_received(&tls.plain) + sim_received_len(&tls.plain) - body, ANSWER);
    assert_memory_equal(body, answer, ANSWER);
}

/* ---- E13 ---- */

static void update_keys(int how)
{
    assert_int_equal(SSL_key_update(tls.ssl, how), 1);
    assert_int_equal(SSL_do_handshake(tls.ssl), 1);
}

static void send_sealed(void)
{
    char *data;
    long len = BIO_get_mem_data(SSL_get_wbio(tls.ssl), &data);

    sim_send(tls.peer, data, (size_t)len);
    (void)BIO_reset(SSL_get_wbio(tls.ssl));
    sim_run(sim.hs.loop);
}

static void test_tls_hostile_new_keys_without_data(void **state)
{
    open_ws();
    for (int i = 0; i < 90; i++)
        update_keys(SSL_KEY_UPDATE_NOT_REQUESTED);
    send_sealed();
    assert_false(sim_is_closed(tls.peer)); /* a few are nothing */
    assert_int_equal(atomic_load(&sim.hs.loop->counters.tls_flooded), 0);
    for (int i = 0; i < 910; i++)
        update_keys(SSL_KEY_UPDATE_NOT_REQUESTED);
    send_sealed();
    sim_advance(sim.hs.loop, 500); /* sooner than a ping would end it */
    assert_true(sim_is_closed(tls.peer));
    assert_int_equal(atomic_load(&sim.hs.loop->counters.tls_flooded), 1);
}

/* Each is answered, and nobody reads the answers. */
static void test_tls_hostile_new_keys_that_nobody_reads(void **state)
{
    size_t before;

    open_ws();
    tls.peer->window = 0;
    before = atomic_load(&fm.bytes);
    for (int i = 0; i < 2000 && !sim_is_closed(tls.peer); i++) {
        for (int j = 0; j < 20; j++)
            update_keys(SSL_KEY_UPDATE_REQUESTED);
        send_sealed();
        assert_true(atomic_load(&fm.bytes) < before + 100000);
    }
    sim_advance(sim.hs.loop, 10000); /* the alert is not read either */
    assert_true(sim_is_closed(tls.peer));
}

/* As those do who mind how much they seal with one key, for long. */
static void test_tls_hostile_new_keys_with_data(void **state)
{
    enum { ROUNDS = 150 };
    uint8_t *piece = calloc(1, PIECE);
    char head[200];

    snprintf(head, sizeof head, "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
             ROUNDS * PIECE);
    sim_send_text(&tls.plain, head);
    for (int i = 0; i < ROUNDS; i++) {
        sim_send(&tls.plain, piece, PIECE);
        run();
        update_keys(i % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
        run();
    }
    assert_int_equal(body_bytes, ROUNDS * PIECE);
    http_sim_assert_status(&tls.plain, 200);
    free(piece);
}

/* One a second is no flood. */
static void test_tls_hostile_new_keys_in_time(void **state)
{
    open_ws();
    for (int i = 0; i < 400; i++) {
        update_keys(SSL_KEY_UPDATE_NOT_REQUESTED);
        ws_sim_frame(&tls.plain, 0x8a, NULL, 0); /* a pong, as it is alive */
        run();
        sim_advance(sim.hs.loop, 1000);
    }
    assert_false(sim_is_closed(tls.peer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_tls_hostile_pause_within_a_record),
        FIXTURE_TEST(test_tls_hostile_small_window),
        FIXTURE_TEST(test_tls_hostile_new_keys_without_data),
        FIXTURE_TEST(test_tls_hostile_new_keys_that_nobody_reads),
        FIXTURE_TEST(test_tls_hostile_new_keys_with_data),
        FIXTURE_TEST(test_tls_hostile_new_keys_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
