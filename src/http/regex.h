/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_REGEX_H
#define YD_HTTP_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <yodel/base.h>
#include <yodel/log.h>

/* A compiled pattern of paths (PCRE2, Unicode), matched from a path's start. */
struct yd_regex;

/* Returns 0, -ENOMEM, or YODEL_ERR_PATTERN, logged. */
int yd_regex_new(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
                 yodel_str pattern, struct yd_regex **ret_regex);
void yd_regex_free(struct yd_regex *regex);

/* Whether no code could be made of it: the system forbids memory that is written and run. */
bool yd_regex_is_interpreted(const struct yd_regex *regex);

/* Named groups: their number, and the i-th's name. */
size_t yd_regex_num_names(const struct yd_regex *regex);
yodel_str yd_regex_name(const struct yd_regex *regex, size_t i);

/*
 * Matches path (valid UTF-8).  ret_values has room for yd_regex_num_names() views of path; {NULL,
 * 0} for a group that took no part.  A pattern that takes too long on this path does not match.
 * Returns 1, 0 or -ENOMEM.
 */
int yd_regex_match(const struct yd_regex *regex, yodel_str path, yodel_str *ret_values);

#endif
