/* SPDX-License-Identifier: MIT */
#include "bad_calls.inc"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * Every function of the public headers (the table is made of them), called with nothing at all;
 * then with each kind of object in every state that it has, and nothing else; from another thread;
 * and after the server has stopped.  A result, and never undefined behaviour: most of this test is
 * what a sanitizer says to it.
 */

#define NUM_CALLS (sizeof bad_calls / sizeof bad_calls[0])

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* ---- no object ---- */

/* What needs no object, and says something of anything. */
static bool needs_no_object(const char *name)
{
    static const char *const names[] = {"yodel_str_eq",
                                        "yodel_strerror",
                                        "yodel_error_name",
                                        "yodel_log_level_name",
                                        "yodel_log_stderr",
                                        "yodel_sio_binary",
                                        "yodel_version_number",
                                        "yodel_version",
                                        "yodel_str_of",
                                        "yodel_pattern_fits",
                                        NULL};

    return is_one_of(name, names);
}

/* Questions, whose answer is no; and answers that nobody asked for. */
static bool gives_zero(const char *name)
{
    static const char *const names[] = {"yodel_decision_is_open",
                                        "yodel_request_is_tls",
                                        "yodel_timer_is_running",
                                        "yodel_watch_is_running",
                                        "yodel_sio_socket_recovered",
                                        "yodel_sio_socket_off",
                                        "yodel_sio_socket_off_any",
                                        "yodel_decision_answer",
                                        "yodel_decision_answer_args",
                                        "yodel_decision_answer_json",
                                        "yodel_sio_server_ack_answer",
                                        "yodel_sio_server_ack_answer_args",
                                        NULL};

    return is_one_of(name, names);
}

static void call_without_object(const struct subjects *s)
{
    for (size_t i = 0; i < NUM_CALLS; i++) {
        const struct bad_call *call = &bad_calls[i];
        long result;

        if (needs_no_object(call->name))
            continue;
        result = call->call(s);
        if (call->returns == 'i' && !gives_zero(call->name)) {
            if (result >= 0)
                fail_msg("%s: %ld", call->name, result);
        } else if (result != 0)
            fail_msg("%s: something", call->name);
    }
}

static void test_bad_calls_with_nothing(void **state)
{
    call_without_object(&(struct subjects){.live = 0});
}

static void test_bad_calls_with_values_and_no_object(void **state)
{
    call_without_object(&(struct subjects){.text = "x", .number = 1});
}

/* ---- with objects ---- */

static struct subjects all; /* what is always there */
static yodel_timer timer;
static yodel_watch watch;
static int listener;
static struct sockaddr_in address;
static unsigned num_rounds;

/* They end what the test goes on with, or leave a file. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {"yodel_server_stop",
                                        "yodel_server_stop_with",
                                        "yodel_server_run",
                                        "yodel_server_start",
                                        "yodel_server_handover",
                                        "yodel_log_stderr",
                                        NULL};

    return is_one_of(name, names);
}

static void call_all(const struct subjects *s)
{
    for (size_t i = 0; i < NUM_CALLS; i++) {
        long result;

        if (is_left_out(bad_calls[i].name))
            continue;
        result = bad_calls[i].call(s);
        if (bad_calls[i].returns == 'i' && result < 0 &&
            strcmp(yodel_strerror((int)result), "") == 0)
            fail_msg("%s: %ld is no result", bad_calls[i].name, result);
    }
}

/* Twice: what the first round has ended is over in the second. */
static void torment(struct subjects s)
{
    s.live = 1;
    s.server = all.server;
    s.channels = all.channels;
    s.sio = all.sio;
    s.sio_namespace = all.sio_namespace;
    s.loop = all.loop;
    s.timer = &timer;
    s.watch = &watch;
    s.prepared = all.prepared;
    call_all(&s);
    s.text = "x";
    s.number = 1;
    call_all(&s);
    s.number = 3;
    s.text = "xyz";
    call_all(&s);
    num_rounds++;
}

static void on_request(yodel_request *req, void *user)
{
    torment((struct subjects){.request = req});
}

static void on_later(yodel_request *req, void *user)
{
    all.decision = yodel_request_defer(req);
    assert_non_null(all.decision);
    torment((struct subjects){.decision = all.decision});
}

