/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "nodes_sim.h"

static struct nodes_sim sim;

/* What a process is told of nodes, as "+n1 -n2 ". */
struct ear {
    struct yd_nodes_watcher watcher;
    char told[200];
};

static void note(struct yd_nodes_watcher *watcher, char sign, const struct yd_node_info *node)
{
    struct ear *ear = yd_container_of(watcher, struct ear, watcher);
    size_t len = strlen(ear->told);

    (void)snprintf(ear->told + len, sizeof ear->told - len, "%c%s ", sign, node->name);
}

static void on_join(struct yd_nodes_watcher *watcher, const struct yd_node_info *node)
{
    note(watcher, '+', node);
}

static void on_leave(struct yd_nodes_watcher *watcher, const struct yd_node_info *node)
{
    note(watcher, '-', node);
}

static struct ear ears[NODES_SIM_MAX];

static void listen_at(unsigned i)
{
    ears[i] = (struct ear){.watcher = {.on_join = on_join, .on_leave = on_leave}};
    yd_nodes_watch(&sim.processes[i].nodes, &ears[i].watcher);
}

static void start(unsigned num)
{
    nodes_sim_start(&sim, num);
    for (unsigned i = 0; i < num; i++)
        listen_at(i);
}

static int teardown(void **state)
{
    (void)state;
    nodes_sim_stop(&sim);
    return 0;
}

#define expect_told(i, text)                                                                       \
    do {                                                                                           \
        assert_string_equal(ears[i].told, text);                                                   \
        ears[i].told[0] = '\0';                                                                    \
    } while (0)

/* ---- records ---- */

static struct yd_node_info example(void)
{
    return (struct yd_node_info){.process = "0123456789abcdef0123456789abcdef",
                                 .tag = "a-_9",
                                 .name = "host:1",
                                 .address = "10.0.0.1:7000"};
}

static void test_record_there_and_back(void **state)
{
    struct yd_node_info info = example(), got;
    enum yd_node_news news;
    struct failmem fm;

    (void)state;
    FAILMEM_LOOP(&fm)
    {
        struct yd_buf buf = {0};
        int rc = yd_node_record_encode(&fm.mem, &buf, YD_NODE_HELLO, &info);

        failmem_assert_whole(&fm, rc, buf.len > 0, true);
        if (rc == 0) {
            assert_int_equal(yd_node_record_decode((yodel_bytes){buf.ptr, buf.len}, &news, &got),
                             0);
            assert_int_equal(news, YD_NODE_HELLO);
            assert_string_equal(got.process, info.process);
            assert_string_equal(got.tag, info.tag);
            assert_string_equal(got.name, info.name);
            assert_string_equal(got.address, info.address);
            for (size_t len = 0; len < buf.len; len++)
                assert_int_equal(yd_node_record_decode((yodel_bytes){buf.ptr, len}, &news, &got),
                                 YODEL_ERR_PROTOCOL);
        }
        yd_buf_free(&fm.mem, &buf);
    }
}

static void refuse(struct yd_node_info info)
{
    struct yd_buf buf = {0};
    struct failmem fm;
    enum yd_node_news news;

    failmem_init(&fm, 0);
    assert_int_equal(yd_node_record_encode(&fm.mem, &buf, YD_NODE_ALIVE, &info), 0);
    assert_int_equal(yd_node_record_decode((yodel_bytes){buf.ptr, buf.len}, &news, &info),
                     YODEL_ERR_PROTOCOL);
    yd_buf_free(&fm.mem, &buf);
}

static void test_record_refuses(void **state)
{
    struct yd_node_info info;

    (void)state;
    info = example(), info.process[3] = 'G', refuse(info);
    info = example(), info.process[31] = '\0', refuse(info);
    info = example(), info.tag[3] = '\0', refuse(info);
    info = example(), info.tag[0] = '!', refuse(info);
    info = example(), info.name[0] = '\n', refuse(info);
    info = example(), info.name[0] = '\0', refuse(info);
    info = example(), info.address[0] = '\xff', refuse(info);
}

/* ---- the registry ---- */

static void test_all_know_all_at_once(void **state)
{
    struct yd_node_info own, found;

    (void)state;
    start(3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(yd_nodes_count(&sim.processes[i].nodes), 2);
        yd_nodes_own(&sim.processes[i].nodes, &own);
        assert_int_equal(strlen(own.tag), 4);
        for (unsigned j = 0; j < 3; j++)
            assert_int_equal(
                yd_nodes_find_tag(&sim.processes[j].nodes, yodel_str_of(own.tag), &found), j != i);
    }
    nodes_sim_advance(&sim, 20000);
    expect_told(0, "");
    assert_int_equal(yd_nodes_count(&sim.processes[0].nodes), 2);
}

