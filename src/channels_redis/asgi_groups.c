/* SPDX-License-Identifier: MIT */
#include "channels_redis/asgi_groups.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/heard.h"

static struct yd_asgi_group *find(const struct yd_asgi *asgi, yodel_str name)
{
    struct yd_map_node *node = yd_map_find(&asgi->groups, name);

    return node != NULL ? yd_container_of(node, struct yd_asgi_group, node) : NULL;
}

static struct yd_asgi_group *make_group(struct yd_asgi *asgi, yodel_str name)
{
    struct yd_asgi_group *group = yd_zalloc(asgi->mem, sizeof *group + name.len);

    if (group == NULL)
        return NULL;
    group->asgi = asgi;
    group->id = asgi->last_id + 1;
    memcpy(group->name, name.ptr, name.len);
    yd_list_init(&group->dirty);
    yd_list_init(&group->echoes);
    yd_list_init(&group->held);
    group->node.key = (yodel_str){group->name, name.len};
    group->by_id.key = (yodel_str){(const char *)&group->id, sizeof group->id};
    if (yd_map_insert(&asgi->groups, &group->node) < 0)
        goto fail;
    if (yd_map_insert(&asgi->ids, &group->by_id) < 0) {
        yd_map_remove(&asgi->groups, &group->node);
        goto fail;
    }
    asgi->last_id++;
    return group;

fail:
    yd_free(asgi->mem, group);
    return NULL;
}

static void set_dirty(struct yd_asgi *asgi, struct yd_asgi_group *group)
{
    if (yd_list_is_empty(&group->dirty))
        yd_list_append(&asgi->dirty, &group->dirty);
    yd_asgi_wake(asgi);
}

static uint64_t bit_of(int source)
{
    return (uint64_t)1 << YD_MIN(source, 63);
}

/* With the lock held. */
static void begin(struct yd_asgi *asgi, int source, yodel_str name)
{
    struct yd_asgi_group *group = find(asgi, name);

    if (group == NULL && (group = make_group(asgi, name)) == NULL) {
        asgi->missed = true;
    } else if ((group->wanted & bit_of(source)) == 0) {
        group->wanted |= bit_of(source);
        set_dirty(asgi, group);
    }
}

void yd_asgi_group_begins(struct yd_asgi *asgi, int source, yodel_str name)
{
    if (yd_channels_is_own_group(name))
        return;
    pthread_mutex_lock(&asgi->lock);
    begin(asgi, source, name);
    pthread_mutex_unlock(&asgi->lock);
}

void yd_asgi_group_ends(struct yd_asgi *asgi, int source, yodel_str name)
{
    struct yd_asgi_group *group;

    pthread_mutex_lock(&asgi->lock);
    group = find(asgi, name);
    if (group != NULL && (group->wanted & bit_of(source)) != 0) {
        group->wanted &= ~bit_of(source);
        set_dirty(asgi, group);
    }
    pthread_mutex_unlock(&asgi->lock);
}

static bool is_up(const struct yd_asgi *asgi)
{
    for (unsigned i = 0; i < asgi->num_hosts; i++)
        if (!atomic_load(&asgi->hosts[i].up))
            return false;
    return true;
}

bool yd_asgi_hears(struct yd_asgi *asgi, yodel_str name)
{
    struct yd_asgi_group *group;
    bool heard;

    if (yd_channels_is_own_group(name) || !is_up(asgi))
        return true;
    pthread_mutex_lock(&asgi->lock);
    group = find(asgi, name);
    heard = group == NULL || atomic_load(&group->heard);
    pthread_mutex_unlock(&asgi->lock);
    return heard;
}

/* ---- on the loop, which alone removes groups ---- */

void yd_asgi_set_heard(struct yd_asgi_group *group, bool heard)
{
    atomic_store(&group->heard, heard);
    if (heard)
        yd_bus_hears_more(group->asgi->bus);
}

static struct yd_asgi_group *find_id(struct yd_asgi *asgi, uint64_t id)
{
    struct yd_map_node *node = yd_map_find(&asgi->ids, (yodel_str){(const char *)&id, sizeof id});

    return node != NULL ? yd_container_of(node, struct yd_asgi_group, by_id) : NULL;
}

