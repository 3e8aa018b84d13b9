/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/container.h"
#include "loop_backend.h"
#include "server/backend.h"
#include "server/server.h"

#include <cmocka.h>

/* Which backend a server's loops are of, and what is said about it. */

static char said[1000];
static yodel_log_level said_at;

static void note(yodel_log_level level, yodel_str text, void *user)
{
    snprintf(said, sizeof said, "%.*s", (int)text.len, text.ptr);
    said_at = level;
}

static const yodel_log_sink sink = {.write = note, .min_level = YODEL_LOG_DEBUG};

static int make(yodel_backend backend, const char *by_environment, yodel_server **ret_server)
{
    said[0] = '\0';
    if (by_environment != NULL)
        setenv("YODEL_BACKEND", by_environment, 1);
    else
        unsetenv("YODEL_BACKEND");
    return yodel_server_new(
        YODEL_OPTIONS(yodel_server_options, .loops = 9, .backend = backend, .log = &sink),
        ret_server);
}

static void expect(yodel_backend backend, const char *by_environment, const char *name)
{
    yodel_server *server;

    assert_int_equal(make(backend, by_environment, &server), 0);
    for (unsigned i = 0; i < server->num_loops; i++)
        assert_string_equal(server->loops[i]->ops->name, name);
    yodel_server_stop(server, 0);
    assert_int_equal(yodel_server_run(server), 0);
    yodel_server_unref(server);
}

static void test_backend_is_what_is_asked_for(void **state)
{
    yodel_server *server;

    expect(YODEL_BACKEND_LIBUV, "io_uring", "libuv"); /* the environment is for AUTO alone */
    expect(YODEL_BACKEND_AUTO, "libuv", "libuv");
    assert_string_equal(said, "");
    assert_int_equal(make((yodel_backend)3, NULL, &server), -EINVAL);
}

#ifdef YODEL_URING
static void test_backend_of_io_uring(void **state)
{
    const char *reason;

    if (yd_uring_probe(9, true, &reason) < 0)
        skip();
    expect(YODEL_BACKEND_IO_URING, "libuv", "io_uring");
    expect(YODEL_BACKEND_AUTO, "io_uring", "io_uring");
    expect(YODEL_BACKEND_AUTO, NULL, "io_uring");
    assert_string_equal(said, "");
}

/* The kernel, or what stands ahead of it, refuses rings from now on. */
static void refuse_rings(int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = filter};

    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), 0);
}

/* A test that fails in a child must not go on there. */
#define REQUIRE(check)                                                                             \
    do {                                                                                           \
        if (!(check)) {                                                                            \
            fprintf(stderr, "line %d: %s; said: %s\n", __LINE__, #check, said);                    \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void run_without_rings(int error)
{
    yodel_server *server;

    refuse_rings(error);
    REQUIRE(make(YODEL_BACKEND_IO_URING, NULL, &server) == YODEL_ERR_UNSUPPORTED);
    REQUIRE(said_at == YODEL_LOG_ERROR && strstr(said, "no ring: ") != NULL);
    REQUIRE(make(YODEL_BACKEND_AUTO, "io_uring", &server) == YODEL_ERR_UNSUPPORTED);
    REQUIRE(make(YODEL_BACKEND_AUTO, NULL, &server) == 0);
    REQUIRE(said_at == YODEL_LOG_INFO && strstr(said, yodel_strerror(-error)) != NULL);
    for (unsigned i = 0; i < server->num_loops; i++)
        REQUIRE(server->loops[i]->ops == &yd_loop_uv);
    yodel_server_stop(server, 0);
    REQUIRE(yodel_server_run(server) == 0);
    yodel_server_unref(server);
    _exit(0);
}

/* E8: all loops are of libuv then, and it is said with the reason. */
static void test_backend_without_rings(void **state)
{
    static const int errors[] = {EPERM, ENOSYS, ENOMEM};

    for (size_t i = 0; i < YD_LEN(errors); i++) {
        pid_t child = fork();
        int status = -1;

        if (child == 0)
            run_without_rings(errors[i]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
}

static void note_end(yodel_server *server, void *user)
{
    *(int *)user = 1;
}

/* A guest of a foreign loop is libuv's, unless io_uring was asked for by name. */
static void test_backend_of_a_guest(void **state)
{
    yodel_server_options options = {.size = sizeof options, .loops = 1};
    yodel_server *server;
    int ended = 0;
    uv_loop_t loop;

    setenv("YODEL_BACKEND", "io_uring", 1);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(yodel_server_new(&options, &server), 0);
    assert_int_equal(yodel_server_start(server, &loop, note_end, &ended), 0);
    assert_string_equal(server->loops[0]->ops->name, "libuv");
    yodel_server_stop(server, 0);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(ended, 1);
    yodel_server_unref(server);
    options.backend = YODEL_BACKEND_IO_URING;
    assert_int_equal(yodel_server_new(&options, &server), 0);
    assert_int_equal(yodel_server_start(server, &loop, note_end, &ended), YODEL_ERR_UNSUPPORTED);
    yodel_server_unref(server);
    assert_int_equal(uv_loop_close(&loop), 0);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backend_is_what_is_asked_for),
#ifdef YODEL_URING
        cmocka_unit_test(test_backend_of_io_uring),
        cmocka_unit_test(test_backend_without_rings),
        cmocka_unit_test(test_backend_of_a_guest),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
