/* SPDX-License-Identifier: MIT */
#include "sio/walk.h"

#include "base/container.h"

struct walk {
    const yodel_sio_namespace *ns;
    uint64_t stamp;
    bool away;
    yd_sio_each_fn *each; /* NULL: only mark */
    void *user;
};

/* Once for each socket: those that are marked were visited, or are left out. */
static void visit(yodel_sio_socket *socket, struct walk *walk)
{
    if (socket->stamp == walk->stamp)
        return;
    if (walk->each == NULL) {
        socket->stamp = walk->stamp;
        return;
    }
    if (socket->phase != YD_SIO_CONNECTED && !(walk->away && yd_sio_is_absent(socket)))
        return;
    socket->stamp = walk->stamp;
    walk->each(socket, walk->user);
}

/* A group's name may be that of another namespace's room, or of another service's. */
static void visit_member(struct yd_member *member, void *user)
{
    struct walk *walk = user;
    yodel_sio_socket *socket = yd_sio_socket_of_member(member);

    if (socket != NULL && socket->ns == walk->ns)
        visit(socket, walk);
}

static void visit_id(yodel_sio_namespace *ns, struct yd_loop *loop, yodel_str id, struct walk *walk)
{
    yodel_sio_socket *socket = id.len == YD_ID_LEN ? yd_sio_socket_find(ns, loop, id) : NULL;

    if (socket != NULL)
        visit(socket, walk);
}

static void visit_room(yodel_sio_namespace *ns, struct yd_loop *loop, const char *room,
                       struct walk *walk)
{
    yodel_channels *channels = ns->sio->channels;
    struct yd_sio_group_name name;
    struct yd_key key;

    visit_id(ns, loop, yodel_str_of(room), walk);
    if (!yd_sio_group_name(yodel_sio_namespace_name(ns), room, &name))
        return;
    key = yd_bus_key(yd_channels_bus(channels), (yodel_str){name.text, name.len});
    yd_group_walk(yd_channels_groups(channels), loop, &key, visit_member, walk);
}

static void visit_all(yodel_sio_namespace *ns, struct yd_loop *loop, struct walk *walk)
{
    struct yd_list *head = &ns->shards[loop->index].sockets, *next;

    for (struct yd_list *node = head->next; node != head; node = next) {
        next = node->next;
        visit(yd_container_of(node, yodel_sio_socket, of_shard), walk);
    }
}

void yd_sio_walk(const struct yd_sio_scope *scope, struct yd_loop *loop, bool away,
                 yd_sio_each_fn *each, void *user)
{
    struct yd_sio_loop *state = &scope->ns->sio->per_loop[loop->index];
    struct walk walk = {scope->ns, ++state->stamp, away, NULL, user};

    state->broadcasting = true;
    if (scope->but != NULL)
        visit_id(scope->ns, loop, yodel_str_of(scope->but), &walk);
    for (size_t i = 0; scope->except != NULL && scope->except[i] != NULL; i++)
        visit_room(scope->ns, loop, scope->except[i], &walk);
    walk.each = each;
    if (scope->rooms == NULL)
        visit_all(scope->ns, loop, &walk);
    for (size_t i = 0; scope->rooms != NULL && scope->rooms[i] != NULL; i++)
        visit_room(scope->ns, loop, scope->rooms[i], &walk);
    state->broadcasting = false;
}
