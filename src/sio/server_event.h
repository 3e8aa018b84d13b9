/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SERVER_EVENT_H
#define YD_SIO_SERVER_EVENT_H

#include "sio/operation.h"

/* Events between servers: an operation without receivers here, which the other processes give to
 * their programs. */

/* YD_SIO_OP_SERVER */
struct yd_sio_server_op {
    struct yd_sio_op base;   /* first */
    struct yd_sio_news news; /* without messages */
};

/* One that came from another process, on its loop; gives back what it has besides. */
void yd_sio_server_apply(struct yd_sio_op *op, struct yd_loop *loop);
void yd_sio_server_release(struct yd_sio_op *op);

#endif
