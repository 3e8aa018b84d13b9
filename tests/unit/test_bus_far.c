/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "channels/channel_event.h"
#include "channels/channels.h"
#include "failmem.h"
#include "loop_sim.h"

/*
 * Several processes in one: each has a bus, loops and a channel layer of its own, and a far peer
 * that puts every operation, as bytes, on a wire between them.  The wire delivers late, twice, out
 * of order or never, as a seed says.  What each member gets is checked against what was sent.
 */

#define PROCESSES 3
#define LOOPS 2
#define MEMBERS 5 /* of each process */
#define GROUPS 4
#define SENDS 60
#define MAX_PACKETS 2000

struct process {
    struct yd_peer peer;
    struct failmem fm;
    struct yd_loop *loops[LOOPS];
    struct yd_bus bus;
    yodel_channels *channels;
    char name[8];
    bool has[GROUPS]; /* as the hooks tell */
};

struct member {
    struct yd_member member;
    struct process *process;
    struct yd_loop *loop;
    bool in[GROUPS];
    unsigned last[PROCESSES][GROUPS]; /* the last that came from each process to each group */
    int heard;
};

/* Bytes under way to one process. */
struct packet {
    yodel_bytes bytes;
    unsigned to;
    bool is_reply;
    int delay;
};

static struct {
    struct process processes[PROCESSES];
    struct member members[PROCESSES][MEMBERS];
    struct packet packets[MAX_PACKETS];
    size_t num_packets;
    unsigned seed;
    bool faulty;    /* the wire is */
    bool doubled;   /* it brings everything twice */
    unsigned parts; /* that a peer says it is; 0: one */
    int max_delay;
} world;

static unsigned draw(unsigned max)
{
    world.seed = world.seed * 1103515245u + 12345u;
    return (world.seed >> 16) % max;
}

/* ---- the wire ---- */

static void put_packet(unsigned to, yodel_bytes bytes, bool is_reply)
{
    uint8_t *copy = malloc(bytes.len);

    assert_true(world.num_packets < MAX_PACKETS);
    memcpy(copy, bytes.ptr, bytes.len);
    world.packets[world.num_packets++] =
        (struct packet){{copy, bytes.len}, to, is_reply, (int)draw(1 + (unsigned)world.max_delay)};
}

static void put_on_wire(unsigned to, yodel_bytes bytes, bool is_reply)
{
    unsigned copies = 1;

    if (world.faulty && draw(10) == 0)
        copies = draw(2) * 2; /* never, or twice */
    for (copies <<= world.doubled; copies > 0; copies--)
        put_packet(to, bytes, is_reply);
}

static int peer_send(struct yd_peer *peer, const struct yd_op *op, uint64_t token,
                     yodel_bytes bytes)
{
    struct process *from = yd_container_of(peer, struct process, peer);

    for (unsigned i = 0; i < PROCESSES; i++)
        put_on_wire(i, bytes, false); /* its own comes back to it, as on a real one */
    return from != NULL ? 0 : -EIO;
}

/* Whose it is the receiver finds out. */
static int peer_reply(struct yd_peer *peer, yodel_bytes reply)
{
    for (unsigned i = 0; i < PROCESSES; i++)
        if (&world.processes[i].peer != peer)
            put_on_wire(i, reply, true);
    return 0;
}

static void group_begins(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    bool *has = &yd_container_of(peer, struct process, peer)->has[group.ptr[0] - 'a'];

    assert_false(*has);
    *has = true;
}

static void group_ends(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    bool *has = &yd_container_of(peer, struct process, peer)->has[group.ptr[0] - 'a'];

    assert_true(*has);
    *has = false;
}

static unsigned num_parts(struct yd_peer *peer)
{
    (void)peer;
    return world.parts != 0 ? world.parts : 1;
}

static const struct yd_peer_ops peer_ops = {.num_parts = num_parts,
                                            .send = peer_send,
                                            .reply = peer_reply,
                                            .group_begins = group_begins,
                                            .group_ends = group_ends};

