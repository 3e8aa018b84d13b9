/* SPDX-License-Identifier: MIT */
/* An app as one of several nodes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yodel/carry.h>
#include <yodel/cluster.h>
#include <yodel/json.h>

#include "apps.h"

#define MOST_NODES 16

static void on_stats(yodel_request *req, void *user)
{
    struct app *app = user;
    yodel_carry_stats stats = {.size = sizeof stats};

    (void)yodel_server_get_carry_stats(app->server, &stats);
    (void)yodel_request_reply_pack(
        req, 200, "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "out", (json_int_t)stats.requests_out,
        "in", (json_int_t)stats.requests_in, "failed", (json_int_t)stats.requests_failed, "links",
        (json_int_t)stats.links, "made", (json_int_t)stats.links_made, "accepted",
        (json_int_t)stats.links_accepted, "refused", (json_int_t)stats.links_refused, "lost",
        (json_int_t)stats.links_lost, "malformed", (json_int_t)stats.malformed);
}

/* Cuts text, a copy, at its commas. */
static size_t split(char *text, const char *ret_nodes[MOST_NODES])
{
    size_t num = 0;
    char *rest = NULL;

    for (char *node = strtok_r(text, ",", &rest); node != NULL && num < MOST_NODES;
         node = strtok_r(NULL, ",", &rest))
        ret_nodes[num++] = node;
    return num;
}

/* The others are those that Redis knows. */
static int join_by_redis(struct app *app)
{
    const struct app_options *given = &app->options;
    yodel_redis *redis = NULL;
    yodel_cluster *cluster = NULL;
    int rc = yodel_redis_new(app->server, YODEL_OPTIONS(yodel_redis_options, .url = given->redis),
                             &redis);

    if (rc == 0)
        rc = yodel_cluster_new(app->server, redis,
                               YODEL_OPTIONS(yodel_cluster_options, .secret = given->secret),
                               &cluster);
    if (rc == 0)
        rc = yodel_server_carry(
            app->server,
            YODEL_OPTIONS(yodel_carry_options,
                          .listen = YODEL_OPTIONS(yodel_listen_options, .address = given->link),
                          .silent_ms = given->silent_ms, .ping_ms = given->silent_ms / 3,
                          .connect_ms = given->silent_ms));
    (void)yodel_cluster_unref(cluster);
    (void)yodel_redis_unref(redis);
    return rc < 0 ? rc : yodel_server_route(app->server, "GET /carry-stats", on_stats, app);
}

int app_join_nodes(struct app *app)
{
    const struct app_options *given = &app->options;
    const char *nodes[MOST_NODES];
    char text[1000];
    size_t num;
    int rc;

    if (given->nodes == NULL)
        return given->link != NULL ? join_by_redis(app) : 0;
    (void)snprintf(text, sizeof text, "%s", given->nodes);
    num = split(text, nodes);
    if (given->self >= num)
        return -EINVAL;
    yodel_tls_options tls = {
        .size = sizeof tls, .cert_file = given->node_cert, .key_file = given->node_key};
    yodel_listen_options listen = {.size = sizeof listen,
                                   .address = nodes[given->self],
                                   .tls = given->node_cert != NULL ? &tls : NULL};
    rc = yodel_server_carry(
        app->server, YODEL_OPTIONS(yodel_carry_options, .listen = &listen, .secret = given->secret,
                                   .nodes = nodes, .num_nodes = num, .self = given->self,
                                   .silent_ms = given->silent_ms, .ping_ms = given->silent_ms / 3,
                                   .connect_ms = given->silent_ms, .tls = given->node_cert != NULL,
                                   .tls_name = "localhost", .tls_ca_file = given->node_cert));
    return rc < 0 ? rc : yodel_server_route(app->server, "GET /carry-stats", on_stats, app);
}
