/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels_redis/asgi_groups.h"
#include "channels_redis/asgi_names.h"
#include "channels_redis/asgi_send.h"
#include "channels_redis/asgi_take.h"

/*
 * The pubsub layer: a group is a channel of Redis, and so is each consumer's.  Ours are all in one
 * pattern.
 *
 * Messages have no sender, and what we publish comes back to us where we have members, who have it
 * already.  So we note a hash of each such message; the first that comes with that hash is it.
 */

/* How long a message is awaited after Redis has published it. */
#define ECHO_MS 10000

struct echo {
    struct yd_list node; /* of its group; alone: it has come, or is not awaited any more */
    struct yd_asgi *asgi;
    uint64_t hash;
    uint64_t published_ms; /* 0: Redis has not said so yet */
};

static uint64_t hash_of(const struct yd_asgi *asgi, yodel_bytes message)
{
    return yd_bus_key(asgi->bus, (yodel_str){(const char *)message.ptr, message.len}).hash;
}

/* ---- echoes ---- */

static void end_echo(struct echo *echo)
{
    yd_list_remove(&echo->node);
    if (echo->published_ms > 0)
        yd_free(echo->asgi->mem, echo);
}

/* Of a PUBLISH; NULL: it was carried out, perhaps. */
static void on_published(const struct yd_redis_reply *reply, void *arg)
{
    struct echo *echo = arg;
    struct yd_asgi *asgi = echo->asgi;
    bool is_error = yd_redis_is_error(reply);

    yd_asgi_count(reply == NULL ? &asgi->counters.lost
                  : is_error    ? &asgi->counters.dropped
                                : &asgi->counters.published,
                  1);
    if (is_error)
        yd_list_remove(&echo->node);
    echo->published_ms = yd_loop_due(asgi->loop, 1);
    if (yd_list_is_empty(&echo->node))
        yd_free(asgi->mem, echo);
}

static bool is_echo(struct yd_asgi_group *group, yodel_bytes message)
{
    uint64_t hash;

    if (yd_list_is_empty(&group->echoes))
        return false;
    hash = hash_of(group->asgi, message);
    for (struct yd_list *node = group->echoes.next; node != &group->echoes; node = node->next) {
        struct echo *echo = yd_container_of(node, struct echo, node);

        if (echo->hash != hash)
            continue;
        end_echo(echo);
        return true;
    }
    return false;
}

static void end_echoes(struct yd_asgi_group *group)
{
    while (!yd_list_is_empty(&group->echoes))
        end_echo(yd_container_of(group->echoes.next, struct echo, node));
}

static void forget_old(struct yd_asgi_group *group)
{
    uint64_t now = yd_loop_due(group->asgi->loop, 0);

    for (struct yd_list *node = group->echoes.next, *next; node != &group->echoes; node = next) {
        struct echo *echo = yd_container_of(node, struct echo, node);

        next = node->next;
        if (echo->published_ms > 0 && echo->published_ms + ECHO_MS < now)
            end_echo(echo);
    }
}

void yd_pubsub_forget_echoes(struct yd_asgi *asgi)
{
    yd_asgi_each_joined(asgi, forget_old);
}

/* ---- what comes ---- */

static void on_group_message(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    struct yd_asgi_group *group = yd_container_of(sub, struct yd_asgi_group, sub);

    (void)channel;
    if (!is_echo(group, payload))
        yd_asgi_take(group->asgi, payload, &(struct yd_asgi_to){.group = group});
}

static void send_held(struct yd_asgi_group *group);

/* What was on its way when the connection broke does not come any more. */
static void on_group_active(struct yd_redis_sub *sub, bool active)
{
    struct yd_asgi_group *group = yd_container_of(sub, struct yd_asgi_group, sub);

    yd_asgi_set_heard(group, active);
    if (active)
        send_held(group);
    else
        end_echoes(group);
}

static void on_direct_message(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    struct yd_asgi_host *host = yd_container_of(sub, struct yd_asgi_host, direct);

    yd_asgi_take(host->asgi, payload, &(struct yd_asgi_to){.channel = channel});
}

static void on_received(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    struct yd_asgi_receiver *receiver = yd_container_of(sub, struct yd_asgi_receiver, sub);

    (void)channel;
    yd_asgi_take(receiver->asgi, payload, &(struct yd_asgi_to){.receiver = receiver});
}

/* ---- groups ---- */

static struct yd_asgi_host *host_of(struct yd_asgi *asgi, yodel_str channel)
{
    return &asgi->hosts[yd_asgi_shard(channel, asgi->num_hosts)];
}

/* The caller frees it. */
static char *make_channel(const struct yd_asgi *asgi, yodel_str group, size_t *ret_len)
{
    static const char middle[] = "__group__";
    size_t prefix = strlen(asgi->prefix), len = prefix + sizeof middle - 1 + group.len;
    char *channel = yd_alloc(asgi->mem, len);

    if (channel == NULL)
        return NULL;
    memcpy(channel, asgi->prefix, prefix);
    memcpy(channel + prefix, middle, sizeof middle - 1);
    memcpy(channel + prefix + sizeof middle - 1, group.ptr, group.len);
    *ret_len = len;
    return channel;
}

static void leave(struct yd_asgi_group *group)
{
    struct yd_asgi *asgi = group->asgi;

    yd_redis_unsubscribe(host_of(asgi, group->sub.name)->redis, &group->sub);
    yd_free(asgi->mem, (void *)(uintptr_t)group->sub.name.ptr);
    group->sub.name = (yodel_str){NULL, 0};
    yd_asgi_set_heard(group, false);
    end_echoes(group);
    send_held(group);
}

