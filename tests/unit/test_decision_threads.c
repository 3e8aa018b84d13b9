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

#include <yodel/sio.h>
#include <yodel/yodel.h>

/* Threads decide while clients go and the server stops. */

#define LOOPS 2
#define CLIENTS 3
#define ROUNDS 60
#define DECIDERS 3
#define MAX_ITEMS 4096

/* cmocka's own may be used on the main thread only. */
#define check(condition) check_it(condition, __LINE__)

static void check_it(bool condition, int line)
{
    if (condition)
        return;
    (void)fprintf(stderr, "line %d: check failed\n", line);
    abort();
}

struct world;

/* A decision that was taken; two threads may have it. */
struct item {
    struct world *world;
    yodel_decision *decision;
    atomic_int won, gone;
    atomic_int posted, freed;
    unsigned seed;
};

struct world {
    yodel_server *server;
    yodel_sio *sio;
    int port;
    atomic_bool over;                        /* nothing more will be taken */
    atomic_uint num_items;                   /* taken */
    atomic_uint num_used;                    /* of twice as many uses */
    _Atomic(struct item *) items[MAX_ITEMS]; /* NULL: not there yet */
};

/* ---- the program ---- */

static void on_gone(yodel_decision *d, void *user)
{
    struct item *item = user;

    check(!yodel_decision_is_open(d));
    atomic_fetch_add(&item->gone, 1);
}

/* On any loop; the deciders have it from the last line on. */
static int take(struct world *world, yodel_decision *d)
{
    static atomic_uint next;
    struct item *item = calloc(1, sizeof *item);
    unsigned i;

    check(item != NULL && d != NULL);
    item->world = world;
    item->seed = atomic_fetch_add(&next, 1) * 2654435761u;
    check(yodel_decision_on_gone(d, on_gone, item) == 0);
    item->decision = yodel_decision_ref(d); /* one for each use */
    i = atomic_fetch_add(&world->num_items, 1);
    check(i < MAX_ITEMS);
    atomic_store(&world->items[i], item);
    return YODEL_DEFER;
}

static void on_request(yodel_request *req, void *user)
{
    (void)take(user, yodel_request_defer(req));
}

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    (void)req;
    return take(user, yodel_ws_defer(ws));
}

static int on_allow(yodel_request *req, void *user)
{
    return take(user, yodel_request_defer(req));
}

static int on_match(yodel_sio_entry *entry, yodel_str name, const json_t *auth, void *user)
{
    (void)name;
    (void)auth;
    return take(user, yodel_sio_entry_defer(entry));
}

static int on_middleware(yodel_sio_socket *socket, void *user)
{
    return take(user, yodel_sio_socket_defer(socket));
}

static int on_event_middleware(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)socket;
    return take(user, yodel_sio_event_defer(event));
}

static void on_ask(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_decision *ack = yodel_sio_event_ack(event);

    (void)socket;
    if (ack != NULL)
        (void)take(user, ack);
}

/* ---- threads that decide ---- */

/* On the loop; the other user of the decision may be first. */
static void answer_there(yodel_request *req, void *arg)
{
    struct item *item = arg;
    int rc = yodel_request_stream_begin(
        req, YODEL_OPTIONS(yodel_stream_options, .has_length = 1, .length = 0), NULL);

    if (rc == 0)
        atomic_fetch_add(&item->won, 1);
    else
        check(rc == YODEL_ERR_STATE || rc == YODEL_ERR_CLOSED);
}

static void free_post(void *arg)
{
    struct item *item = arg;

    atomic_fetch_add(&item->freed, 1);
}

/* Of what is no request it is refused. */
static int post(struct item *item)
{
    int rc = yodel_decision_post(item->decision, answer_there, item, free_post);

    atomic_fetch_add(&item->posted, 1);
    check(rc == 0 || rc == -EINVAL || rc == YODEL_ERR_STATE || rc == YODEL_ERR_CLOSED);
    return rc == -EINVAL ? rc : -1;
}

static int decide(yodel_decision *d, unsigned what)
{
    int rc;

    if (what % 8 == 0)
        return -1; /* drops it */
    if (what % 8 == 1)
        rc = yodel_decision_refuse(d, "no", NULL);
    else
        rc = yodel_decision_accept(d, NULL);
    if (rc == -EINVAL)
        rc = yodel_decision_respond_text(d, 200, NULL, YODEL_STR("later"));
    return rc == -EINVAL ? yodel_decision_answer(d, "i", 1) : rc;
}

static struct item *next_item(struct world *world, bool *ret_second)
{
    unsigned i = atomic_load(&world->num_used);
    struct item *item;

    do {
        if (i >= 2 * atomic_load(&world->num_items))
            return NULL;
        item = atomic_load(&world->items[i / 2]);
        if (item == NULL)
            return NULL;
    } while (!atomic_compare_exchange_weak(&world->num_used, &i, i + 1));
    *ret_second = i % 2 == 1;
    return item;
}

/* Each item is used twice, by two threads perhaps at once. */
static void use(struct item *item, bool second)
{
    unsigned what = second ? item->seed >> 8 : item->seed;
    int rc;

    if (what % 4 == 0)
        (void)usleep(what % 60000); /* beyond decide_ms, too */
    rc = what % 3 == 0 ? post(item) : -EINVAL;
    if (rc == -EINVAL)
        rc = decide(item->decision, what >> 4);
    if (rc == 0)
        atomic_fetch_add(&item->won, 1);
    else
        check(rc == -1 || rc == YODEL_ERR_STATE || rc == YODEL_ERR_CLOSED);
    check(atomic_load(&item->won) + atomic_load(&item->gone) <= 1);
    yodel_decision_unref(item->decision);
}

