/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_ROUND_H
#define YD_REDIS_ROUND_H

#include "redis/redis.h"

/* Readers that block, all of a client's; see redis.h. */

/* The loop runs: they connect. */
void yd_redis_rounds_begin(yodel_redis *redis);
/* It is known where to connect to: those that wait for that do. */
void yd_redis_rounds_go(yodel_redis *redis);
/* Stops them all. */
void yd_redis_rounds_end(yodel_redis *redis);
bool yd_redis_rounds_are_ready(const yodel_redis *redis);
/* Frees what was stopped.  Not inside a call of theirs. */
void yd_redis_rounds_sweep(yodel_redis *redis);

#endif
