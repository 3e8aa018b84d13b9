/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "bus/op.h"
#include "bus/op_wire.h"

/*
 * An operation as bytes:
 *
 *     version 1, sequence 8, token 8, process, layer, kind 1, flags 4,
 *     everyone 1, rooms 4 and each, exceptions 4 and each, only, but, the layer's own
 */

#define VERSION 1
#define SEQUENCE_AT 1

/* ---- encoding ---- */

static int put_keys(const struct yodel_allocator *mem, struct yd_buf *buf,
                    const struct yd_key *keys, uint32_t num)
{
    int rc = yd_wire_put_u32(mem, buf, num);

    for (uint32_t i = 0; rc == 0 && i < num; i++)
        rc = yd_wire_put_str(mem, buf, keys[i].text);
    return rc;
}

static int put_scope(const struct yodel_allocator *mem, struct yd_buf *buf,
                     const struct yd_scope *scope)
{
    int rc = yd_wire_put_u8(mem, buf, scope->everyone);

    if (rc == 0)
        rc = put_keys(mem, buf, scope->rooms, scope->num_rooms);
    if (rc == 0)
        rc = put_keys(mem, buf, scope->except, scope->num_except);
    if (rc == 0)
        rc = yd_wire_put_str(mem, buf, scope->only);
    return rc == 0 ? yd_wire_put_str(mem, buf, scope->but) : rc;
}

static int put_origin(const struct yd_bus *bus, uint64_t token, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = bus->mem;

    if (yd_wire_put_u8(mem, buf, VERSION) < 0 || yd_wire_put_u64(mem, buf, 0) < 0 ||
        yd_wire_put_u64(mem, buf, token) < 0)
        return -ENOMEM;
    return yd_wire_put_str(mem, buf, yodel_str_of(bus->process));
}

int yd_op_encode(const struct yd_op *op, uint64_t token, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = op->layer->bus->mem;

    if (put_origin(op->layer->bus, token, buf) < 0 ||
        yd_wire_put_str(mem, buf, op->layer->name) < 0 || yd_wire_put_u8(mem, buf, op->kind) < 0 ||
        yd_wire_put_u32(mem, buf, op->flags) < 0 || put_scope(mem, buf, &op->scope) < 0)
        return -ENOMEM;
    return op->layer->ops->encode(op, buf);
}

void yd_op_put_sequence(struct yd_buf *buf, uint64_t sequence)
{
    for (unsigned i = 0; i < 8; i++)
        buf->ptr[SEQUENCE_AT + i] = (uint8_t)(sequence >> 8 * i);
}

/* ---- decoding ---- */

static int get_origin(struct yd_wire_reader *reader, struct yd_op_origin *ret_origin)
{
    struct yd_op_origin origin;
    uint8_t version = yd_wire_get_u8(reader);

    origin.sequence = yd_wire_get_u64(reader);
    origin.token = yd_wire_get_u64(reader);
    origin.process = yd_wire_get_str(reader);
    if (reader->failed || version != VERSION)
        return YODEL_ERR_PROTOCOL;
    *ret_origin = origin;
    return 0;
}

int yd_op_decode_origin(yodel_bytes bytes, struct yd_op_origin *ret_origin)
{
    struct yd_wire_reader reader = {bytes, false};

    return get_origin(&reader, ret_origin);
}

/* Skips one list of names; adds up what it needs. */
static void measure_keys(struct yd_wire_reader *reader, struct yd_scope_size *size)
{
    uint32_t num = yd_wire_get_u32(reader);

    for (uint32_t i = 0; i < num && !reader->failed; i++) {
        size->text += yd_wire_get_str(reader).len;
        size->keys++;
    }
}

static int measure_scope(struct yd_wire_reader reader, struct yd_scope_size *size)
{
    *size = (struct yd_scope_size){0, 0};
    (void)yd_wire_get_u8(&reader);
    measure_keys(&reader, size);
    measure_keys(&reader, size);
    size->text += yd_wire_get_str(&reader).len;
    size->text += yd_wire_get_str(&reader).len;
    return reader.failed ? YODEL_ERR_PROTOCOL : 0;
}

static void get_scope(struct yd_wire_reader *reader, struct yd_op *op)
{
    const yodel_str none = {NULL, 0};

    op->scope.everyone = yd_wire_get_u8(reader) != 0;
    for (uint32_t num = yd_wire_get_u32(reader); num > 0; num--)
        yd_op_add_room(op, none, yd_wire_get_str(reader));
    for (uint32_t num = yd_wire_get_u32(reader); num > 0; num--)
        yd_op_add_except(op, none, yd_wire_get_str(reader));
    yd_op_add_only(op, yd_wire_get_str(reader));
    yd_op_add_but(op, yd_wire_get_str(reader));
}

/* A reference; NULL when there is none that takes operations of other processes. */
static struct yd_layer *find_layer(struct yd_bus *bus, yodel_str name)
{
    struct yd_layer *layer;

    pthread_mutex_lock(&bus->far_lock);
    layer = bus->layers;
    while (layer != NULL && (layer->ops->decode == NULL || !yodel_str_eq(layer->name, name) ||
                             !layer->ops->try_ref(layer)))
        layer = layer->next;
    pthread_mutex_unlock(&bus->far_lock);
    return layer;
}

static bool is_for_nobody(const struct yd_op *op)
{
    struct yd_loop_set loops = {{0}}, none = {{0}};

    op->layer->ops->find(op, &loops);
    return memcmp(&loops, &none, sizeof none) == 0;
}

/* What follows the layer's name. */
static int make_op(struct yd_layer *layer, struct yd_wire_reader *reader, bool wants_reply,
                   struct yd_op **ret_op)
{
    unsigned kind = yd_wire_get_u8(reader);
    uint32_t flags = yd_wire_get_u32(reader);
    size_t size = layer->ops->op_size(kind);
    struct yd_scope_size scope;
    struct yd_op *op;
    int rc;

    if (measure_scope(*reader, &scope) < 0)
        return YODEL_ERR_PROTOCOL;
    if (size == 0)
        return YODEL_ERR_UNSUPPORTED;
    if ((op = yd_op_new(layer, kind, size, &scope)) == NULL)
        return -ENOMEM;
    op->flags = flags;
    op->local = true;
    op->wants_reply = wants_reply;
    get_scope(reader, op);
    if (!wants_reply && layer->ops->finds_by_scope && is_for_nobody(op)) {
        yd_op_unref(op);
        return YODEL_ERR_NOT_FOUND;
    }
    if ((rc = layer->ops->decode(op, reader->rest)) < 0)
        yd_op_unref(op);
    else
        *ret_op = op;
    return rc;
}

int yd_op_decode(struct yd_bus *bus, yodel_bytes bytes, struct yd_op **ret_op)
{
    struct yd_wire_reader reader = {bytes, false};
    struct yd_op_origin origin;
    struct yd_layer *layer;
    int rc;

    if ((rc = get_origin(&reader, &origin)) < 0)
        return rc;
    if ((layer = find_layer(bus, yd_wire_get_str(&reader))) == NULL)
        return reader.failed ? YODEL_ERR_PROTOCOL : YODEL_ERR_NOT_FOUND;
    rc = make_op(layer, &reader, origin.token != 0, ret_op);
    yd_layer_unref(layer);
    return rc;
}
