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
 *     yodel_watch_start()    a function when a descriptor can be read or written
 *     yodel_loop_work()      a function that may block, on another thread, and its result here
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

/* ---- what a program has on each loop ---- */

/*
 * A loop is about to serve: on its thread, before anything else runs there, connections, posts and
 * timers included.  The place for what a loop has of its own, such as a connection to a database.
 *
 * user   what yodel_server_add_loop_handlers() was given
 *
 * Returns 0 or more, or a negative result: the loop cannot start.  Then the server stops at once,
 * yodel_server_run() returns that result, and a line of the log says which loop it was; of this
 * loop no other handler runs for this registration and for those after it.
 */
typedef int(yodel_loop_start_fn)(yodel_loop *loop, void *user);

/* A stop has begun, or the loop ends: see yodel_loop_handlers. */
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
 * Adds handlers for every loop of the server.  on_start runs in the order in which they were added,
 * on_stop and on_end in the opposite one; these two for each loop whose on_start has run and not
 * failed.
 *
 * user   handed to them, by several threads at once; borrowed
 *
 * Returns 0, -EINVAL, -ENOMEM, YODEL_ERR_OPTIONS, YODEL_ERR_STATE (the server runs, or has run).
 */
YODEL_API int yodel_server_add_loop_handlers(yodel_server *server,
                                             const yodel_loop_handlers *handlers,
                                             void *user) YODEL_SETUP_THREAD;

/*
 * Ties data to a loop, for callbacks that know the loop.
 *
 * data        taken
 * free_data   NULL: nothing.  Runs on the loop after on_end, or when the data is replaced, or at
 *             once when this call fails
 *
 * Returns 0, -EINVAL (no loop), YODEL_ERR_STATE (another thread), YODEL_ERR_CLOSED (it has ended).
 */
YODEL_API int yodel_loop_set_data(yodel_loop *loop, void *data,
                                  yodel_free_fn *free_data) YODEL_LOOP_THREAD;

/* That data; NULL without any. */
YODEL_API void *yodel_loop_data(const yodel_loop *loop) YODEL_LOOP_THREAD;

/* ---- posts ---- */

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

/* ---- watched descriptors ---- */

/* What may be waited for, and what has come: bits. */
enum yodel_watch_event {
    YODEL_WATCH_READABLE = 1, /* a read would not block: there is data, the end, or an error */
    YODEL_WATCH_WRITABLE = 2, /* a write would not block */
    YODEL_WATCH_HANGUP = 4,   /* the other side of a socket has ended its output, or closed */
    YODEL_WATCH_ERROR = 8     /* comes unasked: the descriptor has failed */
};

/*
 * Waits for what a descriptor is ready for: a socket of a database client, a pipe, an eventfd, an
 * inotify descriptor.  It stands in a struct of the program's, as a timer does, and what does not
 * happen costs nothing.  All zero is a watch that was not initialised and does not run.
 */
typedef struct yodel_watch {
    union {
        unsigned char storage[128]; /* the library's */
        void *align;
    } yodel_private;
} yodel_watch;

/*
 * The descriptor is ready.  Called each turn as long as it is so: read, write, or change what is
 * waited for.
 *
 * events   what has come of what was asked for.  YODEL_WATCH_ERROR, with all that was asked for: it
 *          has failed (a read, or SO_ERROR, tells why), and the watch has been stopped before
 * user     what yodel_watch_init() was given
 *
 * The watch may be stopped, started anew and freed in here, and so may any other.
 */
typedef void(yodel_watch_fn)(yodel_watch *watch, unsigned events, void *user);

/*
 * Ties a watch, which must not run, to a loop and a function.
 *
 * loop   whose thread calls fn(watch, events, user) and may start and stop it; borrowed
 * fn     not NULL
 * user   handed to fn; borrowed
 */
YODEL_API void yodel_watch_init(yodel_watch *watch, yodel_loop *loop, yodel_watch_fn *fn,
                                void *user) YODEL_ANY_THREAD;

