/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_GROUPS_H
#define YD_CHANNELS_REDIS_ASGI_GROUPS_H

#include "channels_redis/asgi.h"

/* The groups that have members in this process. */

/* Any thread, in their order for each group.  source: as of yd_channels_source(). */
void yd_asgi_group_begins(struct yd_asgi *asgi, int source, yodel_str name);
void yd_asgi_group_ends(struct yd_asgi *asgi, int source, yodel_str name);

/* Whether messages for it come here, or it is of no use to wait for that.  Any thread. */
bool yd_asgi_hears(struct yd_asgi *asgi, yodel_str name);

/* ---- on the loop ---- */

void yd_asgi_set_heard(struct yd_asgi_group *group, bool heard);
/* Redis has replied to one that was asked to join. */
void yd_asgi_note_reply(struct yd_asgi *asgi, uint64_t id);

/* NULL: none, or it has no members any more.  Good until yd_asgi_next_change(). */
struct yd_asgi_group *yd_asgi_find_group(struct yd_asgi *asgi, yodel_str name);
struct yd_asgi_group *yd_asgi_find_group_id(struct yd_asgi *asgi, uint64_t id);

/* The next group whose state in Redis is to change, and whether it is to be joined; one that is
 * neither joined nor wanted is freed on the way.  NULL: there is none. */
struct yd_asgi_group *yd_asgi_next_change(struct yd_asgi *asgi, bool *ret_join);
/* It could not be told: it is to change once more. */
void yd_asgi_change_again(struct yd_asgi *asgi, struct yd_asgi_group *group);

/* Calls each(group) for all that are joined. */
void yd_asgi_each_joined(struct yd_asgi *asgi, void (*each)(struct yd_asgi_group *group));

/* Looks for groups that there was no memory for. */
void yd_asgi_find_missed(struct yd_asgi *asgi);

/* Frees all; none has a subscription any more. */
void yd_asgi_free_groups(struct yd_asgi *asgi);

#endif
