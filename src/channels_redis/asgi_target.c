/* SPDX-License-Identifier: MIT */
#include "channels_redis/asgi_target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels_redis/asgi_send.h"

#define BATCH 64                /* messages of one command */
#define BATCH_BYTES (256 << 10) /* after which no more are added */
#define FIXED_WORDS 7           /* ahead of them */
#define MIN_WAIT_MS 5
#define MAX_WAIT_MS 160

struct message {
    struct yd_list node;
    struct yd_buf bytes;
    uint64_t us;
};

struct target {
    struct yd_map_node node; /* key: the host's number, and the name */
    struct yd_asgi *asgi;
    struct yd_asgi_host *host;
    struct yd_list messages;
    uint32_t num;     /* of them, */
    uint32_t sent;    /* of which the first are under way */
    uint32_t wait_ms; /* the last time it was full; 0: it was not */
    uint64_t due;     /* when it is tried again; 0: now */
    uint32_t capacity;
    char key[];
};

/* KEYS[1] a queue; its capacity, the score up to which messages are too old, how long it lives,
 * then score and member of each.  Returns how many it has taken. */
static const char script[] = "redis.call('ZREMRANGEBYSCORE',KEYS[1],0,ARGV[2])\n"
                             "local n=math.min((#ARGV-3)/2,"
                             "tonumber(ARGV[1])-redis.call('ZCARD',KEYS[1]))\n"
                             "if n<=0 then return 0 end\n"
                             "redis.call('ZADD',KEYS[1],unpack(ARGV,4,3+2*n))\n"
                             "redis.call('EXPIRE',KEYS[1],ARGV[3])\n"
                             "return n\n";

static struct target *target_of(struct yd_map_node *node)
{
    return yd_container_of(node, struct target, node);
}

static struct message *first_of(struct target *target)
{
    return yd_container_of(target->messages.next, struct message, node);
}

static void drop_first(struct target *target)
{
    struct message *message = first_of(target);
    struct yd_asgi *asgi = target->asgi;

    yd_list_remove(&message->node);
    target->num--;
    atomic_fetch_sub_explicit(&asgi->waiting, message->bytes.len, memory_order_relaxed);
    yd_buf_free(asgi->mem, &message->bytes);
    yd_free(asgi->mem, message);
}

static void drop(struct target *target, uint32_t num, atomic_uint_least64_t *counter)
{
    yd_asgi_count(counter, num);
    while (num-- > 0)
        drop_first(target);
}

static void free_if_idle(struct target *target)
{
    struct yd_asgi *asgi = target->asgi;

    if (target->num > 0 || target->sent > 0)
        return;
    yd_map_remove(&asgi->targets, &target->node);
    yd_free(asgi->mem, target);
}

/* ---- a command ---- */

struct words {
    yodel_bytes argv[FIXED_WORDS + 2 * BATCH];
    char capacity[16], oldest[24], expiry[16];
    char scores[BATCH][32];
    size_t num;
};

static yodel_bytes bytes_of(const char *text)
{
    return (yodel_bytes){(const uint8_t *)text, strlen(text)};
}

static void begin_words(struct words *words, const struct target *target, uint64_t now_s)
{
    const struct yd_asgi *asgi = target->asgi;
    yodel_str key = target->node.key;

    (void)snprintf(words->capacity, sizeof words->capacity, "%" PRIu32, target->capacity);
    (void)snprintf(words->oldest, sizeof words->oldest, "%" PRIu64, now_s - asgi->expiry_s);
    (void)snprintf(words->expiry, sizeof words->expiry, "%" PRIu32, asgi->expiry_s);
    words->argv[0] = bytes_of("EVAL");
    words->argv[1] = bytes_of(script);
    words->argv[2] = bytes_of("1");
    words->argv[3] = (yodel_bytes){(const uint8_t *)key.ptr + 1, key.len - 1};
    words->argv[4] = bytes_of(words->capacity);
    words->argv[5] = bytes_of(words->oldest);
    words->argv[6] = bytes_of(words->expiry);
    words->num = FIXED_WORDS;
}

