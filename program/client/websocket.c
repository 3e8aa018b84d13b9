/* SPDX-License-Identifier: MIT */
#include "client/websocket.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/handshake.h"

#define MAX_PONGS 65536 /* bytes that wait, above which pings are not answered */
#define FINISH_MS 1000  /* for the end of a connection after both close frames */

static struct yg_ws *of_link(struct yg_link *link)
{
    return (struct yg_ws *)((char *)link - offsetof(struct yg_ws, link));
}

/* ---- the end ---- */

void yg_ws_drop(struct yg_ws *ws)
{
    if (ws->state == YG_WS_IDLE)
        return;
    ws->state = YG_WS_IDLE;
    (void)yodel_timer_stop(&ws->timer);
    yg_link_close(&ws->link);
    yg_frames_done(&ws->frames);
    yg_text_done(&ws->head);
    if (ws->deflate != NULL)
        yg_deflate_done(ws->deflate);
    free(ws->deflate);
    ws->deflate = NULL;
    if (ws->gone != NULL)
        *ws->gone = true;
    ws->gone = NULL;
}

static void tell_end(struct yg_ws *ws, const struct yg_end *end)
{
    const struct yg_end copy = *end;

    yg_ws_drop(ws);
    ws->events->on_ended(ws, &copy);
}

static void end_with(struct yg_ws *ws, enum yg_end_kind kind, int code, const char *words)
{
    struct yg_end end = {.kind = kind, .code = code};

    snprintf(end.words, sizeof(end.words), "%s", words != NULL ? words : "");
    tell_end(ws, &end);
}

void yg_end_put(struct yg_text *text, const struct yg_end *end)
{
    static const char *const kinds[] = {
        [YG_END_UNREACHABLE] = "cannot be reached",
        [YG_END_REFUSED] = "refused",
        [YG_END_CLOSED] = "closed",
        [YG_END_LOST] = "the connection was lost",
        [YG_END_WRONG] = "the server broke the protocol",
        [YG_END_LATE] = "no answer in time",
        [YG_END_FAILED] = "failed",
    };

    yg_text_puts(text, kinds[end->kind]);
    if (end->code != 0)
        yg_text_printf(text, " (%d)", end->code);
    if (*end->words != '\0')
        yg_text_printf(text, ": %s", end->words);
}

/* ---- writing ---- */

static uint32_t next_mask(struct yg_ws *ws)
{
    ws->random ^= ws->random << 13;
    ws->random ^= ws->random >> 7;
    ws->random ^= ws->random << 17;
    return (uint32_t)(ws->random >> 16);
}

static int put(struct yg_ws *ws, enum yg_opcode opcode, bool is_deflated, const void *ptr,
               size_t len)
{
    struct yg_text *out = &ws->head;
    int rc;

    yg_text_reset(out);
    yg_frame_put(out, opcode, is_deflated, ptr, len, next_mask(ws));
    if (yg_text_failed(out)) {
        yg_link_fail(&ws->link, -ENOMEM);
        return -ENOMEM;
    }
    rc = yg_link_send(&ws->link, out->ptr, out->len);
    if (out->cap > 16384)
        yg_text_done(out);
    return rc;
}

static int put_frame(struct yg_ws *ws, enum yg_opcode opcode, const void *ptr, size_t len)
{
    return put(ws, opcode, false, ptr, len);
}

/* Where that was agreed on; one without bytes would be longer. */
static int put_message(struct yg_ws *ws, enum yg_opcode opcode, const void *ptr, size_t len)
{
    struct yg_deflate *codec = opcode < YG_FRAME_CLOSE && len > 0 ? ws->deflate : NULL;
    int rc = codec != NULL ? yg_deflate_put(codec, ptr, len) : 0;

    if (rc < 0)
        yg_link_fail(&ws->link, rc);
    if (rc > 0)
        rc = put(ws, opcode, true, codec->deflated.ptr, codec->deflated.len);
    else if (rc == 0)
        rc = put(ws, opcode, false, ptr, len);
    if (codec != NULL)
        yg_deflate_forget_out(codec); /* what has come may be in use: a message is answered */
    return rc;
}

int yg_ws_send(struct yg_ws *ws, enum yg_opcode opcode, const void *ptr, size_t len)
{
    return ws->state == YG_WS_OPEN ? put_message(ws, opcode, ptr, len) : 0;
}

bool yg_ws_is_deflated(const struct yg_ws *ws)
{
    return ws->deflate != NULL;
}

void yg_ws_close(struct yg_ws *ws, unsigned code)
{
    const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};

    if (ws->state != YG_WS_OPEN)
        return;
    (void)put_frame(ws, YG_FRAME_CLOSE, payload, sizeof(payload));
    ws->state = YG_WS_CLOSING;
    ws->waiting = yg_link_waiting(&ws->link);
    (void)yodel_timer_start(&ws->timer, ws->options->timeout_ms);
}

/* ---- frames ---- */

