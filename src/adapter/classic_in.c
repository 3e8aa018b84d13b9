/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "adapter/classic.h"
#include "adapter/room_names.h"
#include "base/container.h"
#include "base/mem.h"
#include "proto/json_scan.h"

/* What other servers and emitters send: operations for this process, some of which it answers. */

#define DEFAULT_ACK_MS 10000

/* A request that is being answered.  The adapter outlives it: its service keeps the server. */
struct incoming {
    struct yd_sio_remote_asker base; /* its reply is the end */
    struct yd_classic *classic;
    enum yd_classic_type type;
    struct yd_op *then; /* when the socket it is about is here; NULL: none */
    yodel_str request;  /* both in what follows */
    yodel_str channel;
    char text[];
};

/* ---- whom it is for ---- */

struct scope {
    struct yd_names rooms, except;
    struct yd_sio_remote_scope remote;
};

static void done_scope(struct scope *scope, const struct yodel_allocator *mem)
{
    yd_names_done(&scope->rooms, mem);
    yd_names_done(&scope->except, mem);
}

static int read_scope(const struct yodel_allocator *mem, const struct yd_classic_message *message,
                      struct scope *scope)
{
    int rc;

    memset(scope, 0, sizeof *scope);
    if ((rc = yd_names_read(mem, message->rooms, &scope->rooms)) == 0 &&
        (rc = yd_names_read(mem, message->except, &scope->except)) == 0)
        scope->remote =
            (struct yd_sio_remote_scope){scope->rooms.list, scope->rooms.num, scope->except.list,
                                         scope->except.num, message->flags};
    if (rc < 0)
        done_scope(scope, mem);
    return rc;
}

static struct yd_sio_remote_words words_of(const struct yd_classic_message *message)
{
    return (struct yd_sio_remote_words){.event = message->event,
                                        .elements = message->elements,
                                        .attachments = message->attachments,
                                        .num_attachments = message->num_attachments};
}

/* ---- answers ---- */

static void publish(const struct incoming *incoming, struct yd_buf *buf, int rc)
{
    struct yd_classic *classic = incoming->classic;

    if (rc == 0)
        (void)yd_classic_publish(classic, incoming->channel, (yodel_bytes){buf->ptr, buf->len});
    yd_buf_free(classic->mem, buf);
}

static void on_counted(struct yd_sio_remote_asker *asker, unsigned num)
{
    struct incoming *incoming = yd_container_of(asker, struct incoming, base);
    struct yd_buf buf = {0};

    publish(incoming, &buf,
            yd_classic_put_count(incoming->classic->mem, &buf, incoming->request, num));
}

static void on_answered(struct yd_sio_remote_asker *asker, yodel_str element,
                        const yodel_bytes *attachments, uint32_t num)
{
    struct incoming *incoming = yd_container_of(asker, struct incoming, base);
    const struct yodel_allocator *mem = incoming->classic->mem;
    struct yd_buf buf = {0};
    int rc;

    if (incoming->type == YD_CLASSIC_BROADCAST)
        rc = yd_classic_put_ack(mem, &buf, incoming->request, asker->all_arguments, element,
                                attachments, num);
    else
        rc = yd_classic_put_server_side(mem, &buf, incoming->request, element, attachments, num);
    publish(incoming, &buf, rc);
}

/* The ids of an array of sockets. */
static int put_ids(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str sockets)
{
    struct yd_json_iter iter = yd_json_array(sockets);
    int rc = yd_buf_append(mem, buf, "[", 1);
    yodel_str socket, id;

    while (rc == 0 && yd_json_next(&iter, &socket)) {
        if (!yd_json_get(socket, YODEL_STR("id"), &id))
            continue;
        if (buf->ptr[buf->len - 1] != '[')
            rc = yd_buf_append(mem, buf, ",", 1);
        if (rc == 0)
            rc = yd_buf_append_str(mem, buf, id);
    }
    return rc == 0 ? yd_buf_append(mem, buf, "]", 1) : rc;
}

static int put_fetched(const struct incoming *incoming, yodel_str array, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = incoming->classic->mem;
    yodel_str request = incoming->request;
    struct yd_buf ids = {0};
    int rc;

    if (incoming->type == YD_CLASSIC_ROOMS)
        return yd_classic_put_list(mem, buf, request, YODEL_STR("rooms"), array);
    if (incoming->type == YD_CLASSIC_FETCH)
        return yd_classic_put_list(mem, buf, request, YODEL_STR("sockets"), array);
    if ((rc = put_ids(mem, &ids, array)) == 0)
        rc = yd_classic_put_list(mem, buf, request, YODEL_STR("sockets"),
                                 (yodel_str){(char *)ids.ptr, ids.len});
    yd_buf_free(mem, &ids);
    return rc;
}

