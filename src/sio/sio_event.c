/* SPDX-License-Identifier: MIT */
#include "sio/sio_event.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/json_doc.h"

/* Events that come in. */

/* All are taken off before the first one runs: what it adds is for the next event. */
static bool run_onces(yodel_sio_socket *socket, yodel_sio_event *event)
{
    struct yd_sio_once *once = yd_sio_onces_take(&socket->onces, event->name), *next;
    bool handled = once != NULL;

    for (; once != NULL; once = next) {
        next = once->next;
        once->fn(socket, event, once->user);
        yd_free(socket->ns->sio->mem, once);
    }
    return handled;
}

static bool run_listener(yodel_sio_socket *socket, yodel_sio_event *event)
{
    struct yd_sio_listener *listener = yd_sio_config_find(socket->ns->config, event->name);

    if (listener == NULL)
        return false;
    for (struct yd_sio_event_handler *h = listener->first; h != NULL; h = h->next)
        h->fn(socket, event, h->user);
    return true;
}

static bool passes_middleware(yodel_sio_socket *socket, yodel_sio_event *event)
{
    const struct yd_sio_config *config = socket->ns->config;

    for (struct yd_sio_middleware *m = config->event_middleware; m != NULL; m = m->next) {
        const char *why = m->event_fn(socket, event, m->user);

        if (why == NULL)
            continue;
        if (config->handlers.on_error != NULL)
            config->handlers.on_error(socket, why, config->user);
        return false;
    }
    return true;
}

static void dispatch(yodel_sio_socket *socket, yodel_sio_event *event)
{
    const struct yd_sio_config *config = socket->ns->config;
    bool handled;

    if (config->handlers.on_any != NULL) /* ahead of middleware, as in the reference */
        config->handlers.on_any(socket, event, config->user);
    if (!passes_middleware(socket, event) || socket->phase != YD_SIO_CONNECTED)
        return; /* dropped, or disconnected by one of them */
    handled = run_onces(socket, event);
    handled = run_listener(socket, event) || handled;
    if (!handled && config->handlers.on_unhandled != NULL)
        config->handlers.on_unhandled(socket, event, config->user);
}

static int unescape_name(yodel_sio_event *event)
{
    const struct yodel_allocator *mem = event->socket->ns->sio->mem;
    yodel_str body = event->packet->name;
    char *end;

    event->name = body;
    if (!event->packet->name_is_escaped)
        return 0;
    if (yd_buf_reserve(mem, &event->scratch, body.len) < 0)
        return -ENOMEM;
    end = yd_json_unescape((char *)event->scratch.ptr, body);
    event->name =
        (yodel_str){(char *)event->scratch.ptr, (size_t)(end - (char *)event->scratch.ptr)};
    return 0;
}

void yd_sio_on_event(yodel_sio_socket *socket, const struct yd_sio_packet *packet,
                     const yodel_bytes *attachments)
{
    yodel_sio_event event = {.socket = socket, .packet = packet, .attachments = attachments};

    if (packet->name.ptr == NULL)
        return; /* an event without anything: legal, and nothing to do */
    if (unescape_name(&event) == 0)
        dispatch(socket, &event);
    json_decref(event.json);
    yd_buf_free(socket->ns->sio->mem, &event.scratch);
}

/* ---- what a handler asks ---- */

yodel_str yodel_sio_event_name(const yodel_sio_event *event)
{
    return event->name;
}

/* data is ["name",args]: the array without the name is made by overwriting the comma or quote
 * before args, which no one looks at, with a bracket; data ends with the other one. */
yodel_str yodel_sio_event_args(const yodel_sio_event *event)
{
    yodel_str args = event->packet->args, data = event->packet->data;
    char *begin;

    if (args.len == 0)
        return YODEL_STR("[]");
    begin = (char *)args.ptr - 1;
    *begin = '[';
    return (yodel_str){begin, (size_t)(data.ptr + data.len - begin)};
}

yodel_str yodel_sio_event_arg(const yodel_sio_event *event, size_t i)
{
    struct yd_json_iter iter = yd_json_elements(event->packet->args);
    yodel_str value;

    while (yd_json_next(&iter, &value))
        if (i-- == 0)
            return value;
    return (yodel_str){NULL, 0};
}

size_t yodel_sio_event_num_args(const yodel_sio_event *event)
{
    struct yd_json_iter iter = yd_json_elements(event->packet->args);
    yodel_str value;
    size_t num = 0;

    while (yd_json_next(&iter, &value))
        num++;
    return num;
}

static int read_args(yodel_sio_event *event)
{
    if (event->json != NULL)
        return 0;
    return yd_json_read_checked(yodel_sio_event_args(event), &event->json);
}

json_t *yodel_sio_event_json(yodel_sio_event *event)
{
    return read_args(event) == 0 ? event->json : NULL;
}

int yodel_sio_event_unpack(yodel_sio_event *event, const char *format, ...)
{
    va_list values;
    int rc;

    if ((rc = read_args(event)) < 0)
        return rc;
    va_start(values, format);
    rc = yd_json_unpack_list(event->json, format, values, event->attachments,
                             event->packet->num_attachments);
    va_end(values);
    return rc;
}

size_t yodel_sio_event_num_attachments(const yodel_sio_event *event)
{
    return event->packet->num_attachments;
}

yodel_bytes yodel_sio_event_attachment(const yodel_sio_event *event, size_t i)
{
    return i < event->packet->num_attachments ? event->attachments[i] : (yodel_bytes){NULL, 0};
}
