/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/carry.h>
#include <yodel/channels_redis.h>
#include <yodel/cluster.h>
#include <yodel/sio.h>
#include <yodel/sio_emitter.h>
#include <yodel/sio_python.h>
#include <yodel/sio_redis.h>

#include "program.h"
#include "redis_sim.h"

/*
 * What several servers have by the Redis of redis_side.c: a node that carries requests, a layer in
 * the forms of channels_redis, services with the adapters of node and Python, an emitter.  They are
 * the program's own, beside the layer and the services that its checks are about; nobody is
 * connected to them, and what others say to them is wrong.  Which of them a program has is told by
 * its last byte.
 */

enum has { HAS_NODE = 1, HAS_LAYER = 2, HAS_SERVICE = 4, HAS_PYTHON = 8 };

struct cluster_side {
    struct program *p;
    struct redis_sim *sim;
    yodel_redis *redis; /* borrowed */
    unsigned has;
    yodel_cluster *node;
    yodel_channels *layer;
    yodel_sio *sio;
    yodel_sio_namespace *ns;
    yodel_sio_emitter *emitter;
};

/* ---- a node ---- */

static void on_node(const yodel_node *node, int is_here, void *user)
{
    struct cluster_side *side = user;

    say(side->p, "node %s is %s", node->name, is_here ? "here" : "gone");
    if (node->is_self)
        broken(side->p, "a node is told of itself");
    act_abroad(side->p);
}

static void add_node(struct cluster_side *side)
{
    struct program *p = side->p;
    const yodel_cluster_options options = {.size = sizeof options,
                                           .secret = "sixteen bytes, at least",
                                           .on_node = on_node,
                                           .user = side};
    const yodel_listen_options listen = {.size = sizeof listen, .address = "127.0.0.1:0"};
    const yodel_carry_options carry = {.size = sizeof carry,
                                       .listen = &listen,
                                       .connect_ms = 300,
                                       .silent_ms = 600,
                                       .ping_ms = 200,
                                       .idle_ms = 1000};

    if (yodel_cluster_new(p->server, side->redis, &options, &side->node) < 0 ||
        yodel_server_carry(p->server, &carry) < 0)
        abort();
}

static void see_node(const yodel_node *node, void *user)
{
    *(unsigned *)user += node->is_self != 0;
}

static void look_at_node(struct cluster_side *side)
{
    yodel_carry_stats carried = {.size = sizeof carried};
    yodel_cluster_stats stats = {.size = sizeof stats};
    unsigned selves = 0;
    int rc = yodel_cluster_each_node(side->node, see_node, &selves);

    if (rc >= 0 && selves != 1)
        broken(side->p, "cluster: %u of the nodes are this one", selves);
    if (yodel_cluster_get_stats(side->node, &stats) < 0 ||
        yodel_server_get_carry_stats(side->p->server, &carried) < 0)
        broken(side->p, "cluster: no counters");
    if (carried.requests_failed > carried.requests_out + carried.links_lost + carried.requests_in)
        say(side->p, "more requests failed than were sent");
    (void)yodel_cluster_unref(yodel_cluster_ref(side->node));
}

/* A client with a session of a node that may be anywhere: known to Redis, or to no one. */
static void come_from_elsewhere(struct cluster_side *side)
{
    static const char *const ways[] = {
        "GET /socket.io/?EIO=4&transport=polling&sid=%s%s%s HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /socket.io/?EIO=4&transport=polling&sid=%s%s%s HTTP/1.1\r\nHost: a\r\n"
        "Content-Length: 2\r\n\r\n40",
        "GET /socket.io/?EIO=4&transport=websocket&sid=%s%s%s HTTP/1.1\r\nHost: a\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"};
    static const char *const tags[] = {"AAAA", "node", "zzzz"};
    struct program *p = side->p;
    unsigned loop = pick(p, p->num_loops);
    struct sim_peer *peer;
    char text[400];

    if (p->has_ended[loop] || !sim_is_listening(p->server->loops[loop]))
        return;
    (void)snprintf(text, sizeof text, ways[pick(p, 3)], "AAAAAAAAAAAA", tags[pick(p, 3)], "AAAA");
    peer = sim_connect(p->server->loops[loop]);
    sim_send_text(peer, text);
    if (once_in(p, 2))
        sim_end(peer);
}

