/* SPDX-License-Identifier: MIT */
#ifndef LOAD_HISTOGRAM_H
#define LOAD_HISTOGRAM_H

#include <stdint.h>

/* 64 buckets for each power of two: a percentile is at most 1.6 % too high. */
#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_SUBS (1u << HISTOGRAM_SUB_BITS)
#define HISTOGRAM_POWERS 36 /* up to an hour of nanoseconds */

struct histogram {
    uint64_t total;
    uint64_t max_ns;
    uint64_t counts[HISTOGRAM_POWERS * HISTOGRAM_SUBS];
};

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t ns);

/* Upper bound of the bucket that holds the given share (0..1) of all values; 0 when empty. */
uint64_t histogram_percentile(const struct histogram *h, double share);

#endif
