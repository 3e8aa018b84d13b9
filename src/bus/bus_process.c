/* SPDX-License-Identifier: MIT */
#include "base/container.h"
#include "base/mem.h"
#include "bus/ask.h"
#include "bus/op_node.h"

/* Processes that come, and are lost. */

void yd_bus_count_process(struct yd_bus *bus, struct yd_bus_process *process,
                          void (*count)(void *arg), void *arg)
{
    pthread_mutex_lock(&bus->far_lock);
    process->since = bus->sequence + 1; /* an ask that counts it has a number from there on */
    count(arg);
    pthread_mutex_unlock(&bus->far_lock);
}

/* With the lock held: an ask that waits for process, and does so no more; NULL: none. */
static struct yd_ask *take_part_of(struct yd_bus *bus, const struct yd_peer *peer,
                                   const struct yd_bus_process *process)
{
    for (struct yd_list *node = bus->asks.next; node != &bus->asks; node = node->next) {
        struct yd_ask *ask = yd_container_of(node, struct yd_ask, of_bus);

        if (ask->awaited[peer->index] == 0 || ask->sequence < process->since ||
            yd_far_has_answered(bus, ask, process->name))
            continue;
        ask->awaited[peer->index]--;
        return ask;
    }
    return NULL;
}

void yd_bus_forget_process(struct yd_bus *bus, struct yd_peer *peer,
                           const struct yd_bus_process *process, void (*forget)(void *arg),
                           void *arg)
{
    struct yd_ask *ask;

    pthread_mutex_lock(&bus->far_lock);
    forget(arg);
    while ((ask = take_part_of(bus, peer, process)) != NULL) {
        pthread_mutex_unlock(&bus->far_lock);
        yd_ask_close(ask, NULL, YD_MISSING_CLOSED);
        pthread_mutex_lock(&bus->far_lock);
    }
    pthread_mutex_unlock(&bus->far_lock);
}

/* ---- telling the layers ---- */

typedef void(tell_fn)(struct yd_layer *layer, yodel_str process);

static tell_fn *joined_of(const struct yd_layer *layer)
{
    return layer->ops->process_joined;
}

static tell_fn *lost_of(const struct yd_layer *layer)
{
    return layer->ops->process_lost;
}

/* The next one after that layer, which keeps its place; a reference, or NULL. */
static struct yd_layer *next_layer(struct yd_bus *bus, struct yd_layer *after,
                                   tell_fn *(*fn_of)(const struct yd_layer *layer))
{
    struct yd_layer *layer;

    pthread_mutex_lock(&bus->far_lock);
    layer = after != NULL ? after->next : bus->layers;
    while (layer != NULL && (fn_of(layer) == NULL || !layer->ops->try_ref(layer)))
        layer = layer->next;
    pthread_mutex_unlock(&bus->far_lock);
    if (after != NULL)
        yd_layer_unref(after);
    return layer;
}

static void tell_layers(struct yd_bus *bus, tell_fn *(*fn_of)(const struct yd_layer *layer),
                        yodel_str process)
{
    struct yd_layer *layer = NULL;

    while ((layer = next_layer(bus, layer, fn_of)) != NULL)
        fn_of(layer)(layer, process);
}

void yd_bus_process_joined(struct yd_bus *bus, yodel_str process)
{
    tell_layers(bus, joined_of, process);
}

void yd_bus_process_lost(struct yd_bus *bus, yodel_str process)
{
    yd_far_forget_origin(bus, process);
    tell_layers(bus, lost_of, process);
}

/* ---- layers ---- */

bool yd_bus_is_by_group(struct yd_bus *bus, yodel_str name)
{
    const struct yd_layer *layer;
    bool by_group;

    pthread_mutex_lock(&bus->far_lock);
    layer = bus->layers;
    while (layer != NULL && !yodel_str_eq(layer->name, name))
        layer = layer->next;
    by_group = layer != NULL && layer->by_group;
    pthread_mutex_unlock(&bus->far_lock);
    return by_group;
}
