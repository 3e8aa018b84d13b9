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
    msg->setting = 0;
    msg->mem = mem;
    msg->len = len;
    atomic_init(&msg->twins, NULL);
    msg->next = NULL;
    return msg;
}

void yd_msg_free(struct yd_msg *msg)
{
    struct yd_msg *twin, *next;

    /* Pairs with the release of every other thread that gave up a reference.  A load, where others
     * put a fence: it costs as little and thread sanitizers understand it. */
    (void)atomic_load_explicit(&msg->refs, memory_order_acquire);
    for (twin = atomic_load_explicit(&msg->twins, memory_order_relaxed); twin; twin = next) {
        next = twin->next;
        yd_msg_unref(twin);
    }
    yd_free(msg->mem, msg);
}

static struct yd_msg *find(struct yd_msg *twins, uint8_t setting)
{
    while (twins && twins->setting != setting)
        twins = twins->next;
    return twins;
}

struct yd_msg *yd_msg_twin(struct yd_msg *msg, uint8_t setting)
{
    return find(atomic_load_explicit(&msg->twins, memory_order_acquire), setting);
}

struct yd_msg *yd_msg_add_twin(struct yd_msg *msg, struct yd_msg *twin)
{
    struct yd_msg *twins = atomic_load_explicit(&msg->twins, memory_order_acquire), *first;

    do {
        first = find(twins, twin->setting);
        if (first) {
            yd_msg_unref(twin);
            return first;
        }
        twin->next = twins;
    } while (!atomic_compare_exchange_weak_explicit(&msg->twins, &twins, twin, memory_order_release,
                                                    memory_order_acquire));
    return twin;
}
