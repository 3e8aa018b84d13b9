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
#include "sio_sim.h"

/*
 * One service in several processes: each has a bus, loops and clients of its own, and a far peer
 * for each of the others.  The wire between them delivers late, twice, out of order or never, as a
 * seed says.  What each client gets is checked against what was sent.
 */

#define PROCESSES 3
#define LOOPS 2
#define CLIENTS 3 /* of each process */
#define ROOMS 3
#define STEPS 60
#define MAX_PACKETS 1000

struct link {
    struct yd_peer peer;
    unsigned from, to;
};

struct process {
    struct sio_sim sim;
    struct failmem fm;
    struct link links[PROCESSES]; /* to each of the others */
};

struct client {
    struct sio_client base;
    yodel_sio_socket *socket;
    struct process *process;
    bool in[ROOMS];
    unsigned last[PROCESSES]; /* event of each process */
    unsigned heard;
};

struct packet {
    yodel_bytes bytes;
    unsigned from, to;
    bool is_reply;
    int delay;
};

static struct {
    struct process processes[PROCESSES];
    struct client clients[PROCESSES][CLIENTS];
    struct packet packets[MAX_PACKETS];
    size_t num_packets;
    unsigned seed, copies, numbers[PROCESSES];
    bool faulty; /* the wire is */
} world;

static const char *const names[ROOMS] = {"a", "b", "c"};

static unsigned draw(unsigned max)
{
    world.seed = world.seed * 1103515245u + 12345u;
    return (world.seed >> 16) % max;
}

/* ---- the wire ---- */

static int put_on_wire(struct yd_peer *peer, yodel_bytes bytes, bool is_reply)
{
    const struct link *link = yd_container_of(peer, struct link, peer);
    unsigned copies = world.faulty && draw(8) == 0 ? draw(2) * 2 : 1;

    for (; copies > 0; copies--) {
        uint8_t *copy = malloc(bytes.len);

        assert_true(world.num_packets < MAX_PACKETS);
        memcpy(copy, bytes.ptr, bytes.len);
        world.packets[world.num_packets++] =
            (struct packet){{copy, bytes.len}, link->from, link->to, is_reply, (int)draw(6)};
    }
    return 0;
}

static int peer_send(struct yd_peer *peer, const struct yd_op *op, uint64_t token,
                     yodel_bytes bytes)
{
    return put_on_wire(peer, bytes, false);
}

static int peer_reply(struct yd_peer *peer, yodel_bytes reply)
{
    return put_on_wire(peer, reply, true);
}

static const struct yd_peer_ops peer_ops = {.send = peer_send, .reply = peer_reply};

static int receive(unsigned to, unsigned from, yodel_bytes bytes, bool is_reply)
{
    struct process *process = &world.processes[to];
    struct yd_peer *peer = &process->links[from].peer;

    return is_reply ? yd_bus_receive_reply(&process->sim.bus, peer, bytes)
                    : yd_bus_receive(&process->sim.bus, peer, bytes);
}

static void run_wire(void)
{
    for (size_t i = 0; i < world.num_packets;) {
        struct packet packet = world.packets[i];

        if (world.faulty && world.packets[i].delay-- > 0) {
            i++;
            continue;
        }
        memmove(&world.packets[i], &world.packets[i + 1],
                (--world.num_packets - i) * sizeof packet);
        assert_int_equal(receive(packet.to, packet.from, packet.bytes, packet.is_reply), 0);
        free((void *)packet.bytes.ptr);
    }
}

/* ---- what comes to clients ---- */

/* An event is ["e", PROCESS, NUMBER, ROOM, EXCEPT]; no room: ROOMS. */
static void check_event(struct client *client, const char *text)
{
    unsigned from, number, room, except;

    assert_int_equal(sscanf(text, "2[\"e\",%u,%u,%u,%u]", &from, &number, &room, &except), 4);
    assert_true(room == ROOMS || client->in[room]);      /* nothing to who is no member */
    assert_true(except == ROOMS || !client->in[except]); /* nor to who is left out */
    assert_true(number > client->last[from]); /* at most once, in the order of who sends */
    client->last[from] = number;
    client->heard++;
}

