/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/container.h"

static bool is_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

int yd_options_read(const void *options, void *ret, size_t ret_size)
{
    size_t size = 0;

    if (options) {
        memcpy(&size, options, sizeof(size));
        if (size < sizeof(size))
            return -EINVAL;
        if (size > ret_size && !is_zero((const uint8_t *)options + ret_size, size - ret_size))
            return YODEL_ERR_OPTIONS;
    }
    memset(ret, 0, ret_size);
    if (options)
        memcpy(ret, options, YD_MIN(size, ret_size));
    return 0;
}

int yd_options_write(void *ret, const void *filled, size_t filled_size)
{
    size_t size, common;

    if (ret == NULL)
        return -EINVAL;
    memcpy(&size, ret, sizeof size);
    if (size < sizeof size)
        return -EINVAL;
    common = YD_MIN(size, filled_size);
    memcpy((char *)ret + sizeof size, (const char *)filled + sizeof size, common - sizeof size);
    memset((char *)ret + common, 0, size - common);
    return 0;
}
