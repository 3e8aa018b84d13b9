/* SPDX-License-Identifier: MIT */
#include "admin/page_commands.h"

#include <stdlib.h>
#include <string.h>
#include <yodel/ws.h>

#include "admin/far.h"
#include "admin/shown_ws.h"

#define MAX_NAME 255
#define ID_LEN 20 /* of sockets */

/* A command of a page. */
struct call {
    struct yg_admin *admin;
    yodel_sio_socket *page;
    const char *verb;
    const json_t *args;
    yodel_sio_namespace *ns; /* a reference */
};

static void tell(const struct call *call, enum yg_admin_event event, const char *why)
{
    struct yg_admin *admin = call->admin;
    struct yg_text text = {0};
    char *args = json_dumps(call->args, JSON_COMPACT | JSON_ENCODE_ANY);

    yg_admin_count_one(event == YG_ADMIN_COMMAND ? &admin->counts.commands : &admin->counts.denied);
    yg_text_printf(&text, "%s %.200s%s%s", call->verb, args != NULL ? args : "",
                   *why != '\0' ? ": " : "", why);
    admin->options.log(event, yodel_sio_socket_peer(call->page), yg_text_string(&text),
                       admin->options.user);
    yg_text_done(&text);
    free(args);
}

static void deny(const struct call *call, const char *why)
{
    tell(call, YG_ADMIN_DENIED, why);
}

static void note(const struct call *call, int rc)
{
    tell(call, rc < 0 ? YG_ADMIN_DENIED : YG_ADMIN_COMMAND, rc < 0 ? yodel_strerror(rc) : "");
}

/* A name that is one; NULL: there is none, or it cannot be. */
static const char *name_at(const struct call *call, size_t i)
{
    const json_t *value = json_array_get(call->args, i);
    const char *name = json_string_value(value);
    const size_t len = json_string_length(value);

    return name != NULL && len > 0 && len <= MAX_NAME && strlen(name) == len ? name : NULL;
}

/* Opens it: its namespace is there, and it is no WebSocket's. */
static bool begin(struct call *call, yodel_sio_socket *page, yodel_sio_event *event,
                  const char *verb, void *user)
{
    const char *name;

    *call = (struct call){.admin = user, .page = page, .verb = verb};
    call->args = yodel_sio_event_json(event);
    name = name_at(call, 0);
    if (name != NULL)
        call->ns = yodel_sio_find_namespace(call->admin->options.sio, name);
    if (call->ns == NULL)
        deny(call, "there is no such namespace");
    return call->ns != NULL;
}

static void end(struct call *call)
{
    yodel_sio_namespace_unref(call->ns);
}

/* ---- join, leave, emit ---- */

static void on_join(yodel_sio_socket *page, yodel_sio_event *event, void *user)
{
    const char *room, *whom;
    struct call call;

    if (!begin(&call, page, event, "join", user))
        return;
    room = name_at(&call, 1);
    whom = name_at(&call, 2);
    if (room == NULL || whom == NULL)
        deny(&call, "it needs a room, and whom it means");
    else
        note(&call, yodel_sio_target_join(yodel_sio_to_room(call.ns, whom), YODEL_ROOMS(room)));
    end(&call);
}

/* A room that seems to be of a socket's id, in which nobody else is: emits and commands would not
 * reach the socket any more. */
static bool is_own_room(const struct call *call, const char *room)
{
    return strlen(room) == ID_LEN && yodel_sio_namespace_room_count(call->ns, room) == 0;
}

static void on_leave(yodel_sio_socket *page, yodel_sio_event *event, void *user)
{
    const char *room, *whom;
    struct call call;

    if (!begin(&call, page, event, "leave", user))
        return;
    room = name_at(&call, 1);
    whom = json_array_size(call.args) > 2 ? name_at(&call, 2) : room;
    if (room == NULL || whom == NULL)
        deny(&call, "it needs a room");
    else if (strcmp(room, whom) == 0 && is_own_room(&call, room))
        deny(&call, "a socket stays in the room of its id");
    else
        note(&call, yodel_sio_target_leave(yodel_sio_to_room(call.ns, whom), YODEL_ROOMS(room)));
    end(&call);
}

/* The arguments from the fourth on, as text. */
static char *rest_of(const struct call *call)
{
    json_t *rest = json_array();
    char *text = NULL;

    for (size_t i = 3; rest != NULL && i < json_array_size(call->args); i++) {
        if (json_array_append(rest, json_array_get(call->args, i)) != 0)
            goto done;
    }
    if (rest != NULL)
        text = json_dumps(rest, JSON_COMPACT);
done:
    json_decref(rest);
    return text;
}

static void emit(const struct call *call, const char *whom, const char *name)
{
    char *text = rest_of(call);
    const yodel_sio_args args = {.size = sizeof(args), .json = yodel_str_of(text)};

    if (text == NULL)
        deny(call, "out of memory");
    else
        note(call, yodel_sio_emit_args(yodel_sio_to_room(call->ns, whom), name, &args));
    free(text);
}

static void on_emit(yodel_sio_socket *page, yodel_sio_event *event, void *user)
{
    const char *whom, *name;
    struct call call;

    if (!begin(&call, page, event, "emit", user))
        return;
    whom = name_at(&call, 1);
    name = name_at(&call, 2);
    if (whom == NULL || name == NULL)
        deny(&call, "it needs whom it means, and an event");
    else if (yodel_sio_event_num_attachments(event) > 0)
        deny(&call, "binary is not taken");
    else
        emit(&call, whom, name);
    end(&call);
}

/* ---- disconnect ---- */

static int close_ws(struct yg_admin *admin, const char *id)
{
    yg_far_close_ws(admin->far, id);
    return yg_shown_ws_close(admin, id);
}

static void disconnect_ws(const struct call *call)
{
    const char *id = name_at(call, 2);

    if (id == NULL)
        deny(call, "it needs whom it means");
    else
        note(call, close_ws(call->admin, id));
}

static void on_disconnect(yodel_sio_socket *page, yodel_sio_event *event, void *user)
{
    struct call call = {user, page, "_disconnect", yodel_sio_event_json(event), NULL};
    const char *whom = name_at(&call, 0);

    if (whom != NULL && strncmp(whom, YG_WS_NAMESPACE, strlen(YG_WS_NAMESPACE)) == 0) {
        disconnect_ws(&call);
        return;
    }
    if (!begin(&call, page, event, "_disconnect", user))
        return;
    whom = name_at(&call, 2);
    if (whom == NULL)
        deny(&call, "it needs whom it means");
    else
        note(&call, yodel_sio_target_disconnect(yodel_sio_to_room(call.ns, whom),
                                                json_is_true(json_array_get(call.args, 1))));
    end(&call);
}

int yg_page_commands_set_up(struct yg_admin *admin)
{
    int rc = yodel_sio_namespace_on(admin->ns, "join", on_join, admin);

    if (rc == 0)
        rc = yodel_sio_namespace_on(admin->ns, "leave", on_leave, admin);
    if (rc == 0)
        rc = yodel_sio_namespace_on(admin->ns, "emit", on_emit, admin);
    if (rc == 0)
        rc = yodel_sio_namespace_on(admin->ns, "_disconnect", on_disconnect, admin);
    return rc;
}
