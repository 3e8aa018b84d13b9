/* SPDX-License-Identifier: MIT */
#ifndef YG_TESTS_HOOK_PLAYED_H
#define YG_TESTS_HOOK_PLAYED_H

/* Webhooks on a simulated loop: a clock that the test moves, and a back end that answers when it
 * says so. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing.h"
#include "hook/hook.h"

#define MAX_CALLS 200

struct call {
    char *body, *headers, *url;
    uint32_t timeout_ms;
    yg_http_reply_fn *reply;
    void *user;
    bool is_open;
};

static struct world {
    uint64_t now_ms, wake_ms;
    uint32_t chance;
    struct call calls[MAX_CALLS];
    unsigned num_calls, num_open;
    int post_result;
    char told[400]; /* lines of the log */
    struct yg_webhook options;
    struct yg_hook_counts counts;
    struct yg_hook *hook;
    struct yg_turns *turns;
    unsigned num_held, num_let_go;
    char log[2000]; /* what was told of events */
} world;

static uint64_t now_ms(void *user)
{
    return world.now_ms;
}

static int64_t wall_ms(void *user)
{
    return 1700000000000 + (int64_t)world.now_ms;
}

static uint32_t chance(void *user)
{
    return world.chance;
}

static void wake(void *user, uint32_t ms)
{
    world.wake_ms = world.now_ms + ms;
}

static void poke(void *user)
{
    wake(user, 0);
}

static int post(void *user, const struct yg_http_request *request, yg_http_reply_fn *reply,
                void *reply_user, struct yg_http_call **ret_call)
{
    struct call *call = &world.calls[world.num_calls];
    char headers[2000] = "";

    if (world.post_result != 0)
        return world.post_result;
    assert_true(world.num_calls < MAX_CALLS);
    for (size_t i = 0; request->headers[i] != NULL; i++) {
        strcat(headers, request->headers[i]);
        strcat(headers, "\n");
    }
    world.num_calls++;
    call->body = strndup(request->body.ptr, request->body.len);
    call->headers = strdup(headers);
    call->url = strdup(request->url);
    call->timeout_ms = request->timeout_ms;
    call->reply = reply;
    call->user = reply_user;
    call->is_open = true;
    world.num_open++;
    *ret_call = (struct yg_http_call *)call;
    return 0;
}

static void cancel(void *user, struct yg_http_call *call)
{
    ((struct call *)call)->is_open = false;
    world.num_open--;
}

static void tell(void *user, bool is_error, const char *event, const char *text)
{
    strncat(world.told, event, sizeof(world.told) - strlen(world.told) - 2);
    strcat(world.told, ";");
}

/* A store: what it was given, and what became of that when the test says so. */
struct yg_hook_storing {
    char text[2000]; /* "LANE ID EVENT;" each */
    int result;
    bool is_open, was_again;
};

static struct yg_hook_storing storings[MAX_CALLS];
static unsigned num_storings, num_open_storings;
static int store_result;

static int store(void *user, const struct yg_hook_stored *notices, size_t num, bool again,
                 struct yg_hook_storing **ret_storing)
{
    struct yg_hook_storing *storing = &storings[num_storings];

    if (store_result != 0)
        return store_result;
    assert_true(num_storings < MAX_CALLS);
    memset(storing, 0, sizeof(*storing));
    for (size_t i = 0; i < num; i++)
        snprintf(storing->text + strlen(storing->text),
                 sizeof(storing->text) - strlen(storing->text), "%u %s %s %.*s;", notices[i].lane,
                 notices[i].id, notices[i].ns, (int)notices[i].event.len, notices[i].event.ptr);
    storing->result = 1;
    storing->is_open = true;
    storing->was_again = again;
    num_storings++;
    num_open_storings++;
    *ret_storing = storing;
    return 0;
}

static int look(void *user, const struct yg_hook_storing *storing)
{
    return storing->result;
}

static void unstore(void *user, struct yg_hook_storing *storing)
{
    storing->is_open = false;
    num_open_storings--;
}

static const struct yg_hook_port port = {.now_ms = now_ms,
                                         .wall_ms = wall_ms,
                                         .chance = chance,
                                         .wake = wake,
                                         .poke = poke,
                                         .post = post,
                                         .cancel = cancel,
                                         .store = store,
                                         .look = look,
                                         .unstore = unstore,
                                         .tell = tell};

static const struct yg_webhook defaults = {
    .name = "main",
    .url = "http://a/{kind}",
    .secret = "",
    .old_secret = "",
    .kinds = 127,
    .timeout_ms = 5000,
    .connect_timeout_ms = 1000,
    .attempts = 2,
    .retry = {.for_ms = 300000, .min_ms = 200, .max_ms = 20000},
    .in_flight = 4,
    .batch = {.events = 64, .bytes = 262144},
    .queue = {.events = 100, .bytes = 1000000},
    .circuit = {.failures = 10, .open_ms = 1000, .max_ms = 30000},
};