/* The socket of an old request is here, or not. */
static int put_found(struct incoming *incoming, yodel_str array, struct yd_buf *buf)
{
    struct yd_op *then = incoming->then;

    incoming->then = NULL;
    if (array.len <= 2) {
        yd_op_unref(then);
        return YODEL_ERR_NOT_FOUND;
    }
    (void)yd_bus_inject(then, NULL);
    return incoming->request.len == 0
               ? YODEL_ERR_NOT_FOUND
               : yd_classic_put_list(incoming->classic->mem, buf, incoming->request,
                                     (yodel_str){NULL, 0}, (yodel_str){NULL, 0});
}

static void answer_fetched(struct incoming *incoming, struct yd_ask *ask)
{
    const struct yodel_allocator *mem = incoming->classic->mem;
    enum yd_sio_remote_kind kind =
        incoming->type == YD_CLASSIC_ROOMS ? YD_SIO_REMOTE_ROOMS : YD_SIO_REMOTE_SOCKETS;
    struct yd_buf array = {0}, buf = {0};
    int rc = yd_sio_remote_fetched(ask, kind, &array);
    yodel_str text = {(char *)array.ptr, array.len};

    if (rc == 0)
        rc = incoming->then != NULL ? put_found(incoming, text, &buf)
                                    : put_fetched(incoming, text, &buf);
    publish(incoming, &buf, rc);
    yd_buf_free(mem, &array);
}

static void on_end(struct yd_asker *asker, struct yd_ask *ask, unsigned missing)
{
    struct incoming *incoming = yd_container_of(asker, struct incoming, base.asker);
    struct yd_classic *classic = incoming->classic;

    (void)missing; /* there is no word for it: what is here is told */
    if (ask != NULL && incoming->type != YD_CLASSIC_BROADCAST &&
        incoming->type != YD_CLASSIC_SERVER_SIDE)
        answer_fetched(incoming, ask);
    if (incoming->then != NULL)
        yd_op_unref(incoming->then);
    yd_free(classic->mem, incoming);
    atomic_fetch_sub(&classic->num_requests, 1);
}

/* <prefix>-response#<namespace>#, and the uid of who asks, if it alone gets it. */
static size_t channel_size(const struct yd_classic *classic, yodel_str ns, yodel_str uid)
{
    return strlen(classic->prefix) + sizeof "-response##" + ns.len + uid.len + 1;
}

static char *append(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    return to + len;
}

static void write_channel(struct incoming *incoming, char *to, yodel_str ns, yodel_str uid)
{
    char *begin = to;

    to = append(to, incoming->classic->prefix, strlen(incoming->classic->prefix));
    to = append(to, "-response#", 10);
    to = append(to, ns.ptr, ns.len);
    *to++ = '#';
    if (uid.len > 0) {
        to = append(to, uid.ptr, uid.len);
        *to++ = '#';
    }
    incoming->channel = (yodel_str){begin, (size_t)(to - begin)};
}

/* NULL: out of memory, or there are too many. */
static struct incoming *make_incoming(struct yd_classic *classic, yodel_str ns,
                                      const struct yd_classic_message *message)
{
    yodel_str uid = classic->answer_one ? message->uid : (yodel_str){NULL, 0};
    struct incoming *incoming = NULL;

    if (atomic_fetch_add(&classic->num_requests, 1) < classic->max_requests)
        incoming = yd_zalloc(classic->mem, sizeof *incoming + message->request.len +
                                               channel_size(classic, ns, uid));
    if (incoming == NULL) {
        atomic_fetch_sub(&classic->num_requests, 1);
        yd_classic_count_refused(classic);
        return NULL;
    }
    yd_adapter_count(&classic->counters.requests_taken);
    incoming->base = (struct yd_sio_remote_asker){
        .asker = {on_end},
        .counted = on_counted,
        .answered = on_answered,
        .all_arguments = message->type == YD_CLASSIC_BROADCAST &&
                         (message->flags & YODEL_SIO_ALL_ARGUMENTS) != 0,
    };
    incoming->classic = classic;
    incoming->type = message->type;
    incoming->request = (yodel_str){incoming->text, message->request.len};
    if (message->request.len > 0)
        memcpy(incoming->text, message->request.ptr, message->request.len);
    write_channel(incoming, incoming->text + message->request.len, ns, uid);
    return incoming;
}

