/* SPDX-License-Identifier: MIT */
#include "sio_emit.h"

#include <stdlib.h>
#include <string.h>

#include "sio_ask.h"
#include "sio_asked.h"

/* ---- names ---- */

const char *yp_name_of(PyObject *text)
{
    Py_ssize_t len;
    const char *name;

    if (!PyUnicode_Check(text)) {
        PyErr_Format(PyExc_TypeError, "a name is a str, not %.100s", Py_TYPE(text)->tp_name);
        return NULL;
    }
    name = PyUnicode_AsUTF8AndSize(text, &len);
    if (name != NULL && strlen(name) != (size_t)len) {
        PyErr_SetString(PyExc_ValueError, "a name with a NUL in it");
        return NULL;
    }
    return name;
}

yodel_sio_namespace *yp_sio_find_ns(struct yp_sio *self, PyObject *name, bool *ret_none)
{
    const char *text = name == NULL || name == Py_None ? "/" : yp_name_of(name);
    yodel_sio_namespace *ns = NULL;

    *ret_none = false;
    if (text == NULL)
        return NULL;
    if (self->service.sio != NULL)
        ns = yodel_sio_find_namespace(self->service.sio, text);
    /* Clients of other processes may be in it. */
    if (ns == NULL && self->redis != NULL && self->num_listeners == 0 &&
        yodel_sio_of(self->service.sio, text, &ns) == 0)
        ns = yodel_sio_namespace_ref(ns);
    *ret_none = ns == NULL;
    return ns;
}

#define SID_LEN 20

struct yp_record *yp_sio_find_record(struct yp_sio *self, yodel_sio_namespace *ns, const char *sid)
{
    if (sid == NULL || strlen(sid) != SID_LEN)
        return NULL;
    return yp_record_find(&self->service, yodel_str_of(sid), yodel_sio_namespace_name(ns));
}

/* Rooms and sids, as a list that ends with NULL. */
struct names {
    const char **list; /* NULL: not given */
    const char *few[4];
};

static void free_names(struct names *names)
{
    if (names->list != names->few)
        PyMem_Free(names->list);
}

