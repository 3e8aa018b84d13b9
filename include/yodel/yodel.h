/* SPDX-License-Identifier: MIT */
#ifndef YODEL_H
#define YODEL_H

/*
 * Yodel is a server library for real-time web applications: WebSocket (RFC 6455), Engine.IO 4 and
 * Socket.IO 5, and HTTP/1.1 beside them, on one port.  This header includes all others but two: the
 * Socket.IO service (yodel/sio.h) and the documents of jansson (yodel/json.h).
 *
 * The order of calls:
 *
 *     1. yodel_server_new()                                              yodel/server.h
 *     2. what it serves, in any order
 *        yodel_server_route()              HTTP                          yodel/http.h
 *        yodel_server_route_ws()           WebSocket consumers           yodel/ws.h
 *        yodel_channels_new_memory()       groups                        yodel/channels.h
 *        yodel_sio_new(), yodel_sio_of()   Socket.IO                     yodel/sio.h
 *        yodel_server_static(), _cors()    files, cross-origin rules     yodel/http_files.h
 *        yodel_server_add_loop_handlers()  what each loop has            yodel/loop.h
 *     3. yodel_server_listen()             once for each address         yodel/listen.h
 *     4. yodel_server_run()                returns when it has stopped
 *     5. yodel_server_stop()               in a callback, a thread or a signal handler
 *     6. yodel_server_unref()              and of what else has references
 *
 * A whole program, an echo:
 *
 *     #include <stdio.h>
 *     #include <yodel/yodel.h>
 *
 *     static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
 *     {
 *         (void)user;
 *         return yodel_ws_send(ws, message->type, message->data);
 *     }
 *
 *     int main(void)
 *     {
 *         yodel_server *server = NULL;
 *         int rc = yodel_server_new(
 *             YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &server);
 *
 *         if (rc >= 0)
 *             rc = yodel_server_route_ws(server, "/ws",
 *                 YODEL_OPTIONS(yodel_ws_handlers, .on_message = on_message), NULL);
 *         if (rc >= 0)
 *             rc = yodel_server_listen(server,
 *                 YODEL_OPTIONS(yodel_listen_options, .address = "localhost:8000"));
 *         if (rc >= 0)
 *             rc = yodel_server_run(server);
 *         if (rc < 0)
 *             fprintf(stderr, "%s\n", yodel_strerror(rc));
 *         yodel_server_unref(server);
 *         return rc < 0;
 *     }
 *
 * The rules of all headers, said once:
 *
 * Loops and threads.  A server has N loops, each on a thread of its own.  A connection, and all
 * that is made of it, belongs to one loop for life; its callbacks run there, one at a time and in
 * order.  A turn is what a loop does between two waits in the kernel: it handles what has come, and
 * then what was put off.  A callback must not block: every connection of its loop waits meanwhile.
 * Each function has one tag:
 *
 *     YODEL_SETUP_THREAD   one thread, before the server runs; later it gives YODEL_ERR_STATE
 *     YODEL_LOOP_THREAD    only in a callback of the loop that the object belongs to
 *     YODEL_ANY_THREAD     any thread, as long as the caller has the object
 *
 * Objects and their owners.  Some are counted: yodel_server, yodel_channels, yodel_sio,
 * yodel_sio_namespace, yodel_decision, yodel_prepared, yodel_stream, yodel_sse.  Who makes or
 * defers one has one reference; _ref() adds one, _unref() gives one back, takes NULL, and always
 * returns NULL.  The others belong to the library and are never freed by the program: yodel_ws
 * until its on_close has returned, yodel_request until its handler has returned or, deferred, until
 * it is answered or the client has gone, yodel_sio_socket until its on_disconnect has returned,
 * yodel_loop with its server.  Another thread names these by an id (yodel_id, never used again),
 * posts to them, or holds a decision.  Timers and watches (yodel/loop.h) stand in the program's own
 * memory.
 *
 * Calls in callbacks.  Any function may be called in any callback, also one that ends the object
 * whose callback it is.  A callback of an object is never called inside a function that the program
 * calls on it, unless that is said; the end is told once and last, by on_close or on_disconnect.
 *
 * Strings.  A name that the program gives (pattern, header, event, group, room, reason) is a
 * NUL-terminated const char *; content (text, a body) is a view, yodel_str or yodel_bytes.  What
 * the library gives is a view, not NUL-terminated and valid as long as is said; static texts of the
 * library are const char *.  Text is UTF-8; what is to be and is not gives YODEL_ERR_ENCODING. What
 * a call is given is copied, unless it says borrowed or taken.
 *
 * NULL.  An argument may be NULL only where that is said; options, where every field has a default.
 * A call without its object, its function or the place for its result does nothing and gives
 * -EINVAL, or NULL, 0 or an empty view where it returns no int; what it takes is freed all the
 * same.
 *
 * Sizes of structs.  Every struct that a caller fills, or has filled, begins with `size_t size`,
 * the size it was compiled with.  Zero is the default of every other field, and new ones are added
 * at the end: an older program runs with a newer library, and a newer program with an older library
 * as long as it sets no field that one lacks (YODEL_ERR_OPTIONS).  YODEL_OPTIONS() sets the size;
 * -EINVAL when it is smaller than itself.  In a struct that the library fills for a callback the
 * library sets it.
 *
 * user, data and arguments.  The `user` of a registration is handed to its callbacks and never
 * looked at; it must outlive what it was given to.  What is given with a yodel_free_fn is taken: it
 * is freed exactly once, also when the call fails.
 *
 * Results.  Functions that can fail return int: 0 or more, or a negative -errno or yodel_error
 * (yodel/base.h); yodel_strerror() has a text for each.  A function that fails has done nothing,
 * unless it says what.  What comes back by a ret_ parameter, the last one, is untouched then.
 *
 * Out of memory is such a result, -ENOMEM, and not the end of the process.  Where there is nobody
 * to tell it ends the one connection that needed the memory.
 *
 * Times are milliseconds, and UINT32_MAX is never; sizes are bytes.
 *
 * After a stop.  Functions for any thread can be called as long as the caller has a reference, and
 * give YODEL_ERR_CLOSED where there is no loop any more to do what they ask.
 */

#include <yodel/base.h>
#include <yodel/carry.h>
#include <yodel/channels.h>
#include <yodel/channels_redis.h>
#include <yodel/cluster.h>
#include <yodel/decision.h>
#include <yodel/guest.h>
#include <yodel/history.h>
#include <yodel/history_redis.h>
#include <yodel/http.h>
#include <yodel/http_body.h>
#include <yodel/http_files.h>
#include <yodel/http_stream.h>
#include <yodel/listen.h>
#include <yodel/log.h>
#include <yodel/loop.h>
#include <yodel/presence.h>
#include <yodel/redis.h>
#include <yodel/restart.h>
#include <yodel/server.h>
#include <yodel/sse.h>
#include <yodel/version.h>
#include <yodel/ws.h>

#endif
