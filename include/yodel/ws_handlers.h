/* SPDX-License-Identifier: MIT */
#ifndef YODEL_WS_HANDLERS_H
#define YODEL_WS_HANDLERS_H

#include <yodel/http.h>

YODEL_C_BEGIN

/* WebSockets: what a program is told of them, and the options of a route.  Included by yodel/ws.h.
 */

/*
 * A WebSocket (RFC 6455).  Belongs to its loop; never keep it in another thread: keep its id.
 * Valid from on_connect until its on_close, and then the free function of its data, returns (or
 * until a rejecting on_connect returns).
 *
 * Every function of yodel/ws.h may be called in every handler, on this WebSocket and on others of
 * the loop.  One that is over, from its close frame or loss on, keeps its id, its channel name and
 * its data; it sends nothing, joins no group and cannot be decided on (YODEL_ERR_CLOSED), and to
 * close it again does nothing.
 */
typedef struct yodel_ws yodel_ws;

/* Names a WebSocket from anywhere, also after it has closed.  Never reused.  0 names none. */
typedef struct yodel_id {
    uint64_t value;
} yodel_id;

typedef enum yodel_ws_type { YODEL_WS_TEXT = 1, YODEL_WS_BINARY = 2 } yodel_ws_type;

/* One whole message.  data is borrowed for the call; text has been checked to be UTF-8. */
typedef struct yodel_ws_message {
    size_t size; /* sizeof(yodel_ws_message), set by the library */
    yodel_ws_type type;
    yodel_bytes data;
} yodel_ws_message;

/* Who ended a WebSocket. */
typedef enum yodel_ws_closer {
    YODEL_WS_BY_PEER = 0, /* a close frame from the peer came first */
    YODEL_WS_BY_SERVER,   /* yodel_ws_close(), a failed handler, or the server stopping */
    YODEL_WS_BY_ERROR,    /* the peer broke the protocol or a limit; code says which */
    YODEL_WS_BY_TIMEOUT,  /* no pong, no progress, or no close frame in time */
    YODEL_WS_BY_LOSS      /* the transport ended without a close frame; code is 1006 */
} yodel_ws_closer;

typedef struct yodel_ws_closing {
    size_t size;      /* sizeof(yodel_ws_closing), set by the library */
    uint16_t code;    /* as received (1005: none given), or as sent; 1006: neither (RFC 6455 7.4) */
    yodel_str reason; /* UTF-8, borrowed for the call */
    yodel_ws_closer by;
} yodel_ws_closing;

/* An event of a channel layer (yodel/channels.h). */
typedef struct yodel_event yodel_event;

#define YODEL_ACCEPT 0 /* from on_connect: open it, with the defaults if it is not accepted yet */
#define YODEL_DEFER 1  /* it is decided later; see yodel/decision.h */

/*
 * A client asks for a WebSocket.  req is valid for the call; with YODEL_DEFER nothing of it is.
 * Return YODEL_ACCEPT, YODEL_DEFER, an HTTP status from 300 to 599 to reject with it, or a negative
 * result: the handler failed and the client gets 500.  yodel_ws_accept() or yodel_ws_reject() may
 * be called inside; an answer to req itself, such as a redirect, rejects it too.  One that is
 * deferred is decided by what yodel_ws_defer() gives, from any thread, or by those two on its loop;
 * when decide_ms have passed it is rejected with 503.
 */
typedef int(yodel_ws_connect_fn)(yodel_ws *ws, yodel_request *req, void *user);

/*
 * The WebSocket is open: messages can be sent, and come from now on.  Runs after on_connect, for a
 * deferred one inside yodel_ws_accept().  As on_message for its result.
 */
typedef int(yodel_ws_open_fn)(yodel_ws *ws, void *user);

/* A message.  A negative result closes the WebSocket with 1011 and is logged. */
typedef int(yodel_ws_message_fn)(yodel_ws *ws, const yodel_ws_message *message, void *user);

/* An event that was sent to this WebSocket or to a group it is in.  As on_message. */
typedef int(yodel_ws_event_fn)(yodel_ws *ws, const yodel_event *event, void *user);

/* The output has emptied after a send gave YODEL_ERR_CONGESTED. */
typedef void(yodel_ws_drain_fn)(yodel_ws *ws, void *user);

/* The end, exactly once and last, for every WebSocket that was accepted or deferred, also when
 * memory runs out or the server is stopped; never inside a call of yours.  It has left its groups
 * already: it does as soon as a close frame is sent or comes.  ws may still be asked for what it is
 * and has; see yodel_ws for what else may be called. */
typedef void(yodel_ws_close_fn)(yodel_ws *ws, const yodel_ws_closing *closing, void *user);

