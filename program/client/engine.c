/* SPDX-License-Identifier: MIT */
#include "client/engine.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "client/poll_payload.h"
#include "client/polling.h"

#define MAX_TIME_MS 86400000

/* What only those that poll have. */
struct yg_eio_polling {
    struct yg_eio *eio;
    struct yg_polling requests;
    struct yg_polling_options options;
    /* Of the WebSocket that it is upgraded to: */
    struct yg_ws_options ws;
    struct yg_text target, cookie;
    const char **headers;
};

static struct yg_eio *of_ws(struct yg_ws *ws)
{
    return (struct yg_eio *)((char *)ws - offsetof(struct yg_eio, ws));
}

static struct yg_eio *of_polling(struct yg_polling *requests)
{
    return ((struct yg_eio_polling *)((char *)requests - offsetof(struct yg_eio_polling, requests)))
        ->eio;
}

/* Whether packets go by requests. */
static bool is_polling(const struct yg_eio *eio)
{
    return eio->polling != NULL && !eio->is_upgraded;
}

/* ---- the end ---- */

static void free_polling(struct yg_eio_polling *polling)
{
    if (polling == NULL)
        return;
    yg_polling_drop(&polling->requests);
    yg_text_done(&polling->target);
    yg_text_done(&polling->cookie);
    free(polling->headers);
    free(polling);
}

void yg_eio_drop(struct yg_eio *eio)
{
    if (eio->state == YG_EIO_IDLE)
        return;
    eio->state = YG_EIO_IDLE;
    (void)yodel_timer_stop(&eio->timer);
    yg_ws_drop(&eio->ws);
    free_polling(eio->polling);
    eio->polling = NULL;
}

static void tell_end(struct yg_eio *eio, const struct yg_end *end)
{
    const struct yg_end copy = *end;

    yg_eio_drop(eio);
    eio->events->on_ended(eio, &copy);
}

static void end_with(struct yg_eio *eio, enum yg_end_kind kind, const char *words)
{
    struct yg_end end = {.kind = kind};

    snprintf(end.words, sizeof(end.words), "%s", words);
    tell_end(eio, &end);
}

/* ---- sending ---- */

static int note_failure(struct yg_eio *eio, int rc)
{
    if (rc < 0 && is_polling(eio)) {
        eio->failure = rc;
        (void)yodel_timer_start(&eio->timer, 0);
    }
    return rc;
}

int yg_eio_send(struct yg_eio *eio, yodel_str packet)
{
    if (eio->state != YG_EIO_OPEN || eio->failure < 0)
        return eio->failure;
    return is_polling(eio) ? note_failure(eio, yg_polling_send(&eio->polling->requests, packet))
                           : yg_ws_send(&eio->ws, YG_FRAME_TEXT, packet.ptr, packet.len);
}

int yg_eio_send_binary(struct yg_eio *eio, yodel_bytes message)
{
    if (eio->state != YG_EIO_OPEN || eio->failure < 0)
        return eio->failure;
    return is_polling(eio)
               ? note_failure(eio, yg_polling_send_binary(&eio->polling->requests, message))
               : yg_ws_send(&eio->ws, YG_FRAME_BINARY, message.ptr, message.len);
}

size_t yg_eio_waiting(const struct yg_eio *eio)
{
    return is_polling(eio) ? yg_polling_waiting(&eio->polling->requests)
                           : yg_link_waiting(&eio->ws.link);
}

void yg_eio_close(struct yg_eio *eio)
{
    if (eio->state != YG_EIO_OPEN || eio->failure < 0)
        return;
    eio->state = YG_EIO_CLOSING;
    (void)yodel_timer_stop(&eio->timer);
    if (!is_polling(eio)) {
        yg_ws_close(&eio->ws, 1000);
        return;
    }
    yg_ws_drop(&eio->ws);
    (void)note_failure(eio, yg_polling_close(&eio->polling->requests));
}

/* ---- the upgrade ---- */

