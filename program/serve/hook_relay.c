/* SPDX-License-Identifier: MIT */
#include "serve/hook_relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook/hook.h"
#include "lease/notices.h"
#include "serve/hook_records.h"
#include "serve/hooked.h"
#include "serve/hooks.h"

#define MOST_OF_LANE 128 /* notices of a lane that were read and not taken */
#define MOST_OF_ALL 2048
#define READ_AT_ONCE "64" /* of a lane */
#define BLOCK_MS "1000"   /* for new ones; a lane that comes meanwhile waits so long */
#define SHORT_MS "100"    /* the same while some lanes are not read */
#define AGAIN_MS 200      /* when reading has failed */
#define ENTRY_ID 44       /* bytes of an entry's id, with its end */

struct shard {
    struct relayed *of;
    unsigned n;
    bool is_own;
    bool is_again; /* some have failed: when none is out, it is read from its beginning */
    unsigned num_out;
    char last[ENTRY_ID];
    struct yg_lane *lane; /* of the webhook of loop 0; NULL: not used yet */
};

/* A webhook. */
struct relayed {
    struct relayed *next;
    struct yg_notice_relay *relay;
    struct yg_hook *hook; /* of loop 0 */
    bool is_asking;
    char *name;
    struct shard shards[YG_NOTICE_LANES];
};

struct yg_notice_relay {
    struct yg_state *state;
    yodel_redis *redis; /* for commands that block, alone */
    yodel_loop *loop;
    yodel_timer timer, again;
    struct relayed *first;
    bool is_reading, has_ended;
    struct shard **asked; /* of the command that reads, in their order */
    size_t num_asked, max_asked;
    size_t num_out;
    atomic_uint_least64_t relayed;
    atomic_uint own;
};

static void read_more(struct yg_notice_relay *relay);

/* ---- one notice ---- */

struct delivered {
    struct shard *shard;
    char entry[ENTRY_ID];
};

static void forget(const struct delivered *delivered)
{
    const struct shard *shard = delivered->shard;
    struct yg_state *state = shard->of->relay->state;
    struct yg_text key = {0};

    yg_notices_key(&key, state->first->redis.prefix, shard->of->name, shard->n);
    if (!yg_text_failed(&key))
        (void)yodel_redis_command(state->redis, 3,
                                  (const yodel_str[]){YODEL_STR("XDEL"), yodel_str_of(key.ptr),
                                                      yodel_str_of(delivered->entry)},
                                  NULL, NULL, NULL);
    yg_text_done(&key);
}

static void on_told(const struct yg_hook_told *told, void *user)
{
    struct delivered *delivered = user;
    struct shard *shard = delivered->shard;
    struct yg_notice_relay *relay = shard->of->relay;

    shard->num_out--;
    relay->num_out--;
    if (told->result != NULL)
        yg_hooked_act(relay->state, relay->loop, NULL, told->result->actions,
                      told->result->num_actions);
    if (told->result != NULL || told->was_answered) {
        atomic_fetch_add_explicit(&relay->relayed, 1, memory_order_relaxed);
        forget(delivered);
    } else {
        shard->is_again = true;
    }
    free(delivered);
    if (shard->num_out == 0 && shard->is_again) {
        shard->is_again = false;
        strcpy(shard->last, "0-0");
        return; /* at the next turn */
    }
    read_more(relay);
}

/* Fields of an entry. */
struct entry {
    yodel_str id, event_id, kind, ns, event;
};

