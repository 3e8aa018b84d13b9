/* SPDX-License-Identifier: MIT */
#include "bus/op_wire.h"

#include <errno.h>

static int put_number(const struct yodel_allocator *mem, struct yd_buf *buf, uint64_t value,
                      unsigned size)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    return yd_buf_append(mem, buf, bytes, size);
}

int yd_wire_put_u8(const struct yodel_allocator *mem, struct yd_buf *buf, uint8_t value)
{
    return put_number(mem, buf, value, 1);
}

int yd_wire_put_u32(const struct yodel_allocator *mem, struct yd_buf *buf, uint32_t value)
{
    return put_number(mem, buf, value, 4);
}

int yd_wire_put_u64(const struct yodel_allocator *mem, struct yd_buf *buf, uint64_t value)
{
    return put_number(mem, buf, value, 8);
}

int yd_wire_put_str(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text)
{
    if (text.len > UINT32_MAX || put_number(mem, buf, text.len, 4) < 0)
        return -ENOMEM;
    return yd_buf_append_str(mem, buf, text);
}

static yodel_bytes take(struct yd_wire_reader *reader, size_t len)
{
    yodel_bytes taken = {reader->rest.ptr, len};

    if (reader->failed || len > reader->rest.len) {
        reader->failed = true;
        return (yodel_bytes){NULL, 0};
    }
    reader->rest.ptr += len;
    reader->rest.len -= len;
    return taken;
}

static uint64_t get_number(struct yd_wire_reader *reader, unsigned size)
{
    yodel_bytes bytes = take(reader, size);
    uint64_t value = 0;

    for (size_t i = 0; i < bytes.len; i++)
        value |= (uint64_t)bytes.ptr[i] << 8 * i;
    return value;
}

uint8_t yd_wire_get_u8(struct yd_wire_reader *reader)
{
    return (uint8_t)get_number(reader, 1);
}

uint32_t yd_wire_get_u32(struct yd_wire_reader *reader)
{
    return (uint32_t)get_number(reader, 4);
}

uint64_t yd_wire_get_u64(struct yd_wire_reader *reader)
{
    return get_number(reader, 8);
}

yodel_str yd_wire_get_str(struct yd_wire_reader *reader)
{
    yodel_bytes bytes = take(reader, yd_wire_get_u32(reader));

    return (yodel_str){(const char *)bytes.ptr, bytes.len};
}
