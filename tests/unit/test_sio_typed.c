/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "sio_sim.h"

/* Arguments that are no text of JSON: strings, documents, binary; on the way out and in. */

static struct world {
    struct sio_sim sim;
    struct sio_client client;
    int calls, rc;
} world;

static int setup(void **state)
{
    memset(&world, 0, sizeof world);
    if (sio_sim_start(&world.sim, &yd_mem_default, 1, NULL) < 0)
        return -1;
    sio_sim_connect(&world.sim, 0, &world.client);
    return 0;
}

static int teardown(void **state)
{
    sio_sim_stop(&world.sim);
    return 0;
}

static yodel_bytes bytes_of(const char *text)
{
    return (yodel_bytes){(const uint8_t *)text, strlen(text)};
}

#define PLACE(num) "{\"_placeholder\":true,\"num\":" num "}"

static void test_sio_typed_emits_carry_what_they_say(void **state)
{
    yodel_sio_target all = yodel_sio_to_all(world.sim.ns);
    json_t *array = json_pack("[s{s:i}]", "a", "n", 1);
    json_t *object = json_object(), *empty = json_array();

    assert_int_equal(yodel_sio_emit_text(all, "e", YODEL_STR("a\"b\0c")), 0);
    assert_int_equal(yodel_sio_emit_text(all, "e", YODEL_STR("")), 0);
    assert_int_equal(yodel_sio_emit_json(all, "e", array), 0);
    assert_int_equal(yodel_sio_emit_json(all, "e", empty), 0);
    assert_int_equal(yodel_sio_emit_bytes(all, "e", bytes_of("abc")), 0);
    assert_int_equal(yodel_sio_emit_bytes(all, "e", (yodel_bytes){NULL, 0}), 0);
    assert_int_equal(yodel_sio_emit(all, "e", "y{s:[y]}i", bytes_of("x"), "k", bytes_of("yz"), 5),
                     0);
    sio_sim_run(&world.sim);
    sio_sim_expect(&world.client, "2[\"e\",\"a\\\"b\\u0000c\"]");
    sio_sim_expect(&world.client, "2[\"e\",\"\"]");
    sio_sim_expect(&world.client, "2[\"e\",\"a\",{\"n\":1}]");
    sio_sim_expect(&world.client, "2[\"e\"]");
    sio_sim_expect(&world.client, "51-[\"e\"," PLACE("0") "]");
    sio_sim_expect_binary(&world.client, "abc", 3);
    sio_sim_expect(&world.client, "51-[\"e\"," PLACE("0") "]");
    sio_sim_expect_binary(&world.client, "", 0);
    sio_sim_expect(&world.client, "52-[\"e\"," PLACE("0") ",{\"k\":[" PLACE("1") "]},5]");
    sio_sim_expect_binary(&world.client, "x", 1);
    sio_sim_expect_binary(&world.client, "yz", 2);
    assert_int_equal(yodel_sio_emit_text(all, "e", YODEL_STR("\xff")), YODEL_ERR_ENCODING);
    assert_int_equal(yodel_sio_emit_json(all, "e", object), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_sio_emit_json(all, "e", NULL), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_sio_emit_text(all, "connect", YODEL_STR("")), YODEL_ERR_NAME);
    sio_sim_run(&world.sim);
    sio_sim_expect_nothing(&world.client);
    json_decref(array);
    json_decref(object);
    json_decref(empty);
}

/* Eleven are too many, and a document that looks like an attachment that is not there is refused;
 * both take what "o" gives. */
static void test_sio_typed_binary_has_limits(void **state)
{
    yodel_sio_target all = yodel_sio_to_all(world.sim.ns);
    yodel_bytes b = bytes_of("b");
    json_t *fake = yodel_sio_binary(7);

    assert_int_equal(yodel_sio_emit(all, "e", "yyyyyyyyyy", b, b, b, b, b, b, b, b, b, b), 0);
    assert_int_equal(yodel_sio_emit(all, "e", "yyyyyyyyyyyo", b, b, b, b, b, b, b, b, b, b, b,
                                    json_incref(fake)),
                     YODEL_ERR_TOO_BIG);
    assert_int_equal(fake->refcount, 1);
    assert_int_equal(yodel_sio_emit(all, "e", "yo", b, json_incref(fake)), YODEL_ERR_FORMAT);
    assert_int_equal(fake->refcount, 1);
    json_decref(fake);
    sio_sim_run(&world.sim);
    assert_non_null(sio_sim_next(&world.client));
    for (int i = 0; i < 10; i++)
        sio_sim_expect_binary(&world.client, "b", 1);
    sio_sim_expect_nothing(&world.client);
}

/* ---- what comes in ---- */

static void on_event(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes one = {NULL, 0}, two = {NULL, 0};
    const char *text = NULL;

    world.calls++;
    world.rc = yodel_sio_event_unpack(event, "sy{s:y}", &text, &one, "k", &two);
    if (world.rc < 0) {
        assert_true(text == NULL && one.ptr == NULL && two.ptr == NULL);
        return;
    }
    assert_int_equal(yodel_sio_event_num_args(event), 3);
    assert_string_equal(text, "t");
    assert_int_equal(one.len, 2);
    assert_memory_equal(one.ptr, "ab", 2);
    assert_int_equal(two.len, 1);
    assert_memory_equal(two.ptr, "c", 1);
    (void)yodel_sio_event_answer(event, "yi", one, 3);
}

