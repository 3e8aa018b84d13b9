/* SPDX-License-Identifier: MIT */
/* A login: the middleware of the namespace "/members". */
#include "demo.h"

#include <string.h>

enum { MAX_NAME = 32 };

/* card: login */
/* Runs ahead of on_connection: who is refused is never in the namespace.  A real one would look for
 * the user in a database: yodel_sio_socket_defer(), and decide when the answer has come. */
static int check_login(yodel_sio_socket *socket, void *user)
{
    const json_t *auth = yodel_sio_socket_auth(socket);
    const char *password = json_string_value(json_object_get(auth, "password"));
    json_t *name = json_object_get(auth, "name");

    (void)user;
    if (password == NULL || json_string_length(name) == 0 || json_string_length(name) > MAX_NAME)
        return yodel_sio_socket_refuse(socket, "incomplete", "{\"code\":\"need_login\"}");
    if (strcmp(password, "yodel") != 0)
        return yodel_sio_socket_refuse(socket, "unauthorized", "{\"code\":\"wrong_password\"}");
    return json_object_set(yodel_sio_socket_json(socket), "name", name);
}

static void tell_members(yodel_sio_socket *socket, const char *event)
{
    json_t *name = json_object_get(yodel_sio_socket_json(socket), "name");

    (void)yodel_sio_emit(yodel_sio_to_all(yodel_sio_socket_namespace(socket)), event, "O", name);
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    (void)user;
    tell_members(socket, "came");
}

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    (void)reason;
    (void)user;
    tell_members(socket, "went");
}

int demo_add_login(struct demo *demo)
{
    yodel_sio_namespace *ns;
    int rc = yodel_sio_of(demo->sio, "/members", &ns);

    if (rc >= 0)
        rc = yodel_sio_namespace_use(ns, check_login, NULL);
    if (rc < 0)
        return rc;
    return yodel_sio_namespace_handle(ns,
                                      YODEL_OPTIONS(yodel_sio_handlers,
                                                    .on_connection = on_connection,
                                                    .on_disconnect = on_disconnect),
                                      NULL);
}
/* card end */
