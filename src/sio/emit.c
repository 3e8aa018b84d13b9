/* SPDX-License-Identifier: MIT */
#include "sio/emit.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "sio/client.h"
#include "sio/gather.h"
#include "sio/ns_config.h"
#include "sio/order.h"
#include "sio/readers.h"
#include "sio/sio_event.h"
#include "sio/sio_watch.h"
#include "sio/tally.h"
#include "sio/walk.h"

/* ---- giving ---- */

/* Returns YODEL_ERR_CLOSED when a watcher disconnects the socket: then it does not get the event,
 * which would come after the end of its namespace. */
static int tell_watchers(yodel_sio_socket *socket, const struct yd_sio_news *news)
{
    struct yd_sio_middleware *watcher;
    struct yd_sio_config *config;

    if (news->args.json.ptr == NULL) /* nobody watched when it was made */
        return 0;
    config = yd_sio_config_begin(socket->ns, socket->loop);
    watcher = config->outgoing;
    for (; watcher != NULL && socket->phase == YD_SIO_CONNECTED; watcher = watcher->next)
        watcher->outgoing_fn(socket, news->event, &news->args, watcher->user);
    yd_sio_config_end(config, socket->loop);
    if (socket->phase == YD_SIO_CONNECTED)
        yd_sio_watch_sent(socket, news->event, &news->args);
    return socket->phase == YD_SIO_CONNECTED ? 0 : YODEL_ERR_CLOSED;
}

static unsigned session_flags(unsigned flags)
{
    return ((flags & YODEL_SIO_VOLATILE) != 0 ? YD_EIO_VOLATILE : 0) |
           ((flags & YODEL_SIO_NO_COMPRESS) != 0 ? YD_EIO_NO_COMPRESS : 0);
}

/* What has no place is never among what was missed, so no offset is noted with it. */
static void remember(yodel_sio_socket *socket, const struct yd_sio_news *news)
{
    bool is_volatile = (news->flags & YODEL_SIO_VOLATILE) != 0;

    if (news->has_no_place)
        yd_sio_socket_note(socket, "", is_volatile ? NULL : &news->out);
    else if (news->offset[0] != '\0')
        yd_sio_socket_note(socket, news->offset, is_volatile ? NULL : &news->out);
}

static int send(yodel_sio_socket *socket, const struct yd_sio_news *news)
{
    int rc = yd_eio_send(socket->client->session, news->out.msgs, news->out.num,
                         session_flags(news->flags));

    if (rc == 0 || rc == YODEL_ERR_CLOSED) /* the connection was lost in this very turn */
        remember(socket, news);
    return rc;
}

/* One that is away, or not back yet, only remembers; what may be dropped it does not. */
static int give_absent(yodel_sio_socket *socket, const struct yd_sio_news *news)
{
    if (!news->has_id && (news->flags & YODEL_SIO_VOLATILE) == 0)
        remember(socket, news);
    return 0;
}

int yd_sio_give(yodel_sio_socket *socket, const struct yd_sio_news *news,
                struct yd_sio_gather *gather)
{
    int rc;

    if (socket->phase != YD_SIO_CONNECTED)
        return give_absent(socket, news);
    if (gather != NULL && (rc = yd_sio_gather_expect(gather, socket, news->id)) < 0)
        return rc;
    if ((rc = tell_watchers(socket, news)) == 0)
        rc = send(socket, news);
    if (rc < 0 && gather != NULL)
        yd_sio_gather_forget(gather, socket, news->id);
    return rc;
}

/* ---- to one, now ---- */

/* Nobody else needs the packet: no acknowledgement, no watcher, nothing to be remembered. */
static int try_small(yodel_sio_socket *socket, const yodel_sio_target *target,
                     const struct yd_sio_words *words)
{
    struct yd_sio_output output = yd_sio_words_output(target->ns, words);

    if (yd_sio_ns_is_watched(socket->ns) || socket->ns->sio->options.recovery_ms > 0)
        return YODEL_ERR_STATE;
    return yd_sio_client_send_small(socket->client, &output, session_flags(target->flags));
}

