/* SPDX-License-Identifier: MIT */
#ifndef YD_HISTORY_REDIS_HISTORY_REDIS_H
#define YD_HISTORY_REDIS_HISTORY_REDIS_H

#include <yodel/history_redis.h>

#include "base/part.h"

/* How src/server puts the history of a channel layer into Redis. */

struct yd_kept;

/* It is the store of the layer's history and a peer of its bus from now on, and to become a part of
 * the server.  Returns as yodel_channels_keep_in_redis(). */
int yd_kept_new(yodel_channels *channels, yodel_redis *redis,
                const yodel_history_redis_options *options, struct yd_part **ret_part);
/* That of a layer; NULL: none. */
struct yd_kept *yd_kept_of_channels(const yodel_channels *channels);
/* Any thread; ret is this library's own. */
void yd_kept_get_stats(const struct yd_kept *kept, yodel_history_redis_stats *ret);

#endif