/* rc: of making op.  Takes both. */
static int inject(int rc, struct yd_op *op, struct incoming *incoming)
{
    if (rc == 0) {
        rc = yd_bus_inject(op, incoming != NULL ? &incoming->base.asker : NULL);
    } else if (incoming != NULL) {
        on_end(&incoming->base.asker, NULL, 0);
    }
    return rc;
}

/* ---- broadcasts ---- */

static int emit(struct yd_classic *classic, yodel_sio_namespace *ns,
                const struct yd_classic_message *message, struct incoming *incoming)
{
    uint32_t timeout_ms = message->timeout_ms != 0 ? message->timeout_ms : DEFAULT_ACK_MS;
    struct yd_sio_remote_words words = words_of(message);
    struct yd_op *op = NULL;
    struct scope scope;
    int rc = read_scope(classic->mem, message, &scope);

    if (rc == 0) {
        rc = yd_sio_remote_emit(ns, &scope.remote, &words, timeout_ms,
                                incoming != NULL ? &incoming->base : NULL, &op);
        done_scope(&scope, classic->mem);
    }
    return inject(rc, op, incoming);
}

static void note(struct yd_classic *classic, int rc)
{
    if (rc == YODEL_ERR_PROTOCOL)
        yd_classic_count_malformed(classic);
    else if (rc < 0)
        yd_adapter_count(&classic->counters.lost);
}

static bool is_own_name(yodel_sio_namespace *ns, yodel_str body)
{
    return yd_json_body_eq(body, yodel_sio_namespace_name(ns));
}

/* What nobody here can get is not decoded. */
void yd_classic_on_broadcast(struct yd_classic *classic, yodel_str name, yodel_str room,
                             yodel_bytes payload)
{
    struct yd_classic_message message;
    yodel_sio_namespace *ns;
    int rc;

    if (yd_classic_is_from(payload, yd_classic_uid(classic)))
        return;
    yd_adapter_count(&classic->counters.received);
    ns = yd_sio_remote_find(classic->sio, name);
    if (ns == NULL || (room.len > 0 && !yd_sio_remote_has_room(ns, room))) {
        yd_adapter_count(&classic->counters.unmeant);
    } else {
        rc = yd_classic_read_broadcast(classic->mem, payload, &message);
        if (rc == 0 && is_own_name(ns, message.nsp))
            rc = emit(classic, ns, &message, NULL);
        note(classic, rc);
        yd_classic_message_done(&message, classic->mem);
    }
    if (ns != NULL)
        yd_sio_remote_unref(ns);
}

/* ---- requests ---- */

static int change(struct yd_classic *classic, yodel_sio_namespace *ns,
                  const struct yd_classic_message *message)
{
    struct yd_names names = {NULL, 0};
    struct yd_op *op = NULL;
    struct scope scope;
    int rc = read_scope(classic->mem, message, &scope);

    if (rc < 0)
        return rc;
    if (message->type == YD_CLASSIC_DISCONNECT)
        rc = yd_sio_remote_disconnect(ns, &scope.remote, message->close, &op);
    else if ((rc = yd_names_read(classic->mem, message->names, &names)) == 0)
        rc = yd_sio_remote_rooms(
            ns, message->type == YD_CLASSIC_JOIN ? YD_SIO_REMOTE_JOIN : YD_SIO_REMOTE_LEAVE,
            &scope.remote, names.list, names.num, &op);
    yd_names_done(&names, classic->mem);
    done_scope(&scope, classic->mem);
    return inject(rc, op, NULL);
}

/* One that is a name's text: a room is a string or a number. */
static int make_change(struct yd_classic *classic, yodel_sio_namespace *ns,
                       const struct yd_classic_message *message,
                       const struct yd_sio_remote_scope *scope, struct yd_op **ret_op)
{
    yodel_str room = message->room;

    if (message->type == YD_CLASSIC_DISCONNECT)
        return yd_sio_remote_disconnect(ns, scope, message->close, ret_op);
    if (yd_json_type_of(room) != YD_JSON_NUMBER && !yd_json_body(room, &room))
        return YODEL_ERR_PROTOCOL;
    if (yd_json_is_escaped(room))
        room.len = (size_t)(yd_json_unescape((char *)room.ptr, room) - room.ptr);
    (void)classic;
    return yd_sio_remote_rooms(
        ns, message->type == YD_CLASSIC_JOIN ? YD_SIO_REMOTE_JOIN : YD_SIO_REMOTE_LEAVE, scope,
        &room, 1, ret_op);
}

