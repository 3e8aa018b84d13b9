/* SPDX-License-Identifier: MIT */
#ifndef YODEL_CHANNELS_REDIS_H
#define YODEL_CHANNELS_REDIS_H

#include <yodel/channels.h>
#include <yodel/redis.h>

YODEL_C_BEGIN

/*
 * Channel layers in Redis, as the package channels_redis of Django Channels keeps them: consumers
 * of Django and of this library in one group, and events to single channels both ways.
 *
 * Typed events (yodel_group_send_event(), yodel_channel_send_event()) cross; frames
 * (yodel_group_send()), which Django does not know, cross only between processes of this library
 * that are a cluster.  An event and a message of Django are the same thing:
 *
 *     yodel_group_send_event(layer, "chat_room1", "chat_message", "{s:s}", "message", "hi")
 *     await layer.group_send("chat_room1", {"type": "chat_message", "message": "hi"})
 *
 * Whole numbers, other numbers, strings, lists, maps, true, false and None are what they are in
 * JSON.  Bytes are {"__bytes__": "<base64>"} in an event, both ways; a float that is no number is
 * null.  A message with names that are no strings, or with an ext type, is dropped and counted.  An
 * event's own members "type" and "__asgi_channel__" are not sent: these names are Django's.
 */

/* How a layer is kept. */
typedef enum yodel_channels_form {
    YODEL_CHANNELS_CORE = 1, /* channels_redis.core.RedisChannelLayer: sorted sets */
    YODEL_CHANNELS_PUBSUB    /* channels_redis.pubsub.RedisPubSubChannelLayer */
} yodel_channels_form;

/* How many messages may wait in some channels. */
typedef struct yodel_channels_capacity {
    const char *pattern; /* of names, as Python's fnmatch has it: "specific.*", "jobs?" */
    uint32_t capacity;   /* 0: none may */
} yodel_channels_capacity;

/* All that Django's side has too must be the same there.  0 and NULL: the default. */
typedef struct yodel_channels_redis_options {
    size_t size;
    yodel_channels_form form; /* YODEL_CHANNELS_CORE */
    const char *prefix;       /* "asgi"; of all keys and channels; copied */
    uint32_t expiry_s;        /* 60; core: how old a message may become */
    uint32_t group_expiry_s;  /* 86400; core: how long a membership lasts without a renewal */
    uint32_t capacity;        /* 100; core: messages that may wait in a channel */
    const yodel_channels_capacity *capacities; /* the first that matches counts; copied */
    size_t num_capacities;
    /* Keys of any length; the first encrypts, all decrypt.  Copied.  With pubsub channels_redis
     * encrypts from its version 4.2.1 on, and ignores its option before that. */
    const yodel_bytes *symmetric_keys;
    size_t num_symmetric_keys;
    /* Core: how long the memberships of this process outlive it, when it is killed.  They are
     * written with a time that makes Django drop them so soon, and renewed three times as often.
     * 300, at least 15; at most group_expiry_s.  Clocks may differ by a third of it. */
    uint32_t lease_s;
    size_t max_queue;     /* bytes that wait for Redis, or for channels that are full; 8 MiB */
    size_t max_message;   /* bytes of a message that is accepted; 1 MiB */
    uint32_t max_waiting; /* core: messages that wait for one process whose channel is full; 1000 */
    int rooms; /* not 0: also the rooms of Socket.IO services with this layer, "/chat#room1" */
} yodel_channels_redis_options;

/*
 * Puts a layer into Redis.  Members of this process get what is sent in this process as before, and
 * without Redis too.
 *
 * Groups are joined in Redis with their first member here, and left with the last.  A channel name
 * of yodel_ws_channel_name() may be given to Django, whose send() reaches that WebSocket; and
 * yodel_channel_send_event() takes Django's.
 *
 * core     At most once each, in the order of the sender as far as clocks agree.  What a process of
 *          Django has no room for (capacity) waits here, in order, until it has, or is expiry_s
 * old. pubsub   At most once each, in order; what is published while a link is broken is lost.
 *
 * channels   of a server that does not run yet; once each
 * hosts      num_hosts clients of that server; each gets a reference.  Several: in the order of
 *            CHANNEL_LAYERS' hosts, over which names are distributed as channels_redis does
 * options    may be NULL
 *
 * Returns 0, -ENOMEM, -EINVAL (no host, a form or time out of range), YODEL_ERR_STATE (in Redis
 * already, or the server runs), YODEL_ERR_OPTIONS, YODEL_ERR_TOO_BIG (too many far peers).
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_channels_use_redis(yodel_channels *channels, yodel_redis *const *hosts, size_t num_hosts,
                         const yodel_channels_redis_options *options) YODEL_SETUP_THREAD;

/* What came through a channel; event is borrowed for the call.  On loop 0. */
typedef void(yodel_channel_receive_fn)(yodel_channels *channels, const yodel_event *event,
                                       void *user);

/*
 * Receives what is sent to a plain channel, as `runworker jobs` does: by yodel_channel_send_event()
 * or Django's send() to "jobs".
 *
 * core     each message goes to one of all who receive from it
 * pubsub   each message goes to all
 *
 * channels   in Redis already
 * channel    letters, digits and "-_.", fewer than 100; copied
 * fn         called once for each; it must not block
 * user       borrowed until the last reference of channels is given back
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_STATE (not in Redis, or the server runs).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_channels_receive(yodel_channels *channels,
                                                        const char *channel,
                                                        yodel_channel_receive_fn *fn,
                                                        void *user) YODEL_SETUP_THREAD;

/* Messages since the start; of a layer. */
typedef struct yodel_channels_redis_stats {
    size_t size;
    uint64_t published; /* given to Redis: with core one for each process that is a member */
    uint64_t received;
    uint64_t malformed; /* came, and could not be read or decrypted */
    uint64_t expired;   /* older than expiry_s, when they came or before they could be sent */
    uint64_t full;      /* core: not sent, max_waiting waited for that channel already */
    uint64_t dropped;   /* not sent: max_queue, out of memory, or Redis refused them */
    uint64_t lost;      /* under way when a link broke: whether they have arrived is not known */
    uint64_t waiting;   /* bytes in the queue now */
} yodel_channels_redis_stats;

/*
 * Reads the counters of a layer.
 *
 * ret_stats   its size is set by the caller
 *
 * Returns 0, -EINVAL, or YODEL_ERR_STATE (not in Redis).
 */
YODEL_API int
yodel_channels_get_redis_stats(const yodel_channels *channels,
                               yodel_channels_redis_stats *ret_stats) YODEL_ANY_THREAD;

YODEL_C_END

#endif
