/* SPDX-License-Identifier: MIT */
#include "cluster_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"

struct world world;

/* ---- words ---- */

static void add_word(struct words *words, yodel_bytes word)
{
    uint8_t *copy = malloc(word.len + 1);

    assert_true(words->num < MOST_WORDS && copy != NULL);
    if (word.len > 0)
        memcpy(copy, word.ptr, word.len);
    copy[word.len] = '\0';
    words->words[words->num++] = (yodel_bytes){copy, word.len};
}

static void free_words(struct words *words)
{
    for (size_t i = 0; i < words->num; i++)
        free((void *)words->words[i].ptr);
    words->num = 0;
}

const char *world_word(const struct words *words, size_t i)
{
    return i < words->num ? (const char *)words->words[i].ptr : "";
}

/* ---- the client's interface ---- */

struct yd_loop *yd_redis_loop(const yodel_redis *redis)
{
    return redis->loop;
}

const struct yodel_log_sink *yd_redis_log(const yodel_redis *redis)
{
    return NULL;
}

yodel_redis *yodel_redis_ref(yodel_redis *redis)
{
    return redis;
}

yodel_redis *yodel_redis_unref(yodel_redis *redis)
{
    return NULL;
}

yodel_redis_condition yodel_redis_state(const yodel_redis *redis)
{
    return redis->state;
}

void yd_redis_count_malformed(yodel_redis *redis)
{
    redis->malformed++;
}

void yd_redis_count_dropped(yodel_redis *redis, uint64_t more)
{
    redis->dropped += (unsigned)more;
}

bool yd_redis_may_log(yodel_redis *redis)
{
    return false;
}

int yd_redis_publish(yodel_redis *redis, yodel_str channel, yodel_bytes payload, unsigned flags)
{
    struct command *command = &redis->commands[redis->num_commands++];

    assert_true(redis->num_commands < MOST);
    *command = (struct command){.published = 1};
    add_word(&command->words, (yodel_bytes){(const uint8_t *)channel.ptr, channel.len});
    add_word(&command->words, payload);
    return 0;
}

int yd_redis_command(yodel_redis *redis, const struct yd_redis_command *given)
{
    struct command *command = &redis->commands[redis->num_commands++];

    assert_true(redis->num_commands < MOST);
    *command = (struct command){.fn = given->fn, .arg = given->arg, .free_arg = given->free_arg};
    for (size_t i = 0; i < given->argc; i++)
        add_word(&command->words, given->argv[i]);
    return 0;
}

int yd_redis_subscribe(yodel_redis *redis, struct yd_redis_sub *sub)
{
    for (size_t i = 0; i < MOST; i++)
        if (redis->subs[i] == NULL) {
            redis->subs[i] = sub;
            sub->active = true;
            return 0;
        }
    return -ENOMEM;
}

void yd_redis_unsubscribe(yodel_redis *redis, struct yd_redis_sub *sub)
{
    for (size_t i = 0; i < MOST; i++)
        if (redis->subs[i] == sub)
            redis->subs[i] = NULL;
    sub->active = false;
}

struct yd_redis_words {
    struct words words;
};

int yd_redis_words_add(struct yd_redis_words *words, yodel_bytes text)
{
    add_word(&words->words, text);
    return 0;
}

int yd_redis_words_add_text(struct yd_redis_words *words, const char *text)
{
    return yd_redis_words_add(words, (yodel_bytes){(const uint8_t *)text, strlen(text)});
}

int yd_redis_reader_start(yodel_redis *redis, struct yd_redis_reader *reader)
{
    redis->reader = reader;
    return 0;
}

void yd_redis_reader_stop(struct yd_redis_reader *reader)
{
    for (unsigned i = 0; i < PROCESSES; i++)
        if (world.processes[i].redis.reader == reader)
            world.processes[i].redis.reader = NULL;
}

void yd_redis_on_state(yodel_redis *redis, struct yd_redis_watcher *watcher)
{
    redis->watcher = watcher;
}

void yd_redis_off_state(yodel_redis *redis, struct yd_redis_watcher *watcher)
{
    redis->watcher = NULL;
}

/* ---- replies ---- */

static struct yodel_redis_reply text_reply(yodel_redis_type type, const char *text, size_t len)
{
    return (struct yodel_redis_reply){.type = type, .text = {text, len}};
}

/* [[id, [name, value, ...]], ...] of entries with ids from min to max; at most limit. */
struct entries_reply {
    struct yodel_redis_reply whole, pairs[MOST], ids[MOST], lists[MOST], fields[MOST][MOST_WORDS];
    const struct yodel_redis_reply *pair_ptrs[MOST], *parts[MOST][2], *field_ptrs[MOST][MOST_WORDS];
    char id_texts[MOST][20];
};

