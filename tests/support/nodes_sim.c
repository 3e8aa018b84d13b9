/* SPDX-License-Identifier: MIT */
#include "nodes_sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"

/* A message under way, or a call of the store. */
struct nodes_sim_packet {
    struct nodes_sim_packet *next;
    struct nodes_sim_process *from; /* NULL: of somebody else */
    struct yd_wire_call *call;
    enum { MESSAGE, GET, SET, DEL } kind;
    bool only_new;
    uint32_t ms;
    char *name;
    size_t name_len;
    uint8_t *data;
    size_t len;
};

struct nodes_sim_value {
    struct nodes_sim_value *next;
    uint64_t until;
    struct nodes_sim_packet *packet;
};

/* ---- what is under way ---- */

static struct nodes_sim_packet *make_packet(int kind, yodel_str name, yodel_bytes data)
{
    struct nodes_sim_packet *packet = calloc(1, sizeof *packet);

    packet->kind = kind;
    packet->name = malloc(name.len + 1);
    memcpy(packet->name, name.ptr, name.len);
    packet->name[name.len] = '\0';
    packet->name_len = name.len;
    packet->data = malloc(data.len + 1);
    if (data.len > 0)
        memcpy(packet->data, data.ptr, data.len);
    packet->len = data.len;
    return packet;
}

static void free_packet(struct nodes_sim_packet *packet)
{
    free(packet->name);
    free(packet->data);
    free(packet);
}

static void put_packet(struct nodes_sim *sim, struct nodes_sim_packet *packet)
{
    *sim->end = packet;
    sim->end = &packet->next;
}

static struct nodes_sim_process *process_of(struct yd_node_wire *wire)
{
    return (struct nodes_sim_process *)wire;
}

static int publish(struct yd_node_wire *wire, yodel_str channel, yodel_bytes payload)
{
    struct nodes_sim_process *process = process_of(wire);
    struct nodes_sim_packet *packet = make_packet(MESSAGE, channel, payload);

    packet->from = process;
    process->sim->num_published++;
    if (process->cut || process->silent)
        free_packet(packet);
    else
        put_packet(process->sim, packet);
    return 0;
}

static int ask_store(struct yd_node_wire *wire, struct nodes_sim_packet *packet,
                     struct yd_wire_call *call)
{
    packet->from = process_of(wire);
    packet->call = call;
    put_packet(packet->from->sim, packet);
    return 0;
}

static int get(struct yd_node_wire *wire, yodel_str key, struct yd_wire_call *call)
{
    return ask_store(wire, make_packet(GET, key, (yodel_bytes){NULL, 0}), call);
}

static int set(struct yd_node_wire *wire, yodel_str key, yodel_bytes value, uint32_t ms,
               bool only_new, struct yd_wire_call *call)
{
    struct nodes_sim_packet *packet = make_packet(SET, key, value);

    packet->only_new = only_new;
    packet->ms = ms;
    return ask_store(wire, packet, call);
}

static int del(struct yd_node_wire *wire, yodel_str key)
{
    return ask_store(wire, make_packet(DEL, key, (yodel_bytes){NULL, 0}), NULL);
}

static int subscribe(struct yd_node_wire *wire, struct yd_wire_sub *sub)
{
    assert_null(sub->wire);
    sub->wire = wire;
    sub->active = false;
    yd_list_append(&process_of(wire)->subs, &sub->of_wire);
    process_of(wire)->num_subs++;
    return 0;
}

static void unsubscribe(struct yd_node_wire *wire, struct yd_wire_sub *sub)
{
    assert_ptr_equal(sub->wire, wire);
    sub->wire = NULL;
    sub->active = false;
    yd_list_remove(&sub->of_wire);
    process_of(wire)->num_subs--;
}

static const struct yd_node_wire_ops wire_ops = {publish, subscribe, unsubscribe, get, set, del};

/* ---- delivering ---- */

void nodes_sim_enter(struct yd_loop *loop)
{
    loop->thread = pthread_self();
    atomic_store(&loop->running, true);
}

