/* SPDX-License-Identifier: MIT */
#include "exchange.h"

/* What is no coroutine (an object with __await__, a function of an older form) is awaited by one.
 */
static const char run_awaitable_source[] = "async def run_awaitable(awaitable):\n"
                                           "    await awaitable\n";

struct yp_exchange *yp_exchange_new(PyTypeObject *type, struct yp_asgi *asgi, yp_ended_fn *ended)
{
    struct yp_exchange *exchange = (struct yp_exchange *)type->tp_alloc(type, 0);

    if (exchange == NULL)
        return NULL;
    exchange->asgi = (struct yp_asgi *)Py_NewRef((PyObject *)asgi);
    exchange->ended = ended;
    return exchange;
}

static void join(struct yp_exchange *exchange)
{
    struct yp_asgi *asgi = exchange->asgi;

    exchange->next = asgi->exchanges;
    if (asgi->exchanges != NULL)
        asgi->exchanges->previous = exchange;
    asgi->exchanges = exchange;
    asgi->num_exchanges++;
    Py_INCREF(exchange); /* its own reference, until the task has ended */
}

static void leave(struct yp_exchange *exchange)
{
    struct yp_asgi *asgi = exchange->asgi;

    if (exchange->previous != NULL)
        exchange->previous->next = exchange->next;
    else
        asgi->exchanges = exchange->next;
    if (exchange->next != NULL)
        exchange->next->previous = exchange->previous;
    exchange->previous = exchange->next = NULL;
    asgi->num_exchanges--;
}

/* Takes the exception that is set. */
static PyObject *take_exception(void)
{
    PyObject *type, *error, *trace;

    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace != NULL)
        (void)PyException_SetTraceback(error, trace);
    Py_XDECREF(type);
    Py_XDECREF(trace);
    return error;
}

static void end(struct yp_exchange *exchange, PyObject *error)
{
    struct yp_asgi *asgi = exchange->asgi;

    leave(exchange);
    Py_CLEAR(exchange->task);
    Py_INCREF(asgi);
    exchange->ended(exchange, error);
    Py_DECREF(exchange);
    yp_asgi_check_idle(asgi);
    Py_DECREF(asgi);
}

/* The task's done callback; self is the exchange. */
static PyObject *on_done(PyObject *self, PyObject *task)
{
    struct yp_exchange *exchange = (struct yp_exchange *)self;
    PyObject *error = PyObject_CallMethodNoArgs(task, exchange->asgi->state->names.exception);

    if (error == NULL)
        error = take_exception(); /* CancelledError */
    end(exchange, error != Py_None ? error : NULL);
    Py_XDECREF(error);
    if (PyErr_Occurred())
        PyErr_WriteUnraisable(task);
    Py_RETURN_NONE;
}

static PyMethodDef on_done_method = {"ended", on_done, METH_O, NULL};

/* The application's coroutine: new reference, or NULL with what calling it has raised. */
static PyObject *call_application(struct yp_exchange *exchange, PyObject *scope,
                                  PyMethodDef *receive, PyMethodDef *send)
{
    struct yp_asgi *asgi = exchange->asgi;
    PyObject *args[3] = {scope, PyCFunction_New(receive, (PyObject *)exchange),
                         PyCFunction_New(send, (PyObject *)exchange)};
    PyObject *awaitable = NULL, *coroutine;

    if (args[1] != NULL && args[2] != NULL)
        awaitable = PyObject_Vectorcall(asgi->app, args, 3, NULL);
    Py_XDECREF(args[1]);
    Py_XDECREF(args[2]);
    if (awaitable == NULL || PyCoro_CheckExact(awaitable))
        return awaitable;
    coroutine = PyObject_CallOneArg(asgi->state->run_awaitable, awaitable);
    Py_DECREF(awaitable);
    return coroutine;
}

/* In the context that the server was started in: what another request has set is not there. */
static PyObject *create_task(struct yp_asgi *asgi, PyObject *coroutine)
{
    PyObject *context = PyContext_Copy(asgi->context), *task = NULL;

    if (context != NULL && PyContext_Enter(context) == 0) {
        task = PyObject_CallOneArg(asgi->create_task, coroutine);
        (void)PyContext_Exit(context);
    }
    Py_XDECREF(context);
    return task;
}

static int start(struct yp_exchange *exchange, PyObject *coroutine)
{
    struct yp_asgi *asgi = exchange->asgi;
    PyObject *done = PyCFunction_New(&on_done_method, (PyObject *)exchange), *result = NULL;

    if (done != NULL && (exchange->task = create_task(asgi, coroutine)) != NULL)
        result =
            PyObject_CallMethodOneArg(exchange->task, asgi->state->names.add_done_callback, done);
    Py_XDECREF(done);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

void yp_exchange_spawn(struct yp_exchange *exchange, PyObject *scope, PyMethodDef *receive,
                       PyMethodDef *send)
{
    PyObject *coroutine, *error;
    int rc = -1;

    join(exchange);
    if ((coroutine = call_application(exchange, scope, receive, send)) != NULL)
        rc = start(exchange, coroutine);
    Py_XDECREF(coroutine);
    if (rc == 0)
        return;
    error = take_exception();
    end(exchange, error);
    Py_XDECREF(error);
}

void yp_exchange_cancel(struct yp_exchange *exchange)
{
    PyObject *result;

    if (exchange->task == NULL)
        return;
    result = PyObject_CallMethodNoArgs(exchange->task, exchange->asgi->state->names.cancel);
    if (result == NULL)
        PyErr_WriteUnraisable(exchange->task);
    Py_XDECREF(result);
}

int yp_exchange_traverse(struct yp_exchange *exchange, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(exchange));
    Py_VISIT(exchange->asgi);
    Py_VISIT(exchange->task);
    Py_VISIT(exchange->spare);
    return 0;
}

void yp_exchange_clear(struct yp_exchange *exchange)
{
    Py_CLEAR(exchange->task);
    Py_CLEAR(exchange->spare);
    Py_CLEAR(exchange->asgi);
}

int yp_exchange_part(PyObject *module, struct yp_state *state)
{
    PyObject *globals = PyDict_New(), *result = NULL;

    (void)module;
    if (globals != NULL && PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) == 0)
        result = PyRun_String(run_awaitable_source, Py_file_input, globals, globals);
    if (result != NULL)
        state->run_awaitable = Py_XNewRef(PyDict_GetItemString(globals, "run_awaitable"));
    Py_XDECREF(result);
    Py_XDECREF(globals);
    return state->run_awaitable != NULL ? 0 : -1;
}
