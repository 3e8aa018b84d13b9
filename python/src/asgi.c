/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "asgi.h"
#include "asgi_http.h"
#include "asgi_ws.h"
#include "errors.h"
#include "exchange.h"
#include "log_line.h"
#include "uv_guest.h"

#define MOST_FDS 255
#define MOST_TRUSTED 256
/* "service restart" (RFC 6455 7.4, IANA): clients come again. */
#define STOP_CODE 1012
/* Idle connections end in the course of this time: a request may be on its way to one. */
#define SPREAD_MS 200

/* ---- making one ---- */

static yodel_log_sink sink_of(struct yp_asgi *self)
{
    return (yodel_log_sink){
        .write = yp_log_from_library, .min_level = yp_log_least(self->state), .user = self};
}

static long whole(PyObject *options, const char *name, long standard)
{
    PyObject *value = PyDict_GetItemString(options, name);

    return value != NULL && value != Py_None ? PyLong_AsLong(value) : standard;
}

static const char *text(PyObject *options, const char *name, const char *standard)
{
    PyObject *value = PyDict_GetItemString(options, name);

    if (value == NULL)
        return standard;
    return value != Py_None ? PyUnicode_AsUTF8(value) : NULL;
}

static int make_server(struct yp_asgi *self, PyObject *options)
{
    yodel_log_sink sink = sink_of(self);
    yodel_server_options server_options = {
        .size = sizeof server_options,
        .loops = 1,
        .backend = YODEL_BACKEND_LIBUV,
        .log = &sink,
        .decide_ms = UINT32_MAX, /* an application takes as long as it likes */
        .server_name = text(options, "server_header", "yodel"),
        .max_connections = (unsigned)whole(options, "limit_concurrency", 0),
        .keep_ms = (uint32_t)whole(options, "timeout_keep_alive", 5) * 1000,
        .stop_code = STOP_CODE,
        .spread_ms = SPREAD_MS,
    };
    int rc;

    if (PyErr_Occurred())
        return -1;
    if ((rc = yodel_server_new(&server_options, &self->server)) < 0) {
        yp_raise(self->state, rc, "the server");
        return -1;
    }
    return yp_http_route(self, options) < 0 ? -1 : yp_ws_route(self, options);
}

static int take_loop(struct yp_asgi *self)
{
    const struct yp_names *names = &self->state->names;
    PyObject *debug;

    self->call_soon = PyObject_GetAttr(self->loop, names->call_soon);
    self->create_task = PyObject_GetAttr(self->loop, names->create_task);
    if (self->call_soon == NULL || self->create_task == NULL)
        return -1;
    if ((debug = PyObject_CallMethodNoArgs(self->loop, names->get_debug)) == NULL)
        return -1;
    self->home = (struct yp_home){
        .loop = self->loop, .call_soon = self->call_soon, .is_debug = debug == Py_True};
    Py_DECREF(debug);
    return yp_uv_loop_of(self->state, self->guest) != NULL ? 0 : -1;
}

/* What all scopes share. */
static int make_parts(struct yp_asgi *self, PyObject *options)
{
    PyObject *root = PyDict_GetItemString(options, "root_path");

    self->root_path = root != NULL ? Py_NewRef(root) : PyUnicode_FromString("");
    self->scope_asgi = Py_BuildValue("{s:s,s:s}", "version", "3.0", "spec_version", "2.4");
    self->extensions_http = Py_BuildValue("{s:{}}", "http.response.early_hint");
    self->extensions_ws = Py_BuildValue("{s:{}}", "websocket.http.response");
    self->header_names = PyDict_New();
    return self->root_path != NULL && self->scope_asgi != NULL && self->extensions_http != NULL &&
                   self->extensions_ws != NULL && self->header_names != NULL
               ? 0
               : -1;
}

