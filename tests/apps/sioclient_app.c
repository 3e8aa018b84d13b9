/* SPDX-License-Identifier: MIT */
/* sioclient-app: what the tests of the npm clients expect of a server. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps.h"

/* ---- the hook: every handshake is delayed ---- */

static int delay(yodel_request *req, void *user)
{
    return app_decide_later(user, 10, yodel_request_defer(req));
}

/* ---- middleware ---- */

static int check_query(yodel_sio_socket *socket, void *user)
{
    json_t *handshake = yodel_sio_socket_handshake(socket);
    const json_t *query = json_object_get(handshake, "query");
    int rc = 0;

    (void)user;
    if (app_is_true(json_object_get(query, "fail")))
        rc = yodel_sio_socket_refuse(socket, "Auth failed (main namespace)", NULL);
    json_decref(handshake);
    return rc;
}

static int refuse(yodel_sio_socket *socket, void *user)
{
    (void)user;
    return yodel_sio_socket_refuse(socket, "Auth failed (custom namespace)", NULL);
}

/* ---- events ---- */

/* What was seen so far, in the socket's data. */
enum seen { SAW_ABUFF1 = 1, SAW_BLOB1 = 2, SAW_BLOB2 = 4 };

static void on_connection(yodel_sio_socket *socket, void *user)
{
    (void)user;
    yodel_sio_socket_set_data(socket, calloc(1, sizeof(unsigned)), free);
}

static unsigned *seen_of(yodel_sio_socket *socket)
{
    return yodel_sio_socket_data(socket);
}

static void emit_nothing(yodel_sio_socket *socket, const char *event)
{
    (void)yodel_sio_emit(yodel_sio_to(socket), event, "");
}

static void on_hi(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)event;
    (void)user;
    emit_nothing(socket, "hi");
}

static void on_echo(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes attachments[APP_MAX_ATTACHMENTS];
    yodel_sio_args args = app_args(event, attachments);

    (void)socket;
    (void)user;
    (void)yodel_sio_event_answer_args(event, &args);
}

/* By its room, as it may have gone. */
struct asker {
    yodel_sio_namespace *ns;
    char id[21];
};

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    struct asker *asker = user;
    json_t *args = json_loadb(answers->json.ptr, answers->json.len, 0, NULL);
    const json_t *test = json_object_get(json_array_get(args, 1), "test");

    if (answers->result == 0 && json_integer_value(json_array_get(args, 0)) == 5 &&
        app_is_true(test))
        (void)yodel_sio_emit(yodel_sio_to_room(asker->ns, asker->id), "got it", "");
    json_decref(args);
    free(asker);
}

static void on_ack(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct asker *asker = calloc(1, sizeof *asker);

    (void)event;
    (void)user;
    if (asker == NULL)
        return;
    asker->ns = yodel_sio_socket_namespace(socket);
    memcpy(asker->id, yodel_sio_socket_id(socket).ptr, sizeof asker->id - 1);
    if (yodel_sio_emit_ack(yodel_sio_to(socket), "ack", NULL, on_answers, asker) < 0)
        free(asker);
}

static void on_get_ack_date(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    char *date = app_date();

    (void)socket;
    (void)user;
    (void)yodel_sio_event_answer(event, "s", date);
    free(date);
}

static void on_get_date(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    char *date = app_date();

    (void)event;
    (void)user;
    (void)yodel_sio_emit(yodel_sio_to(socket), "takeDate", "s", date);
    free(date);
}

static void on_get_date_obj(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    char *date = app_date();

    (void)event;
    (void)user;
    (void)yodel_sio_emit(yodel_sio_to(socket), "takeDateObj", "{s:s}", "date", date);
    free(date);
}

static void on_get_utf8(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    static const char *const texts[] = {"てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string",
                                        "utf8 — string"};

    (void)event;
    (void)user;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        (void)yodel_sio_emit(yodel_sio_to(socket), "takeUtf8", "s", texts[i]);
}

static void on_false(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)event;
    (void)user;
    (void)yodel_sio_emit(yodel_sio_to(socket), "false", "b", 0);
}

static const yodel_bytes doge = {(const uint8_t *)"asdfasdf", 8};

static void on_doge(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)event;
    (void)user;
    app_emit_binary(yodel_sio_to(socket), "doge", doge);
}

static void on_getbin(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)event;
    (void)user;
    app_emit_binary(yodel_sio_to(socket), "takebin", doge);
}

static void on_buffa(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    if (app_is_binary(app_arg(event, 0)))
        emit_nothing(socket, "buffack");
}

static int is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

