/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>

#include "base/container.h"
#include "base/mem.h"
#include "loop/uring_backend.h"

/* Threads for what blocks, and signals: libuv has both, and a loop of its own inside of ours, which
 * is run when its descriptor says so. */

struct uring_uv {
    struct uring_op op; /* polls its descriptor */
    struct uring_backend *backend;
    uv_loop_t loop;
    bool is_due; /* it has something to do, or to begin */
};

struct uring_signal {
    uv_signal_t handle;
    void (*on_signal)(void *arg, int signum);
    void *arg;
    struct yd_loop *loop;
};

struct uring_work {
    uv_work_t request;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
    struct yd_loop *loop;
};

static void settle(struct uring_op *op)
{
    struct uring_uv *uv = yd_container_of(op, struct uring_uv, op);

    if (uv->is_due) {
        uv->is_due = false;
        (void)uv_run(&uv->loop, UV_RUN_NOWAIT);
    }
    if (!op->armed)
        (void)yd_uring_op_poll(uv->backend, op, uv_backend_fd(&uv->loop), POLLIN, false);
}

static void schedule(struct uring_uv *uv)
{
    uv->is_due = true;
    yd_uring_op_settle(uv->backend, &uv->op);
}

static void on_result(struct uring_op *op, int result, bool more)
{
    struct uring_uv *uv = yd_container_of(op, struct uring_uv, op);

    (void)result;
    (void)more;
    if (!uv->backend->ended)
        schedule(uv);
}

static int make_uv(struct uring_backend *backend)
{
    const struct yodel_allocator *mem = backend->base.mem;
    struct uring_uv *uv;
    int rc;

    if (backend->uv != NULL)
        return 0;
    if ((uv = yd_zalloc(mem, sizeof *uv)) == NULL)
        return -ENOMEM;
    if ((rc = uv_loop_init(&uv->loop)) < 0) {
        yd_free(mem, uv);
        return rc;
    }
    uv->backend = backend;
    backend->uv = uv;
    yd_uring_op_init(backend, &uv->op, settle, on_result);
    return 0;
}

static void on_work(uv_work_t *request)
{
    struct uring_work *work = request->data;

    work->work(work->arg);
}

static void on_work_done(uv_work_t *request, int status)
{
    struct uring_work *work = request->data;
    void (*done)(void *arg) = work->done;
    void *arg = work->arg;

    (void)status;
    yd_free(work->loop->mem, work);
    done(arg);
}

int yd_uring_work(struct yd_loop *loop, void (*work_fn)(void *arg), void (*done_fn)(void *arg),
                  void *arg)
{
    struct uring_backend *backend = yd_uring_of(loop);
    struct uring_work *work;
    int rc;

    if ((rc = make_uv(backend)) < 0)
        return rc;
    if ((work = yd_alloc(loop->mem, sizeof *work)) == NULL)
        return -ENOMEM;
    *work = (struct uring_work){.work = work_fn, .done = done_fn, .arg = arg, .loop = loop};
    work->request.data = work;
    if ((rc = uv_queue_work(&backend->uv->loop, &work->request, on_work, on_work_done)) < 0)
        yd_free(loop->mem, work);
    else
        schedule(backend->uv);
    return rc;
}

static void on_uv_signal(uv_signal_t *handle, int signum)
{
    struct uring_signal *signal = handle->data;

    signal->on_signal(signal->arg, signum);
}

int yd_uring_signal(struct yd_loop *loop, int signum, void (*on_signal)(void *arg, int signum),
                    void *arg)
{
    struct uring_backend *backend = yd_uring_of(loop);
    struct uring_signal *signal;
    int rc;

    if ((rc = make_uv(backend)) < 0)
        return rc;
    if ((signal = yd_zalloc(loop->mem, sizeof *signal)) == NULL)
        return -ENOMEM;
    signal->on_signal = on_signal;
    signal->arg = arg;
    signal->loop = loop;
    if ((rc = uv_signal_init(&backend->uv->loop, &signal->handle)) < 0) {
        yd_free(loop->mem, signal);
        return rc;
    }
    signal->handle.data = signal;
    schedule(backend->uv);
    return uv_signal_start(&signal->handle, on_uv_signal, signum);
}

static void free_signal(uv_handle_t *handle)
{
    struct uring_signal *signal = handle->data;

    yd_free(signal->loop->mem, signal);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, handle->type == UV_SIGNAL ? free_signal : NULL);
}

void yd_uring_work_done(struct uring_backend *backend)
{
    struct uring_uv *uv = backend->uv;

    if (uv == NULL)
        return;
    uv_walk(&uv->loop, close_handle, NULL);
    (void)uv_run(&uv->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&uv->loop);
    yd_list_remove(&uv->op.node);
    yd_free(backend->base.mem, uv);
    backend->uv = NULL;
}
