/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_EIO_ROUTE_H
#define YD_EIO_EIO_ROUTE_H

#include "eio/eio_service.h"

/* The consumer of the service's WebSockets: a request that was checked and is given to it becomes
 * what its query says, a session, or the probe of one. */

/* Makes eio->route.  Returns 0, -ENOMEM. */
int yd_eio_make_route(struct yd_eio *eio, struct yd_ws_service *ws);

#endif
