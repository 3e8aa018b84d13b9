/* SPDX-License-Identifier: MIT */
#include "asgi_ws.h"
#include "asgi_ws_port.h"
#include "errors.h"
#include "log_line.h"
#include "scope.h"

/* As the originals: 16 MiB, a ping after 20 s, 20 s for the answer. */
#define MAX_MESSAGE ((size_t)16 * 1024 * 1024)
#define PING_SECONDS 20.0
/* Above it a send waits until the client has taken all. */
#define HIGH_WATER ((size_t)64 * 1024)

/* ---- events for the application ---- */

static PyObject *new_event(PyObject *type_name, PyObject *type)
{
    PyObject *event = PyDict_New();

    if (event != NULL && PyDict_SetItem(event, type_name, type) < 0)
        Py_CLEAR(event);
    return event;
}

static PyObject *connect_event(struct yp_ws *self)
{
    const struct yp_names *names = &self->exchange.asgi->state->names;

    self->was_told = 1;
    return new_event(names->type, names->connect);
}

static PyObject *disconnect_event(struct yp_ws *self)
{
    const struct yp_names *names = &self->exchange.asgi->state->names;
    PyObject *event = new_event(names->type, names->disconnect);
    PyObject *reason = self->close_reason;

    if (event == NULL)
        return NULL;
    self->was_told_end = 1;
    if (yp_put(event, names->code, PyLong_FromLong(self->close_code)) < 0 ||
        yp_put(event, names->reason,
               reason != NULL ? Py_NewRef(reason) : PyUnicode_FromStringAndSize(NULL, 0)) < 0)
        Py_CLEAR(event);
    return event;
}

static PyObject *message_event(struct yp_ws *self, PyObject *data /* taken */)
{
    const struct yp_names *names = &self->exchange.asgi->state->names;
    PyObject *event = new_event(names->type, names->ws_receive);

    if (event == NULL) {
        Py_DECREF(data);
        return NULL;
    }
    if (yp_put(event, PyUnicode_CheckExact(data) ? names->text : names->bytes, data) < 0)
        Py_CLEAR(event);
    return event;
}

/* ---- receive() ---- */

static void resume(struct yp_ws *self)
{
    self->is_paused = 0;
    if (self->ws != NULL)
        YP_CALL(self->exchange.asgi, (void)yodel_ws_resume(self->ws));
}

static PyObject *take_item(struct yp_ws *self)
{
    PyObject *item = yp_inbox_pop(&self->queue);

    if (self->is_paused && yp_inbox_has_room(&self->queue))
        resume(self);
    return yp_inbox_is_event(item) ? item : message_event(self, item);
}

static PyObject *take_event(struct yp_waiter *waiter)
{
    struct yp_ws *self = (struct yp_ws *)waiter->owner;

    if (!yp_asgi_is_here(self->exchange.asgi))
        return NULL;
    if (!self->was_told)
        return connect_event(self);
    if (self->queue.num > 0)
        return take_item(self);
    return yp_ws_is_over(self) ? disconnect_event(self) : NULL;
}

static PyObject *ws_receive(PyObject *object, PyObject *unused)
{
    struct yp_ws *self = (struct yp_ws *)object;
    struct yp_asgi *asgi = self->exchange.asgi;

    (void)unused;
    return yp_waiter_new(asgi->state, object, &self->exchange.spare, &asgi->home, &self->receivers,
                         take_event, NULL, 0);
}

static PyMethodDef receive_method = {"receive", ws_receive, METH_NOARGS,
                                     "receive() -> awaitable of the next event, a dict"};
static PyMethodDef send_method = {"send", yp_ws_send, METH_O,
                                  "send(event) -> awaitable: the event is on its way"};

/* ---- the end of the application ---- */

/* Starlette's, raised where the program did not ask how the conversation has ended. */
static int is_disconnect(const struct yp_state *state, PyObject *error)
{
    const char *name = Py_TYPE(error)->tp_name, *dot = strrchr(name, '.');

    return PyErr_GivenExceptionMatches(error, state->client_disconnected) ||
           strcmp(dot != NULL ? dot + 1 : name, "WebSocketDisconnect") == 0;
}

