/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

/* What handlers and other threads call on Socket.IO: emits, sockets, many sockets. */

/* ---- Socket.IO: targets ---- */

struct aim {
    yodel_sio_target target;
    struct sent what; /* its fields for the target */
    const char *rooms[NUM_ROOMS + 1], *except[NUM_ROOMS + 1];
    const char *more_rooms[NUM_ROOMS + 1], *more_except[NUM_ROOMS + 1];
};

static const char *const *list_rooms(unsigned bits, const char **ret_rooms)
{
    unsigned num = 0;

    for (unsigned i = 0; i < NUM_ROOMS; i++)
        if ((bits >> i & 1) != 0)
            ret_rooms[num++] = program_rooms[i];
    ret_rooms[num] = NULL;
    return ret_rooms;
}

/* A namespace whose pointer may be used here: a child's only by its own sockets. */
static yodel_sio_namespace *choose_namespace(struct ctx *c, struct aim *aim)
{
    unsigned service = pick(c->p, c->p->num_services), which = pick(c->p, 4);

    if (c->ss != NULL && which < 2) {
        aim->what.service = c->ss->service;
        aim->what.name = c->ss->name;
        return yodel_sio_socket_namespace(c->ss->socket);
    }
    aim->what.service = service;
    aim->what.name = which == 3 ? NUM_NAMES : (int)(which & 1);
    return c->p->services[service].ns[aim->what.name];
}

static void choose_rooms(struct ctx *c, struct aim *aim, yodel_sio_namespace *ns)
{
    unsigned bits = pick(c->p, 8);

    aim->what.rooms = bits;
    if (bits == 0)
        aim->target = yodel_sio_to_all(ns);
    else if ((bits & (bits - 1)) == 0)
        aim->target = yodel_sio_to_room(ns, list_rooms(bits, aim->rooms)[0]);
    else
        aim->target = yodel_sio_to_rooms(ns, list_rooms(bits, aim->rooms));
}

/* A union with others, of rooms or of everyone. */
static void choose_more(struct ctx *c, struct aim *aim)
{
    yodel_sio_namespace *ns = aim->target.ns;
    unsigned bits = pick(c->p, 8);

    if (bits == 0)
        aim->target = yodel_sio_target_and(aim->target, yodel_sio_to_all(ns));
    else
        aim->target = yodel_sio_target_and(
            aim->target, yodel_sio_to_rooms(ns, list_rooms(bits, aim->more_rooms)));
    aim->what.rooms = bits == 0 || aim->what.rooms == 0 ? 0 : aim->what.rooms | bits;
}

static void choose_target(struct ctx *c, struct aim *aim)
{
    yodel_sio_namespace *ns;

    *aim = (struct aim){.what = {.kind = SENT_EMIT}};
    if (c->ss != NULL && once_in(c->p, 3)) {
        aim->target = yodel_sio_to(c->ss->socket);
        aim->what.service = c->ss->service;
        aim->what.name = c->ss->name;
        aim->what.to = c->ss;
    } else {
        ns = choose_namespace(c, aim);
        choose_rooms(c, aim, ns);
        if (once_in(c->p, 6))
            choose_more(c, aim);
        if (c->ss != NULL && aim->what.name == c->ss->name && aim->what.service == c->ss->service &&
            once_in(c->p, 4)) {
            aim->target = yodel_sio_target_but(aim->target, c->ss->socket);
            aim->what.but = c->ss;
        }
    }
    if (once_in(c->p, 6)) {
        aim->what.except = 1 + pick(c->p, 7);
        aim->target =
            yodel_sio_target_except(aim->target, list_rooms(aim->what.except, aim->except));
        if (once_in(c->p, 3)) {
            unsigned more = pick(c->p, 8);

            aim->what.except |= more;
            aim->target = yodel_sio_target_except(aim->target, list_rooms(more, aim->more_except));
        }
    }
    if (once_in(c->p, 8))
        aim->target = yodel_sio_target_with(aim->target, YODEL_SIO_VOLATILE);
}

