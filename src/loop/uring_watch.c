/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "base/container.h"
#include "base/mem.h"
#include "loop/uring_backend.h"
#include "loop/watch_flags.h"

/* Descriptors of a program's: each turn a new poll, which looks at the level there is. */

/* Lives until nothing of it is in the kernel. */
struct uring_watch {
    struct uring_op op;
    struct yd_watch *owner; /* NULL: stopped */
    struct uring_backend *backend;
    int fd;
    unsigned mask; /* that is polled for */
    bool failed;
};

static struct uring_watch *state_of(struct uring_op *op)
{
    return yd_container_of(op, struct uring_watch, op);
}

static const struct yd_watch_flag known_flags[YD_WATCH_FLAGS] = {
    {YODEL_WATCH_READABLE, POLLIN},
    {YODEL_WATCH_WRITABLE, POLLOUT},
    {YODEL_WATCH_HANGUP, POLLRDHUP},
};

static void settle(struct uring_op *op)
{
    struct uring_watch *state = state_of(op);
    bool is_wanted = state->owner != NULL && !state->failed;
    unsigned wanted = is_wanted ? yd_watch_to_flags(known_flags, state->owner->events) : 0;

    if (op->armed) {
        if (wanted != state->mask)
            yd_uring_op_cancel(state->backend, op);
    } else if (state->owner == NULL) {
        yd_list_remove(&op->node);
        yd_free(state->backend->base.mem, state);
    } else if (wanted != 0) {
        state->mask = wanted;
        (void)yd_uring_op_poll(state->backend, op, state->fd, wanted, false);
    }
}

static void tell(struct uring_watch *state, int result)
{
    struct yd_watch *watch = state->owner;
    unsigned found;

    if (result < 0 || (result & POLLERR) != 0) {
        state->failed = true;
        watch->on_events(watch, watch->events | YODEL_WATCH_ERROR);
        return;
    }
    found = result == POLLHUP ? watch->events
                              : yd_watch_of_flags(known_flags, (unsigned)result) & watch->events;
    if (found != 0)
        watch->on_events(watch, found);
}

static void on_result(struct uring_op *op, int result, bool more)
{
    struct uring_watch *state = state_of(op);

    (void)more;
    yd_uring_op_settle(state->backend, op);
    if (state->owner != NULL && !state->backend->ended && result != -ECANCELED)
        tell(state, result);
}

/* ---- one watch a descriptor ---- */

static bool is_watched(const struct uring_backend *backend, int fd)
{
    size_t byte = (size_t)fd / 8;

    return byte < backend->watched.len && (backend->watched.ptr[byte] & 1u << fd % 8) != 0;
}

static int set_watched(struct uring_backend *backend, int fd)
{
    struct yd_buf *watched = &backend->watched;
    size_t byte = (size_t)fd / 8;
    int rc;

    if (byte >= watched->len) {
        if ((rc = yd_buf_reserve(backend->base.mem, watched, byte + 1 - watched->len)) < 0)
            return rc;
        memset(watched->ptr + watched->len, 0, byte + 1 - watched->len);
        watched->len = byte + 1;
    }
    watched->ptr[byte] |= (uint8_t)(1u << fd % 8);
    return 0;
}

static void forget(struct uring_backend *backend, int fd)
{
    backend->watched.ptr[fd / 8] &= (uint8_t) ~(1u << fd % 8);
}

/* ---- for the owner ---- */

/* What has no levels is refused, as epoll does. */
static int check(int fd)
{
    struct stat info;
    int flags;

    if (fstat(fd, &info) < 0)
        return -errno;
    if (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))
        return -EPERM;
    if ((flags = fcntl(fd, F_GETFL)) < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

int yd_uring_watch_start(struct yd_watch *watch)
{
    struct uring_backend *backend = yd_uring_of(watch->loop);
    struct uring_watch *state;
    int rc;

    if ((rc = check(watch->fd)) < 0)
        return rc;
    if (is_watched(backend, watch->fd))
        return -EEXIST;
    if ((rc = set_watched(backend, watch->fd)) < 0)
        return rc;
    if ((state = yd_zalloc(watch->loop->mem, sizeof *state)) == NULL) {
        forget(backend, watch->fd);
        return -ENOMEM;
    }
    state->owner = watch;
    state->fd = watch->fd;
    state->backend = backend;
    watch->backend = state;
    yd_uring_op_init(backend, &state->op, settle, on_result);
    yd_uring_op_settle(backend, &state->op);
    return 0;
}

int yd_uring_watch_set(struct yd_watch *watch)
{
    struct uring_watch *state = watch->backend;

    yd_uring_op_settle(state->backend, &state->op);
    return 0;
}

void yd_uring_watch_stop(struct yd_watch *watch)
{
    struct uring_watch *state = watch->backend;

    watch->backend = NULL;
    state->owner = NULL;
    forget(state->backend, state->fd);
    yd_uring_op_settle(state->backend, &state->op);
}
