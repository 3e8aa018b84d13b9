/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "sio/sio.h"

/* Targets as values, and operations on those they mean. */

/* ---- values ---- */

yodel_sio_target yodel_sio_to(yodel_sio_socket *socket)
{
    return (yodel_sio_target){.ns = socket->ns, .socket = socket};
}

yodel_sio_target yodel_sio_to_all(yodel_sio_namespace *ns)
{
    return (yodel_sio_target){.ns = ns};
}

yodel_sio_target yodel_sio_but(yodel_sio_target target, yodel_sio_socket *socket)
{
    memcpy(target.but, socket->id, YD_ID_LEN);
    target.but[YD_ID_LEN] = '\0';
    return target;
}

yodel_sio_target yodel_sio_to_others(yodel_sio_socket *socket)
{
    return yodel_sio_but(yodel_sio_to_all(socket->ns), socket);
}

yodel_sio_target yodel_sio_to_room(yodel_sio_namespace *ns, const char *room)
{
    static const char *const no_one[] = {NULL};

    return room != NULL ? (yodel_sio_target){.ns = ns, .room = room}
                        : (yodel_sio_target){.ns = ns, .rooms = no_one};
}

yodel_sio_target yodel_sio_to_rooms(yodel_sio_namespace *ns, const char *const *rooms)
{
    return (yodel_sio_target){.ns = ns, .rooms = rooms};
}

yodel_sio_target yodel_sio_except(yodel_sio_target target, const char *const *rooms)
{
    target.except = rooms;
    return target;
}

yodel_sio_target yodel_sio_with(yodel_sio_target target, unsigned flags)
{
    target.flags |= flags;
    return target;
}

yodel_sio_target yodel_sio_timeout(yodel_sio_target target, uint32_t ms)
{
    target.timeout_ms = ms;
    return target;
}

/* ---- whom a target means on one loop ---- */

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
    if (socket->state != YD_SIO_CONNECTED &&
        !(walk->away && (socket->state == YD_SIO_AWAY || socket->is_noting)))
        return;
    socket->stamp = walk->stamp;
    walk->each(socket, walk->user);
}

/* A group's name may be that of another namespace's room, or of another service's. */
static void visit_member(struct yd_member *member, void *user)
{
    struct walk *walk = user;
    yodel_sio_socket *socket = yd_container_of(member, yodel_sio_socket, member);

    if (member->deliver == yd_sio_deliver && socket->ns == walk->ns)
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
    struct yd_buf name = {0};

    visit_id(ns, loop, yodel_str_of(room), walk);
    if (yd_sio_group_name(ns, room, &name) == 0) {
        struct yd_key key =
            yd_bus_key(yd_channels_bus(ns->sio->channels), (yodel_str){(char *)name.ptr, name.len});

        yd_group_walk(yd_channels_groups(ns->sio->channels), loop, &key, visit_member, walk);
    }
    yd_buf_free(ns->sio->mem, &name);
}

static void visit_all(yodel_sio_namespace *ns, struct yd_loop *loop, struct walk *walk)
{
    struct yd_list *head = &ns->shards[loop->index].sockets, *next;

    for (struct yd_list *node = head->next; node != head; node = next) {
        next = node->next;
        visit(yd_container_of(node, yodel_sio_socket, of_shard), walk);
    }
}

void yd_sio_each_target(const struct yd_sio_whom *whom, struct yd_loop *loop, bool away,
                        yd_sio_each_fn *each, void *user)
{
    struct yd_sio_loop *state = &whom->ns->sio->per_loop[loop->index];
    struct walk walk = {whom->ns, ++state->stamp, away, NULL, user};

    state->broadcasting = true;
    if (whom->but != NULL)
        visit_id(whom->ns, loop, yodel_str_of(whom->but), &walk);
    for (size_t i = 0; whom->except != NULL && whom->except[i] != NULL; i++)
        visit_room(whom->ns, loop, whom->except[i], &walk);
    walk.each = each;
    if (whom->rooms == NULL)
        visit_all(whom->ns, loop, &walk);
    for (size_t i = 0; whom->rooms != NULL && whom->rooms[i] != NULL; i++)
        visit_room(whom->ns, loop, whom->rooms[i], &walk);
    state->broadcasting = false;
}

/* ---- operations ---- */

struct yd_sio_leg {
    struct yd_mail mail;
    struct yd_sio_op *op;
};

static size_t list_size(const char *const *list, size_t *ret_num)
{
    size_t size = sizeof(char *), num = 0;

    for (; list != NULL && list[num] != NULL; num++)
        size += sizeof(char *) + strlen(list[num]) + 1;
    *ret_num = num;
    return size;
}

static char *put_text(char **room, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*room, text, size);

    *room += size;
    return copy;
}

/* The lists that a target makes: one room or a socket's own is a list too. */
struct lists {
    const char *single[2];
    const char *const *rooms;
    char id[YD_ID_LEN + 1];
};

static void make_lists(struct lists *lists, const yodel_sio_target *target)
{
    lists->rooms = target->rooms;
    lists->single[0] = target->room;
    lists->single[1] = NULL;
    if (target->socket != NULL) {
        memcpy(lists->id, target->socket->id, YD_ID_LEN);
        lists->id[YD_ID_LEN] = '\0';
        lists->single[0] = lists->id;
    }
    if (lists->single[0] != NULL)
        lists->rooms = lists->single;
}

