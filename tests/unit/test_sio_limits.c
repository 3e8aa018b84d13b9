/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sio_sim.h"

/* What a client that does not read, or asks for too much, gets and costs. */

static int set_up(void **state)
{
    struct sio_sim *sim = malloc(sizeof *sim);

    *state = sim;
    return sim != NULL ? sio_sim_start(sim, &yd_mem_default, 1, NULL) : -1;
}

static int tear_down(void **state)
{
    sio_sim_stop(*state);
    free(*state);
    return 0;
}

/* ---- above the mark of the output ---- */

static void emit_too_much(struct sio_sim *sim, void *arg)
{
    char text[500];
    int rc = 0;

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    while (rc == 0)
        rc = yodel_sio_emit(yodel_sio_to(sim->socket), "much", "s", text);
    assert_int_equal(rc, YODEL_ERR_CONGESTED);
}

/* A client that has stopped reading, with all the output that it may have. */
static void congest(struct sio_sim *sim, struct sio_client *client)
{
    sio_sim_connect(sim, 0, client);
    client->peer->window = 0;
    sio_sim_on_loop(sim, 0, emit_too_much, NULL);
}

/* It reads again: what comes after the events. */
static void expect_after_much(struct sio_client *client, const char *expected)
{
    const char *packet = "";

    client->peer->window = SIZE_MAX;
    sio_sim_run(client->sim);
    for (packet = sio_sim_next(client); packet != NULL && strncmp(packet, "2[\"much", 7) == 0;)
        packet = sio_sim_next(client);
    assert_non_null(packet);
    assert_memory_equal(packet, expected, strlen(expected));
}

static void disconnect(struct sio_sim *sim, void *arg)
{
    yodel_sio_disconnect(sim->socket, 0);
}

static void test_sio_limits_let_a_disconnect_pass(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;

    congest(sim, &client);
    sio_sim_on_loop(sim, 0, disconnect, NULL);
    sio_sim_expect_told(sim, "disconnecting server namespace disconnect;"
                             "disconnect server namespace disconnect;");
    expect_after_much(&client, "1");
    sio_sim_expect_nothing(&client);
}

static void test_sio_limits_let_a_refused_connect_pass(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;

    congest(sim, &client);
    sio_sim_say(&client, "0/nowhere,");
    expect_after_much(&client, "4/nowhere,{\"message\":\"Invalid namespace\"}");
    sio_sim_expect_nothing(&client);
}

static void test_sio_limits_let_a_connect_pass(void **state)
{
    struct sio_sim *sim = *state;
    yodel_sio_namespace *ns = yodel_sio_of(sim->sio, "/chat");
    struct sio_client client;

    assert_int_equal(sio_sim_handle(sim, ns), 0);
    congest(sim, &client);
    sio_sim_say(&client, "0/chat,");
    sio_sim_expect_told(sim, "connection /chat;");
    expect_after_much(&client, "0/chat,{\"sid\":");
    sio_sim_expect_nothing(&client);
}

/* ---- answers ---- */

static void answer_short(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    assert_int_equal(yodel_sio_answer(yodel_sio_event_ack(event), "s", "short"), 0);
}

static void answer_binary(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes data = {(const uint8_t *)"abc", 3};
    yodel_sio_args args = {
        YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"),
        &data,
        1,
    };

    assert_int_equal(yodel_sio_answer_args(yodel_sio_event_ack(event), &args), 0);
}

static void test_sio_limits_let_an_answer_pass(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;

    assert_int_equal(yodel_sio_on(sim->ns, "short", answer_short, NULL), 0);
    congest(sim, &client);
    sio_sim_say(&client, "27[\"short\"]");
    expect_after_much(&client, "37[\"short\"]");
    sio_sim_expect_nothing(&client);
}

static void test_sio_limits_let_a_binary_answer_pass(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;

    assert_int_equal(yodel_sio_on(sim->ns, "binary", answer_binary, NULL), 0);
    congest(sim, &client);
    sio_sim_say(&client, "28[\"binary\"]");
    expect_after_much(&client, "61-8[{\"_placeholder\":true,\"num\":0}]");
    sio_sim_expect_binary(&client, "abc", 3);
    sio_sim_expect_nothing(&client);
}

/* ---- namespaces ---- */

/* Nothing matches, in more ways than there is time for. */
static void test_sio_limits_bound_a_match(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;
    clock_t begun;

    assert_non_null(yodel_sio_of_pattern(sim->sio, "/(a+)+[bc]"));
    sio_sim_open(sim, 0, &client);
    begun = clock();
    sio_sim_say(&client, "0/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,");
    assert_true(clock() - begun < CLOCKS_PER_SEC / 20);
    sio_sim_expect(&client, "4/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,"
                            "{\"message\":\"Invalid namespace\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sio_limits_let_a_disconnect_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_let_a_refused_connect_pass, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_let_a_connect_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_let_an_answer_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_let_a_binary_answer_pass, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_bound_a_match, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
