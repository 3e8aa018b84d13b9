/* SPDX-License-Identifier: MIT */
#include "program.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What handlers and other threads call: any call of the headers, on their own object or another. */

const char *const program_rooms[NUM_ROOMS] = {"r1", "r2", "r3"};
const char *const program_groups[NUM_GROUPS] = {"g1", "g2", "/#r1", "/#r2", "/chat#r1"};
const char *const program_names[NUM_NAMES] = {"/", "/chat", "/dyn-1", "/dyn-2", "/fn-1", "/no"};

/* Whose handler is running, and what is at hand. */
struct ctx {
    struct program *p;
    struct wsock *ws; /* a WebSocket of this loop; NULL: none */
    struct ssock *ss; /* a socket of this loop; NULL: none */
};

/* ---- targets ---- */

/* The handler's own, more often than another of the same loop. */
static struct wsock *choose_wsock(struct program *p, struct wsock *own)
{
    struct wsock *chosen = own;
    unsigned skip = pick(p, 4);

    if (own != NULL && skip < 2)
        return own;
    for (struct wsock *ws = p->wsocks; ws != NULL; ws = ws->next)
        if (ws->ws != NULL && (int)ws->loop == p->current) {
            chosen = ws;
            if (skip-- == 0)
                break;
        }
    return chosen;
}

static struct ssock *choose_ssock(struct program *p, struct ssock *own)
{
    struct ssock *chosen = own;
    unsigned skip = pick(p, 4);

    if (own != NULL && skip < 2)
        return own;
    for (struct ssock *ss = p->ssocks; ss != NULL; ss = ss->next)
        if (ss->socket != NULL && (int)ss->loop == p->current) {
            chosen = ss;
            if (skip-- == 0)
                break;
        }
    return chosen;
}

/* Any WebSocket there ever was. */
static uint64_t choose_ws_id(struct program *p)
{
    unsigned skip = pick(p, 8);
    uint64_t id = 0;

    for (struct wsock *ws = p->wsocks; ws != NULL; ws = ws->next) {
        id = ws->id;
        if (skip-- == 0)
            break;
    }
    return id;
}

static bool failed_now(const struct ctx *c, int rc)
{
    return rc == -ENOMEM && c->p->has_failed;
}

/* ---- WebSockets ---- */

static void call_ws_send(struct ctx *c)
{
    static const uint8_t data[600];
    yodel_ws_type type = once_in(c->p, 2) ? YODEL_WS_BINARY : YODEL_WS_TEXT;
    int rc = yodel_ws_send(c->ws->ws, type, (yodel_bytes){data, 8u * pick(c->p, 75)});

    say(c->p, "ws_send %d: %d", c->ws->line, rc);
    if (rc == 0 && (!c->ws->opened || c->ws->closed || c->ws->ending) && !c->ws->accepted)
        broken(c->p, "yodel_ws_send: 0 for a WebSocket that is not open");
}

static void call_ws_close(struct ctx *c)
{
    static const uint16_t codes[] = {1000, 1001, 0, 4000, 7};

    say(c->p, "ws_close %d", c->ws->line);
    c->ws->decided = true;
    for (unsigned i = 0; i < NUM_GROUPS; i++)
        wsock_join(c->ws, i, false);
    yodel_ws_close(c->ws->ws, codes[pick(c->p, 5)], "bye");
}

static void call_ws_accept(struct ctx *c)
{
    struct wsock *ws = c->ws;
    int rc = yodel_ws_accept(ws->ws, NULL);

    say(c->p, "ws_accept %d: %d", ws->line, rc);
    if (rc == 0 && (ws->accepted || ws->ending))
        broken(c->p, "yodel_ws_accept: 0 for a WebSocket that %s",
               ws->ending ? "has ended" : "is accepted already");
    if (rc == 0) {
        ws->accepted = true;
        ws->decided = true;
    }
}

static void call_ws_reject(struct ctx *c)
{
    int rc = yodel_ws_reject(
        c->ws->ws, once_in(c->p, 2) ? NULL : YODEL_OPTIONS(yodel_response, .status = 404));

    say(c->p, "ws_reject %d: %d", c->ws->line, rc);
    if (rc == 0 && c->ws->ending)
        broken(c->p, "yodel_ws_reject: 0 for a WebSocket that has ended");
    if (rc == 0 || rc == YODEL_ERR_CLOSED)
        c->ws->decided = true;
}

static void call_ws_defer(struct ctx *c)
{
    struct wsock *ws = c->ws;
    yodel_decision *d = yodel_ws_defer(ws->ws);

    say(c->p, "ws_defer %d: %d", ws->line, d != NULL);
    if (d != NULL && (ws->accepted || ws->ending))
        broken(c->p, "yodel_ws_defer: of a WebSocket that is decided");
    (void)decision_keep(c->p, d, "a WebSocket", ws, false);
}

