/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_SENTINEL_H
#define YD_REDIS_SENTINEL_H

#include "redis/redis.h"

/* Sentinels know which Redis is the master, and tell when another becomes it. */

struct yd_sentinel;

/* Returns 0 or -ENOMEM. */
int yd_sentinel_new(yodel_redis *redis, struct yd_sentinel **ret_sentinel);
/* NULL is a no-op, for all of these. */
void yd_sentinel_free(struct yd_sentinel *sentinel);
void yd_sentinel_stop(struct yd_sentinel *sentinel);
/* Asks for the master: found(redis, host, port) follows, each time that it is known or another. */
typedef void(yd_sentinel_fn)(yodel_redis *redis, yodel_str host, unsigned port);
void yd_sentinel_ask(struct yd_sentinel *sentinel, yd_sentinel_fn *found);

#endif
