/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/mem.h"
#include "sio_sim.h"

/* What programs call while a socket leaves, and while it comes back. */

#define RECOVERY_MS 5000

static yodel_decision *kept; /* by middleware */

static int keep(yodel_sio_socket *socket, void *user)
{
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

static void start(struct sio_sim *sim, int use_middleware)
{
    yodel_sio_options options;

    sio_sim_options(&options);
    options.recovery_ms = RECOVERY_MS;
    options.recovery_use_middleware = use_middleware;
    assert_int_equal(sio_sim_start(sim, &yd_mem_default, 3, &options), 0);
}

/* CONNECT on a loop with the pid of client; nothing runs. */
static void put_back(struct sio_sim *sim, const struct sio_client *client, unsigned loop,
                     struct sio_client *ret_client)
{
    char text[100];

    sio_sim_open(sim, loop, ret_client);
    (void)snprintf(text, sizeof text, "0{\"pid\":\"%s\"}", client->pid);
    sio_sim_put(ret_client, text);
}

static void expect_recovered(struct sio_client *client, const struct sio_client *before)
{
    char text[100];

    (void)snprintf(text, sizeof text, "0{\"sid\":\"%s\",\"pid\":\"%s\"}", before->sid, before->pid);
    sio_sim_expect(client, text);
}

/* The next packet is an event of that name. */
static void expect_event(struct sio_client *client, const char *name)
{
    const char *text = sio_sim_next(client);
    char begin[50];
    int len = snprintf(begin, sizeof begin, "2[\"%s\"", name);

    assert_non_null(text);
    assert_memory_equal(text, begin, (size_t)len);
}

/* ---- stop ---- */

static struct sio_sim *stopping;

static void run_stop(struct yd_mail *mail, void *receiver)
{
    (void)mail;
    yd_sio_stop(stopping->sio, receiver);
}

/* The old loop stops in the turn in which another one asks it for the socket that it still has. */
static void test_sio_ends_while_its_client_comes_back_elsewhere(void **state)
{
    struct yd_mail mail = {NULL, run_stop};
    struct sio_client client, again;
    struct sio_sim sim;

    start(&sim, 0);
    sio_sim_connect(&sim, 0, &client);
    stopping = &sim;
    put_back(&sim, &client, 2, &again);
    assert_int_equal(yd_loop_post(sim.base.loops[0], &mail), 0);
    sio_sim_run_loop(&sim, 2);
    sio_sim_run(&sim);
    sio_sim_expect_told(&sim, "disconnecting transport close;disconnect transport close;"
                              "connection /;");
    sio_sim_stop(&sim);
}

/* ---- watchers ---- */

static int disconnects; /* what the watcher calls it with; -1: not */

static void watch(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args, void *user)
{
    (void)event;
    (void)args;
    (void)user;
    if (disconnects >= 0)
        yodel_sio_socket_disconnect(socket, disconnects);
}

static void emit_to_socket(struct sio_sim *sim, void *arg)
{
    (void)arg;
    assert_int_equal(yodel_sio_emit(yodel_sio_to(sim->socket), "e", ""), YODEL_ERR_CLOSED);
}

static void run_watched(int close, int one)
{
    struct sio_client client;
    struct sio_sim sim;

    start(&sim, 0);
    assert_int_equal(yodel_sio_namespace_on_outgoing(sim.ns, watch, NULL), 0);
    sio_sim_connect(&sim, 0, &client);
    disconnects = close;
    if (one)
        sio_sim_on_loop(&sim, 0, emit_to_socket, NULL);
    else
        assert_int_equal(yodel_sio_emit(yodel_sio_to_all(sim.ns), "e", ""), 0);
    sio_sim_run(&sim);
    sio_sim_expect(&client, "1");
    assert_null(sio_sim_next(&client));
    disconnects = -1;
    sio_sim_stop(&sim);
}

static void test_sio_ends_ahead_of_the_event_it_is_seen_with(void **state)
{
    run_watched(0, 0);
    run_watched(0, 1);
    run_watched(1, 0);
    run_watched(1, 1);
}

/* ---- rooms ---- */

static char told_rooms[200];

static void note_room(yodel_str room, void *user)
{
    (void)user;
    (void)snprintf(told_rooms + strlen(told_rooms), sizeof told_rooms - strlen(told_rooms),
                   "%" YODEL_PRI ";", YODEL_ARG(room));
}

static int joined;

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    (void)reason;
    (void)user;
    told_rooms[0] = '\0';
    yodel_sio_socket_each_room(socket, note_room, NULL);
    joined = yodel_sio_socket_join(socket, "late");
    yodel_sio_socket_leave(socket, "a");
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    struct sio_sim *sim = user;

    sim->socket = socket;
    told_rooms[0] = '\0';
    if (!yodel_sio_socket_recovered(socket))
        assert_int_equal(yodel_sio_socket_join(socket, "a"), 0);
    yodel_sio_socket_each_room(socket, note_room, NULL);
}

