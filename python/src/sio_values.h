/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_VALUES_H
#define YP_SIO_VALUES_H

#include <Python.h>

#include "sio_items.h"

/* Arguments of events as Python's objects, bytes in them as attachments. */

struct yp_codec {
    PyObject *dumps, *loads;
    PyObject *named; /* dict: what dumps gets; NULL: ours needs none */
};

/* module: with dumps and loads; None, or the standard library's json: compact UTF-8, and NaN is
 * refused.  Returns 0, or -1 with an exception. */
int yp_codec_init(struct yp_codec *codec, PyObject *module);
void yp_codec_clear(struct yp_codec *codec);

/* JSON of one value, without bytes in it; NUL-terminated.  A new str, or NULL with an exception. */
PyObject *yp_value_to_json(const struct yp_codec *codec, PyObject *value);

/* values: tuple or list of arguments.  To be freed by free(); NULL with an exception. */
struct yp_args *yp_args_of(const struct yp_codec *codec, PyObject *values);

/* A new tuple, or NULL with an exception. */
PyObject *yp_args_to_tuple(const struct yp_codec *codec, const struct yp_args *args);

/* A new object, or NULL with an exception. */
PyObject *yp_json_to_object(const json_t *json);

#endif
