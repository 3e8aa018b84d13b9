/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels/history.h"

/* History in the memory of one process: for each group the last messages, numbered over all
 * groups.  The first part of an offset is of this run of the process alone. */

#define EXPIRY_MS 1000

struct entry {
    struct yd_list of_log;
    uint64_t number, since;
    struct yd_msg *msg;
};

struct log {
    struct yd_map_node node;
    struct yd_list of_quiet;
    struct yd_list entries; /* the oldest first */
    unsigned count;
    size_t bytes;
    uint64_t dropped; /* the last number that is kept no more */
    uint32_t ttl_ms;  /* as of the last message, or of who has read last */
    char name[];
};

static const struct yodel_allocator *mem_of(const struct yd_history *history)
{
    return yd_channels_mem(history->channels);
}

static struct yd_history *history_of(struct yd_history_store *store)
{
    return yd_container_of(store, struct yd_history, logs.store);
}

/* Of this run of the process, which has its name when it runs. */
static uint64_t epoch_of(struct yd_history *history)
{
    struct yd_bus *bus = yd_channels_bus(history->channels);

    if (history->logs.epoch == 0)
        history->logs.epoch = yd_bus_key(bus, yodel_str_of(yd_bus_process(bus))).hash >> 16 | 1;
    return history->logs.epoch;
}

static struct log *find_log(const struct yd_history *history, yodel_str name)
{
    struct yd_map_node *node = yd_map_find(&history->logs.groups, name);

    return node != NULL ? yd_container_of(node, struct log, node) : NULL;
}

static void drop_first(struct yd_history *history, struct log *log)
{
    struct entry *entry = yd_container_of(log->entries.next, struct entry, of_log);

    yd_list_remove(&entry->of_log);
    log->count--;
    log->bytes -= entry->msg->len;
    log->dropped = entry->number;
    yd_msg_unref(entry->msg);
    yd_free(mem_of(history), entry);
}

static void free_log(struct yd_history *history, struct log *log)
{
    while (log->count > 0)
        drop_first(history, log);
    history->logs.dropped = YD_MAX(history->logs.dropped, log->dropped);
    yd_map_remove(&history->logs.groups, &log->node);
    yd_list_remove(&log->of_quiet);
    yd_free(mem_of(history), log);
}

static struct log *make_log(struct yd_history *history, const yodel_history_options *options,
                            yodel_str name)
{
    struct log *log = yd_zalloc(mem_of(history), sizeof *log + name.len);

    if (log == NULL)
        return NULL;
    memcpy(log->name, name.ptr, name.len);
    log->node.key = (yodel_str){log->name, name.len};
    yd_list_init(&log->entries);
    yd_list_init(&log->of_quiet);
    log->dropped = history->logs.dropped;
    if (yd_map_insert(&history->logs.groups, &log->node) < 0) {
        yd_free(mem_of(history), log);
        return NULL;
    }
    yd_list_append(&history->logs.quiet, &log->of_quiet);
    while (history->logs.groups.count > options->max_groups)
        free_log(history, yd_container_of(history->logs.quiet.next, struct log, of_quiet));
    return log;
}

/* The message itself stays, however large it is. */
static void trim(struct yd_history *history, struct log *log, const yodel_history_options *options)
{
    while (log->count > 1 &&
           (log->count > options->max_messages || log->bytes > options->max_bytes))
        drop_first(history, log);
}

static bool is_over(const struct yd_history *history, const struct log *log)
{
    const struct entry *first = yd_container_of(log->entries.next, struct entry, of_log);

    return log->ttl_ms != UINT32_MAX && history->home->now >= first->since + log->ttl_ms;
}

static void expire_log(struct yd_history *history, struct log *log)
{
    while (log->count > 0 && is_over(history, log))
        drop_first(history, log);
    if (log->count == 0)
        free_log(history, log);
}

static void expire_later(struct yd_history *history)
{
    struct yd_timer *timer = &history->logs.expiry;

    if (!yd_timer_is_running(timer) && !yd_list_is_empty(&history->logs.quiet))
        yd_timer_start(&history->home->wheel, timer, yd_loop_due(history->home, EXPIRY_MS));
}

