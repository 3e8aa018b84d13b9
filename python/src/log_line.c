/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "log_line.h"

/* logging.DEBUG, INFO, WARNING, ERROR */
static const int levels[] = {10, 20, 30, 40};

/* What the library tells of its course is detail beside the launcher's own lines. */
static yodel_log_level rank(yodel_log_level level)
{
    return level == YODEL_LOG_INFO ? YODEL_LOG_DEBUG : level;
}

/* 1 when it is switched on, or when that cannot be told. */
static int is_enabled(const struct yp_state *state, int level)
{
    PyObject *number = PyLong_FromLong(level), *result = NULL;
    int is_on;

    if (number != NULL)
        result = PyObject_CallMethodOneArg(state->logger, state->names.is_enabled_for, number);
    is_on = result == NULL || PyObject_IsTrue(result) != 0;
    Py_XDECREF(number);
    Py_XDECREF(result);
    PyErr_Clear();
    return is_on;
}

int yp_log_is_on(const struct yp_state *state, yodel_log_level level)
{
    return is_enabled(state, levels[level]);
}

yodel_log_level yp_log_least(const struct yp_state *state)
{
    yodel_log_level level = YODEL_LOG_DEBUG;

    while (level < YODEL_LOG_ERROR && !is_enabled(state, levels[level]))
        level++;
    return level == YODEL_LOG_INFO ? YODEL_LOG_WARN : level;
}

/* logger.log(level, "%s", text, exc_info=error) */
static PyObject *log_text(const struct yp_state *state, int level, PyObject *text, PyObject *error)
{
    PyObject *log = PyObject_GetAttr(state->logger, state->names.log);
    PyObject *args = Py_BuildValue("(isO)", level, "%s", text);
    PyObject *named = error != NULL ? Py_BuildValue("{OO}", state->names.exc_info, error) : NULL;
    PyObject *result = NULL;

    if (log != NULL && args != NULL && (error == NULL || named != NULL))
        result = PyObject_Call(log, args, named);
    Py_XDECREF(log);
    Py_XDECREF(args);
    Py_XDECREF(named);
    return result;
}

void yp_log(const struct yp_state *state, yodel_log_level level, PyObject *error,
            const char *format, ...)
{
    PyObject *text, *result = NULL;
    va_list args;

    if (!is_enabled(state, levels[level]))
        return;
    va_start(args, format);
    text = PyUnicode_FromFormatV(format, args);
    va_end(args);
    if (text != NULL)
        result = log_text(state, levels[level], text, error);
    if (result == NULL)
        PyErr_WriteUnraisable(state->logger);
    Py_XDECREF(result);
    Py_XDECREF(text);
}

/* The library is in the middle of something: the line is written by the loop's next turn. */
static PyObject *log_soon(const struct yp_asgi *asgi, PyObject *log, int level, PyObject *text)
{
    PyObject *call = pthread_self() == asgi->thread ? asgi->state->names.call_soon
                                                    : asgi->state->names.call_soon_threadsafe;

    return PyObject_CallMethod(asgi->loop, PyUnicode_AsUTF8(call), "OisO", log, level, "%s", text);
}

void yp_log_from_library(yodel_log_level level, yodel_str text, void *user)
{
    struct yp_asgi *asgi = user;
    PyGILState_STATE gil = YP_ENTER();
    PyObject *type, *error, *trace, *line, *log, *result = NULL;

    PyErr_Fetch(&type, &error, &trace);
    line = PyUnicode_DecodeUTF8(text.ptr, (Py_ssize_t)text.len, "replace");
    log = PyObject_GetAttr(asgi->state->logger, asgi->state->names.log);
    if (line != NULL && log != NULL)
        result = asgi->is_started ? log_soon(asgi, log, levels[rank(level)], line)
                                  : log_text(asgi->state, levels[rank(level)], line, NULL);
    Py_XDECREF(result);
    Py_XDECREF(log);
    Py_XDECREF(line);
    PyErr_Clear(); /* the loop is closed: nobody reads it any more */
    PyErr_Restore(type, error, trace);
    YP_LEAVE(gil);
}

int yp_log_line_part(PyObject *module, struct yp_state *state)
{
    PyObject *logging = PyImport_ImportModule("logging");

    (void)module;
    if (logging == NULL)
        return -1;
    state->logger = PyObject_CallMethod(logging, "getLogger", "s", "yodel.error");
    Py_DECREF(logging);
    return state->logger != NULL ? 0 : -1;
}
