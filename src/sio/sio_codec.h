/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SIO_CODEC_H
#define YD_SIO_SIO_CODEC_H

#include "bus/op.h"

/* Operations of a service, and what they gather, as bytes for far peers: as the functions of struct
 * yd_layer_ops.  Of one on a namespace that is not in the receiving process nothing is made. */

int yd_sio_op_encode(const struct yd_op *op, struct yd_buf *buf);
size_t yd_sio_op_size(unsigned kind);
/* Returns also YODEL_ERR_NOT_FOUND: no such namespace here. */
int yd_sio_op_decode(struct yd_op *op, yodel_bytes payload);

int yd_sio_result_encode(struct yd_ask *ask, struct yd_buf *buf);
int yd_sio_result_take(struct yd_ask *ask, yodel_bytes result);

#endif