static int fill(struct names *names, PyObject *sequence)
{
    Py_ssize_t num = PySequence_Fast_GET_SIZE(sequence), i;

    if (num >= (Py_ssize_t)(sizeof names->few / sizeof names->few[0]) &&
        (names->list = PyMem_Calloc((size_t)num + 1, sizeof *names->list)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (i = 0; i < num; i++)
        if ((names->list[i] = yp_name_of(PySequence_Fast_GET_ITEM(sequence, i))) == NULL)
            return -1;
    names->list[i] = NULL;
    return 0;
}

/* Views into value, which the caller holds.  Returns 0, or -1 with an exception. */
static int read_names(PyObject *value, struct names *names)
{
    *names = (struct names){.list = NULL};
    if (value == NULL || value == Py_None)
        return 0;
    names->list = names->few;
    if (PyList_Check(value) || PyTuple_Check(value))
        return fill(names, value);
    names->few[0] = yp_name_of(value);
    return names->few[0] != NULL ? 0 : -1;
}

/* ---- emit ---- */

/* What emit() and call() were given, read. */
struct emit {
    const char *event;
    yodel_sio_namespace *ns; /* a reference; NULL: there is none */
    struct names to, skip;
    struct yp_args *args;
    struct yp_record *record; /* the one client of this process that is meant; NULL: not so */
    unsigned flags;
};

static void free_emit(struct emit *emit)
{
    free_names(&emit->to);
    free_names(&emit->skip);
    free(emit->args);
    yp_record_unref(emit->record);
    yodel_sio_namespace_unref(emit->ns);
}

/* A tuple stands for several arguments, None for none. */
static struct yp_args *args_of_data(struct yp_sio *self, PyObject *data)
{
    PyObject *values;
    struct yp_args *args;

    if (data != NULL && PyTuple_Check(data))
        return yp_args_of(&self->codec, data);
    values = data == NULL || data == Py_None ? PyTuple_New(0) : PyTuple_Pack(1, data);
    if (values == NULL)
        return NULL;
    args = yp_args_of(&self->codec, values);
    Py_DECREF(values);
    return args;
}

static int read_emit(struct yp_sio *self, struct emit *emit, PyObject *event, PyObject *data,
                     PyObject *to, PyObject *skip, PyObject *ns)
{
    bool none;

    if (read_names(to, &emit->to) < 0 || read_names(skip, &emit->skip) < 0 ||
        (emit->event = yp_name_of(event)) == NULL ||
        (emit->args = args_of_data(self, data)) == NULL)
        return -1;
    emit->ns = yp_sio_find_ns(self, ns, &none);
    if (emit->ns == NULL)
        return none ? 0 : -1;
    if (emit->to.list != NULL && emit->to.list[0] != NULL && emit->to.list[1] == NULL)
        emit->record = yp_sio_find_record(self, emit->ns, emit->to.list[0]);
    return 0;
}

static yodel_sio_target target_of(const struct emit *emit)
{
    yodel_sio_target target;

    if (emit->to.list == NULL)
        target = yodel_sio_to_all(emit->ns);
    else if (emit->to.list[0] != NULL && emit->to.list[1] == NULL)
        target = yodel_sio_to_room(emit->ns, emit->to.list[0]);
    else
        target = yodel_sio_to_rooms(emit->ns, emit->to.list);
    if (emit->skip.list != NULL)
        target = yodel_sio_target_except(target, emit->skip.list);
    return yodel_sio_target_with(target, emit->flags);
}

/* For clients that are still to be let in.  1: it is for that one alone, and kept. */
static int emit_early(struct yp_sio *self, const struct emit *emit)
{
    if (atomic_load_explicit(&self->service.num_deciding, memory_order_relaxed) == 0 &&
        emit->record == NULL)
        return 0;
    if (emit->record != NULL)
        return emit->skip.list != NULL && emit->skip.list[0] != NULL &&
                       strcmp(emit->skip.list[0], emit->record->sid) == 0
                   ? 0
                   : yp_early_emit(emit->record, emit->event, emit->args);
    return yp_early_broadcast(&self->service, yodel_sio_namespace_name(emit->ns), emit->to.list,
                              emit->skip.list, PyThread_get_thread_ident(), emit->event,
                              emit->args);
}

static PyObject *send(struct yp_sio *self, const struct emit *emit)
{
    yodel_sio_args args = yp_args_view(emit->args);
    int rc = emit_early(self, emit);

    if (rc == 0 && emit->record != NULL)
        yp_sio_wait_for_room(emit->record, emit->args->size);
    if (rc == 0)
        rc = yodel_sio_emit_args(target_of(emit), emit->event, &args);
    if (rc < 0)
        return yp_sio_raise(self, rc, "emit");
    Py_RETURN_NONE;
}

static PyObject *send_with_callback(struct yp_sio *self, struct emit *emit, PyObject *callback)
{
    struct yp_args *args = emit->args;

    emit->args = NULL; /* taken */
    return yp_sio_emit_with_callback(self, target_of(emit), emit->record, emit->event, args,
                                     callback);
}

PyObject *yp_sio_emit(PyObject *object, PyObject *args, PyObject *named)
{
    static char *words[] = {"event",    "data",         "to",       "skip_sid", "namespace",
                            "callback", "ignore_queue", "volatile", NULL};
    struct yp_sio *self = (struct yp_sio *)(void *)object;
    PyObject *event, *data = NULL, *to = NULL, *skip = NULL, *ns = NULL, *callback = Py_None;
    struct emit emit = {.event = NULL};
    int local = 0, is_volatile = 0;
    PyObject *result = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, named, "O|OOOOOpp:emit", words, &event, &data, &to,
                                     &skip, &ns, &callback, &local, &is_volatile))
        return NULL;
    emit.flags = (local ? YODEL_SIO_LOCAL : 0) | (is_volatile ? YODEL_SIO_VOLATILE : 0);
    if (read_emit(self, &emit, event, data, to, skip, ns) == 0) {
        if (emit.ns == NULL)
            result = Py_NewRef(Py_None);
        else if (callback == Py_None)
            result = send(self, &emit);
        else
            result = send_with_callback(self, &emit, callback);
    }
    free_emit(&emit);
    return result;
}

/* ---- call ---- */

static PyObject *nobody_there(void)
{
    PyErr_SetString(PyExc_TimeoutError, "there is no such client");
    return NULL;
}

PyObject *yp_sio_call_one(PyObject *object, PyObject *args, PyObject *named)
{
    static char *words[] = {"event", "data", "to", "namespace", "timeout", "ignore_queue", NULL};
    struct yp_sio *self = (struct yp_sio *)(void *)object;
    PyObject *event, *data = NULL, *to = NULL, *ns = NULL, *result = NULL;
    struct emit emit = {.event = NULL};
    double seconds = 60;
    int local = 0;
    struct yp_args *emitted;

    if (!PyArg_ParseTupleAndKeywords(args, named, "O|OOOdp:call", words, &event, &data, &to, &ns,
                                     &seconds, &local))
        return NULL;
    if (to == NULL || !PyUnicode_Check(to)) {
        PyErr_SetString(PyExc_ValueError, "call() is for one client: to= is its sid");
        return NULL;
    }
    emit.flags = local ? YODEL_SIO_LOCAL : 0;
    if (read_emit(self, &emit, event, data, to, NULL, ns) == 0 && emit.ns == NULL) {
        result = nobody_there();
    } else if (emit.ns != NULL) {
        emitted = emit.args;
        emit.args = NULL; /* taken */
        seconds = seconds < 0 ? 0 : seconds > 4e6 ? 4e6 : seconds;
        result = yp_sio_call(self, target_of(&emit), emit.record, emit.event, emitted,
                             (uint32_t)(seconds * 1000));
    }
    free_emit(&emit);
    return result;
}
