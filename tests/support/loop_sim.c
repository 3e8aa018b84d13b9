/* SPDX-License-Identifier: MIT */
#include "loop_sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yodel/loop.h>

#include "base/container.h"
#include "base/mem.h"

struct sim_work {
    struct sim_work *next;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

struct sim_watch {
    struct sim_watch *next;
    struct yd_watch *owner; /* NULL: stopped */
    unsigned ready;
};

struct sim {
    struct yd_loop base; /* first */
    uint64_t clock;      /* ms */
    struct sim *linked;  /* the next of a ring of loops whose connections may come here */
    void (*on_wake)(struct yd_loop *loop, void *arg);
    void *wake_arg;
    struct yd_listener *listener;
    struct sim_peer *peers;
    struct sim_peer *connecting; /* whose stream is about to be opened */
    struct sim_work *work, **work_end;
    struct sim_watch *watches;
    struct yd_stream *closed; /* on_closed is to come; linked by their states */
    bool moved;               /* something happened in this turn */
};

struct stream_state {
    _Alignas(16) struct sim_peer *peer;
    struct yd_stream *next_closed;
};

static struct sim *sim_of(struct yd_loop *loop)
{
    return (struct sim *)loop;
}

static struct stream_state *state_of(struct yd_stream *stream)
{
    return (struct stream_state *)((char *)stream - sizeof(struct stream_state));
}

/* ---- the backend ---- */

static int init(struct yd_loop *loop)
{
    struct sim *sim = sim_of(loop);

    sim->work_end = &sim->work;
    sim->linked = sim;
    sim->clock = 1000;
    return 0;
}

static uint64_t clock_ms(const struct yd_loop *loop)
{
    return ((const struct sim *)loop)->clock;
}

static void run_closed(struct sim *sim)
{
    while (sim->closed != NULL) {
        struct yd_stream *stream = sim->closed;

        sim->closed = state_of(stream)->next_closed;
        sim->moved = true;
        stream->events->on_closed(stream);
    }
}

static void run_work(struct sim *sim)
{
    struct sim_work *work = sim->work;

    sim->work = NULL;
    sim->work_end = &sim->work;
    while (work != NULL) {
        struct sim_work *next = work->next;

        sim->moved = true;
        work->work(work->arg);
        work->done(work->arg);
        free(work);
        work = next;
    }
}

static void free_stopped_watches(struct sim *sim);

static void done(struct yd_loop *loop)
{
    struct sim *sim = sim_of(loop);

    run_work(sim);
    run_closed(sim);
    free_stopped_watches(sim);
    sim_free_peers(loop);
}

static void run(struct yd_loop *loop)
{
    while (!loop->stopping) {
        int64_t wait;

        sim_run(loop);
        wait = yd_wheel_next(&loop->wheel);
        if (wait < 0)
            return;
        sim_of(loop)->clock += (uint64_t)wait;
    }
}

static void wake(struct yd_loop *loop)
{
    if (sim_of(loop)->on_wake != NULL)
        sim_of(loop)->on_wake(loop, sim_of(loop)->wake_arg);
}

static int listener_start(struct yd_listener *listener)
{
    sim_of(listener->loop)->listener = listener;
    return 0;
}

/* Nobody waits: sim_connect() hands connections over at once. */
static void listener_accept(struct yd_listener *listener)
{
    (void)listener;
}

static void listener_stop(struct yd_listener *listener)
{
    struct sim *sim = sim_of(listener->loop);

    if (sim->listener == listener)
        sim->listener = NULL;
    if (listener->fd >= 0)
        (void)close(listener->fd);
    listener->fd = -1;
}

/* The peer of a connection that left that loop: where it is linked; NULL when it is not there. */
static struct sim_peer **find_left(struct sim *sim, int fd)
{
    struct sim_peer **link = &sim->peers;

    while (*link != NULL && ((*link)->fd != fd || (*link)->stream != NULL))
        link = &(*link)->next;
    return *link != NULL ? link : NULL;
}

/* Takes the peer of a connection that left one of the other loops. */
static struct sim_peer *take_over(struct sim *sim, int fd)
{
    struct sim_peer **link = NULL, *peer;

