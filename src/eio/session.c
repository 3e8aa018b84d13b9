/* SPDX-License-Identifier: MIT */
#include "eio/session.h"

#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "eio/eio_handshake.h"
#include "eio/heartbeat.h"
#include "proto/base64.h"

/* ---- birth ---- */

/* Three of the random bytes are the node where there are several. */
static void put_node(uint8_t *bytes, struct yd_eio_far *far)
{
    uint32_t node = far != NULL ? yd_eio_far_node(far) : YD_EIO_NO_NODE;

    if (node == YD_EIO_NO_NODE)
        return;
    bytes[0] = (uint8_t)(node >> 16);
    bytes[1] = (uint8_t)(node >> 8);
    bytes[2] = (uint8_t)node;
}

/* 12 random bytes, the loop, and a counter, which makes ids of one loop differ for sure. */
static int make_id(struct yd_eio_session *session)
{
    struct yd_eio_loop *home = session->home;
    uint8_t bytes[YD_ID_BYTES];

    if (RAND_bytes(bytes, 12) != 1)
        return -EIO;
    put_node(bytes + 9, yd_eio_far_of(home->eio));
    bytes[12] = (uint8_t)home->loop->index;
    bytes[13] = (uint8_t)(home->counter >> 8);
    bytes[14] = (uint8_t)home->counter++;
    yd_id_encode(session->id, bytes);
    return 0;
}

static bool take_place(struct yd_eio *eio)
{
    size_t before = atomic_fetch_add_explicit(&eio->num_sessions, 1, memory_order_relaxed);

    if (eio->options.max_sessions == 0 || before < eio->options.max_sessions)
        return true;
    atomic_fetch_sub_explicit(&eio->num_sessions, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&eio->num_refused, 1, memory_order_relaxed);
    return false;
}

static void free_session(struct yd_eio_session *session)
{
    struct yd_eio *eio = session->home->eio;

    yd_eio_ops(session)->free(session);
    yd_free(eio->mem, session->handshake);
    yd_free(eio->mem, session);
    atomic_fetch_sub_explicit(&eio->num_sessions, 1, memory_order_relaxed);
}

static void run_task(struct yd_mail *task, void *receiver);
static void on_beat(struct yd_timer *timer);

static int fill(struct yd_eio_session *session, yodel_request *req)
{
    int rc;

    session->handshake = yd_eio_handshake_new(yd_eio_mem(session), req);
    if (session->handshake == NULL)
        return -ENOMEM;
    if ((rc = make_id(session)) < 0)
        return rc;
    return yd_map_insert(&session->home->sessions, yd_map_bare(&session->node));
}

int yd_eio_session_new(struct yd_eio_loop *home, yodel_request *req,
                       enum yd_eio_transport transport, struct yd_eio_session **ret_session)
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
    session->transport = transport & 1;
    session->task.run = run_task;
    yd_timer_init(&session->beat, on_beat);
    if ((rc = fill(session, req)) < 0) {
        free_session(session);
        return rc;
    }
    *ret_session = session;
    return 0;
}

void yd_eio_session_discard(struct yd_eio_session *session)
{
    yd_map_remove(&session->home->sessions, yd_map_bare(&session->node));
    free_session(session);
}

int yd_eio_put_open_packet(const struct yd_eio_session *session, struct yd_buf *buf)
{
    const struct yd_eio_options *options = &session->home->eio->options;
    struct yd_eio_open open = {
        .sid = {session->id, YD_EIO_ID_LEN},
        .can_upgrade =
            session->transport == YD_EIO_POLLING && !options->no_upgrades && !options->no_websocket,
        .ping_interval_ms = options->ping_interval_ms,
        .ping_timeout_ms = options->ping_timeout_ms,
        .max_payload = options->max_payload,
    };

    return yd_eio_put_open(yd_eio_mem(session), buf, &open);
}

/* ---- phases ---- */

/* The one place where a session changes its phase, which never goes back. */
static void set_phase(struct yd_eio_session *session, enum yd_eio_phase phase)
{
    bool ends = phase >= YD_EIO_PHASE_ENDING && !yd_eio_has_ended(session);

    session->phase = (uint8_t)phase;
    if (!ends)
        return;
    yd_map_remove(&session->home->sessions, yd_map_bare(&session->node));
    yd_timer_stop(&session->home->loop->wheel, &session->beat);
    yd_eio_ops(session)->close(session, (enum yd_eio_reason)session->reason);
}

