/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_QUANTILES_H
#define YG_CLIENT_QUANTILES_H

#include <stdint.h>

/*
 * How long things took, in microseconds: counted in buckets that are a 64th of their value wide, so
 * a quantile is at most 1.6 % above what was measured, however many there were.  All zero is an
 * empty one.
 */

#define YG_QUANTILES_SUB 64
#define YG_QUANTILES_BUCKETS ((36 - 6 + 1) * YG_QUANTILES_SUB) /* up to 2^36 us, 19 hours */

struct yg_quantiles {
    uint64_t num;
    uint64_t sum_us, min_us, max_us;
    uint64_t buckets[YG_QUANTILES_BUCKETS];
};

void yg_quantiles_add(struct yg_quantiles *quantiles, uint64_t us);

/*
 * The time that this part of all took at most.
 *
 * part   0 to 1: 0.99
 *
 * Returns microseconds; 0 without any.
 */
uint64_t yg_quantiles_at(const struct yg_quantiles *quantiles, double part);

#endif
