/* SPDX-License-Identifier: MIT */
#ifndef YD_CARRY_INWARD_H
#define YD_CARRY_INWARD_H

#include "carry/carry.h"

/* Requests that other nodes have: on_open and on_opened of struct yd_link_home.  Each becomes a
 * connection whose pipe is the stream. */
struct yd_link_stream *yd_inward_new(struct yd_link_home *home);
void yd_inward_begin(struct yd_link_stream *stream, const struct yd_carried *client);

#endif
