/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_read.h"

#define MAX_MEMBERS 64 /* bits of asked */

/* Where that is: lines and columns are counted from 1, columns in bytes. */
static void describe(const char *text, const struct yg_json_where *where, char *ret_error)
{
    const char *line = text, *end = text + where->offset, *at;
    unsigned number = 1;

    while ((at = memchr(line, '\n', (size_t)(end - line))) != NULL) {
        line = at + 1;
        number++;
    }
    snprintf(ret_error, 160, "line %u, column %zu: %s", number, (size_t)(end - line) + 1,
             yg_json_fault_words(where->fault));
}

int yg_json_parse(const char *ptr, size_t len, char ret_error[160], json_t **ret_json)
{
    const char *text = len > 0 ? ptr : "";
    struct yg_json_where where;
    const int rc = yg_json_read(text, len, YG_JSON_DEPTH, &where, ret_json);

    if (rc == -EINVAL)
        describe(text, &where, ret_error);
    return rc;
}

static int add_text(const char *ptr, size_t len, void *text)
{
    yg_text_add(text, ptr, len);
    return yg_text_failed(text) ? -1 : 0;
}

void yg_json_put(struct yg_text *text, const json_t *value, size_t flags)
{
    if (json_dump_callback(value, add_text, text, JSON_COMPACT | JSON_ENCODE_ANY | flags) != 0)
        text->failed = true;
}

static void open_reader(struct yg_json *reader, struct yg_json *root, const json_t *value,
                        const char *at)
{
    *reader = (struct yg_json){.root = root, .at = at};
    if (!json_is_object(value)) {
        yg_json_complain(reader, NULL, "must be an object");
        return;
    }
    if (json_object_size(value) > MAX_MEMBERS)
        yg_json_complain(reader, NULL, "more than %d members", MAX_MEMBERS);
    reader->object = value;
}

void yg_json_open(struct yg_json *reader, const json_t *value, const char *at)
{
    open_reader(reader, reader, value, at);
}

void yg_json_open_in(struct yg_json *reader, struct yg_json *outer, const json_t *value,
                     const char *at)
{
    open_reader(reader, outer->root, value, at);
}

/* A name as a part of a JSON pointer: ~ and / are escaped (RFC 6901 section 3). */
static void escape(const char *name, char *out, size_t size)
{
    size_t len = 0;

    for (; *name != '\0' && len + 3 < size; name++) {
        if (*name == '~' || *name == '/') {
            out[len++] = '~';
            out[len++] = *name == '~' ? '0' : '1';
        } else {
            out[len++] = *name;
        }
    }
    out[len] = '\0';
}

void yg_json_complain(struct yg_json *reader, const char *name, const char *format, ...)
{
    struct yg_json *root = reader->root;
    char escaped[100] = "";
    va_list args;

    if (root->problem != YG_PROBLEM_NONE)
        return;
    root->problem = YG_PROBLEM_INVALID;
    if (name != NULL)
        escape(name, escaped, sizeof(escaped));
    snprintf(root->pointer, sizeof(root->pointer), "%s%s%s", reader->at, name != NULL ? "/" : "",
             escaped);
    va_start(args, format);
    vsnprintf(root->detail, sizeof(root->detail), format, args);
    va_end(args);
}

/* The place of a member, for the bit that says it was asked for. */
static unsigned index_of(const json_t *object, const char *name)
{
    unsigned index = 0;
    void *at = json_object_iter((json_t *)object);

    for (; at != NULL && strcmp(json_object_iter_key(at), name) != 0; index++)
        at = json_object_iter_next((json_t *)object, at);
    return index;
}

const json_t *yg_json_any(struct yg_json *reader, const char *name)
{
    const json_t *value;

    if (reader->object == NULL || reader->root->problem != YG_PROBLEM_NONE)
        return NULL;
    value = json_object_get(reader->object, name);
    if (value != NULL)
        reader->asked |= (uint64_t)1 << index_of(reader->object, name);
    return value;
}

static const json_t *of_type(struct yg_json *reader, const char *name, json_type type,
                             const char *article)
{
    const json_t *value = yg_json_any(reader, name);

    if (value == NULL || json_typeof(value) == type)
        return value;
    yg_json_complain(reader, name, "must be %s", article);
    return NULL;
}

const json_t *yg_json_list(struct yg_json *reader, const char *name)
{
    return of_type(reader, name, JSON_ARRAY, "a list");
}

const json_t *yg_json_object(struct yg_json *reader, const char *name)
{
    return of_type(reader, name, JSON_OBJECT, "an object");
}

/* A NUL cannot get here: the reader refuses it. */
const char *yg_json_string(struct yg_json *reader, const char *name)
{
    const json_t *value = of_type(reader, name, JSON_STRING, "a string");

    return value != NULL ? json_string_value(value) : NULL;
}

bool yg_json_bool(struct yg_json *reader, const char *name, bool fallback)
{
    const json_t *value = yg_json_any(reader, name);

    if (value == NULL)
        return fallback;
    if (!json_is_boolean(value))
        yg_json_complain(reader, name, "must be true or false");
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

json_int_t yg_json_integer(struct yg_json *reader, const char *name, json_int_t min, json_int_t max,
                           json_int_t fallback)
{
    const json_t *value = of_type(reader, name, JSON_INTEGER, "an integer");
    json_int_t number = value != NULL ? json_integer_value(value) : fallback;

    if (value != NULL && (number < min || number > max)) {
        yg_json_complain(reader, name, "must be %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT,
                         min, max);
        return fallback;
    }
    return number;
}

bool yg_json_close(struct yg_json *reader)
{
    unsigned index = 0;
    void *at;

    if (reader->object == NULL || reader->root->problem != YG_PROBLEM_NONE)
        return false;
    at = json_object_iter((json_t *)reader->object);
    for (; at != NULL; index++) {
        const char *name = json_object_iter_key(at);

        if ((reader->asked >> index & 1) == 0) {
            yg_json_complain(reader, name, "not known here");
            return false;
        }
        at = json_object_iter_next((json_t *)reader->object, at);
    }
    return true;
}
