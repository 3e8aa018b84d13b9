/* SPDX-License-Identifier: MIT */
#ifndef YP_WSGI_H
#define YP_WSGI_H

#include "request_head.h"
#include "wsgi_answer.h"
#include "wsgi_body.h"

/* HTTP requests outside Socket.IO as items, which a worker answers by a WSGI application. */

struct yp_wsgi {
    struct yp_work work;
    struct yp_head *head;
    struct yp_body *body;     /* NULL: it has none */
    struct yp_answer *answer; /* a reference */
};

/* Has the server's requests become items.  Returns 0 or an error of the library. */
int yp_wsgi_route(struct yp_sio *self);

PyObject *yp_wsgi_tuple(struct yp_sio *self, struct yp_wsgi *wsgi);
void yp_wsgi_free(struct yp_wsgi *wsgi);

/* The types WsgiRequest and WsgiInput. */
yp_part_fn yp_wsgi_part;
yp_part_fn yp_wsgi_input_part;

/* wsgi.input of a body, which it keeps; NULL: none. */
PyObject *yp_wsgi_input_new(struct yp_state *state, struct yp_body *body);

#endif
