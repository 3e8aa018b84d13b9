/* SPDX-License-Identifier: MIT */
#include "serve/consumers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_AT_ONCE "64"
#define BLOCK_MS "1000"
#define AGAIN_MS 500 /* when Redis has failed, or there was no room for a command */
#define ENTRY_ID 44  /* bytes of an entry's id, with its end */
#define GONE 5       /* leases without a read: the node of a consumer has gone */

/* Whether an entry may be carried out: a key is noted with its entry, so one that comes again is
 * known from another with its key.  KEYS are in ARGV: key, entry, time in ms. */
static const char key_script[] =
    "if redis.call('SET', ARGV[1], ARGV[2], 'NX', 'PX', ARGV[3]) then return 1 end\n"
    "if redis.call('GET', ARGV[1]) == ARGV[2] then return 1 end\n"
    "return 0\n";

/* Consumers of nodes that have gone, of whom nothing is left.  One that lives reads all the time,
 * and comes back by itself.  ARGV: stream, group, ms. */
static const char forget_script[] =
    "for _, about in ipairs(redis.call('XINFO', 'CONSUMERS', ARGV[1], ARGV[2])) do\n"
    "  local of = {}\n"
    "  for i = 1, #about, 2 do of[about[i]] = about[i + 1] end\n"
    "  if of.pending == 0 and of.idle > tonumber(ARGV[3]) then\n"
    "    redis.call('XGROUP', 'DELCONSUMER', ARGV[1], ARGV[2], of.name)\n"
    "  end\n"
    "end\n"
    "return 0\n";

enum outcome { DONE, REFUSED, BAD, REPEATED, NUM_OUTCOMES };
static const char *const outcome_words[] = {"done", "refused", "bad", "repeated"};

/* Where the next entries come from. */
enum source { LEFT, NEW };

struct entry {
    struct entry *next;
    char id[ENTRY_ID];
    size_t len;
    char text[];
};

struct consumer {
    struct yg_consumers *of;
    const struct yg_consumer *options; /* of the first configuration */
    yodel_redis *redis;                /* for commands that block, alone */
    yodel_timer again;
    enum source source;
    char cursor[ENTRY_ID]; /* of what was left */
    uint64_t claimed_ms;   /* when that was last looked through */
    struct entry *first, **end;
    struct yg_command *command; /* that waits for its key */
    struct yg_run *run;
    bool is_reading, is_running, has_group;
};

struct yg_consumers {
    struct yg_state *state;
    yodel_loop *loop;
    bool has_ended;
    atomic_uint_least64_t counts[NUM_OUTCOMES];
    size_t num;
    struct consumer items[];
};

static void go_on(struct consumer *consumer);

static void count(struct consumer *consumer, enum outcome outcome)
{
    atomic_fetch_add_explicit(&consumer->of->counts[outcome], 1, memory_order_relaxed);
}

static void wait(struct consumer *consumer)
{
    (void)yodel_timer_start(&consumer->again, AGAIN_MS);
}

/* ---- entries ---- */

static void free_first(struct consumer *consumer)
{
    struct entry *entry = consumer->first;

    consumer->first = entry->next;
    if (consumer->first == NULL)
        consumer->end = &consumer->first;
    free(entry);
}

static void acknowledge(struct consumer *consumer, const char *id)
{
    (void)yodel_redis_command(
        consumer->of->state->redis, 4,
        (const yodel_str[]){YODEL_STR("XACK"), yodel_str_of(consumer->options->stream),
                            yodel_str_of(consumer->options->group), yodel_str_of(id)},
        NULL, NULL, NULL);
}

static void end_first(struct consumer *consumer, enum outcome outcome)
{
    count(consumer, outcome);
    acknowledge(consumer, consumer->first->id);
    free_first(consumer);
}

static void tell(struct consumer *consumer, const char *what, const char *detail)
{
    yg_log_event(consumer->of->state, YG_LOG_WARN, "consumer.refused",
                 "consumer %s: entry %s: %s%s%s", consumer->options->stream, consumer->first->id,
                 what, *detail != '\0' ? ": " : "", detail);
}

