/* SPDX-License-Identifier: MIT */
#ifndef YODEL_LOOP_H
#define YODEL_LOOP_H

#include <yodel/loop_timer.h>
#include <yodel/loop_watch.h>
#include <yodel/loop_work.h>
#include <yodel/server.h>

YODEL_C_BEGIN

/*
 * The loops of a server, open to the program: whatever needs a time, a descriptor or a thread of
 * its own can run beside the server's connections, without locks.
 *
 *     yodel_loop_post()      a function on a loop, from any thread
 *     yodel_timer_start()    a function after a time (yodel/loop_timer.h)
 *     yodel_watch_start()    one when a descriptor is ready (yodel/loop_watch.h)
 *     yodel_loop_work()      one that may block, on another thread (yodel/loop_work.h)
 *
 * This header includes all three.
 *
 * A server has N loops, each with one thread, and every callback that belongs to a loop runs on
 * that thread, one at a time.  A callback must not block: all connections of the loop wait
 * meanwhile.
 *
 * A yodel_loop lives as long as its server is referenced.  Functions marked YODEL_LOOP_THREAD are
 * for the thread of the loop they are about; on another thread they do nothing and return
 * YODEL_ERR_STATE, and in a debug build of the library a line of the log says so.  What runs on a
 * loop never keeps a stop from ending: what is left when a loop ends is stopped there.
 */

/* ---- loops ---- */

/*
 * How many loops the server has; fixed when it is made.
 *
 * Returns 1 to 255.
 */
YODEL_API unsigned yodel_server_num_loops(const yodel_server *server) YODEL_ANY_THREAD;

/*
 * One of the server's loops, also before it runs: what is posted then runs once the loop has
 * started.
 *
 * index   0 to yodel_server_num_loops() - 1
 *
 * Returns the loop, borrowed, valid as long as the server is referenced; NULL past the last.
 */
YODEL_API yodel_loop *yodel_server_loop(const yodel_server *server,
                                        unsigned index) YODEL_ANY_THREAD;

/*
 * The loop whose callback this is.  In a callback with an object yodel_ws_loop(),
 * yodel_request_loop() and yodel_sio_socket_loop() are cheaper.
 *
 * Returns the loop, borrowed; NULL on a thread that runs none of this server's loops, also on one
 * of its pool.
 */
YODEL_API yodel_loop *yodel_loop_current(const yodel_server *server) YODEL_ANY_THREAD;

/*
 * The server that a loop belongs to.
 *
 * Returns the server, borrowed, never NULL; valid as long as it is referenced.
 */
YODEL_API yodel_server *yodel_loop_server(const yodel_loop *loop) YODEL_ANY_THREAD;

/*
 * Which of its server's loops it is, for what a program keeps in an array.
 *
 * Returns 0 to yodel_server_num_loops() - 1; 0 is the loop of the thread that called
 * yodel_server_run() or yodel_server_start().
 */
YODEL_API unsigned yodel_loop_index(const yodel_loop *loop) YODEL_ANY_THREAD;

/*
 * The clock by which timers run, read at this moment.  It never goes back and has no particular
 * beginning; it is not the time of day.
 *
 * Returns milliseconds.
 */
YODEL_API uint64_t yodel_loop_now(const yodel_loop *loop) YODEL_ANY_THREAD;

/* ---- what a program has on each loop ---- */

/*
 * A loop is about to serve: on its thread, before anything else runs there, connections, posts and
 * timers included.  The place for what a loop has of its own, such as a connection to a database.
 *
 * loop   the loop; may be given data, timers, watches and jobs
 * user   what yodel_server_add_loop_handlers() was given
 *
 * Returns 0 or more, or a negative result: the loop cannot start.  Then the server stops at once,
 * yodel_server_run() returns that result, and a line of the log says which loop it was; of this
 * loop no other handler runs for this registration and for those after it.
 */
typedef int(yodel_loop_start_fn)(yodel_loop *loop, void *user);

/*
 * A stop has begun, or the loop ends: see yodel_loop_handlers.
 *
 * loop   the loop, on its thread
 * user   what yodel_server_add_loop_handlers() was given
 */
typedef void(yodel_loop_stop_fn)(yodel_loop *loop, void *user);

/* What is done at the beginning and at the end of each loop.  All are optional, all run on the
 * thread of the loop.  It is copied. */
