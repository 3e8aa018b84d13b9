/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_QUEUE_H
#define YP_SIO_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <yodel/base.h>

#include "base/list.h"

/*
 * What loops hand to Python's worker threads: items of one strand (a client) are taken in order and
 * never two at a time, those of different strands in parallel, loose ones (HTTP requests) whenever
 * a worker is free.  Plain C: nothing here knows of Python, and nothing is called with the lock
 * held.
 */

/* What may wait, and run, at a time. */
struct yp_queue_limits {
    size_t strand_items, strand_bytes; /* of one strand: above it its client is not read from */
    size_t items, bytes;               /* of all: every client that sends is not read from */
    size_t loose;                      /* loose items that wait; more are refused */
};

/* Embedded in what the strand is of; counted. */
struct yp_strand {
    _Atomic unsigned refs;
    /* Both on any thread.  wake: the client may be read from again. */
    void (*wake)(struct yp_strand *strand);
    void (*free)(struct yp_strand *strand); /* the last reference is gone */
    /* The queue's. */
    struct yd_list items;
    struct yd_list node;    /* among those that have an item to take */
    struct yd_list resting; /* paused, and few enough is left: to be woken */
    size_t num, bytes;
    bool running, paused;
};

void yp_strand_init(struct yp_strand *strand, void (*wake)(struct yp_strand *strand),
                    void (*free)(struct yp_strand *strand));
struct yp_strand *yp_strand_ref(struct yp_strand *strand);
void yp_strand_unref(struct yp_strand *strand);

/* Embedded in what is handed over. */
struct yp_item {
    struct yd_list node;
    struct yp_strand *strand; /* NULL: loose */
    size_t bytes;             /* what it counts for; set by its maker */
};

struct yp_queue_counts {
    uint64_t items, bytes; /* now, those that run too */
    uint64_t pauses;       /* times that a client was not read from any more */
    uint64_t overflows;    /* items refused, at twice the limits of all */
    uint64_t refused;      /* loose items refused */
};

struct yp_queue {
    pthread_mutex_t lock;
    pthread_cond_t some; /* to take, or the queue was closed */
    struct yp_queue_limits limits;
    struct yd_list strands; /* with an item that can be taken */
    struct yd_list loose;
    struct yd_list resting; /* to be woken when all have few enough */
    size_t num_loose, num_waiting, idle, called;
    struct yp_queue_counts counts;
    bool prefers_loose, closed, abandoned;
};

/* Returns 0 or -errno. */
int yp_queue_init(struct yp_queue *queue, const struct yp_queue_limits *limits);
/* Nobody uses it any more, and nothing is in it. */
void yp_queue_destroy(struct yp_queue *queue);

/* Any result below 0: item is still the caller's. */
enum yp_pushed { YP_PUSHED = 0, YP_PUSHED_PAUSE = 1 };

/*
 * Adds an item to a strand, which it keeps.  must: it is of an end, or an answer that is owed, and
 * is taken above all limits.
 *
 * Returns YP_PUSHED; YP_PUSHED_PAUSE: the client is to be read from no more until wake(strand),
 * which comes once, however often this is returned before; YODEL_ERR_CONGESTED (twice the limits of
 * all), YODEL_ERR_CLOSED.
 */
int yp_queue_push(struct yp_queue *queue, struct yp_strand *strand, struct yp_item *item,
                  bool must);

/* The same without a strand; must: above limits.loose, too.  Returns 0, YODEL_ERR_CONGESTED,
 * YODEL_ERR_CLOSED. */
int yp_queue_push_loose(struct yp_queue *queue, struct yp_item *item, bool must);

/*
 * Takes the next item; its strand rests until yp_queue_done().
 *
 * timeout_ms   0: does not wait; UINT32_MAX: without a limit
 *
 * Returns 1, 0 (nothing came), or YODEL_ERR_CLOSED: nothing will come any more.
 */
int yp_queue_take(struct yp_queue *queue, uint32_t timeout_ms, struct yp_item **ret_item);

/* An item that was taken has been dealt with; the caller frees it afterwards. */
void yp_queue_done(struct yp_queue *queue, struct yp_item *item);

/* Nothing is added any more; what is there can still be taken. */
void yp_queue_close(struct yp_queue *queue);

/* Closes it, and takes what waits, one by one: yp_queue_done() for each.  NULL: nothing is left. */
struct yp_item *yp_queue_abandon(struct yp_queue *queue);

void yp_queue_get_counts(struct yp_queue *queue, struct yp_queue_counts *ret_counts);

#endif
