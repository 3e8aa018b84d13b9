/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/plain.h"

/* ---- when it ends ---- */

bool yg_watcher_has_all(const struct yg_watcher *watcher)
{
    for (size_t i = 0; i < watcher->options->expects.num; i++) {
        if (!watcher->seen[i])
            return false;
    }
    return true;
}

int yg_watcher_time_up(const struct yg_watcher *watcher)
{
    if (yg_watcher_has_all(watcher))
        return YG_EXIT_OK;
    for (size_t i = 0; i < watcher->options->expects.num; i++) {
        if (!watcher->seen[i])
            fprintf(stderr, "yodel connect: \"%s\" has not come in time\n",
                    watcher->options->expects.items[i]);
    }
    return YG_EXIT_TIMEOUT;
}

void yg_watcher_say(struct yg_watcher *watcher, struct yg_text *line)
{
    yg_text_putc(line, '\n');
    if (yg_cli_print(line) != YG_EXIT_OK)
        watcher->failed = true;
}

static bool is_in(const struct yg_connect_texts *texts, const char *name)
{
    size_t i = 0;

    while (i < texts->num && strcmp(texts->items[i], name) != 0)
        i++;
    return i < texts->num;
}

enum yg_watch_result yg_watcher_take(struct yg_watcher *watcher, const char *name,
                                     struct yg_text *line)
{
    const struct yg_connect_options *options = watcher->options;

    for (size_t i = 0; i < options->expects.num; i++) {
        if (strcmp(options->expects.items[i], name) == 0)
            watcher->seen[i] = true;
    }
    if (options->listens.num == 0 || is_in(&options->listens, name) ||
        is_in(&options->expects, name)) {
        yg_watcher_say(watcher, line);
        watcher->num_shown++;
    }
    yg_text_done(line);
    if (watcher->failed)
        return YG_WATCH_FAILED;
    if (options->expects.num > 0 && yg_watcher_has_all(watcher))
        return YG_WATCH_DONE;
    if (options->exit_count == 0 || watcher->num_shown < options->exit_count)
        return YG_WATCH_ON;
    return options->expects.num == 0 ? YG_WATCH_DONE : YG_WATCH_FAILED;
}

/* ---- lines ---- */

static void put_base64(struct yg_text *line, yodel_bytes bytes)
{
    char *chars = malloc(YG_BASE64_CHARS(bytes.len) + 1);

    if (chars == NULL) {
        line->failed = true;
        return;
    }
    yg_base64_encode(bytes.ptr, bytes.len, chars);
    yg_text_add(line, chars, YG_BASE64_CHARS(bytes.len));
    free(chars);
}

static void put_attachments(struct yg_text *line, bool as_json,
                            const struct yg_sio_message *message)
{
    if (message->num_attachments == 0)
        return;
    yg_text_puts(line, as_json ? ",\"attachments\":[" : " with");
    for (unsigned i = 0; i < message->num_attachments; i++) {
        if (!as_json) {
            yg_text_printf(line, " %zu bytes", message->attachments[i].len);
            continue;
        }
        yg_text_puts(line, i > 0 ? ",\"" : "\"");
        put_base64(line, message->attachments[i]);
        yg_text_putc(line, '"');
    }
    if (as_json)
        yg_text_putc(line, ']');
}

/* The arguments: with commas, or blanks. */
static void put_args(struct yg_text *line, bool as_json, const json_t *list, size_t from)
{
    for (size_t i = from; i < json_array_size(list); i++) {
        if (i > from || !as_json)
            yg_text_putc(line, as_json ? ',' : ' ');
        yg_plain_put_json(line, json_array_get(list, i));
    }
}

void yg_show_event(struct yg_text *line, bool as_json, const struct yg_sio_message *event,
                   const json_t *list)
{
    const json_t *name = json_array_get(list, 0);

    if (as_json) {
        yg_text_puts(line, "{\"event\":");
        yg_plain_put_json(line, name);
        yg_text_puts(line, ",\"args\":[");
        put_args(line, true, list, 1);
        yg_text_putc(line, ']');
    } else {
        yg_plain_put(line, json_string_value(name), json_string_length(name));
        put_args(line, false, list, 1);
    }
    put_attachments(line, as_json, event);
    if (event->has_id)
        yg_text_puts(line, as_json ? ",\"ack\":true" : " (wants an ack)");
    yg_text_puts(line, as_json ? "}" : "");
}

