/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/caller.h"
#include "ws/ws.h"

#define WARN_EVERY_MS 1000

/* Output above which a peer is not listened to, bytes: its messages cause more of it. */
#define HOLD_BACK_ABOVE (256 * 1024)

static const struct yodel_allocator *mem_of(const yodel_ws *ws)
{
    return ws->route->service->mem;
}

/* ---- what goes wrong ---- */

void yd_ws_handler_failed(yodel_ws *ws, const char *handler, int result)
{
    struct yd_ws_loop *shared = yd_ws_shared(ws);
    uint64_t now = yd_ws_loop_of(ws)->now;

    if (shared->warned_at == 0 || now - shared->warned_at >= WARN_EVERY_MS) {
        shared->warned_at = now;
        yd_log(ws->route->service->log, YODEL_LOG_WARN, "%s failed: %s", handler,
               yodel_strerror(result));
    }
    yd_ws_send_close(ws, 1011, YODEL_STR("handler failed"), YODEL_WS_BY_SERVER);
}

static void fail_protocol(yodel_ws *ws, int code, const char *reason)
{
    if (code == 1009)
        yd_count(&yd_ws_loop_of(ws)->counters.messages_too_big, 1);
    yd_log(ws->route->service->log, YODEL_LOG_DEBUG, "WebSocket closed with %d: %s", code, reason);
    yd_ws_fail(ws, (unsigned)code, reason, YODEL_WS_BY_ERROR);
}

static void fail_memory(yodel_ws *ws)
{
    yd_ws_fail(ws, 1011, "out of memory", YODEL_WS_BY_SERVER);
}

/* Result of taking in message bytes: closes on failure. */
static void fail_intake(yodel_ws *ws, int rc)
{
    if (rc == -EILSEQ)
        fail_protocol(ws, 1007, "text that is not UTF-8");
    else if (rc == -EMSGSIZE)
        fail_protocol(ws, 1009, "message too big after inflation");
    else if (rc == -EINVAL)
        fail_protocol(ws, 1007, "not a deflate stream");
    else
        fail_memory(ws);
}

/* ---- whole messages ---- */

static __attribute__((noinline)) bool fail_flood(yodel_ws *ws)
{
    fail_protocol(ws, 1008, "too many messages");
    return false;
}

/* False when nothing more is taken, or there are too many of them: the WebSocket is closing then.
 * A ping is one, too, as it is answered. */
static bool count_one(yodel_ws *ws)
{
    return ws->state == YD_WS_OPEN && (yd_conn_count_message(ws->conn) || fail_flood(ws));
}

static void deliver(yodel_ws *ws, uint8_t opcode, const uint8_t *data, size_t len)
{
    yodel_ws_message message = {sizeof message, (yodel_ws_type)opcode, {data, len}};
    const yodel_ws_handlers *handlers = &ws->route->handlers;
    struct yd_ws_loop *shared = yd_ws_shared(ws);
    int rc;

    yd_count(&yd_ws_loop_of(ws)->counters.messages_in, 1);
    if (!count_one(ws) || handlers->on_message == NULL)
        return;
    if (opcode == YD_WS_TEXT)
        shared->checked = message.data;
    rc = handlers->on_message(ws, &message, ws->route->user);
    shared->checked = (yodel_bytes){NULL, 0};
    if (rc < 0)
        yd_ws_handler_failed(ws, "on_message", rc);
}

/* A compressed message that is all there. */
static void on_whole_deflated(yodel_ws *ws, const struct yd_ws_piece *piece)
{
    yodel_bytes text = {NULL, 0};
    int rc = yd_ws_inflate(ws, piece->data, piece->len, &text);

    if (rc == 0 && piece->opcode == YD_WS_TEXT && !yd_utf8_is_valid(text.ptr, text.len))
        rc = -EILSEQ;
    if (rc == 0)
        deliver(ws, piece->opcode, text.ptr, text.len);
    else
        fail_intake(ws, rc);
    yd_ws_inflated(ws);
}

static void on_whole(yodel_ws *ws, const struct yd_ws_piece *piece)
{
    if (piece->compressed)
        on_whole_deflated(ws, piece);
    else if (piece->opcode == YD_WS_TEXT && !piece->ascii &&
             !yd_utf8_is_valid(piece->data, piece->len))
        fail_intake(ws, -EILSEQ);
    else
        deliver(ws, piece->opcode, piece->data, piece->len);
}

