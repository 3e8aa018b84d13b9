/* SPDX-License-Identifier: MIT */
/*
 * The Flask-SocketIO application of the notes: an echo that everybody hears on "/", and the
 * namespace "/chat" with a welcome, messages to all and rooms.
 *
 * As with Flask, an acknowledgement is empty when all went well; here it has an {"error": ...} when
 * something did not.  What the server says is Russian, as in the notes; a page in another language
 * goes by the code that comes with it.
 */
#include "demo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef YODEL_DEMO_CLIENT
#define YODEL_DEMO_CLIENT "demo/node_modules/socket.io-client/dist"
#endif

enum { RECOVERY_MS = 120000, ROOM_SIZE = 246 };

struct text {
    const char *ptr;
    size_t len;
};

static void refuse(yodel_sio_event *event, const char *code, const char *why)
{
    (void)yodel_sio_event_answer(event, "{s:s,s:s}", "error", why, "code", code);
}

/* What a handler answers when its last call gave rc. */
static void answer(yodel_sio_event *event, int rc)
{
    if (rc < 0)
        refuse(event, "failed", yodel_strerror(rc));
    else
        (void)yodel_sio_event_answer(event, "");
}

/* card: sio_echo */
/* send(f"Server echoes: {msg}", broadcast=True); what is not a string is shown as JSON. */
static void on_message(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_sio_namespace *ns = yodel_sio_socket_namespace(socket);
    yodel_str json = yodel_sio_event_arg(event, 0);
    struct text text;

    (void)user;
    if (json.len == 0) {
        refuse(event, "need_message", "a message is expected");
        return;
    }
    if (yodel_sio_event_unpack(event, "s%", &text.ptr, &text.len) < 0)
        text = (struct text){json.ptr, json.len};
    answer(event, yodel_sio_emit(yodel_sio_to_all(ns), "message", "s+%",
                                 "Server echoes: ", text.ptr, text.len));
}
/* card end */

/* card: sio_chat */
/* emit('server_response', {'data': 'Добро пожаловать в чат!'}) */
static void on_chat_connection(yodel_sio_socket *socket, void *user)
{
    struct demo *demo = user;

    atomic_fetch_add(&demo->num_sio_chat, 1);
    (void)yodel_sio_emit(yodel_sio_to(socket), "server_response", "{s:s,s:s}", "data",
                         "Добро пожаловать в чат!", "code", "welcome");
}

static void on_chat_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    struct demo *demo = user;

    (void)socket;
    (void)reason;
    atomic_fetch_sub(&demo->num_sio_chat, 1);
}

/* emit('server_broadcast', {'data': f"Пользователь написал: {data['text']}"}, broadcast=True) */
static void on_user_message(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct text text;

    (void)user;
    if (yodel_sio_event_unpack(event, "{s:s%}", "text", &text.ptr, &text.len) < 0) {
        refuse(event, "need_text", "{text} is expected");
        return;
    }
    answer(event,
           yodel_sio_emit(yodel_sio_to_all(yodel_sio_socket_namespace(socket)), "server_broadcast",
                          "{s:s+%,s:s,s:s%}", "data", "Пользователь написал: ", text.ptr, text.len,
                          "code", "wrote", "text", text.ptr, text.len));
}

/* A socket's own id is a room, in which nobody else may listen: those of the clients have names of
 * their own. */
static int read_room(yodel_sio_event *event, struct text *ret_room, char ret_name[ROOM_SIZE])
{
    struct text room;

    if (yodel_sio_event_unpack(event, "{s:s%}", "room", &room.ptr, &room.len) < 0 ||
        room.len == 0 || memchr(room.ptr, '\0', room.len) != NULL ||
        snprintf(ret_name, ROOM_SIZE, "room:%s", room.ptr) >= ROOM_SIZE) {
        refuse(event, "need_room", "{room} is expected, a name of at most 240 bytes");
        return YODEL_ERR_NAME;
    }
    *ret_room = room;
    return 0;
}

