/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>
#include <yodel/yodel.h>

#include "server/server.h"

#include <cmocka.h>

/* Servers in a foreign loop of libuv, over real sockets.  Clients live on the same thread: they
 * write, let the loop turn, and look. */

#define POSTS 20000

struct host {
    uv_loop_t loop;
    yodel_server *server;
    int port, stopped, requests;
    int client;
    uv_timer_t ticker;
    int ticks;
};

static void on_get(yodel_request *req, void *user)
{
    struct host *host = user;

    host->requests++;
    (void)yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = 204));
}

static void on_get_stop(yodel_request *req, void *user)
{
    on_get(req, user);
    yodel_server_stop(((struct host *)user)->server, 1000);
}

static void on_stopped(yodel_server *server, void *user)
{
    struct host *host = user;

    assert_ptr_equal(server, host->server);
    host->stopped++;
    host->server = yodel_server_unref(server);
}

static void make(struct host *host, const yodel_server_options *options)
{
    assert_int_equal(yodel_server_new(options, &host->server), 0);
    assert_int_equal(yodel_server_route(host->server, "/", on_get, host), 0);
    assert_int_equal(yodel_server_route(host->server, "/stop", on_get_stop, host), 0);
    host->port = yodel_server_listen(host->server,
                                     YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    assert_true(host->port > 0);
}

static void start_with(struct host *host, const yodel_server_options *options)
{
    make(host, options);
    assert_int_equal(yodel_server_start(host->server, &host->loop, on_stopped, host), 0);
}

static void start(struct host *host)
{
    start_with(host, YODEL_OPTIONS(yodel_server_options, .loops = 1));
}

static int set_up(void **state)
{
    struct host *host = calloc(1, sizeof *host);

    *state = host;
    host->client = -1;
    return uv_loop_init(&host->loop);
}

/* Everything of ours has gone: libuv would say EBUSY. */
static int tear_down(void **state)
{
    struct host *host = *state;
    int rc;

    if (host->client >= 0)
        close(host->client);
    rc = uv_loop_close(&host->loop);
    free(host);
    return rc;
}

static int connect_to(int port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static void ask(struct host *host, const char *path)
{
    char text[100];
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);

    if (host->client < 0)
        host->client = connect_to(host->port);
    assert_int_equal(send(host->client, text, (size_t)len, MSG_NOSIGNAL), len);
}

static void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* Turns the loop until the client has got something; the status, 0: the end. */
static int answer(struct host *host)
{
    char text[1000];
    ssize_t len = -1;

    for (int i = 0; i < 30000 && len < 0; i++) {
        uv_run(&host->loop, UV_RUN_NOWAIT);
        if ((len = recv(host->client, text, sizeof text - 1, MSG_DONTWAIT)) < 0)
            sleep_ms(1);
    }
    assert_true(len >= 0);
    text[len] = '\0';
    return len > 9 ? atoi(text + 9) : 0;
}

static void hang_up(struct host *host)
{
    close(host->client);
    host->client = -1;
}

static void test_guest_serves_in_the_loop_of_its_host(void **state)
{
    struct host *host = *state;

    start(host);
    assert_true(uv_loop_alive(&host->loop));
    ask(host, "/");
    assert_int_equal(answer(host), 204);
    assert_int_equal(host->requests, 1);
    assert_int_equal(yodel_server_run(host->server), YODEL_ERR_STATE);
    assert_int_equal(yodel_server_start(host->server, &host->loop, NULL, NULL), YODEL_ERR_STATE);
    hang_up(host);
    yodel_server_stop(host->server, 1000);
    assert_int_equal(host->stopped, 0);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->stopped, 1);
}

static void test_guest_stops_inside_its_own_callback(void **state)
{
    struct host *host = *state;

    start(host);
    ask(host, "/stop");
    assert_int_equal(answer(host), 204);
    hang_up(host);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->stopped, 1);
}

static void start_again(yodel_server *server, void *user)
{
    struct host *host = user;

    host->stopped++;
    yodel_server_unref(server);
    start(host);
}

