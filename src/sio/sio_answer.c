/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/json_pack.h"
#include "sio/client.h"
#include "sio/encode.h"
#include "sio/sio_event.h"

/* Answers to events that ask for an acknowledgement. */

/* A verdict on its way: the messages. */
struct packed {
    struct yd_verdict verdict;
    struct yd_sio_out out;
};

struct ack {
    struct yd_sio_asked asked; /* first: the decision */
    yodel_sio_namespace *ns;   /* a reference */
    uint64_t ack_id;
    struct packed room; /* for the verdict of the first thread that has one */
    atomic_bool room_is_taken;
};

static const struct yd_decision_ops ack_ops;

static struct ack *ack_of(const yodel_decision *d)
{
    return yd_container_of(d, struct ack, asked.decision);
}

/* ---- sending ---- */

static struct yd_sio_output output_of(yodel_sio_namespace *ns, uint64_t ack_id,
                                      const struct yd_verdict *verdict)
{
    return (struct yd_sio_output){
        .type = YD_SIO_ACK,
        .has_id = true,
        .id = ack_id,
        .nsp = yodel_sio_namespace_name(ns),
        .args = verdict->args,
        .num_attachments = (uint32_t)verdict->num_attachments,
    };
}

static int encode(yodel_sio_namespace *ns, uint64_t ack_id, const struct yd_verdict *verdict,
                  struct yd_sio_out *ret_out)
{
    struct yd_sio_output output = output_of(ns, ack_id, verdict);

    return yd_sio_encode_out(ns->sio->mem, ns->sio->options.parser, &output, verdict->attachments,
                             ret_out);
}

/* On the loop of socket. */
static int send_answer(yodel_sio_socket *socket, uint64_t ack_id, const struct yd_verdict *verdict)
{
    struct yd_sio_output output = output_of(socket->ns, ack_id, verdict);
    struct yd_sio_out out = {.num = 0};
    int rc;

    if (socket->phase != YD_SIO_CONNECTED)
        return YODEL_ERR_CLOSED;
    rc = yd_sio_client_send_small(socket->client, &output, YD_EIO_ALWAYS);
    if (rc != YODEL_ERR_STATE)
        return rc;
    if ((rc = encode(socket->ns, ack_id, verdict, &out)) == 0)
        rc = yd_eio_send(socket->client->session, out.msgs, out.num, YD_EIO_ALWAYS);
    yd_sio_out_unref(&out);
    return rc;
}

/* ---- the decision ---- */

static struct packed *take_room(struct ack *ack)
{
    if (!atomic_exchange(&ack->room_is_taken, true))
        return &ack->room;
    return yd_alloc(ack->ns->sio->mem, sizeof(struct packed));
}

static void free_room(struct ack *ack, struct packed *packed)
{
    if (packed == &ack->room)
        atomic_store(&ack->room_is_taken, false);
    else
        yd_free(ack->ns->sio->mem, packed);
}

static int pack(yodel_decision *d, const struct yd_verdict *verdict, struct yd_verdict **ret_copy)
{
    struct ack *ack = ack_of(d);
    struct packed *packed = take_room(ack);
    int rc;

    if (packed == NULL)
        return -ENOMEM;
    packed->verdict = (struct yd_verdict){.verb = YD_ANSWER, .is_packed = true};
    packed->out.num = 0;
    if ((rc = encode(ack->ns, ack->ack_id, verdict, &packed->out)) < 0)
        free_room(ack, packed);
    else
        *ret_copy = &packed->verdict;
    return rc;
}

static void unpack(yodel_decision *d, struct yd_verdict *copy)
{
    struct packed *packed = yd_container_of(copy, struct packed, verdict);

    yd_sio_out_unref(&packed->out);
    free_room(ack_of(d), packed);
}

static int send_packed(yodel_sio_socket *socket, const struct yd_verdict *verdict)
{
    const struct packed *packed = yd_container_of(verdict, const struct packed, verdict);

    if (socket->phase != YD_SIO_CONNECTED)
        return YODEL_ERR_CLOSED;
    return yd_eio_send(socket->client->session, packed->out.msgs, packed->out.num, YD_EIO_ALWAYS);
}

static int apply(yodel_decision *d, const struct yd_verdict *verdict)
{
    yodel_sio_socket *socket = yd_decision_subject(d);
    int rc;

    if (verdict->is_packed)
        rc = send_packed(socket, verdict);
    else
        rc = send_answer(socket, ack_of(d)->ack_id, verdict);
    if (rc == 0)
        yd_decision_settle(&d);
    return rc;
}

static void drop(yodel_decision *d)
{
    yd_decision_settle(&d);
}

static void detached(yodel_decision *d)
{
    struct ack *ack = ack_of(d);

    yd_ring_remove(&ack->asked.socket->aside->asked, &ack->asked.of_socket);
    ack->asked.socket->aside->num_asked--;
}

static void free_ack(yodel_decision *d)
{
    struct ack *ack = ack_of(d);
    yodel_sio_namespace *ns = ack->ns;
    yodel_sio *sio = ns->sio;

    yd_free(sio->mem, ack);
    yd_sio_ns_unref(ns);
    yodel_sio_unref(sio);
}

static const struct yd_decision_ops ack_ops = {
    .verbs = YD_ANSWER,
    .pack = pack,
    .unpack = unpack,
    .apply = apply,
    .drop = drop,
    .detached = detached,
    .free = free_ack,
};

