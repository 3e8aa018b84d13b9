/* SPDX-License-Identifier: MIT */
#include "sio/walk.h"

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

/* A group's name may be that of another namespace's room: "/#x" with "b", "/" with "x#b". */
static void visit_member(struct yd_member *member, void *user)
{
    struct walk *walk = user;
    yodel_sio_socket *socket = yd_sio_socket_of_member(member);

    if (socket->ns == walk->ns)
        visit(socket, walk);
}

static yodel_sio_socket *find(const struct walk *walk, yodel_str id)
{
    yodel_sio_namespace *ns = (yodel_sio_namespace *)walk->ns;

    return id.len == YD_ID_LEN ? yd_sio_socket_find(ns, walk->loop, id) : NULL;
}

static void visit_id(yodel_str id, struct walk *walk)
{
    yodel_sio_socket *socket = find(walk, id);

    if (socket != NULL)
        visit(socket, walk);
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

void yd_sio_walk(const struct yd_sio_op *op, struct yd_loop *loop, bool away, yd_sio_each_fn *each,
                 void *user)
{
    const struct yd_scope *scope = &op->op.scope;
    struct yd_sio_loop *state = &op->ns->sio->per_loop[loop->index];
    struct walk walk = {op->ns, loop, ++state->stamp, away, NULL, user};

    visit_id(scope->but, &walk);
    for (uint32_t i = 0; i < scope->num_except; i++)
        visit_room(&scope->except[i], &walk);
    walk.each = each;
    visit_id(scope->only, &walk);
    if (scope->everyone)
        visit_all(&walk);
    for (uint32_t i = 0; i < scope->num_rooms; i++)
        visit_room(&scope->rooms[i], &walk);
}
