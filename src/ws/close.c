/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "ws/ws.h"

/* Reason of a close frame: 125 octets less the code (RFC 6455 5.5.1). */
#define MAX_REASON (YD_WS_MAX_CONTROL - 2)

/* The first to close is the one who closed.  From here on it is no member of anything. */
static void note_closing(yodel_ws *ws, unsigned code, yodel_str reason, yodel_ws_closer by)
{
    struct yd_ws_aside *aside;

    if (ws->has_closing)
        return;
    yd_member_leave_all(yd_ws_loop_of(ws), &ws->member);
    ws->has_closing = true;
    ws->closed.code = (uint16_t)code;
    ws->closed.by = (uint8_t)by;
    if (reason.len > 0 && (aside = yd_ws_aside_of(ws)) != NULL) {
        aside->close_reason = yd_strndup(ws->route->service->mem, reason.ptr, reason.len);
        aside->close_reason_len = (uint8_t)(aside->close_reason != NULL ? reason.len : 0);
    }
}

static void write_close(yodel_ws *ws, unsigned code, yodel_str reason)
{
    uint8_t body[YD_WS_MAX_CONTROL] = {(uint8_t)(code >> 8), (uint8_t)code};

    if (reason.len > 0)
        memcpy(body + 2, reason.ptr, reason.len);
    if (yd_ws_send_control(ws, YD_WS_CLOSE, body, code != 0 ? 2 + reason.len : 0) < 0)
        yd_conn_abort(ws->conn, -ENOMEM);
}

/* The peer's close frame, and what is still on its way to it, must come within this. */
static void await_answer(yodel_ws *ws)
{
    uint32_t close_ms = ws->route->service->defaults.close_ms;

    yd_conn_set_timeout(ws->conn, yd_net_patience(yd_ws_loop_of(ws)->net, close_ms));
}

void yd_ws_send_close(yodel_ws *ws, unsigned code, yodel_str reason, yodel_ws_closer by)
{
    if (ws->state != YD_WS_OPEN)
        return;
    if (reason.len > 0 && !yd_utf8_is_valid(reason.ptr, reason.len))
        reason.len = 0;
    reason.len = code != 0 ? yd_utf8_cut(reason.ptr, reason.len, MAX_REASON) : 0;
    note_closing(ws, code != 0 ? code : 1005, reason, by);
    ws->state = YD_WS_CLOSING;
    write_close(ws, code, reason);
    await_answer(ws);
    if (ws->paused) { /* messages are dropped from now on; the peer's close frame is not */
        ws->paused = false;
        yd_ws_let_in(ws);
    }
}

/* ---- the connection after its WebSocket: only the transport has to end ---- */

static size_t drop_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    (void)conn;
    (void)data;
    return len;
}

static void ignore(struct yd_conn *conn)
{
    (void)conn;
}

static void ignore_closed(struct yd_conn *conn, int error)
{
    (void)conn;
    (void)error;
}

static const struct yd_conn_events ended_events = {
    .on_data = drop_data,
    .on_eof = ignore,
    .on_timeout = ignore,
    .on_drain = ignore,
    .on_stop = ignore,
    .on_closed = ignore_closed,
};

static void run_end(struct yd_mail *mail, void *receiver)
{
    (void)receiver;
    yd_ws_end(yd_container_of(mail, yodel_ws, in.end), 0);
}

/* The closing handshake is over, or has failed: the handler hears of it in a task; it need not wait
 * for TCP, which a peer can draw out. */
static void finish(yodel_ws *ws)
{
    ws->state = YD_WS_DONE;
    yd_conn_close(ws->conn);
    yd_conn_set_events(ws->conn, &ended_events, NULL);
    ws->in.end.run = run_end;
    yd_loop_task(yd_ws_loop_of(ws), &ws->in.end);
}

void yd_ws_fail(yodel_ws *ws, unsigned code, const char *reason, yodel_ws_closer by)
{
    if (ws->state == YD_WS_DONE)
        return;
    yd_ws_send_close(ws, code, yodel_str_of(ws->route->terse ? "" : reason), by);
    yd_conn_expect_more(ws->conn); /* it may be in the middle of a message */
    finish(ws);
}

void yd_ws_on_close_frame(yodel_ws *ws, const uint8_t *data, size_t len)
{
    const uint8_t *text = NULL;
    yodel_str reason;
    uint16_t code = 0;
    int bad;

    bad = yd_ws_parse_close(data, len, &code, &text, &reason.len);
    if (bad != 0) {
        yd_ws_fail(ws, (unsigned)bad, "bad close frame", YODEL_WS_BY_ERROR);
        return;
    }
    reason.ptr = (const char *)text;
    if (ws->state == YD_WS_OPEN) {
        note_closing(ws, code, reason, YODEL_WS_BY_PEER);
        write_close(ws, len > 0 ? code : 0, reason);
    }
    finish(ws);
}

