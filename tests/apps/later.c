/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "apps.h"

struct call {
    struct call *next;
    struct timespec at;
    void (*fn)(void *arg);
    void *arg;
};

struct later {
    pthread_t thread;
    pthread_mutex_t lock; /* for all below */
    pthread_cond_t changed;
    struct call *first; /* the earliest */
    int ending;
};

static int is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static int is_due(const struct call *call)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return !is_before(&now, &call->at);
}

static void run_first(struct later *later)
{
    struct call *call = later->first;

    later->first = call->next;
    pthread_mutex_unlock(&later->lock);
    call->fn(call->arg);
    free(call);
    pthread_mutex_lock(&later->lock);
}

static void *run(void *arg)
{
    struct later *later = arg;

    pthread_mutex_lock(&later->lock);
    while (!later->ending || later->first != NULL) {
        if (later->first == NULL)
            pthread_cond_wait(&later->changed, &later->lock);
        else if (later->ending || is_due(later->first))
            run_first(later);
        else
            pthread_cond_timedwait(&later->changed, &later->lock, &later->first->at);
    }
    pthread_mutex_unlock(&later->lock);
    return NULL;
}

struct later *later_new(void)
{
    struct later *later = calloc(1, sizeof *later);
    pthread_condattr_t monotonic;

    if (later == NULL)
        return NULL;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&later->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&later->lock, NULL);
    if (pthread_create(&later->thread, NULL, run, later) == 0)
        return later;
    pthread_mutex_destroy(&later->lock);
    pthread_cond_destroy(&later->changed);
    free(later);
    return NULL;
}

void later_free(struct later *later)
{
    if (later == NULL)
        return;
    pthread_mutex_lock(&later->lock);
    later->ending = 1;
    pthread_cond_signal(&later->changed);
    pthread_mutex_unlock(&later->lock);
    pthread_join(later->thread, NULL);
    pthread_mutex_destroy(&later->lock);
    pthread_cond_destroy(&later->changed);
    free(later);
}

int later_call(struct later *later, unsigned ms, void (*fn)(void *arg), void *arg)
{
    struct call *call = malloc(sizeof *call), **at;

    if (call == NULL)
        return -ENOMEM;
    clock_gettime(CLOCK_MONOTONIC, &call->at);
    call->at.tv_sec += ms / 1000;
    call->at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (call->at.tv_nsec >= 1000000000) {
        call->at.tv_sec++;
        call->at.tv_nsec -= 1000000000;
    }
    call->fn = fn;
    call->arg = arg;
    pthread_mutex_lock(&later->lock);
    for (at = &later->first; *at != NULL && !is_before(&call->at, &(*at)->at);)
        at = &(*at)->next;
    call->next = *at;
    *at = call;
    pthread_cond_signal(&later->changed);
    pthread_mutex_unlock(&later->lock);
    return 0;
}
