/* SPDX-License-Identifier: MIT */
/*
 * One room with a Flask-SocketIO application: what a client of either server says, the clients of
 * both hear.  The other side is app.py; run.py starts both, and Redis.
 *
 * Usage: with_flask REDIS_URL DIRECTORY [address]
 */
#include <stdio.h>
#include <yodel/redis.h>
#include <yodel/sio_python.h>
#include <yodel/yodel.h>

static void on_connection(yodel_sio_socket *socket, void *user)
{
    (void)user;
    (void)yodel_sio_socket_join(socket, "lobby");
}

static void on_say(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_sio_namespace *ns = yodel_sio_socket_namespace(socket);
    const char *text;

    (void)user;
    if (yodel_sio_event_unpack(event, "{s:s}", "text", &text) == 0)
        (void)yodel_sio_emit(yodel_sio_to_room(ns, "lobby"), "said", "{s:s, s:s}", "text", text,
                             "server", "Yodel");
}

static int add_lobby(yodel_sio *sio)
{
    yodel_sio_namespace *ns;
    int rc = yodel_sio_of(sio, "/", &ns);

    if (rc >= 0)
        rc = yodel_sio_namespace_handle(
            ns, YODEL_OPTIONS(yodel_sio_handlers, .on_connection = on_connection), NULL);
    return rc >= 0 ? yodel_sio_namespace_on(ns, "say", on_say, NULL) : rc;
}

/* Debian's Flask-SocketIO writes and reads pickles; one of python-socketio 5.15.1 and later has
 * YODEL_SIO_PYTHON_LIST, the default. */
static int join_flask(yodel_sio *sio, yodel_redis *redis)
{
    return yodel_sio_use_python(sio, redis,
                                YODEL_OPTIONS(yodel_sio_python_options, .channel = "flask-socketio",
                                              .data = YODEL_SIO_PYTHON_PICKLE));
}

int main(int argc, char **argv)
{
    const char *address = argc > 3 ? argv[3] : "localhost:8000";
    yodel_server *server = NULL;
    yodel_redis *redis = NULL;
    yodel_sio *sio = NULL;
    int rc;

    if (argc < 3) {
        fprintf(stderr, "usage: with_flask REDIS_URL DIRECTORY [address]\n");
        return 2;
    }
    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &server);
    if (rc >= 0)
        rc = yodel_sio_new(server, NULL, &sio);
    if (rc >= 0)
        rc = add_lobby(sio);
    if (rc >= 0)
        rc = yodel_redis_new(server, YODEL_OPTIONS(yodel_redis_options, .url = argv[1]), &redis);
    if (rc >= 0)
        rc = join_flask(sio, redis);
    if (rc >= 0)
        rc = yodel_server_static(server, "/", argv[2], NULL);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "with_flask: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "with_flask: %s\n", yodel_strerror(rc));
    yodel_redis_unref(redis);
    yodel_sio_unref(sio);
    yodel_server_unref(server);
    return rc < 0;
}
