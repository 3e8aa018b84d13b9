/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_HISTORY_PLAYED_H
#define YD_TESTS_HISTORY_PLAYED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/container.h"
#include "base/mem.h"
#include "nodes_sim.h"
#include "redis/redis.h"

/* The functions of the Redis client in the place of the real ones, and a Redis that knows what
 * history asks of it.  Commands and what is published wait until the test says so. */

#define MOST 4000

struct played_entry {
    uint64_t a, b;
    char origin[64];
    char type[2];
    yodel_bytes data; /* owned */
};

struct played_command {
    struct played_command *next;
    size_t argc;
    yodel_bytes argv[120]; /* owned */
    yd_redis_reply_fn *fn;
    void *arg;
};

struct played_message {
    struct played_message *next;
    char channel[400];
    size_t len;
    uint8_t payload[];
};

struct yodel_redis {
    int refs, failing; /* failing: what commands return */
    struct yd_loop *loop;
    bool down, feed_down;
    const char *error; /* in place of each reply; NULL: none */
    struct yd_redis_watcher *watcher;
    struct yd_redis_sub *subs[32];
    unsigned num_subs, num_commands;
    struct played_command *commands;
    struct played_message *messages;
};

static struct {
    struct yodel_redis clients[NODES_SIM_MAX];
    char keys[8][400];
    struct played_entry entries[8][MOST];
    unsigned num[8]; /* of entries; the first one that is there */
    unsigned first[8];
    uint64_t now;
    void *arena[20000];
    unsigned num_arena;
} played;

/* ---- the client ---- */

static void played_drop_commands(struct yodel_redis *redis);

yodel_redis *yodel_redis_ref(yodel_redis *redis)
{
    redis->refs++;
    return redis;
}

static void played_free_messages(struct yodel_redis *redis)
{
    while (redis->messages != NULL) {
        struct played_message *next = redis->messages->next;

        free(redis->messages);
        redis->messages = next;
    }
}

yodel_redis *yodel_redis_unref(yodel_redis *redis)
{
    if (redis == NULL)
        return NULL;
    redis->refs--;
    played_drop_commands(redis);
    played_free_messages(redis);
    return NULL;
}

yodel_redis_condition yodel_redis_state(const yodel_redis *redis)
{
    bool up = !redis->down && !redis->feed_down;

    for (unsigned i = 0; i < redis->num_subs; i++)
        up = up && redis->subs[i]->active;
    return up ? YODEL_REDIS_UP : redis->down ? YODEL_REDIS_DOWN : YODEL_REDIS_DEGRADED;
}

struct yd_loop *yd_redis_loop(const yodel_redis *redis)
{
    return redis->loop;
}

const struct yodel_log_sink *yd_redis_log(const yodel_redis *redis)
{
    return NULL;
}

bool yd_redis_may_log(yodel_redis *redis)
{
    return false;
}

void yd_redis_on_state(yodel_redis *redis, struct yd_redis_watcher *watcher)
{
    redis->watcher = watcher;
}

void yd_redis_off_state(yodel_redis *redis, struct yd_redis_watcher *watcher)
{
    redis->watcher = NULL;
}

int yd_redis_command(yodel_redis *redis, const struct yd_redis_command *given)
{
    struct played_command *command, **end = &redis->commands;

    if (redis->failing < 0)
        return redis->failing;
    if ((command = calloc(1, sizeof *command)) == NULL)
        abort();
    assert_true(given->argc <= YD_LEN(command->argv));
    command->argc = given->argc;
    for (size_t i = 0; i < given->argc; i++) {
        uint8_t *copy = malloc(given->argv[i].len + 1);

        if (copy == NULL)
            abort();
        if (given->argv[i].len > 0)
            memcpy(copy, given->argv[i].ptr, given->argv[i].len);
        copy[given->argv[i].len] = '\0';
        command->argv[i] = (yodel_bytes){copy, given->argv[i].len};
    }
    command->fn = given->fn;
    command->arg = given->arg;
    while (*end != NULL)
        end = &(*end)->next;
    *end = command;
    redis->num_commands++;
    return 0;
}

int yd_redis_subscribe(yodel_redis *redis, struct yd_redis_sub *sub)
{
    assert_true(redis->num_subs < YD_LEN(redis->subs));
    redis->subs[redis->num_subs++] = sub;
    return 0;
}

