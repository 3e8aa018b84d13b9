/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_ADAPTER_H
#define YD_ADAPTER_ADAPTER_H

#include <stdbool.h>
#include <yodel/sio_redis.h>

#include "base/part.h"

/* How src/server makes adapters: each form is a peer of the bus and a part of the server. */

struct yd_adapter_setup {
    const struct yodel_allocator *mem;
    yodel_sio *sio;                         /* outlives the loops; not used after end */
    yodel_redis *redis;                     /* the adapter takes a reference, until end */
    const yodel_sio_redis_options *options; /* filled in; its strings are copied */
};

/* The peer has been added to the bus of the service.  Return 0, -ENOMEM, -EIO (no randomness), or
 * YODEL_ERR_TOO_BIG (peers of the bus). */
int yd_classic_new(const struct yd_adapter_setup *setup, struct yd_part **ret_part);
int yd_sharded_new(const struct yd_adapter_setup *setup, struct yd_part **ret_part);
int yd_streams_new(const struct yd_adapter_setup *setup, struct yd_part **ret_part);

/* Adds to stats what the part has counted.  False: it is no such adapter of sio.  Any thread. */
bool yd_classic_add_stats(const struct yd_part *part, const yodel_sio *sio,
                          yodel_sio_redis_stats *stats);
/* Sharded and streams. */
bool yd_cluster_add_stats(const struct yd_part *part, const yodel_sio *sio,
                          yodel_sio_redis_stats *stats);

#endif
