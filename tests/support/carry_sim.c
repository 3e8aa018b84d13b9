/* SPDX-License-Identifier: MIT */
#include "carry_sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/mem.h"

#define FIRST_TAG 100

/* Two ends of one connection. */
struct joint {
    struct joint *next;
    struct sim_peer *ends[2];
    bool over[2]; /* what comes from there has ended */
};

/* ---- links ---- */

static struct node_sim *node_of(struct carry_sim *sim, uint32_t tag)
{
    return tag >= FIRST_TAG && tag < FIRST_TAG + sim->num ? &sim->nodes[tag - FIRST_TAG] : NULL;
}

static void find(struct yd_finder *finder, struct yd_carry_lookup *lookup)
{
    struct node_sim *from = (struct node_sim *)finder;
    struct node_sim *to = node_of(from->all, lookup->node);

    lookup->result = to != NULL && !to->unknown ? 0 : YODEL_ERR_NOT_FOUND;
    (void)snprintf(lookup->address, sizeof lookup->address, "%u", (unsigned)lookup->node);
    if (to != NULL && to->is_looked_for)
        from->all->last_lookup = lookup;
    else
        yd_carry_found(lookup);
}

static void on_dialled(struct yd_listener *listener, int fd)
{
    struct node_sim *node = listener->user;

    node->dialled = NULL;
    (void)yd_net_add(&node->eio.base.nets[listener->loop->index], fd, NULL, &node->dialled);
}

static void listen_again(struct node_sim *node, unsigned loop)
{
    (void)yd_listener_start(&node->eio.base.listeners[loop].base);
}

static struct sim_peer *knock(struct node_sim *node)
{
    unsigned loop = node->accepts_at;
    struct sim_peer *peer;

    (void)yd_net_listen(&node->eio.base.nets[loop], &node->link_listener, -1, &node->front);
    peer = sim_connect(node->eio.base.loops[loop]);
    listen_again(node, loop);
    return peer;
}

struct sim_peer *carry_sim_knock(struct carry_sim *sim, unsigned node)
{
    return knock(&sim->nodes[node]);
}

static void join(struct carry_sim *sim, struct sim_peer *a, struct sim_peer *b)
{
    struct joint *joint = calloc(1, sizeof *joint);

    if (joint == NULL)
        abort();
    joint->ends[0] = a;
    joint->ends[1] = b;
    a->chop = b->chop = sim->chop;
    joint->next = sim->joints;
    sim->joints = joint;
}

static void dial(struct yd_dialer *dialer, struct yd_net *net, const char *address,
                 uint32_t timeout_ms, struct yd_node_call *call)
{
    struct node_sim *from = yd_container_of(dialer, struct node_sim, dialer);
    struct node_sim *to = node_of(from->all, (uint32_t)atoi(address));
    struct sim_peer *end;

    from->all->num_dials++;
    from->all->dial_ms = timeout_ms;
    if (to->silent)
        return;
    if (to->refuses) {
        call->on_done(call, NULL, -ECONNREFUSED, NULL);
        return;
    }
    from->dial_listener =
        (struct yd_listener){.loop = net->loop, .on_accept = on_dialled, .user = from, .fd = -1};
    (void)yd_listener_start(&from->dial_listener);
    end = sim_connect(net->loop);
    listen_again(from, net->loop->index);
    if (from->dialled == NULL) {
        call->on_done(call, NULL, -ENOMEM, NULL);
        return;
    }
    join(from->all, end, knock(to));
    call->on_done(call, from->dialled, 0, NULL);
}

/* Whether anything has moved. */
static bool pump(struct joint *joint, unsigned from)
{
    struct sim_peer *a = joint->ends[from], *b = joint->ends[1 - from];
    bool moved = a->output.len > 0;

    if (moved)
        sim_send(b, a->output.ptr, a->output.len);
    sim_forget(a);
    if (joint->over[from] || (!sim_is_closed(a) && !sim_is_shut(a)))
        return moved;
    joint->over[from] = true;
    sim_end(b);
    return true;
}

static bool pump_all(struct carry_sim *sim)
{
    bool moved = false;

    for (struct joint *joint = sim->joints; joint != NULL; joint = joint->next) {
        moved = pump(joint, 0) || moved;
        moved = pump(joint, 1) || moved;
    }
    return moved;
}

void carry_sim_break(struct carry_sim *sim)
{
    for (struct joint *joint = sim->joints; joint != NULL; joint = joint->next) {
        sim_forget(joint->ends[0]);
        sim_forget(joint->ends[1]);
        sim_break(joint->ends[0], -ECONNRESET);
        sim_break(joint->ends[1], -ECONNRESET);
    }
}

unsigned carry_sim_num_links(const struct carry_sim *sim)
{
    unsigned num = 0;

    for (const struct joint *joint = sim->joints; joint != NULL; joint = joint->next)
        num += !sim_is_closed(joint->ends[0]);
    return num;
}

