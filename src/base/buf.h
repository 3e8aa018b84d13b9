/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_BUF_H
#define YD_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

/* Growable bytes.  All zero is empty and owns nothing. */
struct yd_buf {
    uint8_t *ptr;
    size_t len, cap;
};

/* Room for extra more bytes after len, growing by doubling.  Returns 0 or -ENOMEM. */
int yd_buf_reserve(const struct yodel_allocator *mem, struct yd_buf *buf, size_t extra);

/* Returns 0 or -ENOMEM; buf is then untouched. */
int yd_buf_append(const struct yodel_allocator *mem, struct yd_buf *buf, const void *data,
                  size_t len);
int yd_buf_append_str(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text);
int yd_buf_printf(const struct yodel_allocator *mem, struct yd_buf *buf, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Drops the first len bytes. */
void yd_buf_consume(struct yd_buf *buf, size_t len);

/* Frees; buf is empty again. */
void yd_buf_free(const struct yodel_allocator *mem, struct yd_buf *buf);

#endif
