/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <yodel/http_stream.h>

#include "asgi_headers.h"
#include "asgi_ws.h"
#include "errors.h"

/*
 * A refusal with a response of the application's: the extension websocket.http.response of ASGI. It
 * is whole when its first part is the last, and else a stream, which outlives the yodel_ws.
 */

/* Above it a send waits until the client has taken all. */
#define HIGH_WATER ((size_t)64 * 1024)

static const struct yp_state *state_of(const struct yp_ws *self)
{
    return self->exchange.asgi->state;
}

void yp_ws_free_denial(struct yp_ws *self)
{
    struct yp_denial *denial = self->denial;

    self->denial = NULL;
    if (denial == NULL)
        return;
    Py_XDECREF(denial->headers);
    PyMem_Free(denial);
}

void yp_ws_end_denial(struct yp_ws *self)
{
    if (self->denial == NULL)
        return;
    if (self->denial->stream != NULL)
        YP_CALL(self->exchange.asgi, yodel_stream_abort(self->denial->stream));
    else
        yp_ws_free_denial(self);
}

/* ---- the head ---- */

/* A status that refuses, or -1 with an exception. */
static int read_status(PyObject *status)
{
    long number;

    if (status == NULL) {
        PyErr_SetString(PyExc_ValueError, "websocket.http.response.start has no 'status'");
        return -1;
    }
    if ((number = PyLong_AsLong(status)) == -1 && PyErr_Occurred())
        return -1;
    if (number >= 300 && number <= 599)
        return (int)number;
    PyErr_Format(PyExc_ValueError, "a WebSocket is not refused with status %ld", number);
    return -1;
}

PyObject *yp_ws_deny_start(struct yp_ws *self, PyObject *type, PyObject *message)
{
    const struct yp_names *names = &state_of(self)->names;
    PyObject *headers = yp_get(message, names->headers);
    int status;

    if (self->ws == NULL || self->phase != YP_WS_CONNECTING)
        return yp_ws_unexpected(self, type);
    if ((status = read_status(yp_get(message, names->status))) < 0)
        return NULL;
    if ((self->denial = PyMem_Calloc(1, sizeof *self->denial)) == NULL)
        return PyErr_NoMemory();
    self->denial->status = status;
    if (headers != NULL && (self->denial->headers = PySequence_List(headers)) == NULL) {
        yp_ws_free_denial(self);
        return NULL;
    }
    self->phase = YP_WS_DENYING;
    return yp_ready_none(state_of(self));
}

/* ---- the stream ---- */

static void on_drain(yodel_stream *stream, void *user)
{
    struct yp_ws *self = user;
    PyGILState_STATE gil = YP_ENTER();

    (void)stream;
    Py_INCREF(self);
    yp_wake(state_of(self), &self->senders);
    Py_DECREF(self);
    YP_LEAVE(gil);
}

static void on_close(yodel_stream *stream, yodel_stream_reason reason, void *user)
{
    struct yp_ws *self = user;
    PyGILState_STATE gil = YP_ENTER();

    (void)stream;
    (void)reason;
    self->denial->stream = NULL;
    yp_ws_free_denial(self);
    yp_wake(state_of(self), &self->receivers);
    yp_wake(state_of(self), &self->senders);
    Py_DECREF(self); /* the stream's */
    YP_LEAVE(gil);
}

static void log_status(struct yp_ws *self)
{
    char text[16];

    (void)snprintf(text, sizeof text, "%d", self->denial->status);
    yp_ws_log_decision(self, text);
}

/* The result of a call that refuses: where it has failed it is as undecided as before. */
static PyObject *refused(struct yp_ws *self, int rc, enum yp_ws_phase phase)
{
    if (rc >= 0) {
        log_status(self);
        self->phase = phase;
        return yp_ready_none(state_of(self));
    }
    self->phase = YP_WS_CONNECTING;
    yp_ws_free_denial(self);
    return yp_raise(state_of(self), rc, "websocket.http.response");
}

static PyObject *deny_at_once(struct yp_ws *self, struct yp_headers *headers, yodel_bytes body)
{
    yodel_response response = {
        .size = sizeof response, .status = self->denial->status, .body = body};
    PyObject *result;
    int rc;

    (void)yp_headers_take(headers, "content-length"); /* the library's own */
    response.content_type = yp_headers_take(headers, "content-type");
    response.headers = headers->list;
    response.num_headers = headers->num;
    YP_CALL(self->exchange.asgi, rc = yodel_ws_reject(self->ws, &response));
    result = refused(self, rc, YP_WS_CLOSED);
    yp_ws_free_denial(self);
    return result;
}

