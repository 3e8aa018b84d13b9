/* SPDX-License-Identifier: MIT */
#include "sio/many.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "sio/order.h"
#include "sio/walk.h"

/* Verbs on all of a target: rooms and ends. */

/* ---- rooms ---- */

static void change_rooms(yodel_sio_socket *socket, void *arg)
{
    struct yd_sio_rooms_op *op = arg;

    for (size_t at = 0, len; at < op->rooms.len; at += len + 1) {
        const char *room = (const char *)op->rooms.ptr + at;

        len = strlen(room);
        if (op->base.op.kind == YD_SIO_OP_LEAVE)
            yd_sio_socket_leave(socket, room);
        else
            (void)yd_sio_socket_join(socket, room);
    }
}

void yd_sio_rooms_apply(struct yd_sio_op *op, struct yd_loop *loop)
{
    yd_sio_walk(op, loop, true, change_rooms, op);
}

void yd_sio_rooms_count(struct yd_sio_rooms_op *op)
{
    if (op->base.op.kind != YD_SIO_OP_JOIN)
        return;
    atomic_fetch_add(&op->base.ns->num_joins, 1);
    op->is_counted = true;
}

void yd_sio_rooms_release(struct yd_sio_op *op)
{
    struct yd_sio_rooms_op *rooms = (struct yd_sio_rooms_op *)op;

    yd_buf_free(op->ns->sio->mem, &rooms->rooms);
    if (rooms->is_counted)
        atomic_fetch_sub(&op->ns->num_joins, 1);
}

static int send_rooms(enum yd_sio_kind kind, const yodel_sio_target *target,
                      const char *const *rooms)
{
    int rc = rooms != NULL ? yd_sio_target_check(target) : -EINVAL;
    struct yd_sio_rooms_op *op = NULL;

    if (rc == 0 && (op = yd_sio_op_new(kind, sizeof *op, target)) == NULL)
        rc = -ENOMEM;
    for (size_t i = 0; rc == 0 && rooms[i] != NULL; i++)
        rc = yd_buf_append(target->ns->sio->mem, &op->rooms, rooms[i], strlen(rooms[i]) + 1);
    if (rc < 0) {
        if (op != NULL)
            yd_op_unref(&op->base.op);
        return rc;
    }
    op->base.op.weight += op->rooms.len;
    yd_sio_rooms_count(op);
    return yd_sio_send(&op->base.op);
}

int yodel_sio_target_join(yodel_sio_target target, const char *const *rooms)
{
    return send_rooms(YD_SIO_OP_JOIN, &target, rooms);
}

int yodel_sio_target_leave(yodel_sio_target target, const char *const *rooms)
{
    return send_rooms(YD_SIO_OP_LEAVE, &target, rooms);
}

/* ---- ends ---- */

static void disconnect(yodel_sio_socket *socket, void *arg)
{
    struct yd_sio_disconnect_op *op = arg;

    if (socket->phase == YD_SIO_CONNECTED)
        yodel_sio_socket_disconnect(socket, op->close);
    else if (socket->phase == YD_SIO_AWAY && op->close != YODEL_SIO_COME_BACK)
        yd_sio_socket_set_phase(socket, YD_SIO_LEAVING);
}

void yd_sio_disconnect_apply(struct yd_sio_op *op, struct yd_loop *loop)
{
    yd_sio_walk(op, loop, true, disconnect, op);
}

int yodel_sio_target_disconnect(yodel_sio_target target, int close)
{
    struct yd_sio_disconnect_op *op;
    int rc = yd_sio_target_check(&target);

    if (rc < 0)
        return rc;
    if ((op = yd_sio_op_new(YD_SIO_OP_DISCONNECT, sizeof *op, &target)) == NULL)
        return -ENOMEM;
    op->close = close == YODEL_SIO_COME_BACK ? close : close != 0;
    op->base.op.control = true;
    return yd_sio_send(&op->base.op);
}
