/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_PATTERN_H
#define YD_HTTP_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <yodel/base.h>

/* What a route's pattern says, as text: "GET /users/{id}". */

#define YD_PATTERN_SEGMENTS 32 /* of a path; each may be a parameter */

enum yd_segment_kind { YD_SEGMENT_LITERAL = 0, YD_SEGMENT_INT, YD_SEGMENT_ANY, YD_SEGMENT_REST };

struct yd_pattern_segment {
    enum yd_segment_kind kind;
    yodel_str text; /* the literal, or the parameter's name */
};

struct yd_pattern {
    yodel_str method; /* empty: every method */
    yodel_str path;   /* what follows the method */
    bool is_regex;    /* path is a PCRE2 pattern, segments is empty */
    struct yd_pattern_segment segments[YD_PATTERN_SEGMENTS];
    size_t num_segments;
};

/* Views of text.  Returns 0, or YODEL_ERR_PATTERN with *ret_error (static text) and *ret_offset set
 * to what is wrong where. */
int yd_pattern_parse(yodel_str text, struct yd_pattern *ret_pattern, const char **ret_error,
                     size_t *ret_offset);

#endif