static int emit_to_one(yodel_sio_socket *socket, const yodel_sio_target *target,
                       const struct yd_sio_words *words, struct yd_sio_gather *gather)
{
    struct yd_sio_news_options options = {.flags = target->flags, .acknowledged = gather != NULL};
    struct yd_sio_news news;
    int rc;

    if (socket->phase != YD_SIO_CONNECTED)
        return YODEL_ERR_CLOSED;
    if (gather == NULL && (rc = try_small(socket, target, words)) != YODEL_ERR_STATE)
        return rc;
    if ((rc = yd_sio_news_make(&news, target->ns, words, &options)) < 0)
        return rc;
    rc = yd_sio_give(socket, &news, gather);
    yd_sio_news_done(&news, target->ns->sio->mem);
    return rc;
}

/* ---- to many ---- */

/* An operation on one loop. */
struct giving {
    struct yd_sio_emit_op *op;
    size_t num; /* sockets and readers that it was queued for */
};

static void give_each(yodel_sio_socket *socket, void *arg)
{
    struct giving *giving = arg;
    struct yd_sio_emit_op *op = giving->op;
    struct yd_ask *ask = op->base.op.ask;
    struct yd_sio_gather *gather = ask != NULL ? yd_sio_gather_of(ask) : NULL;
    bool is_here = socket->phase == YD_SIO_CONNECTED;
    int rc = yd_sio_give(socket, &op->news, gather);

    giving->num += rc == 0 && is_here;
    if (rc < 0 && gather != NULL)
        yd_sio_gather_miss(gather, rc);
    if (rc == YODEL_ERR_CONGESTED && socket->ns->sio->options.close_congested) {
        remember(socket, &op->news); /* to be had when it comes back */
        yd_count(&socket->loop->counters.slow_closed, 1);
        socket->client->too_slow = true;
        yd_sio_client_fail(socket->client, "too slow for what is broadcast");
    } else if (rc == -ENOMEM && gather == NULL) {
        remember(socket, &op->news);
        yd_sio_client_fail(socket->client, "out of memory");
    }
}

void yd_sio_emit_apply(struct yd_sio_op *op, struct yd_loop *loop)
{
    struct yd_sio_emit_op *emit_op = (struct yd_sio_emit_op *)op;
    struct giving giving = {emit_op, 0};

    yd_sio_walk(op, loop, true, give_each, &giving);
    if (emit_op->reading.words != NULL)
        giving.num += yd_sio_give_readers(op, loop, &emit_op->reading);
    if (emit_op->tally != NULL)
        yd_sio_tally_add(emit_op->tally, giving.num);
}

void yd_sio_emit_prepare_readers(struct yd_sio_emit_op *op)
{
    if (!yd_sio_has_readers(op->base.ns->sio))
        return;
    op->words = (struct yd_words){.name = op->news.event,
                                  .json = op->news.args.json,
                                  .num_attachments = op->news.args.num_attachments};
    op->reading.words = &op->words;
}

void yd_sio_emit_release(struct yd_sio_op *op)
{
    struct yd_sio_emit_op *emit_op = (struct yd_sio_emit_op *)op;

    if (emit_op->counts)
        yd_sio_gather_all_sent(yd_sio_gather_of(op->op.ask));
    if (emit_op->tally != NULL)
        yd_sio_tally_close(emit_op->tally);
    yd_delivery_done(&emit_op->reading);
    yd_sio_news_done(&emit_op->news, op->ns->sio->mem);
}

/* Now, for all. */
static int make_news(struct yd_sio_emit_op *op, const yodel_sio_target *target,
                     const struct yd_sio_words *words, bool acknowledged)
{
    struct yd_sio_news_options options = {.flags = target->flags, .acknowledged = acknowledged};
    int rc;

    options.keeps_words = !op->base.op.local && (yd_bus_has_peers(target->ns->sio->bus) ||
                                                 yd_sio_has_readers(target->ns->sio));
    rc = yd_sio_news_make(&op->news, target->ns, words, &options);
    if (rc == 0 && options.keeps_words)
        yd_sio_emit_prepare_readers(op);
    return rc;
}

/* Its packets are made when its place is known. */
static int keep_news(struct yd_sio_emit_op *op, const yodel_sio_target *target,
                     const struct yd_sio_words *words)
{
    int rc = yd_sio_news_keep(&op->news, target->ns->sio->mem, words);

    op->news.flags = target->flags;
    return rc;
}

