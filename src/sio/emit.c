/* SPDX-License-Identifier: MIT */
#include "sio/emit.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "channels/channel_event.h"
#include "sio/client.h"
#include "sio/encode.h"
#include "sio/gather.h"
#include "sio/operation.h"
#include "sio/sio_event.h"

/* Events that go out. */

/* An event ready to be given to sockets. */
struct packet {
    struct yd_sio_out out;
    char offset[YD_SIO_OFFSET_SIZE]; /* "": without recovery, or an event with acknowledgement */
    unsigned flags;                  /* of the target */
    uint64_t id;
    struct yd_sio_gather *gather; /* NULL: no acknowledgement */
    yodel_str event, args;        /* for those who watch what goes out; borrowed */
};

/* What an emit is made of, checked. */
struct event {
    yodel_str name, elements;
    const yodel_bytes *attachments;
    size_t num_attachments;
};

static void tell_watchers(yodel_sio_socket *socket, const struct packet *packet)
{
    struct yd_sio_middleware *watcher = socket->ns->config->outgoing;

    for (; watcher != NULL; watcher = watcher->next)
        watcher->outgoing_fn(socket, packet->event, packet->args, watcher->user);
}

static unsigned session_flags(unsigned flags)
{
    return ((flags & YODEL_SIO_VOLATILE) != 0 ? YD_EIO_VOLATILE : 0) |
           ((flags & YODEL_SIO_NO_COMPRESS) != 0 ? YD_EIO_NO_COMPRESS : 0);
}

static void remember(yodel_sio_socket *socket, const struct packet *packet)
{
    bool is_volatile = (packet->flags & YODEL_SIO_VOLATILE) != 0;

    if (packet->offset[0] != '\0')
        yd_sio_socket_note(socket, packet->offset, is_volatile ? NULL : &packet->out);
}

/* A socket that is away, or not back yet, only remembers; what may be dropped it does not. */
static void give_absent(yodel_sio_socket *socket, const struct packet *packet)
{
    if (packet->gather == NULL && (packet->flags & YODEL_SIO_VOLATILE) == 0)
        remember(socket, packet);
}

/* Handlers, what is remembered, and the wire see events in one order: watchers may emit too. */
static int give(yodel_sio_socket *socket, const struct packet *packet)
{
    int rc;

    if (socket->phase != YD_SIO_CONNECTED) {
        give_absent(socket, packet);
        return 0;
    }
    if (packet->gather != NULL &&
        (rc = yd_sio_gather_expect(packet->gather, socket, packet->id)) < 0)
        return rc;
    if (socket->ns->config->outgoing != NULL)
        tell_watchers(socket, packet);
    rc = yd_eio_send(socket->client->session, packet->out.msgs, packet->out.num,
                     session_flags(packet->flags));
    if (rc < 0 && packet->gather != NULL)
        yd_sio_gather_forget(packet->gather, socket, packet->id);
    if (rc == 0 || rc == YODEL_ERR_CLOSED) /* the connection was lost in this very turn */
        remember(socket, packet);
    return rc;
}

static struct yd_sio_output output_of(const yodel_sio_target *target, const struct event *event)
{
    return (struct yd_sio_output){
        .type = YD_SIO_EVENT,
        .nsp = yodel_sio_namespace_name(target->ns),
        .event = event->name,
        .args = event->elements,
        .num_attachments = (uint32_t)event->num_attachments,
    };
}

static int make_packet(const yodel_sio_target *target, const struct event *event,
                       struct yd_sio_gather *gather, struct packet *packet)
{
    yodel_sio *sio = target->ns->sio;
    struct yd_sio_output output = output_of(target, event);

    memset(packet, 0, sizeof *packet);
    packet->flags = target->flags;
    packet->gather = gather;
    if (gather != NULL) {
        output.has_id = true;
        output.id = packet->id = atomic_fetch_add(&target->ns->ack_id, 1) & YD_SIO_MAX_ID;
    } else if (sio->options.recovery_ms > 0) {
        yd_sio_next_offset(&sio->ids, packet->offset);
        output.offset = yodel_str_of(packet->offset);
    }
    return yd_sio_encode_out(sio->mem, sio->options.parser, &output, event->attachments,
                             &packet->out);
}

/* ---- to one ---- */

/* {args} as an array, for watchers. */
static int bracket(const struct yodel_allocator *mem, const struct event *event,
                   struct yd_buf *ret_args)
{
    return yd_buf_printf(mem, ret_args, "[%.*s]", (int)event->elements.len, event->elements.ptr);
}

/* Nobody else needs the packet: no acknowledgement, no watcher, nothing to be remembered. */
static int try_small(const yodel_sio_target *target, const struct event *event)
{
    yodel_sio_socket *socket = target->socket;
    struct yd_sio_output output = output_of(target, event);

    if (socket->phase != YD_SIO_CONNECTED || socket->ns->config->outgoing != NULL ||
        socket->ns->sio->options.recovery_ms > 0)
        return YODEL_ERR_STATE;
    return yd_sio_client_send_small(socket->client, &output, session_flags(target->flags));
}

