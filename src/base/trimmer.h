/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_TRIMMER_H
#define YD_BASE_TRIMMER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Has what malloc holds free go back to the system, on a thread that lives as long as that takes:
 * never twice at once, and at most once in an interval.  Of a server, for all of its loops.
 */
struct yd_trimmer {
    void (*trim)(void); /* yd_mem_trim(); tests have others */
    uint32_t interval_ms;
    pthread_mutex_t lock; /* what follows */
    pthread_t thread;
    bool has_thread; /* which is to be joined */
    bool ended;
    uint64_t began_at; /* ms; 0: never */
    atomic_bool working;
    atomic_uint_least64_t num; /* that have begun */
};

/* interval_ms   from the beginning of one to that of the next */
void yd_trimmer_init(struct yd_trimmer *trimmer, uint32_t interval_ms);

/*
 * Begins at now, ms, what gives back the memory that is free by then; or leaves it at one that
 * began in the last second, as the loops of a server ask at about the same time.  Any thread.
 * Returns 0, or after how many ms to ask again: it is too soon, another is under way, or there is
 * no thread to be had.
 */
uint32_t yd_trimmer_ask(struct yd_trimmer *trimmer, uint64_t now);

/* How often one has begun.  Any thread. */
static inline uint64_t yd_trimmer_num(const struct yd_trimmer *trimmer)
{
    return atomic_load_explicit(&trimmer->num, memory_order_relaxed);
}

/* Waits for the one that is under way; none begins any more.  May be called twice. */
void yd_trimmer_end(struct yd_trimmer *trimmer);

/* After its end, or without any use. */
void yd_trimmer_done(struct yd_trimmer *trimmer);

#endif
