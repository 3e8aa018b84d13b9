/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* Raw WebSockets: the handlers, and what must be true whenever one is called. */

/* ---- records ---- */

static void forget(void *data);

static struct wsock *make_wsock(struct program *p, yodel_ws *ws, yodel_request *req)
{
    struct wsock *record = calloc(1, sizeof *record);
    yodel_str query = yodel_request_query(req); /* "n=7"; looking into it could fail */

    if (record == NULL)
        abort();
    record->p = p;
    record->ws = ws;
    record->loop = (unsigned)p->current;
    record->line = query.len > 2 ? atoi(query.ptr + 2) : -1;
    record->id = yodel_ws_id(ws).value;
    yodel_ws_channel_name(ws, record->channel);
    record->next = p->wsocks;
    p->wsocks = record;
    if (record->line >= 0 && record->line < p->num_lines)
        p->lines[record->line].wsock = record;
    yodel_ws_set_data(ws, record, forget);
    return record;
}

/* The record of a WebSocket a handler is called for, which must be there still and be itself. */
static struct wsock *meet(yodel_ws *ws, void *user, const char *handler)
{
    struct program *p = user;
    struct wsock *record = yodel_ws_data(ws);

    if (record == NULL || record->ws != ws)
        broken(p, "%s: a WebSocket that is not known", handler);
    if (record->closed)
        broken(p, "%s: after on_close", handler);
    if (p->current != (int)record->loop && !p->over && p->current >= 0)
        broken(p, "%s: on another loop", handler);
    if (yodel_ws_id(ws).value != record->id)
        broken(p, "%s: its id has changed", handler);
    say(p, "%s %d", handler, record->line);
    return record;
}

/* Its data is freed: it has ended, one way or the other. */
static void forget(void *data)
{
    struct wsock *record = data;
    struct program *p = record->p;

    say(p, "WebSocket %d is gone", record->line);
    if (record->ws == NULL)
        broken(p, "the data of a WebSocket is freed twice");
    if (record->opened && !record->closed)
        broken(p, "a WebSocket is gone without on_close");
    record->ws = NULL;
    for (unsigned i = 0; i < NUM_GROUPS; i++)
        wsock_join(record, i, false);
    act(p, NULL, NULL);
}

/* ---- handlers ---- */

static int outcome(struct program *p)
{
    switch (pick(p, 8)) {
    case 0:
    case 1:
    case 2:
        return YODEL_ACCEPT;
    case 3:
    case 4:
    case 5:
        return YODEL_DEFER;
    case 6:
        return 403;
    default:
        return -EIO;
    }
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct program *p = user;
    struct wsock *record = make_wsock(p, ws, req);
    int result;

    say(p, "on_connect %d", record->line);
    record->in_connect = true;
    act(p, record, NULL);
    record->in_connect = false;
    result = outcome(p);
    say(p, "on_connect %d: %d", record->line, result);
    if (result == YODEL_DEFER) {
        record->deferred = true;
        record->deferred_at = p->now;
    }
    return result;
}

static int result_of_handler(struct program *p)
{
    return once_in(p, 32) ? -EIO : 0;
}

static int on_open(yodel_ws *ws, void *user)
{
    struct wsock *record = meet(ws, user, "on_open");

    if (record->opened)
        broken(user, "on_open: twice");
    record->opened = true;
    act(user, record, NULL);
    return result_of_handler(user);
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct wsock *record = meet(ws, user, "on_message");

    if (!record->opened)
        broken(user, "on_message: before on_open");
    if (message->data.len > 3000)
        broken(user, "on_message: larger than max_message");
    look_at_message(user, ws, message);
    act(user, record, NULL);
    return result_of_handler(user);
}

static int on_event(yodel_ws *ws, const yodel_event *event, void *user)
{
    struct wsock *record = meet(ws, user, "on_event");
    int serial = 0;

    if (!record->opened)
        broken(user, "on_event: before on_open");
    if (!json_is_object(yodel_event_json(event)))
        broken(user, "on_event: its document is no object");
    if (yodel_event_unpack(event, "{s?i}", "n", &serial) == 0 && serial > 0)
        wsock_got(record, (unsigned)serial, true);
    act(user, record, NULL);
    return result_of_handler(user);
}

static void on_drain(yodel_ws *ws, void *user)
{
    act(user, meet(ws, user, "on_drain"), NULL);
}

/* One that is not decided in time is rejected, but not before that time. */
static void check_decision(const struct program *p, const struct wsock *record,
                           const yodel_ws_closing *closing)
{
    if (record->deferred && !record->opened && !record->decided &&
        closing->by == YODEL_WS_BY_SERVER && p->num_stops == 0 && !p->has_failed &&
        p->now < record->deferred_at + 1500)
        broken(p, "a deferred WebSocket was rejected too early");
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    struct program *p = user;
    struct wsock *record = meet(ws, user, "on_close");
    char channel[YODEL_CHANNEL_NAME_SIZE];

    if (!record->opened && !record->deferred && !record->accepted)
        broken(p, "on_close: neither accepted nor deferred");
    check_decision(p, record, closing);
    yodel_ws_channel_name(ws, channel);
    if (strcmp(channel, record->channel) != 0)
        broken(p, "on_close: its channel name has changed");
    record->ending = true;
    for (unsigned i = 0; i < NUM_GROUPS; i++)
        wsock_join(record, i, false);
    act(p, record, NULL);
    record->closed = true;
}

void ws_side_set_up(struct program *p)
{
    static const yodel_ws_event_handler events[] = {{"chat.message", on_event}, {NULL, NULL}};
    yodel_ws_options options = {
        .size = sizeof options,
        .deflate = once_in(p, 4) ? YODEL_WS_DEFLATE_SHARED : YODEL_WS_DEFLATE_OFF,
        .close_congested = once_in(p, 4),
    };
    yodel_ws_handlers handlers = {
        .size = sizeof handlers,
        .on_connect = on_connect,
        .on_open = on_open,
        .on_message = on_message,
        .on_event = on_event,
        .on_drain = on_drain,
        .on_close = on_close,
        .events = events,
        .options = &options,
    };

    if (yodel_server_route_ws(p->server, "/ws", &handlers, p) < 0)
        abort();
}