void yd_redis_unsubscribe(yodel_redis *redis, struct yd_redis_sub *sub)
{
    for (unsigned i = 0; i < redis->num_subs; i++)
        if (redis->subs[i] == sub)
            redis->subs[i] = redis->subs[--redis->num_subs];
}

/* ---- replies ---- */

static void *played_alloc(size_t size)
{
    void *ptr = calloc(1, size);

    if (ptr == NULL || played.num_arena == YD_LEN(played.arena))
        abort();
    return played.arena[played.num_arena++] = ptr;
}

static const struct yd_redis_reply *played_text(const void *ptr, size_t len)
{
    struct yd_redis_reply *reply = played_alloc(sizeof *reply);

    reply->type = YODEL_REDIS_STRING;
    reply->text = (yodel_str){ptr, len};
    return reply;
}

static struct yd_redis_reply *played_list(size_t num)
{
    struct yd_redis_reply *reply = played_alloc(sizeof *reply);

    reply->type = YODEL_REDIS_ARRAY;
    reply->elements = played_alloc((num + 1) * sizeof reply->elements[0]);
    return reply;
}

static void played_push(struct yd_redis_reply *list, const struct yd_redis_reply *reply)
{
    list->elements[list->num++] = reply;
}

static const struct yd_redis_reply *played_id(const struct played_entry *entry)
{
    char *text = played_alloc(64);

    (void)snprintf(text, 64, "%llu-%llu", (unsigned long long)entry->a,
                   (unsigned long long)entry->b);
    return played_text(text, strlen(text));
}

static const struct yd_redis_reply *played_entry(const struct played_entry *entry)
{
    struct yd_redis_reply *reply = played_list(2), *fields = played_list(6);

    played_push(reply, played_id(entry));
    played_push(fields, played_text("o", 1));
    played_push(fields, played_text(entry->origin, strlen(entry->origin)));
    played_push(fields, played_text("t", 1));
    played_push(fields, played_text(entry->type, 1));
    played_push(fields, played_text("d", 1));
    played_push(fields, played_text(entry->data.ptr, entry->data.len));
    played_push(reply, fields);
    return reply;
}

/* ---- streams ---- */

static unsigned played_stream(const char *key)
{
    unsigned i = 0;

    while (played.keys[i][0] != '\0' && strcmp(played.keys[i], key) != 0)
        assert_true(++i < 8);
    (void)snprintf(played.keys[i], sizeof played.keys[i], "%s", key);
    return i;
}

static void played_drop_stream(unsigned s)
{
    for (; played.first[s] < played.num[s]; played.first[s]++)
        free((void *)(uintptr_t)played.entries[s][played.first[s]].data.ptr);
    played.first[s] = played.num[s] = 0;
}

static struct played_entry *played_top(unsigned s)
{
    return played.num[s] > played.first[s] ? &played.entries[s][played.num[s] - 1] : NULL;
}

static void played_publish(const char *channel, const void *payload, size_t len)
{
    for (unsigned i = 0; i < NODES_SIM_MAX; i++) {
        struct yodel_redis *redis = &played.clients[i];
        struct played_message **end = &redis->messages, *message;
        bool has = false;

        for (unsigned j = 0; j < redis->num_subs; j++)
            has = has || (redis->subs[j]->active && redis->subs[j]->name.len == strlen(channel) &&
                          memcmp(redis->subs[j]->name.ptr, channel, strlen(channel)) == 0);
        if (!has)
            continue;
        if ((message = calloc(1, sizeof *message + len + 1)) == NULL)
            abort();
        (void)snprintf(message->channel, sizeof message->channel, "%s", channel);
        memcpy(message->payload, payload, len);
        message->len = len;
        while (*end != NULL)
            end = &(*end)->next;
        *end = message;
    }
}

static const char *played_word(const struct played_command *command, size_t i)
{
    return (const char *)command->argv[i].ptr;
}