/* Of one socket, as older servers ask: who has it does it, and answers. */
static int change_one(struct yd_classic *classic, yodel_sio_namespace *ns,
                      const struct yd_classic_message *message)
{
    struct yd_op *op = NULL, *fetch = NULL;
    struct yd_sio_remote_scope scope = {.num_rooms = 1};
    struct incoming *incoming;
    yodel_str sid;
    int rc;

    if (!yd_json_body(message->sid, &sid))
        return YODEL_ERR_PROTOCOL;
    scope.rooms = &sid;
    if ((rc = make_change(classic, ns, message, &scope, &op)) < 0)
        return rc;
    if ((rc = yd_sio_remote_fetch(ns, YD_SIO_REMOTE_SOCKETS, &scope, &fetch)) < 0) {
        yd_op_unref(op);
        return rc;
    }
    if ((incoming = make_incoming(classic, yodel_sio_namespace_name(ns), message)) != NULL)
        incoming->then = op;
    else
        yd_op_unref(op);
    return inject(0, fetch, incoming);
}

static int fetch(struct yd_classic *classic, yodel_sio_namespace *ns,
                 struct yd_classic_message *message, struct incoming *incoming)
{
    enum yd_sio_remote_kind kind =
        message->type == YD_CLASSIC_ROOMS ? YD_SIO_REMOTE_ROOMS : YD_SIO_REMOTE_SOCKETS;
    struct yd_op *op = NULL;
    struct scope scope;
    int rc;

    if (message->type == YD_CLASSIC_SOCKETS)
        message->rooms = message->names;
    if ((rc = read_scope(classic->mem, message, &scope)) == 0) {
        rc = yd_sio_remote_fetch(ns, kind, &scope.remote, &op);
        done_scope(&scope, classic->mem);
    }
    return inject(rc, op, incoming);
}

static int server_side(struct yd_classic *classic, yodel_sio_namespace *ns,
                       const struct yd_classic_message *message, struct incoming *incoming)
{
    struct yd_sio_remote_words words = words_of(message);
    struct yd_op *op = NULL;
    int rc = yd_sio_remote_server_event(ns, &words, incoming != NULL ? &incoming->base : NULL, &op);

    (void)classic;
    return inject(rc, op, incoming);
}

static int answer(struct yd_classic *classic, yodel_sio_namespace *ns,
                  struct yd_classic_message *message)
{
    struct incoming *incoming = NULL;

    if (message->request.len > 0 &&
        (incoming = make_incoming(classic, yodel_sio_namespace_name(ns), message)) == NULL)
        return 0;
    if (message->type == YD_CLASSIC_SERVER_SIDE)
        return server_side(classic, ns, message, incoming);
    if (message->type == YD_CLASSIC_BROADCAST)
        return emit(classic, ns, message, incoming);
    return fetch(classic, ns, message, incoming);
}

/* What this process has asked it has done already. */
static int take_request(struct yd_classic *classic, yodel_sio_namespace *ns,
                        struct yd_classic_message *message)
{
    if (yd_json_body_eq(message->uid, yd_classic_uid(classic)))
        return 0;
    yd_adapter_count(&classic->counters.received);
    if (message->type == YD_CLASSIC_BROADCAST && !is_own_name(ns, message->nsp))
        return 0;
    if (message->type < YD_CLASSIC_JOIN || message->type > YD_CLASSIC_DISCONNECT)
        return answer(classic, ns, message);
    return message->has_opts ? change(classic, ns, message) : change_one(classic, ns, message);
}

void yd_classic_on_request(struct yd_classic *classic, yodel_str name, yodel_bytes payload)
{
    yodel_sio_namespace *ns = yd_sio_remote_find(classic->sio, name);
    struct yd_classic_message message;
    int rc;

    if (ns == NULL)
        return;
    if ((rc = yd_classic_read_request(classic->mem, payload, &message)) == 0)
        rc = take_request(classic, ns, &message);
    else
        yd_adapter_count(&classic->counters.received);
    note(classic, rc);
    yd_classic_message_done(&message, classic->mem);
    yd_sio_remote_unref(ns);
}
