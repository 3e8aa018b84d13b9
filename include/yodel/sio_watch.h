/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_WATCH_H
#define YODEL_SIO_WATCH_H

#include <yodel/sio_socket.h>

YODEL_C_BEGIN

/*
 * Socket.IO: everything that the sockets of a loop do, for who looks at a whole service, such as an
 * admin page.  Included by yodel/sio.h.
 *
 * A watcher belongs to a loop and is called on it, inside what it is told of, so a walk through the
 * loop's sockets (yodel_sio_each_socket()) in the callback that begins to watch gives a state that
 * all later calls go on from: nothing is missed, nothing told twice.  Without a watcher it costs a
 * branch.
 */

/* A socket, in a room: it has joined it, or left it. */
typedef void(yodel_sio_watch_room_fn)(yodel_sio_socket *socket, yodel_str room, void *user);
typedef void(yodel_sio_watch_fn)(yodel_sio_socket *socket, void *user);

/* All may be NULL, and may do anything: emit, disconnect, end the watch. */
typedef struct yodel_sio_watcher {
    size_t size;
    /* It has connected, ahead of on_connection; in the rooms that yodel_sio_socket_each_room()
     * tells. */
    yodel_sio_watch_fn *on_connect;
    /* It ends, ahead of on_disconnecting, in its rooms still: that it leaves those is not told. */
    yodel_sio_disconnect_fn *on_disconnect;
    yodel_sio_watch_room_fn *on_join; /* not for a room that it is in already */
    yodel_sio_watch_room_fn *on_leave;
    yodel_sio_watch_fn *on_upgrade; /* its transport has changed; for each socket of a client */
    yodel_sio_event_fn *on_event;   /* an event of the client's, ahead of handlers and middleware */
    /* As yodel_sio_namespace_on_outgoing() tells it, after those; what it emits to the same client
     * goes ahead of the event.  Events that were made before the watch has begun are not told. */
    yodel_sio_outgoing_fn *on_sent;
} yodel_sio_watcher;

/*
 * Watches the sockets of the present loop, in place of who did before; its sockets of all
 * namespaces, from now on.  Each on_disconnect is of a socket that was told as connected, or that a
 * walk has given.
 *
 * watcher   copied; NULL ends the watch: nothing is called any more
 * user      borrowed; must live until the watch ends, or the loop
 *
 * Returns 0, -EINVAL (no sio, size), YODEL_ERR_OPTIONS, YODEL_ERR_STATE (not on a loop).
 */
YODEL_API int yodel_sio_watch(yodel_sio *sio, const yodel_sio_watcher *watcher,
                              void *user) YODEL_LOOP_THREAD;

/* A socket that is told; returns 0 to go on, anything else ends the walk. */
typedef int(yodel_sio_socket_fn)(yodel_sio_socket *socket, void *user);

/*
 * Walks through the sockets of the present loop that are connected, of all namespaces, those that
 * are about to end included: as many as a watcher would be told the end of.
 *
 * each   called inside this call; may do anything
 *
 * Returns 0, what ended the walk, -EINVAL (no sio, no function), -ENOMEM, YODEL_ERR_STATE (not on a
 * loop).
 */
YODEL_API int yodel_sio_each_socket(yodel_sio *sio, yodel_sio_socket_fn *each,
                                    void *user) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
