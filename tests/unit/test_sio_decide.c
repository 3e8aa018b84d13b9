/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "failmem.h"
#include "fixture.h"
#include "sio_sim.h"

/* What the program decides later in Socket.IO: namespaces, sockets, events, acknowledgements. */

enum kind { ENTRY, SOCKET, EVENT, ACK, NUM_KINDS };

static struct failmem fm;
static struct sio_sim sim;
static struct sio_client client;

static struct {
    yodel_decision *decision; /* a reference; NULL: none was taken */
    int result;               /* of the handler */
    int gone;
    int (*inside)(yodel_decision *d); /* called in the handler */
    int inside_result;
    bool drop_inside;
    bool refuse_inside;
    unsigned takes; /* further ones of the event middleware */
} seen;

static void on_gone(yodel_decision *d, void *user)
{
    assert_ptr_equal(d, seen.decision);
    assert_int_equal(yodel_decision_is_open(d), 0);
    seen.gone++;
}

static void take(yodel_decision *d)
{
    seen.decision = d;
    if (d == NULL)
        return;
    assert_int_equal(yodel_decision_is_open(d), 1);
    assert_int_equal(yodel_decision_on_gone(d, on_gone, NULL), 0);
    if (seen.inside != NULL)
        seen.inside_result = seen.inside(d);
    if (seen.drop_inside)
        seen.decision = yodel_decision_unref(d);
}

/* A second call gives one more reference, or makes the decision that the first one had no memory
 * for. */
static void check_again(yodel_decision *again)
{
    assert_true(again == NULL || again == seen.decision || failmem_has_failed(&fm));
    if (seen.decision != NULL || again == NULL)
        yodel_decision_unref(again);
    else
        seen.decision = again;
}

static int on_match(yodel_sio_entry *entry, yodel_str name, const json_t *auth, void *user)
{
    if (!yodel_str_eq(name, YODEL_STR("/fn")))
        return -EPERM;
    take(yodel_sio_entry_defer(entry));
    check_again(yodel_sio_entry_defer(entry));
    return seen.result;
}

static int on_middleware(yodel_sio_socket *socket, void *user)
{
    take(yodel_sio_socket_defer(socket));
    check_again(yodel_sio_socket_defer(socket));
    if (seen.refuse_inside)
        return yodel_sio_socket_refuse(socket, "inside", NULL);
    return seen.result;
}

static bool is_named(yodel_sio_event *event, const char *name)
{
    return yodel_str_eq(yodel_sio_event_name(event), yodel_str_of(name));
}

static int on_event_middleware(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    if (!is_named(event, "wait") && !is_named(event, "twice"))
        return 0;
    take(yodel_sio_event_defer(event));
    check_again(yodel_sio_event_defer(event));
    if (seen.refuse_inside)
        return yodel_sio_event_refuse(event, "inside");
    return seen.result;
}

/* The second one. */
static int on_next_middleware(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    if (!is_named(event, "twice"))
        return 0;
    yodel_decision_unref(seen.decision);
    take(yodel_sio_event_defer(event));
    return seen.result;
}

static void on_event(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes data = yodel_sio_event_attachment(event, 0);

    sio_sim_tell(&sim, "%" YODEL_PRI "%" YODEL_PRI "%" YODEL_PRI ";",
                 YODEL_ARG(yodel_sio_event_name(event)), YODEL_ARG(yodel_sio_event_args(event)),
                 (int)data.len, (const char *)data.ptr);
    (void)yodel_sio_event_answer(event, "s", "handled");
}

static void on_ask(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    take(yodel_sio_event_ack(event));
}

static void start_with(const yodel_sio_options *options)
{
    static const char *const events[] = {"wait", "twice", "plain"};
    yodel_sio_namespace *ns, *parent;

    memset(&seen, 0, sizeof seen);
    seen.result = YODEL_DEFER;
    assert_int_equal(sio_sim_start(&sim, &fm.mem, 1, options), 0);
    ns = sio_sim_of(sim.sio, "/mw");
    assert_int_equal(sio_sim_handle(&sim, ns), 0);
    assert_int_equal(yodel_sio_namespace_use(ns, on_middleware, NULL), 0);
    assert_int_equal(yodel_sio_of_function(sim.sio, on_match, NULL, &parent), 0);
    assert_int_equal(sio_sim_handle(&sim, parent), 0);
    for (size_t i = 0; i < YD_LEN(events); i++) {
        assert_int_equal(yodel_sio_namespace_on(sim.ns, events[i], on_event, NULL), 0);
        assert_int_equal(yodel_sio_namespace_on(parent, events[i], on_event, NULL), 0);
        assert_int_equal(yodel_sio_namespace_on(ns, events[i], on_event, NULL), 0);
    }
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "ask", on_ask, NULL), 0);
    assert_int_equal(yodel_sio_namespace_use_event(sim.ns, on_event_middleware, NULL), 0);
    assert_int_equal(yodel_sio_namespace_use_event(sim.ns, on_next_middleware, NULL), 0);
}

