/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "sio/socket.h"

struct yd_sio_aside *yd_sio_aside_of(yodel_sio_socket *socket)
{
    if (socket->aside == NULL)
        socket->aside = yd_zalloc(socket->ns->sio->mem, sizeof *socket->aside);
    return socket->aside;
}

void yd_sio_aside_tidy(yodel_sio_socket *socket)
{
    const struct yd_sio_aside *aside = yd_sio_aside(socket);

    if (aside->config != NULL || aside->middleware != NULL || aside->early != NULL ||
        aside->decision != NULL || aside->held != NULL || aside->asked != NULL ||
        aside->stays != NULL || aside->own.first != NULL || aside->own.runs > 0 ||
        aside->waits != NULL || aside->auth != NULL)
        return;
    yd_free(socket->ns->sio->mem, socket->aside);
    socket->aside = NULL;
}
