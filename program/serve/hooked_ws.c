/* SPDX-License-Identifier: MIT */
#include "serve/hooked_ws.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>

#include "base/base64.h"
#include "base/clock.h"
#include "hook/members.h"
#include "serve/hooked.h"
#include "serve/hooked_ws_parts.h"
#include "serve/hooks.h"

#define LEAD_S 30 /* how long ahead of its end the back end is asked */
#define CLOSE_BANNED 1008
#define CLOSE_COME_BACK 1012

/* ---- the socket of an event ---- */

static yodel_str text_of(const char *string)
{
    return string != NULL ? yodel_str_of(string) : (yodel_str){NULL, 0};
}

static void describe(void *owner, struct yg_text *text)
{
    const struct yg_hooked_ws *hooked = owner;
    char time[YG_CLOCK_TEXT];

    yg_clock_text(hooked->connected_ms, time);
    yg_text_puts(text, "{\"sid\":");
    yg_text_put_json(text, hooked->sid, strlen(hooked->sid));
    yg_member_put(text, "namespace", text_of(hooked->path));
    yg_member_put(text, "user", text_of(hooked->user));
    yg_member_put_json(text, "meta", hooked->meta);
    yg_member_put(text, "connection", text_of(hooked->sid));
    yg_member_put(text, "transport", YODEL_STR("websocket"));
    yg_member_put(text, "address", text_of(hooked->address));
    yg_text_printf(text, ",\"connected_at\":\"%s\"}", time);
}

static void hold(void *owner, bool is_held)
{
    const struct yg_hooked_ws *hooked = owner;

    if (hooked->ws == NULL)
        return;
    if (is_held)
        (void)yodel_ws_pause(hooked->ws);
    else
        (void)yodel_ws_resume(hooked->ws);
}

const struct yg_lane_owner yg_hooked_ws_owner = {describe, hold};

/* ---- life ---- */

static void free_names(struct yg_names *names)
{
    for (size_t i = 0; i < names->num; i++)
        free((char *)(uintptr_t)names->items[i]);
    free(names->items);
}

void yg_hooked_ws_unref(struct yg_hooked_ws *hooked)
{
    if (--hooked->refs > 0)
        return;
    yodel_decision_unref(hooked->decision);
    yg_token_free(&hooked->token);
    free_names(&hooked->rooms);
    json_decref(hooked->meta);
    json_decref(hooked->info);
    json_decref(hooked->hello);
    for (size_t i = 0; i < hooked->num_actions; i++)
        yg_command_free(hooked->actions[i]);
    free(hooked->actions);
    yg_record_end(hooked->record, hooked->stays);
    free(hooked->address);
    free(hooked->path);
    free(hooked->user);
    free(hooked);
}

void yg_hooked_ws_record(struct yg_hooked_ws *hooked)
{
    struct yg_text socket = {0};

    if (hooked->record == NULL)
        return;
    describe(hooked, &socket);
    yg_record_write(hooked->record, hooked->path, hooked->connected_ms, &socket);
    yg_text_done(&socket);
}

/* Tells of an event that has been answered. */
static yg_hook_told_fn on_told;

static int push(struct yg_hooked_ws *hooked, struct yg_hook_event *event)
{
    int rc;

    if (event == NULL)
        return -ENOMEM;
    hooked->refs++;
    rc = yg_lane_push(event);
    if (rc < 0)
        hooked->refs--;
    else
        yg_record_look(hooked->record, hooked->lane);
    return rc;
}

/* What could not be sent before the end is still recorded. */
static void on_parted(const struct yg_hook_told *told, void *user)
{
    struct yg_hooked_ws *hooked = user;

    hooked->stays = told->is_end;
    on_told(told, hooked);
}

static void put_rooms(struct yg_text *text, const struct yg_names *rooms)
{
    yg_text_putc(text, '[');
    for (size_t i = 0; i < rooms->num; i++) {
        yg_text_puts(text, i > 0 ? "," : "");
        yg_text_put_json(text, rooms->items[i], strlen(rooms->items[i]));
    }
    yg_text_putc(text, ']');
}

