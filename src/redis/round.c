/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/core.h"
#include "redis/round.h"

/* Readers that block, each on a connection of its own. */

/* After a round that has failed, ms. */
#define PAUSE_MS 500
#define MOST_WORDS 4096

/* ---- words ---- */

struct yd_redis_words {
    const struct yodel_allocator *mem;
    struct yd_buf text;  /* one after the other */
    struct yd_buf sizes; /* of size_t */
    size_t num;
};

int yd_redis_words_add(struct yd_redis_words *words, yodel_bytes word)
{
    int rc;

    if (words->num == MOST_WORDS)
        return YODEL_ERR_TOO_BIG;
    if ((rc = yd_buf_reserve(words->mem, &words->sizes, sizeof word.len)) < 0 ||
        (rc = yd_buf_append(words->mem, &words->text, word.ptr, word.len)) < 0)
        return rc;
    (void)yd_buf_append(words->mem, &words->sizes, &word.len, sizeof word.len);
    words->num++;
    return 0;
}

int yd_redis_words_add_text(struct yd_redis_words *words, const char *word)
{
    return yd_redis_words_add(words, (yodel_bytes){(const uint8_t *)word, strlen(word)});
}

static void words_done(struct yd_redis_words *words)
{
    yd_buf_free(words->mem, &words->text);
    yd_buf_free(words->mem, &words->sizes);
}

/* As a command; NULL when out of memory. */
static uint8_t *words_write(const struct yd_redis_words *words, size_t *ret_len)
{
    yodel_bytes *argv = yd_alloc_array(words->mem, words->num, sizeof *argv);
    const uint8_t *at = words->text.ptr;
    uint8_t *wire;

    if (argv == NULL)
        return NULL;
    for (size_t i = 0; i < words->num; i++) {
        memcpy(&argv[i].len, words->sizes.ptr + i * sizeof argv[i].len, sizeof argv[i].len);
        argv[i].ptr = at;
        at += argv[i].len;
    }
    *ret_len = yd_resp_command_size(words->num, argv);
    if ((wire = yd_alloc(words->mem, *ret_len)) != NULL)
        yd_resp_command_write(wire, words->num, argv);
    yd_free(words->mem, argv);
    return wire;
}

/* ---- rounds ---- */

struct yd_redis_round {
    struct yd_list node;
    struct yd_redis_link link;
    struct yd_redis_reader *reader; /* NULL: stopped, and freed later */
    struct yd_timer pause;
    bool waits;       /* for a reply */
    char command[24]; /* its name */
};

static struct yd_redis_round *round_of(struct yd_redis_link *link)
{
    return yd_container_of(link, struct yd_redis_round, link);
}

static void rest(struct yd_redis_round *round)
{
    struct yd_loop *loop = round->link.redis->env.loop;

    yd_timer_start(&loop->wheel, &round->pause, yd_loop_due(loop, PAUSE_MS));
}

static void note_command(struct yd_redis_round *round, const struct yd_redis_words *words)
{
    size_t len;

    memcpy(&len, words->sizes.ptr, sizeof len);
    (void)snprintf(round->command, sizeof round->command, "%.*s",
                   (int)YD_MIN(len, sizeof round->command - 1), (const char *)words->text.ptr);
}

static void begin_round(struct yd_redis_round *round)
{
    struct yd_redis_words words = {.mem = round->link.redis->env.mem};
    struct yd_redis_reader *reader = round->reader;
    uint8_t *wire = NULL;
    size_t len = 0;
    int rc = reader->make(reader, &words);

    if (round->reader != NULL && rc == 0 && words.num > 0) {
        note_command(round, &words);
        wire = words_write(&words, &len);
    }
    words_done(&words);
    if (round->reader == NULL) {
        yd_free(words.mem, wire);
        return;
    }
    if (wire == NULL) {
        rest(round);
        return;
    }
    round->waits = true;
    (void)yd_redis_link_send(&round->link, wire, len, 1);
    yd_free(words.mem, wire);
}

static void on_pause(struct yd_timer *timer)
{
    struct yd_redis_round *round = yd_container_of(timer, struct yd_redis_round, pause);

    if (round->link.awaits > 0)
        rest(round); /* a PONG is to come */
    else if (yd_redis_link_is_ready(&round->link))
        begin_round(round);
}

