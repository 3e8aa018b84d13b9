/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "carry/node_finder.h"
#include "nodes_sim.h"

/* Nodes that are found by the registry, whatever state it is in. */

static struct nodes_sim sim;
static struct yd_node_finder finder;
static struct yd_carry carry;

static int teardown(void **state)
{
    (void)state;
    yd_node_finder_done(&finder);
    nodes_sim_stop(&sim);
    return 0;
}

/* num processes; the finder is of the first. */
static void start(unsigned num, bool down)
{
    sim = (struct nodes_sim){.num = num, .down = down};
    sim.end = &sim.first;
    for (unsigned i = 0; i < num; i++)
        nodes_sim_start_one(&sim, i, 1);
    memset(&carry, 0, sizeof carry);
    carry.mem = &sim.processes[0].fm.mem;
    atomic_init(&carry.far.node, YD_EIO_NO_NODE);
    for (unsigned i = 0; i < YD_EIO_FORMER_TAGS; i++)
        atomic_init(&carry.far.former[i], YD_EIO_NO_NODE);
    yd_node_finder_init(&finder, &sim.processes[0].nodes);
    yd_node_finder_begin(&finder, &carry);
}

static uint32_t number_of(const char *tag)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t number = 0;

    assert_int_equal(strlen(tag), 4);
    for (; *tag != '\0'; tag++)
        number = number << 6 | (uint32_t)(strchr(digits, *tag) - digits);
    return number;
}

/* Under the tag's key stands that a node with tag of that process is at address. */
static void write_record(const char *key_tag, const char *tag, const char *process,
                         const char *address)
{
    struct yd_nodes *nodes = &sim.processes[0].nodes;
    struct yd_node_info info = {.name = "other"};
    struct yd_buf buf = {0};
    char key[100];

    (void)snprintf(info.process, sizeof info.process, "%s", process);
    (void)snprintf(info.tag, sizeof info.tag, "%s", tag);
    (void)snprintf(info.address, sizeof info.address, "%s", address);
    assert_int_equal(yd_node_record_encode(nodes->mem, &buf, YD_NODE_ALIVE, &info), 0);
    (void)snprintf(key, sizeof key, "yodel:tag:%s", key_tag);
    (void)nodes->wire->ops->set(nodes->wire, yodel_str_of(key), (yodel_bytes){buf.ptr, buf.len},
                                60000, false, NULL);
    yd_buf_free(nodes->mem, &buf);
    if (!sim.down)
        nodes_sim_run(&sim);
}

#define FOREIGN "ffffffffffffffffffffffffffffffff"

/* ---- questions ---- */

struct question {
    struct yd_carry_lookup lookup;
    int num_answers;
};

static void on_done(struct yd_carry_lookup *lookup)
{
    yd_container_of(lookup, struct question, lookup)->num_answers++;
    assert_true(yd_loop_is_current(lookup->loop) || yd_loop_is_closed(lookup->loop));
}

/* On the second loop. */
static void ask(struct question *question, const char *tag)
{
    struct yd_loop *loop = sim.processes[0].loops[1];

    *question = (struct question){
        .lookup = {.loop = loop, .node = number_of(tag), .result = 1, .on_done = on_done}};
    nodes_sim_enter(loop);
    finder.base.find(&finder.base, &question->lookup);
    nodes_sim_leave(loop);
}

static void expect(const struct question *question, int result, const char *address)
{
    assert_int_equal(question->num_answers, 1);
    assert_int_equal(question->lookup.result, result);
    assert_string_equal(question->lookup.address, address);
}

static void expect_at_once(const char *tag, int result, const char *address)
{
    struct question question;

    ask(&question, tag);
    expect(&question, result, address);
}

static void expect_later(const char *tag, int result, const char *address)
{
    struct question question;

    ask(&question, tag);
    assert_int_equal(question.num_answers, 0);
    nodes_sim_run(&sim);
    expect(&question, result, address);
}

/* ---- tags ---- */

static void test_first_tag_is_claimed(void **state)
{
    struct yd_nodes *nodes = &sim.processes[0].nodes;
    uint32_t first;

    start(1, true);
    first = yd_eio_far_node(&carry.far);
    assert_int_not_equal(first, YD_EIO_NO_NODE);
    assert_string_equal(nodes->own.tag, "");
    nodes_sim_advance(&sim, 5000);
    assert_int_equal(yd_eio_far_node(&carry.far), first);
    sim.down = false;
    nodes_sim_advance(&sim, 3000);
    assert_int_equal(number_of(nodes->own.tag), first);
    assert_int_equal(yd_eio_far_node(&carry.far), first);
}

