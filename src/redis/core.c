/* SPDX-License-Identifier: MIT */
#include "redis/core.h"

/* Between two lines about trouble, ms. */
#define LOG_MS 10000

void yd_redis_hold(yodel_redis *redis)
{
    atomic_fetch_add_explicit(&redis->refs, 1, memory_order_relaxed);
}

void yd_redis_release(yodel_redis *redis)
{
    if (atomic_fetch_sub_explicit(&redis->refs, 1, memory_order_acq_rel) == 1)
        redis->hooks->free(redis);
}

/* Any thread adds. */
void yd_redis_count(atomic_uint_least64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

void yd_redis_count_malformed(yodel_redis *redis)
{
    yd_redis_count(&redis->malformed, 1);
}

void yd_redis_count_dropped(yodel_redis *redis, uint64_t more)
{
    yd_redis_count(&redis->dropped, more);
}

bool yd_redis_may_log(yodel_redis *redis)
{
    uint64_t now = yd_loop_due(redis->env.loop, 0) + LOG_MS;
    uint64_t last = atomic_load_explicit(&redis->logged_at, memory_order_relaxed);

    return now - last >= LOG_MS &&
           atomic_compare_exchange_strong_explicit(&redis->logged_at, &last, now,
                                                   memory_order_relaxed, memory_order_relaxed);
}

bool yd_redis_tell_refusal(yodel_redis *redis, yodel_str command, yodel_str error)
{
    yd_redis_count(&redis->refused, 1);
    if (redis->on_refused == NULL)
        return false;
    redis->on_refused(redis, command, error, redis->refused_user);
    return true;
}

/* SplitMix64. */
uint32_t yd_redis_chance(yodel_redis *redis, uint32_t most)
{
    uint64_t value = redis->chance += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((value ^ (value >> 31)) >> 32) % most;
}

struct yd_loop *yd_redis_loop(const yodel_redis *redis)
{
    return redis->env.loop;
}

const struct yodel_allocator *yd_redis_mem(const yodel_redis *redis)
{
    return redis->env.mem;
}

const struct yodel_log_sink *yd_redis_log(const yodel_redis *redis)
{
    return redis->env.log;
}

bool yd_redis_is_cluster(const yodel_redis *redis)
{
    return redis->config.options.mode == YODEL_REDIS_CLUSTER;
}

bool yd_redis_locate(struct yd_redis_link *link)
{
    return link->redis->hooks->locate(link->redis, link);
}

void yd_redis_failed(struct yd_redis_link *link)
{
    link->redis->hooks->failed(link->redis, link);
}
