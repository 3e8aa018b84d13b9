/* SPDX-License-Identifier: MIT */
#include "interned.h"

int yp_names_init(struct yp_names *names)
{
#define X(field, text)                                                                             \
    if ((names->field = PyUnicode_InternFromString(text)) == NULL)                                 \
        return -1;
    YP_NAMES(X)
#undef X
    return 0;
}

void yp_names_clear(struct yp_names *names)
{
#define X(field, text) Py_CLEAR(names->field);
    YP_NAMES(X)
#undef X
}

int yp_is_name(PyObject *value, PyObject *name)
{
    if (value == name)
        return 1;
    return PyUnicode_Check(value) && PyUnicode_Compare(value, name) == 0;
}

PyObject *yp_get(PyObject *dict, PyObject *name)
{
    PyObject *value = PyDict_GetItemWithError(dict, name);

    if (value == NULL)
        PyErr_Clear(); /* the key is a string: only a broken dict of a subclass could raise */
    return value != Py_None ? value : NULL;
}