static void test_first_tag_of_another_is_left_to_it(void **state)
{
    struct yd_nodes *nodes = &sim.processes[0].nodes;
    uint32_t first;

    start(1, true);
    first = yd_eio_far_node(&carry.far);
    write_record(nodes->tag_tried, nodes->tag_tried, FOREIGN, "10.0.0.9:1");
    sim.down = false;
    nodes_sim_advance(&sim, 3000);
    assert_int_equal(yd_eio_far_node(&carry.far), number_of(nodes->own.tag));
    assert_int_not_equal(number_of(nodes->own.tag), first);
    assert_true(yd_eio_far_is_own(&carry.far, first)); /* its sessions are here */
    assert_true(yd_eio_far_is_own(&carry.far, number_of(nodes->own.tag)));
    assert_false(yd_eio_far_is_own(&carry.far, first ^ 1));
}

/* The claim was done, its answer was lost. */
static void test_claim_without_an_answer(void **state)
{
    struct yd_nodes *nodes = &sim.processes[0].nodes;
    uint32_t first;

    start(1, true);
    first = yd_eio_far_node(&carry.far);
    write_record(nodes->tag_tried, nodes->tag_tried, nodes->own.process, "10.0.0.9:1");
    sim.down = false;
    nodes_sim_advance(&sim, 3000);
    assert_int_equal(number_of(nodes->own.tag), first);
}

static void test_tags_that_were_many(void **state)
{
    start(1, false);
    for (uint32_t i = 0; i < YD_EIO_FORMER_TAGS + 2; i++)
        yd_carry_set_node(&carry, i + 1);
    assert_false(yd_eio_far_is_own(&carry.far, 1));
    for (uint32_t i = 1; i < YD_EIO_FORMER_TAGS + 2; i++)
        assert_true(yd_eio_far_is_own(&carry.far, i + 1));
}

/* ---- finding ---- */

static void start_two(const char *address)
{
    start(2, true);
    assert_int_equal(yd_nodes_set_address(&sim.processes[1].nodes, address), 0);
    sim.down = false;
    nodes_sim_advance(&sim, 3000);
    assert_int_equal(yd_nodes_count(&sim.processes[0].nodes), 1);
}

static void test_known_node_is_found_at_once(void **state)
{
    start_two("[2001:db8::1]:7000");
    expect_at_once(sim.processes[1].nodes.own.tag, 0, "[2001:db8::1]:7000");
}

static void test_known_node_with_a_name(void **state)
{
    start_two("node-2.internal:7000");
    expect_at_once(sim.processes[1].nodes.own.tag, 0, "node-2.internal:7000");
}

static void test_known_node_without_a_use(void **state)
{
    start_two("https://node/");
    expect_at_once(sim.processes[1].nodes.own.tag, YODEL_ERR_NOT_FOUND, "");
}

static void test_unknown_node_is_looked_up(void **state)
{
    start(1, false);
    write_record("a-_9", "a-_9", FOREIGN, "10.0.0.9:1");
    expect_later("a-_9", 0, "10.0.0.9:1");
    expect_later("a-_8", YODEL_ERR_NOT_FOUND, "");
    expect_later("____", YODEL_ERR_NOT_FOUND, "");
    expect_later("AAAA", YODEL_ERR_NOT_FOUND, "");
}

static void test_registry_that_lies(void **state)
{
    static const char *const bad[] = {"", "a name:1", "10.0.0.9", "10.0.0.9:0", "unix", "%s%n"};
    struct yd_nodes *nodes = &sim.processes[0].nodes;

    start(1, false);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_record("aaaa", "aaaa", FOREIGN, bad[i]);
        expect_later("aaaa", YODEL_ERR_NOT_FOUND, "");
    }
    write_record("aaaa", "bbbb", FOREIGN, "10.0.0.9:1");
    expect_later("aaaa", YODEL_ERR_NOT_FOUND, "");
    (void)nodes->wire->ops->set(nodes->wire, YODEL_STR("yodel:tag:aaaa"),
                                (yodel_bytes){(const uint8_t *)"\1\2\3", 3}, 60000, false, NULL);
    nodes_sim_run(&sim);
    expect_later("aaaa", YODEL_ERR_NOT_FOUND, "");
}

