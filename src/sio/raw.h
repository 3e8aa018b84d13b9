/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_RAW_H
#define YD_SIO_RAW_H

#include "groups/groups.h"

/* A message or event of a channel layer, from yodel_group_send() and its like, for a socket as a
 * member of a group. */
void yd_sio_deliver(struct yd_member *member, struct yd_delivery *what);

#endif
