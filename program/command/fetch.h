/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_FETCH_H
#define YG_COMMAND_FETCH_H

#include "command/run.h"

/* Which sockets there are, on all loops and nodes: parcels whose json is an array, NULL when out of
 * memory. */

#define YG_FETCH_MS 5000

/*
 * Gathers the sockets of a target.
 *
 * whole   false: their ids; true: objects as commands tell them (execute.h)
 * open    of the parcel
 *
 * Returns 0, or a negative result and open is not called.
 */
int yg_fetch_sockets(struct yg_run *run, yodel_sio_target target, bool whole,
                     void (*open)(struct yg_parcel *parcel));

#endif
