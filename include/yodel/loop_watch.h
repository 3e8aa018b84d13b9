/* SPDX-License-Identifier: MIT */
#ifndef YODEL_LOOP_WATCH_H
#define YODEL_LOOP_WATCH_H

#include <yodel/server.h>

YODEL_C_BEGIN

/* Descriptors that a loop waits for beside its connections.  See yodel/loop.h. */

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
 * waited for.  The watch may be stopped, started anew and freed in here, and so may any other.
 *
 * watch    the watch
 * events   bits of what has come of what was asked for.  YODEL_WATCH_ERROR, with all that was asked
 *          for: it has failed (a read, or SO_ERROR, tells why), and the watch has been stopped
 *          before
 * user     what yodel_watch_init() was given
 */
typedef void(yodel_watch_fn)(yodel_watch *watch, unsigned events, void *user);

/*
 * Ties a watch to a loop and a function.  It must not run; one that ran before may be initialised
 * anew.  Not two threads at once.
 *
 * watch   in memory of the program's, of any content
 * loop    whose thread calls fn(watch, events, user) and may start and stop it; borrowed
 * fn      not NULL: without one it cannot be started
 * user    handed to fn; borrowed
 */
YODEL_API void yodel_watch_init(yodel_watch *watch, yodel_loop *loop, yodel_watch_fn *fn,
                                void *user) YODEL_ANY_THREAD;

/*
 * Starts it, or starts it anew, from the next wait of the loop on.
 *
 * watch    initialised
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
 * Changes what a watch that runs waits for, from the next wait on: cheaper than starting it anew,
 * and for nothing when it does not change.
 *
 * watch    one that runs
 * events   as for yodel_watch_start(); 0: nothing for now
 *
 * Returns 0, -EINVAL (it does not run, other bits), -errno of the kernel, YODEL_ERR_STATE (another
 * thread), YODEL_ERR_CLOSED (the loop ends).
 */
YODEL_API int yodel_watch_set_events(yodel_watch *watch, unsigned events) YODEL_LOOP_THREAD;

/*
 * Stops it: no call follows, not even for what has come already.  The kernel has forgotten the
 * descriptor when this returns: it may be closed at once, also when copies of it (dup(), fork())
 * stay open.  One that does not run may be stopped from anywhere, also when its server is gone.
 *
 * watch   stays initialised: it may be started again
 *
 * Returns 0, also when it did not run, or YODEL_ERR_STATE (another thread; it goes on).
 */
YODEL_API int yodel_watch_stop(yodel_watch *watch) YODEL_LOOP_THREAD;

/*
 * Whether it has been started and not been stopped, by the program or by an error.
 *
 * Returns 1 while it runs, else 0.
 */
YODEL_API int yodel_watch_is_running(const yodel_watch *watch) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
