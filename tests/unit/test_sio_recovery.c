/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "sio/remote.h"
#include "sio/socket.h"
#include "sio_sim.h"

/* Connection state recovery, on one loop and across loops. */

#define RECOVERY_MS 5000

struct world {
    struct sio_sim sim;
    struct sio_client client; /* the one that comes and goes */
    char offset[100];         /* that it has seen last */
};

static struct failmem fm;
static struct world world;

static void start_with(const yodel_sio_options *options)
{
    yodel_sio_options defaults;

    memset(&world, 0, sizeof world);
    sio_sim_options(&defaults);
    defaults.recovery_ms = RECOVERY_MS;
    failmem_init(&fm, 0);
    assert_int_equal(sio_sim_start(&world.sim, &fm.mem, 3, options != NULL ? options : &defaults),
                     0);
    sio_sim_connect(&world.sim, 0, &world.client);
    assert_string_not_equal(world.client.pid, "");
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
    sio_sim_stop(&world.sim);
    failmem_assert_empty(&fm);
    return 0;
}

static void emit(const char *name)
{
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(world.sim.ns), name, ""), 0);
}

static void emit_volatile(const char *name)
{
    assert_int_equal(
        yodel_sio_emit(yodel_sio_target_with(yodel_sio_to_all(world.sim.ns), YODEL_SIO_VOLATILE),
                       name, ""),
        0);
}

/* Takes the next packet, an event of that name with an offset at its end, which is kept. */
static void expect(struct sio_client *client, const char *name)
{
    const char *text = sio_sim_next(client);
    char begin[50];
    int len = snprintf(begin, sizeof begin, "2[\"%s\",\"", name);

    assert_non_null(text);
    assert_memory_equal(text, begin, (size_t)len);
    (void)snprintf(world.offset, sizeof world.offset, "%.*s", (int)strcspn(text + len, "\""),
                   text + len);
    assert_string_equal(text + len + strlen(world.offset), "\"]");
}

/* Comes back on a loop with the pid and offset ("": none) that it has; the answer is still to come.
 */
static void put_back(unsigned loop, struct sio_client *ret_client)
{
    char text[200];

    sio_sim_open(&world.sim, loop, ret_client);
    (void)snprintf(text, sizeof text, "0{\"pid\":\"%s\"%s%s%s}", world.client.pid,
                   world.offset[0] != '\0' ? ",\"offset\":\"" : "", world.offset,
                   world.offset[0] != '\0' ? "\"" : "");
    sio_sim_put(ret_client, text);
}

static void come_back(unsigned loop, struct sio_client *ret_client)
{
    put_back(loop, ret_client);
    sio_sim_run(&world.sim);
}

static void expect_recovered(struct sio_client *client)
{
    char text[200];

    (void)snprintf(text, sizeof text, "0{\"sid\":\"%s\",\"pid\":\"%s\"}", world.client.sid,
                   world.client.pid);
    sio_sim_expect(client, text);
    assert_non_null(world.sim.socket);
    assert_int_equal(yodel_sio_socket_recovered(world.sim.socket), 1);
}

static void expect_fresh(struct sio_client *client)
{
    const char *text = sio_sim_next(client);

    assert_non_null(text);
    assert_memory_equal(text, "0{\"sid\":\"", 9);
    assert_memory_not_equal(text + 9, world.client.sid, YD_ID_LEN);
    assert_null(strstr(text, world.client.pid));
    assert_int_equal(yodel_sio_socket_recovered(world.sim.socket), 0);
}

static void set_state(struct sio_sim *sim, void *arg)
{
    (void)arg;
    assert_int_equal(yodel_sio_socket_join(sim->socket, "a"), 0);
    assert_int_equal(yodel_sio_socket_join(sim->socket, "b"), 0);
    json_object_set_new(yodel_sio_socket_json(sim->socket), "n", json_integer(5));
}