static void begin(void)
{
    struct yg_turns *turns = yg_turns_new();
    const struct yg_hook_setup setup = {.options = &world.options,
                                        .node = "n1",
                                        .prefix = "p-",
                                        .port = &port,
                                        .counts = &world.counts,
                                        .turns = turns,
                                        .num_loops = 1,
                                        .version = 1};

    memset(&world, 0, sizeof(world));
    num_storings = num_open_storings = 0;
    store_result = 0;
    world.now_ms = 1000;
    world.options = defaults;
    world.turns = turns;
    world.hook = yg_hook_new(&setup);
    assert_non_null(world.hook);
}

static void end(void)
{
    yg_hook_end(world.hook, NULL, NULL);
    yg_hook_free(world.hook);
    yg_turns_free(world.turns);
    assert_int_equal(world.num_open, 0);
    assert_int_equal(num_open_storings, 0);
    assert_int_equal(world.counts.queued_events, 0);
    assert_int_equal(world.counts.queued_bytes, 0);
    assert_int_equal(world.counts.open_circuits, 0);
    for (unsigned i = 0; i < world.num_calls; i++) {
        free(world.calls[i].body);
        free(world.calls[i].headers);
        free(world.calls[i].url);
    }
}

/* ---- clients ---- */

struct client {
    const char *name;
    struct yg_lane *lane;
};

static void describe(void *owner, struct yg_text *text)
{
    const struct client *client = owner;

    yg_text_printf(text, "{\"sid\":\"%s\"}", client->name);
}

static void hold(void *owner, bool is_held)
{
    world.num_held += is_held;
    world.num_let_go += !is_held;
}

static const struct yg_lane_owner owner_fns = {describe, hold};

static struct client enter(const char *name)
{
    struct client client = {name, NULL};

    return client;
}

static void open_lane(struct client *client)
{
    client->lane = yg_lane_new(world.hook, YODEL_STR("/chat"), &owner_fns, client);
    assert_non_null(client->lane);
}

/* One line for each: "NAME+" it was answered, "NAME-" it failed, "NAME?" so that it may be known,
 * "NAME!" it was rejected. */
static void on_told(const struct yg_hook_told *told, void *user)
{
    const char *name = user;
    char line[60];

    snprintf(line, sizeof(line), "%s%s ", name,
             told->is_stored        ? "="
             : told->result != NULL ? told->result->is_rejected ? "!" : "+"
             : told->may_be_known   ? "?"
                                    : "-");
    strncat(world.log, line, sizeof(world.log) - strlen(world.log) - 1);
}

static int push(struct client *client, enum yg_hook_kind kind, const char *name)
{
    struct yg_hook_event *event =
        yg_hook_event_new(client->lane, kind, on_told, (void *)(uintptr_t)name);

    if (event == NULL)
        return -ENOMEM;
    yg_text_printf(yg_hook_event_text(event), ",\"name\":\"%s\"", name);
    return yg_lane_push(event);
}

static void pushed(struct client *client, enum yg_hook_kind kind, const char *name)
{
    assert_int_equal(push(client, kind, name), 0);
}

static void answer_with(unsigned n, const struct yg_http_reply *reply)
{
    struct call *call = &world.calls[n];

    assert_true(n < world.num_calls && call->is_open);
    call->is_open = false;
    world.num_open--;
    call->reply(reply, call->user);
}

static void answer(unsigned n, unsigned status, const char *body)
{
    answer_with(n, &(struct yg_http_reply){
                       .error = "", .status = status, .body = yodel_str_of(body), .is_json = true});
}

static void breaks(unsigned n, int result)
{
    answer_with(n, &(struct yg_http_reply){.result = result, .error = "broken"});
}

/* Time passes, and the hook is woken at the times that it asks for. */
static void pass(uint64_t ms)
{
    const uint64_t end_ms = world.now_ms + ms;

    while (world.wake_ms != 0 && world.wake_ms <= end_ms) {
        world.now_ms = world.wake_ms > world.now_ms ? world.wake_ms : world.now_ms;
        world.wake_ms = 0;
        yg_hook_turn(world.hook);
    }
    world.now_ms = end_ms;
}

static void body_has(unsigned n, const char *part)
{
    if (n >= world.num_calls || strstr(world.calls[n].body, part) == NULL)
        fail_msg("call %u has no %s: %s", n, part,
                 n < world.num_calls ? world.calls[n].body : "there is none");
}

static void logged(const char *expected)
{
    assert_string_equal(world.log, expected);
    world.log[0] = '\0';
}

#endif
