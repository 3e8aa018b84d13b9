/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "program.h"

/* Socket.IO: handlers that come and go, sockets by their ids, and emits that are not counted. */

static void on_own(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct program *p = user;

    look_at_event(p, socket, event);
    if (once_in(p, 4))
        (void)yodel_sio_socket_off(socket, once_in(p, 2) ? "hello" : NULL, on_own, p);
    act(p, NULL, yodel_sio_socket_data(socket));
}

static void change_own(struct program *p, struct ssock *ss)
{
    yodel_sio_socket *socket = ss->socket;

    switch (pick(p, 5)) {
    case 0:
        (void)yodel_sio_socket_on(socket, "hello", on_own, p);
        break;
    case 1:
        (void)yodel_sio_socket_on_any(socket, on_own, p);
        break;
    case 2:
        (void)yodel_sio_socket_once(socket, "hello", on_own, p);
        break;
    case 3:
        (void)yodel_sio_socket_off(socket, "hello", NULL, NULL);
        break;
    default:
        (void)yodel_sio_socket_off_any(socket, on_own, p);
    }
}

static void on_more(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    look_at_event(user, socket, event);
    act(user, NULL, yodel_sio_socket_data(socket));
}

/* ---- watchers ---- */

static void on_watched(yodel_sio_socket *socket, void *user)
{
    act(user, NULL, yodel_sio_socket_data(socket));
}

static void on_watched_room(yodel_sio_socket *socket, yodel_str room, void *user)
{
    (void)room;
    act(user, NULL, yodel_sio_socket_data(socket));
}

static void on_watched_end(yodel_sio_socket *socket, const char *reason, void *user)
{
    (void)reason;
    act(user, NULL, yodel_sio_socket_data(socket));
}

static void on_watched_sent(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args,
                            void *user)
{
    struct program *p = user;
    bool was_in = p->in_watcher; /* what is emitted goes ahead of the event */

    (void)event, (void)args;
    p->in_watcher = true;
    act(p, NULL, yodel_sio_socket_data(socket));
    p->in_watcher = was_in;
}

static int on_walked(yodel_sio_socket *socket, void *user)
{
    struct program *p = user;

    (void)yodel_sio_socket_listener_tag(socket);
    act(p, NULL, yodel_sio_socket_data(socket));
    return once_in(p, 4) ? 1 : 0;
}

static void change_watch(struct program *p, const struct service *service)
{
    const yodel_sio_watcher watcher = {.size = sizeof watcher,
                                       .on_connect = on_watched,
                                       .on_disconnect = on_watched_end,
                                       .on_join = on_watched_room,
                                       .on_leave = on_watched_room,
                                       .on_upgrade = on_watched,
                                       .on_event = on_more,
                                       .on_sent = on_watched_sent};

    (void)yodel_sio_watch(service->sio, once_in(p, 4) ? NULL : &watcher, p);
    if (once_in(p, 2))
        (void)yodel_sio_each_socket(service->sio, on_walked, p);
}

static void change_namespace(struct program *p, struct service *service)
{
    yodel_sio_namespace *ns = service->ns[pick(p, 2)], *made;

    switch (pick(p, 5)) {
    case 4:
        room_side_change(p, service);
        break;
    case 0:
        (void)yodel_sio_namespace_on(ns, "hello", on_more, p);
        break;
    case 1:
        (void)yodel_sio_namespace_off(ns, "hello", on_more, p);
        break;
    case 2:
        (void)yodel_sio_namespace_off(service->ns[NUM_NAMES], "none", NULL, NULL);
        change_watch(p, service);
        break;
    default:
        if (yodel_sio_of(service->sio, "/made", &made) == 0)
            (void)yodel_sio_namespace_count(made);
    }
}

/* ---- by id ---- */

struct posted {
    struct program *p;
    bool called;
};

static void on_posted(yodel_sio_socket *socket, void *arg)
{
    struct posted *posted = arg;
    struct ssock *ss = yodel_sio_socket_data(socket);

    if (posted->called)
        broken(posted->p, "yodel_sio_namespace_post: called twice");
    posted->called = true;
    if (ss != NULL && !ss->connected)
        broken(posted->p, "yodel_sio_namespace_post: a socket that is not connected");
    act(posted->p, NULL, ss);
}

static void post(struct program *p, yodel_sio_namespace *ns, const char *id)
{
    struct posted *posted = calloc(1, sizeof *posted);

    if (posted == NULL)
        abort();
    posted->p = p;
    (void)yodel_sio_namespace_post(ns, id, on_posted, posted, free);
}

