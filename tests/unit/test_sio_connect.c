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
#include "sio_sim.h"

/* Joining and leaving namespaces, middleware, dynamic namespaces, reasons. */

static struct failmem fm;
static struct sio_sim sim;

static void start_with(const yodel_sio_options *options)
{
    failmem_init(&fm, 0);
    assert_int_equal(sio_sim_start(&sim, &fm.mem, 1, options), 0);
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

static yodel_sio_namespace *add_ns(const char *name)
{
    yodel_sio_namespace *ns = sio_sim_of(sim.sio, name);

    assert_non_null(ns);
    assert_int_equal(sio_sim_handle(&sim, ns), 0);
    return ns;
}

static void say_hello(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    sio_sim_tell(user, "%" YODEL_PRI "%" YODEL_PRI ";", YODEL_ARG(yodel_sio_event_name(event)),
                 YODEL_ARG(yodel_sio_event_args(event)));
    (void)yodel_sio_emit(yodel_sio_to(socket), "hello", "");
}

/* ---- CONNECT ---- */

static void test_sio_connect_joins_namespaces(void **state)
{
    struct sio_client client;
    char sid[YD_ID_LEN + 1];

    (void)add_ns("chat"); /* the slash is added */
    sio_sim_open(&sim, 0, &client);
    sio_sim_expect_nothing(&client);
    sio_sim_join(&client, "/", "");
    memcpy(sid, client.sid, sizeof sid);
    assert_string_equal(client.pid, ""); /* no recovery */
    sio_sim_join(&client, "/chat", "{\"a\":1}");
    assert_string_not_equal(sid, client.sid);
    assert_int_equal(json_integer_value(json_object_get(yodel_sio_socket_auth(sim.socket), "a")),
                     1);
    sio_sim_expect_told(&sim, "connection /;connection /chat;");
    sio_sim_leave(&client);
    sio_sim_expect_told(&sim, "disconnecting transport close;disconnect transport close;"
                              "disconnecting transport close;disconnect transport close;");
    sio_sim_stop(&sim);
    assert_int_equal(sim.released, 2);
}

static void test_sio_connect_refuses_unknown_namespaces(void **state)
{
    struct sio_client client;

    sio_sim_open(&sim, 0, &client);
    sio_sim_say(&client, "0/nowhere,");
    sio_sim_expect(&client, "4/nowhere,{\"message\":\"Invalid namespace\"}");
    sio_sim_say(&client, "0/?a=b"); /* a name like any other */
    sio_sim_expect(&client, "4/?a=b,{\"message\":\"Invalid namespace\"}");
    sio_sim_join(&client, "/", ""); /* the connection goes on */
}

/* It is read from when none of its sockets is paused. */
static void test_sio_connect_pauses_a_client(void **state)
{
    struct sio_client client;
    yodel_sio_socket *first;

    assert_int_equal(yodel_sio_namespace_on(add_ns("chat"), "a", say_hello, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_join(&client, "/", "");
    first = sim.socket;
    sio_sim_join(&client, "/chat", "");
    assert_int_equal(yodel_sio_socket_session_id(first).len, 20);
    assert_true(
        yodel_str_eq(yodel_sio_socket_session_id(first), yodel_sio_socket_session_id(sim.socket)));
    sio_sim_expect_told(&sim, "connection /;connection /chat;");
    assert_int_equal(yodel_sio_socket_pause(first), 0);
    assert_int_equal(yodel_sio_socket_pause(first), 0);
    sio_sim_say(&client, "2/chat,[\"a\"]");
    sio_sim_expect_told(&sim, "");
    assert_int_equal(yodel_sio_socket_pause(sim.socket), 0);
    assert_int_equal(yodel_sio_socket_resume(sim.socket), 0);
    assert_int_equal(yodel_sio_socket_resume(sim.socket), 0);
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "");
    assert_int_equal(yodel_sio_socket_resume(first), 0);
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "a[];");
    assert_int_equal(yodel_sio_socket_pause(NULL), -EINVAL);
    assert_int_equal(yodel_sio_socket_resume(NULL), -EINVAL);
    assert_null(yodel_sio_socket_session_id(NULL).ptr);
    assert_int_equal(yodel_sio_socket_buffered(NULL), 0);
    assert_int_equal(yodel_sio_socket_buffered(first), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to(sim.socket), "b", ""), 0);
    assert_true(yodel_sio_socket_buffered(first) > 0);
    sio_sim_run(&sim);
    assert_int_equal(yodel_sio_socket_buffered(first), 0);
}

