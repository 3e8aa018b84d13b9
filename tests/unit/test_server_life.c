/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "server/server.h"

#include <cmocka.h>

/* Servers that come and go: many, never run, several at once, across fork(). */

static void on_get(yodel_request *req, void *user)
{
    yodel_peer_credentials peer = {.size = sizeof peer};

    assert_int_equal(yodel_request_peer_credentials(req, &peer), YODEL_ERR_NOT_FOUND);
    (void)yodel_request_reply_text(req, 200, "text/plain", YODEL_STR("hello"));
}

static void on_stop(yodel_request *req, void *user)
{
    on_get(req, NULL);
    yodel_server_stop(user, 1000);
}

static yodel_server *make(unsigned loops, const yodel_allocator *mem, int *ret_port)
{
    yodel_server *server;

    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = loops, .allocator = mem),
                         &server),
        0);
    assert_int_equal(yodel_server_route(server, "/", on_get, NULL), 0);
    assert_int_equal(yodel_server_route(server, "/stop", on_stop, server), 0);
    *ret_port =
        yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    assert_true(*ret_port > 0);
    return server;
}

static int connect_to(int port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval limit = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The status of an answer on a connection of its own; 0: there was none. */
static int get(int port, const char *path)
{
    char text[1000] = "";
    int fd = connect_to(port), len;

    if (fd < 0)
        return 0;
    len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                   path);
    assert_int_equal(send(fd, text, (size_t)len, MSG_NOSIGNAL), len);
    do { /* a ring that goes interrupts the thread that ran its loop, which is ours */
        len = (int)recv(fd, text, sizeof text - 1, 0);
    } while (len < 0 && errno == EINTR);
    close(fd);
    return len > 9 ? atoi(text + 9) : 0;
}

/* ---- many ---- */

static unsigned count_entries(const char *path)
{
    DIR *dir = opendir(path);
    unsigned num = 0;

    while (readdir(dir) != NULL)
        num++;
    closedir(dir);
    return num;
}

#ifdef YODEL_NO_POOLS /* a sanitizer runs */
#define LIVES 60
#else
#define LIVES 1000
#endif

static void live(unsigned i, const yodel_allocator *mem)
{
    yodel_channels *channels;
    yodel_server *server;
    yodel_sio *sio;
    int port;

    server = make(1 + i % 2, mem, &port);
    assert_int_equal(yodel_sio_new(server, NULL, &sio), 0);
    assert_int_equal(yodel_channels_new_memory(server, &channels), 0);
    if (i % 4 != 3) {
        yodel_server_stop(server, 0);
        assert_int_equal(yodel_server_run(server), 0);
    }
    yodel_sio_unref(sio);
    yodel_channels_unref(channels);
    yodel_server_unref(server);
}

static void test_server_lives_a_thousand_times_without_a_trace(void **state)
{
    unsigned descriptors = 0, threads = 0;
    struct failmem fm;

    failmem_init(&fm, 0);
    for (unsigned i = 0; i < LIVES; i++) {
        live(i, &fm.mem);
        failmem_assert_empty(&fm);
        if (i == 9) { /* by now what the process has once is there */
            descriptors = count_entries("/proc/self/fd");
            threads = count_entries("/proc/self/task");
        }
    }
    assert_int_equal(count_entries("/proc/self/fd"), descriptors);
    assert_int_equal(count_entries("/proc/self/task"), threads);
}

/* ---- never run ---- */

static void never(yodel_ws *ws, void *arg)
{
    fail();
}

static void note_free(void *arg)
{
    ++*(int *)arg;
}

/* Each keeps the server, and waits in a loop of the server that will not run. */
static void test_server_that_never_runs_frees_what_was_posted_to_it(void **state)
{
    yodel_sio_namespace *ns;
    yodel_channels *channels;
    struct failmem fm;
    yodel_server *server;
    yodel_sio *sio;
    int port, freed = 0;

    failmem_init(&fm, 0);
    server = make(2, &fm.mem, &port);
    assert_int_equal(yodel_sio_new(server, NULL, &sio), 0);
    assert_int_equal(yodel_sio_of(sio, "/chat", &ns), 0);
    assert_int_equal(yodel_channels_new_memory(server, &channels), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(ns), "event", "s", "text"), 0);
    assert_int_equal(yodel_sio_emit(yodel_sio_to_room(ns, "room"), "event", "s", "text"), 0);
    assert_int_equal(yodel_sio_target_join(yodel_sio_to_all(ns), YODEL_ROOMS("room")), 0);
    assert_int_equal(yodel_sio_target_disconnect(yodel_sio_to_all(ns), 1), 0);
    assert_int_equal(yodel_group_send_event(channels, "group", "event", "{s:s}", "a", "b"), 0);
    for (uint64_t loop = 0; loop < 2; loop++)
        assert_int_equal(
            yodel_ws_post(server, (yodel_id){loop << 56 | 1 << 24}, never, &freed, note_free), 0);
    yodel_sio_unref(sio);
    yodel_channels_unref(channels);
    yodel_server_unref(server);
    assert_int_equal(freed, 2);
    failmem_assert_empty(&fm);
}

