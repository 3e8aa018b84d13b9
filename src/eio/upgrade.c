/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "eio/eio_internal.h"

/* A poll that comes while a probe is on is let wait so long, ms: the client may not be far enough
 * to pause, and would ask again at once. */
#define RELEASE_MS 50

static struct yd_loop *loop_of(const struct yd_eio_session *session)
{
    return session->home->loop;
}

/* ---- timers ---- */

static void on_upgrade_timeout(struct yd_timer *timer)
{
    yd_eio_probe_end(yd_container_of(timer, struct yd_eio_poll, upgrade_timer)->session, true);
}

static void release_poll(struct yd_eio_session *session)
{
    if (session->poll->get != NULL)
        yd_eio_poll_flush(session, session->poll->num == 0 ? "6" : NULL);
}

static void on_release(struct yd_timer *timer)
{
    release_poll(yd_container_of(timer, struct yd_eio_poll, release_timer)->session);
}

void yd_eio_probe_init(struct yd_eio_poll *poll)
{
    yd_timer_init(&poll->upgrade_timer, on_upgrade_timeout);
    yd_timer_init(&poll->release_timer, on_release);
}

void yd_eio_probe_see_poll(struct yd_eio_session *session)
{
    if (session->poll->probed)
        yd_timer_start(&loop_of(session)->wheel, &session->poll->release_timer,
                       yd_loop_due(loop_of(session), RELEASE_MS));
}

/* ---- the probe ---- */

void yd_eio_probe_begin(struct yd_eio_session *session, yodel_ws *ws, bool b64)
{
    struct yd_eio_poll *poll = session->poll;

    if (poll == NULL || poll->probe != NULL || session->home->eio->options.no_upgrades ||
        session->state == YD_EIO_STATE_CLOSED) {
        yd_eio_ws_drop(ws, 0);
        return;
    }
    poll->probe = ws;
    poll->probed = false;
    poll->probe_b64 = b64;
    yodel_ws_set_data(ws, session, NULL);
    yd_timer_start(&loop_of(session)->wheel, &poll->upgrade_timer,
                   yd_loop_due(loop_of(session), session->home->eio->options.upgrade_timeout_ms));
}

static void forget_probe(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = session->poll;

    poll->probe = NULL;
    poll->probed = false;
    yd_timer_stop(&loop_of(session)->wheel, &poll->upgrade_timer);
    yd_timer_stop(&loop_of(session)->wheel, &poll->release_timer);
}

void yd_eio_probe_end(struct yd_eio_session *session, bool drop)
{
    yodel_ws *ws = session->poll->probe;

    forget_probe(session);
    if (drop)
        yd_eio_ws_drop(ws, 0);
}

/* The client pauses as soon as its poll is answered, which is done at once. */
static void answer_probe(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = session->poll;

    if (yd_ws_send_msg(poll->probe, session->home->probe_answer) < 0) {
        yd_eio_probe_end(session, true);
        return;
    }
    poll->probed = true;
    release_poll(session);
}

/* ---- the switch ---- */

static int send_queue(struct yd_eio_session *session, const struct yd_eio_poll *poll)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < poll->num; i++)
        rc = yd_eio_ws_send(session, poll->items[i].msg);
    return rc;
}

/* A poll that is still held gets nothing of the queue, which goes behind the switch, whole. */
static void end_poll(struct yd_eio_session *session)
{
    if (session->poll->get != NULL)
        (void)yd_eio_poll_answer_only(session, "1");
    yd_eio_poll_forget_post(session);
}

static void go_on(struct yd_eio_session *session)
{
    if (session->state == YD_EIO_STATE_CLOSING) {
        yd_eio_end(session, (enum yd_eio_reason)session->reason);
        return;
    }
    yd_eio_beat_renew(session);
    if (session->congested)
        yd_ws_want_drain(session->ws);
}

static void switch_over(struct yd_eio_session *session)
{
    int rc;

    session->ws = session->poll->probe;
    session->b64 = session->poll->probe_b64;
    forget_probe(session);
    end_poll(session);
    rc = send_queue(session, session->poll);
    yd_eio_poll_free(session);
    if (rc < 0)
        yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
    else
        go_on(session);
}

static bool is_probe(const struct yd_eio_packet *packet)
{
    return packet->type == YD_EIO_PING &&
           yodel_str_eq((yodel_str){(const char *)packet->data, packet->len}, YODEL_STR("probe"));
}

void yd_eio_probe_message(struct yd_eio_session *session, const yodel_ws_message *message)
{
    struct yd_eio_packet packet = {.type = YD_EIO_MESSAGE};

    if (message->type == YODEL_WS_TEXT)
        (void)yd_eio_decode_text((uint8_t *)message->data.ptr, message->data.len, &packet);
    if (is_probe(&packet))
        answer_probe(session);
    else if (packet.type == YD_EIO_UPGRADE)
        switch_over(session);
    else
        yd_eio_probe_end(session, true);
}