static int emit_to_one(const yodel_sio_target *target, const struct event *event,
                       struct yd_sio_gather *gather)
{
    const struct yodel_allocator *mem = target->ns->sio->mem;
    yodel_sio_socket *socket = target->socket;
    struct packet packet;
    struct yd_buf args = {0};
    int rc;

    if (gather == NULL && (rc = try_small(target, event)) != YODEL_ERR_STATE)
        return rc;
    if ((rc = make_packet(target, event, gather, &packet)) < 0)
        return rc;
    if (target->ns->config->outgoing != NULL && (rc = bracket(mem, event, &args)) == 0) {
        packet.event = event->name;
        packet.args = (yodel_str){(char *)args.ptr, args.len};
    }
    if (rc == 0)
        rc = give(socket, &packet);
    yd_buf_free(mem, &args);
    yd_sio_out_unref(&packet.out);
    return rc;
}

/* ---- to many ---- */

struct emit_op {
    struct yd_sio_op base; /* first */
    struct emit_op *next;  /* to be run together with it */
    struct packet packet;
    struct yd_buf text; /* name and arguments for watchers */
};

static void each(yodel_sio_socket *socket, void *arg)
{
    struct emit_op *op = arg;
    int rc = give(socket, &op->packet);

    if (rc < 0 && op->packet.gather != NULL)
        yd_sio_gather_miss(op->packet.gather, rc);
    if (rc == YODEL_ERR_CONGESTED && socket->ns->sio->options.close_congested) {
        remember(socket, &op->packet); /* to be had when it comes back */
        yd_sio_client_fail(socket->client, "too slow for what is broadcast");
    }
}

static void free_op(struct emit_op *op)
{
    yd_sio_out_unref(&op->packet.out);
    yd_buf_free(op->base.scope.ns->sio->mem, &op->text);
    yd_sio_op_free(op);
}

static void done(void *arg, struct yd_loop *loop)
{
    struct emit_op *op = arg;

    if (op->packet.gather != NULL)
        yd_sio_gather_close(op->packet.gather, loop, atomic_load(&op->base.failed));
    free_op(op);
}

static const struct yd_sio_op_ops emit_ops = {.each = each, .done = done, .away = true};

/* The caller's strings do not live as long as the operation. */
static int keep_text(struct emit_op *op, const struct event *event)
{
    const struct yodel_allocator *mem = op->base.scope.ns->sio->mem;
    size_t len = event->name.len;

    if (op->base.scope.ns->config->outgoing == NULL)
        return 0;
    if (yd_buf_append_str(mem, &op->text, event->name) < 0 || bracket(mem, event, &op->text) < 0)
        return -ENOMEM;
    op->packet.event = (yodel_str){(char *)op->text.ptr, len};
    op->packet.args = (yodel_str){(char *)op->text.ptr + len, op->text.len - len};
    return 0;
}

static int make_op(const yodel_sio_target *target, const struct event *event,
                   struct yd_sio_gather *gather, struct emit_op **ret_op)
{
    struct emit_op *op = yd_sio_op_new(&emit_ops, sizeof *op, target);
    int rc;

    if (op == NULL)
        return -ENOMEM;
    if ((rc = make_packet(target, event, gather, &op->packet)) < 0) {
        yd_sio_op_free(op);
        return rc;
    }
    if ((rc = keep_text(op, event)) < 0) {
        free_op(op);
        return rc;
    }
    *ret_op = op;
    return 0;
}

static int emit_to_many(const yodel_sio_target *target, const struct event *event,
                        struct yd_sio_gather *gather)
{
    struct emit_op *op;
    int rc = make_op(target, event, gather, &op);

    return rc < 0 ? rc : yd_sio_op_run(op);
}

/* ---- the verb ---- */

/* Whether event is sent in the call.  A watcher's waits its turn like those to many. */
static bool is_direct(const yodel_sio_target *target)
{
    const yodel_sio_socket *socket = target->socket;

    return socket != NULL && target->except == NULL && target->but[0] == '\0' &&
           !target->ns->sio->per_loop[socket->loop->index].broadcasting;
}

/* One operation for each child, whose packet has a name of its own; all of them or none. */
static int make_ops(const yodel_sio_target *target, const struct event *event,
                    struct emit_op **ret_first)
{
    struct yd_buf children = {0};
    int num = yd_sio_ns_children(target->ns, &children), rc = num < 0 ? num : 0;

    for (int i = 0; i < num; i++) {
        yodel_sio_target child = *target;
        struct emit_op *op;

        child.ns = ((yodel_sio_namespace **)(void *)children.ptr)[i];
        if (rc == 0 && (rc = make_op(&child, event, NULL, &op)) == 0) {
            op->next = *ret_first;
            *ret_first = op;
        }
        yd_sio_ns_unref(child.ns);
    }
    yd_buf_free(target->ns->sio->mem, &children);
    return rc;
}