static unsigned note_emit(struct program *p, const struct aim *aim)
{
    unsigned serial = sent_new(p, SENT_EMIT);
    struct sent *sent = &p->sent[serial - 1];

    sent->service = aim->what.service;
    sent->name = aim->what.name;
    sent->rooms = aim->what.rooms;
    sent->except = aim->what.except;
    sent->to = aim->what.to;
    sent->but = aim->what.but;
    sent->may_miss = (aim->target.flags & YODEL_SIO_VOLATILE) != 0;
    expect_emit(p, serial);
    return serial;
}

/* ---- Socket.IO: emits ---- */

static int emit_binary(const struct aim *aim, unsigned serial)
{
    yodel_bytes attachment = {(const uint8_t *)"abc", 3};
    char json[80];
    int len = snprintf(json, sizeof json, "[%u,{\"_placeholder\":true,\"num\":0}]", serial);
    yodel_sio_args args = {.size = sizeof args,
                           .json = {json, (size_t)len},
                           .attachments = &attachment,
                           .num_attachments = 1};

    if (serial % 2 == 0)
        return yodel_sio_emit(aim->target, "ev", "iy", (int)serial, attachment);
    return yodel_sio_emit_args(aim->target, "ev", &args);
}

static void on_count(size_t num, void *user)
{
    struct waiter *waiter = user;

    waiter_called(waiter);
    say(waiter->p, "counted: %zu", num);
    act(waiter->p, NULL, NULL);
}

static int emit_counted(struct program *p, const struct aim *aim, unsigned serial)
{
    struct waiter *waiter = waiter_new(p, "emit_counted");
    char args[20];
    int rc;

    (void)snprintf(args, sizeof args, "[%u]", serial);
    rc = yodel_sio_emit_counted(aim->target, "ev",
                                YODEL_OPTIONS(yodel_sio_args, .json = yodel_str_of(args)), on_count,
                                waiter);
    waiter_returned(waiter, rc);
    return rc;
}

void call_emit(struct ctx *c)
{
    struct aim aim;
    unsigned serial;
    int rc;

    choose_target(c, &aim);
    serial = note_emit(c->p, &aim);
    say(c->p, "emit %u to %s rooms %x except %x", serial,
        aim.what.to != NULL ? aim.what.to->id : program_names[aim.what.name % NUM_NAMES],
        aim.what.rooms, aim.what.except);
    if (once_in(c->p, 6))
        rc = emit_binary(&aim, serial);
    else if (once_in(c->p, 4))
        rc = emit_counted(c->p, &aim, serial);
    else
        rc = yodel_sio_emit(aim.target, "ev", "i", (int)serial);
    sent_returned(c->p, serial, rc);
}

static void check_lists(struct program *p, const yodel_sio_answers *answers)
{
    json_t *each;
    size_t i;

    json_array_foreach(yodel_sio_answers_json(answers), i, each)
    {
        if (!json_is_array(each))
            broken(p, "emit_ack: an answer is no array of all arguments");
    }
}

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    struct waiter *waiter = user;

    waiter_called(waiter);
    say(waiter->p, "answers: %d %" YODEL_PRI, answers->result, YODEL_ARG(answers->json));
    if (answers->result == -ETIMEDOUT && waiter->p->now < waiter->due)
        broken(waiter->p, "emit_ack: ETIMEDOUT %llu ms too early",
               (unsigned long long)(waiter->due - waiter->p->now));
    if (waiter->wants_lists)
        check_lists(waiter->p, answers);
    act(waiter->p, NULL, NULL);
}

