/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/yodel.h>

#include "failmem.h"
#include "fixture.h"
#include "http/answer_stream.h"
#include "http_sim.h"

#include <cmocka.h>
#include <yodel/json.h>

/*
 * What a careless program hands in to the calls about HTTP and listening: structs of wrong sizes,
 * null pointers, values out of range, calls after the end.  Each has a result and no effect.
 */

static struct failmem fm;
static struct http_sim hs;
static yodel_server *server;

/* ---- options of every size ---- */

/* A struct of the program's: what this library knows of it, and what it does not. */
union room {
    size_t size;
    uint8_t bytes[1024];
};

typedef int(call_fn)(const void *options, void *subject);

/* Sizes that cannot be, and tails that this library does not know. */
static void try_sizes(call_fn *call, size_t size, void *subject)
{
    union room room;

    assert_true(size + 8 <= sizeof room);
    for (size_t small = 0; small < sizeof(size_t); small++) {
        memset(&room, 0, sizeof room);
        room.size = small;
        assert_int_equal(call(&room, subject), -EINVAL);
    }
    memset(&room, 0, sizeof room);
    room.size = size + 8;
    room.bytes[size + 7] = 1;
    assert_int_equal(call(&room, subject), YODEL_ERR_OPTIONS);
}

#define TRY_SIZES(call, type, subject) try_sizes(call, sizeof(type), subject)

/* ---- a server that does not run ---- */

static void on_request(yodel_request *req, void *user)
{
}

static int call_new(const void *options, void *subject)
{
    yodel_server *made = NULL;
    int rc = yodel_server_new(options, &made);

    assert_null(made);
    return rc;
}

static int call_listen(const void *options, void *subject)
{
    return yodel_server_listen(subject, options);
}

static int call_tls(const void *options, void *subject)
{
    return yodel_server_listen(
        subject, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0", .tls = options));
}

static int call_route(const void *options, void *subject)
{
    return yodel_server_route_with(subject, "/x", options, NULL);
}

static int call_static(const void *options, void *subject)
{
    return yodel_server_static(subject, "/files", "/", options);
}

static int call_cors(const void *options, void *subject)
{
    return yodel_server_cors(subject, "/x", options);
}

static int call_stop(const void *options, void *subject)
{
    return yodel_server_stop_with(subject, options);
}

static void test_bad_input_sizes_of_setup(void **state)
{
    TRY_SIZES(call_new, yodel_server_options, NULL);
    TRY_SIZES(call_listen, yodel_listen_options, server);
    TRY_SIZES(call_tls, yodel_tls_options, server);
    TRY_SIZES(call_route, yodel_route_options, server);
    TRY_SIZES(call_static, yodel_static_options, server);
    TRY_SIZES(call_cors, yodel_cors_options, server);
    TRY_SIZES(call_stop, yodel_stop_options, server);
}

static void test_bad_input_names_of_setup(void **state)
{
    yodel_route_options no_handler = {.size = sizeof no_handler};
    yodel_cors_options no_origins = {.size = sizeof no_origins};

    assert_true(yodel_server_route(server, NULL, on_request, NULL) < 0);
    assert_true(yodel_server_route(server, "", on_request, NULL) < 0);
    assert_int_equal(yodel_server_route(server, "/x", NULL, NULL), -EINVAL);
    assert_int_equal(yodel_server_route_with(server, "/x", NULL, NULL), -EINVAL);
    assert_int_equal(yodel_server_route_with(server, "/x", &no_handler, NULL), -EINVAL);
    assert_true(yodel_server_static(server, NULL, "/", NULL) < 0);
    assert_true(yodel_server_static(server, "/f", NULL, NULL) < 0);
    assert_true(yodel_server_cors(server, NULL, NULL) < 0);
    assert_true(yodel_server_cors(server, "/", NULL) < 0);
    assert_true(yodel_server_cors(server, "/", &no_origins) < 0);
    assert_true(yodel_server_takeover(server, NULL) < 0);
    assert_true(yodel_server_takeover(server, "") < 0);
    assert_true(yodel_server_handover(server, NULL) < 0);
    assert_true(yodel_server_handover(server, "") < 0);
    assert_null(yodel_server_unref(NULL));
}

static void refuse_listen(yodel_listen_options options)
{
    options.size = sizeof options;
    if (yodel_server_listen(server, &options) >= 0)
        fail_msg("listens on %s", options.address != NULL ? options.address : "nothing");
}

static void test_bad_input_listen(void **state)
{
    static const char *const null_name[] = {NULL}, *const no_name[] = {"nobody"};
    static const int twice[] = {0, 0}, none[] = {-1};
    static const yodel_tls_options no_files = {.size = sizeof no_files};
    static const yodel_tls_options no_certs = {
        .size = sizeof no_certs, .cert_file = "/", .key_file = "/", .num_certs = 3};
    static const char *const addresses[] = {
        "",     ":",     "unix:", "fd:",  "fd:-1",        "fd:99999999999", "systemd:none",
        "[::1", "[]:80", "1:2:3", "a:b:", "127.0.0.1:-1", "127.0.0.1:65536"};

    assert_true(yodel_server_listen(server, NULL) < 0);
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++)
        refuse_listen((yodel_listen_options){.address = addresses[i]});
    refuse_listen((yodel_listen_options){.address = NULL});
    refuse_listen((yodel_listen_options){.num_fds = 1});
    refuse_listen((yodel_listen_options){.num_fds = SIZE_MAX, .fds = none});
    refuse_listen((yodel_listen_options){.num_fds = 1, .fds = none});
    refuse_listen((yodel_listen_options){.num_fds = 2, .fds = twice});
#define TCP .address = "127.0.0.1:0"
    refuse_listen((yodel_listen_options){TCP, .backlog = -1});
    refuse_listen((yodel_listen_options){TCP, .families = (yodel_families)9});
    refuse_listen((yodel_listen_options){TCP, .families = (yodel_families)-1});
    refuse_listen((yodel_listen_options){TCP, .proxy_protocol = 1});
    refuse_listen((yodel_listen_options){TCP, .num_trusted = 1});
    refuse_listen((yodel_listen_options){TCP, .num_trusted = 1, .trusted = null_name});
    refuse_listen((yodel_listen_options){TCP, .num_trusted = 1, .trusted = no_name});
    refuse_listen((yodel_listen_options){TCP, .num_trusted = SIZE_MAX, .trusted = no_name});
    refuse_listen((yodel_listen_options){TCP, .tls = &no_files});
    refuse_listen((yodel_listen_options){TCP, .tls = &no_certs});
    refuse_listen((yodel_listen_options){.address = "unix:/nonexistent/x/y", .unix_mode = 07777});
}

