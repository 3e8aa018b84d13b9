/* SPDX-License-Identifier: MIT */
#include "admin/admin_stats.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define MAX_NAMESPACES 1000

/* Counters at one moment. */
struct counters {
    uint64_t opened, closed[YG_ADMIN_REASONS], packets_in, packets_out, bytes_in, bytes_out;
};

struct yg_stats {
    struct yg_admin *admin;
    uint64_t begun_ms;
    char host[256];
    bool has_last;
    struct counters last;
    struct yg_text events; /* aggregated, since they were told */
    size_t num_events;
    json_t *namespaces; /* names in the places that they have for ever: pages merge by those */
};

struct yg_stats *yg_stats_new(struct yg_admin *admin)
{
    struct yg_stats *stats = calloc(1, sizeof(*stats));

    if (stats == NULL)
        return NULL;
    stats->admin = admin;
    stats->begun_ms = yg_clock_ms();
    stats->namespaces = json_array();
    if (gethostname(stats->host, sizeof(stats->host) - 1) < 0)
        stats->host[0] = '\0';
    if (stats->namespaces == NULL) {
        free(stats);
        return NULL;
    }
    return stats;
}

void yg_stats_free(struct yg_stats *stats)
{
    if (stats == NULL)
        return;
    yg_text_done(&stats->events);
    json_decref(stats->namespaces);
    free(stats);
}

/* ---- what has been ---- */

static uint64_t value_of(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void read_counters(struct yg_stats *stats, struct counters *ret)
{
    const struct yg_admin *admin = stats->admin;
    yodel_server_stats server = {.size = sizeof(server)};
    yodel_sio_stats sio = {.size = sizeof(sio)};

    (void)yodel_server_get_stats(admin->options.server, &server);
    (void)yodel_sio_get_stats(admin->options.sio, &sio);
    *ret = (struct counters){.opened = value_of(&admin->counts.opened),
                             .packets_in = sio.messages_in,
                             .packets_out = sio.messages_out,
                             .bytes_in = server.bytes_in,
                             .bytes_out = server.bytes_out};
    for (size_t i = 0; i < YG_ADMIN_REASONS; i++)
        ret->closed[i] = value_of(&admin->counts.closed[i]);
}

static void put_event(struct yg_stats *stats, const char *type, const char *sub, uint64_t count)
{
    const int64_t second = yg_clock_wall_ms() / 1000 * 1000;

    if (count == 0)
        return;
    yg_text_printf(&stats->events, "%s{\"timestamp\":%lld,\"type\":\"%s\",\"count\":%llu",
                   stats->num_events++ > 0 ? "," : "", (long long)second, type,
                   (unsigned long long)count);
    if (sub != NULL)
        yg_text_printf(&stats->events, ",\"subType\":\"%s\"", sub);
    yg_text_putc(&stats->events, '}');
}

void yg_stats_sample(struct yg_stats *stats)
{
    const struct counters *last = &stats->last;
    struct counters now;

    read_counters(stats, &now);
    if (stats->has_last) {
        put_event(stats, "rawConnection", NULL, now.opened - last->opened);
        for (size_t i = 0; i < YG_ADMIN_REASONS; i++)
            put_event(stats, "rawDisconnection", yg_admin_reasons[i],
                      now.closed[i] - last->closed[i]);
        put_event(stats, "packetsIn", NULL, now.packets_in - last->packets_in);
        put_event(stats, "packetsOut", NULL, now.packets_out - last->packets_out);
        put_event(stats, "bytesIn", NULL, now.bytes_in - last->bytes_in);
        put_event(stats, "bytesOut", NULL, now.bytes_out - last->bytes_out);
    }
    stats->last = now;
    stats->has_last = true;
}

void yg_stats_begin(struct yg_stats *stats)
{
    if (!stats->has_last)
        yg_stats_sample(stats);
}

void yg_stats_told(struct yg_stats *stats)
{
    yg_text_reset(&stats->events);
    stats->num_events = 0;
}

void yg_stats_rest(struct yg_stats *stats)
{
    yg_stats_told(stats);
    stats->has_last = false;
}

/* ---- namespaces ---- */

/* It gets a place, if it has none. */
static void place(yodel_str name, void *user)
{
    struct yg_stats *stats = user;
    size_t i;
    json_t *known;

    json_array_foreach(stats->namespaces, i, known)
    {
        if (json_string_length(known) == name.len &&
            memcmp(json_string_value(known), name.ptr, name.len) == 0)
            return;
    }
    if (json_array_size(stats->namespaces) < MAX_NAMESPACES)
        (void)json_array_append_new(stats->namespaces, json_stringn(name.ptr, name.len));
}

static size_t count_in(struct yg_admin *admin, const char *name)
{
    yodel_sio_namespace *ns = yodel_sio_find_namespace(admin->options.sio, name);
    const size_t num = ns != NULL ? yodel_sio_namespace_count(ns) : 0;

    yodel_sio_namespace_unref(ns);
    return num;
}

static void put_namespaces(struct yg_stats *stats, struct yg_text *text)
{
    size_t i;
    json_t *name;

    yodel_sio_each_namespace(stats->admin->options.sio, place, stats);
    json_array_foreach(stats->namespaces, i, name)
    {
        yg_text_puts(text, i > 0 ? ",{\"name\":" : "{\"name\":");
        yg_text_put_json(text, json_string_value(name), json_string_length(name));
        yg_text_printf(text, ",\"socketsCount\":%zu}",
                       count_in(stats->admin, json_string_value(name)));
    }
}

struct yg_admin_record *yg_stats_make(struct yg_stats *stats)
{
    const char *node = stats->admin->options.node;
    yodel_sio_stats sio = {.size = sizeof(sio)};
    const size_t num_ws = atomic_load_explicit(&stats->admin->num_ws, memory_order_relaxed);
    struct yg_text text = {0};
    struct yg_admin_record *record;

    (void)yodel_sio_get_stats(stats->admin->options.sio, &sio);
    yg_text_puts(&text, "[{\"serverId\":");
    yg_text_put_json(&text, node, strlen(node));
    yg_text_puts(&text, ",\"hostname\":");
    yg_text_put_json(&text, stats->host, strlen(stats->host));
    yg_text_printf(&text,
                   ",\"pid\":%ld,\"uptime\":%.3f,\"clientsCount\":%llu,\"pollingClientsCount\":"
                   "%llu,\"aggregatedEvents\":[",
                   (long)getpid(), (double)(yg_clock_ms() - stats->begun_ms) / 1000,
                   (unsigned long long)sio.clients + num_ws, (unsigned long long)sio.polling);
    yg_text_add(&text, yg_text_string(&stats->events), stats->events.len);
    yg_text_puts(&text, "],\"namespaces\":[");
    put_namespaces(stats, &text);
    yg_text_puts(&text, "]}]");
    record = yg_admin_record_new(YG_RECORD_STATS, (yodel_str){NULL, 0}, &text);
    yg_text_done(&text);
    return record;
}
