/* SPDX-License-Identifier: MIT */
#ifndef YODEL_LOG_H
#define YODEL_LOG_H

#include <yodel/base.h>

YODEL_C_BEGIN

typedef enum yodel_log_level {
    YODEL_LOG_DEBUG = 0, /* what a peer did wrong, one line a connection */
    YODEL_LOG_INFO,      /* started, listening, stopping, certificates reloaded */
    YODEL_LOG_WARN, /* a handler failed, descriptors ran out (at most one line a second each) */
    YODEL_LOG_ERROR /* the server cannot do what it was asked to */
} yodel_log_level;

/*
 * Receives one line.  Called from every loop thread, possibly at once, and from any thread that
 * calls the library.  It must not block and must not call into the library.
 *
 * level   what it is about
 * text    without a newline, at most 1000 bytes of UTF-8 in which control characters are escaped,
 *         so that no peer can forge a line; borrowed for the call
 * user    that of the sink
 */
typedef void(yodel_log_fn)(yodel_log_level level, yodel_str text, void *user);

/*
 * Where a server's log lines go.  Without a sink nothing is written anywhere: the library has no
 * standard output of its own.
 */
typedef struct yodel_log_sink {
    yodel_log_fn *write;
    yodel_log_level min_level; /* lines below it are not formatted */
    void *user;
} yodel_log_sink;

/*
 * The name of a level, for a yodel_log_fn of the program's own.
 *
 * level   one of yodel_log_level
 *
 * Returns static text, never NULL: "debug", "info", "warn", "error", or "unknown" for another
 * number.
 */
YODEL_API const char *yodel_log_level_name(yodel_log_level level) YODEL_ANY_THREAD;

/*
 * A yodel_log_fn for programs: writes one line to standard error, "2026-01-31T12:00:00.000Z warn
 * TEXT", in UTC.  Lines of several threads do not mix: each is one write().  What cannot be written
 * is lost, and errno is left as it was.
 *
 * level   named in the line
 * text    written as it is; what goes beyond about 1000 bytes is cut off
 * user    ignored; NULL will do
 */
YODEL_API void yodel_log_stderr(yodel_log_level level, yodel_str text, void *user) YODEL_ANY_THREAD;

YODEL_C_END

#endif
