/* SPDX-License-Identifier: MIT */
/*
 * Yodel's side of the benchmark: /echo, /ws (answers "Echo: X"), /broadcast (a message goes to all
 * as a ready frame), /shared, /context and /shared/broadcast (the
 * same, deflated without and with context), /groups/{group} and /many/{number} (broadcasts in one
 * of many groups, and by members of many groups), /chat/{room} (typed events, as in Django
 * Channels), /events (EventSource readers, who get what a WebSocket on /publish sends), and
 * Socket.IO, where "message" is sent back, "broadcast" goes to all and "relay" to all others, the
 * arguments as the text they came in.  With --redis it is one of several nodes, which publish in
 * the form that --form names.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/channels_redis.h>
#include <yodel/redis.h>
#include <yodel/sio.h>
#include <yodel/sio_python.h>
#include <yodel/sio_redis.h>
#include <yodel/yodel.h>

#define PREFIX "Echo: "
#define EVERYBODY "everybody"
#define READERS "readers"
#define PACKED "packed" /* group of those whose messages are deflated */

struct app {
    yodel_server *server;
    yodel_channels *channels;
    yodel_sio *sio;
    yodel_sio_namespace *root;
    unsigned loops;
    unsigned port;
    unsigned deflate_level; /* 0: the default */
    const char *nodes[2];   /* addresses of this node and another one; NULL: there is none */
    unsigned self;
    yodel_tls_options tls; /* without files: plain */
    unsigned redis_port;   /* 0: alone */
    const char *form;
    yodel_redis *redis;
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

/* /groups/{group}: a member of that one, to which its messages go. */
static int on_group_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct app *app = user;
    yodel_str name = yodel_request_param(req, "group");
    char *group = malloc(sizeof "group_" + name.len);

    if (group == NULL)
        return -1;
    sprintf(group, "group_%" YODEL_PRI, YODEL_ARG(name));
    yodel_ws_set_data(ws, group, free);
    return yodel_group_add(app->channels, group, ws);
}

static int on_group_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct app *app = user;

    return yodel_group_send(app->channels, yodel_ws_data(ws), message->type, message->data);
}

/* /many/{number}: a member of so many groups; messages go to the first one. */
static int on_many_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct app *app = user;
    char number[16], group[32];
    unsigned long many;

    snprintf(number, sizeof number, "%" YODEL_PRI, YODEL_ARG(yodel_request_param(req, "number")));
    many = strtoul(number, NULL, 10);
    for (unsigned long i = 0; i < many; i++) {
        int rc;

        snprintf(group, sizeof group, "many_%lu", i);
        rc = yodel_group_add(app->channels, group, ws);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int on_many_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct app *app = user;

    (void)ws;
    return yodel_group_send(app->channels, "many_0", message->type, message->data);
}

static int on_packed_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct app *app = user;

    (void)req;
    return yodel_group_add(app->channels, PACKED, ws);
}

