/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "eio/eio_internal.h"

static const struct yodel_allocator *mem_of(const struct yd_eio_session *session)
{
    return session->home->eio->mem;
}

/* ---- birth ---- */

/* 12 random bytes, the loop, and a counter, which makes ids of one loop differ for sure. */
static int make_id(struct yd_eio_session *session)
{
    struct yd_eio_loop *home = session->home;
    uint8_t bytes[YD_ID_BYTES];

    if (RAND_bytes(bytes, 12) != 1)
        return -ENOMEM;
    bytes[12] = (uint8_t)home->loop->index;
    bytes[13] = (uint8_t)(home->counter >> 8);
    bytes[14] = (uint8_t)home->counter++;
    yd_id_encode(session->id, bytes);
    session->node.key = (yodel_str){session->id, YD_EIO_ID_LEN};
    return 0;
}

static bool take_place(struct yd_eio *eio)
{
    size_t before = atomic_fetch_add_explicit(&eio->num_sessions, 1, memory_order_relaxed);

    if (eio->options.max_sessions == 0 || before < eio->options.max_sessions)
        return true;
    atomic_fetch_sub_explicit(&eio->num_sessions, 1, memory_order_relaxed);
    return false;
}

static void run_task(struct yd_mail *task, void *receiver);

static int fill(struct yd_eio_session *session, yodel_request *req, bool polls)
{
    int rc;

    session->handshake = yd_eio_handshake_new(mem_of(session), req);
    if (session->handshake == NULL)
        return -ENOMEM;
    if (polls && (rc = yd_eio_poll_new(session)) < 0)
        return rc;
    if ((rc = make_id(session)) < 0)
        return rc;
    return yd_map_insert(&session->home->sessions, &session->node);
}

int yd_eio_session_new(struct yd_eio_loop *home, yodel_request *req, bool polls,
                       struct yd_eio_session **ret_session)
{
    struct yd_eio *eio = home->eio;
    struct yd_eio_session *session;
    int rc;

    if (!take_place(eio))
        return -EBUSY;
    if ((session = yd_zalloc(eio->mem, sizeof *session)) == NULL) {
        atomic_fetch_sub_explicit(&eio->num_sessions, 1, memory_order_relaxed);
        return -ENOMEM;
    }
    session->home = home;
    session->task.run = run_task;
    yd_eio_beat_init(session);
    if ((rc = fill(session, req, polls)) < 0) {
        session->state = YD_EIO_STATE_CLOSED; /* it stands in no map */
        yd_eio_session_free(session);
        return rc;
    }
    *ret_session = session;
    return 0;
}

int yd_eio_session_open(struct yd_eio_session *session)
{
    struct yd_eio *eio = session->home->eio;

    yd_eio_beat_start(session);
    session->data = eio->events->on_open(session, eio->user);
    if (session->data == NULL)
        return -ENOMEM;
    session->close_owed = session->state != YD_EIO_STATE_OPEN;
    return 0;
}

int yd_eio_put_open_packet(const struct yd_eio_session *session, struct yd_buf *buf)
{
    const struct yd_eio_options *options = &session->home->eio->options;
    struct yd_eio_open open = {
        .sid = {session->id, YD_EIO_ID_LEN},
        .can_upgrade = session->poll != NULL && !options->no_upgrades && !options->no_websocket,
        .ping_interval_ms = options->ping_interval_ms,
        .ping_timeout_ms = options->ping_timeout_ms,
        .max_payload = options->max_payload,
    };

    return yd_eio_put_open(mem_of(session), buf, &open);
}

/* ---- death ---- */

void yd_eio_session_free(struct yd_eio_session *session)
{
    struct yd_eio *eio = session->home->eio;

    yd_timer_stop(&session->home->loop->wheel, &session->beat);
    if (session->state != YD_EIO_STATE_CLOSED)
        yd_map_remove(&session->home->sessions, &session->node);
    yd_eio_poll_free(session);
    yd_free(eio->mem, session->handshake);
    yd_free(eio->mem, session);
    atomic_fetch_sub_explicit(&eio->num_sessions, 1, memory_order_relaxed);
}

