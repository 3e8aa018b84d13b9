/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "sse/sse.h"
#include "ws_sim.h"

#include <cmocka.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

/* ---- readers ---- */

#define MAX_READERS 4

struct reader {
    yodel_sse *sse; /* NULL: over */
    int drained, stopped, closed, events;
    yodel_stream_reason reason;
    const char *last_id; /* as the handler was told it */
};

struct plan {
    yodel_sse_options options;
    int rc;
    const char *group;        /* joined in the handler; NULL: none */
    const char *says_at_stop; /* NULL: nothing */
    bool ends_at_event, adds_at_close, in_call;
    int event_rc;
    struct reader readers[MAX_READERS];
    int num;
    char last_id[32];
};

static struct failmem fm;
static struct ws_sim sim;
static struct plan plan;

static struct reader *reader_of(yodel_sse *sse)
{
    for (int i = 0; i < plan.num; i++)
        if (plan.readers[i].sse == sse)
            return &plan.readers[i];
    fail();
    return NULL;
}

static int on_event(yodel_sse *sse, const yodel_event *event, void *user)
{
    const char *text = "";

    reader_of(sse)->events++;
    (void)yodel_event_unpack(event, "{s:s}", "text", &text);
    if (plan.ends_at_event)
        assert_int_equal(yodel_sse_end(sse), 0);
    else
        assert_int_equal(
            yodel_sse_send(sse, YODEL_OPTIONS(yodel_sse_message, .data = yodel_str_of(text),
                                              .event = "made", .id = "7")),
            0);
    return plan.event_rc;
}

static void on_drain(yodel_sse *sse, void *user)
{
    reader_of(sse)->drained++;
}

static void on_stop(yodel_sse *sse, void *user)
{
    reader_of(sse)->stopped++;
    if (plan.says_at_stop != NULL)
        assert_int_equal(yodel_sse_send(sse, YODEL_OPTIONS(yodel_sse_message,
                                                           .data = yodel_str_of(plan.says_at_stop),
                                                           .retry_ms = 100)),
                         0);
}

static void on_close(yodel_sse *sse, yodel_stream_reason reason, void *user)
{
    struct reader *reader = reader_of(sse);

    assert_false(plan.in_call);
    assert_ptr_equal(yodel_sse_user(sse), &plan);
    reader->closed++;
    reader->reason = reason;
    if (plan.adds_at_close) {
        assert_int_equal(yodel_sse_group_add(sse, sim.channels, "g"), YODEL_ERR_CLOSED);
        assert_int_equal(yodel_sse_send_text(sse, YODEL_STR("x")), YODEL_ERR_CLOSED);
        assert_int_equal(yodel_sse_end(sse), YODEL_ERR_CLOSED);
        yodel_sse_group_discard(sse, sim.channels, "g");
    }
    reader->sse = NULL;
}

static void on_events(yodel_request *req, void *user)
{
    yodel_str id = yodel_request_last_event_id(req);
    yodel_sse *sse;

    (void)snprintf(plan.last_id, sizeof plan.last_id, "%" YODEL_PRI,
                   YODEL_ARG(id.ptr != NULL ? id : YODEL_STR("-")));
    plan.in_call = true;
    plan.rc = yodel_request_sse_begin(req, &plan.options, &sse);
    if (plan.rc == 0) {
        plan.readers[plan.num++] = (struct reader){.sse = sse};
        if (plan.group != NULL)
            plan.rc = yodel_sse_group_add(sse, sim.channels, plan.group);
    }
    plan.in_call = false;
}

/* ---- WebSockets beside them ---- */

static int on_ws_open(yodel_ws *ws, void *user)
{
    return yodel_group_add(sim.channels, "g", ws);
}

static int start(void)
{
    static const yodel_ws_handlers handlers = {.size = sizeof handlers, .on_open = on_ws_open};
    int rc = ws_sim_start(&sim, &fm.mem);

    plan = (struct plan){.options = {.size = sizeof plan.options,
                                     .on_drain = on_drain,
                                     .on_stop = on_stop,
                                     .on_close = on_close,
                                     .user = &plan},
                         .group = "g"};
    if (rc == 0 && (rc = yd_http_route(&sim.hs.http, "GET /e", on_events, NULL)) == 0)
        rc = yd_ws_route(&sim.service, &sim.hs.http, "/ws", &handlers, NULL);
    return rc;
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    return start();
}

