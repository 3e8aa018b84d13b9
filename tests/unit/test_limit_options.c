/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <yodel/yodel.h>

#include <cmocka.h>

/* Limits as a program sets them, on a real server: the answer of each, and its counter. */

static yodel_server *server;
static pthread_t thread;
static struct sockaddr_in address;
static int listener;
static unsigned reserved; /* places of the listener */

static void *run(void *arg)
{
    assert_int_equal(yodel_server_run(server), 0);
    return NULL;
}

static void start(yodel_server_options options)
{
    socklen_t len = sizeof address;

    options.size = sizeof options;
    options.loops = 1;
    assert_int_equal(yodel_server_new(&options, &server), 0);
    assert_int_equal(yodel_server_route_ws(server, "/ws", NULL, NULL), 0);
    address = (struct sockaddr_in){.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 10), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    assert_true(yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .fds = &listener,
                                                          .num_fds = 1, .reserved = reserved)) >=
                0);
    assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
}

static yodel_server_stats stats_now(void)
{
    yodel_server_stats stats = {.size = sizeof stats};

    assert_int_equal(yodel_server_get_stats(server, &stats), 0);
    return stats;
}

static void stop(void)
{
    yodel_server_stop(server, 0);
    pthread_join(thread, NULL);
    assert_int_equal(yodel_server_get_stats(server, &(yodel_server_stats){.size = 8}), 0);
    yodel_server_unref(server);
    close(listener);
}

static int ask(const char *text)
{
    struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    return fd;
}

static void expect_begin(int fd, const char *text)
{
    char got[2000] = "";
    ssize_t len = recv(fd, got, sizeof got - 1, 0);

    assert_true(len > 0);
    if (strncmp(got, text, strlen(text)) != 0)
        fail_msg("not %s: %.100s", text, got);
}

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define UPGRADE                                                                                    \
    "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                 \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static atomic_uint num_refused;

static void on_refused(const yodel_refusal *refusal, void *user)
{
    assert_ptr_equal(user, &num_refused);
    assert_int_equal(refusal->size, sizeof *refusal);
    assert_true(refusal->reason == YODEL_REFUSED_ADDRESS_CONNECTIONS ||
                refusal->reason == YODEL_REFUSED_CONNECTIONS);
    assert_memory_equal(refusal->peer.ptr, "127.0.0.1:", 10);
    atomic_fetch_add(&num_refused, 1);
}

static void test_limit_options_connections_of_all(void **state)
{
    int fds[2];

    atomic_store(&num_refused, 0);
    start((yodel_server_options){
        .max_connections = 1, .on_refused = on_refused, .refused_user = &num_refused});
    for (int i = 0; i < 2; i++) {
        fds[i] = ask(GET);
        expect_begin(fds[i], i < 1 ? "HTTP/1.1 404" : "HTTP/1.1 503");
    }
    assert_int_equal(atomic_load(&num_refused), 1);
    for (int i = 0; i < 2; i++)
        close(fds[i]);
    stop();
}

static void test_limit_options_connections_of_an_address(void **state)
{
    int fds[3];

    atomic_store(&num_refused, 0);
    start((yodel_server_options){
        .max_address_connections = 2, .on_refused = on_refused, .refused_user = &num_refused});
    for (int i = 0; i < 3; i++) {
        fds[i] = ask(GET);
        expect_begin(fds[i], i < 2 ? "HTTP/1.1 404" : "HTTP/1.1 429");
    }
    assert_int_equal(stats_now().limited_connections, 1);
    assert_int_equal(atomic_load(&num_refused), 1);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    stop();
}

/* Those in the places of a listener are served whatever the limits are, as often as they come. */
static void take_places(yodel_server_options options, const char *refusal)
{
    int fds[3];

    reserved = 2;
    start(options);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++) {
            fds[i] = ask(GET);
            expect_begin(fds[i], i < 2 ? "HTTP/1.1 404" : refusal);
        }
        for (int i = 0; i < 3; i++)
            close(fds[i]);
        for (int i = 0; i < 3000 && stats_now().connections > 0; i++)
            usleep(10000);
        assert_int_equal(stats_now().connections, 0);
        fds[0] = ask(GET); /* what another has taken is free again */
        expect_begin(fds[0], "HTTP/1.1 404");
        close(fds[0]);
        for (int i = 0; i < 3000 && stats_now().connections > 0; i++)
            usleep(10000);
    }
    stop();
    reserved = 0;
}