static int make_op(const yodel_sio_target *target, const struct yd_sio_words *words,
                   bool acknowledged, struct yd_sio_emit_op **ret_op)
{
    struct yd_sio_emit_op *op = yd_sio_op_new(YD_SIO_OP_EMIT, sizeof *op, target);
    int rc;

    if (op == NULL)
        return -ENOMEM;
    rc = !acknowledged && yd_sio_is_ordered(target->ns)
             ? keep_news(op, target, words)
             : make_news(op, target, words, acknowledged);
    if (rc < 0) {
        yd_op_unref(&op->base.op);
        return rc;
    }
    op->base.op.weight += yd_sio_news_size(&op->news);
    *ret_op = op;
    return 0;
}

static void count_op(struct yd_sio_emit_op *op, struct yd_sio_tally *tally)
{
    if (tally != NULL)
        yd_sio_tally_open(tally);
    op->tally = tally;
}

static int emit_to_many(const yodel_sio_target *target, const struct yd_sio_words *words,
                        struct yd_sio_tally *tally)
{
    struct yd_sio_emit_op *op;
    int rc = make_op(target, words, false, &op);

    if (rc < 0)
        return rc;
    count_op(op, tally);
    return yd_sio_send(&op->base.op);
}

/* One operation for each child, whose packet has a name of its own; all of them or none. */
static int make_ops(const yodel_sio_target *target, const struct yd_sio_words *words,
                    bool acknowledged, struct yd_sio_emit_op **ret_first)
{
    struct yd_buf children = {0};
    int num = yd_sio_ns_children(target->ns, &children), rc = num < 0 ? num : 0;

    for (int i = 0; i < num; i++) {
        yodel_sio_target child = *target;
        struct yd_sio_emit_op *op;

        child.ns = ((yodel_sio_namespace **)(void *)children.ptr)[i];
        if (rc == 0 && (rc = make_op(&child, words, acknowledged, &op)) == 0) {
            op->next = *ret_first;
            *ret_first = op;
        }
        yd_sio_ns_unref(child.ns);
    }
    yd_buf_free(target->ns->sio->mem, &children);
    return rc;
}

static int emit_to_children(const yodel_sio_target *target, const struct yd_sio_words *words,
                            struct yd_sio_tally *tally)
{
    struct yd_sio_emit_op *op = NULL, *next;
    int rc = make_ops(target, words, false, &op), made = rc, failed;

    for (; op != NULL; op = next) {
        next = op->next;
        count_op(op, tally);
        if (made < 0)
            yd_op_unref(&op->base.op);
        else if ((failed = yd_sio_send(&op->base.op)) < 0)
            rc = failed;
    }
    return rc;
}

/* ---- the verb ---- */

int yd_sio_words_check(const struct yd_sio_words *words)
{
    if (yd_sio_is_reserved(words->name))
        return YODEL_ERR_NAME;
    return yd_utf8_is_valid(words->name.ptr, words->name.len) ? 0 : YODEL_ERR_ENCODING;
}

/* The socket, if it is sent to in the call.  What a handler of an operation emits waits its turn.
 */
static yodel_sio_socket *direct(const yodel_sio_target *target)
{
    yodel_sio_socket *socket = target->num_terms == 1 ? yd_sio_target_socket(target) : NULL;

    return socket != NULL && !yd_bus_is_busy(target->ns->sio->bus, socket->loop) ? socket : NULL;
}

/* tally: NULL, or has a part of the caller's. */
static int emit(const yodel_sio_target *target, const struct yd_sio_words *words,
                struct yd_sio_tally *tally)
{
    yodel_sio_socket *socket;
    int rc = yd_sio_words_check(words);

    if (rc < 0)
        return rc;
    if (target->ns->is_parent)
        return emit_to_children(target, words, tally);
    if (yd_sio_is_ordered(target->ns)) {
        socket = yd_sio_target_socket(target);
        return socket != NULL && socket->phase != YD_SIO_CONNECTED
                   ? YODEL_ERR_CLOSED
                   : emit_to_many(target, words, tally);
    }
    if ((socket = direct(target)) == NULL)
        return emit_to_many(target, words, tally);
    rc = emit_to_one(socket, target, words, NULL);
    if (rc == 0 && tally != NULL)
        yd_sio_tally_add(tally, 1);
    return rc;
}

int yd_sio_emit(const yodel_sio_target *target, const struct yd_sio_words *words)
{
    return emit(target, words, NULL);
}

