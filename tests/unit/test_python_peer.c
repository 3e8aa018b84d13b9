/* SPDX-License-Identifier: MIT */
#include "adapter/python_peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "failmem.h"
#include "hex.h"
#include "sio_sim.h"

/*
 * Two services on one channel, which carries what they publish to all who listen, the sender too.
 * The Python on it is the test.
 */

#define LOOPS 2
#define MAX_QUEUED 64
#define PY_HOST "0123456789abcdef0123456789abcdef"
#define PY_SID "PythonPythonPython_1"

struct process {
    struct sio_sim sim;
    struct failmem fm;
    struct yd_python_peer peer;
    struct sio_client clients[LOOPS];
};

static struct {
    struct process processes[2];
    struct yd_buf queue[MAX_QUEUED]; /* published, not yet delivered */
    unsigned num_queued;
    char published[4000]; /* each with ';' after it */
    char told[1000];
    int failing; /* what publishing returns */
} world;

static int publish(struct yd_python_peer *peer, yodel_bytes message)
{
    size_t len = strlen(world.published);

    if (world.failing < 0)
        return world.failing;
    assert_true(world.num_queued < MAX_QUEUED);
    assert_int_equal(
        yd_buf_append(&yd_mem_default, &world.queue[world.num_queued++], message.ptr, message.len),
        0);
    snprintf(world.published + len, sizeof world.published - len, "%.*s;", (int)message.len,
             (const char *)message.ptr);
    return 0;
}

static void receive(const void *bytes, size_t len)
{
    for (int i = 0; i < 2; i++)
        (void)yd_python_peer_receive(&world.processes[i].peer, (yodel_bytes){bytes, len});
}

static void run(void)
{
    for (int i = 0; i < 10; i++) {
        for (int j = 0; j < 2; j++)
            sio_sim_run(&world.processes[j].sim);
        for (unsigned k = 0; k < world.num_queued; k++) {
            receive(world.queue[k].ptr, world.queue[k].len);
            yd_buf_free(&yd_mem_default, &world.queue[k]);
        }
        world.num_queued = 0;
    }
}

static void advance(uint64_t ms)
{
    for (int j = 0; j < 2; j++)
        sio_sim_advance(&world.processes[j].sim, ms);
    run();
}

/* A message of Python's; %s is the id of a client. */
static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    char text[2000];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    receive(text, strlen(text));
    run();
}

