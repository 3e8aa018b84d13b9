/* SPDX-License-Identifier: MIT */
#include "asgi_inbox.h"

#define LEAST_CAP 4

int yp_inbox_is_event(PyObject *item)
{
    return !PyUnicode_CheckExact(item) && !PyBytes_CheckExact(item);
}

static size_t size_of(PyObject *item)
{
    if (yp_inbox_is_event(item))
        return 0;
    return PyBytes_CheckExact(item) ? (size_t)PyBytes_GET_SIZE(item)
                                    : (size_t)PyUnicode_GET_LENGTH(item) * PyUnicode_KIND(item);
}

static PyObject **slot(const struct yp_inbox *inbox, unsigned i)
{
    return &inbox->items[(inbox->first + i) % inbox->cap];
}

static int grow(struct yp_inbox *inbox)
{
    unsigned cap = inbox->cap > 0 ? inbox->cap * 2 : LEAST_CAP;
    PyObject **items = PyMem_New(PyObject *, cap);

    if (items == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (unsigned i = 0; i < inbox->num; i++)
        items[i] = *slot(inbox, i);
    PyMem_Free(inbox->items);
    inbox->items = items;
    inbox->cap = cap;
    inbox->first = 0;
    return 0;
}

int yp_inbox_push(struct yp_inbox *inbox, PyObject *item)
{
    if (inbox->num == inbox->cap && grow(inbox) < 0) {
        Py_DECREF(item);
        return -1;
    }
    *slot(inbox, inbox->num) = item;
    inbox->num++;
    inbox->bytes += size_of(item);
    inbox->num_events += (unsigned)yp_inbox_is_event(item);
    return 0;
}

PyObject *yp_inbox_pop(struct yp_inbox *inbox)
{
    PyObject *item = *slot(inbox, 0);

    inbox->first = (inbox->first + 1) % inbox->cap;
    inbox->bytes -= size_of(item);
    inbox->num_events -= (unsigned)yp_inbox_is_event(item);
    if (--inbox->num == 0 && inbox->cap > LEAST_CAP)
        yp_inbox_clear(inbox);
    return item;
}

/* Brings the events to the end of the ring; messages stay in their order. */
static void part_events(struct yp_inbox *inbox)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < inbox->num; i++) {
        PyObject **from = slot(inbox, i), **to = slot(inbox, kept), *item = *from;

        if (yp_inbox_is_event(item))
            continue;
        *from = *to;
        *to = item;
        kept++;
    }
}

/* What is dropped may run a program's code, which may put events here again. */
void yp_inbox_drop_events(struct yp_inbox *inbox)
{
    PyObject *item;

    if (inbox->num_events > 0)
        part_events(inbox);
    while (inbox->num_events > 0) {
        item = *slot(inbox, inbox->num - 1);
        if (!yp_inbox_is_event(item))
            return;
        inbox->num--;
        inbox->num_events--;
        Py_DECREF(item);
    }
}

void yp_inbox_clear(struct yp_inbox *inbox)
{
    struct yp_inbox old = *inbox;

    *inbox = (struct yp_inbox){.items = NULL};
    for (unsigned i = 0; i < old.num; i++)
        Py_DECREF(*slot(&old, i));
    PyMem_Free(old.items);
}

int yp_inbox_traverse(const struct yp_inbox *inbox, visitproc visit, void *arg)
{
    for (unsigned i = 0; i < inbox->num; i++)
        Py_VISIT(*slot(inbox, i));
    return 0;
}
