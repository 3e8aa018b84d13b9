/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_OPERATION_H
#define YD_SIO_OPERATION_H

#include "base/mailbox.h"
#include "sio/walk.h"

/* An operation on every loop that has sockets of a target. */

struct yd_sio_op;
struct yd_sio_op_ops {
    yd_sio_each_fn *each; /* on each loop, with the operation */
    /* After all loops, on the last of them; frees op.  loop NULL: that one does not run any more.
     */
    void (*done)(void *op, struct yd_loop *loop);
    bool away; /* absent sockets are meant too */
};

/* Begins every operation; made by yd_sio_op_new(), which leaves the rest zero. */
struct yd_sio_op {
    const struct yd_sio_op_ops *ops;
    struct yd_sio_scope scope;
    atomic_uint num_parts;     /* that have not ended */
    atomic_bool failed;        /* a loop does not run any more */
    struct yd_sio_part *parts; /* one for each loop */
};

/* size: of the struct that begins with struct yd_sio_op.  NULL when out of memory. */
void *yd_sio_op_new(const struct yd_sio_op_ops *ops, size_t size, const yodel_sio_target *target);
/* Frees it, without done. */
void yd_sio_op_free(void *op);
/* Runs it: on this thread's loop at once (unless a broadcast is being given out there), on others
 * by mail.  Takes op, and calls done in any case.  Returns 0 or YODEL_ERR_CLOSED. */
int yd_sio_op_run(void *op);

#endif