void yd_asgi_note_reply(struct yd_asgi *asgi, uint64_t id)
{
    struct yd_asgi_group *group;

    pthread_mutex_lock(&asgi->lock);
    group = find_id(asgi, id);
    pthread_mutex_unlock(&asgi->lock);
    if (group != NULL && --group->asked == 0 && group->joined)
        yd_asgi_set_heard(group, true);
}

static struct yd_asgi_group *wanted_or_null(struct yd_asgi_group *group)
{
    return group != NULL && group->wanted != 0 ? group : NULL;
}

struct yd_asgi_group *yd_asgi_find_group(struct yd_asgi *asgi, yodel_str name)
{
    struct yd_asgi_group *group;

    pthread_mutex_lock(&asgi->lock);
    group = wanted_or_null(find(asgi, name));
    pthread_mutex_unlock(&asgi->lock);
    return group;
}

struct yd_asgi_group *yd_asgi_find_group_id(struct yd_asgi *asgi, uint64_t id)
{
    struct yd_asgi_group *group;

    pthread_mutex_lock(&asgi->lock);
    group = wanted_or_null(find_id(asgi, id));
    pthread_mutex_unlock(&asgi->lock);
    return group;
}

/* With the lock held. */
static void free_group(struct yd_asgi *asgi, struct yd_asgi_group *group)
{
    yd_list_remove(&group->dirty);
    yd_map_remove(&asgi->groups, &group->node);
    yd_map_remove(&asgi->ids, &group->by_id);
    yd_free(asgi->mem, group);
}

struct yd_asgi_group *yd_asgi_next_change(struct yd_asgi *asgi, bool *ret_join)
{
    struct yd_asgi_group *found = NULL;

    pthread_mutex_lock(&asgi->lock);
    while (found == NULL && !yd_list_is_empty(&asgi->dirty)) {
        struct yd_asgi_group *group =
            yd_container_of(asgi->dirty.next, struct yd_asgi_group, dirty);
        bool wanted = group->wanted != 0;

        yd_list_remove(&group->dirty);
        if (wanted != group->joined) {
            *ret_join = wanted;
            found = group;
            if (!wanted) /* it is freed when it has been left */
                yd_list_append(&asgi->dirty, &group->dirty);
        } else if (!wanted) {
            free_group(asgi, group);
        }
    }
    pthread_mutex_unlock(&asgi->lock);
    return found;
}

void yd_asgi_change_again(struct yd_asgi *asgi, struct yd_asgi_group *group)
{
    pthread_mutex_lock(&asgi->lock);
    if (yd_list_is_empty(&group->dirty))
        yd_list_append(&asgi->dirty, &group->dirty);
    pthread_mutex_unlock(&asgi->lock);
}

static bool is_joined(const struct yd_map_node *node)
{
    return yd_container_of(node, const struct yd_asgi_group, node)->joined;
}

void yd_asgi_each_joined(struct yd_asgi *asgi, void (*each)(struct yd_asgi_group *group))
{
    pthread_mutex_lock(&asgi->lock);
    for (size_t slot = 0; slot < asgi->groups.num_slots; slot++)
        for (struct yd_map_node *node = asgi->groups.slots[slot]; node != NULL; node = node->next)
            if (is_joined(node))
                each(yd_container_of(node, struct yd_asgi_group, node));
    pthread_mutex_unlock(&asgi->lock);
}

static void find_again(int source, yodel_str name, void *user)
{
    yd_asgi_group_begins(user, source, name);
}

void yd_asgi_find_missed(struct yd_asgi *asgi)
{
    yodel_channels *channels = NULL;

    pthread_mutex_lock(&asgi->lock);
    if (asgi->missed && asgi->channels != NULL && yd_channels_try_ref(asgi->channels))
        channels = asgi->channels;
    asgi->missed = false;
    pthread_mutex_unlock(&asgi->lock);
    if (channels == NULL)
        return;
    for (unsigned i = 0; i < YD_DIRECTORY_STRIPES; i++)
        yd_channels_each_group(channels, i, asgi->rooms, find_again, asgi);
    yodel_channels_unref(channels);
}

void yd_asgi_free_groups(struct yd_asgi *asgi)
{
    struct yd_map_node *node;

    pthread_mutex_lock(&asgi->lock);
    while ((node = yd_map_any(&asgi->groups)) != NULL)
        free_group(asgi, yd_container_of(node, struct yd_asgi_group, node));
    pthread_mutex_unlock(&asgi->lock);
    yd_map_done(&asgi->groups);
    yd_map_done(&asgi->ids);
}
