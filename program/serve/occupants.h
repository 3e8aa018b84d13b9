/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_OCCUPANTS_H
#define YG_SERVE_OCCUPANTS_H

#include "lease/after.h"
#include "serve/state.h"

/*
 * Rooms that somebody is in, over all nodes that share a Redis: whoever is the first or the last of
 * all has the webhook of the namespace told, once.  What this node has of rooms is written to Redis
 * in one command at a time, of what has changed since the last one; what Redis cannot take waits,
 * and is only the state of now, so it is not more than there are rooms.
 *
 * All of it is of loop 0.
 */
struct yg_occupants;

/* With Redis, ahead of the run of the server.  Returns NULL when out of memory. */
struct yg_occupants *yg_occupants_new(struct yg_state *state);
/* Returns 0 or negative. */
int yg_occupants_start(struct yg_occupants *occupants, yodel_loop *loop);

/* The first socket of this node has come into a room.  options: of the room; NULL: it is told of
 * no more, and only what is under way goes on. */
void yg_occupants_enter(struct yg_occupants *occupants, yodel_str ns, yodel_str room,
                        const struct yg_room *options);
/* The same of one that somebody has been in since before it was told of: nothing is told of that.
 */
void yg_occupants_know(struct yg_occupants *occupants, yodel_str ns, yodel_str room,
                       const struct yg_room *options);
/* The last one has left it. */
void yg_occupants_leave(struct yg_occupants *occupants, yodel_str ns, yodel_str room,
                        const struct yg_room *options);

/* Redis is there again: it may have lost what it had, or what was on its way. */
void yg_occupants_redis_is_back(struct yg_occupants *occupants);

/* The loop ends, ahead of webhooks. */
void yg_occupants_end(struct yg_occupants *occupants);
/* Has this run leave all rooms, once the server has ended; ends: ids of events that back ends have
 * taken since.  NULL does nothing. */
void yg_occupants_send_end(const struct yg_occupants *occupants, struct yg_after *after,
                           const char *const *ends, size_t num_ends);
/* When no reply can come any more; NULL does nothing. */
void yg_occupants_free(struct yg_occupants *occupants);

void yg_occupants_put(const struct yg_occupants *occupants, struct yg_text *text);

#endif
