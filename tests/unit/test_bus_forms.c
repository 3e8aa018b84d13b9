/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "bus/ask.h"
#include "bus/op.h"
#include "failmem.h"
#include "loop_sim.h"

/* Peers with a form of their own beside one with the native form: what each gets, and how the parts
 * of such a peer end. */

#define LOOPS 2

struct form {
    struct yd_peer peer;
    int takes, encode, send; /* results */
    int encoded, sent;
    uint64_t token;
    char bytes[16];
};

struct count {
    struct yd_ask ask; /* first */
    unsigned loops;
    int told, freed;
    unsigned missing, num_missing;
};

static struct {
    struct failmem fm;
    struct yd_loop *loops[LOOPS];
    struct yd_bus bus;
    struct yd_layer layer;
    struct form own, native;
} world;

/* ---- peers ---- */

static bool takes(struct yd_peer *peer, const struct yd_op *op)
{
    return yd_container_of(peer, struct form, peer)->takes != 0;
}

static int encode_own(struct yd_peer *peer, const struct yd_op *op, uint64_t token,
                      struct yd_buf *buf)
{
    struct form *form = yd_container_of(peer, struct form, peer);

    form->encoded++;
    form->token = token;
    if (yd_buf_append(&world.fm.mem, buf, "own", 3) < 0)
        return -ENOMEM;
    return form->encode;
}

static int send(struct yd_peer *peer, const struct yd_op *op, uint64_t token, yodel_bytes bytes)
{
    struct form *form = yd_container_of(peer, struct form, peer);

    form->sent++;
    form->token = token;
    memcpy(form->bytes, bytes.ptr, bytes.len < sizeof form->bytes ? bytes.len : 15);
    return form->send;
}

static const struct yd_peer_ops own_ops = {.takes = takes, .encode = encode_own, .send = send};
static const struct yd_peer_ops native_ops = {.takes = takes, .send = send};

/* ---- a layer that counts its loops ---- */

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

