/* SPDX-License-Identifier: MIT */
#ifndef YODEL_WS_H
#define YODEL_WS_H

#include <yodel/http.h>

YODEL_C_BEGIN

/*
 * A WebSocket (RFC 6455).  Belongs to its loop; never keep it in another thread: keep its id.
 * Valid from on_connect until its on_close, and then the free function of its data, returns (or
 * until a rejecting on_connect returns).
 *
 * Every function of this header may be called in every handler, on this WebSocket and on others of
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
    /* With context takeover where the client allows it: better ratio, 40 to 300 KiB a connection
     * once it has spoken. */
    YODEL_WS_DEFLATE_CONTEXT
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

/* As yodel_server_route(), for WebSocket upgrades; a pattern has no method.  Plain HTTP requests to
 * it are answered 426 unless a route of yodel_server_route() takes them. */
YODEL_API YODEL_CHECK_RESULT int yodel_server_route_ws(yodel_server *server, const char *pattern,
                                                       const yodel_ws_handlers *handlers,
                                                       void *user) YODEL_SETUP_THREAD;

/* The i-th subprotocol the client offers, in its order of preference; {NULL, 0} past the last. */
YODEL_API yodel_str yodel_request_subprotocol(const yodel_request *req, size_t i) YODEL_LOOP_THREAD;

typedef struct yodel_ws_accept_options {
    size_t size;
    const char *subprotocol; /* one of those offered, else -EINVAL; NULL: none */
    const yodel_header *headers;
    size_t num_headers;
} yodel_ws_accept_options;

/*
 * Opens ws: sends 101.  options may be NULL.
 * Returns 0, -ENOMEM, -EINVAL (a header without a name or value, or that is not the caller's to
 * set), -EIO (no SHA-1), YODEL_ERR_STATE (decided already), YODEL_ERR_CLOSED (over).  After a
 * failure ws is as undecided as before.
 */
YODEL_API int yodel_ws_accept(yodel_ws *ws,
                              const yodel_ws_accept_options *options) YODEL_LOOP_THREAD;

/*
 * Refuses ws with an HTTP response and closes the connection.  A deferred one has its on_close
 * after that.
 *
 * response   status 300..599, 0: 403; with headers and body as in yodel_request_respond(), such as
 *            Location of a redirect or WWW-Authenticate of a 401.  1xx and 2xx give -EINVAL: they
 *            would not refuse.  Without body and content type the usual text of an error is sent.
 *            NULL: a plain 403.
 *
 * Returns as yodel_ws_accept().
 */
YODEL_API int yodel_ws_reject(yodel_ws *ws, const yodel_response *response) YODEL_LOOP_THREAD;

/*
 * The right to decide on ws later, from any thread: see yodel/decision.h.  Called in on_connect,
 * which then returns YODEL_DEFER, or while ws is deferred.
 *
 * Returns a reference, which the caller gives back.  NULL: out of memory, or decided already; 503
 * is then a good result of on_connect.
 */
YODEL_API YODEL_CHECK_RESULT yodel_decision *yodel_ws_defer(yodel_ws *ws) YODEL_LOOP_THREAD;

/*
 * Queues one message.  data is copied before the call returns; text must be UTF-8 (RFC 6455 5.6).
 *
 * Returns 0, -ENOMEM, YODEL_ERR_ENCODING, YODEL_ERR_CLOSED, YODEL_ERR_STATE (not accepted yet), or
 * YODEL_ERR_CONGESTED (nothing was queued; on_drain tells when to go on).
 */
YODEL_API int yodel_ws_send(yodel_ws *ws, yodel_ws_type type, yodel_bytes data) YODEL_LOOP_THREAD;

/* yodel_ws_send() of text. */
YODEL_API int yodel_ws_send_text(yodel_ws *ws, yodel_str text) YODEL_LOOP_THREAD;

/*
 * Sends JSON text made from jansson's packed format, compact and in UTF-8:
 *     yodel_ws_send_pack(ws, "{s:s}", "message", text)
 * Also returns YODEL_ERR_FORMAT.
 */
YODEL_API int yodel_ws_send_pack(yodel_ws *ws, const char *format, ...) YODEL_LOOP_THREAD;

/*
 * Reads values out of a JSON message with jansson's unpack format.  The strings live until
 * *ret_document is given to yodel_document_free(), which also takes NULL.
 *     if (yodel_ws_unpack(message, &doc, "{s:s}", "message", &text) == 0) ...
 * Numbers and strings are as with yodel_request_unpack().  Returns 0, -ENOMEM, or YODEL_ERR_FORMAT
 * (not JSON, more than 256 levels deep, or of another shape); *ret_document is then untouched.
 */
typedef struct yodel_document yodel_document;
YODEL_API int yodel_ws_unpack(const yodel_ws_message *message, yodel_document **ret_document,
                              const char *format, ...) YODEL_ANY_THREAD;
YODEL_API void yodel_document_free(yodel_document *document) YODEL_ANY_THREAD;

/* A message encoded once, to be sent to many.  Reference-counted. */
typedef struct yodel_prepared yodel_prepared;

