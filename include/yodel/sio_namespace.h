/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_NAMESPACE_H
#define YODEL_SIO_NAMESPACE_H

#include <jansson.h>
#include <yodel/sio_service.h>
#include <yodel/sse.h>

YODEL_C_BEGIN

/* Socket.IO: namespaces, their handlers and middleware.  Included by yodel/sio.h. */

typedef struct yodel_sio_namespace yodel_sio_namespace; /* "/", "/chat" */
typedef struct yodel_sio_socket yodel_sio_socket;       /* one client in one namespace */
typedef struct yodel_sio_event yodel_sio_event; /* an event that came in; of a handler's call */

/* Bytes of a namespace's name, its slash included; a CONNECT to a longer one is refused. */
#define YODEL_SIO_MAX_NAME 255

/*
 * Gives the namespace of a name, made on first use, also while the server runs: clients may connect
 * to it from then on.  It stays as long as sio and is borrowed.  If a pattern of a parent made
 * before matches the name, it is that parent's child, with the handlers and middleware that the
 * parent has now; so is one that clients have made, which stays from now on.
 *
 * name     "/chat", with or without the slash; up to YODEL_SIO_MAX_NAME bytes of UTF-8 without a
 *          comma; copied
 * ret_ns   borrowed
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME (too long, no UTF-8, a comma).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_sio_of(yodel_sio *sio, const char *name,
                                              yodel_sio_namespace **ret_ns) YODEL_ANY_THREAD;

/*
 * Makes a parent: clients may connect to every name that the PCRE2 pattern matches as a whole.
 * Children have the handlers and middleware of their parent; what is emitted to the parent reaches
 * the sockets of all children.  Several parents are asked in the order they were made.
 *
 * pattern   PCRE2, such as "/room-[0-9]+"; copied
 * ret_ns    the parent, borrowed; it stays as long as sio
 *
 * Returns 0, -ENOMEM, YODEL_ERR_PATTERN (malformed).
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_sio_of_pattern(yodel_sio *sio, const char *pattern,
                     yodel_sio_namespace **ret_ns) YODEL_ANY_THREAD;

/* A client that asks for a namespace; of a function's call. */
typedef struct yodel_sio_entry yodel_sio_entry;

/*
 * Decides whether a client may connect to name.  auth is the CONNECT payload, borrowed; NULL
 * without one.  Called on the client's loop.
 *
 * Returns 0 to allow it; YODEL_DEFER, when yodel_sio_entry_defer() has given a decision; anything
 * else: the next parent is asked, and after the last one the client gets "Invalid namespace".
 */
typedef int(yodel_sio_match_fn)(yodel_sio_entry *entry, yodel_str name, const json_t *auth,
                                void *user);

/*
 * The right to decide later, from any thread: see yodel/decision.h.  Called in the function, which
 * then returns YODEL_DEFER.  The verbs are yodel_decision_accept() and yodel_decision_refuse():
 * with a message the client gets that, without one the next parent is asked.  Dropped it is refused
 * with "Refused", after decide_ms with "Not decided in time".  What the client sends to the
 * namespace meanwhile waits, bounded by max_payload.
 *
 * entry   of the function's call
 *
 * Returns a reference, which the caller gives back.  NULL: out of memory, or decided already.
 */
YODEL_API YODEL_CHECK_RESULT yodel_decision *
yodel_sio_entry_defer(yodel_sio_entry *entry) YODEL_LOOP_THREAD;

/*
 * Makes a parent as yodel_sio_of_pattern() does, with a function in place of the pattern.
 *
 * match    called on the loop of each client that asks; not NULL
 * user     borrowed; must live as long as sio
 * ret_ns   the parent, borrowed; it stays as long as sio
 *
 * Returns 0 or -ENOMEM.
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_sio_of_function(yodel_sio *sio, yodel_sio_match_fn *match, void *user,
                      yodel_sio_namespace **ret_ns) YODEL_ANY_THREAD;

/*
 * Looks for a namespace that is there now; children included.  A child goes with its last socket
 * (but see keep_empty_children): with a reference it may be used still, and reaches no one.
 *
 * name   "/chat", with its slash
 *
 * Returns a reference, to be given back by yodel_sio_namespace_unref(); NULL when there is none.
 */
YODEL_API YODEL_CHECK_RESULT yodel_sio_namespace *
yodel_sio_find_namespace(yodel_sio *sio, const char *name) YODEL_ANY_THREAD;

/*
 * Keeps a namespace that is borrowed, from yodel_sio_socket_namespace() say; also its sio.
 *
 * ns   not NULL
 *
 * Returns ns.
 */
YODEL_API yodel_sio_namespace *yodel_sio_namespace_ref(yodel_sio_namespace *ns) YODEL_ANY_THREAD;

/*
 * Gives a reference back; also after the server has stopped.
 *
 * ns   NULL does nothing
 *
 * Returns NULL, always.
 */
