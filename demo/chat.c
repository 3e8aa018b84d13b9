/* SPDX-License-Identifier: MIT */
#include "demo.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* self.room_group_name = f"chat_{self.room_name}" */
struct group {
    char text[YODEL_GROUP_NAME_MAX + 1];
};

static int group_of_room(yodel_str room, struct group *ret_group)
{
    static const char prefix[] = "chat_";
    const size_t prefix_len = sizeof prefix - 1;

    if (room.len == 0 || room.len >= sizeof ret_group->text - prefix_len ||
        memchr(room.ptr, '\0', room.len) != NULL)
        return YODEL_ERR_NAME;
    memcpy(ret_group->text, prefix, prefix_len);
    memcpy(ret_group->text + prefix_len, room.ptr, room.len);
    ret_group->text[prefix_len + room.len] = '\0';
    return 0;
}

/* card: chat */
static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct demo *demo = user;
    struct group *group = malloc(sizeof *group);
    int rc;

    if (group == NULL)
        return -ENOMEM;
    rc = group_of_room(yodel_request_param(req, "room_name"), group);
    if (rc < 0) {
        free(group);
        return 404;
    }
    yodel_ws_set_data(ws, group, free);
    rc = yodel_group_add(demo->channels, group->text, ws);
    return rc < 0 ? rc : YODEL_ACCEPT;
}

/* The event only says that the number has changed: each member reads it when it is told, so that
 * the last thing it hears is right whichever of two threads was faster. */
static int announce_presence(struct demo *demo, const yodel_ws *ws)
{
    const struct group *group = yodel_ws_data(ws);

    return yodel_group_send_event(demo->channels, group->text, "chat.presence", NULL);
}

static int on_open(yodel_ws *ws, void *user)
{
    return announce_presence(user, ws);
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    (void)closing;
    (void)announce_presence(user, ws);
}

/* 1003 for a type of message that is not taken, 1007 for text that is not what it should be
 * (RFC 6455 section 7.4.1). */
static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct demo *demo = user;
    const struct group *group = yodel_ws_data(ws);
    yodel_document *document = NULL;
    json_t *value;
    int rc;

    if (message->type != YODEL_WS_TEXT) {
        yodel_ws_close(ws, 1003, "a chat takes text");
        return 0;
    }
    rc = yodel_ws_unpack(message, &document, "{s:o}", "message", &value);
    if (rc == YODEL_ERR_FORMAT) {
        yodel_ws_close(ws, 1007, "send JSON: {\"message\": ...}");
        return 0;
    }
    if (rc < 0)
        return rc;
    rc = yodel_group_send_event(demo->channels, group->text, "chat.message", "{s:O}", "message",
                                value);
    yodel_document_free(document);
    return rc;
}

static int on_chat_message(yodel_ws *ws, const yodel_event *event, void *user)
{
    json_t *value;
    int rc = yodel_event_unpack(event, "{s:o}", "message", &value);

    (void)user;
    if (rc < 0)
        return rc;
    return demo_after_send(ws, yodel_ws_send_pack(ws, "{s:O}", "message", value));
}

static int on_chat_presence(yodel_ws *ws, const yodel_event *event, void *user)
{
    struct demo *demo = user;
    const struct group *group = yodel_ws_data(ws);
    json_int_t count = (json_int_t)yodel_group_count(demo->channels, group->text);

    (void)event;
    return demo_after_send(ws, yodel_ws_send_pack(ws, "{s:I}", "presence", count));
}
/* card end */

/* A view of the web site that speaks to a room. */
/* card: notify */
static void post_message(yodel_request *req, void *user)
{
    struct demo *demo = user;
    struct group group;
    json_t *value;
    int rc;

    if (!demo_takes_json(req))
        return;
    if (yodel_request_unpack(req, "{s:o}", "message", &value) < 0) {
        (void)yodel_request_reply_text(
            req, 400, NULL, YODEL_STR("the body must be JSON: {\"message\": \"...\"}\n"));
        return;
    }
    rc = group_of_room(yodel_request_param(req, "room"), &group);
    if (rc == 0)
        rc = yodel_group_send_event(demo->channels, group.text, "chat.message", "{s:O}", "message",
                                    value);
    if (rc == YODEL_ERR_NAME) {
        (void)yodel_request_reply_text(req, 400, NULL, YODEL_STR("not a name for a room\n"));
        return;
    }
    if (rc < 0)
        return; /* the library answers 500 */
    (void)yodel_request_reply_pack(req, 202, "{s:b,s:I}", "sent", 1, "members",
                                   (json_int_t)yodel_group_count(demo->channels, group.text));
}
/* card end */

static void show_room(yodel_request *req, void *user)
{
    struct demo *demo = user;
    yodel_str room = yodel_request_param(req, "room");
    struct group group;
    json_int_t count = 0;

    if (group_of_room(room, &group) == 0)
        count = (json_int_t)yodel_group_count(demo->channels, group.text);
    (void)yodel_request_reply_pack(req, 200, "{s:s%,s:I}", "room", room.ptr, room.len, "members",
                                   count);
}

/* card: chat */
int demo_add_chat(struct demo *demo)
{
    static const yodel_ws_event_handler events[] = {
        {"chat.message", on_chat_message}, {"chat.presence", on_chat_presence}, {NULL, NULL}};
    int rc;

    rc = yodel_server_route_ws(
        demo->server, "^/ws/chat/(?<room_name>\\w+)/$",
        YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect, .on_open = on_open,
                      .on_message = on_message, .on_close = on_close, .events = events,
                      .options = YODEL_OPTIONS(yodel_ws_options, .deflate = YODEL_WS_DEFLATE_SHARED,
                                               .close_congested = 1)),
        demo);
    if (rc < 0)
        return rc;
    rc = yodel_server_route(demo->server, "POST /rooms/{room}/messages", post_message, demo);
    if (rc < 0)
        return rc;
    return yodel_server_route(demo->server, "GET /rooms/{room}", show_room, demo);
}
/* card end */
