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

/* ---- the layer above ---- */

static void *on_open(struct yd_eio_session *session, void *user)
{
    struct eio_sim *sim = user;

    sim->session = session;
    (void)snprintf(sim->id, sizeof sim->id, "%" YODEL_PRI, YODEL_ARG(yd_eio_id(session)));
    if (sim->close_at_open)
        yd_eio_close(session, YD_EIO_FORCED_CLOSE);
    if (sim->refuse_open)
        return NULL;
    loops_sim_tell(&sim->base, "open;");
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
    loops_sim_tell(&sim->base, "%s:%s;", binary ? "binary" : "text", text);
    memset(data, 'x', len); /* it may be changed */
    if (sim->pause_after != NULL && strcmp(text, sim->pause_after) == 0)
        yd_eio_pause(session);
    if (sim->close_after != NULL && strcmp(text, sim->close_after) == 0) {
        yd_eio_close(session, YD_EIO_FORCED_CLOSE);
    } else if (sim->echo) {
        char packet[4001];
        struct yd_msg *msg;

        (void)snprintf(packet, sizeof packet, "4%.3999s", text);
        msg = yd_ws_make_msg(sim->base.http.mem, YODEL_WS_TEXT,
                             (yodel_bytes){(const uint8_t *)packet, strlen(packet)});
        if (msg != NULL)
            (void)yd_eio_send(session, &msg, 1, 0);
        yd_msg_unref(msg);
    }
}

static void on_drain(struct yd_eio_session *session)
{
    struct eio_sim *sim = yd_eio_data(session);

    loops_sim_tell(&sim->base, "drain;");
}

static void on_close(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    struct eio_sim *sim = yd_eio_data(session);

    loops_sim_tell(&sim->base, "close:%s;", yd_eio_reason_text(reason));
    if (sim->session == session)
        sim->session = NULL;
}

static void on_upgrade(struct yd_eio_session *session)
{
    struct eio_sim *sim = yd_eio_data(session);

    sim->num_upgrades++;
}

static const struct yd_eio_events events = {.on_open = on_open,
                                            .on_message = on_message,
                                            .on_drain = on_drain,
                                            .on_upgrade = on_upgrade,
                                            .on_close = on_close};

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

int eio_sim_start(struct eio_sim *sim, const struct yodel_allocator *mem, unsigned num_loops,
                  const struct yd_eio_options *given)
{
    struct yd_eio_options options;
    int rc;

    eio_sim_options(&options);
    memset(sim, 0, sizeof *sim);
    rc = loops_sim_start(&sim->base, mem, num_loops, 100);
    if (rc == 0 && num_loops == 2)
        sim_link(sim->base.loops[0], sim->base.loops[1]);
    if (rc == 0)
        rc = yd_eio_new(&sim->base.http, &sim->base.ws, sim->base.loops, num_loops,
                        given != NULL ? given : &options, &events, sim, &sim->eio);
    if (rc < 0)
        eio_sim_stop(sim);
    return rc;
}

void eio_sim_stop(struct eio_sim *sim)
{
    for (unsigned i = 0; sim->eio != NULL && i < sim->base.num_loops; i++)
        yd_eio_stop(sim->eio, sim->base.loops[i]);
    for (unsigned i = 0; i < sim->base.num_loops; i++)
        yd_net_abort(&sim->base.nets[i]);
    loops_sim_run(&sim->base);
    loops_sim_close(&sim->base);
    yd_eio_free(sim->eio);
    loops_sim_free(&sim->base);
}

void eio_sim_run(struct eio_sim *sim)
{
    loops_sim_run(&sim->base);
}

void eio_sim_advance(struct eio_sim *sim, uint64_t ms)
{
    loops_sim_advance(&sim->base, ms);
}

void eio_sim_expect_told(struct eio_sim *sim, const char *expected)
{
    loops_sim_expect_told(&sim->base, expected);
}

/* ---- clients ---- */

static struct sim_peer *ask(struct eio_sim *sim, unsigned loop, const char *text)
{
    struct sim_peer *peer = sim_connect(sim->base.loops[loop]);

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
    struct yd_msg *msg = yd_ws_make_msg(sim->base.http.mem, type, (yodel_bytes){data, len});
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
