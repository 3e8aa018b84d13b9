/* SPDX-License-Identifier: MIT */
#ifndef YD_SERVER_BACKEND_H
#define YD_SERVER_BACKEND_H

#include "loop/loop.h"

/*
 * The backend of a server's num_loops loops, all of them alike: what is wanted or, when that is
 * AUTO, what YODEL_BACKEND in the environment says, or the best there is.  Returns 0, -EINVAL, or
 * YODEL_ERR_UNSUPPORTED when what is forced cannot be had; log says why.
 */
int yd_server_choose_backend(yodel_backend wanted, unsigned num_loops,
                             const struct yodel_log_sink *log, const struct yd_loop_ops **ret_ops);

#endif
