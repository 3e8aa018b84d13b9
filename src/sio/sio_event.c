/* SPDX-License-Identifier: MIT */
#include "sio/sio_event.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/json_doc.h"
#include "sio/later.h"
#include "sio/ns_config.h"
#include "sio/sio_watch.h"

/* Events that come in. */

static bool run_listener(yodel_sio_event *event)
{
    const struct yd_sio_listener *listener = yd_sio_config_find(event->config, event->name);

    if (listener == NULL || listener->first == NULL)
        return false;
    for (struct yd_sio_event_handler *h = listener->first; h != NULL; h = h->next)
        h->fn(event->socket, event, h->user);
    return true;
}

/* Few sockets have handlers of their own: asked ahead of a call. */
static inline bool run_own(yodel_sio_event *event, bool any)
{
    yodel_sio_socket *socket = event->socket;

    if (yd_sio_aside(socket)->own.first == NULL)
        return false;
    return yd_sio_own_run(&socket->aside->own, socket->ns->sio->mem, socket, event, any);
}

static void tell_error(yodel_sio_socket *socket, const char *message)
{
    struct yd_sio_config *config = yd_sio_config_begin(socket->ns, socket->loop);

    if (config->handlers.on_error != NULL)
        config->handlers.on_error(socket, message, config->user);
    yd_sio_config_end(config, socket->loop);
}

static void hold(yodel_sio_event *event)
{
    struct yd_sio_held *held = event->socket->aside->held;

    held->config = yd_sio_config_again(event->config, event->socket->loop);
    held->loop = event->socket->loop;
    held->next = event->next;
    held->ack_taken = event->ack_taken;
}

/* After a middleware has returned rc.  True: the event goes on. */
static bool settle(yodel_sio_event *event, int rc)
{
    yodel_sio_socket *socket = event->socket;
    struct yd_sio_aside *aside = socket->aside;

    if (socket->phase != YD_SIO_CONNECTED)
        return false;
    if (event->refusal != NULL) {
        tell_error(socket, event->refusal);
        return false;
    }
    if (aside != NULL &&
        (rc == YODEL_DEFER ? aside->decision != NULL : yd_decision_take(&aside->decision) < 0)) {
        hold(event); /* a decision comes */
        return false;
    }
    if (aside != NULL)
        yd_sio_held_free(&aside->held, socket->ns->sio->mem);
    if (rc != 0)
        tell_error(socket, rc < 0 ? yodel_strerror(rc) : "refused");
    return rc == 0;
}

/* The middleware from event->next on. */
static bool passes_middleware(yodel_sio_event *event)
{
    struct yd_sio_middleware *m;
    int rc;

    while ((m = event->next) != NULL) {
        event->next = m->next;
        event->in_middleware = true;
        rc = m->event_fn(event->socket, event, m->user);
        event->in_middleware = false;
        if (!settle(event, rc))
            return false;
    }
    return event->socket->phase == YD_SIO_CONNECTED;
}

static void run_handlers(yodel_sio_event *event)
{
    yodel_sio_socket *socket = event->socket;
    const struct yd_sio_config *config = event->config;
    bool handled;

    if (!passes_middleware(event))
        return;
    handled = run_listener(event); /* what was there first is called first, as in the reference */
    handled = run_own(event, false) || handled;
    if (!handled && config->handlers.on_unhandled != NULL)
        config->handlers.on_unhandled(socket, event, config->user);
}

static void dispatch(yodel_sio_event *event)
{
    const struct yd_sio_config *config = event->config;

    yd_sio_watch_event(event->socket, event);
    if (config->handlers.on_any != NULL) /* ahead of middleware, as in the reference */
        config->handlers.on_any(event->socket, event, config->user);
    (void)run_own(event, true);
    event->next = config->event_middleware;
    run_handlers(event);
}

static int unescape_name(yodel_sio_event *event)
{
    const struct yodel_allocator *mem = event->socket->ns->sio->mem;
    yodel_str body = event->packet->name;
    char *end;

    if (yd_buf_reserve(mem, &event->scratch, body.len) < 0)
        return -ENOMEM;
    end = yd_json_unescape((char *)event->scratch.ptr, body);
    event->name =
        (yodel_str){(char *)event->scratch.ptr, (size_t)(end - (char *)event->scratch.ptr)};
    return 0;
}

