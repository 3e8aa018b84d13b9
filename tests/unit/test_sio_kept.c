/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/history.h>

#include <cmocka.h>

#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "sio/sio_base.h"
#include "sio_sim.h"

/* Emits to rooms that are kept, over two loops: "k..." without an envelope, "e..." with one. */

#define CLIENTS 3

static struct world {
    struct failmem fm;
    struct sio_sim sim;
    struct sio_client clients[CLIENTS]; /* on loop 0, 1, 0 */
    yodel_channels *channels;
    char read[1000];
    unsigned num_told;
} world;

static const yodel_sio_args one = {sizeof one, YODEL_STR("[1,\"x\"]"), NULL, 0};

static void keep(const char *pattern, int envelope, int sio_events)
{
    assert_int_equal(
        yodel_channels_keep_history(
            world.channels, pattern,
            YODEL_OPTIONS(yodel_history_options, .envelope = envelope, .sio_events = sio_events)),
        0);
}

static int setup(void **state)
{
    memset(&world, 0, sizeof world);
    failmem_init(&world.fm, 0);
    if (sio_sim_start(&world.sim, &world.fm.mem, 2, NULL) < 0)
        return -1;
    world.channels = world.sim.sio->channels;
    keep("/#k*", 0, 1);
    keep("/#e*", 1, 1);
    keep("/#plain*", 0, 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        sio_sim_connect(&world.sim, i % 2, &world.clients[i]);
    assert_int_equal(
        yodel_sio_target_join(yodel_sio_to_rooms(world.sim.ns, YODEL_ROOMS(world.clients[0].sid,
                                                                           world.clients[1].sid)),
                              YODEL_ROOMS("k", "e", "plain")),
        0);
    sio_sim_run(&world.sim);
    return 0;
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    failmem_assert_empty(&world.fm);
    return 0;
}

static void on_history(const yodel_history *history, void *user)
{
    char *text = user;

    world.num_told++;
    (void)snprintf(text, sizeof world.read,
                   "%s gone %d:", history->result == 0 ? "ok" : yodel_error_name(history->result),
                   history->gone);
    for (size_t i = 0; i < history->num_messages; i++) {
        size_t len = strlen(text);

        (void)snprintf(text + len, sizeof world.read - len, " %.*s",
                       (int)history->messages[i].data.len,
                       (const char *)history->messages[i].data.ptr);
    }
}

static void expect_kept(const char *group, const char *from, const char *expected)
{
    assert_int_equal(yodel_group_history(world.channels, group, from, 0, on_history, world.read),
                     0);
    sio_sim_run(&world.sim);
    assert_string_equal(world.read, expected);
}

static int send_text(const char *group, const char *text)
{
    return yodel_group_send(world.channels, group, YODEL_WS_TEXT,
                            (yodel_bytes){(const uint8_t *)text, strlen(text)});
}

static int emit(const char *room)
{
    return yodel_sio_emit_kept(world.sim.ns, room, "said", &one);
}

static void test_sio_kept_reaches_the_room(void **state)
{
    assert_int_equal(emit("k"), 0);
    assert_int_equal(yodel_sio_emit_kept(world.sim.ns, "k", "q\"", NULL), 0);
    sio_sim_run(&world.sim);
    for (unsigned i = 0; i < 2; i++) {
        sio_sim_expect(&world.clients[i], "2[\"said\",1,\"x\"]");
        sio_sim_expect(&world.clients[i], "2[\"q\\\"\"]");
    }
    sio_sim_expect_nothing(&world.clients[2]);
    expect_kept("/#k", NULL, "ok gone 0: [\"said\",1,\"x\"] [\"q\\\"\"]");
    expect_kept("/#k2", NULL, "ok gone 0:");
    assert_int_equal(emit("k2"), 0); /* where nobody is */
    sio_sim_run(&world.sim);
    expect_kept("/#k2", NULL, "ok gone 0: [\"said\",1,\"x\"]");
}

/* The offset is one more argument. */
static void test_sio_kept_in_an_envelope(void **state)
{
    const char *text;
    char offset[60];

    assert_int_equal(emit("e"), 0);
    assert_int_equal(yodel_sio_emit_kept(world.sim.ns, "e", "bare", NULL), 0);
    sio_sim_run(&world.sim);
    text = sio_sim_next(&world.clients[1]);
    assert_int_equal(sscanf(text, "2[\"said\",1,\"x\",\"%50[0-9-]\"]", offset), 1);
    expect_kept("/#e", offset, "ok gone 0: [\"bare\"]");
    text = sio_sim_next(&world.clients[1]);
    assert_int_equal(sscanf(text, "2[\"bare\",\"%50[0-9-]\"]", offset), 1);
    expect_kept("/#e", offset, "ok gone 0:");
}

static void test_sio_kept_is_forgotten(void **state)
{
    const char *text;
    char offset[60], forgotten[1000] = "";

    assert_int_equal(emit("e"), 0);
    sio_sim_run(&world.sim);
    text = sio_sim_next(&world.clients[0]);
    assert_int_equal(sscanf(text, "2[\"said\",1,\"x\",\"%50[0-9-]\"]", offset), 1);
    assert_int_equal(emit("e"), 0);
    assert_int_equal(emit("k"), 0);
    assert_int_equal(yodel_group_forget_history(world.channels, "/#e", on_history, forgotten), 0);
    assert_string_equal(forgotten, "");
    sio_sim_run(&world.sim);
    assert_string_equal(forgotten, "ok gone 0:");
    expect_kept("/#e", NULL, "ok gone 0:");
    expect_kept("/#e", offset, "ok gone 1:");
    expect_kept("/#k", NULL, "ok gone 0: [\"said\",1,\"x\"]");
    assert_int_equal(yodel_group_forget_history(world.channels, "/#k", NULL, NULL), 0);
    assert_int_equal(emit("k"), 0);
    sio_sim_run(&world.sim);
    expect_kept("/#k", NULL, "ok gone 0: [\"said\",1,\"x\"]"); /* what came after it */
    assert_int_equal(yodel_group_forget_history(world.channels, "/#none", NULL, NULL),
                     YODEL_ERR_UNSUPPORTED);
    assert_int_equal(yodel_group_forget_history(world.channels, "\1", NULL, NULL), YODEL_ERR_NAME);
    assert_int_equal(yodel_group_forget_history(NULL, "/#k", NULL, NULL), -EINVAL);
}

/* What is no event is not sent to such a group; to others messages are as ever. */
static void test_sio_kept_beside_messages(void **state)
{
    static const char *const wrong[] = {"x", "{}", "[]", "[1]", "[\"a\"", "\"a\""};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(send_text("/#k", wrong[i]), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_group_send(world.channels, "/#k", YODEL_WS_BINARY,
                                      (yodel_bytes){(const uint8_t *)"[\"a\"]", 5}),
                     YODEL_ERR_FORMAT);
    assert_int_equal(send_text("/#k", "[\"a\", 2]"), 0);
    assert_int_equal(send_text("/#k", "[\"connect\"]"), 0);
    assert_int_equal(send_text("/#plain", "[\"a\"]"), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect(&world.clients[0], "2[\"a\",2]");
    sio_sim_expect(&world.clients[0], "2[\"message\",\"[\\\"a\\\"]\"]");
    sio_sim_expect_nothing(&world.clients[0]);
}

static void test_sio_kept_checks(void **state)
{
    yodel_bytes data = {(const uint8_t *)"x", 1};
    yodel_sio_args binary = {sizeof binary, YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"), &data,
                             1};
    yodel_sio_namespace *ns = world.sim.ns;
    char name[300];

    memset(name, 'k', sizeof name);
    name[254] = '\0';
    assert_int_equal(emit("plain"), YODEL_ERR_UNSUPPORTED);
    assert_int_equal(emit("none"), YODEL_ERR_UNSUPPORTED);
    assert_int_equal(emit(NULL), YODEL_ERR_NAME);
    assert_int_equal(emit(name), YODEL_ERR_NAME);
    assert_int_equal(yodel_sio_emit_kept(NULL, "k", "e", NULL), -EINVAL);
    assert_int_equal(yodel_sio_emit_kept(ns, "k", "connect", NULL), YODEL_ERR_NAME);
    assert_int_equal(yodel_sio_emit_kept(ns, "k", "\xff", NULL), YODEL_ERR_ENCODING);
    assert_int_equal(yodel_sio_emit_kept(ns, "k", "e", &binary), YODEL_ERR_UNSUPPORTED);
    assert_int_equal(
        yodel_sio_emit_kept(sio_sim_of_pattern(world.sim.sio, "/k-.*"), "k", "e", NULL),
        YODEL_ERR_UNSUPPORTED);
    sio_sim_run(&world.sim);
    sio_sim_expect_nothing(&world.clients[0]);
}

/* ---- where an event stands ---- */

static struct {
    unsigned calls;
    int result;
    char offset[YODEL_OFFSET_SIZE];
} place;

static void on_place(int result, const char *offset, void *user)
{
    assert_ptr_equal(user, &place);
    assert_int_equal(offset != NULL, result == 0);
    place.calls++;
    place.result = result;
    (void)snprintf(place.offset, sizeof place.offset, "%s", offset != NULL ? offset : "");
}

static int emit_told(const char *room)
{
    memset(&place, 0, sizeof place);
    return yodel_sio_emit_kept_told(world.sim.ns, room, "said", &one, on_place, &place);
}

static void test_sio_kept_tells_where_it_stands(void **state)
{
    char first[YODEL_OFFSET_SIZE];
    const yodel_bytes data = {(const uint8_t *)"plain", 5};

    assert_int_equal(emit_told("e"), 0);
    assert_int_equal(place.calls, 0);
    sio_sim_run(&world.sim);
    assert_int_equal(place.calls, 1);
    assert_int_equal(place.result, 0);
    memcpy(first, place.offset, sizeof first);
    assert_int_equal(emit("e"), 0);
    sio_sim_run(&world.sim);
    expect_kept("/#e", first, "ok gone 0: [\"said\",1,\"x\"]");
    assert_int_equal(emit_told("e"), 0);
    sio_sim_run(&world.sim);
    expect_kept("/#e", place.offset, "ok gone 0:");
    memset(&place, 0, sizeof place);
    assert_int_equal(
        yodel_group_send_told(world.channels, "/#plain", YODEL_WS_TEXT, data, on_place, &place), 0);
    sio_sim_run(&world.sim);
    assert_int_equal(place.calls, 1);
    expect_kept("/#plain", place.offset, "ok gone 0:");
    expect_kept("/#plain", first, "ok gone 0: plain");
}

static void test_sio_kept_tells_nobody_of_what_fails(void **state)
{
    const yodel_bytes data = {(const uint8_t *)"\xff", 1};

    memset(&place, 0, sizeof place);
    assert_int_equal(emit_told("none"), YODEL_ERR_UNSUPPORTED);
    assert_int_equal(emit_told("plain"), YODEL_ERR_UNSUPPORTED);
    assert_int_equal(yodel_sio_emit_kept_told(world.sim.ns, "k", "a", NULL, NULL, NULL), -EINVAL);
    assert_int_equal(yodel_sio_emit_kept_told(NULL, "k", "a", NULL, on_place, NULL), -EINVAL);
    assert_int_equal(
        yodel_group_send_told(world.channels, "none", YODEL_WS_TEXT, data, on_place, NULL),
        YODEL_ERR_ENCODING);
    assert_int_equal(
        yodel_group_send_told(world.channels, "none", YODEL_WS_BINARY, data, on_place, NULL),
        YODEL_ERR_UNSUPPORTED);
    assert_int_equal(
        yodel_group_send_told(world.channels, "/#plain", YODEL_WS_BINARY, data, NULL, NULL),
        -EINVAL);
    assert_int_equal(yodel_group_send_told(NULL, "a", YODEL_WS_BINARY, data, on_place, NULL),
                     -EINVAL);
    sio_sim_run(&world.sim);
    assert_int_equal(place.calls, 0);
}

/* Once, or an error; who is told of one has not sent anything. */
static void test_sio_kept_tells_without_memory(void **state)
{
    unsigned num_told = 0;

    for (size_t i = 1; i < 30; i++) {
        int rc;

        atomic_store(&world.fm.calls, 0);
        world.fm.fail_at = i;
        rc = emit_told("k");
        sio_sim_run(&world.sim);
        world.fm.fail_at = 0;
        assert_int_equal(place.calls, rc == 0);
        num_told += place.calls == 1 && place.result == -ENOMEM;
        expect_kept("/#k", NULL,
                    rc == 0 && place.result == 0 ? "ok gone 0: [\"said\",1,\"x\"]" : "ok gone 0:");
        assert_int_equal(yodel_group_forget_history(world.channels, "/#k", NULL, NULL), 0);
        sio_sim_run(&world.sim);
    }
    assert_in_range(num_told, 1, 10);
}

/* ---- rules of all namespaces ---- */

static int set_history(const yodel_history_rule *rules, size_t num)
{
    return yodel_channels_set_history(world.channels, rules, num);
}

static void test_sio_kept_by_rules_that_change(void **state)
{
    const yodel_history_options events = {.size = sizeof events, .sio_events = 1};
    const yodel_history_rule rules[] = {
        {"*:quiet", "*", NULL}, {"k*1*:x", "*", &events}, {"lobby", "*", &events}};
    yodel_sio_namespace *ns = world.sim.ns, *late;

    assert_int_equal(set_history(rules, 3), 0);
    assert_int_equal(emit("k"), YODEL_ERR_UNSUPPORTED);
    assert_int_equal(emit("k:1:quiet"), YODEL_ERR_UNSUPPORTED);
    assert_int_equal(emit("k:1:x"), 0);
    assert_int_equal(emit("x#lobby"), YODEL_ERR_UNSUPPORTED);
    assert_int_equal(yodel_sio_of(world.sim.sio, "/late", &late), 0);
    assert_int_equal(yodel_sio_emit_kept(late, "lobby", "said", &one), 0);
    sio_sim_run(&world.sim);
    expect_kept("/#k:1:x", NULL, "ok gone 0: [\"said\",1,\"x\"]");
    expect_kept("/late#lobby", NULL, "ok gone 0: [\"said\",1,\"x\"]");
    expect_kept("/#lobby", NULL, "ok gone 0:");
    assert_int_equal(yodel_group_forget_history(world.channels, "/late#lobby", NULL, NULL), 0);
    expect_kept("/late#lobby", NULL, "ok gone 0:");
    assert_int_equal(yodel_group_forget_history(world.channels, "/#x#lobby", NULL, NULL),
                     YODEL_ERR_UNSUPPORTED);
    /* What is on its way stays what it is. */
    assert_int_equal(
        yodel_sio_target_join(yodel_sio_to_rooms(ns, YODEL_ROOMS(world.clients[0].sid)),
                              YODEL_ROOMS("lobby")),
        0);
    sio_sim_run(&world.sim);
    assert_int_equal(emit("lobby"), 0);
    assert_int_equal(set_history(NULL, 0), 0);
    sio_sim_run(&world.sim);
    sio_sim_expect(&world.clients[0], "2[\"said\",1,\"x\"]");
    assert_int_equal(emit("lobby"), YODEL_ERR_UNSUPPORTED);
}

static void test_sio_kept_rules_are_checked(void **state)
{
    const yodel_history_options fine = {.size = sizeof fine};
    const struct {
        yodel_history_options known;
        char more;
    } newer = {.known = {.size = sizeof newer}, .more = 1};
    const struct {
        yodel_history_rule rule;
        int result;
    } cases[] = {
        {{NULL, NULL, &fine}, YODEL_ERR_NAME},   {{"", NULL, &fine}, YODEL_ERR_NAME},
        {{"\xff", NULL, &fine}, YODEL_ERR_NAME}, {{"a", "", &fine}, YODEL_ERR_NAME},
        {{"a", "/\xc3", &fine}, YODEL_ERR_NAME}, {{"a", NULL, &newer.known}, YODEL_ERR_OPTIONS},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const yodel_history_rule both[] = {{"*", NULL, &fine}, cases[i].rule};

        assert_int_equal(set_history(both, 2), cases[i].result);
    }
    assert_int_equal(set_history(NULL, 1), -EINVAL);
    assert_int_equal(yodel_channels_set_history(NULL, NULL, 0), -EINVAL);
    assert_int_equal(emit("none"), YODEL_ERR_UNSUPPORTED);
    assert_int_equal(emit("k"), 0);
}

static void test_sio_kept_rules_without_memory(void **state)
{
    const yodel_history_options events = {.size = sizeof events, .sio_events = 1};
    const yodel_history_rule rule = {"n*e", "*", &events};

    for (size_t i = 1; i <= 2; i++) {
        atomic_store(&world.fm.calls, 0);
        world.fm.fail_at = i;
        assert_int_equal(set_history(&rule, 1), -ENOMEM);
        world.fm.fail_at = 0;
        assert_int_equal(emit("none"), YODEL_ERR_UNSUPPORTED);
        assert_int_equal(emit("k"), 0);
    }
    assert_int_equal(set_history(&rule, 1), 0);
    assert_int_equal(emit("none"), 0);
}

/* Of the call: all or an error and none. */
static void test_sio_kept_without_memory(void **state)
{
    unsigned num_failed = 0;
    int rc = -ENOMEM;

    for (size_t i = 1; rc < 0; i++) {
        atomic_store(&world.fm.calls, 0);
        world.fm.fail_at = i;
        rc = emit("e");
        world.fm.fail_at = 0;
        sio_sim_run(&world.sim);
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(sio_sim_next(&world.clients[k]) != NULL, rc == 0);
        num_failed += rc < 0;
    }
    assert_in_range(num_failed, 2, 20);
    expect_kept("/#e", NULL, "ok gone 0: [\"said\",1,\"x\"]");
}

/* And on its way: nothing is lost of what is held, whoever has it. */
static void test_sio_kept_without_memory_on_the_way(void **state)
{
    for (size_t i = 1; i < 40; i++) {
        assert_int_equal(emit("e"), 0);
        atomic_store(&world.fm.calls, 0);
        world.fm.fail_at = i;
        sio_sim_run(&world.sim);
        world.fm.fail_at = 0;
        assert_int_equal(yodel_group_forget_history(world.channels, "/#e", NULL, NULL), 0);
        sio_sim_run(&world.sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_kept_reaches_the_room),
        FIXTURE_TEST(test_sio_kept_in_an_envelope),
        FIXTURE_TEST(test_sio_kept_is_forgotten),
        FIXTURE_TEST(test_sio_kept_beside_messages),
        FIXTURE_TEST(test_sio_kept_checks),
        FIXTURE_TEST(test_sio_kept_tells_where_it_stands),
        FIXTURE_TEST(test_sio_kept_tells_nobody_of_what_fails),
        FIXTURE_TEST(test_sio_kept_tells_without_memory),
        FIXTURE_TEST(test_sio_kept_by_rules_that_change),
        FIXTURE_TEST(test_sio_kept_rules_are_checked),
        FIXTURE_TEST(test_sio_kept_rules_without_memory),
        FIXTURE_TEST(test_sio_kept_without_memory),
        FIXTURE_TEST(test_sio_kept_without_memory_on_the_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
