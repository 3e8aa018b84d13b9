/* SPDX-License-Identifier: MIT */
#include "channels/presence.h"

#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "bus/op_wire.h"
#include "channels/history.h"

/* ---- operations ---- */

static struct yd_view *find_view(struct yd_presence_loop *own, const struct yd_op *op)
{
    yodel_str name = op->scope.num_rooms == 1 ? op->scope.rooms[0].text : (yodel_str){NULL, 0};
    struct yd_map_node *node;

    if (name.len < 2 || name.ptr[0] != '\1')
        return NULL;
    node = yd_map_find(&own->views, (yodel_str){name.ptr + 1, name.len - 1});
    return node != NULL ? yd_container_of(node, struct yd_view, node) : NULL;
}

/* Its watchers may end it. */
static void apply_to_view(struct yd_presence_loop *own, const struct yd_op *op,
                          struct yd_wire_reader *reader)
{
    struct yd_view *view = find_view(own, op);

    if (view == NULL)
        return;
    view->walks++;
    if (op->kind == YD_CHANNEL_STATE)
        yd_view_state(view, reader);
    else
        yd_view_delta(view, reader);
    view->walks--;
    yd_view_drop(view);
}

static void take_interest(struct yd_presence_loop *own, struct yd_wire_reader *reader)
{
    yd_rooms_interest(own, reader);
    yd_presence_wake(own);
}

void yd_presence_apply(struct yd_channel_op *op, struct yd_loop *loop)
{
    struct yd_presence_loop *own = yd_presence_of(yd_channels_of(&op->op), loop);
    struct yd_wire_reader reader = {{op->bytes.ptr, op->bytes.len}, false};

    if (op->op.kind == YD_CHANNEL_INTEREST)
        take_interest(own, &reader);
    else if (op->op.kind == YD_CHANNEL_LOST)
        yd_views_lose(own, yd_wire_get_str(&reader));
    else if (op->op.kind == YD_CHANNEL_ASK)
        yd_views_ask(own, NULL);
    else
        apply_to_view(own, &op->op, &reader);
}

/* ---- other processes ---- */

void yd_presence_joined(struct yd_layer *layer, yodel_str process)
{
    yodel_channels *channels = yd_container_of(layer, yodel_channels, layer);
    struct yd_buf none = {0};

    (void)process; /* without memory the next tick asks */
    (void)yd_presence_send(channels, YD_CHANNEL_ASK, (yodel_str){NULL, 0}, &none, true);
}

/* Its members must not stay, so without memory those of all others leave, and come again. */
void yd_presence_lost(struct yd_layer *layer, yodel_str process)
{
    yodel_channels *channels = yd_container_of(layer, yodel_channels, layer);
    const struct yodel_allocator *mem = yd_channels_mem(channels);
    struct yd_buf buf = {0};
    int rc = yd_wire_put_str(mem, &buf, process);

    if (rc == 0)
        rc = yd_presence_send(channels, YD_CHANNEL_LOST, (yodel_str){NULL, 0}, &buf, true);
    if (rc == -ENOMEM)
        for (unsigned i = 0; i < channels->bus->num_loops; i++)
            atomic_store(&channels->presence[i].lost_all, true);
    yd_buf_free(mem, &buf);
}

/* ---- one loop's part ---- */

static void on_tick(struct yd_timer *timer)
{
    struct yd_presence_loop *own = yd_container_of(timer, struct yd_presence_loop, tick);

    if (atomic_exchange(&own->lost_all, false))
        yd_views_lose(own, (yodel_str){NULL, 0});
    yd_rooms_expire(own);
    yd_views_ask(own, NULL);
    yd_presence_wake(own);
}

void yd_presence_wake(struct yd_presence_loop *own)
{
    if (!yd_timer_is_running(&own->tick) &&
        (!yd_list_is_empty(&own->rooms_list) || !yd_list_is_empty(&own->views_list)))
        yd_timer_start(&own->loop->wheel, &own->tick, yd_loop_due(own->loop, YD_INTEREST_EVERY_MS));
}

int yd_presence_init(yodel_channels *channels)
{
    struct yd_bus *bus = channels->bus;
    const struct yodel_allocator *mem = yd_bus_mem(bus);

    channels->presence = yd_zalloc(mem, bus->num_loops * sizeof *channels->presence);
    if (channels->presence == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < bus->num_loops; i++) {
        struct yd_presence_loop *own = &channels->presence[i];

        own->channels = channels;
        own->loop = yd_bus_get_loop(bus, i);
        yd_map_init(&own->rooms, mem, bus->secret);
        yd_map_init(&own->views, mem, bus->secret);
        yd_list_init(&own->rooms_list);
        yd_list_init(&own->views_list);
        yd_timer_init(&own->tick, on_tick);
    }
    return 0;
}

void yd_presence_done(yodel_channels *channels)
{
    for (unsigned i = 0; channels->presence != NULL && i < channels->bus->num_loops; i++) {
        struct yd_presence_loop *own = &channels->presence[i];

        yd_timer_stop(&own->loop->wheel, &own->tick);
        yd_rooms_free(own);
        yd_map_done(&own->views);
    }
    yd_free(yd_channels_mem(channels), channels->presence);
}

static uint64_t read_counter(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

int yodel_channels_get_stats(yodel_channels *channels, yodel_channels_stats *ret_stats)
{
    const struct yd_presence_counters *counters;
    yodel_channels_stats stats;

    if (channels == NULL)
        return -EINVAL;
    counters = &channels->presence_counters;
    stats = (yodel_channels_stats){
        .watchers = read_counter(&counters->watchers),
        .watched = read_counter(&counters->watched),
        .reported = read_counter(&counters->reported),
        .presence_changes = read_counter(&counters->changes),
        .presence_resyncs = read_counter(&counters->resyncs),
        .presence_refused = read_counter(&counters->refused),
        .malformed = read_counter(&counters->malformed),
        .history_kept = read_counter(&channels->history->kept),
        .history_lost = read_counter(&channels->history->lost),
        .history_read = read_counter(&channels->history->read),
        .history_gone = read_counter(&channels->history->gone),
    };
    return yd_options_write(ret_stats, &stats, sizeof stats);
}
