/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_CLUSTER_H
#define YD_REDIS_CLUSTER_H

#include "redis/core.h"

/* Which node has which slot.  Everything that has none goes to the first node, "home". */

void yd_redis_node_init(struct yd_redis_node *node, yodel_redis *redis);

void yd_redis_cluster_init(yodel_redis *redis);
/* The map is old: it is asked for at the first node as soon as that can be asked. */
void yd_redis_cluster_refresh(yodel_redis *redis);
/* "MOVED 3999 127.0.0.1:6381" */
void yd_redis_cluster_moved(yodel_redis *redis, yodel_str text);
/* Where a request goes. */
struct yd_redis_pipe *yd_redis_cluster_pipe(yodel_redis *redis, uint16_t slot);
/* Where a name is to be subscribed; NULL: not known yet. */
struct yd_redis_feed *yd_redis_feed_for(yodel_redis *redis, enum yd_redis_kind kind,
                                        yodel_str name);
/* The first node cannot be reached: another of those that are known takes its place. */
void yd_redis_cluster_turn(yodel_redis *redis);
/* Whether all that is needed is connected, the first node apart. */
bool yd_redis_cluster_is_whole(const yodel_redis *redis);
bool yd_redis_cluster_is_empty(const yodel_redis *redis);
/* Whether one of its pipes is, as yd_redis_pipe_is_at_work(). */
bool yd_redis_cluster_is_at_work(const yodel_redis *redis);
void yd_redis_cluster_stop(yodel_redis *redis, bool gently);
void yd_redis_cluster_free(yodel_redis *redis);

#endif
