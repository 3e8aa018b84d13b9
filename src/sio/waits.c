/* SPDX-License-Identifier: MIT */
#include "sio/waits.h"

#include <errno.h>

#include "base/container.h"
#include "base/map.h"
#include "base/mem.h"

struct wait {
    struct yd_map_node node;
    uint64_t id; /* the key */
    struct yd_timer timer;
    struct yd_sio_waits *waits;
    struct yd_sio_asker *asker;
};

struct yd_sio_waits {
    struct yd_map map;
    struct yd_loop *loop;
    unsigned max;
};

struct yd_sio_waits *yd_sio_waits_new(const struct yodel_allocator *mem, const uint64_t secret[2],
                                      struct yd_loop *loop, unsigned max)
{
    struct yd_sio_waits *waits = yd_zalloc(mem, sizeof *waits);

    if (waits == NULL)
        return NULL;
    yd_map_init(&waits->map, mem, secret);
    waits->loop = loop;
    waits->max = max;
    return waits;
}

static struct yd_sio_asker *free_wait(struct wait *wait)
{
    struct yd_sio_asker *asker = wait->asker;

    yd_map_remove(&wait->waits->map, &wait->node);
    yd_timer_stop(&wait->waits->loop->wheel, &wait->timer);
    yd_free(wait->waits->map.mem, wait);
    return asker;
}

static void miss(struct wait *wait, int result)
{
    struct yd_loop *loop = wait->waits->loop;
    struct yd_sio_asker *asker = free_wait(wait);

    asker->missed(asker, result, loop);
}

static void on_timeout(struct yd_timer *timer)
{
    miss(yd_container_of(timer, struct wait, timer), -ETIMEDOUT);
}

void yd_sio_waits_free(struct yd_sio_waits *waits)
{
    struct yd_map_node *node;

    if (waits == NULL)
        return;
    while ((node = yd_map_any(&waits->map)) != NULL)
        miss(yd_container_of(node, struct wait, node), YODEL_ERR_CLOSED);
    yd_map_done(&waits->map);
    yd_free(waits->map.mem, waits);
}

int yd_sio_waits_add(struct yd_sio_waits *waits, uint64_t id, struct yd_sio_asker *asker,
                     uint32_t timeout_ms)
{
    struct wait *wait;

    if (waits->map.count >= waits->max)
        return YODEL_ERR_TOO_BIG;
    if ((wait = yd_zalloc(waits->map.mem, sizeof *wait)) == NULL)
        return -ENOMEM;
    wait->id = id;
    wait->waits = waits;
    wait->asker = asker;
    wait->node.key = (yodel_str){(const char *)&wait->id, sizeof wait->id};
    if (yd_map_insert(&waits->map, &wait->node) < 0) {
        yd_free(waits->map.mem, wait);
        return -ENOMEM;
    }
    yd_timer_init(&wait->timer, on_timeout);
    yd_timer_start(&waits->loop->wheel, &wait->timer, yd_loop_due(waits->loop, timeout_ms));
    return 0;
}

static struct wait *find(const struct yd_sio_waits *waits, uint64_t id)
{
    yodel_str key = {(const char *)&id, sizeof id};
    struct yd_map_node *node = waits != NULL ? yd_map_find(&waits->map, key) : NULL;

    return node != NULL ? yd_container_of(node, struct wait, node) : NULL;
}

bool yd_sio_waits_remove(struct yd_sio_waits *waits, uint64_t id)
{
    struct wait *wait = find(waits, id);

    if (wait != NULL)
        (void)free_wait(wait);
    return wait != NULL;
}

void yd_sio_waits_answer(struct yd_sio_waits *waits, uint64_t id,
                         const struct yd_sio_answer *answer)
{
    struct wait *wait = find(waits, id);
    struct yd_sio_asker *asker = wait != NULL ? free_wait(wait) : NULL;

    if (asker != NULL)
        asker->answered(asker, answer, waits->loop);
}
