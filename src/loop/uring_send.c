/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "loop/stream_socket.h"
#include "loop/uring_backend.h"

/* What streams send: one operation at a time for each, which the end of the turn hands over. */

#define BIT ((unsigned char)(1u << URING_SEND))

struct uring_message {
    struct msghdr header;
    enum yd_block kind; /* of this block */
    struct iovec iov[];
};

static struct uring_message *make_message(struct yd_loop *loop, const struct iovec *iov, int num)
{
    size_t bytes = (size_t)num * sizeof *iov, size;
    enum yd_block kind;
    struct uring_message *message =
        yd_pool_get_sized(&loop->pool, sizeof *message + bytes, &kind, &size);

    if (message == NULL)
        return NULL;
    memset(&message->header, 0, sizeof message->header);
    message->header.msg_iov = message->iov;
    message->header.msg_iovlen = (size_t)num;
    message->kind = kind;
    memcpy(message->iov, iov, bytes);
    return message;
}

static void free_message(struct yd_loop *loop, struct uring_stream *state)
{
    struct uring_message *message = state->message;

    state->message = NULL;
    if (message != NULL)
        yd_pool_put_sized(&loop->pool, message->kind, message);
}

ssize_t yd_uring_stream_send_now(struct yd_stream *stream, const struct iovec *iov, int num)
{
    ssize_t taken = yd_socket_send(stream, iov, num);

    return yd_socket_is_full(taken) || yd_socket_lacks_memory(taken) ? 0 : taken;
}

/* With no ring to be had, at the moment or any more. */
static ssize_t send_without(struct yd_stream *stream, const struct iovec *iov, int num)
{
    struct uring_stream *state = yd_uring_state_of(stream);
    ssize_t taken = yd_uring_stream_send_now(stream, iov, num);

    if (taken < 0 || (size_t)taken == yd_socket_total(iov, num))
        return taken;
    stream->pending = true;
    state->rests = true;
    yd_uring_stream_queue(yd_uring_of(stream->loop), state);
    return taken;
}

ssize_t yd_uring_stream_send(struct yd_stream *stream, const struct iovec *iov, int num)
{
    struct uring_backend *backend = yd_uring_of(stream->loop);
    struct uring_stream *state = yd_uring_state_of(stream);
    struct io_uring_sqe *sqe;

    if (num > 1 && (state->message = make_message(stream->loop, iov, num)) == NULL)
        return send_without(stream, iov, num);
    if ((sqe = yd_uring_sqe(backend)) == NULL) {
        free_message(stream->loop, state);
        return send_without(stream, iov, num);
    }
    if (num == 1) {
        io_uring_prep_send(sqe, stream->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
        backend->queued += iov->iov_len;
    } else {
        io_uring_prep_sendmsg(sqe, stream->fd, &state->message->header, MSG_NOSIGNAL);
        backend->queued += yd_socket_total(iov, num);
    }
    yd_uring_arm(backend, sqe, state, URING_SEND);
    state->armed |= BIT;
    stream->pending = true;
    backend->sends = true;
    return 0;
}

void yd_uring_send_rest(struct uring_backend *backend, struct uring_stream *state)
{
    struct io_uring_sqe *sqe;

    if ((state->armed & BIT) != 0)
        return;
    if (state->lacks) {
        if (yd_uring_rest(backend, state, URING_SEND))
            state->armed |= BIT;
        else
            yd_uring_stream_queue(backend, state);
        return;
    }
    if ((sqe = yd_uring_sqe(backend)) == NULL) {
        yd_uring_stream_queue(backend, state);
        return;
    }
    io_uring_prep_poll_add(sqe, yd_uring_stream_of(state)->fd, POLLOUT);
    yd_uring_arm(backend, sqe, state, URING_SEND);
    state->armed |= BIT;
}

static void sent(struct yd_stream *stream, int result)
{
    stream->pending = false;
    if (result > 0)
        yd_count(&stream->loop->counters.bytes_out, (uint64_t)result);
    stream->events->on_sent(stream, result);
}

void yd_uring_stream_on_send(struct uring_backend *backend, struct uring_stream *state, int result)
{
    struct yd_stream *stream = yd_uring_stream_of(state);
    bool has_rested = state->rests || state->lacks;

    state->armed &= (unsigned char)~BIT;
    state->canceled &= (unsigned char)~BIT;
    state->rests = state->lacks = false;
    free_message(stream->loop, state);
    if (stream->closing) {
        yd_uring_stream_queue(backend, state);
    } else if (backend->ended) {
        return;
    } else if (has_rested || result == -EINTR) {
        sent(stream, 0);
    } else if (result == -EAGAIN || yd_socket_lacks_memory(result)) {
        state->rests = result == -EAGAIN;
        state->lacks = !state->rests;
        yd_uring_stream_queue(backend, state);
    } else {
        sent(stream, result);
    }
}