static void call_ws_pause(struct ctx *c)
{
    bool pauses = once_in(c->p, 2);
    int rc = pauses ? yodel_ws_pause(c->ws->ws) : yodel_ws_resume(c->ws->ws);

    say(c->p, "ws_%s %d: %d", pauses ? "pause" : "resume", c->ws->line, rc);
    if (rc != 0 && rc != YODEL_ERR_CLOSED)
        broken(c->p, "yodel_ws_pause: %s", yodel_error_name(rc));
    if (rc == 0 && c->ws->ending)
        broken(c->p, "yodel_ws_pause: 0 for a WebSocket that has ended");
}

static void call_group_add(struct ctx *c)
{
    unsigned group = pick(c->p, NUM_GROUPS);
    int rc = once_in(c->p, 3) ? yodel_group_add_json(c->p->layer, program_groups[group], c->ws->ws,
                                                     YODEL_STR("{\"name\":\"x\"}"))
                              : yodel_group_add(c->p->layer, program_groups[group], c->ws->ws);

    say(c->p, "group_add %d to %s: %d", c->ws->line, program_groups[group], rc);
    if (rc == 0 && c->ws->ending)
        broken(c->p, "yodel_group_add: 0 for a WebSocket that has ended");
    if (rc == 0)
        wsock_join(c->ws, group, true);
    else if (rc != YODEL_ERR_CLOSED && !failed_now(c, rc))
        broken(c->p, "yodel_group_add: %s", yodel_error_name(rc));
}

static void call_group_discard(struct ctx *c)
{
    unsigned group = pick(c->p, NUM_GROUPS);

    say(c->p, "group_discard %d from %s", c->ws->line, program_groups[group]);
    yodel_group_discard(c->p->layer, program_groups[group], c->ws->ws);
    wsock_join(c->ws, group, false);
}

static void call_ws_look(struct ctx *c)
{
    char name[YODEL_CHANNEL_NAME_SIZE];

    (void)yodel_ws_buffered(c->ws->ws);
    yodel_ws_channel_name(c->ws->ws, name);
    if (yodel_ws_id(c->ws->ws).value != c->ws->id || strcmp(name, c->ws->channel) != 0)
        broken(c->p, "the id or channel name of a WebSocket has changed");
    (void)yodel_ws_send_prepared(c->ws->ws, c->p->prepared);
}

/* ---- by id ---- */

static void run_post(yodel_ws *ws, void *arg)
{
    struct waiter *waiter = arg;
    struct wsock *record = yodel_ws_data(ws);

    waiter_called(waiter);
    if (record != NULL && record->id != waiter->ws_id)
        broken(waiter->p, "a post came to another WebSocket");
    act(waiter->p, record, NULL);
}

static void free_post(void *arg)
{
    struct waiter *waiter = arg;

    waiter->frees++;
    act(waiter->p, NULL, NULL);
}

static void call_post(struct ctx *c)
{
    uint64_t id = choose_ws_id(c->p);
    struct waiter *waiter;

    if (id == 0)
        return;
    waiter = waiter_new(c->p, "post");
    waiter->ws_id = id;
    say(c->p, "ws_post");
    (void)yodel_ws_post(c->p->server, (yodel_id){id}, run_post, waiter, free_post);
}

static void note_decision(struct program *p, uint64_t id)
{
    for (struct wsock *ws = p->wsocks; ws != NULL; ws = ws->next)
        if (ws->id == id)
            ws->decided = true;
}

static void call_by_id(struct ctx *c)
{
    yodel_server *server = c->p->server;
    yodel_id id = {choose_ws_id(c->p)};
    unsigned what = pick(c->p, 2);

    note_decision(c->p, id.value);
    say(c->p, "by id: %u", what);
    if (what == 0)
        (void)yodel_ws_send_id(server, id, YODEL_WS_TEXT, (yodel_bytes){(uint8_t *)"by id", 5});
    else
        (void)yodel_ws_close_id(server, id, 4001, "by id");
}

/* ---- groups ---- */

static void call_group_send(struct ctx *c)
{
    unsigned serial = sent_new(c->p, SENT_FRAME), group = pick(c->p, NUM_GROUPS);
    char text[40];
    int len = snprintf(text, sizeof text, "g:%u", serial), rc;

    c->p->sent[serial - 1].group = group;
    expect_group(c->p, serial);
    say(c->p, "group_send %u to %s", serial, program_groups[group]);
    rc = yodel_group_send(c->p->layer, program_groups[group], YODEL_WS_TEXT,
                          (yodel_bytes){(uint8_t *)text, (size_t)len});
    sent_returned(c->p, serial, rc);
}

