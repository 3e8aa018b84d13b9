/* SPDX-License-Identifier: MIT */
/* A node whose groups are kept in Redis: WebSockets on /GROUP?OFFSET come back to that group, with
 * what they have missed, and those on /GROUP are its members from then on; what they send goes to
 * it.  Lines of standard input say what else to do, and standard output tells what comes of it.
 * For tests/integration/test_history.py. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/yodel.h>

static struct {
    yodel_server *server;
    yodel_redis *redis;
    yodel_channels *channels;
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
    yodel_str name = yodel_request_param(req, "group"), query = yodel_request_query(req);
    char *group = strndup(name.ptr, name.len), from[YODEL_OFFSET_SIZE] = "";

    (void)user;
    if (group == NULL)
        return -1;
    yodel_ws_set_data(ws, group, free);
    if (query.len == 0)
        return yodel_group_add(app.channels, group, ws);
    if (!yodel_str_eq(query, YODEL_STR("all")))
        (void)snprintf(from, sizeof from, "%.*s", (int)query.len, query.ptr);
    return yodel_group_resume(app.channels, group, ws, from, 0, NULL, NULL);
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    (void)user;
    return yodel_group_send(app.channels, yodel_ws_data(ws), message->type, message->data);
}

/* ---- lines ---- */

static void on_history(const yodel_history *history, void *user)
{
    (void)user;
    say("history %s gone %d last %s:", yodel_error_name(history->result), history->gone,
        history->last);
    for (size_t i = 0; i < history->num_messages; i++)
        say(" %.*s", YODEL_ARG(((yodel_str){(const char *)history->messages[i].data.ptr,
                                            history->messages[i].data.len})));
    say("\n");
}

static void say_stats(void)
{
    yodel_history_redis_stats stats = {.size = sizeof stats};

    check(yodel_channels_get_history_stats(app.channels, &stats), "stats");
    say("stats appended=%llu received=%llu replayed=%llu too_old=%llu early=%llu refused=%llu "
        "gaps=%llu malformed=%llu waiting=%llu redis=%d\n",
        (unsigned long long)stats.appended, (unsigned long long)stats.received,
        (unsigned long long)stats.replayed, (unsigned long long)stats.too_old,
        (unsigned long long)stats.early, (unsigned long long)stats.refused,
        (unsigned long long)stats.gaps, (unsigned long long)stats.malformed,
        (unsigned long long)stats.waiting, (int)yodel_redis_state(app.redis));
}

static void run_line(yodel_loop *loop, void *arg)
{
    char *line = arg, *group = strchr(line, ' '), *from = NULL;

    (void)loop;
    if (group != NULL)
        *group++ = '\0';
    if (group != NULL && (from = strchr(group, ' ')) != NULL)
        *from++ = '\0';
    if (strcmp(line, "history") == 0 && group != NULL)
        check(yodel_group_history(app.channels, group, from, 0, on_history, NULL), "history");
    else if (strcmp(line, "forget") == 0 && group != NULL)
        check(yodel_group_forget_history(app.channels, group, on_history, NULL), "forget");
    else if (strcmp(line, "send") == 0 && from != NULL)
        check(yodel_group_send(app.channels, group, YODEL_WS_TEXT,
                               (yodel_bytes){(const uint8_t *)from, strlen(from)}),
              "send");
    else if (strcmp(line, "members") == 0 && group != NULL)
        say("members %zu\n", yodel_group_count(app.channels, group));
    else if (strcmp(line, "stats") == 0)
        say_stats();
    else
        say("what?\n");
}

static void *read_lines(void *arg)
{
    yodel_loop *loop = yodel_server_loop(app.server, 0);
    static char line[1 << 20];

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

/* history_app REDIS LOOPS MAX_MESSAGES TTL_MS MAX_QUEUE */
int main(int argc, char **argv)
{
    yodel_history_options options = {.size = sizeof options, .envelope = 1};
    yodel_history_redis_options in_redis = {.size = sizeof in_redis};
    pthread_t thread;
    unsigned port;

    if (argc != 6)
        return 2;
    options.max_messages = (unsigned)atoi(argv[3]);
    options.ttl_ms = (uint32_t)atoi(argv[4]);
    in_redis.max_queue = (size_t)atoi(argv[5]);
    check(yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = (unsigned)atoi(argv[2])),
                           &app.server),
          "server");
    check(
        yodel_redis_new(app.server, YODEL_OPTIONS(yodel_redis_options, .url = argv[1]), &app.redis),
        "redis");
    check(yodel_channels_new_memory(app.server, &app.channels), "channels");
    check(yodel_channels_keep_history(app.channels, "kept*", &options), "history");
    check(yodel_channels_keep_in_redis(app.channels, app.redis, &in_redis), "history in redis");
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
    yodel_channels_unref(app.channels);
    yodel_redis_unref(app.redis);
    yodel_server_unref(app.server);
    return 0;
}
