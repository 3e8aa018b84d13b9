/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
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

#include <yodel/loop.h>
#include <yodel/sio.h>

/* A server with loops of their own threads, threads that emit, and clients that come and go. */

#define LOOPS 3
#define CLIENTS 3
#define SESSIONS 100
#define EMITTERS 4

struct world {
    yodel_server *server;
    yodel_sio *sio;
    yodel_sio_namespace *ns;
    yodel_channels *channels;
    int port;
    atomic_bool done;
    atomic_int connections, disconnections, recovered, asked, answered, fetches, fetched;
    atomic_int posts, freed, watches, watches_freed;
    int in_room[4];            /* loop 0's: members of each of rooms, and of those of ids */
    int room_events[5];        /* loop 0's, by change */
    yodel_sio_room_change due; /* that has to follow; 0: any */
};

static const char *const rooms[] = {"room", "a", "other"};

/* cmocka's own may be used on the main thread only. */
#define check(condition) check_it(condition, __LINE__)

static void check_it(bool condition, int line)
{
    if (condition)
        return;
    (void)fprintf(stderr, "line %d: check failed\n", line);
    abort();
}

/* ---- the program ---- */

static void on_connection(yodel_sio_socket *socket, void *user)
{
    struct world *world = user;

    atomic_fetch_add(&world->connections, 1);
    if (yodel_sio_socket_recovered(socket))
        atomic_fetch_add(&world->recovered, 1);
    (void)yodel_sio_socket_join(socket, "room");
    (void)json_object_set_new(yodel_sio_socket_json(socket), "x", json_integer(1));
    (void)yodel_sio_emit(yodel_sio_to_others(socket), "joined", "");
}

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    struct world *world = user;

    atomic_fetch_add(&world->disconnections, 1);
    (void)yodel_sio_emit(yodel_sio_to_others(socket), "left", "s", reason);
}

static void *answer_later(void *ack)
{
    (void)yodel_decision_answer(ack, "i", 5);
    yodel_decision_unref(ack);
    return NULL;
}

/* From a thread of its own. */
static void on_ask(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_decision *ack = yodel_sio_event_ack(event);
    pthread_t thread;

    (void)socket;
    (void)user;
    if (pthread_create(&thread, NULL, answer_later, ack) == 0)
        (void)pthread_detach(thread);
    else
        yodel_decision_unref(ack);
}

static void *go_later(void *decision)
{
    (void)yodel_decision_accept(decision, NULL);
    yodel_decision_unref(decision);
    return NULL;
}

static int middleware(yodel_sio_socket *socket, void *user)
{
    yodel_decision *decision = yodel_sio_socket_defer(socket);
    pthread_t thread;

    (void)user;
    if (pthread_create(&thread, NULL, go_later, decision) != 0) {
        yodel_decision_unref(decision);
        return 0;
    }
    (void)pthread_detach(thread);
    return YODEL_DEFER;
}

static void answered(const yodel_sio_answers *answers, void *user)
{
    struct world *world = user;

    check(answers->json.ptr[0] == '[');
    atomic_fetch_add(&world->answered, 1);
}

static void fetched(const yodel_sio_sockets *sockets, void *user)
{
    struct world *world = user;

    check(json_is_array(sockets->json));
    atomic_fetch_add(&world->fetched, 1);
}

/* ---- what happens in rooms ---- */

static int room_index(yodel_str room)
{
    int i = 0;

    while (i < 3 && !yodel_str_eq(room, yodel_str_of(rooms[i])))
        i++;
    return i;
}

/* Each room is created with its first member and deleted with its last, whatever loops they are on.
 */
