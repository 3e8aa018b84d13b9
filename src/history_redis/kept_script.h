/* SPDX-License-Identifier: MIT */
#ifndef YD_HISTORY_REDIS_KEPT_SCRIPT_H
#define YD_HISTORY_REDIS_KEPT_SCRIPT_H

#include "history_redis/kept.h"

/* The commands.  Each returns as yd_redis_command(), and takes arg when it is 0. */

/* The key of a group's stream. */
yodel_str yd_kept_key(const struct yd_kept *kept, yodel_str group, char buf[YD_KEPT_KEY_SIZE]);

/* The last entry: [] or [entry]. */
int yd_kept_ask_top(const struct yd_kept_group *group, yd_redis_reply_fn *fn, void *arg);
/* What comes after group->last: [entry, ...], group->batch at most. */
int yd_kept_ask_next(const struct yd_kept_group *group, yd_redis_reply_fn *fn, void *arg);

/* A read: [the first id that is not too old, or "", the last id, or "", [entry, ...]], the newest
 * entry first.  With a limit one more than that. */
int yd_kept_ask_read(const struct yd_kept *kept, const struct yd_history_read *read,
                     const yodel_history_options *options, yd_redis_reply_fn *fn, void *arg);

/* Messages that are to be added. */
#define YD_KEPT_BATCH 32

struct yd_kept_words {
    size_t num; /* of messages */
    char max[24], max_bytes[24], ttl[24];
    char numbers[YD_KEPT_BATCH][24];
    yodel_bytes argv[9 + 3 * YD_KEPT_BATCH];
};

/* again: some may be there, and are not added twice. */
void yd_kept_words_begin(struct yd_kept_words *words, const struct yd_kept *kept, yodel_str key,
                         const yodel_history_options *options, bool again);
void yd_kept_words_add(struct yd_kept_words *words, uint64_t number, struct yd_msg *msg);
/* Their ids: [id, ...]; fn NULL: nobody asks. */
int yd_kept_ask_append(const struct yd_kept *kept, const struct yd_kept_words *words,
                       yd_redis_reply_fn *fn, void *arg);

#endif
