/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <yodel/yodel.h>

#include <cmocka.h>

/* The open loop of a server in a foreign loop of libuv: timers, watches, posts and jobs. */

struct host {
    uv_loop_t loop;
    yodel_server *server;
    int fds[2]; /* of a pipe */
    yodel_watch watch;
    yodel_timer timer;
    int start_result, read, ticks, posted, worked, ended, freed, stopped;
};

static void on_stopped(yodel_server *server, void *user)
{
    struct host *host = user;

    host->stopped++;
    host->server = yodel_server_unref(server);
}

static void count_free(void *arg)
{
    ((struct host *)arg)->freed++;
}

static int work(void *arg)
{
    (void)arg;
    usleep(20000);
    return 7;
}

static void on_done(yodel_loop *loop, int result, void *arg)
{
    struct host *host = arg;

    assert_ptr_equal(loop, yodel_loop_current(host->server));
    assert_int_equal(result, 7);
    host->worked++;
    assert_int_equal(write(host->fds[1], "x", 1), 1);
}

static void on_readable(yodel_watch *watch, unsigned events, void *user)
{
    struct host *host = user;
    char byte;

    assert_int_equal(events, YODEL_WATCH_READABLE);
    assert_int_equal(read(host->fds[0], &byte, 1), 1);
    host->read++;
    assert_int_equal(yodel_timer_start_periodic(&host->timer, 5), 0);
}

static void on_tick(yodel_timer *timer, void *user)
{
    struct host *host = user;

    if (++host->ticks == 3)
        yodel_server_stop(host->server, 1000);
}

static void on_post(yodel_loop *loop, void *arg)
{
    ((struct host *)arg)->posted++;
}

static int on_start(yodel_loop *loop, void *user)
{
    struct host *host = user;

    yodel_watch_init(&host->watch, loop, on_readable, host);
    yodel_timer_init(&host->timer, loop, on_tick, host);
    assert_int_equal(yodel_watch_start(&host->watch, host->fds[0], YODEL_WATCH_READABLE), 0);
    if (host->start_result == 0)
        assert_int_equal(yodel_loop_work(loop, NULL, work, on_done, host, count_free), 0);
    return host->start_result;
}

static void on_end(yodel_loop *loop, void *user)
{
    ((struct host *)user)->ended++;
}

static int set_up(void **state)
{
    struct host *host = calloc(1, sizeof *host);

    *state = host;
    assert_int_equal(pipe(host->fds), 0);
    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .work_threads = 1),
                         &host->server),
        0);
    assert_int_equal(yodel_server_add_loop_handlers(
                         host->server,
                         YODEL_OPTIONS(yodel_loop_handlers, .on_start = on_start, .on_end = on_end),
                         host),
                     0);
    return uv_loop_init(&host->loop);
}

/* Everything of the server has gone from the loop: libuv would say EBUSY. */
static int tear_down(void **state)
{
    struct host *host = *state;
    int rc = uv_loop_close(&host->loop);

    close(host->fds[0]);
    close(host->fds[1]);
    free(host);
    return rc;
}

static void start(struct host *host)
{
    assert_int_equal(yodel_server_start(host->server, &host->loop, on_stopped, host), 0);
}

static void test_guest_has_timers_watches_posts_and_jobs(void **state)
{
    struct host *host = *state;
    yodel_loop *open = yodel_server_loop(host->server, 0);

    assert_int_equal(yodel_loop_post(open, on_post, host, count_free), 0);
    start(host);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->worked, 1);
    assert_int_equal(host->read, 1);
    assert_true(host->ticks >= 3); /* one may be due when the server has not ended yet */
    assert_int_equal(host->posted, 1);
    assert_int_equal(host->freed, 2);
    assert_int_equal(host->ended, 1);
    assert_int_equal(host->stopped, 1);
    assert_int_equal(yodel_timer_is_running(&host->timer), 0);
    assert_int_equal(yodel_watch_is_running(&host->watch), 0);
}

/* The host's own callbacks are on the loop's thread: they may begin something, which comes. */
static void begin_from_host(uv_timer_t *timer)
{
    struct host *host = timer->data;
    yodel_loop *open = yodel_server_loop(host->server, 0);

    assert_ptr_equal(yodel_loop_current(host->server), open);
    assert_int_equal(yodel_loop_post(open, on_post, host, NULL), 0);
    assert_int_equal(yodel_loop_post_after(open, 1, on_post, host, NULL), 0);
    assert_int_equal(yodel_timer_start_periodic(&host->timer, 5), 0);
    uv_close((uv_handle_t *)timer, NULL);
}

static void test_guest_is_called_by_its_host(void **state)
{
    struct host *host = *state;
    uv_timer_t timer;

    start(host);
    uv_timer_init(&host->loop, &timer);
    timer.data = host;
    uv_timer_start(&timer, begin_from_host, 30, 0);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->posted, 2);
    assert_int_equal(host->stopped, 1);
}

static void set_other_data(void *arg)
{
    struct host *host = arg;

    assert_int_equal(yodel_loop_set_data(yodel_server_loop(host->server, 0), host, count_free), 0);
}

static int data_start(yodel_loop *loop, void *user)
{
    struct host *host = user;

    assert_int_equal(yodel_loop_set_data(loop, host, set_other_data), 0);
    assert_int_equal(yodel_loop_set_data(loop, &host->fds, NULL), 0);
    assert_ptr_equal(yodel_loop_data(loop), host);
    yodel_server_stop(host->server, 0);
    return 0;
}

/* The free function of a loop's data may set data: all is freed once. */
static void test_guest_data_is_replaced_inside_its_end(void **state)
{
    struct host *host = *state;

    host->start_result = 1; /* no job */
    assert_int_equal(
        yodel_server_add_loop_handlers(
            host->server, YODEL_OPTIONS(yodel_loop_handlers, .on_start = data_start), host),
        0);
    start(host);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->freed, 1);
}

/* It ends by itself; what it had begun is ended. */
static void test_guest_whose_on_start_fails_ends(void **state)
{
    struct host *host = *state;

    host->start_result = -ECONNREFUSED;
    start(host);
    assert_int_equal(host->stopped, 0);
    assert_int_equal(uv_run(&host->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(host->stopped, 1);
    assert_int_equal(host->ended, 0);
    assert_int_equal(yodel_watch_is_running(&host->watch), 0);
}

#define HOST_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOST_TEST(test_guest_has_timers_watches_posts_and_jobs),
        HOST_TEST(test_guest_is_called_by_its_host),
        HOST_TEST(test_guest_data_is_replaced_inside_its_end),
        HOST_TEST(test_guest_whose_on_start_fails_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