static struct played_entry *played_add(unsigned s, const char *origin, const char *type,
                                       yodel_bytes data)
{
    struct played_entry *top = played_top(s), *entry;
    uint64_t now = UINT64_C(1700000000000) + played.now;
    uint8_t *copy = malloc(data.len + 1);
    char head[200];
    struct yd_buf buf = {0};

    assert_true(played.num[s] < MOST);
    if (copy == NULL)
        abort();
    if (data.len > 0)
        memcpy(copy, data.ptr, data.len);
    entry = &played.entries[s][played.num[s]];
    entry->a = top != NULL && top->a > now ? top->a : now;
    entry->b = top != NULL ? top->b + 1 : now * 1000;
    (void)snprintf(entry->origin, sizeof entry->origin, "%s", origin);
    (void)snprintf(entry->type, sizeof entry->type, "%s", type);
    entry->data = (yodel_bytes){copy, data.len};
    played.num[s]++;
    (void)snprintf(head, sizeof head, "%llu-%llu\n%s\n%s\n", (unsigned long long)entry->a,
                   (unsigned long long)entry->b, origin, type);
    assert_int_equal(yd_buf_append(&yd_mem_default, &buf, head, strlen(head)), 0);
    assert_int_equal(yd_buf_append(&yd_mem_default, &buf, data.ptr, data.len), 0);
    played_publish(played.keys[s], buf.ptr, buf.len);
    yd_buf_free(&yd_mem_default, &buf);
    return entry;
}

static const struct played_entry *played_find(unsigned s, const char *origin)
{
    for (unsigned i = played.first[s]; i < played.num[s]; i++)
        if (strcmp(played.entries[s][i].origin, origin) == 0)
            return &played.entries[s][i];
    return NULL;
}

static const struct yd_redis_reply *played_append(const struct played_command *command)
{
    unsigned s = played_stream(played_word(command, 3));
    unsigned most = (unsigned)atoi(played_word(command, 4));
    bool again = strcmp(played_word(command, 7), "1") == 0;
    struct yd_redis_reply *reply = played_list(command->argc);

    for (size_t i = 9; i < command->argc; i += 3) {
        char origin[100];
        const struct played_entry *entry = NULL;

        (void)snprintf(origin, sizeof origin, "%s.%s", played_word(command, 8),
                       played_word(command, i));
        if (again)
            entry = played_find(s, origin);
        if (entry == NULL)
            entry = played_add(s, origin, played_word(command, i + 1), command->argv[i + 2]);
        played_push(reply, played_id(entry));
    }
    while (played.num[s] - played.first[s] > most)
        free((void *)(uintptr_t)played.entries[s][played.first[s]++].data.ptr);
    return reply;
}

static const struct yd_redis_reply *played_read(const struct played_command *command)
{
    unsigned s = played_stream(played_word(command, 3)), num = 0;
    const struct played_entry *top = played_top(s);
    uint64_t a = strtoull(played_word(command, 4), NULL, 10);
    uint64_t b = strtoull(played_word(command, 5), NULL, 10);
    unsigned most = (unsigned)atoi(played_word(command, 7));
    struct yd_redis_reply *reply = played_list(3), *list = played_list(MOST);

    if (top != NULL && (a > top->a || (a == top->a && b > top->b)))
        a = b = 0;
    played_push(reply,
                top != NULL ? played_id(&played.entries[s][played.first[s]]) : played_text("", 0));
    played_push(reply, top != NULL ? played_id(top) : played_text("", 0));
    for (unsigned i = played.num[s]; i > played.first[s] && (most == 0 || num < most); i--) {
        const struct played_entry *entry = &played.entries[s][i - 1];

        if (entry->a < a || (entry->a == a && entry->b <= b))
            break;
        played_push(list, played_entry(entry));
        num++;
    }
    played_push(reply, list);
    return reply;
}

static const struct yd_redis_reply *played_range(const struct played_command *command)
{
    unsigned s = played_stream(played_word(command, 1));
    unsigned most = (unsigned)atoi(played_word(command, 5));
    struct yd_redis_reply *list = played_list(MOST);
    unsigned long long a = 0, b = 0;

    if (strcmp(played_word(command, 0), "XREVRANGE") == 0) {
        if (played_top(s) != NULL)
            played_push(list, played_entry(played_top(s)));
        return list;
    }
    assert_int_equal(sscanf(played_word(command, 2), "%llu-%llu", &a, &b), 2);
    for (unsigned i = played.first[s]; i < played.num[s] && list->num < most; i++) {
        const struct played_entry *entry = &played.entries[s][i];

        if (entry->a > a || (entry->a == a && entry->b >= b))
            played_push(list, played_entry(entry));
    }
    return list;
}