static void push_goodbye(struct yg_hooked_ws *hooked, const char *reason, int code)
{
    struct yg_hook_event *event = yg_hook_event_parting(hooked->lane, on_parted, hooked);
    struct yg_text *text, rooms = {0};

    if (event == NULL) {
        yg_hook_count_lost(hooked->hook);
        return;
    }
    if (hooked->record != NULL)
        yg_hook_event_set_id(event, yg_record_id(hooked->record));
    text = yg_hook_event_text(event);
    yg_member_put(text, "reason", yodel_str_of(reason));
    if (code != 0)
        yg_text_printf(text, ",\"code\":%d", code);
    yg_text_printf(text, ",\"duration_ms\":%" PRId64, yg_clock_wall_ms() - hooked->connected_ms);
    put_rooms(&rooms, &hooked->rooms);
    yg_member_put_rooms(text, yg_text_failed(&rooms) ? NULL : yg_text_string(&rooms));
    yg_text_done(&rooms);
    (void)push(hooked, event);
}

void yg_hooked_ws_goodbye(struct yg_hooked_ws *hooked, const char *reason, int code)
{
    struct yg_lane *lane = hooked->lane;

    if (lane == NULL)
        return;
    if (hooked->is_known && yg_hook_has_kind(hooked->hook, YG_HOOK_DISCONNECTED))
        push_goodbye(hooked, reason, code);
    hooked->is_known = false;
    hooked->lane = NULL;
    yg_lane_leave(lane);
}

/* ---- groups ---- */

static size_t find_room(const struct yg_names *rooms, const char *room)
{
    size_t i = 0;

    while (i < rooms->num && strcmp(rooms->items[i], room) != 0)
        i++;
    return i;
}

static int note_room(struct yg_names *rooms, const char *room)
{
    const char **items = realloc(rooms->items, (rooms->num + 1) * sizeof(*items));
    char *copy;

    if (items == NULL)
        return -ENOMEM;
    rooms->items = items;
    copy = strdup(room);
    if (copy == NULL)
        return -ENOMEM;
    items[rooms->num++] = copy;
    return 0;
}

static void forget_room(struct yg_names *rooms, size_t i)
{
    free((char *)(uintptr_t)rooms->items[i]);
    rooms->items[i] = rooms->items[--rooms->num];
}

int yg_hooked_ws_join(struct yg_hooked_ws *hooked, const char *room)
{
    const struct yg_config *config = yg_state_loop_config(hooked->state, hooked->loop);
    int rc;

    if (find_room(&hooked->rooms, room) < hooked->rooms.num)
        return 0;
    if (hooked->rooms.num >= config->limits.rooms_per_socket)
        return YODEL_ERR_TOO_BIG;
    rc = note_room(&hooked->rooms, room);
    if (rc < 0)
        return rc;
    rc = yg_websocket_join(hooked->state, hooked->ws, room, hooked->user, hooked->info);
    if (rc < 0)
        forget_room(&hooked->rooms, hooked->rooms.num - 1);
    else
        yg_admin_ws_join(&hooked->shown, room);
    return rc;
}

static void leave(struct yg_hooked_ws *hooked, const char *room)
{
    const size_t i = find_room(&hooked->rooms, room);

    if (i == hooked->rooms.num)
        return;
    yodel_group_discard(hooked->state->service.channels, room, hooked->ws);
    yg_admin_ws_leave(&hooked->shown, room);
    forget_room(&hooked->rooms, i);
}

/* ---- what an answer says ---- */