static void expect_published(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* @ in it stands for the name of the first process. */
static void expect_published(const char *format, ...)
{
    char with_marks[2000], expected[3000] = "", *out = expected;
    va_list args;

    va_start(args, format);
    vsnprintf(with_marks, sizeof with_marks, format, args);
    va_end(args);
    for (const char *at = with_marks; *at != '\0'; at++) {
        if (*at == '@')
            out += sprintf(out, "%s", yd_bus_process(&world.processes[0].sim.bus));
        else
            *out++ = *at;
        *out = '\0';
    }
    assert_string_equal(world.published, expected);
    world.published[0] = '\0';
}

#define FROM_YODEL "\"host_id\":\"@\",\"yodel\":true};"

static void start_form(enum yd_python_form form)
{
    struct yd_python_options options = {form, 100000, 3000, 2};

    memset(&world, 0, sizeof world);
    for (unsigned i = 0; i < 2; i++) {
        struct process *process = &world.processes[i];

        failmem_init(&process->fm, 0);
        assert_int_equal(sio_sim_start(&process->sim, &process->fm.mem, LOOPS, NULL), 0);
        assert_int_equal(yd_python_peer_init(&process->peer, process->sim.sio, &options, publish),
                         0);
        for (unsigned j = 0; j < LOOPS; j++)
            sio_sim_connect(&process->sim, j, &process->clients[j]);
    }
    yd_bus_set_process(&world.processes[1].sim.bus, "ffffffffffffffffffffffffffffffff");
}

static void start(void)
{
    start_form(YD_PYTHON_LIST);
}

static void stop(void)
{
    for (unsigned i = 0; i < 2; i++)
        sio_sim_stop(&world.processes[i].sim);
    for (unsigned i = 0; i < 2; i++)
        failmem_assert_empty(&world.processes[i].fm);
    for (unsigned k = 0; k < MAX_QUEUED; k++)
        yd_buf_free(&yd_mem_default, &world.queue[k]);
}

static struct sio_client *client(unsigned process, unsigned loop)
{
    return &world.processes[process].clients[loop];
}

static void expect_all(const char *packet)
{
    for (unsigned i = 0; i < 2; i++)
        for (unsigned j = 0; j < LOOPS; j++)
            sio_sim_expect(client(i, j), packet);
}

static void expect_nothing(void)
{
    for (unsigned i = 0; i < 2; i++)
        for (unsigned j = 0; j < LOOPS; j++)
            sio_sim_expect_nothing(client(i, j));
}

static yodel_sio_namespace *ns(void)
{
    return world.processes[0].sim.ns;
}

static uint64_t counter(const atomic_uint_least64_t *value)
{
    return atomic_load(value);
}

static const struct yd_python_counters *counters(void)
{
    return &world.processes[0].peer.counters;
}

/* ---- what Python says ---- */

static void test_python_peer_takes_emits(void **state)
{
    start();
    say("{\"method\": \"emit\", \"event\": \"ev\", \"data\": [{\"a\": 1}, 2], \"room\": null, "
        "\"namespace\": \"/\", \"host_id\": \"" PY_HOST "\"}");
    expect_all("2[\"ev\",{\"a\": 1}, 2]");
    say("{\"method\":\"emit\",\"event\":\"one\",\"data\":[1],\"room\":\"%s\"}", client(0, 1)->sid);
    sio_sim_expect(client(0, 1), "2[\"one\",1]");
    expect_nothing();
    say("{\"method\":\"emit\",\"event\":\"not\",\"data\":[],\"skip_sid\":[\"%s\",\"%s\"]}",
        client(0, 1)->sid, client(1, 0)->sid);
    sio_sim_expect(client(0, 0), "2[\"not\"]");
    sio_sim_expect(client(1, 1), "2[\"not\"]");
    expect_nothing();
    say("{\"method\":\"emit\",\"event\":\"bin\",\"data\":[[{\"_placeholder\":true,\"num\":0}],"
        "\"AAH/\"],\"binary\":true,\"room\":[\"%s\",\"r\"]}",
        client(0, 0)->sid);
    sio_sim_expect(client(0, 0), "51-[\"bin\",{\"_placeholder\":true,\"num\":0}]");
    sio_sim_expect_binary(client(0, 0), "\x00\x01\xff", 3);
    expect_nothing();
    /* nobody's: an empty list, a room without members, a namespace that is not here */
    say("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[],\"room\":[]}");
    say("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[],\"room\":\"r\"}");
    say("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[],\"room\":\"" PY_SID "\"}");
    say("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[],\"namespace\":\"/none\"}");
    expect_nothing();
    expect_published("%s", "");
    stop();
}

static void test_python_peer_takes_rooms_and_ends(void **state)
{
    start();
    say("{\"method\":\"enter_room\",\"sid\":\"%s\",\"room\":\"r\",\"namespace\":\"/\"}",
        client(0, 0)->sid);
    say("{\"method\":\"enter_room\",\"sid\":\"%s\",\"room\":\"r\",\"namespace\":\"/\"}",
        client(1, 1)->sid);
    say("{\"method\":\"emit\",\"event\":\"a\",\"data\":[],\"room\":\"r\"}");
    sio_sim_expect(client(0, 0), "2[\"a\"]");
    sio_sim_expect(client(1, 1), "2[\"a\"]");
    /* a room is no socket */
    say("{\"method\":\"enter_room\",\"sid\":\"r\",\"room\":\"q\",\"namespace\":\"/\"}");
    say("{\"method\":\"emit\",\"event\":\"b\",\"data\":[],\"room\":\"q\"}");
    say("{\"method\":\"disconnect\",\"sid\":\"r\",\"namespace\":\"/\"}");
    expect_nothing();
    say("{\"method\":\"leave_room\",\"sid\":\"%s\",\"room\":\"r\",\"namespace\":\"/\"}",
        client(0, 0)->sid);
    say("{\"method\":\"emit\",\"event\":\"c\",\"data\":[],\"room\":\"r\"}");
    sio_sim_expect(client(1, 1), "2[\"c\"]");
    say("{\"method\":\"close_room\",\"room\":\"r\",\"namespace\":\"/\"}");
    say("{\"method\":\"emit\",\"event\":\"d\",\"data\":[],\"room\":\"r\"}");
    expect_nothing();
    say("{\"method\":\"disconnect\",\"sid\":\"%s\",\"namespace\":\"/\"}", client(0, 0)->sid);
    sio_sim_expect(client(0, 0), "1");
    expect_nothing();
    /* one that has just left: nothing, and the listener lives (Flask-SocketIO#263) */
    say("{\"method\":\"disconnect\",\"sid\":\"%s\",\"namespace\":\"/\"}", client(0, 0)->sid);
    say("{\"method\":\"emit\",\"event\":\"e\",\"data\":[],\"room\":\"%s\"}", client(0, 0)->sid);
    say("{\"method\":\"emit\",\"event\":\"f\",\"data\":[],\"room\":\"%s\"}", client(1, 0)->sid);
    sio_sim_expect(client(1, 0), "2[\"f\"]");
    expect_nothing();
    stop();
}

/* What follows an order to join finds the room, though the loop has not heard yet. */
static void test_python_peer_takes_emits_right_after_joins(void **state)
{
    char join[200];
    const char *emit = "{\"method\":\"emit\",\"event\":\"a\",\"data\":[],\"room\":\"r\"}";
    int len;

    start();
    len = snprintf(join, sizeof join,
                   "{\"method\":\"enter_room\",\"sid\":\"%s\",\"room\":\"r\",\"namespace\":\"/\"}",
                   client(0, 1)->sid);
    receive(join, (size_t)len);
    receive(emit, strlen(emit));
    run();
    sio_sim_expect(client(0, 1), "2[\"a\"]");
    expect_nothing();
    stop();
}

/* R12: the holder answers, once; the others hear it and do nothing. */
static void test_python_peer_gives_callbacks_back(void **state)
{
    start();
    say("{\"method\":\"emit\",\"event\":\"q\",\"data\":[1],\"room\":\"%s\",\"host_id\":\"" PY_HOST
        "\",\"callback\":[\"%s\",\"/\",5]}",
        client(1, 0)->sid, client(1, 0)->sid);
    sio_sim_expect(client(1, 0), "20[\"q\",1]");
    expect_published("%s", "");
    sio_sim_say(client(1, 0), "30[\"reply\",{\"x\":7}]");
    run();
    expect_published("{\"method\":\"callback\",\"host_id\":\"" PY_HOST
                     "\",\"sid\":\"%s\",\"namespace\":\"/\",\"id\":5,"
                     "\"args\":[\"reply\",{\"x\":7}]};",
                     client(1, 0)->sid);
    assert_int_equal(world.processes[1].peer.num_callbacks, 0);
    /* a room: the first one's answer; an id and a room of any kind go back as they came */
    say("{\"method\":\"emit\",\"event\":\"q\",\"data\":[],\"room\":null,\"host_id\":\"x\","
        "\"callback\":[42,null,\"id\"]}");
    sio_sim_say(client(0, 1), "31[]");
    sio_sim_say(client(0, 0), "31[2]");
    run();
    expect_published("{\"method\":\"callback\",\"host_id\":\"x\",\"sid\":42,\"namespace\":null,"
                     "\"id\":\"id\",\"args\":[]};");
    assert_int_equal(world.processes[0].peer.num_callbacks, 0);
    stop();
}

static void test_python_peer_bounds_callbacks(void **state)
{
    start();
    for (int i = 0; i < 3; i++)
        say("{\"method\":\"emit\",\"event\":\"q\",\"data\":[],\"room\":\"%s\",\"host_id\":\"x\","
            "\"callback\":[\"s\",\"/\",%d]}",
            client(0, 0)->sid, i);
    sio_sim_expect(client(0, 0), "20[\"q\"]");
    sio_sim_expect(client(0, 0), "21[\"q\"]");
    sio_sim_expect(client(0, 0), "2[\"q\"]"); /* it comes, but nobody waits */
    assert_int_equal(counter(&counters()->callbacks_refused), 1);
    advance(3100); /* the other two were given up */
    assert_int_equal(world.processes[0].peer.num_callbacks, 0);
    sio_sim_say(client(0, 0), "30[1]");
    run();
    expect_published("%s", "");
    stop();
}

/* Binary has no JSON in a callback. */
static void test_python_peer_binary_callbacks(void **state)
{
    for (int pickled = 0; pickled < 2; pickled++) {
        start_form(pickled ? YD_PYTHON_PICKLE : YD_PYTHON_LIST);
        say("{\"method\":\"emit\",\"event\":\"q\",\"data\":1,\"room\":\"%s\",\"host_id\":\"x\","
            "\"callback\":[\"s\",\"/\",1]}",
            client(0, 0)->sid);
        sio_sim_say(client(0, 0), "61-0[{\"_placeholder\":true,\"num\":0}]");
        sio_sim_say_binary(client(0, 0), "\x01\x02", 2);
        run();
        assert_int_equal(counter(&counters()->unable), pickled ? 0 : 1);
        assert_int_equal(counter(&counters()->published), pickled);
        stop();
    }
}

/* ---- what we say ---- */

static void test_python_peer_emits(void **state)
{
    yodel_sio_target but;
    const char *ids[] = {PY_SID, NULL};

    start();
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(ns()), "a", "si", "x", 1), 0);
    run();
    expect_all("2[\"a\",\"x\",1]"); /* the other process takes it, once */
    expect_published("{\"method\":\"emit\",\"event\":\"a\",\"data\":[\"x\",1],\"binary\":false,"
                     "\"namespace\":\"/\",\"room\":null,\"skip_sid\":null,"
                     "\"callback\":null," FROM_YODEL);
    but = yodel_sio_target_except(yodel_sio_to_rooms(ns(), YODEL_ROOMS("r", "q")), ids);
    assert_int_equal(yodel_sio_emit_bytes(but, "b", (yodel_bytes){(const uint8_t *)"\xff", 1}), 0);
    run();
    expect_published("{\"method\":\"emit\",\"event\":\"b\",\"data\":[[{\"_placeholder\":true,"
                     "\"num\":0}],\"/w==\"],\"binary\":true,\"namespace\":\"/\","
                     "\"room\":[\"r\",\"q\"],\"skip_sid\":\"" PY_SID
                     "\",\"callback\":null," FROM_YODEL);
    assert_int_equal(
        yodel_sio_emit(yodel_sio_target_with(yodel_sio_to_all(ns()), YODEL_SIO_LOCAL), "c", ""), 0);
    run();
    expect_published("%s", "");
    /* what they cannot leave out they do not get */
    assert_int_equal(
        yodel_sio_emit(yodel_sio_target_except(yodel_sio_to_all(ns()), YODEL_ROOMS("r")), "d", ""),
        0);
    run();
    expect_published("%s", "");
    assert_int_equal(counter(&counters()->unable), 1);
    stop();
}

