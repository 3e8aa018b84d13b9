/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/container.h"
#include "base/mem.h"
#include "proto/json_doc.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"
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
    pthread_mutex_t lock; /* for text and rc */
    struct yd_buf text;   /* elements of an array, or members of an object, as JSON */
    int rc;               /* -ENOMEM: something is missing */
    bool is_object;       /* rooms are names of members, so that each is there once */
    yodel_sio_sockets_fn *fn;
    void *user;
};

static const struct yodel_allocator *mem_of(const struct fetch_op *op)
{
    return op->base.scope.ns->sio->mem;
}

/* After the first error nothing more is put. */
static void put(struct fetch_op *op, yodel_str text)
{
    if (op->rc == 0)
        op->rc = yd_buf_append_str(mem_of(op), &op->text, text);
}

static void put_room(yodel_str room, void *arg)
{
    struct fetch_op *op = arg;

    if (op->text.len > 0 && op->text.ptr[op->text.len - 1] != '[')
        put(op, YODEL_STR(","));
    if (op->rc == 0)
        op->rc = yd_json_put_string(mem_of(op), &op->text, room);
    if (op->is_object)
        put(op, YODEL_STR(":null"));
}

static void put_socket(struct fetch_op *op, yodel_sio_socket *socket)
{
    put(op, op->text.len > 0 ? YODEL_STR(",{\"id\":\"") : YODEL_STR("{\"id\":\""));
    put(op, (yodel_str){socket->id, YD_ID_LEN});
    put(op, YODEL_STR("\",\"handshake\":"));
    if (op->rc == 0)
        op->rc = yd_sio_put_handshake(socket, &op->text);
    put(op, YODEL_STR(",\"rooms\":["));
    yodel_sio_each_room(socket, put_room, op);
    put(op, YODEL_STR("],\"data\":"));
    if (socket->json == NULL)
        put(op, YODEL_STR("{}"));
    else if (op->rc == 0)
        op->rc = yd_json_put_document(mem_of(op), &op->text, socket->json);
    put(op, YODEL_STR("}"));
}

static void each_fetch(yodel_sio_socket *socket, void *arg)
{
    struct fetch_op *op = arg;

    pthread_mutex_lock(&op->lock);
    put_socket(op, socket);
    pthread_mutex_unlock(&op->lock);
}

static void each_room(yodel_sio_socket *socket, void *arg)
{
    struct fetch_op *op = arg;

    pthread_mutex_lock(&op->lock);
    yodel_sio_each_room(socket, put_room, op);
    pthread_mutex_unlock(&op->lock);
}

/* The names of an object's members. */
static json_t *keys_of(json_t *object)
{
    json_t *keys = json_array();
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        if (json_array_append_new(keys, json_string(key)) < 0) {
            json_decref(keys);
            return NULL;
        }
    }
    return keys;
}

static int wrap(const struct fetch_op *op, struct yd_buf *text)
{
    yodel_str inside = {(char *)op->text.ptr, op->text.len};

    if (op->rc < 0)
        return op->rc;
    if (yd_buf_append(mem_of(op), text, op->is_object ? "{" : "[", 1) < 0 ||
        yd_buf_append_str(mem_of(op), text, inside) < 0 ||
        yd_buf_append(mem_of(op), text, op->is_object ? "}" : "]", 1) < 0)
        return -ENOMEM;
    return 0;
}

/* All that was gathered; NULL when something of it is missing. */
static json_t *result_of(const struct fetch_op *op)
{
    json_t *document = NULL, *keys;
    struct yd_buf text = {0};

    if (wrap(op, &text) == 0)
        (void)yd_json_read_checked((yodel_str){(char *)text.ptr, text.len}, &document);
    yd_buf_free(mem_of(op), &text);
    if (document == NULL || !op->is_object)
        return document;
    keys = keys_of(document);
    json_decref(document);
    return keys;
}

static void run_fetch(struct yd_mail *mail, void *receiver)
{
    struct fetch_op *op = yd_container_of(mail, struct fetch_op, mail);
    json_t *result;

    (void)receiver;
    if (!atomic_load(&op->base.failed)) {
        result = result_of(op);
        op->fn(result, op->user);
        json_decref(result);
    }
    yd_buf_free(mem_of(op), &op->text);
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
                        bool is_object, yodel_sio_sockets_fn *fn, void *user)
{
    struct fetch_op *op = yd_sio_op_new(ops, sizeof *op, target);

    if (op == NULL)
        return -ENOMEM;
    pthread_mutex_init(&op->lock, NULL);
    op->is_object = is_object;
    op->fn = fn;
    op->user = user;
    return yd_sio_op_run(op);
}

int yodel_sio_fetch_sockets(yodel_sio_target target, yodel_sio_sockets_fn *done, void *user)
{
    return run_fetch_op(&fetch_ops, &target, false, done, user);
}

int yodel_sio_fetch_rooms(yodel_sio_namespace *ns, yodel_sio_sockets_fn *done, void *user)
{
    yodel_sio_target target = yodel_sio_to_all(ns);

    return run_fetch_op(&fetch_rooms_ops, &target, true, done, user);
}
