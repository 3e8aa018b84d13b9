/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "proto/json_doc.h"
#include "proto/json_scan.h"

/*
 * Goes through an unpack format twice: first it only looks whether all is there and of its type,
 * then it assigns.  So a call that fails has written nothing and taken no reference.
 */
struct unpacker {
    const char *rest; /* of the format */
    unsigned depth;
    bool assigns;
    bool failed;
    const yodel_bytes *data; /* that placeholders stand for */
    size_t num;
    va_list args;
};

static void fail(struct unpacker *unpacker)
{
    unpacker->failed = true;
}

static char peek(struct unpacker *unpacker)
{
    while (*unpacker->rest != '\0' && strchr(" \t\n,:", *unpacker->rest) != NULL)
        unpacker->rest++;
    return *unpacker->rest;
}

static bool take(struct unpacker *unpacker, char c)
{
    if (peek(unpacker) != c)
        return false;
    unpacker->rest++;
    return true;
}

/* Values are NULL below a name that is optional and not there: their arguments are only taken. */

static void require(struct unpacker *unpacker, const json_t *value, bool holds)
{
    if (value != NULL && !holds)
        fail(unpacker);
}

static bool assigns(const struct unpacker *unpacker, const json_t *value)
{
    return unpacker->assigns && value != NULL;
}

/* Without '%' the string must end where a C string does, or it would be read as a shorter one. */
static void unpack_string(struct unpacker *unpacker, const json_t *value)
{
    const char **text = va_arg(unpacker->args, const char **);
    size_t *len = take(unpacker, '%') ? va_arg(unpacker->args, size_t *) : NULL;
    size_t all = json_string_length(value);

    require(unpacker, value, json_is_string(value));
    require(unpacker, value,
            len != NULL || !json_is_string(value) || strlen(json_string_value(value)) == all);
    if (text == NULL)
        fail(unpacker);
    if (!assigns(unpacker, value))
        return;
    *text = json_string_value(value);
    if (len != NULL)
        *len = all;
}

static void unpack_document(struct unpacker *unpacker, json_t *value, bool takes)
{
    json_t **document = va_arg(unpacker->args, json_t **);

    if (assigns(unpacker, value))
        *document = takes ? json_incref(value) : value;
}

static void unpack_bool(struct unpacker *unpacker, const json_t *value)
{
    int *boolean = va_arg(unpacker->args, int *);

    require(unpacker, value, json_is_boolean(value));
    if (assigns(unpacker, value))
        *boolean = json_is_true(value);
}

static void unpack_int(struct unpacker *unpacker, const json_t *value)
{
    int *number = va_arg(unpacker->args, int *);
    json_int_t all = json_integer_value(value);

    require(unpacker, value, json_is_integer(value) && all >= INT_MIN && all <= INT_MAX);
    if (assigns(unpacker, value))
        *number = (int)all;
}

static void unpack_long(struct unpacker *unpacker, const json_t *value)
{
    json_int_t *number = va_arg(unpacker->args, json_int_t *);

    require(unpacker, value, json_is_integer(value));
    if (assigns(unpacker, value))
        *number = json_integer_value(value);
}

static void unpack_real(struct unpacker *unpacker, const json_t *value, bool takes_integers)
{
    double *number = va_arg(unpacker->args, double *);

    require(unpacker, value, takes_integers ? json_is_number(value) : json_is_real(value));
    if (assigns(unpacker, value))
        *number = json_number_value(value);
}

static void unpack_binary(struct unpacker *unpacker, const json_t *value)
{
    yodel_bytes *data = va_arg(unpacker->args, yodel_bytes *);
    json_int_t i = json_integer_value(json_object_get(value, "num"));

    require(unpacker, value,
            json_is_true(json_object_get(value, "_placeholder")) &&
                json_is_integer(json_object_get(value, "num")) && i >= 0 &&
                (json_int_t)unpacker->num > i);
    if (assigns(unpacker, value))
        *data = unpacker->data[i];
}

static void unpack_value(struct unpacker *unpacker, json_t *value);

/* '!' at the end: there must be no more than was named; '*': there may be.  True at the end. */
static bool take_end(struct unpacker *unpacker, char end, const json_t *value, size_t num,
                     size_t size)
{
    bool strict = take(unpacker, '!'), open = !strict && take(unpacker, '*');

    if (!take(unpacker, end)) {
        if (strict || open || peek(unpacker) == '\0')
            fail(unpacker);
        return false;
    }
    require(unpacker, value, !strict || num == size);
    return true;
}