void call_emit_ack(struct ctx *c)
{
    static const uint32_t times[] = {1000, 200, 3000, 1};
    struct waiter *waiter = waiter_new(c->p, "emit_ack");
    uint32_t ms = times[pick(c->p, 4)];
    struct aim aim;
    unsigned serial;
    char args[20];
    int rc;

    choose_target(c, &aim);
    serial = note_emit(c->p, &aim);
    c->p->sent[serial - 1].wants_ack = true;
    c->p->sent[serial - 1].may_miss = c->p->few_acks || c->p->sent[serial - 1].may_miss;
    waiter->due = c->p->now + ms;
    (void)snprintf(args, sizeof args, "[%u]", serial);
    if (once_in(c->p, 4)) {
        aim.target = yodel_sio_target_with(aim.target, YODEL_SIO_ALL_ARGUMENTS);
        waiter->wants_lists = true;
    }
    say(c->p, "emit_ack %u to %s rooms %x, %u ms", serial,
        aim.what.to != NULL ? aim.what.to->id : program_names[aim.what.name % NUM_NAMES],
        aim.what.rooms, ms);
    rc = yodel_sio_emit_ack(yodel_sio_target_timeout(aim.target, ms), "ev",
                            YODEL_OPTIONS(yodel_sio_args, .json = yodel_str_of(args)), on_answers,
                            waiter);
    waiter_returned(waiter, rc);
    sent_returned(c->p, serial, rc);
}

/* ---- Socket.IO: one socket ---- */

static bool has_rooms(const struct ssock *ss)
{
    return !ss->disconnecting;
}

void call_join(struct ctx *c)
{
    unsigned room = pick(c->p, NUM_ROOMS);
    int rc = yodel_sio_socket_join(c->ss->socket, program_rooms[room]);

    say(c->p, "join %s to %s: %d", c->ss->id, program_rooms[room], rc);
    if (rc == 0)
        ssock_join(c->ss, room, has_rooms(c->ss) ? IN : MAYBE);
    else if (rc != YODEL_ERR_CLOSED && rc != YODEL_ERR_TOO_BIG && !failed_now(c, rc))
        broken(c->p, "yodel_sio_socket_join: %s", yodel_error_name(rc));
}

void call_leave(struct ctx *c)
{
    unsigned room = pick(c->p, NUM_ROOMS);

    say(c->p, "leave %s from %s", c->ss->id, program_rooms[room]);
    yodel_sio_socket_leave(c->ss->socket, program_rooms[room]);
    if (!c->ss->without_rooms)
        ssock_join(c->ss, room, OUT);
}

static void each_room(yodel_str room, void *user)
{
    struct ctx *c = user;

    (void)room;
    act(c->p, NULL, c->ss->socket != NULL ? c->ss : NULL);
}

void call_each_room(struct ctx *c)
{
    say(c->p, "each_room %s", c->ss->id);
    yodel_sio_socket_each_room(c->ss->socket, each_room, c);
}

void call_disconnect(struct ctx *c)
{
    int close = once_in(c->p, 3) ? 1 + once_in(c->p, 2) : 0;

    say(c->p, "disconnect %s, close %d", c->ss->id, close);
    yodel_sio_socket_disconnect(c->ss->socket, close);
}

static void on_once(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct program *p = user;
    struct ssock *ss = yodel_sio_socket_data(socket);

    (void)event;
    act(p, NULL, ss);
}

void call_look(struct ctx *c)
{
    yodel_sio_socket *socket = c->ss->socket;

    json_decref(yodel_sio_socket_handshake(socket));
    (void)yodel_sio_socket_auth(socket);
    (void)yodel_sio_socket_header(socket, "host");
    (void)yodel_sio_socket_peer(socket);
    (void)yodel_sio_socket_transport(socket);
    (void)yodel_sio_socket_session_id(socket);
    (void)yodel_sio_socket_client_number(socket);
    (void)yodel_sio_socket_buffered(socket);
    if (pick(c->p, 4) == 0)
        (void)yodel_sio_socket_pause(socket);
    else
        (void)yodel_sio_socket_resume(socket);
    (void)yodel_sio_socket_json(socket);
    (void)yodel_sio_socket_once(socket, "hello", on_once, c->p);
}

/* ---- Socket.IO: many sockets ---- */

