/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "channels_redis/asgi_call.h"
#include "channels_redis/asgi_groups.h"
#include "channels_redis/asgi_send.h"

/* What other threads have left for the loop, and what it does from time to time. */

/* How often a membership is renewed in its time. */
#define RENEWALS 3
/* How often it looks, at least: for what there was no memory for. */
#define LOOK_MS 5000
/* When what could not be told to Redis is tried again. */
#define AGAIN_MS 500

static void change_groups(struct yd_asgi *asgi)
{
    struct yd_asgi_group *group, *failed = NULL;
    bool join;

    while ((group = yd_asgi_next_change(asgi, &join)) != NULL && group != failed) {
        bool done = asgi->form == YODEL_CHANNELS_CORE ? yd_core_join(group, join)
                                                      : yd_pubsub_join(group, join);

        if (done || !join) { /* what could not be left ends by itself */
            group->joined = join;
            continue;
        }
        yd_asgi_change_again(asgi, group);
        asgi->tries_again = true;
        failed = failed != NULL ? failed : group;
    }
    if (group != NULL)
        yd_asgi_change_again(asgi, group);
}

static void send_items(struct yd_asgi *asgi)
{
    struct yd_list items;

    pthread_mutex_lock(&asgi->lock);
    yd_list_move(&asgi->queue, &items);
    pthread_mutex_unlock(&asgi->lock);
    while (!yd_list_is_empty(&items)) {
        struct yd_asgi_item *item = yd_container_of(items.next, struct yd_asgi_item, node);

        yd_list_remove(&item->node);
        if (asgi->form == YODEL_CHANNELS_CORE)
            yd_core_send(asgi, item);
        else
            yd_pubsub_send(asgi, item);
    }
}

static void start_timer(struct yd_asgi *asgi)
{
    uint64_t ms = (uint64_t)asgi->lease_s * 1000 / RENEWALS;

    if (asgi->tries_again)
        ms = AGAIN_MS;
    else if (asgi->form == YODEL_CHANNELS_PUBSUB || ms > LOOK_MS)
        ms = LOOK_MS;

    yd_timer_start(&asgi->loop->wheel, &asgi->refresh, yd_loop_due(asgi->loop, ms));
}

static void look(struct yd_asgi *asgi)
{
    bool tried = asgi->tries_again;

    asgi->tries_again = false;
    change_groups(asgi);
    send_items(asgi);
    if (asgi->tries_again && !tried)
        start_timer(asgi);
}

static void run_call(struct yd_loop *loop, void *arg)
{
    struct yd_asgi *asgi = arg;
    bool ended;

    (void)loop;
    pthread_mutex_lock(&asgi->lock);
    asgi->called = false;
    ended = asgi->ended;
    pthread_mutex_unlock(&asgi->lock);
    if (!ended)
        look(asgi);
}

static void renew(struct yd_asgi_group *group)
{
    (void)yd_core_join(group, true);
}

static void run_timer(struct yd_timer *timer)
{
    struct yd_asgi *asgi = yd_container_of(timer, struct yd_asgi, refresh);
    uint64_t now = yd_loop_due(asgi->loop, 0);

    yd_asgi_find_missed(asgi);
    look(asgi);
    if (asgi->form == YODEL_CHANNELS_PUBSUB) {
        yd_pubsub_forget_echoes(asgi);
    } else if (now >= asgi->renew_ms) {
        asgi->renew_ms = now + (uint64_t)asgi->lease_s * 1000 / RENEWALS;
        yd_asgi_each_joined(asgi, renew);
    }
    start_timer(asgi);
}

void yd_asgi_init_call(struct yd_asgi *asgi)
{
    yd_call_init(&asgi->call, YD_CALL_CONTROL, run_call, asgi);
    yd_timer_init(&asgi->refresh, run_timer);
}

void yd_asgi_start_call(struct yd_asgi *asgi)
{
    asgi->renew_ms = yd_loop_due(asgi->loop, 0) + (uint64_t)asgi->lease_s * 1000 / RENEWALS;
    start_timer(asgi);
    pthread_mutex_lock(&asgi->lock);
    asgi->started = true;
    yd_asgi_wake(asgi);
    pthread_mutex_unlock(&asgi->lock);
}

void yd_asgi_stop_call(struct yd_asgi *asgi)
{
    look(asgi);
    yd_timer_stop(&asgi->loop->wheel, &asgi->refresh);
    pthread_mutex_lock(&asgi->lock);
    asgi->ended = true;
    pthread_mutex_unlock(&asgi->lock);
}
