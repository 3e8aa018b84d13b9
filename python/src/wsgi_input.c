/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "errors.h"
#include "wsgi.h"

/* wsgi.input: the body as a file, read as it comes. */

struct yp_wsgi_input {
    PyObject_HEAD
    struct yp_state *state;
    struct yp_body *body; /* NULL: there is none, or no more */
    struct yd_buf data;   /* taken, and not read yet */
    size_t at;
};

static struct yp_wsgi_input *input_of(PyObject *object)
{
    return (struct yp_wsgi_input *)(void *)object;
}

PyObject *yp_wsgi_input_new(struct yp_state *state, struct yp_body *body)
{
    PyTypeObject *type = state->wsgi_input_type;
    struct yp_wsgi_input *input = (struct yp_wsgi_input *)(void *)type->tp_alloc(type, 0);

    if (input == NULL)
        return NULL;
    input->state = state;
    input->body = body != NULL ? yp_body_ref(body) : NULL;
    return (PyObject *)input;
}

/* ---- reading ---- */

/* One more part.  Returns 1, 0 at the end, -1 with an exception. */
static int fill(struct yp_wsgi_input *self)
{
    struct yp_body *body = self->body;
    struct yd_buf more = {0};
    int rc;

    if (body == NULL)
        return 0;
    yp_body_ref(body);
    Py_BEGIN_ALLOW_THREADS rc = yp_body_take(body, &more);
    Py_END_ALLOW_THREADS yp_body_unref(body);
    if (rc == 1 && yd_buf_append(&yd_mem_default, &self->data, more.ptr, more.len) < 0)
        rc = -ENOMEM;
    yd_buf_free(&yd_mem_default, &more);
    if (rc == 1)
        return 1;
    if (rc < 0)
        (void)yp_raise(self->state, rc, "the body of the request");
    if (self->body != NULL)
        yp_body_unref(self->body);
    self->body = NULL;
    return rc < 0 ? -1 : 0;
}

static size_t available(const struct yp_wsgi_input *self)
{
    return self->data.len - self->at;
}

static PyObject *give(struct yp_wsgi_input *self, size_t len)
{
    PyObject *bytes = PyBytes_FromStringAndSize(
        len > 0 ? (const char *)self->data.ptr + self->at : "", (Py_ssize_t)len);

    if (bytes == NULL)
        return NULL;
    self->at += len;
    if (self->at == self->data.len) {
        yd_buf_free(&yd_mem_default, &self->data);
        self->at = 0;
    } else if (self->at > ((size_t)64 << 10)) {
        yd_buf_consume(&self->data, self->at);
        self->at = 0;
    }
    return bytes;
}

/* size: -1 or None: all. */
static int read_size(PyObject *args, size_t *ret_size)
{
    PyObject *given = Py_None;
    Py_ssize_t size = -1;

    if (!PyArg_ParseTuple(args, "|O", &given))
        return -1;
    if (given != Py_None && (size = PyNumber_AsSsize_t(given, PyExc_OverflowError)) == -1 &&
        PyErr_Occurred())
        return -1;
    *ret_size = size < 0 ? SIZE_MAX : (size_t)size;
    return 0;
}

static PyObject *input_read(PyObject *object, PyObject *args)
{
    struct yp_wsgi_input *self = input_of(object);
    size_t size;
    int rc = 1;

    if (read_size(args, &size) < 0)
        return NULL;
    while (rc == 1 && available(self) < size)
        rc = fill(self);
    if (rc < 0)
        return NULL;
    return give(self, available(self) < size ? available(self) : size);
}

/* The length of the next line, with its newline; 0 where that is not known yet. */
static size_t line_length(const struct yp_wsgi_input *self, size_t from, size_t size)
{
    const char *begin, *end;
    size_t len = available(self);

    if (len == 0)
        return 0;
    begin = (const char *)self->data.ptr + self->at;
    if (len > from && (end = memchr(begin + from, '\n', len - from)) != NULL)
        return (size_t)(end - begin) + 1 < size ? (size_t)(end - begin) + 1 : size;
    return len >= size ? size : 0;
}

static PyObject *read_line(struct yp_wsgi_input *self, size_t size)
{
    size_t seen = 0, len = 0;
    int rc = 1;

    while (rc == 1 && size > 0 && (len = line_length(self, seen, size)) == 0) {
        seen = available(self);
        rc = fill(self);
    }
    if (rc < 0)
        return NULL;
    return give(self, len > 0 || size == 0 ? len : available(self));
}

static PyObject *input_readline(PyObject *object, PyObject *args)
{
    size_t size;

    if (read_size(args, &size) < 0)
        return NULL;
    return read_line(input_of(object), size);
}

static PyObject *input_next(PyObject *object)
{
    PyObject *line = read_line(input_of(object), SIZE_MAX);

    if (line != NULL && PyBytes_GET_SIZE(line) == 0)
        Py_CLEAR(line);
    return line;
}

static PyObject *input_readlines(PyObject *object, PyObject *args)
{
    PyObject *list = PyList_New(0), *line;
    size_t hint, total = 0;

    if (list == NULL || read_size(args, &hint) < 0) {
        Py_XDECREF(list);
        return NULL;
    }
    while (total < hint && (line = input_next(object)) != NULL) {
        total += (size_t)PyBytes_GET_SIZE(line);
        if (PyList_Append(list, line) < 0)
            total = SIZE_MAX;
        Py_DECREF(line);
    }
    if (PyErr_Occurred())
        Py_CLEAR(list);
    return list;
}

/* ---- the type ---- */

static PyObject *input_readable(PyObject *object, PyObject *unused)
{
    (void)object;
    (void)unused;
    Py_RETURN_TRUE;
}

static PyObject *input_close(PyObject *object, PyObject *unused)
{
    (void)object;
    (void)unused;
    Py_RETURN_NONE;
}

static void input_dealloc(PyObject *object)
{
    struct yp_wsgi_input *self = input_of(object);
    PyTypeObject *type = Py_TYPE(object);

    yp_body_unref(self->body);
    yd_buf_free(&yd_mem_default, &self->data);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef input_methods[] = {
    {"read", input_read, METH_VARARGS, "read(size=-1) -> bytes"},
    {"readline", input_readline, METH_VARARGS, "readline(size=-1) -> bytes"},
    {"readlines", input_readlines, METH_VARARGS, "readlines(hint=-1) -> list of bytes"},
    {"readable", input_readable, METH_NOARGS, "readable() -> True"},
    {"close", input_close, METH_NOARGS, "close(): does nothing, as WSGI asks"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot input_slots[] = {
    {Py_tp_dealloc, input_dealloc},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, input_next},
    {Py_tp_methods, input_methods},
    {Py_tp_doc, "wsgi.input: the body of a request, read as it comes."},
    {0, NULL},
};

static PyType_Spec input_spec = {
    .name = "yodel._yodel.WsgiInput",
    .basicsize = sizeof(struct yp_wsgi_input),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = input_slots,
};

int yp_wsgi_input_part(PyObject *module, struct yp_state *state)
{
    return yp_add_type(module, &input_spec, &state->wsgi_input_type, 0);
}
