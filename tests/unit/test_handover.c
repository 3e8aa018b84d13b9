/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <yodel/yodel.h>

#include <cmocka.h>

#include "failmem.h"
#include "fixture.h"

/* Listening sockets handed over: out of memory on either side, and predecessors that say wrong
 * things.  All of them, or an error and none; no descriptor is left. */

#define ADDRESS "127.0.0.1:0"

static char folder[] = "/tmp/yodel-handover-XXXXXX", path[sizeof folder + 8];

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int num = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        num++;
    closedir(dir);
    return num;
}

static int make_folder(void **state)
{
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/path", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)unlink(path);
    return rmdir(folder);
}

static yodel_server *make_server(const struct failmem *fm)
{
    yodel_server *server;

    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 2, .allocator = &fm->mem),
                         &server),
        0);
    return server;
}

/* ---- a predecessor that is a server ---- */

static struct failmem old_fm;
static yodel_server *old;
static pthread_t old_thread;

static void *run_old(void *arg)
{
    assert_int_equal(yodel_server_run(old), 0);
    return NULL;
}

static int start_old(void **state)
{
    failmem_init(&old_fm, 0);
    old = make_server(&old_fm);
    if (yodel_server_listen(old, YODEL_OPTIONS(yodel_listen_options, .address = ADDRESS)) < 0 ||
        yodel_server_handover(old, path) < 0 ||
        pthread_create(&old_thread, NULL, run_old, NULL) != 0)
        return -1;
    for (int i = 0; i < 3000 && access(path, F_OK) < 0; i++)
        usleep(10000);
    return access(path, F_OK);
}

static int stop_old(void **state)
{
    yodel_server_stop(old, 0);
    pthread_join(old_thread, NULL);
    yodel_server_unref(old);
    failmem_assert_empty(&old_fm);
    return 0;
}

/* Takes over with the n-th allocation failing; gives everything back. */
static int take(int fail_at, struct failmem *failing)
{
    struct failmem fm;
    yodel_server *server;
    int rc;

    failmem_init(&fm, 0);
    server = make_server(&fm);
    if (failing == NULL)
        failing = &fm;
    atomic_store(&failing->calls, 0);
    failing->fail_at = fail_at;
    rc = yodel_server_takeover(server, path);
    failing->fail_at = 0;
    if (rc > 0)
        assert_true(yodel_server_listen(
                        server, YODEL_OPTIONS(yodel_listen_options, .address = ADDRESS)) > 0);
    yodel_server_unref(server);
    failmem_assert_empty(&fm);
    return rc;
}

static void test_handover_takes_all(void **state)
{
    int num = count_descriptors();

    assert_int_equal(take(0, NULL), 1);
    for (int i = 0; i < 3000 && count_descriptors() != num; i++)
        usleep(10000); /* until the old one has noticed */
    assert_int_equal(count_descriptors(), num);
}

static void test_handover_without_memory_to_take(void **state)
{
    int num = count_descriptors(), rc = -ENOMEM;

    for (int n = 1; n < 10 && rc < 0; n++) {
        rc = take(n, NULL);
        assert_true(rc == -ENOMEM || rc == 1);
    }
    assert_int_equal(rc, 1);
    for (int i = 0; i < 3000 && count_descriptors() != num; i++)
        usleep(10000);
    assert_int_equal(count_descriptors(), num);
}

/* The old one says why in its log, hangs up, and serves on. */
static void test_handover_without_memory_to_give(void **state)
{
    int num = count_descriptors(), rc = -EPROTO;

    for (int n = 1; n < 20 && rc < 0; n++) {
        rc = take(n, &old_fm);
        assert_true(rc == -EPROTO || rc == 1);
    }
    assert_int_equal(rc, 1);
    for (int i = 0; i < 3000 && count_descriptors() != num; i++)
        usleep(10000);
    assert_int_equal(count_descriptors(), num);
    assert_int_equal(take(0, NULL), 1);
}

