/* SPDX-License-Identifier: MIT */
#ifndef YP_ASGI_HEADERS_H
#define YP_ASGI_HEADERS_H

#include <yodel/yodel.h>

#include "state.h"

/* Header lines that an application gives: an iterable of pairs of bytes, in the library's form. */

#define YP_FEW_HEADERS 16

struct yp_headers {
    yodel_header *list;
    size_t num;
    PyObject *kept; /* what the strings live in */
    yodel_header few[YP_FEW_HEADERS];
};

/*
 * Reads them.  Whether they are legal in HTTP the library checks when it is given them.
 *
 * headers   borrowed; NULL: none
 *
 * Returns 0, and yp_headers_free() is due; or -1 with an exception: TypeError, ValueError (a NUL).
 */
int yp_headers_read(struct yp_headers *self, PyObject *headers);

/*
 * Takes a line out of the list.
 *
 * name   in lower case
 *
 * Returns the value of the first of that name, which lives as long as self; NULL: there is none.
 */
const char *yp_headers_take(struct yp_headers *self, const char *name);

void yp_headers_free(struct yp_headers *self);

#endif