static void check_state(struct sio_sim *sim, void *arg)
{
    (void)arg;
    assert_int_equal(json_integer_value(json_object_get(yodel_sio_socket_json(sim->socket), "n")),
                     5);
}

static void emit_freed(void *data)
{
    sio_sim_tell(&world.sim, "freed;");
    emit("freed");
}

static yodel_decision *kept_ack;

static void keep_ack(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    kept_ack = yodel_sio_event_ack(event);
}

/* What a client had asked for before it was lost is answered no more: it has given that up. */
static void test_sio_recovery_answers_nothing_from_before(void **state)
{
    struct sio_client client;

    assert_int_equal(yodel_sio_namespace_on(world.sim.ns, "ask", keep_ack, NULL), 0);
    emit("a");
    sio_sim_run(&world.sim);
    expect(&world.client, "a");
    sio_sim_say(&world.client, "27[\"ask\"]");
    assert_non_null(kept_ack);
    sio_sim_leave(&world.client);
    assert_int_equal(yodel_decision_is_open(kept_ack), 0);
    come_back(0, &client);
    expect_recovered(&client);
    assert_int_equal(yodel_decision_answer(kept_ack, "s", "late"), YODEL_ERR_CLOSED);
    kept_ack = yodel_decision_unref(kept_ack);
    sio_sim_run(&world.sim);
    sio_sim_expect_nothing(&client);
}

static void tie_data(struct sio_sim *sim, void *arg)
{
    yodel_sio_socket_set_data(sim->socket, sim, emit_freed);
}

/* Nothing is called while the state goes from one socket to the other, so nothing falls between. */
static void test_sio_recovery_comes_after_the_last_callback(void **state)
{
    for (unsigned loop = 0; loop < 2; loop++) {
        struct sio_client client;

        start();
        sio_sim_on_loop(&world.sim, 0, tie_data, NULL);
        sio_sim_leave(&world.client);
        sio_sim_expect_told(&world.sim,
                            "disconnecting transport close;disconnect transport close;freed;");
        come_back(loop, &client);
        sio_sim_expect_told(&world.sim, "connection /;");
        expect(&client, "freed");
        expect_recovered(&client);
        teardown(state);
    }
    start();
}

/* Across loops with loop 1, else on loop 0. */
static void run_recovery(unsigned loop)
{
    struct sio_client client;

    start();
    sio_sim_on_loop(&world.sim, 0, set_state, NULL);
    emit("1");
    sio_sim_run(&world.sim);
    expect(&world.client, "1");
    emit("2"); /* on its way when the connection breaks */
    sio_sim_leave(&world.client);
    sio_sim_expect_told(&world.sim,
                        "disconnecting transport close a b;disconnect transport close;");
    emit_volatile("volatile");
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(world.sim.ns, "a"), "3", ""), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(world.sim.ns, "c"), "other", ""), 0);
    assert_int_equal(
        yodel_sio_emit(yodel_sio_target_except(yodel_sio_to_all(world.sim.ns), YODEL_ROOMS("b")),
                       "except", ""),
        0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(world.sim.ns, world.client.sid), "4", ""), 0);
    assert_int_equal(yodel_group_send(world.sim.sio->channels, "/#a", YODEL_WS_BINARY,
                                      (yodel_bytes){(const uint8_t *)"x", 1}),
                     0);
    sio_sim_advance(&world.sim, RECOVERY_MS - 1);
    come_back(loop, &client);
    expect(&client, "2");
    expect(&client, "3");
    expect(&client, "4");
    assert_memory_equal(sio_sim_next(&client), "51-[\"message\"", 13);
    sio_sim_expect_binary(&client, "x", 1);
    expect_recovered(&client);
    sio_sim_expect_nothing(&client);
    sio_sim_expect_told(&world.sim, "connection /;");
    sio_sim_on_loop(&world.sim, loop, check_state, NULL);
    sio_sim_advance(&world.sim, 2 * RECOVERY_MS); /* it stays, in its rooms */
    assert_int_equal(
        yodel_sio_emit(yodel_sio_to_rooms(world.sim.ns, YODEL_ROOMS("a", "b")), "5", ""), 0);
    sio_sim_run(&world.sim);
    expect(&client, "5");
    sio_sim_expect_nothing(&client);
    sio_sim_leave(&client); /* and again */
    emit("6");
    come_back(2, &client);
    expect(&client, "6");
    expect_recovered(&client);
    sio_sim_stop(&world.sim);
}

