/* SPDX-License-Identifier: MIT */
#include "serve/hooked.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>

#include "base/base64.h"
#include "base/clock.h"
#include "hook/members.h"
#include "serve/hooked_parts.h"
#include "serve/hooks.h"
#include "serve/session.h"
#include "state/socket_state.h"

/* ---- the socket of an event ---- */

/* What may still be said of a socket that has gone: nothing here needs memory. */
static void remember(struct yg_hooked *hooked)
{
    yodel_sio_socket *socket = hooked->socket;
    const yodel_str id = yodel_sio_socket_id(socket);

    snprintf(hooked->sid, sizeof(hooked->sid), "%.*s", (int)id.len, id.ptr);
    json_decref(hooked->meta);
    hooked->meta = json_incref((json_t *)(uintptr_t)yg_state_meta(socket));
    hooked->transport = yodel_sio_socket_transport(socket);
    hooked->user = yg_lane_user(hooked->lane);
}

static void put_socket(const struct yg_hooked *hooked, yodel_str id, const char *user,
                       const json_t *meta, const char *transport, struct yg_text *text)
{
    char time[YG_CLOCK_TEXT];

    yg_clock_text(hooked->connected_ms, time);
    yg_text_puts(text, "{\"sid\":");
    yg_text_put_json(text, id.ptr, id.len);
    yg_member_put(text, "namespace", yodel_str_of(hooked->ns));
    yg_member_put(text, "user", user != NULL ? yodel_str_of(user) : (yodel_str){NULL, 0});
    yg_member_put_json(text, "meta", meta);
    yg_member_put(text, "connection", yodel_str_of(hooked->connection));
    yg_member_put(text, "transport", yodel_str_of(transport));
    yg_member_put_peer(text, hooked->address);
    yg_member_put(text, "connected_at", yodel_str_of(time));
    yg_text_putc(text, '}');
}

static void describe(void *owner, struct yg_text *text)
{
    const struct yg_hooked *hooked = owner;
    yodel_sio_socket *socket = hooked->socket;

    if (socket != NULL)
        put_socket(hooked, yodel_sio_socket_id(socket),
                   hooked->user != NULL ? hooked->user : yg_state_user(socket),
                   yg_state_meta(socket), yodel_sio_socket_transport(socket), text);
    else if (hooked->sid[0] != '\0')
        put_socket(hooked, yodel_str_of(hooked->sid), hooked->user, hooked->meta, hooked->transport,
                   text);
    else
        yg_text_puts(text, "{}");
}

static void hold(void *owner, bool is_held)
{
    const struct yg_hooked *hooked = owner;

    if (hooked->socket == NULL)
        return;
    if (is_held)
        (void)yodel_sio_socket_pause(hooked->socket);
    else
        (void)yodel_sio_socket_resume(hooked->socket);
}

static const struct yg_lane_owner owner_fns = {describe, hold};

/* The sockets of one client have one; the session's id itself is the client's secret.  0 or
 * -ENOMEM. */
