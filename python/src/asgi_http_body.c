/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "asgi_http.h"
#include "errors.h"
#include "scope.h"

/* The body of a request: read ahead up to a limit, and not at all before it is asked for. */

#define READ_AHEAD (64 * 1024)

/* ---- what comes ---- */

/* Pauses a body of which enough waits. */
static void note_amount(struct yp_http *self)
{
    struct yp_http_inbox *inbox = &self->inbox;

    if (PyBytes_GET_SIZE(inbox->pending) < READ_AHEAD)
        return;
    if (yodel_request_body_pause(self->req) == 0)
        inbox->is_paused = 1;
}

/*
 * Some of it has come.  The last part is told with its end, which follows at once: for an answer
 * that is given before that the connection would have to close.
 */
static void note(struct yp_http *self, size_t len)
{
    struct yp_http_inbox *inbox = &self->inbox;

    if (inbox->left != UINT64_MAX)
        inbox->left -= len;
    if (inbox->left == 0)
        return;
    yp_wake(self->exchange.asgi->state, &self->receivers);
    if (inbox->pending != NULL && self->reads_body)
        note_amount(self);
}

static int append(PyObject **pending, yodel_bytes data)
{
    Py_ssize_t had;

    if (*pending == NULL) {
        *pending = PyBytes_FromStringAndSize((const char *)data.ptr, (Py_ssize_t)data.len);
        return *pending != NULL ? 0 : -1;
    }
    had = PyBytes_GET_SIZE(*pending);
    if (_PyBytes_Resize(pending, had + (Py_ssize_t)data.len) < 0)
        return -1;
    memcpy(PyBytes_AS_STRING(*pending) + had, data.ptr, data.len);
    return 0;
}

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    struct yp_http *self = user;
    PyGILState_STATE gil = YP_ENTER();
    int rc;

    (void)req;
    if (self->is_gone || self->stage == YP_HTTP_COMPLETE) {
        YP_LEAVE(gil); /* nobody wants it any more */
        return 0;
    }
    Py_INCREF(self);
    rc = append(&self->inbox.pending, data);
    if (rc == 0)
        note(self, data.len);
    else
        PyErr_Clear(); /* on_end tells */
    Py_DECREF(self);
    YP_LEAVE(gil);
    return rc;
}

static int status_of(int result)
{
    switch (result) {
    case YODEL_ERR_TOO_BIG:
        return 413;
    case YODEL_ERR_PROTOCOL:
        return 400;
    case -ETIMEDOUT:
        return 408;
    default:
        return 500;
    }
}

static const char *text_of(int status)
{
    switch (status) {
    case 413:
        return "Request Entity Too Large";
    case 400:
        return "Invalid HTTP request received.";
    case 408:
        return "Request Timeout";
    default:
        return "Internal Server Error";
    }
}

/* It will never be whole: the client is told, unless it has gone; the application sees it gone. */
static void fail(struct yp_http *self, int result)
{
    int status = status_of(result);

    if (result != YODEL_ERR_CLOSED && !yp_http_answer_text(self, status, text_of(status)))
        yp_http_cut(self);
    yp_http_be_gone(self);
}

static void on_end(yodel_request *req, int result, void *user)
{
    struct yp_http *self = user;
    PyGILState_STATE gil = YP_ENTER();

    (void)req;
    if (result == 0) {
        self->inbox.is_whole = 1;
        yp_wake(self->exchange.asgi->state, &self->receivers);
    } else if (result != -ECANCELED && !self->is_gone) {
        fail(self, result);
    }
    yp_http_body_over(self);
    YP_LEAVE(gil);
}

/* ---- what is asked for ---- */

void yp_http_body_init(struct yp_http *self)
{
    struct yp_http_inbox *inbox = &self->inbox;
    yodel_str length = yodel_request_header(self->req, "content-length");

    inbox->left = UINT64_MAX;
    if (yodel_request_header(self->req, "transfer-encoding").ptr != NULL)
        return;
    inbox->left = 0; /* a length that is none has been refused */
    for (size_t i = 0; i < length.len; i++)
        inbox->left = inbox->left * 10 + (uint64_t)(length.ptr[i] - '0');
    inbox->is_whole = inbox->left == 0;
}