static void deliver_packet(size_t i)
{
    struct packet packet = world.packets[i];
    struct process *to = &world.processes[packet.to];
    int rc;

    world.packets[i] = world.packets[--world.num_packets];
    rc = packet.is_reply ? yd_bus_receive_reply(&to->bus, &to->peer, packet.bytes)
                         : yd_bus_receive(&to->bus, &to->peer, packet.bytes);
    assert_int_equal(rc, 0);
    free((void *)packet.bytes.ptr);
}

/* What is late comes in any order when the wire is faulty, else in its own. */
static void run_wire(void)
{
    for (size_t i = 0; i < world.num_packets;) {
        if (world.faulty && world.packets[i].delay-- > 0) {
            i++;
            continue;
        }
        if (world.faulty)
            deliver_packet(i);
        else { /* the oldest first */
            struct packet first = world.packets[0];

            memmove(world.packets, world.packets + 1,
                    (world.num_packets - 1) * sizeof world.packets[0]);
            world.packets[world.num_packets - 1] = first;
            deliver_packet(world.num_packets - 1);
        }
    }
}

/* ---- processes ---- */

static void turn(struct process *process)
{
    for (unsigned i = 0; i < LOOPS; i++) {
        process->loops[i]->thread = pthread_self();
        atomic_store(&process->loops[i]->running, true);
        sim_run(process->loops[i]);
        atomic_store(&process->loops[i]->running, false);
    }
}

static void turn_all(void)
{
    for (unsigned i = 0; i < PROCESSES; i++)
        turn(&world.processes[i]);
}

static struct yd_msg *make_msg(const struct yodel_allocator *mem, yodel_ws_type type,
                               yodel_bytes data)
{
    struct yd_msg *msg = yd_msg_new(mem, (uint8_t)type, data.len);

    if (msg != NULL)
        memcpy(yd_msg_payload(msg), data.ptr, data.len);
    return msg;
}

static void release(void *owner)
{
}

static void start_process(unsigned i)
{
    struct process *process = &world.processes[i];
    struct yd_bus_options bus = {.mem = &process->fm.mem,
                                 .loops = process->loops,
                                 .num_loops = LOOPS,
                                 .secret = {i, 7},
                                 .process = process->name};
    struct yd_channels_options channels = {
        .bus = &process->bus, .name = "groups", .make_msg = make_msg, .release_owner = release};

    failmem_init(&process->fm, 0);
    (void)snprintf(process->name, sizeof process->name, "p%u", i);
    for (unsigned j = 0; j < LOOPS; j++)
        assert_int_equal(yd_loop_new(&yd_loop_sim, &process->fm.mem, NULL, j, &process->loops[j]),
                         0);
    assert_int_equal(yd_bus_init(&process->bus, &bus), 0);
    process->peer.ops = &peer_ops;
    assert_int_equal(yd_bus_add_peer(&process->bus, &process->peer), 0);
    assert_int_equal(yd_channels_new(&channels, &process->channels), 0);
}

static void stop_process(struct process *process)
{
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_close(process->loops[i]);
    yd_bus_close(&process->bus);
    for (unsigned i = 0; i < GROUPS; i++)
        assert_false(process->has[i]);
    yodel_channels_unref(process->channels);
    yd_bus_done(&process->bus);
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_free(process->loops[i]);
    failmem_assert_empty(&process->fm);
}

/* ---- members ---- */

/* A message is "GROUP PROCESS NUMBER". */
static void on_deliver(struct yd_member *base, struct yd_delivery *what)
{
    struct member *member = yd_container_of(base, struct member, member);
    char text[32] = "", group;
    unsigned from, number;
    const char *event_text;

    if (what->msg != NULL)
        memcpy(text, yd_msg_payload(what->msg), what->msg->len);
    else {
        assert_true(yodel_str_eq(yodel_event_type(what->event), YODEL_STR("note")));
        assert_int_equal(yodel_event_unpack(what->event, "{s:s}", "text", &event_text), 0);
        (void)snprintf(text, sizeof text, "%s", event_text);
    }
    assert_int_equal(sscanf(text, "%c %u %u", &group, &from, &number), 3);
    assert_true(member->in[group - 'a']); /* nothing to who is no member */
    /* At most once, and in the order of who sends. */
    assert_true(number > member->last[from][group - 'a']);
    member->last[from][group - 'a'] = number;
    member->heard++;
}

