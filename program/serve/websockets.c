/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/ws.h>

#include "serve/hooked_ws.h"
#include "serve/websockets.h"

/*
 * Plain WebSockets: members of groups, which the API sends to.  One is in the group of {room} in
 * its path, and in the rooms of its token.
 */

struct yg_websocket_paths {
    size_t num;
    struct yg_websocket_path items[];
};

/* One WebSocket whose token ends, or that is written of. */
struct member {
    yodel_ws *ws;
    struct yg_until until;
    struct yg_admin_ws shown; /* to admin pages */
    size_t peer_len;
    char peer[64];
    char user[]; /* "": anonymous */
};

static void free_member(void *data)
{
    struct member *member = data;

    yg_until_stop(&member->until);
    yg_admin_ws_close(&member->shown);
    free(member);
}

/* The client comes back with another token. */
static void on_over(void *owner)
{
    struct member *member = owner;

    yodel_ws_close(member->ws, YG_CLOSE_EXPIRED, "the token has expired");
}

/* ---- groups ---- */

/* Who is there, for GET /presence; "": the room has none. */
static int describe(const char *user, const json_t *info, struct yg_text *text)
{
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;

    yg_text_puts(text, "{\"user\":");
    if (user != NULL)
        yg_text_put_json(text, user, strlen(user));
    else
        yg_text_puts(text, "null");
    if (info != NULL && text->len + json_dumpb(info, NULL, 0, flags) + 20 < YODEL_GROUP_MAX_JSON) {
        yg_text_puts(text, ",\"info\":");
        yg_json_put(text, info, 0);
    }
    yg_text_putc(text, '}');
    return yg_text_failed(text) ? -ENOMEM : 0;
}

int yg_websocket_join(struct yg_state *state, yodel_ws *ws, const char *room, const char *user,
                      const json_t *info)
{
    const struct yg_room *options =
        yg_room_find(yg_state_loop_config(state, yodel_ws_loop(ws)), yodel_str_of(room));
    struct yg_text text = {0};
    int rc;

    if (options == NULL || !options->presence)
        return yodel_group_add(state->service.channels, room, ws);
    rc = describe(user, info, &text);
    if (rc == 0)
        rc = yodel_group_add_json(state->service.channels, room, ws,
                                  (yodel_str){text.ptr, text.len});
    yg_text_done(&text);
    return rc;
}

int yg_websocket_room(yodel_request *req, const struct yg_token *token,
                      char ret_room[YODEL_GROUP_NAME_MAX + 1])
{
    const yodel_str name = yodel_request_param(req, "room");

    ret_room[0] = '\0';
    if (name.ptr == NULL)
        return 0;
    if (name.len == 0 || name.len > YODEL_GROUP_NAME_MAX || memchr(name.ptr, 0, name.len) != NULL)
        return 400;
    memcpy(ret_room, name.ptr, name.len);
    ret_room[name.len] = '\0';
    return token->claims != NULL && !yg_visitor_may_join(token, ret_room) ? 403 : 0;
}

static int join(struct yg_state *state, yodel_ws *ws, const char *room,
                const struct yg_token *token)
{
    struct member *member = yodel_ws_data(ws);
    const int rc = yg_websocket_join(state, ws, room, token->user, token->grants.info);

    if (rc >= 0 && member != NULL)
        yg_admin_ws_join(&member->shown, room);
    return rc;
}

static int join_all(struct yg_state *state, yodel_ws *ws, yodel_request *req,
                    const struct yg_token *token)
{
    const struct yg_config *config = yg_state_loop_config(state, yodel_ws_loop(ws));
    const struct yg_grants *grants = &token->grants;
    char room[YODEL_GROUP_NAME_MAX + 1];
    int status = yg_websocket_room(req, token, room);

    if (grants->num_rooms + 1 > config->limits.rooms_per_socket)
        return 403;
    if (status == 0 && room[0] != '\0')
        status = yg_visitor_status(join(state, ws, room, token));
    for (size_t i = 0; i < grants->num_rooms && status == 0; i++)
        status = yg_visitor_status(join(state, ws, grants->rooms[i], token));
    return status;
}

/* ---- a WebSocket ---- */

static struct member *new_member(yodel_ws *ws, yodel_request *req, const struct yg_token *token)
{
    const char *user = token->user != NULL ? token->user : "";
    struct member *member = calloc(1, sizeof(*member) + strlen(user) + 1);
    const yodel_str peer = yodel_request_peer(req);

    if (member == NULL)
        return NULL;
    member->ws = ws;
    member->peer_len = peer.len < sizeof(member->peer) ? peer.len : sizeof(member->peer);
    memcpy(member->peer, peer.ptr, member->peer_len);
    memcpy(member->user, user, strlen(user));
    yg_until_init(&member->until, yodel_ws_loop(ws), on_over, member);
    return member;
}

