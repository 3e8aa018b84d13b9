/* SPDX-License-Identifier: MIT */
/*
 * The first Flask-SocketIO example of the notes: what one client sends, all hear.
 *
 *     socketio = SocketIO(app)                               yodel_sio_new()
 *     @app.route('/') return render_template('index.html')   yodel_server_static()
 *     @socketio.on('message')                                yodel_sio_namespace_on(ns, "message",
 * ...) def handle_message(msg):                               on_message() send(f"Server echoes:
 * {msg}", broadcast=True)      yodel_sio_emit(yodel_sio_to_all())
 *
 *     io("http://localhost:8000").emit("message", "hello")
 *
 * Usage: socketio_echo [address [directory of index.html]]
 */
#include <errno.h>
#include <stdio.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

static void on_message(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_sio_namespace *ns = yodel_sio_socket_namespace(socket);
    const char *text;

    (void)user;
    if (yodel_sio_event_unpack(event, "s", &text) < 0)
        return; /* not a string: nobody hears of it */
    (void)yodel_sio_emit(yodel_sio_to_all(ns), "message", "s+", "Server echoes: ", text);
}

/* Pages of other sites may connect too, as one opened from a file does. */
static int add_sio(yodel_server *server, yodel_sio **ret_sio)
{
    static const char *const origins[] = {"*", NULL};
    yodel_sio_namespace *ns;
    int rc;

    rc = yodel_sio_new(server,
                       YODEL_OPTIONS(yodel_sio_options,
                                     .cors = YODEL_OPTIONS(yodel_cors_options, .origins = origins)),
                       ret_sio);
    if (rc >= 0)
        rc = yodel_sio_of(*ret_sio, "/", &ns);
    return rc < 0 ? rc : yodel_sio_namespace_on(ns, "message", on_message, NULL);
}

int main(int argc, char **argv)
{
    const char *address = argc > 1 ? argv[1] : "localhost:8000";
    yodel_server *server = NULL;
    yodel_sio *sio = NULL;
    int rc;

    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1), &server);
    if (rc >= 0)
        rc = add_sio(server, &sio);
    if (rc >= 0 && argc > 2)
        rc = yodel_server_static(server, "/", argv[2], NULL);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "socketio_echo: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "socketio_echo: %s\n", yodel_strerror(rc));
    yodel_sio_unref(sio);
    yodel_server_unref(server);
    return rc < 0;
}
