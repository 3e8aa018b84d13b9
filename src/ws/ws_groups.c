/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/call.h"
#include "channels/channel_event.h"
#include "channels/history.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"
#include "ws/ws.h"

/* WebSockets as members of groups. */

#define CHANNEL_PREFIX "specific."

static void let_out(struct yd_member *member)
{
    yd_conn_uncork(yd_container_of(member, yodel_ws, member)->conn);
}

/* What goes out after a join, such as the 101, tells the client that it is a member: it must not
 * miss what other processes send from then on.  rc: of the join. */
static int await(yodel_channels *channels, yodel_str group, yodel_ws *ws, int rc)
{
    if (rc == 0 && yd_conn_cork(ws->conn) &&
        !yd_channels_await(channels, yd_ws_loop_of(ws), group, &ws->member, let_out))
        yd_conn_uncork(ws->conn);
    return rc;
}

int yodel_group_add(yodel_channels *channels, const char *group, yodel_ws *ws)
{
    int rc;

    if (channels == NULL || ws == NULL)
        return -EINVAL;
    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    if (ws->state > YD_WS_OPEN || ws->rejected)
        return YODEL_ERR_CLOSED;
    rc = yd_channels_join(channels, yd_ws_loop_of(ws), yodel_str_of(group), &ws->member);
    return await(channels, yodel_str_of(group), ws, rc);
}

int yodel_group_add_json(yodel_channels *channels, const char *group, yodel_ws *ws, yodel_str json)
{
    yodel_str name = yodel_str_of(group), value;
    int rc;

    if (channels == NULL || ws == NULL)
        return -EINVAL;
    if (!yd_channel_name_is_valid(name))
        return YODEL_ERR_NAME;
    if (json.len > YODEL_GROUP_MAX_JSON)
        return YODEL_ERR_TOO_BIG;
    if (!yd_utf8_is_valid(json.ptr, json.len) || !yd_json_check(json, YD_JSON_MAX_DEPTH, &value))
        return YODEL_ERR_FORMAT;
    if (ws->state > YD_WS_OPEN || ws->rejected)
        return YODEL_ERR_CLOSED;
    rc = yd_channels_join_with(channels, yd_ws_loop_of(ws), name, &ws->member, value);
    return await(channels, name, ws, rc);
}

void yodel_group_discard(yodel_channels *channels, const char *group, yodel_ws *ws)
{
    if (channels == NULL || ws == NULL)
        return;
    yd_channels_leave(channels, yd_ws_loop_of(ws), yodel_str_of(group), &ws->member);
}

size_t yodel_group_count(yodel_channels *channels, const char *group)
{
    if (channels == NULL)
        return 0;
    return yd_channels_count(channels, yodel_str_of(group));
}

/* told NULL: nobody; else it is to be kept. */
static int send_msg(yodel_channels *channels, const char *group, yodel_ws_type type,
                    yodel_bytes data, const struct yd_history_told *told)
{
    yodel_history_options options;
    yodel_str name = yodel_str_of(group);
    bool is_kept;
    struct yd_msg *msg;
    int rc;

    if (channels == NULL)
        return -EINVAL;
    if (!yd_channel_name_is_valid(name))
        return YODEL_ERR_NAME;
    if (type != YODEL_WS_TEXT && type != YODEL_WS_BINARY)
        return -EINVAL;
    if (type == YODEL_WS_TEXT && !yd_utf8_is_valid(data.ptr, data.len))
        return YODEL_ERR_ENCODING;
    is_kept = yd_history_find(channels, name, &options);
    if (told != NULL && !is_kept)
        return YODEL_ERR_UNSUPPORTED;
    if ((msg = yd_ws_make_msg(yd_channels_mem(channels), type, data)) == NULL)
        return -ENOMEM;
    rc = is_kept ? yd_history_send(channels, &options, name, msg, told)
                 : yd_channels_send(channels, name, msg, NULL);
    yd_msg_unref(msg);
    return rc;
}

int yodel_group_send(yodel_channels *channels, const char *group, yodel_ws_type type,
                     yodel_bytes data)
{
    return send_msg(channels, group, type, data, NULL);
}

int yodel_group_send_told(yodel_channels *channels, const char *group, yodel_ws_type type,
                          yodel_bytes data, yodel_kept_fn *fn, void *user)
{
    const struct yd_history_told told = {fn, user};

    return fn != NULL ? send_msg(channels, group, type, data, &told) : -EINVAL;
}

static int send_text(yodel_channels *channels, const char *group, const struct yd_buf *text)
{
    yodel_bytes data = {text->ptr, text->len};

    return yodel_group_send(channels, group, YODEL_WS_TEXT, data);
}

