/* SPDX-License-Identifier: MIT */
#ifndef YP_UV_GUEST_H
#define YP_UV_GUEST_H

#include "state.h"

struct uv_loop_s;

/*
 * The loop of libuv that a Python loop runs on, for yodel_server_start().  It is one of two:
 *
 * uvloop's own, from the capsule that uvloop.loop.libuv_get_loop_t_ptr() makes, if uvloop and this
 * module use the same libuv (a copy in each would not know the other's handles);
 *
 * UvLoop's, under a selector for asyncio.SelectorEventLoop (yodel/_loops.py): a loop of libuv that
 * watches the descriptors of asyncio beside the server's.
 */

/*
 * guest   such a capsule or a UvLoop; borrowed
 *
 * Returns the loop, which lives as long as guest does; NULL with an exception.
 */
struct uv_loop_s *yp_uv_loop_of(const struct yp_state *state, PyObject *guest);

/*
 * Python: same_libuv(path) -> bool.  Whether the shared object at path, loaded already, calls the
 * uv_run() that this module calls.
 */
PyObject *yp_same_libuv(PyObject *module, PyObject *path);

yp_part_fn yp_uv_guest_part;

#endif
