/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_CHECK_H
#define YP_SIO_CHECK_H

#include "sio_server.h"

/* Whether a session may begin: by its origin, and by the program (CHECK items). */

struct yp_check;

/* yodel_sio_options.allow_request; user is a struct yp_sio.  _ask asks the program, too. */
int yp_check_origin(yodel_request *req, void *user);
int yp_check_ask(yodel_request *req, void *user);

PyObject *yp_check_tuple(struct yp_sio *self, struct yp_check *check);
/* message: NULL: none.  Returns None, or NULL with an exception. */
PyObject *yp_check_decide(struct yp_check *check, bool allow, const char *message);
void yp_check_free(struct yp_check *check);

#endif
