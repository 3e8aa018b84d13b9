/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_OUTQ_H
#define YD_NET_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/msg.h"
#include "base/pool.h"
#include "loop/loop.h"

enum yd_segment_kind {
    YD_SEGMENT_OWN = 0, /* the bytes are those after the header */
    YD_SEGMENT_OF_MSG,  /* msg's */
    YD_SEGMENT_OF_RUN   /* run's */
};

struct yd_segment {
    struct yd_segment *next; /* of the last one: the first */
    const uint8_t *ptr;      /* the first byte not taken yet */
    size_t left;
    size_t queued; /* of the last one: bytes of all of them */
    union {
        struct yd_msg *msg;
        struct yd_run *run;
    };
    uint32_t room;  /* behind the bytes; of a reference: 0 */
    uint16_t block; /* enum yd_block: where this stands */
    uint16_t kind;  /* enum yd_segment_kind */
    uint8_t bytes[];
};

/* Bytes that take no more than a large block: a TLS record with its header and tag. */
#define YD_OUTQ_RECORD (16384 + 256)

/*
 * Output of one connection: segments that are bytes of its own or references, to shared messages
 * and to runs of them (net/outq_run.h).  Empty it owns nothing.  Blocks come from the loop's pool.
 */
struct yd_outq {
    struct yd_segment *tail; /* of a ring: its next is the first; NULL: empty */
};

static inline bool yd_outq_is_empty(const struct yd_outq *queue)
{
    return queue->tail == NULL;
}

static inline size_t yd_outq_bytes(const struct yd_outq *queue)
{
    return queue->tail != NULL ? queue->tail->queued : 0;
}

/* Appends a copy of head and body together; either both are queued or none.  0 or -ENOMEM. */
int yd_outq_copy(struct yd_loop *loop, struct yd_outq *queue, const void *head, size_t head_len,
                 const void *body, size_t body_len);

/* Appends len bytes, more than none, which the caller writes where this returns before the queue is
 * used again; NULL when out of memory. */
uint8_t *yd_outq_reserve(struct yd_loop *loop, struct yd_outq *queue, size_t len);

/* Appends a reference (its own) to msg's frame, or to its payload alone; instead of the frame to a
 * run, if it is short and goes to many, or a copy, if it is short and not alone.  is_pending: what
 * is in the queue is being sent and stays where it is.  0 or -ENOMEM. */
int yd_outq_frame(struct yd_loop *loop, struct yd_outq *queue, struct yd_msg *msg, bool is_pending);
int yd_outq_payload(struct yd_loop *loop, struct yd_outq *queue, struct yd_msg *msg);

/* Fills iov with the first num runs of bytes at most; returns how many. */
int yd_outq_peek(const struct yd_outq *queue, struct iovec *iov, int num);

/* Drops the first len bytes, which must be there. */
void yd_outq_consume(struct yd_loop *loop, struct yd_outq *queue, size_t len);
void yd_outq_clear(struct yd_loop *loop, struct yd_outq *queue);

#endif