static void on_room(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    struct world *world = user;
    int i = room_index(event->room), before = world->in_room[i];

    check(ns == world->ns);
    check(yodel_loop_current(world->server) == yodel_server_loop(world->server, 0));
    check(world->due == 0 || world->due == event->change);
    world->due = 0;
    world->room_events[event->change]++;
    if (event->change == YODEL_SIO_ROOM_CREATED) {
        check(i == 3 || before == 0);
        world->due = YODEL_SIO_ROOM_JOINED;
    } else if (event->change == YODEL_SIO_ROOM_JOINED) {
        world->in_room[i]++;
    } else if (event->change == YODEL_SIO_ROOM_LEFT) {
        world->in_room[i]--;
        check(before > 0);
        if (i == 3 || before == 1)
            world->due = YODEL_SIO_ROOM_DELETED;
    } else {
        check(i == 3 || before == 0);
    }
}

static void on_room_now(yodel_sio_namespace *ns, const yodel_sio_room_event *event, void *user)
{
    struct world *world = user;

    (void)ns;
    (void)event;
    check(atomic_load(&world->watches) > atomic_load(&world->watches_freed));
}

static void count_watch_freed(void *user)
{
    struct world *world = user;

    atomic_fetch_add(&world->watches_freed, 1);
}

static void change_watches(struct world *world)
{
    atomic_fetch_add(&world->watches, 1);
    check(yodel_sio_namespace_on_room(world->ns, on_room_now, world, count_watch_freed) == 0);
    check(yodel_sio_namespace_off_room(world->ns, on_room_now, world) >= 0);
}

/* ---- threads that emit ---- */

static void on_changed(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)socket;
    (void)event;
    (void)user;
}

static void count_post(yodel_sio_socket *socket, void *arg)
{
    (void)socket;
    (void)arg;
}

static void count_freed(void *arg)
{
    struct world *world = arg;

    atomic_fetch_add(&world->freed, 1);
}

/* What loops use just now changes under them. */
static void change_some(struct world *world, int i)
{
    yodel_sio_namespace *made;
    char name[20];

    (void)snprintf(name, sizeof name, "/made-%d", i % 64);
    check(yodel_sio_of(world->sio, name, &made) == 0);
    check(yodel_sio_namespace_on(made, "ask", on_changed, NULL) == 0);
    check(yodel_sio_namespace_on(world->ns, "ask", on_changed, NULL) == 0);
    check(yodel_sio_namespace_on(world->ns, "other", on_changed, NULL) == 0);
    check(yodel_sio_namespace_off(world->ns, "ask", on_changed, NULL) >= 0);
    check(yodel_sio_namespace_off(world->ns, "other", NULL, NULL) >= 0);
    change_watches(world);
    (void)yodel_sio_namespace_count(world->ns);
    (void)yodel_sio_namespace_room_count(world->ns, "room");
    atomic_fetch_add(&world->posts, 1);
    (void)yodel_sio_namespace_post(world->ns, "AAAAAAAAAAAAAAAAAAAA", count_post, world,
                                   count_freed);
}

static void emit_some(struct world *world, int i)
{
    yodel_sio_target all = yodel_sio_to_all(world->ns);
    yodel_sio_target room = yodel_sio_to_room(world->ns, "room");
    yodel_sio_namespace *ns;

    (void)yodel_sio_emit(all, "all", "{s:i}", "i", i);
    (void)yodel_sio_emit(yodel_sio_target_except(room, YODEL_ROOMS("other")), "room", "i", i);
    (void)yodel_sio_emit(yodel_sio_target_with(all, YODEL_SIO_VOLATILE), "volatile", "");
    (void)yodel_group_send(world->channels, "/chat#room", YODEL_WS_TEXT,
                           (yodel_bytes){(const uint8_t *)"raw", 3});
    if (i % 4 == 0 &&
        yodel_sio_emit_ack(yodel_sio_target_timeout(room, 20), "ask", NULL, answered, world) == 0)
        atomic_fetch_add(&world->asked, 1);
    if (i % 4 == 1)
        (void)yodel_sio_target_join(room, YODEL_ROOMS("a", "other"));
    if (i % 4 == 2)
        (void)yodel_sio_target_leave(all, YODEL_ROOMS("other"));
    if (i % 8 == 3 && yodel_sio_target_fetch(all, fetched, world) == 0)
        atomic_fetch_add(&world->fetches, 1);
    if (i % 8 == 7 && yodel_sio_namespace_fetch_rooms(world->ns, fetched, world) == 0)
        atomic_fetch_add(&world->fetches, 1);
    ns = yodel_sio_find_namespace(world->sio, "/chat");
    check(ns != NULL);
    (void)yodel_sio_namespace_unref(ns);
    if (i % 16 == 5)
        change_some(world, i);
}

