/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define MIN_CAP 64

static size_t grown_cap(size_t cap, size_t need)
{
    if (cap < MIN_CAP / 2)
        cap = MIN_CAP / 2;
    if (cap > SIZE_MAX / 2 || cap * 2 < need)
        return need;
    return cap * 2;
}

int yd_buf_reserve(const struct yodel_allocator *mem, struct yd_buf *buf, size_t extra)
{
    uint8_t *ptr;
    size_t need, cap;

    if (extra <= buf->cap - buf->len)
        return 0;
    if (__builtin_add_overflow(buf->len, extra, &need))
        return -ENOMEM;
    cap = grown_cap(buf->cap, need);
    ptr = yd_resize(mem, buf->ptr, cap);
    if (!ptr)
        return -ENOMEM;
    buf->ptr = ptr;
    buf->cap = cap;
    return 0;
}

int yd_buf_append(const struct yodel_allocator *mem, struct yd_buf *buf, const void *data,
                  size_t len)
{
    int result;

    if (len == 0)
        return 0;
    result = yd_buf_reserve(mem, buf, len);
    if (result < 0)
        return result;
    memcpy(buf->ptr + buf->len, data, len);
    buf->len += len;
    return 0;
}

int yd_buf_append_str(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text)
{
    return yd_buf_append(mem, buf, text.ptr, text.len);
}

/* Writes into the room there is; returns what the whole text needs without its NUL, or -1. */
static int print_into_room(struct yd_buf *buf, const char *format, va_list args)
{
    size_t room = buf->cap - buf->len;

    return vsnprintf(room ? (char *)buf->ptr + buf->len : NULL, room, format, args);
}

int yd_buf_printf(const struct yodel_allocator *mem, struct yd_buf *buf, const char *format, ...)
{
    va_list args;
    int needed;

    va_start(args, format);
    needed = print_into_room(buf, format, args);
    va_end(args);
    if (needed < 0)
        return -ENOMEM;
    if ((size_t)needed >= buf->cap - buf->len) {
        if (yd_buf_reserve(mem, buf, (size_t)needed + 1) < 0)
            return -ENOMEM;
        va_start(args, format);
        needed = print_into_room(buf, format, args);
        va_end(args);
        if (needed < 0)
            return -ENOMEM;
    }
    buf->len += (size_t)needed;
    return 0;
}

void yd_buf_consume(struct yd_buf *buf, size_t len)
{
    assert(len <= buf->len);
    buf->len -= len;
    if (buf->len > 0 && len > 0)
        memmove(buf->ptr, buf->ptr + len, buf->len);
}

void yd_buf_free(const struct yodel_allocator *mem, struct yd_buf *buf)
{
    yd_free(mem, buf->ptr);
    *buf = (struct yd_buf){NULL, 0, 0};
}
