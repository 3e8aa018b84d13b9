/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/heard.h"
#include "channels_redis/asgi_call.h"
#include "channels_redis/asgi_groups.h"
#include "channels_redis/asgi_life.h"
#include "channels_redis/asgi_pop.h"
#include "channels_redis/asgi_send.h"
#include "channels_redis/asgi_target.h"

/* The life of a layer in Redis: a part of the server. */

static struct yd_asgi *asgi_of(struct yd_part *part)
{
    return yd_container_of(part, struct yd_asgi, part);
}

static yodel_bytes bytes_of(const char *text)
{
    return (yodel_bytes){(const uint8_t *)text, strlen(text)};
}

/* ---- core ---- */

static struct yd_asgi_pop **pop_of(struct yd_asgi_receiver *receiver, unsigned host)
{
    return &receiver->pops[host];
}

static int start_pop(struct yd_asgi_pop **pop, struct yd_asgi_host *host,
                     struct yd_asgi_receiver *receiver, yodel_str channel)
{
    if ((*pop = yd_asgi_pop_new(host, receiver, channel)) == NULL)
        return -ENOMEM;
    return yd_asgi_pop_start(*pop);
}

/* Our own queue is read on every host: channels_redis sends to one channel where its whole name
 * belongs, and to a group's where the process' part does. */
int yd_core_start(struct yd_asgi *asgi)
{
    int rc = 0;

    for (unsigned i = 0; i < asgi->num_hosts && rc == 0; i++) {
        struct yd_asgi_host *host = &asgi->hosts[i];

        rc = start_pop(&host->own, host, NULL, yd_asgi_own(asgi));
        for (struct yd_asgi_receiver *r = asgi->receivers; r != NULL && rc == 0; r = r->next)
            rc = start_pop(pop_of(r, i), host, r, yodel_str_of(r->name));
    }
    return rc;
}

static void stop_pop(struct yd_asgi_pop **pop)
{
    if (*pop != NULL)
        yd_asgi_pop_stop(*pop);
    yd_asgi_pop_free(*pop);
    *pop = NULL;
}

static void delete_queue(struct yd_asgi_host *host)
{
    const char *key = yd_asgi_pop_key(host->own);
    yodel_bytes argv[] = {bytes_of("DEL"), bytes_of(key)};
    struct yd_redis_command command = {.argc = 2, .argv = argv, .key = yodel_str_of(key)};

    (void)yd_redis_command(host->redis, &command);
}

static void leave_at_the_end(struct yd_asgi_group *group)
{
    (void)yd_core_join(group, false);
    group->joined = false;
}

void yd_core_stop(struct yd_asgi *asgi)
{
    yd_asgi_each_joined(asgi, leave_at_the_end);
    for (unsigned i = 0; i < asgi->num_hosts; i++) {
        if (asgi->hosts[i].own != NULL)
            delete_queue(&asgi->hosts[i]);
        stop_pop(&asgi->hosts[i].own);
        for (struct yd_asgi_receiver *r = asgi->receivers; r != NULL; r = r->next)
            stop_pop(pop_of(r, i));
    }
    yd_asgi_targets_stop(asgi);
}

/* ---- hosts ---- */

static void join_again(struct yd_asgi_group *group)
{
    (void)yd_core_join(group, true);
}

/* It may have come back empty. */
static void on_up(struct yd_redis_watcher *watcher)
{
    struct yd_asgi_host *host = yd_container_of(watcher, struct yd_asgi_host, watcher);
    struct yd_asgi *asgi = host->asgi;

    atomic_store(&host->up, true);
    if (asgi->form == YODEL_CHANNELS_CORE)
        yd_asgi_each_joined(asgi, join_again);
}

/* Nobody waits for it. */
static void on_down(struct yd_redis_watcher *watcher)
{
    struct yd_asgi_host *host = yd_container_of(watcher, struct yd_asgi_host, watcher);

    atomic_store(&host->up, false);
    yd_bus_hears_more(host->asgi->bus);
}

