/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yodel/restart.h>
#include <yodel/ws_handlers.h>
#include <yodel/yodel.h>

#include <cmocka.h>

/* The two halves of a stop: every loop stops accepting before one sends its clients away. */

static yodel_server *server;
static pthread_t thread;
static int port;
static sem_t busy, go_on, passed; /* of a loop that is held, and of one that is waited for */

static void *run_server(void *arg)
{
    assert_int_equal(yodel_server_run(server), 0);
    return NULL;
}

static int on_open(yodel_ws *ws, void *user);

static int setup(void **state)
{
    static const yodel_ws_handlers handlers = {.size = sizeof handlers, .on_open = on_open};

    assert_int_equal(sem_init(&busy, 0, 0) | sem_init(&go_on, 0, 0) | sem_init(&passed, 0, 0), 0);
    assert_int_equal(yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 2), &server), 0);
    assert_int_equal(yodel_server_route_ws(server, "/ws", &handlers, NULL), 0);
    port =
        yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    assert_true(port > 0);
    assert_int_equal(pthread_create(&thread, NULL, run_server, NULL), 0);
    return 0;
}

/* Also after a test that has failed. */
static int teardown(void **state)
{
    sem_post(&go_on);
    yodel_server_stop(server, 0);
    yodel_server_stop(server, 0);
    pthread_join(thread, NULL);
    server = yodel_server_unref(server);
    return sem_destroy(&busy) | sem_destroy(&go_on) | sem_destroy(&passed);
}

/* ---- loops ---- */

static void hold(yodel_loop *loop, void *arg)
{
    sem_post(&busy);
    sem_wait(&go_on);
}

/* The loop does nothing else until go_on is posted. */
static void hold_loop(unsigned index)
{
    assert_int_equal(yodel_loop_post(yodel_server_loop(server, index), hold, NULL, NULL), 0);
    sem_wait(&busy);
}

static void pass(yodel_loop *loop, void *arg)
{
    sem_post(&passed);
}

/* The loop has done what was posted before, and what that had it do. */
static void wait_for_loop(unsigned index)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yodel_loop_post(yodel_server_loop(server, index), pass, NULL, NULL), 0);
        sem_wait(&passed);
    }
}

/* ---- clients ---- */

static int connect_to_server(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return fd;
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
    return -1;
}

/* What comes within ms, read whole.  Returns how much, 0 when nothing does. */
static size_t read_some(int fd, int ms, char bytes[1000])
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t len = 0;

    if (poll(&ready, 1, ms) > 0)
        len = recv(fd, bytes, 1000, 0);
    assert_true(len >= 0);
    return (size_t)len;
}

/* Tells the client which loop it is on. */
static int on_open(yodel_ws *ws, void *user)
{
    const char *name = yodel_ws_loop(ws) == yodel_server_loop(server, 0) ? "0" : "1";

    return yodel_ws_send_text(ws, yodel_str_of(name));
}

static int open_websocket(unsigned *ret_loop)
{
    static const char request[] = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                                  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    static const char first[] = {'\r', '\n', '\r', '\n', '\x81', 1};
    char bytes[2000];
    size_t len = 0;
    int fd = connect_to_server();

    assert_true(fd >= 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    while (len < sizeof first + 1 || memcmp(bytes + len - 1 - sizeof first, first, sizeof first)) {
        size_t more = read_some(fd, 30000, bytes + len);

        assert_true(more > 0 && (len += more) <= 1000);
    }
    *ret_loop = bytes[len - 1] == '1';
    return fd;
}

/* A client of that loop: the kernel chooses, so others come first, and go. */
static int open_on(unsigned wanted)
{
    unsigned loop;
    int fd = open_websocket(&loop);

    while (loop != wanted) {
        int next = open_websocket(&loop);

        close(fd);
        fd = next;
    }
    return fd;
}

static void expect_nothing(int fd)
{
    char bytes[1000];

    assert_int_equal(read_some(fd, 0, bytes), 0);
}

/* 1001, with a reason. */
static void expect_close(int fd)
{
    uint8_t bytes[1000];
    size_t len = read_some(fd, 30000, (char *)bytes);

    assert_true(len >= 4);
    assert_int_equal(bytes[0], 0x88);
    assert_int_equal(bytes[2] << 8 | bytes[3], 1001);
    close(fd);
}

/* ---- tests ---- */

/* Whoever is sent away does not meet this server again, though one of its loops is busy. */
static void test_stop_accepts_no_more_before_clients_go(void **state)
{
    int fd = open_on(0), again;

    hold_loop(1);
    assert_int_equal(
        yodel_server_stop_with(server, YODEL_OPTIONS(yodel_stop_options, .drain_ms = UINT32_MAX)),
        0);
    wait_for_loop(0);
    expect_nothing(fd);
    sem_post(&go_on);
    expect_close(fd);
    again = connect_to_server();
    assert_int_equal(again, -1);
}

/* A loop that hangs keeps the others from their clients for a part of the stop's time. */
static void test_stop_waits_for_a_loop_that_hangs_not_for_ever(void **state)
{
    int first = open_on(0), second = open_on(1);

    hold_loop(1);
    yodel_server_stop(server, 400);
    expect_close(first);
    sem_post(&go_on);
    expect_close(second);
}

/* So does the second stop, which ends all at once, whatever it overtakes. */
static void test_stop_twice_while_a_loop_hangs(void **state)
{
    char bytes[1000];
    int fd = open_on(0);

    hold_loop(1);
    yodel_server_stop(server, UINT32_MAX);
    wait_for_loop(0);
    yodel_server_stop(server, 0);
    (void)read_some(fd, 30000, bytes);
    close(fd);
    sem_post(&go_on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_stop_accepts_no_more_before_clients_go, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_stop_waits_for_a_loop_that_hangs_not_for_ever, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_stop_twice_while_a_loop_hangs, setup, teardown),
    };

    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
