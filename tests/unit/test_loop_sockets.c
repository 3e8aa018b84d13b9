/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"
#include "loop_backend.h"
#include "net/net.h"
#include "net/sockets.h"

#include <cmocka.h>

/* Connections over real sockets, on each backend.  The linker leads the calls of send() here.
 */

static int num_sends, send_error; /* errno that send() gives; 0: what the kernel says */

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
    num_sends++;
    errno = send_error;
    return send_error != 0 ? -1 : __real_send(fd, data, len, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    num_sends++;
    errno = send_error;
    return send_error != 0 ? -1 : __real_sendmsg(fd, message, flags);
}

struct fixture {
    struct yd_loop *loop;
    struct yd_net net;
    struct yd_net_listener listener;
    atomic_uint num_connections;
    struct yd_timer act, end;
    void (*action)(struct fixture *f);
    int client;
    size_t answer; /* bytes; 0: input is paused, and nothing used */
    int closes, close_error;
    int hang_ups, ends;
    size_t got; /* bytes */
};

static size_t on_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    struct fixture *f = conn->up;
    void *answer;

    f->got += len;
    if (f->answer == 0) {
        yd_conn_pause(conn);
        return 0;
    }
    answer = calloc(1, f->answer);
    assert_int_equal(yd_conn_write(conn, answer, f->answer, NULL, 0), 0);
    free(answer);
    return len;
}

static void on_closed(struct yd_conn *conn, int error)
{
    struct fixture *f = conn->up;

    f->closes++;
    f->close_error = error;
    yd_loop_stop(f->loop);
}

static void on_hang_up(struct yd_conn *conn)
{
    struct fixture *f = conn->up;

    f->hang_ups++;
}

static void on_eof(struct yd_conn *conn)
{
    ((struct fixture *)conn->up)->ends++;
}

static void ignore(struct yd_conn *conn)
{
}

static const struct yd_conn_events events = {.on_data = on_data,
                                             .on_eof = on_eof,
                                             .on_hang_up = on_hang_up,
                                             .on_timeout = ignore,
                                             .on_drain = ignore,
                                             .on_stop = ignore,
                                             .on_closed = on_closed};

static int on_connection(struct yd_conn *conn, int refusal)
{
    yd_conn_set_events(conn, &events, yd_conn_loop(conn)->net->user);
    return 0;
}

static void run_action(struct yd_timer *timer)
{
    struct fixture *f = yd_container_of(timer, struct fixture, act);

    f->action(f);
}

static void run_end(struct yd_timer *timer)
{
    yd_loop_stop(yd_container_of(timer, struct fixture, end)->loop);
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

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct yd_net_options options = {.send_ms = 400,
                                     .linger_ms = 100,
                                     .close_ms = 200,
                                     .discard_ms = 1000,
                                     .max_discard = 100000,
                                     .num_connections = &f->num_connections};
    struct yd_sockets sockets;
    int fd;

    num_sends = send_error = 0;
    *state = f;
    assert_int_equal(yd_loop_new(loop_backend(), &yd_mem_default, NULL, 0, &f->loop), 0);
    assert_int_equal(yd_loop_open(f->loop), 0);
    assert_int_equal(yd_net_init(&f->net, f->loop, &options), 0);
    f->net.on_connection = on_connection;
    f->net.user = f;
    assert_int_equal(yd_sockets_open(&yd_mem_default,
                                     YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"),
                                     1, &sockets),
                     0);
    fd = sockets.fds[0];
    yd_sockets_take(&yd_mem_default, &sockets);
    assert_int_equal(yd_net_listen(&f->net, &f->listener, fd, NULL), 0);
    yd_timer_init(&f->act, run_action);
    yd_timer_init(&f->end, run_end);
    f->client = connect_to(sockets.port);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->client >= 0)
        close(f->client);
    yd_net_abort(&f->net);
    yd_listener_stop(&f->listener.base);
    yd_loop_close(f->loop);
    yd_loop_free(f->loop);
    yd_net_done(&f->net);
    free(f);
    return 0;
}

