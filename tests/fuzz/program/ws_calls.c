/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

/* What handlers and other threads call on WebSockets and groups. */

/* Any WebSocket there ever was. */
static uint64_t choose_ws_id(struct program *p)
{
    unsigned skip = pick(p, 8);
    uint64_t id = 0;

    for (struct wsock *ws = p->wsocks; ws != NULL; ws = ws->next) {
        id = ws->id;
        if (skip-- == 0)
            break;
    }
    return id;
}

/* ---- WebSockets ---- */

void call_ws_send(struct ctx *c)
{
    static const uint8_t data[600];
    yodel_ws_type type = once_in(c->p, 2) ? YODEL_WS_BINARY : YODEL_WS_TEXT;
    int rc = yodel_ws_send(c->ws->ws, type, (yodel_bytes){data, 8u * pick(c->p, 75)});

    say(c->p, "ws_send %d: %d", c->ws->line, rc);
    if (rc == 0 && (!c->ws->opened || c->ws->closed || c->ws->ending) && !c->ws->accepted)
        broken(c->p, "yodel_ws_send: 0 for a WebSocket that is not open");
}

void call_ws_close(struct ctx *c)
{
    static const uint16_t codes[] = {1000, 1001, 0, 4000, 7};

    say(c->p, "ws_close %d", c->ws->line);
    c->ws->decided = true;
    for (unsigned i = 0; i < NUM_GROUPS; i++)
        wsock_join(c->ws, i, false);
    yodel_ws_close(c->ws->ws, codes[pick(c->p, 5)], "bye");
}

void call_ws_accept(struct ctx *c)
{
    struct wsock *ws = c->ws;
    int rc = yodel_ws_accept(ws->ws, NULL);

    say(c->p, "ws_accept %d: %d", ws->line, rc);
    if (rc == 0 && (ws->accepted || ws->ending))
        broken(c->p, "yodel_ws_accept: 0 for a WebSocket that %s",
               ws->ending ? "has ended" : "is accepted already");
    if (rc == 0) {
        ws->accepted = true;
        ws->decided = true;
    }
}

/* An answer in parts that is whole, cut off, or left to the end of the server. */
static int reject_in_parts(struct ctx *c)
{
    yodel_stream *stream = NULL;
    int rc = yodel_ws_reject_stream(
        c->ws->ws, once_in(c->p, 2) ? NULL : YODEL_OPTIONS(yodel_stream_options, .status = 401),
        &stream);

    if (rc < 0)
        return rc;
    (void)yodel_stream_write_text(stream, YODEL_STR("no"));
    if (once_in(c->p, 4))
        yodel_stream_abort(stream);
    else if (!once_in(c->p, 4))
        (void)yodel_stream_end(stream);
    return 0;
}

static int reject_at_once(struct ctx *c)
{
    return yodel_ws_reject(c->ws->ws,
                           once_in(c->p, 2) ? NULL : YODEL_OPTIONS(yodel_response, .status = 404));
}

void call_ws_reject(struct ctx *c)
{
    int rc = once_in(c->p, 4) ? reject_in_parts(c) : reject_at_once(c);

    say(c->p, "ws_reject %d: %d", c->ws->line, rc);
    if (rc == 0 && c->ws->ending)
        broken(c->p, "yodel_ws_reject: 0 for a WebSocket that has ended");
    if (rc == 0 || rc == YODEL_ERR_CLOSED)
        c->ws->decided = true;
}

void call_ws_defer(struct ctx *c)
{
    struct wsock *ws = c->ws;
    yodel_decision *d = yodel_ws_defer(ws->ws);

    say(c->p, "ws_defer %d: %d", ws->line, d != NULL);
    if (d != NULL && (ws->accepted || ws->ending))
        broken(c->p, "yodel_ws_defer: of a WebSocket that is decided");
    (void)decision_keep(c->p, d, "a WebSocket", ws, false);
}

void call_ws_pause(struct ctx *c)
{
    bool pauses = once_in(c->p, 2);
    int rc = pauses ? yodel_ws_pause(c->ws->ws) : yodel_ws_resume(c->ws->ws);

    say(c->p, "ws_%s %d: %d", pauses ? "pause" : "resume", c->ws->line, rc);
    if (rc != 0 && rc != YODEL_ERR_CLOSED)
        broken(c->p, "yodel_ws_pause: %s", yodel_error_name(rc));
    if (rc == 0 && c->ws->ending)
        broken(c->p, "yodel_ws_pause: 0 for a WebSocket that has ended");
}

void call_group_add(struct ctx *c)
{
    unsigned group = pick(c->p, NUM_GROUPS);
    int rc = once_in(c->p, 3) ? yodel_group_add_json(c->p->layer, program_groups[group], c->ws->ws,
                                                     YODEL_STR("{\"name\":\"x\"}"))
                              : yodel_group_add(c->p->layer, program_groups[group], c->ws->ws);

    say(c->p, "group_add %d to %s: %d", c->ws->line, program_groups[group], rc);
    if (rc == 0 && c->ws->ending)
        broken(c->p, "yodel_group_add: 0 for a WebSocket that has ended");
    if (rc == 0)
        wsock_join(c->ws, group, true);
    else if (rc != YODEL_ERR_CLOSED && !failed_now(c, rc))
        broken(c->p, "yodel_group_add: %s", yodel_error_name(rc));
}