static void test_handover_path_without_memory(void **state)
{
    struct failmem fm;
    yodel_server *server;

    failmem_init(&fm, 0);
    server = make_server(&fm);
    atomic_store(&fm.calls, 0);
    fm.fail_at = 1;
    assert_int_equal(yodel_server_handover(server, path), -ENOMEM);
    fm.fail_at = 0;
    assert_int_equal(yodel_server_handover(server, path), 0);
    assert_int_equal(yodel_server_handover(server, path), 0); /* in place of the first */
    yodel_server_unref(server);
    failmem_assert_empty(&fm);
}

/* ---- a predecessor that says wrong things ---- */

struct saying {
    const char *text;
    size_t len;
    unsigned num_fds;
};

static const struct saying *sayings;
static int false_listener;

static void say(int fd, const struct saying *what)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(100 * sizeof(int))];
    } ancillary = {.header = {.cmsg_len = CMSG_LEN(what->num_fds * sizeof(int)),
                              .cmsg_level = SOL_SOCKET,
                              .cmsg_type = SCM_RIGHTS}};
    struct iovec iov = {(void *)what->text, what->len};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    if (what->num_fds > 0) {
        for (unsigned i = 0; i < what->num_fds; i++)
            memcpy(CMSG_DATA(&ancillary.header) + i * sizeof fd, &false_listener, sizeof fd);
        message.msg_control = &ancillary;
        message.msg_controllen = CMSG_SPACE(what->num_fds * sizeof(int));
    }
    (void)sendmsg(fd, &message, MSG_NOSIGNAL); /* who listens may have had enough */
}

static void *run_false(void *arg)
{
    int fd = accept(false_listener, NULL, NULL);

    for (const struct saying *i = sayings; i->text != NULL; i++)
        say(fd, i);
    close(fd);
    return NULL;
}

static int hear(const struct saying *what)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    pthread_t thread;
    int rc, num = count_descriptors();

    sayings = what;
    (void)unlink(path);
    memcpy(addr.sun_path, path, sizeof path);
    false_listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(bind(false_listener, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(false_listener, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, run_false, NULL), 0);
    rc = take(0, NULL);
    pthread_join(thread, NULL);
    close(false_listener);
    (void)unlink(path);
    assert_int_equal(count_descriptors(), num);
    return rc;
}

#define SAYS(...) hear((const struct saying[]){__VA_ARGS__, {NULL, 0, 0}})

static void test_handover_from_one_that_says_wrong_things(void **state)
{
    static char many[300];

    many[0] = 'L';
    memset(many + 1, 'x', sizeof many - 1);
    assert_int_equal(SAYS({"", 0, 0}), -EPROTO);
    assert_int_equal(SAYS({"X", 1, 0}), -EPROTO);
    assert_int_equal(SAYS({"L", 1, 0}), -EPROTO);     /* no sockets */
    assert_int_equal(SAYS({"La\0b", 4, 1}), -EPROTO); /* a NUL in its text */
    assert_int_equal(SAYS({"La", 2, 3}), -EPROTO);    /* and no end */
    assert_int_equal(SAYS({"La", 2, 100}), -EPROTO);  /* more than a packet holds */
    assert_int_equal(SAYS({"La", 2, 1}, {"?", 1, 2}), -EPROTO);
    assert_int_equal(SAYS({many, sizeof many, 1}, {"", 0, 0}), -EPROTO);
    assert_int_equal(SAYS({"E", 1, 5}), 0); /* none, and descriptors with it */
    assert_int_equal(SAYS({"La", 2, 30}, {"La", 2, 30}, {"La", 2, 30}, {"La", 2, 30}, {"La", 2, 30},
                          {"La", 2, 30}, {"La", 2, 30}, {"La", 2, 30}, {"La", 2, 30}, {"E", 1, 0}),
                     -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_handover_takes_all, start_old, stop_old),
        cmocka_unit_test_setup_teardown(test_handover_without_memory_to_take, start_old, stop_old),
        cmocka_unit_test_setup_teardown(test_handover_without_memory_to_give, start_old, stop_old),
        cmocka_unit_test(test_handover_path_without_memory),
        cmocka_unit_test(test_handover_from_one_that_says_wrong_things),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
