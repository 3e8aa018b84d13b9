/* SPDX-License-Identifier: MIT */
#include "channels/channel_op.h"

#include <errno.h>

#include "base/container.h"
#include "channels/channel_event.h"
#include "channels/history.h"

/* ---- what the bus asks of a channel layer ---- */

static void find(const struct yd_op *op, struct yd_loop_set *set)
{
    const yodel_channels *channels = yd_channels_of(op);

    for (unsigned i = 0; op->scope.everyone && i < channels->bus->num_loops; i++)
        yd_loop_set_add(set, i);
    for (uint32_t i = 0; i < op->scope.num_rooms; i++) {
        yd_groups_find(channels->groups, &op->scope.rooms[i], set);
        for (struct yd_attached *a = channels->attached; a != NULL; a = a->next)
            yd_groups_find(a->groups, &op->scope.rooms[i], set);
    }
}

static void deliver_to(struct yd_member *member, void *user)
{
    member->deliver(member, user);
}

static void deliver(struct yd_channel_op *op, struct yd_loop *loop)
{
    const struct yd_key *group = &op->op.scope.rooms[0];
    const yodel_channels *channels = yd_channels_of(&op->op);

    if (!yd_history_deliver(op, loop))
        yd_group_walk(channels->groups, loop, group, deliver_to, &op->what);
    for (struct yd_attached *a = channels->attached; a != NULL; a = a->next)
        yd_group_walk(a->groups, loop, group, deliver_to, &op->what);
}

struct surveyor {
    struct yd_survey *survey;
    struct yd_groups *groups;
    struct yd_loop *loop;
    const struct yd_key *group;
};

static void survey_member(struct yd_member *member, void *user)
{
    struct surveyor *s = user;

    s->survey->each(member, yd_group_note(s->groups, s->loop, s->group, member), s->survey);
}

static void survey(struct yd_op *op, struct yd_loop *loop)
{
    struct surveyor surveyor = {yd_container_of(op->ask, struct yd_survey, ask),
                                yd_channels_of(op)->groups, loop, &op->scope.rooms[0]};

    if (!yd_ask_enter(op->ask))
        return;
    yd_group_walk(surveyor.groups, loop, surveyor.group, survey_member, &surveyor);
    yd_ask_leave(op->ask);
}

static void apply(struct yd_op *op, struct yd_loop *loop)
{
    switch ((enum yd_channel_kind)op->kind) {
    case YD_CHANNEL_SEND:
        deliver((struct yd_channel_op *)op, loop);
        break;
    case YD_CHANNEL_SURVEY:
        survey(op, loop);
        break;
    case YD_CHANNEL_COUNT: /* the directory was asked */
        break;
    case YD_CHANNEL_INTEREST:
    case YD_CHANNEL_STATE:
    case YD_CHANNEL_DELTA:
    case YD_CHANNEL_LOST:
    case YD_CHANNEL_ASK:
        yd_presence_apply((struct yd_channel_op *)op, loop);
        break;
    }
}

static void release(struct yd_op *op)
{
    struct yd_delivery *what = &((struct yd_channel_op *)op)->what;

    yd_buf_free(yd_op_mem(op), &((struct yd_channel_op *)op)->bytes);
    yd_delivery_done(what);
    yd_msg_unref(what->msg);
    yd_event_unref(what->event);
}

static void ref(struct yd_layer *layer)
{
    (void)yodel_channels_ref(yd_container_of(layer, yodel_channels, layer));
}

static void unref(struct yd_layer *layer)
{
    yodel_channels_unref(yd_container_of(layer, yodel_channels, layer));
}

static bool try_ref(struct yd_layer *layer)
{
    atomic_uint *refs = &yd_container_of(layer, yodel_channels, layer)->refs;
    unsigned num = atomic_load_explicit(refs, memory_order_relaxed);

    while (num != 0 && !atomic_compare_exchange_weak_explicit(
                           refs, &num, num + 1, memory_order_relaxed, memory_order_relaxed))
        continue;
    return num != 0;
}

static size_t op_size(unsigned kind)
{
    return kind >= YD_CHANNEL_SEND && kind <= YD_CHANNEL_COUNT ? sizeof(struct yd_channel_op) : 0;
}

static int encode_result(struct yd_ask *ask, struct yd_buf *buf)
{
    return yd_counting_is(ask) ? yd_counting_encode(ask, buf) : yd_listing_encode(ask, buf);
}