static int begin(const struct yg_websocket_path *path, yodel_ws *ws, yodel_request *req,
                 const struct yg_token *token)
{
    struct yg_state *state = path->state;
    const struct yg_config *config = yg_state_loop_config(state, yodel_ws_loop(ws));
    const int64_t at = yg_visitor_end_ms(config, token);
    struct member *member;

    if (at == 0 && !yg_log_wants_access(state, YG_ACCESS_CONNECTIONS) &&
        !yg_admin_shows_websockets(state->admin))
        return 0;
    member = new_member(ws, req, token);
    if (member == NULL)
        return 503;
    if (at != 0)
        yg_until_set(&member->until, at);
    yg_admin_ws_open(state->admin, &member->shown, ws, req, path->options->path);
    yg_admin_ws_set_data(&member->shown, token->user, NULL);
    yodel_ws_set_data(ws, member, free_member);
    return 0;
}

uint64_t yg_websocket_number(const struct yg_state *state, const yodel_ws *ws)
{
    return state->connection_base ^ yodel_ws_id(ws).value;
}

static struct yg_connection connection_of(struct yg_state *state, yodel_ws *ws)
{
    const struct member *member = yodel_ws_data(ws);
    struct yg_connection connection = {.number = yg_websocket_number(state, ws),
                                       .transport = YG_BY_RAW_WEBSOCKET};

    if (member != NULL) {
        connection.peer = (yodel_str){member->peer, member->peer_len};
        connection.user = member->user;
    }
    return connection;
}

static void tell_opened(struct yg_state *state, yodel_ws *ws, const yodel_request *req)
{
    const struct yg_connection connection = connection_of(state, ws);

    yg_connection_asked(state, &connection, req);
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    const struct yg_websocket_path *path = user;
    struct yg_token token;
    int status = yg_visitor_check(path->state, req, path->options->auth, &token);

    if (status == 0)
        status = begin(path, ws, req, &token);
    if (status == 0)
        status = join_all(path->state, ws, req, &token);
    yg_token_free(&token);
    if (status != 0)
        return status;
    tell_opened(path->state, ws, req);
    if (yodel_ws_data(ws) != NULL)
        yg_admin_ws_opened(&((struct member *)yodel_ws_data(ws))->shown);
    return YODEL_ACCEPT;
}

enum yg_end_reason yg_websocket_reason(struct yg_state *state, const yodel_ws_closing *closing)
{
    switch (closing->by) {
    case YODEL_WS_BY_PEER:
    case YODEL_WS_BY_LOSS:
        return YG_END_CLIENT;
    case YODEL_WS_BY_TIMEOUT:
        return YG_END_PING_TIMEOUT;
    case YODEL_WS_BY_ERROR:
        return closing->code == 1008 || closing->code == 1009 ? YG_END_ERROR : YG_END_PROTOCOL;
    default:
        if (closing->code == 1013)
            return YG_END_SLOW;
        return closing->code != YG_CLOSE_EXPIRED && atomic_load(&state->is_draining)
                   ? YG_END_SHUTDOWN
                   : YG_END_SERVER;
    }
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    const struct yg_websocket_path *path = user;
    const struct yg_connection connection = connection_of(path->state, ws);
    struct member *member = yodel_ws_data(ws);

    if (member != NULL)
        yg_admin_ws_close(&member->shown);
    yg_connection_closed(path->state, &connection, yg_websocket_reason(path->state, closing));
}

/* Without a hook messages are for nobody. */
static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    const struct yg_websocket_path *path = user;
    struct member *member = yodel_ws_data(ws);

    if (member != NULL)
        yg_admin_ws_message(&member->shown, message);
    yg_client_count(path->state, YG_CLIENT_OTHER, YG_CLIENT_REFUSED);
    return 0;
}

int yg_websockets_start(struct yg_state *state)
{
    const struct yg_config *config = state->first;
    const size_t num = config->websockets.num;
    const yodel_ws_options options = {.size = sizeof(options),
                                      .close_congested = config->limits.on_slow == YG_SLOW_CLOSE};
    const yodel_ws_handlers plain = {.size = sizeof(plain),
                                     .on_connect = on_connect,
                                     .on_message = on_message,
                                     .on_close = on_close,
                                     .options = &options};
    yodel_ws_handlers hooked = yg_hooked_ws_handlers;
    int rc = 0;

    hooked.options = &options;
    state->websockets =
        calloc(1, sizeof(*state->websockets) + num * sizeof(struct yg_websocket_path));
    if (state->websockets == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < num && rc == 0; i++) {
        struct yg_websocket_path *path = &state->websockets->items[i];

        *path = (struct yg_websocket_path){state, &config->websockets.items[i]};
        rc = yodel_server_route_ws(state->server, path->options->path,
                                   *path->options->webhook != '\0' ? &hooked : &plain, path);
        if (rc < 0)
            yg_log_option(state, config, "websockets[%zu].path: %s: %s", i, path->options->path,
                          yodel_strerror(rc));
    }
    return rc;
}
