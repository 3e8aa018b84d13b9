/* SPDX-License-Identifier: MIT */
#include "eio/poll_queue.h"

#include <errno.h>

#include "base/mem.h"
#include "proto/eio_payload.h"

static int reserve(const struct yodel_allocator *mem, struct yd_eio_queue *queue, size_t num)
{
    size_t cap = queue->cap < 4 ? 4 : queue->cap;
    struct yd_eio_item *items;

    if (num <= queue->cap - queue->num)
        return 0;
    while (cap - queue->num < num) {
        if (cap > SIZE_MAX / 2 / sizeof *items)
            return -ENOMEM;
        cap *= 2;
    }
    if ((items = yd_resize(mem, queue->items, cap * sizeof *items)) == NULL)
        return -ENOMEM;
    queue->items = items;
    queue->cap = cap;
    return 0;
}

/* In a payload, with a separator. */
static size_t size_of(const struct yd_msg *msg)
{
    return 1 +
           (msg->type == YODEL_WS_TEXT ? yd_eio_text_size(msg->len) : yd_eio_binary_size(msg->len));
}

int yd_eio_queue_push(const struct yodel_allocator *mem, struct yd_eio_queue *queue,
                      struct yd_msg *const *msgs, size_t num, bool may_compress)
{
    if (reserve(mem, queue, num) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < num; i++) {
        queue->items[queue->num++] = (struct yd_eio_item){yd_msg_ref(msgs[i]), may_compress};
        queue->bytes += size_of(msgs[i]);
    }
    return 0;
}

void yd_eio_queue_clear(const struct yodel_allocator *mem, struct yd_eio_queue *queue)
{
    for (size_t i = 0; i < queue->num; i++)
        yd_msg_unref(queue->items[i].msg);
    yd_free(mem, queue->items);
    *queue = (struct yd_eio_queue){.items = NULL};
}

static int put_item(const struct yodel_allocator *mem, struct yd_buf *buf, struct yd_msg *msg)
{
    const uint8_t *data = yd_msg_payload(msg);

    if (msg->type == YODEL_WS_TEXT)
        return yd_eio_payload_put_text(mem, buf, (yodel_str){(const char *)data, msg->len});
    return yd_eio_payload_put_binary(mem, buf, (yodel_bytes){data, msg->len});
}

int yd_eio_queue_put(const struct yodel_allocator *mem, const struct yd_eio_queue *queue,
                     const char *last, struct yd_buf *buf)
{
    int rc = yd_buf_reserve(mem, buf, queue->bytes + 2);

    for (size_t i = 0; rc == 0 && i < queue->num; i++)
        rc = put_item(mem, buf, queue->items[i].msg);
    if (rc == 0 && last != NULL)
        rc = yd_eio_payload_put_text(mem, buf, yodel_str_of(last));
    return rc;
}

bool yd_eio_queue_may_compress(const struct yd_eio_queue *queue)
{
    for (size_t i = 0; i < queue->num; i++)
        if (queue->items[i].may_compress)
            return true;
    return false;
}
