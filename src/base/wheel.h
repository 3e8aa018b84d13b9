/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_WHEEL_H
#define YD_BASE_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/* Hierarchical timer wheel: 6 levels of 64 slots, 1 ms at the lowest.  Knows no clock: times are
 * those of whoever advances it. */
#define YD_WHEEL_LEVELS 6
#define YD_WHEEL_SLOTS 64

struct yd_timer;
typedef void(yd_timer_fn)(struct yd_timer *timer);

/* A time that never comes. */
#define YD_NEVER UINT64_MAX

/* Embedded in its owner. */
struct yd_timer {
    struct yd_list node; /* self-linked when not running */
    uint64_t due;        /* ms */
    yd_timer_fn *fn;
};

struct yd_wheel {
    uint64_t now;
    size_t count;
    uint64_t occupied[YD_WHEEL_LEVELS]; /* bit i: slot i of that level has timers */
    struct yd_list slots[YD_WHEEL_LEVELS][YD_WHEEL_SLOTS];
};

void yd_wheel_init(struct yd_wheel *wheel, uint64_t now);

void yd_timer_init(struct yd_timer *timer, yd_timer_fn *fn);
static inline bool yd_timer_is_running(const struct yd_timer *timer)
{
    return !yd_list_is_empty(&timer->node);
}

/* Milliseconds until it is due; 0: it is. */
static inline uint64_t yd_timer_left(const struct yd_timer *timer, uint64_t now)
{
    return timer->due > now ? timer->due - now : 0;
}

/* (Re)starts timer to fire when the wheel is advanced to due or beyond; a time that has passed
 * fires at the next advance, YD_NEVER stops the timer.  A time more than 2^36 ms away is cut to
 * that. */
void yd_timer_start(struct yd_wheel *wheel, struct yd_timer *timer, uint64_t due);
void yd_timer_stop(struct yd_wheel *wheel, struct yd_timer *timer);

/* Milliseconds from wheel->now until a call of yd_wheel_advance() has work: never later than the
 * first timer is due.  -1 without timers. */
int64_t yd_wheel_next(const struct yd_wheel *wheel);

/* Whether yd_wheel_advance() to now would have work. */
bool yd_wheel_has_work(const struct yd_wheel *wheel, uint64_t now);

/* Moves to now (never back) and fires what is due, in order of time, then in order of start; a
 * fired timer is stopped first, and its owner may go inside.  What is started inside fires at the
 * next call at the earliest. */
void yd_wheel_advance(struct yd_wheel *wheel, uint64_t now);

#endif
