/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_MSG_H
#define YD_BASE_MSG_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

/* Most bytes that a transport may write ahead of the payload (a server's WebSocket header). */
#define YD_MSG_HEADROOM 10

/*
 * A message that is encoded once and shared: payload, no room after it, ahead of it
 * YD_MSG_HEADROOM bytes that end with the frame header.  Counted atomically, immutable once shared.
 */
struct yd_msg {
    atomic_uint refs;
    uint8_t type;     /* YODEL_WS_TEXT or YODEL_WS_BINARY */
    uint8_t head_len; /* bytes of header that end where the payload begins */
    uint8_t setting;  /* of a twin: how it was compressed */
    const struct yodel_allocator *mem;
    size_t len;                     /* of the payload */
    _Atomic(struct yd_msg *) twins; /* compressed, one a setting; made on first use */
    struct yd_msg *next;            /* of a twin: the one before it */
    uint8_t room[];                 /* YD_MSG_HEADROOM bytes, then the payload */
};

/* A message with one reference and an uninitialised payload of len bytes; NULL when out of memory.
 * mem must outlive the message. */
struct yd_msg *yd_msg_new(const struct yodel_allocator *mem, uint8_t type, size_t len);

static inline uint8_t *yd_msg_payload(struct yd_msg *msg)
{
    return msg->room + YD_MSG_HEADROOM;
}

/* Header and payload. */
static inline yodel_bytes yd_msg_frame(struct yd_msg *msg)
{
    return (yodel_bytes){yd_msg_payload(msg) - msg->head_len, msg->len + msg->head_len};
}

static inline struct yd_msg *yd_msg_ref(struct yd_msg *msg)
{
    atomic_fetch_add_explicit(&msg->refs, 1, memory_order_relaxed);
    return msg;
}

/* For yd_msg_unref(): without references left, frees the twins too. */
void yd_msg_free(struct yd_msg *msg);

/* Takes NULL; the last one frees the twins too.  Returns NULL. */
static inline struct yd_msg *yd_msg_unref(struct yd_msg *msg)
{
    /* The holder of the only reference needs no locked instruction: nothing else can add one. */
    if (msg && (atomic_load_explicit(&msg->refs, memory_order_acquire) == 1 ||
                atomic_fetch_sub_explicit(&msg->refs, 1, memory_order_release) == 1))
        yd_msg_free(msg);
    return NULL;
}

/* The twin of a setting, borrowed from msg; NULL: none was made. */
struct yd_msg *yd_msg_twin(struct yd_msg *msg, uint8_t setting);

/* Keeps twin (a reference, taken; its setting is set) unless another thread was first with that
 * setting; returns the one that is kept, borrowed from msg. */
struct yd_msg *yd_msg_add_twin(struct yd_msg *msg, struct yd_msg *twin);

#endif