/* The field "command" of an entry; NULL: it was deleted, or has none. */
static const yodel_redis_reply *command_of(const yodel_redis_reply *fields)
{
    for (size_t i = 0; i + 1 < yodel_redis_reply_count(fields); i += 2) {
        if (yodel_str_eq(yodel_redis_reply_text(yodel_redis_reply_at(fields, i)),
                         YODEL_STR("command")))
            return yodel_redis_reply_at(fields, i + 1);
    }
    return NULL;
}

/* Returns 0 or -ENOMEM. */
static int add_entry(struct consumer *consumer, const yodel_redis_reply *reply)
{
    const yodel_str id = yodel_redis_reply_text(yodel_redis_reply_at(reply, 0));
    const yodel_str text = yodel_redis_reply_text(command_of(yodel_redis_reply_at(reply, 1)));
    struct entry *entry;

    if (id.len == 0 || id.len >= ENTRY_ID)
        return 0;
    entry = calloc(1, sizeof(*entry) + text.len + 1);
    if (entry == NULL)
        return -ENOMEM;
    memcpy(entry->id, id.ptr, id.len);
    memcpy(entry->text, text.ptr != NULL ? text.ptr : "", text.len);
    entry->len = text.len;
    *consumer->end = entry;
    consumer->end = &entry->next;
    return 0;
}

/* What memory does not reach for is taken over again, as if it had been left. */
static void add_entries(struct consumer *consumer, const yodel_redis_reply *entries)
{
    for (size_t i = 0; i < yodel_redis_reply_count(entries); i++)
        (void)add_entry(consumer, yodel_redis_reply_at(entries, i));
}

/* ---- commands ---- */

static void on_answer(const struct yg_answer *answer, void *user)
{
    struct consumer *consumer = user;

    consumer->run = NULL;
    consumer->is_running = false;
    if (answer->problem == YG_PROBLEM_OVERLOADED) {
        wait(consumer);
        return;
    }
    if (answer->problem != YG_PROBLEM_NONE)
        tell(consumer, yg_problem_code(answer->problem),
             answer->detail != NULL ? answer->detail : "");
    end_first(consumer, answer->problem != YG_PROBLEM_NONE ? REFUSED : DONE);
    go_on(consumer);
}

static void execute(struct consumer *consumer)
{
    const struct yg_caller caller = {.loop = consumer->of->loop, .uncounted = true};
    struct yg_command *command = consumer->command;

    consumer->command = NULL;
    consumer->is_running = true;
    yg_execute(&consumer->of->state->service, command, &caller, on_answer, consumer,
               &consumer->run);
}

static void on_key(const yodel_redis_reply *reply, void *user)
{
    struct consumer *consumer = user;
    const bool is_known = yodel_redis_reply_type(reply) == YODEL_REDIS_INTEGER;

    consumer->is_running = false;
    if (consumer->of->has_ended)
        return;
    if (is_known && yodel_redis_reply_integer(reply) == 1) {
        execute(consumer);
        return;
    }
    yg_command_free(consumer->command);
    consumer->command = NULL;
    if (!is_known) {
        wait(consumer);
        return;
    }
    end_first(consumer, REPEATED);
    go_on(consumer);
}

static void ask_key(struct consumer *consumer)
{
    const struct yg_state *state = consumer->of->state;
    struct yg_text key = {0}, ms = {0};
    int rc = -ENOMEM;

    yg_text_printf(&key, "%s:key:%s:%s", state->first->redis.prefix, consumer->options->group,
                   consumer->command->key);
    yg_text_printf(&ms, "%" PRIu32,
                   state->first->api.idempotency_ms > 0 ? state->first->api.idempotency_ms : 1);
    if (!yg_text_failed(&key) && !yg_text_failed(&ms))
        rc = yodel_redis_command(state->redis, 6,
                                 (const yodel_str[]){YODEL_STR("EVAL"),
                                                     yodel_str_of(key_script),
                                                     YODEL_STR("0"),
                                                     {key.ptr, key.len},
                                                     yodel_str_of(consumer->first->id),
                                                     {ms.ptr, ms.len}},
                                 on_key, consumer, NULL);
    yg_text_done(&key);
    yg_text_done(&ms);
    if (rc == 0) {
        consumer->is_running = true;
        return;
    }
    yg_command_free(consumer->command);
    consumer->command = NULL;
    wait(consumer);
}