static void handle_rooms(struct sio_sim *sim)
{
    yodel_sio_handlers handlers = {
        .size = sizeof handlers, .on_connection = on_connection, .on_disconnect = on_disconnect};

    assert_int_equal(yodel_sio_namespace_handle(sim->ns, &handlers, sim), 0);
}

static void disconnect(struct sio_sim *sim, void *arg)
{
    yodel_sio_socket_disconnect(sim->socket, *(int *)arg);
}

/* As with the JavaScript server; whether its client may come back or not. */
static void test_sio_ends_without_rooms(void **state)
{
    struct sio_client client, again;
    struct sio_sim sim;
    char rooms[200];
    int close = 0;

    start(&sim, 0);
    handle_rooms(&sim);
    sio_sim_connect(&sim, 0, &client);
    (void)snprintf(rooms, sizeof rooms, "%s;a;", client.sid);
    assert_string_equal(told_rooms, rooms);
    sio_sim_leave(&client);
    assert_string_equal(told_rooms, "");
    assert_int_equal(joined, YODEL_ERR_CLOSED);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(sim.ns, "a"), "missed", ""), 0);
    put_back(&sim, &client, 1, &again);
    sio_sim_run(&sim);
    expect_event(&again, "missed");
    expect_recovered(&again, &client);
    assert_string_equal(told_rooms, rooms);
    sio_sim_on_loop(&sim, 1, disconnect, &close);
    assert_string_equal(told_rooms, "");
    assert_int_equal(joined, YODEL_ERR_CLOSED);
    sio_sim_stop(&sim);
}

static void leave_own(struct sio_sim *sim, void *arg)
{
    yodel_sio_socket_leave(sim->socket, arg);
    told_rooms[0] = '\0';
    yodel_sio_socket_each_room(sim->socket, note_room, NULL);
    assert_string_equal(told_rooms, "a;");
    assert_int_equal(yodel_sio_emit(yodel_sio_to(sim->socket), "to it", ""), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_target_but(yodel_sio_to_all(sim->ns), sim->socket),
                                    "to others", ""),
                     0);
    assert_int_equal(
        yodel_sio_emit(yodel_sio_target_except(yodel_sio_to_all(sim->ns), YODEL_ROOMS(arg)),
                       "but its room", ""),
        0);
}

static void join_own(struct sio_sim *sim, void *arg)
{
    assert_int_equal(yodel_sio_socket_join(sim->socket, arg), 0);
}

static void test_sio_ends_being_in_its_own_room(void **state)
{
    struct sio_client client;
    struct sio_sim sim;

    start(&sim, 0);
    handle_rooms(&sim);
    sio_sim_connect(&sim, 0, &client);
    sio_sim_on_loop(&sim, 0, leave_own, client.sid);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(sim.ns, client.sid), "to its room", ""), 0);
    sio_sim_run(&sim);
    expect_event(&client, "to it");
    expect_event(&client, "but its room");
    sio_sim_expect_nothing(&client);
    sio_sim_on_loop(&sim, 0, join_own, client.sid);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(sim.ns, client.sid), "again", ""), 0);
    sio_sim_run(&sim);
    expect_event(&client, "again");
    sio_sim_stop(&sim);
}

static void leave_each(yodel_str room, void *user)
{
    char name[100];

    (void)snprintf(name, sizeof name, "%" YODEL_PRI, YODEL_ARG(room));
    note_room(room, NULL);
    yodel_sio_socket_leave(user, name);
    yodel_sio_socket_leave(user, "c");
}

