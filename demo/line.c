/* SPDX-License-Identifier: MIT */
/* A line that is cut: the namespace "/line", whose clients are in one room for each page. */
#include "demo.h"

#include <stdio.h>
#include <string.h>

enum { ROOM_SIZE = 64 };

/* card: line */
static const char *room_of(yodel_sio_socket *socket)
{
    return json_string_value(json_object_get(yodel_sio_socket_json(socket), "room"));
}

/* A client that comes back within recovery_ms has its id, rooms and JSON again, and what was said
 * meanwhile is on its way before it hears "ready". */
static void on_connection(yodel_sio_socket *socket, void *user)
{
    json_t *room = json_object_get(yodel_sio_socket_auth(socket), "room");
    const int recovered = yodel_sio_socket_recovered(socket);

    (void)user;
    if (!recovered && json_string_length(room) > 0 && json_string_length(room) < ROOM_SIZE &&
        yodel_sio_socket_join(socket, json_string_value(room)) == 0)
        (void)json_object_set(yodel_sio_socket_json(socket), "room", room);
    (void)yodel_sio_emit(yodel_sio_to(socket), "ready", "{s:b}", "recovered", recovered);
}

static void on_say(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_sio_namespace *ns = yodel_sio_socket_namespace(socket);
    const char *room = room_of(socket);
    const char *text;
    size_t len;

    (void)user;
    if (room == NULL || yodel_sio_event_unpack(event, "s%", &text, &len) < 0)
        return;
    if (yodel_sio_emit(yodel_sio_to_room(ns, room), "said", "s%", text, len) == 0)
        (void)yodel_sio_event_answer(event, "");
}
/* card end */

int demo_add_line(struct demo *demo)
{
    yodel_sio_namespace *ns;
    int rc = yodel_sio_of(demo->sio, "/line", &ns);

    if (rc >= 0)
        rc = yodel_sio_namespace_on(ns, "say", on_say, NULL);
    if (rc < 0)
        return rc;
    return yodel_sio_namespace_handle(
        ns, YODEL_OPTIONS(yodel_sio_handlers, .on_connection = on_connection), NULL);
}