static void test_guest_is_followed_by_another_in_on_stopped(void **state)
{
    struct host *host = *state;

    make(host, YODEL_OPTIONS(yodel_server_options, .loops = 1));
    assert_int_equal(yodel_server_start(host->server, &host->loop, start_again, host), 0);
    yodel_server_stop(host->server, 0);
    while (host->stopped == 0)
        uv_run(&host->loop, UV_RUN_ONCE);
    ask(host, "/");
    assert_int_equal(answer(host), 204);
    hang_up(host);
    yodel_server_stop(host->server, 0);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->stopped, 2);
}

static void tick(uv_timer_t *timer)
{
    struct host *host = timer->data;

    if (++host->ticks == 3)
        uv_close((uv_handle_t *)timer, NULL);
}

static void test_guests_leave_the_loop_and_its_other_guests_alone(void **state)
{
    struct host *host = *state, *other = calloc(1, sizeof *other);

    uv_timer_init(&host->loop, &host->ticker);
    host->ticker.data = host;
    start(host);
    other->client = -1;
    make(other, YODEL_OPTIONS(yodel_server_options, .loops = 1));
    assert_int_equal(yodel_server_start(other->server, &host->loop, on_stopped, other), 0);
    yodel_server_stop(host->server, 0);
    while (host->stopped == 0)
        uv_run(&host->loop, UV_RUN_ONCE);
    host->port = other->port;
    ask(host, "/");
    assert_int_equal(answer(host), 204);
    assert_int_equal(other->requests, 1);
    hang_up(host);
    yodel_server_stop(other->server, 0);
    uv_timer_start(&host->ticker, tick, 20, 20);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(other->stopped, 1);
    assert_int_equal(host->ticks, 3); /* it has outlived both */
    free(other);
}

/* The host is busy for longer than a head may take: what has come by then is in time. */
static void be_busy(uv_timer_t *timer)
{
    struct host *host = timer->data;

    if (++host->ticks == 1)
        ask(host, "/"); /* the head's time ends while it waits to be read */
    sleep_ms(150);
    if (host->ticks == 3)
        uv_close((uv_handle_t *)timer, NULL);
}

static void test_guest_sees_input_before_deadlines_when_its_host_was_busy(void **state)
{
    struct host *host = *state;
    static const char half[] = "GET / HTTP/1.1\r\n", rest[] = "Host: a\r\n\r\n";

    start_with(host, YODEL_OPTIONS(yodel_server_options, .loops = 1, .header_ms = 100));
    host->client = connect_to(host->port);
    assert_int_equal(send(host->client, half, sizeof half - 1, 0), sizeof half - 1);
    for (int i = 0; i < 5; i++)
        uv_run(&host->loop, UV_RUN_NOWAIT);
    assert_int_equal(send(host->client, rest, sizeof rest - 1, 0), sizeof rest - 1);
    sleep_ms(200);
    assert_int_equal(answer(host), 204);
    hang_up(host);
    uv_timer_init(&host->loop, &host->ticker);
    host->ticker.data = host;
    uv_timer_start(&host->ticker, be_busy, 0, 10);
    while (host->ticks < 3)
        uv_run(&host->loop, UV_RUN_ONCE);
    assert_int_equal(answer(host), 204);
    hang_up(host);
    yodel_server_stop(host->server, 0);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
}

static void *stop_it(void *server)
{
    yodel_server_stop(server, 0);
    yodel_server_unref(server);
    return NULL;
}

/* Another thread holds the server until after the loop has let go of it. */
static void test_guest_is_stopped_by_another_thread(void **state)
{
    struct host *host = *state;
    pthread_t thread;

    start(host);
    yodel_server_ref(host->server);
    assert_int_equal(pthread_create(&thread, NULL, stop_it, host->server), 0);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->stopped, 1);
    pthread_join(thread, NULL);
}

static void count_post(yodel_loop *loop, void *num)
{
    ++*(int *)num;
    if (*(int *)num == POSTS)
        yodel_server_stop(yodel_loop_server(loop), 0);
}

/* Some of it before the loop has begun, and some of it meanwhile: all of it runs. */
static void *post_many(void *server)
{
    static int num;
    yodel_loop *loop = yodel_server_loop(server, 0);

    num = 0;
    for (int i = 0; i < POSTS; i++)
        assert_int_equal(yodel_loop_post(loop, count_post, &num, NULL), 0);
    yodel_server_unref(server);
    return NULL;
}

