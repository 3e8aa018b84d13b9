/* SPDX-License-Identifier: MIT */
#ifndef YP_ERRORS_H
#define YP_ERRORS_H

#include "state.h"

/*
 * Raises what a result of the library means: MemoryError, ValueError for -EINVAL and what was
 * malformed, ClientDisconnected for a connection that has ended, OSError with its number for
 * -errno, RuntimeError for the rest.
 *
 * rc     negative
 * what   what was tried, such as "listen on localhost:80"; NULL: the text alone
 *
 * Returns NULL, always.
 */
PyObject *yp_raise(const struct yp_state *state, int rc, const char *what);

/* Raises ClientDisconnected: the peer has gone, and what was to be sent cannot be.  Returns NULL.
 */
PyObject *yp_raise_disconnected(const struct yp_state *state);

yp_part_fn yp_errors_part;

#endif
