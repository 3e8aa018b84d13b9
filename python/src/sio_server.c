/* SPDX-License-Identifier: MIT */
#include "sio_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "environ.h"
#include "errors.h"
#include "log_line.h"
#include "sio_ask.h"
#include "sio_asked.h"
#include "sio_emit.h"
#include "sio_options.h"
#include "sio_worker.h"

static struct yp_sio *sio_of(PyObject *object)
{
    return (struct yp_sio *)(void *)object;
}

PyObject *yp_sio_raise(struct yp_sio *self, int rc, const char *what)
{
    if (rc == YODEL_ERR_CONGESTED) {
        PyErr_Format(PyExc_BlockingIOError, "%s: %s", what, yodel_strerror(rc));
        return NULL;
    }
    return yp_raise(self->state, rc, what);
}

void yp_sio_log_error(struct yp_sio *self, const char *what)
{
    PyObject *type, *value, *trace;

    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value != NULL && trace != NULL)
        (void)PyException_SetTraceback(value, trace);
    yp_log(self->state, YODEL_LOG_ERROR, value, "%s", what);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
}

/* ---- namespaces ---- */

static int allow_all(yodel_sio_entry *entry, yodel_str name, const json_t *auth, void *user)
{
    (void)entry;
    (void)name;
    (void)auth;
    (void)user;
    return 0;
}

int yp_sio_add_namespace(struct yp_sio *self, const char *name)
{
    yodel_sio_namespace *ns = NULL;
    int rc;

    if (self->service.sio == NULL)
        return YODEL_ERR_STATE;
    if (strcmp(name, "*") == 0)
        rc = yodel_sio_of_function(self->service.sio, allow_all, NULL, &ns);
    else if ((ns = yodel_sio_find_namespace(self->service.sio, name)) != NULL)
        return yodel_sio_namespace_unref(ns) == NULL ? 0 : -EINVAL; /* it is served already */
    else
        rc = yodel_sio_of(self->service.sio, name, &ns);
    return rc == 0 ? yp_service_serve(&self->service, ns) : rc;
}

static PyObject *sio_add_namespace(PyObject *object, PyObject *name)
{
    const char *text = yp_name_of(name);
    int rc = text != NULL ? yp_sio_add_namespace(sio_of(object), text) : 0;

    if (text == NULL)
        return NULL;
    if (rc < 0)
        return yp_sio_raise(sio_of(object), rc, "add_namespace");
    Py_RETURN_NONE;
}

/* ---- life ---- */

static void *run(void *arg)
{
    struct yp_sio *self = arg;
    int rc = yodel_server_run(self->service.server);

    yp_queue_close(&self->service.queue);
    pthread_mutex_lock(&self->life_lock);
    self->run_result = rc;
    self->has_ended = true;
    pthread_cond_broadcast(&self->ended);
    pthread_mutex_unlock(&self->life_lock);
    return NULL;
}

/* atexit.register(self._stop_at_exit), or unregister() */
static int tell_atexit(struct yp_sio *self, const char *what)
{
    PyObject *atexit = PyImport_ImportModule("atexit"), *result = NULL;

    if (atexit != NULL)
        result = PyObject_CallMethod(atexit, what, "O", self->stop_at_exit);
    Py_XDECREF(atexit);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

static PyObject *sio_start(PyObject *object, PyObject *unused)
{
    struct yp_sio *self = sio_of(object);
    int rc;

    (void)unused;
    if (self->is_started || self->has_ended) {
        PyErr_SetString(PyExc_RuntimeError, "the server was started or stopped before");
        return NULL;
    }
    self->stop_at_exit = PyObject_GetAttrString(object, "_stop_at_exit");
    if (self->stop_at_exit == NULL || tell_atexit(self, "register") < 0)
        return NULL;
    if ((rc = yd_thread_start(&self->thread, run, self)) < 0) {
        (void)tell_atexit(self, "unregister");
        Py_CLEAR(self->stop_at_exit);
        return yp_raise(self->state, rc, "start");
    }
    self->is_started = true;
    Py_RETURN_NONE;
}

static void stop(struct yp_sio *self, uint32_t drain_ms)
{
    if (self->is_started) {
        yodel_server_stop(self->service.server, drain_ms);
        return;
    }
    self->has_ended = true;
    yp_queue_close(&self->service.queue);
}

static PyObject *sio_stop(PyObject *object, PyObject *args, PyObject *named)
{
    static char *words[] = {"drain", NULL};
    double seconds = 10;

    if (!PyArg_ParseTupleAndKeywords(args, named, "|d:stop", words, &seconds))
        return NULL;
    stop(sio_of(object), seconds <= 0    ? 0
                         : seconds > 4e6 ? UINT32_MAX
                                         : (uint32_t)(seconds * 1000));
    Py_RETURN_NONE;
}

/* ms: UINT32_MAX: without a limit.  Without the GIL. */
static bool wait_for_end(struct yp_sio *self, uint32_t ms)
{
    struct timespec until;
    bool has_ended;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&self->life_lock);
    while (!self->has_ended && rc == 0)
        rc = ms == UINT32_MAX ? pthread_cond_wait(&self->ended, &self->life_lock)
                              : pthread_cond_timedwait(&self->ended, &self->life_lock, &until);
    has_ended = self->has_ended;
    pthread_mutex_unlock(&self->life_lock);
    return has_ended;
}

