/* SPDX-License-Identifier: MIT */
#include "client/socketio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct yg_sio *of_eio(struct yg_eio *eio)
{
    return (struct yg_sio *)((char *)eio - offsetof(struct yg_sio, eio));
}

/* ---- the end ---- */

static void forget_held(struct yg_sio *sio)
{
    yg_text_done(&sio->held);
    yg_text_done(&sio->blob);
    free(sio->attachments);
    sio->attachments = NULL;
    sio->num_attachments = 0;
}

static void clear(struct yg_sio *sio)
{
    (void)yodel_timer_stop(&sio->timer);
    forget_held(sio);
    sio->is_connected = false;
    if (sio->gone != NULL)
        *sio->gone = true;
    sio->gone = NULL;
}

void yg_sio_drop(struct yg_sio *sio)
{
    clear(sio);
    yg_eio_drop(&sio->eio);
}

static void end_with(struct yg_sio *sio, enum yg_end_kind kind, const char *words, size_t len)
{
    struct yg_end end = {.kind = kind};

    snprintf(end.words, sizeof(end.words), "%.*s", len < 250 ? (int)len : 250, words);
    yg_sio_drop(sio);
    sio->events->on_ended(sio, &end);
}

static void break_off(struct yg_sio *sio, const char *problem)
{
    end_with(sio, YG_END_WRONG, problem, strlen(problem));
}

static void fail(struct yg_sio *sio)
{
    end_with(sio, YG_END_FAILED, "out of memory", 13);
}

/* ---- writing ---- */

int yg_sio_send(struct yg_sio *sio, enum yg_packet_kind kind, const struct yg_sio_message *message)
{
    struct yg_packet packet = {.kind = kind,
                               .num_attachments = message->num_attachments,
                               .ns = yodel_str_of(sio->options->ns),
                               .has_id = message->has_id,
                               .id = message->id,
                               .json = message->json};
    struct yg_text text = {0};
    int rc;

    if (!sio->is_connected)
        return 0;
    if (message->num_attachments > 0)
        packet.kind = kind == YG_PACKET_EVENT ? YG_PACKET_BINARY_EVENT : YG_PACKET_BINARY_ACK;
    yg_packet_put(&text, &packet);
    rc = yg_text_failed(&text) ? -ENOMEM : yg_eio_send(&sio->eio, (yodel_str){text.ptr, text.len});
    yg_text_done(&text);
    for (unsigned i = 0; i < message->num_attachments && rc == 0; i++)
        rc = yg_eio_send_binary(&sio->eio, message->attachments[i]);
    return rc;
}

size_t yg_sio_waiting(const struct yg_sio *sio)
{
    return yg_eio_waiting(&sio->eio);
}

void yg_sio_close(struct yg_sio *sio)
{
    struct yg_packet packet = {.kind = YG_PACKET_DISCONNECT, .ns = yodel_str_of(sio->options->ns)};
    struct yg_text text = {0};

    yg_packet_put(&text, &packet);
    if (sio->is_connected && !yg_text_failed(&text))
        (void)yg_eio_send(&sio->eio, (yodel_str){text.ptr, text.len});
    yg_text_done(&text);
    sio->is_connected = false;
    (void)yodel_timer_stop(&sio->timer);
    yg_eio_close(&sio->eio);
}

static void connect_namespace(struct yg_sio *sio)
{
    struct yg_packet packet = {.kind = YG_PACKET_CONNECT,
                               .ns = yodel_str_of(sio->options->ns),
                               .json = yodel_str_of(sio->options->auth)};
    struct yg_text text = {0};

    yg_packet_put(&text, &packet);
    if (yg_text_failed(&text) || yg_eio_send(&sio->eio, (yodel_str){text.ptr, text.len}) < 0)
        fail(sio);
    yg_text_done(&text);
}

/* ---- packets ---- */

static void deliver(struct yg_sio *sio, const struct yg_packet *packet)
{
    const struct yg_sio_message message = {.has_id = packet->has_id,
                                           .id = packet->id,
                                           .json = packet->json,
                                           .attachments = sio->attachments,
                                           .num_attachments = packet->num_attachments};

    if (packet->kind == YG_PACKET_EVENT || packet->kind == YG_PACKET_BINARY_EVENT)
        sio->events->on_event(sio, &message);
    else
        sio->events->on_ack(sio, &message);
}

/* Keeps a packet until its attachments have come. */
static void hold(struct yg_sio *sio, yodel_str text, const struct yg_packet *packet)
{
    const size_t offset = packet->json.len > 0 ? (size_t)(packet->json.ptr - text.ptr) : 0;

    sio->attachments = calloc(packet->num_attachments, sizeof(*sio->attachments));
    yg_text_add(&sio->held, text.ptr, text.len);
    if (sio->attachments == NULL || yg_text_failed(&sio->held)) {
        fail(sio);
        return;
    }
    sio->packet = *packet;
    sio->packet.json.ptr = sio->held.ptr + offset;
}

