/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/stream_socket.h"
#include "loop/uv_backend.h"

/*
 * The portable backend: libuv polls, reads and writes are ours.
 *
 * The loop of libuv is our own, or a foreign one in which we are a guest: there only our own
 * handles are touched, and nothing of the loop itself.
 */

/* Connections accepted by one listener in a turn. */
#define ACCEPTS 128
/* No more than this can wait for a listener (net.core.somaxconn has 16 bits in effect). */
#define MOST_WAITING 65536
#define REST_LOG_MS 1000

struct uv_listener {
    uv_poll_t poll;
    uv_timer_t rest;
    struct yd_listener *owner; /* gone once the handles are being closed */
    struct yd_loop *loop;
    uint64_t logged_at;
    int open_handles;
};

struct uv_signal {
    uv_signal_t handle;
    struct uv_signal *next;
    void (*on_signal)(void *arg, int signum);
    void *arg;
    struct yd_loop *loop;
};

struct uv_work {
    uv_work_t request;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
    struct yd_loop *loop;
};

/* ---- turns ---- */

static uint64_t clock_ms(const struct yd_loop *loop)
{
    (void)loop;
    return uv_hrtime() / 1000000;
}

static void on_timer(uv_timer_t *timer)
{
    struct uv_backend *backend = timer->data;

    backend->armed_for = YD_NEVER; /* the turn ahead of the next wait does the work */
}

static void on_async(uv_async_t *async)
{
    (void)async; /* it woke the loop: the turn ahead of the next wait takes the mail */
}

static void arm_timer(struct uv_backend *backend, uint64_t due)
{
    uint64_t now;

    if (backend->armed_for == due)
        return;
    backend->armed_for = due;
    if (due == YD_NEVER) {
        uv_timer_stop(&backend->timer);
        return;
    }
    uv_update_time(backend->uv); /* handlers may have slept: libuv counts from its own time */
    now = uv_now(backend->uv);
    uv_timer_start(&backend->timer, on_timer, due > now ? due - now : 0, 0);
}

static void end_stay(struct uv_backend *backend);

static void on_prepare(uv_prepare_t *prepare)
{
    struct uv_backend *backend = prepare->data;

    yd_uv_woke(&backend->base);
    arm_timer(backend, yd_loop_turn(&backend->base));
    backend->woke = false;
    if (!backend->base.stopping)
        return;
    if (backend->guest != NULL)
        end_stay(backend);
    else
        uv_stop(backend->uv);
}

/* The wait has ended, and no other of the foreign loop's handles can move our time on from here:
 * what they do until the next wait takes none of a peer's. */
static void on_check(uv_check_t *check)
{
    yd_uv_woke(check->data);
}

static void init(struct yd_loop *loop)
{
    struct uv_backend *backend = yd_uv_of(loop);

    yd_list_init(&backend->starved);
    backend->armed_for = YD_NEVER;
}

static void init_handles(struct uv_backend *backend)
{
    uv_prepare_init(backend->uv, &backend->prepare);
    uv_timer_init(backend->uv, &backend->timer);
    uv_timer_init(backend->uv, &backend->feeding);
    backend->async.data = backend;
    backend->prepare.data = backend;
    backend->timer.data = backend;
    backend->feeding.data = backend;
    backend->handles += 4;
    uv_prepare_start(&backend->prepare, on_prepare);
}

static int make_room(struct uv_backend *backend)
{
    backend->read_buf = yd_alloc(backend->base.mem, YD_READ_SIZE);
    return backend->read_buf != NULL ? 0 : -ENOMEM;
}

static int open_own(struct yd_loop *loop)
{
    struct uv_backend *backend = yd_uv_of(loop);
    int rc;

    if ((rc = make_room(backend)) < 0)
        return rc;
    if ((rc = uv_loop_init(&backend->own)) < 0)
        return rc;
    if ((rc = uv_async_init(&backend->own, &backend->async, on_async)) < 0) {
        (void)uv_loop_close(&backend->own);
        return rc;
    }
    backend->uv = &backend->own;
    init_handles(backend);
    return 0;
}

static void run(struct yd_loop *loop)
{
    uv_run(yd_uv_of(loop)->uv, UV_RUN_DEFAULT);
}

static void free_signal(uv_handle_t *handle)
{
    struct uv_signal *signal = handle->data;

    yd_free(signal->loop->mem, signal);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, handle->type == UV_SIGNAL ? free_signal : NULL);
}

static void done(struct yd_loop *loop)
{
    struct uv_backend *backend = yd_uv_of(loop);

    if (backend->uv == &backend->own) { /* else a guest has left, or it was never open */
        uv_walk(backend->uv, close_handle, NULL);
        uv_run(backend->uv, UV_RUN_DEFAULT);
        (void)uv_loop_close(backend->uv);
    }
    yd_free(loop->mem, backend->read_buf);
}

