/* SPDX-License-Identifier: MIT */
#ifndef YODEL_LOOP_H
#define YODEL_LOOP_H

#include <yodel/server.h>

YODEL_C_BEGIN

/*
 * The loops of a server, open to the program: whatever needs a time, a descriptor or a thread of
 * its own can run beside the server's connections, without locks.
 *
 *     yodel_loop_post()      a function on a loop, from any thread
 *     yodel_timer_start()    a function after a time, or again and again
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

/* How many loops the server has: 1 to 255. */
YODEL_API unsigned yodel_server_num_loops(const yodel_server *server) YODEL_ANY_THREAD;

/* The loop of that index, 0 to yodel_server_num_loops() - 1; NULL past the last. */
YODEL_API yodel_loop *yodel_server_loop(const yodel_server *server,
                                        unsigned index) YODEL_ANY_THREAD;

/* The loop whose callback this is; NULL on a thread that runs none of the server's loops.  In a
 * callback with an object yodel_ws_loop(), yodel_request_loop() and yodel_sio_socket_loop() are
 * cheaper. */
YODEL_API yodel_loop *yodel_loop_current(const yodel_server *server) YODEL_ANY_THREAD;

/* The server it belongs to; borrowed. */
YODEL_API yodel_server *yodel_loop_server(const yodel_loop *loop) YODEL_ANY_THREAD;

/* Its index, which is 0 for the loop of the thread that called yodel_server_run(). */
YODEL_API unsigned yodel_loop_index(const yodel_loop *loop) YODEL_ANY_THREAD;

/* Milliseconds of a clock that never goes back and has no particular beginning, at this moment: the
 * clock by which timers run. */
YODEL_API uint64_t yodel_loop_now(const yodel_loop *loop) YODEL_ANY_THREAD;

/* What a loop calls with an argument of the program's. */
typedef void(yodel_loop_fn)(yodel_loop *loop, void *arg);

/*
 * Runs fn(loop, arg) on the loop, in a later turn also when called on its own thread.  What one
 * thread posts to a loop, yodel_ws_post() and its kin included, runs in the order of the calls.
 *
 * arg        taken: free_arg(arg) runs exactly once, after fn or, when the loop ends before fn has
 *            run, instead of it; also when this call fails
 * free_arg   NULL: nothing.  Runs on the loop, or on whichever thread ends the server or posts in
 *            vain
 *
 * May be called before the server runs; it runs then after the loop has started.
 * Returns 0, -EINVAL (no loop or no fn), -ENOMEM, YODEL_ERR_CONGESTED (max_mailbox),
 * YODEL_ERR_CLOSED (the server has stopped).
 */
YODEL_API int yodel_loop_post(yodel_loop *loop, yodel_loop_fn *fn, void *arg,
                              yodel_free_fn *free_arg) YODEL_ANY_THREAD;

/*
 * Runs fn(loop, arg) once, ms from now, and cannot be taken back: what can is a yodel_timer.
 * UINT32_MAX: when the loop ends, and then only free_arg.  arg and free_arg are as in
 * yodel_loop_post().
 * Returns 0, -EINVAL, -ENOMEM, YODEL_ERR_STATE (another thread), YODEL_ERR_CLOSED (the loop ends).
 */
YODEL_API int yodel_loop_post_after(yodel_loop *loop, uint32_t ms, yodel_loop_fn *fn, void *arg,
                                    yodel_free_fn *free_arg) YODEL_LOOP_THREAD;

/* ---- timers ---- */

/*
 * A timer, which stands in a struct of the program's: it needs no memory of its own, so starting it
 * does not fail for want of any, and ten thousand of them cost nothing while they wait.  All zero
 * is a timer that was not initialised and does not run.
 *
 * Its memory must stay where it is while it runs: stop it before the struct goes.
 */
typedef struct yodel_timer {
    union {
        unsigned char storage[96]; /* the library's */
        void *align;
    } yodel_private;
} yodel_timer;

/*
 * Its time has come.  It has been stopped before, if it fires once: it may be started again, and
 * its memory may go, in here.
 *
 * user   what yodel_timer_init() was given
 */
typedef void(yodel_timer_fn)(yodel_timer *timer, void *user);

/*
 * Ties a timer, which must not run, to a loop and a function.
 *
 * loop   whose thread calls fn(timer, user) and may start and stop it; borrowed
 * fn     not NULL
 * user   handed to fn; borrowed
 */
YODEL_API void yodel_timer_init(yodel_timer *timer, yodel_loop *loop, yodel_timer_fn *fn,
                                void *user) YODEL_ANY_THREAD;

/*
 * (Re)starts it to fire once, ms from this very moment; UINT32_MAX: never, it is stopped.
 *
 * It fires in a later turn of the loop, also for 0 ms: input is handled between two firings of a
 * timer that starts itself again.  Input that has come by then is handled before it.
 *
 * Returns 0, -EINVAL (not initialised), YODEL_ERR_STATE (another thread), or YODEL_ERR_CLOSED (the
 * loop ends; it does not run then).
 */
YODEL_API int yodel_timer_start(yodel_timer *timer, uint32_t ms) YODEL_LOOP_THREAD;

/*
 * (Re)starts it to fire every ms milliseconds until it is stopped, first in ms from now.
 *
 * Its times are multiples of ms from now, however late a callback comes.  Those that pass while a
 * handler takes long, or the whole system sleeps, are left out: it fires once for them, and then at
 * the next multiple.
 *
 * Returns as yodel_timer_start(); -EINVAL also for 0 ms.
 */
YODEL_API int yodel_timer_start_periodic(yodel_timer *timer, uint32_t ms) YODEL_LOOP_THREAD;

/*
 * Stops it: it does not fire, not even when it is due already.  One that does not run may be
 * stopped from anywhere, also when its server is gone.
 * Returns 0, or YODEL_ERR_STATE (another thread; it goes on).
 */
YODEL_API int yodel_timer_stop(yodel_timer *timer) YODEL_LOOP_THREAD;

/* 1 while it waits to fire, else 0. */
YODEL_API int yodel_timer_is_running(const yodel_timer *timer) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
