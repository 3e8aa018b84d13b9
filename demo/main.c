/* SPDX-License-Identifier: MIT */
/* The demo: pages with an echo, chat rooms and messages from the server, over WebSockets and over
 * Socket.IO, and the endpoints that the tests of this repository speak to. */
#include "demo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* Every connection is a descriptor, and the usual soft limit of 1024 is for programs that select().
 */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int make_server(struct demo *demo, const struct demo_options *options)
{
    const yodel_log_sink log = {.write = yodel_log_stderr,
                                .min_level = options->verbose ? YODEL_LOG_DEBUG : YODEL_LOG_WARN};

    return yodel_server_new(
        YODEL_OPTIONS(yodel_server_options, .loops = options->loops, .log = &log,
                      .max_connections = options->max_connections,
                      .max_address_connections = options->max_address_connections,
                      .max_messages = options->max_messages, .header_ms = options->header_ms,
                      .body_ms = options->body_ms, .decide_ms = options->decide_ms,
                      .keep_ms = options->keep_ms, .ping_ms = options->ping_ms,
                      .pong_ms = options->pong_ms, .send_ms = options->send_ms,
                      .drain_ms = options->drain_ms, .spread_ms = options->spread_ms,
                      .stop_code = options->stop_code, .handle_signals = 1,
                      .server_name = "yodel-demo"),
        &demo->server);
}

/* The cards of the view "Features". */
static int add_features(struct demo *demo)
{
    int rc;

    if ((rc = demo_add_question(demo)) < 0)
        return rc;
    if ((rc = demo_add_picture(demo)) < 0)
        return rc;
    if ((rc = demo_add_login(demo)) < 0)
        return rc;
    if ((rc = demo_add_line(demo)) < 0)
        return rc;
    return demo_add_meeting(demo);
}

/* What the page loads is ours, and so is whom it talks to.  The Flask example has its scripts
 * inside its pages, so they may be there; the page itself says more in its head. */
static const yodel_header page_headers[3] = {
    {"Content-Security-Policy",
     "default-src 'self'; script-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; "
     "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"}};

static int add_routes(struct demo *demo, const struct demo_options *options)
{
    int rc;

    if ((rc = demo_add_redis(demo, options)) < 0)
        return rc;
    if ((rc = yodel_channels_new_memory(demo->server, &demo->channels)) < 0)
        return rc;
    if ((rc = demo_add_echo(demo, options)) < 0)
        return rc;
    if ((rc = demo_add_chat(demo)) < 0)
        return rc;
    if ((rc = demo_add_views(demo)) < 0)
        return rc;
    if ((rc = demo_add_slow(demo)) < 0)
        return rc;
    if ((rc = demo_add_sio(demo, options)) < 0)
        return rc;
    if ((rc = demo_add_nodes(demo, options)) < 0)
        return rc;
    if ((rc = demo_add_notify(demo)) < 0)
        return rc;
    if ((rc = add_features(demo)) < 0)
        return rc;
    if ((rc = demo_add_source(demo)) < 0)
        return rc;
    rc = yodel_server_static(
        demo->server, "/", options->public_dir,
        YODEL_OPTIONS(yodel_static_options, .headers = page_headers, .num_headers = 3));
    if (rc < 0)
        fprintf(stderr, "yodel-demo: %s: no such page (see --public)\n", options->public_dir);
    return rc;
}

/* One listener, with the proxies that are trusted.  Returns the port or a failure, which it has
 * told. */
static int listen_at(struct demo *demo, const struct demo_options *options, const char *address,
                     const yodel_tls_options *tls, int proxy_protocol)
{
    size_t num = 0;
    int rc;

    while (options->trusted != NULL && options->trusted[num] != NULL)
        num++;
    rc = yodel_server_listen(demo->server,
                             YODEL_OPTIONS(yodel_listen_options, .address = address, .tls = tls,
                                           .trusted = options->trusted, .num_trusted = num,
                                           .proxy_protocol = proxy_protocol));
    if (rc < 0 && rc != -EADDRNOTAVAIL && rc != -EAFNOSUPPORT)
        fprintf(stderr, "yodel-demo: %s: %s\n", address, yodel_strerror(rc));
    return rc;
}

