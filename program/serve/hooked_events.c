/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>

#include "serve/event_streams.h"
#include "serve/guest.h"
#include "serve/hooked.h"

/*
 * Readers of events whose path has a webhook: as plain WebSockets (hooked_ws.h), but that they send
 * nothing.  Their rooms are the token's, that of their user, and those of the answer; with `rooms:
 * query` those that they name, each of which must be the token's to allow or in the answer.
 */

struct reader {
    struct yg_guest guest; /* first */
    const struct yg_event_path *path;
    yodel_request *req; /* while it is asked for */
    yodel_sse *sse;     /* while it is open */
    bool is_head;
    struct yg_event_names wanted; /* of the query */
};

static struct reader *reader_of(struct yg_guest *guest)
{
    return (struct reader *)guest;
}

/* ---- while it is asked for ---- */

/* The client has gone, or has waited for too long. */
static void on_gone(yodel_decision *decision, void *user)
{
    struct reader *reader = user;

    (void)decision;
    reader->req = NULL;
    yg_guest_left(&reader->guest);
    yg_guest_unref(&reader->guest);
}

static yodel_decision *defer(struct yg_guest *guest)
{
    yodel_decision *decision = yodel_request_defer(reader_of(guest)->req);

    if (decision != NULL)
        (void)yodel_decision_on_gone(decision, on_gone, reader_of(guest));
    return decision;
}

/* From here on its end is told by its answer. */
static yodel_request *take_request(struct reader *reader)
{
    yodel_request *req = reader->req;

    if (reader->guest.decision != NULL)
        (void)yodel_decision_on_gone(reader->guest.decision, NULL, NULL);
    reader->req = NULL;
    return req;
}

static bool is_among(const struct yg_hook_result *said, const char *room)
{
    for (size_t i = 0; said != NULL && i < said->rooms.num; i++) {
        if (strcmp(said->rooms.items[i], room) == 0)
            return true;
    }
    return false;
}

static int enter_wanted(struct reader *reader, const struct yg_hook_result *said)
{
    struct yg_guest *guest = &reader->guest;
    int rc = 0;

    for (size_t i = 0; i < reader->wanted.num && rc == 0; i++) {
        const char *room = reader->wanted.items[i];

        if (!is_among(said, room) && !yg_visitor_may_join(&guest->token, room))
            return 403;
        rc = yg_guest_join(guest, room);
    }
    return yg_visitor_status(rc);
}

static int enter_given(struct reader *reader, const struct yg_hook_result *said)
{
    struct yg_guest *guest = &reader->guest;
    struct yg_event_names names = {0};
    int status = yg_event_of_token(guest->state, &guest->token, guest->user, &names), rc = 0;

    for (size_t i = 0; i < names.num && rc == 0 && status == 0; i++)
        rc = yg_guest_join(guest, names.items[i]);
    for (size_t i = 0; said != NULL && i < said->rooms.num && rc == 0 && status == 0; i++)
        rc = yg_guest_join(guest, said->rooms.items[i]);
    yg_arena_clear(&names.arena);
    return status != 0 ? status : yg_visitor_status(rc);
}

static int enter(struct yg_guest *guest, const struct yg_hook_result *said)
{
    struct reader *reader = reader_of(guest);

    return reader->path->options->rooms == YG_EVENTS_QUERY ? enter_wanted(reader, said)
                                                           : enter_given(reader, said);
}

static void refuse(struct yg_guest *guest, int status)
{
    yodel_request *req = take_request(reader_of(guest));

    if (req != NULL)
        yg_event_refuse(req, status);
}

static void refused(struct yg_guest *guest)
{
    (void)take_request(reader_of(guest));
    yg_guest_left(guest);
    yg_guest_unref(guest);
}

/* ---- while it is there ---- */

/* Before that, rooms are only noted. */
static int join(struct yg_guest *guest, const char *room)
{
    const struct reader *reader = reader_of(guest);

    return reader->sse != NULL && !reader->is_head ? yg_event_join(guest->state, reader->sse, room)
                                                   : 0;
}

static void leave(struct yg_guest *guest, const char *room)
{
    yg_event_leave(guest->state, reader_of(guest)->sse, room);
}

/* As an emit to a room comes: the array of arguments. */
static int send(struct yg_guest *guest, const struct yg_command *command)
{
    const yodel_str args = {command->args.ptr, command->args.len};
    const yodel_sse_message message = {.size = sizeof(message),
                                       .data = args.len > 0 ? args : YODEL_STR("[]"),
                                       .event = command->event};

    if (command->num_attachments > 0)
        return YODEL_ERR_UNSUPPORTED;
    return yodel_sse_send(reader_of(guest)->sse, &message);
}

