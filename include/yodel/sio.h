/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_H
#define YODEL_SIO_H

#include <jansson.h>
#include <yodel/sio_service.h>

YODEL_C_BEGIN

/* Socket.IO v5 over Engine.IO v4, as the clients of socket.io 3 and 4 speak it. */

typedef struct yodel_sio_namespace yodel_sio_namespace; /* "/", "/chat" */
typedef struct yodel_sio_socket yodel_sio_socket;       /* one client in one namespace */
typedef struct yodel_sio_ack yodel_sio_ack;             /* the right to answer one event, once */
typedef struct yodel_sio_next yodel_sio_next;           /* the right to end one middleware, once */
typedef struct yodel_sio_event yodel_sio_event; /* an event that came in; of a handler's call */

/* ---- namespaces ---- */

/* Bytes of a namespace's name, its slash included; a CONNECT to a longer one is refused. */
#define YODEL_SIO_MAX_NAME 255

/* The namespace of that name ("/chat", with or without the slash), made on first use; it stays as
 * long as sio.  If a pattern of a parent made before matches the name, it is that parent's child,
 * with the handlers and middleware that the parent has now.  NULL when out of memory or name is too
 * long, no UTF-8 or holds a comma. */
YODEL_API yodel_sio_namespace *yodel_sio_of(yodel_sio *sio, const char *name) YODEL_SETUP_THREAD;

/* A parent: clients may connect to every name that the PCRE2 pattern matches as a whole.  Children
 * have the handlers and middleware of their parent.  NULL: malformed, or out of memory. */
YODEL_API yodel_sio_namespace *yodel_sio_of_pattern(yodel_sio *sio,
                                                    const char *pattern) YODEL_SETUP_THREAD;

/* The same with a function: allows with 1, else 0.  auth is the CONNECT payload, NULL without. */
typedef int(yodel_sio_match_fn)(yodel_str name, const json_t *auth, void *user);
YODEL_API yodel_sio_namespace *yodel_sio_of_function(yodel_sio *sio, yodel_sio_match_fn *match,
                                                     void *user) YODEL_SETUP_THREAD;

/* The namespace of that name, with its slash, if there is one now; children included.  A reference,
 * to be given back by yodel_sio_namespace_unref(); NULL when there is none.  A child goes with its
 * last socket (but see keep_empty_children): with a reference it may be used still, and reaches no
 * one. */
YODEL_API YODEL_CHECK_RESULT yodel_sio_namespace *yodel_sio_find(yodel_sio *sio,
                                                                 yodel_str name) YODEL_ANY_THREAD;
/* To keep a namespace that is borrowed, from yodel_sio_socket_namespace() say; also its sio. */
YODEL_API yodel_sio_namespace *yodel_sio_namespace_ref(yodel_sio_namespace *ns) YODEL_ANY_THREAD;
/* NULL is a no-op.  Always returns NULL. */
YODEL_API yodel_sio_namespace *yodel_sio_namespace_unref(yodel_sio_namespace *ns) YODEL_ANY_THREAD;
/* Calls each(name, user) for every namespace that is now, parents left out.  each must not call
 * into the library. */
YODEL_API void yodel_sio_each_namespace(yodel_sio *sio, void (*each)(yodel_str name, void *user),
                                        void *user) YODEL_ANY_THREAD;
YODEL_API yodel_str yodel_sio_namespace_name(const yodel_sio_namespace *ns) YODEL_ANY_THREAD;

/* ---- handlers ---- */

/* The socket has joined its namespace and the client was told: what is emitted here comes after
 * that. */
typedef void(yodel_sio_connection_fn)(yodel_sio_socket *socket, void *user);
/* reason: "transport close", "client namespace disconnect", ... as the JavaScript server says. */
typedef void(yodel_sio_disconnect_fn)(yodel_sio_socket *socket, const char *reason, void *user);
typedef void(yodel_sio_event_fn)(yodel_sio_socket *socket, yodel_sio_event *event, void *user);

