/* SPDX-License-Identifier: MIT */
#include "serve/hooked_ws.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>

#include "base/base64.h"
#include "serve/guest.h"
#include "serve/hooks.h"
#include "serve/websockets.h"

#define CLOSE_BANNED 1008
#define CLOSE_COME_BACK 1012

struct hooked {
    struct yg_guest guest;               /* first */
    yodel_ws *ws;                        /* while the guest is not gone */
    struct yg_admin_ws shown;            /* to admin pages */
    char room[YODEL_GROUP_NAME_MAX + 1]; /* of the path; "": none */
};

static struct hooked *hooked_of(struct yg_guest *guest)
{
    return (struct hooked *)guest;
}

/* ---- while it is asked for ---- */

static yodel_decision *defer(struct yg_guest *guest)
{
    return yodel_ws_defer(hooked_of(guest)->ws);
}

static int accept(struct yg_guest *guest)
{
    return yodel_decision_accept(guest->decision, NULL);
}

static void refuse(struct yg_guest *guest, int status)
{
    const yodel_response response = {.size = sizeof(response), .status = status};

    (void)yodel_decision_reject(guest->decision, &response);
}

static int enter_all(struct yg_guest *guest, const struct yg_hook_result *said)
{
    const struct yg_grants *grants = &guest->token.grants;
    const char *room = hooked_of(guest)->room;
    int rc = room[0] != '\0' ? yg_guest_join(guest, room) : 0;

    for (size_t i = 0; i < grants->num_rooms && rc == 0; i++)
        rc = yg_guest_join(guest, grants->rooms[i]);
    for (size_t i = 0; said != NULL && i < said->rooms.num && rc == 0; i++)
        rc = yg_guest_join(guest, said->rooms.items[i]);
    return rc;
}

static int enter(struct yg_guest *guest, const struct yg_hook_result *said)
{
    return yg_visitor_status(enter_all(guest, said));
}

/* ---- while it is there ---- */

static int join(struct yg_guest *guest, const char *room)
{
    struct hooked *hooked = hooked_of(guest);
    int rc = yg_websocket_join(guest->state, hooked->ws, room, guest->user, guest->info);

    if (rc >= 0)
        yg_admin_ws_join(&hooked->shown, room);
    return rc;
}

static void leave(struct yg_guest *guest, const char *room)
{
    struct hooked *hooked = hooked_of(guest);

    yodel_group_discard(guest->state->service.channels, room, hooked->ws);
    yg_admin_ws_leave(&hooked->shown, room);
}

static int send_value(yodel_ws *ws, const json_t *value)
{
    struct yg_text text = {0};
    int rc;

    if (json_is_string(value))
        yg_text_add(&text, json_string_value(value), json_string_length(value));
    else if (value != NULL)
        yg_json_put(&text, value, 0);
    rc = yg_text_failed(&text) ? -ENOMEM : yodel_ws_send_text(ws, (yodel_str){text.ptr, text.len});
    yg_text_done(&text);
    return rc;
}

/* The one argument: a string as text, an attachment as it is, anything else as JSON. */
static int send(struct yg_guest *guest, const struct yg_command *command)
{
    yodel_ws *ws = hooked_of(guest)->ws;
    json_t *args = NULL;
    char error[160];
    int rc;

    if (command->num_attachments > 0)
        return yodel_ws_send(ws, YODEL_WS_BINARY, command->attachments[0]);
    rc = yg_json_parse(command->args.ptr, command->args.len, error, &args);
    if (rc == 0)
        rc = send_value(ws, json_array_get(args, 0));
    json_decref(args);
    return rc;
}

static void say_hello(struct yg_guest *guest, const json_t *data)
{
    (void)send_value(hooked_of(guest)->ws, data);
}

static void end(struct yg_guest *guest, enum yg_guest_end how, const char *message)
{
    static const int codes[] = {[YG_GUEST_BANNED] = CLOSE_BANNED,
                                [YG_GUEST_COME_BACK] = CLOSE_COME_BACK,
                                [YG_GUEST_EXPIRED] = YG_CLOSE_EXPIRED};

    yodel_ws_close(hooked_of(guest)->ws, codes[how], message);
}

static void hold(struct yg_guest *guest, bool is_held)
{
    if (is_held)
        (void)yodel_ws_pause(hooked_of(guest)->ws);
    else
        (void)yodel_ws_resume(hooked_of(guest)->ws);
}

static void changed(struct yg_guest *guest)
{
    yg_admin_ws_set_data(&hooked_of(guest)->shown, guest->user, guest->meta);
}

