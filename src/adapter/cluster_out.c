/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "adapter/cluster_peer.h"
#include "adapter/streams.h"
#include "base/container.h"
#include "bus/op_wire.h"
#include "proto/json_scan.h"
#include "sio/order.h"

/*
 * Operations that go out.  A parcel, which is made on the sender's thread and sent in order:
 *
 *     PUBLISH   channel, payload to the end
 *     ENTRY     see streams.c
 */

static struct yd_cluster *cluster_of(struct yd_peer *peer)
{
    return yd_container_of(peer, struct yd_cluster, peer);
}

/* ---- what an operation says ---- */

typedef yodel_str(name_fn)(const struct yd_sio_outgoing *out, size_t i);

static int put_names(const struct yodel_allocator *mem, struct yd_buf *buf,
                     const struct yd_sio_outgoing *out, size_t num, name_fn *name)
{
    int rc = yd_buf_append(mem, buf, "[", 1);

    for (size_t i = 0; rc == 0 && i < num; i++) {
        if (i > 0)
            rc = yd_buf_append(mem, buf, ",", 1);
        if (rc == 0)
            rc = yd_json_put_string(mem, buf, name(out, i));
    }
    return rc == 0 ? yd_buf_append(mem, buf, "]", 1) : rc;
}

static int put_joined(const struct yodel_allocator *mem, struct yd_buf *buf,
                      const struct yd_sio_outgoing *out)
{
    int rc = yd_buf_append(mem, buf, "[", 1);
    yodel_str name;

    for (size_t at = 0; rc == 0 && yd_sio_out_next_name(out, &at, &name);) {
        if (buf->ptr[buf->len - 1] != '[')
            rc = yd_buf_append(mem, buf, ",", 1);
        if (rc == 0)
            rc = yd_json_put_string(mem, buf, name);
    }
    return rc == 0 ? yd_buf_append(mem, buf, "]", 1) : rc;
}

/* The names that an operation has, as JSON. */
struct names {
    struct yd_buf text;
    yodel_str rooms, except, joined;
};

static int make_names(const struct yodel_allocator *mem, const struct yd_sio_outgoing *out,
                      struct names *names)
{
    size_t rooms, except;
    const char *text;

    *names = (struct names){.text = {0}};
    if (put_names(mem, &names->text, out, out->num_rooms, yd_sio_out_room) < 0)
        return -ENOMEM;
    rooms = names->text.len;
    if (put_names(mem, &names->text, out, out->num_except, yd_sio_out_except) < 0)
        return -ENOMEM;
    except = names->text.len;
    if ((out->kind == YD_SIO_REMOTE_JOIN || out->kind == YD_SIO_REMOTE_LEAVE) &&
        put_joined(mem, &names->text, out) < 0)
        return -ENOMEM;
    text = (const char *)names->text.ptr;
    names->rooms = (yodel_str){text, rooms};
    names->except = (yodel_str){text + rooms, except - rooms};
    names->joined = (yodel_str){text + except, names->text.len - except};
    return 0;
}

static int put_data(const struct yd_cluster *cluster, const struct yd_sio_outgoing *out,
                    const struct names *names, yodel_str request, struct yd_buf *data,
                    enum yd_cluster_type *ret_type)
{
    struct yd_cluster_scope scope = {
        .rooms = names->rooms,
        .except = names->except,
        .is_volatile = (out->flags & YODEL_SIO_VOLATILE) != 0,
        .no_compress = (out->flags & YODEL_SIO_NO_COMPRESS) != 0,
        .timeout_ms = out->timeout_ms,
        .all_arguments = out->wants_reply && (out->flags & YODEL_SIO_ALL_ARGUMENTS) != 0,
    };

    switch (out->kind) {
    case YD_SIO_REMOTE_EMIT:
        *ret_type = YD_CLUSTER_BROADCAST;
        return yd_cluster_put_broadcast(cluster->mem, data, out->event, out->elements, &scope,
                                        request);
    case YD_SIO_REMOTE_JOIN:
    case YD_SIO_REMOTE_LEAVE:
        *ret_type = out->kind == YD_SIO_REMOTE_JOIN ? YD_CLUSTER_JOIN : YD_CLUSTER_LEAVE;
        return yd_cluster_put_rooms(cluster->mem, data, &scope, names->joined);
    case YD_SIO_REMOTE_DISCONNECT:
        *ret_type = YD_CLUSTER_DISCONNECT;
        return yd_cluster_put_disconnect(cluster->mem, data, &scope, out->close);
    case YD_SIO_REMOTE_SOCKETS:
    case YD_SIO_REMOTE_ROOMS: /* which are those of its sockets */
        *ret_type = YD_CLUSTER_FETCH;
        return yd_cluster_put_fetch(cluster->mem, data, &scope, request);
    case YD_SIO_REMOTE_SERVER:
        *ret_type = YD_CLUSTER_SERVER_SIDE;
        return yd_cluster_put_server_side(cluster->mem, data, out->event, out->elements, request);
    }
    return YODEL_ERR_UNSUPPORTED;
}

