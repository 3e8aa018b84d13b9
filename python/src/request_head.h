/* SPDX-License-Identifier: MIT */
#ifndef YP_REQUEST_HEAD_H
#define YP_REQUEST_HEAD_H

#include "environ.h"

/* A copy of a request's head, made on its loop for a worker, in one block. */
struct yp_head {
    struct yp_line_of_request line;
    size_t num_fields, size; /* size: of the block */
    struct yp_field {
        yodel_str name, value;
    } fields[];
};

/* To be freed by free(); NULL when out of memory. */
struct yp_head *yp_head_new(yodel_request *req);

/* A new dict, as yp_environ_new() gives it, with the fields. */
PyObject *yp_head_to_environ(struct yp_sio *server, const struct yp_head *head, PyObject *input);

#endif
