/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "history_redis/history_redis.h"
#include "history_redis/kept_follow.h"
#include "history_redis/kept_groups.h"
#include "history_redis/kept_outbox.h"
#include "history_redis/kept_read.h"

/* How history in Redis is made, and how others reach it. */

/* ---- a peer of the bus, for the groups that begin and end ---- */

static struct yd_kept *kept_of(struct yd_peer *peer)
{
    return yd_container_of(peer, struct yd_kept, peer);
}

static bool takes(struct yd_peer *peer, const struct yd_op *op)
{
    (void)peer;
    (void)op;
    return false;
}

static int encode(struct yd_peer *peer, const struct yd_op *op, uint64_t token, struct yd_buf *buf)
{
    (void)peer;
    (void)op;
    (void)token;
    (void)buf;
    return YODEL_ERR_UNSUPPORTED;
}

static int send(struct yd_peer *peer, const struct yd_op *op, uint64_t token, yodel_bytes bytes)
{
    (void)peer;
    (void)op;
    (void)token;
    (void)bytes;
    return YODEL_ERR_UNSUPPORTED;
}

static void group_begins(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    yd_kept_group_begins(kept_of(peer), layer, group);
}

static void group_ends(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    yd_kept_group_ends(kept_of(peer), layer, group);
}

static const struct yd_peer_ops peer_ops = {.takes = takes,
                                            .encode = encode,
                                            .send = send,
                                            .group_begins = group_begins,
                                            .group_ends = group_ends};

/* ---- the store ---- */

static struct yd_kept *kept_of_store(struct yd_history_store *store)
{
    return yd_container_of(store, struct yd_kept, store);
}

static int append(struct yd_history_store *store, const yodel_history_options *options,
                  yodel_str name, struct yd_msg *msg, const struct yd_history_told *told,
                  struct yd_offset *ret_offset)
{
    (void)ret_offset;
    return yd_kept_append(kept_of_store(store), options, name, msg, told);
}

static void read_store(struct yd_history_store *store, struct yd_history_read *read)
{
    yd_kept_read(kept_of_store(store), read);
}

static void gone(struct yd_history_store *store)
{
    struct yd_kept *kept = kept_of_store(store);

    pthread_mutex_lock(&kept->lock);
    kept->channels = NULL;
    pthread_mutex_unlock(&kept->lock);
}

static void rules_changed(struct yd_history_store *store)
{
    yd_kept_groups_changed(kept_of_store(store));
}

static const struct yd_history_store_ops store_ops = {
    .append = append, .read = read_store, .gone = gone, .rules_changed = rules_changed};

struct yd_kept *yd_kept_of_channels(const yodel_channels *channels)
{
    struct yd_history_store *store = yd_history_store_of(channels);

    return store != NULL && store->ops == &store_ops ? kept_of_store(store) : NULL;
}

/* ---- a part of the server ---- */

static void look(struct yd_kept *kept)
{
    yd_kept_find_missed(kept);
    yd_kept_look(kept);
}

static void run_call(struct yd_loop *loop, void *arg)
{
    struct yd_kept *kept = arg;

    (void)loop;
    pthread_mutex_lock(&kept->lock);
    kept->called = false;
    pthread_mutex_unlock(&kept->lock);
    if (!kept->ended)
        look(kept);
}

static void run_timer(struct yd_timer *timer)
{
    struct yd_kept *kept = yd_container_of(timer, struct yd_kept, timer);

    look(kept);
    yd_kept_ask_again(kept);
    yd_kept_send(kept);
    yd_kept_look_at_reads(kept);
}

/* No client of the server's is left. */
static void finish(struct yd_kept *kept)
{
    if (kept->loop == NULL || kept->ended)
        return;
    look(kept);
    yd_kept_send_last(kept);
    kept->ended = true;
    yd_kept_tell_last(kept);
    yd_timer_stop(&kept->loop->wheel, &kept->timer);
    yd_kept_fail_reads(kept, YODEL_ERR_CLOSED);
    yd_kept_unfollow(kept);
}

static void on_finish(struct yd_redis_watcher *watcher)
{
    finish(yd_container_of(watcher, struct yd_kept, watcher));
}

static struct yd_kept *kept_of_part(struct yd_part *part)
{
    return yd_container_of(part, struct yd_kept, part);
}

