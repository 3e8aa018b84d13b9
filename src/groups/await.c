/* SPDX-License-Identifier: MIT */
#include "groups/await.h"

#include "base/container.h"
#include "base/mem.h"
#include "bus/heard.h"

/* A membership whose group is not heard of from other processes yet. */
struct yd_group_wait {
    struct yd_heard heard;
    struct yd_membership *membership;
    void (*done)(struct yd_member *member);
};

static const struct yodel_allocator *mem_of(const struct yd_membership *membership)
{
    return yd_bus_mem(membership->pair.group->groups->bus);
}

static void finish(struct yd_group_wait *wait)
{
    struct yd_member *member = wait->membership->pair.member;
    void (*done)(struct yd_member * member) = wait->done;

    wait->membership->wait = NULL;
    yd_free(mem_of(wait->membership), wait);
    done(member);
}

static void on_heard(struct yd_heard *heard)
{
    finish(yd_container_of(heard, struct yd_group_wait, heard));
}

void yd_membership_cease_waiting(struct yd_membership *membership)
{
    if (membership->wait == NULL)
        return;
    yd_heard_end(&membership->wait->heard);
    finish(membership->wait);
}

bool yd_membership_await(struct yd_membership *membership, struct yd_loop *loop,
                         void (*done)(struct yd_member *member))
{
    const struct yd_group *group = membership->pair.group;
    struct yd_bus *bus = group->groups->bus;
    yodel_str layer = yodel_str_of(group->groups->layer);
    struct yd_group_wait *wait;

    if (membership->wait != NULL || yd_bus_hears(bus, layer, group->node.key))
        return false;
    if ((wait = yd_zalloc(mem_of(membership), sizeof *wait)) == NULL)
        return false;
    *wait = (struct yd_group_wait){
        .heard = {.bus = bus, .layer = layer, .group = group->node.key, .done = on_heard},
        .membership = membership,
        .done = done};
    if (!yd_heard_begin(&wait->heard, loop)) {
        yd_free(mem_of(membership), wait);
        return false;
    }
    membership->wait = wait;
    return true;
}
