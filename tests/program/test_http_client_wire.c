/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_world.h"

/* Kept connections on which several things have happened before the loop looks: it is held up in a
 * reply meanwhile. */

#define LONG_MS 30000
#define MOST_FDS 256

static const struct yg_http_client_options plain = {.in_flight = 64, .max_body = 100000};

static int forget(void **state)
{
    memset(&world, 0, sizeof(world));
    return 0;
}

/* The port of "http://127.0.0.1:PORT". */
static uint16_t port(void)
{
    return (uint16_t)atoi(strrchr(world_url(""), ':') + 1);
}

/* The connection to the back end; -1: there is none. */
static int find_connection(void)
{
    for (int fd = 3; fd < MOST_FDS; fd++) {
        struct sockaddr_in peer = {0};
        socklen_t len = sizeof(peer);

        if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            ntohs(peer.sin_port) == port())
            return fd;
    }
    return -1;
}

/* ---- a reset right behind something ---- */

static const char *path;
static yodel_str body;

static void post_to_be_reset(unsigned n)
{
    struct pollfd found = {.events = 0};

    if (n > 0)
        return;
    found.fd = find_connection();
    CHECK(found.fd >= 0);
    CHECK(world_post(1, world_url(path), body, LONG_MS) == 0);
    CHECK(poll(&found, 1, LONG_MS) == 1 && (found.revents & (POLLERR | POLLHUP)) != 0);
}

static void post_first(void)
{
    CHECK(world_post(0, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void run_reset(const char *to, yodel_str sent)
{
    forget(NULL);
    path = to;
    body = sent;
    world.expected = 2;
    world.on_reply = post_to_be_reset;
    world_run(&plain, post_first);
}

static void test_http_client_wire_half_an_answer_and_a_reset(void **state)
{
    run_reset("/half_reset", YODEL_STR("{}"));
    assert_int_equal(world.got[1].result, -EIO);
}

static void test_http_client_wire_early_answer_and_a_reset(void **state)
{
    const size_t large = 30000000;
    char *sent = calloc(1, large);

    run_reset("/early_reset", (yodel_str){sent, large});
    assert_int_equal(world.got[1].result, 0);
    assert_int_equal(world.got[1].status, 200);
    free(sent);
}

/* ---- what nobody has asked for ---- */

static void post_behind_forged(unsigned n)
{
    struct pollfd found = {.events = POLLIN};

    if (n > 0)
        return;
    found.fd = find_connection();
    CHECK(found.fd < 0 || poll(&found, 1, LONG_MS) == 1); /* both have come at once */
    CHECK(world_post(1, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void post_forged(void)
{
    CHECK(world_post(0, world_url("/forged"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_wire_answer_ahead_of_its_request(void **state)
{
    world.expected = 2;
    world.on_reply = post_behind_forged;
    world_run(&plain, post_forged);
    assert_int_equal(world.got[1].result, 0);
    assert_non_null(strstr(world.got[1].body, "\"path\": \"/echo\""));
}

/* The same where the loop has looked, behind the gate, and where libcurl keeps the connection. */
static bool has_tls;

static const char *url_of(const char *to)
{
    return has_tls ? world_tls_url("127.0.0.1", to) : world_url(to);
}

static void post_behind_gate(unsigned n)
{
    const char *const urls[] = {world_unix_url("/gate/2"), world_unix_url("/echo"),
                                url_of("/echo")};

    if (n < 3)
        CHECK(world_post(n + 1, urls[n], YODEL_STR("{}"), LONG_MS) == 0);
}

static void post_forged_to_nobody(void)
{
    CHECK(world_post(0, url_of("/forged?gate=2"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_wire_answer_to_nobody(void **state)
{
    struct yg_http_client_options options = plain;

    options.ca = world_cert();
    for (unsigned i = 0; i < 2; i++) {
        forget(state);
        has_tls = i == 1;
        world.expected = 4;
        world.on_reply = post_behind_gate;
        world_run(&options, post_forged_to_nobody);
        assert_int_equal(world.got[3].result, 0);
        assert_non_null(strstr(world.got[3].body, "\"path\": \"/echo\""));
    }
}

/* ---- answers in many parts ---- */

static void post_parts(void)
{
    CHECK(world_post(0, world_url("/pieces"), YODEL_STR("{}"), LONG_MS) == 0);
    CHECK(world_post(1, world_url("/many_headers"), YODEL_STR("{}"), LONG_MS) == 0);
    CHECK(world_post(2, world_tls_url("127.0.0.1", "/many_headers"), YODEL_STR("{}"), LONG_MS) ==
          0);
}

static void test_http_client_wire_many_parts(void **state)
{
    struct yg_http_client_options options = plain;

    options.ca = world_cert();
    world.expected = 3;
    world_run(&options, post_parts);
    assert_int_equal(world.got[0].result, 0);
    assert_int_equal(world.got[0].body_len, 20000);
    for (unsigned n = 1; n < 3; n++) {
        assert_int_equal(world.got[n].result, -E2BIG);
        assert_int_equal(world.got[n].status, 0);
    }
}

/* ---- descriptors ---- */

/* All but so many are taken until the first reply. */
static unsigned num_spare;
static int taken[MOST_FDS];
static unsigned num_taken;
static struct rlimit before;

static void take_descriptors(void)
{
    struct rlimit limit;

    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    limit = (struct rlimit){.rlim_cur = MOST_FDS, .rlim_max = before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (num_taken = 0; (taken[num_taken] = dup(0)) >= 0;)
        num_taken++;
    CHECK(num_taken >= num_spare);
    for (unsigned i = 0; i < num_spare; i++)
        close(taken[--num_taken]);
}

static void post_with_few_descriptors(void)
{
    take_descriptors();
    CHECK(world_post(0, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void post_with_many_descriptors(unsigned n)
{
    if (n > 0)
        return;
    while (num_taken > 0)
        close(taken[--num_taken]);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(world_post(1, world_url("/echo"), YODEL_STR("{}"), LONG_MS) == 0);
}

static void test_http_client_wire_out_of_descriptors(void **state)
{
    for (num_spare = 0; num_spare < 4; num_spare++) {
        forget(state);
        world.expected = 2;
        world.on_reply = post_with_many_descriptors;
        world_run(&plain, post_with_few_descriptors);
        assert_int_equal(world.got[0].result, num_spare < 2 ? -EIO : 0);
        assert_int_equal(world.got[1].result, 0);
    }
}

#define RUN(test) cmocka_unit_test_setup(test, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(test_http_client_wire_half_an_answer_and_a_reset),
        RUN(test_http_client_wire_early_answer_and_a_reset),
        RUN(test_http_client_wire_answer_ahead_of_its_request),
        RUN(test_http_client_wire_answer_to_nobody),
        RUN(test_http_client_wire_many_parts),
        RUN(test_http_client_wire_out_of_descriptors),
    };

    if (!world_can_run())
        return 77;
    return cmocka_run_group_tests(tests, world_open, world_close);
}
