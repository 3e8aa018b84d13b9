/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_WALK_H
#define YD_SIO_WALK_H

#include "sio/operation.h"
#include "sio/socket.h"

/* The sockets that an operation means on one loop. */

typedef void(yd_sio_each_fn)(yodel_sio_socket *socket, void *user);

/* Calls each(socket, user) once for every connected socket that op means on this loop, of a
 * parent's children if its namespace is one; away: for those that are absent, but note what comes
 * for them, too. */
void yd_sio_walk(const struct yd_sio_op *op, struct yd_loop *loop, bool away, yd_sio_each_fn *each,
                 void *user);

#endif
