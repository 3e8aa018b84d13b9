/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_NAME_PATTERN_H
#define YD_SIO_NAME_PATTERN_H

#include <stdbool.h>
#include <yodel/base.h>

/* Compiled PCRE2 patterns of namespaces; any thread. */

/* Returns 0, -ENOMEM, YODEL_ERR_PATTERN (malformed). */
int yd_sio_pattern_new(const char *pattern, void **ret_pattern);
void yd_sio_pattern_free(void *pattern);
/* Of the whole name.  False also when out of memory, and when the match takes more steps than one
 * may: names come from clients. */
bool yd_sio_pattern_matches(void *pattern, yodel_str name);

#endif
