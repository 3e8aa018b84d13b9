/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_CALL_H
#define YD_CHANNELS_REDIS_ASGI_CALL_H

#include "channels_redis/asgi.h"

/* The call that fetches what other threads have left, and the timer beside it. */
void yd_asgi_init_call(struct yd_asgi *asgi);
/* On the loop: from now on; for the last time. */
void yd_asgi_start_call(struct yd_asgi *asgi);
void yd_asgi_stop_call(struct yd_asgi *asgi);

#endif