void nodes_sim_leave(struct yd_loop *loop)
{
    atomic_store(&loop->running, false);
}

static bool can_hear(const struct nodes_sim_process *process)
{
    return !process->cut && !process->silent && !process->dead && process->wire.loop != NULL;
}

static bool is_meant(const struct yd_wire_sub *sub, const struct nodes_sim_packet *packet)
{
    if (!sub->active)
        return false;
    if (sub->is_pattern)
        return packet->name_len >= sub->name.len - 1 &&
               memcmp(packet->name, sub->name.ptr, sub->name.len - 1) == 0;
    return yodel_str_eq(sub->name, (yodel_str){packet->name, packet->name_len});
}

/* A sub may end while it is told. */
static void deliver(struct nodes_sim_process *process, const struct nodes_sim_packet *packet)
{
    struct yd_list *at = process->subs.next;

    while (at != &process->subs) {
        struct yd_wire_sub *sub = yd_container_of(at, struct yd_wire_sub, of_wire);

        at = at->next;
        if (is_meant(sub, packet)) {
            process->sim->num_delivered++;
            sub->on_message(sub, (yodel_bytes){packet->data, packet->len});
        }
    }
}

static struct nodes_sim_value **find_value(struct nodes_sim *sim, const char *key)
{
    struct nodes_sim_value **link = &sim->values;

    while (*link != NULL && strcmp((*link)->packet->name, key) != 0)
        link = &(*link)->next;
    return link;
}

static void drop_value(struct nodes_sim_value **link)
{
    struct nodes_sim_value *value = *link;

    *link = value->next;
    free_packet(value->packet);
    free(value);
}

/* Takes packet. */
static void run_store(struct nodes_sim *sim, struct nodes_sim_packet *packet)
{
    struct nodes_sim_value **link = find_value(sim, packet->name), *value;
    struct yd_wire_call *call = packet->call;
    struct nodes_sim_process *from = packet->from;
    yodel_bytes found = {NULL, 0};
    int result = 1;

    if (*link != NULL && (*link)->until <= sim->now)
        drop_value(link);
    value = *link;
    if (!can_hear(from)) {
        result = YODEL_ERR_CLOSED;
    } else if (packet->kind == GET) {
        result = value != NULL;
        if (value != NULL)
            found = (yodel_bytes){value->packet->data, value->packet->len};
    } else if (packet->kind == SET && packet->only_new && value != NULL) {
        result = 0;
    } else if (value != NULL) {
        drop_value(find_value(sim, packet->name));
    }
    if (result == 1 && packet->kind == SET) {
        value = calloc(1, sizeof *value);
        *value = (struct nodes_sim_value){sim->values, sim->now + packet->ms, packet};
        sim->values = value;
    }
    if (call != NULL && !from->dead) {
        nodes_sim_enter(from->loops[0]);
        call->done(call, result, found);
        nodes_sim_leave(from->loops[0]);
    }
    if (result != 1 || packet->kind != SET)
        free_packet(packet);
}

static void settle_subs(struct nodes_sim_process *process)
{
    struct yd_list *at = process->subs.next;

    while (at != &process->subs) {
        struct yd_wire_sub *sub = yd_container_of(at, struct yd_wire_sub, of_wire);

        at = at->next;
        if (sub->active == !process->cut)
            continue;
        sub->active = !process->cut;
        if (sub->on_active != NULL)
            sub->on_active(sub);
    }
}

static void run_packet(struct nodes_sim *sim, struct nodes_sim_packet *packet)
{
    if (packet->kind != MESSAGE) {
        run_store(sim, packet);
        return;
    }
    for (unsigned i = 0; i < sim->num; i++) {
        struct nodes_sim_process *to = &sim->processes[i];

        if (!can_hear(to) ||
            (sim->drop != NULL && sim->drop(sim, (yodel_str){packet->name, packet->name_len})))
            continue;
        nodes_sim_enter(to->loops[0]);
        deliver(to, packet);
        nodes_sim_leave(to->loops[0]);
    }
    free_packet(packet);
}

