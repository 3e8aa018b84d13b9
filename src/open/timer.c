/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "open/open.h"

/* What stands in a yodel_timer. */
struct timer {
    struct yd_timer base;
    struct yd_list node; /* of its loop's */
    yodel_loop *open;
    yodel_timer_fn *fn;
    void *user;
    uint32_t period; /* ms; 0: it fires once */
    bool running;
};

_Static_assert(sizeof(struct timer) <= sizeof(yodel_timer), "a timer fits into its storage");
_Static_assert(_Alignof(struct timer) <= _Alignof(yodel_timer), "and stands there aligned");

static struct timer *timer_of(yodel_timer *timer)
{
    return (struct timer *)(void *)timer;
}

static void stop(struct timer *timer)
{
    if (!timer->running)
        return;
    timer->running = false;
    yd_timer_stop(&timer->open->loop->wheel, &timer->base);
    yd_list_remove(&timer->node);
}

/* The first of its times that is still to come. */
static uint64_t next_time(const struct timer *timer)
{
    uint64_t next = timer->base.due + timer->period, now = yodel_loop_now(timer->open);

    return next > now ? next : next + ((now - next) / timer->period + 1) * timer->period;
}

static void fire(struct yd_timer *base)
{
    struct timer *timer = yd_container_of(base, struct timer, base);

    if (timer->period != 0)
        yd_timer_start(&timer->open->loop->wheel, base, next_time(timer));
    else
        stop(timer);
    timer->fn((yodel_timer *)(void *)timer, timer->user); /* it may go in there */
}

/* One that is to fire never is only kept. */
static void run(struct timer *timer, uint32_t ms)
{
    timer->running = true;
    yd_list_append(&timer->open->timers, &timer->node);
    yd_timer_start(&timer->open->loop->wheel, &timer->base, yd_loop_due(timer->open->loop, ms));
}

static void start(struct timer *timer, uint32_t ms, uint32_t period)
{
    stop(timer);
    timer->period = period;
    if (ms != UINT32_MAX)
        run(timer, ms);
}

void yodel_timer_init(yodel_timer *given, yodel_loop *open, yodel_timer_fn *fn, void *user)
{
    struct timer *timer;

    if (given == NULL)
        return;
    timer = timer_of(given);
    *timer = (struct timer){.open = open, .fn = fn, .user = user};
    yd_timer_init(&timer->base, fire);
    yd_list_init(&timer->node);
}

int yodel_timer_start(yodel_timer *given, uint32_t ms)
{
    struct timer *timer;
    int rc;

    if (given == NULL)
        return -EINVAL;
    timer = timer_of(given);
    rc = yd_open_check(timer->open, __func__);
    if (rc == 0 && timer->fn == NULL)
        rc = -EINVAL;
    if (rc == 0)
        start(timer, ms, 0);
    return rc;
}

int yodel_timer_start_periodic(yodel_timer *given, uint32_t ms)
{
    struct timer *timer;
    int rc;

    if (given == NULL)
        return -EINVAL;
    timer = timer_of(given);
    rc = yd_open_check(timer->open, __func__);
    if (rc == 0 && (timer->fn == NULL || ms == 0))
        rc = -EINVAL;
    if (rc == 0)
        start(timer, ms, ms);
    return rc;
}

int yodel_timer_stop(yodel_timer *given)
{
    struct timer *timer;

    if (given == NULL)
        return -EINVAL;
    timer = timer_of(given);
    if (timer->running && yd_open_check(timer->open, __func__) == YODEL_ERR_STATE)
        return YODEL_ERR_STATE;
    stop(timer);
    return 0;
}

int yodel_timer_is_running(const yodel_timer *given)
{
    if (given == NULL)
        return 0;
    return ((const struct timer *)(const void *)given)->running;
}

/* ---- made ones ---- */

struct later {
    yodel_timer timer;
    yodel_loop *open;
    yodel_loop_fn *fn;
    void *arg;
    yodel_free_fn *free_arg;
};

static void free_later(struct later *later)
{
    if (later->free_arg != NULL)
        later->free_arg(later->arg);
    yd_free(later->open->loop->mem, later);
}

static void run_later(yodel_timer *timer, void *user)
{
    struct later *later = user;

    (void)timer;
    later->fn(later->open, later->arg);
    free_later(later);
}

static int start_later(yodel_loop *open, uint32_t ms, const struct later *given)
{
    struct later *later = yd_alloc(open->loop->mem, sizeof *later);

    if (later == NULL)
        return -ENOMEM;
    *later = *given;
    yodel_timer_init(&later->timer, open, run_later, later);
    run(timer_of(&later->timer), ms);
    return 0;
}

int yodel_loop_post_after(yodel_loop *open, uint32_t ms, yodel_loop_fn *fn, void *arg,
                          yodel_free_fn *free_arg)
{
    struct later later = {.open = open, .fn = fn, .arg = arg, .free_arg = free_arg};
    int rc = yd_open_check(open, __func__);

    if (rc == 0)
        rc = fn != NULL ? start_later(open, ms, &later) : -EINVAL;
    if (rc < 0 && free_arg != NULL)
        free_arg(arg);
    return rc;
}

/* ---- the end ---- */

void yd_open_stop_timers(yodel_loop *open)
{
    while (!yd_list_is_empty(&open->timers)) {
        struct timer *timer = yd_container_of(open->timers.next, struct timer, node);

        stop(timer);
        if (timer->fn == run_later)
            free_later(timer->user);
    }
}
