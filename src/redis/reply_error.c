/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/container.h"
#include "redis/redis.h"

bool yd_redis_error_passes(yodel_str error)
{
    static const char *const passing[] = {"LOADING",     "READONLY",   "OOM",
                                          "MISCONF",     "MASTERDOWN", "TRYAGAIN",
                                          "CLUSTERDOWN", "NOREPLICAS", "BUSY"};

    for (size_t i = 0; i < YD_LEN(passing); i++)
        if (error.len >= strlen(passing[i]) &&
            memcmp(error.ptr, passing[i], strlen(passing[i])) == 0)
            return true;
    return false;
}
