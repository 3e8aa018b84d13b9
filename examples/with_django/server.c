/* SPDX-License-Identifier: MIT */
/*
 * One group with consumers of Django Channels: what a client of either server says, the clients of
 * both hear, and so they do what a view of Django sends.  The other side is app.py; run.py starts
 * both, and Redis.
 *
 * Usage: with_django REDIS_URL DIRECTORY [address]
 */
#include <stdio.h>
#include <yodel/channels_redis.h>
#include <yodel/yodel.h>

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    (void)req;
    return yodel_group_add(user, "chat_lobby", ws) < 0 ? 503 : YODEL_ACCEPT;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    yodel_document *document = NULL;
    const char *text;
    int rc;

    if (yodel_ws_unpack(message, &document, "{s:s}", "text", &text) < 0) {
        yodel_ws_close(ws, 1007, "send {\"text\": \"...\"}");
        return 0;
    }
    rc = yodel_group_send_event(user, "chat_lobby", "chat_message", "{s:s, s:s}", "text", text,
                                "server", "Yodel");
    yodel_document_free(document);
    return rc;
}

static int on_chat_message(yodel_ws *ws, const yodel_event *event, void *user)
{
    const char *text, *by;
    int rc = yodel_event_unpack(event, "{s:s, s:s}", "text", &text, "server", &by);

    (void)user;
    return rc < 0 ? rc : yodel_ws_send_pack(ws, "{s:s, s:s}", "text", text, "server", by);
}

static int add_chat(yodel_server *server, yodel_channels *channels)
{
    static const yodel_ws_event_handler events[] = {{"chat_message", on_chat_message},
                                                    {NULL, NULL}};

    return yodel_server_route_ws(server, "/ws/lobby/",
                                 YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect,
                                               .on_message = on_message, .events = events),
                                 channels);
}

int main(int argc, char **argv)
{
    const char *address = argc > 3 ? argv[3] : "localhost:8000";
    yodel_channels *channels = NULL;
    yodel_server *server = NULL;
    yodel_redis *redis = NULL;
    int rc;

    if (argc < 3) {
        fprintf(stderr, "usage: with_django REDIS_URL DIRECTORY [address]\n");
        return 2;
    }
    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &server);
    if (rc >= 0)
        rc = yodel_channels_new_memory(server, &channels);
    if (rc >= 0)
        rc = yodel_redis_new(server, YODEL_OPTIONS(yodel_redis_options, .url = argv[1]), &redis);
    if (rc >= 0)
        rc = yodel_channels_use_redis(channels, &redis, 1, NULL);
    if (rc >= 0)
        rc = add_chat(server, channels);
    if (rc >= 0)
        rc = yodel_server_static(server, "/", argv[2], NULL);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "with_django: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "with_django: %s\n", yodel_strerror(rc));
    yodel_redis_unref(redis);
    yodel_channels_unref(channels);
    yodel_server_unref(server);
    return rc < 0;
}