bool yd_pubsub_join(struct yd_asgi_group *group, bool join)
{
    struct yd_asgi *asgi = group->asgi;
    char *channel;
    size_t len;

    if (!join) {
        leave(group);
        return true;
    }
    if ((channel = make_channel(asgi, group->node.key, &len)) == NULL)
        return false;
    group->sub = (struct yd_redis_sub){.kind = YD_REDIS_CHANNEL,
                                       .name = {channel, len},
                                       .on_message = on_group_message,
                                       .on_active = on_group_active};
    if (yd_redis_subscribe(host_of(asgi, group->sub.name)->redis, &group->sub) == 0)
        return true;
    yd_free(asgi->mem, channel);
    return false;
}

static void leave_at_the_end(struct yd_asgi_group *group)
{
    leave(group);
    group->joined = false;
}

/* ---- sending ---- */

/* group: NULL, or whose members here have it already. */
static void publish(struct yd_asgi *asgi, yodel_str channel, yodel_bytes message,
                    struct yd_asgi_group *group)
{
    yodel_bytes argv[] = {
        {(const uint8_t *)"PUBLISH", 7}, {(const uint8_t *)channel.ptr, channel.len}, message};
    struct echo *echo = yd_zalloc(asgi->mem, sizeof *echo);
    struct yd_redis_command command = {
        .argc = 3, .argv = argv, .fn = on_published, .arg = echo, .key = channel};

    if (echo == NULL) {
        yd_asgi_count(&asgi->counters.dropped, 1);
        return;
    }
    yd_list_init(&echo->node);
    echo->asgi = asgi;
    echo->hash = hash_of(asgi, message);
    if (yd_redis_command(host_of(asgi, channel)->redis, &command) < 0) {
        yd_asgi_count(&asgi->counters.dropped, 1);
        yd_free(asgi->mem, echo);
    } else if (group != NULL) {
        yd_list_append(&group->echoes, &echo->node);
    }
}

/* group: NULL, or it is subscribed.  Takes item. */
static void send_item(struct yd_asgi *asgi, struct yd_asgi_item *item, struct yd_asgi_group *group)
{
    struct yd_buf message = {0};
    yodel_str channel = item->name;
    char *made = NULL;

    if (item->to_group) {
        made = make_channel(asgi, item->name, &channel.len);
        channel.ptr = made;
    }
    if (channel.ptr == NULL || yd_asgi_make_message(asgi, &message, item, NULL) < 0)
        yd_asgi_count(&asgi->counters.dropped, 1);
    else
        publish(asgi, channel, (yodel_bytes){message.ptr, message.len}, group);
    yd_buf_free(asgi->mem, &message);
    yd_free(asgi->mem, made);
    yd_asgi_free_item(item);
}

static void send_held(struct yd_asgi_group *group)
{
    while (!yd_list_is_empty(&group->held)) {
        struct yd_asgi_item *item = yd_container_of(group->held.next, struct yd_asgi_item, node);

        yd_list_remove(&item->node);
        send_item(group->asgi, item, group->sub.active ? group : NULL);
    }
}

/* Whether what we publish comes back is known only while the subscription is there, or none is. */
void yd_pubsub_send(struct yd_asgi *asgi, struct yd_asgi_item *item)
{
    struct yd_asgi_group *group = item->to_group ? yd_asgi_find_group(asgi, item->name) : NULL;

    if (group != NULL && !group->joined)
        group = NULL;
    if (group != NULL && (!group->sub.active || !yd_list_is_empty(&group->held)))
        yd_list_append(&group->held, &item->node);
    else
        send_item(asgi, item, group);
}

/* ---- start, stop ---- */

static int receive(struct yd_asgi_receiver *receiver)
{
    struct yd_asgi *asgi = receiver->asgi;

    receiver->sub = (struct yd_redis_sub){
        .kind = YD_REDIS_CHANNEL, .name = yodel_str_of(receiver->name), .on_message = on_received};
    return yd_redis_subscribe(host_of(asgi, receiver->sub.name)->redis, &receiver->sub);
}

/* Every channel of ours: "specific.<process>!*". */
int yd_pubsub_start(struct yd_asgi *asgi)
{
    int rc = 0;

    (void)snprintf(asgi->own_pattern, sizeof asgi->own_pattern, "%s*", asgi->own);
    for (unsigned i = 0; i < asgi->num_hosts && rc == 0; i++) {
        struct yd_asgi_host *host = &asgi->hosts[i];

        host->direct = (struct yd_redis_sub){.kind = YD_REDIS_PATTERN,
                                             .name = yodel_str_of(asgi->own_pattern),
                                             .on_message = on_direct_message};
        rc = yd_redis_subscribe(host->redis, &host->direct);
    }
    for (struct yd_asgi_receiver *r = asgi->receivers; r != NULL && rc == 0; r = r->next)
        rc = receive(r);
    return rc;
}

void yd_pubsub_stop(struct yd_asgi *asgi)
{
    yd_asgi_each_joined(asgi, leave_at_the_end);
    for (unsigned i = 0; i < asgi->num_hosts; i++)
        yd_redis_unsubscribe(asgi->hosts[i].redis, &asgi->hosts[i].direct);
    for (struct yd_asgi_receiver *r = asgi->receivers; r != NULL; r = r->next)
        yd_redis_unsubscribe(host_of(asgi, yodel_str_of(r->name))->redis, &r->sub);
}
