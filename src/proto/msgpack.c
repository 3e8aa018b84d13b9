/* SPDX-License-Identifier: MIT */
#include "proto/msgpack.h"

#include <string.h>

/* Bytes taken off a message. */
static bool take(yodel_bytes *rest, size_t len, yodel_bytes *ret_bytes)
{
    if (rest->len < len)
        return false;
    *ret_bytes = (yodel_bytes){rest->ptr, len};
    rest->ptr += len;
    rest->len -= len;
    return true;
}

/* A big-endian number of 1, 2, 4 or 8 bytes. */
static bool take_number(yodel_bytes *rest, size_t size, uint64_t *ret_number)
{
    yodel_bytes bytes;
    uint64_t number = 0;

    if (!take(rest, size, &bytes))
        return false;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | bytes.ptr[i];
    *ret_number = number;
    return true;
}

static bool read_bytes(yodel_bytes *rest, uint8_t type, uint64_t len, struct yd_msgpack_item *item)
{
    item->type = type;
    return len <= SIZE_MAX && take(rest, (size_t)len, &item->as.bytes);
}

/* Text, bytes: a length of that size ahead. */
static bool read_counted(yodel_bytes *rest, uint8_t type, size_t size, struct yd_msgpack_item *item)
{
    uint64_t len;

    return take_number(rest, size, &len) && read_bytes(rest, type, len, item);
}

static bool read_ext(yodel_bytes *rest, uint64_t len, bool is_fixed, struct yd_msgpack_item *item)
{
    yodel_bytes type;

    if (!take(rest, 1, &type))
        return false;
    item->ext = (int8_t)type.ptr[0];
    item->is_fixed = is_fixed;
    return read_bytes(rest, YD_MSGPACK_EXT, len, item);
}

static bool read_counted_ext(yodel_bytes *rest, size_t size, struct yd_msgpack_item *item)
{
    uint64_t len;

    return take_number(rest, size, &len) && read_ext(rest, len, false, item);
}

/* Every item takes a byte at least: what cannot be there is refused before anybody counts on it. */
static bool begin_nested(const yodel_bytes *rest, uint8_t type, uint64_t count,
                         struct yd_msgpack_item *item)
{
    item->type = type;
    item->as.count = (uint32_t)count;
    return count * (type == YD_MSGPACK_MAP ? 2 : 1) <= rest->len;
}

static bool read_nested(yodel_bytes *rest, uint8_t type, size_t size, struct yd_msgpack_item *item)
{
    uint64_t count;

    return take_number(rest, size, &count) && begin_nested(rest, type, count, item);
}

static bool read_uint(yodel_bytes *rest, size_t size, struct yd_msgpack_item *item)
{
    item->type = YD_MSGPACK_UINT;
    return take_number(rest, size, &item->as.u);
}

static bool read_int(yodel_bytes *rest, size_t size, struct yd_msgpack_item *item)
{
    unsigned unused_bits = 64 - 8 * (unsigned)size;
    uint64_t number;

    if (!take_number(rest, size, &number))
        return false;
    item->as.i = (int64_t)(number << unused_bits) >> unused_bits;
    item->type = item->as.i < 0 ? YD_MSGPACK_INT : YD_MSGPACK_UINT;
    return true;
}

static bool read_float(yodel_bytes *rest, struct yd_msgpack_item *item)
{
    uint64_t number;
    uint32_t bits;
    float value;

    if (!take_number(rest, 4, &number))
        return false;
    bits = (uint32_t)number;
    memcpy(&value, &bits, sizeof(value));
    item->type = YD_MSGPACK_FLOAT;
    item->as.d = (double)value;
    return true;
}

static bool read_double(yodel_bytes *rest, struct yd_msgpack_item *item)
{
    uint64_t bits;

    if (!take_number(rest, 8, &bits))
        return false;
    memcpy(&item->as.d, &bits, sizeof(bits));
    item->type = YD_MSGPACK_FLOAT;
    return true;
}

static bool read_bool(bool boolean, struct yd_msgpack_item *item)
{
    item->type = YD_MSGPACK_BOOL;
    item->as.boolean = boolean;
    return true;
}

