/* SPDX-License-Identifier: MIT */
#include "redis/cluster.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"

#define MOST_NODES 1000
/* Between two questions for the map, ms; and until it is asked for without need. */
#define LEAST_MS 100
#define USUAL_MS 15000

static struct yd_redis_node *node_of(struct yd_list *node)
{
    return yd_container_of(node, struct yd_redis_node, node);
}

static bool is_cluster(const yodel_redis *redis)
{
    return redis->config.options.mode == YODEL_REDIS_CLUSTER;
}

/* ---- nodes ---- */

void yd_redis_node_init(struct yd_redis_node *node, yodel_redis *redis)
{
    yd_list_init(&node->node);
    yd_redis_pipe_init(&node->pipe, redis, &node->address);
    yd_redis_feed_init(&node->feed, redis, &node->address);
}

static struct yd_redis_node *find_node(yodel_redis *redis, yodel_str host, unsigned port)
{
    struct yd_redis_node *node;

    for (struct yd_list *at = redis->nodes.next; at != &redis->nodes; at = at->next)
        if (yd_redis_address_is(&node_of(at)->address, host, port))
            return node_of(at);
    if (redis->num_nodes == MOST_NODES || (node = yd_zalloc(redis->env.mem, sizeof *node)) == NULL)
        return NULL;
    if (yd_redis_address_set(redis->env.mem, &node->address, host, port) < 0) {
        yd_free(redis->env.mem, node);
        return NULL;
    }
    yd_redis_node_init(node, redis);
    yd_list_append(&redis->nodes, &node->node);
    redis->num_nodes++;
    return node;
}

static bool make_slots(yodel_redis *redis)
{
    size_t size = YD_REDIS_SLOTS * sizeof *redis->slots;

    if (redis->slots == NULL)
        redis->slots = yd_zalloc(redis->env.mem, size);
    return redis->slots != NULL;
}

static struct yd_redis_node *owner_of(const yodel_redis *redis, unsigned slot)
{
    return redis->slots != NULL && slot < YD_REDIS_SLOTS ? redis->slots[slot] : NULL;
}

struct yd_redis_pipe *yd_redis_cluster_pipe(yodel_redis *redis, uint16_t slot)
{
    struct yd_redis_node *node = owner_of(redis, slot);

    if (node == NULL)
        return &redis->home.pipe;
    yd_redis_link_start(&node->pipe.link);
    return &node->pipe;
}

struct yd_redis_feed *yd_redis_feed_for(yodel_redis *redis, enum yd_redis_kind kind, yodel_str name)
{
    struct yd_redis_node *node;

    if (kind != YD_REDIS_SHARDED || !is_cluster(redis))
        return &redis->home.feed;
    node = owner_of(redis, yd_resp_slot(name));
    return node != NULL ? &node->feed : NULL;
}

const struct yd_redis_address *yd_redis_address_for(yodel_redis *redis, yodel_str key)
{
    struct yd_redis_node *node = NULL;

    if (is_cluster(redis) && key.len > 0)
        node = owner_of(redis, yd_resp_slot(key));
    return node != NULL ? &node->address : &redis->home.address;
}

/* What was to go to a node that is no master any more goes where its slots are. */
static void leave_node(yodel_redis *redis, struct yd_redis_node *node)
{
    struct yd_redis_request *waiting = yd_redis_pipe_take(&node->pipe);

    yd_redis_pipe_stop(&node->pipe, true);
    yd_redis_feed_stop(&node->feed);
    yd_redis_names_lost(redis, &node->feed);
    while (waiting != NULL) {
        struct yd_redis_request *request = waiting;

        waiting = request->next;
        redis->hooks->reroute(redis, request);
    }
}

static void leave_others(yodel_redis *redis)
{
    for (struct yd_list *at = redis->nodes.next; at != &redis->nodes; at = at->next)
        if (!node_of(at)->found)
            leave_node(redis, node_of(at));
}

/* ---- the map ---- */

static void ask_later(yodel_redis *redis, uint64_t ms)
{
    struct yd_loop *loop = redis->env.loop;

    if (!redis->ended)
        yd_timer_start(&loop->wheel, &redis->refresh_timer, yd_loop_due(loop, ms));
}

