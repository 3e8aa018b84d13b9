/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/loop.h"

/* The portable backend: libuv polls, reads and writes are ours. */

/* Reads of one stream in a turn while its data fills the whole buffer. */
#define READS 4
/* Connections accepted by one listener in a turn. */
#define ACCEPTS 128
/* No more than this can wait for a listener (net.core.somaxconn has 16 bits in effect). */
#define MOST_WAITING 65536
/* How long accepting, or sending, rests when descriptors or memory have run out, ms. */
#define REST_MS 100
#define REST_LOG_MS 1000

struct uv_backend {
    struct yd_loop base; /* first */
    uv_loop_t uv;
    uv_async_t async;
    uv_prepare_t prepare;
    uv_timer_t timer;
    uv_timer_t feeding; /* of streams that the kernel had no memory for */
    uint64_t armed_for; /* when timer fires, ms; YD_NEVER: not armed */
    bool woke;          /* since the last wait */
};

/* Stands ahead of each stream. */
struct uv_stream {
    _Alignas(16) uv_poll_t poll;
};

struct uv_listener {
    uv_poll_t poll;
    uv_timer_t rest;
    struct yd_listener *owner; /* gone once the handles are being closed */
    const struct yodel_allocator *mem;
    uint64_t logged_at;
    int open_handles;
};

