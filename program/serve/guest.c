/* SPDX-License-Identifier: MIT */
#include "serve/guest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>

#include "base/clock.h"
#include "hook/members.h"
#include "serve/hooked.h"
#include "serve/hooks.h"

#define LEAD_S 30 /* how long ahead of its end the back end is asked */

/* ---- the socket of an event ---- */

static yodel_str text_of(const char *string)
{
    return string != NULL ? yodel_str_of(string) : (yodel_str){NULL, 0};
}

static void describe(void *owner, struct yg_text *text)
{
    const struct yg_guest *guest = owner;
    char time[YG_CLOCK_TEXT];

    yg_clock_text(guest->connected_ms, time);
    yg_text_puts(text, "{\"sid\":");
    yg_text_put_json(text, guest->sid, strlen(guest->sid));
    yg_member_put(text, "namespace", text_of(guest->path));
    yg_member_put(text, "user", text_of(guest->user));
    yg_member_put_json(text, "meta", guest->meta);
    yg_member_put(text, "connection", text_of(guest->sid));
    yg_member_put(text, "transport", yodel_str_of(guest->kind->transport));
    yg_member_put_peer(text, guest->address);
    yg_text_printf(text, ",\"connected_at\":\"%s\"}", time);
}

static void hold(void *owner, bool is_held)
{
    struct yg_guest *guest = owner;

    if (!guest->is_gone && guest->kind->hold != NULL)
        guest->kind->hold(guest, is_held);
}

static const struct yg_lane_owner lane_owner = {describe, hold};

/* ---- life ---- */

static void free_names(struct yg_names *names)
{
    for (size_t i = 0; i < names->num; i++)
        free((char *)(uintptr_t)names->items[i]);
    free(names->items);
}

void yg_guest_unref(struct yg_guest *guest)
{
    if (--guest->refs > 0)
        return;
    yodel_decision_unref(guest->decision);
    yg_token_free(&guest->token);
    free_names(&guest->rooms);
    json_decref(guest->meta);
    json_decref(guest->info);
    json_decref(guest->hello);
    for (size_t i = 0; i < guest->num_actions; i++)
        yg_command_free(guest->actions[i]);
    free(guest->actions);
    yg_record_end(guest->record, guest->stays);
    free(guest->address);
    free(guest->path);
    free(guest->user);
    guest->kind->free(guest);
}

void yg_guest_record(struct yg_guest *guest)
{
    struct yg_text socket = {0};

    if (guest->record == NULL || guest->lane == NULL)
        return;
    describe(guest, &socket);
    yg_record_write(guest->record, guest->lane, guest->path, guest->connected_ms, &socket);
    yg_text_done(&socket);
}

/* Tells of an event that has been answered. */
static yg_hook_told_fn on_told;

static int push(struct yg_guest *guest, struct yg_hook_event *event)
{
    int rc;

    if (event == NULL)
        return -ENOMEM;
    guest->refs++;
    rc = yg_lane_push(event);
    if (rc < 0)
        guest->refs--;
    else
        yg_record_look(guest->record, guest->lane);
    return rc;
}