/* The one argument: a string as text, an attachment as it is, anything else as JSON. */
static int send_message(struct yg_hooked_ws *hooked, const struct yg_command *command)
{
    json_t *args = NULL;
    const json_t *value;
    struct yg_text text = {0};
    char error[160];
    int rc;

    if (command->num_attachments > 0)
        return yodel_ws_send(hooked->ws, YODEL_WS_BINARY, command->attachments[0]);
    rc = yg_json_parse(command->args.ptr, command->args.len, error, &args);
    if (rc < 0)
        return rc;
    value = json_array_get(args, 0);
    if (json_is_string(value))
        yg_text_add(&text, json_string_value(value), json_string_length(value));
    else if (value != NULL)
        yg_json_put(&text, value, 0);
    rc = yg_text_failed(&text) ? -ENOMEM
                               : yodel_ws_send_text(hooked->ws, (yodel_str){text.ptr, text.len});
    yg_text_done(&text);
    json_decref(args);
    return rc;
}

static int change(struct yg_hooked_ws *hooked, const json_t *meta, bool has_expires,
                  int64_t expires_at)
{
    if (meta != NULL) {
        json_t *copy = json_is_null(meta) ? NULL : json_deep_copy(meta);

        if (copy == NULL && !json_is_null(meta))
            return -ENOMEM;
        json_decref(hooked->meta);
        hooked->meta = copy;
        yg_admin_ws_set_data(&hooked->shown, hooked->user, hooked->meta);
        yg_hooked_ws_record(hooked);
    }
    if (has_expires)
        yg_hooked_ws_end_at(hooked, expires_at);
    return 0;
}

static int do_for_sender(struct yg_hooked_ws *hooked, const struct yg_command *command)
{
    int rc = 0;

    switch (command->verb) {
    case YG_VERB_EMIT:
        return send_message(hooked, command);
    case YG_VERB_JOIN:
        for (size_t i = 0; i < command->rooms.num && rc == 0; i++)
            rc = yg_hooked_ws_join(hooked, command->rooms.items[i]);
        return rc;
    case YG_VERB_LEAVE:
        for (size_t i = 0; i < command->rooms.num; i++)
            leave(hooked, command->rooms.items[i]);
        return 0;
    case YG_VERB_DISCONNECT:
        yodel_ws_close(hooked->ws, command->reconnect ? CLOSE_COME_BACK : CLOSE_BANNED,
                       command->message);
        return 0;
    case YG_VERB_UPDATE:
        return change(hooked, command->meta, command->has_expires, command->expires_at);
    default:
        return -EINVAL;
    }
}

/* What is for the sender is done here; the rest is a command as any other. */
void yg_hooked_ws_act(struct yg_hooked_ws *hooked, struct yg_command **actions, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        int rc;

        if (!actions[i]->to.sender) {
            yg_hooked_act(hooked->state, hooked->loop, NULL, &actions[i], 1);
            continue;
        }
        rc = hooked->ws != NULL ? do_for_sender(hooked, actions[i]) : 0;
        if (rc < 0 && rc != YODEL_ERR_CLOSED)
            yg_log_event(hooked->state, YG_LOG_WARN, "webhook.action_failed",
                         "webhook: %s failed: %s", yg_verb_word(actions[i]->verb),
                         yodel_strerror(rc));
        yg_command_free(actions[i]);
        actions[i] = NULL;
    }
}

static void take(struct yg_hooked_ws *hooked, struct yg_hook_result *result)
{
    if (hooked->ws != NULL &&
        change(hooked, result->meta, result->has_expires, result->expires_at) < 0)
        yg_log_event(hooked->state, YG_LOG_ERROR, "webhook.action_failed",
                     "webhook: meta could not be changed: out of memory");
    yg_hooked_ws_act(hooked, result->actions, result->num_actions);
}

/* ---- events ---- */

static void on_told(const struct yg_hook_told *told, void *user)
{
    struct yg_hooked_ws *hooked = user;

    if (told->result != NULL)
        take(hooked, told->result);
    yg_hooked_ws_unref(hooked);
}

