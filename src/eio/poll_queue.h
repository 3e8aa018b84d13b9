/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_POLL_QUEUE_H
#define YD_EIO_POLL_QUEUE_H

#include <stdbool.h>
#include <yodel/ws.h>

#include "base/buf.h"
#include "base/msg.h"

/* Packets that wait for a poll.  Zero is an empty one. */

struct yd_eio_item {
    struct yd_msg *msg; /* a reference */
    bool may_compress;
};

struct yd_eio_queue {
    struct yd_eio_item *items;
    size_t num, cap;
    size_t bytes; /* of the payload that the items make */
};

/* Appends references to messages.  Returns 0, or -ENOMEM: none is. */
int yd_eio_queue_push(const struct yodel_allocator *mem, struct yd_eio_queue *queue,
                      struct yd_msg *const *msgs, size_t num, bool may_compress);

/* Gives up the references. */
void yd_eio_queue_clear(const struct yodel_allocator *mem, struct yd_eio_queue *queue);

/* Appends the payload, and last (may be NULL) as its last packet.  Returns 0 or -ENOMEM. */
int yd_eio_queue_put(const struct yodel_allocator *mem, const struct yd_eio_queue *queue,
                     const char *last, struct yd_buf *buf);

/* One of them may be compressed. */
bool yd_eio_queue_may_compress(const struct yd_eio_queue *queue);

#endif
