/* SPDX-License-Identifier: MIT */
#include "bus/bus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/ask.h"
#include "bus/heard.h"
#include "bus/op_node.h"

/* Sending operations to loops, and carrying them out there. */

void yd_bus_set_process(struct yd_bus *bus, const char *process)
{
    (void)snprintf(bus->process, sizeof bus->process, "%s", process);
}

int yd_bus_init(struct yd_bus *bus, const struct yd_bus_options *options)
{
    size_t size = options->num_loops * sizeof *bus->per_loop;

    *bus = (struct yd_bus){
        .mem = options->mem,
        .loops = options->loops,
        .num_loops = options->num_loops,
        .secret = {options->secret[0], options->secret[1]},
    };
    if ((bus->per_loop = yd_zalloc(options->mem, size)) == NULL) {
        *bus = (struct yd_bus){.mem = NULL};
        return -ENOMEM;
    }
    yd_bus_set_process(bus, options->process);
    for (unsigned i = 0; i < options->num_loops; i++) {
        bus->per_loop[i].waiting_end = &bus->per_loop[i].waiting;
        yd_list_init(&bus->per_loop[i].asks);
    }
    yd_heard_init(bus);
    yd_fence_init(&bus->fence);
    pthread_mutex_init(&bus->far_lock, NULL);
    yd_list_init(&bus->asks);
    yd_map_init(&bus->origins, bus->mem, bus->secret);
    return 0;
}

void yd_bus_add_layer(struct yd_bus *bus, struct yd_layer *layer)
{
    layer->bus = bus;
    pthread_mutex_lock(&bus->far_lock);
    layer->next = bus->layers;
    bus->layers = layer;
    pthread_mutex_unlock(&bus->far_lock);
}

void yd_bus_remove_layer(struct yd_bus *bus, struct yd_layer *layer)
{
    struct yd_layer **link = &bus->layers;

    pthread_mutex_lock(&bus->far_lock);
    while (*link != layer)
        link = &(*link)->next;
    *link = layer->next;
    pthread_mutex_unlock(&bus->far_lock);
}

/* ---- carrying out ---- */

static void apply(struct yd_op_node *node, struct yd_loop *loop)
{
    struct yd_op *op = node->op;
    struct yd_ask *ask = op->ask;

    if (node->applies)
        op->layer->ops->apply(op, loop);
    if (ask != NULL) {
        if (ask->home == loop)
            yd_ask_start_timer(ask);
        yd_ask_close(ask, loop, 0);
    }
    if (node->weighs)
        yd_loop_mail_less(loop, op->weight);
    yd_op_unref(op);
}

/* What handlers send meanwhile follows in the order of their calls, whichever layer it is of. */
static void apply_all(struct yd_bus *bus, struct yd_mail *mail, struct yd_loop *loop)
{
    struct yd_bus_loop *state = &bus->per_loop[loop->index];

    state->busy = true;
    while (mail != NULL) {
        apply(yd_container_of(mail, struct yd_op_node, mail), loop);
        if ((mail = state->waiting) != NULL && (state->waiting = mail->next) == NULL)
            state->waiting_end = &state->waiting;
    }
    state->busy = false;
}

static void run_node(struct yd_mail *mail, void *receiver)
{
    struct yd_op *op = yd_container_of(mail, struct yd_op_node, mail)->op;

    apply_all(op->layer->bus, mail, receiver);
}

/* ---- sending ---- */

/* The loops that an operation goes to: those of its receivers, and the home of its ask. */
struct route {
    struct yd_loop_set loops, receivers;
    unsigned num;
    unsigned own; /* the sender's; num_loops: none of them */
    bool at_once; /* it is carried out on that one in this call: it does not wait there */
};

static void find_route(const struct yd_op *op, struct route *route)
{
    const struct yd_bus *bus = op->layer->bus;

    memset(route, 0, sizeof *route);
    route->own = bus->num_loops;
    op->layer->ops->find(op, &route->receivers);
    route->loops = route->receivers;
    if (op->ask != NULL && op->ask->home != NULL)
        yd_loop_set_add(&route->loops, op->ask->home->index);
    for (unsigned i = 0; i < bus->num_loops; i++) {
        if (!yd_loop_set_has(&route->loops, i))
            continue;
        route->num++;
        if (yd_loop_is_current(bus->loops[i]))
            route->own = i;
    }
    route->at_once =
        !op->deferred && route->own < bus->num_loops && !bus->per_loop[route->own].busy;
}

/* Whether op waits in the mailbox of that loop, and counts there. */
static bool weighs(const struct yd_op *op, const struct route *route, unsigned loop)
{
    return !op->control && yd_loop_set_has(&route->loops, loop) &&
           !(route->at_once && loop == route->own);
}

