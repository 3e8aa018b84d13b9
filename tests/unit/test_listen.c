/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <yodel/yodel.h>

#include "base/container.h"
#include "failmem.h"
#include "fixture.h"
#include "server/server.h"

#include <cmocka.h>

/* Where a server listens: names, families, Unix sockets, descriptors that it was started with. */

static yodel_server *server;
static char line[300]; /* the last of the log */
static char folder[] = "/tmp/yodel-listen-XXXXXX";
static char path[64];    /* of a Unix socket */
static char address[80]; /* "unix:" and that */

static void keep_line(yodel_log_level level, yodel_str text, void *user)
{
    (void)user;
    (void)snprintf(line, sizeof line, "%s %" YODEL_PRI, yodel_log_level_name(level),
                   YODEL_ARG(text));
}

static void make_server(const yodel_allocator *mem, unsigned loops)
{
    static const yodel_log_sink log = {keep_line, YODEL_LOG_INFO, NULL};

    assert_int_equal(yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = loops,
                                                    .allocator = mem, .log = &log),
                                      &server),
                     0);
}

static int setup(void **state)
{
    (void)state;
    line[0] = '\0';
    (void)snprintf(folder, sizeof folder, "/tmp/yodel-listen-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/s", folder);
    (void)snprintf(address, sizeof address, "unix:%s", path);
    make_server(NULL, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    server = yodel_server_unref(server);
    (void)unlink(path);
    (void)rmdir(folder);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return 0;
}

/* ---- helpers ---- */

static bool has_ipv6(void)
{
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0;

    if (fd >= 0)
        (void)close(fd);
    return has;
}

static bool connects(int family, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(family, SOCK_STREAM, 0), rc;

    if (fd < 0)
        return false;
    rc = family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                           : connect(fd, (struct sockaddr *)&v6, sizeof v6);
    (void)close(fd);
    return rc == 0;
}

/* Not every machine has two addresses for localhost. */
static bool name_has(const char *name, int family)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *info = NULL;
    bool has = getaddrinfo(name, NULL, &hints, &info) == 0 && info->ai_family == family;

    if (info != NULL)
        freeaddrinfo(info);
    return has;
}

static int listener(int type, bool listens, int *ret_port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, type, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    if (listens)
        assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    if (ret_port != NULL)
        *ret_port = ntohs(addr.sin_port);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int listen_on(const char *text)
{
    return yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = text));
}

/* ---- names and families ---- */

static void test_listen_takes_all_addresses_of_a_name(void **state)
{
    bool both = has_ipv6() && name_has("localhost", AF_INET6);
    int port = listen_on("localhost:0");

    (void)state;
    assert_true(port > 0);
    assert_true(connects(AF_INET, port));
    assert_int_equal(connects(AF_INET6, port), both);
    assert_int_equal(server->addresses->num_listeners, both ? 4 : 2);
}

static void test_listen_takes_all_addresses_of_the_machine(void **state)
{
    int port = listen_on("*:0");

    (void)state;
    assert_true(port > 0);
    assert_true(connects(AF_INET, port));
    assert_int_equal(connects(AF_INET6, port), has_ipv6());
}

/* A port at which nobody listens in the other family.  Another program may have the same port
 * there: then it is another one's. */
static int listen_in_one(yodel_families families, int other)
{
    for (int i = 0; i < 20; i++) {
        int port = yodel_server_listen(
            server, YODEL_OPTIONS(yodel_listen_options, .address = "*:0", .families = families));

        assert_true(port > 0);
        if (!connects(other, port))
            return port;
    }
    fail_msg("it listens in both families");
    return -1;
}

static void test_listen_takes_one_family(void **state)
{
    int port;

    (void)state;
    if (!has_ipv6())
        skip();
    assert_true(connects(AF_INET, listen_in_one(YODEL_FAMILIES_IPV4, AF_INET6)));
    assert_true(connects(AF_INET6, listen_in_one(YODEL_FAMILIES_IPV6, AF_INET)));
    port = yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = "[::]:0",
                                                     .families = YODEL_FAMILIES_DUAL));
    assert_true(port > 0);
    assert_true(connects(AF_INET, port));
    assert_true(connects(AF_INET6, port));
}