static void leave_while_told(struct sio_sim *sim, void *arg)
{
    (void)arg;
    assert_int_equal(yodel_sio_socket_join(sim->socket, "b"), 0);
    assert_int_equal(yodel_sio_socket_join(sim->socket, "c"), 0);
    assert_int_equal(yodel_sio_socket_join(sim->socket, "d"), 0);
    yodel_sio_socket_leave(sim->socket, "a");
    told_rooms[0] = '\0';
    yodel_sio_socket_each_room(sim->socket, leave_each, sim->socket);
}

/* What is left before its turn is not told. */
static void test_sio_ends_being_in_rooms_while_they_are_told(void **state)
{
    struct sio_client client;
    struct sio_sim sim;
    char rooms[200];

    start(&sim, 0);
    handle_rooms(&sim);
    sio_sim_connect(&sim, 0, &client);
    sio_sim_on_loop(&sim, 0, leave_while_told, NULL);
    (void)snprintf(rooms, sizeof rooms, "%s;b;d;", client.sid);
    assert_string_equal(told_rooms, rooms);
    sio_sim_stop(&sim);
}

/* ---- lost again ---- */

/* Its client comes back and is lost before it was told that it is connected. */
static void run_lost_again(unsigned loop, unsigned second)
{
    struct sio_client client, again, third;
    struct sio_sim sim;

    start(&sim, 1);
    assert_int_equal(yodel_sio_namespace_use(sim.ns, keep, NULL), 0);
    sio_sim_open(&sim, 0, &client);
    sio_sim_put(&client, "0");
    sio_sim_run(&sim);
    let_go();
    sio_sim_run(&sim);
    assert_int_equal(sscanf(sio_sim_next(&client), "0{\"sid\":\"%20[^\"]\",\"pid\":\"%20[^\"]",
                            client.sid, client.pid),
                     2);
    sio_sim_leave(&client);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(sim.ns), "1", ""), 0);
    put_back(&sim, &client, loop, &again);
    sio_sim_run(&sim);
    sio_sim_leave(&again);
    let_go(); /* too late */
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(sim.ns), "2", ""), 0);
    sio_sim_advance(&sim, RECOVERY_MS - 1);
    put_back(&sim, &client, second, &third);
    sio_sim_run(&sim);
    let_go();
    sio_sim_run(&sim);
    expect_event(&third, "1");
    expect_event(&third, "2");
    expect_recovered(&third, &client);
    sio_sim_expect_nothing(&third);
    sio_sim_stop(&sim);
}

static void test_sio_ends_twice_and_comes_back(void **state)
{
    for (unsigned loop = 0; loop < 3; loop++)
        for (unsigned second = 0; second < 3; second++)
            run_lost_again(loop, second);
}

/* It is lost again while its state is still on the way from the other loop. */
static void run_lost_on_the_way(unsigned turns)
{
    struct sio_client client, again, third;
    struct sio_sim sim;

    start(&sim, 0);
    sio_sim_connect(&sim, 0, &client);
    sio_sim_leave(&client);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(sim.ns), "1", ""), 0);
    sio_sim_run(&sim);
    put_back(&sim, &client, 2, &again);
    for (unsigned i = 0; i < turns; i++)
        sio_sim_run_loop(&sim, (2 + i) % 3);
    sio_sim_leave(&again);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(sim.ns), "2", ""), 0);
    sio_sim_run(&sim);
    sio_sim_advance(&sim, RECOVERY_MS / 2);
    put_back(&sim, &client, 1, &third);
    sio_sim_run(&sim);
    expect_event(&third, "1");
    expect_event(&third, "2");
    expect_recovered(&third, &client);
    sio_sim_stop(&sim);
}

static void test_sio_ends_on_the_way_and_comes_back(void **state)
{
    for (unsigned turns = 0; turns < 9; turns++)
        run_lost_on_the_way(turns);
}

/* ---- on polling ---- */

/* Sends a request of that sid ("": none) and leaves the answer's body in ret_body. */
static void poll(struct sio_sim *sim, const char *sid, const char *body, char *ret_body,
                 size_t size)
{
    struct sim_peer *peer = sim_connect(sim->base.loops[0]);
    char head[300];
    const char *end;

    (void)snprintf(head, sizeof head,
                   "%s /socket.io/?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: a\r\n"
                   "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                   body[0] != '\0' ? "POST" : "GET", sid[0] != '\0' ? "&sid=" : "", sid,
                   strlen(body));
    sim_send_text(peer, head);
    sim_send_text(peer, body);
    sio_sim_run(sim);
    end = strstr(sim_received(peer), "\r\n\r\n");
    (void)snprintf(ret_body, size, "%s", end != NULL ? end + 4 : "");
}