/* ---- a layer ---- */

static void on_job(yodel_channels *channels, const yodel_event *event, void *user)
{
    struct cluster_side *side = user;

    (void)channels;
    (void)yodel_event_json(event);
    act_abroad(side->p);
}

static void add_layer(struct cluster_side *side)
{
    static const yodel_channels_capacity none = {"full*", 0};
    bool is_core = side->p->size % 2 == 0;
    const yodel_bytes key = {(const uint8_t *)"key", 3};
    const yodel_channels_redis_options options = {
        .size = sizeof options,
        .form = is_core ? YODEL_CHANNELS_CORE : YODEL_CHANNELS_PUBSUB,
        .capacities = &none,
        .num_capacities = 1,
        .symmetric_keys = &key,
        .num_symmetric_keys = side->p->size % 3 == 0,
        .expiry_s = 2,
        .max_queue = 3000,
    };

    if (yodel_channels_new_memory(side->p->server, &side->layer) < 0 ||
        yodel_channels_use_redis(side->layer, &side->redis, 1, &options) < 0 ||
        yodel_channels_receive(side->layer, "jobs", on_job, side) < 0)
        abort();
}

static void use_layer(struct cluster_side *side)
{
    static const char *const channels[] = {"jobs", "full-1", "specific.abc!def", "nobody"};
    yodel_channels_redis_stats stats = {.size = sizeof stats};
    struct program *p = side->p;

    switch (pick(p, 4)) {
    case 0:
        (void)yodel_channel_send_event(side->layer, channels[pick(p, 4)], "job.do", "{s:i}", "n",
                                       1);
        break;
    case 1:
        (void)yodel_group_send_event(side->layer, program_groups[pick(p, NUM_GROUPS)], "a.event",
                                     "{}");
        break;
    case 2:
        (void)yodel_group_send(side->layer, program_groups[0], YODEL_WS_TEXT,
                               (yodel_bytes){(const uint8_t *)"raw", 3});
        break;
    default:
        if (yodel_channels_get_redis_stats(side->layer, &stats) < 0 || stats.waiting > 4000)
            broken(p, "channels: %llu bytes wait", (unsigned long long)stats.waiting);
    }
}

/* ---- a service ---- */

static void on_server_event(yodel_sio_namespace *ns, yodel_sio_server_event *event, void *user)
{
    (void)ns;
    (void)yodel_sio_server_event_name(event);
    act_abroad(user);
}

static void add_service(struct cluster_side *side)
{
    const yodel_sio_redis_form form =
        (yodel_sio_redis_form)(YODEL_SIO_REDIS_CLASSIC + (int)(side->p->size % 3));
    yodel_sio_emitter_options emits = {.size = sizeof emits, .form = form};

    if (yodel_sio_new(side->p->server, YODEL_OPTIONS(yodel_sio_options, .path = "/cluster/"),
                      &side->sio) < 0 ||
        yodel_sio_of(side->sio, "/", &side->ns) < 0 ||
        yodel_sio_namespace_handle(
            side->ns, YODEL_OPTIONS(yodel_sio_handlers, .on_server_event = on_server_event),
            side->p) < 0)
        abort();
    if ((side->has & HAS_SERVICE) != 0 &&
        yodel_sio_use_redis(
            side->sio, side->redis,
            YODEL_OPTIONS(yodel_sio_redis_options, .form = form, .max_requests = 3)) < 0)
        abort();
    if ((side->has & HAS_PYTHON) != 0 &&
        yodel_sio_use_python(side->sio, side->redis,
                             YODEL_OPTIONS(yodel_sio_python_options, .callback_ms = 300)) < 0)
        abort();
    if (yodel_sio_emitter_new(side->redis, &emits, &side->emitter) < 0)
        side->emitter = NULL; /* this form has none */
}

