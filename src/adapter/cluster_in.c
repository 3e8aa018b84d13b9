/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "adapter/cluster_peer.h"
#include "base/container.h"
#include "base/mem.h"
#include "proto/json_scan.h"

/* What other servers say and ask for. */

#define DEFAULT_ACK_MS 10000
#define MAX_ACK_MS 600000

/* ---- whom it is for ---- */

struct scope {
    struct yd_buf text; /* names, each with its NUL */
    yodel_str *names;   /* views of it */
    size_t num_joined;  /* at the beginning: those of rooms to join or leave */
    struct yd_sio_remote_scope remote;
};

static void scope_done(struct scope *scope, const struct yodel_allocator *mem)
{
    yd_free(mem, scope->names);
    yd_buf_free(mem, &scope->text);
}

static size_t count_names(const struct yd_buf *text)
{
    size_t num = 0;

    for (size_t i = 0; i < text->len; i++)
        num += text->ptr[i] == '\0';
    return num;
}

/* The names of an array, appended; *ret_num: how many. */
static int add_names(struct scope *scope, const struct yodel_allocator *mem, yodel_str array,
                     size_t *ret_num)
{
    size_t before = count_names(&scope->text);
    int rc = yd_cluster_get_names(mem, array, &scope->text);

    *ret_num = count_names(&scope->text) - before;
    return rc;
}

static unsigned flags_of(const struct yd_cluster_scope *scope)
{
    return (scope->is_volatile ? YODEL_SIO_VOLATILE : 0) |
           (scope->no_compress ? YODEL_SIO_NO_COMPRESS : 0);
}

static int read_scope(struct scope *scope, const struct yodel_allocator *mem,
                      const struct yd_cluster_message *message)
{
    size_t num, at = 0;
    int rc;

    memset(scope, 0, sizeof *scope);
    if ((rc = add_names(scope, mem, message->rooms, &scope->num_joined)) < 0 ||
        (rc = add_names(scope, mem, message->scope.rooms, &scope->remote.num_rooms)) < 0 ||
        (rc = add_names(scope, mem, message->scope.except, &scope->remote.num_except)) < 0)
        return rc;
    num = scope->num_joined + scope->remote.num_rooms + scope->remote.num_except;
    if ((scope->names = yd_alloc_array(mem, num + 1, sizeof *scope->names)) == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < num; i++) {
        scope->names[i] = yodel_str_of((const char *)scope->text.ptr + at);
        at += scope->names[i].len + 1;
    }
    scope->remote.rooms = scope->names + scope->num_joined;
    scope->remote.except = scope->remote.rooms + scope->remote.num_rooms;
    scope->remote.flags = flags_of(&message->scope);
    return 0;
}

/* ---- who wants an answer ---- */

struct asker {
    struct yd_sio_remote_asker base;
    struct yd_cluster *cluster;
    enum yd_sio_remote_kind kind;
    yodel_str nsp, uid, request; /* views of text */
    char text[];
};

static void respond(const struct asker *asker, enum yd_cluster_type type, struct yd_buf *data,
                    const yodel_bytes *attachments, uint32_t num_attachments)
{
    struct yd_cluster *cluster = asker->cluster;
    struct yd_buf channel = {0}, payload = {0};
    struct yd_cluster_out out = {
        .type = type,
        .uid = yodel_str_of(cluster->uid),
        .nsp = asker->nsp,
        .data = {(const char *)data->ptr, data->len},
        .attachments = attachments,
        .num_attachments = num_attachments,
    };
    int rc = yd_cluster_put_channel(cluster, &channel, asker->nsp, asker->uid);

    if (rc == 0)
        rc = yd_cluster_put_message(cluster->mem, &payload, &out, cluster->packs);
    if (rc == 0)
        rc = yd_cluster_publish(cluster, (yodel_str){(char *)channel.ptr, channel.len},
                                (yodel_bytes){payload.ptr, payload.len});
    else
        yd_adapter_count(&cluster->counters.failed);
    if (rc < 0)
        yd_redis_count_dropped(cluster->redis, 1);
    yd_buf_free(cluster->mem, &channel);
    yd_buf_free(cluster->mem, &payload);
}

static struct asker *asker_of(struct yd_sio_remote_asker *base)
{
    return yd_container_of(base, struct asker, base);
}

static void on_counted(struct yd_sio_remote_asker *base, unsigned num)
{
    struct asker *asker = asker_of(base);
    struct yd_buf data = {0};

    if (yd_cluster_put_count(asker->cluster->mem, &data, asker->request, num) == 0)
        respond(asker, YD_CLUSTER_CLIENT_COUNT, &data, NULL, 0);
    yd_buf_free(asker->cluster->mem, &data);
}