/* ---- messages in pieces ---- */

/* Where inflated bytes go. */
struct sink {
    yodel_ws *ws;
    struct yd_utf8 *utf8; /* NULL: binary */
};

static int take_in_inflated(const uint8_t *data, size_t len, void *user)
{
    struct sink *sink = user;

    if (sink->utf8 != NULL && !yd_utf8_feed(sink->utf8, data, len))
        return -EILSEQ;
    return yd_ws_partial_append(sink->ws, data, len, 0);
}

/* ASCII between whole characters needs no look. */
static int take_in(yodel_ws *ws, const struct yd_ws_piece *piece, struct yd_utf8 *utf8)
{
    if (utf8 != NULL && !(piece->ascii && yd_utf8_is_complete(utf8)) &&
        !yd_utf8_feed(utf8, piece->data, piece->len))
        return -EILSEQ;
    return yd_ws_partial_append(ws, piece->data, piece->len, yd_ws_left(&ws->in.reader));
}

static struct yd_inflater *partial_inflater(yodel_ws *ws, struct yd_ws_partial *partial)
{
    if (ws->client_context)
        return yd_ws_own_inflater(ws);
    if (partial->inflater == NULL)
        partial->inflater = yd_inflater_new(mem_of(ws), ws->client_bits);
    return partial->inflater;
}

static int inflate_piece(yodel_ws *ws, const struct yd_ws_piece *piece, struct yd_utf8 *utf8)
{
    struct yd_ws_partial *partial = ws->aside->partial;
    struct yd_inflater *inflater = partial_inflater(ws, partial);
    struct sink sink = {ws, utf8};

    if (inflater == NULL)
        return -ENOMEM;
    return yd_inflate_piece(inflater, piece->data, piece->len, piece->last, ws->client_context,
                            &partial->total, ws->route->options.max_message, take_in_inflated,
                            &sink);
}

static int append_piece(yodel_ws *ws, const struct yd_ws_piece *piece)
{
    struct yd_ws_partial *partial = ws->aside->partial;
    struct yd_utf8 *utf8 = piece->opcode == YD_WS_TEXT ? &partial->utf8 : NULL;
    int rc = piece->compressed ? inflate_piece(ws, piece, utf8) : take_in(ws, piece, utf8);

    if (rc == 0 && piece->last && !yd_utf8_is_complete(&partial->utf8))
        rc = -EILSEQ;
    return rc;
}

static void on_part(yodel_ws *ws, const struct yd_ws_piece *piece)
{
    struct yd_ws_partial *partial = yd_ws_partial_of(ws);
    int rc;

    if (partial == NULL) {
        fail_memory(ws);
        return;
    }
    if ((rc = append_piece(ws, piece)) != 0) {
        fail_intake(ws, rc);
        return;
    }
    yd_ws_partial_read_into(ws, piece->last || piece->compressed ? 0 : yd_ws_left(&ws->in.reader));
    if (!piece->last)
        return;
    deliver(ws, piece->opcode, partial->data, partial->len);
    yd_ws_free_partial(ws);
}

/* ---- control frames ---- */

static void on_whole_control(yodel_ws *ws, uint8_t opcode, const uint8_t *data, size_t len)
{
    if (opcode == YD_WS_CLOSE)
        yd_ws_on_close_frame(ws, data, len);
    else if (opcode == YD_WS_PING && count_one(ws) &&
             yd_ws_send_control(ws, YD_WS_PONG, data, len) < 0)
        fail_memory(ws);
}

static void on_control(yodel_ws *ws, const struct yd_ws_piece *piece)
{
    struct yd_ws_partial *partial;

    if (piece->first && piece->last) {
        on_whole_control(ws, piece->opcode, piece->data, piece->len);
        return;
    }
    if ((partial = yd_ws_partial_of(ws)) == NULL) {
        fail_memory(ws);
        return;
    }
    if (piece->first)
        partial->control_len = 0;
    memcpy(partial->control + partial->control_len, piece->data, piece->len);
    partial->control_len += (uint8_t)piece->len;
    if (!piece->last)
        return;
    on_whole_control(ws, piece->opcode, partial->control, partial->control_len);
    if (ws->state != YD_WS_DONE && ws->in.reader.opcode == 0) /* not inside a message */
        yd_ws_free_partial(ws);
}

