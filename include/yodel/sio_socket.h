/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_SOCKET_H
#define YODEL_SIO_SOCKET_H

#include <yodel/sio_emit.h>

YODEL_C_BEGIN

/* Socket.IO: one client in one namespace.  Included by yodel/sio.h. */

/* 20 characters. */
YODEL_API yodel_str yodel_sio_socket_id(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
YODEL_API yodel_sio_namespace *
yodel_sio_socket_namespace(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
YODEL_API yodel_sio *yodel_sio_socket_sio(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* The loop it belongs to (yodel/loop.h). */
YODEL_API yodel_loop *yodel_sio_socket_loop(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* "polling" or "websocket". */
YODEL_API const char *yodel_sio_socket_transport(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* 1 when its state was recovered. */
YODEL_API int yodel_sio_socket_recovered(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* Leaves the namespace, or (close) ends the client's whole connection; on_disconnect comes later.
 */
YODEL_API void yodel_sio_socket_disconnect(yodel_sio_socket *socket, int close) YODEL_LOOP_THREAD;

/* A JSON object that the program may change; seen by fetch_sockets and kept by recovery. */
YODEL_API json_t *yodel_sio_socket_json(yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* Ties data to socket; free_data (may be NULL) runs after on_disconnect, or when replaced. */
YODEL_API void yodel_sio_socket_set_data(yodel_sio_socket *socket, void *data,
                                         yodel_free_fn *free_data) YODEL_LOOP_THREAD;
YODEL_API void *yodel_sio_socket_data(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/* The handshake as the JavaScript server shows it: a new document {"headers", "time", "address",
 * "xdomain", "secure", "issued", "url", "query", "auth"}; NULL when out of memory. */
YODEL_API json_t *yodel_sio_socket_handshake(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* The CONNECT payload as a document, as yodel_sio_event_json(); borrowed; an empty object without
 * one.  NULL when out of memory, but never in middleware, which does not run without it. */
YODEL_API const json_t *yodel_sio_socket_auth(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* A header of the request that opened the session, or else a field of its query, decoded; {NULL, 0}
 * when absent, or out of memory.  Lives as long as the client is connected. */
YODEL_API yodel_str yodel_sio_socket_header(const yodel_sio_socket *socket,
                                            const char *name) YODEL_LOOP_THREAD;
/* yodel_request_peer() of the request that opened the session: where proxies are trusted the client
 * that they name.  Lives as long as the client is connected. */
YODEL_API yodel_str yodel_sio_socket_peer(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/* ---- handlers of one socket ---- */

/*
 * Adds a handler of this socket alone: of one event, or of its next one only.  They run after those
 * of the namespace, in the order they were added, as in the JavaScript server, where all handlers
 * are a socket's and those for every socket are added first.  What is added while an event is being
 * handled is for the next one.  They end with the socket, and are not recovered.
 *
 * handler   may do anything, also remove itself
 * user      borrowed
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME (NULL, or a reserved name), YODEL_ERR_TOO_BIG (max_handlers).
 */
YODEL_API int yodel_sio_socket_on(yodel_sio_socket *socket, const char *event,
                                  yodel_sio_event_fn *handler, void *user) YODEL_LOOP_THREAD;
YODEL_API int yodel_sio_socket_once(yodel_sio_socket *socket, const char *event,
                                    yodel_sio_event_fn *handler, void *user) YODEL_LOOP_THREAD;
/* The same for every event, after on_any of the namespace: ahead of middleware, too. */
YODEL_API int yodel_sio_socket_on_any(yodel_sio_socket *socket, yodel_sio_event_fn *handler,
                                      void *user) YODEL_LOOP_THREAD;
/* Removes the handlers of event (NULL: of all events) that are handler with user; handler NULL: all
 * of them, whatever user is.  They are not called any more, not even for an event that is being
 * handled: user may go.  Returns how many there were. */
YODEL_API int yodel_sio_socket_off(yodel_sio_socket *socket, const char *event,
                                   yodel_sio_event_fn *handler, void *user) YODEL_LOOP_THREAD;
/* The same of those for every event. */
YODEL_API int yodel_sio_socket_off_any(yodel_sio_socket *socket, yodel_sio_event_fn *handler,
                                       void *user) YODEL_LOOP_THREAD;

/* ---- by id ---- */

/*
 * Runs fn(socket, arg) on the loop of the socket of ns (of a parent: of its children) that has that
 * id, after the caller's present callback; it is not called if there is none that is connected.
 * What one thread posts and emits comes in that order.
 *
 * arg   taken: free_arg(arg) (may be NULL) runs exactly once, after fn or in place of it, also when
 *       this call fails, and on whatever thread
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME (not the form of an id), YODEL_ERR_CONGESTED (max_mailbox: it
 * is not called), YODEL_ERR_CLOSED (a loop has ended).
 */
typedef void(yodel_sio_post_fn)(yodel_sio_socket *socket, void *arg);
YODEL_API int yodel_sio_namespace_post(yodel_sio_namespace *ns, const char *socket_id,
                                       yodel_sio_post_fn *fn, void *arg,
                                       yodel_free_fn *free_arg) YODEL_ANY_THREAD;

/* The connected socket of ns that has that id, if it is one of the present loop: a socket belongs
 * to one loop and is used there only.  NULL otherwise, and on any other thread. */
YODEL_API yodel_sio_socket *yodel_sio_namespace_find_socket(yodel_sio_namespace *ns,
                                                            const char *socket_id) YODEL_ANY_THREAD;

/* Sockets of ns, of a parent of its children, that are connected now, over all loops of this
 * process. */
YODEL_API size_t yodel_sio_namespace_count(const yodel_sio_namespace *ns) YODEL_ANY_THREAD;
/* Those that are in a room.  Clients that are lost and may come back are not counted, nor is a
 * socket in the room of its own id; 0 when out of memory for the children of a parent. */
YODEL_API size_t yodel_sio_namespace_room_count(yodel_sio_namespace *ns,
                                                const char *room) YODEL_ANY_THREAD;

/* ---- rooms ---- */

/* room: at most 255 bytes of UTF-8.  A socket is in the room of its id from the beginning.  Returns
 * 0, -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_TOO_BIG (max_rooms), YODEL_ERR_CLOSED (it leaves). */
YODEL_API int yodel_sio_socket_join(yodel_sio_socket *socket, const char *room) YODEL_LOOP_THREAD;
/* Cannot fail.  The room of its id can be left too: then emits to that room do not reach it, those
 * to the socket itself do. */
YODEL_API void yodel_sio_socket_leave(yodel_sio_socket *socket, const char *room) YODEL_LOOP_THREAD;
/* Calls each(room, user) for its rooms in the order it joined them, its own id first; none in
 * on_disconnect.  each may join and leave rooms: those left before their turn, and those joined
 * meanwhile, are not told. */
YODEL_API void yodel_sio_socket_each_room(const yodel_sio_socket *socket, yodel_sio_name_fn *each,
                                          void *user) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
