/* SPDX-License-Identifier: MIT */
#include "channels_redis/asgi_capacity.h"

#include <fnmatch.h>
#include <string.h>

uint32_t yd_asgi_capacity(const struct yd_asgi *asgi, yodel_str name)
{
    char text[256];

    if (asgi->num_capacities == 0 || name.len >= sizeof text)
        return asgi->capacity;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    for (size_t i = 0; i < asgi->num_capacities; i++)
        if (fnmatch(asgi->capacities[i].pattern, text, FNM_NOESCAPE) == 0)
            return asgi->capacities[i].capacity;
    return asgi->capacity;
}
