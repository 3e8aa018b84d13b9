/* SPDX-License-Identifier: MIT */
#include "channels_redis/asgi_pop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/json_number.h"

/* Redis 7 gives many at a time; before that one, and then what there is beside it. */
enum mode { MANY = 0, ONE, REST };

struct yd_asgi_pop {
    struct yd_redis_reader reader;
    struct yd_asgi_host *host;
    struct yd_asgi_receiver *receiver; /* NULL: the messages say whom they are for */
    uint8_t mode;
    bool runs;
    char key[];
};

#define BLOCK_S "5"
#define BLOCK_MS 5000
#define COUNT "128"
#define UNIQUE_LEN 12

static int add(struct yd_redis_words *words, const char *const *texts)
{
    int rc = 0;

    for (; *texts != NULL && rc == 0; texts++)
        rc = yd_redis_words_add_text(words, *texts);
    return rc;
}

static int make(struct yd_redis_reader *reader, struct yd_redis_words *words)
{
    struct yd_asgi_pop *pop = yd_container_of(reader, struct yd_asgi_pop, reader);
    const char *many[] = {"BZMPOP", BLOCK_S, "1", pop->key, "MIN", "COUNT", COUNT, NULL};
    const char *one[] = {"BZPOPMIN", pop->key, BLOCK_S, NULL};
    const char *rest[] = {"ZPOPMIN", pop->key, COUNT, NULL};

    return add(words, pop->mode == MANY ? many : pop->mode == ONE ? one : rest);
}

/* A message with its score, which is when it was sent. */
static void take(struct yd_asgi_pop *pop, yodel_str member, yodel_str score)
{
    struct yd_asgi *asgi = pop->host->asgi;
    yodel_bytes message = {(const uint8_t *)member.ptr + UNIQUE_LEN, member.len - UNIQUE_LEN};
    struct yd_asgi_to to = {.receiver = pop->receiver};
    double oldest = (double)yd_asgi_now_us() / 1e6 - asgi->expiry_s;

    if (score.len == 0 || score.ptr[0] < '0' || score.ptr[0] > '9' || member.len < UNIQUE_LEN) {
        yd_asgi_count(&asgi->counters.malformed, 1);
    } else if (yd_json_to_double(score) < oldest) {
        yd_asgi_count(&asgi->counters.expired, 1);
    } else {
        yd_asgi_take(asgi, message, &to);
    }
}

static yodel_str text_at(const struct yd_redis_reply *reply, size_t i)
{
    return i < reply->num ? reply->elements[i]->text : (yodel_str){NULL, 0};
}

/* One after the other: member, score.  A handler may stop all this. */
static void take_flat(struct yd_asgi_pop *pop, const struct yd_redis_reply *reply, size_t from)
{
    for (size_t i = from; i + 1 < reply->num; i += 2)
        take(pop, text_at(reply, i), text_at(reply, i + 1));
}

static void take_pairs(struct yd_asgi_pop *pop, const struct yd_redis_reply *pairs)
{
    for (size_t i = 0; i < pairs->num; i++)
        take(pop, text_at(pairs->elements[i], 0), text_at(pairs->elements[i], 1));
}

static bool is_unknown(const struct yd_redis_reply *reply)
{
    static const char text[] = "ERR unknown command";

    return yd_redis_is_error(reply) && reply->text.len >= sizeof text - 1 &&
           memcmp(reply->text.ptr, text, sizeof text - 1) == 0;
}

static void on_reply(struct yd_redis_reader *reader, const struct yd_redis_reply *reply)
{
    struct yd_asgi_pop *pop = yd_container_of(reader, struct yd_asgi_pop, reader);
    bool is_list = reply != NULL && reply->type == YODEL_REDIS_ARRAY;
    uint8_t mode = pop->mode;

    if (mode == MANY && is_unknown(reply))
        pop->mode = ONE;
    else if (mode == ONE && is_list)
        pop->mode = REST;
    else if (mode == REST)
        pop->mode = ONE;
    if (!is_list)
        return;
    if (mode == MANY && reply->num == 2)
        take_pairs(pop, reply->elements[1]);
    else if (mode != MANY)
        take_flat(pop, reply, mode == ONE ? 1 : 0);
}

struct yd_asgi_pop *yd_asgi_pop_new(struct yd_asgi_host *host, struct yd_asgi_receiver *receiver,
                                    yodel_str channel)
{
    const struct yd_asgi *asgi = host->asgi;
    size_t size = strlen(asgi->prefix) + channel.len + 1;
    struct yd_asgi_pop *pop = yd_zalloc(asgi->mem, sizeof *pop + size);

    if (pop == NULL)
        return NULL;
    (void)snprintf(pop->key, size, "%s%.*s", asgi->prefix, (int)channel.len, channel.ptr);
    pop->host = host;
    pop->receiver = receiver;
    pop->reader.make = make;
    pop->reader.on_reply = on_reply;
    pop->reader.block_ms = BLOCK_MS;
    pop->reader.key = yodel_str_of(pop->key);
    return pop;
}

/* What a worker of Django that died had taken comes back, as its next one would have it. */
static void take_back(const struct yd_asgi_pop *pop)
{
    static const char script[] =
        "local r=redis.call('ZRANGE',KEYS[1]..'$inflight',0,-1,'WITHSCORES')\n"
        "for i=1,#r,2 do redis.call('ZADD',KEYS[1],r[i+1],r[i]) end\n"
        "redis.call('DEL',KEYS[1]..'$inflight')\n";
    yodel_bytes argv[] = {{(const uint8_t *)"EVAL", 4},
                          {(const uint8_t *)script, sizeof script - 1},
                          {(const uint8_t *)"1", 1},
                          {(const uint8_t *)pop->key, strlen(pop->key)}};
    struct yd_redis_command command = {.argc = 4, .argv = argv, .key = yodel_str_of(pop->key)};

    (void)yd_redis_command(pop->host->redis, &command);
}

int yd_asgi_pop_start(struct yd_asgi_pop *pop)
{
    int rc;

    if (pop->receiver != NULL)
        take_back(pop);
    if ((rc = yd_redis_reader_start(pop->host->redis, &pop->reader)) == 0)
        pop->runs = true;
    return rc;
}

void yd_asgi_pop_stop(struct yd_asgi_pop *pop)
{
    if (pop->runs)
        yd_redis_reader_stop(&pop->reader);
    pop->runs = false;
}

const char *yd_asgi_pop_key(const struct yd_asgi_pop *pop)
{
    return pop->key;
}

void yd_asgi_pop_free(struct yd_asgi_pop *pop)
{
    if (pop != NULL)
        yd_free(pop->host->asgi->mem, pop);
}
