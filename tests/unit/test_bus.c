/* SPDX-License-Identifier: MIT */
#include "bus/bus.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "bus/ask.h"
#include "bus/call.h"
#include "bus/op.h"
#include "failmem.h"
#include "loop_sim.h"

/* A layer whose rooms are loops: the room "1" has one member, on loop 1, which notes what it gets.
 */

#define LOOPS 3

enum kind { NOTE = 1, ASK };

struct world {
    struct failmem fm;
    struct yd_loop *loops[LOOPS];
    struct yd_bus bus;
    struct yd_layer layer;
    int layer_refs;
    char notes[LOOPS][100];
    const char *reply; /* a note that loop 0 sends while it carries one out; NULL: none */
};

struct note {
    struct yd_op op; /* first */
    char text[8];
};

struct question {
    struct yd_ask ask; /* first */
    unsigned loops;    /* that were asked: bits */
    unsigned missing;
    int told, freed;
    bool leave_open; /* a part that somebody else closes */
};

static struct world *world_of(const struct yd_op *op)
{
    return (struct world *)(void *)((char *)op->layer - offsetof(struct world, layer));
}

static int send_note(struct world *world, const char *rooms, const char *text, bool deferred);

static void find(const struct yd_op *op, struct yd_loop_set *set)
{
    for (uint32_t i = 0; i < op->scope.num_rooms; i++)
        yd_loop_set_add(set, (unsigned)(op->scope.rooms[i].text.ptr[0] - '0'));
}

static void apply_note(struct note *note, struct yd_loop *loop)
{
    struct world *world = world_of(&note->op);
    const char *reply = world->reply;
    char *notes = world->notes[loop->index];

    (void)snprintf(notes + strlen(notes), sizeof world->notes[0] - strlen(notes), "%s ",
                   note->text);
    if (reply != NULL && loop->index == 0) {
        world->reply = NULL;
        assert_int_equal(send_note(world, "012", reply, false), 0);
        (void)snprintf(notes + strlen(notes), sizeof world->notes[0] - strlen(notes), "| ");
    }
}

static void apply_ask(struct yd_op *op, struct yd_loop *loop)
{
    struct question *question = (struct question *)op->ask;

    if (!yd_ask_enter(op->ask))
        return;
    question->loops |= 1u << loop->index;
    yd_ask_leave(op->ask);
    if (question->leave_open)
        yd_ask_open(op->ask);
}

static void apply(struct yd_op *op, struct yd_loop *loop)
{
    switch ((enum kind)op->kind) {
    case NOTE:
        apply_note((struct note *)op, loop);
        break;
    case ASK:
        apply_ask(op, loop);
        break;
    }
}

static void release(struct yd_op *op)
{
    (void)op;
}

static void ref(struct yd_layer *layer)
{
    yd_container_of(layer, struct world, layer)->layer_refs++;
}

static void unref(struct yd_layer *layer)
{
    yd_container_of(layer, struct world, layer)->layer_refs--;
}

static const struct yd_layer_ops layer_ops = {
    .find = find, .apply = apply, .release = release, .ref = ref, .unref = unref};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct yd_bus_options bus = {.mem = &world->fm.mem,
                                 .loops = world->loops,
                                 .num_loops = LOOPS,
                                 .secret = {1, 2},
                                 .process = "p"};

    failmem_init(&world->fm, 0);
    for (unsigned i = 0; i < LOOPS; i++)
        assert_int_equal(yd_loop_new(&yd_loop_sim, &world->fm.mem, NULL, i, &world->loops[i]), 0);
    assert_int_equal(yd_bus_init(&world->bus, &bus), 0);
    world->layer.ops = &layer_ops;
    world->layer.name = YODEL_STR("layer");
    yd_bus_add_layer(&world->bus, &world->layer);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_close(world->loops[i]);
    yd_bus_close(&world->bus);
    assert_int_equal(world->layer_refs, 0);
    for (unsigned i = 0; i < LOOPS; i++)
        assert_int_equal(atomic_load(&world->loops[i]->mail_bytes), 0);
    yd_bus_remove_layer(&world->bus, &world->layer);
    yd_bus_done(&world->bus);
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_free(world->loops[i]);
    failmem_assert_empty(&world->fm);
    free(world);
    return 0;
}