/* A socket that may be anywhere, or gone. */
static void look_up(struct program *p)
{
    struct ssock *ss = p->ssocks;
    yodel_sio_namespace *ns;
    yodel_sio_socket *found;

    for (unsigned skip = pick(p, 4); ss != NULL && ss->next != NULL && skip > 0; skip--)
        ss = ss->next;
    if (ss == NULL)
        return;
    ns = p->services[ss->service].ns[ss->name == 0 || ss->name == 1 ? ss->name : NUM_NAMES];
    found = yodel_sio_namespace_find_socket(ns, ss->id);
    if (found != NULL && p->current < 0)
        broken(p, "yodel_sio_namespace_find_socket: on no loop");
    if (found != NULL && ss->socket != NULL && !ss->ended && p->current != (int)ss->loop)
        broken(p, "yodel_sio_namespace_find_socket: of another loop");
    (void)yodel_sio_namespace_count(ns);
    (void)yodel_sio_namespace_room_count(ns, "r1");
    (void)yodel_sio_namespace_num_rooms(ns);
    post(p, ns, ss->id);
}

/* ---- emits ---- */

static void on_typed(const yodel_sio_answers *answers, void *user)
{
    struct waiter *waiter = user;
    yodel_bytes data;
    int number;

    waiter_called(waiter);
    (void)yodel_sio_answers_json(answers);
    (void)yodel_sio_answers_unpack(answers, "iy", &number, &data);
    act(waiter->p, NULL, NULL);
}

static void ask_typed(struct program *p, yodel_sio_target target)
{
    struct waiter *waiter = waiter_new(p, "emit_ack_pack");

    waiter_returned(waiter, yodel_sio_emit_ack_pack(yodel_sio_target_timeout(target, 10000),
                                                    "passed", on_typed, waiter, "i", 1));
}

/* To a second process, if there is one. */
static void emit_to_servers(struct program *p, yodel_sio_namespace *ns)
{
    struct waiter *waiter;

    if (p->step % 3 == 1) {
        (void)yodel_sio_server_side_emit(ns, p->step % 2 == 0 ? "told" : "disconnect", "i", 1);
        (void)yodel_sio_server_side_emit_args(ns, "told", NULL);
        return;
    }
    waiter = waiter_new(p, "server_side_emit_ack");
    waiter_returned(waiter,
                    yodel_sio_server_side_emit_ack(
                        ns, "asked", YODEL_OPTIONS(yodel_sio_args, .json = YODEL_STR("[1]")), 500,
                        on_typed, waiter));
}

static void emit_typed(struct program *p, struct ssock *ss)
{
    struct service *service = &p->services[pick(p, p->num_services)];
    yodel_sio_target target = yodel_sio_to_all(service->ns[pick(p, 2)]);
    json_t *array;

    if (ss != NULL && once_in(p, 2))
        target = once_in(p, 2) ? yodel_sio_to(ss->socket) : yodel_sio_to_others(ss->socket);
    if (once_in(p, 8))
        target.reserved[0] = 1; /* which is refused */
    switch (pick(p, 4)) {
    case 0:
        if (p->step % 2 == 0)
            (void)yodel_sio_emit_bytes(target, "passed", (yodel_bytes){(const uint8_t *)"b", 1});
        else
            (void)yodel_sio_emit_text(target, "passed", YODEL_STR("text"));
        break;
    case 1:
        if ((array = json_pack("[i]", 1)) == NULL)
            break;
        (void)yodel_sio_emit_json(target, "passed", array);
        json_decref(array);
        break;
    case 2:
        if (p->step % 3 != 0)
            emit_to_servers(p, service->ns[p->step % NUM_NAMES]);
        else
            (void)yodel_sio_emit_text(target, "disconnect", YODEL_STR("reserved"));
        break;
    default:
        ask_typed(p, once_in(p, 4) ? yodel_sio_to_all(service->ns[NUM_NAMES]) : target);
    }
}

void sio_more(struct program *p, struct ssock *ss)
{
    switch (pick(p, 4)) {
    case 0:
        if (ss != NULL)
            change_own(p, ss);
        break;
    case 1:
        change_namespace(p, &p->services[pick(p, p->num_services)]);
        break;
    case 2:
        look_up(p);
        break;
    default:
        emit_typed(p, ss);
    }
}

int group_add(struct program *p, const char *group, yodel_ws *ws)
{
    return once_in(p, 3) ? yodel_group_add_json(p->layer, group, ws, YODEL_STR("{\"name\":\"x\"}"))
                         : yodel_group_add(p->layer, group, ws);
}

static void each_name(yodel_str name, void *user)
{
    (void)name;
    (void)user;
}

void look_at_names(yodel_sio *sio)
{
    yodel_sio_each_namespace(sio, each_name, NULL);
}
