/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* Socket.IO: services, namespaces, handlers, and what must be true whenever one is called. */

static int name_of(yodel_sio_namespace *ns)
{
    yodel_str name = yodel_sio_namespace_name(ns);

    for (int i = 0; i < NUM_NAMES; i++)
        if (yodel_str_eq(name, yodel_str_of(program_names[i])))
            return i;
    return -1;
}

/* ---- records ---- */

static void forget(void *data)
{
    struct ssock *ss = data;

    if (ss->freed)
        broken(ss->p, "the data of a socket is freed twice");
    if (ss->connected && !ss->ended && !ss->p->over)
        broken(ss->p, "a socket is gone without on_disconnect");
    ss->freed = true;
    ss->socket = NULL;
    act(ss->p, NULL, NULL);
}

/* A socket that was recovered has what another one had. */
static void inherit(struct ssock *ss)
{
    struct ssock *old = ss->next;

    while (old != NULL &&
           (strcmp(old->id, ss->id) != 0 || old->name != ss->name || old->service != ss->service))
        old = old->next;
    if (old == NULL) {
        broken(ss->p, "a socket was recovered that never was");
        return;
    }
    for (unsigned i = 0; i < NUM_ROOMS; i++)
        if (ss->room[i] == OUT) {
            ss->room[i] = old->room[i];
            ss->left_at[i] = old->left_at[i];
            ss->joined_at[i] = old->joined_at[i];
        }
    memcpy(ss->last, old->last, sizeof ss->last);
    ss->order_lost = old->order_lost || !old->asks_truly;
    free(ss->seen.serials);
    ss->seen = old->seen; /* nothing comes to that one any more */
    old->seen = (struct seen){NULL, 0, 0};
}

static struct ssock *make_ssock(struct service *service, yodel_sio_socket *socket)
{
    struct program *p = service->p;
    struct ssock *ss = calloc(1, sizeof *ss);
    yodel_str id = yodel_sio_socket_id(socket);

    if (ss == NULL)
        abort();
    ss->p = p;
    ss->socket = socket;
    ss->loop = (unsigned)p->current;
    ss->service = service->index;
    ss->name = name_of(yodel_sio_socket_namespace(socket));
    ss->born_at = p->step;
    ss->asks_truly = true;
    for (unsigned i = 0; i < NUM_ROOMS; i++)
        ss->room[i] = (p->unsure_rooms >> i & 1) != 0 ? MAYBE : OUT;
    (void)snprintf(ss->id, sizeof ss->id, "%" YODEL_PRI, YODEL_ARG(id));
    ss->next = p->ssocks;
    p->ssocks = ss;
    yodel_sio_socket_set_data(socket, ss, forget);
    return ss;
}

static struct ssock *meet(struct service *service, yodel_sio_socket *socket, const char *handler)
{
    struct program *p = service->p;
    struct ssock *ss = yodel_sio_socket_data(socket);
    yodel_str id = yodel_sio_socket_id(socket);

    if (ss == NULL)
        ss = make_ssock(service, socket);
    if (ss->socket != socket)
        broken(p, "%s: a socket that is not known", handler);
    if (ss->ended)
        broken(p, "%s: after on_disconnect", handler);
    if (p->current >= 0 && p->current != (int)ss->loop)
        broken(p, "%s: on another loop", handler);
    if (!yodel_str_eq(id, yodel_str_of(ss->id)) && ss->connected)
        broken(p, "%s: its id has changed", handler);
    say(p, "%s %s %s", handler, ss->id, program_names[ss->name]);
    return ss;
}

static struct ssock *meet_connected(struct service *service, yodel_sio_socket *socket,
                                    const char *handler)
{
    struct ssock *ss = meet(service, socket, handler);

    if (!ss->connected)
        broken(service->p, "%s: before on_connection", handler);
    return ss;
}

/* ---- handlers ---- */

static int on_middleware(yodel_sio_socket *socket, void *user)
{
    struct service *service = user;
    struct program *p = service->p;
    struct ssock *ss = meet(service, socket, "middleware");
    unsigned what = pick(p, 10);
    int rc = 0;

    act(p, NULL, ss);
    if (what >= 5)
        (void)decision_keep(p, yodel_sio_socket_defer(socket), "a socket", NULL, false);
    act(p, NULL, ss->socket != NULL ? ss : NULL);
    if (what == 4 || what == 9)
        rc = yodel_sio_socket_refuse(socket, once_in(p, 8) ? "\xff" : "not you",
                                     once_in(p, 2) ? "{\"a\":1}" : NULL);
    say(p, "middleware: %u: %d", what, rc);
    return what >= 5 && what < 9 ? YODEL_DEFER : rc;
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    struct service *service = user;
    struct ssock *ss = meet(service, socket, "on_connection");
    yodel_str id = yodel_sio_socket_id(socket);

    if (ss->connected)
        broken(service->p, "on_connection: twice");
    ss->connected = true;
    (void)snprintf(ss->id, sizeof ss->id, "%" YODEL_PRI, YODEL_ARG(id));
    if (yodel_sio_socket_recovered(socket))
        inherit(ss);
    act(service->p, NULL, ss);
}

