/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "proto/json_scan.h"
#include "sio/answer_codec.h"
#include "sio/gather.h"
#include "sio/remote.h"
#include "sio/server_event.h"

/* Operations that go out, as adapters read them; results of other processes. */

/* ---- reading ---- */

static void read_words(const struct yd_sio_news *news, struct yd_sio_outgoing *out)
{
    out->event = news->event;
    out->elements = yd_json_inside(news->args.json);
    out->attachments = news->args.attachments;
    out->num_attachments = (uint32_t)news->args.num_attachments;
}

static bool read_kind(const struct yd_op *op, struct yd_sio_outgoing *out)
{
    switch ((enum yd_sio_kind)op->kind) {
    case YD_SIO_OP_EMIT:
        out->kind = YD_SIO_REMOTE_EMIT;
        read_words(&((const struct yd_sio_emit_op *)op)->news, out);
        break;
    case YD_SIO_OP_JOIN:
        out->kind = YD_SIO_REMOTE_JOIN;
        break;
    case YD_SIO_OP_LEAVE:
        out->kind = YD_SIO_REMOTE_LEAVE;
        break;
    case YD_SIO_OP_DISCONNECT:
        out->kind = YD_SIO_REMOTE_DISCONNECT;
        out->close = ((const struct yd_sio_disconnect_op *)op)->close != 0;
        break;
    case YD_SIO_OP_SOCKETS:
    case YD_SIO_OP_COUNTS: /* their protocols do not count, but sockets tell their rooms */
        out->kind = YD_SIO_REMOTE_SOCKETS;
        break;
    case YD_SIO_OP_ROOMS:
        out->kind = YD_SIO_REMOTE_ROOMS;
        break;
    case YD_SIO_OP_SERVER:
        out->kind = YD_SIO_REMOTE_SERVER;
        read_words(&((const struct yd_sio_server_op *)op)->news, out);
        break;
    case YD_SIO_OP_CALL: /* stay here */
    case YD_SIO_OP_NOTHING:
        return false;
    }
    return true;
}

/* False: nobody is meant by a name. */
static bool read(const struct yd_op *op, bool by_id, struct yd_sio_outgoing *ret_out)
{
    const yodel_sio_namespace *ns = ((const struct yd_sio_op *)op)->ns;
    const struct yd_scope *scope = &op->scope;
    size_t num_rooms = scope->num_rooms + (by_id ? scope->only.len / YD_ID_LEN : 0);

    *ret_out = (struct yd_sio_outgoing){
        .ns = yodel_sio_namespace_name(ns),
        .num_rooms = scope->everyone ? 0 : num_rooms,
        .num_except = scope->num_except + scope->but.len / YD_ID_LEN,
        .flags = op->flags,
        .wants_reply = op->ask != NULL,
        .timeout_ms = op->ask != NULL ? yd_ask_timeout(op->ask) : 0,
        .op = op,
    };
    if (ns->is_parent || !read_kind(op, ret_out))
        return false;
    return scope->everyone || num_rooms > 0 || op->kind == YD_SIO_OP_SERVER;
}

bool yd_sio_read_op(const struct yd_op *op, struct yd_sio_outgoing *ret_out)
{
    return !op->local && read(op, false, ret_out);
}

bool yd_sio_read_ordered(const struct yd_op *op, struct yd_sio_outgoing *ret_out)
{
    return read(op, true, ret_out);
}

yodel_str yd_sio_out_room(const struct yd_sio_outgoing *out, size_t i)
{
    const struct yd_sio_op *op = (const struct yd_sio_op *)out->op;
    const struct yd_scope *scope;

    if (op == NULL)
        return out->rooms[i];
    scope = &op->op.scope;
    if (i < scope->num_rooms)
        return yd_sio_room_of_key(op->ns, &scope->rooms[i]);
    return (yodel_str){scope->only.ptr + (i - scope->num_rooms) * YD_ID_LEN, YD_ID_LEN};
}

yodel_str yd_sio_out_except(const struct yd_sio_outgoing *out, size_t i)
{
    const struct yd_sio_op *op = (const struct yd_sio_op *)out->op;
    const struct yd_scope *scope;

    if (op == NULL)
        return out->except[i];
    scope = &op->op.scope;
    if (i < scope->num_except)
        return yd_sio_room_of_key(op->ns, &scope->except[i]);
    return (yodel_str){scope->but.ptr + (i - scope->num_except) * YD_ID_LEN, YD_ID_LEN};
}

bool yd_sio_out_next_name(const struct yd_sio_outgoing *out, size_t *at, yodel_str *ret_name)
{
    const struct yd_sio_rooms_op *op = (const struct yd_sio_rooms_op *)out->op;

    if (op == NULL) {
        if (*at >= out->num_names)
            return false;
        *ret_name = out->names[(*at)++];
        return true;
    }
    if (*at >= op->rooms.len)
        return false;
    *ret_name = yodel_str_of((const char *)op->rooms.ptr + *at);
    *at += ret_name->len + 1;
    return true;
}

/* ---- results ---- */

int yd_sio_put_answers(const struct yodel_allocator *mem, struct yd_buf *buf, bool lists,
                       yodel_str elements, const yodel_bytes *attachments, uint32_t num_attachments)
{
    struct yd_sio_answers answers = {0, lists, elements, attachments, num_attachments};

    return yd_sio_answers_put(mem, buf, &answers);
}

int yd_sio_put_sockets(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str elements)
{
    if (yd_buf_append(mem, buf, "[", 1) < 0 || yd_buf_append_str(mem, buf, elements) < 0)
        return -ENOMEM;
    return yd_buf_append(mem, buf, "]", 1);
}

int yd_sio_put_room_names(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str elements)
{
    struct yd_json_iter iter = yd_json_elements(elements);
    int rc = yd_buf_append(mem, buf, "{", 1);
    bool first = true;
    yodel_str value;

    while (rc == 0 && yd_json_next(&iter, &value)) {
        if (yd_json_type_of(value) != YD_JSON_STRING)
            continue;
        if (!first)
            rc = yd_buf_append(mem, buf, ",", 1);
        first = false;
        if (rc == 0 && (rc = yd_buf_append_str(mem, buf, value)) == 0)
            rc = yd_buf_append_str(mem, buf, YODEL_STR(":null"));
    }
    return rc == 0 ? yd_buf_append(mem, buf, "}", 1) : rc;
}