/* A handler for one type of event. */
typedef struct yodel_ws_event_handler {
    const char *type; /* "chat.message"; copied */
    yodel_ws_event_fn *handler;
} yodel_ws_event_handler;

/* permessage-deflate (RFC 7692), if the client offers it. */
typedef enum yodel_ws_deflate {
    YODEL_WS_DEFLATE_OFF = 0,
    /* Both directions without context takeover: the compressor is shared by all connections of a
     * loop, so a connection costs no memory for it, and a group message is compressed once. */
    YODEL_WS_DEFLATE_SHARED,
    /* With context takeover where the client allows it: each message may refer to those before it,
     * which makes short ones shorter.  Costs memory for each connection once it has spoken, and is
     * left out above max_deflate_memory (yodel_server_options), with windows of 2^bits bytes:
     *
     *                         9    10    11    12    13    14    15  bits
     *   what is sent         10    14    22    38    70   134   262  KiB
     *   what comes            8     9    10    12    16    24    40  KiB
     */
    YODEL_WS_DEFLATE_CONTEXT,
    YODEL_WS_DEFLATE_CONTEXT_OUT, /* only of what is sent */
    YODEL_WS_DEFLATE_CONTEXT_IN   /* only of what comes */
} yodel_ws_deflate;

/* Zero: as the server's options say. */
typedef struct yodel_ws_options {
    size_t size;
    size_t max_message;  /* bytes, after inflation */
    size_t max_buffered; /* bytes; a peer is not listened to while this, or 256 KiB, is queued */
    yodel_ws_deflate deflate;
    size_t
        deflate_min; /* shorter messages are sent as they are, bytes; 0: 256; 1: all are deflated */

    /* Ends with NULL; NULL: every origin.  "https://app.example", "//app.example:8443",
     * "app.example" (any scheme and port), ".example.com" (it and its subdomains), "*",
     * YODEL_ORIGIN_SAME_HOST (where the request itself went).  Others, and requests without an
     * Origin, get 403 (RFC 6455 10.2). */
    const char *const *origins;

    /* Ends with NULL.  The first of these that the client offers is chosen, unless on_connect
     * chooses; NULL: none. */
    const char *const *subprotocols;

    uint32_t ping_ms; /* UINT32_MAX: never */
    uint32_t pong_ms;

    /* 1: a group message for a member at max_buffered closes that member with 1013; 0: it is
     * dropped for that member and counted. */
    int close_congested;

    /* What permessage-deflate may cost, where it is on. */
    unsigned deflate_level; /* 1: fastest, to 9: shortest; 0: 1 */
    /* Windows as powers of two, 9 to 15 (512 bytes to 32 KiB); 0: 15.  A client may ask for less of
     * what it is sent.  Of what it sends it is asked for less only if it has offered to be. */
    unsigned deflate_bits;        /* of what is sent */
    unsigned deflate_client_bits; /* of what comes */
} yodel_ws_options;

/* A consumer: what is done with the WebSockets of a route.  Everything is copied. */
typedef struct yodel_ws_handlers {
    size_t size;
    yodel_ws_connect_fn *on_connect; /* optional: accept all */
    yodel_ws_open_fn *on_open;       /* optional */
    yodel_ws_message_fn *on_message; /* optional: ignore */
    yodel_ws_event_fn *on_event;     /* optional: events that no entry of events has the type of */
    yodel_ws_drain_fn *on_drain;     /* optional */
    yodel_ws_close_fn *on_close;     /* optional */
    const yodel_ws_event_handler *events; /* ends with {NULL}; optional */
    const yodel_ws_options *options;      /* optional */
} yodel_ws_handlers;

/*
 * Has WebSockets opened at a path: adds a consumer.  Plain HTTP requests to it are answered 426,
 * unless a route of yodel_server_route() takes them.
 *
 * server     one that does not run yet
 * pattern    as for yodel_server_route(), without a method: "/chat/{room}", or a PCRE2 pattern;
 *            copied
 * handlers   what is called, on the loop of each WebSocket; copied, options and lists in it too.
 *            NULL: every client is let in, and what it sends is ignored
 * user       borrowed, for all handlers; must outlive the server
 *
 * Returns 0, -ENOMEM, -EINVAL (an event without a handler; a deflate, level or window that is
 * none), YODEL_ERR_PATTERN (malformed), YODEL_ERR_CONFLICT (a consumer has that pattern),
 * YODEL_ERR_OPTIONS, or YODEL_ERR_STATE (the server runs, or has run).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_server_route_ws(yodel_server *server, const char *pattern,
                                                       const yodel_ws_handlers *handlers,
                                                       void *user) YODEL_SETUP_THREAD;

YODEL_C_END

#endif
