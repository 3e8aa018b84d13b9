/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/clock.h"
#include "hook/parts.h"

/*
 * The body of a request:
 *
 *     {"version": 1, "node": "n1", "events": [{"id", "kind", "time", "seq", "socket", ...}]}
 */

static void put_socket(struct yg_text *text, const struct yg_lane *lane)
{
    if (lane->fns == NULL || lane->fns->describe == NULL)
        return;
    yg_text_puts(text, ",\"socket\":");
    if (lane->kept.len > 0)
        yg_text_add(text, lane->kept.ptr, lane->kept.len);
    else if (lane->owner != NULL)
        lane->fns->describe(lane->owner, text);
    else
        yg_text_puts(text, "{}");
}

void yg_body_put_event(struct yg_text *text, const struct yg_hook_event *event)
{
    char time[YG_CLOCK_TEXT];

    if (event->is_raw) {
        yg_text_add(text, event->text.ptr, event->text.len);
        return;
    }
    yg_clock_text(event->wall_ms, time);
    yg_text_puts(text, "{\"id\":\"");
    yg_text_puts(text, event->id);
    yg_text_puts(text, "\",\"kind\":\"");
    yg_text_puts(text, yg_hook_word(event->kind));
    yg_text_puts(text, "\",\"time\":\"");
    yg_text_puts(text, time);
    yg_text_puts(text, "\",\"seq\":");
    yg_text_put_number(text, event->seq);
    put_socket(text, event->lane);
    if (event->text.len > 0)
        yg_text_add(text, event->text.ptr, event->text.len);
    yg_text_putc(text, '}');
}

const char *yg_body_ns(const struct yg_hook_event *event)
{
    return event->ns != NULL ? event->ns : event->lane->ns;
}

void yg_body_put(struct yg_text *text, const char *node, struct yg_hook_event *const *events,
                 size_t num)
{
    yg_text_puts(text, "{\"version\":1,\"node\":");
    yg_text_put_json(text, node, strlen(node));
    yg_text_puts(text, ",\"events\":[");
    for (size_t i = 0; i < num; i++) {
        if (i > 0)
            yg_text_putc(text, ',');
        yg_body_put_event(text, events[i]);
    }
    yg_text_puts(text, "]}");
}

/* ---- the address ---- */

#define KIND "{kind}"
#define NAMESPACE "{namespace}"

/* Without the slash in front; what cannot stand in a path is encoded (RFC 3986 3.3). */
static void put_namespace(struct yg_text *text, const char *ns)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-._~!$&'()*+,;=:@";

    for (const char *at = *ns == '/' ? ns + 1 : ns; *at != '\0'; at++) {
        if (strchr(plain, *at) != NULL)
            yg_text_putc(text, *at);
        else
            yg_text_printf(text, "%%%02X", (unsigned char)*at);
    }
}

void yg_body_url(struct yg_text *text, const char *url, const struct yg_hook_event *event)
{
    while (*url != '\0') {
        const size_t plain = strcspn(url, "{");

        yg_text_add(text, url, plain);
        url += plain;
        if (strncmp(url, KIND, sizeof(KIND) - 1) == 0) {
            yg_text_puts(text, yg_hook_word(event->kind));
            url += sizeof(KIND) - 1;
        } else if (strncmp(url, NAMESPACE, sizeof(NAMESPACE) - 1) == 0) {
            put_namespace(text, yg_body_ns(event));
            url += sizeof(NAMESPACE) - 1;
        } else if (*url != '\0') {
            yg_text_putc(text, *url++);
        }
    }
}

bool yg_body_same_url(const char *url, const struct yg_hook_event *a, const struct yg_hook_event *b)
{
    return (a->kind == b->kind || strstr(url, KIND) == NULL) &&
           (strcmp(yg_body_ns(a), yg_body_ns(b)) == 0 || strstr(url, NAMESPACE) == NULL);
}
