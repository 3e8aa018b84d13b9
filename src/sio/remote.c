/* SPDX-License-Identifier: MIT */
#include "sio/remote.h"

#include <errno.h>
#include <string.h>

#include "proto/json_doc.h"
#include "proto/json_scan.h"
#include "sio/emit.h"
#include "sio/fetch.h"
#include "sio/gather.h"
#include "sio/many.h"
#include "sio/readers.h"
#include "sio/server_event.h"
#include "sio/sio_codec.h"

/* Operations that other servers have sent, by what they name. */

/* ---- the service ---- */

void yd_sio_set_own_form(yodel_sio *sio)
{
    sio->layer.has_own_form = true;
}

bool yd_sio_is_carried(const yodel_sio *sio)
{
    return sio->layer.has_own_form || yd_bus_has_native_peer(sio->bus);
}

bool yd_sio_is_op_of(const yodel_sio *sio, const struct yd_op *op)
{
    return op->layer == &sio->layer;
}

bool yd_sio_is_layer_of(const yodel_sio *sio, yodel_str name)
{
    return yodel_str_eq(sio->layer.name, name);
}

void yd_sio_watch_own_rooms(yodel_sio *sio, yd_sio_own_room_fn *fn, void *arg)
{
    sio->on_own_room = fn;
    sio->own_room_arg = arg;
}

void *yd_sio_owner(const yodel_sio *sio)
{
    return sio->owner;
}

struct yd_bus *yd_sio_bus(const yodel_sio *sio)
{
    return sio->bus;
}

const struct yodel_allocator *yd_sio_mem(const yodel_sio *sio)
{
    return sio->mem;
}

yodel_sio_namespace *yd_sio_remote_find(yodel_sio *sio, yodel_str name)
{
    return yd_sio_ns_find(sio, name);
}

void yd_sio_remote_unref(yodel_sio_namespace *ns)
{
    yd_sio_ns_unref(ns);
}

bool yd_sio_remote_has_room(yodel_sio_namespace *ns, yodel_str room)
{
    char text[YD_SIO_NAME_MAX + 1 + YODEL_GROUP_NAME_MAX];
    size_t prefix = ns->name_len + 1;
    struct yd_loop_set set = {{0}};
    struct yd_key key;

    if (room.len == YD_ID_LEN || atomic_load(&ns->num_joins) > 0)
        return true;
    if (room.len > YODEL_GROUP_NAME_MAX)
        return false;
    memcpy(text, ns->name, ns->name_len);
    text[ns->name_len] = '#';
    if (room.len > 0)
        memcpy(text + prefix, room.ptr, room.len);
    key = yd_bus_key(ns->sio->bus, (yodel_str){text, prefix + room.len});
    yd_groups_find(ns->sio->rooms, &key, &set);
    for (unsigned i = 0; i < YD_MAX_LOOPS / 64; i++)
        if (set.bits[i] != 0)
            return true;
    return false;
}

/* ---- whom it is for ---- */

static struct yd_scope_size measure(const yodel_sio_namespace *ns,
                                    const struct yd_sio_remote_scope *scope)
{
    size_t num = scope->num_rooms + scope->num_except;
    struct yd_scope_size size = {num, num * (ns->name_len + 1)};

    for (size_t i = 0; i < scope->num_rooms; i++)
        size.text += scope->rooms[i].len;
    for (size_t i = 0; i < scope->num_except; i++)
        size.text += scope->except[i].len;
    return size;
}

static void *new_op(enum yd_sio_kind kind, size_t size, yodel_sio_namespace *ns,
                    const struct yd_sio_remote_scope *scope)
{
    struct yd_scope_size scope_size = measure(ns, scope);
    struct yd_sio_op *op = yd_op_new(&ns->sio->layer, kind, size, &scope_size);
    char text[YD_SIO_NAME_MAX + 1];
    yodel_str prefix = {text, ns->name_len + 1};

    if (op == NULL)
        return NULL;
    memcpy(text, ns->name, ns->name_len);
    text[ns->name_len] = '#';
    op->ns = yd_sio_ns_ref(ns);
    op->op.flags = scope->flags;
    op->op.local = op->op.deferred = true;
    op->op.scope.everyone = scope->num_rooms == 0;
    for (size_t i = 0; i < scope->num_rooms; i++)
        yd_op_add_room(&op->op, prefix, scope->rooms[i]);
    for (size_t i = 0; i < scope->num_except; i++)
        yd_op_add_except(&op->op, prefix, scope->except[i]);
    return op;
}

