/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_METRICS_TEXT_H
#define YG_SERVE_METRICS_TEXT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/text.h"

/*
 * Metrics in the text format of Prometheus.  A part of the program has a function that writes its
 * own families, one after the other, each with its head and all its samples; it is in the table of
 * metrics.c.  All of them write version 0.0.4, and yg_metrics_to_openmetrics() makes the other.
 */

/* The head of a family; type is counter, gauge or histogram.  A counter's name ends with _total. */
void yg_metric_head(struct yg_text *text, const char *name, const char *type, const char *help);

/* A sample.  labels: as in the braces, with values that are escaped; NULL: none. */
void yg_metric_sample(struct yg_text *text, const char *name, const char *labels, uint64_t value);
void yg_metric_sample_float(struct yg_text *text, const char *name, const char *labels,
                            double value);

/* A label of any value: NAME="VALUE", escaped. */
void yg_metric_label(struct yg_text *text, const char *name, const char *value);

/* A family of one sample without labels. */
void yg_metric(struct yg_text *text, const char *name, const char *type, const char *help,
               uint64_t value);

/* ---- histograms ---- */

#define YG_MAX_BUCKETS 16

/* Upper bounds, which rise, and how they are written. */
struct yg_bounds {
    size_t num; /* at most YG_MAX_BUCKETS */
    struct {
        uint64_t us;
        const char *text;
    } at[YG_MAX_BUCKETS];
};

extern const struct yg_bounds yg_bounds_of_requests; /* 5 ms to 10 s */

/* All zero is an empty one. */
struct yg_histogram {
    atomic_uint_least64_t buckets[YG_MAX_BUCKETS + 1]; /* of each alone */
    atomic_uint_least64_t sum_us;
};

/* Any thread. */
void yg_histogram_add(struct yg_histogram *histogram, const struct yg_bounds *bounds, uint64_t us);

/* Its samples.  labels as above. */
void yg_histogram_put(struct yg_text *text, const char *name, const char *labels,
                      const struct yg_bounds *bounds, struct yg_histogram *histogram);

/* ---- OpenMetrics ---- */

/* Whether an Accept header asks for OpenMetrics. */
bool yg_metrics_wants_openmetrics(yodel_str accept);

/* The same families as OpenMetrics 1.0.0: counters without _total in their heads, # EOF. */
void yg_metrics_to_openmetrics(const struct yg_text *from, struct yg_text *to);

#endif
