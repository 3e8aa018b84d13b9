/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "adapter/cluster_peer.h"

/* Names in Redis and in messages. */

int yd_cluster_put_channel(const struct yd_cluster *cluster, struct yd_buf *buf, yodel_str nsp,
                           yodel_str tail)
{
    if (yd_buf_append_str(cluster->mem, buf, yodel_str_of(cluster->prefix)) < 0 ||
        yd_buf_append(cluster->mem, buf, "#", 1) < 0 ||
        yd_buf_append_str(cluster->mem, buf, nsp) < 0 ||
        yd_buf_append(cluster->mem, buf, "#", 1) < 0)
        return -ENOMEM;
    if (tail.len == 0)
        return 0;
    if (yd_buf_append_str(cluster->mem, buf, tail) < 0)
        return -ENOMEM;
    return yd_buf_append(cluster->mem, buf, "#", 1);
}

void yd_cluster_request_id(uint64_t token, char text[YD_CLUSTER_REQUEST_SIZE])
{
    (void)snprintf(text, YD_CLUSTER_REQUEST_SIZE, "%016" PRIx64, token);
}