static void pause_it(yodel_sio_socket *socket, void *arg)
{
    (void)arg;
    assert_int_equal(yodel_sio_socket_pause(socket), 0);
    yodel_sio_socket_disconnect(socket, 0);
    assert_int_equal(yodel_sio_socket_pause(socket), 0);
}

static int pause_and_refuse(yodel_sio_socket *socket, void *user)
{
    (void)user;
    assert_int_equal(yodel_sio_socket_pause(socket), 0);
    return -EACCES;
}

static void test_sio_connect_ends_the_pause_of_a_socket_that_goes(void **state)
{
    yodel_sio_namespace *chat = add_ns("chat"), *closed = add_ns("closed");
    struct sio_client client;

    assert_int_equal(yodel_sio_namespace_on(sim.ns, "a", say_hello, &sim), 0);
    assert_int_equal(yodel_sio_namespace_use(closed, pause_and_refuse, NULL), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_join(&client, "/", "");
    sio_sim_join(&client, "/chat", "");
    sio_sim_expect_told(&sim, "connection /;connection /chat;");
    assert_int_equal(yodel_sio_namespace_post(chat, client.sid, pause_it, NULL, NULL), 0);
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "disconnecting server namespace disconnect;"
                              "disconnect server namespace disconnect;");
    sio_sim_expect(&client, "1/chat,");
    sio_sim_say(&client, "0/closed,");
    sio_sim_say(&client, "2[\"a\"]");
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "a[];");
}

static void expect_fatal(const char *first, const char *second)
{
    struct sio_client client;

    start();
    (void)add_ns("/chat");
    sio_sim_open(&sim, 0, &client);
    sio_sim_join(&client, "/", "");
    sio_sim_put(&client, first);
    if (second != NULL)
        sio_sim_put(&client, second);
    sio_sim_run(&sim);
    sio_sim_expect_closed(&client);
    sio_sim_expect_told(&sim, "connection /;disconnecting forced close;disconnect forced close;");
    sio_sim_stop(&sim);
}

static void test_sio_connect_closes_who_breaks_the_protocol(void **state)
{
    expect_fatal("0", NULL);              /* twice */
    expect_fatal("2/chat,[\"a\"]", NULL); /* never joined */
    expect_fatal("1/chat,", NULL);
    expect_fatal("3/chat,1[]", NULL);
    expect_fatal("4{}", NULL);
    expect_fatal("7", NULL);
    expect_fatal("2[\"connect\"]", NULL);
    expect_fatal("51-[\"a\"]", "2[\"b\"]"); /* text where an attachment is due */
    expect_fatal("511-[\"a\"]", NULL);
}

static void test_sio_connect_refuses_stray_attachments(void **state)
{
    struct sio_client client;

    sio_sim_connect(&sim, 0, &client);
    sio_sim_say_binary(&client, "x", 1);
    sio_sim_expect_closed(&client);
    sio_sim_expect_told(&sim, "disconnecting forced close;disconnect forced close;");
}

static void test_sio_connect_must_come_in_time(void **state)
{
    struct sio_client idle, busy;

    sio_sim_open(&sim, 0, &idle);
    sio_sim_open(&sim, 0, &busy);
    sio_sim_join(&busy, "/", "");
    sio_sim_say(&busy, "1"); /* who has joined once may stay */
    sio_sim_advance(&sim, 1999);
    sio_sim_expect_nothing(&idle);
    sio_sim_advance(&sim, 1);
    sio_sim_expect_closed(&idle);
    sio_sim_advance(&sim, 5000);
    sio_sim_expect_nothing(&busy);
    sio_sim_join(&busy, "/", "");
}

static void test_sio_connect_limits_namespaces(void **state)
{
    yodel_sio_stats stats = {.size = sizeof stats};
    struct sio_client client;
    yodel_sio_options options;

    sio_sim_options(&options);
    options.max_namespaces = 2;
    start_with(&options);
    (void)add_ns("/a");
    (void)add_ns("/b");
    sio_sim_open(&sim, 0, &client);
    sio_sim_join(&client, "/", "");
    sio_sim_join(&client, "/a", "");
    sio_sim_say(&client, "1/a,");
    sio_sim_join(&client, "/b", "");
    sio_sim_say(&client, "0/a,");
    sio_sim_expect_closed(&client);
    assert_int_equal(yodel_sio_get_stats(sim.sio, &stats), 0);
    assert_int_equal(stats.namespaces_refused, 1);
    assert_int_equal(stats.sessions_refused, 0);
}

