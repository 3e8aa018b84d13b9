/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "failmem.h"
#include "fixture.h"
#include "ws_sim.h"

#include <jansson.h>
#include <yodel/json.h>

/* JSON messages: read with yodel_ws_unpack(), written with yodel_ws_send_pack(). */

static struct failmem fm;
static struct ws_sim sim;
static int result; /* of the first call that fails */

/* Relays a member, as a chat does. */
static int relay(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    yodel_document *document = NULL;
    json_t *value;

    result = yodel_ws_unpack(message, &document, "{s:o}", "message", &value);
    if (result == 0)
        result = yodel_ws_send_pack(ws, "{s:O}", "message", value);
    else
        assert_null(document);
    yodel_document_free(document);
    return 0;
}

/* The same with documents. */
static int relay_document(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    json_t *json = NULL;

    result = yodel_ws_message_json(message, &json);
    if (result == 0)
        result = yodel_ws_send_json(ws, json);
    else
        assert_null(json);
    json_decref(json);
    return 0;
}

static int start(void)
{
    int rc = ws_sim_start(&sim, &fm.mem);

    if (rc == 0)
        rc = yd_ws_route(&sim.service, &sim.hs.http, "/doc",
                         YODEL_OPTIONS(yodel_ws_handlers, .on_message = relay_document), NULL);
    return rc < 0 ? rc
                  : yd_ws_route(&sim.service, &sim.hs.http, "/ws",
                                YODEL_OPTIONS(yodel_ws_handlers, .on_message = relay), NULL);
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    return start();
}

static int teardown(void **state)
{
    ws_sim_stop(&sim);
    failmem_assert_empty(&fm);
    return 0;
}

static void test_ws_json_relays_every_value(void **state)
{
    static const char *const texts[][2] = {
        {"{\"message\":12345678901234567890}", "{\"message\":12345678901234567000.0}"},
        {"{\"message\":1e400}", "{\"message\":1.7976931348623157e+308}"},
        {"{\"message\":\"\\ud83d\"}", "{\"message\":\"\xef\xbf\xbd\"}"},
        {"{\"message\":\"a\\u0000b\"}", "{\"message\":\"a\\u0000b\"}"},
        {"{\"message\":{\"k\\u0000\":[0.1,true]}}", "{\"message\":{\"k\\u0000\":[0.1,true]}}"},
    };
    struct sim_peer *peer = ws_sim_open(&sim, "/ws"), *other = ws_sim_open(&sim, "/doc");

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ws_sim_text(peer, texts[i][0]);
        sim_run(sim.hs.loop);
        assert_int_equal(result, 0);
        ws_sim_expect_text(peer, texts[i][1]);
        ws_sim_text(other, texts[i][0]);
        sim_run(sim.hs.loop);
        assert_int_equal(result, 0);
        ws_sim_expect_text(other, texts[i][1]);
    }
}

static void test_ws_json_refuses_what_is_none(void **state)
{
    struct sim_peer *peer = ws_sim_open(&sim, "/ws");

    ws_sim_text(peer, "{\"message\":1");
    sim_run(sim.hs.loop);
    assert_int_equal(result, YODEL_ERR_FORMAT);
    ws_sim_text(peer, "{}");
    sim_run(sim.hs.loop);
    assert_int_equal(result, YODEL_ERR_FORMAT);
    ws_sim_expect_nothing(peer);
    peer = ws_sim_open(&sim, "/doc");
    ws_sim_text(peer, "{\"message\":1");
    sim_run(sim.hs.loop);
    assert_int_equal(result, YODEL_ERR_FORMAT);
    ws_sim_expect_nothing(peer);
}

#define LONG                                                                                       \
    "{\"message\":{\"text\":\"x\\ny, long enough for a second block of text and a third\"}}"

/* The whole value is relayed, or -ENOMEM says that it was not: never that it is no JSON. */
static void test_ws_json_without_memory(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        struct ws_sim_frame frame = {0};
        struct sim_peer *peer;
        bool came;

        failmem_pause(&fm);
        assert_int_equal(start(), 0);
        peer = ws_sim_open(&sim, "/ws");
        result = -ENOMEM; /* when there is no message */
        ws_sim_text(peer, LONG);
        failmem_serve_jansson(&fm);
        failmem_resume(&fm);
        sim_run(sim.hs.loop);
        failmem_pause(&fm);
        failmem_serve_jansson(NULL);
        came = ws_sim_next(peer, &frame) && frame.first_byte == 0x81;
        failmem_assert_whole(
            &fm, result,
            came && frame.len == strlen(LONG) && memcmp(frame.data, LONG, frame.len) == 0, !came);
        ws_sim_stop(&sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_ws_json_relays_every_value),
        FIXTURE_TEST(test_ws_json_refuses_what_is_none),
        TEARDOWN_TEST(test_ws_json_without_memory),
    };

    return cmocka_run_group_tests_name("ws_json", tests, NULL, NULL);
}
