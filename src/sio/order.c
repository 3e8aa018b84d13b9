/* SPDX-License-Identifier: MIT */
#include "sio/order.h"

#include <errno.h>

#include "proto/json_pack.h"
#include "proto/json_scan.h"
#include "sio/emit.h"
#include "sio/readers.h"

void yd_sio_set_order(yodel_sio *sio, struct yd_sio_order *order)
{
    sio->order = order;
}

uint32_t yd_sio_recovery_ms(const yodel_sio *sio)
{
    return sio->options.recovery_ms;
}

/* ---- operations ---- */

int yd_sio_send(struct yd_op *op)
{
    const yodel_sio_namespace *ns = ((const struct yd_sio_op *)op)->ns;
    struct yd_sio_order *order = ns->sio->order;
    int rc;

    if (!yd_sio_is_ordered(ns))
        return yd_bus_send(op);
    if ((rc = order->ops->take(order, op)) < 0)
        yd_op_unref(op);
    return rc;
}

/* Events for one socket are found again by its client, wherever it comes back to. */
bool yd_sio_order_is_shared(const struct yd_op *op)
{
    return (op->flags & YODEL_SIO_LOCAL) == 0 && (!op->local || op->kind == YD_SIO_OP_EMIT);
}

bool yd_sio_was_ordered(const struct yd_op *op)
{
    return op->ask == NULL && op->kind != YD_SIO_OP_SERVER &&
           yd_sio_is_ordered(((const struct yd_sio_op *)op)->ns);
}

/* The packets of what was only kept until now. */
static int complete(struct yd_sio_emit_op *op, const char *offset, bool has_place)
{
    yodel_sio *sio = op->base.ns->sio;
    struct yd_sio_news *news = &op->news;
    int rc;

    if (news->out.num > 0) /* once before */
        return 0;
    if ((rc = yd_sio_news_complete(news, op->base.ns, offset)) < 0)
        return rc;
    news->has_no_place = !has_place;
    op->base.op.weight += yd_sio_news_size(news);
    if (yd_sio_has_readers(sio))
        yd_sio_emit_prepare_readers(op);
    return 0;
}

int yd_sio_order_apply(struct yd_op *op, const char *offset, bool has_place)
{
    int rc = 0;

    op->deferred = true;
    if (op->kind == YD_SIO_OP_EMIT)
        rc = complete((struct yd_sio_emit_op *)op, offset, has_place);
    if (rc < 0) {
        yd_op_unref(op);
        return rc;
    }
    yd_op_ref(op);
    rc = yd_bus_send(op);
    if (rc != YODEL_ERR_CONGESTED)
        yd_op_unref(op);
    return rc;
}

/* ---- states ---- */

struct names {
    const struct yodel_allocator *mem;
    struct yd_buf *array;
    int rc;
};

static void put_name(yodel_str room, void *user)
{
    struct names *names = user;

    if (names->rc == 0 && names->array->len > 1)
        names->rc = yd_buf_append(names->mem, names->array, ",", 1);
    if (names->rc == 0)
        names->rc = yd_json_put_string(names->mem, names->array, room);
}

/* That of its id is among them. */
static int put_rooms(yodel_sio_socket *socket, struct yd_buf *array)
{
    struct yd_sio_rooms rooms = yd_sio_rooms_of(socket);
    struct names names = {socket->ns->sio->mem, array, 0};

    names.rc = yd_buf_append(names.mem, array, "[", 1);
    if (socket->in_own_room)
        put_name(yd_sio_id(socket), &names);
    yd_sio_membership_each(&socket->rooms, &rooms, put_name, &names);
    return names.rc == 0 ? yd_buf_append(names.mem, array, "]", 1) : names.rc;
}

static int put_data(const yodel_sio_socket *socket, struct yd_buf *text)
{
    const struct yodel_allocator *mem = socket->ns->sio->mem;

    return socket->json == NULL ? yd_buf_append(mem, text, "{}", 2)
                                : yd_json_put_document(mem, text, socket->json);
}

void yd_sio_order_save(yodel_sio_socket *socket)
{
    yodel_sio *sio = socket->ns->sio;
    struct yd_buf rooms = {0}, data = {0};
    struct yd_sio_state state = {
        .ns = yodel_sio_namespace_name(socket->ns),
        .sid = yd_sio_id(socket),
        .pid = {socket->memory->pid, YD_ID_LEN},
    };

    if (put_rooms(socket, &rooms) == 0 && put_data(socket, &data) == 0) {
        state.rooms = (yodel_str){(char *)rooms.ptr, rooms.len};
        state.data = (yodel_str){(char *)data.ptr, data.len};
        sio->order->ops->save(sio->order, &state);
    }
    yd_buf_free(sio->mem, &rooms);
    yd_buf_free(sio->mem, &data);
}
