/* SPDX-License-Identifier: MIT */
#include "wsgi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "errors.h"

/* ---- on loops ---- */

static bool has_body(const yodel_request *req)
{
    yodel_str length = yodel_request_header(req, "Content-Length");

    return yodel_request_header(req, "Transfer-Encoding").ptr != NULL ||
           (length.len > 0 && !yodel_str_eq(length, YODEL_STR("0")));
}

static int fill(struct yp_wsgi *wsgi, yodel_request *req)
{
    yodel_decision *decision;

    wsgi->work.kind = YP_HTTP;
    if ((wsgi->head = yp_head_new(req)) == NULL || (decision = yodel_request_defer(req)) == NULL ||
        (wsgi->answer = yp_answer_new(decision)) == NULL)
        return -ENOMEM;
    wsgi->work.item.bytes = sizeof *wsgi + wsgi->head->size;
    return !has_body(req) || (wsgi->body = yp_body_begin(req)) != NULL ? 0 : -ENOMEM;
}

static void refuse(struct yp_wsgi *wsgi)
{
    static const yodel_header retry = {"Retry-After", "1"};

    if (wsgi->answer != NULL)
        (void)yp_answer_whole(wsgi->answer,
                              YODEL_OPTIONS(yodel_response, .status = 503, .headers = &retry,
                                            .num_headers = 1, .content_type = "text/plain",
                                            .body = {(const uint8_t *)"busy\n", 5}));
    yp_wsgi_free(wsgi);
}

static void on_request(yodel_request *req, void *user)
{
    struct yp_sio *self = user;
    struct yp_wsgi *wsgi = calloc(1, sizeof *wsgi);

    if (wsgi == NULL) /* it is answered 500 */
        return;
    if (fill(wsgi, req) < 0 ||
        yp_queue_push_loose(&self->service.queue, &wsgi->work.item, false) < 0)
        refuse(wsgi);
}

int yp_wsgi_route(struct yp_sio *self)
{
    return yodel_server_route_with(self->service.server, "^/.*",
                                   YODEL_OPTIONS(yodel_route_options, .on_request = on_request,
                                                 .stream_body = 1, .max_body = UINT64_MAX),
                                   self);
}

void yp_wsgi_free(struct yp_wsgi *wsgi)
{
    yp_body_unref(wsgi->body);
    yp_answer_unref(wsgi->answer);
    free(wsgi->head);
    free(wsgi);
}

/* ---- WsgiRequest ---- */

struct request {
    PyObject_HEAD
    struct yp_sio *server; /* a reference */
    PyObject *environ;
    struct yp_answer *answer;
    int status; /* 0: start_response() was not called */
    bool is_head, is_begun, is_whole;
    uint64_t length;  /* UINT64_MAX: not known */
    PyObject *fields; /* list of bytes, names and values in turn */
};

static struct request *request_of(PyObject *object)
{
    return (struct request *)(void *)object;
}

PyObject *yp_wsgi_tuple(struct yp_sio *self, struct yp_wsgi *wsgi)
{
    PyTypeObject *type = self->state->wsgi_request_type;
    struct request *request = (struct request *)(void *)type->tp_alloc(type, 0);
    PyObject *input = request != NULL ? yp_wsgi_input_new(self->state, wsgi->body) : NULL;

    if (input == NULL) {
        Py_XDECREF((PyObject *)request);
        return NULL;
    }
    request->server = (struct yp_sio *)(void *)Py_NewRef((PyObject *)self);
    request->answer = yp_answer_ref(wsgi->answer);
    request->length = UINT64_MAX;
    request->is_head = yodel_str_eq(wsgi->head->line.method, YODEL_STR("HEAD"));
    request->environ = yp_head_to_environ(self, wsgi->head, input);
    Py_DECREF(input);
    if (request->environ == NULL) {
        Py_DECREF((PyObject *)request);
        return NULL;
    }
    return Py_BuildValue("(iN)", YP_HTTP, (PyObject *)request);
}

/* ---- start_response ---- */

/* What a server decides, and an application may not (PEP 3333). */
static bool is_ours(const char *name)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding", "Connection",
                                        "Keep-Alive",     "Upgrade",           "TE",
                                        "Trailer"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static int add_field(struct request *self, PyObject *name, PyObject *value)
{
    PyObject *key = PyUnicode_Check(name) ? PyUnicode_AsLatin1String(name) : NULL;
    PyObject *text = PyUnicode_Check(value) ? PyUnicode_AsLatin1String(value) : NULL;
    char *data;
    int rc = -1;

    if (key != NULL && text != NULL && PyBytes_AsStringAndSize(key, &data, NULL) == 0 &&
        PyBytes_AsStringAndSize(text, &data, NULL) == 0) {
        if (strcasecmp(PyBytes_AS_STRING(key), "Content-Length") == 0)
            self->length = strtoull(data, NULL, 10);
        rc = is_ours(PyBytes_AS_STRING(key)) ? 0 : PyList_Append(self->fields, key);
        if (rc == 0 && !is_ours(PyBytes_AS_STRING(key)))
            rc = PyList_Append(self->fields, text);
    } else if (!PyErr_Occurred()) {
        PyErr_SetString(PyExc_TypeError, "headers are tuples of two str");
    }
    Py_XDECREF(key);
    Py_XDECREF(text);
    return rc;
}