static void start(void)
{
    yodel_sio_options options;

    sio_sim_options(&options);
    options.connect_timeout_ms = 60000;
    options.max_held_acks = 3;
    start_with(&options);
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    start();
    return 0;
}

static int teardown(void **state)
{
    yodel_decision_unref(seen.decision);
    sio_sim_stop(&sim);
    failmem_assert_empty(&fm);
    return 0;
}

static void give_back(void)
{
    seen.decision = yodel_decision_unref(seen.decision);
    sio_sim_run(&sim);
}

/* The client does what makes the program take a decision. */
static void ask(enum kind kind)
{
    static const char *const packets[] = {"0/fn,", "0/mw,", "2[\"wait\",1]", "27[\"ask\"]"};

    if (kind >= EVENT)
        sio_sim_connect(&sim, 0, &client);
    else
        sio_sim_open(&sim, 0, &client);
    sio_sim_say(&client, packets[kind]);
}

static void leave(void)
{
    sio_sim_leave(&client);
    sio_sim_run(&sim);
}

/* ---- verbs ---- */

static int accept_it(yodel_decision *d)
{
    return yodel_decision_accept(d, NULL);
}

static int accept_with_options(yodel_decision *d)
{
    return yodel_decision_accept(d, YODEL_OPTIONS(yodel_ws_accept_options, .subprotocol = "a"));
}

static int refuse_it(yodel_decision *d)
{
    return yodel_decision_refuse(d, "no", "{\"a\":1}");
}

static int refuse_silently(yodel_decision *d)
{
    return yodel_decision_refuse(d, NULL, NULL);
}

static int reject_it(yodel_decision *d)
{
    return yodel_decision_reject(d, NULL);
}

static int respond_it(yodel_decision *d)
{
    return yodel_decision_respond_text(d, 200, NULL, YODEL_STR("x"));
}

static int answer_it(yodel_decision *d)
{
    return yodel_decision_answer(d, "i", 5);
}

static int answer_binary(yodel_decision *d)
{
    return yodel_decision_answer(d, "y", (yodel_bytes){(const uint8_t *)"abc", 3});
}

static int answer_json(yodel_decision *d)
{
    json_t *array = json_pack("[i]", 6);
    int rc = yodel_decision_answer_json(d, array);

    json_decref(array);
    return rc;
}

static int answer_args(yodel_decision *d)
{
    return yodel_decision_answer_args(d, YODEL_OPTIONS(yodel_sio_args, .json = YODEL_STR("[8]")));
}

/* What the client gets, "~" for the beginning alone; what the server is told, "!".  NULL: -EINVAL.
 */
static const struct verb {
    int (*call)(yodel_decision *d);
    const char *effects[NUM_KINDS];
} verbs[] = {
    {accept_it, {"~0/fn,{\"sid\":", "~0/mw,{\"sid\":", "!wait[1];", NULL}},
    {accept_with_options, {NULL, NULL, NULL, NULL}},
    {refuse_it,
     {"4/fn,{\"message\":\"no\",\"data\":{\"a\":1}}",
      "4/mw,{\"message\":\"no\",\"data\":{\"a\":1}}", "!error no;", NULL}},
    {refuse_silently,
     {"4/fn,{\"message\":\"Invalid namespace\"}", "4/mw,{\"message\":\"\"}", "!error refused;",
      NULL}},
    {reject_it, {NULL, NULL, NULL, NULL}},
    {respond_it, {NULL, NULL, NULL, NULL}},
    {answer_it, {NULL, NULL, NULL, "37[5]"}},
    {answer_binary, {NULL, NULL, NULL, "61-7[{\"_placeholder\":true,\"num\":0}]"}},
    {answer_json, {NULL, NULL, NULL, "37[6]"}},
    {answer_args, {NULL, NULL, NULL, "37[8]"}},
};