static PyObject *asgi_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    static char *words[] = {"app", "loop", "guest", "options", NULL};
    PyObject *app, *loop, *guest, *options = NULL, *used;
    struct yp_asgi *self;
    int rc = -1;

    if (!PyArg_ParseTupleAndKeywords(args, named, "OOO|O!:AsgiServer", words, &app, &loop, &guest,
                                     &PyDict_Type, &options))
        return NULL;
    if ((self = (struct yp_asgi *)type->tp_alloc(type, 0)) == NULL)
        return NULL;
    self->state = yp_state_of((PyObject *)self);
    self->app = Py_NewRef(app);
    self->loop = Py_NewRef(loop);
    self->guest = Py_NewRef(guest);
    if ((used = options != NULL ? Py_NewRef(options) : PyDict_New()) != NULL)
        rc = make_parts(self, used);
    if (rc == 0 && (rc = take_loop(self)) == 0)
        rc = make_server(self, used);
    Py_XDECREF(used);
    if (rc < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

/* ---- listening ---- */

/* What of a call of listen() lives in other objects. */
struct listening {
    yodel_listen_options options;
    yodel_tls_options tls;
    int fds[MOST_FDS];
    const char *trusted[MOST_TRUSTED];
    char tag[16];
};

static int read_fds(struct listening *to, PyObject *fds)
{
    PyObject *list = PySequence_Fast(fds, "fds is a sequence of numbers");
    Py_ssize_t num = list != NULL ? PySequence_Fast_GET_SIZE(list) : 0;

    if (num > MOST_FDS)
        PyErr_SetString(PyExc_ValueError, "more than 255 descriptors");
    for (Py_ssize_t i = 0; !PyErr_Occurred() && i < num; i++)
        to->fds[i] = (int)PyLong_AsLong(PySequence_Fast_GET_ITEM(list, i));
    Py_XDECREF(list);
    if (PyErr_Occurred())
        return -1;
    to->options.fds = to->fds;
    to->options.num_fds = (size_t)num;
    return 0;
}

/* The strings live in the list, which the caller holds. */
static int read_trusted(struct listening *to, PyObject *trusted)
{
    Py_ssize_t num;

    if (!PyList_Check(trusted) || (num = PyList_GET_SIZE(trusted)) > MOST_TRUSTED) {
        PyErr_SetString(PyExc_ValueError, "trusted is a list of at most 256 addresses");
        return -1;
    }
    for (Py_ssize_t i = 0; i < num; i++)
        if ((to->trusted[i] = PyUnicode_AsUTF8(PyList_GET_ITEM(trusted, i))) == NULL)
            return -1;
    to->options.trusted = to->trusted;
    to->options.num_trusted = (size_t)num;
    return 0;
}

static PyObject *inet_name(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
    char host[INET6_ADDRSTRLEN] = "";

    if (address->ss_family == AF_INET) {
        (void)inet_ntop(AF_INET, &four->sin_addr, host, sizeof host);
        return Py_BuildValue("(si)", host, (int)ntohs(four->sin_port));
    }
    if (address->ss_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        return Py_BuildValue("(si)", host, (int)ntohs(six->sin6_port));
    }
    Py_RETURN_NONE;
}

/* scope["server"] of those who come by this listener. */
static PyObject *server_address(const struct listening *from, int port)
{
    const char *address = from->options.address, *colon;
    struct sockaddr_storage bound = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof bound;
    size_t host_len;

    if (from->options.num_fds > 0) {
        (void)getsockname(from->fds[0], (struct sockaddr *)&bound, &len);
        return inet_name(&bound);
    }
    if (strncmp(address, "unix:", 5) == 0)
        return Py_BuildValue("(sO)", address + 5, Py_None);
    if ((colon = strrchr(address, ':')) == NULL || port == 0)
        Py_RETURN_NONE;
    host_len = (size_t)(colon - address);
    if (host_len > 1 && address[0] == '[') {
        address++;
        host_len -= 2;
    }
    return Py_BuildValue("(s#i)", address, (Py_ssize_t)host_len, port);
}

static PyObject *listen_with(struct yp_asgi *self, struct listening *with)
{
    int rc = -ENOSPC;

    if (self->num_addresses < YP_MAX_LISTENERS) {
        (void)snprintf(with->tag, sizeof with->tag, "%d", self->num_addresses);
        with->options.tag = with->tag;
        if (with->tls.cert_file != NULL)
            with->options.tls = &with->tls;
        rc = yodel_server_listen(self->server, &with->options);
    }
    if (rc < 0)
        return yp_raise(self->state, rc,
                        with->options.address != NULL ? with->options.address : "descriptors");
    if ((self->addresses[self->num_addresses] = server_address(with, rc)) == NULL)
        return NULL;
    self->num_addresses++;
    return PyLong_FromLong(rc);
}

static PyObject *asgi_listen(PyObject *object, PyObject *args, PyObject *named)
{
    static char *words[] = {"address",     "fds",       "tls_cert",    "tls_key",
                            "tls_ciphers", "backlog",   "trusted",     "forwarded",
                            "unix_mode",   "client_ca", "client_cert", "proxy_protocol",
                            NULL};
    struct listening with = {.options.size = sizeof with.options, .tls.size = sizeof with.tls};
    PyObject *fds = NULL, *trusted = NULL;
    int clients = 0;

    if (!PyArg_ParseTupleAndKeywords(
            args, named, "|z$OzzziOIIzip:listen", words, &with.options.address, &fds,
            &with.tls.cert_file, &with.tls.key_file, &with.tls.ciphers, &with.options.backlog,
            &trusted, &with.options.forwarded, &with.options.unix_mode, &with.tls.client_ca_file,
            &clients, &with.options.proxy_protocol))
        return NULL;
    with.tls.clients = (yodel_tls_clients)clients;
    if (fds != NULL && fds != Py_None && read_fds(&with, fds) < 0)
        return NULL;
    if (trusted != NULL && trusted != Py_None && read_trusted(&with, trusted) < 0)
        return NULL;
    return listen_with((struct yp_asgi *)object, &with);
}

/* ---- running ---- */

static void finish_stop(struct yp_asgi *self)
{
    PyObject *future = self->stopped, *done, *result = NULL;
    const struct yp_names *names = &self->state->names;

    self->stopped = NULL;
    if ((done = PyObject_CallMethodNoArgs(future, names->done)) == Py_False)
        result = PyObject_CallMethodOneArg(future, names->set_result, Py_None);
    Py_XDECREF(done);
    Py_XDECREF(result);
    if (PyErr_Occurred())
        PyErr_WriteUnraisable(future);
    Py_DECREF(future);
}

void yp_asgi_check_idle(struct yp_asgi *self)
{
    if (self->stopped != NULL && self->exchanges == NULL && (self->is_over || !self->is_started))
        finish_stop(self);
}

static void cancel_all(struct yp_asgi *self)
{
    struct yp_exchange *next;

    for (struct yp_exchange *exchange = self->exchanges; exchange != NULL; exchange = next) {
        next = exchange->next;
        yp_exchange_cancel(exchange); /* takes effect in the loop's next turn */
    }
}

int yp_asgi_is_here(const struct yp_asgi *asgi)
{
    if (pthread_self() == asgi->thread)
        return 1;
    PyErr_SetString(PyExc_RuntimeError,
                    "this is not the thread of the server's loop: use call_soon_threadsafe()");
    return 0;
}

/* yodel._loops has a set in the loop, so that closing the loop can end what lives in it. */
static void note_in_loop(struct yp_asgi *self, const char *method)
{
    PyObject *servers = PyObject_GetAttr(self->loop, self->state->names.yodel_servers);
    PyObject *result = NULL;

    if (servers != NULL)
        result = PyObject_CallMethod(servers, method, "O", self);
    PyErr_Clear(); /* a loop that is not from there: its owner stops the server first */
    Py_XDECREF(result);
    Py_XDECREF(servers);
}

/* The applications that still run have nobody to speak to. */
static void on_stopped(yodel_server *server, void *user)
{
    struct yp_asgi *self = user;
    PyGILState_STATE gil = YP_ENTER();

    (void)server;
    self->is_over = 1;
    note_in_loop(self, "discard");
    cancel_all(self);
    yp_asgi_check_idle(self);
    Py_DECREF(self);
    YP_LEAVE(gil);
}

static PyObject *asgi_start(PyObject *object, PyObject *unused)
{
    struct yp_asgi *self = (struct yp_asgi *)object;
    struct uv_loop_s *loop = yp_uv_loop_of(self->state, self->guest);
    int rc;

    (void)unused;
    if (loop == NULL)
        return NULL;
    if (self->is_started) {
        PyErr_SetString(PyExc_RuntimeError, "the server was started before");
        return NULL;
    }
    Py_XSETREF(self->context, PyContext_CopyCurrent());
    if (self->context == NULL)
        return NULL;
    self->thread = pthread_self();
    if ((rc = yodel_server_start(self->server, loop, on_stopped, self)) < 0)
        return yp_raise(self->state, rc, "start");
    self->is_started = 1;
    Py_INCREF(self); /* until on_stopped */
    note_in_loop(self, "add");
    Py_RETURN_NONE;
}

static PyObject *asgi_stop(PyObject *object, PyObject *args)
{
    struct yp_asgi *self = (struct yp_asgi *)object;
    unsigned drain_ms = 0;
    PyObject *future;

    if (!PyArg_ParseTuple(args, "|I:stop", &drain_ms))
        return NULL;
    if (self->is_started && !yp_asgi_is_here(self))
        return NULL;
    if (self->stopped == NULL) {
        self->stopped = PyObject_CallMethodNoArgs(self->loop, self->state->names.create_future);
        if (self->stopped == NULL)
            return NULL;
    }
    future = Py_NewRef(self->stopped);
    self->is_stopping = 1;
    YP_CALL(self, yodel_server_stop(self->server, drain_ms));
    yp_asgi_check_idle(self);
    return future;
}

static PyObject *asgi_cancel(PyObject *object, PyObject *unused)
{
    (void)unused;
    cancel_all((struct yp_asgi *)object);
    Py_RETURN_NONE;
}

static PyObject *asgi_stats(PyObject *object, PyObject *unused)
{
    struct yp_asgi *self = (struct yp_asgi *)object;
    yodel_server_stats stats = {.size = sizeof stats};

    (void)unused;
    (void)yodel_server_get_stats(self->server, &stats);
    return Py_BuildValue("{s:K,s:K,s:n,s:n,s:K,s:K,s:K,s:K,s:K,s:K}", "accepted", stats.accepted,
                         "connections", stats.connections, "websockets",
                         (Py_ssize_t)self->num_websockets, "tasks", (Py_ssize_t)self->num_exchanges,
                         "requests", stats.requests, "messages_in", stats.messages_in,
                         "messages_out", stats.messages_out, "bytes_in", stats.bytes_in,
                         "bytes_out", stats.bytes_out, "congested", stats.congested);
}

static PyObject *asgi_reload_tls(PyObject *object, PyObject *unused)
{
    struct yp_asgi *self = (struct yp_asgi *)object;
    int rc;

    (void)unused;
    Py_BEGIN_ALLOW_THREADS rc = yodel_server_reload_tls(self->server);
    Py_END_ALLOW_THREADS if (rc < 0) return yp_raise(self->state, rc, "reload");
    Py_RETURN_NONE;
}

/* In a child that was made by fork(): there is no loop here, and the port is the parent's. */
static PyObject *asgi_after_fork(PyObject *object, PyObject *unused)
{
    struct yp_asgi *self = (struct yp_asgi *)object;

    (void)unused;
    self->thread = 0;
    yodel_server_after_fork(self->server);
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static PyObject *get_is_over(PyObject *object, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((struct yp_asgi *)object)->is_over);
}

static PyObject *get_state(PyObject *object, void *unused)
{
    PyObject *state = ((struct yp_asgi *)object)->lifespan_state;

    (void)unused;
    return Py_NewRef(state != NULL ? state : Py_None);
}

static int set_state(PyObject *object, PyObject *value, void *unused)
{
    (void)unused;
    if (value == NULL || value == Py_None) {
        Py_CLEAR(((struct yp_asgi *)object)->lifespan_state);
        return 0;
    }
    if (!PyDict_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "the state is a dict or None");
        return -1;
    }
    Py_XSETREF(((struct yp_asgi *)object)->lifespan_state, Py_NewRef(value));
    return 0;
}