static struct yd_op *make_op(struct world *world, enum kind kind, const char *rooms)
{
    struct yd_scope_size size = {strlen(rooms), strlen(rooms)};
    struct note *note = yd_op_new(&world->layer, kind, sizeof *note, &size);

    for (size_t i = 0; note != NULL && rooms[i] != '\0'; i++)
        yd_op_add_room(&note->op, (yodel_str){NULL, 0}, (yodel_str){&rooms[i], 1});
    return note != NULL ? &note->op : NULL;
}

static int send_note(struct world *world, const char *rooms, const char *text, bool deferred)
{
    struct yd_op *op = make_op(world, NOTE, rooms);

    if (op == NULL)
        return -ENOMEM;
    (void)snprintf(((struct note *)op)->text, sizeof((struct note *)op)->text, "%s", text);
    op->deferred = deferred;
    return yd_bus_send(op);
}

/* Makes it the current loop, for what the test does on it. */
static void enter(struct yd_loop *loop)
{
    loop->thread = pthread_self();
    atomic_store(&loop->running, true);
}

static void leave(struct yd_loop *loop)
{
    atomic_store(&loop->running, false);
}

static void turn(struct world *world)
{
    for (unsigned i = 0; i < LOOPS; i++) {
        enter(world->loops[i]);
        sim_run(world->loops[i]);
        leave(world->loops[i]);
    }
}

static void expect(struct world *world, const char *a, const char *b, const char *c)
{
    assert_string_equal(world->notes[0], a);
    assert_string_equal(world->notes[1], b);
    assert_string_equal(world->notes[2], c);
}

/* ---- sending ---- */

static void test_bus_sends_to_the_loops_that_are_meant(void **state)
{
    struct world *world = *state;

    assert_int_equal(send_note(world, "0", "a", false), 0);
    assert_int_equal(send_note(world, "121", "b", false), 0);
    assert_int_equal(send_note(world, "", "c", false), 0);
    assert_int_equal(send_note(world, "01", "d", false), 0);
    expect(world, "", "", "");
    turn(world);
    expect(world, "a d ", "b d ", "b ");
}

static void test_bus_carries_out_on_its_own_loop_at_once(void **state)
{
    struct world *world = *state;

    enter(world->loops[1]);
    assert_int_equal(send_note(world, "012", "a", false), 0);
    expect(world, "", "a ", "");
    assert_int_equal(send_note(world, "012", "b", true), 0); /* in a task */
    assert_int_equal(send_note(world, "1", "c", false), 0);
    expect(world, "", "a c ", "");
    leave(world->loops[1]);
    turn(world);
    expect(world, "a b ", "a c b ", "a b ");
}

/* What is sent while an operation is carried out follows it, in the order of the calls. */
static void test_bus_operations_do_not_nest(void **state)
{
    struct world *world = *state;

    world->reply = "r";
    enter(world->loops[0]);
    assert_int_equal(send_note(world, "012", "a", false), 0);
    expect(world, "a | r ", "", "");
    leave(world->loops[0]);
    turn(world);
    expect(world, "a | r ", "a r ", "a r ");
    world->reply = "s";
    assert_int_equal(send_note(world, "0", "b", false), 0);
    assert_int_equal(send_note(world, "0", "c", false), 0);
    turn(world);
    expect(world, "a | r b | s c ", "a r s ", "a r s ");
}

/* All of it, or an error and none. */
static void test_bus_sends_without_memory(void **state)
{
    struct world *world = *state;

    world->fm.fail_at = atomic_load(&world->fm.calls) + 1;
    assert_int_equal(send_note(world, "012", "a", false), -ENOMEM);
    turn(world);
    expect(world, "", "", "");
}

static void test_bus_sends_to_loops_that_have_ended(void **state)
{
    struct world *world = *state;

    yd_loop_close(world->loops[1]);
    assert_int_equal(send_note(world, "1", "a", false), YODEL_ERR_CLOSED);
    assert_int_equal(send_note(world, "02", "b", false), 0);
    turn(world);
    expect(world, "b ", "", "b ");
}

/* ---- the bound of a mailbox ---- */

