/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "asgi_http.h"
#include "errors.h"
#include "log_line.h"
#include "scope.h"

#define MAX_GROUP_DEPTH 8

/* ---- what is over ---- */

void yp_http_answer_over(struct yp_http *self)
{
    if (!self->has_answer)
        return;
    self->has_answer = 0;
    (void)yodel_timer_stop(&self->patience);
    self->decision = yodel_decision_unref(self->decision);
    if (!self->reads_body)
        self->req = NULL;
    Py_DECREF(self);
}

void yp_http_body_over(struct yp_http *self)
{
    self->reads_body = 0;
    if (!self->has_answer)
        self->req = NULL;
    Py_DECREF(self);
}

void yp_http_be_gone(struct yp_http *self)
{
    const struct yp_state *state = self->exchange.asgi->state;

    if (self->is_gone)
        return;
    self->is_gone = 1;
    Py_CLEAR(self->inbox.pending);
    yp_wake(state, &self->receivers);
    yp_wake(state, &self->senders);
}

/* The client has gone before it was answered, or the server has stopped. */
static void on_gone(yodel_decision *d, void *user)
{
    struct yp_http *self = user;
    PyGILState_STATE gil = YP_ENTER();

    (void)d;
    Py_INCREF(self);
    yp_http_answer_over(self);
    yp_http_be_gone(self);
    Py_DECREF(self);
    YP_LEAVE(gil);
}

/* ---- the end of the application ---- */

/* Starlette raises its own where a program reads on without asking how it has ended. */
static int is_disconnect(const struct yp_state *state, PyObject *error)
{
    const char *name = Py_TYPE(error)->tp_name, *dot = strrchr(name, '.');

    return PyErr_GivenExceptionMatches(error, state->client_disconnected) ||
           strcmp(dot != NULL ? dot + 1 : name, "ClientDisconnect") == 0;
}

/* So is a group of nothing else, which is what task groups make of it. */
static int is_all_disconnect(const struct yp_state *state, PyObject *error, int depth)
{
    PyObject *members;
    int is_all = 0;

    if (is_disconnect(state, error))
        return 1;
    if (depth == 0 || (members = PyObject_GetAttrString(error, "exceptions")) == NULL) {
        PyErr_Clear();
        return 0;
    }
    if (PyTuple_Check(members)) {
        is_all = PyTuple_GET_SIZE(members) > 0;
        for (Py_ssize_t i = 0; is_all && i < PyTuple_GET_SIZE(members); i++)
            is_all = is_all_disconnect(state, PyTuple_GET_ITEM(members, i), depth - 1);
    }
    Py_DECREF(members);
    return is_all;
}

static void log_error(const struct yp_http *self, PyObject *error)
{
    const struct yp_state *state = self->exchange.asgi->state;

    if (self->is_gone && is_all_disconnect(state, error, MAX_GROUP_DEPTH))
        yp_log(state, YODEL_LOG_DEBUG, NULL, "the client left: the application ended by %s",
               Py_TYPE(error)->tp_name);
    else if (PyErr_GivenExceptionMatches(error, state->cancelled_error))
        yp_log(state, YODEL_LOG_INFO, NULL, "the task of a request was cancelled");
    else
        yp_log(state, YODEL_LOG_ERROR, error, "Exception in ASGI application");
}

static void log_missing(const struct yp_http *self)
{
    yp_log(self->exchange.asgi->state, YODEL_LOG_ERROR, NULL,
           "ASGI callable returned without %s response.",
           self->stage == YP_HTTP_START ? "starting" : "completing");
}

static void http_ended(struct yp_exchange *exchange, PyObject *error)
{
    struct yp_http *self = (struct yp_http *)exchange;
    int is_stopping = exchange->asgi->is_stopping;

    if (error != NULL)
        log_error(self, error);
    if (self->stage == YP_HTTP_COMPLETE || self->is_gone)
        return;
    if (error == NULL)
        log_missing(self);
    if (!yp_http_answer_text(self, is_stopping ? 503 : 500,
                             is_stopping ? "Service Unavailable" : "Internal Server Error"))
        yp_http_cut(self);
    yp_http_be_gone(self);
}

/* ---- the beginning ---- */

static PyMethodDef receive_method = {"receive", yp_http_receive, METH_NOARGS,
                                     "receive() -> awaitable of the next event, a dict"};
static PyMethodDef send_method = {"send", yp_http_send, METH_O,
                                  "send(event) -> awaitable: the event is on its way"};