static void expect_effect(const char *effect)
{
    const char *packet;

    if (effect[0] == '!') {
        sio_sim_expect_told(&sim, effect + 1);
        return;
    }
    if (effect[0] != '~') {
        sio_sim_expect(&client, effect);
        return;
    }
    packet = sio_sim_next(&client);
    assert_non_null(packet);
    assert_memory_equal(packet, effect + 1, strlen(effect + 1));
}

/* ---- each verb from everywhere ---- */

enum from { FROM_ABROAD, FROM_LOOP, FROM_HANDLER };

struct call {
    int (*fn)(yodel_decision *d);
    int result;
};

static void call_it(struct sio_sim *that, void *arg)
{
    struct call *call = arg;

    call->result = call->fn(seen.decision);
}

static int decide_from(enum from from, int (*fn)(yodel_decision *d))
{
    struct call call = {fn, 0};

    if (from == FROM_HANDLER)
        return seen.inside_result;
    if (from == FROM_ABROAD)
        call.result = fn(seen.decision);
    else
        sio_sim_on_loop(&sim, 0, call_it, &call);
    return call.result;
}

static void expect_decided(void)
{
    assert_int_equal(yodel_decision_is_open(seen.decision), 0);
    for (size_t i = 0; i < YD_LEN(verbs); i++) {
        int rc = verbs[i].call(seen.decision);

        assert_true(rc == YODEL_ERR_STATE || rc == -EINVAL);
    }
    assert_int_equal(seen.gone, 0);
}

static void try_verb(enum kind kind, enum from from, const struct verb *verb)
{
    const char *effect = verb->effects[kind];
    int rc;

    if (from == FROM_HANDLER)
        seen.inside = verb->call;
    ask(kind);
    rc = decide_from(from, verb->call);
    if (effect == NULL) {
        assert_int_equal(rc, -EINVAL);
        assert_int_equal(yodel_decision_is_open(seen.decision), 1);
    } else {
        assert_int_equal(rc, 0);
        expect_decided();
        sio_sim_run(&sim);
        expect_effect(effect);
        if (verb->call == answer_binary)
            sio_sim_expect_binary(&client, "abc", 3);
        sio_sim_expect_nothing(&client);
        expect_decided();
    }
    give_back();
    leave();
    sim.base.told.len = 0;
}

static void test_sio_decide_every_verb(void **state)
{
    for (unsigned kind = 0; kind < NUM_KINDS; kind++)
        for (size_t i = 0; i < YD_LEN(verbs); i++)
            for (unsigned from = FROM_ABROAD; from <= FROM_HANDLER; from++) {
                seen.inside = NULL;
                try_verb((enum kind)kind, (enum from)from, &verbs[i]);
            }
}

/* ---- ends without a verb ---- */

static void expect_over(void)
{
    assert_int_equal(seen.gone, 1);
    assert_int_equal(yodel_decision_is_open(seen.decision), 0);
    for (size_t i = 0; i < YD_LEN(verbs); i++) {
        int rc = verbs[i].call(seen.decision);

        assert_true(rc == YODEL_ERR_CLOSED || rc == -EINVAL);
    }
    give_back();
    assert_int_equal(seen.gone, 1);
    seen.gone = 0;
    sim.base.told.len = 0;
}

static void test_sio_decide_is_over_when_the_client_goes(void **state)
{
    for (unsigned kind = 0; kind < NUM_KINDS; kind++) {
        ask((enum kind)kind);
        leave();
        expect_over();
        ask((enum kind)kind);
        sio_sim_say(&client, kind == ENTRY ? "1/fn," : kind == SOCKET ? "1/mw," : "1");
        sio_sim_run(&sim);
        expect_over();
        leave();
    }
}

static void test_sio_decide_is_over_in_time(void **state)
{
    static const char *const effects[] = {"4/fn,{\"message\":\"Not decided in time\"}",
                                          "4/mw,{\"message\":\"Not decided in time\"}",
                                          "!error not decided in time;"};

    for (unsigned kind = 0; kind < ACK; kind++) {
        ask((enum kind)kind);
        sio_sim_advance(&sim, 9999);
        assert_int_equal(seen.gone, 0);
        sio_sim_advance(&sim, 1);
        expect_effect(effects[kind]);
        expect_over();
        leave();
        sim.base.told.len = 0;
    }
    ask(ACK);
    sio_sim_advance(&sim, 90000); /* the client has a limit of its own */
    assert_int_equal(answer_it(seen.decision), 0);
    sio_sim_run(&sim);
    sio_sim_expect(&client, "37[5]");
}