/* ---- the connection ---- */

static void on_piece(yodel_ws *ws, const struct yd_ws_piece *piece)
{
    if (piece->opcode >= YD_WS_CLOSE)
        on_control(ws, piece);
    else if (piece->first && piece->last)
        on_whole(ws, piece);
    else
        on_part(ws, piece);
}

static bool has_much_to_read(const yodel_ws *ws)
{
    return yd_conn_buffered(ws->conn) >
           YD_MIN(ws->route->options.max_buffered, (size_t)HOLD_BACK_ABOVE);
}

/* A peer that does not read what it caused is not listened to until it does. */
static void hold_back(yodel_ws *ws)
{
    ws->held_back = true;
    yd_conn_pause(ws->conn);
    yd_conn_want_drain(ws->conn);
}

void yd_ws_let_in(yodel_ws *ws)
{
    if (ws->held_back || ws->paused)
        return;
    yd_ws_hear(ws); /* only now it can be heard again */
    ws->pinged = false;
    yd_conn_resume(ws->conn);
}

int yodel_ws_pause(yodel_ws *ws)
{
    if (ws == NULL)
        return -EINVAL;
    if (ws->state > YD_WS_OPEN || ws->rejected)
        return YODEL_ERR_CLOSED;
    ws->paused = true;
    if (ws->state == YD_WS_OPEN)
        yd_conn_pause(ws->conn);
    return 0;
}

int yodel_ws_resume(yodel_ws *ws)
{
    if (ws == NULL)
        return -EINVAL;
    if (ws->state > YD_WS_OPEN || ws->rejected)
        return YODEL_ERR_CLOSED;
    if (!ws->paused)
        return 0;
    ws->paused = false;
    if (ws->state == YD_WS_OPEN)
        yd_ws_let_in(ws);
    return 0;
}

static size_t on_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    yodel_ws *ws = conn->up;
    const struct yd_ws_rules rules = {ws->route->options.max_message, ws->deflate};
    struct yd_ws_piece piece;
    const char *error;
    size_t used = 0, more;
    int rc;

    yd_ws_hear(ws);
    ws->pinged = false;
    while (used < len && ws->state != YD_WS_DONE) {
        rc = yd_ws_read(&ws->in.reader, &rules, data + used, len - used, &more, &piece, &error);
        used += more;
        if (rc < 0)
            fail_protocol(ws, -rc, error);
        if (rc <= 0)
            break;
        on_piece(ws, &piece);
        if (ws->state == YD_WS_OPEN && has_much_to_read(ws))
            hold_back(ws);
        if (ws->state == YD_WS_OPEN && (ws->held_back || ws->paused))
            return used;
    }
    return len;
}

static void on_drain(struct yd_conn *conn)
{
    yodel_ws *ws = conn->up;

    if (ws->held_back) {
        ws->held_back = false;
        yd_ws_let_in(ws);
    }
    if (ws->congested && ws->state == YD_WS_OPEN) {
        ws->congested = false;
        if (ws->route->handlers.on_drain != NULL)
            ws->route->handlers.on_drain(ws, ws->route->user);
    }
}

static void on_eof(struct yd_conn *conn)
{
    yd_conn_abort(conn, 0);
}

static void on_timeout(struct yd_conn *conn)
{
    yd_ws_on_timeout(conn->up);
}

static void on_stop(struct yd_conn *conn)
{
    yd_ws_on_stop(conn->up);
}

static void on_closed(struct yd_conn *conn, int error)
{
    yd_ws_end(conn->up, error);
}

uint64_t yd_ws_heard_at(const yodel_ws *ws)
{
    uint64_t now = yd_ws_loop_of(ws)->now;

    if (ws->state != YD_WS_OPEN)
        return 0;
    if (ws->held_back || ws->paused)
        return now;
    return ws->in.reader.opcode != 0 ? now - (uint32_t)((uint32_t)now - ws->heard_at) : 0;
}

const struct yd_conn_events yd_ws_conn_events = {
    .on_data = on_data,
    .on_eof = on_eof,
    .on_timeout = on_timeout,
    .on_drain = on_drain,
    .on_stop = on_stop,
    .on_closed = on_closed,
};
