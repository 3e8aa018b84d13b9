/* SPDX-License-Identifier: MIT */
/*
 * Rooms, as the notes have them:
 *
 *     @socketio.on('join', namespace='/chat')                      on_join()
 *         join_room(room)                                          yodel_sio_socket_join()
 *         emit('room_message', f'...{room}', room=room)            yodel_sio_to_room()
 *     leave_room(room)                                             yodel_sio_socket_leave()
 *     adapter.on("create-room", ...) of socket.io                  on_room()
 *
 *     const socket = io("http://localhost:8000/chat")
 *     socket.emit("join", {room: "blue"})
 *     socket.emit("say", {room: "blue", text: "hello"})
 *
 * A socket's own id is a room too, so names that clients choose get a prefix: else one of them
 * could join another's, and hear what is meant for it.
 *
 * Usage: socketio_rooms [address]
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

enum { NAME_SIZE = 64 };

/* Reads {"room": ...} and makes its name.  Returns 0, or YODEL_ERR_NAME for one that is too long.
 */
static int get_room(yodel_sio_event *event, char name[NAME_SIZE])
{
    const char *room;
    int rc = yodel_sio_event_unpack(event, "{s:s}", "room", &room);

    if (rc < 0)
        return rc;
    return snprintf(name, NAME_SIZE, "room:%s", room) < NAME_SIZE ? 0 : YODEL_ERR_NAME;
}

static void tell(yodel_sio_socket *socket, const char *name, const char *what)
{
    yodel_sio_namespace *chat = yodel_sio_socket_namespace(socket);

    (void)yodel_sio_emit(yodel_sio_to_room(chat, name), "room_message", "s", what);
}

static void on_join(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    char name[NAME_SIZE];

    (void)user;
    if (get_room(event, name) == 0 && yodel_sio_socket_join(socket, name) == 0)
        tell(socket, name, "someone came");
}

static void on_leave(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    char name[NAME_SIZE];

    (void)user;
    if (get_room(event, name) < 0)
        return;
    yodel_sio_socket_leave(socket, name);
    tell(socket, name, "someone left");
}

static void on_say(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    char name[NAME_SIZE];
    const char *text;

    (void)user;
    if (get_room(event, name) == 0 && yodel_sio_event_unpack(event, "{s:s}", "text", &text) == 0)
        tell(socket, name, text);
}

/* What a room shows could be fetched from when its first member comes until its last one leaves. */
static void on_room(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    (void)ns;
    (void)user;
    if (event->room.len < 5 || memcmp(event->room.ptr, "room:", 5) != 0)
        return; /* of an id */
    if (event->change == YODEL_SIO_ROOM_CREATED)
        fprintf(stderr, "%" YODEL_PRI " begins\n", YODEL_ARG(event->room));
    else if (event->change == YODEL_SIO_ROOM_DELETED)
        fprintf(stderr, "%" YODEL_PRI " ends\n", YODEL_ARG(event->room));
}

static int add_rooms(yodel_sio *sio)
{
    yodel_sio_namespace *chat;
    int rc = yodel_sio_of(sio, "/chat", &chat);

    if (rc < 0)
        return rc;
    rc = yodel_sio_namespace_on(chat, "join", on_join, NULL);
    if (rc >= 0)
        rc = yodel_sio_namespace_on(chat, "leave", on_leave, NULL);
    if (rc >= 0)
        rc = yodel_sio_namespace_on(chat, "say", on_say, NULL);
    if (rc >= 0)
        rc = yodel_sio_namespace_on_room(chat, on_room, NULL, NULL);
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
        rc = add_rooms(sio);
    if (rc >= 0)
        rc = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address));
    if (rc >= 0) {
        fprintf(stderr, "socketio_rooms: listening on port %d\n", rc);
        rc = yodel_server_run(server);
    }
    if (rc < 0)
        fprintf(stderr, "socketio_rooms: %s\n", yodel_strerror(rc));
    yodel_sio_unref(sio);
    yodel_server_unref(server);
    return rc < 0;
}
