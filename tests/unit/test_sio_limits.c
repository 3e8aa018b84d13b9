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
    yodel_sio_socket_disconnect(sim->socket, 0);
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
    yodel_sio_namespace *ns = sio_sim_of(sim->sio, "/chat");
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
    assert_int_equal(yodel_sio_event_answer(event, "s", "short"), 0);
}

static void answer_binary(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes data = {(const uint8_t *)"abc", 3};
    yodel_sio_args args = {
        sizeof args,
        YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"),
        &data,
        1,
    };

    assert_int_equal(yodel_sio_event_answer_args(event, &args), 0);
}

static void test_sio_limits_let_an_answer_pass(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;

    assert_int_equal(yodel_sio_namespace_on(sim->ns, "short", answer_short, NULL), 0);
    congest(sim, &client);
    sio_sim_say(&client, "27[\"short\"]");
    expect_after_much(&client, "37[\"short\"]");
    sio_sim_expect_nothing(&client);
}

static void test_sio_limits_let_a_binary_answer_pass(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;

    assert_int_equal(yodel_sio_namespace_on(sim->ns, "binary", answer_binary, NULL), 0);
    congest(sim, &client);
    sio_sim_say(&client, "28[\"binary\"]");
    expect_after_much(&client, "61-8[{\"_placeholder\":true,\"num\":0}]");
    sio_sim_expect_binary(&client, "abc", 3);
    sio_sim_expect_nothing(&client);
}

/* ---- namespaces ---- */

static void count_name(yodel_str name, void *user)
{
    sio_sim_tell(user, "%zu ", name.len);
}

static void expect_names(struct sio_sim *sim, const char *lengths)
{
    sim->base.told.len = 0;
    yodel_sio_each_namespace(sim->sio, count_name, sim);
    sio_sim_expect_told(sim, lengths);
}

/* A client cannot leave more behind than it has. */
static void test_sio_limits_let_empty_children_go(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;
    char name[20];

    assert_non_null(sio_sim_of_pattern(sim->sio, "/dyn.*"));
    sio_sim_connect(sim, 0, &client);
    for (int i = 0; i < 150; i++) {
        (void)snprintf(name, sizeof name, "/dyn%d", i);
        sio_sim_join(&client, name, "");
        (void)snprintf(name, sizeof name, "1/dyn%d,", i);
        sio_sim_say(&client, name);
    }
    sio_sim_join(&client, "/dyn", "");
    expect_names(sim, "1 4 ");
    sio_sim_leave(&client);
    expect_names(sim, "1 ");
}

static void test_sio_limits_bound_a_name(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;
    char name[257], packet[400];

    assert_non_null(sio_sim_of_pattern(sim->sio, "/x+"));
    memset(name, 'x', sizeof name);
    name[0] = '/';
    name[256] = '\0';
    assert_null(sio_sim_of(sim->sio, name));
    sio_sim_connect(sim, 0, &client);
    (void)snprintf(packet, sizeof packet, "0%s,", name);
    sio_sim_say(&client, packet);
    (void)snprintf(packet, sizeof packet, "4%s,{\"message\":\"Invalid namespace\"}", name);
    sio_sim_expect(&client, packet);
    name[255] = '\0';
    sio_sim_join(&client, name, "");
    assert_non_null(sio_sim_of(sim->sio, name));
}

static void test_sio_limits_bound_children(void **state)
{
    yodel_sio_stats stats = {.size = sizeof stats};
    struct sio_sim *sim = *state;
    yodel_sio_options options;
    struct sio_client client;

    sio_sim_stop(sim);
    sio_sim_options(&options);
    options.max_children = 2;
    assert_int_equal(sio_sim_start(sim, &yd_mem_default, 1, &options), 0);
    assert_non_null(sio_sim_of_pattern(sim->sio, "/a.*"));
    assert_non_null(sio_sim_of_pattern(sim->sio, "/b.*"));
    sio_sim_connect(sim, 0, &client);
    sio_sim_join(&client, "/a1", "");
    sio_sim_join(&client, "/a2", "");
    sio_sim_say(&client, "0/a3,");
    sio_sim_expect(&client, "4/a3,{\"message\":\"Too many namespaces\"}");
    assert_int_equal(yodel_sio_get_stats(sim->sio, &stats), 0);
    assert_int_equal(stats.children_refused, 1);
    assert_int_equal(stats.clients, 1);
    sio_sim_join(&client, "/b1", ""); /* of another parent */
    sio_sim_say(&client, "1/a1,");
    sio_sim_join(&client, "/a3", "");
    stats.size = 0;
    assert_int_equal(yodel_sio_get_stats(sim->sio, &stats), -EINVAL);
}

