/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/call.h"
#include "channels/channel_event.h"
#include "proto/json_pack.h"
#include "ws/ws.h"

/* WebSockets as members of groups. */

#define CHANNEL_PREFIX "specific."

int yodel_group_add(yodel_channels *channels, const char *group, yodel_ws *ws)
{
    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    if (ws->state > YD_WS_OPEN || ws->rejected)
        return YODEL_ERR_CLOSED;
    return yd_channels_join(channels, yd_ws_loop_of(ws), yodel_str_of(group), &ws->member);
}

void yodel_group_discard(yodel_channels *channels, const char *group, yodel_ws *ws)
{
    yd_channels_leave(channels, yd_ws_loop_of(ws), yodel_str_of(group), &ws->member);
}

size_t yodel_group_count(yodel_channels *channels, const char *group)
{
    return yd_channels_count(channels, yodel_str_of(group));
}

int yodel_group_send(yodel_channels *channels, const char *group, yodel_ws_type type,
                     yodel_bytes data)
{
    struct yd_msg *msg;
    int rc;

    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    if (type != YODEL_WS_TEXT && type != YODEL_WS_BINARY)
        return -EINVAL;
    if (type == YODEL_WS_TEXT && !yd_utf8_is_valid(data.ptr, data.len))
        return YODEL_ERR_ENCODING;
    if ((msg = yd_ws_make_msg(yd_channels_mem(channels), type, data)) == NULL)
        return -ENOMEM;
    rc = yd_channels_send(channels, yodel_str_of(group), msg, NULL);
    yd_msg_unref(msg);
    return rc;
}

static int send_text(yodel_channels *channels, const char *group, const struct yd_buf *text)
{
    yodel_bytes data = {text->ptr, text->len};

    return yodel_group_send(channels, group, YODEL_WS_TEXT, data);
}

int yodel_group_send_pack(yodel_channels *channels, const char *group, const char *format, ...)
{
    struct yd_buf text = {0};
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_json_pack(yd_channels_mem(channels), &text, format, args);
    va_end(args);
    if (rc == 0)
        rc = send_text(channels, group, &text);
    yd_buf_free(yd_channels_mem(channels), &text);
    return rc;
}

int yodel_group_send_json(yodel_channels *channels, const char *group, const json_t *document)
{
    struct yd_buf text = {0};
    int rc = YODEL_ERR_FORMAT;

    if (document != NULL)
        rc = yd_json_put_document(yd_channels_mem(channels), &text, document);
    if (rc == 0)
        rc = send_text(channels, group, &text);
    yd_buf_free(yd_channels_mem(channels), &text);
    return rc;
}

int yodel_group_send_event(yodel_channels *channels, const char *group, const char *type,
                           const char *format, ...)
{
    yodel_event *event;
    va_list args;
    int rc;

    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    va_start(args, format);
    rc = yd_event_new(yd_channels_mem(channels), type, format, args, &event);
    va_end(args);
    if (rc < 0)
        return rc;
    rc = yd_channels_send(channels, yodel_str_of(group), NULL, event);
    yd_event_unref(event);
    return rc;
}

/* ---- what a member does with a delivery ---- */

static void deliver_frame(yodel_ws *ws, struct yd_msg *msg)
{
    int rc = yd_ws_send_msg(ws, msg);

    if (rc == YODEL_ERR_CONGESTED && ws->route->options.close_congested)
        yd_ws_fail(ws, 1013, "too slow", YODEL_WS_BY_SERVER);
    else if (rc == -ENOMEM)
        yd_ws_fail(ws, 1011, "out of memory", YODEL_WS_BY_SERVER);
}

static yodel_ws_event_fn *find_handler(const struct yd_ws_route *route, const yodel_event *event)
{
    yodel_str type = yodel_event_type(event);

    for (size_t i = 0; route->events != NULL && route->events[i].type != NULL; i++)
        if (yodel_str_eq(yodel_str_of(route->events[i].type), type))
            return route->events[i].handler;
    return route->handlers.on_event;
}

static void deliver_event(yodel_ws *ws, const yodel_event *event)
{
    yodel_ws_event_fn *handler = find_handler(ws->route, event);
    int rc;

    if (handler != NULL && (rc = handler(ws, event, ws->route->user)) < 0)
        yd_ws_handler_failed(ws, "event handler", rc);
}

void yd_ws_deliver(struct yd_member *member, struct yd_delivery *what)
{
    yodel_ws *ws = yd_container_of(member, yodel_ws, member);

    if (ws->state != YD_WS_OPEN)
        return;
    if (what->msg != NULL)
        deliver_frame(ws, what->msg);
    else
        deliver_event(ws, what->event);
}

/* ---- listing ---- */

#define LISTING_MS 10000

struct listing {
    struct yd_survey survey;  /* first */
    yodel_channels *channels; /* a reference */
    struct yd_buf members;    /* of yodel_group_member, without their texts */
    struct yd_buf names;      /* of YODEL_CHANNEL_NAME_SIZE bytes, for each */
    int rc;                   /* the first that went wrong */
    yodel_group_members_fn *done;
    void *user;
};

/* Both, or none. */
static int put_member(struct listing *listing, const yodel_ws *ws)
{
    const struct yodel_allocator *mem = yd_channels_mem(listing->channels);
    yodel_group_member member = {.id = yodel_ws_id(ws)};
    char name[YODEL_CHANNEL_NAME_SIZE] = "";

    yodel_ws_channel_name(ws, name);
    if (yd_buf_reserve(mem, &listing->names, sizeof name) < 0 ||
        yd_buf_append(mem, &listing->members, &member, sizeof member) < 0)
        return -ENOMEM;
    return yd_buf_append(mem, &listing->names, name, sizeof name);
}