static void reply_entries(struct entries_reply *reply, unsigned min, unsigned max, size_t limit)
{
    size_t num = 0;

    for (size_t i = 0; i < world.num_entries && num < limit; i++) {
        const struct entry *entry = &world.entries[i];

        if (entry->id < min || entry->id > max)
            continue;
        (void)snprintf(reply->id_texts[num], sizeof reply->id_texts[num], "%u-0", entry->id);
        reply->ids[num] =
            text_reply(YODEL_REDIS_STRING, reply->id_texts[num], strlen(reply->id_texts[num]));
        for (size_t j = 0; j < entry->words.num; j++) {
            reply->fields[num][j] = text_reply(YODEL_REDIS_STRING, world_word(&entry->words, j),
                                               entry->words.words[j].len);
            reply->field_ptrs[num][j] = &reply->fields[num][j];
        }
        reply->lists[num] = (struct yodel_redis_reply){
            .type = YODEL_REDIS_ARRAY, .num = entry->words.num, .elements = reply->field_ptrs[num]};
        reply->parts[num][0] = &reply->ids[num];
        reply->parts[num][1] = &reply->lists[num];
        reply->pairs[num] = (struct yodel_redis_reply){
            .type = YODEL_REDIS_ARRAY, .num = 2, .elements = reply->parts[num]};
        reply->pair_ptrs[num] = &reply->pairs[num];
        num++;
    }
    reply->whole = (struct yodel_redis_reply){
        .type = YODEL_REDIS_ARRAY, .num = num, .elements = reply->pair_ptrs};
}

static unsigned top(void)
{
    return world.num_entries > 0 ? world.entries[world.num_entries - 1].id : 0;
}

/* ---- Redis itself ---- */

static void add_entry(const struct words *words)
{
    struct entry *entry = &world.entries[world.num_entries++];

    assert_true(world.num_entries < MOST);
    *entry = (struct entry){.id = ++world.last_id};
    for (size_t i = 6; i < words->num; i++) /* XADD name MAXLEN ~ n * */
        add_word(&entry->words, words->words[i]);
}

static void publish(const struct words *words)
{
    for (unsigned p = 0; p < PROCESSES; p++)
        for (size_t i = 0; i < MOST; i++) {
            struct yd_redis_sub *sub = world.processes[p].redis.subs[i];
            yodel_str channel = {world_word(words, 0), words->words[0].len};

            if (sub != NULL && sub->active && yodel_str_eq(sub->name, channel))
                sub->on_message(sub, channel, words->words[1]);
        }
}

int64_t world_count(const char *channel)
{
    int64_t num = 0;

    for (unsigned p = 0; p < PROCESSES; p++)
        for (size_t i = 0; i < MOST; i++) {
            const struct yd_redis_sub *sub = world.processes[p].redis.subs[i];

            num += sub != NULL && sub->active && yodel_str_eq(sub->name, yodel_str_of(channel));
        }
    return num;
}

static void tell(const struct command *command, const struct yodel_redis_reply *reply)
{
    if (command->fn != NULL)
        command->fn(reply, command->arg);
    if (command->free_arg != NULL)
        command->free_arg(command->arg);
}

static void run_keys(const struct command *command)
{
    const struct words *words = &command->words;
    struct yodel_redis_reply reply = {.type = YODEL_REDIS_NIL};
    char value[sizeof world.value];

    if (strcmp(world_word(words, 0), "SET") == 0) {
        (void)snprintf(world.key, sizeof world.key, "%s", world_word(words, 1));
        world.value_len = words->words[2].len;
        memcpy(world.value, world_word(words, 2), world.value_len);
        reply = text_reply(YODEL_REDIS_STATUS, "OK", 2);
    } else if (strcmp(world_word(words, 1), world.key) == 0) {
        memcpy(value, world.value, world.value_len);
        reply = text_reply(YODEL_REDIS_STRING, value, world.value_len);
        world.key[0] = '\0';
    }
    tell(command, &reply);
}

static void run_stream(const struct command *command)
{
    static struct entries_reply reply;
    const struct words *words = &command->words;
    bool back = strcmp(world_word(words, 0), "XREVRANGE") == 0;

    if (back)
        reply_entries(&reply, top(), top(), 1);
    else
        reply_entries(
            &reply,
            (unsigned)atoi(world_word(words, 2)) + (strstr(world_word(words, 2), "-1") != NULL),
            strcmp(world_word(words, 3), "+") == 0 ? 1000000 : (unsigned)atoi(world_word(words, 3)),
            (size_t)atoi(world_word(words, 5)));
    world.num_ranges += !back;
    if (!back && world.repeats_at_range)
        world_repeat_entry();
    tell(command, &reply.whole);
}