/* ---- leaving ---- */

static void kick(struct sio_sim *that, void *arg)
{
    assert_int_equal(yodel_sio_socket_join(sim.socket, "r1"), 0);
    assert_int_equal(yodel_sio_socket_join(sim.socket, "r2"), 0);
    yodel_sio_socket_disconnect(sim.socket, arg != NULL);
    yodel_sio_socket_disconnect(sim.socket, 0); /* once is enough */
    assert_int_equal(yodel_sio_emit(yodel_sio_to(sim.socket), "late", ""), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_sio_socket_join(sim.socket, "r3"), YODEL_ERR_CLOSED);
    sio_sim_tell(&sim, "kicked;");
}

static void test_sio_connect_leaves_one_namespace(void **state)
{
    struct sio_client client;

    (void)add_ns("/chat");
    sio_sim_connect(&sim, 0, &client);
    sio_sim_join(&client, "/chat", "");
    sio_sim_on_loop(&sim, 0, kick, NULL);
    sio_sim_expect(&client, "1/chat,");
    sio_sim_expect_told(&sim, "connection /chat;kicked;"
                              "disconnecting server namespace disconnect r1 r2;"
                              "disconnect server namespace disconnect;");
    sio_sim_say(&client, "2/chat,[\"a\"]"); /* it was under way */
    sio_sim_say(&client, "3/chat,0[]");
    sio_sim_say(&client, "1/chat,");
    sio_sim_expect_nothing(&client);
    sio_sim_join(&client, "/chat", "");
    sio_sim_say(&client, "1");
    sio_sim_expect_told(&sim, "connection /chat;disconnecting client namespace disconnect;"
                              "disconnect client namespace disconnect;");
    sio_sim_expect_nothing(&client); /* no answer to that */
}

static void test_sio_connect_leaves_and_joins_in_one_turn(void **state)
{
    struct sio_client client;
    char sid[YD_ID_LEN + 1];

    sio_sim_connect(&sim, 0, &client);
    memcpy(sid, client.sid, sizeof sid);
    sio_sim_put(&client, "1");
    sio_sim_join(&client, "/", "");
    assert_string_not_equal(sid, client.sid);
    sio_sim_expect_told(&sim, "disconnecting client namespace disconnect;"
                              "disconnect client namespace disconnect;connection /;");
}

static void test_sio_connect_closes_all(void **state)
{
    struct sio_client client;

    (void)add_ns("/chat");
    sio_sim_connect(&sim, 0, &client);
    sio_sim_join(&client, "/chat", "");
    sim.base.told.len = 0;
    sio_sim_on_loop(&sim, 0, kick, &sim);
    sio_sim_expect(&client, "1");
    sio_sim_expect(&client, "1/chat,");
    sio_sim_expect_closed(&client);
    sio_sim_expect_told(&sim, "kicked;disconnecting server namespace disconnect;"
                              "disconnect server namespace disconnect;"
                              "disconnecting server namespace disconnect r1 r2;"
                              "disconnect server namespace disconnect;");
}

static void send_away(struct sio_sim *that, void *arg)
{
    (void)arg;
    yodel_sio_socket_disconnect(that->socket, YODEL_SIO_COME_BACK);
    yodel_sio_socket_disconnect(that->socket, 0); /* too late to tell it */
    sio_sim_tell(that, "sent away;");
}

static void expect_no_packet(struct sio_client *client)
{
    struct ws_sim_frame frame;

    assert_true(ws_sim_next(client->peer, &frame));
    assert_int_equal(frame.first_byte, 0x88); /* a close frame */
    assert_false(ws_sim_next(client->peer, &frame));
}

/* A client that gets "1" stays away. */
static void test_sio_connect_closes_without_a_packet(void **state)
{
    struct sio_client client;

    (void)add_ns("/chat");
    sio_sim_connect(&sim, 0, &client);
    sio_sim_join(&client, "/chat", "");
    sim.base.told.len = 0;
    sio_sim_on_loop(&sim, 0, send_away, NULL);
    expect_no_packet(&client);
    sio_sim_expect_told(
        &sim, "sent away;disconnecting forced server close;disconnect forced server close;"
              "disconnecting forced server close;disconnect forced server close;");
}