int yd_eio_session_open(struct yd_eio_session *session)
{
    struct yd_eio *eio = session->home->eio;

    set_phase(session, YD_EIO_PHASE_OPEN);
    yd_eio_beat_start(session);
    session->data = eio->events->on_open(session, eio->user);
    if (session->data != NULL)
        return 0;
    yd_eio_end(session, YD_EIO_NOT_OPENED);
    return -ENOMEM;
}

void yd_eio_end(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    if (yd_eio_has_ended(session))
        return;
    if (session->phase < YD_EIO_PHASE_CLOSING)
        session->reason = (uint8_t)reason;
    set_phase(session,
              session->phase == YD_EIO_PHASE_LINGERING ? YD_EIO_PHASE_ENDED : YD_EIO_PHASE_ENDING);
    yd_eio_queue_task(session);
}

void yd_eio_end_closing(struct yd_eio_session *session)
{
    yd_eio_end(session, (enum yd_eio_reason)session->reason);
}

void yd_eio_close(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    if (!yd_eio_is_open(session))
        return;
    if (yd_eio_ops(session)->ends_in_order || yd_eio_ops(session)->is_idle(session)) {
        yd_eio_end(session, reason);
        return;
    }
    session->reason = (uint8_t)reason;
    set_phase(session, YD_EIO_PHASE_CLOSING);
    yd_eio_beat_linger(session);
    yd_eio_queue_task(session);
}

/* The layer above is told outside of all calls. */
static void tell_end(struct yd_eio_session *session)
{
    enum yd_eio_reason reason = (enum yd_eio_reason)session->reason;

    if (session->phase == YD_EIO_PHASE_CLOSING)
        set_phase(session, YD_EIO_PHASE_LINGERING);
    else if (session->phase == YD_EIO_PHASE_ENDING)
        set_phase(session, YD_EIO_PHASE_ENDED);
    else
        return;
    if (session->data != NULL)
        session->home->eio->events->on_close(session, reason);
}

/* What was sent in a turn goes in one answer. */
static void run_task(struct yd_mail *task, void *receiver)
{
    struct yd_eio_session *session = yd_container_of(task, struct yd_eio_session, task);

    (void)receiver;
    session->task_queued = false;
    if (yd_eio_ops(session)->flush != NULL)
        yd_eio_ops(session)->flush(session);
    tell_end(session);
    yd_loop_forget_moment(session->home->loop);
    if (session->phase == YD_EIO_PHASE_ENDED && !session->task_queued)
        free_session(session);
}

void yd_eio_queue_task(struct yd_eio_session *session)
{
    if (session->task_queued)
        return;
    session->task_queued = true;
    yd_loop_flush(session->home->loop, &session->task);
}

/* ---- time ---- */

static void send_ping(struct yd_eio_session *session)
{
    if (yd_eio_ops(session)->send(session, &session->home->ping, 1, 0) == -ENOMEM)
        yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
}

static void on_beat(struct yd_timer *timer)
{
    struct yd_eio_session *session = yd_container_of(timer, struct yd_eio_session, beat);

    if (!yd_eio_is_open(session)) {
        yd_eio_end_closing(session);
        return;
    }
    switch (yd_eio_beat_fire(session)) {
    case YD_EIO_BEAT_WAITS:
        break;
    case YD_EIO_BEAT_PINGS:
        send_ping(session);
        break;
    case YD_EIO_BEAT_ENDS:
        yd_count(&session->home->loop->counters.pings_unanswered, 1);
        yd_eio_end(session, YD_EIO_PING_TIMEOUT);
        break;
    }
}

/* Input is handled ahead of timers, and must not find a session alive that should be dead. */
void yd_eio_catch_up(struct yd_eio_session *session)
{
    struct yd_loop *loop = session->home->loop;

    while (yd_timer_is_running(&session->beat) && session->beat.due <= loop->now) {
        yd_timer_stop(&loop->wheel, &session->beat);
        on_beat(&session->beat);
    }
}

/* ---- what comes in ---- */

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
        yd_eio_end(session, YD_EIO_TRANSPORT_CLOSE);
        break;
    default:
        break;
    }
}

void yd_eio_drained(struct yd_eio_session *session)
{
    if (!session->congested || !yd_eio_is_open(session))
        return;
    session->congested = false;
    session->home->eio->events->on_drain(session);
}