static const struct yd_redis_reply *played_run(const struct played_command *command)
{
    if (strcmp(played_word(command, 0), "EVAL") != 0)
        return played_range(command);
    if (strncmp(played_word(command, 1), "redis.call('DEL'", 16) == 0) {
        struct yd_redis_reply *reply = played_list(3);

        played_drop_stream(played_stream(played_word(command, 3)));
        played_push(reply, played_text("", 0));
        played_push(reply, played_text("", 0));
        played_push(reply, played_list(0));
        return reply;
    }
    return command->argc > 9 ? played_append(command) : played_read(command);
}

/* ---- what the test says ---- */

static void played_end(struct yodel_redis *redis, const struct yd_redis_reply *reply)
{
    struct played_command *command = redis->commands;

    redis->commands = command->next;
    redis->num_commands--;
    if (command->fn != NULL)
        command->fn(reply, command->arg);
    for (size_t i = 0; i < command->argc; i++)
        free((void *)(uintptr_t)command->argv[i].ptr);
    free(command);
    while (played.num_arena > 0)
        free(played.arena[--played.num_arena]);
}

/* The first command; false: there is none. */
static bool played_serve(unsigned i)
{
    struct yodel_redis *redis = &played.clients[i];
    struct yd_redis_reply error = {.type = YODEL_REDIS_ERROR};

    if (redis->down || redis->commands == NULL)
        return false;
    nodes_sim_enter(redis->loop);
    if (redis->error != NULL)
        error.text = yodel_str_of(redis->error);
    played_end(redis, redis->error != NULL ? &error : played_run(redis->commands));
    nodes_sim_leave(redis->loop);
    return true;
}

/* The first message. */
static bool played_hear(unsigned i)
{
    struct yodel_redis *redis = &played.clients[i];
    struct played_message *message = redis->messages;

    if (message == NULL)
        return false;
    redis->messages = message->next;
    nodes_sim_enter(redis->loop);
    for (unsigned j = 0; j < redis->num_subs; j++) {
        struct yd_redis_sub *sub = redis->subs[j];

        if (sub->active && yodel_str_eq(sub->name, yodel_str_of(message->channel)))
            sub->on_message(sub, sub->name, (yodel_bytes){message->payload, message->len});
    }
    nodes_sim_leave(redis->loop);
    free(message);
    return true;
}

/* One that waits is confirmed. */
static bool played_confirm(unsigned i)
{
    struct yodel_redis *redis = &played.clients[i];

    for (unsigned j = 0; !redis->feed_down && j < redis->num_subs; j++) {
        if (redis->subs[j]->active)
            continue;
        redis->subs[j]->active = true;
        nodes_sim_enter(redis->loop);
        redis->subs[j]->on_active(redis->subs[j], true);
        nodes_sim_leave(redis->loop);
        return true;
    }
    return false;
}

static void played_drop_commands(struct yodel_redis *redis)
{
    while (redis->commands != NULL)
        played_end(redis, NULL);
}

/* The connection of commands is lost, after the first num have been carried out. */
static inline void played_cut_pipe(unsigned i, unsigned num)
{
    struct yodel_redis *redis = &played.clients[i];

    nodes_sim_enter(redis->loop);
    for (unsigned left = redis->num_commands; left > 0; left--) {
        if (num > 0) {
            num--;
            (void)played_run(redis->commands);
        }
        played_end(redis, NULL);
    }
    nodes_sim_leave(redis->loop);
}

static inline void played_cut_feed(unsigned i)
{
    struct yodel_redis *redis = &played.clients[i];

    played_free_messages(redis);
    nodes_sim_enter(redis->loop);
    for (unsigned j = 0; j < redis->num_subs; j++)
        if (redis->subs[j]->active) {
            redis->subs[j]->active = false;
            redis->subs[j]->on_active(redis->subs[j], false);
        }
    nodes_sim_leave(redis->loop);
}

static void played_stop(void)
{
    for (unsigned s = 0; s < 8; s++)
        played_drop_stream(s);
    memset(&played, 0, sizeof played);
}

#endif