static void done(yodel_sio_event *event)
{
    const struct yodel_allocator *mem = event->socket->ns->sio->mem;

    yd_sio_config_end(event->config, event->socket->loop);
    json_decref(event->json);
    if (event->scratch.ptr != NULL) /* most events have neither */
        yd_buf_free(mem, &event->scratch);
    if (event->refusal != NULL)
        yd_free(mem, event->refusal);
}

void yd_sio_on_event(yodel_sio_socket *socket, const struct yd_sio_packet *packet,
                     const yodel_bytes *attachments)
{
    yodel_sio_event event = {.socket = socket, .packet = packet, .attachments = attachments};

    if (packet->name.ptr == NULL)
        return; /* an event without anything: legal, and nothing to do */
    event.config = yd_sio_config_begin(socket->ns, socket->loop);
    event.name = packet->name;
    if (!packet->name_is_escaped || unescape_name(&event) == 0)
        dispatch(&event);
    done(&event);
}

void yd_sio_run_early(yodel_sio_socket *socket)
{
    const struct yodel_allocator *mem = socket->ns->sio->mem;
    struct yd_sio_early_packet *early;

    while (socket->phase == YD_SIO_CONNECTED && yd_sio_aside(socket)->held == NULL &&
           (early = yd_sio_early_take(yd_sio_aside(socket)->early)) != NULL) {
        if (early->packet.type == YD_SIO_EVENT || early->packet.type == YD_SIO_BINARY_EVENT)
            yd_sio_on_event(socket, &early->packet, early->attachments);
        yd_free(mem, early);
    }
    if (socket->aside != NULL && socket->aside->held == NULL)
        yd_sio_early_free(&socket->aside->early, mem);
}

/* ---- an event that is decided later ---- */

static void resume(yodel_sio_socket *socket, struct yd_sio_held *held)
{
    yodel_sio_event event = {.socket = socket,
                             .config = held->config,
                             .packet = &held->packet->packet,
                             .attachments = held->packet->attachments,
                             .name = held->packet->packet.name,
                             .next = held->next,
                             .ack_taken = held->ack_taken};

    held->config = NULL;
    if (!event.packet->name_is_escaped || unescape_name(&event) == 0)
        run_handlers(&event);
    done(&event);
}

/* What is held has its decision; why NULL: it passes.  Then those go on that waited for it. */
static void let_go(yodel_sio_socket *socket, const char *why)
{
    struct yd_sio_held *held = socket->aside->held;

    socket->aside->held = NULL;
    if (socket->phase == YD_SIO_CONNECTED && why != NULL)
        tell_error(socket, why);
    else if (socket->phase == YD_SIO_CONNECTED)
        resume(socket, held);
    yd_sio_held_free(&held, socket->ns->sio->mem);
    yd_sio_run_early(socket);
}

static int apply(yodel_decision *d, const struct yd_verdict *verdict)
{
    yodel_sio_socket *socket = yd_decision_subject(d);

    yd_decision_settle(&socket->aside->decision);
    if (verdict->verb == YD_ACCEPT)
        let_go(socket, NULL);
    else
        let_go(socket, verdict->message != NULL ? verdict->message : "refused");
    return 0;
}

static void drop(yodel_decision *d)
{
    yodel_sio_socket *socket = yd_decision_subject(d);

    yd_decision_settle(&socket->aside->decision);
    let_go(socket, "dropped");
}

static void be_late(void *subject)
{
    yodel_sio_socket *socket = subject;

    yd_decision_end(&socket->aside->decision);
    let_go(socket, "not decided in time");
}

static const struct yd_decision_ops event_ops = {
    .verbs = YD_ACCEPT | YD_REFUSE,
    .later = true,
    .check = yd_sio_check_verdict,
    .apply = apply,
    .drop = drop,
    .detached = yd_sio_later_detached,
};

