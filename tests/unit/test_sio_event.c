/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "proto/json_scan.h"
#include "sio_sim.h"

/* Events that come in and their answers; answers that are waited for; the MessagePack parser. */

static struct failmem fm;
static struct sio_sim sim;
static struct sio_client client;

static yodel_decision *kept;

static void on_show(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)socket;
    sio_sim_tell(&sim, "%" YODEL_PRI "%" YODEL_PRI, YODEL_ARG(yodel_sio_event_name(event)),
                 YODEL_ARG(yodel_sio_event_args(event)));
    for (size_t i = 0; yodel_sio_event_arg(event, i).ptr != NULL; i++)
        sio_sim_tell(&sim, "|%" YODEL_PRI, YODEL_ARG(yodel_sio_event_arg(event, i)));
    for (size_t i = 0; i < yodel_sio_event_num_attachments(event); i++)
        sio_sim_tell(&sim, "+%zu", yodel_sio_event_attachment(event, i).len);
    assert_null(yodel_sio_event_attachment(event, 10).ptr);
    assert_int_equal(json_array_size(yodel_sio_event_json(event)),
                     yd_json_count(yd_json_array(yodel_sio_event_args(event))));
    sio_sim_tell(&sim, ";");
}

static void on_note(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)event;
    sio_sim_tell(yodel_sio_socket_data(socket), "%s;", (const char *)user);
}

static int check(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_str name = yodel_sio_event_name(event);

    (void)user;
    if (yodel_str_eq(name, YODEL_STR("kick")))
        yodel_sio_socket_disconnect(socket, 0);
    return yodel_str_eq(name, YODEL_STR("secret")) ? yodel_sio_event_refuse(event, "not allowed")
                                                   : 0;
}

static void on_answer(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const char *text = NULL;
    int number = 0;

    (void)socket;
    (void)user;
    if (yodel_sio_event_unpack(event, "s{s:i}", &text, "n", &number) == 0)
        assert_int_equal(yodel_sio_event_answer(event, "si", text, number + 1), 0);
    else
        assert_int_equal(yodel_sio_event_answer(event, ""), 0);
    assert_null(yodel_sio_event_ack(event)); /* once */
}

static void on_keep(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)socket;
    (void)user;
    yodel_decision_unref(kept); /* the one before */
    kept = yodel_sio_event_ack(event);
    assert_non_null(kept);
    assert_null(yodel_sio_event_ack(event)); /* once */
    assert_int_equal(yodel_sio_event_answer(event, ""), YODEL_ERR_STATE);
}

static void on_ignore(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)socket;
    (void)user;
    (void)event;
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    sim.socket = socket;
    yodel_sio_socket_set_data(socket, &sim, NULL);
}

static void on_error(yodel_sio_socket *socket, const char *message, void *user)
{
    (void)socket;
    sio_sim_tell(user, "error %s;", message);
}

static void on_any(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)socket;
    sio_sim_tell(user, "any %" YODEL_PRI ";", YODEL_ARG(yodel_sio_event_name(event)));
}

static void on_unhandled(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)socket;
    sio_sim_tell(user, "unhandled %" YODEL_PRI ";", YODEL_ARG(yodel_sio_event_name(event)));
}

static void start_with(const yodel_sio_options *options)
{
    yodel_sio_handlers handlers = {.size = sizeof handlers,
                                   .on_connection = on_connection,
                                   .on_any = on_any,
                                   .on_unhandled = on_unhandled,
                                   .on_error = on_error};

    failmem_init(&fm, 0);
    assert_int_equal(sio_sim_start(&sim, &fm.mem, 1, options), 0);
    assert_int_equal(yodel_sio_namespace_handle(sim.ns, &handlers, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "show", on_show, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "q\"\\\n", on_show, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "7", on_show, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "kick", on_show, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "two", on_note, "first"), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "two", on_note, "second"), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "ask", on_answer, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "keep", on_keep, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "ignore", on_ignore, &sim), 0);
    assert_int_equal(yodel_sio_namespace_use_event(sim.ns, check, &sim), 0);
    sio_sim_connect(&sim, 0, &client);
}

static void start(void)
{
    start_with(NULL);
}

static int setup(void **state)
{
    start();
    return 0;
}

static int teardown(void **state)
{
    sio_sim_stop(&sim);
    failmem_assert_empty(&fm);
    return 0;
}

static void expect_event(const char *packet, const char *told)
{
    start();
    sio_sim_say(&client, packet);
    sio_sim_expect_nothing(&client);
    sio_sim_expect_told(&sim, told);
    sio_sim_stop(&sim);
}