/* Nothing matches, in more ways than there is time for. */
static void test_sio_limits_bound_a_match(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;
    clock_t begun;

    assert_non_null(sio_sim_of_pattern(sim->sio, "/(a+)+[bc]"));
    sio_sim_open(sim, 0, &client);
    begun = clock();
    sio_sim_say(&client, "0/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,");
    assert_true(clock() - begun < CLOCKS_PER_SEC / 20);
    sio_sim_expect(&client, "4/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,"
                            "{\"message\":\"Invalid namespace\"}");
}

/* ---- packets in parts ---- */

static void expect_stats(struct sio_sim *sim, uint64_t too_big, uint64_t attachments_late)
{
    yodel_sio_stats stats = {.size = sizeof stats};

    assert_int_equal(yodel_sio_get_stats(sim->sio, &stats), 0);
    assert_int_equal(stats.too_big, too_big);
    assert_int_equal(stats.attachments_late, attachments_late);
}

static void test_sio_limits_bound_a_packet_with_its_attachments(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;
    char part[600] = {0};

    sio_sim_connect(sim, 0, &client);
    sio_sim_say(&client, "55-[\"a\"]");
    for (int i = 0; i < 3; i++)
        sio_sim_say_binary(&client, part, sizeof part);
    sio_sim_expect_nothing(&client);
    sio_sim_say_binary(&client, part, sizeof part);
    sio_sim_expect_closed(&client);
    sio_sim_expect_told(sim, "disconnecting forced close;disconnect forced close;");
    expect_stats(sim, 1, 0);
}

static void test_sio_limits_wait_for_attachments_for_a_while(void **state)
{
    struct sio_sim *sim = *state;
    struct sio_client client;

    sio_sim_connect(sim, 0, &client);
    sio_sim_say(&client, "53-[\"a\"]");
    sio_sim_advance(sim, 44000);
    sio_sim_say_binary(&client, "1", 1);
    sio_sim_advance(sim, 44000);
    sio_sim_expect_nothing(&client);
    sio_sim_advance(sim, 1000);
    sio_sim_expect_closed(&client);
    sio_sim_expect_told(sim, "disconnecting forced close;disconnect forced close;");
    expect_stats(sim, 0, 1);
}

/* Of one that takes its time, bytes are coming. */
static void test_sio_limits_wait_for_a_slow_attachment(void **state)
{
    static const uint8_t head[] = {0x82, 0x84, 0, 0, 0, 0}; /* binary, masked with zeros, 4 bytes */
    struct sio_sim *sim = *state;
    struct sio_client client;

    sio_sim_connect(sim, 0, &client);
    sio_sim_say(&client, "51-[\"a\",{\"_placeholder\":true,\"num\":0}]");
    sio_sim_advance(sim, 30000);
    sim_send(client.peer, head, sizeof head);
    for (int i = 0; i < 3; i++) {
        sio_sim_advance(sim, 20000);
        sim_send(client.peer, "x", 1);
    }
    sio_sim_advance(sim, 5000);
    expect_stats(sim, 0, 0);
    sio_sim_expect_told(sim, "");
    sio_sim_advance(sim, 40000);
    expect_stats(sim, 0, 1);
}

/* ---- events ahead of the answer to CONNECT ---- */

static yodel_decision *waiting[4];
static int num_waiting;

static int wait_on(yodel_sio_socket *socket, void *user)
{
    waiting[num_waiting++] = yodel_sio_socket_defer(socket);
    return YODEL_DEFER;
}

static void test_sio_limits_bound_early_events_of_a_client(void **state)
{
    static const char *const names[] = {"/a", "/b", "/c", "/d"};
    struct sio_sim *sim = *state;
    struct sio_client client;
    char packet[700];

    num_waiting = 0;
    sio_sim_open(sim, 0, &client);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(yodel_sio_namespace_use(sio_sim_of(sim->sio, names[i]), wait_on, NULL), 0);
        (void)snprintf(packet, sizeof packet, "0%s,", names[i]);
        sio_sim_say(&client, packet);
    }
    memset(packet, 'x', sizeof packet);
    memcpy(packet, "2/a,[\"", 6);
    strcpy(packet + sizeof packet - 3, "\"]");
    sio_sim_say(&client, packet);
    packet[2] = 'b';
    sio_sim_say(&client, packet);
    sio_sim_expect_nothing(&client);
    packet[2] = 'c';
    sio_sim_say(&client, packet);
    sio_sim_expect_closed(&client);
    expect_stats(sim, 1, 0);
    while (num_waiting > 0)
        yodel_decision_unref(waiting[--num_waiting]);
    sio_sim_run(sim);
}

/* ---- lost clients ---- */