static void run_command(struct yodel_redis *redis, const struct command *command)
{
    const struct words *words = &command->words;
    struct yodel_redis_reply parts[2], reply = text_reply(YODEL_REDIS_STRING, "1-0", 3);
    const struct yodel_redis_reply *elements[2] = {&parts[0], &parts[1]};

    if (command->published) {
        publish(words);
    } else if (strcmp(world_word(words, 0), "XADD") == 0) {
        if (redis->next == GOES_WELL || redis->next == LOST_AFTER)
            add_entry(words);
        if (redis->next == REFUSED)
            reply = text_reply(YODEL_REDIS_ERROR, "OOM", 3);
        tell(command, redis->next == GOES_WELL || redis->next == REFUSED ? &reply : NULL);
        redis->next = GOES_WELL;
    } else if (strcmp(world_word(words, 0), "PUBSUB") == 0) {
        parts[0] =
            text_reply(YODEL_REDIS_STRING, world_word(words, 2), strlen(world_word(words, 2)));
        parts[1] = (struct yodel_redis_reply){.type = YODEL_REDIS_INTEGER,
                                              .integer = world_count(world_word(words, 2))};
        reply =
            (struct yodel_redis_reply){.type = YODEL_REDIS_ARRAY, .num = 2, .elements = elements};
        tell(command, &reply);
    } else if (world_word(words, 0)[0] == 'X') {
        run_stream(command);
    } else {
        run_keys(command);
    }
}

static bool run_reader(struct yodel_redis *redis)
{
    static struct entries_reply entries;
    struct yd_redis_words words = {{0}};
    struct yodel_redis_reply name = text_reply(YODEL_REDIS_STRING, "socket.io", 9);
    const struct yodel_redis_reply *pair[2] = {&name, &entries.whole}, *list[1];
    struct yodel_redis_reply inner = {.type = YODEL_REDIS_ARRAY, .num = 2, .elements = pair};
    struct yodel_redis_reply outer = {.type = YODEL_REDIS_ARRAY, .num = 1, .elements = list};
    bool has_read = false;

    list[0] = &inner;
    if (redis->reader->make(redis->reader, &words) < 0) {
        free_words(&words.words);
        return false;
    }
    if (strcmp(world_word(&words.words, 0), "XREVRANGE") == 0) {
        reply_entries(&entries, top(), top(), 1);
        redis->reader->on_reply(redis->reader, &entries.whole);
        has_read = true;
    } else {
        reply_entries(&entries, (unsigned)atoi(world_word(&words.words, 7)) + 1, 1000000,
                      (size_t)atoi(world_word(&words.words, 2)));
        has_read = entries.whole.num > 0;
        if (has_read)
            redis->reader->on_reply(redis->reader, &outer);
    }
    free_words(&words.words);
    return has_read;
}

/* On its loop: all that there is to do. */
static void run_redis(struct sio_sim *sim, void *arg)
{
    struct yodel_redis *redis = &((struct process *)sim)->redis;
    bool *ret_more = arg;

    while (redis->state != YODEL_REDIS_DOWN && redis->num_commands > 0) {
        struct command command = redis->commands[0];

        memmove(redis->commands, redis->commands + 1,
                --redis->num_commands * sizeof redis->commands[0]);
        run_command(redis, &command);
        free_words(&command.words);
        *ret_more = true;
    }
    if (redis->state != YODEL_REDIS_DOWN && redis->reader != NULL && !redis->reader_waits &&
        run_reader(redis))
        *ret_more = true;
}

void world_run(void)
{
    bool more = true;

    for (unsigned rounds = 0; more; rounds++) {
        more = false;
        assert_true(rounds < 200);
        for (unsigned i = 0; i < PROCESSES; i++) {
            sio_sim_run(&world.processes[i].sim);
            sio_sim_on_loop(&world.processes[i].sim, 0, run_redis, &more);
        }
    }
}

void world_advance(uint64_t ms)
{
    for (unsigned i = 0; i < PROCESSES; i++)
        sio_sim_advance(&world.processes[i].sim, ms);
    world_run();
}

static void set_state_here(struct sio_sim *sim, void *arg)
{
    struct yodel_redis *redis = &((struct process *)sim)->redis;

    redis->state = *(yodel_redis_condition *)arg;
    if (redis->watcher != NULL && redis->state == YODEL_REDIS_UP)
        redis->watcher->on_up(redis->watcher);
    else if (redis->watcher != NULL)
        redis->watcher->on_down(redis->watcher);
}

void world_set_state(unsigned process, yodel_redis_condition state)
{
    sio_sim_on_loop(&world.processes[process].sim, 0, set_state_here, &state);
}

/* ---- a world ---- */