static void test_sio_typed_binary_is_unpacked(void **state)
{
    assert_int_equal(yodel_sio_namespace_on(world.sim.ns, "e", on_event, NULL), 0);
    sio_sim_say(&world.client, "52-7[\"e\",\"t\"," PLACE("0") ",{\"k\":" PLACE("1") "}]");
    sio_sim_say_binary(&world.client, "ab", 2);
    sio_sim_say_binary(&world.client, "c", 1);
    assert_int_equal(world.calls, 1);
    assert_int_equal(world.rc, 0);
    sio_sim_expect(&world.client, "61-7[" PLACE("0") ",3]");
    sio_sim_expect_binary(&world.client, "ab", 2);
    sio_sim_say(&world.client, "2[\"e\",\"t\"," PLACE("0") ",{\"k\":" PLACE("1") "}]"); /* a lie */
    assert_int_equal(world.rc, YODEL_ERR_FORMAT);
    sio_sim_say(&world.client, "2[\"e\",\"t\",{\"_placeholder\":true},{\"k\":1}]");
    assert_int_equal(world.rc, YODEL_ERR_FORMAT);
    sio_sim_say(&world.client, "2[\"e\"]");
    assert_int_equal(world.calls, 4);
    assert_int_equal(world.rc, YODEL_ERR_FORMAT);
}

/* ---- answers ---- */

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    yodel_bytes data;
    json_t *again;
    int number = 0;

    world.calls++;
    world.rc = answers->result;
    if (answers->result < 0)
        return;
    world.rc = yodel_sio_answers_unpack(answers, "iy", &number, &data);
    if (world.rc < 0)
        return;
    assert_int_equal(number, 4);
    assert_int_equal(data.len, 3);
    assert_memory_equal(data.ptr, "xyz", 3);
    assert_int_equal(yodel_sio_answers_unpack(answers, "s", &data), YODEL_ERR_FORMAT);
    assert_non_null(again = yodel_sio_answers_json(answers));
    assert_ptr_equal(again, yodel_sio_answers_json(answers));
    assert_int_equal(json_array_size(again), 2);
}

static void ask(struct sio_sim *sim, void *rc)
{
    *(int *)rc = yodel_sio_emit_ack_pack(yodel_sio_to(sim->socket), "ask", on_answers, NULL, "sy",
                                         "q", bytes_of("b"));
}

static void test_sio_typed_answers_are_unpacked(void **state)
{
    int rc = -1;

    sio_sim_on_loop(&world.sim, 0, ask, &rc);
    assert_int_equal(rc, 0);
    sio_sim_expect(&world.client, "51-0[\"ask\",\"q\"," PLACE("0") "]");
    sio_sim_expect_binary(&world.client, "b", 1);
    sio_sim_say(&world.client, "61-0[4," PLACE("0") "]");
    sio_sim_say_binary(&world.client, "xyz", 3);
    assert_int_equal(world.calls, 1);
    assert_int_equal(world.rc, 0);
    assert_int_equal(
        yodel_sio_emit_ack_pack(yodel_sio_to_all(world.sim.ns), "ask", on_answers, NULL, "s", NULL),
        YODEL_ERR_FORMAT);
    assert_int_equal(world.calls, 1);
}

/* ---- without memory ---- */

/* A client gets an event and is told, or there is an error and it gets nothing. */
static void test_sio_typed_emits_are_whole(void **state)
{
    struct sio_client client;
    struct sio_sim sim;
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        json_t *array = json_pack("[s]", "a");
        int rc[4] = {-1, -1, -1, -1}, sent = 0;

        if (sio_sim_start(&sim, &fm.mem, 1, NULL) == 0) {
            yodel_sio_target all = yodel_sio_to_all(sim.ns);

            sio_sim_open(&sim, 0, &client);
            sio_sim_say(&client, "0");
            if (sim.socket != NULL && sio_sim_next(&client) != NULL) {
                rc[0] = yodel_sio_emit_text(all, "e", YODEL_STR("t"));
                rc[1] = yodel_sio_emit_json(all, "e", array);
                rc[2] = yodel_sio_emit(all, "e", "yo", bytes_of("b"), json_array());
                rc[3] = yodel_sio_emit_bytes(all, "e", bytes_of("b"));
                sio_sim_run(&sim);
                for (int i = 0; i < 4; i++) {
                    assert_true(rc[i] == 0 || rc[i] == -ENOMEM);
                    sent += rc[i] == 0;
                }
                if (!failmem_has_failed(&fm))
                    assert_int_equal(sent, 4);
            }
            sio_sim_stop(&sim);
        }
        json_decref(array);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_typed_emits_carry_what_they_say),
        FIXTURE_TEST(test_sio_typed_binary_has_limits),
        FIXTURE_TEST(test_sio_typed_binary_is_unpacked),
        FIXTURE_TEST(test_sio_typed_answers_are_unpacked),
        cmocka_unit_test(test_sio_typed_emits_are_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