/* The first receive(): a client that waits for 100 Continue gets it now. */
static int begin(struct yp_http *self)
{
    struct yp_asgi *asgi = self->exchange.asgi;
    const yodel_body_handlers *handlers = YODEL_OPTIONS(
        yodel_body_handlers, .on_data = on_data, .on_end = on_end, .max_body = asgi->max_body);
    int rc;

    self->inbox.is_asked = 1;
    YP_CALL(asgi, rc = yodel_request_body_read(self->req, handlers, self));
    if (rc == YODEL_ERR_CLOSED)
        return 0; /* its end is on its way */
    if (rc < 0) {
        (void)yp_raise(asgi->state, rc, "read the body");
        return -1;
    }
    self->reads_body = 1;
    Py_INCREF(self);
    return 0;
}

static int go_on(struct yp_http *self)
{
    struct yp_http_inbox *inbox = &self->inbox;

    if (self->req == NULL || inbox->is_whole)
        return 0;
    if (!inbox->is_asked)
        return begin(self);
    if (inbox->is_paused && inbox->pending == NULL) {
        inbox->is_paused = 0;
        if (self->reads_body)
            YP_CALL(self->exchange.asgi, (void)yodel_request_body_resume(self->req));
    }
    return 0;
}

static PyObject *disconnect(const struct yp_http *self)
{
    const struct yp_names *names = &self->exchange.asgi->state->names;
    PyObject *message = PyDict_New();

    if (message != NULL && PyDict_SetItem(message, names->type, names->http_disconnect) < 0)
        Py_CLEAR(message);
    return message;
}

/* {"type": "http.request", "body": body, "more_body": is there more} */
static PyObject *part(const struct yp_http *self, PyObject *body)
{
    const struct yp_names *names = &self->exchange.asgi->state->names;
    PyObject *message = PyDict_New();

    if (message == NULL)
        return NULL;
    if (PyDict_SetItem(message, names->type, names->http_request) < 0 ||
        PyDict_SetItem(message, names->body, body) < 0 ||
        yp_put(message, names->more_body, PyBool_FromLong(!self->inbox.is_whole)) < 0)
        Py_CLEAR(message);
    return message;
}

static PyObject *take_part(struct yp_http *self)
{
    struct yp_http_inbox *inbox = &self->inbox;
    PyObject *message;

    if (inbox->pending == NULL && (inbox->pending = PyBytes_FromStringAndSize(NULL, 0)) == NULL)
        return NULL;
    if ((message = part(self, inbox->pending)) == NULL)
        return NULL;
    Py_CLEAR(inbox->pending);
    inbox->is_told = inbox->is_whole;
    (void)go_on(self); /* it has been begun: nothing that can fail */
    return message;
}

static PyObject *take_message(struct yp_waiter *waiter)
{
    struct yp_http *self = (struct yp_http *)waiter->owner;
    struct yp_http_inbox *inbox = &self->inbox;

    if (!yp_asgi_is_here(self->exchange.asgi))
        return NULL;
    if (self->is_gone || self->stage == YP_HTTP_COMPLETE)
        return disconnect(self);
    if (go_on(self) < 0)
        return NULL;
    if (inbox->pending != NULL || (inbox->is_whole && !inbox->is_told))
        return take_part(self);
    return NULL;
}

PyObject *yp_http_receive(PyObject *object, PyObject *unused)
{
    struct yp_http *self = (struct yp_http *)object;
    struct yp_asgi *asgi = self->exchange.asgi;

    (void)unused;
    return yp_waiter_new(asgi->state, object, &self->exchange.spare, &asgi->home, &self->receivers,
                         take_message, NULL, 0);
}