static void run_clients(void)
{
    for (unsigned i = 0; i < PROCESSES; i++) {
        sio_sim_run(&world.processes[i].sim);
        for (unsigned j = 0; j < CLIENTS; j++) {
            const char *text;

            while ((text = sio_sim_next(&world.clients[i][j].base)) != NULL)
                check_event(&world.clients[i][j], text);
        }
    }
}

static void settle(void)
{
    for (int i = 0; i < 20; i++) {
        run_wire();
        for (unsigned j = 0; j < PROCESSES; j++)
            sio_sim_run(&world.processes[j].sim);
    }
}

/* ---- processes ---- */

static void start_process(unsigned i)
{
    struct process *process = &world.processes[i];

    failmem_init(&process->fm, 0);
    assert_int_equal(sio_sim_start(&process->sim, &process->fm.mem, LOOPS, NULL), 0);
    (void)snprintf(process->sim.bus.process, YD_PROCESS_SIZE, "p%u", i);
    for (unsigned j = 0; j < PROCESSES; j++) {
        process->links[j] = (struct link){{.ops = &peer_ops}, i, j};
        if (j != i)
            assert_int_equal(yd_bus_add_peer(&process->sim.bus, &process->links[j].peer), 0);
    }
    for (unsigned j = 0; j < CLIENTS; j++) {
        struct client *client = &world.clients[i][j];

        sio_sim_connect(&process->sim, j % LOOPS, &client->base);
        client->socket = process->sim.socket;
        client->process = process;
    }
}

static void start(unsigned seed, bool faulty)
{
    memset(&world, 0, sizeof world);
    world.seed = seed;
    world.faulty = faulty;
    for (unsigned i = 0; i < PROCESSES; i++)
        start_process(i);
}

static void stop(void)
{
    for (size_t i = 0; i < world.num_packets; i++)
        free((void *)world.packets[i].bytes.ptr);
    world.num_packets = 0;
    for (unsigned i = 0; i < PROCESSES; i++)
        sio_sim_stop(&world.processes[i].sim);
    for (size_t i = 0; i < world.num_packets; i++) /* answers at the end */
        free((void *)world.packets[i].bytes.ptr);
    for (unsigned i = 0; i < PROCESSES; i++)
        failmem_assert_empty(&world.processes[i].fm);
}

struct change {
    struct client *client;
    unsigned room;
    bool join;
};

static void change_on_loop(struct sio_sim *sim, void *arg)
{
    const struct change *change = arg;

    if (change->join)
        assert_int_equal(yodel_sio_socket_join(change->client->socket, names[change->room]), 0);
    else
        yodel_sio_socket_leave(change->client->socket, names[change->room]);
}

static void change(struct client *client, unsigned room, bool join)
{
    struct change what = {client, room, join};

    run_clients(); /* what came until now is for the members until now */
    sio_sim_on_loop(&client->process->sim, client->base.loop, change_on_loop, &what);
    client->in[room] = join;
}

static int emit(unsigned from, unsigned room, unsigned except, unsigned flags)
{
    yodel_sio_namespace *ns = world.processes[from].sim.ns;
    yodel_sio_target target =
        room < ROOMS ? yodel_sio_to_room(ns, names[room]) : yodel_sio_to_all(ns);

    if (except < ROOMS)
        target = yodel_sio_target_except(target, YODEL_ROOMS(names[except]));
    return yodel_sio_emit(yodel_sio_target_with(target, flags), "e", "iiii", (int)from,
                          (int)++world.numbers[from], (int)room, (int)except);
}

static unsigned heard(void)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < PROCESSES; i++)
        for (unsigned j = 0; j < CLIENTS; j++)
            sum += world.clients[i][j].heard;
    return sum;
}

/* ---- events ---- */

