/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "access_line.h"
#include "asgi_http.h"
#include "errors.h"

/* Answers: whole when the first part of the content is the last, else streamed. */

/* A head waits this long for content, which may turn out to be all of it; ms. */
#define PATIENCE_MS 20
#define MAX_BUFFERED (64 * 1024)
#define TEXT_TYPE "text/plain; charset=utf-8"

static void complete(struct yp_http *self)
{
    self->stage = YP_HTTP_COMPLETE;
    yp_wake(self->exchange.asgi->state, &self->receivers);
}

/* ---- a head ---- */

static PyObject *refuse_type(PyObject *type, const char *expected)
{
    return PyErr_Format(PyExc_RuntimeError, "Expected ASGI message '%s', but got '%S'.", expected,
                        type);
}

static int read_length(struct yp_http_head *head, const char *text)
{
    uint64_t length = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 18 || text[digits] != '\0') {
        PyErr_Format(PyExc_ValueError, "not a Content-Length: '%s'", text);
        return -1;
    }
    for (size_t i = 0; i < digits; i++)
        length = length * 10 + (uint64_t)(text[i] - '0');
    head->has_length = 1;
    head->length = length;
    return 0;
}

/* Of Connection only "close" is for an application to say. */
static void take_connection(struct yp_headers *headers)
{
    const char *value;
    int closes = 0;

    while ((value = yp_headers_take(headers, "connection")) != NULL)
        closes |= strcasecmp(value, "close") == 0;
    if (closes) /* in the place of one that was taken */
        headers->list[headers->num++] = (yodel_header){"connection", "close"};
}

/* Takes out of the headers what the library says by itself. */
static int take_framing(struct yp_http_head *head)
{
    const char *value;

    take_connection(&head->headers);
    head->has_length = 0;
    while ((value = yp_headers_take(&head->headers, "content-length")) != NULL)
        if (read_length(head, value) < 0)
            return -1;
    while ((value = yp_headers_take(&head->headers, "transfer-encoding")) != NULL) {
        if (strcasecmp(value, "chunked") != 0) {
            PyErr_Format(PyExc_ValueError, "a Transfer-Encoding that the server does not do: '%s'",
                         value);
            return -1;
        }
    }
    return 0;
}

static int read_head(struct yp_http *self, PyObject *message)
{
    const struct yp_names *names = &self->exchange.asgi->state->names;
    PyObject *status = yp_get(message, names->status), *headers = yp_get(message, names->headers);
    long value = status != NULL ? PyLong_AsLong(status) : 0;

    if (status == NULL)
        PyErr_SetString(PyExc_KeyError, "status");
    if (PyErr_Occurred())
        return -1;
    if (value < 200 || value > 599) {
        PyErr_Format(PyExc_ValueError, "a response has a status of 200 to 599, not %ld", value);
        return -1;
    }
    self->head.status = (int)value;
    if (yp_headers_read(&self->head.headers, headers) < 0)
        return -1;
    if (take_framing(&self->head) == 0)
        return 0;
    yp_headers_free(&self->head.headers);
    return -1;
}

/* ---- whole answers ---- */

static int raise_length(int is_longer)
{
    PyErr_SetString(PyExc_RuntimeError, is_longer ? "Response content longer than Content-Length"
                                                  : "Response content shorter than Content-Length");
    return -1;
}

static int raise_rc(struct yp_http *self, int rc, const char *what)
{
    if (rc == YODEL_ERR_CLOSED)
        (void)yp_raise_disconnected(self->exchange.asgi->state);
    else
        (void)yp_raise(self->exchange.asgi->state, rc, what);
    return -1;
}

static int is_mute(const struct yp_http *self)
{
    int status = self->head.status;

    return status == 204 || status == 205 || status == 304 ||
           yodel_str_eq(yodel_request_method(self->req), YODEL_STR("HEAD"));
}

/* The whole of an answer.  Results of yodel_request_respond(). */
static int give(struct yp_http *self, const yodel_response *response)
{
    struct yp_asgi *asgi = self->exchange.asgi;
    PyObject *line = yp_access_line(asgi, self->req, response->status);
    int rc;

    YP_CALL(asgi, rc = yodel_request_respond(self->req, response));
    yp_access_log(asgi, line, rc);
    if (rc < 0)
        return rc;
    yp_http_answer_over(self);
    complete(self);
    return 0;
}

static int respond(struct yp_http *self, yodel_bytes body)
{
    struct yp_http_head *head = &self->head;
    const yodel_response *response =
        YODEL_OPTIONS(yodel_response, .status = head->status, .body = body,
                      .headers = head->headers.list, .num_headers = head->headers.num);
    int rc = give(self, response);

    if (rc < 0)
        return raise_rc(self, rc, "answer the request");
    yp_headers_free(&head->headers);
    return 0;
}

