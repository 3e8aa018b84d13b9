/* SPDX-License-Identifier: MIT */
#include "server/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#ifdef YODEL_URING
#include "loop/uring.h"

static int choose_uring(bool forced, unsigned num_loops, const struct yodel_log_sink *log,
                        const struct yd_loop_ops **ret_ops)
{
    const char *reason;
    int rc = yd_uring_probe(num_loops, !forced, &reason);

    if (rc == 0) {
        *ret_ops = &yd_loop_uring;
        return 0;
    }
    if (forced)
        yd_log(log, YODEL_LOG_ERROR, "io_uring cannot run %u loops: %s: %s", num_loops, reason,
               yodel_strerror(rc));
    else
        yd_log(log, YODEL_LOG_INFO, "libuv runs the loops, io_uring cannot run %u: %s: %s",
               num_loops, reason, yodel_strerror(rc));
    return YODEL_ERR_UNSUPPORTED;
}
#else
static int choose_uring(bool forced, unsigned num_loops, const struct yodel_log_sink *log,
                        const struct yd_loop_ops **ret_ops)
{
    (void)num_loops;
    (void)ret_ops;
    if (forced)
        yd_log(log, YODEL_LOG_ERROR, "this build has no io_uring");
    return YODEL_ERR_UNSUPPORTED;
}
#endif

static yodel_backend wanted_by_environment(void)
{
    const char *name = getenv("YODEL_BACKEND");

    if (name != NULL && (strcmp(name, "io_uring") == 0 || strcmp(name, "uring") == 0))
        return YODEL_BACKEND_IO_URING;
    if (name != NULL && (strcmp(name, "libuv") == 0 || strcmp(name, "uv") == 0))
        return YODEL_BACKEND_LIBUV;
    return YODEL_BACKEND_AUTO;
}

int yd_server_choose_backend(yodel_backend wanted, unsigned num_loops,
                             const struct yodel_log_sink *log, const struct yd_loop_ops **ret_ops)
{
    *ret_ops = &yd_loop_uv;
    if (wanted == YODEL_BACKEND_AUTO)
        wanted = wanted_by_environment();
    switch (wanted) {
    case YODEL_BACKEND_IO_URING:
        return choose_uring(true, num_loops, log, ret_ops);
    case YODEL_BACKEND_AUTO:
        (void)choose_uring(false, num_loops, log, ret_ops);
        return 0;
    case YODEL_BACKEND_LIBUV:
        return 0;
    }
    return -EINVAL;
}
