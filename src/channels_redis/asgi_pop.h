/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_POP_H
#define YD_CHANNELS_REDIS_ASGI_POP_H

#include "channels_redis/asgi_take.h"

/* Core: a queue that is read, on a connection of its own. */
struct yd_asgi_pop;

/* receiver NULL: our own queue.  NULL when out of memory. */
struct yd_asgi_pop *yd_asgi_pop_new(struct yd_asgi_host *host, struct yd_asgi_receiver *receiver,
                                    yodel_str channel);
/* On the loop.  Returns 0, -ENOMEM, YODEL_ERR_CLOSED. */
int yd_asgi_pop_start(struct yd_asgi_pop *pop);
void yd_asgi_pop_stop(struct yd_asgi_pop *pop);
/* The key of the queue. */
const char *yd_asgi_pop_key(const struct yd_asgi_pop *pop);
void yd_asgi_pop_free(struct yd_asgi_pop *pop);

#endif
