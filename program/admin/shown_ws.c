/* SPDX-License-Identifier: MIT */
#include "admin/shown_ws.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <yodel/ws.h>

#include "admin/describe.h"
#include "admin/watch.h"
#include "base/clock.h"
#include "base/peer.h"

bool yg_admin_shows_websockets(const struct yg_admin *admin)
{
    return admin != NULL && yg_admin_shows_all(admin);
}

/* ---- the handshake ---- */

static void set_text(json_t *object, const char *name, yodel_str value)
{
    if (value.ptr == NULL || !yg_text_is_utf8(value.ptr, value.len))
        value = YODEL_STR("");
    json_object_set_new(object, name, json_stringn(value.ptr, value.len));
}

static void add_header(yodel_str name, yodel_str value, void *user)
{
    char lower[80];

    if (name.len >= sizeof(lower))
        return;
    for (size_t i = 0; i < name.len; i++)
        lower[i] =
            (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] + 32 : name.ptr[i]);
    lower[name.len] = '\0';
    if (yg_text_is_utf8(lower, name.len))
        set_text(user, lower, value);
}

/* Names alone: tokens of WebSockets come in the query, under any name. */
static void add_fields(json_t *object, yodel_str query)
{
    while (query.len > 0) {
        const char *end = memchr(query.ptr, '&', query.len);
        const size_t len = end != NULL ? (size_t)(end - query.ptr) : query.len;
        const char *equals = memchr(query.ptr, '=', len);
        const size_t name_len = equals != NULL ? (size_t)(equals - query.ptr) : len;
        char name[80];

        if (name_len > 0 && name_len < sizeof(name) && yg_text_is_utf8(query.ptr, name_len)) {
            memcpy(name, query.ptr, name_len);
            name[name_len] = '\0';
            json_object_set_new(object, name, json_string("..."));
        }
        query.ptr += len + (end != NULL);
        query.len -= len + (end != NULL);
    }
}

static void set_time(json_t *object)
{
    const int64_t now_ms = yg_clock_wall_ms();
    const time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    char text[80] = "";

    if (gmtime_r(&seconds, &utc) != NULL)
        (void)strftime(text, sizeof(text),
                       "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", &utc);
    json_object_set_new(object, "time", json_string(text));
    json_object_set_new(object, "issued", json_integer(now_ms));
}

static json_t *make_handshake(yodel_request *req)
{
    json_t *object = json_object(), *headers = json_object(), *query = json_object();
    const bool has_origin = yodel_request_header(req, "origin").ptr != NULL;

    if (headers != NULL)
        yodel_request_each_header(req, add_header, headers);
    if (query != NULL)
        add_fields(query, yodel_request_query(req));
    set_text(object, "address", yg_peer_address(yodel_request_peer(req)));
    set_text(object, "url", yodel_request_path(req));
    set_time(object);
    json_object_set_new(object, "secure", json_boolean(yodel_request_is_tls(req)));
    json_object_set_new(object, "xdomain", json_boolean(has_origin));
    json_object_set_new(object, "headers", headers);
    json_object_set_new(object, "query", query);
    return object;
}

/* ---- its life ---- */

static void put_nsp(struct yg_text *text, const struct yg_admin_ws *shown)
{
    struct yg_text name = {0};

    yg_text_printf(&name, "%s%s", YG_WS_NAMESPACE, shown->path);
    yg_text_put_json(text, yg_text_string(&name), name.len);
    text->failed = text->failed || yg_text_failed(&name);
    yg_text_done(&name);
}

static void hide(struct yg_admin_ws *shown)
{
    yg_text_done(&shown->head);
    yg_text_done(&shown->data);
    yg_text_done(&shown->rooms);
    shown->admin = NULL;
}

void yg_admin_ws_open(struct yg_admin *admin, struct yg_admin_ws *shown, yodel_ws *ws,
                      yodel_request *req, const char *path)
{
    json_t *handshake;

    if (!yg_admin_shows_websockets(admin))
        return;
    *shown = (struct yg_admin_ws){.admin = admin, .ws = ws, .path = path};
    snprintf(shown->id, sizeof(shown->id), "ws-%" PRIx64 "-%.8s", yodel_ws_id(ws).value,
             admin->process);
    yg_text_printf(&shown->head,
                   "{\"id\":\"%s\",\"clientId\":\"%s\",\"transport\":\"ws\",\"nsp\":", shown->id,
                   shown->id);
    put_nsp(&shown->head, shown);
    yg_text_puts(&shown->head, ",\"handshake\":");
    handshake = make_handshake(req);
    yg_describe_handshake(&shown->head, handshake, admin->options.redact);
    json_decref(handshake);
    if (yg_text_failed(&shown->head))
        hide(shown);
}