static void log_error(struct yp_ws *self, PyObject *error)
{
    const struct yp_state *state = self->exchange.asgi->state;

    if (!PyErr_GivenExceptionMatches(error, PyExc_Exception) &&
        !PyErr_GivenExceptionMatches(error, state->cancelled_error))
        return; /* SystemExit, KeyboardInterrupt: the loop's own affair */
    if (self->ws == NULL && is_disconnect(state, error))
        yp_log(state, YODEL_LOG_DEBUG, NULL, "the application ended by %s",
               Py_TYPE(error)->tp_name);
    else if (PyErr_GivenExceptionMatches(error, state->cancelled_error))
        yp_log(state, YODEL_LOG_INFO, NULL, "the task of a WebSocket was cancelled");
    else
        yp_log(state, YODEL_LOG_ERROR, error, "Exception in ASGI application");
}

static void close_after(struct yp_ws *self, PyObject *error)
{
    struct yp_asgi *asgi = self->exchange.asgi;
    uint16_t code = error == NULL ? 1000 : asgi->is_stopping ? 1012 : 1011;

    YP_CALL(asgi, yodel_ws_close(self->ws, code, NULL));
}

static void refuse_after(struct yp_ws *self, PyObject *error)
{
    struct yp_asgi *asgi = self->exchange.asgi;
    int status = asgi->is_stopping ? 503 : 500;

    if (error == NULL)
        yp_log(asgi->state, YODEL_LOG_ERROR, NULL,
               "ASGI callable returned without accepting or closing the WebSocket");
    YP_CALL(asgi, (void)yodel_ws_reject(self->ws, YODEL_OPTIONS(yodel_response, .status = status)));
    yp_ws_log_decision(self, asgi->is_stopping ? "503" : "500");
}

static void ws_ended(struct yp_exchange *exchange, PyObject *error)
{
    struct yp_ws *self = (struct yp_ws *)exchange;

    if (error != NULL)
        log_error(self, error);
    if (self->ws != NULL && self->phase == YP_WS_OPEN)
        close_after(self, error);
    else if (self->ws != NULL && self->phase != YP_WS_CLOSED && !yp_ws_is_refusing(self))
        refuse_after(self, error);
    self->phase = YP_WS_CLOSED;
    yp_inbox_clear(&self->queue);
    yp_ws_end_denial(self);
}

/* ---- callbacks of the library ---- */

static int add_subprotocols(struct yp_asgi *asgi, yodel_request *req, PyObject *scope)
{
    PyObject *list = PyList_New(0), *name;
    yodel_str text;
    int rc = list != NULL ? 0 : -1;

    for (size_t i = 0; rc == 0 && (text = yodel_request_subprotocol(req, i)).ptr != NULL; i++) {
        name = PyUnicode_DecodeASCII(text.ptr, (Py_ssize_t)text.len, "replace");
        rc = name != NULL ? PyList_Append(list, name) : -1;
        Py_XDECREF(name);
    }
    if (rc == 0)
        return yp_put(scope, asgi->state->names.subprotocols, list);
    Py_XDECREF(list);
    return -1;
}

static PyObject *ws_scope(struct yp_asgi *asgi, yodel_request *req)
{
    const struct yp_names *names = &asgi->state->names;
    PyObject *scheme = yodel_request_is_tls(req) ? names->wss : names->ws;
    PyObject *scope = yp_scope_new(asgi, req, names->websocket, scheme, asgi->extensions_ws);

    if (scope != NULL && add_subprotocols(asgi, req, scope) < 0)
        Py_CLEAR(scope);
    return scope;
}

void yp_ws_log_decision(struct yp_ws *self, const char *decision)
{
    PyObject *label = self->label;

    self->label = NULL;
    if (label == NULL)
        return;
    yp_log(self->exchange.asgi->state, YODEL_LOG_INFO, NULL, "%U [%s]", label, decision);
    Py_DECREF(label);
}

