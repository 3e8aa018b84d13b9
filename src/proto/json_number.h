/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_JSON_NUMBER_H
#define YD_PROTO_JSON_NUMBER_H

#include <stddef.h>
#include <yodel/base.h>

/* Between JSON numbers and double, whatever the locale is. */

/* The nearest double of a JSON number; infinity beyond the greatest one. */
double yd_json_to_double(yodel_str number);

#define YD_JSON_DOUBLE_LEN 32

/* Writes text that reads back as number, which is finite, without a NUL; returns its length.  It is
 * what JavaScript writes (0.1, 1e+21, 5e-324, 0 for -0), but that a few powers of two get a 17th
 * digit. */
size_t yd_json_print_double(char out[YD_JSON_DOUBLE_LEN], double number);

#endif
