/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_FETCH_H
#define YD_SIO_FETCH_H

#include "sio/operation.h"

/* YD_SIO_OP_SOCKETS, YD_SIO_OP_ROOMS, YD_SIO_OP_COUNTS: gathers what is on a loop. */
void yd_sio_fetch_apply(struct yd_sio_op *op, struct yd_loop *loop);

/* For far peers: gives op, which has come from one, an ask that gathers.  Returns 0 or -ENOMEM. */
int yd_sio_fetch_answer(struct yd_sio_op *op);
/* Appends what such an ask has gathered.  Returns 0 or -ENOMEM. */
int yd_sio_fetch_encode(struct yd_ask *ask, struct yd_buf *buf);
/* Adds what another process has gathered.  Returns 0, -ENOMEM, YODEL_ERR_PROTOCOL. */
int yd_sio_fetch_take(struct yd_ask *ask, yodel_bytes result);

#endif
