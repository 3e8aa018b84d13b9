/* SPDX-License-Identifier: MIT */
/* A server with a client of Redis that does what lines of its standard input say, and tells on its
 * standard output what comes of it.  For tests/integration/test_redis.py, which has the list. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/yodel.h>

#include "base/container.h"
#include "base/mem.h"
#include "redis/redis.h"

#define MOST_NODES 8

static struct {
    yodel_server *server;
    yodel_redis *redis;
    yodel_redis_options options;
    const char *nodes[MOST_NODES];
    struct yd_list subs;
} app;

struct sub {
    struct yd_redis_sub base;
    struct yd_list node;
    char name[];
};

struct reader {
    struct yd_redis_reader base;
    char last[64];
    char name[64];
};

static struct reader reader;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)fflush(stdout);
}

/* ---- what comes ---- */

static void on_message(struct yd_redis_sub *base, yodel_str channel, yodel_bytes payload)
{
    if (payload.len > 200)
        say("message %" YODEL_PRI " %zu bytes (%" YODEL_PRI ")\n", YODEL_ARG(channel), payload.len,
            YODEL_ARG(base->name));
    else
        say("message %" YODEL_PRI " %.*s (%" YODEL_PRI ")\n", YODEL_ARG(channel), (int)payload.len,
            (const char *)payload.ptr, YODEL_ARG(base->name));
}

static void on_active(struct yd_redis_sub *base, bool active)
{
    say("%s %" YODEL_PRI "\n", active ? "active" : "inactive", YODEL_ARG(base->name));
}

static void on_state(yodel_redis *redis, yodel_redis_condition state, void *user)
{
    static const char *const names[] = {"down", "degraded", "up"};

    (void)redis;
    (void)user;
    say("state %s\n", names[state]);
}

static void say_reply(const struct yd_redis_reply *reply)
{
    if (reply == NULL) {
        say("reply lost\n");
    } else if (reply->type == YODEL_REDIS_INTEGER) {
        say("reply %lld\n", (long long)reply->integer);
    } else if (reply->type == YODEL_REDIS_ARRAY) {
        say("reply %zu elements\n", reply->num);
    } else {
        say("reply %s%" YODEL_PRI "\n", reply->type == YODEL_REDIS_ERROR ? "error " : "",
            YODEL_ARG(reply->text));
    }
}

static void on_reply(const struct yd_redis_reply *reply, void *arg)
{
    (void)arg;
    say_reply(reply);
}

/* ---- a reader of a stream ---- */

static int make(struct yd_redis_reader *base, struct yd_redis_words *words)
{
    struct reader *self = yd_container_of(base, struct reader, base);
    const char *all[] = {"XREAD", "BLOCK", "1000", "STREAMS", self->name, self->last};

    for (size_t i = 0; i < YD_LEN(all); i++)
        if (yd_redis_words_add_text(words, all[i]) < 0)
            return -1;
    return 0;
}

static void on_entries(struct yd_redis_reader *base, const struct yd_redis_reply *reply)
{
    struct reader *self = yd_container_of(base, struct reader, base);
    const struct yd_redis_reply *entries;

    if (reply == NULL || yd_redis_is_error(reply)) {
        say("reader %s\n", reply == NULL ? "lost" : "error");
        return;
    }
    if (reply->type != YODEL_REDIS_ARRAY || reply->num == 0)
        return;
    entries = reply->elements[0]->elements[1];
    for (size_t i = 0; i < entries->num; i++) {
        yodel_str id = entries->elements[i]->elements[0]->text;

        (void)snprintf(self->last, sizeof self->last, "%" YODEL_PRI, YODEL_ARG(id));
        say("entry %" YODEL_PRI "\n",
            YODEL_ARG(entries->elements[i]->elements[1]->elements[1]->text));
    }
}

/* ---- what lines say ---- */

static void subscribe(enum yd_redis_kind kind, const char *name)
{
    struct sub *sub = calloc(1, sizeof *sub + strlen(name) + 1);

    if (sub == NULL)
        abort();
    memcpy(sub->name, name, strlen(name) + 1);
    sub->base.kind = kind;
    sub->base.name = yodel_str_of(sub->name);
    sub->base.on_message = on_message;
    sub->base.on_active = on_active;
    yd_list_append(&app.subs, &sub->node);
    if (yd_redis_subscribe(app.redis, &sub->base) < 0)
        say("cannot subscribe\n");
}