/* The loops have ended: their thread is done with.  Several may wait in join(). */
static void finish_join(struct yp_sio *self)
{
    if (self->is_joined || !self->is_started)
        return;
    self->is_joined = true;
    Py_BEGIN_ALLOW_THREADS pthread_join(self->thread, NULL);
    Py_END_ALLOW_THREADS yp_asked_free_orphans(self);
    if (tell_atexit(self, "unregister") < 0)
        PyErr_Clear();
    Py_CLEAR(self->stop_at_exit);
}

static PyObject *sio_join(PyObject *object, PyObject *args, PyObject *named)
{
    static char *words[] = {"timeout", NULL};
    struct yp_sio *self = sio_of(object);
    PyObject *timeout = Py_None;
    uint32_t ms = UINT32_MAX;
    double seconds;
    bool has_ended;

    if (!PyArg_ParseTupleAndKeywords(args, named, "|O:join", words, &timeout))
        return NULL;
    if (timeout != Py_None) {
        seconds = PyFloat_AsDouble(timeout);
        if (PyErr_Occurred())
            return NULL;
        ms = seconds <= 0 ? 0 : seconds > 4e6 ? UINT32_MAX - 1 : (uint32_t)(seconds * 1000);
    }
    Py_INCREF(object);
    Py_BEGIN_ALLOW_THREADS has_ended = wait_for_end(self, ms);
    Py_END_ALLOW_THREADS if (has_ended) finish_join(self);
    Py_DECREF(object);
    return PyBool_FromLong(has_ended);
}

/* Items that nobody will take; with the GIL. */
static void drop_items(struct yp_sio *self)
{
    struct yp_item *item;

    while ((item = yp_queue_abandon(&self->service.queue)) != NULL) {
        yp_queue_done(&self->service.queue, item);
        yp_item_free(item);
    }
}

static void end_now(struct yp_sio *self)
{
    if (!self->is_started || self->is_joined)
        return;
    yodel_server_stop(self->service.server, 0);
    yodel_server_stop(self->service.server, 0);
    Py_BEGIN_ALLOW_THREADS(void) wait_for_end(self, UINT32_MAX);
    Py_END_ALLOW_THREADS finish_join(self);
}

/* No loop may run while the interpreter, and the C library after it, take themselves down. */
static PyObject *sio_stop_at_exit(PyObject *object, PyObject *unused)
{
    struct yp_sio *self = sio_of(object);

    (void)unused;
    Py_INCREF(object);
    end_now(self);
    drop_items(self);
    Py_DECREF(object);
    Py_RETURN_NONE;
}

static PyObject *sio_after_fork(PyObject *object, PyObject *unused)
{
    (void)unused;
    yodel_server_after_fork(sio_of(object)->service.server);
    Py_RETURN_NONE;
}

static PyObject *sio_worker(PyObject *object, PyObject *unused)
{
    (void)unused;
    return yp_worker_new(sio_of(object));
}

/* ---- counters ---- */

static int put(PyObject *dict, const char *name, uint64_t number)
{
    PyObject *value = PyLong_FromUnsignedLongLong(number);
    int rc = value != NULL ? PyDict_SetItemString(dict, name, value) : -1;

    Py_XDECREF(value);
    return rc;
}

static int put_server(PyObject *dict, const struct yp_sio *self)
{
    yodel_server_stats stats = {.size = sizeof stats};
    const struct {
        const char *name;
        const uint64_t *value;
    } all[] = {
        {"accepted", &stats.accepted},       {"connections", &stats.connections},
        {"websockets", &stats.websockets},   {"requests", &stats.requests},
        {"messages_in", &stats.messages_in}, {"messages_out", &stats.messages_out},
        {"bytes_in", &stats.bytes_in},       {"bytes_out", &stats.bytes_out},
        {"congested", &stats.congested},     {"mail_refused", &stats.mail_refused},
        {"streams", &stats.streams},         {"refused", &stats.refused},
    };

    (void)yodel_server_get_stats(self->service.server, &stats);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (put(dict, all[i].name, *all[i].value) < 0)
            return -1;
    return 0;
}

