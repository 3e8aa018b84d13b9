/* SPDX-License-Identifier: MIT */
/*
 * Acknowledgements both ways.  The notes do without; in Flask-SocketIO they would be
 *
 *     @socketio.on('add')                                          on_add()
 *     def handle_add(a, b): return a + b                           yodel_sio_event_answer()
 *
 *     emit('name?', callback=got_name)                             yodel_sio_emit_ack()
 *     def got_name(name): ...                                      got_name()
 *
 *     const socket = io("http://localhost:8000")
 *     socket.emit("add", 2, 3, (sum) => console.log(sum))
 *     socket.on("name?", (callback) => callback("Ada"))
 *
 * Usage: socketio_ack [address]
 */
#include <errno.h>
#include <stdio.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

/* The client may not have asked for an answer: then none is sent, and that is no error. */
static void on_add(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    double a, b;

    (void)socket;
    (void)user;
    if (yodel_sio_event_unpack(event, "FF", &a, &b) == 0)
        (void)yodel_sio_event_answer(event, "f", a + b);
    else
        (void)yodel_sio_event_answer(event, "{s:s}", "error", "send two numbers");
}

/* Called exactly once: with the answer, or with why there is none. */
static void got_name(const yodel_sio_answers *answers, void *user)
{
    const char *name;

    (void)user;
    if (answers->result == 0 && yodel_sio_answers_unpack(answers, "s", &name) == 0)
        printf("a client is called %s\n", name);
    else
        printf("a client did not tell its name: %s\n", yodel_strerror(answers->result));
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    yodel_sio_target target = yodel_sio_target_timeout(yodel_sio_to(socket), 5000);

    (void)user;
    (void)yodel_sio_emit_ack(target, "name?", NULL, got_name, NULL);
}

static int add_events(yodel_sio *sio)
{
    yodel_sio_namespace *ns;
    int rc = yodel_sio_of(sio, "/", &ns);

    if (rc < 0)
        return rc;
    rc = yodel_sio_namespace_handle(
        ns, YODEL_OPTIONS(yodel_sio_handlers, .on_connection = on_connection), NULL);
    return rc < 0 ? rc : yodel_sio_namespace_on(ns, "add", on_add, NULL);
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
        rc = add_events(sio);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "socketio_ack: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "socketio_ack: %s\n", yodel_strerror(rc));
    yodel_sio_unref(sio);
    yodel_server_unref(server);
    return rc < 0;
}