static struct yd_key key_of(struct process *process, unsigned group)
{
    static const char names[] = "abcd";

    return yd_bus_key(&process->bus, (yodel_str){&names[group], 1});
}

static void change(struct member *member, unsigned group, bool join)
{
    struct yd_key key = key_of(member->process, group);
    struct yd_groups *groups = yd_channels_groups(member->process->channels);

    if (join)
        assert_true(yd_group_join(groups, member->loop, &key, &member->member) >= 0);
    else
        (void)yd_group_leave(groups, member->loop, &key, &member->member);
    member->in[group] = join;
}

static int make_event(struct process *process, yodel_event **ret_event, const char *format, ...)
{
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_event_new(&process->fm.mem, "note", format, args, ret_event);
    va_end(args);
    return rc;
}

static void send_note(unsigned from, unsigned group, unsigned number)
{
    struct process *process = &world.processes[from];
    char text[32], name = (char)('a' + group);
    yodel_event *event = NULL;
    struct yd_msg *msg = NULL;

    (void)snprintf(text, sizeof text, "%c %u %u", name, from, number);
    if (draw(2) == 0)
        msg = make_msg(&process->fm.mem, YODEL_WS_TEXT,
                       (yodel_bytes){(const uint8_t *)text, strlen(text)});
    else
        assert_int_equal(make_event(process, &event, "{s:s}", "text", text), 0);
    assert_int_equal(yd_channels_send(process->channels, (yodel_str){&name, 1}, msg, event), 0);
    yd_msg_unref(msg);
    yd_event_unref(event);
}

/* ---- the tests ---- */

static void start(unsigned seed, bool faulty)
{
    memset(&world, 0, sizeof world);
    world.seed = seed;
    world.faulty = faulty;
    world.max_delay = faulty ? 6 : 0;
    for (unsigned i = 0; i < PROCESSES; i++)
        start_process(i);
    for (unsigned i = 0; i < PROCESSES; i++)
        for (unsigned j = 0; j < MEMBERS; j++) {
            struct member *member = &world.members[i][j];

            member->member.deliver = on_deliver;
            member->process = &world.processes[i];
            member->loop = world.processes[i].loops[j % LOOPS];
        }
}

static void stop(void)
{
    while (world.num_packets > 0) {
        run_wire();
        turn_all();
    }
    turn_all();
    for (unsigned i = 0; i < PROCESSES; i++)
        for (unsigned j = 0; j < MEMBERS; j++)
            yd_member_leave_all(world.members[i][j].loop, &world.members[i][j].member);
    for (unsigned i = 0; i < PROCESSES; i++)
        stop_process(&world.processes[i]);
}

static void step(unsigned *numbers)
{
    unsigned from = draw(PROCESSES), group = draw(GROUPS);

    if (draw(4) == 0)
        change(&world.members[from][draw(MEMBERS)], group, draw(2) == 0);
    else
        send_note(from, group, ++numbers[from]);
    if (draw(2) == 0)
        run_wire();
    if (draw(2) == 0)
        turn(&world.processes[draw(PROCESSES)]);
}

/* On a wire that loses nothing all members of all processes get all, in order. */
static void test_bus_far_reaches_every_process(void **state)
{
    start(1, false);
    for (unsigned i = 0; i < PROCESSES; i++)
        for (unsigned j = 0; j < MEMBERS; j++)
            change(&world.members[i][j], j % 2, true);
    for (unsigned n = 1; n <= 10; n++)
        for (unsigned from = 0; from < PROCESSES; from++)
            for (unsigned group = 0; group < GROUPS; group++)
                send_note(from, group, n);
    run_wire();
    turn_all();
    for (unsigned i = 0; i < PROCESSES; i++)
        for (unsigned j = 0; j < MEMBERS; j++)
            assert_int_equal(world.members[i][j].heard, 10 * PROCESSES);
    stop();
}

/* On one that is late, repeats, changes the order and loses: at most once, in the order of each
 * sender, and nothing to who is no member. */
