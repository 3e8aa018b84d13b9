/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <yodel/sio_emitter.h>

#include "adapter/classic_message.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/utf8.h"
#include "proto/json_pack.h"
#include "redis/redis.h"
#include "sio/encode.h"

/* Publishing from outside, in the classic form. */

struct yodel_sio_emitter {
    atomic_uint refs;
    const struct yodel_allocator *mem;
    yodel_redis *redis; /* a reference */
    char *nsp;          /* with its slash */
    char *prefix;
};

#define MAX_PREFIX 100
#define UID "emitter"

/* ---- life ---- */

static char *copy_nsp(const struct yodel_allocator *mem, const char *nsp)
{
    size_t slash = nsp[0] != '/', len = strlen(nsp);
    char *copy = yd_alloc(mem, slash + len + 1);

    if (copy == NULL)
        return NULL;
    copy[0] = '/';
    memcpy(copy + slash, nsp, len + 1);
    return copy;
}

static int check(const yodel_sio_emitter_options *options)
{
    size_t len = strlen(options->nsp);

    if (options->form > YODEL_SIO_REDIS_STREAMS)
        return -EINVAL;
    if (options->form != YODEL_SIO_REDIS_CLASSIC)
        return YODEL_ERR_UNSUPPORTED;
    if (len + (options->nsp[0] != '/') > YODEL_SIO_MAX_NAME || strchr(options->nsp, ',') != NULL ||
        !yd_utf8_is_valid(options->nsp, len))
        return YODEL_ERR_NAME;
    len = strlen(options->prefix);
    return len > 0 && len <= MAX_PREFIX ? 0 : YODEL_ERR_NAME;
}

static void free_emitter(yodel_sio_emitter *emitter)
{
    yodel_redis *redis = emitter->redis;

    yd_free(emitter->mem, emitter->nsp);
    yd_free(emitter->mem, emitter->prefix);
    yd_free(emitter->mem, emitter);
    yodel_redis_unref(redis); /* its allocator goes with it */
}

int yodel_sio_emitter_new(yodel_redis *redis, const yodel_sio_emitter_options *given,
                          yodel_sio_emitter **ret_emitter)
{
    yodel_sio_emitter_options options;
    yodel_sio_emitter *emitter;
    int rc;

    if (redis == NULL)
        return -EINVAL;
    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (options.prefix == NULL)
        options.prefix = "socket.io";
    if (options.nsp == NULL)
        options.nsp = "/";
    if ((rc = check(&options)) < 0)
        return rc;
    if ((emitter = yd_zalloc(yd_redis_mem(redis), sizeof *emitter)) == NULL)
        return -ENOMEM;
    atomic_init(&emitter->refs, 1);
    emitter->mem = yd_redis_mem(redis);
    emitter->redis = yodel_redis_ref(redis);
    emitter->nsp = copy_nsp(emitter->mem, options.nsp);
    emitter->prefix = yd_strndup(emitter->mem, options.prefix, strlen(options.prefix));
    if (emitter->nsp == NULL || emitter->prefix == NULL) {
        free_emitter(emitter);
        return -ENOMEM;
    }
    *ret_emitter = emitter;
    return 0;
}

yodel_sio_emitter *yodel_sio_emitter_ref(yodel_sio_emitter *emitter)
{
    if (emitter != NULL)
        atomic_fetch_add_explicit(&emitter->refs, 1, memory_order_relaxed);
    return emitter;
}

yodel_sio_emitter *yodel_sio_emitter_unref(yodel_sio_emitter *emitter)
{
    if (emitter != NULL && atomic_fetch_sub_explicit(&emitter->refs, 1, memory_order_acq_rel) == 1)
        free_emitter(emitter);
    return NULL;
}

/* ---- lists of names ---- */

