/* SPDX-License-Identifier: MIT */
#include "sio/server_event.h"

#include <errno.h>
#include <stdarg.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/json_doc.h"
#include "proto/json_pack.h"
#include "sio/gather.h"
#include "sio/ns_config.h"

/* Events between servers. */

struct yodel_sio_server_event {
    struct yd_sio_server_op *op;
    bool ack_taken;
    json_t *json;
};

struct yodel_sio_server_ack {
    atomic_uint refs;
    atomic_bool is_answered;
    yodel_sio *sio;               /* a reference */
    struct yd_sio_gather *gather; /* of which a part is open until it is answered */
};

/* ---- sending ---- */

#define DEFAULT_SERVER_MS 5000

static int make_op(yodel_sio_namespace *ns, const struct yd_sio_words *words,
                   struct yd_sio_server_op **ret_op)
{
    const struct yd_scope_size none = {0, 0};
    struct yd_sio_server_op *op = yd_op_new(&ns->sio->layer, YD_SIO_OP_SERVER, sizeof *op, &none);

    if (op == NULL)
        return -ENOMEM;
    op->base.ns = yd_sio_ns_ref(ns);
    op->base.op.scope.everyone = true;
    if (yd_sio_news_keep(&op->news, ns->sio->mem, words) < 0) {
        yd_op_unref(&op->base.op);
        return -ENOMEM;
    }
    op->base.op.weight += yd_sio_news_size(&op->news);
    *ret_op = op;
    return 0;
}

static int check(const yodel_sio_namespace *ns, yodel_str event)
{
    if (ns->is_parent)
        return YODEL_ERR_UNSUPPORTED;
    if (yd_sio_is_reserved(event))
        return YODEL_ERR_NAME;
    return yd_utf8_is_valid(event.ptr, event.len) ? 0 : YODEL_ERR_ENCODING;
}

static int send_words(yodel_sio_namespace *ns, const struct yd_sio_words *words)
{
    struct yd_sio_server_op *op;
    int rc = check(ns, words->name);

    if (rc == 0)
        rc = make_op(ns, words, &op);
    return rc == 0 ? yd_bus_send(&op->base.op) : rc;
}

int yodel_sio_server_side_emit(yodel_sio_namespace *ns, const char *event, const char *format, ...)
{
    struct yd_sio_packed packed;
    va_list args;
    int rc;

    va_start(args, format);
    if (ns == NULL)
        yd_json_pack_nothing(format, args);
    rc = ns != NULL ? yd_sio_pack(&packed, ns->sio->mem, format, args) : -EINVAL;
    va_end(args);
    if (rc < 0)
        return rc;
    rc = send_words(ns, &(struct yd_sio_words){yodel_str_of(event), packed.elements,
                                               packed.attachments, packed.num_attachments});
    yd_sio_packed_done(&packed, ns->sio->mem);
    return rc;
}

static int read_args(const char *event, const yodel_sio_args *given, struct yd_sio_words *words)
{
    yodel_sio_args args;
    int rc = yd_sio_read_args(given, &args, &words->elements);

    if (rc < 0)
        return rc;
    words->name = yodel_str_of(event);
    words->attachments = args.attachments;
    words->num_attachments = args.num_attachments;
    return 0;
}

int yodel_sio_server_side_emit_args(yodel_sio_namespace *ns, const char *event,
                                    const yodel_sio_args *args)
{
    struct yd_sio_words words;
    int rc = read_args(event, args, &words);

    if (ns == NULL)
        return -EINVAL;
    return rc < 0 ? rc : send_words(ns, &words);
}

int yodel_sio_server_side_emit_ack(yodel_sio_namespace *ns, const char *event,
                                   const yodel_sio_args *args, uint32_t timeout_ms,
                                   yodel_sio_answers_fn *answered, void *user)
{
    struct yd_sio_gather *gather;
    struct yd_sio_server_op *op;
    struct yd_sio_words words;
    int rc;

    if (ns == NULL || answered == NULL)
        return -EINVAL;
    timeout_ms = timeout_ms != 0 ? timeout_ms : DEFAULT_SERVER_MS;
    if ((rc = read_args(event, args, &words)) < 0 || (rc = check(ns, words.name)) < 0)
        return rc;
    if ((gather = yd_sio_gather_new(ns->sio, 0, timeout_ms, answered, user)) == NULL)
        return -ENOMEM;
    if ((rc = make_op(ns, &words, &op)) < 0) {
        yd_ask_unref(yd_sio_gather_ask(gather));
        return rc;
    }
    return yd_bus_ask(&op->base.op, yd_sio_gather_ask(gather), timeout_ms);
}

/* ---- what comes ---- */

void yd_sio_server_apply(struct yd_sio_op *op, struct yd_loop *loop)
{
    yodel_sio_server_event event = {.op = (struct yd_sio_server_op *)op};
    struct yd_sio_config *config = yd_sio_config_begin(op->ns, loop);

    if (config->handlers.on_server_event != NULL)
        config->handlers.on_server_event(op->ns, &event, config->user);
    yd_sio_config_end(config, loop);
    json_decref(event.json);
    if (op->op.ask != NULL && !event.ack_taken) /* nobody will answer */
        yd_sio_gather_miss(yd_sio_gather_of(op->op.ask), YODEL_ERR_UNSUPPORTED);
}

