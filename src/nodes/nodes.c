/* SPDX-License-Identifier: MIT */
#include "nodes/nodes.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"

/* ---- setting up ---- */

static int name_node(struct yd_node_info *info, const char *name)
{
    char host[65] = "";

    if (name != NULL) {
        if (!yd_node_text_is_valid(yodel_str_of(name), sizeof info->name))
            return YODEL_ERR_NAME;
        (void)snprintf(info->name, sizeof info->name, "%s", name);
        return 0;
    }
    if (gethostname(host, sizeof host - 1) < 0 ||
        !yd_node_text_is_valid(yodel_str_of(host), sizeof host))
        (void)snprintf(host, sizeof host, "localhost");
    (void)snprintf(info->name, sizeof info->name, "%s:%ld", host, (long)getpid());
    return 0;
}

/* It stands in patterns, too. */
static bool is_prefix(const char *prefix)
{
    return yd_node_text_is_valid(yodel_str_of(prefix), YD_NODE_PREFIX_MAX + 1) &&
           strpbrk(prefix, "*?[]\\{}") == NULL;
}

static bool draw_tag(char ret_tag[YD_NODE_TAG_SIZE]);
static void on_beat(struct yd_timer *timer);
static void on_announcement(struct yd_wire_sub *sub, yodel_bytes payload);
static void on_active(struct yd_wire_sub *sub);
static void on_tag_answer(struct yd_wire_call *call, int result, yodel_bytes value);

int yd_nodes_init(struct yd_nodes *nodes, const struct yd_nodes_options *options)
{
    const char *prefix = options->prefix != NULL ? options->prefix : "yodel";
    const struct yodel_allocator *mem = yd_bus_mem(options->bus);
    struct yd_node_info own = {.tag = ""};

    if (!is_prefix(prefix) ||
        (options->address != NULL &&
         !yd_node_text_is_valid(yodel_str_of(options->address), sizeof own.address)) ||
        name_node(&own, options->name) < 0)
        return YODEL_ERR_NAME;
    if (options->address != NULL)
        (void)snprintf(own.address, sizeof own.address, "%s", options->address);
    *nodes = (struct yd_nodes){
        .mem = mem,
        .bus = options->bus,
        .wire = options->wire,
        .own = own,
        .beat_ms = options->beat_ms,
        .dead_ms = options->dead_ms,
        .keep_ms = options->keep_ms,
        .num_missing = 1,
        .call = {on_tag_answer},
    };
    (void)snprintf(nodes->prefix, sizeof nodes->prefix, "%s", prefix);
    (void)snprintf(nodes->channel, sizeof nodes->channel, "%s:nodes", prefix);
    nodes->sub = (struct yd_wire_sub){.name = yodel_str_of(nodes->channel),
                                      .on_message = on_announcement,
                                      .on_active = on_active};
    yd_node_table_init(&nodes->table, mem, options->secret, options->max_nodes);
    yd_timer_init(&nodes->beat, on_beat);
    yd_list_init(&nodes->watchers);
    (void)draw_tag(nodes->tag_tried);
    return 0;
}

int yd_nodes_set_address(struct yd_nodes *nodes, const char *address)
{
    if (!yd_node_text_is_valid(yodel_str_of(address), sizeof nodes->own.address))
        return YODEL_ERR_NAME;
    (void)snprintf(nodes->own.address, sizeof nodes->own.address, "%s", address);
    return 0;
}

void yd_nodes_done(struct yd_nodes *nodes)
{
    yd_node_table_done(&nodes->table);
}

/* ---- announcements ---- */