/* Where another peer carries the service's operations that is the way from Yodel to Yodel. */
static void test_python_peer_beside_another(void **state)
{
    start();
    for (int i = 0; i < 2; i++)
        yd_sio_set_own_form(world.processes[i].sim.sio);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(ns()), "a", ""), 0);
    run();
    for (unsigned j = 0; j < LOOPS; j++)
        sio_sim_expect(client(0, j), "2[\"a\"]");
    expect_nothing();
    say("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[]}");
    expect_all("2[\"ev\"]");
    stop();
}

static void test_python_peer_rooms_and_ends(void **state)
{
    start();
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_room(ns(), PY_SID), YODEL_ROOMS("a", "b")),
                     0);
    run();
    expect_published("{\"method\":\"enter_room\",\"sid\":\"" PY_SID
                     "\",\"room\":\"a\",\"namespace\":\"/\"," FROM_YODEL
                     "{\"method\":\"enter_room\",\"sid\":\"" PY_SID
                     "\",\"room\":\"b\",\"namespace\":\"/\"," FROM_YODEL);
    assert_int_equal(yodel_sio_target_leave(yodel_sio_to_room(ns(), PY_SID), YODEL_ROOMS("a")), 0);
    run();
    expect_published("{\"method\":\"leave_room\",\"sid\":\"" PY_SID
                     "\",\"room\":\"a\",\"namespace\":\"/\"," FROM_YODEL);
    assert_int_equal(yodel_sio_target_leave(yodel_sio_to_room(ns(), "a"), YODEL_ROOMS("a")), 0);
    assert_int_equal(yodel_sio_target_leave(yodel_sio_to_all(ns()), YODEL_ROOMS("b")), 0);
    run();
    expect_published("{\"method\":\"close_room\",\"room\":\"a\",\"namespace\":\"/\"," FROM_YODEL
                     "{\"method\":\"close_room\",\"room\":\"b\",\"namespace\":\"/\"," FROM_YODEL);
    assert_int_equal(yodel_sio_target_disconnect(yodel_sio_to_room(ns(), PY_SID), 1), 0);
    run();
    expect_published("{\"method\":\"disconnect\",\"sid\":\"" PY_SID
                     "\",\"namespace\":\"/\"," FROM_YODEL);
    assert_int_equal(counter(&counters()->unable), 0);
    /* rooms of rooms: no word for that */
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_room(ns(), "r"), YODEL_ROOMS("q")), 0);
    assert_int_equal(yodel_sio_target_leave(yodel_sio_to_room(ns(), "r"), YODEL_ROOMS("q")), 0);
    assert_int_equal(yodel_sio_target_disconnect(yodel_sio_to_room(ns(), "r"), 0), 0);
    run();
    expect_published("%s", "");
    assert_int_equal(counter(&counters()->unable), 3);
    stop();
}

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    size_t len = strlen(world.told);

    snprintf(world.told + len, sizeof world.told - len, "%d %u %.*s;", answers->result,
             answers->missing, (int)answers->json.len, answers->json.ptr);
}