static void test_sio_connect_closes_all_of_a_target_without_a_packet(void **state)
{
    struct sio_client client;

    sio_sim_connect(&sim, 0, &client);
    sim.base.told.len = 0;
    assert_int_equal(yodel_sio_target_disconnect(yodel_sio_to_all(sim.ns), YODEL_SIO_COME_BACK), 0);
    sio_sim_run(&sim);
    expect_no_packet(&client);
    sio_sim_expect_told(&sim, "disconnecting forced server close;disconnect forced server close;");
}

static void stop_it(struct sio_sim *that, void *arg)
{
    (void)arg;
    yd_sio_stop(sim.sio, sim.base.loops[0]);
}

static void test_sio_connect_tells_why_it_ends(void **state)
{
    yodel_sio_options options;
    struct sio_client client;

    sio_sim_options(&options);
    options.ping_interval_ms = 100;
    options.ping_timeout_ms = 50;
    start_with(&options);
    sio_sim_connect(&sim, 0, &client);
    sio_sim_advance(&sim, 150);
    sio_sim_expect_told(&sim, "disconnecting ping timeout;disconnect ping timeout;");
    sio_sim_connect(&sim, 0, &client);
    ws_sim_frame(client.peer, 0x83, "", 0); /* there is no such frame */
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "disconnecting transport error;disconnect transport error;");
    sio_sim_connect(&sim, 0, &client);
    ws_sim_text(client.peer, "9");
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "disconnecting parse error;disconnect parse error;");
    sio_sim_connect(&sim, 0, &client);
    sio_sim_on_loop(&sim, 0, stop_it, NULL);
    sio_sim_expect_told(&sim, "disconnecting server shutting down;"
                              "disconnect server shutting down;");
    assert_null(sio_sim_next(&client)); /* no 41: it shall come back */
}

/* ---- middleware ---- */

static int go_on(yodel_sio_socket *socket, void *user)
{
    sio_sim_tell(user, "go;");
    assert_int_equal(yodel_sio_socket_join(socket, "from middleware"), 0);
    return 0;
}

static yodel_decision *kept;

static int keep(yodel_sio_socket *socket, void *user)
{
    sio_sim_tell(user, "keep;");
    yodel_decision_unref(kept); /* the one before */
    kept = yodel_sio_socket_defer(socket);
    return YODEL_DEFER;
}

/* As from another thread. */
static void let_go(void)
{
    (void)yodel_decision_accept(kept, NULL);
    kept = yodel_decision_unref(kept);
}

static int refuse(yodel_sio_socket *socket, void *user)
{
    sio_sim_tell(user, "refuse;");
    return yodel_sio_socket_refuse(socket, "not \"you\"", "{\"code\":7}");
}

static void broadcast(struct sio_sim *that, void *arg)
{
    (void)arg;
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(sim.ns), "all", ""), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(sim.ns, "from middleware"), "room", ""), 0);
}