static bool starts_with(yodel_str text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

static bool is_ready(const struct yd_redis_round *round)
{
    const struct yd_redis_reader *reader = round->reader;

    return yd_redis_link_is_ready(&round->link) &&
           (reader->is_ready == NULL || reader->is_ready(reader));
}

/* What tells that it is at the wrong place, or has no right to be there. */
static bool must_leave(const struct yd_redis_reply *reply)
{
    return starts_with(reply->text, "NOAUTH") || starts_with(reply->text, "MOVED") ||
           starts_with(reply->text, "READONLY") || starts_with(reply->text, "CLUSTERDOWN") ||
           starts_with(reply->text, "UNBLOCKED");
}

static void on_reply(struct yd_redis_link *link, const struct yd_redis_reply *reply)
{
    struct yd_redis_round *round = round_of(link);
    bool failed = reply->type == YODEL_REDIS_ERROR, leave = failed && must_leave(reply), was_ready;
    yodel_redis *redis = link->redis;

    yd_redis_link_got(link);
    if (!round->waits) { /* a PONG while it rests */
        if (reply->type == YODEL_REDIS_ARRAY)
            yd_redis_link_fail(link, "a reply to nothing");
        return;
    }
    round->waits = false;
    if (failed && !yd_redis_tell_refusal(redis, yodel_str_of(round->command), reply->text) &&
        yd_redis_may_log(redis))
        yd_log(redis->env.log, YODEL_LOG_WARN, "redis refuses to read: %" YODEL_PRI,
               YODEL_ARG(reply->text));
    if (round->reader == NULL) /* what was told has stopped it */
        return;
    was_ready = is_ready(round);
    round->reader->on_reply(round->reader, reply);
    if (round->reader == NULL)
        return;
    if (is_ready(round) != was_ready)
        redis->hooks->changed(redis);
    if (leave) {
        redis->hooks->refresh(redis);
        yd_redis_link_fail(link, "it is at the wrong place");
    } else if (failed) {
        rest(round);
    } else if (yd_redis_link_is_ready(link)) {
        begin_round(round);
    }
}

static void on_ready(struct yd_redis_link *link)
{
    link->redis->hooks->changed(link->redis);
    begin_round(round_of(link));
}

static void on_lost(struct yd_redis_link *link)
{
    struct yd_redis_round *round = round_of(link);
    bool waited = round->waits;

    round->waits = false;
    yd_timer_stop(&link->redis->env.loop->wheel, &round->pause);
    link->redis->hooks->changed(link->redis);
    if (waited)
        round->reader->on_reply(round->reader, NULL);
}

static bool locate(struct yd_redis_link *link)
{
    const struct yd_redis_reader *reader = round_of(link)->reader;

    link->address = yd_redis_address_for(link->redis, reader->key);
    return yd_redis_locate(link);
}

/* It rests, and says nothing. */
static void on_quiet(struct yd_redis_link *link)
{
    (void)yd_redis_link_send(link, yd_redis_link_ping, sizeof yd_redis_link_ping - 1, 1);
}

static const struct yd_redis_link_ops link_ops = {
    .on_ready = on_ready,
    .on_reply = on_reply,
    .on_lost = on_lost,
    .on_quiet = on_quiet,
    .locate = locate,
    .on_failed = yd_redis_failed,
};

/* ---- readers ---- */

int yd_redis_reader_start(yodel_redis *redis, struct yd_redis_reader *reader)
{
    struct yd_redis_round *round;

    if (reader->round != NULL)
        return 0;
    if (redis->finishing || redis->ended)
        return YODEL_ERR_CLOSED;
    if ((round = yd_zalloc(redis->env.mem, sizeof *round)) == NULL)
        return -ENOMEM;
    round->reader = reader;
    round->link.redis = redis;
    round->link.ops = &link_ops;
    round->link.address = &redis->home.address;
    round->link.what = "a reader";
    round->link.extra_ms = reader->block_ms;
    round->link.waits_for_ever = reader->block_ms == 0;
    yd_redis_link_init(&round->link);
    yd_timer_init(&round->pause, on_pause);
    yd_list_append(&redis->rounds, &round->node);
    reader->round = round;
    if (redis->begun)
        yd_redis_link_start(&round->link);
    return 0;
}

void yd_redis_reader_stop(struct yd_redis_reader *reader)
{
    struct yd_redis_round *round = reader->round;
    yodel_redis *redis;

    if (round == NULL)
        return;
    redis = round->link.redis;
    reader->round = NULL;
    round->reader = NULL;
    yd_timer_stop(&redis->env.loop->wheel, &round->pause);
    yd_redis_link_stop(&round->link, false);
    redis->hooks->changed(redis); /* it is freed by that */
}

void yd_redis_rounds_begin(yodel_redis *redis)
{
    for (struct yd_list *node = redis->rounds.next; node != &redis->rounds; node = node->next) {
        struct yd_redis_round *round = yd_container_of(node, struct yd_redis_round, node);

        if (round->reader != NULL)
            yd_redis_link_start(&round->link);
    }
}

void yd_redis_rounds_go(yodel_redis *redis)
{
    for (struct yd_list *node = redis->rounds.next; node != &redis->rounds; node = node->next) {
        struct yd_redis_round *round = yd_container_of(node, struct yd_redis_round, node);

        if (round->link.phase == YD_REDIS_LINK_LOST)
            yd_redis_link_go(&round->link);
    }
}

void yd_redis_rounds_end(yodel_redis *redis)
{
    struct yd_list *node = redis->rounds.next;

    while (node != &redis->rounds) {
        struct yd_redis_round *round = yd_container_of(node, struct yd_redis_round, node);

        node = node->next;
        if (round->reader != NULL)
            yd_redis_reader_stop(round->reader);
    }
}

bool yd_redis_rounds_are_ready(const yodel_redis *redis)
{
    for (struct yd_list *node = redis->rounds.next; node != &redis->rounds; node = node->next) {
        const struct yd_redis_round *round =
            yd_container_of(node, const struct yd_redis_round, node);

        if (round->reader != NULL && !is_ready(round))
            return false;
    }
    return true;
}

void yd_redis_rounds_sweep(yodel_redis *redis)
{
    struct yd_list *node = redis->rounds.next;

    while (node != &redis->rounds) {
        struct yd_redis_round *round = yd_container_of(node, struct yd_redis_round, node);

        node = node->next;
        if (round->reader != NULL)
            continue;
        yd_list_remove(&round->node);
        yd_free(redis->env.mem, round);
    }
}
