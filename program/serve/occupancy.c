/* SPDX-License-Identifier: MIT */
#include "serve/occupancy.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "config/load.h"
#include "hook/members.h"
#include "lease/notices.h"
#include "serve/hooked.h"
#include "serve/hooks.h"
#include "serve/occupants.h"
#include "serve/state.h"
#include "token/grants.h"

/* All of it is of loop 0, where rooms are told of.  With Redis all nodes tell of rooms together
 * (serve/occupants.h); what follows is of a node alone. */

struct yg_occupancy {
    struct yg_state *state;
    yodel_loop *loop;               /* NULL: it has ended */
    void *places;                   /* a tree of struct place, for tsearch(3) */
    struct yg_occupants *shared;    /* NULL without Redis */
    const struct yg_config *config; /* with which rooms were looked at */
};

/* A room that somebody is in, or was a moment ago. */
struct place {
    struct yg_occupancy *occupancy;
    struct yg_hook *hook;
    struct yg_lane *lane;
    yodel_timer timer; /* runs while it is empty and not told so */
    bool is_told;      /* that it is occupied */
    bool is_empty;
    unsigned pending; /* events that were not told yet */
    yodel_str ns, room;
    char names[]; /* of both */
};

/* Some order. */
static int compare_names(yodel_str a, yodel_str b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.ptr, b.ptr, a.len);
}

static int compare(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    const int ns = compare_names(a->ns, b->ns);

    return ns != 0 ? ns : compare_names(a->room, b->room);
}

static void free_place(struct place *place)
{
    if (place->lane != NULL)
        yg_lane_leave(place->lane);
    free(place);
}

/* Once nothing is to be told of it. */
static void forget(struct place *place)
{
    if (!place->is_empty || place->is_told || place->pending > 0)
        return;
    (void)tdelete(place, &place->occupancy->places, compare);
    free_place(place);
}

/* ---- telling ---- */

static void on_told(const struct yg_hook_told *told, void *user)
{
    struct place *place = user;
    struct yg_occupancy *occupancy = place->occupancy;

    place->pending--;
    if (told->result != NULL)
        yg_hooked_act(occupancy->state, occupancy->loop, NULL, told->result->actions,
                      told->result->num_actions);
    forget(place);
}

static void tell(struct place *place, enum yg_hook_kind kind, json_int_t count)
{
    struct yg_hook_event *event;
    struct yg_text *text;

    if (!yg_hook_has_kind(place->hook, kind))
        return;
    event = yg_hook_event_new(place->lane, kind, on_told, place);
    if (event == NULL) {
        yg_hook_count_lost(place->hook);
        return;
    }
    text = yg_hook_event_text(event);
    yg_member_put(text, "namespace", place->ns);
    yg_member_put(text, "room", place->room);
    yg_text_printf(text, ",\"count\":%" JSON_INTEGER_FORMAT, count);
    place->pending++;
    if (yg_lane_push(event) < 0)
        place->pending--;
}

static void on_vacated(yodel_timer *timer, void *user)
{
    struct place *place = user;

    (void)timer;
    place->is_told = false;
    tell(place, YG_HOOK_VACATED, 0);
    forget(place);
}

/* ---- rooms ---- */

/* NULL: out of memory. */
static struct place *new_place(struct yg_occupancy *occupancy, struct yg_hook *hook, yodel_str ns,
                               yodel_str room)
{
    struct place *place = calloc(1, sizeof(*place) + ns.len + room.len);

    if (place == NULL)
        return NULL;
    memcpy(place->names, ns.ptr, ns.len);
    memcpy(place->names + ns.len, room.ptr, room.len);
    place->occupancy = occupancy;
    place->hook = hook;
    place->ns = (yodel_str){place->names, ns.len};
    place->room = (yodel_str){place->names + ns.len, room.len};
    place->lane = yg_lane_new(hook, ns, NULL, NULL);
    yodel_timer_init(&place->timer, occupancy->loop, on_vacated, place);
    if (place->lane == NULL || tsearch(place, &occupancy->places, compare) == NULL) {
        free_place(place);
        return NULL;
    }
    yg_lane_set_store(place->lane, yg_notices_lane(place->room.ptr, place->room.len));
    return place;
}

