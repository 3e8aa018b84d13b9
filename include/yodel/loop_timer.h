/* SPDX-License-Identifier: MIT */
#ifndef YODEL_LOOP_TIMER_H
#define YODEL_LOOP_TIMER_H

#include <yodel/server.h>

YODEL_C_BEGIN

/* Timers of a loop: a function after a time, or again and again.  See yodel/loop.h. */

/*
 * A timer, which stands in a struct of the program's: it needs no memory of its own, so starting it
 * does not fail for want of any, and ten thousand of them cost nothing while they wait.  All zero
 * is a timer that was not initialised and does not run.
 *
 * Its memory must stay where it is while it runs: stop it before the struct goes.
 */
typedef struct yodel_timer {
    union {
        unsigned char storage[96]; /* the library's */
        void *align;
    } yodel_private;
} yodel_timer;

/*
 * The time of a timer has come.  It has been stopped before, if it fires once: it may be started
 * again, and its memory may go, in here.  A periodic one must be stopped before its memory goes.
 *
 * timer   the timer
 * user    what yodel_timer_init() was given
 */
typedef void(yodel_timer_fn)(yodel_timer *timer, void *user);

/*
 * Ties a timer to a loop and a function.  It must not run; one that ran before may be initialised
 * anew.  Not two threads at once.
 *
 * timer   in memory of the program's, of any content
 * loop    whose thread calls fn(timer, user) and may start and stop it; borrowed
 * fn      not NULL: without one it cannot be started
 * user    handed to fn; borrowed
 */
YODEL_API void yodel_timer_init(yodel_timer *timer, yodel_loop *loop, yodel_timer_fn *fn,
                                void *user) YODEL_ANY_THREAD;

/*
 * Starts it, or starts it anew, to fire once.  It fires in a later turn of the loop, also for 0 ms:
 * input is handled between two firings of a timer that starts itself again.  Input that has come by
 * then is handled before it.
 *
 * timer   initialised; periodic before or not
 * ms      milliseconds from this very moment; UINT32_MAX: never, it is stopped
 *
 * Returns 0, -EINVAL (not initialised), YODEL_ERR_STATE (another thread), or YODEL_ERR_CLOSED (the
 * loop ends; it does not run then).
 */
YODEL_API int yodel_timer_start(yodel_timer *timer, uint32_t ms) YODEL_LOOP_THREAD;

/*
 * Starts it, or starts it anew, to fire again and again until it is stopped.  Its times are
 * multiples of ms from now, however late a callback comes.  Those that pass while a handler takes
 * long, or the whole system sleeps, are left out: it fires once for them, and then at the next
 * multiple.
 *
 * timer   initialised
 * ms      milliseconds, at least 1; UINT32_MAX: never, it is stopped
 *
 * Returns as yodel_timer_start(); -EINVAL also for 0 ms.
 */
YODEL_API int yodel_timer_start_periodic(yodel_timer *timer, uint32_t ms) YODEL_LOOP_THREAD;

/*
 * Stops it: it does not fire, not even when it is due already.  One that does not run may be
 * stopped from anywhere, also when its server is gone, or when it was never initialised but is all
 * zero.
 *
 * timer   stays initialised: it may be started again
 *
 * Returns 0, also when it did not run, or YODEL_ERR_STATE (another thread; it goes on).
 */
YODEL_API int yodel_timer_stop(yodel_timer *timer) YODEL_LOOP_THREAD;

/*
 * Whether it waits to fire.  In the callback of one that fires once it does not any more.
 *
 * Returns 1 while it does, else 0.
 */
YODEL_API int yodel_timer_is_running(const yodel_timer *timer) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
