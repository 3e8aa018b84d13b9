/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/stream_socket.h"
#include "loop/uring_backend.h"

/*
 * What streams read, and their end.
 *
 * One receive stays in the kernel for each stream that is read; or, where a large target waits for
 * bytes, a poll, and we read.  Never both, so that bytes stay in order.  All changes are made when
 * the stream is settled, once a turn: a pause that is over by then costs nothing.
 */

/* A target of so many bytes is worth two changes of how the stream is read. */
#ifdef YODEL_NO_POOLS
#define LARGE_TARGET 2048
#else
#define LARGE_TARGET (64u * 1024)
#endif

#define BIT(kind) (1u << (kind))

static void queue(struct yd_stream *stream)
{
    yd_uring_stream_queue(yd_uring_of(stream->loop), yd_uring_state_of(stream));
}

/* ---- what comes in ---- */

static void end_input(struct yd_stream *stream, int error)
{
    if (stream->ended)
        return;
    stream->ended = true;
    queue(stream);
    stream->events->on_end(stream, error);
}

/* Bytes that came when nobody was to have them. */
static int keep(struct yd_stream *stream, const uint8_t *data, size_t len)
{
    struct uring_stream *state = yd_uring_state_of(stream);
    struct uring_late *late = state->late;
    size_t used = late != NULL ? late->len : 0;

    if (late == NULL || late->cap - used < len) {
        size_t cap = used + len + used / 2;

        late = yd_resize(stream->loop->mem, late, sizeof *late + cap);
        if (late == NULL)
            return -ENOMEM;
        late->cap = cap;
        state->late = late;
    }
    memcpy(late->bytes + used, data, len);
    late->len = used + len;
    return 0;
}

static void give_late(struct yd_stream *stream)
{
    struct uring_stream *state = yd_uring_state_of(stream);
    struct uring_late *late = state->late;

    if (!yd_socket_is_read(stream))
        return;
    if (late != NULL) {
        state->late = NULL;
        yd_socket_give(stream, late->bytes, late->len);
        yd_free(stream->loop->mem, late);
    }
    if (state->late_end && state->late == NULL && yd_socket_is_read(stream))
        end_input(stream, 0);
}

static void take(struct yd_stream *stream, uint8_t *data, size_t len)
{
    if (yd_socket_is_read(stream) && yd_uring_state_of(stream)->late == NULL &&
        !yd_uring_of(stream->loop)->ended) {
        yd_socket_give(stream, data, len);
    } else if (stream->closing && !yd_uring_state_of(stream)->leaves) {
        return;
    } else if (keep(stream, data, len) < 0) {
        yd_uring_state_of(stream)->lost = true;
        if (!stream->closing)
            end_input(stream, -ENOMEM);
    }
}

/* The peer's end, or an error: which needs no reading. */
static void take_end(struct yd_stream *stream, int error)
{
    if (stream->closing || yd_uring_of(stream->loop)->ended)
        return;
    if (error < 0)
        end_input(stream, error);
    else if (yd_socket_is_read(stream) && yd_uring_state_of(stream)->late == NULL)
        end_input(stream, 0);
    else
        yd_uring_state_of(stream)->late_end = true;
}

/* Over, but not at its end: no buffer was left, or we have ended it. */
static bool is_interrupted(int result)
{
    return result == -ENOBUFS || result == -ECANCELED || result == -EINTR || result == -EAGAIN;
}

void yd_uring_stream_on_recv(struct uring_backend *backend, struct uring_stream *state,
                             uint8_t *data, int result, unsigned flags)
{
    struct yd_stream *stream = yd_uring_stream_of(state);

    if ((flags & IORING_CQE_F_MORE) == 0) {
        state->armed &= (unsigned char)~BIT(URING_RECV);
        state->canceled &= (unsigned char)~BIT(URING_RECV);
        yd_uring_stream_queue(backend, state);
    }
    if (result > 0)
        take(stream, data, (size_t)result);
    else if (result == -EINVAL && !backend->polls)
        backend->polls = true;
    else if (!is_interrupted(result))
        take_end(stream, result);
}

/* ---- streams that are polled ---- */