static void count(atomic_uint_least64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Without memory, or a way: the next beat follows. */
static void announce(struct yd_nodes *nodes, enum yd_node_news news)
{
    struct yd_buf buf = {0};

    if (yd_node_record_encode(nodes->mem, &buf, news, &nodes->own) == 0)
        (void)nodes->wire->ops->publish(nodes->wire, yodel_str_of(nodes->channel),
                                        (yodel_bytes){buf.ptr, buf.len});
    yd_buf_free(nodes->mem, &buf);
}

/* ---- keys ---- */

#define KEY_SIZE (YD_NODE_PREFIX_MAX + YD_PROCESS_SIZE + 8)

static yodel_str tag_key(const struct yd_nodes *nodes, const char *tag, char buf[KEY_SIZE])
{
    (void)snprintf(buf, KEY_SIZE, "%s:tag:%s", nodes->prefix, tag);
    return yodel_str_of(buf);
}

static yodel_str node_key(const struct yd_nodes *nodes, char buf[KEY_SIZE])
{
    (void)snprintf(buf, KEY_SIZE, "%s:node:%s", nodes->prefix, nodes->own.process);
    return yodel_str_of(buf);
}

/* Under key stands what this node is, for as long as it is not dead. */
static int store(struct yd_nodes *nodes, yodel_str key, const char *tag, bool only_new,
                 struct yd_wire_call *call)
{
    struct yd_node_info info = nodes->own;
    struct yd_buf buf = {0};
    int rc;

    memcpy(info.tag, tag, sizeof info.tag);
    rc = yd_node_record_encode(nodes->mem, &buf, YD_NODE_ALIVE, &info);
    if (rc == 0)
        rc = nodes->wire->ops->set(nodes->wire, key, (yodel_bytes){buf.ptr, buf.len},
                                   nodes->dead_ms, only_new, call);
    yd_buf_free(nodes->mem, &buf);
    return rc;
}

static bool is_own_record(const struct yd_nodes *nodes, yodel_bytes value)
{
    struct yd_node_info info;
    enum yd_node_news news;

    return yd_node_record_decode(value, &news, &info) == 0 &&
           strcmp(info.process, nodes->own.process) == 0;
}

/* ---- the tag ---- */

static void tell_tag(struct yd_nodes *nodes)
{
    for (struct yd_list *at = nodes->watchers.next, *next; at != &nodes->watchers; at = next) {
        struct yd_nodes_watcher *watcher = yd_container_of(at, struct yd_nodes_watcher, of_nodes);

        next = at->next;
        if (watcher->on_tag != NULL)
            watcher->on_tag(watcher, nodes->own.tag);
    }
}

static void hold_tag(struct yd_nodes *nodes)
{
    nodes->tag_state = YD_TAG_HELD;
    pthread_mutex_lock(&nodes->table.lock);
    memcpy(nodes->own.tag, nodes->tag_tried, sizeof nodes->own.tag);
    pthread_mutex_unlock(&nodes->table.lock);
    tell_tag(nodes);
    announce(nodes, YD_NODE_ALIVE);
}

static bool draw_tag(char ret_tag[YD_NODE_TAG_SIZE])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t bytes[YD_NODE_TAG_SIZE - 1];

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        ret_tag[i] = digits[bytes[i] & 63];
    ret_tag[sizeof bytes] = '\0';
    return true;
}

static void claim_tag(struct yd_nodes *nodes, bool same)
{
    char key[KEY_SIZE];

    if ((!same || nodes->tag_tried[0] == '\0') && !draw_tag(nodes->tag_tried))
        return;
    nodes->tag_state = YD_TAG_CLAIMED;
    nodes->asking = store(nodes, tag_key(nodes, nodes->tag_tried, key), nodes->tag_tried, true,
                          &nodes->call) == 0;
}

static void ask_whose(struct yd_nodes *nodes, const char *tag)
{
    char key[KEY_SIZE];

    nodes->asking = nodes->wire->ops->get(nodes->wire, tag_key(nodes, tag, key), &nodes->call) == 0;
}

/* Ours still?  Then its life is renewed. */
static void check_tag(struct yd_nodes *nodes)
{
    if (nodes->asking)
        return;
    if (nodes->tag_state != YD_TAG_HELD)
        claim_tag(nodes, true);
    else
        ask_whose(nodes, nodes->own.tag);
}

static void on_claimed(struct yd_nodes *nodes, int result)
{
    if (result > 0) {
        hold_tag(nodes);
    } else if (result == 0) {
        nodes->tag_state = YD_TAG_DOUBTED;
        ask_whose(nodes, nodes->tag_tried);
    } else {
        nodes->tag_state = YD_TAG_NONE; /* not known; the next beat tries again */
    }
}

