/* SPDX-License-Identifier: MIT */
#ifndef YD_NODES_REDIS_WIRE_H
#define YD_NODES_REDIS_WIRE_H

#include "nodes/node_wire.h"
#include "redis/redis.h"

/* Nodes reach each other by Redis: PUBLISH and SUBSCRIBE, GET and SET. */

struct yd_redis_wire {
    struct yd_node_wire wire; /* first */
    yodel_redis *redis;       /* a reference */
};

void yd_redis_wire_init(struct yd_redis_wire *wire, yodel_redis *redis);
void yd_redis_wire_done(struct yd_redis_wire *wire);

static inline yodel_redis *yd_redis_wire_client(const struct yd_redis_wire *wire)
{
    return wire->redis;
}

#endif
