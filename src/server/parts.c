/* SPDX-License-Identifier: MIT */
#include "server/server.h"

/* What the server has besides: called in the order they were added. */

void yd_parts_add(yodel_server *server, struct yd_part *part)
{
    struct yd_part **end = &server->parts;

    while (*end != NULL)
        end = &(*end)->next;
    part->next = NULL;
    *end = part;
}

void yd_parts_begin(yodel_server *server, struct yd_loop *loop)
{
    for (struct yd_part *part = server->parts; part != NULL; part = part->next)
        if (part->ops->begin != NULL)
            part->ops->begin(part, loop);
}

void yd_parts_stop(yodel_server *server, struct yd_loop *loop)
{
    for (struct yd_part *part = server->parts; part != NULL; part = part->next)
        if (part->ops->stop != NULL)
            part->ops->stop(part, loop);
}

void yd_parts_end(yodel_server *server)
{
    for (struct yd_part *part = server->parts; part != NULL; part = part->next)
        if (part->ops->end != NULL)
            part->ops->end(part);
}

void yd_parts_free(yodel_server *server)
{
    struct yd_part *part;

    while ((part = server->parts) != NULL) {
        server->parts = part->next;
        part->ops->free(part);
    }
}
