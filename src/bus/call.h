/* SPDX-License-Identifier: MIT */
#ifndef YD_BUS_CALL_H
#define YD_BUS_CALL_H

#include "loop/loop.h"

/* Plain calls of a function on a loop. */

typedef void(yd_call_fn)(struct yd_loop *loop, void *arg);

/*
 * Calls fn(loop, arg) on loop, then free_arg(arg) (NULL: nothing).  Any thread; what one thread
 * calls runs in its order, also beside yd_loop_post().
 *
 * weight   bytes that wait with it, counted against max_mail; 0: what must not be refused
 *
 * Takes arg, also on failure: free_arg(arg) is then called.  Returns 0, -ENOMEM,
 * YODEL_ERR_CONGESTED, YODEL_ERR_CLOSED.
 */
int yd_bus_call(struct yd_loop *loop, size_t weight, yd_call_fn *fn, void *arg,
                void (*free_arg)(void *arg));

/* A call that was allocated before and so cannot fail for want of memory; embedded. */
struct yd_call {
    struct yd_mail mail;
    yd_call_fn *fn;
    void *arg;
};

static inline void yd_call_init(struct yd_call *call, yd_call_fn *fn, void *arg)
{
    *call = (struct yd_call){.fn = fn, .arg = arg};
}

/* Calls it on loop, once; never refused for congestion.  Any thread, also inside signal handlers.
 * Returns 0 or YODEL_ERR_CLOSED: fn is then not called. */
int yd_call_post(struct yd_call *call, struct yd_loop *loop);

#endif
