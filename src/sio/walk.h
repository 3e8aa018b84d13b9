/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_WALK_H
#define YD_SIO_WALK_H

#include "sio/socket.h"

/* Whom a target means on one loop. */

/* A target that travels. */
struct yd_sio_scope {
    yodel_sio_namespace *ns;      /* a reference */
    const char **rooms, **except; /* end with NULL; rooms NULL: everyone */
    const char *but;              /* 20 characters, or NULL */
    unsigned flags;
};

typedef void(yd_sio_each_fn)(yodel_sio_socket *socket, void *user);

/* Calls each(socket, user) once for every connected socket of scope on this loop; away: for those
 * that are absent, but note what comes for them, too. */
void yd_sio_walk(const struct yd_sio_scope *scope, struct yd_loop *loop, bool away,
                 yd_sio_each_fn *each, void *user);

#endif
