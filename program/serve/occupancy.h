/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_OCCUPANCY_H
#define YG_SERVE_OCCUPANCY_H

#include <stdbool.h>
#include <yodel/sio.h>

#include "base/text.h"

/*
 * Rooms that somebody is in: the webhook of their namespace is told when the first socket comes
 * into a room, and when the last one has left it for vacated_delay.  Who comes back within that
 * time is not told of.  With Redis these are the first and the last of all nodes.
 */
struct yg_config;
struct yg_state;
struct yg_after;
struct yg_occupancy;

/* Adds it to a server that does not run yet, unless no webhook is told of rooms, and none could be:
 * sockets that join then cost nothing.  After webhooks, ahead of namespaces. */
int yg_occupancy_start(struct yg_state *state);
/* Whether the configuration has webhooks told of rooms, which this run does not count. */
bool yg_occupancy_needs_restart(const struct yg_state *state, const struct yg_config *config);
/* Has it told of the rooms of a namespace. */
int yg_occupancy_watch(struct yg_state *state, yodel_sio_namespace *ns);
/* Loop 0 has another configuration: rooms that are told of since then are counted, with nothing
 * told of who is in them.  On loop 0. */
void yg_occupancy_change(struct yg_state *state);
/* Redis is there again.  On loop 0. */
void yg_occupancy_redis_is_back(struct yg_state *state);
/* What Redis is to know once the server has ended; ends: as of yg_occupants_send_end(). */
void yg_occupancy_send_end(struct yg_state *state, struct yg_after *after, const char *const *ends,
                           size_t num_ends);
void yg_occupancy_put(struct yg_state *state, struct yg_text *text);
/* After the end of Redis; NULL does nothing. */
void yg_occupancy_free(struct yg_occupancy *occupancy);

#endif
