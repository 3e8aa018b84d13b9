/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "bus/bus.h"
#include "program.h"

/*
 * A second process: a server of its own with the same layers, one loop and no clients, joined to
 * the first by a peer that carries operations as bytes, in their order and once.  What it sends is
 * not counted; what it is asked it answers.  Whether a program has one is told by its last byte and
 * not drawn, so that programs of before mean what they meant.
 */

struct packet {
    struct packet *next;
    bool is_reply, is_out; /* out: of the first process */
    size_t len;
    uint8_t data[];
};

struct far {
    struct program *p;
    struct yd_peer to, from; /* the second process in the first, and the other way */
    yodel_server *server;
    yodel_channels *layer;
    yodel_sio *sio;
    yodel_sio_namespace *ns[2];
    uint64_t slept_until;
    struct packet *packets, **end;
    yodel_sio_server_ack *kept;
    unsigned num_events;
};

static bool has_far(const struct program *p)
{
    return p->size > 0 && p->data[p->size - 1] % 5 == 4;
}

/* ---- the wire ---- */

static int put(struct far *far, yodel_bytes bytes, bool is_out, bool is_reply)
{
    struct packet *packet = malloc(sizeof *packet + bytes.len);

    if (packet == NULL)
        abort();
    *packet = (struct packet){NULL, is_reply, is_out, bytes.len};
    memcpy(packet->data, bytes.ptr, bytes.len);
    *far->end = packet;
    far->end = &packet->next;
    return 0;
}

static int send_out(struct yd_peer *peer, const struct yd_op *op, uint64_t token, yodel_bytes bytes)
{
    (void)op;
    (void)token;
    return put(yd_container_of(peer, struct far, to), bytes, true, false);
}

static int reply_out(struct yd_peer *peer, yodel_bytes reply)
{
    return put(yd_container_of(peer, struct far, to), reply, true, true);
}

static int send_back(struct yd_peer *peer, const struct yd_op *op, uint64_t token,
                     yodel_bytes bytes)
{
    (void)op;
    (void)token;
    return put(yd_container_of(peer, struct far, from), bytes, false, false);
}

static int reply_back(struct yd_peer *peer, yodel_bytes reply)
{
    return put(yd_container_of(peer, struct far, from), reply, false, true);
}

static const struct yd_peer_ops out_ops = {.send = send_out, .reply = reply_out};
static const struct yd_peer_ops back_ops = {.send = send_back, .reply = reply_back};

static void carry(struct far *far)
{
    while (far->packets != NULL) {
        struct packet *packet = far->packets;
        struct yd_bus *bus = packet->is_out ? &far->server->bus : &far->p->server->bus;
        struct yd_peer *peer = packet->is_out ? &far->from : &far->to;
        yodel_bytes bytes = {packet->data, packet->len};
        int rc;

        far->packets = packet->next;
        if (far->packets == NULL)
            far->end = &far->packets;
        rc = packet->is_reply ? yd_bus_receive_reply(bus, peer, bytes)
                              : yd_bus_receive(bus, peer, bytes);
        if (rc == YODEL_ERR_PROTOCOL)
            broken(far->p, "a process does not know what another one says");
        free(packet);
    }
}

static void run_loop(struct far *far)
{
    struct yd_loop *loop = far->server->loops[0];

    loop->thread = pthread_self();
    sim_sleep(loop, far->p->now - far->slept_until);
    far->slept_until = far->p->now;
    atomic_store(&loop->running, true);
    sim_run(loop);
    atomic_store(&loop->running, false);
}

void far_run(struct program *p)
{
    if (p->far == NULL)
        return;
    carry(p->far);
    run_loop(p->far);
    carry(p->far);
}

/* ---- what it does ---- */

/* Answers now, at the next such event, or never. */
static void on_server_event(yodel_sio_namespace *ns, yodel_sio_server_event *event, void *user)
{
    yodel_sio_server_ack *ack = yodel_sio_server_event_ack(event);
    struct far *far = user;

    int number;

    (void)ns;
    (void)yodel_sio_server_event_json(event);
    (void)yodel_sio_server_event_name(event);
    (void)yodel_sio_server_event_args(event);
    (void)yodel_sio_server_event_unpack(event, "i", &number);
    yodel_sio_server_ack_unref(yodel_sio_server_ack_ref(ack));
    (void)yodel_sio_server_ack_answer_args(far->num_events % 5 == 4 ? far->kept : NULL, NULL);
    far->num_events++;
    if (far->num_events % 3 != 0)
        (void)yodel_sio_server_ack_answer(far->num_events % 3 == 1 ? ack : far->kept, "i", 2);
    yodel_sio_server_ack_unref(far->kept);
    far->kept = ack;
}