/* The service may have a time of its own. */
static void test_sio_decide_in_the_time_of_its_service(void **state)
{
    yodel_sio_options options;

    sio_sim_stop(&sim);
    sio_sim_options(&options);
    options.connect_timeout_ms = 600000;
    options.decide_ms = 60000;
    start_with(&options);
    ask(SOCKET);
    sio_sim_advance(&sim, 25000);
    sio_sim_run(&sim);
    assert_int_equal(seen.gone, 0);
    assert_int_equal(accept_it(seen.decision), 0);
    sio_sim_run(&sim);
    expect_effect(verbs[0].effects[SOCKET]);
    give_back();
}

/* One whose verdict is under way when the time is over. */
static void test_sio_decide_in_time_however_late_the_loop_is(void **state)
{
    for (unsigned kind = 0; kind < ACK; kind++) {
        ask((enum kind)kind);
        assert_int_equal(accept_it(seen.decision), 0);
        sim_sleep(sim.base.loops[0], 20000);
        sio_sim_run(&sim);
        expect_effect(verbs[0].effects[kind]);
        assert_int_equal(seen.gone, 0);
        give_back();
        leave();
        sim.base.told.len = 0;
    }
}

static void test_sio_decide_is_over_with_the_server(void **state)
{
    for (unsigned kind = 0; kind < NUM_KINDS; kind++) {
        ask((enum kind)kind);
        yd_sio_stop(sim.sio, sim.base.loops[0]);
        sio_sim_advance(&sim, 1000);
        expect_over();
        sio_sim_stop(&sim);
        start();
    }
}

static void test_sio_decide_dropped(void **state)
{
    static const char *const effects[] = {"4/fn,{\"message\":\"Refused\"}",
                                          "4/mw,{\"message\":\"Refused\"}", "!error dropped;"};

    for (unsigned kind = 0; kind < NUM_KINDS; kind++)
        for (unsigned inside = 0; inside < 2; inside++) {
            seen.drop_inside = inside;
            ask((enum kind)kind);
            give_back();
            if (kind != ACK)
                expect_effect(effects[kind]);
            sio_sim_expect_nothing(&client);
            leave();
            sim.base.told.len = 0;
        }
    assert_int_equal(seen.gone, 0);
}

/* ---- what the handler returns ---- */

static void test_sio_decide_the_result_counts(void **state)
{
    static const char *const refused[] = {"4/fn,{\"message\":\"Invalid namespace\"}",
                                          "4/mw,{\"message\":\"Refused\"}",
                                          "!error not allowed in the present state;"};

    for (unsigned kind = 0; kind < ACK; kind++)
        for (unsigned drop = 0; drop < 2; drop++) {
            seen.drop_inside = drop;
            seen.result = 0;
            ask((enum kind)kind);
            expect_effect(verbs[0].effects[kind]);
            if (!drop)
                expect_decided();
            give_back();
            leave();
            sim.base.told.len = 0;
            seen.result = YODEL_ERR_STATE;
            ask((enum kind)kind);
            expect_effect(refused[kind]);
            if (!drop)
                expect_decided();
            give_back();
            leave();
            sim.base.told.len = 0;
        }
    seen.drop_inside = false;
    seen.inside = accept_it; /* but the verb comes first */
    for (unsigned kind = 0; kind < ACK; kind++) {
        ask((enum kind)kind);
        expect_effect(verbs[0].effects[kind]);
        give_back();
        leave();
        sim.base.told.len = 0;
    }
    seen.inside = NULL;
    seen.refuse_inside = true;
    seen.result = 0;
    ask(SOCKET);
    sio_sim_expect(&client, "4/mw,{\"message\":\"inside\"}");
    expect_decided();
    give_back();
    leave();
    ask(EVENT);
    sio_sim_expect_told(&sim, "error inside;");
    give_back();
}

/* ---- events that wait ---- */