/* Those that are known stay so for keep_ms; of others nothing is asked. */
static void test_registry_that_is_away(void **state)
{
    char tag[YD_NODE_TAG_SIZE];

    start_two("10.0.0.2:7000");
    memcpy(tag, sim.processes[1].nodes.own.tag, sizeof tag);
    write_record("a-_9", "a-_9", FOREIGN, "10.0.0.9:1");
    nodes_sim_cut(&sim, 0, true);
    nodes_sim_advance(&sim, 25000);
    expect_at_once(tag, 0, "10.0.0.2:7000");
    expect_at_once("a-_9", YODEL_ERR_CLOSED, "");
    nodes_sim_advance(&sim, 10000);
    expect_at_once(tag, YODEL_ERR_CLOSED, "");
    nodes_sim_cut(&sim, 0, false);
    expect_later("a-_9", 0, "10.0.0.9:1");
}

/* At first it is waited for, but not for long. */
static void test_registry_that_is_late(void **state)
{
    struct question question;

    start(1, true);
    ask(&question, "a-_9");
    assert_int_equal(question.num_answers, 0);
    nodes_sim_advance(&sim, 2500);
    assert_int_equal(question.num_answers, 0);
    expect_at_once("a-_9", YODEL_ERR_CLOSED, "");
    sim.down = false;
    nodes_sim_run(&sim);
    expect(&question, YODEL_ERR_NOT_FOUND, "");
    expect_later("a-_9", YODEL_ERR_NOT_FOUND, "");
}

/* It fails while it is asked. */
static void test_registry_that_breaks(void **state)
{
    struct question question;

    start(1, false);
    write_record("a-_9", "a-_9", FOREIGN, "10.0.0.9:1");
    ask(&question, "a-_9");
    nodes_sim_cut(&sim, 0, true);
    expect(&question, YODEL_ERR_NOT_FOUND, "");
}

/* The loop ends ahead of the answer, or with the answer in its mailbox. */
static void test_loop_that_ends(void **state)
{
    struct question question, late;

    start(1, false);
    write_record("a-_9", "a-_9", FOREIGN, "10.0.0.9:1");
    ask(&question, "a-_9");
    ask(&late, "a-_9");
    sim.processes[0].frozen = true;
    assert_int_equal(question.num_answers, 0);
    yd_loop_close(sim.processes[0].loops[1]);
    sim.processes[0].frozen = false;
    nodes_sim_run(&sim);
    assert_int_equal(question.num_answers + late.num_answers, 0);
}

static void test_without_memory(void **state)
{
    struct failmem *fm = &sim.processes[0].fm;

    start(1, false);
    write_record("a-_9", "a-_9", FOREIGN, "10.0.0.9:1");
    fm->fail_at = atomic_load(&fm->calls) + 1;
    expect_at_once("a-_9", -ENOMEM, "");
    assert_true(failmem_has_failed(fm));
    expect_later("a-_9", 0, "10.0.0.9:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_first_tag_is_claimed, teardown),
        cmocka_unit_test_teardown(test_first_tag_of_another_is_left_to_it, teardown),
        cmocka_unit_test_teardown(test_claim_without_an_answer, teardown),
        cmocka_unit_test_teardown(test_tags_that_were_many, teardown),
        cmocka_unit_test_teardown(test_known_node_is_found_at_once, teardown),
        cmocka_unit_test_teardown(test_known_node_with_a_name, teardown),
        cmocka_unit_test_teardown(test_known_node_without_a_use, teardown),
        cmocka_unit_test_teardown(test_unknown_node_is_looked_up, teardown),
        cmocka_unit_test_teardown(test_registry_that_lies, teardown),
        cmocka_unit_test_teardown(test_registry_that_is_away, teardown),
        cmocka_unit_test_teardown(test_registry_that_is_late, teardown),
        cmocka_unit_test_teardown(test_registry_that_breaks, teardown),
        cmocka_unit_test_teardown(test_loop_that_ends, teardown),
        cmocka_unit_test_teardown(test_without_memory, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