static int take_result(struct yd_ask *ask, yodel_bytes result)
{
    return yd_counting_is(ask) ? yd_counting_take(ask, result) : yd_listing_take(ask, result);
}

const struct yd_layer_ops yd_channels_layer_ops = {
    .find = find,
    .apply = apply,
    .release = release,
    .ref = ref,
    .unref = unref,
    .try_ref = try_ref,
    .encode = yd_channel_encode,
    .op_size = op_size,
    .decode = yd_channel_decode,
    .encode_result = encode_result,
    .take_result = take_result,
    .finds_by_scope = true,
    .process_joined = yd_presence_joined,
    .process_lost = yd_presence_lost,
};

/* ---- operations ---- */

static struct yd_channel_op *make_op(yodel_channels *channels, enum yd_channel_kind kind,
                                     yodel_str name)
{
    struct yd_scope_size size = {1, name.len};
    struct yd_channel_op *op = yd_op_new(&channels->layer, kind, sizeof *op, &size);

    if (op == NULL)
        return NULL;
    yd_op_add_room(&op->op, (yodel_str){NULL, 0}, name);
    op->op.deferred = true;
    return op;
}

int yd_channels_send_here(yodel_channels *channels, yodel_str name, yodel_event *event)
{
    struct yd_channel_op *op = make_op(channels, YD_CHANNEL_SEND, name);

    if (op == NULL)
        return -ENOMEM;
    op->op.local = true;
    op->what.event = yd_event_ref(event);
    op->op.weight += yd_event_json(event).len;
    return yd_bus_inject(&op->op, NULL);
}

int yd_channels_send_at(yodel_channels *channels, yodel_str name, struct yd_msg *msg,
                        const yodel_history_options *options, struct yd_offset offset, bool local)
{
    struct yd_channel_op *op = make_op(channels, YD_CHANNEL_SEND, name);

    if (op == NULL)
        return -ENOMEM;
    op->what.msg = yd_msg_ref(msg);
    op->op.weight += msg->len;
    op->op.local = local;
    op->offset = offset;
    op->is_event = options->sio_events != 0;
    op->has_envelope = options->envelope != 0;
    if (yd_history_read_words(op) < 0) {
        yd_op_unref(&op->op);
        return -ENOMEM;
    }
    return yd_bus_send(&op->op);
}

int yd_channels_send(yodel_channels *channels, yodel_str name, struct yd_msg *msg,
                     yodel_event *event)
{
    struct yd_channel_op *op;

    if ((op = make_op(channels, YD_CHANNEL_SEND, name)) == NULL)
        return -ENOMEM;
    if (msg != NULL) {
        op->what.msg = yd_msg_ref(msg);
        op->op.weight += msg->len;
    }
    if (event != NULL) {
        op->what.event = yd_event_ref(event);
        op->op.own_form = channels->far != NULL;
    }
    return yd_bus_send(&op->op);
}

int yd_channels_survey(yodel_channels *channels, yodel_str name, uint32_t timeout_ms,
                       struct yd_survey *asked)
{
    struct yd_channel_op *op = make_op(channels, YD_CHANNEL_SURVEY, name);

    if (op == NULL) {
        yd_ask_unref(&asked->ask);
        return -ENOMEM;
    }
    op->op.local = !asked->everywhere;
    return yd_bus_ask(&op->op, &asked->ask, timeout_ms);
}

int yd_channels_list(yodel_channels *channels, yodel_str name, uint32_t timeout_ms,
                     yodel_group_members_fn *done, void *user)
{
    struct yd_survey *listing = yd_listing_new(channels, done, user);

    return listing != NULL ? yd_channels_survey(channels, name, timeout_ms, listing) : -ENOMEM;
}

int yd_channels_count_all(yodel_channels *channels, yodel_str name, uint32_t timeout_ms,
                          yodel_group_count_fn *done, void *user)
{
    struct yd_ask *counting = yd_counting_new(channels, name, done, user);
    struct yd_channel_op *op;

    if (counting == NULL)
        return -ENOMEM;
    if ((op = make_op(channels, YD_CHANNEL_COUNT, name)) == NULL) {
        yd_ask_unref(counting);
        return -ENOMEM;
    }
    return yd_bus_ask(&op->op, counting, timeout_ms);
}