/* Returns how many messages are in it. */
static uint32_t add_messages(struct words *words, struct target *target)
{
    size_t bytes = 0;
    uint32_t num = 0;

    for (struct yd_list *node = target->messages.next;
         node != &target->messages && num < BATCH && bytes < BATCH_BYTES; node = node->next) {
        const struct message *message = yd_container_of(node, struct message, node);

        (void)snprintf(words->scores[num], sizeof words->scores[num], "%" PRIu64 ".%06" PRIu64,
                       message->us / 1000000, message->us % 1000000);
        words->argv[words->num++] = bytes_of(words->scores[num++]);
        words->argv[words->num++] = (yodel_bytes){message->bytes.ptr, message->bytes.len};
        bytes += message->bytes.len;
    }
    return num;
}

static void drop_old(struct target *target, uint64_t now_us)
{
    uint64_t oldest = now_us - (uint64_t)target->asgi->expiry_s * 1000000;
    uint32_t num = 0;

    for (struct yd_list *node = target->messages.next; node != &target->messages; node = node->next)
        if (yd_container_of(node, struct message, node)->us < oldest)
            num++;
        else
            break;
    drop(target, num, &target->asgi->counters.expired);
}

static void wait_for_room(struct target *target)
{
    struct yd_asgi *asgi = target->asgi;

    target->wait_ms = target->wait_ms > 0 ? YD_MIN(target->wait_ms * 2, MAX_WAIT_MS) : MIN_WAIT_MS;
    target->due = yd_loop_due(asgi->loop, target->wait_ms);
    if (!yd_timer_is_running(&asgi->retry) || asgi->retry.due > target->due)
        yd_timer_start(&asgi->loop->wheel, &asgi->retry, target->due);
}

static void flush(struct target *target);
static void on_reply(const struct yd_redis_reply *reply, void *arg);

static int send_words(struct target *target, const struct words *words)
{
    struct yd_redis_command command = {.argc = words->num,
                                       .argv = words->argv,
                                       .fn = on_reply,
                                       .arg = target,
                                       .key = {target->key + 1, target->node.key.len - 1}};

    return yd_redis_command(target->host->redis, &command);
}

static void on_reply(const struct yd_redis_reply *reply, void *arg)
{
    struct target *target = arg;
    struct yd_asgi *asgi = target->asgi;
    uint32_t sent = target->sent, taken;

    target->sent = 0;
    if (reply == NULL) {
        drop(target, sent, &asgi->counters.lost);
    } else if (reply->type != YODEL_REDIS_INTEGER || reply->integer < 0 || reply->integer > sent) {
        yd_asgi_failed(target->host, reply);
        drop(target, sent, &asgi->counters.dropped);
    } else {
        taken = (uint32_t)reply->integer;
        drop(target, taken, &asgi->counters.published);
        if (taken > 0)
            target->wait_ms = 0;
        if (taken < sent)
            wait_for_room(target);
    }
    flush(target);
}

/* Frees target when nothing is left. */
static void flush(struct target *target)
{
    struct yd_asgi *asgi = target->asgi;
    struct words words;
    uint64_t now;

    if (target->sent > 0)
        return;
    now = yd_asgi_now_us();
    drop_old(target, now);
    if (target->num > 0 && target->due == 0 && !asgi->ended_below) {
        begin_words(&words, target, now / 1000000);
        target->sent = add_messages(&words, target);
        if (send_words(target, &words) < 0) {
            target->sent = 0;
            wait_for_room(target);
        }
    }
    free_if_idle(target);
}

/* ---- from outside ---- */

static struct target *make_target(struct yd_asgi *asgi, const struct yd_asgi_message_to *to,
                                  yodel_str key)
{
    struct target *target = yd_zalloc(asgi->mem, sizeof *target + key.len);

    if (target == NULL)
        return NULL;
    memcpy(target->key, key.ptr, key.len);
    target->node.key = (yodel_str){target->key, key.len};
    if (yd_map_insert(&asgi->targets, &target->node) < 0) {
        yd_free(asgi->mem, target);
        return NULL;
    }
    target->asgi = asgi;
    target->host = to->host;
    yd_list_init(&target->messages);
    return target;
}

static struct target *get_target(struct yd_asgi *asgi, const struct yd_asgi_message_to *to)
{
    char key[512];
    int len = snprintf(key, sizeof key, "%c%s%.*s", (char)('0' + to->host->index), asgi->prefix,
                       (int)to->key.len, to->key.ptr);
    struct yd_map_node *node;

