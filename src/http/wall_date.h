/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_WALL_DATE_H
#define YD_HTTP_WALL_DATE_H

#include "loop/loop.h"

/* The present time as a Date header has it (RFC 9110 6.6.1), on loop's thread; borrowed until the
 * next call.  The clock is read, and the text made, once a second. */
yodel_str yd_http_date_now(struct yd_loop *loop);

#endif
