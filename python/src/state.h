/* SPDX-License-Identifier: MIT */
#ifndef YP_STATE_H
#define YP_STATE_H

#include <Python.h>

#include "interned.h"

/*
 * What the module has for itself: its types, and what each of its functions needs of other
 * modules.  There is nothing of it in writable globals, so that the module can be loaded again.
 *
 * Every pointer is a strong reference, or NULL before its part of the module has been set up
 * (yp_parts in module.c); types get it by PyType_GetModuleState().
 */
struct yp_state {
    struct yp_names names; /* interned.h */

    /* errors.c */
    PyObject *client_disconnected; /* class ClientDisconnected(OSError) */

    /* awaitable.c */
    PyTypeObject *ready_type;
    PyTypeObject *waiter_type;
    PyTypeObject *wakeup_type;
    PyObject *ready_none; /* done, with None: what nearly every send() returns */
    PyObject *cancelled_error;

    /* uv_guest.c */
    PyTypeObject *uv_loop_type;

    /* exchange.c */
    PyObject *run_awaitable; /* coroutine function: awaits what is no coroutine */

    /* log_line.c */
    PyObject *logger; /* logging.getLogger("yodel.error") */

    /* asgi.c */
    PyTypeObject *asgi_server_type;

    /* asgi_http.c */
    PyTypeObject *asgi_http_type;

    /* asgi_ws.c */
    PyTypeObject *asgi_ws_type;

    /* sio_server.c, sio_worker.c, wsgi.c, wsgi_input.c */
    PyTypeObject *sio_server_type;
    PyTypeObject *sio_worker_type;
    PyTypeObject *wsgi_request_type;
    PyTypeObject *wsgi_input_type;
};

/*
 * All pointers of a state, for the garbage collector and for the end of the module.  The interned
 * names are not among them.
 */
#define YP_STATE_REFS(X)                                                                           \
    X(client_disconnected)                                                                         \
    X(ready_type)                                                                                  \
    X(waiter_type)                                                                                 \
    X(wakeup_type)                                                                                 \
    X(ready_none)                                                                                  \
    X(cancelled_error)                                                                             \
    X(uv_loop_type)                                                                                \
    X(run_awaitable)                                                                               \
    X(logger)                                                                                      \
    X(asgi_server_type)                                                                            \
    X(asgi_http_type)                                                                              \
    X(asgi_ws_type)                                                                                \
    X(sio_server_type)                                                                             \
    X(sio_worker_type)                                                                             \
    X(wsgi_request_type)                                                                           \
    X(wsgi_input_type)

/*
 * Sets up one part of the module: makes its types, with yp_add_type(), and fills its fields.
 *
 * Returns 0, or -1 with an exception.
 */
typedef int(yp_part_fn)(PyObject *module, struct yp_state *state);

/*
 * Makes a type of this module.
 *
 * spec       static
 * ret_type   gets a reference of the state's; untouched on failure
 * is_public  1: the type is to be had by its name in the module
 *
 * Returns 0, or -1 with an exception.
 */
int yp_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **ret_type, int is_public);

/* The state of the module that the type of an object of ours was made in; never NULL. */
static inline struct yp_state *yp_state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self));
}

#endif
