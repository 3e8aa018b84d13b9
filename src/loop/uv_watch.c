/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/mem.h"
#include "loop/uv_backend.h"
#include "loop/watch_flags.h"

/* Descriptors of a program's.  libuv takes one out of epoll as soon as it is not polled any more:
 * epoll knows open files and not numbers, and would tell of a file that a copy keeps open. */

/* Lives until its handle is closed, which is after the watch has stopped. */
struct uv_watch {
    uv_poll_t poll;
    struct yd_loop *loop;
    struct yd_watch *owner; /* NULL: stopped */
};

static const struct yd_watch_flag known_flags[YD_WATCH_FLAGS] = {
    {YODEL_WATCH_READABLE, UV_READABLE},
    {YODEL_WATCH_WRITABLE, UV_WRITABLE},
    {YODEL_WATCH_HANGUP, UV_DISCONNECT},
};

static void on_poll(uv_poll_t *poll, int status, int events);

static int set_interest(struct uv_watch *state, unsigned wanted)
{
    int events = (int)yd_watch_to_flags(known_flags, wanted);

    return events != 0 ? uv_poll_start(&state->poll, events, on_poll) : uv_poll_stop(&state->poll);
}

/* libuv has stopped polling what has failed. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct uv_watch *state = poll->data;
    struct yd_watch *watch = state->owner;

    if (watch == NULL)
        return;
    yd_uv_woke(state->loop);
    watch->on_events(watch, status < 0 ? watch->events | YODEL_WATCH_ERROR
                                       : yd_watch_of_flags(known_flags, (unsigned)events));
}

int yd_uv_watch_start(struct yd_watch *watch)
{
    struct uv_backend *backend = yd_uv_of(watch->loop);
    struct uv_watch *state = yd_zalloc(watch->loop->mem, sizeof *state);
    int rc;

    if (state == NULL)
        return -ENOMEM;
    if ((rc = uv_poll_init(backend->uv, &state->poll, watch->fd)) < 0) {
        yd_free(watch->loop->mem, state);
        return rc;
    }
    backend->handles++;
    state->loop = watch->loop;
    state->owner = watch;
    state->poll.data = state;
    watch->backend = state;
    if ((rc = set_interest(state, watch->events)) < 0)
        yd_uv_watch_stop(watch);
    return rc;
}

int yd_uv_watch_set(struct yd_watch *watch)
{
    return set_interest(watch->backend, watch->events);
}

static void on_closed(uv_handle_t *handle)
{
    struct uv_watch *state = handle->data;
    struct yd_loop *loop = state->loop;

    yd_free(loop->mem, state);
    yd_uv_count_less(yd_uv_of(loop));
}

void yd_uv_watch_stop(struct yd_watch *watch)
{
    struct uv_watch *state = watch->backend;

    watch->backend = NULL;
    state->owner = NULL;
    uv_close((uv_handle_t *)&state->poll, on_closed);
}