static void ask(const char *room)
{
    yodel_sio_target target = room != NULL ? yodel_sio_to_room(ns(), room) : yodel_sio_to_all(ns());

    world.told[0] = '\0';
    assert_int_equal(
        yodel_sio_emit_ack(yodel_sio_target_timeout(target, 1000), "q", NULL, on_answers, NULL), 0);
    run();
}

static void ask_all_arguments(const char *room)
{
    yodel_sio_target target =
        yodel_sio_target_with(yodel_sio_to_room(ns(), room), YODEL_SIO_ALL_ARGUMENTS);

    assert_int_equal(yodel_sio_emit_ack(target, "q", NULL, on_answers, NULL), 0);
    run();
}

/* The id that the last emit was published with. */
static unsigned callback_id(void)
{
    char *at = strstr(world.published, "\",\"/\",");
    unsigned id = 0;

    assert_non_null(at);
    assert_int_equal(sscanf(at + 6, "%u", &id), 1);
    world.published[0] = '\0';
    return id;
}

static void test_python_peer_asks_python(void **state)
{
    const char *own = NULL;
    unsigned id;

    start();
    own = yd_bus_process(&world.processes[0].sim.bus);
    ask(PY_SID);
    id = callback_id();
    assert_string_equal(world.told, "");
    /* another's callback, one nobody waits for, one that is no number */
    say("{\"method\":\"callback\",\"host_id\":\"" PY_HOST "\",\"id\":%u,\"args\":[1]}", id);
    say("{\"method\":\"callback\",\"host_id\":\"%s\",\"id\":%u,\"args\":[1]}", own, id + 100);
    say("{\"method\":\"callback\",\"host_id\":\"%s\",\"id\":\"x\",\"args\":[1]}", own);
    say("{\"method\":\"callback\",\"host_id\":\"%s\",\"id\":%u,\"args\":[{\"a\": 1},2]}", own, id);
    assert_string_equal(world.told, "0 0 [{\"a\": 1}];");
    say("{\"method\":\"callback\",\"host_id\":\"%s\",\"id\":%u,\"args\":[3]}", own, id);
    ask(PY_SID);
    say("{\"method\":\"callback\",\"host_id\":\"%s\",\"id\":%u,\"args\":[]}", own, callback_id());
    assert_string_equal(world.told, "0 0 [null];");
    world.told[0] = '\0';
    ask_all_arguments(PY_SID);
    say("{\"method\":\"callback\",\"host_id\":\"%s\",\"id\":%u,\"args\":[1,[2]]}", own,
        callback_id());
    assert_string_equal(world.told, "0 0 [[1,[2]]];");
    /* nobody has it */
    ask(PY_SID);
    advance(1100);
    assert_string_equal(strchr(world.told, ' '), " 1 [];");
    /* several clients, whose answers nobody could count */
    ask(NULL);
    sio_sim_say(client(0, 0), "34[1]");
    sio_sim_say(client(0, 1), "34[2]");
    run();
    assert_string_equal(strchr(world.told, ' '), " 1 [1,2];");
    assert_int_equal(atoi(world.told), YODEL_ERR_UNSUPPORTED);
    stop();
}

