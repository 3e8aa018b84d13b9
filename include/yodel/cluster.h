/* SPDX-License-Identifier: MIT */
#ifndef YODEL_CLUSTER_H
#define YODEL_CLUSTER_H

#include <yodel/redis.h>

YODEL_C_BEGIN

/*
 * Several processes of Yodel that work as one: nodes, which know each other by Redis.  What is sent
 * to groups of channel layers reaches the members on all of them; members are listed, presence is
 * told (yodel/presence.h) over all of them.  Socket.IO services that have no adapter of their own
 * (yodel/sio_redis.h), and layers without another form, are shared in the same way.
 *
 * All nodes make their services and channel layers in the same order: the first of one is the first
 * of all.
 */

/* This node's part in the cluster.  Reference-counted. */
typedef struct yodel_cluster yodel_cluster;

/* A node, as its neighbours know it. */
typedef struct yodel_node {
    size_t size;         /* set by the library */
    const char *name;    /* as its options say; need not be its own alone */
    const char *process; /* of this run of it alone: 32 hex digits */
    const char *tag;     /* 4 characters, its own among the living; "" as long as it has none */
    const char *address; /* for other nodes; "" if it gave none */
    int is_self;
} yodel_node;

/*
 * A node has come or gone: on the server's first loop.
 *
 * node      borrowed for the call
 * is_here   1: it has come; 0: it has left, or nothing was heard of it for dead_ms
 * user      as in the options
 */
typedef void(yodel_node_change_fn)(const yodel_node *node, int is_here, void *user);

/* All of it is copied. */
typedef struct yodel_cluster_options {
    size_t size;
    const char *name;    /* 1 to 127 bytes of UTF-8 without control characters; NULL: "host:pid" */
    const char *address; /* by which other nodes reach this one; NULL: none, or the listener's of
                            yodel_server_carry(), which needs a form of yodel_carry_options here */
    const char *secret;  /* that all nodes share, for connections between them, where
                            yodel_carry_options has none; NULL: none */
    const char *prefix;  /* of channels and keys in Redis, 1 to 64 bytes, none of *?[]\{}; NULL:
                            "yodel".  Clusters of different prefixes know nothing of each other */
    yodel_node_change_fn *on_node; /* NULL: nobody is told */
    void *user;                    /* for on_node; must outlive the server */
    unsigned max_nodes;            /* that are known at a time; 0: 1000 */
    uint32_t beat_ms;              /* from one sign of life to the next; 0: 2000 */
    uint32_t dead_ms; /* without a sign of life while others come a node is lost; at least twice
                         beat_ms; 0: 6000 */
    uint32_t keep_ms; /* so long the nodes that were known stay so while Redis is away; at least
                         dead_ms; 0: 30000, or dead_ms if that is more */
} yodel_cluster_options;

/*
 * Makes the server a node.  It is announced when Redis is reached, and leaves when its last
 * connection has ended after yodel_server_stop().
 *
 * server        that is set up; a server is a node once
 * redis         of the same server; a reference is kept until it has ended
 * options       NULL: all defaults
 * ret_cluster   one reference, which keeps the server
 *
 * Returns 0, -ENOMEM, -EINVAL (an object is missing, or the redis of another server; times that
 * contradict each other), YODEL_ERR_OPTIONS, YODEL_ERR_NAME (name, address, prefix),
 * YODEL_ERR_STATE (the server runs), YODEL_ERR_CONFLICT (it is a node), YODEL_ERR_TOO_BIG (more
 * than 32 adapters and the like), YODEL_ERR_UNSUPPORTED (built without Redis).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_cluster_new(yodel_server *server, yodel_redis *redis,
                                                   const yodel_cluster_options *options,
                                                   yodel_cluster **ret_cluster) YODEL_SETUP_THREAD;

/*
 * One more reference.
 *
 * cluster   not NULL
 *
 * Returns cluster.
 */
YODEL_API yodel_cluster *yodel_cluster_ref(yodel_cluster *cluster) YODEL_ANY_THREAD;

/*
 * Gives a reference back.  The server stays a node.
 *
 * cluster   NULL does nothing
 *
 * Returns NULL, always: cluster = yodel_cluster_unref(cluster).
 */
YODEL_API yodel_cluster *yodel_cluster_unref(yodel_cluster *cluster) YODEL_ANY_THREAD;

/* One of the nodes; borrowed for the call. */
typedef void(yodel_node_fn)(const yodel_node *node, void *user);

/*
 * Calls fn for each node that is known to live, this one first, inside this call.
 *
 * cluster   a reference
 * fn        not NULL
 * user      for fn
 *
 * Returns how many there are; -ENOMEM or -EINVAL (no cluster, no fn): fn was not called.
 */
YODEL_API int yodel_cluster_each_node(yodel_cluster *cluster, yodel_node_fn *fn,
                                      void *user) YODEL_ANY_THREAD;

/* What the node has done since it was made. */
typedef struct yodel_cluster_stats {
    size_t size;        /* set by the caller */
    uint64_t nodes;     /* others that are known, now */
    uint64_t joined;    /* that have come */
    uint64_t left;      /* that have left by themselves */
    uint64_t lost;      /* that were not heard of for dead_ms */
    uint64_t refused;   /* messages of nodes above max_nodes, or of none */
    uint64_t published; /* operations and answers for other nodes */
    uint64_t received;  /* those of other nodes */
    uint64_t failed;    /* that could not be published */
    uint64_t malformed; /* that came and are not what they should be */
} yodel_cluster_stats;

/*
 * Counters, for monitoring.
 *
 * cluster     a reference
 * ret_stats   size set; filled in
 *
 * Returns 0, or -EINVAL (size; no cluster).
 */
YODEL_API int yodel_cluster_get_stats(yodel_cluster *cluster,
                                      yodel_cluster_stats *ret_stats) YODEL_ANY_THREAD;

YODEL_C_END

#endif
