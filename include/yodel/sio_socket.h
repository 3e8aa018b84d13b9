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
YODEL_API yodel_str yodel_sio_socket_peer(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

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
