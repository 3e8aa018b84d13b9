/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_REDIS_H
#define YD_REDIS_REDIS_H

#include <stdbool.h>
#include <yodel/redis.h>

#include "base/list.h"
#include "loop/loop.h"

/*
 * The client of Redis, for other layers.  All its connections live on one loop, "its loop": those
 * of commands and messages that go out, those of subscriptions, and one for each reader that
 * blocks.  Counted: yodel_redis_ref(), yodel_redis_unref().
 */

struct yd_loop *yd_redis_loop(const yodel_redis *redis);
const struct yodel_allocator *yd_redis_mem(const yodel_redis *redis);
const struct yodel_log_sink *yd_redis_log(const yodel_redis *redis);
/* Whether it is a Redis Cluster: NUMSUB counts one node only, sharded channels have slots. */
bool yd_redis_is_cluster(const yodel_redis *redis);

/* ---- replies ---- */

/* A tree that lives for the call that brings it. */
struct yodel_redis_reply {
    yodel_redis_type type;
    int64_t integer;                           /* of an INTEGER */
    yodel_str text;                            /* of a STRING, a STATUS, an ERROR */
    size_t num;                                /* of an ARRAY */
    const struct yodel_redis_reply **elements; /* of an ARRAY */
};

#define yd_redis_reply yodel_redis_reply

static inline bool yd_redis_is_error(const struct yd_redis_reply *reply)
{
    return reply != NULL && reply->type == YODEL_REDIS_ERROR;
}

/* Whether an error is one of a Redis that may soon answer otherwise: it loads, is a replica, has no
 * memory, fails over. */
bool yd_redis_error_passes(yodel_str error);

/* ---- what goes out ---- */

#define YD_REDIS_SHARD 1u /* SPUBLISH, to the node of the channel's slot */

/*
 * Publishes.  channel and payload are copied.  Any thread; what one thread publishes and commands
 * goes out in its order (to one node, in a cluster).
 *
 * Returns 0, -ENOMEM, -EINVAL (an empty channel), YODEL_ERR_TOO_BIG (max_publish),
 * YODEL_ERR_CONGESTED or YODEL_ERR_CLOSED.
 */
int yd_redis_publish(yodel_redis *redis, yodel_str channel, yodel_bytes payload, unsigned flags);

/* reply NULL: it was lost with the connection, dropped for others, or there is no Redis any more.
 */
typedef void(yd_redis_reply_fn)(const struct yd_redis_reply *reply, void *arg);

struct yd_redis_command {
    size_t argc;
    const yodel_bytes *argv; /* copied */
    yd_redis_reply_fn *fn; /* on its loop, exactly once if the call returns 0; NULL: no one asks */
    void *arg;
    yodel_free_fn *free_arg; /* after fn, or when the call fails; NULL: nothing */
    yodel_str key;           /* whose slot's node it goes to in a cluster; empty: any node */
};

/* Any thread.  Returns as yd_redis_publish(). */
int yd_redis_command(yodel_redis *redis, const struct yd_redis_command *command);
/* The same for the program, which looks at the reply: no line of the log tells of an error. */
int yd_redis_command_of_program(yodel_redis *redis, const struct yd_redis_command *command);

/* ---- subscriptions: its loop ---- */

enum yd_redis_kind {
    YD_REDIS_CHANNEL = 0, /* SUBSCRIBE */
    YD_REDIS_PATTERN,     /* PSUBSCRIBE */
    YD_REDIS_SHARDED      /* SSUBSCRIBE */
};

/* Embedded in its owner, who fills in the first four; the rest is zero. */
struct yd_redis_sub {
    enum yd_redis_kind kind;
    yodel_str name; /* borrowed until it is unsubscribed */
    /* A message.  channel is that which it was published on, and for patterns not the name.  Views
     * for the call.  It may subscribe and unsubscribe anything. */
    void (*on_message)(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload);
    /* Redis has confirmed it, or the connection was lost; NULL: nobody asks. */
    void (*on_active)(struct yd_redis_sub *sub, bool active);
    /* Of the client. */
    struct yd_list node;
    struct yd_redis_name *entry; /* NULL: not subscribed */
    bool active;
};

/*
 * Wants messages from now on until yd_redis_unsubscribe(); whatever becomes of connections, it is
 * subscribed again.  Several of one name share a subscription.  Before the loop runs it may be
 * called by the thread that sets up.
 *
 * Returns 0, -ENOMEM, -EINVAL (an empty name), or YODEL_ERR_STATE (is subscribed already).
 */
