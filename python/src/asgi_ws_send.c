/* SPDX-License-Identifier: MIT */
#include "asgi_headers.h"
#include "asgi_ws.h"
#include "errors.h"

static const struct yp_state *state_of(const struct yp_ws *self)
{
    return self->exchange.asgi->state;
}

static PyObject *done_or(struct yp_ws *self, int rc, const char *what)
{
    return rc < 0 ? yp_raise(state_of(self), rc, what) : yp_ready_none(state_of(self));
}

/* What Channels' consumers send after the end goes nowhere, and is no error. */
static int goes_nowhere(const struct yp_ws *self)
{
    return self->had_port && (self->ws == NULL || self->phase == YP_WS_CLOSED);
}

PyObject *yp_ws_unexpected(struct yp_ws *self, PyObject *type)
{
    static const char *const after[] = {"before 'websocket.accept'",
                                        "within the response of a refusal", "after it was accepted",
                                        "after 'websocket.close' or a refusal"};

    if (yp_ws_is_over(self))
        return yp_raise_disconnected(state_of(self));
    PyErr_Format(PyExc_RuntimeError, "Unexpected ASGI message %R, %s", type, after[self->phase]);
    return NULL;
}

/* ---- messages ---- */

static int send_text(struct yp_ws *self, PyObject *text)
{
    yodel_bytes data;
    Py_ssize_t len;
    int rc;

    if ((data.ptr = (const uint8_t *)PyUnicode_AsUTF8AndSize(text, &len)) == NULL)
        return -1;
    data.len = (size_t)len;
    YP_CALL(self->exchange.asgi, rc = yodel_ws_send(self->ws, YODEL_WS_TEXT, data));
    return rc;
}

static int send_bytes(struct yp_ws *self, PyObject *bytes)
{
    Py_buffer view;
    int rc;

    if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) < 0)
        return -1;
    YP_CALL(self->exchange.asgi,
            rc = yodel_ws_send(self->ws, YODEL_WS_BINARY,
                               (yodel_bytes){.ptr = view.buf, .len = (size_t)view.len}));
    PyBuffer_Release(&view);
    return rc;
}

/* A result of the library; or a negative one with an exception. */
static int send_data(struct yp_ws *self, PyObject *data)
{
    return PyUnicode_Check(data) ? send_text(self, data) : send_bytes(self, data);
}

/* The result of an awaited send: what it could not send before it tries again. */
static PyObject *take_sent(struct yp_waiter *waiter)
{
    struct yp_ws *self = (struct yp_ws *)waiter->owner;
    int rc;

    if (!yp_asgi_is_here(self->exchange.asgi))
        return NULL;
    if (goes_nowhere(self))
        Py_RETURN_NONE;
    if (self->ws == NULL || self->phase != YP_WS_OPEN)
        return yp_raise_disconnected(state_of(self));
    rc = send_data(self, waiter->arg);
    if (rc == YODEL_ERR_CONGESTED || PyErr_Occurred())
        return NULL;
    return rc < 0 ? yp_raise(state_of(self), rc, NULL) : Py_NewRef(Py_None);
}

/* Sent when the client has taken what waits for it. */
static PyObject *send_later(struct yp_ws *self, PyObject *data)
{
    struct yp_asgi *asgi = self->exchange.asgi;
    struct yp_waiter *spare = NULL;
    PyObject *kept, *waiter;

    kept = PyUnicode_Check(data) ? Py_NewRef(data) : PyBytes_FromObject(data);
    if (kept == NULL)
        return NULL;
    waiter = yp_waiter_new(asgi->state, (PyObject *)self, &spare, &asgi->home, &self->senders,
                           take_sent, kept, 0);
    Py_XDECREF(spare);
    Py_DECREF(kept);
    return waiter;
}

static PyObject *send_message(struct yp_ws *self, PyObject *type, PyObject *message)
{
    const struct yp_names *names = &state_of(self)->names;
    PyObject *data = yp_get(message, names->bytes);
    int rc;

    if (data == NULL && (data = yp_get(message, names->text)) == NULL) {
        PyErr_SetString(PyExc_ValueError, "websocket.send has neither 'bytes' nor 'text'");
        return NULL;
    }
    if (self->ws == NULL || self->phase != YP_WS_OPEN)
        return yp_ws_unexpected(self, type);
    if (self->senders.first != NULL)
        return send_later(self, data); /* others wait already */
    rc = send_data(self, data);
    if (rc >= 0)
        return yp_ready_none(state_of(self));
    if (PyErr_Occurred())
        return NULL;
    return rc == YODEL_ERR_CONGESTED ? send_later(self, data) : yp_raise(state_of(self), rc, NULL);
}

