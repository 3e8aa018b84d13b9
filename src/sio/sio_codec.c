/* SPDX-License-Identifier: MIT */
#include "sio/sio_codec.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "bus/op_wire.h"
#include "sio/emit.h"
#include "sio/fetch.h"
#include "sio/gather.h"
#include "sio/many.h"
#include "sio/readers.h"
#include "sio/server_event.h"

/*
 * What is done to sockets of a namespace, as bytes:
 *
 *     namespace, and then of the kind
 *
 *     emit, server     time limit of acknowledgements 4 (ms), event, arguments (a JSON array),
 *                      attachments 4 and each
 *     join, leave      rooms to the end, each with its NUL
 *     disconnect       close 1
 *     sockets, rooms   nothing
 *
 * An event goes as what it says, not as packets: each process makes its own, with the parser, ids
 * and offsets that its clients know.
 */

/* ---- encoding ---- */

/* The other process ends its part before the whole is over, so that what it has counts. */
static uint32_t far_timeout(struct yd_ask *ask)
{
    uint32_t ms = ask != NULL ? yd_sio_gather_timeout(yd_sio_gather_of(ask)) : 0;

    return ms - ms / 8;
}

static int put_news(const struct yd_op *op, const struct yd_sio_news *news, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = yd_op_mem(op);
    const yodel_sio_args *args = &news->args;
    int rc;

    if (yd_wire_put_u32(mem, buf, far_timeout(op->ask)) < 0 ||
        yd_wire_put_str(mem, buf, news->event) < 0 || yd_wire_put_str(mem, buf, args->json) < 0)
        return -ENOMEM;
    rc = yd_wire_put_u32(mem, buf, (uint32_t)args->num_attachments);
    for (size_t i = 0; rc == 0 && i < args->num_attachments; i++) {
        yodel_bytes data = args->attachments[i];

        rc = yd_wire_put_str(mem, buf, (yodel_str){(const char *)data.ptr, data.len});
    }
    return rc;
}

static int put_rooms(const struct yd_sio_rooms_op *op, struct yd_buf *buf)
{
    return yd_buf_append(yd_op_mem(&op->base.op), buf, op->rooms.ptr, op->rooms.len);
}

/* The sockets of a parent are those of its children, which are others in each process. */
int yd_sio_op_encode(const struct yd_op *op, struct yd_buf *buf)
{
    const struct yd_sio_op *sio_op = (const struct yd_sio_op *)op;
    const struct yodel_allocator *mem = yd_op_mem(op);

    if (sio_op->ns->is_parent)
        return YODEL_ERR_UNSUPPORTED;
    if (yd_wire_put_str(mem, buf, yodel_sio_namespace_name(sio_op->ns)) < 0)
        return -ENOMEM;
    switch ((enum yd_sio_kind)op->kind) {
    case YD_SIO_OP_EMIT:
        return put_news(op, &((const struct yd_sio_emit_op *)op)->news, buf);
    case YD_SIO_OP_SERVER:
        return put_news(op, &((const struct yd_sio_server_op *)op)->news, buf);
    case YD_SIO_OP_JOIN:
    case YD_SIO_OP_LEAVE:
        return put_rooms((const struct yd_sio_rooms_op *)op, buf);
    case YD_SIO_OP_DISCONNECT:
        return yd_wire_put_u8(mem, buf, (uint8_t)((const struct yd_sio_disconnect_op *)op)->close);
    case YD_SIO_OP_CALL: /* stay here */
    case YD_SIO_OP_NOTHING:
        break;
    case YD_SIO_OP_SOCKETS:
    case YD_SIO_OP_ROOMS:
    case YD_SIO_OP_COUNTS:
        return 0;
    }
    return YODEL_ERR_UNSUPPORTED;
}

/* ---- decoding ---- */