/* Nobody waits for acknowledgements.  0, -ENOMEM, -EINVAL: it was told. */
static int parse(struct consumer *consumer)
{
    const struct entry *entry = consumer->first;
    char error[160];
    struct yg_json wrong;
    json_t *json = NULL;
    int rc = yg_json_parse(entry->text, entry->len, error, &json);

    if (rc == -EINVAL) {
        tell(consumer, "its field \"command\" is no JSON", error);
        return rc;
    }
    if (rc == 0)
        rc = yg_command_parse(json, "", false, &wrong, &consumer->command);
    if (rc == -EINVAL)
        tell(consumer, wrong.pointer[0] != '\0' ? wrong.pointer : "wrong", wrong.detail);
    json_decref(json);
    if (rc == 0)
        consumer->command->wants_ack = false;
    return rc;
}

/* Returns whether the next may follow at once. */
static bool begin(struct consumer *consumer)
{
    const int rc = parse(consumer);

    if (rc == -EINVAL) {
        end_first(consumer, BAD);
        return true;
    }
    if (rc < 0) {
        wait(consumer);
        return false;
    }
    if (consumer->command->key != NULL)
        ask_key(consumer);
    else
        execute(consumer);
    return false;
}

/* ---- reading ---- */

static void make_group(struct consumer *consumer);

/* {stream, entries}: of the one stream. */
static const yodel_redis_reply *entries_of(const yodel_redis_reply *reply)
{
    return yodel_redis_reply_at(yodel_redis_reply_at(reply, 0), 1);
}

static bool has_failed(struct consumer *consumer, const yodel_redis_reply *reply)
{
    const yodel_str text = yodel_redis_reply_text(reply);

    if (yodel_redis_reply_type(reply) == YODEL_REDIS_ERROR) {
        if (text.len > 7 && memcmp(text.ptr, "NOGROUP", 7) == 0)
            consumer->has_group = false;
        yg_log_lasting(consumer->of->state, YG_LOG_ERROR, "consumer.failed", "consumer %s: %.*s",
                       consumer->options->stream, (int)text.len, text.ptr);
    } else if (reply != NULL) {
        return false;
    }
    wait(consumer);
    return true;
}

static void on_read(const yodel_redis_reply *reply, void *user)
{
    struct consumer *consumer = user;

    consumer->is_reading = false;
    if (consumer->of->has_ended)
        return;
    /* Without a new one there is a nil, which a lost reply looks like: both go on with a look. */
    if (yodel_redis_reply_type(reply) == YODEL_REDIS_NIL) {
        if (yodel_redis_state(consumer->redis) == YODEL_REDIS_DOWN)
            wait(consumer);
        else
            go_on(consumer);
        return;
    }
    if (has_failed(consumer, reply))
        return;
    add_entries(consumer, entries_of(reply));
    go_on(consumer);
}

/* {cursor, entries, deleted}: what was left. */
static void on_claimed(const yodel_redis_reply *reply, void *user)
{
    struct consumer *consumer = user;
    const yodel_str cursor = yodel_redis_reply_text(yodel_redis_reply_at(reply, 0));

    consumer->is_reading = false;
    if (consumer->of->has_ended || has_failed(consumer, reply))
        return;
    snprintf(consumer->cursor, sizeof(consumer->cursor), "%.*s",
             (int)(cursor.len < ENTRY_ID ? cursor.len : ENTRY_ID - 1), cursor.ptr);
    add_entries(consumer, yodel_redis_reply_at(reply, 1));
    if (strcmp(consumer->cursor, "0-0") == 0)
        consumer->source = NEW;
    go_on(consumer);
}