static void test_listen_refuses_what_is_no_address(void **state)
{
    static const char *const cases[] = {
        "",       "localhost", "localhost:", "localhost:x", "a:65536", "[::1",
        "::1]:1", "unix:",     "fd:",        "fd:x",        "fd:-1"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(listen_on(cases[i]) < 0);
    assert_int_equal(listen_on(NULL), -EINVAL);
    assert_int_equal(
        yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0",
                                                  .families = (yodel_families)9)),
        -EINVAL);
    assert_null(server->addresses);
}

static void test_listen_names_the_address_in_use(void **state)
{
    char text[40], wanted[40];
    int port, fd = listener(SOCK_STREAM, true, &port);

    (void)state;
    (void)snprintf(text, sizeof text, "localhost:%d", port);
    (void)snprintf(wanted, sizeof wanted, "(127.0.0.1:%d)", port);
    assert_int_equal(listen_on(text), -EADDRINUSE);
    assert_non_null(strstr(line, text));
    assert_non_null(strstr(line, wanted));
    assert_null(server->addresses);
    (void)close(fd);
}

/* ---- proxies ---- */

static int listen_with(const char *const *trusted, size_t num, unsigned forwarded, int proxied)
{
    return yodel_server_listen(server,
                               YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0",
                                             .trusted = trusted, .num_trusted = num,
                                             .forwarded = forwarded, .proxy_protocol = proxied));
}

static void test_listen_checks_whom_it_trusts(void **state)
{
    static const char *const good[] = {"10.0.0.0/8", "unix"}, *const bad[] = {"::1", "10.0.0.0/33"};
    static const char *const null[] = {NULL}, *many[257];

    (void)state;
    for (size_t i = 0; i < 257; i++)
        many[i] = "::1";
    assert_int_equal(listen_with(bad, 2, 0, 0), -EINVAL);
    assert_int_equal(listen_with(null, 1, 0, 0), -EINVAL);
    assert_int_equal(listen_with(NULL, 1, 0, 0), -EINVAL);
    assert_int_equal(listen_with(many, 257, 0, 0), -EINVAL);
    assert_int_equal(listen_with(NULL, 0, 0, 1), -EINVAL); /* whom should it believe? */
    assert_int_equal(listen_with(good, 2, YODEL_FORWARDED_RFC7239 | YODEL_FORWARDED_FOR, 0),
                     -EINVAL);
    assert_int_equal(listen_with(good, 2, YODEL_FORWARDED_NONE | YODEL_FORWARDED_FOR, 0), -EINVAL);
    assert_int_equal(listen_with(good, 2, 32, 0), -EINVAL);
    assert_null(server->addresses);
    assert_true(listen_with(many, 256, YODEL_FORWARDED_RFC7239, 0) > 0);
    assert_true(listen_with(good, 2, YODEL_FORWARDED_NONE, 1) > 0);
    assert_true(listen_with(good, 2, 0, 0) > 0);
    assert_int_equal(server->addresses->front.forwarded,
                     YODEL_FORWARDED_FOR | YODEL_FORWARDED_PROTO);
}

/* ---- Unix sockets ---- */

static void test_listen_sets_mode_and_owner(void **state)
{
    const struct passwd *user = getpwuid(getuid());
    const struct group *group = getgrgid(getgid());
    struct stat info;
    mode_t before = umask(0077);
    int rc;

    (void)state;
    rc = yodel_server_listen(
        server, YODEL_OPTIONS(yodel_listen_options, .address = address, .unix_mode = 0666,
                              .unix_owner = user != NULL ? user->pw_name : NULL,
                              .unix_group = group != NULL ? group->gr_name : "0"));
    umask(before);
    assert_int_equal(rc, 0);
    assert_int_equal(lstat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0666);
    assert_int_equal(info.st_uid, getuid());
    assert_int_equal(info.st_gid, getgid());
}

static void test_listen_gives_the_file_to_another(void **state)
{
    struct stat info;

    (void)state;
    if (getuid() != 0)
        skip();
    assert_int_equal(
        yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address,
                                                  .unix_mode = 0640, .unix_owner = "65534",
                                                  .unix_group = "65533")),
        0);
    assert_int_equal(lstat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
    assert_int_equal(info.st_uid, 65534);
    assert_int_equal(info.st_gid, 65533);
}

