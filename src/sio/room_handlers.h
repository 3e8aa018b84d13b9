/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_ROOM_HANDLERS_H
#define YD_SIO_ROOM_HANDLERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/sio.h>

/* Handlers of what happens in rooms: a list of a configuration's, whose copies share what is on it.
 */

/* A handler and what it was given; shared by configurations. */
struct yd_sio_room_watch {
    atomic_uint refs;
    const struct yodel_allocator *mem;
    yodel_sio_room_fn *fn;
    void *user;
    yodel_free_fn *free_user; /* NULL: borrowed */
};

struct yd_sio_room_handler {
    struct yd_sio_room_handler *next;
    struct yd_sio_room_watch *watch; /* a reference */
};

/* One reference; takes user, unless it fails.  NULL when out of memory. */
struct yd_sio_room_watch *yd_sio_room_watch_new(const struct yodel_allocator *mem,
                                                yodel_sio_room_fn *fn, void *user,
                                                yodel_free_fn *free_user);
/* The last one frees what is the program's: not with a lock held. */
void yd_sio_room_watch_unref(struct yd_sio_room_watch *watch);

/* Adds watch at the end, with a reference of its own.  Returns 0 or -ENOMEM. */
int yd_sio_room_handlers_add(struct yd_sio_room_handler **list, struct yd_sio_room_watch *watch);
/* Moves those that are fn with user (fn NULL: all) to *ret_removed, which is then to be freed.
 * Returns how many. */
int yd_sio_room_handlers_remove(struct yd_sio_room_handler **list, yodel_sio_room_fn *fn,
                                const void *user, struct yd_sio_room_handler **ret_removed);
/* Makes *ret_copy, empty so far, the same.  Returns 0 or -ENOMEM; what there is then is to be
 * freed. */
int yd_sio_room_handlers_copy(const struct yd_sio_room_handler *list,
                              struct yd_sio_room_handler **ret_copy);
/* Frees the list, as yd_sio_room_watch_unref() what it is of.  Takes NULL. */
void yd_sio_room_handlers_free(struct yd_sio_room_handler *list);

/* Calls all of them. */
void yd_sio_room_handlers_call(const struct yd_sio_room_handler *list, yodel_sio_namespace *ns,
                               const yodel_sio_room_event *event);

#endif
