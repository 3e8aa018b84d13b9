/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "open/open.h"

#define ALL_EVENTS (YODEL_WATCH_READABLE | YODEL_WATCH_WRITABLE | YODEL_WATCH_HANGUP)

/* What stands in a yodel_watch. */
struct watch {
    struct yd_watch base;
    struct yd_list node; /* of its loop's */
    yodel_loop *open;
    yodel_watch_fn *fn;
    void *user;
    bool running;
};

_Static_assert(sizeof(struct watch) <= sizeof(yodel_watch), "a watch fits into its storage");
_Static_assert(_Alignof(struct watch) <= _Alignof(yodel_watch), "and stands there aligned");

static struct watch *watch_of(yodel_watch *watch)
{
    return (struct watch *)(void *)watch;
}

static void stop(struct watch *watch)
{
    if (!watch->running)
        return;
    watch->running = false;
    yd_list_remove(&watch->node);
    yd_watch_stop(&watch->base);
}

static void on_events(struct yd_watch *base, unsigned events)
{
    struct watch *watch = yd_container_of(base, struct watch, base);

    if ((events & YODEL_WATCH_ERROR) != 0)
        stop(watch);
    watch->fn((yodel_watch *)(void *)watch, events, watch->user); /* it may go in there */
}

void yodel_watch_init(yodel_watch *given, yodel_loop *open, yodel_watch_fn *fn, void *user)
{
    struct watch *watch;

    if (given == NULL)
        return;
    watch = watch_of(given);
    *watch = (struct watch){.open = open, .fn = fn, .user = user};
    watch->base.fd = -1;
    yd_list_init(&watch->node);
}

int yodel_watch_start(yodel_watch *given, int fd, unsigned events)
{
    struct watch *watch;
    int rc;

    if (given == NULL)
        return -EINVAL;
    watch = watch_of(given);
    rc = yd_open_check(watch->open, __func__);
    if (rc < 0)
        return rc;
    stop(watch);
    if (watch->fn == NULL || fd < 0 || (events & ~(unsigned)ALL_EVENTS) != 0)
        return -EINVAL;
    watch->base.loop = watch->open->loop;
    watch->base.on_events = on_events;
    watch->base.fd = fd;
    watch->base.events = events;
    if ((rc = yd_watch_start(&watch->base)) < 0)
        return rc;
    watch->running = true;
    yd_list_append(&watch->open->watches, &watch->node);
    return 0;
}

int yodel_watch_set_events(yodel_watch *given, unsigned events)
{
    struct watch *watch;
    int rc;

    if (given == NULL)
        return -EINVAL;
    watch = watch_of(given);
    rc = yd_open_check(watch->open, __func__);
    if (rc < 0)
        return rc;
    if (!watch->running || (events & ~(unsigned)ALL_EVENTS) != 0)
        return -EINVAL;
    return watch->base.events != events ? yd_watch_set(&watch->base, events) : 0;
}

int yodel_watch_stop(yodel_watch *given)
{
    struct watch *watch;

    if (given == NULL)
        return -EINVAL;
    watch = watch_of(given);
    if (watch->running && yd_open_check(watch->open, __func__) == YODEL_ERR_STATE)
        return YODEL_ERR_STATE;
    stop(watch);
    return 0;
}

int yodel_watch_is_running(const yodel_watch *given)
{
    if (given == NULL)
        return 0;
    return ((const struct watch *)(const void *)given)->running;
}

void yd_open_stop_watches(yodel_loop *open)
{
    while (!yd_list_is_empty(&open->watches))
        stop(yd_container_of(open->watches.next, struct watch, node));
}