int yodel_group_send_pack(yodel_channels *channels, const char *group, const char *format, ...)
{
    const struct yodel_allocator *mem = channels != NULL ? yd_channels_mem(channels) : NULL;
    struct yd_buf text = {0};
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_json_pack(mem, &text, format, args);
    va_end(args);
    if (rc == 0)
        rc = send_text(channels, group, &text);
    yd_buf_free(mem, &text);
    return rc;
}

int yodel_group_send_json(yodel_channels *channels, const char *group, const json_t *document)
{
    struct yd_buf text = {0};
    int rc = YODEL_ERR_FORMAT;

    if (channels == NULL)
        return -EINVAL;
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
    const struct yodel_allocator *mem = channels != NULL ? yd_channels_mem(channels) : NULL;
    yodel_event *event;
    va_list args;
    int rc;

    va_start(args, format); /* also for a bad name: what "o" gives is taken */
    rc = yd_event_new(mem, type, format, args, &event);
    va_end(args);
    if (rc < 0)
        return rc;
    rc = yd_channel_name_is_valid(yodel_str_of(group))
             ? yd_channels_send(channels, yodel_str_of(group), NULL, event)
             : YODEL_ERR_NAME;
    yd_event_unref(event);
    return rc;
}

/* ---- what a member does with a delivery ---- */

static void deliver_frame(yodel_ws *ws, struct yd_msg *msg)
{
    int rc = yd_ws_send_msg(ws, msg);

    if (rc == YODEL_ERR_CONGESTED && ws->route->options.close_congested) {
        yd_count(&yd_ws_loop_of(ws)->counters.slow_closed, 1);
        yd_ws_fail(ws, 1013, "too slow", YODEL_WS_BY_SERVER);
    } else if (rc == -ENOMEM)
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

bool yd_ws_list_member(const struct yd_member *member, yodel_id *ret_id,
                       char ret_name[YODEL_CHANNEL_NAME_SIZE])
{
    const yodel_ws *ws;

    if (member->deliver != yd_ws_deliver)
        return false;
    ws = yd_container_of(member, yodel_ws, member);
    *ret_id = yodel_ws_id(ws);
    yodel_ws_channel_name(ws, ret_name);
    return true;
}

int yodel_group_members(yodel_channels *channels, const char *group, yodel_group_members_fn *done,
                        void *user)
{
    if (channels == NULL || done == NULL)
        return -EINVAL;
    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    return yd_channels_list(channels, yodel_str_of(group), LISTING_MS, done, user);
}

int yodel_group_count_all(yodel_channels *channels, const char *group, yodel_group_count_fn *done,
                          void *user)
{
    if (channels == NULL || done == NULL)
        return -EINVAL;
    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    return yd_channels_count_all(channels, yodel_str_of(group), LISTING_MS, done, user);
}

/* ---- channel names ---- */

void yodel_ws_channel_name(const yodel_ws *ws, char ret_name[YODEL_CHANNEL_NAME_SIZE])
{
    if (ws == NULL || ret_name == NULL)
        return;
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

int yd_ws_send_event(yodel_channels *channels, uint64_t id, yodel_event *event)
{
    struct yd_loop *loop = yd_bus_get_loop(yd_channels_bus(channels), yd_id_loop(id));
    struct event_call *call;

    if (id == 0 || loop == NULL) /* it is of no one here */
        return 0;
    if ((call = yd_alloc(yd_channels_mem(channels), sizeof *call)) == NULL)
        return -ENOMEM;
    *call = (struct event_call){yodel_channels_ref(channels), id, yd_event_ref(event)};
    return yd_bus_call(loop, sizeof *call + yd_event_json(event).len, run_event_call, call,
                       free_event_call);
}

/* To a WebSocket of this process, or to whoever else has that channel. */
static int send_to_channel(yodel_channels *channels, yodel_str name, yodel_event *event)
{
    uint64_t id = 0;
    int rc = parse_channel(channels, name, &id);

    if (yd_channels_far(channels) != NULL && (rc < 0 || id == 0))
        return yd_channels_send_far(channels, name, event);
    return rc < 0 ? rc : yd_ws_send_event(channels, id, event);
}

int yodel_channel_send_event(yodel_channels *channels, const char *channel, const char *type,
                             const char *format, ...)
{
    yodel_event *event;
    va_list args;
    int rc;

    va_start(args, format); /* also for a bad name: what "o" gives is taken */
    rc = yd_event_new(channels != NULL ? yd_channels_mem(channels) : NULL, type, format, args,
                      &event);
    va_end(args);
    if (rc < 0)
        return rc;
    rc = send_to_channel(channels, yodel_str_of(channel), event);
    yd_event_unref(event);
    return rc;
}