static void test_bad_input_header_lists(void **state)
{
    yodel_static_options options = {.size = sizeof options, .num_headers = 1};
    yodel_header null_header = {NULL, NULL};

    assert_true(yodel_server_static(server, "/f", "/", &options) < 0);
    options.num_headers = SIZE_MAX;
    options.headers = &null_header;
    assert_true(yodel_server_static(server, "/f", "/", &options) < 0);
    options.num_headers = 1;
    assert_true(yodel_server_static(server, "/f", "/", &options) < 0);
}

static int setup_server(void **state)
{
    failmem_init(&fm, 0);
    return yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .allocator = &fm.mem),
                            &server);
}

static int teardown_server(void **state)
{
    yodel_server_unref(server);
    failmem_assert_empty(&fm);
    return 0;
}

/* ---- requests ---- */

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    return 0;
}

static void on_end(yodel_request *req, int result, void *user)
{
}

static int call_respond(const void *options, void *req)
{
    return yodel_request_respond(req, options);
}

static int call_stream(const void *options, void *req)
{
    return yodel_request_stream_begin(req, options, NULL);
}

static int call_sse(const void *options, void *req)
{
    return yodel_request_sse_begin(req, options, NULL);
}

static int call_body(const void *options, void *req)
{
    return yodel_request_body_read(req, options, NULL);
}

static int call_send(const void *message, void *sse)
{
    return yodel_sse_send(sse, message);
}

static void ask_for_nothing(yodel_request *req)
{
    const json_t *json;
    int number = 0;

    assert_null(yodel_request_param(req, NULL).ptr);
    assert_null(yodel_request_query_param(req, NULL).ptr);
    assert_null(yodel_request_header(req, NULL).ptr);
    assert_null(yodel_request_header_at(req, NULL, 0).ptr);
    assert_null(yodel_request_header_at(req, "Host", SIZE_MAX).ptr);
    assert_null(yodel_request_cookie(req, NULL).ptr);
    assert_int_equal(yodel_request_json(req, &json), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_request_unpack(req, "{s:i}", "a", &number), YODEL_ERR_FORMAT);
}

static void begin_badly(yodel_request *req)
{
    yodel_header null_header = {NULL, NULL};
    yodel_body_handlers no_end = {.size = sizeof no_end, .on_data = on_data};
    yodel_body_handlers no_data = {.size = sizeof no_data, .on_end = on_end};
    yodel_stream_options stream = {.size = sizeof stream, .num_headers = 1};
    yodel_sse_options sse = {.size = sizeof sse, .num_headers = 1};

    TRY_SIZES(call_respond, yodel_response, req);
    TRY_SIZES(call_stream, yodel_stream_options, req);
    TRY_SIZES(call_sse, yodel_sse_options, req);
    TRY_SIZES(call_body, yodel_body_handlers, req);
    assert_int_equal(yodel_request_body_read(req, NULL, NULL), -EINVAL);
    assert_int_equal(yodel_request_body_read(req, &no_end, NULL), -EINVAL);
    assert_int_equal(yodel_request_body_read(req, &no_data, NULL), -EINVAL);
    assert_int_equal(yodel_request_body_pause(req), YODEL_ERR_STATE);
    assert_int_equal(yodel_request_body_resume(req), YODEL_ERR_STATE);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(yodel_request_stream_begin(req, &stream, NULL), -EINVAL);
        assert_int_equal(yodel_request_sse_begin(req, &sse, NULL), -EINVAL);
        stream.headers = sse.headers = &null_header;
    }
    stream = (yodel_stream_options){.size = sizeof stream, .status = 199};
    assert_int_equal(yodel_request_stream_begin(req, &stream, NULL), -EINVAL);
    sse.num_headers = SIZE_MAX;
    assert_true(yodel_request_sse_begin(req, &sse, NULL) < 0);
}

