/* SPDX-License-Identifier: MIT */
#ifndef YD_HISTORY_REDIS_KEPT_READ_H
#define YD_HISTORY_REDIS_KEPT_READ_H

#include "history_redis/kept.h"

/* Reads.  One for a member of a group that is followed is answered when the members have had what
 * it has read, so nothing of that comes to the member afterwards. */

/* As of struct yd_history_store_ops. */
void yd_kept_read(struct yd_kept *kept, struct yd_history_read *read);
/* The members of group have had more, or there are none any more. */
void yd_kept_wake_reads(struct yd_kept_group *group);
/* Asks once more for those that got no reply, and ends those that took too long. */
void yd_kept_look_at_reads(struct yd_kept *kept);
/* Ends all. */
void yd_kept_fail_reads(struct yd_kept *kept, int result);

#endif
