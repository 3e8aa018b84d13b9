/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "loop/uring_backend.h"

/*
 * Listeners: polled, and accepted from by us.
 *
 * An accept that stays in the kernel would save a call, but it is woken alone: of several processes
 * that share a socket the first would get all connections, also those that come while it is busy or
 * about to stop accepting.
 */

/* Connections accepted by one listener in a turn. */
#define ACCEPTS 128

/* No more than this can wait for a listener (net.core.somaxconn has 16 bits in effect). */
#define MOST_WAITING 65536
#define REST_LOG_MS 1000

struct uring_listener {
    struct uring_op op;
    struct yd_listener *owner;
    uint64_t logged_at;
    bool rests; /* what is in the kernel is a wait */
    bool stopped;
};

static struct uring_listener *state_of(struct uring_op *op)
{
    return yd_container_of(op, struct uring_listener, op);
}

static struct uring_backend *backend_of(const struct uring_listener *state)
{
    return yd_uring_of(state->owner->loop);
}

/* Descriptors or memory have run out: the connections wait in the kernel's queue meanwhile. */
static void rest(struct uring_listener *state, int error)
{
    struct yd_loop *loop = state->owner->loop;

    state->rests = true;
    if (state->logged_at != 0 && loop->now - state->logged_at < REST_LOG_MS)
        return;
    state->logged_at = loop->now;
    yd_log(loop->log, YODEL_LOG_WARN, "cannot accept connections: %s", strerror(error));
}

static void settle(struct uring_op *op)
{
    struct uring_listener *state = state_of(op);
    struct uring_backend *backend = backend_of(state);

    if (op->armed) {
        if (state->stopped)
            yd_uring_op_cancel(backend, op);
    } else if (state->stopped) {
        yd_list_remove(&op->node);
        yd_free(backend->base.mem, state);
    } else if (!state->rests) {
        (void)yd_uring_op_poll(backend, op, state->owner->fd, POLLIN, false);
    } else if (!(op->armed = yd_uring_rest(backend, op, URING_OP))) {
        yd_uring_op_settle(backend, op);
    }
}

/* One connection has failed: the next may be better. */
static bool is_passing(int error)
{
    return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM;
}

static bool is_exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void accept_some(struct uring_listener *state, int most)
{
    struct yd_listener *listener = state->owner;

    for (int i = 0; i < most && !state->stopped; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            listener->on_accept(listener, fd);
        } else if (is_exhausted(errno)) {
            rest(state, errno);
            return;
        } else if (!is_passing(errno)) {
            return;
        }
    }
}

static void on_result(struct uring_op *op, int result, bool more)
{
    struct uring_listener *state = state_of(op);
    struct uring_backend *backend = backend_of(state);

    (void)more;
    yd_uring_op_settle(backend, op);
    if (backend->ended || state->stopped)
        return;
    if (state->rests)
        state->rests = false;
    else if (result >= 0)
        accept_some(state, ACCEPTS);
    else if (result != -ECANCELED)
        rest(state, -result);
}

int yd_uring_listener_start(struct yd_listener *listener)
{
    struct uring_backend *backend = yd_uring_of(listener->loop);
    struct uring_listener *state = yd_zalloc(listener->loop->mem, sizeof *state);

    if (state == NULL)
        return -ENOMEM;
    state->owner = listener;
    listener->backend = state;
    yd_uring_op_init(backend, &state->op, settle, on_result);
    yd_uring_op_settle(backend, &state->op);
    return 0;
}

void yd_uring_listener_accept(struct yd_listener *listener)
{
    accept_some(listener->backend, MOST_WAITING);
}

/* The kernel has to know first, and to let go at once, which some rings do only when they are asked
 * for events: it holds what is polled, and peers could still connect. */
void yd_uring_listener_stop(struct yd_listener *listener)
{
    struct uring_listener *state = listener->backend;
    struct uring_backend *backend = backend_of(state);

    state->stopped = true;
    yd_uring_op_cancel(backend, &state->op);
    if (backend->running)
        yd_uring_submit_and_run(backend);
    yd_uring_op_settle(backend, &state->op);
    (void)close(listener->fd);
    listener->fd = -1;
}