int yd_redis_subscribe(yodel_redis *redis, struct yd_redis_sub *sub);
/* No call of its functions follows.  One that is not subscribed is left alone. */
void yd_redis_unsubscribe(yodel_redis *redis, struct yd_redis_sub *sub);

/* ---- readers that block: its loop ---- */

struct yd_redis_words;

/* Adds a word to the command; the first is its name.  Copied. */
int yd_redis_words_add(struct yd_redis_words *words, yodel_bytes word);
int yd_redis_words_add_text(struct yd_redis_words *words, const char *word);

/* Embedded in its owner, who fills in the first part; the rest is zero. */
struct yd_redis_reader {
    /* Makes the next command, such as XREAD BLOCK 5000 ...  Returns 0, or -errno: it is asked again
     * a while later. */
    int (*make)(struct yd_redis_reader *reader, struct yd_redis_words *words);
    /* Its reply; an ERROR too.  NULL: the connection was lost, and another round follows. */
    void (*on_reply)(struct yd_redis_reader *reader, const struct yd_redis_reply *reply);
    /* Whether it knows from where on it reads, and so misses nothing that comes: the client is not
     * UP ahead of that.  NULL: as soon as it is connected. */
    bool (*is_ready)(const struct yd_redis_reader *reader);
    uint32_t block_ms; /* how long the command waits in Redis: added to reply_ms; 0: for ever, and
                        * then only TCP tells that a connection is lost */
    yodel_str key;     /* in a cluster; borrowed.  empty: any node */
    /* Of the client. */
    struct yd_redis_round *round; /* NULL: does not run */
};

/* Reads round by round on a connection of its own until yd_redis_reader_stop().  A round that fails
 * with an ERROR is followed by a pause.  Returns 0, -ENOMEM or YODEL_ERR_CLOSED. */
int yd_redis_reader_start(yodel_redis *redis, struct yd_redis_reader *reader);
/* No call of its functions follows, and the memory may go. */
void yd_redis_reader_stop(struct yd_redis_reader *reader);

/* ---- state: its loop ---- */

/* Embedded in its owner. */
struct yd_redis_watcher {
    void (*on_up)(struct yd_redis_watcher *watcher);   /* UP: all that is wanted is confirmed */
    void (*on_down)(struct yd_redis_watcher *watcher); /* not so any more */
    /* The loop stops, and its last connection of a client's has ended: publish what there is to
     * say; it goes out.  NULL: nothing. */
    void (*on_finish)(struct yd_redis_watcher *watcher);
    struct yd_list node;
};

/* on_up follows at once, inside this call, when it is UP. */
void yd_redis_on_state(yodel_redis *redis, struct yd_redis_watcher *watcher);
void yd_redis_off_state(yodel_redis *redis, struct yd_redis_watcher *watcher);

/* ---- counters: any thread ---- */

/* What came in is not what it should be; what was to go out and did not. */
void yd_redis_count_malformed(yodel_redis *redis);
void yd_redis_count_dropped(yodel_redis *redis, uint64_t more);

/* Counts what Redis has refused, and tells the program; false: it does not want to know, and a line
 * of the log may say it.  On its loop. */
bool yd_redis_tell_refusal(yodel_redis *redis, yodel_str command, yodel_str error);

/* Whether a line about trouble may be written now: one in ten seconds. */
bool yd_redis_may_log(yodel_redis *redis);

/* ---- its owner: the server ---- */

struct yd_redis_env {
    struct yd_loop *loop;
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    uint64_t secret[2]; /* of maps, and of chance */
    void *owner;
    void (*on_ended)(void *owner);      /* on its loop: nothing is under way any more; NULL: no one
                                         * asks */
    void (*release_owner)(void *owner); /* it is gone; NULL: no one asks */
};

/* Returns as yodel_redis_new(). */
int yd_redis_new(const struct yd_redis_env *env, const yodel_redis_options *options,
                 yodel_redis **ret_redis);
/* On its loop: connects. */
void yd_redis_begin(yodel_redis *redis);
/* On its loop: what waits is sent, then the connections are closed; nothing more is taken. */
void yd_redis_finish(yodel_redis *redis);
/* The same at once: what waits is dropped. */
void yd_redis_abandon(yodel_redis *redis);

#endif