static int put_service(PyObject *dict, struct yp_sio *self)
{
    struct yp_service_counts *counts = &self->service.counts;
    yodel_sio_stats stats = {.size = sizeof stats};
    struct yp_queue_counts queue;

    if (self->service.sio != NULL)
        (void)yodel_sio_get_stats(self->service.sio, &stats);
    yp_queue_get_counts(&self->service.queue, &queue);
    return put(dict, "clients", stats.clients) < 0 || put(dict, "polling", stats.polling) < 0 ||
                   put(dict, "acks_refused", stats.acks_refused) < 0 ||
                   put(dict, "items", queue.items) < 0 || put(dict, "bytes", queue.bytes) < 0 ||
                   put(dict, "pauses", queue.pauses) < 0 ||
                   put(dict, "overflows", queue.overflows) < 0 ||
                   put(dict, "requests_refused", queue.refused) < 0 ||
                   put(dict, "connects_refused", counts->connects_refused) < 0 ||
                   put(dict, "clients_lost", counts->lost) < 0 ||
                   put(dict, "early_dropped", counts->early_dropped) < 0 ||
                   put(dict, "logs_dropped", counts->lines_dropped) < 0 ||
                   put(dict, "records", self->service.records.count) < 0
               ? -1
               : 0;
}

static PyObject *sio_stats(PyObject *object, PyObject *unused)
{
    PyObject *dict = PyDict_New();

    (void)unused;
    if (dict != NULL &&
        (put_server(dict, sio_of(object)) < 0 || put_service(dict, sio_of(object)) < 0))
        Py_CLEAR(dict);
    return dict;
}

/* ---- the type ---- */

static int init_life(struct yp_sio *self)
{
    pthread_condattr_t attributes;
    int rc = -pthread_mutex_init(&self->life_lock, NULL);

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (rc == 0 && (rc = -pthread_cond_init(&self->ended, &attributes)) < 0)
        pthread_mutex_destroy(&self->life_lock);
    pthread_condattr_destroy(&attributes);
    return rc;
}

static PyObject *sio_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    struct yp_sio *self;

    if (PyTuple_GET_SIZE(args) > 0) {
        PyErr_SetString(PyExc_TypeError, "SioServer() takes keywords alone");
        return NULL;
    }
    if ((self = (struct yp_sio *)(void *)type->tp_alloc(type, 0)) == NULL)
        return NULL;
    self->state = yp_state_of((PyObject *)self);
    if (init_life(self) < 0) { /* nothing of it has been made */
        PyObject_GC_UnTrack(self);
        type->tp_free(self);
        Py_DECREF(type);
        return PyErr_NoMemory();
    }
    self->environ_base = yp_environ_base();
    self->ports = PyTuple_New(0);
    if (self->environ_base == NULL || self->ports == NULL || yp_sio_configure(self, named) < 0)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static int sio_traverse(PyObject *object, visitproc visit, void *arg)
{
    struct yp_sio *self = sio_of(object);

    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->codec.dumps);
    Py_VISIT(self->codec.loads);
    Py_VISIT(self->codec.named);
    Py_VISIT(self->stop_at_exit);
    return 0;
}

static int sio_clear(PyObject *object)
{
    struct yp_sio *self = sio_of(object);

    yp_codec_clear(&self->codec);
    Py_CLEAR(self->environ_base);
    Py_CLEAR(self->ports);
    return 0;
}