static void test_sio_far_emits_reach_every_process(void **state)
{
    start(1, false);
    for (unsigned i = 0; i < PROCESSES; i++) {
        change(&world.clients[i][0], 0, true);
        change(&world.clients[i][1], 0, true);
        change(&world.clients[i][1], 1, true);
    }
    assert_int_equal(emit(0, ROOMS, ROOMS, 0), 0); /* all */
    assert_int_equal(emit(1, 0, 1, 0), 0);         /* one of each process */
    settle();
    assert_int_equal(emit(2, 0, ROOMS, YODEL_SIO_VOLATILE), 0);
    settle();
    run_clients();
    assert_int_equal(heard(), PROCESSES * (CLIENTS + 1 + 2));
    stop();
}

static void test_sio_far_attachments_cross(void **state)
{
    static const uint8_t data[] = {0, 1, 255};
    const yodel_bytes attachment = {data, sizeof data};
    const yodel_sio_args args = {.size = sizeof args,
                                 .json = YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"),
                                 .attachments = &attachment,
                                 .num_attachments = 1};

    start(1, false);
    assert_int_equal(yodel_sio_emit_args(yodel_sio_to_all(world.processes[0].sim.ns), "b", &args),
                     0);
    settle();
    for (unsigned i = 0; i < PROCESSES; i++)
        for (unsigned j = 0; j < CLIENTS; j++) {
            sio_sim_expect(&world.clients[i][j].base,
                           "51-[\"b\",{\"_placeholder\":true,\"num\":0}]");
            sio_sim_expect_binary(&world.clients[i][j].base, data, sizeof data);
        }
    stop();
}

static void test_sio_far_rooms_and_ends_cross(void **state)
{
    yodel_sio_target all, room;

    start(1, false);
    all = yodel_sio_to_all(world.processes[0].sim.ns);
    room = yodel_sio_to_room(world.processes[2].sim.ns, "x");
    assert_int_equal(yodel_sio_target_join(all, YODEL_ROOMS("x", "y")), 0);
    settle();
    assert_int_equal(yodel_sio_emit(room, "e", "iiii", 2, 1, ROOMS, ROOMS), 0);
    settle();
    run_clients();
    assert_int_equal(heard(), PROCESSES * CLIENTS);
    assert_int_equal(yodel_sio_target_leave(all, YODEL_ROOMS("x")), 0);
    settle();
    assert_int_equal(yodel_sio_emit(room, "e", "iiii", 2, 2, ROOMS, ROOMS), 0);
    settle();
    run_clients();
    assert_int_equal(heard(), PROCESSES * CLIENTS);
    room = yodel_sio_to_room(world.processes[1].sim.ns, "y");
    assert_int_equal(yodel_sio_target_disconnect(room, 0), 0);
    settle();
    for (unsigned i = 0; i < PROCESSES; i++)
        for (unsigned j = 0; j < CLIENTS; j++)
            sio_sim_expect(&world.clients[i][j].base, "1");
    stop();
}

/* At most once, in the order of each sender, to members only, never to those left out. */
static void count_room_events(yodel_sio_namespace *ns, const yodel_sio_room_event *event,
                              void *user)
{
    int *counts = user;

    (void)ns;
    if (yodel_str_eq(event->room, YODEL_STR("x")))
        counts[event->change]++;
}

/* Each process tells its own sockets, whoever has them join. */
static void test_sio_far_rooms_are_told_where_the_sockets_are(void **state)
{
    int counts[PROCESSES][5] = {{0}};
    yodel_sio_target all;

    (void)state;
    start(1, false);
    for (unsigned i = 0; i < PROCESSES; i++)
        assert_int_equal(yodel_sio_namespace_on_room(world.processes[i].sim.ns, count_room_events,
                                                     counts[i], NULL),
                         0);
    all = yodel_sio_to_all(world.processes[0].sim.ns);
    assert_int_equal(yodel_sio_target_join(all, YODEL_ROOMS("x")), 0);
    settle();
    assert_int_equal(yodel_sio_target_leave(all, YODEL_ROOMS("x")), 0);
    settle();
    for (unsigned i = 0; i < PROCESSES; i++) {
        assert_int_equal(counts[i][YODEL_SIO_ROOM_CREATED], 1);
        assert_int_equal(counts[i][YODEL_SIO_ROOM_JOINED], CLIENTS);
        assert_int_equal(counts[i][YODEL_SIO_ROOM_LEFT], CLIENTS);
        assert_int_equal(counts[i][YODEL_SIO_ROOM_DELETED], 1);
    }
    stop();
}

