/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_ONCES_H
#define YD_SIO_ONCES_H

#include <yodel/sio.h>

/* Handlers of one socket alone, each for its next event of one name. */
struct yd_sio_once {
    struct yd_sio_once *next;
    yodel_sio_event_fn *fn;
    void *user;
    size_t len;
    char name[];
};

/* Adds one at the end of the list.  Returns 0 or -ENOMEM. */
int yd_sio_onces_add(struct yd_sio_once **list, const struct yodel_allocator *mem,
                     const char *event, yodel_sio_event_fn *fn, void *user);
/* Takes those of event off the list, in order; NULL when there is none.  Each is freed by
 * yd_free(). */
struct yd_sio_once *yd_sio_onces_take(struct yd_sio_once **list, yodel_str event);
/* Frees all. */
void yd_sio_onces_free(struct yd_sio_once **list, const struct yodel_allocator *mem);

#endif