static void unpack_member(struct unpacker *unpacker, json_t *object, size_t *num)
{
    const char *name;
    json_t *value;
    bool optional;

    if (!take(unpacker, 's') || (name = va_arg(unpacker->args, const char *)) == NULL) {
        fail(unpacker);
        return;
    }
    optional = take(unpacker, '?');
    value = json_object_get(object, name);
    require(unpacker, object, value != NULL || optional);
    *num += value != NULL;
    unpack_value(unpacker, value);
}

/* A name that the format has twice counts twice for '!', which then fails. */
static void unpack_object(struct unpacker *unpacker, json_t *object)
{
    size_t num = 0;

    require(unpacker, object, json_is_object(object));
    while (!unpacker->failed && !take_end(unpacker, '}', object, num, json_object_size(object)) &&
           !unpacker->failed)
        unpack_member(unpacker, object, &num);
}

static void unpack_array(struct unpacker *unpacker, json_t *array)
{
    size_t num = 0;

    require(unpacker, array, json_is_array(array));
    while (!unpacker->failed && !take_end(unpacker, ']', array, num, json_array_size(array)) &&
           !unpacker->failed) {
        require(unpacker, array, num < json_array_size(array));
        unpack_value(unpacker, json_array_get(array, num++));
    }
}

static void unpack_nested(struct unpacker *unpacker, json_t *value, bool is_object)
{
    if (++unpacker->depth > YD_JSON_MAX_DEPTH)
        fail(unpacker);
    else if (is_object)
        unpack_object(unpacker, value);
    else
        unpack_array(unpacker, value);
    unpacker->depth--;
}

static void unpack_value(struct unpacker *unpacker, json_t *value)
{
    char c = peek(unpacker);

    if (c != '\0')
        unpacker->rest++;
    switch (c) {
    case '{':
    case '[':
        unpack_nested(unpacker, value, c == '{');
        break;
    case 's':
        unpack_string(unpacker, value);
        break;
    case 'o':
    case 'O':
        unpack_document(unpacker, value, c == 'O');
        break;
    case 'b':
        unpack_bool(unpacker, value);
        break;
    case 'i':
        unpack_int(unpacker, value);
        break;
    case 'I':
        unpack_long(unpacker, value);
        break;
    case 'f':
    case 'F':
        unpack_real(unpacker, value, c == 'F');
        break;
    case 'y':
        unpack_binary(unpacker, value);
        break;
    case 'n':
        require(unpacker, value, json_is_null(value));
        break;
    default:
        fail(unpacker);
    }
}

/* The elements of array, as many as there are values in the format. */
static void unpack_elements(struct unpacker *unpacker, json_t *array)
{
    size_t num = 0;

    require(unpacker, array, json_is_array(array));
    while (!unpacker->failed && peek(unpacker) != '\0') {
        require(unpacker, array, num < json_array_size(array));
        unpack_value(unpacker, json_array_get(array, num++));
    }
}

static int run(struct unpacker unpacker, json_t *document, va_list args, bool is_list)
{
    va_copy(unpacker.args, args);
    if (is_list)
        unpack_elements(&unpacker, document);
    else
        unpack_value(&unpacker, document);
    if (peek(&unpacker) != '\0')
        fail(&unpacker);
    va_end(unpacker.args);
    return unpacker.failed ? YODEL_ERR_FORMAT : 0;
}

static int unpack(struct unpacker *unpacker, json_t *document, va_list args, bool is_list)
{
    int rc = unpacker->rest != NULL ? run(*unpacker, document, args, is_list) : YODEL_ERR_FORMAT;

    unpacker->assigns = true;
    return rc < 0 ? rc : run(*unpacker, document, args, is_list);
}

int yd_json_unpack(json_t *document, const char *format, va_list args)
{
    struct unpacker unpacker = {.rest = format};

    return unpack(&unpacker, document, args, false);
}

int yd_json_unpack_list(json_t *array, const char *format, va_list args, const yodel_bytes *data,
                        size_t num)
{
    struct unpacker unpacker = {.rest = format, .data = data, .num = num};

    return unpack(&unpacker, array, args, true);
}
