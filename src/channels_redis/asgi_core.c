/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels_redis/asgi_capacity.h"
#include "channels_redis/asgi_groups.h"
#include "channels_redis/asgi_names.h"
#include "channels_redis/asgi_send.h"
#include "channels_redis/asgi_target.h"

/*
 * The core layer: a group is a sorted set of channels, a process has one queue for all its
 * channels. We are in a group with one channel, "specific.<process>!g<16 hex digits>", which stands
 * for all members of this process.
 */

#define KEY_SIZE 600
#define NAME_SIZE 128 /* of a channel of ours */

static yodel_bytes bytes_of(const char *text)
{
    return (yodel_bytes){(const uint8_t *)text, strlen(text)};
}

static struct yd_asgi_host *host_of(struct yd_asgi *asgi, yodel_str name)
{
    return &asgi->hosts[yd_asgi_shard(name, asgi->num_hosts)];
}

/* False: it is too long. */
static bool make_group_key(const struct yd_asgi *asgi, yodel_str group, char key[KEY_SIZE])
{
    int len = snprintf(key, KEY_SIZE, "%s:group:%.*s", asgi->prefix, (int)group.len, group.ptr);

    return len > 0 && len < KEY_SIZE;
}

/* ---- our memberships ---- */

static bool command(struct yd_asgi_host *host, size_t argc, const yodel_bytes *argv)
{
    struct yd_redis_command given = {
        .argc = argc, .argv = argv, .key = {(const char *)argv[1].ptr, argv[1].len}};

    return yd_redis_command(host->redis, &given) == 0;
}

struct join {
    struct yd_asgi *asgi;
    uint64_t id;
};

static void on_joined(const struct yd_redis_reply *reply, void *arg)
{
    struct join *join = arg;

    (void)reply;
    yd_asgi_note_reply(join->asgi, join->id);
    yd_free(join->asgi->mem, join);
}

/* Without memory for it nobody waits for the reply. */
static bool add_member(struct yd_asgi_group *group, const yodel_bytes *argv)
{
    struct yd_asgi *asgi = group->asgi;
    struct join *join = yd_alloc(asgi->mem, sizeof *join);
    struct yd_redis_command given = {.argc = 4,
                                     .argv = argv,
                                     .fn = join != NULL ? on_joined : NULL,
                                     .arg = join,
                                     .key = {(const char *)argv[1].ptr, argv[1].len}};

    if (join != NULL)
        *join = (struct join){asgi, group->id};
    if (yd_redis_command(host_of(asgi, group->node.key)->redis, &given) < 0) {
        yd_free(asgi->mem, join);
        return false;
    }
    if (join != NULL)
        group->asked++;
    else
        yd_asgi_set_heard(group, true);
    return true;
}

bool yd_core_join(struct yd_asgi_group *group, bool join)
{
    struct yd_asgi *asgi = group->asgi;
    struct yd_asgi_host *host = host_of(asgi, group->node.key);
    char key[KEY_SIZE], name[NAME_SIZE], score[40], expiry[16];
    yodel_bytes add[] = {bytes_of("ZADD"), {NULL, 0}, {NULL, 0}, {NULL, 0}};
    yodel_bytes expire[] = {bytes_of("EXPIRE"), {NULL, 0}, {NULL, 0}};
    yodel_bytes leave[] = {bytes_of("ZREM"), {NULL, 0}, {NULL, 0}};

    if (!make_group_key(asgi, group->node.key, key)) {
        yd_asgi_set_heard(group, join);
        return true; /* no peer can have it */
    }
    (void)snprintf(name, sizeof name, "%sg%016" PRIx64, asgi->own, group->id);
    (void)snprintf(score, sizeof score, "%.6f", yd_asgi_lease_score(asgi, yd_asgi_now_us()));
    (void)snprintf(expiry, sizeof expiry, "%" PRIu32, asgi->group_expiry_s);
    add[1] = expire[1] = leave[1] = bytes_of(key);
    add[2] = bytes_of(score);
    add[3] = leave[2] = bytes_of(name);
    expire[2] = bytes_of(expiry);
    if (join)
        return add_member(group, add) && command(host, 3, expire);
    yd_asgi_set_heard(group, false);
    return command(host, 3, leave);
}

/* ---- sending ---- */

/* To all channels of names, which one process has. */
static void send_to_process(struct yd_asgi *asgi, const struct yd_asgi_item *item,
                            const yodel_str *names, uint32_t num, uint64_t us)
{
    yodel_str process = yd_asgi_process_part(names[0]);
    bool named = item->to_group || yd_asgi_is_specific(names[0]);
    struct yd_asgi_channels channels = {names, named ? num : 0, item->to_group};
    struct yd_asgi_message_to to = {
        .host = host_of(asgi, process),
        .key = process,
        .capacity = yd_asgi_capacity(asgi, names[0]),
    };
    struct yd_buf message = {0};
    uint8_t unique[12];

    if (!named && asgi->num_hosts > 1)
        to.host = &asgi->hosts[asgi->next_host++ % asgi->num_hosts];
    for (unsigned i = 0; i < 8; i++)
        unique[i] = (uint8_t)(us >> (56 - 8 * i));
    memcpy(unique + 8, asgi->random, 4);
    if (yd_buf_append(asgi->mem, &message, unique, sizeof unique) < 0 ||
        yd_asgi_make_message(asgi, &message, item, &channels) < 0) {
        yd_asgi_count(&asgi->counters.dropped, 1);
        yd_buf_free(asgi->mem, &message);
        return;
    }
    yd_asgi_target_send(asgi, &to, us, &message);
}

