/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_FAR_H
#define YG_ADMIN_FAR_H

#include "admin/looker.h"

/*
 * Other nodes, by events from server to server in the namespace of the page; on loop 0.  A node
 * whose pages look says so every two seconds, with their numbers ("look").  The others then tell
 * it how they are ("stats"), describe their sockets once for each number ("snapshot"), and from
 * that moment on what happens ("records"): in one order, counted, so that who misses one begins
 * anew.
 */

/* NULL when out of memory. */
struct yg_far *yg_far_new(struct yg_admin *admin);
void yg_far_free(struct yg_far *far);

/* How many others there are. */
unsigned yg_far_count(const struct yg_far *far);
/* Whether pages of others look. */
bool yg_far_is_watched(const struct yg_far *far);

/* Who looks has changed: the others are told soon. */
void yg_far_look(struct yg_far *far);
void yg_far_tick(struct yg_far *far);

/* What has happened here; borrowed.  It goes out with the next flush. */
void yg_far_tell(struct yg_far *far, struct yg_admin_record *record);
void yg_far_flush(struct yg_far *far);
/* Of pages of others that look here. */
void yg_far_send_snapshot(struct yg_far *far, struct yg_looker *looker);
void yg_far_send_lost(struct yg_far *far, const struct yg_looker *looker);
/* NULL does nothing; borrowed. */
void yg_far_send_stats(struct yg_far *far, const struct yg_admin_record *stats);

/* The others close the WebSocket of an id, if they have it.  Any thread. */
void yg_far_close_ws(struct yg_far *far, const char *id);

/* An event of another node. */
void yg_far_receive(struct yg_far *far, yodel_sio_server_event *event);

#endif
