/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failmem.h"
#include "fixture.h"
#include "ws_sim.h"

/* Members of a group with documents: who is there. */

static struct world {
    struct ws_sim sim;
    struct failmem fm;
    yodel_ws *ws[2];
    unsigned num;
    int calls, result;
    unsigned missing;
    size_t num_members;
    char text[200]; /* the documents, in any order */
} world;

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    world.ws[world.num++ % 2] = ws;
    return YODEL_ACCEPT;
}

static const yodel_ws_handlers handlers = {.size = sizeof handlers, .on_connect = on_connect};

static int setup(void **state)
{
    memset(&world, 0, sizeof world);
    failmem_init(&world.fm, 0);
    if (ws_sim_start(&world.sim, &world.fm.mem) < 0 ||
        yd_ws_route(&world.sim.service, &world.sim.hs.http, "/ws", &handlers, NULL) < 0)
        return -1;
    return 0;
}

static int teardown(void **state)
{
    ws_sim_stop(&world.sim);
    failmem_assert_empty(&world.fm);
    return 0;
}

static void on_members(const yodel_group_members_result *result, void *user)
{
    size_t len = 0;

    world.calls++;
    world.result = result->result;
    world.missing = result->missing;
    world.num_members = result->num_members;
    assert_int_equal(result->size, sizeof *result);
    for (size_t i = 0; i < result->num_members; i++) {
        assert_true(result->members[i].id.value != 0);
        assert_true(result->members[i].channel.len > 10);
        len += (size_t)snprintf(world.text + len, sizeof world.text - len, "%" YODEL_PRI ";",
                                YODEL_ARG(result->members[i].json));
    }
}

static int list(const char *group)
{
    int rc = yodel_group_members(world.sim.channels, group, on_members, NULL);

    world.text[0] = '\0';
    world.calls = 0;
    assert_int_equal(world.calls, 0);
    sim_run(world.sim.hs.loop);
    return rc;
}

static void expect_members(const char *group, const char *text)
{
    assert_int_equal(list(group), 0);
    assert_int_equal(world.calls, 1);
    assert_int_equal(world.result, 0);
    assert_int_equal(world.missing, 0);
    assert_string_equal(world.text, text);
}

static int add(unsigned i, const char *json)
{
    return yodel_group_add_json(world.sim.channels, "g", world.ws[i], yodel_str_of(json));
}

static void test_ws_presence_lists_documents(void **state)
{
    struct sim_peer *first = ws_sim_open(&world.sim, "/ws");

    (void)ws_sim_open(&world.sim, "/ws");
    assert_int_equal(add(0, " {\"name\":\"Ada\"}"), 0);
    assert_int_equal(yodel_group_add(world.sim.channels, "g", world.ws[1]), 0);
    expect_members("g", "{\"name\":\"Ada\"};;");
    assert_int_equal(add(0, "[1]"), 0); /* in its place */
    assert_int_equal(add(1, "2"), 0);
    assert_int_equal(yodel_group_add(world.sim.channels, "g", world.ws[0]), 0); /* keeps it */
    expect_members("g", "[1];2;");
    assert_int_equal(yodel_group_count(world.sim.channels, "g"), 2);
    expect_members("other", "");
    yodel_group_discard(world.sim.channels, "g", world.ws[1]);
    expect_members("g", "[1];");
    first->error = -ECONNRESET;
    sim_run(world.sim.hs.loop);
    expect_members("g", "");
}

static void test_ws_presence_refuses_what_is_no_document(void **state)
{
    static char big[YODEL_GROUP_MAX_JSON + 2];

    (void)ws_sim_open(&world.sim, "/ws");
    memset(big, ' ', sizeof big - 1);
    big[0] = '1';
    assert_int_equal(add(0, big), YODEL_ERR_TOO_BIG);
    big[YODEL_GROUP_MAX_JSON] = '\0';
    assert_int_equal(add(0, "{"), YODEL_ERR_FORMAT);
    assert_int_equal(add(0, ""), YODEL_ERR_FORMAT);
    assert_int_equal(add(0, NULL), YODEL_ERR_FORMAT);
    assert_int_equal(add(0, "\"\xff\""), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_group_add_json(world.sim.channels, "", world.ws[0], YODEL_STR("1")),
                     YODEL_ERR_NAME);
    assert_int_equal(yodel_group_count(world.sim.channels, "g"), 0);
    assert_int_equal(add(0, big), 0);
    expect_members("g", "1;");
    assert_int_equal(list(""), YODEL_ERR_NAME);
}

/* It is a member with that document, or an error and nothing has changed. */
static void test_ws_presence_is_whole(void **state)
{
    bool failed = true;

    (void)ws_sim_open(&world.sim, "/ws");
    for (size_t n = 1; failed; n++) {
        int rc;

        world.fm.fail_at = atomic_load(&world.fm.calls) + n;
        rc = add(0, "1");
        failed = failmem_has_failed(&world.fm);
        world.fm.fail_at = 0;
        expect_members("g", rc == 0 ? "1;" : "");
        assert_true(rc == 0 || rc == -ENOMEM);
        world.fm.fail_at = atomic_load(&world.fm.calls) + 1;
        if (rc == 0)
            assert_int_equal(add(0, "2"), -ENOMEM);
        world.fm.fail_at = 0;
        expect_members("g", rc == 0 ? "1;" : "");
        yodel_group_discard(world.sim.channels, "g", world.ws[0]);
    }
}

static void test_ws_presence_is_listed_without_memory(void **state)
{
    bool failed = true;

    (void)ws_sim_open(&world.sim, "/ws");
    assert_int_equal(add(0, "1"), 0);
    for (size_t n = 1; failed; n++) {
        int rc;

        world.fm.fail_at = atomic_load(&world.fm.calls) + n;
        rc = list("g");
        failed = failmem_has_failed(&world.fm);
        world.fm.fail_at = 0;
        assert_int_equal(world.calls, rc == 0);
        if (rc == 0 && world.result == 0)
            assert_string_equal(world.text, "1;");
        else if (rc == 0)
            assert_true(world.result == -ENOMEM && world.missing == 1 && world.num_members == 0);
        else
            assert_int_equal(rc, -ENOMEM);
    }
}

/* ---- messages of JSON ---- */

static void test_ws_presence_sends_json(void **state)
{
    struct sim_peer *peer = ws_sim_open(&world.sim, "/ws");
    json_t *document = json_pack("{s:i}", "b", 2);

    assert_int_equal(add(0, "1"), 0);
    assert_int_equal(yodel_group_send_pack(world.sim.channels, "g", "{s:i}", "a", 1), 0);
    assert_int_equal(yodel_group_send_json(world.sim.channels, "g", document), 0);
    assert_int_equal(yodel_group_send_pack(world.sim.channels, "g", "{s:i", "a", 1),
                     YODEL_ERR_FORMAT);
    assert_int_equal(yodel_group_send_json(world.sim.channels, "g", NULL), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_group_send_pack(world.sim.channels, "", "i", 1), YODEL_ERR_NAME);
    sim_run(world.sim.hs.loop);
    ws_sim_expect_text(peer, "{\"a\":1}");
    ws_sim_expect_text(peer, "{\"b\":2}");
    ws_sim_expect_nothing(peer);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_ws_presence_lists_documents),
        FIXTURE_TEST(test_ws_presence_refuses_what_is_no_document),
        FIXTURE_TEST(test_ws_presence_is_whole),
        FIXTURE_TEST(test_ws_presence_is_listed_without_memory),
        FIXTURE_TEST(test_ws_presence_sends_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
