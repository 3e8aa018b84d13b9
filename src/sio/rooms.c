/* SPDX-License-Identifier: MIT */
#include "base/container.h"
#include "sio/emit.h"
#include "sio/sio.h"

/* The rooms of a socket. */

yodel_sio_socket *yd_sio_socket_of_member(struct yd_member *member)
{
    return member->deliver == yd_sio_deliver
               ? yd_container_of(member, yodel_sio_socket, rooms.member)
               : NULL;
}

static struct yd_sio_rooms rooms_of(const yodel_sio_socket *socket)
{
    yodel_channels *channels = socket->ns->sio->channels;

    return (struct yd_sio_rooms){yd_channels_groups(channels), yd_channels_bus(channels),
                                 socket->loop, yodel_sio_namespace_name(socket->ns)};
}

static bool is_own(const yodel_sio_socket *socket, const char *room)
{
    return yodel_str_eq(yd_sio_id(socket), yodel_str_of(room));
}

int yodel_sio_join(yodel_sio_socket *socket, const char *room)
{
    struct yd_sio_rooms rooms = rooms_of(socket);

    if (is_own(socket, room))
        return 0;
    if (socket->state == YD_SIO_LEAVING)
        return YODEL_ERR_CLOSED;
    return yd_sio_membership_join(&socket->rooms, &rooms, room, socket->ns->sio->options.max_rooms);
}

void yodel_sio_leave(yodel_sio_socket *socket, const char *room)
{
    struct yd_sio_rooms rooms = rooms_of(socket);

    yd_sio_membership_leave(&socket->rooms, &rooms, room);
}

void yd_sio_leave_rooms(yodel_sio_socket *socket)
{
    yd_sio_membership_leave_all(&socket->rooms, socket->loop);
}

void yodel_sio_each_room(const yodel_sio_socket *socket, void (*each)(yodel_str room, void *user),
                         void *user)
{
    each(yd_sio_id(socket), user);
    yd_sio_membership_each(&((yodel_sio_socket *)socket)->rooms,
                           yodel_sio_namespace_name(socket->ns), each, user);
}
