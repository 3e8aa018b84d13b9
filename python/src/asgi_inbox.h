/* SPDX-License-Identifier: MIT */
#ifndef YP_ASGI_INBOX_H
#define YP_ASGI_INBOX_H

#include <Python.h>

/*
 * Messages that have come and that the application has not asked for yet: str or bytes, in order.
 * Empty it takes no memory.  The bounds are the user's: he stops his peer while the inbox is full,
 * until it is at most half full again.
 *
 * Between them stand events that are not the peer's (asgi_ws_port.h): any other object.  They do
 * not count for these bounds.
 */
#define YP_INBOX_MESSAGES 32
#define YP_INBOX_BYTES ((size_t)1024 * 1024)

struct yp_inbox {
    PyObject **items; /* a ring of cap */
    unsigned cap;
    unsigned first;
    unsigned num;
    unsigned num_events; /* of num: neither str nor bytes */
    size_t bytes;
};

/*
 * Adds a message at the end.
 *
 * item   a message or an event; taken, also on failure
 *
 * Returns 0, or -1 with MemoryError.
 */
int yp_inbox_push(struct yp_inbox *inbox, PyObject *item);

/* Whether an item is an event. */
int yp_inbox_is_event(PyObject *item);

/* Takes the first item, of which there is one.  Returns its reference. */
PyObject *yp_inbox_pop(struct yp_inbox *inbox);

/* Whether the peer has to wait. */
static inline int yp_inbox_is_full(const struct yp_inbox *inbox)
{
    return inbox->num - inbox->num_events >= YP_INBOX_MESSAGES || inbox->bytes >= YP_INBOX_BYTES;
}

/* Whether a peer that waits may go on. */
static inline int yp_inbox_has_room(const struct yp_inbox *inbox)
{
    return inbox->num - inbox->num_events <= YP_INBOX_MESSAGES / 2 &&
           inbox->bytes <= YP_INBOX_BYTES / 2;
}

/* Drops all events; messages stay. */
void yp_inbox_drop_events(struct yp_inbox *inbox);

/* Drops all of it. */
void yp_inbox_clear(struct yp_inbox *inbox);

int yp_inbox_traverse(const struct yp_inbox *inbox, visitproc visit, void *arg);

#endif