static int send_read(struct consumer *consumer)
{
    const yodel_str argv[] = {YODEL_STR("XREADGROUP"),
                              YODEL_STR("GROUP"),
                              yodel_str_of(consumer->options->group),
                              yodel_str_of(consumer->of->state->node),
                              YODEL_STR("COUNT"),
                              YODEL_STR(READ_AT_ONCE),
                              YODEL_STR("BLOCK"),
                              YODEL_STR(BLOCK_MS),
                              YODEL_STR("STREAMS"),
                              yodel_str_of(consumer->options->stream),
                              YODEL_STR(">")};

    return yodel_redis_command(consumer->redis, sizeof(argv) / sizeof(argv[0]), argv, on_read,
                               consumer, NULL);
}

static int send_claim(struct consumer *consumer)
{
    char ms[16];
    const yodel_str argv[] = {YODEL_STR("XAUTOCLAIM"),
                              yodel_str_of(consumer->options->stream),
                              yodel_str_of(consumer->options->group),
                              yodel_str_of(consumer->of->state->node),
                              {ms, (size_t)snprintf(ms, sizeof(ms), "%" PRIu32,
                                                    consumer->of->state->first->redis.lease_ms)},
                              yodel_str_of(consumer->cursor),
                              YODEL_STR("COUNT"),
                              YODEL_STR(READ_AT_ONCE)};

    return yodel_redis_command(consumer->redis, sizeof(argv) / sizeof(argv[0]), argv, on_claimed,
                               consumer, NULL);
}

/* What was not acknowledged for too long, by whoever had it, this node among them: at first and
 * from time to time; then what is new. */
static void read_more(struct consumer *consumer)
{
    const uint64_t now = yodel_loop_now(consumer->of->loop);
    int rc;

    if (!consumer->has_group) {
        make_group(consumer);
        return;
    }
    if (consumer->source == NEW &&
        now - consumer->claimed_ms >= consumer->of->state->first->redis.lease_ms)
        consumer->source = LEFT;
    if (consumer->source == LEFT)
        consumer->claimed_ms = now;
    rc = consumer->source == LEFT ? send_claim(consumer) : send_read(consumer);
    consumer->is_reading = rc == 0;
    if (rc < 0)
        wait(consumer);
}

static void go_on(struct consumer *consumer)
{
    if (consumer->of->has_ended)
        return;
    while (consumer->first != NULL && !consumer->is_running) {
        if (!begin(consumer))
            return;
    }
    if (consumer->first == NULL && !consumer->is_reading)
        read_more(consumer);
}

static void forget_gone(const struct consumer *consumer)
{
    const struct yg_state *state = consumer->of->state;
    char ms[24];

    snprintf(ms, sizeof(ms), "%" PRIu64, (uint64_t)state->first->redis.lease_ms * GONE);
    (void)yodel_redis_command(
        state->redis, 6,
        (const yodel_str[]){YODEL_STR("EVAL"), yodel_str_of(forget_script), YODEL_STR("0"),
                            yodel_str_of(consumer->options->stream),
                            yodel_str_of(consumer->options->group), yodel_str_of(ms)},
        NULL, NULL, NULL);
}

/* One that is there is as good. */
static void on_group(const yodel_redis_reply *reply, void *user)
{
    struct consumer *consumer = user;
    const yodel_str text = yodel_redis_reply_text(reply);

    consumer->is_reading = false;
    if (consumer->of->has_ended)
        return;
    if (yodel_redis_reply_type(reply) == YODEL_REDIS_ERROR && text.len >= 9 &&
        memcmp(text.ptr, "BUSYGROUP", 9) == 0)
        consumer->has_group = true;
    else if (has_failed(consumer, reply))
        return;
    consumer->has_group = true;
    forget_gone(consumer);
    go_on(consumer);
}