static void on_answered(struct yd_sio_remote_asker *base, yodel_str element,
                        const yodel_bytes *attachments, uint32_t num_attachments)
{
    struct asker *asker = asker_of(base);
    enum yd_cluster_type type =
        asker->kind == YD_SIO_REMOTE_SERVER ? YD_CLUSTER_SERVER_SIDE_RESPONSE : YD_CLUSTER_ACK;
    struct yd_buf data = {0};
    const struct yodel_allocator *mem = asker->cluster->mem;
    int rc = base->all_arguments ? yd_cluster_put_arguments(mem, &data, asker->request, element)
                                 : yd_cluster_put_value(mem, &data, asker->request, element);

    if (rc == 0)
        respond(asker, type, &data, attachments, num_attachments);
    yd_buf_free(asker->cluster->mem, &data);
}

static void respond_fetched(const struct asker *asker, struct yd_ask *ask)
{
    const struct yodel_allocator *mem = asker->cluster->mem;
    struct yd_buf sockets = {0}, data = {0};
    int rc = ask != NULL ? yd_sio_remote_fetched(ask, asker->kind, &sockets)
                         : yd_buf_append(mem, &sockets, "[]", 2);

    if (rc == 0 && yd_cluster_put_sockets(mem, &data, asker->request,
                                          (yodel_str){(char *)sockets.ptr, sockets.len}) == 0)
        respond(asker, YD_CLUSTER_FETCH_RESPONSE, &data, NULL, 0);
    yd_buf_free(mem, &sockets);
    yd_buf_free(mem, &data);
}

static void free_asker(struct asker *asker)
{
    atomic_fetch_sub(&asker->cluster->num_requests, 1);
    yd_free(asker->cluster->mem, asker);
}

static void on_reply(struct yd_asker *base, struct yd_ask *ask, unsigned missing)
{
    struct asker *asker = asker_of(yd_container_of(base, struct yd_sio_remote_asker, asker));

    (void)missing;
    if (asker->kind == YD_SIO_REMOTE_SOCKETS)
        respond_fetched(asker, ask);
    free_asker(asker);
}

static char *keep(char *at, yodel_str text, yodel_str *ret_view)
{
    memcpy(at, text.ptr, text.len);
    *ret_view = (yodel_str){at, text.len};
    return at + text.len;
}

/* NULL: there are too many, or no memory. */
static struct asker *make_asker(struct yd_cluster *cluster,
                                const struct yd_cluster_message *message,
                                enum yd_sio_remote_kind kind)
{
    size_t size = message->nsp.len + message->uid.len + message->request.len;
    struct asker *asker = NULL;
    char *at;

    if (atomic_fetch_add(&cluster->num_requests, 1) < cluster->max_requests)
        asker = yd_zalloc(cluster->mem, sizeof *asker + size);
    if (asker == NULL) {
        atomic_fetch_sub(&cluster->num_requests, 1);
        yd_adapter_count(&cluster->counters.requests_refused);
        yd_redis_count_malformed(cluster->redis);
        return NULL;
    }
    yd_adapter_count(&cluster->counters.requests_taken);
    asker->base = (struct yd_sio_remote_asker){
        .asker = {on_reply},
        .counted = on_counted,
        .answered = on_answered,
        .all_arguments = kind == YD_SIO_REMOTE_EMIT && message->scope.all_arguments,
    };
    asker->cluster = cluster;
    asker->kind = kind;
    at = keep(asker->text, message->nsp, &asker->nsp);
    at = keep(at, message->uid, &asker->uid);
    (void)keep(at, message->request, &asker->request);
    return asker;
}

/* ---- operations ---- */

static uint32_t ack_timeout(const struct yd_cluster_message *message)
{
    uint32_t ms = message->scope.timeout_ms;

    return ms == 0 ? DEFAULT_ACK_MS : ms < MAX_ACK_MS ? ms : MAX_ACK_MS;
}

static int make(yodel_sio_namespace *ns, const struct yd_cluster_message *message,
                const struct scope *scope, yodel_str offset, struct asker *asker,
                struct yd_op **ret_op)
{
    struct yd_sio_remote_words words = {
        .event = message->event,
        .elements = message->elements,
        .attachments = message->attachments,
        .num_attachments = message->num_attachments,
        .offset = offset,
    };
    struct yd_sio_remote_asker *base = asker != NULL ? &asker->base : NULL;

    switch (message->type) {
    case YD_CLUSTER_BROADCAST:
        return yd_sio_remote_emit(ns, &scope->remote, &words, ack_timeout(message), base, ret_op);
    case YD_CLUSTER_JOIN:
        return yd_sio_remote_rooms(ns, YD_SIO_REMOTE_JOIN, &scope->remote, scope->names,
                                   scope->num_joined, ret_op);
    case YD_CLUSTER_LEAVE:
        return yd_sio_remote_rooms(ns, YD_SIO_REMOTE_LEAVE, &scope->remote, scope->names,
                                   scope->num_joined, ret_op);
    case YD_CLUSTER_DISCONNECT:
        return yd_sio_remote_disconnect(ns, &scope->remote, message->close, ret_op);
    case YD_CLUSTER_FETCH:
        return yd_sio_remote_fetch(ns, YD_SIO_REMOTE_SOCKETS, &scope->remote, ret_op);
    case YD_CLUSTER_SERVER_SIDE:
        return yd_sio_remote_server_event(ns, &words, base, ret_op);
    default:
        return 0;
    }
}