/* ---- answers in parts ---- */

static void on_drain(yodel_stream *stream, void *user)
{
    struct yp_http *self = user;
    PyGILState_STATE gil = YP_ENTER();

    (void)stream;
    yp_wake(self->exchange.asgi->state, &self->senders);
    YP_LEAVE(gil);
}

static void on_close(yodel_stream *stream, yodel_stream_reason reason, void *user)
{
    struct yp_http *self = user;
    PyGILState_STATE gil = YP_ENTER();

    (void)stream;
    self->stream = NULL;
    Py_INCREF(self);
    yp_http_answer_over(self);
    if (reason != YODEL_STREAM_COMPLETE)
        yp_http_be_gone(self);
    Py_DECREF(self);
    YP_LEAVE(gil);
}

static int begin(struct yp_http *self)
{
    struct yp_asgi *asgi = self->exchange.asgi;
    struct yp_http_head *head = &self->head;
    const yodel_stream_options *options = YODEL_OPTIONS(
        yodel_stream_options, .status = head->status, .headers = head->headers.list,
        .num_headers = head->headers.num, .has_length = head->has_length, .length = head->length,
        .max_buffered = MAX_BUFFERED, .on_drain = on_drain, .on_close = on_close, .user = self);
    PyObject *line = yp_access_line(asgi, self->req, head->status);
    int rc;

    YP_CALL(asgi, rc = yodel_request_stream_begin(self->req, options, &self->stream));
    yp_access_log(asgi, line, rc);
    if (rc < 0)
        return raise_rc(self, rc, "begin the answer");
    self->stage = YP_HTTP_PARTS;
    yp_headers_free(&head->headers);
    return 0;
}

void yp_http_be_patient_no_more(yodel_timer *timer, void *user)
{
    struct yp_http *self = user;
    PyGILState_STATE gil = YP_ENTER();

    (void)timer;
    if (self->stage == YP_HTTP_FIRST && begin(self) < 0)
        PyErr_Clear(); /* the first content tells, in send() */
    YP_LEAVE(gil);
}

static int end(struct yp_http *self)
{
    int rc;

    YP_CALL(self->exchange.asgi, rc = yodel_stream_end(self->stream));
    if (rc == YODEL_ERR_STATE)
        return raise_length(0);
    if (rc < 0)
        return raise_rc(self, rc, "end the answer");
    complete(self);
    return 0;
}

/* 1: done; 0: not yet, too much waits for the client; -1: with an exception. */
static int write_part(struct yp_http *self, yodel_bytes data, int more)
{
    int rc;

    if (self->stream == NULL) { /* an answer without content, and it is over */
        if (!more)
            complete(self);
        return 1;
    }
    YP_CALL(self->exchange.asgi, rc = yodel_stream_write(self->stream, data));
    if (rc == YODEL_ERR_CONGESTED)
        return 0;
    if (rc == YODEL_ERR_TOO_BIG)
        return raise_length(1);
    if (rc < 0)
        return raise_rc(self, rc, "write to the answer");
    return more || end(self) == 0 ? 1 : -1;
}

/* The first part of the content. */
static int write_first(struct yp_http *self, yodel_bytes data, int more)
{
    const struct yp_http_head *head = &self->head;
    int mute = is_mute(self);

    (void)yodel_timer_stop(&self->patience);
    if (!more && !(mute && head->has_length && head->length != data.len)) {
        if (!mute && head->has_length && head->length != data.len)
            return raise_length(data.len > head->length);
        return respond(self, data) < 0 ? -1 : 1;
    }
    return begin(self) < 0 ? -1 : write_part(self, data, more);
}

static int write_any(struct yp_http *self, PyObject *body, int more)
{
    Py_buffer view = {.buf = NULL};
    yodel_bytes data = {NULL, 0};
    int rc;

    if (self->is_gone)
        return raise_rc(self, YODEL_ERR_CLOSED, NULL);
    if (body != NULL && PyObject_GetBuffer(body, &view, PyBUF_SIMPLE) < 0)
        return -1;
    if (view.buf != NULL)
        data = (yodel_bytes){view.buf, (size_t)view.len};
    rc =
        self->stage == YP_HTTP_FIRST ? write_first(self, data, more) : write_part(self, data, more);
    if (body != NULL)
        PyBuffer_Release(&view);
    return rc;
}

/* ---- early hints ---- */

/* The links as headers, a new list. */
static PyObject *link_headers(PyObject *links)
{
    PyObject *items = PySequence_List(links), *name = PyBytes_FromString("Link"), *pair;

    for (Py_ssize_t i = 0; items != NULL && name != NULL && i < PyList_GET_SIZE(items); i++) {
        pair = PyTuple_Pack(2, name, PyList_GET_ITEM(items, i));
        if (pair == NULL || PyList_SetItem(items, i, pair) < 0)
            Py_CLEAR(items);
    }
    if (name == NULL)
        Py_CLEAR(items);
    Py_XDECREF(name);
    return items;
}

