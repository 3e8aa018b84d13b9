/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failmem.h"
#include "fixture.h"
#include "http/static.h"
#include "http_sim.h"

#include <cmocka.h>
#include <yodel/http_body.h>
#include <yodel/sse.h>

/* What careless programs and hostile clients do where streams, bodies and files meet. */

enum act { ACT_NOTHING, ACT_END, ACT_ABORT, ACT_WRITE, NUM_ACTS };

static struct failmem fm;
static struct http_sim hs;

static struct {
    enum act at_end; /* in on_end of the body */
    bool has_length, is_sse;
    yodel_stream *stream;
    int begun, ends, result, stopped, closed;
    yodel_stream_reason reason;
} t;

static void act(enum act what)
{
    if (t.stream == NULL)
        return;
    if (what == ACT_END)
        (void)yodel_stream_end(t.stream);
    else if (what == ACT_ABORT)
        yodel_stream_abort(t.stream);
    else if (what == ACT_WRITE)
        assert_int_equal(yodel_stream_write_text(t.stream, YODEL_STR("x")), YODEL_ERR_CLOSED);
}

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    return 0;
}

static void on_end(yodel_request *req, int result, void *user)
{
    t.ends++;
    t.result = result;
    act(t.at_end);
}

static void on_stop(yodel_stream *stream, void *user)
{
    t.stopped++;
}

static void on_close(yodel_stream *stream, yodel_stream_reason reason, void *user)
{
    t.closed++;
    t.reason = reason;
    t.stream = NULL;
}

static void on_sse_close(yodel_sse *sse, yodel_stream_reason reason, void *user)
{
    on_close(yodel_sse_stream(sse), reason, user);
}

static void begin(yodel_request *req)
{
    yodel_sse *sse = NULL;
    int rc;

    t.begun++;
    if (t.is_sse) {
        assert_int_equal(yodel_request_sse_begin(
                             req, YODEL_OPTIONS(yodel_sse_options, .on_close = on_sse_close), &sse),
                         0);
        t.stream = yodel_sse_stream(sse);
        return;
    }
    assert_int_equal(yodel_request_stream_begin(
                         req,
                         YODEL_OPTIONS(yodel_stream_options, .has_length = t.has_length,
                                       .length = 2, .on_stop = on_stop, .on_close = on_close),
                         &t.stream),
                     0);
    rc = yodel_stream_write_text(t.stream, YODEL_STR("ab"));
    assert_true(rc == 0 || rc == YODEL_ERR_CONGESTED);
}

static void on_upload(yodel_request *req, void *user)
{
    assert_int_equal(
        yodel_request_body_read(
            req, YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data, .on_end = on_end), NULL),
        0);
    begin(req);
}

static void on_stream(yodel_request *req, void *user)
{
    begin(req);
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    memset(&t, 0, sizeof t);
    assert_int_equal(http_sim_start(&hs, &fm.mem, 0), 0);
    assert_int_equal(yd_http_route_with(&hs.http, "/up",
                                        YODEL_OPTIONS(yodel_route_options, .on_request = on_upload,
                                                      .stream_body = 1),
                                        NULL),
                     0);
    assert_int_equal(yd_http_route(&hs.http, "GET /s", on_stream, NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

/* ---- a program that ends its answer when it is told that the client has left ---- */

static void lose_upload(const char *version, bool has_length, bool is_sse, enum act what,
                        bool breaks)
{
    struct sim_peer *peer;
    char text[200];

    t.at_end = what;
    t.has_length = has_length;
    t.is_sse = is_sse;
    (void)snprintf(text, sizeof text, "POST /up %s\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc",
                   version);
    peer = http_sim_ask(&hs, text);
    assert_int_equal(t.begun, 1);
    if (breaks)
        sim_break(peer, -ECONNRESET);
    else
        sim_end(peer);
    sim_run(hs.loop);
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.result, YODEL_ERR_CLOSED);
    assert_int_equal(t.closed, 1);
    assert_int_equal(t.reason, YODEL_STREAM_GONE);
    assert_int_equal(teardown(NULL), 0);
    assert_int_equal(setup(NULL), 0);
}

static void test_http_hostile_end_of_stream_in_end_of_body(void **state)
{
    static const char *const versions[] = {"HTTP/1.0", "HTTP/1.1"};

    for (size_t v = 0; v < 2; v++)
        for (int how = 0; how < 12; how++)
            for (int what = 0; what < NUM_ACTS; what++)
                lose_upload(versions[v], how % 3 == 1, how % 3 == 2, (enum act)what,
                            how / 3 % 2 == 1);
}

/* ---- a client that ends its output behind a request that is read later ---- */

static void write_file(const char *path, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    while (len-- > 0)
        assert_int_equal(fputc('a', file), 'a');
    assert_int_equal(fclose(file), 0);
}

/* The file's answer goes on after that; what follows in the pipeline has nobody who would be told
 * of an end that has come already. */
static void pipeline_after_file(const char *request)
{
    char dir[] = "/tmp/yodel-hostile-XXXXXX", path[100];
    struct sim_peer *peer;

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/f", dir);
    write_file(path, 300000);
    assert_int_equal(yd_http_static(&hs.http, "/files", dir, NULL), 0);
    peer = sim_connect(hs.loop);
    peer->window = 1000;
    sim_send_text(peer, "GET /files/f HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_send_text(peer, request);
    sim_end(peer);
    sim_run(hs.loop);
    assert_int_equal(t.begun, 0);
    peer->window = SIZE_MAX;
    sim_run(hs.loop);
    assert_true(sim_received_len(peer) > 300000);
    assert_true(sim_is_closed(peer));
    (void)unlink(path);
    (void)rmdir(dir);
}

static void test_http_hostile_stream_after_the_end(void **state)
{
    pipeline_after_file("GET /s HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(t.begun, 1);
    assert_int_equal(t.closed, 1);
    assert_int_equal(t.reason, YODEL_STREAM_GONE);
}

static void test_http_hostile_events_after_the_end(void **state)
{
    t.is_sse = true;
    pipeline_after_file("GET /s HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(t.closed, 1);
}

static void test_http_hostile_upload_after_the_end(void **state)
{
    pipeline_after_file("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc");
    assert_int_equal(t.ends, 1);
    assert_int_equal(t.result, YODEL_ERR_CLOSED);
    assert_int_equal(t.closed, 1);
}

/* ---- streams that begin while a server stops in waves ---- */

static void test_http_hostile_stream_is_told_of_a_stop_once(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n");

    sim_forget(peer);
    yd_net_hold(&hs.net, 2);
    yd_net_stop(&hs.net);
    sim_run(hs.loop);
    sim_send_text(peer, "GET /s HTTP/1.1\r\nHost: a\r\n\r\n");
    sim_run(hs.loop);
    assert_int_equal(t.begun, 1);
    assert_int_equal(t.stopped, 0);
    while (yd_net_wave(&hs.net))
        sim_run(hs.loop);
    sim_run(hs.loop);
    assert_int_equal(t.stopped, 1);
    assert_int_equal(yodel_stream_end(t.stream), 0);
    sim_run(hs.loop);
    assert_int_equal(t.closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_http_hostile_end_of_stream_in_end_of_body),
        FIXTURE_TEST(test_http_hostile_stream_after_the_end),
        FIXTURE_TEST(test_http_hostile_events_after_the_end),
        FIXTURE_TEST(test_http_hostile_upload_after_the_end),
        FIXTURE_TEST(test_http_hostile_stream_is_told_of_a_stop_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
