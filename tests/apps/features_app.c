/* SPDX-License-Identifier: MIT */
/* features-app: every feature of the server, driven by clients; see features_ctl.c for the rest. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps.h"

struct features {
    yodel_sio_namespace *ctl;
};

/* ---- events ---- */

static void answer_nothing(yodel_sio_event *event)
{
    (void)yodel_sio_event_answer(event, "");
}

static void on_echo(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes attachments[APP_MAX_ATTACHMENTS];
    yodel_sio_args args = app_args(event, attachments);

    (void)socket;
    (void)user;
    (void)yodel_sio_event_answer_args(event, &args);
}

static void on_join(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const json_t *rooms = app_arg(event, 0), *room;
    size_t i;

    (void)user;
    if (json_is_string(rooms))
        (void)yodel_sio_socket_join(socket, json_string_value(rooms));
    json_array_foreach(rooms, i, room)
    {
        if (json_is_string(room))
            (void)yodel_sio_socket_join(socket, json_string_value(room));
    }
    answer_nothing(event);
}

static void on_leave(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const char *room = json_string_value(app_arg(event, 0));

    (void)user;
    if (room != NULL)
        yodel_sio_socket_leave(socket, room);
    answer_nothing(event);
}

static void append_text(yodel_str text, void *array)
{
    (void)json_array_append_new(array, json_stringn(text.ptr, text.len));
}

static json_t *rooms_of(const yodel_sio_socket *socket)
{
    json_t *rooms = json_array();

    if (rooms != NULL)
        yodel_sio_socket_each_room(socket, append_text, rooms);
    return rooms;
}

static void on_rooms(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    app_answer(event, rooms_of(socket));
}

static void on_seen(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    app_answer(event, json_incref(yodel_sio_socket_data(socket)));
}

static json_t *text_of(yodel_str text)
{
    return json_stringn(text.ptr, text.len);
}

static void on_info(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    json_t *handshake = yodel_sio_socket_handshake(socket);
    json_t *info = json_pack(
        "{s:o, s:o, s:b, s:O, s:O, s:O*, s:s}", "id", text_of(yodel_sio_socket_id(socket)), "nsp",
        text_of(yodel_sio_namespace_name(yodel_sio_socket_namespace(socket))), "recovered",
        yodel_sio_socket_recovered(socket), "data", yodel_sio_socket_json(socket), "auth",
        yodel_sio_socket_auth(socket), "query", json_object_get(handshake, "query"), "transport",
        yodel_sio_socket_transport(socket));

    (void)user;
    app_answer(event, info);
    json_decref(handshake);
}

static void on_set(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const char *key = json_string_value(app_arg(event, 0));

    (void)user;
    if (key != NULL)
        (void)json_object_set_new(yodel_sio_socket_json(socket), key,
                                  json_deep_copy(app_arg(event, 1)));
    answer_nothing(event);
}

/* ---- connections ---- */

static void free_seen(void *seen)
{
    json_decref(seen);
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    (void)user;
    yodel_sio_socket_set_data(socket, json_array(), free_seen);
}

static void on_any(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    append_text(yodel_sio_event_name(event), yodel_sio_socket_data(socket));
}

static int block(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)socket;
    (void)user;
    if (yodel_str_eq(yodel_sio_event_name(event), YODEL_STR("blocked")))
        return yodel_sio_event_refuse(event, "blocked event");
    return 0;
}

static void on_error(yodel_sio_socket *socket, const char *message, void *user)
{
    (void)user;
    (void)yodel_sio_emit(yodel_sio_to(socket), "mw-error", "s", message);
}

static yodel_sio_target watchers(struct app *app)
{
    struct features *features = app->state;

    return yodel_sio_target_with(yodel_sio_to_all(features->ctl), YODEL_SIO_LOCAL);
}

static void on_disconnecting(yodel_sio_socket *socket, const char *reason, void *user)
{
    yodel_str id = yodel_sio_socket_id(socket);

    (void)yodel_sio_emit(watchers(user), "x-disconnecting", "s%so", id.ptr, id.len, reason,
                         rooms_of(socket));
}

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    yodel_str id = yodel_sio_socket_id(socket);

    (void)yodel_sio_emit(watchers(user), "x-disconnected", "s%s", id.ptr, id.len, reason);
}

/* ---- what happens in rooms ---- */

#define ROOM_WATCHERS "watch-rooms"

static void on_watch_rooms(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    (void)yodel_sio_socket_join(socket, ROOM_WATCHERS);
    answer_nothing(event);
}

static void on_room(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    static const char *const names[] = {NULL, "create-room", "join-room", "leave-room",
                                        "delete-room"};
    const struct app *app = user;
    const struct features *features = app->state;
    yodel_str name = yodel_sio_namespace_name(ns);

    (void)yodel_sio_emit(
        yodel_sio_target_with(yodel_sio_to_room(features->ctl, ROOM_WATCHERS), YODEL_SIO_LOCAL),
        "x-room", "s%ss%s%", name.ptr, name.len, names[event->change], event->room.ptr,
        event->room.len, event->socket_id.ptr, event->socket_id.len);
}