static void unreserve(const struct yd_op *op, const struct route *route, unsigned end)
{
    const struct yd_bus *bus = op->layer->bus;

    for (unsigned i = 0; i < end; i++)
        if (weighs(op, route, i))
            yd_loop_mail_less(bus->loops[i], op->weight);
}

/* In all mailboxes, or in none. */
static int reserve(const struct yd_op *op, const struct route *route)
{
    const struct yd_bus *bus = op->layer->bus;
    int rc;

    for (unsigned i = 0; i < bus->num_loops; i++)
        if (weighs(op, route, i) && (rc = yd_loop_mail_more(bus->loops[i], op->weight)) < 0) {
            unreserve(op, route, i);
            return rc;
        }
    return 0;
}

static struct yd_op_node *prepare_node(struct yd_op *op, const struct route *route, unsigned loop)
{
    struct yd_op_node *node = &op->nodes[loop];

    *node = (struct yd_op_node){
        .mail = {NULL, run_node},
        .op = op,
        .applies = yd_loop_set_has(&route->receivers, loop),
        .weighs = weighs(op, route, loop),
    };
    yd_op_ref(op);
    if (op->ask != NULL)
        yd_ask_open(op->ask);
    return node;
}

/* The loop has ended. */
static void drop_node(struct yd_op_node *node, struct yd_loop *loop)
{
    struct yd_op *op = node->op;

    if (node->weighs)
        yd_loop_mail_less(loop, op->weight);
    if (op->ask != NULL)
        yd_ask_close(op->ask, NULL, YD_MISSING_CLOSED);
    yd_op_unref(op);
}

/* Returns how many loops have ended. */
static unsigned post_to_others(struct yd_op *op, const struct route *route)
{
    const struct yd_bus *bus = op->layer->bus;
    unsigned num_closed = 0;

    for (unsigned i = 0, num = route->num; num > 0; i++) {
        struct yd_op_node *node;

        if (!yd_loop_set_has(&route->loops, i))
            continue;
        num--;
        if (i == route->own)
            continue;
        node = prepare_node(op, route, i);
        if (yd_loop_post(bus->loops[i], &node->mail) < 0) {
            drop_node(node, bus->loops[i]);
            num_closed++;
        }
    }
    return num_closed;
}

/* After the others, so that they need not wait for it. */
static void start_on_own(struct yd_op *op, const struct route *route)
{
    struct yd_bus *bus = op->layer->bus;
    struct yd_bus_loop *state = &bus->per_loop[route->own];
    struct yd_op_node *node = prepare_node(op, route, route->own);

    if (op->deferred) {
        yd_loop_task(bus->loops[route->own], &node->mail);
    } else if (route->at_once) {
        apply_all(bus, &node->mail, bus->loops[route->own]);
    } else {
        *state->waiting_end = &node->mail;
        state->waiting_end = &node->mail.next;
    }
}

/* Keeps the caller's reference. */
static int start(struct yd_op *op)
{
    struct yd_bus *bus = op->layer->bus;
    struct yd_fence_pass pass;
    struct yd_far_send far;
    unsigned num_closed = 0;
    struct route route;
    int rc;

    if ((rc = yd_far_prepare(op, &far)) < 0)
        return rc;
    pass = yd_fence_enter(&bus->fence);
    find_route(op, &route);
    if ((rc = reserve(op, &route)) == 0)
        num_closed = post_to_others(op, &route);
    if (rc == 0 && num_closed > 0 && (op->ask == NULL || num_closed == route.num))
        rc = YODEL_ERR_CLOSED;
    if (rc == 0)
        yd_far_send(op, &far);
    else
        yd_far_drop(op, &far);
    yd_fence_leave(&bus->fence, pass);
    if (rc != YODEL_ERR_CONGESTED && route.own < bus->num_loops)
        start_on_own(op, &route);
    return rc;
}

int yd_bus_send(struct yd_op *op)
{
    int rc = start(op);

    yd_op_unref(op);
    return rc;
}

/* ---- asking ---- */

/* The loop that keeps the time: this thread's own, or any. */
static struct yd_loop *choose_home(const struct yd_bus *bus)
{
    for (unsigned i = 0; i < bus->num_loops; i++)
        if (yd_loop_is_current(bus->loops[i]))
            return bus->loops[i];
    return bus->loops[0];
}

void yd_ask_settle(struct yd_ask *ask)
{
    ask->home = choose_home(ask->bus);
}

/* A part of the caller's own stays open until all others are. */
int yd_bus_ask(struct yd_op *op, struct yd_ask *ask, uint32_t timeout_ms)
{
    int rc;

    op->ask = ask;
    ask->layer = op->layer;
    ask->timeout_ms = timeout_ms;
    yd_ask_settle(ask);
    yd_ask_open(ask);
    if ((rc = start(op)) < 0)
        yd_ask_cancel(ask);
    yd_ask_close(ask, yd_loop_is_current(ask->home) ? ask->home : NULL, 0);
    yd_op_unref(op);
    return rc;
}