static void drop(struct sub *sub)
{
    yd_redis_unsubscribe(app.redis, &sub->base);
    yd_list_remove(&sub->node);
    free(sub);
}

static void unsubscribe(const char *name)
{
    for (struct yd_list *node = app.subs.next; node != &app.subs; node = node->next) {
        struct sub *sub = yd_container_of(node, struct sub, node);

        if (strcmp(sub->name, name) != 0)
            continue;
        drop(sub);
        return;
    }
}

static void publish(char *rest, unsigned flags)
{
    char *payload = strchr(rest, ' ');
    int rc;

    if (payload == NULL)
        return;
    *payload++ = '\0';
    rc = yd_redis_publish(app.redis, yodel_str_of(rest),
                          (yodel_bytes){(const uint8_t *)payload, strlen(payload)}, flags);
    if (rc < 0)
        say("publish %s\n", yodel_error_name(rc));
}

/* "CHANNEL BYTES" */
static void publish_big(char *rest)
{
    char *number = strchr(rest, ' ');
    uint8_t *bytes;
    size_t len;
    int rc;

    if (number == NULL)
        return;
    *number++ = '\0';
    len = strtoul(number, NULL, 10);
    if ((bytes = calloc(1, len + 1)) == NULL)
        abort();
    rc = yd_redis_publish(app.redis, yodel_str_of(rest), (yodel_bytes){bytes, len}, 0);
    free(bytes);
    if (rc < 0)
        say("publish %s\n", yodel_error_name(rc));
}

static void command(char *rest)
{
    yodel_bytes argv[16];
    size_t argc = 0;
    char *save = NULL;

    for (char *word = strtok_r(rest, " ", &save); word != NULL && argc < YD_LEN(argv);
         word = strtok_r(NULL, " ", &save))
        argv[argc++] = (yodel_bytes){(const uint8_t *)word, strlen(word)};
    if (yd_redis_command(app.redis,
                         &(struct yd_redis_command){
                             .argc = argc,
                             .argv = argv,
                             .fn = on_reply,
                             .key = argc > 1 ? (yodel_str){(const char *)argv[1].ptr, argv[1].len}
                                             : (yodel_str){NULL, 0}}) < 0)
        say("command refused\n");
}

/* "PREFIX FROM TO": subscribes to PREFIX0 and so on. */
static void many(const char *rest, bool on)
{
    char prefix[64], name[96];
    unsigned from, to;

    if (sscanf(rest, "%63s %u %u", prefix, &from, &to) != 3)
        return;
    for (unsigned i = from; i < to; i++) {
        (void)snprintf(name, sizeof name, "%s%u", prefix, i);
        if (on)
            subscribe(YD_REDIS_CHANNEL, name);
        else
            unsubscribe(name);
    }
}

static void say_stats(void)
{
    yodel_redis_stats stats = {.size = sizeof stats};

    (void)yodel_redis_get_stats(app.redis, &stats);
    say("stats published=%llu received=%llu dropped=%llu malformed=%llu reconnects=%llu "
        "waiting=%llu subscriptions=%llu lag=%llu state=%d\n",
        (unsigned long long)stats.published, (unsigned long long)stats.received,
        (unsigned long long)stats.dropped, (unsigned long long)stats.malformed,
        (unsigned long long)stats.reconnects, (unsigned long long)stats.waiting,
        (unsigned long long)stats.subscriptions, (unsigned long long)stats.lag_ms,
        (int)yodel_redis_state(app.redis));
}

