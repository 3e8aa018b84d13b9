/* SPDX-License-Identifier: MIT */
/* yodel-testapps: see README.md. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "apps.h"

enum { DRAIN_MS = 1000 };

static const struct app_kind *const kinds[] = {
    &app_eio_ref, &app_sio_ref,   &app_eioclient, &app_sioclient, &app_features,
    &app_wire,    &app_eio_spawn, &app_body,      &app_cluster,
};

#define NUM_KINDS (sizeof kinds / sizeof kinds[0])

/* ---- the command line ---- */

static int usage(FILE *out)
{
    fprintf(out, "usage: yodel-testapps NAME --port N [--host H] [--loops N] [--recovery]\n"
                 "                      [--msgpack] [--patient] [--client-dir DIR] [--verbose]\n"
                 "                      [--nodes A,B,... --self N --secret S [--silent-ms N]]\n"
                 "                      [--link HOST:PORT --redis URL --secret S [--silent-ms N]]\n"
                 "                      [--redis URL [--python CHANNEL [--python-data N]]]\n"
                 "       yodel-testapps eio-spawn JSON\n");
    for (size_t i = 0; i < NUM_KINDS; i++)
        fprintf(out, "  %-15s %s\n", kinds[i]->name, kinds[i]->help);
    return 2;
}

static int parse_number(const char *text, uint32_t *ret_number)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (end == text || *end != '\0' || *text == '-' || value > UINT16_MAX)
        return -1;
    *ret_number = (uint32_t)value;
    return 0;
}

/* Returns how many words were used, or -1. */
static int parse_option(struct app_options *options, const char *word, const char *value)
{
    if (strcmp(word, "--recovery") == 0)
        return (options->recovery = 1);
    if (strcmp(word, "--msgpack") == 0)
        return (options->msgpack = 1);
    if (strcmp(word, "--patient") == 0)
        return (options->patient = 1);
    if (strcmp(word, "--verbose") == 0)
        return (options->verbose = 1);
    if (strcmp(word, "--answer-one") == 0)
        return (options->answer_one = 1);
    if (value == NULL)
        return -1;
    if (strcmp(word, "--port") == 0)
        return parse_number(value, &options->port) == 0 ? 2 : -1;
    if (strcmp(word, "--python-data") == 0)
        return parse_number(value, &options->python_data) == 0 ? 2 : -1;
    if (strcmp(word, "--loops") == 0)
        return parse_number(value, &options->loops) == 0 ? 2 : -1;
    if (strcmp(word, "--self") == 0)
        return parse_number(value, &options->self) == 0 ? 2 : -1;
    if (strcmp(word, "--silent-ms") == 0)
        return parse_number(value, &options->silent_ms) == 0 ? 2 : -1;
    if (strcmp(word, "--nodes") == 0)
        options->nodes = value;
    else if (strcmp(word, "--link") == 0)
        options->link = value;
    else if (strcmp(word, "--node-cert") == 0)
        options->node_cert = value;
    else if (strcmp(word, "--node-key") == 0)
        options->node_key = value;
    else if (strcmp(word, "--secret") == 0)
        options->secret = value;
    else if (strcmp(word, "--host") == 0)
        options->host = value;
    else if (strcmp(word, "--client-dir") == 0)
        options->client_dir = value;
    else if (strcmp(word, "--redis") == 0)
        options->redis = value;
    else if (strcmp(word, "--python") == 0)
        options->python = value;
    else if (strcmp(word, "--form") == 0)
        options->form = value;
    else if (strcmp(word, "--prefix") == 0)
        options->prefix = value;
    else
        return -1;
    return 2;
}