/* ---- events ---- */

static int read_words(const struct yd_sio_remote_words *given, struct yd_sio_words *words)
{
    *words = (struct yd_sio_words){given->event, given->elements, given->attachments,
                                   given->num_attachments};
    if (given->num_attachments > YD_SIO_MAX_ATTACHMENTS)
        return YODEL_ERR_PROTOCOL;
    if (given->num_attachments > 0 &&
        yd_sio_placeholders_count(given->elements, given->num_attachments) < 0)
        return YODEL_ERR_PROTOCOL;
    return 0;
}

/* A gather whose answers go to asker; NULL when out of memory. */
static struct yd_ask *make_ask(yodel_sio *sio, uint32_t timeout_ms,
                               struct yd_sio_remote_asker *asker)
{
    struct yd_sio_gather *gather = yd_sio_gather_new(sio, 0, timeout_ms, NULL, NULL);

    if (gather == NULL)
        return NULL;
    yd_sio_gather_pass_on(gather, asker);
    return yd_sio_gather_ask(gather);
}

static int fill_emit(struct yd_sio_emit_op *op, const struct yd_sio_words *words, yodel_str offset,
                     uint32_t timeout_ms, struct yd_sio_remote_asker *asker)
{
    yodel_sio *sio = op->base.ns->sio;
    struct yd_sio_news_options options = {
        .flags = op->base.op.flags,
        .acknowledged = asker != NULL,
        .keeps_words = yd_sio_has_readers(sio),
        .offset = offset,
    };
    int rc = yd_sio_news_make(&op->news, op->base.ns, words, &options);

    if (rc < 0)
        return rc == -ENOMEM ? rc : YODEL_ERR_PROTOCOL;
    if (options.keeps_words)
        yd_sio_emit_prepare_readers(op);
    op->base.op.weight += yd_sio_news_size(&op->news);
    if (asker == NULL)
        return 0;
    if ((op->base.op.ask = make_ask(sio, timeout_ms, asker)) == NULL)
        return -ENOMEM;
    yd_ask_open(op->base.op.ask);
    op->counts = true;
    return 0;
}

int yd_sio_remote_emit(yodel_sio_namespace *ns, const struct yd_sio_remote_scope *scope,
                       const struct yd_sio_remote_words *given, uint32_t timeout_ms,
                       struct yd_sio_remote_asker *asker, struct yd_op **ret_op)
{
    struct yd_sio_emit_op *op;
    struct yd_sio_words words;
    int rc;

    if ((rc = read_words(given, &words)) < 0)
        return rc;
    if (yd_sio_words_check(&words) < 0)
        return YODEL_ERR_PROTOCOL;
    if ((op = new_op(YD_SIO_OP_EMIT, sizeof *op, ns, scope)) == NULL)
        return -ENOMEM;
    if ((rc = fill_emit(op, &words, given->offset, timeout_ms, asker)) < 0)
        yd_op_unref(&op->base.op);
    else
        *ret_op = &op->base.op;
    return rc;
}

int yd_sio_remote_server_event(yodel_sio_namespace *ns, const struct yd_sio_remote_words *given,
                               struct yd_sio_remote_asker *asker, struct yd_op **ret_op)
{
    const struct yd_sio_remote_scope everyone = {.flags = 0};
    struct yd_sio_server_op *op;
    struct yd_sio_words words;
    int rc;

    if ((rc = read_words(given, &words)) < 0)
        return rc;
    if ((op = new_op(YD_SIO_OP_SERVER, sizeof *op, ns, &everyone)) == NULL)
        return -ENOMEM;
    if ((rc = yd_sio_news_keep(&op->news, ns->sio->mem, &words)) == 0 && asker != NULL &&
        (op->base.op.ask = make_ask(ns->sio, 0, asker)) == NULL)
        rc = -ENOMEM;
    if (rc < 0) {
        yd_op_unref(&op->base.op);
        return rc;
    }
    op->base.op.weight += yd_sio_news_size(&op->news);
    *ret_op = &op->base.op;
    return 0;
}

