/* SPDX-License-Identifier: MIT */
#include "channels_redis/asgi_take.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "channels/channel_event.h"
#include "channels_redis/asgi_groups.h"

/* Messages that come. */

/* Names in one message; more of them are not believed. */
#define MAX_NAMES 10000

/* Sixteen hex digits. */
static bool parse_id(yodel_str text, uint64_t *ret_id)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t id = 0;

    if (text.len != 16)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = memchr(digits, text.ptr[i], 16);

        if (digit == NULL)
            return false;
        id = id << 4 | (uint64_t)(digit - digits);
    }
    *ret_id = id;
    return true;
}

static yodel_str cut(yodel_str text, size_t len)
{
    return (yodel_str){text.ptr + len, text.len - len};
}

struct delivery {
    struct yd_asgi *asgi;
    yodel_channels *channels;
    yodel_event *event;
};

static void deliver_to_group(const struct delivery *delivery, struct yd_asgi_group *group)
{
    if (group == NULL || group->stamp == delivery->asgi->stamp)
        return; /* its members have left, or have it already */
    group->stamp = delivery->asgi->stamp;
    if (yd_channels_send_here(delivery->channels, group->node.key, delivery->event) < 0)
        yd_asgi_count(&delivery->asgi->counters.dropped, 1);
}

/* A channel of ours: a group as we have joined it, or a WebSocket. */
static void deliver_to_channel(const struct delivery *delivery, yodel_str name)
{
    struct yd_asgi *asgi = delivery->asgi;
    yodel_str own = yd_asgi_own(asgi);
    uint64_t id;

    if (name.len <= own.len || memcmp(name.ptr, own.ptr, own.len) != 0)
        return;
    name = cut(name, own.len);
    if (name.ptr[0] == 'g' && parse_id(cut(name, 1), &id))
        deliver_to_group(delivery, yd_asgi_find_group_id(asgi, id));
    else if (parse_id(name, &id) &&
             yd_channels_send_direct(delivery->channels, id, delivery->event) < 0)
        yd_asgi_count(&asgi->counters.dropped, 1);
}

static void deliver_to_named(const struct delivery *delivery, yodel_bytes channels)
{
    struct yd_asgi_iter iter;
    yodel_str name;

    if (!yd_asgi_iter_init(channels, &iter)) {
        yd_asgi_count(&delivery->asgi->counters.malformed, 1);
        return;
    }
    for (unsigned i = 0; i < MAX_NAMES && yd_asgi_next(&iter, &name); i++)
        deliver_to_channel(delivery, name);
    if (iter.left > 0)
        yd_asgi_count(&delivery->asgi->counters.malformed, 1);
}

static void deliver(const struct delivery *delivery, const struct yd_asgi_message *message,
                    const struct yd_asgi_to *to)
{
    delivery->asgi->stamp++;
    if (to->group != NULL)
        deliver_to_group(delivery, to->group);
    else if (to->receiver != NULL)
        to->receiver->fn(delivery->channels, delivery->event, to->receiver->user);
    else if (to->channel.len > 0)
        deliver_to_channel(delivery, to->channel);
    else
        deliver_to_named(delivery, message->channels);
}

static yodel_channels *ref_channels(struct yd_asgi *asgi)
{
    yodel_channels *channels = NULL;

    pthread_mutex_lock(&asgi->lock);
    if (asgi->channels != NULL && yd_channels_try_ref(asgi->channels))
        channels = asgi->channels;
    pthread_mutex_unlock(&asgi->lock);
    return channels;
}

static int take_map(struct yd_asgi *asgi, yodel_bytes map, const struct yd_asgi_to *to)
{
    struct yd_asgi_message message = {{NULL, 0}, {NULL, 0}, {0}};
    struct delivery delivery = {.asgi = asgi};
    int rc = yd_asgi_read(asgi->mem, map, &message);

    if (rc == 0)
        rc = yd_event_new_text(asgi->mem, message.type,
                               (yodel_str){(const char *)message.json.ptr, message.json.len},
                               &delivery.event);
    if (rc == 0 && (delivery.channels = ref_channels(asgi)) != NULL) {
        deliver(&delivery, &message, to);
        yodel_channels_unref(delivery.channels);
    }
    yd_event_unref(delivery.event);
    yd_buf_free(asgi->mem, &message.json);
    return rc;
}

/* The map of a token.  In the core layer a token is believed as long as a message may live. */
static int open_token(struct yd_asgi *asgi, yodel_bytes token, struct yd_buf *map)
{
    uint64_t max_age_s = asgi->form == YODEL_CHANNELS_CORE ? (uint64_t)asgi->expiry_s + 10 : 0;

    return yd_fernet_read(asgi->mem, map, asgi->keys, asgi->num_keys, yd_asgi_now_us() / 1000000,
                          max_age_s, token);
}

void yd_asgi_take(struct yd_asgi *asgi, yodel_bytes message, const struct yd_asgi_to *to)
{
    struct yd_buf map = {0};
    int rc = message.len > asgi->max_message ? YODEL_ERR_TOO_BIG : 0;

    yd_asgi_count(&asgi->counters.received, 1);
    if (rc == 0 && asgi->num_keys > 0 && (rc = open_token(asgi, message, &map)) == 0)
        message = (yodel_bytes){map.ptr, map.len};
    if (rc == 0)
        rc = take_map(asgi, message, to);
    yd_buf_free(asgi->mem, &map);
    if (rc == -ENOMEM)
        yd_asgi_count(&asgi->counters.dropped, 1);
    else if (rc == -ETIMEDOUT)
        yd_asgi_count(&asgi->counters.expired, 1);
    else if (rc < 0)
        yd_asgi_count(&asgi->counters.malformed, 1);
}
