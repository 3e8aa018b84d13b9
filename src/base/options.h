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

#endif