    if (len < 0 || (size_t)len >= sizeof key)
        return NULL;
    node = yd_map_find(&asgi->targets, (yodel_str){key, (size_t)len});
    return node != NULL ? target_of(node) : make_target(asgi, to, (yodel_str){key, (size_t)len});
}

/* Takes message. */
static int append(struct target *target, uint64_t us, struct yd_buf *message)
{
    struct yd_asgi *asgi = target->asgi;
    struct message *added = yd_alloc(asgi->mem, sizeof *added);

    if (added == NULL)
        return -ENOMEM;
    added->us = us;
    added->bytes = *message;
    *message = (struct yd_buf){0};
    yd_list_append(&target->messages, &added->node);
    target->num++;
    atomic_fetch_add_explicit(&asgi->waiting, added->bytes.len, memory_order_relaxed);
    return 0;
}

/* How long a channel is taken to be full. */
#define FULL_MS 100

static void note_full(struct yd_asgi *asgi, yodel_str key)
{
    uint64_t hash = yd_bus_key(asgi->bus, key).hash;
    struct yd_asgi_full *full = &asgi->full[hash % YD_ASGI_FULL];

    atomic_store_explicit(&full->hash, hash, memory_order_relaxed);
    atomic_store_explicit(&full->until_ms, yd_asgi_now_us() / 1000 + FULL_MS, memory_order_relaxed);
    yd_asgi_count(&asgi->counters.full, 1);
}

bool yd_asgi_is_full(const struct yd_asgi *asgi, yodel_str key)
{
    uint64_t hash = yd_bus_key(asgi->bus, key).hash;
    const struct yd_asgi_full *full = &asgi->full[hash % YD_ASGI_FULL];

    return atomic_load_explicit(&full->hash, memory_order_relaxed) == hash &&
           atomic_load_explicit(&full->until_ms, memory_order_relaxed) > yd_asgi_now_us() / 1000;
}

void yd_asgi_target_send(struct yd_asgi *asgi, const struct yd_asgi_message_to *to, uint64_t us,
                         struct yd_buf *message)
{
    struct target *target = get_target(asgi, to);

    if (target == NULL) {
        yd_asgi_count(&asgi->counters.dropped, 1);
    } else {
        target->capacity = to->capacity;
        if (target->num >= asgi->max_waiting)
            note_full(asgi, to->key);
        else if (append(target, us, message) < 0)
            yd_asgi_count(&asgi->counters.dropped, 1);
        flush(target);
    }
    yd_buf_free(asgi->mem, message);
}

static bool is_due(const struct yd_map_node *node)
{
    const struct target *target = yd_container_of(node, const struct target, node);

    return target->due > 0 && target->due <= target->asgi->now_ms;
}

static uint64_t next_due(const struct yd_asgi *asgi)
{
    uint64_t next = YD_NEVER;

    for (size_t slot = 0; slot < asgi->targets.num_slots; slot++)
        for (struct yd_map_node *node = asgi->targets.slots[slot]; node != NULL; node = node->next)
            if (target_of(node)->due > 0)
                next = YD_MIN(next, target_of(node)->due);
    return next;
}

/* What is flushed may be freed; so each time from where the last one was. */
static void run_retry(struct yd_timer *timer)
{
    struct yd_asgi *asgi = yd_container_of(timer, struct yd_asgi, retry);
    struct yd_map_node *node;
    size_t slot = 0;

    asgi->now_ms = yd_loop_due(asgi->loop, 0);
    while ((node = yd_map_next(&asgi->targets, &slot, is_due)) != NULL) {
        target_of(node)->due = 0;
        flush(target_of(node));
    }
    yd_timer_start(&asgi->loop->wheel, &asgi->retry, next_due(asgi));
}

void yd_asgi_targets_init(struct yd_asgi *asgi)
{
    yd_map_init(&asgi->targets, asgi->mem, asgi->bus->secret);
    yd_timer_init(&asgi->retry, run_retry);
}

void yd_asgi_targets_stop(struct yd_asgi *asgi)
{
    yd_timer_stop(&asgi->loop->wheel, &asgi->retry);
    asgi->ended_below = true;
}

void yd_asgi_targets_done(struct yd_asgi *asgi)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(&asgi->targets)) != NULL) {
        struct target *target = target_of(node);

        target->sent = 0;
        drop(target, target->num, &asgi->counters.dropped);
        free_if_idle(target);
    }
    yd_map_done(&asgi->targets);
}