static void test_sio_connect_runs_middleware(void **state)
{
    struct sio_client client;

    assert_int_equal(yodel_sio_namespace_use(sim.ns, go_on, &sim), 0);
    assert_int_equal(yodel_sio_namespace_use(sim.ns, keep, &sim), 0);
    assert_int_equal(yodel_sio_namespace_on(sim.ns, "hi", say_hello, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_put(&client, "0"); /* with events in the same payload */
    sio_sim_put(&client, "2[\"hi\",1]");
    sio_sim_put(&client, "52-[\"hi\",{\"_placeholder\":true,\"num\":1}]");
    sio_sim_say_binary(&client, "a", 1);
    sio_sim_say_binary(&client, "", 0);
    sio_sim_expect_told(&sim, "go;keep;");
    sio_sim_on_loop(&sim, 0, broadcast, NULL); /* it is not there yet */
    sio_sim_expect_nothing(&client);
    let_go(); /* as from another thread */
    sio_sim_run(&sim);
    assert_int_equal(sio_sim_next(&client)[0], '0');
    sio_sim_expect(&client, "2[\"hello\"]");
    sio_sim_expect(&client, "2[\"hello\"]");
    sio_sim_expect_told(&sim, "connection /;hi[1];hi[{\"_placeholder\":true,\"num\":1}];");
    sio_sim_on_loop(&sim, 0, broadcast, NULL);
    sio_sim_expect(&client, "2[\"all\"]");
    sio_sim_expect(&client, "2[\"room\"]");
}

static void test_sio_connect_is_refused_by_middleware(void **state)
{
    struct sio_client client;

    assert_int_equal(yodel_sio_namespace_use(sim.ns, keep, &sim), 0);
    assert_int_equal(yodel_sio_namespace_use(sim.ns, refuse, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_say(&client, "0");
    sio_sim_say(&client, "2[\"early\"]");
    let_go();
    sio_sim_run(&sim);
    sio_sim_expect(&client, "4{\"message\":\"not \\\"you\\\"\",\"data\":{\"code\":7}}");
    sio_sim_say(&client, "2[\"late\"]"); /* as if it had come a moment before */
    sio_sim_expect_nothing(&client);
    sio_sim_say(&client, "0"); /* once more */
    (void)yodel_decision_refuse(kept, "no", NULL);
    kept = yodel_decision_unref(kept);
    sio_sim_run(&sim);
    sio_sim_expect(&client, "4{\"message\":\"no\"}");
    sio_sim_expect_told(&sim, "keep;refuse;keep;");
    sio_sim_advance(&sim, 2000); /* nothing was joined */
    sio_sim_expect_closed(&client);
}

static void go_at_end(void)
{
    let_go();
}

static void test_sio_connect_may_be_given_up_meanwhile(void **state)
{
    struct sio_client client;

    assert_int_equal(yodel_sio_namespace_use(sim.ns, keep, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_say(&client, "0");
    sio_sim_say(&client, "2[\"early\"]");
    sio_sim_leave(&client);
    let_go();
    sio_sim_run(&sim);
    sio_sim_open(&sim, 0, &client);
    sio_sim_say(&client, "0");
    sio_sim_say(&client, "1");
    (void)yodel_decision_refuse(kept, "late", NULL);
    kept = yodel_decision_unref(kept);
    sio_sim_run(&sim);
    sio_sim_expect_nothing(&client);
    sio_sim_expect_told(&sim, "keep;keep;"); /* never connected, never disconnected */
    sio_sim_say(&client, "0");
    sim.at_end = go_at_end; /* it is still kept */
    sio_sim_stop(&sim);
    assert_int_equal(sim.released, 2);
}

static void test_sio_connect_bounds_what_comes_early(void **state)
{
    struct sio_client client;
    char text[600];

    assert_int_equal(yodel_sio_namespace_use(sim.ns, keep, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_say(&client, "0");
    (void)snprintf(text, sizeof text, "2[\"%0500d\"]", 1);
    for (int i = 0; i < 2; i++)
        sio_sim_say(&client, text);
    sio_sim_expect_nothing(&client);
    for (int i = 0; i < 3; i++)
        sio_sim_say(&client, text);
    sio_sim_expect_closed(&client);
    let_go();
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "keep;");
}

/* ---- dynamic namespaces ---- */

static int match(yodel_sio_entry *entry, yodel_str name, const json_t *auth, void *user)
{
    (void)user;
    return name.len > 3 && memcmp(name.ptr, "/f-", 3) == 0 &&
                   json_is_true(json_object_get(auth, "ok"))
               ? 0
               : -EPERM;
}

static void count(yodel_str name, void *user)
{
    char text[YODEL_SIO_MAX_NAME + 1];
    yodel_sio_namespace *ns;

    (void)snprintf(text, sizeof text, "%" YODEL_PRI, YODEL_ARG(name));
    ns = yodel_sio_find_namespace(sim.sio, text); /* it may be asked for inside */
    assert_non_null(ns);
    (void)yodel_sio_namespace_unref(ns);
    if (name.len > 1)
        sio_sim_tell(&sim, "%" YODEL_PRI " ", YODEL_ARG(name));
}

static void run_dynamic(int cleanup)
{
    yodel_sio_namespace *pattern, *function, *child;
    yodel_sio_options options;
    struct sio_client a, b;

    sio_sim_options(&options);
    options.keep_empty_children = !cleanup;
    start_with(&options);
    assert_null(sio_sim_of_pattern(sim.sio, "/("));
    assert_null(sio_sim_of(sim.sio, "/a,b"));
    assert_null(sio_sim_of(sim.sio, "/\xff"));
    pattern = sio_sim_of_pattern(sim.sio, "/room-\\d+");
    assert_int_equal(yodel_sio_of_function(sim.sio, match, NULL, &function), 0);
    assert_int_equal(sio_sim_handle(&sim, pattern), 0);
    assert_int_equal(sio_sim_handle(&sim, function), 0);
    assert_int_equal(yodel_sio_namespace_on(pattern, "hi", say_hello, &sim), 0);
    sio_sim_connect(&sim, 0, &a);
    sio_sim_connect(&sim, 0, &b);
    sio_sim_join(&a, "/room-1", "");
    sio_sim_join(&b, "/room-1", "");
    sio_sim_join(&a, "/f-x", "{\"ok\":true}");
    sio_sim_say(&a, "0/f-y,{\"ok\":false}");
    sio_sim_expect(&a, "4/f-y,{\"message\":\"Invalid namespace\"}");
    sio_sim_say(&a, "0/room-1x,");
    sio_sim_expect(&a, "4/room-1x,{\"message\":\"Invalid namespace\"}");
    sio_sim_join(&b, "/f-x", ""); /* it is there now: no one is asked */
    sio_sim_expect_told(&sim, "connection /room-1;connection /room-1;connection /f-x;"
                              "connection /f-x;");
    sio_sim_say(&b, "2/room-1,[\"hi\"]");
    sio_sim_expect_told(&sim, "hi[];");
    sio_sim_expect(&b, "2/room-1,[\"hello\"]");
    child = yodel_sio_find_namespace(sim.sio, "/room-1");
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(child), "to child", ""), 0);
    sio_sim_run(&sim);
    sio_sim_expect(&a, "2/room-1,[\"to child\"]");
    sio_sim_expect(&b, "2/room-1,[\"to child\"]");
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(pattern), "to parent", ""), 0);
    sio_sim_run(&sim);
    sio_sim_expect(&a, "2/room-1,[\"to parent\"]");
    sio_sim_say(&a, "1/room-1,");
    sio_sim_leave(&b);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(child), "to no one", ""), 0);
    assert_null(yodel_sio_namespace_unref(child));
    sim.base.told.len = 0;
    yodel_sio_each_namespace(sim.sio, count, &sim);
    if (cleanup)
        sio_sim_expect_told(&sim, "/f-x ");
    else
        assert_int_equal(sim.base.told.len, strlen("/f-x /room-1 "));
    sim.base.told.len = 0;
    sio_sim_join(&a, "/room-1", "");
    sio_sim_expect_told(&sim, "connection /room-1;");
    sio_sim_stop(&sim);
}

static void test_sio_connect_makes_namespaces(void **state)
{
    run_dynamic(0);
    run_dynamic(1);
}

static void test_sio_connect_cleans_up_refused_namespaces(void **state)
{
    yodel_sio_namespace *parent;
    yodel_sio_options options;
    struct sio_client client;

    sio_sim_options(&options);
    start_with(&options);
    parent = sio_sim_of_pattern(sim.sio, "/x.*");
    assert_int_equal(yodel_sio_namespace_use(parent, refuse, &sim), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_say(&client, "0/x1,");
    sio_sim_expect(&client, "4/x1,{\"message\":\"not \\\"you\\\"\",\"data\":{\"code\":7}}");
    assert_null(yodel_sio_find_namespace(sim.sio, "/x1"));
}

/* ---- set-up and handshake ---- */

static void look_at_handshake(struct sio_sim *that, void *arg)
{
    json_t *handshake = yodel_sio_socket_handshake(sim.socket);
    const char *address = NULL, *x = NULL, *a = NULL, *url = NULL;
    int auth = 0;

    (void)arg;
    assert_int_equal(json_unpack(handshake, "{s:s, s:{s:s}, s:{s:s}, s:{s:i}, s:s}", "address",
                                 &address, "headers", "x-test", &x, "query", "a", &a, "auth", "n",
                                 &auth, "url", &url),
                     0);
    assert_string_equal(x, "yes");
    assert_string_equal(a, "b");
    assert_int_equal(auth, 5);
    assert_string_equal(url, "/socket.io/?EIO=4&transport=websocket&a=b");
    assert_true(yodel_str_eq(yodel_sio_socket_header(sim.socket, "X-test"), YODEL_STR("yes")));
    assert_null(yodel_sio_socket_header(sim.socket, "None").ptr);
    assert_string_equal(yodel_sio_socket_transport(sim.socket), "websocket");
    assert_ptr_equal(yodel_sio_socket_sio(sim.socket), sim.sio);
    json_object_set_new(json_object_get(handshake, "auth"), "n", json_integer(6));
    assert_int_equal(json_integer_value(json_object_get(yodel_sio_socket_auth(sim.socket), "n")),
                     5);
    json_decref(handshake);
}

static void look_at_query(struct sio_sim *s, void *arg)
{
    yodel_str once = yodel_sio_socket_header(s->socket, "a b");

    (void)arg;
    assert_true(yodel_str_eq(once, YODEL_STR("x y\xc3\xa4")));
    assert_ptr_equal(yodel_sio_socket_header(s->socket, "a b").ptr, once.ptr);
    assert_true(yodel_str_eq(yodel_sio_socket_header(s->socket, "EIO"), YODEL_STR("4")));
    assert_true(yodel_str_eq(yodel_sio_socket_header(s->socket, "bad"), YODEL_STR("%zz")));
    assert_true(yodel_str_eq(yodel_sio_socket_header(s->socket, "x-test"), YODEL_STR("header")));
    assert_non_null(yodel_sio_socket_header(s->socket, "empty").ptr);
    assert_int_equal(yodel_sio_socket_header(s->socket, "empty").len, 0);
    assert_null(yodel_sio_socket_header(s->socket, "eio").ptr);
}

static void test_sio_connect_knows_fields_of_the_query(void **state)
{
    struct sio_client client = {.sim = &sim};
    struct ws_sim_frame frame;
    const char *head;

    client.peer = sim_connect(sim.base.loops[0]);
    sim_send_text(
        client.peer,
        "GET /socket.io/?EIO=4&transport=websocket&a+b=x%20y%c3%a4&bad=%zz&empty&X-Test=q "
        "HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "X-Test: header\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n");
    sio_sim_run(&sim);
    head = strstr(sim_received(client.peer), "\r\n\r\n");
    assert_non_null(head);
    yd_buf_consume(&client.peer->output, (size_t)(head + 4 - sim_received(client.peer)));
    (void)ws_sim_next(client.peer, &frame);
    sio_sim_join(&client, "/", "");
    sio_sim_on_loop(&sim, 0, look_at_query, NULL);
}

static void test_sio_connect_knows_the_handshake(void **state)
{
    struct sio_client client;
    yodel_sio_stats stats = {.size = sizeof stats};

    assert_int_equal(yodel_sio_namespace_on(sim.ns, "disconnect", say_hello, NULL), YODEL_ERR_NAME);
    sio_sim_open(&sim, 0, &client);
    sio_sim_join(&client, "/", "{\"n\":5}");
    sio_sim_on_loop(&sim, 0, look_at_handshake, NULL);
    assert_int_equal(yodel_sio_get_stats(sim.sio, &stats), 0);
    assert_int_equal(stats.clients, 1);
    assert_int_equal(stats.polling, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_connect_joins_namespaces),
        FIXTURE_TEST(test_sio_connect_pauses_a_client),
        FIXTURE_TEST(test_sio_connect_ends_the_pause_of_a_socket_that_goes),
        FIXTURE_TEST(test_sio_connect_refuses_unknown_namespaces),
        TEARDOWN_TEST(test_sio_connect_closes_who_breaks_the_protocol),
        FIXTURE_TEST(test_sio_connect_refuses_stray_attachments),
        FIXTURE_TEST(test_sio_connect_must_come_in_time),
        TEARDOWN_TEST(test_sio_connect_limits_namespaces),
        FIXTURE_TEST(test_sio_connect_leaves_one_namespace),
        FIXTURE_TEST(test_sio_connect_leaves_and_joins_in_one_turn),
        FIXTURE_TEST(test_sio_connect_closes_all),
        FIXTURE_TEST(test_sio_connect_closes_without_a_packet),
        FIXTURE_TEST(test_sio_connect_closes_all_of_a_target_without_a_packet),
        TEARDOWN_TEST(test_sio_connect_tells_why_it_ends),
        FIXTURE_TEST(test_sio_connect_runs_middleware),
        FIXTURE_TEST(test_sio_connect_is_refused_by_middleware),
        FIXTURE_TEST(test_sio_connect_may_be_given_up_meanwhile),
        FIXTURE_TEST(test_sio_connect_bounds_what_comes_early),
        TEARDOWN_TEST(test_sio_connect_makes_namespaces),
        TEARDOWN_TEST(test_sio_connect_cleans_up_refused_namespaces),
        FIXTURE_TEST(test_sio_connect_knows_the_handshake),
        FIXTURE_TEST(test_sio_connect_knows_fields_of_the_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