static void on_expiry(struct yd_timer *timer)
{
    struct yd_history *history = yd_container_of(timer, struct yd_history, logs.expiry);

    for (struct yd_list *at = history->logs.quiet.next, *next; at != &history->logs.quiet;
         at = next) {
        next = at->next;
        expire_log(history, yd_container_of(at, struct log, of_quiet));
    }
    expire_later(history);
}

static int append(struct yd_history_store *store, const yodel_history_options *options,
                  yodel_str name, struct yd_msg *msg, const struct yd_history_told *told,
                  struct yd_offset *ret_offset)
{
    struct yd_history *history = history_of(store);
    struct entry *entry = yd_zalloc(mem_of(history), sizeof *entry);
    struct log *log = find_log(history, name);

    (void)told;
    if (entry == NULL || (log == NULL && (log = make_log(history, options, name)) == NULL)) {
        yd_free(mem_of(history), entry);
        return -ENOMEM;
    }
    entry->number = ++history->logs.number;
    entry->since = yd_loop_due(history->home, 0);
    log->ttl_ms = options->ttl_ms;
    entry->msg = yd_msg_ref(msg);
    yd_list_append(&log->entries, &entry->of_log);
    log->count++;
    log->bytes += msg->len;
    yd_list_remove(&log->of_quiet);
    yd_list_append(&history->logs.quiet, &log->of_quiet);
    trim(history, log, options);
    *ret_offset = (struct yd_offset){epoch_of(history), entry->number};
    expire_later(history);
    return 1;
}

/* How many entries after number there are. */
static size_t count_after(const struct log *log, uint64_t number)
{
    size_t num = 0;

    for (struct yd_list *at = log->entries.next; at != &log->entries; at = at->next)
        num += yd_container_of(at, struct entry, of_log)->number > number;
    return num;
}

static void read_log(struct yd_history *history, const struct log *log, uint64_t number,
                     struct yd_history_read *read)
{
    size_t num = count_after(log, number);
    size_t skip = read->limit > 0 && num > read->limit ? num - read->limit : 0;

    read->gone = read->gone || skip > 0;
    for (struct yd_list *at = log->entries.next; at != &log->entries && read->result == 0;
         at = at->next) {
        const struct entry *entry = yd_container_of(at, struct entry, of_log);
        struct yd_offset offset = {epoch_of(history), entry->number};

        if (entry->number <= number || (skip > 0 && skip-- > 0))
            continue;
        read->result =
            yd_history_read_add(read, offset, entry->msg->type,
                                (yodel_bytes){yd_msg_payload(entry->msg), entry->msg->len});
    }
}

static void read_store(struct yd_history_store *store, struct yd_history_read *read)
{
    struct yd_history *history = history_of(store);
    bool has_from = read->from.a != 0 || read->from.b != 0;
    bool is_ours = read->from.a == epoch_of(history) && read->from.b <= history->logs.number;
    uint64_t number = is_ours ? read->from.b : 0;
    struct log *log;

    if ((log = find_log(history, (yodel_str){read->name, read->name_len})) != NULL) {
        log->ttl_ms = read->options.ttl_ms;
        if (read->forgets)
            free_log(history, log);
        else
            expire_log(history, log);
    }
    log = find_log(history, (yodel_str){read->name, read->name_len});
    read->gone =
        has_from && (!is_ours || number < (log != NULL ? log->dropped : history->logs.dropped));
    read->last = (struct yd_offset){epoch_of(history), history->logs.number};
    if (log != NULL)
        read_log(history, log, number, read);
    yd_history_read_answer(read);
}

static const struct yd_history_store_ops store_ops = {.append = append, .read = read_store};

/* ---- its life ---- */

void yd_logs_init(struct yd_history *history)
{
    struct yd_bus *bus = yd_channels_bus(history->channels);

    history->logs.store.ops = &store_ops;
    yd_timer_init(&history->logs.expiry, on_expiry);
    yd_map_init(&history->logs.groups, yd_bus_mem(bus), bus->secret);
    yd_list_init(&history->logs.quiet);
}

void yd_logs_free(struct yd_history *history)
{
    struct yd_map_node *node;

    yd_timer_stop(&history->home->wheel, &history->logs.expiry);
    while ((node = yd_map_any(&history->logs.groups)) != NULL)
        free_log(history, yd_container_of(node, struct log, node));
    yd_map_done(&history->logs.groups);
}