/* Refused for one loop is refused for all; what one thread sends after that goes again. */
static void test_bus_refuses_above_max_mail(void **state)
{
    struct world *world = *state;
    int num = 0, rc;

    world->loops[1]->max_mail = 10000;
    while ((rc = send_note(world, "01", "x", false)) == 0)
        num++;
    assert_int_equal(rc, YODEL_ERR_CONGESTED);
    assert_in_range(num, 10, 100);
    assert_int_equal(atomic_load(&world->loops[1]->mail_refused), 1);
    assert_int_equal(atomic_load(&world->loops[0]->mail_refused), 0);
    assert_int_equal(send_note(world, "02", "y", false), 0);
    turn(world);
    assert_int_equal(strlen(world->notes[0]), 2 * YD_MIN(num + 1, 49));
    assert_int_equal(strlen(world->notes[1]), 2 * YD_MIN(num, 49));
    assert_string_equal(world->notes[2], "y ");
    assert_int_equal(send_note(world, "01", "z", false), 0);
}

/* One message that is larger than the bound goes into an empty mailbox. */
static void test_bus_sends_one_large_message_alone(void **state)
{
    struct world *world = *state;

    world->loops[0]->max_mail = 10;
    assert_int_equal(send_note(world, "0", "a", false), 0);
    assert_int_equal(send_note(world, "0", "b", false), YODEL_ERR_CONGESTED);
    turn(world);
    assert_int_equal(send_note(world, "0", "c", false), 0);
    turn(world);
    expect(world, "a c ", "", "");
}

/* Its own loop carries it out in the call: nothing waits. */
static void test_bus_sends_on_a_loop_that_is_full(void **state)
{
    struct world *world = *state;

    world->loops[0]->max_mail = 10;
    assert_int_equal(send_note(world, "0", "a", false), 0);
    enter(world->loops[0]);
    assert_int_equal(send_note(world, "0", "b", false), 0);
    assert_int_equal(send_note(world, "0", "c", true), YODEL_ERR_CONGESTED);
    leave(world->loops[0]);
    turn(world);
    expect(world, "b a ", "", "");
}

static void test_bus_never_refuses_control(void **state)
{
    struct world *world = *state;
    struct yd_op *op;

    world->loops[0]->max_mail = 10;
    assert_int_equal(send_note(world, "0", "a", false), 0);
    op = make_op(world, NOTE, "0");
    op->control = true;
    assert_int_equal(yd_bus_send(op), 0);
    turn(world);
    expect(world, "a  ", "", "");
}

/* ---- asking ---- */

static void tell_question(struct yd_ask *ask, unsigned missing)
{
    struct question *question = (struct question *)ask;

    question->told++;
    question->missing = missing;
}

static void free_question(struct yd_ask *ask)
{
    ((struct question *)ask)->freed++;
}

static const struct yd_ask_ops question_ops = {.sink = tell_question, .free = free_question};

static int ask(struct world *world, struct question *question, const char *rooms,
               uint32_t timeout_ms)
{
    struct yd_op *op = make_op(world, ASK, rooms);

    yd_ask_init(&question->ask, &question_ops, &world->bus);
    return yd_bus_ask(op, &question->ask, timeout_ms);
}

static void expect_told(const struct question *question, unsigned loops, unsigned missing)
{
    assert_int_equal(question->told, 1);
    assert_int_equal(question->freed, 1);
    assert_int_equal(question->loops, loops);
    assert_int_equal(question->missing, missing);
}

static void test_bus_asks_all_and_tells_once(void **state)
{
    struct world *world = *state;
    struct question all = {.told = 0}, none = {.told = 0}, own = {.told = 0};

    assert_int_equal(ask(world, &all, "012", 1000), 0);
    assert_int_equal(ask(world, &none, "", 0), 0);
    enter(world->loops[2]);
    assert_int_equal(ask(world, &own, "2", 1000), 0);
    assert_int_equal(own.told, 0); /* never inside the call */
    leave(world->loops[2]);
    turn(world);
    turn(world);
    expect_told(&all, 7, 0);
    expect_told(&none, 0, 0);
    expect_told(&own, 4, 0);
    sim_advance(world->loops[0], 5000);
    expect_told(&all, 7, 0);
}

static void test_bus_asks_until_the_time_is_over(void **state)
{
    struct world *world = *state;
    struct question question = {.leave_open = true};

    assert_int_equal(ask(world, &question, "1", 1000), 0);
    turn(world);
    turn(world);
    sim_advance(world->loops[0], 990);
    assert_int_equal(question.told, 0);
    sim_advance(world->loops[0], 20);
    assert_int_equal(question.told, 1);
    assert_int_equal(question.missing, YD_MISSING_LATE);
    assert_int_equal(question.freed, 0);
    yd_ask_close(&question.ask, NULL, 0); /* the part that came late */
    expect_told(&question, 2, YD_MISSING_LATE);
}