static void on_close_frame(struct yg_ws *ws, yodel_bytes payload)
{
    struct yg_end *end = &ws->end;

    *end = (struct yg_end){.kind = YG_END_CLOSED, .code = 1005};
    if (payload.len >= 2) {
        end->code = payload.ptr[0] << 8 | payload.ptr[1];
        snprintf(end->words, sizeof(end->words), "%.*s", (int)payload.len - 2,
                 (const char *)payload.ptr + 2);
    }
    if (ws->state == YG_WS_OPEN)
        (void)put_frame(ws, YG_FRAME_CLOSE, payload.ptr, payload.len >= 2 ? 2 : 0);
    ws->state = YG_WS_FINISHING;
    (void)yodel_timer_start(&ws->timer, FINISH_MS);
}

static void on_broken(struct yg_ws *ws, int rc)
{
    const uint16_t code = rc == -EMSGSIZE ? 1009 : rc == -EBADMSG ? 1007 : 1002;
    const uint8_t payload[2] = {(uint8_t)(code >> 8), (uint8_t)code};

    if (rc == -ENOMEM) {
        end_with(ws, YG_END_FAILED, 0, "out of memory");
        return;
    }
    if (ws->state == YG_WS_OPEN)
        (void)put_frame(ws, YG_FRAME_CLOSE, payload, sizeof(payload));
    end_with(ws, YG_END_WRONG, 0, ws->frames.problem);
}

/* Returns 0, or why the message is none. */
static int inflate_message(struct yg_ws *ws, struct yg_frame *message)
{
    const struct yg_text *text = &ws->deflate->inflated;
    int rc = yg_deflate_take(ws->deflate, message->payload, ws->options->max_message);

    message->payload = (yodel_bytes){(const uint8_t *)text->ptr, text->len};
    if (rc == 0 && message->opcode == YG_FRAME_TEXT && !yg_text_is_utf8(text->ptr, text->len))
        rc = -EBADMSG;
    if (rc < 0)
        ws->frames.problem = rc == -EMSGSIZE
                                 ? "a message that is too long"
                                 : "a message that is not deflated, or text that is not UTF-8";
    return rc;
}

static void on_message(struct yg_ws *ws, const struct yg_frame *frame)
{
    struct yg_frame message = *frame;
    int rc = frame->is_deflated ? inflate_message(ws, &message) : 0;

    if (rc < 0)
        on_broken(ws, rc);
    else
        ws->events->on_message(ws, &message);
}

static void on_frame(struct yg_ws *ws, const struct yg_frame *frame)
{
    switch (frame->opcode) {
    case YG_FRAME_PING: /* who does not take pongs gets none (section 5.5.3) */
        if (ws->state == YG_WS_OPEN && yg_link_waiting(&ws->link) < MAX_PONGS)
            (void)put_frame(ws, YG_FRAME_PONG, frame->payload.ptr, frame->payload.len);
        break;
    case YG_FRAME_PONG:
        break;
    case YG_FRAME_CLOSE:
        on_close_frame(ws, frame->payload);
        break;
    default:
        on_message(ws, frame);
    }
}

/* A server that goes on behind its close frame is not listened to, nor one that asks for more than
 * it takes. */
static void read_frames(struct yg_ws *ws, yodel_bytes bytes)
{
    struct yg_frame frame;
    bool gone = false;
    int rc;

    while ((ws->state == YG_WS_OPEN || ws->state == YG_WS_CLOSING) && !yg_link_is_full(&ws->link)) {
        rc = yg_frames_next(&ws->frames, &bytes, &frame);
        if (rc < 0)
            on_broken(ws, rc);
        if (rc <= 0)
            return;
        ws->gone = &gone;
        on_frame(ws, &frame);
        if (gone)
            return;
        ws->gone = NULL;
        if (ws->deflate != NULL)
            yg_deflate_forget_in(ws->deflate);
    }
}

/* ---- the handshake ---- */

/* What an answer that is none has said, in its first line and the beginning of its body. */
static void on_refused(struct yg_ws *ws, int status)
{
    const char *head = ws->head.ptr, *body = strstr(head, "\r\n\r\n");
    struct yg_end end = {.kind = YG_END_REFUSED, .code = status};
    const size_t line = strcspn(head, "\r\n");

    if (body != NULL && body[4] != '\0')
        snprintf(end.words, sizeof(end.words), "%.250s", body + 4);
    else
        snprintf(end.words, sizeof(end.words), "%.*s", line > 13 ? (int)line - 13 : 0, head + 13);
    tell_end(ws, &end);
}

/* Returns 0, -ENOMEM, or -EPROTO for what was not offered. */
static int agree_on_extensions(struct yg_ws *ws)
{
    const yodel_str value = yg_handshake_extensions((yodel_str){ws->head.ptr, ws->head.len});
    struct yg_deflate_terms terms;

    if (value.len == 0)
        return 0;
    if (!ws->options->offers_deflate || yg_deflate_read(value, &terms) < 0)
        return -EPROTO;
    ws->deflate = calloc(1, sizeof(*ws->deflate));
    if (ws->deflate == NULL)
        return -ENOMEM;
    ws->deflate->terms = terms;
    ws->frames.allows_deflated = true;
    return 0;
}

