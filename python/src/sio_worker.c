/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "environ.h"
#include "errors.h"
#include "log_line.h"
#include "sio_asked.h"
#include "sio_check.h"
#include "sio_worker.h"
#include "wsgi.h"

struct yp_worker {
    PyObject_HEAD
    struct yp_sio *server; /* a reference */
    struct yp_work *work;  /* that it was given last; NULL: none */
};

static struct yp_worker *worker_of(PyObject *object)
{
    return (struct yp_worker *)(void *)object;
}

PyObject *yp_worker_new(struct yp_sio *server)
{
    PyTypeObject *type = server->state->sio_worker_type;
    struct yp_worker *worker = (struct yp_worker *)(void *)type->tp_alloc(type, 0);

    if (worker != NULL)
        worker->server = (struct yp_sio *)(void *)Py_NewRef((PyObject *)server);
    return (PyObject *)worker;
}

/* ---- the end of an item ---- */

void yp_item_free(struct yp_item *item)
{
    struct yp_work *work = yp_work_of(item);

    if (work->kind == YP_ACK)
        yp_asked_free((struct yp_asked *)(void *)work);
    else if (work->kind == YP_CHECK)
        yp_check_free((struct yp_check *)(void *)work);
    else if (work->kind == YP_HTTP)
        yp_wsgi_free((struct yp_wsgi *)(void *)work);
    else
        yp_work_free(work);
}

/* What nobody has decided is refused before the client's next item can be taken. */
static void finish(struct yp_worker *self)
{
    struct yp_work *work = self->work;

    if (work == NULL)
        return;
    self->work = NULL;
    if (work->kind == YP_CONNECT && work->record->phase == YP_DECIDING)
        (void)yp_connect_refuse((struct yp_connect *)(void *)work, NULL, NULL);
    yp_queue_done(&self->server->service.queue, &work->item);
    yp_item_free(&work->item);
}

/* ---- items as tuples ---- */

static PyObject *text_of(yodel_str text)
{
    return PyUnicode_DecodeUTF8(text.ptr != NULL ? text.ptr : "", (Py_ssize_t)text.len, "replace");
}

static PyObject *connect_tuple(struct yp_worker *self, struct yp_connect *connect)
{
    struct yp_record *record = connect->work.record;
    const json_t *json = json_object_get(connect->handshake, "auth");
    PyObject *env, *auth;

    if (json == NULL || (json_is_object(json) && json_object_size(json) == 0))
        auth = Py_NewRef(Py_None);
    else
        auth = yp_json_to_object(json);
    env = yp_environ_of_handshake(self->server, connect->handshake, connect->peer);
    json_decref(connect->handshake);
    connect->handshake = NULL;
    if (auth == NULL || env == NULL) {
        Py_XDECREF(auth);
        Py_XDECREF(env);
        return NULL;
    }
    return Py_BuildValue("(isNNN)", YP_CONNECT, record->sid, text_of(yp_record_ns(record)), env,
                         auth);
}

static PyObject *event_tuple(struct yp_worker *self, struct yp_event *event)
{
    struct yp_record *record = event->work.record;
    PyObject *args = yp_args_to_tuple(&self->server->codec, event->args);

    if (args == NULL)
        return NULL;
    return Py_BuildValue("(isNNNO)", YP_EVENT, record->sid, text_of(yp_record_ns(record)),
                         text_of((yodel_str){event->name, event->name_len}), args,
                         event->ack != NULL ? Py_True : Py_False);
}

static PyObject *left_tuple(struct yp_record *record)
{
    return Py_BuildValue("(isNs)", YP_DISCONNECT, record->sid, text_of(yp_record_ns(record)),
                         record->reason);
}

static PyObject *line_tuple(struct yp_worker *self, struct yp_line *line)
{
    static const int levels[] = {10, 20, 30, 40}; /* of logging */

    atomic_fetch_sub(&self->server->service.num_lines, 1);
    return Py_BuildValue("(iis)", YP_LOG, levels[line->level], line->text);
}

