/* SPDX-License-Identifier: MIT */
#include "awaitable.h"

struct ready {
    PyObject_HEAD
    PyObject *value;
};

enum { PENDING, DONE, CANCELLED };

/* What a task sleeps on: as much of a future as asyncio.Task asks of one. */
struct yp_wakeup {
    PyObject_HEAD
    PyObject *callback; /* of the task; NULL: nobody sleeps */
    PyObject *context;
    PyObject *message; /* of a cancellation; may be NULL */
    struct yp_home *home;
    PyObject *owner; /* keeps home; never NULL but for the garbage collector */
    int status;
    int is_blocking; /* _asyncio_future_blocking: the task has just been given it */
};

/* ---- what both awaitables have of a coroutine ---- */

static PyObject *self_iter(PyObject *self)
{
    return Py_NewRef(self);
}

static void raise_stop(PyObject *value /* taken */)
{
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, value);

    Py_DECREF(value);
    if (stop != NULL)
        PyErr_SetObject(PyExc_StopIteration, stop);
    Py_XDECREF(stop);
}

/* A step as of a generator: what is yielded, or StopIteration with the result. */
static PyObject *step(PyObject *self)
{
    PyObject *result = NULL;

    switch (Py_TYPE(self)->tp_as_async->am_send(self, Py_None, &result)) {
    case PYGEN_NEXT:
        return result;
    case PYGEN_RETURN:
        raise_stop(result);
        return NULL;
    default:
        return NULL;
    }
}

static PyObject *coroutine_send(PyObject *self, PyObject *value)
{
    (void)value;
    return step(self);
}

/* throw(type[, value[, traceback]]), as generators have it. */
static void raise_given(PyObject *args)
{
    PyObject *type = NULL, *value = NULL, *trace = NULL;

    if (!PyArg_UnpackTuple(args, "throw", 1, 3, &type, &value, &trace))
        return;
    if (PyExceptionInstance_Check(type)) {
        PyErr_SetObject((PyObject *)Py_TYPE(type), type);
        return;
    }
    if (PyExceptionClass_Check(type))
        PyErr_SetObject(type, value != Py_None ? value : NULL);
    else
        PyErr_SetString(PyExc_TypeError, "exceptions must derive from BaseException");
}

static PyObject *ready_throw(PyObject *self, PyObject *args)
{
    (void)self;
    raise_given(args);
    return NULL;
}

static PyObject *ready_close(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_NONE;
}

/* ---- Ready ---- */

static PySendResult ready_am_send(PyObject *self, PyObject *arg, PyObject **ret_result)
{
    (void)arg;
    *ret_result = Py_NewRef(((struct ready *)self)->value);
    return PYGEN_RETURN;
}

static void ready_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    Py_DECREF(((struct ready *)self)->value);
    type->tp_free(self);
    Py_DECREF(type);
}

PyObject *yp_ready(const struct yp_state *state, PyObject *value)
{
    struct ready *ready;

    if (value == NULL)
        return NULL;
    if ((ready = PyObject_New(struct ready, state->ready_type)) == NULL) {
        Py_DECREF(value);
        return NULL;
    }
    ready->value = value;
    return (PyObject *)ready;
}