/* Its rooms, one after the other; NULL at the end. */
static const char *next_room(const struct yg_admin_ws *shown, const char *room)
{
    const char *next = room != NULL ? room + strlen(room) + 1 : shown->rooms.ptr;

    return next != NULL && next < shown->rooms.ptr + shown->rooms.len ? next : NULL;
}

static struct yg_admin_loop *loop_of(const struct yg_admin_ws *shown)
{
    return yg_watch_loop(shown->admin, yodel_ws_loop(shown->ws));
}

/* ["ws:/path" */
static void open_args(struct yg_text *text, const struct yg_admin_ws *shown)
{
    yg_text_putc(text, '[');
    put_nsp(text, shown);
}

/* NULL: it is in none of that name. */
static char *find_room(const struct yg_admin_ws *shown, const char *group)
{
    const char *room = next_room(shown, NULL);

    while (room != NULL && strcmp(room, group) != 0)
        room = next_room(shown, room);
    return (char *)(uintptr_t)room;
}

/* What pages are told of it: NULL: nobody looks, or it is not open. */
static struct yg_admin_loop *told_at(const struct yg_admin_ws *shown)
{
    struct yg_admin_loop *at = shown->admin != NULL && shown->next != NULL ? loop_of(shown) : NULL;

    return at != NULL && at->is_on ? at : NULL;
}

static void tell_room(struct yg_admin_loop *at, const struct yg_admin_ws *shown,
                      enum yg_admin_record_kind kind, const char *room)
{
    const yodel_str id = yodel_str_of(shown->id);
    struct yg_text text = {0};

    open_args(&text, shown);
    yg_describe_word(&text, yodel_str_of(room));
    yg_describe_word(&text, id);
    yg_describe_time(&text);
    yg_text_putc(&text, ']');
    yg_watch_tell(at, kind, id, &text);
}

void yg_admin_ws_join(struct yg_admin_ws *shown, const char *group)
{
    struct yg_admin_loop *at;

    if (shown->admin == NULL || find_room(shown, group) != NULL)
        return;
    yg_text_add(&shown->rooms, group, strlen(group) + 1);
    if (yg_text_failed(&shown->rooms)) {
        shown->rooms.failed = false; /* without memory it is not shown */
        return;
    }
    at = told_at(shown);
    if (at != NULL)
        tell_room(at, shown, YG_RECORD_JOINED, group);
}

void yg_admin_ws_leave(struct yg_admin_ws *shown, const char *group)
{
    char *room = shown->admin != NULL ? find_room(shown, group) : NULL;
    const size_t len = strlen(group) + 1;
    struct yg_admin_loop *at;

    if (room == NULL)
        return;
    shown->rooms.len -= len;
    memmove(room, room + len, (size_t)(shown->rooms.ptr + shown->rooms.len - room));
    at = told_at(shown);
    if (at != NULL)
        tell_room(at, shown, YG_RECORD_LEFT, group);
}

static void put_data(struct yg_text *text, const char *user, const json_t *meta)
{
    yg_text_putc(text, '{');
    if (user != NULL) {
        yg_text_puts(text, "\"user\":");
        yg_text_put_json(text, user, strlen(user));
    }
    if (meta != NULL) {
        yg_text_puts(text, user != NULL ? ",\"meta\":" : "\"meta\":");
        yg_describe_data(text, meta);
    }
    yg_text_putc(text, '}');
}

void yg_admin_ws_set_data(struct yg_admin_ws *shown, const char *user, const json_t *meta)
{
    struct yg_admin_loop *at = told_at(shown);
    struct yg_text text = {0};

    if (shown->admin == NULL)
        return;
    yg_text_reset(&shown->data);
    put_data(&shown->data, user, meta);
    if (yg_text_failed(&shown->data))
        yg_text_reset(&shown->data);
    if (at == NULL)
        return;
    yg_text_printf(&text, "[{\"id\":\"%s\",\"nsp\":", shown->id);
    put_nsp(&text, shown);
    yg_text_printf(&text, ",\"data\":%s}]", shown->data.len > 0 ? shown->data.ptr : "{}");
    yg_watch_tell(at, YG_RECORD_UPDATED, yodel_str_of(shown->id), &text);
}

static void link_up(struct yg_admin_loop *at, struct yg_admin_ws *shown)
{
    struct yg_admin_ws *first = at->ws;

    shown->next = first != NULL ? first : shown;
    shown->prev = first != NULL ? first->prev : shown;
    shown->prev->next = shown;
    shown->next->prev = shown;
    at->ws = shown;
    atomic_fetch_add_explicit(&shown->admin->num_ws, 1, memory_order_relaxed);
}

static void unlink_it(struct yg_admin_loop *at, struct yg_admin_ws *shown)
{
    shown->prev->next = shown->next;
    shown->next->prev = shown->prev;
    if (at->ws == shown)
        at->ws = shown->next != shown ? shown->next : NULL;
    atomic_fetch_sub_explicit(&shown->admin->num_ws, 1, memory_order_relaxed);
}

