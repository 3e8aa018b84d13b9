/* SPDX-License-Identifier: MIT */
#ifndef YODEL_HTTP_STREAM_H
#define YODEL_HTTP_STREAM_H

#include <yodel/ws.h>

YODEL_C_BEGIN

/*
 * An answer in parts: its head goes out at once, then what the program writes when it has it, then
 * the end.  Server-sent events (yodel/sse.h) are made of one.
 *
 * It belongs to the loop of its request, where it is written to.  It is valid until its on_close
 * has returned; who holds a reference may call every function of this header on it after that, and
 * gets YODEL_ERR_CLOSED.  Other threads hold a reference and use yodel_stream_post().
 */
typedef struct yodel_stream yodel_stream;

/* How a stream has ended. */
typedef enum yodel_stream_reason {
    YODEL_STREAM_COMPLETE = 0, /* yodel_stream_end(): all of it is on its way */
    YODEL_STREAM_GONE,         /* the client has closed, or the connection broke */
    YODEL_STREAM_STOPPED,      /* the server has stopped */
    YODEL_STREAM_TIMEOUT,      /* the client has taken nothing for send_ms */
    YODEL_STREAM_ABORTED       /* yodel_stream_abort(), or less than the length that was told */
} yodel_stream_reason;

/*
 * on_drain and on_stop of a stream.  It may be written to, ended and aborted in here.
 *
 * stream   the stream
 * user     that of its options
 */
typedef void(yodel_stream_fn)(yodel_stream *stream, void *user);

/*
 * on_close of a stream: it is over.
 *
 * stream   valid until this returns, or as long as a reference is held
 * reason   how it has ended
 * user     that of the options; not used any more after this
 */
typedef void(yodel_stream_close_fn)(yodel_stream *stream, yodel_stream_reason reason, void *user);

/* Everything but user is copied. */
typedef struct yodel_stream_options {
    size_t size;
    int status;               /* 200 to 599; 0: 200 */
    const char *content_type; /* NULL: no Content-Type header */
    const yodel_header *headers;
    size_t num_headers;

    /* 1: the answer has exactly length bytes, which Content-Length tells.  0: HTTP/1.1 clients get
     * it in chunks; for HTTP/1.0 its end is the end of the connection. */
    int has_length;
    uint64_t length;

    size_t max_buffered; /* output above which writes are refused, bytes; 0: the server's */

    /* Optional.  The output has emptied after a write gave YODEL_ERR_CONGESTED: go on. */
    yodel_stream_fn *on_drain;

    /* Optional.  The server stops: end the stream soon.  What has not ended after the time of the
     * stop is cut off. */
    yodel_stream_fn *on_stop;

    /* Optional.  The end: exactly once, last, and never inside a call of yours.  A client that
     * closes its connection, or only its sending half, is noticed at once, also when nothing is
     * being sent. */
    yodel_stream_close_fn *on_close;

    void *user; /* for the callbacks; borrowed, must outlive on_close */
} yodel_stream_options;

/*
 * Begins to answer req in parts.  Called by its handler, or later on the loop of a request whose
 * answer was deferred; in place of yodel_request_respond().  The head is sent at the end of this
 * turn of the loop, before there is content.  There is no time limit until the stream is ended, but
 * send_ms for a client that does not take what was written.  The client's next requests on the
 * connection wait.
 *
 * An answer to HEAD, and one with status 204, 205 or 304, has no content (RFC 9110 6.4.1): it is
 * complete with its head.  Writes give 0 and are dropped until on_close, which comes at once.
 *
 * options      borrowed for the call; NULL: status 200, no headers, no callbacks
 * ret_stream   borrowed, valid until on_close has returned; may be NULL
 *
 * Returns 0, or an error and no callback is called: -ENOMEM, -EINVAL (status, a header that is not
 * legal, or is Content-Length or Transfer-Encoding), YODEL_ERR_OPTIONS, YODEL_ERR_STATE (answered
 * already), YODEL_ERR_CLOSED (the client went away).
 */
YODEL_API int yodel_request_stream_begin(yodel_request *req, const yodel_stream_options *options,
                                         yodel_stream **ret_stream) YODEL_LOOP_THREAD;

/*
 * Refuses a WebSocket with an answer in parts, as yodel_ws_reject() does with a whole one: the ws
 * is over, the stream lives on, and the connection closes when it has ended.  A deferred ws has its
 * on_close after this call, which does not wait for the stream.
 *
 * ws           not decided yet, on its loop
 * options      as for yodel_request_stream_begin(), status 300 to 599; 0 or NULL: 403.  1xx and 2xx
 *              give -EINVAL: they would not refuse
 * ret_stream   as there
 *
 * Returns as yodel_request_stream_begin(); YODEL_ERR_STATE when it was decided already.  After a
 * failure it is as undecided as before.
 */