static int make_op(struct yd_cluster *cluster, const struct yd_cluster_message *message,
                   yodel_str offset, struct asker *asker, struct yd_op **ret_op)
{
    yodel_sio_namespace *ns = yd_sio_remote_find(cluster->sio, message->nsp);
    struct scope scope;
    int rc;

    if (ns == NULL) { /* it has gone, or is of another kind of server: nobody is meant */
        yd_adapter_count(&cluster->counters.unmeant);
        return 0;
    }
    if ((rc = read_scope(&scope, cluster->mem, message)) == 0)
        rc = make(ns, message, &scope, offset, asker, ret_op);
    scope_done(&scope, cluster->mem);
    yd_sio_remote_unref(ns);
    return rc;
}

int yd_cluster_make_op(struct yd_cluster *cluster, const struct yd_cluster_message *message,
                       yodel_str offset, struct yd_op **ret_op)
{
    *ret_op = NULL;
    return make_op(cluster, message, offset, NULL, ret_op);
}

/* ---- dispatch ---- */

static void carry_out(struct yd_cluster *cluster, const struct yd_cluster_message *message)
{
    struct yd_op *op = NULL;
    int rc = make_op(cluster, message, (yodel_str){NULL, 0}, NULL, &op);

    if (rc == 0 && op != NULL)
        rc = yd_bus_inject(op, NULL);
    yd_cluster_note_failure(cluster, rc);
}

/* Who is asked and has nothing of it answers nothing, or "nobody". */
static void answer(struct yd_cluster *cluster, const struct yd_cluster_message *message,
                   enum yd_sio_remote_kind kind)
{
    struct asker *asker = make_asker(cluster, message, kind);
    struct yd_op *op = NULL;
    int rc;

    if (asker == NULL)
        return;
    rc = make_op(cluster, message, (yodel_str){NULL, 0}, asker, &op);
    if (rc == 0 && op != NULL) {
        yd_cluster_note_failure(cluster, yd_bus_inject(op, &asker->base.asker));
        return;
    }
    yd_cluster_note_failure(cluster, rc);
    if (rc == 0 && kind == YD_SIO_REMOTE_SOCKETS)
        respond_fetched(asker, NULL);
    else if (rc == 0 && kind == YD_SIO_REMOTE_EMIT)
        on_counted(&asker->base, 0);
    free_asker(asker);
}

static void dispatch(struct yd_cluster *cluster, const struct yd_cluster_message *message)
{
    bool asks = message->request.len > 0;

    switch (message->type) {
    case YD_CLUSTER_BROADCAST:
        if (asks)
            answer(cluster, message, YD_SIO_REMOTE_EMIT);
        else
            carry_out(cluster, message);
        break;
    case YD_CLUSTER_SERVER_SIDE:
        if (asks)
            answer(cluster, message, YD_SIO_REMOTE_SERVER);
        else
            carry_out(cluster, message);
        break;
    case YD_CLUSTER_FETCH:
        answer(cluster, message, YD_SIO_REMOTE_SOCKETS);
        break;
    case YD_CLUSTER_JOIN:
    case YD_CLUSTER_LEAVE:
    case YD_CLUSTER_DISCONNECT:
        carry_out(cluster, message);
        break;
    case YD_CLUSTER_FETCH_RESPONSE:
    case YD_CLUSTER_SERVER_SIDE_RESPONSE:
    case YD_CLUSTER_CLIENT_COUNT:
    case YD_CLUSTER_ACK:
        yd_cluster_answered(cluster, message);
        break;
    case YD_CLUSTER_INITIAL_HEARTBEAT: /* nobody counts by them */
    case YD_CLUSTER_HEARTBEAT:
    case YD_CLUSTER_CLOSE:
        break;
    }
}

/* Whether a channel is one of a namespace: prefix#nsp#... */
static bool is_channel_of(const struct yd_cluster *cluster, yodel_str channel, yodel_str nsp)
{
    size_t prefix = strlen(cluster->prefix);

    return channel.len >= prefix + nsp.len + 2 && channel.ptr[prefix] == '#' &&
           memcmp(channel.ptr + prefix + 1, nsp.ptr, nsp.len) == 0 &&
           channel.ptr[prefix + 1 + nsp.len] == '#';
}

void yd_cluster_receive(struct yd_cluster *cluster, yodel_str channel, yodel_bytes payload)
{
    struct yd_cluster_message message;
    int rc = yd_cluster_decode(cluster->mem, payload, &message);

    bool own = rc == 0 && yodel_str_eq(message.uid, yodel_str_of(cluster->uid));

    if (!own)
        yd_adapter_count(&cluster->counters.received);
    if (rc < 0) {
        yd_cluster_note_failure(cluster, rc);
        return;
    }
    if (!is_channel_of(cluster, channel, message.nsp))
        yd_cluster_note_failure(cluster, YODEL_ERR_PROTOCOL);
    else if (!own)
        dispatch(cluster, &message);
    yd_cluster_message_done(&message, cluster->mem);
}
