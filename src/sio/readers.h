/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_READERS_H
#define YD_SIO_READERS_H

#include "sio/operation.h"

/* Readers of server-sent events in rooms: members of the same groups as sockets, which emits reach
 * as a named event with its arguments. */

/* Whether the service has had readers: emits must keep what they say. */
bool yd_sio_has_readers(const yodel_sio *sio);

/* Adds the loops that have readers of all of op's namespace. */
void yd_sio_readers_find(const struct yd_op *op, struct yd_loop_set *set);

/* Gives what to the readers that op means on this loop, once each.  Returns how many they are. */
size_t yd_sio_give_readers(const struct yd_sio_op *op, struct yd_loop *loop,
                           struct yd_delivery *what);

#endif