/* A socket here, or of another node: what it answers is all there is to wait for. */
static void test_python_peer_waits_no_longer(void **state)
{
    start();
    ask(client(0, 1)->sid);
    sio_sim_expect(client(0, 1), "20[\"q\"]");
    sio_sim_say(client(0, 1), "30[7]");
    run();
    assert_string_equal(world.told, "0 0 [7];");
    world.published[0] = '\0';
    ask(client(1, 1)->sid); /* the other process gives the callback back */
    sio_sim_expect(client(1, 1), "21[\"q\"]");
    sio_sim_say(client(1, 1), "31[8,9]");
    run();
    assert_string_equal(world.told, "0 0 [8];");
    stop();
}

static void on_sockets(const yodel_sio_sockets *sockets, void *user)
{
    size_t len = strlen(world.told);

    snprintf(world.told + len, sizeof world.told - len, "%d %u %zu;", sockets->result,
             sockets->missing, json_array_size(sockets->json));
}

static void test_python_peer_says_what_it_cannot(void **state)
{
    char expected[64];

    start();
    assert_int_equal(yodel_sio_target_fetch(yodel_sio_to_all(ns()), on_sockets, NULL), 0);
    run();
    snprintf(expected, sizeof expected, "%d 1 %d;", YODEL_ERR_UNSUPPORTED, LOOPS);
    assert_string_equal(world.told, expected);
    /* this is for servers of Socket.IO alone */
    world.told[0] = '\0';
    assert_int_equal(yodel_sio_server_side_emit_ack(ns(), "q", NULL, 0, on_answers, NULL), 0);
    run();
    assert_string_equal(world.told, "0 0 [];");
    expect_published("%s", "");
    stop();
}

