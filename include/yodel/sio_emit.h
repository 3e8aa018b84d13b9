/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_EMIT_H
#define YODEL_SIO_EMIT_H

#include <yodel/sio_event.h>

YODEL_C_BEGIN

/* Socket.IO: which sockets an emit reaches, and what can be done to them.  Included by yodel/sio.h.
 */

/* ---- targets: the sockets that an emit reaches, as a value ---- */

/* What a target has room for: a room, a list of rooms, a socket, a list that is left out take one
 * term each, a socket that is left out takes three. */
#define YODEL_SIO_MAX_TERMS 12

/*
 * A value for the call that takes it: strings and lists in it are borrowed.  Made by the functions
 * below, its fields are theirs.  One of yodel_sio_to() may be used on that socket's loop only, and
 * while the socket is there; all others on any thread.
 *
 * A target that cannot be (more than YODEL_SIO_MAX_TERMS, two namespaces, no namespace, reserved
 * words that are not zero) is still a value: the call that takes it gives YODEL_ERR_TOO_BIG for the
 * first, else -EINVAL, and does nothing.
 */
typedef struct yodel_sio_target {
    yodel_sio_namespace *ns;
    unsigned flags;
    uint32_t timeout_ms; /* of acknowledgements and gathers; 0: 10000 */
    uint8_t everyone;
    uint8_t num_terms;
    uint8_t wrong;
    uint8_t reserved_byte; /* zero */
    uint8_t kinds[YODEL_SIO_MAX_TERMS];
    union {
        const void *ptr;
        uint8_t id[8]; /* the next part of one */
    } terms[YODEL_SIO_MAX_TERMS];
    uint64_t reserved[2]; /* zero */
} yodel_sio_target;

#define YODEL_SIO_VOLATILE (1u << 0)    /* drop for a client that cannot take it now */
#define YODEL_SIO_LOCAL (1u << 1)       /* this process only */
#define YODEL_SIO_NO_COMPRESS (1u << 2) /* of polling answers */
/* Each acknowledgement is an array of all its arguments, also that of one client: [[1,2],[]].
 * Without it those of many are told by their first argument.  Yodel's processes keep to it through
 * every adapter; servers in JavaScript tell the first argument of theirs alone. */
#define YODEL_SIO_ALL_ARGUMENTS (1u << 3)

/* A way to end a socket: the client's connection ends without a DISCONNECT packet.  A client of
 * socket.io that was sent that packet stays away until its program calls connect(); one whose
 * connection fails comes back by itself: to another node, or with other credentials. */
#define YODEL_SIO_COME_BACK 2

/* A list of rooms for a call: YODEL_ROOMS("a", "b"). */
#ifdef __cplusplus
#define YODEL_ROOMS(...) (yodel_temporary<const char *>::yodel_list({__VA_ARGS__, NULL}))
#else
#define YODEL_ROOMS(...) ((const char *const[]){__VA_ARGS__, NULL})
#endif

/*
 * One client, also when it has left the room of its id.
 *
 * socket   of this loop; not NULL
 *
 * Returns the target, for use on this loop.
 */
