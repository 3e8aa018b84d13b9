/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_CHANNELS_REDIS_H
#define YD_CHANNELS_REDIS_CHANNELS_REDIS_H

#include <yodel/channels_redis.h>

#include "base/part.h"

/* How src/server puts a channel layer into Redis. */

struct yd_asgi;

struct yd_asgi_setup {
    yodel_channels *channels;  /* tells when it goes */
    yodel_redis *const *hosts; /* of one loop; each gets a reference, until end */
    size_t num_hosts;
    const yodel_channels_redis_options *options; /* read; its strings are copied */
};

/* It is the layer's carrier and a peer of its bus from now on, and to become a part of the server.
 * Returns as yodel_channels_use_redis(). */
int yd_asgi_new(const struct yd_asgi_setup *setup, struct yd_part **ret_part);

/* That of a layer; NULL: none. */
struct yd_asgi *yd_asgi_of_channels(const yodel_channels *channels);
/* Before the loops run.  Returns as yodel_channels_receive(). */
int yd_asgi_receive(struct yd_asgi *asgi, const char *channel, yodel_channel_receive_fn *fn,
                    void *user);
/* Any thread; ret is this library's own. */
void yd_asgi_get_stats(const struct yd_asgi *asgi, yodel_channels_redis_stats *ret);

#endif