static const struct yg_ws_events ws_events;

/* The WebSocket's headers: the cookies of a server that clients stick to go along. */
static int make_headers(struct yg_eio_polling *polling)
{
    const struct yg_polling *requests = &polling->requests;
    size_t num = requests->num_headers;

    polling->headers = calloc(num + 1, sizeof(*polling->headers));
    if (polling->headers == NULL || yg_cookies_put(&polling->cookie, &requests->cookies) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < num; i++)
        polling->headers[i] = requests->headers[i];
    if (polling->cookie.len > 0)
        polling->headers[num++] = polling->cookie.ptr;
    polling->ws.headers = polling->headers;
    polling->ws.num_headers = num;
    return 0;
}

static int begin_upgrade(struct yg_eio *eio, const char *sid)
{
    struct yg_eio_polling *polling = eio->polling;
    int rc;

    polling->ws = eio->options->ws;
    yg_text_printf(&polling->target, "%s&sid=%s", polling->ws.target, sid);
    polling->ws.target = polling->target.ptr;
    rc = yg_text_failed(&polling->target) ? -ENOMEM : make_headers(polling);
    return rc < 0 ? rc : yg_ws_open(&eio->ws, &polling->ws, &ws_events);
}

/* What waited goes by the WebSocket. */
static int send_unsent(struct yg_eio *eio)
{
    yodel_str rest = yg_polling_unsent(&eio->polling->requests), packet;
    struct yg_text blob = {0};
    int rc = 0;

    while (rc == 0 && yg_payload_next(&rest, &packet)) {
        size_t len = 0;

        if (packet.len == 0 || *packet.ptr != 'b') {
            rc = yg_ws_send(&eio->ws, YG_FRAME_TEXT, packet.ptr, packet.len);
            continue;
        }
        yg_text_reset(&blob);
        rc = yg_text_reserve(&blob, packet.len);
        if (rc == 0 && yg_base64_decode(packet.ptr + 1, packet.len - 1, (uint8_t *)blob.ptr, &len))
            rc = yg_ws_send(&eio->ws, YG_FRAME_BINARY, blob.ptr, len);
    }
    yg_text_done(&blob);
    return rc;
}

/* All requests are over, and the server has held its packets back since the probe. */
static void on_paused(struct yg_polling *requests)
{
    struct yg_eio *eio = of_polling(requests);

    if (yg_ws_send(&eio->ws, YG_FRAME_TEXT, "5", 1) < 0 || send_unsent(eio) < 0) {
        end_with(eio, YG_END_FAILED, "out of memory");
        return;
    }
    eio->is_upgraded = true;
    yg_polling_drop(requests);
    eio->events->on_upgraded(eio);
}

static void on_probe_answer(struct yg_eio *eio, const struct yg_frame *message)
{
    if (message->opcode == YG_FRAME_TEXT && message->payload.len == 6 &&
        memcmp(message->payload.ptr, "3probe", 6) == 0)
        yg_polling_pause(&eio->polling->requests);
    else
        end_with(eio, YG_END_WRONG, "the upgrade: another answer than to the probe");
}

/* ---- packets ---- */

/* How the session is to be, in its first packet. */
struct hello {
    json_t *json;
    const char *sid;
    bool has_websocket; /* among its upgrades */
    size_t max_payload;
};

static int read_hello(struct yg_eio *eio, yodel_str text, struct hello *hello)
{
    json_t *json = json_loadb(text.ptr, text.len, 0, NULL), *each;
    const json_int_t interval = json_integer_value(json_object_get(json, "pingInterval"));
    const json_int_t timeout = json_integer_value(json_object_get(json, "pingTimeout"));
    const json_int_t most = json_integer_value(json_object_get(json, "maxPayload"));
    size_t i;

    *hello = (struct hello){.json = json,
                            .sid = json_string_value(json_object_get(json, "sid")),
                            .max_payload = most > 0 ? (size_t)most : SIZE_MAX};
    json_array_foreach(json_object_get(json, "upgrades"), i, each)
    {
        hello->has_websocket |=
            json_is_string(each) && strcmp(json_string_value(each), "websocket") == 0;
    }
    if (interval < 1 || timeout < 1 || interval > MAX_TIME_MS || timeout > MAX_TIME_MS)
        return -EPROTO;
    eio->silence_ms = (uint32_t)(interval + timeout);
    return 0;
}

