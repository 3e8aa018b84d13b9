/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yodel/carry.h>
#include <yodel/cluster.h>
#include <yodel/sio.h>

#include <cmocka.h>

#include "failmem.h"

/* A server that is to carry requests to other nodes: what it is told, and what it refuses. */

static const char *const nodes[] = {"127.0.0.1:7001", "[::1]:7002"};
static const char secret[] = "sixteen bytes at";

static yodel_carry_options good_options(const yodel_listen_options *listen)
{
    return (yodel_carry_options){.size = sizeof(yodel_carry_options),
                                 .listen = listen,
                                 .secret = secret,
                                 .nodes = nodes,
                                 .num_nodes = 2,
                                 .self = 1};
}

static int make_server(const struct yodel_allocator *mem, yodel_server **ret_server)
{
    return yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 2, .allocator = mem),
                            ret_server);
}

static void test_carry_server_checks_options(void **state)
{
    const yodel_listen_options listen = {.size = sizeof listen, .address = "127.0.0.1:0"};
    static const char *const bad_nodes[] = {"127.0.0.1:7001", "a name:7002"};
    static const char *const portless[] = {"127.0.0.1:7001", "127.0.0.1"};
    static const char *const others[] = {"node1.internal:7001", "unix:/run/node2.sock"};
    yodel_carry_options options;
    yodel_server *server;

    assert_int_equal(make_server(NULL, &server), 0);
#define EXPECT_BAD(field, value)                                                                   \
    options = good_options(&listen);                                                               \
    options.field = value;                                                                         \
    assert_int_equal(yodel_server_carry(server, &options), -EINVAL)
    EXPECT_BAD(listen, NULL);
    EXPECT_BAD(secret, NULL);
    EXPECT_BAD(secret, "fifteen bytes  ");
    EXPECT_BAD(secret, "more than sixty-four bytes are more than the library takes as a secret");
    EXPECT_BAD(nodes, NULL); /* and a number of them */
    EXPECT_BAD(nodes, bad_nodes);
    EXPECT_BAD(nodes, portless);
    EXPECT_BAD(num_nodes, 0);
    EXPECT_BAD(num_nodes, 4097);
    EXPECT_BAD(self, 2);
    EXPECT_BAD(max_streams, 65536);
    EXPECT_BAD(tls, 1); /* without a name */
    options = good_options(&listen);
    options.tls = 1;
    options.tls_name = "a";
    options.tls_ca_file = "/no/such/file";
    assert_int_equal(yodel_server_carry(server, &options), YODEL_ERR_TLS);
    assert_int_equal(yodel_server_carry(NULL, &options), -EINVAL);
    options = good_options(&listen);
    options.nodes = others;
    assert_true(yodel_server_carry(server, &options) > 0);
    assert_int_equal(yodel_server_carry(server, &options), YODEL_ERR_STATE);
    (void)yodel_server_unref(server);
}

/* ---- with a registry ---- */

/* A server that is a node, whose Redis is never reached.  Skips without Redis. */
static int make_node(const struct yodel_allocator *mem, const char *address, const char *shared,
                     yodel_server **ret_server, yodel_cluster **ret_cluster)
{
    yodel_redis *redis = NULL;
    int rc = make_server(mem, ret_server);

    if (rc == 0)
        rc = yodel_redis_new(*ret_server, NULL, &redis);
    if (rc == YODEL_ERR_UNSUPPORTED) {
        (void)yodel_server_unref(*ret_server);
        skip();
    }
    if (rc == 0)
        rc = yodel_cluster_new(
            *ret_server, redis,
            YODEL_OPTIONS(yodel_cluster_options, .address = address, .secret = shared),
            ret_cluster);
    (void)yodel_redis_unref(redis);
    return rc;
}

/* What yodel_server_carry() says; the port is a positive number. */
static int carry_by_registry(const char *address, const char *shared, const char *listen_at,
                             const char *own_secret)
{
    const yodel_listen_options listen = {.size = sizeof listen, .address = listen_at};
    yodel_cluster *cluster = NULL;
    yodel_server *server;
    int rc;

    assert_int_equal(make_node(NULL, address, shared, &server, &cluster), 0);
    rc = yodel_server_carry(
        server, YODEL_OPTIONS(yodel_carry_options, .listen = &listen, .secret = own_secret));
    (void)yodel_cluster_unref(cluster);
    (void)yodel_server_unref(server);
    return rc;
}

static void test_carry_server_takes_the_registry(void **state)
{
    const yodel_listen_options listen = {.size = sizeof listen, .address = "127.0.0.1:0"};
    yodel_server *server;

    assert_true(carry_by_registry(NULL, secret, "127.0.0.1:0", NULL) > 0);
    assert_true(carry_by_registry(NULL, NULL, "127.0.0.1:0", secret) > 0);
    assert_true(carry_by_registry("10.0.0.1:7000", "short", "0.0.0.0:0", secret) > 0);
    assert_true(carry_by_registry("node1.internal:7000", secret, "0.0.0.0:0", NULL) > 0);
    assert_true(carry_by_registry(NULL, secret, "localhost:0", NULL) > 0);
    assert_int_equal(carry_by_registry(NULL, secret, "systemd:1", NULL), -EINVAL);
    assert_int_equal(carry_by_registry(NULL, secret, "*:0", NULL), -EINVAL);
    assert_int_equal(carry_by_registry(NULL, secret, "0.0.0.0:0", NULL), -EINVAL);
    assert_int_equal(carry_by_registry(NULL, secret, "[::]:0", NULL), -EINVAL);
    assert_int_equal(carry_by_registry("https://a/", secret, "127.0.0.1:0", NULL), -EINVAL);
    assert_int_equal(carry_by_registry(NULL, "short", "127.0.0.1:0", NULL), -EINVAL);
    assert_int_equal(carry_by_registry(NULL, NULL, "127.0.0.1:0", NULL), -EINVAL);
    assert_int_equal(make_server(NULL, &server), 0);
    assert_int_equal(yodel_server_carry(server, YODEL_OPTIONS(yodel_carry_options,
                                                              .listen = &listen, .secret = secret)),
                     YODEL_ERR_STATE);
    (void)yodel_server_unref(server);
}

