/* SPDX-License-Identifier: MIT */
#include "sio/sio_post.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "sio/membership.h"
#include "sio/socket.h"
#include "sio/walk.h"

/* Sockets by their ids, and how many there are. */

/* ---- calls ---- */

struct call_op {
    struct yd_sio_op base; /* first */
    yodel_sio_post_fn *fn;
    void *arg;
    yodel_free_fn *free_arg;
    atomic_bool called;
};

/* An id is one socket's, but one that was recovered has that of another. */
static void call_socket(yodel_sio_socket *socket, void *arg)
{
    struct call_op *op = arg;

    if (!atomic_exchange(&op->called, true))
        op->fn(socket, op->arg);
}

void yd_sio_call_apply(struct yd_sio_op *op, struct yd_loop *loop)
{
    yd_sio_walk(op, loop, false, call_socket, op);
}

void yd_sio_call_release(struct yd_sio_op *op)
{
    struct call_op *call = (struct call_op *)op;

    if (call->free_arg != NULL)
        call->free_arg(call->arg);
}

/* Without a function to free what is not taken yet. */
static struct call_op *make_call(yodel_sio_namespace *ns, yodel_str id)
{
    struct yd_scope_size size = {0, YD_ID_LEN};
    struct call_op *op = yd_op_new(&ns->sio->layer, YD_SIO_OP_CALL, sizeof *op, &size);

    if (op == NULL)
        return NULL;
    op->base.ns = yd_sio_ns_ref(ns);
    op->base.op.local = true;
    op->base.op.deferred = true;
    atomic_init(&op->called, false);
    yd_op_add_only(&op->base.op, id);
    return op;
}

int yodel_sio_namespace_post(yodel_sio_namespace *ns, const char *socket_id, yodel_sio_post_fn *fn,
                             void *arg, yodel_free_fn *free_arg)
{
    yodel_str id = yodel_str_of(socket_id);
    struct call_op *op = NULL;
    int rc = -EINVAL;

    if (ns != NULL && fn != NULL)
        rc = id.len == YD_ID_LEN ? 0 : YODEL_ERR_NAME;
    if (rc == 0 && (op = make_call(ns, id)) == NULL)
        rc = -ENOMEM;
    if (rc < 0) {
        if (free_arg != NULL)
            free_arg(arg);
        return rc;
    }
    op->fn = fn;
    op->arg = arg;
    op->free_arg = free_arg;
    return yd_bus_send(&op->base.op);
}

/* ---- looking ---- */

struct yd_loop *yd_sio_current_loop(const yodel_sio *sio)
{
    for (unsigned i = 0; i < sio->num_loops; i++)
        if (yd_loop_is_current(sio->loops[i]))
            return sio->loops[i];
    return NULL;
}

yodel_sio_socket *yodel_sio_namespace_find_socket(yodel_sio_namespace *ns, const char *socket_id)
{
    struct yd_loop *loop = ns != NULL ? yd_sio_current_loop(ns->sio) : NULL;
    yodel_sio_socket *socket =
        loop != NULL ? yd_sio_socket_find(ns, loop, yodel_str_of(socket_id)) : NULL;

    return socket != NULL && socket->phase == YD_SIO_CONNECTED ? socket : NULL;
}

size_t yodel_sio_namespace_count(const yodel_sio_namespace *ns)
{
    size_t count = 0;

    if (ns == NULL)
        return 0;
    for (unsigned i = 0; i < ns->sio->num_loops; i++)
        count += atomic_load_explicit(&ns->shards[i].connected, memory_order_relaxed);
    return count;
}

size_t yodel_sio_namespace_num_rooms(yodel_sio_namespace *ns)
{
    struct yd_buf children = {0};
    size_t count = 0;
    int num;

    if (ns == NULL)
        return 0;
    if (!ns->is_parent)
        return yd_group_tally_num(ns->room_tally);
    num = yd_sio_ns_children(ns, &children);
    for (int i = 0; i < num; i++) {
        yodel_sio_namespace *child = ((yodel_sio_namespace **)(void *)children.ptr)[i];

        count += yd_group_tally_num(child->room_tally);
        yd_sio_ns_unref(child);
    }
    yd_buf_free(ns->sio->mem, &children);
    return count;
}

static size_t count_room(const yodel_sio_namespace *ns, const char *room)
{
    struct yd_sio_group_name name;
    struct yd_key key;

    if (!yd_sio_group_name(yodel_sio_namespace_name(ns), room, &name))
        return 0;
    key = yd_bus_key(ns->sio->bus, (yodel_str){name.text, name.len});
    return yd_groups_count(ns->sio->rooms, &key);
}

size_t yodel_sio_namespace_room_count(yodel_sio_namespace *ns, const char *room)
{
    struct yd_buf children = {0};
    size_t count = 0;
    int num;

    if (ns == NULL)
        return 0;
    if (!ns->is_parent)
        return count_room(ns, room);
    num = yd_sio_ns_children(ns, &children);
    for (int i = 0; i < num; i++) {
        yodel_sio_namespace *child = ((yodel_sio_namespace **)(void *)children.ptr)[i];

        count += count_room(child, room);
        yd_sio_ns_unref(child);
    }
    yd_buf_free(ns->sio->mem, &children);
    return count;
}