static void test_sio_far_keeps_its_promises_on_a_bad_wire(void **state)
{
    for (unsigned seed = 0; seed < 60; seed++) {
        start(seed, true);
        for (unsigned i = 0; i < STEPS; i++) {
            unsigned process = draw(PROCESSES);

            if (draw(4) == 0)
                change(&world.clients[process][draw(CLIENTS)], draw(ROOMS), draw(2) == 0);
            else
                assert_int_equal(emit(process, draw(ROOMS + 1), draw(ROOMS + 1),
                                      draw(3) == 0 ? YODEL_SIO_VOLATILE : 0),
                                 0);
            if (draw(2) == 0)
                run_wire();
            if (draw(2) == 0)
                run_clients();
        }
        settle();
        run_clients();
        assert_true(heard() > 0);
        stop();
    }
}

/* A namespace that is not in a process has nobody there. */
static void test_sio_far_namespace_of_one_process(void **state)
{
    yodel_sio_namespace *ns;

    start(1, false);
    ns = sio_sim_of(world.processes[0].sim.sio, "/only");
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(ns), "e", ""), 0);
    settle();
    run_clients();
    assert_int_equal(heard(), 0);
    stop();
}

/* ---- questions ---- */

static struct {
    int told, result;
    unsigned missing;
    size_t num; /* sockets, answers; -1: no list */
    char json[500];
} answer;

static void on_sockets(const yodel_sio_sockets *sockets, void *user)
{
    answer.told++;
    answer.result = sockets->result;
    answer.missing = sockets->missing;
    answer.num = sockets->json != NULL ? json_array_size(sockets->json) : SIZE_MAX;
}

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    answer.told++;
    answer.result = answers->result;
    (void)snprintf(answer.json, sizeof answer.json, "%" YODEL_PRI, YODEL_ARG(answers->json));
    answer.missing = answers->missing;
    answer.num = answers->num_attachments;
}

static char counts[200];

static void on_counts(const yodel_sio_sockets *sockets, void *user)
{
    assert_int_equal(sockets->result, 0);
    for (size_t i = 0; i < json_array_size(sockets->json); i++) {
        const json_t *room = json_array_get(sockets->json, i);
        size_t len = strlen(counts);

        (void)snprintf(counts + len, sizeof counts - len, "%s %d;",
                       json_string_value(json_object_get(room, "name")),
                       (int)json_integer_value(json_object_get(room, "count")));
    }
}

static const char *every_socket(void)
{
    static char text[40];

    (void)snprintf(text, sizeof text, "\"q\" %d;", PROCESSES * CLIENTS);
    return text;
}

static void test_sio_far_fetches(void **state)
{
    yodel_sio_namespace *ns;

    start(1, false);
    ns = world.processes[0].sim.ns;
    memset(&answer, 0, sizeof answer);
    assert_int_equal(yodel_sio_target_fetch(yodel_sio_to_all(ns), on_sockets, NULL), 0);
    settle();
    assert_int_equal(answer.told, 1);
    assert_int_equal(answer.num, PROCESSES * CLIENTS);
    change(&world.clients[1][0], 0, true);
    change(&world.clients[2][0], 0, true);
    assert_int_equal(yodel_sio_namespace_fetch_rooms(ns, on_sockets, NULL), 0);
    settle();
    assert_int_equal(answer.told, 2);
    assert_int_equal(answer.num, PROCESSES * CLIENTS + 1);
    counts[0] = '\0';
    assert_int_equal(yodel_sio_namespace_fetch_room_counts(ns, on_counts, NULL), 0);
    settle();
    assert_string_equal(counts, "a 2;");
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_all(ns), YODEL_ROOMS("\"q\"")), 0);
    settle();
    counts[0] = '\0';
    assert_int_equal(yodel_sio_namespace_fetch_room_counts(ns, on_counts, NULL), 0);
    settle();
    assert_non_null(strstr(counts, "a 2;"));
    assert_non_null(strstr(counts, every_socket()));
    stop();
}