/* What could not be sent before the end is still recorded. */
static void on_parted(const struct yg_hook_told *told, void *user)
{
    struct yg_guest *guest = user;

    guest->stays = told->is_end;
    on_told(told, guest);
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

static void push_goodbye(struct yg_guest *guest, const char *reason, int code)
{
    struct yg_hook_event *event = yg_hook_event_parting(guest->lane, on_parted, guest);
    struct yg_text *text, rooms = {0};

    if (event == NULL) {
        yg_hook_count_lost(guest->hook);
        return;
    }
    if (guest->record != NULL)
        yg_hook_event_set_id(event, yg_record_id(guest->record));
    text = yg_hook_event_text(event);
    yg_member_put(text, "reason", yodel_str_of(reason));
    if (code != 0)
        yg_text_printf(text, ",\"code\":%d", code);
    yg_text_printf(text, ",\"duration_ms\":%" PRId64, yg_clock_wall_ms() - guest->connected_ms);
    put_rooms(&rooms, &guest->rooms);
    yg_member_put_rooms(text, yg_text_failed(&rooms) ? NULL : yg_text_string(&rooms));
    yg_text_done(&rooms);
    (void)push(guest, event);
}

void yg_guest_goodbye(struct yg_guest *guest, const char *reason, int code)
{
    struct yg_lane *lane = guest->lane;

    if (lane == NULL)
        return;
    if (guest->is_known && yg_hook_has_kind(guest->hook, YG_HOOK_DISCONNECTED))
        push_goodbye(guest, reason, code);
    guest->is_known = false;
    guest->lane = NULL;
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

int yg_guest_join(struct yg_guest *guest, const char *room)
{
    const struct yg_config *config = yg_state_loop_config(guest->state, guest->loop);
    int rc;

    if (find_room(&guest->rooms, room) < guest->rooms.num)
        return 0;
    if (guest->rooms.num >= config->limits.rooms_per_socket)
        return YODEL_ERR_TOO_BIG;
    rc = note_room(&guest->rooms, room);
    if (rc < 0)
        return rc;
    rc = guest->kind->join(guest, room);
    if (rc < 0)
        forget_room(&guest->rooms, guest->rooms.num - 1);
    return rc;
}

static void leave(struct yg_guest *guest, const char *room)
{
    const size_t i = find_room(&guest->rooms, room);

    if (i == guest->rooms.num)
        return;
    guest->kind->leave(guest, room);
    forget_room(&guest->rooms, i);
}

/* ---- what an answer says ---- */

static void tell_changed(struct yg_guest *guest)
{
    if (guest->kind->changed != NULL)
        guest->kind->changed(guest);
}

static int change(struct yg_guest *guest, const json_t *meta, bool has_expires, int64_t expires_at)
{
    if (meta != NULL) {
        json_t *copy = json_is_null(meta) ? NULL : json_deep_copy(meta);

        if (copy == NULL && !json_is_null(meta))
            return -ENOMEM;
        json_decref(guest->meta);
        guest->meta = copy;
        tell_changed(guest);
        yg_guest_record(guest);
    }
    if (has_expires)
        yg_guest_end_at(guest, expires_at);
    return 0;
}

static int do_for_sender(struct yg_guest *guest, const struct yg_command *command)
{
    int rc = 0;

    switch (command->verb) {
    case YG_VERB_EMIT:
        return guest->kind->send(guest, command);
    case YG_VERB_JOIN:
        for (size_t i = 0; i < command->rooms.num && rc == 0; i++)
            rc = yg_guest_join(guest, command->rooms.items[i]);
        return rc;
    case YG_VERB_LEAVE:
        for (size_t i = 0; i < command->rooms.num; i++)
            leave(guest, command->rooms.items[i]);
        return 0;
    case YG_VERB_DISCONNECT:
        guest->kind->end(guest, command->reconnect ? YG_GUEST_COME_BACK : YG_GUEST_BANNED,
                         command->message);
        return 0;
    case YG_VERB_UPDATE:
        return change(guest, command->meta, command->has_expires, command->expires_at);
    default:
        return -EINVAL;
    }
}

/* What is for the sender is done here; the rest is a command as any other. */
static void act(struct yg_guest *guest, struct yg_command **actions, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        int rc;

        if (!actions[i]->to.sender) {
            yg_hooked_act(guest->state, guest->loop, NULL, &actions[i], 1);
            continue;
        }
        rc = guest->is_gone ? 0 : do_for_sender(guest, actions[i]);
        if (rc < 0 && rc != YODEL_ERR_CLOSED)
            yg_log_event(guest->state, YG_LOG_WARN, "webhook.action_failed",
                         "webhook: %s failed: %s", yg_verb_word(actions[i]->verb),
                         yodel_strerror(rc));
        yg_command_free(actions[i]);
        actions[i] = NULL;
    }
}

static void take(struct yg_guest *guest, struct yg_hook_result *result)
{
    if (!guest->is_gone && change(guest, result->meta, result->has_expires, result->expires_at) < 0)
        yg_log_event(guest->state, YG_LOG_ERROR, "webhook.action_failed",
                     "webhook: meta could not be changed: out of memory");
    act(guest, result->actions, result->num_actions);
}

/* ---- events ---- */

static void on_told(const struct yg_hook_told *told, void *user)
{
    struct yg_guest *guest = user;

    if (told->result != NULL)
        take(guest, told->result);
    yg_guest_unref(guest);
}

static void fail(struct yg_guest *guest)
{
    yg_client_count(guest->state, YG_CLIENT_OTHER, YG_CLIENT_FAILED);
    if (!guest->is_gone && yg_hook_options(guest->hook)->on_failure == YG_FAILURE_DISCONNECT)
        guest->kind->end(guest, YG_GUEST_COME_BACK, NULL);
}

void yg_guest_answered(const struct yg_hook_told *told, void *user)
{
    struct yg_guest *guest = user;

    if (told->result != NULL)
        yg_client_count(guest->state, YG_CLIENT_OTHER, YG_CLIENT_DONE);
    else
        fail(guest);
    on_told(told, user);
}

void yg_guest_tell(struct yg_guest *guest, struct yg_hook_event *event)
{
    if (push(guest, event) < 0)
        fail(guest);
}

/* ---- the end of its time ---- */

static void close_expired(struct yg_guest *guest)
{
    guest->kind->end(guest, YG_GUEST_EXPIRED, "the time is over");
}

static void on_refreshed(const struct yg_hook_told *told, void *user)
{
    struct yg_guest *guest = user;

    if (told->result != NULL && told->result->is_expired && !guest->is_gone)
        close_expired(guest);
    on_told(told, user);
}

static void ask_for_more(struct yg_guest *guest)
{
    struct yg_hook_event *event;

    if (guest->lane == NULL || !guest->is_open || !yg_hook_has_kind(guest->hook, YG_HOOK_REFRESH))
        return;
    event = yg_hook_event_new(guest->lane, YG_HOOK_REFRESH, on_refreshed, guest);
    if (event != NULL)
        yg_text_printf(yg_hook_event_text(event), ",\"expires_at\":%" PRId64, guest->expires_at);
    (void)push(guest, event);
}

static void arm(struct yg_guest *guest)
{
    const struct yg_jwt_config *jwt = &yg_state_loop_config(guest->state, guest->loop)->auth.jwt;

    if (guest->expires_at == 0 || jwt->on_expire == YG_EXPIRE_KEEP)
        yg_until_stop(&guest->until);
    else
        yg_until_set(&guest->until,
                     guest->expires_at * 1000 +
                         (guest->was_asked ? (int64_t)jwt->leeway_ms : -LEAD_S * 1000));
}

static void on_time(void *owner)
{
    struct yg_guest *guest = owner;

    if (guest->was_asked) {
        close_expired(guest);
        return;
    }
    guest->was_asked = true;
    arm(guest);
    ask_for_more(guest);
}

void yg_guest_end_at(struct yg_guest *guest, int64_t expires_at)
{
    guest->expires_at = expires_at;
    guest->was_asked = false;
    arm(guest);
}

/* ---- open, and closed ---- */

static void say_hello(struct yg_guest *guest)
{
    if (guest->hello != NULL)
        guest->kind->say_hello(guest, guest->hello);
    json_decref(guest->hello);
    guest->hello = NULL;
    act(guest, guest->actions, guest->num_actions);
    guest->num_actions = 0;
}

static struct yg_connection connection_of(const struct yg_guest *guest)
{
    return (struct yg_connection){.number = guest->number,
                                  .transport = guest->transport,
                                  .sid = text_of(guest->sid),
                                  .peer = text_of(guest->address),
                                  .path = text_of(guest->path),
                                  .user = guest->user};
}

static void on_connected_told(const struct yg_hook_told *told, void *user)
{
    struct yg_guest *guest = user;

    if (yg_record_was_connected(guest->record, told))
        yg_guest_record(guest);
    on_told(told, guest);
}

void yg_guest_opened(struct yg_guest *guest, yg_record_end_fn *send_away, void *connection)
{
    const struct yg_connection of = connection_of(guest);

    yg_connection_opened(guest->state, &of);
    guest->is_open = true;
    guest->is_known = true;
    yg_lane_renew(guest->lane);
    yg_guest_record(guest);
    yg_record_attach(guest->record, send_away, connection);
    say_hello(guest);
    if (yg_hook_has_kind(guest->hook, YG_HOOK_CONNECTED))
        (void)push(guest, yg_record_connected(guest->record, guest->hook, guest->lane,
                                              on_connected_told, guest));
}

static void be_gone(struct yg_guest *guest)
{
    yg_until_stop(&guest->until);
    guest->is_gone = true;
    yg_record_attach(guest->record, NULL, NULL);
}

void yg_guest_closed(struct yg_guest *guest, const char *reason, int code, enum yg_end_reason why)
{
    const struct yg_connection of = connection_of(guest);

    yg_connection_closed(guest->state, &of, why);
    yg_guest_goodbye(guest, reason, code);
    be_gone(guest);
}

/* One whose question was not sent yet is not asked for any more; what the back end makes of one
 * that was is found out by its answer. */
void yg_guest_left(struct yg_guest *guest)
{
    be_gone(guest);
    if (guest->question != NULL && yg_lane_take_back(guest->question)) {
        guest->question = NULL;
        guest->refs--;
    }
    if (guest->question == NULL)
        yg_guest_goodbye(guest, "transport close", 0);
}

/* ---- the beginning ---- */

int yg_guest_check(struct yg_state *state, yodel_request *req, int auth, const char *webhook,
                   struct yg_token *ret_token, struct yg_hook **ret_hook)
{
    yodel_loop *loop = yodel_request_loop(req);
    const struct yg_config *config = yg_state_loop_config(state, loop);
    struct yg_hook *hook = *ret_hook = yg_hooks_find(state, loop, webhook);
    const int status =
        yg_visitor_check(state, req, yg_auth_need_of(config, auth, webhook), ret_token);

    if (status == 0 && (hook == NULL || (yg_auth_asks(config, webhook) &&
                                         !yg_hook_has_kind(hook, YG_HOOK_CONNECT))))
        return 503;
    return status;
}

int yg_guest_init(struct yg_guest *guest, yodel_request *req)
{
    struct yg_hook *hook = guest->hook;

    guest->refs = 1;
    guest->connected_ms = yg_clock_wall_ms();
    guest->path = yg_string_of(yodel_request_path(req));
    guest->address = yg_string_of(yodel_request_peer(req));
    guest->lane = yg_lane_new(hook, yodel_str_of(guest->pattern), &lane_owner, guest);
    yg_until_init(&guest->until, guest->loop, on_time, guest);
    if (guest->path == NULL || guest->address == NULL || guest->lane == NULL ||
        (yg_hook_has_kind(hook, YG_HOOK_DISCONNECTED) && yg_lane_reserve(guest->lane) < 0)) {
        yg_guest_goodbye(guest, "", 0);
        yg_guest_unref(guest);
        return -ENOMEM;
    }
    guest->record = yg_record_new(guest->state, guest->loop, hook);
    yg_record_name_lane(guest->record, guest->lane);
    return 0;
}
