/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "cli/plain.h"
#include "cli/webhook.h"
#include "hook/answer.h"

/* ---- events ---- */

int yg_webhook_kind(const char *word)
{
    int kind = 0;

    while (kind < YG_NUM_HOOK_KINDS && strcmp(yg_hook_word((enum yg_hook_kind)kind), word) != 0)
        kind++;
    return kind < YG_NUM_HOOK_KINDS ? kind : -1;
}

static void put_string(struct yg_text *text, const json_t *object, const char *name,
                       const char *before)
{
    const char *value = json_string_value(json_object_get(object, name));

    if (value == NULL || *value == '\0')
        return;
    yg_text_puts(text, before);
    yg_plain_put(text, value, strlen(value));
}

/* Members that are not told otherwise. */
static void put_rest(struct yg_text *text, const json_t *event)
{
    static const char *const told[] = {"id",    "kind", "time", "seq", "socket",
                                       "event", "args", "ack",  NULL};
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)event, name, value)
    {
        size_t i = 0;

        while (told[i] != NULL && strcmp(told[i], name) != 0)
            i++;
        if (told[i] != NULL)
            continue;
        yg_text_puts(text, "  ");
        yg_plain_put(text, name, strlen(name));
        yg_text_putc(text, '=');
        yg_plain_put_json(text, value);
    }
}

void yg_webhook_put_event(struct yg_text *text, const json_t *event)
{
    const json_t *socket = json_object_get(event, "socket");

    put_string(text, event, "time", "");
    put_string(text, event, "kind", " ");
    put_string(text, socket, "namespace", " ");
    put_string(text, socket, "sid", " ");
    put_string(text, socket, "user", " user ");
    put_string(text, event, "event", "  ");
    if (json_object_get(event, "args") != NULL) {
        yg_text_putc(text, ' ');
        yg_plain_put_json(text, json_object_get(event, "args"));
    }
    if (json_is_true(json_object_get(event, "ack")))
        yg_text_puts(text, " (wants an ack)");
    put_rest(text, event);
}

/* ---- results ---- */

static void put_line(struct yg_text *text, const char *words, const json_t *json)
{
    if (json == NULL)
        return;
    yg_text_printf(text, "%s ", words);
    yg_plain_put_json(text, json);
    yg_text_putc(text, '\n');
}

static void put_names(struct yg_text *text, const struct yg_names *names)
{
    for (size_t i = 0; i < names->num; i++) {
        yg_text_puts(text, i > 0 ? ", " : "");
        yg_plain_put(text, names->items[i], strlen(names->items[i]));
    }
    yg_text_putc(text, '\n');
}

static void put_connect(struct yg_text *text, const struct yg_hook_result *result)
{
    if (result->is_rejected) {
        yg_text_puts(text, "refuses the client");
        if (result->message != NULL) {
            yg_text_puts(text, ": ");
            yg_plain_put(text, result->message, strlen(result->message));
        }
        yg_text_putc(text, '\n');
        put_line(text, "  with the data", result->data);
        return;
    }
    yg_text_puts(text, "accepts the client");
    if (result->user != NULL) {
        yg_text_puts(text, " as user ");
        yg_plain_put(text, result->user, strlen(result->user));
    } else {
        yg_text_puts(text, ", without a user");
    }
    yg_text_putc(text, '\n');
    if (result->rooms.num > 0) {
        yg_text_puts(text, "puts it into ");
        put_names(text, &result->rooms);
    }
    put_line(text, "greets it with yodel:hello", result->data);
    put_line(text, "shows in presence", result->info);
}

static void put_ack(struct yg_text *text, const struct yg_hook_asked *asked,
                    const struct yg_hook_result *result)
{
    const struct yg_text *args;

    if (!asked->wants_ack)
        return;
    if (!result->has_ack) {
        yg_text_puts(text, "sends no ack\n");
        return;
    }
    args = &result->ack->args;
    yg_text_puts(text, "acks with ");
    yg_plain_put(text, args->len > 0 ? args->ptr : "[]", args->len > 0 ? args->len : 2);
    yg_text_putc(text, '\n');
}

void yg_webhook_put_result(struct yg_text *text, const struct yg_hook_asked *asked,
                           const struct yg_hook_result *result)
{
    if (asked->kind == YG_HOOK_CONNECT)
        put_connect(text, result);
    if (result->is_expired)
        yg_text_puts(text, "lets the session end\n");
    if (result->has_expires)
        yg_text_printf(text, "lets the session end at %" PRId64 "\n", result->expires_at);
    put_line(text, "sets meta to", result->meta);
    for (size_t i = 0; i < result->num_actions; i++)
        put_line(text, "runs", result->actions[i]->document);
    if (asked->kind == YG_HOOK_EVENT)
        put_ack(text, asked, result);
}