void yg_shown_ws_describe(struct yg_text *text, const struct yg_admin_ws *shown)
{
    const char *first = next_room(shown, NULL);

    yg_text_add(text, shown->head.ptr, shown->head.len);
    yg_text_printf(text, ",\"data\":%s,\"rooms\":[", shown->data.len > 0 ? shown->data.ptr : "{}");
    for (const char *room = first; room != NULL; room = next_room(shown, room)) {
        yg_text_puts(text, room != first ? "," : "");
        yg_text_put_json(text, room, strlen(room));
    }
    yg_text_puts(text, "]}");
}

void yg_admin_ws_opened(struct yg_admin_ws *shown)
{
    struct yg_admin_loop *at;
    struct yg_text text = {0};

    if (shown->admin == NULL)
        return;
    at = loop_of(shown);
    link_up(at, shown);
    if (!at->is_on)
        return;
    yg_text_putc(&text, '[');
    yg_shown_ws_describe(&text, shown);
    yg_describe_time(&text);
    yg_text_putc(&text, ']');
    yg_watch_tell(at, YG_RECORD_CONNECTED, yodel_str_of(shown->id), &text);
}

void yg_admin_ws_message(struct yg_admin_ws *shown, const yodel_ws_message *message)
{
    struct yg_text text = {0}, args = {0};
    const bool is_text = message->type == YODEL_WS_TEXT;
    struct yg_admin_loop *at;

    at = told_at(shown);
    if (at == NULL)
        return;
    yg_text_putc(&args, '[');
    if (is_text && message->data.len <= YG_DESCRIBE_EVENT)
        yg_text_put_json(&args, (const char *)message->data.ptr, message->data.len);
    else
        yg_text_printf(&args, "\"(%zu bytes)\"", message->data.len);
    yg_text_putc(&args, ']');
    open_args(&text, shown);
    yg_describe_word(&text, yodel_str_of(shown->id));
    yg_text_putc(&text, ',');
    yg_describe_event(&text, YODEL_STR("message"), (yodel_str){args.ptr, args.len}, NULL, 0);
    yg_describe_time(&text);
    yg_text_putc(&text, ']');
    text.failed = text.failed || yg_text_failed(&args);
    yg_watch_tell(at, YG_RECORD_RECEIVED, yodel_str_of(shown->id), &text);
    yg_text_done(&args);
}

static void tell_end(struct yg_admin_loop *at, const struct yg_admin_ws *shown)
{
    const yodel_str id = yodel_str_of(shown->id);
    struct yg_text text = {0};

    open_args(&text, shown);
    yg_describe_word(&text, id);
    yg_text_puts(&text, ",\"transport close\"");
    yg_describe_time(&text);
    yg_text_putc(&text, ']');
    yg_watch_tell(at, YG_RECORD_DISCONNECTED, id, &text);
    for (const char *room = next_room(shown, NULL); room != NULL; room = next_room(shown, room))
        tell_room(at, shown, YG_RECORD_LEFT, room);
    yg_watch_tell(at, YG_RECORD_GONE, id, &text);
}

void yg_admin_ws_close(struct yg_admin_ws *shown)
{
    struct yg_admin_loop *at;

    if (shown->admin == NULL)
        return;
    if (shown->next != NULL) {
        at = loop_of(shown);
        unlink_it(at, shown);
        if (at->is_on)
            tell_end(at, shown);
    }
    hide(shown);
}

/* ---- by a page ---- */

static struct yg_admin_ws *find(const struct yg_admin_loop *at, const char *id)
{
    struct yg_admin_ws *ws = at->ws;

    if (ws == NULL)
        return NULL;
    do {
        if (strcmp(ws->id, id) == 0)
            return ws;
        ws = ws->next;
    } while (ws != at->ws);
    return NULL;
}

struct search {
    struct yg_admin_loop *at;
    char id[YG_RECORD_ID];
};

static void close_it(yodel_loop *loop, void *arg)
{
    const struct search *search = arg;
    const struct yg_admin_ws *found = find(search->at, search->id);

    (void)loop;
    if (found != NULL)
        yodel_ws_close(found->ws, 1008, "disconnected by an operator");
}

int yg_shown_ws_close(struct yg_admin *admin, const char *id)
{
    int rc = 0;

    for (unsigned i = 0; i < admin->num_loops && rc == 0; i++) {
        struct search *search = calloc(1, sizeof(*search));

        if (search == NULL)
            return -ENOMEM;
        search->at = &admin->loops[i];
        snprintf(search->id, sizeof(search->id), "%s", id);
        rc = yodel_loop_post(admin->loops[i].loop, close_it, search, free);
    }
    return rc;
}
