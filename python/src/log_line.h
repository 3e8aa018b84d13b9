/* SPDX-License-Identifier: MIT */
#ifndef YP_LOG_LINE_H
#define YP_LOG_LINE_H

#include "asgi.h"

/* Lines for the standard library's logging: the logger "yodel.error". */

/* A yodel_log_fn; user is a struct yp_asgi that lives as long as its server. */
void yp_log_from_library(yodel_log_level level, yodel_str text, void *user);

/* The lowest level that the logger lets through now. */
yodel_log_level yp_log_least(const struct yp_state *state);

/* Whether lines of a level are written: for those that cost something to be made. */
int yp_log_is_on(const struct yp_state *state, yodel_log_level level);

/*
 * Logs a line, in the loop, with the GIL.  Never fails: what cannot be written is lost.
 *
 * level    YODEL_LOG_DEBUG to YODEL_LOG_ERROR
 * error    borrowed: an exception, whose traceback follows; NULL: none
 * format   as of PyUnicode_FromFormat()
 */
void yp_log(const struct yp_state *state, yodel_log_level level, PyObject *error,
            const char *format, ...);

yp_part_fn yp_log_line_part;

#endif
