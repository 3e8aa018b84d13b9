/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_CORE_H
#define YD_REDIS_CORE_H

#include <stdatomic.h>

#include "base/map.h"
#include "redis/feed.h"
#include "redis/pipe.h"
#include "redis/redis.h"
#include "redis/redis_config.h"
#include "redis/scripts.h"

/* What a client is made of; between the files of this layer. */

struct yd_tls;
struct yd_sentinel;

/* One server of Redis: what goes out, and what is subscribed there. */
struct yd_redis_node {
    struct yd_list node; /* of a cluster's */
    struct yd_redis_address address;
    struct yd_redis_pipe pipe;
    struct yd_redis_feed feed;
    bool found; /* in the last map of slots */
};

/* What the parts ask for of the whole. */
struct yd_redis_hooks {
    /* A connection or a subscription has come or gone. */
    void (*changed)(yodel_redis *redis);
    /* A request is to go elsewhere, as "MOVED slot host:port" says.  It is the callee's. */
    void (*reroute)(yodel_redis *redis, struct yd_redis_request *request);
    void (*moved)(yodel_redis *redis, yodel_str text);
    /* The map of slots is old. */
    void (*refresh)(yodel_redis *redis);
    /* The pipe's last request has gone. */
    void (*emptied)(yodel_redis *redis);
    /* Whether it is known where to connect to; else yd_redis_link_go() follows. */
    bool (*locate)(yodel_redis *redis, struct yd_redis_link *link);
    /* That did not work. */
    void (*failed)(yodel_redis *redis, struct yd_redis_link *link);
    /* Where a name is to be subscribed; NULL: not known yet. */
    struct yd_redis_feed *(*feed_for)(yodel_redis *redis, enum yd_redis_kind kind, yodel_str name);
    /* The last reference has gone, on its loop or after that. */
    void (*free)(yodel_redis *redis);
};

struct yodel_redis {
    atomic_uint refs;  /* of users, of mail under way, of its loop */
    atomic_uint users; /* of the program and of other layers */
    const struct yd_redis_hooks *hooks;
    struct yd_redis_env env;
    struct yd_redis_config config;
    struct yd_tls *tls;    /* NULL: plain text */
    atomic_int state;      /* yodel_redis_condition */
    atomic_bool closed;    /* takes nothing more */
    atomic_size_t waiting; /* bytes of requests */
    atomic_uint num_mails; /* requests in the mailbox */
    atomic_uint_least64_t published, received, dropped, malformed, reconnects, lag_ms,
        subscriptions, refused, logged_at;
    uint64_t chance; /* of random numbers; its loop */
    /* What follows belongs to its loop. */
    bool begun, finishing, ended;
    bool changed; /* the task is queued */
    struct yd_timer finish_timer;
    struct yd_mail task, close;
    struct yd_redis_node home;
    struct yd_redis_scripts scripts;
    struct yd_map names[3]; /* by kind */
    struct yd_list all_names;
    struct yd_redis_walk *walk; /* the innermost */
    struct yd_list rounds;      /* of readers */
    struct yd_list watchers;
    yodel_redis_state_fn *on_state;
    void *state_user;
    yodel_redis_refused_fn *on_refused;
    void *refused_user;
    /* Cluster. */
    struct yd_list nodes; /* none is freed before the client is */
    size_t num_nodes;
    uint64_t refreshed_at;
    struct yd_redis_node **slots; /* NULL: not known */
    struct yd_timer refresh_timer;
    bool refreshing; /* CLUSTER SLOTS is under way */
    bool stale;      /* the map is old, or there is none */
    size_t seed;     /* the address that is tried next */
    /* Sentinel. */
    bool located;                 /* the master's address is known */
    struct yd_sentinel *sentinel; /* NULL: none */
};

static inline struct yd_loop *yd_redis_its_loop(const yodel_redis *redis)
{
    return redis->env.loop;
}

/* References of what the client itself does. */
void yd_redis_hold(yodel_redis *redis);
void yd_redis_release(yodel_redis *redis);

void yd_redis_count(atomic_uint_least64_t *counter, uint64_t more);

/* A number by chance below most, which is not 0. */
uint32_t yd_redis_chance(yodel_redis *redis, uint32_t most);

/* cluster.c: where a key is; of the first node, when that is not known. */
const struct yd_redis_address *yd_redis_address_for(yodel_redis *redis, yodel_str key);

/* For the operations of links to the Redis itself: what the client does in locate and on_failed. */
bool yd_redis_locate(struct yd_redis_link *link);
void yd_redis_failed(struct yd_redis_link *link);

#endif