static void make_group(struct consumer *consumer)
{
    const yodel_str argv[] = {YODEL_STR("XGROUP"),
                              YODEL_STR("CREATE"),
                              yodel_str_of(consumer->options->stream),
                              yodel_str_of(consumer->options->group),
                              YODEL_STR("0"),
                              YODEL_STR("MKSTREAM")};

    consumer->is_reading = yodel_redis_command(consumer->redis, sizeof(argv) / sizeof(argv[0]),
                                               argv, on_group, consumer, NULL) == 0;
    if (!consumer->is_reading)
        wait(consumer);
}

/* ---- life ---- */

static void on_again(yodel_timer *timer, void *user)
{
    (void)timer;
    go_on(user);
}

static int on_start(yodel_loop *loop, void *user)
{
    struct yg_consumers *consumers = user;

    if (yodel_loop_index(loop) != 0)
        return 0;
    consumers->loop = loop;
    for (size_t i = 0; i < consumers->num; i++) {
        yodel_timer_init(&consumers->items[i].again, loop, on_again, &consumers->items[i]);
        go_on(&consumers->items[i]);
    }
    return 0;
}

static void on_end(yodel_loop *loop, void *user)
{
    struct yg_consumers *consumers = user;

    if (yodel_loop_index(loop) != 0)
        return;
    consumers->has_ended = true;
    for (size_t i = 0; i < consumers->num; i++) {
        (void)yodel_timer_stop(&consumers->items[i].again);
        yg_run_abandon(consumers->items[i].run);
        consumers->items[i].run = NULL;
    }
}

static int add(struct yg_consumers *consumers, const struct yg_consumer *options)
{
    struct yg_state *state = consumers->state;
    struct consumer *consumer = &consumers->items[consumers->num++];

    consumer->of = consumers;
    consumer->options = options;
    consumer->end = &consumer->first;
    strcpy(consumer->cursor, "0-0");
    return yodel_redis_new(
        state->server,
        YODEL_OPTIONS(yodel_redis_options, .url = state->first->redis.url, .reply_ms = 10000),
        &consumer->redis);
}

int yg_consumers_start(struct yg_state *state)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_end};
    const size_t num = state->first->consumers.num;
    struct yg_consumers *consumers;
    int rc = 0;

    if (num == 0 || state->redis == NULL)
        return 0;
    consumers = state->consumers = calloc(1, sizeof(*consumers) + num * sizeof(struct consumer));
    if (consumers == NULL)
        return -ENOMEM;
    consumers->state = state;
    for (size_t i = 0; i < num && rc == 0; i++)
        rc = add(consumers, &state->first->consumers.items[i]);
    return rc < 0 ? rc : yodel_server_add_loop_handlers(state->server, &handlers, consumers);
}

void yg_consumers_end(struct yg_consumers *consumers)
{
    for (size_t i = 0; consumers != NULL && i < consumers->num; i++)
        consumers->items[i].redis = yodel_redis_unref(consumers->items[i].redis);
}

void yg_consumers_free(struct yg_consumers *consumers)
{
    if (consumers == NULL)
        return;
    for (size_t i = 0; i < consumers->num; i++) {
        yg_command_free(consumers->items[i].command);
        while (consumers->items[i].first != NULL)
            free_first(&consumers->items[i]);
    }
    free(consumers);
}

void yg_consumers_put(struct yg_state *state, struct yg_text *text)
{
    static const char name[] = "yodel_consumer_entries_total";

    if (state->consumers == NULL)
        return;
    yg_metric_head(text, name, "counter",
                   "Entries of streams with commands, by what became of them.");
    for (unsigned i = 0; i < NUM_OUTCOMES; i++) {
        char label[40];

        snprintf(label, sizeof(label), "outcome=\"%s\"", outcome_words[i]);
        yg_metric_sample(text, name, label,
                         atomic_load_explicit(&state->consumers->counts[i], memory_order_relaxed));
    }
}
