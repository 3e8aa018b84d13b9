/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <stdlib.h>
#include <uv.h>

#include "errors.h"
#include "uv_guest.h"

/* selectors.EVENT_READ and EVENT_WRITE */
#define EVENT_READ 1
#define EVENT_WRITE 2

/* A longer wait is as good as none, and libuv counts in unsigned milliseconds. */
#define MOST_SECONDS 1e6

struct watch {
    uv_poll_t poll;
    struct uv_loop_object *owner; /* NULL once it is being closed */
    int fd;
    int events;
    struct watch *next;
};

struct uv_loop_object {
    PyObject_HEAD
    uv_loop_t loop;
    uv_timer_t timer;
    struct watch *watches;
    PyObject *ready; /* list of (fd, events) during a poll */
    int is_open;
};

/* ---- uvloop ---- */

PyObject *yp_same_libuv(PyObject *module, PyObject *path)
{
    const char *name = PyUnicode_AsUTF8(path);
    void *library;
    int is_same;

    (void)module;
    if (name == NULL)
        return NULL;
    if ((library = dlopen(name, RTLD_NOLOAD | RTLD_LAZY)) == NULL)
        Py_RETURN_FALSE;
    is_same = dlsym(library, "uv_run") == (void *)uv_run;
    (void)dlclose(library);
    return PyBool_FromLong(is_same);
}

struct uv_loop_s *yp_uv_loop_of(const struct yp_state *state, PyObject *guest)
{
    struct uv_loop_object *own = (struct uv_loop_object *)guest;

    if (PyCapsule_CheckExact(guest))
        return PyCapsule_GetPointer(guest, PyCapsule_GetName(guest));
    if (!Py_IS_TYPE(guest, state->uv_loop_type)) {
        PyErr_SetString(PyExc_TypeError, "not a capsule of uvloop's, and not a UvLoop");
        return NULL;
    }
    if (!own->is_open) {
        PyErr_SetString(PyExc_RuntimeError, "the loop is closed");
        return NULL;
    }
    return &own->loop;
}

/* ---- UvLoop ---- */

static struct watch **find(struct uv_loop_object *self, int fd)
{
    struct watch **at = &self->watches;

    while (*at != NULL && (*at)->fd != fd)
        at = &(*at)->next;
    return at;
}

static void free_watch(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    int mask = 0;
    PyGILState_STATE gil;
    PyObject *item;

    if (watch->owner == NULL || watch->owner->ready == NULL)
        return;
    if (status < 0 || (events & UV_READABLE) != 0)
        mask |= EVENT_READ & (status < 0 ? EVENT_READ : watch->events);
    if (status < 0 || (events & UV_WRITABLE) != 0)
        mask |= EVENT_WRITE & (status < 0 ? EVENT_WRITE : watch->events);
    gil = PyGILState_Ensure();
    item = Py_BuildValue("(ii)", watch->fd, mask);
    if (item == NULL || PyList_Append(watch->owner->ready, item) < 0)
        PyErr_Clear(); /* out of memory: the descriptor is still ready at the next poll */
    Py_XDECREF(item);
    PyGILState_Release(gil);
}

static int start_watch(struct watch *watch)
{
    int events = ((watch->events & EVENT_READ) != 0 ? UV_READABLE : 0) |
                 ((watch->events & EVENT_WRITE) != 0 ? UV_WRITABLE : 0);

    return uv_poll_start(&watch->poll, events, on_event);
}

static PyObject *add_watch(struct uv_loop_object *self, int fd, int events)
{
    struct watch *watch = calloc(1, sizeof *watch);
    int rc;

    if (watch == NULL)
        return PyErr_NoMemory();
    *watch = (struct watch){.owner = self, .fd = fd, .events = events};
    if ((rc = uv_poll_init(&self->loop, &watch->poll, fd)) < 0) {
        free(watch);
        return yp_raise(yp_state_of((PyObject *)self), rc, NULL);
    }
    watch->poll.data = watch;
    if ((rc = start_watch(watch)) < 0) {
        uv_close((uv_handle_t *)&watch->poll, free_watch);
        return yp_raise(yp_state_of((PyObject *)self), rc, NULL);
    }
    watch->next = self->watches;
    self->watches = watch;
    Py_RETURN_NONE;
}

static PyObject *uv_watch(PyObject *object, PyObject *args)
{
    struct uv_loop_object *self = (struct uv_loop_object *)object;
    struct watch *watch;
    int fd, events, rc;

    if (!PyArg_ParseTuple(args, "ii:watch", &fd, &events))
        return NULL;
    if (!self->is_open) {
        PyErr_SetString(PyExc_RuntimeError, "the loop is closed");
        return NULL;
    }
    if ((watch = *find(self, fd)) == NULL)
        return add_watch(self, fd, events);
    watch->events = events;
    if ((rc = start_watch(watch)) < 0)
        return yp_raise(yp_state_of(object), rc, NULL);
    Py_RETURN_NONE;
}

