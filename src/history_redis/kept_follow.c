/* SPDX-License-Identifier: MIT */
#include "history_redis/kept_follow.h"

#include <errno.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "history_redis/kept_entry.h"
#include "history_redis/kept_groups.h"
#include "history_redis/kept_read.h"
#include "history_redis/kept_script.h"

/*
 * A group begins with a look at the top of its stream: what comes after that is for its members.
 * Then it is subscribed, and what came between the two is read.  A message with the k that follows
 * goes to the members at once; with any other one something is missing, or the stream is another
 * one, and it is read from the last id on.  While a command is under way what is published is not
 * used: it is in the stream.
 */

#define BATCH 100
/* When an id that is not after the last one is looked into. */
#define DOUBT_MS 2000

static void go_on(struct yd_kept_group *group);

static void ask_again_later(struct yd_kept_group *group, uint32_t ms)
{
    if (yd_list_is_empty(&group->of_again))
        yd_list_append(&group->kept->again, &group->of_again);
    yd_kept_later(group->kept, ms);
}

/* ---- to the members ---- */

/* Whether its members had it before Redis.  Those of one process come in their order. */
static bool was_early(struct yd_kept_group *group, uint64_t number)
{
    group->own = YD_MAX(group->own, number);
    return number <= group->early_to;
}

/* One that is kept no more is followed until it has no members: other nodes may keep it. */
static void renew_options(struct yd_kept_group *group, const yodel_channels *channels)
{
    yodel_history_options options;

    if (yd_history_find(channels, group->node.key, &options))
        group->options = options;
}

static int pass(struct yd_kept_group *group, yodel_channels *channels, struct yd_msg *msg,
                struct yd_offset offset)
{
    return yd_history_pass(channels, &group->options, group->node.key, msg, offset, true);
}

static int make_and_pass(struct yd_kept_group *group, const struct yd_kept_entry *entry,
                         yodel_channels *channels)
{
    struct yd_msg *msg;
    int rc;

    renew_options(group, channels);
    if (!yd_history_is_fit(&group->options, entry->type, entry->data)) {
        yd_kept_count(&group->kept->counters.malformed, 1);
        return 0;
    }
    msg = yd_channels_make_msg(channels, (yodel_ws_type)entry->type, entry->data);
    rc = msg != NULL ? pass(group, channels, msg, entry->id) : -ENOMEM;
    yd_msg_unref(msg);
    return rc;
}

static void move_on(struct yd_kept_group *group, struct yd_offset id)
{
    group->last = id;
    group->recent[group->num_recent++ % YD_KEPT_RECENT] = id;
}

/* The stream has less than that: an older copy of it, another one, or the last id was never in it.
 * From the last one on that may be in it. */
static void go_back(struct yd_kept_group *group, struct yd_offset top)
{
    unsigned num = YD_MIN(group->num_recent, YD_KEPT_RECENT);
    struct yd_offset found = {0, 0};

    for (unsigned i = 0; i < num; i++)
        if (!yd_offset_is_after(group->recent[i], top) &&
            yd_offset_is_after(group->recent[i], found))
            found = group->recent[i];
    group->last = found.a != 0 ? found : top;
    group->num_recent = 0;
    group->behind = yd_offset_is_after(top, group->last);
}

/* Returns 0, or why it is to be read again: out of memory, or a loop that is behind. */
static int take(struct yd_kept_group *group, const struct yd_kept_entry *entry)
{
    struct yd_kept *kept = group->kept;
    bool is_own = yodel_str_eq(entry->process, yodel_str_of(yd_bus_process(kept->bus)));
    yodel_channels *channels = yd_kept_ref_channels(kept);
    int rc = 0;

    if (channels != NULL && (!is_own || !was_early(group, entry->number)))
        rc = make_and_pass(group, entry, channels);
    yodel_channels_unref(channels);
    if (rc == -ENOMEM || rc == YODEL_ERR_CONGESTED)
        return rc;
    yd_kept_count(&kept->counters.received, 1);
    move_on(group, entry->id);
    return 0;
}