static void test_sio_recovery_sends_what_was_missed(void **state)
{
    run_recovery(0);
    run_recovery(1);
    run_recovery(2);
}

static void test_sio_recovery_ends(void **state)
{
    struct sio_client client;

    emit("1");
    sio_sim_run(&world.sim);
    expect(&world.client, "1");
    sio_sim_leave(&world.client);
    sio_sim_advance(&world.sim, RECOVERY_MS);
    come_back(0, &client);
    expect_fresh(&client);
    come_back(1, &client);
    expect_fresh(&client);
}

static void test_sio_recovery_needs_a_known_offset(void **state)
{
    struct sio_client client;

    for (unsigned loop = 0; loop < 2; loop++) {
        start();
        sio_sim_leave(&world.client);
        (void)snprintf(world.offset, sizeof world.offset, "unknown");
        come_back(loop, &client);
        expect_fresh(&client);
        (void)snprintf(world.offset, sizeof world.offset, "%050d", 1);
        come_back(loop, &client);
        expect_fresh(&client);
        world.offset[0] = '\0'; /* it was not lost by that */
        come_back(loop, &client);
        expect_recovered(&client);
        sio_sim_stop(&world.sim);
    }
}

/* T1: volatile events have an offset, too, which the client tells. */
static void test_sio_recovery_knows_volatile_offsets(void **state)
{
    struct sio_client client;

    emit("1");
    emit_volatile("2");
    sio_sim_run(&world.sim);
    expect(&world.client, "1");
    emit_volatile("2");
    sio_sim_run(&world.sim);
    while (sim_received_len(world.client.peer) > 0)
        expect(&world.client, "2");
    sio_sim_leave(&world.client);
    emit("3");
    come_back(0, &client);
    expect(&client, "3");
    expect_recovered(&client);
    sio_sim_expect_nothing(&client);
}

static void kick(struct sio_sim *sim, void *arg)
{
    (void)arg;
    yodel_sio_socket_disconnect(sim->socket, 0);
}

/* T2: once, and not after leaving the namespace. */
static void test_sio_recovery_happens_once(void **state)
{
    struct sio_client client, again;

    start();
    sio_sim_leave(&world.client);
    come_back(0, &client);
    expect_recovered(&client);
    sio_sim_on_loop(&world.sim, 0, kick, NULL);
    sio_sim_expect(&client, "1");
    come_back(0, &again);
    expect_fresh(&again);
    sio_sim_stop(&world.sim);

    start();
    sio_sim_say(&world.client, "1");
    come_back(0, &client);
    expect_fresh(&client);
    sio_sim_stop(&world.sim);

    start(); /* kicked while it is away */
    sio_sim_leave(&world.client);
    assert_int_equal(yodel_sio_target_disconnect(yodel_sio_to_all(world.sim.ns), 0), 0);
    sio_sim_run(&world.sim);
    come_back(0, &client);
    expect_fresh(&client);
    sio_sim_advance(&world.sim, 2 * RECOVERY_MS); /* nothing of its timer is left */
    sio_sim_stop(&world.sim);
}

static void test_sio_recovery_is_not_for_parse_errors(void **state)
{
    struct sio_client client;

    ws_sim_text(world.client.peer, "9");
    sio_sim_run(&world.sim);
    come_back(0, &client);
    expect_fresh(&client);
}