YODEL_API yodel_sio_namespace *yodel_sio_namespace_unref(yodel_sio_namespace *ns) YODEL_ANY_THREAD;

/* A name that is told: of a namespace, or of a room.  Borrowed for the call. */
typedef void(yodel_sio_name_fn)(yodel_str name, void *user);

/*
 * Walks through the namespaces that are now, parents left out.  Out of memory it tells none.
 *
 * each   called for every name, inside this call
 */
YODEL_API void yodel_sio_each_namespace(yodel_sio *sio, yodel_sio_name_fn *each,
                                        void *user) YODEL_ANY_THREAD;

/*
 * The name of a namespace, with its slash.
 *
 * Returns a view that lives as long as ns.
 */
YODEL_API yodel_str yodel_sio_namespace_name(const yodel_sio_namespace *ns) YODEL_ANY_THREAD;

/* ---- handlers ---- */

/* The socket has joined its namespace and the client was told: what is emitted here comes after
 * that. */
typedef void(yodel_sio_connection_fn)(yodel_sio_socket *socket, void *user);
/* reason: "transport close", "client namespace disconnect", ... as the JavaScript server says. */
typedef void(yodel_sio_disconnect_fn)(yodel_sio_socket *socket, const char *reason, void *user);
typedef void(yodel_sio_event_fn)(yodel_sio_socket *socket, yodel_sio_event *event, void *user);
/* message: why an event middleware refused an event. */
typedef void(yodel_sio_error_fn)(yodel_sio_socket *socket, const char *message, void *user);
typedef void(yodel_sio_drain_fn)(yodel_sio_socket *socket, void *user);
/* Another server has sent an event to this one: see yodel/sio_cluster.h. */
typedef struct yodel_sio_server_event yodel_sio_server_event;
typedef void(yodel_sio_server_event_fn)(yodel_sio_namespace *ns, yodel_sio_server_event *event,
                                        void *user);

typedef struct yodel_sio_handlers {
    size_t size;
    yodel_sio_connection_fn *on_connection;
    yodel_sio_disconnect_fn *on_disconnecting; /* its rooms are still there */
    /* Last; exactly once for each on_connection.  It is in no room any more, nor in that of its id.
     */
    yodel_sio_disconnect_fn *on_disconnect;
    yodel_sio_event_fn *on_any;       /* every event, ahead of its own handler */
    yodel_sio_event_fn *on_unhandled; /* events without a handler of their own */
    yodel_sio_error_fn *on_error;     /* an event middleware refused an event */
    /* The output has emptied after an emit to this client gave YODEL_ERR_CONGESTED, or a broadcast
     * had to pass it over. */
    yodel_sio_drain_fn *on_drain;
    yodel_sio_server_event_fn *on_server_event; /* on loop 0 */
} yodel_sio_handlers;

/*
 * Handlers and middleware may be set up before the server runs, and changed while it does, from any
 * thread and in any handler.  On the loop of who changes them the change holds from the next event
 * on, on other loops soon; an event or a CONNECT that is under way ends with the handlers and the
 * middleware that it began with, also when a decision about it comes later.  user is borrowed and
 * must live as long as sio, also when its handler was removed: another loop may just be calling it.
 *
 * All of these give YODEL_ERR_STATE for a child that clients made: it has what its parent has.
 * yodel_sio_of() gives it handlers of its own.
 */

/*
 * Sets the handlers of a namespace, in place of those there were.
 *
 * handlers   copied; NULL: none
 *
 * Returns 0, -ENOMEM, -EINVAL (size), YODEL_ERR_OPTIONS, YODEL_ERR_STATE.
 */
YODEL_API int yodel_sio_namespace_handle(yodel_sio_namespace *ns,
                                         const yodel_sio_handlers *handlers,
                                         void *user) YODEL_ANY_THREAD;

/*
 * Adds a handler of one event; several of one event run in the order they were added.
 *
 * event     its name; copied
 * handler   not NULL
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME (a reserved name), YODEL_ERR_STATE.
 */
YODEL_API int yodel_sio_namespace_on(yodel_sio_namespace *ns, const char *event,
                                     yodel_sio_event_fn *handler, void *user) YODEL_ANY_THREAD;

/*
 * Removes handlers that yodel_sio_namespace_on() has added.
 *
 * event     NULL: of all events
 * handler   those that are this with user; NULL: all of them, whatever user is
 *
 * Returns how many there were, -ENOMEM, YODEL_ERR_STATE.
 */
YODEL_API int yodel_sio_namespace_off(yodel_sio_namespace *ns, const char *event,
                                      yodel_sio_event_fn *handler, void *user) YODEL_ANY_THREAD;

typedef struct yodel_sio_args yodel_sio_args;

/* Sees every event that goes out to a socket of ns, with its arguments, binary too; borrowed for
 * the call.  A socket that it disconnects does not get the event. */
