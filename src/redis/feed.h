/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_FEED_H
#define YD_REDIS_FEED_H

#include "base/map.h"
#include "redis/redis_link.h"

/* The subscriptions at one Redis. */

/* Something whose reply is to come; they come in order. */
struct yd_redis_await {
    struct yd_list node;
    enum { YD_AWAIT_NONE = 0, YD_AWAIT_ON, YD_AWAIT_OFF, YD_AWAIT_PING } what;
};

struct yd_redis_feed {
    struct yd_redis_link link;
    struct yd_list awaits;
    struct yd_redis_await ping;
    struct yd_timer retry; /* of names that were refused */
    unsigned missing;      /* names that are wanted and not there, though it was ready before */
    unsigned num_names;    /* whose feed it is */
};

/* A name that somebody subscribes to, or did. */
struct yd_redis_name {
    struct yd_map_node map;      /* first; its key is in text */
    struct yd_list all;          /* of the client's names */
    struct yd_redis_await await; /* what is under way; at most one thing */
    struct yd_list subs;         /* struct yd_redis_sub */
    unsigned num_subs;           /* also while they are being told, and off the list */
    unsigned busy;               /* calls that need it */
    struct yd_redis_feed *feed;  /* where it is, or is to be, subscribed; NULL: not known */
    enum yd_redis_kind kind;
    bool on;      /* Redis has confirmed it */
    bool refused; /* it is asked again */
    bool missing; /* counted by its feed */
    char text[];
};

/* A place in a walk over all names. */
struct yd_redis_walk {
    struct yd_list *next;
    struct yd_redis_walk *outer;
};

void yd_redis_feed_init(struct yd_redis_feed *feed, yodel_redis *redis,
                        const struct yd_redis_address *address);
void yd_redis_feed_stop(struct yd_redis_feed *feed);

/* names.c: what is wanted has changed, or may be: subscribes or unsubscribes, unless something is
 * under way; it is called again after that.  May free name. */
void yd_redis_name_settle(yodel_redis *redis, struct yd_redis_name *name);
/* The feed is ready: the same for all names of it. */
void yd_redis_names_settle(yodel_redis *redis, struct yd_redis_feed *feed);
/* The feed has lost its connection. */
void yd_redis_names_lost(yodel_redis *redis, struct yd_redis_feed *feed);
/* Asks again for those that were refused; of any feed: NULL. */
void yd_redis_names_retry(yodel_redis *redis, struct yd_redis_feed *feed);
/* The slots of sharded ones have new owners, perhaps. */
void yd_redis_names_reassign(yodel_redis *redis);
/* All of them, at the end of the client; their owners have gone. */
void yd_redis_names_free(yodel_redis *redis);
struct yd_redis_name *yd_redis_names_find(yodel_redis *redis, enum yd_redis_kind kind,
                                          yodel_str text);
/* Has what is wanted counted as missing, or not any more. */
void yd_redis_name_set_missing(struct yd_redis_name *name, bool missing);
/* Confirmed, or not there any more: tells those who subscribe. */
void yd_redis_name_set_on(yodel_redis *redis, struct yd_redis_name *name, bool on);
/* A message has come. */
void yd_redis_name_deliver(yodel_redis *redis, struct yd_redis_name *name, yodel_str channel,
                           yodel_bytes payload);

#endif