static void test_server_whose_program_has_let_go_never_runs(void **state)
{
    yodel_sio_namespace *ns;
    yodel_server *server;
    yodel_sio *sio;
    int port;

    server = make(1, NULL, &port);
    assert_int_equal(yodel_sio_new(server, NULL, &sio), 0);
    assert_int_equal(yodel_sio_of(sio, "/", &ns), 0);
    yodel_server_unref(server);
    assert_true(yodel_sio_emit(yodel_sio_to_all(ns), "event", NULL) <= 0); /* nothing is kept */
    yodel_sio_unref(sio);
    assert_true(connect_to(port) < 0);
}

/* ---- several at once ---- */

static void *run(void *server)
{
    assert_int_equal(yodel_server_run(server), 0);
    return NULL;
}

static void test_servers_run_side_by_side(void **state)
{
    yodel_server *servers[3];
    pthread_t threads[3];
    int ports[3];

    for (int i = 0; i < 3; i++) {
        servers[i] = make(2, NULL, &ports[i]);
        assert_int_equal(pthread_create(&threads[i], NULL, run, servers[i]), 0);
    }
    for (int i = 0; i < 3; i++) { /* the others do not notice the end of one */
        for (int j = i; j < 3; j++)
            assert_int_equal(get(ports[j], "/"), 200);
        assert_int_equal(get(ports[i], "/stop"), 200);
        pthread_join(threads[i], NULL);
        yodel_server_unref(servers[i]);
    }
}

/* ---- what is said at the end ---- */

/* An outlet on two loops, and a stop that one of them is late for. */
struct farewell {
    yodel_server *server;
    struct yd_outlet outlet;
    yodel_decision *decision;
    bool has_ended[2];
    atomic_int busy; /* the loop with the connection, plus one */
    atomic_bool waits, goes_on;
    atomic_int num_finished, num_abandoned; /* before they were finished */
};

static struct farewell *farewell_of(struct yd_outlet *outlet)
{
    return yd_container_of(outlet, struct farewell, outlet);
}

static void begin_outlet(struct yd_outlet *outlet, struct yd_loop *loop)
{
    (void)loop;
    atomic_fetch_add(&farewell_of(outlet)->server->num_outlets, 1);
}

static void end_outlet(struct farewell *farewell, struct yd_loop *loop, atomic_int *counter)
{
    if (farewell->has_ended[loop->index])
        return;
    farewell->has_ended[loop->index] = true;
    atomic_fetch_add(counter, 1);
    atomic_fetch_sub(&farewell->server->num_outlets, 1);
    yd_server_check_end(farewell->server);
}

static void finish_outlet(struct yd_outlet *outlet, struct yd_loop *loop)
{
    end_outlet(farewell_of(outlet), loop, &farewell_of(outlet)->num_finished);
}

static void abandon_outlet(struct yd_outlet *outlet, struct yd_loop *loop)
{
    end_outlet(farewell_of(outlet), loop, &farewell_of(outlet)->num_abandoned);
}

static void free_outlet(struct yd_outlet *outlet)
{
    (void)outlet;
}

static void on_hold(yodel_request *req, void *user)
{
    struct farewell *farewell = user;

    farewell->decision = yodel_request_defer(req);
    assert_non_null(farewell->decision);
    for (int i = 0; i < 2; i++)
        if (yodel_server_loop(farewell->server, (unsigned)i) == yodel_request_loop(req))
            atomic_store(&farewell->busy, i + 1);
}

static void await(atomic_bool *flag)
{
    while (!atomic_load(flag))
        usleep(1000);
}

static void hold_busy_loop(yodel_loop *loop, void *arg)
{
    (void)loop;
    await(&((struct farewell *)arg)->goes_on);
}

/* Longer than the stop. */
static void be_late(yodel_loop *loop, void *arg)
{
    (void)loop;
    atomic_store(&((struct farewell *)arg)->waits, true);
    usleep(200000);
}

/* The turn in which its time is over: the other loop comes to the end meanwhile. */
static void let_other_end(yodel_loop *loop, void *arg)
{
    struct farewell *farewell = arg;

    (void)loop;
    atomic_store(&farewell->goes_on, true);
    await(&farewell->server->finishing);
}

