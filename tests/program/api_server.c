/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yodel/ws_handlers.h>

#include <openssl/evp.h>

#include "api/api.h"
#include "failing_now_and_then.h"
#include "state/socket_state.h"

/*
 * A server with the API and little else: namespace "/", where a client is who its auth says, "echo"
 * comes back, "who" is answered, and "nap" keeps a loop busy; groups of raw WebSockets at /ws/NAME,
 * those of "h*" with history.  With API_FAILS_EVERY=N in its environment each N-th allocation
 * fails, with API_FAILS_BY=FILE those that a file names (failing_now_and_then.h), with
 * API_LOSES_POSTS what the program posts to loops.  Keys: "all", and "some" for emits to rooms
 * "pub:*", 3 commands a second.  SIGUSR1: tells on standard error what is under way.
 */

static yodel_server *server;
static struct yg_service service;

static void on_signal(int number)
{
    (void)number;
    yodel_server_stop(server, 2000);
}

/* ---- what is under way ---- */

static void tell(void)
{
    yodel_server_stats stats = {.size = sizeof(stats)};

    yodel_server_get_stats(server, &stats);
    fprintf(stderr,
            "commands that wait: %u; connections: %" PRIu64 " of %" PRIu64 "; requests: %" PRIu64
            "; mail refused: %" PRIu64 "\n",
            service.pending, stats.connections, stats.accepted, stats.requests, stats.mail_refused);
}

static void *wait_for_questions(void *arg)
{
    int number;

    while (sigwait(arg, &number) == 0)
        tell();
    return NULL;
}

/* Ahead of all other threads, which leave the signal to this one. */
static int answer_questions(void)
{
    static sigset_t set;
    pthread_t thread;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
        pthread_create(&thread, NULL, wait_for_questions, &set) != 0)
        return -1;
    return pthread_detach(thread);
}

/* ---- Socket.IO ---- */

static int admit(yodel_sio_socket *socket, void *user)
{
    const json_t *auth = yodel_sio_socket_auth(socket);
    const struct yg_identity who = {
        .user = json_string_value(json_object_get(auth, "user")),
        .personal_room = "user:{user}",
        .meta = json_object_get(auth, "meta"),
        .info = json_object_get(auth, "info"),
    };

    (void)user;
    return yg_state_begin(socket, &who);
}

static void on_echo(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    (void)user;
    (void)yodel_sio_emit_event(yodel_sio_to(socket), "echo", event);
}

static void on_who(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const char *name = yg_state_user(socket);

    (void)user;
    (void)yodel_sio_event_answer(event, "s?O?", name, yg_state_meta(socket));
}

/* Its loop does nothing else meanwhile. */
static void on_nap(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    const struct timespec pause = {0, 5000000};

    (void)socket, (void)event, (void)user;
    nanosleep(&pause, NULL);
}

static int add_sio(yodel_channels *kept, yodel_sio **ret_sio)
{
    yodel_sio_namespace *ns;

    if (yodel_channels_keep_history(kept, "/#kept*",
                                    YODEL_OPTIONS(yodel_history_options, .sio_events = 1)) < 0 ||
        yodel_sio_new(server, YODEL_OPTIONS(yodel_sio_options, .channels = kept), ret_sio) < 0 ||
        yodel_sio_of(*ret_sio, "/", &ns) < 0)
        return -1;
    yodel_sio_namespace_use(ns, admit, NULL);
    if (yodel_sio_namespace_on(ns, "echo", on_echo, NULL) < 0 ||
        yodel_sio_namespace_on(ns, "nap", on_nap, NULL) < 0)
        return -1;
    return yodel_sio_namespace_on(ns, "who", on_who, NULL);
}

/* ---- raw WebSockets ---- */

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    const yodel_str name = yodel_request_param(req, "name");
    char group[64];

    snprintf(group, sizeof(group), "%" YODEL_PRI, YODEL_ARG(name));
    return yodel_group_add_json(user, group, ws, YODEL_STR("{\"raw\":true}"));
}

static int on_open(yodel_ws *ws, void *user)
{
    (void)user;
    return yodel_ws_send_text(ws, YODEL_STR("in"));
}

static int add_websockets(yodel_channels *channels)
{
    if (yodel_channels_keep_history(channels, "h*", NULL) < 0)
        return -1;
    return yodel_server_route_ws(
        server, "/ws/{name}",
        YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect, .on_open = on_open), channels);
}

/* ---- the API ---- */

static const char *any[] = {"*", NULL}, *public_rooms[] = {"pub:*", NULL}, *root[] = {"/", NULL};

static struct yg_api_key keys[] = {
    {.name = "all", .rights = {YG_SCOPE_ALL, {any, 1}, {any, 1}}},
    {.name = "some", .rights = {YG_SCOPE_EMIT, {root, 1}, {public_rooms, 1}}, .rate = 3},
};

static void hash_keys(void)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        EVP_Digest(keys[i].name, strlen(keys[i].name), keys[i].sha256, NULL, EVP_sha256(), NULL);
}

static int run(void)
{
    struct yg_api *api = NULL;
    yodel_channels *channels = NULL;
    int port, rc;

    service = (struct yg_service){.server = server, .node = "n1", .max_pending = 50};
    if (yg_spaces_set(&service.spaces, "/", "user:{user}") < 0 ||
        yodel_channels_new_memory(server, &channels) < 0 || add_websockets(channels) < 0 ||
        yodel_channels_new_memory(server, &service.kept) < 0 ||
        add_sio(service.kept, &service.sio) < 0)
        return EXIT_FAILURE;
    service.channels = channels;
    hash_keys();
    if (yg_api_new(&service, &(struct yg_api_options){.max_body = 100000}, &api) < 0 ||
        yg_api_set_terms(api, &(struct yg_api_terms){.keys = keys,
                                                     .num_keys = 2,
                                                     .max_commands = 20,
                                                     .idempotency_ms = 300000}) < 0)
        return EXIT_FAILURE;
    port =
        yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    if (port < 0)
        return EXIT_FAILURE;
    if (getenv("API_FAILS_EVERY") != NULL)
        failing_every((unsigned)atoi(getenv("API_FAILS_EVERY")));
    if (getenv("API_FAILS_BY") != NULL && failing_by_file(getenv("API_FAILS_BY")) < 0)
        return EXIT_FAILURE;
    if (getenv("API_LOSES_POSTS") != NULL)
        failing_posts();
    printf("port %d\n", port);
    fflush(stdout);
    rc = yodel_server_run(server);
    yg_api_free(api);
    yodel_channels_unref(channels);
    yodel_channels_unref(service.kept);
    yodel_sio_unref(service.sio);
    yodel_server_unref(server);
    yg_spaces_done(&service.spaces);
    fprintf(stderr, "pending %u\n", service.pending);
    return rc < 0 || service.pending != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(void)
{
    if (answer_questions() != 0 || yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 2,
                                                                  .decide_ms = YG_API_DECIDE_MS),
                                                    &server) < 0)
        return EXIT_FAILURE;
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    return run();
}