static void on_sockets(const yodel_sio_sockets *sockets, void *user)
{
    (void)sockets;
    waiter_called(user);
}

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    (void)yodel_sio_answers_json(answers);
    waiter_called(user);
}

static void ask(struct cluster_side *side)
{
    yodel_sio_target target = yodel_sio_target_timeout(yodel_sio_to_all(side->ns), 500);
    struct program *p = side->p;
    struct waiter *waiter;

    switch (pick(p, 3)) {
    case 0:
        waiter = waiter_new(p, "fetch by Redis");
        waiter_returned(waiter, yodel_sio_target_fetch(target, on_sockets, waiter));
        break;
    case 1:
        waiter = waiter_new(p, "emit_ack by Redis");
        waiter_returned(waiter, yodel_sio_emit_ack(target, "q", NULL, on_answers, waiter));
        break;
    default:
        waiter = waiter_new(p, "server_side_emit_ack by Redis");
        waiter_returned(waiter, yodel_sio_server_side_emit_ack(side->ns, "asked", NULL, 500,
                                                               on_answers, waiter));
    }
}

/* What is answered, or dropped, has come ahead of that. */
static void look_at_counters(struct cluster_side *side)
{
    yodel_sio_redis_stats stats = {.size = sizeof stats};
    int rc = yodel_sio_get_redis_stats(side->sio, &stats);

    if (rc != ((side->has & HAS_SERVICE) != 0 ? 0 : YODEL_ERR_NOT_FOUND))
        broken(side->p, "redis: its counters: %s", yodel_strerror(rc));
    if (rc == 0 && (stats.unmeant + stats.ignored > stats.received ||
                    stats.requests_complete + stats.requests_late > stats.requests ||
                    stats.requests_taken + stats.requests_refused > stats.received))
        broken(side->p, "redis: its counters do not fit each other");
}

static void use_service(struct cluster_side *side)
{
    yodel_sio_python_stats stats = {.size = sizeof stats};
    struct program *p = side->p;
    int rc;

    switch (pick(p, 5)) {
    case 0:
        (void)yodel_sio_emit(yodel_sio_to_room(side->ns, program_rooms[pick(p, NUM_ROOMS)]), "a",
                             "s", "b");
        break;
    case 1:
        (void)yodel_sio_server_side_emit(side->ns, "told", NULL);
        break;
    case 2:
        rc = yodel_sio_get_python_stats(side->sio, &stats);
        if (rc != ((side->has & HAS_PYTHON) != 0 ? 0 : YODEL_ERR_NOT_FOUND))
            broken(p, "python: its counters: %s", yodel_strerror(rc));
        break;
    case 3:
        look_at_counters(side);
        break;
    default:
        ask(side);
    }
}

static void use_emitter(struct cluster_side *side)
{
    static const char *const rooms[] = {"r1", "r2", NULL};
    const yodel_sio_emitter_target target = {.size = sizeof target, .rooms = rooms};
    const yodel_sio_args args = {.size = sizeof args, .json = YODEL_STR("[1]")};
    yodel_sio_emitter *emitter = side->emitter;

    switch (pick(side->p, 6)) {
    case 0:
        (void)yodel_sio_emitter_emit(emitter, &target, "a", "i", 1);
        break;
    case 1:
        (void)yodel_sio_emitter_emit_args(emitter, NULL, "a", &args);
        break;
    case 2:
        (void)yodel_sio_emitter_join(emitter, &target, rooms);
        (void)yodel_sio_emitter_leave(emitter, NULL, rooms);
        break;
    case 3:
        (void)yodel_sio_emitter_disconnect(emitter, &target, once_in(side->p, 2));
        break;
    case 4:
        (void)yodel_sio_emitter_server_side_emit(emitter, "told", "i", 1);
        break;
    default:
        (void)yodel_sio_emitter_unref(yodel_sio_emitter_ref(emitter));
    }
}