static PyObject *deny_in_parts(struct yp_ws *self, struct yp_headers *headers, yodel_bytes body)
{
    const char *length = yp_headers_take(headers, "content-length");
    yodel_stream_options options = {.size = sizeof options,
                                    .status = self->denial->status,
                                    .content_type = yp_headers_take(headers, "content-type"),
                                    .headers = headers->list,
                                    .num_headers = headers->num,
                                    .has_length = length != NULL,
                                    .length = length != NULL ? strtoull(length, NULL, 10) : 0,
                                    .max_buffered = HIGH_WATER,
                                    .on_drain = on_drain,
                                    .on_close = on_close,
                                    .user = self};
    yodel_stream *stream = NULL;
    int rc;

    YP_CALL(self->exchange.asgi, rc = yodel_ws_reject_stream(self->ws, &options, &stream));
    if (rc >= 0) {
        Py_INCREF(self); /* until on_close */
        self->denial->stream = stream;
        YP_CALL(self->exchange.asgi, (void)yodel_stream_write(stream, body));
    }
    return refused(self, rc, YP_WS_DENYING);
}

static PyObject *begin(struct yp_ws *self, yodel_bytes body, int has_more)
{
    struct yp_headers headers;
    PyObject *result;

    if (yp_headers_read(&headers, self->denial->headers) < 0) {
        self->phase = YP_WS_CONNECTING;
        yp_ws_free_denial(self);
        return NULL;
    }
    result = has_more ? deny_in_parts(self, &headers, body) : deny_at_once(self, &headers, body);
    yp_headers_free(&headers);
    return result;
}

/* ---- the body ---- */

static int end(struct yp_ws *self)
{
    int rc;

    self->phase = YP_WS_CLOSED;
    YP_CALL(self->exchange.asgi, rc = yodel_stream_end(self->denial->stream));
    return rc;
}

/* A part of a stream; arg is bytes, and kind whether there is more. */
static PyObject *take_part(struct yp_waiter *waiter)
{
    struct yp_ws *self = (struct yp_ws *)waiter->owner;
    yodel_bytes data = {(const uint8_t *)PyBytes_AS_STRING(waiter->arg),
                        (size_t)PyBytes_GET_SIZE(waiter->arg)};
    int rc;

    if (!yp_asgi_is_here(self->exchange.asgi))
        return NULL;
    if (yp_ws_is_over(self) || self->phase != YP_WS_DENYING)
        return yp_raise_disconnected(state_of(self));
    YP_CALL(self->exchange.asgi, rc = yodel_stream_write(self->denial->stream, data));
    if (rc == YODEL_ERR_CONGESTED)
        return NULL;
    if (rc >= 0 && !waiter->kind)
        rc = end(self);
    return rc < 0 ? yp_raise(state_of(self), rc, "websocket.http.response.body")
                  : Py_NewRef(Py_None);
}

static PyObject *send_part(struct yp_ws *self, PyObject *bytes, int has_more)
{
    struct yp_asgi *asgi = self->exchange.asgi;
    struct yp_waiter *spare = NULL;
    PyObject *waiter = yp_waiter_new(asgi->state, (PyObject *)self, &spare, &asgi->home,
                                     &self->senders, take_part, bytes, has_more);

    Py_XDECREF(spare);
    return waiter;
}

PyObject *yp_ws_deny_body(struct yp_ws *self, PyObject *type, PyObject *message)
{
    const struct yp_names *names = &state_of(self)->names;
    PyObject *body = yp_get(message, names->body), *more = yp_get(message, names->more_body);
    int has_more = more != NULL ? PyObject_IsTrue(more) : 0;
    PyObject *bytes, *result;
    yodel_bytes data;

    if (has_more < 0)
        return NULL;
    if (yp_ws_is_over(self) || self->phase != YP_WS_DENYING)
        return yp_ws_unexpected(self, type);
    bytes = body != NULL ? PyBytes_FromObject(body) : PyBytes_FromStringAndSize(NULL, 0);
    if (bytes == NULL)
        return NULL;
    data =
        (yodel_bytes){(const uint8_t *)PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)};
    result = self->denial->stream != NULL ? send_part(self, bytes, has_more)
                                          : begin(self, data, has_more);
    Py_DECREF(bytes);
    return result;
}