typedef struct yodel_loop_handlers {
    size_t size;
    yodel_loop_start_fn *on_start;
    /* The server stops: it listens no more, and its connections have not been told yet.  The loop
     * goes on for drain_ms at most: timers, watches and jobs too. */
    yodel_loop_stop_fn *on_stop;
    /* Last of all: no connection is left on any loop, and every job of this one was told.  What
     * still runs of timers and watches is stopped after it. */
    yodel_loop_stop_fn *on_end;
} yodel_loop_handlers;

/*
 * Adds handlers for every loop of the server.  May be called several times: on_start runs in the
 * order in which they were added, on_stop and on_end in the opposite one; these two for each loop
 * whose on_start has run and not failed.
 *
 * handlers   copied; not NULL
 * user       handed to them, by several threads at once; borrowed, must outlive the server's run
 *
 * Returns 0, -ENOMEM, -EINVAL (size), YODEL_ERR_OPTIONS, YODEL_ERR_STATE (the server runs, or has
 * run).
 */
YODEL_API int yodel_server_add_loop_handlers(yodel_server *server,
                                             const yodel_loop_handlers *handlers,
                                             void *user) YODEL_SETUP_THREAD;

/*
 * Ties data to a loop, for callbacks that know the loop.  What was there before is freed, unless it
 * is the same pointer.
 *
 * data        taken; may be NULL
 * free_data   NULL: nothing.  Runs on the loop after on_end, or when the data is replaced, or at
 *             once when this call fails
 *
 * Returns 0, -EINVAL (no loop), YODEL_ERR_STATE (another thread), YODEL_ERR_CLOSED (it has ended).
 */
YODEL_API int yodel_loop_set_data(yodel_loop *loop, void *data,
                                  yodel_free_fn *free_data) YODEL_LOOP_THREAD;

/*
 * What yodel_loop_set_data() has tied to the loop.  Unlike other functions for its thread it does
 * not notice another one: do not call it there.
 *
 * Returns the data; NULL without any.
 */
YODEL_API void *yodel_loop_data(const yodel_loop *loop) YODEL_LOOP_THREAD;

/* ---- posts ---- */

/*
 * What a loop calls with an argument of the program's.
 *
 * loop   the loop, on its thread
 * arg    what was posted; freed after this returns, if a function for that was given
 */
typedef void(yodel_loop_fn)(yodel_loop *loop, void *arg);

/*
 * Runs fn(loop, arg) on the loop, in a later turn also when called on its own thread.  What one
 * thread posts to a loop, yodel_ws_post() and other posts included, runs in the order of the calls.
 * May be called before the server runs; it runs then after the loop has started.
 *
 * fn         not NULL
 * arg        taken: free_arg(arg) runs exactly once, after fn or, when the loop ends before fn has
 *            run, instead of it; also when this call fails
 * free_arg   NULL: nothing.  Runs on the loop, or on whichever thread ends the server or posts in
 *            vain
 *
 * Returns 0, -EINVAL (no loop or no fn), -ENOMEM, YODEL_ERR_CONGESTED (max_mailbox),
 * YODEL_ERR_CLOSED (the server has stopped).
 */
YODEL_API int yodel_loop_post(yodel_loop *loop, yodel_loop_fn *fn, void *arg,
                              yodel_free_fn *free_arg) YODEL_ANY_THREAD;

/*
 * Runs fn(loop, arg) on the loop once, and cannot be taken back: what can is a yodel_timer.
 *
 * ms         milliseconds from now; UINT32_MAX: when the loop ends, and then only free_arg
 * fn         not NULL
 * arg        taken: free_arg(arg) runs exactly once, after fn or, when the loop ends first, instead
 *            of it; also when this call fails
 * free_arg   NULL: nothing
 *
 * Each takes memory until then, and their number has no limit: for what a peer can cause take a
 * yodel_timer in the struct of that peer, or count.
 *
 * Returns 0, -EINVAL (no loop or no fn), -ENOMEM, YODEL_ERR_STATE (another thread),
 * YODEL_ERR_CLOSED (the loop ends).
 */
YODEL_API int yodel_loop_post_after(yodel_loop *loop, uint32_t ms, yodel_loop_fn *fn, void *arg,
                                    yodel_free_fn *free_arg) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