static void on_doubted(struct yd_nodes *nodes, int result, yodel_bytes value)
{
    if (result > 0 && is_own_record(nodes, value))
        hold_tag(nodes);
    else if (result >= 0)
        claim_tag(nodes, result == 0);
    else
        nodes->tag_state = YD_TAG_NONE;
}

static void on_checked(struct yd_nodes *nodes, int result, yodel_bytes value)
{
    char key[KEY_SIZE];

    if (result > 0 && is_own_record(nodes, value)) {
        (void)store(nodes, tag_key(nodes, nodes->own.tag, key), nodes->own.tag, false, NULL);
    } else if (result >= 0) { /* it has ended meanwhile, and somebody may have taken it */
        memcpy(nodes->tag_tried, nodes->own.tag, sizeof nodes->tag_tried);
        claim_tag(nodes, result == 0);
    }
}

static void on_tag_answer(struct yd_wire_call *call, int result, yodel_bytes value)
{
    struct yd_nodes *nodes = yd_container_of(call, struct yd_nodes, call);

    nodes->asking = false;
    if (!nodes->running || nodes->leaving)
        return;
    if (nodes->tag_state == YD_TAG_CLAIMED)
        on_claimed(nodes, result);
    else if (nodes->tag_state == YD_TAG_DOUBTED)
        on_doubted(nodes, result, value);
    else
        on_checked(nodes, result, value);
}

/* ---- nodes that come and go ---- */

static void tell_join(struct yd_nodes *nodes, const struct yd_node_info *info)
{
    for (struct yd_list *at = nodes->watchers.next, *next; at != &nodes->watchers; at = next) {
        struct yd_nodes_watcher *watcher = yd_container_of(at, struct yd_nodes_watcher, of_nodes);

        next = at->next;
        if (watcher->on_join != NULL)
            watcher->on_join(watcher, info);
    }
}

static void tell_leave(struct yd_nodes *nodes, const struct yd_node_info *info)
{
    for (struct yd_list *at = nodes->watchers.next, *next; at != &nodes->watchers; at = next) {
        struct yd_nodes_watcher *watcher = yd_container_of(at, struct yd_nodes_watcher, of_nodes);

        next = at->next;
        if (watcher->on_leave != NULL)
            watcher->on_leave(watcher, info);
    }
}

struct change {
    struct yd_nodes *nodes;
    struct yd_node *node;
    const struct yd_node_info *info;
};

static void count_node(void *arg)
{
    struct change *change = arg;

    (void)yd_node_table_announce(&change->nodes->table, change->node, change->info);
}

static void join(struct yd_nodes *nodes, struct yd_node *node, const struct yd_node_info *info)
{
    struct change change = {nodes, node, info};
    struct yd_bus_process process = {.name = yodel_str_of(info->process)};

    if (node->known) {
        (void)yd_node_table_announce(&nodes->table, node, info);
        return;
    }
    yd_bus_count_process(nodes->bus, &process, count_node, &change);
    node->since = process.since;
    count(&nodes->counters.joined);
    yd_bus_process_joined(nodes->bus, process.name);
    tell_join(nodes, info);
}

static void remove_node(void *arg)
{
    struct change *change = arg;

    yd_node_table_remove(&change->nodes->table, change->node);
}

static void lose(struct yd_nodes *nodes, struct yd_node *node, atomic_uint_least64_t *counter)
{
    struct yd_node_info info = node->info;
    struct change change = {.nodes = nodes, .node = node};
    struct yd_bus_process process = {yodel_str_of(info.process), node->since};
    bool known = node->known;

    if (known && nodes->peer != NULL)
        yd_bus_forget_process(nodes->bus, nodes->peer, &process, remove_node, &change);
    else
        remove_node(&change);
    yd_bus_process_lost(nodes->bus, process.name);
    if (!known)
        return;
    count(counter);
    tell_leave(nodes, &info);
}

static void lose_silent(struct yd_nodes *nodes, uint64_t before)
{
    struct yd_node *node;

    while ((node = yd_node_table_silent(&nodes->table, before)) != NULL)
        lose(nodes, node, &nodes->counters.lost);
}

