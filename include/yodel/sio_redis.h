/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_REDIS_H
#define YODEL_SIO_REDIS_H

#include <yodel/redis.h>
#include <yodel/sio.h>

YODEL_C_BEGIN

/*
 * Socket.IO on several servers, by Redis: one service of each shares its namespaces with those of
 * the others, which may be Yodel's or node's (socket.io 4).  All of them use the same form and the
 * same prefix.
 */

/* What the servers say to each other. */
typedef enum yodel_sio_redis_form {
    YODEL_SIO_REDIS_CLASSIC = 0, /* as createAdapter() of node's redis-adapter 7 and 8 */
    YODEL_SIO_REDIS_SHARDED,     /* as its createShardedAdapter(); Redis 7 */
    YODEL_SIO_REDIS_STREAMS      /* as node's redis-streams-adapter */
} yodel_sio_redis_form;

/* Which rooms have a channel of their own, where only those servers listen that have members. */
typedef enum yodel_sio_redis_rooms {
    YODEL_SIO_REDIS_DYNAMIC = 0,    /* all but those named by 20 characters, as a socket's id */
    YODEL_SIO_REDIS_STATIC,         /* none: every server hears of every event */
    YODEL_SIO_REDIS_DYNAMIC_PRIVATE /* all, those of single sockets too */
} yodel_sio_redis_rooms;

typedef struct yodel_sio_redis_options {
    size_t size;
    yodel_sio_redis_form form;
    const char *prefix;          /* of the names of channels; copied.  NULL: "socket.io" */
    unsigned max_requests;       /* of other servers' that are being answered; what is above is not
                                    answered, and counted as malformed.  0: 10000 */
    int answer_one;              /* CLASSIC: answers go to the server that asked, not to all: node's
                                    publishOnSpecificResponseChannel */
    yodel_sio_redis_rooms rooms; /* SHARDED: node's subscriptionMode */
    /* Of STREAMS. */
    const char *stream;         /* its name; copied.  NULL: "socket.io" */
    unsigned num_streams;       /* node's streamCount, at most 64; 0: 1 */
    uint32_t max_len;           /* entries that a stream keeps, about; 0: 10000 */
    uint32_t read_count;        /* entries that are read at a time; 0: 100 */
    const char *session_prefix; /* of the keys of lost sockets; copied.  NULL: "sio:session:" */
    int sharded_pubsub;         /* what is asked and answered goes by SPUBLISH: useShardedPubSub */
    size_t max_waiting;         /* bytes of events that Redis has still to take; 0: 16 MiB */
} yodel_sio_redis_options;

/*
 * What of an event reaches other servers when Redis is lost: with CLASSIC and SHARDED nothing, but
 * for what the client of Redis queues.  With STREAMS all of it, in each sender's order and once, as
 * long as Redis comes back with its data and no more than max_waiting bytes wait; and a client that
 * comes back to any server gets what it has missed, as long as the stream has it (max_len) and it
 * is no more than max_buffered.  Clients of this server are served at once in all forms; with
 * STREAMS and recovery_ms within a second.  docs/guide/30-socketio-cluster.md has the limits.
 */

/*
 * Has a service share its namespaces with other servers, also those that are made later.  From then
 * on what is sent to a target reaches the sockets of all servers, unless it has YODEL_SIO_LOCAL;
 * the acknowledgements, sockets and rooms of all are gathered; see yodel/sio_cluster.h, too.
 * While Redis is away clients of this server are served all the same, and what was gathered of
 * others is missing.
 *
 * sio       a service may have several adapters, of different forms
 * redis     of the same server; a reference is kept until the server has ended
 * options   NULL: all defaults
 *
 * Returns 0, -ENOMEM, -EINVAL (form; a redis of another server), YODEL_ERR_OPTIONS, YODEL_ERR_NAME
 * (prefix is empty or above 100 bytes), YODEL_ERR_STATE (the server runs), YODEL_ERR_TOO_BIG (more
 * than 32 adapters and the like), or YODEL_ERR_UNSUPPORTED (that form is not built in).
 */
YODEL_API int yodel_sio_use_redis(yodel_sio *sio, yodel_redis *redis,
                                  const yodel_sio_redis_options *options) YODEL_SETUP_THREAD;

/* What the adapters of a service have done together, in messages since the start.  An event is one,
 * so are a request, each answer to it, and with STREAMS an entry. */
typedef struct yodel_sio_redis_stats {
    size_t size;
    uint64_t published;         /* given to the client of Redis */
    uint64_t failed;            /* not given to it, or given up: out of memory, max_queue,
                                   max_waiting */
    uint64_t received;          /* of other servers */
    uint64_t unmeant;           /* of those: the namespace or the room has nobody here */
    uint64_t ignored;           /* of those: answers that nothing waits for any more; entries that
                                   came twice */
    uint64_t malformed;         /* of those: dropped for what they are */
    uint64_t lost;              /* of those: dropped as memory or room for mail was short */
    uint64_t requests;          /* this server asked others: acknowledgements, sockets, rooms */
    uint64_t requests_complete; /* of those: all have answered */
    uint64_t requests_late;     /* of those: the time limit was the end */
    uint64_t requests_taken;    /* of other servers', that are answered */
    uint64_t requests_refused;  /* of other servers': above max_requests, or out of memory */
    uint64_t resent;            /* STREAMS: entries that were sent again after a lost connection */
    uint64_t replayed;          /* STREAMS: events that clients had missed, and got from a stream */
} yodel_sio_redis_stats;

/*
 * Counters, for monitoring.  What the client of Redis drops later is in yodel_redis_stats alone.
 *
 * sio         a service
 * ret_stats   the caller sets its size: YODEL_OPTIONS()
 *
 * Returns 0, -EINVAL (size, NULL), or YODEL_ERR_NOT_FOUND: the service has no such adapter.
 */
YODEL_API int yodel_sio_get_redis_stats(const yodel_sio *sio,
                                        yodel_sio_redis_stats *ret_stats) YODEL_ANY_THREAD;

YODEL_C_END

#endif
