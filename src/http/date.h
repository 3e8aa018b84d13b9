/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_DATE_H
#define YD_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>
#include <yodel/base.h>

/* Dates of HTTP (RFC 9110 5.6.7), as seconds since 1970 in UTC. */

/* Writes "Sun, 06 Nov 1994 08:49:37 GMT"; seconds before 1970 or beyond the year 9999 are cut to
 * that. */
#define YD_HTTP_DATE_LEN 29
void yd_http_date_write(int64_t seconds, char ret_text[YD_HTTP_DATE_LEN + 1]);

/* Reads that form, or one of the two obsolete ones: "Sunday, 06-Nov-94 08:49:37 GMT" (a year that
 * is over 50 years before now is of the past century) and "Sun Nov  6 08:49:37 1994". */
bool yd_http_date_parse(yodel_str text, int64_t now, int64_t *ret_seconds);

#endif