static void on_members(const yodel_group_members_result *result, void *user)
{
    (void)result;
    waiter_called(user);
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

static void ask(struct far *far, yodel_sio_target target)
{
    struct program *p = far->p;
    struct waiter *waiter = waiter_new(p, "asked from far");
    int rc;

    switch (pick(p, 3)) {
    case 0:
        rc = yodel_group_members(far->layer, program_groups[pick(p, NUM_GROUPS)], on_members,
                                 waiter);
        break;
    case 1:
        rc = yodel_sio_target_fetch(target, on_sockets, waiter);
        break;
    default:
        rc = yodel_sio_emit_ack_pack(target, "passed", on_answers, waiter, "i", 1);
    }
    waiter_returned(waiter, rc);
}

void far_act(struct program *p)
{
    struct far *far = p->far;
    yodel_sio_target target;

    if (far == NULL || p->over)
        return;
    target = once_in(p, 2)
                 ? yodel_sio_to_room(far->ns[pick(p, 2)], program_rooms[pick(p, NUM_ROOMS)])
                 : yodel_sio_to_all(far->ns[pick(p, 2)]);
    say(p, "from far");
    switch (pick(p, 5)) {
    case 0:
        (void)yodel_sio_emit(target, "passed", "s", "from far");
        break;
    case 1:
        (void)yodel_group_send(far->layer, program_groups[pick(p, NUM_GROUPS)], YODEL_WS_TEXT,
                               (yodel_bytes){(const uint8_t *)"far", 3});
        break;
    case 2:
        (void)yodel_group_send_event(far->layer, program_groups[pick(p, NUM_GROUPS)],
                                     "chat.message", "{}");
        break;
    case 3:
        (void)yodel_sio_target_disconnect(target, once_in(p, 2));
        break;
    default:
        ask(far, target);
    }
}

/* ---- its life ---- */

void far_set_up(struct program *p)
{
    yodel_server_options options = {.size = sizeof options, .loops = 1};
    struct far *far;

    if (!has_far(p))
        return;
    if ((far = calloc(1, sizeof *far)) == NULL ||
        yd_server_new_on(&yd_loop_sim, &options, &far->server) < 0 ||
        yodel_channels_new_memory(far->server, &far->layer) < 0 ||
        yodel_sio_new(far->server, YODEL_OPTIONS(yodel_sio_options, .channels = far->layer),
                      &far->sio) < 0 ||
        yodel_sio_of(far->sio, "/", &far->ns[0]) < 0 ||
        yodel_sio_of(far->sio, "/chat", &far->ns[1]) < 0)
        abort();
    far->p = p;
    far->end = &far->packets;
    far->to.ops = &out_ops;
    far->from.ops = &back_ops;
    far->slept_until = p->now;
    if (yd_bus_add_peer(&p->server->bus, &far->to) < 0 ||
        yd_bus_add_peer(&far->server->bus, &far->from) < 0)
        abort();
    p->far = far;
    for (unsigned i = 0; i < 2; i++)
        if (yodel_sio_namespace_handle(
                far->ns[i], YODEL_OPTIONS(yodel_sio_handlers, .on_server_event = on_server_event),
                far) < 0)
            abort();
}

struct within {
    struct program *p;
    yd_run_fn *run;
};

/* The first one runs, and ends, while this one is there. */
static int run_within(yodel_server *server, void *arg)
{
    struct within *within = arg;
    struct program *p = within->p;
    int rc;

    server->num_running = 1;
    rc = yd_server_run_by(p->server, within->run, p);
    yodel_server_stop(server, 0);
    for (int round = 0; !server->loops[0]->stopping; round++) {
        if (round > 30)
            broken(p, "stop: the second process does not end");
        p->now += 1000;
        run_loop(p->far);
    }
    return rc;
}

int far_run_within(struct program *p, yd_run_fn *run)
{
    struct within within = {p, run};

    return p->far != NULL ? yd_server_run_by(p->far->server, run_within, &within)
                          : yd_server_run_by(p->server, run, p);
}

void far_free(struct program *p)
{
    struct far *far = p->far;

    if (far == NULL)
        return;
    while (far->packets != NULL) {
        struct packet *next = far->packets->next;

        free(far->packets);
        far->packets = next;
    }
    yodel_sio_server_ack_unref(far->kept);
    (void)yodel_sio_unref(far->sio);
    (void)yodel_channels_unref(far->layer);
    (void)yodel_server_unref(far->server);
    free(far);
    p->far = NULL;
}
