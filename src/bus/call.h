/* SPDX-License-Identifier: MIT */
#ifndef YD_BUS_CALL_H
#define YD_BUS_CALL_H

#include "loop/loop.h"

/* Plain calls of a function on a loop. */

typedef void(yd_call_fn)(struct yd_loop *loop, void *arg);

/* The weight of what must not be refused. */
#define YD_CALL_CONTROL 0

/*
 * Calls fn(loop, arg) on loop, then free_arg(arg) (NULL: nothing).  Any thread; what one thread
 * calls runs in its order, also beside yd_loop_post() and operations, but for those that it defers
 * on its own loop, which are tasks: see yd_call_as_task().
 *
 * weight   bytes that wait with it, counted against max_mail; YD_CALL_CONTROL: it must not be
 *          refused
 *
 * Takes arg, also on failure: free_arg(arg) is then called.  Returns 0, -ENOMEM,
 * YODEL_ERR_CONGESTED, YODEL_ERR_CLOSED.
 */
int yd_bus_call(struct yd_loop *loop, size_t weight, yd_call_fn *fn, void *arg,
                void (*free_arg)(void *arg));

/* A call embedded in what it is about, which needs no memory of its own. */
struct yd_call {
    struct yd_mail mail;
    yd_call_fn *fn;
    void *arg;
    size_t weight;
};

void yd_call_init(struct yd_call *call, size_t weight, yd_call_fn *fn, void *arg);

/* Calls it on loop, which may free it.  Any thread, and without weight in signal handlers; not
 * while it is under way.  Returns 0, YODEL_ERR_CONGESTED, YODEL_ERR_CLOSED: fn is then not called.
 */
int yd_call_post(struct yd_call *call, struct yd_loop *loop);

/* Inside a call on loop: calls fn there in a task, after all operations that came ahead of this
 * call, those that wait as tasks too.  The call has no weight then. */
static inline void yd_call_as_task(struct yd_call *call, struct yd_loop *loop)
{
    call->weight = 0;
    yd_loop_task(loop, &call->mail);
}

#endif
