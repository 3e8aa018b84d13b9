/* SPDX-License-Identifier: MIT */
#include "sio_queue.h"

#include <errno.h>
#include <time.h>

#include "base/container.h"

/* ---- strands ---- */

void yp_strand_init(struct yp_strand *strand, void (*wake)(struct yp_strand *strand),
                    void (*free)(struct yp_strand *strand))
{
    *strand = (struct yp_strand){.wake = wake, .free = free};
    atomic_init(&strand->refs, 1);
    yd_list_init(&strand->items);
    yd_list_init(&strand->node);
    yd_list_init(&strand->resting);
}

struct yp_strand *yp_strand_ref(struct yp_strand *strand)
{
    atomic_fetch_add_explicit(&strand->refs, 1, memory_order_relaxed);
    return strand;
}

void yp_strand_unref(struct yp_strand *strand)
{
    if (atomic_fetch_sub_explicit(&strand->refs, 1, memory_order_acq_rel) == 1)
        strand->free(strand);
}

static struct yp_strand *strand_of(struct yd_list *node)
{
    return yd_container_of(node, struct yp_strand, node);
}

static struct yp_item *item_of(struct yd_list *node)
{
    return yd_container_of(node, struct yp_item, node);
}

/* ---- the queue ---- */

static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int rc = pthread_condattr_init(&attributes);

    if (rc != 0)
        return -rc;
    rc = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (rc == 0)
        rc = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return -rc;
}

int yp_queue_init(struct yp_queue *queue, const struct yp_queue_limits *limits)
{
    int rc;

    *queue = (struct yp_queue){.limits = *limits};
    yd_list_init(&queue->strands);
    yd_list_init(&queue->loose);
    yd_list_init(&queue->resting);
    rc = -pthread_mutex_init(&queue->lock, NULL);
    if (rc < 0)
        return rc;
    rc = init_condition(&queue->some);
    if (rc < 0)
        pthread_mutex_destroy(&queue->lock);
    return rc;
}

void yp_queue_destroy(struct yp_queue *queue)
{
    pthread_cond_destroy(&queue->some);
    pthread_mutex_destroy(&queue->lock);
}

/* ---- adding ---- */

/* Something more can be taken: calls one worker that sleeps and was not called yet. */
static void call_one(struct yp_queue *queue)
{
    if (queue->idle <= queue->called)
        return;
    queue->called++;
    pthread_cond_signal(&queue->some);
}

static bool is_above(const struct yp_queue *queue, unsigned times)
{
    return queue->counts.items > times * queue->limits.items ||
           queue->counts.bytes > times * queue->limits.bytes;
}

static void count(struct yp_queue *queue, struct yp_item *item)
{
    queue->counts.items++;
    queue->counts.bytes += item->bytes;
    queue->num_waiting++;
}

static int add(struct yp_queue *queue, struct yp_strand *strand, struct yp_item *item, bool must)
{
    if (queue->closed)
        return YODEL_ERR_CLOSED;
    if (!must && is_above(queue, 2)) {
        queue->counts.overflows++;
        return YODEL_ERR_CONGESTED;
    }
    item->strand = yp_strand_ref(strand);
    count(queue, item);
    yd_list_append(&strand->items, &item->node);
    strand->num++;
    strand->bytes += item->bytes;
    if (!strand->running && strand->num == 1) {
        yd_list_append(&queue->strands, &strand->node);
        call_one(queue);
    }
    if (must || (strand->num <= queue->limits.strand_items &&
                 strand->bytes <= queue->limits.strand_bytes && !is_above(queue, 1)))
        return YP_PUSHED;
    if (!strand->paused)
        queue->counts.pauses++;
    strand->paused = true;
    return YP_PUSHED_PAUSE;
}

