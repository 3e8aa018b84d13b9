/* SPDX-License-Identifier: MIT */
/* wire-app: for tests of the raw wire. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps.h"

static void on_connection(yodel_sio_socket *socket, void *user)
{
    (void)user;
    (void)yodel_sio_emit(yodel_sio_to(socket), "auth", "O", yodel_sio_socket_auth(socket));
}

static void on_message(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes attachments[APP_MAX_ATTACHMENTS];
    yodel_sio_args args = app_args(event, attachments);

    (void)user;
    (void)yodel_sio_emit_args(yodel_sio_to(socket), "message-back", &args);
}

static void on_with_ack(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes attachments[APP_MAX_ATTACHMENTS];
    yodel_sio_args args = app_args(event, attachments);

    (void)socket;
    (void)user;
    (void)yodel_sio_event_answer_args(event, &args);
}

static void on_kick(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    yodel_sio_socket_disconnect(socket, app_is_true(app_arg(event, 0)));
}

static void on_burst(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    static const uint8_t data[] = {1, 2};

    (void)event;
    (void)user;
    (void)yodel_sio_emit(yodel_sio_to(socket), "a", "i", 1);
    app_emit_binary(yodel_sio_to(socket), "b", (yodel_bytes){data, sizeof data});
    (void)yodel_sio_emit(yodel_sio_to(socket), "c", "");
}

static void on_big(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    json_int_t len = json_integer_value(app_arg(event, 0));
    char *text = len >= 0 && len < (1 << 30) ? malloc((size_t)len + 1) : NULL;

    (void)user;
    if (text == NULL)
        return;
    memset(text, 'x', (size_t)len);
    text[len] = '\0';
    (void)yodel_sio_emit(yodel_sio_to(socket), "big", "s", text);
    free(text);
}

/* Whom to send "answer" to; by its room, as it may have gone. */
struct asker {
    yodel_sio_namespace *ns;
    char id[21];
};

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    struct asker *asker = user;
    size_t size = answers->json.len + 3;
    char *array = answers->result == 0 ? malloc(size) : NULL;

    if (array != NULL) {
        yodel_sio_args args = {.size = sizeof args,
                               .attachments = answers->attachments,
                               .num_attachments = answers->num_attachments};
        int len = snprintf(array, size, "[%" YODEL_PRI "]", YODEL_ARG(answers->json));

        args.json = (yodel_str){array, (size_t)len};
        (void)yodel_sio_emit_args(yodel_sio_to_room(asker->ns, asker->id), "answer", &args);
    }
    free(array);
    free(asker);
}

static void on_ask(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct asker *asker = calloc(1, sizeof *asker);
    yodel_sio_args args = {.size = sizeof args, .json = YODEL_STR("[1]")};

    (void)event;
    (void)user;
    if (asker == NULL)
        return;
    asker->ns = yodel_sio_socket_namespace(socket);
    memcpy(asker->id, yodel_sio_socket_id(socket).ptr, sizeof asker->id - 1);
    if (yodel_sio_emit_ack(yodel_sio_to(socket), "question", &args, on_answers, asker) < 0)
        free(asker);
}

static void on_vol(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_sio_target target = yodel_sio_target_with(yodel_sio_to(socket), YODEL_SIO_VOLATILE);

    (void)event;
    (void)user;
    (void)yodel_sio_emit(target, "v", "i", 1);
    (void)yodel_sio_emit(target, "v", "i", 2);
}

static int deny(yodel_sio_socket *socket, void *user)
{
    (void)user;
    return yodel_sio_socket_refuse(socket, "denied", "{\"code\":42}");
}

static int be_slow(yodel_sio_socket *socket, void *user)
{
    struct app *app = user;

    return app_decide_later(app, 200, yodel_sio_socket_defer(socket));
}

static int add_app(yodel_sio_namespace *ns, struct app *app)
{
    static const struct app_handler handlers[] = {
        {"message", on_message}, {"with-ack", on_with_ack}, {"kick", on_kick}, {"burst", on_burst},
        {"big", on_big},         {"ask", on_ask},           {"vol", on_vol},   {NULL, NULL}};
    int rc = app_on(ns, handlers, app);

    if (rc < 0)
        return rc;
    return yodel_sio_namespace_handle(
        ns, YODEL_OPTIONS(yodel_sio_handlers, .on_connection = on_connection), app);
}

static int start(struct app *app)
{
    static const char *const any_origin[] = {"*", NULL};
    const yodel_cors_options cors = {.size = sizeof cors, .origins = any_origin};
    yodel_sio_namespace *denied, *slow;
    int rc = app_new_sio(app, (yodel_sio_options){.ping_interval_ms = 1500,
                                                  .ping_timeout_ms = 800,
                                                  .upgrade_timeout_ms = 700,
                                                  .connect_timeout_ms = 2500,
                                                  .max_payload = 2000,
                                                  .cors = &cors});

    if (rc < 0)
        return rc;
    slow = app_of(app->sio, "/slow");
    denied = app_of(app->sio, "/deny");
    if (denied == NULL || (rc = yodel_sio_namespace_use(denied, deny, app)) < 0)
        return rc < 0 ? rc : -ENOMEM;
    if ((rc = add_app(slow, app)) < 0 || (rc = yodel_sio_namespace_use(slow, be_slow, app)) < 0)
        return rc;
    if ((rc = add_app(app_of(app->sio, "/"), app)) < 0)
        return rc;
    if ((rc = add_app(app_of(app->sio, "/custom"), app)) < 0)
        return rc;
    return add_app(app_of_pattern(app->sio, "/dyn-\\d+"), app);
}

const struct app_kind app_wire = {
    .name = "wire-app", .help = "Socket.IO, for raw transcripts", .start = start};
