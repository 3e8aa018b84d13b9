/* SPDX-License-Identifier: MIT */
#include "groups/groups.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "groups/await.h"
#include "groups/directory.h"

/* ---- lifetime ---- */

int yd_groups_new(struct yd_bus *bus, const char *layer, void *owner,
                  void (*release_owner)(void *owner), struct yd_groups **ret_groups)
{
    size_t shards = bus->num_loops * sizeof(struct yd_shard);
    struct yd_groups *groups = yd_zalloc(bus->mem, sizeof *groups + shards);

    if (groups == NULL)
        return -ENOMEM;
    atomic_init(&groups->refs, 1);
    groups->bus = bus;
    (void)snprintf(groups->layer, sizeof groups->layer, "%s", layer);
    groups->owner = owner;
    groups->release_owner = release_owner;
    yd_directory_init(groups);
    for (unsigned i = 0; i < bus->num_loops; i++) {
        yd_map_init(&groups->shards[i].groups, bus->mem, bus->secret);
        yd_map_init_fixed(&groups->shards[i].memberships, bus->mem, bus->secret,
                          YD_MAP_KEY(struct yd_membership, node, pair));
    }
    *ret_groups = groups;
    return 0;
}

void yd_groups_set_hook(struct yd_groups *groups,
                        void (*changed)(void *user, const struct yd_group_change *change),
                        void *user)
{
    groups->changed = changed;
    groups->changed_user = user;
}

struct yd_groups *yd_groups_ref(struct yd_groups *groups)
{
    atomic_fetch_add_explicit(&groups->refs, 1, memory_order_relaxed);
    return groups;
}

void yd_groups_unref(struct yd_groups *groups)
{
    struct yd_bus *bus;
    void (*release_owner)(void *owner);
    void *owner;

    if (groups == NULL || atomic_fetch_sub_explicit(&groups->refs, 1, memory_order_acq_rel) != 1)
        return;
    bus = groups->bus;
    for (unsigned i = 0; i < bus->num_loops; i++) {
        yd_map_done(&groups->shards[i].groups);
        yd_map_done(&groups->shards[i].memberships);
    }
    yd_directory_done(groups);
    release_owner = groups->release_owner;
    owner = groups->owner;
    yd_free(bus->mem, groups);
    release_owner(owner);
}

/* ---- groups of one loop ---- */

static struct yd_group *find_group(const struct yd_shard *shard, const struct yd_key *key)
{
    struct yd_map_node *node = yd_map_find_key(&shard->groups, key);

    return node != NULL ? yd_container_of(node, struct yd_group, node) : NULL;
}

static struct yd_group *make_group(struct yd_groups *groups, unsigned loop,
                                   const struct yd_key *key, struct yd_group_tally *tally)
{
    const struct yodel_allocator *mem = groups->bus->mem;
    struct yd_group *group = yd_zalloc(mem, sizeof *group + key->text.len);

    if (group == NULL)
        return NULL;
    memcpy(group->name, key->text.ptr, key->text.len);
    group->node.key = (yodel_str){group->name, key->text.len};
    if ((group->entry = yd_directory_add(groups, key, loop, tally)) == NULL)
        goto fail_group;
    if (yd_map_insert_hashed(&groups->shards[loop].groups, &group->node, key->hash) < 0)
        goto fail_entry;
    group->groups = yd_groups_ref(groups);
    return group;

fail_entry:
    yd_directory_remove(groups, group->entry, loop);
fail_group:
    yd_free(mem, group);
    return NULL;
}

static void free_group_if_empty(struct yd_group *group, unsigned loop)
{
    struct yd_groups *groups = group->groups;

    if (group->count > 0 || group->walks > 0)
        return;
    yd_map_remove(&groups->shards[loop].groups, &group->node);
    yd_directory_remove(groups, group->entry, loop);
    yd_free(groups->bus->mem, group->members);
    yd_free(groups->bus->mem, group);
    yd_groups_unref(groups);
}

