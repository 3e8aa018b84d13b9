/* SPDX-License-Identifier: MIT */
#include "serve/idempotency.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 500     /* when a post found no room */
#define MOST_MS 2000    /* for Redis; then this process's memory is enough */
#define BUSY_MS "90000" /* so long a command is under way at most: then its node has died */

/*
 * A value is a letter, the digest of the command in hex and, of an answer, its code, a blank and
 * its text.  ARGV: key, digest, how long one is under way.  Gives 0: fresh; 1: under way; 2: of
 * another command; or the answer.
 */
static const char ask_script[] = "local value = redis.call('GET', ARGV[1])\n"
                                 "if not value then\n"
                                 "  redis.call('SET', ARGV[1], 'B' .. ARGV[2], 'PX', ARGV[3])\n"
                                 "  return 0\n"
                                 "end\n"
                                 "if string.sub(value, 2, 65) ~= ARGV[2] then return 2 end\n"
                                 "if string.sub(value, 1, 1) == 'B' then return 1 end\n"
                                 "return string.sub(value, 66)\n";

/* Shared by who asks, and the reply, which comes on the first loop. */
struct yg_api_asking {
    yodel_loop *loop;
    yodel_timer timer; /* of that loop */
    uint64_t until_ms;
    yg_api_known_fn *fn;
    void *user;
    struct yg_state *owner;
    uint8_t key[YG_MEMORY_DIGEST];
    atomic_uint refs;
    atomic_bool is_given_up;
    atomic_bool has_reply; /* then: */
    enum yg_memory_state state;
    enum yg_problem problem;
    struct yg_text text;
};

static void unref(void *arg)
{
    struct yg_api_asking *asking = arg;

    if (atomic_fetch_sub(&asking->refs, 1) > 1)
        return;
    yg_text_done(&asking->text);
    free(asking);
}

/* ---- keys ---- */

static void put_hex(struct yg_text *text, const uint8_t *digest)
{
    for (unsigned i = 0; i < YG_MEMORY_DIGEST; i++)
        yg_text_printf(text, "%02x", digest[i]);
}

static void put_key(struct yg_text *text, const struct yg_state *state, const uint8_t *key)
{
    yg_text_printf(text, "%s:idempotency:", state->first->redis.prefix);
    put_hex(text, key);
}

static void forget(void *user, const uint8_t *key)
{
    struct yg_state *state = user;
    struct yg_text name = {0};

    put_key(&name, state, key);
    if (!yg_text_failed(&name))
        (void)yodel_redis_command(state->redis, 2,
                                  (const yodel_str[]){YODEL_STR("DEL"), {name.ptr, name.len}}, NULL,
                                  NULL, NULL);
    yg_text_done(&name);
}

/* ---- the reply ---- */

static void take_text(struct yg_api_asking *asking, yodel_str text)
{
    const char *blank = memchr(text.ptr, ' ', text.len);
    char code[64];

    if (blank == NULL || (size_t)(blank - text.ptr) >= sizeof(code))
        return;
    snprintf(code, sizeof(code), "%.*s", (int)(blank - text.ptr), text.ptr);
    asking->problem = yg_problem_of(code);
    yg_text_add(&asking->text, blank + 1, text.len - (size_t)(blank + 1 - text.ptr));
    if (!yg_text_failed(&asking->text))
        asking->state = YG_MEMORY_KNOWN;
}

static void take_reply(struct yg_api_asking *asking, const yodel_redis_reply *reply)
{
    static const enum yg_memory_state states[] = {YG_MEMORY_FRESH, YG_MEMORY_BUSY, YG_MEMORY_OTHER};
    const int64_t number = yodel_redis_reply_integer(reply);

    if (yodel_redis_reply_type(reply) == YODEL_REDIS_STRING)
        take_text(asking, yodel_redis_reply_text(reply));
    else if (yodel_redis_reply_type(reply) == YODEL_REDIS_INTEGER && number >= 0 && number < 3)
        asking->state = states[number];
}

/* Once: it is stopped by then, or was given up. */
static void finish(struct yg_api_asking *asking)
{
    const bool has_reply = atomic_load(&asking->has_reply);
    const struct yg_api_known known = {has_reply ? asking->state : YG_MEMORY_FAILED,
                                       asking->problem,
                                       {asking->text.ptr, asking->text.len}};
    yg_api_known_fn *fn = asking->fn;

    asking->fn = NULL;
    (void)yodel_timer_stop(&asking->timer);
    fn(&known, asking->user);
    unref(asking);
}

static void on_time(yodel_timer *timer, void *user)
{
    struct yg_api_asking *asking = user;

    (void)timer;
    if (atomic_load(&asking->has_reply) || yodel_loop_now(asking->loop) >= asking->until_ms)
        finish(asking);
}

static void on_post(yodel_loop *loop, void *arg)
{
    struct yg_api_asking *asking = arg;

    (void)loop;
    if (asking->fn != NULL)
        finish(asking);
}

/* A post that finds no room is no loss: the timer looks. */
static void on_reply(const yodel_redis_reply *reply, void *user)
{
    struct yg_api_asking *asking = user;

    take_reply(asking, reply);
    atomic_store(&asking->has_reply, true);
    if (atomic_load(&asking->is_given_up) && asking->state == YG_MEMORY_FRESH)
        forget(asking->owner, asking->key);
    atomic_fetch_add(&asking->refs, 1);
    (void)yodel_loop_post(asking->loop, on_post, asking, unref);
    unref(asking);
}