void call_group_discard(struct ctx *c)
{
    unsigned group = pick(c->p, NUM_GROUPS);

    say(c->p, "group_discard %d from %s", c->ws->line, program_groups[group]);
    yodel_group_discard(c->p->layer, program_groups[group], c->ws->ws);
    wsock_join(c->ws, group, false);
}

void call_ws_look(struct ctx *c)
{
    char name[YODEL_CHANNEL_NAME_SIZE];

    (void)yodel_ws_buffered(c->ws->ws);
    yodel_ws_channel_name(c->ws->ws, name);
    if (yodel_ws_id(c->ws->ws).value != c->ws->id || strcmp(name, c->ws->channel) != 0)
        broken(c->p, "the id or channel name of a WebSocket has changed");
    (void)yodel_ws_send_prepared(c->ws->ws, c->p->prepared);
}

/* ---- by id ---- */

static void run_post(yodel_ws *ws, void *arg)
{
    struct waiter *waiter = arg;
    struct wsock *record = yodel_ws_data(ws);

    waiter_called(waiter);
    if (record != NULL && record->id != waiter->ws_id)
        broken(waiter->p, "a post came to another WebSocket");
    act(waiter->p, record, NULL);
}

static void free_post(void *arg)
{
    struct waiter *waiter = arg;

    waiter->frees++;
    act(waiter->p, NULL, NULL);
}

void call_post(struct ctx *c)
{
    uint64_t id = choose_ws_id(c->p);
    struct waiter *waiter;

    if (id == 0)
        return;
    waiter = waiter_new(c->p, "post");
    waiter->ws_id = id;
    say(c->p, "ws_post");
    (void)yodel_ws_post(c->p->server, (yodel_id){id}, run_post, waiter, free_post);
}

static void note_decision(struct program *p, uint64_t id)
{
    for (struct wsock *ws = p->wsocks; ws != NULL; ws = ws->next)
        if (ws->id == id)
            ws->decided = true;
}

void call_by_id(struct ctx *c)
{
    yodel_server *server = c->p->server;
    yodel_id id = {choose_ws_id(c->p)};
    unsigned what = pick(c->p, 2);

    note_decision(c->p, id.value);
    say(c->p, "by id: %u", what);
    if (what == 0)
        (void)yodel_ws_send_id(server, id, YODEL_WS_TEXT, (yodel_bytes){(uint8_t *)"by id", 5});
    else
        (void)yodel_ws_close_id(server, id, 4001, "by id");
}

/* ---- groups ---- */

/* A frame "g:SERIAL", as it is or as JSON. */
static int send_frame(struct program *p, const char *group, unsigned serial)
{
    char text[40];
    int len = snprintf(text, sizeof text, "g:%u", serial), rc = -ENOMEM;
    json_t *document;

    if (serial % 4 == 1)
        return yodel_group_send_pack(p->layer, group, "s", text);
    if (serial % 4 != 2)
        return yodel_group_send(p->layer, group, YODEL_WS_TEXT,
                                (yodel_bytes){(uint8_t *)text, (size_t)len});
    if ((document = json_string(text)) != NULL)
        rc = yodel_group_send_json(p->layer, group, document);
    json_decref(document);
    return rc;
}

void call_group_send(struct ctx *c)
{
    unsigned serial = sent_new(c->p, SENT_FRAME), group = pick(c->p, NUM_GROUPS);
    int rc;

    c->p->sent[serial - 1].group = group;
    expect_group(c->p, serial);
    say(c->p, "group_send %u to %s", serial, program_groups[group]);
    rc = send_frame(c->p, program_groups[group], serial);
    sent_returned(c->p, serial, rc);
}

void call_group_event(struct ctx *c)
{
    unsigned serial = sent_new(c->p, SENT_EVENT), group = pick(c->p, NUM_GROUPS);
    int rc;

    c->p->sent[serial - 1].group = group;
    expect_group(c->p, serial);
    say(c->p, "group_send_event %u to %s", serial, program_groups[group]);
    rc = yodel_group_send_event(c->p->layer, program_groups[group], "chat.message", "{s:i}", "n",
                                (int)serial);
    sent_returned(c->p, serial, rc);
}

void call_channel_event(struct ctx *c)
{
    struct wsock *ws = c->p->wsocks;

    for (unsigned skip = pick(c->p, 4); ws != NULL && skip > 0; skip--)
        ws = ws->next;
    if (ws != NULL)
        (void)yodel_channel_send_event(c->p->layer, ws->channel, "to.one", NULL);
}

static void on_members(const yodel_group_members_result *result, void *user)
{
    struct waiter *waiter = user;

    waiter_called(waiter);
    for (size_t i = 0; i < result->num_members; i++)
        if (result->members[i].id.value == 0 || result->members[i].channel.len == 0)
            broken(waiter->p, "a member without an id");
    if ((result->result < 0) != (result->missing > 0))
        broken(waiter->p, "members: %d, %u missing", result->result, result->missing);
    act(waiter->p, NULL, NULL);
}

void call_members(struct ctx *c)
{
    const char *group = program_groups[pick(c->p, NUM_GROUPS)];
    struct waiter *waiter = waiter_new(c->p, "group_members");

    say(c->p, "group_members");
    (void)yodel_group_count(c->p->layer, group);
    waiter_returned(waiter, yodel_group_members(c->p->layer, group, on_members, waiter));
}
