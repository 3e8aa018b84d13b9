/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels/history.h"

/* Members that wait for what they have missed.  What the home has sent before its answer comes
 * before that, so what is held and not in the answer is what comes after it. */

/* Of one member. */
#define MAX_BYTES ((size_t)1024 * 1024)

struct held {
    struct yd_list of_hold;
    struct yd_offset offset;
    struct yd_msg *msg;
};

static struct yd_list *holds_of(const yodel_channels *channels, unsigned loop)
{
    return &channels->history->holds[loop];
}

static struct yd_history_hold *hold_at(struct yd_list *of_loop)
{
    return yd_container_of(of_loop, struct yd_history_hold, of_loop);
}

static struct yd_history_hold *find_hold(struct yd_list *holds, const struct yd_key *group,
                                         const struct yd_member *member)
{
    for (struct yd_list *at = holds->next; at != holds; at = at->next)
        if (hold_at(at)->member == member && yodel_str_eq(hold_at(at)->group.text, group->text))
            return hold_at(at);
    return NULL;
}

static struct yd_history_hold *find_id(struct yd_list *holds, uint64_t id)
{
    for (struct yd_list *at = holds->next; at != holds; at = at->next)
        if (hold_at(at)->id == id)
            return hold_at(at);
    return NULL;
}

static void free_held(const yodel_channels *channels, struct yd_history_hold *hold,
                      struct held *held)
{
    yd_list_remove(&held->of_hold);
    hold->bytes -= sizeof *held + held->msg->len;
    yd_msg_unref(held->msg);
    yd_free(yd_channels_mem(channels), held);
}

static void free_messages(const yodel_channels *channels, struct yd_history_hold *hold)
{
    while (!yd_list_is_empty(&hold->messages))
        free_held(channels, hold, yd_container_of(hold->messages.next, struct held, of_hold));
}

static void free_hold(const yodel_channels *channels, struct yd_history_hold *hold)
{
    free_messages(channels, hold);
    yd_list_remove(&hold->of_loop);
    yd_free(yd_channels_mem(channels), hold);
}

void yd_history_left(yodel_channels *channels, const struct yd_group_change *change)
{
    struct yd_history_hold *hold;

    if (change->news != YD_GROUP_LEFT)
        return;
    hold = find_hold(holds_of(channels, change->loop), &change->group, change->member);
    if (hold != NULL)
        free_hold(channels, hold);
}

/* ---- what comes meanwhile ---- */

/* What cannot be kept for it is a gap, of which it is told. */
static void hold_message(const yodel_channels *channels, struct yd_history_hold *hold,
                         const struct yd_channel_op *op)
{
    size_t size = sizeof(struct held) + op->what.msg->len;
    struct held *held = NULL;

    if (!hold->overflow && size <= MAX_BYTES - YD_MIN(hold->bytes, MAX_BYTES))
        held = yd_alloc(yd_channels_mem(channels), sizeof *held);
    if (held == NULL) {
        hold->overflow = true;
        free_messages(channels, hold);
        return;
    }
    held->offset = op->offset;
    held->msg = yd_msg_ref(op->what.msg);
    hold->bytes += size;
    yd_list_append(&hold->messages, &held->of_hold);
}

struct delivering {
    struct yd_channel_op *op;
    struct yd_list *holds;
};

static void deliver_or_hold(struct yd_member *member, void *user)
{
    struct delivering *delivering = user;
    struct yd_channel_op *op = delivering->op;
    struct yd_history_hold *hold = find_hold(delivering->holds, &op->op.scope.rooms[0], member);

    if (hold != NULL)
        hold_message(yd_channels_of(&op->op), hold, op);
    else
        member->deliver(member, &op->what);
}

bool yd_history_deliver(struct yd_channel_op *op, struct yd_loop *loop)
{
    yodel_channels *channels = yd_channels_of(&op->op);
    struct delivering delivering = {.op = op};

    if (op->what.msg == NULL || (op->offset.a == 0 && op->offset.b == 0))
        return false;
    delivering.holds = holds_of(channels, loop->index);
    if (yd_list_is_empty(delivering.holds))
        return false;
    yd_group_walk(channels->groups, loop, &op->op.scope.rooms[0], deliver_or_hold, &delivering);
    return true;
}

/* ---- the answer ---- */

/* Each may end the member, and with it the hold. */
static void flush(struct yd_list *holds, const struct yd_history_read *read)
{
    struct yd_history_hold *hold;

    while ((hold = find_id(holds, read->hold)) != NULL && !yd_list_is_empty(&hold->messages)) {
        struct held *held = yd_container_of(hold->messages.next, struct held, of_hold);
        struct yd_delivery what = {.msg = yd_msg_ref(held->msg)};
        bool is_new = read->result < 0 || yd_offset_is_after(held->offset, read->last);

        free_held(read->channels, hold, held);
        if (is_new)
            hold->member->deliver(hold->member, &what);
        yd_delivery_done(&what);
        yd_msg_unref(what.msg);
    }
    if (hold != NULL)
        free_hold(read->channels, hold);
}

static void come_back(struct yd_mail *mail, void *receiver)
{
    struct yd_history_read *read = yd_container_of(mail, struct yd_history_read, mail);
    struct yd_list *holds = holds_of(read->channels, read->back->index);
    struct yd_history_hold *hold = find_id(holds, read->hold);

    (void)receiver;
    if (hold == NULL)
        read->result = YODEL_ERR_CLOSED;
    else if (hold->overflow)
        read->result = YODEL_ERR_CONGESTED;
    read->done(read, hold != NULL ? hold->member : NULL);
    flush(holds, read);
    yd_history_read_free(read);
}

static struct yd_history_hold *make_hold(struct yd_history_read *read, struct yd_loop *loop,
                                         struct yd_member *member)
{
    yodel_channels *channels = read->channels;
    struct yd_history_hold *hold = yd_zalloc(yd_channels_mem(channels), sizeof *hold);

    if (hold == NULL)
        return NULL;
    memcpy(hold->name, read->name, read->name_len);
    hold->group = yd_bus_key(channels->bus, (yodel_str){hold->name, read->name_len});
    hold->id = atomic_fetch_add(&channels->history->ids, 1) + 1;
    hold->member = member;
    yd_list_init(&hold->messages);
    yd_list_append(holds_of(channels, loop->index), &hold->of_loop);
    read->hold = hold->id;
    read->back = loop;
    read->come_back = come_back;
    return hold;
}

int yd_history_resume(struct yd_loop *loop, struct yd_member *member, struct yd_history_read *read)
{
    yodel_channels *channels = read->channels;
    struct yd_key group = yd_bus_key(channels->bus, (yodel_str){read->name, read->name_len});
    struct yd_history_hold *hold = NULL;
    int joined = 0, rc = 0;

    if (find_hold(holds_of(channels, loop->index), &group, member) != NULL)
        rc = YODEL_ERR_CONFLICT;
    else if ((hold = make_hold(read, loop, member)) == NULL)
        rc = -ENOMEM;
    else if ((joined = yd_group_join(channels->groups, loop, &group, member)) < 0)
        rc = joined;
    else
        rc = yd_history_read_start(read);
    if (rc == 0)
        return 0;
    if (hold != NULL)
        free_hold(channels, hold);
    if (joined > 0)
        (void)yd_group_leave(channels->groups, loop, &group, member);
    yd_history_read_free(read);
    return rc;
}