static int read_fields(struct request *self, PyObject *headers)
{
    PyObject *list = PySequence_Fast(headers, "headers are a list");
    int rc = list != NULL ? 0 : -1;

    Py_XSETREF(self->fields, PyList_New(0));
    self->length = UINT64_MAX;
    for (Py_ssize_t i = 0; rc == 0 && i < PySequence_Fast_GET_SIZE(list); i++) {
        PyObject *pair = PySequence_Fast_GET_ITEM(list, i);

        if (PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2) {
            rc = add_field(self, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
        } else {
            PyErr_SetString(PyExc_TypeError, "headers are tuples of two str");
            rc = -1;
        }
    }
    Py_XDECREF(list);
    return self->fields != NULL ? rc : -1;
}

static int read_status(const char *status)
{
    char *end;
    long number = strtol(status, &end, 10);

    if (end != status + 3 || (*end != ' ' && *end != '\0') || number < 200 || number > 599) {
        PyErr_Format(PyExc_ValueError, "not a status: %.100s", status);
        return -1;
    }
    return (int)number;
}

/* raise exc_info[1].with_traceback(exc_info[2]) */
static PyObject *raise_again(PyObject *exc_info)
{
    PyObject *type, *value, *trace;

    if (!PyArg_ParseTuple(exc_info, "OOO", &type, &value, &trace))
        return NULL;
    Py_INCREF(type);
    Py_INCREF(value);
    Py_XINCREF(trace != Py_None ? trace : NULL);
    PyErr_Restore(type, value, trace != Py_None ? trace : NULL);
    return NULL;
}

static PyObject *start_response(PyObject *object, PyObject *args, PyObject *named)
{
    static char *words[] = {"status", "headers", "exc_info", NULL};
    struct request *self = request_of(object);
    PyObject *headers, *exc_info = Py_None;
    const char *text;
    int status;

    if (!PyArg_ParseTupleAndKeywords(args, named, "sO|O:start_response", words, &text, &headers,
                                     &exc_info))
        return NULL;
    if (exc_info != Py_None && (self->is_begun || self->is_whole))
        return raise_again(exc_info);
    if (exc_info == Py_None && self->status != 0) {
        PyErr_SetString(PyExc_AssertionError, "start_response() was called before");
        return NULL;
    }
    if ((status = read_status(text)) < 0 || read_fields(self, headers) < 0)
        return NULL;
    self->status = status;
    return PyObject_GetAttrString(object, "write");
}

/* ---- answering ---- */

/* Calls answer with the status and the headers that were given. */
static int with_head(struct request *self, yodel_bytes body, bool whole)
{
    size_t num = (size_t)PyList_GET_SIZE(self->fields) / 2;
    yodel_header *headers = PyMem_Calloc(num + 1, sizeof *headers);
    yodel_response response = {.size = sizeof response,
                               .status = self->status,
                               .body = body,
                               .headers = headers,
                               .num_headers = num};
    int rc;

    if (headers == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < num; i++) {
        headers[i].name = PyBytes_AS_STRING(PyList_GET_ITEM(self->fields, 2 * (Py_ssize_t)i));
        headers[i].value = PyBytes_AS_STRING(PyList_GET_ITEM(self->fields, 2 * (Py_ssize_t)i + 1));
    }
    rc = whole ? yp_answer_whole(self->answer, &response)
               : yp_answer_begin(self->answer, &response, self->length);
    PyMem_Free(headers);
    return rc;
}

static int raise(struct request *self, int rc)
{
    if (rc < 0)
        (void)yp_raise(self->server->state, rc, "answer");
    return rc < 0 ? -1 : 0;
}

static int answer_whole(struct request *self, yodel_bytes body)
{
    self->is_whole = true;
    /* What HEAD, 304 and the like say of a body that is not sent. */
    if (body.len == 0 && self->is_head && self->length != UINT64_MAX)
        return raise(self, with_head(self, body, false));
    return raise(self, with_head(self, body, true));
}

/* One part of the content; is_last: nothing follows. */
static int send(struct request *self, PyObject *data, bool is_last)
{
    yodel_bytes bytes;
    int rc;

    if (!PyBytes_Check(data)) {
        PyErr_Format(PyExc_TypeError, "an application gives bytes, not %.100s",
                     Py_TYPE(data)->tp_name);
        return -1;
    }
    bytes = (yodel_bytes){(const uint8_t *)PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data)};
    if (bytes.len == 0)
        return 0;
    if (self->status == 0) {
        PyErr_SetString(PyExc_AssertionError, "start_response() was not called");
        return -1;
    }
    if (self->is_whole)
        return self->is_head ? 0 : raise(self, YODEL_ERR_TOO_BIG);
    if (!self->is_begun && (is_last || bytes.len == self->length))
        return answer_whole(self, bytes);
    if (!self->is_begun && raise(self, with_head(self, (yodel_bytes){NULL, 0}, false)) < 0)
        return -1;
    self->is_begun = true;
    Py_BEGIN_ALLOW_THREADS rc = yp_answer_write(self->answer, bytes);
    Py_END_ALLOW_THREADS return raise(self, rc);
}

