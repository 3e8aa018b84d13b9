/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_EMIT_H
#define YP_SIO_EMIT_H

#include "sio_server.h"

/* Methods of SioServer that send: each with the arguments that its docstring says. */

PyObject *yp_sio_emit(PyObject *self, PyObject *args, PyObject *named);
PyObject *yp_sio_call_one(PyObject *self, PyObject *args, PyObject *named);

/* ---- names ---- */

/* UTF-8 of a str without NULs in it; NULL with an exception. */
const char *yp_name_of(PyObject *text);

/* A namespace by the name that a program gives; None: "/".  With a reference; NULL with *ret_none
 * set: there is none, or with an exception. */
yodel_sio_namespace *yp_sio_find_ns(struct yp_sio *self, PyObject *name, bool *ret_none);

/* The record of a client of this process that sid names, with a reference; NULL: none. */
struct yp_record *yp_sio_find_record(struct yp_sio *self, yodel_sio_namespace *ns, const char *sid);

#endif