int yd_kept_pass_early(struct yd_kept_group *group, struct yd_msg *msg, uint64_t number)
{
    yodel_channels *channels;
    int rc;

    if (number <= group->own || (channels = yd_kept_ref_channels(group->kept)) == NULL)
        return 1;
    renew_options(group, channels);
    rc = pass(group, channels, msg, group->last);
    yodel_channels_unref(channels);
    if (rc == -ENOMEM || rc == YODEL_ERR_CONGESTED)
        return rc;
    group->early_to = number;
    return 0;
}

/* ---- replies ---- */

/* A command under way; the group may have been left, and be joined anew. */
struct ask {
    struct yd_kept_group *group;
    uint64_t time;
};

/* NULL: it is of another time. */
static struct yd_kept_group *end_ask(struct ask *ask)
{
    struct yd_kept_group *group = ask->group;
    struct yd_kept *kept = group->kept;
    bool is_now = group->joined && ask->time == group->time;

    yd_free(kept->mem, ask);
    group->num_asked--;
    if (!is_now) {
        if (!group->joined && !kept->ended)
            yd_kept_change_again(kept, group);
        return NULL;
    }
    group->asks = false;
    return group;
}

static bool is_list(const struct yd_redis_reply *reply)
{
    return reply != NULL && reply->type == YODEL_REDIS_ARRAY;
}

/* What came while it was asked may not be in the reply. */
static void end_round(struct yd_kept_group *group)
{
    if (group->more && yd_offset_is_after(group->noted, group->last))
        group->behind = true;
    yd_kept_wake_reads(group);
    go_on(group);
}

static void see_top(struct yd_kept_group *group, struct yd_offset top)
{
    struct yd_kept *kept = group->kept;

    group->must_look = false;
    if (!group->knows) {
        move_on(group, top);
    } else if (yd_offset_is_after(group->last, top)) {
        if (top.a != 0 && yd_redis_may_log(kept->redis)) /* else it has ended */
            yd_log(yd_redis_log(kept->redis), YODEL_LOG_WARN, "redis: the stream %s has gone back",
                   group->key);
        go_back(group, top);
    } else {
        group->behind = group->behind || yd_offset_is_after(top, group->last);
    }
    group->knows = true;
}

static void on_top(const struct yd_redis_reply *reply, void *arg)
{
    struct yd_kept_group *group = end_ask(arg);
    struct yd_kept_entry entry = {.number = 0};

    if (group == NULL)
        return;
    if (!is_list(reply)) {
        ask_again_later(group, YD_KEPT_AGAIN_MS);
        return;
    }
    if (reply->num > 0 && !yd_kept_entry_read(reply->elements[0], &entry))
        yd_kept_count(&group->kept->counters.malformed, 1);
    see_top(group, entry.id);
    end_round(group);
}

/* Returns 0, or as take(). */
static int take_reply(struct yd_kept_group *group, const struct yd_redis_reply *reply)
{
    struct yd_kept_counters *counters = &group->kept->counters;
    struct yd_kept_entry entry;
    bool is_good = yd_kept_entry_read(reply, &entry);
    bool has_gap = group->last.b != 0 && entry.id.b > group->last.b + 1;

    if (!is_good || !yd_offset_is_after(entry.id, group->last)) {
        yd_kept_count(&counters->malformed, 1);
        if (yd_offset_is_after(entry.id, group->last))
            move_on(group, entry.id);
        return 0;
    }
    if (has_gap)
        yd_kept_count(&counters->gaps, 1);
    return take(group, &entry);
}

static void on_next(const struct yd_redis_reply *reply, void *arg)
{
    struct yd_kept_group *group = end_ask(arg);
    int rc = 0;

    if (group == NULL)
        return;
    if (!is_list(reply)) { /* perhaps it was more than a reply may be */
        group->batch = reply == NULL && group->batch > 4 ? group->batch / 4 : 1;
        ask_again_later(group, YD_KEPT_AGAIN_MS);
        return;
    }
    for (size_t i = 0; i < reply->num && rc == 0; i++)
        rc = take_reply(group, reply->elements[i]);
    if (rc < 0) {
        yd_kept_wake_reads(group);
        ask_again_later(group, YD_KEPT_AGAIN_MS);
        return;
    }
    group->behind = reply->num >= group->batch;
    group->batch = YD_MIN(group->batch * 2, BATCH);
    end_round(group);
}

/* ---- asking ---- */

