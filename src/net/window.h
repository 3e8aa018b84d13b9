/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_WINDOW_H
#define YD_NET_WINDOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A period, and how much has been counted in it, in one word: all zero at first.  No locks: any
 * thread. */
typedef atomic_uint_least64_t yd_window;

/*
 * Counts one; false when there are most in this period already.
 *
 * now   ms, of any loop: their clocks differ a little, so a period that is over already counts as
 *       the present one
 */
static inline bool yd_window_count(yd_window *window, uint64_t now, uint32_t period_ms,
                                   unsigned most)
{
    uint64_t period = now / period_ms & UINT32_MAX;
    uint_least64_t before = atomic_load_explicit(window, memory_order_relaxed), after;

    do {
        after = before >> 32 >= period ? before : period << 32;
        if ((after & UINT32_MAX) >= most)
            return false;
        after++;
    } while (!atomic_compare_exchange_weak_explicit(window, &before, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

#endif