void yg_show_ack(struct yg_text *line, bool as_json, const struct yg_sio_message *ack,
                 const json_t *list)
{
    yg_text_printf(line,
                   as_json ? "{\"ack\":%llu,\"args\":[" : "ack %llu:", (unsigned long long)ack->id);
    put_args(line, as_json, list, 0);
    yg_text_puts(line, as_json ? "]" : "");
    put_attachments(line, as_json, ack);
    yg_text_puts(line, as_json ? "}" : "");
}

void yg_show_message(struct yg_text *line, bool as_json, const struct yg_frame *message)
{
    const char *ptr = (const char *)message->payload.ptr;

    if (as_json && message->opcode == YG_FRAME_TEXT) {
        yg_text_puts(line, "{\"text\":");
        yg_text_put_json(line, ptr, message->payload.len);
        yg_text_putc(line, '}');
    } else if (as_json) {
        yg_text_puts(line, "{\"binary\":\"");
        put_base64(line, message->payload);
        yg_text_puts(line, "\"}");
    } else if (message->opcode == YG_FRAME_TEXT) {
        yg_plain_put(line, ptr, message->payload.len);
    } else {
        yg_text_printf(line, "%zu bytes: ", message->payload.len);
        put_base64(line, message->payload);
    }
}

static void put_deflate(struct yg_text *line, bool as_json, enum yg_shown_deflate deflate)
{
    const bool is_agreed = deflate == YG_DEFLATE_AGREED;

    if (deflate == YG_DEFLATE_UNASKED)
        return;
    if (as_json)
        yg_text_printf(line, ",\"deflate\":%s", is_agreed ? "true" : "false");
    else
        yg_text_puts(line, is_agreed ? ", deflated" : ", not deflated");
}

void yg_show_connected(struct yg_text *line, bool as_json, const char *sid,
                       enum yg_shown_deflate deflate)
{
    yg_text_puts(line, as_json ? "{\"connected\":true" : "connected");
    if (sid != NULL && as_json) {
        yg_text_puts(line, ",\"sid\":");
        yg_text_put_json(line, sid, strlen(sid));
    } else if (sid != NULL) {
        yg_text_puts(line, " as ");
        yg_plain_put(line, sid, strlen(sid));
    }
    put_deflate(line, as_json, deflate);
    yg_text_puts(line, as_json ? "}" : "");
}

void yg_show_upgraded(struct yg_text *line, bool as_json, enum yg_shown_deflate deflate)
{
    yg_text_puts(line, as_json ? "{\"upgraded\":\"websocket\"" : "upgraded to WebSocket");
    put_deflate(line, as_json, deflate);
    yg_text_puts(line, as_json ? "}" : "");
}

void yg_show_end(struct yg_text *line, bool as_json, const struct yg_end *end)
{
    struct yg_text words = {0};

    yg_end_put(&words, end);
    if (as_json) {
        yg_text_puts(line, "{\"ended\":");
        yg_text_put_json(line, words.ptr, words.len);
        yg_text_printf(line, ",\"code\":%d}", end->code);
    } else {
        yg_plain_put(line, words.ptr, words.len);
    }
    yg_text_done(&words);
}

int yg_end_status(const struct yg_end *end)
{
    switch (end->kind) {
    case YG_END_UNREACHABLE:
        return YG_EXIT_UNREACHABLE;
    case YG_END_REFUSED:
        if (end->code == 0 || end->code == 401 || end->code == 403)
            return YG_EXIT_REFUSED;
        return end->code == 429 || end->code == 503 ? YG_EXIT_UNREACHABLE : YG_EXIT_FAILED;
    case YG_END_CLOSED:
        return end->code == 1000 ? YG_EXIT_OK : YG_EXIT_FAILED;
    case YG_END_WRONG:
        return YG_EXIT_DATA;
    case YG_END_LATE:
        return YG_EXIT_TIMEOUT;
    default:
        return YG_EXIT_FAILED;
    }
}
