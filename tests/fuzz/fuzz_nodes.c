/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "channels/presence.h"
#include "loop/loop.h"
#include "nodes/native.h"

/*
 * What comes from other nodes, to one that has a member and a watcher.  The input is messages, each
 * after where it goes to and its length: 0 announcements, 1 operations, 2 answers, 3 what a tag's
 * key says, 4 a state of presence and 5 a change, to the view, 6 an interest, 7 a second passes.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

/* ---- a wire to nobody ---- */

struct world {
    struct yd_node_wire wire; /* first */
    struct yd_wire_call *call;
    struct yd_loop *loop;
    uint64_t clock;
    struct yd_bus bus;
    struct yd_nodes nodes;
    struct yd_native native;
    yodel_channels *channels;
    yodel_watcher *watcher;
    struct yd_member member;
    size_t known;
};

static struct world *world_of(struct yd_node_wire *wire)
{
    return (struct world *)wire;
}

static int publish(struct yd_node_wire *wire, yodel_str channel, yodel_bytes payload)
{
    (void)wire;
    return channel.len > 0 && payload.len > 0 ? 0 : -1;
}

static int subscribe(struct yd_node_wire *wire, struct yd_wire_sub *sub)
{
    sub->wire = wire;
    sub->active = true;
    return 0;
}

static void unsubscribe(struct yd_node_wire *wire, struct yd_wire_sub *sub)
{
    (void)wire;
    sub->wire = NULL;
}

static int ask(struct yd_node_wire *wire, yodel_str key, struct yd_wire_call *call)
{
    (void)key;
    world_of(wire)->call = call;
    return 0;
}

static int set(struct yd_node_wire *wire, yodel_str key, yodel_bytes value, uint32_t ms,
               bool only_new, struct yd_wire_call *call)
{
    (void)value;
    (void)ms;
    (void)only_new;
    return call != NULL ? ask(wire, key, call) : 0;
}

static int del(struct yd_node_wire *wire, yodel_str key)
{
    (void)wire;
    (void)key;
    return 0;
}

static const struct yd_node_wire_ops wire_ops = {publish, subscribe, unsubscribe, ask, set, del};

/* ---- a loop that nothing drives but this ---- */

struct fuzz_loop {
    struct yd_loop loop; /* first */
    uint64_t clock;
};

static void no_call(struct yd_loop *loop)
{
    (void)loop;
}

static uint64_t get_clock(const struct yd_loop *loop)
{
    return ((const struct fuzz_loop *)loop)->clock;
}

static const struct yd_loop_ops loop_ops = {.name = "fuzz",
                                            .loop_size = sizeof(struct fuzz_loop),
                                            .init = no_call,
                                            .done = no_call,
                                            .clock = get_clock,
                                            .run = no_call,
                                            .wake = no_call};

static void turn(struct world *world, uint64_t ms)
{
    struct fuzz_loop *loop = (struct fuzz_loop *)world->loop;

    loop->clock += ms;
    for (unsigned i = 0; i < 4; i++) {
        yd_loop_woke(world->loop, loop->clock);
        (void)yd_loop_turn(world->loop);
    }
}

/* ---- the node ---- */

static void deliver(struct yd_member *member, struct yd_delivery *what)
{
    (void)member;
    require(what->msg != NULL || what->event != NULL);
}

static bool list_member(const struct yd_member *member, yodel_id *ret_id,
                        char ret_name[YODEL_CHANNEL_NAME_SIZE])
{
    (void)member;
    ret_id->value = 1;
    memcpy(ret_name, "me", 3);
    return true;
}

static struct yd_msg *make_msg(const struct yodel_allocator *mem, yodel_ws_type type,
                               yodel_bytes data)
{
    struct yd_msg *msg = yd_msg_new(mem, (uint8_t)type, data.len);

    if (msg != NULL && data.len > 0)
        memcpy(yd_msg_payload(msg), data.ptr, data.len);
    return msg;
}

static void release(void *owner)
{
    (void)owner;
}

/* Whoever is told to have left was told to have come. */
static void on_presence(const yodel_presence *presence, void *user)
{
    struct world *world = user;

    world->known += presence->change == YODEL_PRESENCE_JOINED;
    require(world->known > 0);
    world->known -= presence->change == YODEL_PRESENCE_LEFT;
    require(presence->count == world->known);
}