static void test_bus_asks_loops_that_have_ended(void **state)
{
    struct world *world = *state;
    struct question some = {.told = 0}, none = {.told = 0};

    yd_loop_close(world->loops[1]);
    assert_int_equal(ask(world, &some, "012", 1000), 0);
    turn(world);
    turn(world);
    expect_told(&some, 5, YD_MISSING_CLOSED);
    yd_loop_close(world->loops[0]);
    yd_loop_close(world->loops[2]);
    assert_int_equal(ask(world, &none, "012", 1000), YODEL_ERR_CLOSED);
    assert_int_equal(none.told, 0);
    assert_int_equal(none.freed, 1);
}

static void test_bus_ends_asks_when_it_is_closed(void **state)
{
    struct world *world = *state;
    struct question question = {.leave_open = true};

    assert_int_equal(ask(world, &question, "1", 1000), 0);
    turn(world);
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_close(world->loops[i]);
    yd_bus_close(&world->bus);
    assert_int_equal(question.told, 1);
    assert_int_equal(question.missing, YD_MISSING_CLOSED);
    yd_ask_close(&question.ask, NULL, 0);
    expect_told(&question, 2, YD_MISSING_CLOSED);
}

struct racer {
    struct yd_ask *ask;
    unsigned head_start; /* of the bus, in steps */
    atomic_bool ready;
};

static void *close_the_last_part(void *arg)
{
    struct racer *racer = arg;

    atomic_store(&racer->ready, true);
    for (unsigned i = 0; i < racer->head_start; i++)
        (void)atomic_load(&racer->ready);
    yd_ask_close(racer->ask, NULL, 0);
    return NULL;
}

/* The last part is closed by a thread while the bus is closed. */
static int race_with_the_end(struct world *world, unsigned head_start)
{
    struct question question = {.leave_open = true};
    struct racer racer = {.ask = &question.ask, .head_start = head_start};
    pthread_t thread;

    assert_int_equal(ask(world, &question, "1", 1000), 0);
    turn(world);
    for (unsigned i = 0; i < LOOPS; i++)
        yd_loop_close(world->loops[i]);
    assert_int_equal(pthread_create(&thread, NULL, close_the_last_part, &racer), 0);
    while (!atomic_load(&racer.ready))
        (void)sched_yield();
    yd_bus_close(&world->bus);
    pthread_join(thread, NULL);
    return question.told;
}

static void test_bus_tells_once_while_it_is_closed(void **state)
{
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(race_with_the_end(*state, i % 100), 1);
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
}

static void test_bus_asks_refused_are_not_told(void **state)
{
    struct world *world = *state;
    struct question question = {.told = 0};

    world->loops[1]->max_mail = 10;
    assert_int_equal(send_note(world, "1", "a", false), 0);
    assert_int_equal(ask(world, &question, "012", 1000), YODEL_ERR_CONGESTED);
    assert_int_equal(question.told, 0);
    assert_int_equal(question.freed, 1);
    turn(world);
}

/* ---- fences ---- */

struct waiter {
    struct yd_fence_wait wait; /* first */
    struct world *world;
    int passed;
};

static void pass(struct yd_mail *mail, void *receiver)
{
    struct waiter *waiter = (struct waiter *)yd_container_of(mail, struct yd_fence_wait, mail);

    waiter->passed++;
    if (receiver != NULL)
        assert_string_equal(waiter->world->notes[0], "a ");
}

static void init_waiter(struct waiter *waiter, struct world *world)
{
    *waiter = (struct waiter){.world = world};
    waiter->wait.mail.run = pass;
}

