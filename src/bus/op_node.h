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

/* bus_far.c: an operation that is sent, as far peers get it. */
struct yd_far_send {
    uint64_t token;
    uint32_t takers; /* peers that carry it, by their index; those below among them */
    uint32_t own;    /* those that have made a form of their own */
    uint32_t unable; /* those that have none for it */
    struct yd_buf native;
    struct yd_buf forms[YD_MAX_PEERS]; /* of those in own */
};

/* Makes the bytes for far peers, if there are any.  Returns 0, or -ENOMEM and has made none. */
int yd_far_prepare(struct yd_op *op, struct yd_far_send *ret_send);
/* Sends them, each peer a part of the operation's ask, and frees them. */
void yd_far_send(struct yd_op *op, struct yd_far_send *far);
void yd_far_drop(struct yd_op *op, struct yd_far_send *far);
/* With the lock held.  Whether a process has answered already; else it has now.  Without memory for
 * that its answer does not count: a second one of it would, too. */
bool yd_far_has_answered(struct yd_bus *bus, struct yd_ask *ask, yodel_str process);
/* What is known of the operations of process. */
void yd_far_forget_origin(struct yd_bus *bus, yodel_str process);

#endif