static void read_head(struct yg_ws *ws, yodel_bytes bytes)
{
    const size_t before = ws->head.len;
    bool gone = false;
    int status = 0, rc, agreed;

    yg_text_add(&ws->head, (const char *)bytes.ptr,
                bytes.len < YG_HANDSHAKE_MAX + 1 ? bytes.len : YG_HANDSHAKE_MAX + 1);
    if (yg_text_failed(&ws->head)) {
        end_with(ws, YG_END_FAILED, 0, "out of memory");
        return;
    }
    rc = yg_handshake_check((yodel_str){ws->head.ptr, ws->head.len}, ws->key, &status);
    if (rc == 0)
        return;
    if (rc == -ECONNREFUSED) {
        on_refused(ws, status);
        return;
    }
    if (rc < 0) {
        end_with(ws, YG_END_WRONG, 0, "its answer is none to a WebSocket");
        return;
    }
    agreed = agree_on_extensions(ws);
    if (agreed < 0) {
        end_with(ws, agreed == -ENOMEM ? YG_END_FAILED : YG_END_WRONG, 0,
                 agreed == -ENOMEM ? "out of memory" : "an extension that was not offered");
        return;
    }
    bytes.ptr += (size_t)rc - before;
    bytes.len -= (size_t)rc - before;
    (void)yodel_timer_stop(&ws->timer);
    ws->state = YG_WS_OPEN;
    ws->gone = &gone;
    ws->events->on_open(ws);
    if (gone)
        return;
    ws->gone = NULL;
    read_frames(ws, bytes);
}

/* ---- the link ---- */

static void on_link_open(struct yg_link *link)
{
    struct yg_ws *ws = of_link(link);
    const struct yg_ws_options *options = ws->options;

    yg_handshake_put(&ws->head, options->authority, options->target, ws->key,
                     options->offers_deflate ? YG_DEFLATE_OFFER : NULL, options->headers,
                     options->num_headers);
    if (yg_text_failed(&ws->head) || yg_link_send(link, ws->head.ptr, ws->head.len) < 0)
        end_with(ws, YG_END_FAILED, 0, "out of memory");
    else
        yg_text_reset(&ws->head);
}

static void on_link_bytes(struct yg_link *link, yodel_bytes bytes)
{
    struct yg_ws *ws = of_link(link);

    if (ws->state == YG_WS_OPENS)
        read_head(ws, bytes);
    else
        read_frames(ws, bytes);
}

static void on_link_closed(struct yg_link *link, int error, const char *words)
{
    struct yg_ws *ws = of_link(link);
    const bool was_open = ws->state != YG_WS_OPENS || ws->head.len > 0;

    if (words == NULL && error != 0)
        words = yodel_strerror(error);
    if (ws->state == YG_WS_FINISHING)
        tell_end(ws, &ws->end);
    else if (ws->state == YG_WS_OPENS && error == 0)
        end_with(ws, YG_END_LOST, 0, "before the handshake was whole");
    else
        end_with(ws, was_open ? YG_END_LOST : YG_END_UNREACHABLE, 0, words);
}

static const struct yg_link_events link_events = {
    .on_open = on_link_open, .on_bytes = on_link_bytes, .on_closed = on_link_closed};

static void on_time(yodel_timer *timer, void *user)
{
    struct yg_ws *ws = user;

    if (ws->state == YG_WS_FINISHING) {
        tell_end(ws, &ws->end);
        return;
    }
    /* A close frame behind much that the server takes slowly. */
    if (ws->state == YG_WS_CLOSING && yg_link_waiting(&ws->link) < ws->waiting) {
        ws->waiting = yg_link_waiting(&ws->link);
        (void)yodel_timer_start(timer, ws->options->timeout_ms);
    } else {
        end_with(ws, YG_END_LATE, 0,
                 ws->state == YG_WS_CLOSING ? "to the close frame" : "to the handshake");
    }
}

int yg_ws_open(struct yg_ws *ws, const struct yg_ws_options *options,
               const struct yg_ws_events *events)
{
    unsigned char bytes[16];
    int rc;

    *ws = (struct yg_ws){
        .options = options, .events = events, .frames = {.max = options->max_message}};
    if (RAND_bytes(bytes, sizeof(bytes)) != 1 ||
        RAND_bytes((unsigned char *)&ws->random, sizeof(ws->random)) != 1)
        return -EIO;
    ws->random |= 1;
    EVP_EncodeBlock((unsigned char *)ws->key, bytes, sizeof(bytes));
    yodel_timer_init(&ws->timer, options->link.loop, on_time, ws);
    rc = yg_link_open(&ws->link, &options->link, &link_events);
    if (rc == 0)
        rc = yodel_timer_start(&ws->timer, options->timeout_ms);
    if (rc < 0) {
        yg_link_close(&ws->link);
        return rc;
    }
    ws->state = YG_WS_OPENS;
    return 0;
}
