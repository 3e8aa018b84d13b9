/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "channels_redis/asgi_message.h"
#include "proto/base64.h"
#include "proto/msgpack.h"

/* Events as MessagePack. */

static yodel_str name_of(void *iter)
{
    return (yodel_str){json_object_iter_key(iter), json_object_iter_key_len(iter)};
}

static yodel_str text_of(const json_t *string)
{
    return (yodel_str){json_string_value(string), json_string_length(string)};
}

/* Decodes the base64 of a marker behind the head that it gets.  Returns 1, 0: it is none, or an
 * error. */
static int put_decoded(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text)
{
    uint8_t *data = yd_alloc(mem, text.len / 4 * 3 + 1);
    size_t len;
    int rc = 0;

    if (data == NULL)
        return -ENOMEM;
    if (yd_base64_decode(data, text.ptr, text.len, &len) &&
        (rc = yd_msgpack_put_bin(mem, buf, (yodel_bytes){data, len})) == 0)
        rc = 1;
    yd_free(mem, data);
    return rc;
}

/* Returns 1 for an object that stands for bytes, 0 for any other. */
static int put_bytes(const struct yodel_allocator *mem, struct yd_buf *buf, json_t *object)
{
    void *first = json_object_iter(object);

    if (json_object_size(object) != 1 || !json_is_string(json_object_iter_value(first)) ||
        !yodel_str_eq(name_of(first), YODEL_STR(YD_ASGI_BYTES)))
        return 0;
    return put_decoded(mem, buf, text_of(json_object_iter_value(first)));
}

static int put_value(const struct yodel_allocator *mem, struct yd_buf *buf, json_t *value,
                     unsigned depth);

static int put_object(const struct yodel_allocator *mem, struct yd_buf *buf, json_t *object,
                      unsigned depth)
{
    int rc = put_bytes(mem, buf, object);

    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = yd_msgpack_put_map(mem, buf, (uint32_t)json_object_size(object));
    for (void *i = json_object_iter(object); i != NULL && rc == 0;
         i = json_object_iter_next(object, i)) {
        if ((rc = yd_msgpack_put_str(mem, buf, name_of(i))) == 0)
            rc = put_value(mem, buf, json_object_iter_value(i), depth + 1);
    }
    return rc;
}

static int put_array(const struct yodel_allocator *mem, struct yd_buf *buf, json_t *array,
                     unsigned depth)
{
    size_t num = json_array_size(array);
    int rc = yd_msgpack_put_array(mem, buf, (uint32_t)num);

    for (size_t i = 0; i < num && rc == 0; i++)
        rc = put_value(mem, buf, json_array_get(array, i), depth + 1);
    return rc;
}

static int put_value(const struct yodel_allocator *mem, struct yd_buf *buf, json_t *value,
                     unsigned depth)
{
    if (depth > YD_ASGI_DEPTH)
        return YODEL_ERR_TOO_BIG;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return put_object(mem, buf, value, depth);
    case JSON_ARRAY:
        return put_array(mem, buf, value, depth);
    case JSON_STRING:
        return yd_msgpack_put_str(mem, buf, text_of(value));
    case JSON_INTEGER:
        return yd_msgpack_put_int(mem, buf, json_integer_value(value));
    case JSON_REAL:
        return yd_msgpack_put_double(mem, buf, json_real_value(value));
    case JSON_TRUE:
    case JSON_FALSE:
        return yd_msgpack_put_bool(mem, buf, json_is_true(value));
    case JSON_NULL:
        break;
    }
    return yd_msgpack_put_nil(mem, buf);
}

static bool is_reserved(yodel_str name)
{
    return yodel_str_eq(name, YODEL_STR("type")) || yodel_str_eq(name, YODEL_STR(YD_ASGI_CHANNEL));
}

int yd_asgi_make_pairs(const struct yodel_allocator *mem, const yodel_event *event,
                       struct yd_asgi_pairs *ret_pairs)
{
    /* jansson's functions for walking take what they do not change without const. */
    union {
        const json_t *in;
        json_t *out;
    } body = {.in = yodel_event_json(event)};
    struct yd_buf *buf = &ret_pairs->bytes;
    int rc = yd_msgpack_put_str(mem, buf, YODEL_STR("type"));

    ret_pairs->num = 1;
    if (rc == 0)
        rc = yd_msgpack_put_str(mem, buf, yodel_event_type(event));
    for (void *i = json_object_iter(body.out); i != NULL && rc == 0;
         i = json_object_iter_next(body.out, i)) {
        if (is_reserved(name_of(i)))
            continue;
        ret_pairs->num++;
        if ((rc = yd_msgpack_put_str(mem, buf, name_of(i))) == 0)
            rc = put_value(mem, buf, json_object_iter_value(i), 2);
    }
    return rc;
}

static int put_channels(const struct yodel_allocator *mem, struct yd_buf *buf,
                        const struct yd_asgi_channels *channels)
{
    int rc = yd_msgpack_put_str(mem, buf, YODEL_STR(YD_ASGI_CHANNEL));

    if (rc == 0 && channels->is_list)
        rc = yd_msgpack_put_array(mem, buf, channels->num);
    for (uint32_t i = 0; i < channels->num && rc == 0; i++)
        rc = yd_msgpack_put_str(mem, buf, channels->names[i]);
    return rc;
}

int yd_asgi_put(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_bytes pairs,
                uint32_t num_pairs, const struct yd_asgi_channels *channels)
{
    bool named = channels != NULL && channels->num > 0;
    size_t len = buf->len;
    int rc = yd_msgpack_put_map(mem, buf, num_pairs + named);

    if (rc == 0)
        rc = yd_buf_append(mem, buf, pairs.ptr, pairs.len);
    if (rc == 0 && named)
        rc = put_channels(mem, buf, channels);
    if (rc < 0)
        buf->len = len;
    return rc;
}