static int tell_room(yodel_sio_socket *socket, const char *name, const char *before,
                     const char *code, struct text room)
{
    return yodel_sio_emit(yodel_sio_to_room(yodel_sio_socket_namespace(socket), name),
                          "room_message", "s+%{s:s,s:s%}", before, room.ptr, room.len, "code", code,
                          "room", room.ptr, room.len);
}

/* join_room(room); emit('room_message', f'Вы в комнате {room}', room=room) */
static void on_join(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    char name[ROOM_SIZE];
    struct text room;
    int rc;

    (void)user;
    if (read_room(event, &room, name) < 0)
        return;
    rc = yodel_sio_socket_join(socket, name);
    answer(event, rc < 0 ? rc : tell_room(socket, name, "Вы в комнате ", "entered", room));
}

static void on_leave(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    char name[ROOM_SIZE];
    struct text room;

    (void)user;
    if (read_room(event, &room, name) < 0)
        return;
    yodel_sio_socket_leave(socket, name);
    answer(event, tell_room(socket, name, "Пользователь вышел из комнаты ", "left", room));
}

static size_t count_characters(struct text text)
{
    size_t num = 0;

    for (size_t i = 0; i < text.len; i++)
        num += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return num;
}

/* One need not be in a room to speak to it.  return 'sent', len(text) */
static void on_room_say(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_sio_namespace *chat = yodel_sio_socket_namespace(socket);
    char name[ROOM_SIZE];
    struct text room, text;
    int rc;

    (void)user;
    if (read_room(event, &room, name) < 0)
        return;
    if (yodel_sio_event_unpack(event, "{s:s%}", "text", &text.ptr, &text.len) < 0) {
        refuse(event, "need_text", "{room, text} is expected");
        return;
    }
    rc = yodel_sio_emit(yodel_sio_to_room(chat, name), "room_message", "s%++%", room.ptr, room.len,
                        ": ", text.ptr, text.len);
    if (rc < 0)
        refuse(event, "failed", yodel_strerror(rc));
    else
        (void)yodel_sio_event_answer(event, "sI", "sent", (json_int_t)count_characters(text));
}

static int add_chat(struct demo *demo)
{
    static const struct {
        const char *event;
        yodel_sio_event_fn *handler;
    } events[] = {{"user_message", on_user_message},
                  {"join", on_join},
                  {"leave", on_leave},
                  {"room_say", on_room_say}};
    int rc;

    if ((rc = yodel_sio_of(demo->sio, "/chat", &demo->sio_chat)) < 0)
        return rc;
    rc = yodel_sio_namespace_handle(demo->sio_chat,
                                    YODEL_OPTIONS(yodel_sio_handlers,
                                                  .on_connection = on_chat_connection,
                                                  .on_disconnect = on_chat_disconnect),
                                    demo);
    for (size_t i = 0; rc >= 0 && i < sizeof events / sizeof events[0]; i++)
        rc = yodel_sio_namespace_on(demo->sio_chat, events[i].event, events[i].handler, demo);
    return rc;
}
/* card end */

/* A build without npm has no client; the page can tell. */
static const char *find_client(const struct demo_options *options)
{
    if (options->client_dir != NULL)
        return options->client_dir;
    if (access(YODEL_DEMO_CLIENT "/socket.io.min.js", R_OK) == 0)
        return YODEL_DEMO_CLIENT;
    fprintf(stderr, "yodel-demo: the Socket.IO client is not installed and will not be served "
                    "(see --client-dir)\n");
    return NULL;
}

int demo_add_sio(struct demo *demo, const struct demo_options *options)
{
    const char *client_dir = find_client(options);
    yodel_sio_namespace *ns;
    int rc;

    rc = yodel_sio_new(
        demo->server,
        YODEL_OPTIONS(yodel_sio_options, .recovery_ms = RECOVERY_MS, .client_dir = client_dir),
        &demo->sio);
    if (rc == -ENOENT && client_dir != NULL)
        fprintf(stderr, "yodel-demo: %s: no Socket.IO client there\n", client_dir);
    if (rc < 0)
        return rc;
    if ((rc = yodel_sio_of(demo->sio, "/", &ns)) < 0)
        return rc;
    if ((rc = yodel_sio_namespace_on(ns, "message", on_message, NULL)) < 0)
        return rc;
    return add_chat(demo);
}
