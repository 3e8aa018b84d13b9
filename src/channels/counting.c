/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/mem.h"
#include "bus/op_wire.h"
#include "channels/channel_op.h"

/* How many members a group has, over all processes.  Each says what its directory has, and no loop
 * looks at its members. */

struct counting {
    struct yd_ask ask;        /* first; its lock is for num */
    yodel_channels *channels; /* a reference */
    uint64_t num;
    yodel_group_count_fn *done;
    void *user;
};

static void tell(struct yd_ask *ask, unsigned missing)
{
    struct counting *counting = (struct counting *)ask;
    yodel_group_count_result result = {
        .size = sizeof result,
        .result = yd_missing_result(missing),
        .missing = yd_ask_num_missing(ask),
        .count = counting->num,
    };

    counting->done(&result, counting->user);
}

static void free_counting(struct yd_ask *ask)
{
    struct counting *counting = (struct counting *)ask;
    yodel_channels *channels = counting->channels;

    yd_free(yd_channels_mem(channels), counting);
    yd_layer_unref(&channels->layer);
}

static const struct yd_ask_ops counting_ops = {.sink = tell, .free = free_counting};

static size_t count_here(const yodel_channels *channels, yodel_str name)
{
    struct yd_key key = yd_bus_key(channels->bus, name);
    size_t count = yd_groups_count(channels->groups, &key);

    for (const struct yd_attached *a = channels->attached; a != NULL; a = a->next)
        count += yd_groups_count(a->groups, &key);
    return count;
}

static struct counting *new_counting(yodel_channels *channels, yodel_str name)
{
    struct counting *counting = yd_zalloc(yd_channels_mem(channels), sizeof *counting);

    if (counting == NULL)
        return NULL;
    yd_ask_init(&counting->ask, &counting_ops, yd_channels_bus(channels));
    counting->channels = channels;
    yd_layer_ref(&channels->layer);
    counting->num = count_here(channels, name);
    return counting;
}

struct yd_ask *yd_counting_new(yodel_channels *channels, yodel_str name, yodel_group_count_fn *done,
                               void *user)
{
    struct counting *counting = new_counting(channels, name);

    if (counting == NULL)
        return NULL;
    counting->done = done;
    counting->user = user;
    return &counting->ask;
}

struct yd_ask *yd_counting_answer(yodel_channels *channels, yodel_str name)
{
    struct counting *counting = new_counting(channels, name);

    return counting != NULL ? &counting->ask : NULL;
}

bool yd_counting_is(const struct yd_ask *ask)
{
    return yd_ask_has_ops(ask, &counting_ops);
}

int yd_counting_encode(struct yd_ask *ask, struct yd_buf *buf)
{
    const struct counting *counting = (struct counting *)ask;

    return yd_wire_put_u64(yd_channels_mem(counting->channels), buf, counting->num);
}

int yd_counting_take(struct yd_ask *ask, yodel_bytes result)
{
    struct yd_wire_reader reader = {result, false};
    uint64_t num = yd_wire_get_u64(&reader);

    if (reader.failed || reader.rest.len > 0 || num > UINT32_MAX)
        return YODEL_ERR_PROTOCOL;
    if (!yd_ask_enter(ask))
        return 0;
    ((struct counting *)ask)->num += num;
    yd_ask_leave(ask);
    return 0;
}