static void test_listen_leaves_no_file_when_an_owner_is_missing(void **state)
{
    static const char *const names[] = {"no-such-owner", "12x", "4294967295", ""};
    struct stat info;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(
            yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address,
                                                      .unix_owner = names[i])),
            -ENOENT);
        assert_non_null(strstr(line, path));
        assert_int_equal(
            yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = address,
                                                      .unix_group = names[i])),
            -ENOENT);
        assert_int_equal(lstat(path, &info), -1);
    }
    assert_int_equal(
        yodel_server_listen(
            server, YODEL_OPTIONS(yodel_listen_options, .address = address, .unix_mode = 01777)),
        -EINVAL);
}

/* ---- inherited descriptors ---- */

static void test_listen_takes_a_descriptor(void **state)
{
    char text[20];
    int port, fd = listener(SOCK_STREAM, true, &port);

    (void)state;
    (void)snprintf(text, sizeof text, "fd:%d", fd);
    assert_int_equal(listen_on(text), port);
    assert_int_equal(server->addresses->num_listeners, 2); /* both loops share it */
    assert_int_not_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(listen_on(text), -EADDRINUSE); /* it is this server's already */
    assert_true(connects(AF_INET, port));
    server = yodel_server_unref(server);
    assert_false(is_open(fd));
    assert_false(connects(AF_INET, port));
}

static void test_listen_takes_more_descriptors_than_loops(void **state)
{
    int fds[3], ports[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        fds[i] = listener(SOCK_STREAM, true, &ports[i]);
    assert_int_equal(
        yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .fds = fds, .num_fds = 3)),
        ports[0]);
    assert_int_equal(server->addresses->num_listeners, 3);
}

static void test_listen_leaves_descriptors_that_will_not_do(void **state)
{
    int fds[2] = {listener(SOCK_STREAM, true, NULL), 0};
    int pair[2], file = open("/dev/null", O_RDONLY);
    int bad[4];
    static const int wanted[] = {-EBADF, -ENOTSOCK, -EINVAL, -EINVAL};

    (void)state;
    assert_int_equal(pipe(pair), 0);
    bad[0] = 1000000;
    bad[1] = file;
    bad[2] = listener(SOCK_DGRAM, false, NULL);
    bad[3] = listener(SOCK_STREAM, false, NULL);
    for (int i = 0; i < 4; i++) {
        char name[40];

        fds[1] = bad[i];
        assert_int_equal(yodel_server_listen(
                             server, YODEL_OPTIONS(yodel_listen_options, .fds = fds, .num_fds = 2)),
                         wanted[i]);
        (void)snprintf(name, sizeof name, "descriptor %d", bad[i]);
        assert_non_null(strstr(line, name));
        assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
    }
    fds[1] = fds[0];
    assert_int_equal(
        yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .fds = fds, .num_fds = 2)),
        -EINVAL);
    assert_int_equal(yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .num_fds = 2)),
                     -EINVAL);
    assert_int_equal(yodel_server_listen(
                         server, YODEL_OPTIONS(yodel_listen_options, .fds = fds, .num_fds = 256)),
                     -E2BIG);
    assert_true(is_open(fds[0]));
    for (int i = 1; i < 4; i++)
        (void)close(bad[i]);
    (void)close(fds[0]);
    (void)close(pair[0]);
    (void)close(pair[1]);
}

/* The file of a Unix socket goes with the server when its address is said. */
static void test_listen_removes_the_file_of_a_descriptor_by_address(void **state)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat info;
    int fd;

    (void)state;
    for (int named = 0; named < 2; named++) {
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        memcpy(addr.sun_path, path, strlen(path) + 1);
        assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
        assert_int_equal(listen(fd, 5), 0);
        assert_int_equal(
            yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options,
                                                      .address = named ? address : NULL, .fds = &fd,
                                                      .num_fds = 1)),
            0);
        yodel_server_unref(server);
        assert_int_equal(lstat(path, &info), named ? -1 : 0);
        (void)unlink(path);
        make_server(NULL, 1);
    }
}

static void pass(const char *pid, const char *num, const char *names)
{
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", num, 1);
    if (names != NULL)
        setenv("LISTEN_FDNAMES", names, 1);
    else
        unsetenv("LISTEN_FDNAMES");
}

