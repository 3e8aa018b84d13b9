/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SIO_CONFIG_H
#define YD_SIO_SIO_CONFIG_H

#include <stdatomic.h>
#include <yodel/sio.h>

#include "base/map.h"

/*
 * What a program sets up for a namespace: handlers and middleware.  A configuration that others
 * than its maker have is only read: who changes it makes another one.  Loops use it without a lock:
 * each counts its own uses, and gives back its reference after the last.
 */

struct yd_loop;
struct yd_sio_room_handler;

struct yd_sio_event_handler {
    struct yd_sio_event_handler *next;
    yodel_sio_event_fn *fn;
    void *user;
};

/* All handlers of one event. */
struct yd_sio_listener {
    struct yd_sio_listener *next; /* of all */
    struct yd_map_node node;
    struct yd_sio_event_handler *first, **last;
    char name[]; /* ends with NUL */
};

/* A function of one of the three kinds, by the list that it is on. */
struct yd_sio_middleware {
    struct yd_sio_middleware *next;
    yodel_sio_middleware_fn *fn;
    yodel_sio_event_middleware_fn *event_fn;
    yodel_sio_outgoing_fn *outgoing_fn;
    void *user;
};

/* One loop's part; that loop's alone, on a cache line of its own. */
struct yd_sio_config_loop {
    unsigned uses;
    char padding[60];
};

struct yd_sio_config {
    atomic_uint refs; /* the namespace, loops that use it */
    unsigned num_loops;
    yodel_sio_handlers handlers;
    void *user;
    struct yd_map listeners;
    struct yd_sio_listener *all; /* the same, for looking through a few */
    struct yd_sio_middleware *middleware, *event_middleware, *outgoing; /* in order */
    struct yd_sio_room_handler *room_handlers;
    struct yd_sio_config_loop per_loop[];
};

/* One reference; NULL when out of memory. */
struct yd_sio_config *yd_sio_config_new(const struct yodel_allocator *mem, unsigned num_loops,
                                        const uint64_t secret[2]);
/* A copy with the same handlers and middleware; NULL when out of memory. */
struct yd_sio_config *yd_sio_config_copy(const struct yd_sio_config *config);
/* Takes NULL. */
void yd_sio_config_unref(struct yd_sio_config *config);

/* On loop, which uses it: another use, and the end of one, after which it may be gone.  end takes
 * NULL. */
struct yd_sio_config *yd_sio_config_again(struct yd_sio_config *config, const struct yd_loop *loop);
void yd_sio_config_end(struct yd_sio_config *config, const struct yd_loop *loop);

/* ---- while nobody else has it ---- */

/* Adds a handler of event after those there are.  Returns 0 or -ENOMEM. */
int yd_sio_config_listen(struct yd_sio_config *config, const char *event, yodel_sio_event_fn *fn,
                         void *user);
/* Removes those handlers of event (NULL: of all) that are fn with user (fn NULL: all).  Returns how
 * many. */
int yd_sio_config_remove(struct yd_sio_config *config, const char *event, yodel_sio_event_fn *fn,
                         void *user);
/* NULL: the event has no handlers, and has had none. */
struct yd_sio_listener *yd_sio_config_find(const struct yd_sio_config *config, yodel_str event);

/* Adds a copy of middleware to one of the lists of config.  Returns 0 or -ENOMEM. */
int yd_sio_config_use(struct yd_sio_config *config, struct yd_sio_middleware **list,
                      const struct yd_sio_middleware *middleware);

#endif
