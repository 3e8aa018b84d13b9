/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "eio/eio_internal.h"

/* A session's own messages are bounded by this layer, which looks ahead of several at once. */
#define UNBOUNDED (SIZE_MAX / 2)

/* As in the reference: shorter messages are not deflated, bytes. */
#define DEFLATE_MIN 1024

static struct yd_eio_loop *home_of(const yodel_ws *ws, void *user)
{
    struct yd_eio *eio = user;

    return &eio->loops[yd_ws_loop_of(ws)->index];
}

/* ---- output ---- */

/* A client that cannot take binary says so. */
static int send_as_text(struct yd_eio_session *session, struct yd_msg *msg)
{
    const struct yodel_allocator *mem = session->home->eio->mem;
    struct yd_buf text = {0};
    int rc = yd_eio_payload_put_binary(mem, &text, (yodel_bytes){yd_msg_payload(msg), msg->len});

    if (rc == 0)
        rc = yodel_ws_send(session->ws, YODEL_WS_TEXT, (yodel_bytes){text.ptr, text.len});
    yd_buf_free(mem, &text);
    return rc;
}

int yd_eio_ws_send(struct yd_eio_session *session, struct yd_msg *msg)
{
    if (session->b64 && msg->type == YODEL_WS_BINARY)
        return send_as_text(session, msg);
    return yd_ws_send_msg(session->ws, msg);
}

void yd_eio_ws_drop(yodel_ws *ws, unsigned code)
{
    yodel_ws_set_data(ws, NULL, NULL);
    yodel_ws_close(ws, (uint16_t)code, (yodel_str){NULL, 0});
}

/* ---- opening ---- */

/* As in the reference, the first one that is offered is taken. */
static int accept_with(yodel_ws *ws, yodel_request *req, const struct yd_eio_headers *headers)
{
    yodel_str offered = yodel_request_subprotocol(req, 0);
    char subprotocol[128];

    if (offered.len >= sizeof subprotocol)
        offered.len = 0;
    if (offered.len > 0)
        memcpy(subprotocol, offered.ptr, offered.len);
    subprotocol[offered.len] = '\0';
    return yodel_ws_accept(ws,
                           YODEL_OPTIONS(yodel_ws_accept_options,
                                         .subprotocol = offered.len > 0 ? subprotocol : NULL,
                                         .headers = headers->list, .num_headers = headers->num));
}

static int accept_it(struct yd_eio_loop *home, yodel_ws *ws, yodel_request *req)
{
    struct yd_eio_headers headers;
    int rc;

    yd_eio_headers_init(&headers, home->eio->mem);
    yd_eio_headers_ask(&headers, home->eio, req, home->accepting.purpose == YD_EIO_OPEN_SESSION);
    rc = accept_with(ws, req, &headers);
    yd_eio_headers_done(&headers);
    return rc;
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct yd_eio_loop *home = home_of(ws, user);
    struct yd_eio_accepting *accepting = &home->accepting;
    int rc;

    if (accepting->purpose == YD_EIO_OPEN_SESSION &&
        yd_eio_session_new(home, req, false, &accepting->session) < 0)
        return 503;
    if ((rc = accept_it(home, ws, req)) < 0 && accepting->purpose == YD_EIO_OPEN_SESSION) {
        yd_eio_session_free(accepting->session);
        accepting->session = NULL;
    }
    return rc;
}

static int send_open_packet(struct yd_eio_session *session)
{
    struct yd_buf text = {0};
    int rc = yd_eio_put_open_packet(session, &text);

    if (rc == 0)
        rc = yodel_ws_send(session->ws, YODEL_WS_TEXT, (yodel_bytes){text.ptr, text.len});
    yd_buf_free(session->home->eio->mem, &text);
    return rc;
}

static void open_session(struct yd_eio_session *session, yodel_ws *ws, bool b64)
{
    session->ws = ws;
    session->b64 = b64;
    yodel_ws_set_data(ws, session, NULL);
    if (send_open_packet(session) == 0 && yd_eio_session_open(session) == 0)
        return;
    yodel_ws_set_data(ws, NULL, NULL);
    yodel_ws_close(ws, 1011, YODEL_STR("out of memory"));
    session->ws = NULL;
    yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
}

static int on_open(yodel_ws *ws, void *user)
{
    struct yd_eio_accepting *accepting = &home_of(ws, user)->accepting;
    struct yd_eio_session *session = accepting->session;

    accepting->session = NULL;
    if (session == NULL)
        yd_eio_ws_drop(ws, 0);
    else if (accepting->purpose == YD_EIO_OPEN_SESSION)
        open_session(session, ws, accepting->b64);
    else
        yd_eio_probe_begin(session, ws, accepting->b64);
    return 0;
}

/* ---- input ---- */

static void take_message(struct yd_eio_session *session, const yodel_ws_message *message)
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

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct yd_eio_session *session = yodel_ws_data(ws);

    (void)user;
    if (session == NULL)
        return 0;
    if (session->ws == ws)
        take_message(session, message);
    else
        yd_eio_probe_message(session, message);
    return 0;
}

static void on_drain(yodel_ws *ws, void *user)
{
    struct yd_eio_session *session = yodel_ws_data(ws);

    (void)user;
    if (session != NULL && session->ws == ws)
        yd_eio_drained(session);
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

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    struct yd_eio_session *session = yodel_ws_data(ws);

    (void)user;
    if (session == NULL)
        return;
    if (session->ws != ws) {
        yd_eio_probe_end(session, false);
        return;
    }
    session->ws = NULL;
    yd_eio_end(session, reason_of(closing));
}

int yd_eio_make_route(struct yd_eio *eio, struct yd_ws_service *ws)
{
    yodel_ws_options options = {
        .size = sizeof options,
        .max_message = eio->options.max_payload,
        .max_buffered = UNBOUNDED,
        .deflate = eio->options.deflate,
        .deflate_min = DEFLATE_MIN,
        .ping_ms = UINT32_MAX,
    };
    yodel_ws_handlers handlers = {
        .size = sizeof handlers,
        .on_connect = on_connect,
        .on_open = on_open,
        .on_message = on_message,
        .on_drain = on_drain,
        .on_close = on_close,
        .options = &options,
    };

    return yd_ws_route_new(ws, &handlers, eio, &eio->route);
}