static int list(const char *text, int ret_fds[YD_MOST_INHERITED])
{
    return yd_inherited_list(YODEL_OPTIONS(yodel_listen_options, .address = text), ret_fds);
}

/* sd_listen_fds(3) */
static void test_listen_finds_what_systemd_passes(void **state)
{
    int fds[YD_MOST_INHERITED];
    char pid[20];

    (void)state;
    assert_int_equal(list("systemd", fds), -ENOENT);
    assert_int_equal(listen_on("systemd:web"), -ENOENT);
    assert_non_null(strstr(line, "systemd:web"));
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    pass(pid, "3", "web:admin:web");
    assert_int_equal(list("systemd", fds), 3);
    assert_int_equal(list("systemd:admin", fds), 1);
    assert_int_equal(fds[0], 4);
    assert_int_equal(list("systemd:web", fds), 2);
    assert_int_equal(fds[0], 3);
    assert_int_equal(fds[1], 5);
    assert_int_equal(list("systemd:we", fds), -ENOENT);
    assert_int_equal(list("systemd:webs", fds), -ENOENT);
    pass(pid, "3", "web"); /* fewer names than descriptors */
    assert_int_equal(list("systemd:web", fds), 1);
    pass(pid, "2", NULL);
    assert_int_equal(list("systemd", fds), 2);
    assert_int_equal(list("systemd:unknown", fds), 2);
    pass(pid, "256", NULL);
    assert_int_equal(list("systemd", fds), -E2BIG);
    pass("1", "2", NULL); /* for another process */
    assert_int_equal(list("systemd", fds), -ENOENT);
    pass(pid, "x", NULL);
    assert_int_equal(list("systemd", fds), -ENOENT);
    pass("", "99999999999999999999", NULL);
    assert_int_equal(list("systemd", fds), -ENOENT);
}

/* ---- failures ---- */

/* All of it, or nothing: no file, no descriptor, and what was inherited is the caller's. */
static void test_listen_without_memory(void **state)
{
    struct failmem fm;

    (void)state;
    server = yodel_server_unref(server);
    FAILMEM_LOOP(&fm)
    {
        int fd = listener(SOCK_STREAM, true, NULL), rc;
        struct stat info;

        failmem_pause(&fm);
        make_server(&fm.mem, 2);
        failmem_resume(&fm);
        rc = yodel_server_listen(
            server, YODEL_OPTIONS(yodel_listen_options, .address = address, .tag = "t"));
        failmem_assert_whole(&fm, rc, lstat(path, &info) == 0, lstat(path, &info) < 0);
        if (rc == 0) {
            rc = yodel_server_listen(server,
                                     YODEL_OPTIONS(yodel_listen_options, .fds = &fd, .num_fds = 1));
            failmem_assert_whole(&fm, YD_MIN(rc, 0), fcntl(fd, F_GETFL) & O_NONBLOCK,
                                 !(fcntl(fd, F_GETFL) & O_NONBLOCK));
        } else {
            rc = -ENOMEM;
        }
        server = yodel_server_unref(server);
        assert_int_equal(is_open(fd), rc < 0);
        if (rc < 0)
            (void)close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_listen_takes_all_addresses_of_a_name),
        FIXTURE_TEST(test_listen_takes_all_addresses_of_the_machine),
        FIXTURE_TEST(test_listen_takes_one_family),
        FIXTURE_TEST(test_listen_refuses_what_is_no_address),
        FIXTURE_TEST(test_listen_names_the_address_in_use),
        FIXTURE_TEST(test_listen_checks_whom_it_trusts),
        FIXTURE_TEST(test_listen_sets_mode_and_owner),
        FIXTURE_TEST(test_listen_gives_the_file_to_another),
        FIXTURE_TEST(test_listen_leaves_no_file_when_an_owner_is_missing),
        FIXTURE_TEST(test_listen_takes_a_descriptor),
        FIXTURE_TEST(test_listen_takes_more_descriptors_than_loops),
        FIXTURE_TEST(test_listen_leaves_descriptors_that_will_not_do),
        FIXTURE_TEST(test_listen_removes_the_file_of_a_descriptor_by_address),
        FIXTURE_TEST(test_listen_finds_what_systemd_passes),
        FIXTURE_TEST(test_listen_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
