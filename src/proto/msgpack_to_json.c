/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "base/utf8.h"
#include "proto/json_number.h"
#include "proto/json_scan.h"
#include "proto/msgpack.h"
#include "proto/msgpack_json.h"

#define DAY_MS INT64_C(86400000)
#define MAX_DATE_MS INT64_C(8640000000000000) /* ECMA-262, Time Values and Time Range */

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

static int put_double(struct reader *reader, double number)
{
    char text[YD_JSON_DOUBLE_LEN];

    if (!isfinite(number))
        return put(reader, YODEL_STR("null"));
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

/* Year, month and day of the proleptic Gregorian calendar, from days since 1970.  Years begin in
 * March here, so that the leap day is the last one, and 400 of them are 146097 days. */
static void civil_date(int64_t days, int64_t date[3])
{
    int64_t since, era, of_era, year, of_year, month;

    since = days + 719468; /* 0000-03-01 */
    era = (since >= 0 ? since : since - 146096) / 146097;
    of_era = since - era * 146097;
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;
    date[0] = year + era * 400 + (month >= 10);
    date[1] = month < 10 ? month + 3 : month - 9;
    date[2] = of_year - (153 * month + 2) / 5 + 1;
}

/* As Date.prototype.toISOString() does. */
static int put_date(struct reader *reader, int64_t ms)
{
    int64_t date[3], days, of_day;
    const char *format;

    if (ms > MAX_DATE_MS || ms < -MAX_DATE_MS)
        return put(reader, YODEL_STR("null"));
    days = (ms >= 0 ? ms : ms - (DAY_MS - 1)) / DAY_MS;
    of_day = ms - days * DAY_MS;
    civil_date(days, date);
    format = date[0] >= 0 && date[0] <= 9999 ? "\"%04d" : "\"%+07d";
    if (yd_buf_printf(reader->mem, reader->json, format, (int)date[0]) < 0)
        return -ENOMEM;
    return yd_buf_printf(reader->mem, reader->json, "-%02d-%02dT%02d:%02d:%02d.%03dZ\"",
                         (int)date[1], (int)date[2], (int)(of_day / 3600000),
                         (int)(of_day / 60000 % 60), (int)(of_day / 1000 % 60),
                         (int)(of_day % 1000));
}

static uint64_t big_endian(const uint8_t *ptr, size_t len)
{
    uint64_t number = 0;

    for (size_t i = 0; i < len; i++)
        number = number << 8 | ptr[i];
    return number;
}

/* The specification's timestamp: seconds and nanoseconds in 4, 8 or 12 bytes. */
static int put_timestamp(struct reader *reader, yodel_bytes bytes)
{
    uint64_t both, nanoseconds;
    int64_t seconds;

    switch (bytes.len) {
    case 4:
        nanoseconds = 0;
        seconds = (int64_t)big_endian(bytes.ptr, 4);
        break;
    case 8:
        both = big_endian(bytes.ptr, 8);
        nanoseconds = both >> 34;
        seconds = (int64_t)(both & ((UINT64_C(1) << 34) - 1));
        break;
    case 12:
        nanoseconds = big_endian(bytes.ptr, 4);
        seconds = (int64_t)big_endian(bytes.ptr + 4, 8);
        break;
    default:
        return YODEL_ERR_PROTOCOL;
    }
    if (nanoseconds > 999999999)
        return YODEL_ERR_PROTOCOL;
    if (seconds > MAX_DATE_MS / 1000 || seconds < -MAX_DATE_MS / 1000)
        return put(reader, YODEL_STR("null"));
    return put_date(reader, seconds * 1000 + (int64_t)(nanoseconds / 1000000));
}

/* Type 0 is what JavaScript's encoder has for values that the format lacks. */
static int put_ext(struct reader *reader, const struct yd_msgpack_item *item)
{
    yodel_bytes bytes = item->as.bytes;

    if (item->ext == -1)
        return put_timestamp(reader, bytes);
    if (item->ext != 0)
        return YODEL_ERR_PROTOCOL;
    if (!item->is_fixed)
        return put_blob(reader, bytes);
    if (bytes.len == 1)
        return put(reader, YODEL_STR("null"));
    if (bytes.len == 8)
        return put_date(reader, (int64_t)big_endian(bytes.ptr, 8));
    return YODEL_ERR_PROTOCOL;
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

static int put_name(struct reader *reader)
{
    struct yd_msgpack_item item;
    int result;

    if (!yd_msgpack_read(&reader->rest, &item))
        return YODEL_ERR_PROTOCOL;
    if (item.type == YD_MSGPACK_STR)
        result = put_string(reader, item.as.bytes);
    else if (item.type == YD_MSGPACK_UINT)
        result = yd_buf_printf(reader->mem, reader->json, "\"%" PRIu64 "\"", item.as.u);
    else if (item.type == YD_MSGPACK_INT)
        result = yd_buf_printf(reader->mem, reader->json, "\"%" PRId64 "\"", item.as.i);
    else
        return YODEL_ERR_PROTOCOL;
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
