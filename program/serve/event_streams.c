/* SPDX-License-Identifier: MIT */
#include "serve/event_streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Which rooms one reads is for its token to say, or for a webhook. */

struct yg_event_paths {
    yodel_sio_namespace *root;
    size_t num;
    struct yg_event_path items[];
};

/* One reader. */
struct reader {
    struct yg_state *state;
    yodel_sse *sse;
    struct yg_until until;
    uint64_t number;
    size_t peer_len;
    char peer[64];
    char user[]; /* "": anonymous */
};

/* Others are made from the base by numbers that are small in other bits. */
uint64_t yg_event_number(const struct yg_state *state)
{
    static atomic_uint_least64_t last;

    return ~state->connection_base - atomic_fetch_add(&last, 1);
}

static struct reader *new_reader(struct yg_state *state, yodel_request *req,
                                 const struct yg_token *token)
{
    const char *user = token->user != NULL ? token->user : "";
    struct reader *reader = calloc(1, sizeof(*reader) + strlen(user) + 1);
    const yodel_str peer = yodel_request_peer(req);

    if (reader == NULL)
        return NULL;
    reader->state = state;
    reader->number = yg_event_number(state);
    reader->peer_len = peer.len < sizeof(reader->peer) ? peer.len : sizeof(reader->peer);
    memcpy(reader->peer, peer.ptr, reader->peer_len);
    memcpy(reader->user, user, strlen(user));
    return reader;
}

static struct yg_connection connection_of(const struct reader *reader)
{
    return (struct yg_connection){.number = reader->number,
                                  .transport = YG_BY_EVENT_STREAM,
                                  .peer = {reader->peer, reader->peer_len},
                                  .user = reader->user};
}

static void tell_opened(const struct reader *reader, const yodel_request *req)
{
    const struct yg_connection connection = connection_of(reader);

    yg_connection_asked(reader->state, &connection, req);
}

enum yg_end_reason yg_event_reason(yodel_stream_reason reason)
{
    static const enum yg_end_reason reasons[] = {
        [YODEL_STREAM_COMPLETE] = YG_END_SERVER,  [YODEL_STREAM_GONE] = YG_END_CLIENT,
        [YODEL_STREAM_STOPPED] = YG_END_SHUTDOWN, [YODEL_STREAM_TIMEOUT] = YG_END_SLOW,
        [YODEL_STREAM_ABORTED] = YG_END_SLOW,
    };

    return (size_t)reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[reason] : YG_END_ERROR;
}

static void on_close(yodel_sse *sse, yodel_stream_reason reason, void *user)
{
    struct reader *reader = user;

    const struct yg_connection connection = connection_of(reader);

    (void)sse;
    yg_connection_closed(reader->state, &connection, yg_event_reason(reason));
    yg_until_stop(&reader->until);
    free(reader);
}

void yg_event_end(yodel_sse *sse)
{
    if (yodel_sse_end(sse) == -ENOMEM)
        yodel_stream_abort(yodel_sse_stream(sse));
}

/* An EventSource comes back by itself, to be asked for a token that holds. */
static void on_over(void *owner)
{
    const struct reader *reader = owner;

    yg_event_end(reader->sse);
}

/* ---- rooms ---- */

/* The room of that user's own, "" if there is none. */
static void find_personal(struct yg_state *state, const char *user, char *room, size_t size)
{
    const char *pattern = yg_spaces_room(&state->service.spaces, "/");

    if (user == NULL || *pattern == '\0' || yg_personal_room(pattern, user, room, size) <= 0)
        room[0] = '\0';
}

static bool has_name(const struct yg_event_names *names, const char *name)
{
    for (size_t i = 0; i < names->num; i++) {
        if (strcmp(names->items[i], name) == 0)
            return true;
    }
    return false;
}

int yg_event_of_token(struct yg_state *state, const struct yg_token *token, const char *user,
                      struct yg_event_names *names)
{
    char personal[512];

    names->items =
        yg_arena_take_array(&names->arena, token->grants.num_rooms + 1, sizeof(*names->items));
    if (names->items == NULL)
        return 503;
    for (size_t i = 0; i < token->grants.num_rooms; i++) {
        if (!has_name(names, token->grants.rooms[i]))
            names->items[names->num++] = token->grants.rooms[i];
    }
    find_personal(state, user, personal, sizeof(personal));
    if (personal[0] == '\0' || has_name(names, personal))
        return 0;
    names->items[names->num] = yg_arena_dup(&names->arena, personal);
    return names->items[names->num++] != NULL ? 0 : 503;
}

int yg_event_query(yodel_request *req, size_t max, struct yg_event_names *names)
{
    yodel_str rest = yodel_request_query_param(req, "rooms");

    if (rest.ptr == NULL || rest.len == 0 || memchr(rest.ptr, 0, rest.len) != NULL)
        return 400;
    names->items = yg_arena_take_array(&names->arena, max, sizeof(*names->items));
    if (names->items == NULL)
        return 503;
    while (rest.len > 0) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        const size_t len = comma != NULL ? (size_t)(comma - rest.ptr) : rest.len;
        const char *name = yg_arena_copy(&names->arena, rest.ptr, len);

        if (name == NULL)
            return 503;
        if (names->num == max)
            return 403;
        names->items[names->num++] = name;
        rest.ptr += len + (comma != NULL);
        rest.len -= len + (comma != NULL);
    }
    return 0;
}

