/* SPDX-License-Identifier: MIT */
#include "proto/json_doc.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "proto/json_number.h"
#include "proto/json_scan.h"

/* Text without escapes that is put together here: in room of its own, or from jansson's allocator.
 */
struct scratch {
    char *ptr;
    size_t cap;
    char room[256];
};

static void scratch_free(struct scratch *scratch)
{
    json_malloc_t alloc;
    json_free_t release;

    if (scratch->ptr == scratch->room)
        return;
    json_get_alloc_funcs(&alloc, &release);
    release(scratch->ptr);
}

static int scratch_reserve(struct scratch *scratch, size_t len)
{
    json_malloc_t alloc;
    json_free_t release;
    char *ptr;

    if (len <= scratch->cap)
        return 0;
    json_get_alloc_funcs(&alloc, &release);
    if ((ptr = alloc(len)) == NULL)
        return -ENOMEM;
    scratch_free(scratch);
    scratch->ptr = ptr;
    scratch->cap = len;
    return 0;
}

/* What body says: itself, or its text without escapes, which lives until the next call. */
static int plain_text(struct scratch *scratch, yodel_str body, yodel_str *ret_text)
{
    char *end;

    if (!yd_json_is_escaped(body)) {
        *ret_text = body;
        return 0;
    }
    if (scratch_reserve(scratch, body.len) < 0)
        return -ENOMEM;
    end = yd_json_unescape(scratch->ptr, body);
    *ret_text = (yodel_str){scratch->ptr, (size_t)(end - scratch->ptr)};
    return 0;
}

/* ---- scalars; NULL is out of memory ---- */

static json_t *make_string(struct scratch *scratch, yodel_str body)
{
    yodel_str text;

    if (plain_text(scratch, body, &text) < 0)
        return NULL;
    return json_stringn_nocheck(text.len > 0 ? text.ptr : "", text.len);
}

static json_t *make_number(yodel_str text)
{
    int64_t number;
    double real;

    if (yd_json_get_int(text, &number))
        return json_integer(number);
    real = yd_json_to_double(text);
    if (isinf(real))
        real = real > 0 ? DBL_MAX : -DBL_MAX;
    return json_real(real);
}

static json_t *make_scalar(struct scratch *scratch, yodel_str text)
{
    yodel_str body;

    switch (yd_json_type_of(text)) {
    case YD_JSON_FALSE:
        return json_false();
    case YD_JSON_TRUE:
        return json_true();
    case YD_JSON_NUMBER:
        return make_number(text);
    case YD_JSON_STRING:
        return yd_json_body(text, &body) ? make_string(scratch, body) : json_null();
    default:
        return json_null();
    }
}

/* ---- documents ---- */

/* Arrays and objects that are open, the outermost first; each is already in the one before it. */
struct builder {
    struct scratch scratch;
    json_t *root;
    unsigned depth;
    yodel_str name; /* the body of the name that the next value has */
    json_t *open[YD_JSON_MAX_DEPTH];
};

/* Puts value where the text has it; takes it. */
static int add(struct builder *builder, json_t *value)
{
    json_t *parent;
    yodel_str name;

    if (value == NULL)
        return -ENOMEM;
    if (builder->depth == 0) {
        json_decref(builder->root); /* only text that was not checked has a second one */
        builder->root = value;
        return 0;
    }
    parent = builder->open[builder->depth - 1];
    if (json_is_array(parent))
        return json_array_append_new(parent, value) == 0 ? 0 : -ENOMEM;
    if (plain_text(&builder->scratch, builder->name, &name) < 0) {
        json_decref(value);
        return -ENOMEM;
    }
    return json_object_setn_new_nocheck(parent, name.len > 0 ? name.ptr : "", name.len, value) == 0
               ? 0
               : -ENOMEM;
}

static int open_value(struct builder *builder, json_t *value)
{
    int rc = add(builder, value);

    if (rc == 0 && builder->depth < YD_JSON_MAX_DEPTH)
        builder->open[builder->depth++] = value;
    return rc;
}

static int take_token(struct builder *builder, const struct yd_json_token *token)
{
    switch (token->mark) {
    case YD_JSON_BEGIN_ARRAY:
        return open_value(builder, json_array());
    case YD_JSON_BEGIN_OBJECT:
        return open_value(builder, json_object());
    case YD_JSON_END_ARRAY:
    case YD_JSON_END_OBJECT:
        builder->depth -= builder->depth > 0;
        return 0;
    case YD_JSON_NAME:
        builder->name = token->text;
        return 0;
    case YD_JSON_SCALAR:
        return add(builder, make_scalar(&builder->scratch, token->text));
    }
    return 0;
}

int yd_json_read_checked(yodel_str value, json_t **ret_document)
{
    struct yd_json_iter rest = yd_json_elements(value);
    struct yd_json_token token;
    struct builder builder;
    int rc = 0;

    builder.scratch.ptr = builder.scratch.room;
    builder.scratch.cap = sizeof builder.scratch.room;
    builder.root = NULL;
    builder.depth = 0;
    builder.name = (yodel_str){NULL, 0};
    while (rc == 0 && yd_json_next_token(&rest, &token))
        rc = take_token(&builder, &token);
    scratch_free(&builder.scratch);
    if (rc < 0) {
        json_decref(builder.root);
        return rc;
    }
    *ret_document = builder.root;
    return 0;
}

int yd_json_read(yodel_str text, unsigned max_depth, json_t **ret_document)
{
    yodel_str value;

    if (!yd_utf8_is_valid(text.ptr, text.len) || !yd_json_check(text, max_depth, &value))
        return YODEL_ERR_FORMAT;
    return yd_json_read_checked(value, ret_document);
}
