/* SPDX-License-Identifier: MIT */
#include "net/outq.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "net/outq_run.h"

#define CHUNK_ROOM (YD_BLOCK_SIZE(YD_BLOCK_CHUNK) - sizeof(struct yd_segment))

_Static_assert(sizeof(struct yd_segment) <= YD_BLOCK_SIZE(YD_BLOCK_SMALL),
               "a reference fits a small block");
_Static_assert(sizeof(struct yd_segment) + YD_OUTQ_RECORD <= YD_BLOCK_SIZE(YD_BLOCK_LARGE),
               "a record fits a large block");

/* For len bytes, which the caller writes.  Short ones go to a chunk, as most answers are short;
 * what follows on a full one to a larger block. */
static struct yd_segment *new_bytes(struct yd_loop *loop, const struct yd_outq *queue, size_t len)
{
    struct yd_segment *segment;
    enum yd_block block = YD_BLOCK_CHUNK;
    size_t size = YD_BLOCK_SIZE(YD_BLOCK_CHUNK);

    if (len <= CHUNK_ROOM && (queue->tail == NULL || queue->tail->kind != YD_SEGMENT_OWN))
        segment = yd_pool_get(&loop->pool, YD_BLOCK_CHUNK);
    else
        segment =
            len <= SIZE_MAX - sizeof *segment
                ? yd_pool_get_sized(&loop->pool,
                                    YD_MAX(sizeof *segment + len, YD_BLOCK_SIZE(YD_BLOCK_LARGE)),
                                    &block, &size)
                : NULL;
    if (segment == NULL)
        return NULL;
    segment->ptr = segment->bytes;
    segment->left = len;
    segment->room = (uint32_t)(size - sizeof *segment - len); /* none if it is of no kind */
    segment->kind = YD_SEGMENT_OWN;
    segment->block = (uint16_t)block;
    return segment;
}

static void free_segment(struct yd_loop *loop, struct yd_segment *segment)
{
    if (segment->kind == YD_SEGMENT_OF_MSG)
        yd_msg_unref(segment->msg);
    else if (segment->kind == YD_SEGMENT_OF_RUN)
        yd_run_unref(loop, segment->run);
    yd_pool_put_sized(&loop->pool, (enum yd_block)segment->block, segment);
}

/* What waits in all queues of a loop. */
static void count_more(struct yd_loop *loop, size_t len)
{
    yd_count(&loop->counters.send_queue, len);
}

static void append(struct yd_loop *loop, struct yd_outq *queue, struct yd_segment *segment)
{
    struct yd_segment *tail = queue->tail;

    count_more(loop, segment->left);
    segment->queued = segment->left;
    if (tail != NULL) {
        segment->queued += tail->queued;
        segment->next = tail->next;
        tail->next = segment;
    } else {
        segment->next = segment;
    }
    queue->tail = segment;
}

/* Room for len more bytes behind those of the segment. */
static bool has_room(const struct yd_segment *segment, size_t len)
{
    return segment != NULL && segment->room >= len;
}

static uint8_t *take_room(struct yd_loop *loop, struct yd_segment *tail, size_t len)
{
    uint8_t *room = (uint8_t *)tail->ptr + tail->left;

    count_more(loop, len);
    tail->left += len;
    tail->queued += len;
    tail->room -= (uint32_t)len;
    return room;
}

static __attribute__((noinline)) uint8_t *reserve_anew(struct yd_loop *loop, struct yd_outq *queue,
                                                       size_t len)
{
    struct yd_segment *segment = new_bytes(loop, queue, len);

    if (segment == NULL)
        return NULL;
    append(loop, queue, segment);
    return segment->bytes;
}

uint8_t *yd_outq_reserve(struct yd_loop *loop, struct yd_outq *queue, size_t len)
{
    if (!has_room(queue->tail, len))
        return reserve_anew(loop, queue, len);
    return take_room(loop, queue->tail, len);
}

int yd_outq_copy(struct yd_loop *loop, struct yd_outq *queue, const void *head, size_t head_len,
                 const void *body, size_t body_len)
{
    uint8_t *room;

    if (body_len > SIZE_MAX / 2)
        return -ENOMEM;
    if (head_len + body_len == 0)
        return 0;
    if ((room = yd_outq_reserve(loop, queue, head_len + body_len)) == NULL)
        return -ENOMEM;
    if (head_len > 0)
        memcpy(room, head, head_len);
    if (body_len > 0)
        memcpy(room + head_len, body, body_len);
    return 0;
}

/* A reference, which the caller makes one to what has the bytes; NULL when out of memory. */
static struct yd_segment *new_reference(struct yd_loop *loop, const uint8_t *ptr, size_t len)
{
    struct yd_segment *segment = yd_pool_get(&loop->pool, YD_BLOCK_SMALL);

    if (segment == NULL)
        return NULL;
    segment->ptr = ptr;
    segment->left = len;
    segment->room = 0;
    segment->block = YD_BLOCK_SMALL;
    return segment;
}

static int append_view(struct yd_loop *loop, struct yd_outq *queue, struct yd_msg *msg,
                       yodel_bytes view)
{
    struct yd_segment *segment;

    if (view.len == 0)
        return 0;
    if ((segment = new_reference(loop, view.ptr, view.len)) == NULL)
        return -ENOMEM;
    segment->kind = YD_SEGMENT_OF_MSG;
    segment->msg = yd_msg_ref(msg);
    append(loop, queue, segment);
    return 0;
}

