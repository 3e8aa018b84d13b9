/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_CLASSIC_H
#define YD_ADAPTER_CLASSIC_H

#include <pthread.h>
#include <stdatomic.h>

#include "adapter/adapter.h"
#include "adapter/classic_message.h"
#include "adapter/counters.h"
#include "base/map.h"
#include "bus/call.h"
#include "redis/redis.h"

/* The classic form: a peer of the bus for one service.  What comes, and what is awaited, is of the
 * loop of the client of Redis. */

#define YD_CLASSIC_UID_LEN 6
/* A request's id: the uid, and the token of the bus in hex. */
#define YD_CLASSIC_REQUEST_LEN (YD_CLASSIC_UID_LEN + 16)

struct yd_classic {
    struct yd_part part; /* first */
    struct yd_peer peer;
    struct yd_sio_watcher watcher;
    const struct yodel_allocator *mem;
    yodel_sio *sio;
    struct yd_bus *bus;
    struct yd_loop *loop; /* of redis */
    uint64_t secret[2];
    char uid[YD_CLASSIC_UID_LEN + 1];
    char *prefix;
    bool answer_one;
    bool is_cluster; /* NUMSUB counts one node only */
    unsigned max_requests;
    atomic_uint num_requests; /* of others, that are being answered */
    pthread_mutex_t lock;     /* for the two below; the last of all locks but those of redis */
    yodel_redis *redis;       /* a reference; NULL: it has ended */
    struct yd_map asks;       /* ours, that others answer */
    /* On the loop. */
    struct yd_map spaces; /* namespaces that are subscribed */
    bool begun;
    uint64_t round; /* of looking which namespaces there are */
    struct yd_timer retry;
    struct yd_call refresh;
    atomic_bool refresh_queued;
    struct yd_adapter_counters counters; /* any thread */
};

static inline yodel_str yd_classic_uid(const struct yd_classic *classic)
{
    return (yodel_str){classic->uid, YD_CLASSIC_UID_LEN};
}

/* Any thread.  Returns as yd_redis_publish(), or YODEL_ERR_CLOSED. */
int yd_classic_publish(struct yd_classic *classic, yodel_str channel, yodel_bytes payload);
/* Whether this process is one of those that Redis counts on that channel of requests; on the loop.
 */
bool yd_classic_hears(struct yd_classic *classic, yodel_str channel);
/* What came is not what it should be. */
void yd_classic_count_malformed(struct yd_classic *classic);
/* Nor can it be answered. */
void yd_classic_count_refused(struct yd_classic *classic);

/* ---- classic_in.c: what comes for the namespace of that name, on the loop ---- */

/* room: of the channel; empty: none. */
void yd_classic_on_broadcast(struct yd_classic *classic, yodel_str ns, yodel_str room,
                             yodel_bytes payload);
void yd_classic_on_request(struct yd_classic *classic, yodel_str ns, yodel_bytes payload);

/* ---- classic_ask.c: answers of others to what this process asks ---- */

/* Ahead of publishing request; channel: of requests.  Any thread.  Returns 0, -ENOMEM, or
 * YODEL_ERR_CLOSED; on failure nobody waits for it. */
int yd_classic_ask_begin(struct yd_classic *classic, enum yd_sio_remote_kind kind, uint64_t token,
                         uint32_t timeout_ms, yodel_str channel);
/* On the loop. */
void yd_classic_on_answer(struct yd_classic *classic, yodel_bytes payload);
/* The loops have ended. */
void yd_classic_asks_free(struct yd_classic *classic);

#endif