    for (struct sim *from = sim->linked; link == NULL && from != sim; from = from->linked)
        link = find_left(from, fd);
    if (link == NULL)
        return NULL;
    peer = *link;
    *link = peer->next;
    peer->next = sim->peers;
    sim->peers = peer;
    return peer;
}

static int stream_open(struct yd_stream *stream)
{
    struct sim *sim = sim_of(stream->loop);
    struct sim_peer *peer = sim->connecting;

    if (peer == NULL)
        peer = take_over(sim, stream->fd);
    if (peer == NULL)
        return -ENOTCONN;
    state_of(stream)->peer = peer;
    peer->stream = stream;
    sim->connecting = NULL;
    sim->moved = true;
    return 0;
}

static void stream_pause(struct yd_stream *stream, bool paused)
{
    stream->hung_up = stream->hung_up && paused;
    sim_of(stream->loop)->moved = true;
}

static void read_some(struct sim *sim, struct sim_peer *peer);

static void stream_read(struct yd_stream *stream)
{
    read_some(sim_of(stream->loop), state_of(stream)->peer);
}

/* Takes bytes off an iovec array as the peer's limits allow; leaves the rest in place. */
static size_t take(struct sim_peer *peer, struct iovec *iov, int num)
{
    size_t room = peer->max_taken != 0 ? YD_MIN(peer->max_taken, peer->window) : peer->window;
    size_t taken = 0;

    for (int i = 0; i < num && room > 0; i++) {
        size_t len = YD_MIN(iov[i].iov_len, room);

        if (yd_buf_append(&yd_mem_default, &peer->output, iov[i].iov_base, len) < 0)
            abort();
        iov[i].iov_base = (char *)iov[i].iov_base + len;
        iov[i].iov_len -= len;
        room -= len;
        taken += len;
    }
    if (peer->window != SIZE_MAX)
        peer->window -= taken;
    return taken;
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
    struct sim_peer *peer = state_of(stream)->peer;
    struct iovec copy[YD_LEN(peer->pending)];

    if (stream->pending || num > (int)YD_LEN(copy))
        abort(); /* the caller broke the contract */
    if (peer->error < 0)
        return peer->error;
    memcpy(copy, iov, (size_t)num * sizeof *iov);
    sim_of(stream->loop)->moved = true;
    return (ssize_t)take(peer, copy, num);
}

static ssize_t stream_send(struct yd_stream *stream, const struct iovec *iov, int num)
{
    struct sim_peer *peer = state_of(stream)->peer;
    size_t taken;

    if (stream->pending || num > (int)YD_LEN(peer->pending))
        abort(); /* the caller broke the contract */
    if (peer->error < 0)
        return peer->error;
    memcpy(peer->pending, iov, (size_t)num * sizeof *iov);
    taken = take(peer, peer->pending, num);
    peer->num_pending = num;
    stream->pending = total_of(peer->pending, num) > 0;
    sim_of(stream->loop)->moved = true;
    return (ssize_t)taken;
}

static void stream_close(struct yd_stream *stream)
{
    struct sim *sim = sim_of(stream->loop);
    struct stream_state *state = state_of(stream);

    if (stream->fd >= 0) {
        (void)close(stream->fd);
        state->peer->fd = -1;
    }
    stream->fd = -1;
    state->peer->stream = NULL;
    state->next_closed = sim->closed;
    sim->closed = stream;
    sim->moved = true;
}

/* ---- watches ---- */

static int watch_start(struct yd_watch *watch)
{
    struct sim *sim = sim_of(watch->loop);
    void *probe = yd_alloc(watch->loop->mem, 1); /* the real ones may fail here, too */
    struct sim_watch *state;

    if (probe == NULL)
        return -ENOMEM;
    yd_free(watch->loop->mem, probe);
    if ((state = calloc(1, sizeof *state)) == NULL)
        abort();
    state->owner = watch;
    state->next = sim->watches;
    sim->watches = state;
    watch->backend = state;
    return 0;
}

static int watch_set(struct yd_watch *watch)
{
    (void)watch;
    return 0;
}

static void watch_stop(struct yd_watch *watch)
{
    ((struct sim_watch *)watch->backend)->owner = NULL;
    watch->backend = NULL;
}

static void free_stopped_watches(struct sim *sim)
{
    struct sim_watch **link = &sim->watches;

    while (*link != NULL) {
        struct sim_watch *state = *link;

        if (state->owner != NULL) {
            link = &state->next;
            continue;
        }
        *link = state->next;
        free(state);
    }
}

/* Those that are started meanwhile stand ahead of these. */
static void run_watches(struct sim *sim)
{
    for (struct sim_watch *state = sim->watches; state != NULL; state = state->next) {
        struct yd_watch *watch = state->owner;

        if (watch == NULL || watch->events == 0)
            continue;
        if ((state->ready & YODEL_WATCH_ERROR) != 0)
            watch->on_events(watch, watch->events | YODEL_WATCH_ERROR);
        else if ((state->ready & watch->events) != 0)
            watch->on_events(watch, state->ready & watch->events);
    }
    free_stopped_watches(sim);
}

static int work(struct yd_loop *loop, void (*work_fn)(void *arg), void (*done_fn)(void *arg),
                void *arg)
{
    struct sim *sim = sim_of(loop);
    void *probe = yd_alloc(loop->mem, 1); /* the real ones may fail here, too */
    struct sim_work *item;

    if (probe == NULL)
        return -ENOMEM;
    yd_free(loop->mem, probe);
    if ((item = malloc(sizeof *item)) == NULL)
        abort();
    *item = (struct sim_work){NULL, work_fn, done_fn, arg};
    *sim->work_end = item;
    sim->work_end = &item->next;
    return 0;
}

static int on_signal(struct yd_loop *loop, int signum, void (*fn)(void *arg, int signum), void *arg)
{
    (void)loop;
    (void)signum;
    (void)fn;
    (void)arg;
    return -ENOSYS;
}

const struct yd_loop_ops yd_loop_sim = {
    .name = "simulation",
    .loop_size = sizeof(struct sim),
    .stream_size = sizeof(struct stream_state),
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
    .watch_start = watch_start,
    .watch_set = watch_set,
    .watch_stop = watch_stop,
    .work = work,
    .signal = on_signal,
};

/* ---- peers ---- */

struct sim_peer *sim_connect(struct yd_loop *loop)
{
    struct sim *sim = sim_of(loop);
    struct sim_peer *peer = calloc(1, sizeof *peer);
    int fds[2];

