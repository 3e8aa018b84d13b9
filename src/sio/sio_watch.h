/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SIO_WATCH_H
#define YD_SIO_SIO_WATCH_H

#include "sio/socket.h"

/* Who is told of everything that the sockets of a loop do (yodel/sio_watch.h). */

/* Of the loop of socket; NULL: nobody.  An object of the loop's: it may change in a call. */
static inline const struct yd_sio_watch *yd_sio_watch_of(const yodel_sio_socket *socket)
{
    const struct yd_sio_watch *watch = &socket->ns->sio->per_loop[socket->loop->index].watch;

    return watch->is_on ? watch : NULL;
}

/* The same of what is told only of sockets that were told of. */
static inline const struct yd_sio_watch *yd_sio_watch_shown(const yodel_sio_socket *socket)
{
    return socket->is_shown ? yd_sio_watch_of(socket) : NULL;
}

/* It is CONNECTED: from here on it is shown, until it ends. */
void yd_sio_watch_connect(yodel_sio_socket *socket);
void yd_sio_watch_disconnect(yodel_sio_socket *socket, const char *reason);
/* It has joined a room, or left it. */
void yd_sio_watch_room(yodel_sio_socket *socket, const char *room, bool joins);
void yd_sio_watch_upgrade(yodel_sio_socket *socket);
void yd_sio_watch_event(yodel_sio_socket *socket, yodel_sio_event *event);
void yd_sio_watch_sent(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args);

#endif