static void on_stream(yodel_request *req, void *user)
{
    assert_int_equal(yodel_request_sse_begin(req, NULL, &all.sse), 0);
    all.stream = yodel_sse_stream(all.sse);
    (void)yodel_stream_ref(all.stream);
    torment((struct subjects){.request = req, .stream = all.stream, .sse = all.sse});
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    if (user != NULL)
        torment((struct subjects){.ws = ws, .request = req});
    return 0;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    torment((struct subjects){.ws = ws, .ws_message = (yodel_ws_message *)message});
    return 0;
}

static int on_event(yodel_ws *ws, const yodel_event *event, void *user)
{
    torment((struct subjects){.ws = ws, .event = (yodel_event *)event});
    return 0;
}

static int on_open(yodel_ws *ws, void *user)
{
    if (user == NULL)
        return 0;
    assert_int_equal(yodel_group_add(all.channels, "g", ws), 0);
    return yodel_group_send_event(all.channels, "g", "an.event", NULL);
}

static void on_close(yodel_ws *ws, const yodel_ws_closing *closing, void *user)
{
    torment((struct subjects){.ws = ws});
}

static int on_enter(yodel_sio_socket *socket, void *user)
{
    torment((struct subjects){.sio_socket = socket});
    return 0;
}

static int on_match(yodel_sio_entry *entry, yodel_str name, const json_t *auth, void *user)
{
    torment((struct subjects){.sio_entry = entry});
    return -1;
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    if (user != NULL)
        torment((struct subjects){.sio_socket = socket});
}

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    torment((struct subjects){.sio_socket = socket});
}

static void on_sio_event(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    torment((struct subjects){.sio_event = event}); /* it does not end the socket */
    torment((struct subjects){.sio_event = event, .sio_socket = socket});
}

static int use_event(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    torment((struct subjects){.sio_event = event});
    return 0;
}

static void add_namespace(const char *name, yodel_sio_middleware_fn *middleware, void *user)
{
    yodel_sio_namespace *ns;

    assert_int_equal(yodel_sio_of(all.sio, name, &ns), 0);
    assert_int_equal(
        yodel_sio_namespace_handle(ns,
                                   YODEL_OPTIONS(yodel_sio_handlers, .on_connection = on_connection,
                                                 .on_disconnect = on_disconnect),
                                   user),
        0);
    assert_int_equal(yodel_sio_namespace_on(ns, "x", on_sio_event, NULL), 0);
    if (middleware != NULL)
        assert_int_equal(yodel_sio_namespace_use(ns, middleware, NULL), 0);
    if (strcmp(name, "/used") == 0)
        assert_int_equal(yodel_sio_namespace_use_event(ns, use_event, NULL), 0);
    else
        all.sio_namespace = ns;
}

static void add_sio(void)
{
    yodel_sio_namespace *parent;

    assert_int_equal(yodel_sio_new(all.server, NULL, &all.sio), 0);
    add_namespace("/entered", on_enter, NULL);
    add_namespace("/greeted", NULL, &all);
    add_namespace("/used", NULL, NULL);
    add_namespace("/", NULL, NULL);
    add_namespace("/mistreated", NULL, NULL); /* it loses its handlers */
    assert_int_equal(yodel_sio_of_function(all.sio, on_match, NULL, &parent), 0);
}

static void add_routes(void)
{
    yodel_ws_handlers handlers = {.size = sizeof handlers,
                                  .on_connect = on_connect,
                                  .on_open = on_open,
                                  .on_message = on_message,
                                  .on_event = on_event,
                                  .on_close = on_close};

    assert_int_equal(yodel_server_route(all.server, "/x", on_request, NULL), 0);
    assert_int_equal(yodel_server_route(all.server, "/later", on_later, NULL), 0);
    assert_int_equal(yodel_server_route(all.server, "/stream", on_stream, NULL), 0);
    assert_int_equal(yodel_server_route_ws(all.server, "/ws", &handlers, NULL), 0);
    assert_int_equal(yodel_server_route_ws(all.server, "/ws/connect", &handlers, &all), 0);
    handlers.on_connect = NULL;
    assert_int_equal(yodel_server_route_ws(all.server, "/ws/event", &handlers, &all), 0);
}

static void listen_somewhere(void)
{
    socklen_t len = sizeof address;

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 10), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    assert_true(yodel_server_listen(all.server, YODEL_OPTIONS(yodel_listen_options,
                                                              .fds = &listener, .num_fds = 1)) >=
                0);
}

