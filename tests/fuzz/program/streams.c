/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

/* Answers in parts and readers of server-sent events: on_close comes once and last, what a client
 * gets is well framed, and all that can be called is called in every callback. */

struct flow {
    struct flow *next;
    struct program *p;
    yodel_stream *stream;
    yodel_sse *sse; /* the same, of a reader; else NULL */
    unsigned loop, refs;
    bool has_begun, is_ended, is_closed;
};

/* A call that was posted. */
struct errand {
    struct flow *flow;
    struct waiter *waiter;
};

static const uint8_t block[1500] = "data: not a field\r\n";

static bool is_usable(const struct flow *flow)
{
    return flow->has_begun && (flow->refs > 0 || !flow->is_closed);
}

/* ---- calls on its loop ---- */

static int write_some(struct flow *flow)
{
    struct program *p = flow->p;
    yodel_bytes data = {block, 6u * draw(p) % sizeof block};

    if (once_in(p, 3))
        return yodel_stream_write_prepared(flow->stream, p->prepared);
    return yodel_stream_write(flow->stream, data);
}

static int send_event(struct flow *flow)
{
    static const char *const texts[] = {NULL, "", "a", "b\nc", "\r", "x\r\ny", "\xff"};
    struct program *p = flow->p;
    const char *data = texts[pick(p, 7)];

    if (once_in(p, 4))
        return yodel_sse_send_pack(flow->sse, texts[pick(p, 7)], once_in(p, 6) ? "q" : "[i]", 1);
    return yodel_sse_send(flow->sse,
                          YODEL_OPTIONS(yodel_sse_message, .data = yodel_str_of(data),
                                        .event = texts[pick(p, 7)], .id = texts[pick(p, 7)],
                                        .retry_ms = pick(p, 2) * 100));
}

static int join_or_leave(struct flow *flow)
{
    struct program *p = flow->p;
    const char *group = program_groups[pick(p, NUM_GROUPS)];

    if (!once_in(p, 4))
        return yodel_sse_group_add(flow->sse, p->layer, group);
    yodel_sse_group_discard(flow->sse, p->layer, group);
    return 0;
}

static int enter_room(struct flow *flow)
{
    struct program *p = flow->p;
    const char *room = once_in(p, 4) ? NULL : program_rooms[pick(p, NUM_ROOMS)];
    struct service *service = &p->services[pick(p, p->num_services)];
    yodel_sio_namespace *ns = service->ns[pick(p, NUM_NAMES + 1)];

    if (ns == NULL)
        return 0;
    if (!once_in(p, 4))
        return yodel_sio_namespace_reader_add(ns, room, flow->sse);
    yodel_sio_namespace_reader_discard(ns, room, flow->sse);
    return 0;
}

static int end(struct flow *flow)
{
    int rc = flow->sse != NULL && once_in(flow->p, 2) ? yodel_sse_end(flow->sse)
                                                      : yodel_stream_end(flow->stream);

    flow->is_ended = flow->is_ended || rc == 0 || rc == YODEL_ERR_STATE;
    return rc;
}

static void cut_off(struct flow *flow)
{
    yodel_stream_abort(flow->stream);
    flow->is_ended = true;
}

/* One that is over takes nothing more. */
static void check_over(const struct flow *flow, bool was_over, int rc)
{
    if (was_over && (rc == 0 || rc == YODEL_ERR_CONGESTED))
        broken(flow->p, "a stream takes a call after its end: %d", rc);
}

static void call_here(struct flow *flow)
{
    struct program *p = flow->p;
    bool was_over = flow->is_closed;
    unsigned what = pick(p, flow->sse != NULL ? 12 : 8);

    say(p, "stream: call %u%s", what, was_over ? ", after its end" : "");
    if (what < 3 && !was_over)
        (void)write_some(flow);
    else if (what < 3)
        check_over(flow, true, yodel_stream_write(flow->stream, (yodel_bytes){block, 5}));
    else if (what == 3)
        check_over(flow, was_over, end(flow));
    else if (what == 4 && once_in(p, 2))
        cut_off(flow);
    else if (what <= 5 && yodel_stream_user(flow->stream) != flow)
        broken(p, "a stream has another user");
    else if (what <= 5 && flow->sse != NULL && yodel_sse_user(yodel_sse_ref(flow->sse)) != flow)
        broken(p, "a stream of events has another user");
    else if (what <= 5 && flow->sse != NULL)
        (void)yodel_sse_unref(flow->sse);
    else if (what <= 6)
        (void)yodel_stream_buffered(flow->stream);
    else if (what == 8 || what == 9)
        (void)send_event(flow);
    else if (what == 10)
        (void)join_or_leave(flow);
    else if (what == 11)
        (void)enter_room(flow);
}