/* All clients answer what they are asked, process by process, with one attachment each. */
static void answer_all(unsigned first)
{
    for (unsigned i = first; i < PROCESSES; i++)
        for (unsigned j = 0; j < CLIENTS; j++) {
            const char *text = sio_sim_next(&world.clients[i][j].base);
            char packet[80];
            unsigned id;

            if (text == NULL)
                continue;
            assert_int_equal(sscanf(text, "2%u[", &id), 1);
            (void)snprintf(packet, sizeof packet, "61-%u[{\"_placeholder\":true,\"num\":0}]", id);
            sio_sim_say(&world.clients[i][j].base, packet);
            sio_sim_say_binary(&world.clients[i][j].base, "x", 1);
        }
}

static void ask(void)
{
    yodel_sio_target target = yodel_sio_to_all(world.processes[0].sim.ns);

    memset(&answer, 0, sizeof answer);
    assert_int_equal(
        yodel_sio_emit_ack(yodel_sio_target_timeout(target, 800), "q", NULL, on_answers, NULL), 0);
}

static void test_sio_far_acknowledgements(void **state)
{
    start(1, false);
    ask();
    settle();
    answer_all(0);
    settle();
    assert_int_equal(answer.told, 1);
    assert_int_equal(answer.result, 0);
    assert_int_equal(answer.num, PROCESSES * CLIENTS);
    assert_non_null(strstr(answer.json, "\"num\":8"));
    stop();
}

/* Each of the processes is asked for all arguments. */
static void test_sio_far_all_arguments(void **state)
{
    yodel_sio_target target;

    start(1, false);
    memset(&answer, 0, sizeof answer);
    target =
        yodel_sio_target_with(yodel_sio_to_all(world.processes[0].sim.ns), YODEL_SIO_ALL_ARGUMENTS);
    assert_int_equal(
        yodel_sio_emit_ack(yodel_sio_target_timeout(target, 800), "q", NULL, on_answers, NULL), 0);
    settle();
    answer_all(0);
    settle();
    assert_int_equal(answer.told, 1);
    assert_int_equal(answer.result, 0);
    assert_int_equal(answer.num, PROCESSES * CLIENTS);
    assert_memory_equal(answer.json, "[[{", 3);
    assert_non_null(strstr(answer.json, "\"num\":8}]"));
    stop();
}

/* What came counts, though others do not answer in their process. */
static void test_sio_far_acknowledgements_that_are_late(void **state)
{
    start(1, false);
    ask();
    settle();
    answer_all(1);
    for (unsigned i = PROCESSES; i-- > 0;) {
        sio_sim_advance(&world.processes[i].sim, 750);
        settle();
    }
    assert_int_equal(answer.told, 0);
    sio_sim_advance(&world.processes[0].sim, 100);
    assert_int_equal(answer.told, 1);
    assert_int_equal(answer.result, -ETIMEDOUT);
    assert_int_equal(answer.num, (PROCESSES - 1) * CLIENTS);
    stop();
}

static void test_sio_far_questions_end_once_on_a_bad_wire(void **state)
{
    unsigned late = 0;

    for (unsigned seed = 0; seed < 60; seed++) {
        start(seed, true);
        ask();
        for (int i = 0; i < 10; i++) {
            settle();
            answer_all(0);
        }
        sio_sim_advance(&world.processes[0].sim, 2000);
        assert_int_equal(answer.told, 1);
        assert_true(answer.result == 0 || answer.result == -ETIMEDOUT);
        assert_int_equal(answer.num % CLIENTS, 0);
        assert_true((answer.num == PROCESSES * CLIENTS) == (answer.result == 0));
        late += answer.result != 0;
        stop();
        assert_int_equal(answer.told, 1);
    }
    assert_true(late > 0 && late < 60);
}

/* ---- bytes that are no operation ---- */

#define SEQUENCE_AT 1
#define SEQUENCE_END 9

