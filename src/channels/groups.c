/* SPDX-License-Identifier: MIT */
#include "channels/groups.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels/directory.h"

/* Members, joining and leaving; sending is in send.c. */

int yd_channels_new(const struct yd_channels_options *options, yodel_channels **ret_channels)
{
    const struct yodel_allocator *mem = options->mem;
    unsigned num = options->num_loops;
    yodel_channels *channels = yd_zalloc(mem, sizeof *channels + num * sizeof channels->shards[0]);

    if (channels == NULL)
        return -ENOMEM;
    atomic_init(&channels->refs, 1);
    channels->mem = mem;
    channels->loops = options->loops;
    channels->num_loops = num;
    memcpy(channels->secret, options->secret, sizeof channels->secret);
    (void)snprintf(channels->process, sizeof channels->process, "%s", options->process);
    channels->owner = options->owner;
    channels->release_owner = options->release_owner;
    yd_directory_init(channels);
    for (unsigned i = 0; i < num; i++) {
        yd_map_init(&channels->shards[i].groups, mem, channels->secret);
        yd_map_init(&channels->shards[i].memberships, mem, channels->secret);
    }
    *ret_channels = channels;
    return 0;
}

yodel_channels *yodel_channels_ref(yodel_channels *channels)
{
    atomic_fetch_add_explicit(&channels->refs, 1, memory_order_relaxed);
    return channels;
}