static bool is_range(const struct yd_redis_reply *range)
{
    const struct yd_redis_reply *master;

    if (range->type != YODEL_REDIS_ARRAY || range->num < 3 ||
        range->elements[0]->type != YODEL_REDIS_INTEGER ||
        range->elements[1]->type != YODEL_REDIS_INTEGER)
        return false;
    master = range->elements[2];
    return master->type == YODEL_REDIS_ARRAY && master->num >= 2 &&
           master->elements[1]->type == YODEL_REDIS_INTEGER && master->elements[1]->integer > 0 &&
           master->elements[1]->integer < 65536 && range->elements[0]->integer >= 0 &&
           range->elements[1]->integer < (int64_t)YD_REDIS_SLOTS;
}

/* A node that does not know its own name says nothing: it is the one that was asked. */
static bool take_range(yodel_redis *redis, const struct yd_redis_reply *range)
{
    const struct yd_redis_reply *master;
    struct yd_redis_node *node;
    yodel_str host;

    if (!is_range(range)) {
        yd_redis_count_malformed(redis);
        return false;
    }
    master = range->elements[2];
    host = master->elements[0]->text;
    if (host.len == 0 || host.ptr[0] == '?')
        host = yodel_str_of(redis->home.address.host);
    if ((node = find_node(redis, host, (unsigned)master->elements[1]->integer)) == NULL)
        return false;
    node->found = true;
    for (int64_t slot = range->elements[0]->integer; slot <= range->elements[1]->integer; slot++)
        redis->slots[slot] = node;
    return true;
}

static bool take_map(yodel_redis *redis, const struct yd_redis_reply *reply)
{
    bool ok = true;

    if (reply == NULL || reply->type != YODEL_REDIS_ARRAY || reply->num == 0 || !make_slots(redis))
        return false;
    for (struct yd_list *at = redis->nodes.next; at != &redis->nodes; at = at->next)
        node_of(at)->found = false;
    memset(redis->slots, 0, YD_REDIS_SLOTS * sizeof *redis->slots);
    for (size_t i = 0; i < reply->num; i++)
        ok = take_range(redis, reply->elements[i]) && ok;
    return ok;
}

static void on_map(const struct yd_redis_reply *reply, void *arg)
{
    yodel_redis *redis = arg;
    bool ok;

    redis->refreshing = false;
    if (redis->ended)
        return;
    ok = take_map(redis, reply);
    redis->stale = !ok;
    ask_later(redis, ok ? USUAL_MS : 5 * LEAST_MS);
    if (ok)
        leave_others(redis);
    yd_redis_names_reassign(redis);
    redis->hooks->changed(redis);
}

static void ask(yodel_redis *redis)
{
    static const char *const words[] = {"CLUSTER", "SLOTS"};
    const yodel_bytes argv[] = {{(const uint8_t *)words[0], 7}, {(const uint8_t *)words[1], 5}};
    const struct yd_redis_command command = {.argc = 2, .argv = argv, .fn = on_map, .arg = redis};
    struct yd_redis_request *request;

    redis->refreshed_at = redis->env.loop->now;
    if (!yd_redis_link_is_ready(&redis->home.pipe.link) ||
        yd_redis_request_new(redis, &command, &request) < 0) {
        ask_later(redis, 5 * LEAST_MS);
        return;
    }
    redis->refreshing = true;
    atomic_fetch_add_explicit(&redis->waiting, request->len, memory_order_relaxed);
    yd_redis_pipe_add(&redis->home.pipe, request);
}

static void on_refresh(struct yd_timer *timer)
{
    yodel_redis *redis = yd_container_of(timer, yodel_redis, refresh_timer);

    if (!redis->refreshing && !redis->ended)
        ask(redis);
}

void yd_redis_cluster_init(yodel_redis *redis)
{
    yd_list_init(&redis->nodes);
    yd_timer_init(&redis->refresh_timer, on_refresh);
    redis->stale = is_cluster(redis);
}

void yd_redis_cluster_refresh(yodel_redis *redis)
{
    uint64_t since = redis->env.loop->now - redis->refreshed_at;

    if (!is_cluster(redis) || redis->ended)
        return;
    redis->stale = true;
    redis->hooks->changed(redis);
    if (!redis->refreshing)
        ask_later(redis, since < LEAST_MS ? LEAST_MS - since : 0);
}

