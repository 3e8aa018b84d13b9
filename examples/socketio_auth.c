/* SPDX-License-Identifier: MIT */
/*
 * Who may connect, and who may do what.  The notes let everyone in; in Flask-SocketIO it would be
 *
 *     @socketio.on('connect')
 *     def handle_connect(auth):                                    check_token(), a middleware
 *         if auth['token'] not in users:
 *             raise ConnectionRefusedError('unauthorized', {...})  yodel_sio_socket_refuse()
 *         session['user'] = users[auth['token']]                   yodel_sio_socket_json()
 *
 *     const socket = io("http://localhost:8000", {auth: {token: "sesame"}})
 *     socket.on("connect_error", (error) => console.log(error.message, error.data))
 *
 * A middleware may also take yodel_sio_socket_defer() and decide from another thread, when a
 * database has answered.
 *
 * Usage: socketio_auth [address]
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

static const char *user_of(const char *token)
{
    if (token != NULL && strcmp(token, "sesame") == 0)
        return "ali";
    return token != NULL && strcmp(token, "root") == 0 ? "admin" : NULL;
}

/* Ahead of on_connection; the socket hears no broadcast before it is accepted. */
static int check_token(yodel_sio_socket *socket, void *user)
{
    const char *token = json_string_value(json_object_get(yodel_sio_socket_auth(socket), "token"));
    const char *name = user_of(token);

    (void)user;
    if (name == NULL)
        return yodel_sio_socket_refuse(socket, "unauthorized", "{\"hint\":\"ask for a token\"}");
    return json_object_set_new(yodel_sio_socket_json(socket), "user", json_string(name));
}

static const char *name_of(yodel_sio_socket *socket)
{
    const char *name = json_string_value(json_object_get(yodel_sio_socket_json(socket), "user"));

    return name != NULL ? name : "";
}

/* Ahead of every handler of an event. */
static int check_rights(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    if (yodel_str_eq(yodel_sio_event_name(event), YODEL_STR("announce")) &&
        strcmp(name_of(socket), "admin") != 0)
        return yodel_sio_event_refuse(event, "only the admin may announce");
    return 0;
}

static void on_error(yodel_sio_socket *socket, const char *message, void *user)
{
    (void)user;
    (void)yodel_sio_emit(yodel_sio_to(socket), "refused", "s", message);
}

static void on_announce(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const yodel_sio_args args = {.size = sizeof args, .json = yodel_sio_event_args(event)};

    (void)user;
    (void)yodel_sio_emit_args(yodel_sio_to_all(yodel_sio_socket_namespace(socket)), "announcement",
                              &args);
}

static int add_rules(yodel_sio *sio)
{
    yodel_sio_namespace *ns;
    int rc = yodel_sio_of(sio, "/", &ns);

    if (rc < 0)
        return rc;
    if ((rc = yodel_sio_namespace_use(ns, check_token, NULL)) < 0 ||
        (rc = yodel_sio_namespace_use_event(ns, check_rights, NULL)) < 0 ||
        (rc = yodel_sio_namespace_on(ns, "announce", on_announce, NULL)) < 0)
        return rc;
    return yodel_sio_namespace_handle(ns, YODEL_OPTIONS(yodel_sio_handlers, .on_error = on_error),
                                      NULL);
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "localhost:8000";
    yodel_server *server = NULL;
    yodel_sio *sio = NULL;
    int rc;

    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &server);
    if (rc >= 0)
        rc = yodel_sio_new(server, NULL, &sio);
    if (rc >= 0)
        rc = add_rules(sio);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "socketio_auth: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "socketio_auth: %s\n", yodel_strerror(rc));
    yodel_sio_unref(sio);
    yodel_server_unref(server);
    return rc < 0;
}