static bool take_entry(const yodel_redis_reply *reply, struct entry *ret_entry)
{
    const yodel_redis_reply *fields = yodel_redis_reply_at(reply, 1);
    struct entry entry = {.id = yodel_redis_reply_text(yodel_redis_reply_at(reply, 0))};

    for (size_t i = 0; i + 1 < yodel_redis_reply_count(fields); i += 2) {
        const yodel_str name = yodel_redis_reply_text(yodel_redis_reply_at(fields, i));
        const yodel_str value = yodel_redis_reply_text(yodel_redis_reply_at(fields, i + 1));

        if (yodel_str_eq(name, YODEL_STR("i")))
            entry.event_id = value;
        else if (yodel_str_eq(name, YODEL_STR("k")))
            entry.kind = value;
        else if (yodel_str_eq(name, YODEL_STR("n")))
            entry.ns = value;
        else if (yodel_str_eq(name, YODEL_STR("e")))
            entry.event = value;
    }
    *ret_entry = entry;
    return entry.id.len > 0 && entry.id.len < ENTRY_ID && entry.event.len > 0 &&
           entry.event_id.len > 0 && entry.event_id.len < YG_HOOK_ID;
}

/* The kind of that word; one that is none is taken for a notice without a meaning. */
static enum yg_hook_kind kind_of(yodel_str word)
{
    for (unsigned i = 0; i < YG_NUM_HOOK_KINDS; i++) {
        if (yodel_str_eq(word, yodel_str_of(yg_hook_word((enum yg_hook_kind)i))))
            return (enum yg_hook_kind)i;
    }
    return YG_HOOK_NODE_STARTED;
}

static struct delivered *new_delivered(struct shard *shard, yodel_str id)
{
    struct delivered *delivered = calloc(1, sizeof(*delivered));

    if (delivered == NULL)
        return NULL;
    delivered->shard = shard;
    memcpy(delivered->entry, id.ptr, id.len);
    return delivered;
}

/* Returns whether the next one may follow. */
static bool deliver(struct shard *shard, const struct entry *entry)
{
    struct yg_notice_relay *relay = shard->of->relay;
    const struct yg_hook_raw raw = {.id = entry->event_id,
                                    .kind = kind_of(entry->kind),
                                    .ns = entry->ns,
                                    .event = entry->event};
    struct delivered *delivered = new_delivered(shard, entry->id);

    if (delivered == NULL)
        return false;
    if (shard->lane == NULL)
        shard->lane = yg_lane_new(shard->of->hook, YODEL_STR("/"), NULL, NULL);
    if (shard->lane == NULL || yg_lane_push_raw(shard->lane, &raw, on_told, delivered) < 0) {
        free(delivered);
        return false;
    }
    shard->num_out++;
    relay->num_out++;
    memcpy(shard->last, entry->id.ptr, entry->id.len);
    shard->last[entry->id.len] = '\0';
    return true;
}

/* What is malformed is nobody's. */
static void take_stream(struct shard *shard, const yodel_redis_reply *entries)
{
    for (size_t i = 0; shard->is_own && i < yodel_redis_reply_count(entries); i++) {
        struct entry entry;

        if (take_entry(yodel_redis_reply_at(entries, i), &entry)) {
            if (!deliver(shard, &entry))
                return;
        } else if (entry.id.len > 0 && entry.id.len < ENTRY_ID) {
            struct delivered none = {.shard = shard};

            memcpy(none.entry, entry.id.ptr, entry.id.len);
            forget(&none);
            memcpy(shard->last, none.entry, sizeof(none.entry));
        }
    }
}

/* ---- reading ---- */

static bool has_key(const struct shard *shard, yodel_str name)
{
    struct yg_text key = {0};
    bool same;

    yg_notices_key(&key, shard->of->relay->state->first->redis.prefix, shard->of->name, shard->n);
    same = yodel_str_eq(name, (yodel_str){key.ptr, key.len});
    yg_text_done(&key);
    return same;
}

/* Streams that have some come in the order in which they were asked for. */
static void on_read(const yodel_redis_reply *reply, void *user)
{
    struct yg_notice_relay *relay = user;
    size_t at = 0;

    relay->is_reading = false;
    if (relay->has_ended)
        return;
    if (reply == NULL || yodel_redis_reply_type(reply) == YODEL_REDIS_ERROR) {
        (void)yodel_timer_start(&relay->again, AGAIN_MS);
        return;
    }
    for (size_t i = 0; i < yodel_redis_reply_count(reply); i++) {
        const yodel_redis_reply *stream = yodel_redis_reply_at(reply, i);
        const yodel_str name = yodel_redis_reply_text(yodel_redis_reply_at(stream, 0));

        while (at < relay->num_asked && !has_key(relay->asked[at], name))
            at++;
        if (at < relay->num_asked)
            take_stream(relay->asked[at], yodel_redis_reply_at(stream, 1));
    }
    read_more(relay);
}