static void on_wrong_hello(struct yg_eio *eio, int rc)
{
    if (rc == -EPROTO)
        end_with(eio, YG_END_WRONG, "a handshake of Engine.IO without times, or a name");
    else
        end_with(eio, rc == -ENOMEM ? YG_END_FAILED : YG_END_UNREACHABLE, yodel_strerror(rc));
}

static void on_hello(struct yg_eio *eio, yodel_str text)
{
    const bool upgrades = eio->options->transport == YG_TRANSPORT_UPGRADE;
    const char *refusal = NULL;
    struct hello hello;
    int rc = read_hello(eio, text, &hello);

    if (rc == 0 && upgrades && !hello.has_websocket)
        refusal = "the upgrade: the server has none to WebSocket";
    if (rc == 0 && refusal == NULL && eio->polling != NULL)
        rc = hello.sid == NULL
                 ? -EPROTO
                 : yg_polling_go_on(&eio->polling->requests, hello.sid, hello.max_payload);
    if (rc == 0 && refusal == NULL && upgrades)
        rc = begin_upgrade(eio, hello.sid);
    json_decref(hello.json);
    if (refusal != NULL) {
        end_with(eio, YG_END_REFUSED, refusal);
    } else if (rc < 0) {
        on_wrong_hello(eio, rc);
    } else {
        eio->state = YG_EIO_OPEN;
        (void)yodel_timer_start(&eio->timer, eio->silence_ms);
        eio->events->on_open(eio);
    }
}

static void on_ping(struct yg_eio *eio)
{
    if (yg_eio_send(eio, YODEL_STR("3")) == 0)
        (void)yodel_timer_start(&eio->timer, eio->silence_ms);
}

static void on_packet(struct yg_eio *eio, yodel_str packet)
{
    const char kind = packet.len > 0 ? *packet.ptr : '\0';

    if (eio->state == YG_EIO_CLOSING)
        return;
    packet.ptr += packet.len > 0 ? 1 : 0;
    packet.len -= packet.len > 0 ? 1 : 0;
    if (eio->state == YG_EIO_OPENS && kind == '0')
        on_hello(eio, packet);
    else if (kind == '1')
        end_with(eio, YG_END_CLOSED, "the session was closed");
    else if (kind == '6')
        return;
    else if (eio->state == YG_EIO_OPEN && kind == '2')
        on_ping(eio);
    else if (eio->state == YG_EIO_OPEN && kind == '4')
        eio->events->on_text(eio, packet);
    else
        end_with(eio, YG_END_WRONG,
                 "a packet of Engine.IO of an unknown kind, or in the wrong place");
}

static void on_binary(struct yg_eio *eio, yodel_bytes message)
{
    if (eio->state == YG_EIO_OPEN)
        eio->events->on_binary(eio, message);
    else if (eio->state == YG_EIO_OPENS)
        end_with(eio, YG_END_WRONG, "a binary message ahead of the handshake of Engine.IO");
}

/* ---- by WebSocket ---- */

static void on_ws_open(struct yg_ws *ws)
{
    struct yg_eio *eio = of_ws(ws);

    if (eio->polling != NULL)
        (void)yg_ws_send(ws, YG_FRAME_TEXT, "2probe", 6);
    else
        (void)yodel_timer_start(&eio->timer, eio->options->ws.timeout_ms);
}