static int teardown(void **state)
{
    ws_sim_stop(&sim);
    failmem_assert_empty(&fm);
    return 0;
}

static struct sim_peer *open_reader(void)
{
    struct sim_peer *peer = http_sim_ask(&sim.hs, GET("/e"));

    assert_int_equal(plan.rc, 0);
    return peer;
}

static void run(void)
{
    sim_run(sim.hs.loop);
}

/* What has come after the head, out of its chunks; the end is "$". */
static const char *events_of(struct sim_peer *peer)
{
    static char text[20000];
    const char *at = http_sim_body(peer);
    size_t len = 0;

    for (;;) {
        char *rest;
        size_t size;

        text[len] = '\0';
        if (*at == '\0')
            return text;
        size = strtoul(at, &rest, 16);
        assert_memory_equal(rest, "\r\n", 2);
        if (size == 0) {
            assert_string_equal(rest, "\r\n\r\n");
            strcpy(text + len, "$");
            return text;
        }
        assert_true(size < sizeof text - len);
        memcpy(text + len, rest + 2, size);
        len += size;
        assert_memory_equal(rest + 2 + size, "\r\n", 2);
        at = rest + 4 + size;
    }
}

static void group_send(const char *text)
{
    assert_int_equal(yodel_group_send(sim.channels, "g", YODEL_WS_TEXT,
                                      (yodel_bytes){(const uint8_t *)text, strlen(text)}),
                     0);
    run();
}

static void assert_closed(int reader, yodel_stream_reason reason)
{
    assert_int_equal(plan.readers[reader].closed, 1);
    assert_int_equal(plan.readers[reader].reason, reason);
    assert_null(plan.readers[reader].sse);
}

/* ---- the answer ---- */

/* L8: the client's `open` does not wait for the first event. */
static void test_sse_head_goes_out_at_once(void **state)
{
    struct sim_peer *peer = open_reader();

    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_header(peer, "Content-Type"), "text/event-stream");
    assert_string_equal(http_sim_header(peer, "Cache-Control"), "no-cache");
    assert_string_equal(http_sim_header(peer, "X-Accel-Buffering"), "no");
    assert_string_equal(http_sim_header(peer, "Transfer-Encoding"), "chunked");
    assert_string_equal(events_of(peer), "");
    assert_int_equal(atomic_load(&sim.hs.loop->counters.event_streams), 1);
    assert_int_equal(atomic_load(&sim.hs.loop->counters.streams), 1);
}

static void test_sse_own_headers(void **state)
{
    const yodel_header headers[] = {{"Cache-control", "no-store"}, {"X-A", "b"}};
    struct sim_peer *peer;

    plan.options.headers = headers;
    plan.options.num_headers = 2;
    plan.options.retry_ms = 4294967295u;
    peer = open_reader();
    assert_string_equal(http_sim_header(peer, "Cache-Control"), "no-store");
    assert_string_equal(http_sim_header(peer, "X-A"), "b");
    assert_string_equal(http_sim_header(peer, "X-Accel-Buffering"), "no");
    assert_string_equal(events_of(peer), "retry: 4294967295\n\n");
}

static void test_sse_cors(void **state)
{
    static const char *const origins[] = {"https://app.example", NULL};
    struct sim_peer *peer;

    assert_int_equal(
        yd_http_cors(&sim.hs.http, "/", YODEL_OPTIONS(yodel_cors_options, .origins = origins)), 0);
    peer =
        http_sim_ask(&sim.hs, "GET /e HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n\r\n");
    assert_string_equal(http_sim_header(peer, "Access-Control-Allow-Origin"),
                        "https://app.example");
}

static void test_sse_head_request(void **state)
{
    struct sim_peer *peer = http_sim_ask(&sim.hs, "HEAD /e HTTP/1.1\r\nHost: a\r\n\r\n");

    assert_int_equal(plan.rc, 0);
    assert_string_equal(http_sim_header(peer, "Content-Type"), "text/event-stream");
    assert_string_equal(http_sim_header(peer, "Transfer-Encoding"), "");
    assert_string_equal(http_sim_body(peer), "");
    assert_closed(0, YODEL_STREAM_COMPLETE);
    assert_int_equal(yodel_group_count(sim.channels, "g"), 0);
    http_sim_assert_open(peer);
}

