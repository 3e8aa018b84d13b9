/* SPDX-License-Identifier: MIT */
#ifndef YD_LOOP_UV_BACKEND_H
#define YD_LOOP_UV_BACKEND_H

#include <stdatomic.h>
#include <uv.h>

#include "base/list.h"
#include "loop/loop.h"

/* Between the files of the backend of libuv. */

/* How long accepting, or sending, rests when descriptors or memory have run out, ms. */
#define YD_UV_REST_MS 100

struct uv_signal;

struct uv_backend {
    struct yd_loop base; /* first */
    uv_loop_t *uv;       /* own, or a foreign one; NULL: not open */
    uint8_t *read_buf;   /* YD_READ_SIZE bytes, while it is */
    uv_loop_t own;
    uv_async_t async;
    uv_prepare_t prepare;
    uv_check_t check; /* of a guest */
    uv_timer_t timer;
    uv_timer_t feeding;        /* of streams that the kernel had no memory for */
    struct yd_list starved;    /* those */
    struct uv_signal *signals; /* that are watched */
    uint64_t armed_for;        /* when timer fires, ms; YD_NEVER: not armed */
    bool woke;                 /* since the last wait */
    bool leaving;              /* the foreign loop */
    unsigned handles;          /* that have not been closed, and work that is not done */
    const struct yd_guest *guest;
    _Atomic(uv_async_t *) waker; /* of a guest, until it leaves */
    atomic_uint wakers;          /* threads that are about to, in a foreign loop */
};

/* Stands ahead of each stream. */
struct uv_stream {
    _Alignas(16) uv_poll_t poll;
    struct yd_list starved; /* empty: it is not */
};

static inline struct uv_backend *yd_uv_of(struct yd_loop *loop)
{
    return (struct uv_backend *)loop;
}

/* To be called first by everything that libuv calls after a wait.  libuv has read the clock when
 * the wait ended and does not do so again before the next one. */
static inline void yd_uv_woke(struct yd_loop *loop)
{
    struct uv_backend *backend = yd_uv_of(loop);

    if (backend->woke)
        return;
    backend->woke = true;
    yd_loop_woke(loop, uv_now(backend->uv));
}

/* One handle, or one piece of work, less.  The last of them may free a loop that leaves its host.
 */
static inline void yd_uv_count_less(struct uv_backend *backend)
{
    if (--backend->handles == 0 && backend->leaving)
        backend->guest->on_left(backend->guest);
}

/* uv_stream.c: the streams' part of yd_loop_uv, and the timer of those that the kernel had no
 * memory for. */
int yd_uv_stream_open(struct yd_stream *stream);
void yd_uv_stream_pause(struct yd_stream *stream, bool paused);
void yd_uv_stream_read(struct yd_stream *stream);
ssize_t yd_uv_stream_send(struct yd_stream *stream, const struct iovec *iov, int num);
ssize_t yd_uv_stream_send_now(struct yd_stream *stream, const struct iovec *iov, int num);
void yd_uv_stream_shutdown(struct yd_stream *stream);
void yd_uv_stream_close(struct yd_stream *stream);
void yd_uv_stream_detach(struct yd_stream *stream);

/* uv_watch.c: the watches' part. */
int yd_uv_watch_start(struct yd_watch *watch);
int yd_uv_watch_set(struct yd_watch *watch);
void yd_uv_watch_stop(struct yd_watch *watch);

#endif