static PyMethodDef ready_methods[] = {
    {"send", coroutine_send, METH_O, NULL},
    {"throw", ready_throw, METH_VARARGS, NULL},
    {"close", ready_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot ready_slots[] = {
    {Py_tp_dealloc, ready_dealloc},
    {Py_tp_iter, self_iter},
    {Py_tp_iternext, step},
    {Py_am_await, self_iter},
    {Py_am_send, ready_am_send},
    {Py_tp_methods, ready_methods},
    {Py_tp_doc, "An awaitable that is done."},
    {0, NULL},
};

static PyType_Spec ready_spec = {
    .name = "yodel._yodel.Ready",
    .basicsize = sizeof(struct ready),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = ready_slots,
};

/* ---- calls of programs' code from a loop ---- */

static PyObject *reraise(PyObject *error, PyObject *unused)
{
    (void)unused;
    PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    return NULL;
}

static PyMethodDef reraise_method = {"reraise", reraise, METH_NOARGS, NULL};

/* The loop's own callback raises it: SystemExit ends the loop, others are told as they would be. */
static void pass_on_exception(struct yp_home *home)
{
    PyObject *type, *error, *trace, *raiser, *handle = NULL;

    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace != NULL)
        PyException_SetTraceback(error, trace);
    if ((raiser = PyCFunction_New(&reraise_method, error)) != NULL)
        handle = PyObject_CallOneArg(home->call_soon, raiser);
    if (handle == NULL)
        PyErr_WriteUnraisable(error);
    Py_XDECREF(handle);
    Py_XDECREF(raiser);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
}

static void call_soon(const struct yp_state *state, struct yp_home *home, PyObject *function,
                      PyObject *arg, PyObject *context)
{
    PyObject *args[] = {function, arg, context != NULL ? context : Py_None};
    PyObject *names = PyTuple_Pack(1, state->names.context);
    PyObject *handle = NULL;

    if (names != NULL)
        handle = PyObject_Vectorcall(home->call_soon, args, 2, names);
    if (handle == NULL)
        PyErr_WriteUnraisable(function); /* the loop is closed: nobody will wake */
    Py_XDECREF(handle);
    Py_XDECREF(names);
}

static void call_now(struct yp_home *home, PyObject *function, PyObject *arg, PyObject *context)
{
    PyObject *result;

    if (context != NULL && PyContext_Enter(context) < 0) {
        pass_on_exception(home);
        return;
    }
    if ((result = PyObject_CallOneArg(function, arg)) == NULL)
        pass_on_exception(home);
    Py_XDECREF(result);
    if (context != NULL)
        (void)PyContext_Exit(context);
}

void yp_call_in_loop(const struct yp_state *state, struct yp_home *home, PyObject *function,
                     PyObject *arg, PyObject *context)
{
    if (home->depth > 0 || home->is_debug)
        call_soon(state, home, function, arg, context);
    else
        call_now(home, function, arg, context);
}

/* ---- Wakeup ---- */

static int wakeup_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct yp_wakeup *wakeup = (struct yp_wakeup *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(wakeup->callback);
    Py_VISIT(wakeup->context);
    Py_VISIT(wakeup->message);
    Py_VISIT(wakeup->owner);
    return 0;
}

static int wakeup_clear(PyObject *self)
{
    struct yp_wakeup *wakeup = (struct yp_wakeup *)self;

    Py_CLEAR(wakeup->callback);
    Py_CLEAR(wakeup->context);
    Py_CLEAR(wakeup->message);
    Py_CLEAR(wakeup->owner);
    return 0;
}

static void gc_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    (void)type->tp_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* The callback has been called, or is about to be. */
static void wakeup_fire(const struct yp_state *state, struct yp_wakeup *wakeup, int later)
{
    PyObject *callback = wakeup->callback, *context = wakeup->context;

    if (callback == NULL || wakeup->owner == NULL)
        return;
    wakeup->callback = wakeup->context = NULL;
    if (later)
        call_soon(state, wakeup->home, callback, (PyObject *)wakeup, context);
    else
        yp_call_in_loop(state, wakeup->home, callback, (PyObject *)wakeup, context);
    Py_DECREF(callback);
    Py_XDECREF(context);
}

static PyObject *wakeup_add(PyObject *self, PyObject *const *args, Py_ssize_t num, PyObject *names)
{
    struct yp_wakeup *wakeup = (struct yp_wakeup *)self;

    if (num != 1 || (names != NULL && PyTuple_GET_SIZE(names) != 1)) {
        PyErr_SetString(PyExc_TypeError, "add_done_callback(callback, *, context=None)");
        return NULL;
    }
    if (wakeup->callback != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this is for one task, and another sleeps on it");
        return NULL;
    }
    wakeup->callback = Py_NewRef(args[0]);
    if (names != NULL && args[1] != Py_None)
        wakeup->context = Py_NewRef(args[1]);
    if (wakeup->status != PENDING)
        wakeup_fire(yp_state_of(self), wakeup, 1);
    Py_RETURN_NONE;
}

static PyObject *wakeup_cancel(PyObject *self, PyObject *const *args, Py_ssize_t num,
                               PyObject *names)
{
    struct yp_wakeup *wakeup = (struct yp_wakeup *)self;
    Py_ssize_t given = num + (names != NULL ? PyTuple_GET_SIZE(names) : 0);

    if (wakeup->status != PENDING)
        Py_RETURN_FALSE;
    wakeup->status = CANCELLED;
    if (given > 0 && args[0] != Py_None)
        Py_XSETREF(wakeup->message, Py_NewRef(args[0]));
    wakeup_fire(yp_state_of(self), wakeup, 1);
    Py_RETURN_TRUE;
}

static PyObject *wakeup_result(PyObject *self, PyObject *unused)
{
    struct yp_wakeup *wakeup = (struct yp_wakeup *)self;

    (void)unused;
    if (wakeup->status == DONE)
        Py_RETURN_NONE;
    if (wakeup->status == CANCELLED)
        PyErr_SetObject(yp_state_of(self)->cancelled_error, wakeup->message);
    else
        PyErr_SetString(PyExc_RuntimeError, "not done yet");
    return NULL;
}

static PyObject *wakeup_done(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((struct yp_wakeup *)self)->status != PENDING);
}

static PyObject *wakeup_cancelled(PyObject *self, PyObject *unused)
{
    (void)unused;
    return PyBool_FromLong(((struct yp_wakeup *)self)->status == CANCELLED);
}