static bool is_frozen(const struct nodes_sim *sim)
{
    for (unsigned i = 0; i < sim->num; i++)
        if (sim->processes[i].frozen)
            return true;
    return false;
}

/* Returns whether anything has moved.  While one is frozen, all that comes waits for it too: that
 * is only for tests which look at the frozen one. */
static bool run_wire(struct nodes_sim *sim)
{
    struct nodes_sim_packet *packet = sim->first;

    for (unsigned i = 0; i < sim->num; i++) {
        struct nodes_sim_process *process = &sim->processes[i];

        if (process->dead || process->wire.loop == NULL || sim->down)
            continue;
        nodes_sim_enter(process->loops[0]);
        settle_subs(process);
        nodes_sim_leave(process->loops[0]);
    }
    if (packet == NULL || sim->down || is_frozen(sim))
        return false;
    if ((sim->first = packet->next) == NULL)
        sim->end = &sim->first;
    run_packet(sim, packet);
    return true;
}

void nodes_sim_inject(struct nodes_sim *sim, const char *channel, const void *data, size_t len)
{
    put_packet(sim, make_packet(MESSAGE, yodel_str_of(channel), (yodel_bytes){data, len}));
}

/* ---- turning ---- */

static void turn(struct nodes_sim_process *process, uint64_t ms)
{
    if (process->dead || process->frozen || process->wire.loop == NULL)
        return;
    for (unsigned i = 0; i < NODES_SIM_LOOPS; i++) {
        nodes_sim_enter(process->loops[i]);
        if (ms > 0)
            sim_advance(process->loops[i], ms);
        else
            sim_run(process->loops[i]);
        nodes_sim_leave(process->loops[i]);
    }
}

void nodes_sim_run(struct nodes_sim *sim)
{
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < sim->num; i++)
            turn(&sim->processes[i], 0);
        while (run_wire(sim)) {
            round = 0;
            for (unsigned i = 0; i < sim->num; i++)
                turn(&sim->processes[i], 0);
        }
    }
}

#define STEP_MS 50

void nodes_sim_advance(struct nodes_sim *sim, uint64_t ms)
{
    nodes_sim_run(sim);
    while (ms > 0) {
        uint64_t step = ms < STEP_MS ? ms : STEP_MS;

        for (unsigned i = 0; i < sim->num; i++)
            turn(&sim->processes[i], step);
        sim->now += step;
        ms -= step;
        nodes_sim_run(sim);
    }
}

void nodes_sim_cut(struct nodes_sim *sim, unsigned i, bool cut)
{
    sim->processes[i].cut = cut;
    nodes_sim_run(sim);
}

/* ---- processes ---- */

static struct yd_msg *make_msg(const struct yodel_allocator *mem, yodel_ws_type type,
                               yodel_bytes data)
{
    struct yd_msg *msg = yd_msg_new(mem, (uint8_t)type, data.len);

    if (msg != NULL && data.len > 0)
        memcpy(yd_msg_payload(msg), data.ptr, data.len);
    return msg;
}

/* Members of the tests are pointers' texts. */
static bool list_member(const struct yd_member *member, yodel_id *ret_id,
                        char ret_name[YODEL_CHANNEL_NAME_SIZE])
{
    ret_id->value = (uint64_t)(uintptr_t)member;
    (void)snprintf(ret_name, YODEL_CHANNEL_NAME_SIZE, "%llx",
                   (unsigned long long)(uintptr_t)member);
    return true;
}

static void release(void *owner)
{
    (void)owner;
}