static int compare(const void *a, const void *b)
{
    yodel_str x = yd_asgi_process_part(*(const yodel_str *)a);
    yodel_str y = yd_asgi_process_part(*(const yodel_str *)b);
    int rc = memcmp(x.ptr, y.ptr, YD_MIN(x.len, y.len));

    return rc != 0 ? rc : (x.len > y.len) - (x.len < y.len);
}

/* All members of a group but ourselves, those of one process together. */
static void send_to_members(struct yd_asgi *asgi, const struct yd_asgi_item *item, uint64_t us)
{
    yodel_str *names = (yodel_str *)(void *)item->members.ptr;
    size_t num = item->members.len / sizeof *names, end;

    if (num > 1)
        qsort(names, num, sizeof *names, compare);
    for (size_t i = 0; i < num; i = end) {
        for (end = i + 1; end < num && compare(&names[i], &names[end]) == 0;)
            end++;
        send_to_process(asgi, item, names + i, (uint32_t)(end - i), us);
    }
}

/* In the order in which they came: what waits for its members holds back what comes after it. */
static void send_ready(struct yd_asgi *asgi)
{
    while (!yd_list_is_empty(&asgi->items)) {
        struct yd_asgi_item *item = yd_container_of(asgi->items.next, struct yd_asgi_item, node);
        uint64_t us;

        if (!item->ready)
            return;
        us = yd_asgi_next_us(asgi);
        yd_list_remove(&item->node);
        if (item->to_group)
            send_to_members(asgi, item, us);
        else
            send_to_process(asgi, item, &item->name, 1, us);
        yd_asgi_free_item(item);
    }
}

/* ---- the members of a group ---- */

static bool is_other(const struct yd_asgi *asgi, yodel_str name)
{
    return yd_asgi_is_channel(name) && !yodel_str_eq(yd_asgi_process_part(name), yd_asgi_own(asgi));
}

/* Their names, and in front of them views of these. */
static int note_members(struct yd_asgi_item *item, const struct yd_redis_reply *reply)
{
    struct yd_asgi *asgi = item->asgi;
    size_t num = 0, text = 0;
    yodel_str *names;
    char *room;

    for (size_t i = 0; i < reply->num; i++)
        if (is_other(asgi, reply->elements[i]->text)) {
            num++;
            text += reply->elements[i]->text.len;
        }
    if (num == 0)
        return 0;
    if (yd_buf_reserve(asgi->mem, &item->members, num * sizeof *names + text) < 0)
        return -ENOMEM;
    names = (yodel_str *)(void *)item->members.ptr;
    room = (char *)(names + num);
    for (size_t i = 0; i < reply->num; i++) {
        yodel_str name = reply->elements[i]->text;

        if (!is_other(asgi, name))
            continue;
        memcpy(room, name.ptr, name.len);
        *names++ = (yodel_str){room, name.len};
        room += name.len;
    }
    item->members.len = num * sizeof *names;
    return 0;
}

static void on_members(const struct yd_redis_reply *reply, void *arg)
{
    struct yd_asgi_item *item = arg;
    struct yd_asgi *asgi = item->asgi;

    yd_asgi_failed(host_of(asgi, item->name), reply);
    if (reply == NULL)
        yd_asgi_count(&asgi->counters.lost, 1);
    else if (reply->type != YODEL_REDIS_ARRAY || (reply->num > 0 && note_members(item, reply) < 0))
        yd_asgi_count(&asgi->counters.dropped, 1);
    item->ready = true;
    send_ready(asgi);
}

static bool ask_members(struct yd_asgi *asgi, struct yd_asgi_item *item)
{
    struct yd_asgi_host *host = host_of(asgi, item->name);
    char key[KEY_SIZE], oldest[40];
    yodel_bytes purge[] = {bytes_of("ZREMRANGEBYSCORE"), {NULL, 0}, bytes_of("0"), {NULL, 0}};
    yodel_bytes range[] = {bytes_of("ZRANGE"), {NULL, 0}, bytes_of("0"), bytes_of("-1")};

    struct yd_redis_command ask = {.argc = 4, .argv = range, .fn = on_members, .arg = item};

    if (!make_group_key(asgi, item->name, key))
        return false;
    ask.key = yodel_str_of(key);
    (void)snprintf(oldest, sizeof oldest, "%" PRIu64,
                   yd_asgi_now_us() / 1000000 - asgi->group_expiry_s);
    purge[1] = range[1] = bytes_of(key);
    purge[3] = bytes_of(oldest);
    return command(host, 4, purge) && yd_redis_command(host->redis, &ask) == 0;
}

void yd_core_send(struct yd_asgi *asgi, struct yd_asgi_item *item)
{
    yd_list_append(&asgi->items, &item->node);
    if (!item->to_group) {
        item->ready = true;
    } else if (!ask_members(asgi, item)) {
        yd_asgi_count(&asgi->counters.dropped, 1);
        item->ready = true;
    }
    send_ready(asgi);
}
