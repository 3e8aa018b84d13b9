/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "proto/json_pack.h"
#include "sio_sim.h"

/* Valid JSON has a document, wherever it comes in; what is no JSON does not go out. */

static struct failmem fm;
static struct sio_sim sim;
static struct sio_client client;

static int setup(void **state)
{
    failmem_init(&fm, 0);
    return sio_sim_start(&sim, &fm.mem, 1, NULL);
}

static int teardown(void **state)
{
    sio_sim_stop(&sim);
    failmem_assert_empty(&fm);
    return 0;
}

/* ---- arguments of events ---- */

static json_t *first_of(yodel_sio_event *event)
{
    json_t *args = yodel_sio_event_json(event);

    assert_non_null(args);
    return json_array_get(args, 0);
}

static double seen_number;

static void on_number(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    seen_number = json_number_value(first_of(event));
}

static void on_text(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const char *text;
    size_t len;

    assert_int_equal(yodel_sio_event_unpack(event, "s%", &text, &len), 0);
    assert_int_equal(len, json_string_length(first_of(event)));
    for (size_t i = 0; i < len; i++)
        sio_sim_tell(user, "%02x", (unsigned char)text[i]);
    sio_sim_tell(user, ";");
}

static void on_names(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    json_t *object = first_of(event);

    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at))
        sio_sim_tell(user, "%zu;", json_object_iter_key_len(at));
}

static void test_sio_json_every_argument_has_a_document(void **state)
{
    static const struct {
        const char *packet;
        double number;
    } numbers[] = {
        {"2[\"number\",12345678901234567890]", 12345678901234567890.0},
        {"2[\"number\",-9223372036854775809]", -9223372036854775808.0},
        {"2[\"number\",1e400]", DBL_MAX},
        {"2[\"number\",-1e400]", -DBL_MAX},
        {"2[\"number\",1e-400]", 0},
    };

    assert_int_equal(yodel_sio_namespace_on(sim.ns, "number", on_number, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "text", on_text, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "names", on_names, &sim), 0);
    sio_sim_connect(&sim, 0, &client);
    for (size_t i = 0; i < YD_LEN(numbers); i++) {
        seen_number = 7;
        sio_sim_say(&client, numbers[i].packet);
        assert_true(seen_number == numbers[i].number);
    }
    sio_sim_say(&client, "2[\"text\",\"\\ud83d\"]"); /* JavaScript's slice() of an emoji */
    sio_sim_expect_told(&sim, "efbfbd;");
    sio_sim_say(&client, "2[\"text\",\"a\\u0000b\"]");
    sio_sim_expect_told(&sim, "610062;");
    sio_sim_say(&client, "2[\"names\",{\"k\\u0000\":1,\"\":2}]");
    sio_sim_expect_told(&sim, "2;0;");
}

/* ---- the payload of CONNECT ---- */

static int refuse_who_fails(yodel_sio_socket *socket, void *user)
{
    if (!json_is_true(json_object_get(yodel_sio_socket_auth(socket), "fail")))
        return 0;
    return yodel_sio_socket_refuse(socket, "no", NULL);
}

