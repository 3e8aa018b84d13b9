/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/options.h"
#include "channels_redis/channels_redis.h"
#include "server/server.h"

/* Channel layers in Redis. */

static yodel_server *server_of(const yodel_channels *channels)
{
    return yd_groups_owner(yd_channels_groups(channels));
}

int yodel_channels_use_redis(yodel_channels *channels, yodel_redis *const *hosts, size_t num_hosts,
                             const yodel_channels_redis_options *given)
{
    yodel_channels_redis_options options;
    struct yd_asgi_setup setup = {channels, hosts, num_hosts, &options};
    struct yd_part *part;
    int rc;

    if (channels == NULL)
        return -EINVAL;
    if ((rc = yd_server_check_setup(server_of(channels))) < 0 ||
        (rc = yd_options_read(given, &options, sizeof options)) < 0 ||
        (rc = yd_asgi_new(&setup, &part)) < 0)
        return rc;
    yd_parts_add(server_of(channels), part);
    return 0;
}

int yodel_channels_receive(yodel_channels *channels, const char *channel,
                           yodel_channel_receive_fn *fn, void *user)
{
    struct yd_asgi *asgi = channels != NULL ? yd_asgi_of_channels(channels) : NULL;
    int rc;

    if (channels == NULL || fn == NULL)
        return -EINVAL;
    if ((rc = yd_server_check_setup(server_of(channels))) < 0)
        return rc;
    return asgi != NULL ? yd_asgi_receive(asgi, channel, fn, user) : YODEL_ERR_STATE;
}

int yodel_channels_get_redis_stats(const yodel_channels *channels,
                                   yodel_channels_redis_stats *ret_stats)
{
    const struct yd_asgi *asgi = channels != NULL ? yd_asgi_of_channels(channels) : NULL;
    yodel_channels_redis_stats stats;

    if (asgi == NULL)
        return YODEL_ERR_STATE;
    yd_asgi_get_stats(asgi, &stats);
    return yd_options_write(ret_stats, &stats, sizeof stats);
}
