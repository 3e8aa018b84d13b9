/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <yodel/yodel.h>

#include "server/server.h"

#include <cmocka.h>

/* What a program does on the loops of a real server, with their threads and the kernel. */

static yodel_server *make_server(unsigned loops)
{
    yodel_server *server;

    assert_int_equal(yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = loops), &server),
                     0);
    return server;
}

static void add_start(yodel_server *server, yodel_loop_start_fn *on_start, void *user)
{
    assert_int_equal(yodel_server_add_loop_handlers(
                         server, YODEL_OPTIONS(yodel_loop_handlers, .on_start = on_start), user),
                     0);
}

static uint64_t now_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void stop_server(yodel_loop *loop, void *arg)
{
    yodel_server_stop(yodel_loop_server(loop), 1000);
}

/* ---- handlers of loops ---- */

#define LOOPS 3

/* What was called on each loop, a letter for each. */
static char told[LOOPS][64];
static atomic_uint num_started, num_freed;
static int failing; /* result of the second on_start of the last loop */

static void tell(yodel_loop *loop, const char *what, void *user)
{
    assert_ptr_equal(loop, yodel_loop_current(yodel_loop_server(loop)));
    strcat(told[yodel_loop_index(loop)], what);
    strcat(told[yodel_loop_index(loop)], user);
}

static void count_free(void *arg)
{
    atomic_fetch_add(&num_freed, 1);
}

static void run_posted(yodel_loop *loop, void *arg)
{
    tell(loop, "posted", yodel_loop_data(loop));
}

static int on_start(yodel_loop *loop, void *user)
{
    if (failing < 0 && yodel_loop_index(loop) == LOOPS - 1 && strcmp(user, "2 ") == 0)
        return failing;
    tell(loop, "start", user);
    assert_int_equal(yodel_loop_set_data(loop, user, count_free), 0);
    if (atomic_fetch_add(&num_started, 1) + 1 == 2 * LOOPS)
        yodel_server_stop(yodel_loop_server(loop), 1000);
    return 1;
}

static void on_stop(yodel_loop *loop, void *user)
{
    tell(loop, "stop", user);
}

static void on_end(yodel_loop *loop, void *user)
{
    tell(loop, "end", user);
}

static yodel_server *make_hooked_server(void)
{
    yodel_server *server = make_server(LOOPS);
    yodel_loop_handlers handlers = {sizeof handlers, on_start, on_stop, on_end};

    memset(told, 0, sizeof told);
    atomic_store(&num_started, 0);
    atomic_store(&num_freed, 0);
    assert_int_equal(yodel_server_add_loop_handlers(server, &handlers, "1 "), 0);
    assert_int_equal(yodel_server_add_loop_handlers(server, &handlers, "2 "), 0);
    assert_int_equal(yodel_server_add_loop_handlers(server, NULL, NULL), 0);
    return server;
}

static void test_loop_handlers_run_on_each_loop_in_order(void **state)
{
    yodel_server *server = make_hooked_server();

    for (unsigned i = 0; i < LOOPS; i++)
        assert_int_equal(yodel_loop_post(yodel_server_loop(server, i), run_posted, NULL, NULL), 0);
    failing = 0;
    assert_int_equal(yodel_server_run(server), 0);
    for (unsigned i = 0; i < LOOPS; i++)
        assert_string_equal(told[i], "start1 start2 posted2 stop2 stop1 end2 end1 ");
    assert_int_equal(num_freed, 2 * LOOPS);
    assert_int_equal(yodel_server_add_loop_handlers(server, NULL, NULL), YODEL_ERR_STATE);
    assert_null(yodel_loop_current(server));
    yodel_server_unref(server);
}

/* One loop cannot start: the whole server ends with its result, and what has begun is ended. */
static void test_loop_that_cannot_start_ends_the_server(void **state)
{
    yodel_server *server = make_hooked_server();

    failing = -ECONNREFUSED;
    assert_int_equal(yodel_server_run(server), -ECONNREFUSED);
    assert_string_equal(told[LOOPS - 1], "start1 stop1 end1 ");
    for (unsigned i = 0; i < LOOPS - 1; i++) /* the stop may have come before their beginning */
        if (told[i][0] != '\0')
            assert_string_equal(told[i], "start1 start2 stop2 stop1 end2 end1 ");
    yodel_server_unref(server);
}