static void test_sio_json_middleware_sees_every_payload(void **state)
{
    static const char *const packets[] = {
        "0{\"fail\":true,\"x\":12345678901234567890}",
        "0{\"fail\":true,\"x\":1e400}",
        "0{\"fail\":true,\"x\":\"\\ud83d\"}",
        "0{\"fail\":true,\"x\\u0000\":1}",
    };

    assert_int_equal(yodel_sio_namespace_use(sim.ns, refuse_who_fails, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    for (size_t i = 0; i < YD_LEN(packets); i++) {
        sio_sim_say(&client, packets[i]);
        sio_sim_expect(&client, "4{\"message\":\"no\"}");
    }
    sio_sim_expect_told(&sim, "");
}

static int matches_a_nul(yodel_sio_entry *entry, yodel_str name, const json_t *auth, void *user)
{
    const json_t *value = json_object_get(auth, "s");

    return json_string_length(value) == 3 && memcmp(json_string_value(value), "a\0b", 3) == 0
               ? 0
               : -EPERM;
}

static void test_sio_json_match_functions_see_every_payload(void **state)
{
    yodel_sio_namespace *parent;

    assert_int_equal(yodel_sio_of_function(sim.sio, matches_a_nul, &sim, &parent), 0);
    assert_non_null(parent);
    assert_int_equal(sio_sim_handle(&sim, parent), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_join(&client, "/any", "{\"s\":\"a\\u0000b\"}");
}

/* The program that refuses a client must not be passed by because memory is short. */
static void test_sio_json_no_memory_does_not_let_in(void **state)
{

    FAILMEM_LOOP(&fm)
    {
        const char *answer;

        if (sio_sim_start(&sim, &fm.mem, 1, NULL) < 0)
            continue;
        if (yodel_sio_namespace_use(sim.ns, refuse_who_fails, &sim) == 0) {
            sio_sim_open(&sim, 0, &client);
            failmem_serve_jansson(&fm);
            sio_sim_say(&client, "0{\"fail\":true}");
            failmem_serve_jansson(NULL);
            while ((answer = sio_sim_next(&client)) != NULL)
                assert_int_not_equal(answer[0], '0');
            assert_null(sim.socket);
        }
        sio_sim_stop(&sim);
    }
}

/* ---- refusals ---- */

static yodel_decision *kept;

static int keep(yodel_sio_socket *socket, void *user)
{
    yodel_decision_unref(kept); /* the one before */
    kept = yodel_sio_socket_defer(socket);
    return YODEL_DEFER;
}

static void test_sio_json_refusals_must_be_json(void **state)
{
    assert_int_equal(yodel_sio_namespace_use(sim.ns, keep, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_say(&client, "0");
    assert_int_equal(yodel_decision_refuse(kept, "\xff\xfe", "{}"), YODEL_ERR_ENCODING);
    assert_int_equal(yodel_decision_refuse(kept, "no", "{oops"), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_decision_refuse(kept, "no", "\"\xff\""), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_decision_refuse(kept, "no", ""), YODEL_ERR_FORMAT);
    sio_sim_run(&sim);
    sio_sim_expect_nothing(&client);
    assert_int_equal(yodel_decision_refuse(kept, "no", " [1] "), 0);
    sio_sim_run(&sim);
    sio_sim_expect(&client, "4{\"message\":\"no\",\"data\": [1] }");
    sio_sim_say(&client, "0");
    assert_int_equal(yodel_decision_refuse(kept, "", NULL), 0);
    sio_sim_run(&sim);
    sio_sim_expect(&client, "4{\"message\":\"\"}");
    kept = yodel_decision_unref(kept);
}

/* ---- what MessagePack has and JSON has not ---- */

#define BYTES(text) (text), sizeof(text) - 1

static void on_echo(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes attachments[10];
    yodel_sio_args args = {sizeof args, yodel_sio_event_args(event), attachments,
                           yodel_sio_event_num_attachments(event)};

    for (size_t i = 0; i < args.num_attachments; i++)
        attachments[i] = yodel_sio_event_attachment(event, i);
    assert_int_equal(yodel_sio_emit_event(yodel_sio_to(socket), "passed", event), 0);
    assert_int_equal(yodel_sio_emit_args(yodel_sio_to(socket), "echo", &args), 0);
    assert_int_equal(yodel_sio_event_answer_args(event, &args), 0);
}

/* Sends value as the argument of an event; it must come back three times as it was. */
static void assert_echoed(const char *value, size_t len)
{
    struct yd_buf sent = {0}, passed = {0}, echo = {0}, answer = {0};
    const struct yodel_allocator *mem = &yd_mem_default;

    assert_int_equal(yd_buf_append(mem, &sent,
                                   BYTES("\x84\xa4type\x02\xa4"
                                         "data\x92\xa3"
                                         "foo")),
                     0);
    assert_int_equal(yd_buf_append(mem, &sent, value, len), 0);
    assert_int_equal(yd_buf_append(mem, &sent, BYTES("\xa3nsp\xa1/\xa2id\x01")), 0);
    assert_int_equal(yd_buf_append(mem, &passed,
                                   BYTES("\x83\xa4type\x02\xa4"
                                         "data\x92\xa6passed")),
                     0);
    assert_int_equal(yd_buf_append(mem, &passed, value, len), 0);
    assert_int_equal(yd_buf_append(mem, &passed, BYTES("\xa3nsp\xa1/")), 0);
    assert_int_equal(yd_buf_append(mem, &echo,
                                   BYTES("\x83\xa4type\x02\xa4"
                                         "data\x92\xa4"
                                         "echo")),
                     0);
    assert_int_equal(yd_buf_append(mem, &echo, value, len), 0);
    assert_int_equal(yd_buf_append(mem, &echo, BYTES("\xa3nsp\xa1/")), 0);
    assert_int_equal(yd_buf_append(mem, &answer,
                                   BYTES("\x84\xa4type\x03\xa4"
                                         "data\x91")),
                     0);
    assert_int_equal(yd_buf_append(mem, &answer, value, len), 0);
    assert_int_equal(yd_buf_append(mem, &answer, BYTES("\xa3nsp\xa1/\xa2id\x01")), 0);
    sio_sim_say_binary(&client, sent.ptr, sent.len);
    sio_sim_expect_binary(&client, passed.ptr, passed.len);
    sio_sim_expect_binary(&client, echo.ptr, echo.len);
    sio_sim_expect_binary(&client, answer.ptr, answer.len);
    yd_buf_free(mem, &sent);
    yd_buf_free(mem, &passed);
    yd_buf_free(mem, &echo);
    yd_buf_free(mem, &answer);
}

static void start_msgpack(void)
{
    yodel_sio_options options;

    sio_sim_options(&options);
    options.parser = YODEL_SIO_MSGPACK;
    failmem_init(&fm, 0);
    assert_int_equal(sio_sim_start(&sim, &fm.mem, 1, &options), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "foo", on_echo, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_say_binary(&client, BYTES("\x82\xa4type\x00\xa3nsp\xa1/"));
    assert_non_null(sim.socket);
    sim_forget(client.peer);
}

static void test_sio_json_msgpack_values_come_back(void **state)
{
    start_msgpack();
    assert_echoed(BYTES("\xd4\x00\x00")); /* undefined */
    assert_echoed(BYTES("\x82\xa1x\xd4\x00\x00\xa1y\xc0"));
    assert_echoed(BYTES("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00")); /* NaN */
    assert_echoed(BYTES("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"));
    assert_echoed(BYTES("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"));
    assert_echoed(BYTES("\xd7\x00\x00\x00\x01\x8c\xc2\x51\xf3\xff")); /* Date */
    assert_echoed(BYTES("\xd6\xff\x00\x00\x00\x01"));                 /* timestamp */
    assert_echoed(BYTES("\xd4\x05\x07"));                             /* ext 5 */
    assert_echoed(BYTES("\xc7\x03\x00\x01\x02\x03"));                 /* ArrayBuffer */
    assert_echoed(BYTES("\xc4\x03\x01\x02\x03"));
}

static void test_sio_json_msgpack_numbers_may_be_floats(void **state)
{
    start_msgpack();
    sio_sim_say_binary(&client, BYTES("\x84\xa4type\xcb\x40\x00\x00\x00\x00\x00\x00\x00\xa4"
                                      "data\x91\xa3"
                                      "foo\xa3nsp\xa1/\xa2id\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00"));
    sio_sim_expect_binary(&client, BYTES("\x83\xa4type\x02\xa4"
                                         "data\x91\xa6passed\xa3nsp\xa1/"));
    sio_sim_expect_binary(&client, BYTES("\x83\xa4type\x02\xa4"
                                         "data\x91\xa4"
                                         "echo\xa3nsp\xa1/"));
    sio_sim_expect_binary(&client, BYTES("\x84\xa4type\x03\xa4"
                                         "data\x90\xa3nsp\xa1/\xa2id\x01"));
}

/* ---- all or nothing when memory fails ---- */

/* A connected client, with nothing that fails yet; jansson's memory may fail too. */
static void start_paused(void)
{
    failmem_pause(&fm);
    assert_int_equal(sio_sim_start(&sim, &fm.mem, 1, NULL), 0);
    sio_sim_connect(&sim, 0, &client);
    failmem_serve_jansson(&fm);
}

/* Fails the test unless the client has got exactly packet, or nothing when result says so. */
static void stop_paused(int result, const char *packet)
{
    const char *got;
    bool all;

    failmem_pause(&fm);
    failmem_serve_jansson(NULL);
    got = sio_sim_next(&client);
    all = got != NULL && strcmp(got, packet) == 0;
    failmem_assert_whole(&fm, result, all, got == NULL);
    sio_sim_expect_nothing(&client);
    sio_sim_stop(&sim);
}

static void emit_some(struct sio_sim *that, void *arg)
{
    int *result = arg;
    yodel_sio_target target = yodel_sio_to(sim.socket);
    json_t *document;

    failmem_pause(&fm);
    document = json_pack("{s:[i]}", "list", 7);
    failmem_resume(&fm);
    *result = yodel_sio_emit(target, "e", "s+{s:f, s:o}", "name that is long enough to grow ",
                             "and is joined", "real", 0.5, "document", document);
}

static void test_sio_json_emits_all_or_nothing(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        int result = 1;

        start_paused();
        sio_sim_on_loop(&sim, 0, emit_some, &result);
        stop_paused(result, "2[\"e\",\"name that is long enough to grow and is joined\","
                            "{\"real\":0.5,\"document\":{\"list\":[7]}}]");
    }
}

static yodel_decision *asked;

static void on_ask(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    asked = yodel_sio_event_ack(event);
}

static void answer_it(struct sio_sim *that, void *arg)
{
    int *result = arg;

    failmem_resume(&fm);
    *result = yodel_decision_answer(asked, "s{s:[f, n]}", "text that is long enough to grow twice",
                                    "list", 0.5);
    asked = yodel_decision_unref(asked);
}

static void test_sio_json_answers_all_or_nothing(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        int result = 1;

        start_paused();
        assert_int_equal(yodel_sio_namespace_on(sim.ns, "ask", on_ask, NULL), 0);
        sio_sim_say(&client, "212[\"ask\"]");
        sio_sim_on_loop(&sim, 0, answer_it, &result);
        stop_paused(result, "312[\"text that is long enough to grow twice\","
                            "{\"list\":[0.5,null]}]");
    }
}

struct fetched {
    int calls, result;
    char text[1000];
};

static void on_fetched(const yodel_sio_sockets *sockets, void *user)
{
    struct fetched *fetched = user;
    struct yd_buf buf = {0};

    fetched->calls++;
    fetched->result = sockets->result;
    fetched->text[0] = '\0';
    assert_int_equal(sockets->size, sizeof *sockets);
    assert_true(sockets->json != NULL || sockets->result == -ENOMEM);
    assert_true(sockets->missing == 0 || sockets->result == -ENOMEM);
    if (sockets->json == NULL)
        return;
    failmem_serve_jansson(NULL);
    assert_int_equal(yd_json_put_document(&yd_mem_default, &buf, sockets->json), 0);
    assert_true(buf.len < sizeof fetched->text);
    memcpy(fetched->text, buf.ptr, buf.len);
    fetched->text[buf.len] = '\0';
    yd_buf_free(&yd_mem_default, &buf);
}

/* Every socket with all of its rooms, or a result that says what is wrong. */
static void test_sio_json_fetches_all_or_nothing(void **state)
{

    FAILMEM_LOOP(&fm)
    {
        struct fetched sockets = {0}, rooms = {0};
        int rc = -1;

        if (sio_sim_start(&sim, &fm.mem, 1, NULL) < 0)
            continue;
        sio_sim_open(&sim, 0, &client);
        sio_sim_say(&client, "0{\"n\":5}");
        if (sim.socket != NULL && yodel_sio_socket_join(sim.socket, "r\"1") == 0) {
            failmem_serve_jansson(&fm);
            rc = yodel_sio_target_fetch(yodel_sio_to_all(sim.ns), on_fetched, &sockets);
            sio_sim_run(&sim);
            assert_int_equal(sockets.calls, rc == 0);
            failmem_serve_jansson(&fm);
            rc = yodel_sio_namespace_fetch_rooms(sim.ns, on_fetched, &rooms);
            sio_sim_run(&sim);
            failmem_serve_jansson(NULL);
            assert_int_equal(rooms.calls, rc == 0);
            if (sockets.result < 0) {
                assert_true(sockets.text[0] == '\0' || strcmp(sockets.text, "[]") == 0);
            } else if (sockets.calls > 0) {
                assert_non_null(strstr(sockets.text, "\"auth\":{\"n\":5}"));
                assert_non_null(strstr(sockets.text, "\"rooms\":[\""));
                assert_non_null(strstr(sockets.text, "\",\"r\\\"1\"],\"data\":{}}]"));
                assert_non_null(strstr(sockets.text, "\"host\":"));
            }
            if (rooms.result == 0 && rooms.calls > 0)
                assert_non_null(strstr(rooms.text, "\"r\\\"1\""));
            if (!failmem_has_failed(&fm))
                assert_true(sockets.text[0] == '[' && rooms.text[0] == '[');
        }
        sio_sim_stop(&sim);
    }
}

static void on_unpack(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    int *result = user, number = 0;
    const char *text = "";

    *result = yodel_sio_event_unpack(event, "s{s:i}", &text, "n", &number);
    failmem_assert_whole(&fm, *result, strcmp(text, "x\ny") == 0 && number == 5, true);
}

static void test_sio_json_unpacks_all_or_says_no_memory(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        int result = -ENOMEM; /* when there is no event */

        start_paused();
        assert_int_equal(yodel_sio_namespace_on(sim.ns, "unpack", on_unpack, &result), 0);
        failmem_resume(&fm);
        sio_sim_say(&client, "2[\"unpack\",\"x\\ny\",{\"n\":5}]");
        failmem_pause(&fm);
        failmem_serve_jansson(NULL);
        failmem_assert_whole(&fm, result, true, true);
        sio_sim_stop(&sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_json_every_argument_has_a_document),
        FIXTURE_TEST(test_sio_json_middleware_sees_every_payload),
        FIXTURE_TEST(test_sio_json_match_functions_see_every_payload),
        TEARDOWN_TEST(test_sio_json_no_memory_does_not_let_in),
        FIXTURE_TEST(test_sio_json_refusals_must_be_json),
        TEARDOWN_TEST(test_sio_json_msgpack_values_come_back),
        TEARDOWN_TEST(test_sio_json_msgpack_numbers_may_be_floats),
        TEARDOWN_TEST(test_sio_json_emits_all_or_nothing),
        TEARDOWN_TEST(test_sio_json_answers_all_or_nothing),
        TEARDOWN_TEST(test_sio_json_fetches_all_or_nothing),
        TEARDOWN_TEST(test_sio_json_unpacks_all_or_says_no_memory),
    };

    return cmocka_run_group_tests_name("sio_json", tests, NULL, NULL);
}
