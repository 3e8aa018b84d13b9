/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_UPDATE_H
#define YG_COMMAND_UPDATE_H

#include "command/run.h"

/* Changes of what is kept of sockets (state/socket_state.h), on all loops and nodes. */

/* The sender of a hook's answer.  Returns 0 or -ENOMEM. */
int yg_update_sender(struct yg_run *run);

/*
 * Sockets by their ids: those of this process get it by post, others by an event to their servers.
 * A socket that has no memory for it then keeps what it has.
 *
 * Returns 0, or the first negative result of the library: others may have got it.
 */
int yg_update_sockets(struct yg_run *run, const json_t *sids);

#endif