static void test_sio_event_reaches_its_handlers(void **state)
{
    expect_event("2[\"show\"]", "any show;show[];");
    expect_event("2[ \"show\" , 1 ,\t{\"a\":[ ]} ]",
                 "any show;show[1 ,\t{\"a\":[ ]} ]|1|{\"a\":[ ]};");
    expect_event("2[\"sho\\u0077\",\"x\"]", "any show;show[\"x\"]|\"x\";");
    expect_event("2[\"q\\\"\\\\\\n\"]", "any q\"\\\n;q\"\\\n[];");
    expect_event("2[7,null]", "any 7;7[null]|null;");
    expect_event("2[\"two\"]", "any two;first;second;");
    expect_event("2[\"other\"]", "any other;unhandled other;");
    expect_event("2[\"\"]", "any ;unhandled ;");
    expect_event("2", "");
    expect_event("25", ""); /* asks for an answer to nothing */
    expect_event("2[\"show\",{\"_placeholder\":true,\"num\":0}]",
                 "any show;show[{\"_placeholder\":true,\"num\":0}]|"
                 "{\"_placeholder\":true,\"num\":0};");
    expect_event("2[\"secret\",1]", "any secret;error not allowed;");
}

static void test_sio_event_stops_where_it_disconnects(void **state)
{
    sio_sim_say(&client, "2[\"kick\"]");
    sio_sim_expect(&client, "1");
    sio_sim_expect_told(&sim, "any kick;");
}

static void test_sio_event_has_attachments(void **state)
{
    sio_sim_say(&client, "53-[\"show\",{\"_placeholder\":true,\"num\":2},"
                         "{\"_placeholder\":true,\"num\":2}]");
    sio_sim_say_binary(&client, "a", 1);
    sio_sim_say_binary(&client, "", 0);
    sio_sim_expect_told(&sim, "");
    sio_sim_say_binary(&client, "abcd", 4);
    sio_sim_expect_told(&sim,
                        "any show;show[{\"_placeholder\":true,\"num\":2},"
                        "{\"_placeholder\":true,\"num\":2}]|{\"_placeholder\":true,\"num\":2}|"
                        "{\"_placeholder\":true,\"num\":2}+1+0+4;");
    sio_sim_say(&client, "51-[\"show\"]"); /* and one that never comes */
}

/* ---- once ---- */

static void on_once(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    sio_sim_tell(user, "once %" YODEL_PRI ";", YODEL_ARG(yodel_sio_event_name(event)));
    if (yodel_str_eq(yodel_sio_event_name(event), YODEL_STR("again")))
        assert_int_equal(yodel_sio_socket_once(socket, "again", on_once, user), 0);
}

static void add_onces(struct sio_sim *that, void *arg)
{
    (void)arg;
    assert_int_equal(yodel_sio_socket_once(sim.socket, "a", on_once, &sim), 0);
    assert_int_equal(yodel_sio_socket_once(sim.socket, "again", on_once, &sim), 0);
    assert_int_equal(yodel_sio_socket_once(sim.socket, "a", on_once, &sim), 0);
    assert_int_equal(yodel_sio_socket_once(sim.socket, "connect", on_once, &sim), YODEL_ERR_NAME);
}

static void test_sio_event_is_handled_once(void **state)
{
    sio_sim_on_loop(&sim, 0, add_onces, NULL);
    sio_sim_say(&client, "2[\"a\"]");
    sio_sim_expect_told(&sim, "any a;once a;once a;");
    sio_sim_say(&client, "2[\"a\"]");
    sio_sim_expect_told(&sim, "any a;unhandled a;");
    for (int i = 0; i < 2; i++) {
        sio_sim_say(&client, "2[\"again\"]"); /* what it adds is for the next one */
        sio_sim_expect_told(&sim, "any again;once again;");
    }
}

/* ---- answers to the client ---- */

static void drop_kept(void)
{
    assert_int_equal(yodel_decision_answer(kept, "s", "too late"), YODEL_ERR_CLOSED);
    kept = yodel_decision_unref(kept);
}