static bool may_read(const struct shard *shard)
{
    return shard->is_own && !shard->is_again && shard->num_out < MOST_OF_LANE;
}

/* Returns whether all lanes are among them. */
static bool choose(struct yg_notice_relay *relay)
{
    bool all = true;

    relay->num_asked = 0;
    for (struct relayed *relayed = relay->first; relayed != NULL; relayed = relayed->next) {
        for (unsigned i = 0; i < YG_NOTICE_LANES && !yg_hook_is_disabled(relayed->hook); i++) {
            if (may_read(&relayed->shards[i]))
                relay->asked[relay->num_asked++] = &relayed->shards[i];
            else
                all = all && !relayed->shards[i].is_own;
        }
    }
    return all;
}

static int send_read(struct yg_notice_relay *relay, bool all)
{
    const size_t num = relay->num_asked;
    yodel_str *argv = calloc(6 + 2 * num, sizeof(*argv));
    struct yg_text *keys = calloc(num, sizeof(*keys));
    int rc = -ENOMEM;

    if (argv != NULL && keys != NULL) {
        size_t argc = 0;

        argv[argc++] = YODEL_STR("XREAD");
        argv[argc++] = YODEL_STR("COUNT");
        argv[argc++] = YODEL_STR(READ_AT_ONCE);
        argv[argc++] = YODEL_STR("BLOCK");
        argv[argc++] = all ? YODEL_STR(BLOCK_MS) : YODEL_STR(SHORT_MS);
        argv[argc++] = YODEL_STR("STREAMS");
        rc = 0;
        for (size_t i = 0; i < num; i++) {
            const struct shard *shard = relay->asked[i];

            yg_notices_key(&keys[i], relay->state->first->redis.prefix, shard->of->name, shard->n);
            rc = yg_text_failed(&keys[i]) ? -ENOMEM : rc;
            argv[argc + i] = yodel_str_of(yg_text_string(&keys[i]));
            argv[argc + num + i] = yodel_str_of(shard->last);
        }
        if (rc == 0)
            rc = yodel_redis_command(relay->redis, argc + 2 * num, argv, on_read, relay, NULL);
    }
    for (size_t i = 0; keys != NULL && i < num; i++)
        yg_text_done(&keys[i]);
    free(keys);
    free(argv);
    return rc;
}

static void read_more(struct yg_notice_relay *relay)
{
    bool all;

    if (relay->is_reading || relay->has_ended || relay->num_out >= MOST_OF_ALL)
        return;
    all = choose(relay);
    if (relay->num_asked == 0)
        return;
    if (send_read(relay, all) == 0)
        relay->is_reading = true;
    else
        (void)yodel_timer_start(&relay->again, AGAIN_MS);
}

static void on_again(yodel_timer *timer, void *user)
{
    (void)timer;
    read_more(user);
}

/* ---- whose lanes ---- */

static void count_own(struct yg_notice_relay *relay)
{
    unsigned own = 0;

    for (const struct relayed *relayed = relay->first; relayed != NULL; relayed = relayed->next) {
        for (unsigned i = 0; i < YG_NOTICE_LANES; i++)
            own += relayed->shards[i].is_own;
    }
    atomic_store(&relay->own, own);
}