static void test_bus_far_keeps_its_promises_on_a_bad_wire(void **state)
{
    for (unsigned seed = 0; seed < 300; seed++) {
        unsigned numbers[PROCESSES] = {0};
        int heard = 0;

        start(seed, true);
        for (unsigned i = 0; i < SENDS; i++)
            step(numbers);
        for (unsigned i = 0; i < PROCESSES; i++)
            for (unsigned j = 0; j < MEMBERS; j++)
                heard += world.members[i][j].heard;
        if (seed % 10 == 0)
            assert_true(heard > 0);
        stop();
    }
}

/* ---- what is answered ---- */

/* A layer that counts its loops, here and in other processes. */
struct counter {
    struct yd_layer layer;
    bool mute; /* answers nobody */
};

struct count {
    struct yd_ask ask; /* first */
    uint32_t loops;
    int told, freed;
    unsigned missing, num_missing;
};

static struct counter counters[PROCESSES];

static void find(const struct yd_op *op, struct yd_loop_set *set)
{
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_set_add(set, i);
}

static void apply(struct yd_op *op, struct yd_loop *loop)
{
    if (op->ask == NULL || !yd_ask_enter(op->ask))
        return;
    ((struct count *)op->ask)->loops++;
    yd_ask_leave(op->ask);
}

static void nothing(struct yd_op *op)
{
}

static void keep(struct yd_layer *layer)
{
}

static bool try_keep(struct yd_layer *layer)
{
    return true;
}

static int encode(const struct yd_op *op, struct yd_buf *buf)
{
    return op->kind == 1 ? 0 : YODEL_ERR_UNSUPPORTED;
}

static size_t op_size(unsigned kind)
{
    return kind == 1 ? sizeof(struct yd_op) : 0;
}

static void free_far_count(struct yd_ask *ask)
{
    free(ask);
}

static const struct yd_ask_ops far_count_ops = {.free = free_far_count};

static int decode(struct yd_op *op, yodel_bytes payload)
{
    struct counter *counter = yd_container_of(op->layer, struct counter, layer);
    struct count *count;

    assert_int_equal(payload.len, 0);
    if (!op->wants_reply || counter->mute)
        return 0;
    count = calloc(1, sizeof *count);
    yd_ask_init(&count->ask, &far_count_ops, op->layer->bus);
    op->ask = &count->ask;
    return 0;
}

static int encode_result(struct yd_ask *ask, struct yd_buf *buf)
{
    uint8_t loops = (uint8_t)((struct count *)ask)->loops;

    return yd_buf_append(yd_bus_mem(ask->bus), buf, &loops, 1);
}

static int take_result(struct yd_ask *ask, yodel_bytes result)
{
    if (result.len != 1)
        return YODEL_ERR_PROTOCOL;
    if (!yd_ask_enter(ask))
        return 0;
    ((struct count *)ask)->loops += result.ptr[0];
    yd_ask_leave(ask);
    return 0;
}

static const struct yd_layer_ops counter_ops = {
    .find = find,
    .apply = apply,
    .release = nothing,
    .ref = keep,
    .unref = keep,
    .try_ref = try_keep,
    .encode = encode,
    .op_size = op_size,
    .decode = decode,
    .encode_result = encode_result,
    .take_result = take_result,
};

static void tell_count(struct yd_ask *ask, unsigned missing)
{
    struct count *count = (struct count *)ask;

    count->told++;
    count->missing = missing;
    count->num_missing = ask->num_missing;
}

static void free_count(struct yd_ask *ask)
{
    ((struct count *)ask)->freed++;
}

static const struct yd_ask_ops count_ops = {.sink = tell_count, .free = free_count};

static void add_counters(void)
{
    for (unsigned i = 0; i < PROCESSES; i++) {
        counters[i] = (struct counter){.layer = {.ops = &counter_ops, .name = YODEL_STR("count")}};
        yd_bus_add_layer(&world.processes[i].bus, &counters[i].layer);
    }
}

static void ask(struct count *count, unsigned kind)
{
    struct yd_scope_size size = {0, 0};
    struct yd_op *op = yd_op_new(&counters[0].layer, kind, sizeof *op, &size);

    *count = (struct count){.told = 0};
    yd_ask_init(&count->ask, &count_ops, &world.processes[0].bus);
    assert_int_equal(yd_bus_ask(op, &count->ask, 1000), 0);
}