static void test_loop_handlers_are_read_by_their_size(void **state)
{
    yodel_server *server = make_server(1);
    struct {
        yodel_loop_handlers known;
        void *more;
    } newer = {{.size = sizeof newer}, server};

    assert_int_equal(yodel_server_add_loop_handlers(server, &newer.known, NULL), YODEL_ERR_OPTIONS);
    newer.known.size = 3;
    assert_int_equal(yodel_server_add_loop_handlers(server, &newer.known, NULL), -EINVAL);
    yodel_server_unref(server);
}

static void test_server_that_never_ran_frees_posts(void **state)
{
    yodel_server *server = make_server(2);

    atomic_store(&num_freed, 0);
    memset(told, 0, sizeof told);
    assert_int_equal(yodel_server_num_loops(server), 2);
    assert_null(yodel_server_loop(server, 2));
    assert_int_equal(yodel_loop_index(yodel_server_loop(server, 1)), 1);
    assert_ptr_equal(yodel_loop_server(yodel_server_loop(server, 1)), server);
    assert_int_equal(yodel_loop_post(yodel_server_loop(server, 1), run_posted, NULL, count_free),
                     0);
    yodel_server_unref(server);
    assert_int_equal(num_freed, 1);
    assert_string_equal(told[1], "");
}

/* ---- a client ---- */

static void answer(yodel_request *req, void *user)
{
    assert_ptr_equal(yodel_request_loop(req), yodel_loop_current(user));
    (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("here"));
}

static int listen_to(yodel_server *server)
{
    assert_int_equal(yodel_server_route(server, "GET /", answer, server), 0);
    return yodel_server_listen(server,
                               YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
}

struct client {
    yodel_server *server;
    int port;
    char answer[512]; /* its beginning */
    size_t length;
};

/* Asks once, and stops the server. */
static void *ask(void *arg)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct client *client = arg;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)client->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char rest[4096];
    size_t len = 0;
    ssize_t got = -1;

    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
        send(fd, request, sizeof request - 1, 0) > 0)
        while ((got = recv(fd, client->answer + len, sizeof client->answer - 1 - len, 0)) > 0)
            len += (size_t)got;
    client->length = len;
    if (got == 0 && len == sizeof client->answer - 1)
        while ((got = recv(fd, rest, sizeof rest, 0)) > 0)
            client->length += (size_t)got;
    close(fd);
    yodel_server_stop(client->server, 1000);
    return NULL;
}

static void start_again(yodel_timer *timer, void *user)
{
    (void)yodel_timer_start(timer, 0);
}

static yodel_timer restless;

static int start_restless(yodel_loop *loop, void *user)
{
    yodel_timer_init(&restless, loop, start_again, NULL);
    return yodel_timer_start(&restless, 0);
}

/* A timer of 0 ms that always starts itself again: clients are served, and a stop ends (L1). */
static void test_loop_serves_beside_a_timer_that_starts_itself(void **state)
{
    struct client client = {.server = make_server(1)};
    uint64_t began = now_ms(CLOCK_MONOTONIC);
    pthread_t thread;

    client.port = listen_to(client.server);
    assert_true(client.port > 0);
    add_start(client.server, start_restless, NULL);
    assert_int_equal(pthread_create(&thread, NULL, ask, &client), 0);
    assert_int_equal(yodel_server_run(client.server), 0);
    pthread_join(thread, NULL);
    assert_non_null(strstr(client.answer, "here"));
    assert_int_equal(yodel_timer_is_running(&restless), 0);
    assert_true(now_ms(CLOCK_MONOTONIC) - began < 25000);
    yodel_server_unref(client.server);
    assert_int_equal(yodel_timer_stop(&restless), 0); /* also when all is gone */
}

/* ---- jobs that block ---- */

static sem_t release;

static int block(void *arg)
{
    while (sem_wait(&release) < 0)
        ;
    return 0;
}

static int fill_pool(yodel_loop *loop, void *user)
{
    for (int i = 0; i < 20; i++)
        assert_int_equal(yodel_loop_work(loop, NULL, block, NULL, NULL, NULL), 0);
    return 0;
}