static void list_member(struct yd_member *member, struct yd_survey *survey)
{
    struct listing *listing = (struct listing *)survey;

    if (member->deliver != yd_ws_deliver || listing->rc < 0)
        return;
    listing->rc = put_member(listing, yd_container_of(member, yodel_ws, member));
    if (listing->rc < 0)
        survey->ask.num_missing++;
}

static void tell_listing(struct yd_ask *ask, unsigned missing)
{
    struct listing *listing = (struct listing *)ask;
    yodel_group_member *members = (yodel_group_member *)(void *)listing->members.ptr;
    yodel_group_members_result result = {
        .size = sizeof result,
        .result = listing->rc < 0 ? listing->rc : yd_missing_result(missing),
        .missing = ask->num_missing,
        .members = members,
        .num_members = listing->members.len / sizeof *members,
    };

    for (size_t i = 0; i < result.num_members; i++)
        members[i].channel = yodel_str_of((char *)listing->names.ptr + i * YODEL_CHANNEL_NAME_SIZE);
    listing->done(&result, listing->user);
}

static void free_listing(struct yd_ask *ask)
{
    struct listing *listing = (struct listing *)ask;
    yodel_channels *channels = listing->channels;

    yd_buf_free(yd_channels_mem(channels), &listing->members);
    yd_buf_free(yd_channels_mem(channels), &listing->names);
    yd_free(yd_channels_mem(channels), listing);
    yodel_channels_unref(channels);
}

static const struct yd_ask_ops listing_ops = {.sink = tell_listing, .free = free_listing};

int yodel_group_members(yodel_channels *channels, const char *group, yodel_group_members_fn *done,
                        void *user)
{
    struct listing *listing;

    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    if ((listing = yd_zalloc(yd_channels_mem(channels), sizeof *listing)) == NULL)
        return -ENOMEM;
    yd_ask_init(&listing->survey.ask, &listing_ops, yd_channels_bus(channels));
    listing->survey.each = list_member;
    listing->channels = yodel_channels_ref(channels);
    listing->done = done;
    listing->user = user;
    return yd_channels_survey(channels, yodel_str_of(group), LISTING_MS, &listing->survey);
}

/* ---- channel names ---- */

void yodel_ws_channel_name(const yodel_ws *ws, char ret_name[YODEL_CHANNEL_NAME_SIZE])
{
    (void)snprintf(ret_name, YODEL_CHANNEL_NAME_SIZE, CHANNEL_PREFIX "%s!%016" PRIx64,
                   ws->route->service->process, yodel_ws_id(ws).value);
}

/* The id in a channel name of this process; 0 for a name of another.  YODEL_ERR_NAME: of none. */
static int parse_channel(const yodel_channels *channels, yodel_str name, uint64_t *ret_id)
{
    const size_t prefix = sizeof CHANNEL_PREFIX - 1, process = YD_PROCESS_SIZE - 1;
    uint64_t id = 0;

    if (name.len != prefix + process + 1 + 16 || memcmp(name.ptr, CHANNEL_PREFIX, prefix) != 0 ||
        name.ptr[prefix + process] != '!')
        return YODEL_ERR_NAME;
    for (size_t i = prefix + process + 1; i < name.len; i++) {
        const char *digits = "0123456789abcdef", *digit = memchr(digits, name.ptr[i], 16);

        if (digit == NULL)
            return YODEL_ERR_NAME;
        id = id << 4 | (uint64_t)(digit - digits);
    }
    *ret_id =
        memcmp(name.ptr + prefix, yd_bus_process(yd_channels_bus(channels)), process) == 0 ? id : 0;
    return 0;
}

/* An event on its way to one WebSocket. */
struct event_call {
    yodel_channels *channels; /* a reference */
    uint64_t id;
    yodel_event *event;
};

static void run_event_call(struct yd_loop *loop, void *arg)
{
    struct event_call *call = arg;
    struct yd_conn *conn = loop->net != NULL ? yd_net_find(loop->net, call->id) : NULL;
    struct yd_delivery what = {.event = call->event};

    if (conn != NULL && conn->events == &yd_ws_conn_events)
        yd_ws_deliver(&((yodel_ws *)conn->up)->member, &what);
}

static void free_event_call(void *arg)
{
    struct event_call *call = arg;
    yodel_channels *channels = call->channels;

    yd_event_unref(call->event);
    yd_free(yd_channels_mem(channels), call);
    yodel_channels_unref(channels);
}

/* Takes event. */
static int send_event_call(yodel_channels *channels, uint64_t id, yodel_event *event)
{
    struct yd_loop *loop = yd_bus_get_loop(yd_channels_bus(channels), yd_id_loop(id));
    struct event_call *call;

    if (id == 0 || loop == NULL) { /* it is of no one here */
        yd_event_unref(event);
        return 0;
    }
    if ((call = yd_alloc(yd_channels_mem(channels), sizeof *call)) == NULL) {
        yd_event_unref(event);
        return -ENOMEM;
    }
    *call = (struct event_call){yodel_channels_ref(channels), id, event};
    return yd_bus_call(loop, sizeof *call + event->text.len, run_event_call, call, free_event_call);
}

int yodel_channel_send_event(yodel_channels *channels, const char *channel, const char *type,
                             const char *format, ...)
{
    yodel_event *event;
    uint64_t id;
    va_list args;
    int rc;

    if ((rc = parse_channel(channels, yodel_str_of(channel), &id)) < 0)
        return rc;
    va_start(args, format);
    rc = yd_event_new(yd_channels_mem(channels), type, format, args, &event);
    va_end(args);
    return rc < 0 ? rc : send_event_call(channels, id, event);
}