int yp_queue_push(struct yp_queue *queue, struct yp_strand *strand, struct yp_item *item, bool must)
{
    int rc;

    pthread_mutex_lock(&queue->lock);
    rc = add(queue, strand, item, must);
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

int yp_queue_push_loose(struct yp_queue *queue, struct yp_item *item, bool must)
{
    int rc = 0;

    item->strand = NULL;
    pthread_mutex_lock(&queue->lock);
    if (queue->closed) {
        rc = YODEL_ERR_CLOSED;
    } else if (!must && queue->num_loose >= queue->limits.loose) {
        rc = YODEL_ERR_CONGESTED;
        queue->counts.refused++;
    } else {
        count(queue, item);
        queue->num_loose++;
        yd_list_append(&queue->loose, &item->node);
        call_one(queue);
    }
    pthread_mutex_unlock(&queue->lock);
    return rc;
}

/* ---- taking ---- */

static struct yp_item *take_loose(struct yp_queue *queue)
{
    struct yp_item *item = item_of(queue->loose.next);

    yd_list_remove(&item->node);
    queue->num_loose--;
    return item;
}

static struct yp_item *take_of_strand(struct yp_queue *queue)
{
    struct yp_strand *strand = strand_of(queue->strands.next);
    struct yp_item *item = item_of(strand->items.next);

    yd_list_remove(&strand->node);
    yd_list_remove(&item->node);
    strand->running = true;
    return item;
}

/* Loose items and strands in turn, so that neither keeps the other waiting. */
static struct yp_item *pick(struct yp_queue *queue)
{
    bool has_loose = !yd_list_is_empty(&queue->loose);
    struct yp_item *item;

    if (has_loose && (queue->prefers_loose || yd_list_is_empty(&queue->strands)))
        item = take_loose(queue);
    else if (!yd_list_is_empty(&queue->strands))
        item = take_of_strand(queue);
    else
        return NULL;
    queue->prefers_loose = item->strand != NULL;
    queue->num_waiting--;
    return item;
}

static struct timespec after(uint32_t ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* True when the time is over. */
static bool rest(struct yp_queue *queue, const struct timespec *until)
{
    int rc;

    queue->idle++;
    rc = until != NULL ? pthread_cond_timedwait(&queue->some, &queue->lock, until)
                       : pthread_cond_wait(&queue->some, &queue->lock);
    queue->idle--;
    if (queue->called > 0)
        queue->called--;
    return rc == ETIMEDOUT;
}

static bool is_over(const struct yp_queue *queue)
{
    return queue->abandoned || (queue->closed && queue->num_waiting == 0);
}

int yp_queue_take(struct yp_queue *queue, uint32_t timeout_ms, struct yp_item **ret_item)
{
    bool has_limit = timeout_ms > 0 && timeout_ms != UINT32_MAX, late = timeout_ms == 0;
    struct timespec until = {0};
    struct yp_item *item;
    bool over;

    if (has_limit)
        until = after(timeout_ms);
    pthread_mutex_lock(&queue->lock);
    while ((item = pick(queue)) == NULL && !is_over(queue) && !late)
        late = rest(queue, has_limit ? &until : NULL);
    over = is_over(queue);
    if (item != NULL && over) /* the last one: the others need not wait */
        pthread_cond_broadcast(&queue->some);
    pthread_mutex_unlock(&queue->lock);
    if (item == NULL)
        return over ? YODEL_ERR_CLOSED : 0;
    *ret_item = item;
    return 1;
}

/* ---- what was dealt with ---- */

static void uncount(struct yp_queue *queue, const struct yp_item *item)
{
    struct yp_strand *strand = item->strand;

    queue->counts.items--;
    queue->counts.bytes -= item->bytes;
    if (strand == NULL)
        return;
    strand->num--;
    strand->bytes -= item->bytes;
    strand->running = false;
    if (!yd_list_is_empty(&strand->items) && yd_list_is_empty(&strand->node)) {
        yd_list_append(&queue->strands, &strand->node);
        call_one(queue);
    }
}

static void note_pause(struct yp_queue *queue, struct yp_strand *strand)
{
    if (!strand->paused || !yd_list_is_empty(&strand->resting) ||
        strand->num > queue->limits.strand_items / 2 ||
        strand->bytes > queue->limits.strand_bytes / 2)
        return;
    yp_strand_ref(strand);
    yd_list_append(&queue->resting, &strand->resting);
}

/* One that may go on, with its reference; NULL: none. */
static struct yp_strand *take_resting(struct yp_queue *queue)
{
    struct yp_strand *strand;

    if (yd_list_is_empty(&queue->resting) || (is_above(queue, 1) && !queue->closed))
        return NULL;
    strand = yd_container_of(queue->resting.next, struct yp_strand, resting);
    yd_list_remove(&strand->resting);
    strand->paused = false;
    return strand;
}

static void finish(struct yp_queue *queue, struct yp_item *item)
{
    struct yp_strand *strand;

    uncount(queue, item);
    if (item->strand != NULL)
        note_pause(queue, item->strand);
    while ((strand = take_resting(queue)) != NULL) {
        pthread_mutex_unlock(&queue->lock);
        strand->wake(strand);
        yp_strand_unref(strand);
        pthread_mutex_lock(&queue->lock);
    }
}

void yp_queue_done(struct yp_queue *queue, struct yp_item *item)
{
    struct yp_strand *strand = item->strand;

    pthread_mutex_lock(&queue->lock);
    finish(queue, item);
    pthread_mutex_unlock(&queue->lock);
    item->strand = NULL;
    if (strand != NULL)
        yp_strand_unref(strand);
}

/* ---- the end ---- */

static void end(struct yp_queue *queue, bool abandon)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    queue->abandoned = queue->abandoned || abandon;
    pthread_cond_broadcast(&queue->some);
    pthread_mutex_unlock(&queue->lock);
}

void yp_queue_close(struct yp_queue *queue)
{
    end(queue, false);
}

struct yp_item *yp_queue_abandon(struct yp_queue *queue)
{
    struct yp_item *item;

    end(queue, true);
    pthread_mutex_lock(&queue->lock);
    item = pick(queue);
    pthread_mutex_unlock(&queue->lock);
    return item;
}

void yp_queue_get_counts(struct yp_queue *queue, struct yp_queue_counts *ret_counts)
{
    pthread_mutex_lock(&queue->lock);
    *ret_counts = queue->counts;
    pthread_mutex_unlock(&queue->lock);
}
