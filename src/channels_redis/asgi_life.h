/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_LIFE_H
#define YD_CHANNELS_REDIS_ASGI_LIFE_H

#include "channels_redis/asgi.h"

extern const struct yd_part_ops yd_asgi_part_ops;

/* With what has been made of it, and its lists, maps and lock. */
void yd_asgi_free(struct yd_asgi *asgi);

#endif
