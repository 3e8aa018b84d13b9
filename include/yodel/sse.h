/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SSE_H
#define YODEL_SSE_H

#include <yodel/channels.h>
#include <yodel/http_stream.h>

YODEL_C_BEGIN

/*
 * A reader of server-sent events (HTML 9.2): what an EventSource of a browser is to the server.  It
 * is an answer in parts (yodel/http_stream.h) that is given events, and can be a member of groups.
 *
 * It belongs to the loop of its request.  It is valid until its on_close has returned; who holds a
 * reference may call every function of this header on it after that, and gets YODEL_ERR_CLOSED.
 */
typedef struct yodel_sse yodel_sse;

/* on_drain, on_stop. */
typedef void(yodel_sse_fn)(yodel_sse *sse, void *user);

/* A typed event of a group has come, and is borrowed for the call: send what is made of it.  A
 * negative result is logged and cuts the reader off. */
typedef int(yodel_sse_event_fn)(yodel_sse *sse, const yodel_event *event, void *user);

typedef void(yodel_sse_close_fn)(yodel_sse *sse, yodel_stream_reason reason, void *user);

/* Everything but user is copied. */
typedef struct yodel_sse_options {
    size_t size;

    /* Besides Content-Type (text/event-stream), Cache-Control (no-cache, unless one is here) and
     * X-Accel-Buffering (no, for nginx).  Those of yodel_server_cors() come by themselves. */
    const yodel_header *headers;
    size_t num_headers;

    size_t max_buffered;   /* as in yodel_stream_options */
    uint32_t heartbeat_ms; /* a comment is sent after so long without an event, so that proxies
                              keep the connection; 0: 15000, UINT32_MAX: never */
    uint32_t retry_ms;     /* how long the client waits before it connects again; 0: as it likes */

    /* 1: a group message for a reader at max_buffered cuts it off, and it may come back with the id
     * of its last event; 0: the message is dropped for it and counted (congested). */
    int close_congested;

    /* Optional.  NULL: a typed event is sent as an event of that name whose data is its object. */
    yodel_sse_event_fn *on_event;

    yodel_sse_fn *on_drain; /* optional; the output has emptied after YODEL_ERR_CONGESTED */

    /* Optional.  The server stops: a last event may be sent, for instance with a retry time.  When
     * it returns the reader is ended. */
    yodel_sse_fn *on_stop;

    /* Optional.  The end: exactly once, last, and never inside a call of yours. */
    yodel_sse_close_fn *on_close;

    void *user; /* for the callbacks; borrowed, must outlive on_close */
} yodel_sse_options;

/*
 * Begins to answer req with events.  As yodel_request_stream_begin() for when it may be called,
 * for HEAD and for its results.  The head goes out at once, so the client's `open` does not wait
 * for the first event.
 *
 * options   NULL for every default
 * ret_sse   borrowed, valid until on_close has returned; may be NULL
 */
YODEL_API int yodel_request_sse_begin(yodel_request *req, const yodel_sse_options *options,
                                      yodel_sse **ret_sse) YODEL_LOOP_THREAD;

/*
 * The id of the last event that the client has seen: its Last-Event-ID header, else the query field
 * lastEventId, decoded, which polyfills send; {NULL, 0} for one that has seen none.  What is sent
 * after that event is the program's to know.
 */
YODEL_API yodel_str yodel_request_last_event_id(yodel_request *req) YODEL_LOOP_THREAD;

/* One event.  Zero: the field is not sent.  All is UTF-8 and copied. */
typedef struct yodel_sse_message {
    size_t size;
    /* Of any length and number of lines: LF, CR and CRLF all end one, and arrive as LF.  ptr NULL:
     * none, and then no event is seen by the client, but id and retry_ms count. */
    yodel_str data;
    const char *event; /* its type; NULL: "message" */
    const char *id;    /* told back by a client that comes again; "": it is to forget the last */
    uint32_t retry_ms; /* as in yodel_sse_options */
} yodel_sse_message;

/*
 * Sends one event.
 *
 * Returns 0, or an error and nothing is sent: YODEL_ERR_NAME (event or id with a line end),
 * YODEL_ERR_ENCODING, YODEL_ERR_CONGESTED (more than max_buffered bytes wait), YODEL_ERR_CLOSED,
 * YODEL_ERR_OPTIONS, -EINVAL, -ENOMEM.
 */
YODEL_API int yodel_sse_send(yodel_sse *sse, const yodel_sse_message *message) YODEL_LOOP_THREAD;

/* The same with data alone. */
YODEL_API int yodel_sse_send_text(yodel_sse *sse, yodel_str data) YODEL_LOOP_THREAD;

/* The same with JSON made from jansson's packed format; event may be NULL.  Also returns
 * YODEL_ERR_FORMAT. */
YODEL_API int yodel_sse_send_pack(yodel_sse *sse, const char *event, const char *format,
                                  ...) YODEL_LOOP_THREAD;

/*
 * Ends it; on_close follows, and the client comes again after its retry time: an answer of status
 * 204 to that keeps it away (HTML 9.2.3).  Returns as yodel_stream_end().
 */
YODEL_API int yodel_sse_end(yodel_sse *sse) YODEL_LOOP_THREAD;

/* The stream under it, for what that can do besides: yodel_stream_buffered(), _abort(), _write().
 */
YODEL_API yodel_stream *yodel_sse_stream(yodel_sse *sse) YODEL_LOOP_THREAD;

/* The user of its options. */
YODEL_API void *yodel_sse_user(const yodel_sse *sse) YODEL_ANY_THREAD;

/* As of a stream. */
YODEL_API yodel_sse *yodel_sse_ref(yodel_sse *sse) YODEL_ANY_THREAD;
YODEL_API yodel_sse *yodel_sse_unref(yodel_sse *sse) YODEL_ANY_THREAD;

/* As yodel_stream_post(). */
typedef void(yodel_sse_post_fn)(yodel_sse *sse, void *arg);
YODEL_API int yodel_sse_post(yodel_sse *sse, yodel_sse_post_fn *fn, void *arg,
                             yodel_free_fn *free_arg) YODEL_ANY_THREAD;

/*
 * Makes sse a member of group, like yodel_group_add() a WebSocket.  It leaves by itself when it
 * ends.  A text message to the group is an event without a name; a binary one is not for readers:
 * dropped and counted (events_dropped).  Typed events: see on_event.  A message is made into the
 * bytes of an event once for all readers.
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_CLOSED.
 */
YODEL_API int yodel_sse_group_add(yodel_sse *sse, yodel_channels *channels,
                                  const char *group) YODEL_LOOP_THREAD;
/* Not being in it is no error. */
YODEL_API void yodel_sse_group_discard(yodel_sse *sse, yodel_channels *channels,
                                       const char *group) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
