/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "asgi_headers.h"

/* Bytes end with a NUL of their own. */
static const char *string_of(PyObject *bytes)
{
    char *text;

    if (!PyBytes_Check(bytes)) {
        PyErr_Format(PyExc_TypeError, "names and values of headers are bytes, not %.100s",
                     Py_TYPE(bytes)->tp_name);
        return NULL;
    }
    return PyBytes_AsStringAndSize(bytes, &text, NULL) == 0 ? text : NULL;
}

/* The pair as a tuple, new reference. */
static PyObject *pair_of(PyObject *item, yodel_header *ret_header)
{
    PyObject *pair = PySequence_Tuple(item);

    if (pair == NULL)
        return NULL;
    if (PyTuple_GET_SIZE(pair) != 2)
        PyErr_SetString(PyExc_ValueError, "a header is a pair of bytes, name and value");
    else if ((ret_header->name = string_of(PyTuple_GET_ITEM(pair, 0))) != NULL)
        ret_header->value = string_of(PyTuple_GET_ITEM(pair, 1));
    if (PyErr_Occurred())
        Py_CLEAR(pair);
    return pair;
}

/* Puts tuples in place of the items: the strings live in them. */
static int read_all(struct yp_headers *self)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(self->kept); i++) {
        PyObject *pair = pair_of(PyList_GET_ITEM(self->kept, i), &self->list[i]);

        if (pair == NULL || PyList_SetItem(self->kept, i, pair) < 0)
            return -1;
    }
    return 0;
}

int yp_headers_read(struct yp_headers *self, PyObject *headers)
{
    self->list = self->few;
    self->num = 0;
    self->kept = NULL;
    if (headers == NULL)
        return 0;
    if ((self->kept = PySequence_List(headers)) == NULL)
        return -1;
    self->num = (size_t)PyList_GET_SIZE(self->kept);
    if (self->num > YP_FEW_HEADERS &&
        (self->list = PyMem_Calloc(self->num, sizeof *self->list)) == NULL) {
        self->list = self->few;
        PyErr_NoMemory();
    } else if (read_all(self) == 0) {
        return 0;
    }
    yp_headers_free(self);
    return -1;
}

const char *yp_headers_take(struct yp_headers *self, const char *name)
{
    const char *value;

    for (size_t i = 0; i < self->num; i++) {
        if (strcasecmp(self->list[i].name, name) != 0)
            continue;
        value = self->list[i].value;
        self->num--;
        memmove(self->list + i, self->list + i + 1, (self->num - i) * sizeof *self->list);
        return value;
    }
    return NULL;
}

void yp_headers_free(struct yp_headers *self)
{
    if (self->list != self->few)
        PyMem_Free(self->list);
    self->list = self->few;
    self->num = 0;
    Py_CLEAR(self->kept);
}