static void on_ws_message(struct yg_ws *ws, const struct yg_frame *message)
{
    struct yg_eio *eio = of_ws(ws);

    if (is_polling(eio))
        on_probe_answer(eio, message);
    else if (message->opcode == YG_FRAME_BINARY)
        on_binary(eio, message->payload);
    else
        on_packet(eio, (yodel_str){(const char *)message->payload.ptr, message->payload.len});
}

static void on_ws_ended(struct yg_ws *ws, const struct yg_end *end)
{
    struct yg_eio *eio = of_ws(ws);
    struct yg_end copy = *end;

    if (is_polling(eio)) {
        const char *colon = *end->words != '\0' ? ": " : "";

        snprintf(copy.words, sizeof(copy.words), "the upgrade%s%.200s", colon, end->words);
    }
    tell_end(eio, &copy);
}

static const struct yg_ws_events ws_events = {
    .on_open = on_ws_open, .on_message = on_ws_message, .on_ended = on_ws_ended};

/* ---- by polling ---- */

static void on_base64(struct yg_eio *eio, yodel_str text)
{
    struct yg_text blob = {0};
    size_t len = 0;

    if (yg_text_reserve(&blob, text.len + 1) < 0)
        end_with(eio, YG_END_FAILED, "out of memory");
    else if (!yg_base64_decode(text.ptr, text.len, (uint8_t *)blob.ptr, &len))
        end_with(eio, YG_END_WRONG, "a binary message that is not base64");
    else
        on_binary(eio, (yodel_bytes){(const uint8_t *)blob.ptr, len});
    yg_text_done(&blob);
}

static void on_polled(struct yg_polling *requests, yodel_str packet)
{
    struct yg_eio *eio = of_polling(requests);

    if (packet.len > 0 && *packet.ptr == 'b')
        on_base64(eio, (yodel_str){packet.ptr + 1, packet.len - 1});
    else if (!yg_text_is_utf8(packet.ptr, packet.len))
        end_with(eio, YG_END_WRONG, "text that is not UTF-8");
    else
        on_packet(eio, packet);
}

static void on_polling_ended(struct yg_polling *requests, const struct yg_end *end)
{
    tell_end(of_polling(requests), end);
}

static const struct yg_polling_events polling_events = {
    .on_packet = on_polled, .on_paused = on_paused, .on_ended = on_polling_ended};

static int open_polling(struct yg_eio *eio)
{
    struct yg_eio_polling *polling = calloc(1, sizeof(*polling));
    int rc;

    if (polling == NULL)
        return -ENOMEM;
    polling->eio = eio;
    polling->options =
        (struct yg_polling_options){.ws = &eio->options->ws, .addresses = eio->options->addresses};
    eio->polling = polling;
    rc = yg_polling_open(&polling->requests, &polling->options, &polling_events);
    if (rc == 0)
        return 0;
    eio->polling = NULL;
    free(polling);
    return rc;
}

/* ---- the whole ---- */

static void on_time(yodel_timer *timer, void *user)
{
    struct yg_eio *eio = user;

    (void)timer;
    if (eio->failure == -ENOBUFS)
        end_with(eio, YG_END_LOST, "the server does not take what it is sent");
    else if (eio->failure < 0)
        end_with(eio, YG_END_FAILED, yodel_strerror(eio->failure));
    else
        end_with(eio, YG_END_LATE,
                 eio->state == YG_EIO_OPENS ? "to the handshake of Engine.IO" : "no ping");
}

int yg_eio_open(struct yg_eio *eio, const struct yg_eio_options *options,
                const struct yg_eio_events *events)
{
    int rc;

    *eio = (struct yg_eio){.options = options, .events = events};
    yodel_timer_init(&eio->timer, options->ws.link.loop, on_time, eio);
    rc = options->transport == YG_TRANSPORT_WEBSOCKET
             ? yg_ws_open(&eio->ws, &options->ws, &ws_events)
             : open_polling(eio);
    if (rc < 0)
        return rc;
    eio->state = YG_EIO_OPENS;
    return 0;
}