/* One that is new is read from its beginning: what its owner before had not finished is there. */
static void take_own(struct relayed *relayed, const yodel_redis_reply *reply)
{
    bool own[YG_NOTICE_LANES] = {false};

    for (size_t i = 0; i < yodel_redis_reply_count(reply); i++) {
        const int64_t n = yodel_redis_reply_integer(yodel_redis_reply_at(reply, i));

        if (n >= 0 && n < YG_NOTICE_LANES)
            own[n] = true;
    }
    for (unsigned i = 0; i < YG_NOTICE_LANES; i++) {
        struct shard *shard = &relayed->shards[i];

        if (own[i] && !shard->is_own && shard->num_out == 0)
            strcpy(shard->last, "0-0");
        else if (own[i] && !shard->is_own)
            shard->is_again = true; /* it was ours before, and some are still out */
        shard->is_own = own[i];
    }
}

static void on_own(const yodel_redis_reply *reply, void *user)
{
    struct relayed *relayed = user;

    relayed->is_asking = false;
    if (relayed->relay->has_ended || yodel_redis_reply_type(reply) != YODEL_REDIS_ARRAY)
        return;
    take_own(relayed, reply);
    count_own(relayed->relay);
    read_more(relayed->relay);
}

/* The share of this node when all have as many. */
static unsigned fair_share(const struct yg_state *state)
{
    yodel_cluster_stats stats = {.size = sizeof(stats)};
    unsigned num = 1;

    if (yodel_cluster_get_stats(state->cluster, &stats) == 0)
        num += (unsigned)stats.nodes;
    return (YG_NOTICE_LANES + num - 1) / num;
}

/* Lanes that others shall have: of which nothing is under way. */
static void give_up(struct relayed *relayed, unsigned share, bool ret_given_up[YG_NOTICE_LANES])
{
    unsigned own = 0;

    for (unsigned i = 0; i < YG_NOTICE_LANES; i++)
        own += relayed->shards[i].is_own;
    for (unsigned i = 0; i < YG_NOTICE_LANES; i++) {
        ret_given_up[i] =
            own > share && relayed->shards[i].is_own && relayed->shards[i].num_out == 0;
        if (ret_given_up[i]) {
            relayed->shards[i].is_own = false;
            own--;
        }
    }
}

static void ask(struct relayed *relayed)
{
    struct yg_state *state = relayed->relay->state;
    const unsigned share = fair_share(state);
    bool given_up[YG_NOTICE_LANES];
    struct yg_notice_command command;

    if (relayed->is_asking)
        return;
    give_up(relayed, share, given_up);
    if (yg_notices_own(state->first->redis.prefix, relayed->name, yg_records_run(state),
                       state->first->redis.lease_ms, share, given_up, &command) < 0)
        return;
    relayed->is_asking =
        yodel_redis_command(state->redis, command.argc, command.argv, on_own, relayed, NULL) == 0;
    yg_notice_command_done(&command);
}

/* ---- webhooks ---- */

static struct relayed *find(const struct yg_notice_relay *relay, const char *name)
{
    struct relayed *relayed = relay->first;

    while (relayed != NULL && strcmp(relayed->name, name) != 0)
        relayed = relayed->next;
    return relayed;
}

static void add(struct yg_notice_relay *relay, const char *name)
{
    struct yg_hook *hook = yg_hooks_find(relay->state, relay->loop, name);
    struct relayed *relayed = hook != NULL ? calloc(1, sizeof(*relayed)) : NULL;
    struct shard **asked;

    if (relayed == NULL)
        return;
    relayed->name = strdup(name);
    asked = realloc(relay->asked, (relay->max_asked + YG_NOTICE_LANES) * sizeof(struct shard *));
    if (asked != NULL)
        relay->asked = asked;
    if (relayed->name == NULL || asked == NULL) {
        free(relayed->name);
        free(relayed);
        return;
    }
    relay->max_asked += YG_NOTICE_LANES;
    relayed->relay = relay;
    relayed->hook = hook;
    for (unsigned i = 0; i < YG_NOTICE_LANES; i++) {
        relayed->shards[i].of = relayed;
        relayed->shards[i].n = i;
        strcpy(relayed->shards[i].last, "0-0");
    }
    relayed->next = relay->first;
    relay->first = relayed;
}

