/* SPDX-License-Identifier: MIT */
#include "bus/op.h"

#include <string.h>

#include "base/mem.h"
#include "bus/op_node.h"

/* What may stand in a struct, and what an allocator aligns to. */
#define ALIGN ((size_t)16)

static size_t align(size_t size)
{
    return (size + ALIGN - 1) & ~(ALIGN - 1);
}

void *yd_op_new(struct yd_layer *layer, unsigned kind, size_t size,
                const struct yd_scope_size *scope)
{
    const struct yd_bus *bus = layer->bus;
    size_t nodes = align(bus->num_loops * sizeof(struct yd_op_node)), keys, all;
    struct yd_op *op;

    size = align(size);
    if (__builtin_mul_overflow(scope->keys, sizeof(struct yd_key), &keys) ||
        __builtin_add_overflow(size + nodes, keys, &all) ||
        __builtin_add_overflow(all, scope->text, &all) || (op = yd_alloc(bus->mem, all)) == NULL)
        return NULL;
    memset(op, 0, size);
    atomic_init(&op->refs, 1);
    op->kind = (uint8_t)kind;
    op->layer = layer;
    op->weight = all;
    op->nodes = (struct yd_op_node *)(void *)((char *)op + size);
    op->keys_end = (struct yd_key *)(void *)((char *)op->nodes + nodes);
    op->scope.rooms = op->scope.except = op->keys_end;
    op->text_end = (char *)op->keys_end + keys;
    yd_layer_ref(layer);
    return op;
}

static yodel_str add_text(struct yd_op *op, yodel_str prefix, yodel_str name)
{
    char *text = op->text_end;

    if (prefix.len > 0)
        memcpy(text, prefix.ptr, prefix.len);
    if (name.len > 0)
        memcpy(text + prefix.len, name.ptr, name.len);
    op->text_end += prefix.len + name.len;
    return (yodel_str){text, prefix.len + name.len};
}

void yd_op_add_room(struct yd_op *op, yodel_str prefix, yodel_str name)
{
    *op->keys_end++ = yd_bus_key(op->layer->bus, add_text(op, prefix, name));
    op->scope.num_rooms++;
    op->scope.except = op->keys_end;
}

void yd_op_add_except(struct yd_op *op, yodel_str prefix, yodel_str name)
{
    *op->keys_end++ = yd_bus_key(op->layer->bus, add_text(op, prefix, name));
    op->scope.num_except++;
}

/* What is added after it stands after it. */
static void add_id(struct yd_op *op, yodel_str *ids, yodel_str id)
{
    yodel_str added = add_text(op, (yodel_str){NULL, 0}, id);

    if (ids->len == 0)
        ids->ptr = added.ptr;
    ids->len += added.len;
}

void yd_op_add_only(struct yd_op *op, yodel_str id)
{
    add_id(op, &op->scope.only, id);
}

void yd_op_add_but(struct yd_op *op, yodel_str id)
{
    add_id(op, &op->scope.but, id);
}

void yd_op_ref(struct yd_op *op)
{
    atomic_fetch_add_explicit(&op->refs, 1, memory_order_relaxed);
}

/* The layer goes last: it keeps the bus and its memory. */
void yd_op_unref(struct yd_op *op)
{
    struct yd_layer *layer = op->layer;

    if (atomic_fetch_sub_explicit(&op->refs, 1, memory_order_acq_rel) != 1)
        return;
    layer->ops->release(op);
    yd_free(layer->bus->mem, op);
    yd_layer_unref(layer);
}