/* 127.0.0.1:4711 - "WebSocket /ws?a=b", cut short when it is long. */
static PyObject *label_of(yodel_request *req)
{
    yodel_str peer = yodel_request_peer(req), path = yodel_request_path(req);
    yodel_str query = yodel_request_query(req);
    char text[400];
    int len =
        snprintf(text, sizeof text - 1, "%" YODEL_PRI " - \"WebSocket %" YODEL_PRI "%s%" YODEL_PRI,
                 YODEL_ARG(peer), YODEL_ARG(path), query.ptr != NULL ? "?" : "", YODEL_ARG(query));
    PyObject *label;

    if (len > (int)sizeof text - 2)
        len = (int)sizeof text - 2;
    text[len] = '"';
    if ((label = PyUnicode_DecodeUTF8(text, len + 1, "backslashreplace")) == NULL)
        PyErr_Clear();
    return label;
}

/* The result of on_connect. */
static int begin(struct yp_asgi *asgi, yodel_ws *ws, yodel_request *req)
{
    PyObject *scope = ws_scope(asgi, req);
    struct yp_ws *self = NULL;

    if (scope != NULL)
        self = (struct yp_ws *)yp_exchange_new(asgi->state->asgi_ws_type, asgi, ws_ended);
    if (self == NULL) {
        Py_XDECREF(scope);
        return -1;
    }
    self->ws = ws;
    if (yp_log_is_on(asgi->state, YODEL_LOG_INFO))
        self->label = label_of(req);
    yodel_ws_set_data(ws, self, NULL); /* the library's reference, until on_close */
    asgi->num_websockets++;
    yp_exchange_spawn(&self->exchange, scope, &receive_method, &send_method);
    Py_DECREF(scope);
    return 0;
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct yp_asgi *asgi = user;
    PyGILState_STATE gil = YP_ENTER();
    int rc;

    asgi->home.depth++; /* what spawning calls may not be stepped into */
    if ((rc = begin(asgi, ws, req)) < 0)
        PyErr_WriteUnraisable(asgi->app);
    asgi->home.depth--;
    YP_LEAVE(gil);
    return rc < 0 ? 503 : YODEL_DEFER;
}

static PyObject *object_of(const yodel_ws_message *message)
{
    const char *data = (const char *)message->data.ptr;
    Py_ssize_t len = (Py_ssize_t)message->data.len;

    return message->type == YODEL_WS_TEXT ? PyUnicode_DecodeUTF8(data, len, NULL)
                                          : PyBytes_FromStringAndSize(data, len);
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct yp_ws *self = yodel_ws_data(ws);
    struct yp_asgi *asgi = user;
    PyGILState_STATE gil = YP_ENTER();
    PyObject *data;
    int rc = -1;

    Py_INCREF(self);
    if ((data = object_of(message)) != NULL)
        rc = yp_inbox_push(&self->queue, data);
    if (rc < 0)
        PyErr_WriteUnraisable(asgi->app); /* out of memory: closed with 1011 */
    else
        yp_wake(asgi->state, &self->receivers);
    if (self->ws != NULL && !self->is_paused && yp_inbox_is_full(&self->queue)) {
        self->is_paused = 1;
        YP_CALL(asgi, (void)yodel_ws_pause(ws));
    }
    Py_DECREF(self);
    YP_LEAVE(gil);
    return rc;
}

static void on_drain(yodel_ws *ws, void *user)
{
    struct yp_ws *self = yodel_ws_data(ws);
    struct yp_asgi *asgi = user;
    PyGILState_STATE gil = YP_ENTER();

    Py_INCREF(self);
    yp_wake(asgi->state, &self->senders);
    Py_DECREF(self);
    YP_LEAVE(gil);
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    struct yp_ws *self = yodel_ws_data(ws);
    struct yp_asgi *asgi = user;
    PyGILState_STATE gil = YP_ENTER();

    self->ws = NULL;
    self->close_code = closing->code;
    if (closing->reason.len > 0)
        self->close_reason =
            PyUnicode_DecodeUTF8(closing->reason.ptr, (Py_ssize_t)closing->reason.len, "replace");
    PyErr_Clear();
    asgi->num_websockets--;
    yp_inbox_drop_events(&self->queue); /* they have nobody to go to */
    yp_wake(asgi->state, &self->receivers);
    yp_wake(asgi->state, &self->senders);
    Py_DECREF(self);
    YP_LEAVE(gil);
}

/* ---- the route ---- */