/* As a socket gets it. */
static void say_hello(struct yg_guest *guest, const json_t *data)
{
    (void)yodel_sse_send_pack(reader_of(guest)->sse, YG_HELLO_EVENT, "[O]", data);
}

/* It comes back, whatever is said; who is to stay away is refused then. */
static void end(struct yg_guest *guest, enum yg_guest_end how, const char *message)
{
    (void)how;
    (void)message;
    yg_event_end(reader_of(guest)->sse);
}

static void free_reader(struct yg_guest *guest)
{
    struct reader *reader = reader_of(guest);

    yg_arena_clear(&reader->wanted.arena);
    free(reader);
}

/* In the words of Socket.IO. */
static const char *words_of(yodel_stream_reason reason)
{
    switch (reason) {
    case YODEL_STREAM_COMPLETE:
        return "server namespace disconnect";
    case YODEL_STREAM_STOPPED:
        return "server shutting down";
    case YODEL_STREAM_TIMEOUT:
    case YODEL_STREAM_ABORTED:
        return "transport error";
    default:
        return "transport close";
    }
}

static void on_close(yodel_sse *sse, yodel_stream_reason reason, void *user)
{
    struct reader *reader = user;

    (void)sse;
    yg_guest_closed(&reader->guest, words_of(reason), 0, yg_event_reason(reason));
    reader->sse = NULL;
    yg_guest_unref(&reader->guest);
}

static void send_away(void *sse)
{
    yg_event_end(sse);
}

static int accept(struct yg_guest *guest)
{
    struct reader *reader = reader_of(guest);
    yodel_request *req = reader->req;
    int rc = yg_event_begin(guest->state, req, on_close, reader, &reader->sse);

    if (rc < 0) {
        reader->sse = NULL;
        return rc;
    }
    (void)take_request(reader);
    /* From here on on_close ends it. */
    for (size_t i = 0; i < guest->rooms.num && rc >= 0; i++)
        rc = join(guest, guest->rooms.items[i]);
    yg_guest_opened(guest, send_away, reader->sse);
    if (rc < 0)
        yg_event_end(reader->sse);
    return 0;
}

static const struct yg_guest_kind kind = {.transport = "eventsource",
                                          .defer = defer,
                                          .accept = accept,
                                          .refuse = refuse,
                                          .refused = refused,
                                          .enter = enter,
                                          .join = join,
                                          .leave = leave,
                                          .send = send,
                                          .say_hello = say_hello,
                                          .end = end,
                                          .free = free_reader};

/* ---- a request ---- */

static struct reader *new_reader(const struct yg_event_path *path, yodel_request *req,
                                 struct yg_hook *hook)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    struct yg_guest *guest;

    if (reader == NULL)
        return NULL;
    guest = &reader->guest;
    *guest = (struct yg_guest){.kind = &kind,
                               .state = path->state,
                               .loop = yodel_request_loop(req),
                               .hook = hook,
                               .pattern = path->options->path,
                               .auth = path->options->auth,
                               .number = yg_event_number(path->state),
                               .transport = YG_BY_EVENT_STREAM};
    snprintf(guest->sid, sizeof(guest->sid), "events.%016" PRIx64, guest->number);
    reader->path = path;
    reader->req = req;
    reader->is_head = yodel_str_eq(yodel_request_method(req), YODEL_STR("HEAD"));
    return yg_guest_init(guest, req) == 0 ? reader : NULL;
}

/* Returns as yg_guest_ask(). */
static int ask(struct reader *reader, yodel_request *req, struct yg_token *token)
{
    const struct yg_config *config = yg_state_loop_config(reader->guest.state, reader->guest.loop);
    int status = 0;

    if (reader->path->options->rooms == YG_EVENTS_QUERY)
        status = yg_event_query(req, config->limits.rooms_per_socket, &reader->wanted);
    return status != 0 ? status : yg_guest_ask(&reader->guest, req, token);
}

void yg_hooked_events_answer(const struct yg_event_path *path, yodel_request *req)
{
    struct reader *reader = NULL;
    struct yg_hook *hook;
    struct yg_token token;
    int status = yg_guest_check(path->state, req, path->options->auth, path->options->webhook,
                                &token, &hook);

    if (status == 0) {
        reader = new_reader(path, req, hook);
        status = reader != NULL ? ask(reader, req, &token) : 503;
    }
    if (status == 0 && accept(&reader->guest) < 0)
        status = 503;
    if (status != 0 && status != YODEL_DEFER) {
        yg_event_refuse(req, status);
        if (reader != NULL)
            refused(&reader->guest);
    }
    yg_token_free(&token);
}
