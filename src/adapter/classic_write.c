/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "adapter/classic_message.h"
#include "adapter/own_words.h"
#include "proto/json_scan.h"
#include "proto/msgpack.h"
#include "proto/msgpack_json.h"

/* Messages that go out: an emit is written as MessagePack at once, the rest as JSON text. */

/* ---- emits ---- */

static int put_key(const struct yodel_allocator *mem, struct yd_buf *buf, const char *key)
{
    return yd_msgpack_put_str(mem, buf, yodel_str_of(key));
}

static int put_elements(const struct yodel_allocator *mem, struct yd_buf *buf,
                        const struct yd_sio_outgoing *out)
{
    size_t num = yd_json_count(yd_json_elements(out->elements));
    int rc;

    if (num >= UINT32_MAX)
        return YODEL_ERR_TOO_BIG;
    if ((rc = yd_msgpack_put_array(mem, buf, (uint32_t)num + 1)) < 0 ||
        (rc = yd_msgpack_put_str(mem, buf, out->event)) < 0 || num == 0)
        return rc;
    return yd_msgpack_put_json(mem, buf, out->elements, out->attachments, out->num_attachments);
}

static int put_packet(const struct yodel_allocator *mem, struct yd_buf *buf,
                      const struct yd_sio_outgoing *out)
{
    int rc;

    if (yd_msgpack_put_map(mem, buf, 3) < 0 || put_key(mem, buf, "type") < 0 ||
        yd_msgpack_put_uint(mem, buf, 2) < 0 || put_key(mem, buf, "data") < 0)
        return -ENOMEM;
    if ((rc = put_elements(mem, buf, out)) < 0)
        return rc;
    return put_key(mem, buf, "nsp") < 0 ? -ENOMEM : yd_msgpack_put_str(mem, buf, out->ns);
}

typedef yodel_str(name_fn)(const struct yd_sio_outgoing *out, size_t i);

static int put_packed_names(const struct yodel_allocator *mem, struct yd_buf *buf,
                            const struct yd_sio_outgoing *out, size_t num, name_fn *name)
{
    int rc = num <= UINT32_MAX ? yd_msgpack_put_array(mem, buf, (uint32_t)num) : YODEL_ERR_TOO_BIG;

    for (size_t i = 0; rc == 0 && i < num; i++)
        rc = yd_msgpack_put_str(mem, buf, name(out, i));
    return rc;
}

static int put_flags(const struct yodel_allocator *mem, struct yd_buf *buf,
                     const struct yd_sio_outgoing *out)
{
    bool is_volatile = (out->flags & YODEL_SIO_VOLATILE) != 0;
    bool no_compress = (out->flags & YODEL_SIO_NO_COMPRESS) != 0;
    bool all = out->wants_reply && (out->flags & YODEL_SIO_ALL_ARGUMENTS) != 0;
    uint32_t num = (uint32_t)(is_volatile + no_compress + out->wants_reply + all);
    int rc = yd_msgpack_put_map(mem, buf, num);

    if (rc == 0 && is_volatile && (rc = put_key(mem, buf, "volatile")) == 0)
        rc = yd_msgpack_put_bool(mem, buf, true);
    if (rc == 0 && no_compress && (rc = put_key(mem, buf, "compress")) == 0)
        rc = yd_msgpack_put_bool(mem, buf, false);
    if (rc == 0 && out->wants_reply && (rc = put_key(mem, buf, "timeout")) == 0)
        rc = yd_msgpack_put_uint(mem, buf, out->timeout_ms);
    if (rc == 0 && all && (rc = put_key(mem, buf, YD_OWN_ALL_ARGUMENTS)) == 0)
        rc = yd_msgpack_put_bool(mem, buf, true);
    return rc;
}

static int put_packed_opts(const struct yodel_allocator *mem, struct yd_buf *buf,
                           const struct yd_sio_outgoing *out)
{
    int rc;

    if (yd_msgpack_put_map(mem, buf, 3) < 0 || put_key(mem, buf, "rooms") < 0)
        return -ENOMEM;
    rc = put_packed_names(mem, buf, out, out->num_rooms, yd_sio_out_room);
    if (rc == 0 && (rc = put_key(mem, buf, "except")) == 0)
        rc = put_packed_names(mem, buf, out, out->num_except, yd_sio_out_except);
    if (rc == 0 && (rc = put_key(mem, buf, "flags")) == 0)
        rc = put_flags(mem, buf, out);
    return rc;
}

static int put_broadcast(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str uid,
                         const struct yd_sio_outgoing *out)
{
    int rc;

    if (yd_msgpack_put_array(mem, buf, 3) < 0 || yd_msgpack_put_str(mem, buf, uid) < 0)
        return -ENOMEM;
    rc = put_packet(mem, buf, out);
    return rc == 0 ? put_packed_opts(mem, buf, out) : rc;
}

