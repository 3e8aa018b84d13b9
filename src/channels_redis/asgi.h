/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_H
#define YD_CHANNELS_REDIS_ASGI_H

#include <pthread.h>
#include <stdatomic.h>
#include <yodel/channels_redis.h>

#include "base/part.h"
#include "bus/call.h"
#include "channels/channels.h"
#include "channels_redis/asgi_message.h"
#include "channels_redis/fernet.h"
#include "redis/redis.h"

/*
 * A channel layer in Redis, in one of the two forms of channels_redis: a far peer of the bus, which
 * takes the typed events of one channel layer.
 *
 * Everything that speaks to Redis is on loop, that of the clients.  Other threads leave items in a
 * queue, and changes of groups in a list; one call on loop fetches both.
 */

/* What is sent to a group or a channel, with what it waits for. */
struct yd_asgi_item {
    struct yd_list node;
    struct yd_asgi *asgi;
    bool to_group;
    bool ready;    /* core: the members of the group are known */
    size_t weight; /* bytes that it counts in the queue */
    uint32_t num;  /* pairs */
    yodel_bytes pairs;
    yodel_str name;
    struct yd_buf members; /* of a group: each the length, 4, and the name */
};

/* A group that has members in this process. */
struct yd_asgi_group {
    struct yd_map_node node;  /* by name */
    struct yd_map_node by_id; /* key: id */
    struct yd_list dirty;     /* of asgi->dirty: Redis is to be told */
    struct yd_asgi *asgi;
    uint64_t wanted;   /* a bit for each set of groups that has it (yd_channels_source());
                          under the lock, as the two above */
    bool joined;       /* below: the loop's */
    uint64_t id;       /* its name in Redis */
    uint64_t stamp;    /* the last message that it got */
    unsigned asked;    /* core: commands to join whose reply is to come */
    atomic_bool heard; /* Redis knows that we are in it; any thread */
    struct yd_redis_sub sub;
    struct yd_list echoes; /* pubsub: what we sent and will get back */
    struct yd_list held;   /* pubsub: items, until it is subscribed */
    char name[];
};

struct yd_asgi_host {
    struct yd_asgi *asgi;
    yodel_redis *redis; /* a reference */
    unsigned index;
    atomic_bool up;
    struct yd_redis_watcher watcher;
    struct yd_asgi_pop *own;    /* core: of our own key */
    struct yd_redis_sub direct; /* pubsub: of our channels */
};

/* A channel that was full of late; any thread. */
struct yd_asgi_full {
    atomic_uint_least64_t hash, until_ms;
};

#define YD_ASGI_FULL 16

struct yd_asgi_counters {
    atomic_uint_least64_t published, received, malformed, expired, full, dropped, lost;
};

struct yd_asgi {
    struct yd_peer peer;
    struct yd_channels_far far;
    struct yd_part part;
    const struct yodel_allocator *mem;
    struct yd_bus *bus;
    struct yd_loop *loop; /* that of all hosts */
    yodel_channels_form form;
    uint32_t expiry_s, group_expiry_s, lease_s, capacity, max_waiting;
    size_t max_queue, max_message;
    bool rooms;
    char layer[YD_LAYER_NAME_SIZE]; /* of the channel layer */
    char *prefix;
    yodel_channels_capacity *capacities; /* and their patterns are owned */
    size_t num_capacities;
    struct yd_fernet_key *keys;
    size_t num_keys;
    unsigned num_hosts;
    struct yd_asgi_host *hosts;
    struct yd_asgi_receiver *receivers; /* of plain channels */

    pthread_mutex_t lock;
    yodel_channels *channels;  /* NULL: it has gone; under the lock, as all below */
    struct yd_list queue;      /* of items */
    struct yd_list dirty;      /* of groups */
    struct yd_map groups, ids; /* also the loop's: only that one removes */
    uint64_t last_id;
    bool called, started, ended;
    bool missed; /* a group could not be noted: all are looked for again */

    struct yd_call call;
    atomic_size_t waiting; /* bytes of items and of what waits for a key */
    struct yd_asgi_counters counters;
    struct yd_asgi_full full[YD_ASGI_FULL];

    /* The loop's alone. */
    bool tries_again;                  /* something could not be told to Redis */
    uint64_t renew_ms;                 /* core: when memberships are renewed */
    struct yd_list items;              /* core: whose members are asked for */
    struct yd_map targets;             /* core */
    struct yd_timer retry;             /* core: keys that were full */
    struct yd_timer refresh;           /* core: our memberships; and groups that were missed */
    uint64_t last_us;                  /* the time of the last message */
    uint64_t stamp;                    /* of the message that is given to its channels */
    uint64_t now_ms;                   /* core: of the timer that runs */
    bool ended_below;                  /* nothing more is given to Redis */
    uint8_t random[4];                 /* core: of this process, in every message */
    unsigned next_host;                /* of plain channels */
    char own[9 + YD_PROCESS_SIZE + 2]; /* "specific.<process>!" */
    char own_pattern[9 + YD_PROCESS_SIZE + 3];
};

static inline yodel_str yd_asgi_own(const struct yd_asgi *asgi)
{
    return yodel_str_of(asgi->own);
}

static inline void yd_asgi_count(atomic_uint_least64_t *counter, uint64_t num)
{
    atomic_fetch_add_explicit(counter, num, memory_order_relaxed);
}

/* With the lock held: the loop is to look at the queue and at what has changed. */
static inline void yd_asgi_wake(struct yd_asgi *asgi)
{
    if (asgi->started && !asgi->called)
        asgi->called = yd_call_post(&asgi->call, asgi->loop) == 0;
}

/* Wall clock, as scores have it. */
uint64_t yd_asgi_now_us(void);

#endif
