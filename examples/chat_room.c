/* SPDX-License-Identifier: MIT */
/*
 * The Django Channels example of the notes, line by line:
 *
 *     re_path(r"ws/chat/(?P<room_name>\w+)/$", ...)      the pattern in main()
 *     class ChatConsumer                                 the handlers in main()
 *         connect()      group_add(...), accept()        on_connect()
 *         disconnect()   group_discard(...)              nothing: a WebSocket leaves by itself
 *         receive()      json.loads, group_send(...)     on_message()
 *         chat_message() self.send(json.dumps(...))      on_chat_message()
 *
 *     new WebSocket("ws://localhost:8000/ws/chat/room123/").send('{"message": "hello"}')
 *
 * Usage: chat_room [address]
 */
#include <stdio.h>
#include <stdlib.h>
#include <yodel/yodel.h>

enum { GROUP_SIZE = YODEL_GROUP_NAME_MAX + 1 };

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    yodel_channels *channels = user;
    yodel_str room = yodel_request_param(req, "room_name");
    char *group = malloc(GROUP_SIZE);

    if (group == NULL)
        return 503;
    yodel_ws_set_data(ws, group, free);
    if (snprintf(group, GROUP_SIZE, "chat_%" YODEL_PRI, YODEL_ARG(room)) >= GROUP_SIZE)
        return 404;
    if (yodel_group_add(channels, group, ws) < 0)
        return 503;
    return YODEL_ACCEPT;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    yodel_channels *channels = user;
    yodel_document *document = NULL;
    const char *text;
    int rc;

    if (yodel_ws_unpack(message, &document, "{s:s}", "message", &text) < 0) {
        yodel_ws_close(ws, 1007, "send {\"message\": \"...\"}");
        return 0;
    }
    rc = yodel_group_send_event(channels, yodel_ws_data(ws), "chat.message", "{s:s}", "message",
                                text);
    yodel_document_free(document);
    return rc;
}

static int on_chat_message(yodel_ws *ws, const yodel_event *event, void *user)
{
    const char *text;
    int rc = yodel_event_unpack(event, "{s:s}", "message", &text);

    (void)user;
    return rc < 0 ? rc : yodel_ws_send_pack(ws, "{s:s}", "message", text);
}

static int add_chat(yodel_server *server, yodel_channels *channels)
{
    static const yodel_ws_event_handler events[] = {{"chat.message", on_chat_message},
                                                    {NULL, NULL}};

    return yodel_server_route_ws(server, "^/ws/chat/(?<room_name>\\w+)/$",
                                 YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect,
                                               .on_message = on_message, .events = events),
                                 channels);
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "localhost:8000";
    yodel_server *server = NULL;
    yodel_channels *channels = NULL;
    int rc;

    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &server);
    if (rc >= 0)
        rc = yodel_channels_new_memory(server, &channels);
    if (rc >= 0)
        rc = add_chat(server, channels);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "chat_room: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "chat_room: %s\n", yodel_strerror(rc));
    yodel_channels_unref(channels);
    yodel_server_unref(server);
    return rc < 0;
}