/* ---- the store ---- */

static int send_question(struct yg_state *state, struct yg_api_asking *asking, const uint8_t *key,
                         const uint8_t *command)
{
    struct yg_text name = {0}, digest = {0};
    int rc = -1;

    put_key(&name, state, key);
    put_hex(&digest, command);
    if (!yg_text_failed(&name) && !yg_text_failed(&digest))
        rc = yodel_redis_command(state->redis, 6,
                                 (const yodel_str[]){YODEL_STR("EVAL"),
                                                     yodel_str_of(ask_script),
                                                     YODEL_STR("0"),
                                                     {name.ptr, name.len},
                                                     {digest.ptr, digest.len},
                                                     YODEL_STR(BUSY_MS)},
                                 on_reply, asking, NULL);
    yg_text_done(&name);
    yg_text_done(&digest);
    return rc;
}

/* While Redis is away nobody waits for it. */
static struct yg_api_asking *begin(struct yg_state *state, yodel_loop *loop, const uint8_t *key,
                                   yg_api_known_fn *fn, void *fn_user)
{
    struct yg_api_asking *asking;

    if (yodel_redis_state(state->redis) == YODEL_REDIS_DOWN)
        return NULL;
    asking = calloc(1, sizeof(*asking));
    if (asking == NULL)
        return NULL;
    *asking = (struct yg_api_asking){.loop = loop,
                                     .until_ms = yodel_loop_now(loop) + MOST_MS,
                                     .fn = fn,
                                     .user = fn_user,
                                     .owner = state,
                                     .state = YG_MEMORY_FAILED};
    memcpy(asking->key, key, sizeof(asking->key));
    atomic_init(&asking->refs, 2);
    yodel_timer_init(&asking->timer, loop, on_time, asking);
    if (yodel_timer_start_periodic(&asking->timer, LOOK_MS) == 0)
        return asking;
    free(asking);
    return NULL;
}

/* Nothing was sent. */
static void undo(struct yg_api_asking *asking)
{
    (void)yodel_timer_stop(&asking->timer);
    free(asking);
}

static struct yg_api_asking *ask(void *user, yodel_loop *loop, const uint8_t *key,
                                 const uint8_t *command, uint32_t ttl_ms, yg_api_known_fn *fn,
                                 void *fn_user)
{
    struct yg_state *state = user;
    struct yg_api_asking *asking;

    if (ttl_ms == 0 || (asking = begin(state, loop, key, fn, fn_user)) == NULL)
        return NULL;
    if (send_question(state, asking, key, command) == 0)
        return asking;
    undo(asking);
    return NULL;
}

static void give_up(struct yg_api_asking *asking)
{
    asking->fn = NULL;
    (void)yodel_timer_stop(&asking->timer);
    atomic_store(&asking->is_given_up, true);
    if (atomic_load(&asking->has_reply) && asking->state == YG_MEMORY_FRESH)
        forget(asking->owner, asking->key);
    unref(asking);
}

static int send_answer(struct yg_state *state, struct yg_api_asking *asking, const uint8_t *key,
                       const struct yg_api_answer *answer)
{
    struct yg_text name = {0}, value = {0}, ms = {0};
    int rc = -1;

    put_key(&name, state, key);
    yg_text_putc(&value, 'D');
    put_hex(&value, answer->command);
    yg_text_printf(&value, "%s ", yg_problem_code(answer->problem));
    yg_text_add(&value, answer->text.ptr, answer->text.len);
    yg_text_printf(&ms, "%" PRIu32, answer->ttl_ms > 0 ? answer->ttl_ms : 1);
    if (!yg_text_failed(&name) && !yg_text_failed(&value) && !yg_text_failed(&ms))
        rc = yodel_redis_command(state->redis, 5,
                                 (const yodel_str[]){YODEL_STR("SET"),
                                                     {name.ptr, name.len},
                                                     {value.ptr, value.len},
                                                     YODEL_STR("PX"),
                                                     {ms.ptr, ms.len}},
                                 asking != NULL ? on_reply : NULL, asking, NULL);
    yg_text_done(&name);
    yg_text_done(&value);
    yg_text_done(&ms);
    return rc;
}

/* What cannot be waited for is sent all the same; what cannot be sent is forgotten. */
static struct yg_api_asking *keep(void *user, yodel_loop *loop, const uint8_t *key,
                                  const struct yg_api_answer *answer, yg_api_known_fn *fn,
                                  void *fn_user)
{
    struct yg_state *state = user;
    struct yg_api_asking *asking = begin(state, loop, key, fn, fn_user);

    if (send_answer(state, asking, key, answer) == 0)
        return asking;
    if (asking != NULL)
        undo(asking);
    forget(user, key);
    return NULL;
}

const struct yg_api_store *yg_idempotency_store(struct yg_state *state,
                                                struct yg_api_store *ret_store)
{
    if (state->redis == NULL)
        return NULL;
    *ret_store = (struct yg_api_store){
        .ask = ask, .give_up = give_up, .keep = keep, .forget = forget, .user = state};
    return ret_store;
}
