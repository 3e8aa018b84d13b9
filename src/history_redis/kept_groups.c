/* SPDX-License-Identifier: MIT */
#include "history_redis/kept_groups.h"

#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "history_redis/kept_script.h"

/* ---- with the lock held ---- */

static struct yd_kept_group *find(const struct yd_kept *kept, yodel_str name)
{
    struct yd_map_node *node = yd_map_find(&kept->groups, name);

    return node != NULL ? yd_container_of(node, struct yd_kept_group, node) : NULL;
}

static struct yd_kept_group *make_group(struct yd_kept *kept, yodel_str name,
                                        const yodel_history_options *options)
{
    char buf[YD_KEPT_KEY_SIZE];
    yodel_str key = yd_kept_key(kept, name, buf);
    struct yd_kept_group *group = yd_zalloc(kept->mem, sizeof *group + key.len);

    if (group == NULL)
        return NULL;
    group->kept = kept;
    group->options = *options;
    memcpy(group->key, key.ptr, key.len);
    yd_list_init(&group->dirty);
    yd_list_init(&group->reads);
    yd_list_init(&group->of_again);
    yd_list_init(&group->of_joined);
    group->sub.name = (yodel_str){group->key, key.len};
    group->node.key = (yodel_str){group->key + key.len - name.len, name.len};
    if (yd_map_insert(&kept->groups, &group->node) < 0) {
        yd_free(kept->mem, group);
        return NULL;
    }
    return group;
}

static void wake(struct yd_kept *kept)
{
    if (kept->started && !kept->called)
        kept->called = yd_call_post(&kept->call, kept->loop) == 0;
}

static void set_dirty(struct yd_kept *kept, struct yd_kept_group *group)
{
    if (yd_list_is_empty(&group->dirty))
        yd_list_append(&kept->dirty, &group->dirty);
    wake(kept);
}

/* In which set of groups, as of yd_channels_source(); 0: in none of ours. */
static uint64_t bit_of(int source)
{
    return source >= 0 ? (uint64_t)1 << YD_MIN(source, 63) : 0;
}

static uint64_t layer_bit(const struct yd_kept *kept, yodel_str layer)
{
    return kept->channels != NULL ? bit_of(yd_channels_source(kept->channels, layer)) : 0;
}

static void begin(struct yd_kept *kept, uint64_t bit, yodel_str name)
{
    yodel_history_options options;
    struct yd_kept_group *group;

    if (!yd_history_find(kept->channels, name, &options))
        return;
    if ((group = find(kept, name)) == NULL)
        group = make_group(kept, name, &options);
    if (group == NULL) {
        kept->missed = true;
        wake(kept);
    } else if ((group->wanted & bit) == 0) {
        group->wanted |= bit;
        set_dirty(kept, group);
    }
}

/* ---- any thread ---- */

void yd_kept_group_begins(struct yd_kept *kept, yodel_str layer, yodel_str name)
{
    uint64_t bit;

    pthread_mutex_lock(&kept->lock);
    if ((bit = layer_bit(kept, layer)) != 0)
        begin(kept, bit, name);
    pthread_mutex_unlock(&kept->lock);
}

/* Also one that is kept no more. */
void yd_kept_group_ends(struct yd_kept *kept, yodel_str layer, yodel_str name)
{
    struct yd_kept_group *group;
    uint64_t bit;

    pthread_mutex_lock(&kept->lock);
    if ((bit = layer_bit(kept, layer)) != 0 && (group = find(kept, name)) != NULL &&
        (group->wanted & bit) != 0) {
        group->wanted &= ~bit;
        set_dirty(kept, group);
    }
    pthread_mutex_unlock(&kept->lock);
}

void yd_kept_groups_changed(struct yd_kept *kept)
{
    pthread_mutex_lock(&kept->lock);
    kept->missed = true;
    wake(kept);
    pthread_mutex_unlock(&kept->lock);
}

yodel_channels *yd_kept_ref_channels(struct yd_kept *kept)
{
    yodel_channels *channels = NULL;

    pthread_mutex_lock(&kept->lock);
    if (kept->channels != NULL && yd_channels_try_ref(kept->channels))
        channels = kept->channels;
    pthread_mutex_unlock(&kept->lock);
    return channels;
}

/* ---- the loop, which alone removes groups ---- */

struct yd_kept_group *yd_kept_find_group(struct yd_kept *kept, yodel_str name)
{
    struct yd_kept_group *group;

    pthread_mutex_lock(&kept->lock);
    group = find(kept, name);
    pthread_mutex_unlock(&kept->lock);
    return group != NULL && group->joined ? group : NULL;
}

/* With the lock held. */
static void free_group(struct yd_kept *kept, struct yd_kept_group *group)
{
    yd_list_remove(&group->dirty);
    yd_list_remove(&group->of_again);
    yd_map_remove(&kept->groups, &group->node);
    yd_free(kept->mem, group);
}

struct yd_kept_group *yd_kept_next_change(struct yd_kept *kept, bool *ret_join)
{
    struct yd_kept_group *found = NULL;

    pthread_mutex_lock(&kept->lock);
    while (found == NULL && !yd_list_is_empty(&kept->dirty)) {
        struct yd_kept_group *group =
            yd_container_of(kept->dirty.next, struct yd_kept_group, dirty);
        bool wanted = group->wanted != 0;

        yd_list_remove(&group->dirty);
        if (wanted != group->joined) {
            *ret_join = wanted;
            found = group;
            if (!wanted) /* it is freed when it has been left */
                yd_list_append(&kept->dirty, &group->dirty);
        } else if (!wanted && group->num_asked == 0) {
            free_group(kept, group);
        }
    }
    pthread_mutex_unlock(&kept->lock);
    return found;
}

void yd_kept_change_again(struct yd_kept *kept, struct yd_kept_group *group)
{
    pthread_mutex_lock(&kept->lock);
    if (yd_list_is_empty(&group->dirty))
        yd_list_append(&kept->dirty, &group->dirty);
    pthread_mutex_unlock(&kept->lock);
    yd_kept_later(kept, YD_KEPT_AGAIN_MS);
}

static void find_again(int source, yodel_str name, void *user)
{
    struct yd_kept *kept = user;

    pthread_mutex_lock(&kept->lock);
    if (kept->channels != NULL)
        begin(kept, bit_of(source), name);
    pthread_mutex_unlock(&kept->lock);
}

void yd_kept_find_missed(struct yd_kept *kept)
{
    yodel_channels *channels = NULL;
    unsigned unseen;

    pthread_mutex_lock(&kept->lock);
    if (kept->missed)
        kept->unseen = YD_DIRECTORY_STRIPES;
    kept->missed = false;
    if ((unseen = kept->unseen) > 0 && --kept->unseen > 0)
        wake(kept);
    pthread_mutex_unlock(&kept->lock);
    if (unseen == 0 || (channels = yd_kept_ref_channels(kept)) == NULL)
        return;
    yd_channels_each_group(channels, unseen - 1, true, find_again, kept);
    yodel_channels_unref(channels);
}

void yd_kept_free_groups(struct yd_kept *kept)
{
    struct yd_map_node *node;

    pthread_mutex_lock(&kept->lock);
    while ((node = yd_map_any(&kept->groups)) != NULL)
        free_group(kept, yd_container_of(node, struct yd_kept_group, node));
    pthread_mutex_unlock(&kept->lock);
    yd_map_done(&kept->groups);
}
