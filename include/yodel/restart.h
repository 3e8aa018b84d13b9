/* SPDX-License-Identifier: MIT */
#ifndef YODEL_RESTART_H
#define YODEL_RESTART_H

#include <yodel/server.h>

YODEL_C_BEGIN

/*
 * Restarts that clients hardly notice: another process takes over the listening sockets, and this
 * one closes what it has little by little.
 *
 * In every process, in this order:
 *
 *     yodel_server_new(), routes
 *     yodel_server_takeover(server, path)    asks the process that runs for its sockets
 *     yodel_server_listen(), ...             takes those of the same address, or binds new ones
 *     yodel_server_handover(server, path)    offers them to the next
 *     yodel_server_run()                     says that it is ready; then the one before it stops
 */

/* How a server stops. */
typedef struct yodel_stop_options {
    size_t size;

    uint32_t drain_ms; /* after it all connections are aborted; 0: at once */

    /* WebSockets, streams and idle HTTP connections are told, and closed, in waves over this time,
     * so that their clients do not all come back at once; no more than drain_ms.  Clients of
     * Socket.IO on polling are told at once by the answer to their poll, since their next request
     * may reach another process.  0: everyone at once. */
    uint32_t spread_ms;

    unsigned code; /* of the WebSockets' closes: 1001 (going away), 1012 (service restart), or 3000
                      to 4999; 0: 1001 */
} yodel_stop_options;

/*
 * yodel_server_stop() with more to say about it; that one takes spread_ms and code from
 * yodel_server_options (.spread_ms, .stop_code).
 *
 * options   borrowed for the call; NULL: all zero
 *
 * During spread_ms an HTTP connection that is kept is answered once more, with "Connection: close",
 * and is closed in its wave if no request comes.  The first stop counts, by whichever function; a
 * second one ends the server at once.  Async-signal-safe.
 *
 * Returns 0, -EINVAL (code) or YODEL_ERR_OPTIONS; nothing has happened then.
 */
YODEL_API int yodel_server_stop_with(yodel_server *server,
                                     const yodel_stop_options *options) YODEL_ANY_THREAD;

/*
 * Asks the server that offers its sockets at path (yodel_server_handover(), in another process) for
 * copies of them.  What yodel_server_listen() is called with after this is looked for among them by
 * the text of its address, and not bound if it is there; who waits in those sockets is answered by
 * whichever process accepts first.  Those that are not asked for are closed as this server runs.
 *
 * path   of a Unix socket; both processes must have the same user, or the other one root's
 *
 * The other server goes on as if nothing had happened until this one runs: when all its loops have
 * started it says so, and the other one stops, as by a signal.  If this process ends before that,
 * or never gets there, the other one stays.
 *
 * Waits for the other process, for at most 5 s.  Returns the number of addresses; 0 when nobody
 * offers any there (also the first start of all); or -EINVAL (no path, or longer than 107 bytes),
 * -EACCES (another user's), -ETIMEDOUT, -EPROTO (it speaks something else), -E2BIG (more than 255
 * sockets of one address), -ENOMEM, -errno, YODEL_ERR_STATE (it runs, or has taken over already).
 */
YODEL_API int yodel_server_takeover(yodel_server *server, const char *path) YODEL_SETUP_THREAD;

/*
 * Offers the listening sockets at path, from when the server runs until it stops.  The file has
 * mode 0600, and only processes of the same user, or root's, get anything.  It takes the place of
 * the file of a predecessor.
 *
 * path   copied
 *
 * When a successor is ready this server stops as by a signal: with drain_ms, spread_ms and
 * stop_code of its options.  Files of its Unix sockets are the successor's then.  At most 4
 * successors may be under way at a time.
 *
 * Returns 0, -EINVAL, -ENOMEM or YODEL_ERR_STATE.  That path cannot be bound is told by
 * yodel_server_run().
 */
YODEL_API int yodel_server_handover(yodel_server *server, const char *path) YODEL_SETUP_THREAD;

YODEL_C_END

#endif
