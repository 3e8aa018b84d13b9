/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_CAPACITY_H
#define YD_CHANNELS_REDIS_ASGI_CAPACITY_H

#include "channels_redis/asgi.h"

/* How many messages may wait in the channel of that name. */
uint32_t yd_asgi_capacity(const struct yd_asgi *asgi, yodel_str name);

#endif
