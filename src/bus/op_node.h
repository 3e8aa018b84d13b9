/* SPDX-License-Identifier: MIT */
#ifndef YD_BUS_OP_NODE_H
#define YD_BUS_OP_NODE_H

#include "bus/op.h"

/* An operation on its way to one loop. */
struct yd_op_node {
    struct yd_mail mail;
    struct yd_op *op;
    bool applies; /* the loop has receivers; else it keeps the time of an ask */
    bool weighs;  /* it is counted in the loop's mailbox */
};

/* bus_far.c: an operation that is sent as far peers get it. */
struct yd_far_send {
    struct yd_buf bytes;
    uint64_t token;
    bool wanted; /* peers get it */
    bool unable; /* they would, but it has no form for them */
};

/* Makes the bytes for far peers, if there are any.  Returns 0 or -ENOMEM. */
int yd_far_prepare(struct yd_op *op, struct yd_far_send *ret_send);
/* Sends them, each peer a part of the operation's ask, and frees them. */
void yd_far_send(struct yd_op *op, struct yd_far_send *far);
void yd_far_drop(struct yd_op *op, struct yd_far_send *far);

#endif
