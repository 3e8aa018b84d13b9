/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_CLOCK_H
#define YG_BASE_CLOCK_H

#include <stdint.h>

/* The time of day, in milliseconds since 1970 (UTC).  It may go back. */
int64_t yg_clock_wall_ms(void);

/* Microseconds, and milliseconds, of a clock that does not go back. */
uint64_t yg_clock_us(void);
uint64_t yg_clock_ms(void);

#define YG_CLOCK_TEXT 25 /* bytes of such a text with its NUL */

/* RFC 3339 with milliseconds, in UTC: "2026-01-31T12:00:00.000Z".  A time outside the years 1970 to
 * 9999 is the nearest of them. */
void yg_clock_text(int64_t wall_ms, char ret_text[YG_CLOCK_TEXT]);

#endif