static void run_all(void)
{
    for (int i = 0; i < 20; i++) {
        run_wire();
        turn_all();
    }
}

/* A far peer is one more part: the first process that answers through it. */
static void test_bus_far_answers(void **state)
{
    struct count count;

    start(1, false);
    add_counters();
    ask(&count, 1);
    turn_all();
    assert_int_equal(count.told, 0); /* the far part is missing */
    run_all();
    assert_int_equal(count.told, 1);
    assert_int_equal(count.missing, 0);
    assert_int_equal(count.loops, 2 * LOOPS);
    assert_int_equal(count.freed, 1);
    stop();
}

/* All processes that a peer reaches answer, each once. */
static void test_bus_far_parts_of_a_peer(void **state)
{
    struct count count;

    for (unsigned more = 0; more < 2; more++) {
        start(1, false);
        world.parts = PROCESSES - 1 + more;
        world.doubled = true;
        add_counters();
        ask(&count, 1);
        run_all();
        assert_int_equal(count.told, more == 0);
        if (more > 0) { /* one never comes */
            for (unsigned i = 0; i < LOOPS; i++)
                sim_advance(world.processes[0].loops[i], 1100);
            run_all();
        }
        assert_int_equal(count.told, 1);
        assert_int_equal(count.loops, PROCESSES * LOOPS);
        assert_int_equal(count.missing, more > 0 ? YD_MISSING_LATE : 0);
        assert_int_equal(count.num_missing, more);
        assert_int_equal(count.freed, 1);
        stop();
    }
}

static void test_bus_far_cannot_answer(void **state)
{
    struct count mute, local;

    start(1, false);
    add_counters();
    for (unsigned i = 0; i < PROCESSES; i++)
        counters[i].mute = true;
    ask(&mute, 1);
    ask(&local, 2); /* has no form for other processes */
    run_all();
    assert_int_equal(mute.told, 1);
    assert_int_equal(mute.missing, YD_MISSING_UNABLE);
    assert_int_equal(mute.loops, LOOPS);
    assert_int_equal(local.told, 1);
    assert_int_equal(local.missing, YD_MISSING_UNABLE);
    assert_int_equal(local.loops, LOOPS);
    stop();
}

static void test_bus_far_asks_end_once_on_a_bad_wire(void **state)
{
    unsigned late = 0;

    for (unsigned seed = 0; seed < 300; seed++) {
        struct count count;

        start(seed, true);
        add_counters();
        ask(&count, 1);
        for (int i = 0; i < 30; i++) {
            run_wire();
            turn_all();
        }
        sim_advance(world.processes[0].loops[0], 2000);
        assert_int_equal(count.told, 1);
        assert_int_equal(count.loops, count.missing == 0 ? 2 * LOOPS : LOOPS);
        assert_true(count.missing == 0 || count.missing == YD_MISSING_LATE);
        late += count.missing != 0;
        stop();
        assert_int_equal(count.freed, 1);
    }
    assert_true(late > 0);
}

static void assert_keys(const struct yd_key *keys, uint32_t num, const char *const *names)
{
    for (uint32_t i = 0; i < num; i++)
        assert_true(yodel_str_eq(keys[i].text, yodel_str_of(names[i])));
}

/* An operation with all parts of a scope, 17 bytes of text. */
static struct yd_op *make_scoped(void)
{
    struct yd_scope_size size = {.keys = 3, .text = 17};
    struct yd_op *op = yd_op_new(&counters[0].layer, 1, sizeof *op, &size);

    assert_non_null(op);
    yd_op_add_room(op, YODEL_STR("r"), YODEL_STR("one"));
    yd_op_add_room(op, YODEL_STR("r"), YODEL_STR("two"));
    yd_op_add_except(op, YODEL_STR(""), YODEL_STR("x"));
    yd_op_add_only(op, YODEL_STR("on"));
    yd_op_add_only(op, YODEL_STR("ly"));
    yd_op_add_but(op, YODEL_STR("but."));
    return op;
}

