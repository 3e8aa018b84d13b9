/* SPDX-License-Identifier: MIT */
#include "sio/room_events.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "sio/room_handlers.h"
#include "sio/socket.h"

/* ---- names ---- */

/* A room's name after the address of whose it is: a socket's stay, or a namespace's room. */
struct name {
    size_t len;
    char text[sizeof(void *) + YODEL_GROUP_NAME_MAX];
};

static void put_name(char *text, const void *whose, const char *room, size_t len)
{
    memcpy(text, &whose, sizeof whose);
    memcpy(text + sizeof whose, room, len);
}

/* False when no room has that name. */
static bool make_name(struct name *name, const void *whose, const char *room)
{
    size_t len = room != NULL ? strlen(room) : 0;

    if (room == NULL || len > YODEL_GROUP_NAME_MAX)
        return false;
    put_name(name->text, whose, room, len);
    name->len = sizeof whose + len;
    return true;
}

/* ---- rooms, on loop 0 ---- */

struct room {
    struct yd_map_node node; /* of those that are told; key: the namespace and the name */
    size_t members;
    char name[];
};

static struct room *new_room(const yodel_sio_namespace *ns, const char *name, size_t len)
{
    struct room *room = yd_zalloc(ns->sio->mem, sizeof *room + sizeof ns + len);

    if (room == NULL)
        return NULL;
    put_name(room->name, ns, name, len);
    room->node.key = (yodel_str){room->name, sizeof ns + len};
    return room;
}

static struct room *find_room(const yodel_sio *sio, yodel_str key)
{
    struct yd_map_node *node = yd_map_find(&sio->told.rooms, key);

    return node != NULL ? yd_container_of(node, struct room, node) : NULL;
}

void yd_sio_told_init(yodel_sio *sio)
{
    yd_map_init(&sio->told.rooms, sio->mem, sio->secret);
}

/* Rooms are left whose members left after loop 0 had ended. */
void yd_sio_told_done(yodel_sio *sio)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(&sio->told.rooms)) != NULL) {
        yd_map_remove(&sio->told.rooms, node);
        yd_free(sio->mem, yd_container_of(node, struct room, node));
    }
    yd_map_done(&sio->told.rooms);
}

/* ---- stays ---- */

struct yd_sio_stay {
    struct yd_map_node node; /* of its loop's; key: the socket and the room */
    struct yd_list of_socket;
    struct yd_mail begin, end; /* to loop 0 */
    atomic_uint refs;          /* what has still to end it, and the mail of its beginning */
    yodel_sio_namespace *ns;   /* a reference */
    struct room *room;         /* until loop 0 has told the beginning */
    size_t weight;             /* that waits with begin */
    char id[YD_ID_LEN];
    char name[];
};

static yodel_str room_of(const struct yd_sio_stay *stay)
{
    return (yodel_str){stay->name + sizeof(void *), stay->node.key.len - sizeof(void *)};
}

/* The room's key, whose memory the stay may not have any more. */
static struct room *find_room_of(const struct yd_sio_stay *stay)
{
    yodel_str room = room_of(stay);
    struct name name = {.len = sizeof(void *) + room.len};

    put_name(name.text, stay->ns, room.ptr, room.len);
    return find_room(stay->ns->sio, (yodel_str){name.text, name.len});
}

static void free_stay(struct yd_sio_stay *stay)
{
    yodel_sio_namespace *ns = stay->ns;
    const struct yodel_allocator *mem = ns->sio->mem;

    yd_free(mem, stay->room);
    yd_free(mem, stay);
    yd_sio_ns_unref(ns);
}

static void unref_stay(struct yd_sio_stay *stay)
{
    if (atomic_fetch_sub_explicit(&stay->refs, 1, memory_order_acq_rel) == 1)
        free_stay(stay);
}

/* ---- telling, on loop 0 ---- */

static void tell(const struct yd_sio_config *config, const struct yd_sio_stay *stay,
                 yodel_sio_room_change change)
{
    yodel_sio_room_event event = {
        .size = sizeof event, .change = change, .room = room_of(stay), .socket_id = {"", 0}};

    if (change == YODEL_SIO_ROOM_JOINED || change == YODEL_SIO_ROOM_LEFT)
        event.socket_id = (yodel_str){stay->id, YD_ID_LEN};
    yd_sio_room_handlers_call(config->room_handlers, stay->ns, &event);
}