static int listen_on(struct demo *demo, const struct demo_options *options, const char *host,
                     unsigned port)
{
    const yodel_tls_options tls = {
        .size = sizeof tls, .cert_file = options->tls_cert, .key_file = options->tls_key};
    const int is_v6 = strchr(host, ':') != NULL && host[0] != '[';
    char address[300];

    snprintf(address, sizeof address, is_v6 ? "[%s]:%u" : "%s:%u", host, port);
    return listen_at(demo, options, address, options->tls_cert != NULL ? &tls : NULL, 0);
}

/* localhost is two addresses, of which a machine may lack the second. */
static int listen_locally(struct demo *demo, const struct demo_options *options)
{
    int port = listen_on(demo, options, "127.0.0.1", options->port);
    int rc;

    if (port < 0)
        return port;
    rc = listen_on(demo, options, "::1", (unsigned)port);
    return rc >= 0 || rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT ? port : rc;
}

/* path NULL: nothing to do. */
static int listen_on_unix(struct demo *demo, const struct demo_options *options, const char *path,
                          int proxy_protocol)
{
    char address[300];

    if (path == NULL)
        return 0;
    snprintf(address, sizeof address, "unix:%s", path);
    return listen_at(demo, options, address, NULL, proxy_protocol);
}

static int listen_everywhere(struct demo *demo, const struct demo_options *options)
{
    int port, rc;

    if (options->port > UINT16_MAX)
        return -EINVAL;
    port = options->host != NULL ? listen_on(demo, options, options->host, options->port)
                                 : listen_locally(demo, options);
    if (port < 0)
        return port;
    if ((rc = listen_on_unix(demo, options, options->unix_path, 0)) < 0 ||
        (rc = listen_on_unix(demo, options, options->proxy_path, 1)) < 0 ||
        (options->address != NULL &&
         (rc = listen_at(demo, options, options->address, NULL, 0)) < 0))
        return rc;
    if (options->port == 0)
        printf("PORT %d\n", port);
    printf("Yodel demo on %s://%s:%d\n", options->tls_cert != NULL ? "https" : "http",
           options->host != NULL ? options->host : "localhost", port);
    fflush(stdout);
    return 0;
}

/* From the demo that runs now, if there is one; and to the next.  path NULL: nothing to do. */
static int take_over(struct demo *demo, const char *path)
{
    int rc;

    if (path == NULL)
        return 0;
    rc = yodel_server_takeover(demo->server, path);
    return rc >= 0 ? yodel_server_handover(demo->server, path) : rc;
}

int main(int argc, char **argv)
{
    struct demo_options options;
    struct demo demo = {0};
    int rc = demo_options_parse(argc, argv, &options);

    if (rc != 0)
        return rc < 0 ? 2 : 0;
    raise_descriptor_limit();
    if ((rc = make_server(&demo, &options)) < 0)
        goto done;
    if ((rc = add_routes(&demo, &options)) < 0)
        goto done;
    if ((rc = take_over(&demo, options.takeover_path)) < 0)
        goto done;
    if ((rc = listen_everywhere(&demo, &options)) < 0)
        goto done;
    if ((rc = demo_worker_start(&demo)) < 0)
        goto done;
    if ((rc = demo_notifier_start(&demo, options.notify_ms)) < 0)
        goto done;
    rc = yodel_server_run(demo.server);

done:
    if (rc < 0)
        fprintf(stderr, "yodel-demo: %s\n", yodel_strerror(rc));
    demo_notifier_stop(&demo);
    demo_worker_stop(&demo);
    yodel_cluster_unref(demo.cluster);
    yodel_redis_unref(demo.redis);
    yodel_sio_unref(demo.sio);
    yodel_channels_unref(demo.channels);
    yodel_server_unref(demo.server);
    demo_options_done(&options);
    return rc < 0;
}
