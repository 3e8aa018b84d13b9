/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "base/utf8.h"
#include "proto/iso_date.h"
#include "proto/json_hint.h"
#include "proto/json_number.h"
#include "proto/json_scan.h"
#include "proto/msgpack.h"
#include "proto/msgpack_json.h"

struct reader {
    const struct yodel_allocator *mem;
    struct yd_buf *json;
    struct yd_msgpack_blobs *blobs;
    yodel_bytes rest;
    unsigned depth, max_depth;
    /* Arrays and maps open. */
    struct level {
        uint32_t left; /* elements or pairs to come */
        bool is_map, has_begun;
    } levels[YD_JSON_MAX_DEPTH];
};

static int put(struct reader *reader, yodel_str text)
{
    return yd_buf_append_str(reader->mem, reader->json, text);
}

static int put_string(struct reader *reader, yodel_bytes bytes)
{
    if (!yd_utf8_is_valid(bytes.ptr, bytes.len))
        return YODEL_ERR_PROTOCOL;
    return yd_json_put_string(reader->mem, reader->json,
                              (yodel_str){(const char *)bytes.ptr, bytes.len});
}

/* The infinities are numbers out of range, as which JavaScript's JSON.parse() reads them. */
static int put_double(struct reader *reader, double number)
{
    char text[YD_JSON_DOUBLE_LEN];

    if (isnan(number))
        return put(reader, YODEL_STR(YD_JSON_HINT_OTHER "null"));
    if (isinf(number))
        return put(reader, number > 0 ? YODEL_STR("1e999") : YODEL_STR("-1e999"));
    return put(reader, (yodel_str){text, yd_json_print_double(text, number)});
}

static int put_blob(struct reader *reader, yodel_bytes bytes)
{
    struct yd_msgpack_blobs *blobs = reader->blobs;

    if (blobs->num >= blobs->max)
        return YODEL_ERR_PROTOCOL;
    blobs->array[blobs->num] = bytes;
    return yd_buf_printf(reader->mem, reader->json, "{\"_placeholder\":true,\"num\":%" PRIu32 "}",
                         blobs->num++);
}

static uint64_t big_endian(const uint8_t *ptr, size_t len)
{
    uint64_t number = 0;

    for (size_t i = 0; i < len; i++)
        number = number << 8 | ptr[i];
    return number;
}

static int put_date(struct reader *reader, yodel_str hint, int64_t seconds, uint32_t nanoseconds)
{
    char text[YD_ISO_DATE_LEN];
    size_t len = yd_iso_date_print(text, seconds, nanoseconds);

    return yd_buf_printf(reader->mem, reader->json, "%" YODEL_PRI "\"%.*s\"", YODEL_ARG(hint),
                         (int)len, text);
}

/* Of JavaScript, which has milliseconds. */
static int put_js_date(struct reader *reader, int64_t ms)
{
    int64_t seconds = ms / 1000 - (ms % 1000 < 0);

    if (ms > YD_ISO_DATE_MAX_S * 1000 || ms < -YD_ISO_DATE_MAX_S * 1000)
        return put(reader, YODEL_STR("null"));
    return put_date(reader, YODEL_STR(YD_JSON_HINT_JS), seconds,
                    (uint32_t)(ms - seconds * 1000) * 1000000);
}

/* [type,bytes], as JavaScript's decoder has it. */
static int put_other_ext(struct reader *reader, const struct yd_msgpack_item *item)
{
    int result = yd_buf_printf(reader->mem, reader->json, YD_JSON_HINT_JS "[%d,", item->ext);

    if (result == 0)
        result = put_blob(reader, item->as.bytes);
    return result < 0 ? result : put(reader, YODEL_STR("]"));
}

/* The specification's timestamp: seconds and nanoseconds in 4, 8 or 12 bytes. */
static int put_timestamp(struct reader *reader, const struct yd_msgpack_item *item)
{
    yodel_bytes bytes = item->as.bytes;
    uint64_t nanoseconds = 0, both;
    int64_t seconds;

    if (bytes.len == 4) {
        seconds = (int64_t)big_endian(bytes.ptr, 4);
    } else if (bytes.len == 8) {
        both = big_endian(bytes.ptr, 8);
        nanoseconds = both >> 34;
        seconds = (int64_t)(both & ((UINT64_C(1) << 34) - 1));
    } else if (bytes.len == 12) {
        nanoseconds = big_endian(bytes.ptr, 4);
        seconds = (int64_t)big_endian(bytes.ptr + 4, 8);
    } else {
        return put_other_ext(reader, item);
    }
    if (nanoseconds > 999999999 || seconds >= YD_ISO_DATE_MAX_S || seconds < -YD_ISO_DATE_MAX_S)
        return put_other_ext(reader, item);
    return put_date(reader, YODEL_STR(YD_JSON_HINT_OTHER), seconds, (uint32_t)nanoseconds);
}

