/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* What happens in rooms: handlers that are there from the beginning know who is where, those that
 * come and go do something. */

/* A socket in a room; an id that is "" stands for the room itself. */
struct stay {
    struct stay *next;
    char place[2 + 256 + 256]; /* service, namespace, room */
    char id[21];
};

struct rooms {
    struct stay *stays;
    /* What has to come next: the first JOINED of a room, or its DELETED. */
    yodel_sio_room_change due;
    char due_place[2 + 256 + 256];
    int taken, freed; /* users */
};

static struct stay **find(struct rooms *rooms, const char *place, const char *id)
{
    struct stay **link = &rooms->stays;

    while (*link != NULL &&
           (strcmp((*link)->place, place) != 0 || (id != NULL && strcmp((*link)->id, id) != 0)))
        link = &(*link)->next;
    return link;
}

static void add(struct rooms *rooms, const char *place, const char *id)
{
    struct stay *stay = calloc(1, sizeof *stay);

    if (stay == NULL)
        abort();
    (void)snprintf(stay->place, sizeof stay->place, "%s", place);
    (void)snprintf(stay->id, sizeof stay->id, "%s", id);
    stay->next = rooms->stays;
    rooms->stays = stay;
}

static void take_out(struct stay **link)
{
    struct stay *stay = *link;

    *link = stay->next;
    free(stay);
}

static void set_due(struct rooms *rooms, yodel_sio_room_change due, const char *place)
{
    rooms->due = due;
    (void)snprintf(rooms->due_place, sizeof rooms->due_place, "%s", place);
}

static void check_due(const struct program *p, yodel_sio_room_change change, const char *place)
{
    struct rooms *rooms = p->rooms;

    if (rooms->due != 0 && (rooms->due != change || strcmp(rooms->due_place, place) != 0))
        broken(p, "rooms: %d of %s, and not %d of %s", change, place, rooms->due, rooms->due_place);
    rooms->due = 0;
}

/* Members of place, less the room itself. */
static bool is_empty(struct rooms *rooms, const char *place)
{
    for (struct stay *stay = rooms->stays; stay != NULL; stay = stay->next)
        if (stay->id[0] != '\0' && strcmp(stay->place, place) == 0)
            return false;
    return true;
}

static void note(const struct program *p, yodel_sio_room_change change, const char *place,
                 const char *id)
{
    struct rooms *rooms = p->rooms;
    bool exists = *find(rooms, place, "") != NULL, is_in = *find(rooms, place, id) != NULL;

    check_due(p, change, place);
    if ((change == YODEL_SIO_ROOM_CREATED) == exists)
        broken(p, "rooms: %d of %s, which is%s there", change, place, exists ? "" : " not");
    switch (change) {
    case YODEL_SIO_ROOM_CREATED:
        add(rooms, place, "");
        set_due(rooms, YODEL_SIO_ROOM_JOINED, place);
        break;
    case YODEL_SIO_ROOM_JOINED:
        if (is_in)
            broken(p, "rooms: %s joins %s twice", id, place);
        add(rooms, place, id);
        break;
    case YODEL_SIO_ROOM_LEFT:
        if (!is_in) {
            broken(p, "rooms: %s leaves %s, and is not in it", id, place);
            break;
        }
        take_out(find(rooms, place, id));
        if (is_empty(rooms, place))
            set_due(rooms, YODEL_SIO_ROOM_DELETED, place);
        break;
    default:
        if (!is_empty(rooms, place))
            broken(p, "rooms: %s is deleted with members", place);
        take_out(find(rooms, place, ""));
    }
}

static void on_known(yodel_sio_namespace *ns, yodel_str room, void *user)
{
    const yodel_sio_room_event *event = user;

    if (yodel_sio_namespace_name(ns).len == 0)
        abort();
    if (event->change == YODEL_SIO_ROOM_CREATED && yodel_str_eq(event->room, room))
        ((yodel_sio_room_event *)user)->size = 0;
}

static void look_at_known(struct service *service, const yodel_sio_room_event *event)
{
    yodel_sio_room_event wanted = *event;
    struct program *p = service->p;

    if (yodel_sio_each_known_room(service->sio, on_known, &wanted) < 0)
        broken(p, "rooms: those that are known are not listed on loop %d", p->current);
    if (event->change == YODEL_SIO_ROOM_CREATED && wanted.size > 0)
        broken(p, "rooms: one that is created is not known");
}

static void on_room(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    struct service *service = user;
    struct program *p = service->p;
    char place[2 + 256 + 256], id[21];

    if (p->current > 0)
        broken(p, "rooms: told on loop %d", p->current);
    (void)snprintf(place, sizeof place, "%u%" YODEL_PRI " %" YODEL_PRI, service->index,
                   YODEL_ARG(yodel_sio_namespace_name(ns)), YODEL_ARG(event->room));
    (void)snprintf(id, sizeof id, "%" YODEL_PRI, YODEL_ARG(event->socket_id));
    say(p, "room: %d %s %s", event->change, place, id);
    note(p, event->change, place, id);
    look_at_known(service, event);
    act(p, NULL, NULL);
}

/* No draw: what programs of the corpus do stays the same. */
void room_side_set_up(struct program *p, struct service *service, yodel_sio_namespace *ns)
{
    if (p->rooms == NULL && (p->rooms = calloc(1, sizeof *p->rooms)) == NULL)
        abort();
    if (p->size % 2 == 0 && yodel_sio_namespace_on_room(ns, on_room, service, NULL) < 0)
        abort();
}

/* ---- those that come and go ---- */

static void count_freed(void *user)
{
    struct program *p = user;

    p->rooms->freed++;
}

static void on_room_now(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    struct program *p = user;

    if (p->rooms->freed == p->rooms->taken)
        broken(p, "rooms: told to one that was freed");
    if (once_in(p, 4))
        (void)yodel_sio_namespace_off_room(ns, on_room_now, p);
    (void)event;
    act(p, NULL, NULL);
}

void room_side_change(struct program *p, const struct service *service)
{
    yodel_sio_namespace *ns = service->ns[once_in(p, 4) ? NUM_NAMES : pick(p, 2)];

    if (once_in(p, 2)) {
        (void)yodel_sio_namespace_off_room(ns, on_room_now, p);
        return;
    }
    p->rooms->taken++;
    (void)yodel_sio_namespace_on_room(ns, on_room_now, p, count_freed);
}

/* ---- the end ---- */

/* The loops have ended. */
void room_side_check(const struct program *p)
{
    if (p->rooms->stays != NULL)
        broken(p, "rooms: %s is still in %s", p->rooms->stays->id, p->rooms->stays->place);
}

void room_side_free(struct program *p)
{
    if (p->rooms->taken != p->rooms->freed)
        broken(p, "rooms: %d were taken, %d freed", p->rooms->taken, p->rooms->freed);
    while (p->rooms->stays != NULL)
        take_out(&p->rooms->stays);
    free(p->rooms);
}
