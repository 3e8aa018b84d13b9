/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_OPTIONS_H
#define YD_BASE_OPTIONS_H

#include <stddef.h>
#include <yodel/base.h>

/*
 * Reads a caller's options struct into one of this library's size: known fields are copied, missing
 * ones are zero.  Both structs begin with `size_t size`; options NULL leaves *ret all zero.
 *
 * Returns 0, -EINVAL (size too small to hold itself), or YODEL_ERR_OPTIONS when a byte beyond what
 * this library knows is set.
 */
int yd_options_read(const void *options, void *ret, size_t ret_size);

/*
 * Fills a caller's struct, whose size it has set, from one of this library's: what both know is
 * copied, the rest becomes zero, size stays.  Returns 0 or -EINVAL (size too small to hold itself).
 */
int yd_options_write(void *ret, const void *filled, size_t filled_size);

#endif
