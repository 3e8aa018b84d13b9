/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_EMIT_H
#define YD_SIO_EMIT_H

#include "groups/groups.h"

/* A message or event of the channel layer's, from yodel_group_send() and its like, for a socket as
 * a member of a group. */
void yd_sio_deliver(struct yd_member *member, struct yd_delivery *what);

#endif
