/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/yodel.h>

#include "base/mem.h"
#include "server/server.h"

#include <cmocka.h>

/* The server as a whole, on loops with threads.  The linker leads sched_getaffinity() here. */

static int num_cpus; /* 0: as many as there are */

int __real_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *ret_set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *ret_set);

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *ret_set)
{
    if (num_cpus == 0)
        return __real_sched_getaffinity(pid, size, ret_set);
    CPU_ZERO(ret_set);
    for (int i = 0; i < num_cpus; i++)
        CPU_SET(i, ret_set);
    return 0;
}

/* An id names its loop in 8 bits, however many CPUs there are. */
static void test_server_has_255_loops_at_most(void **state)
{
    yodel_server *server;
    int rc;

    num_cpus = 300;
    rc = yodel_server_new(NULL, &server);
    num_cpus = 0;
    if (rc == -EMFILE) {
        skip();
        return;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(server->num_loops, 255);
    assert_true(yodel_server_listen(
                    server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0")) > 0);
    yodel_server_unref(server);
    assert_int_equal(yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 256), &server),
                     -EINVAL);
}

/* ---- signals of threads ---- */

struct look {
    struct yd_mail mail; /* first */
    yodel_server *server;
    sigset_t blocked;
};

static void look_at_signals(struct yd_mail *mail, void *receiver)
{
    struct look *look = (struct look *)mail;

    pthread_sigmask(SIG_BLOCK, NULL, &look->blocked);
    yodel_server_stop(look->server, 0);
}

/* Signals that a fault raises in a thread must find their handler, or end the process as they do.
 */
static void test_server_workers_block_no_signals_of_faults(void **state)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    struct look look = {.mail = {NULL, look_at_signals}};

    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 2), &look.server), 0);
    assert_int_equal(yd_loop_post(look.server->loops[1], &look.mail), 0);
    assert_int_equal(yodel_server_run(look.server), 0);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        assert_int_equal(sigismember(&look.blocked, faults[i]), 0);
    assert_int_equal(sigismember(&look.blocked, SIGTERM), 1);
    assert_int_equal(sigismember(&look.blocked, SIGHUP), 1);
    yodel_server_unref(look.server);
}

/* ---- statistics ---- */

/* A caller that was built when there were fewer counters, or more. */
static void test_server_statistics_fit_the_callers_struct(void **state)
{
    struct {
        size_t size;
        uint64_t accepted;
        uint64_t after[16];
    } older = {.size = 2 * sizeof(uint64_t)};
    struct {
        yodel_server_stats known;
        uint64_t more;
    } newer = {.known = {.size = sizeof newer}, .more = 5};
    yodel_server *server;

    assert_int_equal(yodel_server_new(NULL, &server), 0);
    memset(older.after, 0xa5, sizeof older.after);
    (void)yodel_server_get_stats(server, (yodel_server_stats *)(void *)&older);
    assert_int_equal(older.size, 2 * sizeof(uint64_t));
    assert_int_equal(older.accepted, 0);
    for (size_t i = 0; i < 16; i++)
        assert_true(older.after[i] == UINT64_C(0xa5a5a5a5a5a5a5a5));
    assert_int_equal(yodel_server_get_stats(server, &newer.known), 0);
    assert_int_equal(newer.more, 0);
    newer.known.size = 0;
    assert_int_equal(yodel_server_get_stats(server, &newer.known), -EINVAL);
    yodel_server_unref(server);
}

/* ---- failures ---- */

static void keep_line(yodel_log_level level, yodel_str text, void *user)
{
    (void)snprintf(user, 200, "%s %" YODEL_PRI, yodel_log_level_name(level), YODEL_ARG(text));
}

static void test_server_names_the_address_that_failed(void **state)
{
    char line[200] = "";
    yodel_log_sink log = {keep_line, YODEL_LOG_INFO, line};
    yodel_server *server;

    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .log = &log), &server), 0);
    assert_true(yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options,
                                                          .address = "unix:/nowhere/at/all")) < 0);
    assert_non_null(strstr(line, "unix:/nowhere/at/all"));
    assert_non_null(strstr(line, "No such file"));
    line[0] = '\0';
    assert_true(yodel_server_static(server, "/static", "/nowhere/else", NULL) < 0);
    assert_non_null(strstr(line, "/nowhere/else"));
    yodel_server_unref(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server_has_255_loops_at_most),
        cmocka_unit_test(test_server_workers_block_no_signals_of_faults),
        cmocka_unit_test(test_server_statistics_fit_the_callers_struct),
        cmocka_unit_test(test_server_names_the_address_that_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