static void on_jsonbuff(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const json_t *arg = app_arg(event, 0);

    (void)user;
    if (is_text(json_object_get(arg, "hello"), "lol") &&
        app_is_binary(json_object_get(arg, "message")) &&
        is_text(json_object_get(arg, "goodbye"), "gotcha"))
        emit_nothing(socket, "jsonbuff-ack");
}

static void on_abuff1(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    if (app_is_binary(app_arg(event, 0)))
        *seen_of(socket) |= SAW_ABUFF1;
}

static void on_abuff2(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)event;
    (void)user;
    if (*seen_of(socket) & SAW_ABUFF1)
        emit_nothing(socket, "abuff2-ack");
}

static void on_blob(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    if (app_is_binary(app_arg(event, 0)))
        emit_nothing(socket, "back");
}

static void on_jsonblob(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    if (app_is_binary(json_object_get(app_arg(event, 0), "message")))
        emit_nothing(socket, "jsonblob-ack");
}

static void on_blob1(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    if (app_is_binary(app_arg(event, 0)))
        *seen_of(socket) |= SAW_BLOB1;
}

static void on_blob2(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    if ((*seen_of(socket) & SAW_BLOB1) && is_text(app_arg(event, 0), "second"))
        *seen_of(socket) |= SAW_BLOB2;
}

static void on_blob3(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    if ((*seen_of(socket) & SAW_BLOB2) && app_is_binary(app_arg(event, 0)))
        emit_nothing(socket, "blob3-ack");
}

static void on_get_handshake(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    app_answer(event, yodel_sio_socket_handshake(socket));
}

static void on_get_id(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_str id = yodel_sio_socket_id(socket);

    (void)user;
    (void)yodel_sio_event_answer(event, "s%", id.ptr, id.len);
}

/* ---- namespaces ---- */

static void show_handshake(yodel_sio_socket *socket, void *user)
{
    (void)user;
    app_emit(yodel_sio_to(socket), "handshake", yodel_sio_socket_handshake(socket));
}

static int add_main(struct app *app)
{
    static const struct app_handler handlers[] = {{"hi", on_hi},
                                                  {"echo", on_echo},
                                                  {"ack", on_ack},
                                                  {"getAckDate", on_get_ack_date},
                                                  {"getDate", on_get_date},
                                                  {"getDateObj", on_get_date_obj},
                                                  {"getUtf8", on_get_utf8},
                                                  {"false", on_false},
                                                  {"doge", on_doge},
                                                  {"buffa", on_buffa},
                                                  {"jsonbuff", on_jsonbuff},
                                                  {"abuff1", on_abuff1},
                                                  {"abuff2", on_abuff2},
                                                  {"blob", on_blob},
                                                  {"jsonblob", on_jsonblob},
                                                  {"blob1", on_blob1},
                                                  {"blob2", on_blob2},
                                                  {"blob3", on_blob3},
                                                  {"getbin", on_getbin},
                                                  {"getHandshake", on_get_handshake},
                                                  {"getId", on_get_id},
                                                  {NULL, NULL}};
    yodel_sio_namespace *main = app_of(app->sio, "/");
    int rc = app_on(main, handlers, app);

    if (rc < 0 || (rc = yodel_sio_namespace_use(main, check_query, app)) < 0)
        return rc;
    return yodel_sio_namespace_handle(
        main, YODEL_OPTIONS(yodel_sio_handlers, .on_connection = on_connection), app);
}

static int add_others(struct app *app)
{
    static const char *const names[] = {"/timeout_socket", "/valid", "/asd"};
    static const struct app_handler foo[] = {{"getId", on_get_id}, {NULL, NULL}};
    yodel_sio_namespace *abc = app_of(app->sio, "/abc"), *no = app_of(app->sio, "/no");
    int rc;

    if (abc == NULL || no == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (app_of(app->sio, names[i]) == NULL)
            return -ENOMEM;
    if ((rc = app_on(app_of(app->sio, "/foo"), foo, app)) < 0)
        return rc;
    if ((rc = yodel_sio_namespace_use(no, refuse, app)) < 0)
        return rc;
    return yodel_sio_namespace_handle(
        abc, YODEL_OPTIONS(yodel_sio_handlers, .on_connection = show_handshake), app);
}

static int start(struct app *app)
{
    int rc = app_new_sio(app, (yodel_sio_options){.ping_interval_ms = 2000,
                                                  .recovery_ms = 120000,
                                                  .allow_request = delay,
                                                  .hooks_user = app});

    if (rc < 0 || (rc = add_main(app)) < 0)
        return rc;
    return add_others(app);
}

const struct app_kind app_sioclient = {
    .name = "sioclient-app", .help = "Socket.IO, for the tests of its clients", .start = start};