static void on_disconnecting(yodel_sio_socket *socket, const char *reason, void *user)
{
    struct service *service = user;
    struct ssock *ss = meet_connected(service, socket, "on_disconnecting");

    say(service->p, "reason: %s", reason);
    if (ss->disconnecting)
        broken(service->p, "on_disconnecting: twice");
    ss->disconnecting = true;
    act(service->p, NULL, ss);
}

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    struct service *service = user;
    struct ssock *ss = meet_connected(service, socket, "on_disconnect");

    (void)reason;
    if (!ss->disconnecting)
        broken(service->p, "on_disconnect: without on_disconnecting");
    ss->without_rooms = true;
    act(service->p, NULL, ss);
    ss->ended = true;
    ss->socket = NULL;
}

static void answer(struct program *p, yodel_sio_event *event)
{
    json_t *array;

    if (p->step % 3 == 0) {
        (void)yodel_sio_event_answer_args(event, NULL);
    } else if (p->step % 3 == 1 && (array = json_pack("[s]", "yes")) != NULL) {
        (void)yodel_sio_event_answer_json(event, array);
        json_decref(array);
    } else {
        (void)yodel_sio_event_answer(event, once_in(p, 8) ? "q" : "si", "yes", 1);
    }
}

static void take_ack(struct program *p, yodel_sio_event *event)
{
    if (once_in(p, 4))
        answer(p, event);
    else if (once_in(p, 2))
        (void)decision_keep(p, yodel_sio_event_ack(event), "an acknowledgement", NULL, false);
}

static void handle_event(yodel_sio_socket *socket, yodel_sio_event *event, void *user,
                         const char *handler)
{
    struct service *service = user;
    struct program *p = service->p;
    struct ssock *ss = meet_connected(service, socket, handler);

    act(p, NULL, ss);
    take_ack(p, event);
    if (once_in(p, 8) && ss->socket != NULL)
        (void)yodel_sio_emit_event(yodel_sio_to_others(socket), "passed", event);
    act(p, NULL, ss->socket != NULL ? ss : NULL);
}

static void on_any(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    handle_event(socket, event, user, "on_any");
}

static void on_hello(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    handle_event(socket, event, user, "on hello");
}

static void on_unhandled(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    handle_event(socket, event, user, "on_unhandled");
}

static void on_error(yodel_sio_socket *socket, const char *message, void *user)
{
    struct service *service = user;

    (void)message;
    act(service->p, NULL, meet_connected(service, socket, "on_error"));
}

static void on_drain(yodel_sio_socket *socket, void *user)
{
    struct service *service = user;

    act(service->p, NULL, meet_connected(service, socket, "on_drain"));
}

static int on_event_middleware(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct service *service = user;
    struct program *p = service->p;
    struct ssock *ss = meet_connected(service, socket, "event middleware");
    unsigned what = pick(p, 12);
    int rc = 0;

    act(p, NULL, ss);
    if (what >= 9)
        (void)decision_keep(p, yodel_sio_event_defer(event), "an event", NULL, false);
    if (what == 8)
        take_ack(p, event);
    act(p, NULL, ss->socket != NULL ? ss : NULL);
    if (what == 7 || what == 9)
        rc = yodel_sio_event_refuse(event, once_in(p, 8) ? "\xff" : "no");
    return what > 9 ? YODEL_DEFER : rc;
}

static void on_outgoing(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args,
                        void *user)
{
    struct service *service = user;
    struct program *p = service->p;
    struct ssock *ss = meet(service, socket, "watcher");
    bool was_in = p->in_watcher;

    (void)event;
    (void)args;
    p->in_watcher = true;
    act(p, NULL, ss);
    p->in_watcher = was_in;
}

/* ---- hooks ---- */

static int on_allow(yodel_request *req, void *user)
{
    struct service *service = user;
    struct program *p = service->p;
    unsigned what = pick(p, 8);

    say(p, "allow_request");
    act(p, NULL, NULL);
    if (what < 4)
        return 0;
    if (what == 4)
        return 403;
    if (!decision_keep(p, yodel_request_defer(req), "a session", NULL, false))
        return -ENOMEM;
    return once_in(p, 8) ? 0 : YODEL_DEFER;
}

/* Each client that has come goes once. */
static void on_client_open(const yodel_sio_client *client, void *user)
{
    struct service *service = user;

    if (client->reason != NULL || client->number == 0)
        broken(service->p, "on_client_open: of one that goes");
    service->num_clients++;
    if (service->has_hooks)
        act(service->p, NULL, NULL);
}