static PyObject *tuple_of(struct yp_worker *self, struct yp_work *work)
{
    switch (work->kind) {
    case YP_CONNECT:
        return connect_tuple(self, (struct yp_connect *)(void *)work);
    case YP_EVENT:
        return event_tuple(self, (struct yp_event *)(void *)work);
    case YP_DISCONNECT:
        return left_tuple(work->record);
    case YP_ACK:
        return yp_asked_tuple(self->server, (struct yp_asked *)(void *)work);
    case YP_HTTP:
        return yp_wsgi_tuple(self->server, (struct yp_wsgi *)(void *)work);
    case YP_LOG:
        return line_tuple(self, (struct yp_line *)(void *)work);
    default:
        return yp_check_tuple(self->server, (struct yp_check *)(void *)work);
    }
}

/* Whether the program is to see it: not what came from a client that was refused, or had gone. */
static bool is_wanted(struct yp_work *work)
{
    if (work->kind == YP_CONNECT)
        return yp_connect_begin((struct yp_connect *)(void *)work, PyThread_get_thread_ident());
    return work->kind != YP_EVENT || work->record->phase != YP_REFUSED;
}

/* ---- next ---- */

static int take(struct yp_worker *self, uint32_t timeout_ms)
{
    struct yp_queue *queue = &self->server->service.queue;
    struct yp_item *item = NULL;
    int rc = yp_queue_take(queue, 0, &item);

    if (rc == 0 && timeout_ms > 0) {
        Py_BEGIN_ALLOW_THREADS rc = yp_queue_take(queue, timeout_ms, &item);
        Py_END_ALLOW_THREADS
    }
    if (rc == 1)
        self->work = yp_work_of(item);
    return rc;
}

static int read_timeout(PyObject *object, uint32_t *ret_ms)
{
    double seconds;

    *ret_ms = UINT32_MAX;
    if (object == NULL || object == Py_None)
        return 0;
    seconds = PyFloat_AsDouble(object);
    if (PyErr_Occurred())
        return -1;
    *ret_ms = seconds <= 0 ? 0 : seconds > 4e6 ? UINT32_MAX - 1 : (uint32_t)(seconds * 1000);
    return 0;
}

static PyObject *worker_next(PyObject *object, PyObject *args, PyObject *named)
{
    static char *words[] = {"timeout", NULL};
    struct yp_worker *self = worker_of(object);
    PyObject *timeout = NULL, *tuple;
    uint32_t timeout_ms;
    int rc;

    if (!PyArg_ParseTupleAndKeywords(args, named, "|O:next", words, &timeout) ||
        read_timeout(timeout, &timeout_ms) < 0)
        return NULL;
    finish(self);
    while ((rc = take(self, timeout_ms)) == 1) {
        if (is_wanted(self->work)) {
            if ((tuple = tuple_of(self, self->work)) != NULL)
                return tuple;
            yp_sio_log_error(self->server, "an item could not be read");
        }
        finish(self);
    }
    if (rc == 0)
        return PyTuple_New(0);
    Py_RETURN_NONE;
}

/* ---- answers ---- */

static struct yp_work *current(struct yp_worker *self, enum yp_kind kind, const char *what)
{
    if (self->work != NULL && self->work->kind == kind)
        return self->work;
    PyErr_Format(PyExc_RuntimeError, "the item is no %s", what);
    return NULL;
}

static struct yp_connect *current_connect(struct yp_worker *self)
{
    struct yp_work *work = current(self, YP_CONNECT, "connect");

    if (work != NULL && work->record->phase != YP_DECIDING) {
        PyErr_SetString(PyExc_RuntimeError, "it was decided before");
        return NULL;
    }
    return (struct yp_connect *)(void *)work;
}

static PyObject *worker_accept(PyObject *object, PyObject *unused)
{
    struct yp_worker *self = worker_of(object);
    struct yp_connect *connect;

    (void)unused;
    if (self->work != NULL && self->work->kind == YP_CHECK)
        return yp_check_decide((struct yp_check *)(void *)self->work, true, NULL);
    if ((connect = current_connect(self)) == NULL)
        return NULL;
    (void)yp_connect_accept(connect);
    Py_RETURN_NONE;
}

