/* SPDX-License-Identifier: MIT */
#include "http/path_pattern.h"

#include <string.h>

#include "proto/http1.h"

struct parser {
    yodel_str text;
    struct yd_pattern *pattern;
    const char **ret_error;
    size_t *ret_offset;
};

static int fail(const struct parser *parser, const char *at, const char *error)
{
    *parser->ret_error = error;
    *parser->ret_offset = (size_t)(at - parser->text.ptr);
    return YODEL_ERR_PATTERN;
}

static bool is_name_char(char c, bool first)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
        return true;
    return !first && c >= '0' && c <= '9';
}

static bool is_name(yodel_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_name_char(text.ptr[i], i == 0))
            return false;
    return text.len > 0;
}

static bool take_suffix(yodel_str *text, yodel_str suffix)
{
    if (text->len < suffix.len ||
        memcmp(text->ptr + text->len - suffix.len, suffix.ptr, suffix.len) != 0)
        return false;
    text->len -= suffix.len;
    return true;
}

static bool has_name(const struct yd_pattern *pattern, yodel_str name)
{
    for (size_t i = 0; i < pattern->num_segments; i++) {
        const struct yd_pattern_segment *segment = &pattern->segments[i];

        if (segment->kind != YD_SEGMENT_LITERAL && yodel_str_eq(segment->text, name))
            return true;
    }
    return false;
}

static int parse_param(const struct parser *parser, yodel_str text,
                       struct yd_pattern_segment *segment)
{
    yodel_str name = {text.ptr + 1, text.len - 2};

    if (text.ptr[text.len - 1] != '}')
        return fail(parser, text.ptr, "a parameter is a whole segment, \"{name}\"");
    segment->kind = YD_SEGMENT_ANY;
    if (take_suffix(&name, YODEL_STR("...")))
        segment->kind = YD_SEGMENT_REST;
    else if (take_suffix(&name, YODEL_STR(":int")))
        segment->kind = YD_SEGMENT_INT;
    if (!is_name(name))
        return fail(parser, name.ptr, "not a parameter name");
    if (has_name(parser->pattern, name))
        return fail(parser, name.ptr, "two parameters of one name");
    segment->text = name;
    return 0;
}

static int parse_literal(const struct parser *parser, yodel_str text, bool last,
                         struct yd_pattern_segment *segment)
{
    if (text.len == 0 && !last)
        return fail(parser, text.ptr, "empty segment");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c == '{' || c == '}')
            return fail(parser, text.ptr + i, "a parameter is a whole segment, \"{name}\"");
        if (c <= ' ' || c == 0x7f || c == '?' || c == '#')
            return fail(parser, text.ptr + i, "not a character of a path");
    }
    segment->kind = YD_SEGMENT_LITERAL;
    segment->text = text;
    return 0;
}

static int parse_segment(const struct parser *parser, yodel_str text, bool last)
{
    struct yd_pattern *pattern = parser->pattern;
    struct yd_pattern_segment *segment = &pattern->segments[pattern->num_segments];
    int rc;

    if (pattern->num_segments == YD_PATTERN_SEGMENTS)
        return fail(parser, text.ptr, "more than 32 segments");
    if (text.len > 1 && text.ptr[0] == '{')
        rc = parse_param(parser, text, segment);
    else
        rc = parse_literal(parser, text, last, segment);
    if (rc < 0)
        return rc;
    if (segment->kind == YD_SEGMENT_REST && !last)
        return fail(parser, text.ptr, "\"{name...}\" must be last");
    pattern->num_segments++;
    return 0;
}

static int parse_path(const struct parser *parser)
{
    const char *p = parser->pattern->path.ptr, *end = p + parser->pattern->path.len;

    while (p < end) {
        const char *from = p + 1;
        int rc;

        p = memchr(from, '/', (size_t)(end - from));
        if (p == NULL)
            p = end;
        rc = parse_segment(parser, (yodel_str){from, (size_t)(p - from)}, p == end);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int yd_pattern_parse(yodel_str text, struct yd_pattern *ret_pattern, const char **ret_error,
                     size_t *ret_offset)
{
    const struct parser parser = {text, ret_pattern, ret_error, ret_offset};
    yodel_str path = text;
    size_t len = 0;

    *ret_pattern = (struct yd_pattern){.num_segments = 0};
    while (len < text.len && text.ptr[len] != ' ' && text.ptr[0] != '/' && text.ptr[0] != '^')
        len++;
    if (len > 0) {
        ret_pattern->method = (yodel_str){text.ptr, len};
        if (!yd_http_is_token(ret_pattern->method))
            return fail(&parser, text.ptr, "not a method");
        if (len == text.len)
            return fail(&parser, text.ptr, "a pattern begins with '/' or '^'");
        path = (yodel_str){text.ptr + len + 1, text.len - len - 1};
    }
    if (path.len == 0 || (path.ptr[0] != '/' && path.ptr[0] != '^'))
        return fail(&parser, path.ptr, "a path begins with '/', a regular expression with '^'");
    ret_pattern->path = path;
    ret_pattern->is_regex = path.ptr[0] == '^';
    return ret_pattern->is_regex ? 0 : parse_path(&parser);
}