int yd_sio_emit_counted(const yodel_sio_target *target, const struct yd_sio_words *words,
                        yodel_sio_count_fn *counted, void *user)
{
    struct yd_sio_tally *tally = yd_sio_tally_new(target->ns->sio, counted, user);

    return tally != NULL ? yd_sio_tally_end(tally, emit(target, words, tally)) : -ENOMEM;
}

/* ---- to be acknowledged ---- */

#define DEFAULT_ACK_MS 10000

/* Takes gather. */
static int ask_one(yodel_sio_socket *socket, const yodel_sio_target *target,
                   const struct yd_sio_words *words, struct yd_sio_gather *gather)
{
    struct yd_ask *ask = yd_sio_gather_ask(gather);
    int rc;

    yd_ask_open(ask); /* a part of our own, until the client's is there */
    if ((rc = emit_to_one(socket, target, words, gather)) < 0)
        yd_ask_cancel(ask);
    yd_ask_close(ask, socket->loop, 0);
    return rc;
}

/* Takes gather. */
static int ask_many(const yodel_sio_target *target, const struct yd_sio_words *words,
                    struct yd_sio_gather *gather)
{
    struct yd_ask *ask = yd_sio_gather_ask(gather);
    struct yd_sio_emit_op *op;
    int rc;

    if ((rc = make_op(target, words, true, &op)) < 0) {
        yd_ask_unref(ask);
        return rc;
    }
    return yd_bus_ask(&op->base.op, ask, yd_sio_gather_timeout(gather));
}

/* Asks one child in the name of gather; what goes wrong now is told with the answers. */
static void ask_child(struct yd_sio_emit_op *op, struct yd_sio_gather *gather)
{
    struct yd_sio_gather *part = yd_sio_gather_new_part(gather);
    uint32_t timeout_ms = yd_sio_gather_timeout(gather);
    int rc = -ENOMEM;

    yd_ask_open(yd_sio_gather_ask(gather));
    if (part != NULL)
        rc = yd_bus_ask(&op->base.op, yd_sio_gather_ask(part), timeout_ms);
    else
        yd_op_unref(&op->base.op);
    if (rc == 0)
        return;
    yd_sio_gather_miss(gather, rc);
    yd_ask_close(yd_sio_gather_ask(gather), NULL, 0);
}

/* An operation for the ask of all answers, which has no receivers; then one for each child.  Takes
 * gather. */
static int ask_children(const yodel_sio_target *target, const struct yd_sio_words *words,
                        struct yd_sio_gather *gather)
{
    struct yd_sio_op *nothing = yd_sio_op_new(YD_SIO_OP_NOTHING, sizeof *nothing, target);
    struct yd_sio_emit_op *op = NULL, *next;
    struct yd_ask *ask = yd_sio_gather_ask(gather);
    int rc = nothing != NULL ? make_ops(target, words, true, &op) : -ENOMEM;

    yd_ask_open(ask); /* a part of our own, until all others are */
    if (nothing == NULL) {
        yd_ask_cancel(ask);
    } else if (rc < 0) {
        yd_op_unref(&nothing->op);
        yd_ask_cancel(ask);
    } else {
        nothing->op.local = true;
        rc = yd_bus_ask(&nothing->op, ask, 0);
    }
    for (; op != NULL; op = next) {
        next = op->next;
        if (rc < 0)
            yd_op_unref(&op->base.op);
        else
            ask_child(op, gather);
    }
    yd_ask_close(ask, NULL, 0);
    return rc;
}

int yd_sio_ask(const yodel_sio_target *target, const struct yd_sio_words *words,
               yodel_sio_answers_fn *answered, void *user)
{
    uint32_t timeout_ms = target->timeout_ms != 0 ? target->timeout_ms : DEFAULT_ACK_MS;
    unsigned form = yd_sio_gather_form(target->flags);
    struct yd_sio_gather *gather;
    yodel_sio_socket *socket;
    int rc;

    if (answered == NULL)
        return -EINVAL;
    if ((rc = yd_sio_words_check(words)) < 0)
        return rc;
    if (yd_sio_target_socket(target) != NULL)
        form |= YD_SIO_GATHER_ONE;
    gather = yd_sio_gather_new(target->ns->sio, form, timeout_ms, answered, user);
    if (gather == NULL)
        return -ENOMEM;
    if (target->ns->is_parent)
        return ask_children(target, words, gather);
    socket = direct(target);
    return socket != NULL ? ask_one(socket, target, words, gather)
                          : ask_many(target, words, gather);
}