static int name_connection(yodel_sio_socket *socket, char ret_name[17])
{
    const yodel_str id = yodel_sio_socket_session_id(socket);
    uint8_t digest[SHA256_DIGEST_LENGTH];

    if (SHA256((const uint8_t *)(id.ptr != NULL ? id.ptr : ""), id.len, digest) == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < 8; i++)
        snprintf(ret_name + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

/* ---- life ---- */

/* What its events are made of, above all the last one, which is told whatever memory there is.  0
 * or -ENOMEM. */
static int prepare(struct yg_hooked *hooked, yodel_sio_socket *socket, struct yg_hook *hook)
{
    const yodel_str peer = yodel_sio_socket_peer(socket);

    hooked->lane = yg_lane_new(hook, yodel_sio_namespace_name(yodel_sio_socket_namespace(socket)),
                               &owner_fns, hooked);
    if (hooked->lane == NULL)
        return -ENOMEM;
    hooked->ns = yg_lane_ns(hooked->lane);
    if (peer.ptr != NULL && (hooked->address = yg_string_of(peer)) == NULL)
        return -ENOMEM;
    if (yg_hook_has_kind(hook, YG_HOOK_DISCONNECTED) && yg_lane_reserve(hooked->lane) < 0)
        return -ENOMEM;
    return name_connection(socket, hooked->connection);
}

struct yg_hooked *yg_hooked_new(struct yg_state *state, yodel_sio_socket *socket,
                                struct yg_hook *hook)
{
    struct yg_hooked *hooked = calloc(1, sizeof(*hooked));

    if (hooked == NULL)
        return NULL;
    hooked->refs = 1;
    if (prepare(hooked, socket, hook) < 0) {
        yg_hooked_leave(hooked);
        yg_hooked_unref(hooked);
        return NULL;
    }
    hooked->state = state;
    hooked->loop = yodel_sio_socket_loop(socket);
    hooked->socket = socket;
    hooked->hook = hook;
    hooked->connected_ms = yg_clock_wall_ms();
    hooked->record = yg_record_new(state, hooked->loop, hook);
    yg_record_name_lane(hooked->record, hooked->lane);
    return hooked;
}

void yg_hooked_unref(struct yg_hooked *hooked)
{
    if (--hooked->refs > 0)
        return;
    json_decref(hooked->hello);
    for (size_t i = 0; i < hooked->num_actions; i++)
        yg_command_free(hooked->actions[i]);
    free(hooked->actions);
    yg_record_end(hooked->record, hooked->stays);
    json_decref(hooked->meta);
    free(hooked->address);
    free(hooked);
}

void yg_hooked_record(struct yg_hooked *hooked)
{
    struct yg_text socket = {0}, ns = {0};
    yodel_str name;

    if (hooked->record == NULL || hooked->socket == NULL)
        return;
    name = yodel_sio_namespace_name(yodel_sio_socket_namespace(hooked->socket));
    describe(hooked, &socket);
    yg_text_add(&ns, name.ptr, name.len);
    if (yg_text_failed(&ns))
        socket.failed = true;
    yg_record_write(hooked->record, hooked->lane, yg_text_string(&ns), hooked->connected_ms,
                    &socket);
    yg_text_done(&socket);
    yg_text_done(&ns);
}

void yg_hooked_leave(struct yg_hooked *hooked)
{
    struct yg_lane *lane = hooked->lane;

    if (lane != NULL && hooked->socket != NULL)
        remember(hooked);
    hooked->lane = NULL;
    if (lane != NULL)
        yg_lane_leave(lane);
    hooked->socket = NULL;
    yg_record_attach(hooked->record, NULL, NULL);
}

/* With the socket's data: one that was never connected has not said goodbye. */
static void on_free(void *data)
{
    struct yg_hooked *hooked = data;

    hooked->socket = NULL;
    yg_hooked_goodbye(hooked, "transport close", "[]");
    yg_hooked_leave(hooked);
    yg_hooked_unref(hooked);
}

void yg_hooked_attach(struct yg_hooked *hooked)
{
    yg_state_set_lane(hooked->socket, hooked, on_free);
}

int yg_hooked_name_user(struct yg_hooked *hooked)
{
    const char *user = yg_state_user(hooked->socket);

    yg_record_name_user(hooked->record, hooked->hook, hooked->lane, user);
    return yg_lane_set_user(hooked->lane, user);
}

int yg_hooked_begin(struct yg_state *state, yodel_sio_socket *socket, struct yg_hook *hook)
{
    struct yg_hooked *hooked = yg_hooked_new(state, socket, hook);

    if (hooked == NULL)
        return -ENOMEM;
    yg_hooked_attach(hooked);
    return yg_hooked_name_user(hooked);
}

/* ---- goodbye ---- */

static yg_hook_told_fn on_told;

/* Pushes an event of which the socket is told. */
static int push(struct yg_hooked *hooked, struct yg_hook_event *event)
{
    int rc;

    hooked->refs++;
    rc = yg_lane_push(event);
    if (rc < 0)
        hooked->refs--;
    else if (hooked->lane != NULL)
        yg_record_look(hooked->record, hooked->lane);
    return rc;
}

/* What could not be sent before the end is still recorded. */
static void on_parted(const struct yg_hook_told *told, void *user)
{
    struct yg_hooked *hooked = user;

    hooked->stays = told->is_end;
    on_told(told, hooked);
}

void yg_hooked_goodbye(struct yg_hooked *hooked, const char *reason, const char *rooms)
{
    struct yg_hook_event *event;

    if (!hooked->is_known || hooked->lane == NULL)
        return;
    hooked->is_known = false;
    if (!yg_hook_has_kind(hooked->hook, YG_HOOK_DISCONNECTED))
        return;
    event = yg_hook_event_parting(hooked->lane, on_parted, hooked);
    if (event == NULL) {
        yg_hook_count_lost(hooked->hook);
        return;
    }
    if (hooked->record != NULL)
        yg_hook_event_set_id(event, yg_record_id(hooked->record));
    yg_member_put(yg_hook_event_text(event), "reason", yodel_str_of(reason));
    yg_text_printf(yg_hook_event_text(event), ",\"duration_ms\":%" PRId64,
                   yg_clock_wall_ms() - hooked->connected_ms);
    yg_member_put_rooms(yg_hook_event_text(event), rooms);
    (void)push(hooked, event);
}

struct listing {
    struct yg_text text;
    yodel_str id;
};

/* Every socket is in the room of its id, which says nothing. */
static void list_room(yodel_str name, void *user)
{
    struct listing *listing = user;

    if (yodel_str_eq(name, listing->id))
        return;
    yg_text_puts(&listing->text, listing->text.len > 1 ? "," : "");
    yg_text_put_json(&listing->text, name.ptr, name.len);
}

void yg_hooked_disconnecting(yodel_sio_socket *socket, const char *reason)
{
    struct yg_hooked *hooked = yg_state_lane(socket);
    struct listing listing = {.id = yodel_sio_socket_id(socket)};

    if (hooked == NULL)
        return;
    yg_text_putc(&listing.text, '[');
    yodel_sio_socket_each_room(socket, list_room, &listing);
    yg_text_putc(&listing.text, ']');
    yg_hooked_goodbye(hooked, reason,
                      yg_text_failed(&listing.text) ? NULL : yg_text_string(&listing.text));
    yg_text_done(&listing.text);
    yg_hooked_leave(hooked);
}

/* ---- what an answer says ---- */

static void on_acted(const struct yg_answer *answer, void *user)
{
    struct yg_state *state = user;

    /* One whose client is just leaving is nobody's fault. */
    if (answer->problem != YG_PROBLEM_NONE && answer->problem != YG_PROBLEM_DRAINING)
        yg_log_event(state, YG_LOG_WARN, "webhook.action_failed",
                     "webhook: an action failed: %s%s%s", yg_problem_code(answer->problem),
                     answer->detail != NULL ? ": " : "",
                     answer->detail != NULL ? answer->detail : "");
}

/* Without its sender: what is for the others is for all, what is for the sender is for nobody. */
static bool fit(struct yg_command *command, const yodel_sio_socket *sender)
{
    struct yg_reach *to = &command->to;

    if (sender != NULL)
        return true;
    if (to->sender)
        return false;
    if (to->others)
        to->all = to->rooms.num == 0;
    to->others = false;
    return true;
}

void yg_hooked_act(struct yg_state *state, yodel_loop *loop, yodel_sio_socket *sender,
                   struct yg_command **actions, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        const struct yg_caller caller = {
            .loop = loop, .sender = sender, .quick = true, .uncounted = true};
        struct yg_command *command = actions[i];
        struct yg_run *run;

        actions[i] = NULL;
        if (!fit(command, sender)) {
            yg_command_free(command);
            continue;
        }
        yg_execute(&state->service, command, &caller, on_acted, state, &run);
        /* What goes on by itself is not waited for: the next event may be of the same client. */
        if (run != NULL)
            yg_run_abandon(run);
    }
}

static void act(struct yg_hooked *hooked, struct yg_hook_result *result)
{
    yg_hooked_act(hooked->state, hooked->loop, hooked->socket, result->actions,
                  result->num_actions);
}

static void change(struct yg_hooked *hooked, const struct yg_hook_result *result)
{
    const struct yg_change change = {
        .meta = result->meta, .has_expires = result->has_expires, .expires_at = result->expires_at};

    if (hooked->socket == NULL || (result->meta == NULL && !result->has_expires))
        return;
    if (yg_state_change(hooked->socket, &change) == 0)
        yg_hooked_record(hooked);
    else
        yg_log_event(hooked->state, YG_LOG_ERROR, "webhook.action_failed",
                     "webhook: meta or expires_at could not be changed: out of memory");
}

/* ---- notices ---- */

static void on_told(const struct yg_hook_told *told, void *user)
{
    struct yg_hooked *hooked = user;

    if (told->result != NULL) {
        change(hooked, told->result);
        act(hooked, told->result);
    }
    yg_hooked_unref(hooked);
}

static void on_connected_told(const struct yg_hook_told *told, void *user)
{
    struct yg_hooked *hooked = user;

    if (yg_record_was_connected(hooked->record, told))
        yg_hooked_record(hooked);
    on_told(told, hooked);
}

static void push_connected(struct yg_hooked *hooked)
{
    struct yg_hook_event *event =
        yg_record_connected(hooked->record, hooked->hook, hooked->lane, on_connected_told, hooked);

    if (event != NULL)
        (void)push(hooked, event);
}

static void say_hello(struct yg_hooked *hooked)
{
    if (hooked->hello != NULL)
        (void)yodel_sio_emit(yodel_sio_to(hooked->socket), YG_HELLO_EVENT, "O", hooked->hello);
    json_decref(hooked->hello);
    hooked->hello = NULL;
    yg_hooked_act(hooked->state, hooked->loop, hooked->socket, hooked->actions,
                  hooked->num_actions);
    free(hooked->actions);
    hooked->actions = NULL;
    hooked->num_actions = 0;
}

static void send_away(void *socket)
{
    yodel_sio_socket_disconnect(socket, YODEL_SIO_COME_BACK);
}

void yg_hooked_connected(yodel_sio_socket *socket)
{
    struct yg_hooked *hooked = yg_state_lane(socket);

    if (hooked == NULL)
        return;
    hooked->is_known = true;
    yg_lane_renew(hooked->lane);
    yg_hooked_record(hooked);
    yg_record_attach(hooked->record, send_away, socket);
    hooked->refs++; /* an action may end the socket */
    say_hello(hooked);
    if (hooked->lane != NULL && yg_hook_has_kind(hooked->hook, YG_HOOK_CONNECTED))
        push_connected(hooked);
    yg_hooked_unref(hooked);
}

/* ---- events ---- */

/* The client waits for it. */
struct asked {
    struct yg_hooked *hooked;
    yodel_decision *ack; /* NULL: it does not */
};

static void free_asked(struct asked *asked)
{
    yodel_decision_unref(asked->ack);
    yg_hooked_unref(asked->hooked);
    free(asked);
}

static void acknowledge(struct asked *asked, const struct yg_hook_result *result)
{
    const struct yg_command *ack = result->ack;
    const yodel_sio_args args = {.size = sizeof(args),
                                 .json = {ack->args.ptr, ack->args.len},
                                 .attachments = ack->attachments,
                                 .num_attachments = ack->num_attachments};

    (void)yodel_decision_answer_args(asked->ack, &args);
}

/* A client whose event was lost is sent away, if that is wanted, and comes back. */
static void fail(struct yg_hooked *hooked)
{
    yg_client_count(hooked->state, YG_CLIENT_OTHER, YG_CLIENT_FAILED);
    if (hooked->socket != NULL &&
        yg_hook_options(hooked->hook)->on_failure == YG_FAILURE_DISCONNECT)
        yodel_sio_socket_disconnect(hooked->socket, YODEL_SIO_COME_BACK);
}

/* In this order: meta, actions, then the acknowledgement. */
static void on_answered(const struct yg_hook_told *told, void *user)
{
    struct asked *asked = user;
    struct yg_hooked *hooked = asked->hooked;

    if (told->result != NULL) {
        yg_client_count(hooked->state, YG_CLIENT_OTHER, YG_CLIENT_DONE);
        change(hooked, told->result);
        act(hooked, told->result);
        if (told->result->has_ack)
            acknowledge(asked, told->result);
    } else {
        fail(hooked);
    }
    free_asked(asked);
}

static void put_attachments(struct yg_text *text, const yodel_sio_event *event)
{
    const size_t num = yodel_sio_event_num_attachments(event);

    if (num == 0)
        return;
    yg_text_puts(text, ",\"attachments\":[");
    for (size_t i = 0; i < num; i++) {
        const yodel_bytes bytes = yodel_sio_event_attachment(event, i);

        yg_text_puts(text, i > 0 ? "," : "");
        yg_base64_put(text, bytes.ptr, bytes.len);
    }
    yg_text_putc(text, ']');
}

static struct asked *new_asked(struct yg_hooked *hooked, yodel_sio_event *event)
{
    struct asked *asked = calloc(1, sizeof(*asked));

    if (asked == NULL)
        return NULL;
    asked->hooked = hooked;
    hooked->refs++;
    asked->ack = yodel_sio_event_ack(event);
    return asked;
}

static int push_event(struct yg_hooked *hooked, yodel_sio_event *event)
{
    struct asked *asked = new_asked(hooked, event);
    const yodel_str args = yodel_sio_event_args(event);
    struct yg_hook_event *made;
    struct yg_text *text;
    int rc = -ENOMEM;

    if (asked == NULL)
        return -ENOMEM;
    made = yg_hook_event_new(hooked->lane, YG_HOOK_EVENT, on_answered, asked);
    if (made != NULL) {
        text = yg_hook_event_text(made);
        yg_member_put(text, "event", yodel_sio_event_name(event));
        yg_member_put_sent(text, "args", args);
        yg_text_puts(text, asked->ack != NULL ? ",\"ack\":true" : ",\"ack\":false");
        put_attachments(text, event);
        yg_hook_event_trace(made, yodel_sio_socket_header(hooked->socket, "traceparent"));
        if (asked->ack != NULL)
            yg_hook_event_wants_ack(made);
        rc = yg_lane_push(made);
    }
    if (rc < 0)
        free_asked(asked);
    else
        yg_record_look(hooked->record, hooked->lane);
    return rc;
}

bool yg_hooked_event(yodel_sio_socket *socket, yodel_sio_event *event)
{
    static const char own[] = "yodel:";
    struct yg_hooked *hooked = yg_state_lane(socket);
    const yodel_str name = yodel_sio_event_name(event);

    if (hooked == NULL || hooked->lane == NULL || !yg_hook_has_kind(hooked->hook, YG_HOOK_EVENT) ||
        (name.len >= sizeof(own) - 1 && memcmp(name.ptr, own, sizeof(own) - 1) == 0))
        return false;
    if (push_event(hooked, event) < 0)
        fail(hooked);
    return true;
}

/* ---- refresh ---- */

/* Without an answer the client is asked for another token. */
static void on_refreshed(const struct yg_hook_told *told, void *user)
{
    struct yg_hooked *hooked = user;
    const struct yg_hook_result *result = told->result;

    if (result != NULL) {
        change(hooked, result);
        act(hooked, told->result);
    }
    if (hooked->socket != NULL && result != NULL && result->is_expired)
        yodel_sio_socket_disconnect(hooked->socket, YODEL_SIO_COME_BACK);
    else if (hooked->socket != NULL && (result == NULL || !result->has_expires))
        yg_session_tell_expiring(hooked->socket);
    yg_hooked_unref(hooked);
}

bool yg_hooked_refresh(yodel_sio_socket *socket)
{
    struct yg_hooked *hooked = yg_state_lane(socket);
    struct yg_hook_event *event;

    if (hooked == NULL || hooked->lane == NULL || !yg_hook_has_kind(hooked->hook, YG_HOOK_REFRESH))
        return false;
    event = yg_hook_event_new(hooked->lane, YG_HOOK_REFRESH, on_refreshed, hooked);
    if (event == NULL)
        return false;
    yg_text_printf(yg_hook_event_text(event), ",\"expires_at\":%" PRId64,
                   yg_state_expires_at(socket));
    return push(hooked, event) == 0;
}
