/* SPDX-License-Identifier: MIT */
#include "serve/hook_counts.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/metrics_text.h"

struct yg_hook_series {
    struct yg_hook_series *next;
    char *name;
    struct yg_hook_counts counts;
    struct yg_turns *turns;
    struct yg_histogram durations;
    atomic_int_least64_t oldest_ms[]; /* by loop */
};

struct yg_hook_counts_of_all {
    pthread_mutex_t lock; /* of who adds one */
    unsigned num_loops;
    struct yg_hook_series *_Atomic first;
};

struct yg_hook_counts_of_all *yg_hook_counts_new(unsigned num_loops)
{
    struct yg_hook_counts_of_all *all = calloc(1, sizeof(*all));

    if (all == NULL)
        return NULL;
    pthread_mutex_init(&all->lock, NULL);
    all->num_loops = num_loops;
    return all;
}

void yg_hook_counts_free(struct yg_hook_counts_of_all *all)
{
    struct yg_hook_series *series, *next;

    if (all == NULL)
        return;
    for (series = atomic_load(&all->first); series != NULL; series = next) {
        next = series->next;
        yg_turns_free(series->turns);
        free(series->name);
        free(series);
    }
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static void on_duration(void *user, uint64_t us)
{
    struct yg_hook_series *series = user;

    yg_histogram_add(&series->durations, &yg_bounds_of_requests, us);
}

static struct yg_hook_series *first_of(struct yg_hook_counts_of_all *all)
{
    return atomic_load_explicit(&all->first, memory_order_acquire);
}

/* With the lock. */
static struct yg_hook_series *find_or_add(struct yg_hook_counts_of_all *all, const char *name)
{
    struct yg_hook_series *series;

    for (series = first_of(all); series != NULL; series = series->next) {
        if (strcmp(series->name, name) == 0)
            return series;
    }
    series = calloc(1, sizeof(*series) + all->num_loops * sizeof(series->oldest_ms[0]));
    if (series == NULL)
        return NULL;
    series->name = strdup(name);
    series->turns = yg_turns_new();
    if (series->name == NULL || series->turns == NULL) {
        yg_turns_free(series->turns);
        free(series->name);
        free(series);
        return NULL;
    }
    series->counts.on_time = on_duration;
    series->counts.time_user = series;
    series->next = first_of(all);
    atomic_store_explicit(&all->first, series, memory_order_release);
    return series;
}

struct yg_hook_series *yg_hook_series(struct yg_hook_counts_of_all *all, const char *name)
{
    struct yg_hook_series *series;

    pthread_mutex_lock(&all->lock);
    series = find_or_add(all, name);
    pthread_mutex_unlock(&all->lock);
    return series;
}

struct yg_hook_counts *yg_hook_series_counts(struct yg_hook_series *series)
{
    return &series->counts;
}

struct yg_turns *yg_hook_series_turns(struct yg_hook_series *series)
{
    return series->turns;
}

void yg_hook_series_oldest(struct yg_hook_series *series, unsigned loop, int64_t ms)
{
    atomic_store_explicit(&series->oldest_ms[loop], ms, memory_order_relaxed);
}

/* ---- as text ---- */

/* webhook="NAME" and what follows. */
static void label(char text[400], const char *name, const char *rest)
{
    struct yg_text made = {0};

    yg_metric_label(&made, "webhook", name);
    snprintf(text, 400, "%.300s%.90s", yg_text_string(&made), rest);
    yg_text_done(&made);
}

/* Successes are told from the start, others once there was one. */
static void put_requests(struct yg_hook_series *series, struct yg_text *text)
{
    for (unsigned kind = 0; kind < YG_NUM_HOOK_KINDS; kind++) {
        for (unsigned outcome = 0; outcome < YG_NUM_HOOK_OUTCOMES; outcome++) {
            const uint64_t num =
                atomic_load_explicit(&series->counts.requests[kind][outcome], memory_order_relaxed);
            char labels[400], rest[90];

            if (num == 0 && outcome != YG_HOOK_OK)
                continue;
            snprintf(rest, sizeof(rest), ",kind=\"%s\",outcome=\"%s\"",
                     yg_hook_word((enum yg_hook_kind)kind),
                     yg_hook_outcome_word((enum yg_hook_outcome)outcome));
            label(labels, series->name, rest);
            yg_metric_sample(text, "yodel_webhook_requests_total", labels, num);
        }
    }
}

static void put_lost(struct yg_hook_series *series, struct yg_text *text)
{
    for (unsigned loss = 0; loss < YG_NUM_HOOK_LOSSES; loss++) {
        char labels[400], rest[90];

        snprintf(rest, sizeof(rest), ",reason=\"%s\"", yg_hook_loss_word((enum yg_hook_loss)loss));
        label(labels, series->name, rest);
        yg_metric_sample(text, "yodel_webhook_dropped_events_total", labels,
                         atomic_load_explicit(&series->counts.lost[loss], memory_order_relaxed));
    }
}

static void put_durations(struct yg_hook_series *series, struct yg_text *text)
{
    char labels[400];

    label(labels, series->name, "");
    yg_histogram_put(text, "yodel_webhook_duration_seconds", labels, &yg_bounds_of_requests,
                     &series->durations);
}

static void put_batches(struct yg_hook_series *series, struct yg_text *text)
{
    uint64_t num = 0;
    char labels[400], rest[90];

    for (unsigned i = 0; i <= YG_HOOK_BATCH_BUCKETS; i++) {
        num += atomic_load_explicit(&series->counts.batches[i], memory_order_relaxed);
        if (i < YG_HOOK_BATCH_BUCKETS)
            snprintf(rest, sizeof(rest), ",le=\"%" PRIu32 "\"", yg_hook_batch_bounds[i]);
        else
            snprintf(rest, sizeof(rest), ",le=\"+Inf\"");
        label(labels, series->name, rest);
        yg_metric_sample(text, "yodel_webhook_batch_events_bucket", labels, num);
    }
    label(labels, series->name, "");
    yg_metric_sample(text, "yodel_webhook_batch_events_sum", labels,
                     atomic_load_explicit(&series->counts.sent_events, memory_order_relaxed));
    yg_metric_sample(text, "yodel_webhook_batch_events_count", labels, num);
}

static void put_queued(struct yg_hook_series *series, struct yg_text *text)
{
    char labels[400];

    label(labels, series->name, "");
    yg_metric_sample(text, "yodel_webhook_queue_events", labels,
                     atomic_load_explicit(&series->counts.queued_events, memory_order_relaxed));
}

static void put_queued_bytes(struct yg_hook_series *series, struct yg_text *text)
{
    char labels[400];

    label(labels, series->name, "");
    yg_metric_sample(text, "yodel_webhook_queue_bytes", labels,
                     atomic_load_explicit(&series->counts.queued_bytes, memory_order_relaxed));
}

static void put_circuit(struct yg_hook_series *series, struct yg_text *text)
{
    char labels[400];

    label(labels, series->name, "");
    yg_metric_sample(text, "yodel_webhook_circuit_open", labels,
                     atomic_load_explicit(&series->counts.open_circuits, memory_order_relaxed) > 0);
}

/* ---- families ---- */

static void put_family(struct yg_hook_counts_of_all *all, struct yg_text *text, const char *name,
                       const char *type, const char *help,
                       void (*put)(struct yg_hook_series *series, struct yg_text *text))
{
    yg_metric_head(text, name, type, help);
    for (struct yg_hook_series *series = first_of(all); series != NULL; series = series->next)
        put(series, text);
}

static void put_oldest(struct yg_hook_counts_of_all *all, struct yg_text *text)
{
    static const char name[] = "yodel_webhook_oldest_event_timestamp_seconds";

    yg_metric_head(text, name, "gauge", "When the oldest event that waits came; 0: none does.");
    for (struct yg_hook_series *series = first_of(all); series != NULL; series = series->next) {
        int64_t oldest = 0;
        char labels[400];

        for (unsigned i = 0; i < all->num_loops; i++) {
            const int64_t ms = atomic_load_explicit(&series->oldest_ms[i], memory_order_relaxed);

            if (ms != 0 && (oldest == 0 || ms < oldest))
                oldest = ms;
        }
        label(labels, series->name, "");
        yg_metric_sample_float(text, name, labels, (double)oldest / 1000);
    }
}

/* Without a webhook there is nothing, no head either. */
void yg_hook_counts_put(struct yg_hook_counts_of_all *all, struct yg_text *text)
{
    if (first_of(all) == NULL)
        return;
    put_family(all, text, "yodel_webhook_requests_total", "counter",
               "Requests to back ends, each attempt.", put_requests);
    put_family(all, text, "yodel_webhook_duration_seconds", "histogram",
               "How long requests to back ends took.", put_durations);
    put_family(all, text, "yodel_webhook_batch_events", "histogram",
               "Events that were joined into a request.", put_batches);
    put_family(all, text, "yodel_webhook_queue_events", "gauge",
               "Events that wait for back ends, those on their way included.", put_queued);
    put_family(all, text, "yodel_webhook_queue_bytes", "gauge", "What those take.",
               put_queued_bytes);
    put_oldest(all, text);
    put_family(all, text, "yodel_webhook_dropped_events_total", "counter",
               "Events that no back end has taken.", put_lost);
    put_family(all, text, "yodel_webhook_circuit_open", "gauge",
               "Whether a back end is left alone, as requests have failed.", put_circuit);
}