static int on_packed_broadcast(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    struct app *app = user;

    (void)ws;
    return yodel_group_send(app->channels, PACKED, message->type, message->data);
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

static void on_sio_relay(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    (void)yodel_sio_emit_event(yodel_sio_to_others(socket), "relay", event);
}

/* To a room that has nobody, and back: what it costs another node. */
static void on_sio_foreign(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const struct app *app = user;

    (void)yodel_sio_emit_event(yodel_sio_to_room(app->root, "nobody"), "foreign", event);
    (void)yodel_sio_emit_event(yodel_sio_to(socket), "foreign", event);
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
    rc = yodel_sio_namespace_on(app->root, "broadcast", on_sio_broadcast, app);
    if (rc < 0)
        return rc;
    rc = yodel_sio_namespace_on(app->root, "relay", on_sio_relay, app);
    if (rc < 0)
        return rc;
    return yodel_sio_namespace_on(app->root, "foreign", on_sio_foreign, app);
}

static int use_layer(struct app *app, yodel_channels_form form)
{
    return yodel_channels_use_redis(
        app->channels, &app->redis, 1,
        YODEL_OPTIONS(yodel_channels_redis_options, .form = form, .capacity = 10000));
}

static int use_adapter(struct app *app, yodel_sio_redis_form form)
{
    return yodel_sio_use_redis(app->sio, app->redis,
                               YODEL_OPTIONS(yodel_sio_redis_options, .form = form));
}

/* Joins the node to the others. */
static int add_redis(struct app *app)
{
    char url[64];
    int rc;

    snprintf(url, sizeof url, "redis://127.0.0.1:%u", app->redis_port);
    rc = yodel_redis_new(app->server, YODEL_OPTIONS(yodel_redis_options, .url = url), &app->redis);
    if (rc < 0)
        return rc;
    if (strcmp(app->form, "classic") == 0)
        return use_adapter(app, YODEL_SIO_REDIS_CLASSIC);
    if (strcmp(app->form, "sharded") == 0)
        return use_adapter(app, YODEL_SIO_REDIS_SHARDED);
    if (strcmp(app->form, "streams") == 0)
        return use_adapter(app, YODEL_SIO_REDIS_STREAMS);
    if (strcmp(app->form, "python") == 0)
        return yodel_sio_use_python(
            app->sio, app->redis,
            YODEL_OPTIONS(yodel_sio_python_options, .channel = "flask-socketio"));
    if (strcmp(app->form, "core") == 0)
        return use_layer(app, YODEL_CHANNELS_CORE);
    return strcmp(app->form, "pubsub") == 0 ? use_layer(app, YODEL_CHANNELS_PUBSUB) : -EINVAL;
}

static int add_routes(struct app *app)
{
    static const yodel_ws_event_handler chat_events[] = {{"chat.message", on_chat_message},
                                                         {NULL, NULL}};
    const yodel_ws_options shared = {.size = sizeof shared,
                                     .deflate = YODEL_WS_DEFLATE_SHARED,
                                     .deflate_min = 1,
                                     .deflate_level = app->deflate_level};
    const yodel_ws_options context = {.size = sizeof context,
                                      .deflate = YODEL_WS_DEFLATE_CONTEXT,
                                      .deflate_min = 1,
                                      .deflate_level = app->deflate_level};
    const struct {
        const char *path;
        yodel_ws_handlers handlers;
    } routes[] = {
        {"/groups/{group}", {.on_connect = on_group_connect, .on_message = on_group_message}},
        {"/many/{number}", {.on_connect = on_many_connect, .on_message = on_many_message}},
        {"/shared", {.on_message = on_echo, .options = &shared}},
        {"/context", {.on_message = on_echo, .options = &context}},
        {"/shared/broadcast",
         {.on_connect = on_packed_connect, .on_message = on_packed_broadcast, .options = &shared}},
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

/* Requests for sessions of the other node are carried there. */
static int join_nodes(struct app *app)
{
    return yodel_server_carry(
        app->server, YODEL_OPTIONS(yodel_carry_options, .secret = "only for benchmarks",
                                   .nodes = app->nodes, .num_nodes = 2, .self = app->self,
                                   .listen = YODEL_OPTIONS(yodel_listen_options,
                                                           .address = app->nodes[app->self])));
}

static int set_up(struct app *app)
{
    char address[32];
    int rc = yodel_server_new(
        YODEL_OPTIONS(yodel_server_options, .loops = app->loops, .handle_signals = 1),
        &app->server);

    if (rc < 0 || (rc = yodel_channels_new_memory(app->server, &app->channels)) < 0 ||
        (rc = add_routes(app)) < 0 || (rc = add_socket_io(app)) < 0 ||
        (app->redis_port != 0 && (rc = add_redis(app)) < 0))
        return rc;
    if (app->nodes[0] != NULL && (rc = join_nodes(app)) < 0)
        return rc;
    snprintf(address, sizeof address, "127.0.0.1:%u", app->port);
    return yodel_server_listen(app->server,
                               YODEL_OPTIONS(yodel_listen_options, .address = address,
                                             .tls = app->tls.cert_file != NULL ? &app->tls : NULL));
}

static int parse_arguments(struct app *app, int argc, char **argv)
{
    static const struct option options[] = {
        {"loops", required_argument, NULL, 'l'}, {"port", required_argument, NULL, 'p'},
        {"cert", required_argument, NULL, 'c'},  {"deflate-level", required_argument, NULL, 'd'},
        {"key", required_argument, NULL, 'k'},   {"redis", required_argument, NULL, 'r'},
        {"form", required_argument, NULL, 'f'},  {"node", required_argument, NULL, 'n'},
        {"self", required_argument, NULL, 's'},  {NULL, 0, NULL, 0}};
    int key;

    while ((key = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (key == 'l')
            app->loops = (unsigned)strtoul(optarg, NULL, 10);
        else if (key == 'p')
            app->port = (unsigned)strtoul(optarg, NULL, 10);
        else if (key == 'd')
            app->deflate_level = (unsigned)strtoul(optarg, NULL, 10);
        else if (key == 'c')
            app->tls.cert_file = optarg;
        else if (key == 'n')
            app->nodes[app->nodes[0] != NULL] = optarg;
        else if (key == 's')
            app->self = strtoul(optarg, NULL, 10) != 0;
        else if (key == 'k')
            app->tls.key_file = optarg;
        else if (key == 'r')
            app->redis_port = (unsigned)strtoul(optarg, NULL, 10);
        else if (key == 'f')
            app->form = optarg;
        else
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct app app = {.loops = 1, .form = "classic", .tls = {.size = sizeof app.tls}};
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
    yodel_redis_unref(app.redis);
    yodel_sio_unref(app.sio);
    yodel_channels_unref(app.channels);
    yodel_server_unref(app.server);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
