/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "failmem.h"
#include "ws_sim.h"

#include <jansson.h>

/* JSON messages: read with yodel_ws_unpack(), written with yodel_ws_send_pack(). */

/* Relays a member, as a chat does; *user is the result of the first call that fails. */
static int relay(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    yodel_document *document = NULL;
    int *result = user;
    json_t *value;

    *result = yodel_ws_unpack(message, &document, "{s:o}", "message", &value);
    if (*result == 0)
        *result = yodel_ws_send_pack(ws, "{s:O}", "message", value);
    else
        assert_null(document);
    yodel_document_free(document);
    return 0;
}

static int start(struct ws_sim *sim, const struct yodel_allocator *mem, int *result)
{
    int rc = ws_sim_start(sim, mem);

    if (rc < 0)
        return rc;
    rc = yd_ws_route(&sim->service, &sim->hs.http, "/ws",
                     YODEL_OPTIONS(yodel_ws_handlers, .on_message = relay), result);
    if (rc < 0)
        ws_sim_stop(sim);
    return rc;
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
    struct sim_peer *peer;
    struct ws_sim sim;
    int result;

    assert_int_equal(start(&sim, &yd_mem_default, &result), 0);
    peer = ws_sim_open(&sim, "/ws");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ws_sim_text(peer, texts[i][0]);
        sim_run(sim.hs.loop);
        assert_int_equal(result, 0);
        ws_sim_expect_text(peer, texts[i][1]);
    }
    ws_sim_stop(&sim);
}

static void test_ws_json_refuses_what_is_none(void **state)
{
    struct sim_peer *peer;
    struct ws_sim sim;
    int result;

    assert_int_equal(start(&sim, &yd_mem_default, &result), 0);
    peer = ws_sim_open(&sim, "/ws");
    ws_sim_text(peer, "{\"message\":1");
    sim_run(sim.hs.loop);
    assert_int_equal(result, YODEL_ERR_FORMAT);
    ws_sim_text(peer, "{}");
    sim_run(sim.hs.loop);
    assert_int_equal(result, YODEL_ERR_FORMAT);
    ws_sim_expect_nothing(peer);
    ws_sim_stop(&sim);
}

/* The whole value is relayed, or -ENOMEM says that it was not: never that it is no JSON. */
static void test_ws_json_without_memory(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct sim_peer *peer;
        struct ws_sim sim;
        int result = 1;

        if (start(&sim, &fm.mem, &result) < 0)
            continue;
        peer = ws_sim_connect(&sim, "/ws", "");
        if (http_sim_count(peer, "HTTP/1.1 101") == 1) {
            sim_forget(peer);
            failmem_serve_jansson(&fm);
            ws_sim_text(peer, "{\"message\":{\"text\":\"x\\ny, long enough for a second block of "
                              "text and a third\"}}");
            sim_run(sim.hs.loop);
            failmem_serve_jansson(NULL);
            if (result == 0 && !failmem_has_failed(&fm))
                ws_sim_expect_text(peer, "{\"message\":{\"text\":\"x\\ny, long enough for a second "
                                         "block of text and a third\"}}");
            assert_true(result == 0 || result == -ENOMEM || result == 1);
        }
        ws_sim_stop(&sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_json_relays_every_value),
        cmocka_unit_test(test_ws_json_refuses_what_is_none),
        cmocka_unit_test(test_ws_json_without_memory),
    };

    return cmocka_run_group_tests_name("ws_json", tests, NULL, NULL);
}