/* ---- heartbeat ---- */

void yd_ws_start_heartbeat(yodel_ws *ws)
{
    yd_ws_hear(ws);
    yd_conn_set_timeout(ws->conn, ws->route->options.ping_ms);
}

/* The timer runs from ping to ping and looks back at what was heard, so that a message costs it
 * nothing. */
static void beat(yodel_ws *ws)
{
    uint32_t ping_ms = ws->route->options.ping_ms, pong_ms = ws->route->options.pong_ms;
    uint32_t silent = (uint32_t)yd_ws_loop_of(ws)->now - ws->heard_at;

    if (ws->held_back || ws->paused) { /* it is we who do not listen */
        yd_conn_set_timeout(ws->conn, ping_ms);
    } else if (ws->pinged) {
        yd_count(&yd_ws_loop_of(ws)->counters.pings_unanswered, 1);
        yd_ws_fail(ws, 1011, "ping timeout", YODEL_WS_BY_TIMEOUT);
    } else if (silent < ping_ms) {
        yd_conn_set_timeout(ws->conn, ping_ms - silent);
    } else {
        ws->pinged = pong_ms <= YD_CONN_LONGEST; /* else nothing is expected of the peer */
        (void)yd_ws_send_control(ws, YD_WS_PING, NULL, 0);
        yd_conn_set_timeout(ws->conn, ws->pinged ? pong_ms : ping_ms);
    }
}

void yd_ws_on_timeout(yodel_ws *ws)
{
    if (ws->state == YD_WS_OPEN)
        beat(ws);
    else if (yd_net_is_stopping(yd_ws_loop_of(ws)->net) && yd_conn_buffered(ws->conn) > 0)
        await_answer(ws); /* it is still reading: the drain time is its limit */
    else
        yd_conn_abort(ws->conn, 0); /* the peer's close frame did not come in time */
}

void yd_ws_on_stop(yodel_ws *ws)
{
    if (yd_conn_is_held(ws->conn))
        return;
    if (ws->state == YD_WS_OPEN)
        yd_ws_send_close(ws, yd_net_stop_code(yd_ws_loop_of(ws)->net), YODEL_STR("server stops"),
                         YODEL_WS_BY_SERVER);
    else
        await_answer(ws); /* which may be shorter now */
}

/* ---- the end ---- */

static yodel_str close_reason(const yodel_ws *ws)
{
    if (ws->aside == NULL)
        return (yodel_str){NULL, 0};
    return (yodel_str){ws->aside->close_reason, ws->aside->close_reason_len};
}

static void tell_close(yodel_ws *ws, int error)
{
    yodel_ws_close_fn *on_close = ws->route->handlers.on_close;
    yodel_ws_closing closing = {
        .size = sizeof closing,
        .code = 1006,
        .by = error == -ETIMEDOUT ? YODEL_WS_BY_TIMEOUT : YODEL_WS_BY_LOSS,
    };

    if (ws->has_closing)
        closing = (yodel_ws_closing){sizeof closing, ws->closed.code, close_reason(ws),
                                     (yodel_ws_closer)ws->closed.by};
    if (on_close != NULL)
        on_close(ws, &closing, ws->route->user);
}

void yd_ws_end(yodel_ws *ws, int error)
{
    const struct yodel_allocator *mem = ws->route->service->mem;
    bool was_open = ws->state != YD_WS_CONNECTING;

    yd_member_leave_all(yd_ws_loop_of(ws), &ws->member);
    ws->state = YD_WS_DONE; /* whatever on_close calls */
    if (was_open)
        atomic_fetch_sub_explicit(&ws->route->service->num_open, 1, memory_order_relaxed);
    if (was_open || ws->deferred)
        tell_close(ws, error);
    while (ws->free_data != NULL)
        yodel_ws_set_data(ws, NULL, NULL);
    yd_ws_free_contexts(ws);
    yd_ws_free_aside(ws);
    yd_conn_release(ws->conn);
    yd_free(mem, ws);
}

void yodel_ws_set_data(yodel_ws *ws, void *data, yodel_free_fn *free_data)
{
    void *old;
    yodel_free_fn *free_old;

    if (ws == NULL)
        return;
    old = ws->data;
    free_old = ws->free_data;
    ws->data = data;
    ws->free_data = free_data;
    if (free_old != NULL && old != data)
        free_old(old);
}

void *yodel_ws_data(const yodel_ws *ws)
{
    if (ws == NULL)
        return NULL;
    return ws->data;
}

yodel_server *yodel_ws_server(const yodel_ws *ws)
{
    if (ws == NULL)
        return NULL;
    return ws->route->service->server;
}

yodel_loop *yodel_ws_loop(const yodel_ws *ws)
{
    if (ws == NULL)
        return NULL;
    return yd_ws_loop_of(ws)->open;
}
