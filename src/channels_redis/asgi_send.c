/* SPDX-License-Identifier: MIT */
#include "channels_redis/asgi_send.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "channels_redis/asgi_groups.h"

uint64_t yd_asgi_now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t yd_asgi_next_us(struct yd_asgi *asgi)
{
    uint64_t now = yd_asgi_now_us();

    asgi->last_us = now > asgi->last_us ? now : asgi->last_us + 1;
    return asgi->last_us;
}

double yd_asgi_lease_score(const struct yd_asgi *asgi, uint64_t now_us)
{
    return (double)now_us / 1e6 - (double)(asgi->group_expiry_s - asgi->lease_s);
}

/* ---- the queue ---- */

static struct yd_asgi_item *make_item(struct yd_asgi *asgi, bool to_group, yodel_str name,
                                      yodel_bytes pairs, uint32_t num_pairs)
{
    struct yd_asgi_item *item = yd_alloc(asgi->mem, sizeof *item + name.len + pairs.len);
    char *room;

    if (item == NULL)
        return NULL;
    room = (char *)(item + 1);
    *item = (struct yd_asgi_item){
        .asgi = asgi,
        .to_group = to_group,
        .weight = sizeof *item + name.len + pairs.len,
        .num = num_pairs,
        .name = {room, name.len},
        .pairs = {(uint8_t *)room + name.len, pairs.len},
    };
    memcpy(room, name.ptr, name.len);
    memcpy(room + name.len, pairs.ptr, pairs.len);
    return item;
}

void yd_asgi_free_item(struct yd_asgi_item *item)
{
    struct yd_asgi *asgi = item->asgi;

    atomic_fetch_sub_explicit(&asgi->waiting, item->weight, memory_order_relaxed);
    yd_buf_free(asgi->mem, &item->members);
    yd_free(asgi->mem, item);
}

/* Takes item when it returns 0. */
static int append(struct yd_asgi *asgi, struct yd_asgi_item *item)
{
    int rc = 0;

    pthread_mutex_lock(&asgi->lock);
    if (asgi->ended) {
        rc = YODEL_ERR_CLOSED;
    } else {
        yd_list_append(&asgi->queue, &item->node);
        yd_asgi_wake(asgi);
    }
    pthread_mutex_unlock(&asgi->lock);
    return rc;
}

int yd_asgi_send(struct yd_asgi *asgi, bool to_group, yodel_str name, yodel_bytes pairs,
                 uint32_t num_pairs)
{
    struct yd_asgi_item *item = make_item(asgi, to_group, name, pairs, num_pairs);
    int rc = 0;

    if (item == NULL)
        return -ENOMEM;
    if (atomic_fetch_add_explicit(&asgi->waiting, item->weight, memory_order_relaxed) >
        asgi->max_queue - YD_MIN(item->weight, asgi->max_queue))
        rc = YODEL_ERR_CONGESTED;
    if (rc == 0)
        rc = append(asgi, item);
    if (rc < 0)
        yd_asgi_free_item(item);
    return rc;
}

void yd_asgi_failed(const struct yd_asgi_host *host, const struct yd_redis_reply *reply)
{
    if (yd_redis_is_error(reply) && yd_redis_may_log(host->redis))
        yd_log(yd_redis_log(host->redis), YODEL_LOG_WARN, "a channel layer in Redis: %.*s",
               (int)YD_MIN(reply->text.len, 200), reply->text.ptr);
}

/* ---- messages ---- */

static int seal(struct yd_asgi *asgi, struct yd_buf *buf, const struct yd_asgi_item *item,
                const struct yd_asgi_channels *channels)
{
    struct yd_buf map = {0};
    int rc = yd_asgi_put(asgi->mem, &map, item->pairs, item->num, channels);

    if (rc == 0)
        rc = yd_fernet_put(asgi->mem, buf, &asgi->keys[0], NULL, yd_asgi_now_us() / 1000000,
                           (yodel_bytes){map.ptr, map.len});
    yd_buf_free(asgi->mem, &map);
    return rc;
}

int yd_asgi_make_message(struct yd_asgi *asgi, struct yd_buf *buf, const struct yd_asgi_item *item,
                         const struct yd_asgi_channels *channels)
{
    return asgi->num_keys > 0 ? seal(asgi, buf, item, channels)
                              : yd_asgi_put(asgi->mem, buf, item->pairs, item->num, channels);
}