static void go_on(struct yd_kept_group *group)
{
    struct yd_kept *kept = group->kept;
    bool looks = !group->knows || group->must_look;
    struct ask *ask;

    if (group->asks || kept->ended || !(looks || (group->active && group->behind)))
        return;
    if ((ask = yd_alloc(kept->mem, sizeof *ask)) == NULL) {
        ask_again_later(group, YD_KEPT_AGAIN_MS);
        return;
    }
    *ask = (struct ask){group, group->time};
    group->more = false;
    if ((looks ? yd_kept_ask_top(group, on_top, ask) : yd_kept_ask_next(group, on_next, ask)) < 0) {
        yd_free(kept->mem, ask);
        ask_again_later(group, YD_KEPT_AGAIN_MS);
        return;
    }
    group->asks = true;
    group->num_asked++;
}

void yd_kept_ask_again(struct yd_kept *kept)
{
    struct yd_list todo;

    yd_list_move(&kept->again, &todo);
    while (!yd_list_is_empty(&todo)) {
        struct yd_kept_group *group = yd_container_of(todo.next, struct yd_kept_group, of_again);

        yd_list_remove(&group->of_again);
        go_on(group);
    }
}

/* ---- what is published ---- */

static void note(struct yd_kept_group *group, struct yd_offset id)
{
    if (!group->more || yd_offset_is_after(id, group->noted))
        group->noted = id;
    group->more = true;
}

static void on_message(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    struct yd_kept_group *group = yd_container_of(sub, struct yd_kept_group, sub);
    struct yd_kept_entry entry;

    (void)channel;
    if (!yd_kept_entry_parse(payload, &entry)) {
        yd_kept_count(&group->kept->counters.malformed, 1);
        return;
    }
    if (!group->knows || group->asks || group->behind) {
        note(group, entry.id);
    } else if (!yd_offset_is_after(entry.id, group->last)) {
        group->must_look = true;
        ask_again_later(group, DOUBT_MS);
    } else if (entry.id.b != group->last.b + 1 || take(group, &entry) < 0) {
        group->behind = true;
        go_on(group);
    } else {
        yd_kept_wake_reads(group);
    }
}

static void on_active(struct yd_redis_sub *sub, bool active)
{
    struct yd_kept_group *group = yd_container_of(sub, struct yd_kept_group, sub);

    if (active == group->active)
        return;
    group->active = active;
    if (!active)
        return;
    if (group->asks)
        note(group, (struct yd_offset){UINT64_MAX, UINT64_MAX});
    else if (group->knows && group->was_active)
        group->must_look = true;
    else
        group->behind = true;
    group->was_active = true;
    go_on(group);
}

/* ---- groups that begin and end ---- */

static void leave(struct yd_kept_group *group)
{
    yd_redis_unsubscribe(group->kept->redis, &group->sub);
    yd_list_remove(&group->of_again);
    yd_list_remove(&group->of_joined);
    group->joined = false;
    yd_kept_wake_reads(group);
}

static bool join(struct yd_kept_group *group)
{
    group->time++;
    group->active = group->was_active = false;
    group->knows = group->must_look = group->behind = group->asks = false;
    group->batch = BATCH;
    group->last = (struct yd_offset){0, 0};
    group->num_recent = 0;
    group->own = group->early_to = 0;
    group->sub = (struct yd_redis_sub){
        .name = group->sub.name, .on_message = on_message, .on_active = on_active};
    group->joined = true;
    yd_list_append(&group->kept->joined, &group->of_joined);
    go_on(group);
    if (yd_redis_subscribe(group->kept->redis, &group->sub) == 0)
        return true;
    leave(group);
    return false;
}

void yd_kept_look(struct yd_kept *kept)
{
    struct yd_kept_group *group, *failed = NULL;
    bool joins;

    while ((group = yd_kept_next_change(kept, &joins)) != NULL && group != failed) {
        if (!joins) {
            leave(group);
        } else if (!join(group)) {
            failed = failed != NULL ? failed : group;
            yd_kept_change_again(kept, group);
        }
    }
    if (group != NULL)
        yd_kept_change_again(kept, group);
}

void yd_kept_unfollow(struct yd_kept *kept)
{
    while (!yd_list_is_empty(&kept->joined))
        leave(yd_container_of(kept->joined.next, struct yd_kept_group, of_joined));
}
