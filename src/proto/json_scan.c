/* SPDX-License-Identifier: MIT */
#include "proto/json_scan.h"

#include <string.h>

#include "proto/json_chars.h"

/* Which of the arrays and objects that are open are objects: a bit each. */
struct nesting {
    unsigned depth, max_depth;
    uint64_t objects[YD_JSON_MAX_DEPTH / 64];
};

static bool open_value(struct nesting *nesting, bool is_object)
{
    uint64_t bit = UINT64_C(1) << nesting->depth % 64;
    uint64_t *word;

    if (nesting->depth >= nesting->max_depth)
        return false;
    word = &nesting->objects[nesting->depth++ / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    return true;
}

static bool is_in_object(const struct nesting *nesting)
{
    unsigned at = nesting->depth - 1;

    return nesting->objects[at / 64] >> at % 64 & 1;
}

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* At least one digit; NULL without. */
static const char *skip_digits(const char *p, const char *end)
{
    if (p == end || !is_digit(*p))
        return NULL;
    while (p < end && is_digit(*p))
        p++;
    return p;
}

/* RFC 8259 section 6. */
static const char *skip_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else
        p = skip_digits(p, end);
    if (p && p < end && *p == '.')
        p = skip_digits(p + 1, end);
    if (p && p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = skip_digits(p, end);
    }
    return p;
}

static const char *skip_word(const char *p, const char *end, const char *word, size_t len)
{
    return (size_t)(end - p) >= len && memcmp(p, word, len) == 0 ? p + len : NULL;
}

static const char *skip_scalar(const char *p, const char *end)
{
    if (p == end)
        return NULL;
    switch (*p) {
    case '"':
        return yd_json_skip_string(p + 1, end);
    case 't':
        return skip_word(p, end, "true", 4);
    case 'f':
        return skip_word(p, end, "false", 5);
    case 'n':
        return skip_word(p, end, "null", 4);
    default:
        return skip_number(p, end);
    }
}

/* A member's name and colon. */
static const char *skip_name(const char *p, const char *end)
{
    p = yd_json_skip_blanks(p, end);
    if (p == end || *p != '"')
        return NULL;
    p = yd_json_skip_string(p + 1, end);
    if (!p)
        return NULL;
    p = yd_json_skip_blanks(p, end);
    return p < end && *p == ':' ? p + 1 : NULL;
}

/* Goes down to the first scalar or empty array or object; returns what follows it. */
static const char *descend(struct nesting *nesting, const char *p, const char *end)
{
    for (;;) {
        bool is_object;

        p = yd_json_skip_blanks(p, end);
        if (p == end || (*p != '[' && *p != '{'))
            return skip_scalar(p, end);
        is_object = *p == '{';
        if (!open_value(nesting, is_object))
            return NULL;
        p = yd_json_skip_blanks(p + 1, end);
        if (p < end && *p == (is_object ? '}' : ']')) {
            nesting->depth--;
            return p + 1;
        }
        if (is_object) {
            p = skip_name(p, end);
            if (!p)
                return NULL;
        }
    }
}

/* After a value: closes what ends there, and goes to where the next value begins. */
static const char *ascend(struct nesting *nesting, const char *p, const char *end)
{
    while (nesting->depth > 0) {
        bool is_object = is_in_object(nesting);

        p = yd_json_skip_blanks(p, end);
        if (p == end)
            return NULL;
        if (*p == ',')
            return is_object ? skip_name(p + 1, end) : p + 1;
        if (*p != (is_object ? '}' : ']'))
            return NULL;
        nesting->depth--;
        p++;
    }
    return p;
}

bool yd_json_check(yodel_str text, unsigned max_depth, yodel_str *ret_value)
{
    struct nesting nesting;
    const char *begin, *p, *end;

    if (text.len == 0)
        return false;
    nesting.depth = 0;
    nesting.max_depth = max_depth < YD_JSON_MAX_DEPTH ? max_depth : YD_JSON_MAX_DEPTH;
    end = text.ptr + text.len;
    begin = p = yd_json_skip_blanks(text.ptr, end);
    do {
        p = descend(&nesting, p, end);
        if (p)
            p = ascend(&nesting, p, end);
        if (!p)
            return false;
    } while (nesting.depth > 0);
    if (yd_json_skip_blanks(p, end) != end)
        return false;
    *ret_value = (yodel_str){begin, (size_t)(p - begin)};
    return true;
}
