/* SPDX-License-Identifier: MIT */
#include "sio/later.h"

#include <errno.h>

#include "base/container.h"
#include "base/mem.h"

/* A verdict that is on its way has come in time, however late it arrives, ms. */
#define ARRIVAL_MS 1000

struct later {
    yodel_decision decision; /* first */
    struct yd_loop *loop;
    struct yd_timer timer;
    void (*late)(void *subject);
};

int yd_sio_check_verdict(const struct yd_verdict *verdict)
{
    return verdict->accept != NULL ? -EINVAL : 0;
}

static void limit(struct later *later, uint32_t ms)
{
    yd_timer_start(&later->loop->wheel, &later->timer, yd_loop_due(later->loop, ms));
}

static void on_limit(struct yd_timer *timer)
{
    struct later *later = yd_container_of(timer, struct later, timer);

    if (yd_decision_arrives(&later->decision))
        limit(later, ARRIVAL_MS);
    else
        later->late(yd_decision_subject(&later->decision));
}

yodel_decision *yd_sio_later_new(struct yd_loop *loop, const struct yd_decision_ops *ops,
                                 void *subject, uint32_t limit_ms, void (*late)(void *subject))
{
    struct later *later = yd_zalloc(loop->mem, sizeof *later);

    if (later == NULL)
        return NULL;
    later->loop = loop;
    later->late = late;
    yd_timer_init(&later->timer, on_limit);
    yd_decision_init(&later->decision, ops, loop, subject);
    limit(later, limit_ms);
    return &later->decision;
}

void yd_sio_later_detached(yodel_decision *d)
{
    struct later *later = yd_container_of(d, struct later, decision);

    yd_timer_stop(&later->loop->wheel, &later->timer);
}