int yd_classic_put_emit(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str uid,
                        yodel_str request, const struct yd_sio_outgoing *out)
{
    int rc;

    if (request.len == 0)
        return put_broadcast(mem, buf, uid, out);
    if (yd_msgpack_put_map(mem, buf, 5) < 0 || put_key(mem, buf, "uid") < 0 ||
        yd_msgpack_put_str(mem, buf, uid) < 0 || put_key(mem, buf, "requestId") < 0 ||
        yd_msgpack_put_str(mem, buf, request) < 0 || put_key(mem, buf, "type") < 0 ||
        yd_msgpack_put_uint(mem, buf, YD_CLASSIC_BROADCAST) < 0 || put_key(mem, buf, "packet") < 0)
        return -ENOMEM;
    if ((rc = put_packet(mem, buf, out)) < 0)
        return rc;
    return put_key(mem, buf, "opts") < 0 ? -ENOMEM : put_packed_opts(mem, buf, out);
}

/* ---- requests ---- */

static int put_text(const struct yodel_allocator *mem, struct yd_buf *buf, const char *text)
{
    return yd_buf_append_str(mem, buf, yodel_str_of(text));
}

static int put_names(const struct yodel_allocator *mem, struct yd_buf *buf,
                     const struct yd_sio_outgoing *out, size_t num, name_fn *name)
{
    int rc = put_text(mem, buf, "[");

    for (size_t i = 0; rc == 0 && i < num; i++)
        if (i == 0 || (rc = put_text(mem, buf, ",")) == 0)
            rc = yd_json_put_string(mem, buf, name(out, i));
    return rc == 0 ? put_text(mem, buf, "]") : rc;
}

static int put_opts(const struct yodel_allocator *mem, struct yd_buf *buf,
                    const struct yd_sio_outgoing *out)
{
    if (put_text(mem, buf, ",\"opts\":{\"rooms\":") < 0 ||
        put_names(mem, buf, out, out->num_rooms, yd_sio_out_room) < 0 ||
        put_text(mem, buf, ",\"except\":") < 0 ||
        put_names(mem, buf, out, out->num_except, yd_sio_out_except) < 0)
        return -ENOMEM;
    return put_text(mem, buf, "}");
}

static int put_changed_rooms(const struct yodel_allocator *mem, struct yd_buf *buf,
                             const struct yd_sio_outgoing *out)
{
    int rc = put_text(mem, buf, ",\"rooms\":[");
    size_t at = 0;
    yodel_str name;

    for (bool first = true; rc == 0 && yd_sio_out_next_name(out, &at, &name); first = false)
        if (first || (rc = put_text(mem, buf, ",")) == 0)
            rc = yd_json_put_string(mem, buf, name);
    return rc == 0 ? put_text(mem, buf, "]") : rc;
}

static int put_event(const struct yodel_allocator *mem, struct yd_buf *buf,
                     const struct yd_sio_outgoing *out)
{
    if (put_text(mem, buf, ",\"data\":[") < 0 || yd_json_put_string(mem, buf, out->event) < 0 ||
        (out->elements.len > 0 && put_text(mem, buf, ",") < 0) ||
        yd_buf_append_str(mem, buf, out->elements) < 0)
        return -ENOMEM;
    return put_text(mem, buf, "]");
}

static enum yd_classic_type type_of(enum yd_sio_remote_kind kind)
{
    switch (kind) {
    case YD_SIO_REMOTE_JOIN:
        return YD_CLASSIC_JOIN;
    case YD_SIO_REMOTE_LEAVE:
        return YD_CLASSIC_LEAVE;
    case YD_SIO_REMOTE_DISCONNECT:
        return YD_CLASSIC_DISCONNECT;
    case YD_SIO_REMOTE_SOCKETS:
        return YD_CLASSIC_FETCH;
    case YD_SIO_REMOTE_ROOMS:
        return YD_CLASSIC_ROOMS;
    case YD_SIO_REMOTE_SERVER:
        return YD_CLASSIC_SERVER_SIDE;
    case YD_SIO_REMOTE_EMIT:
        break;
    }
    return YD_CLASSIC_BROADCAST;
}

static int put_body(const struct yodel_allocator *mem, struct yd_buf *buf,
                    const struct yd_sio_outgoing *out)
{
    int rc;

    switch (out->kind) {
    case YD_SIO_REMOTE_JOIN:
    case YD_SIO_REMOTE_LEAVE:
        rc = put_opts(mem, buf, out);
        return rc == 0 ? put_changed_rooms(mem, buf, out) : rc;
    case YD_SIO_REMOTE_DISCONNECT:
        rc = put_opts(mem, buf, out);
        return rc == 0 ? put_text(mem, buf, out->close ? ",\"close\":true" : ",\"close\":false")
                       : rc;
    case YD_SIO_REMOTE_SOCKETS:
        return put_opts(mem, buf, out);
    case YD_SIO_REMOTE_SERVER:
        return put_event(mem, buf, out);
    case YD_SIO_REMOTE_ROOMS:
    case YD_SIO_REMOTE_EMIT:
        break;
    }
    return 0;
}

