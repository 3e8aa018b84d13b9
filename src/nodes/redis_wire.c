/* SPDX-License-Identifier: MIT */
#include "nodes/redis_wire.h"

#include <errno.h>
#include <stdio.h>

#include "base/container.h"
#include "base/mem.h"

static yodel_redis *redis_of(struct yd_node_wire *wire)
{
    return yd_container_of(wire, struct yd_redis_wire, wire)->redis;
}

static int publish(struct yd_node_wire *wire, yodel_str channel, yodel_bytes payload)
{
    return yd_redis_publish(redis_of(wire), channel, payload, 0);
}

/* ---- subscriptions ---- */

struct subscription {
    struct yd_redis_sub sub;
    struct yd_wire_sub *owner;
};

static void on_message(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    struct yd_wire_sub *owner = yd_container_of(sub, struct subscription, sub)->owner;

    (void)channel;
    owner->on_message(owner, payload);
}

static void on_active(struct yd_redis_sub *sub, bool active)
{
    struct yd_wire_sub *owner = yd_container_of(sub, struct subscription, sub)->owner;

    if (owner->active == active)
        return;
    owner->active = active;
    if (owner->on_active != NULL)
        owner->on_active(owner);
}

static int subscribe(struct yd_node_wire *wire, struct yd_wire_sub *sub)
{
    const struct yodel_allocator *mem = yd_redis_mem(redis_of(wire));
    struct subscription *subscription = yd_zalloc(mem, sizeof *subscription);
    int rc;

    if (subscription == NULL)
        return -ENOMEM;
    subscription->owner = sub;
    subscription->sub.kind = sub->is_pattern ? YD_REDIS_PATTERN : YD_REDIS_CHANNEL;
    subscription->sub.name = sub->name;
    subscription->sub.on_message = on_message;
    subscription->sub.on_active = on_active;
    sub->active = false;
    if ((rc = yd_redis_subscribe(redis_of(wire), &subscription->sub)) < 0) {
        yd_free(mem, subscription);
        return rc;
    }
    sub->wire = wire;
    sub->backend = subscription;
    return 0;
}

static void unsubscribe(struct yd_node_wire *wire, struct yd_wire_sub *sub)
{
    struct subscription *subscription = sub->backend;

    yd_redis_unsubscribe(redis_of(wire), &subscription->sub);
    yd_free(yd_redis_mem(redis_of(wire)), subscription);
    sub->wire = NULL;
    sub->backend = NULL;
    sub->active = false;
}

/* ---- the store ---- */

/* What Redis says to GET and SET: nothing is there, or it was not done for what is. */
static void on_reply(const struct yd_redis_reply *reply, void *arg)
{
    struct yd_wire_call *call = arg;
    yodel_bytes value = {NULL, 0};

    if (reply == NULL) {
        call->done(call, YODEL_ERR_CLOSED, value);
    } else if (reply->type == YODEL_REDIS_NIL) {
        call->done(call, 0, value);
    } else if (reply->type == YODEL_REDIS_STRING || reply->type == YODEL_REDIS_STATUS) {
        value = (yodel_bytes){(const uint8_t *)reply->text.ptr, reply->text.len};
        call->done(call, 1, value);
    } else {
        call->done(call, YODEL_ERR_PROTOCOL, value);
    }
}

static int send_command(struct yd_node_wire *wire, const yodel_bytes *argv, size_t argc,
                        struct yd_wire_call *call)
{
    struct yd_redis_command command = {
        .argc = argc,
        .argv = argv,
        .fn = call != NULL ? on_reply : NULL,
        .arg = call,
        .key = {(const char *)argv[1].ptr, argv[1].len},
    };

    return yd_redis_command(redis_of(wire), &command);
}

static yodel_bytes bytes_of(yodel_str text)
{
    return (yodel_bytes){(const uint8_t *)text.ptr, text.len};
}

static int get(struct yd_node_wire *wire, yodel_str key, struct yd_wire_call *call)
{
    const yodel_bytes argv[] = {bytes_of(YODEL_STR("GET")), bytes_of(key)};

    return send_command(wire, argv, 2, call);
}

static int set(struct yd_node_wire *wire, yodel_str key, yodel_bytes value, uint32_t ms,
               bool only_new, struct yd_wire_call *call)
{
    char life[16];
    yodel_bytes argv[] = {bytes_of(YODEL_STR("SET")),
                          bytes_of(key),
                          value,
                          bytes_of(YODEL_STR("PX")),
                          {(const uint8_t *)life, 0},
                          bytes_of(YODEL_STR("NX"))};

    argv[4].len = (size_t)snprintf(life, sizeof life, "%u", (unsigned)ms);
    return send_command(wire, argv, only_new ? 6 : 5, call);
}

static int del(struct yd_node_wire *wire, yodel_str key)
{
    const yodel_bytes argv[] = {bytes_of(YODEL_STR("DEL")), bytes_of(key)};

    return send_command(wire, argv, 2, NULL);
}

static const struct yd_node_wire_ops wire_ops = {publish, subscribe, unsubscribe, get, set, del};

void yd_redis_wire_init(struct yd_redis_wire *wire, yodel_redis *redis)
{
    wire->wire = (struct yd_node_wire){&wire_ops, yd_redis_loop(redis)};
    wire->redis = yodel_redis_ref(redis);
}

void yd_redis_wire_done(struct yd_redis_wire *wire)
{
    yodel_redis_unref(wire->redis);
}