static int read_list(const struct yodel_allocator *mem, const char *const *names,
                     const yodel_str **ret_list, size_t *ret_num)
{
    yodel_str *list;
    size_t num = 0;

    while (names != NULL && names[num] != NULL)
        num++;
    *ret_list = NULL;
    *ret_num = num;
    if (num == 0)
        return 0;
    if ((list = yd_alloc_array(mem, num, sizeof *list)) == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < num; i++)
        list[i] = yodel_str_of(names[i]);
    *ret_list = list;
    return 0;
}

static void done(struct yd_sio_outgoing *out, const struct yodel_allocator *mem)
{
    yd_free(mem, (void *)out->rooms);
    yd_free(mem, (void *)out->except);
    yd_free(mem, (void *)out->names);
}

/* 1: it is for no one. */
static int read_target(yodel_sio_emitter *emitter, const yodel_sio_emitter_target *given,
                       struct yd_sio_outgoing *out)
{
    yodel_sio_emitter_target target;
    int rc = yd_options_read(given, &target, sizeof target);

    if (rc < 0)
        return rc;
    out->ns = yodel_str_of(emitter->nsp);
    out->flags = target.flags;
    if (target.rooms != NULL && target.rooms[0] == NULL)
        return 1;
    if (read_list(emitter->mem, target.rooms, &out->rooms, &out->num_rooms) < 0 ||
        read_list(emitter->mem, target.except, &out->except, &out->num_except) < 0)
        return -ENOMEM;
    return 0;
}

/* ---- publishing ---- */

static int put_channel(const yodel_sio_emitter *emitter, const struct yd_sio_outgoing *out,
                       struct yd_buf *buf)
{
    bool is_emit = out->kind == YD_SIO_REMOTE_EMIT;
    yodel_str room = is_emit && out->num_rooms == 1 ? out->rooms[0] : (yodel_str){NULL, 0};
    int rc = yd_buf_printf(emitter->mem, buf, "%s%s#%s#", emitter->prefix,
                           is_emit ? "" : "-request", emitter->nsp);

    if (rc == 0 && room.ptr != NULL && (rc = yd_buf_append_str(emitter->mem, buf, room)) == 0)
        rc = yd_buf_append(emitter->mem, buf, "#", 1);
    return rc;
}

static int put_payload(const yodel_sio_emitter *emitter, const struct yd_sio_outgoing *out,
                       struct yd_buf *buf)
{
    const yodel_str none = {NULL, 0};
    yodel_str uid = YODEL_STR(UID);

    if (out->kind == YD_SIO_REMOTE_EMIT)
        return yd_classic_put_emit(emitter->mem, buf, uid, none, out);
    return yd_classic_put_request(emitter->mem, buf, out->kind == YD_SIO_REMOTE_SERVER ? uid : none,
                                  none, out);
}

static int publish(yodel_sio_emitter *emitter, const struct yd_sio_outgoing *out)
{
    struct yd_buf channel = {0}, payload = {0};
    int rc;

    if ((rc = put_channel(emitter, out, &channel)) == 0 &&
        (rc = put_payload(emitter, out, &payload)) == 0)
        rc = yd_redis_publish(emitter->redis, (yodel_str){(char *)channel.ptr, channel.len},
                              (yodel_bytes){payload.ptr, payload.len}, 0);
    yd_buf_free(emitter->mem, &channel);
    yd_buf_free(emitter->mem, &payload);
    return rc;
}

/* For target; out has the rest of it. */
static int publish_to(yodel_sio_emitter *emitter, const yodel_sio_emitter_target *target,
                      struct yd_sio_outgoing *out)
{
    int rc = read_target(emitter, target, out);

    if (rc == 0)
        rc = publish(emitter, out);
    done(out, emitter->mem);
    return rc < 0 ? rc : 0;
}

/* ---- events ---- */

static int check_event(yodel_str event)
{
    if (event.ptr == NULL || yd_sio_is_reserved(event))
        return YODEL_ERR_NAME;
    return yd_utf8_is_valid(event.ptr, event.len) ? 0 : YODEL_ERR_ENCODING;
}

