/* SPDX-License-Identifier: MIT */
#include <stdbool.h>

#include "proto/json_pack.h"
#include "proto/json_put.h"
#include "proto/json_scan.h"

/* Documents to text, without recursion; one that holds itself ends at the limit. */

struct dumper {
    const struct yodel_allocator *mem;
    struct yd_buf *buf;
    unsigned depth;
    struct open {
        json_t *value;
        void *iter;   /* of an object: the next member */
        size_t index; /* of an array: the next element; of both, how many there were */
    } open[YD_JSON_MAX_DEPTH];
};

static int put(struct dumper *dumper, yodel_str text)
{
    return yd_buf_append_str(dumper->mem, dumper->buf, text);
}

static int open_value(struct dumper *dumper, json_t *value)
{
    bool is_object = json_is_object(value);

    if (dumper->depth == YD_JSON_MAX_DEPTH)
        return YODEL_ERR_FORMAT;
    dumper->open[dumper->depth++] =
        (struct open){value, is_object ? json_object_iter(value) : NULL, 0};
    return put(dumper, is_object ? YODEL_STR("{") : YODEL_STR("["));
}

static int put_value(struct dumper *dumper, json_t *value)
{
    const struct yodel_allocator *mem = dumper->mem;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        return open_value(dumper, value);
    case JSON_STRING:
        return yd_json_put_text(mem, dumper->buf,
                                (yodel_str){json_string_value(value), json_string_length(value)});
    case JSON_INTEGER:
        return yd_json_put_int(mem, dumper->buf, json_integer_value(value));
    case JSON_REAL:
        return yd_json_put_real(mem, dumper->buf, json_real_value(value));
    case JSON_TRUE:
        return put(dumper, YODEL_STR("true"));
    case JSON_FALSE:
        return put(dumper, YODEL_STR("false"));
    default:
        return put(dumper, YODEL_STR("null"));
    }
}

static int put_name(struct dumper *dumper, void *iter)
{
    yodel_str name = {json_object_iter_key(iter), json_object_iter_key_len(iter)};
    int rc = yd_json_put_text(dumper->mem, dumper->buf, name);

    return rc < 0 ? rc : put(dumper, YODEL_STR(":"));
}

/* The next of the innermost value, which may be opened by it; its end after the last. */
static int put_next(struct dumper *dumper)
{
    struct open *open = &dumper->open[dumper->depth - 1];
    bool is_object = json_is_object(open->value);
    json_t *value =
        is_object ? json_object_iter_value(open->iter) : json_array_get(open->value, open->index);
    int rc = 0;

    if (value == NULL) {
        dumper->depth--;
        return put(dumper, is_object ? YODEL_STR("}") : YODEL_STR("]"));
    }
    if (open->index++ > 0)
        rc = put(dumper, YODEL_STR(","));
    if (rc == 0 && is_object) {
        rc = put_name(dumper, open->iter);
        open->iter = json_object_iter_next(open->value, open->iter);
    }
    return rc < 0 ? rc : put_value(dumper, value);
}

int yd_json_put_document(const struct yodel_allocator *mem, struct yd_buf *buf,
                         const json_t *document)
{
    size_t len = buf->len;
    struct dumper dumper;
    int rc;

    dumper.mem = mem;
    dumper.buf = buf;
    dumper.depth = 0;
    rc = put_value(&dumper, (json_t *)document); /* jansson's iterators are not const */
    while (rc == 0 && dumper.depth > 0)
        rc = put_next(&dumper);
    if (rc < 0)
        buf->len = len;
    return rc;
}
