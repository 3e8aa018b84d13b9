/* SPDX-License-Identifier: MIT */
#include "histogram.h"

#include <stddef.h>
#include <string.h>

/* Values below HISTOGRAM_SUBS have a bucket each; above, the top bits after the first pick it. */
static size_t bucket_of(uint64_t ns)
{
    unsigned shift;
    size_t bucket;

    if (ns < HISTOGRAM_SUBS)
        return (size_t)ns;
    shift = 63u - (unsigned)__builtin_clzll(ns) - HISTOGRAM_SUB_BITS;
    bucket = (size_t)(shift + 1) * HISTOGRAM_SUBS + (size_t)((ns >> shift) - HISTOGRAM_SUBS);
    if (bucket >= HISTOGRAM_POWERS * HISTOGRAM_SUBS)
        return HISTOGRAM_POWERS * HISTOGRAM_SUBS - 1;
    return bucket;
}

static uint64_t bucket_limit(size_t bucket)
{
    size_t power = bucket / HISTOGRAM_SUBS;
    uint64_t sub = bucket % HISTOGRAM_SUBS;

    if (power == 0)
        return sub;
    return ((sub + HISTOGRAM_SUBS + 1) << (power - 1)) - 1;
}

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    h->counts[bucket_of(ns)]++;
    h->total++;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

uint64_t histogram_percentile(const struct histogram *h, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)h->total);
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_POWERS * HISTOGRAM_SUBS; i++) {
        seen += h->counts[i];
        if (seen > wanted || (seen == h->total && seen > 0))
            return bucket_limit(i) < h->max_ns ? bucket_limit(i) : h->max_ns;
    }
    return 0;
}
