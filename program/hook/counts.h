/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_COUNTS_H
#define YG_HOOK_COUNTS_H

#include <stdatomic.h>
#include <stdint.h>

#include "hook/answer.h"

/* What became of requests, and of events that got lost. */
enum yg_hook_outcome {
    YG_HOOK_OK,
    YG_HOOK_REFUSED,    /* a connect: no, for good */
    YG_HOOK_CLIENT_ERR, /* another status below 500 */
    YG_HOOK_SERVER_ERR, /* 408, 429, 5xx */
    YG_HOOK_NETWORK,
    YG_HOOK_TIMEOUT,
    YG_HOOK_TOO_LARGE,
    YG_HOOK_BAD_ANSWER,
    YG_HOOK_NO_MEMORY,
    YG_NUM_HOOK_OUTCOMES
};

enum yg_hook_loss {
    YG_LOST_QUEUE,   /* the queue was full: the oldest notice went */
    YG_LOST_EXPIRED, /* a notice was not taken for as long as retry.for */
    YG_LOST_REFUSED, /* a notice was answered with a status that another attempt would not change */
    YG_LOST_FAILED,  /* what a client waits for was given up */
    YG_LOST_CIRCUIT, /* the same, as the circuit was open */
    YG_LOST_WAITED,  /* the same, as it was not sent for too long */
    YG_LOST_DISABLED, /* the back end has answered 410 */
    YG_LOST_MEMORY,
    YG_LOST_END, /* the program ended */
    YG_NUM_HOOK_LOSSES
};

const char *yg_hook_outcome_word(enum yg_hook_outcome outcome);
const char *yg_hook_loss_word(enum yg_hook_loss loss);

/* Bounds of a histogram: the last bucket has what is above all of them. */
#define YG_HOOK_BATCH_BUCKETS 8
extern const uint32_t yg_hook_batch_bounds[YG_HOOK_BATCH_BUCKETS];

/* What the loops of one webhook share; any thread. */
struct yg_hook_counts {
    atomic_uint_least64_t requests[YG_NUM_HOOK_KINDS][YG_NUM_HOOK_OUTCOMES];
    atomic_uint_least64_t lost[YG_NUM_HOOK_LOSSES];
    atomic_uint_least64_t batches[YG_HOOK_BATCH_BUCKETS + 1]; /* of each alone */
    atomic_uint_least64_t sent_events;                        /* in all of those */
    atomic_uint_least64_t queued_events, queued_bytes;        /* now */
    atomic_uint_least64_t noted_events, noted_bytes;          /* those of them that nobody awaits */
    atomic_uint open_circuits;
    atomic_uint disabled_version; /* of the configuration in which it has answered 410 */
    /* Called with how long a request took. */
    void (*on_time)(void *user, uint64_t us);
    void *time_user;
};

void yg_hook_counts_batch(struct yg_hook_counts *counts, size_t num_events);

#endif