/* {"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]} */
static PyObject *send_hint(struct yp_http *self, PyObject *message)
{
    struct yp_asgi *asgi = self->exchange.asgi;
    PyObject *links = yp_get(message, asgi->state->names.links);
    PyObject *list = links != NULL ? link_headers(links) : PyList_New(0);
    struct yp_headers headers;
    int rc;

    if (list == NULL)
        return NULL;
    rc = yp_headers_read(&headers, list);
    Py_DECREF(list);
    if (rc < 0)
        return NULL;
    YP_CALL(asgi, rc = yodel_request_early_hints(self->req, headers.list, headers.num));
    yp_headers_free(&headers);
    if (rc < 0 && rc != YODEL_ERR_CONGESTED) /* a hint that would have to wait comes too late */
        return yp_raise(asgi->state, rc, "early hints");
    return yp_ready_none(asgi->state);
}

/* ---- messages ---- */

static PyObject *take(struct yp_waiter *waiter)
{
    struct yp_http *self = (struct yp_http *)waiter->owner;

    if (!yp_asgi_is_here(self->exchange.asgi) || write_any(self, waiter->arg, waiter->kind) <= 0)
        return NULL;
    return Py_NewRef(Py_None);
}

static PyObject *send_start(struct yp_http *self, PyObject *message)
{
    if (read_head(self, message) < 0)
        return NULL;
    self->stage = YP_HTTP_FIRST;
    if (yodel_timer_start(&self->patience, PATIENCE_MS) < 0) { /* the loop ends */
        (void)raise_rc(self, YODEL_ERR_CLOSED, NULL);
        return NULL;
    }
    return yp_ready_none(self->exchange.asgi->state);
}

static PyObject *send_body(struct yp_http *self, PyObject *message)
{
    const struct yp_names *names = &self->exchange.asgi->state->names;
    PyObject *body = yp_get(message, names->body), *flag = yp_get(message, names->more_body);
    int more = flag != NULL ? PyObject_IsTrue(flag) : 0;
    int rc = more < 0 ? -1 : write_any(self, body, more);

    if (rc < 0)
        return NULL;
    if (rc > 0)
        return yp_ready_none(self->exchange.asgi->state);
    return yp_waiter_new(self->exchange.asgi->state, (PyObject *)self, &self->exchange.spare,
                         &self->exchange.asgi->home, &self->senders, take, body, more);
}

static PyObject *send_message(struct yp_http *self, PyObject *type, PyObject *message)
{
    const struct yp_names *names = &self->exchange.asgi->state->names;

    if (self->is_gone)
        return yp_raise_disconnected(self->exchange.asgi->state);
    if (self->stage == YP_HTTP_COMPLETE)
        return PyErr_Format(PyExc_RuntimeError,
                            "Unexpected ASGI message '%S' sent, after response already completed.",
                            type);
    if (self->stage == YP_HTTP_START && yp_is_name(type, names->early_hint))
        return send_hint(self, message);
    if (self->stage == YP_HTTP_START)
        return yp_is_name(type, names->http_start) ? send_start(self, message)
                                                   : refuse_type(type, "http.response.start");
    return yp_is_name(type, names->http_body) ? send_body(self, message)
                                              : refuse_type(type, "http.response.body");
}

PyObject *yp_http_send(PyObject *object, PyObject *message)
{
    struct yp_http *self = (struct yp_http *)object;
    PyObject *type;

    if (!yp_asgi_is_here(self->exchange.asgi))
        return NULL;
    if (!PyDict_Check(message))
        return PyErr_Format(PyExc_TypeError, "an ASGI message is a dict");
    if ((type = yp_get(message, self->exchange.asgi->state->names.type)) == NULL)
        return PyErr_Format(PyExc_KeyError, "type");
    return send_message(self, type, message);
}

/* ---- in place of the application ---- */

int yp_http_answer_text(struct yp_http *self, int status, const char *text)
{
    static const yodel_header close[] = {{"connection", "close"}};
    yodel_str body = yodel_str_of(text);

    if (!self->has_answer || self->is_gone || self->stage > YP_HTTP_FIRST)
        return 0;
    return give(self, YODEL_OPTIONS(yodel_response, .status = status, .content_type = TEXT_TYPE,
                                    .body = {(const uint8_t *)body.ptr, body.len}, .headers = close,
                                    .num_headers = 1)) == 0;
}

void yp_http_cut(struct yp_http *self)
{
    YP_CALL(self->exchange.asgi, yodel_stream_abort(self->stream)); /* on_close follows */
}
