/* SPDX-License-Identifier: MIT */
#ifndef YG_STATE_UNTIL_H
#define YG_STATE_UNTIL_H

#include <stdint.h>
#include <yodel/loop_timer.h>

/*
 * A moment in the time of day, such as the end of a token.  Timers run by another clock, so it is
 * looked at again each minute.  Embedded in what waits for it; to be stopped before that is freed.
 * All functions are for its loop.
 */
struct yg_until {
    yodel_timer timer;
    int64_t at_ms;
    void (*over)(void *owner);
    void *owner;
};

/* It waits for nothing yet. */
void yg_until_init(struct yg_until *until, yodel_loop *loop, void (*over)(void *owner),
                   void *owner);

/* Has over called once, in a later turn, when it is at_ms since 1970, also when that has been; in
 * place of what it waited for before. */
void yg_until_set(struct yg_until *until, int64_t at_ms);
void yg_until_stop(struct yg_until *until);

#endif