struct uv_signal {
    uv_signal_t handle;
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

static struct uv_backend *backend_of(struct yd_loop *loop)
{
    return (struct uv_backend *)loop;
}

static struct uv_stream *state_of(struct yd_stream *stream)
{
    return (struct uv_stream *)((char *)stream - sizeof(struct uv_stream));
}

static struct yd_stream *stream_of(uv_poll_t *poll)
{
    return (struct yd_stream *)((char *)poll + sizeof(struct uv_stream));
}

/* ---- turns ---- */

static uint64_t clock_ms(const struct yd_loop *loop)
{
    (void)loop;
    return uv_hrtime() / 1000000;
}

/* To be called first by everything that libuv calls after a wait.  libuv has read the clock when
 * the wait ended and does not do so again before the next one. */
static void wake_up(struct yd_loop *loop)
{
    struct uv_backend *backend = backend_of(loop);

    if (backend->woke)
        return;
    backend->woke = true;
    yd_loop_woke(loop, uv_now(&backend->uv));
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
    uv_update_time(&backend->uv); /* handlers may have slept: libuv counts from its own time */
    now = uv_now(&backend->uv);
    uv_timer_start(&backend->timer, on_timer, due > now ? due - now : 0, 0);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct uv_backend *backend = prepare->data;

    wake_up(&backend->base);
    arm_timer(backend, yd_loop_turn(&backend->base));
    backend->woke = false;
    if (backend->base.stopping)
        uv_stop(&backend->uv);
}

static int init(struct yd_loop *loop)
{
    struct uv_backend *backend = backend_of(loop);
    int rc;

    if ((rc = uv_loop_init(&backend->uv)) < 0)
        return rc;
    if ((rc = uv_async_init(&backend->uv, &backend->async, on_async)) < 0) {
        (void)uv_loop_close(&backend->uv);
        return rc;
    }
    uv_prepare_init(&backend->uv, &backend->prepare);
    uv_timer_init(&backend->uv, &backend->timer);
    uv_timer_init(&backend->uv, &backend->feeding);
    backend->prepare.data = backend;
    backend->timer.data = backend;
    uv_prepare_start(&backend->prepare, on_prepare);
    backend->armed_for = YD_NEVER;
    return 0;
}

static void run(struct yd_loop *loop)
{
    uv_run(&backend_of(loop)->uv, UV_RUN_DEFAULT);
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
    struct uv_backend *backend = backend_of(loop);

    uv_walk(&backend->uv, close_handle, NULL);
    uv_run(&backend->uv, UV_RUN_DEFAULT);
    (void)uv_loop_close(&backend->uv);
}

static void wake(struct yd_loop *loop)
{
    uv_async_send(&backend_of(loop)->async);
}

/* ---- streams ---- */

static void on_poll(uv_poll_t *poll, int status, int events);

/* Polls for what the stream waits for now. */
static int set_interest(struct yd_stream *stream)
{
    struct uv_stream *state = state_of(stream);
    int events = 0;

    if (!stream->paused && !stream->ended)
        events |= UV_READABLE;
    if (stream->pending && !stream->starved)
        events |= UV_WRITABLE;
    return events != 0 ? uv_poll_start(&state->poll, events, on_poll) : uv_poll_stop(&state->poll);
}

static void end_input(struct yd_stream *stream, int error)
{
    stream->ended = true;
    (void)set_interest(stream);
    stream->events->on_end(stream, error);
}

static void read_some(struct yd_stream *stream)
{
    struct yd_loop *loop = stream->loop;
    const struct iovec shared = {loop->read_buf, YD_READ_SIZE};

    for (int i = 0; i < READS && !stream->paused && !stream->ended && !stream->closing; i++) {
        const struct iovec into = stream->target != NULL ? *stream->target : shared;
        ssize_t len = recv(stream->fd, into.iov_base, into.iov_len, 0);

        if (len > 0) {
            yd_count(&loop->counters.bytes_in, (uint64_t)len);
            stream->events->on_read(stream, into.iov_base, (size_t)len);
            if ((size_t)len < into.iov_len || into.iov_base != loop->read_buf)
                return; /* a target is the rest of a frame: mostly nothing follows it */
        } else if (len == 0) {
            end_input(stream, 0);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            end_input(stream, -errno);
        }
    }
}

static void on_writable(struct yd_stream *stream)
{
    stream->pending = false;
    (void)set_interest(stream);
    stream->events->on_sent(stream, 0);
}

/* The socket has failed and libuv has stopped polling it; what came before can still be read. */
static void on_broken(struct yd_stream *stream)
{
    int error = 0;
    socklen_t len = sizeof error;

    stream->paused = false;
    read_some(stream);
    if (stream->closing)
        return;
    (void)getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    end_input(stream, error != 0 ? -error : -ECONNRESET);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct yd_stream *stream = stream_of(poll);

    wake_up(stream->loop);
    if (status < 0) {
        on_broken(stream);
        return;
    }
    if ((events & UV_WRITABLE) != 0 && stream->pending)
        on_writable(stream);
    if ((events & UV_READABLE) != 0 && !stream->closing)
        read_some(stream);
}

static int stream_open(struct yd_stream *stream)
{
    struct uv_stream *state = state_of(stream);
    int rc;

    if ((rc = uv_poll_init(&backend_of(stream->loop)->uv, &state->poll, stream->fd)) < 0)
        return rc;
    (void)set_interest(stream);
    return 0;
}

static void stream_pause(struct yd_stream *stream, bool paused)
{
    (void)paused;
    (void)set_interest(stream);
}

static void stream_read(struct yd_stream *stream)
{
    read_some(stream);
}

static ssize_t send_once(int fd, const struct iovec *iov, int num)
{
    struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)num};
    ssize_t taken;

    do {
        taken = num == 1 ? send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                         : sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (taken < 0 && errno == EINTR);
    return taken;
}

static void feed(uv_handle_t *handle, void *arg)
{
    struct yd_stream *stream;

    (void)arg;
    if (handle->type != UV_POLL || handle->data != NULL) /* a listener has data */
        return;
    stream = stream_of((uv_poll_t *)handle);
    if (!stream->starved || stream->closing)
        return;
    stream->starved = false;
    (void)set_interest(stream);
}

static void on_feeding(uv_timer_t *timer)
{
    uv_walk(timer->loop, feed, NULL);
}

/* The kernel has no memory, and says nevertheless that the socket is writable: to ask again at once
 * would be to spin. */
static void starve(struct yd_stream *stream)
{
    struct uv_backend *backend = backend_of(stream->loop);

    stream->starved = true;
    if (!uv_is_active((uv_handle_t *)&backend->feeding))
        uv_timer_start(&backend->feeding, on_feeding, REST_MS, 0);
}

static size_t total_of(const struct iovec *iov, int num)
{
    size_t total = 0;

    for (int i = 0; i < num; i++)
        total += iov[i].iov_len;
    return total;
}