/* T3: who got nothing has no offset; and the old connection may seem alive. */
static void run_takeover(unsigned loop)
{
    struct sio_client client;

    start();
    emit("1");
    sio_sim_run(&world.sim);
    come_back(loop, &client);
    sio_sim_expect_closed(&world.client);
    expect(&client, "1");
    expect_recovered(&client);
    sio_sim_expect_told(&world.sim, "disconnecting transport close;disconnect transport close;"
                                    "connection /;");
    emit("2");
    sio_sim_run(&world.sim);
    expect(&client, "2");
    sio_sim_expect_nothing(&client);
    sio_sim_stop(&world.sim);
}

static void test_sio_recovery_takes_over(void **state)
{
    run_takeover(0);
    run_takeover(1);
}

/* What has arrived for sure is forgotten, but for its last offset. */
static unsigned count_remembered(const yodel_sio_socket *socket)
{
    unsigned num = 0;

    for (struct yd_sio_entry *entry = socket->memory->log.first; entry != NULL; entry = entry->next)
        num++;
    return num;
}

static void test_sio_recovery_forgets_what_has_arrived(void **state)
{
    yodel_sio_options options;
    struct sio_client client;

    sio_sim_options(&options);
    options.recovery_ms = RECOVERY_MS;
    options.ping_interval_ms = 100;
    options.ping_timeout_ms = 50;
    start_with(&options);
    for (int i = 0; i < 10; i++) {
        struct ws_sim_frame frame;

        emit("1");
        sio_sim_run(&world.sim);
        expect(&world.client, "1");
        sio_sim_advance(&world.sim, 100);
        ws_sim_next(world.client.peer, &frame);
        ws_sim_text(world.client.peer, "3");
    }
    assert_in_range(count_remembered(world.sim.socket), 2, 4);
    sio_sim_advance(&world.sim, 140);
    ws_sim_text(world.client.peer, "3");
    sio_sim_advance(&world.sim, 100); /* much later, and the connection is lost just now */
    sim_forget(world.client.peer);
    emit("2");
    sio_sim_run(&world.sim);
    sim_forget(world.client.peer);
    sio_sim_leave(&world.client);
    come_back(0, &client); /* with the offset of what it got long ago */
    expect(&client, "2");
    expect_recovered(&client);
}

static void test_sio_recovery_keeps_so_many_bytes(void **state)
{
    yodel_sio_options options;
    struct sio_client client;

    sio_sim_options(&options);
    options.recovery_ms = RECOVERY_MS;
    options.recovery_bytes = 2000;
    for (int num = 5; num <= 50; num += 45) {
        start_with(&options);
        emit("0");
        sio_sim_run(&world.sim);
        expect(&world.client, "0");
        sio_sim_leave(&world.client);
        for (int i = 0; i < num; i++)
            emit("missed");
        come_back(0, &client);
        for (int i = 0; num < 50 && i < num; i++)
            expect(&client, "missed");
        if (num < 50)
            expect_recovered(&client);
        else
            expect_fresh(&client);
        sio_sim_stop(&world.sim);
    }
}

/* More than a client may be sent at once is not recovered, rather than in part. */
static void test_sio_recovery_is_all_or_nothing(void **state)
{
    yodel_sio_options options;
    struct sio_client client;
    char large[1000];

    sio_sim_options(&options);
    options.recovery_ms = RECOVERY_MS;
    start_with(&options);
    sio_sim_leave(&world.client);
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = '\0';
    for (int i = 0; i < 10; i++)
        assert_int_equal(yodel_sio_emit(yodel_sio_to_all(world.sim.ns), "e", "s", large), 0);
    come_back(1, &client);
    expect_fresh(&client);
}

/* ---- while a transfer is under way ---- */

static void join_room(const char *room)
{
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_room(world.sim.ns, world.client.sid),
                                           (const char *const[]){room, NULL}),
                     0);
}

/* Events are sent before each of turns steps of the two loops, in one order or the other; each must
 * come once, and in order. */