static void test_sse_last_event_id(void **state)
{
    (void)open_reader();
    assert_string_equal(plan.last_id, "-");
    (void)http_sim_ask(&sim.hs, "GET /e HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 4 2\r\n\r\n");
    assert_string_equal(plan.last_id, "4 2");
    (void)http_sim_ask(&sim.hs, GET("/e?lastEventId=%d0%bf%2B1"));
    assert_string_equal(plan.last_id, "\xd0\xbf+1");
}

/* ---- events ---- */

static void expect_data(const char *data, const char *expected)
{
    struct sim_peer *peer = open_reader();
    yodel_sse *sse = plan.readers[0].sse;

    assert_int_equal(yodel_sse_send_text(sse, yodel_str_of(data)), 0);
    run();
    assert_string_equal(events_of(peer), expected);
    assert_int_equal(yodel_sse_end(sse), 0);
    run();
    plan.num = 0;
}

/* L9: a line end of any kind begins another line, and blanks stay. */
static void test_sse_lines(void **state)
{
    expect_data("a", "data: a\n\n");
    expect_data("", "data: \n\n");
    expect_data(" a", "data:  a\n\n");
    expect_data("a\nb", "data: a\ndata: b\n\n");
    expect_data("a\rb", "data: a\ndata: b\n\n");
    expect_data("a\r\nb", "data: a\ndata: b\n\n");
    expect_data("a\n\rb", "data: a\ndata: \ndata: b\n\n");
    expect_data("a\r\n\r\nevent: x", "data: a\ndata: \ndata: event: x\n\n");
    expect_data("a\n", "data: a\ndata: \n\n");
    expect_data("\n", "data: \ndata: \n\n");
    expect_data("\r", "data: \ndata: \n\n");
    expect_data("\xd0\xbf: \xe2\x80\xa8", "data: \xd0\xbf: \xe2\x80\xa8\n\n");
}

static void test_sse_fields(void **state)
{
    struct sim_peer *peer = open_reader();
    yodel_sse *sse = plan.readers[0].sse;

    assert_int_equal(
        yodel_sse_send(sse, YODEL_OPTIONS(yodel_sse_message, .data = YODEL_STR("{}"),
                                          .event = "news", .id = "n:1", .retry_ms = 10)),
        0);
    assert_int_equal(yodel_sse_send(sse, YODEL_OPTIONS(yodel_sse_message, .id = "")), 0);
    assert_int_equal(yodel_sse_send_pack(sse, "sum", "{s:i}", "a", 1), 0);
    run();
    assert_string_equal(events_of(peer), "event: news\nid: n:1\nretry: 10\ndata: {}\n\n"
                                         "id: \n\n"
                                         "event: sum\ndata: {\"a\":1}\n\n");
}

static int try_send(const char *data, const char *event, const char *id)
{
    return yodel_sse_send(
        plan.readers[0].sse,
        YODEL_OPTIONS(yodel_sse_message, .data = yodel_str_of(data), .event = event, .id = id));
}

/* L9: a user's text makes no fields of its own. */
static void test_sse_refuses_bad_fields(void **state)
{
    struct sim_peer *peer = open_reader();

    assert_int_equal(try_send("a", "x\ndata: y", NULL), YODEL_ERR_NAME);
    assert_int_equal(try_send("a", "x\r", NULL), YODEL_ERR_NAME);
    assert_int_equal(try_send("a", NULL, "1\n"), YODEL_ERR_NAME);
    assert_int_equal(try_send("a", NULL, "\r1"), YODEL_ERR_NAME);
    assert_int_equal(try_send("a", "\xff", NULL), YODEL_ERR_ENCODING);
    assert_int_equal(try_send("a\xff", NULL, NULL), YODEL_ERR_ENCODING);
    assert_int_equal(
        yodel_sse_send(plan.readers[0].sse, YODEL_OPTIONS(yodel_sse_message, .data = {NULL, 1})),
        -EINVAL);
    assert_int_equal(yodel_sse_send_pack(plan.readers[0].sse, NULL, "{s:s}", "a", "\xff"),
                     YODEL_ERR_FORMAT);
    run();
    assert_string_equal(events_of(peer), "");
}

