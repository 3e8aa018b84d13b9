/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_PIPE_H
#define YD_REDIS_PIPE_H

#include "redis/redis_link.h"

/* What goes out to one Redis: messages and commands, pipelined, each with its reply. */

#define YD_REDIS_NO_SLOT UINT16_MAX

/* One message or command, in one piece of memory with its bytes.  Counted in redis->waiting. */
struct yd_redis_request {
    struct yd_redis_request *next;
    struct yd_mail mail;
    yodel_redis *redis;
    yd_redis_reply_fn *fn; /* NULL: nobody asks */
    void *arg;
    yodel_free_fn *free_arg;
    uint16_t slot;   /* in a cluster; YD_REDIS_NO_SLOT: any node */
    uint8_t moves;   /* how often it has been sent elsewhere */
    bool is_message; /* published */
    bool is_ping;    /* of the pipe's own */
    bool of_program;
    bool by_digest;           /* it has gone out as EVALSHA */
    uint32_t loads;           /* SCRIPT LOAD of the pipe's own: the bit of the script; else 0 */
    uint32_t script;          /* bytes of the script of an EVAL; 0: it is none, or a long one */
    size_t num_words, behind; /* of an EVAL: its words, and its bytes behind the script's */
    yodel_str name;           /* of the channel, in wire; of messages */
    size_t len;               /* of wire */
    const uint8_t *wire;
};

/* Copies; takes command->arg when it succeeds.  Returns 0 or -ENOMEM. */
int yd_redis_request_new(yodel_redis *redis, const struct yd_redis_command *command,
                         struct yd_redis_request **ret_request);
/* Tells who waits for it, and frees it.  reply NULL: it is dropped or lost. */
void yd_redis_request_end(struct yd_redis_request *request, const struct yd_redis_reply *reply);
/* Frees it without a word: its call has failed. */
void yd_redis_request_free(struct yd_redis_request *request);

struct yd_redis_queue {
    struct yd_redis_request *head, **tail;
    size_t bytes;
};

struct yd_redis_pipe {
    struct yd_redis_link link;
    struct yd_redis_queue waiting; /* never sent */
    struct yd_redis_queue sent;    /* whose replies are to come */
    struct yd_redis_request ping;
    uint32_t loaded, loading; /* bits of scripts that this connection has, and is to have */
};

void yd_redis_pipe_init(struct yd_redis_pipe *pipe, yodel_redis *redis,
                        const struct yd_redis_address *address);
/* Takes a request, which goes out at once or when there is a connection. */
void yd_redis_pipe_add(struct yd_redis_pipe *pipe, struct yd_redis_request *request);
/* Drops the oldest request that was never sent, and tells who waits for it later in this turn;
 * false when there is none. */
bool yd_redis_pipe_drop_oldest(struct yd_redis_pipe *pipe);
/* Takes all that was never sent out of it. */
struct yd_redis_request *yd_redis_pipe_take(struct yd_redis_pipe *pipe);
/* Closes the connection and drops everything. */
void yd_redis_pipe_stop(struct yd_redis_pipe *pipe, bool gently);

static inline bool yd_redis_pipe_is_empty(const struct yd_redis_pipe *pipe)
{
    return pipe->waiting.head == NULL && pipe->sent.head == NULL;
}

/* It has something to say, or to hear, and a connection for that. */
static inline bool yd_redis_pipe_is_at_work(const struct yd_redis_pipe *pipe)
{
    return !yd_redis_pipe_is_empty(pipe) && yd_redis_link_is_ready(&pipe->link);
}

#endif
