/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/session.h"

/*
 * What clients may do by themselves: join and leave rooms that their token grants, and have events
 * passed on that the configuration relays.  Everything else is refused, and the client that asks
 * for an acknowledgement is told.
 */

static const char *const outcomes[YG_NUM_CLIENT_OUTCOMES] = {"done", "refused", "failed"};
static const char *const kinds[YG_NUM_CLIENT_KINDS] = {"join", "leave", "relay", "other"};

void yg_client_count(struct yg_state *state, enum yg_client_kind kind,
                     enum yg_client_outcome outcome)
{
    atomic_fetch_add_explicit(&state->client_counts[kind][outcome], 1, memory_order_relaxed);
}

void yg_client_verbs_put(struct yg_state *state, struct yg_text *text)
{
    static const char name[] = "yodel_client_events_total";
    char labels[60];

    yg_metric_head(text, name, "counter", "Events of clients, by what was done.");
    for (int i = 0; i < YG_NUM_CLIENT_KINDS; i++) {
        for (int j = 0; j < YG_NUM_CLIENT_OUTCOMES; j++) {
            snprintf(labels, sizeof(labels), "kind=\"%s\",outcome=\"%s\"", kinds[i], outcomes[j]);
            yg_metric_sample(
                text, name, labels,
                atomic_load_explicit(&state->client_counts[i][j], memory_order_relaxed));
        }
    }
}

static void done(struct yg_state *state, enum yg_client_kind kind, yodel_sio_event *event)
{
    yg_client_count(state, kind, YG_CLIENT_DONE);
    (void)yodel_sio_event_answer(event, "{s:b}", "ok", 1);
}

static void refuse(struct yg_state *state, enum yg_client_kind kind, yodel_sio_event *event,
                   const char *code)
{
    yg_client_count(state, kind, YG_CLIENT_REFUSED);
    (void)yodel_sio_event_answer(event, "{s:{s:s}}", "error", "code", code);
}

static void fail(struct yg_state *state, enum yg_client_kind kind, yodel_sio_event *event,
                 int result)
{
    yg_client_count(state, kind, YG_CLIENT_FAILED);
    (void)yodel_sio_event_answer(event, "{s:{s:s}}", "error", "code",
                                 result == YODEL_ERR_TOO_BIG ? "too_many_rooms" : "unavailable");
}

/* ---- rooms ---- */

/* The one argument, a room's name; NULL: it is none. */
static const char *room_of(yodel_sio_event *event, size_t max)
{
    const json_t *value = json_array_get(yodel_sio_event_json(event), 0);
    const char *name = json_string_value(value);

    return name != NULL && *name != '\0' && json_string_length(value) <= max &&
                   strlen(name) == json_string_length(value)
               ? name
               : NULL;
}

/* Every socket is in the room of its id: no client joins another's. */
static bool may_join(yodel_sio_socket *socket, const char *room)
{
    const struct yg_grants *grants = yg_session_grants(socket);
    const size_t len = strlen(room);
    const bool is_socket =
        yg_is_socket_id(room, len) &&
        yodel_sio_namespace_find_socket(yodel_sio_socket_namespace(socket), room) != NULL;

    return grants != NULL && yg_grants_join(grants, room, len, is_socket);
}

static const char *asked_room(struct yg_state *state, yodel_sio_socket *socket,
                              yodel_sio_event *event, enum yg_client_kind kind)
{
    const struct yg_config *config = yg_state_loop_config(state, yodel_sio_socket_loop(socket));
    const char *room = room_of(event, config->limits.name_bytes);

    if (room == NULL)
        refuse(state, kind, event, "invalid");
    else if (!may_join(socket, room))
        refuse(state, kind, event, "forbidden");
    else
        return room;
    return NULL;
}

static void on_join(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const char *room = asked_room(user, socket, event, YG_CLIENT_JOIN);
    int rc;

    if (room == NULL)
        return;
    rc = yodel_sio_socket_join(socket, room);
    if (rc < 0)
        fail(user, YG_CLIENT_JOIN, event, rc);
    else
        done(user, YG_CLIENT_JOIN, event);
}