static void test_sse_old_client(void **state)
{
    struct sim_peer *peer = http_sim_ask(&sim.hs, "GET /e HTTP/1.0\r\nHost: a\r\n\r\n");

    assert_int_equal(yodel_sse_send_text(plan.readers[0].sse, YODEL_STR("a")), 0);
    group_send("b");
    assert_string_equal(http_sim_body(peer), "data: a\n\ndata: b\n\n");
}

static void test_sse_heartbeat(void **state)
{
    struct sim_peer *peer;

    plan.options.heartbeat_ms = 1000;
    peer = open_reader();
    sim_advance(sim.hs.loop, 999);
    assert_string_equal(events_of(peer), "");
    sim_advance(sim.hs.loop, 1);
    assert_string_equal(events_of(peer), ":\n\n");
    sim_advance(sim.hs.loop, 600);
    group_send("a");
    sim_advance(sim.hs.loop, 999);
    assert_string_equal(events_of(peer), ":\n\ndata: a\n\n");
    sim_advance(sim.hs.loop, 1);
    assert_string_equal(events_of(peer), ":\n\ndata: a\n\n:\n\n");
}

static void test_sse_heartbeat_as_asked(void **state)
{
    struct sim_peer *peer = open_reader();

    sim_advance(sim.hs.loop, 15000);
    assert_string_equal(events_of(peer), ":\n\n");
    plan.options.heartbeat_ms = UINT32_MAX;
    peer = open_reader();
    sim_advance(sim.hs.loop, 1000000);
    assert_string_equal(events_of(peer), "");
}

/* ---- groups ---- */

static void test_sse_gets_group_messages(void **state)
{
    struct sim_peer *first = open_reader(), *second = open_reader(), *ws;

    ws = ws_sim_open(&sim, "/ws");
    assert_int_equal(yodel_group_count(sim.channels, "g"), 3);
    group_send("one");
    group_send("t\nwo");
    assert_string_equal(events_of(first), "data: one\n\ndata: t\ndata: wo\n\n");
    assert_string_equal(events_of(second), "data: one\n\ndata: t\ndata: wo\n\n");
    ws_sim_expect_text(ws, "one");
    ws_sim_expect_text(ws, "t\nwo");
    yodel_sse_group_discard(plan.readers[0].sse, sim.channels, "g");
    group_send("three");
    assert_null(strstr(sim_received(first), "three"));
    assert_non_null(strstr(sim_received(second), "three"));
    assert_int_equal(atomic_load(&sim.hs.loop->counters.messages_out), 8);
}

static void test_sse_binary_messages_are_dropped(void **state)
{
    struct sim_peer *peer = open_reader();

    assert_int_equal(
        yodel_group_send(sim.channels, "g", YODEL_WS_BINARY, (yodel_bytes){(uint8_t *)"x", 1}), 0);
    run();
    assert_string_equal(events_of(peer), "");
    assert_int_equal(atomic_load(&sim.hs.loop->counters.events_dropped), 1);
    group_send("after");
    assert_string_equal(events_of(peer), "data: after\n\n");
}

static void test_sse_typed_events_as_they_are(void **state)
{
    struct sim_peer *peer = open_reader();

    assert_int_equal(
        yodel_group_send_event(sim.channels, "g", "chat.message", "{s:s}", "text", "a\nb"), 0);
    run();
    assert_string_equal(events_of(peer), "event: chat.message\ndata: {\"text\":\"a\\nb\"}\n\n");
}

static void test_sse_typed_events_run_the_handler(void **state)
{
    struct sim_peer *peer;

    plan.options.on_event = on_event;
    peer = open_reader();
    assert_int_equal(
        yodel_group_send_event(sim.channels, "g", "chat.message", "{s:s}", "text", "a\nb"), 0);
    run();
    assert_int_equal(plan.readers[0].events, 1);
    assert_string_equal(events_of(peer), "event: made\nid: 7\ndata: a\ndata: b\n\n");
    plan.event_rc = -EIO;
    assert_int_equal(yodel_group_send_event(sim.channels, "g", "x", NULL), 0);
    run();
    assert_closed(0, YODEL_STREAM_ABORTED);
    assert_non_null(strstr(sim.hs.log, "event handler of a reader"));
}

