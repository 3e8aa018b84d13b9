/* SPDX-License-Identifier: MIT */
#include "adapter/cluster_peer.h"

/* What goes to Redis, and what could not be taken, counted. */

int yd_cluster_publish(struct yd_cluster *cluster, yodel_str channel, yodel_bytes payload)
{
    int rc =
        yd_redis_publish(cluster->redis, channel, payload, cluster->shards ? YD_REDIS_SHARD : 0);

    yd_adapter_count(rc < 0 ? &cluster->counters.failed : &cluster->counters.published);
    return rc;
}

void yd_cluster_note_failure(struct yd_cluster *cluster, int rc)
{
    if (rc < 0)
        yd_adapter_count(rc == YODEL_ERR_PROTOCOL ? &cluster->counters.malformed
                                                  : &cluster->counters.lost);
    if (rc == YODEL_ERR_PROTOCOL)
        yd_redis_count_malformed(cluster->redis);
    else if (rc < 0)
        yd_redis_count_dropped(cluster->redis, 1);
}