static void call_group_event(struct ctx *c)
{
    unsigned serial = sent_new(c->p, SENT_EVENT), group = pick(c->p, NUM_GROUPS);
    int rc;

    c->p->sent[serial - 1].group = group;
    expect_group(c->p, serial);
    say(c->p, "group_send_event %u to %s", serial, program_groups[group]);
    rc = yodel_group_send_event(c->p->layer, program_groups[group], "chat.message", "{s:i}", "n",
                                (int)serial);
    sent_returned(c->p, serial, rc);
}

static void call_channel_event(struct ctx *c)
{
    struct wsock *ws = c->p->wsocks;

    for (unsigned skip = pick(c->p, 4); ws != NULL && skip > 0; skip--)
        ws = ws->next;
    if (ws != NULL)
        (void)yodel_channel_send_event(c->p->layer, ws->channel, "to.one", NULL);
}

static void on_members(const yodel_group_members_result *result, void *user)
{
    struct waiter *waiter = user;

    waiter_called(waiter);
    for (size_t i = 0; i < result->num_members; i++)
        if (result->members[i].id.value == 0 || result->members[i].channel.len == 0)
            broken(waiter->p, "a member without an id");
    if ((result->result < 0) != (result->missing > 0))
        broken(waiter->p, "members: %d, %u missing", result->result, result->missing);
    act(waiter->p, NULL, NULL);
}

static void call_members(struct ctx *c)
{
    const char *group = program_groups[pick(c->p, NUM_GROUPS)];
    struct waiter *waiter = waiter_new(c->p, "group_members");

    say(c->p, "group_members");
    (void)yodel_group_count(c->p->layer, group);
    waiter_returned(waiter, yodel_group_members(c->p->layer, group, on_members, waiter));
}

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

    return yodel_sio_emit_args(aim->target, "ev", &args);
}

static void call_emit(struct ctx *c)
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
    else
        rc = yodel_sio_emit(aim.target, "ev", "i", (int)serial);
    sent_returned(c->p, serial, rc);
}

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    struct waiter *waiter = user;

    waiter_called(waiter);
    say(waiter->p, "answers: %d %" YODEL_PRI, answers->result, YODEL_ARG(answers->json));
    if (answers->result == -ETIMEDOUT && waiter->p->now < waiter->due)
        broken(waiter->p, "emit_ack: ETIMEDOUT %llu ms too early",
               (unsigned long long)(waiter->due - waiter->p->now));
    act(waiter->p, NULL, NULL);
}

static void call_emit_ack(struct ctx *c)
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

static void call_join(struct ctx *c)
{
    unsigned room = pick(c->p, NUM_ROOMS);
    int rc = yodel_sio_socket_join(c->ss->socket, program_rooms[room]);

    say(c->p, "join %s to %s: %d", c->ss->id, program_rooms[room], rc);
    if (rc == 0)
        ssock_join(c->ss, room, has_rooms(c->ss) ? IN : MAYBE);
    else if (rc != YODEL_ERR_CLOSED && rc != YODEL_ERR_TOO_BIG && !failed_now(c, rc))
        broken(c->p, "yodel_sio_socket_join: %s", yodel_error_name(rc));
}

static void call_leave(struct ctx *c)
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

static void call_each_room(struct ctx *c)
{
    say(c->p, "each_room %s", c->ss->id);
    yodel_sio_socket_each_room(c->ss->socket, each_room, c);
}

