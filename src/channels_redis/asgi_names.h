/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_ASGI_NAMES_H
#define YD_CHANNELS_REDIS_ASGI_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <yodel/base.h>

/* Names of channels as Django Channels has them, and what hangs on them. */

/* Bytes of a channel's or group's name in Django, less than. */
#define YD_ASGI_NAME_MAX 100

/* Of letters, digits and "-_.", with at most one '!' after the first of them. */
bool yd_asgi_is_channel(yodel_str name);

/* Up to the '!' and with it: the process' part; all of a name without one. */
yodel_str yd_asgi_process_part(yodel_str name);
/* Whether it names a channel of one process. */
static inline bool yd_asgi_is_specific(yodel_str name)
{
    return name.len > 0 && memchr(name.ptr, '!', name.len) != NULL;
}

/* Which of num hosts has what belongs to name. */
unsigned yd_asgi_shard(yodel_str name, unsigned num);

#endif