bool yd_nodes_hear(struct yd_nodes *nodes, yodel_str process)
{
    if (yd_node_process_is_valid(process) &&
        yd_node_table_hear(&nodes->table, process, nodes->loop->now) != NULL)
        return true;
    count(&nodes->counters.refused);
    return false;
}

/* ---- what comes ---- */

/* Our own: the wire carries.  After a gap, in which those of others may be lost as ours were, they
 * get as much time again. */
static void hear_own(struct yd_nodes *nodes)
{
    uint64_t now = nodes->loop->now;

    if (now - nodes->own_heard > nodes->beat_ms + nodes->beat_ms / 2)
        yd_node_table_spare(&nodes->table, now);
    nodes->own_heard = now;
    if (now > nodes->dead_ms)
        lose_silent(nodes, now - nodes->dead_ms);
}

static void on_announcement(struct yd_wire_sub *sub, yodel_bytes payload)
{
    struct yd_nodes *nodes = yd_container_of(sub, struct yd_nodes, sub);
    struct yd_node_info info;
    enum yd_node_news news;
    struct yd_node *node;

    if (yd_node_record_decode(payload, &news, &info) < 0) {
        count(&nodes->counters.malformed);
        return;
    }
    if (strcmp(info.process, nodes->own.process) == 0) {
        hear_own(nodes);
        return;
    }
    if (news == YD_NODE_LEAVES) {
        node = yd_node_table_find(&nodes->table, yodel_str_of(info.process));
        if (node != NULL)
            lose(nodes, node, &nodes->counters.left);
        return;
    }
    if (!yd_nodes_hear(nodes, yodel_str_of(info.process)))
        return;
    node = yd_node_table_find(&nodes->table, yodel_str_of(info.process));
    join(nodes, node, &info);
    if (news == YD_NODE_HELLO && nodes->num_missing == 0 && !nodes->leaving)
        announce(nodes, YD_NODE_ALIVE);
}

/* ---- beats ---- */

static void on_beat(struct yd_timer *timer)
{
    struct yd_nodes *nodes = yd_container_of(timer, struct yd_nodes, beat);
    char key[KEY_SIZE];

    yd_timer_start(&nodes->loop->wheel, timer, yd_loop_due(nodes->loop, nodes->beat_ms));
    if (nodes->loop->now - nodes->own_heard > nodes->keep_ms)
        lose_silent(nodes, nodes->loop->now - nodes->keep_ms);
    if (nodes->num_missing > 0)
        atomic_store(&nodes->away, true);
    if (nodes->num_missing > 0 || nodes->leaving)
        return;
    announce(nodes, YD_NODE_ALIVE);
    (void)store(nodes, node_key(nodes, key), nodes->own.tag, false, NULL);
    check_tag(nodes);
}

/* ---- subscriptions ---- */

void yd_nodes_await_sub(struct yd_nodes *nodes)
{
    nodes->num_missing++;
}

/* With the last one what others publish reaches us; what they did before may be missed. */
void yd_nodes_sub_changed(struct yd_nodes *nodes, bool active)
{
    if (!active) {
        nodes->num_missing++;
        atomic_store(&nodes->away, true);
        return;
    }
    if (--nodes->num_missing > 0 || !nodes->running || nodes->leaving)
        return;
    atomic_store(&nodes->away, false);
    announce(nodes, YD_NODE_HELLO);
    check_tag(nodes);
    yd_bus_process_joined(nodes->bus, (yodel_str){NULL, 0});
}

static void on_active(struct yd_wire_sub *sub)
{
    yd_nodes_sub_changed(yd_container_of(sub, struct yd_nodes, sub), sub->active);
}

/* ---- life ---- */

int yd_nodes_start(struct yd_nodes *nodes)
{
    nodes->loop = nodes->wire->loop;
    nodes->running = true;
    nodes->own_heard = nodes->loop->now;
    pthread_mutex_lock(&nodes->table.lock);
    (void)snprintf(nodes->own.process, sizeof nodes->own.process, "%s", yd_bus_process(nodes->bus));
    pthread_mutex_unlock(&nodes->table.lock);
    yd_timer_start(&nodes->loop->wheel, &nodes->beat, yd_loop_due(nodes->loop, nodes->beat_ms));
    return nodes->wire->ops->subscribe(nodes->wire, &nodes->sub);
}

