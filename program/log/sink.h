/* SPDX-License-Identifier: MIT */
#ifndef YG_LOG_SINK_H
#define YG_LOG_SINK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Where lines of the log go: standard error, or a file.  They are written by a thread of the sink's
 * own, so a pipe that nobody reads or a disk that hangs never holds a loop up.  What waits is
 * bounded; lines that find no room, and those that could not be written, are dropped and counted.
 */
struct yg_sink;

#define YG_SINK_BYTES ((size_t)256 * 1024) /* that may wait */

/*
 * Told of a file that was opened anew, or was not.  On the sink's thread.
 *
 * result   0, or -errno; then lines go to the old one
 * number   of the last yg_sink_reopen() that is done with it
 */
typedef void(yg_sink_reopened_fn)(int result, uint64_t number, void *user);

/*
 * path          of a file that lines are appended to, made with 0640; NULL or "": standard error
 * on_reopened   NULL: nobody is told
 *
 * Returns 0, -ENOMEM, or -errno of what could not be opened.
 */
int yg_sink_new(const char *path, yg_sink_reopened_fn *on_reopened, void *user,
                struct yg_sink **ret_sink);

/* Adds a line, copied, with its end.  Any thread; does not block. */
void yg_sink_write(struct yg_sink *sink, const char *line, size_t len);

/* Has the file opened anew by its path, when what waits was written: for whoever has renamed it.
 * Any thread.  Returns the number of the call, from 1; 0 for standard error: nothing happens. */
uint64_t yg_sink_reopen(struct yg_sink *sink);

/* How many lines were dropped.  Any thread. */
uint64_t yg_sink_dropped(struct yg_sink *sink);

/* Waits until what waits is written, for a second at most.  For the end of a process. */
void yg_sink_flush(struct yg_sink *sink);

/* Writes what waits, for a second at most, and frees the sink.  NULL does nothing. */
void yg_sink_free(struct yg_sink *sink);

#endif