size_t yd_sio_op_size(unsigned kind)
{
    switch (kind) {
    case YD_SIO_OP_EMIT:
        return sizeof(struct yd_sio_emit_op);
    case YD_SIO_OP_SERVER:
        return sizeof(struct yd_sio_server_op);
    case YD_SIO_OP_JOIN:
    case YD_SIO_OP_LEAVE:
        return sizeof(struct yd_sio_rooms_op);
    case YD_SIO_OP_DISCONNECT:
        return sizeof(struct yd_sio_disconnect_op);
    case YD_SIO_OP_SOCKETS:
    case YD_SIO_OP_ROOMS:
    case YD_SIO_OP_COUNTS:
        return sizeof(struct yd_sio_op);
    default: /* others stay in their process */
        return 0;
    }
}

/* What an emit says; views of the bytes, the attachments in the array given. */
static int get_words(struct yd_wire_reader *reader, yodel_bytes *attachments,
                     struct yd_sio_words *words)
{
    yodel_sio_args args;

    *words = (struct yd_sio_words){.name = yd_wire_get_str(reader), .attachments = attachments};
    args = (yodel_sio_args){.json = yd_wire_get_str(reader), .attachments = attachments};
    args.num_attachments = words->num_attachments = yd_wire_get_u32(reader);
    if (reader->failed || args.num_attachments > YD_SIO_MAX_ATTACHMENTS)
        return YODEL_ERR_PROTOCOL;
    for (size_t i = 0; i < args.num_attachments; i++) {
        yodel_str data = yd_wire_get_str(reader);

        attachments[i] = (yodel_bytes){(const uint8_t *)data.ptr, data.len};
    }
    if (reader->failed || reader->rest.len > 0 || yd_sio_words_check(words) < 0 ||
        yd_sio_check_args(&args, &words->elements) < 0)
        return YODEL_ERR_PROTOCOL;
    return 0;
}

static int get_emit(struct yd_sio_emit_op *op, struct yd_wire_reader *reader)
{
    struct yd_op *base = &op->base.op;
    struct yd_sio_news_options options = {.flags = base->flags, .acknowledged = base->wants_reply};
    yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS];
    uint32_t timeout_ms = yd_wire_get_u32(reader);
    struct yd_sio_gather *gather;
    struct yd_sio_words words;
    int rc;

    if ((rc = get_words(reader, attachments, &words)) < 0)
        return rc;
    options.keeps_words = yd_sio_has_readers(op->base.ns->sio);
    rc = yd_sio_news_make(&op->news, op->base.ns, &words, &options);
    if (rc == 0 && options.keeps_words)
        yd_sio_emit_prepare_readers(op);
    if (rc < 0 || !base->wants_reply)
        return rc == 0 || rc == -ENOMEM ? rc : YODEL_ERR_PROTOCOL;
    gather = yd_sio_gather_new(op->base.ns->sio, yd_sio_gather_form(base->flags), timeout_ms, NULL,
                               NULL);
    if (gather == NULL)
        return -ENOMEM;
    base->ask = yd_sio_gather_ask(gather);
    return 0;
}

static int get_server(struct yd_sio_server_op *op, struct yd_wire_reader *reader)
{
    yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS];
    uint32_t timeout_ms = yd_wire_get_u32(reader);
    yodel_sio *sio = op->base.ns->sio;
    struct yd_sio_gather *gather;
    struct yd_sio_words words;
    int rc;

    if ((rc = get_words(reader, attachments, &words)) < 0 ||
        (rc = yd_sio_news_keep(&op->news, sio->mem, &words)) < 0 || !op->base.op.wants_reply)
        return rc;
    if ((gather = yd_sio_gather_new(sio, 0, timeout_ms, NULL, NULL)) == NULL)
        return -ENOMEM;
    op->base.op.ask = yd_sio_gather_ask(gather);
    return 0;
}

