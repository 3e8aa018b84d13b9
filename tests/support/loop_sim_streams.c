/* SPDX-License-Identifier: MIT */
#include "loop_sim_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"

/*
 * Streams of the simulated loop.  In a loop that is late they do what a backend by completions may
 * do: a send is taken after the turn and told of some turns later, what was read stays with the
 * backend for a while, and the end of a stream comes when it likes.  All that the owner has to
 * leave alone meanwhile is looked at in each turn.  Once time has passed nothing is late any more:
 * a wait brings all that was done by its end, ahead of the timers, and so does what that has begun.
 */

/* The most turns that something takes longer than it needs. */
#define LATE 4

static void break_contract(void)
{
    abort(); /* the caller did */
}

/* ---- the other end ---- */

struct sim_peer **sim_find_left(struct sim *sim, int fd)
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
        link = sim_find_left(from, fd);
    if (link == NULL)
        return NULL;
    peer = *link;
    *link = peer->next;
    peer->next = sim->peers;
    sim->peers = peer;
    return peer;
}

int sim_stream_open(struct yd_stream *stream)
{
    struct sim *sim = sim_of(stream->loop);
    struct sim_peer *peer = sim->connecting;

    if (peer == NULL && sim_find_left(sim, stream->fd) != NULL)
        peer = *sim_find_left(sim, stream->fd);
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

/* ---- sending ---- */

static size_t total_of(const struct iovec *iov, int num)
{
    size_t total = 0;

    for (int i = 0; i < num; i++)
        total += iov[i].iov_len;
    return total;
}

/* Takes bytes off an iovec array as the peer's limits allow; leaves the rest in place. */
static size_t take(struct sim_peer *peer, struct iovec *iov, int num, size_t most)
{
    size_t room = YD_MIN(most, peer->window);
    size_t taken = 0;

    if (peer->max_taken != 0)
        room = YD_MIN(room, peer->max_taken);
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

/* Looks at the bytes that are pending: at the ends of each run, and at some in between. */
static uint64_t sum_of_pending(const struct sim_peer *peer)
{
    uint64_t sum = 0;

    for (int i = 0; i < peer->num_pending; i++) {
        const uint8_t *bytes = peer->pending[i].iov_base;
        size_t len = peer->pending[i].iov_len;

        for (size_t at = 0; at < len; at += at < 64 || at + 64 > len ? 1 : YD_MIN(len - at, 997))
            sum = sum * 31 + bytes[at];
    }
    return sum;
}

static void begin_pending(struct sim_peer *peer, const struct iovec *iov, int num)
{
    memcpy(peer->pending, iov, (size_t)num * sizeof *iov);
    peer->num_pending = num;
    peer->pending_sum = sum_of_pending(peer);
    peer->pending_taken = 0;
    peer->stream->pending = true;
}

/* The owner has left the bytes of its send alone. */
static void check_pending(const struct sim_peer *peer)
{
    if (sum_of_pending(peer) != peer->pending_sum)
        break_contract();
}

static void end_pending(struct yd_stream *stream, ssize_t result)
{
    struct sim_peer *peer = state_of(stream)->peer;

    check_pending(peer);
    peer->num_pending = 0;
    stream->pending = false;
    stream->events->on_sent(stream, result);
}

ssize_t sim_stream_send_now(struct yd_stream *stream, const struct iovec *iov, int num)
{
    struct sim_peer *peer = state_of(stream)->peer;
    struct iovec copy[YD_LEN(peer->pending)];

    if (stream->pending || num > (int)YD_LEN(copy))
        break_contract();
    if (peer->error < 0)
        return peer->error;
    memcpy(copy, iov, (size_t)num * sizeof *iov);
    sim_of(stream->loop)->moved = true;
    return (ssize_t)take(peer, copy, num, SIZE_MAX);
}

ssize_t sim_stream_send(struct yd_stream *stream, const struct iovec *iov, int num)
{
    struct sim *sim = sim_of(stream->loop);
    struct sim_peer *peer = state_of(stream)->peer;
    struct iovec copy[YD_LEN(peer->pending)];
    size_t taken = 0;

    if (stream->pending || stream->closing || num > (int)YD_LEN(copy) || total_of(iov, num) == 0)
        break_contract();
    if (peer->error < 0 && sim_chance(sim, 2) == 0)
        return peer->error;
    memcpy(copy, iov, (size_t)num * sizeof *iov);
    if (sim_chance(sim, 4) == 0)
        taken = take(peer, copy, num, sim_chance(sim, 4) != 0 ? total_of(iov, num) / 2 : SIZE_MAX);
    if (total_of(copy, num) > 0)
        begin_pending(peer, copy, num);
    peer->pending_wait = 1 + sim_chance(sim, LATE);
    sim->moved = sim->sends = true;
    return (ssize_t)taken;
}

/* The kernel takes up to most bytes of what is pending, and will tell. */
static void take_pending(struct sim_peer *peer, size_t most)
{
    struct iovec copy[YD_LEN(peer->pending)];

    memcpy(copy, peer->pending, (size_t)peer->num_pending * sizeof *copy);
    peer->pending_taken = take(peer, copy, peer->num_pending, most);
}

/* All of it, or not. */
static void take_some(struct sim *sim, struct sim_peer *peer)
{
    bool part = sim_chance(sim, 4) == 1;

    take_pending(peer, part ? 1 + total_of(peer->pending, peer->num_pending) / 2 : SIZE_MAX);
}

static bool can_take_pending(const struct sim_peer *peer)
{
    return peer->stream != NULL && peer->stream->pending && peer->pending_taken == 0 &&
           peer->window > 0 && peer->error == 0;
}

void sim_submit_peer(struct sim *sim, struct sim_peer *peer)
{
    if (sim->late == 0 || !can_take_pending(peer))
        return;
    sim->moved = true;
    if (sim_chance(sim, 4) != 0)
        take_some(sim, peer);
}

void sim_send_on(struct sim *sim, struct sim_peer *peer)
{
    struct yd_stream *stream = peer->stream;

    if (stream == NULL || !stream->pending)
        return;
    check_pending(peer);
    if ((sim->late == 0 || sim->slept) && can_take_pending(peer))
        take_some(sim, peer);
    if (peer->pending_taken == 0 && peer->error == 0)
        return;
    sim->moved = true;
    if (sim->late != 0 && --peer->pending_wait > 0 && !sim->slept)
        return;
    peer->pending_wait = 1;
    end_pending(stream, peer->pending_taken > 0 ? (ssize_t)peer->pending_taken : peer->error);
}

void sim_stream_shutdown(struct yd_stream *stream)
{
    if (stream->pending)
        break_contract();
    (void)shutdown(stream->fd, SHUT_WR);
}

/* ---- reading ---- */

static size_t left_of(const struct sim_peer *peer)
{
    return peer->input.len - peer->input_at;
}

static bool may_read(const struct sim_peer *peer)
{
    const struct yd_stream *stream = peer->stream;

    return stream != NULL && !stream->paused && !stream->ended && !stream->closing;
}

/* The backend has read more already than it will be asked for. */
static void read_ahead(struct sim *sim, struct sim_peer *peer)
{
    size_t more = left_of(peer) - peer->ahead;

    if (sim_chance(sim, 2) == 1)
        peer->ahead += more * sim_chance(sim, 5) / 4;
}

void sim_stream_pause(struct yd_stream *stream, bool paused)
{
    struct sim *sim = sim_of(stream->loop);

    stream->hung_up = stream->hung_up && paused;
    if (paused && !stream->ended)
        read_ahead(sim, state_of(stream)->peer);
    sim->moved = true;
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

/* Moves len bytes of the input to. */
static void take_input(struct sim_peer *peer, uint8_t *to, size_t len)
{
    memcpy(to, peer->input.ptr + peer->input_at, len);
    peer->input_at += len;
    peer->ahead -= YD_MIN(peer->ahead, len);
    if (peer->input_at > peer->input.len / 2) { /* not each time: inputs may be large */
        yd_buf_consume(&peer->input, peer->input_at);
        peer->input_at = 0;
    }
}

/* Of the very size, so that a read past it is seen. */
static uint8_t *read_input(struct sim_peer *peer, size_t len)
{
    uint8_t *data = malloc(len + (len == 0));

    if (data == NULL)
        abort();
    take_input(peer, data, len);
    return data;
}

static void give(struct sim *sim, struct sim_peer *peer, const struct iovec *target, size_t len)
{
    uint8_t *data;

    sim->moved = true;
    yd_count(&sim->base.counters.bytes_in, len);
    if (target != NULL) {
        peer->read_into++;
        take_input(peer, target->iov_base, len);
        peer->stream->events->on_read(peer->stream, target->iov_base, len);
        return;
    }
    data = read_input(peer, len);
    peer->stream->events->on_read(peer->stream, data, len);
    free(data);
}

/* What the backend has read already, or a piece of that, it does not read to a target. */
static void read_some(struct sim *sim, struct sim_peer *peer)
{
    const struct iovec *target = peer->stream != NULL ? peer->stream->target : NULL;
    size_t len = left_of(peer);

    if (!may_read(peer))
        return;
    if (len == 0) {
        read_end(sim, peer);
        return;
    }
    if (peer->ahead > 0 || sim_chance(sim, 4) == 1)
        target = NULL;
    if (peer->ahead > 0)
        len = peer->ahead;
    if (target != NULL)
        len = YD_MIN(len, target->iov_len);
    len = YD_MIN(len, (size_t)YD_READ_SIZE);
    if (peer->chop != 0)
        len = YD_MIN(len, peer->chop);
    give(sim, peer, target, len);
}

void sim_stream_read(struct yd_stream *stream)
{
    struct sim *sim = sim_of(stream->loop);
    struct sim_peer *peer = state_of(stream)->peer;

    if (peer->ahead > 0)
        read_some(sim, peer);
    if (peer->stream == stream)
        read_some(sim, peer);
}

/* The target is the backend's all the time: it may be written to before anything is told. */
static void scribble(struct sim *sim, struct sim_peer *peer)
{
    const struct iovec *target =
        peer->stream != NULL && !peer->stream->closing ? peer->stream->target : NULL;

    if (sim->late != 0 && target != NULL)
        memset(target->iov_base, 0xa5, target->iov_len);
}

static void read_in_turn(struct sim *sim, struct sim_peer *peer)
{
    bool something = left_of(peer) > 0 || peer->ends || peer->error < 0;

    scribble(sim, peer);
    if (may_read(peer) && something && !sim->slept && sim_chance(sim, 4) == 1)
        sim->moved = true; /* in the next turn */
    else
        read_some(sim, peer);
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

/* A completion may come ahead of another that happened before it. */
void sim_run_peer(struct sim *sim, struct sim_peer *peer)
{
    bool reads_first = sim_chance(sim, 2) == 1;

    if (reads_first)
        read_in_turn(sim, peer);
    sim_send_on(sim, peer);
    if (!reads_first)
        read_in_turn(sim, peer);
    watch_end(sim, peer);
}

/* ---- the end ---- */

static void leave(struct yd_stream *stream)
{
    struct sim *sim = sim_of(stream->loop);
    struct stream_state *state = state_of(stream);

    state->wait = sim_chance(sim, LATE);
    state->peer->stream = NULL;
    state->next_closed = sim->closed;
    sim->closed = stream;
    sim->moved = true;
}

void sim_stream_close(struct yd_stream *stream)
{
    struct sim_peer *peer = state_of(stream)->peer;

    if (can_take_pending(peer))
        take_pending(peer, SIZE_MAX); /* each send is tried; nobody will know */
    (void)close(stream->fd);
    stream->fd = -1;
    peer->fd = -1;
    leave(stream);
}

void sim_stream_detach(struct yd_stream *stream)
{
    if (stream->pending)
        break_contract();
    if (!stream->ended)
        read_ahead(sim_of(stream->loop), state_of(stream)->peer);
    leave(stream);
}

static void tell_detached(struct yd_stream *stream, int fd)
{
    struct sim_peer *peer = state_of(stream)->peer;
    size_t len = peer != NULL ? peer->ahead : 0;
    uint8_t *data = len > 0 ? read_input(peer, len) : NULL;

    stream->events->on_detached(stream, fd, data, len);
    free(data);
}

static void tell_end(struct yd_stream *stream)
{
    struct sim_peer *peer = state_of(stream)->peer;
    int fd = stream->fd;

    if (stream->pending && peer != NULL)
        check_pending(peer);
    stream->fd = -1;
    if (fd >= 0)
        tell_detached(stream, fd);
    else
        stream->events->on_closed(stream);
}

static void wait_on(struct sim *sim, struct yd_stream *stream)
{
    struct stream_state *state = state_of(stream);

    state->wait--;
    if (stream->pending && state->peer != NULL)
        check_pending(state->peer);
    state->next_closed = sim->closed;
    sim->closed = stream;
}

void sim_run_closed(struct sim *sim, bool all)
{
    struct yd_stream *closed = sim->closed;

    sim->closed = NULL;
    while (closed != NULL) {
        struct yd_stream *stream = closed;

        closed = state_of(stream)->next_closed;
        sim->moved = true;
        if (!all && state_of(stream)->wait > 0)
            wait_on(sim, stream);
        else
            tell_end(stream);
    }
}

void sim_forget_closed(struct sim *sim, const struct sim_peer *peer)
{
    for (struct yd_stream *stream = sim->closed; stream != NULL;
         stream = state_of(stream)->next_closed)
        if (state_of(stream)->peer == peer)
            state_of(stream)->peer = NULL;
}
