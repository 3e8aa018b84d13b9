/* SPDX-License-Identifier: MIT */
#ifndef YODEL_LOOP_WORK_H
#define YODEL_LOOP_WORK_H

#include <yodel/server.h>

YODEL_C_BEGIN

/* Work that blocks, on threads of the server's.  See yodel/loop.h. */

/*
 * The job, on a thread of the server's pool: it may block, and must call nothing that is for a
 * loop's thread.
 *
 * arg   what yodel_loop_work() was given
 *
 * Returns any int, which is handed to done.
 */
typedef int(yodel_work_fn)(void *arg);

/*
 * The job is done: on the loop that asked for it.
 *
 * loop     the loop
 * result   what the function has returned; -ECANCELED: it has not run, as the server stops
 * arg      what yodel_loop_work() was given; freed after this
 */
typedef void(yodel_work_done_fn)(yodel_loop *loop, int result, void *arg);

/*
 * Runs fn(arg) on a thread of the server's pool (work_threads, apart from those that read files),
 * then done(loop, result, arg) on this loop, in a later turn.
 *
 * order      jobs of the same order, not NULL, are run one at a time, in the order of the calls (of
 *            one thread), and each is told before the next of the same loop: any address, which is
 *            not looked at, such as the database that they use, or the loop.  NULL: it begins as
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