static void run_trip(unsigned first, unsigned busy)
{
    struct sio_client client;
    char name[20];
    int num = 0;

    start();
    sio_sim_on_loop(&world.sim, 0, set_state, NULL);
    sio_sim_leave(&world.client);
    put_back(2, &client); /* which asks loop 0 first */
    for (unsigned step = 0; step < 12; step++) {
        unsigned loop = (first + step) % 2 * 2;

        if ((busy >> step % 4 & 1) != 0) {
            (void)snprintf(name, sizeof name, "%d", num++);
            if (step % 3 == 0)
                assert_int_equal(yodel_sio_emit(yodel_sio_to_room(world.sim.ns, "a"), name, ""), 0);
            else
                emit(name);
        }
        if (step == 5)
            join_room("late");
        sio_sim_run_loop(&world.sim, loop);
    }
    sio_sim_run(&world.sim);
    for (int i = 0, connected = 0; i < num; i++) {
        (void)snprintf(name, sizeof name, "2[\"%d\",", i);
        const char *text = sio_sim_next(&client);

        assert_non_null(text);
        if (text[0] == '0') {
            assert_false(connected++);
            assert_non_null(strstr(text, world.client.pid));
            text = sio_sim_next(&client);
            assert_non_null(text);
        }
        assert_memory_equal(text, name, strlen(name));
    }
    sim_forget(client.peer);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(world.sim.ns, "late"), "end", ""), 0);
    sio_sim_run(&world.sim);
    expect(&client, "end");
    sio_sim_expect_nothing(&client);
    sio_sim_stop(&world.sim);
}

static void test_sio_recovery_loses_nothing_on_the_way(void **state)
{
    for (unsigned busy = 0; busy < 16; busy++) {
        run_trip(0, busy);
        run_trip(1, busy);
    }
}

/* From another process: to the old loop it is mail, on the new one a task. */
static void emit_between(void *arg)
{
    const struct yd_sio_remote_scope scope = {.num_rooms = 0};
    const struct yd_sio_remote_words words = {.event = YODEL_STR("between")};
    struct yd_op *op;

    assert_int_equal(yd_sio_remote_emit(world.sim.ns, &scope, &words, 0, NULL, &op), 0);
    assert_int_equal(yd_bus_inject(op, NULL), 0);
    sio_sim_run_loop(&world.sim, 0);
}

static void test_sio_recovery_sends_what_is_a_task_once(void **state)
{
    static const unsigned way[] = {1, 2, 0, 1}; /* until both note, and the old loop has the rest */
    struct sio_client client;

    start();
    emit("seen");
    sio_sim_run(&world.sim);
    expect(&world.client, "seen");
    sio_sim_leave(&world.client);
    put_back(1, &client);
    for (size_t i = 0; i < YD_LEN(way); i++)
        sio_sim_run_loop(&world.sim, way[i]);
    loops_sim_between(&world.sim.base, 1, emit_between, NULL);
    sio_sim_run(&world.sim);
    expect(&client, "between");
    expect_recovered(&client);
    sio_sim_expect_nothing(&client);
}

static void test_sio_recovery_may_be_given_up_on_the_way(void **state)
{
    struct sio_client client;

    for (unsigned steps = 0; steps < 6; steps++) {
        start();
        sio_sim_leave(&world.client);
        put_back(2, &client);
        for (unsigned i = 0; i < steps; i++)
            sio_sim_run_loop(&world.sim, (i + 1) % 2 * 2);
        sio_sim_leave(&client);
        world.sim.base.told.len = 0;
        sio_sim_connect(&world.sim, 0, &client); /* all goes on */
        sio_sim_stop(&world.sim);
    }
}

/* Two connections with the same pid: one gets the state, never both. */
static void test_sio_recovery_is_for_one(void **state)
{
    struct sio_client a, b;
    char text[200];
    int recovered = 0;

    sio_sim_leave(&world.client);
    (void)snprintf(text, sizeof text, "0{\"pid\":\"%s\"}", world.client.pid);
    sio_sim_open(&world.sim, 1, &a);
    sio_sim_open(&world.sim, 2, &b);
    sio_sim_put(&a, text);
    sio_sim_put(&b, text);
    sio_sim_run_loop(&world.sim, 1);
    sio_sim_run_loop(&world.sim, 2);
    sio_sim_run(&world.sim);
    for (struct sio_client *client = &a; client != NULL; client = client == &a ? &b : NULL) {
        const char *answer = sio_sim_next(client);

        recovered += answer != NULL && strstr(answer, world.client.pid) != NULL;
    }
    assert_int_equal(recovered, 1);
}

