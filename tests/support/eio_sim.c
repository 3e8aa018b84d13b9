/* SPDX-License-Identifier: MIT */
#include "eio_sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static const struct yd_http_options limits = {
    .limits = {.max_head = 4096, .max_target = 1000, .max_fields = 30},
    .max_body = 1000,
    .header_ms = 1000,
    .body_ms = 2000,
    .keep_ms = 3000,
    .decide_ms = 4000,
};

static const struct yd_ws_defaults ws_defaults = {.max_message = 1000,
                                                  .max_buffered = 2000,
                                                  .ping_ms = 100,
                                                  .pong_ms = 100,
                                                  .close_ms = 300,
                                                  .decide_ms = 400};

/* ---- the layer above ---- */

static void tell(struct eio_sim *sim, const char *format, ...)
{
    char text[5000];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (yd_buf_append(&yd_mem_default, &sim->told, text, strlen(text)) < 0)
        abort();
}

static void *on_open(struct yd_eio_session *session, void *user)
{
    struct eio_sim *sim = user;

    sim->session = session;
    (void)snprintf(sim->id, sizeof sim->id, "%" YODEL_PRI, YODEL_ARG(yd_eio_id(session)));
    if (sim->close_at_open)
        yd_eio_close(session, YD_EIO_FORCED_CLOSE);
    if (sim->refuse_open)
        return NULL;
    tell(sim, "open;");
    return sim;
}