static int keep(yodel_sio_event *event)
{
    yodel_sio_socket *socket = event->socket;
    const struct yodel_allocator *mem = socket->ns->sio->mem;
    struct yd_sio_aside *aside = yd_sio_aside_of(socket);

    if (aside == NULL || (aside->held = yd_zalloc(mem, sizeof *aside->held)) == NULL)
        return -ENOMEM;
    aside->held->packet = yd_sio_early_copy(mem, event->packet, event->attachments);
    aside->decision = aside->held->packet != NULL
                          ? yd_sio_later_new(socket->loop, &event_ops, socket,
                                             socket->ns->sio->decide_ms, be_late)
                          : NULL;
    if (aside->decision == NULL)
        yd_sio_held_free(&aside->held, mem);
    return aside->decision != NULL ? 0 : -ENOMEM;
}

yodel_decision *yodel_sio_event_defer(yodel_sio_event *event)
{
    yodel_sio_socket *socket;

    if (event == NULL)
        return NULL;
    socket = event->socket;
    if (!event->in_middleware || event->refusal != NULL || socket->phase != YD_SIO_CONNECTED)
        return NULL;
    if (yd_sio_aside(socket)->decision != NULL)
        return yd_decision_again(socket->aside->decision);
    return keep(event) == 0 ? socket->aside->decision : NULL;
}

int yodel_sio_event_refuse(yodel_sio_event *event, const char *message)
{
    yodel_str text = yodel_str_of(message);
    int rc;

    if (event == NULL)
        return -EINVAL;
    if (!event->in_middleware || event->refusal != NULL)
        return YODEL_ERR_STATE;
    if (yd_sio_aside(event->socket)->decision != NULL)
        return yodel_decision_refuse(yd_sio_aside(event->socket)->decision, message, NULL);
    if ((rc = yd_decision_check_refusal(message, NULL)) < 0)
        return rc;
    event->refusal =
        yd_strndup(event->socket->ns->sio->mem, text.ptr != NULL ? text.ptr : "", text.len);
    return event->refusal != NULL ? 0 : -ENOMEM;
}

/* ---- what a handler asks ---- */

yodel_str yodel_sio_event_name(const yodel_sio_event *event)
{
    return event != NULL ? event->name : (yodel_str){NULL, 0};
}

/* data is ["name",args]: the array without the name is made by overwriting the comma or quote
 * before args, which no one looks at, with a bracket; data ends with the other one. */
yodel_str yodel_sio_event_args(const yodel_sio_event *event)
{
    yodel_str args, data;
    char *begin;

    if (event == NULL)
        return (yodel_str){NULL, 0};
    args = event->packet->args;
    data = event->packet->data;
    if (args.len == 0)
        return YODEL_STR("[]");
    begin = (char *)args.ptr - 1;
    *begin = '[';
    return (yodel_str){begin, (size_t)(data.ptr + data.len - begin)};
}

/* The arguments, one by one; of no event there are none. */
static struct yd_json_iter args_of(const yodel_sio_event *event)
{
    return yd_json_elements(event != NULL ? event->packet->args : (yodel_str){NULL, 0});
}

yodel_str yodel_sio_event_arg(const yodel_sio_event *event, size_t i)
{
    struct yd_json_iter iter = args_of(event);
    yodel_str value;

    while (yd_json_next(&iter, &value))
        if (i-- == 0)
            return value;
    return (yodel_str){NULL, 0};
}

size_t yodel_sio_event_num_args(const yodel_sio_event *event)
{
    struct yd_json_iter iter = args_of(event);
    yodel_str value;
    size_t num = 0;

    while (yd_json_next(&iter, &value))
        num++;
    return num;
}

static int read_args(yodel_sio_event *event)
{
    if (event == NULL)
        return -EINVAL;
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
    return event != NULL ? event->packet->num_attachments : 0;
}

yodel_bytes yodel_sio_event_attachment(const yodel_sio_event *event, size_t i)
{
    return i < yodel_sio_event_num_attachments(event) ? event->attachments[i]
                                                      : (yodel_bytes){NULL, 0};
}