/* Most of what is read comes by receives, so no loop has room of its own for it. */
static void read_some(struct yd_stream *stream)
{
    struct yd_pool *pool = &stream->loop->pool;
    struct iovec room;
    enum yd_block kind;

    room.iov_base = yd_pool_get_sized(pool, YD_READ_SIZE, &kind, &room.iov_len);
    if (room.iov_base == NULL) {
        end_input(stream, -ENOMEM);
        return;
    }
    yd_socket_read(stream, &room, end_input);
    yd_pool_put_sized(pool, kind, room.iov_base);
}

/* The peer has ended its output, and nobody reads: said once. */
static void hang_up(struct yd_stream *stream)
{
    if (stream->hung_up)
        return;
    stream->hung_up = true;
    stream->events->on_hang_up(stream);
}

void yd_uring_stream_on_poll(struct uring_backend *backend, struct uring_stream *state, int result)
{
    struct yd_stream *stream = yd_uring_stream_of(state);

    state->armed &= (unsigned char)~BIT(URING_POLL);
    state->canceled &= (unsigned char)~BIT(URING_POLL);
    yd_uring_stream_queue(backend, state);
    if (stream->closing || stream->ended || backend->ended || result == -ECANCELED)
        return;
    if (result < 0)
        end_input(stream, result);
    else if (!stream->paused && (state->armed & BIT(URING_RECV)) == 0 && state->late == NULL)
        read_some(stream);
    else if (stream->paused && (result & POLLERR) != 0)
        end_input(stream, yd_socket_error(stream));
    else if (stream->paused && (result & (POLLRDHUP | POLLHUP)) != 0)
        hang_up(stream);
}

/* ---- settling ---- */

static void cancel(struct uring_backend *backend, struct uring_stream *state, enum uring_kind kind)
{
    if ((state->armed & ~state->canceled & BIT(kind)) == 0)
        return;
    if (yd_uring_cancel(backend, state, kind))
        state->canceled |= (unsigned char)BIT(kind);
    else
        yd_uring_stream_queue(backend, state);
}