static bool is_durable(const struct yg_config *config, const char *name)
{
    const struct yg_webhook *hook = yg_config_webhook(config, name);

    return hook != NULL && hook->queue.durable == YG_DURABLE_REDIS;
}

/* One that is durable no more sends what is left, as long as it is configured. */
static void on_turn(yodel_timer *timer, void *user)
{
    struct yg_notice_relay *relay = user;
    const struct yg_config *config = yg_state_loop_config(relay->state, relay->loop);

    (void)timer;
    for (size_t i = 0; i < config->webhooks.num; i++) {
        const char *name = config->webhooks.items[i].name;

        if (is_durable(config, name) && find(relay, name) == NULL)
            add(relay, name);
    }
    for (struct relayed *relayed = relay->first; relayed != NULL; relayed = relayed->next) {
        if (yg_config_webhook(config, relayed->name) != NULL)
            ask(relayed);
    }
    read_more(relay);
}

/* ---- life ---- */

static int on_start(yodel_loop *loop, void *user)
{
    struct yg_notice_relay *relay = user;
    const uint32_t ms = relay->state->first->redis.lease_ms / 4;

    if (yodel_loop_index(loop) != 0)
        return 0;
    relay->loop = loop;
    yodel_timer_init(&relay->timer, loop, on_turn, relay);
    yodel_timer_init(&relay->again, loop, on_again, relay);
    on_turn(&relay->timer, relay);
    return yodel_timer_start_periodic(&relay->timer, ms > 0 ? ms : 1);
}

static void on_end(yodel_loop *loop, void *user)
{
    struct yg_notice_relay *relay = user;

    if (yodel_loop_index(loop) != 0)
        return;
    relay->has_ended = true;
    (void)yodel_timer_stop(&relay->timer);
    (void)yodel_timer_stop(&relay->again);
}

int yg_relay_start(struct yg_state *state)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_end};
    struct yg_notice_relay *relay;
    int rc;

    if (state->redis == NULL)
        return 0;
    relay = state->relay = calloc(1, sizeof(*relay));
    if (relay == NULL)
        return -ENOMEM;
    relay->state = state;
    rc = yg_redis_connect(
        state,
        YODEL_OPTIONS(yodel_redis_options, .url = state->first->redis.url, .reply_ms = 10000),
        &relay->redis);
    return rc < 0 ? rc : yodel_server_add_loop_handlers(state->server, &handlers, relay);
}

void yg_relay_give_up(struct yg_state *state, struct yg_after *after)
{
    for (struct relayed *relayed = state->relay->first; relayed != NULL; relayed = relayed->next) {
        struct yg_notice_command command;

        if (yg_notices_own(state->first->redis.prefix, relayed->name, yg_records_run(state), 1, 0,
                           NULL, &command) < 0)
            continue;
        yg_after_send(after, command.argc, command.argv, NULL);
        yg_notice_command_done(&command);
    }
}

void yg_relay_end(struct yg_notice_relay *relay)
{
    if (relay != NULL)
        relay->redis = yodel_redis_unref(relay->redis);
}

void yg_relay_free(struct yg_notice_relay *relay)
{
    if (relay == NULL)
        return;
    while (relay->first != NULL) {
        struct relayed *relayed = relay->first;

        relay->first = relayed->next;
        for (unsigned i = 0; i < YG_NOTICE_LANES; i++) {
            if (relayed->shards[i].lane != NULL)
                yg_lane_leave(relayed->shards[i].lane);
        }
        free(relayed->name);
        free(relayed);
    }
    free(relay->asked);
    free(relay);
}

void yg_relay_put(struct yg_state *state, struct yg_text *text)
{
    if (state->relay == NULL)
        return;
    yg_metric(text, "yodel_notices_relayed_total", "counter",
              "Notices that waited in Redis and were taken by back ends.",
              atomic_load_explicit(&state->relay->relayed, memory_order_relaxed));
    yg_metric(text, "yodel_notice_lanes", "gauge",
              "Lanes of notices in Redis that are this node's.", atomic_load(&state->relay->own));
}
