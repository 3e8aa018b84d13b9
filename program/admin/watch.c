/* SPDX-License-Identifier: MIT */
#include "admin/watch.h"

#include <errno.h>
#include <stdlib.h>

#include "admin/describe.h"
#include "admin/hub.h"
#include "admin/shown_ws.h"

struct yg_admin_loop *yg_watch_loop(struct yg_admin *admin, yodel_loop *loop)
{
    return &admin->loops[yodel_loop_index(loop)];
}

static void put(struct yg_admin_loop *at, enum yg_admin_record_kind kind,
                struct yg_admin_record *record)
{
    if (record != NULL)
        record->loop = at->index;
    if (yg_admin_queue_put(&at->queue, kind, record) &&
        yodel_loop_post(at->admin->loops[0].loop, yg_hub_drain, at, NULL) < 0)
        yg_admin_queue_not_posted(&at->queue);
}

void yg_watch_tell(struct yg_admin_loop *at, enum yg_admin_record_kind kind, yodel_str id,
                   struct yg_text *text)
{
    put(at, kind, yg_admin_record_new(kind, id, text));
    yg_text_done(text);
}

/* ---- what sockets do ---- */

static struct yg_admin_loop *loop_of(yodel_sio_socket *socket, void *user)
{
    return yg_watch_loop(user, yodel_sio_socket_loop(socket));
}

static yodel_str nsp_of(const yodel_sio_socket *socket)
{
    return yodel_sio_namespace_name(yodel_sio_socket_namespace(socket));
}

/* ["nsp" */
static void open_args(struct yg_text *text, yodel_str nsp)
{
    yg_text_putc(text, '[');
    yg_text_put_json(text, nsp.ptr, nsp.len);
}

static void on_connect(yodel_sio_socket *socket, void *user)
{
    struct yg_admin *admin = user;
    struct yg_text text = {0};

    yg_text_putc(&text, '[');
    yg_describe_socket(&text, socket, admin->options.redact);
    yg_describe_time(&text);
    yg_text_putc(&text, ']');
    yg_watch_tell(loop_of(socket, user), YG_RECORD_CONNECTED, yodel_sio_socket_id(socket), &text);
}

static void tell_room(yodel_sio_socket *socket, enum yg_admin_record_kind kind, yodel_str room,
                      void *user)
{
    const yodel_str id = yodel_sio_socket_id(socket);
    struct yg_text text = {0};

    open_args(&text, nsp_of(socket));
    yg_describe_word(&text, room);
    yg_describe_word(&text, id);
    yg_describe_time(&text);
    yg_text_putc(&text, ']');
    yg_watch_tell(loop_of(socket, user), kind, id, &text);
}

static void on_join(yodel_sio_socket *socket, yodel_str room, void *user)
{
    tell_room(socket, YG_RECORD_JOINED, room, user);
}

static void on_leave(yodel_sio_socket *socket, yodel_str room, void *user)
{
    tell_room(socket, YG_RECORD_LEFT, room, user);
}

struct leaving {
    yodel_sio_socket *socket;
    void *user;
};

static void leave_room(yodel_str room, void *user)
{
    const struct leaving *leaving = user;

    tell_room(leaving->socket, YG_RECORD_LEFT, room, leaving->user);
}

/* The end, and then the rooms, as node's does; the page would keep them for ever. */
static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    const yodel_str id = yodel_sio_socket_id(socket);
    struct leaving leaving = {socket, user};
    struct yg_text text = {0}, nothing = {0};

    open_args(&text, nsp_of(socket));
    yg_describe_word(&text, id);
    yg_describe_word(&text, yodel_str_of(reason));
    yg_describe_time(&text);
    yg_text_putc(&text, ']');
    yg_watch_tell(loop_of(socket, user), YG_RECORD_DISCONNECTED, id, &text);
    yodel_sio_socket_each_room(socket, leave_room, &leaving);
    yg_watch_tell(loop_of(socket, user), YG_RECORD_GONE, id, &nothing);
}

/* [{"id","nsp" */
static void open_update(struct yg_text *text, yodel_sio_socket *socket)
{
    const yodel_str id = yodel_sio_socket_id(socket), nsp = nsp_of(socket);

    yg_text_puts(text, "[{\"id\":");
    yg_text_put_json(text, id.ptr, id.len);
    yg_text_puts(text, ",\"nsp\":");
    yg_text_put_json(text, nsp.ptr, nsp.len);
}

static void on_upgrade(yodel_sio_socket *socket, void *user)
{
    struct yg_text text = {0};

    open_update(&text, socket);
    yg_text_printf(&text, ",\"transport\":\"%s\"}]", yodel_sio_socket_transport(socket));
    yg_watch_tell(loop_of(socket, user), YG_RECORD_UPDATED, yodel_sio_socket_id(socket), &text);
}

void yg_admin_changed(struct yg_admin *admin, yodel_sio_socket *socket)
{
    struct yg_admin_loop *at;
    struct yg_text text = {0};

    if (admin == NULL)
        return;
    at = loop_of(socket, admin);
    if (!at->is_on)
        return;
    open_update(&text, socket);
    yg_text_puts(&text, ",\"data\":");
    yg_describe_data(&text, yodel_sio_socket_json(socket));
    yg_text_puts(&text, "}]");
    yg_watch_tell(at, YG_RECORD_UPDATED, yodel_sio_socket_id(socket), &text);
}