static void fail(struct yg_hooked_ws *hooked)
{
    yg_client_count(hooked->state, YG_CLIENT_OTHER, YG_CLIENT_FAILED);
    if (hooked->ws != NULL && yg_hook_options(hooked->hook)->on_failure == YG_FAILURE_DISCONNECT)
        yodel_ws_close(hooked->ws, CLOSE_COME_BACK, NULL);
}

static void on_answered(const struct yg_hook_told *told, void *user)
{
    struct yg_hooked_ws *hooked = user;

    if (told->result != NULL)
        yg_client_count(hooked->state, YG_CLIENT_OTHER, YG_CLIENT_DONE);
    else
        fail(hooked);
    on_told(told, user);
}

static void put_message(struct yg_text *text, const yodel_ws_message *message)
{
    yg_text_puts(text, ",\"event\":\"message\",\"args\":[");
    if (message->type == YODEL_WS_TEXT) {
        yg_text_put_json(text, (const char *)message->data.ptr, message->data.len);
        yg_text_puts(text, "],\"ack\":false");
        return;
    }
    yg_text_puts(text, "{\"_placeholder\":true,\"num\":0}],\"ack\":false,\"attachments\":[");
    yg_base64_put(text, message->data.ptr, message->data.len);
    yg_text_putc(text, ']');
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    const struct yg_websocket_path *path = user;
    struct yg_hooked_ws *hooked = yodel_ws_data(ws);
    struct yg_hook_event *event;

    yg_admin_ws_message(&hooked->shown, message);
    if (hooked->lane == NULL || !yg_hook_has_kind(hooked->hook, YG_HOOK_EVENT)) {
        yg_client_count(path->state, YG_CLIENT_OTHER, YG_CLIENT_REFUSED);
        return 0;
    }
    event = yg_hook_event_new(hooked->lane, YG_HOOK_EVENT, on_answered, hooked);
    if (event != NULL)
        put_message(yg_hook_event_text(event), message);
    if (push(hooked, event) < 0)
        fail(hooked);
    return 0;
}

/* ---- the end of its time ---- */

static void close_expired(struct yg_hooked_ws *hooked)
{
    yodel_ws_close(hooked->ws, YG_CLOSE_EXPIRED, "the time is over");
}

static void on_refreshed(const struct yg_hook_told *told, void *user)
{
    struct yg_hooked_ws *hooked = user;

    if (told->result != NULL && told->result->is_expired && hooked->ws != NULL)
        close_expired(hooked);
    on_told(told, user);
}

static void ask_for_more(struct yg_hooked_ws *hooked)
{
    struct yg_hook_event *event;

    if (hooked->lane == NULL || !hooked->is_open ||
        !yg_hook_has_kind(hooked->hook, YG_HOOK_REFRESH))
        return;
    event = yg_hook_event_new(hooked->lane, YG_HOOK_REFRESH, on_refreshed, hooked);
    if (event != NULL)
        yg_text_printf(yg_hook_event_text(event), ",\"expires_at\":%" PRId64, hooked->expires_at);
    (void)push(hooked, event);
}

static void arm(struct yg_hooked_ws *hooked)
{
    const struct yg_jwt_config *jwt = &yg_state_loop_config(hooked->state, hooked->loop)->auth.jwt;

    if (hooked->expires_at == 0 || jwt->on_expire == YG_EXPIRE_KEEP)
        yg_until_stop(&hooked->until);
    else
        yg_until_set(&hooked->until,
                     hooked->expires_at * 1000 +
                         (hooked->was_asked ? (int64_t)jwt->leeway_ms : -LEAD_S * 1000));
}

void yg_hooked_ws_on_time(void *owner)
{
    struct yg_hooked_ws *hooked = owner;

    if (hooked->was_asked) {
        close_expired(hooked);
        return;
    }
    hooked->was_asked = true;
    arm(hooked);
    ask_for_more(hooked);
}

void yg_hooked_ws_end_at(struct yg_hooked_ws *hooked, int64_t expires_at)
{
    hooked->expires_at = expires_at;
    hooked->was_asked = false;
    arm(hooked);
}

/* ---- open, and closed ---- */

