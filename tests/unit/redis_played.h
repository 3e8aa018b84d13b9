/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_REDIS_PLAYED_H
#define YD_TESTS_REDIS_PLAYED_H

#include <string.h>

#include "base/container.h"
#include "redis/redis.h"

/* The functions of the Redis client in the place of the real ones, for the one file that includes
 * this: commands are noted, and the test answers them. */

#define MAX_COMMANDS 200

struct yodel_redis {
    int refs;
    int failing; /* what commands return */
};

struct command {
    char text[300]; /* words with blanks between; scripts and times are left out */
    uint8_t last[500];
    size_t last_len;
    yd_redis_reply_fn *fn;
    void *arg;
    bool answered;
};

static struct {
    struct yd_loop *loop;
    struct yodel_redis redis;
    struct command commands[MAX_COMMANDS];
    unsigned num_commands, num_seen;
    struct yd_redis_reader *readers[4];
    unsigned num_readers;
    struct yd_redis_sub *subs[8];
    unsigned num_subs;
    struct yd_redis_watcher *watcher;
    char told[1000];
} played;

yodel_redis *yodel_redis_ref(yodel_redis *redis)
{
    redis->refs++;
    return redis;
}

yodel_redis *yodel_redis_unref(yodel_redis *redis)
{
    if (redis != NULL)
        redis->refs--;
    return NULL;
}

struct yd_loop *yd_redis_loop(const yodel_redis *redis)
{
    return played.loop;
}

const struct yodel_log_sink *yd_redis_log(const yodel_redis *redis)
{
    return NULL;
}

bool yd_redis_may_log(yodel_redis *redis)
{
    return false;
}

/* A word of a command as a test reads it. */
static void note_word(struct command *command, yodel_bytes word)
{
    size_t len = strlen(command->text);
    bool is_text = word.len < 80 && memchr(word.ptr, '\0', word.len) == NULL &&
                   memchr(word.ptr, '\n', word.len) == NULL;
    bool is_time = word.len > 9 && word.ptr[0] >= '1' && word.ptr[0] <= '9' && word.ptr[1] <= '9';

    snprintf(command->text + len, sizeof command->text - len, "%s%.*s", len > 0 ? " " : "",
             is_text && !is_time ? (int)word.len : 1,
             is_text && !is_time ? (const char *)word.ptr
             : is_time           ? "T"
                                 : "*");
}

int yd_redis_command(yodel_redis *redis, const struct yd_redis_command *given)
{
    struct command *command = &played.commands[played.num_commands];
    yodel_bytes last = given->argv[given->argc - 1];

    if (redis->failing < 0)
        return redis->failing;
    assert_true(played.num_commands < MAX_COMMANDS);
    played.num_commands++;
    memset(command, 0, sizeof *command);
    for (size_t i = 0; i < given->argc; i++)
        note_word(command, given->argv[i]);
    command->last_len = YD_MIN(last.len, sizeof command->last);
    memcpy(command->last, last.ptr, command->last_len);
    command->fn = given->fn;
    command->arg = given->arg;
    return 0;
}

int yd_redis_subscribe(yodel_redis *redis, struct yd_redis_sub *sub)
{
    assert_true(played.num_subs < 8);
    played.subs[played.num_subs++] = sub;
    return 0;
}

void yd_redis_unsubscribe(yodel_redis *redis, struct yd_redis_sub *sub)
{
    for (unsigned i = 0; i < played.num_subs; i++)
        if (played.subs[i] == sub)
            played.subs[i] = played.subs[--played.num_subs];
}

int yd_redis_words_add_text(struct yd_redis_words *words, const char *word)
{
    size_t len = strlen(played.told);

    snprintf(played.told + len, sizeof played.told - len, "%s ", word);
    return 0;
}

int yd_redis_reader_start(yodel_redis *redis, struct yd_redis_reader *reader)
{
    assert_true(played.num_readers < 4);
    played.readers[played.num_readers++] = reader;
    return 0;
}

void yd_redis_reader_stop(struct yd_redis_reader *reader)
{
    played.num_readers--;
}

void yd_redis_on_state(yodel_redis *redis, struct yd_redis_watcher *watcher)
{
    played.watcher = watcher;
}

void yd_redis_off_state(yodel_redis *redis, struct yd_redis_watcher *watcher)
{
    played.watcher = NULL;
}

#endif