static ssize_t stream_send_now(struct yd_stream *stream, const struct iovec *iov, int num)
{
    ssize_t taken = send_once(stream->fd, iov, num);

    if (taken < 0) {
        if (errno == ENOBUFS || errno == ENOMEM)
            starve(stream);
        else if (errno != EAGAIN && errno != EWOULDBLOCK)
            return -errno;
        stream->full = true;
        return 0;
    }
    stream->full = (size_t)taken < total_of(iov, num);
    yd_count(&stream->loop->counters.bytes_out, (uint64_t)taken);
    return taken;
}

static ssize_t stream_send(struct yd_stream *stream, const struct iovec *iov, int num)
{
    ssize_t taken = stream->full ? 0 : stream_send_now(stream, iov, num);

    if (taken >= 0 && (size_t)taken < total_of(iov, num)) {
        stream->pending = true;
        (void)set_interest(stream);
    }
    stream->full = false;
    return taken;
}

static void on_stream_closed(uv_handle_t *handle)
{
    struct yd_stream *stream = stream_of((uv_poll_t *)handle);

    stream->events->on_closed(stream);
}

static void stream_close(struct yd_stream *stream)
{
    uv_close((uv_handle_t *)&state_of(stream)->poll, on_stream_closed);
    if (stream->fd >= 0)
        (void)close(stream->fd);
    stream->fd = -1;
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
    uv_timer_start(&state->rest, on_rested, REST_MS, 0);
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
    wake_up(state->owner->loop);
    accept_some(state, ACCEPTS);
}

static void listener_accept(struct yd_listener *listener)
{
    accept_some(listener->backend, MOST_WAITING);
}

static int listener_start(struct yd_listener *listener)
{
    struct uv_backend *backend = backend_of(listener->loop);
    struct uv_listener *state = yd_zalloc(listener->loop->mem, sizeof *state);
    int rc;

    if (state == NULL)
        return -ENOMEM;
    if ((rc = uv_poll_init(&backend->uv, &state->poll, listener->fd)) < 0) {
        yd_free(listener->loop->mem, state);
        return rc;
    }
    uv_timer_init(&backend->uv, &state->rest);
    state->open_handles = 2;
    state->owner = listener;
    state->mem = listener->loop->mem;
    state->poll.data = state;
    state->rest.data = state;
    listener->backend = state;
    return uv_poll_start(&state->poll, UV_READABLE, on_acceptable);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct uv_listener *state = handle->data;

    if (--state->open_handles == 0)
        yd_free(state->mem, state);
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
    wake_up(loop);
    yd_free(loop->mem, work);
    done_fn(arg);
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
    rc = uv_queue_work(&backend_of(loop)->uv, &work->request, on_work, on_work_done);
    if (rc < 0)
        yd_free(loop->mem, work);
    return rc;
}

static void on_uv_signal(uv_signal_t *handle, int signum)
{
    struct uv_signal *signal = handle->data;

    wake_up(signal->loop);
    signal->on_signal(signal->arg, signum);
}

static int start_signal(struct yd_loop *loop, int signum, void (*on_signal)(void *arg, int signum),
                        void *arg)
{
    struct uv_signal *signal = yd_zalloc(loop->mem, sizeof *signal);
    int rc;

    if (signal == NULL)
        return -ENOMEM;
    signal->loop = loop;
    signal->on_signal = on_signal;
    signal->arg = arg;
    if ((rc = uv_signal_init(&backend_of(loop)->uv, &signal->handle)) < 0) {
        yd_free(loop->mem, signal);
        return rc;
    }
    signal->handle.data = signal;
    return uv_signal_start(&signal->handle, on_uv_signal, signum);
}

const struct yd_loop_ops yd_loop_uv = {
    .name = "libuv",
    .loop_size = sizeof(struct uv_backend),
    .stream_size = sizeof(struct uv_stream),
    .init = init,
    .done = done,
    .clock = clock_ms,
    .run = run,
    .wake = wake,
    .listener_start = listener_start,
    .listener_accept = listener_accept,
    .listener_stop = listener_stop,
    .stream_open = stream_open,
    .stream_pause = stream_pause,
    .stream_read = stream_read,
    .stream_send = stream_send,
    .stream_send_now = stream_send_now,
    .stream_close = stream_close,
    .work = start_work,
    .signal = start_signal,
};
