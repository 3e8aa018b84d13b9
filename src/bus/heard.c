/* SPDX-License-Identifier: MIT */
#include "bus/heard.h"

#include "base/container.h"

bool yd_bus_hears(const struct yd_bus *bus, yodel_str layer, yodel_str group)
{
    if (atomic_load_explicit(&bus->closed, memory_order_relaxed))
        return true;
    for (struct yd_peer *peer = bus->peers; peer != NULL; peer = peer->next)
        if (peer->ops->hears != NULL && !peer->ops->hears(peer, layer, group))
            return false;
    return true;
}

static struct yd_bus_loop *state_of(const struct yd_heard *heard)
{
    return &heard->bus->per_loop[heard->loop->index];
}

void yd_heard_end(struct yd_heard *heard)
{
    yd_timer_stop(&heard->loop->wheel, &heard->limit);
    yd_list_remove(&heard->node);
    atomic_fetch_sub(&state_of(heard)->num_heard, 1);
}

static void finish(struct yd_heard *heard)
{
    yd_heard_end(heard);
    heard->done(heard);
}

static void on_limit(struct yd_timer *timer)
{
    finish(yd_container_of(timer, struct yd_heard, limit));
}

/* It is counted ahead of the question, and a peer looks at the count after it has changed its
 * answer: so one of the two sees the other. */
bool yd_heard_begin(struct yd_heard *heard, struct yd_loop *loop)
{
    heard->loop = loop;
    yd_timer_init(&heard->limit, on_limit);
    yd_list_append(&state_of(heard)->heard, &heard->node);
    atomic_fetch_add(&state_of(heard)->num_heard, 1);
    if (yd_bus_hears(heard->bus, heard->layer, heard->group)) {
        yd_heard_end(heard);
        return false;
    }
    yd_timer_start(&loop->wheel, &heard->limit, yd_loop_due(loop, YD_HEARD_LIMIT_MS));
    return true;
}

/* Those that begin meanwhile have asked themselves. */
static void look(struct yd_mail *mail, void *receiver)
{
    struct yd_bus_loop *state = yd_container_of(mail, struct yd_bus_loop, heard_mail);
    struct yd_list todo;

    (void)receiver;
    atomic_store(&state->heard_posted, false);
    yd_list_move(&state->heard, &todo);
    while (!yd_list_is_empty(&todo)) {
        struct yd_heard *heard = yd_container_of(todo.next, struct yd_heard, node);

        yd_list_remove(&heard->node);
        yd_list_append(&state->heard, &heard->node);
        if (yd_bus_hears(heard->bus, heard->layer, heard->group))
            finish(heard);
    }
}

void yd_bus_hears_more(struct yd_bus *bus)
{
    for (unsigned i = 0; i < bus->num_loops; i++) {
        struct yd_bus_loop *state = &bus->per_loop[i];

        if (atomic_load(&state->num_heard) > 0 && !atomic_exchange(&state->heard_posted, true))
            (void)yd_loop_post(bus->loops[i], &state->heard_mail);
    }
}

void yd_heard_init(struct yd_bus *bus)
{
    for (unsigned i = 0; i < bus->num_loops; i++) {
        yd_list_init(&bus->per_loop[i].heard);
        bus->per_loop[i].heard_mail.run = look;
    }
}