/* Runs the loop until its connection has closed, end_ms at most, with action after act_ms. */
static void run(struct fixture *f, unsigned act_ms, void (*action)(struct fixture *f),
                unsigned end_ms)
{
    f->action = action;
    yd_timer_start(&f->loop->wheel, &f->act, yd_loop_due(f->loop, act_ms));
    yd_timer_start(&f->loop->wheel, &f->end, yd_loop_due(f->loop, end_ms));
    yd_loop_run(f->loop);
}

static void reset_client(struct fixture *f)
{
    struct linger at_once = {1, 0};

    assert_int_equal(f->closes, 0); /* it has ended its output alone */
    assert_int_equal(setsockopt(f->client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(f->client);
    f->client = -1;
}

/* It has ended its output, so nothing is read any more, and more waits for it than the kernel
 * takes.
 */
static void test_loop_sees_a_reset_after_the_peers_end(void **state)
{
    struct fixture *f = *state;

    f->answer = 16 << 20;
    f->net.options.send_ms = 10000;
    assert_int_equal(send(f->client, "x", 1, 0), 1);
    assert_int_equal(shutdown(f->client, SHUT_WR), 0);
    run(f, 100, reset_client, 8000);
    assert_int_equal(f->closes, 1);
    assert_true(f->close_error == -EPIPE || f->close_error == -ECONNRESET);
}

static void send_and_end(struct fixture *f)
{
    assert_int_equal(send(f->client, "more", 4, 0), 4);
    assert_int_equal(shutdown(f->client, SHUT_WR), 0);
}

/* Its end is told once, or the loop would not rest; it is read only when reading goes on. */
static void test_loop_notices_the_end_of_a_peer_it_does_not_read(void **state)
{
    struct fixture *f = *state;
    struct timespec before, after;

    assert_int_equal(send(f->client, "x", 1, 0), 1);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    run(f, 100, send_and_end, 600);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    assert_int_equal(f->hang_ups, 1);
    assert_int_equal(f->ends + f->closes, 0);
    assert_int_equal(f->got, 1);
    assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 <
                300);
}

static void send_and_reset(struct fixture *f)
{
    assert_int_equal(send(f->client, "more", 4, 0), 4);
    reset_client(f);
}

static void test_loop_notices_the_reset_of_a_peer_it_does_not_read(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(send(f->client, "x", 1, 0), 1);
    run(f, 100, send_and_reset, 8000);
    assert_int_equal(f->closes, 1);
    assert_int_equal(f->close_error, -ECONNRESET);
    assert_int_equal(f->got, 1);
}

static void help_the_kernel(struct fixture *f)
{
    send_error = 0;
}

static void test_loop_sends_when_the_kernel_has_memory_again(void **state)
{
    struct fixture *f = *state;
    char answer[6];

    if (loop_is_uring())
        skip(); /* no send() of ours is called */
    f->answer = 5;
    send_error = ENOBUFS;
    assert_int_equal(__real_send(f->client, "x", 1, 0), 1);
    run(f, 250, help_the_kernel, 600);
    assert_true(num_sends < 10); /* it does not ask all the time */
    assert_int_equal(recv(f->client, answer, sizeof answer, MSG_DONTWAIT), 5);
    assert_int_equal(f->closes, 0);
}

static void test_loop_gives_up_when_the_kernel_has_no_memory(void **state)
{
    struct fixture *f = *state;

    if (loop_is_uring())
        skip();
    f->answer = 5;
    send_error = ENOBUFS;
    assert_int_equal(__real_send(f->client, "x", 1, 0), 1);
    run(f, 900, help_the_kernel, 1000); /* an attempt is no progress */
    assert_int_equal(f->closes, 1);
    assert_int_equal(f->close_error, -ETIMEDOUT);
}

#define SOCKET_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOCKET_TEST(test_loop_sees_a_reset_after_the_peers_end),
        SOCKET_TEST(test_loop_notices_the_end_of_a_peer_it_does_not_read),
        SOCKET_TEST(test_loop_notices_the_reset_of_a_peer_it_does_not_read),
        SOCKET_TEST(test_loop_sends_when_the_kernel_has_memory_again),
        SOCKET_TEST(test_loop_gives_up_when_the_kernel_has_no_memory),
    };

    SKIP_WITHOUT_BACKEND();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