static void test_sio_event_is_answered(void **state)
{
    yodel_bytes bytes = {(const uint8_t *)"xyz", 3};
    yodel_sio_args args = {sizeof args, YODEL_STR(" [ {\"_placeholder\":true,\"num\":0}]"), &bytes,
                           1};

    sio_sim_say(&client, "20[\"ask\",\"x\",{\"n\":1}]");
    sio_sim_expect(&client, "30[\"x\",2]");
    sio_sim_say(&client, "2007[\"ask\",true]");
    sio_sim_expect(&client, "37[]");
    sio_sim_say(&client, "2[\"ask\",true]"); /* no one asks: NULL */
    sio_sim_say(&client, "29[\"ignore\"]");
    sio_sim_expect_nothing(&client);
    sio_sim_say(&client, "29007199254740991[\"keep\"]");
    assert_int_equal(yodel_decision_answer_args(kept, &args), 0); /* as from another thread */
    sio_sim_expect_nothing(&client);
    sio_sim_run(&sim);
    sio_sim_expect(&client, "61-9007199254740991[{\"_placeholder\":true,\"num\":0}]");
    sio_sim_expect_binary(&client, "xyz", 3);
    sio_sim_say(&client, "21[\"keep\"]");
    assert_int_equal(yodel_decision_answer(kept, "q"), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_decision_accept(kept, NULL), -EINVAL);
    assert_int_equal(yodel_decision_is_open(kept), 1);
    sio_sim_say(&client, "21[\"keep\"]");
    args.num_attachments = 11;
    assert_int_equal(yodel_decision_answer_args(kept, &args), YODEL_ERR_TOO_BIG);
    sio_sim_say(&client, "21[\"keep\"]");
    sio_sim_leave(&client);
    assert_int_equal(yodel_decision_answer(kept, "s", "gone"), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_decision_answer(NULL, "s", "gone"), 0);
    sio_sim_connect(&sim, 0, &client);
    sio_sim_say(&client, "21[\"keep\"]");
    sim.at_end = drop_kept;
    sio_sim_stop(&sim);
    assert_int_equal(sim.released, 2);
}

/* ---- answers from the client ---- */

static void answered(const yodel_sio_answers *answers, void *user)
{
    sio_sim_tell(user, "%s %" YODEL_PRI,
                 answers->result == 0            ? "ok"
                 : answers->result == -ETIMEDOUT ? "late"
                                                 : yodel_error_name(answers->result),
                 YODEL_ARG(answers->json));
    for (size_t i = 0; i < answers->num_attachments; i++)
        sio_sim_tell(user, "+%.*s", (int)answers->attachments[i].len,
                     (const char *)answers->attachments[i].ptr);
    sio_sim_tell(user, ";");
}

static void ask(struct sio_sim *that, void *arg)
{
    yodel_sio_target target = yodel_sio_target_timeout(yodel_sio_to(sim.socket), 100);
    int *rc = arg;

    *rc = yodel_sio_emit_ack(target, "q", NULL, answered, &sim);
    sio_sim_tell(&sim, "asked;");
}

static void test_sio_event_waits_for_an_answer(void **state)
{
    int rc;

    sio_sim_on_loop(&sim, 0, ask, &rc);
    assert_int_equal(rc, 0);
    sio_sim_expect(&client, "20[\"q\"]");
    sio_sim_say(&client, "3[1]");  /* without an id */
    sio_sim_say(&client, "31[1]"); /* another one's */
    sio_sim_expect_told(&sim, "asked;");
    sio_sim_say(&client, "30[1,\"b\"]");
    sio_sim_say(&client, "30[2]"); /* once more */
    sio_sim_expect_told(&sim, "ok [1,\"b\"];");
    sio_sim_on_loop(&sim, 0, ask, &rc);
    sio_sim_expect(&client, "21[\"q\"]");
    sio_sim_say(&client, "31"); /* with nothing */
    sio_sim_expect_told(&sim, "asked;ok [];");
    sio_sim_on_loop(&sim, 0, ask, &rc);
    sio_sim_expect(&client, "22[\"q\"]");
    sio_sim_say(&client,
                "62-2[{\"_placeholder\":true,\"num\":1},[{\"num\":0,\"_placeholder\":true}]]");
    sio_sim_say_binary(&client, "A", 1);
    sio_sim_say_binary(&client, "B", 1);
    sio_sim_expect_told(&sim, "asked;ok [{\"_placeholder\":true,\"num\":1},"
                              "[{\"_placeholder\":true,\"num\":0}]]+A+B;");
}

static void test_sio_event_waits_no_longer(void **state)
{
    int rc;

    sio_sim_on_loop(&sim, 0, ask, &rc);
    sio_sim_advance(&sim, 99);
    sio_sim_expect_told(&sim, "asked;");
    sio_sim_advance(&sim, 1);
    sio_sim_expect_told(&sim, "late [];");
    sio_sim_say(&client, "30[1]");
    sio_sim_on_loop(&sim, 0, ask, &rc);
    sio_sim_leave(&client);
    sio_sim_expect_told(&sim, "asked;YODEL_ERR_CLOSED [];");
    sio_sim_advance(&sim, 200);
    sio_sim_expect_told(&sim, "");
}

