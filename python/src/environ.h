/* SPDX-License-Identifier: MIT */
#ifndef YP_ENVIRON_H
#define YP_ENVIRON_H

#include "sio_server.h"

/* Environments as WSGI has them (PEP 3333), of HTTP requests and of Socket.IO's handshakes. */

/* What a request begins with.  path: still percent-encoded. */
struct yp_line_of_request {
    yodel_str method, path, query, host;
    yodel_str peer; /* "192.0.2.1:4711", "[::1]:4711", "unix" */
    bool secure;
};

/* The dict that all begin with; NULL with an exception. */
PyObject *yp_environ_base(void);

/* A new dict; input: borrowed, wsgi.input.  NULL with an exception. */
PyObject *yp_environ_new(struct yp_sio *server, const struct yp_line_of_request *line,
                         PyObject *input);

/* Returns 0, or -1 with an exception. */
int yp_environ_add(PyObject *environ, yodel_str name, yodel_str value);

/* Of a handshake as yodel_sio_socket_handshake() gives it. */
PyObject *yp_environ_of_handshake(struct yp_sio *server, const json_t *handshake, const char *peer);

#endif