static void answer_badly(yodel_request *req)
{
    assert_int_equal(yodel_request_respond(req, NULL), -EINVAL);
    assert_int_equal(yodel_request_reply(req, 200, NULL, (yodel_bytes){NULL, 1}), -EINVAL);
    assert_int_equal(yodel_request_reply(req, 600, NULL, (yodel_bytes){NULL, 0}), -EINVAL);
    assert_int_equal(yodel_request_reply(req, -1, NULL, (yodel_bytes){NULL, 0}), -EINVAL);
    assert_int_equal(yodel_request_reply_text(req, 200, "a\r\nb", YODEL_STR("x")), -EINVAL);
    assert_int_equal(yodel_request_reply_json(req, 200, NULL), -EINVAL);
    assert_int_equal(yodel_request_reply_pack(req, 200, NULL), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_request_reply_pack(req, 200, ""), YODEL_ERR_FORMAT);
}

static void send_badly(yodel_sse *sse)
{
    TRY_SIZES(call_send, yodel_sse_message, sse);
    assert_int_equal(yodel_sse_send_text(sse, (yodel_str){NULL, 1}), -EINVAL);
    assert_int_equal(yodel_sse_send_pack(sse, NULL, NULL), YODEL_ERR_FORMAT);
    assert_int_equal(yodel_sse_send(sse, YODEL_OPTIONS(yodel_sse_message, .data = {NULL, 1})),
                     -EINVAL);
    assert_int_equal(yodel_sse_send(sse, YODEL_OPTIONS(yodel_sse_message, .id = "a\n")),
                     YODEL_ERR_NAME);
    assert_int_equal(yodel_sse_send(sse, YODEL_OPTIONS(yodel_sse_message, .event = "\xff")),
                     YODEL_ERR_ENCODING);
    assert_int_equal(yodel_sse_group_add(sse, NULL, "g"), -EINVAL);
}

static void write_badly(yodel_stream *stream)
{
    assert_int_equal(yodel_stream_write(stream, (yodel_bytes){NULL, 0}), 0);
    assert_int_equal(yodel_stream_write(stream, (yodel_bytes){NULL, 1}), -EINVAL);
    assert_int_equal(yodel_stream_write_text(stream, (yodel_str){NULL, 1}), -EINVAL);
}

static int num_requests;

static void on_bad(yodel_request *req, void *user)
{
    yodel_sse *sse = NULL;

    num_requests++;
    ask_for_nothing(req);
    begin_badly(req);
    answer_badly(req);
    assert_int_equal(yodel_request_sse_begin(req, NULL, &sse), 0);
    send_badly(sse);
    write_badly(yodel_sse_stream(sse));
    yd_http_stream_ref(yodel_sse_stream(sse));
    assert_int_equal(yodel_sse_end(sse), 0);
    assert_int_equal(yodel_sse_end(sse), YODEL_ERR_CLOSED);
    assert_int_equal(yodel_sse_send_text(sse, YODEL_STR("x")), YODEL_ERR_CLOSED);

    assert_int_equal(yodel_request_reply(req, 200, NULL, (yodel_bytes){NULL, 0}), YODEL_ERR_STATE);
    assert_int_equal(yodel_request_stream_begin(req, NULL, NULL), YODEL_ERR_STATE);
    assert_int_equal(
        yodel_request_body_read(
            req, YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data, .on_end = on_end), NULL),
        YODEL_ERR_STATE);
    assert_null(yodel_request_defer(req));
    yd_http_stream_unref(yodel_sse_stream(sse));
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    num_requests = 0;
    assert_int_equal(http_sim_start(&hs, &fm.mem, 0), 0);
    return yd_http_route(&hs.http, "/bad", on_bad, NULL);
}

static int teardown(void **state)
{
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

static void test_bad_input_of_requests(void **state)
{
    struct sim_peer *peer =
        http_sim_ask(&hs, "GET /bad?a=1 HTTP/1.1\r\nHost: a\r\nCookie: c\r\n\r\n");

    assert_int_equal(num_requests, 1);
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_body(peer), "0\r\n\r\n");
}

static void test_bad_input_of_requests_without_content(void **state)
{
    struct sim_peer *peer = http_sim_ask(&hs, "HEAD /bad HTTP/1.1\r\nHost: a\r\n\r\n");

    assert_int_equal(num_requests, 1);
    http_sim_assert_status(peer, 200);
}

#define SERVER_TEST(test) cmocka_unit_test_setup_teardown(test, setup_server, teardown_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(test_bad_input_sizes_of_setup),
        SERVER_TEST(test_bad_input_names_of_setup),
        SERVER_TEST(test_bad_input_listen),
        SERVER_TEST(test_bad_input_header_lists),
        FIXTURE_TEST(test_bad_input_of_requests),
        FIXTURE_TEST(test_bad_input_of_requests_without_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
