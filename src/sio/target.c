/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "sio/socket.h"

/* Targets as values. */

yodel_sio_target yodel_sio_to(yodel_sio_socket *socket)
{
    return (yodel_sio_target){.ns = socket->ns, .socket = socket};
}

yodel_sio_target yodel_sio_to_all(yodel_sio_namespace *ns)
{
    return (yodel_sio_target){.ns = ns};
}

yodel_sio_target yodel_sio_target_but(yodel_sio_target target, yodel_sio_socket *socket)
{
    memcpy(target.but, socket->id, YD_ID_LEN);
    target.but[YD_ID_LEN] = '\0';
    return target;
}

yodel_sio_target yodel_sio_to_others(yodel_sio_socket *socket)
{
    return yodel_sio_target_but(yodel_sio_to_all(socket->ns), socket);
}

yodel_sio_target yodel_sio_to_room(yodel_sio_namespace *ns, const char *room)
{
    static const char *const no_one[] = {NULL};

    return room != NULL ? (yodel_sio_target){.ns = ns, .room = room}
                        : (yodel_sio_target){.ns = ns, .rooms = no_one};
}

yodel_sio_target yodel_sio_to_rooms(yodel_sio_namespace *ns, const char *const *rooms)
{
    return (yodel_sio_target){.ns = ns, .rooms = rooms};
}

yodel_sio_target yodel_sio_target_except(yodel_sio_target target, const char *const *rooms)
{
    target.except = rooms;
    return target;
}

yodel_sio_target yodel_sio_target_with(yodel_sio_target target, unsigned flags)
{
    target.flags |= flags;
    return target;
}

yodel_sio_target yodel_sio_target_timeout(yodel_sio_target target, uint32_t ms)
{
    target.timeout_ms = ms;
    return target;
}