void nodes_sim_start_one(struct nodes_sim *sim, unsigned i, unsigned generation)
{
    struct nodes_sim_process *process = &sim->processes[i];
    struct yd_bus_options bus = {.mem = &process->fm.mem,
                                 .loops = process->loops,
                                 .num_loops = NODES_SIM_LOOPS,
                                 .secret = {i, 7},
                                 .process = process->name};
    char name[16];
    struct yd_nodes_options nodes = {.bus = &process->bus,
                                     .wire = &process->wire,
                                     .name = name,
                                     .max_nodes = 10,
                                     .beat_ms = 2000,
                                     .dead_ms = 6000,
                                     .keep_ms = 30000};
    struct yd_channels_options channels = {.bus = &process->bus,
                                           .name = "groups",
                                           .make_msg = make_msg,
                                           .list_member = list_member,
                                           .release_owner = release};

    *process = (struct nodes_sim_process){.wire = {&wire_ops, NULL}, .sim = sim};
    yd_list_init(&process->subs);
    failmem_init(&process->fm, 0);
    (void)snprintf(process->name, sizeof process->name, "%030x%02x", generation, i);
    (void)snprintf(name, sizeof name, "n%u", i);
    for (unsigned j = 0; j < NODES_SIM_LOOPS; j++) {
        assert_int_equal(yd_loop_new(&yd_loop_sim, &process->fm.mem, NULL, j, &process->loops[j]),
                         0);
        nodes_sim_enter(process->loops[j]);
        sim_advance(process->loops[j], sim->now + 1000); /* one clock for all */
        nodes_sim_leave(process->loops[j]);
    }
    process->wire.loop = process->loops[0];
    assert_int_equal(yd_bus_init(&process->bus, &bus), 0);
    assert_int_equal(yd_nodes_init(&process->nodes, &nodes), 0);
    assert_int_equal(yd_native_init(&process->native, &process->bus, &process->nodes), 0);
    assert_int_equal(yd_channels_new(&channels, &process->channels), 0);
    nodes_sim_enter(process->loops[0]);
    assert_int_equal(yd_native_start(&process->native), 0);
    assert_int_equal(yd_nodes_start(&process->nodes), 0);
    nodes_sim_leave(process->loops[0]);
    nodes_sim_run(sim);
}

void nodes_sim_start(struct nodes_sim *sim, unsigned num)
{
    *sim = (struct nodes_sim){.num = num};
    sim->end = &sim->first;
    for (unsigned i = 0; i < num; i++)
        nodes_sim_start_one(sim, i, 1);
}

/* What is under way of it is lost. */
static void forget_packets(struct nodes_sim *sim, const struct nodes_sim_process *process)
{
    struct nodes_sim_packet **link = &sim->first;

    while (*link != NULL) {
        struct nodes_sim_packet *packet = *link;

        if (packet->from != process || packet->kind == MESSAGE) {
            link = &packet->next;
            continue;
        }
        *link = packet->next;
        free_packet(packet);
    }
    sim->end = link;
}

void nodes_sim_stop_one(struct nodes_sim *sim, unsigned i)
{
    struct nodes_sim_process *process = &sim->processes[i];

    if (process->wire.loop == NULL)
        return;
    nodes_sim_enter(process->loops[0]);
    if (process->part != NULL) {
        process->part->ops->end(process->part);
        sim_run(process->loops[0]);
    }
    yd_native_stop(&process->native);
    yd_nodes_stop(&process->nodes);
    nodes_sim_leave(process->loops[0]);
    for (unsigned j = 0; j < NODES_SIM_LOOPS; j++)
        yd_loop_close(process->loops[j]);
    yd_bus_close(&process->bus);
    yodel_channels_unref(process->channels);
    if (process->part != NULL)
        process->part->ops->free(process->part);
    process->part = NULL;
    yd_bus_done(&process->bus);
    yd_native_done(&process->native);
    yd_nodes_done(&process->nodes);
    for (unsigned j = 0; j < NODES_SIM_LOOPS; j++)
        yd_loop_free(process->loops[j]);
    assert_int_equal(process->num_subs, 0);
    failmem_assert_empty(&process->fm);
    process->wire.loop = NULL;
    forget_packets(sim, process);
}

void nodes_sim_stop(struct nodes_sim *sim)
{
    for (unsigned i = 0; i < sim->num; i++)
        nodes_sim_stop_one(sim, i);
    while (sim->first != NULL) {
        struct nodes_sim_packet *next = sim->first->next;

        free_packet(sim->first);
        sim->first = next;
    }
    while (sim->values != NULL)
        drop_value(&sim->values);
}