/* Threads that have put mail into the mailbox just before it was closed come here after that, when
 * a foreign loop may be about to go: it waits for those who are counted. */
static void wake(struct yd_loop *loop)
{
    struct uv_backend *backend = yd_uv_of(loop);
    uv_async_t *waker;

    if (backend->guest == NULL) {
        uv_async_send(&backend->async);
        return;
    }
    atomic_fetch_add(&backend->wakers, 1);
    if ((waker = atomic_load(&backend->waker)) != NULL)
        uv_async_send(waker);
    atomic_fetch_sub(&backend->wakers, 1);
}

/* ---- a guest in a foreign loop ---- */

static int start(struct yd_loop *loop, const struct yd_guest *guest)
{
    struct uv_backend *backend = yd_uv_of(loop);
    uv_loop_t *host = guest->host;
    int rc;

    if ((rc = make_room(backend)) < 0)
        return rc;
    if ((rc = uv_async_init(host, &backend->async, on_async)) < 0)
        return rc;
    backend->guest = guest;
    backend->uv = host;
    init_handles(backend);
    uv_check_init(host, &backend->check);
    backend->check.data = backend;
    backend->handles++;
    uv_check_start(&backend->check, on_check);
    uv_unref((uv_handle_t *)&backend->prepare); /* async keeps the host running */
    uv_unref((uv_handle_t *)&backend->check);
    atomic_store(&backend->waker, &backend->async);
    uv_async_send(&backend->async); /* the first turn does not wait for an event */
    return 0;
}

static void on_own_closed(uv_handle_t *handle)
{
    yd_uv_count_less(handle->data);
}

static void on_signal_closed(uv_handle_t *handle)
{
    struct uv_backend *backend = yd_uv_of(((struct uv_signal *)handle->data)->loop);

    free_signal(handle);
    yd_uv_count_less(backend);
}

static void close_all(struct uv_backend *backend)
{
    struct uv_signal *next;

    for (struct uv_signal *signal = backend->signals; signal != NULL; signal = next) {
        next = signal->next;
        uv_close((uv_handle_t *)&signal->handle, on_signal_closed);
    }
    backend->signals = NULL;
    backend->leaving = true;
    uv_close((uv_handle_t *)&backend->async, on_own_closed);
    uv_close((uv_handle_t *)&backend->prepare, on_own_closed);
    uv_close((uv_handle_t *)&backend->check, on_own_closed);
    uv_close((uv_handle_t *)&backend->timer, on_own_closed);
    uv_close((uv_handle_t *)&backend->feeding, on_own_closed);
}

static void try_to_leave(uv_timer_t *timer)
{
    struct uv_backend *backend = timer->data;

    if (atomic_load(&backend->wakers) == 0)
        close_all(backend);
    else
        uv_timer_start(timer, try_to_leave, 1, 0);
}

static void leave(struct yd_loop *loop)
{
    struct uv_backend *backend = yd_uv_of(loop);

    uv_prepare_stop(&backend->prepare);
    uv_check_stop(&backend->check);
    atomic_store(&backend->waker, NULL);
    try_to_leave(&backend->timer);
}

static void end_stay(struct uv_backend *backend)
{
    atomic_store_explicit(&backend->base.running, false, memory_order_release);
    backend->guest->on_end(backend->guest);
    leave(&backend->base);
}

/* ---- listeners ---- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void on_rested(uv_timer_t *timer)
{
    struct uv_listener *state = timer->data;

    (void)uv_poll_start(&state->poll, UV_READABLE, on_acceptable);
}

/* Descriptors or memory have run out: the connections wait in the kernel's queue meanwhile. */
static void rest(struct uv_listener *state, int error)
{
    struct yd_loop *loop = state->owner->loop;

    uv_poll_stop(&state->poll);
    uv_timer_start(&state->rest, on_rested, YD_UV_REST_MS, 0);
    if (state->logged_at != 0 && loop->now - state->logged_at < REST_LOG_MS)
        return;
    state->logged_at = loop->now;
    yd_log(loop->log, YODEL_LOG_WARN, "cannot accept connections: %s", strerror(error));
}