static int put_json_request(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str uid,
                            yodel_str request, const struct yd_sio_outgoing *out)
{
    if (yd_buf_printf(mem, buf, "{\"type\":%d", (int)type_of(out->kind)) < 0)
        return -ENOMEM;
    if (uid.len > 0 &&
        (put_text(mem, buf, ",\"uid\":") < 0 || yd_json_put_string(mem, buf, uid) < 0))
        return -ENOMEM;
    if (request.len > 0 &&
        (put_text(mem, buf, ",\"requestId\":") < 0 || yd_json_put_string(mem, buf, request) < 0))
        return -ENOMEM;
    return put_body(mem, buf, out) < 0 ? -ENOMEM : put_text(mem, buf, "}");
}

/* Text in MessagePack, where it has attachments. */
static int pack_from(const struct yodel_allocator *mem, struct yd_buf *buf, size_t begin,
                     const yodel_bytes *attachments, uint32_t num)
{
    yodel_str text = {(char *)buf->ptr + begin, buf->len - begin};
    struct yd_buf packed = {0};
    int rc;

    if (num == 0)
        return 0;
    if ((rc = yd_msgpack_put_json(mem, &packed, text, attachments, num)) == 0) {
        buf->len = begin;
        rc = yd_buf_append(mem, buf, packed.ptr, packed.len);
    }
    yd_buf_free(mem, &packed);
    return rc;
}

int yd_classic_put_request(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str uid,
                           yodel_str request, const struct yd_sio_outgoing *out)
{
    size_t begin = buf->len;
    int rc = put_json_request(mem, buf, uid, request, out);

    return rc == 0 ? pack_from(mem, buf, begin, out->attachments, out->num_attachments) : rc;
}

/* ---- answers ---- */

static int put_answer(const struct yodel_allocator *mem, struct yd_buf *buf, int type,
                      yodel_str request)
{
    if (type >= 0 && yd_buf_printf(mem, buf, "{\"type\":%d,", type) < 0)
        return -ENOMEM;
    if (type < 0 && put_text(mem, buf, "{") < 0)
        return -ENOMEM;
    if (put_text(mem, buf, "\"requestId\":\"") < 0 || yd_buf_append_str(mem, buf, request) < 0)
        return -ENOMEM;
    return put_text(mem, buf, "\"");
}

static int put_member(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str name,
                      yodel_str value)
{
    if (put_text(mem, buf, ",\"") < 0 || yd_buf_append_str(mem, buf, name) < 0 ||
        put_text(mem, buf, "\":") < 0)
        return -ENOMEM;
    return yd_buf_append_str(mem, buf, value);
}

int yd_classic_put_list(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str request,
                        yodel_str member, yodel_str array)
{
    if (put_answer(mem, buf, -1, request) < 0 ||
        (member.len > 0 && put_member(mem, buf, member, array) < 0))
        return -ENOMEM;
    return put_text(mem, buf, "}");
}

int yd_classic_put_count(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str request,
                         unsigned count)
{
    if (put_answer(mem, buf, YD_CLASSIC_COUNT, request) < 0)
        return -ENOMEM;
    return yd_buf_printf(mem, buf, ",\"clientCount\":%u}", count);
}

static int put_value(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str name,
                     yodel_str element)
{
    int rc = put_member(mem, buf, name, element);

    return rc == 0 ? put_text(mem, buf, "}") : rc;
}

/* The arguments as an array, and that they are all. */
static int put_list_of_all(const struct yodel_allocator *mem, struct yd_buf *buf,
                           yodel_str elements)
{
    int rc = put_text(mem, buf, ",\"packet\":[");

    if (rc == 0 && (rc = yd_buf_append_str(mem, buf, elements)) == 0)
        rc = put_text(mem, buf, "],\"" YD_OWN_ALL_ARGUMENTS "\":true}");
    return rc;
}

int yd_classic_put_ack(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str request,
                       bool is_list, yodel_str elements, const yodel_bytes *attachments,
                       uint32_t num)
{
    struct yd_buf text = {0};
    int rc;

    if ((rc = put_answer(mem, &text, YD_CLASSIC_ACK, request)) == 0 &&
        (rc = is_list ? put_list_of_all(mem, &text, elements)
                      : put_value(mem, &text, YODEL_STR("packet"), elements)) == 0)
        rc = yd_msgpack_put_json(mem, buf, (yodel_str){(char *)text.ptr, text.len}, attachments,
                                 num);
    yd_buf_free(mem, &text);
    return rc;
}

int yd_classic_put_server_side(const struct yodel_allocator *mem, struct yd_buf *buf,
                               yodel_str request, yodel_str element, const yodel_bytes *attachments,
                               uint32_t num)
{
    size_t begin = buf->len;
    int rc = put_answer(mem, buf, YD_CLASSIC_SERVER_SIDE, request);

    if (rc == 0)
        rc = put_value(mem, buf, YODEL_STR("data"), element);
    return rc == 0 ? pack_from(mem, buf, begin, attachments, num) : rc;
}
