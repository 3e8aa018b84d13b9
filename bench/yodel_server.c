/* SPDX-License-Identifier: MIT */
/*
 * Yodel's side of the benchmark: /echo, /ws (answers "Echo: X"), /broadcast (a message goes to all
 * as a ready frame), /chat/{room} (typed events, as in Django Channels), /events
 * (EventSource readers, who get what a WebSocket on /publish sends), and Socket.IO, where
 * "message" is sent back and "broadcast" goes to all, the arguments as the text they came in.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

#define PREFIX "Echo: "
#define EVERYBODY "everybody"
#define READERS "readers"

struct app {
    yodel_server *server;
    yodel_channels *channels;
    yodel_sio *sio;
    yodel_sio_namespace *root;
    unsigned loops;
    unsigned port;
    yodel_tls_options tls; /* without files: plain */
};

static int on_echo(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    (void)user;
    return yodel_ws_send(ws, message->type, message->data);
}

static int on_prefix_echo(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    size_t len = sizeof PREFIX - 1 + message->data.len;
    char *text = malloc(len);
    int rc;

    (void)user;
    if (text == NULL)
        return -1;
    memcpy(text, PREFIX, sizeof PREFIX - 1);
    if (message->data.len > 0)
        memcpy(text + sizeof PREFIX - 1, message->data.ptr, message->data.len);
    rc = yodel_ws_send_text(ws, (yodel_str){text, len});
    free(text);
    return rc;
}

static int on_broadcast_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct app *app = user;

    (void)req;
    return yodel_group_add(app->channels, EVERYBODY, ws);
}

static int on_broadcast(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct app *app = user;

    (void)ws;
    return yodel_group_send(app->channels, EVERYBODY, message->type, message->data);
}

static void on_events(yodel_request *req, void *user)
{
    struct app *app = user;
    yodel_sse *reader;

    if (yodel_request_sse_begin(req, NULL, &reader) == 0)
        (void)yodel_sse_group_add(reader, app->channels, READERS);
}

static int on_publish(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct app *app = user;

    (void)ws;
    return yodel_group_send(app->channels, READERS, message->type, message->data);
}

static int on_chat_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct app *app = user;
    yodel_str room = yodel_request_param(req, "room");
    char *group = malloc(sizeof "chat_" + room.len);

    if (group == NULL)
        return -1;
    sprintf(group, "chat_%" YODEL_PRI, YODEL_ARG(room));
    yodel_ws_set_data(ws, group, free);
    return yodel_group_add(app->channels, group, ws);
}

static int on_chat(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct app *app = user;
    yodel_document *document;
    const char *text;
    int rc = yodel_ws_unpack(message, &document, "{s:s}", "message", &text);

    if (rc < 0)
        return rc;
    rc = yodel_group_send_event(app->channels, yodel_ws_data(ws), "chat.message", "{s:s}",
                                "message", text);
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

static void on_sio_message(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    (void)yodel_sio_emit_event(yodel_sio_to(socket), "message", event);
}

static void on_sio_broadcast(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const struct app *app = user;

    (void)socket;
    (void)yodel_sio_emit_event(yodel_sio_to_all(app->root), "broadcast", event);
}

static int add_socket_io(struct app *app)
{
    int rc = yodel_sio_new(app->server, NULL, &app->sio);

    if (rc < 0)
        return rc;
    if ((rc = yodel_sio_of(app->sio, "/", &app->root)) < 0)
        return rc;
    rc = yodel_sio_namespace_on(app->root, "message", on_sio_message, app);
    if (rc < 0)
        return rc;
    return yodel_sio_namespace_on(app->root, "broadcast", on_sio_broadcast, app);
}

static int add_routes(struct app *app)
{
    static const yodel_ws_event_handler chat_events[] = {{"chat.message", on_chat_message},
                                                         {NULL, NULL}};
    const struct {
        const char *path;
        yodel_ws_handlers handlers;
    } routes[] = {
        {"/echo", {.on_message = on_echo}},
        {"/ws", {.on_message = on_prefix_echo}},
        {"/broadcast", {.on_connect = on_broadcast_connect, .on_message = on_broadcast}},
        {"/publish", {.on_message = on_publish}},
        {"/chat/{room}",
         {.on_connect = on_chat_connect, .on_message = on_chat, .events = chat_events}},
    };

    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        yodel_ws_handlers handlers = routes[i].handlers;
        int rc;

        handlers.size = sizeof handlers;
        rc = yodel_server_route_ws(app->server, routes[i].path, &handlers, app);
        if (rc < 0)
            return rc;
    }
    return yodel_server_route(app->server, "GET /events", on_events, app);
}

static int set_up(struct app *app)
{
    char address[32];
    int rc = yodel_server_new(
        YODEL_OPTIONS(yodel_server_options, .loops = app->loops, .handle_signals = 1),
        &app->server);

    if (rc < 0 || (rc = yodel_channels_new_memory(app->server, &app->channels)) < 0 ||
        (rc = add_routes(app)) < 0 || (rc = add_socket_io(app)) < 0)
        return rc;
    snprintf(address, sizeof address, "127.0.0.1:%u", app->port);
    return yodel_server_listen(app->server,
                               YODEL_OPTIONS(yodel_listen_options, .address = address,
                                             .tls = app->tls.cert_file != NULL ? &app->tls : NULL));
}

static int parse_arguments(struct app *app, int argc, char **argv)
{
    static const struct option options[] = {{"loops", required_argument, NULL, 'l'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"cert", required_argument, NULL, 'c'},
                                            {"key", required_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    int key;

    while ((key = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (key == 'l')
            app->loops = (unsigned)strtoul(optarg, NULL, 10);
        else if (key == 'p')
            app->port = (unsigned)strtoul(optarg, NULL, 10);
        else if (key == 'c')
            app->tls.cert_file = optarg;
        else if (key == 'k')
            app->tls.key_file = optarg;
        else
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct app app = {.loops = 1, .tls = {.size = sizeof app.tls}};
    int rc;

    if (parse_arguments(&app, argc, argv) < 0)
        return EXIT_FAILURE;
    rc = set_up(&app);
    if (rc >= 0) {
        printf("PORT %d\n", rc);
        fflush(stdout);
        rc = yodel_server_run(app.server);
    }
    if (rc < 0)
        fprintf(stderr, "yodel_server: %s\n", yodel_strerror(rc));
    yodel_sio_unref(app.sio);
    yodel_channels_unref(app.channels);
    yodel_server_unref(app.server);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
