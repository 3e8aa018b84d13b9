/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "sio/operation.h"

/* Verbs on all of a target: rooms, ends, what they are. */

/* ---- operations on many ---- */

struct rooms_op {
    struct yd_sio_op base; /* first */
    bool leave;
    struct yd_buf rooms; /* each with its NUL */
};

static void each_rooms(yodel_sio_socket *socket, void *arg)
{
    struct rooms_op *op = arg;

    for (size_t at = 0, len; at < op->rooms.len; at += len + 1) {
        const char *room = (const char *)op->rooms.ptr + at;

        len = strlen(room);
        if (op->leave)
            yodel_sio_leave(socket, room);
        else
            (void)yd_sio_socket_join(socket, room);
    }
}

static void done_rooms(void *arg, struct yd_loop *loop)
{
    struct rooms_op *op = arg;

    (void)loop;
    yd_buf_free(op->base.scope.ns->sio->mem, &op->rooms);
    yd_sio_op_free(op);
}

static const struct yd_sio_op_ops rooms_ops = {
    .each = each_rooms, .done = done_rooms, .away = true};

static int run_rooms(const yodel_sio_target *target, const char *const *rooms, bool leave)
{
    struct rooms_op *op = yd_sio_op_new(&rooms_ops, sizeof *op, target);

    if (op == NULL)
        return -ENOMEM;
    op->leave = leave;
    for (size_t i = 0; rooms[i] != NULL; i++)
        if (yd_buf_append(target->ns->sio->mem, &op->rooms, rooms[i], strlen(rooms[i]) + 1) < 0) {
            done_rooms(op, NULL);
            return -ENOMEM;
        }
    return yd_sio_op_run(op);
}

int yodel_sio_sockets_join(yodel_sio_target target, const char *const *rooms)
{
    return run_rooms(&target, rooms, false);
}

int yodel_sio_sockets_leave(yodel_sio_target target, const char *const *rooms)
{
    return run_rooms(&target, rooms, true);
}

struct disconnect_op {
    struct yd_sio_op base; /* first */
    int close;
};

static void each_disconnect(yodel_sio_socket *socket, void *arg)
{
    struct disconnect_op *op = arg;

    if (socket->phase == YD_SIO_CONNECTED)
        yodel_sio_disconnect(socket, op->close);
    else if (socket->phase == YD_SIO_AWAY)
        yd_sio_socket_set_phase(socket, YD_SIO_LEAVING);
}

static void done_disconnect(void *arg, struct yd_loop *loop)
{
    (void)loop;
    yd_sio_op_free(arg);
}

static const struct yd_sio_op_ops disconnect_ops = {
    .each = each_disconnect, .done = done_disconnect, .away = true};

int yodel_sio_disconnect_sockets(yodel_sio_target target, int close)
{
    struct disconnect_op *op = yd_sio_op_new(&disconnect_ops, sizeof *op, &target);

    if (op == NULL)
        return -ENOMEM;
    op->close = close;
    return yd_sio_op_run(op);
}

/* ---- looking at many ---- */

struct fetch_op {
    struct yd_sio_op base; /* first */
    struct yd_mail mail;
    pthread_mutex_t lock; /* for result */
    json_t *result;
    yodel_sio_sockets_fn *fn;
    void *user;
};

static void append_room(yodel_str room, void *user)
{
    (void)json_array_append_new(user, json_stringn(room.ptr, room.len));
}

static json_t *describe(yodel_sio_socket *socket)
{
    json_t *rooms = json_array();

    if (rooms != NULL)
        yodel_sio_each_room(socket, append_room, rooms);
    return json_pack("{s:s%, s:o, s:o, s:o}", "id", socket->id, (size_t)YD_ID_LEN, "handshake",
                     yodel_sio_handshake(socket), "rooms", rooms, "data",
                     socket->json != NULL ? json_deep_copy(socket->json) : json_object());
}

static void each_fetch(yodel_sio_socket *socket, void *arg)
{
    struct fetch_op *op = arg;
    json_t *description = describe(socket);

    pthread_mutex_lock(&op->lock);
    (void)json_array_append_new(op->result, description);
    pthread_mutex_unlock(&op->lock);
}

static void note_room(yodel_str room, void *user)
{
    char *name = yd_strndup(&yd_mem_default, room.ptr, room.len);

    if (name != NULL)
        (void)json_object_set_new(user, name, json_null());
    yd_free(&yd_mem_default, name);
}

static void each_room(yodel_sio_socket *socket, void *arg)
{
    struct fetch_op *op = arg;

    pthread_mutex_lock(&op->lock);
    yodel_sio_each_room(socket, note_room, op->result);
    pthread_mutex_unlock(&op->lock);
}

/* Rooms were gathered as an object's keys, each once. */
static json_t *keys_of(json_t *object)
{
    json_t *keys = json_array(), *value;
    const char *key;

    json_object_foreach(object, key, value)
    {
        (void)json_array_append_new(keys, json_string(key));
    }
    json_decref(object);
    return keys;
}

static void run_fetch(struct yd_mail *mail, void *receiver)
{
    struct fetch_op *op = yd_container_of(mail, struct fetch_op, mail);

    (void)receiver;
    if (json_is_object(op->result))
        op->result = keys_of(op->result);
    if (!atomic_load(&op->base.failed))
        op->fn(op->result, op->user);
    json_decref(op->result);
    pthread_mutex_destroy(&op->lock);
    yd_sio_op_free(op);
}

static void done_fetch(void *arg, struct yd_loop *loop)
{
    struct fetch_op *op = arg;

    op->mail.run = run_fetch;
    if (loop != NULL)
        yd_loop_task(loop, &op->mail);
    else
        run_fetch(&op->mail, NULL);
}

static const struct yd_sio_op_ops fetch_ops = {.each = each_fetch, .done = done_fetch};
static const struct yd_sio_op_ops fetch_rooms_ops = {.each = each_room, .done = done_fetch};

static int run_fetch_op(const struct yd_sio_op_ops *ops, const yodel_sio_target *target,
                        json_t *result, yodel_sio_sockets_fn *fn, void *user)
{
    struct fetch_op *op = result != NULL ? yd_sio_op_new(ops, sizeof *op, target) : NULL;

    if (op == NULL) {
        json_decref(result);
        return -ENOMEM;
    }
    pthread_mutex_init(&op->lock, NULL);
    op->result = result;
    op->fn = fn;
    op->user = user;
    return yd_sio_op_run(op);
}

int yodel_sio_fetch_sockets(yodel_sio_target target, yodel_sio_sockets_fn *done, void *user)
{
    return run_fetch_op(&fetch_ops, &target, json_array(), done, user);
}

int yodel_sio_fetch_rooms(yodel_sio_namespace *ns, yodel_sio_sockets_fn *done, void *user)
{
    yodel_sio_target target = yodel_sio_to_all(ns);

    return run_fetch_op(&fetch_rooms_ops, &target, json_object(), done, user);
}