static void call_disconnect(struct ctx *c)
{
    int close = once_in(c->p, 3);

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

static void call_look(struct ctx *c)
{
    yodel_sio_socket *socket = c->ss->socket;

    json_decref(yodel_sio_socket_handshake(socket));
    (void)yodel_sio_socket_auth(socket);
    (void)yodel_sio_socket_header(socket, "host");
    (void)yodel_sio_socket_peer(socket);
    (void)yodel_sio_socket_transport(socket);
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

static void call_sockets_rooms(struct ctx *c)
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

static void call_disconnect_sockets(struct ctx *c)
{
    struct aim aim;

    choose_target(c, &aim);
    say(c->p, "disconnect_sockets");
    (void)yodel_sio_target_disconnect(aim.target, once_in(c->p, 3));
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

static void call_fetch(struct ctx *c)
{
    struct waiter *waiter = waiter_new(c->p, "fetch");
    struct aim aim;
    int rc;

    choose_target(c, &aim);
    waiter->due = c->p->now + 10000;
    say(c->p, "fetch");
    if (once_in(c->p, 2))
        rc = yodel_sio_namespace_fetch_rooms(aim.target.ns, on_sockets, waiter);
    else
        rc = yodel_sio_target_fetch(aim.target, on_sockets, waiter);
    waiter_returned(waiter, rc);
}

/* ---- the rest ---- */

static void call_sio_more(struct ctx *c)
{
    sio_more(c->p, c->ss);
}

static void call_server_look(struct ctx *c)
{
    yodel_sio *sio = c->p->services[pick(c->p, c->p->num_services)].sio;
    yodel_server_stats stats = {.size = sizeof stats};
    yodel_sio_stats sio_stats = {.size = sizeof sio_stats};

    if (yodel_server_get_stats(c->p->server, &stats) < 0)
        broken(c->p, "yodel_server_get_stats: failed");
    if (yodel_sio_get_stats(sio, &sio_stats) < 0)
        broken(c->p, "yodel_sio_get_stats: failed");
    look_at_names(sio);
    if (sio_stats.polling > sio_stats.clients)
        broken(c->p, "more clients on polling than clients");
}

static void call_upload(struct ctx *c)
{
    if (once_in(c->p, 2))
        stream_use(c->p);
    else if (c->p->current >= 0)
        upload_act(c->p);
}

static void call_kept(struct ctx *c)
{
    (once_in(c->p, 3) ? use_kept : open_side_act)(c->p);
}

/* Keeps a namespace for later, when the last of its sockets may have gone. */
static void call_find(struct ctx *c)
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

static void call_stop(struct ctx *c)
{
    if (once_in(c->p, 12))
        program_stop(c->p);
}

/* ---- drawing ---- */

enum needs { NOTHING, A_WS, A_SOCKET };

static const struct call {
    unsigned weight;
    enum needs needs;
    void (*fn)(struct ctx *c);
} calls[] = {
    {4, A_WS, call_ws_send},
    {4, A_WS, call_ws_close},
    {5, A_WS, call_ws_accept},
    {3, A_WS, call_ws_reject},
    {6, A_WS, call_ws_defer},
    {3, A_WS, call_ws_pause},
    {11, NOTHING, call_upload},
    {8, A_WS, call_group_add},
    {3, A_WS, call_group_discard},
    {3, A_WS, call_ws_look},
    {3, NOTHING, call_post},
    {5, NOTHING, call_by_id},
    {5, NOTHING, call_group_send},
    {5, NOTHING, call_group_event},
    {2, NOTHING, call_channel_event},
    {2, NOTHING, call_members},
    {12, NOTHING, call_emit},
    {6, NOTHING, call_emit_ack},
    {9, A_SOCKET, call_join},
    {4, A_SOCKET, call_leave},
    {2, A_SOCKET, call_each_room},
    {4, A_SOCKET, call_disconnect},
    {2, A_SOCKET, call_look},
    {2, NOTHING, call_sockets_rooms},
    {2, NOTHING, call_disconnect_sockets},
    {2, NOTHING, call_fetch},
    {6, NOTHING, call_sio_more},
    {1, NOTHING, call_server_look},
    {20, NOTHING, call_kept},
    {3, NOTHING, call_find},
    {1, NOTHING, call_stop},
};

static const struct call *choose_call(struct program *p)
{
    unsigned total = 0, chosen;

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        total += calls[i].weight;
    chosen = pick(p, total);
    for (const struct call *call = calls;; call++) {
        if (chosen < call->weight)
            return call;
        chosen -= call->weight;
    }
}

static void call_one(struct program *p, struct wsock *ws, struct ssock *ss)
{
    const struct call *call = choose_call(p);
    struct ctx c = {.p = p};

    if (p->current >= 0) {
        c.ws = call->needs == A_WS ? choose_wsock(p, ws) : NULL;
        c.ss = call->needs != A_WS ? choose_ssock(p, ss) : NULL;
    }
    if ((call->needs == A_WS && c.ws == NULL) || (call->needs == A_SOCKET && c.ss == NULL))
        return;
    program_counts.calls++;
    p->depth++;
    call->fn(&c);
    p->depth--;
}

void act(struct program *p, struct wsock *ws, struct ssock *ss)
{
    unsigned how_many;

    if (p->over || p->depth > 6)
        return;
    how_many = draw(p);
    how_many = how_many < 128 ? 0 : how_many < 192 ? 1 : how_many < 240 ? 2 : 4;
    for (; how_many > 0; how_many--)
        call_one(p, ws != NULL && ws->ws != NULL ? ws : NULL,
                 ss != NULL && ss->socket != NULL ? ss : NULL);
}

void act_abroad(struct program *p)
{
    call_one(p, NULL, NULL);
}