static void on_client_close(const yodel_sio_client *client, void *user)
{
    struct service *service = user;

    if (client->reason == NULL || client->number == 0 || service->num_clients-- == 0)
        broken(service->p, "on_client_close: of one that did not come");
    if (service->has_hooks)
        act(service->p, NULL, NULL);
}

void sio_side_check(struct program *p)
{
    for (unsigned i = 0; i < p->num_services; i++)
        if (p->services[i].num_clients > 0)
            broken(p, "on_client_close: not of all who have come");
}

static void on_headers(const yodel_request *req, yodel_sio_add_header_fn *add, void *arg,
                       void *user)
{
    struct service *service = user;

    (void)req;
    act(service->p, NULL, NULL);
    add("X-Test", "yes", arg);
}

static int on_match(yodel_sio_entry *entry, yodel_str name, const json_t *auth, void *user)
{
    struct service *service = user;
    struct program *p = service->p;

    (void)auth;
    act(p, NULL, NULL);
    if (!yodel_str_eq(name, YODEL_STR("/fn-1")) || once_in(p, 8))
        return -EPERM;
    if (!once_in(p, 3))
        return 0;
    (void)decision_keep(p, yodel_sio_entry_defer(entry), "a namespace", NULL, false);
    act(p, NULL, NULL);
    return once_in(p, 8) ? 0 : YODEL_DEFER;
}

/* ---- set-up ---- */

static void handle(struct service *service, yodel_sio_namespace *ns)
{
    struct program *p = service->p;
    yodel_sio_handlers handlers = {
        .size = sizeof handlers,
        .on_connection = on_connection,
        .on_disconnecting = on_disconnecting,
        .on_disconnect = on_disconnect,
        .on_any = once_in(p, 4) ? on_any : NULL,
        .on_unhandled = on_unhandled,
        .on_error = on_error,
        .on_drain = on_drain,
    };
    int rc = yodel_sio_namespace_handle(ns, &handlers, service);

    room_side_set_up(p, service, ns);
    if (rc == 0)
        rc = yodel_sio_namespace_on(ns, "hello", on_hello, service);
    if (rc == 0 && once_in(p, 2))
        rc = yodel_sio_namespace_use(ns, on_middleware, service);
    if (rc == 0 && once_in(p, 4))
        rc = yodel_sio_namespace_use_event(ns, on_event_middleware, service);
    if (rc == 0 && once_in(p, 4))
        rc = yodel_sio_namespace_on_outgoing(ns, on_outgoing, service);
    if (rc < 0)
        abort();
}

static void make_service(struct program *p, unsigned index)
{
    struct service *service = &p->services[index];
    bool hooks = once_in(p, 8);
    yodel_sio_options options = {
        .size = sizeof options,
        .path = index == 0 ? "/socket.io/" : "/two/",
        .channels = once_in(p, 3) ? NULL : p->layer,
        .ping_interval_ms = 3000,
        .ping_timeout_ms = 2000,
        .upgrade_timeout_ms = 1000,
        .connect_timeout_ms = 2500,
        .max_payload = 2000,
        .max_buffered = 2000,
        .max_sessions = once_in(p, 16) ? 3 : 0,
        .max_children = once_in(p, 8) ? 1 : 0,
        .max_rooms = once_in(p, 8) ? 2 : 0,
        .max_acks = p->few_acks ? 2 : 0,
        .parser = speaks_msgpack(p) ? YODEL_SIO_MSGPACK : YODEL_SIO_JSON,
        .recovery_ms = p->recovery ? 6000 : 0,
        .recovery_bytes = once_in(p, 8) ? 500 : 0,
        .recovery_use_middleware = once_in(p, 3),
        .keep_empty_children = once_in(p, 2),
        .close_congested = once_in(p, 3),
        .allow_request = hooks ? on_allow : NULL,
        .headers = hooks ? on_headers : NULL,
        .on_client_open = on_client_open,
        .on_client_close = on_client_close,
        .hooks_user = service,
    };

    yodel_sio_namespace *by_function;

    service->p = p;
    service->index = index;
    service->has_hooks = hooks;
    if (yodel_sio_new(p->server, &options, &service->sio) < 0)
        abort();
    if (yodel_sio_of(service->sio, "/", &service->ns[0]) < 0 ||
        yodel_sio_of(service->sio, "/chat", &service->ns[1]) < 0 ||
        yodel_sio_of_pattern(service->sio, "/dyn-\\d+", &service->ns[NUM_NAMES]) < 0 ||
        yodel_sio_of_function(service->sio, on_match, service, &by_function) < 0)
        abort();
    handle(service, service->ns[0]);
    handle(service, service->ns[1]);
    handle(service, service->ns[NUM_NAMES]);
    handle(service, by_function);
}

void sio_side_set_up(struct program *p)
{
    p->recovery = once_in(p, 2);
    p->few_acks = once_in(p, 8);
    p->num_services = once_in(p, 2) ? 2 : 1;
    for (unsigned i = 0; i < p->num_services; i++)
        make_service(p, i);
}
