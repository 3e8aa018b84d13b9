/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_LOOP_BACKEND_H
#define YD_TESTS_LOOP_BACKEND_H

#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#ifdef YODEL_URING
#include "loop/uring.h"
#endif

/* Tests of loops that run for real, on the backend that YODEL_BACKEND names. */

static inline bool loop_is_uring(void)
{
    const char *name = getenv("YODEL_BACKEND");

    return name != NULL && strcmp(name, "io_uring") == 0;
}

/* NULL: this build, or this kernel, has it not. */
static inline const struct yd_loop_ops *loop_backend(void)
{
    if (!loop_is_uring())
        return &yd_loop_uv;
#ifdef YODEL_URING
    const char *reason;

    return yd_uring_probe(1, false, &reason) == 0 ? &yd_loop_uring : NULL;
#else
    return NULL;
#endif
}

/* In main(): 77 says to ctest that the test was skipped. */
#define SKIP_WITHOUT_BACKEND()                                                                     \
    do {                                                                                           \
        if (loop_backend() == NULL)                                                                \
            return 77;                                                                             \
    } while (0)

#endif