typedef struct yodel_sio_handlers {
    size_t size;
    yodel_sio_connection_fn *on_connection;
    yodel_sio_disconnect_fn *on_disconnecting; /* its rooms are still there */
    /* Last; exactly once for each on_connection.  It is in no room any more, nor in that of its id.
     */
    yodel_sio_disconnect_fn *on_disconnect;
    yodel_sio_event_fn *on_any;       /* every event, ahead of its own handler */
    yodel_sio_event_fn *on_unhandled; /* events without a handler of their own */
    /* An event middleware refused an event: message is its reason. */
    void (*on_error)(yodel_sio_socket *socket, const char *message, void *user);
    /* The output has emptied after an emit to this client gave YODEL_ERR_CONGESTED, or a broadcast
     * had to pass it over. */
    void (*on_drain)(yodel_sio_socket *socket, void *user);
} yodel_sio_handlers;

/* Sets the handlers of ns; copied.  Returns 0, -EINVAL, YODEL_ERR_OPTIONS, YODEL_ERR_STATE. */
YODEL_API int yodel_sio_handle(yodel_sio_namespace *ns, const yodel_sio_handlers *handlers,
                               void *user) YODEL_SETUP_THREAD;

/* Adds a handler of one event; several of one event run in the order they were added.
 * Returns 0, -ENOMEM, YODEL_ERR_NAME (a reserved name), YODEL_ERR_STATE. */
YODEL_API int yodel_sio_on(yodel_sio_namespace *ns, const char *event, yodel_sio_event_fn *handler,
                           void *user) YODEL_SETUP_THREAD;

/* A handler of one socket alone, for its next event of that name.  Returns 0, -ENOMEM,
 * YODEL_ERR_NAME. */
YODEL_API int yodel_sio_once(yodel_sio_socket *socket, const char *event,
                             yodel_sio_event_fn *handler, void *user) YODEL_LOOP_THREAD;

typedef struct yodel_sio_args yodel_sio_args;

/* Sees every event that goes out to a socket of ns, with its arguments, binary too; borrowed for
 * the call.  A socket that it disconnects does not get the event. */
typedef void(yodel_sio_outgoing_fn)(yodel_sio_socket *socket, yodel_str event,
                                    const yodel_sio_args *args, void *user);
YODEL_API int yodel_sio_on_any_outgoing(yodel_sio_namespace *ns, yodel_sio_outgoing_fn *handler,
                                        void *user) YODEL_SETUP_THREAD;

/*
 * Middleware: runs for every socket that wants to connect, in the order added, before it is in the
 * namespace.  It may join rooms and set data.  It ends by yodel_sio_next_go() or
 * yodel_sio_next_refuse(), in the call or later and from any thread; next is taken by them.
 */
typedef void(yodel_sio_middleware_fn)(yodel_sio_socket *socket, yodel_sio_next *next, void *user);
YODEL_API int yodel_sio_use(yodel_sio_namespace *ns, yodel_sio_middleware_fn *middleware,
                            void *user) YODEL_SETUP_THREAD;
YODEL_API void yodel_sio_next_go(yodel_sio_next *next) YODEL_ANY_THREAD;
/* The client gets connect_error with message and, unless NULL, data: JSON text, copied.  Returns 0,
 * -ENOMEM, YODEL_ERR_ENCODING (message is not UTF-8), YODEL_ERR_FORMAT (data is not JSON): nothing
 * is then sent and next is still the caller's.  With "" and NULL it cannot fail. */
YODEL_API int yodel_sio_next_refuse(yodel_sio_next *next, const char *message,
                                    const char *data) YODEL_ANY_THREAD;

/* Event middleware: runs for every event of a socket ahead of its handlers.  Returns NULL to let it
 * pass, or why it is dropped (static text, for on_error). */
typedef const char *(yodel_sio_event_middleware_fn)(yodel_sio_socket *socket,
                                                    yodel_sio_event *event, void *user);
YODEL_API int yodel_sio_use_event(yodel_sio_namespace *ns,
                                  yodel_sio_event_middleware_fn *middleware,
                                  void *user) YODEL_SETUP_THREAD;

/* ---- events that came in; views and documents live for the handler's call ---- */

/* Its name, without escapes. */
YODEL_API yodel_str yodel_sio_event_name(const yodel_sio_event *event) YODEL_LOOP_THREAD;
/* The arguments as JSON array text, placeholders in it where binary stands. */
YODEL_API yodel_str yodel_sio_event_args(const yodel_sio_event *event) YODEL_LOOP_THREAD;
/* The i-th argument's JSON text; {NULL, 0} past the last. */
YODEL_API yodel_str yodel_sio_event_arg(const yodel_sio_event *event, size_t i) YODEL_LOOP_THREAD;
/* The arguments as a document, made on first use; borrowed.  Binary is what yodel_sio_binary()
 * makes; other values are as in yodel_request_unpack().  NULL when out of memory. */