static void *emit(void *arg)
{
    struct world *world = arg;

    for (int i = 0; !atomic_load(&world->done); i++) {
        /* No faster than the loops take it, however slow they are. */
        if (atomic_load(&world->fetches) - atomic_load(&world->fetched) < 8)
            emit_some(world, i);
        (void)usleep(1000);
    }
    return NULL;
}

/* ---- clients, with blocking sockets ---- */

struct client {
    int fd;
    size_t len;
    char pid[21], offset[64];
    uint8_t in[1 << 16];
};

static void client_send(struct client *client, const void *data, size_t len)
{
    check(send(client->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static void client_read(struct client *client)
{
    ssize_t len;

    check(client->len < sizeof client->in);
    len = recv(client->fd, client->in + client->len, sizeof client->in - client->len, 0);
    check(len > 0);
    client->len += (size_t)len;
}

static void client_consume(struct client *client, size_t len)
{
    memmove(client->in, client->in + len, client->len - len);
    client->len -= len;
}

static void client_say(struct client *client, const char *text)
{
    uint8_t frame[200] = {0x81, (uint8_t)(0x80 | strlen(text))};

    check(strlen(text) < 126);
    memcpy(frame + 6, text, strlen(text)); /* a key of zeros */
    client_send(client, frame, 6 + strlen(text));
}

static void client_frame(struct client *client, char *ret_text, size_t size)
{
    size_t len, head = 2;

    while (client->len < 4)
        client_read(client);
    len = client->in[1];
    if (len == 126) {
        head = 4;
        len = (size_t)client->in[2] << 8 | client->in[3];
    }
    while (client->len < head + len)
        client_read(client);
    check(len < size);
    memcpy(ret_text, client->in + head, len);
    ret_text[len] = '\0';
    client_consume(client, head + len);
}

/* Skips frames up to one that begins so; notes offsets. */
static void client_await(struct client *client, const char *begin, char *ret_text, size_t size)
{
    do {
        size_t len;

        client_frame(client, ret_text, size);
        len = strlen(ret_text);
        if (strncmp(ret_text, "42/chat,[", 9) == 0 && len > 16 && ret_text[len - 2] == '"')
            (void)snprintf(client->offset, sizeof client->offset, "%.12s", ret_text + len - 14);
    } while (strncmp(ret_text, begin, strlen(begin)) != 0);
}

static void client_open(struct client *client, const struct world *world)
{
    static const char request[] =
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n";
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)world->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t *end;

    client->len = 0;
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(client->fd, (struct sockaddr *)&addr, sizeof addr) == 0);
    client_send(client, request, sizeof request - 1);
    while ((end = memmem(client->in, client->len, "\r\n\r\n", 4)) == NULL)
        client_read(client);
    client_consume(client, (size_t)(end + 4 - client->in));
}

static void client_connect(struct client *client, const struct world *world)
{
    char text[4096], *pid;

    client_open(client, world);
    if (client->pid[0] != '\0')
        (void)snprintf(text, sizeof text, "40/chat,{\"pid\":\"%s\",\"offset\":\"%s\"}", client->pid,
                       client->offset);
    else
        (void)snprintf(text, sizeof text, "40/chat,");
    client_say(client, text);
    client_await(client, "40/chat,", text, sizeof text);
    pid = strstr(text, "\"pid\":\"");
    check(pid != NULL);
    memcpy(client->pid, pid + 7, 20);
}

static void client_leave(struct client *client, int how)
{
    if (how % 3 == 0) {
        client_say(client, "41/chat,");
        client->pid[0] = '\0';
    }
    (void)close(client->fd);
}

static void *come_and_go(void *arg)
{
    const struct world *world = arg;
    struct client *client = calloc(1, sizeof *client);
    char text[4096];

    check(client != NULL);
    for (int i = 0; i < SESSIONS; i++) {
        client_connect(client, world);
        client_say(client, "42/chat,7[\"ask\"]");
        client_await(client, "43/chat,7[5]", text, sizeof text);
        client_await(client, "42/chat,[\"all\"", text, sizeof text);
        client_leave(client, i);
    }
    free(client);
    return NULL;
}

/* ---- all together ---- */

static void start(struct world *world)
{
    yodel_sio_handlers handlers = {
        .size = sizeof handlers, .on_connection = on_connection, .on_disconnect = on_disconnect};

    memset(world, 0, sizeof *world);
    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = LOOPS), &world->server), 0);
    assert_int_equal(yodel_channels_new_memory(world->server, &world->channels), 0);
    assert_int_equal(
        yodel_sio_new(world->server,
                      YODEL_OPTIONS(yodel_sio_options, .channels = world->channels,
                                    .recovery_ms = 2000, .recovery_bytes = 1 << 26,
                                    .max_buffered = 1 << 26, .recovery_use_middleware = 1),
                      &world->sio),
        0);
    check(yodel_sio_of(world->sio, "/chat", &world->ns) == 0);
    assert_int_equal(yodel_sio_namespace_handle(world->ns, &handlers, world), 0);
    assert_int_equal(yodel_sio_namespace_on(world->ns, "ask", on_ask, world), 0);
    assert_int_equal(yodel_sio_namespace_on_room(world->ns, on_room, world, NULL), 0);
    assert_int_equal(yodel_sio_namespace_use(world->ns, middleware, world), 0);
    world->port = yodel_server_listen(
        world->server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    assert_true(world->port > 0);
}