/* data is copied.  Returns 0, -ENOMEM, -EINVAL, YODEL_ERR_ENCODING. */
YODEL_API YODEL_CHECK_RESULT int yodel_prepared_new(yodel_server *server, yodel_ws_type type,
                                                    yodel_bytes data,
                                                    yodel_prepared **ret_message) YODEL_ANY_THREAD;
YODEL_API yodel_prepared *yodel_prepared_ref(yodel_prepared *message) YODEL_ANY_THREAD;
/* NULL is a no-op.  Always returns NULL. */
YODEL_API yodel_prepared *yodel_prepared_unref(yodel_prepared *message) YODEL_ANY_THREAD;
/* As yodel_ws_send(), without copying. */
YODEL_API int yodel_ws_send_prepared(yodel_ws *ws, yodel_prepared *message) YODEL_LOOP_THREAD;

/*
 * Starts the closing handshake; on_close comes later, never inside this call.  Messages queued
 * before it are sent first; later ones give YODEL_ERR_CLOSED.
 *
 * code     1000, 1001, 1003, 1007..1014 or 3000..4999; any other is sent as 1000; 0: no status
 * reason   UTF-8, copied; cut to 123 bytes at a character's end; NULL: none
 */
YODEL_API void yodel_ws_close(yodel_ws *ws, uint16_t code, const char *reason) YODEL_LOOP_THREAD;

/*
 * Reads nothing more from ws, so that a peer cannot send faster than its messages are dealt with;
 * after at most one read, of 64 KiB, it has to wait.  No handler for input runs until
 * yodel_ws_resume(), which gives what had come, in order, never inside that call.
 *
 * While it is paused pings of the peer are not answered, and a pong cannot be heard, so pong_ms
 * does not end it and no pings are sent.  The end of the peer's output is noticed when all before
 * it has been read, after the resume; a broken connection at once: on_close then comes without what
 * was not read.  yodel_ws_close() and a stop end the pause, and messages not read yet are dropped.
 *
 * May be called from on_connect on, also before the WebSocket is accepted, and more than once: one
 * resume ends it.  It goes together with the rest that a peer is given which has much to read
 * (max_buffered).  Returns 0 or YODEL_ERR_CLOSED (over).
 */
YODEL_API int yodel_ws_pause(yodel_ws *ws) YODEL_LOOP_THREAD;
/* Reads on.  Returns 0, also when it was not paused, or YODEL_ERR_CLOSED (over). */
YODEL_API int yodel_ws_resume(yodel_ws *ws) YODEL_LOOP_THREAD;

/* Bytes queued and not yet taken by the kernel. */
YODEL_API size_t yodel_ws_buffered(const yodel_ws *ws) YODEL_LOOP_THREAD;

/* Ties data to ws; free_data (may be NULL) runs after on_close, as the last call for ws, or when
 * replaced.  Data that is set in on_close or in free_data is freed as well. */
YODEL_API void yodel_ws_set_data(yodel_ws *ws, void *data,
                                 yodel_free_fn *free_data) YODEL_LOOP_THREAD;
YODEL_API void *yodel_ws_data(const yodel_ws *ws) YODEL_LOOP_THREAD;

/* The server it belongs to; borrowed. */
YODEL_API yodel_server *yodel_ws_server(const yodel_ws *ws) YODEL_LOOP_THREAD;
/* The loop it belongs to. */
YODEL_API yodel_loop *yodel_ws_loop(const yodel_ws *ws) YODEL_LOOP_THREAD;

/* Its name from anywhere. */
YODEL_API yodel_id yodel_ws_id(const yodel_ws *ws) YODEL_LOOP_THREAD;

/*
 * Runs fn(ws, arg) on the loop of that WebSocket.  Posts from one thread to one WebSocket keep
 * their order.  arg is taken: free_arg(arg) runs exactly once, after fn or instead of it when the
 * WebSocket is gone -- also when this call fails.
 *
 * Returns 0, -ENOMEM, YODEL_ERR_CONGESTED (max_mailbox) or YODEL_ERR_CLOSED (server stopped).
 */
typedef void(yodel_ws_post_fn)(yodel_ws *ws, void *arg);
YODEL_API int yodel_ws_post(yodel_server *server, yodel_id id, yodel_ws_post_fn *fn, void *arg,
                            yodel_free_fn *free_arg) YODEL_ANY_THREAD;

/* Sending and closing from any thread.  Arguments are copied.  They return 0 once queued to the
 * loop of that WebSocket, -ENOMEM, YODEL_ERR_CLOSED (server stopped), yodel_ws_send_id() also
 * YODEL_ERR_CONGESTED (max_mailbox); a WebSocket that has gone is no error. */
YODEL_API int yodel_ws_send_id(yodel_server *server, yodel_id id, yodel_ws_type type,
                               yodel_bytes data) YODEL_ANY_THREAD;
YODEL_API int yodel_ws_close_id(yodel_server *server, yodel_id id, uint16_t code,
                                const char *reason) YODEL_ANY_THREAD;

YODEL_C_END

#endif