yodel_channels *yodel_channels_unref(yodel_channels *channels)
{
    void (*release_owner)(void *owner);
    void *owner;

    if (channels == NULL ||
        atomic_fetch_sub_explicit(&channels->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    for (unsigned i = 0; i < channels->num_loops; i++) {
        yd_map_done(&channels->shards[i].groups);
        yd_map_done(&channels->shards[i].memberships);
    }
    yd_directory_done(channels);
    release_owner = channels->release_owner;
    owner = channels->owner;
    yd_free(channels->mem, channels);
    release_owner(owner);
    return NULL;
}

/* ---- groups of one loop ---- */

static struct yd_group *find_group(const struct yd_shard *shard, yodel_str name)
{
    struct yd_map_node *node = yd_map_find(&shard->groups, name);

    return node != NULL ? yd_container_of(node, struct yd_group, node) : NULL;
}

static struct yd_group *make_group(yodel_channels *channels, unsigned loop, yodel_str name)
{
    struct yd_group *group = yd_zalloc(channels->mem, sizeof *group + name.len);

    if (group == NULL)
        return NULL;
    memcpy(group->name, name.ptr, name.len);
    group->node.key = (yodel_str){group->name, name.len};
    if ((group->entry = yd_directory_add(channels, name, loop)) == NULL)
        goto fail_group;
    if (yd_map_insert(&channels->shards[loop].groups, &group->node) < 0)
        goto fail_entry;
    group->channels = yodel_channels_ref(channels);
    return group;

fail_entry:
    yd_directory_remove(channels, group->entry, loop);
fail_group:
    yd_free(channels->mem, group);
    return NULL;
}

static void free_group_if_empty(struct yd_group *group, unsigned loop)
{
    yodel_channels *channels = group->channels;

    if (group->count > 0 || group->delivering)
        return;
    yd_map_remove(&channels->shards[loop].groups, &group->node);
    yd_directory_remove(channels, group->entry, loop);
    yd_free(channels->mem, group->members);
    yd_free(channels->mem, group);
    yodel_channels_unref(channels);
}

static int reserve_entry(struct yd_group *group)
{
    uint32_t room = group->room != 0 ? group->room * 2 : 4;
    struct yd_membership **members;

    if (group->used < group->room)
        return 0;
    members = yd_resize(group->channels->mem, group->members, room * sizeof(void *));
    if (members == NULL)
        return -ENOMEM;
    group->members = members;
    group->room = room;
    return 0;
}

/* ---- memberships ---- */

static struct yd_membership *find_membership(const struct yd_shard *shard, struct yd_group *group,
                                             struct yd_member *member)
{
    const void *pair[] = {group, member};
    struct yd_map_node *node =
        yd_map_find(&shard->memberships, (yodel_str){(const char *)pair, sizeof pair});

    return node != NULL ? yd_container_of(node, struct yd_membership, node) : NULL;
}

static int add_membership(struct yd_shard *shard, struct yd_group *group, struct yd_member *member)
{
    const struct yodel_allocator *mem = group->channels->mem;
    struct yd_membership *membership;

    if (reserve_entry(group) < 0 || (membership = yd_zalloc(mem, sizeof *membership)) == NULL)
        return -ENOMEM;
    membership->pair.group = group;
    membership->pair.member = member;
    membership->node.key = (yodel_str){(const char *)&membership->pair, sizeof membership->pair};
    if (yd_map_insert(&shard->memberships, &membership->node) < 0) {
        yd_free(mem, membership);
        return -ENOMEM;
    }
    membership->index = group->used;
    group->members[group->used++] = membership;
    group->count++;
    atomic_fetch_add_explicit(&group->entry->members, 1, memory_order_relaxed);
    membership->next = member->memberships;
    membership->link = &member->memberships;
    if (membership->next != NULL)
        membership->next->link = &membership->next;
    member->memberships = membership;
    return 0;
}

/* During a delivery entries keep their places; else the last one moves into the gap. */
static void drop_entry(struct yd_group *group, uint32_t index)
{
    group->count--;
    if (group->delivering) {
        group->members[index] = NULL;
        return;
    }
    group->members[index] = group->members[--group->used];
    group->members[index]->index = index;
}

static void remove_membership(struct yd_membership *membership, unsigned loop)
{
    struct yd_group *group = membership->pair.group;
    yodel_channels *channels = group->channels;

    *membership->link = membership->next;
    if (membership->next != NULL)
        membership->next->link = membership->link;
    yd_map_remove(&channels->shards[loop].memberships, &membership->node);
    drop_entry(group, membership->index);
    atomic_fetch_sub_explicit(&group->entry->members, 1, memory_order_relaxed);
    yd_free(channels->mem, membership);
    free_group_if_empty(group, loop);
}

int yd_group_join(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                  struct yd_member *member)
{
    struct yd_shard *shard = &channels->shards[loop->index];
    struct yd_group *group = find_group(shard, name);
    int rc;

    if (group != NULL && find_membership(shard, group, member) != NULL)
        return 0;
    if (group == NULL && (group = make_group(channels, loop->index, name)) == NULL)
        return -ENOMEM;
    if ((rc = add_membership(shard, group, member)) < 0)
        free_group_if_empty(group, loop->index);
    return rc;
}

void yd_group_leave(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                    struct yd_member *member)
{
    struct yd_shard *shard = &channels->shards[loop->index];
    struct yd_group *group = find_group(shard, name);
    struct yd_membership *membership;

    if (group != NULL && (membership = find_membership(shard, group, member)) != NULL)
        remove_membership(membership, loop->index);
}

void yd_member_leave_all(struct yd_loop *loop, struct yd_member *member)
{
    while (member->memberships != NULL)
        remove_membership(member->memberships, loop->index);
}

size_t yd_group_count(yodel_channels *channels, yodel_str name)
{
    return yd_directory_count(channels, name);
}

/* ---- walking over the members ---- */

static void compact(struct yd_group *group)
{
    uint32_t used = 0;

    if (group->used == group->count)
        return;
    for (uint32_t i = 0; i < group->used; i++) {
        if (group->members[i] == NULL)
            continue;
        group->members[used] = group->members[i];
        group->members[used]->index = used;
        used++;
    }
    group->used = used;
}

void yd_group_walk(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                   void (*each)(struct yd_member *member, void *user), void *user)
{
    struct yd_group *group = find_group(&channels->shards[loop->index], name);
    uint32_t used;

    if (group == NULL)
        return;
    group->delivering = true;
    used = group->used; /* who joins meanwhile comes behind */
    for (uint32_t i = 0; i < used; i++)
        if (group->members[i] != NULL)
            each(group->members[i]->pair.member, user);
    group->delivering = false;
    compact(group);
    free_group_if_empty(group, loop->index);
}