/* No client of the server's is left: what its groups were is told. */
static void finish(struct yd_asgi *asgi)
{
    if (!asgi->started || asgi->ended)
        return;
    for (unsigned i = 0; i < asgi->num_hosts; i++)
        on_down(&asgi->hosts[i].watcher);
    yd_asgi_stop_call(asgi);
    if (asgi->form == YODEL_CHANNELS_CORE)
        yd_core_stop(asgi);
    else
        yd_pubsub_stop(asgi);
}

static void on_finish(struct yd_redis_watcher *watcher)
{
    finish(yd_container_of(watcher, struct yd_asgi_host, watcher)->asgi);
}

/* ---- as a part of the server ---- */

static void begin(struct yd_part *part, struct yd_loop *loop)
{
    struct yd_asgi *asgi = asgi_of(part);
    int rc;

    asgi->loop = loop;
    (void)snprintf(asgi->own, sizeof asgi->own, "specific.%s!", yd_bus_process(asgi->bus));
    rc = asgi->form == YODEL_CHANNELS_CORE ? yd_core_start(asgi) : yd_pubsub_start(asgi);
    if (rc < 0)
        yd_log(yd_redis_log(asgi->hosts[0].redis), YODEL_LOG_ERROR,
               "a channel layer cannot receive from Redis: %s", yodel_strerror(rc));
    yd_asgi_start_call(asgi);
    for (unsigned i = 0; i < asgi->num_hosts; i++) {
        asgi->hosts[i].watcher =
            (struct yd_redis_watcher){.on_up = on_up, .on_down = on_down, .on_finish = on_finish};
        yd_redis_on_state(asgi->hosts[i].redis, &asgi->hosts[i].watcher);
    }
}

static void end(struct yd_part *part)
{
    struct yd_asgi *asgi = asgi_of(part);

    finish(asgi);
    for (unsigned i = 0; i < asgi->num_hosts; i++) {
        if (asgi->hosts[i].watcher.on_up != NULL)
            yd_redis_off_state(asgi->hosts[i].redis, &asgi->hosts[i].watcher);
        asgi->hosts[i].redis = yodel_redis_unref(asgi->hosts[i].redis);
    }
    asgi->num_hosts = 0;
}

static void free_items(struct yd_list *items)
{
    while (!yd_list_is_empty(items)) {
        struct yd_asgi_item *item = yd_container_of(items->next, struct yd_asgi_item, node);

        yd_list_remove(&item->node);
        yd_asgi_free_item(item);
    }
}

static void free_receivers(struct yd_asgi *asgi)
{
    while (asgi->receivers != NULL) {
        struct yd_asgi_receiver *receiver = asgi->receivers;

        asgi->receivers = receiver->next;
        yd_free(asgi->mem, receiver->pops);
        yd_free(asgi->mem, receiver);
    }
}

void yd_asgi_free(struct yd_asgi *asgi)
{
    for (unsigned i = 0; i < asgi->num_hosts; i++)
        yodel_redis_unref(asgi->hosts[i].redis);
    free_items(&asgi->queue);
    free_items(&asgi->items);
    yd_asgi_targets_done(asgi);
    yd_asgi_free_groups(asgi);
    free_receivers(asgi);
    for (size_t i = 0; i < asgi->num_capacities; i++)
        yd_free(asgi->mem, (void *)(uintptr_t)asgi->capacities[i].pattern);
    yd_free(asgi->mem, asgi->capacities);
    yd_free(asgi->mem, asgi->keys);
    yd_free(asgi->mem, asgi->hosts);
    yd_free(asgi->mem, asgi->prefix);
    pthread_mutex_destroy(&asgi->lock);
    yd_free(asgi->mem, asgi);
}

static void free_part(struct yd_part *part)
{
    yd_asgi_free(asgi_of(part));
}

const struct yd_part_ops yd_asgi_part_ops = {.begin = begin, .end = end, .free = free_part};
