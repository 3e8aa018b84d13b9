/* SPDX-License-Identifier: MIT */
#include "sio/sio_watch.h"

void yd_sio_watch_connect(yodel_sio_socket *socket)
{
    const struct yd_sio_watch *watch = yd_sio_watch_of(socket);

    socket->is_shown = true;
    if (watch != NULL && watch->watcher.on_connect != NULL)
        watch->watcher.on_connect(socket, watch->user);
}

void yd_sio_watch_disconnect(yodel_sio_socket *socket, const char *reason)
{
    const struct yd_sio_watch *watch = yd_sio_watch_shown(socket);

    socket->is_shown = false;
    if (watch != NULL && watch->watcher.on_disconnect != NULL)
        watch->watcher.on_disconnect(socket, reason, watch->user);
}

void yd_sio_watch_room(yodel_sio_socket *socket, const char *room, bool joins)
{
    const struct yd_sio_watch *watch = yd_sio_watch_shown(socket);
    yodel_sio_watch_room_fn *tell;

    if (watch == NULL)
        return;
    tell = joins ? watch->watcher.on_join : watch->watcher.on_leave;
    if (tell != NULL)
        tell(socket, yodel_str_of(room), watch->user);
}

void yd_sio_watch_upgrade(yodel_sio_socket *socket)
{
    const struct yd_sio_watch *watch = yd_sio_watch_shown(socket);

    if (watch != NULL && watch->watcher.on_upgrade != NULL)
        watch->watcher.on_upgrade(socket, watch->user);
}

void yd_sio_watch_event(yodel_sio_socket *socket, yodel_sio_event *event)
{
    const struct yd_sio_watch *watch = yd_sio_watch_shown(socket);

    if (watch != NULL && watch->watcher.on_event != NULL)
        watch->watcher.on_event(socket, event, watch->user);
}

void yd_sio_watch_sent(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args)
{
    const struct yd_sio_watch *watch = yd_sio_watch_shown(socket);

    if (watch != NULL && watch->watcher.on_sent != NULL)
        watch->watcher.on_sent(socket, event, args, watch->user);
}
