/* SPDX-License-Identifier: MIT */
#include "sio/sio_layer.h"

#include "base/container.h"
#include "sio/emit.h"
#include "sio/fetch.h"
#include "sio/many.h"
#include "sio/server_event.h"
#include "sio/sio_codec.h"
#include "sio/sio_post.h"

static void apply(struct yd_op *op, struct yd_loop *loop)
{
    struct yd_sio_op *sio_op = (struct yd_sio_op *)op;

    switch ((enum yd_sio_kind)op->kind) {
    case YD_SIO_OP_EMIT:
        yd_sio_emit_apply(sio_op, loop);
        break;
    case YD_SIO_OP_JOIN:
    case YD_SIO_OP_LEAVE:
        yd_sio_rooms_apply(sio_op, loop);
        break;
    case YD_SIO_OP_DISCONNECT:
        yd_sio_disconnect_apply(sio_op, loop);
        break;
    case YD_SIO_OP_SOCKETS:
    case YD_SIO_OP_ROOMS:
    case YD_SIO_OP_COUNTS:
        yd_sio_fetch_apply(sio_op, loop);
        break;
    case YD_SIO_OP_CALL:
        yd_sio_call_apply(sio_op, loop);
        break;
    case YD_SIO_OP_SERVER:
        yd_sio_server_apply(sio_op, loop);
        break;
    case YD_SIO_OP_NOTHING:
        break;
    }
}

static void release(struct yd_op *op)
{
    struct yd_sio_op *sio_op = (struct yd_sio_op *)op;

    if (sio_op->ns == NULL) /* it could not be decoded */
        return;
    if (op->kind == YD_SIO_OP_EMIT)
        yd_sio_emit_release(sio_op);
    else if (op->kind == YD_SIO_OP_JOIN || op->kind == YD_SIO_OP_LEAVE)
        yd_sio_rooms_release(sio_op);
    else if (op->kind == YD_SIO_OP_CALL)
        yd_sio_call_release(sio_op);
    else if (op->kind == YD_SIO_OP_SERVER)
        yd_sio_server_release(sio_op);
    yd_sio_ns_unref(sio_op->ns);
}

static void ref(struct yd_layer *layer)
{
    (void)yodel_sio_ref(yd_container_of(layer, yodel_sio, layer));
}

static void unref(struct yd_layer *layer)
{
    yodel_sio_unref(yd_container_of(layer, yodel_sio, layer));
}

static bool try_ref(struct yd_layer *layer)
{
    return yd_sio_try_ref(yd_container_of(layer, yodel_sio, layer));
}

const struct yd_layer_ops yd_sio_layer_ops = {
    .find = yd_sio_op_find,
    .apply = apply,
    .release = release,
    .ref = ref,
    .unref = unref,
    .try_ref = try_ref,
    .encode = yd_sio_op_encode,
    .op_size = yd_sio_op_size,
    .decode = yd_sio_op_decode,
    .encode_result = yd_sio_result_encode,
    .take_result = yd_sio_result_take,
};