static void test_sio_decide_events_wait_in_order(void **state)
{
    struct sio_client other;
    yodel_bytes bytes = {(const uint8_t *)"xyz", 3};

    sio_sim_connect(&sim, 0, &other);
    ask(EVENT);
    sio_sim_say(&client, "2[\"plain\",1]");
    sio_sim_say(&client, "51-9[\"plain\",{\"_placeholder\":true,\"num\":0}]");
    sio_sim_say_binary(&client, bytes.ptr, bytes.len);
    sio_sim_say(&client, "2[\"plain\",3]");
    sio_sim_expect_told(&sim, "");
    sio_sim_say(&other, "2[\"plain\",\"other\"]");
    sio_sim_expect_told(&sim, "plain[\"other\"];");
    assert_int_equal(accept_it(seen.decision), 0);
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "wait[1];plain[1];plain[{\"_placeholder\":true,\"num\":0}]xyz;"
                              "plain[3];");
    sio_sim_expect(&client, "39[\"handled\"]");
    give_back();
    sio_sim_say(&client, "2[\"plain\",4]"); /* nothing waits any more */
    sio_sim_expect_told(&sim, "plain[4];");
}

static void test_sio_decide_events_wait_twice(void **state)
{
    sio_sim_connect(&sim, 0, &client);
    sio_sim_say(&client, "25[\"twice\",1]");
    sio_sim_say(&client, "2[\"wait\",2]");
    sio_sim_say(&client, "2[\"plain\",3]");
    assert_int_equal(accept_it(seen.decision), 0);
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "");
    assert_int_equal(yodel_decision_is_open(seen.decision), 1); /* of the second middleware */
    assert_int_equal(accept_it(seen.decision), 0);
    give_back();
    sio_sim_expect_told(&sim, "twice[1];");
    sio_sim_expect(&client, "35[\"handled\"]");
    assert_int_equal(refuse_it(seen.decision), 0); /* of the second event */
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "error no;plain[3];");
}

static void answered(const yodel_sio_answers *answers, void *user)
{
    sio_sim_tell(&sim, "answer %" YODEL_PRI ";", YODEL_ARG(answers->json));
}

static void test_sio_decide_acknowledgements_do_not_wait(void **state)
{
    ask(EVENT);
    assert_int_equal(yodel_sio_emit_ack(yodel_sio_to_all(sim.ns), "q", NULL, answered, NULL), 0);
    sio_sim_run(&sim);
    sio_sim_expect(&client, "20[\"q\"]");
    sio_sim_say(&client, "30[\"a\"]");
    sio_sim_expect_told(&sim, "answer [\"a\"];");
}

static void test_sio_decide_what_waits_is_bounded(void **state)
{
    yodel_sio_stats stats = {.size = sizeof stats};
    char text[300];

    for (unsigned kind = 0; kind < ACK; kind++) {
        static const char *const prefixes[] = {"/fn,", "/mw,", ""};

        (void)snprintf(text, sizeof text, "2%s[\"plain\",\"%0200d\"]", prefixes[kind], 0);
        ask((enum kind)kind);
        for (int i = 0; i < 3; i++)
            sio_sim_say(&client, text);
        assert_int_equal(seen.gone, 0);
        for (int i = 0; i < 10; i++)
            sio_sim_say(&client, text);
        sio_sim_expect_closed(&client);
        sio_sim_run(&sim);
        expect_over();
    }
    assert_int_equal(yodel_sio_get_stats(sim.sio, &stats), 0);
    assert_int_equal(stats.too_big, 3);
}

/* Without an entry, a namespace asked for twice is a fault; so it is while that waits. */
static void test_sio_decide_an_entry_is_there_once(void **state)
{
    ask(ENTRY);
    sio_sim_say(&client, "2/fn,[\"plain\",1]");
    assert_int_equal(accept_it(seen.decision), 0);
    sio_sim_run(&sim);
    expect_effect("~0/fn,{");
    sio_sim_expect_told(&sim, "connection /fn;plain[1];");
    give_back();
    leave();
    sim.base.told.len = 0;
    ask(ENTRY);
    sio_sim_say(&client, "0/fn,");
    sio_sim_expect_closed(&client);
    sio_sim_run(&sim);
    expect_over();
}

/* ---- acknowledgements that are held ---- */