/* ---- events ---- */

#define MAX_ATTACHMENTS 64

static void tell_event(yodel_sio_socket *socket, enum yg_admin_record_kind kind, yodel_str name,
                       const yodel_sio_args *args, void *user)
{
    const yodel_str id = yodel_sio_socket_id(socket);
    size_t sizes[MAX_ATTACHMENTS];
    size_t num = args->num_attachments < MAX_ATTACHMENTS ? args->num_attachments : MAX_ATTACHMENTS;
    struct yg_text text = {0};

    for (size_t i = 0; i < num; i++)
        sizes[i] = args->attachments[i].len;
    open_args(&text, nsp_of(socket));
    yg_describe_word(&text, id);
    yg_text_putc(&text, ',');
    yg_describe_event(&text, name, args->json.len > 0 ? args->json : YODEL_STR("[]"), sizes, num);
    yg_describe_time(&text);
    yg_text_putc(&text, ']');
    yg_watch_tell(loop_of(socket, user), kind, id, &text);
}

/* What pages say and are told is not shown to them. */
static bool is_page(const yodel_sio_socket *socket, const struct yg_admin *admin)
{
    return yodel_sio_socket_namespace(socket) == admin->ns;
}

static void on_event(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_bytes attachments[MAX_ATTACHMENTS];
    yodel_sio_args args = {.size = sizeof(args), .json = yodel_sio_event_args(event)};
    size_t num = yodel_sio_event_num_attachments(event);

    if (is_page(socket, user))
        return;
    if (num > MAX_ATTACHMENTS)
        num = MAX_ATTACHMENTS;
    for (size_t i = 0; i < num; i++)
        attachments[i] = yodel_sio_event_attachment(event, i);
    args.attachments = attachments;
    args.num_attachments = num;
    tell_event(socket, YG_RECORD_RECEIVED, yodel_sio_event_name(event), &args, user);
}

static void on_sent(yodel_sio_socket *socket, yodel_str event, const yodel_sio_args *args,
                    void *user)
{
    if (!is_page(socket, user))
        tell_event(socket, YG_RECORD_SENT, event, args, user);
}

static const yodel_sio_watcher watcher = {.size = sizeof(watcher),
                                          .on_connect = on_connect,
                                          .on_disconnect = on_disconnect,
                                          .on_join = on_join,
                                          .on_leave = on_leave,
                                          .on_upgrade = on_upgrade,
                                          .on_event = on_event,
                                          .on_sent = on_sent};

/* ---- a snapshot ---- */

struct walk {
    struct yg_admin_loop *at;
    uint64_t gather;
    size_t num; /* all of them */
};

static void put_state(struct walk *walk, yodel_str id, struct yg_text *text)
{
    struct yg_admin_record *record = yg_admin_record_new(YG_RECORD_STATE, id, text);

    if (record != NULL)
        record->gather = walk->gather;
    put(walk->at, YG_RECORD_STATE, record);
    yg_text_done(text);
}

static int describe(yodel_sio_socket *socket, void *user)
{
    struct walk *walk = user;
    struct yg_text text = {0};

    if (walk->num++ >= YG_SNAPSHOT_SOCKETS)
        return 0;
    yg_describe_socket(&text, socket, walk->at->admin->options.redact);
    put_state(walk, yodel_sio_socket_id(socket), &text);
    return 0;
}

static void describe_websockets(struct walk *walk)
{
    struct yg_admin_ws *ws = walk->at->ws;

    if (ws == NULL)
        return;
    do {
        if (walk->num++ < YG_SNAPSHOT_SOCKETS) {
            struct yg_text text = {0};

            yg_shown_ws_describe(&text, ws);
            put_state(walk, yodel_str_of(ws->id), &text);
        }
        ws = ws->next;
    } while (ws != walk->at->ws);
}

struct order {
    struct yg_admin_loop *at;
    uint64_t gather;
};

static void begin(yodel_loop *loop, void *arg)
{
    const struct order *order = arg;
    struct walk walk = {.at = order->at, .gather = order->gather};
    struct yg_text nothing = {0};
    struct yg_admin_record *end;

    (void)loop;
    if (!order->at->is_on &&
        yodel_sio_watch(order->at->admin->options.sio, &watcher, order->at->admin) < 0)
        return;
    order->at->is_on = true;
    if (yodel_sio_each_socket(order->at->admin->options.sio, describe, &walk) < 0)
        put(order->at, YG_RECORD_STATE, NULL);
    describe_websockets(&walk);
    end = yg_admin_record_new(YG_RECORD_END, (yodel_str){NULL, 0}, &nothing);
    if (end != NULL) {
        end->gather = walk.gather;
        end->total = walk.num;
    }
    put(order->at, YG_RECORD_END, end);
}

int yg_watch_begin(struct yg_admin_loop *at, uint64_t gather)
{
    struct order *order = malloc(sizeof(*order));

    if (order == NULL)
        return -ENOMEM;
    *order = (struct order){at, gather};
    return yodel_loop_post(at->loop, begin, order, free);
}

static void end(yodel_loop *loop, void *arg)
{
    struct yg_admin_loop *at = arg;

    (void)loop;
    if (at->is_on)
        (void)yodel_sio_watch(at->admin->options.sio, NULL, NULL);
    at->is_on = false;
}

int yg_watch_end(struct yg_admin_loop *at)
{
    return yodel_loop_post(at->loop, end, at, NULL);
}
