/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/op_wire.h"
#include "channels/channel_event.h"
#include "channels/presence.h"

/* A loop as a source: what it reports of its own members. */

/* Groups that a loop reports at a time, and bytes of one part of a state. */
#define MAX_ROOMS 10000
#define PART_SIZE (size_t)(32 * 1024)

/* A group that somebody watches. */
struct room {
    struct yd_map_node node;
    struct yd_list of_own;
    uint64_t version; /* 0: no members */
    uint64_t until;   /* when the interest ends */
    size_t count;     /* of members that are listed */
    char name[];
};

static const struct yodel_allocator *mem_of(const struct yd_presence_loop *own)
{
    return yd_channels_mem(own->channels);
}

static struct room *room_of(struct yd_map_node *node)
{
    return node != NULL ? yd_container_of(node, struct room, node) : NULL;
}

static struct yd_presence_at at_of(const struct yd_presence_loop *own, uint64_t version)
{
    return (struct yd_presence_at){yodel_str_of(yd_bus_process(yd_channels_bus(own->channels))),
                                   (uint8_t)own->loop->index, version};
}

/* The group in which those are who watch name. */
static yodel_str views_name(yodel_str name, char buf[YODEL_GROUP_NAME_MAX + 1])
{
    buf[0] = '\1';
    memcpy(buf + 1, name.ptr, name.len);
    return (yodel_str){buf, name.len + 1};
}

static uint64_t next_version(struct yd_presence_loop *own, const struct room *room)
{
    return room->count > 0 ? ++own->version : 0;
}

/* ---- changes ---- */

static bool make_item(const yodel_channels *channels, const struct yd_member *member,
                      yodel_str note, char name[YODEL_CHANNEL_NAME_SIZE],
                      struct yd_presence_item *ret_item)
{
    yodel_id id;

    name[0] = '\0';
    if (channels->list_member == NULL || !channels->list_member(member, &id, name))
        return false;
    *ret_item = (struct yd_presence_item){id.value, yodel_str_of(name), note};
    return true;
}

static yodel_presence_change change_of(enum yd_group_news news)
{
    switch (news) {
    case YD_GROUP_JOINED:
        return YODEL_PRESENCE_JOINED;
    case YD_GROUP_LEFT:
        return YODEL_PRESENCE_LEFT;
    case YD_GROUP_NOTED:
        break;
    }
    return YODEL_PRESENCE_CHANGED;
}

/* Who does not get it finds that out by the version. */
static void send_delta(struct yd_presence_loop *own, const struct room *room, uint64_t before,
                       enum yd_group_news news, const struct yd_presence_item *item)
{
    const struct yodel_allocator *mem = mem_of(own);
    struct yd_presence_at at = at_of(own, room->version);
    char name[YODEL_GROUP_NAME_MAX + 1];
    struct yd_buf buf = {0};

    if (yd_presence_put_at(mem, &buf, &at) < 0 || yd_wire_put_u64(mem, &buf, before) < 0 ||
        yd_wire_put_u8(mem, &buf, (uint8_t)change_of(news)) < 0 ||
        yd_presence_put_item(mem, &buf, item) < 0)
        yd_buf_free(mem, &buf);
    else
        (void)yd_presence_send(own->channels, YD_CHANNEL_DELTA, views_name(room->node.key, name),
                               &buf, false);
}

void yd_rooms_changed(void *user, const struct yd_group_change *change)
{
    yodel_channels *channels = user;
    struct yd_presence_loop *own = &channels->presence[change->loop];
    char name[YODEL_CHANNEL_NAME_SIZE];
    struct yd_presence_item item;
    struct room *room;
    uint64_t before;

    if (own->rooms.count == 0 ||
        (room = room_of(yd_map_find_key(&own->rooms, &change->group))) == NULL ||
        !make_item(channels, change->member, change->note, name, &item))
        return;
    before = room->version;
    if (change->news == YD_GROUP_JOINED)
        room->count++;
    else if (change->news == YD_GROUP_LEFT && room->count > 0)
        room->count--;
    room->version = next_version(own, room);
    send_delta(own, room, before, change->news, &item);
}

/* ---- states ---- */

/* Parts of a state, as the members are walked over. */
struct parts {
    struct yd_presence_loop *own;
    const struct room *room;
    const struct yd_key *group;
    struct yd_buf buf, items;
    uint32_t num, part;
    int rc; /* the first failure: the rest is not sent, and whoever lacks it asks again */
};

static void send_part(struct parts *parts, bool last)
{
    const struct yodel_allocator *mem = mem_of(parts->own);
    struct yd_presence_at at = at_of(parts->own, parts->room->version);
    char name[YODEL_GROUP_NAME_MAX + 1];

    if (parts->rc == 0)
        parts->rc = yd_presence_put_at(mem, &parts->buf, &at);
    if (parts->rc == 0 && (yd_wire_put_u32(mem, &parts->buf, parts->part++) < 0 ||
                           yd_wire_put_u8(mem, &parts->buf, last) < 0 ||
                           yd_wire_put_u32(mem, &parts->buf, parts->num) < 0))
        parts->rc = -ENOMEM;
    if (parts->rc == 0)
        parts->rc = yd_buf_append(mem, &parts->buf, parts->items.ptr, parts->items.len);
    if (parts->rc == 0)
        parts->rc = yd_presence_send(parts->own->channels, YD_CHANNEL_STATE,
                                     views_name(parts->room->node.key, name), &parts->buf, false);
    yd_buf_free(mem, &parts->buf);
    parts->items.len = 0;
    parts->num = 0;
}

