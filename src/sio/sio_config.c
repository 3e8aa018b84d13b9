/* SPDX-License-Identifier: MIT */
#include "sio/sio_config.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "loop/loop.h"
#include "sio/room_handlers.h"

struct yd_sio_config *yd_sio_config_new(const struct yodel_allocator *mem, unsigned num_loops,
                                        const uint64_t secret[2])
{
    struct yd_sio_config *config =
        yd_zalloc(mem, sizeof *config + num_loops * sizeof config->per_loop[0]);

    if (config == NULL)
        return NULL;
    atomic_init(&config->refs, 1);
    config->num_loops = num_loops;
    yd_map_init(&config->listeners, mem, secret);
    return config;
}

static const struct yodel_allocator *mem_of(const struct yd_sio_config *config)
{
    return config->listeners.mem;
}

static void free_middleware(const struct yodel_allocator *mem, struct yd_sio_middleware *middleware)
{
    while (middleware != NULL) {
        struct yd_sio_middleware *next = middleware->next;

        yd_free(mem, middleware);
        middleware = next;
    }
}

static void free_listener(const struct yodel_allocator *mem, struct yd_sio_listener *listener)
{
    while (listener->first != NULL) {
        struct yd_sio_event_handler *next = listener->first->next;

        yd_free(mem, listener->first);
        listener->first = next;
    }
    yd_free(mem, listener);
}

static void free_config(struct yd_sio_config *config)
{
    const struct yodel_allocator *mem = mem_of(config);
    struct yd_map_node *node;

    while ((node = yd_map_any(&config->listeners)) != NULL) {
        yd_map_remove(&config->listeners, node);
        free_listener(mem, yd_container_of(node, struct yd_sio_listener, node));
    }
    yd_map_done(&config->listeners);
    free_middleware(mem, config->middleware);
    free_middleware(mem, config->event_middleware);
    free_middleware(mem, config->outgoing);
    yd_sio_room_handlers_free(config->room_handlers);
    yd_free(mem, config);
}

void yd_sio_config_unref(struct yd_sio_config *config)
{
    if (config != NULL && atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) == 1)
        free_config(config);
}

struct yd_sio_config *yd_sio_config_again(struct yd_sio_config *config, const struct yd_loop *loop)
{
    config->per_loop[loop->index].uses++;
    return config;
}

void yd_sio_config_end(struct yd_sio_config *config, const struct yd_loop *loop)
{
    if (config != NULL && --config->per_loop[loop->index].uses == 0)
        yd_sio_config_unref(config);
}

/* ---- handlers ---- */

/* So few names are compared sooner than one is hashed. */
#define FEW 8

struct yd_sio_listener *yd_sio_config_find(const struct yd_sio_config *config, yodel_str event)
{
    struct yd_sio_listener *listener = config->all;
    struct yd_map_node *node;

    if (config->listeners.count <= FEW) {
        while (listener != NULL && !yodel_str_eq(listener->node.key, event))
            listener = listener->next;
        return listener;
    }
    node = yd_map_find(&config->listeners, event);
    return node != NULL ? yd_container_of(node, struct yd_sio_listener, node) : NULL;
}

static struct yd_sio_listener *get_listener(struct yd_sio_config *config, const char *event)
{
    struct yd_sio_listener *listener = yd_sio_config_find(config, yodel_str_of(event));
    size_t len = strlen(event);

    if (listener != NULL)
        return listener;
    if ((listener = yd_zalloc(mem_of(config), sizeof *listener + len + 1)) == NULL)
        return NULL;
    memcpy(listener->name, event, len);
    listener->node.key = (yodel_str){listener->name, len};
    listener->last = &listener->first;
    if (yd_map_insert(&config->listeners, &listener->node) < 0) {
        yd_free(mem_of(config), listener);
        return NULL;
    }
    listener->next = config->all;
    config->all = listener;
    return listener;
}

int yd_sio_config_listen(struct yd_sio_config *config, const char *event, yodel_sio_event_fn *fn,
                         void *user)
{
    struct yd_sio_event_handler *entry = yd_alloc(mem_of(config), sizeof *entry);
    struct yd_sio_listener *listener;

    if (entry == NULL)
        return -ENOMEM;
    if ((listener = get_listener(config, event)) == NULL) {
        yd_free(mem_of(config), entry);
        return -ENOMEM;
    }
    *entry = (struct yd_sio_event_handler){NULL, fn, user};
    *listener->last = entry;
    listener->last = &entry->next;
    return 0;
}

static int remove_from(const struct yodel_allocator *mem, struct yd_sio_listener *listener,
                       yodel_sio_event_fn *fn, const void *user)
{
    struct yd_sio_event_handler **link = &listener->first;
    int num = 0;

    while (*link != NULL) {
        struct yd_sio_event_handler *entry = *link;

        if (fn != NULL && (entry->fn != fn || entry->user != user)) {
            link = &entry->next;
            continue;
        }
        *link = entry->next;
        yd_free(mem, entry);
        num++;
    }
    listener->last = link;
    return num;
}

int yd_sio_config_remove(struct yd_sio_config *config, const char *event, yodel_sio_event_fn *fn,
                         void *user)
{
    int num = 0;

    for (struct yd_sio_listener *l = config->all; l != NULL; l = l->next)
        if (event == NULL || strcmp(l->name, event) == 0)
            num += remove_from(mem_of(config), l, fn, user);
    return num;
}

/* ---- middleware ---- */

int yd_sio_config_use(struct yd_sio_config *config, struct yd_sio_middleware **list,
                      const struct yd_sio_middleware *middleware)
{
    struct yd_sio_middleware *entry = yd_alloc(mem_of(config), sizeof *entry);

    if (entry == NULL)
        return -ENOMEM;
    *entry = *middleware;
    while (*list != NULL)
        list = &(*list)->next;
    *list = entry;
    return 0;
}

/* ---- copies ---- */

static int copy_list(struct yd_sio_config *copy, struct yd_sio_middleware **list,
                     const struct yd_sio_middleware *from)
{
    int rc = 0;

    for (; rc == 0 && from != NULL; from = from->next) {
        struct yd_sio_middleware entry = *from;

        entry.next = NULL;
        rc = yd_sio_config_use(copy, list, &entry);
    }
    return rc;
}

static int copy_listeners(struct yd_sio_config *copy, const struct yd_sio_listener *listener)
{
    for (; listener != NULL; listener = listener->next)
        for (const struct yd_sio_event_handler *h = listener->first; h != NULL; h = h->next)
            if (yd_sio_config_listen(copy, listener->name, h->fn, h->user) < 0)
                return -ENOMEM;
    return 0;
}

struct yd_sio_config *yd_sio_config_copy(const struct yd_sio_config *config)
{
    struct yd_sio_config *copy =
        yd_sio_config_new(mem_of(config), config->num_loops, config->listeners.secret);

    if (copy == NULL)
        return NULL;
    copy->handlers = config->handlers;
    copy->user = config->user;
    if (copy_listeners(copy, config->all) < 0 ||
        copy_list(copy, &copy->middleware, config->middleware) < 0 ||
        copy_list(copy, &copy->event_middleware, config->event_middleware) < 0 ||
        copy_list(copy, &copy->outgoing, config->outgoing) < 0 ||
        yd_sio_room_handlers_copy(config->room_handlers, &copy->room_handlers) < 0) {
        yd_sio_config_unref(copy);
        return NULL;
    }
    return copy;
}