static void test_sio_decide_held_acks_are_bounded(void **state)
{
    yodel_sio_stats stats = {.size = sizeof stats};
    yodel_decision *held[3];

    sio_sim_connect(&sim, 0, &client);
    for (int i = 0; i < 3; i++) {
        sio_sim_say(&client, "27[\"ask\"]");
        held[i] = seen.decision;
        assert_non_null(held[i]);
    }
    sio_sim_say(&client, "27[\"ask\"]");
    assert_null(seen.decision);
    assert_int_equal(yodel_sio_get_stats(sim.sio, &stats), 0);
    assert_int_equal(stats.acks_refused, 1);
    assert_int_equal(answer_it(held[0]), 0);
    yodel_decision_unref(held[1]);
    sio_sim_run(&sim);
    sio_sim_expect(&client, "37[5]");
    yodel_decision_unref(held[0]);
    for (int i = 0; i < 2; i++) {
        sio_sim_say(&client, "27[\"ask\"]");
        held[i] = seen.decision;
        assert_non_null(held[i]);
    }
    sio_sim_say(&client, "27[\"ask\"]");
    assert_null(seen.decision);
    for (int i = 0; i < 3; i++)
        yodel_decision_unref(held[i]);
    sio_sim_run(&sim);
    sio_sim_expect_nothing(&client);
}

/* ---- memory ---- */

static bool fail_next(size_t *n)
{
    if (*n > 0 && !failmem_has_failed(&fm)) {
        fm.fail_at = 0;
        return false;
    }
    fm.fail_at = ++*n;
    atomic_store(&fm.calls, 0);
    return true;
}

/* A verb works, or can be called again; what it does may need memory too, and ends the client. */
static void decide_without_memory(enum kind kind, const struct verb *verb, enum from from)
{
    size_t n = 0;

    while (fail_next(&n)) {
        int rc;

        failmem_pause(&fm);
        ask(kind);
        failmem_resume(&fm);
        rc = decide_from(from, verb->call);
        assert_true(rc == 0 || rc == -ENOMEM);
        if (rc < 0 && from == FROM_ABROAD) {
            assert_int_equal(yodel_decision_is_open(seen.decision), 1);
            assert_int_equal(verb->call(seen.decision), 0);
        }
        sio_sim_run(&sim);
        assert_true(seen.gone <= (from == FROM_LOOP));
        give_back();
        failmem_pause(&fm);
        leave();
        failmem_resume(&fm);
        seen.gone = 0;
        sim.base.told.len = 0;
    }
}

static void test_sio_decide_without_memory(void **state)
{
    for (unsigned kind = 0; kind < NUM_KINDS; kind++)
        for (size_t i = 0; i < YD_LEN(verbs); i++)
            if (verbs[i].effects[kind] != NULL) {
                decide_without_memory((enum kind)kind, &verbs[i], FROM_ABROAD);
                decide_without_memory((enum kind)kind, &verbs[i], FROM_LOOP);
            }
}

static void test_sio_decide_taken_without_memory(void **state)
{
    for (unsigned kind = 0; kind < NUM_KINDS; kind++)
        for (size_t n = 0; fail_next(&n);) {
            failmem_pause(&fm);
            if (kind >= EVENT)
                sio_sim_connect(&sim, 0, &client);
            else
                sio_sim_open(&sim, 0, &client);
            failmem_resume(&fm);
            sio_sim_say(&client, kind == ENTRY    ? "0/fn,"
                                 : kind == SOCKET ? "0/mw,{}"
                                 : kind == EVENT  ? "2[\"wait\",1]"
                                                  : "27[\"ask\"]");
            give_back();
            failmem_pause(&fm);
            leave();
            failmem_resume(&fm);
            seen.gone = 0;
            sim.base.told.len = 0;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_decide_every_verb),
        FIXTURE_TEST(test_sio_decide_is_over_when_the_client_goes),
        FIXTURE_TEST(test_sio_decide_is_over_in_time),
        FIXTURE_TEST(test_sio_decide_in_the_time_of_its_service),
        FIXTURE_TEST(test_sio_decide_in_time_however_late_the_loop_is),
        FIXTURE_TEST(test_sio_decide_is_over_with_the_server),
        FIXTURE_TEST(test_sio_decide_dropped),
        FIXTURE_TEST(test_sio_decide_the_result_counts),
        FIXTURE_TEST(test_sio_decide_events_wait_in_order),
        FIXTURE_TEST(test_sio_decide_events_wait_twice),
        FIXTURE_TEST(test_sio_decide_acknowledgements_do_not_wait),
        FIXTURE_TEST(test_sio_decide_what_waits_is_bounded),
        FIXTURE_TEST(test_sio_decide_an_entry_is_there_once),
        FIXTURE_TEST(test_sio_decide_held_acks_are_bounded),
        FIXTURE_TEST(test_sio_decide_without_memory),
        FIXTURE_TEST(test_sio_decide_taken_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