typedef void(yodel_sio_outgoing_fn)(yodel_sio_socket *socket, yodel_str event,
                                    const yodel_sio_args *args, void *user);

/*
 * Adds such a listener.
 *
 * handler   called on the loop of each socket that the event goes to
 *
 * Returns 0, -ENOMEM, YODEL_ERR_STATE.
 */
YODEL_API int yodel_sio_namespace_on_outgoing(yodel_sio_namespace *ns,
                                              yodel_sio_outgoing_fn *handler,
                                              void *user) YODEL_ANY_THREAD;

/*
 * Middleware: runs for every socket that wants to connect, in the order added, before it is in the
 * namespace.  It may join rooms and set data.
 *
 * Returns 0 to let it go on; what yodel_sio_socket_refuse() returns; YODEL_DEFER, when
 * yodel_sio_socket_defer() has given a decision; anything else refuses it with the message
 * "Refused".  What is decided in the call, or by another thread meanwhile, counts ahead of the
 * result.
 */
typedef int(yodel_sio_middleware_fn)(yodel_sio_socket *socket, void *user);

/*
 * Adds a middleware of connections.  Sockets that have connected already are not asked.
 *
 * middleware   not NULL
 * user         borrowed; must live as long as the sio of ns
 *
 * Returns 0, -ENOMEM, YODEL_ERR_STATE (a child that clients made).
 */
YODEL_API int yodel_sio_namespace_use(yodel_sio_namespace *ns, yodel_sio_middleware_fn *middleware,
                                      void *user) YODEL_ANY_THREAD;

/*
 * Refuses a socket whose middleware runs, or is deferred: its client gets connect_error.
 *     return yodel_sio_socket_refuse(socket, "unauthorized", "{\"hint\":\"log in\"}");
 *
 * message    UTF-8; NULL: ""
 * data_json  a JSON value; NULL: none
 *
 * Returns 0, -ENOMEM, YODEL_ERR_ENCODING (message), YODEL_ERR_FORMAT (data_json), YODEL_ERR_STATE
 * (decided already), YODEL_ERR_CLOSED (the client has gone).  After a failure it is undecided; a
 * middleware that returns the failure refuses it.
 */
YODEL_API int yodel_sio_socket_refuse(yodel_sio_socket *socket, const char *message,
                                      const char *data_json) YODEL_LOOP_THREAD;

/*
 * The right to decide later, from any thread, whether socket goes on: see yodel/decision.h.  Called
 * in its middleware, which then returns YODEL_DEFER, or until that is decided.  The verbs are
 * yodel_decision_accept() and yodel_decision_refuse(); dropped it is refused with "Refused", after
 * decide_ms with "Not decided in time".
 *
 * Returns a reference, which the caller gives back.  NULL: out of memory, or decided already.
 */
YODEL_API YODEL_CHECK_RESULT yodel_decision *
yodel_sio_socket_defer(yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * Event middleware: runs for every event of a socket ahead of its handlers, in the order added.
 *
 * Returns 0 to let it pass; what yodel_sio_event_refuse() returns; YODEL_DEFER, when
 * yodel_sio_event_defer() has given a decision; anything else drops it, and on_error is called with
 * yodel_strerror() of a negative result.
 */
typedef int(yodel_sio_event_middleware_fn)(yodel_sio_socket *socket, yodel_sio_event *event,
                                           void *user);

/*
 * Adds a middleware of events, for those that come from now on.
 *
 * middleware   not NULL
 *
 * Returns as yodel_sio_namespace_use().
 */
YODEL_API int yodel_sio_namespace_use_event(yodel_sio_namespace *ns,
                                            yodel_sio_event_middleware_fn *middleware,
                                            void *user) YODEL_ANY_THREAD;

/* ---- readers of server-sent events ---- */

/*
 * Has reader get what is emitted to room of ns, or to all of ns if room is NULL: as an event of the
 * emitted name whose data is the JSON array of its arguments.  What has attachments, or a name of
 * several lines, is not for readers: dropped and counted (events_dropped).  A reader cannot answer,
 * so it counts in no acknowledgement.  A message of the service's channel layer to the group
 * "/chat#room" reaches it as one of its groups' does.  It leaves by itself when it ends.
 *
 * room     its name, copied; NULL: all of ns
 * reader   of this loop
 *
 * Returns 0, -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_CLOSED, YODEL_ERR_UNSUPPORTED (ns is a parent).
 */
YODEL_API int yodel_sio_namespace_reader_add(yodel_sio_namespace *ns, const char *room,
                                             yodel_sse *reader) YODEL_LOOP_THREAD;

/*
 * Takes a reader out again.  Not being in it is no error.
 *
 * room     as for yodel_sio_namespace_reader_add()
 * reader   of this loop
 */
YODEL_API void yodel_sio_namespace_reader_discard(yodel_sio_namespace *ns, const char *room,
                                                  yodel_sse *reader) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