/* Each operation has a later number than those before. */
static void receive_copy(yodel_bytes bytes, bool is_reply)
{
    uint8_t *copy = malloc(bytes.len + 1); /* its end is seen by sanitizers */
    int rc;

    memcpy(copy, bytes.ptr, bytes.len);
    world.copies++;
    for (size_t i = SEQUENCE_AT; !is_reply && i < SEQUENCE_END && i < bytes.len; i++)
        copy[i] = (uint8_t)(i < SEQUENCE_AT + 4 ? world.copies >> 8 * (i - SEQUENCE_AT) : 0);
    rc = receive(1, 0, (yodel_bytes){copy, bytes.len}, is_reply);
    assert_true(rc == 0 || rc == YODEL_ERR_PROTOCOL);
    free(copy);
}

static void receive_broken(const struct packet *packet)
{
    uint8_t *bytes = (uint8_t *)packet->bytes.ptr;

    world.copies = 1000;
    for (size_t len = 0; len < packet->bytes.len; len++)
        receive_copy((yodel_bytes){bytes, len}, packet->is_reply);
    for (size_t i = 0; i < packet->bytes.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1u << bit);
            receive_copy(packet->bytes, packet->is_reply);
            bytes[i] ^= (uint8_t)(1u << bit);
        }
}

static void send_every_kind(void)
{
    static const uint8_t data[] = {1};
    const yodel_bytes attachment = {data, 1};
    const yodel_sio_args args = {.size = sizeof args,
                                 .json = YODEL_STR("[{\"_placeholder\":true,\"num\":0}]"),
                                 .attachments = &attachment,
                                 .num_attachments = 1};
    yodel_sio_namespace *ns = world.processes[0].sim.ns;
    yodel_sio_target target = yodel_sio_target_except(yodel_sio_to_room(ns, "a"), YODEL_ROOMS("b"));

    assert_int_equal(yodel_sio_emit_args(target, "b", &args), 0);
    assert_int_equal(yodel_sio_target_join(target, YODEL_ROOMS("x", "y")), 0);
    assert_int_equal(yodel_sio_target_leave(target, YODEL_ROOMS("x")), 0);
    assert_int_equal(yodel_sio_target_disconnect(target, 0), 0);
    assert_int_equal(yodel_sio_target_fetch(target, on_sockets, NULL), 0);
    assert_int_equal(yodel_sio_namespace_fetch_rooms(ns, on_sockets, NULL), 0);
    assert_int_equal(yodel_sio_emit_ack(target, "q", &args, on_answers, NULL), 0);
    assert_int_equal(yodel_sio_namespace_fetch_room_counts(ns, on_sockets, NULL), 0);
}

static void test_sio_far_takes_no_rubbish(void **state)
{
    for (unsigned kind = 0; kind < 8; kind++) {
        struct packet packet;

        start(1, false);
        change(&world.clients[1][0], 0, true);
        send_every_kind();
        assert_int_equal(world.num_packets, 8 * (PROCESSES - 1));
        for (size_t i = 0, seen = 0; i < world.num_packets; i++)
            if (world.packets[i].to == 1 && seen++ == kind)
                packet = world.packets[i];
        receive_broken(&packet);
        for (unsigned i = 0; i < PROCESSES; i++)
            sio_sim_run(&world.processes[i].sim);
        if (kind == 0) /* some are an event still */
            assert_non_null(sio_sim_next(&world.clients[1][0].base));
        stop();
    }
}

/* Answers that are broken, to the process that asks. */
static void test_sio_far_takes_no_rubbish_as_answer(void **state)
{
    for (size_t at = 0; at < 200; at++) {
        start(1, false);
        memset(&answer, 0, sizeof answer);
        assert_int_equal(
            yodel_sio_namespace_fetch_rooms(world.processes[0].sim.ns, on_sockets, NULL), 0);
        assert_int_equal(
            yodel_sio_namespace_fetch_room_counts(world.processes[0].sim.ns, on_sockets, NULL), 0);
        ask();
        run_wire();
        for (unsigned i = 0; i < PROCESSES; i++)
            sio_sim_run(&world.processes[i].sim);
        answer_all(0);
        for (size_t i = 0; i < world.num_packets; i++) {
            struct packet *packet = &world.packets[i];

            if (at < packet->bytes.len)
                ((uint8_t *)packet->bytes.ptr)[at] ^= (uint8_t)(1 + draw(255));
            (void)receive(packet->to, packet->from, packet->bytes, packet->is_reply);
        }
        sio_sim_advance(&world.processes[0].sim, 20000);
        assert_int_equal(answer.told, 3);
        stop();
    }
}

