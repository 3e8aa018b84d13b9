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

/* A list of rooms for a call: YODEL_ROOMS("a", "b"). */
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
/* Those in any of rooms (a list that ends with NULL; NULL: no one), each once. */
YODEL_API yodel_sio_target yodel_sio_to_rooms(yodel_sio_namespace *ns,
                                              const char *const *rooms) YODEL_ANY_THREAD;
/* Those of a or of b, less those that either leaves out; with the flags of both, and the time limit
 * of a, or if it has none that of b. */
YODEL_API yodel_sio_target yodel_sio_target_and(yodel_sio_target a,
                                                yodel_sio_target b) YODEL_ANY_THREAD;
/* The same target less those in any of rooms (a list that ends with NULL; NULL: none), and less one
 * client.  What was left out before stays out. */
YODEL_API yodel_sio_target yodel_sio_target_except(yodel_sio_target target,
                                                   const char *const *rooms) YODEL_ANY_THREAD;
YODEL_API yodel_sio_target yodel_sio_target_but(yodel_sio_target target,
                                                yodel_sio_socket *socket) YODEL_LOOP_THREAD;
/* The same target with more flags. */
YODEL_API yodel_sio_target yodel_sio_target_with(yodel_sio_target target,
                                                 unsigned flags) YODEL_ANY_THREAD;
/* The same target with a time limit for acknowledgements and gathers, ms; 0: 10000. */
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
 * Returns 0, -ENOMEM, YODEL_ERR_FORMAT, YODEL_ERR_NAME (a reserved event name), YODEL_ERR_ENCODING,
 * YODEL_ERR_TOO_BIG (attachments), YODEL_ERR_CLOSED, YODEL_ERR_CONGESTED (to one socket
 * max_buffered, to many max_mailbox of the server); on failure nobody gets it, but loops that
 * have not ended and other children of a parent may have it.
 */
YODEL_API int yodel_sio_emit(yodel_sio_target target, const char *event, const char *format,
                             ...) YODEL_ANY_THREAD;
/* The same with one string; also YODEL_ERR_ENCODING when it is not UTF-8. */
YODEL_API int yodel_sio_emit_text(yodel_sio_target target, const char *event,
                                  yodel_str text) YODEL_ANY_THREAD;
/* The same with the elements of an array, which is borrowed; YODEL_ERR_FORMAT when it is no array,
 * or holds a string that is not UTF-8. */
YODEL_API int yodel_sio_emit_json(yodel_sio_target target, const char *event,
                                  const json_t *args) YODEL_ANY_THREAD;
/* The same with one binary argument, which is copied. */
YODEL_API int yodel_sio_emit_bytes(yodel_sio_target target, const char *event,
                                   yodel_bytes data) YODEL_ANY_THREAD;
/* The same with arguments as text; args NULL: none.  Also -EINVAL, YODEL_ERR_OPTIONS (its size). */
YODEL_API int yodel_sio_emit_args(yodel_sio_target target, const char *event,
                                  const yodel_sio_args *args) YODEL_ANY_THREAD;
/* Passes on the arguments of an event that came in, binary too, without looking into them. */
YODEL_API int yodel_sio_emit_event(yodel_sio_target target, const char *event,
                                   const yodel_sio_event *received) YODEL_LOOP_THREAD;

/*
 * The answers to an emit: told exactly once, on a loop's thread, and borrowed for the call.
 *
 * result     0, or why the answers are not complete: -ETIMEDOUT (some clients did not answer in
 *            time), YODEL_ERR_CLOSED (one left, or a loop has ended), YODEL_ERR_CONGESTED (one
 * could not be sent to), YODEL_ERR_TOO_BIG (answers above max_answers are left out),
 *            YODEL_ERR_UNSUPPORTED (another process cannot answer), -ENOMEM (one, or all, are left
 *            out)
 * missing    how many clients, loops and processes did not answer
 * json       JSON array: of one client the arguments it answered with; of a broadcast the first
 *            argument of each answer, in the order they came
 * attachments  of binary in them
 */
typedef struct yodel_sio_answers {
    size_t size; /* set by the library */
    int result;
    unsigned missing;
    yodel_str json;
    const yodel_bytes *attachments;
    size_t num_attachments;
    void **internal; /* the library's */
} yodel_sio_answers;
typedef void(yodel_sio_answers_fn)(const yodel_sio_answers *answers, void *user);

/* The answers as a document, an array, made on first use; borrowed for the call of that function.
 * NULL when out of memory. */
YODEL_API json_t *yodel_sio_answers_json(const yodel_sio_answers *answers) YODEL_LOOP_THREAD;
/* Reads their elements as yodel_sio_event_unpack() does, "y" for binary: "si".  Returns 0, -ENOMEM,
 * YODEL_ERR_FORMAT (other answers, or fewer, than that): then nothing has been written. */
YODEL_API int yodel_sio_answers_unpack(const yodel_sio_answers *answers, const char *format,
                                       ...) YODEL_LOOP_THREAD;

/* yodel_sio_emit_args() that asks for acknowledgement.  When it fails answered is not called; to
 * one socket also YODEL_ERR_TOO_BIG (max_acks).  Of a parent all its children are asked. */
YODEL_API int yodel_sio_emit_ack(yodel_sio_target target, const char *event,
                                 const yodel_sio_args *args, yodel_sio_answers_fn *answered,
                                 void *user) YODEL_ANY_THREAD;
/* The same with arguments as yodel_sio_emit() takes them. */
YODEL_API int yodel_sio_emit_ack_pack(yodel_sio_target target, const char *event,
                                      yodel_sio_answers_fn *answered, void *user,
                                      const char *format, ...) YODEL_ANY_THREAD;

/* Makes all of target, of a parent its children's sockets, join or leave rooms (a list that ends
 * with NULL); disconnects them, from the namespace or (close) altogether.  Return 0, -ENOMEM,
 * YODEL_ERR_CONGESTED (max_mailbox; not for ends), YODEL_ERR_CLOSED. */
YODEL_API int yodel_sio_target_join(yodel_sio_target target,
                                    const char *const *rooms) YODEL_ANY_THREAD;
YODEL_API int yodel_sio_target_leave(yodel_sio_target target,
                                     const char *const *rooms) YODEL_ANY_THREAD;
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

/* Gathers the sockets of target, of a parent its children's: json is an array of {"id", "rooms",
 * "data", "handshake"}.  done is called once, on a loop's thread, within the time limit of target
 * (else 10 s).  Returns 0, or an error and done is not called: as above. */
YODEL_API int yodel_sio_target_fetch(yodel_sio_target target, yodel_sio_sockets_fn *done,
                                     void *user) YODEL_ANY_THREAD;

/* Gathers the names of the rooms of ns, sockets' own ones included: json is an array of strings.
 * The same otherwise. */
YODEL_API int yodel_sio_namespace_fetch_rooms(yodel_sio_namespace *ns, yodel_sio_sockets_fn *done,
                                              void *user) YODEL_ANY_THREAD;

YODEL_C_END

#endif