static void start(struct world *world)
{
    struct yd_bus_options bus = {.mem = &yd_mem_default,
                                 .loops = &world->loop,
                                 .num_loops = 1,
                                 .process = "00000000000000000000000000000000"};
    struct yd_nodes_options nodes = {.bus = &world->bus,
                                     .wire = &world->wire,
                                     .name = "n",
                                     .max_nodes = 8,
                                     .beat_ms = 2000,
                                     .dead_ms = 6000,
                                     .keep_ms = 30000};
    struct yd_channels_options channels = {.bus = &world->bus,
                                           .name = "groups",
                                           .make_msg = make_msg,
                                           .list_member = list_member,
                                           .release_owner = release};

    require(yd_loop_new(&loop_ops, &yd_mem_default, NULL, 0, &world->loop) == 0);
    world->loop->thread = pthread_self();
    atomic_store(&world->loop->running, true);
    world->wire = (struct yd_node_wire){&wire_ops, world->loop};
    require(yd_bus_init(&world->bus, &bus) == 0);
    require(yd_nodes_init(&world->nodes, &nodes) == 0);
    require(yd_native_init(&world->native, &world->bus, &world->nodes) == 0);
    require(yd_channels_new(&channels, &world->channels) == 0);
    require(yd_native_start(&world->native) == 0 && yd_nodes_start(&world->nodes) == 0);
    for (unsigned i = 0; i < 3; i++)
        yd_nodes_sub_changed(&world->nodes, true);
    world->member.deliver = deliver;
    require(yd_channels_join_with(world->channels, world->loop, YODEL_STR("g"), &world->member,
                                  YODEL_STR("1")) == 0);
    require(yodel_group_watch(world->channels, "g",
                              YODEL_OPTIONS(yodel_watch_options, .fn = on_presence, .user = world),
                              &world->watcher) == 0);
    turn(world, 0);
    require(world->known == 1);
}

static void stop(struct world *world)
{
    require(yodel_group_unwatch(world->watcher) == NULL);
    yd_member_leave_all(world->loop, &world->member);
    turn(world, 0);
    yd_native_stop(&world->native);
    yd_nodes_stop(&world->nodes);
    atomic_store(&world->loop->running, false);
    yd_loop_close(world->loop);
    yd_bus_close(&world->bus);
    yodel_channels_unref(world->channels);
    yd_bus_done(&world->bus);
    yd_native_done(&world->native);
    yd_nodes_done(&world->nodes);
    yd_loop_free(world->loop);
}

/* ---- messages ---- */

static void give_presence(struct world *world, enum yd_channel_kind kind, yodel_bytes payload)
{
    yodel_str group = kind == YD_CHANNEL_INTEREST ? (yodel_str){NULL, 0} : YODEL_STR("\1g");
    struct yd_buf buf = {0};

    require(yd_buf_append(&yd_mem_default, &buf, payload.ptr, payload.len) == 0);
    require(yd_presence_send(world->channels, kind, group, &buf, true) == 0);
}

static void answer_call(struct world *world, yodel_bytes payload)
{
    struct yd_wire_call *call = world->call;

    world->call = NULL;
    if (call != NULL)
        call->done(call, payload.len > 0, payload);
}

static void give(struct world *world, unsigned where, yodel_bytes payload)
{
    switch (where % 8) {
    case 0:
        world->nodes.sub.on_message(&world->nodes.sub, payload);
        break;
    case 1:
        world->native.all.on_message(&world->native.all, payload);
        break;
    case 2:
        world->native.own.on_message(&world->native.own, payload);
        break;
    case 3:
        answer_call(world, payload);
        break;
    case 4:
        give_presence(world, YD_CHANNEL_STATE, payload);
        break;
    case 5:
        give_presence(world, YD_CHANNEL_DELTA, payload);
        break;
    case 6:
        give_presence(world, YD_CHANNEL_INTEREST, payload);
        break;
    case 7:
        turn(world, 1000);
        break;
    }
    turn(world, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {.clock = 0};

    start(&world);
    while (size >= 3) {
        size_t len = (size_t)data[1] | (size_t)data[2] << 8;

        if (len > size - 3)
            len = size - 3;
        give(&world, data[0], (yodel_bytes){data + 3, len});
        data += 3 + len;
        size -= 3 + len;
    }
    require(yd_nodes_count(&world.nodes) <= 8);
    stop(&world);
    return 0;
}
