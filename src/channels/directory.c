/* SPDX-License-Identifier: MIT */
#include "channels/directory.h"

#include <string.h>

#include "base/container.h"
#include "base/mem.h"

void yd_directory_init(yodel_channels *channels)
{
    for (unsigned i = 0; i < YD_DIRECTORY_STRIPES; i++) {
        pthread_mutex_init(&channels->stripes[i].lock, NULL);
        yd_map_init(&channels->stripes[i].entries, channels->mem, channels->secret);
    }
}

void yd_directory_done(yodel_channels *channels)
{
    for (unsigned i = 0; i < YD_DIRECTORY_STRIPES; i++) {
        yd_map_done(&channels->stripes[i].entries);
        pthread_mutex_destroy(&channels->stripes[i].lock);
    }
}

static struct yd_stripe *stripe_of(yodel_channels *channels, yodel_str name)
{
    uint64_t hash = yd_siphash(channels->secret, name.ptr, name.len);

    return &channels->stripes[hash >> 32 & (YD_DIRECTORY_STRIPES - 1)];
}

static struct yd_directory_entry *find(const struct yd_stripe *stripe, yodel_str name)
{
    struct yd_map_node *node = yd_map_find(&stripe->entries, name);

    return node != NULL ? yd_container_of(node, struct yd_directory_entry, node) : NULL;
}

static struct yd_directory_entry *insert(yodel_channels *channels, struct yd_stripe *stripe,
                                         yodel_str name)
{
    struct yd_directory_entry *entry = yd_zalloc(channels->mem, sizeof *entry + name.len);

    if (entry == NULL)
        return NULL;
    memcpy(entry->name, name.ptr, name.len);
    entry->node.key = (yodel_str){entry->name, name.len};
    atomic_init(&entry->members, 0);
    if (yd_map_insert(&stripe->entries, &entry->node) < 0) {
        yd_free(channels->mem, entry);
        return NULL;
    }
    return entry;
}

struct yd_directory_entry *yd_directory_add(yodel_channels *channels, yodel_str name, unsigned loop)
{
    struct yd_stripe *stripe = stripe_of(channels, name);
    struct yd_directory_entry *entry;

    pthread_mutex_lock(&stripe->lock);
    if ((entry = find(stripe, name)) == NULL)
        entry = insert(channels, stripe, name);
    if (entry != NULL) {
        entry->loops[loop / 64] |= (uint64_t)1 << loop % 64;
        entry->num_loops++;
    }
    pthread_mutex_unlock(&stripe->lock);
    return entry;
}

void yd_directory_remove(yodel_channels *channels, struct yd_directory_entry *entry, unsigned loop)
{
    struct yd_stripe *stripe = stripe_of(channels, entry->node.key);

    pthread_mutex_lock(&stripe->lock);
    entry->loops[loop / 64] &= ~((uint64_t)1 << loop % 64);
    if (--entry->num_loops == 0) {
        yd_map_remove(&stripe->entries, &entry->node);
        yd_free(channels->mem, entry);
    }
    pthread_mutex_unlock(&stripe->lock);
}

unsigned yd_directory_loops(yodel_channels *channels, yodel_str name,
                            uint8_t ret_loops[YD_MAX_LOOPS])
{
    struct yd_stripe *stripe = stripe_of(channels, name);
    const struct yd_directory_entry *entry;
    unsigned num = 0;

    pthread_mutex_lock(&stripe->lock);
    if ((entry = find(stripe, name)) != NULL)
        for (unsigned i = 0; num < entry->num_loops && i < channels->num_loops; i++)
            if ((entry->loops[i / 64] >> i % 64 & 1) != 0)
                ret_loops[num++] = (uint8_t)i;
    pthread_mutex_unlock(&stripe->lock);
    return num;
}

size_t yd_directory_count(yodel_channels *channels, yodel_str name)
{
    struct yd_stripe *stripe = stripe_of(channels, name);
    const struct yd_directory_entry *entry;
    size_t count = 0;

    pthread_mutex_lock(&stripe->lock);
    if ((entry = find(stripe, name)) != NULL)
        count = atomic_load_explicit(&entry->members, memory_order_relaxed);
    pthread_mutex_unlock(&stripe->lock);
    return count;
}