/* All threads for jobs are busy: a file is served, and a name is resolved (L3). */
static void test_jobs_that_block_keep_no_file_and_no_name(void **state)
{
    struct client client = {.server = make_server(1)};
    yodel_server *other = make_server(1);
    char folder[] = "/tmp/yodel-test-XXXXXX", path[64];
    pthread_t thread;
    FILE *file;

    sem_init(&release, 0, 0);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/index.html", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 30000; i++)
        assert_true(fputs("a file is here\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    add_start(client.server, fill_pool, NULL);
    assert_int_equal(yodel_server_static(client.server, "/", folder, NULL), 0);
    client.port = yodel_server_listen(
        client.server, YODEL_OPTIONS(yodel_listen_options, .address = "localhost:0"));
    assert_true(client.port > 0);
    assert_int_equal(pthread_create(&thread, NULL, ask, &client), 0);
    assert_int_equal(yodel_server_run(client.server), 0);
    pthread_join(thread, NULL);
    assert_non_null(strstr(client.answer, "200 OK"));
    assert_true(client.length > 30000 * strlen("a file is here\n"));
    assert_true(yodel_server_listen(
                    other, YODEL_OPTIONS(yodel_listen_options, .address = "localhost:0")) > 0);
    yodel_server_unref(other);
    for (int i = 0; i < 20; i++)
        sem_post(&release);
    yodel_server_unref(client.server);
    (void)unlink(path);
    (void)rmdir(folder);
}

/* ---- watches ---- */

static struct {
    int fds[2]; /* of a pipe */
    int copy;
    yodel_watch watch, other;
    unsigned calls, events;
    uint64_t cpu; /* ms that the thread has used */
} w;

static void end_idle(yodel_loop *loop, void *arg)
{
    w.cpu = now_ms(CLOCK_THREAD_CPUTIME_ID) - w.cpu;
    yodel_server_stop(yodel_loop_server(loop), 0);
}

static void stop_and_close(yodel_watch *watch, unsigned events, void *user)
{
    w.calls++;
    assert_int_equal(yodel_watch_stop(watch), 0);
    close(w.copy);
    w.cpu = now_ms(CLOCK_THREAD_CPUTIME_ID);
    assert_int_equal(yodel_loop_post_after(user, 300, end_idle, NULL, NULL), 0);
}

static int watch_copy(yodel_loop *loop, void *user)
{
    yodel_watch_init(&w.watch, loop, stop_and_close, loop);
    return yodel_watch_start(&w.watch, w.copy, YODEL_WATCH_READABLE);
}

/* A copy of a readable descriptor is watched, stopped and closed, and the original stays: the loop
 * is idle, as the poller has forgotten it (L2). */
static void test_watch_is_forgotten_when_it_is_stopped(void **state)
{
    yodel_server *server = make_server(1);

    memset(&w, 0, sizeof w);
    assert_int_equal(pipe(w.fds), 0);
    assert_int_equal(write(w.fds[1], "x", 1), 1);
    w.copy = dup(w.fds[0]);
    add_start(server, watch_copy, NULL);
    assert_int_equal(yodel_server_run(server), 0);
    assert_int_equal(w.calls, 1);
    assert_true(w.cpu < 100);
    close(w.fds[0]);
    close(w.fds[1]);
    yodel_server_unref(server);
}

static void note_other(yodel_watch *watch, unsigned events, void *user)
{
    w.calls++;
    w.events = events;
    yodel_server_stop(yodel_loop_server(user), 0);
}

/* The number is used again at once, for another file. */
static void replace(yodel_watch *watch, unsigned events, void *user)
{
    int fds[2];

    w.events = events;
    assert_int_equal(yodel_watch_stop(watch), 0);
    close(w.copy);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(fds[0], w.copy);
    w.fds[1] = fds[1];
    yodel_watch_init(&w.other, user, note_other, user);
    assert_int_equal(yodel_watch_start(&w.other, fds[0], YODEL_WATCH_READABLE | YODEL_WATCH_HANGUP),
                     0);
    close(fds[1]);
}

static int watch_pipe(yodel_loop *loop, void *user)
{
    yodel_watch_init(&w.watch, loop, replace, loop);
    yodel_watch_init(&w.other, loop, note_other, loop);
    assert_int_equal(yodel_watch_start(&w.watch, w.copy, YODEL_WATCH_READABLE), 0);
    assert_int_equal(yodel_watch_start(&w.other, w.copy, YODEL_WATCH_READABLE), -EEXIST);
    assert_int_equal(yodel_watch_start(&w.other, 1000, YODEL_WATCH_READABLE), -EBADF);
    w.fds[0] = open("/proc/self/exe", O_RDONLY);
    assert_int_equal(yodel_watch_start(&w.other, w.fds[0], YODEL_WATCH_READABLE), -EPERM);
    close(w.fds[0]);
    return 0;
}

static void test_watch_of_a_number_that_is_used_again(void **state)
{
    yodel_server *server = make_server(1);
    int fds[2];

    memset(&w, 0, sizeof w);
    assert_int_equal(pipe(fds), 0);
    w.copy = fds[0];
    close(fds[1]);
    add_start(server, watch_pipe, NULL);
    assert_int_equal(yodel_server_run(server), 0);
    assert_true(w.calls >= 1);
    assert_int_equal(w.events, YODEL_WATCH_READABLE | YODEL_WATCH_HANGUP);
    assert_int_equal(yodel_watch_is_running(&w.other), 0); /* the end has stopped it */
    close(w.copy);
    yodel_server_unref(server);
}

static int watch_broken(yodel_loop *loop, void *user)
{
    yodel_watch_init(&w.watch, loop, note_other, loop);
    return yodel_watch_start(&w.watch, w.fds[1], YODEL_WATCH_WRITABLE);
}

/* The reader of a pipe has gone: told once, and not again and again. */
static void test_watch_tells_a_failed_descriptor_once(void **state)
{
    yodel_server *server = make_server(1);

    memset(&w, 0, sizeof w);
    assert_int_equal(pipe(w.fds), 0);
    close(w.fds[0]);
    add_start(server, watch_broken, NULL);
    assert_int_equal(yodel_server_run(server), 0);
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.events, YODEL_WATCH_WRITABLE | YODEL_WATCH_ERROR);
    close(w.fds[1]);
    yodel_server_unref(server);
}

/* ---- many that wait ---- */

#define TIMERS 10000
#define WATCHES 1000

static yodel_timer *many_timers;
static yodel_watch *many_watches;

static void never(yodel_timer *timer, void *user)
{
    fail();
}

static void never_ready(yodel_watch *watch, unsigned events, void *user)
{
    fail();
}

static int start_many(yodel_loop *loop, void *user)
{
    for (unsigned i = 0; i < TIMERS; i++) {
        yodel_timer_init(&many_timers[i], loop, never, NULL);
        assert_int_equal(yodel_timer_start(&many_timers[i], 60000 + i), 0);
    }
    for (unsigned i = 0; i < WATCHES; i++) {
        yodel_watch_init(&many_watches[i], loop, never_ready, NULL);
        assert_int_equal(yodel_watch_start(&many_watches[i], ((int *)user)[i],
                                           YODEL_WATCH_READABLE | YODEL_WATCH_HANGUP),
                         0);
    }
    return yodel_loop_post_after(loop, 1, stop_server, NULL, NULL);
}

/* They end with the loop, and keep it from nothing. */
static void test_loop_ends_with_many_timers_and_watches(void **state)
{
    yodel_server *server = make_server(1);
    int fds[WATCHES], ends[2];

    many_timers = calloc(TIMERS, sizeof *many_timers);
    many_watches = calloc(WATCHES, sizeof *many_watches);
    assert_int_equal(pipe(ends), 0);
    for (unsigned i = 0; i < WATCHES; i++)
        if ((fds[i] = dup(ends[0])) < 0) { /* few descriptors are allowed here */
            skip();
            return;
        }
    add_start(server, start_many, fds);
    assert_int_equal(yodel_server_run(server), 0);
    yodel_server_unref(server);
    for (unsigned i = 0; i < TIMERS; i++)
        assert_int_equal(yodel_timer_is_running(&many_timers[i]), 0);
    for (unsigned i = 0; i < WATCHES; i++) {
        assert_int_equal(yodel_watch_is_running(&many_watches[i]), 0);
        close(fds[i]);
    }
    close(ends[0]);
    close(ends[1]);
    free(many_timers);
    free(many_watches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_handlers_run_on_each_loop_in_order),
        cmocka_unit_test(test_loop_that_cannot_start_ends_the_server),
        cmocka_unit_test(test_loop_handlers_are_read_by_their_size),
        cmocka_unit_test(test_server_that_never_ran_frees_posts),
        cmocka_unit_test(test_loop_serves_beside_a_timer_that_starts_itself),
        cmocka_unit_test(test_jobs_that_block_keep_no_file_and_no_name),
        cmocka_unit_test(test_watch_is_forgotten_when_it_is_stopped),
        cmocka_unit_test(test_watch_of_a_number_that_is_used_again),
        cmocka_unit_test(test_watch_tells_a_failed_descriptor_once),
        cmocka_unit_test(test_loop_ends_with_many_timers_and_watches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
