/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_OPTIONS_H
#define YP_SIO_OPTIONS_H

#include "sio_server.h"

/* What SioServer(**options) makes of its options: server, service, listeners.  Returns 0, or -1
 * with an exception; what was made is then the server's still. */
/* Frees a list of strings that ends with NULL; NULL does nothing. */
void yp_free_list(char **list);

int yp_sio_configure(struct yp_sio *self, PyObject *named);

#endif
