/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_CLUSTER_PEER_H
#define YD_ADAPTER_CLUSTER_PEER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "adapter/cluster_message.h"
#include "adapter/counters.h"
#include "base/list.h"
#include "base/map.h"
#include "bus/bus.h"
#include "redis/redis.h"
#include "sio/remote.h"

/*
 * A service in a cluster of servers that speak by ClusterAdapter's messages over Redis: the sharded
 * adapter, and what the streams adapter has beside its streams.  A peer of the bus.
 *
 *     prefix#NSP#         requests and events for all (a subscription for each namespace)
 *     prefix#NSP#UID#     answers for one server
 *     prefix#NSP#ROOM#    sharded, dynamic: events for one room
 *
 * Its maps and subscriptions belong to the client's loop.
 */

enum yd_cluster_mode {
    YD_CLUSTER_DYNAMIC = 0,     /* a channel for each room that is not a socket's own */
    YD_CLUSTER_DYNAMIC_PRIVATE, /* and for those */
    YD_CLUSTER_STATIC           /* for none */
};

#define YD_CLUSTER_UID_SIZE 17

struct yd_streams;

struct yd_cluster_config {
    yodel_sio *sio;     /* borrowed: it lives longer */
    yodel_redis *redis; /* a reference is taken */
    const char *prefix; /* of channels; copied */
    enum yd_cluster_mode mode;
    bool shards;           /* SSUBSCRIBE and SPUBLISH */
    bool packs;            /* what goes by channels is always MessagePack (streams) */
    unsigned max_requests; /* of other servers that are answered at a time */
};

struct yd_cluster {
    struct yd_peer peer; /* first */
    yodel_sio *sio;
    struct yd_bus *bus;
    const struct yodel_allocator *mem;
    yodel_redis *redis;
    char *prefix;
    enum yd_cluster_mode mode;
    bool shards, packs;
    struct yd_streams *streams; /* what is no request goes there; NULL: by channels */
    char uid[YD_CLUSTER_UID_SIZE];
    struct yd_sio_watcher watcher;
    unsigned max_requests;
    atomic_uint num_requests;
    /* On its loop: whether what is for all servers comes here now. */
    bool (*hears)(const struct yd_cluster *cluster, yodel_str nsp);
    /* Its loop's. */
    struct yd_map nodes; /* by namespace */
    struct yd_map rooms; /* by channel */
    /* With the lock held. */
    pthread_mutex_t lock;
    struct yd_list requests; /* of ours, that wait for answers */
    struct yd_list changes;  /* of rooms, that the loop has still to look at */
    bool posted, namespaces_changed;
    struct yd_mail mail;
    struct yd_adapter_counters counters; /* any thread */
};

/* streams: of the streams adapter, else NULL; it lives longer.  Returns 0, -ENOMEM, -EIO (no
 * randomness), YODEL_ERR_TOO_BIG (peers).  Before the loops run. */
int yd_cluster_init(struct yd_cluster *cluster, const struct yd_cluster_config *config,
                    struct yd_streams *streams);
/* After they have ended. */
void yd_cluster_done(struct yd_cluster *cluster);

/* ---- between the files of this layer ---- */

/* cluster_names.c: appends prefix#nsp#, and tail# when tail is not empty.  Returns 0 or -ENOMEM. */
int yd_cluster_put_channel(const struct yd_cluster *cluster, struct yd_buf *buf, yodel_str nsp,
                           yodel_str tail);

/* cluster_publish.c.  Any thread.  As yd_redis_publish(); counts. */
int yd_cluster_publish(struct yd_cluster *cluster, yodel_str channel, yodel_bytes payload);
/* Counts what has come and could not be taken, by why; rc 0: nothing. */
void yd_cluster_note_failure(struct yd_cluster *cluster, int rc);

/* cluster_out.c: of the peer. */
bool yd_cluster_takes(struct yd_peer *peer, const struct yd_op *op);
int yd_cluster_encode(struct yd_peer *peer, const struct yd_op *op, uint64_t token,
                      struct yd_buf *buf);
int yd_cluster_send(struct yd_peer *peer, const struct yd_op *op, uint64_t token,
                    yodel_bytes bytes);
/* What an operation says, as a message's data, and its type; *ret_shared false: it concerns this
 * process alone.  own: sockets named one by one are rooms of theirs.  Returns 0, -ENOMEM,
 * YODEL_ERR_UNSUPPORTED. */
int yd_cluster_put_op(const struct yd_cluster *cluster, const struct yd_sio_outgoing *out,
                      yodel_str request, struct yd_buf *data, enum yd_cluster_type *ret_type);

/* cluster_requests.c: registers a request and asks how many servers there are.  Returns 0, or why
 * it cannot be. */
int yd_cluster_ask(struct yd_cluster *cluster, const struct yd_sio_outgoing *out, uint64_t token);
/* An answer of another server. */
void yd_cluster_answered(struct yd_cluster *cluster, const struct yd_cluster_message *message);
void yd_cluster_forget_requests(struct yd_cluster *cluster);
/* The id of a request in messages: 16 hex digits. */
#define YD_CLUSTER_REQUEST_SIZE 17
void yd_cluster_request_id(uint64_t token, char text[YD_CLUSTER_REQUEST_SIZE]);

/* cluster_in.c: a message of a channel, or of an entry with offset (else NULL). */
void yd_cluster_receive(struct yd_cluster *cluster, yodel_str channel, yodel_bytes payload);
/* Makes the operation that a message of another server's is; *ret_op NULL: there is nothing to do.
 * Returns 0, -ENOMEM, YODEL_ERR_PROTOCOL. */
int yd_cluster_make_op(struct yd_cluster *cluster, const struct yd_cluster_message *message,
                       yodel_str offset, struct yd_op **ret_op);

#endif
