/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_FETCH_H
#define YD_SIO_FETCH_H

#include "sio/operation.h"

/* YD_SIO_OP_SOCKETS, YD_SIO_OP_ROOMS: gathers what is on a loop. */
void yd_sio_fetch_apply(struct yd_sio_op *op, struct yd_loop *loop);

#endif