static void end_parts(void)
{
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &world.processes[i];

        if (process->sio == NULL || process->sim.sio == NULL)
            continue;
        process->sim.sio = NULL;
        process->part->ops->end(process->part);
        process->part->ops->free(process->part);
        yodel_sio_unref(process->sio);
        process->sio = NULL;
        return;
    }
}

yodel_sio_redis_rooms world_rooms;

static void start_process(struct process *process, yodel_sio_redis_form form, uint32_t recovery_ms)
{
    yodel_sio_redis_options redis = {.size = sizeof redis,
                                     .form = form,
                                     .prefix = "socket.io",
                                     .rooms = world_rooms,
                                     .max_requests = 10,
                                     .stream = "socket.io",
                                     .num_streams = 1,
                                     .max_len = 1000,
                                     .read_count = 100,
                                     .session_prefix = "sio:session:",
                                     .max_waiting = 100000};
    struct yd_adapter_setup setup = {.mem = &process->fm.mem, .options = &redis};
    yodel_sio_options options;

    failmem_init(&process->fm, 0);
    sio_sim_options(&options);
    options.recovery_ms = recovery_ms;
    options.connect_timeout_ms = 10000;
    assert_int_equal(sio_sim_start(&process->sim, &process->fm.mem, 2, &options), 0);
    process->sio = yodel_sio_ref(process->sim.sio);
    process->redis = (struct yodel_redis){
        .loop = process->sim.base.loops[0], .mem = &process->fm.mem, .state = YODEL_REDIS_UP};
    setup.sio = process->sio;
    setup.redis = &process->redis;
    assert_int_equal(form == YODEL_SIO_REDIS_SHARDED ? yd_sharded_new(&setup, &process->part)
                                                     : yd_streams_new(&setup, &process->part),
                     0);
    process->sim.at_end = end_parts;
}

static void begin_part(struct sio_sim *sim, void *arg)
{
    struct yd_part *part = ((struct process *)sim)->part;

    part->ops->begin(part, sim->base.loops[0]);
}

/* A reader knows where it is. */
static bool is_ready(const struct yodel_redis *redis)
{
    return redis->reader != NULL && redis->reader->is_ready(redis->reader);
}

void world_start(yodel_sio_redis_form form, uint32_t recovery_ms)
{
    memset(&world, 0, sizeof world);
    for (unsigned i = 0; i < PROCESSES; i++) {
        start_process(&world.processes[i], form, recovery_ms);
        sio_sim_on_loop(&world.processes[i].sim, 0, begin_part, NULL);
        assert_false(is_ready(&world.processes[i].redis));
    }
    world_run();
    for (unsigned i = 0; i < PROCESSES; i++)
        assert_true(is_ready(&world.processes[i].redis) || form != YODEL_SIO_REDIS_STREAMS);
    for (unsigned i = 0; i < PROCESSES; i++)
        sio_sim_connect(&world.processes[i].sim, i, &world.processes[i].client);
    world_run();
}

void world_stop(void)
{
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *process = &world.processes[i];

        sio_sim_stop(&process->sim);
        for (size_t j = 0; j < process->redis.num_commands; j++)
            free_words(&process->redis.commands[j].words);
        failmem_assert_empty(&process->fm);
    }
    for (size_t i = 0; i < world.num_entries; i++)
        free_words(&world.entries[i].words);
}

void world_emit(unsigned process, const char *name)
{
    assert_int_equal(yodel_sio_emit(yodel_sio_to_all(world.processes[process].sim.ns), name, ""),
                     0);
}

void world_emit_to_room(unsigned process, const char *room, const char *name)
{
    assert_int_equal(
        yodel_sio_emit(yodel_sio_to_room(world.processes[process].sim.ns, room), name, ""), 0);
}

void world_expect_both(const char *packet)
{
    for (unsigned i = 0; i < PROCESSES; i++)
        sio_sim_expect(&world.processes[i].client, packet);
}

void world_expect_nothing(void)
{
    for (unsigned i = 0; i < PROCESSES; i++)
        sio_sim_expect_nothing(&world.processes[i].client);
}

void world_join_here(struct sio_sim *sim, void *room)
{
    assert_int_equal(yodel_sio_socket_join(sim->socket, room), 0);
}

void world_leave_here(struct sio_sim *sim, void *room)
{
    yodel_sio_socket_leave(sim->socket, room);
}

void world_repeat_entry(void)
{
    const struct words *words = &world.entries[world.num_entries - 1].words;
    struct entry *entry = &world.entries[world.num_entries++];

    assert_true(world.num_entries < MOST);
    *entry = (struct entry){.id = ++world.last_id};
    for (size_t i = 0; i < words->num; i++)
        add_word(&entry->words, words->words[i]);
}

void world_forget_entries(void)
{
    for (size_t i = 0; i < world.num_entries; i++)
        free_words(&world.entries[i].words);
    world.num_entries = world.last_id = 0;
}