static void arm(struct uring_backend *backend, struct uring_stream *state, enum uring_kind kind)
{
    struct yd_stream *stream = yd_uring_stream_of(state);
    struct io_uring_sqe *sqe = yd_uring_sqe(backend);

    if (sqe == NULL) {
        yd_uring_stream_queue(backend, state);
        return;
    }
    if (kind == URING_RECV) {
        io_uring_prep_recv_multishot(sqe, stream->fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = 0;
    } else {
        io_uring_prep_poll_add(sqe, stream->fd,
                               state->polls_input ? POLLIN | POLLRDHUP : POLLRDHUP);
    }
    yd_uring_arm(backend, sqe, state, kind);
    state->armed |= (unsigned char)BIT(kind);
}

/* Whether input is polled for, and read by us. */
static bool polls(const struct uring_backend *backend, const struct uring_stream *state,
                  const struct yd_stream *stream)
{
    if (backend->polls)
        return true;
    if (stream->target == NULL)
        return false;
    return state->polls_input || stream->target->iov_len >= LARGE_TARGET;
}

static void settle_input(struct uring_backend *backend, struct uring_stream *state)
{
    struct yd_stream *stream = yd_uring_stream_of(state);
    bool polls_input = false;
    enum uring_kind wanted = URING_NONE;

    if (!stream->ended && !state->late_end) {
        polls_input = !stream->paused && polls(backend, state, stream);
        if (stream->paused)
            wanted = stream->hung_up ? URING_NONE : URING_POLL;
        else
            wanted = polls_input ? URING_POLL : URING_RECV;
    }
    if (wanted != URING_RECV)
        cancel(backend, state, URING_RECV);
    if (wanted != URING_POLL || polls_input != state->polls_input)
        cancel(backend, state, URING_POLL);
    state->polls_input = polls_input;
    if (wanted != URING_NONE && (state->armed & (BIT(URING_RECV) | BIT(URING_POLL))) == 0)
        arm(backend, state, wanted);
}

/* Whoever has the descriptor next gets all that was read, or sees an end. */
static void leave(struct yd_stream *stream, int fd)
{
    struct uring_stream *state = yd_uring_state_of(stream);
    struct yd_loop *loop = stream->loop;
    struct uring_late *late = state->late;

    state->late = NULL;
    if (state->lost)
        (void)shutdown(fd, SHUT_RDWR);
    if (late != NULL)
        stream->events->on_detached(stream, fd, late->bytes, late->len);
    else
        stream->events->on_detached(stream, fd, NULL, 0);
    yd_free(loop->mem, late);
}

/* The memory goes in the call. */
static void finish(struct yd_stream *stream)
{
    struct uring_stream *state = yd_uring_state_of(stream);
    int fd = stream->fd;

    stream->fd = -1;
    if (state->leaves) {
        leave(stream, fd);
        return;
    }
    yd_free(stream->loop->mem, state->late);
    if (fd >= 0)
        (void)close(fd);
    stream->events->on_closed(stream);
}

static void settle_end(struct uring_backend *backend, struct uring_stream *state)
{
    cancel(backend, state, URING_RECV);
    cancel(backend, state, URING_POLL);
    cancel(backend, state, URING_SEND);
    if (state->armed == 0)
        finish(yd_uring_stream_of(state));
}

void yd_uring_stream_settle(struct uring_backend *backend, struct uring_stream *state)
{
    struct yd_stream *stream = yd_uring_stream_of(state);

    if (!stream->closing)
        give_late(stream);
    if (!stream->closing && stream->paused && state->late_end)
        hang_up(stream);
    if (stream->closing) {
        settle_end(backend, state);
        return;
    }
    if (!backend->running)
        return;
    if (state->rests || state->lacks)
        yd_uring_send_rest(backend, state);
    settle_input(backend, state);
}

/* ---- for the owner ---- */

int yd_uring_stream_open(struct yd_stream *stream)
{
    queue(stream);
    return 0;
}

void yd_uring_stream_pause(struct yd_stream *stream, bool paused)
{
    stream->hung_up = stream->hung_up && paused;
    queue(stream);
}

/* Completions of the stream that wait in the queue, ahead of their turn. */
static void read_queue(struct uring_backend *backend, struct uring_stream *state)
{
    const struct yd_stream *stream = yd_uring_stream_of(state);
    const struct uring_buffers *buffers = &backend->buffers;
    const struct io_uring_cq *cq = &backend->ring.cq;
    unsigned end = *cq->khead + io_uring_cq_ready(&backend->ring);
    uint32_t used[YD_URING_MOST_BUFFERS];

    memcpy(used, buffers->used, sizeof used);
    for (unsigned i = *cq->khead; i != end && yd_socket_is_read(stream); i++) {
        struct io_uring_cqe *cqe = &cq->cqes[i & cq->ring_mask];
        unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        uint8_t *data = NULL;

        if ((cqe->flags & IORING_CQE_F_BUFFER) != 0 && cqe->res > 0) {
            data = buffers->memory + (size_t)id * buffers->size + used[id];
            used[id] += (uint32_t)cqe->res;
        }
        if (cqe->user_data != ((uint64_t)(uintptr_t)state | URING_RECV))
            continue;
        cqe->user_data = URING_NONE; /* its buffer is still counted in turn */
        if ((cqe->flags & IORING_CQE_F_MORE) == 0)
            backend->inflight--;
        yd_uring_stream_on_recv(backend, state, data, cqe->res, cqe->flags);
    }
}

/* Where the kernel completes a receive only when it is asked to, all that it has read is in the
 * queue, and what comes after that may be read by us. */
void yd_uring_stream_read(struct yd_stream *stream)
{
    struct uring_backend *backend = yd_uring_of(stream->loop);
    struct uring_stream *state = yd_uring_state_of(stream);

    give_late(stream);
    if (!yd_socket_is_read(stream) || state->late != NULL)
        return;
    if ((state->armed & BIT(URING_RECV)) != 0) {
        if (!backend->deferred)
            (void)io_uring_get_events(&backend->ring);
        read_queue(backend, state);
        if (!backend->deferred || io_uring_cq_has_overflow(&backend->ring))
            return;
    }
    read_some(stream);
}

/* Nothing is in the kernel once the loop has run: then the descriptor goes at once, as it may be
 * long until the loop goes. */
void yd_uring_stream_close(struct yd_stream *stream)
{
    queue(stream);
    if (yd_uring_state_of(stream)->armed != 0 || stream->fd < 0)
        return;
    (void)close(stream->fd);
    stream->fd = -1;
}

void yd_uring_stream_detach(struct yd_stream *stream)
{
    yd_uring_state_of(stream)->leaves = true;
    queue(stream);
}

void yd_uring_stream_shutdown(struct yd_stream *stream)
{
    (void)shutdown(stream->fd, SHUT_WR);
}
