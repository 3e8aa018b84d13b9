/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <yodel/yodel.h>

/* Threads that send to a server's loops: what waits for a loop that is busy is bounded. */

#define PAYLOAD 1024
#define MAX_BYTES (80 * 1024 * 1024) /* of max_mailbox, 64 MiB, and what stands beside payloads */

struct world {
    yodel_server *server;
    yodel_channels *channels;
    int port;
    atomic_bool is_open, is_done;
    atomic_size_t bytes; /* outstanding */
};

/* cmocka's own may be used on the main thread only. */
static void check(bool condition)
{
    if (!condition)
        abort();
}

/* ---- an allocator that counts ---- */

static void *count_alloc(size_t size, void *user)
{
    struct world *world = user;
    size_t *block = malloc(size + 16);

    if (block == NULL)
        return NULL;
    *block = size;
    atomic_fetch_add(&world->bytes, size);
    return (char *)block + 16;
}

static void count_release(void *ptr, void *user)
{
    struct world *world = user;
    size_t *block;

    if (ptr == NULL)
        return;
    block = (size_t *)(void *)((char *)ptr - 16);
    atomic_fetch_sub(&world->bytes, *block);
    free(block);
}

static void *count_resize(void *ptr, size_t size, void *user)
{
    void *other = count_alloc(size, user);

    if (other == NULL || ptr == NULL)
        return other;
    memcpy(other, ptr,
           *(size_t *)(void *)((char *)ptr - 16) < size ? *(size_t *)(void *)((char *)ptr - 16)
                                                        : size);
    count_release(ptr, user);
    return other;
}

/* ---- the program ---- */

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct world *world = user;

    (void)req;
    return yodel_group_add(world->channels, "g", ws) < 0 ? 400 : YODEL_ACCEPT;
}

/* Its loop does nothing else until the test is done with it. */
static int on_open(yodel_ws *ws, void *user)
{
    struct world *world = user;

    (void)ws;
    atomic_store(&world->is_open, true);
    while (!atomic_load(&world->is_done))
        (void)usleep(1000);
    return 0;
}

static void *run(void *arg)
{
    struct world *world = arg;

    check(yodel_server_run(world->server) == 0);
    return NULL;
}

static void start(struct world *world, pthread_t *ret_thread)
{
    yodel_allocator mem = {count_alloc, count_resize, count_release, world};
    yodel_ws_handlers handlers = {
        .size = sizeof handlers, .on_connect = on_connect, .on_open = on_open};

    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .allocator = &mem),
                         &world->server),
        0);
    assert_int_equal(yodel_channels_new_memory(world->server, &world->channels), 0);
    assert_int_equal(yodel_server_route_ws(world->server, "/", &handlers, world), 0);
    world->port = yodel_server_listen(
        world->server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    assert_true(world->port > 0);
    assert_int_equal(pthread_create(ret_thread, NULL, run, world), 0);
}

static int connect_client(const struct world *world)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)world->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    return fd;
}

static void test_bus_threads_are_refused_by_a_busy_loop(void **state)
{
    static struct world world;
    static uint8_t payload[PAYLOAD];
    size_t most = 0, refused = 0;
    pthread_t thread;
    int fd;

    (void)state;
    start(&world, &thread);
    fd = connect_client(&world);
    while (!atomic_load(&world.is_open))
        (void)usleep(1000);
    for (int i = 0; i < 150000; i++) {
        int rc = yodel_group_send(world.channels, "g", YODEL_WS_BINARY,
                                  (yodel_bytes){payload, sizeof payload});
        size_t bytes = atomic_load(&world.bytes);

        assert_true(rc == 0 || rc == YODEL_ERR_CONGESTED);
        refused += rc == YODEL_ERR_CONGESTED;
        most = bytes > most ? bytes : most;
    }
    atomic_store(&world.is_done, true);
    assert_true(refused > 0);
    assert_in_range(most, 0, MAX_BYTES);
    (void)close(fd);
    yodel_server_stop(world.server, 1000);
    (void)pthread_join(thread, NULL);
    yodel_channels_unref(world.channels);
    yodel_server_unref(world.server);
    assert_int_equal(atomic_load(&world.bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bus_threads_are_refused_by_a_busy_loop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