#define REFS(X, self)                                                                              \
    X(self->app);                                                                                  \
    X(self->loop);                                                                                 \
    X(self->guest);                                                                                \
    X(self->call_soon);                                                                            \
    X(self->create_task);                                                                          \
    X(self->context);                                                                              \
    X(self->lifespan_state);                                                                       \
    X(self->root_path);                                                                            \
    X(self->scope_asgi);                                                                           \
    X(self->extensions_http);                                                                      \
    X(self->extensions_ws);                                                                        \
    X(self->access_log);                                                                           \
    X(self->header_names);                                                                         \
    X(self->stopped);

static int asgi_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct yp_asgi *self = (struct yp_asgi *)object;

    Py_VISIT(Py_TYPE(object));
    REFS(Py_VISIT, self);
    return 0;
}

static int asgi_clear(PyObject *object)
{
    struct yp_asgi *self = (struct yp_asgi *)object;

    REFS(Py_CLEAR, self);
    return 0;
}

static void asgi_dealloc(PyObject *object)
{
    struct yp_asgi *self = (struct yp_asgi *)object;
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    self->server = yodel_server_unref(self->server); /* over, or never started */
    (void)asgi_clear(object);
    for (int i = 0; i < self->num_addresses; i++)
        Py_CLEAR(self->addresses[i]);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef asgi_methods[] = {
    {"listen", (PyCFunction)(void (*)(void))asgi_listen, METH_VARARGS | METH_KEYWORDS,
     "listen(address=None, *, fds=None, tls_cert=None, tls_key=None, tls_ciphers=None, backlog=0,\n"
     "       trusted=None, forwarded=0, unix_mode=0, client_ca=None, client_cert=0,\n"
     "       proxy_protocol=False) -> int\n\n"
     "Binds an address (\"127.0.0.1:8000\", \"unix:/run/app.sock\", \"fd:3\"), or takes "
     "descriptors\n"
     "that listen already.  Returns the port, 0 for a Unix socket."},
    {"start", asgi_start, METH_NOARGS, "start(): serves, as long as the loop runs"},
    {"stop", asgi_stop, METH_VARARGS,
     "stop(drain_ms=0) -> future: of when all connections and all tasks have ended; called again\n"
     "it cuts off at once"},
    {"cancel", asgi_cancel, METH_NOARGS, "cancel(): cancels the tasks of all applications"},
    {"stats", asgi_stats, METH_NOARGS, "stats() -> dict of counters"},
    {"after_fork", asgi_after_fork, METH_NOARGS,
     "after_fork(): in a child of fork(), closes its copies of the listening sockets"},
    {"reload_tls", asgi_reload_tls, METH_NOARGS, "reload_tls(): reads the certificates again"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef asgi_getset[] = {
    {"is_over", get_is_over, NULL, "whether it was started, and nothing is left of it", NULL},
    {"state", get_state, set_state, "dict of the lifespan, copied into each scope; or None", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot asgi_slots[] = {
    {Py_tp_new, asgi_new},
    {Py_tp_dealloc, asgi_dealloc},
    {Py_tp_traverse, asgi_traverse},
    {Py_tp_clear, asgi_clear},
    {Py_tp_methods, asgi_methods},
    {Py_tp_getset, asgi_getset},
    {Py_tp_doc,
     "AsgiServer(app, loop, guest, options={})\n\n"
     "Serves an ASGI application in a loop of asyncio; guest is yodel._loops.guest_of(loop)."},
    {0, NULL},
};

static PyType_Spec asgi_spec = {
    .name = "yodel._yodel.AsgiServer",
    .basicsize = sizeof(struct yp_asgi),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = asgi_slots,
};

int yp_asgi_part(PyObject *module, struct yp_state *state)
{
    return yp_add_type(module, &asgi_spec, &state->asgi_server_type, 1);
}
