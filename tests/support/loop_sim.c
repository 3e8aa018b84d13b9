/* SPDX-License-Identifier: MIT */
#include "loop_sim_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yodel/loop.h>

#include "base/container.h"
#include "base/mem.h"
#include "loop/stream_socket.h"

/* ---- the backend ---- */

unsigned sim_chance(struct sim *sim, unsigned num)
{
    if (sim->late == 0)
        return 0;
    sim->late = sim->late * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(sim->late >> 33) % num;
}

void sim_set_late(struct yd_loop *loop, uint64_t seed, bool guests)
{
    sim_of(loop)->late = seed;
    sim_of(loop)->guests = guests;
}

static void init(struct yd_loop *loop)
{
    const char *late = getenv("YODEL_SIM_LATE");
    struct sim *sim = sim_of(loop);

    sim->late = late != NULL ? strtoull(late, NULL, 10) : 0;
    sim->work_end = &sim->work;
    sim->linked = sim;
    sim->clock = 1000;
}

static uint64_t clock_ms(const struct yd_loop *loop)
{
    return ((const struct sim *)loop)->clock;
}

static void put_work(struct sim *sim, struct sim_work *work)
{
    work->next = NULL;
    *sim->work_end = work;
    sim->work_end = &work->next;
}

static void run_work(struct sim *sim)
{
    struct sim_work *work = sim->work;

    sim->work = NULL;
    sim->work_end = &sim->work;
    while (work != NULL) {
        struct sim_work *next = work->next;

        sim->moved = true;
        if (work->wait > 0) {
            work->wait--;
            put_work(sim, work);
        } else {
            work->work(work->arg);
            work->done(work->arg);
            free(work);
        }
        work = next;
    }
}

static void free_stopped_watches(struct sim *sim);

static void done(struct yd_loop *loop)
{
    struct sim *sim = sim_of(loop);

    while (sim->work != NULL)
        run_work(sim);
    sim_run_closed(sim, true);
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
    if (sim->guests && sim_chance(sim, 2) == 1)
        sim->stopped = listener;
    if (listener->fd >= 0)
        (void)close(listener->fd);
    listener->fd = -1;
}

/* ---- watches ---- */

static bool is_dialled(struct sim *sim, int fd)
{
    struct sim_peer **link = sim_find_left(sim, fd);

    return link != NULL && !(*link)->silent;
}

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
    state->ready = is_dialled(sim, watch->fd) ? YODEL_WATCH_WRITABLE : 0;
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
    *item = (struct sim_work){NULL, work_fn, done_fn, arg, sim_chance(sim, 4)};
    put_work(sim, item);
    return 0;
}

/* The memory is the backend's until the file has been read. */
static void read_late(void *arg)
{
    struct yd_file_read *read = arg;

    memset(read->buf, 0x5a, read->len);
    read->result = pread(read->fd, read->buf, read->len, (off_t)read->offset);
    if (read->result < 0)
        read->result = -errno;
}

static void done_reading(void *arg)
{
    struct yd_file_read *read = arg;

    read->done(read, read->result);
}

static int read_file(struct yd_loop *loop, struct yd_file_read *read)
{
    return work(loop, read_late, done_reading, read);
}

static int dial(struct yd_loop *loop, const struct sockaddr *addr, unsigned len)
{
    struct sim *sim = sim_of(loop);
    struct sim_peer *peer;
    int rc;

    (void)len;
    if (sim->on_dial == NULL)
        return -ECONNREFUSED;
    peer = sim_add_peer(sim);
    sim->moved = true;
    rc = sim->on_dial(loop, peer, addr, sim->dial_arg);
    peer->silent = rc > 0;
    if (rc >= 0)
        return peer->fd;
    (void)close(peer->fd);
    peer->fd = -1;
    return rc;
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
    .stream_open = sim_stream_open,
    .stream_pause = sim_stream_pause,
    .stream_read = sim_stream_read,
    .stream_send = sim_stream_send,
    .stream_send_now = sim_stream_send_now,
    .stream_shutdown = sim_stream_shutdown,
    .stream_name = yd_socket_name,
    .stream_no_delay = yd_socket_no_delay,
    .stream_close = sim_stream_close,
    .stream_detach = sim_stream_detach,
    .watch_start = watch_start,
    .watch_set = watch_set,
    .watch_stop = watch_stop,
    .dial = dial,
    .work = work,
    .read_file = read_file,
    .signal = on_signal,
};

/* ---- peers ---- */

struct sim_peer *sim_add_peer(struct sim *sim)
{
    struct sim_peer *peer = calloc(1, sizeof *peer);
    int fds[2];

    if (peer == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
        abort();
    peer->control = fds[1];
    peer->fd = fds[0];
    peer->window = SIZE_MAX;
    peer->next = sim->peers;
    sim->peers = peer;
    return peer;
}

void sim_on_dial(struct yd_loop *loop, sim_dial_fn *fn, void *arg)
{
    sim_of(loop)->on_dial = fn;
    sim_of(loop)->dial_arg = arg;
}

static struct sim_peer *connect_by(struct sim *sim, struct yd_listener *listener)
{
    struct sim_peer *peer = sim_add_peer(sim);

    sim->connecting = peer;
    listener->on_accept(listener, peer->fd);
    sim->connecting = NULL;
    if (peer->stream == NULL) /* refused; another may get the number */
        peer->fd = -1;
    return peer;
}

struct sim_peer *sim_connect(struct yd_loop *loop)
{
    struct sim *sim = sim_of(loop);

    yd_loop_woke(loop, sim->clock);
    return connect_by(sim, sim->listener);
}

void sim_free_peers(struct yd_loop *loop)
{
    struct sim *sim = sim_of(loop);

    while (sim->peers != NULL) {
        struct sim_peer *next = sim->peers->next;

        sim_forget_closed(sim, sim->peers);
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

/* A client that was accepted just before the listener was stopped; it says nothing. */
static void let_guest_in(struct sim *sim)
{
    struct yd_listener *listener = sim->stopped;

    sim->stopped = NULL;
    if (listener == NULL || sim->base.stopping)
        return;
    sim_end(connect_by(sim, listener));
    sim->moved = true;
}

/* As often as a backend by completions does it. */
static void send_ahead_of_timers(struct sim *sim)
{
    for (int i = 0; i < 16 && sim->late != 0 && sim->sends && yd_loop_is_due(&sim->base); i++) {
        sim->sends = false;
        for (struct sim_peer *peer = sim->peers; peer != NULL; peer = peer->next)
            sim_send_on(sim, peer);
    }
}

void sim_turn(struct yd_loop *loop)
{
    struct sim *sim = sim_of(loop);

    sim->slept = sim->clock > sim->turned_at;
    sim->turned_at = sim->clock;
    yd_loop_woke(loop, sim->clock);
    if (loop->on_begin != NULL) /* ahead of the first wait */
        (void)yd_loop_turn(loop);
    run_work(sim);
    run_watches(sim);
    let_guest_in(sim);
    sim->sends = false;
    for (struct sim_peer *peer = sim->peers; peer != NULL; peer = peer->next)
        sim_run_peer(sim, peer);
    send_ahead_of_timers(sim);
    if (yd_loop_turn(loop) <= sim->clock)
        sim->moved = true;
    for (struct sim_peer *peer = sim->peers; peer != NULL; peer = peer->next)
        sim_submit_peer(sim, peer);
    sim_run_closed(sim, false);
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
