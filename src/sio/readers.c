/* SPDX-License-Identifier: MIT */
#include "sio/readers.h"

#include <errno.h>
#include <string.h>

#include "sio/membership.h"
#include "sio/socket.h"
#include "sse/sse.h"

/* ---- the group of those who read all of a namespace ---- */

/* Rooms' groups begin with '/', and the names of a channel layer have no control characters. */
#define ALL_PREFIX '\1'

struct all_name {
    char text[1 + YD_SIO_NAME_MAX];
};

static struct yd_key key_of_all(const yodel_sio_namespace *ns, struct all_name *name)
{
    name->text[0] = ALL_PREFIX;
    memcpy(name->text + 1, ns->name, ns->name_len);
    return yd_bus_key(ns->sio->bus, (yodel_str){name->text, 1 + ns->name_len});
}

bool yd_sio_has_readers(const yodel_sio *sio)
{
    return atomic_load_explicit(&sio->has_readers, memory_order_acquire);
}

void yd_sio_readers_find(const struct yd_op *op, struct yd_loop_set *set)
{
    const yodel_sio_namespace *ns = ((const struct yd_sio_op *)op)->ns;
    struct all_name name;
    struct yd_key key;

    if (!op->scope.everyone || !yd_sio_has_readers(ns->sio))
        return;
    key = key_of_all(ns, &name);
    yd_groups_find(ns->sio->rooms, &key, set);
}

/* ---- giving ---- */

struct walk {
    const struct yd_sio_op *op;
    struct yd_loop *loop;
    struct yd_delivery *what;
    uint32_t room; /* the present one */
    bool has_all;  /* who reads all of the namespace has had it */
    size_t num;    /* who has had it */
};

static bool is_in(struct walk *walk, const struct yd_key *key, struct yd_member *member)
{
    return yd_group_has(walk->op->ns->sio->rooms, walk->loop, key, member);
}

static bool is_left_out(struct walk *walk, struct yd_member *member)
{
    const struct yd_scope *scope = &walk->op->op.scope;
    struct all_name name;
    struct yd_key all;

    for (uint32_t i = 0; i < scope->num_except; i++)
        if (is_in(walk, &scope->except[i], member))
            return true;
    for (uint32_t i = 0; i < walk->room; i++)
        if (is_in(walk, &scope->rooms[i], member))
            return true;
    if (!walk->has_all)
        return false;
    all = key_of_all(walk->op->ns, &name);
    return is_in(walk, &all, member);
}

static void visit(struct yd_member *member, void *user)
{
    struct walk *walk = user;

    if (yd_sio_is_socket(member) || is_left_out(walk, member))
        return;
    walk->num++;
    member->deliver(member, walk->what);
}

size_t yd_sio_give_readers(const struct yd_sio_op *op, struct yd_loop *loop,
                           struct yd_delivery *what)
{
    const struct yd_scope *scope = &op->op.scope;
    struct yd_groups *rooms = op->ns->sio->rooms;
    struct walk walk = {op, loop, what, 0, false, 0};
    struct all_name name;
    struct yd_key all;

    if (scope->everyone) {
        all = key_of_all(op->ns, &name);
        yd_group_walk(rooms, loop, &all, visit, &walk);
        walk.has_all = true;
    }
    for (; walk.room < scope->num_rooms; walk.room++)
        yd_group_walk(rooms, loop, &scope->rooms[walk.room], visit, &walk);
    return walk.num;
}

/* ---- the program's calls ---- */

/* The group of room, or of the namespace itself; false when no room can have that name. */
static bool find_key(const yodel_sio_namespace *ns, const char *room,
                     struct yd_sio_group_name *group, struct all_name *all, struct yd_key *ret_key)
{
    if (room == NULL) {
        *ret_key = key_of_all(ns, all);
        return true;
    }
    if (!yd_sio_group_name(yodel_sio_namespace_name(ns), room, group))
        return false;
    *ret_key = yd_bus_key(ns->sio->bus, (yodel_str){group->text, group->len});
    return true;
}

int yodel_sio_namespace_reader_add(yodel_sio_namespace *ns, const char *room, yodel_sse *reader)
{
    struct yd_sio_group_name group;
    struct all_name all;
    struct yd_key key;
    int rc;

    if (ns == NULL || reader == NULL)
        return -EINVAL;
    if (!find_key(ns, room, &group, &all, &key))
        return YODEL_ERR_NAME;
    if (ns->is_parent)
        return YODEL_ERR_UNSUPPORTED;
    if (!yd_sse_is_open(reader))
        return YODEL_ERR_CLOSED;
    atomic_store_explicit(&ns->sio->has_readers, true, memory_order_release);
    rc = yd_group_join_for(ns->sio->rooms, yd_sse_loop(reader), &key, yd_sse_member(reader),
                           room != NULL ? ns->room_tally : NULL);
    return rc < 0 ? rc : 0;
}

void yodel_sio_namespace_reader_discard(yodel_sio_namespace *ns, const char *room,
                                        yodel_sse *reader)
{
    struct yd_sio_group_name group;
    struct all_name all;
    struct yd_key key;

    if (ns == NULL || reader == NULL)
        return;
    if (find_key(ns, room, &group, &all, &key))
        (void)yd_group_leave(ns->sio->rooms, yd_sse_loop(reader), &key, yd_sse_member(reader));
}
