/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <yodel/base.h>

yodel_str yodel_str_of(const char *cstr)
{
    return (yodel_str){cstr, cstr ? strlen(cstr) : 0};
}

int yodel_str_eq(yodel_str a, yodel_str b)
{
    if (a.len != b.len)
        return 0;
    /* memcmp() must not be given NULL, not even for no bytes. */
    return a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0;
}
