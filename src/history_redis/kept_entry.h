/* SPDX-License-Identifier: MIT */
#ifndef YD_HISTORY_REDIS_KEPT_ENTRY_H
#define YD_HISTORY_REDIS_KEPT_ENTRY_H

#include "channels/history.h"
#include "redis/redis.h"

/* A kept message, as Redis has it. */

struct yd_kept_entry {
    struct yd_offset id; /* zero: it has none */
    yodel_str process;   /* that has sent it, */
    uint64_t number;     /* and which of its messages this is */
    uint8_t type;
    yodel_bytes data;
};

/* An entry of a stream: [id, [name, value, ...]].  Views.  False: it is none; its id is read all
 * the same when there is one. */
bool yd_kept_entry_read(const struct yd_redis_reply *reply, struct yd_kept_entry *ret_entry);
/* What is published: the id, who has sent it, the type, each with a newline, and the data. */
bool yd_kept_entry_parse(yodel_bytes message, struct yd_kept_entry *ret_entry);

#endif
