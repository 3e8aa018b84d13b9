/* SPDX-License-Identifier: MIT */
/* A node: WebSockets on /GROUP?DOCUMENT are members of that group, what they send goes to it; lines
 * of standard input say what else to do, and standard output tells what comes of it.  For
 * tests/integration/test_nodes.py. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/cluster.h>
#include <yodel/yodel.h>

static struct {
    yodel_server *server;
    yodel_redis *redis;
    yodel_cluster *cluster;
    yodel_channels *channels;
    yodel_watcher *watchers[8];
    unsigned num_watchers;
    unsigned long joined, left, changed;
} app;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)fflush(stdout);
}

static int check(int rc, const char *what)
{
    if (rc < 0) {
        (void)fprintf(stderr, "%s: %s\n", what, yodel_strerror(rc));
        exit(1);
    }
    return rc;
}

/* ---- members ---- */

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    yodel_str name = yodel_request_param(req, "group"), document = yodel_request_query(req);
    char *group = strndup(name.ptr, name.len);

    (void)user;
    if (group == NULL)
        return -1;
    yodel_ws_set_data(ws, group, free);
    return document.len > 0 ? yodel_group_add_json(app.channels, group, ws, document)
                            : yodel_group_add(app.channels, group, ws);
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    (void)user;
    return yodel_group_send(app.channels, yodel_ws_data(ws), message->type, message->data);
}

/* ---- what is told ---- */

static void on_node(const yodel_node *node, int is_here, void *user)
{
    (void)user;
    say("%s %s\n", is_here ? "joined" : "left", node->name);
}

static void on_presence(const yodel_presence *presence, void *user)
{
    (void)user;
    app.joined += presence->change == YODEL_PRESENCE_JOINED;
    app.left += presence->change == YODEL_PRESENCE_LEFT;
    app.changed += presence->change == YODEL_PRESENCE_CHANGED;
}

static void on_members(const yodel_group_members_result *result, void *user)
{
    (void)user;
    say("members %zu missing %u result %s\n", result->num_members, result->missing,
        yodel_error_name(result->result));
}

static void on_count(const yodel_group_count_result *result, void *user)
{
    (void)user;
    say("counted %llu missing %u result %s\n", (unsigned long long)result->count, result->missing,
        yodel_error_name(result->result));
}

static void say_node(const yodel_node *node, void *user)
{
    (void)user;
    say("node %s %s %s%s\n", node->name, node->tag, node->address, node->is_self ? " self" : "");
}

static void say_stats(void)
{
    yodel_cluster_stats stats = {.size = sizeof stats};
    yodel_channels_stats channels = {.size = sizeof channels};

    check(yodel_cluster_get_stats(app.cluster, &stats), "stats");
    check(yodel_channels_get_stats(app.channels, &channels), "stats");
    say("stats nodes=%llu lost=%llu malformed=%llu refused=%llu resyncs=%llu\n",
        (unsigned long long)stats.nodes, (unsigned long long)stats.lost,
        (unsigned long long)(stats.malformed + channels.malformed),
        (unsigned long long)stats.refused, (unsigned long long)channels.presence_resyncs);
}

/* ---- lines ---- */

static void watch(const char *group)
{
    if (app.num_watchers < sizeof app.watchers / sizeof app.watchers[0])
        check(yodel_group_watch(app.channels, group,
                                YODEL_OPTIONS(yodel_watch_options, .fn = on_presence),
                                &app.watchers[app.num_watchers++]),
              "watch");
}

static void run_line(yodel_loop *loop, void *arg)
{
    char *line = arg, *rest = strchr(line, ' ');

    (void)loop;
    if (rest != NULL)
        *rest++ = '\0';
    if (strcmp(line, "watch") == 0 && rest != NULL)
        watch(rest);
    else if (strcmp(line, "count") == 0)
        say("count %zu joined %lu left %lu changed %lu\n",
            app.num_watchers > 0 ? yodel_watcher_count(app.watchers[0]) : 0, app.joined, app.left,
            app.changed);
    else if (strcmp(line, "members") == 0 && rest != NULL)
        check(yodel_group_members(app.channels, rest, on_members, NULL), "members");
    else if (strcmp(line, "counted") == 0 && rest != NULL)
        check(yodel_group_count_all(app.channels, rest, on_count, NULL), "count");
    else if (strcmp(line, "nodes") == 0)
        say("nodes %d\n", check(yodel_cluster_each_node(app.cluster, say_node, NULL), "nodes"));
    else if (strcmp(line, "stats") == 0)
        say_stats();
    else
        say("what?\n");
}

static void *read_lines(void *arg)
{
    yodel_loop *loop = yodel_server_loop(app.server, 0);
    char line[4096];

    (void)arg;
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *copy;

        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "stop") == 0)
            break;
        if ((copy = strdup(line)) == NULL || yodel_loop_post(loop, run_line, copy, free) < 0)
            break;
    }
    yodel_server_stop(app.server, 1000);
    return NULL;
}

/* nodes_app REDIS NAME LOOPS */
int main(int argc, char **argv)
{
    pthread_t thread;
    unsigned port;

    if (argc != 4)
        return 2;
    check(yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = (unsigned)atoi(argv[3])),
                           &app.server),
          "server");
    check(
        yodel_redis_new(app.server, YODEL_OPTIONS(yodel_redis_options, .url = argv[1]), &app.redis),
        "redis");
    check(yodel_cluster_new(app.server, app.redis,
                            YODEL_OPTIONS(yodel_cluster_options, .name = argv[2],
                                          .address = "127.0.0.1:1", .on_node = on_node),
                            &app.cluster),
          "cluster");
    check(yodel_channels_new_memory(app.server, &app.channels), "channels");
    check(yodel_server_route_ws(
              app.server, "/{group}",
              YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect, .on_message = on_message),
              NULL),
          "route");
    port = (unsigned)check(yodel_server_listen(app.server, YODEL_OPTIONS(yodel_listen_options,
                                                                         .address = "127.0.0.1:0")),
                           "listen");
    say("PORT %u\n", port);
    if (pthread_create(&thread, NULL, read_lines, NULL) != 0)
        return 1;
    check(yodel_server_run(app.server), "run");
    pthread_join(thread, NULL);
    while (app.num_watchers > 0)
        (void)yodel_group_unwatch(app.watchers[--app.num_watchers]);
    yodel_channels_unref(app.channels);
    yodel_cluster_unref(app.cluster);
    yodel_redis_unref(app.redis);
    yodel_server_unref(app.server);
    return 0;
}
