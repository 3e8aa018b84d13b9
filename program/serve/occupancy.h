/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_OCCUPANCY_H
#define YG_SERVE_OCCUPANCY_H

#include <yodel/sio.h>

/*
 * Rooms that somebody is in: the webhook of their namespace is told when the first socket of this
 * node comes into a room, and when the last one has left it for vacated_delay.  Who comes back
 * within that time is not told of.
 */
struct yg_state;
struct yg_occupancy;

/* Adds it to a server that does not run yet, unless no webhook is told of rooms.  After webhooks,
 * ahead of namespaces. */
int yg_occupancy_start(struct yg_state *state);
/* Has it told of the rooms of a namespace. */
int yg_occupancy_watch(struct yg_state *state, yodel_sio_namespace *ns);
/* After the loops have ended; NULL does nothing. */
void yg_occupancy_free(struct yg_occupancy *occupancy);

#endif