static void sio_dealloc(PyObject *object)
{
    struct yp_sio *self = sio_of(object);
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    if (self->is_ready) {
        end_now(self);
        drop_items(self);
    }
    yodel_sio_unref(self->service.sio);
    yodel_redis_unref(self->redis);
    yodel_server_unref(self->service.server);
    if (self->is_ready) {
        drop_items(self); /* a server that never ran has said something */
        yp_asked_free_orphans(self);
        yp_service_done(&self->service);
    }
    pthread_cond_destroy(&self->ended);
    pthread_mutex_destroy(&self->life_lock);
    yp_free_list(self->origins);
    (void)sio_clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

#define NAMED(fn) (PyCFunction)(void (*)(void))(fn), METH_VARARGS | METH_KEYWORDS

static PyMethodDef sio_methods[] = {
    {"start", sio_start, METH_NOARGS, "start(): serves, in threads of its own"},
    {"stop", NAMED(sio_stop),
     "stop(drain=10.0): ends connections, those that go on after drain seconds by force; does not\n"
     "wait.  A second call ends them at once."},
    {"join", NAMED(sio_join), "join(timeout=None) -> bool: have all loops ended?"},
    {"after_fork", sio_after_fork, METH_NOARGS, "after_fork(): in a child, closes its listeners"},
    {"stats", sio_stats, METH_NOARGS, "stats() -> dict of counters"},
    {"worker", sio_worker, METH_NOARGS, "worker() -> SioWorker: for one thread that runs handlers"},
    {"add_namespace", sio_add_namespace, METH_O,
     "add_namespace(name): clients may connect to it; \"*\": to any"},
    {"emit", NAMED(yp_sio_emit),
     "emit(event, data=None, to=None, skip_sid=None, namespace=None, callback=None,\n"
     "     ignore_queue=False, volatile=False)\n\n"
     "data: a tuple stands for several arguments, None for none; bytes anywhere.  to: None for "
     "all,\n"
     "a room or sid, or a list of them.  callback: has an ACK item."},
    {"call", NAMED(yp_sio_call_one),
     "call(event, data=None, to=sid, namespace=None, timeout=60, ignore_queue=False) -> tuple\n\n"
     "Emits to one client, and waits for what it answers.  Raises TimeoutError."},
    {"enter_room", NAMED(yp_sio_enter_room), "enter_room(sid, room, namespace=None)"},
    {"leave_room", NAMED(yp_sio_leave_room), "leave_room(sid, room, namespace=None)"},
    {"close_room", NAMED(yp_sio_close_room), "close_room(room, namespace=None): all leave it"},
    {"disconnect", NAMED(yp_sio_disconnect),
     "disconnect(sid, namespace=None, close=False); close: the whole connection"},
    {"rooms", NAMED(yp_sio_rooms), "rooms(sid, namespace=None) -> list of str"},
    {"participants", NAMED(yp_sio_participants),
     "participants(namespace=None, room=None) -> list of the sids of this process"},
    {"count", NAMED(yp_sio_count), "count(namespace=None, room=None) -> int, of this process"},
    {"is_connected", NAMED(yp_sio_is_connected), "is_connected(sid, namespace=None) -> bool"},
    {"transport", NAMED(yp_sio_transport),
     "transport(sid, namespace=None) -> \"polling\", \"websocket\" or None"},
    {"eio_sid", NAMED(yp_sio_eio_sid),
     "eio_sid(sid, namespace=None) -> str: the id of the Engine.IO session; None: it is not known"},
    {"_stop_at_exit", sio_stop_at_exit, METH_NOARGS, "for atexit"},
    {NULL, NULL, 0, NULL},
};

static PyObject *get_ports(PyObject *object, void *unused)
{
    (void)unused;
    return Py_NewRef(sio_of(object)->ports);
}

static PyGetSetDef sio_getset[] = {
    {"ports", get_ports, NULL, "the ports that are listened on, in the order of listen", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot sio_slots[] = {
    {Py_tp_new, sio_new},
    {Py_tp_dealloc, sio_dealloc},
    {Py_tp_traverse, sio_traverse},
    {Py_tp_clear, sio_clear},
    {Py_tp_methods, sio_methods},
    {Py_tp_getset, sio_getset},
    {Py_tp_doc, "SioServer(**options)\n\n"
                "A server of Socket.IO and WSGI whose loops are threads of C."},
    {0, NULL},
};

static PyType_Spec sio_spec = {
    .name = "yodel._yodel.SioServer",
    .basicsize = sizeof(struct yp_sio),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = sio_slots,
};

static int add_kinds(PyObject *type)
{
    static const struct {
        const char *name;
        enum yp_kind kind;
    } kinds[] = {
        {"CONNECT", YP_CONNECT}, {"EVENT", YP_EVENT}, {"DISCONNECT", YP_DISCONNECT},
        {"ACK", YP_ACK},         {"HTTP", YP_HTTP},   {"LOG", YP_LOG},
        {"CHECK", YP_CHECK},
    };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof kinds / sizeof kinds[0]; i++) {
        PyObject *number = PyLong_FromLong(kinds[i].kind);

        rc = number != NULL ? PyObject_SetAttrString(type, kinds[i].name, number) : -1;
        Py_XDECREF(number);
    }
    return rc;
}

int yp_sio_part(PyObject *module, struct yp_state *state)
{
    if (yp_add_type(module, &sio_spec, &state->sio_server_type, 1) < 0)
        return -1;
    return add_kinds((PyObject *)state->sio_server_type);
}