static void begin(struct yd_part *part, struct yd_loop *loop)
{
    struct yd_kept *kept = kept_of_part(part);

    kept->loop = loop;
    kept->watcher.on_finish = on_finish;
    yd_redis_on_state(kept->redis, &kept->watcher);
    pthread_mutex_lock(&kept->lock);
    kept->started = true;
    pthread_mutex_unlock(&kept->lock);
    look(kept);
}

static void end(struct yd_part *part)
{
    struct yd_kept *kept = kept_of_part(part);

    finish(kept);
    if (kept->watcher.on_finish != NULL)
        yd_redis_off_state(kept->redis, &kept->watcher);
    kept->redis = yodel_redis_unref(kept->redis);
}

static void free_kept(struct yd_kept *kept)
{
    yodel_redis_unref(kept->redis);
    yd_kept_free_boxes(kept);
    yd_kept_free_groups(kept);
    pthread_mutex_destroy(&kept->lock);
    yd_free(kept->mem, kept);
}

static void free_part(struct yd_part *part)
{
    free_kept(kept_of_part(part));
}

static const struct yd_part_ops part_ops = {.begin = begin, .end = end, .free = free_part};

/* ---- making ---- */

#define OR(value, otherwise) ((value) != 0 ? (value) : (otherwise))

static int read_options(struct yd_kept *kept, const yodel_history_redis_options *options)
{
    const char *prefix = options->prefix != NULL ? options->prefix : "yodel";
    size_t len = strlen(prefix);

    if (len == 0 || len > YD_KEPT_PREFIX_MAX || strpbrk(prefix, "*?[]\\{}") != NULL)
        return YODEL_ERR_NAME;
    memcpy(kept->prefix, prefix, len);
    kept->max_queue = OR(options->max_queue, (size_t)8 << 20);
    kept->patience_ms = OR(options->patience_ms, 1000);
    kept->max_reads = OR(options->max_reads, 10000);
    return 0;
}

static void init(struct yd_kept *kept, yodel_channels *channels, yodel_redis *redis)
{
    kept->store.ops = &store_ops;
    kept->peer.ops = &peer_ops;
    kept->part.ops = &part_ops;
    kept->mem = yd_channels_mem(channels);
    kept->bus = yd_channels_bus(channels);
    kept->channels = channels;
    kept->redis = yodel_redis_ref(redis);
    (void)snprintf(kept->layer, sizeof kept->layer, "%.*s", (int)yd_channels_name(channels).len,
                   yd_channels_name(channels).ptr);
    pthread_mutex_init(&kept->lock, NULL);
    yd_map_init(&kept->groups, kept->mem, kept->bus->secret);
    yd_map_init(&kept->boxes, kept->mem, kept->bus->secret);
    yd_list_init(&kept->dirty);
    yd_list_init(&kept->all_boxes);
    yd_list_init(&kept->joined);
    yd_list_init(&kept->again);
    yd_list_init(&kept->reads);
    yd_call_init(&kept->call, YD_CALL_CONTROL, run_call, kept);
    yd_timer_init(&kept->timer, run_timer);
}

int yd_kept_new(yodel_channels *channels, yodel_redis *redis,
                const yodel_history_redis_options *options, struct yd_part **ret_part)
{
    struct yd_kept *kept;
    int rc;

    if (yd_redis_loop(redis) != yd_bus_get_loop(yd_channels_bus(channels), 0))
        return -EINVAL;
    if (yd_history_store_of(channels) != NULL)
        return YODEL_ERR_STATE;
    if ((kept = yd_zalloc(yd_channels_mem(channels), sizeof *kept)) == NULL)
        return -ENOMEM;
    init(kept, channels, redis);
    if ((rc = read_options(kept, options)) < 0 ||
        (rc = yd_bus_add_peer(kept->bus, &kept->peer)) < 0) {
        free_kept(kept);
        return rc;
    }
    yd_history_set_store(channels, &kept->store);
    *ret_part = &kept->part;
    return 0;
}

static uint64_t value(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void yd_kept_get_stats(const struct yd_kept *kept, yodel_history_redis_stats *ret)
{
    const struct yd_kept_counters *counters = &kept->counters;

    *ret = (yodel_history_redis_stats){
        .size = sizeof *ret,
        .appended = value(&counters->appended),
        .received = value(&counters->received),
        .replayed = value(&counters->replayed),
        .too_old = value(&counters->too_old),
        .early = value(&counters->early),
        .refused = value(&counters->refused),
        .gaps = value(&counters->gaps),
        .malformed = value(&counters->malformed),
        .waiting = atomic_load_explicit(&kept->waiting, memory_order_relaxed),
    };
}
