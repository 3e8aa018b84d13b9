/* SPDX-License-Identifier: MIT */
#ifndef YD_SERVER_NODE_H
#define YD_SERVER_NODE_H

#include <yodel/cluster.h>

#include "base/part.h"
#include "nodes/native.h"
#include "nodes/redis_wire.h"
#include "server/server.h"

/* A server as a node.  The server has it as a part; references of the program keep the server. */
struct yodel_cluster {
    struct yd_part part;
    yodel_server *server;
    struct yd_redis_wire wire;
    struct yd_nodes nodes;
    struct yd_native native;
    struct yd_redis_watcher redis_watcher;
    struct yd_nodes_watcher nodes_watcher;
    yodel_node_change_fn *on_node;
    void *user;
    char *secret; /* NULL: none */
};

#endif