static void *run(void *arg)
{
    struct world *world = arg;

    check(yodel_server_run(world->server) == 0);
    return NULL;
}

static void start_all(pthread_t *threads, int num, void *(*fn)(void *arg), struct world *world)
{
    for (int i = 0; i < num; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fn, world), 0);
}

static void join_all(const pthread_t *threads, int num)
{
    for (int i = 0; i < num; i++)
        (void)pthread_join(threads[i], NULL);
}

static void test_sio_threads_emit_while_clients_come_and_go(void **state)
{
    pthread_t server, emitters[EMITTERS], clients[CLIENTS];
    static struct world world;

    start(&world);
    start_all(&server, 1, run, &world);
    start_all(emitters, EMITTERS, emit, &world);
    start_all(clients, CLIENTS, come_and_go, &world);
    join_all(clients, CLIENTS);
    atomic_store(&world.done, true);
    join_all(emitters, EMITTERS);
    (void)usleep(100000); /* what is owed comes, or is late */
    yodel_server_stop(world.server, 1000);
    join_all(&server, 1);
    yodel_sio_unref(world.sio);
    yodel_channels_unref(world.channels);
    yodel_server_unref(world.server);
    assert_int_equal(atomic_load(&world.connections), CLIENTS * SESSIONS);
    assert_int_equal(atomic_load(&world.disconnections), CLIENTS * SESSIONS);
    assert_int_equal(atomic_load(&world.asked), atomic_load(&world.answered));
    assert_int_equal(atomic_load(&world.posts), atomic_load(&world.freed));
    assert_int_equal(atomic_load(&world.fetches), atomic_load(&world.fetched));
    for (int i = 0; i < 4; i++)
        assert_int_equal(world.in_room[i], 0);
    assert_int_equal(world.room_events[YODEL_SIO_ROOM_CREATED],
                     world.room_events[YODEL_SIO_ROOM_DELETED]);
    assert_true(world.room_events[YODEL_SIO_ROOM_JOINED] > 2 * CLIENTS * SESSIONS);
    assert_int_equal(atomic_load(&world.watches), atomic_load(&world.watches_freed));
    assert_in_range(atomic_load(&world.recovered), CLIENTS * SESSIONS / 3, CLIENTS * SESSIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sio_threads_emit_while_clients_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
