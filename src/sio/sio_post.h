/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SIO_POST_H
#define YD_SIO_SIO_POST_H

#include "sio/operation.h"

/* The loop of the present callback; NULL: there is none. */
struct yd_loop *yd_sio_current_loop(const yodel_sio *sio);

/* YD_SIO_OP_CALL: carries it out on a loop; gives back what it has besides. */
void yd_sio_call_apply(struct yd_sio_op *op, struct yd_loop *loop);
void yd_sio_call_release(struct yd_sio_op *op);

#endif