static int reserve_entry(struct yd_group *group)
{
    uint32_t room = group->room != 0 ? group->room * 2 : 4;
    struct yd_membership **members;

    if (group->used < group->room)
        return 0;
    members = yd_resize(group->groups->bus->mem, group->members, room * sizeof(void *));
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

static void link_membership(struct yd_membership *membership)
{
    struct yd_group *group = membership->pair.group;
    struct yd_member *member = membership->pair.member;

    membership->index = group->used;
    group->members[group->used++] = membership;
    group->count++;
    atomic_fetch_add_explicit(&group->entry->members, 1, memory_order_relaxed);
    membership->next = member->memberships;
    membership->link = &member->memberships;
    if (membership->next != NULL)
        membership->next->link = &membership->next;
    member->memberships = membership;
}

static int add_membership(struct yd_shard *shard, struct yd_group *group, struct yd_member *member)
{
    const struct yodel_allocator *mem = group->groups->bus->mem;
    struct yd_membership *membership;

    if (reserve_entry(group) < 0 || (membership = yd_zalloc(mem, sizeof *membership)) == NULL)
        return -ENOMEM;
    membership->pair.group = group;
    membership->pair.member = member;
    if (yd_map_insert(&shard->memberships, yd_map_bare(&membership->node)) < 0) {
        yd_free(mem, membership);
        return -ENOMEM;
    }
    link_membership(membership);
    return 0;
}

/* During a walk entries keep their places; else the last one moves into the gap. */
static void drop_entry(struct yd_group *group, uint32_t index)
{
    group->count--;
    if (group->walks > 0) {
        group->members[index] = NULL;
        return;
    }
    group->members[index] = group->members[--group->used];
    group->members[index]->index = index;
}

static yodel_str note_of(const struct yd_membership *membership)
{
    return membership->note != NULL ? (yodel_str){membership->note->text, membership->note->len}
                                    : (yodel_str){NULL, 0};
}

static void tell(const struct yd_membership *membership, unsigned loop, enum yd_group_news news)
{
    const struct yd_group *group = membership->pair.group;
    struct yd_group_change change = {.news = news,
                                     .loop = loop,
                                     .group = {group->node.hash, group->node.key},
                                     .member = membership->pair.member,
                                     .note = note_of(membership)};

    if (group->groups->changed != NULL)
        group->groups->changed(group->groups->changed_user, &change);
}

static void remove_membership(struct yd_membership *membership, unsigned loop)
{
    struct yd_group *group = membership->pair.group;
    struct yd_groups *groups = group->groups;

    yd_membership_cease_waiting(membership);
    tell(membership, loop, YD_GROUP_LEFT);
    *membership->link = membership->next;
    if (membership->next != NULL)
        membership->next->link = membership->link;
    yd_map_remove(&groups->shards[loop].memberships, yd_map_bare(&membership->node));
    drop_entry(group, membership->index);
    if (!membership->away)
        atomic_fetch_sub_explicit(&group->entry->members, 1, memory_order_relaxed);
    yd_free(groups->bus->mem, membership->note);
    yd_free(groups->bus->mem, membership);
    free_group_if_empty(group, loop);
}

static int join(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                struct yd_member *member, struct yd_group_tally *tally)
{
    struct yd_shard *shard = &groups->shards[loop->index];
    struct yd_group *group = find_group(shard, key);
    int rc;

    if (group != NULL && find_membership(shard, group, member) != NULL)
        return 0;
    if (group == NULL && (group = make_group(groups, loop->index, key, tally)) == NULL)
        return -ENOMEM;
    if ((rc = add_membership(shard, group, member)) < 0) {
        free_group_if_empty(group, loop->index);
        return rc;
    }
    return 1;
}

int yd_group_join(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                  struct yd_member *member)
{
    return yd_group_join_for(groups, loop, key, member, NULL);
}

/* The newest of a member is the one that it has just got. */
int yd_group_join_for(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                      struct yd_member *member, struct yd_group_tally *tally)
{
    int rc = join(groups, loop, key, member, tally);

    if (rc > 0)
        tell(member->memberships, loop->index, YD_GROUP_JOINED);
    return rc;
}

static struct yd_membership *find_by_key(struct yd_groups *groups, struct yd_loop *loop,
                                         const struct yd_key *key, struct yd_member *member)
{
    struct yd_shard *shard = &groups->shards[loop->index];
    struct yd_group *group = find_group(shard, key);

    return group != NULL ? find_membership(shard, group, member) : NULL;
}

int yd_group_join_with(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                       struct yd_member *member, yodel_str text)
{
    const struct yodel_allocator *mem = groups->bus->mem;
    struct yd_note *note = yd_alloc(mem, sizeof *note + text.len);
    struct yd_membership *membership;
    int rc;

    if (note == NULL)
        return -ENOMEM;
    note->len = text.len;
    memcpy(note->text, text.ptr, text.len);
    if ((rc = join(groups, loop, key, member, NULL)) < 0) {
        yd_free(mem, note);
        return rc;
    }
    membership = find_by_key(groups, loop, key, member);
    yd_free(mem, membership->note);
    membership->note = note;
    tell(membership, loop->index, rc > 0 ? YD_GROUP_JOINED : YD_GROUP_NOTED);
    return rc;
}

yodel_str yd_group_note(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                        struct yd_member *member)
{
    struct yd_membership *membership = find_by_key(groups, loop, key, member);

    return membership != NULL ? note_of(membership) : (yodel_str){NULL, 0};
}

bool yd_group_await(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                    struct yd_member *member, void (*heard)(struct yd_member *member))
{
    struct yd_membership *membership =
        yd_bus_has_peers(groups->bus) ? find_by_key(groups, loop, key, member) : NULL;

    return membership != NULL && yd_membership_await(membership, loop, heard);
}

bool yd_group_leave(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                    struct yd_member *member)
{
    struct yd_shard *shard = &groups->shards[loop->index];
    struct yd_group *group = find_group(shard, key);
    struct yd_membership *membership;

    if (group == NULL || (membership = find_membership(shard, group, member)) == NULL)
        return false;
    remove_membership(membership, loop->index);
    return true;
}

bool yd_group_has(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                  struct yd_member *member)
{
    struct yd_shard *shard = &groups->shards[loop->index];
    struct yd_group *group = find_group(shard, key);

    return group != NULL && find_membership(shard, group, member) != NULL;
}

/* The list begins with the newest. */
const struct yd_membership *yd_member_oldest(const struct yd_member *member)
{
    const struct yd_membership *membership = member->memberships;

    while (membership != NULL && membership->next != NULL)
        membership = membership->next;
    return membership;
}

const struct yd_membership *yd_membership_newer(const struct yd_membership *membership)
{
    return membership->link != &membership->pair.member->memberships
               ? yd_container_of(membership->link, struct yd_membership, next)
               : NULL;
}

yodel_str yd_membership_name(const struct yd_membership *membership)
{
    return membership->pair.group->node.key;
}

void yd_member_leave_all(struct yd_loop *loop, struct yd_member *member)
{
    while (member->memberships != NULL)
        remove_membership(member->memberships, loop->index);
}

void yd_member_set_away(struct yd_member *member, bool away)
{
    for (struct yd_membership *m = member->memberships; m != NULL; m = m->next) {
        if (m->away == away)
            continue;
        m->away = away;
        if (away)
            atomic_fetch_sub_explicit(&m->pair.group->entry->members, 1, memory_order_relaxed);
        else
            atomic_fetch_add_explicit(&m->pair.group->entry->members, 1, memory_order_relaxed);
    }
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

/* A walk inside a walk leaves the places to the outer one. */
void yd_group_walk(struct yd_groups *groups, struct yd_loop *loop, const struct yd_key *key,
                   void (*each)(struct yd_member *member, void *user), void *user)
{
    struct yd_group *group = find_group(&groups->shards[loop->index], key);
    uint32_t used;

    if (group == NULL)
        return;
    group->walks++;
    used = group->used; /* who joins meanwhile comes after */
    for (uint32_t i = 0; i < used; i++)
        if (group->members[i] != NULL)
            each(group->members[i]->pair.member, user);
    if (--group->walks > 0)
        return;
    compact(group);
    free_group_if_empty(group, loop->index);
}
