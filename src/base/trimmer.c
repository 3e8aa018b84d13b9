/* SPDX-License-Identifier: MIT */
#include "base/trimmer.h"

#include "base/mem.h"
#include "base/thread.h"

/* Who asks so long after the beginning of one is served by that; ms. */
#define TOGETHER_MS 1000

void yd_trimmer_init(struct yd_trimmer *trimmer, uint32_t interval_ms)
{
    *trimmer = (struct yd_trimmer){.trim = yd_mem_trim, .interval_ms = interval_ms};
    pthread_mutex_init(&trimmer->lock, NULL);
}

static void *run(void *arg)
{
    struct yd_trimmer *trimmer = arg;

    trimmer->trim();
    atomic_store(&trimmer->working, false);
    return NULL;
}

/* It has come to its end, or is awaited. */
static void join(struct yd_trimmer *trimmer)
{
    if (trimmer->has_thread)
        pthread_join(trimmer->thread, NULL);
    trimmer->has_thread = false;
}

static uint32_t begin(struct yd_trimmer *trimmer, uint64_t now)
{
    join(trimmer);
    atomic_store(&trimmer->working, true);
    if (yd_thread_start(&trimmer->thread, run, trimmer) < 0) {
        atomic_store(&trimmer->working, false);
        return trimmer->interval_ms;
    }
    trimmer->has_thread = true;
    trimmer->began_at = now;
    atomic_fetch_add_explicit(&trimmer->num, 1, memory_order_relaxed);
    return 0;
}

/* Under the lock.  The clocks of loops may be some ms apart. */
static uint32_t ask(struct yd_trimmer *trimmer, uint64_t now)
{
    uint64_t due = trimmer->began_at + trimmer->interval_ms;

    if (trimmer->began_at != 0 && now < trimmer->began_at + TOGETHER_MS)
        return 0;
    if (trimmer->began_at != 0 && now < due)
        return (uint32_t)(due - now);
    if (atomic_load(&trimmer->working))
        return trimmer->interval_ms;
    return begin(trimmer, now);
}

uint32_t yd_trimmer_ask(struct yd_trimmer *trimmer, uint64_t now)
{
    uint32_t wait;

    pthread_mutex_lock(&trimmer->lock);
    wait = trimmer->ended ? 0 : ask(trimmer, now);
    pthread_mutex_unlock(&trimmer->lock);
    return wait;
}

void yd_trimmer_end(struct yd_trimmer *trimmer)
{
    pthread_mutex_lock(&trimmer->lock);
    trimmer->ended = true;
    join(trimmer);
    pthread_mutex_unlock(&trimmer->lock);
}

void yd_trimmer_done(struct yd_trimmer *trimmer)
{
    pthread_mutex_destroy(&trimmer->lock);
}