YODEL_API int yodel_ws_reject_stream(yodel_ws *ws, const yodel_stream_options *options,
                                     yodel_stream **ret_stream) YODEL_LOOP_THREAD;

/*
 * Writes a part of the content.  What is written in one turn of the loop leaves in one system call.
 * May be called in every callback of the stream but on_close.
 *
 * data   copied; nothing happens when there are no bytes.  How it is cut into chunks is not for the
 *        client to rely on
 *
 * Returns 0, or an error and nothing of data is sent: YODEL_ERR_CONGESTED (more than max_buffered
 * bytes wait; on_drain tells when to go on), YODEL_ERR_TOO_BIG (more than is left of the length),
 * YODEL_ERR_CLOSED (ended or gone), -EINVAL (no bytes where there should be some), -ENOMEM.
 */
YODEL_API int yodel_stream_write(yodel_stream *stream, yodel_bytes data) YODEL_LOOP_THREAD;

/*
 * yodel_stream_write() with text.
 *
 * text   copied; its encoding is not looked at
 *
 * Returns as yodel_stream_write().
 */
YODEL_API int yodel_stream_write_text(yodel_stream *stream, yodel_str text) YODEL_LOOP_THREAD;

/*
 * Writes the content of a prepared message (yodel_prepared_new()), of either type.  From 4 KiB on
 * it is shared by all who are sent it, and not copied.
 *
 * message   borrowed for the call; not NULL.  What is shared is kept as long as it is needed
 *
 * Returns as yodel_stream_write(); but when memory ends half way (-ENOMEM) the stream is cut off.
 */
YODEL_API int yodel_stream_write_prepared(yodel_stream *stream,
                                          yodel_prepared *message) YODEL_LOOP_THREAD;

/*
 * How much of what was written is not with the kernel yet, for a program that would rather wait
 * than be refused.
 *
 * Returns bytes of the connection, framing included; 0 when the stream is over.
 */
YODEL_API size_t yodel_stream_buffered(const yodel_stream *stream) YODEL_LOOP_THREAD;

/*
 * Ends the answer: all that was written goes out, and the connection takes the next request.
 * on_close follows, never inside this call.
 *
 * Returns 0; YODEL_ERR_CLOSED (ended or gone already); -ENOMEM (it is as open as before); or
 * YODEL_ERR_STATE: less than the length was written, and the connection is cut off, which tells the
 * client (RFC 9112 8).
 */
YODEL_API int yodel_stream_end(yodel_stream *stream) YODEL_LOOP_THREAD;

/*
 * Cuts the answer off, so that the client knows it is not whole: drops what waits and closes the
 * connection.  on_close follows, with YODEL_STREAM_ABORTED.  Does nothing when it was ended or is
 * over.
 */
YODEL_API void yodel_stream_abort(yodel_stream *stream) YODEL_LOOP_THREAD;

/*
 * What the callbacks get, for a thread that was handed a stream.
 *
 * Returns the user of its options, also after on_close.
 */
YODEL_API void *yodel_stream_user(const yodel_stream *stream) YODEL_ANY_THREAD;

/*
 * One more reference, so that another thread may post to the stream.  It keeps the memory of the
 * stream and of its server, and not the answer: that ends as it would without.  The caller has a
 * reference, or is on the stream's loop ahead of the end of on_close.
 *
 * stream   not NULL
 *
 * Returns stream.
 */
YODEL_API yodel_stream *yodel_stream_ref(yodel_stream *stream) YODEL_ANY_THREAD;

/*
 * Gives a reference back; the last frees the stream, when on_close has returned.
 *
 * stream   NULL is a no-op
 *
 * Always returns NULL: stream = yodel_stream_unref(stream).
 */
YODEL_API yodel_stream *yodel_stream_unref(yodel_stream *stream) YODEL_ANY_THREAD;

/*
 * What yodel_stream_post() calls, on the stream's loop.
 *
 * stream   open: it may be written to
 * arg      what was posted
 */
typedef void(yodel_stream_post_fn)(yodel_stream *stream, void *arg);

/*
 * Calls fn(stream, arg) on the stream's loop, in a later turn, unless it has been ended or is over
 * by then.  What one thread posts comes in its order.  The caller holds a reference, or is on its
 * loop ahead of the end of on_close.
 *
 * fn         not NULL
 * arg        taken: free_arg(arg) runs exactly once, after fn or instead of it; also when this call
 *            fails
 * free_arg   NULL: nothing.  Runs on the stream's loop, or on the caller's thread when this fails
 *
 * Returns 0, or an error and arg has been freed: -ENOMEM, -EINVAL (no fn), YODEL_ERR_CONGESTED
 * (max_mailbox), YODEL_ERR_CLOSED (the server has stopped).
 */
YODEL_API int yodel_stream_post(yodel_stream *stream, yodel_stream_post_fn *fn, void *arg,
                                yodel_free_fn *free_arg) YODEL_ANY_THREAD;

YODEL_C_END

#endif