/* Which sockets an operation changes is not known before it has run; it may meet some that are not
 * there yet. */
static void become_unsure(struct program *p, unsigned bits)
{
    p->unsure_rooms |= bits;
    for (struct ssock *ss = p->ssocks; ss != NULL; ss = ss->next)
        for (unsigned i = 0; i < NUM_ROOMS; i++)
            if ((bits >> i & 1) != 0)
                ss->room[i] = MAYBE;
}

void call_sockets_rooms(struct ctx *c)
{
    const char *rooms[NUM_ROOMS + 1];
    unsigned bits = 1u << pick(c->p, NUM_ROOMS);
    struct aim aim;

    choose_target(c, &aim);
    become_unsure(c->p, bits);
    say(c->p, "sockets join or leave %x", bits);
    if (once_in(c->p, 2))
        (void)yodel_sio_target_leave(aim.target, list_rooms(bits, rooms));
    else
        (void)yodel_sio_target_join(aim.target, list_rooms(bits, rooms));
}

void call_disconnect_sockets(struct ctx *c)
{
    struct aim aim;

    choose_target(c, &aim);
    say(c->p, "disconnect_sockets");
    (void)yodel_sio_target_disconnect(aim.target, once_in(c->p, 3) ? 1 + once_in(c->p, 2) : 0);
}

static void on_sockets(const yodel_sio_sockets *sockets, void *user)
{
    struct waiter *waiter = user;

    waiter_called(waiter);
    if (!json_is_array(sockets->json) && !waiter->p->has_failed && waiter->p->now < waiter->due)
        broken(waiter->p, "%s: no array", waiter->what);
    if (sockets->result == 0 && sockets->missing > 0)
        broken(waiter->p, "%s: 0, %u missing", waiter->what, sockets->missing);
    act(waiter->p, NULL, NULL);
}

void call_fetch(struct ctx *c)
{
    struct waiter *waiter = waiter_new(c->p, "fetch");
    struct aim aim;
    int rc;

    choose_target(c, &aim);
    waiter->due = c->p->now + 10000;
    say(c->p, "fetch");
    if (once_in(c->p, 2))
        rc = once_in(c->p, 2)
                 ? yodel_sio_namespace_fetch_rooms(aim.target.ns, on_sockets, waiter)
                 : yodel_sio_namespace_fetch_room_counts(aim.target.ns, on_sockets, waiter);
    else
        rc = yodel_sio_target_fetch(aim.target, on_sockets, waiter);
    waiter_returned(waiter, rc);
}

/* Keeps a namespace for later, when the last of its sockets may have gone. */
void call_find(struct ctx *c)
{
    unsigned service = pick(c->p, c->p->num_services), name = pick(c->p, NUM_NAMES);
    yodel_sio *sio = c->p->services[service].sio;
    yodel_sio_namespace *ns;

    if (c->ss != NULL && once_in(c->p, 2)) {
        service = c->ss->service;
        name = (unsigned)c->ss->name;
        ns = yodel_sio_namespace_ref(yodel_sio_socket_namespace(c->ss->socket));
    } else {
        ns = yodel_sio_find_namespace(sio, program_names[name]);
    }
    say(c->p, "find %s: %s", program_names[name], ns != NULL ? "kept" : "none");
    if (ns != NULL)
        keep(c->p, (struct kept){KEPT_NAMESPACE, ns, service, (int)name});
}

/* To one that is kept, which may have no sockets any more, and not be found. */
void emit_to_kept(struct program *p, const struct kept *kept)
{
    struct aim aim = {.what = {.service = kept->service, .name = kept->name}};
    unsigned serial;

    aim.target = yodel_sio_to_all(kept->thing);
    serial = note_emit(p, &aim);
    p->sent[serial - 1].may_miss = true; /* another one of that name may be there by now */
    say(p, "emit %u to %s, which was kept", serial, program_names[kept->name]);
    sent_returned(p, serial, yodel_sio_emit(aim.target, "ev", "i", (int)serial));
}