static void test_guest_starts_while_another_thread_posts(void **state)
{
    struct host *host = *state;
    pthread_t thread;

    make(host, YODEL_OPTIONS(yodel_server_options, .loops = 1));
    yodel_server_ref(host->server);
    assert_int_equal(pthread_create(&thread, NULL, post_many, host->server), 0);
    assert_int_equal(yodel_server_start(host->server, &host->loop, on_stopped, host), 0);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->stopped, 1);
    pthread_join(thread, NULL);
}

static void test_guest_aborts_connections_at_the_end_of_its_drain_time(void **state)
{
    struct host *host = *state;

    start(host);
    host->client = connect_to(host->port); /* silent, and does not hang up */
    assert_int_equal(send(host->client, "GET / HTTP/1.1\r\nHos", 19, 0), 19);
    for (int i = 0; i < 5; i++)
        uv_run(&host->loop, UV_RUN_NOWAIT);
    yodel_server_stop(host->server, 50);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->stopped, 1);
}

static void test_guest_refuses_what_cannot_be_one(void **state)
{
    struct host *host = *state;

    make(host, YODEL_OPTIONS(yodel_server_options, .loops = 2));
    assert_int_equal(yodel_server_start(host->server, &host->loop, NULL, NULL), -EINVAL);
    yodel_server_unref(host->server);
    make(host, YODEL_OPTIONS(yodel_server_options, .loops = 1));
    assert_int_equal(yodel_server_start(host->server, NULL, NULL, NULL), -EINVAL);
    yodel_server_stop(host->server, 0);
    assert_int_equal(yodel_server_run(host->server), 0); /* it was stopped before */
    assert_int_equal(yodel_server_start(host->server, &host->loop, NULL, NULL), YODEL_ERR_STATE);
    yodel_server_unref(host->server);
}

/* SIGTERM stops the server; the loop, and the program's own watcher, go on. */
static void on_term(uv_signal_t *handle, int signum)
{
    struct host *host = handle->data;

    host->ticks++;
    uv_close((uv_handle_t *)handle, NULL);
}

static void test_guest_handles_signals_beside_its_host(void **state)
{
    struct host *host = *state;
    uv_signal_t own;

    uv_signal_init(&host->loop, &own);
    own.data = host;
    uv_signal_start(&own, on_term, SIGTERM);
    start_with(host, YODEL_OPTIONS(yodel_server_options, .loops = 1, .handle_signals = 1));
    uv_run(&host->loop, UV_RUN_NOWAIT);
    raise(SIGTERM);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->stopped, 1);
    assert_int_equal(host->ticks, 1);
}

/* The listener's descriptor cannot be polled twice, for example: start fails, the host goes on. */
static void test_guest_that_cannot_start_leaves_nothing(void **state)
{
    struct host *host = *state;
    int fd;

    make(host, YODEL_OPTIONS(yodel_server_options, .loops = 1));
    fd = host->server->addresses->listeners[0].base.fd;
    close(fd);
    assert_true(yodel_server_start(host->server, &host->loop, on_stopped, host) < 0);
    host->server->addresses->listeners[0].base.fd = -1;
    yodel_server_unref(host->server);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->stopped, 0);
}

#define HOST_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOST_TEST(test_guest_serves_in_the_loop_of_its_host),
        HOST_TEST(test_guest_stops_inside_its_own_callback),
        HOST_TEST(test_guest_is_followed_by_another_in_on_stopped),
        HOST_TEST(test_guests_leave_the_loop_and_its_other_guests_alone),
        HOST_TEST(test_guest_sees_input_before_deadlines_when_its_host_was_busy),
        HOST_TEST(test_guest_is_stopped_by_another_thread),
        HOST_TEST(test_guest_starts_while_another_thread_posts),
        HOST_TEST(test_guest_aborts_connections_at_the_end_of_its_drain_time),
        HOST_TEST(test_guest_refuses_what_cannot_be_one),
        HOST_TEST(test_guest_handles_signals_beside_its_host),
        HOST_TEST(test_guest_that_cannot_start_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