static int get_rooms(struct yd_sio_rooms_op *op, yodel_bytes rooms)
{
    if (rooms.len > 0 && rooms.ptr[rooms.len - 1] != '\0')
        return YODEL_ERR_PROTOCOL;
    if (yd_buf_append(op->base.ns->sio->mem, &op->rooms, rooms.ptr, rooms.len) < 0)
        return -ENOMEM;
    yd_sio_rooms_count(op);
    return 0;
}

static int get_disconnect(struct yd_sio_disconnect_op *op, struct yd_wire_reader *reader)
{
    op->close = yd_wire_get_u8(reader);
    op->base.op.control = true;
    return reader->failed || reader->rest.len > 0 ? YODEL_ERR_PROTOCOL : 0;
}

/* Without somebody to tell there is nothing to ask. */
static int get_fetch(struct yd_sio_op *op, const struct yd_wire_reader *reader)
{
    if (!op->op.wants_reply || reader->rest.len > 0)
        return YODEL_ERR_PROTOCOL;
    return yd_sio_fetch_answer(op);
}

/* Whether all are rooms of ns. */
static bool are_rooms(const yodel_sio_namespace *ns, const struct yd_key *keys, uint32_t num)
{
    for (uint32_t i = 0; i < num; i++) {
        yodel_str text = keys[i].text;

        if (text.len <= ns->name_len || memcmp(text.ptr, ns->name, ns->name_len) != 0 ||
            text.ptr[ns->name_len] != '#')
            return false;
    }
    return true;
}

static int get_kind(struct yd_sio_op *op, struct yd_wire_reader *reader)
{
    switch ((enum yd_sio_kind)op->op.kind) {
    case YD_SIO_OP_EMIT:
        return get_emit((struct yd_sio_emit_op *)op, reader);
    case YD_SIO_OP_SERVER:
        return get_server((struct yd_sio_server_op *)op, reader);
    case YD_SIO_OP_JOIN:
    case YD_SIO_OP_LEAVE:
        return get_rooms((struct yd_sio_rooms_op *)op, reader->rest);
    case YD_SIO_OP_DISCONNECT:
        return get_disconnect((struct yd_sio_disconnect_op *)op, reader);
    case YD_SIO_OP_CALL: /* stay here */
    case YD_SIO_OP_NOTHING:
        break;
    case YD_SIO_OP_SOCKETS:
    case YD_SIO_OP_ROOMS:
    case YD_SIO_OP_COUNTS:
        return get_fetch(op, reader);
    }
    return YODEL_ERR_PROTOCOL;
}

int yd_sio_op_decode(struct yd_op *op, yodel_bytes payload)
{
    struct yd_sio_op *sio_op = (struct yd_sio_op *)op;
    struct yd_wire_reader reader = {payload, false};
    yodel_str name = yd_wire_get_str(&reader);

    if (reader.failed)
        return YODEL_ERR_PROTOCOL;
    sio_op->ns = yd_sio_ns_find(yd_container_of(op->layer, yodel_sio, layer), name);
    if (sio_op->ns == NULL)
        return YODEL_ERR_NOT_FOUND;
    if (!are_rooms(sio_op->ns, op->scope.rooms, op->scope.num_rooms) ||
        !are_rooms(sio_op->ns, op->scope.except, op->scope.num_except))
        return YODEL_ERR_PROTOCOL;
    op->deferred = true;
    op->weight += payload.len;
    return get_kind(sio_op, &reader);
}

/* ---- what is gathered ---- */

int yd_sio_result_encode(struct yd_ask *ask, struct yd_buf *buf)
{
    return yd_sio_is_gather(ask) ? yd_sio_gather_encode(yd_sio_gather_of(ask), buf)
                                 : yd_sio_fetch_encode(ask, buf);
}

int yd_sio_result_take(struct yd_ask *ask, yodel_bytes result)
{
    return yd_sio_is_gather(ask) ? yd_sio_gather_take(yd_sio_gather_of(ask), result)
                                 : yd_sio_fetch_take(ask, result);
}