/* There is memory for a first room since there are handlers. */
static bool enter(struct yd_sio_stay *stay)
{
    struct room *room = find_room_of(stay);
    bool creates = room == NULL;

    if (creates) {
        room = stay->room;
        stay->room = NULL;
        (void)yd_map_insert(&stay->ns->sio->told.rooms, &room->node);
    }
    room->members++;
    return creates;
}

static bool quit(const struct yd_sio_stay *stay)
{
    struct room *room = find_room_of(stay);

    if (--room->members > 0)
        return false;
    yd_map_remove(&stay->ns->sio->told.rooms, &room->node);
    yd_free(stay->ns->sio->mem, room);
    return true;
}

static void run_begin(struct yd_mail *mail, void *receiver)
{
    struct yd_sio_stay *stay = yd_container_of(mail, struct yd_sio_stay, begin);
    struct yd_sio_config *config = yd_sio_config_begin(stay->ns, receiver);

    yd_loop_mail_less(receiver, stay->weight);
    if (enter(stay))
        tell(config, stay, YODEL_SIO_ROOM_CREATED);
    tell(config, stay, YODEL_SIO_ROOM_JOINED);
    yd_sio_config_end(config, receiver);
    unref_stay(stay);
}

static void run_end(struct yd_mail *mail, void *receiver)
{
    struct yd_sio_stay *stay = yd_container_of(mail, struct yd_sio_stay, end);
    struct yd_sio_config *config = yd_sio_config_begin(stay->ns, receiver);
    bool deletes = quit(stay);

    tell(config, stay, YODEL_SIO_ROOM_LEFT);
    if (deletes)
        tell(config, stay, YODEL_SIO_ROOM_DELETED);
    yd_sio_config_end(config, receiver);
    unref_stay(stay);
}

/* ---- on the socket's loop ---- */

static struct yd_map *stays_of(const yodel_sio_socket *socket)
{
    return &socket->ns->sio->per_loop[socket->loop->index].stays;
}

static struct yd_sio_stay *find_stay(const yodel_sio_socket *socket, const char *room)
{
    struct yd_map_node *node;
    struct name name;

    if (!make_name(&name, socket, room))
        return NULL;
    node = yd_map_find(stays_of(socket), (yodel_str){name.text, name.len});
    return node != NULL ? yd_container_of(node, struct yd_sio_stay, node) : NULL;
}

bool yd_sio_has_stay(const yodel_sio_socket *socket, const char *room)
{
    return find_stay(socket, room) != NULL;
}

static struct yd_sio_stay *make_stay(yodel_sio_socket *socket, const char *room, size_t len)
{
    yodel_sio_namespace *ns = socket->ns;
    struct yd_sio_stay *stay = yd_zalloc(ns->sio->mem, sizeof *stay + sizeof(void *) + len);

    if (stay == NULL)
        return NULL;
    if ((stay->room = new_room(ns, room, len)) == NULL) {
        yd_free(ns->sio->mem, stay);
        return NULL;
    }
    stay->ns = yd_sio_ns_ref(ns);
    stay->begin.run = run_begin;
    stay->end.run = run_end;
    stay->weight = sizeof *stay + sizeof *stay->room + 2 * (sizeof(void *) + len);
    atomic_init(&stay->refs, 2);
    memcpy(stay->id, socket->id, YD_ID_LEN);
    put_name(stay->name, socket, room, len);
    stay->node.key = (yodel_str){stay->name, sizeof(void *) + len};
    yd_list_init(&stay->of_socket);
    return stay;
}

int yd_sio_stay_new(yodel_sio_socket *socket, const char *room, struct yd_sio_stay **ret_stay)
{
    struct yd_loop *teller = socket->ns->sio->loops[0];
    struct yd_sio_stay *stay;
    int rc;

    if (yd_sio_aside_of(socket) == NULL || (stay = make_stay(socket, room, strlen(room))) == NULL)
        return -ENOMEM;
    if ((rc = yd_loop_mail_more(teller, stay->weight)) < 0) {
        free_stay(stay);
        return rc;
    }
    if (yd_map_insert(stays_of(socket), &stay->node) < 0) {
        yd_loop_mail_less(teller, stay->weight);
        free_stay(stay);
        return -ENOMEM;
    }
    yd_ring_append(&socket->aside->stays, &stay->of_socket);
    *ret_stay = stay;
    return 0;
}

