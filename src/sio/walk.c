/* SPDX-License-Identifier: MIT */
#include "sio/walk.h"

#include <string.h>

#include "base/container.h"

struct walk {
    const yodel_sio_namespace *ns;
    struct yd_loop *loop;
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

/* Readers of server-sent events are not of this walk.  A group's name may be that of another
 * namespace's room: "/#x" with "b", "/" with "x#b". */
static void visit_member(struct yd_member *member, void *user)
{
    struct walk *walk = user;
    yodel_sio_socket *socket = yd_sio_socket_of_member(member);

    if (yd_sio_is_socket(member) && socket->ns == walk->ns)
        visit(socket, walk);
}

static yodel_sio_socket *find(const struct walk *walk, yodel_str id)
{
    yodel_sio_namespace *ns = (yodel_sio_namespace *)walk->ns;

    return id.len == YD_ID_LEN ? yd_sio_socket_find(ns, walk->loop, id) : NULL;
}

/* ids: of YD_ID_LEN bytes each. */
static void visit_ids(yodel_str ids, struct walk *walk)
{
    for (; ids.len >= YD_ID_LEN; ids.ptr += YD_ID_LEN, ids.len -= YD_ID_LEN) {
        yodel_sio_socket *socket = find(walk, (yodel_str){ids.ptr, YD_ID_LEN});

        if (socket != NULL)
            visit(socket, walk);
    }
}

static void visit_room(const struct yd_key *key, struct walk *walk)
{
    yodel_sio_socket *own = find(walk, yd_sio_room_of_key(walk->ns, key));

    if (own != NULL && own->in_own_room)
        visit(own, walk);
    yd_group_walk(walk->ns->sio->rooms, walk->loop, key, visit_member, walk);
}

static void visit_all(struct walk *walk)
{
    const struct yd_list *head = &walk->ns->shards[walk->loop->index].sockets, *next;

    for (const struct yd_list *node = head->next; node != head; node = next) {
        next = node->next;
        visit(yd_container_of(node, yodel_sio_socket, of_shard), walk);
    }
}

/* ---- the children of a parent ---- */

/* Whether a child's socket is in its namespace's room of the name that key has in the parent. */
static bool is_in(yodel_sio_socket *socket, const struct walk *walk, const struct yd_key *key)
{
    yodel_str room = yd_sio_room_of_key(walk->ns, key);
    char text[YODEL_GROUP_NAME_MAX + 1] = "";
    struct yd_sio_group_name name;
    struct yd_key own;

    if (socket->in_own_room && yodel_str_eq(yd_sio_id(socket), room))
        return true;
    if (room.len >= sizeof text)
        return false;
    memcpy(text, room.ptr, room.len);
    if (!yd_sio_group_name(yodel_sio_namespace_name(socket->ns), text, &name))
        return false;
    own = yd_bus_key(walk->ns->sio->bus, (yodel_str){name.text, name.len});
    return yd_group_has(walk->ns->sio->rooms, walk->loop, &own, &socket->rooms.member);
}

static bool has_id(yodel_str ids, const yodel_sio_socket *socket)
{
    for (; ids.len >= YD_ID_LEN; ids.ptr += YD_ID_LEN, ids.len -= YD_ID_LEN)
        if (memcmp(ids.ptr, socket->id, YD_ID_LEN) == 0)
            return true;
    return false;
}

static bool is_meant(yodel_sio_socket *socket, const struct walk *walk,
                     const struct yd_scope *scope)
{
    bool meant = scope->everyone || has_id(scope->only, socket);

    if (has_id(scope->but, socket))
        return false;
    for (uint32_t i = 0; i < scope->num_except; i++)
        if (is_in(socket, walk, &scope->except[i]))
            return false;
    for (uint32_t i = 0; i < scope->num_rooms && !meant; i++)
        meant = is_in(socket, walk, &scope->rooms[i]);
    return meant;
}

static void visit_children(const struct yd_scope *scope, struct walk *walk)
{
    const struct yd_list *head = &walk->ns->shards[walk->loop->index].of_children, *next;

    for (const struct yd_list *node = head->next; node != head; node = next) {
        yodel_sio_socket *socket = yd_container_of(node, yodel_sio_socket, of_parent);

        next = node->next;
        if (is_meant(socket, walk, scope))
            visit(socket, walk);
    }
}

void yd_sio_walk(const struct yd_sio_op *op, struct yd_loop *loop, bool away, yd_sio_each_fn *each,
                 void *user)
{
    const struct yd_scope *scope = &op->op.scope;
    struct yd_sio_loop *state = &op->ns->sio->per_loop[loop->index];
    struct walk walk = {op->ns, loop, ++state->stamp, away, NULL, user};

    if (op->ns->is_parent) {
        walk.each = each;
        visit_children(scope, &walk);
        return;
    }
    visit_ids(scope->but, &walk);
    for (uint32_t i = 0; i < scope->num_except; i++)
        visit_room(&scope->except[i], &walk);
    walk.each = each;
    visit_ids(scope->only, &walk);
    if (scope->everyone)
        visit_all(&walk);
    for (uint32_t i = 0; i < scope->num_rooms; i++)
        visit_room(&scope->rooms[i], &walk);
}
