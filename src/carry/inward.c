/* SPDX-License-Identifier: MIT */
#include "carry/inward.h"

#include <errno.h>

#include "base/buf.h"
#include "base/container.h"
#include "base/mem.h"
#include "net/caller.h"

struct inward {
    struct yd_link_stream stream;
    struct yd_pipe pipe;
    struct yd_carry_loop *home;
    struct yd_buf kept; /* came while nobody read */
    struct yd_mail task;
    bool queued;
    bool ended;  /* the client's output has, after what is kept */
    bool told;   /* of that */
    bool closed; /* on_closed is owed */
};

static struct inward *of_stream(struct yd_link_stream *stream)
{
    return yd_container_of(stream, struct inward, stream);
}

static struct inward *of_pipe(struct yd_pipe *pipe)
{
    return yd_container_of(pipe, struct inward, pipe);
}

static const struct yodel_allocator *mem_of(const struct inward *in)
{
    return in->home->carry->mem;
}

static void queue_task(struct inward *in)
{
    if (in->queued)
        return;
    in->queued = true;
    yd_loop_task(in->home->links.net->loop, &in->task);
}

static void free_inward(struct inward *in)
{
    yd_buf_free(mem_of(in), &in->kept);
    yd_free(mem_of(in), in);
}

/* ---- input ---- */

static void end_input(struct inward *in, int error)
{
    struct yd_stream *stream = in->pipe.stream;

    if (stream->closing || (in->told && error == 0))
        return;
    in->told = true;
    stream->ended = true;
    stream->events->on_end(stream, error);
}

static void keep(struct inward *in, const uint8_t *data, size_t len)
{
    if (yd_buf_append(mem_of(in), &in->kept, data, len) == 0)
        return;
    yd_link_reset(&in->stream, YD_LINK_BUSY);
    end_input(in, -ENOMEM);
}

static void on_data(struct yd_link_stream *link_stream, uint8_t *data, size_t len)
{
    struct inward *in = of_stream(link_stream);
    struct yd_stream *stream = in->pipe.stream;

    if (!stream->closing && (stream->paused || in->kept.len > 0)) {
        keep(in, data, len);
        return;
    }
    if (!stream->closing)
        stream->events->on_read(stream, data, len);
    yd_link_used(&in->stream, len);
}

/* What was kept, as it came; the reader may stop at any time, but takes what it is given. */
static void give_kept(struct inward *in)
{
    struct yd_stream *stream = in->pipe.stream;
    struct yd_buf kept = in->kept;

    if (stream->paused || stream->closing || kept.len == 0)
        return;
    in->kept = (struct yd_buf){.ptr = NULL};
    stream->events->on_read(stream, kept.ptr, kept.len);
    yd_link_used(&in->stream, kept.len);
    yd_buf_free(mem_of(in), &kept);
}

static void give_end(struct inward *in)
{
    struct yd_stream *stream = in->pipe.stream;

    if (!in->ended || in->told || in->kept.len > 0 || stream->closing)
        return;
    if (!stream->paused) {
        end_input(in, 0);
    } else if (!stream->hung_up) {
        stream->hung_up = true;
        stream->events->on_hang_up(stream);
    }
}

static void run_task(struct yd_mail *task, void *receiver)
{
    struct inward *in = yd_container_of(task, struct inward, task);

    (void)receiver;
    in->queued = false;
    if (in->closed) {
        in->pipe.stream->events->on_closed(in->pipe.stream);
        free_inward(in);
        return;
    }
    give_kept(in);
    give_end(in);
}

/* ---- the pipe ---- */

static void pause_pipe(struct yd_pipe *pipe, bool paused)
{
    pipe->stream->hung_up = pipe->stream->hung_up && paused;
    queue_task(of_pipe(pipe));
}

static void read_pipe(struct yd_pipe *pipe)
{
    give_kept(of_pipe(pipe));
    give_end(of_pipe(pipe));
}

static ssize_t send_now(struct yd_pipe *pipe, const struct iovec *iov, int num)
{
    return yd_link_send(&of_pipe(pipe)->stream, iov, num);
}

static ssize_t send(struct yd_pipe *pipe, const struct iovec *iov, int num)
{
    ssize_t taken = send_now(pipe, iov, num);
    size_t total = 0;

    for (int i = 0; i < num; i++)
        total += iov[i].iov_len;
    pipe->stream->pending = taken >= 0 && (size_t)taken < total;
    return taken;
}

/* The other node sends nothing after that, and is not waited for. */
static void shut(struct yd_pipe *pipe)
{
    struct inward *in = of_pipe(pipe);

    yd_link_end(&in->stream, yd_conn_keeps_client(yd_pipe_conn(pipe)));
    yd_buf_free(mem_of(in), &in->kept);
    in->ended = true;
    queue_task(in);
}

static void close_pipe(struct yd_pipe *pipe)
{
    struct inward *in = of_pipe(pipe);

    yd_link_reset(&in->stream, YD_LINK_GONE);
    in->closed = true;
    queue_task(in);
}

static const struct yd_pipe_ops pipe_ops = {
    .pause = pause_pipe,
    .read = read_pipe,
    .send = send,
    .send_now = send_now,
    .shutdown = shut,
    .close = close_pipe,
};

/* ---- the stream ---- */

static void on_end(struct yd_link_stream *stream, bool keeps)
{
    struct inward *in = of_stream(stream);

    (void)keeps;
    in->ended = true;
    give_end(in);
}

static void on_reset(struct yd_link_stream *stream, enum yd_link_why why)
{
    (void)why;
    end_input(of_stream(stream), -ECONNRESET);
}

static void on_credit(struct yd_link_stream *link_stream)
{
    struct yd_stream *stream = of_stream(link_stream)->pipe.stream;

    if (!stream->pending)
        return;
    stream->pending = false;
    stream->events->on_sent(stream, 0);
}

static void on_stop(struct yd_link_stream *stream)
{
    yd_net_stop_carried(&of_stream(stream)->pipe);
}

static const struct yd_link_stream_events stream_events = {
    .on_data = on_data,
    .on_end = on_end,
    .on_reset = on_reset,
    .on_credit = on_credit,
    .on_stop = on_stop,
};

struct yd_link_stream *yd_inward_new(struct yd_link_home *home)
{
    struct inward *in = yd_zalloc(home->net->mem, sizeof *in);

    if (in == NULL)
        return NULL;
    in->home = (struct yd_carry_loop *)home;
    in->stream.events = &stream_events;
    in->pipe.ops = &pipe_ops;
    in->task.run = run_task;
    return &in->stream;
}

void yd_inward_begin(struct yd_link_stream *stream, const struct yd_carried *client)
{
    struct inward *in = of_stream(stream);
    struct yd_carry *carry = in->home->carry;

    yd_count(&in->home->counters.in, 1);
    if (yd_net_add_carried(in->home->links.net, &in->pipe, &carry->front, client) == 0)
        return;
    yd_link_reset(stream, YD_LINK_BUSY);
    free_inward(in);
}
