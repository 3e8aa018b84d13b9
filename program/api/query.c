/* SPDX-License-Identifier: MIT */
#include "api/query.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* out: room for text.len + 1.  Returns false for bad escapes, and for a NUL. */
static bool decode(yodel_str text, char *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i] == '+' ? ' ' : text.ptr[i];

        if (c == '%') {
            if (i + 2 >= text.len || hex(text.ptr[i + 1]) < 0 || hex(text.ptr[i + 2]) < 0)
                return false;
            c = (char)(hex(text.ptr[i + 1]) << 4 | hex(text.ptr[i + 2]));
            i += 2;
        }
        if (c == '\0')
            return false;
        *out++ = c;
    }
    *out = '\0';
    return true;
}

static json_t *number_of(const char *value)
{
    const size_t len = strlen(value);

    if (len == 0 || len > 9 || strspn(value, "0123456789") != len)
        return json_string(value);
    return json_integer(atoi(value));
}

static json_t *bool_of(const char *value)
{
    if (value[0] == '\0' || strcmp(value, "1") == 0 || strcmp(value, "true") == 0)
        return json_true();
    if (strcmp(value, "0") == 0 || strcmp(value, "false") == 0)
        return json_false();
    return json_string(value);
}

static json_t *value_of(const char *name, const char *value)
{
    if (strcmp(name, "limit") == 0)
        return number_of(value);
    if (strcmp(name, "count") == 0 || strcmp(name, "reverse") == 0)
        return bool_of(value);
    return json_string(value);
}

/* Lead bytes, and what they want behind them, without forms that are too long and surrogates. */
static bool is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p != '\0') {
        const unsigned len = *p < 0x80 ? 0 : *p < 0xc2 ? 9 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;

        if (len == 9 || *p > 0xf4 || (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
            (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
            return false;
        p++;
        for (unsigned i = 0; i < len; i++, p++) {
            if ((*p & 0xc0) != 0x80)
                return false;
        }
    }
    return true;
}

static int put(json_t *object, const char *name, const char *value, const char **ret_error)
{
    json_t *json;

    if (json_object_get(object, name) != NULL) {
        *ret_error = "a field of the query stands there twice";
        return -EINVAL;
    }
    if (!is_utf8(name) || !is_utf8(value)) {
        *ret_error = "the query is not UTF-8";
        return -EINVAL;
    }
    json = value_of(name, value);
    return json != NULL && json_object_set_new(object, name, json) == 0 ? 0 : -ENOMEM;
}

/* buffer: room for the whole field and two NULs. */
static int add_field(json_t *object, yodel_str field, char *buffer, const char **ret_error)
{
    const char *equals = memchr(field.ptr, '=', field.len);
    const size_t name_len = equals != NULL ? (size_t)(equals - field.ptr) : field.len;
    const yodel_str rest = {equals != NULL ? equals + 1 : field.ptr,
                            equals != NULL ? field.len - name_len - 1 : 0};
    char *value = buffer + name_len + 1;

    if (!decode((yodel_str){field.ptr, name_len}, buffer) || !decode(rest, value)) {
        *ret_error = "bad escapes in the query";
        return -EINVAL;
    }
    return put(object, buffer, value, ret_error);
}

static int add_fields(json_t *object, yodel_str query, char *buffer, const char **ret_error)
{
    while (query.len > 0) {
        const char *end = memchr(query.ptr, '&', query.len);
        const size_t len = end != NULL ? (size_t)(end - query.ptr) : query.len;
        int rc = 0;

        if (len > 0)
            rc = add_field(object, (yodel_str){query.ptr, len}, buffer, ret_error);
        if (rc < 0)
            return rc;
        query.ptr += len + (end != NULL);
        query.len -= len + (end != NULL);
    }
    return 0;
}

int yg_query_json(yodel_str query, const char **ret_error, json_t **ret_json)
{
    char *buffer = malloc(query.len + 2);
    json_t *object = json_object();
    int rc = buffer != NULL && object != NULL ? 0 : -ENOMEM;

    if (rc == 0)
        rc = add_fields(object, query, buffer, ret_error);
    free(buffer);
    if (rc == 0)
        *ret_json = object;
    else
        json_decref(object);
    return rc;
}