static PyObject *refuse(struct yp_worker *self, const char *message, PyObject *data)
{
    struct yp_connect *connect = current_connect(self);
    const char *data_json = NULL;
    PyObject *text = NULL;
    int rc;

    if (connect == NULL)
        return NULL;
    if (data != NULL && ((text = yp_value_to_json(&self->server->codec, data)) == NULL ||
                         (data_json = PyUnicode_AsUTF8(text)) == NULL)) {
        Py_XDECREF(text);
        return NULL;
    }
    rc = yp_connect_refuse(connect, message, data_json);
    Py_XDECREF(text);
    if (rc < 0)
        return yp_raise(self->server->state, rc, "refuse");
    Py_RETURN_NONE;
}

static PyObject *worker_refuse(PyObject *object, PyObject *args, PyObject *named)
{
    static char *words[] = {"message", "data", NULL};
    struct yp_worker *self = worker_of(object);
    const char *message = NULL;
    PyObject *data = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, named, "|zO:refuse", words, &message, &data))
        return NULL;
    if (self->work != NULL && self->work->kind == YP_CHECK)
        return yp_check_decide((struct yp_check *)(void *)self->work, false, message);
    return refuse(self, message, data);
}

static PyObject *worker_closed(PyObject *object, PyObject *unused)
{
    struct yp_work *work = worker_of(object)->work;

    (void)unused;
    return PyBool_FromLong(work != NULL && work->record != NULL &&
                           (work->record->has_gone || work->record->phase == YP_LEFT));
}

static PyObject *worker_ack(PyObject *object, PyObject *values)
{
    struct yp_worker *self = worker_of(object);
    struct yp_event *event = (struct yp_event *)(void *)current(self, YP_EVENT, "event");
    struct yp_args *args;
    yodel_sio_args view;
    int rc;

    if (event == NULL)
        return NULL;
    if (event->ack == NULL)
        Py_RETURN_NONE;
    if ((args = yp_args_of(&self->server->codec, values)) == NULL)
        return NULL;
    view = yp_args_view(args);
    rc = yodel_decision_answer_args(event->ack, &view);
    free(args);
    if (rc < 0 && rc != YODEL_ERR_CLOSED && rc != YODEL_ERR_STATE)
        return yp_sio_raise(self->server, rc, "ack");
    event->ack = yodel_decision_unref(event->ack);
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static void worker_dealloc(PyObject *object)
{
    struct yp_worker *self = worker_of(object);
    PyTypeObject *type = Py_TYPE(object);

    if (self->server != NULL)
        finish(self);
    Py_XDECREF((PyObject *)self->server);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef worker_methods[] = {
    {"next", (PyCFunction)(void (*)(void))worker_next, METH_VARARGS | METH_KEYWORDS,
     "next(timeout=None) -> tuple\n\n"
     "The next item; the one before is done.  None: the server has ended.  (): timeout is over."},
    {"accept", worker_accept, METH_NOARGS, "accept(): of CONNECT and CHECK, lets the client in"},
    {"refuse", (PyCFunction)(void (*)(void))worker_refuse, METH_VARARGS | METH_KEYWORDS,
     "refuse(message=None, data=...): of CONNECT and CHECK, keeps the client out"},
    {"closed", worker_closed, METH_NOARGS, "closed() -> bool: has the client of the item gone?"},
    {"ack", worker_ack, METH_O, "ack(args): answers an EVENT with a tuple or list of arguments"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot worker_slots[] = {
    {Py_tp_dealloc, worker_dealloc},
    {Py_tp_methods, worker_methods},
    {Py_tp_doc, "What a thread takes items with; made by SioServer.worker()."},
    {0, NULL},
};

static PyType_Spec worker_spec = {
    .name = "yodel._yodel.SioWorker",
    .basicsize = sizeof(struct yp_worker),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = worker_slots,
};

int yp_worker_part(PyObject *module, struct yp_state *state)
{
    return yp_add_type(module, &worker_spec, &state->sio_worker_type, 0);
}