static int of_query(yodel_request *req, const struct yg_token *token, size_t max,
                    struct yg_event_names *names)
{
    const int status = yg_event_query(req, max, names);

    for (size_t i = 0; i < names->num && status == 0; i++) {
        if (!yg_visitor_may_join(token, names->items[i]))
            return 403;
    }
    return status;
}

static int find_names(const struct yg_event_path *path, yodel_request *req,
                      const struct yg_token *token, struct yg_event_names *names)
{
    const struct yg_config *config = yg_state_loop_config(path->state, yodel_request_loop(req));
    const size_t max = config->limits.rooms_per_socket;
    const int status = path->options->rooms == YG_EVENTS_TOKEN
                           ? yg_event_of_token(path->state, token, token->user, names)
                           : of_query(req, token, max, names);

    return status == 0 && names->num > max ? 403 : status;
}

int yg_event_join(struct yg_state *state, yodel_sse *sse, const char *room)
{
    const int rc = yodel_sio_namespace_reader_add(state->events->root, room, sse);

    return rc < 0 ? rc : yodel_sse_group_add(sse, state->service.channels, room);
}

void yg_event_leave(struct yg_state *state, yodel_sse *sse, const char *room)
{
    yodel_sio_namespace_reader_discard(state->events->root, room, sse);
    yodel_sse_group_discard(sse, state->service.channels, room);
}

/* ---- a stream ---- */

int yg_event_begin(struct yg_state *state, yodel_request *req, yodel_sse_close_fn *closed,
                   void *user, yodel_sse **ret_sse)
{
    const struct yg_limits_config *limits =
        &yg_state_loop_config(state, yodel_request_loop(req))->limits;

    return yodel_request_sse_begin(
        req,
        YODEL_OPTIONS(yodel_sse_options, .max_buffered = limits->queue_bytes,
                      .close_congested = limits->on_slow == YG_SLOW_CLOSE, .on_close = closed,
                      .user = user),
        ret_sse);
}

static int begin(const struct yg_event_path *path, yodel_request *req, const struct yg_token *token,
                 const struct yg_event_names *names)
{
    struct yg_state *state = path->state;
    yodel_loop *loop = yodel_request_loop(req);
    const bool is_head = yodel_str_eq(yodel_request_method(req), YODEL_STR("HEAD"));
    const int64_t at = yg_visitor_end_ms(yg_state_loop_config(state, loop), token);
    struct reader *reader = new_reader(state, req, token);
    int rc = 0;

    if (reader == NULL)
        return 503;
    if (yg_event_begin(state, req, on_close, reader, &reader->sse) < 0) {
        free(reader);
        return 503;
    }
    /* From here on on_close frees it. */
    tell_opened(reader, req);
    yg_until_init(&reader->until, loop, on_over, reader);
    if (at != 0)
        yg_until_set(&reader->until, at);
    for (size_t i = 0; i < names->num && rc >= 0 && !is_head; i++)
        rc = yg_event_join(state, reader->sse, names->items[i]);
    if (rc < 0)
        on_over(reader);
    return 0;
}

/* Numbers that go round the circle in steps of the golden ratio are far from each other. */
static uint32_t wait_ms(void)
{
    static atomic_uint_least32_t last;
    const uint32_t place = atomic_fetch_add(&last, 1) * UINT32_C(2654435769);

    return 1000 + place % 4000;
}

void yg_event_refuse(yodel_request *req, int status)
{
    yodel_sse *sse;

    if (status == 503 &&
        yodel_request_sse_begin(req, YODEL_OPTIONS(yodel_sse_options, .retry_ms = wait_ms()),
                                &sse) == 0)
        yg_event_end(sse);
    else
        (void)yodel_request_reply_text(req, status, NULL, YODEL_STR("refused\n"));
}

static void answer(yodel_request *req, void *user)
{
    const struct yg_event_path *path = user;
    struct yg_event_names names = {0};
    struct yg_token token;
    int status;

    if (*path->options->webhook != '\0') {
        yg_hooked_events_answer(path, req);
        return;
    }
    status = yg_visitor_check(path->state, req, path->options->auth, &token);
    if (status == 0)
        status = find_names(path, req, &token, &names);
    if (status == 0)
        status = begin(path, req, &token, &names);
    if (status != 0)
        yg_event_refuse(req, status);
    yg_arena_clear(&names.arena);
    yg_token_free(&token);
}

int yg_events_start(struct yg_state *state)
{
    const struct yg_config *config = state->first;
    const size_t num = config->events.num;
    int rc;

    state->events = calloc(1, sizeof(*state->events) + num * sizeof(struct yg_event_path));
    if (state->events == NULL)
        return -ENOMEM;
    rc = yodel_sio_of(state->sio, "/", &state->events->root);
    for (size_t i = 0; i < num && rc == 0; i++) {
        struct yg_event_path *path = &state->events->items[i];
        struct yg_text pattern = {0};

        *path = (struct yg_event_path){state, &config->events.items[i]};
        yg_text_printf(&pattern, "GET %s", path->options->path);
        rc = yg_text_failed(&pattern)
                 ? -ENOMEM
                 : yodel_server_route(state->server, yg_text_string(&pattern), answer, path);
        yg_text_done(&pattern);
        if (rc < 0)
            yg_log_option(state, config, "events[%zu].path: %s: %s", i, path->options->path,
                          yodel_strerror(rc));
    }
    return rc;
}