static void run_line(yodel_loop *loop, void *arg)
{
    char *line = arg, *rest = strchr(line, ' ');

    (void)loop;
    if (rest != NULL)
        *rest++ = '\0';
    else
        rest = line + strlen(line);
    if (strcmp(line, "sub") == 0)
        subscribe(YD_REDIS_CHANNEL, rest);
    else if (strcmp(line, "psub") == 0)
        subscribe(YD_REDIS_PATTERN, rest);
    else if (strcmp(line, "ssub") == 0)
        subscribe(YD_REDIS_SHARDED, rest);
    else if (strcmp(line, "unsub") == 0)
        unsubscribe(rest);
    else if (strcmp(line, "many") == 0)
        many(rest, true);
    else if (strcmp(line, "fewer") == 0)
        many(rest, false);
    else if (strcmp(line, "pub") == 0)
        publish(rest, 0);
    else if (strcmp(line, "spub") == 0)
        publish(rest, YD_REDIS_SHARD);
    else if (strcmp(line, "big") == 0)
        publish_big(rest);
    else if (strcmp(line, "cmd") == 0)
        command(rest);
    else if (strcmp(line, "stats") == 0)
        say_stats();
    else if (strcmp(line, "read") == 0) {
        (void)snprintf(reader.name, sizeof reader.name, "%s", rest);
        (void)snprintf(reader.last, sizeof reader.last, "$");
        (void)yd_redis_reader_start(app.redis, &reader.base);
    } else if (strcmp(line, "unread") == 0)
        yd_redis_reader_stop(&reader.base);
    else if (strcmp(line, "stop") == 0)
        yodel_server_stop(app.server, 3000);
    say("ok\n");
}

static void *read_lines(void *arg)
{
    yodel_loop *loop = yodel_server_loop(app.server, 0);
    char line[4096];

    (void)arg;
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *copy;

        line[strcspn(line, "\n")] = '\0';
        if ((copy = strdup(line)) == NULL || yodel_loop_post(loop, run_line, copy, free) < 0)
            break;
        if (strcmp(line, "stop") == 0)
            return NULL;
    }
    yodel_server_stop(app.server, 1000);
    return NULL;
}

/* ---- options ---- */

static void set_option(const char *name, const char *value)
{
    unsigned long number = strtoul(value, NULL, 10);
    yodel_redis_options *options = &app.options;

    if (strcmp(name, "url") == 0)
        options->url = value;
    else if (strcmp(name, "node") == 0 && options->num_nodes < MOST_NODES)
        app.nodes[options->num_nodes++] = value;
    else if (strcmp(name, "mode") == 0)
        options->mode = strcmp(value, "cluster") == 0    ? YODEL_REDIS_CLUSTER
                        : strcmp(value, "sentinel") == 0 ? YODEL_REDIS_SENTINEL
                                                         : YODEL_REDIS_SINGLE;
    else if (strcmp(name, "ca") == 0)
        options->ca_file = value;
    else if (strcmp(name, "server-name") == 0)
        options->server_name = value;
    else if (strcmp(name, "policy") == 0)
        options->policy = strcmp(value, "drop") == 0 ? YODEL_REDIS_DROP_OLDEST : YODEL_REDIS_REFUSE;
    else if (strcmp(name, "max-queue") == 0)
        options->max_queue = number;
    else if (strcmp(name, "max-publish") == 0)
        options->max_publish = number;
    else if (strcmp(name, "reply-ms") == 0)
        options->reply_ms = (uint32_t)number;
    else if (strcmp(name, "ping-ms") == 0)
        options->ping_ms = (uint32_t)number;
}

static void on_line(yodel_log_level level, yodel_str text, void *user)
{
    (void)user;
    (void)level;
    say("log %" YODEL_PRI "\n", YODEL_ARG(text));
}

int main(int argc, char **argv)
{
    yodel_log_sink log = {on_line, YODEL_LOG_INFO, NULL};
    pthread_t thread;
    int rc;

    yd_list_init(&app.subs);
    app.options.size = sizeof app.options;
    app.options.nodes = app.nodes;
    for (int i = 1; i + 1 < argc; i += 2)
        set_option(argv[i] + 2, argv[i + 1]);
    if (yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 2, .log = &log),
                         &app.server) < 0 ||
        (rc = yodel_redis_new(app.server, &app.options, &app.redis)) < 0) {
        say("cannot begin\n");
        return 1;
    }
    (void)yodel_redis_set_state_handler(app.redis, on_state, NULL);
    reader.base = (struct yd_redis_reader){.make = make, .on_reply = on_entries, .block_ms = 1000};
    if (pthread_create(&thread, NULL, read_lines, NULL) != 0)
        return 1;
    say("begun\n");
    rc = yodel_server_run(app.server);
    (void)pthread_join(thread, NULL);
    say("ended %d\n", rc);
    yd_redis_reader_stop(&reader.base);
    while (!yd_list_is_empty(&app.subs))
        drop(yd_container_of(app.subs.next, struct sub, node));
    yodel_redis_unref(app.redis);
    yodel_server_unref(app.server);
    return 0;
}