static void test_sse_ends_in_its_handler(void **state)
{
    struct sim_peer *first, *second;

    plan.options.on_event = on_event;
    plan.ends_at_event = true;
    plan.adds_at_close = true;
    first = open_reader();
    second = open_reader();
    assert_int_equal(yodel_group_send_event(sim.channels, "g", "x", NULL), 0);
    assert_int_equal(yodel_group_send_event(sim.channels, "g", "x", NULL), 0);
    run();
    assert_int_equal(plan.readers[0].events, 1);
    assert_string_equal(events_of(first), "$");
    assert_string_equal(events_of(second), "$");
    assert_closed(0, YODEL_STREAM_COMPLETE);
    assert_closed(1, YODEL_STREAM_COMPLETE);
    assert_int_equal(yodel_group_count(sim.channels, "g"), 0);
}

static void test_sse_leaves_its_groups_at_the_end(void **state)
{
    struct sim_peer *peer = open_reader();

    plan.adds_at_close = true;
    sim_end(peer);
    run();
    assert_closed(0, YODEL_STREAM_GONE);
    assert_int_equal(yodel_group_count(sim.channels, "g"), 0);
    (void)open_reader();
    assert_int_equal(yodel_sse_end(plan.readers[1].sse), 0);
    assert_int_equal(yodel_group_count(sim.channels, "g"), 0);
    assert_int_equal(yodel_sse_group_add(plan.readers[1].sse, sim.channels, "g"), YODEL_ERR_CLOSED);
    run();
    assert_closed(1, YODEL_STREAM_COMPLETE);
    assert_int_equal(atomic_load(&sim.hs.loop->counters.event_streams), 0);
    assert_int_equal(atomic_load(&sim.hs.loop->counters.streams), 0);
}

static void test_sse_group_names(void **state)
{
    char name[YODEL_GROUP_NAME_MAX + 2];
    yodel_sse *sse;

    (void)open_reader();
    sse = plan.readers[0].sse;
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(yodel_sse_group_add(sse, sim.channels, ""), YODEL_ERR_NAME);
    assert_int_equal(yodel_sse_group_add(sse, sim.channels, name), YODEL_ERR_NAME);
    name[sizeof name - 2] = '\0';
    assert_int_equal(yodel_sse_group_add(sse, sim.channels, name), 0);
    assert_int_equal(yodel_sse_group_add(sse, sim.channels, name), 0);
    assert_int_equal(yodel_group_count(sim.channels, name), 1);
}

/* ---- slow readers ---- */

static char block[700];

static struct sim_peer *stuff_reader(void)
{
    struct sim_peer *peer;

    plan.options.max_buffered = 1000;
    peer = open_reader();
    memset(block, 'x', sizeof block - 1);
    peer->window = 0;
    group_send(block);
    group_send(block);
    assert_true(yodel_stream_buffered(yodel_sse_stream(plan.readers[0].sse)) > 1000);
    return peer;
}

static void test_sse_slow_reader_misses_messages(void **state)
{
    struct sim_peer *peer = stuff_reader();
    struct sim_peer *fast = open_reader();

    group_send("missed");
    assert_int_equal(yodel_sse_send_text(plan.readers[0].sse, YODEL_STR("x")), YODEL_ERR_CONGESTED);
    assert_int_equal(atomic_load(&sim.hs.loop->counters.congested), 2);
    peer->window = SIZE_MAX;
    run();
    assert_int_equal(plan.readers[0].drained, 1);
    group_send("had");
    assert_null(strstr(sim_received(peer), "missed"));
    assert_non_null(strstr(sim_received(peer), "had"));
    assert_string_equal(events_of(fast), "data: missed\n\ndata: had\n\n");
}

static void test_sse_slow_reader_is_cut_off(void **state)
{
    struct sim_peer *peer;

    plan.options.close_congested = 1;
    peer = stuff_reader();
    group_send("too much");
    assert_closed(0, YODEL_STREAM_ABORTED);
    assert_true(sim_is_closed(peer));
    assert_int_equal(yodel_group_count(sim.channels, "g"), 0);
}

/* ---- stop ---- */

