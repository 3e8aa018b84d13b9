/* SPDX-License-Identifier: MIT */
#include "base/msg.h"

#include "base/mem.h"

struct yd_msg *yd_msg_new(const struct yodel_allocator *mem, uint8_t type, size_t len)
{
    struct yd_msg *msg;
    size_t size;

    if (__builtin_add_overflow(sizeof(*msg) + YD_MSG_HEADROOM, len, &size))
        return NULL;
    msg = yd_alloc(mem, size);
    if (!msg)
        return NULL;
    atomic_init(&msg->refs, 1);
    msg->type = type;
    msg->head_len = 0;
    msg->mem = mem;
    msg->len = len;
    for (unsigned i = 0; i < YD_MSG_VARIANTS; i++)
        atomic_init(&msg->variants[i], NULL);
    return msg;
}

void yd_msg_free(struct yd_msg *msg)
{
    /* Pairs with the release of every other thread that gave up a reference.  A load, where others
     * put a fence: it costs as little and thread sanitizers understand it. */
    (void)atomic_load_explicit(&msg->refs, memory_order_acquire);
    for (unsigned i = 0; i < YD_MSG_VARIANTS; i++)
        yd_msg_unref(atomic_load_explicit(&msg->variants[i], memory_order_relaxed));
    yd_free(msg->mem, msg);
}

struct yd_msg *yd_msg_set_variant(struct yd_msg *msg, unsigned i, struct yd_msg *twin)
{
    struct yd_msg *first = NULL;

    if (atomic_compare_exchange_strong_explicit(&msg->variants[i], &first, twin,
                                                memory_order_release, memory_order_acquire))
        return twin;
    yd_msg_unref(twin);
    return first;
}