static int emit_packed(yodel_sio_emitter *emitter, enum yd_sio_remote_kind kind,
                       const yodel_sio_emitter_target *target, const char *event,
                       struct yd_sio_packed *packed)
{
    struct yd_sio_outgoing out = {
        .kind = kind,
        .event = yodel_str_of(event),
        .elements = packed->elements,
        .attachments = packed->attachments,
        .num_attachments = (uint32_t)packed->num_attachments,
    };
    int rc = check_event(out.event);

    if (rc == 0)
        rc = publish_to(emitter, target, &out);
    yd_sio_packed_done(packed, emitter->mem);
    return rc;
}

/* What a format gives with "o" is taken in any case. */
static int pack(const yodel_sio_emitter *emitter, const char *format, va_list args,
                struct yd_sio_packed *packed)
{
    if (emitter != NULL)
        return yd_sio_pack(packed, emitter->mem, format, args);
    yd_json_pack_nothing(format, args);
    return -EINVAL;
}

int yodel_sio_emitter_emit(yodel_sio_emitter *emitter, const yodel_sio_emitter_target *target,
                           const char *event, const char *format, ...)
{
    struct yd_sio_packed packed;
    va_list args;
    int rc;

    va_start(args, format);
    rc = pack(emitter, format, args, &packed);
    va_end(args);
    return rc < 0 ? rc : emit_packed(emitter, YD_SIO_REMOTE_EMIT, target, event, &packed);
}

int yodel_sio_emitter_server_side_emit(yodel_sio_emitter *emitter, const char *event,
                                       const char *format, ...)
{
    struct yd_sio_packed packed;
    va_list args;
    int rc;

    va_start(args, format);
    rc = pack(emitter, format, args, &packed);
    va_end(args);
    return rc < 0 ? rc : emit_packed(emitter, YD_SIO_REMOTE_SERVER, NULL, event, &packed);
}

int yodel_sio_emitter_emit_args(yodel_sio_emitter *emitter, const yodel_sio_emitter_target *target,
                                const char *event, const yodel_sio_args *given)
{
    struct yd_sio_outgoing out = {.kind = YD_SIO_REMOTE_EMIT, .event = yodel_str_of(event)};
    yodel_sio_args args = {.size = sizeof args};
    int rc = emitter != NULL ? yd_sio_read_args(given, &args, &out.elements) : -EINVAL;

    if (rc == 0)
        rc = check_event(out.event);
    if (rc < 0)
        return rc;
    out.attachments = args.attachments;
    out.num_attachments = (uint32_t)args.num_attachments;
    return publish_to(emitter, target, &out);
}

/* ---- rooms and ends ---- */

static int change_rooms(yodel_sio_emitter *emitter, enum yd_sio_remote_kind kind,
                        const yodel_sio_emitter_target *target, const char *const *rooms)
{
    struct yd_sio_outgoing out = {.kind = kind};

    if (emitter == NULL || rooms == NULL)
        return -EINVAL;
    if (read_list(emitter->mem, rooms, &out.names, &out.num_names) < 0)
        return -ENOMEM;
    return publish_to(emitter, target, &out);
}

int yodel_sio_emitter_join(yodel_sio_emitter *emitter, const yodel_sio_emitter_target *target,
                           const char *const *rooms)
{
    return change_rooms(emitter, YD_SIO_REMOTE_JOIN, target, rooms);
}

int yodel_sio_emitter_leave(yodel_sio_emitter *emitter, const yodel_sio_emitter_target *target,
                            const char *const *rooms)
{
    return change_rooms(emitter, YD_SIO_REMOTE_LEAVE, target, rooms);
}

int yodel_sio_emitter_disconnect(yodel_sio_emitter *emitter, const yodel_sio_emitter_target *target,
                                 int close)
{
    struct yd_sio_outgoing out = {.kind = YD_SIO_REMOTE_DISCONNECT, .close = close != 0};

    return emitter != NULL ? publish_to(emitter, target, &out) : -EINVAL;
}
