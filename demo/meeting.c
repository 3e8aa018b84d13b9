/* SPDX-License-Identifier: MIT */
/* One room with all kinds of clients: raw WebSockets, Socket.IO clients, and readers of server-sent
 * events, who speak by POST. */
#include "demo.h"

#include <yodel/sse.h>

#define GROUP "meeting"

enum { MAX_TEXT = 2000 };

/* card: meeting */
/* WebSockets and readers are members of a group, Socket.IO clients of a namespace. */
static int tell_all(struct demo *demo, const char *from, const char *text, size_t len)
{
    int rc;

    if (len == 0 || len > MAX_TEXT)
        return YODEL_ERR_TOO_BIG;
    rc =
        yodel_group_send_pack(demo->channels, GROUP, "{s:s,s:s%}", "from", from, "text", text, len);
    if (rc < 0)
        return rc;
    return yodel_sio_emit(yodel_sio_to_all(demo->meeting), "said", "{s:s,s:s%}", "from", from,
                          "text", text, len);
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct demo *demo = user;
    int rc = yodel_group_add(demo->channels, GROUP, ws);

    (void)req;
    return rc < 0 ? rc : YODEL_ACCEPT;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    int rc;

    if (message->type != YODEL_WS_TEXT) {
        yodel_ws_close(ws, 1003, "a meeting takes text");
        return 0;
    }
    rc = tell_all(user, "WebSocket", (const char *)message->data.ptr, message->data.len);
    return rc == YODEL_ERR_TOO_BIG ? 0 : rc;
}

static void on_say(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const char *text;
    size_t len;

    (void)socket;
    if (yodel_sio_event_unpack(event, "s%", &text, &len) == 0 &&
        tell_all(user, "Socket.IO", text, len) == 0)
        (void)yodel_sio_event_answer(event, "");
}

/* new EventSource("/meeting/events") */
static void read_events(yodel_request *req, void *user)
{
    struct demo *demo = user;
    yodel_sse *sse;

    if (yodel_request_sse_begin(req, NULL, &sse) == 0)
        (void)yodel_sse_group_add(sse, demo->channels, GROUP);
}

static void post_message(yodel_request *req, void *user)
{
    const char *text;
    size_t len;

    if (!demo_takes_json(req))
        return;
    if (yodel_request_unpack(req, "{s:s%}", "text", &text, &len) == 0 &&
        tell_all(user, "EventSource", text, len) == 0)
        (void)yodel_request_reply_pack(req, 202, "{s:b}", "sent", 1);
    else
        (void)yodel_request_reply_text(req, 400, NULL, YODEL_STR("send {\"text\": \"...\"}\n"));
}

int demo_add_meeting(struct demo *demo)
{
    int rc = yodel_sio_of(demo->sio, "/meeting", &demo->meeting);

    if (rc >= 0)
        rc = yodel_sio_namespace_on(demo->meeting, "say", on_say, demo);
    if (rc >= 0)
        rc = yodel_server_route(demo->server, "GET /meeting/events", read_events, demo);
    if (rc >= 0)
        rc = yodel_server_route(demo->server, "POST /meeting/messages", post_message, demo);
    if (rc < 0)
        return rc;
    return yodel_server_route_ws(
        demo->server, "/ws/meeting",
        YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect, .on_message = on_message), demo);
}
/* card end */