static void on_leave(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const char *room = asked_room(user, socket, event, YG_CLIENT_LEAVE);

    if (room == NULL)
        return;
    yodel_sio_socket_leave(socket, room);
    done(user, YG_CLIENT_LEAVE, event);
}

/* ---- events that are passed on ---- */

/* The rooms of a socket but that of its id, as strings. */
struct rooms {
    struct yg_arena arena;
    yodel_str id;
    const char **items; /* with a NULL behind them */
    size_t num, max;
    bool failed;
};

static void add_room(yodel_str name, void *user)
{
    struct rooms *rooms = user;
    char *copy = NULL;

    if (rooms->failed || yodel_str_eq(name, rooms->id))
        return;
    if (rooms->num < rooms->max)
        copy = yg_arena_copy(&rooms->arena, name.ptr, name.len);
    rooms->failed = copy == NULL;
    if (copy != NULL)
        rooms->items[rooms->num++] = copy;
}

/* Everybody in the sender's rooms; nobody if it is in none. */
static int relay_to_rooms(const struct yg_config *config, yodel_sio_socket *socket,
                          const char *name, const yodel_sio_event *event)
{
    struct rooms rooms = {.id = yodel_sio_socket_id(socket),
                          .max = config->limits.rooms_per_socket + 1};
    int rc = 0;

    rooms.items = yg_arena_take_array(&rooms.arena, rooms.max + 1, sizeof(*rooms.items));
    if (rooms.items == NULL)
        return -ENOMEM;
    yodel_sio_socket_each_room(socket, add_room, &rooms);
    if (rooms.failed)
        rc = -ENOMEM;
    else if (rooms.num > 0)
        rc = yodel_sio_emit_event(
            yodel_sio_target_but(
                yodel_sio_to_rooms(yodel_sio_socket_namespace(socket), rooms.items), socket),
            name, event);
    yg_arena_clear(&rooms.arena);
    return rc;
}

static const struct yg_relay *find_relay(const struct yg_namespace *ns, yodel_str name)
{
    for (size_t i = 0; i < ns->relay.num; i++) {
        if (yodel_str_eq(name, yodel_str_of(ns->relay.items[i].event)))
            return &ns->relay.items[i];
    }
    return NULL;
}

/* The configuration grants it to who is anonymous; who has shown a token needs its grant, too. */
static bool may_emit(yodel_sio_socket *socket, yodel_str name)
{
    const struct yg_grants *grants = yg_session_grants(socket);

    return grants == NULL || yg_grants_emit(grants, name.ptr, name.len);
}

bool yg_client_relay(struct yg_state *state, yodel_sio_socket *socket, yodel_sio_event *event)
{
    const struct yg_config *config = yg_state_loop_config(state, yodel_sio_socket_loop(socket));
    const struct yg_namespace *ns =
        yg_namespace_find(config, yodel_sio_namespace_name(yodel_sio_socket_namespace(socket)));
    const yodel_str name = yodel_sio_event_name(event);
    const struct yg_relay *relay = ns != NULL ? find_relay(ns, name) : NULL;
    int rc;

    if (relay == NULL)
        return false;
    if (!may_emit(socket, name)) {
        refuse(state, YG_CLIENT_RELAY, event, "forbidden");
        return true;
    }
    rc = relay->to == YG_RELAY_ROOMS
             ? relay_to_rooms(config, socket, relay->event, event)
             : yodel_sio_emit_event(yodel_sio_to_others(socket), relay->event, event);
    if (rc < 0)
        fail(state, YG_CLIENT_RELAY, event, rc);
    else
        done(state, YG_CLIENT_RELAY, event);
    return true;
}

void yg_client_refuse(struct yg_state *state, yodel_sio_event *event)
{
    refuse(state, YG_CLIENT_OTHER, event, "forbidden");
}

int yg_client_verbs_set_up(struct yg_state *state, yodel_sio_namespace *ns)
{
    int rc = yodel_sio_namespace_on(ns, "yodel:join", on_join, state);

    if (rc == 0)
        rc = yodel_sio_namespace_on(ns, "yodel:leave", on_leave, state);
    if (rc == 0)
        rc = yodel_sio_namespace_on(ns, YG_REFRESH_EVENT, yg_session_refresh, state);
    return rc;
}
