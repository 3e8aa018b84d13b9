/* SPDX-License-Identifier: MIT */
#include "base/json_read.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DIGITS 512 /* characters of a number */

struct reader {
    const char *text, *at, *end;
    char *buf; /* as large as the text: a string, without its escapes */
    unsigned depth, max_depth;
    struct yg_json_where *where;
};

static int read_value(struct reader *r, json_t **ret);

static int fail(struct reader *r, enum yg_json_fault fault)
{
    r->where->fault = fault;
    r->where->offset = (size_t)(r->at - r->text);
    return -EINVAL;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

/* The next character that is no blank is this one, and is taken. */
static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* ---- strings ---- */

/* The length of a valid sequence of UTF-8 (RFC 3629) of more than one byte; 0: it is none. */
static size_t utf8_len(const uint8_t *at, size_t left)
{
    size_t len = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : 2;
    uint32_t point = *at & (0xffu >> (len + 1));
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    if (*at < 0xc2 || *at > 0xf4 || left < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (at[i] & 0x3f);
    }
    return point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff) ? 0 : len;
}

static char *put_utf8(char *out, uint32_t point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *out++ = (char)(0xe0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    } else {
        *out++ = (char)(0xf0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3f));
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    }
    return out;
}

/* Four digits; -1: they are not there. */
static int32_t take_hex(struct reader *r)
{
    int32_t value = 0;

    if (r->end - r->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = r->at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    r->at += 4;
    return value;
}

/* Behind "\u". */
static int take_unicode(struct reader *r, char **out)
{
    int32_t first = take_hex(r), second;

    if (first == 0)
        return fail(r, YG_JSON_NUL);
    if (first < 0 || (first >= 0xdc00 && first <= 0xdfff))
        return fail(r, YG_JSON_SYNTAX);
    if (first >= 0xd800 && first <= 0xdbff) {
        if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
            return fail(r, YG_JSON_SYNTAX);
        r->at += 2;
        if ((second = take_hex(r)) < 0xdc00 || second > 0xdfff)
            return fail(r, YG_JSON_SYNTAX);
        first = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    }
    *out = put_utf8(*out, (uint32_t)first);
    return 0;
}

/* Behind a backslash. */
static int take_escape(struct reader *r, char **out)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (r->at == r->end)
        return fail(r, YG_JSON_SYNTAX);
    if (*r->at == 'u') {
        r->at++;
        return take_unicode(r, out);
    }
    found = memchr(names, *r->at, sizeof names - 1);
    if (found == NULL)
        return fail(r, YG_JSON_SYNTAX);
    r->at++;
    *(*out)++ = values[found - names];
    return 0;
}

/* Behind the quotation mark, into buf. */
static int read_string(struct reader *r, size_t *ret_len)
{
    char *out = r->buf;

    while (r->at < r->end && *r->at != '"') {
        uint8_t c = (uint8_t)*r->at;
        size_t len = 1;
        int rc;

        if (c == '\\') {
            r->at++;
            if ((rc = take_escape(r, &out)) < 0)
                return rc;
            continue;
        }
        if (c < ' ' ||
            (c >= 0x80 && (len = utf8_len((const uint8_t *)r->at, (size_t)(r->end - r->at))) == 0))
            return fail(r, YG_JSON_SYNTAX);
        memcpy(out, r->at, len);
        out += len;
        r->at += len;
    }
    if (r->at == r->end)
        return fail(r, YG_JSON_SYNTAX);
    r->at++;
    *ret_len = (size_t)(out - r->buf);
    return 0;
}

static int read_text(struct reader *r, json_t **ret)
{
    size_t len;
    int rc = read_string(r, &len);

    if (rc == 0 && (*ret = json_stringn_nocheck(r->buf, len)) == NULL)
        rc = -ENOMEM;
    return rc;
}

/* ---- numbers ---- */

static size_t digits(struct reader *r)
{
    const char *first = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return (size_t)(r->at - first);
}

/* Steps over a number; false: it is none. */
static bool scan_number(struct reader *r, bool *ret_real)
{
    *ret_real = false;
    if (r->at < r->end && *r->at == '-')
        r->at++;
    if (r->at < r->end && *r->at == '0')
        r->at++;
    else if (digits(r) == 0)
        return false;
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        *ret_real = true;
        if (digits(r) == 0)
            return false;
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        *ret_real = true;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (digits(r) == 0)
            return false;
    }
    return true;
}

