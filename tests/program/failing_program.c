/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "failing_now_and_then.h"

/* The program with this in it has allocations that fail by the file PROGRAM_FAILS_BY, which is
 * looked at ahead of main(). */
__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("PROGRAM_FAILS_BY");

    if (path != NULL && failing_by_file(path) < 0)
        abort();
}