static void *run_decider(void *arg)
{
    struct world *world = arg;

    for (;;) {
        bool second, over = atomic_load(&world->over);
        struct item *item = next_item(world, &second);

        if (item != NULL)
            use(item, second);
        else if (over)
            return NULL;
        else
            (void)usleep(200);
    }
}

/* ---- clients ---- */

static int dial(const struct world *world)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)world->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_usec = 20000};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    check(fd >= 0);
    if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
        (void)close(fd); /* the server has stopped */
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void say(int fd, const char *text)
{
    unsigned char frame[200] = {0x81, (unsigned char)(0x80 | strlen(text))};

    memcpy(frame + 6, text, strlen(text)); /* a key of zeros */
    (void)send(fd, frame, 6 + strlen(text), MSG_NOSIGNAL);
}

/* Waits for an answer, or not long. */
static void hear(int fd)
{
    char in[4096];

    (void)recv(fd, in, sizeof in, 0);
}

#define UPGRADE                                                                                    \
    "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                     \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

static void visit(const struct world *world, int round)
{
    static const char *const requests[] = {
        "GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /ws HTTP/1.1\r\n" UPGRADE,
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n" UPGRADE,
    };
    const char *request = requests[round % 4];
    int fd = dial(world);

    if (fd < 0)
        return;
    (void)send(fd, request, strlen(request), MSG_NOSIGNAL);
    if (round % 8 != 0) /* else it goes at once */
        hear(fd);
    if (round % 4 == 3) {
        say(fd, "40");
        say(fd, "40/fn,");
        hear(fd);
        say(fd, "42[\"ev\",1]");
        say(fd, "421[\"ask\"]");
        if (round % 3 != 0)
            hear(fd);
    }
    (void)close(fd);
}

static void *run_client(void *arg)
{
    for (int i = 0; i < ROUNDS; i++)
        visit(arg, i);
    return NULL;
}

/* ---- all together ---- */

static void *run_server(void *arg)
{
    check(yodel_server_run(arg) == 0);
    return NULL;
}

static void start(struct world *world)
{
    yodel_sio_namespace *ns, *parent;

    check(yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = LOOPS, .decide_ms = 30),
                           &world->server) == 0);
    check(yodel_server_route(world->server, "GET /later", on_request, world) == 0);
    check(yodel_server_route_ws(world->server, "/ws",
                                YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect),
                                world) == 0);
    check(yodel_sio_new(
              world->server,
              YODEL_OPTIONS(yodel_sio_options, .allow_request = on_allow, .hooks_user = world),
              &world->sio) == 0);
    check(yodel_sio_of(world->sio, "/", &ns) == 0);
    check(yodel_sio_namespace_use(ns, on_middleware, world) == 0);
    check(yodel_sio_namespace_use_event(ns, on_event_middleware, world) == 0);
    check(yodel_sio_namespace_on(ns, "ask", on_ask, world) == 0);
    check(yodel_sio_of_function(world->sio, on_match, world, &parent) == 0);
    world->port = yodel_server_listen(
        world->server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    check(world->port > 0);
}

/* Each has ended once, or nobody has decided and it was dropped. */
static void check_items(struct world *world)
{
    unsigned num = atomic_load(&world->num_items), won = 0, gone = 0;

    check(atomic_load(&world->num_used) == 2 * num);
    for (unsigned i = 0; i < num; i++) {
        struct item *item = atomic_load(&world->items[i]);

        check(atomic_load(&item->won) + atomic_load(&item->gone) <= 1);
        check(atomic_load(&item->posted) == atomic_load(&item->freed));
        won += (unsigned)atomic_load(&item->won);
        gone += (unsigned)atomic_load(&item->gone);
        free(item);
    }
    check(won > 0 && gone > 0); /* else the test shows nothing */
}

/* The decisions that are left outlive the server's last other reference. */
static void finish(struct world *world, pthread_t deciders[DECIDERS])
{
    yodel_sio_unref(world->sio);
    yodel_server_unref(world->server);
    atomic_store(&world->over, true);
    for (int i = 0; i < DECIDERS; i++)
        check(pthread_join(deciders[i], NULL) == 0);
    check_items(world);
}

static void test_decision_threads_race_with_clients_and_the_end(void **state)
{
    pthread_t deciders[DECIDERS], clients[CLIENTS], server;
    struct world *world = calloc(1, sizeof *world);

    assert_non_null(world);
    start(world);
    check(pthread_create(&server, NULL, run_server, world->server) == 0);
    for (int i = 0; i < DECIDERS; i++)
        check(pthread_create(&deciders[i], NULL, run_decider, world) == 0);
    for (int i = 0; i < CLIENTS; i++)
        check(pthread_create(&clients[i], NULL, run_client, world) == 0);
    check(pthread_join(clients[0], NULL) == 0); /* the others are still there */
    yodel_server_stop(world->server, 20);
    check(pthread_join(server, NULL) == 0);
    for (int i = 1; i < CLIENTS; i++)
        check(pthread_join(clients[i], NULL) == 0);
    finish(world, deciders);
    free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decision_threads_race_with_clients_and_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