static void test_python_peer_plain_form(void **state)
{
    start_form(YD_PYTHON_PLAIN);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(ns()), "a", "{s:i}", "x", 1), 0);
    run();
    expect_all("2[\"a\",{\"x\":1}]");
    expect_published("{\"method\":\"emit\",\"event\":\"a\",\"data\":{\"x\":1},\"binary\":false,"
                     "\"namespace\":\"/\",\"room\":null,\"skip_sid\":null,"
                     "\"callback\":null," FROM_YODEL);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(ns()), "a", "ii", 1, 2), 0);
    run();
    expect_published("%s", "");
    assert_int_equal(counter(&counters()->unable), 1);
    stop();
}

/* ---- what is wrong ---- */

static void test_python_peer_foreign_messages(void **state)
{
    static const char *const malformed[] = {
        "",
        "hello",
        "{\"method\":\"emit\"",
        "{\"method\":\"emit\",\"event\":5,\"data\":[]}",
        "{\"method\":\"emit\",\"event\":\"disconnect\",\"data\":[]}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":[[{\"_placeholder\":true,\"num\":3}],\"\"],"
        "\"binary\":true}",
        "{\"method\":\"callback\",\"host_id\":\"" PY_HOST "\"}",
        "{\"method\":\"close_room\"}",
        "\x80\x04\x95",
    };
    static const char system_call[] =
        "80049526000000000000007d948c0178948c05706f736978948c0673797374656d9493948c0474727565948594"
        "5294732e";
    size_t len;
    uint8_t *bytes = hex_bytes(system_call, &len);

    start();
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        say("%s", malformed[i]);
        assert_int_equal(counter(&counters()->malformed), i + 1);
    }
    say("{\"method\":\"shutdown\"}");
    receive(bytes, len);
    assert_int_equal(counter(&counters()->refused), 2);
    expect_nothing();
    say("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[]}");
    expect_all("2[\"ev\"]");
    free(bytes);
    stop();
}

static void test_python_peer_cannot_publish(void **state)
{
    start();
    world.failing = YODEL_ERR_CONGESTED;
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(ns()), "a", ""), 0);
    run();
    for (unsigned j = 0; j < LOOPS; j++)
        sio_sim_expect(client(0, j), "2[\"a\"]");
    ask(PY_SID);
    assert_string_equal(strchr(world.told, ' '), " 1 [];");
    assert_int_equal(counter(&counters()->failed), 2);
    stop();
}

