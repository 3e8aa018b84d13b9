/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_PYTHON_H
#define YODEL_SIO_PYTHON_H

#include <yodel/sio_redis.h>

YODEL_C_BEGIN

/*
 * Socket.IO beside Python: servers and programs of python-socketio and Flask-SocketIO that use a
 * RedisManager (Flask: SocketIO(message_queue="redis://...")) reach the clients of this server, and
 * this server theirs.  One may stand beside an adapter of yodel/sio_redis.h.
 *
 * What goes both ways: emits to all of a namespace, to rooms and to sockets by their ids, less some
 * sockets; binary; the acknowledgement of one socket; making a socket enter or leave a room;
 * closing a room; disconnecting a socket from a namespace.
 *
 * What their protocol has no words for stays on this side, is counted in unable, and where an
 * answer is wanted it has YODEL_ERR_UNSUPPORTED for a result:
 *   - emits that leave rooms out (not sockets): their clients get none;
 *   - acknowledgements of several sockets: their clients get the event, but nobody waits for them;
 *   - yodel_sio_target_fetch(), yodel_sio_namespace_fetch_rooms(): their clients are missing;
 *   - yodel_sio_target_join(), _leave() and _disconnect() of others than sockets named by id
 *     (yodel_sio_to_room(ns, id)), but that all who are in a room leave it;
 *   - yodel_sio_target_disconnect() with close: only the namespace is left.
 * YODEL_SIO_VOLATILE means nothing to them: such an event is an ordinary one there.  Events between
 * servers (yodel/sio_cluster.h) do not reach them, nor are they asked.
 */

/* How arguments are written for the version of python-socketio that the others have.  All versions
 * are read whatever this is, but for one thing: whether a list in JSON is one of arguments
 * (LIST) or an argument. */
typedef enum yodel_sio_python_data {
    YODEL_SIO_PYTHON_LIST = 0, /* 5.15.1 and later */
    YODEL_SIO_PYTHON_BARE,     /* 5.14.2 to 5.15.0: one argument or none */
    YODEL_SIO_PYTHON_PLAIN,    /* versions of all kinds side by side: one argument that is not
                                  binary and no list, or none */
    YODEL_SIO_PYTHON_PICKLE    /* before 5.14: a pickle of plain data.  Debian 12 has 5.7.2 */
} yodel_sio_python_data;

typedef struct yodel_sio_python_options {
    size_t size;
    const char *channel; /* as theirs; copied.  NULL: "socketio", which python-socketio itself has
                            by default; Flask-SocketIO has "flask-socketio" */
    yodel_sio_python_data data;
    size_t max_message;     /* bytes of a message that comes; above it is malformed.  0: 4 MiB */
    uint32_t callback_ms;   /* how long clients have to answer an emit with a callback of theirs,
                               who have no limit of their own.  0: 60000 */
    unsigned max_callbacks; /* of those at once; with more the event comes, but is not answered, and
                               counted.  0: 10000 */
} yodel_sio_python_options;

/*
 * Has a service share its namespaces with the processes on a channel of Redis; once for a service.
 *
 * Pickles, which versions before 5.14 publish, are read by a reader of plain data: None, bool, int,
 * float, str, bytes, list, tuple, dict.  Anything in one that would import or call is refused;
 * nothing of a message is ever executed.
 *
 * Several servers of Yodel on one channel need an adapter between themselves (yodel_sio_use_redis()
 * or a cluster): then what they say here is for Python alone.  Without one they take each other's
 * messages, as far as the protocol goes.
 *
 * sio       a service of a server that does not run yet
 * redis     of the same server; a reference is kept until the server has ended
 * options   NULL: all defaults
 *
 * Returns 0, -ENOMEM, -EINVAL (data; sio or redis is NULL; a redis of another server),
 * YODEL_ERR_OPTIONS, YODEL_ERR_NAME (channel is empty or above 200 bytes), YODEL_ERR_CONFLICT (the
 * service has one), YODEL_ERR_STATE (the server runs), YODEL_ERR_TOO_BIG (more than 32 adapters and
 * the like), or YODEL_ERR_UNSUPPORTED (built without Redis).
 */
YODEL_API int yodel_sio_use_python(yodel_sio *sio, yodel_redis *redis,
                                   const yodel_sio_python_options *options) YODEL_SETUP_THREAD;

typedef struct yodel_sio_python_stats {
    size_t size;
    uint64_t published;         /* messages that were given to Redis */
    uint64_t failed;            /* that could not be: out of memory, or it takes no more */
    uint64_t unable;            /* operations that their protocol, or data, cannot say */
    uint64_t received;          /* messages on the channel, also our own */
    uint64_t lost;              /* dropped as memory or room for mail was short */
    uint64_t malformed;         /* dropped for what they are, or above max_message */
    uint64_t refused;           /* pickles with more than plain data, methods that are not known */
    uint64_t callbacks_refused; /* more than max_callbacks */
} yodel_sio_python_stats;

/*
 * Counters, for monitoring.
 *
 * sio         a service
 * ret_stats   the caller sets its size: YODEL_OPTIONS()
 *
 * Returns 0, -EINVAL (size, NULL), or YODEL_ERR_NOT_FOUND: the service has none.
 */
YODEL_API int yodel_sio_get_python_stats(const yodel_sio *sio,
                                         yodel_sio_python_stats *ret_stats) YODEL_ANY_THREAD;

YODEL_C_END

#endif
