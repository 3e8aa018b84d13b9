/* SPDX-License-Identifier: MIT */
#include "proto/sio_msgpack.h"

#include <math.h>
#include <stdbool.h>

#include "base/utf8.h"
#include "proto/msgpack.h"

/* The members of a packet's map, each of them with all that is in it. */
struct members {
    yodel_bytes type, nsp, data, id; /* empty when absent */
};

static yodel_str str_of(yodel_bytes bytes)
{
    return (yodel_str){(const char *)bytes.ptr, bytes.len};
}

static yodel_bytes *member(struct members *members, yodel_str name)
{
    if (yodel_str_eq(name, YODEL_STR("type")))
        return &members->type;
    if (yodel_str_eq(name, YODEL_STR("nsp")))
        return &members->nsp;
    if (yodel_str_eq(name, YODEL_STR("data")))
        return &members->data;
    if (yodel_str_eq(name, YODEL_STR("id")))
        return &members->id;
    return NULL;
}

/* What JavaScript and Python have for "not there". */
static bool is_absent(yodel_bytes value)
{
    struct yd_msgpack_item item;

    if (!yd_msgpack_read(&value, &item))
        return true;
    return item.type == YD_MSGPACK_NIL || (item.type == YD_MSGPACK_EXT && item.ext == 0 &&
                                           item.is_fixed && item.as.bytes.len == 1);
}

static bool split_member(yodel_bytes *rest, struct members *members)
{
    struct yd_msgpack_item name;
    yodel_bytes value, *place = NULL;

    if (!yd_msgpack_read(rest, &name) || name.type != YD_MSGPACK_STR)
        return false;
    value = *rest;
    if (!yd_msgpack_skip(rest))
        return false;
    value.len -= rest->len;
    place = member(members, str_of(name.as.bytes));
    if (place)
        *place = is_absent(value) ? (yodel_bytes){NULL, 0} : value;
    return true;
}

static const char *split(yodel_bytes message, struct members *members)
{
    struct yd_msgpack_item map;

    if (!yd_msgpack_read(&message, &map) || map.type != YD_MSGPACK_MAP)
        return "packet is not a map";
    for (uint32_t i = 0; i < map.as.count; i++) {
        if (!split_member(&message, members))
            return "bad MessagePack";
    }
    return message.len > 0 ? "bytes after the packet" : NULL;
}

/* JavaScript has one type of number, so a whole one may come as a float. */
static bool read_uint(yodel_bytes value, uint64_t max, uint64_t *ret_number)
{
    struct yd_msgpack_item item;

    if (!yd_msgpack_read(&value, &item))
        return false;
    if (item.type == YD_MSGPACK_FLOAT && item.as.d >= 0 && item.as.d <= (double)max &&
        floor(item.as.d) == item.as.d) {
        *ret_number = (uint64_t)item.as.d;
        return true;
    }
    if (item.type != YD_MSGPACK_UINT || item.as.u > max)
        return false;
    *ret_number = item.as.u;
    return true;
}

static const char *read_head(const struct members *members, struct yd_sio_packet *packet)
{
    struct yd_msgpack_item nsp;
    yodel_bytes value = members->nsp;
    uint64_t type;

    if (!read_uint(members->type, YD_SIO_CONNECT_ERROR, &type))
        return "unknown type of packet";
    packet->type = (uint8_t)type;
    if (!yd_msgpack_read(&value, &nsp) || nsp.type != YD_MSGPACK_STR ||
        !yd_utf8_is_valid(nsp.as.bytes.ptr, nsp.as.bytes.len))
        return "bad namespace";
    packet->nsp = str_of(nsp.as.bytes);
    packet->has_id = members->id.len > 0;
    if (packet->has_id && !read_uint(members->id, YD_SIO_MAX_ID, &packet->id))
        return "bad acknowledgement id";
    return NULL;
}

/* The types that text has for packets with attachments. */
static void set_attachments(struct yd_sio_packet *packet, uint32_t num)
{
    packet->num_attachments = num;
    if (num == 0)
        return;
    if (packet->type == YD_SIO_EVENT)
        packet->type = YD_SIO_BINARY_EVENT;
    else if (packet->type == YD_SIO_ACK)
        packet->type = YD_SIO_BINARY_ACK;
}

