/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels/history.h"

/* ---- rules ---- */

int yd_history_make(yodel_channels *channels)
{
    struct yd_bus *bus = channels->bus;
    struct yd_history *history;

    if (channels->history != NULL)
        return 0;
    if ((history = yd_zalloc(bus->mem, sizeof *history)) == NULL)
        return -ENOMEM;
    history->holds = yd_zalloc(bus->mem, bus->num_loops * sizeof *history->holds);
    if (history->holds == NULL) {
        yd_free(bus->mem, history);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < bus->num_loops; i++)
        yd_list_init(&history->holds[i]);
    history->channels = channels;
    history->home = bus->loops[0];
    history->rules_end = &history->rules;
    yd_logs_init(history);
    history->store = &history->logs.store;
    channels->history = history;
    return 0;
}

void yd_history_set_store(yodel_channels *channels, struct yd_history_store *store)
{
    channels->history->store = store;
}

struct yd_history_store *yd_history_store_of(const yodel_channels *channels)
{
    struct yd_history *history = channels->history;

    return history != NULL && history->store != &history->logs.store ? history->store : NULL;
}

int yd_history_add_rule(yodel_channels *channels, yodel_str pattern,
                        const yodel_history_options *options)
{
    struct yd_history_rule *rule;
    bool is_prefix = pattern.len > 0 && pattern.ptr[pattern.len - 1] == '*';

    pattern.len -= is_prefix;
    if (yd_history_make(channels) < 0)
        return -ENOMEM;
    if ((rule = yd_zalloc(yd_channels_mem(channels), sizeof *rule + pattern.len)) == NULL)
        return -ENOMEM;
    rule->options = *options;
    rule->is_prefix = is_prefix;
    rule->len = pattern.len;
    if (pattern.len > 0)
        memcpy(rule->name, pattern.ptr, pattern.len);
    *channels->history->rules_end = rule;
    channels->history->rules_end = &rule->next;
    return 0;
}

const struct yd_history_rule *yd_history_rule_of(const yodel_channels *channels, yodel_str name)
{
    const struct yd_history_rule *rule =
        channels->history != NULL ? channels->history->rules : NULL;

    for (; rule != NULL; rule = rule->next)
        if (name.len >= rule->len && (rule->is_prefix || name.len == rule->len) &&
            memcmp(name.ptr, rule->name, rule->len) == 0)
            break;
    return rule;
}

bool yd_history_read_has_envelope(const struct yd_history_read *read)
{
    yodel_str name = {read->name, read->name_len};

    return yd_history_rule_of(read->channels, name)->options.envelope != 0;
}

void yd_history_free(yodel_channels *channels)
{
    struct yd_history *history = channels->history;
    struct yd_history_rule *next;

    if (history == NULL)
        return;
    if (history->store->ops->gone != NULL)
        history->store->ops->gone(history->store);
    yd_logs_free(history);
    for (struct yd_history_rule *rule = history->rules; rule != NULL; rule = next) {
        next = rule->next;
        yd_free(yd_channels_mem(channels), rule);
    }
    yd_free(yd_channels_mem(channels), history->holds);
    yd_free(yd_channels_mem(channels), history);
}
