/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_OWN_HANDLERS_H
#define YD_SIO_OWN_HANDLERS_H

#include <stdbool.h>
#include <yodel/sio.h>

/* Handlers of one socket alone; on its loop. */

struct yd_sio_own_handler {
    struct yd_sio_own_handler *next;
    yodel_sio_event_fn *fn;
    void *user;
    bool any, once; /* of every event; for the next one only */
    bool removed;   /* during a run: it is freed at its end */
    size_t len;
    char name[];
};

/* All zero: none. */
struct yd_sio_own {
    struct yd_sio_own_handler *first; /* in the order they were added */
    unsigned num;                     /* less those that are removed */
    unsigned runs;                    /* that go on */
};

/* event NULL: every event.  Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG (max). */
int yd_sio_own_add(struct yd_sio_own *own, const struct yodel_allocator *mem, const char *event,
                   const struct yd_sio_own_handler *handler, unsigned max);

/* Which ones to remove: of any, or of a name (NULL: of every name); fn NULL: all of those. */
struct yd_sio_own_match {
    bool any;
    const char *event;
    yodel_sio_event_fn *fn;
    void *user;
};

/* They are not called any more.  Returns how many. */
int yd_sio_own_remove(struct yd_sio_own *own, const struct yodel_allocator *mem,
                      const struct yd_sio_own_match *match);

/* Calls those of every event, or else those of that event's name, which may add and remove; what is
 * added is for the next one.  Returns whether there was one. */
bool yd_sio_own_run(struct yd_sio_own *own, const struct yodel_allocator *mem,
                    yodel_sio_socket *socket, yodel_sio_event *event, bool any);

/* While no run goes on. */
void yd_sio_own_free(struct yd_sio_own *own, const struct yodel_allocator *mem);

#endif