/* ---- clients ---- */

static void say(int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

/* Until the server has ended, or has nothing to say for a moment. */
static void hear(int fd)
{
    char room[4096];

    while (recv(fd, room, sizeof room, 0) > 0)
        ;
}

static int ask(const char *path, const char *headers)
{
    struct timeval moment = {.tv_usec = 150000};
    char text[500];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n", path, headers);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment), 0);
    say(fd, text, (size_t)len);
    return fd;
}

static int ask_ws(const char *path)
{
    int fd = ask(path, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");

    hear(fd);
    return fd;
}

/* Masked with zeros. */
static void frame(int fd, uint8_t first, const char *text)
{
    uint8_t bytes[200] = {first, (uint8_t)(0x80 | strlen(text))};

    memcpy(bytes + 6, text, strlen(text));
    (void)send(fd, bytes, 6 + strlen(text), MSG_NOSIGNAL); /* which may have ended */
}

static void be_sio_client(const char *connect, const char *event)
{
    int fd = ask_ws("/socket.io/?EIO=4&transport=websocket");

    frame(fd, 0x81, connect);
    hear(fd);
    if (event != NULL)
        frame(fd, 0x81, event);
    hear(fd);
    close(fd);
}

static void be_clients(void)
{
    static const char *const paths[] = {"/x", "/later", "/stream"}, *const ws_paths[] = {
                                                                        "/ws", "/ws/connect",
                                                                        "/ws/event"};

    for (int i = 0; i < 3; i++) {
        int fd = ask(paths[i], "");

        hear(fd);
        close(fd);
        fd = ask_ws(ws_paths[i]);
        frame(fd, 0x81, "{}");
        hear(fd);
        close(fd);
    }
    be_sio_client("40/entered,", NULL);
    be_sio_client("40/greeted,", NULL);
    be_sio_client("40/used,", "42/used,7[\"x\",1]");
    be_sio_client("40/nowhere,", NULL);
    be_sio_client("40", "427[\"x\",1]");
}

/* Each of a loop's own calls, on a thread that runs no loop. */
static void call_from_elsewhere(void)
{
    yodel_timer other_timer;
    yodel_watch other_watch;

    yodel_timer_init(&other_timer, all.loop, (yodel_timer_fn *)(void *)on_later, NULL);
    yodel_watch_init(&other_watch, all.loop, (yodel_watch_fn *)(void *)on_later, NULL);
    assert_int_equal(yodel_timer_start(&other_timer, 1), YODEL_ERR_STATE);
    assert_int_equal(yodel_timer_start_periodic(&other_timer, 1), YODEL_ERR_STATE);
    assert_int_equal(yodel_timer_stop(&other_timer), 0); /* it does not run */
    assert_int_equal(yodel_watch_start(&other_watch, 0, YODEL_WATCH_READABLE), YODEL_ERR_STATE);
    assert_int_equal(yodel_watch_set_events(&other_watch, 0), YODEL_ERR_STATE);
    assert_int_equal(yodel_watch_stop(&other_watch), 0);
    assert_int_equal(yodel_loop_set_data(all.loop, NULL, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_loop_post_after(all.loop, 1, NULL, NULL, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_loop_work(all.loop, NULL, NULL, NULL, NULL, NULL), YODEL_ERR_STATE);
    assert_int_equal(yodel_ws_send_id(all.server, (yodel_id){1}, 3, (yodel_bytes){NULL, 0}),
                     -EINVAL);
    assert_int_equal(yodel_ws_send_id(all.server, (yodel_id){1}, YODEL_WS_TEXT,
                                      (yodel_bytes){(const uint8_t *)"\xff", 1}),
                     YODEL_ERR_ENCODING);
    assert_int_equal(yodel_sio_emit_ack(yodel_sio_to_all(all.sio_namespace), "e", NULL, NULL, NULL),
                     -EINVAL);
    assert_null(yodel_loop_current(all.server));
    assert_null(yodel_sio_namespace_find_socket(all.sio_namespace, "x"));
    torment((struct subjects){.live = 1});
}

static void *run_clients(void *arg)
{
    be_clients();
    call_from_elsewhere();
    yodel_server_stop(all.server, 200);
    return NULL;
}

static void test_bad_calls_with_every_object(void **state)
{
    pthread_t thread;

    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .decide_ms = 100),
                         &all.server),
        0);
    assert_int_equal(yodel_channels_new_memory(all.server, &all.channels), 0);
    assert_int_equal(
        yodel_prepared_new(all.server, YODEL_WS_BINARY, (yodel_bytes){NULL, 0}, &all.prepared), 0);
    all.loop = yodel_server_loop(all.server, 0);
    add_routes();
    add_sio();
    torment((struct subjects){.live = 1}); /* before it runs */
    listen_somewhere();
    assert_int_equal(pthread_create(&thread, NULL, run_clients, NULL), 0);
    assert_int_equal(yodel_server_run(all.server), 0);
    pthread_join(thread, NULL);
    assert_true(num_rounds >= 19);
    torment((struct subjects){.decision = all.decision, .stream = all.stream, .sse = all.sse});
    yodel_decision_unref(all.decision);
    yodel_stream_unref(all.stream);
    yodel_prepared_unref(all.prepared);
    yodel_sio_unref(all.sio);
    yodel_channels_unref(all.channels);
    yodel_server_unref(all.server);
    close(listener);
}

/* ---- what is taken ---- */

static unsigned num_freed;

static void count_free(void *arg)
{
    assert_ptr_equal(arg, &num_freed);
    num_freed++;
}

/* Whatever a call takes goes once, also when there is no object. */
static void test_bad_calls_free_what_they_take(void **state)
{
    assert_int_equal(yodel_loop_post(NULL, NULL, &num_freed, count_free), -EINVAL);
    assert_int_equal(yodel_loop_post_after(NULL, 1, NULL, &num_freed, count_free), -EINVAL);
    assert_int_equal(yodel_loop_work(NULL, NULL, NULL, NULL, &num_freed, count_free), -EINVAL);
    assert_int_equal(yodel_loop_set_data(NULL, &num_freed, count_free), -EINVAL);
    assert_int_equal(yodel_stream_post(NULL, NULL, &num_freed, count_free), -EINVAL);
    assert_int_equal(yodel_sse_post(NULL, NULL, &num_freed, count_free), -EINVAL);
    assert_int_equal(yodel_decision_post(NULL, NULL, &num_freed, count_free), -EINVAL);
    assert_int_equal(yodel_ws_post(NULL, (yodel_id){1}, NULL, &num_freed, count_free), -EINVAL);
    assert_int_equal(yodel_sio_namespace_post(NULL, NULL, NULL, &num_freed, count_free), -EINVAL);
    assert_int_equal(num_freed, 9);
}

static void test_bad_calls_take_references(void **state)
{
    json_t *value = json_integer(1);
    int num = 0;

#define TAKES(call, result)                                                                        \
    do {                                                                                           \
        json_incref(value);                                                                        \
        num++;                                                                                     \
        assert_int_equal(call, result);                                                            \
        assert_int_equal(value->refcount, 1);                                                      \
    } while (0)

    TAKES(yodel_ws_send_pack(NULL, "o", value), -EINVAL);
    TAKES(yodel_group_send_pack(NULL, "g", "o", value), -EINVAL);
    TAKES(yodel_group_send_event(NULL, "g", "t", "{s:o}", "a", value), -EINVAL);
    TAKES(yodel_channel_send_event(NULL, "c", "t", "{s:o}", "a", value), -EINVAL);
    TAKES(yodel_request_reply_pack(NULL, 200, "o", value), -EINVAL);
    TAKES(yodel_decision_respond_pack(NULL, 200, "o", value), -EINVAL);
    TAKES(yodel_decision_answer(NULL, "o", value), 0);
    TAKES(yodel_sse_send_pack(NULL, "e", "o", value), -EINVAL);
    TAKES(yodel_sio_event_answer(NULL, "o", value), -EINVAL);
    TAKES(yodel_sio_emit(yodel_sio_to_all(NULL), "e", "o", value), -EINVAL);
    TAKES(yodel_sio_emit_ack_pack(yodel_sio_to_all(NULL), "e", NULL, NULL, "o", value), -EINVAL);
    assert_int_equal(num, 11);
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_calls_with_nothing),
        cmocka_unit_test(test_bad_calls_with_values_and_no_object),
        cmocka_unit_test(test_bad_calls_with_every_object),
        cmocka_unit_test(test_bad_calls_free_what_they_take),
        cmocka_unit_test(test_bad_calls_take_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
