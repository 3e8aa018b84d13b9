/* SPDX-License-Identifier: MIT */
#ifndef YD_LOOP_URING_H
#define YD_LOOP_URING_H

#include <stdbool.h>

#include "loop/loop.h"

/* The backend of io_uring, as those see it who choose one.  Where liburing was not found when the
 * library was built there is none of this. */

extern const struct yd_loop_ops yd_loop_uring;

/* Whether num loops can have a ring each, at once.  worth: and whether they take no more CPU than
 * libuv.  Returns 0, or -errno, and in *ret_reason what is missing. */
int yd_uring_probe(unsigned num, bool worth, const char **ret_reason);

#endif
