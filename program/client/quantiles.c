/* SPDX-License-Identifier: MIT */
#include "client/quantiles.h"

/* The first buckets are 1 us wide; then each power of two has 64. */
static unsigned bucket_of(uint64_t us)
{
    unsigned power, index;

    if (us < YG_QUANTILES_SUB)
        return (unsigned)us;
    power = 63 - (unsigned)__builtin_clzll(us); /* 6 at least */
    index = (power - 5) * YG_QUANTILES_SUB + (unsigned)(us >> (power - 6)) - YG_QUANTILES_SUB;
    return index < YG_QUANTILES_BUCKETS ? index : YG_QUANTILES_BUCKETS - 1;
}

/* The largest time of a bucket. */
static uint64_t end_of(unsigned bucket)
{
    const unsigned row = bucket / YG_QUANTILES_SUB, column = bucket % YG_QUANTILES_SUB;

    if (row == 0)
        return bucket;
    return ((uint64_t)(YG_QUANTILES_SUB + column + 1) << (row - 1)) - 1;
}

void yg_quantiles_add(struct yg_quantiles *quantiles, uint64_t us)
{
    if (quantiles->num == 0 || us < quantiles->min_us)
        quantiles->min_us = us;
    if (us > quantiles->max_us)
        quantiles->max_us = us;
    quantiles->num++;
    quantiles->sum_us += us;
    quantiles->buckets[bucket_of(us)]++;
}

uint64_t yg_quantiles_at(const struct yg_quantiles *quantiles, double part)
{
    const double exact = part * (double)quantiles->num;
    uint64_t wanted = (uint64_t)exact, seen = 0;

    if ((double)wanted < exact || wanted == 0)
        wanted++;
    for (unsigned i = 0; i < YG_QUANTILES_BUCKETS && quantiles->num > 0; i++) {
        seen += quantiles->buckets[i];
        if (seen >= wanted)
            return end_of(i) < quantiles->max_us ? end_of(i) : quantiles->max_us;
    }
    return quantiles->max_us;
}