static int encode(const struct yd_op *op, struct yd_buf *buf)
{
    return op->kind == 1 ? 0 : YODEL_ERR_UNSUPPORTED;
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

static const struct yd_layer_ops layer_ops = {
    .find = find,
    .apply = apply,
    .release = nothing,
    .ref = keep,
    .unref = keep,
    .encode = encode,
    .take_result = take_result,
};

static void tell_count(struct yd_ask *ask, unsigned missing)
{
    struct count *count = (struct count *)ask;

    count->told++;
    count->missing = missing;
    count->num_missing = yd_ask_num_missing(ask);
}

static void free_count(struct yd_ask *ask)
{
    ((struct count *)ask)->freed++;
}

static const struct yd_ask_ops count_ops = {.sink = tell_count, .free = free_count};

/* ---- the world ---- */

static void turn(void)
{
    for (unsigned n = 0; n < 3 * LOOPS; n++) {
        unsigned i = n % LOOPS;

        world.loops[i]->thread = pthread_self();
        atomic_store(&world.loops[i]->running, true);
        sim_run(world.loops[i]);
        atomic_store(&world.loops[i]->running, false);
    }
}

static void start(void)
{
    struct yd_bus_options options = {.mem = &world.fm.mem,
                                     .loops = world.loops,
                                     .num_loops = LOOPS,
                                     .secret = {1, 2},
                                     .process = "p"};

    memset(&world, 0, sizeof world);
    failmem_init(&world.fm, 0);
    for (unsigned i = 0; i < LOOPS; i++)
        assert_int_equal(yd_loop_new(&yd_loop_sim, &world.fm.mem, NULL, i, &world.loops[i]), 0);
    assert_int_equal(yd_bus_init(&world.bus, &options), 0);
    world.own = (struct form){.peer = {.ops = &own_ops}, .takes = 1};
    world.native = (struct form){.peer = {.ops = &native_ops}};
    assert_int_equal(yd_bus_add_peer(&world.bus, &world.own.peer), 0);
    assert_int_equal(yd_bus_add_peer(&world.bus, &world.native.peer), 0);
    world.layer = (struct yd_layer){.ops = &layer_ops, .name = YODEL_STR("count")};
    yd_bus_add_layer(&world.bus, &world.layer);
}

static void stop(void)
{
    turn();
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_close(world.loops[i]);
    yd_bus_close(&world.bus);
    yd_bus_done(&world.bus);
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_free(world.loops[i]);
    failmem_assert_empty(&world.fm);
}

static struct yd_op *make_op(unsigned kind)
{
    struct yd_scope_size size = {0, 0};
    struct yd_op *op = yd_op_new(&world.layer, kind, sizeof *op, &size);

    assert_non_null(op);
    return op;
}

static int ask(struct count *count, unsigned kind)
{
    struct yd_op *op = make_op(kind);

    *count = (struct count){.told = 0};
    yd_ask_init(&count->ask, &count_ops, &world.bus);
    return yd_bus_ask(op, &count->ask, 1000);
}

static void add(uint64_t token, uint8_t value)
{
    yodel_bytes result = {&value, 1};

    assert_int_equal(yd_bus_add_result(&world.bus, &world.own.peer, token, result), 0);
}

static void close_part(uint64_t token, unsigned missing, unsigned num)
{
    yd_bus_close_part(&world.bus, &world.own.peer, token, missing, num);
}

/* ---- the tests ---- */

static void test_bus_forms_each_peer_gets_its_own(void **state)
{
    start();
    world.native.takes = 1;
    assert_int_equal(yd_bus_send(make_op(1)), 0);
    assert_string_equal(world.own.bytes, "own");
    assert_int_equal(world.native.bytes[0], 1); /* the version of the native form */
    assert_int_equal(world.own.token, 0);
    world.own.takes = 0;
    assert_int_equal(yd_bus_send(make_op(1)), 0);
    assert_int_equal(world.own.encoded, 1);
    assert_int_equal(world.own.sent, 1);
    assert_int_equal(world.native.sent, 2);
    stop();
}

static void test_bus_forms_answers_add_up_until_the_part_is_closed(void **state)
{
    uint8_t two[2] = {0};
    struct count count;

    start();
    assert_int_equal(ask(&count, 1), 0);
    turn();
    assert_int_equal(count.told, 0);
    add(world.own.token, 10);
    add(world.own.token, 20);
    add(world.own.token + 1, 50); /* nobody's */
    assert_int_equal(
        yd_bus_add_result(&world.bus, &world.own.peer, world.own.token, (yodel_bytes){two, 2}),
        YODEL_ERR_PROTOCOL);
    yd_bus_close_part(&world.bus, &world.native.peer, world.own.token, 0, 0); /* not its part */
    turn();
    assert_int_equal(count.told, 0);
    close_part(world.own.token, YD_MISSING_LATE, 3);
    turn();
    assert_int_equal(count.told, 1);
    assert_int_equal(count.loops, LOOPS + 30);
    assert_int_equal(count.missing, YD_MISSING_LATE);
    assert_int_equal(count.num_missing, 3);
    close_part(world.own.token, 0, 0);
    add(world.own.token, 10);
    assert_int_equal(count.freed, 1);
    stop();
}

static void test_bus_forms_time_limit_ends_an_open_part(void **state)
{
    struct count count;

    start();
    assert_int_equal(ask(&count, 1), 0);
    turn();
    add(world.own.token, 10);
    for (unsigned i = 0; i < LOOPS; i++)
        sim_advance(world.loops[i], 1100);
    assert_int_equal(count.told, 1);
    assert_int_equal(count.loops, LOOPS + 10);
    assert_int_equal(count.missing, YD_MISSING_LATE);
    assert_int_equal(count.num_missing, 1);
    add(world.own.token, 10);
    close_part(world.own.token, 0, 0);
    stop();
}

/* No part is awaited of who does not take it; who cannot say it, or send it, is missing. */
static void test_bus_forms_parts_of_who_cannot(void **state)
{
    struct count count;

    start();
    world.own.takes = 0;
    assert_int_equal(ask(&count, 1), 0);
    turn();
    assert_int_equal(count.told, 1);
    assert_int_equal(count.missing, 0);
    world.own.takes = 1;
    world.own.encode = YODEL_ERR_UNSUPPORTED;
    assert_int_equal(ask(&count, 1), 0);
    turn();
    assert_int_equal(count.missing, YD_MISSING_UNABLE);
    assert_int_equal(world.own.sent, 0);
    world.own.encode = 0;
    world.own.send = YODEL_ERR_CONGESTED;
    assert_int_equal(ask(&count, 1), 0);
    turn();
    assert_int_equal(count.missing, YD_MISSING_UNABLE);
    world.own.send = 0;
    world.own.encode = -ENOMEM; /* then nobody has it */
    assert_int_equal(ask(&count, 1), -ENOMEM);
    assert_int_equal(yd_bus_send(make_op(1)), -ENOMEM);
    turn();
    assert_int_equal(count.told, 0);
    assert_int_equal(count.loops, 0);
    assert_int_equal(count.freed, 1);
    stop();
}

struct listener {
    struct yd_asker asker;
    int replies;
    bool has_ask;
    unsigned missing, loops;
};

static void on_reply(struct yd_asker *asker, struct yd_ask *ask, unsigned missing)
{
    struct listener *listener = yd_container_of(asker, struct listener, asker);

    listener->replies++;
    listener->has_ask = ask != NULL;
    listener->missing = missing;
    listener->loops = ask != NULL ? ((struct count *)ask)->loops : 0;
}

/* What is injected stays in the process, and its answer goes to who injected it. */
static void test_bus_forms_inject(void **state)
{
    struct listener listener = {.asker = {on_reply}};
    struct count count = {.told = 0};
    struct yd_op *op;

    start();
    op = make_op(1);
    op->local = op->deferred = true;
    op->ask = &count.ask;
    yd_ask_init(&count.ask, &count_ops, &world.bus);
    assert_int_equal(yd_bus_inject(op, &listener.asker), 0);
    turn();
    assert_int_equal(world.own.sent, 0);
    assert_int_equal(listener.replies, 1);
    assert_int_equal(listener.loops, LOOPS);
    assert_int_equal(listener.missing, 0);
    assert_int_equal(count.told, 0);
    assert_int_equal(count.freed, 1);
    op = make_op(1);
    op->local = true;
    assert_int_equal(yd_bus_inject(op, &listener.asker), 0); /* it has nothing to answer with */
    assert_int_equal(listener.replies, 2);
    assert_false(listener.has_ask);
    op = make_op(1);
    op->local = true;
    assert_int_equal(yd_bus_inject(op, NULL), 0);
    stop();
}

static void test_bus_forms_inject_into_closed_loops(void **state)
{
    struct listener listener = {.asker = {on_reply}};
    struct count count = {.told = 0};
    struct yd_op *op;

    start();
    turn();
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_close(world.loops[i]);
    op = make_op(1);
    op->local = op->deferred = true;
    op->ask = &count.ask;
    yd_ask_init(&count.ask, &count_ops, &world.bus);
    assert_int_equal(yd_bus_inject(op, &listener.asker), YODEL_ERR_CLOSED);
    assert_int_equal(listener.replies, 1);
    assert_false(listener.has_ask);
    assert_int_equal(count.freed, 1);
    yd_bus_close(&world.bus);
    yd_bus_done(&world.bus);
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_free(world.loops[i]);
    failmem_assert_empty(&world.fm);
}

/* With each allocation failing in turn both peers get it, or nobody does. */
static void test_bus_forms_out_of_memory(void **state)
{
    for (size_t n = 1;; n++) {
        struct count count;
        bool failed;
        int rc;

        start();
        world.native.takes = 1;
        count = (struct count){.told = 0};
        yd_ask_init(&count.ask, &count_ops, &world.bus);
        struct yd_op *op = make_op(1);
        world.fm.fail_at = world.fm.calls + n;
        rc = yd_bus_ask(op, &count.ask, 1000);
        failed = failmem_has_failed(&world.fm);
        world.fm.fail_at = 0;
        turn();
        assert_int_equal(rc, failed ? -ENOMEM : 0);
        assert_int_equal(world.own.sent, !failed);
        assert_int_equal(world.native.sent, !failed);
        assert_int_equal(count.loops, failed ? 0 : LOOPS);
        if (!failed)
            close_part(world.own.token, 0, 0);
        for (unsigned i = 0; i < LOOPS; i++)
            sim_advance(world.loops[i], 1100);
        assert_int_equal(count.told, !failed);
        assert_int_equal(count.freed, 1);
        stop();
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bus_forms_each_peer_gets_its_own),
        cmocka_unit_test(test_bus_forms_answers_add_up_until_the_part_is_closed),
        cmocka_unit_test(test_bus_forms_time_limit_ends_an_open_part),
        cmocka_unit_test(test_bus_forms_parts_of_who_cannot),
        cmocka_unit_test(test_bus_forms_inject),
        cmocka_unit_test(test_bus_forms_inject_into_closed_loops),
        cmocka_unit_test(test_bus_forms_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
