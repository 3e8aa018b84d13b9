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

/* on_drain, on_stop. */
typedef void(yodel_stream_fn)(yodel_stream *stream, void *user);

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
 * turn of the loop, before there is content.  There is no time limit until the stream is ended,
 * but send_ms for a client that does not take what was written.  The client's next requests on the
 * connection wait.
 *
 * An answer to HEAD, and one with status 204, 205 or 304, has no content (RFC 9110 6.4.1): it is
 * complete with its head.  Writes give 0 and are dropped until on_close, which comes at once.
 *
 * ret_stream   borrowed, valid until on_close has returned; may be NULL
 *
 * Returns 0, or an error and no callback is called: -ENOMEM, -EINVAL (status, a header that is not
 * legal, or is Content-Length or Transfer-Encoding), YODEL_ERR_OPTIONS, YODEL_ERR_STATE (answered
 * already), YODEL_ERR_CLOSED (the client went away).
 */
YODEL_API int yodel_request_stream_begin(yodel_request *req, const yodel_stream_options *options,
                                         yodel_stream **ret_stream) YODEL_LOOP_THREAD;

/*
 * Writes data, copied.  Nothing happens when there are no bytes.  What is written in one turn of
 * the loop leaves in one system call.
 *
 * Returns 0, or an error and nothing of data is sent: YODEL_ERR_CONGESTED (more than max_buffered
 * bytes wait; on_drain tells when to go on), YODEL_ERR_TOO_BIG (more than is left of the length),
 * YODEL_ERR_CLOSED (ended or gone), -ENOMEM.
 */
YODEL_API int yodel_stream_write(yodel_stream *stream, yodel_bytes data) YODEL_LOOP_THREAD;

/* The same with text. */
YODEL_API int yodel_stream_write_text(yodel_stream *stream, yodel_str text) YODEL_LOOP_THREAD;

/*
 * Writes the content of a prepared message, which is shared and not copied if it is long.  As
 * yodel_stream_write(); but when memory ends half way the stream is cut off.
 */
YODEL_API int yodel_stream_write_prepared(yodel_stream *stream,
                                          yodel_prepared *message) YODEL_LOOP_THREAD;

/* Bytes of the connection that are not with the kernel yet. */
YODEL_API size_t yodel_stream_buffered(const yodel_stream *stream) YODEL_LOOP_THREAD;

/*
 * Ends the answer; on_close follows.  Returns 0, YODEL_ERR_CLOSED (ended or gone already), -ENOMEM
 * (it is as open as before), or YODEL_ERR_STATE: less than the length was written, and the
 * connection is cut off, which tells the client (RFC 9112 8).
 */
YODEL_API int yodel_stream_end(yodel_stream *stream) YODEL_LOOP_THREAD;

/* Cuts the answer off, so that the client knows it is not whole: drops what waits and closes the
 * connection.  on_close follows.  Does nothing when it is over. */
YODEL_API void yodel_stream_abort(yodel_stream *stream) YODEL_LOOP_THREAD;

/* The user of its options. */
YODEL_API void *yodel_stream_user(const yodel_stream *stream) YODEL_ANY_THREAD;

/* Returns stream. */
YODEL_API yodel_stream *yodel_stream_ref(yodel_stream *stream) YODEL_ANY_THREAD;
/* NULL is a no-op.  Always returns NULL.  A reference keeps the server's memory, too. */
YODEL_API yodel_stream *yodel_stream_unref(yodel_stream *stream) YODEL_ANY_THREAD;

/*
 * Calls fn(stream, arg) on the stream's loop, unless it is over by then; then free_arg(arg), in
 * either case (free_arg may be NULL).  What one thread posts comes in its order.  The caller holds
 * a reference, or is on its loop ahead of on_close.
 *
 * Returns 0, or an error and arg has been freed: -ENOMEM, YODEL_ERR_CONGESTED (max_mailbox),
 * YODEL_ERR_CLOSED (server stopped).
 */
typedef void(yodel_stream_post_fn)(yodel_stream *stream, void *arg);
YODEL_API int yodel_stream_post(yodel_stream *stream, yodel_stream_post_fn *fn, void *arg,
                                yodel_free_fn *free_arg) YODEL_ANY_THREAD;

YODEL_C_END

#endif