/* L10. */
static void test_sse_stop_sends_a_last_event(void **state)
{
    struct sim_peer *first, *second;

    plan.says_at_stop = "bye";
    first = open_reader();
    second = open_reader();
    yd_net_stop(&sim.hs.net);
    run();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(plan.readers[i].stopped, 1);
        assert_closed(i, YODEL_STREAM_STOPPED);
    }
    assert_string_equal(events_of(first), "retry: 100\ndata: bye\n\n$");
    assert_string_equal(events_of(second), "retry: 100\ndata: bye\n\n$");
    assert_true(sim_is_shut(first));
}

static void test_sse_stop_without_handlers(void **state)
{
    struct sim_peer *peer;

    plan.options.on_stop = NULL;
    peer = open_reader();
    yd_net_stop(&sim.hs.net);
    run();
    assert_closed(0, YODEL_STREAM_STOPPED);
    assert_string_equal(events_of(peer), "$");
}

/* ---- memory ---- */

static void test_sse_out_of_memory(void **state)
{
    teardown(NULL);
    FAILMEM_LOOP(&fm)
    {
        struct sim_peer *peer;
        int rc, sent;

        failmem_pause(&fm);
        assert_int_equal(start(), 0);
        peer = open_reader();
        failmem_resume(&fm);
        sent = yodel_group_send(sim.channels, "g", YODEL_WS_TEXT, (yodel_bytes){(uint8_t *)"m", 1});
        rc = yodel_sse_send_text(plan.readers[0].sse, YODEL_STR("own"));
        run();
        failmem_pause(&fm);
        failmem_assert_whole(
            &fm, rc, strstr(sim_received(peer), "data: own") != NULL || plan.readers[0].closed == 1,
            strstr(sim_received(peer), "own") == NULL);
        if (sent == 0) /* or it is cut off, which its client can tell */
            assert_true(strstr(sim_received(peer), "data: m\n") != NULL ||
                        plan.readers[0].closed == 1);
        failmem_resume(&fm);
        ws_sim_stop(&sim);
        failmem_assert_empty(&fm);
    }
}

static void test_sse_begins_or_not(void **state)
{
    teardown(NULL);
    FAILMEM_LOOP(&fm)
    {
        struct sim_peer *peer;

        failmem_pause(&fm);
        assert_int_equal(start(), 0);
        plan.group = NULL;
        plan.options.retry_ms = 5;
        peer = sim_connect(sim.hs.loop);
        run();
        plan.rc = -EAGAIN;
        sim_send_text(peer, GET("/e"));
        failmem_resume(&fm);
        run();
        failmem_pause(&fm);
        if (plan.rc != -EAGAIN)
            failmem_assert_whole(&fm, plan.rc, plan.num == 1, plan.num == 0);
        if (plan.num == 1 && plan.readers[0].closed == 0)
            assert_string_equal(events_of(peer), "retry: 5\n\n");
        failmem_resume(&fm);
        ws_sim_stop(&sim);
        failmem_assert_empty(&fm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sse_head_goes_out_at_once),
        FIXTURE_TEST(test_sse_own_headers),
        FIXTURE_TEST(test_sse_cors),
        FIXTURE_TEST(test_sse_head_request),
        FIXTURE_TEST(test_sse_last_event_id),
        FIXTURE_TEST(test_sse_lines),
        FIXTURE_TEST(test_sse_fields),
        FIXTURE_TEST(test_sse_refuses_bad_fields),
        FIXTURE_TEST(test_sse_old_client),
        FIXTURE_TEST(test_sse_heartbeat),
        FIXTURE_TEST(test_sse_heartbeat_as_asked),
        FIXTURE_TEST(test_sse_gets_group_messages),
        FIXTURE_TEST(test_sse_binary_messages_are_dropped),
        FIXTURE_TEST(test_sse_typed_events_as_they_are),
        FIXTURE_TEST(test_sse_typed_events_run_the_handler),
        FIXTURE_TEST(test_sse_ends_in_its_handler),
        FIXTURE_TEST(test_sse_leaves_its_groups_at_the_end),
        FIXTURE_TEST(test_sse_group_names),
        FIXTURE_TEST(test_sse_slow_reader_misses_messages),
        FIXTURE_TEST(test_sse_slow_reader_is_cut_off),
        FIXTURE_TEST(test_sse_stop_sends_a_last_event),
        FIXTURE_TEST(test_sse_stop_without_handlers),
        FIXTURE_TEST(test_sse_out_of_memory),
        FIXTURE_TEST(test_sse_begins_or_not),
    };

    return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