/* ---- calls on any thread ---- */

static void free_errand(void *arg)
{
    free(arg);
}

static void run_errand(struct flow *flow, const void *object)
{
    if (flow->is_closed)
        broken(flow->p, "a post to a stream runs after its on_close");
    if (object != (flow->sse != NULL ? (const void *)flow->sse : (const void *)flow->stream))
        broken(flow->p, "a post to a stream is given another one");
    if (flow->p->current != (int)flow->loop)
        broken(flow->p, "a post to a stream runs on another loop");
    call_here(flow);
    act(flow->p, NULL, NULL);
}

static void on_post(yodel_stream *stream, void *arg)
{
    struct flow *flow = ((struct errand *)arg)->flow;

    run_errand(flow, flow->sse != NULL ? (void *)flow->sse : (void *)stream);
}

static void on_sse_post(yodel_sse *sse, void *arg)
{
    run_errand(((struct errand *)arg)->flow, sse);
}

static void post(struct flow *flow)
{
    struct errand *errand = calloc(1, sizeof *errand);

    if (errand == NULL)
        abort();
    errand->flow = flow;
    say(flow->p, "stream: post");
    if (flow->sse != NULL && once_in(flow->p, 2))
        (void)yodel_sse_post(flow->sse, on_sse_post, errand, free_errand);
    else
        (void)yodel_stream_post(flow->stream, on_post, errand, free_errand);
}

static void take_or_give(struct flow *flow)
{
    if (flow->refs == 0 || (!flow->is_closed && once_in(flow->p, 2))) {
        (void)yodel_stream_ref(flow->stream);
        flow->refs++;
        return;
    }
    flow->refs--;
    (void)yodel_stream_unref(flow->stream);
}

static struct flow *choose_flow(struct program *p)
{
    struct flow *flow = p->flows;

    for (unsigned i = pick(p, 6); i > 0 && flow != NULL && flow->next != NULL; i--)
        flow = flow->next;
    while (flow != NULL && !is_usable(flow))
        flow = flow->next;
    return flow;
}

void stream_use(struct program *p)
{
    struct flow *flow = choose_flow(p);

    if (flow == NULL || p->over)
        return;
    if (p->current == (int)flow->loop && !once_in(p, 6))
        call_here(flow);
    else if (flow->refs > 0)
        post(flow);
    if (p->current == (int)flow->loop && is_usable(flow) && once_in(p, 3))
        take_or_give(flow);
}

/* ---- callbacks ---- */

static void note(struct flow *flow, const char *what)
{
    say(flow->p, "stream: %s", what);
    if (flow->is_closed)
        broken(flow->p, "a stream's %s after its on_close", what);
    if (flow->p->current != (int)flow->loop)
        broken(flow->p, "a stream's %s on another loop", what);
    call_here(flow);
    act(flow->p, NULL, NULL);
}

static void on_close(struct flow *flow, yodel_stream_reason reason)
{
    say(flow->p, "stream: closed, %d", (int)reason);
    if (flow->is_closed)
        broken(flow->p, "a stream's on_close comes twice");
    if (reason == YODEL_STREAM_ABORTED && !flow->is_ended && flow->sse == NULL &&
        !flow->p->has_failed)
        broken(flow->p, "a stream was aborted by itself");
    flow->is_closed = true;
    call_here(flow);
    act(flow->p, NULL, NULL);
}

static void on_stream_drain(yodel_stream *stream, void *user)
{
    (void)stream;
    note(user, "on_drain");
}

static void on_stream_stop(yodel_stream *stream, void *user)
{
    (void)stream;
    note(user, "on_stop");
}

static void on_stream_close(yodel_stream *stream, yodel_stream_reason reason, void *user)
{
    (void)stream;
    on_close(user, reason);
}

static void on_sse_drain(yodel_sse *sse, void *user)
{
    (void)sse;
    note(user, "on_drain");
}

static void on_sse_stop(yodel_sse *sse, void *user)
{
    (void)sse;
    note(user, "on_stop");
}

static int on_sse_event(yodel_sse *sse, const yodel_event *event, void *user)
{
    struct flow *flow = user;

    (void)sse;
    (void)yodel_event_type(event);
    note(flow, "on_event");
    return once_in(flow->p, 12) ? -EIO : 0;
}