static void put_member(struct yd_member *member, void *user)
{
    struct parts *parts = user;
    char name[YODEL_CHANNEL_NAME_SIZE];
    struct yd_presence_item item;
    yodel_str note =
        yd_group_note(parts->own->channels->groups, parts->own->loop, parts->group, member);

    if (parts->rc < 0 || !make_item(parts->own->channels, member, note, name, &item))
        return;
    parts->rc = yd_presence_put_item(mem_of(parts->own), &parts->items, &item);
    parts->num++;
    if (parts->items.len >= PART_SIZE)
        send_part(parts, false);
}

static void send_state(struct yd_presence_loop *own, const struct room *room)
{
    struct yd_key group = {room->node.hash, room->node.key};
    struct parts parts = {.own = own, .room = room, .group = &group};

    yd_group_walk(own->channels->groups, own->loop, &group, put_member, &parts);
    send_part(&parts, true);
    yd_buf_free(mem_of(own), &parts.items);
}

/* ---- interests ---- */

static void count_member(struct yd_member *member, void *user)
{
    struct parts *parts = user;
    char name[YODEL_CHANNEL_NAME_SIZE];
    struct yd_presence_item item;

    if (make_item(parts->own->channels, member, (yodel_str){NULL, 0}, name, &item))
        parts->num++;
}

static struct room *make_room(struct yd_presence_loop *own, const struct yd_key *group)
{
    struct parts parts = {.own = own};
    struct room *room = NULL;

    if (own->rooms.count >= MAX_ROOMS ||
        (room = yd_zalloc(mem_of(own), sizeof *room + group->text.len)) == NULL)
        goto refused;
    memcpy(room->name, group->text.ptr, group->text.len);
    room->node.key = (yodel_str){room->name, group->text.len};
    yd_list_init(&room->of_own);
    if (yd_map_insert_hashed(&own->rooms, &room->node, group->hash) < 0)
        goto refused;
    yd_group_walk(own->channels->groups, own->loop, group, count_member, &parts);
    yd_list_append(&own->rooms_list, &room->of_own);
    room->count = parts.num;
    room->version = next_version(own, room);
    atomic_fetch_add(&own->channels->presence_counters.reported, 1);
    return room;

refused:
    yd_free(mem_of(own), room);
    atomic_fetch_add(&own->channels->presence_counters.refused, 1);
    return NULL;
}

/* Whether at is this source. */
static bool is_own(const struct yd_presence_loop *own, const struct yd_presence_at *at)
{
    return at->loop == own->loop->index &&
           yodel_str_eq(at->process, yodel_str_of(yd_bus_process(yd_channels_bus(own->channels))));
}

/* Of one group.  Returns false: malformed. */
static bool take_interest(struct yd_presence_loop *own, struct yd_wire_reader *reader)
{
    yodel_str name = yd_wire_get_str(reader);
    uint32_t num = yd_wire_get_u32(reader);
    struct yd_presence_at at;
    uint64_t known = 0;
    struct yd_key group;
    struct room *room;

    for (; num > 0; num--) {
        if (!yd_presence_get_at(reader, &at))
            return false;
        if (is_own(own, &at))
            known = at.version;
    }
    if (reader->failed || !yd_channel_name_is_valid(name))
        return false;
    group = yd_bus_key(yd_channels_bus(own->channels), name);
    room = room_of(yd_map_find_key(&own->rooms, &group));
    if (room == NULL && (room = make_room(own, &group)) == NULL)
        return true;
    room->until = own->loop->now + YD_INTEREST_MS;
    if (room->version != known)
        send_state(own, room);
    return true;
}

void yd_rooms_interest(struct yd_presence_loop *own, struct yd_wire_reader *reader)
{
    uint32_t num = yd_wire_get_u32(reader);
    bool ok = true;

    for (; ok && num > 0; num--)
        ok = take_interest(own, reader);
    if (!ok || reader->failed || reader->rest.len > 0)
        atomic_fetch_add(&own->channels->presence_counters.malformed, 1);
}

static void free_room(struct yd_presence_loop *own, struct room *room)
{
    yd_map_remove(&own->rooms, &room->node);
    yd_list_remove(&room->of_own);
    yd_free(mem_of(own), room);
    atomic_fetch_sub(&own->channels->presence_counters.reported, 1);
}

void yd_rooms_expire(struct yd_presence_loop *own)
{
    for (struct yd_list *at = own->rooms_list.next, *next; at != &own->rooms_list; at = next) {
        struct room *room = yd_container_of(at, struct room, of_own);

        next = at->next;
        if (room->until <= own->loop->now)
            free_room(own, room);
    }
}

void yd_rooms_free(struct yd_presence_loop *own)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(&own->rooms)) != NULL)
        free_room(own, room_of(node));
    yd_map_done(&own->rooms);
}