static void on_message(struct yd_eio_session *session, bool binary, uint8_t *data, size_t len)
{
    struct eio_sim *sim = yd_eio_data(session);
    char text[4001] = "";

    for (size_t i = 0; binary && i < len && i < 2000; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", data[i]);
    if (!binary)
        (void)snprintf(text, sizeof text, "%.*s", (int)len, (const char *)data);
    tell(sim, "%s:%s;", binary ? "binary" : "text", text);
    memset(data, 'x', len); /* it may be changed */
    if (sim->close_after != NULL && strcmp(text, sim->close_after) == 0) {
        yd_eio_close(session, YD_EIO_FORCED_CLOSE);
    } else if (sim->echo) {
        char packet[4001];
        struct yd_msg *msg;

        (void)snprintf(packet, sizeof packet, "4%.3999s", text);
        msg = yd_ws_make_msg(sim->http.mem, YODEL_WS_TEXT,
                             (yodel_bytes){(const uint8_t *)packet, strlen(packet)});
        if (msg != NULL)
            (void)yd_eio_send(session, &msg, 1, 0);
        yd_msg_unref(msg);
    }
}

static void on_drain(struct yd_eio_session *session)
{
    tell(yd_eio_data(session), "drain;");
}

static void on_close(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    struct eio_sim *sim = yd_eio_data(session);

    tell(sim, "close:%s;", yd_eio_reason_text(reason));
    if (sim->session == session)
        sim->session = NULL;
}

static const struct yd_eio_events events = {on_open, on_message, on_drain, on_close};

/* ---- set-up ---- */

void eio_sim_options(struct yd_eio_options *ret_options)
{
    *ret_options = (struct yd_eio_options){
        .path = "/e/",
        .ping_interval_ms = 1000,
        .ping_timeout_ms = 500,
        .upgrade_timeout_ms = 300,
        .max_payload = 2000,
        .max_buffered = 300,
        .compress_min = 400,
    };
}

static void on_log(yodel_log_level level, yodel_str text, void *user)
{
    (void)level;
    (void)text;
    (void)user;
}

static int start_loop(struct eio_sim *sim, const struct yodel_allocator *mem, unsigned i)
{
    struct yd_net_options options = {.send_ms = 5000, .linger_ms = 100};
    int rc;

    if ((rc = yd_loop_new(&yd_loop_sim, mem, &sim->sink, i, &sim->loops[i])) < 0)
        return rc;
    sim->num_loops = i + 1;
    (void)yd_net_init(&sim->nets[i], sim->loops[i], &options);
    sim->nets[i].on_connection = yd_http_connection;
    sim->nets[i].user = &sim->http;
    return yd_net_listen(&sim->nets[i], &sim->listeners[i], -1, NULL);
}

static int start_services(struct eio_sim *sim, const struct yodel_allocator *mem,
                          const struct yd_eio_options *options)
{
    int rc;

    if ((rc = yd_http_init(&sim->http, mem, &sim->sink, &limits, sim)) < 0 ||
        (rc = yd_ws_service_init(&sim->ws, mem, &sim->sink, &ws_defaults, NULL, sim->num_loops,
                                 "p")) < 0)
        return rc;
    return yd_eio_new(&sim->http, &sim->ws, sim->loops, sim->num_loops, options, &events, sim,
                      &sim->eio);
}

int eio_sim_start(struct eio_sim *sim, const struct yodel_allocator *mem, unsigned num_loops,
                  const struct yd_eio_options *given)
{
    struct yd_eio_options options;
    int rc = 0;

    eio_sim_options(&options);
    memset(sim, 0, sizeof *sim);
    sim->sink = (struct yodel_log_sink){on_log, YODEL_LOG_DEBUG, sim};
    for (unsigned i = 0; rc == 0 && i < num_loops; i++)
        rc = start_loop(sim, mem, i);
    if (rc == 0 && num_loops == 2)
        sim_link(sim->loops[0], sim->loops[1]);
    if (rc == 0)
        rc = start_services(sim, mem, given != NULL ? given : &options);
    if (rc < 0)
        eio_sim_stop(sim);
    return rc;
}

void eio_sim_stop(struct eio_sim *sim)
{
    for (unsigned i = 0; sim->eio != NULL && i < sim->num_loops; i++)
        yd_eio_stop(sim->eio, sim->loops[i]);
    for (unsigned i = 0; i < sim->num_loops; i++)
        yd_net_abort(&sim->nets[i]);
    eio_sim_run(sim);
    for (unsigned i = 0; i < sim->num_loops; i++) {
        if (sim->listeners[i].net != NULL)
            yd_listener_stop(&sim->listeners[i].base);
        yd_loop_close(sim->loops[i]);
    }
    for (unsigned i = 0; i < sim->num_loops; i++) {
        yd_net_done(&sim->nets[i]);
        yd_loop_free(sim->loops[i]);
    }
    yd_eio_free(sim->eio);
    if (sim->ws.mem != NULL)
        yd_ws_service_done(&sim->ws);
    yd_http_done(&sim->http);
    yd_buf_free(&yd_mem_default, &sim->told);
}

void eio_sim_run(struct eio_sim *sim)
{
    for (unsigned round = 0; round < 4; round++)
        for (unsigned i = 0; i < sim->num_loops; i++)
            sim_run(sim->loops[i]);
}

void eio_sim_advance(struct eio_sim *sim, uint64_t ms)
{
    eio_sim_run(sim);
    for (unsigned i = 0; i < sim->num_loops; i++)
        sim_advance(sim->loops[i], ms);
    eio_sim_run(sim);
}

void eio_sim_expect_told(struct eio_sim *sim, const char *expected)
{
    if (yd_buf_append(&yd_mem_default, &sim->told, "", 1) < 0)
        abort();
    assert_string_equal((const char *)sim->told.ptr, expected);
    sim->told.len = 0;
}

/* ---- clients ---- */

static struct sim_peer *ask(struct eio_sim *sim, unsigned loop, const char *text)
{
    struct sim_peer *peer = sim_connect(sim->loops[loop]);

    sim_send_text(peer, text);
    eio_sim_run(sim);
    return peer;
}

struct sim_peer *eio_sim_get(struct eio_sim *sim, unsigned loop, const char *query)
{
    char text[1000];

    (void)snprintf(text, sizeof text,
                   "GET /e/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: a\r\n\r\n", query);
    return ask(sim, loop, text);
}

struct sim_peer *eio_sim_post(struct eio_sim *sim, unsigned loop, const char *query,
                              const char *body)
{
    char text[5000];

    (void)snprintf(text, sizeof text,
                   "POST /e/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: a\r\n"
                   "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n%s",
                   query, strlen(body), body);
    return ask(sim, loop, text);
}

const char *eio_sim_sid(struct eio_sim *sim)
{
    static char text[40];

    (void)snprintf(text, sizeof text, "&sid=%s", sim->id);
    return text;
}

void eio_sim_open(struct eio_sim *sim, unsigned loop)
{
    struct sim_peer *peer = eio_sim_get(sim, loop, "");

    http_sim_assert_status(peer, 200);
    eio_sim_expect_told(sim, "open;");
}

struct sim_peer *eio_sim_poll(struct eio_sim *sim)
{
    return eio_sim_get(sim, 0, eio_sim_sid(sim));
}

struct sim_peer *eio_sim_say(struct eio_sim *sim, const char *body)
{
    return eio_sim_post(sim, 0, eio_sim_sid(sim), body);
}

struct sim_peer *eio_sim_upgrade(struct eio_sim *sim, unsigned loop, const char *query)
{
    char text[1000];

    (void)snprintf(text, sizeof text,
                   "GET /e/?EIO=4&transport=websocket%s HTTP/1.1\r\nHost: a\r\n"
                   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Version: 13\r\n\r\n",
                   query);
    return ask(sim, loop, text);
}

struct sim_peer *eio_sim_ws(struct eio_sim *sim, unsigned loop, const char *query)
{
    struct sim_peer *peer = eio_sim_upgrade(sim, loop, query);
    const char *head = sim_received(peer);

    http_sim_assert_status(peer, 101);
    yd_buf_consume(&peer->output, (size_t)(http_sim_body(peer) - head));
    return peer;
}

struct sim_peer *eio_sim_ws_open(struct eio_sim *sim, unsigned loop)
{
    struct sim_peer *peer = eio_sim_ws(sim, loop, "");
    struct ws_sim_frame frame;

    assert_true(ws_sim_next(peer, &frame));
    assert_int_equal(frame.first_byte, 0x81);
    assert_int_equal(frame.data[0], '0');
    eio_sim_expect_told(sim, "open;");
    return peer;
}

void eio_sim_expect(struct sim_peer *peer, int status, const char *body)
{
    http_sim_assert_status(peer, status);
    assert_string_equal(http_sim_body(peer), body);
    sim_forget(peer);
}

void eio_sim_expect_error(struct sim_peer *peer, int code)
{
    static const char *const bodies[] = {
        "{\"code\":0,\"message\":\"Transport unknown\"}",
        "{\"code\":1,\"message\":\"Session ID unknown\"}",
        "{\"code\":2,\"message\":\"Bad handshake method\"}",
        "{\"code\":3,\"message\":\"Bad request\"}",
        "{\"code\":4,\"message\":\"Forbidden\"}",
        "{\"code\":5,\"message\":\"Unsupported protocol version\"}",
    };

    assert_string_equal(http_sim_header(peer, "Content-Type"), "application/json");
    eio_sim_expect(peer, code == 4 ? 403 : 400, bodies[code]);
}

static int send_msg(struct eio_sim *sim, yodel_ws_type type, const void *data, size_t len,
                    unsigned flags)
{
    struct yd_msg *msg = yd_ws_make_msg(sim->http.mem, type, (yodel_bytes){data, len});
    int rc = -ENOMEM;

    if (msg != NULL && sim->session != NULL)
        rc = yd_eio_send(sim->session, &msg, 1, flags);
    yd_msg_unref(msg);
    eio_sim_run(sim);
    return rc;
}

int eio_sim_send(struct eio_sim *sim, const char *text, unsigned flags)
{
    return send_msg(sim, YODEL_WS_TEXT, text, strlen(text), flags);
}

int eio_sim_send_binary(struct eio_sim *sim, const void *data, size_t len, unsigned flags)
{
    return send_msg(sim, YODEL_WS_BINARY, data, len, flags);
}
