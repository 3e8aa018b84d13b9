/* SPDX-License-Identifier: MIT */
#include "http/out.h"

#include <string.h>

#include "base/mem.h"

void yd_out_init(struct yd_out *out, const struct yodel_allocator *mem)
{
    out->mem = mem;
    out->ptr = out->room;
    out->len = 0;
    out->cap = sizeof out->room;
    out->failed = false;
}

void yd_out_done(struct yd_out *out)
{
    if (out->ptr != out->room)
        yd_free(out->mem, out->ptr);
}

static bool grow(struct yd_out *out, size_t extra)
{
    size_t cap;
    char *ptr;

    if (extra > SIZE_MAX / 4 || out->cap > SIZE_MAX / 4)
        return false;
    cap = 2 * (out->cap + extra);
    if ((ptr = yd_alloc(out->mem, cap)) == NULL)
        return false;
    memcpy(ptr, out->ptr, out->len);
    yd_out_done(out);
    out->ptr = ptr;
    out->cap = cap;
    return true;
}

/* Room for len bytes more, which are counted; NULL: there is none. */
static char *take_room(struct yd_out *out, size_t len)
{
    char *room;

    if (out->failed)
        return NULL;
    if (len > out->cap - out->len && !grow(out, len)) {
        out->failed = true;
        return NULL;
    }
    room = out->ptr + out->len;
    out->len += len;
    return room;
}

void yd_out_put(struct yd_out *out, yodel_str text)
{
    char *room = take_room(out, text.len);

    if (room != NULL && text.len > 0)
        memcpy(room, text.ptr, text.len);
}

void yd_out_number(struct yd_out *out, uint64_t number)
{
    char digits[20];
    size_t i = sizeof digits;

    do {
        digits[--i] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    yd_out_put(out, (yodel_str){digits + i, sizeof digits - i});
}

void yd_out_header(struct yd_out *out, yodel_str name, yodel_str value)
{
    char *room;

    if (name.len > SIZE_MAX / 4 || value.len > SIZE_MAX / 4)
        out->failed = true;
    if ((room = take_room(out, name.len + value.len + 4)) == NULL)
        return;
    memcpy(room, name.ptr, name.len);
    memcpy(room + name.len, ": ", 2);
    if (value.len > 0)
        memcpy(room + name.len + 2, value.ptr, value.len);
    memcpy(room + name.len + 2 + value.len, "\r\n", 2);
}
