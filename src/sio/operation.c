/* SPDX-License-Identifier: MIT */
#include "sio/operation.h"

#include <string.h>

#include "sio/membership.h"
#include "sio/socket.h"

/* ---- from a target ---- */

static void measure(const char *const *list, size_t prefix, struct yd_scope_size *size)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        size->keys++;
        size->text += prefix + strlen(list[i]);
    }
}

static struct yd_scope_size measure_target(const yodel_sio_target *target)
{
    size_t prefix = target->ns->name_len + 1;
    struct yd_scope_size size = {0, 2 * YD_ID_LEN};

    if (target->room != NULL)
        measure((const char *const[]){target->room, NULL}, prefix, &size);
    else if (target->socket == NULL)
        measure(target->rooms, prefix, &size);
    measure(target->except, prefix, &size);
    return size;
}

static void fill_scope(struct yd_op *op, const yodel_sio_target *target)
{
    char text[YD_SIO_NAME_MAX + 1];
    yodel_str prefix = {text, target->ns->name_len + 1};

    memcpy(text, target->ns->name, target->ns->name_len);
    text[target->ns->name_len] = '#';
    if (target->socket != NULL)
        yd_op_set_only(op, yd_sio_id(target->socket));
    else if (target->room != NULL)
        yd_op_add_room(op, prefix, yodel_str_of(target->room));
    else if (target->rooms == NULL)
        op->scope.everyone = true;
    else
        for (size_t i = 0; target->rooms[i] != NULL; i++)
            yd_op_add_room(op, prefix, yodel_str_of(target->rooms[i]));
    for (size_t i = 0; target->except != NULL && target->except[i] != NULL; i++)
        yd_op_add_except(op, prefix, yodel_str_of(target->except[i]));
    if (target->but[0] != '\0')
        yd_op_set_but(op, yodel_str_of(target->but));
}

void *yd_sio_op_new(enum yd_sio_kind kind, size_t size, const yodel_sio_target *target)
{
    struct yd_scope_size scope = measure_target(target);
    struct yd_sio_op *op = yd_op_new(&target->ns->sio->layer, kind, size, &scope);

    if (op == NULL)
        return NULL;
    op->ns = yd_sio_ns_ref(target->ns);
    op->op.flags = target->flags;
    op->op.local = target->socket != NULL; /* it is here, and nowhere else */
    fill_scope(&op->op, target);
    return op;
}

/* ---- where its sockets are ---- */

static void add_populated(const yodel_sio_namespace *ns, struct yd_loop_set *set)
{
    for (unsigned i = 0; i < ns->sio->num_loops; i++)
        if (ns->is_parent || atomic_load(&ns->shards[i].count) > 0)
            yd_loop_set_add(set, i);
}

/* A socket is alone in the room of its id, which is no group: it may be on any loop.  And who has
 * made sockets join a room may send to it at once: the loops will know it by then. */
void yd_sio_op_find(const struct yd_op *op, struct yd_loop_set *set)
{
    const yodel_sio_namespace *ns = ((const struct yd_sio_op *)op)->ns;
    bool anywhere = ns->is_parent || op->scope.everyone || op->scope.only.len > 0 ||
                    atomic_load(&ns->num_joins) > 0;

    for (uint32_t i = 0; i < op->scope.num_rooms && !anywhere; i++) {
        anywhere = yd_sio_room_of_key(ns, &op->scope.rooms[i]).len == YD_ID_LEN;
        yd_groups_find(ns->sio->rooms, &op->scope.rooms[i], set);
    }
    if (anywhere)
        add_populated(ns, set);
}