/*
 * (Re)starts it, from the next wait of the loop on.
 *
 * fd       borrowed: it stays the program's, is made non-blocking, and must not be closed before
 *          yodel_watch_stop().  At most one watch of a loop has it
 * events   YODEL_WATCH_READABLE, _WRITABLE and _HANGUP, or'ed; 0: nothing for now, also no error
 *
 * Returns 0; -EINVAL (not initialised, no descriptor, other bits), -ENOMEM, -EBADF, -EPERM (a
 * regular file or a directory, which is always ready), -EEXIST (the loop watches it already), or
 * another -errno of the kernel; YODEL_ERR_STATE (another thread), YODEL_ERR_CLOSED (the loop ends).
 * After a failure on its own thread it does not run.
 */
YODEL_API int yodel_watch_start(yodel_watch *watch, int fd, unsigned events) YODEL_LOOP_THREAD;

/*
 * Changes what a watch that runs waits for, from the next wait on; 0: nothing for now.
 * Returns 0, -EINVAL (it does not run, other bits), -errno, YODEL_ERR_STATE, YODEL_ERR_CLOSED.
 */
YODEL_API int yodel_watch_set_events(yodel_watch *watch, unsigned events) YODEL_LOOP_THREAD;

/*
 * Stops it: no call follows, not even for what has come already.  The kernel has forgotten the
 * descriptor when this returns: it may be closed at once, also when copies of it (dup(), fork())
 * stay open.  One that does not run may be stopped from anywhere.
 * Returns 0, or YODEL_ERR_STATE (another thread; it goes on).
 */
YODEL_API int yodel_watch_stop(yodel_watch *watch) YODEL_LOOP_THREAD;

/* 1 while it runs, else 0. */
YODEL_API int yodel_watch_is_running(const yodel_watch *watch) YODEL_LOOP_THREAD;

/* ---- work that blocks ---- */

/* The job, on a thread of the server's pool: it may block, and must call nothing that is for a
 * loop's thread.  Its result is handed to done. */
typedef int(yodel_work_fn)(void *arg);

/*
 * The job is done: on the loop that asked for it.
 *
 * result   what the function has returned; -ECANCELED: it has not run, as the server stops
 */
typedef void(yodel_work_done_fn)(yodel_loop *loop, int result, void *arg);

/*
 * Runs fn(arg) on a thread of the server's pool (work_threads, apart from those that read files),
 * then done(loop, result, arg) on this loop, in a later turn.
 *
 * order      jobs of the same order, not NULL, are run one at a time, in the order of the calls
 *            (of one thread), and each is told before the next of the same loop: any address, which
 *            is not looked at, such as the database that they use, or the loop.  NULL: it begins as
 *            soon as a thread is free, and is told as soon as it is done, beside others
 * fn         not NULL
 * done       NULL: nothing
 * arg        taken: free_arg(arg) runs exactly once: after done, or instead of it; also when this
 *            call fails
 * free_arg   NULL: nothing.  On the loop, but see below
 *
 * A stop lets jobs go on, as it does requests, until drain_ms are over or it is asked for again.
 * Then those that wait are told -ECANCELED, once and in their order, and nobody waits for those
 * that run: done does not come for them, free_arg runs on the pool's thread when fn returns, and
 * that thread ends.  The allocator of the server's options must live until then.
 *
 * Returns 0, -EINVAL, -ENOMEM, -EAGAIN (no thread can be made), YODEL_ERR_CONGESTED (max_work jobs
 * wait already: nothing was done), YODEL_ERR_STATE (another thread), YODEL_ERR_CLOSED (the loop
 * ends).
 */
YODEL_API int yodel_loop_work(yodel_loop *loop, const void *order, yodel_work_fn *fn,
                              yodel_work_done_fn *done, void *arg,
                              yodel_free_fn *free_arg) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
