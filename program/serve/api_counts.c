/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/metrics_text.h"
#include "serve/state.h"

#define MAX_KEYS 2000 /* over all reloads; further ones are "other" */

/* Of one key.  Never freed before the end: requests of older keys may be under way. */
struct of_key {
    struct of_key *next;
    char *name;
    atomic_uint_least64_t answers[YG_NUM_VERBS][YG_NUM_PROBLEMS];
};

struct yg_api_counts {
    pthread_mutex_t lock; /* of who adds a key */
    size_t num;
    struct of_key *_Atomic first;
    struct of_key none, other; /* of Unix sockets, and of too many keys */
    struct yg_histogram durations[YG_NUM_VERBS];
};

struct yg_api_counts *yg_api_counts_new(void)
{
    struct yg_api_counts *counts = calloc(1, sizeof(*counts));

    if (counts == NULL)
        return NULL;
    pthread_mutex_init(&counts->lock, NULL);
    counts->none.name = "";
    counts->other.name = "other";
    return counts;
}

void yg_api_counts_free(struct yg_api_counts *counts)
{
    struct of_key *key, *next;

    if (counts == NULL)
        return;
    for (key = atomic_load(&counts->first); key != NULL; key = next) {
        next = key->next;
        free(key->name);
        free(key);
    }
    pthread_mutex_destroy(&counts->lock);
    free(counts);
}

static struct of_key *find(struct yg_api_counts *counts, const char *name)
{
    struct of_key *key = atomic_load_explicit(&counts->first, memory_order_acquire);

    while (key != NULL && strcmp(key->name, name) != 0)
        key = key->next;
    return key;
}

/* With the lock.  NULL: no room, or no memory. */
static struct of_key *add(struct yg_api_counts *counts, const char *name)
{
    struct of_key *key = counts->num < MAX_KEYS ? calloc(1, sizeof(*key)) : NULL;

    if (key == NULL)
        return NULL;
    key->name = strdup(name);
    if (key->name == NULL) {
        free(key);
        return NULL;
    }
    counts->num++;
    key->next = atomic_load_explicit(&counts->first, memory_order_relaxed);
    atomic_store_explicit(&counts->first, key, memory_order_release);
    return key;
}

void *yg_api_counts_key(struct yg_api_counts *counts, const char *name)
{
    struct of_key *key;

    pthread_mutex_lock(&counts->lock);
    key = find(counts, name);
    if (key == NULL)
        key = add(counts, name);
    pthread_mutex_unlock(&counts->lock);
    return key != NULL ? key : &counts->other;
}

static void write_of(struct yg_state *state, const struct yg_api_told *told)
{
    const char *code = yg_problem_code(told->problem);
    const struct yg_log_about about = {.event = "api.answered",
                                       .error = told->problem != YG_PROBLEM_NONE ? code : NULL,
                                       .command = told->command,
                                       .key = told->key != NULL ? told->key->name : NULL};

    yg_log_access(state, &about, "%s: %s in %" PRIu64 " us", told->command, code, told->took_us);
}

void yg_api_counts_tell(const struct yg_api_told *told, void *user)
{
    struct yg_state *state = user;
    struct yg_api_counts *counts = state->api_counts;
    struct of_key *key = told->key != NULL ? told->key->tag : &counts->none;

    atomic_fetch_add_explicit(&key->answers[told->verb][told->problem], 1, memory_order_relaxed);
    yg_histogram_add(&counts->durations[told->verb], &yg_bounds_of_requests, told->took_us);
    if (yg_log_wants_access(state, YG_ACCESS_ALL))
        write_of(state, told);
}

/* ---- as text ---- */

/* Answers without a problem are told from the start, problems once there was one. */
static void put_key(struct yg_text *text, struct of_key *key)
{
    for (int verb = 0; verb < YG_NUM_VERBS; verb++) {
        for (int problem = 0; problem < YG_NUM_PROBLEMS; problem++) {
            const uint64_t num =
                atomic_load_explicit(&key->answers[verb][problem], memory_order_relaxed);

            if (num == 0 && problem != YG_PROBLEM_NONE)
                continue;
            yg_text_printf(text, "yodel_api_requests_total{command=\"%s\",code=\"%s\",",
                           yg_verb_word((enum yg_verb)verb),
                           yg_problem_code((enum yg_problem)problem));
            yg_metric_label(text, "key", key->name);
            yg_text_printf(text, "} %" PRIu64 "\n", num);
        }
    }
}

void yg_api_counts_put(struct yg_state *state, struct yg_text *text)
{
    static const char took[] = "yodel_api_request_duration_seconds";
    struct yg_api_counts *counts = state->api_counts;
    char label[60];

    yg_metric_head(text, "yodel_api_requests_total", "counter",
                   "Commands of the HTTP API that were answered.");
    put_key(text, &counts->none);
    put_key(text, &counts->other);
    for (struct of_key *key = atomic_load_explicit(&counts->first, memory_order_acquire);
         key != NULL; key = key->next)
        put_key(text, key);
    yg_metric_head(text, took, "histogram", "How long commands took.");
    for (int verb = 0; verb < YG_NUM_VERBS; verb++) {
        snprintf(label, sizeof(label), "command=\"%s\"", yg_verb_word((enum yg_verb)verb));
        yg_histogram_put(text, took, label, &yg_bounds_of_requests, &counts->durations[verb]);
    }
}
