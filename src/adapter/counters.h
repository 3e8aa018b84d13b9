/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_COUNTERS_H
#define YD_ADAPTER_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>
#include <yodel/sio_redis.h>

/* Of one adapter; read and written by any thread.  What they mean is said at yodel_sio_redis_stats.
 */
struct yd_adapter_counters {
    atomic_uint_least64_t published, failed, received, unmeant, ignored, malformed, lost, requests,
        requests_complete, requests_late, requests_taken, requests_refused, resent, replayed;
};

static inline void yd_adapter_count(atomic_uint_least64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Adds them to those of the service's other adapters.  counters.c */
void yd_adapter_sum(const struct yd_adapter_counters *counters, yodel_sio_redis_stats *stats);

#endif
