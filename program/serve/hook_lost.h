/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOK_LOST_H
#define YG_SERVE_HOOK_LOST_H

#include "hook/hook.h"
#include "lease/lease.h"
#include "serve/state.h"

/* What a node that has died cannot tell back ends; on loop 0. */

/* How many sockets may be told of now. */
size_t yg_lost_room(struct yg_state *state, yodel_loop *loop);

/* Tells of the end of a socket of another node; the record is forgotten once that was taken. */
void yg_lost_tell(struct yg_state *state, struct yg_lease *lease,
                  const struct yg_lease_record *record);

/* Without Redis: has each webhook that is told of ends told that the node has started, so what it
 * had before is no more. */
void yg_lost_start(struct yg_state *state, struct yg_hook *hook);

#endif
