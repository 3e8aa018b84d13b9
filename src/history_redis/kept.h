/* SPDX-License-Identifier: MIT */
#ifndef YD_HISTORY_REDIS_KEPT_H
#define YD_HISTORY_REDIS_KEPT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/part.h"
#include "bus/call.h"
#include "channels/history.h"
#include "redis/redis.h"

/*
 * History of groups in Redis: a store of a channel layer's history, and a peer of the bus that is
 * told which groups have members in this process.
 *
 * Each group is a stream.  A script adds a message to it and publishes it on a channel of the same
 * name, so the order of the stream is that of the channel.  Everything but groups that begin and
 * end is on the loop of the client, which is the home of history.
 *
 *     kept_outbox   what is to be added, one command at a time for each group
 *     kept_follow   groups that have members here: what is published goes to them, and what was
 *                   missed is read from the stream
 *     kept_read     reads of members that come back, and of the program
 *
 * An id is "ms-k": the time of Redis, never less than that of the entry ahead, and one more than
 * its k; the first k of a stream is the time in microseconds.  So k has no gaps, and a stream that
 * has ended and begins anew goes on above the ids it had.
 */

struct yd_kept;

#define YD_KEPT_PREFIX_MAX 64
#define YD_KEPT_KEY_SIZE                                                                           \
    (YD_KEPT_PREFIX_MAX + 9 + YD_LAYER_NAME_SIZE + 1 + YODEL_GROUP_NAME_MAX + 1)
/* When what has failed is tried again. */
#define YD_KEPT_AGAIN_MS 100

#define YD_KEPT_RECENT 8u

/* A group that has members in this process. */
struct yd_kept_group {
    struct yd_map_node node; /* by name */
    struct yd_list dirty;    /* of kept->dirty: it begins or ends */
    struct yd_kept *kept;
    uint64_t wanted;         /* a bit for each set of groups that has it (yd_channels_source());
                                under the lock, as the two above */
    bool joined;             /* below: the loop's */
    bool active, was_active; /* it is subscribed; or was */
    bool knows;              /* last is known */
    bool must_look;          /* at the top of the stream */
    bool behind;             /* the stream may have more than last */
    bool asks;               /* a command is under way */
    bool more;               /* noted came meanwhile */
    unsigned num_asked;      /* commands under way, those of the time before it was joined too */
    uint64_t time;           /* one more with each join */
    yodel_history_options options; /* how it is kept, or was last */
    struct yd_offset last;         /* what its members have had */
    struct yd_offset noted;
    struct yd_offset recent[YD_KEPT_RECENT]; /* that were last */
    unsigned num_recent;
    unsigned batch;          /* entries of one command */
    uint64_t own;            /* the last of our numbers that came back */
    uint64_t early_to;       /* up to this one members have had ours, before Redis */
    struct yd_list reads;    /* that wait for last */
    struct yd_list of_again; /* of kept->again */
    struct yd_list of_joined;
    struct yd_redis_sub sub;
    char key[]; /* of the stream, and of the channel */
};

struct yd_kept_counters {
    atomic_uint_least64_t appended, received, replayed, too_old, early, gaps, malformed, refused;
};

struct yd_kept {
    struct yd_history_store store;
    struct yd_peer peer;
    struct yd_part part;
    const struct yodel_allocator *mem;
    struct yd_bus *bus;
    struct yd_loop *loop;
    yodel_redis *redis; /* a reference, until end */
    struct yd_redis_watcher watcher;
    size_t max_queue;
    uint32_t patience_ms;
    unsigned max_reads;
    char layer[YD_LAYER_NAME_SIZE];
    char prefix[YD_KEPT_PREFIX_MAX + 1];
    struct yd_kept_counters counters;
    atomic_size_t waiting; /* bytes of the outbox */

    pthread_mutex_t lock;
    yodel_channels *channels; /* NULL: it has gone; under the lock, as those that follow */
    struct yd_map groups;     /* only the loop removes */
    struct yd_list dirty;
    bool called, started;
    bool missed;     /* groups are to be found that are kept and not known here */
    unsigned unseen; /* parts of the directory that they have not been looked for in */
    struct yd_call call;

    bool ended;          /* below: the loop's */
    bool away;           /* Redis does not answer: members get messages before it has them */
    bool answers;        /* it has taken something since */
    uint64_t number;     /* of the last message */
    struct yd_map boxes; /* by group */
    struct yd_list all_boxes;
    struct yd_list joined; /* groups */
    struct yd_list again;  /* those that are to ask once more */
    struct yd_list reads;
    unsigned num_reads;
    struct yd_timer timer;
    uint64_t timer_due;
};

static inline void yd_kept_count(atomic_uint_least64_t *counter, uint64_t num)
{
    atomic_fetch_add_explicit(counter, num, memory_order_relaxed);
}

/* Has all that waits looked at so soon. */
static inline void yd_kept_later(struct yd_kept *kept, uint32_t ms)
{
    uint64_t due = yd_loop_due(kept->loop, ms);

    if (kept->ended || (yd_timer_is_running(&kept->timer) && kept->timer_due <= due))
        return;
    kept->timer_due = due;
    yd_timer_start(&kept->loop->wheel, &kept->timer, due);
}

#endif