static void see_address(const yodel_node *node, void *user)
{
    (void)snprintf(user, 64, "%s %s", node->tag, node->address);
}

static void test_carry_server_tells_its_address(void **state)
{
    const yodel_listen_options listen = {.size = sizeof listen, .address = "127.0.0.1:0"};
    yodel_cluster *cluster = NULL;
    char expected[64], seen[64];
    yodel_server *server;
    int port;

    assert_int_equal(make_node(NULL, NULL, secret, &server, &cluster), 0);
    port = yodel_server_carry(server, YODEL_OPTIONS(yodel_carry_options, .listen = &listen));
    assert_true(port > 0);
    (void)snprintf(expected, sizeof expected, " 127.0.0.1:%d", port); /* no tag yet */
    assert_int_equal(yodel_cluster_each_node(cluster, see_address, seen), 1);
    assert_string_equal(seen, expected);
    (void)yodel_cluster_unref(cluster);
    (void)yodel_server_unref(server);
}

static void test_carry_server_tells_its_socket(void **state)
{
    yodel_listen_options listen = {.size = sizeof listen};
    char folder[] = "/tmp/yodel-carry-XXXXXX", address[64], expected[66], seen[66];
    yodel_cluster *cluster = NULL;
    yodel_server *server;

    assert_non_null(mkdtemp(folder));
    (void)snprintf(address, sizeof address, "unix:%s/links", folder);
    (void)snprintf(expected, sizeof expected, " %s", address);
    listen.address = address;
    assert_int_equal(make_node(NULL, NULL, secret, &server, &cluster), 0);
    assert_int_equal(
        yodel_server_carry(server, YODEL_OPTIONS(yodel_carry_options, .listen = &listen)), 0);
    assert_int_equal(yodel_cluster_each_node(cluster, see_address, seen), 1);
    assert_string_equal(seen, expected);
    (void)yodel_cluster_unref(cluster);
    (void)yodel_server_unref(server);
    assert_int_equal(rmdir(folder), 0);
}

static int set_up_node(const struct yodel_allocator *mem, bool *ret_carries)
{
    const yodel_listen_options listen = {.size = sizeof listen, .address = "127.0.0.1:0"};
    yodel_carry_options options = {.size = sizeof options, .listen = &listen};
    yodel_cluster *cluster = NULL;
    yodel_server *server = NULL;
    int rc = make_node(mem, NULL, secret, &server, &cluster);

    *ret_carries = false;
    if (rc == 0 && (rc = yodel_server_carry(server, &options)) > 0) {
        *ret_carries = yodel_server_carry(server, &options) == YODEL_ERR_STATE;
        rc = 0;
    }
    (void)yodel_cluster_unref(cluster);
    (void)yodel_server_unref(server);
    return rc;
}

static void test_carry_server_of_registry_without_memory(void **state)
{
    struct failmem memory;

    FAILMEM_LOOP(&memory)
    {
        bool carries;
        int rc = set_up_node(&memory.mem, &carries);

        failmem_assert_whole(&memory, rc, carries, true);
    }
}

static void test_carry_server_has_counters(void **state)
{
    yodel_carry_stats stats = {.size = sizeof stats, .links = 7};
    yodel_server *server;

    assert_int_equal(make_server(NULL, &server), 0);
    assert_int_equal(yodel_server_get_carry_stats(server, &stats), 0);
    assert_int_equal(stats.links, 0);
    stats.size = 1;
    assert_int_equal(yodel_server_get_carry_stats(server, &stats), -EINVAL);
    assert_int_equal(yodel_server_get_carry_stats(NULL, &stats), -EINVAL);
    (void)yodel_server_unref(server);
}

/* All of it, with a service ahead and one behind; or an error and none. */
static int set_up(const struct yodel_allocator *mem, bool *ret_carries)
{
    const yodel_listen_options listen = {.size = sizeof listen, .address = "127.0.0.1:0"};
    yodel_carry_options options = good_options(&listen);
    yodel_sio *before = NULL, *after = NULL;
    yodel_server *server = NULL;
    int rc = make_server(mem, &server);

    *ret_carries = false;
    if (rc == 0)
        rc = yodel_sio_new(server, NULL, &before);
    if (rc == 0 && (rc = yodel_server_carry(server, &options)) > 0) {
        *ret_carries = yodel_server_carry(server, &options) == YODEL_ERR_STATE;
        rc = yodel_sio_new(server, YODEL_OPTIONS(yodel_sio_options, .path = "/b/"), &after);
    }
    yodel_sio_unref(after);
    yodel_sio_unref(before);
    (void)yodel_server_unref(server);
    return rc;
}

static void test_carry_server_without_memory(void **state)
{
    struct failmem memory;

    FAILMEM_LOOP(&memory)
    {
        bool carries;
        int rc = set_up(&memory.mem, &carries);

        failmem_assert_whole(&memory, rc, carries, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_carry_server_checks_options),
        cmocka_unit_test(test_carry_server_takes_the_registry),
        cmocka_unit_test(test_carry_server_tells_its_address),
        cmocka_unit_test(test_carry_server_tells_its_socket),
        cmocka_unit_test(test_carry_server_of_registry_without_memory),
        cmocka_unit_test(test_carry_server_has_counters),
        cmocka_unit_test(test_carry_server_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
