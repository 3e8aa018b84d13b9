/* SPDX-License-Identifier: MIT */
#ifndef YODEL_GUEST_H
#define YODEL_GUEST_H

#include <yodel/server.h>

YODEL_C_BEGIN

/* A server in a loop of libuv that belongs to somebody else: the program, Node, uvloop. */

/* uv_loop_t of <uv.h>, which this header does not need. */
struct uv_loop_s;

/*
 * A server that yodel_server_start() has started is over: all its connections have ended, its
 * handles are closed, none of its work is left in the loop.
 *
 * server   borrowed, of state stopped; may be released here for good
 * user     what yodel_server_start() was given
 *
 * Called once, on the loop's thread, from the loop, after everything else of the server.  Another
 * server may be made and started in the loop here.
 */
typedef void(yodel_stopped_fn)(yodel_server *server, void *user);

/*
 * In place of yodel_server_run(): the server lives in a loop of libuv whose thread runs it, and
 * takes no thread of its own.  Returns at once; connections are accepted as the loop runs.
 *
 * server       made with .loops = 1, never run or started before; a reference is held until
 *              on_stopped has returned
 * loop         borrowed; it must stay, and be run, until on_stopped.  Nothing of it is used but
 *              handles of the server's own: it is never stopped and never closed.  A started server
 *              keeps it alive (uv_loop_alive()).  Several servers may live in one loop.
 * on_stopped   called at the end; NULL: nothing is
 * user         handed to it; borrowed
 *
 * Call it on the thread that runs the loop, before uv_run() or in a callback of the loop.  All
 * callbacks of the server come on that thread, from the loop.  What this library calls "in a
 * callback of the object's loop" (YODEL_LOOP_THREAD) is allowed in every callback of the foreign
 * loop, too; only what is called in a uv_prepare_t callback may take effect after the next event.
 *
 * yodel_server_stop() ends it, from anywhere, also from its own callbacks; it does not wait.  While
 * other work keeps the loop from running the server stands still: what peers have sent by then is
 * handled before their deadlines are looked at.
 *
 * on_start of yodel_loop_handlers runs in the loop's first turn, not in this call.  If it fails the
 * server ends by itself: a line of the log tells the result, and on_stopped follows.
 *
 * handle_signals: SIGINT, SIGTERM and SIGHUP are watched in the loop as they are for
 * yodel_server_run(), beside other watchers of the program's; the first two stop this server, and
 * not the loop.
 *
 * Returns 0; -EINVAL for no loop, or a server with more than one loop; YODEL_ERR_STATE for one that
 * runs, or has run, or was started; YODEL_ERR_UNSUPPORTED when io_uring was asked for; or -errno
 * of the kernel (it listens nowhere then, has stopped, and on_stopped does not come; handles that
 * were made are closed in the loop's next turn, and until then it keeps a reference).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_server_start(yodel_server *server, struct uv_loop_s *loop,
                                                    yodel_stopped_fn *on_stopped,
                                                    void *user) YODEL_SETUP_THREAD;

YODEL_C_END

#endif
