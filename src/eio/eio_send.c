/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "eio/session.h"

/* What the layer above asks and sends. */

/* ---- sending ---- */

size_t yd_eio_buffered(const struct yd_eio_session *session)
{
    return yd_eio_ops(session)->buffered(session);
}

/* As in the reference: what was sent in this very turn makes the transport busy. */
bool yd_eio_is_writable(const struct yd_eio_session *session)
{
    return yd_eio_is_open(session) && yd_eio_ops(session)->is_idle(session);
}

static int be_congested(struct yd_eio_session *session)
{
    session->congested = true;
    if (yd_eio_ops(session)->want_drain != NULL)
        yd_eio_ops(session)->want_drain(session);
    yd_count(&session->home->loop->counters.congested, 1);
    return YODEL_ERR_CONGESTED;
}

/* 0: send it.  1: it is dropped. */
static int check_sendable(struct yd_eio_session *session, unsigned flags)
{
    if (!yd_eio_is_open(session))
        return YODEL_ERR_CLOSED;
    if ((flags & YD_EIO_VOLATILE) != 0 && !yd_eio_ops(session)->is_idle(session))
        return 1;
    if ((flags & YD_EIO_ALWAYS) == 0 &&
        yd_eio_ops(session)->buffered(session) > session->home->eio->options.max_buffered)
        return be_congested(session);
    return 0;
}

int yd_eio_send_copy(struct yd_eio_session *session, yodel_str packet, unsigned flags)
{
    int rc;

    if (yd_eio_ops(session)->send_copy == NULL)
        return yd_eio_is_open(session) ? YODEL_ERR_STATE : YODEL_ERR_CLOSED;
    if ((rc = check_sendable(session, flags)) != 0)
        return rc < 0 ? rc : 0;
    return yd_eio_ops(session)->send_copy(session, packet);
}

int yd_eio_send(struct yd_eio_session *session, struct yd_msg *const *msgs, size_t num,
                unsigned flags)
{
    int rc;

    if ((rc = check_sendable(session, flags)) != 0)
        return rc < 0 ? rc : 0;
    return yd_eio_ops(session)->send(session, msgs, num, flags);
}

/* ---- input ---- */

static void set_paused(struct yd_eio_session *session, bool paused)
{
    if (session->paused == paused || !yd_eio_is_open(session))
        return;
    session->paused = paused;
    yd_eio_ops(session)->pause(session);
}

void yd_eio_pause(struct yd_eio_session *session)
{
    set_paused(session, true);
}

void yd_eio_resume(struct yd_eio_session *session)
{
    set_paused(session, false);
}

/* ---- asking ---- */

uint64_t yd_eio_heard_at(const struct yd_eio_session *session)
{
    return yd_eio_is_open(session) ? yd_eio_ops(session)->heard_at(session) : 0;
}

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
    return (enum yd_eio_transport)session->transport;
}

const struct yd_eio_handshake *yd_eio_handshake(const struct yd_eio_session *session)
{
    static const struct yd_eio_handshake forgotten = {.len = 0};

    return session->handshake != NULL ? session->handshake : &forgotten;
}

void yd_eio_forget_handshake(struct yd_eio_session *session)
{
    yd_free(yd_eio_mem(session), session->handshake);
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
        [YD_EIO_NOT_OPENED] = "out of memory",
    };

    return texts[reason];
}