/* Type 0 is what JavaScript's encoder has for values that the format lacks. */
static int put_ext(struct reader *reader, const struct yd_msgpack_item *item)
{
    yodel_bytes bytes = item->as.bytes;

    if (item->ext == -1)
        return put_timestamp(reader, item);
    if (item->ext == 0 && !item->is_fixed) {
        int result = put(reader, YODEL_STR(YD_JSON_HINT_JS));

        return result < 0 ? result : put_blob(reader, bytes);
    }
    if (item->ext == 0 && bytes.len == 1)
        return put(reader, YODEL_STR(YD_JSON_HINT_JS "null"));
    if (item->ext == 0 && bytes.len == 8)
        return put_js_date(reader, (int64_t)big_endian(bytes.ptr, 8));
    return put_other_ext(reader, item);
}

static int open_level(struct reader *reader, uint32_t count, bool is_map)
{
    if (reader->depth >= reader->max_depth)
        return YODEL_ERR_PROTOCOL;
    reader->levels[reader->depth++] = (struct level){count, is_map, false};
    return put(reader, is_map ? YODEL_STR("{") : YODEL_STR("["));
}

static int put_value(struct reader *reader)
{
    struct yd_msgpack_item item;

    if (!yd_msgpack_read(&reader->rest, &item))
        return YODEL_ERR_PROTOCOL;
    switch (item.type) {
    case YD_MSGPACK_NIL:
        return put(reader, YODEL_STR("null"));
    case YD_MSGPACK_BOOL:
        return put(reader, item.as.boolean ? YODEL_STR("true") : YODEL_STR("false"));
    case YD_MSGPACK_UINT:
        return yd_buf_printf(reader->mem, reader->json, "%" PRIu64, item.as.u);
    case YD_MSGPACK_INT:
        return yd_buf_printf(reader->mem, reader->json, "%" PRId64, item.as.i);
    case YD_MSGPACK_FLOAT:
        return put_double(reader, item.as.d);
    case YD_MSGPACK_STR:
        return put_string(reader, item.as.bytes);
    case YD_MSGPACK_BIN:
        return put_blob(reader, item.as.bytes);
    case YD_MSGPACK_EXT:
        return put_ext(reader, &item);
    default:
        return open_level(reader, item.as.count, item.type == YD_MSGPACK_MAP);
    }
}

/* What JavaScript makes of a key that is no string. */
static int put_number_name(struct reader *reader, double number)
{
    char text[YD_JSON_DOUBLE_LEN];
    size_t len;

    if (isnan(number))
        return put(reader, YODEL_STR("\"NaN\""));
    if (isinf(number))
        return put(reader, number > 0 ? YODEL_STR("\"Infinity\"") : YODEL_STR("\"-Infinity\""));
    len = yd_json_print_double(text, number);
    return yd_buf_printf(reader->mem, reader->json, "\"%.*s\"", (int)len, text);
}

static int put_name_item(struct reader *reader, const struct yd_msgpack_item *item)
{
    switch (item->type) {
    case YD_MSGPACK_STR:
        return put_string(reader, item->as.bytes);
    case YD_MSGPACK_UINT:
        return yd_buf_printf(reader->mem, reader->json, "\"%" PRIu64 "\"", item->as.u);
    case YD_MSGPACK_INT:
        return yd_buf_printf(reader->mem, reader->json, "\"%" PRId64 "\"", item->as.i);
    case YD_MSGPACK_FLOAT:
        return put_number_name(reader, item->as.d);
    case YD_MSGPACK_BOOL:
        return put(reader, item->as.boolean ? YODEL_STR("\"true\"") : YODEL_STR("\"false\""));
    case YD_MSGPACK_NIL:
        return put(reader, YODEL_STR("\"null\""));
    default:
        return YODEL_ERR_PROTOCOL;
    }
}

static int put_name(struct reader *reader)
{
    struct yd_msgpack_item item;
    int result;

    if (!yd_msgpack_read(&reader->rest, &item))
        return YODEL_ERR_PROTOCOL;
    result = put_name_item(reader, &item);
    return result < 0 ? result : put(reader, YODEL_STR(":"));
}

/* The next element or member of the innermost array or map, or its end. */
static int put_next(struct reader *reader)
{
    struct level *level = &reader->levels[reader->depth - 1];
    int result = 0;

    if (level->left == 0) {
        reader->depth--;
        return put(reader, level->is_map ? YODEL_STR("}") : YODEL_STR("]"));
    }
    level->left--;
    if (level->has_begun)
        result = put(reader, YODEL_STR(","));
    level->has_begun = true;
    if (result == 0 && level->is_map)
        result = put_name(reader);
    return result < 0 ? result : put_value(reader);
}

int yd_msgpack_to_json(const struct yodel_allocator *mem, yodel_bytes *rest, unsigned max_depth,
                       struct yd_buf *json, struct yd_msgpack_blobs *blobs)
{
    struct reader reader;
    int result;

    reader.mem = mem;
    reader.json = json;
    reader.blobs = blobs;
    reader.rest = *rest;
    reader.depth = 0;
    reader.max_depth = max_depth < YD_JSON_MAX_DEPTH ? max_depth : YD_JSON_MAX_DEPTH;
    result = put_value(&reader);
    while (result == 0 && reader.depth > 0)
        result = put_next(&reader);
    *rest = reader.rest;
    return result;
}
