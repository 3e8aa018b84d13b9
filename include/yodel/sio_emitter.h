/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_EMITTER_H
#define YODEL_SIO_EMITTER_H

#include <yodel/sio_redis.h>

YODEL_C_BEGIN

/*
 * Socket.IO from outside: a process without clients of its own, such as a job, emits to those of
 * servers that share their namespaces by Redis.  It subscribes nothing and hears nothing.  It needs
 * a yodel_redis, and so a server that runs, but nothing that listens.
 *
 * Reference-counted.
 */
typedef struct yodel_sio_emitter yodel_sio_emitter;

typedef struct yodel_sio_emitter_options {
    size_t size;
    yodel_sio_redis_form form; /* CLASSIC, as those of the servers */
    const char *prefix;        /* as those of the servers; copied.  NULL: "socket.io" */
    const char *nsp;           /* the namespace, with its slash or without; copied.  NULL: "/" */
} yodel_sio_emitter_options;

/*
 * Makes an emitter for one namespace.
 *
 * redis         a reference is kept
 * options       NULL: all defaults
 * ret_emitter   one reference
 *
 * Returns 0, -ENOMEM, YODEL_ERR_OPTIONS, -EINVAL (redis is NULL, form), YODEL_ERR_NAME (prefix, or
 * nsp: as for yodel_sio_of()), YODEL_ERR_UNSUPPORTED (that form has none).
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_sio_emitter_new(yodel_redis *redis, const yodel_sio_emitter_options *options,
                      yodel_sio_emitter **ret_emitter) YODEL_ANY_THREAD;

/*
 * One more reference.
 *
 * emitter   NULL does nothing
 *
 * Returns emitter.
 */
YODEL_API yodel_sio_emitter *yodel_sio_emitter_ref(yodel_sio_emitter *emitter) YODEL_ANY_THREAD;

/*
 * Gives a reference back.
 *
 * emitter   NULL does nothing
 *
 * Returns NULL, always.
 */
YODEL_API yodel_sio_emitter *yodel_sio_emitter_unref(yodel_sio_emitter *emitter) YODEL_ANY_THREAD;

/* Whom it is for; borrowed for the call.  Made with YODEL_OPTIONS(). */
typedef struct yodel_sio_emitter_target {
    size_t size;
    const char *const *rooms;  /* a list that ends with NULL: those in any of them; a socket's id is
                                  a room.  NULL: all of the namespace; an empty list: no one */
    const char *const *except; /* the same: less those in any of these; NULL: none */
    unsigned flags;            /* YODEL_SIO_VOLATILE, YODEL_SIO_NO_COMPRESS */
} yodel_sio_emitter_target;

/*
 * Emits an event with arguments as yodel_sio_emit() takes them.
 *
 * emitter   NULL gives -EINVAL
 * target    NULL: all of the namespace
 * event     UTF-8, not one of the reserved names
 * format    "": no arguments
 *
 * Returns 0, or an error and nobody gets it: -ENOMEM, -EINVAL and YODEL_ERR_OPTIONS (target),
 * YODEL_ERR_FORMAT, YODEL_ERR_NAME, YODEL_ERR_ENCODING, YODEL_ERR_TOO_BIG, and those of
 * yodel_redis_publish().
 */
YODEL_API int yodel_sio_emitter_emit(yodel_sio_emitter *emitter,
                                     const yodel_sio_emitter_target *target, const char *event,
                                     const char *format, ...) YODEL_ANY_THREAD;

/*
 * The same with arguments as text.
 *
 * emitter   NULL gives -EINVAL
 * target    as for yodel_sio_emitter_emit()
 * event     as for yodel_sio_emitter_emit()
 * args      borrowed; NULL: none
 *
 * Returns as yodel_sio_emitter_emit().
 */
YODEL_API int yodel_sio_emitter_emit_args(yodel_sio_emitter *emitter,
                                          const yodel_sio_emitter_target *target, const char *event,
                                          const yodel_sio_args *args) YODEL_ANY_THREAD;

/*
 * Makes sockets join rooms.
 *
 * emitter   NULL gives -EINVAL
 * target    as for yodel_sio_emitter_emit()
 * rooms     a list that ends with NULL; not NULL
 *
 * Returns as yodel_sio_emitter_emit().
 */
YODEL_API int yodel_sio_emitter_join(yodel_sio_emitter *emitter,
                                     const yodel_sio_emitter_target *target,
                                     const char *const *rooms) YODEL_ANY_THREAD;

/*
 * Makes sockets leave rooms.
 *
 * emitter   NULL gives -EINVAL
 * target    as for yodel_sio_emitter_emit()
 * rooms     a list that ends with NULL; not NULL
 *
 * Returns as yodel_sio_emitter_emit().
 */
YODEL_API int yodel_sio_emitter_leave(yodel_sio_emitter *emitter,
                                      const yodel_sio_emitter_target *target,
                                      const char *const *rooms) YODEL_ANY_THREAD;

/*
 * Disconnects sockets.
 *
 * emitter   NULL gives -EINVAL
 * target    as for yodel_sio_emitter_emit()
 * close     0: from the namespace; 1: their clients' whole connections end
 *
 * Returns as yodel_sio_emitter_emit().
 */
YODEL_API int yodel_sio_emitter_disconnect(yodel_sio_emitter *emitter,
                                           const yodel_sio_emitter_target *target,
                                           int close) YODEL_ANY_THREAD;

/*
 * Emits an event to the servers themselves: see yodel/sio_cluster.h.  No answers are wanted.
 *
 * emitter   NULL gives -EINVAL
 * event     as for yodel_sio_emitter_emit()
 * format    as for yodel_sio_emitter_emit()
 *
 * Returns as yodel_sio_emitter_emit().
 */
YODEL_API int yodel_sio_emitter_server_side_emit(yodel_sio_emitter *emitter, const char *event,
                                                 const char *format, ...) YODEL_ANY_THREAD;

YODEL_C_END

#endif
