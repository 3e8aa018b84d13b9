/* SPDX-License-Identifier: MIT */
#include "server/server.h"

/* The loops of a server, as the program sees them. */

unsigned yodel_server_num_loops(const yodel_server *server)
{
    return server->num_loops;
}

yodel_loop *yodel_server_loop(const yodel_server *server, unsigned index)
{
    return index < server->num_loops ? &server->workers[index].open : NULL;
}

yodel_loop *yodel_loop_current(const yodel_server *server)
{
    for (unsigned i = 0; i < server->num_loops; i++)
        if (yd_loop_is_current(server->loops[i]))
            return &server->workers[i].open;
    return NULL;
}
