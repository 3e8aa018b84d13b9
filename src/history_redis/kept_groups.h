/* SPDX-License-Identifier: MIT */
#ifndef YD_HISTORY_REDIS_KEPT_GROUPS_H
#define YD_HISTORY_REDIS_KEPT_GROUPS_H

#include "history_redis/kept.h"

/* Which groups have members in this process. */

/* Any thread. */
void yd_kept_group_begins(struct yd_kept *kept, yodel_str layer, yodel_str name);
void yd_kept_group_ends(struct yd_kept *kept, yodel_str layer, yodel_str name);
/* Others may be kept now. */
void yd_kept_groups_changed(struct yd_kept *kept);
/* A reference, while there is a layer; NULL: it has gone. */
yodel_channels *yd_kept_ref_channels(struct yd_kept *kept);

/* ---- the loop ---- */

/* One that is joined; NULL: none. */
struct yd_kept_group *yd_kept_find_group(struct yd_kept *kept, yodel_str name);
/* One that is to be joined, or left; NULL: no more. */
struct yd_kept_group *yd_kept_next_change(struct yd_kept *kept, bool *ret_join);
/* Has it looked at once more, a while later. */
void yd_kept_change_again(struct yd_kept *kept, struct yd_kept_group *group);
/* Notes groups that there was no memory for, or that were not kept when they began; those of a part
 * of the directory in each call, of which it makes as many as are needed. */
void yd_kept_find_missed(struct yd_kept *kept);
void yd_kept_free_groups(struct yd_kept *kept);

#endif