/* A sender that looked up its receivers before the fence has not posted yet. */
static void test_bus_fence_waits_for_those_who_send(void **state)
{
    struct world *world = *state;
    struct waiter first, second, third;
    struct yd_fence_pass sender, later;

    init_waiter(&first, world);
    init_waiter(&second, world);
    init_waiter(&third, world);
    sender = yd_fence_enter(&world->bus.fence);
    yd_bus_fence(&world->bus, world->loops[0], &first.wait);
    later = yd_fence_enter(&world->bus.fence); /* is not waited for by the first */
    yd_bus_fence(&world->bus, world->loops[0], &second.wait);
    turn(world);
    assert_int_equal(first.passed, 0);
    assert_int_equal(send_note(world, "0", "a", false), 0);
    yd_fence_leave(&world->bus.fence, sender);
    turn(world);
    assert_int_equal(first.passed, 1);
    assert_int_equal(second.passed, 0);
    yd_fence_leave(&world->bus.fence, later);
    turn(world);
    assert_int_equal(second.passed, 1);
    yd_bus_fence(&world->bus, world->loops[0], &third.wait);
    turn(world);
    assert_int_equal(third.passed, 1);
}

static void test_bus_fence_of_a_loop_that_has_ended(void **state)
{
    struct world *world = *state;
    struct waiter waiter;

    init_waiter(&waiter, world);
    yd_loop_close(world->loops[2]);
    yd_bus_fence(&world->bus, world->loops[2], &waiter.wait);
    assert_int_equal(waiter.passed, 1);
}

/* What the loop itself has put off is done first. */
static void test_bus_fence_comes_after_tasks(void **state)
{
    struct world *world = *state;
    struct waiter waiter;

    init_waiter(&waiter, world);
    enter(world->loops[0]);
    assert_int_equal(send_note(world, "0", "a", true), 0);
    yd_bus_fence(&world->bus, world->loops[0], &waiter.wait);
    leave(world->loops[0]);
    turn(world);
    assert_int_equal(waiter.passed, 1);
}

/* ---- calls ---- */

static void add_one(struct yd_loop *loop, void *arg)
{
    assert_non_null(loop);
    ++*(int *)arg;
}

static void add_ten(void *arg)
{
    *(int *)arg += 10;
}

static void test_bus_calls_once_and_frees(void **state)
{
    struct world *world = *state;
    int calls = 0, refused = 0, closed = 0, failed = 0;
    struct yd_call call;

    world->loops[0]->max_mail = 100;
    assert_int_equal(yd_bus_call(world->loops[0], 90, add_one, &calls, add_ten), 0);
    assert_int_equal(yd_bus_call(world->loops[0], 90, add_one, &refused, add_ten),
                     YODEL_ERR_CONGESTED);
    assert_int_equal(yd_bus_call(world->loops[0], 0, add_one, &calls, NULL), 0);
    world->fm.fail_at = atomic_load(&world->fm.calls) + 1;
    assert_int_equal(yd_bus_call(world->loops[0], 1, add_one, &failed, add_ten), -ENOMEM);
    yd_call_init(&call, YD_CALL_CONTROL, add_one, &calls);
    assert_int_equal(yd_call_post(&call, world->loops[0]), 0);
    turn(world);
    assert_int_equal(calls, 13);
    assert_int_equal(refused, 10);
    assert_int_equal(failed, 10);
    yd_loop_close(world->loops[0]);
    assert_int_equal(yd_bus_call(world->loops[0], 90, add_one, &closed, add_ten), YODEL_ERR_CLOSED);
    assert_int_equal(yd_call_post(&call, world->loops[0]), YODEL_ERR_CLOSED);
    assert_int_equal(closed, 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bus_sends_to_the_loops_that_are_meant),
        TEST(test_bus_carries_out_on_its_own_loop_at_once),
        TEST(test_bus_operations_do_not_nest),
        TEST(test_bus_sends_without_memory),
        TEST(test_bus_sends_to_loops_that_have_ended),
        TEST(test_bus_refuses_above_max_mail),
        TEST(test_bus_sends_one_large_message_alone),
        TEST(test_bus_sends_on_a_loop_that_is_full),
        TEST(test_bus_never_refuses_control),
        TEST(test_bus_asks_all_and_tells_once),
        TEST(test_bus_asks_until_the_time_is_over),
        TEST(test_bus_asks_loops_that_have_ended),
        TEST(test_bus_ends_asks_when_it_is_closed),
        TEST(test_bus_tells_once_while_it_is_closed),
        TEST(test_bus_asks_refused_are_not_told),
        TEST(test_bus_fence_waits_for_those_who_send),
        TEST(test_bus_fence_of_a_loop_that_has_ended),
        TEST(test_bus_fence_comes_after_tasks),
        TEST(test_bus_calls_once_and_frees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
