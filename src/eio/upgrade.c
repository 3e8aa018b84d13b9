/* SPDX-License-Identifier: MIT */
#include "eio/upgrade.h"

#include "eio/heartbeat.h"
#include "eio/polling.h"
#include "eio/websocket.h"

void yd_eio_upgrade_begin(struct yd_eio_session *session, yodel_ws *ws, bool b64)
{
    const struct yd_eio_options *options = &session->home->eio->options;
    struct yd_eio_poll *poll = yd_eio_poll_of(session);

    if (poll == NULL || poll->probe.ws != NULL || options->no_upgrades ||
        yd_eio_has_ended(session)) {
        yd_eio_ws_drop(ws, 0, "");
        return;
    }
    yodel_ws_set_data(ws, session, NULL);
    yd_eio_probe_begin(&poll->probe, ws, b64, options->upgrade_timeout_ms);
}

void yd_eio_upgrade_lost(struct yd_eio_session *session)
{
    (void)yd_eio_probe_take(&session->poll->probe);
}

/* The client pauses as soon as its poll is answered, which is done at once. */
static void answer_probe(struct yd_eio_session *session)
{
    struct yd_eio_probe *probe = &session->poll->probe;

    if (yd_eio_sent(session->home, yd_ws_send_msg(probe->ws, session->home->probe_answer)) < 0) {
        yd_eio_probe_drop(probe);
        return;
    }
    probe->answered = true;
    yd_eio_poll_release(session);
}

/* ---- the switch ---- */

static int send_queue(struct yd_eio_session *session, const struct yd_eio_queue *queue)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < queue->num; i++)
        rc = yd_eio_ops(session)->send(session, &queue->items[i].msg, 1, 0);
    return rc;
}

static void go_on(struct yd_eio_session *session)
{
    if (!yd_eio_is_open(session)) {
        yd_eio_end_closing(session);
        return;
    }
    yd_eio_beat_renew(session);
    if (session->home->eio->events->on_upgrade != NULL)
        session->home->eio->events->on_upgrade(session);
    if (session->congested)
        yd_eio_ops(session)->want_drain(session);
}

/* What is queued goes after the switch, in its order. */
static void switch_over(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = session->poll;
    bool b64 = poll->probe.b64;
    yodel_ws *ws;
    int rc;

    if (yd_eio_poll_has_rest(poll)) { /* what it sends next would overtake that */
        yd_eio_probe_drop(&poll->probe);
        return;
    }
    yd_eio_poll_part(session);
    if ((ws = yd_eio_probe_take(&poll->probe)) == NULL)
        return;
    yd_eio_ws_attach(session, ws, b64);
    rc = send_queue(session, &poll->queue);
    yd_eio_poll_free(poll);
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

void yd_eio_upgrade_message(struct yd_eio_session *session, const yodel_ws_message *message)
{
    struct yd_eio_packet packet = {.type = YD_EIO_MESSAGE};

    if (message->type == YODEL_WS_TEXT)
        (void)yd_eio_decode_text((uint8_t *)message->data.ptr, message->data.len, &packet);
    if (is_probe(&packet))
        answer_probe(session);
    else if (packet.type == YD_EIO_UPGRADE)
        switch_over(session);
    else
        yd_eio_probe_drop(&session->poll->probe);
}