static void test_killed_is_lost_in_time(void **state)
{
    (void)state;
    start(3);
    sim.processes[2].dead = true;
    nodes_sim_advance(&sim, 5000);
    expect_told(0, "");
    nodes_sim_advance(&sim, 3500);
    expect_told(0, "-n2 ");
    expect_told(1, "-n2 ");
    nodes_sim_advance(&sim, 20000);
    expect_told(0, "");
    nodes_sim_stop_one(&sim, 2);
    nodes_sim_start_one(&sim, 2, 2);
    expect_told(0, "+n2 ");
    expect_told(1, "+n2 ");
}

static void test_leave_is_known_at_once(void **state)
{
    (void)state;
    start(2);
    nodes_sim_enter(sim.processes[1].loops[0]);
    yd_nodes_leave(&sim.processes[1].nodes);
    nodes_sim_leave(sim.processes[1].loops[0]);
    nodes_sim_run(&sim);
    expect_told(0, "-n1 ");
    nodes_sim_advance(&sim, 10000);
    expect_told(0, "");
    assert_int_equal(atomic_load(&sim.processes[0].nodes.counters.left), 1);
}

/* Nobody hears anybody: nobody is dead for that; not before keep_ms. */
static void test_wire_down_kills_nobody(void **state)
{
    (void)state;
    start(3);
    nodes_sim_advance(&sim, 3000);
    sim.down = true;
    nodes_sim_advance(&sim, 25000);
    sim.down = false;
    nodes_sim_advance(&sim, 10000);
    for (unsigned i = 0; i < 3; i++)
        expect_told(i, "");
    for (unsigned i = 0; i < 3; i++)
        sim.processes[i].silent = true;
    nodes_sim_advance(&sim, 40000);
    assert_int_equal(yd_nodes_count(&sim.processes[0].nodes), 0);
    expect_told(0, "-n1 -n2 ");
    for (unsigned i = 0; i < 3; i++)
        sim.processes[i].silent = false;
    nodes_sim_advance(&sim, 3000);
    assert_int_equal(yd_nodes_count(&sim.processes[0].nodes), 2);
}

/* Who is cut off is dead to the others, and comes back to all. */
static void test_part_and_heal(void **state)
{
    (void)state;
    start(3);
    nodes_sim_cut(&sim, 1, true);
    nodes_sim_advance(&sim, 10000);
    expect_told(0, "-n1 ");
    expect_told(1, "");
    expect_told(2, "-n1 ");
    nodes_sim_cut(&sim, 1, false);
    nodes_sim_advance(&sim, 500);
    expect_told(0, "+n1 ");
    expect_told(1, "");
    expect_told(2, "+n1 ");
    assert_int_equal(yd_nodes_count(&sim.processes[1].nodes), 2);
}

/* A process that was stopped wakes with a clock far ahead: it judges nobody by that. */
static void test_stopped_process_judges_nobody(void **state)
{
    (void)state;
    start(2);
    nodes_sim_enter(sim.processes[0].loops[0]);
    sim_advance(sim.processes[0].loops[0], 20000);
    nodes_sim_leave(sim.processes[0].loops[0]);
    nodes_sim_advance(&sim, 5000);
    expect_told(0, "");
    assert_int_equal(yd_nodes_count(&sim.processes[0].nodes), 1);
}

/* ---- tags ---- */

static struct yd_node_info looked_up;
static int num_looked_up;

static void on_lookup(struct yd_node_lookup *lookup, const struct yd_node_info *info)
{
    (void)lookup;
    num_looked_up++;
    looked_up = info != NULL ? *info : (struct yd_node_info){.name = "none"};
}

static void look_up(const char *tag, const char *name)
{
    struct yd_node_lookup lookup = {.done = on_lookup};

    num_looked_up = 0;
    assert_int_equal(yd_nodes_look_up(&sim.processes[0].nodes, yodel_str_of(tag), &lookup), 0);
    assert_int_equal(num_looked_up, 0);
    nodes_sim_run(&sim);
    assert_int_equal(num_looked_up, 1);
    assert_string_equal(looked_up.name, name);
}

static void test_tag_is_looked_up(void **state)
{
    struct yd_node_lookup lookup = {.done = on_lookup};
    char tag[YD_NODE_TAG_SIZE];

    (void)state;
    start(2);
    memcpy(tag, sim.processes[1].nodes.own.tag, sizeof tag);
    look_up(tag, "n1");
    look_up(strcmp(tag, "aaaa") == 0 ? "bbbb" : "aaaa", "none");
    assert_int_equal(yd_nodes_look_up(&sim.processes[0].nodes, YODEL_STR("a/b?"), &lookup),
                     YODEL_ERR_NAME);
    sim.processes[1].dead = true;
    nodes_sim_advance(&sim, 8000);
    look_up(tag, "none");
}

