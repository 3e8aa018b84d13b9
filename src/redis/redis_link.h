/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_REDIS_LINK_H
#define YD_REDIS_REDIS_LINK_H

#include "net/net_connect.h"
#include "redis/redis.h"
#include "redis/redis_config.h"
#include "redis/resp.h"

/*
 * One connection to a Redis that comes back whenever it is lost: after a pause that grows.  It logs
 * in before it is ready, and notices when no reply comes.
 */
struct yd_redis_link;

struct yd_redis_link_ops {
    /* It is logged in. */
    void (*on_ready)(struct yd_redis_link *link);
    /* A reply, or what is pushed.  yd_redis_link_got() counts what was a reply. */
    void (*on_reply)(struct yd_redis_link *link, const struct yd_redis_reply *reply);
    /* It was ready, and is not any more. */
    void (*on_lost)(struct yd_redis_link *link);
    /* It is quiet: send a PING.  NULL: it is left alone. */
    void (*on_quiet)(struct yd_redis_link *link);
    /* Ahead of connecting: fills link->address.  False: yd_redis_link_go() will follow. */
    bool (*locate)(struct yd_redis_link *link);
    /* It could not connect, or log in, or was lost; ahead of the pause.  NULL: nothing. */
    void (*on_failed)(struct yd_redis_link *link);
};

enum yd_redis_link_phase {
    YD_REDIS_LINK_OFF = 0,
    YD_REDIS_LINK_PAUSE, /* the timer runs to the next attempt */
    YD_REDIS_LINK_LOST,  /* it is not known where to connect to */
    YD_REDIS_LINK_CONNECTING,
    YD_REDIS_LINK_GREETING, /* replies of the login are to come */
    YD_REDIS_LINK_READY
};

/* Embedded in its owner. */
struct yd_redis_link {
    yodel_redis *redis;
    const struct yd_redis_link_ops *ops;
    const struct yd_redis_address *address; /* borrowed */
    const char *what;                       /* for the log: "subscriptions" */
    const char *username, *password;        /* borrowed; NULL: none */
    unsigned database;
    bool is_sentinel;    /* knows no CLIENT SETNAME and no database */
    bool must_be_master; /* else it is refused */
    bool ends_last;      /* the connection before is ended by Redis, ahead of what this one says */
    uint32_t extra_ms;   /* that a reply may take beside reply_ms */
    bool waits_for_ever;
    enum yd_redis_link_phase phase;
    struct yd_connect connect;
    struct yd_conn *conn;
    struct yd_resp *resp;
    struct yd_timer timer;
    uint8_t steps[8]; /* of the greeting, in order */
    unsigned num_steps, next_step;
    uint32_t awaits; /* replies that are to come */
    uint32_t failures;
    uint64_t
        heard_at; /* ms: the last reply, or when the first of those that are awaited was sent */
    uint64_t asked_at; /* ms: the same, until the reply to that has come; 0: it has */
    uint64_t ready_at;
    bool was_ready;                          /* once */
    char id[24], addr[64];                   /* of the last connection, as Redis knows it; "" */
    struct yd_redis_link_delivery *delivery; /* what is being handed over just now; or NULL */
};

/* Fills in what the configuration has for connections to Redis; ops, redis and address are set. */
void yd_redis_link_init(struct yd_redis_link *link);
/* Wants a connection from now on; again: nothing. */
void yd_redis_link_start(struct yd_redis_link *link);
/* Wants none.  No call of its functions follows, and the memory may go.  When gently is set what
 * was sent still goes out. */
void yd_redis_link_stop(struct yd_redis_link *link, bool gently);
/* Connects now, if it is neither connected nor connecting. */
void yd_redis_link_go(struct yd_redis_link *link);
/* Drops the connection, which comes back after the pause.  why is for the log. */
void yd_redis_link_fail(struct yd_redis_link *link, const char *why);
/* The same, but at once, and without a line: it is to connect elsewhere. */
void yd_redis_link_redirect(struct yd_redis_link *link);

static inline bool yd_redis_link_is_ready(const struct yd_redis_link *link)
{
    return link->phase == YD_REDIS_LINK_READY;
}

/* Sends bytes which so many replies will come for.  Returns 0, or -ENOMEM and YODEL_ERR_CLOSED:
 * then nothing is sent, and the link fails. */
int yd_redis_link_send(struct yd_redis_link *link, const void *data, size_t len, unsigned replies);
/* One of the replies has come. */
void yd_redis_link_got(struct yd_redis_link *link);

/* PING, as it is sent. */
extern const char yd_redis_link_ping[15];

#endif
