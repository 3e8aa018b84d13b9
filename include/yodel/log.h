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
 * Receives one line, without a newline.  Called from every loop thread, possibly at once; text is
 * borrowed for the call.  It must not block and must not call into the library.
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

/* "debug", "info", "warn", "error"; never NULL. */
YODEL_API const char *yodel_log_level_name(yodel_log_level level) YODEL_ANY_THREAD;

/* A yodel_log_fn for programs: one line to standard error with a UTC time stamp.  user: ignored. */
YODEL_API void yodel_log_stderr(yodel_log_level level, yodel_str text, void *user) YODEL_ANY_THREAD;

YODEL_C_END

#endif