int yd_sio_msgpack_decode(const struct yodel_allocator *mem, yodel_bytes message,
                          const struct yd_sio_limits *limits, struct yd_buf *json,
                          yodel_bytes *attachments, struct yd_sio_packet *ret_packet,
                          const char **ret_error)
{
    struct yd_msgpack_blobs blobs = {attachments, 0, limits->max_attachments};
    struct members members = {0};
    struct yd_sio_packet packet = {0};
    const char *error = split(message, &members);
    size_t begin = json->len;
    int result = 0;

    if (!error)
        error = read_head(&members, &packet);
    if (error) {
        *ret_error = error;
        return YODEL_ERR_PROTOCOL;
    }
    *ret_error = "bad data";
    if (members.data.len > 0)
        result = yd_msgpack_to_json(mem, &members.data, limits->max_depth, json, &blobs);
    if (result < 0)
        return result;
    if (json->len > begin)
        packet.data = (yodel_str){(const char *)json->ptr + begin, json->len - begin};
    set_attachments(&packet, blobs.num);
    result = yd_sio_check_data(&packet, ret_error);
    if (result == 0)
        *ret_packet = packet;
    return result;
}

/* Writing. */

static uint8_t sent_type(uint8_t type)
{
    if (type == YD_SIO_BINARY_EVENT)
        return YD_SIO_EVENT;
    return type == YD_SIO_BINARY_ACK ? YD_SIO_ACK : type;
}

static int put_name(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str name,
                    int result)
{
    return result < 0 ? result : yd_msgpack_put_str(mem, buf, name);
}

/* Data in pieces. */
static int put_pieces(const struct yodel_allocator *mem, struct yd_buf *buf,
                      const struct yd_sio_output *output, const yodel_bytes *attachments)
{
    size_t num = yd_json_count(yd_json_elements(output->args));
    int result;

    if (num > UINT32_MAX - 2)
        return YODEL_ERR_TOO_BIG;
    num += (size_t)(output->event.ptr != NULL) + (output->offset.len > 0);
    result = yd_msgpack_put_array(mem, buf, (uint32_t)num);
    if (result == 0 && output->event.ptr)
        result = yd_msgpack_put_str(mem, buf, output->event);
    if (result == 0)
        result = yd_msgpack_put_json(mem, buf, output->args, attachments, output->num_attachments);
    if (result == 0 && output->offset.len > 0)
        result = yd_msgpack_put_str(mem, buf, output->offset);
    return result;
}

static bool has_data(const struct yd_sio_output *output)
{
    uint8_t type = sent_type(output->type);

    return output->data.len > 0 || type == YD_SIO_EVENT || type == YD_SIO_ACK;
}

static int put_data(const struct yodel_allocator *mem, struct yd_buf *buf,
                    const struct yd_sio_output *output, const yodel_bytes *attachments)
{
    if (output->data.len > 0)
        return yd_msgpack_put_json(mem, buf, output->data, attachments, output->num_attachments);
    return put_pieces(mem, buf, output, attachments);
}

static int put_all(const struct yodel_allocator *mem, struct yd_buf *buf,
                   const struct yd_sio_output *output, const yodel_bytes *attachments)
{
    int result = yd_msgpack_put_map(mem, buf, 2u + has_data(output) + output->has_id);

    result = put_name(mem, buf, YODEL_STR("type"), result);
    if (result == 0)
        result = yd_msgpack_put_uint(mem, buf, sent_type(output->type));
    if (has_data(output)) {
        result = put_name(mem, buf, YODEL_STR("data"), result);
        if (result == 0)
            result = put_data(mem, buf, output, attachments);
    }
    result = put_name(mem, buf, YODEL_STR("nsp"), result);
    if (result == 0)
        result = yd_msgpack_put_str(mem, buf, output->nsp.len > 0 ? output->nsp : YODEL_STR("/"));
    if (output->has_id) {
        result = put_name(mem, buf, YODEL_STR("id"), result);
        if (result == 0)
            result = yd_msgpack_put_uint(mem, buf, output->id);
    }
    return result;
}

int yd_sio_msgpack_put(const struct yodel_allocator *mem, struct yd_buf *buf,
                       const struct yd_sio_output *output, const yodel_bytes *attachments)
{
    size_t len = buf->len;
    int result = put_all(mem, buf, output, attachments);

    if (result < 0)
        buf->len = len;
    return result;
}
