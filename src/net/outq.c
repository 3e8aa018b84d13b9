/* SPDX-License-Identifier: MIT */
#include "net/outq.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"

struct yd_segment {
    struct yd_segment *next;
    const uint8_t *ptr; /* the first byte not taken yet */
    size_t left;
    struct yd_msg *msg;  /* whose bytes they are; NULL: those after this header */
    size_t room;         /* bytes after this header */
    enum yd_block block; /* where this stands */
    uint8_t bytes[];
};

#define CHUNK_ROOM (YD_BLOCK_SIZE(YD_BLOCK_CHUNK) - sizeof(struct yd_segment))

_Static_assert(sizeof(struct yd_segment) <= YD_BLOCK_SIZE(YD_BLOCK_SMALL),
               "a reference fits a small block");
_Static_assert(sizeof(struct yd_segment) + YD_OUTQ_RECORD <= YD_BLOCK_SIZE(YD_BLOCK_LARGE),
               "a record fits a large block");

/* Short bytes go to a chunk, as most answers are short; what follows on a full one to a larger
 * block. */
static struct yd_segment *new_bytes(struct yd_loop *loop, const struct yd_outq *queue, size_t len)
{
    struct yd_segment *segment;
    enum yd_block block = YD_BLOCK_CHUNK;
    size_t size = YD_BLOCK_SIZE(YD_BLOCK_CHUNK);

    if (len <= CHUNK_ROOM && (queue->tail == NULL || queue->tail->msg != NULL))
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
    segment->left = 0;
    segment->msg = NULL;
    segment->room = size - sizeof *segment;
    segment->block = block;
    return segment;
}

static void free_segment(struct yd_loop *loop, struct yd_segment *segment)
{
    yd_msg_unref(segment->msg);
    yd_pool_put_sized(&loop->pool, segment->block, segment);
}

static void append(struct yd_outq *queue, struct yd_segment *segment)
{
    segment->next = NULL;
    if (queue->tail != NULL)
        queue->tail->next = segment;
    else
        queue->head = segment;
    queue->tail = segment;
}

static size_t room_after(const struct yd_segment *segment)
{
    if (segment == NULL || segment->msg != NULL)
        return 0;
    return (size_t)(segment->bytes + segment->room - (segment->ptr + segment->left));
}

static void put(struct yd_segment *segment, const void *data, size_t len)
{
    if (len > 0)
        memcpy((uint8_t *)segment->ptr + segment->left, data, len);
    segment->left += len;
}

int yd_outq_copy(struct yd_loop *loop, struct yd_outq *queue, const void *head, size_t head_len,
                 const void *body, size_t body_len)
{
    struct yd_segment *segment = queue->tail;

    if (body_len > SIZE_MAX / 2)
        return -ENOMEM;
    if (head_len + body_len == 0)
        return 0;
    if (room_after(segment) < head_len + body_len) {
        if ((segment = new_bytes(loop, queue, head_len + body_len)) == NULL)
            return -ENOMEM;
        append(queue, segment);
    }
    put(segment, head, head_len);
    put(segment, body, body_len);
    queue->bytes += head_len + body_len;
    return 0;
}

static int append_view(struct yd_loop *loop, struct yd_outq *queue, struct yd_msg *msg,
                       yodel_bytes view)
{
    struct yd_segment *segment;

    if (view.len == 0)
        return 0;
    if ((segment = yd_pool_get(&loop->pool, YD_BLOCK_SMALL)) == NULL)
        return -ENOMEM;
    segment->ptr = view.ptr;
    segment->left = view.len;
    segment->msg = yd_msg_ref(msg);
    segment->room = 0;
    segment->block = YD_BLOCK_SMALL;
    append(queue, segment);
    queue->bytes += view.len;
    return 0;
}

/* After other output short frames are copied: the kernel takes one run of bytes at less cost than
 * many, and a reference costs more than the bytes. */
#define COPY_BELOW 256

int yd_outq_frame(struct yd_loop *loop, struct yd_outq *queue, struct yd_msg *msg)
{
    yodel_bytes frame = yd_msg_frame(msg);

    if (queue->head != NULL && frame.len < COPY_BELOW)
        return yd_outq_copy(loop, queue, frame.ptr, frame.len, NULL, 0);
    return append_view(loop, queue, msg, frame);
}

int yd_outq_payload(struct yd_loop *loop, struct yd_outq *queue, struct yd_msg *msg)
{
    return append_view(loop, queue, msg, (yodel_bytes){yd_msg_payload(msg), msg->len});
}

int yd_outq_peek(const struct yd_outq *queue, struct iovec *iov, int num)
{
    int i = 0;

    for (const struct yd_segment *s = queue->head; s != NULL && i < num; s = s->next)
        iov[i++] = (struct iovec){(void *)s->ptr, s->left};
    return i;
}

void yd_outq_consume(struct yd_loop *loop, struct yd_outq *queue, size_t len)
{
    queue->bytes -= len;
    while (len > 0) {
        struct yd_segment *segment = queue->head;

        if (len < segment->left) {
            segment->ptr += len;
            segment->left -= len;
            return;
        }
        len -= segment->left;
        queue->head = segment->next;
        if (queue->head == NULL)
            queue->tail = NULL;
        free_segment(loop, segment);
    }
}

void yd_outq_clear(struct yd_loop *loop, struct yd_outq *queue)
{
    yd_outq_consume(loop, queue, queue->bytes);
}
