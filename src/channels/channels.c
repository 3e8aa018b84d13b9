/* SPDX-License-Identifier: MIT */
#include "channels/channels.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels/channel_event.h"
#include "channels/channel_op.h"
#include "channels/history.h"
#include "channels/presence.h"

/* ---- what is delivered ---- */

static struct yd_twin *find_twin(struct yd_twin *twin, const void *key)
{
    while (twin != NULL && twin->key != key)
        twin = twin->next;
    return twin;
}

struct yd_twin *yd_delivery_twin(struct yd_delivery *what, const void *key)
{
    return find_twin(atomic_load_explicit(&what->twins, memory_order_acquire), key);
}

struct yd_twin *yd_delivery_add_twin(struct yd_delivery *what, struct yd_twin *twin)
{
    struct yd_twin *other;

    twin->next = atomic_load_explicit(&what->twins, memory_order_acquire);
    do {
        if ((other = find_twin(twin->next, twin->key)) == NULL)
            continue;
        twin->free(twin);
        return other;
    } while (!atomic_compare_exchange_weak_explicit(&what->twins, &twin->next, twin,
                                                    memory_order_acq_rel, memory_order_acquire));
    return twin;
}

void yd_delivery_done(struct yd_delivery *what)
{
    struct yd_twin *twin = atomic_load_explicit(&what->twins, memory_order_acquire);

    while (twin != NULL) {
        struct yd_twin *next = twin->next;

        twin->free(twin);
        twin = next;
    }
}

/* ---- lifetime ---- */

static void on_change(void *channels, const struct yd_group_change *change)
{
    yd_rooms_changed(channels, change);
    yd_history_left(channels, change);
}

int yd_channels_new(const struct yd_channels_options *options, yodel_channels **ret_channels)
{
    const struct yodel_allocator *mem = yd_bus_mem(options->bus);
    yodel_channels *channels = yd_zalloc(mem, sizeof *channels);
    int rc;

    if (channels == NULL)
        return -ENOMEM;
    atomic_init(&channels->refs, 1);
    channels->bus = options->bus;
    channels->make_msg = options->make_msg;
    channels->list_member = options->list_member;
    channels->send_direct = options->send_direct;
    (void)snprintf(channels->name, sizeof channels->name, "%s", options->name);
    if ((rc = yd_history_make(channels)) < 0)
        goto fail_channels;
    if ((rc = yd_presence_init(channels)) < 0)
        goto fail_history;
    rc = yd_groups_new(options->bus, options->name, options->owner, options->release_owner,
                       &channels->groups);
    if (rc < 0)
        goto fail_presence;
    yd_groups_set_hook(channels->groups, on_change, channels);
    channels->layer.ops = &yd_channels_layer_ops;
    channels->layer.name = yodel_str_of(channels->name);
    channels->layer.by_group = true;
    yd_bus_add_layer(options->bus, &channels->layer);
    *ret_channels = channels;
    return 0;

fail_presence:
    yd_presence_done(channels);
fail_history:
    yd_history_free(channels);
fail_channels:
    yd_free(mem, channels);
    return rc;
}

yodel_channels *yodel_channels_ref(yodel_channels *channels)
{
    if (channels == NULL)
        return NULL;
    atomic_fetch_add_explicit(&channels->refs, 1, memory_order_relaxed);
    return channels;
}

yodel_channels *yodel_channels_unref(yodel_channels *channels)
{
    const struct yodel_allocator *mem;
    struct yd_groups *groups;

    if (channels == NULL ||
        atomic_fetch_sub_explicit(&channels->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    mem = yd_channels_mem(channels);
    if (channels->far != NULL)
        channels->far->ops->gone(channels->far);
    while (channels->attached != NULL) {
        struct yd_attached *next = channels->attached->next;

        yd_groups_unref(channels->attached->groups);
        yd_free(mem, channels->attached);
        channels->attached = next;
    }
    yd_bus_remove_layer(channels->bus, &channels->layer);
    groups = channels->groups;
    yd_groups_set_hook(groups, NULL, NULL);
    yd_presence_done(channels);
    yd_history_free(channels);
    yd_free(mem, channels);
    yd_groups_unref(groups);
    return NULL;
}

int yd_channels_attach(yodel_channels *channels, struct yd_groups *groups)
{
    struct yd_attached *attached = yd_alloc(yd_channels_mem(channels), sizeof *attached);

    if (attached == NULL)
        return -ENOMEM;
    attached->groups = yd_groups_ref(groups);
    attached->next = channels->attached;
    channels->attached = attached;
    return 0;
}

int yd_channels_join(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                     struct yd_member *member)
{
    struct yd_key key = yd_bus_key(channels->bus, name);
    int rc = yd_group_join(channels->groups, loop, &key, member);

    return rc < 0 ? rc : 0;
}

int yd_channels_join_with(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                          struct yd_member *member, yodel_str text)
{
    struct yd_key key = yd_bus_key(channels->bus, name);
    int rc = yd_group_join_with(channels->groups, loop, &key, member, text);

    return rc < 0 ? rc : 0;
}

bool yd_channels_await(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                       struct yd_member *member, void (*heard)(struct yd_member *member))
{
    struct yd_key key = yd_bus_key(channels->bus, name);

    return yd_group_await(channels->groups, loop, &key, member, heard);
}

void yd_channels_leave(yodel_channels *channels, struct yd_loop *loop, yodel_str name,
                       struct yd_member *member)
{
    struct yd_key key = yd_bus_key(channels->bus, name);

    (void)yd_group_leave(channels->groups, loop, &key, member);
}

size_t yd_channels_count(yodel_channels *channels, yodel_str name)
{
    struct yd_key key = yd_bus_key(channels->bus, name);
    size_t count = yd_groups_count(channels->groups, &key);

    for (struct yd_attached *a = channels->attached; a != NULL; a = a->next)
        count += yd_groups_count(a->groups, &key);
    return count;
}

/* ---- for who carries its events ---- */

void yd_channels_set_far(yodel_channels *channels, struct yd_channels_far *far)
{
    channels->far = far;
}

bool yd_channels_try_ref(yodel_channels *channels)
{
    return yd_layer_try_ref(&channels->layer);
}

/* The first that was attached is 1. */
static int source_of(const struct yd_attached *attached)
{
    int source = 0;

    for (; attached != NULL; attached = attached->next)
        source++;
    return source;
}

int yd_channels_source(const yodel_channels *channels, yodel_str layer)
{
    for (const struct yd_attached *a = channels->attached; a != NULL; a = a->next)
        if (yodel_str_eq(yd_groups_layer(a->groups), layer))
            return source_of(a);
    return yodel_str_eq(yd_channels_name(channels), layer) ? 0 : -1;
}

struct each_group {
    void (*each)(int source, yodel_str name, void *user);
    void *user;
    int source;
};

static void call_each(yodel_str name, void *user)
{
    const struct each_group *each = user;

    each->each(each->source, name, each->user);
}

void yd_channels_each_group(yodel_channels *channels, unsigned stripe, bool attached,
                            void (*each)(int source, yodel_str name, void *user), void *user)
{
    struct each_group own = {each, user, 0};

    yd_groups_each(channels->groups, stripe, call_each, &own);
    for (struct yd_attached *a = attached ? channels->attached : NULL; a != NULL; a = a->next) {
        struct each_group other = {each, user, source_of(a)};

        yd_groups_each(a->groups, stripe, call_each, &other);
    }
}
