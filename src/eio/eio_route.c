/* SPDX-License-Identifier: MIT */
#include "eio/eio_route.h"

#include <string.h>

#include "base/buf.h"
#include "eio/eio_check.h"
#include "eio/headers.h"
#include "eio/upgrade.h"
#include "eio/websocket.h"

/* A session's own messages are bounded by this layer, which looks ahead of several at once. */
#define UNBOUNDED (SIZE_MAX / 2)

/* ---- the answer to the handshake ---- */

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

static int accept_it(struct yd_eio_loop *home, yodel_ws *ws, yodel_request *req, bool first)
{
    struct yd_eio_headers headers;
    int rc;

    yd_eio_headers_init(&headers, home->eio->mem);
    yd_eio_headers_ask(&headers, home->eio, req, first);
    rc = accept_with(ws, req, &headers);
    yd_eio_headers_done(&headers);
    return rc;
}

/* ---- what it becomes ---- */

static int send_open_packet(struct yd_eio_session *session)
{
    struct yd_buf text = {0};
    int rc = yd_eio_put_open_packet(session, &text);

    if (rc == 0)
        rc = yd_eio_sent(session->home,
                         yd_ws_send_checked(session->ws, (yodel_bytes){text.ptr, text.len}));
    yd_buf_free(yd_eio_mem(session), &text);
    return rc;
}

static int open_session(struct yd_eio_loop *home, yodel_ws *ws, yodel_request *req, bool b64)
{
    struct yd_eio_session *session;
    int rc;

    if (yd_eio_session_new(home, req, YD_EIO_WEBSOCKET, &session) < 0)
        return 503;
    if ((rc = accept_it(home, ws, req, true)) < 0) {
        yd_eio_session_discard(session);
        return rc;
    }
    yd_eio_ws_attach(session, ws, b64);
    if (send_open_packet(session) < 0)
        yd_eio_end(session, YD_EIO_NOT_OPENED);
    else
        (void)yd_eio_session_open(session);
    return YODEL_ACCEPT;
}

/* The session may have ended in a hook. */
static int probe_session(struct yd_eio_loop *home, yodel_ws *ws, yodel_request *req,
                         const struct yd_eio_ask *ask)
{
    struct yd_eio_session *session;
    int rc;

    if ((rc = accept_it(home, ws, req, false)) < 0)
        return rc;
    if ((session = yd_eio_find(home, ask->sid)) != NULL)
        yd_eio_upgrade_begin(session, ws, ask->b64);
    else
        yd_eio_ws_drop(ws, 0, "");
    return YODEL_ACCEPT;
}

/* The reference lets WebSockets for polling through, and closes them. */
static int turn_away(struct yd_eio_loop *home, yodel_ws *ws, yodel_request *req)
{
    int rc = accept_it(home, ws, req, false);

    if (rc == 0)
        yd_eio_ws_drop(ws, 0, "");
    return rc < 0 ? rc : YODEL_ACCEPT;
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct yd_eio_loop *home = yd_eio_home(user, req);
    struct yd_eio_ask ask;

    yd_eio_read_ask(req, &ask);
    if (!yodel_str_eq(ask.transport, YODEL_STR("websocket")))
        return turn_away(home, ws, req);
    if (ask.sid.len > 0)
        return probe_session(home, ws, req, &ask);
    return open_session(home, ws, req, ask.b64);
}

/* ---- what comes in: a WebSocket carries a session, or probes for one ---- */

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct yd_eio_session *session = yd_eio_ws_carries(ws);
    bool carries = session != NULL;

    (void)user;
    if (!carries && (session = yodel_ws_data(ws)) == NULL)
        return 0;
    yd_count(&session->home->messages_in, 1);
    if (carries)
        yd_eio_ws_message(session, message);
    else
        yd_eio_upgrade_message(session, message);
    return 0;
}

static void on_drain(yodel_ws *ws, void *user)
{
    struct yd_eio_session *session = yd_eio_ws_carries(ws);

    (void)user;
    if (session != NULL)
        yd_eio_drained(session);
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    struct yd_eio_session *session = yd_eio_ws_carries(ws);

    (void)user;
    if (session != NULL)
        yd_eio_ws_lost(session, closing);
    else if ((session = yodel_ws_data(ws)) != NULL)
        yd_eio_upgrade_lost(session);
}

int yd_eio_make_route(struct yd_eio *eio, struct yd_ws_service *ws)
{
    yodel_ws_options options = {
        .size = sizeof options,
        .max_message = eio->options.max_payload,
        .max_buffered = UNBOUNDED,
        .deflate = eio->options.deflate,
        .deflate_min = eio->options.deflate_min,
        .deflate_level = eio->options.deflate_level,
        .deflate_bits = eio->options.deflate_bits,
        .deflate_client_bits = eio->options.deflate_client_bits,
        .ping_ms = UINT32_MAX,
    };
    yodel_ws_handlers handlers = {
        .size = sizeof handlers,
        .on_connect = on_connect,
        .on_message = on_message,
        .on_drain = on_drain,
        .on_close = on_close,
        .options = &options,
    };

    int rc = yd_ws_route_new(ws, &handlers, eio, &eio->route);

    if (rc == 0)
        yd_ws_route_be_terse(eio->route);
    return rc;
}
