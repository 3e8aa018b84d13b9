/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/mem.h"
#include "http/answer_stream.h"
#include "server/server.h"
#include "sse/sse.h"

/* Streams in the hands of other threads.  A reference of the program's keeps the server, whose
 * memory the stream is in and whose loops it may be posted to. */

yodel_stream *yodel_stream_ref(yodel_stream *stream)
{
    if (stream == NULL)
        return NULL;
    yodel_server_ref(yd_http_stream_server(stream));
    yd_http_stream_ref(stream);
    return stream;
}

yodel_stream *yodel_stream_unref(yodel_stream *stream)
{
    yodel_server *server;

    if (stream == NULL)
        return NULL;
    server = yd_http_stream_server(stream);
    yd_http_stream_unref(stream);
    yodel_server_unref(server);
    return NULL;
}

/* What a call of the program's counts in a mailbox: what it keeps besides is not known. */
#define POST_WEIGHT 100

/* The server outlives it: it runs or frees what was posted before it goes. */
struct stream_call {
    yodel_stream *stream; /* a reference, which does not keep the server */
    const struct yodel_allocator *mem;
    yodel_stream_post_fn *fn; /* or, of a reader: */
    yodel_sse_post_fn *sse_fn;
    void *arg;
    yodel_free_fn *free_arg;
};

static void run_call(struct yd_loop *loop, void *arg)
{
    struct stream_call *call = arg;

    (void)loop;
    if (!yd_http_stream_is_open(call->stream))
        return;
    if (call->fn != NULL)
        call->fn(call->stream, call->arg);
    else
        call->sse_fn((yodel_sse *)call->stream, call->arg);
}

static void free_call(void *arg)
{
    struct stream_call *call = arg;

    if (call->free_arg != NULL)
        call->free_arg(call->arg);
    yd_http_stream_unref(call->stream);
    yd_free(call->mem, call);
}

static int post(yodel_stream *stream, const struct stream_call *what)
{
    bool is_whole = stream != NULL && (what->fn != NULL || what->sse_fn != NULL);
    yodel_server *server = is_whole ? yd_http_stream_server(stream) : NULL;
    struct stream_call *call = is_whole ? yd_alloc(&server->mem, sizeof *call) : NULL;

    if (call == NULL) {
        if (what->free_arg != NULL)
            what->free_arg(what->arg);
        return is_whole ? -ENOMEM : -EINVAL;
    }
    yd_http_stream_ref(stream);
    *call = *what;
    call->stream = stream;
    call->mem = &server->mem;
    return yd_bus_call(yd_http_stream_loop(stream), POST_WEIGHT, run_call, call, free_call);
}

int yodel_stream_post(yodel_stream *stream, yodel_stream_post_fn *fn, void *arg,
                      yodel_free_fn *free_arg)
{
    return post(stream, &(struct stream_call){.fn = fn, .arg = arg, .free_arg = free_arg});
}

/* ---- readers of events ---- */

yodel_sse *yodel_sse_ref(yodel_sse *sse)
{
    if (sse == NULL)
        return NULL;
    (void)yodel_stream_ref(yodel_sse_stream(sse));
    return sse;
}

yodel_sse *yodel_sse_unref(yodel_sse *sse)
{
    (void)yodel_stream_unref((yodel_stream *)sse);
    return NULL;
}

int yodel_sse_post(yodel_sse *sse, yodel_sse_post_fn *fn, void *arg, yodel_free_fn *free_arg)
{
    return post(yodel_sse_stream(sse),
                &(struct stream_call){.sse_fn = fn, .arg = arg, .free_arg = free_arg});
}