static yodel_decision *make_ack(yodel_sio_socket *socket, uint64_t ack_id)
{
    struct yd_sio_aside *aside = yd_sio_aside_of(socket);
    struct ack *ack;

    if (aside == NULL || (ack = yd_zalloc(socket->ns->sio->mem, sizeof *ack)) == NULL)
        return NULL;
    ack->ns = yd_sio_ns_ref(socket->ns);
    (void)yodel_sio_ref(socket->ns->sio); /* the program may keep it as long as it likes */
    ack->ack_id = ack_id;
    ack->asked.socket = socket;
    yd_ring_append(&aside->asked, &ack->asked.of_socket);
    aside->num_asked++;
    yd_decision_init(&ack->asked.decision, &ack_ops, socket->loop, socket);
    return &ack->asked.decision;
}

yodel_decision *yodel_sio_event_ack(yodel_sio_event *event)
{
    yodel_sio_socket *socket;
    yodel_decision *d;

    if (event == NULL)
        return NULL;
    socket = event->socket;
    if (!event->packet->has_id || event->ack_taken || socket->phase != YD_SIO_CONNECTED)
        return NULL;
    if (yd_sio_aside(socket)->num_asked >= socket->ns->sio->options.max_held_acks) {
        yd_sio_count_one(&socket->ns->sio->counters.acks_refused);
        return NULL;
    }
    if ((d = make_ack(socket, event->packet->id)) != NULL)
        event->ack_taken = true;
    return d;
}

/* ---- what the program calls ---- */

/* Where an answer goes: what the program holds, or an event. */
struct to {
    yodel_decision *d;
    yodel_sio_event *event;
};

/* The service of an answer; NULL: there is nobody to answer. */
static yodel_sio *sio_of(const struct to *to)
{
    if (to->event != NULL)
        return to->event->packet->has_id ? to->event->socket->ns->sio : NULL;
    return ack_of(to->d)->ns->sio;
}

static int give(const struct to *to, const struct yd_verdict *verdict)
{
    yodel_sio_event *event = to->event;
    int rc;

    if (event == NULL)
        return yd_decision_decide(to->d, verdict);
    if (event->ack_taken)
        return YODEL_ERR_STATE;
    rc = send_answer(event->socket, event->packet->id, verdict);
    event->ack_taken = rc == 0;
    return rc;
}

/* packed is done here. */
static int give_packed(const struct to *to, int rc, struct yd_sio_packed *packed)
{
    const struct yodel_allocator *mem = sio_of(to)->mem;
    struct yd_verdict verdict = {.verb = YD_ANSWER};

    if (rc < 0)
        return rc;
    verdict.args = packed->elements;
    verdict.attachments = packed->attachments;
    verdict.num_attachments = packed->num_attachments;
    rc = give(to, &verdict);
    yd_sio_packed_done(packed, mem);
    return rc;
}

static int give_format(const struct to *to, const char *format, va_list args)
{
    struct yd_sio_packed packed;

    if (sio_of(to) == NULL) {
        yd_json_pack_nothing(format, args);
        return 0;
    }
    return give_packed(to, yd_sio_pack(&packed, sio_of(to)->mem, format, args), &packed);
}

static int give_args(const struct to *to, const yodel_sio_args *given)
{
    struct yd_verdict verdict = {.verb = YD_ANSWER};
    yodel_sio_args args;
    int rc;

    if (sio_of(to) == NULL)
        return 0;
    if ((rc = yd_sio_read_args(given, &args, &verdict.args)) < 0)
        return rc;
    verdict.attachments = args.attachments;
    verdict.num_attachments = args.num_attachments;
    return give(to, &verdict);
}

static int give_json(const struct to *to, const json_t *array)
{
    struct yd_sio_packed packed;

    if (sio_of(to) == NULL)
        return 0;
    return give_packed(to, yd_sio_pack_document(&packed, sio_of(to)->mem, array), &packed);
}

/* 1: d is NULL, since the client has asked for nothing; -EINVAL: it is no acknowledgement. */
static int check(const yodel_decision *d)
{
    if (d == NULL)
        return 1;
    return yd_decision_ops_of(d) == &ack_ops ? 0 : -EINVAL;
}

int yodel_decision_answer(yodel_decision *d, const char *format, ...)
{
    struct to to = {.d = d};
    int rc = check(d);
    va_list args;

    va_start(args, format);
    if (rc == 0)
        rc = give_format(&to, format, args);
    else
        yd_json_pack_nothing(format, args);
    va_end(args);
    return rc < 0 ? rc : 0;
}

int yodel_decision_answer_args(yodel_decision *d, const yodel_sio_args *args)
{
    struct to to = {.d = d};
    int rc = check(d);

    if (rc != 0)
        return rc < 0 ? rc : 0;
    return give_args(&to, args);
}

int yodel_decision_answer_json(yodel_decision *d, const json_t *array)
{
    struct to to = {.d = d};
    int rc = check(d);

    if (rc != 0)
        return rc < 0 ? rc : 0;
    return give_json(&to, array);
}

int yodel_sio_event_answer(yodel_sio_event *event, const char *format, ...)
{
    struct to to = {.event = event};
    va_list args;
    int rc = -EINVAL;

    va_start(args, format);
    if (event != NULL)
        rc = give_format(&to, format, args);
    else
        yd_json_pack_nothing(format, args);
    va_end(args);
    return rc;
}

int yodel_sio_event_answer_args(yodel_sio_event *event, const yodel_sio_args *args)
{
    struct to to = {.event = event};

    if (event == NULL)
        return -EINVAL;
    return give_args(&to, args);
}

int yodel_sio_event_answer_json(yodel_sio_event *event, const json_t *array)
{
    struct to to = {.event = event};

    if (event == NULL)
        return -EINVAL;
    return give_json(&to, array);
}

json_t *yodel_sio_binary(size_t i)
{
    return json_pack("{s:b, s:I}", "_placeholder", 1, "num", (json_int_t)i);
}