void yd_nodes_leave(struct yd_nodes *nodes)
{
    char key[KEY_SIZE];

    if (!nodes->running || nodes->leaving)
        return;
    nodes->leaving = true;
    if (nodes->num_missing > 0)
        return;
    announce(nodes, YD_NODE_LEAVES);
    (void)nodes->wire->ops->del(nodes->wire, node_key(nodes, key));
    if (nodes->tag_state == YD_TAG_HELD)
        (void)nodes->wire->ops->del(nodes->wire, tag_key(nodes, nodes->own.tag, key));
}

void yd_nodes_stop(struct yd_nodes *nodes)
{
    if (!nodes->running)
        return;
    nodes->running = false;
    atomic_store(&nodes->away, true);
    yd_timer_stop(&nodes->loop->wheel, &nodes->beat);
    if (nodes->sub.wire != NULL) /* it is not there when the start ran out of memory */
        nodes->wire->ops->unsubscribe(nodes->wire, &nodes->sub);
}

void yd_nodes_watch(struct yd_nodes *nodes, struct yd_nodes_watcher *watcher)
{
    yd_list_append(&nodes->watchers, &watcher->of_nodes);
}

void yd_nodes_unwatch(struct yd_nodes *nodes, struct yd_nodes_watcher *watcher)
{
    (void)nodes;
    yd_list_remove(&watcher->of_nodes);
}

/* ---- any thread ---- */

unsigned yd_nodes_count(struct yd_nodes *nodes)
{
    return yd_node_table_count(&nodes->table);
}

static uint64_t value_of(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void yd_nodes_get_stats(const struct yd_nodes *nodes, struct yd_nodes_stats *ret_stats)
{
    *ret_stats = (struct yd_nodes_stats){
        .joined = value_of(&nodes->counters.joined),
        .lost = value_of(&nodes->counters.lost),
        .left = value_of(&nodes->counters.left),
        .malformed = value_of(&nodes->counters.malformed),
        .refused = value_of(&nodes->counters.refused),
    };
}

void yd_nodes_own(struct yd_nodes *nodes, struct yd_node_info *ret_info)
{
    pthread_mutex_lock(&nodes->table.lock);
    *ret_info = nodes->own;
    pthread_mutex_unlock(&nodes->table.lock);
}

bool yd_nodes_find_tag(struct yd_nodes *nodes, yodel_str tag, struct yd_node_info *ret_info)
{
    return yd_node_table_find_tag(&nodes->table, tag, ret_info);
}

bool yd_nodes_find_process(struct yd_nodes *nodes, yodel_str process, struct yd_node_info *ret_info)
{
    return yd_node_table_get(&nodes->table, process, ret_info);
}

int yd_nodes_list(struct yd_nodes *nodes, struct yd_buf *buf)
{
    return yd_node_table_list(&nodes->table, buf);
}

static void on_looked_up(struct yd_wire_call *call, int result, yodel_bytes value)
{
    struct yd_node_lookup *lookup = yd_container_of(call, struct yd_node_lookup, call);
    struct yd_node_info info;
    enum yd_node_news news;

    if (result > 0 && yd_node_record_decode(value, &news, &info) == 0 &&
        strcmp(info.tag, lookup->tag) == 0)
        lookup->done(lookup, &info);
    else
        lookup->done(lookup, NULL);
}

int yd_nodes_look_up(struct yd_nodes *nodes, yodel_str tag, struct yd_node_lookup *lookup)
{
    char key[KEY_SIZE];

    if (!yd_node_tag_is_valid(tag))
        return YODEL_ERR_NAME;
    if (atomic_load(&nodes->away))
        return YODEL_ERR_CLOSED;
    memcpy(lookup->tag, tag.ptr, tag.len);
    lookup->tag[tag.len] = '\0';
    lookup->call.done = on_looked_up;
    return nodes->wire->ops->get(nodes->wire, tag_key(nodes, lookup->tag, key), &lookup->call);
}
