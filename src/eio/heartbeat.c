/* SPDX-License-Identifier: MIT */
#include "eio/heartbeat.h"

/* How long a client that does not poll may take to be told of the end, ms. */
#define LINGER_MS 30000

static struct yd_loop *loop_of(const struct yd_eio_session *session)
{
    return session->home->loop;
}

static const struct yd_eio_options *options_of(const struct yd_eio_session *session)
{
    return &session->home->eio->options;
}

static void run_for(struct yd_eio_session *session, uint32_t ms)
{
    yd_timer_start(&loop_of(session)->wheel, &session->beat, yd_loop_due(loop_of(session), ms));
}

/* A turn that is late by more than this has slept. */
#define LATE_MS 50

/* What a turn is late by does not add up, for the client counts from the handshake on; after a
 * sleep it has its whole time. */
static void run_after(struct yd_eio_session *session, uint64_t due, uint32_t ms)
{
    uint64_t whole = yd_loop_due(loop_of(session), ms);

    if (whole - (due + ms) <= LATE_MS)
        whole = due + ms;
    yd_timer_start(&loop_of(session)->wheel, &session->beat, whole);
}

void yd_eio_beat_start(struct yd_eio_session *session)
{
    session->beat_state = YD_EIO_BEAT_RESTS;
    run_for(session, options_of(session)->ping_interval_ms);
}

void yd_eio_beat_linger(struct yd_eio_session *session)
{
    run_for(session, LINGER_MS);
}

void yd_eio_beat_hear(struct yd_eio_session *session, bool pong)
{
    if (!yd_eio_is_open(session))
        return;
    if (pong) {
        yd_eio_beat_start(session);
    } else if (session->beat_state == YD_EIO_BEAT_AWAITS) {
        session->beat_state = YD_EIO_BEAT_EXTENDED;
        run_for(session, options_of(session)->ping_timeout_ms);
    }
}

/* The pong may be lost with the old transport. */
void yd_eio_beat_renew(struct yd_eio_session *session)
{
    if (session->beat_state != YD_EIO_BEAT_RESTS)
        yd_eio_beat_start(session);
}

/* A long upload keeps a pong from coming, but not its own bytes. */
static bool wait_on(struct yd_eio_session *session)
{
    uint64_t now = loop_of(session)->now, heard_at = yd_eio_ops(session)->heard_at(session);
    uint32_t limit_ms = options_of(session)->ping_timeout_ms;

    if (heard_at == 0 || now - heard_at >= limit_ms)
        return false;
    run_for(session, limit_ms - (uint32_t)(now - heard_at));
    return true;
}

enum yd_eio_beat_due yd_eio_beat_fire(struct yd_eio_session *session)
{
    if (session->beat_state != YD_EIO_BEAT_RESTS)
        return wait_on(session) ? YD_EIO_BEAT_WAITS : YD_EIO_BEAT_ENDS;
    session->beat_state = YD_EIO_BEAT_AWAITS;
    run_after(session, session->beat.due, options_of(session)->ping_timeout_ms);
    return YD_EIO_BEAT_PINGS;
}