void yd_sio_server_release(struct yd_sio_op *op)
{
    yd_sio_news_done(&((struct yd_sio_server_op *)op)->news, op->ns->sio->mem);
}

yodel_str yodel_sio_server_event_name(const yodel_sio_server_event *event)
{
    return event != NULL ? event->op->news.event : (yodel_str){NULL, 0};
}

const yodel_sio_args *yodel_sio_server_event_args(const yodel_sio_server_event *event)
{
    return event != NULL ? &event->op->news.args : NULL;
}

json_t *yodel_sio_server_event_json(yodel_sio_server_event *event)
{
    if (event == NULL)
        return NULL;
    if (event->json == NULL)
        (void)yd_json_read_checked(event->op->news.args.json, &event->json);
    return event->json;
}

int yodel_sio_server_event_unpack(yodel_sio_server_event *event, const char *format, ...)
{
    const yodel_sio_args *own = yodel_sio_server_event_args(event);
    json_t *document = yodel_sio_server_event_json(event);
    va_list args;
    int rc;

    if (document == NULL)
        return event != NULL ? -ENOMEM : -EINVAL;
    va_start(args, format);
    rc = yd_json_unpack_list(document, format, args, own->attachments, own->num_attachments);
    va_end(args);
    return rc;
}

/* ---- answering ---- */

/* Counts one more that the program holds; false: there are too many. */
static bool hold_one(yodel_sio *sio)
{
    if (atomic_fetch_add(&sio->num_server_acks, 1) < sio->options.max_held_acks)
        return true;
    atomic_fetch_sub(&sio->num_server_acks, 1);
    yd_sio_count_one(&sio->counters.acks_refused);
    return false;
}

yodel_sio_server_ack *yodel_sio_server_event_ack(yodel_sio_server_event *event)
{
    struct yd_ask *ask = event != NULL ? event->op->base.op.ask : NULL;
    yodel_sio_server_ack *ack;
    yodel_sio *sio;

    if (ask == NULL)
        return NULL;
    sio = event->op->base.ns->sio;
    if (event->ack_taken || !hold_one(sio))
        return NULL;
    if ((ack = yd_zalloc(sio->mem, sizeof *ack)) == NULL) {
        atomic_fetch_sub(&sio->num_server_acks, 1);
        return NULL;
    }
    atomic_init(&ack->refs, 1);
    ack->sio = yodel_sio_ref(sio);
    ack->gather = yd_sio_gather_of(ask);
    yd_ask_open(ask);
    event->ack_taken = true;
    return ack;
}

static int answer(yodel_sio_server_ack *ack, const struct yd_sio_answer *with)
{
    if (atomic_exchange(&ack->is_answered, true))
        return YODEL_ERR_STATE;
    yd_sio_gather_answer(ack->gather, with);
    yd_ask_close(yd_sio_gather_ask(ack->gather), NULL, 0);
    return 0;
}

int yodel_sio_server_ack_answer(yodel_sio_server_ack *ack, const char *format, ...)
{
    struct yd_sio_packed packed;
    va_list args;
    int rc;

    va_start(args, format);
    if (ack == NULL)
        yd_json_pack_nothing(format, args);
    rc = ack != NULL ? yd_sio_pack(&packed, ack->sio->mem, format, args) : 1;
    va_end(args);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    rc = answer(ack, &(struct yd_sio_answer){packed.elements, packed.attachments,
                                             (uint32_t)packed.num_attachments});
    yd_sio_packed_done(&packed, ack->sio->mem);
    return rc;
}

int yodel_sio_server_ack_answer_args(yodel_sio_server_ack *ack, const yodel_sio_args *args)
{
    struct yd_sio_words words;
    int rc;

    if (ack == NULL)
        return 0;
    if ((rc = read_args("", args, &words)) < 0)
        return rc;
    return answer(ack, &(struct yd_sio_answer){words.elements, words.attachments,
                                               (uint32_t)words.num_attachments});
}

yodel_sio_server_ack *yodel_sio_server_ack_ref(yodel_sio_server_ack *ack)
{
    if (ack == NULL)
        return NULL;
    atomic_fetch_add_explicit(&ack->refs, 1, memory_order_relaxed);
    return ack;
}

yodel_sio_server_ack *yodel_sio_server_ack_unref(yodel_sio_server_ack *ack)
{
    yodel_sio *sio;

    if (ack == NULL || atomic_fetch_sub_explicit(&ack->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    if (!atomic_exchange(&ack->is_answered, true))
        yd_ask_close(yd_sio_gather_ask(ack->gather), NULL, YD_MISSING_CLOSED);
    sio = ack->sio;
    atomic_fetch_sub(&sio->num_server_acks, 1);
    yd_free(sio->mem, ack);
    yodel_sio_unref(sio);
    return NULL;
}
