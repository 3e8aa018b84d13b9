/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "server/server.h"

/* The loops of a server, as the program sees them. */

unsigned yodel_server_num_loops(const yodel_server *server)
{
    if (server == NULL)
        return 0;
    return server->num_loops;
}

yodel_loop *yodel_server_loop(const yodel_server *server, unsigned index)
{
    if (server == NULL)
        return NULL;
    return index < server->num_loops ? &server->workers[index].open : NULL;
}

yodel_loop *yodel_loop_current(const yodel_server *server)
{
    if (server == NULL)
        return NULL;
    for (unsigned i = 0; i < server->num_loops; i++)
        if (yd_loop_is_current(server->loops[i]))
            return &server->workers[i].open;
    return NULL;
}

/* ---- handlers ---- */

struct hook {
    struct yd_list node;
    yodel_loop_handlers handlers;
    void *user;
};

static struct hook *hook_of(struct yd_list *node)
{
    return yd_container_of(node, struct hook, node);
}

int yodel_server_add_loop_handlers(yodel_server *server, const yodel_loop_handlers *given,
                                   void *user)
{
    yodel_loop_handlers handlers;
    struct hook *hook;
    int rc;

    if (server == NULL)
        return -EINVAL;
    if ((rc = yd_options_read(given, &handlers, sizeof handlers)) < 0 ||
        (rc = yd_server_check_setup(server)) < 0)
        return rc;
    if ((hook = yd_alloc(&server->mem, sizeof *hook)) == NULL)
        return -ENOMEM;
    hook->handlers = handlers;
    hook->user = user;
    yd_list_append(&server->hooks, &hook->node);
    return 0;
}

int yd_hooks_start(struct yd_worker *worker)
{
    struct yd_list *hooks = &worker->server->hooks;

    if (atomic_load(&worker->server->start_error) < 0)
        return 0;
    while (worker->hook->next != hooks) {
        struct hook *hook = hook_of(worker->hook->next);
        int rc = 0;

        if (hook->handlers.on_start != NULL)
            rc = hook->handlers.on_start(&worker->open, hook->user);
        if (rc < 0)
            return rc;
        worker->hook = &hook->node;
    }
    return 0;
}

void yd_hooks_stop(struct yd_worker *worker)
{
    for (struct yd_list *node = worker->hook; node != &worker->server->hooks; node = node->prev) {
        const struct hook *hook = hook_of(node);

        if (hook->handlers.on_stop != NULL)
            hook->handlers.on_stop(&worker->open, hook->user);
    }
}

void yd_hooks_end(struct yd_worker *worker)
{
    for (struct yd_list *node = worker->hook; node != &worker->server->hooks; node = node->prev) {
        const struct hook *hook = hook_of(node);

        if (hook->handlers.on_end != NULL)
            hook->handlers.on_end(&worker->open, hook->user);
    }
}

void yd_hooks_free(yodel_server *server)
{
    while (!yd_list_is_empty(&server->hooks)) {
        struct hook *hook = hook_of(server->hooks.next);

        yd_list_remove(&hook->node);
        yd_free(&server->mem, hook);
    }
}
