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

/*
 * on_drain and on_stop of a reader.  It may be sent events, ended and aborted in here.
 *
 * sse    the reader
 * user   that of its options
 */
typedef void(yodel_sse_fn)(yodel_sse *sse, void *user);

/*
 * A typed event of a group has come: send what is made of it.
 *
 * sse     the reader
 * event   borrowed for the call (yodel_event_type(), yodel_event_unpack())
 * user    that of the reader's options
 *
 * Returns 0 or more; a negative result is logged and cuts the reader off.
 */
typedef int(yodel_sse_event_fn)(yodel_sse *sse, const yodel_event *event, void *user);

/*
 * on_close of a reader: it is over, and has left its groups.
 *
 * sse      valid until this returns, or as long as a reference is held
 * reason   how it has ended; after a stop YODEL_STREAM_STOPPED
 * user     that of the options; not used any more after this
 */
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
 * Begins to answer req with events, status 200.  As yodel_request_stream_begin() for when it may be
 * called and for HEAD.  The head goes out at once, so the client's `open` does not wait for the
 * first event.
 *
 * options   borrowed for the call; NULL for every default
 * ret_sse   borrowed, valid until on_close has returned; may be NULL
 *
 * Returns 0, or an error and no callback is called: -ENOMEM, -EINVAL (a header that is not legal),
 * YODEL_ERR_OPTIONS, YODEL_ERR_STATE (answered already), YODEL_ERR_CLOSED (the client went away).
 */
YODEL_API int yodel_request_sse_begin(yodel_request *req, const yodel_sse_options *options,
                                      yodel_sse **ret_sse) YODEL_LOOP_THREAD;

/*
 * The id of the last event that the client has seen: its Last-Event-ID header, else the query field
 * lastEventId, decoded, which polyfills send.  What is sent after that event is the program's to
 * know.
 *
 * Returns a view that lives as long as the request; {NULL, 0} for a client that has seen none.  It
 * is what the client says: any bytes.
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
 * message   borrowed for the call; all in it is copied
 *
 * Returns 0, or an error and nothing is sent: YODEL_ERR_NAME (event or id with a line end in it),
 * YODEL_ERR_ENCODING (a text that is not UTF-8), YODEL_ERR_CONGESTED (more than max_buffered bytes
 * wait; on_drain tells when to go on), YODEL_ERR_CLOSED (ended or gone), YODEL_ERR_OPTIONS,
 * -EINVAL, -ENOMEM.
 */
YODEL_API int yodel_sse_send(yodel_sse *sse, const yodel_sse_message *message) YODEL_LOOP_THREAD;

/*
 * yodel_sse_send() of an event with data alone, which a client's `message` listeners get.
 *
 * data   UTF-8 of any length and number of lines; copied.  Empty is an event with empty data
 *
 * Returns as yodel_sse_send().
 */
YODEL_API int yodel_sse_send_text(yodel_sse *sse, yodel_str data) YODEL_LOOP_THREAD;

/*
 * Sends an event whose data is JSON, compact and in UTF-8, made from jansson's packed format:
 *     yodel_sse_send_pack(sse, "price", "{s:s, s:f}", "of", "ABC", "is", 12.5);
 *
 * event    its type; NULL: "message"
 * format   as of json_pack(); its arguments follow.  References given with "o" are taken whatever
 *          is returned
 *
 * Returns as yodel_sse_send(); also YODEL_ERR_FORMAT.
 */
YODEL_API int yodel_sse_send_pack(yodel_sse *sse, const char *event, const char *format,
                                  ...) YODEL_LOOP_THREAD;

/*
 * Ends the reader: what was sent goes out, it leaves its groups, and on_close follows.  The client
 * comes again after its retry time: an answer of status 204 to that keeps it away (HTML 9.2.3).
 *
 * Returns 0, YODEL_ERR_CLOSED (ended or gone already), or -ENOMEM (it is as open as before).
 */
YODEL_API int yodel_sse_end(yodel_sse *sse) YODEL_LOOP_THREAD;

/*
 * The stream that the reader is, for what that can do besides: yodel_stream_buffered(),
 * yodel_stream_abort(), yodel_stream_write_text().  What is written there must be whole lines of an
 * event stream; yodel_sse_end() is better than yodel_stream_end().
 *
 * Returns the stream, of the same lifetime as sse; a reference to the one keeps the other.
 */
YODEL_API yodel_stream *yodel_sse_stream(yodel_sse *sse) YODEL_LOOP_THREAD;

/*
 * What the callbacks get, for a thread that was handed a reader.
 *
 * Returns the user of its options, also after on_close.
 */
YODEL_API void *yodel_sse_user(const yodel_sse *sse) YODEL_ANY_THREAD;

/*
 * One more reference, so that another thread may post to the reader; as yodel_stream_ref().
 *
 * sse   not NULL
 *
 * Returns sse.
 */
YODEL_API yodel_sse *yodel_sse_ref(yodel_sse *sse) YODEL_ANY_THREAD;

/*
 * Gives a reference back; the last frees the reader, when on_close has returned.
 *
 * sse   NULL is a no-op
 *
 * Always returns NULL: sse = yodel_sse_unref(sse).
 */
YODEL_API yodel_sse *yodel_sse_unref(yodel_sse *sse) YODEL_ANY_THREAD;

/*
 * What yodel_sse_post() calls, on the reader's loop.
 *
 * sse   open: it may be sent events
 * arg   what was posted
 */
typedef void(yodel_sse_post_fn)(yodel_sse *sse, void *arg);

/*
 * Calls fn(sse, arg) on the reader's loop, in a later turn, unless it has been ended or is over by
 * then.  As yodel_stream_post().
 *
 * fn         not NULL
 * arg        taken: free_arg(arg) runs exactly once, after fn or instead of it; also when this call
 *            fails
 * free_arg   NULL: nothing.  Runs on the reader's loop, or on the caller's thread when this fails
 *
 * Returns 0, or an error and arg has been freed: -ENOMEM, -EINVAL (no fn), YODEL_ERR_CONGESTED
 * (max_mailbox), YODEL_ERR_CLOSED (the server has stopped).
 */
YODEL_API int yodel_sse_post(yodel_sse *sse, yodel_sse_post_fn *fn, void *arg,
                             yodel_free_fn *free_arg) YODEL_ANY_THREAD;

/*
 * Makes sse a member of a group, as yodel_group_add() a WebSocket, but its output does not wait for
 * Redis: what other processes send before Redis has heard of the group's first member here does not
 * come.  It leaves by itself when it ends; joining twice is one membership.  A text message to the
 * group is an event without a name; a binary one is not for readers: dropped and counted
 * (events_dropped).  Typed events: see on_event. A message is made into the bytes of an event once
 * for all readers.
 *
 * channels   the channel layer; borrowed
 * group      1 to 255 bytes of UTF-8 without control characters; copied
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_CLOSED (ended or gone).
 */
YODEL_API int yodel_sse_group_add(yodel_sse *sse, yodel_channels *channels,
                                  const char *group) YODEL_LOOP_THREAD;

/*
 * Takes sse out of a group; not being in it is no error, nor is a name that no group can have.
 *
 * channels   the channel layer
 * group      NUL-terminated
 */
YODEL_API void yodel_sse_group_discard(yodel_sse *sse, yodel_channels *channels,
                                       const char *group) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