static void tell_close(struct yd_eio_session *session)
{
    session->close_owed = false;
    session->home->eio->events->on_close(session, (enum yd_eio_reason)session->reason);
}

/* The layer above is told outside of all calls, and what it sent in a turn goes in one answer. */
static void run_task(struct yd_mail *task, void *receiver)
{
    struct yd_eio_session *session = yd_container_of(task, struct yd_eio_session, task);

    (void)receiver;
    session->task_queued = false;
    if (session->poll != NULL && session->poll->get != NULL && session->poll->num > 0)
        yd_eio_poll_flush(session, NULL);
    if (session->close_owed)
        tell_close(session);
    if (session->state == YD_EIO_STATE_CLOSED && !session->task_queued)
        yd_eio_session_free(session);
}

void yd_eio_queue_task(struct yd_eio_session *session)
{
    if (session->task_queued)
        return;
    session->task_queued = true;
    yd_loop_flush(session->home->loop, &session->task);
}

static void note_reason(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    if (session->state != YD_EIO_STATE_OPEN)
        return;
    session->reason = (uint8_t)reason;
    session->close_owed = session->data != NULL;
}

static void leave_transport(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    yodel_ws *ws = session->ws;

    if (session->poll != NULL) {
        if (session->poll->get != NULL)
            yd_eio_poll_flush(session, "1");
        yd_eio_poll_forget_post(session);
        if (session->poll->probe != NULL)
            yd_eio_probe_end(session, true);
    }
    session->ws = NULL;
    if (ws != NULL)
        yd_eio_ws_drop(ws, reason == YD_EIO_SHUTTING_DOWN ? 1001 : 0);
}

void yd_eio_end(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    if (session->state == YD_EIO_STATE_CLOSED)
        return;
    note_reason(session, reason);
    session->state = YD_EIO_STATE_CLOSED;
    yd_map_remove(&session->home->sessions, &session->node);
    yd_timer_stop(&session->home->loop->wheel, &session->beat);
    leave_transport(session, reason);
    yd_eio_queue_task(session);
}

void yd_eio_close(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    struct yd_eio_poll *poll = session->poll;

    if (session->state != YD_EIO_STATE_OPEN)
        return;
    if (poll == NULL || (poll->get != NULL && poll->num == 0)) {
        yd_eio_end(session, reason);
        return;
    }
    note_reason(session, reason);
    session->state = YD_EIO_STATE_CLOSING;
    yd_eio_beat_linger(session);
    yd_eio_queue_task(session);
}

/* ---- packets ---- */

static void on_close_packet(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = session->poll;

    if (poll != NULL && poll->get != NULL)
        yd_eio_poll_flush(session, poll->num == 0 ? "6" : NULL);
    yd_eio_end(session, YD_EIO_TRANSPORT_CLOSE);
}

void yd_eio_on_packet(struct yd_eio_session *session, struct yd_eio_packet *packet)
{
    yd_eio_beat_hear(session, packet->type == YD_EIO_PONG);
    switch (packet->type) {
    case YD_EIO_MESSAGE:
        session->home->eio->events->on_message(session, packet->binary, packet->data, packet->len);
        break;
    case YD_EIO_PING: /* it is the server that asks */
        yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
        break;
    case YD_EIO_CLOSE:
        on_close_packet(session);
        break;
    default:
        break;
    }
}

void yd_eio_send_own(struct yd_eio_session *session, struct yd_msg *msg)
{
    int rc;

    if (session->poll == NULL)
        rc = yd_eio_ws_send(session, msg);
    else
        rc = yd_eio_poll_push(session, &msg, 1, true);
    if (rc == -ENOMEM)
        yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
}

void yd_eio_drained(struct yd_eio_session *session)
{
    if (!session->congested || session->state != YD_EIO_STATE_OPEN || session->data == NULL)
        return;
    session->congested = false;
    session->home->eio->events->on_drain(session);
}

/* ---- sending ---- */

size_t yd_eio_buffered(const struct yd_eio_session *session)
{
    if (session->poll != NULL)
        return session->poll->bytes;
    return session->ws != NULL ? yodel_ws_buffered(session->ws) : 0;
}

