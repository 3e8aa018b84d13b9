/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_LOG_H
#define YD_BASE_LOG_H

#include <stdbool.h>
#include <yodel/log.h>

/* Formats and hands one line to sink, if it wants that level; sink may be NULL.  Lines are cut at
 * 1000 bytes, between characters.  What a peer may have sent to harm a terminal or a parser of logs
 * is written as "\xNN" for each byte: control characters and what is not UTF-8. */
void yd_log(const struct yodel_log_sink *sink, yodel_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether lines of that level are wanted: for what costs something to put into words. */
bool yd_log_wants(const struct yodel_log_sink *sink, yodel_log_level level);

#endif
