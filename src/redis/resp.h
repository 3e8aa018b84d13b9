/* SPDX-License-Identifier: MIT */
#ifndef YD_REDIS_RESP_H
#define YD_REDIS_RESP_H

#include "base/buf.h"
#include "redis/redis.h"

/* RESP, the protocol of Redis: replies by the reader of hiredis, in memory of ours; commands. */

struct yd_resp;

/* The bytes of one reply may be max_reply.  Returns 0, -ENOMEM, or YODEL_ERR_UNSUPPORTED when it is
 * built without hiredis. */
int yd_resp_new(const struct yodel_allocator *mem, size_t max_reply, struct yd_resp **ret_resp);
/* NULL is a no-op. */
void yd_resp_free(struct yd_resp *resp);

/* Most bytes of one yd_resp_feed(): more would be moved about in memory. */
#define YD_RESP_SLICE ((size_t)16 * 1024)

/* Bytes have come.  Returns 0, -ENOMEM, or YODEL_ERR_TOO_BIG; after a failure there is no other
 * use for it than to be freed. */
int yd_resp_feed(struct yd_resp *resp, const uint8_t *data, size_t len);

/* The next whole reply, which lives until the next call with resp.  Returns 1, 0 (more bytes are
 * needed), -ENOMEM, YODEL_ERR_PROTOCOL or YODEL_ERR_TOO_BIG. */
int yd_resp_next(struct yd_resp *resp, const struct yd_redis_reply **ret_reply);

/* ---- commands ---- */

/* Bytes of a command, and writes them. */
size_t yd_resp_command_size(size_t argc, const yodel_bytes *argv);
void yd_resp_command_write(uint8_t *to, size_t argc, const yodel_bytes *argv);

/* Bytes ahead of those of a word of so many. */
size_t yd_resp_head_size(size_t len);

/* Appends a command whose words are text.  Returns 0 or -ENOMEM. */
int yd_resp_append(const struct yodel_allocator *mem, struct yd_buf *buf, size_t argc,
                   const yodel_str *argv);

/* The slot of a key in a cluster: of what stands between its first braces, if anything does. */
#define YD_REDIS_SLOTS 16384u
unsigned yd_resp_slot(yodel_str key);

#endif