static bool is_exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void accept_some(struct uv_listener *state, int most)
{
    struct yd_listener *listener = state->owner;

    for (int i = 0; i < most; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            listener->on_accept(listener, fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (is_exhausted(errno)) {
            rest(state, errno);
            return;
        }
    }
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    struct uv_listener *state = poll->data;

    (void)events;
    if (status < 0)
        return;
    yd_uv_woke(state->owner->loop);
    accept_some(state, ACCEPTS);
}

static void listener_accept(struct yd_listener *listener)
{
    accept_some(listener->backend, MOST_WAITING);
}

static int listener_start(struct yd_listener *listener)
{
    struct uv_backend *backend = yd_uv_of(listener->loop);
    struct uv_listener *state = yd_zalloc(listener->loop->mem, sizeof *state);
    int rc;

    if (state == NULL)
        return -ENOMEM;
    if ((rc = uv_poll_init(backend->uv, &state->poll, listener->fd)) < 0) {
        yd_free(listener->loop->mem, state);
        return rc;
    }
    uv_timer_init(backend->uv, &state->rest);
    backend->handles++;
    state->open_handles = 2;
    state->loop = listener->loop;
    state->owner = listener;
    state->poll.data = state;
    state->rest.data = state;
    listener->backend = state;
    return uv_poll_start(&state->poll, UV_READABLE, on_acceptable);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct uv_listener *state = handle->data;

    struct yd_loop *loop = state->loop;

    if (--state->open_handles > 0)
        return;
    yd_free(loop->mem, state);
    yd_uv_count_less(yd_uv_of(loop));
}

static void listener_stop(struct yd_listener *listener)
{
    struct uv_listener *state = listener->backend;

    uv_close((uv_handle_t *)&state->poll, on_listener_closed);
    uv_close((uv_handle_t *)&state->rest, on_listener_closed);
    (void)close(listener->fd);
    listener->fd = -1;
}

/* ---- work and signals ---- */

static void on_work(uv_work_t *request)
{
    struct uv_work *work = request->data;

    work->work(work->arg);
}

static void on_work_done(uv_work_t *request, int status)
{
    struct uv_work *work = request->data;
    struct yd_loop *loop = work->loop;
    void (*done_fn)(void *) = work->done;
    void *arg = work->arg;

    (void)status;
    yd_uv_woke(loop);
    yd_free(loop->mem, work);
    done_fn(arg);
    yd_uv_count_less(yd_uv_of(loop));
}

static int start_work(struct yd_loop *loop, void (*work_fn)(void *arg), void (*done_fn)(void *arg),
                      void *arg)
{
    struct uv_work *work = yd_alloc(loop->mem, sizeof *work);
    int rc;

    if (work == NULL)
        return -ENOMEM;
    work->work = work_fn;
    work->done = done_fn;
    work->arg = arg;
    work->loop = loop;
    work->request.data = work;
    rc = uv_queue_work(yd_uv_of(loop)->uv, &work->request, on_work, on_work_done);
    if (rc < 0)
        yd_free(loop->mem, work);
    else
        yd_uv_of(loop)->handles++;
    return rc;
}

static void on_uv_signal(uv_signal_t *handle, int signum)
{
    struct uv_signal *signal = handle->data;

    yd_uv_woke(signal->loop);
    signal->on_signal(signal->arg, signum);
}

static int start_signal(struct yd_loop *loop, int signum, void (*on_signal)(void *arg, int signum),
                        void *arg)
{
    struct uv_backend *backend = yd_uv_of(loop);
    struct uv_signal *signal = yd_zalloc(loop->mem, sizeof *signal);
    int rc;

    if (signal == NULL)
        return -ENOMEM;
    signal->loop = loop;
    signal->on_signal = on_signal;
    signal->arg = arg;
    if ((rc = uv_signal_init(backend->uv, &signal->handle)) < 0) {
        yd_free(loop->mem, signal);
        return rc;
    }
    signal->handle.data = signal;
    signal->next = backend->signals;
    backend->signals = signal;
    backend->handles++;
    return uv_signal_start(&signal->handle, on_uv_signal, signum);
}

const struct yd_loop_ops yd_loop_uv = {
    .name = "libuv",
    .loop_size = sizeof(struct uv_backend),
    .stream_size = sizeof(struct uv_stream),
    .init = init,
    .open = open_own,
    .done = done,
    .clock = clock_ms,
    .run = run,
    .start = start,
    .leave = leave,
    .wake = wake,
    .listener_start = listener_start,
    .listener_accept = listener_accept,
    .listener_stop = listener_stop,
    .stream_open = yd_uv_stream_open,
    .stream_pause = yd_uv_stream_pause,
    .stream_read = yd_uv_stream_read,
    .stream_send = yd_uv_stream_send,
    .stream_send_now = yd_uv_stream_send_now,
    .stream_shutdown = yd_uv_stream_shutdown,
    .stream_name = yd_socket_name,
    .stream_no_delay = yd_socket_no_delay,
    .stream_close = yd_uv_stream_close,
    .stream_detach = yd_uv_stream_detach,
    .watch_start = yd_uv_watch_start,
    .watch_set = yd_uv_watch_set,
    .watch_stop = yd_uv_watch_stop,
    .work = start_work,
    .signal = start_signal,
};