/* 0xc0 to 0xdf. */
static bool read_long(yodel_bytes *rest, uint8_t first, struct yd_msgpack_item *item)
{
    switch (first) {
    case 0xc0:
        item->type = YD_MSGPACK_NIL;
        return true;
    case 0xc2:
    case 0xc3:
        return read_bool(first & 1, item);
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return read_counted(rest, YD_MSGPACK_BIN, (size_t)1 << (first - 0xc4), item);
    case 0xc7:
    case 0xc8:
    case 0xc9:
        return read_counted_ext(rest, (size_t)1 << (first - 0xc7), item);
    case 0xca:
        return read_float(rest, item);
    case 0xcb:
        return read_double(rest, item);
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return read_uint(rest, (size_t)1 << (first - 0xcc), item);
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return read_int(rest, (size_t)1 << (first - 0xd0), item);
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        return read_ext(rest, UINT64_C(1) << (first - 0xd4), true, item);
    case 0xd9:
    case 0xda:
    case 0xdb:
        return read_counted(rest, YD_MSGPACK_STR, (size_t)1 << (first - 0xd9), item);
    case 0xdc:
    case 0xdd:
        return read_nested(rest, YD_MSGPACK_ARRAY, (size_t)2 << (first - 0xdc), item);
    case 0xde:
    case 0xdf:
        return read_nested(rest, YD_MSGPACK_MAP, (size_t)2 << (first - 0xde), item);
    default:
        return false;
    }
}

static bool read_item(yodel_bytes *rest, struct yd_msgpack_item *item)
{
    yodel_bytes first;
    uint8_t c;

    if (!take(rest, 1, &first))
        return false;
    c = first.ptr[0];
    if (c < 0x80) {
        item->type = YD_MSGPACK_UINT;
        item->as.u = c;
        return true;
    }
    if (c < 0x90)
        return begin_nested(rest, YD_MSGPACK_MAP, c & 15, item);
    if (c < 0xa0)
        return begin_nested(rest, YD_MSGPACK_ARRAY, c & 15, item);
    if (c < 0xc0)
        return read_bytes(rest, YD_MSGPACK_STR, c & 31, item);
    if (c < 0xe0)
        return read_long(rest, c, item);
    item->type = YD_MSGPACK_INT;
    item->as.i = (int8_t)c;
    return true;
}

bool yd_msgpack_read(yodel_bytes *rest, struct yd_msgpack_item *ret_item)
{
    struct yd_msgpack_item item = {.type = YD_MSGPACK_NIL};
    yodel_bytes left = *rest;

    if (!read_item(&left, &item))
        return false;
    *rest = left;
    *ret_item = item;
    return true;
}

bool yd_msgpack_skip(yodel_bytes *rest)
{
    yodel_bytes left = *rest;
    struct yd_msgpack_item item;
    uint64_t num = 1; /* items still to come: a byte each at least */

    while (num > 0) {
        if (num > left.len || !yd_msgpack_read(&left, &item))
            return false;
        num--;
        if (item.type == YD_MSGPACK_ARRAY)
            num += item.as.count;
        else if (item.type == YD_MSGPACK_MAP)
            num += (uint64_t)item.as.count * 2;
    }
    *rest = left;
    return true;
}

/* Writing. */

/* A first byte and a big-endian number of size bytes. */
static int put(const struct yodel_allocator *mem, struct yd_buf *buf, unsigned first,
               uint64_t number, size_t size)
{
    uint8_t bytes[9];

    bytes[0] = (uint8_t)first;
    for (size_t i = 0; i < size; i++)
        bytes[1 + i] = (uint8_t)(number >> 8 * (size - 1 - i));
    return yd_buf_append(mem, buf, bytes, 1 + size);
}

/* The shortest of the three forms for numbers of 8, 16 and 32 bits. */
static int put_count(const struct yodel_allocator *mem, struct yd_buf *buf, unsigned first8,
                     uint64_t number)
{
    if (number > UINT32_MAX)
        return YODEL_ERR_TOO_BIG;
    if (number > UINT16_MAX)
        return put(mem, buf, first8 + 2, number, 4);
    if (number > UINT8_MAX)
        return put(mem, buf, first8 + 1, number, 2);
    return put(mem, buf, first8, number, 1);
}

int yd_msgpack_put_nil(const struct yodel_allocator *mem, struct yd_buf *buf)
{
    return put(mem, buf, 0xc0, 0, 0);
}

