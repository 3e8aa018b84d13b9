/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_ROOMS_H
#define YODEL_SIO_ROOMS_H

#include <yodel/history.h>
#include <yodel/sio_namespace.h>

YODEL_C_BEGIN

/* Socket.IO: what happens in rooms, as the events of socket.io's adapter tell it.  Included by
 * yodel/sio.h. */

/* The names that adapter.on() has for them. */
typedef enum yodel_sio_room_change {
    YODEL_SIO_ROOM_CREATED = 1, /* create-room: somebody is about to be its first member */
    YODEL_SIO_ROOM_JOINED,      /* join-room */
    YODEL_SIO_ROOM_LEFT,        /* leave-room */
    YODEL_SIO_ROOM_DELETED      /* delete-room: its last member has left */
} yodel_sio_room_change;

/* What has happened; borrowed for the call. */
typedef struct yodel_sio_room_event {
    size_t size;
    yodel_sio_room_change change;
    yodel_str room;
    yodel_str socket_id; /* of who has joined or left; of a room that is created or deleted empty */
} yodel_sio_room_event;

/* ns: the namespace of the room; of a parent the child, which may be empty by now, and gone. */
typedef void(yodel_sio_room_fn)(yodel_sio_namespace *ns, const yodel_sio_room_event *event,
                                void *user);

/*
 * Adds a handler that is told when rooms of ns are created and deleted, and when sockets join and
 * leave them: by themselves, by yodel_sio_target_join() here or on another server, by a client that
 * goes.  Several are called in the order they were added.
 *     static void on_room(yodel_sio_namespace *ns, const yodel_sio_room_event *e, void *user)
 *     {
 *         if (e->change == YODEL_SIO_ROOM_CREATED)
 *             subscribe_upstream(e->room);
 *     }
 *     yodel_sio_namespace_on_room(orders, on_room, NULL, NULL);
 *
 * It is called on loop 0, whatever loop the sockets are on, after the change and after the callback
 * that has caused it.  It may do anything: emit, disconnect, join and leave, remove itself, stop.
 * The sockets themselves are reached by yodel_sio_namespace_post().
 *
 * Order: there is one order for all loops, and it is that of the JavaScript server.  CREATED comes
 * just before the JOINED of the first member, DELETED just after the LEFT of the last; in between
 * come the others' JOINED and LEFT.  What one socket does is told in the order it does it, and one
 * that goes leaves its rooms in the order it joined them.  Of sockets on different loops that join
 * and leave at the same time, either may be first.
 *
 * What is told:
 *  - the room of a socket's own id, too, from the connection on; rooms that middleware joins are
 *    told at once, also if the client is then refused, which leaves them again
 *  - a client that is lost leaves, and joins again if it comes back (recovery_ms); only afterwards
 *    is it known to be in them
 *  - the sockets of this process; servers that share the namespace through an adapter each tell
 *    their own, as node's do
 *  - each JOINED has its LEFT, also when the server stops.  A socket that joined a room while ns
 * had no such handler is not told, nor that it leaves, and rooms are created and deleted without
 * it: add handlers before clients come
 *  - readers of server-sent events are not told
 *
 * Handlers are slower than sockets can be: what waits for them counts for max_mailbox of loop 0,
 * above which sockets cannot join (YODEL_ERR_CONGESTED), nor connect; leaving always works.
 *
 * ns          of a parent: all its children
 * handler     not NULL
 * user        taken: free_user(user) runs exactly once, when no loop may call the handler any more,
 *             also when this call fails, on whatever thread
 * free_user   NULL: user is borrowed and must live as long as the sio of ns
 *
 * Returns 0, -EINVAL, -ENOMEM, YODEL_ERR_STATE (a child that clients made).
 */
YODEL_API int yodel_sio_namespace_on_room(yodel_sio_namespace *ns, yodel_sio_room_fn *handler,
                                          void *user, yodel_free_fn *free_user) YODEL_ANY_THREAD;

/*
 * Removes handlers that yodel_sio_namespace_on_room() has added.  What is just being told ends with
 * them, so user is freed then, or with the next event of ns on a loop that has used them.
 *
 * ns        the same; a child that the program made keeps those it has from its parent
 * handler   those that are this with user; NULL: all of them, whatever user is
 *
 * Returns how many there were, -EINVAL, -ENOMEM, YODEL_ERR_STATE.
 */
YODEL_API int yodel_sio_namespace_off_room(yodel_sio_namespace *ns, yodel_sio_room_fn *handler,
                                           void *user) YODEL_ANY_THREAD;

/* room: borrowed for the call. */
typedef void(yodel_sio_each_room_fn)(yodel_sio_namespace *ns, yodel_str room, void *user);

/*
 * Calls each for the rooms that handlers know: of all namespaces of sio, those of which CREATED was
 * told, and DELETED not yet, the rooms of sockets' own ids included.  For a handler that begins to
 * care for rooms that it has left alone before.  No event comes between two of the calls, so what
 * is listed and what is told afterwards fit each other.
 *
 * each   not NULL; it may do anything
 *
 * Returns 0, -EINVAL, YODEL_ERR_STATE (not on loop 0).
 */
YODEL_API int yodel_sio_each_known_room(yodel_sio *sio, yodel_sio_each_room_fn *each,
                                        void *user) YODEL_LOOP_THREAD;

/* ---- history ---- */

/*
 * Emits an event to a room and keeps it, for those that come later: a service with a channel layer
 * (yodel_sio_options.channels) keeps the events of the rooms whose group, "/chat#room", fits a
 * pattern of yodel_channels_keep_history() with sio_events.
 *     yodel_channels_keep_history(channels, "/chat#*",
 *                                 YODEL_OPTIONS(yodel_history_options, .sio_events = 1));
 *     yodel_sio_emit_kept(chat, "r1", "said", &args);
 * yodel_group_history(channels, "/chat#r1", ...) reads them, as ["said", ...], and
 * yodel_group_forget_history() forgets them.
 *
 * The kept events of a room have one order for all of its sockets, that of their offsets.  They
 * take the way over the server's first loop; between them and other emits there is no order.  They
 * reach nodes of a cluster (yodel/cluster.h) and, with a history in Redis, all nodes that have it,
 * not servers of other makes nor node's through an adapter.
 *
 * ns      no parent
 * room    its sockets and readers get it; its group's name must be one of a channel layer
 * event   as for yodel_sio_emit()
 * args    as for yodel_sio_emit_args(); binary cannot be kept
 *
 * Returns 0, -EINVAL, -ENOMEM, YODEL_ERR_OPTIONS, YODEL_ERR_NAME (event, or room),
 * YODEL_ERR_FORMAT, YODEL_ERR_ENCODING, YODEL_ERR_UNSUPPORTED (the room is not kept so, binary, a
 * parent), YODEL_ERR_CLOSED, YODEL_ERR_CONGESTED: nobody gets it.
 */
YODEL_API int yodel_sio_emit_kept(yodel_sio_namespace *ns, const char *room, const char *event,
                                  const yodel_sio_args *args) YODEL_ANY_THREAD;

/*
 * The same, and tells where the event stands among those that are kept of the room.
 *
 * args   as for yodel_sio_emit_kept()
 * fn     as for yodel_group_send_told()
 * user   borrowed until fn has been called
 *
 * Returns as yodel_sio_emit_kept(); fn is called only after 0.
 */
YODEL_API int yodel_sio_emit_kept_told(yodel_sio_namespace *ns, const char *room, const char *event,
                                       const yodel_sio_args *args, yodel_kept_fn *fn,
                                       void *user) YODEL_ANY_THREAD;

YODEL_C_END

#endif