YODEL_API yodel_sio_target yodel_sio_to(yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * Everyone in a namespace; of a parent in its children.
 *
 * ns   NULL makes a target that cannot be
 *
 * Returns the target.
 */
YODEL_API yodel_sio_target yodel_sio_to_all(yodel_sio_namespace *ns) YODEL_ANY_THREAD;

/*
 * Everyone in the namespace of a client but itself.
 *
 * socket   of this loop; not NULL
 *
 * Returns the target, for any thread as long as the namespace is there.
 */
YODEL_API yodel_sio_target yodel_sio_to_others(yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * Those in a room; a socket's id is a room.
 *
 * ns     as for yodel_sio_to_all()
 * room   borrowed; NULL is no one's
 *
 * Returns the target.
 */
YODEL_API yodel_sio_target yodel_sio_to_room(yodel_sio_namespace *ns,
                                             const char *room) YODEL_ANY_THREAD;

/*
 * Those in any of several rooms, each once.
 *
 * ns      as for yodel_sio_to_all()
 * rooms   a list that ends with NULL, YODEL_ROOMS("a", "b"); borrowed; NULL: no one
 *
 * Returns the target.
 */
YODEL_API yodel_sio_target yodel_sio_to_rooms(yodel_sio_namespace *ns,
                                              const char *const *rooms) YODEL_ANY_THREAD;

/*
 * Those of one target or of another, less those that either leaves out; with the flags of both.
 *
 * a   its time limit is kept
 * b   of the same namespace; its time limit counts if a has none
 *
 * Returns the target.
 */
YODEL_API yodel_sio_target yodel_sio_target_and(yodel_sio_target a,
                                                yodel_sio_target b) YODEL_ANY_THREAD;

/*
 * The same target less those in any of some rooms.  What was left out before stays out.
 *
 * target   a value; the caller's own is as it was
 * rooms    a list that ends with NULL, borrowed; NULL: none
 *
 * Returns the new target.
 */
YODEL_API yodel_sio_target yodel_sio_target_except(yodel_sio_target target,
                                                   const char *const *rooms) YODEL_ANY_THREAD;

/*
 * The same target less one client.  What was left out before stays out.
 *
 * target   a value; the caller's own is as it was
 * socket   of this loop; its id is copied
 *
 * Returns the new target, for any thread if target was.
 */
YODEL_API yodel_sio_target yodel_sio_target_but(yodel_sio_target target,
                                                yodel_sio_socket *socket) YODEL_LOOP_THREAD;

/*
 * The same target with more flags.
 *
 * target   a value; the caller's own is as it was
 * flags    YODEL_SIO_VOLATILE, YODEL_SIO_LOCAL, YODEL_SIO_NO_COMPRESS, YODEL_SIO_ALL_ARGUMENTS,
 *          joined by |
 *
 * Returns the new target.
 */
YODEL_API yodel_sio_target yodel_sio_target_with(yodel_sio_target target,
                                                 unsigned flags) YODEL_ANY_THREAD;

/*
 * The same target with a time limit for acknowledgements and gathers.
 *
 * target   a value; the caller's own is as it was
 * ms       0: 10000
 *
 * Returns the new target.
 */
YODEL_API yodel_sio_target yodel_sio_target_timeout(yodel_sio_target target,
                                                    uint32_t ms) YODEL_ANY_THREAD;

/*
 * Emits an event to target with arguments in jansson's packed format, one after the other:
 *     yodel_sio_emit(yodel_sio_to_room(chat, "r1"), "said", "{s:s}", "text", text)
 * and "y" for a yodel_bytes, by value, which is sent as binary: at most 10 of them.
 *     yodel_sio_emit(yodel_sio_to(socket), "picture", "sy", name, picture)
 * References given with "o" are taken whatever is returned.
 *
 * It is encoded once.  Clients of the loop it is called on get it at once, those of others by mail;
 * what one thread emits and answers reaches each client in that order.  A target with a socket may
 * be used on its loop only.  To a parent it goes to all its children.
 *
 * target   as its maker says: one of a socket on its loop only
 * event    UTF-8, not one of the reserved names; copied
 * format   "": no arguments
 *
 * Returns 0, -ENOMEM, YODEL_ERR_FORMAT, YODEL_ERR_NAME (a reserved event name), YODEL_ERR_ENCODING,
 * YODEL_ERR_TOO_BIG (attachments), YODEL_ERR_CLOSED, YODEL_ERR_CONGESTED (to one socket
 * max_buffered, to many max_mailbox of the server); on failure nobody gets it, but loops that
 * have not ended and other children of a parent may have it.
 */
YODEL_API int yodel_sio_emit(yodel_sio_target target, const char *event, const char *format,
                             ...) YODEL_ANY_THREAD;

/*
 * The same with one string.
 *
 * target   as for yodel_sio_emit()
 * event    as for yodel_sio_emit()
 * text     UTF-8, else YODEL_ERR_ENCODING; copied
 *
 * Returns as yodel_sio_emit().
 */
YODEL_API int yodel_sio_emit_text(yodel_sio_target target, const char *event,
                                  yodel_str text) YODEL_ANY_THREAD;

/*
 * The same with the elements of an array.
 *
 * target   as for yodel_sio_emit()
 * event    as for yodel_sio_emit()
 * args     borrowed; YODEL_ERR_FORMAT when it is no array, or holds a string that is not UTF-8
 *
 * Returns as yodel_sio_emit().
 */
YODEL_API int yodel_sio_emit_json(yodel_sio_target target, const char *event,
                                  const json_t *args) YODEL_ANY_THREAD;

/*
 * The same with one binary argument.
 *
 * target   as for yodel_sio_emit()
 * event    as for yodel_sio_emit()
 * data     copied
 *
 * Returns as yodel_sio_emit().
 */
YODEL_API int yodel_sio_emit_bytes(yodel_sio_target target, const char *event,
                                   yodel_bytes data) YODEL_ANY_THREAD;

/*
 * The same with arguments as text.
 *
 * target   as for yodel_sio_emit()
 * event    as for yodel_sio_emit()
 * args     copied; NULL: none
 *
 * Returns as yodel_sio_emit(), or -EINVAL, YODEL_ERR_OPTIONS (its size).
 */
YODEL_API int yodel_sio_emit_args(yodel_sio_target target, const char *event,
                                  const yodel_sio_args *args) YODEL_ANY_THREAD;

/*
 * How many an emit has reached: sockets of this process that it was queued for, and readers of
 * server-sent events.  Not lost clients that may come back, nor those who can take no more
 * (max_buffered).  What is volatile counts, also when it is then dropped.
 */
typedef void(yodel_sio_count_fn)(size_t num, void *user);

/*
 * Emits as yodel_sio_emit_args() does, and tells how many it has reached here, whoever is meant and
 * left out; other processes' are not counted.  They are counted as they are served, so it costs
 * next to nothing.  Each sees the event, or has closed its connection, after it was counted.
 *
 * target    as for yodel_sio_emit()
 * event     as for yodel_sio_emit()
 * args      as for yodel_sio_emit_args()
 * counted   called exactly once, if this succeeds, when all loops have served theirs: on a loop
 *           inside this call, if all that are meant are on that one and are served at once; else
 *           later, on the loop that the call was made on, or any.  As the server ends it may be
 *           the thread of another
 *
 * Returns as yodel_sio_emit_args(); on failure counted is not called.
 */
YODEL_API int yodel_sio_emit_counted(yodel_sio_target target, const char *event,
                                     const yodel_sio_args *args, yodel_sio_count_fn *counted,
                                     void *user) YODEL_ANY_THREAD;

/*
 * Passes on the arguments of an event that came in, binary too, without looking into them.
 *
 * target     as for yodel_sio_emit()
 * event      the name it is sent with; as for yodel_sio_emit()
 * received   of the handler's call
 *
 * Returns as yodel_sio_emit().
 */
YODEL_API int yodel_sio_emit_event(yodel_sio_target target, const char *event,
                                   const yodel_sio_event *received) YODEL_LOOP_THREAD;

/*
 * Makes all of a target join rooms; of a parent its children's sockets.  Who is of it is found out
 * on each loop; one that may not join (max_rooms, a name that cannot be) does not, and nobody is
 * told.  A lost client that may come back (recovery_ms) joins and leaves like the others.
 *
 * target   as for yodel_sio_emit()
 * rooms    a list that ends with NULL, itself not NULL; copied
 *
 * Returns 0, -ENOMEM, -EINVAL and YODEL_ERR_TOO_BIG (no list, a target that cannot be),
 * YODEL_ERR_CONGESTED (max_mailbox), YODEL_ERR_CLOSED.
 */
YODEL_API int yodel_sio_target_join(yodel_sio_target target,
                                    const char *const *rooms) YODEL_ANY_THREAD;

/*
 * Makes all of a target leave rooms.
 *
 * target   as for yodel_sio_target_join()
 * rooms    as for yodel_sio_target_join()
 *
 * Returns as yodel_sio_target_join().
 */
YODEL_API int yodel_sio_target_leave(yodel_sio_target target,
                                     const char *const *rooms) YODEL_ANY_THREAD;

/*
 * Disconnects all of a target; max_mailbox does not hinder it.  A lost client of it cannot come
 * back to what it had.
 *
 * target   as for yodel_sio_target_join()
 * close    0: from the namespace; 1: their clients' whole connections end; YODEL_SIO_COME_BACK: as
 *          of yodel_sio_socket_disconnect(), and lost clients may still come back.  Servers of
 * other makes, which know no such thing, do as for 1
 *
 * Returns as yodel_sio_target_join().
 */
YODEL_API int yodel_sio_target_disconnect(yodel_sio_target target, int close) YODEL_ANY_THREAD;

/*
 * What was gathered of sockets or rooms; borrowed for the call.
 *
 * result    0, or why it is not complete: -ETIMEDOUT, YODEL_ERR_CLOSED (a loop has ended),
 *           YODEL_ERR_UNSUPPORTED (another process cannot answer), -ENOMEM
 * missing   how many loops and processes did not answer
 * json      an array of what has come; NULL when there was no memory for it
 */
typedef struct yodel_sio_sockets {
    size_t size; /* set by the library */
    int result;
    unsigned missing;
    const json_t *json;
} yodel_sio_sockets;
typedef void(yodel_sio_sockets_fn)(const yodel_sio_sockets *sockets, void *user);

/*
 * Gathers the sockets of a target, of a parent its children's: json is an array of {"id", "rooms",
 * "data", "handshake"}.
 *
 * target   as for yodel_sio_emit(); its time limit is that of the gather
 * done     called once, on a loop's thread, within that time
 *
 * Returns 0, or an error and done is not called: as yodel_sio_target_join().
 */
YODEL_API int yodel_sio_target_fetch(yodel_sio_target target, yodel_sio_sockets_fn *done,
                                     void *user) YODEL_ANY_THREAD;

/*
 * Gathers the names of the rooms of a namespace, sockets' own ones included: json is an array of
 * strings.
 *
 * ns     not NULL
 * done   called once, on a loop's thread, within 10 s
 *
 * Returns as yodel_sio_target_fetch().
 */
YODEL_API int yodel_sio_namespace_fetch_rooms(yodel_sio_namespace *ns, yodel_sio_sockets_fn *done,
                                              void *user) YODEL_ANY_THREAD;

/*
 * Gathers the rooms of a namespace and how many sockets of all processes are in each: json is an
 * array of {"name", "count"}.  A socket does not count in the room of its id, which is told only
 * when others are in it, nor do readers of events.  Servers of other makes have no such question
 * and are asked for all of their sockets.
 *
 * ns     not NULL
 * done   called once, on a loop's thread, within 10 s
 *
 * Returns as yodel_sio_target_fetch().
 */
YODEL_API int yodel_sio_namespace_fetch_room_counts(yodel_sio_namespace *ns,
                                                    yodel_sio_sockets_fn *done,
                                                    void *user) YODEL_ANY_THREAD;

YODEL_C_END

#endif