bool yd_eio_is_writable(const struct yd_eio_session *session)
{
    /* As in the reference: what was sent in this very turn makes the transport busy. */
    if (session->state != YD_EIO_STATE_OPEN || yd_eio_buffered(session) > 0)
        return false;
    if (session->poll != NULL)
        return session->poll->get != NULL;
    return session->ws != NULL && yd_ws_is_idle(session->ws);
}

static int be_congested(struct yd_eio_session *session)
{
    session->congested = true;
    if (session->ws != NULL)
        yd_ws_want_drain(session->ws);
    yd_count(&session->home->loop->counters.congested, 1);
    return YODEL_ERR_CONGESTED;
}

/* A packet without its attachments would spoil what follows. */
static int send_to_ws(struct yd_eio_session *session, struct yd_msg *const *msgs, size_t num)
{
    int rc;

    for (size_t i = 0; i < num; i++) {
        if (session->ws == NULL)
            return YODEL_ERR_CLOSED;
        if ((rc = yd_eio_ws_send(session, msgs[i])) == 0)
            continue;
        if (i > 0)
            yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
        return rc;
    }
    return 0;
}

int yd_eio_send_copy(struct yd_eio_session *session, yodel_str packet, unsigned flags)
{
    if (session->state != YD_EIO_STATE_OPEN)
        return YODEL_ERR_CLOSED;
    if (session->poll != NULL)
        return YODEL_ERR_STATE;
    if ((flags & YD_EIO_VOLATILE) != 0 && !yd_eio_is_writable(session))
        return 0;
    if (yd_eio_buffered(session) > session->home->eio->options.max_buffered)
        return be_congested(session);
    return yd_ws_send_checked(session->ws, (yodel_bytes){(const uint8_t *)packet.ptr, packet.len});
}

int yd_eio_send(struct yd_eio_session *session, struct yd_msg *const *msgs, size_t num,
                unsigned flags)
{
    if (session->state != YD_EIO_STATE_OPEN)
        return YODEL_ERR_CLOSED;
    if ((flags & YD_EIO_VOLATILE) != 0 && !yd_eio_is_writable(session))
        return 0;
    if (yd_eio_buffered(session) > session->home->eio->options.max_buffered)
        return be_congested(session);
    if (session->poll == NULL)
        return send_to_ws(session, msgs, num);
    return yd_eio_poll_push(session, msgs, num, (flags & YD_EIO_NO_COMPRESS) == 0);
}

/* ---- what the layer above asks ---- */

void *yd_eio_data(const struct yd_eio_session *session)
{
    return session->data;
}

struct yd_loop *yd_eio_loop(const struct yd_eio_session *session)
{
    return session->home->loop;
}

yodel_str yd_eio_id(const struct yd_eio_session *session)
{
    return (yodel_str){session->id, YD_EIO_ID_LEN};
}

enum yd_eio_transport yd_eio_transport(const struct yd_eio_session *session)
{
    return session->poll != NULL ? YD_EIO_POLLING : YD_EIO_WEBSOCKET;
}

const struct yd_eio_handshake *yd_eio_handshake(const struct yd_eio_session *session)
{
    static const struct yd_eio_handshake forgotten = {.num_fields = 0};

    return session->handshake != NULL ? session->handshake : &forgotten;
}

void yd_eio_forget_handshake(struct yd_eio_session *session)
{
    yd_free(mem_of(session), session->handshake);
    session->handshake = NULL;
}

const char *yd_eio_reason_text(enum yd_eio_reason reason)
{
    static const char *const texts[] = {
        [YD_EIO_TRANSPORT_CLOSE] = "transport close",
        [YD_EIO_TRANSPORT_ERROR] = "transport error",
        [YD_EIO_PING_TIMEOUT] = "ping timeout",
        [YD_EIO_PARSE_ERROR] = "parse error",
        [YD_EIO_FORCED_CLOSE] = "forced close",
        [YD_EIO_FORCED_SERVER_CLOSE] = "forced server close",
        [YD_EIO_SHUTTING_DOWN] = "server shutting down",
    };

    return texts[reason];
}
