/* SPDX-License-Identifier: MIT */
/* sio-ref: the namespaces "/" and "/custom", echo and acknowledgement of all arguments. */
#include <stdbool.h>

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

static void on_message_with_ack(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes attachments[APP_MAX_ATTACHMENTS];
    yodel_sio_args args = app_args(event, attachments);

    (void)socket;
    (void)user;
    (void)yodel_sio_event_answer_args(event, &args);
}

static int start(struct app *app)
{
    static const char *const any_origin[] = {"*", NULL};
    static const struct app_handler handlers[] = {
        {"message", on_message}, {"message-with-ack", on_message_with_ack}, {NULL, NULL}};
    bool patient = app->options.patient;
    const yodel_cors_options cors = {.size = sizeof cors, .origins = any_origin};
    const yodel_sio_handlers both = {.size = sizeof both, .on_connection = on_connection};
    int rc = app_new_sio(app, (yodel_sio_options){.ping_interval_ms = patient ? 25000 : 300,
                                                  .ping_timeout_ms = patient ? 30000 : 200,
                                                  .max_payload = 1000000,
                                                  .connect_timeout_ms = 1000,
                                                  .cors = &cors});
    yodel_sio_namespace *main, *custom;

    if (rc < 0)
        return rc;
    main = app_of(app->sio, "/");
    if ((rc = app_on(main, handlers, app)) < 0 ||
        (rc = yodel_sio_namespace_handle(main, &both, app)) < 0)
        return rc;
    custom = app_of(app->sio, "/custom");
    return custom != NULL ? yodel_sio_namespace_handle(custom, &both, app) : -1;
}

const struct app_kind app_sio_ref = {
    .name = "sio-ref", .help = "Socket.IO conformance: / and /custom", .start = start};