static void say_hello(struct yg_hooked_ws *hooked)
{
    struct yg_text text = {0};

    if (json_is_string(hooked->hello))
        yg_text_add(&text, json_string_value(hooked->hello), json_string_length(hooked->hello));
    else if (hooked->hello != NULL)
        yg_json_put(&text, hooked->hello, 0);
    if (hooked->hello != NULL && !yg_text_failed(&text))
        (void)yodel_ws_send_text(hooked->ws, (yodel_str){text.ptr, text.len});
    yg_text_done(&text);
    json_decref(hooked->hello);
    hooked->hello = NULL;
    yg_hooked_ws_act(hooked, hooked->actions, hooked->num_actions);
    hooked->num_actions = 0;
}

static struct yg_connection connection_of(const struct yg_hooked_ws *hooked, const yodel_ws *ws)
{
    return (struct yg_connection){.number = yg_websocket_number(hooked->state, ws),
                                  .transport = YG_BY_RAW_WEBSOCKET,
                                  .sid = text_of(hooked->sid),
                                  .peer = text_of(hooked->address),
                                  .path = text_of(hooked->path),
                                  .user = hooked->user};
}

static void send_away(void *socket)
{
    yodel_ws_close(socket, CLOSE_COME_BACK, NULL);
}

static int on_open(yodel_ws *ws, void *user)
{
    const struct yg_websocket_path *path = user;
    struct yg_hooked_ws *hooked = yodel_ws_data(ws);
    const struct yg_connection connection = connection_of(hooked, ws);

    yg_connection_opened(path->state, &connection);
    hooked->is_open = true;
    hooked->is_known = true;
    yg_lane_renew(hooked->lane);
    yg_admin_ws_set_data(&hooked->shown, hooked->user, hooked->meta);
    yg_admin_ws_opened(&hooked->shown);
    yg_hooked_ws_record(hooked);
    yg_record_attach(hooked->record, send_away, ws);
    say_hello(hooked);
    if (yg_hook_has_kind(hooked->hook, YG_HOOK_CONNECTED))
        (void)push(hooked, yg_hook_event_new(hooked->lane, YG_HOOK_CONNECTED, on_told, hooked));
    return 0;
}

/* In the words of Socket.IO. */
static const char *reason_of(const yodel_ws_closing *closing)
{
    static const char *const reasons[] = {[YODEL_WS_BY_PEER] = "client namespace disconnect",
                                          [YODEL_WS_BY_SERVER] = "server namespace disconnect",
                                          [YODEL_WS_BY_ERROR] = "transport error",
                                          [YODEL_WS_BY_TIMEOUT] = "ping timeout",
                                          [YODEL_WS_BY_LOSS] = "transport close"};

    return reasons[closing->by];
}

/* One whose question was not sent yet is not asked for any more; what the back end makes of one
 * that was is found out by its answer. */
static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    const struct yg_websocket_path *path = user;
    struct yg_hooked_ws *hooked = yodel_ws_data(ws);
    const struct yg_connection connection = connection_of(hooked, ws);

    if (hooked->is_open) {
        yg_connection_closed(path->state, &connection, yg_websocket_reason(path->state, closing));
        yg_hooked_ws_goodbye(hooked, reason_of(closing), closing->code);
    } else if (hooked->question != NULL && yg_lane_take_back(hooked->question)) {
        hooked->question = NULL;
        hooked->refs--;
        yg_hooked_ws_goodbye(hooked, "", 0);
    }
    yg_until_stop(&hooked->until);
    yg_admin_ws_close(&hooked->shown);
    hooked->ws = NULL;
    yg_record_attach(hooked->record, NULL, NULL);
}

const yodel_ws_handlers yg_hooked_ws_handlers = {.size = sizeof(yg_hooked_ws_handlers),
                                                 .on_connect = yg_hooked_ws_connect,
                                                 .on_open = on_open,
                                                 .on_message = on_message,
                                                 .on_close = on_close};
