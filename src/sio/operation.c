/* SPDX-License-Identifier: MIT */
#include "sio/operation.h"

#include <string.h>

#include "base/container.h"
#include "base/mem.h"

struct yd_sio_part {
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
static void fill_scope(struct yd_sio_scope *scope, const struct lists *lists, size_t num_rooms,
                       const yodel_sio_target *target, size_t num_except, char *room)
{
    const char **pointers = (const char **)(void *)room;

    scope->rooms = lists->rooms != NULL ? pointers : NULL;
    scope->except = target->except != NULL ? pointers + num_rooms + 1 : NULL;
    room += (num_rooms + num_except + 2) * sizeof(char *);
    for (size_t i = 0; i < num_rooms; i++)
        scope->rooms[i] = put_text(&room, lists->rooms[i]);
    for (size_t i = 0; i < num_except; i++)
        scope->except[i] = put_text(&room, target->except[i]);
    if (target->but[0] != '\0')
        scope->but = put_text(&room, target->but);
    scope->flags = target->flags;
}

void *yd_sio_op_new(const struct yd_sio_op_ops *ops, size_t size, const yodel_sio_target *target)
{
    yodel_sio *sio = target->ns->sio;
    size_t num_rooms, num_except, parts = sio->num_loops * sizeof(struct yd_sio_part), room;
    struct lists lists;
    struct yd_sio_op *op;

    make_lists(&lists, target);
    size = (size + 15) & ~(size_t)15;
    room = list_size(lists.rooms, &num_rooms) + list_size(target->except, &num_except) +
           sizeof target->but;
    if ((op = yd_zalloc(sio->mem, size + parts + room)) == NULL)
        return NULL;
    op->ops = ops;
    op->parts = (struct yd_sio_part *)(void *)((char *)op + size);
    op->scope.ns = yd_sio_ns_ref(target->ns);
    fill_scope(&op->scope, &lists, num_rooms, target, num_except, (char *)op + size + parts);
    return op;
}

void yd_sio_op_free(void *arg)
{
    struct yd_sio_op *op = arg;
    yodel_sio_namespace *ns = op->scope.ns;

    yd_free(ns->sio->mem, op);
    yd_sio_ns_unref(ns);
}

static void end_part(struct yd_sio_op *op, struct yd_loop *loop)
{
    if (atomic_fetch_sub_explicit(&op->num_parts, 1, memory_order_acq_rel) == 1)
        op->ops->done(op, loop);
}

static void give_out(struct yd_mail *mail, struct yd_loop *loop)
{
    struct yd_sio_op *op = yd_container_of(mail, struct yd_sio_part, mail)->op;

    yd_sio_walk(&op->scope, loop, op->ops->away, op->ops->each, op);
    end_part(op, loop);
}

/* What handlers want sent meanwhile follows at once: the order of calls is kept. */
static void run_part(struct yd_mail *mail, void *receiver)
{
    struct yd_loop *loop = receiver;
    yodel_sio *sio = yd_container_of(mail, struct yd_sio_part, mail)->op->scope.ns->sio;
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
    return atomic_load_explicit(&op->scope.ns->shards[loop].count, memory_order_relaxed) > 0;
}

static int post_part(struct yd_sio_part *part, struct yd_loop *loop)
{
    int rc = yd_loop_post(loop, &part->mail);

    if (rc == 0)
        return 0;
    atomic_store(&part->op->failed, true);
    end_part(part->op, NULL);
    return rc;
}

static void start_own_part(yodel_sio *sio, struct yd_sio_part *part, unsigned i)
{
    if (sio->per_loop[i].broadcasting)
        wait_for_broadcast(&sio->per_loop[i], &part->mail);
    else
        run_part(&part->mail, sio->loops[i]);
}

/* op may be gone with the last part that is started. */
static int start_parts(struct yd_sio_op *op, const bool *wanted, unsigned num)
{
    yodel_sio *sio = op->scope.ns->sio;
    struct yd_sio_part *own = NULL;
    unsigned own_loop = 0;
    int rc = 0, failed;

    for (unsigned i = 0; num > 0; i++) {
        struct yd_sio_part *part = &op->parts[i];

        if (!wanted[i])
            continue;
        num--;
        part->op = op;
        part->mail.run = run_part;
        if (yd_loop_is_current(sio->loops[i])) {
            own = part;
            own_loop = i;
        } else if ((failed = post_part(part, sio->loops[i])) < 0) {
            rc = failed;
        }
    }
    if (own != NULL) /* last, so that the others need not wait for it */
        start_own_part(sio, own, own_loop);
    return rc;
}

/* Without sockets anywhere one loop still ends it, so that done is called on a loop. */
int yd_sio_op_run(void *arg)
{
    struct yd_sio_op *op = arg;
    yodel_sio *sio = op->scope.ns->sio;
    bool wanted[YD_MAX_LOOPS] = {false};
    unsigned num = 0;

    for (unsigned i = 0; i < sio->num_loops; i++)
        num += wanted[i] = has_sockets(op, i);
    if (num == 0)
        num += wanted[0] = true;
    atomic_init(&op->num_parts, num);
    return start_parts(op, wanted, num);
}