static void test_bus_far_operations_come_as_they_were(void **state)
{
    const struct yodel_allocator *mem = &world.processes[0].fm.mem;
    const uint64_t sequence = UINT64_C(0x0102030405060708);
    struct yd_op *op, *copy = NULL;
    struct yd_op_origin origin;
    struct yd_buf buf = {0};

    start(1, false);
    add_counters();
    op = make_scoped();
    op->flags = 0x01020304;
    assert_int_equal(yd_op_encode(op, 7, &buf), 0);
    yd_op_put_sequence(&buf, sequence);
    yd_op_unref(op);
    assert_int_equal(yd_op_decode_origin((yodel_bytes){buf.ptr, buf.len}, &origin), 0);
    assert_true(origin.sequence == sequence && origin.token == 7);
    counters[1].mute = true;
    assert_int_equal(yd_op_decode(&world.processes[1].bus, (yodel_bytes){buf.ptr, buf.len}, &copy),
                     0);
    assert_int_equal(copy->flags, 0x01020304);
    assert_true(copy->wants_reply);
    assert_int_equal(copy->scope.num_rooms, 2);
    assert_int_equal(copy->scope.num_except, 1);
    assert_keys(copy->scope.rooms, 2, (const char *[]){"rone", "rtwo"});
    assert_keys(copy->scope.except, 1, (const char *[]){"x"});
    assert_true(yodel_str_eq(copy->scope.only, YODEL_STR("only")));
    assert_true(yodel_str_eq(copy->scope.but, YODEL_STR("but.")));
    assert_ptr_equal(copy->text_end, (char *)copy + copy->weight); /* all of its memory is used */
    yd_op_unref(copy);
    yd_buf_free(mem, &buf);
    stop();
}

/* Bytes that are no operation are an error, and nothing else. */
static void test_bus_far_takes_no_rubbish(void **state)
{
    struct process *process;
    struct packet packet;

    start(1, false);
    send_note(1, 0, 1);
    process = &world.processes[0];
    packet = world.packets[0];
    for (size_t len = 0; len < packet.bytes.len; len++) {
        uint8_t *copy = malloc(len + 1); /* its end is seen by sanitizers */
        int rc;

        memcpy(copy, packet.bytes.ptr, len);
        rc = yd_bus_receive(&process->bus, &process->peer, (yodel_bytes){copy, len});
        assert_true(rc == 0 || rc == YODEL_ERR_PROTOCOL);
        (void)yd_bus_receive_reply(&process->bus, &process->peer, (yodel_bytes){copy, len});
        free(copy);
    }
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t bytes[64];

        memcpy(bytes, packet.bytes.ptr, YD_MIN(packet.bytes.len, sizeof bytes));
        for (unsigned j = 0; j < 3; j++)
            bytes[draw(YD_MIN(packet.bytes.len, sizeof bytes))] = (uint8_t)draw(256);
        (void)yd_bus_receive(&process->bus, &process->peer,
                             (yodel_bytes){bytes, YD_MIN(packet.bytes.len, sizeof bytes)});
    }
    stop();
}

/* Adapters have ended by then, and what they look at may have, too. */
static void test_bus_far_leaves_peers_alone_after_the_end(void **state)
{
    struct process *process = &world.processes[0];
    size_t packets;

    start(1, false);
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_close(process->loops[i]);
    yd_bus_close(&process->bus);
    packets = world.num_packets;
    yd_bus_group_begins(&process->bus, YODEL_STR("groups"), YODEL_STR("a"));
    assert_false(process->has[0]);
    send_note(0, 0, 1);
    assert_int_equal(world.num_packets, packets);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bus_far_reaches_every_process),
        cmocka_unit_test(test_bus_far_keeps_its_promises_on_a_bad_wire),
        cmocka_unit_test(test_bus_far_answers),
        cmocka_unit_test(test_bus_far_parts_of_a_peer),
        cmocka_unit_test(test_bus_far_cannot_answer),
        cmocka_unit_test(test_bus_far_asks_end_once_on_a_bad_wire),
        cmocka_unit_test(test_bus_far_operations_come_as_they_were),
        cmocka_unit_test(test_bus_far_takes_no_rubbish),
        cmocka_unit_test(test_bus_far_leaves_peers_alone_after_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
