/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>

#include "base/utf8.h"
#include "channels_redis/asgi_message.h"
#include "proto/base64.h"
#include "proto/json_put.h"
#include "proto/json_scan.h"
#include "proto/msgpack.h"

/* MessagePack as events. */

struct reader {
    const struct yodel_allocator *mem;
    struct yd_buf *json;
    yodel_bytes rest;
};

static int put(struct reader *reader, yodel_str text)
{
    return yd_buf_append_str(reader->mem, reader->json, text);
}

static int put_text(struct reader *reader, yodel_bytes bytes)
{
    int rc = yd_json_put_text(reader->mem, reader->json,
                              (yodel_str){(const char *)bytes.ptr, bytes.len});

    return rc == YODEL_ERR_FORMAT ? YODEL_ERR_PROTOCOL : rc;
}

static int put_bytes(struct reader *reader, yodel_bytes bytes)
{
    size_t len = yd_base64_len(bytes.len);
    int rc = put(reader, YODEL_STR("{\"" YD_ASGI_BYTES "\":\""));

    if (rc == 0)
        rc = yd_buf_reserve(reader->mem, reader->json, len);
    if (rc < 0)
        return rc;
    (void)yd_base64_encode((char *)reader->json->ptr + reader->json->len, bytes.ptr, bytes.len);
    reader->json->len += len;
    return put(reader, YODEL_STR("\"}"));
}

static int put_uint(struct reader *reader, uint64_t number)
{
    if (number <= INT64_MAX)
        return yd_json_put_int(reader->mem, reader->json, (int64_t)number);
    return yd_buf_printf(reader->mem, reader->json, "%llu", (unsigned long long)number);
}

static int put_float(struct reader *reader, double number)
{
    return isfinite(number) ? yd_json_put_real(reader->mem, reader->json, number)
                            : put(reader, YODEL_STR("null"));
}

static int put_name(struct reader *reader)
{
    struct yd_msgpack_item item;
    int rc;

    if (!yd_msgpack_read(&reader->rest, &item) || item.type != YD_MSGPACK_STR)
        return YODEL_ERR_PROTOCOL;
    rc = put_text(reader, item.as.bytes);
    return rc == 0 ? put(reader, YODEL_STR(":")) : rc;
}

static int put_value(struct reader *reader, unsigned depth);

static int put_many(struct reader *reader, uint32_t count, bool is_map, unsigned depth)
{
    int rc = put(reader, is_map ? YODEL_STR("{") : YODEL_STR("["));

    if (depth > YD_ASGI_DEPTH)
        return YODEL_ERR_PROTOCOL;
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        if (i > 0)
            rc = put(reader, YODEL_STR(","));
        if (rc == 0 && is_map)
            rc = put_name(reader);
        if (rc == 0)
            rc = put_value(reader, depth + 1);
    }
    return rc < 0 ? rc : put(reader, is_map ? YODEL_STR("}") : YODEL_STR("]"));
}

static int put_value(struct reader *reader, unsigned depth)
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
        return put_uint(reader, item.as.u);
    case YD_MSGPACK_INT:
        return yd_json_put_int(reader->mem, reader->json, item.as.i);
    case YD_MSGPACK_FLOAT:
        return put_float(reader, item.as.d);
    case YD_MSGPACK_STR:
        return put_text(reader, item.as.bytes);
    case YD_MSGPACK_BIN:
        return put_bytes(reader, item.as.bytes);
    case YD_MSGPACK_ARRAY:
    case YD_MSGPACK_MAP:
        return put_many(reader, item.as.count, item.type == YD_MSGPACK_MAP, depth);
    default:
        return YODEL_ERR_PROTOCOL;
    }
}

static int read_type(struct reader *reader, struct yd_asgi_message *ret)
{
    struct yd_msgpack_item item;

    if (!yd_msgpack_read(&reader->rest, &item) || item.type != YD_MSGPACK_STR ||
        ret->type.ptr != NULL)
        return YODEL_ERR_PROTOCOL;
    ret->type = (yodel_str){(const char *)item.as.bytes.ptr, item.as.bytes.len};
    return 0;
}

static int read_channels(struct reader *reader, struct yd_asgi_message *ret)
{
    const uint8_t *begin = reader->rest.ptr;

    if (ret->channels.len > 0 || !yd_msgpack_skip(&reader->rest))
        return YODEL_ERR_PROTOCOL;
    ret->channels = (yodel_bytes){begin, (size_t)(reader->rest.ptr - begin)};
    return 0;
}

static int read_member(struct reader *reader, struct yd_asgi_message *ret)
{
    struct yd_msgpack_item item;
    yodel_str name;
    int rc = 0;

    if (!yd_msgpack_read(&reader->rest, &item) || item.type != YD_MSGPACK_STR)
        return YODEL_ERR_PROTOCOL;
    name = (yodel_str){(const char *)item.as.bytes.ptr, item.as.bytes.len};
    if (yodel_str_eq(name, YODEL_STR("type")))
        return read_type(reader, ret);
    if (yodel_str_eq(name, YODEL_STR(YD_ASGI_CHANNEL)))
        return read_channels(reader, ret);
    if (reader->json->len > 1)
        rc = put(reader, YODEL_STR(","));
    if (rc == 0)
        rc = put_text(reader, item.as.bytes);
    if (rc == 0)
        rc = put(reader, YODEL_STR(":"));
    return rc == 0 ? put_value(reader, 2) : rc;
}

int yd_asgi_read(const struct yodel_allocator *mem, yodel_bytes message,
                 struct yd_asgi_message *ret)
{
    struct reader reader = {mem, &ret->json, message};
    struct yd_msgpack_item map;
    int rc;

    if (!yd_msgpack_read(&reader.rest, &map) || map.type != YD_MSGPACK_MAP)
        return YODEL_ERR_PROTOCOL;
    rc = put(&reader, YODEL_STR("{"));
    for (uint32_t i = 0; i < map.as.count && rc == 0; i++)
        rc = read_member(&reader, ret);
    if (rc == 0)
        rc = put(&reader, YODEL_STR("}"));
    if (rc == 0 && (ret->type.ptr == NULL || reader.rest.len > 0))
        rc = YODEL_ERR_PROTOCOL;
    return rc;
}

bool yd_asgi_iter_init(yodel_bytes channels, struct yd_asgi_iter *ret_iter)
{
    struct yd_msgpack_item item;
    yodel_bytes rest = channels;

    if (!yd_msgpack_read(&rest, &item))
        return false;
    if (item.type == YD_MSGPACK_STR)
        *ret_iter = (struct yd_asgi_iter){channels, 1};
    else if (item.type == YD_MSGPACK_ARRAY)
        *ret_iter = (struct yd_asgi_iter){rest, item.as.count};
    return item.type == YD_MSGPACK_STR || item.type == YD_MSGPACK_ARRAY;
}

bool yd_asgi_next(struct yd_asgi_iter *iter, yodel_str *ret_name)
{
    struct yd_msgpack_item item;

    if (iter->left == 0 || !yd_msgpack_read(&iter->rest, &item) || item.type != YD_MSGPACK_STR)
        return false;
    iter->left--;
    *ret_name = (yodel_str){(const char *)item.as.bytes.ptr, item.as.bytes.len};
    return true;
}
