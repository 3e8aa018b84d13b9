/* SPDX-License-Identifier: MIT */
#include "hook/counts.h"

static const char *const outcomes[] = {
    [YG_HOOK_OK] = "ok",
    [YG_HOOK_REFUSED] = "refused",
    [YG_HOOK_CLIENT_ERR] = "client_error",
    [YG_HOOK_SERVER_ERR] = "server_error",
    [YG_HOOK_NETWORK] = "network",
    [YG_HOOK_TIMEOUT] = "timeout",
    [YG_HOOK_TOO_LARGE] = "too_large",
    [YG_HOOK_BAD_ANSWER] = "bad_answer",
    [YG_HOOK_NO_MEMORY] = "no_memory",
};

static const char *const losses[] = {
    [YG_LOST_QUEUE] = "queue",       [YG_LOST_EXPIRED] = "expired",  [YG_LOST_REFUSED] = "refused",
    [YG_LOST_FAILED] = "failed",     [YG_LOST_CIRCUIT] = "circuit",  [YG_LOST_WAITED] = "waited",
    [YG_LOST_DISABLED] = "disabled", [YG_LOST_MEMORY] = "no_memory", [YG_LOST_END] = "end",
};

const uint32_t yg_hook_batch_bounds[YG_HOOK_BATCH_BUCKETS] = {1, 2, 4, 8, 16, 32, 64, 128};

const char *yg_hook_outcome_word(enum yg_hook_outcome outcome)
{
    return outcomes[outcome];
}

const char *yg_hook_loss_word(enum yg_hook_loss loss)
{
    return losses[loss];
}

void yg_hook_counts_batch(struct yg_hook_counts *counts, size_t num_events)
{
    unsigned i = 0;

    while (i < YG_HOOK_BATCH_BUCKETS && num_events > yg_hook_batch_bounds[i])
        i++;
    atomic_fetch_add_explicit(&counts->batches[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counts->sent_events, num_events, memory_order_relaxed);
}
