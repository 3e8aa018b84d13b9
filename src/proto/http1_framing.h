/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_HTTP1_FRAMING_H
#define YD_PROTO_HTTP1_FRAMING_H

#include "proto/http1.h"

/* What the framing of a request depends on, for the scan of its head.  Both return 0 or minus the
 * status, with *ret_error set. */

/* Takes note of one field; num is its line's. */
int yd_http_note_field(struct yd_http_scan *scan, uint32_t num, yodel_str name, yodel_str value,
                       const char **ret_error);

/* Checks what the fields say together, at the end of the head. */
int yd_http_check_framing(const struct yd_http_scan *scan, const char **ret_error);

#endif