/* ---- middleware ---- */

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

static void run_middleware(int use, unsigned loop)
{
    yodel_sio_options options;
    struct sio_client client;

    memset(&world, 0, sizeof world);
    sio_sim_options(&options);
    options.recovery_ms = RECOVERY_MS;
    options.recovery_use_middleware = use;
    assert_int_equal(sio_sim_start(&world.sim, &fm.mem, 3, &options), 0);
    assert_int_equal(yodel_sio_namespace_use(world.sim.ns, keep, &world.sim), 0);
    sio_sim_open(&world.sim, 0, &world.client);
    sio_sim_say(&world.client, "0");
    let_go();
    sio_sim_run(&world.sim);
    (void)sscanf(sio_sim_next(&world.client), "0{\"sid\":\"%20[^\"]\",\"pid\":\"%20[^\"]",
                 world.client.sid, world.client.pid);
    sio_sim_leave(&world.client);
    world.sim.base.told.len = 0;
    emit("1");
    come_back(loop, &client);
    sio_sim_expect_told(&world.sim, use ? "keep;" : "connection /;");
    if (use) {
        sio_sim_expect_nothing(&client);
        emit("2"); /* it misses nothing while it waits */
        sio_sim_run(&world.sim);
        let_go();
        sio_sim_run(&world.sim);
    }
    expect(&client, "1");
    if (use)
        expect(&client, "2");
    expect_recovered(&client);
    sio_sim_stop(&world.sim);
}

static void test_sio_recovery_may_run_middleware(void **state)
{
    for (unsigned loop = 0; loop < 2; loop++) {
        run_middleware(0, loop);
        run_middleware(1, loop);
    }
}

/* Those that are away do not keep the service alive. */
static void test_sio_recovery_ends_with_the_service(void **state)
{
    sio_sim_on_loop(&world.sim, 0, set_state, NULL);
    sio_sim_leave(&world.client);
    sio_sim_connect(&world.sim, 1, &world.client);
    sio_sim_stop(&world.sim);
    assert_int_equal(world.sim.released, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEARDOWN_TEST(test_sio_recovery_comes_after_the_last_callback),
        TEARDOWN_TEST(test_sio_recovery_sends_what_was_missed),
        FIXTURE_TEST(test_sio_recovery_answers_nothing_from_before),
        FIXTURE_TEST(test_sio_recovery_ends),
        TEARDOWN_TEST(test_sio_recovery_needs_a_known_offset),
        FIXTURE_TEST(test_sio_recovery_knows_volatile_offsets),
        TEARDOWN_TEST(test_sio_recovery_happens_once),
        FIXTURE_TEST(test_sio_recovery_is_not_for_parse_errors),
        TEARDOWN_TEST(test_sio_recovery_takes_over),
        TEARDOWN_TEST(test_sio_recovery_forgets_what_has_arrived),
        TEARDOWN_TEST(test_sio_recovery_keeps_so_many_bytes),
        TEARDOWN_TEST(test_sio_recovery_is_all_or_nothing),
        TEARDOWN_TEST(test_sio_recovery_loses_nothing_on_the_way),
        TEARDOWN_TEST(test_sio_recovery_sends_what_is_a_task_once),
        TEARDOWN_TEST(test_sio_recovery_may_be_given_up_on_the_way),
        FIXTURE_TEST(test_sio_recovery_is_for_one),
        TEARDOWN_TEST(test_sio_recovery_may_run_middleware),
        FIXTURE_TEST(test_sio_recovery_ends_with_the_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