/* ---- others ---- */

/* To whom it is of no use: each is to be dropped, and counted. */
static void say_nonsense(struct cluster_side *side)
{
    static const char *const channels[] = {
        "yodel:nodes",   "socketio",        "socket.io#/#",          "socket.io-request#/#",
        "socket.io#/##", "asgi__group__g1", "socket.io-response#/#", "asgispecific.x!"};
    static const char *const texts[] = {"",
                                        "{",
                                        "{\"type\":1,\"uid\":\"u\",\"nsp\":\"/\"}",
                                        "\x93\xa1u\x81\xa4type\x02\x80",
                                        "\xdf\xff\xff\xff\xff",
                                        "\x01\x02\x03\x04",
                                        "\x80\x04\x95\xff",
                                        "{\"requestId\":\"x\",\"uid\":\"u\",\"type\":9}"};

    redis_sim_publish(side->sim, channels[pick(side->p, 8)], texts[pick(side->p, 8)]);
}

/* Answers of a kind that nobody asked for. */
static bool lie(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                const yodel_str *argv)
{
    static const char *const replies[] = {
        "$-1\r\n",       ":-5\r\n", "*0\r\n", "+OK\r\n", "-ERR no\r\n", "*2\r\n$1\r\nx\r\n*-1\r\n",
        "$3\r\nabc\r\n", "*-1\r\n"};
    struct cluster_side *side = sim->arg;

    (void)argc;
    (void)argv;
    if (side->p->over || !once_in(side->p, 5))
        return false;
    redis_sim_say(sim, conn, replies[pick(side->p, 8)]);
    return true;
}

static void begin_to_lie(struct cluster_side *side)
{
    side->sim->arg = side;
    side->sim->on_command = side->sim->on_command == NULL ? lie : NULL;
    say(side->p, "redis %s", side->sim->on_command != NULL ? "lies" : "tells the truth");
}

/* ---- its life ---- */

void cluster_side_act(struct program *p)
{
    struct cluster_side *side = p->cluster;

    if (side == NULL || p->over)
        return;
    switch (pick(p, 8)) {
    case 0:
        if (side->node != NULL)
            look_at_node(side);
        break;
    case 1:
    case 2:
        if (side->node != NULL)
            come_from_elsewhere(side);
        break;
    case 3:
        if (side->layer != NULL)
            use_layer(side);
        break;
    case 4:
        if (side->emitter != NULL)
            use_emitter(side);
        break;
    case 5:
        say_nonsense(side);
        break;
    case 6:
        begin_to_lie(side);
        break;
    default:
        if (side->sio != NULL)
            use_service(side);
    }
}

void cluster_side_set_up(struct program *p, yodel_redis *redis, struct redis_sim *sim)
{
    struct cluster_side *side;
    unsigned has = p->data[p->size - 1] / 7 % 16;

    if (has == 0 || p->far != NULL) /* who has the same services and layers */
        return;
    if ((side = calloc(1, sizeof *side)) == NULL)
        abort();
    side->p = p;
    side->redis = redis;
    side->sim = sim;
    side->has = has;
    p->cluster = side;
    if ((has & HAS_NODE) != 0)
        add_node(side);
    if ((has & HAS_LAYER) != 0)
        add_layer(side);
    if ((has & (HAS_SERVICE | HAS_PYTHON)) != 0)
        add_service(side);
}

void cluster_side_unref(struct program *p)
{
    struct cluster_side *side = p->cluster;

    if (side == NULL)
        return;
    side->node = yodel_cluster_unref(side->node);
    side->layer = yodel_channels_unref(side->layer);
    side->sio = yodel_sio_unref(side->sio);
    side->emitter = yodel_sio_emitter_unref(side->emitter);
}

void cluster_side_free(struct program *p)
{
    free(p->cluster);
    p->cluster = NULL;
}
