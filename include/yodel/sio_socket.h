/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_SOCKET_H
#define YODEL_SIO_SOCKET_H

#include <yodel/sio_emit.h>

YODEL_C_BEGIN

/* Socket.IO: one client in one namespace.  Included by yodel/sio.h. */

/*
 * A socket is valid from its middleware on until on_disconnect has returned; after that, and for
 * other threads, it is named by its id.  Every function here may be called in every callback of its
 * loop.
 */

/*
 * The id of a socket, which the client knows too: 20 characters.  It is also the name of a room
 * that only this socket is in.
 *
 * Returns a view that lives as long as the socket.
 */
YODEL_API yodel_str yodel_sio_socket_id(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * The namespace of a socket; of a parent the child.
 *
 * Returns it, borrowed; yodel_sio_namespace_ref() keeps it longer than the socket.
 */
YODEL_API yodel_sio_namespace *
yodel_sio_socket_namespace(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * The service of a socket.
 *
 * Returns it, borrowed.
 */
YODEL_API yodel_sio *yodel_sio_socket_sio(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * The loop that a socket belongs to, for timers and watches (yodel/loop.h).
 *
 * Returns it, borrowed.
 */
YODEL_API yodel_loop *yodel_sio_socket_loop(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * What the client's session is on at present; an upgrade changes it.
 *
 * Returns static text: "polling" or "websocket".
 */
YODEL_API const char *yodel_sio_socket_transport(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * The id of the client's Engine.IO session, which all its sockets share; the client knows it as
 * socket.io.engine.id, and it is a secret of the client's.
 *
 * Returns a view that lives as long as the client is connected; {NULL, 0} once it is not.
 */
YODEL_API yodel_str yodel_sio_socket_session_id(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * A number of the client's connection, the same for all its sockets, by which logs can tell that
 * they belong together: that of on_client_open and on_client_close (yodel_sio_options).  It says
 * nothing of the session's id.
 *
 * Returns it; 0 once the client is not connected.
 */
YODEL_API uint64_t yodel_sio_socket_client_number(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * Stops reading what the client of a socket sends, as yodel_ws_pause() does for a WebSocket: for a
 * program that has enough to do.  What it sends stays in the kernel; one on polling has no answer
 * to its POST, and so sends no other.  From within the handler of an event no other event follows,
 * whatever has come with it.  The client counts as alive meanwhile, and an upgrade may fail.
 * Packets that were read with attachments still to come wait for these.
 *
 * A client's sockets have one connection, so it is not read from in any namespace, acknowledgements
 * included, while any of them is paused.  Each socket has one pause: to call it twice is to call it
 * once, only its own yodel_sio_socket_resume() ends it, and it goes with the socket.
 *
 * socket   NULL gives -EINVAL
 *
 * Returns 0, also when it is paused already, or YODEL_ERR_CLOSED (the client has gone).
 */
YODEL_API int yodel_sio_socket_pause(yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * Ends the pause of a socket.  The client is read from again when none of its sockets has one,
 * never inside this call.
 *
 * socket   the one that was paused; NULL gives -EINVAL
 *
 * Returns 0, also when it was not paused, or YODEL_ERR_CLOSED (the client has gone).
 */
YODEL_API int yodel_sio_socket_resume(yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * How much of what was sent to a client, in all its namespaces, is not with the kernel yet, or on
 * polling was not fetched: for a program that would rather wait than exceed max_buffered.
 *
 * Returns bytes, framing included; 0 when the client has gone.
 */
YODEL_API size_t yodel_sio_socket_buffered(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * Whether a lost client has come back with its id, rooms and JSON object (recovery_ms).
 *
 * Returns 1 or 0.
 */
YODEL_API int yodel_sio_socket_recovered(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * Ends a socket.  on_disconnect comes later, not inside this call; to call it again does nothing.
 *
 * close   0: it leaves its namespace; 1: the client's whole connection ends, with all its
 *         namespaces; YODEL_SIO_COME_BACK: the same, but the client is not told to go
 */
YODEL_API void yodel_sio_socket_disconnect(yodel_sio_socket *socket, int close) YODEL_LOOP_THREAD;

/*
 * A JSON object that the program may change, in middleware already.  yodel_sio_target_fetch() lists
 * it as "data", and recovery keeps it.
 *
 * Returns it, borrowed, empty at first; NULL when out of memory.
 */
YODEL_API json_t *yodel_sio_socket_json(yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * Ties data of the program to a socket, in middleware already.  It is not recovered.
 *
 * data        the program's; NULL: none
 * free_data   frees data once, after on_disconnect or when it is replaced; NULL: nothing to free
 */
YODEL_API void yodel_sio_socket_set_data(yodel_sio_socket *socket, void *data,
                                         yodel_free_fn *free_data) YODEL_LOOP_THREAD;

/*
 * What yodel_sio_socket_set_data() has tied; in on_disconnect, too.
 *
 * Returns it; NULL: nothing.
 */
YODEL_API void *yodel_sio_socket_data(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * The handshake as the JavaScript server shows it: {"headers", "time", "address", "xdomain",
 * "secure", "issued", "url", "query", "auth"}.
 *
 * Returns a new document, for json_decref(); NULL when out of memory.
 */
YODEL_API json_t *yodel_sio_socket_handshake(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * What the client sent with its CONNECT (`auth` of the JavaScript client), as a document like that
 * of yodel_sio_event_json().
 *
 * Returns it, borrowed, an empty object without one.  NULL when out of memory, but never in
 * middleware, which does not run without it.
 */
YODEL_API const json_t *yodel_sio_socket_auth(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * A header of the request that opened the session, or else a field of its query, decoded.
 *
 * name   a header in any case; of a field case counts
 *
 * Returns a view that lives as long as the client is connected; {NULL, 0} when it is absent, or out
 * of memory.
 */
YODEL_API yodel_str yodel_sio_socket_header(const yodel_sio_socket *socket,
                                            const char *name) YODEL_LOOP_THREAD;

/*
 * yodel_request_peer() of the request that opened the session: where proxies are trusted the client
 * that they name.
 *
 * Returns a view that lives as long as the client is connected.
 */
YODEL_API yodel_str yodel_sio_socket_peer(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * yodel_request_listener_tag() of the request that opened the session: by which listener the client
 * has come.
 *
 * Returns a view that lives as long as the client is connected; empty when the listener has no tag.
 */
YODEL_API yodel_str yodel_sio_socket_listener_tag(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/* ---- handlers of one socket ---- */

/*
 * Adds a handler of one event for this socket alone.  They run after those of the namespace, in the
 * order they were added, as in the JavaScript server, where all handlers are a socket's and those
 * for every socket are added first.  What is added while an event is being handled is for the next
 * one. They end with the socket, and are not recovered.
 *
 * event     its name; copied
 * handler   may do anything, also remove itself
 * user      borrowed
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME (NULL, or a reserved name), YODEL_ERR_TOO_BIG (max_handlers).
 */
YODEL_API int yodel_sio_socket_on(yodel_sio_socket *socket, const char *event,
                                  yodel_sio_event_fn *handler, void *user) YODEL_LOOP_THREAD;

/*
 * The same for the next event of that name only.
 *
 * event     its name; copied
 * handler   called at most once
 *
 * Returns as yodel_sio_socket_on().
 */
YODEL_API int yodel_sio_socket_once(yodel_sio_socket *socket, const char *event,
                                    yodel_sio_event_fn *handler, void *user) YODEL_LOOP_THREAD;

/*
 * The same for every event, after on_any of the namespace: ahead of middleware, too.
 *
 * handler   called for each event that comes
 *
 * Returns as yodel_sio_socket_on().
 */
YODEL_API int yodel_sio_socket_on_any(yodel_sio_socket *socket, yodel_sio_event_fn *handler,
                                      void *user) YODEL_LOOP_THREAD;

/*
 * Removes handlers of yodel_sio_socket_on() and _once().  They are not called any more, not even
 * for an event that is being handled: user may go.
 *
 * event     NULL: of all events
 * handler   those that are this with user; NULL: all of them, whatever user is
 *
 * Returns how many there were.
 */
YODEL_API int yodel_sio_socket_off(yodel_sio_socket *socket, const char *event,
                                   yodel_sio_event_fn *handler, void *user) YODEL_LOOP_THREAD;

/*
 * The same of those that yodel_sio_socket_on_any() has added.
 *
 * handler   as for yodel_sio_socket_off()
 *
 * Returns how many there were.
 */
YODEL_API int yodel_sio_socket_off_any(yodel_sio_socket *socket, yodel_sio_event_fn *handler,
                                       void *user) YODEL_LOOP_THREAD;

/* ---- by id ---- */

/* What yodel_sio_namespace_post() runs; socket is connected, and arg is freed after the call. */
typedef void(yodel_sio_post_fn)(yodel_sio_socket *socket, void *arg);

/*
 * Runs fn(socket, arg) on the loop of the socket of ns (of a parent: of its children) that has that
 * id, after the caller's present callback; it is not called if there is none that is connected.
 * What one thread posts and emits comes in that order.
 *
 * socket_id   of yodel_sio_socket_id(), NUL-terminated; copied
 * fn          not NULL
 * arg         taken: free_arg(arg) runs exactly once, after fn or in place of it, also when this
 *             call fails, and on whatever thread
 * free_arg    NULL: nothing is to be freed
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME (not the form of an id), YODEL_ERR_CONGESTED (max_mailbox: it
 * is not called), YODEL_ERR_CLOSED (a loop has ended).
 */
YODEL_API int yodel_sio_namespace_post(yodel_sio_namespace *ns, const char *socket_id,
                                       yodel_sio_post_fn *fn, void *arg,
                                       yodel_free_fn *free_arg) YODEL_ANY_THREAD;

/*
 * Looks for a connected socket on the present loop: a socket belongs to one loop and is used there
 * only.  For those of other loops see yodel_sio_namespace_post().
 *
 * socket_id   as for yodel_sio_namespace_post(); not copied
 *
 * Returns it, borrowed; NULL when there is none of that id on this loop, and on any other thread.
 */
YODEL_API yodel_sio_socket *yodel_sio_namespace_find_socket(yodel_sio_namespace *ns,
                                                            const char *socket_id) YODEL_ANY_THREAD;

/*
 * Counts the sockets of ns, of a parent those of its children, that are connected now, over all
 * loops of this process.  A hint: it may change meanwhile.
 *
 * Returns how many.
 */
YODEL_API size_t yodel_sio_namespace_count(const yodel_sio_namespace *ns) YODEL_ANY_THREAD;

/*
 * Counts the rooms of ns, of a parent those of its children, that somebody of this process is in
 * now: sockets, those that are lost and may come back, and readers of events.  The room of a
 * socket's id is one only while others are in it.  A hint, and cheap enough to be asked each
 * second.
 *
 * Returns how many; 0 when out of memory for the children of a parent.
 */
YODEL_API size_t yodel_sio_namespace_num_rooms(yodel_sio_namespace *ns) YODEL_ANY_THREAD;

/*
 * Counts those that are in a room, readers of events included.  Clients that are lost and may come
 * back are not counted, nor is a socket in the room of its own id.
 *
 * room   its name
 *
 * Returns how many; 0 for a room that is not, or out of memory for the children of a parent.
 */
YODEL_API size_t yodel_sio_namespace_room_count(yodel_sio_namespace *ns,
                                                const char *room) YODEL_ANY_THREAD;

/* ---- rooms ---- */

/*
 * Has a socket join a room, in middleware already.  It is in the room of its id from the beginning;
 * to join twice is one membership.
 *
 * room   at most 255 bytes of UTF-8; copied.  It exists as long as somebody is in it
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_TOO_BIG (max_rooms), YODEL_ERR_CLOSED (it leaves),
 * YODEL_ERR_CONGESTED (too much waits for those who watch rooms: yodel_sio_namespace_on_room()).
 */
YODEL_API int yodel_sio_socket_join(yodel_sio_socket *socket, const char *room) YODEL_LOOP_THREAD;

/*
 * Has a socket leave a room; not being in it is no error.  The room of its id can be left too: then
 * emits to that room do not reach it, those to the socket itself do.
 *
 * room   as for yodel_sio_socket_join()
 */
YODEL_API void yodel_sio_socket_leave(yodel_sio_socket *socket, const char *room) YODEL_LOOP_THREAD;

/*
 * Walks through the rooms of a socket, in the order it joined them, its own id first; none in
 * on_disconnect.
 *
 * each   called for each room inside this call.  It may join and leave rooms: those left before
 *        their turn, and those joined meanwhile, are not told
 */
YODEL_API void yodel_sio_socket_each_room(const yodel_sio_socket *socket, yodel_sio_name_fn *each,
                                          void *user) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
