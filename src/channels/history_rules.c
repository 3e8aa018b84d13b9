/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels/history.h"

/* ---- the rules in force ---- */

/* They do not change: a change makes others, and those that are being read stay until then. */
struct yd_history_rules {
    atomic_uint refs;
    const struct yodel_allocator *mem;
    size_t num;
    struct yd_history_rule items[];
};

static struct yd_history_rules *ref_rules(struct yd_history *history)
{
    struct yd_history_rules *rules;

    if (!atomic_load_explicit(&history->has_rules, memory_order_acquire))
        return NULL;
    pthread_mutex_lock(&history->rules_lock);
    if ((rules = history->rules) != NULL)
        atomic_fetch_add_explicit(&rules->refs, 1, memory_order_relaxed);
    pthread_mutex_unlock(&history->rules_lock);
    return rules;
}

static void unref_rules(struct yd_history_rules *rules)
{
    if (rules != NULL && atomic_fetch_sub_explicit(&rules->refs, 1, memory_order_acq_rel) == 1)
        yd_free(rules->mem, rules);
}

static bool fits_plain(const char *pattern, yodel_str name)
{
    size_t len = strlen(pattern);

    if (len > 0 && pattern[len - 1] == '*')
        return name.len >= len - 1 && memcmp(name.ptr, pattern, len - 1) == 0;
    return name.len == len && memcmp(name.ptr, pattern, len) == 0;
}

/* Patterns of rooms are held against the two parts of "/chat#r1" apart: a '*' does not reach from
 * one into the other. */
static bool fits_room(const struct yd_history_rule *rule, yodel_str name)
{
    const char *mark = name.ptr[0] == '/' ? memchr(name.ptr, '#', name.len) : NULL;
    yodel_str ns, room;

    if (mark == NULL)
        return false;
    ns = (yodel_str){name.ptr, (size_t)(mark - name.ptr)};
    room = (yodel_str){mark + 1, name.len - ns.len - 1};
    return yodel_pattern_fits(rule->namespaces, ns) && yodel_pattern_fits(rule->pattern, room);
}

static bool fits(const struct yd_history_rule *rule, yodel_str name)
{
    if (rule->is_plain)
        return fits_plain(rule->pattern, name);
    return rule->namespaces != NULL ? fits_room(rule, name)
                                    : yodel_pattern_fits(rule->pattern, name);
}

static const struct yd_history_rule *find_rule(const struct yd_history_rules *rules, yodel_str name)
{
    for (size_t i = 0; i < rules->num; i++)
        if (fits(&rules->items[i], name))
            return !rules->items[i].none ? &rules->items[i] : NULL;
    return NULL;
}

bool yd_history_find(const yodel_channels *channels, yodel_str name,
                     yodel_history_options *ret_options)
{
    struct yd_history_rules *rules = ref_rules(channels->history);
    const struct yd_history_rule *rule = NULL;

    if (rules != NULL && name.len > 0)
        rule = find_rule(rules, name);
    if (rule != NULL && ret_options != NULL)
        *ret_options = rule->options;
    unref_rules(rules);
    return rule != NULL;
}

/* ---- what a layer has ---- */

int yd_history_make(yodel_channels *channels)
{
    struct yd_bus *bus = channels->bus;
    struct yd_history *history;

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
    pthread_mutex_init(&history->rules_lock, NULL);
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

    return history->store != &history->logs.store ? history->store : NULL;
}

void yd_history_free(yodel_channels *channels)
{
    struct yd_history *history = channels->history;

    if (history->store->ops->gone != NULL)
        history->store->ops->gone(history->store);
    yd_logs_free(history);
    unref_rules(history->rules);
    pthread_mutex_destroy(&history->rules_lock);
    yd_free(yd_channels_mem(channels), history->holds);
    yd_free(yd_channels_mem(channels), history);
}

/* ---- changing them ---- */

static size_t size_of_text(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *put_text(char **text, const char *from)
{
    const char *put = *text;
    size_t size = size_of_text(from);

    if (size == 0)
        return NULL;
    memcpy(*text, from, size);
    *text += size;
    return put;
}

/* Of two lists, one behind the other; NULL when out of memory. */
static struct yd_history_rules *make_rules(const struct yodel_allocator *mem,
                                           const struct yd_history_rule *const lists[2],
                                           const size_t nums[2])
{
    size_t num = nums[0] + nums[1], size = sizeof(struct yd_history_rules);
    struct yd_history_rules *rules;
    struct yd_history_rule *rule;
    char *text;

    for (unsigned k = 0; k < 2; k++)
        for (size_t i = 0; i < nums[k]; i++)
            size += sizeof *rule + size_of_text(lists[k][i].pattern) +
                    size_of_text(lists[k][i].namespaces);
    if ((rules = yd_zalloc(mem, size)) == NULL)
        return NULL;
    atomic_init(&rules->refs, 1);
    rules->mem = mem;
    rules->num = num;
    rule = rules->items;
    text = (char *)(rules->items + num);
    for (unsigned k = 0; k < 2; k++)
        for (size_t i = 0; i < nums[k]; i++, rule++) {
            *rule = lists[k][i];
            rule->pattern = put_text(&text, rule->pattern);
            rule->namespaces = put_text(&text, rule->namespaces);
        }
    return rules;
}

/* Takes rules; NULL: none. */
static void exchange(struct yd_history *history, struct yd_history_rules *rules)
{
    struct yd_history_rules *before;

    pthread_mutex_lock(&history->rules_lock);
    before = history->rules;
    history->rules = rules;
    atomic_store_explicit(&history->has_rules, rules != NULL, memory_order_release);
    pthread_mutex_unlock(&history->rules_lock);
    unref_rules(before);
    if (history->store->ops->rules_changed != NULL)
        history->store->ops->rules_changed(history->store);
}

int yd_history_add_rule(yodel_channels *channels, const struct yd_history_rule *rule)
{
    struct yd_history *history = channels->history;
    struct yd_history_rules *before = ref_rules(history), *rules;
    const struct yd_history_rule *const lists[2] = {before != NULL ? before->items : NULL, rule};
    const size_t nums[2] = {before != NULL ? before->num : 0, 1};

    rules = make_rules(yd_channels_mem(channels), lists, nums);
    unref_rules(before);
    if (rules == NULL)
        return -ENOMEM;
    exchange(history, rules);
    return 0;
}

int yd_history_set_rules(yodel_channels *channels, const struct yd_history_rule *rules, size_t num)
{
    const struct yd_history_rule *const lists[2] = {rules, NULL};
    const size_t nums[2] = {num, 0};
    struct yd_history_rules *made = NULL;

    if (num > 0 && (made = make_rules(yd_channels_mem(channels), lists, nums)) == NULL)
        return -ENOMEM;
    exchange(channels->history, made);
    return 0;
}