static PyObject *request_write(PyObject *object, PyObject *data)
{
    if (send(request_of(object), data, false) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static int send_all(struct request *self, PyObject *result)
{
    bool is_one = (PyList_Check(result) || PyTuple_Check(result)) && PySequence_Size(result) == 1;
    PyObject *iterator = PyObject_GetIter(result), *data;
    int rc = iterator != NULL ? 0 : -1;

    while (rc == 0 && (data = PyIter_Next(iterator)) != NULL) {
        rc = send(self, data, is_one);
        Py_DECREF(data);
    }
    Py_XDECREF(iterator);
    return rc < 0 || PyErr_Occurred() ? -1 : 0;
}

static int finish(struct request *self)
{
    if (self->is_begun) {
        yp_answer_end(self->answer, false);
        return 0;
    }
    if (self->is_whole)
        return 0;
    if (self->status == 0) {
        PyErr_SetString(PyExc_AssertionError, "start_response() was not called");
        return -1;
    }
    return answer_whole(self, (yodel_bytes){NULL, 0});
}

/* close() of what an application returned, whatever has happened. */
static void close_result(struct request *self, PyObject *result)
{
    PyObject *type, *value, *trace, *close, *done = NULL;

    PyErr_Fetch(&type, &value, &trace);
    if ((close = PyObject_GetAttrString(result, "close")) == NULL)
        PyErr_Clear();
    else if ((done = PyObject_CallNoArgs(close)) == NULL)
        yp_sio_log_error(self->server, "Exception in close() of an answer");
    Py_XDECREF(close);
    Py_XDECREF(done);
    PyErr_Restore(type, value, trace);
}

/* An exception is set: the client gets 500, or sees that the answer is not whole. */
static void fail(struct request *self)
{
    static const char text[] = "Internal Server Error";
    bool has_gone = PyErr_ExceptionMatches(self->server->state->client_disconnected);

    if (has_gone)
        PyErr_Clear();
    else
        yp_sio_log_error(self->server, "Exception in the application");
    if (self->is_begun)
        yp_answer_end(self->answer, true);
    if (!has_gone)
        (void)yp_answer_whole(self->answer,
                              YODEL_OPTIONS(yodel_response, .status = 500,
                                            .content_type = "text/plain; charset=utf-8",
                                            .body = {(const uint8_t *)text, sizeof text - 1}));
}

static PyObject *request_run(PyObject *object, PyObject *app)
{
    struct request *self = request_of(object);
    PyObject *start = PyObject_GetAttrString(object, "start_response"), *result = NULL;
    int rc = -1;

    if (start != NULL)
        result = PyObject_CallFunctionObjArgs(app, self->environ, start, NULL);
    Py_XDECREF(start);
    if (result != NULL) {
        rc = send_all(self, result);
        if (rc == 0)
            rc = finish(self);
        close_result(self, result);
        Py_DECREF(result);
    }
    if (rc < 0)
        fail(self);
    Py_CLEAR(self->environ); /* which may refer to what refers to us */
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static PyObject *get_environ(PyObject *object, void *unused)
{
    PyObject *env = request_of(object)->environ;

    (void)unused;
    return Py_NewRef(env != NULL ? env : Py_None);
}

static int request_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(request_of(object)->environ);
    return 0;
}

static int request_clear(PyObject *object)
{
    Py_CLEAR(request_of(object)->environ);
    return 0;
}

static void request_dealloc(PyObject *object)
{
    struct request *self = request_of(object);
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    (void)request_clear(object);
    Py_CLEAR(self->fields);
    yp_answer_unref(self->answer);
    Py_XDECREF((PyObject *)self->server);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef request_methods[] = {
    {"run", request_run, METH_O,
     "run(app): answers by a WSGI application.  Its exceptions are logged, and answered 500."},
    {"start_response", (PyCFunction)(void (*)(void))start_response, METH_VARARGS | METH_KEYWORDS,
     "start_response(status, headers, exc_info=None) -> write (PEP 3333)"},
    {"write", request_write, METH_O, "write(data): sends a part of the content (PEP 3333)"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef request_getset[] = {
    {"environ", get_environ, NULL, "dict of WSGI; None once run() has returned", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot request_slots[] = {
    {Py_tp_dealloc, request_dealloc},
    {Py_tp_traverse, request_traverse},
    {Py_tp_clear, request_clear},
    {Py_tp_methods, request_methods},
    {Py_tp_getset, request_getset},
    {Py_tp_doc, "An HTTP request, of an HTTP item."},
    {0, NULL},
};

static PyType_Spec request_spec = {
    .name = "yodel._yodel.WsgiRequest",
    .basicsize = sizeof(struct request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = request_slots,
};

int yp_wsgi_part(PyObject *module, struct yp_state *state)
{
    return yp_add_type(module, &request_spec, &state->wsgi_request_type, 0);
}
