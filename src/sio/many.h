/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_MANY_H
#define YD_SIO_MANY_H

#include "sio/operation.h"

/* YD_SIO_OP_JOIN, YD_SIO_OP_LEAVE; YD_SIO_OP_DISCONNECT: carries it out on a loop. */
void yd_sio_rooms_apply(struct yd_sio_op *op, struct yd_loop *loop);
void yd_sio_disconnect_apply(struct yd_sio_op *op, struct yd_loop *loop);
/* Before it is sent: those who emit to rooms look for new members meanwhile. */
void yd_sio_rooms_count(struct yd_sio_rooms_op *op);
/* Gives back what an operation on rooms has besides. */
void yd_sio_rooms_release(struct yd_sio_op *op);

#endif
