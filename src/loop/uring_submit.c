/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "loop/uring_backend.h"

/* The way of operations into the kernel, and of what has to be settled ahead of that. */

/* Bytes queued in a turn above which the kernel is not kept waiting. */
#define SUBMIT_EARLY (256u * 1024)

bool yd_uring_submit(struct uring_backend *backend)
{
    int rc;

    backend->queued = 0;
    do {
        rc = io_uring_submit(&backend->ring);
    } while (rc == -EINTR);
    return io_uring_sq_ready(&backend->ring) == 0;
}

void yd_uring_submit_and_run(struct uring_backend *backend)
{
    if (yd_uring_submit(backend))
        (void)io_uring_get_events(&backend->ring);
}

struct io_uring_sqe *yd_uring_sqe(struct uring_backend *backend)
{
    struct io_uring_sqe *sqe;

    if (!backend->running)
        return NULL;
    if (backend->queued >= SUBMIT_EARLY)
        (void)yd_uring_submit(backend);
    if ((sqe = io_uring_get_sqe(&backend->ring)) != NULL)
        return sqe;
    (void)yd_uring_submit(backend);
    return io_uring_get_sqe(&backend->ring);
}

bool yd_uring_cancel(struct uring_backend *backend, void *ptr, enum uring_kind kind)
{
    struct io_uring_sqe *sqe = yd_uring_sqe(backend);

    if (sqe == NULL)
        return false;
    io_uring_prep_cancel64(sqe, (uint64_t)(uintptr_t)ptr | kind, 0);
    sqe->user_data = URING_NONE;
    return true;
}

bool yd_uring_rest(struct uring_backend *backend, void *ptr, enum uring_kind kind)
{
    static const struct __kernel_timespec rest = {.tv_nsec = YD_URING_REST_MS * 1000000};
    struct io_uring_sqe *sqe = yd_uring_sqe(backend);

    if (sqe == NULL)
        return false;
    io_uring_prep_timeout(sqe, (struct __kernel_timespec *)&rest, 0, 0);
    yd_uring_arm(backend, sqe, ptr, kind);
    return true;
}

void yd_uring_op_init(struct uring_backend *backend, struct uring_op *op,
                      void (*settle)(struct uring_op *op),
                      void (*on_result)(struct uring_op *op, int result, bool more))
{
    op->settle = settle;
    op->on_result = on_result;
    yd_list_append(&backend->all_ops, &op->node);
}

void yd_uring_op_settle(struct uring_backend *backend, struct uring_op *op)
{
    if (op->queued)
        return;
    op->queued = true;
    op->next = NULL;
    *backend->ops_end = op;
    backend->ops_end = &op->next;
}

void yd_uring_op_cancel(struct uring_backend *backend, struct uring_op *op)
{
    if (op->armed && !op->canceled)
        op->canceled = yd_uring_cancel(backend, op, URING_OP);
    if (op->armed && !op->canceled)
        yd_uring_op_settle(backend, op);
}

bool yd_uring_op_poll(struct uring_backend *backend, struct uring_op *op, int fd, unsigned mask,
                      bool multi)
{
    struct io_uring_sqe *sqe = yd_uring_sqe(backend);

    if (sqe == NULL) {
        yd_uring_op_settle(backend, op);
        return false;
    }
    if (multi)
        io_uring_prep_poll_multishot(sqe, fd, mask);
    else
        io_uring_prep_poll_add(sqe, fd, mask);
    yd_uring_arm(backend, sqe, op, URING_OP);
    op->armed = true;
    return true;
}

void yd_uring_stream_queue(struct uring_backend *backend, struct uring_stream *state)
{
    if (state->queued)
        return;
    state->queued = true;
    state->next = NULL;
    *backend->streams_end = state;
    backend->streams_end = &state->next;
}