static void on_sse_close(yodel_sse *sse, yodel_stream_reason reason, void *user)
{
    (void)sse;
    on_close(user, reason);
}

/* ---- beginning ---- */

static struct flow *new_flow(struct program *p)
{
    struct flow *flow = calloc(1, sizeof *flow);

    if (flow == NULL)
        abort();
    flow->p = p;
    flow->loop = (unsigned)p->current;
    flow->next = p->flows;
    p->flows = flow;
    return flow;
}

static void began(struct flow *flow, int rc)
{
    say(flow->p, "stream: begin: %d", rc);
    if (rc < 0) {
        flow->is_closed = true; /* no callback comes */
        return;
    }
    flow->has_begun = true;
    for (unsigned i = pick(flow->p, 4); i > 0; i--)
        call_here(flow);
    if (once_in(flow->p, 2))
        take_or_give(flow);
}

static void answer_stream(yodel_request *req, void *user)
{
    static const int statuses[] = {0, 0, 0, 204, 304, 205, 101};
    struct program *p = user;
    struct flow *flow = new_flow(p);
    bool is_head = yodel_request_method(req).len == 4;
    yodel_stream_options options = {.size = sizeof options,
                                    .status = statuses[pick(p, 7)],
                                    .max_buffered = once_in(p, 3) ? 500 : 0,
                                    .on_drain = on_stream_drain,
                                    .on_stop = on_stream_stop,
                                    .on_close = on_stream_close,
                                    .user = flow};

    if (!is_head && options.status == 0 && once_in(p, 4)) {
        options.has_length = 1;
        options.length = draw(p);
    }
    began(flow, yodel_request_stream_begin(req, &options, &flow->stream));
    act(p, NULL, NULL);
}

static void answer_events(yodel_request *req, void *user)
{
    struct program *p = user;
    struct flow *flow = new_flow(p);
    yodel_sse_options options = {.size = sizeof options,
                                 .max_buffered = once_in(p, 3) ? 500 : 0,
                                 .heartbeat_ms = once_in(p, 2) ? 700 : 0,
                                 .retry_ms = pick(p, 2),
                                 .close_congested = (int)pick(p, 2),
                                 .on_event = once_in(p, 2) ? on_sse_event : NULL,
                                 .on_drain = on_sse_drain,
                                 .on_stop = on_sse_stop,
                                 .on_close = on_sse_close,
                                 .user = flow};
    int rc = yodel_request_sse_begin(req, &options, &flow->sse);

    (void)yodel_request_last_event_id(req);
    if (rc == 0)
        flow->stream = yodel_sse_stream(flow->sse);
    if (rc == 0 && once_in(p, 2))
        (void)yodel_sse_group_add(flow->sse, p->layer, program_groups[pick(p, NUM_GROUPS)]);
    began(flow, rc);
    act(p, NULL, NULL);
}

void streams_set_up(struct program *p)
{
    if (yodel_server_route(p->server, "GET /stream", answer_stream, p) < 0 ||
        yodel_server_route(p->server, "GET /events", answer_events, p) < 0)
        abort();
}

/* ---- what a client gets ---- */

long stream_measure(const struct program *p, const char *data, size_t len)
{
    const char *at = data, *limit = data + len;

    for (;;) {
        char *rest;
        size_t size;

        if (memchr(at, '\n', (size_t)(limit - at)) == NULL)
            return 0;
        size = strtoul(at, &rest, 16);
        if (rest == at || rest[0] != '\r' || rest[1] != '\n')
            broken(p, "client: no header of a chunk: %.20s", at);
        if ((size_t)(limit - rest) < size + 4)
            return 0;
        if (memcmp(rest + 2 + size, "\r\n", 2) != 0)
            broken(p, "client: no end of a chunk");
        at = rest + 4 + size;
        if (size == 0)
            return at - data;
    }
}

/* ---- the end ---- */

void streams_check(struct program *p)
{
    for (struct flow *flow = p->flows; flow != NULL; flow = flow->next)
        if (!flow->is_closed)
            broken(p, "a stream has had no on_close");
}

void streams_free(struct program *p)
{
    while (p->flows != NULL) {
        struct flow *flow = p->flows;

        for (; flow->refs > 0; flow->refs--)
            (void)yodel_stream_unref(flow->stream);
        p->flows = flow->next;
        free(flow);
    }
}