/* ---- middleware ---- */

static int refuse_dyn(yodel_sio_socket *socket, void *user)
{
    (void)user;
    if (app_is_true(json_object_get(yodel_sio_socket_auth(socket), "fail")))
        return yodel_sio_socket_refuse(socket, "dyn refused", NULL);
    return 0;
}

static int match_fn(yodel_sio_entry *entry, yodel_str name, const json_t *auth, void *user)
{
    const char *key = json_string_value(json_object_get(auth, "key"));

    (void)user;
    (void)entry;
    return yodel_str_eq(name, YODEL_STR("/fn")) && key != NULL && strcmp(key, "k") == 0 ? 0
                                                                                        : -EPERM;
}

static int first(yodel_sio_socket *socket, void *user)
{
    (void)user;
    (void)json_object_set_new(yodel_sio_socket_json(socket), "mw", json_pack("[i]", 1));
    return 0;
}

static int second(yodel_sio_socket *socket, void *user)
{
    const json_t *auth = yodel_sio_socket_auth(socket), *data = json_object_get(auth, "data");
    char *text;
    int rc;

    (void)user;
    (void)json_array_append_new(json_object_get(yodel_sio_socket_json(socket), "mw"),
                                json_integer(2));
    if (!app_is_true(json_object_get(auth, "fail")))
        return 0;
    text = app_is_true(data) ? json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    rc = yodel_sio_socket_refuse(socket, "refused", text);
    free(text);
    return rc;
}

static int third(yodel_sio_socket *socket, void *user)
{
    struct app *app = user;

    (void)yodel_sio_socket_join(socket, "from-mw");
    return app_decide_later(app, 50, yodel_sio_socket_defer(socket));
}

/* ---- namespaces ---- */

static int add_app(yodel_sio_namespace *ns, struct app *app)
{
    static const struct app_handler handlers[] = {
        {"echo", on_echo}, {"join", on_join}, {"leave", on_leave}, {"rooms", on_rooms},
        {"seen", on_seen}, {"info", on_info}, {"set", on_set},     {NULL, NULL}};
    int rc = app_on(ns, handlers, app);

    if (rc < 0 || (rc = yodel_sio_namespace_use_event(ns, block, app)) < 0 ||
        (rc = yodel_sio_namespace_on_room(ns, on_room, app, NULL)) < 0)
        return rc;
    return yodel_sio_namespace_handle(
        ns,
        YODEL_OPTIONS(yodel_sio_handlers, .on_connection = on_connection, .on_any = on_any,
                      .on_error = on_error, .on_disconnecting = on_disconnecting,
                      .on_disconnect = on_disconnect),
        app);
}

static int add_with(yodel_sio_namespace *ns, yodel_sio_middleware_fn *const *middleware, size_t num,
                    struct app *app)
{
    int rc = add_app(ns, app);

    for (size_t i = 0; rc == 0 && i < num; i++)
        rc = yodel_sio_namespace_use(ns, middleware[i], app);
    return rc;
}

static int add_namespaces(struct app *app)
{
    static yodel_sio_middleware_fn *const dyn[] = {refuse_dyn}, *const mw[] = {first, second,
                                                                               third};
    yodel_sio *sio = app->sio;
    int rc;

    if ((rc = add_app(app_of(sio, "/"), app)) < 0)
        return rc;
    if ((rc = add_app(app_of(sio, "/chat"), app)) < 0)
        return rc;
    if ((rc = add_with(app_of_pattern(sio, "/dyn-\\w+"), dyn, 1, app)) < 0)
        return rc;
    if ((rc = add_app(app_of_function(sio, match_fn, app), app)) < 0)
        return rc;
    return add_with(app_of(sio, "/mw"), mw, 3, app);
}

static int start(struct app *app)
{
    const struct app_options *given = &app->options;
    struct features *features = app->state = calloc(1, sizeof *features);
    int rc;

    if (features == NULL)
        return -ENOMEM;
    rc = app_new_sio(
        app, (yodel_sio_options){.ping_interval_ms = given->patient ? 25000 : 2000,
                                 .ping_timeout_ms = given->patient ? 30000 : 2000,
                                 .recovery_ms = given->recovery ? 120000 : 0,
                                 .parser = given->msgpack ? YODEL_SIO_MSGPACK : YODEL_SIO_JSON});
    if (rc < 0 || (rc = features_add_ctl(app, &features->ctl)) < 0 ||
        (rc = yodel_sio_namespace_on(features->ctl, "watch-rooms", on_watch_rooms, NULL)) < 0)
        return rc;
    return add_namespaces(app);
}

static void done(struct app *app)
{
    free(app->state);
}

const struct app_kind app_features = {.name = "features-app",
                                      .help = "Socket.IO with a remote control, /ctl",
                                      .start = start,
                                      .done = done};