YODEL_API json_t *yodel_sio_event_json(yodel_sio_event *event) YODEL_LOOP_THREAD;
/* jansson's unpack format for the arguments one after the other: "s{s:i}".  Returns 0, -ENOMEM or
 * YODEL_ERR_FORMAT. */
YODEL_API int yodel_sio_event_unpack(yodel_sio_event *event, const char *format,
                                     ...) YODEL_LOOP_THREAD;
YODEL_API size_t yodel_sio_event_num_attachments(const yodel_sio_event *event) YODEL_LOOP_THREAD;
YODEL_API yodel_bytes yodel_sio_event_attachment(const yodel_sio_event *event,
                                                 size_t i) YODEL_LOOP_THREAD;

/* The right to answer, when the client asks for an acknowledgement, else NULL.  The first call
 * takes it; it may be kept and must be answered or dropped.  Not taken, it is dropped. */
YODEL_API yodel_sio_ack *yodel_sio_event_ack(yodel_sio_event *event) YODEL_LOOP_THREAD;

/* ---- what is sent ---- */

/*
 * Arguments as text: json is a JSON array; binary stands in it as
 * {"_placeholder":true,"num":i}, i indexing attachments.  Borrowed for the call.
 */
struct yodel_sio_args {
    yodel_str json; /* empty: no arguments */
    const yodel_bytes *attachments;
    size_t num_attachments; /* at most 10: newer clients refuse more */
};

/* A new reference to the placeholder of attachment i; NULL when out of memory. */
YODEL_API json_t *yodel_sio_binary(size_t i) YODEL_ANY_THREAD;

/* Answers with arguments in jansson's packed format, one after the other ("s", "si", ""), and frees
 * ack whatever is returned.  ack NULL is a no-op.  An answer goes out above max_buffered, too: who
 * asks and does not read is not listened to.  Returns 0, -ENOMEM, YODEL_ERR_FORMAT,
 * YODEL_ERR_TOO_BIG (attachments), on the client's loop also YODEL_ERR_CLOSED (it has left). */
YODEL_API int yodel_sio_answer(yodel_sio_ack *ack, const char *format, ...) YODEL_ANY_THREAD;
YODEL_API int yodel_sio_answer_args(yodel_sio_ack *ack,
                                    const yodel_sio_args *args) YODEL_ANY_THREAD;
/* Frees ack unanswered. */
YODEL_API void yodel_sio_ack_drop(yodel_sio_ack *ack) YODEL_ANY_THREAD;

/* ---- targets: the sockets that an emit reaches, as a value ---- */

/* Strings and lists are borrowed for the call that takes the target.  Made by the functions below.
 */
typedef struct yodel_sio_target {
    yodel_sio_namespace *ns;
    yodel_sio_socket *socket;  /* this client alone */
    const char *room;          /* one room; NULL: see rooms */
    const char *const *rooms;  /* ends with NULL; NULL: everyone; without entries: no one */
    const char *const *except; /* ends with NULL; NULL: none */
    char but[24];              /* the id of a socket that is left out; "": none */
    unsigned flags;
    uint32_t timeout_ms; /* of acknowledgements; 0: 10000 */
} yodel_sio_target;

#define YODEL_SIO_VOLATILE (1u << 0)    /* drop for a client that cannot take it now */
#define YODEL_SIO_LOCAL (1u << 1)       /* this process only */
#define YODEL_SIO_NO_COMPRESS (1u << 2) /* of polling answers */

#ifdef __cplusplus
#define YODEL_ROOMS(...) (yodel_temporary<const char *>::yodel_list({__VA_ARGS__, NULL}))
#else
#define YODEL_ROOMS(...) ((const char *const[]){__VA_ARGS__, NULL})
#endif