static PyObject *wakeup_get_loop(PyObject *self, PyObject *unused)
{
    (void)unused;
    if (((struct yp_wakeup *)self)->owner == NULL)
        Py_RETURN_NONE;
    return Py_NewRef(((struct yp_wakeup *)self)->home->loop);
}

static PyObject *get_blocking(PyObject *self, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((struct yp_wakeup *)self)->is_blocking);
}

static int set_blocking(PyObject *self, PyObject *value, void *unused)
{
    (void)unused;
    ((struct yp_wakeup *)self)->is_blocking = value == Py_True;
    return 0;
}

#define FAST(function) (PyCFunction)(void (*)(void))(function)

static PyMethodDef wakeup_methods[] = {
    {"add_done_callback", FAST(wakeup_add), METH_FASTCALL | METH_KEYWORDS, NULL},
    {"cancel", FAST(wakeup_cancel), METH_FASTCALL | METH_KEYWORDS, NULL},
    {"result", wakeup_result, METH_NOARGS, NULL},
    {"done", wakeup_done, METH_NOARGS, NULL},
    {"cancelled", wakeup_cancelled, METH_NOARGS, NULL},
    {"get_loop", wakeup_get_loop, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef wakeup_getset[] = {
    {"_asyncio_future_blocking", get_blocking, set_blocking, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot wakeup_slots[] = {
    {Py_tp_dealloc, gc_dealloc},
    {Py_tp_traverse, wakeup_traverse},
    {Py_tp_clear, wakeup_clear},
    {Py_tp_methods, wakeup_methods},
    {Py_tp_getset, wakeup_getset},
    {Py_tp_doc, "What a task sleeps on."},
    {0, NULL},
};

static PyType_Spec wakeup_spec = {
    .name = "yodel._yodel.Wakeup",
    .basicsize = sizeof(struct yp_wakeup),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = wakeup_slots,
};

static struct yp_wakeup *wakeup_new(const struct yp_state *state, struct yp_waiter *waiter)
{
    struct yp_wakeup *wakeup = PyObject_GC_New(struct yp_wakeup, state->wakeup_type);

    if (wakeup == NULL)
        return NULL;
    wakeup->callback = wakeup->context = wakeup->message = NULL;
    wakeup->home = waiter->home;
    wakeup->owner = Py_NewRef(waiter->owner); /* it has home */
    wakeup->status = PENDING;
    wakeup->is_blocking = 1;
    PyObject_GC_Track((PyObject *)wakeup);
    return wakeup;
}

/* ---- Waiter ---- */

static void join(struct yp_waiter *waiter)
{
    struct yp_waiters *queue = waiter->queue;

    waiter->waits = 1;
    waiter->next = NULL;
    waiter->previous = queue->last;
    if (queue->last != NULL)
        queue->last->next = waiter;
    else
        queue->first = waiter;
    queue->last = waiter;
}

static void leave(struct yp_waiter *waiter)
{
    struct yp_waiters *queue = waiter->queue;

    if (!waiter->waits)
        return;
    waiter->waits = 0;
    if (waiter->previous != NULL)
        waiter->previous->next = waiter->next;
    else
        queue->first = waiter->next;
    if (waiter->next != NULL)
        waiter->next->previous = waiter->previous;
    else
        queue->last = waiter->previous;
}

/* It has given its result, or will give none.  Its owner keeps it as a spare, so it must not keep
 * its owner. */
static void finish(struct yp_waiter *waiter)
{
    PyObject *owner = waiter->owner;

    leave(waiter);
    waiter->owner = NULL;
    Py_CLEAR(waiter->arg);
    Py_CLEAR(waiter->wakeup);
    Py_XDECREF(owner);
}

static PySendResult waiter_am_send(PyObject *self, PyObject *arg, PyObject **ret_result)
{
    struct yp_waiter *waiter = (struct yp_waiter *)self;
    struct yp_wakeup *wakeup;

    (void)arg;
    if (waiter->owner == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "cannot await this again: it has given its result");
        return PYGEN_ERROR;
    }
    if (waiter->waits) {
        PyErr_SetString(PyExc_RuntimeError, "this is being awaited already");
        return PYGEN_ERROR;
    }
    if ((*ret_result = waiter->take(waiter)) != NULL) {
        finish(waiter);
        return PYGEN_RETURN;
    }
    if (PyErr_Occurred() || (wakeup = wakeup_new(yp_state_of(self), waiter)) == NULL) {
        finish(waiter);
        return PYGEN_ERROR;
    }
    Py_XSETREF(waiter->wakeup, wakeup);
    join(waiter);
    *ret_result = Py_NewRef((PyObject *)wakeup);
    return PYGEN_NEXT;
}

static PyObject *waiter_throw(PyObject *self, PyObject *args)
{
    finish((struct yp_waiter *)self);
    raise_given(args);
    return NULL;
}

static PyObject *waiter_close(PyObject *self, PyObject *unused)
{
    (void)unused;
    finish((struct yp_waiter *)self);
    Py_RETURN_NONE;
}

static int waiter_traverse(PyObject *self, visitproc visit, void *arg)
{
    struct yp_waiter *waiter = (struct yp_waiter *)self;

    Py_VISIT(Py_TYPE(self));
    Py_VISIT(waiter->owner);
    Py_VISIT(waiter->arg);
    Py_VISIT(waiter->wakeup);
    return 0;
}

static int waiter_clear(PyObject *self)
{
    struct yp_waiter *waiter = (struct yp_waiter *)self;

    if (waiter->owner != NULL)
        finish(waiter);
    Py_CLEAR(waiter->wakeup);
    return 0;
}

static PyMethodDef waiter_methods[] = {
    {"send", coroutine_send, METH_O, NULL},
    {"throw", waiter_throw, METH_VARARGS, NULL},
    {"close", waiter_close, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot waiter_slots[] = {
    {Py_tp_dealloc, gc_dealloc},
    {Py_tp_traverse, waiter_traverse},
    {Py_tp_clear, waiter_clear},
    {Py_tp_iter, self_iter},
    {Py_tp_iternext, step},
    {Py_am_await, self_iter},
    {Py_am_send, waiter_am_send},
    {Py_tp_methods, waiter_methods},
    {Py_tp_doc, "An awaitable that waits for a condition."},
    {0, NULL},
};

static PyType_Spec waiter_spec = {
    .name = "yodel._yodel.Waiter",
    .basicsize = sizeof(struct yp_waiter),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = waiter_slots,
};

/* Nobody but the owner has it, and it has finished. */
static int is_free(const struct yp_waiter *waiter)
{
    return waiter != NULL && Py_REFCNT(waiter) == 1 && waiter->owner == NULL;
}

static struct yp_waiter *waiter_alloc(const struct yp_state *state, struct yp_waiter **spare)
{
    struct yp_waiter *waiter;

    if (is_free(*spare))
        return (struct yp_waiter *)Py_NewRef((PyObject *)*spare);
    if ((waiter = PyObject_GC_New(struct yp_waiter, state->waiter_type)) == NULL)
        return NULL;
    waiter->owner = waiter->arg = NULL;
    waiter->wakeup = NULL;
    waiter->waits = 0;
    PyObject_GC_Track((PyObject *)waiter);
    if (*spare == NULL)
        *spare = (struct yp_waiter *)Py_NewRef((PyObject *)waiter);
    return waiter;
}

PyObject *yp_waiter_new(const struct yp_state *state, PyObject *owner, struct yp_waiter **spare,
                        struct yp_home *home, struct yp_waiters *queue, yp_take_fn *take,
                        PyObject *arg, int kind)
{
    struct yp_waiter *waiter = waiter_alloc(state, spare);

    if (waiter == NULL)
        return NULL;
    waiter->owner = Py_NewRef(owner);
    waiter->home = home;
    waiter->queue = queue;
    waiter->take = take;
    waiter->arg = Py_XNewRef(arg);
    waiter->kind = kind;
    return (PyObject *)waiter;
}

static void wake_one(const struct yp_state *state, struct yp_waiter *waiter)
{
    struct yp_wakeup *wakeup = (struct yp_wakeup *)Py_NewRef((PyObject *)waiter->wakeup);

    leave(waiter);
    if (wakeup->status == PENDING) {
        wakeup->status = DONE;
        wakeup_fire(state, wakeup, 0);
    }
    Py_DECREF(wakeup);
}

void yp_wake(const struct yp_state *state, struct yp_waiters *queue)
{
    size_t num = 0;

    for (struct yp_waiter *waiter = queue->first; waiter != NULL; waiter = waiter->next)
        num++;
    while (num-- > 0 && queue->first != NULL) /* those who wait again are behind */
        wake_one(state, queue->first);
}

int yp_awaitable_part(PyObject *module, struct yp_state *state)
{
    PyObject *asyncio = PyImport_ImportModule("asyncio");

    if (asyncio == NULL)
        return -1;
    state->cancelled_error = PyObject_GetAttrString(asyncio, "CancelledError");
    Py_DECREF(asyncio);
    if (state->cancelled_error == NULL ||
        yp_add_type(module, &ready_spec, &state->ready_type, 0) < 0 ||
        yp_add_type(module, &waiter_spec, &state->waiter_type, 0) < 0 ||
        yp_add_type(module, &wakeup_spec, &state->wakeup_type, 0) < 0)
        return -1;
    state->ready_none = yp_ready(state, Py_NewRef(Py_None));
    return state->ready_none != NULL ? 0 : -1;
}