/* All of its effect, or none and counted. */
static void test_python_peer_out_of_memory(void **state)
{
    static const char *const messages[] = {
        "{\"method\":\"emit\",\"event\":\"bin\",\"data\":[[{\"_placeholder\":true,\"num\":0}],"
        "\"AAH/\"],\"binary\":true,\"host_id\":\"x\",\"callback\":[\"s\",\"/\",1]}",
        "{\"method\":\"close_room\",\"room\":\"r\",\"namespace\":\"/\"}",
        "{\"method\":\"disconnect\",\"sid\":\"" PY_SID "\",\"namespace\":\"/\"}",
    };

    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        for (size_t n = 1;; n++) {
            struct process *process = &world.processes[0];
            bool failed;

            start();
            failmem_pause(&process->fm);
            process->fm.fail_at = atomic_load(&process->fm.calls) + n;
            failmem_resume(&process->fm);
            say("%s", messages[i]);
            failed = failmem_has_failed(&process->fm);
            process->fm.fail_at = 0;
            if (i == 0 && !failed) {
                sio_sim_expect(client(0, 0), "51-0[\"bin\",{\"_placeholder\":true,\"num\":0}]");
                assert_int_equal(counter(&counters()->lost), 0);
            }
            run();
            stop();
            if (!failed)
                break;
        }
}

/* An emit that cannot be encoded for Python reaches nobody. */
static void test_python_peer_encodes_all_or_nothing(void **state)
{
    const yodel_bytes data = {(const uint8_t *)"\x01\x02", 2};

    for (size_t n = 1;; n++) {
        struct process *process = &world.processes[0];
        bool failed, here;
        int rc;

        start();
        process->fm.fail_at = atomic_load(&process->fm.calls) + n;
        rc = yodel_sio_emit_bytes(
            yodel_sio_target_except(
                yodel_sio_to_rooms(ns(), YODEL_ROOMS(PY_SID, client(0, 0)->sid)),
                YODEL_ROOMS(PY_SID)),
            "bin", data);
        failed = failmem_has_failed(&process->fm);
        process->fm.fail_at = 0;
        run();
        here = sio_sim_next(client(0, 0)) != NULL;
        assert_true(rc == 0 || (rc == -ENOMEM && failed));
        assert_int_equal(world.published[0] != '\0', rc == 0);
        assert_int_equal(here, rc == 0);
        stop();
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python_peer_takes_emits),
        cmocka_unit_test(test_python_peer_takes_rooms_and_ends),
        cmocka_unit_test(test_python_peer_takes_emits_right_after_joins),
        cmocka_unit_test(test_python_peer_gives_callbacks_back),
        cmocka_unit_test(test_python_peer_bounds_callbacks),
        cmocka_unit_test(test_python_peer_binary_callbacks),
        cmocka_unit_test(test_python_peer_emits),
        cmocka_unit_test(test_python_peer_beside_another),
        cmocka_unit_test(test_python_peer_rooms_and_ends),
        cmocka_unit_test(test_python_peer_asks_python),
        cmocka_unit_test(test_python_peer_waits_no_longer),
        cmocka_unit_test(test_python_peer_says_what_it_cannot),
        cmocka_unit_test(test_python_peer_plain_form),
        cmocka_unit_test(test_python_peer_foreign_messages),
        cmocka_unit_test(test_python_peer_cannot_publish),
        cmocka_unit_test(test_python_peer_out_of_memory),
        cmocka_unit_test(test_python_peer_encodes_all_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
