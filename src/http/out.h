/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_OUT_H
#define YD_HTTP_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <yodel/base.h>

/* Text of an answer's head that is being put together: in room of its own, then on the heap.  A
 * failure is kept for the end. */
struct yd_out {
    const struct yodel_allocator *mem;
    char *ptr;
    size_t len, cap;
    bool failed;
    char room[1024];
};

void yd_out_init(struct yd_out *out, const struct yodel_allocator *mem);
void yd_out_done(struct yd_out *out);

void yd_out_put(struct yd_out *out, yodel_str text);
void yd_out_number(struct yd_out *out, uint64_t number);
/* One header line. */
void yd_out_header(struct yd_out *out, yodel_str name, yodel_str value);

#endif