void yd_sio_stay_drop(yodel_sio_socket *socket, struct yd_sio_stay *stay)
{
    yd_loop_mail_less(stay->ns->sio->loops[0], stay->weight);
    yd_ring_remove(&socket->aside->stays, &stay->of_socket);
    yd_map_remove(stays_of(socket), &stay->node);
    free_stay(stay);
}

void yd_sio_stay_begin(yodel_sio_socket *socket, struct yd_sio_stay *stay)
{
    if (yd_loop_post(stay->ns->sio->loops[0], &stay->begin) < 0)
        yd_sio_stay_drop(socket, stay); /* the loop has ended */
}

static void end_stay(yodel_sio_socket *socket, struct yd_sio_stay *stay)
{
    yd_ring_remove(&socket->aside->stays, &stay->of_socket);
    yd_map_remove(stays_of(socket), &stay->node);
    if (yd_loop_post(stay->ns->sio->loops[0], &stay->end) < 0)
        unref_stay(stay);
}

void yd_sio_stay_end(yodel_sio_socket *socket, const char *room)
{
    struct yd_sio_stay *stay = yd_sio_aside(socket)->stays == NULL ? NULL : find_stay(socket, room);

    if (stay != NULL)
        end_stay(socket, stay);
}

void yd_sio_stays_end(yodel_sio_socket *socket)
{
    while (yd_sio_aside(socket)->stays != NULL)
        end_stay(socket, yd_container_of(socket->aside->stays, struct yd_sio_stay, of_socket));
}

/* ---- the program's calls ---- */

struct removal {
    yodel_sio_room_fn *fn;
    void *user;
    struct yd_sio_room_handler **removed;
};

static int add_watch(struct yd_sio_config *config, const void *arg)
{
    return yd_sio_room_handlers_add(&config->room_handlers, (struct yd_sio_room_watch *)arg);
}

/* So that nothing can fail on loop 0. */
static int make_ready(yodel_sio *sio)
{
    int rc = 0;

    pthread_mutex_lock(&sio->namespaces.lock);
    if (!sio->told.is_ready)
        rc = yd_map_reserve(&sio->told.rooms);
    sio->told.is_ready = rc == 0;
    pthread_mutex_unlock(&sio->namespaces.lock);
    return rc;
}

int yodel_sio_namespace_on_room(yodel_sio_namespace *ns, yodel_sio_room_fn *handler, void *user,
                                yodel_free_fn *free_user)
{
    int rc = ns != NULL && handler != NULL ? make_ready(ns->sio) : -EINVAL;
    struct yd_sio_room_watch *watch =
        rc == 0 ? yd_sio_room_watch_new(ns->sio->mem, handler, user, free_user) : NULL;

    if (watch == NULL) {
        if (free_user != NULL)
            free_user(user);
        return rc < 0 ? rc : -ENOMEM;
    }
    rc = yd_sio_ns_change(ns, add_watch, watch);
    yd_sio_room_watch_unref(watch);
    return rc;
}

static bool is_any(const struct yd_map_node *node)
{
    (void)node;
    return true;
}

/* The map changes in mail alone, which no callback runs. */
int yodel_sio_each_known_room(yodel_sio *sio, yodel_sio_each_room_fn *each, void *user)
{
    struct yd_map_node *node;

    if (sio == NULL || each == NULL)
        return -EINVAL;
    if (!yd_loop_is_current(sio->loops[0]))
        return YODEL_ERR_STATE;
    for (size_t slot = 0; (node = yd_map_next(&sio->told.rooms, &slot, is_any)) != NULL; slot++) {
        for (; node != NULL; node = node->next) {
            yodel_sio_namespace *ns;

            memcpy(&ns, node->key.ptr, sizeof ns);
            each(ns, (yodel_str){node->key.ptr + sizeof ns, node->key.len - sizeof ns}, user);
        }
    }
    return 0;
}

static int remove_watches(struct yd_sio_config *config, const void *arg)
{
    const struct removal *removal = arg;

    return yd_sio_room_handlers_remove(&config->room_handlers, removal->fn, removal->user,
                                       removal->removed);
}

int yodel_sio_namespace_off_room(yodel_sio_namespace *ns, yodel_sio_room_fn *handler, void *user)
{
    struct yd_sio_room_handler *removed = NULL;
    int rc;

    if (ns == NULL)
        return -EINVAL;
    rc = yd_sio_ns_change(ns, remove_watches, &(struct removal){handler, user, &removed});
    yd_sio_room_handlers_free(removed); /* which may call the program: without the lock */
    return rc;
}
