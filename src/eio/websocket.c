/* SPDX-License-Identifier: MIT */
#include "eio/websocket.h"

#include "base/mem.h"
#include "proto/eio_payload.h"

/* ---- output ---- */

/* A client that cannot take binary says so. */
static int send_as_text(struct yd_eio_session *session, struct yd_msg *msg)
{
    const struct yodel_allocator *mem = yd_eio_mem(session);
    struct yd_buf text = {0};
    int rc = yd_eio_payload_put_binary(mem, &text, (yodel_bytes){yd_msg_payload(msg), msg->len});

    if (rc == 0)
        rc = yd_eio_sent(session->home,
                         yd_ws_send_checked(session->ws, (yodel_bytes){text.ptr, text.len}));
    yd_buf_free(mem, &text);
    return rc;
}

static int send_one(struct yd_eio_session *session, struct yd_msg *msg)
{
    if (session->ws == NULL)
        return YODEL_ERR_CLOSED;
    if (session->b64 && msg->type == YODEL_WS_BINARY)
        return send_as_text(session, msg);
    return yd_eio_sent(session->home, yd_ws_send_msg(session->ws, msg));
}

/* A packet without its attachments would spoil what follows. */
static int send(struct yd_eio_session *session, struct yd_msg *const *msgs, size_t num,
                unsigned flags)
{
    int rc = 0;

    (void)flags;
    for (size_t i = 0; rc == 0 && i < num; i++) {
        rc = send_one(session, msgs[i]);
        if (rc < 0 && i > 0)
            yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
    }
    return rc;
}

static int send_copy(struct yd_eio_session *session, yodel_str packet)
{
    if (session->ws == NULL)
        return YODEL_ERR_CLOSED;
    return yd_eio_sent(
        session->home,
        yd_ws_send_checked(session->ws, (yodel_bytes){(const uint8_t *)packet.ptr, packet.len}));
}

static void want_drain(struct yd_eio_session *session)
{
    if (session->ws != NULL)
        yd_ws_want_drain(session->ws);
}

/* ---- input ---- */

static void pause(struct yd_eio_session *session)
{
    if (session->ws == NULL)
        return;
    if (session->paused)
        (void)yodel_ws_pause(session->ws);
    else
        (void)yodel_ws_resume(session->ws);
}

/* ---- the end ---- */

void yd_eio_ws_drop(yodel_ws *ws, unsigned code, const char *why)
{
    yodel_ws_set_data(ws, NULL, NULL);
    yodel_ws_close(ws, (uint16_t)code, why);
}

static void close_ws(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    yodel_ws *ws = session->ws;

    session->ws = NULL;
    if (ws == NULL)
        return;
    if (reason == YD_EIO_SHUTTING_DOWN)
        yd_eio_ws_drop(ws, yd_net_stop_code(yd_eio_loop(session)->net), "");
    else if (reason == YD_EIO_NOT_OPENED)
        yd_eio_ws_drop(ws, 1011, "out of memory");
    else
        yd_eio_ws_drop(ws, 0, "");
}

static void free_nothing(struct yd_eio_session *session)
{
    (void)session;
}

/* ---- the transport ---- */

static size_t buffered(const struct yd_eio_session *session)
{
    return session->ws != NULL ? yodel_ws_buffered(session->ws) : 0;
}

static bool is_idle(const struct yd_eio_session *session)
{
    return session->ws != NULL && yd_ws_is_idle(session->ws);
}

static uint64_t heard_at(const struct yd_eio_session *session)
{
    return session->ws != NULL ? yd_ws_heard_at(session->ws) : 0;
}

const struct yd_eio_transport_ops yd_eio_websocket = {
    .ends_in_order = true,
    .send = send,
    .send_copy = send_copy,
    .want_drain = want_drain,
    .pause = pause,
    .close = close_ws,
    .free = free_nothing,
    .buffered = buffered,
    .is_idle = is_idle,
    .heard_at = heard_at,
};

void yd_eio_ws_attach(struct yd_eio_session *session, yodel_ws *ws, bool b64)
{
    session->transport = YD_EIO_WEBSOCKET;
    session->ws = ws;
    session->b64 = b64;
    yodel_ws_set_data(ws, session, NULL);
    if (session->paused)
        pause(session);
}

struct yd_eio_session *yd_eio_ws_carries(yodel_ws *ws)
{
    struct yd_eio_session *session = yodel_ws_data(ws);

    if (session == NULL || session->transport != YD_EIO_WEBSOCKET || session->ws != ws)
        return NULL;
    return session;
}

/* ---- what the WebSocket tells ---- */

void yd_eio_ws_message(struct yd_eio_session *session, const yodel_ws_message *message)
{
    uint8_t *data = (uint8_t *)message->data.ptr; /* of the ws layer's, which has no more use */
    struct yd_eio_packet packet;

    if (message->type == YODEL_WS_BINARY)
        packet = yd_eio_decode_binary(data, message->data.len);
    else if (yd_eio_decode_text(data, message->data.len, &packet) < 0) {
        yd_eio_end(session, YD_EIO_PARSE_ERROR);
        return;
    }
    yd_eio_on_packet(session, &packet);
}

static enum yd_eio_reason reason_of(const yodel_ws_closing *closing)
{
    switch (closing->by) {
    case YODEL_WS_BY_ERROR:
    case YODEL_WS_BY_TIMEOUT:
        return YD_EIO_TRANSPORT_ERROR;
    case YODEL_WS_BY_SERVER:
        return YD_EIO_SHUTTING_DOWN;
    default:
        return YD_EIO_TRANSPORT_CLOSE;
    }
}

void yd_eio_ws_lost(struct yd_eio_session *session, const yodel_ws_closing *closing)
{
    session->ws = NULL;
    yd_eio_end(session, reason_of(closing));
}