/* A number of the options, or what stands for it. */
static double option(PyObject *options, const char *name, double standard)
{
    PyObject *value = PyDict_GetItemString(options, name);

    return value != NULL && value != Py_None ? PyFloat_AsDouble(value) : standard;
}

static uint32_t milliseconds(double seconds)
{
    return seconds <= 0 || seconds > 4e6 ? UINT32_MAX : (uint32_t)(seconds * 1000);
}

/* None of an interval is never; absent is the usual one. */
static uint32_t interval(PyObject *options, const char *name)
{
    PyObject *value = PyDict_GetItemString(options, name);

    return milliseconds(value == Py_None ? 0 : option(options, name, PING_SECONDS));
}

static yodel_ws_deflate deflate(PyObject *options)
{
    PyObject *value = PyDict_GetItemString(options, "ws_per_message_deflate");

    if (value == NULL)
        return YODEL_WS_DEFLATE_SHARED;
    if (PyUnicode_Check(value) && PyUnicode_CompareWithASCIIString(value, "context") == 0)
        return YODEL_WS_DEFLATE_CONTEXT;
    return PyObject_IsTrue(value) == 1 ? YODEL_WS_DEFLATE_SHARED : YODEL_WS_DEFLATE_OFF;
}

/* A level or a window, which the library checks; 0: not given, as None. */
static unsigned deflate_number(PyObject *options, const char *name)
{
    double number = option(options, name, 0);

    if (PyErr_Occurred())
        return 0;
    if (number >= 0 && number <= UINT16_MAX && number == (unsigned)number)
        return (unsigned)number;
    PyErr_Format(PyExc_ValueError, "%s is out of range", name);
    return 0;
}

int yp_ws_route(struct yp_asgi *asgi, PyObject *options)
{
    const yodel_ws_options *ws_options = YODEL_OPTIONS(
        yodel_ws_options, .max_buffered = HIGH_WATER,
        .max_message = (size_t)option(options, "ws_max_size", (double)MAX_MESSAGE),
        .ping_ms = interval(options, "ws_ping_interval"),
        .pong_ms = interval(options, "ws_ping_timeout"), .deflate = deflate(options),
        .deflate_level = deflate_number(options, "ws_per_message_deflate_level"),
        .deflate_bits = deflate_number(options, "ws_per_message_deflate_window"),
        .deflate_client_bits = deflate_number(options, "ws_per_message_deflate_client_window"));
    int rc;

    if (PyErr_Occurred())
        return -1;
    rc = yodel_server_route_ws(asgi->server, "/{path...}",
                               YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect,
                                             .on_message = on_message, .on_drain = on_drain,
                                             .on_close = on_close, .options = ws_options),
                               asgi);
    return rc < 0 ? (yp_raise(asgi->state, rc, "the route of WebSockets"), -1) : 0;
}

/* ---- the type ---- */

static int ws_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct yp_ws *self = (struct yp_ws *)object;
    int rc = yp_exchange_traverse(&self->exchange, visit, arg);

    if (rc != 0)
        return rc;
    if (self->denial != NULL)
        Py_VISIT(self->denial->headers);
    return yp_inbox_traverse(&self->queue, visit, arg);
}

static int ws_clear(PyObject *object)
{
    struct yp_ws *self = (struct yp_ws *)object;

    yp_inbox_clear(&self->queue);
    yp_ws_free_denial(self);
    Py_CLEAR(self->close_reason);
    Py_CLEAR(self->label);
    yp_exchange_clear(&self->exchange);
    return 0;
}

static void ws_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    (void)ws_clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyType_Slot ws_slots[] = {
    {Py_tp_dealloc, ws_dealloc},
    {Py_tp_traverse, ws_traverse},
    {Py_tp_clear, ws_clear},
    {Py_tp_methods, yp_ws_port_methods},
    {Py_tp_doc, "A WebSocket of an ASGI application: what receive and send are bound to."},
    {0, NULL},
};

static PyType_Spec ws_spec = {
    .name = "yodel._yodel.AsgiWebSocket",
    .basicsize = sizeof(struct yp_ws),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = ws_slots,
};

int yp_asgi_ws_part(PyObject *module, struct yp_state *state)
{
    return yp_add_type(module, &ws_spec, &state->asgi_ws_type, 0);
}