static void free_hooked(struct yg_guest *guest)
{
    free(hooked_of(guest));
}

static const struct yg_guest_kind kind = {.transport = "websocket",
                                          .defer = defer,
                                          .accept = accept,
                                          .refuse = refuse,
                                          .enter = enter,
                                          .join = join,
                                          .leave = leave,
                                          .send = send,
                                          .say_hello = say_hello,
                                          .end = end,
                                          .hold = hold,
                                          .changed = changed,
                                          .free = free_hooked};

/* ---- messages ---- */

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
    struct hooked *hooked = yodel_ws_data(ws);
    struct yg_guest *guest = &hooked->guest;
    struct yg_hook_event *event;

    yg_admin_ws_message(&hooked->shown, message);
    if (guest->lane == NULL || !yg_hook_has_kind(guest->hook, YG_HOOK_EVENT)) {
        yg_client_count(path->state, YG_CLIENT_OTHER, YG_CLIENT_REFUSED);
        return 0;
    }
    event = yg_hook_event_new(guest->lane, YG_HOOK_EVENT, yg_guest_answered, guest);
    if (event != NULL)
        put_message(yg_hook_event_text(event), message);
    yg_guest_tell(guest, event);
    return 0;
}

/* ---- a WebSocket ---- */

static void on_free(void *data)
{
    struct hooked *hooked = data;

    yg_admin_ws_close(&hooked->shown);
    if (!hooked->guest.is_gone)
        yg_guest_left(&hooked->guest);
    yg_guest_unref(&hooked->guest);
}

/* On its WebSocket when it was made: it goes with that. */
static struct hooked *new_hooked(const struct yg_websocket_path *path, yodel_ws *ws,
                                 yodel_request *req, struct yg_hook *hook)
{
    struct hooked *hooked = calloc(1, sizeof(*hooked));
    struct yg_guest *guest;

    if (hooked == NULL)
        return NULL;
    guest = &hooked->guest;
    *guest = (struct yg_guest){.kind = &kind,
                               .state = path->state,
                               .loop = yodel_ws_loop(ws),
                               .hook = hook,
                               .pattern = path->options->path,
                               .auth = path->options->auth,
                               .number = yg_websocket_number(path->state, ws),
                               .transport = YG_BY_RAW_WEBSOCKET};
    yodel_ws_channel_name(ws, guest->sid);
    if (yg_guest_init(guest, req) < 0)
        return NULL;
    hooked->ws = ws;
    yg_admin_ws_open(path->state->admin, &hooked->shown, ws, req, path->options->path);
    yodel_ws_set_data(ws, hooked, on_free);
    return hooked;
}

/* Returns what on_connect returns. */
static int begin(const struct yg_websocket_path *path, yodel_ws *ws, yodel_request *req,
                 struct yg_hook *hook, struct yg_token *token)
{
    struct hooked *hooked = new_hooked(path, ws, req, hook);
    int status;

    if (hooked == NULL)
        return 503;
    status = yg_websocket_room(req, token, hooked->room);
    return status != 0 ? status : yg_guest_ask(&hooked->guest, req, token);
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    const struct yg_websocket_path *path = user;
    struct yg_hook *hook;
    struct yg_token token;
    int status = yg_guest_check(path->state, req, path->options->auth, path->options->webhook,
                                &token, &hook);

    if (status == 0)
        status = begin(path, ws, req, hook, &token);
    yg_token_free(&token);
    return status;
}

static void send_away(void *ws)
{
    yodel_ws_close(ws, CLOSE_COME_BACK, NULL);
}

static int on_open(yodel_ws *ws, void *user)
{
    struct hooked *hooked = yodel_ws_data(ws);

    (void)user;
    changed(&hooked->guest);
    yg_admin_ws_opened(&hooked->shown);
    yg_guest_opened(&hooked->guest, send_away, ws);
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

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    const struct yg_websocket_path *path = user;
    struct hooked *hooked = yodel_ws_data(ws);

    yg_admin_ws_close(&hooked->shown);
    if (hooked->guest.is_open)
        yg_guest_closed(&hooked->guest, reason_of(closing), closing->code,
                        yg_websocket_reason(path->state, closing));
    else
        yg_guest_left(&hooked->guest);
}

const yodel_ws_handlers yg_hooked_ws_handlers = {.size = sizeof(yg_hooked_ws_handlers),
                                                 .on_connect = on_connect,
                                                 .on_open = on_open,
                                                 .on_message = on_message,
                                                 .on_close = on_close};