int yd_cluster_put_op(const struct yd_cluster *cluster, const struct yd_sio_outgoing *out,
                      yodel_str request, struct yd_buf *data, enum yd_cluster_type *ret_type)
{
    struct names names;
    int rc = make_names(cluster->mem, out, &names);

    if (rc == 0)
        rc = put_data(cluster, out, &names, request, data, ret_type);
    yd_buf_free(cluster->mem, &names.text);
    return rc;
}

/* ---- where it goes ---- */

/* 20 units of UTF-16, as node counts. */
static bool looks_like_an_id(yodel_str room)
{
    size_t units = 0;

    for (size_t i = 0; i < room.len; i++) {
        uint8_t byte = (uint8_t)room.ptr[i];

        units += (byte & 0xc0) != 0x80;
        units += byte >= 0xf0;
    }
    return units == 20;
}

/* An event for one room has a channel of its own, where only those listen who have members. */
static yodel_str own_channel(const struct yd_cluster *cluster, const struct yd_sio_outgoing *out)
{
    yodel_str room;

    if (cluster->mode == YD_CLUSTER_STATIC || out->kind != YD_SIO_REMOTE_EMIT || out->wants_reply ||
        out->num_rooms != 1)
        return (yodel_str){NULL, 0};
    room = yd_sio_out_room(out, 0);
    if (cluster->mode == YD_CLUSTER_DYNAMIC && looks_like_an_id(room))
        return (yodel_str){NULL, 0};
    return room;
}

static int put_publish(const struct yd_cluster *cluster, const struct yd_sio_outgoing *out,
                       const struct yd_cluster_out *message, struct yd_buf *buf)
{
    struct yd_buf channel = {0};
    int rc = yd_cluster_put_channel(cluster, &channel, out->ns, own_channel(cluster, out));

    if (rc == 0)
        rc = yd_wire_put_str(cluster->mem, buf, (yodel_str){(char *)channel.ptr, channel.len});
    if (rc == 0)
        rc = yd_cluster_put_message(cluster->mem, buf, message, cluster->packs);
    yd_buf_free(cluster->mem, &channel);
    return rc;
}

static bool is_entry(const struct yd_cluster *cluster, const struct yd_sio_outgoing *out)
{
    return cluster->streams != NULL && !out->wants_reply && out->kind != YD_SIO_REMOTE_SERVER;
}

/* ---- the peer ---- */

bool yd_cluster_takes(struct yd_peer *peer, const struct yd_op *op)
{
    const struct yd_cluster *cluster = cluster_of(peer);

    return yd_sio_is_op_of(cluster->sio, op) &&
           !(cluster->streams != NULL && yd_sio_was_ordered(op));
}

int yd_cluster_encode(struct yd_peer *peer, const struct yd_op *op, uint64_t token,
                      struct yd_buf *buf)
{
    const struct yd_cluster *cluster = cluster_of(peer);
    struct yd_cluster_out message = {.uid = yodel_str_of(cluster->uid)};
    char request[YD_CLUSTER_REQUEST_SIZE] = "";
    struct yd_sio_outgoing out;
    struct yd_buf data = {0};
    int rc;

    if (!yd_sio_read_op(op, &out))
        return YODEL_ERR_UNSUPPORTED;
    if (token != 0)
        yd_cluster_request_id(token, request);
    rc = yd_cluster_put_op(cluster, &out, yodel_str_of(request), &data, &message.type);
    message.nsp = out.ns;
    message.data = (yodel_str){(const char *)data.ptr, data.len};
    message.attachments = out.attachments;
    message.num_attachments = out.num_attachments;
    if (rc == 0)
        rc = is_entry(cluster, &out) ? yd_streams_put_parcel(cluster->streams, &message, buf)
                                     : put_publish(cluster, &out, &message, buf);
    yd_buf_free(cluster->mem, &data);
    return rc == -ENOMEM || rc == 0 ? rc : YODEL_ERR_UNSUPPORTED;
}

int yd_cluster_send(struct yd_peer *peer, const struct yd_op *op, uint64_t token, yodel_bytes bytes)
{
    struct yd_cluster *cluster = cluster_of(peer);
    struct yd_wire_reader reader = {bytes, false};
    struct yd_sio_outgoing out;
    yodel_str channel;
    int rc;

    if (!yd_sio_read_op(op, &out))
        return YODEL_ERR_UNSUPPORTED;
    if (is_entry(cluster, &out))
        return yd_streams_send_parcel(cluster->streams, bytes);
    if (token != 0 && (rc = yd_cluster_ask(cluster, &out, token)) < 0)
        return rc;
    channel = yd_wire_get_str(&reader);
    return yd_cluster_publish(cluster, channel, reader.rest);
}
