/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "proto/json_chars.h"
#include "proto/json_hint.h"
#include "proto/json_scan.h"

/* Walks text that was checked.  With any other every step still moves on and stays inside. */

static inline yodel_str between(const char *begin, const char *end)
{
    return (yodel_str){begin, (size_t)(end - begin)};
}

static struct yd_json_iter iter_of(yodel_str text)
{
    if (text.len == 0)
        return (struct yd_json_iter){NULL, NULL};
    return (struct yd_json_iter){text.ptr, text.ptr + text.len};
}

static const char *skip_separators(const char *p, const char *end)
{
    while (p < end && (yd_json_is_blank(*p) || *p == ',' || *p == ':'))
        p++;
    return p;
}

/* p is at the opening quote. */
static const char *skip_string(const char *p, const char *end)
{
    p = yd_json_skip_string(p + 1, end);
    return p ? p : end;
}

static bool ends_word(char c)
{
    return yd_json_is_blank(c) || c == ',' || c == ':' || c == ']' || c == '}' || c == '[' ||
           c == '{' || c == '"';
}

static const char *skip_scalar(const char *p, const char *end)
{
    if (*p == '"')
        return skip_string(p, end);
    do
        p++;
    while (p < end && !ends_word(*p));
    return p;
}

/* p is at the opening bracket. */
static const char *skip_nested(const char *p, const char *end)
{
    size_t depth = 0;

    while (p < end) {
        char c = *p;

        if (c == '"') {
            p = skip_string(p, end);
            continue;
        }
        p++;
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && --depth == 0)
            break;
    }
    return p;
}

static const char *skip_value(const char *p, const char *end)
{
    return *p == '[' || *p == '{' ? skip_nested(p, end) : skip_scalar(p, end);
}

enum yd_json_type yd_json_type_of(yodel_str value)
{
    if (value.len == 0)
        return YD_JSON_NONE;
    switch (value.ptr[0]) {
    case 'n':
        return YD_JSON_NULL;
    case 'f':
        return YD_JSON_FALSE;
    case 't':
        return YD_JSON_TRUE;
    case '"':
        return YD_JSON_STRING;
    case '[':
        return YD_JSON_ARRAY;
    case '{':
        return YD_JSON_OBJECT;
    default:
        return value.ptr[0] == '-' || (value.ptr[0] >= '0' && value.ptr[0] <= '9') ? YD_JSON_NUMBER
                                                                                   : YD_JSON_NONE;
    }
}

/* What stands between the first and the last character of a value that begins so. */
static inline yodel_str inside(yodel_str value, char first)
{
    if (value.len < 2 || value.ptr[0] != first)
        return (yodel_str){NULL, 0};
    return (yodel_str){value.ptr + 1, value.len - 2};
}

struct yd_json_iter yd_json_array(yodel_str array)
{
    return iter_of(inside(array, '['));
}

struct yd_json_iter yd_json_elements(yodel_str elements)
{
    return iter_of(elements);
}

yodel_str yd_json_rest(struct yd_json_iter elements)
{
    const char *begin = elements.ptr, *end = elements.end;
    const char *p = yd_json_skip_blanks(begin, end);

    if (p < end && *p == ',') {
        begin = p + 1;
        p = yd_json_skip_blanks(begin, end);
    }
    while (end > p && yd_json_is_blank(end[-1]))
        end--;
    if (p < end && yd_json_hint_of(begin, p) != YD_JSON_PLAIN)
        p -= YD_JSON_HINT_LEN;
    return between(p, end);
}

yodel_str yd_json_inside(yodel_str array)
{
    return yd_json_rest(yd_json_array(array));
}

bool yd_json_next(struct yd_json_iter *iter, yodel_str *ret_value)
{
    const char *begin = skip_separators(iter->ptr, iter->end);

    iter->ptr = begin;
    if (begin == iter->end)
        return false;
    iter->ptr = skip_value(begin, iter->end);
    *ret_value = between(begin, iter->ptr);
    return true;
}

struct yd_json_iter yd_json_object(yodel_str object)
{
    return iter_of(inside(object, '{'));
}

bool yd_json_next_member(struct yd_json_iter *iter, yodel_str *ret_name, yodel_str *ret_value)
{
    yodel_str name;

    if (!yd_json_next(iter, &name) || !yd_json_body(name, &name) || !yd_json_next(iter, ret_value))
        return false;
    *ret_name = name;
    return true;
}

bool yd_json_get(yodel_str object, yodel_str name, yodel_str *ret_value)
{
    struct yd_json_iter iter = yd_json_object(object);
    yodel_str body, value;
    bool found = false;

    while (yd_json_next_member(&iter, &body, &value)) {
        if (yd_json_body_eq(body, name)) {
            *ret_value = value;
            found = true;
        }
    }
    return found;
}

size_t yd_json_count(struct yd_json_iter iter)
{
    yodel_str value;
    size_t count = 0;

    while (yd_json_next(&iter, &value))
        count++;
    return count;
}

static enum yd_json_mark mark_of(char c)
{
    switch (c) {
    case '[':
        return YD_JSON_BEGIN_ARRAY;
    case ']':
        return YD_JSON_END_ARRAY;
    case '{':
        return YD_JSON_BEGIN_OBJECT;
    case '}':
        return YD_JSON_END_OBJECT;
    default:
        return YD_JSON_SCALAR;
    }
}

/* A string that a colon follows is a name. */
static void name_or_string(struct yd_json_iter *iter, struct yd_json_token *token)
{
    const char *p = yd_json_skip_blanks(iter->ptr, iter->end);

    if (p < iter->end && *p == ':' && yd_json_body(token->text, &token->text)) {
        token->mark = YD_JSON_NAME;
        iter->ptr = p + 1;
    }
}

bool yd_json_next_token(struct yd_json_iter *iter, struct yd_json_token *ret_token)
{
    const char *begin = skip_separators(iter->ptr, iter->end);

    iter->ptr = begin;
    if (begin == iter->end)
        return false;
    ret_token->mark = mark_of(*begin);
    iter->ptr = ret_token->mark == YD_JSON_SCALAR ? skip_scalar(begin, iter->end) : begin + 1;
    ret_token->text = between(begin, iter->ptr);
    if (*begin == '"')
        name_or_string(iter, ret_token);
    return true;
}

bool yd_json_body(yodel_str value, yodel_str *ret_body)
{
    if (value.len < 2 || value.ptr[0] != '"')
        return false;
    *ret_body = inside(value, '"');
    return true;
}

static bool digits(yodel_str text, uint64_t *ret_number)
{
    uint64_t number = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)((uint8_t)text.ptr[i] - '0');

        if (digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    *ret_number = number;
    return true;
}

bool yd_json_get_int(yodel_str value, int64_t *ret_number)
{
    bool is_negative = value.len > 0 && value.ptr[0] == '-';
    uint64_t number;

    if (is_negative)
        value = (yodel_str){value.ptr + 1, value.len - 1};
    if (!digits(value, &number) || number > (uint64_t)INT64_MAX + is_negative)
        return false;
    *ret_number = is_negative && number > 0 ? -(int64_t)(number - 1) - 1 : (int64_t)number;
    return true;
}

bool yd_json_get_uint(yodel_str value, uint64_t *ret_number)
{
    if (yodel_str_eq(value, YODEL_STR("-0"))) {
        *ret_number = 0;
        return true;
    }
    return digits(value, ret_number);
}
