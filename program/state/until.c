/* SPDX-License-Identifier: MIT */
#include "state/until.h"

#include "base/clock.h"

/* The time of day is looked at so often: it may be set, and goes on while a machine sleeps. */
#define LOOK_MS 60000

static void on_time(yodel_timer *timer, void *user)
{
    struct yg_until *until = user;

    (void)timer;
    if (until->at_ms > yg_clock_wall_ms())
        yg_until_set(until, until->at_ms);
    else
        until->over(until->owner);
}

void yg_until_init(struct yg_until *until, yodel_loop *loop, void (*over)(void *owner), void *owner)
{
    until->over = over;
    until->owner = owner;
    yodel_timer_init(&until->timer, loop, on_time, until);
}

void yg_until_set(struct yg_until *until, int64_t at_ms)
{
    const int64_t left = at_ms - yg_clock_wall_ms();

    until->at_ms = at_ms;
    yodel_timer_start(&until->timer, (uint32_t)(left < 0 ? 0 : left > LOOK_MS ? LOOK_MS : left));
}

void yg_until_stop(struct yg_until *until)
{
    (void)yodel_timer_stop(&until->timer);
}