int yd_msgpack_put_bool(const struct yodel_allocator *mem, struct yd_buf *buf, bool boolean)
{
    return put(mem, buf, boolean ? 0xc3 : 0xc2, 0, 0);
}

int yd_msgpack_put_uint(const struct yodel_allocator *mem, struct yd_buf *buf, uint64_t number)
{
    if (number < 0x80)
        return put(mem, buf, (unsigned)number, 0, 0);
    if (number <= UINT32_MAX)
        return put_count(mem, buf, 0xcc, number);
    return put(mem, buf, 0xcf, number, 8);
}

int yd_msgpack_put_int(const struct yodel_allocator *mem, struct yd_buf *buf, int64_t number)
{
    if (number >= 0)
        return yd_msgpack_put_uint(mem, buf, (uint64_t)number);
    if (number >= -32)
        return put(mem, buf, (uint8_t)number, 0, 0);
    if (number >= INT8_MIN)
        return put(mem, buf, 0xd0, (uint64_t)number, 1);
    if (number >= INT16_MIN)
        return put(mem, buf, 0xd1, (uint64_t)number, 2);
    if (number >= INT32_MIN)
        return put(mem, buf, 0xd2, (uint64_t)number, 4);
    return put(mem, buf, 0xd3, (uint64_t)number, 8);
}

int yd_msgpack_put_double(const struct yodel_allocator *mem, struct yd_buf *buf, double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof(bits));
    return put(mem, buf, 0xcb, bits, 8);
}

int yd_msgpack_put_str_head(const struct yodel_allocator *mem, struct yd_buf *buf, size_t len)
{
    if (len < 32)
        return put(mem, buf, 0xa0 | (unsigned)len, 0, 0);
    return put_count(mem, buf, 0xd9, len);
}

/* Appends data after a head, or takes the head back. */
static int finish(const struct yodel_allocator *mem, struct yd_buf *buf, size_t begin, int result,
                  const void *data, size_t len)
{
    if (result == 0)
        result = yd_buf_append(mem, buf, data, len);
    if (result < 0)
        buf->len = begin;
    return result;
}

int yd_msgpack_put_str(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text)
{
    size_t begin = buf->len;
    int result = yd_msgpack_put_str_head(mem, buf, text.len);

    return finish(mem, buf, begin, result, text.ptr, text.len);
}

int yd_msgpack_put_bin(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_bytes bytes)
{
    size_t begin = buf->len;
    int result = put_count(mem, buf, 0xc4, bytes.len);

    return finish(mem, buf, begin, result, bytes.ptr, bytes.len);
}

/* The first byte of the form for a length of 1, 2, 4, 8 or 16; 0 for another. */
static unsigned fixed_form(size_t len)
{
    unsigned form = 0xd4;

    if (len == 0 || len > 16 || (len & (len - 1)) != 0)
        return 0;
    while (len >>= 1)
        form++;
    return form;
}

int yd_msgpack_put_ext(const struct yodel_allocator *mem, struct yd_buf *buf, int8_t type,
                       yodel_bytes bytes, bool is_fixed)
{
    unsigned form = is_fixed ? fixed_form(bytes.len) : 0;
    size_t begin = buf->len;
    int result = form != 0 ? put(mem, buf, form, 0, 0) : put_count(mem, buf, 0xc7, bytes.len);

    if (result == 0)
        result = yd_buf_append(mem, buf, &type, 1);
    return finish(mem, buf, begin, result, bytes.ptr, bytes.len);
}

/* Of arrays and maps: up to 15 in the first byte, else 16 or 32 bits. */
static int put_nested(const struct yodel_allocator *mem, struct yd_buf *buf, unsigned first,
                      unsigned first16, uint32_t count)
{
    if (count < 16)
        return put(mem, buf, first | count, 0, 0);
    if (count <= UINT16_MAX)
        return put(mem, buf, first16, count, 2);
    return put(mem, buf, first16 + 1, count, 4);
}

int yd_msgpack_put_array(const struct yodel_allocator *mem, struct yd_buf *buf, uint32_t count)
{
    return put_nested(mem, buf, 0x90, 0xdc, count);
}

int yd_msgpack_put_map(const struct yodel_allocator *mem, struct yd_buf *buf, uint32_t count)
{
    return put_nested(mem, buf, 0x80, 0xde, count);
}