static bool is_to_upgrade(const struct yg_sio *sio)
{
    return sio->options->eio.transport == YG_TRANSPORT_UPGRADE;
}

static void tell_upgraded(struct yg_sio *sio)
{
    (void)yodel_timer_stop(&sio->timer);
    sio->events->on_upgraded(sio);
}

static void on_connect(struct yg_sio *sio, const struct yg_packet *packet)
{
    bool gone = false;

    if (sio->is_connected)
        return;
    sio->is_connected = true;
    if (!is_to_upgrade(sio))
        (void)yodel_timer_stop(&sio->timer);
    sio->gone = &gone;
    sio->events->on_connected(sio, packet->json);
    if (gone)
        return;
    sio->gone = NULL;
    if (sio->is_connected && is_to_upgrade(sio) && sio->eio.is_upgraded)
        tell_upgraded(sio);
}

static void on_packet(struct yg_sio *sio, yodel_str text)
{
    struct yg_packet packet;

    if (yg_packet_read(text, &packet) < 0) {
        break_off(sio, "a packet that cannot be read");
        return;
    }
    if (!yodel_str_eq(packet.ns, yodel_str_of(sio->options->ns)))
        return;
    switch (packet.kind) {
    case YG_PACKET_CONNECT:
        on_connect(sio, &packet);
        break;
    case YG_PACKET_CONNECT_ERROR:
        end_with(sio, YG_END_REFUSED, packet.json.ptr, packet.json.len);
        break;
    case YG_PACKET_DISCONNECT:
        end_with(sio, YG_END_CLOSED, "io server disconnect", 20);
        break;
    default:
        if (packet.num_attachments > 0)
            hold(sio, text, &packet);
        else
            deliver(sio, &packet);
    }
}

static void on_binary(struct yg_sio *sio, yodel_bytes bytes)
{
    size_t at = 0;
    bool gone = false;

    if (sio->attachments == NULL) {
        break_off(sio, "an attachment of no packet");
        return;
    }
    if (bytes.len > sio->options->eio.ws.max_message - sio->blob.len) {
        break_off(sio, "attachments that are too long");
        return;
    }
    yg_text_add(&sio->blob, (const char *)bytes.ptr, bytes.len);
    if (yg_text_failed(&sio->blob)) {
        fail(sio);
        return;
    }
    sio->attachments[sio->num_attachments++].len = bytes.len;
    if (sio->num_attachments < sio->packet.num_attachments)
        return;
    for (unsigned i = 0; i < sio->num_attachments; at += sio->attachments[i++].len)
        sio->attachments[i].ptr = (const uint8_t *)sio->blob.ptr + at;
    sio->gone = &gone;
    deliver(sio, &sio->packet);
    if (gone)
        return;
    sio->gone = NULL;
    forget_held(sio);
}

/* ---- the session ---- */

static void on_eio_open(struct yg_eio *eio)
{
    struct yg_sio *sio = of_eio(eio);

    (void)yodel_timer_start(&sio->timer, sio->options->eio.ws.timeout_ms);
    connect_namespace(sio);
}

static void on_eio_upgraded(struct yg_eio *eio)
{
    struct yg_sio *sio = of_eio(eio);

    if (sio->is_connected)
        tell_upgraded(sio);
}

static void on_eio_text(struct yg_eio *eio, yodel_str text)
{
    struct yg_sio *sio = of_eio(eio);

    if (sio->attachments != NULL)
        break_off(sio, "a packet in the midst of attachments");
    else
        on_packet(sio, text);
}

static void on_eio_binary(struct yg_eio *eio, yodel_bytes bytes)
{
    on_binary(of_eio(eio), bytes);
}

static void on_eio_ended(struct yg_eio *eio, const struct yg_end *end)
{
    struct yg_sio *sio = of_eio(eio);

    clear(sio);
    sio->events->on_ended(sio, end);
}

static const struct yg_eio_events eio_events = {.on_open = on_eio_open,
                                                .on_upgraded = on_eio_upgraded,
                                                .on_text = on_eio_text,
                                                .on_binary = on_eio_binary,
                                                .on_ended = on_eio_ended};

static void on_time(yodel_timer *timer, void *user)
{
    struct yg_sio *sio = user;
    const char *words = sio->is_connected ? "to the upgrade" : "to the connect packet";

    (void)timer;
    end_with(sio, YG_END_LATE, words, strlen(words));
}

int yg_sio_open(struct yg_sio *sio, const struct yg_sio_options *options,
                const struct yg_sio_events *events)
{
    *sio = (struct yg_sio){.options = options, .events = events};
    yodel_timer_init(&sio->timer, options->eio.ws.link.loop, on_time, sio);
    return yg_eio_open(&sio->eio, &options->eio, &eio_events);
}