/* The pointers of both lists stand ahead of all text, so that they are aligned. */
static void fill_whom(struct yd_sio_whom *whom, const struct lists *lists, size_t num_rooms,
                      const yodel_sio_target *target, size_t num_except, char *room)
{
    const char **pointers = (const char **)(void *)room;

    whom->rooms = lists->rooms != NULL ? pointers : NULL;
    whom->except = target->except != NULL ? pointers + num_rooms + 1 : NULL;
    room += (num_rooms + num_except + 2) * sizeof(char *);
    for (size_t i = 0; i < num_rooms; i++)
        whom->rooms[i] = put_text(&room, lists->rooms[i]);
    for (size_t i = 0; i < num_except; i++)
        whom->except[i] = put_text(&room, target->except[i]);
    if (target->but[0] != '\0')
        whom->but = put_text(&room, target->but);
    whom->flags = target->flags;
}

void *yd_sio_op_new(const struct yd_sio_op_ops *ops, size_t size, const yodel_sio_target *target)
{
    yodel_sio *sio = target->ns->sio;
    size_t num_rooms, num_except, legs = sio->num_loops * sizeof(struct yd_sio_leg), room;
    struct lists lists;
    struct yd_sio_op *op;

    make_lists(&lists, target);
    size = (size + 15) & ~(size_t)15;
    room = list_size(lists.rooms, &num_rooms) + list_size(target->except, &num_except) +
           sizeof target->but;
    if ((op = yd_zalloc(sio->mem, size + legs + room)) == NULL)
        return NULL;
    op->ops = ops;
    op->legs = (struct yd_sio_leg *)(void *)((char *)op + size);
    op->whom.ns = yd_sio_ns_ref(target->ns);
    fill_whom(&op->whom, &lists, num_rooms, target, num_except, (char *)op + size + legs);
    return op;
}

void yd_sio_op_free(void *arg)
{
    struct yd_sio_op *op = arg;
    yodel_sio_namespace *ns = op->whom.ns;

    yd_free(ns->sio->mem, op);
    yd_sio_ns_unref(ns);
}

static void end_leg(struct yd_sio_op *op, struct yd_loop *loop)
{
    if (atomic_fetch_sub_explicit(&op->num_legs, 1, memory_order_acq_rel) == 1)
        op->ops->done(op, loop);
}

static void give_out(struct yd_mail *mail, struct yd_loop *loop)
{
    struct yd_sio_op *op = yd_container_of(mail, struct yd_sio_leg, mail)->op;

    yd_sio_each_target(&op->whom, loop, op->ops->away, op->ops->each, op);
    end_leg(op, loop);
}

/* What handlers want sent meanwhile follows at once: the order of calls is kept. */
static void run_leg(struct yd_mail *mail, void *receiver)
{
    struct yd_loop *loop = receiver;
    yodel_sio *sio = yd_container_of(mail, struct yd_sio_leg, mail)->op->whom.ns->sio;
    struct yd_sio_loop *state = &sio->per_loop[loop->index];

    give_out(mail, loop);
    while ((mail = state->waiting) != NULL) {
        state->waiting = mail->next;
        if (state->waiting == NULL)
            state->waiting_end = &state->waiting;
        give_out(mail, loop);
    }
}

static void wait_for_broadcast(struct yd_sio_loop *state, struct yd_mail *mail)
{
    mail->next = NULL;
    *state->waiting_end = mail;
    state->waiting_end = &mail->next;
}

static bool has_sockets(const struct yd_sio_op *op, unsigned loop)
{
    return atomic_load_explicit(&op->whom.ns->shards[loop].count, memory_order_relaxed) > 0;
}

static int post_leg(struct yd_sio_leg *leg, struct yd_loop *loop)
{
    int rc = yd_loop_post(loop, &leg->mail);

    if (rc == 0)
        return 0;
    atomic_store(&leg->op->failed, true);
    end_leg(leg->op, NULL);
    return rc;
}

static void start_own_leg(yodel_sio *sio, struct yd_sio_leg *leg, unsigned i)
{
    if (sio->per_loop[i].broadcasting)
        wait_for_broadcast(&sio->per_loop[i], &leg->mail);
    else
        run_leg(&leg->mail, sio->loops[i]);
}

/* op may be gone with the last leg that is started. */
static int start_legs(struct yd_sio_op *op, const bool *wanted, unsigned num)
{
    yodel_sio *sio = op->whom.ns->sio;
    struct yd_sio_leg *own = NULL;
    unsigned own_loop = 0;
    int rc = 0, failed;

    for (unsigned i = 0; num > 0; i++) {
        struct yd_sio_leg *leg = &op->legs[i];

        if (!wanted[i])
            continue;
        num--;
        leg->op = op;
        leg->mail.run = run_leg;
        if (yd_loop_is_current(sio->loops[i])) {
            own = leg;
            own_loop = i;
        } else if ((failed = post_leg(leg, sio->loops[i])) < 0) {
            rc = failed;
        }
    }
    if (own != NULL) /* last, so that the others need not wait for it */
        start_own_leg(sio, own, own_loop);
    return rc;
}

/* Without sockets anywhere one loop still ends it, so that done is called on a loop. */
int yd_sio_op_run(void *arg)
{
    struct yd_sio_op *op = arg;
    yodel_sio *sio = op->whom.ns->sio;
    bool wanted[YD_MAX_LOOPS] = {false};
    unsigned num = 0;

    for (unsigned i = 0; i < sio->num_loops; i++)
        num += wanted[i] = has_sockets(op, i);
    if (num == 0)
        num += wanted[0] = true;
    atomic_init(&op->num_legs, num);
    return start_legs(op, wanted, num);
}
