/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/options.h"
#include "groups/groups.h"
#include "history_redis/history_redis.h"
#include "server/server.h"

/* History of channel layers in Redis. */

static yodel_server *server_of(const yodel_channels *channels)
{
    return yd_groups_owner(yd_channels_groups(channels));
}

int yodel_channels_keep_in_redis(yodel_channels *channels, yodel_redis *redis,
                                 const yodel_history_redis_options *given)
{
    yodel_history_redis_options options;
    struct yd_part *part;
    int rc;

    if (channels == NULL || redis == NULL)
        return -EINVAL;
    if ((rc = yd_server_check_setup(server_of(channels))) < 0 ||
        (rc = yd_options_read(given, &options, sizeof options)) < 0 ||
        (rc = yd_kept_new(channels, redis, &options, &part)) < 0)
        return rc;
    yd_parts_add(server_of(channels), part);
    return 0;
}

int yodel_channels_get_history_stats(const yodel_channels *channels,
                                     yodel_history_redis_stats *ret_stats)
{
    const struct yd_kept *kept = channels != NULL ? yd_kept_of_channels(channels) : NULL;
    yodel_history_redis_stats stats;

    if (kept == NULL)
        return YODEL_ERR_STATE;
    yd_kept_get_stats(kept, &stats);
    return yd_options_write(ret_stats, &stats, sizeof stats);
}
