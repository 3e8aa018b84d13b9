/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_TARGET_H
#define YD_CHANNELS_REDIS_ASGI_TARGET_H

#include "channels_redis/asgi.h"

/*
 * Core: what waits for one key of Redis, the queue of a process or of a plain channel.  Messages go
 * there in order, many at a time, as far as its capacity allows; the rest waits and is tried again.
 */

struct yd_asgi_message_to {
    struct yd_asgi_host *host;
    yodel_str key;     /* without the prefix */
    uint32_t capacity; /* of the channel */
};

/* Takes message, 12 bytes that make it unique ahead of it; frees it in any case.  us: when it was
 * sent, later than any before. */
void yd_asgi_target_send(struct yd_asgi *asgi, const struct yd_asgi_message_to *to, uint64_t us,
                         struct yd_buf *message);

/* Any thread: whether a channel of that process, or that plain channel, could take no more a moment
 * ago. */
bool yd_asgi_is_full(const struct yd_asgi *asgi, yodel_str key);

void yd_asgi_targets_init(struct yd_asgi *asgi);
/* On the loop, for the last time: what waits is dropped. */
void yd_asgi_targets_stop(struct yd_asgi *asgi);
/* No command is under way any more. */
void yd_asgi_targets_done(struct yd_asgi *asgi);

#endif
