/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_TAKE_H
#define YD_CHANNELS_REDIS_ASGI_TAKE_H

#include "channels_redis/asgi.h"

/* A plain channel that is received from. */
struct yd_asgi_receiver {
    struct yd_asgi_receiver *next;
    struct yd_asgi *asgi;
    yodel_channel_receive_fn *fn;
    void *user;
    struct yd_asgi_pop **pops; /* core: one for each host */
    struct yd_redis_sub sub;   /* pubsub */
    char name[];
};

/* Whom a message is for: one of these, else those that it names itself. */
struct yd_asgi_to {
    struct yd_asgi_group *group;
    struct yd_asgi_receiver *receiver;
    yodel_str channel;
};

/* On the loop: a message has come.  What it is about is counted. */
void yd_asgi_take(struct yd_asgi *asgi, yodel_bytes message, const struct yd_asgi_to *to);

#endif