static int read_number(struct reader *r, json_t **ret)
{
    const char *first = r->at;
    char text[MOST_DIGITS + 1];
    bool is_real;
    double real = 0;
    long long whole = 0;
    size_t len;

    if (!scan_number(r, &is_real))
        return fail(r, YG_JSON_SYNTAX);
    if ((len = (size_t)(r->at - first)) > MOST_DIGITS)
        return fail(r, YG_JSON_NUMBER);
    memcpy(text, first, len);
    text[len] = '\0';
    errno = 0;
    if (is_real)
        real = strtod(text, NULL);
    else
        whole = strtoll(text, NULL, 10);
    if (is_real ? !isfinite(real) : errno == ERANGE)
        return fail(r, YG_JSON_NUMBER);
    *ret = is_real ? json_real(real) : json_integer(whole);
    return *ret != NULL ? 0 : -ENOMEM;
}

/* ---- lists and objects ---- */

static int read_list(struct reader *r, json_t *list)
{
    if (take(r, ']'))
        return 0;
    do {
        json_t *value;
        int rc = read_value(r, &value);

        if (rc < 0)
            return rc;
        if (json_array_append_new(list, value) < 0)
            return -ENOMEM;
    } while (take(r, ','));
    return take(r, ']') ? 0 : fail(r, YG_JSON_SYNTAX);
}

static int read_member(struct reader *r, json_t *object)
{
    json_t *value;
    char *name;
    size_t len;
    int rc;

    if (!take(r, '"'))
        return fail(r, YG_JSON_SYNTAX);
    if ((rc = read_string(r, &len)) < 0)
        return rc;
    if ((name = malloc(len + 1)) == NULL)
        return -ENOMEM;
    memcpy(name, r->buf, len);
    name[len] = '\0';
    if (json_object_get(object, name) != NULL)
        rc = fail(r, YG_JSON_DUPLICATE);
    else if (!take(r, ':'))
        rc = fail(r, YG_JSON_SYNTAX);
    else if ((rc = read_value(r, &value)) == 0 &&
             json_object_set_new_nocheck(object, name, value) < 0)
        rc = -ENOMEM;
    free(name);
    return rc;
}

static int read_object(struct reader *r, json_t *object)
{
    int rc;

    if (take(r, '}'))
        return 0;
    do {
        if ((rc = read_member(r, object)) < 0)
            return rc;
    } while (take(r, ','));
    return take(r, '}') ? 0 : fail(r, YG_JSON_SYNTAX);
}

/* Behind the bracket. */
static int read_container(struct reader *r, json_t *container, json_t **ret)
{
    int rc;

    if (container == NULL)
        return -ENOMEM;
    if (++r->depth > r->max_depth)
        rc = fail(r, YG_JSON_DEEP);
    else
        rc = json_is_array(container) ? read_list(r, container) : read_object(r, container);
    r->depth--;
    if (rc < 0)
        json_decref(container);
    else
        *ret = container;
    return rc;
}

/* ---- values ---- */

static int read_word(struct reader *r, json_t **ret)
{
    static const struct {
        const char *word;
        size_t len;
    } words[] = {{"null", 4}, {"true", 4}, {"false", 5}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if ((size_t)(r->end - r->at) < words[i].len ||
            memcmp(r->at, words[i].word, words[i].len) != 0)
            continue;
        r->at += words[i].len;
        *ret = i == 0 ? json_null() : json_boolean(i == 1);
        return 0;
    }
    return fail(r, YG_JSON_SYNTAX);
}

static int read_value(struct reader *r, json_t **ret)
{
    if (take(r, '{'))
        return read_container(r, json_object(), ret);
    if (take(r, '['))
        return read_container(r, json_array(), ret);
    if (take(r, '"'))
        return read_text(r, ret);
    if (r->at < r->end && (*r->at == '-' || (*r->at >= '0' && *r->at <= '9')))
        return read_number(r, ret);
    return read_word(r, ret);
}

const char *yg_json_fault_words(enum yg_json_fault fault)
{
    static const char *const words[] = {[YG_JSON_SYNTAX] = "is not JSON in UTF-8",
                                        [YG_JSON_NUL] = "has a NUL character",
                                        [YG_JSON_DUPLICATE] = "has a member twice",
                                        [YG_JSON_NUMBER] = "has a number that is too large",
                                        [YG_JSON_DEEP] = "is too deep"};

    return words[fault];
}

int yg_json_read(const char *text, size_t len, unsigned max_depth, struct yg_json_where *where,
                 json_t **ret)
{
    struct reader r = {
        .text = text, .at = text, .end = text + len, .max_depth = max_depth, .where = where};
    json_t *value = NULL;
    int rc;

    if ((r.buf = malloc(len + 1)) == NULL)
        return -ENOMEM;
    rc = read_value(&r, &value);
    skip_blanks(&r);
    if (rc == 0 && r.at != r.end) {
        rc = fail(&r, YG_JSON_SYNTAX);
        json_decref(value);
    }
    free(r.buf);
    if (rc == 0)
        *ret = value;
    return rc;
}