static PyObject *http_scope(struct yp_asgi *asgi, yodel_request *req)
{
    const struct yp_names *names = &asgi->state->names;
    PyObject *scheme = yodel_request_is_tls(req) ? names->https : names->http;
    PyObject *scope = yp_scope_new(asgi, req, names->http, scheme, asgi->extensions_http);
    yodel_str method = yodel_request_method(req);

    if (scope != NULL &&
        yp_put(scope, names->method,
               PyUnicode_DecodeASCII(method.ptr, (Py_ssize_t)method.len, "replace")) < 0)
        Py_CLEAR(scope);
    return scope;
}

static struct yp_http *http_new(struct yp_asgi *asgi, yodel_request *req)
{
    struct yp_http *self =
        (struct yp_http *)yp_exchange_new(asgi->state->asgi_http_type, asgi, http_ended);

    if (self == NULL)
        return NULL;
    self->req = req;
    yp_http_body_init(self);
    yodel_timer_init(&self->patience, yodel_request_loop(req), yp_http_be_patient_no_more, self);
    if ((self->decision = yodel_request_defer(req)) == NULL ||
        yodel_decision_on_gone(self->decision, on_gone, self) < 0) {
        self->decision = yodel_decision_unref(self->decision);
        Py_DECREF(self);
        PyErr_NoMemory();
        return NULL;
    }
    self->has_answer = 1; /* with the reference that is returned */
    return self;
}

/* Without memory for it the handler gives no answer, and the client gets 500. */
static int begin(struct yp_asgi *asgi, yodel_request *req)
{
    PyObject *scope = http_scope(asgi, req);
    struct yp_http *self = scope != NULL ? http_new(asgi, req) : NULL;

    if (self != NULL)
        yp_exchange_spawn(&self->exchange, scope, &receive_method, &send_method);
    Py_XDECREF(scope);
    return self != NULL ? 0 : -1;
}

static void on_request(yodel_request *req, void *user)
{
    struct yp_asgi *asgi = user;
    PyGILState_STATE gil = YP_ENTER();

    asgi->home.depth++;
    if (begin(asgi, req) < 0)
        PyErr_WriteUnraisable(asgi->app);
    asgi->home.depth--;
    YP_LEAVE(gil);
}

/* ---- the route ---- */

static int read_options(struct yp_asgi *asgi, PyObject *options)
{
    PyObject *limit = PyDict_GetItemString(options, "limit_request_body");
    PyObject *log = PyDict_GetItemString(options, "access_log");

    asgi->max_body = UINT64_MAX;
    if (limit != NULL && limit != Py_None) {
        unsigned long long bytes = PyLong_AsUnsignedLongLong(limit);

        if (PyErr_Occurred())
            return -1;
        asgi->max_body = bytes != 0 ? bytes : UINT64_MAX;
    }
    if (log != NULL && log != Py_None)
        asgi->access_log = Py_NewRef(log);
    return 0;
}

int yp_http_route(struct yp_asgi *asgi, PyObject *options)
{
    const yodel_route_options *route =
        YODEL_OPTIONS(yodel_route_options, .on_request = on_request, .stream_body = 1);
    int rc;

    if (read_options(asgi, options) < 0)
        return -1;
    rc = yodel_server_route_with(asgi->server, "/{path...}", route, asgi);
    return rc < 0 ? (yp_raise(asgi->state, rc, "the route of requests"), -1) : 0;
}

/* ---- the type ---- */

static int http_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct yp_http *self = (struct yp_http *)object;

    Py_VISIT(self->inbox.pending);
    Py_VISIT(self->head.headers.kept);
    return yp_exchange_traverse(&self->exchange, visit, arg);
}

static int http_clear(PyObject *object)
{
    struct yp_http *self = (struct yp_http *)object;

    Py_CLEAR(self->inbox.pending);
    yp_headers_free(&self->head.headers);
    yp_exchange_clear(&self->exchange);
    return 0;
}

static void http_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    (void)http_clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyType_Slot http_slots[] = {
    {Py_tp_dealloc, http_dealloc},
    {Py_tp_traverse, http_traverse},
    {Py_tp_clear, http_clear},
    {Py_tp_doc, "A request of an ASGI application: what receive and send are bound to."},
    {0, NULL},
};

static PyType_Spec http_spec = {
    .name = "yodel._yodel.AsgiRequest",
    .basicsize = sizeof(struct yp_http),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = http_slots,
};

int yp_asgi_http_part(PyObject *module, struct yp_state *state)
{
    return yp_add_type(module, &http_spec, &state->asgi_http_type, 0);
}