/* Somebody has taken it while we were away. */
static void test_tag_that_was_taken_is_given_up(void **state)
{
    struct yd_node_info info = {.process = "ffffffffffffffffffffffffffffffff", .name = "other"};
    struct yd_nodes *nodes;
    struct yd_buf buf = {0};
    char key[100];

    (void)state;
    start(1);
    nodes = &sim.processes[0].nodes;
    memcpy(info.tag, nodes->own.tag, sizeof info.tag);
    assert_int_equal(yd_node_record_encode(nodes->mem, &buf, YD_NODE_ALIVE, &info), 0);
    (void)snprintf(key, sizeof key, "yodel:tag:%s", info.tag);
    (void)nodes->wire->ops->set(nodes->wire, yodel_str_of(key), (yodel_bytes){buf.ptr, buf.len},
                                60000, false, NULL);
    yd_buf_free(nodes->mem, &buf);
    nodes_sim_advance(&sim, 5000);
    assert_int_equal(strlen(nodes->own.tag), 4);
    assert_string_not_equal(nodes->own.tag, info.tag);
}

static void test_tag_that_ended_is_claimed_again(void **state)
{
    char tag[YD_NODE_TAG_SIZE];

    (void)state;
    start(1);
    memcpy(tag, sim.processes[0].nodes.own.tag, sizeof tag);
    nodes_sim_cut(&sim, 0, true);
    nodes_sim_advance(&sim, 20000);
    nodes_sim_cut(&sim, 0, false);
    nodes_sim_advance(&sim, 5000);
    assert_string_equal(sim.processes[0].nodes.own.tag, tag);
    look_up(tag, "n0");
}

/* ---- what is not of nodes ---- */

static void test_garbage_is_counted(void **state)
{
    char process[40];

    (void)state;
    start(1);
    nodes_sim_inject(&sim, "yodel:nodes", "garbage", 7);
    nodes_sim_inject(&sim, "yodel:all", "\x80\x81", 2);
    nodes_sim_run(&sim);
    assert_int_equal(atomic_load(&sim.processes[0].nodes.counters.malformed), 1);
    assert_int_equal(atomic_load(&sim.processes[0].native.counters.malformed), 1);
    for (unsigned i = 0; i < 20; i++) { /* ten have room */
        struct yd_node_info info = example();
        struct yd_buf buf = {0};

        (void)snprintf(process, sizeof process, "%032x", i + 100);
        memcpy(info.process, process, sizeof info.process);
        assert_int_equal(
            yd_node_record_encode(&sim.processes[0].fm.mem, &buf, YD_NODE_ALIVE, &info), 0);
        nodes_sim_inject(&sim, "yodel:nodes", buf.ptr, buf.len);
        yd_buf_free(&sim.processes[0].fm.mem, &buf);
    }
    nodes_sim_run(&sim);
    assert_int_equal(yd_nodes_count(&sim.processes[0].nodes), 10);
    assert_int_equal(atomic_load(&sim.processes[0].nodes.counters.refused), 10);
    nodes_sim_advance(&sim, 9000);
    assert_int_equal(yd_nodes_count(&sim.processes[0].nodes), 0);
}

static void test_names_are_checked(void **state)
{
    struct yd_nodes nodes;
    struct yd_nodes_options options = {.bus = NULL};

    (void)state;
    start(1);
    options.bus = &sim.processes[0].bus;
    options.prefix = "a*";
    assert_int_equal(yd_nodes_init(&nodes, &options), YODEL_ERR_NAME);
    options.prefix = "a";
    options.name = "\n";
    assert_int_equal(yd_nodes_init(&nodes, &options), YODEL_ERR_NAME);
    options.name = "n";
    options.address = "";
    assert_int_equal(yd_nodes_init(&nodes, &options), YODEL_ERR_NAME);
    options.name = options.address = NULL;
    assert_int_equal(yd_nodes_init(&nodes, &options), 0);
    assert_non_null(strchr(nodes.own.name, ':'));
    yd_nodes_done(&nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_there_and_back),
        cmocka_unit_test(test_record_refuses),
        cmocka_unit_test_teardown(test_all_know_all_at_once, teardown),
        cmocka_unit_test_teardown(test_killed_is_lost_in_time, teardown),
        cmocka_unit_test_teardown(test_leave_is_known_at_once, teardown),
        cmocka_unit_test_teardown(test_wire_down_kills_nobody, teardown),
        cmocka_unit_test_teardown(test_part_and_heal, teardown),
        cmocka_unit_test_teardown(test_stopped_process_judges_nobody, teardown),
        cmocka_unit_test_teardown(test_tag_is_looked_up, teardown),
        cmocka_unit_test_teardown(test_tag_that_was_taken_is_given_up, teardown),
        cmocka_unit_test_teardown(test_tag_that_ended_is_claimed_again, teardown),
        cmocka_unit_test_teardown(test_garbage_is_counted, teardown),
        cmocka_unit_test_teardown(test_names_are_checked, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