static PyObject *uv_unwatch(PyObject *object, PyObject *number)
{
    struct uv_loop_object *self = (struct uv_loop_object *)object;
    long fd = PyLong_AsLong(number);
    struct watch **at, *watch;

    if (fd == -1 && PyErr_Occurred())
        return NULL;
    at = find(self, (int)fd);
    if ((watch = *at) != NULL) {
        *at = watch->next;
        watch->owner = NULL;
        uv_close((uv_handle_t *)&watch->poll, free_watch);
    }
    Py_RETURN_NONE;
}

static void on_time(uv_timer_t *timer)
{
    (void)timer; /* the wait is over */
}

/* How to run the loop for so long, or -1 with an exception. */
static int arm(struct uv_loop_object *self, PyObject *timeout)
{
    double seconds;

    if (timeout == Py_None)
        return UV_RUN_ONCE;
    seconds = PyFloat_AsDouble(timeout);
    if (seconds == -1.0 && PyErr_Occurred())
        return -1;
    if (seconds <= 0)
        return UV_RUN_NOWAIT;
    if (seconds > MOST_SECONDS)
        seconds = MOST_SECONDS;
    uv_update_time(&self->loop);
    uv_timer_start(&self->timer, on_time, (uint64_t)(seconds * 1000 + 0.999), 0);
    return UV_RUN_ONCE;
}

static PyObject *uv_poll_once(PyObject *object, PyObject *timeout)
{
    struct uv_loop_object *self = (struct uv_loop_object *)object;
    PyObject *ready;
    int mode;

    if (!self->is_open || self->ready != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the loop is closed, or polling already");
        return NULL;
    }
    if ((self->ready = PyList_New(0)) == NULL)
        return NULL;
    if ((mode = arm(self, timeout)) >= 0) {
        Py_BEGIN_ALLOW_THREADS(void) uv_run(&self->loop, (uv_run_mode)mode);
        Py_END_ALLOW_THREADS uv_timer_stop(&self->timer);
    }
    ready = self->ready;
    self->ready = NULL;
    if (mode >= 0)
        return ready;
    Py_DECREF(ready);
    return NULL;
}

static void close_watches(struct uv_loop_object *self)
{
    struct watch *next;

    for (struct watch *watch = self->watches; watch != NULL; watch = next) {
        next = watch->next;
        watch->owner = NULL;
        uv_close((uv_handle_t *)&watch->poll, free_watch);
    }
    self->watches = NULL;
}

/* 0; -EBUSY, and nothing has been done, while a server lives in it. */
static int close_loop(struct uv_loop_object *self)
{
    close_watches(self);
    if (!uv_is_closing((uv_handle_t *)&self->timer))
        uv_close((uv_handle_t *)&self->timer, NULL);
    (void)uv_run(&self->loop, UV_RUN_NOWAIT);
    return uv_loop_close(&self->loop);
}

static PyObject *uv_close_object(PyObject *object, PyObject *unused)
{
    struct uv_loop_object *self = (struct uv_loop_object *)object;
    int rc;

    (void)unused;
    if (!self->is_open)
        Py_RETURN_NONE;
    if (self->ready != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the loop is polling");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS rc = close_loop(self);
    Py_END_ALLOW_THREADS if (rc < 0) return yp_raise(yp_state_of(object), rc,
                                                     "a server still runs in this loop");
    self->is_open = 0;
    Py_RETURN_NONE;
}

static PyObject *uv_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    struct uv_loop_object *self = (struct uv_loop_object *)type->tp_alloc(type, 0);
    int rc;

    (void)args;
    (void)named;
    if (self == NULL)
        return NULL;
    if ((rc = uv_loop_init(&self->loop)) < 0) {
        struct yp_state *state = yp_state_of((PyObject *)self);

        Py_DECREF(self);
        return yp_raise(state, rc, NULL);
    }
    uv_timer_init(&self->loop, &self->timer);
    self->is_open = 1;
    return (PyObject *)self;
}

/* One that cannot be closed, since a server lives in it, is left to the end of the process. */
static void uv_dealloc(PyObject *object)
{
    struct uv_loop_object *self = (struct uv_loop_object *)object;
    PyTypeObject *type = Py_TYPE(object);
    int is_left = self->is_open && close_loop(self) < 0;

    if (!is_left)
        type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef uv_methods[] = {
    {"watch", uv_watch, METH_VARARGS, "watch(fd, events): or watch it for other events"},
    {"unwatch", uv_unwatch, METH_O, "unwatch(fd)"},
    {"poll", uv_poll_once, METH_O, "poll(timeout) -> [(fd, events), ...]; None: without end"},
    {"close", uv_close_object, METH_NOARGS, "close(); OSError while a server runs in it"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot uv_slots[] = {
    {Py_tp_new, uv_new},
    {Py_tp_dealloc, uv_dealloc},
    {Py_tp_methods, uv_methods},
    {Py_tp_doc, "A loop of libuv with descriptors of the program's: what a selector is made of."},
    {0, NULL},
};

static PyType_Spec uv_spec = {
    .name = "yodel._yodel.UvLoop",
    .basicsize = sizeof(struct uv_loop_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = uv_slots,
};

int yp_uv_guest_part(PyObject *module, struct yp_state *state)
{
    return yp_add_type(module, &uv_spec, &state->uv_loop_type, 1);
}
