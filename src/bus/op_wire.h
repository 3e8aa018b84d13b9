/* SPDX-License-Identifier: MIT */
#ifndef YD_BUS_OP_WIRE_H
#define YD_BUS_OP_WIRE_H

#include <stdbool.h>

#include "base/buf.h"

/* The bytes that operations and answers are made of: integers, low byte first, and strings after
 * their length of 4 bytes. */

/* Return 0 or -ENOMEM. */
int yd_wire_put_u8(const struct yodel_allocator *mem, struct yd_buf *buf, uint8_t value);
int yd_wire_put_u32(const struct yodel_allocator *mem, struct yd_buf *buf, uint32_t value);
int yd_wire_put_u64(const struct yodel_allocator *mem, struct yd_buf *buf, uint64_t value);
int yd_wire_put_str(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text);

/* Reads from the beginning of rest.  Past the end everything is zero or empty, and failed is set.
 */
struct yd_wire_reader {
    yodel_bytes rest;
    bool failed;
};

uint8_t yd_wire_get_u8(struct yd_wire_reader *reader);
uint32_t yd_wire_get_u32(struct yd_wire_reader *reader);
uint64_t yd_wire_get_u64(struct yd_wire_reader *reader);
/* A view of the bytes read from. */
yodel_str yd_wire_get_str(struct yd_wire_reader *reader);

#endif