static void expect_lost(struct sio_sim *sim, uint64_t lost, uint64_t forgotten)
{
    yodel_sio_stats stats = {.size = sizeof stats};

    assert_int_equal(yodel_sio_get_stats(sim->sio, &stats), 0);
    assert_int_equal(stats.lost, lost);
    assert_int_equal(stats.lost_forgotten, forgotten);
}

static bool comes_back(struct sio_sim *sim, const struct sio_client *lost)
{
    struct sio_client client;
    char auth[100];

    (void)snprintf(auth, sizeof auth, "{\"pid\":\"%s\"}", lost->pid);
    sio_sim_open(sim, 0, &client);
    sio_sim_join(&client, "/", auth);
    return strcmp(client.sid, lost->sid) == 0;
}

static void test_sio_limits_forget_the_oldest_lost(void **state)
{
    struct sio_sim *sim = *state;
    yodel_sio_options options;
    struct sio_client clients[4];

    sio_sim_stop(sim);
    sio_sim_options(&options);
    options.recovery_ms = 1000;
    options.max_lost = 2;
    assert_int_equal(sio_sim_start(sim, &yd_mem_default, 1, &options), 0);
    for (int i = 0; i < 4; i++)
        sio_sim_connect(sim, 0, &clients[i]);
    sio_sim_leave(&clients[1]);
    sio_sim_leave(&clients[0]);
    expect_lost(sim, 2, 0);
    sio_sim_leave(&clients[2]);
    expect_lost(sim, 2, 1);
    assert_true(comes_back(sim, &clients[0]));
    assert_false(comes_back(sim, &clients[1]));
    expect_lost(sim, 1, 1);
    sio_sim_leave(&clients[3]); /* there is room again */
    assert_true(comes_back(sim, &clients[2]));
    assert_true(comes_back(sim, &clients[3]));
    expect_lost(sim, 0, 1);
}

/* All at once, and the end of the service with some that are being forgotten. */
static void test_sio_limits_forget_many_lost(void **state)
{
    struct sio_sim *sim = *state;
    yodel_sio_options options;
    struct sio_client clients[20];

    sio_sim_stop(sim);
    sio_sim_options(&options);
    options.recovery_ms = 1000;
    options.max_lost = 1;
    assert_int_equal(sio_sim_start(sim, &yd_mem_default, 1, &options), 0);
    for (int i = 0; i < 20; i++)
        sio_sim_connect(sim, 0, &clients[i]);
    for (int i = 0; i < 20; i++)
        sim_end(clients[i].peer);
    sio_sim_run(sim);
    expect_lost(sim, 1, 19);
    sio_sim_advance(sim, 1000);
    expect_lost(sim, 0, 19);
}

/* ---- answers that are collected ---- */

static void tell_answers(const yodel_sio_answers *answers, void *user)
{
    sio_sim_tell(user, "%s %zu;", yodel_strerror(answers->result), answers->json.len);
}

static void ask_all(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_sio_emit_ack(yodel_sio_to_all(sim->ns), "ask", NULL, tell_answers, sim),
                     0);
}

static void test_sio_limits_bound_collected_answers(void **state)
{
    struct sio_sim *sim = *state;
    yodel_sio_stats stats = {.size = sizeof stats};
    yodel_sio_options options;
    struct sio_client clients[3];
    char packet[1010];

    sio_sim_stop(sim);
    sio_sim_options(&options);
    options.max_answers = 2100;
    assert_int_equal(sio_sim_start(sim, &yd_mem_default, 1, &options), 0);
    for (int i = 0; i < 3; i++)
        sio_sim_connect(sim, 0, &clients[i]);
    sio_sim_on_loop(sim, 0, ask_all, NULL);
    memset(packet, 'x', sizeof packet);
    memcpy(packet, "30[\"", 4);
    strcpy(packet + sizeof packet - 3, "\"]");
    for (int i = 0; i < 3; i++) {
        sio_sim_expect(&clients[i], "20[\"ask\"]");
        sio_sim_say(&clients[i], packet);
    }
    sio_sim_expect_told(sim, "larger than the configured limit 2013;"); /* two */
    assert_int_equal(yodel_sio_get_stats(sim->sio, &stats), 0);
    assert_int_equal(stats.answers_dropped, 1);
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
        cmocka_unit_test_setup_teardown(test_sio_limits_let_empty_children_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_bound_a_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_bound_children, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_bound_a_match, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_bound_a_packet_with_its_attachments, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_wait_for_attachments_for_a_while, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_wait_for_a_slow_attachment, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_bound_early_events_of_a_client, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_forget_the_oldest_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_forget_many_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sio_limits_bound_collected_answers, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
