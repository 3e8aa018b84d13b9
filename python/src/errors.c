/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <yodel/yodel.h>

#include "errors.h"

/* -errno lies above this, the library's own results below (yodel/base.h). */
#define LEAST_ERRNO (-4095)

static PyObject *class_of(const struct yp_state *state, int rc)
{
    switch (rc) {
    case -EINVAL:
    case YODEL_ERR_PATTERN:
    case YODEL_ERR_NAME:
    case YODEL_ERR_ENCODING:
    case YODEL_ERR_FORMAT:
    case YODEL_ERR_OPTIONS:
        return PyExc_ValueError;
    case YODEL_ERR_CLOSED:
        return state->client_disconnected;
    default:
        return PyExc_RuntimeError;
    }
}

static PyObject *raise_errno(int rc, const char *what)
{
    const char *text = yodel_strerror(rc);
    PyObject *args = what != NULL
                         ? Py_BuildValue("(iN)", -rc, PyUnicode_FromFormat("%s: %s", what, text))
                         : Py_BuildValue("(is)", -rc, text);

    if (args != NULL) {
        PyErr_SetObject(PyExc_OSError, args);
        Py_DECREF(args);
    }
    return NULL;
}

PyObject *yp_raise(const struct yp_state *state, int rc, const char *what)
{
    if (rc == -ENOMEM)
        return PyErr_NoMemory();
    if (rc >= LEAST_ERRNO && rc != -EINVAL)
        return raise_errno(rc, what);
    if (what != NULL)
        PyErr_Format(class_of(state, rc), "%s: %s", what, yodel_strerror(rc));
    else
        PyErr_SetString(class_of(state, rc), yodel_strerror(rc));
    return NULL;
}

PyObject *yp_raise_disconnected(const struct yp_state *state)
{
    return yp_raise(state, YODEL_ERR_CLOSED, NULL);
}

int yp_errors_part(PyObject *module, struct yp_state *state)
{
    state->client_disconnected = PyErr_NewExceptionWithDoc(
        "yodel.ClientDisconnected",
        "What send() raises once the client has gone: an OSError, as ASGI 2.4 asks.", PyExc_OSError,
        NULL);
    if (state->client_disconnected == NULL)
        return -1;
    return PyModule_AddObjectRef(module, "ClientDisconnected", state->client_disconnected);
}
