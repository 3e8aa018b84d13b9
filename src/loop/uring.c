/* SPDX-License-Identifier: MIT */
#include "loop/uring.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"
#include "loop/stream_socket.h"
#include "loop/uring_backend.h"

/*
 * The backend of io_uring: one ring a loop, which its thread alone uses.
 *
 * A turn is: completions, what they have caused, and one call of the kernel that takes all new
 * operations and waits; another one before it when a timer is due that sends have to precede.
 * Nothing is handed to the kernel before the loop runs, and nothing is left there when it has run:
 * whoever closes streams after that needs no ring.
 */

static uint64_t clock_ms(const struct yd_loop *loop)
{
    struct timespec now;

    (void)loop;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- being woken ---- */

/* Each write is told, whatever the count is: nobody reads it. */
static void on_woken(struct uring_op *op, int result, bool more)
{
    (void)result;
    if (!more)
        yd_uring_op_settle(yd_container_of(op, struct uring_backend, waker), op);
}

static void settle_waker(struct uring_op *op)
{
    struct uring_backend *backend = yd_container_of(op, struct uring_backend, waker);

    if (!op->armed)
        (void)yd_uring_op_poll(backend, op, backend->wake_fd, POLLIN, true);
}

static void wake(struct yd_loop *loop)
{
    struct uring_backend *backend = yd_uring_of(loop);
    const uint64_t one = 1;
    int saved = errno;

    if (write(backend->wake_fd, &one, sizeof one) < 0)
        errno = saved;
}

/* ---- beginning and end ---- */

static void init(struct yd_loop *loop)
{
    struct uring_backend *backend = yd_uring_of(loop);

    backend->streams_end = &backend->streams;
    backend->ops_end = &backend->ops;
    yd_list_init(&backend->all_ops);
}

static int open_ring(struct yd_loop *loop)
{
    struct uring_backend *backend = yd_uring_of(loop);
    int fd, rc;

    if ((fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        return -errno;
    if ((rc = yd_uring_setup(&backend->ring)) < 0)
        goto fail_fd;
    if ((rc = yd_uring_buffers_init(&backend->buffers, &backend->ring)) < 0)
        goto fail_ring;
    backend->deferred = (backend->ring.flags & IORING_SETUP_DEFER_TASKRUN) != 0;
    backend->polls = backend->buffers.ring == NULL;
    backend->wake_fd = fd;
    backend->is_open = true;
    yd_uring_op_init(backend, &backend->waker, settle_waker, on_woken);
    yd_uring_op_settle(backend, &backend->waker);
    return 0;

fail_ring:
    yd_uring_exit(&backend->ring);
fail_fd:
    (void)close(fd);
    return rc;
}

/* A stream is closed once nothing of it is in the kernel; after the loop has run that is so. */
static void settle_closed(struct uring_backend *backend)
{
    struct uring_stream *state;

    while ((state = backend->streams) != NULL) {
        if ((backend->streams = state->next) == NULL)
            backend->streams_end = &backend->streams;
        state->queued = false;
        if (yd_uring_stream_of(state)->closing)
            yd_uring_stream_settle(backend, state);
    }
}

static void done(struct yd_loop *loop)
{
    struct uring_backend *backend = yd_uring_of(loop);

    backend->ended = true;
    yd_uring_work_done(backend);
    settle_closed(backend);
    if (!backend->is_open)
        return;
    yd_list_remove(&backend->waker.node);
    while (!yd_list_is_empty(&backend->all_ops)) {
        struct uring_op *op = yd_container_of(backend->all_ops.next, struct uring_op, node);

        yd_list_remove(&op->node);
        yd_free(loop->mem, op);
    }
    yd_uring_exit(&backend->ring);
    yd_uring_buffers_done(&backend->buffers);
    yd_buf_free(loop->mem, &backend->watched);
    (void)close(backend->wake_fd);
}

/* ---- turns ---- */

static void on_cqe(struct uring_backend *backend, uint64_t user_data, int result, unsigned flags,
                   uint8_t *data)
{
    void *ptr = (void *)(uintptr_t)(user_data & ~(uint64_t)URING_KINDS);
    bool more = (flags & IORING_CQE_F_MORE) != 0;
    enum uring_kind kind = user_data & URING_KINDS;
    struct uring_op *op;

    if (kind != URING_NONE && !more)
        backend->inflight--;
    switch (kind) {
    case URING_RECV:
        yd_uring_stream_on_recv(backend, ptr, data, result, flags);
        break;
    case URING_SEND:
        yd_uring_stream_on_send(backend, ptr, result);
        break;
    case URING_POLL:
        yd_uring_stream_on_poll(backend, ptr, result);
        break;
    case URING_OP:
        op = ptr;
        op->armed = more;
        op->canceled = op->canceled && more;
        op->on_result(op, result, more);
        break;
    case URING_FILE:
        yd_uring_on_file_read(backend, ptr, result);
        break;
    case URING_NONE:
    case URING_KINDS:
        break;
    }
}

/* One by one, each off the queue before it is told: what it causes may look at those behind it. */
static void drain(struct uring_backend *backend)
{
    struct io_uring *ring = &backend->ring;

    backend->sends = false;
    for (unsigned num = io_uring_cq_ready(ring); num > 0; num--) {
        const struct io_uring_cqe *cqe = &ring->cq.cqes[*ring->cq.khead & ring->cq.ring_mask];
        uint64_t user_data = cqe->user_data;
        unsigned flags = cqe->flags;
        int result = cqe->res;
        uint8_t *data = NULL;

        if ((flags & IORING_CQE_F_BUFFER) != 0)
            data = yd_uring_buffer_take(&backend->buffers, result, flags);
        io_uring_cq_advance(ring, 1);
        on_cqe(backend, user_data, result, flags, data);
        if (data != NULL)
            yd_uring_buffer_used(&backend->buffers, result, flags);
    }
    if (backend->buffers.doubt)
        yd_uring_buffers_settle(&backend->buffers, ring);
}

/* What is there now: what that causes waits for the next time. */
static void settle(struct uring_backend *backend)
{
    struct uring_stream *state = backend->streams;
    struct uring_op *op = backend->ops;

    backend->streams = NULL;
    backend->streams_end = &backend->streams;
    backend->ops = NULL;
    backend->ops_end = &backend->ops;
    while (state != NULL) {
        struct uring_stream *next = state->next;

        state->queued = false;
        yd_uring_stream_settle(backend, state);
        state = next;
    }
    while (op != NULL) {
        struct uring_op *next = op->next;

        op->queued = false;
        op->settle(op);
        op = next;
    }
}

static bool is_settled(const struct uring_backend *backend)
{
    return backend->streams == NULL && backend->ops == NULL;
}

/* The longest wait, ms.  The thread sanitizer puts handlers of signals off until the next call that
 * it knows, of which those of io_uring are none: one that waits for ever would never be told. */
#define LONGEST_WAIT YD_NEVER
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#undef LONGEST_WAIT
#define LONGEST_WAIT 50
#endif
#endif

static void await(struct uring_backend *backend, uint64_t due)
{
    struct __kernel_timespec limit;
    struct io_uring_cqe *cqe;
    uint64_t now;

    backend->queued = 0;
    if (LONGEST_WAIT != YD_NEVER)
        due = YD_MIN(due, clock_ms(&backend->base) + LONGEST_WAIT);
    if (due == YD_NEVER) {
        (void)io_uring_submit_and_wait_timeout(&backend->ring, &cqe, 1, NULL, NULL);
        return;
    }
    now = clock_ms(&backend->base); /* handlers may have slept */
    if (due <= now) {
        (void)io_uring_submit_and_get_events(&backend->ring);
        return;
    }
    limit = (struct __kernel_timespec){.tv_sec = (int64_t)((due - now) / 1000),
                                       .tv_nsec = (int64_t)((due - now) % 1000) * 1000000};
    (void)io_uring_submit_and_wait_timeout(&backend->ring, &cqe, 1, &limit, NULL);
}

/* Nothing is told any more but what has a descriptor, or somebody waits for. */
static void cancel_all(struct uring_backend *backend)
{
    while (backend->inflight > 0) {
        struct io_uring_sqe *sqe = yd_uring_sqe(backend);

        if (sqe != NULL) {
            io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
            sqe->user_data = URING_NONE;
        }
        await(backend, YD_NEVER);
        drain(backend);
    }
}

/* A peer that reads as fast as we send cannot keep the timers waiting: so many sends, one behind
 * the other, leave ahead of them. */
#define SENDS_AHEAD 16

/* When a handler took longer than a deadline, what stands behind sends that have ended meanwhile
 * leaves ahead of it, as it does where the kernel takes bytes at once.  What the kernel does not
 * take now is for the peer to answer for. */
static void send_ahead_of_timers(struct uring_backend *backend)
{
    for (int i = 0; i < SENDS_AHEAD && backend->sends && yd_loop_is_due(&backend->base); i++) {
        backend->queued = 0;
        (void)io_uring_submit_and_get_events(&backend->ring);
        drain(backend);
    }
}

static void run(struct yd_loop *loop)
{
    struct uring_backend *backend = yd_uring_of(loop);
    uint64_t due;

    (void)yd_uring_enable(&backend->ring);
    backend->running = true;
    for (;;) {
        yd_loop_woke(loop, clock_ms(loop));
        drain(backend);
        send_ahead_of_timers(backend);
        settle(backend);
        due = yd_loop_turn(loop);
        if (!is_settled(backend)) { /* streams that were closed, or are read again */
            settle(backend);
            due = yd_loop_turn(loop);
        }
        if (loop->stopping)
            break;
        await(backend, is_settled(backend) ? due : 0);
    }
    backend->ended = true;
    cancel_all(backend);
    backend->running = false;
}

const struct yd_loop_ops yd_loop_uring = {
    .name = "io_uring",
    .loop_size = sizeof(struct uring_backend),
    .stream_size = sizeof(struct uring_stream),
    .init = init,
    .open = open_ring,
    .done = done,
    .clock = clock_ms,
    .run = run,
    .of_guests = &yd_loop_uv, /* whoever waits in a foreign loop cannot wait in a ring */
    .wake = wake,
    .listener_start = yd_uring_listener_start,
    .listener_accept = yd_uring_listener_accept,
    .listener_stop = yd_uring_listener_stop,
    .stream_open = yd_uring_stream_open,
    .stream_pause = yd_uring_stream_pause,
    .stream_read = yd_uring_stream_read,
    .stream_send = yd_uring_stream_send,
    .stream_send_now = yd_uring_stream_send_now,
    .stream_shutdown = yd_uring_stream_shutdown,
    .stream_name = yd_socket_name,
    .stream_no_delay = yd_socket_no_delay,
    .stream_close = yd_uring_stream_close,
    .stream_detach = yd_uring_stream_detach,
    .watch_start = yd_uring_watch_start,
    .watch_set = yd_uring_watch_set,
    .watch_stop = yd_uring_watch_stop,
    .work = yd_uring_work,
    .read_file = yd_uring_read_file,
    .signal = yd_uring_signal,
};
