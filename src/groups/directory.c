/* SPDX-License-Identifier: MIT */
#include "groups/directory.h"

#include <string.h>

#include "base/container.h"
#include "base/mem.h"

/* ---- tallies ---- */

struct yd_group_tally *yd_group_tally_new(const struct yodel_allocator *mem)
{
    struct yd_group_tally *tally = yd_zalloc(mem, sizeof *tally);

    if (tally == NULL)
        return NULL;
    atomic_init(&tally->refs, 1);
    tally->mem = mem;
    return tally;
}

struct yd_group_tally *yd_group_tally_ref(struct yd_group_tally *tally)
{
    atomic_fetch_add_explicit(&tally->refs, 1, memory_order_relaxed);
    return tally;
}

void yd_group_tally_unref(struct yd_group_tally *tally)
{
    if (tally != NULL && atomic_fetch_sub_explicit(&tally->refs, 1, memory_order_acq_rel) == 1)
        yd_free(tally->mem, tally);
}

static void enter_tally(struct yd_directory_entry *entry, struct yd_group_tally *tally)
{
    if (tally == NULL)
        return;
    entry->tally = yd_group_tally_ref(tally);
    atomic_fetch_add_explicit(&tally->num, 1, memory_order_relaxed);
}

static void leave_tally(struct yd_directory_entry *entry)
{
    if (entry->tally == NULL)
        return;
    atomic_fetch_sub_explicit(&entry->tally->num, 1, memory_order_relaxed);
    yd_group_tally_unref(entry->tally);
}

/* ---- entries ---- */

void yd_directory_init(struct yd_groups *groups)
{
    for (unsigned i = 0; i < YD_DIRECTORY_STRIPES; i++) {
        pthread_mutex_init(&groups->stripes[i].lock, NULL);
        yd_map_init(&groups->stripes[i].entries, groups->bus->mem, groups->bus->secret);
    }
}

void yd_directory_done(struct yd_groups *groups)
{
    for (unsigned i = 0; i < YD_DIRECTORY_STRIPES; i++) {
        yd_map_done(&groups->stripes[i].entries);
        pthread_mutex_destroy(&groups->stripes[i].lock);
    }
}

static struct yd_stripe *stripe_of(struct yd_groups *groups, uint64_t hash)
{
    return &groups->stripes[hash >> 32 & (YD_DIRECTORY_STRIPES - 1)];
}

static struct yd_directory_entry *find(const struct yd_stripe *stripe, const struct yd_key *key)
{
    struct yd_map_node *node = yd_map_find_key(&stripe->entries, key);

    return node != NULL ? yd_container_of(node, struct yd_directory_entry, node) : NULL;
}

static struct yd_directory_entry *insert(struct yd_groups *groups, struct yd_stripe *stripe,
                                         const struct yd_key *key, struct yd_group_tally *tally)
{
    const struct yodel_allocator *mem = groups->bus->mem;
    struct yd_directory_entry *entry = yd_zalloc(mem, sizeof *entry + key->text.len);

    if (entry == NULL)
        return NULL;
    memcpy(entry->name, key->text.ptr, key->text.len);
    entry->node.key = (yodel_str){entry->name, key->text.len};
    atomic_init(&entry->members, 0);
    if (yd_map_insert_hashed(&stripe->entries, &entry->node, key->hash) < 0) {
        yd_free(mem, entry);
        return NULL;
    }
    enter_tally(entry, tally);
    yd_bus_group_begins(groups->bus, yodel_str_of(groups->layer), key->text);
    return entry;
}

struct yd_directory_entry *yd_directory_add(struct yd_groups *groups, const struct yd_key *key,
                                            unsigned loop, struct yd_group_tally *tally)
{
    struct yd_stripe *stripe = stripe_of(groups, key->hash);
    struct yd_directory_entry *entry;

    pthread_mutex_lock(&stripe->lock);
    if ((entry = find(stripe, key)) == NULL)
        entry = insert(groups, stripe, key, tally);
    if (entry != NULL) {
        yd_loop_set_add(&entry->loops, loop);
        entry->num_loops++;
    }
    pthread_mutex_unlock(&stripe->lock);
    return entry;
}

void yd_directory_remove(struct yd_groups *groups, struct yd_directory_entry *entry, unsigned loop)
{
    struct yd_stripe *stripe = stripe_of(groups, entry->node.hash);

    pthread_mutex_lock(&stripe->lock);
    entry->loops.bits[loop / 64] &= ~((uint64_t)1 << loop % 64);
    if (--entry->num_loops == 0) {
        yd_map_remove(&stripe->entries, &entry->node);
        yd_bus_group_ends(groups->bus, yodel_str_of(groups->layer), entry->node.key);
        leave_tally(entry);
        yd_free(groups->bus->mem, entry);
    }
    pthread_mutex_unlock(&stripe->lock);
}

void yd_groups_find(struct yd_groups *groups, const struct yd_key *key, struct yd_loop_set *set)
{
    struct yd_stripe *stripe = stripe_of(groups, key->hash);
    const struct yd_directory_entry *entry;

    pthread_mutex_lock(&stripe->lock);
    if ((entry = find(stripe, key)) != NULL)
        for (unsigned i = 0; i < YD_MAX_LOOPS / 64; i++)
            set->bits[i] |= entry->loops.bits[i];
    pthread_mutex_unlock(&stripe->lock);
}

size_t yd_groups_count(struct yd_groups *groups, const struct yd_key *key)
{
    struct yd_stripe *stripe = stripe_of(groups, key->hash);
    const struct yd_directory_entry *entry;
    size_t count = 0;

    pthread_mutex_lock(&stripe->lock);
    if ((entry = find(stripe, key)) != NULL)
        count = atomic_load_explicit(&entry->members, memory_order_relaxed);
    pthread_mutex_unlock(&stripe->lock);
    return count;
}

static bool is_any(const struct yd_map_node *node)
{
    return node != NULL;
}

static void each_of_stripe(struct yd_stripe *stripe, void (*each)(yodel_str name, void *user),
                           void *user)
{
    size_t slot = 0;

    for (struct yd_map_node *node = yd_map_next(&stripe->entries, &slot, is_any); node != NULL;) {
        for (; node != NULL; node = node->next)
            each(node->key, user);
        slot++;
        node = yd_map_next(&stripe->entries, &slot, is_any);
    }
}

void yd_groups_each(struct yd_groups *groups, unsigned stripe,
                    void (*each)(yodel_str name, void *user), void *user)
{
    pthread_mutex_lock(&groups->stripes[stripe].lock);
    each_of_stripe(&groups->stripes[stripe], each, user);
    pthread_mutex_unlock(&groups->stripes[stripe].lock);
}
