/* SPDX-License-Identifier: MIT */
#include "nodes/native.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/heard.h"
#include "bus/op.h"

/* More groups of one operation than that go to all nodes at once. */
#define MAX_CHANNELS 4

/* A group that has members in this process, or had some. */
struct group {
    struct yd_map_node node; /* key: the name of its channel */
    struct yd_list of_dirty;
    struct yd_wire_sub sub;
    bool wanted;     /* under the lock */
    bool subscribed; /* the loop's */
    atomic_bool heard;
    char name[];
};

static struct yd_native *native_of(struct yd_peer *peer)
{
    return yd_container_of(peer, struct yd_native, peer);
}

static void count(atomic_uint_least64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- names of channels ---- */

#define CHANNEL_SIZE (YD_NODE_PREFIX_MAX + YD_LAYER_NAME_SIZE + 512)

/* Empty: the name is too long, which no member has. */
static yodel_str group_channel(const struct yd_native *native, yodel_str layer, yodel_str group,
                               char buf[CHANNEL_SIZE])
{
    int len = snprintf(buf, CHANNEL_SIZE, "%s:group:%.*s:", native->nodes->prefix, (int)layer.len,
                       layer.ptr);

    if (len < 0 || (size_t)len + group.len > CHANNEL_SIZE)
        return (yodel_str){NULL, 0};
    memcpy(buf + len, group.ptr, group.len);
    return (yodel_str){buf, (size_t)len + group.len};
}

/* ---- sending ---- */

static int publish(struct yd_native *native, yodel_str channel, yodel_bytes payload)
{
    int rc = native->wire->ops->publish(native->wire, channel, payload);

    count(rc < 0 ? &native->counters.failed : &native->counters.published);
    return rc;
}

static bool takes(struct yd_peer *peer, const struct yd_op *op)
{
    (void)peer;
    return yd_op_is_native(op);
}

/* Whether it is for the members of some groups and nobody else, and nobody need say that there are
 * none. */
static bool is_for_groups(const struct yd_op *op, uint64_t token)
{
    const struct yd_scope *scope = &op->scope;

    return token == 0 && op->layer->by_group && !scope->everyone && scope->only.len == 0 &&
           scope->num_rooms > 0 && scope->num_rooms <= MAX_CHANNELS;
}

static int send(struct yd_peer *peer, const struct yd_op *op, uint64_t token, yodel_bytes bytes)
{
    struct yd_native *native = native_of(peer);
    char buf[CHANNEL_SIZE];
    int rc = 0;

    if (!is_for_groups(op, token))
        return publish(native, native->all.name, bytes);
    for (uint32_t i = 0; i < op->scope.num_rooms; i++) {
        yodel_str channel = group_channel(native, op->layer->name, op->scope.rooms[i].text, buf);
        int result = channel.len > 0 ? publish(native, channel, bytes) : 0;

        rc = result < 0 ? result : rc;
    }
    return rc;
}

/* An answer begins with the process that it is for. */
static int reply(struct yd_peer *peer, yodel_bytes bytes)
{
    struct yd_native *native = native_of(peer);
    char channel[YD_NODE_PREFIX_MAX + YD_PROCESS_SIZE + 16];
    yodel_str process;

    if (yd_bus_reply_process(bytes, &process) < 0 || !yd_node_process_is_valid(process))
        return YODEL_ERR_PROTOCOL;
    (void)snprintf(channel, sizeof channel, "%s:process:%.*s", native->nodes->prefix,
                   (int)process.len, process.ptr);
    return publish(native, yodel_str_of(channel), bytes);
}

static unsigned num_parts(struct yd_peer *peer)
{
    return yd_nodes_count(native_of(peer)->nodes);
}

/* ---- what comes ---- */

/* Ours, too: it is not from others. */
static void receive(struct yd_native *native, yodel_bytes payload)
{
    struct yd_op_origin origin;
    int rc;

    if (yd_op_decode_origin(payload, &origin) < 0) {
        count(&native->counters.malformed);
        return;
    }
    if (yodel_str_eq(origin.process, yodel_str_of(yd_bus_process(native->bus))))
        return;
    if (!yd_nodes_hear(native->nodes, origin.process))
        return;
    count(&native->counters.received);
    rc = yd_bus_receive(native->bus, &native->peer, payload);
    if (rc < 0 && rc != -ENOMEM)
        count(&native->counters.malformed);
}

static void on_all(struct yd_wire_sub *sub, yodel_bytes payload)
{
    receive(yd_container_of(sub, struct yd_native, all), payload);
}

static void on_every(struct yd_wire_sub *sub, yodel_bytes payload)
{
    receive(yd_container_of(sub, struct yd_native, every_group), payload);
}

/* An answer: of a node that was asked. */
static void on_own(struct yd_wire_sub *sub, yodel_bytes payload)
{
    struct yd_native *native = yd_container_of(sub, struct yd_native, own);
    const struct yd_node *node;
    yodel_str process;

    if (yd_bus_reply_responder(payload, &process) < 0) {
        count(&native->counters.malformed);
        return;
    }
    node = yd_node_table_find(&native->nodes->table, process);
    if (node == NULL || !node->known)
        return;
    count(&native->counters.received);
    if (yd_bus_receive_reply_since(native->bus, &native->peer, payload, node->since) < 0)
        count(&native->counters.malformed);
}

/* tell: somebody may wait for that. */
static void set_heard(struct yd_native *native, atomic_bool *what, bool value, bool tell)
{
    atomic_store(what, value);
    if (tell)
        yd_bus_hears_more(native->bus);
}

static void on_active(struct yd_wire_sub *sub)
{
    struct yd_native *native = sub->on_message == on_all
                                   ? yd_container_of(sub, struct yd_native, all)
                                   : yd_container_of(sub, struct yd_native, own);

    if (sub == &native->all)
        set_heard(native, &native->up, sub->active, !sub->active);
    yd_nodes_sub_changed(native->nodes, sub->active);
}

/* ---- groups ---- */

static void on_group(struct yd_wire_sub *sub, yodel_bytes payload)
{
    receive(sub->user, payload);
}

/* Perhaps inside settle_all(), with the lock. */
static void on_group_active(struct yd_wire_sub *sub)
{
    struct group *group = yd_container_of(sub, struct group, sub);

    set_heard(sub->user, &group->heard, sub->active, sub->active);
}

/* With the lock held. */
static struct group *find_group(const struct yd_native *native, yodel_str channel)
{
    struct yd_map_node *node = yd_map_find(&native->groups, channel);

    return node != NULL ? yd_container_of(node, struct group, node) : NULL;
}

static struct group *make_group(struct yd_native *native, yodel_str channel)
{
    const struct yodel_allocator *mem = native->mem;
    struct group *group = yd_zalloc(mem, sizeof *group + channel.len);

    if (group == NULL)
        return NULL;
    memcpy(group->name, channel.ptr, channel.len);
    group->node.key = (yodel_str){group->name, channel.len};
    group->sub = (struct yd_wire_sub){.name = group->node.key,
                                      .on_message = on_group,
                                      .on_active = on_group_active,
                                      .user = native};
    yd_list_init(&group->of_dirty);
    if (yd_map_insert(&native->groups, &group->node) < 0) {
        yd_free(mem, group);
        return NULL;
    }
    return group;
}

/* With the lock held: the loop is to look at it. */
static void make_dirty(struct yd_native *native, struct group *group)
{
    if (group != NULL && yd_list_is_empty(&group->of_dirty))
        yd_list_append(&native->dirty, &group->of_dirty);
    if (native->running && !native->posted)
        native->posted = yd_call_post(&native->work, native->wire->loop) == 0;
}

static void group_begins(struct yd_peer *peer, yodel_str layer, yodel_str name)
{
    struct yd_native *native = native_of(peer);
    char buf[CHANNEL_SIZE];
    yodel_str channel = group_channel(native, layer, name, buf);
    struct group *group;

    if (channel.len == 0 || !yd_bus_is_by_group(native->bus, layer))
        return;
    pthread_mutex_lock(&native->lock);
    if ((group = find_group(native, channel)) == NULL)
        group = make_group(native, channel);
    if (group != NULL)
        group->wanted = true;
    else
        native->wants_every = true;
    make_dirty(native, group);
    pthread_mutex_unlock(&native->lock);
}

static void group_ends(struct yd_peer *peer, yodel_str layer, yodel_str name)
{
    struct yd_native *native = native_of(peer);
    char buf[CHANNEL_SIZE];
    yodel_str channel = group_channel(native, layer, name, buf);
    struct group *group;

    pthread_mutex_lock(&native->lock);
    if ((group = find_group(native, channel)) != NULL) {
        group->wanted = false;
        make_dirty(native, group);
    }
    pthread_mutex_unlock(&native->lock);
}

/* Where there was no memory for one, all come, and nobody tells since when. */
static bool hears(struct yd_peer *peer, yodel_str layer, yodel_str name)
{
    struct yd_native *native = native_of(peer);
    char buf[CHANNEL_SIZE];
    yodel_str channel;
    struct group *group;
    bool is_heard;

    if (!atomic_load(&native->up) || !yd_bus_is_by_group(native->bus, layer))
        return true;
    channel = group_channel(native, layer, name, buf);
    pthread_mutex_lock(&native->lock);
    group = find_group(native, channel);
    is_heard = group == NULL || native->wants_every || atomic_load(&group->heard);
    pthread_mutex_unlock(&native->lock);
    return is_heard;
}

/* On the loop, with the lock held: makes its subscription what it should be.  Without memory all
 * groups are listened to. */
static void settle(struct yd_native *native, struct group *group)
{
    const struct yd_node_wire_ops *wire = native->wire->ops;

    yd_list_remove(&group->of_dirty);
    if (group->wanted && !group->subscribed) {
        group->subscribed = wire->subscribe(native->wire, &group->sub) == 0;
        native->wants_every = native->wants_every || !group->subscribed;
    } else if (!group->wanted) {
        if (group->subscribed)
            wire->unsubscribe(native->wire, &group->sub);
        yd_map_remove(&native->groups, &group->node);
        yd_free(native->mem, group);
    }
}

static void settle_all(struct yd_native *native)
{
    pthread_mutex_lock(&native->lock);
    native->posted = false;
    while (!yd_list_is_empty(&native->dirty))
        settle(native, yd_container_of(native->dirty.next, struct group, of_dirty));
    if (native->wants_every && native->every_group.wire == NULL)
        (void)native->wire->ops->subscribe(native->wire, &native->every_group);
    pthread_mutex_unlock(&native->lock);
}

static void run_work(struct yd_loop *loop, void *arg)
{
    struct yd_native *native = arg;

    (void)loop;
    if (native->running)
        settle_all(native);
}

/* ---- life ---- */

static const struct yd_peer_ops peer_ops = {
    .takes = takes,
    .send = send,
    .reply = reply,
    .num_parts = num_parts,
    .group_begins = group_begins,
    .group_ends = group_ends,
    .hears = hears,
};

int yd_native_init(struct yd_native *native, struct yd_bus *bus, struct yd_nodes *nodes)
{
    int rc;

    *native = (struct yd_native){.mem = yd_bus_mem(bus),
                                 .peer = {.ops = &peer_ops},
                                 .bus = bus,
                                 .nodes = nodes,
                                 .wire = nodes->wire};
    if ((rc = yd_bus_add_peer(bus, &native->peer)) < 0)
        return rc;
    (void)snprintf(native->all_name, sizeof native->all_name, "%s:all", nodes->prefix);
    (void)snprintf(native->every_name, sizeof native->every_name, "%s:group:*", nodes->prefix);
    native->all = (struct yd_wire_sub){
        .name = yodel_str_of(native->all_name), .on_message = on_all, .on_active = on_active};
    native->own = (struct yd_wire_sub){.on_message = on_own, .on_active = on_active};
    native->every_group = (struct yd_wire_sub){
        .name = yodel_str_of(native->every_name), .is_pattern = true, .on_message = on_every};
    pthread_mutex_init(&native->lock, NULL);
    yd_map_init(&native->groups, native->mem, bus->secret);
    yd_list_init(&native->dirty);
    yd_call_init(&native->work, YD_CALL_CONTROL, run_work, native);
    nodes->peer = &native->peer;
    yd_nodes_await_sub(nodes);
    yd_nodes_await_sub(nodes);
    return 0;
}

void yd_native_done(struct yd_native *native)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(&native->groups)) != NULL) {
        yd_map_remove(&native->groups, node);
        yd_free(native->mem, yd_container_of(node, struct group, node));
    }
    yd_map_done(&native->groups);
    pthread_mutex_destroy(&native->lock);
}

