/* SPDX-License-Identifier: MIT */
#ifndef YP_SCOPE_H
#define YP_SCOPE_H

#include "asgi.h"

/*
 * What the scopes of requests and WebSockets have in common: type, asgi, http_version, scheme,
 * server, client, root_path, path, raw_path, query_string, headers, extensions, and state if there
 * is a lifespan.
 *
 * type         borrowed: "http" or "websocket"
 * scheme       borrowed: "ws", "https" and the like
 * extensions   borrowed: the dict of this type
 *
 * Returns a new dict, or NULL with an exception.
 */
PyObject *yp_scope_new(struct yp_asgi *asgi, yodel_request *req, PyObject *type, PyObject *scheme,
                       PyObject *extensions);

/*
 * Sets an item of a dict, and gives the value's reference away.
 *
 * value   taken; NULL: an exception is set, and the call fails
 *
 * Returns 0, or -1 with an exception.
 */
int yp_put(PyObject *dict, PyObject *name, PyObject *value);

#endif
