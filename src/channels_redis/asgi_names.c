/* SPDX-License-Identifier: MIT */
#include "channels_redis/asgi_names.h"

#include <string.h>
#include <zlib.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

bool yd_asgi_is_channel(yodel_str name)
{
    bool has_mark = false;

    if (name.len == 0 || name.len >= YD_ASGI_NAME_MAX || name.ptr[0] == '!')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '!' && !has_mark)
            has_mark = true;
        else if (!is_letter(name.ptr[i]))
            return false;
    }
    return true;
}

yodel_str yd_asgi_process_part(yodel_str name)
{
    const char *mark = name.len > 0 ? memchr(name.ptr, '!', name.len) : NULL;

    return mark != NULL ? (yodel_str){name.ptr, (size_t)(mark + 1 - name.ptr)} : name;
}

unsigned yd_asgi_shard(yodel_str name, unsigned num)
{
    uLong hash;

    if (num <= 1)
        return 0;
    hash = crc32(0, (const Bytef *)name.ptr, (uInt)name.len) & 0xfff;
    return (unsigned)((double)hash / (4096.0 / num));
}
