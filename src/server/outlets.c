/* SPDX-License-Identifier: MIT */
#include "base/container.h"
#include "server/server.h"

/* What a server has of other servers: it ends after the last connection of a client has. */

static struct yd_outlet *outlet_of(struct yd_list *node)
{
    return yd_container_of(node, struct yd_outlet, node);
}

void yd_server_add_outlet(yodel_server *server, struct yd_outlet *outlet)
{
    yd_list_append(&server->outlets, &outlet->node);
}

void yd_outlets_begin(struct yd_worker *worker)
{
    const struct yd_list *outlets = &worker->server->outlets;

    for (struct yd_list *node = outlets->next; node != outlets; node = node->next)
        outlet_of(node)->begin(outlet_of(node), worker->loop);
}

void yd_outlets_finish(struct yd_worker *worker)
{
    const struct yd_list *outlets = &worker->server->outlets;

    for (struct yd_list *node = outlets->next; node != outlets; node = node->next)
        outlet_of(node)->finish(outlet_of(node), worker->loop);
}

void yd_outlets_abandon(struct yd_worker *worker)
{
    const struct yd_list *outlets = &worker->server->outlets;

    for (struct yd_list *node = outlets->next; node != outlets; node = node->next)
        outlet_of(node)->abandon(outlet_of(node), worker->loop);
}

void yd_outlets_free(yodel_server *server)
{
    while (!yd_list_is_empty(&server->outlets)) {
        struct yd_outlet *outlet = outlet_of(server->outlets.next);

        yd_list_remove(&outlet->node);
        outlet->free(outlet);
    }
}
