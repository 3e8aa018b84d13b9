/* SPDX-License-Identifier: MIT */
#ifndef YODEL_HISTORY_REDIS_H
#define YODEL_HISTORY_REDIS_H

#include <yodel/history.h>
#include <yodel/redis.h>

YODEL_C_BEGIN

/*
 * History of groups in Redis: all nodes keep what is sent to a group in one stream, so a client
 * that comes back to any of them gets what it has missed.
 *
 * The functions of yodel/history.h stay as they are.  The messages of a group have one order for
 * all members on all nodes, that of their offsets, and each member gets each once; also when a
 * connection to Redis was lost meanwhile, as far as the stream still has them.
 *
 * All nodes keep the same patterns with the same options.  max_messages, max_bytes and ttl_ms are
 * those of the stream, which ends by itself when nothing was sent for twice ttl_ms; max_groups does
 * not count here.  Offsets are ids of the stream; one of the memory of a process, of a stream that
 * has ended, or of messages that are kept no more, is `gone`.
 *
 * Without Redis.  A message that Redis has not taken for patience_ms goes to the members in this
 * process, and from then on each one at once, until Redis takes one.  In its envelope it has the
 * offset of the last message that this process had from the stream: it has none of its own yet.
 * All of these are added to the stream when Redis is there again, up to max_queue bytes; other
 * nodes get them then, and members here do not get them twice.  A client that comes back with such
 * an offset gets them again, at their places.  What is read meanwhile has the result -ENOTCONN, at
 * the latest after 5 s.
 *
 * Needs Redis 6.2 or later, and the right to EVAL (with SCRIPT LOAD and EVALSHA it sends less),
 * XADD, XDEL, XRANGE, XREVRANGE, XTRIM, PEXPIRE, TIME, PUBLISH and SUBSCRIBE, for
 * yodel_group_forget_history() DEL, for keys and channels
 * `<prefix>:history:*`.
 */

/* 0 and NULL: the default. */
typedef struct yodel_history_redis_options {
    size_t size;
    const char *prefix;   /* of keys and channels, as that of yodel_cluster_new(); copied.  NULL:
                             "yodel" */
    size_t max_queue;     /* bytes of messages that Redis has not taken yet; 8 MiB.  Those above it
                             go to the members of this process alone */
    uint32_t patience_ms; /* 1000 */
    unsigned max_reads;   /* reads under way, above which they are YODEL_ERR_CONGESTED; 10000 */
} yodel_history_redis_options;

/*
 * Keeps the history of a layer in Redis, in place of the memory of this process.
 *
 * channels   of a server that does not run yet; once each, before or after
 *            yodel_channels_keep_history()
 * redis      a client of that server; gets a reference
 * options    NULL: all defaults
 *
 * Returns 0, -ENOMEM, -EINVAL (an object is missing, or the redis of another server),
 * YODEL_ERR_NAME (prefix), YODEL_ERR_STATE (in Redis already, or the server runs),
 * YODEL_ERR_OPTIONS, YODEL_ERR_TOO_BIG (too many far peers), YODEL_ERR_UNSUPPORTED (built without
 * Redis).
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_channels_keep_in_redis(yodel_channels *channels, yodel_redis *redis,
                             const yodel_history_redis_options *options) YODEL_SETUP_THREAD;

/* Since the start; of a layer. */
typedef struct yodel_history_redis_stats {
    size_t size;
    uint64_t appended;  /* messages of this process that Redis has taken */
    uint64_t received;  /* messages of all nodes for groups with members here */
    uint64_t replayed;  /* messages that reads have told */
    uint64_t too_old;   /* reads that have told that messages are gone */
    uint64_t early;     /* messages that members here had before Redis */
    uint64_t refused;   /* messages that are not kept: Redis refused them, or max_queue */
    uint64_t gaps;      /* times that the stream did not have any more what came while there was no
                           connection; and streams that have ended and begun anew */
    uint64_t malformed; /* entries and messages that came and are not what they should be */
    uint64_t waiting;   /* bytes that Redis has not taken, now */
} yodel_history_redis_stats;

/*
 * Reads the counters of a layer.
 *
 * channels    a reference
 * ret_stats   its size is set by the caller
 *
 * Returns 0, -EINVAL, or YODEL_ERR_STATE (not in Redis).
 */
YODEL_API int
yodel_channels_get_history_stats(const yodel_channels *channels,
                                 yodel_history_redis_stats *ret_stats) YODEL_ANY_THREAD;

YODEL_C_END

#endif