static struct place *find(const struct yg_occupancy *occupancy, yodel_str ns, yodel_str room)
{
    const struct place wanted = {.ns = ns, .room = room};
    void *found = tfind(&wanted, &occupancy->places, compare);

    return found != NULL ? *(struct place **)found : NULL;
}

/* The options of a room that is told of; every socket is in the room of its id, which is not. */
static const struct yg_room *options_of(const struct yg_occupancy *occupancy, yodel_str room)
{
    const struct yg_config *config = yg_state_loop_config(occupancy->state, occupancy->loop);
    const struct yg_room *options =
        yg_is_socket_id(room.ptr, room.len) ? NULL : yg_room_find(config, room);

    return options != NULL && options->occupancy_events ? options : NULL;
}

/* NULL: nothing is told of it. */
static struct place *find_or_make(struct yg_occupancy *occupancy, yodel_str ns_name, yodel_str room)
{
    const struct yg_config *config = yg_state_loop_config(occupancy->state, occupancy->loop);
    const struct yg_namespace *ns = yg_namespace_find(config, ns_name);
    struct place *place = find(occupancy, ns_name, room);
    struct yg_hook *hook;

    if (place != NULL || ns == NULL || options_of(occupancy, room) == NULL)
        return place;
    hook = yg_hooks_find(occupancy->state, occupancy->loop, ns->webhook);
    if (hook != NULL && (place = new_place(occupancy, hook, ns_name, room)) == NULL)
        yg_hook_count_lost(hook);
    return place;
}

static void occupy(struct yg_occupancy *occupancy, yodel_str ns, yodel_str room)
{
    struct place *place = find_or_make(occupancy, ns, room);

    if (place == NULL)
        return;
    place->is_empty = false;
    (void)yodel_timer_stop(&place->timer);
    if (!place->is_told)
        tell(place, YG_HOOK_OCCUPIED, 1);
    place->is_told = true;
}

/* Somebody was in it before it was told of. */
static void know(struct yg_occupancy *occupancy, yodel_str ns, yodel_str room)
{
    struct place *place =
        find(occupancy, ns, room) == NULL ? find_or_make(occupancy, ns, room) : NULL;

    if (place != NULL)
        place->is_told = true;
}

static void vacate(struct yg_occupancy *occupancy, yodel_str ns, yodel_str room)
{
    struct place *place = find(occupancy, ns, room);
    const struct yg_room *options = options_of(occupancy, room);

    if (place == NULL)
        return;
    place->is_empty = true;
    if (yodel_timer_start(&place->timer, options != NULL ? options->vacated_delay_ms : 0) < 0)
        on_vacated(&place->timer, place);
}

static void share(struct yg_occupancy *occupancy, yodel_str ns, const yodel_sio_room_event *event)
{
    if (yg_is_socket_id(event->room.ptr, event->room.len))
        return;
    if (event->change == YODEL_SIO_ROOM_CREATED)
        yg_occupants_enter(occupancy->shared, ns, event->room, options_of(occupancy, event->room));
    else if (event->change == YODEL_SIO_ROOM_DELETED)
        yg_occupants_leave(occupancy->shared, ns, event->room, options_of(occupancy, event->room));
}

static void on_room(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    struct yg_occupancy *occupancy = user;
    const yodel_str name = yodel_sio_namespace_name(ns);

    if (occupancy->loop == NULL)
        return;
    if (occupancy->shared != NULL)
        share(occupancy, name, event);
    else if (event->change == YODEL_SIO_ROOM_CREATED)
        occupy(occupancy, name, event->room);
    else if (event->change == YODEL_SIO_ROOM_DELETED)
        vacate(occupancy, name, event->room);
}

/* ---- a change of the configuration ---- */

static void on_known(yodel_sio_namespace *ns, yodel_str room, void *user)
{
    struct yg_occupancy *occupancy = user;
    const yodel_str name = yodel_sio_namespace_name(ns);
    const struct yg_room *options = options_of(occupancy, room);

    if (options == NULL)
        return;
    if (occupancy->shared != NULL)
        yg_occupants_know(occupancy->shared, name, room, options);
    else
        know(occupancy, name, room);
}

static void on_changed(const char *path, const struct yg_option *option, void *user)
{
    bool *matters = user;

    (void)option;
    *matters = *matters || strncmp(path, "rooms", 5) == 0 || strncmp(path, "namespaces", 10) == 0 ||
               strncmp(path, "webhooks", 8) == 0;
}

