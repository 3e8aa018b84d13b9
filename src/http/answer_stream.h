/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_ANSWER_STREAM_H
#define YD_HTTP_ANSWER_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/http_stream.h>

#include "base/msg.h"
#include "http/request.h"

/*
 * An answer in parts.  First member of what is made of one (server-sent events).
 *
 * Without a request it is over, but for the call of on_close, which is a task unless the client has
 * gone.
 */
struct yodel_stream {
    atomic_uint refs; /* its own until on_close has returned, and the program's */
    yodel_request *req;
    const struct yodel_allocator *mem;
    void *server; /* yd_http_server() */
    struct yd_loop *loop;
    struct yd_mail task; /* on_close, or on_stop of one that began while the server stopped */
    yodel_stream_fn *on_drain, *on_stop;
    yodel_stream_close_fn *on_close;
    void *user;
    size_t max_buffered;
    uint64_t left;  /* of a length that was told */
    uint8_t reason; /* enum yodel_stream_reason */
    bool is_chunked : 1, has_length : 1;
    bool is_mute : 1;      /* without content */
    bool has_ended : 1;    /* by the program */
    bool is_closed : 1;    /* on_close has begun */
    bool is_congested : 1; /* on_drain is owed */
    bool owes_line : 1;    /* what ends a chunk found no memory, and goes ahead of the next one */
    bool stop_due : 1;
};

/* As yodel_request_stream_begin(), in size bytes that begin with struct yodel_stream, all others
 * zero; options as they were read. */
int yd_http_stream_begin(yodel_request *req, const yodel_stream_options *options, size_t size,
                         yodel_stream **ret_stream);

/* The frame of a message is a chunk whose header is the message's, and whose payload ends with the
 * line end of the chunk: see yd_http_put_chunk_header().  As yodel_stream_write(). */
int yd_http_stream_write_chunk(yodel_stream *stream, struct yd_msg *chunk);

/* Most bytes of a chunk's header. */
#define YD_HTTP_CHUNK_HEADER 18
/* Writes the header of a chunk of len bytes so that it ends at end; returns its length. */
size_t yd_http_put_chunk_header(uint8_t *end, size_t len);

/* Ends it for reason; what cannot be ended well is cut off. */
void yd_http_stream_finish(yodel_stream *stream, yodel_stream_reason reason);

/* Whether there is output that waits. */
bool yd_http_stream_is_idle(const yodel_stream *stream);

/* The server, and the loop it belongs to, as long as the server is there. */
static inline void *yd_http_stream_server(const yodel_stream *stream)
{
    return stream->server;
}

static inline struct yd_loop *yd_http_stream_loop(const yodel_stream *stream)
{
    return stream->loop;
}

/* On its loop: whether it may be written to, or drops what is written. */
bool yd_http_stream_is_open(const yodel_stream *stream);

/* References that do not keep the server. */
void yd_http_stream_ref(yodel_stream *stream);
void yd_http_stream_unref(yodel_stream *stream);

#endif
