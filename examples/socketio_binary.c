/* SPDX-License-Identifier: MIT */
/*
 * Binary arguments.  The notes do without; in Flask-SocketIO bytes are an argument like others:
 *
 *     @socketio.on('picture')                                      on_picture()
 *     def handle_picture(name, data):
 *         emit('picture', (name, data), broadcast=True,
 *              include_self=False)                                 yodel_sio_to_others()
 *         return data[:8]                                          yodel_sio_event_answer_args()
 *
 *     socket.emit("picture", "cat.png", bytes, (head) => ...)      // an ArrayBuffer, a Blob
 *     socket.on("picture", (name, bytes) => ...)
 *
 * The JSON of an event has a placeholder where binary stands; the bytes come beside it.
 *
 * Usage: socketio_binary [address]
 */
#include <errno.h>
#include <stdio.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

enum { HEAD_LEN = 8 };

/* What came is passed on as it came: nothing is parsed, the bytes are not looked at. */
static void pass_on(yodel_sio_socket *socket, yodel_sio_event *event)
{
    (void)yodel_sio_emit_event(yodel_sio_to_others(socket), "picture", event);
}

static void answer_head(yodel_sio_event *event, yodel_bytes data)
{
    const yodel_bytes head = {data.ptr, data.len < HEAD_LEN ? data.len : HEAD_LEN};

    (void)yodel_sio_event_answer(event, "y", head);
}

static void on_picture(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const char *name;
    yodel_bytes data;

    (void)user;
    if (yodel_sio_event_unpack(event, "sy", &name, &data) < 0) {
        (void)yodel_sio_event_answer(event, "{s:s}", "error", "send a name and a picture");
        return;
    }
    pass_on(socket, event);
    answer_head(event, yodel_sio_event_attachment(event, 0));
}

static int add_pictures(yodel_sio *sio)
{
    yodel_sio_namespace *ns;
    int rc = yodel_sio_of(sio, "/", &ns);

    return rc < 0 ? rc : yodel_sio_namespace_on(ns, "picture", on_picture, NULL);
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
        rc = add_pictures(sio);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "socketio_binary: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "socketio_binary: %s\n", yodel_strerror(rc));
    yodel_sio_unref(sio);
    yodel_server_unref(server);
    return rc < 0;
}