static bool append_run(struct yd_loop *loop, struct yd_outq *queue, struct yd_run *run, size_t len)
{
    struct yd_segment *segment = new_reference(loop, run->last_at, len);

    if (segment == NULL)
        return false;
    segment->kind = YD_SEGMENT_OF_RUN;
    segment->run = yd_run_ref(run);
    append(loop, queue, segment);
    return true;
}

static void extend(struct yd_loop *loop, struct yd_segment *tail, size_t len)
{
    count_more(loop, len);
    tail->left += len;
    tail->queued += len;
}

/* Where its bytes end, of a reference to a run. */
static const uint8_t *end_of(const struct yd_segment *segment)
{
    return segment->ptr + segment->left;
}

/* The message stands in a run already, where this queue can have it. */
static inline bool share_known(struct yd_loop *loop, struct yd_outq *queue,
                               const struct yd_msg *msg, size_t len)
{
    const struct yd_segment *tail = queue->tail;

    if (tail == NULL)
        return yd_run_is_latest(loop, msg) && append_run(loop, queue, loop->runs.latest, len);
    if (tail->kind != YD_SEGMENT_OF_RUN || end_of(tail) != tail->run->last_at ||
        tail->run->last != msg)
        return false;
    extend(loop, queue->tail, len);
    return true;
}

/* It does not: it is put into the run of the queue or a new one. */
static __attribute__((noinline)) bool share(struct yd_loop *loop, struct yd_outq *queue,
                                            struct yd_msg *msg, size_t len)
{
    const struct yd_segment *tail = queue->tail;
    struct yd_run *run;
    bool shared;

    if (tail != NULL && (tail->kind != YD_SEGMENT_OF_RUN || end_of(tail) != tail->run->used))
        return false;
    if (tail != NULL && yd_run_put(loop, tail->run, msg)) {
        extend(loop, queue->tail, len);
        return true;
    }
    if ((run = yd_run_join(loop, msg, tail != NULL)) == NULL)
        return false;
    shared = append_run(loop, queue, run, len);
    yd_run_unref(loop, run);
    return shared;
}

/* After other output short frames are copied: the kernel takes one run of bytes at less cost than
 * many, and a reference costs more than the bytes. */
#define COPY_BELOW 256

/* The same holds for a short one that was alone in the queue until now. */
static bool joins(const struct yd_outq *queue)
{
    const struct yd_segment *tail = queue->tail;

    return tail->next == tail && tail->kind != YD_SEGMENT_OWN && tail->left < COPY_BELOW;
}

static int join(struct yd_loop *loop, struct yd_outq *queue, yodel_bytes frame)
{
    struct yd_segment *first = queue->tail, *both = new_bytes(loop, queue, first->left + frame.len);

    if (both == NULL)
        return -ENOMEM;
    memcpy(both->bytes, first->ptr, first->left);
    memcpy(both->bytes + first->left, frame.ptr, frame.len);
    both->queued = both->left;
    both->next = both;
    count_more(loop, frame.len);
    queue->tail = both;
    free_segment(loop, first);
    return 0;
}

int yd_outq_frame(struct yd_loop *loop, struct yd_outq *queue, struct yd_msg *msg, bool is_pending)
{
    yodel_bytes frame = yd_msg_frame(msg);
    uint8_t *room;

    if (share_known(loop, queue, msg, frame.len))
        return 0;
    if (frame.len > 0 && frame.len <= YD_RUN_FRAME && yd_run_is_worth(loop, msg) &&
        share(loop, queue, msg, frame.len))
        return 0;
    if (queue->tail == NULL || frame.len >= COPY_BELOW)
        return append_view(loop, queue, msg, frame);
    if (!is_pending && joins(queue))
        return join(loop, queue, frame);
    if ((room = yd_outq_reserve(loop, queue, frame.len)) == NULL)
        return -ENOMEM;
    memcpy(room, frame.ptr, frame.len);
    return 0;
}

int yd_outq_payload(struct yd_loop *loop, struct yd_outq *queue, struct yd_msg *msg)
{
    return append_view(loop, queue, msg, (yodel_bytes){yd_msg_payload(msg), msg->len});
}

int yd_outq_peek(const struct yd_outq *queue, struct iovec *iov, int num)
{
    const struct yd_segment *segment = queue->tail;
    int i = 0;

    if (segment == NULL)
        return 0;
    do {
        segment = segment->next;
        iov[i++] = (struct iovec){(void *)segment->ptr, segment->left};
    } while (segment != queue->tail && i < num);
    return i;
}

void yd_outq_consume(struct yd_loop *loop, struct yd_outq *queue, size_t len)
{
    struct yd_segment *tail = queue->tail;

    if (len > 0) {
        tail->queued -= len;
        yd_count(&loop->counters.send_queue, -(uint64_t)len);
    }
    while (len > 0) {
        struct yd_segment *segment = tail->next;

        if (len < segment->left) {
            segment->ptr += len;
            segment->left -= len;
            return;
        }
        len -= segment->left;
        if (segment == tail)
            queue->tail = NULL;
        else
            tail->next = segment->next;
        free_segment(loop, segment);
    }
}

void yd_outq_clear(struct yd_loop *loop, struct yd_outq *queue)
{
    yd_outq_consume(loop, queue, yd_outq_bytes(queue));
}
