/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "serve/state.h"

#define MAX_KEYS 2000 /* over all reloads; further ones are "other" */

static const struct {
    uint64_t us;
    const char *text;
} bounds[] = {{5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},
              {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},
              {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"}};

#define NUM_BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

/* Of one key.  Never freed before the end: requests of older keys may be under way. */
struct of_key {
    struct of_key *next;
    char *name;
    atomic_uint_least64_t answers[YG_NUM_VERBS][YG_NUM_PROBLEMS];
};

struct duration {
    atomic_uint_least64_t buckets[NUM_BOUNDS + 1]; /* of each alone */
    atomic_uint_least64_t sum_us;
};

struct yg_api_counts {
    pthread_mutex_t lock; /* of who adds a key */
    size_t num;
    struct of_key *_Atomic first;
    struct of_key none, other; /* of Unix sockets, and of too many keys */
    struct duration durations[YG_NUM_VERBS];
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

static void count(atomic_uint_least64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

void yg_api_counts_tell(const struct yg_api_told *told, void *user)
{
    struct yg_state *state = user;
    struct yg_api_counts *counts = state->api_counts;
    struct of_key *key = told->key != NULL ? told->key->tag : &counts->none;
    struct duration *duration = &counts->durations[told->verb];
    size_t at = 0;

    while (at < NUM_BOUNDS && told->took_us > bounds[at].us)
        at++;
    count(&key->answers[told->verb][told->problem], 1);
    count(&duration->buckets[at], 1);
    count(&duration->sum_us, told->took_us);
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
            yg_text_printf(text, "yodel_api_requests_total{command=\"%s\",code=\"%s\",key=",
                           yg_verb_word((enum yg_verb)verb),
                           yg_problem_code((enum yg_problem)problem));
            yg_text_put_json(text, key->name, strlen(key->name));
            yg_text_printf(text, "} %" PRIu64 "\n", num);
        }
    }
}

static void put_duration(struct yg_text *text, const char *word, struct duration *duration)
{
    uint64_t num = 0;

    for (size_t i = 0; i <= NUM_BOUNDS; i++) {
        num += atomic_load_explicit(&duration->buckets[i], memory_order_relaxed);
        yg_text_printf(text,
                       "yodel_api_request_duration_seconds_bucket{command=\"%s\",le=\"%s\"} "
                       "%" PRIu64 "\n",
                       word, i < NUM_BOUNDS ? bounds[i].text : "+Inf", num);
    }
    yg_text_printf(text,
                   "yodel_api_request_duration_seconds_sum{command=\"%s\"} %.6f\n"
                   "yodel_api_request_duration_seconds_count{command=\"%s\"} %" PRIu64 "\n",
                   word,
                   (double)atomic_load_explicit(&duration->sum_us, memory_order_relaxed) / 1e6,
                   word, num);
}

void yg_api_counts_put(struct yg_api_counts *counts, struct yg_text *text)
{
    yg_text_puts(text, "# HELP yodel_api_requests_total Commands of the HTTP API that were "
                       "answered.\n# TYPE yodel_api_requests_total counter\n");
    put_key(text, &counts->none);
    put_key(text, &counts->other);
    for (struct of_key *key = atomic_load_explicit(&counts->first, memory_order_acquire);
         key != NULL; key = key->next)
        put_key(text, key);
    yg_text_puts(text, "# HELP yodel_api_request_duration_seconds How long commands took.\n"
                       "# TYPE yodel_api_request_duration_seconds histogram\n");
    for (int verb = 0; verb < YG_NUM_VERBS; verb++)
        put_duration(text, yg_verb_word((enum yg_verb)verb), &counts->durations[verb]);
}
