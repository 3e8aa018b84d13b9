/* SPDX-License-Identifier: MIT */
#include "adapter/counters.h"

static uint64_t get(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void yd_adapter_sum(const struct yd_adapter_counters *counters, yodel_sio_redis_stats *stats)
{
    stats->published += get(&counters->published);
    stats->failed += get(&counters->failed);
    stats->received += get(&counters->received);
    stats->unmeant += get(&counters->unmeant);
    stats->ignored += get(&counters->ignored);
    stats->malformed += get(&counters->malformed);
    stats->lost += get(&counters->lost);
    stats->requests += get(&counters->requests);
    stats->requests_complete += get(&counters->requests_complete);
    stats->requests_late += get(&counters->requests_late);
    stats->requests_taken += get(&counters->requests_taken);
    stats->requests_refused += get(&counters->requests_refused);
    stats->resent += get(&counters->resent);
    stats->replayed += get(&counters->replayed);
}
