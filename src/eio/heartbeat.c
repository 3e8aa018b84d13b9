/* SPDX-License-Identifier: MIT */
#include "base/container.h"
#include "eio/eio_internal.h"

/* How long a client that does not poll may take to be told of the end, ms. */
#define LINGER_MS 30000

static struct yd_loop *loop_of(const struct yd_eio_session *session)
{
    return session->home->loop;
}

static void run_for(struct yd_eio_session *session, uint32_t ms)
{
    yd_timer_start(&loop_of(session)->wheel, &session->beat, yd_loop_due(loop_of(session), ms));
}

static void on_beat(struct yd_timer *timer)
{
    struct yd_eio_session *session = yd_container_of(timer, struct yd_eio_session, beat);

    if (session->state == YD_EIO_STATE_CLOSING) {
        yd_eio_end(session, (enum yd_eio_reason)session->reason);
    } else if (session->awaits_pong) {
        yd_eio_end(session, YD_EIO_PING_TIMEOUT);
    } else {
        session->awaits_pong = true;
        session->was_extended = false;
        run_for(session, session->home->eio->options.ping_timeout_ms);
        yd_eio_send_own(session, session->home->ping);
    }
}

void yd_eio_beat_init(struct yd_eio_session *session)
{
    yd_timer_init(&session->beat, on_beat);
}

void yd_eio_beat_start(struct yd_eio_session *session)
{
    session->awaits_pong = false;
    run_for(session, session->home->eio->options.ping_interval_ms);
}

void yd_eio_beat_linger(struct yd_eio_session *session)
{
    run_for(session, LINGER_MS);
}

void yd_eio_beat_hear(struct yd_eio_session *session, bool pong)
{
    if (session->state != YD_EIO_STATE_OPEN)
        return;
    if (pong) {
        yd_eio_beat_start(session);
    } else if (session->awaits_pong && !session->was_extended) {
        session->was_extended = true;
        run_for(session, session->home->eio->options.ping_timeout_ms);
    }
}

/* The pong may be lost with the old transport. */
void yd_eio_beat_renew(struct yd_eio_session *session)
{
    if (session->awaits_pong)
        yd_eio_beat_start(session);
}

/* Input is handled ahead of timers, and must not find a session alive that should be dead. */
void yd_eio_beat_catch_up(struct yd_eio_session *session)
{
    struct yd_loop *loop = loop_of(session);

    while (session->state != YD_EIO_STATE_CLOSED && yd_timer_is_running(&session->beat) &&
           session->beat.due <= loop->now) {
        yd_timer_stop(&loop->wheel, &session->beat);
        on_beat(&session->beat);
    }
}
