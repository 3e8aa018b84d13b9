/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "server/server.h"

/* A server in a foreign loop. */

static yodel_server *server_of(const struct yd_guest *guest)
{
    return yd_container_of((struct yd_guest *)guest, yodel_server, guest);
}

static void on_end(const struct yd_guest *guest)
{
    yd_server_end(server_of(guest));
}

static void on_left(const struct yd_guest *guest)
{
    yodel_server *server = server_of(guest);

    if (server->on_stopped != NULL)
        server->on_stopped(server, server->stopped_user);
    yd_server_release(server);
}

/* The handles that are there go in the loop's next turn. */
static void give_up(yodel_server *server)
{
    server->on_stopped = NULL;
    yd_addresses_close(server);
    yd_server_end(server);
    yd_loop_leave(server->loops[0]);
}

int yodel_server_start(yodel_server *server, struct uv_loop_s *loop, yodel_stopped_fn *on_stopped,
                       void *user)
{
    int rc;

    if (server == NULL)
        return -EINVAL;
    if (loop == NULL || server->num_loops != 1)
        return -EINVAL;
    if (server->options.backend == YODEL_BACKEND_IO_URING)
        return YODEL_ERR_UNSUPPORTED;
    if ((rc = yd_server_begin(server)) < 0)
        return rc;
    server->guest = (struct yd_guest){.host = loop, .on_end = on_end, .on_left = on_left};
    server->on_stopped = on_stopped;
    server->stopped_user = user;
    server->num_running = 1;
    if ((rc = yd_loop_start(server->loops[0], &server->guest)) < 0) {
        yd_addresses_close(server);
        yd_server_end(server);
        yd_server_release(server);
    } else if ((rc = yd_server_serve(server)) < 0) {
        give_up(server);
    }
    return rc;
}
