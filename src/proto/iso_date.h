/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_ISO_DATE_H
#define YD_PROTO_ISO_DATE_H

#include <stdbool.h>
#include <stdint.h>
#include <yodel/base.h>

/* Points in time as Date.prototype.toISOString() writes them: "2026-01-31T12:00:00.000Z",
 * "-000001-01-01T00:00:00.000Z". */

#define YD_ISO_DATE_MAX_S INT64_C(8640000000000) /* ECMA-262, Time Values and Time Range */
#define YD_ISO_DATE_LEN 40

/* Writes seconds, from -YD_ISO_DATE_MAX_S to it, and nanoseconds since 1970 without a NUL: with
 * three digits after the point, nine when three cannot say it.  Returns the length. */
size_t yd_iso_date_print(char out[YD_ISO_DATE_LEN], int64_t seconds, uint32_t nanoseconds);

/* Reads back what was written so; false for any other text. */
bool yd_iso_date_parse(yodel_str text, int64_t *ret_seconds, uint32_t *ret_nanoseconds);

#endif