/* One client. */
YODEL_API yodel_sio_target yodel_sio_to(yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* Everyone in the namespace. */
YODEL_API yodel_sio_target yodel_sio_to_all(yodel_sio_namespace *ns) YODEL_ANY_THREAD;
/* Everyone in the namespace but this client. */
YODEL_API yodel_sio_target yodel_sio_to_others(yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* Those in a room; a socket's id is a room; NULL is no one's. */
YODEL_API yodel_sio_target yodel_sio_to_room(yodel_sio_namespace *ns,
                                             const char *room) YODEL_ANY_THREAD;
/* Those in any of rooms, each once. */
YODEL_API yodel_sio_target yodel_sio_to_rooms(yodel_sio_namespace *ns,
                                              const char *const *rooms) YODEL_ANY_THREAD;
/* The same target less those in any of rooms (a list given before is replaced), less one socket (in
 * place of one given before), with more flags, with a time limit. */
YODEL_API yodel_sio_target yodel_sio_except(yodel_sio_target target,
                                            const char *const *rooms) YODEL_ANY_THREAD;
YODEL_API yodel_sio_target yodel_sio_but(yodel_sio_target target,
                                         yodel_sio_socket *socket) YODEL_LOOP_THREAD;
YODEL_API yodel_sio_target yodel_sio_with(yodel_sio_target target, unsigned flags) YODEL_ANY_THREAD;
YODEL_API yodel_sio_target yodel_sio_timeout(yodel_sio_target target, uint32_t ms) YODEL_ANY_THREAD;

/*
 * Emits an event to target with arguments in jansson's packed format, one after the other:
 *     yodel_sio_emit(yodel_sio_to_room(chat, "r1"), "said", "{s:s}", "text", text)
 * It is encoded once.  Clients of the loop it is called on get it at once, those of others by mail;
 * what one thread emits and answers reaches each client in that order.  A target with a socket may
 * be used on its loop only.  To a parent it goes to all its children.
 *
 * Returns 0, -ENOMEM, YODEL_ERR_FORMAT, YODEL_ERR_NAME (a reserved event name), YODEL_ERR_ENCODING,
 * YODEL_ERR_TOO_BIG (attachments), YODEL_ERR_CLOSED, YODEL_ERR_CONGESTED (to one socket
 * max_buffered, to many max_mailbox of the server); on failure nobody gets it, but loops that
 * have not ended and other children of a parent may have it.
 */
YODEL_API int yodel_sio_emit(yodel_sio_target target, const char *event, const char *format,
                             ...) YODEL_ANY_THREAD;
YODEL_API int yodel_sio_emit_args(yodel_sio_target target, const char *event,
                                  const yodel_sio_args *args) YODEL_ANY_THREAD;
/* Passes on the arguments of an event that came in, binary too, without looking into them. */
YODEL_API int yodel_sio_emit_event(yodel_sio_target target, const char *event,
                                   const yodel_sio_event *received) YODEL_LOOP_THREAD;

/*
 * The answers to an emit: called exactly once, on a loop's thread.
 *
 * result     0, -ETIMEDOUT (some clients did not answer in time), YODEL_ERR_CLOSED (one left),
 *            YODEL_ERR_TOO_BIG (answers above max_answers are left out), -ENOMEM (one, or all, are
 *            left out)
 * answers    JSON array: of one client the arguments it answered with; of a broadcast the first
 *            argument of each answer
 * attachments  of binary in them
 */
typedef struct yodel_sio_answers {
    int result;
    yodel_str json;
    const yodel_bytes *attachments;
    size_t num_attachments;
} yodel_sio_answers;
typedef void(yodel_sio_answers_fn)(const yodel_sio_answers *answers, void *user);

/* yodel_sio_emit_args() that asks for acknowledgement.  When it fails answered is not called; to
 * one socket also YODEL_ERR_TOO_BIG (max_acks), to a parent YODEL_ERR_UNSUPPORTED. */
YODEL_API int yodel_sio_emit_ack(yodel_sio_target target, const char *event,
                                 const yodel_sio_args *args, yodel_sio_answers_fn *answered,
                                 void *user) YODEL_ANY_THREAD;

/* ---- rooms ---- */

/* room: at most 255 bytes of UTF-8.  A socket is in the room of its id from the beginning.  Returns
 * 0, -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_TOO_BIG (max_rooms), YODEL_ERR_CLOSED (it leaves). */
YODEL_API int yodel_sio_join(yodel_sio_socket *socket, const char *room) YODEL_LOOP_THREAD;
/* Cannot fail.  The room of its id can be left too: then emits to that room do not reach it, those
 * to the socket itself do. */
YODEL_API void yodel_sio_leave(yodel_sio_socket *socket, const char *room) YODEL_LOOP_THREAD;
/* Calls each(room, user) for its rooms in the order it joined them, its own id first; none in
 * on_disconnect.  each may join and leave rooms: those left before their turn, and those joined
 * meanwhile, are not told. */
YODEL_API void yodel_sio_each_room(const yodel_sio_socket *socket,
                                   void (*each)(yodel_str room, void *user),
                                   void *user) YODEL_LOOP_THREAD;

/* Makes all of target, of a parent its children's sockets, join or leave rooms (a list that ends
 * with NULL); disconnects them, from the namespace or (close) altogether.  Return 0, -ENOMEM,
 * YODEL_ERR_CONGESTED (max_mailbox; not for ends), YODEL_ERR_CLOSED. */
YODEL_API int yodel_sio_sockets_join(yodel_sio_target target,
                                     const char *const *rooms) YODEL_ANY_THREAD;
YODEL_API int yodel_sio_sockets_leave(yodel_sio_target target,
                                      const char *const *rooms) YODEL_ANY_THREAD;
YODEL_API int yodel_sio_disconnect_sockets(yodel_sio_target target, int close) YODEL_ANY_THREAD;

/* Gathers those of target, of a parent its children's: sockets is a JSON array of {"id", "rooms",
 * "data", "handshake"}, borrowed; NULL: something is missing, for want of memory or time (that of
 * target, else 10 s). Called once, on a loop's thread.  Returns as above. */
typedef void(yodel_sio_sockets_fn)(const json_t *sockets, void *user);
YODEL_API int yodel_sio_fetch_sockets(yodel_sio_target target, yodel_sio_sockets_fn *done,
                                      void *user) YODEL_ANY_THREAD;

/* Gathers the names of the rooms of ns, sockets' own ones included: a JSON array of strings. */
YODEL_API int yodel_sio_fetch_rooms(yodel_sio_namespace *ns, yodel_sio_sockets_fn *done,
                                    void *user) YODEL_ANY_THREAD;

/* ---- sockets ---- */

/* 20 characters. */
YODEL_API yodel_str yodel_sio_socket_id(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
YODEL_API yodel_sio_namespace *
yodel_sio_socket_namespace(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
YODEL_API yodel_sio *yodel_sio_socket_sio(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* "polling" or "websocket". */
YODEL_API const char *yodel_sio_socket_transport(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* 1 when its state was recovered. */
YODEL_API int yodel_sio_socket_recovered(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* Leaves the namespace, or (close) ends the client's whole connection; on_disconnect comes later.
 */
YODEL_API void yodel_sio_disconnect(yodel_sio_socket *socket, int close) YODEL_LOOP_THREAD;

/* A JSON object that the program may change; seen by fetch_sockets and kept by recovery. */
YODEL_API json_t *yodel_sio_socket_json(yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* Ties data to socket; free_data (may be NULL) runs after on_disconnect, or when replaced. */
YODEL_API void yodel_sio_set_data(yodel_sio_socket *socket, void *data,
                                  yodel_free_fn *free_data) YODEL_LOOP_THREAD;
YODEL_API void *yodel_sio_data(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/* The handshake as the JavaScript server shows it: a new document {"headers", "time", "address",
 * "xdomain", "secure", "issued", "url", "query", "auth"}; NULL when out of memory. */
YODEL_API json_t *yodel_sio_handshake(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* The CONNECT payload as a document, as yodel_sio_event_json(); borrowed; an empty object without
 * one.  NULL when out of memory, but never in middleware, which does not run without it. */
YODEL_API const json_t *yodel_sio_auth(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* A header of the request that opened the session, or else a field of its query, decoded; {NULL, 0}
 * when absent, or out of memory.  Lives as long as the client is connected. */
YODEL_API yodel_str yodel_sio_header(const yodel_sio_socket *socket,
                                     const char *name) YODEL_LOOP_THREAD;
YODEL_API yodel_str yodel_sio_peer(const yodel_sio_socket *socket) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
