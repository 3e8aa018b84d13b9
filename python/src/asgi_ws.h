/* SPDX-License-Identifier: MIT */
#ifndef YP_ASGI_WS_H
#define YP_ASGI_WS_H

#include "asgi_inbox.h"
#include "exchange.h"

/*
 * A WebSocket of an ASGI application: what comes (asgi_ws.c), what it sends (asgi_ws_send.c), and
 * refusals with a response (asgi_ws_deny.c).
 */

enum yp_ws_phase {
    YP_WS_CONNECTING, /* neither accepted nor refused */
    YP_WS_DENYING,    /* the head of a refusal has been given, its body follows */
    YP_WS_OPEN,
    YP_WS_CLOSED /* by the application: closed, or refused */
};

/* A refusal with a response: its head, until the body begins, and then its stream. */
struct yp_denial {
    int status;
    PyObject *headers;    /* list of pairs; NULL: none */
    yodel_stream *stream; /* NULL: not begun, or over */
};

struct yp_ws {
    struct yp_exchange exchange;
    yodel_ws *ws; /* NULL once it is over */
    enum yp_ws_phase phase;
    uint16_t close_code; /* once ws is NULL */
    uint8_t is_paused;
    uint8_t has_port; /* asgi_ws_port.h */
    uint8_t had_port;
    uint8_t is_wake_due;    /* of the port: wake() has been asked for */
    uint8_t was_told;       /* the application has received websocket.connect */
    uint8_t was_told_end;   /* and websocket.disconnect */
    PyObject *close_reason; /* str; NULL: "" */
    PyObject *label;        /* of the line that tells how it was decided; NULL: none is wanted */
    struct yp_inbox queue;
    struct yp_waiters receivers;
    struct yp_waiters senders;
    struct yp_denial *denial;
};

/*
 * Routes all WebSockets of a server to its application.
 *
 * options   the server's: ws_max_size and others that begin with ws_
 *
 * Returns 0, or -1 with an exception.
 */
int yp_ws_route(struct yp_asgi *asgi, PyObject *options);

/* Python: await send(message); the exchange is self. */
PyObject *yp_ws_send(PyObject *self, PyObject *message);

/* Logs how a handshake was decided, if anybody wants to know: "accepted", "403". */
void yp_ws_log_decision(struct yp_ws *self, const char *decision);

/* Whether a refusal is on its way, in parts. */
static inline int yp_ws_is_refusing(const struct yp_ws *self)
{
    return self->denial != NULL && self->denial->stream != NULL;
}

/* Whether nothing can come or be sent any more: neither the WebSocket nor a refusal is left. */
static inline int yp_ws_is_over(const struct yp_ws *self)
{
    return self->ws == NULL && !yp_ws_is_refusing(self);
}

/* Raises why a message of this type cannot be sent now.  Returns NULL. */
PyObject *yp_ws_unexpected(struct yp_ws *self, PyObject *type);

/* send() of websocket.http.response.start and .body (asgi_ws_deny.c). */
PyObject *yp_ws_deny_start(struct yp_ws *self, PyObject *type, PyObject *message);
PyObject *yp_ws_deny_body(struct yp_ws *self, PyObject *type, PyObject *message);

/* The application has ended: cuts off a refusal that is not whole, and frees what is kept. */
void yp_ws_end_denial(struct yp_ws *self);

/* Frees what is kept of a refusal whose stream is over, or never was. */
void yp_ws_free_denial(struct yp_ws *self);

yp_part_fn yp_asgi_ws_part;

#endif
