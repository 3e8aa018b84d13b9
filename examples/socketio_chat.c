/* SPDX-License-Identifier: MIT */
/*
 * The namespace of the notes: a welcome, messages to all, and a notification that no client asked
 * for.
 *
 *     @socketio.on('connect', namespace='/chat')                   on_connection()
 *         emit('server_response', {'data': ...})                   yodel_sio_to(socket)
 *     @socketio.on('user_message', namespace='/chat')              on_user_message()
 *         emit('server_broadcast', ..., broadcast=True)            yodel_sio_to_all(chat)
 *     socketio.emit('notification', {...}, namespace='/chat')      notify(), an HTTP handler
 *
 *     io("http://localhost:8000/chat").emit("user_message", {text: "hello"})
 *     curl -d '{"data": "lunch is ready"}' http://localhost:8000/notify
 *
 * Usage: socketio_chat [address]
 */
#include <errno.h>
#include <stdio.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

/* The client has been told that it is connected: this comes after it. */
static void on_connection(yodel_sio_socket *socket, void *user)
{
    (void)user;
    (void)yodel_sio_emit(yodel_sio_to(socket), "server_response", "{s:s}", "data",
                         "Welcome to the chat!");
}

static void on_user_message(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_sio_namespace *chat = yodel_sio_socket_namespace(socket);
    const char *text;

    (void)user;
    if (yodel_sio_event_unpack(event, "{s:s}", "text", &text) < 0)
        return;
    (void)yodel_sio_emit(yodel_sio_to_all(chat), "server_broadcast", "{s:s+}", "data",
                         "A user wrote: ", text);
}

/* The namespace is all it takes: this may be any thread. */
static void notify(yodel_request *req, void *user)
{
    yodel_sio_namespace *chat = user;
    const char *text;

    if (yodel_request_unpack(req, "{s:s}", "data", &text) < 0) {
        (void)yodel_request_reply_text(req, 400, NULL, YODEL_STR("send {\"data\": \"...\"}\n"));
        return;
    }
    if (yodel_sio_emit(yodel_sio_to_all(chat), "notification", "{s:s}", "data", text) == 0)
        (void)yodel_request_reply_text(req, 202, NULL, YODEL_STR("sent\n"));
}

static int add_chat(yodel_server *server, yodel_sio *sio)
{
    yodel_sio_namespace *chat;
    int rc = yodel_sio_of(sio, "/chat", &chat);

    if (rc < 0)
        return rc;
    rc = yodel_sio_namespace_handle(
        chat, YODEL_OPTIONS(yodel_sio_handlers, .on_connection = on_connection), NULL);
    if (rc >= 0)
        rc = yodel_sio_namespace_on(chat, "user_message", on_user_message, NULL);
    if (rc >= 0)
        rc = yodel_server_route(server, "POST /notify", notify, chat);
    return rc;
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
        rc = add_chat(server, sio);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "socketio_chat: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "socketio_chat: %s\n", yodel_strerror(rc));
    yodel_sio_unref(sio);
    yodel_server_unref(server);
    return rc < 0;
}