static int emit_to_children(const yodel_sio_target *target, const struct event *event)
{
    struct emit_op *op = NULL, *next;
    int rc = make_ops(target, event, &op), made = rc, failed;

    for (; op != NULL; op = next) {
        next = op->next;
        if (made < 0)
            free_op(op);
        else if ((failed = yd_sio_op_run(op)) < 0)
            rc = failed;
    }
    return rc;
}

static int emit(const yodel_sio_target *target, const struct event *event,
                struct yd_sio_gather *gather)
{
    if (yd_sio_is_reserved(event->name))
        return YODEL_ERR_NAME;
    if (!yd_utf8_is_valid(event->name.ptr, event->name.len))
        return YODEL_ERR_ENCODING;
    if (target->ns->is_parent)
        return gather == NULL ? emit_to_children(target, event) : YODEL_ERR_UNSUPPORTED;
    if (!is_direct(target))
        return emit_to_many(target, event, gather);
    if (target->socket->phase != YD_SIO_CONNECTED)
        return YODEL_ERR_CLOSED;
    return emit_to_one(target, event, gather);
}

int yodel_sio_emit(yodel_sio_target target, const char *name, const char *format, ...)
{
    const struct yodel_allocator *mem = target.ns->sio->mem;
    struct event event = {.name = yodel_str_of(name)};
    struct yd_buf text = {0};
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_sio_pack(mem, format, args, &text, &event.elements);
    va_end(args);
    if (rc == 0)
        rc = emit(&target, &event, NULL);
    yd_buf_free(mem, &text);
    return rc;
}

static int make_event(const char *name, const yodel_sio_args *args, struct event *event)
{
    *event = (struct event){.name = yodel_str_of(name)};
    if (args != NULL) {
        event->attachments = args->attachments;
        event->num_attachments = args->num_attachments;
    }
    return yd_sio_check_args(args, &event->elements);
}

int yodel_sio_emit_args(yodel_sio_target target, const char *name, const yodel_sio_args *args)
{
    struct event event;
    int rc = make_event(name, args, &event);

    return rc < 0 ? rc : emit(&target, &event, NULL);
}

int yodel_sio_emit_event(yodel_sio_target target, const char *name, const yodel_sio_event *received)
{
    struct event event = {
        .name = yodel_str_of(name),
        .elements = received->packet->args,
        .attachments = received->attachments,
        .num_attachments = received->packet->num_attachments,
    };

    return emit(&target, &event, NULL);
}

#define DEFAULT_ACK_MS 10000

int yodel_sio_emit_ack(yodel_sio_target target, const char *name, const yodel_sio_args *args,
                       yodel_sio_answers_fn *answered, void *user)
{
    uint32_t timeout_ms = target.timeout_ms != 0 ? target.timeout_ms : DEFAULT_ACK_MS;
    bool single = target.socket != NULL, direct = is_direct(&target);
    struct yd_sio_gather *gather;
    struct event event;
    int rc = make_event(name, args, &event);

    if (rc < 0)
        return rc;
    gather = yd_sio_gather_new(target.ns->sio, single, timeout_ms, answered, user);
    if (gather == NULL)
        return -ENOMEM;
    rc = emit(&target, &event, gather);
    if (direct && rc == 0)
        yd_sio_gather_close(gather, target.socket->loop, false);
    else if (direct || (rc < 0 && rc != YODEL_ERR_CLOSED))
        yd_sio_gather_cancel(gather);
    return rc;
}

/* ---- raw group messages, from yodel_group_send() and its like ---- */

/* To one that is away too. */
static void deliver(yodel_sio_socket *socket, const struct event *event)
{
    yodel_sio_target target = yodel_sio_to(socket);

    if (!yd_sio_is_reserved(event->name))
        (void)emit_to_one(&target, event, NULL);
}

static void deliver_text(yodel_sio_socket *socket, struct yd_msg *msg)
{
    const struct yodel_allocator *mem = socket->ns->sio->mem;
    struct event event = {.name = YODEL_STR("message")};
    struct yd_buf text = {0};

    if (yd_json_put_string(mem, &text, (yodel_str){(char *)yd_msg_payload(msg), msg->len}) == 0) {
        event.elements = (yodel_str){(char *)text.ptr, text.len};
        deliver(socket, &event);
    }
    yd_buf_free(mem, &text);
}

static void deliver_binary(yodel_sio_socket *socket, struct yd_msg *msg)
{
    yodel_bytes data = {yd_msg_payload(msg), msg->len};

    deliver(socket, &(struct event){YODEL_STR("message"),
                                    YODEL_STR("{\"_placeholder\":true,\"num\":0}"), &data, 1});
}

void yd_sio_deliver(struct yd_member *member, struct yd_delivery *what)
{
    yodel_sio_socket *socket = yd_sio_socket_of_member(member);

    if (socket->phase != YD_SIO_CONNECTED && !yd_sio_is_absent(socket))
        return;
    if (what->event != NULL)
        deliver(socket, &(struct event){.name = yodel_event_type(what->event),
                                        .elements = yd_event_json(what->event)});
    else if (what->msg->type == YODEL_WS_TEXT)
        deliver_text(socket, what->msg);
    else
        deliver_binary(socket, what->msg);
}