/* Digits; false for others, and for more than most. */
static bool take_number(yodel_str *text, unsigned most, unsigned *ret)
{
    unsigned value = 0;
    size_t len = 0;

    while (len < text->len && len < 6 && text->ptr[len] >= '0' && text->ptr[len] <= '9')
        value = value * 10 + (unsigned)(text->ptr[len++] - '0');
    *ret = value;
    *text = (yodel_str){text->ptr + len, text->len - len};
    return len > 0 && value <= most;
}

void yd_redis_cluster_moved(yodel_redis *redis, yodel_str text)
{
    struct yd_redis_node *node;
    unsigned slot, port;
    size_t colon;
    yodel_str host;

    yd_redis_cluster_refresh(redis);
    if (!is_cluster(redis) || text.len < 6)
        return;
    text = (yodel_str){text.ptr + 6, text.len - 6};
    if (!take_number(&text, YD_REDIS_SLOTS - 1, &slot) || text.len < 2 || text.ptr[0] != ' ')
        return;
    host = (yodel_str){text.ptr + 1, text.len - 1};
    for (colon = host.len; colon > 0 && host.ptr[colon - 1] != ':'; colon--)
        ;
    if (colon == 0)
        return;
    text = (yodel_str){host.ptr + colon, host.len - colon};
    host.len = colon - 1;
    if (host.len == 0)
        host = yodel_str_of(redis->home.address.host);
    if (!take_number(&text, 65535, &port) || port == 0 || !make_slots(redis) ||
        (node = find_node(redis, host, port)) == NULL)
        return;
    node->found = true;
    redis->slots[slot] = node;
}

/* ---- the first node ---- */

void yd_redis_cluster_turn(yodel_redis *redis)
{
    const struct yd_redis_config *config = &redis->config;
    const struct yd_redis_address *next;
    size_t i = ++redis->seed % (config->num_addresses + redis->num_nodes);
    struct yd_list *at = redis->nodes.next;

    if (i < config->num_addresses) {
        next = &config->addresses[i];
    } else {
        for (i -= config->num_addresses; i > 0; i--)
            at = at->next;
        next = &node_of(at)->address;
    }
    if (next->host != NULL)
        (void)yd_redis_address_set(redis->env.mem, &redis->home.address, yodel_str_of(next->host),
                                   next->port);
}

/* ---- all of them ---- */

static bool is_missing(const struct yd_redis_link *link)
{
    return link->phase != YD_REDIS_LINK_OFF && !yd_redis_link_is_ready(link);
}

bool yd_redis_cluster_is_whole(const yodel_redis *redis)
{
    for (struct yd_list *at = redis->nodes.next; at != &redis->nodes; at = at->next) {
        const struct yd_redis_node *node = node_of(at);

        if (is_missing(&node->pipe.link) || is_missing(&node->feed.link) || node->feed.missing > 0)
            return false;
    }
    return !redis->stale;
}

bool yd_redis_cluster_is_empty(const yodel_redis *redis)
{
    for (struct yd_list *at = redis->nodes.next; at != &redis->nodes; at = at->next)
        if (!yd_redis_pipe_is_empty(&node_of(at)->pipe))
            return false;
    return true;
}

bool yd_redis_cluster_is_at_work(const yodel_redis *redis)
{
    for (struct yd_list *at = redis->nodes.next; at != &redis->nodes; at = at->next)
        if (yd_redis_pipe_is_at_work(&node_of(at)->pipe))
            return true;
    return false;
}

void yd_redis_cluster_stop(yodel_redis *redis, bool gently)
{
    yd_timer_stop(&redis->env.loop->wheel, &redis->refresh_timer);
    for (struct yd_list *at = redis->nodes.next; at != &redis->nodes; at = at->next) {
        yd_redis_pipe_stop(&node_of(at)->pipe, gently);
        yd_redis_feed_stop(&node_of(at)->feed);
    }
}

void yd_redis_cluster_free(yodel_redis *redis)
{
    while (!yd_list_is_empty(&redis->nodes)) {
        struct yd_redis_node *node = node_of(redis->nodes.next);

        yd_list_remove(&node->node);
        yd_redis_address_done(redis->env.mem, &node->address);
        yd_free(redis->env.mem, node);
    }
    yd_free(redis->env.mem, redis->slots);
    redis->slots = NULL;
}
