/* SPDX-License-Identifier: MIT */
#ifndef YD_HISTORY_REDIS_KEPT_FOLLOW_H
#define YD_HISTORY_REDIS_KEPT_FOLLOW_H

#include "history_redis/kept.h"

/* Groups that have members here, and their streams. */

/* What has changed: begins to follow, and ends. */
void yd_kept_look(struct yd_kept *kept);
/* Those that are to ask once more. */
void yd_kept_ask_again(struct yd_kept *kept);
/* All: no message is passed on any more. */
void yd_kept_unfollow(struct yd_kept *kept);

/* A message of ours to the members of a group that is joined, before it comes from Redis; after all
 * that were sent before it.  Returns 0; 1: it has come, or nobody is there; or -ENOMEM or
 * YODEL_ERR_CONGESTED. */
int yd_kept_pass_early(struct yd_kept_group *group, struct yd_msg *msg, uint64_t number);

#endif
