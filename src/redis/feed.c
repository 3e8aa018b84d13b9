/* SPDX-License-Identifier: MIT */
#include "redis/feed.h"

#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/core.h"

/* Names that were refused are asked for again after so long, ms. */
#define RETRY_MS 1000

static struct yd_redis_feed *feed_of(struct yd_redis_link *link)
{
    return yd_container_of(link, struct yd_redis_feed, link);
}

static bool equals(yodel_str a, const char *b)
{
    size_t len = strlen(b);

    return a.len == len && memcmp(a.ptr, b, len) == 0;
}

static bool starts_with(yodel_str text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

/* ---- what comes in ---- */

static const char kind_letters[] = {'\0', 'p', 's'}; /* ahead of "subscribe" */

static bool find_kind(yodel_str word, const char *rest, enum yd_redis_kind *ret)
{
    for (unsigned kind = 0; kind < 3; kind++) {
        yodel_str after = word;

        if (kind_letters[kind] != '\0') {
            if (word.len == 0 || word.ptr[0] != kind_letters[kind])
                continue;
            after = (yodel_str){word.ptr + 1, word.len - 1};
        }
        if (equals(after, rest)) {
            *ret = (enum yd_redis_kind)kind;
            return true;
        }
    }
    return false;
}

static void on_message(struct yd_redis_link *link, enum yd_redis_kind kind,
                       const struct yd_redis_reply *reply)
{
    unsigned at = kind == YD_REDIS_PATTERN ? 2 : 1;
    yodel_redis *redis = link->redis;
    struct yd_redis_name *name;
    yodel_str payload;

    if (reply->num != at + 2 || reply->elements[at + 1]->type != YODEL_REDIS_STRING) {
        yd_redis_count_malformed(redis);
        return;
    }
    yd_redis_count(&redis->received, 1);
    name = yd_redis_names_find(redis, kind, reply->elements[1]->text);
    if (name == NULL || name->num_subs == 0)
        return; /* it was unsubscribed, and that is under way */
    payload = reply->elements[at + 1]->text;
    yd_redis_name_deliver(redis, name, reply->elements[at]->text,
                          (yodel_bytes){(const uint8_t *)payload.ptr, payload.len});
}

/* What is first in the queue; NULL: nothing is awaited. */
static struct yd_redis_await *first(const struct yd_redis_feed *feed)
{
    return yd_list_is_empty(&feed->awaits)
               ? NULL
               : yd_container_of(feed->awaits.next, struct yd_redis_await, node);
}

static void take_first(struct yd_redis_feed *feed, struct yd_redis_await *await)
{
    yd_list_remove(&await->node);
    await->what = YD_AWAIT_NONE;
    yd_redis_link_got(&feed->link);
}

static struct yd_redis_name *name_of(struct yd_redis_await *await)
{
    return yd_container_of(await, struct yd_redis_name, await);
}

static bool is_of(struct yd_redis_await *await, unsigned what, const struct yd_redis_name *name)
{
    return await != NULL && await->what == what && name_of(await) == name;
}

static void out_of_step(struct yd_redis_feed *feed)
{
    yd_redis_count_malformed(feed->link.redis);
    yd_redis_link_fail(&feed->link, "confirms what was not asked for");
}

static void on_subscribed(struct yd_redis_feed *feed, struct yd_redis_name *name)
{
    struct yd_redis_await *await = first(feed);

    if (name == NULL || !is_of(await, YD_AWAIT_ON, name)) {
        out_of_step(feed);
        return;
    }
    take_first(feed, await);
    name->refused = false;
    yd_redis_name_set_missing(name, false);
    yd_redis_name_set_on(feed->link.redis, name, true);
    yd_redis_name_settle(feed->link.redis, name);
}

static void ask_again_later(struct yd_redis_feed *feed)
{
    struct yd_loop *loop = feed->link.redis->env.loop;

    if (!yd_timer_is_running(&feed->retry))
        yd_timer_start(&loop->wheel, &feed->retry, yd_loop_due(loop, RETRY_MS));
}

/* Nobody has asked for it: the slot of a sharded channel has moved away. */
static void on_forced(struct yd_redis_feed *feed, struct yd_redis_name *name)
{
    yodel_redis *redis = feed->link.redis;

    if (name == NULL || name->feed != feed || !name->on)
        return;
    if (name->num_subs > 0)
        yd_redis_name_set_missing(name, true);
    name->busy++;
    yd_redis_name_set_on(redis, name, false);
    name->refused = true; /* until it is known where it is now */
    ask_again_later(feed);
    redis->hooks->refresh(redis);
    name->busy--;
    yd_redis_name_settle(redis, name);
}

static void on_unsubscribed(struct yd_redis_feed *feed, struct yd_redis_name *name)
{
    struct yd_redis_await *await = first(feed);

    if (name == NULL || !is_of(await, YD_AWAIT_OFF, name)) {
        on_forced(feed, name);
        return;
    }
    take_first(feed, await);
    yd_redis_name_set_on(feed->link.redis, name, false);
    yd_redis_name_settle(feed->link.redis, name);
}

static void on_pong(struct yd_redis_feed *feed)
{
    struct yd_redis_await *await = first(feed);

    if (await == NULL || await->what != YD_AWAIT_PING) {
        out_of_step(feed);
        return;
    }
    take_first(feed, await);
}

static void on_array(struct yd_redis_feed *feed, const struct yd_redis_reply *reply)
{
    yodel_redis *redis = feed->link.redis;
    enum yd_redis_kind kind;
    yodel_str word;

    if (reply->num < 2 || reply->elements[0]->type != YODEL_REDIS_STRING) {
        out_of_step(feed);
        return;
    }
    word = reply->elements[0]->text;
    if (find_kind(word, "message", &kind))
        on_message(&feed->link, kind, reply);
    else if (find_kind(word, "subscribe", &kind))
        on_subscribed(feed, yd_redis_names_find(redis, kind, reply->elements[1]->text));
    else if (find_kind(word, "unsubscribe", &kind))
        on_unsubscribed(feed, yd_redis_names_find(redis, kind, reply->elements[1]->text));
    else if (equals(word, "pong"))
        on_pong(feed);
    else
        out_of_step(feed);
}

/* The first that is awaited was refused. */
static void on_error(struct yd_redis_feed *feed, const struct yd_redis_reply *reply)
{
    struct yd_redis_await *await = first(feed);
    yodel_redis *redis = feed->link.redis;
    struct yd_redis_name *name;

    if (await == NULL || await->what == YD_AWAIT_PING) {
        on_pong(feed);
        return;
    }
    name = name_of(await);
    if (await->what == YD_AWAIT_OFF) /* it is not there, then */
        name->on = false;
    take_first(feed, await);
    if (starts_with(reply->text, "NOAUTH")) {
        yd_redis_link_fail(&feed->link, "NOAUTH: it wants a login");
        return;
    }
    name->refused = true;
    if (name->num_subs > 0)
        yd_redis_name_set_missing(name, true);
    if (starts_with(reply->text, "MOVED"))
        redis->hooks->moved(redis, reply->text);
    else if (starts_with(reply->text, "CLUSTERDOWN"))
        redis->hooks->refresh(redis);
    else if (redis->on_refused == NULL && yd_redis_may_log(redis))
        yd_log(redis->env.log, YODEL_LOG_WARN, "redis refuses to subscribe %s: %" YODEL_PRI,
               name->text, YODEL_ARG(reply->text));
    ask_again_later(feed);
    yd_redis_name_settle(redis, name);
    (void)yd_redis_tell_refusal(redis, YODEL_STR("SUBSCRIBE"), reply->text);
}

static void on_reply(struct yd_redis_link *link, const struct yd_redis_reply *reply)
{
    struct yd_redis_feed *feed = feed_of(link);

    if (reply->type == YODEL_REDIS_ARRAY)
        on_array(feed, reply);
    else if (reply->type == YODEL_REDIS_ERROR)
        on_error(feed, reply);
    else
        on_pong(feed);
}

/* ---- the connection ---- */

static void on_retry(struct yd_timer *timer)
{
    struct yd_redis_feed *feed = yd_container_of(timer, struct yd_redis_feed, retry);

    yd_redis_names_retry(feed->link.redis, feed);
}

static void on_ready(struct yd_redis_link *link)
{
    yd_redis_names_settle(link->redis, feed_of(link));
    link->redis->hooks->changed(link->redis);
}

static void on_lost(struct yd_redis_link *link)
{
    struct yd_redis_feed *feed = feed_of(link);
    struct yd_redis_await *await;

    while ((await = first(feed)) != NULL)
        take_first(feed, await);
    yd_timer_stop(&link->redis->env.loop->wheel, &feed->retry);
    link->redis->hooks->changed(link->redis);
    yd_redis_names_lost(link->redis, feed);
}

static void on_quiet(struct yd_redis_link *link)
{
    struct yd_redis_feed *feed = feed_of(link);

    feed->ping.what = YD_AWAIT_PING;
    yd_list_append(&feed->awaits, &feed->ping.node);
    (void)yd_redis_link_send(link, yd_redis_link_ping, sizeof yd_redis_link_ping - 1, 1);
}

static const struct yd_redis_link_ops link_ops = {
    .on_ready = on_ready,
    .on_reply = on_reply,
    .on_lost = on_lost,
    .on_quiet = on_quiet,
    .locate = yd_redis_locate,
    .on_failed = yd_redis_failed,
};

void yd_redis_feed_init(struct yd_redis_feed *feed, yodel_redis *redis,
                        const struct yd_redis_address *address)
{
    feed->link.redis = redis;
    feed->link.ops = &link_ops;
    feed->link.address = address;
    feed->link.what = "subscriptions";
    yd_redis_link_init(&feed->link);
    yd_list_init(&feed->awaits);
    yd_list_init(&feed->ping.node);
    yd_timer_init(&feed->retry, on_retry);
}

void yd_redis_feed_stop(struct yd_redis_feed *feed)
{
    struct yd_redis_await *await;

    while ((await = first(feed)) != NULL)
        take_first(feed, await);
    yd_timer_stop(&feed->link.redis->env.loop->wheel, &feed->retry);
    yd_redis_link_stop(&feed->link, false);
}
