/* SPDX-License-Identifier: MIT */
#include "sio/operation.h"

#include <string.h>

#include "sio/membership.h"
#include "sio/readers.h"
#include "sio/socket.h"

/* ---- from a target ---- */

/* The rooms of a term: its own list, or one of the room that is given room. */
static const char *const *rooms_of(const yodel_sio_target *target, unsigned i, const char *room[2])
{
    if (target->kinds[i] != YD_SIO_TO_ROOM)
        return target->terms[i].ptr;
    room[0] = target->terms[i].ptr;
    room[1] = NULL;
    return room;
}

static bool is_rooms(const yodel_sio_target *target, unsigned i)
{
    return target->kinds[i] >= YD_SIO_TO_ROOM && target->kinds[i] <= YD_SIO_BUT_ROOMS;
}

static struct yd_scope_size measure(const yodel_sio_target *target)
{
    size_t prefix = target->ns->name_len + 1;
    struct yd_scope_size size = {0, 0};
    const char *one[2];

    for (unsigned i = 0; i < target->num_terms; i++) {
        if (!is_rooms(target, i)) {
            size.text += target->kinds[i] != YD_SIO_BUT_MORE ? YD_ID_LEN : 0;
            continue;
        }
        for (const char *const *room = rooms_of(target, i, one); *room != NULL; room++) {
            size.keys++;
            size.text += prefix + strlen(*room);
        }
    }
    return size;
}

/* All rooms or exceptions of target. */
static void fill_rooms(struct yd_op *op, const yodel_sio_target *target, yodel_str prefix,
                       bool excepted)
{
    const char *one[2];

    for (unsigned i = 0; i < target->num_terms; i++) {
        if (!is_rooms(target, i) || (target->kinds[i] == YD_SIO_BUT_ROOMS) != excepted)
            continue;
        for (const char *const *room = rooms_of(target, i, one); *room != NULL; room++)
            if (excepted)
                yd_op_add_except(op, prefix, yodel_str_of(*room));
            else
                yd_op_add_room(op, prefix, yodel_str_of(*room));
    }
}

/* The texts of one kind stand together. */
static void fill_sockets(struct yd_op *op, const yodel_sio_target *target)
{
    for (unsigned i = 0; i < target->num_terms; i++)
        if (target->kinds[i] == YD_SIO_TO_SOCKET)
            yd_op_add_only(op, yd_sio_id(target->terms[i].ptr));
    for (unsigned i = 0; i < target->num_terms; i++)
        if (target->kinds[i] == YD_SIO_BUT_ID)
            yd_op_add_but(op, yd_sio_target_id(target, i));
}

static void fill_scope(struct yd_op *op, const yodel_sio_target *target)
{
    char text[YD_SIO_NAME_MAX + 1];
    yodel_str prefix = {text, target->ns->name_len + 1};

    memcpy(text, target->ns->name, target->ns->name_len);
    text[target->ns->name_len] = '#';
    op->scope.everyone = target->everyone != 0;
    fill_rooms(op, target, prefix, false);
    fill_rooms(op, target, prefix, true);
    fill_sockets(op, target);
}

void *yd_sio_op_new(enum yd_sio_kind kind, size_t size, const yodel_sio_target *target)
{
    struct yd_scope_size scope = measure(target);
    struct yd_sio_op *op = yd_op_new(&target->ns->sio->layer, kind, size, &scope);

    if (op == NULL)
        return NULL;
    op->ns = yd_sio_ns_ref(target->ns);
    op->op.flags = target->flags;
    op->op.local = yd_sio_target_is_here(target) || (target->flags & YODEL_SIO_LOCAL) != 0;
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
    bool anywhere = false;

    if (op->kind == YD_SIO_OP_SERVER && op->local) /* it has come from another process */
        yd_loop_set_add(set, 0);
    if (op->kind == YD_SIO_OP_NOTHING || op->kind == YD_SIO_OP_SERVER)
        return;
    anywhere = ns->is_parent || op->scope.everyone || op->scope.only.len > 0 ||
               atomic_load(&ns->num_joins) > 0;

    for (uint32_t i = 0; i < op->scope.num_rooms && !anywhere; i++) {
        anywhere = yd_sio_room_of_key(ns, &op->scope.rooms[i]).len == YD_ID_LEN;
        yd_groups_find(ns->sio->rooms, &op->scope.rooms[i], set);
    }
    if (anywhere)
        add_populated(ns, set);
    yd_sio_readers_find(op, set);
}