/* ---- nodes ---- */

static int start_node(struct carry_sim *sim, const struct yodel_allocator *mem, unsigned i,
                      unsigned num_loops, const char *secret)
{
    struct node_sim *node = &sim->nodes[i];
    struct yd_carry_options options = {
        .link = {.secret_len = strlen(secret),
                 .max_output = 3000,
                 .max_streams = 100,
                 .max_links = 4,
                 .begin_ms = 500,
                 .ping_ms = 200,
                 .silent_ms = 600,
                 .idle_ms = 5000},
        .connect_ms = 700,
        .finder = &node->finder,
        .dialer = &node->dialer,
    };
    struct yd_net *nets[LOOPS_SIM_MAX];
    int rc;

    node->all = sim;
    node->finder.find = find;
    node->dialer.dial = dial;
    memcpy(options.link.secret, secret, strlen(secret));
    if ((rc = eio_sim_start(&node->eio, mem, num_loops, NULL)) < 0)
        return rc;
    sim->num = i + 1;
    for (unsigned j = 0; j < num_loops; j++)
        nets[j] = &node->eio.base.nets[j];
    if ((rc = yd_carry_new(mem, nets, num_loops, &options, &node->carry)) < 0)
        return rc;
    yd_carry_set_node(node->carry, FIRST_TAG + i);
    node->far = &node->carry->far;
    yd_eio_set_far(node->eio.eio, &node->far);
    node->front = (struct yd_front){.on_connection = yd_carry_accept, .user = node->carry};
    return 0;
}

int carry_sim_start(struct carry_sim *sim, const struct yodel_allocator *mem, unsigned num,
                    unsigned num_loops, const char *const *secrets)
{
    int rc = 0;

    memset(sim, 0, sizeof *sim);
    for (unsigned i = 0; i < num && rc == 0; i++)
        rc = start_node(sim, mem, i, num_loops, secrets != NULL ? secrets[i] : "a secret of many");
    if (rc < 0)
        carry_sim_stop(sim);
    return rc;
}

void carry_sim_stop(struct carry_sim *sim)
{
    for (unsigned i = 0; i < sim->num; i++) {
        eio_sim_stop(&sim->nodes[i].eio);
        yd_carry_free(sim->nodes[i].carry);
    }
    while (sim->joints != NULL) {
        struct joint *next = sim->joints->next;

        free(sim->joints);
        sim->joints = next;
    }
    sim->num = 0;
}

void carry_sim_run(struct carry_sim *sim)
{
    do {
        for (unsigned i = 0; i < sim->num; i++)
            if (!sim->nodes[i].paused)
                eio_sim_run(&sim->nodes[i].eio);
    } while (pump_all(sim));
}

void carry_sim_advance(struct carry_sim *sim, uint64_t ms)
{
    carry_sim_run(sim);
    while (ms > 0) {
        uint64_t step = YD_MIN(ms, (uint64_t)20);

        for (unsigned i = 0; i < sim->num; i++)
            if (!sim->nodes[i].paused)
                eio_sim_advance(&sim->nodes[i].eio, step);
        carry_sim_run(sim);
        ms -= step;
    }
}

struct yd_carry_stats carry_sim_stats(struct carry_sim *sim, unsigned node)
{
    struct yd_carry_stats stats;

    yd_carry_count(sim->nodes[node].carry, &stats);
    return stats;
}

/* ---- clients ---- */

void carry_sim_open(struct carry_sim *sim, unsigned node)
{
    eio_sim_open(&sim->nodes[node].eio, 0);
}

struct sim_peer *carry_sim_connect(struct carry_sim *sim, unsigned node)
{
    return sim_connect(sim->nodes[node].eio.base.loops[0]);
}

void carry_sim_ask_poll(struct carry_sim *sim, struct sim_peer *peer, unsigned of)
{
    char text[300];

    (void)snprintf(text, sizeof text,
                   "GET /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n\r\n",
                   sim->nodes[of].eio.id);
    sim_send_text(peer, text);
}

void carry_sim_ask_post(struct carry_sim *sim, struct sim_peer *peer, unsigned of, const char *body)
{
    char text[4000];

    (void)snprintf(text, sizeof text,
                   "POST /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   sim->nodes[of].eio.id, strlen(body), body);
    sim_send_text(peer, text);
}

struct sim_peer *carry_sim_upgrade(struct carry_sim *sim, unsigned node, unsigned of)
{
    struct sim_peer *peer = carry_sim_connect(sim, node);
    char text[400];

    (void)snprintf(text, sizeof text,
                   "GET /e/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: a\r\n"
                   "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                   sim->nodes[of].eio.id);
    sim_send_text(peer, text);
    return peer;
}