/* ---- rooms and ends ---- */

/* One with a NUL can be no room's. */
static int add_names(struct yd_sio_rooms_op *op, const yodel_str *names, size_t num)
{
    const struct yodel_allocator *mem = op->base.ns->sio->mem;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < num; i++) {
        if (names[i].len > 0 && memchr(names[i].ptr, '\0', names[i].len) != NULL)
            continue;
        if ((rc = yd_buf_append_str(mem, &op->rooms, names[i])) == 0)
            rc = yd_buf_append(mem, &op->rooms, "", 1);
    }
    return rc;
}

int yd_sio_remote_rooms(yodel_sio_namespace *ns, enum yd_sio_remote_kind kind,
                        const struct yd_sio_remote_scope *scope, const yodel_str *names, size_t num,
                        struct yd_op **ret_op)
{
    enum yd_sio_kind own = kind == YD_SIO_REMOTE_JOIN ? YD_SIO_OP_JOIN : YD_SIO_OP_LEAVE;
    struct yd_sio_rooms_op *op = new_op(own, sizeof *op, ns, scope);
    int rc;

    if (op == NULL)
        return -ENOMEM;
    if ((rc = add_names(op, names, num)) < 0) {
        yd_op_unref(&op->base.op);
        return rc;
    }
    op->base.op.weight += op->rooms.len;
    yd_sio_rooms_count(op);
    *ret_op = &op->base.op;
    return 0;
}

int yd_sio_remote_disconnect(yodel_sio_namespace *ns, const struct yd_sio_remote_scope *scope,
                             bool close, struct yd_op **ret_op)
{
    struct yd_sio_disconnect_op *op = new_op(YD_SIO_OP_DISCONNECT, sizeof *op, ns, scope);

    if (op == NULL)
        return -ENOMEM;
    op->close = close;
    op->base.op.control = true;
    *ret_op = &op->base.op;
    return 0;
}

/* ---- fetching ---- */

int yd_sio_remote_fetch(yodel_sio_namespace *ns, enum yd_sio_remote_kind kind,
                        const struct yd_sio_remote_scope *scope, struct yd_op **ret_op)
{
    enum yd_sio_kind own = kind == YD_SIO_REMOTE_ROOMS ? YD_SIO_OP_ROOMS : YD_SIO_OP_SOCKETS;
    struct yd_sio_op *op = new_op(own, sizeof *op, ns, scope);
    int rc;

    if (op == NULL)
        return -ENOMEM;
    if ((rc = yd_sio_fetch_answer(op)) < 0)
        yd_op_unref(&op->op);
    else
        *ret_op = &op->op;
    return rc;
}

static int put_keys(const struct yodel_allocator *mem, struct yd_buf *buf, json_t *object)
{
    int rc = yd_buf_append(mem, buf, "[", 1);

    for (void *at = json_object_iter(object); rc == 0 && at != NULL;
         at = json_object_iter_next(object, at)) {
        yodel_str name = {json_object_iter_key(at), json_object_iter_key_len(at)};

        if (buf->ptr[buf->len - 1] != '[')
            rc = yd_buf_append(mem, buf, ",", 1);
        if (rc == 0)
            rc = yd_json_put_string(mem, buf, name);
    }
    return rc == 0 ? yd_buf_append(mem, buf, "]", 1) : rc;
}

/* The names of an object's members, as an array: each once, though every socket in a room has told
 * it. */
static int put_names(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text)
{
    json_t *object;
    int rc = yd_json_read_checked(text, &object);

    if (rc == 0) {
        rc = put_keys(mem, buf, object);
        json_decref(object);
    }
    return rc;
}

int yd_sio_remote_fetched(struct yd_ask *ask, enum yd_sio_remote_kind kind, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = yd_ask_mem(ask);
    struct yd_buf object = {0};
    int rc;

    if (kind == YD_SIO_REMOTE_SOCKETS)
        return yd_sio_result_encode(ask, buf);
    if ((rc = yd_sio_result_encode(ask, &object)) == 0)
        rc = put_names(mem, buf, (yodel_str){(char *)object.ptr, object.len});
    yd_buf_free(mem, &object);
    return rc;
}