static void test_a_loop_that_is_late_at_a_stop_still_says_what_it_has_to(void **state)
{
    struct farewell farewell = {
        .outlet = {.begin = begin_outlet,
                   .finish = finish_outlet,
                   .abandon = abandon_outlet,
                   .free = free_outlet},
    };
    static const char request[] = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
    yodel_loop *busy, *late;
    pthread_t thread;
    int port, fd;

    (void)state;
    farewell.server = make(2, NULL, &port);
    yd_server_add_outlet(farewell.server, &farewell.outlet);
    assert_int_equal(yodel_server_route(farewell.server, "/hold", on_hold, &farewell), 0);
    assert_int_equal(pthread_create(&thread, NULL, run, farewell.server), 0);
    fd = connect_to(port);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    while (atomic_load(&farewell.busy) == 0)
        usleep(1000);
    busy = yodel_server_loop(farewell.server, (unsigned)atomic_load(&farewell.busy) - 1);
    late = yodel_server_loop(farewell.server, 2 - (unsigned)atomic_load(&farewell.busy));
    yodel_server_stop(farewell.server, 100);
    while (atomic_load(&farewell.server->num_stopped) < 2)
        usleep(1000);
    assert_int_equal(yodel_loop_post(busy, hold_busy_loop, &farewell, NULL), 0);
    assert_int_equal(yodel_loop_post(late, be_late, &farewell, NULL), 0);
    await(&farewell.waits);
    assert_int_equal(yodel_loop_post(late, let_other_end, &farewell, NULL), 0);
    pthread_join(thread, NULL);
    close(fd);
    yodel_decision_unref(farewell.decision);
    assert_int_equal(atomic_load(&farewell.num_abandoned), 0);
    assert_int_equal(atomic_load(&farewell.num_finished), 2);
    yodel_server_unref(farewell.server);
}

/* ---- fork ---- */

/* The child's exit status; a test that fails in it must not go on there. */
static int end_of(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void run_in_child(yodel_server *server)
{
    char before[YD_PROCESS_SIZE];
    int rc;

    memcpy(before, server->process, sizeof before);
    rc = yodel_server_run(server);
    if (rc == 0 && (memcmp(before, server->process, sizeof before) == 0 ||
                    strcmp(server->process, yd_bus_process(&server->bus)) != 0 ||
                    strcmp(server->process, server->ws.process) != 0))
        rc = -1; /* two processes would have one name */
    yodel_server_unref(server);
    _exit(rc == 0 ? 0 : 1);
}

/* A parent that makes, and children that run: each its own copy, on the same sockets. */
static void test_server_that_was_made_runs_in_children(void **state)
{
    pid_t children[2];
    yodel_server *server;
    int port, fd;

    server = make(2, NULL, &port);
    for (int i = 0; i < 2; i++)
        if ((children[i] = fork()) == 0)
            run_in_child(server);
    yodel_server_unref(server);
    for (int i = 0; i < 20; i++)
        assert_int_equal(get(port, "/"), 200);
    while ((fd = connect_to(port)) >= 0) { /* until both have stopped */
        close(fd);
        (void)get(port, "/stop");
    }
    assert_int_equal(end_of(children[0]), 0);
    assert_int_equal(end_of(children[1]), 0);
}

/* A test that fails in a child must not go on there. */
#define REPORT(check)                                                                              \
    if (!(check))                                                                                  \
    _exit(__LINE__ % 200 + 1)

/* In a child of a process whose server runs. */
static void touch_in_child(yodel_server *server, int port)
{
    yodel_server *own;
    int own_port, freed = 0;

    yodel_server_after_fork(server);
    yodel_server_after_fork(server);
    yodel_server_stop(server, 0);
    yodel_server_stop(server, 0);
    REPORT(yodel_ws_post(server, (yodel_id){1 << 24}, never, &freed, note_free) ==
           YODEL_ERR_CLOSED);
    REPORT(freed == 1);
    REPORT(yodel_server_run(server) == YODEL_ERR_STATE);
    REPORT(yodel_server_unref(server) == NULL);
    REPORT(yodel_server_unref(server) == NULL);
    REPORT(get(port, "/") == 200);  /* the parent's runs on */
    own = make(1, NULL, &own_port); /* and the child may have one */
    yodel_server_stop(own, 0);
    REPORT(yodel_server_run(own) == 0);
    yodel_server_unref(own);
}

/* The child lives on, and holds neither the port nor a loop of the parent's. */
static void test_server_that_runs_is_left_alone_by_a_child(void **state)
{
    int ready[2], port, fd;
    yodel_server *server;
    pthread_t thread;
    pid_t child;
    char end;

    assert_int_equal(pipe(ready), 0);
    server = make(2, NULL, &port);
    assert_int_equal(pthread_create(&thread, NULL, run, server), 0);
    assert_int_equal(get(port, "/"), 200);
    if ((child = fork()) == 0) {
        alarm(20);
        touch_in_child(server, port);
        REPORT(write(ready[1], "r", 1) == 1);
        pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &end, 1), 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(get(port, "/"), 200);
    yodel_server_after_fork(server); /* in the parent it does nothing */
    assert_int_equal(get(port, "/stop"), 200);
    pthread_join(thread, NULL);
    yodel_server_unref(server);
    fd = connect_to(port);
    assert_true(fd < 0);
    kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    close(ready[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_lives_a_thousand_times_without_a_trace),
        cmocka_unit_test(test_server_that_never_runs_frees_what_was_posted_to_it),
        cmocka_unit_test(test_server_whose_program_has_let_go_never_runs),
        cmocka_unit_test(test_servers_run_side_by_side),
        cmocka_unit_test(test_a_loop_that_is_late_at_a_stop_still_says_what_it_has_to),
        cmocka_unit_test(test_server_that_was_made_runs_in_children),
        cmocka_unit_test(test_server_that_runs_is_left_alone_by_a_child),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
