/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/sse.h>

#include "serve/visitor.h"
#include "state/socket_state.h"

/*
 * Streams for EventSource: readers of rooms of the namespace "/", and of groups of the same names.
 * Which ones is for the token to say.
 */

struct path {
    struct yg_state *state;
    const struct yg_events *options; /* of the start */
};

struct yg_event_paths {
    yodel_sio_namespace *root;
    size_t num;
    struct path items[];
};

/* One reader. */
struct reader {
    struct yg_state *state;
    yodel_sse *sse;
    struct yg_until until;
    uint64_t number; /* for the log, as the others */
    size_t peer_len;
    char peer[64];
    char user[]; /* "": anonymous */
};

static struct reader *new_reader(struct yg_state *state, yodel_request *req,
                                 const struct yg_token *token)
{
    static atomic_uint_least64_t last;
    const char *user = token->user != NULL ? token->user : "";
    struct reader *reader = calloc(1, sizeof(*reader) + strlen(user) + 1);
    const yodel_str peer = yodel_request_peer(req);

    if (reader == NULL)
        return NULL;
    reader->state = state;
    /* Others are made from the base by numbers that are small in other bits. */
    reader->number = ~state->connection_base - atomic_fetch_add(&last, 1);
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

static enum yg_end_reason reason_of(yodel_stream_reason reason)
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
    yg_connection_closed(reader->state, &connection, reason_of(reason));
    yg_until_stop(&reader->until);
    free(reader);
}

/* An EventSource comes back by itself, to be asked for a token that holds. */
static void on_over(void *owner)
{
    struct reader *reader = owner;

    if (yodel_sse_end(reader->sse) == -ENOMEM)
        yodel_stream_abort(yodel_sse_stream(reader->sse));
}

/* ---- rooms ---- */

/* Names for one reader, owned. */
struct names {
    struct yg_arena arena;
    const char **items;
    size_t num;
};

/* The personal room is the token's, too. */
static int of_token(struct yg_state *state, const struct yg_token *token, struct names *names)
{
    const char *pattern = yg_spaces_room(&state->service.spaces, "/");
    char personal[512];

    names->items =
        yg_arena_take_array(&names->arena, token->grants.num_rooms + 1, sizeof(*names->items));
    if (names->items == NULL)
        return 503;
    for (size_t i = 0; i < token->grants.num_rooms; i++)
        names->items[names->num++] = token->grants.rooms[i];
    if (token->user != NULL && *pattern != '\0' &&
        yg_personal_room(pattern, token->user, personal, sizeof(personal)) > 0) {
        names->items[names->num] = yg_arena_dup(&names->arena, personal);
        if (names->items[names->num++] == NULL)
            return 503;
    }
    return 0;
}

/* rooms=a,b of the query. */
static int of_query(yodel_request *req, const struct yg_token *token, size_t max,
                    struct names *names)
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
        if (names->num == max || !yg_visitor_may_join(token, name))
            return 403;
        names->items[names->num++] = name;
        rest.ptr += len + (comma != NULL);
        rest.len -= len + (comma != NULL);
    }
    return 0;
}

static int find_names(const struct path *path, yodel_request *req, const struct yg_token *token,
                      struct names *names)
{
    const struct yg_config *config = yg_state_loop_config(path->state, yodel_request_loop(req));
    const size_t max = config->limits.rooms_per_socket;
    const int status = path->options->rooms == YG_EVENTS_TOKEN ? of_token(path->state, token, names)
                                                               : of_query(req, token, max, names);

    return status == 0 && names->num > max ? 403 : status;
}

/* ---- a stream ---- */

static int add_rooms(struct yg_state *state, yodel_sse *sse, const struct names *names)
{
    int rc = 0;

    for (size_t i = 0; i < names->num && rc == 0; i++) {
        rc = yodel_sio_namespace_reader_add(state->events->root, names->items[i], sse);
        if (rc == 0)
            rc = yodel_sse_group_add(sse, state->service.channels, names->items[i]);
    }
    return rc;
}

static int begin(const struct path *path, yodel_request *req, const struct yg_token *token,
                 const struct names *names)
{
    struct yg_state *state = path->state;
    yodel_loop *loop = yodel_request_loop(req);
    const struct yg_config *config = yg_state_loop_config(state, loop);
    const bool is_head = yodel_str_eq(yodel_request_method(req), YODEL_STR("HEAD"));
    const int64_t at = yg_visitor_end_ms(config, token);
    struct reader *reader = new_reader(state, req, token);
    int rc;

    if (reader == NULL)
        return 503;
    rc = yodel_request_sse_begin(
        req,
        YODEL_OPTIONS(yodel_sse_options, .max_buffered = config->limits.queue_bytes,
                      .close_congested = config->limits.on_slow == YG_SLOW_CLOSE,
                      .on_close = on_close, .user = reader),
        &reader->sse);
    if (rc < 0) {
        free(reader);
        return 503;
    }
    /* From here on on_close frees it. */
    tell_opened(reader, req);
    yg_until_init(&reader->until, loop, on_over, reader);
    if (at != 0)
        yg_until_set(&reader->until, at);
    if (!is_head && add_rooms(state, reader->sse, names) < 0)
        on_over(reader);
    return 0;
}

static void answer(yodel_request *req, void *user)
{
    const struct path *path = user;
    struct names names = {0};
    struct yg_token token;
    int status = yg_visitor_check(path->state, req, YG_AUTH_REQUIRED, &token);

    if (status == 0)
        status = find_names(path, req, &token, &names);
    if (status == 0)
        status = begin(path, req, &token, &names);
    if (status != 0)
        (void)yodel_request_reply_text(req, status, NULL, YODEL_STR("refused\n"));
    yg_arena_clear(&names.arena);
    yg_token_free(&token);
}

int yg_events_start(struct yg_state *state)
{
    const struct yg_config *config = state->first;
    const size_t num = config->events.num;
    int rc;

    state->events = calloc(1, sizeof(*state->events) + num * sizeof(struct path));
    if (state->events == NULL)
        return -ENOMEM;
    rc = yodel_sio_of(state->sio, "/", &state->events->root);
    for (size_t i = 0; i < num && rc == 0; i++) {
        struct path *path = &state->events->items[i];
        struct yg_text pattern = {0};

        *path = (struct path){state, &config->events.items[i]};
        yg_text_printf(&pattern, "GET %s", path->options->path);
        rc = yg_text_failed(&pattern)
                 ? -ENOMEM
                 : yodel_server_route(state->server, yg_text_string(&pattern), answer, path);
        yg_text_done(&pattern);
        if (rc < 0)
            yg_log(state, YG_LOG_ERROR, "events.%s: %s", path->options->path, yodel_strerror(rc));
    }
    return rc;
}