/* ---- accept ---- */

static int accept(struct yp_ws *self, PyObject *subprotocol, PyObject *lines)
{
    struct yp_headers headers;
    const char *name = NULL;
    int rc;

    if (subprotocol != NULL && (name = PyUnicode_AsUTF8(subprotocol)) == NULL)
        return -1;
    if (yp_headers_read(&headers, lines) < 0)
        return -1;
    YP_CALL(self->exchange.asgi,
            rc = yodel_ws_accept(
                self->ws, YODEL_OPTIONS(yodel_ws_accept_options, .subprotocol = name,
                                        .headers = headers.list, .num_headers = headers.num)));
    yp_headers_free(&headers);
    return rc;
}

static PyObject *send_accept(struct yp_ws *self, PyObject *type, PyObject *message)
{
    const struct yp_names *names = &state_of(self)->names;
    int rc;

    if (self->ws == NULL || self->phase != YP_WS_CONNECTING)
        return yp_ws_unexpected(self, type);
    rc = accept(self, yp_get(message, names->subprotocol), yp_get(message, names->headers));
    if (rc < 0 && PyErr_Occurred())
        return NULL;
    if (rc >= 0) {
        self->phase = YP_WS_OPEN;
        yp_ws_log_decision(self, "accepted");
    }
    return done_or(self, rc,
                   "websocket.accept: a header that cannot be sent, or a subprotocol that the "
                   "client did not offer");
}

/* ---- close ---- */

static PyObject *refuse(struct yp_ws *self)
{
    int rc;

    YP_CALL(self->exchange.asgi, rc = yodel_ws_reject(self->ws, NULL));
    if (rc >= 0) {
        self->phase = YP_WS_CLOSED;
        yp_ws_log_decision(self, "403");
    }
    return done_or(self, rc, "websocket.close");
}

/* RFC 6455 7.4: what may stand in a close frame. */
static int is_code(long code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static PyObject *send_close(struct yp_ws *self, PyObject *type, PyObject *message)
{
    const struct yp_names *names = &state_of(self)->names;
    PyObject *code = yp_get(message, names->code), *reason = yp_get(message, names->reason);
    long number = code != NULL ? PyLong_AsLong(code) : 1000;
    const char *text = reason != NULL ? PyUnicode_AsUTF8(reason) : NULL;

    if (PyErr_Occurred())
        return NULL;
    if (self->ws == NULL || self->phase == YP_WS_DENYING || self->phase == YP_WS_CLOSED)
        return yp_ws_unexpected(self, type);
    if (self->phase == YP_WS_CONNECTING)
        return refuse(self);
    if (!is_code(number)) {
        PyErr_Format(PyExc_ValueError, "%ld is no close code that can be sent", number);
        return NULL;
    }
    self->phase = YP_WS_CLOSED;
    YP_CALL(self->exchange.asgi, yodel_ws_close(self->ws, (uint16_t)number, text));
    return yp_ready_none(state_of(self));
}

/* ---- send() ---- */

static PyObject *dispatch(struct yp_ws *self, PyObject *type, PyObject *message)
{
    const struct yp_names *names = &state_of(self)->names;

    if (yp_is_name(type, names->ws_send))
        return send_message(self, type, message);
    if (yp_is_name(type, names->accept))
        return send_accept(self, type, message);
    if (yp_is_name(type, names->close))
        return send_close(self, type, message);
    if (yp_is_name(type, names->denial_start))
        return yp_ws_deny_start(self, type, message);
    if (yp_is_name(type, names->denial_body))
        return yp_ws_deny_body(self, type, message);
    PyErr_Format(PyExc_RuntimeError, "Unexpected ASGI message %R for a WebSocket", type);
    return NULL;
}

PyObject *yp_ws_send(PyObject *object, PyObject *message)
{
    struct yp_ws *self = (struct yp_ws *)object;
    PyObject *type;

    if (!yp_asgi_is_here(self->exchange.asgi))
        return NULL;
    if (goes_nowhere(self))
        return yp_ready_none(state_of(self));
    if (!PyDict_Check(message)) {
        PyErr_Format(PyExc_TypeError, "an ASGI message is a dict, not %.100s",
                     Py_TYPE(message)->tp_name);
        return NULL;
    }
    if ((type = yp_get(message, state_of(self)->names.type)) == NULL) {
        PyErr_SetString(PyExc_ValueError, "an ASGI message has a 'type'");
        return NULL;
    }
    return dispatch(self, type, message);
}