/* ---- out of memory ---- */

/* An emit that could not be encoded reaches nobody, here or elsewhere. */
static void test_sio_far_encoding_without_memory(void **state)
{
    bool failed = true;

    for (size_t n = 1; failed; n++) {
        struct failmem *fm = &world.processes[0].fm;
        int rc;

        start(1, false);
        fm->fail_at = atomic_load(&fm->calls) + n;
        rc = emit(0, ROOMS, ROOMS, 0);
        failed = failmem_has_failed(fm);
        fm->fail_at = 0;
        settle();
        run_clients();
        assert_int_equal(heard(), rc == 0 ? PROCESSES * CLIENTS : 0);
        assert_true(rc == 0 || (rc == -ENOMEM && failed));
        stop();
    }
}

/* One that could not be decoded reaches nobody of that process. */
static void test_sio_far_decoding_without_memory(void **state)
{
    for (unsigned kind = 0; kind < 7; kind++) {
        bool failed = true;

        for (size_t n = 1; failed; n++) {
            struct failmem *fm = &world.processes[1].fm;
            struct packet packet;
            int rc;

            start(1, false);
            change(&world.clients[1][0], 0, true);
            send_every_kind();
            for (size_t i = 0, seen = 0; i < world.num_packets; i++)
                if (world.packets[i].to == 1 && seen++ == kind)
                    packet = world.packets[i];
            fm->fail_at = atomic_load(&fm->calls) + n;
            rc = receive(1, 0, packet.bytes, false);
            failed = failmem_has_failed(fm);
            fm->fail_at = 0;
            assert_true(rc == 0 || (rc == -ENOMEM && failed));
            sio_sim_run(&world.processes[1].sim);
            if (rc < 0)
                sio_sim_expect_nothing(&world.clients[1][0].base);
            else if (kind == 0)
                sio_sim_expect(&world.clients[1][0].base,
                               "51-[\"b\",{\"_placeholder\":true,\"num\":0}]");
            stop();
        }
    }
}

/* Where a namespace is not, nobody is missing. */
static void test_sio_far_unknown_namespace_has_no_sockets(void **state)
{
    yodel_sio_namespace *ns;

    start(1, false);
    ns = sio_sim_of(world.processes[0].sim.sio, "/only");
    answer.told = 0;
    assert_int_equal(yodel_sio_target_fetch(yodel_sio_to_all(ns), on_sockets, NULL), 0);
    settle();
    run_clients();
    assert_int_equal(answer.told, 1);
    assert_int_equal(answer.result, 0);
    assert_int_equal(answer.missing, 0);
    assert_int_equal(answer.num, 0);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sio_far_emits_reach_every_process),
        cmocka_unit_test(test_sio_far_attachments_cross),
        cmocka_unit_test(test_sio_far_rooms_and_ends_cross),
        cmocka_unit_test(test_sio_far_rooms_are_told_where_the_sockets_are),
        cmocka_unit_test(test_sio_far_keeps_its_promises_on_a_bad_wire),
        cmocka_unit_test(test_sio_far_namespace_of_one_process),
        cmocka_unit_test(test_sio_far_unknown_namespace_has_no_sockets),
        cmocka_unit_test(test_sio_far_fetches),
        cmocka_unit_test(test_sio_far_acknowledgements),
        cmocka_unit_test(test_sio_far_all_arguments),
        cmocka_unit_test(test_sio_far_acknowledgements_that_are_late),
        cmocka_unit_test(test_sio_far_questions_end_once_on_a_bad_wire),
        cmocka_unit_test(test_sio_far_takes_no_rubbish),
        cmocka_unit_test(test_sio_far_takes_no_rubbish_as_answer),
        cmocka_unit_test(test_sio_far_encoding_without_memory),
        cmocka_unit_test(test_sio_far_decoding_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
