/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>

#include "adapter/python_pickle.h"
#include "proto/json_number.h"
#include "proto/json_put.h"
#include "proto/json_scan.h"

/* What was read of a pickle, as JSON text. */

struct writer {
    const struct yd_pickle *pickle;
    struct yd_pickle_binary *binary;
    struct yd_buf *buf;
    size_t max_len;
};

static int put_value(struct writer *writer, uint32_t number, unsigned depth);

static int put(struct writer *writer, const char *text)
{
    return yd_buf_append_str(writer->pickle->mem, writer->buf, yodel_str_of(text));
}

static int put_bytes(struct writer *writer, yodel_bytes bytes)
{
    struct yd_pickle_binary *binary = writer->binary;

    if (binary == NULL)
        return YODEL_ERR_PROTOCOL;
    if (binary->num == binary->max)
        return YODEL_ERR_TOO_BIG;
    binary->data[binary->num] = bytes;
    return yd_buf_printf(writer->pickle->mem, writer->buf, "{\"_placeholder\":true,\"num\":%zu}",
                         binary->num++);
}

static yodel_str text_of(const struct yd_pickle_value *value)
{
    return (yodel_str){(const char *)value->as.bytes.ptr, value->as.bytes.len};
}

static int put_scalar(struct writer *writer, const struct yd_pickle_value *value)
{
    const struct yodel_allocator *mem = writer->pickle->mem;

    switch ((enum yd_pickle_type)value->type) {
    case YD_PICKLE_FALSE:
        return put(writer, "false");
    case YD_PICKLE_TRUE:
        return put(writer, "true");
    case YD_PICKLE_INT:
        return yd_json_put_int(mem, writer->buf, value->as.integer);
    case YD_PICKLE_REAL:
        return isfinite(value->as.real) ? yd_json_put_real(mem, writer->buf, value->as.real)
                                        : put(writer, "null");
    case YD_PICKLE_TEXT:
        return yd_json_put_string(mem, writer->buf, text_of(value));
    case YD_PICKLE_BYTES:
        return put_bytes(writer, value->as.bytes);
    default:
        return put(writer, "null");
    }
}

/* As Python's json does: names are texts. */
static int put_name(struct writer *writer, uint32_t number)
{
    const struct yd_pickle_value *value = yd_pickle_get(writer->pickle, number);
    int rc;

    if (value->type == YD_PICKLE_TEXT)
        return put_scalar(writer, value);
    if (value->type >= YD_PICKLE_BYTES)
        return YODEL_ERR_PROTOCOL;
    if ((rc = put(writer, "\"")) < 0 || (rc = put_scalar(writer, value)) < 0)
        return rc;
    return put(writer, "\"");
}

static int put_items(struct writer *writer, const struct yd_pickle_value *list, unsigned depth)
{
    bool is_dict = list->type == YD_PICKLE_DICT, is_name = false;
    int rc = 0;

    for (uint32_t at = list->as.items.first; rc == 0 && at != 0;) {
        const struct yd_pickle_item *item = yd_pickle_item(writer->pickle, at);

        is_name = is_dict && !is_name;
        if (at != list->as.items.first)
            rc = put(writer, is_dict && !is_name ? ":" : ",");
        if (rc == 0)
            rc = is_name ? put_name(writer, item->value) : put_value(writer, item->value, depth);
        at = item->next;
    }
    return rc;
}

/* depth: how deep it may still nest. */
static int put_value(struct writer *writer, uint32_t number, unsigned depth)
{
    const struct yd_pickle_value *value = yd_pickle_get(writer->pickle, number);
    bool is_dict = value->type == YD_PICKLE_DICT;
    int rc;

    if (writer->buf->len > writer->max_len)
        return YODEL_ERR_TOO_BIG;
    if (value->type < YD_PICKLE_LIST)
        return put_scalar(writer, value);
    if (depth == 0)
        return YODEL_ERR_PROTOCOL;
    if ((rc = put(writer, is_dict ? "{" : "[")) < 0 ||
        (rc = put_items(writer, value, depth - 1)) < 0)
        return rc;
    return put(writer, is_dict ? "}" : "]");
}

int yd_pickle_put_json(const struct yd_pickle *pickle, uint32_t value, size_t max_len,
                       struct yd_pickle_binary *binary, struct yd_buf *buf)
{
    struct writer writer = {pickle, binary, buf, max_len};

    return put_value(&writer, value, YD_JSON_DEPTH);
}

int yd_pickle_put_items(const struct yd_pickle *pickle, uint32_t list, size_t max_len,
                        struct yd_pickle_binary *binary, struct yd_buf *buf)
{
    struct writer writer = {pickle, binary, buf, max_len};

    return put_items(&writer, yd_pickle_get(pickle, list), YD_JSON_DEPTH - 1);
}