static void test_sio_event_limits_answers_that_are_owed(void **state)
{
    yodel_sio_options options;
    int rc;

    sio_sim_options(&options);
    options.max_acks = 2;
    start_with(&options);
    for (int i = 0; i < 3; i++) {
        sio_sim_on_loop(&sim, 0, ask, &rc);
        assert_int_equal(rc, i < 2 ? 0 : YODEL_ERR_TOO_BIG);
    }
    assert_int_equal(yodel_sio_emit_ack(yodel_sio_to_all(sim.ns), "all", NULL, answered, &sim), 0);
    sim.base.told.len = 0;
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "YODEL_ERR_TOO_BIG [];"); /* it was not sent */
    sio_sim_say(&client, "30[]");
    sio_sim_on_loop(&sim, 0, ask, &rc);
    assert_int_equal(rc, 0);
}

/* A client that does not read: what is refused is not waited for. */
static void test_sio_event_asks_no_congested_client(void **state)
{
    int rc = 0;

    client.peer->window = 0;
    for (int i = 0; i < 2000 && rc == 0; i++)
        sio_sim_on_loop(&sim, 0, ask, &rc);
    assert_int_equal(rc, YODEL_ERR_CONGESTED);
    sim.base.told.len = 0;
    assert_int_equal(yodel_sio_emit_ack(yodel_sio_to_all(sim.ns), "all", NULL, answered, &sim), 0);
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "YODEL_ERR_CONGESTED [];");
    sio_sim_advance(&sim, 200);
    assert_non_null(strstr((const char *)sim.base.told.ptr, "late []"));
}

/* ---- MessagePack ---- */

static void say_bytes(const char *bytes, size_t len)
{
    sio_sim_say_binary(&client, bytes, len);
}

#define SAY(bytes) say_bytes(bytes, sizeof(bytes) - 1)

static void emit_bytes(struct sio_sim *that, void *arg)
{
    yodel_bytes bytes = {(const uint8_t *)"xy", 2};
    yodel_sio_args args = {sizeof args, YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"), &bytes,
                           1};

    (void)arg;
    assert_int_equal(yodel_sio_emit_args(yodel_sio_to(sim.socket), "b", &args), 0);
}

static void test_sio_event_may_be_msgpack(void **state)
{
    yodel_sio_options options;
    struct ws_sim_frame frame;

    sio_sim_options(&options);
    options.parser = YODEL_SIO_MSGPACK;
    failmem_init(&fm, 0);
    assert_int_equal(sio_sim_start(&sim, &fm.mem, 1, &options), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "show", on_show, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "ask", on_answer, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    SAY("\x83\xa4type\x00\xa4"
        "data\x81\xa1t\x01\xa3nsp\xa1/");
    assert_true(ws_sim_next(client.peer, &frame));
    assert_int_equal(frame.first_byte, 0x82);
    sio_sim_expect_told(&sim, "connection /;");
    SAY("\x83\xa4type\x02\xa4"
        "data\x93\xa4show\x01\xc4\x02zz\xa3nsp\xa1/");
    sio_sim_expect_told(&sim, "show[1,{\"_placeholder\":true,\"num\":0}]|1|"
                              "{\"_placeholder\":true,\"num\":0}+2;");
    SAY("\x84\xa4type\x02\xa4"
        "data\x91\xa3"
        "ask\xa2id\x05\xa3nsp\xa1/");
    assert_true(ws_sim_next(client.peer, &frame));
    assert_non_null(memmem(frame.data, frame.len, "\xa2id\x05", 4));
    sio_sim_on_loop(&sim, 0, emit_bytes, NULL);
    assert_true(ws_sim_next(client.peer, &frame));
    assert_non_null(memmem(frame.data, frame.len,
                           "\x92\xa1"
                           "b\xc4\x02xy",
                           7));
    sio_sim_say(&client, "2[\"show\"]"); /* text is no MessagePack */
    sio_sim_expect_closed(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEARDOWN_TEST(test_sio_event_reaches_its_handlers),
        FIXTURE_TEST(test_sio_event_stops_where_it_disconnects),
        FIXTURE_TEST(test_sio_event_has_attachments),
        FIXTURE_TEST(test_sio_event_is_handled_once),
        FIXTURE_TEST(test_sio_event_is_answered),
        FIXTURE_TEST(test_sio_event_waits_for_an_answer),
        FIXTURE_TEST(test_sio_event_waits_no_longer),
        TEARDOWN_TEST(test_sio_event_limits_answers_that_are_owed),
        FIXTURE_TEST(test_sio_event_asks_no_congested_client),
        TEARDOWN_TEST(test_sio_event_may_be_msgpack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