    if (peer == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        abort();
    peer->control = fds[1];
    peer->fd = fds[0];
    peer->window = SIZE_MAX;
    peer->next = sim->peers;
    sim->peers = peer;
    sim->connecting = peer;
    yd_loop_woke(loop, sim->clock);
    sim->listener->on_accept(sim->listener, fds[0]);
    sim->connecting = NULL;
    if (peer->stream == NULL) /* refused; another may get the number */
        peer->fd = -1;
    return peer;
}

void sim_free_peers(struct yd_loop *loop)
{
    struct sim *sim = sim_of(loop);

    while (sim->peers != NULL) {
        struct sim_peer *next = sim->peers->next;

        (void)close(sim->peers->control);
        yd_buf_free(&yd_mem_default, &sim->peers->input);
        yd_buf_free(&yd_mem_default, &sim->peers->output);
        free(sim->peers);
        sim->peers = next;
    }
}

bool sim_is_listening(struct yd_loop *loop)
{
    return sim_of(loop)->listener != NULL;
}

/* Two rings become one. */
void sim_link(struct yd_loop *a, struct yd_loop *b)
{
    struct sim *after_a = sim_of(a)->linked;

    sim_of(a)->linked = sim_of(b)->linked;
    sim_of(b)->linked = after_a;
}

void sim_on_wake(struct yd_loop *loop, void (*fn)(struct yd_loop *loop, void *arg), void *arg)
{
    sim_of(loop)->on_wake = fn;
    sim_of(loop)->wake_arg = arg;
}

void sim_send(struct sim_peer *peer, const void *data, size_t len)
{
    if (yd_buf_append(&yd_mem_default, &peer->input, data, len) < 0)
        abort();
}

void sim_send_text(struct sim_peer *peer, const char *text)
{
    sim_send(peer, text, strlen(text));
}

void sim_end(struct sim_peer *peer)
{
    peer->ends = true;
}

void sim_break(struct sim_peer *peer, int error)
{
    peer->error = error;
}

void sim_set_ready(struct yd_loop *loop, int fd, unsigned events)
{
    for (struct sim_watch *state = sim_of(loop)->watches; state != NULL; state = state->next)
        if (state->owner != NULL && state->owner->fd == fd)
            state->ready = events;
}

unsigned sim_num_watches(struct yd_loop *loop)
{
    unsigned num = 0;

    for (struct sim_watch *state = sim_of(loop)->watches; state != NULL; state = state->next)
        num += state->owner != NULL;
    return num;
}

const char *sim_received(struct sim_peer *peer)
{
    if (yd_buf_append(&yd_mem_default, &peer->output, "", 1) < 0)
        abort();
    peer->output.len--;
    return (const char *)peer->output.ptr;
}

size_t sim_received_len(const struct sim_peer *peer)
{
    return peer->output.len;
}

void sim_forget(struct sim_peer *peer)
{
    peer->output.len = 0;
}

bool sim_is_shut(struct sim_peer *peer)
{
    char byte;

    return recv(peer->control, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool sim_is_closed(const struct sim_peer *peer)
{
    return peer->stream == NULL;
}

/* ---- turns ---- */

static bool may_read(const struct sim_peer *peer)
{
    const struct yd_stream *stream = peer->stream;

    return stream != NULL && !stream->paused && !stream->ended && !stream->closing;
}

static void read_end(struct sim *sim, struct sim_peer *peer)
{
    if (peer->error == 0 && !peer->ends)
        return;
    sim->moved = true;
    peer->told_end = true;
    peer->stream->ended = true;
    peer->stream->events->on_end(peer->stream, peer->error);
}

/* Into memory of the very size, so that a read past it is seen; or where the owner wants it. */
static uint8_t *read_input(struct sim_peer *peer, const struct iovec *target, size_t len)
{
    uint8_t *data = target != NULL ? target->iov_base : malloc(len);

    if (data == NULL)
        abort();
    memcpy(data, peer->input.ptr + peer->input_at, len);
    peer->input_at += len;
    if (peer->input_at > peer->input.len / 2) { /* not each time: inputs may be large */
        yd_buf_consume(&peer->input, peer->input_at);
        peer->input_at = 0;
    }
    return data;
}

static void read_some(struct sim *sim, struct sim_peer *peer)
{
    const struct iovec *target = peer->stream != NULL ? peer->stream->target : NULL;
    size_t len = YD_MIN(peer->input.len - peer->input_at,
                        target != NULL ? target->iov_len : (size_t)YD_READ_SIZE);
    uint8_t *data;

    if (!may_read(peer))
        return;
    if (len == 0) {
        read_end(sim, peer);
        return;
    }
    if (peer->chop != 0)
        len = YD_MIN(len, peer->chop);
    sim->moved = true;
    peer->read_into += target != NULL;
    data = read_input(peer, target, len);
    yd_count(&sim->base.counters.bytes_in, len);
    peer->stream->events->on_read(peer->stream, data, len);
    if (target == NULL)
        free(data);
}

/* What the poller tells of a stream that nobody reads from. */
static void watch_end(struct sim *sim, struct sim_peer *peer)
{
    struct yd_stream *stream = peer->stream;

    if (stream == NULL || !stream->paused || stream->ended || stream->closing)
        return;
    if (peer->error < 0) {
        read_end(sim, peer);
    } else if (peer->ends && !stream->hung_up) {
        sim->moved = true;
        stream->hung_up = true;
        stream->events->on_hang_up(stream);
    }
}

static void send_on(struct sim *sim, struct sim_peer *peer)
{
    struct yd_stream *stream = peer->stream;
    size_t taken;

    if (stream == NULL || !stream->pending || (peer->window == 0 && peer->error == 0))
        return;
    sim->moved = true;
    if (peer->error < 0) {
        stream->pending = false;
        stream->events->on_sent(stream, peer->error);
        return;
    }
    taken = take(peer, peer->pending, peer->num_pending);
    stream->pending = false;
    stream->events->on_sent(stream, (ssize_t)taken);
}

void sim_turn(struct yd_loop *loop)
{
    struct sim *sim = sim_of(loop);

    yd_loop_woke(loop, sim->clock);
    if (loop->on_begin != NULL) /* ahead of the first wait */
        (void)yd_loop_turn(loop);
    run_work(sim);
    run_watches(sim);
    for (struct sim_peer *peer = sim->peers; peer != NULL; peer = peer->next) {
        send_on(sim, peer);
        read_some(sim, peer);
        watch_end(sim, peer);
    }
    if (yd_loop_turn(loop) <= sim->clock)
        sim->moved = true;
    run_closed(sim);
    if (sim->work != NULL)
        sim->moved = true;
}

void sim_run(struct yd_loop *loop)
{
    struct sim *sim = sim_of(loop);

    do {
        sim->moved = false;
        sim_turn(loop);
    } while (sim->moved);
}

void sim_advance(struct yd_loop *loop, uint64_t ms)
{
    struct sim *sim = sim_of(loop);
    uint64_t end = sim->clock + ms;

    sim_run(loop);
    while (sim->clock < end) {
        int64_t wait = yd_wheel_next(&loop->wheel);

        if (wait < 0 || (uint64_t)wait > end - sim->clock)
            wait = (int64_t)(end - sim->clock);
        sim->clock += wait > 0 ? (uint64_t)wait : 1;
        sim_run(loop);
    }
}

void sim_sleep(struct yd_loop *loop, uint64_t ms)
{
    sim_of(loop)->clock += ms;
}