static int parse(int argc, char **argv, struct app *app)
{
    if (argc < 2)
        return -1;
    for (size_t i = 0; i < NUM_KINDS; i++)
        if (strcmp(argv[1], kinds[i]->name) == 0)
            app->kind = kinds[i];
    if (app->kind == NULL)
        return -1;
    app->options.loops = 1;
    for (int i = 2, used; i < argc; i += used) {
        if (argv[i][0] == '{') {
            app->options.json = argv[i];
            used = 1;
        } else if ((used = parse_option(&app->options, argv[i], argv[i + 1])) < 0) {
            fprintf(stderr, "yodel-testapps: %s: not understood\n", argv[i]);
            return -1;
        }
    }
    return 0;
}

/* ---- the server ---- */

static void answer_others(yodel_request *req, void *user)
{
    const struct app *app = user;
    int status = app->kind->status != 0 ? app->kind->status : 404;

    (void)yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = status));
}

static int make_server(struct app *app)
{
    const yodel_log_sink log = {.write = yodel_log_stderr,
                                .min_level =
                                    app->options.verbose ? YODEL_LOG_DEBUG : YODEL_LOG_WARN};
    int rc = yodel_server_new(
        YODEL_OPTIONS(yodel_server_options, .loops = app->options.loops, .log = &log),
        &app->server);

    if (rc < 0)
        return rc;
    if ((app->later = later_new()) == NULL)
        return -ENOMEM;
    if ((rc = app->kind->start(app)) < 0 || (rc = app_join_nodes(app)) < 0 ||
        (rc = app_use_peers(app)) < 0)
        return rc;
    return yodel_server_route(app->server, "/{rest...}", answer_others, app);
}

static int listen_on(struct app *app, const char *host, unsigned port)
{
    char address[300];

    snprintf(address, sizeof address, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, port);
    return yodel_server_listen(app->server,
                               YODEL_OPTIONS(yodel_listen_options, .address = address));
}

/* localhost is two addresses, of which a machine may lack the second.  Returns the port. */
static int listen_everywhere(struct app *app)
{
    const struct app_options *options = &app->options;
    int port, rc;

    if (options->host != NULL)
        return listen_on(app, options->host, options->port);
    if ((port = listen_on(app, "127.0.0.1", options->port)) < 0)
        return port;
    rc = listen_on(app, "::1", (unsigned)port);
    return rc >= 0 || rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT ? port : rc;
}

static void say_port(const struct app *app, int port)
{
    if (app->options.port == 0 || app->kind->tells_port)
        printf("PORT %d\n", port);
    printf("%s on %d\n", app->kind->name, port);
    fflush(stdout);
}

/* ---- signals: a thread of their own, as an app may have to do something first ---- */

static void *wait_for_signals(void *arg)
{
    struct app *app = arg;
    sigset_t set;
    int signum, num = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    while (sigwait(&set, &signum) == 0 && signum != SIGUSR1) {
        if (num++ == 0 && app->kind->stop != NULL)
            app->kind->stop(app);
        yodel_server_stop(app->server, DRAIN_MS);
    }
    return NULL;
}

static void block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int run(struct app *app)
{
    pthread_t thread;
    int rc = -pthread_create(&thread, NULL, wait_for_signals, app);

    if (rc < 0)
        return rc;
    rc = yodel_server_run(app->server);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, NULL);
    return rc;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct app app = {0};
    int rc;

    if (argc > 1 && strcmp(argv[1], "--help") == 0)
        return usage(stdout) - 2;
    if (parse(argc, argv, &app) < 0)
        return usage(stderr);
    raise_descriptor_limit();
    block_signals(); /* ahead of all threads */
    if ((rc = make_server(&app)) < 0)
        goto done;
    if ((rc = listen_everywhere(&app)) < 0)
        goto done;
    say_port(&app, rc);
    rc = run(&app);

done:
    if (rc < 0)
        fprintf(stderr, "yodel-testapps: %s\n", yodel_strerror(rc));
    later_free(app.later);
    if (app.kind->done != NULL)
        app.kind->done(&app);
    app_end_peers(&app);
    yodel_sio_unref(app.sio);
    yodel_server_unref(app.server);
    return rc < 0;
}
