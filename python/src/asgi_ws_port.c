/* SPDX-License-Identifier: MIT */
#include "asgi_ws_port.h"

#include "asgi_ws.h"

static PyObject *open_port(PyObject *object, PyObject *unused)
{
    struct yp_ws *self = (struct yp_ws *)object;

    (void)unused;
    self->has_port = self->had_port = 1;
    Py_RETURN_NONE;
}

static int put(struct yp_ws *self, PyObject *event, unsigned limit)
{
    if (!self->has_port || self->ws == NULL)
        return YP_PORT_GONE;
    if (self->queue.num_events >= limit)
        return YP_PORT_FULL;
    if (yp_inbox_push(&self->queue, Py_NewRef(event)) < 0)
        return -1;
    if (self->receivers.first == NULL || self->is_wake_due)
        return YP_PORT_QUEUED;
    self->is_wake_due = 1;
    return YP_PORT_WAKE;
}

static PyObject *port_put(PyObject *object, PyObject *const *args, Py_ssize_t num)
{
    unsigned long limit;
    int rc;

    if (num != 2 || !yp_inbox_is_event(args[0])) {
        PyErr_SetString(PyExc_TypeError, "put(event, limit); an event is neither str nor bytes");
        return NULL;
    }
    limit = PyLong_AsUnsignedLong(args[1]);
    if (PyErr_Occurred())
        return NULL;
    rc = put((struct yp_ws *)object, args[0], limit < UINT_MAX ? (unsigned)limit : UINT_MAX);
    return rc < 0 ? NULL : PyLong_FromLong(rc);
}

static PyObject *port_wake(PyObject *object, PyObject *unused)
{
    struct yp_ws *self = (struct yp_ws *)object;

    (void)unused;
    if (!yp_asgi_is_here(self->exchange.asgi))
        return NULL;
    self->is_wake_due = 0;
    yp_wake(self->exchange.asgi->state, &self->receivers);
    Py_RETURN_NONE;
}

static PyObject *port_drop(PyObject *object, PyObject *unused)
{
    (void)unused;
    yp_inbox_drop_events(&((struct yp_ws *)object)->queue);
    Py_RETURN_NONE;
}

static PyObject *port_num_events(PyObject *object, PyObject *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(((struct yp_ws *)object)->queue.num_events);
}

static PyObject *close_port(PyObject *object, PyObject *unused)
{
    ((struct yp_ws *)object)->has_port = 0;
    return port_drop(object, unused);
}

PyMethodDef yp_ws_port_methods[] = {
    {"open_port", open_port, METH_NOARGS, NULL},
    {"put", (PyCFunction)(void (*)(void))port_put, METH_FASTCALL, NULL},
    {"wake", port_wake, METH_NOARGS, NULL},
    {"drop", port_drop, METH_NOARGS, NULL},
    {"num_events", port_num_events, METH_NOARGS, NULL},
    {"close_port", close_port, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};