/* Looks at all rooms, so only where it may find one. */
void yg_occupancy_change(struct yg_state *state)
{
    struct yg_occupancy *occupancy = state->occupancy;
    const struct yg_config *config, *before;
    bool matters = false;

    if (occupancy == NULL || occupancy->loop == NULL)
        return;
    before = occupancy->config;
    config = yg_state_loop_config(state, occupancy->loop);
    if (before == config)
        return;
    yg_config_compare(before, config, on_changed, &matters);
    occupancy->config = yg_config_ref(config);
    yg_config_unref(before);
    if (matters)
        (void)yodel_sio_each_known_room(state->sio, on_known, occupancy);
}

/* ---- life ---- */

static int on_start(yodel_loop *loop, void *user)
{
    struct yg_occupancy *occupancy = user;

    if (yodel_loop_index(loop) != 0)
        return 0;
    occupancy->loop = loop;
    return occupancy->shared != NULL ? yg_occupants_start(occupancy->shared, loop) : 0;
}

/* The last to leave did so just now: ahead of the end of webhooks, which hand over what is left. */
static void on_end(yodel_loop *loop, void *user)
{
    struct yg_occupancy *occupancy = user;

    if (yodel_loop_index(loop) != 0)
        return;
    if (occupancy->shared != NULL)
        yg_occupants_end(occupancy->shared);
    while (occupancy->places != NULL) {
        struct place *place = *(struct place **)occupancy->places;

        (void)yodel_timer_stop(&place->timer);
        if (place->is_told)
            tell(place, YG_HOOK_VACATED, 0);
        (void)tdelete(place, &occupancy->places, compare);
        place->is_empty = true;
        place->is_told = false;
        if (place->pending == 0)
            free_place(place);
    }
}

static bool has_rooms(const struct yg_config *config)
{
    for (size_t i = 0; i < config->rooms.num; i++)
        if (config->rooms.items[i].occupancy_events)
            return true;
    return false;
}

static bool has_kinds(const struct yg_config *config)
{
    uint32_t kinds = 0;

    for (size_t i = 0; i < config->webhooks.num; i++)
        kinds |= config->webhooks.items[i].kinds;
    return (kinds & YG_KINDS_OF_ROOMS) != 0;
}

bool yg_occupancy_needs_restart(const struct yg_state *state, const struct yg_config *config)
{
    return state->occupancy == NULL && has_rooms(config) && has_kinds(config);
}

int yg_occupancy_start(struct yg_state *state)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_end};

    /* Either may come by a reload; what nobody has counted until then cannot be caught up on. */
    if (!has_rooms(state->first) && !has_kinds(state->first))
        return 0;
    state->occupancy = calloc(1, sizeof(*state->occupancy));
    if (state->occupancy == NULL)
        return -ENOMEM;
    state->occupancy->state = state;
    state->occupancy->config = yg_config_ref(state->first);
    if (state->redis != NULL) {
        state->occupancy->shared = yg_occupants_new(state);
        if (state->occupancy->shared == NULL)
            return -ENOMEM;
    }
    return yodel_server_add_loop_handlers(state->server, &handlers, state->occupancy);
}

int yg_occupancy_watch(struct yg_state *state, yodel_sio_namespace *ns)
{
    if (state->occupancy == NULL)
        return 0;
    return yodel_sio_namespace_on_room(ns, on_room, state->occupancy, NULL);
}

void yg_occupancy_redis_is_back(struct yg_state *state)
{
    if (state->occupancy != NULL)
        yg_occupants_redis_is_back(state->occupancy->shared);
}

void yg_occupancy_send_end(struct yg_state *state, struct yg_after *after, const char *const *ends,
                           size_t num_ends)
{
    if (state->occupancy != NULL)
        yg_occupants_send_end(state->occupancy->shared, after, ends, num_ends);
}

void yg_occupancy_put(struct yg_state *state, struct yg_text *text)
{
    if (state->occupancy != NULL)
        yg_occupants_put(state->occupancy->shared, text);
}

void yg_occupancy_free(struct yg_occupancy *occupancy)
{
    if (occupancy == NULL)
        return;
    yg_occupants_free(occupancy->shared);
    yg_config_unref(occupancy->config);
    free(occupancy);
}