int yd_native_start(struct yd_native *native)
{
    int rc;

    (void)snprintf(native->own_name, sizeof native->own_name, "%s:process:%s",
                   native->nodes->prefix, yd_bus_process(native->bus));
    native->own.name = yodel_str_of(native->own_name);
    if ((rc = native->wire->ops->subscribe(native->wire, &native->all)) < 0 ||
        (rc = native->wire->ops->subscribe(native->wire, &native->own)) < 0)
        return rc;
    pthread_mutex_lock(&native->lock);
    native->running = true;
    pthread_mutex_unlock(&native->lock);
    settle_all(native);
    return 0;
}

static bool is_group(const struct yd_map_node *node)
{
    return yd_container_of(node, struct group, node)->subscribed;
}

/* Subscriptions end; the groups go when they have no members. */
void yd_native_stop(struct yd_native *native)
{
    const struct yd_node_wire_ops *wire = native->wire->ops;
    struct yd_map_node *node;
    size_t slot = 0;

    pthread_mutex_lock(&native->lock);
    native->running = false;
    while ((node = yd_map_next(&native->groups, &slot, is_group)) != NULL) {
        struct group *group = yd_container_of(node, struct group, node);

        wire->unsubscribe(native->wire, &group->sub);
        group->subscribed = false;
    }
    pthread_mutex_unlock(&native->lock);
    set_heard(native, &native->up, false, true);
    if (native->all.wire != NULL)
        wire->unsubscribe(native->wire, &native->all);
    if (native->own.wire != NULL)
        wire->unsubscribe(native->wire, &native->own);
    if (native->every_group.wire != NULL)
        wire->unsubscribe(native->wire, &native->every_group);
}

/* ---- counters ---- */

static uint64_t value_of(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void yd_native_get_stats(const struct yd_native *native, struct yd_native_stats *ret_stats)
{
    *ret_stats = (struct yd_native_stats){
        .published = value_of(&native->counters.published),
        .received = value_of(&native->counters.received),
        .failed = value_of(&native->counters.failed),
        .malformed = value_of(&native->counters.malformed),
    };
}
