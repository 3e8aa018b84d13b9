/* SPDX-License-Identifier: MIT */
#ifndef YP_ACCESS_LINE_H
#define YP_ACCESS_LINE_H

#include "asgi.h"

/* The line that the access log has for an answer. */

/*
 * What the line says: (client, method, path with query, version, status).  It is asked for ahead of
 * the answer, with which the request may be gone.
 *
 * Returns a new tuple; NULL, without an exception, when the log is off or memory ran out.
 */
PyObject *yp_access_line(struct yp_asgi *asgi, yodel_request *req, int status);

/*
 * Calls the program's function for the access log, if the answer was given.  Its exceptions are
 * written to sys.unraisablehook.
 *
 * line   taken; may be NULL
 * rc     the result of the answer
 */
void yp_access_log(struct yp_asgi *asgi, PyObject *line, int rc);

#endif