/* Attachments of size bytes are missed; polling makes them longer by a third. */
static bool comes_back_on_polling(size_t size, unsigned num)
{
    static char body[10000];
    uint8_t data[1000] = {0};
    yodel_bytes attachment = {data, size};
    yodel_sio_args args = {sizeof args, YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"),
                           &attachment, 1};
    struct sio_client client;
    struct sio_sim sim;
    char sid[21] = "", text[100];
    bool recovered;

    start(&sim, 0);
    sio_sim_connect(&sim, 0, &client);
    sio_sim_leave(&client);
    for (unsigned i = 0; i < num; i++)
        assert_int_equal(yodel_sio_emit_args(yodel_sio_to_all(sim.ns), "e", &args), 0);
    sim.base.told.len = 0;
    poll(&sim, "", "", body, sizeof body);
    assert_int_equal(sscanf(body, "0{\"sid\":\"%20[^\"]", sid), 1);
    (void)snprintf(text, sizeof text, "40{\"pid\":\"%s\"}", client.pid);
    poll(&sim, sid, text, body, sizeof body);
    poll(&sim, sid, "", body, sizeof body);
    sio_sim_expect_told(&sim, "connection /;");
    recovered = yodel_sio_socket_recovered(sim.socket) != 0;
    assert_int_equal(strstr(body, client.sid) != NULL, recovered);
    assert_non_null(strstr(body, "40{\"sid\""));
    sio_sim_stop(&sim);
    return recovered;
}

/* The state, or a fresh session, but not the end of the connection half way. */
static void test_sio_ends_and_comes_back_on_polling(void **state)
{
    assert_true(comes_back_on_polling(700, 1));
    assert_true(comes_back_on_polling(500, 3));
    assert_false(comes_back_on_polling(560, 4));
    assert_false(comes_back_on_polling(900, 4));
}

/* ---- an emit while it moves ---- */

static struct sio_client *mover;

/* The emitting thread stops between its two posts until the client is back on a third loop, or can
 * get no further. */
static void come_back_inside(struct yd_loop *loop, void *arg)
{
    struct sio_sim *sim = arg;
    struct sio_client again;

    sim_on_wake(loop, NULL, NULL);
    put_back(sim, mover, 1, &again);
    sio_sim_run(sim);
    (void)snprintf(again.pid, sizeof again.pid, "%s", mover->pid);
    (void)snprintf(again.sid, sizeof again.sid, "%s", mover->sid);
    *mover = again;
}

static void test_sio_ends_losing_no_emit_that_was_begun(void **state)
{
    struct sio_client bystander, client;
    struct sio_sim sim;
    const char *text;
    int events = 0, answers = 0;

    start(&sim, 0);
    sio_sim_connect(&sim, 0, &bystander);
    sio_sim_connect(&sim, 2, &client);
    sio_sim_leave(&client);
    mover = &client;
    sim_on_wake(sim.base.loops[0], come_back_inside, &sim);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(sim.ns), "e", ""), 0);
    sio_sim_run(&sim);
    while ((text = sio_sim_next(&client)) != NULL) {
        events += text[0] == '2';
        answers += text[0] == '0' && strstr(text, client.pid) != NULL;
    }
    assert_int_equal(answers, 1);
    assert_int_equal(events, 1);
    expect_event(&bystander, "e");
    sio_sim_stop(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sio_ends_while_its_client_comes_back_elsewhere),
        cmocka_unit_test(test_sio_ends_ahead_of_the_event_it_is_seen_with),
        cmocka_unit_test(test_sio_ends_without_rooms),
        cmocka_unit_test(test_sio_ends_being_in_its_own_room),
        cmocka_unit_test(test_sio_ends_being_in_rooms_while_they_are_told),
        cmocka_unit_test(test_sio_ends_twice_and_comes_back),
        cmocka_unit_test(test_sio_ends_on_the_way_and_comes_back),
        cmocka_unit_test(test_sio_ends_and_comes_back_on_polling),
        cmocka_unit_test(test_sio_ends_losing_no_emit_that_was_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
