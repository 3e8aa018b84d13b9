/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "bus/op_wire.h"
#include "channels/channel_op.h"
#include "proto/json_scan.h"

/* The members of a group, over all loops and processes. */

struct listing {
    struct yd_survey survey;  /* first; the lock of its ask is for all that is gathered */
    yodel_channels *channels; /* a reference */
    struct yd_buf members;    /* of yodel_group_member, whose texts have lengths only */
    struct yd_buf texts;      /* of each, its channel name and its document */
    int rc;                   /* the first that went wrong: no more is put */
    yodel_group_members_fn *done;
    void *user;
};

/* All of a member, or nothing. */
static int put_member(struct listing *listing, yodel_id id, yodel_str name, yodel_str json)
{
    const struct yodel_allocator *mem = yd_channels_mem(listing->channels);
    yodel_group_member member = {.id = id, .channel = {NULL, name.len}, .json = {NULL, json.len}};

    if (yd_buf_reserve(mem, &listing->texts, name.len + json.len) < 0 ||
        yd_buf_append(mem, &listing->members, &member, sizeof member) < 0 ||
        yd_buf_append_str(mem, &listing->texts, name) < 0)
        return -ENOMEM;
    return json.len > 0 ? yd_buf_append_str(mem, &listing->texts, json) : 0;
}

static void list_member(struct yd_member *member, yodel_str note, struct yd_survey *survey)
{
    struct listing *listing = (struct listing *)survey;
    char name[YODEL_CHANNEL_NAME_SIZE] = "";
    yodel_id id;

    if (listing->rc < 0 || !listing->channels->list_member(member, &id, name))
        return;
    if ((listing->rc = put_member(listing, id, yodel_str_of(name), note)) < 0)
        yd_ask_miss(&survey->ask, 1);
}

static size_t show_members(struct listing *listing, yodel_group_member **ret_members)
{
    yodel_group_member *members = (yodel_group_member *)(void *)listing->members.ptr;
    size_t num = listing->members.len / sizeof *members;
    const char *text = (const char *)listing->texts.ptr;

    for (size_t i = 0; i < num; i++) {
        members[i].channel.ptr = text;
        text += members[i].channel.len;
        members[i].json.ptr = text;
        text += members[i].json.len;
    }
    *ret_members = members;
    return num;
}

static void tell(struct yd_ask *ask, unsigned missing)
{
    struct listing *listing = (struct listing *)ask;
    yodel_group_members_result result = {
        .size = sizeof result,
        .result = listing->rc < 0 ? listing->rc : yd_missing_result(missing),
        .missing = yd_ask_num_missing(ask),
    };
    yodel_group_member *members;

    result.num_members = show_members(listing, &members);
    result.members = members;
    listing->done(&result, listing->user);
}

static void free_listing(struct yd_ask *ask)
{
    struct listing *listing = (struct listing *)ask;
    yodel_channels *channels = listing->channels;

    yd_buf_free(yd_channels_mem(channels), &listing->members);
    yd_buf_free(yd_channels_mem(channels), &listing->texts);
    yd_free(yd_channels_mem(channels), listing);
    yd_layer_unref(&channels->layer);
}

static const struct yd_ask_ops listing_ops = {.sink = tell, .free = free_listing};

static struct listing *new_listing(yodel_channels *channels)
{
    struct listing *listing = yd_zalloc(yd_channels_mem(channels), sizeof *listing);

    if (listing == NULL)
        return NULL;
    yd_ask_init(&listing->survey.ask, &listing_ops, yd_channels_bus(channels));
    listing->survey.each = list_member;
    listing->survey.everywhere = true;
    listing->channels = channels;
    yd_layer_ref(&channels->layer);
    return listing;
}

struct yd_survey *yd_listing_new(yodel_channels *channels, yodel_group_members_fn *done, void *user)
{
    struct listing *listing = new_listing(channels);

    if (listing == NULL)
        return NULL;
    listing->done = done;
    listing->user = user;
    return &listing->survey;
}

/* ---- what other processes have gathered ---- */

struct yd_ask *yd_listing_answer(yodel_channels *channels)
{
    struct listing *listing = new_listing(channels);

    return listing != NULL ? &listing->survey.ask : NULL;
}

/* How many 4, of each the channel name and the document. */
int yd_listing_encode(struct yd_ask *ask, struct yd_buf *buf)
{
    struct listing *listing = (struct listing *)ask;
    const struct yodel_allocator *mem = yd_channels_mem(listing->channels);
    yodel_group_member *members;
    size_t num = show_members(listing, &members);
    int rc = listing->rc;

    if (rc == 0)
        rc = yd_wire_put_u32(mem, buf, (uint32_t)num);
    for (size_t i = 0; rc == 0 && i < num; i++)
        if ((rc = yd_wire_put_str(mem, buf, members[i].channel)) == 0)
            rc = yd_wire_put_str(mem, buf, members[i].json);
    return rc;
}

static bool is_member(yodel_str name, yodel_str json)
{
    yodel_str value;

    if (name.len == 0 || name.len >= YODEL_CHANNEL_NAME_SIZE ||
        !yd_utf8_is_valid(name.ptr, name.len) || json.len > YODEL_GROUP_MAX_JSON)
        return false;
    return json.len == 0 ||
           (yd_utf8_is_valid(json.ptr, json.len) && yd_json_check(json, YD_JSON_MAX_DEPTH, &value));
}

/* With the lock held; what was read before an error counts. */
static int take(struct listing *listing, struct yd_wire_reader *reader)
{
    uint32_t num = yd_wire_get_u32(reader);

    for (uint32_t i = 0; i < num; i++) {
        yodel_str name = yd_wire_get_str(reader), json = yd_wire_get_str(reader);

        if (reader->failed || !is_member(name, json))
            return YODEL_ERR_PROTOCOL;
        if (put_member(listing, (yodel_id){0}, name, json) < 0)
            return -ENOMEM;
    }
    return reader->failed || reader->rest.len > 0 ? YODEL_ERR_PROTOCOL : 0;
}

int yd_listing_take(struct yd_ask *ask, yodel_bytes result)
{
    struct yd_wire_reader reader = {result, false};
    int rc;

    if (!yd_ask_has_ops(ask, &listing_ops))
        return YODEL_ERR_PROTOCOL;
    if (!yd_ask_enter(ask))
        return 0;
    rc = take((struct listing *)ask, &reader);
    yd_ask_leave(ask);
    return rc;
}