static void test_limit_options_places(void **state)
{
    take_places((yodel_server_options){.max_connections = 2}, "HTTP/1.1 503");
    take_places((yodel_server_options){.max_connections = 1, .max_address_connections = 1},
                "HTTP/1.1 503");
}

/* How many of num connections get each status. */
static void connect_many(yodel_server_options options, int num, int status, int expected)
{
    int answered = 0;

    options.connects_ms = 24 * 3600 * 1000;
    start(options);
    for (int i = 0; i < num; i++) {
        int fd = ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), got = 0;
        char text[13] = "";

        assert_int_equal(recv(fd, text, 12, MSG_WAITALL), 12);
        assert_int_equal(sscanf(text, "HTTP/1.1 %d", &got), 1);
        answered += got == status;
        close(fd);
    }
    assert_int_equal(answered, expected);
    assert_int_equal(stats_now().limited_connects, status == 404 ? num - expected : expected);
    stop();
}

static void test_limit_options_connects(void **state)
{
    connect_many((yodel_server_options){.max_connects = 3}, 5, 503, 2);
    connect_many((yodel_server_options){.max_address_connects = 4}, 5, 429, 1);
    connect_many((yodel_server_options){.max_connects = 3, .max_address_connects = 4}, 5, 404, 3);
    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .max_address_connects = 65536),
                         &server),
        -EINVAL);
}

/* Far more than three messages in a second. */
static void send_messages(yodel_server_options options)
{
    static const uint8_t message[] = {0x81, 0x81, 0, 0, 0, 0, 'x'};
    uint8_t got[4];
    int fd;

    start(options);
    fd = ask(UPGRADE);
    expect_begin(fd, "HTTP/1.1 101");
    for (int i = 0; i < 20; i++)
        (void)send(fd, message, sizeof message, MSG_NOSIGNAL); /* it may have ended by now */
    assert_int_equal(recv(fd, got, sizeof got, MSG_WAITALL), 4);
    assert_int_equal(got[0], 0x88);
    assert_int_equal(got[2] << 8 | got[3], 1008);
    assert_int_equal(stats_now().limited_messages, 1);
    close(fd);
    stop();
}

static void test_limit_options_messages(void **state)
{
    send_messages((yodel_server_options){.max_messages = 3});
    send_messages((yodel_server_options){.max_address_messages = 3});
    send_messages((yodel_server_options){.max_messages = 3, .messages_ms = 3600000});
    send_messages((yodel_server_options){.max_address_messages = 3, .messages_ms = 3600000});
}

/* ---- jobs ---- */

static int results[4];
static atomic_bool may_end;

static int work(void *arg)
{
    while (!atomic_load(&may_end))
        usleep(1000);
    return 0;
}

static void add_jobs(yodel_loop *loop, void *arg)
{
    for (int i = 0; i < 4; i++) {
        results[i] = yodel_loop_work(loop, arg, work, NULL, NULL, NULL); /* one at a time */
        usleep(20000); /* so that the first has begun */
    }
    atomic_store(&may_end, true);
}

static void test_limit_options_jobs(void **state)
{
    atomic_store(&may_end, false);
    start((yodel_server_options){.max_work = 2});
    assert_int_equal(yodel_loop_post(yodel_server_loop(server, 0), add_jobs, server, NULL), 0);
    for (int i = 0; i < 3000 && !atomic_load(&may_end); i++)
        usleep(10000);
    assert_int_equal(results[0], 0);
    assert_int_equal(results[1], 0);
    assert_int_equal(results[3], YODEL_ERR_CONGESTED);
    assert_true(stats_now().work_refused >= 1);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit_options_connections_of_an_address),
        cmocka_unit_test(test_limit_options_connections_of_all),
        cmocka_unit_test(test_limit_options_places),
        cmocka_unit_test(test_limit_options_connects),
        cmocka_unit_test(test_limit_options_messages),
        cmocka_unit_test(test_limit_options_jobs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
